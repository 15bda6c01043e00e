/* SPDX-License-Identifier: MIT */
/*
 * Out of memory: the last resort, after reclaim. The process with the most resident
 * memory is killed; init never is.
 */
#include <abi/signal.h>
#include <kernel/upcalls.h>
#include "ipc/signal.h"
#include "kernel/core/printk.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/proc/lifecycle.h"
#include "mm/space.h"

/* What a victim gets to run and exit before the caller looks for memory again. */
#define VICTIM_TIME	(5 * NSEC_PER_MSEC)

/* Resident pages of p, 0 when it may not be chosen. proctree_lock held. */
static u64 badness(struct proc *p)
{
	u64 rss = 0;

	if (p->p_is_init || p == &proc0 || p->p_state != PROC_ALIVE)
		return 0;
	spin_lock(&p->p_lock);
	if (p->p_vm)
		rss = (u64)atomic64_read(&p->p_vm->vm_rss);
	spin_unlock(&p->p_lock);
	return rss;
}

static bool is_dying(struct proc *p)
{
	struct thread *t = first_thread(p);

	return p->p_group_exit || !t || signal_fatal_pending(t);
}

/*
 * The process to kill, or one that is dying already: it is about to give its
 * memory back. proctree_lock held.
 */
static struct proc *choose_victim(u64 *rss)
{
	struct proc *p, *victim = NULL;
	u64 most = 0;

	list_for_each_entry(p, &all_procs, p_all) {
		*rss = badness(p);
		if (*rss && is_dying(p))
			return p;
		if (*rss > most) {
			most = *rss;
			victim = p;
		}
	}
	*rss = most;
	return victim;
}

bool oom_kill(void)
{
	struct proc *victim;
	bool self;
	u64 rss;

	spin_lock(&proctree_lock);
	victim = choose_victim(&rss);
	self = victim == current_proc();
	if (victim && !is_dying(victim)) {
		printk(KERN_WARN "out of memory: killing process %d (%s), %llu KiB resident\n",
		       victim->p_pid, victim->p_name,
		       (unsigned long long)(rss * (PAGE_SIZE / 1024)));
		signal_send_proc(victim, SIGKILL, NULL);
	}
	spin_unlock(&proctree_lock);
	if (!victim || self)
		return false;
	/* It needs the CPU to go. */
	thread_prepare_sleep(false);
	(void)thread_block_until(clock_monotonic() + VICTIM_TIME);
	return true;
}
