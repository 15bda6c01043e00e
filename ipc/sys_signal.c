/* SPDX-License-Identifier: MIT */
/*
 * System calls on the caller's own signals: actions, masks, waiting, alternate
 * stack, restart. Sending is in sys_kill.c.
 *
 * Lower levels that need a temporary mask or a restart block come through the
 * upcalls at the end (include/kernel/upcalls.h).
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "ipc/deadline.h"
#include "ipc/sigimpl.h"
#include "ipc/sys_signal.h"
#include "kernel/lib/string.h"
#include "kernel/x86/frame.h"
#include "mm/uaccess.h"

#define SIGSET_SIZE	sizeof(sigset_t_k)

/* Discard what is pending of an ignored signal, for all threads. */
static void flush_ignored(struct sigstate *ss, int sig)
{
	irqflags_t f = sig_lock(ss);
	struct sigthread *st;

	sigpending_flush(ss, &ss->ss_pending, SIGBIT(sig));
	list_for_each_entry(st, &ss->ss_threads, st_link)
		sigpending_flush(ss, &st->st_pending, SIGBIT(sig));
	sig_unlock(ss, f);
}

/*
 * sigaction(2). -EINVAL for SIGKILL and SIGSTOP; -EFAULT for act changes nothing,
 * for old it follows the change.
 */
long sys_rt_sigaction(int sig, const struct sigaction __user *act,
		      struct sigaction __user *old, size_t size)
{
	struct sigstate *ss = current_proc()->p_sig;
	struct sigaction new, prev, *sa;
	irqflags_t f;

	if (size != SIGSET_SIZE || sig < 1 || sig > SIG_COUNT ||
	    (act && (SIGBIT(sig) & SIGS_UNBLOCKABLE)))
		return -EINVAL;
	if (act && copy_from_user(&new, act, sizeof(new)))
		return -EFAULT;
	sa = &ss->ss_hand->sh_action[sig - 1];
	f = spin_lock_irqsave(&ss->ss_hand->sh_lock);
	prev = *sa;
	if (act) {
		new.sa_flags &= ~(unsigned long)SA_UNSUPPORTED;
		new.sa_mask &= ~SIGS_UNBLOCKABLE;
		*sa = new;
	}
	spin_unlock_irqrestore(&ss->ss_hand->sh_lock, f);
	/*
	 * Whoever sends from now on sees the new action; what was queued before
	 * goes here.
	 */
	if (act && (new.sa_handler == SIG_IGN ||
		    (new.sa_handler == SIG_DFL && (SIGBIT(sig) & SIGS_IGNORE))))
		flush_ignored(ss, sig);
	if (old && copy_to_user(old, &prev, sizeof(prev)))
		return -EFAULT;
	return 0;
}

long sys_rt_sigprocmask(int how, const sigset_t __user *set, sigset_t __user *old,
			size_t size)
{
	u64 mask = current->t_sig->st_mask, was = mask, bits;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (set) {
		if (get_user_u64(&bits, set))
			return -EFAULT;
		switch (how) {
		case SIG_BLOCK:
			mask |= bits;
			break;
		case SIG_UNBLOCK:
			mask &= ~bits;
			break;
		case SIG_SETMASK:
			mask = bits;
			break;
		default:
			return -EINVAL;
		}
		if ((mask & ~SIGS_UNBLOCKABLE) != was)
			signal_set_mask(mask);
	}
	if (old && put_user_u64(old, was))
		return -EFAULT;
	return 0;
}

long sys_rt_sigpending(sigset_t __user *set, size_t size)
{
	struct sigthread *st = current->t_sig;
	struct sigstate *ss = current_proc()->p_sig;
	irqflags_t f;
	u64 pending;

	if (size > SIGSET_SIZE)
		return -EINVAL;
	f = sig_lock(ss);
	pending = (st->st_pending.sp_set | ss->ss_pending.sp_set) & st->st_mask;
	sig_unlock(ss, f);
	return copy_to_user(set, &pending, size);
}

/* Sleep until a signal is due; always "interrupted". */
static void wait_for_signal(void)
{
	do
		thread_prepare_sleep(true);
	while (!thread_block_until(NSEC_NEVER));
}

long sys_rt_sigsuspend(const sigset_t __user *set, size_t size)
{
	u64 mask;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (get_user_u64(&mask, set))
		return -EFAULT;
	signal_set_temp_mask(mask);
	wait_for_signal();
	signal_defer_restore();
	return -ERESTARTNOHAND;
}

long sys_pause(void)
{
	wait_for_signal();
	return -ERESTARTNOHAND;
}

/*
 * Take a signal of set, or wait for one until deadline. Meanwhile they count as
 * wanted although they stay blocked: see thread_wants() and route().
 * Returns the signal, -EAGAIN (time is up) or -EINTR (another one).
 */
static int sigwait(u64 set, nsec_t deadline, u64 info[SIGINFO_WORDS])
{
	struct thread *t = current;
	struct sigthread *st = t->t_sig;
	struct sigstate *ss = t->t_proc->p_sig;
	irqflags_t f = sig_lock(ss);
	int err = 0, sig;

	st->st_waitset = set;
	while ((sig = signal_take(ss, st, set, info)) == 0 && !err) {
		if (deadline == 0) {
			err = -ETIMEDOUT;
			break;
		}
		thread_prepare_sleep(true);
		sig_unlock(ss, f);
		err = thread_block_until(deadline);
		f = sig_lock(ss);
	}
	st->st_waitset = 0;
	signal_recalc(ss, t);
	/* Others may have been routed here while st_waitset named them. */
	signal_retarget(ss, t, set & st->st_mask);
	sig_unlock(ss, f);
	if (sig)
		return sig;
	return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

long sys_rt_sigtimedwait(const sigset_t __user *set, struct siginfo __user *info,
			 const struct timespec __user *timeout, size_t size)
{
	struct siginfo si;
	struct timespec ts;
	nsec_t deadline = NSEC_NEVER;
	u64 wanted;
	int sig;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (get_user_u64(&wanted, set))
		return -EFAULT;
	if (timeout) {
		if (copy_from_user(&ts, timeout, sizeof(ts)))
			return -EFAULT;
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline = 0;		/* just look */
		if (ts.tv_sec || ts.tv_nsec)
			deadline = deadline_after(timespec_nsec(&ts));
	}
	memset(&si, 0, sizeof(si));
	sig = sigwait(wanted & ~SIGS_UNBLOCKABLE, deadline, (u64 *)&si);
	if (sig > 0 && info && copy_to_user(info, &si, sizeof(si)))
		return -EFAULT;
	return sig;
}

long sys_sigaltstack(const struct sigaltstack __user *new, struct sigaltstack __user *old)
{
	struct sigthread *st = current->t_sig;
	u64 sp = arch_user_frame(&current->t_arch)->tf_rsp;
	struct sigaltstack next, prev = st->st_alt;
	int err;

	prev.ss_flags |= altstack_flags(st, sp);
	if (new) {
		if (copy_from_user(&next, new, sizeof(next)))
			return -EFAULT;
		err = altstack_set(&next, sp, MINSIGSTKSZ);
		if (err)
			return err;
	}
	if (old && copy_to_user(old, &prev, sizeof(prev)))
		return -EFAULT;
	return 0;
}

/* ---- restart --------------------------------------------------------------- */

long signal_restart_block(long (*fn)(u64 arg[4]), const u64 arg[4])
{
	struct sigrestart *sr = &current->t_sig->st_restart;

	sr->sr_fn = fn;
	memcpy(sr->sr_arg, arg, sizeof(sr->sr_arg));
	return -ERESTART_RESTARTBLOCK;
}

long sys_restart_syscall(void)
{
	struct sigrestart sr = current->t_sig->st_restart;

	current->t_sig->st_restart.sr_fn = NULL;
	return sr.sr_fn ? sr.sr_fn(sr.sr_arg) : -EINTR;
}

/* ---- pselect, ppoll, epoll_pwait ------------------------------------------- */

int signal_temp_mask(const void __user *set, size_t size)
{
	u64 mask;

	if (!set)
		return 0;
	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (get_user_u64(&mask, set))
		return -EFAULT;
	signal_set_temp_mask(mask);
	return 0;
}

void signal_temp_mask_done(bool interrupted)
{
	if (!current->t_sig->st_temp_mask)
		return;
	if (interrupted)
		signal_defer_restore();
	else
		signal_restore_mask();
}
