/* SPDX-License-Identifier: MIT */
/*
 * Host shim: per-CPU variables are arrays, and the test says which CPU is
 * "running". It moves between CPUs only where a kernel thread could.
 */
#ifndef KERNEL_X86_PERCPU_H
#define KERNEL_X86_PERCPU_H

#include "types.h"

#define MAX_CPUS	4

struct thread;

extern unsigned int shim_cpu;
extern bool shim_in_interrupt;
extern unsigned int ncpus;

#define DEFINE_PERCPU(type, name)	__typeof__(type) name[MAX_CPUS]
#define DECLARE_PERCPU(type, name)	extern __typeof__(type) name[MAX_CPUS]

#define this_cpu(var)		((var)[shim_cpu])
#define this_cpu_ptr(var)	(&(var)[shim_cpu])
#define percpu_ptr(var, cpu)	(&(var)[cpu])

extern struct thread shim_thread;
#define current		(&shim_thread)

static inline unsigned int cpu_id(void)
{
	return shim_cpu;
}

static inline bool in_interrupt(void)
{
	return shim_in_interrupt;
}

#endif
