/* SPDX-License-Identifier: MIT */
/* readv(2), preadv2(2). */
#ifndef ABI_UIO_H
#define ABI_UIO_H

#include "compiler.h"
#include "types.h"

struct iovec {
	void __user *iov_base;
	size_t iov_len;
};

#define UIO_FASTIOV	8
#define UIO_MAXIOV	1024

#define RWF_HIPRI	0x01
#define RWF_DSYNC	0x02
#define RWF_SYNC	0x04
#define RWF_NOWAIT	0x08
#define RWF_APPEND	0x10

#endif
