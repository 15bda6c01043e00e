/* SPDX-License-Identifier: MIT */
/*
 * System calls that send signals: kill(2), tkill(2), tgkill(2), sigqueue(3).
 *
 * Each finds its targets, checks the permission and sends, all under proctree_lock;
 * signal number 0 stops after the check.
 */
#include <errno.h>
#include <kassert.h>
#include "ipc/sigimpl.h"
#include "ipc/sys_signal.h"
#include "kernel/lib/string.h"
#include "mm/uaccess.h"

static bool sig_number_ok(int sig)
{
	return sig >= 0 && sig <= SIG_COUNT;
}

/*
 * kill(2): real or effective uid of the sender equals real or saved uid of the target. SIGCONT may
 * go to all of one's session. proctree_lock held.
 */
static bool may_send(struct proc *p, int sig)
{
	const struct cred *me = cred_current();
	struct cred *to;
	bool ok;

	KASSERT(lock_held(&proctree_lock));
	if (p == current_proc() || cred_privileged(me))
		return true;
	spin_lock(&p->p_lock);
	to = cred_get(p->p_cred);
	spin_unlock(&p->p_lock);
	ok = me->cr_euid == to->cr_suid || me->cr_euid == to->cr_uid ||
	     me->cr_uid == to->cr_suid || me->cr_uid == to->cr_uid;
	cred_put(to);
	if (!ok && sig == SIGCONT) {
		struct pgrp *pg = READ_ONCE(p->p_pgrp), *mine = current_proc()->p_pgrp;

		ok = pg && mine && pg->pg_session == mine->pg_session;
	}
	return ok;
}

static int send_checked(struct proc *p, int sig, const struct siginfo *si)
{
	if (!may_send(p, sig))
		return -EPERM;
	return sig ? signal_send_proc(p, sig, si) : 0;
}

/* The members of one group. 0 if one got it; proctree_lock held. */
static int kill_pgrp(struct pgrp *pg, int sig, const struct siginfo *si)
{
	int err = -ESRCH, one;
	struct proc *p;

	if (!pg)
		return -ESRCH;
	list_for_each_entry(p, &pg->pg_members, p_pglink) {
		one = send_checked(p, sig, si);
		if (err != 0)
			err = one;
	}
	return err;
}

/* Everybody but init and the caller. As on Linux EPERM alone is no error to report. */
static int kill_all(int sig, const struct siginfo *si)
{
	int err = 0, one;
	bool any = false;
	struct proc *p;

	list_for_each_entry(p, &all_procs, p_all) {
		if (p->p_is_init || p == current_proc() || !p->p_sig)
			continue;
		any = true;
		one = send_checked(p, sig, si);
		if (one != -EPERM)
			err = one;
	}
	return any ? err : -ESRCH;
}

/* A process, also by the number of one of its threads; no reference, proctree_lock held. */
static struct proc *target_find(pid_t pid)
{
	struct proc *p = proc_find_locked(pid);
	struct thread *t;

	if (p)
		return p;
	t = thread_find_locked(pid);
	return t && t->t_proc != &proc0 ? t->t_proc : NULL;
}

static int kill_one(pid_t pid, int sig, const struct siginfo *si)
{
	struct proc *p;
	int err;

	if (pid == current_proc()->p_pid)
		return sig ? signal_send_proc(current_proc(), sig, si) : 0;
	spin_lock(&proctree_lock);
	p = target_find(pid);
	err = p ? send_checked(p, sig, si) : -ESRCH;
	spin_unlock(&proctree_lock);
	return err;
}

long sys_kill(pid_t pid, int sig)
{
	struct siginfo si;
	int err;

	if (!sig_number_ok(sig))
		return -EINVAL;
	siginfo_fill_user(&si, sig, SI_USER);
	if (pid > 0)
		return kill_one(pid, sig, &si);
	if (pid == -2147483647 - 1)
		return -ESRCH;
	spin_lock(&proctree_lock);
	if (pid == -1)
		err = kill_all(sig, &si);
	else if (pid == 0)
		err = kill_pgrp(current_proc()->p_pgrp, sig, &si);
	else
		err = kill_pgrp(pgrp_find_locked(-pid), sig, &si);
	spin_unlock(&proctree_lock);
	return err;
}

/* To one thread; tgid 0: of whatever process. */
static int kill_thread(pid_t tgid, pid_t tid, int sig, const struct siginfo *si)
{
	struct thread *t;
	int err;

	if (!sig_number_ok(sig))
		return -EINVAL;
	spin_lock(&proctree_lock);
	t = thread_find_locked(tid);
	if (!t || t->t_proc == &proc0 || (tgid && t->t_proc->p_pid != tgid))
		err = -ESRCH;
	else if (!may_send(t->t_proc, sig))
		err = -EPERM;
	else
		err = sig ? signal_send_thread(t, sig, si) : 0;
	spin_unlock(&proctree_lock);
	return err;
}

long sys_tkill(pid_t tid, int sig)
{
	struct siginfo si;

	if (tid <= 0)
		return -EINVAL;
	siginfo_fill_user(&si, sig, SI_TKILL);
	return kill_thread(0, tid, sig, &si);
}

long sys_tgkill(pid_t tgid, pid_t tid, int sig)
{
	struct siginfo si;

	if (tid <= 0 || tgid <= 0)
		return -EINVAL;
	siginfo_fill_user(&si, sig, SI_TKILL);
	return kill_thread(tgid, tid, sig, &si);
}

/* What a program may claim about itself towards others: nothing that only kernel or kill(2) say. */
static int info_from_user(struct siginfo *si, int sig, const struct siginfo __user *info,
			  pid_t target)
{
	memset(si, 0, sizeof(*si));
	if (copy_from_user(si, info, SIGINFO_WORDS * sizeof(u64)))
		return -EFAULT;
	if ((si->si_code >= 0 || si->si_code == SI_TKILL) &&
	    target != current_proc()->p_pid)
		return -EPERM;
	si->si_signo = sig;
	return 0;
}

long sys_rt_sigqueueinfo(pid_t pid, int sig, const struct siginfo __user *info)
{
	struct siginfo si;
	int err = info_from_user(&si, sig, info, pid);

	if (err)
		return err;
	if (!sig_number_ok(sig))
		return -EINVAL;
	if (pid <= 0)
		return -ESRCH;
	return kill_one(pid, sig, &si);
}

long sys_rt_tgsigqueueinfo(pid_t tgid, pid_t tid, int sig,
			   const struct siginfo __user *info)
{
	struct siginfo si;
	int err;

	if (tid <= 0 || tgid <= 0)
		return -EINVAL;
	err = info_from_user(&si, sig, info, tgid);
	return err ? err : kill_thread(tgid, tid, sig, &si);
}
