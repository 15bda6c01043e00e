/* SPDX-License-Identifier: MIT */
/*
 * The kernel's random numbers.
 */
#ifndef DRIVERS_RANDOM_H
#define DRIVERS_RANDOM_H

#include <compiler.h>
#include <types.h>

struct uio;

/* Unpredictable bytes. Any context. */
void random_bytes(void *buf, size_t n);
/* Stir something in that an adversary may know or not; it cannot make things worse. */
void random_mix(const void *data, size_t n);
/* Fill u. Bytes moved, or -EFAULT, -ERESTARTSYS if none have. */
ssize_t random_read(struct uio *u);
/* Take u in for mixing. */
ssize_t random_write(struct uio *u);

long sys_getrandom(void __user *buf, size_t len, unsigned int flags);

#endif
