/* SPDX-License-Identifier: MIT */
/*
 * sched(7): yielding, affinity, nice values. One policy, SCHED_OTHER, is there;
 * asking for a real-time policy is an error that says so (EINVAL), not a promise.
 */
#include <errno.h>
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/proc/sys_proc.h"
#include "mm/uaccess.h"

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

/* Thread named by tid (0: the caller) with a reference, or NULL. */
static struct thread *named_thread(pid_t tid)
{
	return tid ? thread_find(tid) : thread_get(current);
}

/* May current change scheduling of p? Its own process, same effective user, or root. */
static bool may_schedule(struct proc *p)
{
	const struct cred *me = cred_current();
	bool same;

	if (p == current_proc())
		return true;
	spin_lock(&p->p_lock);
	same = me->cr_euid == p->p_cred->cr_uid || me->cr_euid == p->p_cred->cr_euid;
	spin_unlock(&p->p_lock);
	return same || cred_privileged(me);
}

long sys_sched_getaffinity(pid_t pid, unsigned int len, unsigned long __user *mask)
{
	struct thread *t;
	u64 cpus;

	if (len < sizeof(u64) || len % sizeof(u64))
		return -EINVAL;
	t = named_thread(pid);
	if (!t)
		return -ESRCH;
	cpus = t->t_affinity & ((1UL << ncpus) - 1);
	thread_put(t);
	return put_user_u64(mask, cpus) ? -EFAULT : (long)sizeof(cpus);
}

long sys_sched_setaffinity(pid_t pid, unsigned int len, const unsigned long __user *mask)
{
	struct thread *t;
	u64 cpus = 0;
	int err;

	if (copy_from_user(&cpus, mask, min_t(size_t, len, sizeof(cpus))))
		return -EFAULT;
	t = named_thread(pid);
	if (!t)
		return -ESRCH;
	err = may_schedule(t->t_proc) ? sched_set_affinity(t, cpus) : -EPERM;
	thread_put(t);
	return err;
}

long sys_sched_getscheduler(pid_t pid)
{
	struct thread *t;

	if (pid < 0)
		return -EINVAL;
	t = named_thread(pid);
	if (!t)
		return -ESRCH;
	thread_put(t);
	return SCHED_OTHER;
}

long sys_sched_setscheduler(pid_t pid, int policy, const struct sched_param __user *param)
{
	struct sched_param sp;
	struct thread *t;

	if (pid < 0 || !param)
		return -EINVAL;
	if (copy_from_user(&sp, param, sizeof(sp)))
		return -EFAULT;
	t = named_thread(pid);
	if (!t)
		return -ESRCH;
	thread_put(t);
	return policy == SCHED_OTHER && sp.sched_priority == 0 ? 0 : -EINVAL;
}

long sys_sched_getparam(pid_t pid, struct sched_param __user *param)
{
	long policy = sys_sched_getscheduler(pid);

	if (policy < 0)
		return policy;
	return param ? put_user_u32(param, 0) : -EINVAL;
}

long sys_sched_setparam(pid_t pid, const struct sched_param __user *param)
{
	return sys_sched_setscheduler(pid, SCHED_OTHER, param);
}

static bool policy_known(int policy)
{
	return policy >= SCHED_OTHER && policy <= SCHED_DEADLINE && policy != 4;
}

long sys_sched_get_priority_max(int policy)
{
	if (!policy_known(policy))
		return -EINVAL;
	return policy == SCHED_FIFO || policy == SCHED_RR ? 99 : 0;
}

long sys_sched_get_priority_min(int policy)
{
	if (!policy_known(policy))
		return -EINVAL;
	return policy == SCHED_FIFO || policy == SCHED_RR ? 1 : 0;
}

long sys_sched_rr_get_interval(pid_t pid, struct timespec __user *ts)
{
	struct timespec slice = { 0, TICK_NSEC };
	long policy = sys_sched_getscheduler(pid);

	if (policy < 0)
		return policy;
	return copy_to_user(ts, &slice, sizeof(slice));
}

static bool priority_matches(const struct proc *p, int which, int who)
{
	switch (which) {
	case PRIO_PROCESS:
		return p->p_pid == who;
	case PRIO_PGRP:
		return p->p_pgrp && p->p_pgrp->pg_id == who;
	default:
		return p->p_cred->cr_uid == (uid_t)who;
	}
}

/* 0 means the caller's own process, group or user. */
static int default_who(int which, int who)
{
	struct proc *me = current_proc();

	if (who)
		return who;
	if (which == PRIO_PROCESS)
		return me->p_pid;
	return which == PRIO_PGRP ? me->p_pgrp->pg_id : (int)cred_current()->cr_uid;
}

/* The raw call returns 20 - nice, so that it is never negative. */
long sys_getpriority(int which, int who)
{
	struct proc *p;
	long best = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	spin_lock(&proctree_lock);
	who = default_who(which, who);
	list_for_each_entry(p, &all_procs, p_all)
		if (p->p_state == PROC_ALIVE && priority_matches(p, which, who))
			best = max(best, 20L - p->p_nice);
	spin_unlock(&proctree_lock);
	return best;
}

static int set_nice(struct proc *p, int nice)
{
	struct thread *t;
	u64 floor = p->p_rlimit[RLIMIT_NICE].rlim_cur;

	if (!may_schedule(p))
		return -EPERM;
	if (nice < p->p_nice && !cred_privileged(cred_current()) &&
	    (u64)(20 - nice) > floor)
		return -EACCES;
	p->p_nice = nice;
	list_for_each_entry(t, &p->p_threads, t_link)
		sched_set_nice(t, nice);
	return 0;
}

long sys_setpriority(int which, int who, int nice)
{
	struct proc *p;
	long result = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = clamp(nice, -20, 19);
	spin_lock(&proctree_lock);
	who = default_who(which, who);
	list_for_each_entry(p, &all_procs, p_all) {
		int err;

		if (p->p_state != PROC_ALIVE || !priority_matches(p, which, who))
			continue;
		err = set_nice(p, nice);
		if (err || result == -ESRCH)
			result = err;
	}
	spin_unlock(&proctree_lock);
	return result;
}

long sys_getcpu(u32 __user *cpu, u32 __user *node, void __user *unused)
{
	(void)unused;
	if (cpu && put_user_u32(cpu, cpu_id()))
		return -EFAULT;
	if (node && put_user_u32(node, 0))
		return -EFAULT;
	return 0;
}
