/* SPDX-License-Identifier: MIT */
/*
 * The buddy lists behind page.c; nobody else uses them. All with buddy_lock held,
 * interrupts off.
 */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include "kernel/core/spinlock.h"
#include "mm/page.h"

extern struct spinlock buddy_lock;	/* RANK_BUDDY */

/*
 * A block of 2^order frames, pg_ref 0, or NULL when that would leave fewer than keep frames
 * free.
 */
struct page *buddy_take(unsigned int order, u64 keep);
/*
 * Up to 2^order single frames, into out: a free block that is no larger, if there is one, so that
 * splinters are used up first. Returns how many; 0 as above.
 */
u32 buddy_take_singles(unsigned int order, u64 keep, struct page **out);
/* Put a block back and join it with its free buddies. */
void buddy_give(struct page *pg, unsigned int order);
/* All of [start, end), in the largest aligned blocks. */
void buddy_give_range(u64 pfn_start, u64 pfn_end);
u64 buddy_free_frames(void);		/* any context, no lock */
void buddy_init(void);			/* registers the report */

#endif
