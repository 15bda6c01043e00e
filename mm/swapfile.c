/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing swap areas: swapon(2) and swapoff(2), without the part that knows files and
 * devices (fs/sys_swap.c).
 *
 * To close, no slot is given out any more, and everything that stands for one is made to take
 * its page back: address spaces by faults, objects by looking the page up. What is on its way
 * out at that moment is found by the next round.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/mutex.h"
#include "kernel/core/sched.h"
#include "kernel/core/statreg.h"
#include "kernel/lib/string.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/swapfile.h"
#include "mm/vmalloc.h"

#define ROUNDS_MAX	100		/* without an end in sight */
#define NAME_MAX_LEN	256

static struct mutex swap_mutex;		/* one swapon or swapoff at a time */

/* ---- opening -------------------------------------------------------------------- */

static struct swap_area *free_area(void)
{
	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (!swap_areas[i].sa_used_entry)
			return &swap_areas[i];
	return NULL;
}

static int lowest_prio(void)
{
	int low = 0;

	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (swap_areas[i].sa_used_entry)
			low = min(low, swap_areas[i].sa_prio);
	return low;
}

/* Allocate and fill the maps of slots. */
static int make_maps(struct swap_area *sa, const u32 *bad, unsigned int nbad)
{
	sa->sa_count = vmalloc(sa->sa_nslots * sizeof(sa->sa_count[0]));
	sa->sa_page = vmalloc(sa->sa_nslots * sizeof(sa->sa_page[0]));
	if (!sa->sa_count || !sa->sa_page)
		return -ENOMEM;
	memset(sa->sa_count, 0, sa->sa_nslots * sizeof(sa->sa_count[0]));
	memset(sa->sa_page, 0, sa->sa_nslots * sizeof(sa->sa_page[0]));
	sa->sa_count[0] = SLOT_BAD;
	sa->sa_usable = sa->sa_nslots - 1;
	for (unsigned int i = 0; i < nbad; i++) {
		if (bad[i] == 0 || bad[i] >= sa->sa_nslots)
			return -EINVAL;
		if (sa->sa_count[bad[i]] == 0)
			sa->sa_usable--;
		sa->sa_count[bad[i]] = SLOT_BAD;
	}
	return sa->sa_usable ? 0 : -EINVAL;
}

static void free_maps(struct swap_area *sa)
{
	vfree(sa->sa_count);
	vfree(sa->sa_page);
}

int swap_open(const struct swap_ops *ops, void *owner, u64 nslots, int prio,
	      const u32 *bad, unsigned int nbad)
{
	struct swap_area *sa, new = {
		.sa_used_entry = true, .sa_open = true, .sa_prio = prio,
		.sa_ops = ops, .sa_owner = owner, .sa_hand = 1,
		.sa_nslots = min(nslots, (u64)SWAP_SLOTS_MAX),
	};
	int err;

	if (nslots < 2)
		return -EINVAL;
	err = make_maps(&new, bad, nbad);
	if (err) {
		free_maps(&new);
		return err;
	}
	mutex_lock(&swap_mutex);
	sa = free_area();
	if (sa) {
		if (prio < 0)
			new.sa_prio = lowest_prio() - 1;
		spin_lock(&swap_lock);
		*sa = new;
		spin_unlock(&swap_lock);
	}
	mutex_unlock(&swap_mutex);
	if (!sa)
		free_maps(&new);
	return sa ? 0 : -EPERM;
}

/* ---- closing -------------------------------------------------------------------- */

/* The first entry at or above *va that is a slot of area n. */
static bool find_entry(struct vmspace *vm, unsigned int n, vaddr_t *va)
{
	bool found = false;
	pte_t *pte;

	spin_lock(&vm->vm_ptlock);
	while (!found && (pte = pmap_next_table(&vm->vm_pmap, va, USER_TOP))) {
		vaddr_t stop = round_down(*va, PT_SPAN) + PT_SPAN;

		for (; *va < stop && *va < USER_TOP; *va += PAGE_SIZE, pte++)
			if (*pte & PTE_SWAP && swap_area_of(swap_address(*pte)) == n) {
				found = true;
				break;
			}
	}
	spin_unlock(&vm->vm_ptlock);
	return found;
}

static int empty_space(struct vmspace *vm, unsigned int n)
{
	vaddr_t va = 0;
	int err = 0;

	while (!err && find_entry(vm, n, &va)) {
		err = vm_fault(vm, va, VF_SWAPOFF);
		/* The area has gone meanwhile, and with it the entry. */
		if (err == -EFAULT)
			err = 0;
		va += PAGE_SIZE;
		if (!err && signal_pending_slow(current))
			err = -EINTR;
		sched_relax();
	}
	return err;
}

static int empty_object(struct vm_object *vo, unsigned int n)
{
	u64 index = 0, swp;
	int err = 0;

	while (!err && (swp = vm_object_next_swapped(vo, &index)) != 0) {
		struct page *pg;

		if (swap_area_of(swp) == n) {
			err = vm_object_getpage(vo, index, &pg);
			if (!err)
				page_put(pg);
		}
		index++;
		if (!err && signal_pending_slow(current))
			err = -EINTR;
	}
	return err;
}

/* All that stands for slots of area n takes its pages back, once round. */
static int empty_area(unsigned int n)
{
	u32 spaces = vmspace_scan.sl_count, objects = vm_object_scan.sl_count;
	int err = 0;

	while (spaces-- && !err) {
		struct scan_item *si = scan_next(&vmspace_scan);

		if (!si)
			break;
		err = empty_space(container_of(si, struct vmspace, vm_scan), n);
		scan_unpin(&vmspace_scan, si);
	}
	while (objects-- && !err) {
		struct scan_item *si = scan_next(&vm_object_scan);

		if (!si)
			break;
		err = empty_object(container_of(si, struct vm_object, vo_scan), n);
		scan_unpin(&vm_object_scan, si);
	}
	return err;
}

static struct swap_area *find_area(const void *owner)
{
	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (swap_areas[i].sa_used_entry && swap_areas[i].sa_owner == owner)
			return &swap_areas[i];
	return NULL;
}

static void set_open(struct swap_area *sa, bool open)
{
	spin_lock(&swap_lock);
	sa->sa_open = open;
	spin_unlock(&swap_lock);
}

/* Will what is in the area fit elsewhere? */
static bool room_for(const struct swap_area *sa)
{
	return sa->sa_used <= page_free_count() + swap_free_pages() +
			      vm_object_cached_pages(true);
}

static int close_area(struct swap_area *sa)
{
	struct swap_area old;
	int err = 0;

	set_open(sa, false);
	/* Slots that are kept for pages in memory need no room. */
	swap_drop_kept();
	if (!room_for(sa))
		err = -ENOMEM;
	for (unsigned int round = 0; !err && READ_ONCE(sa->sa_used); round++) {
		if (round == ROUNDS_MAX)
			err = -EBUSY;
		else
			err = empty_area((unsigned int)(sa - swap_areas));
		swap_drop_kept();
		if (round)
			thread_pause(NSEC_PER_MSEC);
	}
	if (err) {
		set_open(sa, true);
		return err;
	}
	spin_lock(&swap_lock);
	old = *sa;
	*sa = (struct swap_area){ 0 };
	spin_unlock(&swap_lock);
	free_maps(&old);
	old.sa_ops->so_close(old.sa_owner);
	return 0;
}

int swap_close(const void *owner)
{
	struct swap_area *sa;
	int err;

	mutex_lock(&swap_mutex);
	sa = find_area(owner);
	err = sa ? close_area(sa) : -EINVAL;
	mutex_unlock(&swap_mutex);
	return err;
}

bool swap_is_open(const void *owner)
{
	bool open;

	mutex_lock(&swap_mutex);
	open = find_area(owner) != NULL;
	mutex_unlock(&swap_mutex);
	return open;
}

/* ---- /proc/swaps ------------------------------------------------------------------ */

static void swaps_show(struct statbuf *sb)
{
	char name[NAME_MAX_LEN];

	stat_printf(sb, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	mutex_lock(&swap_mutex);
	for (unsigned int i = 0; i < SWAP_AREAS; i++) {
		const struct swap_area *sa = &swap_areas[i];
		const char *type;

		if (!sa->sa_used_entry)
			continue;
		type = sa->sa_ops->so_describe(sa->sa_owner, name, sizeof(name));
		stat_printf(sb, "%-40s%s\t%s%lu\t\t%lu\t\t%d\n", name, type,
			    strlen(type) < 8 ? "\t" : "",
			    sa->sa_usable * (PAGE_SIZE / 1024),
			    sa->sa_used * (PAGE_SIZE / 1024), sa->sa_prio);
	}
	mutex_unlock(&swap_mutex);
}

static struct statreport swaps_report = {
	.sr_name = "swaps",
	.sr_show = swaps_show,
};

void swap_init(void)
{
	mutex_init(&swap_mutex, "swapon", RANK_SWAPON);
	statreport_register(&swaps_report);
}
