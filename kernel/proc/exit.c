/* SPDX-License-Identifier: MIT */
/*
 * The end of threads and processes.
 *
 * A thread leaves by thread_exit(). The last one takes the process with it: address space,
 * descriptors and directories go at once; what stays is the zombie, a struct proc with
 * a wait status, until the parent has waited (wait.c) or does not want to know.
 *
 * exit_group and fatal signals set p_group_exit and the status, and ask the other threads to
 * leave (TW_EXIT); each finds out on its way to user mode, or out of an interrupted sleep.
 * exec asks in the same way (p_group_exec), but stays.
 */
#include <errno.h>
#include <abi/wait.h>
#include <kassert.h>
#include "drivers/tty.h"
#include "fs/fdtable.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "ipc/futex.h"
#include "ipc/signal.h"
#include "kernel/core/panic.h"
#include "kernel/core/printk.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/core/trace.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/lifecycle.h"
#include "kernel/x86/cpu.h"
#include "mm/space.h"

void proc_drop_resources(struct proc *p)
{
	struct vmspace *vm = p->p_vm;
	struct fdtable *fdt = p->p_fdt;
	struct fs_context *fs = p->p_fs;
	struct file *exe = p->p_exe;

	/* /proc may look at p at any time: unhook first, then let go. */
	spin_lock(&p->p_lock);
	p->p_vm = NULL;
	p->p_fdt = NULL;
	p->p_fs = NULL;
	p->p_exe = NULL;
	spin_unlock(&p->p_lock);
	if (vm)
		vmspace_put(vm);
	if (fdt)
		fdtable_put(fdt);
	if (fs)
		fs_context_put(fs);
	if (exe) {
		vnode_allow_write(exe->f_vnode);
		file_put(exe);
	}
}

/* Who adopts the children of p: its nearest living ancestor that asked for it, else init. */
static struct proc *find_reaper(struct proc *p)
{
	for (struct proc *a = p->p_parent; a && a != &proc0; a = a->p_parent)
		if (a->p_subreaper && a->p_state == PROC_ALIVE)
			return a;
	return init_proc;
}

/*
 * p and its parent part, as one of them ends. If they were the last link of p's group to the
 * rest of its session and it has stopped members, nobody is left to continue these: POSIX wants
 * SIGHUP and SIGCONT. A group that was orphaned before is left alone.
 */
static void hang_up_orphans(struct proc *p, const struct proc *parent, const struct proc *ended)
{
	struct pgrp *pg = p->p_pgrp;
	struct proc *member;

	if (!pg || !pgrp_linked_by(pg, parent) || !pgrp_orphaned(pg, ended))
		return;
	list_for_each_entry(member, &pg->pg_members, p_pglink) {
		if (member == ended || !member->p_stopped)
			continue;
		signal_send_pgrp_locked(pg, SIGHUP, NULL);
		signal_send_pgrp_locked(pg, SIGCONT, NULL);
		return;
	}
}

/*
 * Tell the parent, or let p vanish if it does not care. proctree_lock held.
 * True: p is gone from the tree.
 */
static bool notify_parent(struct proc *p)
{
	struct proc *parent = p->p_parent;
	bool vanish = p->p_exit_signal == SIGCHLD && signal_ignored_chld(parent);

	if (p->p_exit_signal) {
		struct siginfo info = { .si_signo = p->p_exit_signal };

		wait_fill_siginfo(p, &info);
		signal_send_proc(parent, p->p_exit_signal, &info);
	}
	if (vanish)
		proc_unlink(p);
	waitq_wake_all(&parent->p_childq, 0);
	return vanish;
}

/* Children of p get a new parent. Zombies among them that nobody wants are collected in dead. */
static void reparent_children(struct proc *p, struct list_head *dead)
{
	struct proc *reaper = find_reaper(p), *child, *next;

	list_for_each_entry_safe(child, next, &p->p_children, p_sibling) {
		child->p_parent = reaper;
		child->p_forker = first_thread(reaper);
		list_move_tail(&child->p_sibling, &reaper->p_children);
		if (child->p_pdeath_sig)
			signal_send_proc(child, child->p_pdeath_sig, NULL);
		hang_up_orphans(child, p, p);
		/* clone(2) may have asked for another one, for its own parent and nobody else. */
		child->p_exit_signal = SIGCHLD;
		if (child->p_state != PROC_ZOMBIE)
			continue;
		if (notify_parent(child))
			list_add(&child->p_sibling, dead);
	}
}

static void init_exited(int status)
{
	if (status & 0x7f)
		panic("init killed by signal %d", status & 0x7f);
	printk(KERN_ERR "init exited with status %d: power off\n", status >> 8);
	cpu_power_off();
}

/* The last thread of p is on its way out. */
static void proc_exit(struct proc *p)
{
	LIST_HEAD(dead);
	bool vanished;

	if (p->p_is_init)
		init_exited(p->p_exit_code);
	itimer_exit(p);
	tty_session_leader_exit(p);
	((struct thread *)current)->t_pmap = NULL;
	proc_drop_resources(p);

	spin_lock(&proctree_lock);
	if (p->p_pgrp->pg_session->se_leader == p)
		p->p_pgrp->pg_session->se_leader = NULL;
	reparent_children(p, &dead);
	hang_up_orphans(p, p->p_parent, p);
	p->p_state = PROC_ZOMBIE;
	vanished = notify_parent(p);
	spin_unlock(&proctree_lock);

	while (!list_empty(&dead)) {
		struct proc *child = list_first_entry(&dead, struct proc, p_sibling);

		list_del(&child->p_sibling);
		proc_put(child);
	}
	if (vanished)
		proc_put(p);
}

/* Add a leaving thread's sums to its process's. */
static void account_dead_thread(struct proc *p, struct thread *t)
{
	struct proc_usage *u = &p->p_dead_threads;
	nsec_t user, sys;

	sched_thread_times(t, &user, &sys);
	spin_lock(&p->p_lock);
	u->u_utime += user;
	u->u_stime += sys;
	u->u_minflt += t->t_minflt;
	u->u_majflt += t->t_majflt;
	u->u_nvcsw += t->t_nvcsw;
	u->u_nivcsw += t->t_nivcsw;
	if (p->p_vm)
		u->u_maxrss_pages = max(u->u_maxrss_pages, vm_count_maxrss(p->p_vm));
	spin_unlock(&p->p_lock);
}

/* The children of a leaving thread become those of another one. proctree_lock held. */
static void pass_on_children(struct proc *p, const struct thread *t)
{
	struct proc *child;

	list_for_each_entry(child, &p->p_children, p_sibling)
		if (child->p_forker == t)
			child->p_forker = first_thread(p);
}

void thread_exit(int wait_status)
{
	struct thread *t = current;
	struct proc *p = t->t_proc;
	bool last;

	lockrank_assert_none();
	trace(TRACE_EXIT, (u64)t->t_tid, (u64)wait_status, 0, 0);
	/* Robust futexes and the cleared tid need the address space; so they come first. */
	futex_exit(t);
	vfork_release(t);
	account_dead_thread(p, t);
	signal_thread_exit(t);

	spin_lock(&proctree_lock);
	thread_unhash_locked(t);
	list_del(&t->t_link);
	if (t->t_tid != p->p_pid)
		pid_release_locked(t->t_tid);
	last = --p->p_nthreads == 0;
	if (!last)
		pass_on_children(p, t);
	if (last && !p->p_group_exit)
		p->p_exit_code = wait_status;
	if (p->p_group_exec)
		waitq_wake_all(&p->p_childq, 0);
	spin_unlock(&proctree_lock);

	if (last)
		proc_exit(p);
	else
		t->t_pmap = NULL;
	sched_exit();
}

/* The whole process ends, with this wait status unless another one was first. */
static void proc_group_exit(int wait_status)
{
	struct proc *p = current_proc();

	spin_lock(&proctree_lock);
	if (!p->p_group_exit) {
		p->p_group_exit = true;
		p->p_exit_code = wait_status;
		signal_kill_others(p);
	}
	spin_unlock(&proctree_lock);
}

int proc_single_thread(void)
{
	struct thread *me = current;
	struct proc *p = me->t_proc;
	bool leads = me->t_tid == p->p_pid;
	int err = 0;

	spin_lock(&proctree_lock);
	if (p->p_group_exit || p->p_group_exec) {
		spin_unlock(&proctree_lock);
		return -EINTR;
	}
	if (p->p_nthreads > 1) {
		p->p_group_exec = me;
		signal_kill_others(p);
		while (p->p_nthreads > 1 && !err)
			err = waitq_sleep_killable(&p->p_childq, &proctree_lock);
		p->p_group_exec = NULL;
	}
	/* The survivor is the process's first thread from now on: it bears its number. */
	if (!err && !leads) {
		thread_unhash_locked(me);
		pid_release_locked(me->t_tid);
		me->t_tid = p->p_pid;
		thread_hash_locked(me);
	}
	spin_unlock(&proctree_lock);
	if (!err && !leads)
		cred_publish();
	return err ? -EINTR : 0;
}

long sys_exit(int code)
{
	thread_exit(W_EXITCODE(code, 0));
}

long sys_exit_group(int code)
{
	proc_group_exit(W_EXITCODE(code, 0));
	thread_exit(current_proc()->p_exit_code);
}

/* The last references are gone: what the levels above core have hung on. */
void thread_release_upper(struct thread *t)
{
	sigthread_free(t);
}

void proc_release_upper(struct proc *p)
{
	KASSERT(!p->p_vm && !p->p_fs && !p->p_exe);
	if (p->p_sig)
		sigstate_put(p->p_sig);
	itimer_free(p);
}
