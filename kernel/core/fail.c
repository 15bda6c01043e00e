/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: the slow half of should_fail(), for threads that have asked
 * for it through /proc/self/task/TID/fail-nth.
 */
#include "kernel/core/fail.h"

bool fail_slow(struct thread *t)
{
	return --t->t_fail_nth == 0;
}
