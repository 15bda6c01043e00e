/* SPDX-License-Identifier: MIT */
/* select(2). */
#ifndef ABI_SELECT_H
#define ABI_SELECT_H

#include "compiler.h"
#include "types.h"

/* The C library's size; the kernel reads as many bits as nfds says. */
#define FD_SETSIZE	1024

typedef struct {
	u64 fds_bits[FD_SETSIZE / 64];
} fd_set;

/* The sixth argument of pselect6. */
struct pselect_sigmask {
	const u64 __user *ss;		/* a sigset_t */
	size_t ss_len;
};

#endif
