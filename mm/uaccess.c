/* SPDX-License-Identifier: MIT */
/*
 * User memory, as the rest of the kernel sees it: range checks around the instructions
 * in kernel/x86/usercopy.S, which fault pages in as they go.
 *
 * The check comes first and is the security of all this: below USER_TOP there
 * is only what the process itself has mapped.
 */
#include <errno.h>
#include "kernel/core/lockrank.h"
#include "kernel/x86/percpu.h"
#include "kernel/x86/usercopy.h"
#include "mm/uaccess.h"

size_t copy_from_user_partial(void *dst, const void __user *src, size_t n)
{
	lockrank_assert_may_sleep();
	return likely(user_range_ok(src, n)) ? usercopy_in(dst, src, n) : n;
}

size_t copy_to_user_partial(void __user *dst, const void *src, size_t n)
{
	lockrank_assert_may_sleep();
	return likely(user_range_ok(dst, n)) ? usercopy_out(dst, src, n) : n;
}

int copy_from_user(void *dst, const void __user *src, size_t n)
{
	return copy_from_user_partial(dst, src, n) ? -EFAULT : 0;
}

int copy_to_user(void __user *dst, const void *src, size_t n)
{
	return copy_to_user_partial(dst, src, n) ? -EFAULT : 0;
}

int clear_user(void __user *dst, size_t n)
{
	lockrank_assert_may_sleep();
	if (!user_range_ok(dst, n))
		return -EFAULT;
	return usercopy_clear(dst, n) ? -EFAULT : 0;
}

ssize_t strncpy_from_user(char *dst, const char __user *src, size_t size)
{
	size_t room;
	ssize_t len;

	lockrank_assert_may_sleep();
	if (!user_range_ok(src, 1))
		return -EFAULT;
	/* A string that runs into the end of user space is a bad address, not a long name. */
	room = USER_TOP - (vaddr_t)src;
	len = usercopy_strncpy(dst, src, min(size, room));
	if (len < 0 || (size_t)len < min(size, room))
		return len;
	return room <= size ? -EFAULT : -ENAMETOOLONG;
}

int get_user_u8(u8 *v, const void __user *p)
{
	lockrank_assert_may_sleep();
	return user_range_ok(p, sizeof(*v)) ? usercopy_get_u8(v, p) : -EFAULT;
}

int get_user_u32(u32 *v, const void __user *p)
{
	lockrank_assert_may_sleep();
	return user_range_ok(p, sizeof(*v)) ? usercopy_get_u32(v, p) : -EFAULT;
}

int get_user_u64(u64 *v, const void __user *p)
{
	lockrank_assert_may_sleep();
	return user_range_ok(p, sizeof(*v)) ? usercopy_get_u64(v, p) : -EFAULT;
}

int put_user_u32(void __user *p, u32 v)
{
	lockrank_assert_may_sleep();
	return user_range_ok(p, sizeof(v)) ? usercopy_put_u32(p, v) : -EFAULT;
}

int put_user_u64(void __user *p, u64 v)
{
	lockrank_assert_may_sleep();
	return user_range_ok(p, sizeof(v)) ? usercopy_put_u64(p, v) : -EFAULT;
}

int user_cmpxchg_u32(u32 __user *p, u32 *old, u32 new)
{
	lockrank_assert_may_sleep();
	if (!user_range_ok(p, sizeof(*p)))
		return -EFAULT;
	return usercopy_cmpxchg_u32(p, old, new);
}

int get_user_u32_nofault(u32 *v, const u32 __user *p)
{
	int err;

	if (!user_range_ok(p, sizeof(*v)))
		return -EFAULT;
	this_cpu(user_nofault) = true;
	barrier();
	err = usercopy_get_u32(v, p);
	barrier();
	this_cpu(user_nofault) = false;
	return err;
}
