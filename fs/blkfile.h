/* SPDX-License-Identifier: MIT */
/*
 * Block devices as files: the vnode that holds a device's pages, and what open(2) of a node in
 * /dev gives.
 */
#ifndef FS_BLKFILE_H
#define FS_BLKFILE_H

#include "fs/file.h"

struct blkdev;
struct vnode;

void blkfile_init(void);
/* Make bd_vnode and the node in /dev. -ENOMEM, -EEXIST. */
int blkfile_create(struct blkdev *bd);
/* open(2) of a block device node of any file system. -ENXIO, -EACCES. */
int blkfile_open(struct vnode *vn, struct file *f);
/* bd_sectors has changed: so do the file's size and its node in /dev. */
void blkfile_resize(struct blkdev *bd);
/* Of an open block device: its bd_vnode. */
struct vnode *blkfile_pages(const struct file *f);
/* Whose vnodes bd_vnode are; never mounted, on no list of super blocks. */
struct superblock *blkfile_superblock(void);
/* The device behind a file's pages: of its file system, or itself. NULL: none. */
struct blkdev *vnode_blkdev(const struct vnode *vn);
/* How far an open file of vn reads ahead, unless posix_fadvise(2) says otherwise. */
u32 vnode_ra_pages(const struct vnode *vn);

#endif
