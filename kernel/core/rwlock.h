/* SPDX-License-Identifier: MIT */
/*
 * Sleeping reader/writer lock; writers are preferred over new readers, so that
 * they do not starve. Uncontended: one compare-and-swap.
 */
#ifndef KERNEL_CORE_RWLOCK_H
#define KERNEL_CORE_RWLOCK_H

#include <atomic.h>
#include "kernel/core/waitq.h"

struct rwlock {
	atomic_t rw_state;		/* [a] number of readers, or -1 for a writer */
	atomic_t rw_writers;		/* [a] writers that wait: new readers queue up, too */
	atomic_t rw_sleepers;		/* [a] all threads in a slow path */
	struct thread *rw_writer;	/* [o] for assertions */
	struct spinlock rw_lock;
	struct waitq rw_wq;
	u16 rw_rank;
	const char *rw_name;
};

void rwlock_init(struct rwlock *rw, const char *name, enum lock_rank rank);
void rwlock_read(struct rwlock *rw);
void rwlock_read_unlock(struct rwlock *rw);
void rwlock_write(struct rwlock *rw);
void rwlock_write_nested(struct rwlock *rw);	/* second of one rank, see docs/locks.md */
int rwlock_write_killable(struct rwlock *rw);	/* -EINTR */
bool rwlock_write_try(struct rwlock *rw);	/* never waits: whatever is held, in any order */
void rwlock_write_unlock(struct rwlock *rw);
bool rwlock_write_held(const struct rwlock *rw);
bool rwlock_held(const struct rwlock *rw);	/* by anybody */

#endif
