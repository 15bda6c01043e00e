/* SPDX-License-Identifier: MIT */
/*
 * Time-outs of system calls: struct timespec to clock_monotonic() deadlines.
 */
#ifndef IPC_DEADLINE_H
#define IPC_DEADLINE_H

#include <abi/time.h>
#include "kernel/core/timer.h"

static inline bool timespec_valid(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && (u64)ts->tv_nsec < NSEC_PER_SEC;
}

/* A valid span or time in ns; NSEC_NEVER if it does not fit. */
static inline nsec_t timespec_nsec(const struct timespec *ts)
{
	if ((u64)ts->tv_sec >= NSEC_NEVER / NSEC_PER_SEC / 2)
		return NSEC_NEVER;
	return (u64)ts->tv_sec * NSEC_PER_SEC + (u64)ts->tv_nsec;
}

/* When a span that starts now is over. */
static inline nsec_t deadline_after(nsec_t span)
{
	return span == NSEC_NEVER ? NSEC_NEVER : clock_monotonic() + span;
}

#endif
