/* SPDX-License-Identifier: MIT */
/*
 * read(2) and write(2) of regular files through the pages of their vm_object;
 * the same pages that mmap maps.
 */
#ifndef FS_PAGECACHE_H
#define FS_PAGECACHE_H

#include "fs/file.h"

/* Largest file: every offset fits into a signed 64-bit number. */
#define FILE_MAX_SIZE	INT64_MAX

/*
 * file_ops of regular files on any file system that keeps its data in v_object.
 */
extern const struct file_ops pagecache_file_ops;
/*
 * Transfer at u_offset; bytes moved or -errno. ra: what the reader has read so far, for reading
 * ahead; NULL: no reading ahead. v_lock is taken inside: shared
 * for reading, alone for writing, so a read sees all of a write or nothing of
 * it (POSIX 2.9.7).
 */
ssize_t pagecache_read(struct vnode *vn, struct uio *u, struct vm_ra *ra);
/*
 * Page index of f's file for reading, with a reference; read ahead as for a read(2) of want pages.
 * -EIO, -ENOMEM.
 */
int pagecache_getpage(struct file *f, u64 index, u64 want, struct page **out);
ssize_t pagecache_write(struct vnode *vn, struct uio *u);
/*
 * read(2) and write(2) of open file f, which has the pages of vn: as its flags O_DIRECT (-EINVAL:
 * not aligned) and O_DSYNC say.
 */
ssize_t pagecache_read_file(struct file *f, struct vnode *vn, struct uio *u);
ssize_t pagecache_write_file(struct file *f, struct vnode *vn, struct uio *u);
/*
 * Make [from, to) read as zeros; pages that are not there are made, but for VNF_SPARSE files.
 * For the ends of a hole. v_lock held for writing.
 */
int pagecache_zero(struct vnode *vn, s64 from, s64 to);
/*
 * vo_fallocate and vo_seek_data of files that live in their pages and nowhere else: a page
 * that is not there is a hole.
 */
int pagecache_fallocate(struct vnode *vn, int mode, s64 off, s64 end);
s64 pagecache_seek_data(struct vnode *vn, s64 off, bool hole);

#endif
