/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/stat and status, and the same of threads.
 *
 * All that is spread over process, thread, group and session is first collected into a struct
 * snapshot under the locks that guard it, then printed without any.
 *
 * Locks: proctree_lock, then p_lock, then (inside of sched_thread_times()) a run queue's.
 */
#include <abi/sched.h>
#include <abi/time.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "fs/procfs/proc_node.h"
#include "kernel/core/sched.h"
#include "kernel/lib/string.h"
#include "mm/space.h"

#define TICKS(ns)	((ns) / (NSEC_PER_SEC / USER_HZ))

/* Bits of the flags field that have a meaning here, by Linux's numbers. */
#define PF_FORKNOEXEC	0x00000040
#define PF_RANDOMIZE	0x00400000

#define CAPS_ALL	0x1ffffffffffUL		/* capabilities are "user 0 or not" */

struct snapshot {
	struct thread *s_thread;	/* reference; NULL: the (first) thread is gone */
	struct cred *s_cred;		/* reference */
	struct vmspace *s_vm;		/* reference, or NULL */
	bool s_permitted;		/* the reader may know addresses */
	char s_name[16];
	enum thread_state s_state;
	bool s_zombie, s_exec;
	pid_t s_tid, s_tgid, s_ppid, s_pgid, s_sid, s_tpgid;
	u64 s_tty;
	unsigned int s_nthreads, s_fdsize;
	struct proc_usage s_usage, s_children;
	nsec_t s_start;
	int s_nice, s_cpu, s_exit_signal, s_exit_code;
	u64 s_affinity, s_rss_limit, s_sig_limit;
	mode_t s_umask;
	bool s_has_fs, s_no_new_privs;
	struct sigreport s_sig;
};

static void usage_add_thread(struct proc_usage *u, struct thread *t)
{
	nsec_t user, sys;

	sched_thread_times(t, &user, &sys);
	u->u_utime += user;
	u->u_stime += sys;
	u->u_minflt += t->t_minflt;
	u->u_majflt += t->t_majflt;
	u->u_nvcsw += t->t_nvcsw;
	u->u_nivcsw += t->t_nivcsw;
}

/* What proctree_lock guards. */
static void take_tree(struct snapshot *s, const struct pf_node *n)
{
	struct proc *p = n->pn_proc;
	struct thread *t;

	KASSERT(lock_held(&proctree_lock));
	s->s_zombie = p->p_state == PROC_ZOMBIE;
	s->s_ppid = p->p_parent ? p->p_parent->p_pid : 0;
	if (p->p_pgrp) {
		s->s_pgid = p->p_pgrp->pg_id;
		s->s_sid = p->p_pgrp->pg_session->se_sid;
		s->s_tty = tty_nr(p->p_pgrp->pg_session, &s->s_tpgid);
	}
	s->s_nthreads = p->p_nthreads;
	s->s_children = p->p_dead_children;
	s->s_exit_code = p->p_exit_code;
	s->s_exec = p->p_did_exec;
	s->s_thread = n->pn_thread;
	list_for_each_entry(t, &p->p_threads, t_link) {
		if (!n->pn_thread)
			usage_add_thread(&s->s_usage, t);
		if (!n->pn_thread && t->t_tid == p->p_pid)
			s->s_thread = t;
	}
	if (s->s_thread)
		thread_get(s->s_thread);
	else
		s->s_nthreads++;	/* the first thread counts until it is waited for */
}

/* What p_lock guards; usage of threads that are gone counts for the process only. */
static void take_proc(struct snapshot *s, const struct pf_node *n)
{
	struct proc *p = n->pn_proc;

	spin_lock(&p->p_lock);
	s->s_cred = cred_get(p->p_cred);
	memcpy(s->s_name, p->p_name, sizeof(s->s_name));
	if (!n->pn_thread) {
		s->s_usage.u_utime += p->p_dead_threads.u_utime;
		s->s_usage.u_stime += p->p_dead_threads.u_stime;
		s->s_usage.u_minflt += p->p_dead_threads.u_minflt;
		s->s_usage.u_majflt += p->p_dead_threads.u_majflt;
	}
	s->s_rss_limit = p->p_rlimit[RLIMIT_RSS].rlim_cur;
	s->s_sig_limit = p->p_rlimit[RLIMIT_SIGPENDING].rlim_cur;
	s->s_nice = p->p_nice;
	s->s_fdsize = p->p_fdt ? fdtable_size(p->p_fdt) : 0;
	s->s_has_fs = p->p_fs != NULL;
	s->s_umask = p->p_fs ? READ_ONCE(p->p_fs->fc_umask) : 0;
	spin_unlock(&p->p_lock);
}

/* The thread's own, as it happens to be: it runs on meanwhile. */
static void take_thread(struct snapshot *s, const struct pf_node *n)
{
	struct thread *t = s->s_thread;

	s->s_tid = n->pn_thread ? n->pn_tid : n->pn_proc->p_pid;
	s->s_affinity = (1UL << ncpus) - 1;
	if (t) {
		memcpy(s->s_name, t->t_name, sizeof(s->s_name));
		s->s_state = READ_ONCE(t->t_state);
		s->s_nice = t->t_nice_weight_idx - 20;
		s->s_cpu = t->t_cpu;
		s->s_affinity &= t->t_affinity;
		signal_report(t, &s->s_sig);
		if (n->pn_thread)
			usage_add_thread(&s->s_usage, t);
	}
	s->s_name[sizeof(s->s_name) - 1] = '\0';
}

static int snapshot_take(struct snapshot *s, const struct pf_node *n, const struct cred *cr)
{
	struct proc *p = n->pn_proc;

	*s = (struct snapshot){
		.s_tgid = p->p_pid, .s_tpgid = -1, .s_start = p->p_start_time,
		.s_exit_signal = n->pn_thread && n->pn_tid != p->p_pid ? -1 : p->p_exit_signal,
		.s_no_new_privs = p->p_no_new_privs,
	};
	spin_lock(&proctree_lock);
	/* Once it is waited for its parent and group are no longer to be looked at. */
	if (hlist_unlinked(&p->p_hash)) {
		spin_unlock(&proctree_lock);
		return -ESRCH;
	}
	take_tree(s, n);
	take_proc(s, n);
	spin_unlock(&proctree_lock);
	take_thread(s, n);
	s->s_permitted = pf_get_vm(n, cr, &s->s_vm) == 0;
	if (!s->s_permitted)
		(void)pf_get_vm(n, NULL, &s->s_vm);
	return 0;
}

static void snapshot_drop(struct snapshot *s)
{
	if (s->s_thread)
		thread_put(s->s_thread);
	cred_put(s->s_cred);
	if (s->s_vm)
		vmspace_put(s->s_vm);
}

static const char *state_name(const struct snapshot *s)
{
	static const char *const names[] = {
		[THREAD_NEW] = "R (running)",
		[THREAD_RUNNING] = "R (running)",
		[THREAD_SLEEPING] = "S (sleeping)",
		[THREAD_BLOCKED] = "D (disk sleep)",
		[THREAD_KILLABLE] = "D (disk sleep)",
		[THREAD_STOPPED] = "T (stopped)",
		[THREAD_DEAD] = "X (dead)",
	};

	if (s->s_zombie || !s->s_thread)
		return "Z (zombie)";
	KASSERT(s->s_state < ARRAY_SIZE(names));
	return names[s->s_state];
}

/* Fields 23 to 28, and 45 to 51, are addresses: 0 or 1 for who may not know them. */
static void stat_memory(struct statbuf *sb, const struct snapshot *s)
{
	const struct vmspace *vm = s->s_vm;
	bool show = vm && s->s_permitted;

	stat_printf(sb, " %lu %lu %lu", vm ? vm->vm_total_pages * PAGE_SIZE : 0,
		    vm ? (u64)atomic64_read(&vm->vm_rss) : 0, s->s_rss_limit);
	stat_printf(sb, " %lu %lu %lu 0 0", show ? vm->vm_code_start : vm != NULL,
		    show ? vm->vm_code_end : vm != NULL, show ? vm->vm_stack_top : 0);
}

static void stat_layout(struct statbuf *sb, const struct snapshot *s)
{
	const struct vmspace *vm = s->s_vm;

	if (vm && s->s_permitted)
		stat_printf(sb, " %lu %lu %lu %lu %lu %lu %lu %d\n", vm->vm_data_start,
			    vm->vm_data_end, vm->vm_brk_start, vm->vm_arg_start, vm->vm_arg_end,
			    vm->vm_env_start, vm->vm_env_end, s->s_exit_code);
	else
		stat_printf(sb, " 0 0 0 0 0 0 0 %d\n", s->s_permitted ? s->s_exit_code : 0);
}

/* 52 fields in the order of proc(5). */
int pf_show_stat(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct snapshot s;
	const struct sigreport *sr = &s.s_sig;
	bool asleep;
	int err = snapshot_take(&s, n, cr);

	if (err)
		return err;
	asleep = s.s_permitted && *state_name(&s) != 'R' && (n->pn_thread || s.s_nthreads < 2);
	stat_printf(sb, "%d (%s) %c %d %d %d %ld %d %u", s.s_tid, s.s_name, *state_name(&s),
		    s.s_ppid, s.s_pgid, s.s_sid, (s64)s.s_tty, s.s_tpgid,
		    (s.s_exec && s.s_tid == s.s_tgid ? 0 : PF_FORKNOEXEC) |
		    (s.s_vm && s.s_vm->vm_random ? PF_RANDOMIZE : 0));
	stat_printf(sb, " %lu %lu %lu %lu", s.s_usage.u_minflt, s.s_children.u_minflt,
		    s.s_usage.u_majflt, s.s_children.u_majflt);
	stat_printf(sb, " %lu %lu %lu %lu", TICKS(s.s_usage.u_utime), TICKS(s.s_usage.u_stime),
		    TICKS(s.s_children.u_utime), TICKS(s.s_children.u_stime));
	stat_printf(sb, " %d %d %u 0 %lu", 20 + s.s_nice, s.s_nice, s.s_nthreads,
		    TICKS(s.s_start));
	stat_memory(sb, &s);
	stat_printf(sb, " %lu %lu %lu %lu %d 0 0", sr->sr_pending & 0x7fffffff,
		    sr->sr_blocked & 0x7fffffff, sr->sr_ignored & 0x7fffffff,
		    sr->sr_caught & 0x7fffffff, asleep);
	stat_printf(sb, " %d %d 0 %d 0 0 0", s.s_exit_signal, s.s_cpu, SCHED_OTHER);
	stat_layout(sb, &s);
	snapshot_drop(&s);
	return 0;
}

/* "\n" and "\\" in a name would break the format. */
static void show_name(struct statbuf *sb, const char *name)
{
	stat_printf(sb, "Name:\t");
	for (; *name; name++) {
		if (*name == '\n')
			stat_printf(sb, "\\n");
		else
			stat_printf(sb, *name == '\\' ? "\\%c" : "%c", *name);
	}
	stat_printf(sb, "\n");
}

static void status_identity(struct statbuf *sb, const struct snapshot *s)
{
	const struct cred *cr = s->s_cred;

	show_name(sb, s->s_name);
	if (s->s_has_fs)
		stat_printf(sb, "Umask:\t%#04o\n", s->s_umask);
	stat_printf(sb, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		    state_name(s), s->s_tgid, s->s_tid, s->s_ppid);
	stat_printf(sb, "Uid:\t%u\t%u\t%u\t%u\n", cr->cr_uid, cr->cr_euid, cr->cr_suid,
		    cr->cr_fsuid);
	stat_printf(sb, "Gid:\t%u\t%u\t%u\t%u\n", cr->cr_gid, cr->cr_egid, cr->cr_sgid,
		    cr->cr_fsgid);
	stat_printf(sb, "FDSize:\t%u\nGroups:\t", s->s_fdsize);
	for (unsigned int i = 0; cr->cr_groups && i < cr->cr_groups->cg_count; i++)
		stat_printf(sb, "%s%u", i ? " " : "", cr->cr_groups->cg_gid[i]);
	stat_printf(sb, " \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", s->s_tgid,
		    s->s_tid, s->s_pgid, s->s_sid);
}

static void status_signals(struct statbuf *sb, const struct snapshot *s)
{
	const struct sigreport *sr = &s->s_sig;

	stat_printf(sb, "Threads:\t%u\nSigQ:\t%u/%lu\n", s->s_nthreads, sr->sr_queued,
		    s->s_sig_limit);
	stat_printf(sb, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n", sr->sr_pending,
		    sr->sr_shared, sr->sr_blocked);
	stat_printf(sb, "SigIgn:\t%016lx\nSigCgt:\t%016lx\n", sr->sr_ignored, sr->sr_caught);
}

static void status_caps(struct statbuf *sb, const struct snapshot *s)
{
	const struct cred *cr = s->s_cred;
	bool any = cr->cr_uid == 0 || cr->cr_euid == 0 || cr->cr_suid == 0;

	stat_printf(sb, "CapInh:\t%016x\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", 0,
		    any ? CAPS_ALL : 0, cred_privileged(cr) ? CAPS_ALL : 0);
	stat_printf(sb, "CapBnd:\t%016lx\nCapAmb:\t%016x\n", CAPS_ALL, 0);
	stat_printf(sb, "NoNewPrivs:\t%d\nSeccomp:\t0\n", s->s_no_new_privs);
}

/* "0-1,3" */
static void show_cpu_list(struct statbuf *sb, u64 mask)
{
	const char *comma = "";

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		unsigned int first = cpu;

		if (!(mask >> cpu & 1))
			continue;
		while (cpu + 1 < ncpus && mask >> (cpu + 1) & 1)
			cpu++;
		stat_printf(sb, "%s%u", comma, first);
		if (cpu > first)
			stat_printf(sb, "-%u", cpu);
		comma = ",";
	}
}

int pf_show_status(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct snapshot s;
	int err = snapshot_take(&s, n, cr);

	if (err)
		return err;
	status_identity(sb, &s);
	if (s.s_vm)
		pf_status_vm(sb, s.s_vm);
	status_signals(sb, &s);
	status_caps(sb, &s);
	stat_printf(sb, "Cpus_allowed:\t%0*lx\nCpus_allowed_list:\t", (int)(ncpus + 3) / 4,
		    s.s_affinity);
	show_cpu_list(sb, s.s_affinity);
	stat_printf(sb, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
	/* Of the thread alone, as on Linux. */
	stat_printf(sb, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		    s.s_thread ? s.s_thread->t_nvcsw : 0, s.s_thread ? s.s_thread->t_nivcsw : 0);
	snapshot_drop(&s);
	return 0;
}
