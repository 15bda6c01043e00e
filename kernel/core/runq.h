/* SPDX-License-Identifier: MIT */
/*
 * The run queue of a CPU: shared by sched.c (order, switching) and balance.c
 * (which CPU, idle, ticks). Nobody else includes this.
 */
#ifndef KERNEL_CORE_RUNQ_H
#define KERNEL_CORE_RUNQ_H

#include "kernel/core/sched.h"

/* All fields under rq_lock unless marked. */
struct runq {
	struct spinlock rq_lock;
	unsigned int rq_nqueued;		/* runnable and waiting */
	struct rb_cached_root rq_tree;		/* the waiting ones by t_vruntime */
	u64 rq_min_vruntime;
	struct thread *rq_curr;			/* running here */
	struct thread *rq_idle;			/* [I] */
	nsec_t rq_user_time, rq_sys_time, rq_idle_time;
	u64 rq_switches;
	struct timer rq_tick;			/* own CPU, interrupts off */
	bool rq_tick_armed;
	unsigned int rq_cpu;			/* [I] */
};

DECLARE_PERCPU(struct runq, runqueue);

void runq_insert(struct runq *rq, struct thread *t);
void runq_erase(struct runq *rq, struct thread *t);
struct runq *runq_lock_of(struct thread *t, irqflags_t *flags);
void sched_charge_tick(bool user);
/* Free threads that died on this CPU. Interrupts on. */
void sched_reap(void);

/* balance.c */
int sched_choose_cpu(struct thread *t);
/*
 * t, asleep on the locked queue rq, wakes up: decide where it goes on. Returns the
 * queue of its (new) t_cpu, locked; rq is unlocked if it is another one.
 */
struct runq *sched_pull_woken(struct runq *rq, struct thread *t);
/* A thread is about to run here: see that the tick is on. Interrupts off. */
void sched_tick_start(struct runq *rq);

#endif
