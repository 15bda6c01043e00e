/* SPDX-License-Identifier: MIT */
/*
 * When memory runs short: the page-out thread, which works ahead of need, and what an allocation
 * does that finds nothing.
 *
 *	free frames
 *	  high  ---- the thread stops
 *	  low   ---- the thread starts (pageout_wake)
 *	  reserve -- ordinary allocations find nothing: page_reclaim(), by the one who needs it
 *	  0     ---- interrupts, and reclaim itself, may go down to here
 *
 * Who needs memory at once may hold any lock of a file system. So he frees clean pages and
 * writes to swap, which takes no such locks, and leaves files' dirty pages and the name cache
 * to the thread, for which he waits. Only when that gives nothing either and the memory is for
 * user pages, a process is killed.
 *
 * Locks: none held by the thread. reclaim_lock: what the thread and its waiters tell each other.
 */
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/panic.h"
#include "kernel/core/thread.h"
#include "mm/area.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/vmalloc.h"
#include "mm/vmstat.h"

#define BATCH		64		/* pages that one call tries to free */
#define BUDGET		4096		/* pages it looks at for that */
#define ROUNDS_MAX	64		/* for one allocation that keeps losing what it freed */
#define WAIT_MAX	(500 * NSEC_PER_MSEC)	/* for the thread, which may wait for a disk */

static struct spinlock reclaim_lock = SPINLOCK_INIT("reclaim", RANK_LEAF_OBJECT);
static struct waitq wanted_wq = WAITQ_INIT(wanted_wq);	/* the thread sleeps here */
static struct waitq done_wq = WAITQ_INIT(done_wq);	/* who waits for a round of it */
static bool wanted;				/* [reclaim_lock] */
static u64 rounds_begun, rounds_done;		/* [reclaim_lock] */
static unsigned long last_freed;		/* [reclaim_lock] by the last round */
static struct thread *pageout_thread;		/* [I] once it runs */

void thread_pause(u64 nsec)
{
	thread_prepare_sleep(false);
	(void)thread_block_until(clock_monotonic() + nsec);
}

/* Free about want pages: what is cheapest first. */
static unsigned long free_some(unsigned long want, bool is_thread)
{
	unsigned long freed, at = 0;

	current->t_reclaiming = true;
	freed = swap_cache_shrink((unsigned int)want / 2);
	/* The first time round finds what was used and forgets it, the second what is cold. */
	for (; freed < want && at < 3; at++) {
		freed += object_clock(want - freed, BUDGET, is_thread);
		if (freed < want)
			freed += pageout_clock(want - freed, BUDGET);
	}
	if (freed == 0 && is_thread)
		freed = cache_reclaim(want);
	current->t_reclaiming = false;
	return freed;
}

/* ---- the thread ---------------------------------------------------------------- */

void pageout_wake(void)
{
	irqflags_t f = spin_lock_irqsave(&reclaim_lock);

	if (!wanted) {
		wanted = true;
		waitq_wake_one(&wanted_wq, 0);
	}
	spin_unlock_irqrestore(&reclaim_lock, f);
}

static void wait_for_work(void)
{
	irqflags_t f = spin_lock_irqsave(&reclaim_lock);

	while (!wanted)
		waitq_sleep_uninterruptible(&wanted_wq, &reclaim_lock);
	wanted = false;
	rounds_begun++;
	spin_unlock_irqrestore(&reclaim_lock, f);
}

static void round_done(unsigned long freed)
{
	irqflags_t f = spin_lock_irqsave(&reclaim_lock);

	rounds_done = rounds_begun;
	last_freed = freed;
	waitq_wake_all(&done_wq, 0);
	spin_unlock_irqrestore(&reclaim_lock, f);
}

static __noreturn void pageout(void *arg)
{
	(void)arg;
	for (;;) {
		unsigned long freed = 0;

		wait_for_work();
		vm_event(VE_PAGEOUT_RUN);
		do {
			unsigned long n = free_some(BATCH, true);

			freed += n;
			if (n == 0)
				break;
		} while (page_free_count() < page_high_water());
		round_done(freed);
	}
}

/* Wait for a round of the thread that begins after this. True: it has freed something. */
static bool wait_for_thread(void)
{
	irqflags_t f;
	bool freed;
	u64 round;

	pageout_wake();
	f = spin_lock_irqsave(&reclaim_lock);
	round = rounds_begun + wanted;
	while (rounds_done < round)
		if (waitq_sleep_as(&done_wq, &reclaim_lock, THREAD_BLOCKED, false,
				   clock_monotonic() + WAIT_MAX))
			break;
	freed = rounds_done >= round && last_freed != 0;
	spin_unlock_irqrestore(&reclaim_lock, f);
	return freed;
}

/* ---- who needs memory now ------------------------------------------------------- */

bool page_reclaim(unsigned int order, unsigned int flags, unsigned int round)
{
	/* At boot there is nothing to reclaim yet. */
	if (!pageout_thread || current == pageout_thread || round >= ROUNDS_MAX)
		return false;
	vm_event(VE_DIRECT);
	kstack_trim(0);
	slab_shrink();
	if (free_some(max_t(unsigned long, BATCH, 1ul << order), false) ||
	    page_available(order) || wait_for_thread() || page_available(order))
		return true;
	return flags & ALLOC_USER && oom_kill();
}

void reclaim_init(void)
{
	if (kthread_create(pageout, NULL, "kswapd", &pageout_thread))
		panic("no memory for the page-out thread");
}
