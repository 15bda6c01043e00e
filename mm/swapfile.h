/* SPDX-License-Identifier: MIT */
/* Inside of swap: what swap.c (slots, cache) and swapfile.c (opening, closing) share. */
#ifndef MM_SWAPFILE_H
#define MM_SWAPFILE_H

#include "kernel/core/spinlock.h"
#include "kernel/core/waitq.h"
#include "mm/page.h"
#include "mm/swap.h"

#define SLOT_BAD	0xffff		/* sa_count of a slot that is not to be used */
#define SLOT_NEW	0xfffe		/* of one that is one's, and not for read-ahead: see swap.c */

struct swap_area {			/* all [swap_lock]; what open set up, until it is closed */
	bool sa_used_entry;		/* the struct is taken */
	bool sa_open;			/* slots may be allocated */
	int sa_prio;
	const struct swap_ops *sa_ops;
	void *sa_owner;
	u64 sa_nslots;			/* with the header and the bad ones */
	u64 sa_usable, sa_used;
	u64 sa_hand;			/* next-fit */
	u16 *sa_count;
	u32 *sa_page;
};

extern struct spinlock swap_lock;
extern struct swap_area swap_areas[SWAP_AREAS];

#endif
