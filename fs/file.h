/* SPDX-License-Identifier: MIT */
/*
 * The open-file table: an entry per open(2), pipe(2), socket(2) ..., shared by
 * the descriptors that fork and dup made. Offset, access mode and status flags
 * live here.
 *
 * Legend: [I] immutable once a descriptor refers to it, [a] atomic, [pos]
 * f_poslock, [f] f_lock (readers may look without it).
 */
#ifndef FS_FILE_H
#define FS_FILE_H

#include <abi/fcntl.h>
#include <atomic.h>
#include <list.h>
#include <types.h>
#include "fs/uio.h"
#include "kernel/core/cred.h"
#include "kernel/core/mutex.h"
#include "mm/object.h"

struct dentry;
struct file;
struct mount;
struct poll_table;
struct sigio;
struct superblock;
struct vm_object;
struct vnode;

/* A place in the name space; holds references to both. */
struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

/*
 * Receiver of directory entries. False: the buffer is full, stop before this
 * entry.
 */
struct dir_sink {
	bool (*ds_emit)(struct dir_sink *ds, const char *name, size_t len,
			u64 ino, u8 dtype, s64 next_off);
};

/*
 * All may sleep, no spin lock is held; the file is referenced by the caller.
 * NULL members: see each.
 */
struct file_ops {
	/*
	 * Bytes moved (0: end of file) or -errno; something moved wins over an
	 * error. NULL: -EINVAL. f_poslock is held for seekable files.
	 */
	ssize_t (*fo_read)(struct file *f, struct uio *u);
	ssize_t (*fo_write)(struct file *f, struct uio *u);
	/* >= 0 or -errno. NULL: -ENOTTY. */
	long (*fo_ioctl)(struct file *f, unsigned int cmd, unsigned long arg);
	/*
	 * Readiness now (POLL*), and register pt's waiters on the object's wait
	 * queues if pt != NULL, under the lock under which readiness changes.
	 * NULL: always readable and writable.
	 */
	u32 (*fo_poll)(struct file *f, struct poll_table *pt);
	/* New position or -errno. NULL: -ESPIPE. f_poslock is held. */
	s64 (*fo_seek)(struct file *f, s64 off, int whence);
	/*
	 * Entries from f_pos on into ds; updates f_pos. 0 or -errno. NULL:
	 * -ENOTDIR.
	 */
	int (*fo_readdir)(struct file *f, struct dir_sink *ds);
	/* Object to map, with a reference. NULL: -ENODEV. */
	int (*fo_mmap)(struct file *f, u64 offset, u64 len, int prot, int flags,
		       struct vm_object **obj);
	/* 0 or -errno. NULL: -EINVAL. */
	int (*fo_fsync)(struct file *f, bool datasync);
	/* Last reference is gone. NULL: nothing to do. */
	void (*fo_release)(struct file *f);
};

struct file {
	atomic_t f_ref;			/* [a] descriptors, and calls under way */
	u32 f_mode;			/* [I] FMODE_* */
	/*
	 * [f] O_APPEND, O_NONBLOCK, O_ASYNC, O_DIRECT ... and the access mode
	 */
	u32 f_flags;
	struct spinlock f_lock;
	struct mutex f_poslock;
	s64 f_pos;			/* [pos] */
	struct vm_ra f_ra;		/* reading ahead of sequential reads; mm/readahead.c */
	u32 f_wberr, f_sbwberr;		/* [a] errseq: failed writes of this file, this device */
	const struct file_ops *f_ops;	/* [I] */
	struct path f_path;		/* [I] both NULL for pipes, sockets ... that have no name */
	struct vnode *f_vnode;		/* [I] reference through f_path, or own; NULL: none */
	void *f_data;			/* [I] pipe end, tty, ... */
	struct cred *f_cred;		/* [I] of the opener */
	struct sigio *f_sigio;		/* [f] set once: signal-driven I/O, see ipc/sigio.c */
	/*
	 * Files without a vnode: what fstat(2) and /proc/PID/fd show; see
	 * file_set_anon().
	 */
	const char *f_anon_class;	/* [I] "pipe", "socket" ...; NULL: "anon_inode" */
	u32 f_anon_mode;		/* [I] type and permissions */
	u64 f_anon_ino;			/* [I] */
	u64 f_id;			/* [I] number in the open-file table, never given again */
	struct list_head f_link;	/* [file_list_lock] all open files, for /proc/openfiles */
};

#define FMODE_READ	0x1
#define FMODE_WRITE	0x2
#define FMODE_SEEK	0x4		/* lseek and pread make sense */
#define FMODE_PATH	0x8		/* O_PATH */
#define FMODE_WCOUNT	0x10		/* counted in v_writers */

/*
 * A file with one reference and no vnode. flags: O_* incl. access mode.
 * -ENFILE, -ENOMEM.
 */
int file_alloc(const struct file_ops *ops, void *data, u32 flags, struct file **out);
/*
 * Before the file gets a descriptor: how fstat and /proc/PID/fd show a file
 * without a vnode. class lives for ever; ino: both ends of a pipe share one,
 * see anon_ino_alloc().
 */
void file_set_anon(struct file *f, const char *class, u32 mode, u64 ino);
u64 anon_ino_alloc(void);
/*
 * Open the vnode at path (references are taken); permissions are the caller's
 * business. Devices and FIFOs may block here. -ENFILE, -ENOMEM, -ENXIO,
 * -ETXTBSY, what vo_open says.
 */
int file_open_path(const struct path *path, u32 flags, struct file **out);
void file_cache_init(void);
/*
 * Open files now, and how many there may be (only the privileged exceed that).
 */
void file_count_open(u64 *used, u64 *most);
/* Is a file of sb, or one opened through mnt, open for writing? Devices and FIFOs do not count. */
bool file_any_writer(const struct mount *mnt, const struct superblock *sb);
struct file *file_get(struct file *f);
void file_put(struct file *f);
/*
 * Kernel-side whole transfers for exec and friends: bytes or -errno, at offset.
 */
ssize_t file_read_kernel(struct file *f, void *buf, size_t n, u64 offset);
/*
 * f_ops dispatch with what a NULL member means; mode bits are checked by the
 * caller.
 */
ssize_t file_read(struct file *f, struct uio *u);
ssize_t file_write(struct file *f, struct uio *u);
/* Lengths of one transfer are cut to this, as on Linux. */
#define FILE_MAX_RW	0x7ffff000UL
/* lseek for objects with a size, as file_ops helper. */
s64 file_seek_size(struct file *f, s64 off, int whence, s64 size, s64 max);

/* Signal-driven I/O; ipc/sigio.c sets it. */
struct sigio_ops {
	/* F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_SETSIG, F_GETSIG. */
	long (*sg_fcntl)(struct file *f, unsigned int cmd, unsigned long arg);
	/* O_ASYNC is set or cleared through descriptor fd. -ENOMEM. */
	int (*sg_enable)(struct file *f, int fd, bool on);
	/* f, whose f_sigio is set, ends; the object behind it is still there. */
	void (*sg_free)(struct file *f);
};
extern const struct sigio_ops *sigio_ops;

static inline bool file_readable(const struct file *f) { return f->f_mode & FMODE_READ; }
static inline bool file_writable(const struct file *f) { return f->f_mode & FMODE_WRITE; }

#endif
