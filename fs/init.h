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
 * With all drivers there: unpack the boot modules into the root, or give their
 * memory back (the root will be another), mount /dev, /proc, /dev/shm.
 */
void fs_init_root(bool unpack);
/*
 * Mount source as the root of the running process and of its children. type
 * NULL: what fits. flags: MS_RDONLY or 0. Then /dev and so on, where there are
 * directories for them. In a thread. -ENXIO: no such device.
 */
int fs_switch_root(const char *source, const char *type, unsigned long flags);
/*
 * Unpack the cpio archives that lie in [start, end) of physical memory into the
 * root; their memory is used up. 0 or -errno.
 */
int initramfs_unpack(paddr_t start, paddr_t end);

#endif
