/* SPDX-License-Identifier: MIT */
/*
 * struct uio: what is left of a transfer between an object and a list of memory
 * segments (user or kernel). read and write methods consume it.
 */
#ifndef FS_UIO_H
#define FS_UIO_H

#include <abi/uio.h>
#include <types.h>

struct page;

struct uio {
	const struct iovec *u_iov;	/* current segment */
	unsigned int u_iovcnt;		/* segments left, including the current */
	size_t u_seg_done;		/* bytes used of the current one */
	size_t u_resid;			/* bytes left in all */
	u64 u_offset;			/* file position of the next byte */
	bool u_kernel;			/* segments are kernel memory */
	bool u_nonblock;		/* O_NONBLOCK at the time of the call (or RWF_NOWAIT) */
	bool u_nowait;			/* RWF_NOWAIT: what is not in memory is not waited for */
	bool u_append;			/* O_APPEND at the time of the call */
	struct iovec u_one;		/* storage for the common single segment */
};

void uio_init(struct uio *u, void *base, size_t len, u64 offset);	/* user memory */
void uio_init_kernel(struct uio *u, void *base, size_t len, u64 offset);
/*
 * Move n bytes (at most u_resid) object -> segments / segments -> object;
 * advances offset and resid by what moved. 0, or -EFAULT after a partial move.
 */
int uio_copy_out(struct uio *u, const void *src, size_t n);
int uio_copy_in(struct uio *u, void *dst, size_t n);
/* Step back over the last n bytes, which lie in the current segment or before it. */
void uio_revert(struct uio *u, size_t n);
int uio_zero_out(struct uio *u, size_t n);
/*
 * Copy a segment list in from the user: *iov is small[] or allocated (kfree it then). Returns the
 * sum of lengths, cut to FILE_MAX_RW; -EFAULT, -EINVAL, -ENOMEM.
 */
ssize_t iov_get(const struct iovec __user *uiov, int cnt, struct iovec small[UIO_FASTIOV],
		struct iovec **iov);

#endif
