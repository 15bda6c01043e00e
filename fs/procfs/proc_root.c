/* SPDX-License-Identifier: MIT */
/*
 * The root directory: a table, all reports of the registry, and a directory per process.
 *
 * Locks: proctree_lock to find processes.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/mount.h"
#include "fs/procfs/proc_node.h"
#include "kernel/core/printk.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/x86/cpu.h"

/* Kernel threads are no processes: -ENOENT. */
static ssize_t self_readlink(const struct pf_node *n, char *buf, size_t size)
{
	pid_t pid = current_proc()->p_pid;

	(void)n;
	return pid ? snprintf(buf, size, "%d", pid) : -ENOENT;
}

static ssize_t thread_self_readlink(const struct pf_node *n, char *buf, size_t size)
{
	pid_t pid = current_proc()->p_pid;

	(void)n;
	return pid ? snprintf(buf, size, "%d/task/%d", pid, current->t_tid) : -ENOENT;
}

static ssize_t mounts_readlink(const struct pf_node *n, char *buf, size_t size)
{
	(void)n;
	return (ssize_t)str_copy(buf, "self/mounts", size);
}

/* ---- processes ---- */

void pf_keep_smallest(u32 *out, unsigned int *n, unsigned int max, u32 v)
{
	unsigned int i = *n;

	if (i == max) {
		if (v >= out[max - 1])
			return;
		i--;
	} else {
		++*n;
	}
	/* Lists are in order but for numbers that started over: mostly this ends at once. */
	for (; i > 0 && out[i - 1] > v; i--)
		out[i] = out[i - 1];
	out[i] = v;
}

static unsigned int pid_list(const struct pf_node *dir, u32 from, u32 *out, unsigned int max)
{
	unsigned int n = 0;
	struct proc *p;

	(void)dir;
	spin_lock(&proctree_lock);
	list_for_each_entry(p, &all_procs, p_all) {
		if ((u32)p->p_pid >= from)
			pf_keep_smallest(out, &n, max, (u32)p->p_pid);
	}
	spin_unlock(&proctree_lock);
	return n;
}

/* Only processes are listed, but the number of any of its threads leads to a process, too. */
static int pid_find(const struct pf_node *dir, u32 num, struct pf_node *child)
{
	struct thread *t;

	KASSERT(!dir->pn_proc);
	spin_lock(&proctree_lock);
	child->pn_proc = proc_find_locked((pid_t)num);
	if (!child->pn_proc && (t = thread_find_locked((pid_t)num)))
		child->pn_proc = t->t_proc;
	if (child->pn_proc)
		proc_get(child->pn_proc);
	spin_unlock(&proctree_lock);
	child->pn_entry = &pf_pid_entry;
	return child->pn_proc ? 0 : -ENOENT;
}

static unsigned int pid_count(const struct pf_node *dir)
{
	unsigned int n = 0;
	struct proc *p;

	(void)dir;
	spin_lock(&proctree_lock);
	list_for_each_entry(p, &all_procs, p_all)
		n++;
	spin_unlock(&proctree_lock);
	return n;
}

/* ---- the table ---- */

/* The commands of Linux's sysrq that make sense here, for tests and the desperate. */
static int store_sysrq(const struct pf_node *n, char *text, size_t len)
{
	(void)n, (void)len;
	switch (*text) {
	case 'b':
		cpu_reset();
	case 'c':
		panic("crash asked for by sysrq-trigger");
	case 'o':
		cpu_power_off();
	case 's':
		fs_sync_all(true);
		return 0;
	default:
		printk(KERN_WARN "sysrq: b resets, c crashes, o powers off, s syncs\n");
		return 0;
	}
}

#define TEXT_LINK(name, readlink) \
	{ .pe_name = (name), .pe_mode = S_IFLNK | 0777, .pe_readlink = (readlink) }

static const struct pf_entry entries[] = {
	PE_TEXT("cmdline", pf_text_cmdline),
	PE_TEXT("counts", statcounter_show),
	PE_TEXT("cpuinfo", pf_text_cpuinfo),
	PE_TEXT("devices", pf_text_devices),
	PE_TEXT("filesystems", pf_text_filesystems),
	PE_TEXT("interrupts", pf_text_interrupts),
	PE_TEXT("loadavg", pf_text_loadavg),
	PE_TEXT("meminfo", pf_text_meminfo),
	TEXT_LINK("mounts", mounts_readlink),
	TEXT_LINK("self", self_readlink),
	PE_TEXT("stat", pf_text_stat),
	PE_DIR("sys", 0555, pf_sys_dir),
	{ .pe_name = "sysrq-trigger", .pe_mode = S_IFREG | 0200, .pe_store = store_sysrq },
	TEXT_LINK("thread-self", thread_self_readlink),
	PE_TEXT("uptime", pf_text_uptime),
	PE_TEXT("version", pf_text_version),
};

const struct pf_dir pf_root_dir = {
	.pd_id = 0, .pd_entries = entries, .pd_count = ARRAY_SIZE(entries), .pd_reports = "",
	.pd_list = pid_list, .pd_numtype = S_IFDIR, .pd_find = pid_find,
	.pd_subdirs = pid_count,
};
