/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator: free memory as blocks of 2^order frames, aligned to their
 * size, on one list per order. A block that is freed joins its buddy (the
 * block whose frame number differs in bit `order`) when that is free, too. page.c
 * calls it; most single pages never come this far but stay in the CPU caches there.
 *
 * Invariants:
 *  1. Exactly the head of a free block has PG_BUDDY; its pg_order is the list it is on.
 *  2. No two buddies of one order are both free (they would be one block).
 *  3. buddy_free equals the frames on all lists.
 * A buddy's struct page always exists: vmemmap is mapped in units of the largest block.
 *
 * Locks: buddy_lock, a leaf, with interrupts off, since handlers allocate.
 */
#include <bits.h>
#include <kassert.h>
#include "kernel/core/statreg.h"
#include "mm/buddy.h"

struct spinlock buddy_lock = SPINLOCK_INIT("buddy", RANK_BUDDY);

static struct list_head free_lists[PAGE_MAX_ORDER + 1] = {	/* [buddy_lock] */
	LIST_HEAD_INIT(free_lists[0]), LIST_HEAD_INIT(free_lists[1]),
	LIST_HEAD_INIT(free_lists[2]), LIST_HEAD_INIT(free_lists[3]),
	LIST_HEAD_INIT(free_lists[4]), LIST_HEAD_INIT(free_lists[5]),
	LIST_HEAD_INIT(free_lists[6]), LIST_HEAD_INIT(free_lists[7]),
	LIST_HEAD_INIT(free_lists[8]), LIST_HEAD_INIT(free_lists[9]),
	LIST_HEAD_INIT(free_lists[10]),
};
BUILD_ASSERT(PAGE_MAX_ORDER == 10);

static u64 free_blocks[PAGE_MAX_ORDER + 1];	/* [buddy_lock] */
static u64 buddy_free;				/* [buddy_lock] */

static void block_insert(struct page *pg, unsigned int order)
{
	pg->pg_flags = PG_BUDDY;
	pg->pg_order = (u8)order;
	list_add(&pg->pg_free, &free_lists[order]);
	free_blocks[order]++;
}

static void block_remove(struct page *pg, unsigned int order)
{
	KASSERT(pg->pg_flags == PG_BUDDY && pg->pg_order == order);
	list_del(&pg->pg_free);
	free_blocks[order]--;
	pg->pg_flags = 0;
}

struct page *buddy_take(unsigned int order, u64 keep)
{
	struct page *pg;
	unsigned int have = order;

	KASSERT(lock_held(&buddy_lock));
	KASSERT(order <= PAGE_MAX_ORDER);
	if (buddy_free < keep + (1ul << order))
		return NULL;
	while (list_empty(&free_lists[have]))
		if (++have > PAGE_MAX_ORDER)
			return NULL;
	pg = list_first_entry(&free_lists[have], struct page, pg_free);
	block_remove(pg, have);
	/* Keep the lower half, free the upper, until it is as small as wanted. */
	while (have > order) {
		have--;
		block_insert(pg + (1ul << have), have);
	}
	buddy_free -= 1ul << order;
	KASSERT(atomic_read(&pg->pg_ref) == 0);
	return pg;
}

u32 buddy_take_singles(unsigned int order, u64 keep, struct page **out)
{
	unsigned int have = 0;
	struct page *pg;

	while (have < order && list_empty(&free_lists[have]))
		have++;
	pg = buddy_take(have, keep);
	if (!pg && have > 0)
		pg = buddy_take(have = 0, keep);
	if (!pg)
		return 0;
	for (u32 i = 0; i < 1u << have; i++)
		out[i] = pg + i;
	return 1u << have;
}

void buddy_give(struct page *pg, unsigned int order)
{
	u64 pfn = page_to_pfn(pg);

	KASSERT(lock_held(&buddy_lock));
	KASSERT_MSG(IS_ALIGNED(pfn, 1ul << order) && !(pg->pg_flags & PG_BUDDY),
		    "pfn %lx order %u flags %x", pfn, order, pg->pg_flags);
	buddy_free += 1ul << order;
	while (order < PAGE_MAX_ORDER) {
		struct page *buddy = pfn_to_page(pfn ^ 1ul << order);

		if (buddy->pg_flags != PG_BUDDY || buddy->pg_order != order)
			break;
		block_remove(buddy, order);
		pfn &= ~(1ul << order);
		order++;
	}
	block_insert(pfn_to_page(pfn), order);
}

void buddy_give_range(u64 pfn_start, u64 pfn_end)
{
	while (pfn_start < pfn_end) {
		unsigned int order = PAGE_MAX_ORDER;

		if (pfn_start)
			order = min_t(unsigned int, order, ctz64(pfn_start));
		order = min_t(unsigned int, order,
			      log2_floor(pfn_end - pfn_start));
		buddy_give(pfn_to_page(pfn_start), order);
		pfn_start += 1ul << order;
	}
}

u64 buddy_free_frames(void)
{
	return READ_ONCE(buddy_free);
}

/* /proc/buddyinfo, in Linux's form: free blocks of each order. */
static void buddyinfo_show(struct statbuf *sb)
{
	stat_printf(sb, "Node 0, zone   Normal ");
	for (unsigned int i = 0; i <= PAGE_MAX_ORDER; i++)
		stat_printf(sb, "%6lu ", READ_ONCE(free_blocks[i]));
	stat_printf(sb, "\n");
}

static struct statreport buddyinfo_report = {
	.sr_name = "buddyinfo",
	.sr_show = buddyinfo_show,
};

void buddy_init(void)
{
	statreport_register(&buddyinfo_report);
}
