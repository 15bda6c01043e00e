/* SPDX-License-Identifier: MIT */
/*
 * fork(2)'s duplicate of an address space. No user page is copied: both get the same pages,
 * and what is private becomes read-only and PTE_COW in both, to be copied by the first
 * write (fault.c), or taken over when the other side has gone.
 *
 * Where a private area covers a whole page table, not even the table is copied: ptshare.c.
 *
 * Read-only file pages and shared memory are entered in the child as they are, with a
 * reference: cheaper than the faults that would bring them in again.
 *
 * Locks: the parent's vm_lock for writing, so that neither faults nor system calls
 * change it; per page table both vm_ptlocks, parent first, against truncation.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/fail.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/swap.h"

/* A page in swap: the child's entry stands for the same slot. */
static __noinline void copy_swapped(struct vmspace *child, pte_t *dst, pte_t e)
{
	swap_dup(swap_address(e));
	*dst = e;
	child->vm_swapped++;
}

/*
 * The tight loop: entries of one table, va up to stop. Private ones lose the right to
 * write on both sides, and the parent's TLB may have it still. Returns the number of pages.
 */
static s64 copy_table(struct vmspace *child, pte_t *src, pte_t *dst, vaddr_t va,
		      vaddr_t stop, bool private, struct tlb_batch *tb)
{
	s64 pages = 0;

	for (; va < stop; va += PAGE_SIZE, src++, dst++) {
		pte_t e = *src;

		if (!e)
			continue;
		if (unlikely(!pte_has_page(e))) {
			copy_swapped(child, dst, e);
			continue;
		}
		if (private && (e & (PTE_W | PTE_COW)) != PTE_COW) {
			if (e & PTE_W)
				tlb_batch_add(tb, va);
			e = (pte_sealed(e) & ~PTE_W) | PTE_COW;
			*src = e;
		}
		page_get(phys_to_page(pte_paddr(e)));
		*dst = e;
		pages++;
	}
	return pages;
}

/* The entries of area a from va up to stop, which lie in one table. */
static int copy_part(struct vmspace *parent, struct vmspace *child, const struct vmarea *a,
		     vaddr_t va, vaddr_t stop, struct tlb_batch *tb)
{
	bool private = !(a->va_flags & VA_SHARED);
	pte_t *src, *dst = vm_pte_alloc(child, va);
	s64 pages;

	if (!dst || should_fail())
		return -ENOMEM;
	KASSERT(vm_table_users(parent, va) == 1);
	spin_lock(&parent->vm_ptlock);
	spin_lock_nested(&child->vm_ptlock);
	src = pmap_lookup(&parent->vm_pmap, va);
	pages = copy_table(child, src, dst, va, stop, private, tb);
	vm_rss_add(child, pages);
	spin_unlock(&child->vm_ptlock);
	spin_unlock(&parent->vm_ptlock);
	return 0;
}

static int copy_entries(struct vmspace *parent, struct vmspace *child,
			const struct vmarea *a, struct tlb_batch *tb)
{
	bool anonymous = !a->va_object;
	vaddr_t va = a->va_start;
	int err = 0;

	while (!err && pmap_next_table(&parent->vm_pmap, &va, a->va_end)) {
		vaddr_t stop = min(a->va_end, round_down(va, PT_SPAN) + PT_SPAN);

		/* A whole table of private memory is not even copied: ptshare.c. */
		err = -EAGAIN;
		if (anonymous && stop - va == PT_SPAN)
			err = vm_table_share(parent, child, va, tb);
		if (err == -EAGAIN)
			err = copy_part(parent, child, a, va, stop, tb);
		va = stop;
	}
	return err;
}

/* The child's copy of area a, behind its last one so far. */
static int copy_area(struct vmspace *parent, struct vmspace *child,
		     const struct vmarea *a, struct vmarea **last,
		     struct tlb_batch *tb)
{
	struct vmarea *copy = area_create(child, a->va_start, a->va_end,
					  a->va_flags & ~VA_LOCKED,
					  a->va_object, a->va_offset);

	if (!copy)
		return -ENOMEM;
	/* On the object's list before its entries are: truncation must find them. */
	area_link_last(child, *last, copy);
	*last = copy;
	/* Most children end or exec before they ask for the time. */
	if (a->va_flags & (VA_WIPEONFORK | VA_VDSO))
		return 0;
	return copy_entries(parent, child, a, tb);
}

static void copy_layout(const struct vmspace *from, struct vmspace *to)
{
	to->vm_random = from->vm_random;
	to->vm_mmap_top = from->vm_mmap_top;
	to->vm_gap_from = from->vm_gap_from;
	to->vm_gap_max = from->vm_gap_max;
	to->vm_brk_start = from->vm_brk_start;
	to->vm_brk = from->vm_brk;
	to->vm_stack_top = from->vm_stack_top;
	to->vm_code_start = from->vm_code_start;
	to->vm_code_end = from->vm_code_end;
	to->vm_data_start = from->vm_data_start;
	to->vm_data_end = from->vm_data_end;
	to->vm_arg_start = from->vm_arg_start;
	to->vm_arg_end = from->vm_arg_end;
	to->vm_env_start = from->vm_env_start;
	to->vm_env_end = from->vm_env_end;
}

static int copy_areas(struct vmspace *parent, struct vmspace *child)
{
	struct vmarea *last = NULL;
	struct tlb_batch tb;
	int err = 0;

	tlb_batch_init(&tb);
	for (struct vmarea *a = vm_first(parent); a && !err; a = vm_next(a)) {
		if (a->va_flags & VA_DONTFORK) {
			child->vm_gap_from = 0;
			continue;
		}
		err = copy_area(parent, child, a, &last, &tb);
	}
	/* After an error, too: what became copy-on-write stays so, and is taken over. */
	tlb_batch_flush(&parent->vm_pmap, &tb);
	return err;
}

int vmspace_fork(struct vmspace *parent, struct vmspace **out)
{
	struct vmspace *child;
	int err;

	if (!vm_may_commit(parent->vm_data_pages + parent->vm_stack_pages, true))
		return -ENOMEM;
	err = vmspace_create(&child);
	if (err)
		return err;
	rwlock_write(&parent->vm_lock);
	copy_layout(parent, child);
	err = copy_areas(parent, child);
	rwlock_write_unlock(&parent->vm_lock);
	if (err) {
		vmspace_put(child);
		return err;
	}
	*out = child;
	return 0;
}
