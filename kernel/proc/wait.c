/* SPDX-License-Identifier: MIT */
/*
 * wait4 and waitid: what children have to report. A report is the end of a child
 * (which reaps it), a stop or a continuation.
 *
 * The scan of the children and the sleep on p_childq are under proctree_lock, and so are the
 * changes that wake it; user memory is written after the lock is dropped.
 */
#include <errno.h>
#include <abi/wait.h>
#include <kassert.h>
#include "ipc/signal.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/lib/string.h"
#include "kernel/proc/lifecycle.h"
#include "kernel/proc/sys_proc.h"
#include "mm/space.h"
#include "mm/uaccess.h"

struct wait_request {
	int type;			/* P_ALL, P_PID, P_PGID */
	pid_t id;
	int options;
};

struct wait_report {
	pid_t pid;
	uid_t uid;
	int status;			/* as wait4 reports it */
	struct proc_usage usage;
};

/* CLD_* and si_status of a wait status word. */
static void decode_status(int status, int *code, int *value)
{
	if (status == W_CONTINUED) {
		*code = CLD_CONTINUED;
		*value = SIGCONT;
	} else if ((status & 0xff) == 0x7f) {
		*code = CLD_STOPPED;
		*value = status >> 8;
	} else if (status & 0x7f) {
		*code = status & W_COREFLAG ? CLD_DUMPED : CLD_KILLED;
		*value = status & 0x7f;
	} else {
		*code = CLD_EXITED;
		*value = status >> 8 & 0xff;
	}
}

void wait_fill_siginfo(struct proc *p, struct siginfo *info)
{
	decode_status(p->p_exit_code, &info->si_code, &info->si_status);
	info->si_pid = p->p_pid;
	info->si_uid = p->p_cred->cr_uid;
	info->si_utime = (s64)(p->p_dead_threads.u_utime / (NSEC_PER_SEC / USER_HZ));
	info->si_stime = (s64)(p->p_dead_threads.u_stime / (NSEC_PER_SEC / USER_HZ));
}

static void usage_add(struct proc_usage *sum, const struct proc_usage *u)
{
	sum->u_utime += u->u_utime;
	sum->u_stime += u->u_stime;
	sum->u_minflt += u->u_minflt;
	sum->u_majflt += u->u_majflt;
	sum->u_nvcsw += u->u_nvcsw;
	sum->u_nivcsw += u->u_nivcsw;
	sum->u_maxrss_pages = max(sum->u_maxrss_pages, u->u_maxrss_pages);
}

void proc_usage_self(struct proc *p, struct proc_usage *u)
{
	struct thread *t;

	spin_lock(&proctree_lock);
	spin_lock(&p->p_lock);
	*u = p->p_dead_threads;
	if (p->p_vm)
		u->u_maxrss_pages = max(u->u_maxrss_pages, vm_count_maxrss(p->p_vm));
	spin_unlock(&p->p_lock);
	list_for_each_entry(t, &p->p_threads, t_link) {
		struct proc_usage one = {
			.u_minflt = t->t_minflt, .u_majflt = t->t_majflt,
			.u_nvcsw = t->t_nvcsw, .u_nivcsw = t->t_nivcsw,
		};

		sched_thread_times(t, &one.u_utime, &one.u_stime);
		usage_add(u, &one);
	}
	spin_unlock(&proctree_lock);
}

static bool wait_matches(const struct wait_request *rq, const struct proc *child)
{
	bool clone_child = child->p_exit_signal != SIGCHLD;

	if (rq->type == P_PID && child->p_pid != rq->id)
		return false;
	if ((rq->options & __WNOTHREAD) && child->p_forker != current)
		return false;
	if (rq->type == P_PGID && (!child->p_pgrp || child->p_pgrp->pg_id != rq->id))
		return false;
	return (rq->options & __WALL) ||
	       clone_child == !!(rq->options & (int)__WCLONE);
}

/* Does this child have something to report? Consumes it, unless WNOWAIT. */
static bool child_report(const struct wait_request *rq, struct proc *child,
			 struct wait_report *r)
{
	bool take = !(rq->options & WNOWAIT);

	if (child->p_state == PROC_ZOMBIE && (rq->options & WEXITED)) {
		r->status = child->p_exit_code;
	} else if (child->p_stop_report && signal_is_stopped(child) &&
		   (rq->options & WSTOPPED)) {
		r->status = W_STOPCODE(child->p_stop_sig);
		if (take)
			child->p_stop_report = false;
	} else if (child->p_cont_report && (rq->options & WCONTINUED)) {
		r->status = W_CONTINUED;
		if (take)
			child->p_cont_report = false;
	} else {
		return false;
	}
	r->pid = child->p_pid;
	r->uid = child->p_cred->cr_uid;
	r->usage = child->p_dead_threads;
	usage_add(&r->usage, &child->p_dead_children);
	return true;
}

/*
 * Look at all children once. 1: report in *r, *reap is set if it ends a child;
 * 0: nothing yet; -ECHILD.
 */
static int scan_children(const struct wait_request *rq, struct wait_report *r,
			 struct proc **reap)
{
	struct proc *me = current_proc(), *child;
	int result = -ECHILD;

	list_for_each_entry(child, &me->p_children, p_sibling) {
		if (!wait_matches(rq, child))
			continue;
		/* A zombie has nothing to say any more but its end. */
		if (child->p_state != PROC_ZOMBIE || (rq->options & WEXITED))
			result = 0;
		if (!child_report(rq, child, r))
			continue;
		if (child->p_state == PROC_ZOMBIE && (rq->options & WEXITED) &&
		    !(rq->options & WNOWAIT)) {
			usage_add(&me->p_dead_children, &r->usage);
			proc_unlink(child);
			*reap = child;
		}
		return 1;
	}
	return result;
}

/* 1: *r is filled; 0: WNOHANG and nothing; -ECHILD, -ERESTARTSYS. */
static int do_wait(const struct wait_request *rq, struct wait_report *r)
{
	struct proc *me = current_proc(), *reap = NULL;
	int n;

	spin_lock(&proctree_lock);
	for (;;) {
		int err;

		n = scan_children(rq, r, &reap);
		if (n != 0 || (rq->options & WNOHANG))
			break;
		err = waitq_sleep(&me->p_childq, &proctree_lock);
		if (err) {
			n = err;
			break;
		}
	}
	spin_unlock(&proctree_lock);
	if (reap)
		proc_put(reap);
	return n;
}

long sys_wait4(pid_t pid, int __user *status, int options, struct rusage __user *ru)
{
	struct wait_request rq = { .options = options | WEXITED };
	struct wait_report r;
	int n;

	if (options & ~(int)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WALL |
			     __WCLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid > 0) {
		rq.type = P_PID;
		rq.id = pid;
	} else if (pid < -1) {
		rq.type = P_PGID;
		rq.id = -pid;
	} else if (pid == 0) {
		rq.type = P_PGID;
		rq.id = (pid_t)sys_getpgid(0);
	}
	n = do_wait(&rq, &r);
	if (n <= 0)
		return n;
	if (status && put_user_u32(status, (u32)r.status))
		return -EFAULT;
	if (ru && usage_to_user(&r.usage, ru))
		return -EFAULT;
	return r.pid;
}

static int waitid_request(int type, pid_t id, int options, struct wait_request *rq)
{
	if (options & ~(int)(WNOHANG | WEXITED | WSTOPPED | WCONTINUED | WNOWAIT |
			     __WNOTHREAD | __WALL | __WCLONE))
		return -EINVAL;
	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	*rq = (struct wait_request){ type, id, options };
	switch (type) {
	case P_ALL:
		return 0;
	case P_PID:
		return id > 0 ? 0 : -EINVAL;
	case P_PGID:
		if (id == 0)
			rq->id = (pid_t)sys_getpgid(0);
		return id >= 0 ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

long sys_waitid(int type, pid_t id, struct siginfo __user *info, int options,
		struct rusage __user *ru)
{
	struct wait_request rq;
	struct wait_report r;
	struct siginfo si = { 0 };
	int n = waitid_request(type, id, options, &rq);

	if (n)
		return n;
	n = do_wait(&rq, &r);
	if (n < 0)
		return n;
	if (n > 0) {
		si.si_signo = SIGCHLD;
		si.si_pid = r.pid;
		si.si_uid = r.uid;
		decode_status(r.status, &si.si_code, &si.si_status);
		if (ru && usage_to_user(&r.usage, ru))
			return -EFAULT;
	}
	if (info && copy_to_user(info, &si, sizeof(si)))
		return -EFAULT;
	return 0;
}
