/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: whatever can fail for want of a resource asks here. The n-th
 * question of a task that wrote n to its fail-nth is answered with true.
 */
#ifndef KERNEL_CORE_FAIL_H
#define KERNEL_CORE_FAIL_H

#include "kernel/core/thread.h"

bool fail_slow(struct thread *t);

static inline bool should_fail(void)
{
	struct thread *t = current;

	return unlikely(t && t->t_fail_nth) && !in_interrupt() && fail_slow(t);
}

#endif
