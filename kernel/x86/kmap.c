/* SPDX-License-Identifier: MIT */
/*
 * Builds the final kernel page tables. kmain() calls kmap_init(); mm takes over what
 * changes later (kernel/x86/pagetable.c, mm/vmalloc.c).
 *
 *	image		text R-X, read-only data R--, data RW-, in 4 KiB pages; the page
 *			below the boot stack is a hole
 *	direct map	all RAM, RW- (kernel text and read-only data R--), in the
 *			largest pages that fit; firmware and registers on demand
 *	vmalloc		an empty PML4 slot
 *	struct pages	RW-, 2 MiB pages where whole ones are needed
 *
 * Invariants: nothing is both writable and executable, through no alias either;
 * the PML4 slots of the four regions exist from here on and never change.
 */
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/kmap.h"
#include "kernel/x86/memlayout.h"
#include "kernel/x86/pagetable.h"

#define KPTE_RO		(PTE_P | PTE_A | PTE_G)
#define KPTE_RW		(KPTE_RO | PTE_W | PTE_D)

#define LEVEL_SHIFT(l)	(PAGE_SHIFT + 9 * ((l) - 1))	/* of a level-l entry */

static pte_t nx;			/* PTE_NX where the CPU has it */

static paddr_t table_alloc(void)
{
	paddr_t pa;

	if (early_is_open())
		return early_alloc(PAGE_SIZE, PAGE_SIZE);
	pa = pt_page_alloc();
	if (!pa)
		panic("no memory for the kernel's page tables");
	return pa;
}

/* The entry for va in the table of this level (4: PML4 ... 1: PT); NULL under a large page. */
static pte_t *entry_at(vaddr_t va, unsigned int level)
{
	pte_t *table = phys_to_virt(kernel_pmap.pm_root);

	for (unsigned int l = 4; l > level; l--) {
		pte_t *e = &table[va >> LEVEL_SHIFT(l) & 511];

		if (*e & PTE_PS)
			return NULL;
		if (!*e)
			*e = table_alloc() | PTE_P | PTE_W | PTE_A;
		table = phys_to_virt(pte_paddr(*e));
	}
	return &table[va >> LEVEL_SHIFT(level) & 511];
}

/* The largest level whose pages are aligned here and fit. */
static unsigned int best_level(vaddr_t va, paddr_t pa, u64 len, unsigned int max)
{
	unsigned int level = max;

	while (level > 1 &&
	       (!IS_ALIGNED(va | pa, 1UL << LEVEL_SHIFT(level)) ||
		len < 1UL << LEVEL_SHIFT(level)))
		level--;
	return level;
}

static void map_range(vaddr_t va, paddr_t pa, u64 len, pte_t flags,
		      unsigned int max_level)
{
	KASSERT(IS_ALIGNED(va | pa | len, PAGE_SIZE));
	while (len > 0) {
		unsigned int level = best_level(va, pa, len, max_level);
		u64 size = 1UL << LEVEL_SHIFT(level);
		pte_t *e = entry_at(va, level);

		KASSERT(e && !*e);
		*e = pa | flags | (level > 1 ? PTE_PS : 0);
		va += size;
		pa += size;
		len -= size;
	}
}

static void map_image(const char *start, const char *end, pte_t flags)
{
	vaddr_t from = round_down((vaddr_t)start, PAGE_SIZE);
	vaddr_t to = round_up((vaddr_t)end, PAGE_SIZE);

	map_range(from, from - KERNEL_BASE, to - from, flags, 1);
}

/* Part of the direct map. A last page that 2 MiB pages cannot reach is cut finer by map_range(). */
static void map_direct(paddr_t start, paddr_t end, pte_t flags)
{
	unsigned int max = cpu_features.pdpe1gb ? 3 : 2;

	if (start < end)
		map_range((vaddr_t)phys_to_virt(start), start, end - start,
			  flags, max);
}

/* RAM, around the part of the image that must not be written. */
static void map_ram(const struct boot_range *r)
{
	paddr_t ro_start = image_to_phys(kernel_text_start);
	paddr_t ro_end = round_up(image_to_phys(kernel_rodata_end), PAGE_SIZE);

	if (r->end <= ro_start || r->start >= ro_end) {
		map_direct(r->start, r->end, KPTE_RW | nx);
		return;
	}
	map_direct(r->start, ro_start, KPTE_RW | nx);
	map_direct(max(r->start, ro_start), min(r->end, ro_end), KPTE_RO | nx);
	map_direct(ro_end, r->end, KPTE_RW | nx);
}

static void make_slot(vaddr_t va)
{
	(void)entry_at(va, 3);
}

void kmap_init(void)
{
	nx = cpu_features.nx ? PTE_NX : 0;
	kernel_pmap.pm_root = early_alloc(PAGE_SIZE, PAGE_SIZE);
	make_slot(VMALLOC_BASE);
	make_slot(VMEMMAP_BASE);
	make_slot(DIRECT_MAP_BASE);
	map_image(kernel_text_start, kernel_text_end, KPTE_RO);
	map_image(kernel_rodata_start, kernel_rodata_end, KPTE_RO | nx);
	map_image(kernel_data_start, boot_stack_guard, KPTE_RW | nx);
	map_image(boot_stack, kernel_bss_end, KPTE_RW | nx);
	map_image(kernel_bss_end, image_end, KPTE_RO | nx);
	for (unsigned int i = 0; i < bootinfo.bi_nram; i++)
		map_ram(&bootinfo.bi_ram[i]);
	write_cr3(kernel_pmap.pm_root);
}

void kmap_vmemmap(pfn_t start, pfn_t end)
{
	vaddr_t va = round_down(VMEMMAP_BASE + start * KMAP_PAGE_STRUCT, PAGE_SIZE);
	vaddr_t to = round_up(VMEMMAP_BASE + end * KMAP_PAGE_STRUCT, PAGE_SIZE);

	while (va < to) {
		unsigned int level = best_level(va, 0, to - va, 2);
		u64 size = 1UL << LEVEL_SHIFT(level);
		pte_t *e = entry_at(va, level);
		paddr_t pa = 0;

		/* Ranges that end and begin within one page share it. */
		if (e && !*e) {
			pa = early_try_alloc(size, size);
			if (!pa && level > 1) {
				/* No 2 MiB in one piece: go on by 4 KiB. */
				size = PAGE_SIZE;
				level = 1;
				e = entry_at(va, level);
			}
			if (!pa)
				pa = early_alloc(size, size);
			*e = pa | KPTE_RW | nx | (level > 1 ? PTE_PS : 0);
		}
		va += size;
	}
}

/* Map pages of the direct map that no RAM has filled. */
static void *map_extra(paddr_t pa, size_t size, pte_t flags)
{
	paddr_t page = round_down(pa, PAGE_SIZE);
	paddr_t end = round_up(pa + size, PAGE_SIZE);

	for (; page < end; page += PAGE_SIZE) {
		pte_t *e = entry_at((vaddr_t)phys_to_virt(page), 1);

		if (e && !*e)
			*e = page | flags;
	}
	return phys_to_virt(pa);
}

void *kmap_device(paddr_t pa, size_t size)
{
	return map_extra(pa, size, KPTE_RW | nx | PTE_PCD | PTE_PWT);
}

void *kmap_firmware(paddr_t pa, size_t size)
{
	return map_extra(pa, size, KPTE_RO | nx);
}

void kmap_drop_init(paddr_t *start, paddr_t *end)
{
	vaddr_t from = (vaddr_t)init_start, to = (vaddr_t)init_end;

	for (vaddr_t va = from; va < to; va += PAGE_SIZE)
		*entry_at(va, 1) = 0;
	tlb_flush_kernel(from, to);
	*start = from - KERNEL_BASE;
	*end = to - KERNEL_BASE;
}
