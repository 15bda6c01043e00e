/* SPDX-License-Identifier: MIT */
/*
 * The instructions that touch user memory (usercopy.S); mm/uaccess.c is their only caller and
 * has checked that the range lies below USER_TOP. A page that is not there is
 * faulted in under them; a fault that mm refuses ends them by the fixup table.
 */
#ifndef KERNEL_X86_USERCOPY_H
#define KERNEL_X86_USERCOPY_H

#include <compiler.h>
#include <types.h>

/* Copy n bytes from or to user memory. Bytes not copied; all before them are. */
size_t usercopy_in(void *dst, const void __user *src, size_t n);
size_t usercopy_out(void __user *dst, const void *src, size_t n);
/* Set n bytes to zero. Bytes not cleared. */
size_t usercopy_clear(void __user *dst, size_t n);

/*
 * Copy a string, with its NUL if that is within max bytes. Length without the NUL, max
 * if there is none, -EFAULT.
 */
ssize_t usercopy_strncpy(char *dst, const char __user *src, size_t max);

/* One aligned or unaligned value. 0 or -EFAULT, *v then 0. */
int usercopy_get_u8(u8 *v, const void __user *p);
int usercopy_get_u32(u32 *v, const void __user *p);
int usercopy_get_u64(u64 *v, const void __user *p);
int usercopy_put_u32(void __user *p, u32 v);
int usercopy_put_u64(void __user *p, u64 v);

/* Atomically: if *p == *old then *p = new; *old = what *p was. 0 or -EFAULT. */
int usercopy_cmpxchg_u32(u32 __user *p, u32 *old, u32 new_value);

#endif
