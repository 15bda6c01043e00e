/* SPDX-License-Identifier: MIT */
/*
 * The kernel's random numbers.
 */
#ifndef DRIVERS_RANDOM_H
#define DRIVERS_RANDOM_H

#include <compiler.h>
#include <kernel/upcalls.h>	/* random_bytes() */
#include <types.h>

struct uio;

/* Fill u. Bytes moved, or -EFAULT, -ERESTARTSYS if none have. */
ssize_t random_read(struct uio *u);
/* Take u in for mixing. */
ssize_t random_write(struct uio *u);

long sys_getrandom(void __user *buf, size_t len, unsigned int flags);

#endif
