/* SPDX-License-Identifier: MIT */
/*
 * The memory file system, and its parts for file systems that are one inside
 * (devtmpfs, memfd).
 */
#ifndef FS_TMPFS_TMPFS_H
#define FS_TMPFS_TMPFS_H

#include "fs/mount.h"
#include "fs/vnode.h"

void tmpfs_init(void);
/* Contracts of the fs_type members. */
int tmpfs_mount(struct superblock *sb, const char *source, const char *data);
int tmpfs_statfs(struct superblock *sb, struct statfs *st);
/* A vnode of any type that no directory knows; v_nlink 0. -ENOSPC, -ENOMEM. */
int tmpfs_vnode(struct superblock *sb, u32 mode, struct vnode **out);
/* Pages of all tmpfs files, for meminfo. */
u64 tmpfs_total_pages(void);
/* A page of the boot archive, put in by vm_object_insert(), counts as vn's. */
void tmpfs_account_page(struct vnode *vn);

#endif
