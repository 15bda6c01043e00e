/* SPDX-License-Identifier: MIT */
/*
 * procfs: file system type "proc", see procfs.c.
 */
#ifndef FS_PROCFS_PROCFS_H
#define FS_PROCFS_PROCFS_H

/* Register the file system type. At boot. */
void procfs_init(void);

#endif
