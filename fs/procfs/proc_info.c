/* SPDX-License-Identifier: MIT */
/*
 * Files about the system as a whole, in the formats of proc(5): memory, CPU time, load, devices.
 * What the kernel does not count has no line.
 */
#include <abi/time.h>
#include <abi/utsname.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "fs/chrdev.h"
#include "fs/mount.h"
#include "fs/procfs/proc_node.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/core/irq.h"
#include "kernel/core/sched.h"
#include "kernel/core/timer.h"
#include "kernel/x86/irqchip.h"
#include "mm/object.h"
#include "mm/page.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/swap.h"

#define TICKS(ns)	((ns) / (NSEC_PER_SEC / USER_HZ))
#define CENTI(ns)	((ns) / (NSEC_PER_SEC / 100))

void pf_text_uptime(struct statbuf *sb)
{
	nsec_t up = CENTI(clock_monotonic()), idle = 0, user, sys, one;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		sched_cpu_times(cpu, &user, &sys, &one);
		idle += one;
	}
	idle = CENTI(idle);
	stat_printf(sb, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
}

void pf_text_version(struct statbuf *sb)
{
	struct new_utsname uts;

	uts_get(&uts);
	stat_printf(sb, "Cutaway version %s (gcc %s) %s\n", uts.release, __VERSION__, uts.version);
}

void pf_text_cmdline(struct statbuf *sb)
{
	stat_printf(sb, "%s\n", bootinfo.bi_cmdline);
}

/* ---- memory ---- */

static void show_kb(struct statbuf *sb, const char *name, u64 pages)
{
	stat_printf(sb, "%-15s %8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

void pf_text_meminfo(struct statbuf *sb)
{
	/* Pages in the CPUs' caches are free, too. */
	u64 total = page_total(), free = total - page_used_count(), swap = swap_total_pages();
	u64 cached = vm_object_cached_pages(false), files = vm_object_cached_pages(true);

	show_kb(sb, "MemTotal:", total);
	show_kb(sb, "MemFree:", free);
	show_kb(sb, "MemAvailable:", free + files);
	show_kb(sb, "Buffers:", 0);
	show_kb(sb, "Cached:", cached);
	show_kb(sb, "SwapCached:", swap_cached_pages());
	show_kb(sb, "SwapTotal:", swap);
	show_kb(sb, "SwapFree:", swap_free_pages());
	show_kb(sb, "Dirty:", vm_dirty_pages());
	show_kb(sb, "Writeback:", vm_writing_pages());
	show_kb(sb, "Shmem:", cached - files);
	show_kb(sb, "CommitLimit:", vm_commit_limit());
	show_kb(sb, "Committed_AS:", vm_committed());
	/* Nobody knows which slabs would become empty, so none is promised. */
	show_kb(sb, "Slab:", slab_pages());
	show_kb(sb, "SReclaimable:", 0);
	show_kb(sb, "SUnreclaim:", slab_pages());
}

/* ---- processes and CPU time ---- */

struct task_counts {
	unsigned int tc_threads, tc_blocked;
};

static void count_tasks(struct task_counts *tc)
{
	struct thread *t;
	struct proc *p;

	*tc = (struct task_counts){ 0 };
	spin_lock(&proctree_lock);
	list_for_each_entry(p, &all_procs, p_all) {
		list_for_each_entry(t, &p->p_threads, t_link) {
			enum thread_state state = READ_ONCE(t->t_state);

			tc->tc_threads++;
			tc->tc_blocked += state == THREAD_BLOCKED || state == THREAD_KILLABLE;
		}
	}
	spin_unlock(&proctree_lock);
}

void pf_text_loadavg(struct statbuf *sb)
{
	struct task_counts tc;
	pid_t last;
	u64 avg[3];

	sched_loadavg(avg);
	count_tasks(&tc);
	(void)pid_count_given(&last);
	for (int i = 0; i < 3; i++) {
		u64 v = (avg[i] + 65536 / 200) * 100 >> 16;	/* rounded to hundredths */

		stat_printf(sb, "%lu.%02lu ", v / 100, v % 100);
	}
	stat_printf(sb, "%u/%u %d\n", sched_nr_running(), tc.tc_threads, last);
}

/* user nice system idle iowait irq softirq steal guest guest_nice: what is not told apart is 0. */
static void show_times(struct statbuf *sb, nsec_t user, nsec_t sys, nsec_t idle)
{
	stat_printf(sb, " %lu 0 %lu %lu 0 0 0 0 0 0\n", TICKS(user), TICKS(sys), TICKS(idle));
}

static void stat_cpus(struct statbuf *sb)
{
	nsec_t user[MAX_CPUS], sys[MAX_CPUS], idle[MAX_CPUS];
	nsec_t all_user = 0, all_sys = 0, all_idle = 0;

	KASSERT(ncpus <= MAX_CPUS);
	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		sched_cpu_times(cpu, &user[cpu], &sys[cpu], &idle[cpu]);
		all_user += user[cpu];
		all_sys += sys[cpu];
		all_idle += idle[cpu];
	}
	/* The sum has one space more, and programs rely on it. */
	stat_printf(sb, "cpu ");
	show_times(sb, all_user, all_sys, all_idle);
	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		stat_printf(sb, "cpu%u", cpu);
		show_times(sb, user[cpu], sys[cpu], idle[cpu]);
	}
}

static u64 irq_sum(unsigned int vec, const char **name)
{
	u64 sum = 0, n;

	*name = NULL;
	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		*name = irq_stat(vec, cpu, &n);
		sum += n;
	}
	return sum;
}

void pf_text_stat(struct statbuf *sb)
{
	struct task_counts tc;
	const char *name;
	pid_t last;

	count_tasks(&tc);
	stat_cpus(sb);
	stat_printf(sb, "intr %lu", irq_total());
	for (unsigned int vec = VEC_IRQ_BASE; vec < VEC_IRQ_END; vec++) {
		u64 n = irq_sum(vec, &name);

		if (name)
			stat_printf(sb, " %lu", n);
	}
	stat_printf(sb, "\nctxt %lu\nbtime %lu\nprocesses %lu\n", sched_context_switches(),
		    (clock_realtime() - clock_monotonic()) / NSEC_PER_SEC, pid_count_given(&last));
	stat_printf(sb, "procs_running %u\nprocs_blocked %u\n", sched_nr_running(),
		    tc.tc_blocked);
}

/* ---- devices and file systems ---- */

static void show_irq_counts(struct statbuf *sb, unsigned int vec)
{
	u64 n;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		(void)irq_stat(vec, cpu, &n);
		stat_printf(sb, " %10lu", n);
	}
}

/* Device interrupts by vector, then those that CPUs and their timers send. */
void pf_text_interrupts(struct statbuf *sb)
{
	static const struct {
		unsigned int vec;
		const char *abbr, *text;
	} local[] = {
		{ VEC_TIMER, "LOC", "Local timer interrupts" },
		{ VEC_RESCHED, "RES", "Rescheduling interrupts" },
		{ VEC_CALL, "CAL", "Function call interrupts" },
	};
	const char *name;

	stat_printf(sb, "    ");
	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		stat_printf(sb, "       CPU%-1u", cpu);
	stat_printf(sb, "\n");
	for (unsigned int vec = VEC_IRQ_BASE; vec < VEC_IRQ_END; vec++) {
		(void)irq_sum(vec, &name);
		if (!name)
			continue;
		stat_printf(sb, "%3u:", vec);
		show_irq_counts(sb, vec);
		stat_printf(sb, "  vector  %s\n", name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(local); i++) {
		stat_printf(sb, "%s:", local[i].abbr);
		show_irq_counts(sb, local[i].vec);
		stat_printf(sb, "   %s\n", local[i].text);
	}
}

void pf_text_filesystems(struct statbuf *sb)
{
	struct fs_type *ft = NULL;

	while ((ft = fs_type_next(ft)))
		stat_printf(sb, "%s\t%s\n", ft->ft_needs_dev ? "" : "nodev", ft->ft_name);
}

/* What the major numbers are for, by Linux's list of them. */
static const struct {
	unsigned int major;
	const char *name;
} major_names[] = {
	{ 1, "mem" }, { 4, "/dev/vc/0" }, { 4, "tty" }, { 4, "ttyS" }, { 5, "/dev/tty" },
	{ 5, "/dev/console" }, { 5, "/dev/ptmx" }, { 10, "misc" }, { 136, "pts" },
};

void pf_text_devices(struct statbuf *sb)
{
	stat_printf(sb, "Character devices:\n");
	for (int major = 0; (major = chrdev_next_major((unsigned int)major)) >= 0; major++) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(major_names); i++) {
			if (major_names[i].major != (unsigned int)major)
				continue;
			stat_printf(sb, "%3d %s\n", major, major_names[i].name);
			known = true;
		}
		if (!known)
			stat_printf(sb, "%3d char%d\n", major, major);
	}
	stat_printf(sb, "\nBlock devices:\n");
}
