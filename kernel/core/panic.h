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

/* panic() with registers and backtrace of the frame. */
void panic_frame(const struct trapframe *tf, const char *fmt, ...) __noreturn __printf(2, 3);
/* Print the call chain from frame pointer rbp, symbolised; checks every address before it reads it. */
void backtrace_print(u64 rip, u64 rbp);
void frame_print(const struct trapframe *tf);
/* Name and offset of a kernel text address; "?" when unknown. */
const char *ksym_lookup(u64 addr, u64 *offset);

#endif
