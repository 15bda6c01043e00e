/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: who runs next on this CPU, and waking.
 *
 * Every CPU has a run queue: the runnable threads but the running one, ordered by virtual
 * run time, which is CPU time divided by the thread's weight. The leftmost has had
 * the least and runs next. sched_wake() is the only way back from sleep.
 * balance.c moves threads between CPUs.
 *
 * Invariants:
 *  1. t_state leaves THREAD_RUNNING by the thread itself only; it goes back under the lock of
 *     the run queue of t_cpu. schedule() reads it under that lock.
 *  2. t_on_rq is true from enqueueing until the thread has been switched away from
 *     for good; a wake-up in between just sets t_state.
 *  3. t_cpu changes under its run queue's lock, while the thread is queued or asleep, never
 *     while it runs. Therefore locking the queue of t_cpu, and looking again, pins it.
 *  4. The run queue's lock is held across arch_switch(); whoever comes out on the other
 *     side releases it (finish_switch).
 *
 * Locks: rq_lock, always with interrupts off; two of them in CPU order.
 */
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/runq.h"
#include "kernel/core/trace.h"
#include "kernel/x86/irqchip.h"

DEFINE_PERCPU(struct runq, runqueue);
static DEFINE_PERCPU(struct thread *, dead_threads);
void (*sched_tick_hook)(struct thread *t, bool user);

/* A waiting thread preempts when it is behind by more than this (weighted ns). */
#define WAKEUP_GRANULARITY	(1 * NSEC_PER_MSEC)
/* A sleeper gets at most this much credit on the queue's minimum. */
#define SLEEPER_CREDIT		(3 * NSEC_PER_MSEC)

/* Weight of nice -20 .. 19: each step is a factor of 1.25; nice 0 is 1024. */
static const u32 nice_weight[40] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537, 7629, 6104, 4883, 3906, 3125, 2500, 2000, 1600, 1280,
	1024, 819, 655, 524, 419, 336, 268, 215, 172, 137,
	110, 88, 70, 56, 45, 36, 29, 23, 18, 15,
};

static bool runs_before(const struct rb_node *a, const struct rb_node *b)
{
	const struct thread *x = rb_entry(a, struct thread, t_rq_node);
	const struct thread *y = rb_entry(b, struct thread, t_rq_node);

	return (s64)(x->t_vruntime - y->t_vruntime) < 0;
}

/* Put a runnable thread that is not running into rq's order. */
void runq_insert(struct runq *rq, struct thread *t)
{
	KASSERT(lock_held(&rq->rq_lock));
	rb_add_cached(&rq->rq_tree, &t->t_rq_node, runs_before);
	rq->rq_nqueued++;
}

void runq_erase(struct runq *rq, struct thread *t)
{
	KASSERT(lock_held(&rq->rq_lock));
	rb_erase_cached(&rq->rq_tree, &t->t_rq_node);
	rq->rq_nqueued--;
}

static struct thread *runq_leftmost(struct runq *rq)
{
	return rb_entry_or_null(rb_first_cached(&rq->rq_tree), struct thread,
				t_rq_node);
}

/* Lock the run queue that t belongs to. Returns with interrupts off. */
struct runq *runq_lock_of(struct thread *t, irqflags_t *flags)
{
	*flags = irq_save();
	for (;;) {
		int cpu = READ_ONCE(t->t_cpu);
		struct runq *rq = percpu_ptr(runqueue, cpu);

		spin_lock(&rq->rq_lock);
		if (likely(t->t_cpu == cpu))
			return rq;
		spin_unlock(&rq->rq_lock);
	}
}

/* Charge the running thread for the time since it was last charged. */
static void charge_current(struct runq *rq, nsec_t now)
{
	struct thread *t = rq->rq_curr;
	nsec_t delta = now - t->t_run_start;
	struct thread *first;

	t->t_run_start = now;
	if (t == rq->rq_idle) {
		rq->rq_idle_time += delta;
		return;
	}
	if (t->t_acct_user) {
		t->t_utime += delta;
		rq->rq_user_time += delta;
	} else {
		t->t_stime += delta;
		rq->rq_sys_time += delta;
	}
	if (likely(t->t_nice_weight_idx == 20))
		t->t_vruntime += delta;
	else
		t->t_vruntime += delta * 1024 / nice_weight[t->t_nice_weight_idx];
	/* The queue's clock follows the smallest virtual run time, and never goes back. */
	first = runq_leftmost(rq);
	delta = t->t_vruntime;
	if (first && (s64)(first->t_vruntime - delta) < 0)
		delta = first->t_vruntime;
	if ((s64)(delta - rq->rq_min_vruntime) > 0)
		rq->rq_min_vruntime = delta;
}

/* Make cpu look at its run queue before it returns to user mode or goes idle. */
static void resched_cpu(unsigned int cpu)
{
	*percpu_ptr(percpu_need_resched, cpu) = 1;
	if (cpu != cpu_id())
		ipi_resched(cpu);
}

/* Would t, just made runnable on rq, run before what runs there now? */
static bool should_preempt(struct runq *rq, const struct thread *t)
{
	const struct thread *curr = rq->rq_curr;

	if (curr == rq->rq_idle)
		return true;
	return (s64)(curr->t_vruntime - t->t_vruntime) >
	       (s64)WAKEUP_GRANULARITY;
}

/* Queue a thread that becomes runnable; rq is locked and belongs to t_cpu. */
static void enqueue_woken(struct runq *rq, struct thread *t)
{
	u64 floor = rq->rq_min_vruntime - SLEEPER_CREDIT;

	if ((s64)(t->t_vruntime - floor) < 0)
		t->t_vruntime = floor;
	t->t_on_rq = true;
	t->t_run_start = clock_monotonic();
	runq_insert(rq, t);
	if (should_preempt(rq, t))
		resched_cpu(t->t_cpu);
}

void sched_start(struct thread *t)
{
	struct runq *rq;
	irqflags_t f;

	KASSERT(t->t_state == THREAD_NEW && !t->t_on_rq);
	t->t_cpu = sched_choose_cpu(t);
	rq = runq_lock_of(t, &f);
	t->t_state = THREAD_RUNNING;
	/* A new thread starts level with the others: no credit to be had by forking. */
	t->t_vruntime = rq->rq_min_vruntime;
	t->t_on_rq = true;
	t->t_run_start = clock_monotonic();
	runq_insert(rq, t);
	if (rq->rq_curr == rq->rq_idle)
		resched_cpu(t->t_cpu);
	spin_unlock_irqrestore(&rq->rq_lock, f);
}

bool sched_wake(struct thread *t, u32 states)
{
	struct runq *rq;
	irqflags_t f;

	if (!(states & 1u << READ_ONCE(t->t_state)))
		return false;
	rq = runq_lock_of(t, &f);
	if (!(states & 1u << t->t_state)) {
		spin_unlock_irqrestore(&rq->rq_lock, f);
		return false;
	}
	trace(TRACE_WAKE, t->t_tid, t->t_cpu, 0, 0);
	t->t_state = THREAD_RUNNING;
	if (!t->t_on_rq) {
		rq = sched_pull_woken(rq, t);
		enqueue_woken(rq, t);
	}
	spin_unlock_irqrestore(&rq->rq_lock, f);
	return true;
}

/*
 * On the stack of the thread that now runs: let go of the queue and of the thread before.
 * A dead one waits in dead_threads until interrupts are on: freeing its stack
 * may have to flush TLBs of other CPUs.
 */
static void finish_switch(struct thread *prev)
{
	struct runq *rq = this_cpu_ptr(runqueue);

	if (unlikely(prev->t_state == THREAD_DEAD)) {
		prev->t_reap_next = this_cpu(dead_threads);
		this_cpu(dead_threads) = prev;
	}
	spin_unlock(&rq->rq_lock);
}

void sched_reap(void)
{
	irqflags_t f = irq_save();
	struct thread *t = this_cpu(dead_threads);

	this_cpu(dead_threads) = NULL;
	irq_restore(f);
	while (t) {
		struct thread *next = t->t_reap_next;

		thread_put(t);
		t = next;
	}
}

void sched_first_run(struct thread *prev)
{
	finish_switch(prev);
	irq_enable();
	if (unlikely(this_cpu(dead_threads)))
		sched_reap();
}

static void switch_to(struct runq *rq, struct thread *prev, struct thread *next)
{
	if (prev->t_state == THREAD_RUNNING)
		prev->t_nivcsw++;
	else
		prev->t_nvcsw++;
	rq->rq_switches++;
	trace(TRACE_SWITCH, prev->t_tid, next->t_tid, prev->t_state, 0);
	rq->rq_curr = next;
	this_cpu(percpu_current) = next;
	/*
	 * Who sends next a signal now either finds it on this CPU and interrupts it, or next
	 * finds TW_SIGNAL on its way to user mode: see signal_kick().
	 */
	smp_mb();
	prev = arch_switch(&prev->t_arch, &next->t_arch, prev, next->t_pmap);
	finish_switch(prev);
}

/* The next thread of this CPU. An empty queue is the idle loop's business, which also steals. */
static struct thread *pick_next(struct runq *rq)
{
	struct thread *next = runq_leftmost(rq);

	if (!next)
		return rq->rq_idle;
	runq_erase(rq, next);
	return next;
}

void schedule(void)
{
	irqflags_t f = irq_save();
	struct runq *rq = this_cpu_ptr(runqueue);
	struct thread *prev = rq->rq_curr, *next;
	nsec_t now;

	lockrank_assert_may_sleep();
	spin_lock(&rq->rq_lock);
	/* Under the lock: others charge our thread, too, and time must not run backwards. */
	now = clock_monotonic();
	charge_current(rq, now);
	this_cpu(percpu_need_resched) = 0;
	if (prev != rq->rq_idle) {
		if (prev->t_state == THREAD_RUNNING)
			runq_insert(rq, prev);
		else
			prev->t_on_rq = false;
	}
	next = pick_next(rq);
	next->t_run_start = now;
	if (next != rq->rq_idle)
		sched_tick_start(rq);
	if (next != prev)
		switch_to(rq, prev, next);
	else
		spin_unlock(&rq->rq_lock);
	irq_restore(f);
	if (unlikely(this_cpu(dead_threads)) && irqs_enabled())
		sched_reap();
}

void sched_yield(void)
{
	struct runq *rq;
	struct thread *t = current, *last;
	irqflags_t f = irq_save();

	/* Behind all others: step over the largest virtual run time in the queue. */
	rq = this_cpu_ptr(runqueue);
	spin_lock(&rq->rq_lock);
	charge_current(rq, clock_monotonic());
	last = rb_entry_or_null(rb_last(&rq->rq_tree.rb_root), struct thread,
				t_rq_node);
	if (last && (s64)(last->t_vruntime - t->t_vruntime) >= 0)
		t->t_vruntime = last->t_vruntime + 1;
	spin_unlock_irqrestore(&rq->rq_lock, f);
	schedule();
}

void sched_relax(void)
{
	if (unlikely(this_cpu(percpu_need_resched)))
		schedule();
}

void sched_exit(void)
{
	irq_disable();
	current->t_state = THREAD_DEAD;
	schedule();
	panic("dead thread %d runs", current->t_tid);
}

/*
 * Called by the tick, in interrupt context: charge, and decide whether the running
 * thread has had its share.
 */
void sched_charge_tick(bool user)
{
	struct runq *rq = this_cpu_ptr(runqueue);
	struct thread *t = rq->rq_curr, *first;

	spin_lock(&rq->rq_lock);
	t->t_acct_user = user;
	charge_current(rq, clock_monotonic());
	first = runq_leftmost(rq);
	if (first && t != rq->rq_idle &&
	    (s64)(t->t_vruntime - first->t_vruntime) > 0)
		this_cpu(percpu_need_resched) = 1;
	spin_unlock(&rq->rq_lock);
}

void sched_set_nice(struct thread *t, int nice)
{
	irqflags_t f;
	struct runq *rq = runq_lock_of(t, &f);

	KASSERT(nice >= -20 && nice <= 19);
	t->t_nice_weight_idx = (u8)(nice + 20);
	spin_unlock_irqrestore(&rq->rq_lock, f);
}

void sched_thread_times(struct thread *t, nsec_t *user, nsec_t *sys)
{
	irqflags_t f;
	struct runq *rq = runq_lock_of(t, &f);

	if (rq->rq_curr == t)
		charge_current(rq, clock_monotonic());
	*user = t->t_utime;
	*sys = t->t_stime;
	spin_unlock_irqrestore(&rq->rq_lock, f);
}

void sched_cpu_times(unsigned int cpu, nsec_t *user, nsec_t *sys, nsec_t *idle)
{
	struct runq *rq = percpu_ptr(runqueue, cpu);
	irqflags_t f = spin_lock_irqsave(&rq->rq_lock);

	charge_current(rq, clock_monotonic());
	*user = rq->rq_user_time;
	*sys = rq->rq_sys_time;
	*idle = rq->rq_idle_time;
	spin_unlock_irqrestore(&rq->rq_lock, f);
}
