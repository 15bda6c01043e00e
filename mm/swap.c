/* SPDX-License-Identifier: MIT */
/*
 * Swap areas, their slots, and the swap cache. pageout.c decides what goes out, fault.c and
 * object.c ask for it again; swapfile.c opens and closes areas.
 *
 * A page table's way through a slot, and the page's:
 *
 *	pageout: entry -> swap entry, count 1; page BUSY in the cache, being written
 *	written: page freed, or (others map it still, copy-on-write) in the cache, clean
 *	fork: count + 1		exit, munmap: count - 1; at 0 the slot is free
 *	fault: read into the cache, BUSY, then up to date; entry -> page, count - 1; at 0 the page
 *	leaves the cache and belongs to the one who has it; but while less than half of the slots
 *	is in use it is kept, mapped copy-on-write, until that one writes to it or lets it go
 *	kept, pageout: entry -> swap entry, count 1; nothing to write
 *
 * Invariants:
 *  1. sa_count[slot] is the number of swap entries and objects that stand for the slot. SLOT_NEW
 *     stands for 1: it was given out, and its page is not in the cache yet; or it is an object's,
 *     which reads it without the cache. Whoever reads ahead passes it by.
 *  2. sa_page[slot] is the frame of its page in the cache, which has PG_SWAP, pg_index == swp
 *     and one reference for that; 0: none.
 *  3. A page in the cache that is not busy is up to date, and is mapped copy-on-write only:
 *     nobody writes to it. PG_DIRTY: it could not be written. It has a count above 0, or
 *     is mapped (kept); or neither, until shrink() comes by, when the last mapping was let go by
 *     one who had looked for PG_SWAP before the page came here (entry_page_put(), z_put).
 *  4. A slot is free when both are 0.
 *
 * Locks: swap_lock (spin), inside of vm_ptlock and vo_lock. No lock during I/O: PG_BUSY.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/statreg.h"
#include "kernel/lib/string.h"
#include "mm/swapfile.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"
#include "mm/vmstat.h"

#define READ_AHEAD	8		/* aligned slots that come in together */
#define LOOK_MAX	64		/* pages looked at before others may have the lock */

struct spinlock swap_lock = SPINLOCK_INIT("swap", RANK_SWAP);
struct swap_area swap_areas[SWAP_AREAS];	/* [swap_lock] */
static struct waitq busy_wq = WAITQ_INIT(busy_wq);	/* waiters for PG_BUSY pages */
static LIST_HEAD(cache_list);			/* [swap_lock] pages in the cache, by pg_lru */
static u64 cached;				/* [swap_lock] how many */

static u64 slot_of(u64 swp)
{
	return swp & ((1ul << SWAP_SLOT_BITS) - 1);
}

static struct swap_area *area_of(u64 swp)
{
	struct swap_area *sa = &swap_areas[swap_area_of(swp)];

	KASSERT(swap_area_of(swp) < SWAP_AREAS && slot_of(swp) > 0 &&
		slot_of(swp) < sa->sa_nslots);
	return sa;
}

static struct page *cached_page(const struct swap_area *sa, u64 slot)
{
	return sa->sa_page[slot] ? pfn_to_page(sa->sa_page[slot]) : NULL;
}

/* ---- slots -------------------------------------------------------------------- */

/* Before it is counted up or down. swap_lock held. */
static void count_from_one(struct swap_area *sa, u64 slot)
{
	if (sa->sa_count[slot] == SLOT_NEW)
		sa->sa_count[slot] = 1;
}

static bool slot_free(const struct swap_area *sa, u64 slot)
{
	return sa->sa_count[slot] == 0 && sa->sa_page[slot] == 0;
}

void swap_dup(u64 swp)
{
	struct swap_area *sa = area_of(swp);

	spin_lock(&swap_lock);
	count_from_one(sa, slot_of(swp));
	/* There are fewer processes than this. */
	KASSERT(sa->sa_count[slot_of(swp)] > 0 && sa->sa_count[slot_of(swp)] < SLOT_NEW - 1);
	sa->sa_count[slot_of(swp)]++;
	spin_unlock(&swap_lock);
}

/* Neither entry nor page have the slot any more. swap_lock held. */
static void release_slot(struct swap_area *sa)
{
	KASSERT(sa->sa_used > 0);
	sa->sa_used--;
}

/* Out of the cache; its reference becomes the caller's. swap_lock held. */
static void cache_remove(struct swap_area *sa, struct page *pg)
{
	u64 slot = slot_of(pg->pg_index);

	KASSERT(lock_held(&swap_lock) && cached_page(sa, slot) == pg);
	sa->sa_page[slot] = 0;
	pg->pg_flags &= (u16)~(PG_SWAP | PG_BUSY | PG_DIRTY | PG_REFERENCED | PG_UPTODATE);
	list_del(&pg->pg_lru);
	cached--;
	if (sa->sa_count[slot] == 0)
		release_slot(sa);
}

/* Count down. A page that is in the cache for nobody now: the caller's to put. swap_lock held. */
static struct page *drop_locked(struct swap_area *sa, u64 slot)
{
	struct page *pg = cached_page(sa, slot);

	count_from_one(sa, slot);
	KASSERT(sa->sa_count[slot] > 0 && sa->sa_count[slot] != SLOT_BAD);
	if (--sa->sa_count[slot])
		return NULL;
	if (!pg)
		release_slot(sa);
	else if (!(pg->pg_flags & PG_BUSY))
		cache_remove(sa, pg);
	else
		pg = NULL;	/* the one who makes it ready finds out */
	return pg;
}

void swap_drop(u64 swp)
{
	struct swap_area *sa = area_of(swp);
	struct page *pg;

	spin_lock(&swap_lock);
	pg = drop_locked(sa, slot_of(swp));
	spin_unlock(&swap_lock);
	if (pg)
		page_put(pg);
}

void swap_drop_range(u64 swp, unsigned int n)
{
	while (n--)
		swap_drop(swp++);
}

/* ---- the cache ------------------------------------------------------------------ */

static void cache_insert(struct swap_area *sa, struct page *pg, u64 swp)
{
	KASSERT(lock_held(&swap_lock) && sa->sa_page[slot_of(swp)] == 0);
	KASSERT(!(pg->pg_flags & (PG_SWAP | PG_CACHE)));
	sa->sa_page[slot_of(swp)] = (u32)page_to_pfn(pg);
	pg->pg_index = swp;
	pg->pg_flags = PG_SWAP | PG_BUSY;
	list_add_tail(&pg->pg_lru, &cache_list);
	cached++;
}

int swap_cache_add(struct page *pg, u64 *swp)
{
	int added;

	spin_lock(&swap_lock);
	added = !(pg->pg_flags & PG_SWAP);
	if (added && !*swp) {
		added = -ENOSPC;
	} else if (added) {
		count_from_one(area_of(*swp), slot_of(*swp));
		cache_insert(area_of(*swp), pg, *swp);
	} else {
		*swp = pg->pg_index;
		area_of(*swp)->sa_count[slot_of(*swp)]++;
	}
	spin_unlock(&swap_lock);
	return added;
}

/*
 * I/O on a page is through. Out of the cache goes what nobody wants, could not be read, or
 * need not stay in memory; true: the reference is the caller's. swap_lock held.
 */
static bool ready_locked(struct swap_area *sa, struct page *pg, bool write, int err)
{
	bool out = sa->sa_count[slot_of(pg->pg_index)] == 0;

	KASSERT(pg->pg_flags & PG_BUSY);
	if (write && err)
		pg->pg_flags |= PG_DIRTY;
	else if (write)
		out |= atomic_read(&pg->pg_ref) == 1;
	else
		out |= err != 0;
	pg->pg_flags = (u16)((pg->pg_flags & ~PG_BUSY) | PG_UPTODATE);
	if (out)
		cache_remove(sa, pg);
	return out;
}

static unsigned int io_done(u64 first, struct page *const *pages, unsigned int n,
			    bool write, int err)
{
	struct swap_area *sa = area_of(first);
	unsigned int gone = 0;

	for (unsigned int i = 0; i < n; i++) {
		bool out;

		spin_lock(&swap_lock);
		out = ready_locked(sa, pages[i], write, err);
		spin_unlock(&swap_lock);
		if (out) {
			page_put(pages[i]);
			gone++;
		}
	}
	spin_lock(&swap_lock);
	waitq_wake_all(&busy_wq, 0);
	spin_unlock(&swap_lock);
	return gone;
}

int swap_rw(bool write, u64 first, struct page *const *pages, unsigned int n)
{
	struct swap_area *sa = area_of(first);

	KASSERT(n > 0 && n <= SWAP_CLUSTER);
	vm_event_add(write ? VE_SWAPOUT : VE_SWAPIN, n);
	return sa->sa_ops->so_rw(sa->sa_owner, write, slot_of(first), pages, n);
}

unsigned int swap_write(u64 first, struct page *const *pages, unsigned int n)
{
	return io_done(first, pages, n, true, swap_rw(true, first, pages, n));
}

/* May the last one to have the slot of pg leave it to the page? swap_lock held. */
static bool may_keep(const struct swap_area *sa, const struct page *pg)
{
	return sa->sa_open && sa->sa_used * 2 <= sa->sa_usable && !(pg->pg_flags & PG_DIRTY) &&
	       sa->sa_count[slot_of(pg->pg_index)] == 1;
}

struct page *swap_take(u64 swp, bool write, bool *alone)
{
	struct swap_area *sa = area_of(swp);
	struct page *pg;

	spin_lock(&swap_lock);
	pg = cached_page(sa, slot_of(swp));
	if (pg && pg->pg_flags & PG_BUSY)
		pg = NULL;
	if (pg) {
		page_get(pg);
		if (!write && may_keep(sa, pg))
			sa->sa_count[slot_of(swp)] = 0;
		else if (drop_locked(sa, slot_of(swp)))
			atomic_dec(&pg->pg_ref);	/* the cache's; ours is left */
		*alone = atomic_read(&pg->pg_ref) == 1;
	}
	spin_unlock(&swap_lock);
	return pg;
}

/* Out of the cache, whose reference goes, too; somebody else has one. swap_lock held. */
static void forget_locked(struct page *pg)
{
	cache_remove(area_of(pg->pg_index), pg);
	atomic_dec(&pg->pg_ref);
}

/* In the cache, and the same in its slot. */
static bool is_clean(const struct page *pg)
{
	return (pg->pg_flags & (PG_SWAP | PG_BUSY | PG_DIRTY)) == PG_SWAP;
}

/* In the cache, for its slot's sake only. swap_lock held. */
static bool is_kept(const struct page *pg)
{
	return (pg->pg_flags & (PG_SWAP | PG_BUSY)) == PG_SWAP &&
	       area_of(pg->pg_index)->sa_count[slot_of(pg->pg_index)] == 0;
}

bool swap_forget(struct page *pg)
{
	bool last;

	spin_lock(&swap_lock);
	last = is_kept(pg) && atomic_read(&pg->pg_ref) == 2;
	if (last)
		forget_locked(pg);
	spin_unlock(&swap_lock);
	return last;
}

/*
 * Drop a reference on pg; and the cache's if nothing else is left, and nobody wants the slot or
 * (out) it has been written. True: pg is freed.
 */
static bool put_page(struct page *pg, bool out)
{
	bool last = false, cached_still;

	spin_lock(&swap_lock);
	if (atomic_read(&pg->pg_ref) == 2)
		last = is_kept(pg) || (out && is_clean(pg));
	if (last)
		forget_locked(pg);
	cached_still = pg->pg_flags & PG_SWAP;
	/* Under the lock: the next one must see that he is the last. */
	if (cached_still)
		atomic_dec(&pg->pg_ref);
	spin_unlock(&swap_lock);
	if (!cached_still)
		page_put(pg);
	return last;
}

void swap_page_put(struct page *pg)
{
	if (pg->pg_flags & PG_SWAP)
		(void)put_page(pg, false);
	else
		page_put(pg);
}

bool swap_page_out(struct page *pg)
{
	return put_page(pg, true);
}

bool swap_in_cache(u64 swp)
{
	return READ_ONCE(area_of(swp)->sa_page[slot_of(swp)]) != 0;
}

/* ---- reading in ------------------------------------------------------------------ */

static bool wants_reading(const struct swap_area *sa, u64 slot)
{
	return slot > 0 && slot < sa->sa_nslots && sa->sa_count[slot] > 0 &&
	       sa->sa_count[slot] < SLOT_NEW && !sa->sa_page[slot];
}

/*
 * Enter some of the n pages, busy, at the slots of swp and its neighbours that are to be read.
 * Which: *first and the result; 0: swp itself need not be read.
 */
static unsigned int claim_slots(u64 swp, struct page **pages, unsigned int n, u64 *first)
{
	struct swap_area *sa = &swap_areas[swap_area_of(swp)];
	u64 base = round_down(swp, READ_AHEAD), lo = swp, hi = swp + 1;

	spin_lock(&swap_lock);
	if (!wants_reading(sa, slot_of(swp))) {
		spin_unlock(&swap_lock);
		return 0;
	}
	while (hi < base + READ_AHEAD && hi - lo < n && wants_reading(sa, slot_of(hi)))
		hi++;
	while (lo > base && hi - lo < n && wants_reading(sa, slot_of(lo - 1)))
		lo--;
	for (u64 s = lo; s < hi; s++)
		cache_insert(sa, pages[s - lo], s);
	spin_unlock(&swap_lock);
	*first = lo;
	return (unsigned int)(hi - lo);
}

/*
 * Wait while the page of swp is busy. True: there was one, look again. Nobody keeps the slot for
 * us, so the area may have been closed meanwhile.
 */
static bool wait_ready(u64 swp)
{
	struct swap_area *sa = &swap_areas[swap_area_of(swp)];
	bool found = false;
	struct page *pg = NULL;

	spin_lock(&swap_lock);
	while (slot_of(swp) < sa->sa_nslots &&
	       (pg = cached_page(sa, slot_of(swp))) && pg->pg_flags & PG_BUSY) {
		found = true;
		waitq_sleep_uninterruptible(&busy_wq, &swap_lock);
	}
	found |= pg != NULL;
	spin_unlock(&swap_lock);
	return found;
}

int swap_bring_in(u64 swp)
{
	struct page *pages[READ_AHEAD];
	unsigned int n = 1, used;
	u64 first;
	int err = 0;

	if (wait_ready(swp))
		return 0;
	pages[0] = page_alloc(0, ALLOC_USER);
	if (!pages[0])
		return -ENOMEM;
	while (n < READ_AHEAD && (pages[n] = page_alloc(0, ALLOC_NOWAIT)))
		n++;
	used = claim_slots(swp, pages, n, &first);
	while (n > used)
		page_put(pages[--n]);
	if (used) {
		err = swap_rw(false, first, pages, used);
		(void)io_done(first, pages, used, false, err);
	}
	return err ? -EIO : 0;
}

static bool is_unmapped(const struct page *pg)
{
	return is_clean(pg) && atomic_read(&pg->pg_ref) == 1;
}

/* One that may go, of the next *left pages; its reference is the caller's. swap_lock held. */
static struct page *take_one(u64 *left, bool (*may_go)(const struct page *))
{
	for (unsigned int look = LOOK_MAX; look && *left && !list_empty(&cache_list); look--) {
		struct page *pg = list_first_entry(&cache_list, struct page, pg_lru);

		--*left;
		list_move_tail(&pg->pg_lru, &cache_list);
		if (may_go(pg)) {
			cache_remove(area_of(pg->pg_index), pg);
			return pg;
		}
	}
	return NULL;
}

/* Of the next left pages, up to n that may go do. How many. */
static unsigned int shrink(u64 left, unsigned int n, bool (*may_go)(const struct page *))
{
	unsigned int gone = 0;

	while (gone < n && left) {
		struct page *pg;

		spin_lock(&swap_lock);
		pg = take_one(&left, may_go);
		if (!pg && list_empty(&cache_list))
			left = 0;
		spin_unlock(&swap_lock);
		if (pg) {
			page_put(pg);
			gone++;
		}
	}
	return gone;
}

unsigned int swap_cache_shrink(unsigned int n)
{
	return shrink(READ_ONCE(cached), n, is_unmapped);
}

void swap_drop_kept(void)
{
	(void)shrink(READ_ONCE(cached), ~0u, is_kept);
}

/* ---- giving out slots ------------------------------------------------------------ */

/* The open area of highest priority that has room. */
static struct swap_area *area_with_room(void)
{
	struct swap_area *best = NULL;

	for (unsigned int i = 0; i < SWAP_AREAS; i++) {
		struct swap_area *sa = &swap_areas[i];

		if (!sa->sa_open || sa->sa_used == sa->sa_usable)
			continue;
		if (!best || sa->sa_prio > best->sa_prio)
			best = sa;
	}
	return best;
}

/* First free slot from the hand on; there is one. The hand goes round. */
static u64 next_free(struct swap_area *sa)
{
	u64 slot = sa->sa_hand;

	while (!slot_free(sa, slot))
		if (++slot >= sa->sa_nslots)
			slot = 1;
	return slot;
}

unsigned int swap_alloc(unsigned int n, u64 *first)
{
	unsigned int got = 0;
	struct swap_area *sa;
	bool tight = false;
	u64 slot;

	spin_lock(&swap_lock);
	sa = area_with_room();
	if (sa) {
		slot = next_free(sa);
		*first = (u64)(sa - swap_areas) << SWAP_SLOT_BITS | slot;
		for (; got < n && slot < sa->sa_nslots && slot_free(sa, slot); got++)
			sa->sa_count[slot++] = SLOT_NEW;
		sa->sa_hand = slot < sa->sa_nslots ? slot : 1;
		sa->sa_used += got;
		tight = sa->sa_used * 2 > sa->sa_usable;
	}
	spin_unlock(&swap_lock);
	/* So many slots for that many: none is kept when the area is full. */
	if (unlikely(tight))
		(void)shrink(4 * n, n, is_kept);
	return got;
}

/* ---- counting --------------------------------------------------------------------- */

bool swap_available(void)
{
	return swap_free_pages() != 0;
}

u64 swap_total_pages(void)
{
	u64 n = 0;

	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (READ_ONCE(swap_areas[i].sa_open))
			n += swap_areas[i].sa_usable;
	return n;
}

u64 swap_free_pages(void)
{
	u64 n = 0;

	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (READ_ONCE(swap_areas[i].sa_open))
			n += swap_areas[i].sa_usable - READ_ONCE(swap_areas[i].sa_used);
	return n;
}

u64 swap_cached_pages(void)
{
	return READ_ONCE(cached);
}
