/* SPDX-License-Identifier: MIT */
/*
 * Counters of what memory management does, per CPU, shown in /proc/vmstat.
 */
#ifndef MM_VMSTAT_H
#define MM_VMSTAT_H

#include <types.h>
#include "kernel/x86/percpu.h"

/* vmstat.c has their names, which are Linux's where Linux has the counter. */
enum vm_event {
	VE_MAJFAULT,
	/* Faults by kind: the cases at the head of fault.c. */
	VE_DEMAND_ZERO, VE_ZERO_READ, VE_COW, VE_TAKE_OVER, VE_FILE_READ,
	VE_FILE_COPY, VE_SHARED_WRITE, VE_STACK, VE_SWAP, VE_SPURIOUS, VE_MAPERR,
	VE_ACCERR, VE_BUS,
	VE_OWN_TABLE,			/* page tables copied or taken over, see ptshare.c */
	VE_FILE_AROUND,			/* pages mapped beside the one that faulted */
	/* Reclaim. */
	VE_SCAN_FILE, VE_SCAN_ANON, VE_STEAL_FILE, VE_STEAL_ANON, VE_LAZYFREED,
	VE_WRITTEN, VE_SWAPIN, VE_SWAPOUT, VE_DIRECT, VE_PAGEOUT_RUN, VE_OOM,
	VE_COUNT
};

DECLARE_PERCPU(u64, vm_events[VE_COUNT]);

/* A thread that is moved to another CPU in between makes the counters inexact by one. */
static inline void vm_event(enum vm_event e)
{
	this_cpu(vm_events[e])++;
}

static inline void vm_event_add(enum vm_event e, u64 n)
{
	this_cpu(vm_events[e]) += n;
}

u64 vm_event_count(enum vm_event e);	/* of all CPUs */
void vmstat_init(void);

#endif
