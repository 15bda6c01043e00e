/* SPDX-License-Identifier: MIT */
/*
 * Signals: sending, masks, pending sets, delivery. signal.c sends, sigstate.c makes and frees
 * the objects, sigdeliver.c takes signals and acts on them, sigframe.c builds the user frame,
 * sys_signal.c and sys_kill.c hold the system calls.
 *
 * A process has handlers and a shared pending queue (struct sigstate), a thread a mask, a
 * pending queue of its own and an alternate stack (struct sigthread). ss_lock guards both;
 * it is taken with interrupts off, so timers may send as well. Sending takes no lock but
 * ss_lock and leaf locks: callers may hold proctree_lock and p_lock.
 */
#ifndef IPC_SIGNAL_H
#define IPC_SIGNAL_H

#include <abi/signal.h>
#include <kernel/upcalls.h>
#include <types.h>
#include "kernel/core/proc.h"

struct trapframe;

typedef u64 sigset_t_k;			/* kernel sigset: bit n-1 is signal n */
#define SIGBIT(n)	(1UL << ((n) - 1))

void signal_init(void);

/* For fork, clone, exec and exit (kernel/proc). */
/* -ENOMEM. The process's p_sig must be set before sigthread_create(). */
int sigstate_create(struct sigstate **out);
/* Handlers copied, nothing pending. -ENOMEM. */
int sigstate_fork(struct sigstate *from, struct sigstate **out);
/* CLONE_SIGHAND without CLONE_THREAD: the same handlers. -ENOMEM. */
int sigstate_share(struct sigstate *from, struct sigstate **out);
void sigstate_put(struct sigstate *ss);		/* from proc_release_upper(); NULL is fine */
/* The mask is inherited; parent NULL: empty. -ENOMEM. */
int sigthread_create(struct thread *parent, struct thread *t);
/* From thread_release_upper(); t_sig may be NULL. */
void sigthread_free(struct thread *t);
/*
 * The thread is leaving (exit path, before it drops its process; no locks held): no more
 * signals go to it, what it was to take is passed on, a group stop does not wait for it.
 */
void signal_thread_exit(struct thread *t);
/*
 * Caught -> default, handlers unshared, alt stack gone. p: current, or one being
 * made (CLONE_CLEAR_SIGHAND).
 */
void signal_exec(struct proc *p);
/* SIGCHLD ignored or SA_NOCLDWAIT: children vanish. */
bool signal_ignored_chld(struct proc *p);
bool signal_nocldstop(struct proc *p);
/* A group stop is in effect: false as soon as SIGCONT was sent, before p has run again. */
bool signal_is_stopped(struct proc *p);

/*
 * Send. info NULL: SI_KERNEL. No permission check. Signals that are ignored vanish here.
 * 0, or -EAGAIN: a queued real-time signal found no room (never for standard signals).
 */
int signal_send_proc(struct proc *p, int sig, const struct siginfo *info);
int signal_send_thread(struct thread *t, int sig, const struct siginfo *info);
/* To all members; proctree_lock held. */
int signal_send_pgrp_locked(struct pgrp *pg, int sig, const struct siginfo *info);
/* From timers and device interrupts; allocates nothing. The caller holds a reference on p. */
void signal_send_irq(struct proc *p, int sig);
/* si_pid and si_uid of the current process. */
void siginfo_fill_user(struct siginfo *si, int sig, int code);
/* TW_EXIT for all threads but current of p (exec, exit_group), woken from any killable sleep. */
void signal_kill_others(struct proc *p);

/* A deliverable signal (or stop, or exit) is waiting for the current thread. */
bool signal_pending_current(void);
bool signal_fatal_pending(struct thread *t);	/* SIGKILL or group exit */
/* p dies of a signal, and nobody has said so in p_exit_code yet: signal_deliver() will. */
bool signal_doomed(struct proc *p);
/*
 * On the way to user mode, when t_work has TW_SIGNAL, TW_STOP or TW_RESTORE_MASK: stop,
 * deliver all that is due, restart the system call or make it -EINTR. Interrupts on.
 * user_return_work() must call it before it looks at TW_EXIT: a fatal signal sets
 * TW_SIGNAL | TW_EXIT, and p_group_exit and p_exit_code are set here.
 */
void signal_deliver(struct trapframe *tf);
/* True when the current thread blocks or ignores sig (tty job control asks). */
bool signal_blocked_or_ignored(int sig);
/*
 * Temporarily set the mask for pselect, ppoll, sigsuspend; put back by the caller
 * (restore_mask), or by delivery after signal_defer_restore().
 */
void signal_set_temp_mask(sigset_t_k mask);
void signal_restore_mask(void);
void signal_defer_restore(void);

#endif
