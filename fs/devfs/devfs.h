/* SPDX-License-Identifier: MIT */
/*
 * /dev: a tmpfs with one instance, in which nodes appear as drivers register.
 */
#ifndef FS_DEVFS_DEVFS_H
#define FS_DEVFS_DEVFS_H

#include <types.h>

void devfs_init(void);
/*
 * A device node; one directory level ("pts/0") is made as needed. -EEXIST,
 * -ENOSPC, -ENOMEM.
 */
int devfs_add_device(const char *name, u32 mode, u64 dev);
/*
 * The node goes; open files of the device stay open. Not there: nothing
 * happens.
 */
void devfs_remove(const char *name);

#endif
