/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU variables. DEFINE_PERCPU() places the prototype in section .percpu;
 * each CPU has a copy of that section, and its GS base is the distance from the
 * prototype to the copy, so this_cpu(x) is one %gs-relative access.
 *
 * The kernel is not preempted (it switches only where it sleeps or returns to
 * user mode), so a this_cpu() value stays true until the next sleep.
 */
#ifndef KERNEL_X86_PERCPU_H
#define KERNEL_X86_PERCPU_H

#include <types.h>

#define MAX_CPUS	16

#define DEFINE_PERCPU(type, name) \
	__attribute__((section(".percpu"))) typeof(type) name
#define DECLARE_PERCPU(type, name) extern typeof(type) name

/* An lvalue: this CPU's copy. */
#define this_cpu(var)		(*(__seg_gs typeof(var) *)(uintptr_t)&(var))
/* Plain pointer to this CPU's copy. */
#define this_cpu_ptr(var)	percpu_ptr(var, cpu_id())
/* Plain pointer to the copy of CPU number cpu. */
#define percpu_ptr(var, cpu) \
	((typeof(var) *)((uintptr_t)&(var) + percpu_offset[cpu]))

struct thread;

extern uintptr_t percpu_offset[MAX_CPUS];	/* [I] GS base of each CPU */
extern unsigned int ncpus;			/* [I] CPUs that are up, from smp_init() on */

DECLARE_PERCPU(unsigned int, percpu_cpu_id);
DECLARE_PERCPU(struct thread *, percpu_current);
DECLARE_PERCPU(u64, percpu_kstack_top);	/* loaded by SYSCALL entry; TSS.rsp0 mirrors it */
DECLARE_PERCPU(u64, percpu_user_rsp);		/* scratch of SYSCALL entry */
DECLARE_PERCPU(int, percpu_need_resched);	/* looked at on the way back to user mode */
DECLARE_PERCPU(int, percpu_irq_depth);		/* > 0 inside an interrupt handler */
DECLARE_PERCPU(u32, percpu_irq_counts[256]);	/* interrupts taken, by vector */

static inline unsigned int cpu_id(void)
{
	return this_cpu(percpu_cpu_id);
}

/* The running thread. */
#define current		this_cpu(percpu_current)

static inline bool in_interrupt(void)
{
	return this_cpu(percpu_irq_depth) != 0;
}

#endif
