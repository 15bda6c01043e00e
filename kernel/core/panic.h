/* SPDX-License-Identifier: MIT */
/*
 * The end of the kernel, and the end of a thread by a kernel bug (oops).
 */
#ifndef KERNEL_CORE_PANIC_H
#define KERNEL_CORE_PANIC_H

#include <kernel/upcalls.h>
#include <types.h>

struct trapframe;

/* True once a CPU has panicked: the others are being stopped, locks may be held for ever. */
bool panic_under_way(void);

/* Name and offset of a kernel text address; "?" when unknown. */
const char *ksym_lookup(u64 addr, u64 *offset);

#endif
