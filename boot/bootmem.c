/* SPDX-License-Identifier: MIT */
/*
 * Memory before the page allocator: sets of ranges, and early_alloc(), which cuts
 * pages off the free ones. Boot CPU only, interrupts off, no locks.
 *
 * The free set starts as all usable RAM (bootinfo.c); early_release() hands over what
 * is left and closes it.
 */
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "kernel/lib/string.h"
#include "kernel/x86/memlayout.h"

/* The first page tables (boot.S) map this much. */
#define EARLY_LIMIT	GIB(4)

static struct boot_ranges early_free;
static bool early_closed;

static void range_insert(struct boot_ranges *set, unsigned int at,
			 paddr_t start, paddr_t end)
{
	if (set->br_n == BOOT_MAX_RANGES)
		return;
	memmove(&set->br_range[at + 1], &set->br_range[at],
		(set->br_n - at) * sizeof(set->br_range[0]));
	set->br_range[at] = (struct boot_range){ start, end };
	set->br_n++;
}

static void range_delete(struct boot_ranges *set, unsigned int at)
{
	KASSERT(at < set->br_n);
	set->br_n--;
	memmove(&set->br_range[at], &set->br_range[at + 1],
		(set->br_n - at) * sizeof(set->br_range[0]));
}

void boot_ranges_add(struct boot_ranges *set, paddr_t start, paddr_t end)
{
	unsigned int i = 0;

	if (start >= end)
		return;
	while (i < set->br_n && set->br_range[i].end < start)
		i++;
	/* Swallow every range that touches the new one. */
	while (i < set->br_n && set->br_range[i].start <= end) {
		start = min(start, set->br_range[i].start);
		end = max(end, set->br_range[i].end);
		range_delete(set, i);
	}
	range_insert(set, i, start, end);
}

void boot_ranges_remove(struct boot_ranges *set, paddr_t start, paddr_t end)
{
	unsigned int i = 0;

	if (start >= end)
		return;
	while (i < set->br_n) {
		struct boot_range *r = &set->br_range[i];
		paddr_t old_end = r->end;

		if (r->end <= start) {
			i++;
		} else if (r->start >= end) {
			return;
		} else if (r->start < start) {
			r->end = start;
			if (old_end > end)
				range_insert(set, i + 1, end, old_end);
			i++;
		} else if (old_end > end) {
			r->start = end;
			return;
		} else {
			range_delete(set, i);
		}
	}
}

void early_init(const struct boot_ranges *ram)
{
	early_free = *ram;
}

void early_reserve(paddr_t start, paddr_t end)
{
	KASSERT(!early_closed);
	boot_ranges_remove(&early_free, round_down(start, PAGE_SIZE),
			   round_up(end, PAGE_SIZE));
}

bool early_is_open(void)
{
	return !early_closed;
}

paddr_t early_try_alloc(size_t size, size_t align)
{
	KASSERT(!early_closed && size > 0 && IS_POWER_OF_2(align));
	size = round_up(size, PAGE_SIZE);
	align = max(align, PAGE_SIZE);
	for (unsigned int i = 0; i < early_free.br_n; i++) {
		const struct boot_range *r = &early_free.br_range[i];
		paddr_t start = round_up(r->start, align);

		if (start + size > min(r->end, EARLY_LIMIT))
			continue;
		boot_ranges_remove(&early_free, start, start + size);
		memset(phys_to_virt(start), 0, size);
		return start;
	}
	return 0;
}

paddr_t early_alloc(size_t size, size_t align)
{
	paddr_t pa = early_try_alloc(size, align);

	if (!pa)
		panic("no memory for %lu bytes at boot", size);
	return pa;
}

void early_release(void (*fn)(paddr_t start, paddr_t end))
{
	KASSERT(!early_closed);
	early_closed = true;
	for (unsigned int i = 0; i < early_free.br_n; i++)
		fn(early_free.br_range[i].start, early_free.br_range[i].end);
	early_free.br_n = 0;
}
