/* SPDX-License-Identifier: MIT */
/*
 * Taking signals on the way to user mode: handlers, default actions, group stop,
 * group exit, and what becomes of the interrupted system call.
 *
 * user_return_work() calls signal_deliver() in the context of the thread, with
 * interrupts on and no locks. All that is due is delivered in one call: with
 * two handlers due, the second frame lies on the first and runs first.
 *
 * System calls that were interrupted have left one of these in rax:
 *
 *			no handler runs		a handler runs
 *	ERESTARTNOINTR	restart			restart
 *	ERESTARTSYS	restart			restart if SA_RESTART, else EINTR
 *	ERESTARTNOHAND	restart			EINTR
 *	ERESTART_RESTARTBLOCK  restart_syscall(2)  EINTR
 *
 * Locks: ss_lock to take a signal; proctree_lock around it for stop, continue and group exit,
 * because the parent is told. A stopped thread sleeps in THREAD_STOPPED, which only
 * SIGCONT, SIGKILL and group exit end.
 */
#include <abi/syscall.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "bits.h"
#include "ipc/sigimpl.h"
#include "kernel/core/sched.h"
#include "kernel/core/trace.h"
#include "kernel/lib/string.h"
#include "kernel/x86/frame.h"

/* Length of the SYSCALL instruction. */
#define SYSCALL_INSN	2

/* Words 0 and 1 of what signal_take() returns. */
BUILD_ASSERT(offsetof(struct siginfo, si_signo) == 0 && offsetof(struct siginfo, si_code) == 8);

static int pending_take(struct sigstate *ss, struct sigpending *sp, int sig,
			u64 info[SIGINFO_WORDS])
{
	struct sigentry *e, *found = NULL;
	bool more = false;

	list_for_each_entry(e, &sp->sp_queue, se_link) {
		if (e->se_signo != sig)
			continue;
		if (found) {
			more = true;
			break;
		}
		found = e;
	}
	if (!more)
		sp->sp_set &= ~SIGBIT(sig);
	if (found) {
		memcpy(info, found->se_info, sizeof(found->se_info));
		list_del(&found->se_link);
		sigentry_free(ss, found);
	} else {
		/* From a timer; or without memory for details: "from pid 0", as on Linux. */
		memset(info, 0, SIGINFO_WORDS * sizeof(info[0]));
		info[0] = (u64)sig;
		if (sp->sp_kernel & SIGBIT(sig))
			info[1] = SI_KERNEL;
	}
	sp->sp_kernel &= sp->sp_set;
	return sig;
}

int signal_take(struct sigstate *ss, struct sigthread *st, u64 set,
		u64 info[SIGINFO_WORDS])
{
	u64 own = st->st_pending.sp_set & set;
	u64 shared = ss->ss_pending.sp_set & set;

	KASSERT(lock_held(&ss->ss_lock));
	if (own & SIGS_SYNC)
		own &= SIGS_SYNC;
	if (own)
		return pending_take(ss, &st->st_pending, (int)ctz64(own) + 1, info);
	if (shared)
		return pending_take(ss, &ss->ss_pending, (int)ctz64(shared) + 1, info);
	return 0;
}

/* Tell the parent; proctree_lock held. */
static void notify_parent(struct proc *p, int code, int status)
{
	struct proc *parent = p->p_parent;
	struct siginfo si;

	KASSERT(lock_held(&proctree_lock));
	if (!parent)
		return;
	if (!signal_nocldstop(parent)) {
		memset(&si, 0, sizeof(si));
		si.si_code = code;
		si.si_pid = p->p_pid;
		si.si_uid = p->p_cred->cr_uid;
		si.si_status = status;
		(void)signal_send_proc(parent, SIGCHLD, &si);
	}
	waitq_wake_all(&parent->p_childq, 0);
}

void signal_report_stop(struct proc *p, int sig)
{
	KASSERT(lock_held(&proctree_lock));
	p->p_stopped = true;
	p->p_stop_sig = sig;
	p->p_stop_report = true;
	p->p_cont_report = false;
	notify_parent(p, CLD_STOPPED, sig);
}

static void report_continue(struct proc *p)
{
	KASSERT(lock_held(&proctree_lock));
	p->p_stopped = false;
	p->p_stop_report = false;
	p->p_cont_report = true;
	notify_parent(p, CLD_CONTINUED, SIGCONT);
}

/* The default action of a stop signal that was just taken. */
static void stop_begin(struct proc *p, int sig)
{
	struct sigstate *ss = p->p_sig;
	struct sigthread *st;
	irqflags_t f;

	spin_lock(&proctree_lock);
	/* Nobody could continue an orphaned group: POSIX has it go on. */
	if (sig != SIGSTOP && pgrp_orphaned(p->p_pgrp, NULL)) {
		spin_unlock(&proctree_lock);
		return;
	}
	f = sig_lock(ss);
	/* ss_lock was dropped since the signal was taken: a SIGCONT wins. */
	if (ss->ss_stop_taken && !ss->ss_fatal && !ss->ss_stop_sig) {
		ss->ss_stop_sig = sig;
		ss->ss_unstopped = 0;
		ss->ss_cont_notify = false;
		list_for_each_entry(st, &ss->ss_threads, st_link) {
			st->st_stopped = false;
			ss->ss_unstopped++;
			atomic_fetch_or(&st->st_thread->t_work, TW_STOP);
			if (!sched_wake(st->st_thread, WAKE_INTERRUPTIBLE))
				signal_kick(st->st_thread);
		}
		KASSERT(ss->ss_unstopped > 0);
	}
	sig_unlock(ss, f);
	spin_unlock(&proctree_lock);
}

/* TW_STOP: stay here while the group stop lasts. */
static void stop_wait(struct thread *t)
{
	struct proc *p = t->t_proc;
	struct sigstate *ss = p->p_sig;
	struct sigthread *st = t->t_sig;
	bool notify;
	irqflags_t f;

	spin_lock(&proctree_lock);
	f = sig_lock(ss);
	while (ss->ss_stop_sig && !ss->ss_fatal &&
	       !(atomic_read(&t->t_work) & TW_EXIT)) {
		int report = 0;

		if (!st->st_stopped) {
			st->st_stopped = true;
			KASSERT(ss->ss_unstopped > 0);
			if (--ss->ss_unstopped == 0)
				report = ss->ss_stop_sig;
		}
		/* Under ss_lock, which whoever ends the stop takes: no wake-up is lost. */
		WRITE_ONCE(t->t_state, THREAD_STOPPED);
		sig_unlock(ss, f);
		if (report)
			signal_report_stop(p, report);
		spin_unlock(&proctree_lock);
		schedule();
		spin_lock(&proctree_lock);
		f = sig_lock(ss);
	}
	st->st_stopped = false;
	atomic_and(&t->t_work, ~TW_STOP);
	notify = ss->ss_cont_notify;
	ss->ss_cont_notify = false;
	sig_unlock(ss, f);
	if (notify)
		report_continue(p);
	spin_unlock(&proctree_lock);
}

/* The process ends by sig: everybody leaves, current on return to user_return_work(). */
static void group_exit(struct thread *t, int sig)
{
	struct proc *p = t->t_proc;

	spin_lock(&proctree_lock);
	if (!p->p_group_exit) {
		p->p_group_exit = true;
		/* RLIMIT_CORE is 0 here as far as dumping goes: no core flag. */
		p->p_exit_code = sig;
	}
	spin_unlock(&proctree_lock);
	signal_kill_others(p);
	atomic_or(&t->t_work, TW_EXIT);
}

/* Copy the action for sig; SA_RESETHAND takes effect. */
static void action_get(struct sigstate *ss, int sig, struct sigaction *out)
{
	struct sigaction *sa = &ss->ss_hand->sh_action[sig - 1];

	KASSERT(lock_held(&ss->ss_lock));
	spin_lock(&ss->ss_hand->sh_lock);
	*out = *sa;
	if ((sa->sa_flags & SA_RESETHAND) && sa->sa_handler != SIG_IGN)
		sa->sa_handler = SIG_DFL;
	spin_unlock(&ss->ss_hand->sh_lock);
}

/*
 * Find the next signal that has a handler, doing what the others' actions say.
 * False: nothing (more) to deliver, or the process ends.
 */
static bool signal_next(struct thread *t, struct sigtaken *k)
{
	struct proc *p = t->t_proc;
	struct sigstate *ss = p->p_sig;
	struct sigthread *st = t->t_sig;
	irqflags_t f;

	for (;;) {
		if (atomic_read(&t->t_work) & TW_STOP)
			stop_wait(t);
		f = sig_lock(ss);
		if (ss->ss_fatal) {
			int sig = ss->ss_fatal;

			sig_unlock(ss, f);
			group_exit(t, sig);
			return false;
		}
		k->sk_sig = signal_take(ss, st, ~st->st_mask, k->sk_info);
		if (!k->sk_sig) {
			signal_recalc(ss, t);
			sig_unlock(ss, f);
			return false;
		}
		action_get(ss, k->sk_sig, &k->sk_act);
		if (SIGBIT(k->sk_sig) & SIGS_STOP)
			ss->ss_stop_taken = true;
		sig_unlock(ss, f);

		if (k->sk_act.sa_handler == SIG_IGN)
			continue;
		if (k->sk_act.sa_handler != SIG_DFL)
			return true;
		if ((SIGBIT(k->sk_sig) & SIGS_IGNORE) ||
		    (p->p_is_init && !ss->ss_killable))
			continue;
		if (SIGBIT(k->sk_sig) & SIGS_STOP) {
			stop_begin(p, k->sk_sig);
			continue;
		}
		group_exit(t, k->sk_sig);
		return false;
	}
}

static bool in_syscall(const struct trapframe *tf)
{
	return tf->tf_vec == TF_VEC_SYSCALL;
}

static void syscall_again(struct trapframe *tf, u64 nr)
{
	tf->tf_rax = nr;
	tf->tf_rip -= SYSCALL_INSN;
}

static void restart_for_handler(struct trapframe *tf, unsigned long sa_flags)
{
	if (!in_syscall(tf))
		return;
	switch ((long)tf->tf_rax) {
	case -ERESTARTNOINTR:
		syscall_again(tf, tf->tf_err);
		break;
	case -ERESTARTSYS:
		if (sa_flags & SA_RESTART)
			syscall_again(tf, tf->tf_err);
		else
			tf->tf_rax = (u64)-EINTR;
		break;
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		tf->tf_rax = (u64)-EINTR;
		break;
	}
}

static void restart_no_handler(struct trapframe *tf)
{
	if (!in_syscall(tf))
		return;
	switch ((long)tf->tf_rax) {
	case -ERESTARTNOINTR:
	case -ERESTARTSYS:
	case -ERESTARTNOHAND:
		syscall_again(tf, tf->tf_err);
		break;
	case -ERESTART_RESTARTBLOCK:
		syscall_again(tf, SYS_restart_syscall);
		break;
	}
}

/* Enter the handler: frame, then the mask that it runs with. */
static void handle(struct trapframe *tf, struct thread *t, struct sigtaken *k)
{
	struct sigthread *st = t->t_sig;
	u64 mask = st->st_mask;

	trace(TRACE_SIGNAL, (u64)k->sk_sig, (u64)t->t_tid, 1, 0);
	restart_for_handler(tf, k->sk_act.sa_flags);
	if (atomic_read(&t->t_work) & TW_RESTORE_MASK)
		mask = st->st_saved_mask;
	if (sigframe_push(tf, k, mask)) {
		struct sigstate *ss = t->t_proc->p_sig;

		/* No stack for SIGSEGV's own handler: then its default. */
		if (k->sk_sig == SIGSEGV)
			WRITE_ONCE(ss->ss_hand->sh_action[SIGSEGV - 1].sa_handler,
				   SIG_DFL);
		signal_fault(SIGSEGV, SI_KERNEL, 0);
		return;
	}
	atomic_and(&t->t_work, ~TW_RESTORE_MASK);
	mask = st->st_mask | k->sk_act.sa_mask;
	if (!(k->sk_act.sa_flags & SA_NODEFER))
		mask |= SIGBIT(k->sk_sig);
	signal_set_mask(mask);
}

void signal_deliver(struct trapframe *tf)
{
	struct thread *t = current;
	struct sigtaken k;

	KASSERT(t->t_sig && frame_from_user(tf));
	while (signal_next(t, &k))
		handle(tf, t, &k);
	if (atomic_read(&t->t_work) & TW_EXIT)
		return;
	restart_no_handler(tf);
	if (atomic_read(&t->t_work) & TW_RESTORE_MASK) {
		atomic_and(&t->t_work, ~TW_RESTORE_MASK);
		signal_set_mask(t->t_sig->st_saved_mask);
	}
}

void signal_set_temp_mask(sigset_t_k mask)
{
	struct sigthread *st = current->t_sig;

	KASSERT(!st->st_temp_mask);
	st->st_saved_mask = st->st_mask;
	st->st_temp_mask = true;
	signal_set_mask(mask);
}

void signal_restore_mask(void)
{
	struct sigthread *st = current->t_sig;

	KASSERT(st->st_temp_mask);
	st->st_temp_mask = false;
	signal_set_mask(st->st_saved_mask);
}

void signal_defer_restore(void)
{
	struct sigthread *st = current->t_sig;

	KASSERT(st->st_temp_mask);
	st->st_temp_mask = false;
	atomic_or(&current->t_work, TW_RESTORE_MASK);
}
