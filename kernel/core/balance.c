/* SPDX-License-Identifier: MIT */
/*
 * Threads and CPUs: the idle loop, the tick, and who moves where.
 *
 * Policy. A thread that wakes up goes on where its waker runs when it last ran on
 * another CPU that is halted now: two that talk to each other end up on one CPU, where
 * a message costs a switch and not an interrupt to a sleeping CPU. What this
 * gives away in parallelism the tick wins back: a busy CPU with threads waiting wakes an idle CPU,
 * and an idle CPU takes over a thread that has waited long enough to be worth the move.
 *
 * The tick runs while a CPU is busy; an idle CPU has none.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/runq.h"
#include "kernel/x86/irqchip.h"

/* A thread that has waited for less is about to run anyway, and its cache is warm. */
#define STEAL_AFTER	(500 * NSEC_PER_USEC)
#define LOADAVG_PERIOD	(5 * NSEC_PER_SEC)

static atomic64_t idle_cpus;		/* bit per CPU in its idle loop */
static u64 loadavg[3];			/* times 65536; written by one timer */
static struct timer loadavg_timer;

static bool cpu_is_idle(unsigned int cpu)
{
	return atomic64_read(&idle_cpus) >> cpu & 1;
}

static bool may_run_on(const struct thread *t, unsigned int cpu)
{
	return t->t_affinity >> cpu & 1;
}

/* CPU for a new thread: its creator's, unless that is not allowed. */
int sched_choose_cpu(struct thread *t)
{
	if (may_run_on(t, cpu_id()))
		return (int)cpu_id();
	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		if (may_run_on(t, cpu))
			return (int)cpu;
	return 0;
}

struct runq *sched_pull_woken(struct runq *rq, struct thread *t)
{
	unsigned int here = cpu_id();
	struct runq *mine = this_cpu_ptr(runqueue);

	if (likely(mine == rq) && may_run_on(t, here))
		return rq;
	if (may_run_on(t, rq->rq_cpu)) {
		/*
		 * Interrupts tell nothing about who talks to whom; and a CPU that is
		 * awake, or that has more to do than the waker, needs no help.
		 */
		if (in_interrupt() || !may_run_on(t, here) ||
		    !cpu_is_idle(rq->rq_cpu) || mine->rq_nqueued)
			return rq;
	}
	t->t_cpu = sched_choose_cpu(t);
	t->t_vruntime -= rq->rq_min_vruntime;
	spin_unlock(&rq->rq_lock);
	rq = percpu_ptr(runqueue, t->t_cpu);
	spin_lock(&rq->rq_lock);
	t->t_vruntime += rq->rq_min_vruntime;
	return rq;
}

/* First thread of from that may move to cpu and has waited long enough, or NULL. */
static struct thread *find_movable(struct runq *from, unsigned int cpu, nsec_t now)
{
	struct rb_node *n;

	for (n = rb_first_cached(&from->rq_tree); n; n = rb_next(n)) {
		struct thread *t = rb_entry(n, struct thread, t_rq_node);

		/* It may have been queued since now was read. */
		if (may_run_on(t, cpu) &&
		    (s64)(now - t->t_run_start) >= (s64)STEAL_AFTER)
			return t;
	}
	return NULL;
}

/* Move one waiting thread from another CPU's queue to this one's. Interrupts off, no lock held. */
static bool steal_one(struct runq *mine)
{
	nsec_t now = clock_monotonic();
	bool found = false;

	for (unsigned int i = 1; i < ncpus && !found; i++) {
		struct runq *from = percpu_ptr(runqueue,
					       (mine->rq_cpu + i) % ncpus);
		struct thread *t;

		if (!READ_ONCE(from->rq_nqueued))
			continue;
		if (from->rq_cpu < mine->rq_cpu) {
			spin_lock(&from->rq_lock);
			spin_lock_nested(&mine->rq_lock);
		} else {
			spin_lock(&mine->rq_lock);
			spin_lock_nested(&from->rq_lock);
		}
		t = find_movable(from, mine->rq_cpu, now);
		if (t) {
			runq_erase(from, t);
			t->t_cpu = (int)mine->rq_cpu;
			t->t_vruntime += mine->rq_min_vruntime -
					 from->rq_min_vruntime;
			runq_insert(mine, t);
			found = true;
		}
		spin_unlock(&from->rq_lock);
		spin_unlock(&mine->rq_lock);
	}
	return found;
}

/* Threads wait here: an idle CPU might take one. */
static void ask_for_help(struct runq *rq)
{
	u64 idle = (u64)atomic64_read(&idle_cpus);

	if (idle && READ_ONCE(rq->rq_nqueued)) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(idle);

		if (cpu != rq->rq_cpu)
			ipi_resched(cpu);
	}
}

/* The tick timer's handler: interrupt context on the queue's own CPU. */
static void tick(struct timer *tm)
{
	struct runq *rq = container_of(tm, struct runq, rq_tick);
	struct thread *t = current;
	bool user;

	rq->rq_tick_armed = false;
	if (t == rq->rq_idle)
		return;
	user = timer_interrupted_user();
	sched_charge_tick(user);
	if (sched_tick_hook && t->t_pmap)
		sched_tick_hook(t, user);
	ask_for_help(rq);
	rq->rq_tick_armed = true;
	timer_set(&rq->rq_tick, clock_monotonic() + TICK_NSEC);
}

void sched_tick_start(struct runq *rq)
{
	if (likely(rq->rq_tick_armed))
		return;
	rq->rq_tick_armed = true;
	timer_set(&rq->rq_tick, clock_monotonic() + TICK_NSEC);
}

/* Nothing to run: halt until an interrupt; each interrupt may have made work. */
void sched_idle_loop(void)
{
	struct runq *rq = this_cpu_ptr(runqueue);

	KASSERT(current == rq->rq_idle);
	for (;;) {
		irq_disable();
		atomic64_fetch_or(&idle_cpus, 1L << rq->rq_cpu);
		if (!READ_ONCE(rq->rq_nqueued) && !steal_one(rq))
			irq_enable_and_halt();
		atomic64_and(&idle_cpus, ~(1L << rq->rq_cpu));
		irq_enable();
		sched_reap();
		if (READ_ONCE(rq->rq_nqueued))
			schedule();
	}
}

/* exp(-5/60), exp(-5/300), exp(-5/900) times 65536: five seconds of decay. */
static void loadavg_update(struct timer *tm)
{
	static const u64 decay[3] = { 60296, 64453, 65173 };
	u64 active = (u64)sched_nr_running() << 16;

	for (int i = 0; i < 3; i++)
		WRITE_ONCE(loadavg[i], (loadavg[i] * decay[i] +
					active * (65536 - decay[i])) >> 16);
	timer_set(tm, tm->tm_expires + LOADAVG_PERIOD);
}

void sched_loadavg(u64 avg[3])
{
	for (int i = 0; i < 3; i++)
		avg[i] = READ_ONCE(loadavg[i]);
}

unsigned int sched_nr_running(void)
{
	unsigned int n = 0;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		struct runq *rq = percpu_ptr(runqueue, cpu);

		n += READ_ONCE(rq->rq_nqueued);
		n += READ_ONCE(rq->rq_curr) != rq->rq_idle;
	}
	return n;
}

u64 sched_context_switches(void)
{
	u64 n = 0;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		n += READ_ONCE(percpu_ptr(runqueue, cpu)->rq_switches);
	return n;
}

static void migrate_wakeup(struct timer *tm)
{
	sched_wake(container_of(tm, struct thread, t_sleep_timer),
		   WAKE_ANY_SLEEP);
}

/* Leave a CPU that is no longer allowed: sleep for an instant; waking chooses anew. */
static void migrate_self(void)
{
	struct thread *t = current;

	while (!may_run_on(t, cpu_id())) {
		thread_prepare_sleep(false);
		timer_setup(&t->t_sleep_timer, migrate_wakeup);
		timer_set(&t->t_sleep_timer, clock_monotonic());
		schedule();
		timer_cancel_sync(&t->t_sleep_timer);
	}
}

int sched_set_affinity(struct thread *t, u64 mask)
{
	struct runq *rq;
	irqflags_t f;
	bool move;

	mask &= (1UL << ncpus) - 1;
	if (!mask)
		return -EINVAL;
	rq = runq_lock_of(t, &f);
	t->t_affinity = mask;
	move = !may_run_on(t, rq->rq_cpu);
	spin_unlock_irqrestore(&rq->rq_lock, f);
	/* A queued or running thread moves when it next wakes up; the caller itself at once. */
	if (move && t == current)
		migrate_self();
	return 0;
}

/* On the CPU itself: the running context becomes its idle thread. */
void sched_init_cpu(unsigned int cpu)
{
	struct runq *rq = percpu_ptr(runqueue, cpu);

	spin_lock_init(&rq->rq_lock, "runqueue", RANK_RUNQ);
	rq->rq_cpu = cpu;
	timer_setup(&rq->rq_tick, tick);
	thread_init_idle(cpu, &rq->rq_idle);
	rq->rq_curr = rq->rq_idle;
	this_cpu(percpu_current) = rq->rq_idle;
}

void sched_init(void)
{
	sched_init_cpu(0);
	timer_setup(&loadavg_timer, loadavg_update);
	timer_set(&loadavg_timer, clock_monotonic() + LOADAVG_PERIOD);
}
