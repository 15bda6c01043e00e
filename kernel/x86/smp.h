/* SPDX-License-Identifier: MIT */
/*
 * Starting the other CPUs, and running a function on them.
 */
#ifndef KERNEL_X86_SMP_H
#define KERNEL_X86_SMP_H

#include <types.h>

/*
 * Memory for up to max CPUs (per-CPU areas, stacks). After acpi_init(), before
 * page_init(), and early: what is in the boot CPU's per-CPU variables now is what
 * the others start with.
 */
void smp_prepare(unsigned int max);
/*
 * Start all CPUs of the MADT, max altogether; sets ncpus. Each enters ap_main()
 * (upcall) and does not return.
 */
void smp_init(unsigned int max);
/* Top of the KSTACK_SIZE stack on which CPU cpu runs ap_main() (0: kmain()), its idle thread's. */
void *smp_boot_stack_top(unsigned int cpu);
/*
 * Run fn(arg) on every CPU whose bit is in mask (this one excepted) and wait for
 * all. fn runs in interrupt context. Interrupts should be on; a caller that has them
 * off serves the calls of others while it waits, so it may hold no lock that any
 * such function takes.
 */
void smp_call(u64 mask, void (*fn)(void *), void *arg);
void smp_call_interrupt(void);		/* trap.c: VEC_CALL */

#endif
