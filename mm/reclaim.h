/* SPDX-License-Identifier: MIT */
/*
 * Memory back from those who can do without: reclaim.c (what, in which order, and what if there
 * is nothing), pageout.c (private pages), objreclaim.c (pages of objects).
 */
#ifndef MM_RECLAIM_H
#define MM_RECLAIM_H

#include "mm/scanlist.h"

struct vmspace;

extern struct scan_list vmspace_scan, vm_object_scan;

/* ---- overcommit.c ---- */

/* May pages more be promised? */
bool vm_may_commit(u64 pages, bool noreserve);
u64 vm_committed(void);			/* pages promised now */
u64 vm_commit_limit(void);		/* in mode 2 */
void overcommit_init(void);

/* ---- reclaim.c ---- */

/* Starts the page-out thread. */
void reclaim_init(void);
/* The current thread does nothing for so long. */
void thread_pause(u64 nsec);

/* ---- pageout.c ---- */

/* How a range of private pages is gone over. */
enum pageout_how {
	PAGEOUT_CLOCK,		/* second chance: used since the last time stays */
	PAGEOUT_NOW,		/* MADV_PAGEOUT */
	PAGEOUT_COLD,		/* MADV_COLD: only forget that it was used */
	PAGEOUT_FREE,		/* MADV_FREE: may be dropped unless it is written to again */
};

/* Go on with the clock over up to budget entries; frees want pages, if it can. How many. */
unsigned long pageout_clock(unsigned long want, unsigned long budget);
/* The same for the private pages in [start, end) of vm. vm_lock not held. */
void pageout_range(struct vmspace *vm, u64 start, u64 end, enum pageout_how how);

/* ---- objreclaim.c ---- */

/*
 * Go on with the clock over up to budget pages of objects; frees want. write: dirty pages of
 * files may be written, which may wait for locks of the file system.
 */
unsigned long object_clock(unsigned long want, unsigned long budget, bool write);

#endif
