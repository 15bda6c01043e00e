/* SPDX-License-Identifier: MIT */
/*
 * Ticket spin locks. Code under a spin lock does not sleep, touch user memory or
 * call an ops table. A lock that an interrupt handler takes is taken everywhere
 * with the _irqsave forms.
 */
#ifndef KERNEL_CORE_SPINLOCK_H
#define KERNEL_CORE_SPINLOCK_H

#include <compiler.h>
#include <types.h>
#include <atomic.h>
#include "kernel/core/lockrank.h"
#include "kernel/x86/cpu.h"

struct spinlock {
	union {
		u32 sl_word;		/* [a] next << 16 | owner */
		struct {
			u16 sl_owner;	/* ticket being served */
			u16 sl_next;	/* next ticket to hand out */
		};
	};
#ifdef CONFIG_DEBUG
	u16 sl_rank;			/* [I] enum lock_rank */
	s16 sl_cpu;			/* holder, -1 when free */
	const char *sl_name;		/* [I] */
#endif
};

void spin_lock_init(struct spinlock *l, const char *name, enum lock_rank rank);
void spin_lock_contended(struct spinlock *l, u16 ticket);

#ifdef CONFIG_DEBUG
#define SPINLOCK_INIT(name, rank) \
	{ .sl_rank = (rank), .sl_cpu = -1, .sl_name = (name) }

static inline bool spin_held(const struct spinlock *l)
{
	return l->sl_cpu == (s16)cpu_id();
}

/* Before it is taken: may this CPU take it? */
static inline void spin_check_order(const struct spinlock *l, bool nested)
{
	lockrank_acquire(l, l->sl_name, l->sl_rank, nested);
}

static inline void spin_note_taken(struct spinlock *l)
{
	l->sl_cpu = (s16)cpu_id();
}

static inline void spin_note_release(struct spinlock *l)
{
	lockrank_release(l);
	l->sl_cpu = -1;
}
#else
#define SPINLOCK_INIT(name, rank)	{ .sl_word = 0 }

/* Held by anybody: a release kernel does not note by whom. */
static inline bool spin_held(const struct spinlock *l)
{
	u32 w = READ_ONCE(l->sl_word);

	return (u16)w != (u16)(w >> 16);
}

static inline void spin_check_order(const struct spinlock *l, bool nested)
{
	(void)l, (void)nested;
}
static inline void spin_note_taken(struct spinlock *l) { (void)l; }
static inline void spin_note_release(struct spinlock *l) { (void)l; }
#endif

static inline void spin_lock_raw(struct spinlock *l)
{
	u32 old = __atomic_fetch_add(&l->sl_word, 1u << 16, __ATOMIC_ACQUIRE);

	if (unlikely((u16)old != (u16)(old >> 16)))
		spin_lock_contended(l, (u16)(old >> 16));
	spin_note_taken(l);
}

static inline void spin_lock(struct spinlock *l)
{
	spin_check_order(l, false);
	spin_lock_raw(l);
}

/* Second lock of the same rank, where docs/locks.md defines the order. */
static inline void spin_lock_nested(struct spinlock *l)
{
	spin_check_order(l, true);
	spin_lock_raw(l);
}

static inline bool spin_trylock(struct spinlock *l)
{
	u32 w = READ_ONCE(l->sl_word);

	if ((u16)w != (u16)(w >> 16) ||
	    !__atomic_compare_exchange_n(&l->sl_word, &w, w + (1u << 16), false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	spin_check_order(l, true);
	spin_note_taken(l);
	return true;
}

static inline void spin_unlock(struct spinlock *l)
{
	spin_note_release(l);
	/* Only the holder writes sl_owner, so a plain store with release order will do. */
	__atomic_store_n(&l->sl_owner, (u16)(l->sl_owner + 1), __ATOMIC_RELEASE);
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
