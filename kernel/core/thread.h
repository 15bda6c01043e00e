/* SPDX-License-Identifier: MIT */
/*
 * Threads: what the scheduler switches between. A thread belongs to a process
 * (struct proc); kernel threads belong to proc 0 and have no user state.
 *
 * Legend: [I] immutable once running, [o] the thread itself, [r] its run queue's
 * lock (that of CPU t_cpu), [t] proctree_lock, [s] signal lock of the process, [a] atomic.
 */
#ifndef KERNEL_CORE_THREAD_H
#define KERNEL_CORE_THREAD_H

#include <atomic.h>
#include <list.h>
#include <types.h>
#include "kernel/core/timer.h"
#include "kernel/core/waitq.h"
#include "kernel/lib/rbtree.h"
#include "kernel/x86/context.h"

struct pmap;
struct proc;

/* t_work: reasons for user_return_work() */
#define TW_SIGNAL	0x1	/* a signal may be deliverable */
#define TW_STOP		0x2	/* process is stopping */
#define TW_EXIT		0x4	/* exit_group or exec of another thread: leave */
#define TW_RESTORE_MASK	0x8	/* sigsuspend and friends: put the saved mask back */
#define TW_SIGIO	0x20	/* it did something that a file wants to send a signal for */
#define TW_SET_TID	0x10	/* new thread: store its number at t_set_tid (CLONE_CHILD_SETTID) */

struct thread {
	struct arch_thread t_arch;		/* [o] */
	enum thread_state t_state;		/* [r] */
	atomic_t t_work;			/* [a] TW_* */
	int t_cpu;				/* [r] CPU of its run queue */
	bool t_on_rq;				/* [r] queued or running */
	u8 t_nice_weight_idx;			/* [r] nice + 20 */
	u64 t_affinity;				/* [r] CPUs it may use */
	struct rb_node t_rq_node;		/* [r] */
	u64 t_vruntime;				/* [r] weighted ns */
	nsec_t t_run_start;			/* [r] charged up to here; waiting: queued since */
	nsec_t t_utime, t_stime;		/* [o] CPU time consumed */
	bool t_acct_user;			/* [o] the last tick found it in user mode */
	u64 t_nvcsw, t_nivcsw;			/* [r] voluntary / involuntary switches */
	u64 t_minflt, t_majflt;			/* [o] */
	struct timer t_sleep_timer;		/* [o] waitq timeouts */
	const void *t_wchan;			/* [o] code address of the sleeping call */

	struct pmap *t_pmap;			/* [o] when it runs; NULL: any will do */
	struct proc *t_proc;			/* [I] reference */
	pid_t t_tid;				/* [t] exec makes it the leader's */
	struct list_head t_link;		/* [t] proc.p_threads */
	struct thread *t_reap_next;		/* [r] dead, switched away from, to be freed */
	struct hlist_node t_tid_hash;		/* [t] */
	void *t_kstack;				/* [I] lowest address */
	struct cred *t_cred;			/* [o] reference; see cred.h */
	char t_name[16];			/* [o] comm */
	refcount_t t_ref;			/* [a] */

	struct sigthread *t_sig;		/* [I] ipc/signal.h: mask, pending, alt stack */
	u32 __user *t_set_tid;			/* [o] for TW_SET_TID */
	u32 __user *t_clear_tid;		/* [o] zeroed and woken at exit (set_tid_address) */
	void __user *t_robust_list;		/* [o] */
	struct completion *t_vfork_done;	/* [t] wakes the vfork parent, at exec or exit */
	/* fs/blkdev.c: requests held back for merging, how many, and how deep plugs nest. */
	struct list_head t_plug;		/* [o] initialised when t_plugged is not 0 */
	u16 t_plugged, t_plug_depth;		/* [o] */
	bool t_reclaiming;			/* [o] frees memory: uses the reserve, never reclaims */
	bool t_reserve;				/* [o] writes back: uses the reserve */
	u32 t_fail_nth;				/* [o] fault injection: countdown, 0: off */

	void (*t_kfn)(void *);			/* [I] kernel threads */
	void *t_karg;
#ifdef CONFIG_DEBUG
	u8 t_nheld;				/* [o] sleeping locks held, see lockrank.c */
	struct { const void *lock; const char *name; u16 rank; } t_held[16];
#endif
};

/* One-shot event. */
struct completion {
	struct spinlock co_lock;
	struct waitq co_wq;
	bool co_done;			/* [co_lock] */
};
void completion_init(struct completion *c);
void complete(struct completion *c);
int completion_wait(struct completion *c, bool killable);	/* -EINTR when killed */

void thread_init(void);
/* The thread of a CPU's idle loop; the boot CPU's is static. Panics when there is no memory. */
void thread_init_idle(unsigned int cpu, struct thread **out);
/*
 * A thread of p, one reference: stack, no FPU state, THREAD_NEW, current's affinity. Its
 * number and its place in p_threads are the caller's. -ENOMEM.
 */
int thread_alloc(struct proc *p, struct thread **out);
struct thread *thread_get(struct thread *t);
/* The last one frees stack and structure, of a dead thread that has been switched away from. */
void thread_put(struct thread *t);
/* Kernel thread; runs at once. -ENOMEM. */
int kthread_create(void (*fn)(void *), void *arg, const char *name,
		   struct thread **out);
/* Make findable by tid / the opposite / look up without reference. proctree_lock held. */
void thread_hash_locked(struct thread *t);
void thread_unhash_locked(struct thread *t);
struct thread *thread_find_locked(pid_t tid);
/* Thread by tid with a reference, or NULL. */
struct thread *thread_find(pid_t tid);

#endif
