/* SPDX-License-Identifier: MIT */
/*
 * What /proc/PID shows of a process's address space: arguments, environment, the map, and where
 * its pages are.
 *
 * Locks: none while reading: the vmspace is referenced, and mm takes its own.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/procfs/proc_node.h"
#include "fs/uio.h"
#include "kernel/lib/string.h"
#include "mm/report.h"
#include "mm/space.h"

#define TITLE_MAX	PAGE_SIZE

/*
 * The program has written over the NUL that ends its arguments: they are one string now, which may
 * go on into the environment's place (setproctitle(3)).
 */
static void append_title(struct statbuf *sb, struct vmspace *vm)
{
	size_t len = min(vm->vm_env_end - vm->vm_arg_start, (u64)TITLE_MAX), old = sb->sb_len;
	const char *end;

	pf_append_vm(sb, vm, vm->vm_arg_start, len);
	if (sb->sb_len >= sb->sb_size)
		return;
	end = memchr(sb->sb_buf + old, '\0', sb->sb_len - old);
	if (end)
		sb->sb_len = (size_t)(end + 1 - sb->sb_buf);
}

int pf_show_cmdline(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct vmspace *vm;
	char last;

	(void)cr;
	(void)pf_get_vm(n, NULL, &vm);
	if (!vm)
		return 0;
	if (vm->vm_arg_end > vm->vm_arg_start && vm->vm_env_end >= vm->vm_arg_end) {
		if (vm_copy_in(vm, &last, vm->vm_arg_end - 1, 1) == 0 && last)
			append_title(sb, vm);
		else
			pf_append_vm(sb, vm, vm->vm_arg_start, vm->vm_arg_end - vm->vm_arg_start);
	}
	vmspace_put(vm);
	return 0;
}

int pf_show_environ(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct vmspace *vm;
	int err = pf_get_vm(n, cr, &vm);

	if (err || !vm)
		return err;
	KASSERT(vm->vm_env_end >= vm->vm_env_start);
	pf_append_vm(sb, vm, vm->vm_env_start, vm->vm_env_end - vm->vm_env_start);
	vmspace_put(vm);
	return 0;
}

static int report(const struct pf_node *n, const struct cred *cr, struct statbuf *sb,
		  void (*fn)(struct vmspace *, struct statbuf *))
{
	struct vmspace *vm;
	int err = pf_get_vm(n, cr, &vm);

	if (err || !vm)
		return err;
	fn(vm, sb);
	vmspace_put(vm);
	return 0;
}

int pf_show_maps(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	return report(n, cr, sb, vm_report_maps);
}

int pf_show_smaps(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	return report(n, cr, sb, vm_report_smaps);
}

int pf_show_rollup(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	return report(n, cr, sb, vm_report_rollup);
}

#define PAGEMAP_CHUNK	64

/* A word for each page; where it is, only for the privileged. */
static ssize_t pagemap_copy(struct vmspace *vm, const struct cred *cr, struct uio *u)
{
	size_t total = u->u_resid;
	u64 words[PAGEMAP_CHUNK];

	while (u->u_resid && u->u_offset < USER_TOP / PAGE_SIZE * sizeof(u64)) {
		u64 first = u->u_offset / sizeof(u64);
		size_t n = min(u->u_resid / sizeof(u64), (size_t)PAGEMAP_CHUNK);
		int err;

		n = min(n, USER_TOP / PAGE_SIZE - first);
		vm_report_pagemap(vm, first * PAGE_SIZE, words, (unsigned int)n);
		for (size_t i = 0; !cred_privileged(cr) && i < n; i++)
			words[i] &= ~PAGEMAP_FRAME;
		err = uio_copy_out(u, words, n * sizeof(u64));
		if (err && u->u_resid == total)
			return err;
		if (err)
			break;
	}
	return (ssize_t)(total - u->u_resid);
}

ssize_t pf_read_pagemap(const struct pf_node *n, const struct cred *cr, struct uio *u)
{
	struct vmspace *vm;
	ssize_t ret;

	if ((u->u_offset | u->u_resid) % sizeof(u64))
		return -EINVAL;
	ret = pf_get_vm(n, cr, &vm);
	if (ret || !vm)
		return ret;
	ret = pagemap_copy(vm, cr, u);
	vmspace_put(vm);
	return ret;
}

/* Seven numbers, of which "lib" and "dt" have no meaning since Linux 2.6. */
int pf_show_statm(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct vm_count vc = { 0 };
	struct vmspace *vm;

	(void)cr;
	(void)pf_get_vm(n, NULL, &vm);
	if (vm) {
		vm_count_statm(vm, &vc);
		vmspace_put(vm);
	}
	stat_printf(sb, "%lu %lu %lu %lu 0 %lu 0\n", vc.vc_size, vc.vc_resident,
		    vc.vc_resident - vc.vc_anon,
		    vc.vc_text, vc.vc_data);
	return 0;
}

static void show_kb(struct statbuf *sb, const char *name, u64 pages)
{
	stat_printf(sb, "%s:\t%8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

void pf_status_vm(struct statbuf *sb, struct vmspace *vm)
{
	struct vm_count vc;

	vm_count_statm(vm, &vc);
	show_kb(sb, "VmSize", vc.vc_size);
	show_kb(sb, "VmLck", vc.vc_locked);
	show_kb(sb, "VmHWM", vc.vc_maxrss);
	show_kb(sb, "VmRSS", vc.vc_resident);
	show_kb(sb, "RssAnon", vc.vc_anon);
	show_kb(sb, "RssFile", vc.vc_resident - vc.vc_anon - vc.vc_shmem);
	show_kb(sb, "RssShmem", vc.vc_shmem);
	show_kb(sb, "VmData", vc.vc_data - vc.vc_stack);
	show_kb(sb, "VmStk", vc.vc_stack);
	show_kb(sb, "VmExe", vc.vc_text);
	show_kb(sb, "VmPTE", vc.vc_tables);
	show_kb(sb, "VmSwap", vc.vc_swapped);
}
