/* SPDX-License-Identifier: MIT */
/*
 * Kernel timers: per CPU a queue ordered by expiry, driven by a one-shot event.
 *
 * The event is programmed when a timer becomes the earliest, and when an event has fired;
 * a cancelled timer leaves the event as it is. A spurious event costs an interrupt
 * once, reprogramming would cost a device access each time a time-out is not needed.
 *
 * Invariants: tq_event is what the hardware was last asked for (NSEC_NEVER:
 * nothing); it is never later than the first timer's expiry. A handler runs
 * without tq_lock, with tq_running set.
 *
 * Locks: tq_lock, interrupts off. Handlers run in interrupt context on the CPU
 * that armed the timer.
 */
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/spinlock.h"
#include "kernel/core/timer.h"
#include "kernel/x86/frame.h"

struct timerq {
	struct spinlock tq_lock;
	struct rb_cached_root tq_tree;		/* [tq_lock] */
	struct timer *tq_running;		/* [tq_lock] handler under way */
	nsec_t tq_event;			/* [tq_lock] */
	bool tq_from_user;			/* own CPU, in the interrupt */
};

static DEFINE_PERCPU(struct timerq, timerqs);

static bool expires_before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct timer, tm_node)->tm_expires <
	       rb_entry(b, struct timer, tm_node)->tm_expires;
}

void timer_setup(struct timer *t, void (*fn)(struct timer *))
{
	t->tm_fn = fn;
	t->tm_cpu = -1;
}

/* Lock the queue that t is on; NULL: on none. */
static struct timerq *timer_lock_queue(struct timer *t)
{
	for (;;) {
		int cpu = READ_ONCE(t->tm_cpu);
		struct timerq *q;

		if (cpu < 0)
			return NULL;
		q = percpu_ptr(timerqs, cpu);
		spin_lock(&q->tq_lock);
		if (t->tm_cpu == cpu)
			return q;
		spin_unlock(&q->tq_lock);
	}
}

bool timer_cancel(struct timer *t)
{
	irqflags_t f = irq_save();
	struct timerq *q = timer_lock_queue(t);

	if (q) {
		rb_erase_cached(&q->tq_tree, &t->tm_node);
		t->tm_cpu = -1;
		spin_unlock(&q->tq_lock);
	}
	irq_restore(f);
	return q != NULL;
}

bool timer_cancel_sync(struct timer *t)
{
	bool was_armed = timer_cancel(t);

	/*
	 * tq_running is set under the lock under which tm_cpu becomes -1, so having seen
	 * the timer unarmed we also see its handler if it runs.
	 */
	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		struct timerq *q = percpu_ptr(timerqs, cpu);

		while (smp_load_acquire(&q->tq_running) == t)
			cpu_relax();
	}
	return was_armed;
}

void timer_set(struct timer *t, nsec_t expires)
{
	irqflags_t f = irq_save();
	struct timerq *q;

	timer_cancel(t);
	q = this_cpu_ptr(timerqs);
	spin_lock(&q->tq_lock);
	t->tm_expires = expires;
	smp_store_release(&t->tm_cpu, (int)cpu_id());
	rb_add_cached(&q->tq_tree, &t->tm_node, expires_before);
	if (expires < q->tq_event) {
		q->tq_event = expires;
		clock_set_event(expires);
	}
	spin_unlock(&q->tq_lock);
	irq_restore(f);
}

/* Run what is due; the queue is locked. Returns when the next is due. */
static nsec_t timer_run_expired(struct timerq *q)
{
	for (;;) {
		struct rb_node *n = rb_first_cached(&q->tq_tree);
		struct timer *t;

		if (!n)
			return NSEC_NEVER;
		t = rb_entry(n, struct timer, tm_node);
		if (t->tm_expires > clock_monotonic())
			return t->tm_expires;
		rb_erase_cached(&q->tq_tree, n);
		q->tq_running = t;
		smp_store_release(&t->tm_cpu, -1);
		spin_unlock(&q->tq_lock);
		t->tm_fn(t);
		spin_lock(&q->tq_lock);
		smp_store_release(&q->tq_running, NULL);
	}
}

void timer_interrupt(struct trapframe *tf)
{
	struct timerq *q = this_cpu_ptr(timerqs);
	nsec_t next;

	q->tq_from_user = frame_from_user(tf);
	spin_lock(&q->tq_lock);
	/* Timers that handlers arm do not touch the hardware: we do, once, below. */
	q->tq_event = 0;
	next = timer_run_expired(q);
	q->tq_event = next;
	if (next != NSEC_NEVER)
		clock_set_event(next);
	spin_unlock(&q->tq_lock);
}

bool timer_interrupted_user(void)
{
	return this_cpu_ptr(timerqs)->tq_from_user;
}

void timer_init_cpu(void)
{
	struct timerq *q = this_cpu_ptr(timerqs);

	spin_lock_init(&q->tq_lock, "timers", RANK_TIMER);
	q->tq_event = NSEC_NEVER;
	if (cpu_id() == 0)
		clock_set_realtime(clock_read_rtc() * NSEC_PER_SEC);
}

nsec_t clock_realtime(void)
{
	return clock_monotonic() + __atomic_load_n(&vvar.vv_realtime, __ATOMIC_RELAXED);
}

void clock_set_realtime(nsec_t now)
{
	__atomic_store_n(&vvar.vv_realtime, now - clock_monotonic(), __ATOMIC_RELAXED);
}
