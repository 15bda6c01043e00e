/* SPDX-License-Identifier: MIT */
/*
 * What /proc/PID tells about an address space. All take vm_lock themselves and may
 * sleep; the caller holds a reference on vm.
 */
#ifndef MM_REPORT_H
#define MM_REPORT_H

#include <types.h>

struct statbuf;
struct vmspace;

/* In pages, as in /proc/PID/statm. */
struct vm_count {
	u64 vc_size, vc_resident, vc_anon, vc_shmem, vc_text, vc_data, vc_stack,
	    vc_locked, vc_swapped, vc_tables, vc_maxrss;
};

/* /proc/PID/maps, smaps and smaps_rollup, in the format of proc(5). */
void vm_report_maps(struct vmspace *vm, struct statbuf *sb);
void vm_report_smaps(struct vmspace *vm, struct statbuf *sb);
void vm_report_rollup(struct vmspace *vm, struct statbuf *sb);
/*
 * /proc/PID/pagemap: the words of n pages from va on, below USER_TOP. They have frame numbers, which
 * are not for everybody: PAGEMAP_FRAME.
 */
#define PAGEMAP_FRAME	((1UL << 55) - 1)
void vm_report_pagemap(struct vmspace *vm, vaddr_t va, u64 *out, unsigned int n);
void vm_count_statm(struct vmspace *vm, struct vm_count *vc);

#endif
