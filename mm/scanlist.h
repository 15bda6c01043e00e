/* SPDX-License-Identifier: MIT */
/*
 * What reclaim goes round: all address spaces, all objects with pages. The list is the clock:
 * the next one is the first, and goes to the end. What is being looked at is pinned, and who
 * takes it off the list waits until it is not; so reclaim needs no reference, and never is
 * the one who lets go of the last.
 */
#ifndef MM_SCANLIST_H
#define MM_SCANLIST_H

#include <list.h>
#include "kernel/core/spinlock.h"
#include "kernel/core/waitq.h"

struct scan_item {
	struct list_head si_link;	/* [sl_lock] */
	u32 si_pins;			/* [sl_lock] */
	bool si_listed;			/* [sl_lock]; set once, before anybody can remove it */
};

struct scan_list {
	struct spinlock sl_lock;
	struct list_head sl_items;	/* [sl_lock] */
	u32 sl_count;			/* [sl_lock] */
	struct waitq sl_wq;		/* scan_remove() waits for pins */
};

#define SCAN_LIST_INIT(sl) \
	{ .sl_lock = SPINLOCK_INIT("scan_list", RANK_LEAF_OBJECT), \
	  .sl_items = LIST_HEAD_INIT((sl).sl_items), .sl_wq = WAITQ_INIT((sl).sl_wq) }

static inline void scan_item_init(struct scan_item *si)
{
	si->si_pins = 0;
	si->si_listed = false;
}

void scan_add(struct scan_list *sl, struct scan_item *si);
/* Nobody looks at it any more afterwards. Nothing if it was never added. May sleep. */
void scan_remove(struct scan_list *sl, struct scan_item *si);
/* The next one, pinned; NULL: there is none. */
struct scan_item *scan_next(struct scan_list *sl);
void scan_unpin(struct scan_list *sl, struct scan_item *si);

#endif
