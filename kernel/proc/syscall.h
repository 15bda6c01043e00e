/* SPDX-License-Identifier: MIT */
/*
 * The system-call table's type. The table (syscall_table.c) feeds dispatch, tracing
 * and docs/syscalls.md.
 */
#ifndef KERNEL_PROC_SYSCALL_H
#define KERNEL_PROC_SYSCALL_H

#include <types.h>

typedef long (*syscall_fn)(u64, u64, u64, u64, u64, u64);

struct syscall_entry {
	syscall_fn sc_fn;	/* NULL: not there, -ENOSYS */
	const char *sc_name;
	/*
	 * A letter per argument: d decimal, x hex, o octal mode, p pointer, s path or string,
	 * f descriptor, z size.
	 */
	const char *sc_args;
};

#define SYSCALL_MAX	512
extern const struct syscall_entry syscall_table[SYSCALL_MAX];
/* syscall_names.c: all of Linux's; NULL: no such number */
extern const char *const syscall_names[SYSCALL_MAX];

void syscall_init(void);

#endif
