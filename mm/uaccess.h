/* SPDX-License-Identifier: MIT */
/*
 * The only functions that touch user memory. All may sleep (page fault): no spin
 * lock may be held. An address outside user space or without mapping is -EFAULT.
 */
#ifndef MM_UACCESS_H
#define MM_UACCESS_H

#include <compiler.h>
#include <types.h>
#include "kernel/x86/memlayout.h"
#include "kernel/x86/percpu.h"

DECLARE_PERCPU(bool, user_nofault);	/* between uaccess.c and fault.c */

/* [p, p+n) lies in user space (says nothing about mappings). */
static inline bool user_range_ok(const void __user *p, size_t n)
{
	return n <= USER_TOP && (vaddr_t)p <= USER_TOP - n;
}

/* 0 or -EFAULT. */
int copy_from_user(void *dst, const void __user *src, size_t n);
int copy_to_user(void __user *dst, const void *src, size_t n);
/* Bytes that could NOT be copied (0: all), for partial reads and writes. */
size_t copy_from_user_partial(void *dst, const void __user *src, size_t n);
size_t copy_to_user_partial(void __user *dst, const void *src, size_t n);
int clear_user(void __user *dst, size_t n);
/* Length without NUL, -EFAULT, or -ENAMETOOLONG when there is no NUL in size bytes. */
ssize_t strncpy_from_user(char *dst, const char __user *src, size_t size);
/* Single values: 1, 2, 4 or 8 bytes. -EFAULT. */
int get_user_u8(u8 *v, const void __user *p);
int get_user_u32(u32 *v, const void __user *p);
int get_user_u64(u64 *v, const void __user *p);
int put_user_u32(void __user *p, u32 v);
int put_user_u64(void __user *p, u64 v);
/* Atomic on user memory, for futexes. *old gets the value before. -EFAULT. */
int user_cmpxchg_u32(u32 __user *p, u32 *old, u32 new);
/* Without page faults (spin locks may be held): -EFAULT when not mapped right now. */
int get_user_u32_nofault(u32 *v, const u32 __user *p);

#endif
