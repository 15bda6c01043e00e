/* SPDX-License-Identifier: MIT */
/*
 * Wait queues, and blocking of the current thread with time-out and signals.
 *
 * Why no wake-up is lost. A sleeper sets its state, queues its waiter and only then drops
 * the object's lock; a waker changes the condition under that lock and then walks
 * the queue. So the waker either sees the waiter, or comes before the sleeper
 * looked at the condition. If the wake-up arrives before schedule(), it finds the
 * thread still on its run queue and just sets its state back to running.
 *
 * Why a waiter may live on the stack. A waker touches it under wq_lock only, and
 * clears wr_wq last of all; waitq_remove() trusts wr_wq == NULL and takes the lock otherwise.
 *
 * Locks: wq_lock, with interrupts off, inside the object's lock and outside
 * the run queue's. Wakers may be in interrupt context.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/mutex.h"
#include "kernel/core/sched.h"
#include "kernel/core/waitq.h"

void waitq_init(struct waitq *wq)
{
	spin_lock_init(&wq->wq_lock, "waitq", RANK_WAITQ);
	list_init(&wq->wq_waiters);
}

void waitq_add(struct waitq *wq, struct waiter *w)
{
	irqflags_t f = spin_lock_irqsave(&wq->wq_lock);

	w->wr_wq = wq;
	w->wr_woken = false;
	/* Wake-one must reach everybody who is not exclusive: they come first. */
	if (w->wr_exclusive)
		list_add_tail(&w->wr_link, &wq->wq_waiters);
	else
		list_add(&w->wr_link, &wq->wq_waiters);
	spin_unlock_irqrestore(&wq->wq_lock, f);
}

void waitq_remove(struct waiter *w)
{
	struct waitq *wq = smp_load_acquire(&w->wr_wq);
	irqflags_t f;

	if (!wq)
		return;
	f = spin_lock_irqsave(&wq->wq_lock);
	if (w->wr_wq) {
		list_del(&w->wr_link);
		w->wr_wq = NULL;
	}
	spin_unlock_irqrestore(&wq->wq_lock, f);
}

/* Wake one waiter under wq_lock; returns whether it counts for wake-one. */
static bool waiter_wake(struct waiter *w, u32 key)
{
	if (w->wr_fn)
		return w->wr_fn(w, key);
	list_del(&w->wr_link);
	w->wr_woken = true;
	sched_wake(w->wr_thread, WAKE_ANY_SLEEP);
	smp_store_release(&w->wr_wq, NULL);
	return true;
}

static void waitq_wake(struct waitq *wq, u32 key, bool one)
{
	struct waiter *w, *next;
	irqflags_t f = spin_lock_irqsave(&wq->wq_lock);

	list_for_each_entry_safe(w, next, &wq->wq_waiters, wr_link) {
		bool exclusive = w->wr_exclusive;

		if (waiter_wake(w, key) && exclusive && one)
			break;
	}
	spin_unlock_irqrestore(&wq->wq_lock, f);
}

void waitq_wake_all(struct waitq *wq, u32 key)
{
	waitq_wake(wq, key, false);
}

void waitq_wake_one(struct waitq *wq, u32 key)
{
	waitq_wake(wq, key, true);
}

/* Is there a reason for the current thread not to sleep in this state? */
static bool sleep_interrupted(struct thread *t, enum thread_state state)
{
	int work;

	if (state == THREAD_BLOCKED)
		return false;
	work = atomic_read(&t->t_work);
	if (likely(!(work & (TW_SIGNAL | TW_STOP | TW_EXIT))))
		return false;
	if (work & TW_EXIT)
		return true;
	if (state == THREAD_KILLABLE)
		return false;
	return (work & TW_STOP) || signal_pending_slow(t);
}

/*
 * Announce that the current thread is about to sleep. The barrier orders the
 * state before the look at signals, wait queues and conditions that follows.
 */
static void prepare_sleep(enum thread_state state)
{
	struct thread *t = current;

	WRITE_ONCE(t->t_state, state);
	smp_mb();
}

void thread_prepare_sleep(bool interruptible)
{
	prepare_sleep(interruptible ? THREAD_SLEEPING : THREAD_BLOCKED);
}

static void sleep_timer_fired(struct timer *tm)
{
	sched_wake(container_of(tm, struct thread, t_sleep_timer),
		   WAKE_ANY_SLEEP);
}

/*
 * Sleep in the state that was announced. 0: woken (or spurious), -ERESTARTSYS:
 * signal, -ETIMEDOUT: deadline. The state is THREAD_RUNNING again.
 */
int thread_block_until(nsec_t deadline)
{
	struct thread *t = current;
	enum thread_state state = READ_ONCE(t->t_state);

	lockrank_assert_may_sleep();
	/* Nobody may wait for I/O that we hold back. */
	if (unlikely(t->t_plugged))
		blk_flush_plug();
	/* A waker was faster than we: nothing to wait for. */
	if (state == THREAD_RUNNING)
		return 0;
	if (sleep_interrupted(t, state)) {
		WRITE_ONCE(t->t_state, THREAD_RUNNING);
		return -ERESTARTSYS;
	}
	if (deadline == NSEC_NEVER) {
		schedule();
	} else if (clock_monotonic() < deadline) {
		timer_setup(&t->t_sleep_timer, sleep_timer_fired);
		timer_set(&t->t_sleep_timer, deadline);
		schedule();
		timer_cancel_sync(&t->t_sleep_timer);
	}
	WRITE_ONCE(t->t_state, THREAD_RUNNING);
	if (sleep_interrupted(t, state))
		return -ERESTARTSYS;
	if (deadline != NSEC_NEVER && clock_monotonic() >= deadline)
		return -ETIMEDOUT;
	return 0;
}

int waitq_sleep_as(struct waitq *wq, struct spinlock *lock,
		   enum thread_state state, bool exclusive, nsec_t deadline)
{
	struct waiter w = { .wr_thread = current, .wr_exclusive = exclusive };
	int err;

	KASSERT(lock_held(lock));
	prepare_sleep(state);
	waitq_add(wq, &w);
	current->t_wchan = __builtin_return_address(0);
	spin_unlock(lock);
	err = thread_block_until(deadline);
	waitq_remove(&w);
	spin_lock(lock);
	current->t_wchan = NULL;
	/* A wake-up that was meant for us alone must not be lost to a signal. */
	return w.wr_woken ? 0 : err;
}

int waitq_sleep(struct waitq *wq, struct spinlock *lock)
{
	return waitq_sleep_as(wq, lock, THREAD_SLEEPING, false, NSEC_NEVER);
}

int waitq_sleep_until(struct waitq *wq, struct spinlock *lock, nsec_t deadline)
{
	return waitq_sleep_as(wq, lock, THREAD_SLEEPING, false, deadline);
}

int waitq_sleep_exclusive(struct waitq *wq, struct spinlock *lock)
{
	return waitq_sleep_as(wq, lock, THREAD_SLEEPING, true, NSEC_NEVER);
}

int waitq_sleep_killable(struct waitq *wq, struct spinlock *lock)
{
	return waitq_sleep_as(wq, lock, THREAD_KILLABLE, false, NSEC_NEVER);
}

void waitq_sleep_uninterruptible(struct waitq *wq, struct spinlock *lock)
{
	(void)waitq_sleep_as(wq, lock, THREAD_BLOCKED, false, NSEC_NEVER);
}

void completion_init(struct completion *c)
{
	spin_lock_init(&c->co_lock, "completion", RANK_LEAF_OBJECT);
	waitq_init(&c->co_wq);
	c->co_done = false;
}

void complete(struct completion *c)
{
	irqflags_t f = spin_lock_irqsave(&c->co_lock);

	c->co_done = true;
	waitq_wake_all(&c->co_wq, 0);
	spin_unlock_irqrestore(&c->co_lock, f);
}

int completion_wait(struct completion *c, bool killable)
{
	irqflags_t f = spin_lock_irqsave(&c->co_lock);
	int err = 0;

	while (!c->co_done && !err) {
		if (killable)
			err = waitq_sleep_killable(&c->co_wq, &c->co_lock);
		else
			waitq_sleep_uninterruptible(&c->co_wq, &c->co_lock);
	}
	if (c->co_done)
		err = 0;
	spin_unlock_irqrestore(&c->co_lock, f);
	return err ? -EINTR : 0;
}
