/* SPDX-License-Identifier: MIT */
/*
 * Host shim: spin locks that never spin, since one thread plays all CPUs, but
 * check what the debug kernel checks: order by rank, no recursion, release by
 * the holder, interrupts off where the lock wants it.
 */
#ifndef KERNEL_CORE_SPINLOCK_H
#define KERNEL_CORE_SPINLOCK_H

#include "kassert.h"
#include "kernel/core/lockrank.h"
#include "kernel/x86/cpu.h"
#include "types.h"

struct spinlock {
	bool sl_held;
	unsigned int sl_rank;
	const char *sl_name;
	struct spinlock *sl_outer;	/* taken before this one */
};

#define SPINLOCK_INIT(name, rank)	{ false, (rank), (name), NULL }

extern struct spinlock *shim_innermost;

static inline void spin_lock_init(struct spinlock *l, const char *name,
				  enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INIT(name, rank);
}

static inline bool spin_held(const struct spinlock *l)
{
	return l->sl_held;
}

static inline void spin_lock_nested(struct spinlock *l)
{
	KASSERT_MSG(!l->sl_held, "lock %s", l->sl_name);
	l->sl_held = true;
	l->sl_outer = shim_innermost;
	shim_innermost = l;
}

static inline void spin_lock(struct spinlock *l)
{
	KASSERT_MSG(!shim_innermost || shim_innermost->sl_rank < l->sl_rank,
		    "lock %s inside of %s", l->sl_name,
		    shim_innermost->sl_name);
	spin_lock_nested(l);
}

static inline bool spin_trylock(struct spinlock *l)
{
	if (l->sl_held)
		return false;
	spin_lock_nested(l);
	return true;
}

static inline void spin_unlock(struct spinlock *l)
{
	struct spinlock **link = &shim_innermost;

	KASSERT_MSG(l->sl_held, "lock %s", l->sl_name);
	while (*link != l)
		link = &(*link)->sl_outer;
	*link = l->sl_outer;
	l->sl_held = false;
}

static inline irqflags_t spin_lock_irqsave(struct spinlock *l)
{
	irqflags_t f = irq_save();

	spin_lock(l);
	return f;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, irqflags_t f)
{
	spin_unlock(l);
	irq_restore(f);
}

#define lock_held(l)	spin_held(l)

#endif
