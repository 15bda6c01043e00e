/* SPDX-License-Identifier: MIT */
/*
 * Objects and swap: which of an object's pages are out, and bringing them back. Only memory-only
 * objects have any: tmpfs and shared anonymous memory; objreclaim.c sends them there.
 *
 * Invariant: index is in vo_pages and in vo_swap only while the page is busy, being read.
 *
 * Locks: vo_lock for vo_swap.
 */
#include <errno.h>
#include <kassert.h>
#include "mm/object_impl.h"
#include "mm/swap.h"

static int read_slot(struct vm_object *vo, struct page *pg, u64 swp)
{
	int err = swap_rw(false, swp, &pg, 1) ? -EIO : 0;

	if (!err) {
		spin_lock(&vo->vo_lock);
		/* A truncation may have dropped it meanwhile. */
		if (radix_delete(&vo->vo_swap, pg->pg_index))
			swap_drop(swp);
		else
			err = -EEXIST;
		spin_unlock(&vo->vo_lock);
	}
	/* The caller's: until now the area could not be closed. */
	swap_drop(swp);
	return err;
}

void vm_object_swap_in(struct vm_object *vo, struct page *pg, u64 swp)
{
	KASSERT(pg->pg_flags & PG_BUSY);
	vm_page_answer(pg, read_slot(vo, pg, swp));
	vm_object_wake(vo);
}

bool vm_object_hole(struct vm_object *vo, u64 index)
{
	bool hole;

	spin_lock(&vo->vo_lock);
	hole = !radix_lookup(&vo->vo_pages, index) && !vm_object_swapped(vo, index);
	spin_unlock(&vo->vo_lock);
	return hole;
}

u64 vm_object_next_locked(struct vm_object *vo, u64 index, u64 end)
{
	u64 in_memory = index, swapped = index;

	KASSERT(lock_held(&vo->vo_lock));
	if (!radix_next(&vo->vo_pages, &in_memory))
		in_memory = end;
	if (!radix_next(&vo->vo_swap, &swapped))
		swapped = end;
	return min(in_memory, swapped);
}

u64 vm_object_next_swapped(struct vm_object *vo, u64 *index)
{
	void *found;

	spin_lock(&vo->vo_lock);
	found = radix_next(&vo->vo_swap, index);
	spin_unlock(&vo->vo_lock);
	return (u64)found;
}

u64 vm_object_drop_swapped(struct vm_object *vo, u64 first, u64 last)
{
	u64 n = 0;

	while (!radix_empty(&vo->vo_swap)) {
		void *swp;

		spin_lock(&vo->vo_lock);
		swp = radix_next(&vo->vo_swap, &first);
		if (swp && first <= last)
			radix_delete(&vo->vo_swap, first);
		else
			swp = NULL;
		spin_unlock(&vo->vo_lock);
		if (!swp)
			break;
		swap_drop((u64)swp);
		n++;
	}
	return n;
}
