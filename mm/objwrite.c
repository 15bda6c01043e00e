/* SPDX-License-Identifier: MIT */
/*
 * Dirty pages of objects with a disk behind them, and writing them back.
 *
 *	clean --mark_dirty--> on vo_dirty --start_write--> on vo_writing, busy --answer--> clean
 *	                          ^------- dirty again meanwhile, or no memory --------/
 *
 * A page's contents may change while it is being written: PG_DIRTY is then set again, and the page
 * goes back to vo_dirty when it is settled. Pages that are mapped are write-protected when they
 * are taken from vo_dirty, so that the next store is noticed.
 *
 * Why no store is lost. Stores through a mapping: the entry is made writable first, the page
 * marked dirty afterwards (fault.c); here PG_DIRTY is cleared first, the entry protected
 * afterwards. So whoever comes second sees the other's work, or the page stays dirty once too
 * often.
 *
 * Invariants: 1. PG_DIRTY pages of an object with vp_write are on vo_dirty, or busy on vo_writing;
 * 2. pages on vo_dirty are not busy; 3. vo_ndirty counts vo_dirty.
 *
 * Locks: vo_lock; vm_ptlock of mapping spaces inside it.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/waitq.h"
#include "kernel/lib/errseq.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/object_impl.h"
#include "mm/reclaim.h"

#define RUN_MAX		128		/* pages given to the pager at once */
#define TRIES_MAX	64		/* to write when there is no memory for it */

static atomic64_t dirty_pages, writing_pages;

u64 vm_dirty_pages(void)
{
	return (u64)atomic64_read(&dirty_pages);
}

u64 vm_writing_pages(void)
{
	return (u64)atomic64_read(&writing_pages);
}

static bool backed(const struct vm_object *vo)
{
	return vo->vo_pager && vo->vo_pager->vp_write;
}

/* ---- states ---------------------------------------------------------------------- */

/* Enter into vo_dirty. */
static void list_dirty(struct vm_object *vo, struct page *pg)
{
	list_add_tail(&pg->pg_dirtylink, &vo->vo_dirty);
	vo->vo_ndirty++;
	atomic64_inc(&dirty_pages);
}

/* Take from vo_dirty. */
static void unlist_dirty(struct vm_object *vo, struct page *pg)
{
	KASSERT(lock_held(&vo->vo_lock) && vo->vo_ndirty);
	list_del(&pg->pg_dirtylink);
	vo->vo_ndirty--;
	atomic64_dec(&dirty_pages);
}

void vm_object_mark_dirty(struct vm_object *vo, struct page *pg)
{
	bool first = false;

	/* The store must be visible before we believe that somebody has yet to write it back. */
	smp_mb();
	if (READ_ONCE(pg->pg_flags) & PG_DIRTY)
		return;
	spin_lock(&vo->vo_lock);
	if (pg->pg_object == vo && !(pg->pg_flags & PG_DIRTY)) {
		pg->pg_flags |= PG_DIRTY;
		if (backed(vo) && list_empty(&pg->pg_dirtylink)) {
			first = vo->vo_ndirty == 0;
			list_dirty(vo, pg);
		}
	}
	spin_unlock(&vo->vo_lock);
	if (first && vo->vo_pager->vp_dirtied)
		vo->vo_pager->vp_dirtied(vo);
}

void vm_object_clean_locked(struct vm_object *vo, struct page *pg)
{
	KASSERT(!(pg->pg_flags & PG_BUSY));
	pg->pg_flags &= (u16)~PG_DIRTY;
	unlist_dirty(vo, pg);
}

void vm_object_written_locked(struct vm_object *vo, struct page *pg, bool nomem)
{
	KASSERT(!list_empty(&pg->pg_dirtylink));
	if (unlikely(nomem)) {
		pg->pg_flags |= PG_DIRTY;
		vo->vo_nomem++;
	}
	list_del(&pg->pg_dirtylink);
	atomic64_dec(&writing_pages);
	if (pg->pg_flags & PG_DIRTY)
		list_dirty(vo, pg);
}

/* ---- starting -------------------------------------------------------------------- */

/* Shared mappings of page index lose the right to write. */
static void protect_page(struct vm_object *vo, struct page *pg, u64 index)
{
	struct vmarea *a;

	KASSERT(lock_held(&vo->vo_lock));
	list_for_each_entry(a, &vo->vo_areas, va_objlink) {
		u64 lo = a->va_offset >> PAGE_SHIFT;
		struct vmspace *vm = a->va_space;
		pte_t *pte;
		vaddr_t va;

		if (!(a->va_flags & VA_SHARED) || index < lo || index - lo >= area_pages(a))
			continue;
		va = a->va_start + ((index - lo) << PAGE_SHIFT);
		spin_lock(&vm->vm_ptlock);
		pte = pmap_lookup(&vm->vm_pmap, va);
		if (pte && *pte & PTE_W && pte_paddr(*pte) == page_to_phys(pg)) {
			WRITE_ONCE(*pte, *pte & ~PTE_W);
			tlb_flush_page(&vm->vm_pmap, va);
		}
		spin_unlock(&vm->vm_ptlock);
	}
}

void vm_object_grown(struct vm_object *vo, u64 old)
{
	struct page *pg;

	if (likely(!atomic_read(&vo->vo_mapped) || IS_ALIGNED(old, PAGE_SIZE)) || !backed(vo))
		return;
	spin_lock(&vo->vo_lock);
	pg = radix_lookup(&vo->vo_pages, old >> PAGE_SHIFT);
	if (pg)
		protect_page(vo, pg, old >> PAGE_SHIFT);
	spin_unlock(&vo->vo_lock);
}

/* From vo_dirty to vo_writing. */
static void begin_write(struct vm_object *vo, struct page *pg)
{
	unlist_dirty(vo, pg);
	list_add_tail(&pg->pg_dirtylink, &vo->vo_writing);
	atomic64_inc(&writing_pages);
	pg->pg_flags = (u16)((pg->pg_flags & ~PG_DIRTY) | PG_BUSY);
	if (!list_empty(&vo->vo_areas))
		protect_page(vo, pg, pg->pg_index);
}

/* Page index if it is on vo_dirty. */
static struct page *dirty_page(struct vm_object *vo, u64 index)
{
	struct page *pg = radix_lookup(&vo->vo_pages, index);

	return pg && pg->pg_flags & PG_DIRTY && !(pg->pg_flags & PG_BUSY) ? pg : NULL;
}

/*
 * A run of dirty pages around the oldest one in the range, busy now. *look is how many of the
 * list may be looked at still; those outside the range go to its end.
 */
static unsigned int take_run(struct vm_object *vo, u64 first, u64 last, u64 *look, u64 max,
			     struct page **run)
{
	struct page *pg = NULL;
	unsigned int n = 0;
	u64 index;

	spin_lock(&vo->vo_lock);
	for (; *look && vo->vo_ndirty && !pg; --*look) {
		pg = list_first_entry(&vo->vo_dirty, struct page, pg_dirtylink);
		if (pg->pg_index < first || pg->pg_index > last) {
			list_move_tail(&pg->pg_dirtylink, &vo->vo_dirty);
			pg = NULL;
		}
	}
	if (pg) {
		index = pg->pg_index;
		/* Back to where the run begins, but not so far that pg is left out. */
		for (u64 back = 1; back < max && index > first && dirty_page(vo, index - 1); back++)
			index--;
		while (n < max && index + n <= last && (pg = dirty_page(vo, index + n))) {
			begin_write(vo, pg);
			run[n++] = pg;
		}
		*look -= min(*look, (u64)n - 1);
	}
	spin_unlock(&vo->vo_lock);
	return n;
}

/* Settle what has been answered. */
static void reap(struct vm_object *vo)
{
	spin_lock(&vo->vo_lock);
	while (!list_empty(&vo->vo_writing) &&
	       !vm_page_busy(vo, list_first_entry(&vo->vo_writing, struct page, pg_dirtylink)));
	spin_unlock(&vo->vo_lock);
}

u64 vm_object_start_write(struct vm_object *vo, u64 first, u64 last, u64 max)
{
	struct page *run[RUN_MAX];
	u64 look, done = 0;

	if (!backed(vo))
		return 0;
	reap(vo);
	look = READ_ONCE(vo->vo_ndirty);
	while (done < max) {
		unsigned int n = take_run(vo, first, last, &look,
					  min(max - done, (u64)RUN_MAX), run);

		if (!n)
			break;
		vo->vo_pager->vp_write(vo, run, run[0]->pg_index, n);
		done += n;
	}
	return done;
}

void vm_object_wait_write(struct vm_object *vo, u64 first, u64 last)
{
	struct page *pg, *found;
	u64 left = 0;

	spin_lock(&vo->vo_lock);
	list_for_each_entry(pg, &vo->vo_writing, pg_dirtylink)
		left++;
	/* What others start meanwhile goes to the end of the list. */
	for (; left; left--) {
		found = NULL;
		list_for_each_entry(pg, &vo->vo_writing, pg_dirtylink) {
			if (pg->pg_index >= first && pg->pg_index <= last) {
				found = pg;
				break;
			}
		}
		if (!found)
			break;
		vm_page_wait(vo, found);
	}
	spin_unlock(&vo->vo_lock);
}

int vm_object_writeback(struct vm_object *vo, u64 first, u64 last)
{
	if (!backed(vo))
		return 0;
	/* What is dirty again while it is being written cannot be started yet. */
	vm_object_wait_write(vo, first, last);
	for (unsigned int tries = 0; tries < TRIES_MAX; tries++) {
		u32 nomem = READ_ONCE(vo->vo_nomem);

		(void)vm_object_start_write(vo, first, last, ~0ul);
		vm_object_wait_write(vo, first, last);
		if (likely(READ_ONCE(vo->vo_nomem) == nomem))
			return 0;
		pageout_wake();
		thread_pause(10 * NSEC_PER_MSEC);
	}
	/* The pages are dirty still, and whoever asked must know. */
	errseq_set(&vo->vo_wberr, -ENOMEM);
	return -ENOMEM;
}
