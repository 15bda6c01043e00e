/* SPDX-License-Identifier: MIT */
/*
 * vm_objects: the page cache of a file and shared anonymous memory alike. fs/ embeds one in each
 * vnode of a regular file and reads and writes through it; fault.c maps its pages.
 *
 * A page of an object:
 *
 *	(none) --getpage--> PG_BUSY, being filled --> PG_UPTODATE --truncate--> (out of the object)
 *	                        \--error--> (out)       ^     | writeback: PG_BUSY, up to date
 *	                                                +-----+
 *
 * Invariants:
 *  1. A page in vo_pages has PG_CACHE, pg_object, pg_index, and one reference for that.
 *     Taking it out clears pg_object first (fault.c looks at it under vm_ptlock only).
 *  2. A PG_BUSY page stays in the object until it is not busy any more.
 *  3. Pages that are not busy are up to date.
 *
 * Locks: vo_lock (spin), before vm_ptlock. Radix nodes are allocated under it without
 * waiting; when there is none, the caller waits for memory outside and tries again.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/lib/string.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/slab.h"

#define TRUNCATE_BATCH	64

static struct slab_cache *node_cache, *object_cache;

static void *node_alloc(void)
{
	return slab_alloc(node_cache, ALLOC_NOWAIT);
}

static void node_free(void *node)
{
	slab_free(node_cache, node);
}

static const struct radix_ops page_tree_ops = {
	.node_alloc = node_alloc,
	.node_free = node_free,
};

/* Wait until a radix node can be had. -ENOMEM. No locks. */
static int wait_for_node(void)
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
}

/* ---- life -------------------------------------------------------------------- */

void vm_object_init(struct vm_object *vo, const struct vm_pager *pager,
		    void *owner)
{
	refcount_set(&vo->vo_ref, 1);
	spin_lock_init(&vo->vo_lock, "vm_object", RANK_OBJECT);
	radix_init(&vo->vo_pages, &page_tree_ops);
	vo->vo_npages = 0;
	vo->vo_size = 0;
	vo->vo_pager = pager;
	vo->vo_owner = owner;
	waitq_init(&vo->vo_busyq);
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

	return pg && pg->pg_flags & PG_UPTODATE ? pg : NULL;
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

/* Enter pg with flags besides PG_CACHE; its reference becomes the object's. vo_lock held. */
static int insert_locked(struct vm_object *vo, u64 index, struct page *pg,
			 u16 flags)
{
	int err = radix_insert(&vo->vo_pages, index, pg);

	if (err)
		return err;
	KASSERT(!(pg->pg_flags & (PG_CACHE | PG_SLAB)));
	pg->pg_flags = PG_CACHE | flags;
	pg->pg_index = index;
	list_init(&pg->pg_lru);
	WRITE_ONCE(pg->pg_object, vo);
	vo->vo_npages++;
	return 0;
}

/*
 * Take a page that is not busy out; the object's reference becomes the caller's. vo_lock held.
 */
static void remove_locked(struct vm_object *vo, struct page *pg)
{
	struct page *gone;

	KASSERT(lock_held(&vo->vo_lock) && pg->pg_object == vo);
	KASSERT(!(pg->pg_flags & PG_BUSY));
	WRITE_ONCE(pg->pg_object, NULL);
	gone = radix_delete(&vo->vo_pages, pg->pg_index);
	KASSERT(gone == pg);
	pg->pg_flags &= PG_UPTODATE;
	vo->vo_npages--;
}

int vm_object_insert(struct vm_object *vo, u64 index, struct page *pg)
{
	int err;

	for (;;) {
		spin_lock(&vo->vo_lock);
		err = insert_locked(vo, index, pg, PG_UPTODATE);
		spin_unlock(&vo->vo_lock);
		if (err != -ENOMEM)
			return err;
		err = wait_for_node();
		if (err)
			return err;
	}
}

/*
 * Sleep until pg is not busy. vo_lock held, and dropped meanwhile: the page may be out of the
 * object afterwards.
 */
static void wait_busy(struct vm_object *vo, struct page *pg)
{
	page_get(pg);
	while (pg->pg_flags & PG_BUSY)
		waitq_sleep_uninterruptible(&vo->vo_busyq, &vo->vo_lock);
	spin_unlock(&vo->vo_lock);
	page_put(pg);
	spin_lock(&vo->vo_lock);
}

/* The owner of a busy page is through with it: up to date, or with err out of the object. */
static void end_busy(struct vm_object *vo, struct page *pg, int err)
{
	spin_lock(&vo->vo_lock);
	KASSERT(pg->pg_flags & PG_BUSY);
	pg->pg_flags &= (u16)~PG_BUSY;
	if (err)
		remove_locked(vo, pg);
	else
		pg->pg_flags |= PG_UPTODATE;
	waitq_wake_all(&vo->vo_busyq, 0);
	spin_unlock(&vo->vo_lock);
	if (err)
		page_put(pg);
}

/* Make page index; -EEXIST when somebody else was faster. */
static int make_page(struct vm_object *vo, u64 index, struct page **out)
{
	bool fill = vo->vo_pager && vo->vo_pager->vp_fill;
	struct page *pg = page_alloc(0, ALLOC_USER | (fill ? 0 : ALLOC_ZERO));
	int err;

	if (!pg)
		return -ENOMEM;
	do {
		spin_lock(&vo->vo_lock);
		err = insert_locked(vo, index, pg, fill ? PG_BUSY : PG_UPTODATE);
		if (!err)
			page_get(pg);	/* the caller's */
		spin_unlock(&vo->vo_lock);
	} while (err == -ENOMEM && wait_for_node() == 0);
	if (err) {
		page_put(pg);
		return err;
	}
	if (fill) {
		err = vo->vo_pager->vp_fill(vo, pg, index);
		end_busy(vo, pg, err);
		if (err) {
			page_put(pg);
			return err;
		}
	}
	*out = pg;
	return 0;
}

int vm_object_getpage(struct vm_object *vo, u64 index, struct page **out)
{
	int err;

	do {
		struct page *pg;

		spin_lock(&vo->vo_lock);
		while ((pg = radix_lookup(&vo->vo_pages, index)) &&
		       !(pg->pg_flags & PG_UPTODATE))
			wait_busy(vo, pg);
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

void vm_object_mark_dirty(struct vm_object *vo, struct page *pg)
{
	if (pg->pg_flags & PG_DIRTY)
		return;
	spin_lock(&vo->vo_lock);
	if (pg->pg_object == vo)
		pg->pg_flags |= PG_DIRTY;
	spin_unlock(&vo->vo_lock);
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
 * Take up to TRUNCATE_BATCH pages from *index to last out. Returns how many; *index is where
 * to go on.
 */
static unsigned int remove_batch(struct vm_object *vo, u64 *index, u64 last,
				 struct page **out)
{
	unsigned int n = 0;
	struct page *pg;

	spin_lock(&vo->vo_lock);
	while (n < TRUNCATE_BATCH &&
	       (pg = radix_next(&vo->vo_pages, index)) != NULL &&
	       *index <= last) {
		if (pg->pg_flags & PG_BUSY) {
			wait_busy(vo, pg);
			continue;
		}
		remove_locked(vo, pg);
		out[n++] = pg;
	}
	spin_unlock(&vo->vo_lock);
	return n;
}

/* Remove pages first to last. Those still mapped stay alive by the mappings' references. */
static void remove_range(struct vm_object *vo, u64 first, u64 last)
{
	const struct vm_pager *pager = vo->vo_pager;
	struct page *batch[TRUNCATE_BATCH];
	unsigned int n;

	while ((n = remove_batch(vo, &first, last, batch)) != 0) {
		if (pager && pager->vp_dropped)
			pager->vp_dropped(vo, n);
		while (n)
			page_put(batch[--n]);
	}
}

/* Zero the part of the last page that lies behind the end. */
static void zero_tail(struct vm_object *vo, u64 size)
{
	size_t in_page = size & ~PAGE_MASK;
	struct page *pg;

	if (!in_page)
		return;
	spin_lock(&vo->vo_lock);
	while ((pg = radix_lookup(&vo->vo_pages, size >> PAGE_SHIFT)) &&
	       pg->pg_flags & PG_BUSY)
		wait_busy(vo, pg);
	if (pg) {
		memset((char *)page_to_virt(pg) + in_page, 0, PAGE_SIZE - in_page);
		pg->pg_flags |= PG_DIRTY;
	}
	spin_unlock(&vo->vo_lock);
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
	if (size >= old)
		return;
	remove_range(vo, first, ~0ul);
	unmap_range(vo, first, ~0ul);
	zero_tail(vo, size);
}

void vm_object_put(struct vm_object *vo)
{
	if (!refcount_put_and_test(&vo->vo_ref))
		return;
	KASSERT(list_empty(&vo->vo_areas));
	remove_range(vo, 0, ~0ul);
	KASSERT(vo->vo_npages == 0);
	if (vo->vo_pager && vo->vo_pager->vp_release)
		vo->vo_pager->vp_release(vo);
}

int vm_object_punch(struct vm_object *vo, u64 first, u64 last)
{
	if (vo->vo_pager && vo->vo_pager->vp_fill && !vo->vo_pager->vp_dropped)
		return -EOPNOTSUPP;
	remove_range(vo, first, last);
	unmap_range(vo, first, last);
	return 0;
}

/* Shared mappings of pg lose the right to write, so that the next write is noticed. */
static void protect_page(struct vm_object *vo, struct page *pg, u64 index)
{
	struct vmarea *a;

	spin_lock(&vo->vo_lock);
	list_for_each_entry(a, &vo->vo_areas, va_objlink) {
		u64 lo = a->va_offset >> PAGE_SHIFT;
		struct vmspace *vm = a->va_space;
		pte_t *pte;
		vaddr_t va;

		if (!(a->va_flags & VA_SHARED) || index < lo ||
		    index - lo >= area_pages(a))
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
	spin_unlock(&vo->vo_lock);
}

/* The first dirty page from *index to last, busy now, with a reference; or NULL. */
static struct page *next_dirty(struct vm_object *vo, u64 *index, u64 last)
{
	struct page *pg;

	spin_lock(&vo->vo_lock);
	while ((pg = radix_next(&vo->vo_pages, index)) != NULL && *index <= last) {
		if (pg->pg_flags & PG_BUSY) {
			wait_busy(vo, pg);
			continue;
		}
		if (pg->pg_flags & PG_DIRTY) {
			pg->pg_flags = (u16)((pg->pg_flags & ~PG_DIRTY) | PG_BUSY);
			page_get(pg);
			spin_unlock(&vo->vo_lock);
			return pg;
		}
		if (++*index == 0)
			break;
	}
	spin_unlock(&vo->vo_lock);
	return NULL;
}

int vm_object_writeback(struct vm_object *vo, u64 first, u64 last)
{
	int result = 0;
	struct page *pg;

	if (!vo->vo_pager || !vo->vo_pager->vp_write)
		return 0;
	for (u64 index = first; (pg = next_dirty(vo, &index, last)); index++) {
		int err;

		/* Dirty was cleared before: a write from now on sets it again. */
		protect_page(vo, pg, index);
		err = vo->vo_pager->vp_write(vo, pg, index);
		if (err) {
			vm_object_mark_dirty(vo, pg);
			result = result ? result : err;
		}
		end_busy(vo, pg, 0);
		page_put(pg);
	}
	return result;
}
