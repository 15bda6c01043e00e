/* SPDX-License-Identifier: MIT */
/*
 * fs/ext2 on the host: a disk in memory with a log of what was written and
 * flushed, buffers, vnodes, and pages of files, as thin as they can be. One
 * thread, so locks only check that they are taken and dropped in pairs.
 */
#ifndef TESTS_UNIT_EXT2_HOST_H
#define TESTS_UNIT_EXT2_HOST_H

#include <stdio.h>
#include <string.h>

#include "tests/unit/shim/shim.h"

#include "fs/blkdev.h"
#include "fs/ext2/ext2.h"
#include "fs/mount.h"
#include "fs/writeback.h"
#include "fs/vnode.h"

/* <stdlib.h> and <unistd.h> do not go with the headers in include/abi. */
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);
void abort(void) __noreturn;
int rand(void);
void srand(unsigned int seed);
char *getenv(const char *name);
int system(const char *command);
int getpid(void);

/* What reached the disk: a write, or (d_bytes 0) a flush, or (d_sector MARK) a note. */
#define HOST_FLUSH	(~0ul)
#define HOST_MARK	(~1ul)
struct host_write {
	u64 d_sector;
	u32 d_bytes;			/* of a mark: its number */
	u8 *d_data;
};

struct host_disk {
	u8 *hd_data;
	size_t hd_size;
	bool hd_log_on;
	struct host_write *hd_log;
	size_t hd_nlog, hd_maxlog;
	/* Faults: the n-th from now; 0: none. */
	long hd_fail_write, hd_fail_read, hd_fail_flush;
	long hd_skip_flush;		/* pretended, not done */
	bool hd_skip_data;		/* ordered data is not written */
	bool hd_late_home;		/* dirty buffers stay dirty until they must be written */
};
extern struct host_disk host_disk;

void host_disk_load(const void *image, size_t size);
void host_log_free(void);
/* Append to the log; data, from malloc(), becomes the log's. */
void host_log_entry(u64 sector, u8 *data, u32 bytes);
void host_mark(u32 n);
/* Dirty, unpinned buffers: some go home, as a flusher would do it. */
void host_flush_some(unsigned int percent);

/* 0 with *sb, or -errno. */
extern const char *host_mount_data;	/* options; NULL: none */
int host_mount(unsigned long flags, struct superblock **sb);
/* As umount(2); or with the power cut: everything in memory is dropped, nothing is written. */
void host_umount(struct superblock *sb);
int host_statfs(struct superblock *sb, struct statfs *st);
void host_power_cut(struct superblock *sb);
/* Leaks: objects of kmalloc(), pages, vnodes, buffers. */
long host_objects(void);

/* File calls, by path from the root; 0 or -errno, bytes for the last two. */
int host_lookup(struct superblock *sb, const char *path, struct vnode **out);
int host_create(struct superblock *sb, const char *path, u32 mode, const char *target);
int host_mknod(struct superblock *sb, const char *path, u32 mode, u64 rdev);
int host_unlink(struct superblock *sb, const char *path);
int host_link(struct superblock *sb, const char *from, const char *to);
int host_rename(struct superblock *sb, const char *from, const char *to, bool exchange);
int host_truncate(struct superblock *sb, const char *path, s64 size);
int host_fsync(struct superblock *sb, const char *path, bool datasync);
ssize_t host_write(struct vnode *vn, u64 off, const void *buf, size_t n);
ssize_t host_read(struct vnode *vn, u64 off, void *buf, size_t n);
/* All names of a directory but "." and "..", for fn; stops when it returns other than 0. */
int host_readdir(struct vnode *dir, int (*fn)(void *arg, const char *name, u64 ino), void *arg);

#endif
