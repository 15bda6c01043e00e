/* SPDX-License-Identifier: MIT */
/*
 * Ticket locks, the part that is not inline: who comes takes a number and waits
 * until it is served, so the lock is fair by construction.
 *
 * The whole lock is one 32-bit word: the ticket to hand out in the upper half,
 * the ticket being served in the lower. Taking a ticket is one atomic add.
 */
#include <kassert.h>
#include "kernel/core/spinlock.h"

void spin_lock_init(struct spinlock *l, const char *name, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INIT(name, rank);
	(void)name;
	(void)rank;
}

/* The lock was not free: wait until our ticket is served. */
void spin_lock_contended(struct spinlock *l, u16 ticket)
{
	while (smp_load_acquire(&l->sl_owner) != ticket)
		cpu_relax();
}
