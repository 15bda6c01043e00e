/* SPDX-License-Identifier: MIT */
/*
 * Sleeping mutex. Uncontended: one compare-and-swap. Not from interrupts.
 */
#ifndef KERNEL_CORE_MUTEX_H
#define KERNEL_CORE_MUTEX_H

#include <atomic.h>
#include "kernel/core/waitq.h"

struct mutex {
	struct thread *mx_owner;	/* [a] NULL: free */
	atomic_t mx_sleepers;		/* [a] threads in the slow path */
	struct spinlock mx_lock;
	struct waitq mx_wq;		/* [mx_lock] */
	u16 mx_rank;			/* [I] */
	const char *mx_name;		/* [I] */
};

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank);
void mutex_lock(struct mutex *m);
int mutex_lock_interruptible(struct mutex *m);	/* -ERESTARTSYS */
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m);		/* by the current thread */

#endif
