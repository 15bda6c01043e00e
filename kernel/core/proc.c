/* SPDX-License-Identifier: MIT */
/*
 * The process table: numbers, look-up, the tree, process groups and sessions.
 * What happens in fork, exit and wait is in kernel/proc; this file keeps the
 * books for them.
 *
 * Numbers. A pid number is in use while a process, a thread, a group or a session bears
 * it; pid_users counts them, and pid_alloc() takes a number nobody bears.
 *
 * References. The tree holds one reference on a process from proc_publish() to
 * proc_unlink(); the memory goes with the last one. A process holds its group,
 * a group its session.
 *
 * Locks: proctree_lock for all of it. It is a spin lock, held briefly.
 */
#include <abi/signal.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/panic.h"
#include "kernel/core/proc.h"
#include "kernel/core/statreg.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define PID_RESERVED	300		/* after the first round, as on Linux */
#define HASH_BUCKETS	256

struct spinlock proctree_lock = SPINLOCK_INIT("proctree", RANK_PROCTREE);
struct list_head all_procs = LIST_HEAD_INIT(all_procs);
struct proc proc0;
struct proc *init_proc;

static u8 pid_users[PID_MAX];				/* [proctree_lock] */
static pid_t last_pid;					/* [proctree_lock] */
static u64 pids_given;					/* [proctree_lock] */
static struct hlist_head proc_hash[HASH_BUCKETS];	/* [proctree_lock] */
static struct hlist_head pgrp_hash[HASH_BUCKETS];	/* [proctree_lock] */
static struct slab_cache *proc_cache, *pgrp_cache, *session_cache;
static atomic_t nprocs;

/* One more bearer of a number that is in use. */
static void pid_hold(pid_t pid)
{
	KASSERT(lock_held(&proctree_lock));
	KASSERT(pid > 0 && pid < PID_MAX && pid_users[pid] > 0);
	pid_users[pid]++;
}

static void pid_drop(pid_t pid)
{
	KASSERT(lock_held(&proctree_lock));
	KASSERT(pid > 0 && pid < PID_MAX && pid_users[pid] > 0);
	pid_users[pid]--;
}

pid_t pid_alloc(void)
{
	pid_t pid;

	spin_lock(&proctree_lock);
	pid = last_pid;
	for (int i = 0; i < PID_MAX; i++) {
		if (++pid >= PID_MAX)
			pid = PID_RESERVED;
		if (pid_users[pid] == 0) {
			pid_users[pid] = 1;
			last_pid = pid;
			pids_given++;
			spin_unlock(&proctree_lock);
			return pid;
		}
	}
	spin_unlock(&proctree_lock);
	return -EAGAIN;
}

u64 pid_count_given(pid_t *last)
{
	u64 n;

	spin_lock(&proctree_lock);
	n = pids_given;
	*last = last_pid;
	spin_unlock(&proctree_lock);
	return n;
}

void pid_release(pid_t pid)
{
	spin_lock(&proctree_lock);
	pid_drop(pid);
	spin_unlock(&proctree_lock);
}

void pid_release_locked(pid_t pid)
{
	pid_drop(pid);
}

static void session_put_locked(struct session *se)
{
	if (!refcount_put_and_test(&se->se_ref))
		return;
	KASSERT(list_empty(&se->se_groups) && !se->se_tty);
	pid_drop(se->se_sid);
	slab_free(session_cache, se);
}

static void pgrp_put_locked(struct pgrp *pg)
{
	if (!refcount_put_and_test(&pg->pg_ref))
		return;
	KASSERT(list_empty(&pg->pg_members));
	hlist_del(&pg->pg_hash);
	list_del(&pg->pg_link);
	session_put_locked(pg->pg_session);
	pid_drop(pg->pg_id);
	slab_free(pgrp_cache, pg);
}

/* An empty group id in se, with one reference; the process that founds it uses its number. */
static int pgrp_create_locked(pid_t id, struct session *se, struct pgrp **out)
{
	struct pgrp *pg = slab_alloc(pgrp_cache, ALLOC_ATOMIC | ALLOC_ZERO);

	if (!pg)
		return -ENOMEM;
	refcount_set(&pg->pg_ref, 1);
	pg->pg_id = id;
	pid_hold(id);
	refcount_inc(&se->se_ref);
	pg->pg_session = se;
	list_init(&pg->pg_members);
	list_add_tail(&pg->pg_link, &se->se_groups);
	hlist_add(&pg->pg_hash, &pgrp_hash[(u32)id % HASH_BUCKETS]);
	*out = pg;
	return 0;
}

struct pgrp *pgrp_find_locked(pid_t id)
{
	struct pgrp *pg;

	KASSERT(lock_held(&proctree_lock));
	hlist_for_each_entry(pg, &pgrp_hash[(u32)id % HASH_BUCKETS], pg_hash)
		if (pg->pg_id == id)
			return pg;
	return NULL;
}

/* Move p from its group, if any, to pg. Takes over the caller's reference on pg. */
static void pgrp_enter(struct proc *p, struct pgrp *pg)
{
	struct pgrp *old = p->p_pgrp;

	if (old)
		list_del(&p->p_pglink);
	p->p_pgrp = pg;
	list_add_tail(&p->p_pglink, &pg->pg_members);
	if (old)
		pgrp_put_locked(old);
}

int proc_new_session(struct proc *p)
{
	struct session *se;
	struct pgrp *pg;
	int err;

	KASSERT(lock_held(&proctree_lock));
	if (pgrp_find_locked(p->p_pid))
		return -EPERM;
	se = slab_alloc(session_cache, ALLOC_ATOMIC | ALLOC_ZERO);
	if (!se)
		return -ENOMEM;
	refcount_set(&se->se_ref, 1);
	se->se_sid = p->p_pid;
	pid_hold(p->p_pid);
	se->se_leader = p;
	list_init(&se->se_groups);
	err = pgrp_create_locked(p->p_pid, se, &pg);
	if (!err)
		pgrp_enter(p, pg);
	session_put_locked(se);		/* the group holds it now */
	return err;
}

int proc_join_group(struct proc *p, pid_t pgid)
{
	struct pgrp *pg = pgrp_find_locked(pgid);
	int err;

	KASSERT(lock_held(&proctree_lock));
	if (pg) {
		if (pg == p->p_pgrp)
			return 0;
		if (pg->pg_session != p->p_pgrp->pg_session)
			return -EPERM;
		refcount_inc(&pg->pg_ref);
	} else {
		if (pgid != p->p_pid)
			return -EPERM;
		err = pgrp_create_locked(pgid, p->p_pgrp->pg_session, &pg);
		if (err)
			return err;
	}
	pgrp_enter(p, pg);
	return 0;
}

bool pgrp_linked_by(const struct pgrp *pg, const struct proc *parent)
{
	KASSERT(lock_held(&proctree_lock));
	return parent && !parent->p_is_init && parent->p_pgrp && parent->p_pgrp != pg &&
	       parent->p_pgrp->pg_session == pg->pg_session;
}

bool pgrp_orphaned(struct pgrp *pg, const struct proc *ignore)
{
	struct proc *p;

	list_for_each_entry(p, &pg->pg_members, p_pglink)
		if (p != ignore && p->p_state != PROC_ZOMBIE &&
		    pgrp_linked_by(pg, p->p_parent))
			return false;
	return true;
}

static void proc_setup(struct proc *p)
{
	p->p_state = PROC_EMBRYO;
	refcount_set(&p->p_ref, 1);
	list_init(&p->p_children);
	list_init(&p->p_sibling);
	list_init(&p->p_threads);
	waitq_init(&p->p_childq);
	spin_lock_init(&p->p_lock, "proc", RANK_PROC);
	mutex_init(&p->p_execlock, "exec", RANK_EXEC);
	p->p_exit_signal = SIGCHLD;
	p->p_dumpable = 1;
	p->p_start_time = clock_monotonic();
}

int proc_alloc(struct proc **out)
{
	struct proc *p = slab_alloc(proc_cache, ALLOC_WAIT | ALLOC_ZERO);
	pid_t pid;

	if (!p)
		return -ENOMEM;
	pid = pid_alloc();
	if (pid < 0) {
		slab_free(proc_cache, p);
		return pid;
	}
	proc_setup(p);
	p->p_pid = pid;
	atomic_inc(&nprocs);
	*out = p;
	return 0;
}

void proc_abort(struct proc *p)
{
	KASSERT(p->p_state == PROC_EMBRYO);
	pid_release(p->p_pid);
	proc_put(p);
}

void proc_publish(struct proc *p, struct proc *parent)
{
	struct pgrp *pg = current_proc()->p_pgrp;

	KASSERT(lock_held(&proctree_lock) && p->p_state == PROC_EMBRYO);
	p->p_state = PROC_ALIVE;
	p->p_parent = parent;
	list_add_tail(&p->p_sibling, &parent->p_children);
	list_add_tail(&p->p_all, &all_procs);
	hlist_add(&p->p_hash, &proc_hash[(u32)p->p_pid % HASH_BUCKETS]);
	if (pg) {
		refcount_inc(&pg->pg_ref);
		pgrp_enter(p, pg);
	}
}

void proc_unlink(struct proc *p)
{
	KASSERT(lock_held(&proctree_lock) && p->p_state == PROC_ZOMBIE);
	KASSERT(list_empty(&p->p_children) && p->p_nthreads == 0);
	list_del(&p->p_sibling);
	list_del(&p->p_all);
	hlist_del(&p->p_hash);
	if (p->p_pgrp) {
		list_del(&p->p_pglink);
		pgrp_put_locked(p->p_pgrp);
		p->p_pgrp = NULL;
	}
	pid_drop(p->p_pid);
}

struct proc *proc_get(struct proc *p)
{
	refcount_inc(&p->p_ref);
	return p;
}

void proc_put(struct proc *p)
{
	if (!refcount_put_and_test(&p->p_ref))
		return;
	KASSERT(p != &proc0 && !p->p_vm && !p->p_fdt);
	proc_release_upper(p);
	if (p->p_cred)
		cred_put(p->p_cred);
	slab_free(proc_cache, p);
	atomic_dec(&nprocs);
}

struct proc *proc_find_locked(pid_t pid)
{
	struct proc *p;

	KASSERT(lock_held(&proctree_lock));
	hlist_for_each_entry(p, &proc_hash[(u32)pid % HASH_BUCKETS], p_hash)
		if (p->p_pid == pid)
			return p;
	return NULL;
}

struct proc *proc_find(pid_t pid)
{
	struct proc *p;

	spin_lock(&proctree_lock);
	p = proc_find_locked(pid);
	if (p)
		proc_get(p);
	spin_unlock(&proctree_lock);
	return p;
}

unsigned int proc_count_uid(uid_t uid)
{
	unsigned int n = 0;
	struct proc *p;

	spin_lock(&proctree_lock);
	list_for_each_entry(p, &all_procs, p_all)
		if (p->p_cred->cr_uid == uid)
			n += max(p->p_nthreads, 1u);
	spin_unlock(&proctree_lock);
	return n;
}

u64 proc_rlimit(unsigned int which)
{
	KASSERT(which < RLIM_NLIMITS);
	return READ_ONCE(current_proc()->p_rlimit[which].rlim_cur);
}

static u64 count_procs(void)
{
	return (u64)atomic_read(&nprocs);
}

void proc_init(void)
{
	static struct statcounter counter = {
		.sc_name = "procs", .sc_read = count_procs,
	};

	proc_cache = slab_create("proc", sizeof(struct proc), 64);
	pgrp_cache = slab_create("pgrp", sizeof(struct pgrp), 0);
	session_cache = slab_create("session", sizeof(struct session), 0);
	proc_setup(&proc0);
	proc0.p_state = PROC_ALIVE;
	proc0.p_cred = &cred_root;
	str_copy(proc0.p_name, "kernel", sizeof(proc0.p_name));
	statcounter_register(&counter);
}
