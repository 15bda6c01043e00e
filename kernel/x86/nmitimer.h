/* SPDX-License-Identifier: MIT */
/*
 * A periodic non-maskable interrupt on every CPU, for the profiler.
 */
#ifndef KERNEL_X86_NMITIMER_H
#define KERNEL_X86_NMITIMER_H

#define NMI_TIMER_MIN	19		/* Hz; the counter has 16 bits */
#define NMI_TIMER_MAX	20000

/*
 * From now on profile_nmi() (upcall) runs hz times a second on each CPU. -EINVAL for
 * what is out of range, -ENODEV without local APICs or with CPUs that were not started.
 */
int nmi_timer_start(unsigned int hz);
void nmi_timer_stop(void);

#endif
