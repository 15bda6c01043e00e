/* SPDX-License-Identifier: MIT */
/*
 * Lock order at run time (debug kernels): every lock has a rank, and a lock may
 * be taken only when its rank is above the ranks of all that are held. Two
 * CPUs that obey this cannot wait for each other in a circle.
 *
 * Held spin locks are noted per CPU, with the interrupt depth at which they were taken:
 * a handler's locks are compared with its own only. A handler that needs a lock of the code
 * it interrupted is reported as well: the lock is then "taken twice by one CPU".
 * Held sleeping locks are noted per thread.
 */
#include <kernel/upcalls.h>
#include "kernel/core/lockrank.h"
#include "kernel/core/panic.h"
#include "kernel/core/thread.h"
#include "kernel/x86/cpu.h"

#ifdef CONFIG_DEBUG

#define HELD_MAX	24

struct held {
	const void *lock;
	const char *name;
	unsigned int rank;
	int depth;		/* percpu_irq_depth when it was taken */
};

struct held_stack {
	struct held h[HELD_MAX];
	unsigned int n;
};

static DEFINE_PERCPU(struct held_stack, held_spins);

static __noreturn void order_violation(const char *name, unsigned int rank,
				       const char *held_name, unsigned int held_rank)
{
	panic("lock order: taking \"%s\" (rank %u) while holding \"%s\" (rank %u)",
	      name, rank, held_name, held_rank);
}

void lockrank_acquire(const void *lock, const char *name, unsigned int rank,
		      bool nested)
{
	irqflags_t f = irq_save();
	struct held_stack *hs = this_cpu_ptr(held_spins);
	int depth = this_cpu(percpu_irq_depth);

	for (unsigned int i = 0; i < hs->n; i++) {
		const struct held *h = &hs->h[i];

		if (h->lock == lock)
			panic("lock \"%s\" taken twice by one CPU", name);
		if (h->depth == depth &&
		    (h->rank > rank || (h->rank == rank && !nested)))
			order_violation(name, rank, h->name, h->rank);
	}
	if (hs->n == HELD_MAX)
		panic("more than %d spin locks held", HELD_MAX);
	hs->h[hs->n++] = (struct held){ lock, name, rank, depth };
	irq_restore(f);
}

void lockrank_release(const void *lock)
{
	irqflags_t f = irq_save();
	struct held_stack *hs = this_cpu_ptr(held_spins);
	unsigned int i = hs->n;

	while (i > 0 && hs->h[i - 1].lock != lock)
		i--;
	if (i == 0)
		panic("releasing a spin lock that this CPU does not hold");
	for (; i < hs->n; i++)
		hs->h[i - 1] = hs->h[i];
	hs->n--;
	irq_restore(f);
}

void lockrank_acquire_sleeping(const void *lock, const char *name,
			       unsigned int rank, bool nested)
{
	struct thread *t = current;

	lockrank_assert_may_sleep();
	for (unsigned int i = 0; i < t->t_nheld; i++) {
		if (t->t_held[i].lock == lock)
			panic("lock \"%s\" taken twice by one thread", name);
		if (t->t_held[i].rank > rank ||
		    (t->t_held[i].rank == rank && !nested))
			order_violation(name, rank, t->t_held[i].name,
					t->t_held[i].rank);
	}
	lockrank_note_sleeping(lock, name, rank);
}

void lockrank_note_sleeping(const void *lock, const char *name, unsigned int rank)
{
	struct thread *t = current;

	if (t->t_nheld == ARRAY_SIZE(t->t_held))
		panic("too many sleeping locks held");
	t->t_held[t->t_nheld].lock = lock;
	t->t_held[t->t_nheld].name = name;
	t->t_held[t->t_nheld++].rank = (u16)rank;
}

void lockrank_release_sleeping(const void *lock)
{
	struct thread *t = current;
	unsigned int i = t->t_nheld;

	while (i > 0 && t->t_held[i - 1].lock != lock)
		i--;
	if (i == 0)
		panic("releasing a sleeping lock that this thread does not hold");
	for (; i < t->t_nheld; i++)
		t->t_held[i - 1] = t->t_held[i];
	t->t_nheld--;
}

void lockrank_assert_may_sleep(void)
{
	const struct held_stack *hs = this_cpu_ptr(held_spins);

	if (in_interrupt())
		panic("sleeping in interrupt context");
	if (hs->n)
		panic("sleeping while holding spin lock \"%s\"",
		      hs->h[hs->n - 1].name);
}

void lockrank_assert_none(void)
{
	struct thread *t = current;

	if (t->t_nheld)
		panic("return to user mode while holding \"%s\"",
		      t->t_held[t->t_nheld - 1].name);
}

#endif /* CONFIG_DEBUG */
