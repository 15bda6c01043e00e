/* SPDX-License-Identifier: MIT */
/*
 * Kernel timers (per-CPU ordered queue, one-shot hardware event: no periodic
 * tick when nothing is due), and the clocks that user programs see.
 */
#ifndef KERNEL_CORE_TIMER_H
#define KERNEL_CORE_TIMER_H

#include <types.h>
#include "kernel/lib/rbtree.h"
#include "kernel/x86/clock.h"

#define TICK_NSEC	(4 * NSEC_PER_MSEC)	/* scheduler tick while a CPU is busy */

struct timer {
	struct rb_node tm_node;		/* [queue] */
	nsec_t tm_expires;		/* [queue] monotonic */
	void (*tm_fn)(struct timer *);	/* [I] interrupt context, no locks held */
	int tm_cpu;			/* [queue] queue it is on, -1: none */
};

void timer_init_cpu(void);
void timer_setup(struct timer *t, void (*fn)(struct timer *));
/* (Re)arm on this CPU. */
void timer_set(struct timer *t, nsec_t expires);
/* True: was armed and will not run. */
bool timer_cancel(struct timer *t);
/* The same, and waits until a running handler is through. Not from the handler. */
bool timer_cancel_sync(struct timer *t);

/* In a timer handler: did the interrupt hit user mode? */
bool timer_interrupted_user(void);

/* CLOCK_REALTIME now, ns since 1970; set it (settimeofday). */
nsec_t clock_realtime(void);
void clock_set_realtime(nsec_t now);

#endif
