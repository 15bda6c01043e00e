/* SPDX-License-Identifier: MIT */
/*
 * vm_objects: the page cache of a file and shared anonymous memory alike. fs/ embeds one in each
 * vnode of a regular file and reads and writes through it; fault.c maps its pages.
 *
 * Here: pages in and out; objwrite.c: dirty pages and writing back; readahead.c; objswap.c and
 * objreclaim.c: what happens when memory is short.
 *
 * A page of an object:
 *
 *	(none) --read--> PG_BUSY, being filled --> PG_UPTODATE --truncate, reclaim--> (out)
 *	                     \--error--> (out)       ^     | write: PG_BUSY, up to date
 *	                                             +-----+
 *
 * The pager starts I/O and answers it, often in an interrupt, by a byte in the page (pg_io). Who
 * next looks at the page under vo_lock puts the answer into effect (settles it); so vo_lock
 * needs no disabled interrupts, and a thread that waits for its page is woken by the interrupt
 * itself. Waiters sleep on one of a few static queues, since the object may be gone by the time
 * that the interrupt handler wakes them.
 *
 * Invariants:
 *  1. A page in vo_pages has PG_CACHE, pg_object, pg_index, and one reference for that.
 *     Taking it out clears pg_object first (fault.c looks at it under vm_ptlock only).
 *  2. A PG_BUSY page stays in the object until it is not busy any more.
 *  3. Pages that are not busy are up to date.
 *  4. pg_io is 0 unless the page is busy or could not be read and was taken out for that.
 *
 * Locks: vo_lock (spin), before vm_ptlock. Radix nodes are allocated under it without
 * waiting; when there is none, the caller waits for memory outside and tries again.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/thread.h"
#include "kernel/lib/errseq.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/object_impl.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/swap.h"

#define TRUNCATE_BATCH	64
#define IO_QUEUE_BITS	5

static struct slab_cache *node_cache, *object_cache;
static struct waitq io_queues[1 << IO_QUEUE_BITS];	/* waiters for busy pages, by object */

static void *node_alloc(void)
{
	return slab_alloc(node_cache, ALLOC_NOWAIT);
}

static void node_free(void *node)
{
	slab_free(node_cache, node);
}

const struct radix_ops vm_object_tree_ops = {
	.node_alloc = node_alloc,
	.node_free = node_free,
};

int vm_object_wait_node(void)
{
	void *node = slab_alloc(node_cache, ALLOC_WAIT);

	if (!node)
		return -ENOMEM;
	slab_free(node_cache, node);
	return 0;
}

void vm_object_slab_init(void)
{
	node_cache = slab_create("radix_node", sizeof(struct radix_node), 8);
	object_cache = slab_create("vm_object", sizeof(struct vm_object), 8);
	for (unsigned int i = 0; i < ARRAY_SIZE(io_queues); i++)
		waitq_init(&io_queues[i]);
}

/* ---- life -------------------------------------------------------------------- */

void vm_object_init(struct vm_object *vo, const struct vm_pager *pager,
		    void *owner)
{
	refcount_set(&vo->vo_ref, 1);
	spin_lock_init(&vo->vo_lock, "vm_object", RANK_OBJECT);
	radix_init(&vo->vo_pages, &vm_object_tree_ops);
	vo->vo_npages = 0;
	vo->vo_size = 0;
	vo->vo_sealed = vo->vo_frozen = false;
	vo->vo_announcing = 0;
	vo->vo_pager = pager;
	vo->vo_owner = owner;
	list_init(&vo->vo_dirty);
	list_init(&vo->vo_writing);
	vo->vo_ndirty = 0;
	vo->vo_wberr = vo->vo_mapwberr = vo->vo_nomem = 0;
	vo->vo_ra = (struct vm_ra){ .ra_max = VM_RA_DEFAULT };
	radix_init(&vo->vo_swap, &vm_object_tree_ops);
	scan_item_init(&vo->vo_scan);
	vo->vo_scan_at = 0;
	atomic_set(&vo->vo_mapped, 0);
	list_init(&vo->vo_areas);
}

static void anon_release(struct vm_object *vo)
{
	slab_free(object_cache, vo);
}

static const struct vm_pager anon_pager = {
	.vp_release = anon_release,
};

int vm_object_create_anon(u64 size, struct vm_object **out)
{
	struct vm_object *vo = slab_alloc(object_cache, ALLOC_WAIT);

	if (!vo)
		return -ENOMEM;
	vm_object_init(vo, &anon_pager, NULL);
	vo->vo_size = size;
	*out = vo;
	return 0;
}

void vm_object_get(struct vm_object *vo)
{
	refcount_inc(&vo->vo_ref);
}

/* ---- finding ------------------------------------------------------------------- */

/* vo_lock held. A page that is there and not being filled, or NULL. */
static struct page *lookup_ready(struct vm_object *vo, u64 index)
{
	struct page *pg = radix_lookup(&vo->vo_pages, index);

	if (!pg || likely(pg->pg_flags & PG_UPTODATE))
		return pg;
	/* The disk may have answered; if badly, that was the end of the page. */
	if (smp_load_acquire(&pg->pg_io) != PGIO_OK || vm_page_busy(vo, pg))
		return NULL;
	return pg;
}

struct page *vm_object_lookup(struct vm_object *vo, u64 index)
{
	struct page *pg;

	spin_lock(&vo->vo_lock);
	pg = lookup_ready(vo, index);
	if (pg) {
		pg->pg_flags |= PG_REFERENCED;
		page_get(pg);
	}
	spin_unlock(&vo->vo_lock);
	return pg;
}

unsigned int vm_object_lookup_range(struct vm_object *vo, u64 first,
				    unsigned int n, u64 want, struct page **out)
{
	unsigned int found = 0;

	KASSERT(n <= 64);
	spin_lock(&vo->vo_lock);
	for (unsigned int i = 0; i < n; i++) {
		struct page *pg = NULL;

		if (want & 1ul << i)
			pg = lookup_ready(vo, first + i);
		out[i] = pg;
		if (!pg)
			continue;
		pg->pg_flags |= PG_REFERENCED;
		page_get(pg);
		found++;
	}
	spin_unlock(&vo->vo_lock);
	return found;
}

/* ---- pages in ------------------------------------------------------------------ */

int vm_object_enter(struct vm_object *vo, u64 index, struct page *pg, u16 flags)
{
	int err = radix_insert(&vo->vo_pages, index, pg);

	if (err)
		return err;
	KASSERT(!(pg->pg_flags & (PG_CACHE | PG_SLAB)));
	pg->pg_flags = PG_CACHE | flags;
	pg->pg_io = 0;
	pg->pg_index = index;
	list_init(&pg->pg_lru);
	list_init(&pg->pg_dirtylink);
	WRITE_ONCE(pg->pg_object, vo);
	vo->vo_npages++;
	if (unlikely(!vo->vo_scan.si_listed))
		scan_add(&vm_object_scan, &vo->vo_scan);
	return 0;
}

void vm_object_remove(struct vm_object *vo, struct page *pg)
{
	struct page *gone;

	KASSERT(lock_held(&vo->vo_lock) && pg->pg_object == vo);
	KASSERT(!(pg->pg_flags & PG_BUSY));
	WRITE_ONCE(pg->pg_object, NULL);
	gone = radix_delete(&vo->vo_pages, pg->pg_index);
	KASSERT(gone == pg);
	if (!list_empty(&pg->pg_dirtylink))
		vm_object_clean_locked(vo, pg);
	pg->pg_flags &= PG_UPTODATE;
	vo->vo_npages--;
}

int vm_object_insert(struct vm_object *vo, u64 index, struct page *pg)
{
	int err;

	for (;;) {
		spin_lock(&vo->vo_lock);
		err = vm_object_enter(vo, index, pg, PG_UPTODATE);
		spin_unlock(&vo->vo_lock);
		if (err != -ENOMEM)
			return err;
		err = vm_object_wait_node();
		if (err)
			return err;
	}
}

/* ---- busy pages ---------------------------------------------------------------- */

static struct waitq *io_queue(const struct vm_object *vo)
{
	return &io_queues[hash_u64((uintptr_t)vo, IO_QUEUE_BITS)];
}

void vm_object_wake(const struct vm_object *vo)
{
	struct waitq *wq = io_queue(vo);

	/* Pairs with waitq_add() in wait_answer(): we see the waiter, or he the answer. */
	smp_mb();
	if (!waitq_empty(wq))
		waitq_wake_all(wq, 0);
}

/* Put the answer of a busy page into effect. vo_lock held. */
static void settle(struct vm_object *vo, struct page *pg, u8 io)
{
	bool written = pg->pg_flags & PG_UPTODATE;

	/* This order is what wait_answer() relies on. */
	WRITE_ONCE(pg->pg_flags, (u16)(pg->pg_flags & ~PG_BUSY));
	if (written || io == PGIO_OK)
		smp_store_release(&pg->pg_io, 0);
	if (written) {
		vm_object_written_locked(vo, pg, io == ENOMEM);
		if (io != PGIO_OK && io != ENOMEM)
			errseq_set(&vo->vo_wberr, -io);
	} else if (io == PGIO_OK) {
		pg->pg_flags |= PG_UPTODATE;
	} else {
		vm_object_remove(vo, pg);
		page_put(pg);
	}
}

bool vm_page_busy(struct vm_object *vo, struct page *pg)
{
	u8 io;

	KASSERT(lock_held(&vo->vo_lock));
	if (likely(!(pg->pg_flags & PG_BUSY)))
		return false;
	io = smp_load_acquire(&pg->pg_io);
	if (!io)
		return true;
	settle(vo, pg, io);
	return false;
}

/* Sleep until pg's I/O may have been answered. vo_lock is dropped, and held again. */
static void wait_answer(struct vm_object *vo, struct page *pg)
{
	struct waiter w = { .wr_thread = current };
	bool answered;

	thread_prepare_sleep(false);
	waitq_add(io_queue(vo), &w);
	spin_unlock(&vo->vo_lock);
	/* It is seen here unless the wake-up is to come; see settle() for the order. */
	answered = smp_load_acquire(&pg->pg_io) || !(READ_ONCE(pg->pg_flags) & PG_BUSY);
	(void)thread_block_until(answered ? 0 : NSEC_NEVER);
	waitq_remove(&w);
	spin_lock(&vo->vo_lock);
}

void vm_page_wait(struct vm_object *vo, struct page *pg)
{
	page_get(pg);
	while (vm_page_busy(vo, pg))
		wait_answer(vo, pg);
	page_put(pg);
}

/* ---- mappings' writes, and blocks that go ------------------------------------------ */

void vm_object_freeze(struct vm_object *vo)
{
	spin_lock(&vo->vo_lock);
	KASSERT(!vo->vo_frozen);
	vo->vo_frozen = true;
	while (vo->vo_announcing)
		waitq_sleep_uninterruptible(io_queue(vo), &vo->vo_lock);
	spin_unlock(&vo->vo_lock);
}

void vm_object_thaw(struct vm_object *vo)
{
	spin_lock(&vo->vo_lock);
	KASSERT(vo->vo_frozen && !vo->vo_announcing);
	vo->vo_frozen = false;
	spin_unlock(&vo->vo_lock);
	vm_object_wake(vo);
}

void vm_object_begin_announce(struct vm_object *vo)
{
	spin_lock(&vo->vo_lock);
	while (vo->vo_frozen)
		waitq_sleep_uninterruptible(io_queue(vo), &vo->vo_lock);
	vo->vo_announcing++;
	spin_unlock(&vo->vo_lock);
}

void vm_object_end_announce(struct vm_object *vo)
{
	spin_lock(&vo->vo_lock);
	KASSERT(vo->vo_announcing);
	vo->vo_announcing--;
	spin_unlock(&vo->vo_lock);
	vm_object_wake(vo);
}

/* ---- pages in ------------------------------------------------------------------ */

/*
 * Enter a new page; with a reference for the caller, who also allocates it. It is busy if read, or
 * if the page is in swap: *swp, which counts once more then, else 0. -EEXIST, -ENOMEM.
 */
static int enter_new(struct vm_object *vo, u64 index, struct page *pg, bool read, u64 *swp)
{
	int err;

	do {
		spin_lock(&vo->vo_lock);
		*swp = vm_object_swapped(vo, index);
		err = vm_object_enter(vo, index, pg, read || *swp ? PG_BUSY : PG_UPTODATE);
		if (!err)
			page_get(pg);
		if (!err && unlikely(*swp))
			swap_dup(*swp);
		spin_unlock(&vo->vo_lock);
	} while (err == -ENOMEM && vm_object_wait_node() == 0);
	return err;
}

int vm_object_begin_new(struct vm_object *vo, u64 index, struct page *pg)
{
	u64 swp;
	int err = enter_new(vo, index, pg, true, &swp);

	/* Objects with a disk behind them have nothing in swap. */
	KASSERT(err || !swp);
	return err;
}

void vm_object_end_new(struct vm_object *vo, struct page *pg, int err)
{
	vm_page_answer(pg, err);
	vm_object_wake(vo);
	spin_lock(&vo->vo_lock);
	vm_page_wait(vo, pg);
	spin_unlock(&vo->vo_lock);
}

/* Have the pager or swap fill a busy page of ours, and wait. 0 or what it answered. */
static int fill(struct vm_object *vo, struct page *pg, u64 index, u64 swp)
{
	int err = 0;

	if (unlikely(swp))
		vm_object_swap_in(vo, pg, swp);
	else
		vo->vo_pager->vp_read(vo, &pg, index, 1, false);
	spin_lock(&vo->vo_lock);
	vm_page_wait(vo, pg);
	if (unlikely(!(pg->pg_flags & PG_UPTODATE)))
		err = -pg->pg_io;
	spin_unlock(&vo->vo_lock);
	return err;
}

/* Make page index; -EEXIST when somebody else was faster. */
static int make_page(struct vm_object *vo, u64 index, struct page **out)
{
	bool read = vo->vo_pager && vo->vo_pager->vp_read;
	struct page *pg = page_alloc(0, ALLOC_USER | (read ? 0 : ALLOC_ZERO));
	u64 swp;
	int err;

	if (!pg)
		return -ENOMEM;
	err = enter_new(vo, index, pg, read, &swp);
	if (!err && (read || swp))
		err = fill(vo, pg, index, swp);
	if (err)
		page_put(pg);
	else
		*out = pg;
	return err;
}

int vm_object_getpage(struct vm_object *vo, u64 index, struct page **out)
{
	int err;

	do {
		struct page *pg;

		spin_lock(&vo->vo_lock);
		while ((pg = radix_lookup(&vo->vo_pages, index)) &&
		       unlikely(!(pg->pg_flags & PG_UPTODATE)))
			vm_page_wait(vo, pg);
		if (pg) {
			pg->pg_flags |= PG_REFERENCED;
			page_get(pg);
		}
		spin_unlock(&vo->vo_lock);
		if (pg) {
			*out = pg;
			return 0;
		}
		err = make_page(vo, index, out);
	} while (err == -EEXIST);
	return err;
}

/* ---- pages out ----------------------------------------------------------------- */

/* Unmap pages [first, last] wherever they are mapped, copied private pages too. */
static void unmap_range(struct vm_object *vo, u64 first, u64 last)
{
	struct vmarea *a;
	struct gather g;

	if (atomic_read(&vo->vo_mapped) == 0)
		return;
	spin_lock(&vo->vo_lock);
	list_for_each_entry(a, &vo->vo_areas, va_objlink) {
		u64 lo = a->va_offset >> PAGE_SHIFT;
		u64 hi = lo + area_pages(a) - 1;

		if (lo > last || hi < first)
			continue;
		gather_init(&g, a->va_space);
		vm_zap(&g, a->va_start + ((max(lo, first) - lo) << PAGE_SHIFT),
		       a->va_start + ((min(hi, last) - lo + 1) << PAGE_SHIFT));
		gather_finish(&g);
	}
	spin_unlock(&vo->vo_lock);
}

/*
 * Take up to TRUNCATE_BATCH pages from *index to last out, with keep_dirty but for those. Returns
 * how many; *index is where to go on.
 */
static unsigned int remove_batch(struct vm_object *vo, u64 *index, u64 last, bool keep_dirty,
				 struct page **out)
{
	unsigned int n = 0;
	struct page *pg;

	spin_lock(&vo->vo_lock);
	while (n < TRUNCATE_BATCH &&
	       (pg = radix_next(&vo->vo_pages, index)) != NULL &&
	       *index <= last) {
		if (unlikely(pg->pg_flags & PG_BUSY)) {
			vm_page_wait(vo, pg);
		} else if (keep_dirty && vo->vo_announcing) {
			/* It may be about to become dirty. */
			waitq_sleep_uninterruptible(io_queue(vo), &vo->vo_lock);
		} else if (keep_dirty && pg->pg_flags & PG_DIRTY) {
			++*index;
		} else {
			vm_object_remove(vo, pg);
			out[n++] = pg;
		}
	}
	spin_unlock(&vo->vo_lock);
	return n;
}

/* Remove pages first to last. Those still mapped stay alive by the mappings' references. */
static void remove_range(struct vm_object *vo, u64 first, u64 last, bool keep_dirty)
{
	const struct vm_pager *pager = vo->vo_pager;
	struct page *batch[TRUNCATE_BATCH];
	u64 start = first, n;

	while ((n = remove_batch(vo, &first, last, keep_dirty, batch)) != 0) {
		if (pager && pager->vp_dropped)
			pager->vp_dropped(vo, n);
		while (n)
			page_put(batch[--n]);
	}
	n = vm_object_drop_swapped(vo, start, last);
	if (unlikely(n) && pager && pager->vp_dropped)
		pager->vp_dropped(vo, n);
}

/* Zero the part of the last page that lies behind the end. */
static void zero_tail(struct vm_object *vo, u64 size)
{
	size_t in_page = size & ~PAGE_MASK;
	struct page *pg;

	if (!in_page)
		return;
	/* If it cannot be brought in, what was behind the end shows when the file grows again. */
	if (!radix_empty(&vo->vo_swap) && !vm_object_hole(vo, size >> PAGE_SHIFT) &&
	    vm_object_getpage(vo, size >> PAGE_SHIFT, &pg) == 0)
		page_put(pg);
	spin_lock(&vo->vo_lock);
	while ((pg = radix_lookup(&vo->vo_pages, size >> PAGE_SHIFT)) &&
	       pg->pg_flags & PG_BUSY)
		vm_page_wait(vo, pg);
	if (pg) {
		memset((char *)page_to_virt(pg) + in_page, 0, PAGE_SIZE - in_page);
		page_get(pg);
	}
	spin_unlock(&vo->vo_lock);
	if (pg) {
		vm_object_mark_dirty(vo, pg);
		page_put(pg);
	}
}

void vm_object_truncate(struct vm_object *vo, u64 size)
{
	u64 first = DIV_ROUND_UP(size, PAGE_SIZE), old;

	/*
	 * The order is what fault.c relies on: size, pages, then the entries under vm_ptlock.
	 */
	spin_lock(&vo->vo_lock);
	old = vo->vo_size;
	WRITE_ONCE(vo->vo_size, size);
	spin_unlock(&vo->vo_lock);
	if (size >= old) {
		vm_object_grown(vo, old);
		return;
	}
	remove_range(vo, first, ~0ul, false);
	unmap_range(vo, first, ~0ul);
	zero_tail(vo, size);
}

u64 vm_object_drop_clean(struct vm_object *vo, u64 first, u64 end)
{
	struct page *batch[TRUNCATE_BATCH];
	unsigned int n, looked;
	struct page *pg;
	u64 dropped = 0;

	if (!vo->vo_pager || !vo->vo_pager->vp_write)
		return 0;
	do {
		spin_lock(&vo->vo_lock);
		for (n = looked = 0; looked < TRUNCATE_BATCH; looked++) {
			pg = radix_next(&vo->vo_pages, &first);
			if (!pg || first >= end)
				break;
			first++;
			page_get(pg);
			if (!vm_page_busy(vo, pg) && pg->pg_object == vo &&
			    !(pg->pg_flags & PG_DIRTY) && atomic_read(&pg->pg_ref) == 2) {
				vm_object_remove(vo, pg);
				page_put(pg);
			}
			batch[n++] = pg;
		}
		spin_unlock(&vo->vo_lock);
		while (n) {
			dropped += !batch[--n]->pg_object;
			page_put(batch[n]);
		}
	} while (looked == TRUNCATE_BATCH);
	return dropped;
}

bool vm_object_uncache(struct vm_object *vo, u64 first, u64 last)
{
	u64 index = first;
	bool gone;

	(void)vm_object_drop_clean(vo, first, last + 1);
	spin_lock(&vo->vo_lock);
	gone = !radix_next(&vo->vo_pages, &index) || index > last;
	spin_unlock(&vo->vo_lock);
	return gone;
}

void vm_object_invalidate(struct vm_object *vo, u64 first, u64 last)
{
	remove_range(vo, first, last, true);
	unmap_range(vo, first, last);
}

void vm_object_put(struct vm_object *vo)
{
	if (!refcount_put_and_test(&vo->vo_ref))
		return;
	scan_remove(&vm_object_scan, &vo->vo_scan);
	KASSERT(list_empty(&vo->vo_areas));
	if (vo->vo_pager && vo->vo_pager->vp_last)
		vo->vo_pager->vp_last(vo);
	remove_range(vo, 0, ~0ul, false);
	KASSERT(vo->vo_npages == 0);
	if (vo->vo_pager && vo->vo_pager->vp_release)
		vo->vo_pager->vp_release(vo);
}

int vm_object_punch(struct vm_object *vo, u64 first, u64 last)
{
	if (vo->vo_pager && vo->vo_pager->vp_read && !vo->vo_pager->vp_dropped)
		return -EOPNOTSUPP;
	remove_range(vo, first, last, false);
	unmap_range(vo, first, last);
	return 0;
}

static bool writers_locked(const struct vm_object *vo)
{
	const u32 writes = VA_SHARED | VA_MAYWRITE;
	struct vmarea *a;

	KASSERT(lock_held(&vo->vo_lock));
	list_for_each_entry(a, &vo->vo_areas, va_objlink) {
		if ((a->va_flags & writes) == writes)
			return true;
	}
	return false;
}

bool vm_object_writers(struct vm_object *vo)
{
	bool found;

	spin_lock(&vo->vo_lock);
	found = writers_locked(vo);
	spin_unlock(&vo->vo_lock);
	return found;
}

bool vm_object_seal(struct vm_object *vo)
{
	bool ok;

	spin_lock(&vo->vo_lock);
	ok = !writers_locked(vo);
	if (ok)
		vo->vo_sealed = true;
	spin_unlock(&vo->vo_lock);
	return ok;
}
