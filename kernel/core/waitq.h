/* SPDX-License-Identifier: MIT */
/*
 * Wait queues: the one sleep/wake primitive.
 *
 *	spin_lock(&obj->lock);
 *	while (!ready(obj)) {
 *		err = waitq_sleep(&obj->wq, &obj->lock);
 *		if (err) { spin_unlock(&obj->lock); return err; }
 *	}
 *
 * The condition changes under obj->lock, and wakers call waitq_wake_*() while
 * they hold it or after: no wake-up is lost. A waiter may also be a callback
 * (poll, epoll): then wr_fn runs, under wq_lock, instead of waking a thread.
 */
#ifndef KERNEL_CORE_WAITQ_H
#define KERNEL_CORE_WAITQ_H

#include <list.h>
#include "kernel/core/spinlock.h"
#include "kernel/x86/clock.h"		/* NSEC_NEVER */

/* thread.t_state; here because a sleep is described by it. */
enum thread_state {
	THREAD_NEW,		/* not yet started */
	THREAD_RUNNING,		/* running, or on a run queue */
	THREAD_SLEEPING,	/* interruptible */
	THREAD_BLOCKED,		/* uninterruptible */
	THREAD_KILLABLE,	/* only a fatal signal interrupts */
	THREAD_STOPPED,		/* job control */
	THREAD_DEAD,		/* will never run again */
};

struct thread;
struct waiter;

/*
 * Called under wq_lock, maybe in interrupt context. key: readiness mask of the
 * waker. True: counts as woken for "wake one".
 */
typedef bool (*waiter_fn)(struct waiter *w, u32 key);

struct waitq {
	struct spinlock wq_lock;
	struct list_head wq_waiters;	/* [wq_lock] */
};

struct waiter {
	struct list_head wr_link;	/* [wq_lock] */
	struct waitq *wr_wq;		/* queue it is on, NULL: none */
	struct thread *wr_thread;
	waiter_fn wr_fn;		/* NULL: wake wr_thread */
	bool wr_exclusive;		/* wake-one stops here */
	bool wr_woken;			/* set by the waker, who also unlinks it */
};

/* For a static object: WAITQ_INIT(its own name). */
#define WAITQ_INIT(wq) \
	{ .wq_lock = SPINLOCK_INIT("waitq", RANK_WAITQ), \
	  .wq_waiters = LIST_HEAD_INIT((wq).wq_waiters) }
void waitq_init(struct waitq *wq);

/* Cheap check for wakers that hold the lock which sleepers hold when they queue. */
static inline bool waitq_empty(const struct waitq *wq)
{
	return list_empty(&wq->wq_waiters);
}

/*
 * Sleep until woken, a signal (-ERESTARTSYS) or the deadline (-ETIMEDOUT;
 * NSEC_NEVER: none; clock_monotonic() time). lock is dropped while asleep and
 * held again on return, always. waitq_sleep_uninterruptible() returns only when
 * woken. A spurious return of 0 is possible: loop on the condition.
 */
int waitq_sleep(struct waitq *wq, struct spinlock *lock);
int waitq_sleep_until(struct waitq *wq, struct spinlock *lock, nsec_t deadline);
int waitq_sleep_exclusive(struct waitq *wq, struct spinlock *lock);
void waitq_sleep_uninterruptible(struct waitq *wq, struct spinlock *lock);
/* As waitq_sleep, for fatal signals only. */
int waitq_sleep_killable(struct waitq *wq, struct spinlock *lock);
/* The general form: a sleeping state, and whether wake-one stops at this waiter. */
int waitq_sleep_as(struct waitq *wq, struct spinlock *lock,
		   enum thread_state state, bool exclusive, nsec_t deadline);

void waitq_wake_all(struct waitq *wq, u32 key);
void waitq_wake_one(struct waitq *wq, u32 key);	/* all non-exclusive and one exclusive waiter */

/* For callbacks and for sleeping on several queues: link, unlink (idempotent). */
void waitq_add(struct waitq *wq, struct waiter *w);
void waitq_remove(struct waiter *w);
/*
 * Block the current thread after it has queued its own waiters: state must have
 * been set by thread_prepare_sleep(); returns 0 when woken, -ERESTARTSYS, -ETIMEDOUT.
 */
void thread_prepare_sleep(bool interruptible);
int thread_block_until(nsec_t deadline);

#endif
