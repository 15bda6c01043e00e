/* SPDX-License-Identifier: MIT */
/*
 * Sending signals: is it ignored, where is it queued, which thread is told.
 *
 * Callers are kill(2), timers, ttys, pipes, faults and exit. A signal for a
 * process is queued on the process and one thread that does not block it is
 * told (TW_SIGNAL, woken from interruptible sleep); any thread that looks may
 * take it. A signal for a thread is queued on the thread.
 *
 * Invariants:
 *  1. TW_SIGNAL is cleared by the thread itself only. So a sleep that a signal has ended
 *     with -ERESTARTSYS is always followed by signal_deliver(), even when another
 *     thread has taken the signal in between.
 *  2. A signal whose default action ends the process, sent to a thread that takes it, sets
 *     ss_fatal at once: every thread leaves, however deep in a killable sleep.
 *  3. A stop signal and SIGCONT are never pending together.
 *  4. Standard signals are pending at most once each on a queue; sending them needs no
 *     memory: without an entry the siginfo is lost, not the signal.
 *
 * Locks: ss_lock, interrupts off. No sleeping, no proctree_lock.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "ipc/sigimpl.h"
#include "kernel/core/sched.h"
#include "kernel/core/trace.h"
#include "kernel/lib/string.h"
#include "kernel/x86/irqchip.h"
#include "mm/slab.h"

static struct slab_cache *entry_cache;

/*
 * The caller has set a flag of t_work, by an atomic operation and so before it looks here; the
 * other side of the barrier is in switch_to().
 */
void signal_kick(struct thread *t)
{
	int cpu = READ_ONCE(t->t_cpu);

	if (t != current && ncpus > 1 &&
	    READ_ONCE(*percpu_ptr(percpu_current, cpu)) == t)
		ipi_resched((unsigned int)cpu);
}

/* Make t look at work soon: wake it from the given states, or interrupt its CPU. */
static void thread_notify(struct thread *t, int work, u32 states)
{
	/* Full barrier between the flag and the state: see thread_prepare_sleep(). */
	if (work)
		atomic_fetch_or(&t->t_work, work);
	if (!sched_wake(t, states))
		signal_kick(t);
}

void signal_recalc(struct sigstate *ss, struct thread *t)
{
	struct sigthread *st = t->t_sig;

	KASSERT(lock_held(&ss->ss_lock));
	if (((st->st_pending.sp_set | ss->ss_pending.sp_set) & ~st->st_mask) ||
	    ss->ss_fatal)
		atomic_or(&t->t_work, TW_SIGNAL);
	else if (t == current)
		atomic_and(&t->t_work, ~TW_SIGNAL);
}

void sigentry_free(struct sigstate *ss, struct sigentry *e)
{
	KASSERT(ss->ss_nqueued > 0);
	ss->ss_nqueued--;
	slab_free(entry_cache, e);
}

void sigpending_flush(struct sigstate *ss, struct sigpending *sp, u64 set)
{
	struct sigentry *e, *next;

	if (!(sp->sp_set & set))
		return;
	sp->sp_set &= ~set;
	sp->sp_kernel &= ~set;
	list_for_each_entry_safe(e, next, &sp->sp_queue, se_link) {
		if (!(SIGBIT(e->se_signo) & set))
			continue;
		list_del(&e->se_link);
		sigentry_free(ss, e);
	}
}

static void flush_all(struct sigstate *ss, u64 set)
{
	struct sigthread *st;

	sigpending_flush(ss, &ss->ss_pending, set);
	list_for_each_entry(st, &ss->ss_threads, st_link)
		sigpending_flush(ss, &st->st_pending, set);
}

/* May this thread take sig now? */
static bool thread_wants(const struct sigthread *st, int sig)
{
	if (atomic_read(&st->st_thread->t_work) & TW_EXIT)
		return false;
	if (sig == SIGKILL)
		return true;
	/* What comes while it is stopped waits until it goes on: stop_wait() comes back to it. */
	if (st->st_stopped)
		return false;
	return !(st->st_mask & SIGBIT(sig)) || (st->st_waitset & SIGBIT(sig));
}

static struct sigthread *choose_thread(struct sigstate *ss, int sig)
{
	struct sigthread *st;

	list_for_each_entry(st, &ss->ss_threads, st_link)
		if (thread_wants(st, sig))
			return st;
	return NULL;
}

/* The process dies of sig: nobody goes back to user mode. */
static void doom(struct sigstate *ss, int sig)
{
	struct sigthread *st;

	if (ss->ss_fatal)
		return;
	ss->ss_fatal = sig;
	ss->ss_stop_sig = 0;
	list_for_each_entry(st, &ss->ss_threads, st_link)
		thread_notify(st->st_thread, TW_SIGNAL | TW_EXIT,
			      WAKE_FATAL | WAKE_STOPPED);
}

/* Would st's taking sig end the process? */
static bool is_fatal(struct proc *p, const struct sigthread *st, int sig)
{
	struct sigstate *ss = p->p_sig;

	if (sig == SIGKILL)
		return true;
	return sig_handler(ss, sig) == SIG_DFL &&
	       !((SIGS_STOP | SIGS_IGNORE | st->st_mask) & SIGBIT(sig)) &&
	       (!p->p_is_init || ss->ss_killable);
}

/* sig is pending for st, or for the process (st NULL): tell a thread. */
static void route(struct proc *p, struct sigthread *st, int sig)
{
	struct sigstate *ss = p->p_sig;

	if (!st)
		st = choose_thread(ss, sig);
	else if (!thread_wants(st, sig))
		st = NULL;
	if (!st)
		return;
	if (is_fatal(p, st, sig)) {
		doom(ss, sig);
		return;
	}
	/* A thread in sigtimedwait takes it itself, without delivery. */
	thread_notify(st->st_thread,
		      st->st_mask & SIGBIT(sig) ? 0 : TW_SIGNAL,
		      WAKE_INTERRUPTIBLE);
}

/*
 * POSIX: whatever becomes of SIGCONT itself, it discards pending stop signals and
 * continues the process; a stop signal discards pending SIGCONTs.
 */
static void stop_cont_effects(struct proc *p, int sig)
{
	struct sigstate *ss = p->p_sig;
	struct sigthread *st;

	if (SIGBIT(sig) & SIGS_STOP) {
		flush_all(ss, SIGBIT(SIGCONT));
		return;
	}
	if (sig != SIGCONT)
		return;
	flush_all(ss, SIGS_STOP);
	ss->ss_stop_taken = false;
	/*
	 * A stop that nobody has waited for is over. Without proctree_lock: if the
	 * report is just being made, report_continue() takes it back.
	 */
	WRITE_ONCE(p->p_stop_report, false);
	if (!ss->ss_stop_sig)
		return;
	ss->ss_stop_sig = 0;
	ss->ss_cont_notify = ss->ss_unstopped == 0;
	list_for_each_entry(st, &ss->ss_threads, st_link)
		sched_wake(st->st_thread, WAKE_STOPPED);
}

static bool is_ignored(struct proc *p, const struct sigthread *st, int sig)
{
	struct sigstate *ss = p->p_sig;
	sighandler_t h = sig_handler(ss, sig);

	/* Init gets only what it has handlers for. */
	if (p->p_is_init && h == SIG_DFL)
		return true;
	/* A blocked signal stays: the handler may change before it is unblocked. */
	if (!st && !list_empty(&ss->ss_threads))
		st = list_first_entry(&ss->ss_threads, struct sigthread, st_link);
	if (st && (st->st_mask & SIGBIT(sig)))
		return false;
	return h == SIG_IGN || (h == SIG_DFL && (SIGBIT(sig) & SIGS_IGNORE));
}

/* An entry for sig, or NULL where it does without; *err is set where that is an error. */
static struct sigentry *entry_alloc(struct proc *p, int sig, int code, int *err)
{
	struct sigstate *ss = p->p_sig;
	struct sigentry *e = NULL;

	if (sig < SIGRTMIN ||
	    ss->ss_nqueued < READ_ONCE(p->p_rlimit[RLIMIT_SIGPENDING].rlim_cur))
		e = slab_alloc(entry_cache, ALLOC_ATOMIC);
	if (e)
		ss->ss_nqueued++;
	else if (sig >= SIGRTMIN && code != SI_USER && code != SI_KERNEL)
		*err = -EAGAIN;
	return e;
}

/* How a signal is sent. */
#define SEND_FORCE	0x1	/* ignored or not */
#define SEND_BARE	0x2	/* without an entry: no allocation */

static int send_locked(struct proc *p, struct sigthread *st, int sig,
		       const struct siginfo *info, unsigned int how)
{
	struct sigstate *ss = p->p_sig;
	struct sigpending *sp = st ? &st->st_pending : &ss->ss_pending;
	struct sigentry *e = NULL;
	int err = 0;

	KASSERT(lock_held(&ss->ss_lock));
	KASSERT(sig >= 1 && sig <= SIG_COUNT);
	if (list_empty(&ss->ss_threads))
		return 0;		/* a zombie: nobody is left to take it */
	stop_cont_effects(p, sig);
	if (!(how & SEND_FORCE) && is_ignored(p, st, sig))
		return 0;
	if (sig < SIGRTMIN && (sp->sp_set & SIGBIT(sig)))
		return 0;
	/* SIGKILL has no siginfo to show anybody. */
	if (!(how & SEND_BARE) && sig != SIGKILL)
		e = entry_alloc(p, sig, info ? info->si_code : SI_KERNEL, &err);
	if (err)
		return err;
	if (e) {
		if (info)
			memcpy(e->se_info, info, sizeof(e->se_info));
		else
			memset(e->se_info, 0, sizeof(e->se_info));
		e->se_signo = sig;
		if (!info)
			e->se_code = SI_KERNEL;
		list_add_tail(&e->se_link, &sp->sp_queue);
	} else if (!info) {
		sp->sp_kernel |= SIGBIT(sig);
	}
	sp->sp_set |= SIGBIT(sig);
	trace(TRACE_SIGNAL, (u64)sig, (u64)p->p_pid, 0, 0);
	route(p, st, sig);
	return 0;
}

int signal_send_proc(struct proc *p, int sig, const struct siginfo *info)
{
	irqflags_t f;
	int err;

	if (!p->p_sig)
		return 0;		/* kernel threads take none */
	f = sig_lock(p->p_sig);
	err = send_locked(p, NULL, sig, info, 0);
	sig_unlock(p->p_sig, f);
	return err;
}

int signal_send_thread(struct thread *t, int sig, const struct siginfo *info)
{
	struct proc *p = t->t_proc;
	irqflags_t f;
	int err = 0;

	if (!p->p_sig || !t->t_sig)
		return 0;
	f = sig_lock(p->p_sig);
	if (!list_empty(&t->t_sig->st_link))
		err = send_locked(p, t->t_sig, sig, info, 0);
	sig_unlock(p->p_sig, f);
	return err;
}

int signal_send_pgrp_locked(struct pgrp *pg, int sig, const struct siginfo *info)
{
	struct proc *p;

	KASSERT(lock_held(&proctree_lock));
	list_for_each_entry(p, &pg->pg_members, p_pglink)
		(void)signal_send_proc(p, sig, info);
	return 0;
}

void signal_send_irq(struct proc *p, int sig)
{
	irqflags_t f;

	if (!p->p_sig)
		return;
	f = sig_lock(p->p_sig);
	(void)send_locked(p, NULL, sig, NULL, SEND_BARE);
	sig_unlock(p->p_sig, f);
}

void siginfo_fill_user(struct siginfo *si, int sig, int code)
{
	/* No more of it is ever sent on. */
	for (int i = 0; i < SIGINFO_WORDS; i++)
		((u64 *)si)[i] = 0;
	si->si_signo = sig;
	si->si_code = code;
	si->si_pid = current_proc()->p_pid;
	si->si_uid = cred_current()->cr_uid;
}

void signal_self(int sig)
{
	struct siginfo si;

	siginfo_fill_user(&si, sig, SI_USER);
	(void)signal_send_thread(current, sig, &si);
}

/*
 * A fault of the running thread. Blocking or ignoring it cannot make the thread
 * run into it for ever: then the default action ends the process.
 */
void signal_fault(int sig, int code, vaddr_t addr)
{
	struct thread *t = current;
	struct proc *p = t->t_proc;
	struct sigstate *ss = p->p_sig;
	struct siginfo si;
	irqflags_t f;

	KASSERT(ss && t->t_sig);
	memset(&si, 0, sizeof(si));
	si.si_code = code;
	si.si_addr = (void __user *)addr;
	f = sig_lock(ss);
	spin_lock(&ss->ss_hand->sh_lock);
	if ((t->t_sig->st_mask & SIGBIT(sig)) || sig_handler(ss, sig) == SIG_IGN)
		ss->ss_hand->sh_action[sig - 1].sa_handler = SIG_DFL;
	if (sig_handler(ss, sig) == SIG_DFL)
		ss->ss_killable = true;
	spin_unlock(&ss->ss_hand->sh_lock);
	t->t_sig->st_mask &= ~SIGBIT(sig);
	(void)send_locked(p, t->t_sig, sig, &si, SEND_FORCE);
	signal_recalc(ss, t);
	sig_unlock(ss, f);
}

void signal_kill_others(struct proc *p)
{
	struct sigstate *ss = p->p_sig;
	struct sigthread *st;
	irqflags_t f = sig_lock(ss);

	ss->ss_stop_sig = 0;
	list_for_each_entry(st, &ss->ss_threads, st_link)
		if (st->st_thread != current)
			thread_notify(st->st_thread, TW_EXIT,
				      WAKE_FATAL | WAKE_STOPPED);
	sig_unlock(ss, f);
}

void signal_retarget(struct sigstate *ss, const struct thread *not, u64 set)
{
	u64 left = ss->ss_pending.sp_set & set;
	struct sigthread *st;

	KASSERT(lock_held(&ss->ss_lock));
	if (likely(!left))
		return;
	list_for_each_entry(st, &ss->ss_threads, st_link) {
		u64 takes = left & ~st->st_mask;

		if (st->st_thread == not || !takes ||
		    (atomic_read(&st->st_thread->t_work) & TW_EXIT))
			continue;
		thread_notify(st->st_thread, TW_SIGNAL, WAKE_INTERRUPTIBLE);
		left &= ~takes;
	}
}

void signal_set_mask(u64 mask)
{
	struct thread *t = current;
	struct sigstate *ss = t->t_proc->p_sig;
	struct sigthread *st = t->t_sig;
	irqflags_t f = sig_lock(ss);
	u64 newly;

	mask &= ~SIGS_UNBLOCKABLE;
	newly = mask & ~st->st_mask;
	st->st_mask = mask;
	if (unlikely(ss->ss_pending.sp_set & newly))
		signal_retarget(ss, t, newly);
	signal_recalc(ss, t);
	sig_unlock(ss, f);
}

/* No lock: a hint that was set before stays true for the thread itself. */
bool signal_pending_slow(struct thread *t)
{
	struct sigthread *st = t->t_sig;
	int work = atomic_read(&t->t_work);

	if (work & (TW_EXIT | TW_STOP))
		return true;
	if (!(work & TW_SIGNAL) || !st)
		return false;
	return (READ_ONCE(st->st_pending.sp_set) |
		READ_ONCE(t->t_proc->p_sig->ss_pending.sp_set)) &
	       ~READ_ONCE(st->st_mask);
}

bool signal_pending_current(void)
{
	return signal_pending_slow(current);
}

bool signal_fatal_pending(struct thread *t)
{
	struct sigstate *ss = t->t_proc->p_sig;

	return (atomic_read(&t->t_work) & TW_EXIT) || (ss && READ_ONCE(ss->ss_fatal));
}

bool signal_doomed(struct proc *p)
{
	return READ_ONCE(p->p_sig->ss_fatal) && !READ_ONCE(p->p_group_exit);
}

bool signal_blocked_or_ignored(int sig)
{
	struct thread *t = current;

	return (t->t_sig->st_mask & SIGBIT(sig)) ||
	       sig_handler(t->t_proc->p_sig, sig) == SIG_IGN;
}

void signal_init(void)
{
	entry_cache = slab_create("sigentry", sizeof(struct sigentry), 0);
	sigstate_init();
}
