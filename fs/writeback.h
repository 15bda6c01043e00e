/* SPDX-License-Identifier: MIT */
/*
 * Getting dirty data to the disk: the flusher, fsync(2) and its relatives, and holding back those
 * who dirty faster than the disk takes it.
 *
 * Errors of writes are noted at the object (vo_wberr) and at the device (bd_wberr); each open file
 * hears of each once (kernel/lib/errseq.h).
 */
#ifndef FS_WRITEBACK_H
#define FS_WRITEBACK_H

#include <types.h>

struct file;
struct superblock;
struct vnode;

void writeback_init(void);		/* starts the flusher */
/* Flags for a write of the running thread: BIO_SYNC unless it is the flusher. */
u8 writeback_bio_flags(void);
/* Before a page of vn is made dirty; may wait for the disk. No lock of pages. */
void writeback_throttle(struct vnode *vn);
/* Write the data pages of vn that are dirty now and wait. -EIO: one failed; -ENOMEM: try again. */
int vnode_write_data(struct vnode *vn);
/*
 * fsync(2) of a file with pages: its data in bytes [from, to], then what vo_fsync does. The first
 * error, or one that f has not heard of.
 */
int vnode_fsync(struct vnode *vn, struct file *f, u64 from, u64 to, bool datasync);
/* All of a file system: data, then ft_sync. wait: it is on the medium. First error. */
int superblock_sync(struct superblock *sb, bool wait);
/* All block devices' own pages and buffers. */
void blkdev_sync_all(bool wait);

#endif
