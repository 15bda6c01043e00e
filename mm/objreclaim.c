/* SPDX-License-Identifier: MIT */
/*
 * Pages of objects back: files' pages, which are in the file still or are written there first,
 * and tmpfs and shared memory, which go to swap. A clock goes round all objects that have pages,
 * and through each one's pages by index. A page was used if it was looked up since the last round
 * (PG_REFERENCED), or if a mapping's accessed bit says so.
 *
 * To swap and back:
 *
 *	in vo_pages --BUSY, written--> slot in vo_swap --getpage: BUSY, read--> in vo_pages
 *	        ^----- somebody has looked it up meanwhile: stays
 *
 * Locks: vo_lock, and vm_ptlock of the spaces that map a page. None during I/O: PG_BUSY.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/sched.h"
#include "mm/area.h"
#include "mm/object_impl.h"
#include "mm/reclaim.h"
#include "mm/swap.h"
#include "mm/vmstat.h"

#define LOOK_MAX	128		/* pages looked at before others may have the lock */

struct objscan {
	struct vm_object *os_vo;	/* pinned */
	unsigned long os_want, os_budget, os_freed;
	bool os_write;
	unsigned int os_ncold;		/* cold pages that are the only copy: busy, referenced */
	struct page *os_cold[SWAP_CLUSTER];
	u64 os_dirty;			/* the first dirty page of a file found, ~0: none */
};

struct scan_list vm_object_scan = SCAN_LIST_INIT(vm_object_scan);

/* The entry of one mapping. False: it was used, or must stay. vo_lock held. */
static bool unmap_one(struct vmarea *a, vaddr_t va, struct page *pg)
{
	struct vmspace *vm = a->va_space;
	bool gone = true;
	pte_t *pte, e;

	spin_lock(&vm->vm_ptlock);
	pte = pmap_lookup(&vm->vm_pmap, va);
	e = pte ? *pte : 0;
	if (pte_has_page(e) && phys_to_page(pte_paddr(e)) == pg) {
		gone = !(e & PTE_A) && !(a->va_flags & VA_LOCKED);
		WRITE_ONCE(*pte, gone ? 0 : e & ~PTE_A);
		if (e & PTE_P)
			tlb_flush_page(&vm->vm_pmap, va);
		if (gone) {
			vm_rss_add(vm, -1);
			page_put(pg);	/* never the last: the object has one */
		}
	}
	spin_unlock(&vm->vm_ptlock);
	return gone;
}

/* Take pg out of all mappings. False: one of them has used it. vo_lock held. */
static bool unmap_cold(struct vm_object *vo, struct page *pg, u64 index)
{
	struct vmarea *a;

	list_for_each_entry(a, &vo->vo_areas, va_objlink) {
		u64 lo = a->va_offset >> PAGE_SHIFT;

		if (index < lo || index - lo >= area_pages(a))
			continue;
		if (!unmap_one(a, a->va_start + ((index - lo) << PAGE_SHIFT), pg))
			return false;
	}
	return true;
}

/* Nobody has used or has the page. vo_lock held. */
static bool is_cold(struct vm_object *vo, struct page *pg, u64 index)
{
	if (pg->pg_flags & PG_REFERENCED) {
		pg->pg_flags &= (u16)~PG_REFERENCED;
		return false;
	}
	if (atomic_read(&pg->pg_ref) > 1 && !unmap_cold(vo, pg, index))
		return false;
	return atomic_read(&pg->pg_ref) == 1;
}

/* What becomes of a cold page. False: the batch is full. vo_lock held. */
static bool take_cold(struct objscan *os, struct page *pg, u64 index)
{
	struct vm_object *vo = os->os_vo;

	if (vm_object_memory_only(vo)) {
		if (!swap_available())
			return true;
		pg->pg_flags |= PG_BUSY;
		page_get(pg);
		os->os_cold[os->os_ncold++] = pg;
		return os->os_ncold < SWAP_CLUSTER;
	}
	if (pg->pg_flags & PG_DIRTY) {
		if (os->os_dirty == ~0ul)
			os->os_dirty = index;
		return true;
	}
	vm_object_remove(vo, pg);
	page_put(pg);
	os->os_freed++;
	vm_event(VE_STEAL_FILE);
	return os->os_freed < os->os_want;
}

/* Is it busy, or was it, and could not be read? vo_lock held. */
static bool page_busy(struct vm_object *vo, struct page *pg)
{
	bool busy;

	if (!(pg->pg_flags & PG_BUSY))
		return false;
	page_get(pg);
	busy = vm_page_busy(vo, pg) || pg->pg_object != vo;
	page_put(pg);
	return busy;
}

/* Look at pages from the object's hand on. False: it came to the end. */
static bool look(struct objscan *os)
{
	struct vm_object *vo = os->os_vo;
	unsigned int left = LOOK_MAX;
	bool more = true;
	struct page *pg;

	spin_lock(&vo->vo_lock);
	while (more && left && os->os_budget &&
	       (pg = radix_next(&vo->vo_pages, &vo->vo_scan_at)) != NULL) {
		u64 index = vo->vo_scan_at++;

		left--;
		os->os_budget--;
		vm_event(VE_SCAN_FILE);
		if (!page_busy(vo, pg) && is_cold(vo, pg, index))
			more = take_cold(os, pg, index);
	}
	if (more && left && os->os_budget) {
		vo->vo_scan_at = 0;
		more = false;
	} else {
		more = true;
	}
	spin_unlock(&vo->vo_lock);
	return more;
}

/* The pages of os_cold that have slots from first on, written or not, leave the object or stay. */
static void finish_swap(struct objscan *os, struct page **pages, unsigned int n, u64 first,
			bool written)
{
	struct vm_object *vo = os->os_vo;

	for (unsigned int i = 0; i < n; i++) {
		struct page *pg = pages[i];
		bool gone = false;

		spin_lock(&vo->vo_lock);
		pg->pg_flags &= (u16)~PG_BUSY;
		/* Whoever has looked it up since may have written to it, or will. */
		if (written && !(pg->pg_flags & PG_REFERENCED) &&
		    atomic_read(&pg->pg_ref) == 2 &&
		    radix_insert(&vo->vo_swap, pg->pg_index, (void *)(first + i)) == 0) {
			vm_object_remove(vo, pg);
			gone = true;
		}
		spin_unlock(&vo->vo_lock);
		page_put(pg);
		if (gone) {
			page_put(pg);
			os->os_freed++;
			vm_event(VE_STEAL_ANON);
		} else if (written) {
			swap_drop(first + i);
		}
	}
	vm_object_wake(vo);
}

/* Write the cold pages that were collected to swap. */
static void swap_cold(struct objscan *os)
{
	unsigned int done = 0;

	while (done < os->os_ncold) {
		u64 first = 0;
		unsigned int n = swap_alloc(os->os_ncold - done, &first);
		bool written = n && swap_rw(true, first, os->os_cold + done, n) == 0;

		if (n && !written)
			swap_drop_range(first, n);
		n = n ?: os->os_ncold - done;
		finish_swap(os, os->os_cold + done, n, first, written);
		done += n;
	}
	os->os_ncold = 0;
}

/* Go through one object until the end, or until there is enough. */
static void scan_object(struct objscan *os)
{
	bool more = true;

	while (more && os->os_budget && os->os_freed < os->os_want) {
		os->os_dirty = ~0ul;
		more = look(os);
		swap_cold(os);
		/* What is written now is found clean by the next round, if it stays cold. */
		if (os->os_dirty != ~0ul && os->os_write) {
			vm_event_add(VE_WRITTEN,
				     vm_object_start_write(os->os_vo, os->os_dirty,
							   os->os_dirty + LOOK_MAX - 1, LOOK_MAX));
			vm_object_wait_write(os->os_vo, os->os_dirty, os->os_dirty + LOOK_MAX - 1);
		}
		sched_relax();
	}
}

unsigned long object_clock(unsigned long want, unsigned long budget, bool write)
{
	u32 objects = READ_ONCE(vm_object_scan.sl_count);
	struct objscan os = { .os_want = want, .os_budget = budget, .os_write = write };
	bool swap = swap_available();

	while (objects-- && os.os_budget && os.os_freed < want) {
		struct scan_item *si = scan_next(&vm_object_scan);

		if (!si)
			break;
		os.os_vo = container_of(si, struct vm_object, vo_scan);
		/* Without swap, what only memory has stays there. */
		if (swap || !vm_object_memory_only(os.os_vo))
			scan_object(&os);
		scan_unpin(&vm_object_scan, si);
	}
	return os.os_freed;
}

u64 vm_object_cached_pages(bool files)
{
	struct scan_item *si;
	u64 n = 0;

	spin_lock(&vm_object_scan.sl_lock);
	list_for_each_entry(si, &vm_object_scan.sl_items, si_link) {
		const struct vm_object *vo = container_of(si, struct vm_object, vo_scan);

		if (!files || !vm_object_memory_only(vo))
			n += READ_ONCE(vo->vo_npages);
	}
	spin_unlock(&vm_object_scan.sl_lock);
	return n;
}
