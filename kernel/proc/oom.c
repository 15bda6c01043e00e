/* SPDX-License-Identifier: MIT */
/*
 * Out of memory: the last resort, after reclaim. Of the processes of the user who asked, the
 * largest is killed; but not while somebody else has far more. Never init, nor who has
 * said -1000 in /proc/PID/oom_score_adj.
 */
#include <abi/signal.h>
#include <kernel/upcalls.h>
#include "ipc/signal.h"
#include "kernel/core/printk.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/proc/lifecycle.h"
#include "mm/page.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vmstat.h"

/* What a victim gets to run and exit before the caller looks for memory again. */
#define VICTIM_TIME	(5 * NSEC_PER_MSEC)
#define ADJ_NEVER	(-1000)
#define FAR_MORE	4		/* times as much: then the owner does not matter */

/* Pages that the death of p would give back. proctree_lock held. */
static u64 size_of(struct proc *p)
{
	u64 pages = 0;

	spin_lock(&p->p_lock);
	if (p->p_vm)
		pages = (u64)atomic64_read(&p->p_vm->vm_rss) + READ_ONCE(p->p_vm->vm_swapped) +
			READ_ONCE(p->p_vm->vm_pmap.pm_ptpages);
	spin_unlock(&p->p_lock);
	return pages;
}

u64 oom_badness(struct proc *p)
{
	s64 adj = READ_ONCE(p->p_oom_adj), score;

	if (p->p_is_init || p == &proc0 || p->p_state != PROC_ALIVE || adj == ADJ_NEVER)
		return 0;
	score = (s64)size_of(p);
	if (!score)
		return 0;
	score += adj * (s64)(page_total() + swap_total_pages()) / 1000;
	return score > 0 ? (u64)score : 1;
}

static bool is_dying(struct proc *p)
{
	struct thread *t = first_thread(p);

	return p->p_group_exit || !t || signal_fatal_pending(t);
}

static bool same_user(struct proc *p)
{
	uid_t uid;

	spin_lock(&p->p_lock);
	uid = p->p_cred->cr_uid;
	spin_unlock(&p->p_lock);
	return uid == cred_current()->cr_uid;
}

/*
 * The process to kill, or one that is dying already: it is about to give its
 * memory back. proctree_lock held.
 */
static struct proc *choose_victim(void)
{
	struct proc *p, *largest = NULL, *ours = NULL;
	u64 most = 0, our_most = 0;

	list_for_each_entry(p, &all_procs, p_all) {
		u64 bad = oom_badness(p);

		if (bad && is_dying(p))
			return p;
		if (bad > most) {
			most = bad;
			largest = p;
		}
		if (bad > our_most && same_user(p)) {
			our_most = bad;
			ours = p;
		}
	}
	return our_most >= most / FAR_MORE && ours ? ours : largest;
}

bool oom_kill(void)
{
	struct proc *victim;
	bool self;

	spin_lock(&proctree_lock);
	victim = choose_victim();
	self = victim == current_proc();
	if (victim && !is_dying(victim)) {
		vm_event(VE_OOM);
		printk(KERN_WARN "out of memory: killing process %d (%s) of user %u, %llu KiB\n",
		       victim->p_pid, victim->p_name, victim->p_cred->cr_uid,
		       (unsigned long long)(size_of(victim) * (PAGE_SIZE / 1024)));
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
