/* SPDX-License-Identifier: MIT */
/*
 * Files in memory without a name: memfd_create(2), and seals.
 */
#ifndef FS_MEMFD_H
#define FS_MEMFD_H

#include <abi/fcntl.h>
#include <types.h>

struct file;

/* Either of the two says: no write(2), no new writable mapping. */
#define SEALS_WRITE	(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

void memfd_init(void);
/* fcntl(2): cmd is F_ADD_SEALS or F_GET_SEALS. */
long seals_fcntl(struct file *f, unsigned int cmd, u32 seals);

#endif
