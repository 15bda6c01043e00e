/* SPDX-License-Identifier: MIT */
/*
 * struct uio: moving bytes between an object and memory segments of a user or
 * of the kernel. Called by read and write methods of every file type.
 *
 * Invariants: u_resid is the sum of what is left in the segments; each copy
 * advances segments, u_resid and u_offset by exactly what has moved, also when
 * it ends in -EFAULT.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/uio.h"
#include "kernel/lib/string.h"
#include "mm/uaccess.h"

static void uio_set(struct uio *u, void *base, size_t len, u64 offset)
{
	u->u_one.iov_base = base;
	u->u_one.iov_len = len;
	u->u_iov = &u->u_one;
	u->u_iovcnt = 1;
	u->u_seg_done = 0;
	u->u_resid = len;
	u->u_offset = offset;
	u->u_nonblock = false;
	u->u_nowait = false;
	u->u_append = false;
}

void uio_init(struct uio *u, void *base, size_t len, u64 offset)
{
	uio_set(u, base, len, offset);
	u->u_kernel = false;
}

void uio_init_kernel(struct uio *u, void *base, size_t len, u64 offset)
{
	uio_set(u, base, len, offset);
	u->u_kernel = true;
}

enum uio_op { UIO_OUT, UIO_IN, UIO_ZERO };

static size_t clear_user_partial(void *dst, size_t n)
{
	static const u8 zeros[256];
	size_t done = 0;

	/*
	 * The common case is one call; only a fault makes us look for its
	 * place.
	 */
	if (clear_user(dst, n) == 0)
		return 0;
	while (done < n) {
		size_t part = min(n - done, sizeof(zeros));
		size_t left = copy_to_user_partial((u8 *)dst + done, zeros, part);

		done += part - left;
		if (left)
			break;
	}
	return n - done;
}

/* Returns how many bytes did not move. */
static size_t copy_one(struct uio *u, u8 *seg, void *obj, size_t n, enum uio_op op)
{
	if (u->u_kernel) {
		if (op == UIO_OUT)
			memcpy(seg, obj, n);
		else if (op == UIO_IN)
			memcpy(obj, seg, n);
		else
			memset(seg, 0, n);
		return 0;
	}
	switch (op) {
	case UIO_OUT:
		return copy_to_user_partial(seg, obj, n);
	case UIO_IN:
		return copy_from_user_partial(obj, seg, n);
	default:
		return clear_user_partial(seg, n);
	}
}

static int uio_move(struct uio *u, void *obj, size_t n, enum uio_op op)
{
	KASSERT(n <= u->u_resid);
	while (n) {
		size_t room = u->u_iov->iov_len - u->u_seg_done;
		size_t part = min(n, room);
		size_t left = 0;

		if (part)
			left = copy_one(u, (u8 *)u->u_iov->iov_base + u->u_seg_done,
					obj, part, op);
		part -= left;
		u->u_seg_done += part;
		u->u_resid -= part;
		u->u_offset += part;
		if (op != UIO_ZERO)
			obj = (u8 *)obj + part;
		n -= part;
		if (left)
			return -EFAULT;
		if (u->u_seg_done == u->u_iov->iov_len && u->u_iovcnt > 1) {
			u->u_iov++;
			u->u_iovcnt--;
			u->u_seg_done = 0;
		}
	}
	return 0;
}

int uio_copy_out(struct uio *u, const void *src, size_t n)
{
	return uio_move(u, (void *)src, n, UIO_OUT);
}

int uio_copy_in(struct uio *u, void *dst, size_t n)
{
	return uio_move(u, dst, n, UIO_IN);
}

int uio_zero_out(struct uio *u, size_t n)
{
	return uio_move(u, NULL, n, UIO_ZERO);
}

void uio_revert(struct uio *u, size_t n)
{
	u->u_resid += n;
	u->u_offset -= n;
	while (n > u->u_seg_done) {
		n -= u->u_seg_done;
		u->u_iov--;
		u->u_iovcnt++;
		u->u_seg_done = u->u_iov->iov_len;
	}
	u->u_seg_done -= n;
}
