/* SPDX-License-Identifier: MIT */
/*
 * Sleeping reader/writer lock. rw_state is the lock: the number of readers, or
 * -1. As in mutex.c, who fails counts itself as sleeper and tries again before it
 * sleeps, and who releases looks at that count after it has let go.
 * Readers stay out while a writer waits, so a stream of readers cannot starve it;
 * therefore a thread must not take a lock for reading twice.
 *
 * What is slow is in functions of its own, so that the rest needs no stack frame: each page fault
 * comes by here.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/rwlock.h"
#include "kernel/core/sched.h"

void rwlock_init(struct rwlock *rw, const char *name, enum lock_rank rank)
{
	atomic_set(&rw->rw_state, 0);
	atomic_set(&rw->rw_writers, 0);
	atomic_set(&rw->rw_sleepers, 0);
	rw->rw_writer = NULL;
	spin_lock_init(&rw->rw_lock, name, RANK_LEAF_OBJECT);
	waitq_init(&rw->rw_wq);
	rw->rw_rank = (u16)rank;
	rw->rw_name = name;
}

static bool try_read(struct rwlock *rw)
{
	s32 s = atomic_read(&rw->rw_state);

	while (s >= 0 && atomic_read(&rw->rw_writers) == 0) {
		s32 found = atomic_cmpxchg(&rw->rw_state, s, s + 1);

		if (found == s)
			return true;
		s = found;
	}
	return false;
}

static bool try_write(struct rwlock *rw)
{
	return atomic_cmpxchg(&rw->rw_state, 0, -1) == 0;
}

/* Somebody may be able to go on: let all sleepers look again. */
static __noinline void wake_sleepers(struct rwlock *rw)
{
	spin_lock(&rw->rw_lock);
	waitq_wake_all(&rw->rw_wq, 0);
	spin_unlock(&rw->rw_lock);
}

static __noinline void read_slow(struct rwlock *rw)
{
	atomic_inc_return(&rw->rw_sleepers);
	spin_lock(&rw->rw_lock);
	while (!try_read(rw))
		waitq_sleep_uninterruptible(&rw->rw_wq, &rw->rw_lock);
	spin_unlock(&rw->rw_lock);
	atomic_dec(&rw->rw_sleepers);
}

static __noinline int write_slow(struct rwlock *rw, bool killable)
{
	int err = 0;

	atomic_inc_return(&rw->rw_sleepers);
	atomic_inc_return(&rw->rw_writers);
	spin_lock(&rw->rw_lock);
	while (!try_write(rw)) {
		if (!killable) {
			waitq_sleep_uninterruptible(&rw->rw_wq, &rw->rw_lock);
			continue;
		}
		err = waitq_sleep_killable(&rw->rw_wq, &rw->rw_lock);
		if (err)
			break;
	}
	atomic_dec(&rw->rw_writers);
	/* Readers that this writer has held up must not sleep on. */
	if (err)
		waitq_wake_all(&rw->rw_wq, 0);
	spin_unlock(&rw->rw_lock);
	atomic_dec(&rw->rw_sleepers);
	return err;
}

void rwlock_read(struct rwlock *rw)
{
	lockrank_acquire_sleeping(rw, rw->rw_name, rw->rw_rank, false);
	if (unlikely(!try_read(rw)))
		read_slow(rw);
}

void rwlock_read_unlock(struct rwlock *rw)
{
	s32 left;

	lockrank_release_sleeping(rw);
	left = atomic_dec_return(&rw->rw_state);
	KASSERT(left >= 0);
	if (unlikely(left == 0 && atomic_read(&rw->rw_sleepers)))
		wake_sleepers(rw);
}

void rwlock_write(struct rwlock *rw)
{
	lockrank_acquire_sleeping(rw, rw->rw_name, rw->rw_rank, false);
	if (unlikely(!try_write(rw)))
		(void)write_slow(rw, false);
	rw->rw_writer = current;
}

void rwlock_write_nested(struct rwlock *rw)
{
	lockrank_acquire_sleeping(rw, rw->rw_name, rw->rw_rank, true);
	if (unlikely(!try_write(rw)))
		(void)write_slow(rw, false);
	rw->rw_writer = current;
}

int rwlock_write_killable(struct rwlock *rw)
{
	lockrank_acquire_sleeping(rw, rw->rw_name, rw->rw_rank, false);
	if (unlikely(!try_write(rw)) && write_slow(rw, true)) {
		lockrank_release_sleeping(rw);
		return -EINTR;
	}
	rw->rw_writer = current;
	return 0;
}

bool rwlock_write_try(struct rwlock *rw)
{
	if (!try_write(rw))
		return false;
	lockrank_note_sleeping(rw, rw->rw_name, rw->rw_rank);
	rw->rw_writer = current;
	return true;
}

void rwlock_write_unlock(struct rwlock *rw)
{
	KASSERT(rwlock_write_held(rw));
	lockrank_release_sleeping(rw);
	rw->rw_writer = NULL;
	atomic_xchg(&rw->rw_state, 0);
	if (unlikely(atomic_read(&rw->rw_sleepers)))
		wake_sleepers(rw);
}

bool rwlock_write_held(const struct rwlock *rw)
{
	return READ_ONCE(rw->rw_writer) == current;
}

bool rwlock_held(const struct rwlock *rw)
{
	return atomic_read(&rw->rw_state) != 0;
}
