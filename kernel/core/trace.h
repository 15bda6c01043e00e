/* SPDX-License-Identifier: MIT */
/*
 * Static trace points: fixed-size records in per-CPU rings. Off: one load and a branch.
 */
#ifndef KERNEL_CORE_TRACE_H
#define KERNEL_CORE_TRACE_H

#include <compiler.h>
#include <types.h>

enum trace_event {
	TRACE_SYSCALL_ENTER, TRACE_SYSCALL_EXIT, TRACE_SWITCH, TRACE_WAKE,
	TRACE_FAULT, TRACE_PAGE_ALLOC, TRACE_PAGE_FREE, TRACE_IRQ,
	TRACE_FORK, TRACE_EXEC, TRACE_EXIT, TRACE_SIGNAL, TRACE_BLKIO, TRACE_PACKET,
	TRACE_NEVENTS
};

struct trace_record {
	u64 tr_tsc;
	u32 tr_event;
	u32 tr_tid;
	u64 tr_arg[4];
};

extern u32 trace_mask;			/* bit per event */

void trace_write(enum trace_event ev, u64 a, u64 b, u64 c, u64 d);

static inline void trace(enum trace_event ev, u64 a, u64 b, u64 c, u64 d)
{
	if (unlikely(READ_ONCE(trace_mask) & 1u << ev))
		trace_write(ev, a, b, c, d);
}

void trace_print_newest(unsigned int n);	/* for panic */

#endif
