/* SPDX-License-Identifier: MIT */
/*
 * Device interrupts: a chain of handlers per vector, and counts per CPU.
 *
 * Handlers are added at boot and never removed, so the dispatcher walks the chain without
 * a lock: a new entry is published with release order.
 */
#include <atomic.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/irq.h"
#include "kernel/core/printk.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/trace.h"
#include "kernel/x86/irqchip.h"

#define NVECTORS	256
#define MAX_HANDLERS	32
#define STORM		100000		/* interrupts in a row that nobody claims */

struct irq_action {
	irq_handler ia_fn;		/* [I] */
	void *ia_arg;			/* [I] */
	const char *ia_name;		/* [I] */
	struct irq_action *ia_next;	/* [I] once published */
};

static struct spinlock irq_lock = SPINLOCK_INIT("irq", RANK_LEAF);
static struct irq_action actions[MAX_HANDLERS];	/* [irq_lock] */
static unsigned int nactions;			/* [irq_lock] */
static struct irq_action *chains[NVECTORS];	/* [irq_lock] to write */
static u32 unclaimed[NVECTORS];			/* in a row; about right is good enough */

int irq_request_vector(unsigned int vec, irq_handler fn, void *arg, const char *name)
{
	irqflags_t f = spin_lock_irqsave(&irq_lock);
	struct irq_action *ia;

	KASSERT(vec >= VEC_IRQ_BASE && vec < VEC_IRQ_END);
	if (nactions == MAX_HANDLERS) {
		spin_unlock_irqrestore(&irq_lock, f);
		return -ENOSPC;
	}
	ia = &actions[nactions++];
	*ia = (struct irq_action){ fn, arg, name, chains[vec] };
	smp_store_release(&chains[vec], ia);
	spin_unlock_irqrestore(&irq_lock, f);
	irqchip_unmask(vec);
	return 0;
}

int irq_request_isa(unsigned int isa_irq, irq_handler fn, void *arg, const char *name)
{
	int vec = irqchip_route_isa(isa_irq);

	return vec < 0 ? vec : irq_request_vector((unsigned int)vec, fn, arg, name);
}

int irq_request_gsi(unsigned int gsi, bool level, bool active_low,
		    irq_handler fn, void *arg, const char *name)
{
	int vec = irqchip_route_gsi(gsi, level, active_low);

	return vec < 0 ? vec : irq_request_vector((unsigned int)vec, fn, arg, name);
}

/* A line that stays up without a device to satisfy would keep this CPU busy for ever. */
static __cold void note_unclaimed(unsigned int vec)
{
	u32 n = unclaimed[vec] + 1;

	unclaimed[vec] = n;
	if (this_cpu(percpu_irq_counts[vec]) == 1)
		printk(KERN_DEBUG "irq: nobody claims vector %u\n", vec);
	if (n != STORM)
		return;
	irqchip_mask(vec);
	printk(KERN_ERR "irq: vector %u (%s) masked: %u interrupts that nobody claims\n", vec,
	       chains[vec] ? chains[vec]->ia_name : "no handler", n);
}

void irq_dispatch(unsigned int vec, struct trapframe *tf)
{
	struct irq_action *ia;
	bool mine = false;

	(void)tf;
	trace(TRACE_IRQ, vec, 0, 0, 0);
	for (ia = smp_load_acquire(&chains[vec]); ia; ia = ia->ia_next)
		mine |= ia->ia_fn(ia->ia_arg);
	if (unlikely(!mine))
		note_unclaimed(vec);
	else if (unlikely(unclaimed[vec]))
		unclaimed[vec] = 0;
}

const char *irq_stat(unsigned int vec, unsigned int cpu, u64 *count)
{
	KASSERT(vec < NVECTORS && cpu < ncpus);
	*count = (*percpu_ptr(percpu_irq_counts, cpu))[vec];
	return chains[vec] ? chains[vec]->ia_name : NULL;
}

u64 irq_total(void)
{
	u64 n = 0, count;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		for (unsigned int vec = VEC_IRQ_BASE; vec < NVECTORS; vec++) {
			(void)irq_stat(vec, cpu, &count);
			n += count;
		}
	}
	return n;
}
