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
#include "mm/space.h"

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

bool oom_kill(void)
{
	struct proc *p, *victim = NULL;
	u64 most = 0;

	spin_lock(&proctree_lock);
	list_for_each_entry(p, &all_procs, p_all) {
		u64 rss = badness(p);

		/* One at a time: a dying process is about to give its memory back. */
		if (rss && p->p_group_exit) {
			spin_unlock(&proctree_lock);
			return p != current_proc();
		}
		if (rss > most) {
			most = rss;
			victim = p;
		}
	}
	if (victim) {
		printk(KERN_WARN "out of memory: killing process %d (%s), %llu KiB resident\n",
		       victim->p_pid, victim->p_name,
		       (unsigned long long)(most * (PAGE_SIZE / 1024)));
		signal_send_proc(victim, SIGKILL, NULL);
	}
	spin_unlock(&proctree_lock);
	return victim && victim != current_proc();
}
