/* SPDX-License-Identifier: MIT */
/*
 * Who am I, which group am I in, what may I use and what have I used: getpid(2) to
 * prlimit(2), prctl(2), arch_prctl(2).
 */
#include <abi/prctl.h>
#include <errno.h>
#include <kassert.h>
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/lib/string.h"
#include "kernel/proc/lifecycle.h"
#include "kernel/proc/sys_proc.h"
#include "mm/space.h"
#include "mm/uaccess.h"

#define TICKS(ns)	((s64)((ns) / (NSEC_PER_SEC / USER_HZ)))

long sys_getpid(void)
{
	return current_proc()->p_pid;
}

long sys_gettid(void)
{
	return current->t_tid;
}

/* The parent may exit at any time, and its pid with it: look under the lock. */
long sys_getppid(void)
{
	struct proc *parent;
	pid_t pid;

	spin_lock(&proctree_lock);
	parent = current_proc()->p_parent;
	pid = parent ? parent->p_pid : 0;
	spin_unlock(&proctree_lock);
	return pid;
}

long sys_getpgrp(void)
{
	return sys_getpgid(0);
}

/* The process named by pid, 0 for the caller. proctree_lock held. */
static struct proc *named_proc(pid_t pid)
{
	return pid ? proc_find_locked(pid) : current_proc();
}

long sys_getpgid(pid_t pid)
{
	struct proc *p;
	long ret = -ESRCH;

	spin_lock(&proctree_lock);
	p = named_proc(pid);
	if (p && p->p_pgrp)
		ret = p->p_pgrp->pg_id;
	spin_unlock(&proctree_lock);
	return ret;
}

long sys_getsid(pid_t pid)
{
	struct proc *p;
	long ret = -ESRCH;

	spin_lock(&proctree_lock);
	p = named_proc(pid);
	if (p && p->p_pgrp)
		ret = p->p_pgrp->pg_session->se_sid;
	spin_unlock(&proctree_lock);
	return ret;
}

/* The rules of setpgid(2), in its order of errors. */
static int setpgid_check(struct proc *me, struct proc *p)
{
	if (!p || p->p_state != PROC_ALIVE)
		return -ESRCH;
	if (p != me) {
		if (p->p_parent != me)
			return -ESRCH;
		if (p->p_pgrp->pg_session != me->p_pgrp->pg_session)
			return -EPERM;
		if (p->p_did_exec)
			return -EACCES;
	}
	if (p->p_pgrp->pg_session->se_leader == p)
		return -EPERM;
	return 0;
}

long sys_setpgid(pid_t pid, pid_t pgid)
{
	struct proc *me = current_proc(), *p;
	int err;

	if (!pid)
		pid = me->p_pid;
	if (!pgid)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	spin_lock(&proctree_lock);
	p = proc_find_locked(pid);
	err = setpgid_check(me, p);
	if (!err)
		err = proc_join_group(p, pgid);
	spin_unlock(&proctree_lock);
	return err;
}

long sys_setsid(void)
{
	struct proc *p = current_proc();
	int err;

	spin_lock(&proctree_lock);
	err = proc_new_session(p);
	spin_unlock(&proctree_lock);
	return err ? err : p->p_pid;
}

long sys_set_tid_address(u32 __user *tidptr)
{
	struct thread *t = current;

	t->t_clear_tid = tidptr;
	return t->t_tid;
}

long sys_arch_prctl(int code, unsigned long addr)
{
	switch (code) {
	case ARCH_SET_FS:
		if (addr >= USER_TOP)
			return -EPERM;
		arch_set_fsbase(addr);
		return 0;
	case ARCH_SET_GS:
		if (addr >= USER_TOP)
			return -EPERM;
		arch_set_gsbase(addr);
		return 0;
	case ARCH_GET_FS:
		return put_user_u64((void __user *)addr, arch_get_fsbase());
	case ARCH_GET_GS:
		return put_user_u64((void __user *)addr, arch_get_gsbase());
	default:
		return -EINVAL;
	}
}

static long prctl_set_name(unsigned long addr)
{
	struct thread *t = current;
	char name[sizeof(t->t_name)] = { 0 };
	ssize_t n = strncpy_from_user(name, (const char __user *)addr, sizeof(name) - 1);

	if (n == -EFAULT)
		return n;
	name[sizeof(name) - 1] = '\0';
	str_copy(t->t_name, name, sizeof(t->t_name));
	if (t->t_tid == t->t_proc->p_pid)
		str_copy(t->t_proc->p_name, name, sizeof(t->t_proc->p_name));
	return 0;
}

long sys_prctl(int option, unsigned long a2, unsigned long a3, unsigned long a4,
	       unsigned long a5)
{
	struct proc *p = current_proc();

	switch (option) {
	case PR_SET_NAME:
		return prctl_set_name(a2);
	case PR_GET_NAME:
		return copy_to_user((void __user *)a2, current->t_name,
				    sizeof(((struct thread *)0)->t_name));
	case PR_SET_PDEATHSIG:
		if (a2 > 64)
			return -EINVAL;
		p->p_pdeath_sig = (int)a2;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32((void __user *)a2, (u32)p->p_pdeath_sig);
	case PR_GET_DUMPABLE:
		return p->p_dumpable;
	case PR_SET_DUMPABLE:
		if (a2 > 1)
			return -EINVAL;
		p->p_dumpable = (int)a2;
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		spin_lock(&proctree_lock);
		p->p_subreaper = a2 != 0;
		spin_unlock(&proctree_lock);
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32((void __user *)a2, p->p_subreaper);
	case PR_SET_NO_NEW_PRIVS:
		if (a2 != 1 || a3 || a4 || a5)
			return -EINVAL;
		p->p_no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		if (a2 || a3 || a4 || a5)
			return -EINVAL;
		return p->p_no_new_privs;
	case PR_GET_TID_ADDRESS:
		return put_user_u64((void __user *)a2, (u64)current->t_clear_tid);
	default:
		return -EINVAL;
	}
}

static struct timeval ns_to_timeval(nsec_t ns)
{
	return (struct timeval){ (s64)(ns / NSEC_PER_SEC),
				 (s64)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

int usage_to_user(const struct proc_usage *u, struct rusage __user *ru)
{
	struct rusage r = {
		.ru_utime = ns_to_timeval(u->u_utime),
		.ru_stime = ns_to_timeval(u->u_stime),
		.ru_maxrss = (s64)(u->u_maxrss_pages * (PAGE_SIZE / 1024)),
		.ru_minflt = (s64)u->u_minflt, .ru_majflt = (s64)u->u_majflt,
		.ru_nvcsw = (s64)u->u_nvcsw, .ru_nivcsw = (s64)u->u_nivcsw,
	};

	return copy_to_user(ru, &r, sizeof(r));
}

static void usage_of_thread(struct proc_usage *u)
{
	struct thread *t = current;

	*u = (struct proc_usage){
		.u_minflt = t->t_minflt, .u_majflt = t->t_majflt,
		.u_nvcsw = t->t_nvcsw, .u_nivcsw = t->t_nivcsw,
		.u_maxrss_pages = vm_count_maxrss(t->t_proc->p_vm),
	};
	sched_thread_times(t, &u->u_utime, &u->u_stime);
}

long sys_getrusage(int who, struct rusage __user *ru)
{
	struct proc *p = current_proc();
	struct proc_usage u;

	switch (who) {
	case RUSAGE_SELF:
		proc_usage_self(p, &u);
		break;
	case RUSAGE_CHILDREN:
		spin_lock(&proctree_lock);
		u = p->p_dead_children;
		spin_unlock(&proctree_lock);
		break;
	case RUSAGE_THREAD:
		usage_of_thread(&u);
		break;
	default:
		return -EINVAL;
	}
	return usage_to_user(&u, ru);
}

long sys_times(struct tms __user *buf)
{
	struct proc *p = current_proc();
	struct proc_usage self, children;
	struct tms t;

	proc_usage_self(p, &self);
	spin_lock(&proctree_lock);
	children = p->p_dead_children;
	spin_unlock(&proctree_lock);
	t = (struct tms){ TICKS(self.u_utime), TICKS(self.u_stime),
			  TICKS(children.u_utime), TICKS(children.u_stime) };
	if (buf && copy_to_user(buf, &t, sizeof(t)))
		return -EFAULT;
	return TICKS(clock_monotonic());
}

/* May current look at and change p's limits? prlimit(2), EPERM. p_lock held. */
static bool may_limit(struct proc *p)
{
	const struct cred *me = cred_current(), *it = p->p_cred;

	KASSERT(lock_held(&p->p_lock));
	if (p == current_proc() || cred_privileged(me))
		return true;
	return me->cr_uid == it->cr_uid && me->cr_uid == it->cr_euid &&
	       me->cr_uid == it->cr_suid && me->cr_gid == it->cr_gid &&
	       me->cr_gid == it->cr_egid && me->cr_gid == it->cr_sgid;
}

static int change_limit(struct proc *p, unsigned int resource, const struct rlimit *new_limit,
			struct rlimit *old_limit)
{
	struct rlimit *r = &p->p_rlimit[resource];
	int err = 0;

	spin_lock(&p->p_lock);
	*old_limit = *r;
	if (!may_limit(p))
		err = -EPERM;
	else if (new_limit && new_limit->rlim_max > r->rlim_max &&
		 !cred_privileged(cred_current()))
		err = -EPERM;
	else if (new_limit)
		*r = *new_limit;
	spin_unlock(&p->p_lock);
	return err;
}

long sys_prlimit64(pid_t pid, unsigned int resource, const struct rlimit __user *new_limit,
		   struct rlimit __user *old_limit)
{
	struct rlimit new_value, old_value;
	struct proc *p;
	int err;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	if (new_limit) {
		if (copy_from_user(&new_value, new_limit, sizeof(new_value)))
			return -EFAULT;
		if (new_value.rlim_cur > new_value.rlim_max)
			return -EINVAL;
		/* The highest descriptor number that a table can grow to. */
		if (resource == RLIMIT_NOFILE && new_value.rlim_max > 1048576)
			return -EPERM;
	}
	p = pid ? proc_find(pid) : proc_get(current_proc());
	if (!p)
		return -ESRCH;
	err = change_limit(p, resource, new_limit ? &new_value : NULL, &old_value);
	proc_put(p);
	if (!err && old_limit && copy_to_user(old_limit, &old_value, sizeof(old_value)))
		err = -EFAULT;
	return err;
}

long sys_getrlimit(unsigned int resource, struct rlimit __user *rlim)
{
	struct rlimit r;

	if (resource >= RLIM_NLIMITS)
		return -EINVAL;
	(void)change_limit(current_proc(), resource, NULL, &r);
	return copy_to_user(rlim, &r, sizeof(r));
}

long sys_setrlimit(unsigned int resource, const struct rlimit __user *rlim)
{
	if (!rlim)
		return -EFAULT;
	return sys_prlimit64(0, resource, rlim, NULL);
}
