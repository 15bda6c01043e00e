/* SPDX-License-Identifier: MIT */
/*
 * How fs/ comes to life; kernel/proc/main.c calls these in this order.
 */
#ifndef FS_INIT_H
#define FS_INIT_H

#include <types.h>

/*
 * Caches and file system types, an empty tmpfs as "/", devfs for drivers to
 * register nodes in.
 */
void fs_init(void);
/*
 * With all drivers there: unpack the boot modules into the root, mount /dev,
 * /proc, /dev/shm.
 */
void fs_init_root(void);
/*
 * Unpack the cpio archives that lie in [start, end) of physical memory into the
 * root; their memory is used up. 0 or -errno.
 */
int initramfs_unpack(paddr_t start, paddr_t end);

#endif
