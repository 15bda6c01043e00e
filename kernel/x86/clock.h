/* SPDX-License-Identifier: MIT */
/*
 * Time hardware: a nanosecond clock (TSC calibrated against the PIT or HPET)
 * and one one-shot event per CPU (LAPIC timer; the PIT with `nolapic`).
 * kernel/core/timer.c is the only user of the event.
 */
#ifndef KERNEL_X86_CLOCK_H
#define KERNEL_X86_CLOCK_H

#include <types.h>
#include "kernel/vdso/vvar.h"

/* Mapped into every process. timer.c keeps the wall clock in it. */
extern struct vvar vvar;

void clock_init(void);			/* calibrates; boot CPU, interrupts off */
void clock_init_cpu(void);		/* per CPU: event device */
nsec_t clock_monotonic(void);		/* ns since boot; never goes back; any context */
u64 clock_tsc_hz(void);
/*
 * Ask for timer_interrupt() on this CPU at monotonic time when (in the past: at
 * once). A later call replaces it; NSEC_NEVER stops it. Interrupts off. Costs
 * one MMIO write at most: call only when the time changes.
 */
void clock_set_event(nsec_t when);
/* trap.c: the event device has fired. */
struct trapframe;
void clock_interrupt(struct trapframe *tf);
#define NSEC_NEVER	(~(nsec_t)0)
void clock_delay_us(unsigned int us);	/* busy wait, for bring-up code */
/* Seconds since 1970 from the CMOS clock. */
u64 clock_read_rtc(void);

#endif
