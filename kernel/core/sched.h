/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: a run queue per CPU, fair time slices by weighted virtual run
 * time, preemption on the way back to user mode. A wake-up puts the thread on the
 * queue of the CPU where it last ran, if allowed (warm, and no IPI when that is this CPU);
 * idle CPUs steal waiting threads, and the tick of a busy CPU asks an idle one for help.
 */
#ifndef KERNEL_CORE_SCHED_H
#define KERNEL_CORE_SCHED_H

#include "kernel/core/thread.h"

void sched_init(void);			/* boot CPU becomes thread "idle/0" */
void sched_init_cpu(unsigned int cpu);
void sched_idle_loop(void) __noreturn;	/* each CPU ends here */

/* Make a NEW thread runnable. */
void sched_start(struct thread *t);
/*
 * Wake a sleeping thread; states says from which (1 << enum thread_state). True:
 * it was woken by this call. Any context.
 */
bool sched_wake(struct thread *t, u32 states);
#define WAKE_INTERRUPTIBLE	(1u << THREAD_SLEEPING)
#define WAKE_FATAL		(1u << THREAD_SLEEPING | 1u << THREAD_KILLABLE)
#define WAKE_ANY_SLEEP \
	(1u << THREAD_SLEEPING | 1u << THREAD_BLOCKED | 1u << THREAD_KILLABLE)
#define WAKE_STOPPED		(1u << THREAD_STOPPED)
/* Give the CPU away: the current thread goes on if its state is RUNNING, else leaves the queue. */
void schedule(void);
void sched_yield(void);
/* In long kernel loops that hold no lock: let others run if it is time. */
void sched_relax(void);
/* Dead end of a thread; never returns. */
void sched_exit(void) __noreturn;
void sched_set_nice(struct thread *t, int nice);
/* -EINVAL if no CPU is left. */
int sched_set_affinity(struct thread *t, u64 mask);
/* Sums up to now, for times(2) and /proc. */
void sched_thread_times(struct thread *t, nsec_t *user, nsec_t *sys);
/*
 * Called by every tick that hits a user thread, interrupts off: interval timers on CPU
 * time, RLIMIT_CPU. Set once at boot.
 */
extern void (*sched_tick_hook)(struct thread *t, bool user);
/* Number of runnable threads; load averages times 65536. */
unsigned int sched_nr_running(void);
void sched_loadavg(u64 avg[3]);
/* Busy and idle ns of a CPU. */
void sched_cpu_times(unsigned int cpu, nsec_t *user, nsec_t *sys, nsec_t *idle);
u64 sched_context_switches(void);

#endif
