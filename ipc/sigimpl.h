/* SPDX-License-Identifier: MIT */
/*
 * What the files of the signal code share and nobody else looks into.
 *
 * Legend: [s] ss_lock of the process, [h] sh_lock, [o] the thread itself, [I] immutable,
 * [a] atomic. Lock order: proctree_lock -> p_lock -> ss_lock -> sh_lock. ss_lock is taken
 * with interrupts off; sh_lock inside it or alone, with interrupts off, too.
 *
 * Group stop, all under ss_lock:
 *
 *	running --(a thread takes a stop signal)--> ss_stop_sig set, ss_unstopped = threads
 *	  ^                                             |  each stops on its way to user mode
 *	  |                                             v
 *	  +--(SIGCONT, SIGKILL: ss_stop_sig = 0)-- ss_unstopped == 0: stopped, parent told
 *
 * proc.p_stopped and the reports for wait4 follow under proctree_lock, by the thread that
 * stops last and by the first that goes on.
 */
#ifndef IPC_SIGIMPL_H
#define IPC_SIGIMPL_H

#include <list.h>
#include "ipc/signal.h"

/* The part of struct siginfo that carries anything. */
#define SIGINFO_WORDS	6

struct sigentry {
	struct list_head se_link;
	union {
		u64 se_info[SIGINFO_WORDS];
		struct {
			int se_signo, se_errno, se_code, se_pad;
		};
	};
};

struct sigpending {
	u64 sp_set;			/* [s] bit set: pending, with or without entry */
	u64 sp_kernel;			/* [s] no entry because the kernel sent it: SI_KERNEL */
	struct list_head sp_queue;	/* [s] struct sigentry, oldest first */
};

struct sighand {
	refcount_t sh_ref;
	struct spinlock sh_lock;
	struct sigaction sh_action[SIG_COUNT];	/* [h]; sa_handler alone may be read without */
};

struct sigstate {
	struct spinlock ss_lock;
	struct sigpending ss_pending;	/* [s] */
	struct sighand *ss_hand;	/* [s] replaced by exec only, when it is alone */
	struct list_head ss_threads;	/* [s] sigthread.st_link, leader first */
	unsigned int ss_nqueued;	/* [s] entries, of threads too */
	int ss_fatal;			/* [s] nonzero: the process dies of this signal */
	bool ss_killable;		/* [s] init only: a forced signal may kill it */
	int ss_stop_sig;		/* [s] group stop by this signal is in effect */
	unsigned int ss_unstopped;	/* [s] threads that have yet to stop */
	bool ss_stop_taken;		/* [s] a stop signal was taken, and no SIGCONT since */
	bool ss_cont_notify;		/* [s] the parent is to hear of the continuation */
};

struct sigrestart {
	long (*sr_fn)(u64 arg[4]);	/* NULL: nothing to restart */
	u64 sr_arg[4];
};

struct sigthread {
	struct thread *st_thread;	/* [I] */
	struct list_head st_link;	/* [s] */
	struct sigpending st_pending;	/* [s] */
	u64 st_mask;			/* [s] written by the thread itself only */
	u64 st_waitset;			/* [s] sigtimedwait waits for these */
	u64 st_saved_mask;		/* [o] to put back, with TW_RESTORE_MASK or st_temp_mask */
	bool st_temp_mask;		/* [o] signal_temp_mask() is in effect */
	bool st_stopped;		/* [s] counted as stopped */
	struct sigaltstack st_alt;	/* [o] ss_size 0: none; ss_flags: SS_AUTODISARM or 0 */
	struct sigrestart st_restart;	/* [o] */
};

#define SIGS_UNBLOCKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define SIGS_STOP	(SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
/* The default action is to do nothing (SIGCONT has its effect when it is sent). */
#define SIGS_IGNORE	(SIGBIT(SIGCONT) | SIGBIT(SIGCHLD) | SIGBIT(SIGWINCH) | SIGBIT(SIGURG))
/* Taken before others: their frames must show the instruction that caused them. */
#define SIGS_SYNC	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | \
			 SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS))

/* A signal on its way to a handler. */
struct sigtaken {
	int sk_sig;
	u64 sk_info[SIGINFO_WORDS];
	struct sigaction sk_act;
};

static inline irqflags_t sig_lock(struct sigstate *ss)
{
	return spin_lock_irqsave(&ss->ss_lock);
}

static inline void sig_unlock(struct sigstate *ss, irqflags_t f)
{
	spin_unlock_irqrestore(&ss->ss_lock, f);
}

static inline sighandler_t sig_handler(const struct sigstate *ss, int sig)
{
	return READ_ONCE(ss->ss_hand->sh_action[sig - 1].sa_handler);
}

/* sigstate.c */
void sigstate_init(void);
/* signal.c */
void sigentry_free(struct sigstate *ss, struct sigentry *e);	/* [s] */
void sigpending_flush(struct sigstate *ss, struct sigpending *sp, u64 set);	/* [s] */
/* Recompute TW_SIGNAL of t. [s]; clears only for the current thread. */
void signal_recalc(struct sigstate *ss, struct thread *t);
/* Process signals in set that the current thread no longer takes: point others at them. [s] */
void signal_retarget(struct sigstate *ss, const struct thread *not, u64 set);
void signal_set_mask(u64 mask);
/* Look at TW_* again where it runs, if that is another CPU in user mode. */
void signal_kick(struct thread *t);
/* sigdeliver.c */
/* Take one signal of set; 0: none. [s] */
int signal_take(struct sigstate *ss, struct sigthread *st, u64 set, u64 info[SIGINFO_WORDS]);
/* The last running thread has stopped. proctree_lock held, ss_lock not. */
void signal_report_stop(struct proc *p, int sig);
/* sigframe.c: 0 or -EFAULT. */
int sigframe_push(struct trapframe *tf, const struct sigtaken *k, u64 old_mask);
int altstack_set(const struct sigaltstack *new, u64 sp, size_t min_size);
int altstack_flags(const struct sigthread *st, u64 sp);

#endif
