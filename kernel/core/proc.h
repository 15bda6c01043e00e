/* SPDX-License-Identifier: MIT */
/*
 * Processes: what threads share, and the tree, groups and sessions that tie
 * processes together. The objects of higher levels hang here as pointers that
 * only their own level looks into.
 *
 * States: PROC_EMBRYO (being made) -> PROC_ALIVE -> PROC_ZOMBIE (last thread
 * gone, waits for wait4) -> freed. Stopped is a flag of a live process.
 *
 * Legend: [I] immutable, [t] proctree_lock, [p] p_lock, [a] atomic, [s] see ipc/signal.h.
 */
#ifndef KERNEL_CORE_PROC_H
#define KERNEL_CORE_PROC_H

#include <abi/resource.h>
#include <atomic.h>
#include <list.h>
#include <types.h>
#include "kernel/core/cred.h"
#include "kernel/core/mutex.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/thread.h"
#include "kernel/core/waitq.h"

struct fdtable;
struct file;
struct fs_context;
struct sigstate;
struct tty;
struct vmspace;

enum proc_state { PROC_EMBRYO, PROC_ALIVE, PROC_ZOMBIE };

struct session {
	refcount_t se_ref;
	pid_t se_sid;			/* [I] */
	struct proc *se_leader;		/* [t] NULL once it has exited */
	struct tty *se_tty;		/* [t] controlling terminal: drivers/tty_job.c */
	struct list_head se_groups;	/* [t] */
};

struct pgrp {
	refcount_t pg_ref;
	pid_t pg_id;			/* [I] */
	struct session *pg_session;	/* [I] holds a reference */
	struct list_head pg_members;	/* [t] proc.p_pglink */
	struct list_head pg_link;	/* [t] session.se_groups */
	struct hlist_node pg_hash;	/* [t] */
};

struct proc_usage {			/* summed over dead threads, or waited-for children */
	nsec_t u_utime, u_stime;
	u64 u_minflt, u_majflt, u_nvcsw, u_nivcsw, u_maxrss_pages;
};

struct proc {
	pid_t p_pid;			/* [I] */
	enum proc_state p_state;	/* [t] */
	refcount_t p_ref;		/* [a] */
	struct proc *p_parent;		/* [t] */
	struct list_head p_children;	/* [t] */
	struct list_head p_sibling;	/* [t] */
	struct thread *p_forker;	/* [t] of p_parent, for __WNOTHREAD; only compared */
	struct list_head p_threads;	/* [t] thread.t_link */
	unsigned int p_nthreads;	/* [t] live threads */
	struct list_head p_all;		/* [t] all_procs */
	struct hlist_node p_hash;	/* [t] by pid */
	struct pgrp *p_pgrp;		/* [t] */
	struct list_head p_pglink;	/* [t] */
	struct waitq p_childq;		/* wait4 sleeps here, with proctree_lock */
	bool p_subreaper;		/* [t] prctl */
	bool p_no_tty;			/* [t] gave its terminal up (TIOCNOTTY), children too */
	bool p_did_exec;		/* [t] setpgid's EACCES */
	bool p_is_init;			/* [I] pid 1 */

	struct spinlock p_lock;
	struct cred *p_cred;		/* [p] the leader's, for others to look at: cred.h */
	struct rlimit p_rlimit[RLIM_NLIMITS];	/* [p] */
	struct proc_usage p_dead_threads;	/* [p] */
	struct proc_usage p_dead_children;	/* [t] */
	nsec_t p_start_time;		/* [I] monotonic */
	struct mutex p_execlock;	/* execve against ptrace-like look-ins (/proc) */

	struct vmspace *p_vm;		/* [p] NULL for kernel processes and zombies */
	struct fdtable *p_fdt;		/* [p] */
	struct fs_context *p_fs;	/* [p] cwd, root, umask */
	struct file *p_exe;		/* [p] the program; holds vnode_deny_write() */
	struct sigstate *p_sig;		/* [I] handlers, shared pending */
	void *p_itimers;		/* [p] kernel/proc/sys_time.c */

	bool p_group_exit;		/* [t] exit_group or fatal signal under way */
	struct thread *p_group_exec;	/* [t] the thread that execs, others leave */
	int p_exit_code;		/* [t] wait status once p_group_exit or zombie */
	bool p_stopped;			/* [t] all threads stop */
	int p_stop_sig;			/* [t] */
	bool p_stop_report;		/* [t] WUNTRACED has something to report */
	bool p_cont_report;		/* [t] WCONTINUED */
	int p_exit_signal;		/* [t] to the parent: SIGCHLD, or clone's */
	int p_pdeath_sig;		/* [o] prctl */
	int p_dumpable;			/* [o] prctl */
	bool p_no_new_privs;		/* [o] prctl: exec gives no privileges */
	u32 p_persona;			/* [o] personality(2) */
	int p_nice;			/* [p] */
	int p_oom_adj;			/* [a] oom_score_adj: -1000 to 1000 */
	char p_name[16];		/* [p] of the leader, for ps after death */
};

extern struct spinlock proctree_lock;	/* RANK_PROCTREE; irqs stay on */
extern struct list_head all_procs;	/* [proctree_lock] */
extern struct proc proc0;		/* owns kernel threads */
extern struct proc *init_proc;		/* [I] once started */

static inline struct proc *current_proc(void)
{
	return ((struct thread *)current)->t_proc;
}

void proc_init(void);
/* An embryo: pid allocated, lists empty, reference 1. -EAGAIN (no pid), -ENOMEM. */
int proc_alloc(struct proc **out);
/* Undo proc_alloc for an embryo that never became visible. */
void proc_abort(struct proc *p);
/*
 * Make it findable: hash, all_procs, child of parent, member of current's group.
 * proctree_lock held.
 */
void proc_publish(struct proc *p, struct proc *parent);
/*
 * Take a zombie out of everything and drop the tree's reference. proctree_lock
 * held; the memory goes with the last put.
 */
void proc_unlink(struct proc *p);
struct proc *proc_get(struct proc *p);
void proc_put(struct proc *p);
struct proc *proc_find_locked(pid_t pid);	/* proctree_lock held, no reference */
struct proc *proc_find(pid_t pid);		/* with reference, or NULL; zombies too */
struct pgrp *pgrp_find_locked(pid_t id);
/* pid numbers: a pid is free when no process, thread, group or session uses it. */
#define PID_MAX		32768
pid_t pid_alloc(void);				/* -EAGAIN */
/* How many pid_alloc() has given since boot (processes and threads ever made), and the last one. */
u64 pid_count_given(pid_t *last);
void pid_release(pid_t pid);
void pid_release_locked(pid_t pid);		/* proctree_lock held */
unsigned int proc_count_uid(uid_t uid);		/* processes+threads for RLIMIT_NPROC */
/* setsid, setpgid work horses; proctree_lock held. */
int proc_new_session(struct proc *p);
int proc_join_group(struct proc *p, pid_t pgid);
/* Does this parent of a member link pg to the rest of its session? proctree_lock held. */
bool pgrp_linked_by(const struct pgrp *pg, const struct proc *parent);
/*
 * True when group pg is orphaned (POSIX): no member but ignore has a parent in
 * another group of the same session. proctree_lock held.
 */
bool pgrp_orphaned(struct pgrp *pg, const struct proc *ignore);
u64 proc_rlimit(unsigned int which);		/* soft limit of the current process */

#endif
