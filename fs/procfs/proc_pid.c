/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID and /proc/PID/task/TID: which files there are, who may see what, and the files that
 * need little code.
 *
 * A process may be read at any stage of its life. Its vmspace, descriptors and directories are
 * unhooked under p_lock when it exits, so whoever finds a vmspace there under p_lock may take a
 * reference. At descriptors and directories we just look under p_lock: to drop the last reference
 * to a table would close its files, under the reader's locks.
 *
 * Locks: p_execlock for the right to look in and what is then looked at; proctree_lock for the
 * tree; p_lock. Text may be printed under spin locks: its buffer exists already.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/procfs/proc_node.h"
#include "kernel/core/panic.h"
#include "kernel/core/fail.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "mm/space.h"
#include "mm/page.h"
#include "mm/swap.h"

/* ---- life and permission ---- */

static bool gone_locked(const struct pf_node *n)
{
	KASSERT(lock_held(&proctree_lock));
	if (n->pn_thread)
		return hlist_unlinked(&n->pn_thread->t_tid_hash) ||
		       n->pn_thread->t_tid != n->pn_tid;
	return hlist_unlinked(&n->pn_proc->p_hash);
}

bool pf_gone(const struct pf_node *n)
{
	bool gone;

	if (!n->pn_proc)
		return false;
	spin_lock(&proctree_lock);
	gone = gone_locked(n);
	spin_unlock(&proctree_lock);
	return gone;
}

bool pf_may_look(struct proc *p, const struct cred *cr)
{
	const struct cred *his;
	bool ok;

	KASSERT(mutex_held(&p->p_execlock));
	if (p == current_proc() || cred_privileged(cr))
		return true;
	spin_lock(&p->p_lock);
	his = p->p_cred;
	ok = cr->cr_fsuid == his->cr_euid && cr->cr_fsuid == his->cr_suid &&
	     cr->cr_fsuid == his->cr_uid && cr->cr_fsgid == his->cr_egid &&
	     cr->cr_fsgid == his->cr_sgid && cr->cr_fsgid == his->cr_gid &&
	     p->p_dumpable == 1;
	spin_unlock(&p->p_lock);
	return ok;
}

int pf_check_look(const struct pf_node *n, const struct cred *cr)
{
	bool ok;

	mutex_lock(&n->pn_proc->p_execlock);
	ok = pf_may_look(n->pn_proc, cr);
	mutex_unlock(&n->pn_proc->p_execlock);
	return ok ? 0 : -EACCES;
}

int pf_get_vm(const struct pf_node *n, const struct cred *cr, struct vmspace **out)
{
	struct proc *p = n->pn_proc;

	*out = NULL;
	mutex_lock(&p->p_execlock);
	if (cr && !pf_may_look(p, cr)) {
		mutex_unlock(&p->p_execlock);
		return -EACCES;
	}
	spin_lock(&p->p_lock);
	if (p->p_vm)
		*out = vmspace_get(p->p_vm);
	spin_unlock(&p->p_lock);
	mutex_unlock(&p->p_execlock);
	return 0;
}

/* ---- small files ---- */

/* The thread whose name a file shows: n's own, else the process's first; a reference, or NULL. */
static struct thread *thread_of(const struct pf_node *n)
{
	return n->pn_thread ? thread_get(n->pn_thread) : thread_find(n->pn_proc->p_pid);
}

static int show_comm(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct thread *t = thread_of(n);

	(void)cr;
	stat_printf(sb, "%s\n", t ? t->t_name : n->pn_proc->p_name);
	if (t)
		thread_put(t);
	return 0;
}

/* prctl(2), PR_SET_NAME, from outside; only by threads of the same process. */
static int store_comm(const struct pf_node *n, char *text, size_t len)
{
	struct proc *p = n->pn_proc;
	struct thread *t;

	if (p != current_proc())
		return -EINVAL;
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	t = thread_of(n);
	if (!t)
		return -ESRCH;
	spin_lock(&p->p_lock);
	str_copy(t->t_name, text, sizeof(t->t_name));
	if (t->t_tid == p->p_pid)
		str_copy(p->p_name, text, sizeof(p->p_name));
	spin_unlock(&p->p_lock);
	thread_put(t);
	return 0;
}

/* personality(2), in hexadecimal. */
static int show_personality(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	(void)cr;
	stat_printf(sb, "%08x\n", READ_ONCE(n->pn_proc->p_persona));
	return 0;
}

/* What it sleeps on, or "0", as on Linux also for who may not know. */
static int show_wchan(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct thread *t = thread_of(n);
	const void *what = NULL;
	u64 offset;

	if (t && pf_check_look(n, cr) == 0)
		what = READ_ONCE(t->t_wchan);
	stat_printf(sb, "%s", what ? ksym_lookup((u64)what, &offset) : "0");
	if (t)
		thread_put(t);
	return 0;
}

static const struct {
	const char *name, *unit;
} limit_names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },
	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },
	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },
	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },
	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },
	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
	[RLIMIT_NICE] = { "Max nice priority", NULL },
	[RLIMIT_RTPRIO] = { "Max realtime priority", NULL },
	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void show_limit(struct statbuf *sb, u64 value)
{
	if (value == RLIM_INFINITY)
		stat_printf(sb, "%-20s ", "unlimited");
	else
		stat_printf(sb, "%-20lu ", value);
}

static int show_limits(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct rlimit limits[RLIM_NLIMITS];

	(void)cr;
	spin_lock(&n->pn_proc->p_lock);
	memcpy(limits, n->pn_proc->p_rlimit, sizeof(limits));
	spin_unlock(&n->pn_proc->p_lock);
	stat_printf(sb, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
		    "Units");
	for (unsigned int i = 0; i < RLIM_NLIMITS; i++) {
		stat_printf(sb, "%-25s ", limit_names[i].name);
		show_limit(sb, limits[i].rlim_cur);
		show_limit(sb, limits[i].rlim_max);
		if (limit_names[i].unit)
			stat_printf(sb, "%-10s\n", limit_names[i].unit);
		else
			stat_printf(sb, "\n");
	}
	return 0;
}

static int show_mounts_as(const struct pf_node *n, struct statbuf *sb, bool long_form)
{
	struct path root;

	/* A zombie sees nothing any more. */
	if (pf_get_fs_path(n, true, &root))
		return -EINVAL;
	mount_show(sb, &root, long_form);
	path_put(&root);
	return 0;
}

static int show_mounts(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	(void)cr;
	return show_mounts_as(n, sb, false);
}

static int show_mountinfo(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	(void)cr;
	return show_mounts_as(n, sb, true);
}

/* Fault injection, see kernel/core/fail.h: 0 is read once the failure has been delivered. */
static int show_fail_nth(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	(void)cr;
	stat_printf(sb, "%u\n", READ_ONCE(n->pn_thread->t_fail_nth));
	return 0;
}

static int store_fail_nth(const struct pf_node *n, char *text, size_t len)
{
	u64 value;

	(void)len;
	if (pf_parse_number(text, &value) || value > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(n->pn_thread->t_fail_nth, (u32)value);
	return 0;
}

/* In thousandths of memory and swap. */
static int show_oom_score(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	u64 pages;

	(void)cr;
	spin_lock(&proctree_lock);
	pages = oom_badness(n->pn_proc);
	spin_unlock(&proctree_lock);
	stat_printf(sb, "%lu\n", pages * 1000 / (page_total() + swap_total_pages()));
	return 0;
}

static int show_oom_adj(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	(void)cr;
	stat_printf(sb, "%d\n", READ_ONCE(n->pn_proc->p_oom_adj));
	return 0;
}

/* proc(5): -1000 to 1000; only the privileged may make a process less likely to be killed. */
static int store_oom_adj(const struct pf_node *n, char *text, size_t len)
{
	bool negative = *text == '-';
	u64 value;
	int adj;

	(void)len;
	if (pf_parse_number(text + negative, &value) || value > 1000)
		return -EINVAL;
	adj = negative ? -(int)value : (int)value;
	if (adj < READ_ONCE(n->pn_proc->p_oom_adj) && !cred_privileged(cred_current()))
		return -EACCES;
	WRITE_ONCE(n->pn_proc->p_oom_adj, adj);
	return 0;
}

/* Children belong to the process as a whole: its first thread shows them. */
static int show_children(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct proc *p = n->pn_proc, *child;

	(void)cr;
	if (n->pn_tid != p->p_pid)
		return 0;
	spin_lock(&proctree_lock);
	list_for_each_entry(child, &p->p_children, p_sibling)
		stat_printf(sb, "%d ", child->p_pid);
	spin_unlock(&proctree_lock);
	return 0;
}

/* ---- threads ---- */

static unsigned int task_list(const struct pf_node *dir, u32 from, u32 *out, unsigned int max)
{
	unsigned int n = 0;
	struct thread *t;

	spin_lock(&proctree_lock);
	list_for_each_entry(t, &dir->pn_proc->p_threads, t_link) {
		if ((u32)t->t_tid >= from)
			pf_keep_smallest(out, &n, max, (u32)t->t_tid);
	}
	spin_unlock(&proctree_lock);
	return n;
}

static unsigned int task_count(const struct pf_node *dir)
{
	return READ_ONCE(dir->pn_proc->p_nthreads);
}

/* ---- the tables ---- */

#define SHOW(name, mode, show) \
	{ .pe_name = (name), .pe_mode = S_IFREG | (mode), .pe_show = (show) }
#define LINK(name, jump) \
	{ .pe_name = (name), .pe_mode = S_IFLNK | 0777, .pe_readlink = pf_object_readlink, \
	  .pe_jump = (jump) }
/* In a process's directory and in that of each of its threads. */
#define COMMON_ENTRIES \
	SHOW("cmdline", 0444, pf_show_cmdline), \
	{ .pe_name = "comm", .pe_mode = S_IFREG | 0644, .pe_show = show_comm, \
	  .pe_store = store_comm }, \
	LINK("cwd", pf_cwd_jump), \
	{ .pe_name = "environ", .pe_mode = S_IFREG | 0400, .pe_flags = PE_LOOK, \
	  .pe_show = pf_show_environ }, \
	LINK("exe", pf_exe_jump), \
	{ .pe_name = "fd", .pe_mode = S_IFDIR | 0500, .pe_flags = PE_LOOK, \
	  .pe_dir = &pf_fd_dir }, \
	{ .pe_name = "fdinfo", .pe_mode = S_IFDIR | 0555, .pe_flags = PE_LOOK, \
	  .pe_dir = &pf_fdinfo_dir }, \
	SHOW("limits", 0444, show_limits), \
	{ .pe_name = "maps", .pe_mode = S_IFREG | 0444, .pe_flags = PE_LOOK, \
	  .pe_show = pf_show_maps }, \
	SHOW("mountinfo", 0444, show_mountinfo), \
	SHOW("mounts", 0444, show_mounts), \
	SHOW("oom_score", 0444, show_oom_score), \
	{ .pe_name = "oom_score_adj", .pe_mode = S_IFREG | 0644, .pe_show = show_oom_adj, \
	  .pe_store = store_oom_adj }, \
	{ .pe_name = "pagemap", .pe_mode = S_IFREG | 0400, .pe_flags = PE_LOOK, \
	  .pe_read = pf_read_pagemap }, \
	{ .pe_name = "personality", .pe_mode = S_IFREG | 0400, .pe_flags = PE_LOOK, \
	  .pe_show = show_personality }, \
	LINK("root", pf_root_jump), \
	{ .pe_name = "smaps", .pe_mode = S_IFREG | 0444, .pe_flags = PE_LOOK, \
	  .pe_show = pf_show_smaps }, \
	{ .pe_name = "smaps_rollup", .pe_mode = S_IFREG | 0444, .pe_flags = PE_LOOK, \
	  .pe_show = pf_show_rollup }, \
	SHOW("stat", 0444, pf_show_stat), \
	SHOW("statm", 0444, pf_show_statm), \
	SHOW("status", 0444, pf_show_status), \
	SHOW("wchan", 0444, show_wchan)

static const struct pf_entry tid_entries[] = {
	COMMON_ENTRIES,
	SHOW("children", 0444, show_children),
	{ .pe_name = "fail-nth", .pe_mode = S_IFREG | 0644, .pe_flags = PE_SMALL,
	  .pe_show = show_fail_nth, .pe_store = store_fail_nth },
};

static const struct pf_dir tid_dir = {
	.pd_id = 3, .pd_entries = tid_entries, .pd_count = ARRAY_SIZE(tid_entries),
};

static const struct pf_entry tid_entry = PE_DIR("", 0555, tid_dir);

static int task_find(const struct pf_node *dir, u32 num, struct pf_node *child)
{
	struct thread *t;

	spin_lock(&proctree_lock);
	t = thread_find_locked((pid_t)num);
	if (t && t->t_proc == dir->pn_proc) {
		child->pn_thread = thread_get(t);
		child->pn_tid = (pid_t)num;
		child->pn_entry = &tid_entry;
	}
	spin_unlock(&proctree_lock);
	return child->pn_thread ? 0 : -ENOENT;
}

static const struct pf_dir task_dir = {
	.pd_id = 2, .pd_list = task_list, .pd_numtype = S_IFDIR, .pd_find = task_find,
	.pd_subdirs = task_count,
};

static const struct pf_entry pid_entries[] = {
	COMMON_ENTRIES,
	PE_DIR("task", 0555, task_dir),
};

static const struct pf_dir pid_dir = {
	.pd_id = 1, .pd_entries = pid_entries, .pd_count = ARRAY_SIZE(pid_entries),
};

const struct pf_entry pf_pid_entry = PE_DIR("", 0555, pid_dir);
