/* SPDX-License-Identifier: MIT */
/*
 * Sleeping mutex. The owner word is the lock; mx_sleepers tells unlock whether
 * somebody has to be woken. A locker counts itself as sleeper before it looks at the
 * owner, unlock clears the owner before it looks at the count, and both are full
 * barriers: one of them sees the other.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/mutex.h"
#include "kernel/core/sched.h"

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank)
{
	m->mx_owner = NULL;
	atomic_set(&m->mx_sleepers, 0);
	spin_lock_init(&m->mx_lock, name, RANK_LEAF_OBJECT);
	waitq_init(&m->mx_wq);
	m->mx_rank = (u16)rank;
	m->mx_name = name;
}

static bool mutex_try(struct mutex *m)
{
	struct thread *none = NULL;

	return __atomic_compare_exchange_n(&m->mx_owner, &none, current, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static int mutex_lock_slow(struct mutex *m, enum thread_state state)
{
	int err = 0;

	atomic_inc_return(&m->mx_sleepers);
	spin_lock(&m->mx_lock);
	while (!err && !mutex_try(m))
		err = waitq_sleep_as(&m->mx_wq, &m->mx_lock, state, true,
				     NSEC_NEVER);
	spin_unlock(&m->mx_lock);
	atomic_dec(&m->mx_sleepers);
	return err;
}

void mutex_lock(struct mutex *m)
{
	lockrank_acquire_sleeping(m, m->mx_name, m->mx_rank, false);
	if (unlikely(!mutex_try(m)))
		(void)mutex_lock_slow(m, THREAD_BLOCKED);
}

int mutex_lock_interruptible(struct mutex *m)
{
	int err = 0;

	lockrank_acquire_sleeping(m, m->mx_name, m->mx_rank, false);
	if (unlikely(!mutex_try(m)))
		err = mutex_lock_slow(m, THREAD_SLEEPING);
	if (err)
		lockrank_release_sleeping(m);
	return err;
}

bool mutex_trylock(struct mutex *m)
{
	if (!mutex_try(m))
		return false;
	lockrank_acquire_sleeping(m, m->mx_name, m->mx_rank, true);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	KASSERT(mutex_held(m));
	lockrank_release_sleeping(m);
	__atomic_store_n(&m->mx_owner, NULL, __ATOMIC_SEQ_CST);
	if (unlikely(atomic_read(&m->mx_sleepers))) {
		spin_lock(&m->mx_lock);
		waitq_wake_one(&m->mx_wq, 0);
		spin_unlock(&m->mx_lock);
	}
}

bool mutex_held(const struct mutex *m)
{
	return READ_ONCE(m->mx_owner) == current;
}
