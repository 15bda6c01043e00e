/* SPDX-License-Identifier: MIT */
/*
 * Vnodes: one per file in use, whatever the file system. Type, mode, owner,
 * size, times and pages live here; the open-file table points here, and so do
 * names (dentries).
 *
 * States: NEW (being read in) -> LIVE -> (last reference gone) CACHED, or freed
 * at once when v_nlink is 0 or the file system keeps no cache -> freed.
 *
 * Legend: [I] immutable, [v] v_lock (sleeping reader/writer lock), [i] v_ilock
 * (spin), [a] atomic.
 */
#ifndef FS_VNODE_H
#define FS_VNODE_H

#include <abi/stat.h>
#include <atomic.h>
#include <list.h>
#include <types.h>
#include "fs/file.h"
#include "kernel/core/mutex.h"
#include "kernel/core/rwlock.h"
#include "mm/object.h"

struct superblock;
struct vnode_ops;
struct watch;

struct vtime {				/* ns since 1970, split as the ABI wants it */
	s64 sec;
	u32 nsec;
};

/* What times a file system's inodes can hold. */
struct vtime_range {
	s64 vr_min, vr_max;		/* seconds */
	bool vr_whole;			/* and nothing but seconds */
};

/*
 * The time nearest to *t that is in the range; NULL: of all times. Before a time is given to an
 * inode, so that it reads the same after the next mount. The ends have no nanoseconds, as on Linux.
 */
static inline void vtime_fit(const struct vtime_range *vr, struct vtime *t)
{
	if (!vr)
		return;
	if (vr->vr_whole || t->sec <= vr->vr_min || t->sec >= vr->vr_max)
		t->nsec = 0;
	t->sec = clamp(t->sec, vr->vr_min, vr->vr_max);
}

struct vnode {
	atomic_t v_ref;			/* [a] */
	u32 v_mode;			/* [i] S_IFMT and permissions */
	u64 v_ino;			/* [I] */
	uid_t v_uid;			/* [i] */
	gid_t v_gid;			/* [i] */
	u32 v_nlink;			/* [v] */
	u64 v_rdev;			/* [I] device nodes */
	s64 v_size;			/* [v] regular files: equals v_object.vo_size */
	u64 v_blocks;			/* [a] 512-byte units */
	u32 v_flags;			/* VNF_*, each says */
	u32 v_seals;			/* [v] F_SEAL_*: what may not be done any more */
	struct vtime v_atime, v_mtime, v_ctime, v_btime;	/* [i] */
	struct superblock *v_sb;	/* [I] */
	const struct vnode_ops *v_ops;	/* [I] */
	const struct file_ops *v_fops;	/* [I] what open(2) gives the file */
	/*
	 * Contents and names: write, truncate, create, unlink ...; readers
	 * share
	 */
	struct rwlock v_lock;
	struct spinlock v_ilock;
	struct vm_object v_object;	/* pages of a regular file */
	/* [a] open for writing; < 0: text being executed (ETXTBSY) */
	atomic_t v_writers;
	bool v_unsaved;			/* [file system's] reclaim leaves it alone until it is on disk */
	struct hlist_node v_hash;	/* [vnode_lock] VNF_HASHED only */
	struct list_head v_sblink;	/* [vnode_lock] superblock.sb_vnodes */
	struct list_head v_lru;		/* [vnode_lock] unused */
	struct list_head v_dirtylink;	/* [vnode_lock] superblock.sb_dirty: has dirty pages */
	nsec_t v_dirtied;		/* [vnode_lock] since when */
	struct list_head v_dentries;	/* [dcache_lock] names of this vnode */
	void *v_data;			/* [I] file system's own; for a FIFO its pipe */
	void *v_pipe;			/* ipc/fifo.c, [i] */
	struct file_locks *v_locks;	/* [I] once set, under v_ilock: record locks and flock */
	struct watch *v_watches;	/* [inotify_lock] who is told what happens; see inotify.c */
};

/* v_flags */
#define VNF_SPARSE	0x01	/* [I] an absent page reads as zeros and need not be made */
#define VNF_DEAD		0x02	/* [v] a directory that rmdir or rename has removed */
#define VNF_HASHED	0x04	/* [I] vnode_find() finds it; kept while unused */
#define VNF_NEW		0x08	/* [vnode_lock] being read in by who made it */
#define VNF_MAGIC	0x10	/* [I] symbolic link that ft_jump resolves (procfs) */
#define VNF_ANON		0x20	/* [I] stands for the nameless open file in v_data */
#define VNF_LINKABLE	0x80	/* [i] O_TMPFILE: link(2) may give it its first name */
#define VNF_SEALABLE	0x100	/* [I] has seals (fcntl(2), F_ADD_SEALS) */

/* Attributes to change, for vo_setattr. */
#define ATTR_MODE	0x01
#define ATTR_UID	0x02
#define ATTR_GID	0x04
#define ATTR_SIZE	0x08
#define ATTR_ATIME	0x10
#define ATTR_MTIME	0x20
struct vattr {
	u32 va_valid;
	u32 va_mode;
	uid_t va_uid;
	gid_t va_gid;
	s64 va_size;
	struct vtime va_atime, va_mtime;
};

/* A stretch of a file and where it lies on the file system's device. */
struct blkrun {
	u64 br_sector;			/* 512-byte sector of the device; BLKRUN_HOLE */
	u64 br_bytes;			/* from the asked position on; a multiple of the block size */
	bool br_fresh;			/* allocated just now: not on disk yet, contents undefined */
};
#define BLKRUN_HOLE	(~0ul)

/*
 * dir is locked for writing by the caller (lookup, readdir: reading);
 * permission is checked before. name is not NUL-terminated. All may sleep. NULL
 * members: -EPERM (lookup: -ENOTDIR).
 */
struct vnode_ops {
	/* *out with a reference, or -ENOENT. */
	int (*vo_lookup)(struct vnode *dir, const char *name, size_t len, struct vnode **out);
	/*
	 * Any type: mode has S_IFMT; rdev for devices; target for symbolic
	 * links. name NULL: a file without a name, v_nlink 0 (O_TMPFILE).
	 */
	int (*vo_create)(struct vnode *dir, const char *name, size_t len, u32 mode,
			 u64 rdev, const char *target, struct vnode **out);
	int (*vo_link)(struct vnode *dir, const char *name, size_t len, struct vnode *vn);
	/* File or empty directory (-ENOTEMPTY); vn is locked, too. */
	int (*vo_unlink)(struct vnode *dir, const char *name, size_t len, struct vnode *vn);
	/*
	 * Replaces tvn if not NULL; with exchange swaps. All concerned are
	 * locked.
	 */
	int (*vo_rename)(struct vnode *sdir, const char *sname, size_t slen, struct vnode *svn,
			 struct vnode *tdir, const char *tname, size_t tlen, struct vnode *tvn,
			 bool exchange);
	/* Target into buf (size >= PATH_MAX), returns length. */
	ssize_t (*vo_readlink)(struct vnode *vn, char *buf, size_t size);
	/*
	 * Apply (already permitted and checked) changes; vn locked. NULL:
	 * generic, in-core only.
	 */
	int (*vo_setattr)(struct vnode *vn, const struct vattr *va);
	/* Refresh attributes before stat (procfs). NULL: they are current. */
	void (*vo_getattr)(struct vnode *vn);
	/*
	 * open(2) of this vnode: may replace f_ops/f_data (devices, FIFOs).
	 * NULL: nothing.
	 */
	int (*vo_open)(struct vnode *vn, struct file *f);
	/*
	 * No reference is left: free what v_data holds (and the file if v_nlink
	 * is 0).
	 */
	void (*vo_inactive)(struct vnode *vn);
	/*
	 * Regular files on a block device: the run that holds byte pos (a multiple of the block
	 * size), at most len bytes long. create: allocate what is missing, in the running
	 * transaction; -ENOSPC, -EDQUOT, -EIO, -EFBIG. No lock of pages held. fs/pageio.c
	 * reads and writes pages through this.
	 */
	int (*vo_bmap)(struct vnode *vn, u64 pos, u64 len, bool create, struct blkrun *run);
	/*
	 * fsync(2), fdatasync(2): the data pages have been written, and waited for. Write what else
	 * it takes to find them again, and have the disk put all of it on the medium. No lock held.
	 * NULL: there is nothing to do.
	 */
	int (*vo_fsync)(struct vnode *vn, bool datasync);
	/*
	 * fallocate(2) of a regular file for bytes [off, end): mode 0 or KEEP_SIZE: there will be
	 * space for them; PUNCH_HOLE or ZERO_RANGE: they read as zeros, and a hole's space is
	 * free. v_lock is held for writing, limits are checked; the caller sets size and times.
	 * A mode that is not there: -EOPNOTSUPP. NULL: no mode is.
	 */
	int (*vo_fallocate)(struct vnode *vn, int mode, s64 off, s64 end);
	/*
	 * First byte from off (0 <= off < v_size) on that is data, or a hole; v_size where there
	 * is none. v_lock is held shared. NULL: all is data.
	 */
	s64 (*vo_seek_data)(struct vnode *vn, s64 off, bool hole);
};

void vnode_cache_init(void);
/*
 * Vnode ino of sb for file systems that number their files: found, or made as
 * NEW (*fresh is true; fill it in, then vnode_ready() or vnode_fail()). Waits
 * while somebody else reads it in. -ENOMEM, -EIO when that failed.
 */
int vnode_find(struct superblock *sb, u64 ino, struct vnode **out, bool *fresh);
void vnode_ready(struct vnode *vn);
void vnode_fail(struct vnode *vn);
/* Does somebody map a file of sb? */
bool vnode_sb_mapped(struct superblock *sb);
/*
 * No mount shows sb any more: free its unused vnodes, and sb itself once all
 * are gone.
 */
void vnode_sb_end(struct superblock *sb);
/*
 * Free unused (CACHED) vnodes of sb, or of all file systems if NULL; returns
 * pages freed.
 */
unsigned long vnode_shrink(struct superblock *sb, unsigned long max);
/* fn for the object of each vnode of sb that has one, until fn says true; whether it did. */
bool vnode_any_object(struct superblock *sb, bool (*fn)(struct vm_object *vo));
/* vp_dirtied of pagers: the flusher will find vn. */
void vnode_dirtied(struct vnode *vn);
/* A vnode of sb that has been dirty since before, off the list of such, with a reference; NULL. */
struct vnode *vnode_next_dirty(struct superblock *sb, nsec_t before);
/* vp_release of every pager whose object is a vnode's. */
void vnode_object_release(struct vm_object *vo);
/* vp_ident of such pagers. */
void vnode_object_ident(struct vm_object *vo, u64 *dev, u64 *ino);
int vnode_alloc(struct superblock *sb, u64 ino, u32 mode, struct vnode **out);	/* NEW, ref 1 */
struct vnode *vnode_get(struct vnode *vn);
/*
 * A reference to a VNF_HASHED vnode that may have none: false when it is about to end. Its file
 * system sees to it that it is not freed meanwhile.
 */
bool vnode_try_get(struct vnode *vn);
void vnode_put(struct vnode *vn);
/* Default attribute changes on the in-core vnode. */
void vnode_setattr_generic(struct vnode *vn, const struct vattr *va);
/*
 * Owner, group and setgid bit of a new file, by the current process and the
 * directory it is made in.
 */
void vnode_init_owner(struct vnode *vn, const struct vnode *dir);
/*
 * Apply changes that are permitted: vo_setattr or the generic one. v_lock held
 * for writing.
 */
int vnode_setattr(struct vnode *vn, const struct vattr *va);
/*
 * Set the size of a regular file; set-id bits go unless the caller is
 * privileged. No lock held. -EFBIG, -EIO, -EPERM (sealed).
 */
int vnode_truncate(struct vnode *vn, s64 size);
/*
 * A write or truncate by an unprivileged process takes the set-id bits away.
 * v_lock held for writing.
 */
void vnode_drop_setid(struct vnode *vn);
/* May cred do mask (MAY_*) with vn? 0 or -EACCES. */
#define MAY_EXEC	1
#define MAY_WRITE	2
#define MAY_READ	4
int vnode_permission(struct vnode *vn, int mask, const struct cred *cr);
void vnode_touch(struct vnode *vn, bool atime, bool mtime, bool ctime);
/*
 * Text busy accounting: deny writers (exec) / get write access (open).
 * -ETXTBSY.
 */
int vnode_deny_write(struct vnode *vn);
void vnode_allow_write(struct vnode *vn);
int vnode_get_write(struct vnode *vn);
void vnode_put_write(struct vnode *vn);
void vnode_stat(struct vnode *vn, struct stat *st);
/* May cred change attributes that only the owner may? */
bool vnode_owner(const struct vnode *vn, const struct cred *cr);
/* atime after a read, as mount flags and relatime say. */
struct mount;
void vnode_accessed(struct vnode *vn, const struct mount *mnt);
void vtime_now(struct vtime *t);
static inline bool vnode_is_dir(const struct vnode *vn) { return S_ISDIR(vn->v_mode); }
static inline bool vnode_is_reg(const struct vnode *vn) { return S_ISREG(vn->v_mode); }

/* A line of /proc/vnodes. */
struct vnode_line {
	u64 ino, pages;
	s64 size;
	u32 mode, nlink;
	uid_t uid;
	gid_t gid;
	int ref, writers;
};
/* Up to n vnodes of sb from position *pos on; advances it. */
unsigned int vnode_list(struct superblock *sb, unsigned long *pos,
			struct vnode_line *lines, unsigned int n);

/* open(2) of a FIFO; ipc/fifo.c sets it. Contract of vo_open. */
extern int (*fifo_open_hook)(struct vnode *vn, struct file *f);
/*
 * open(2) of a pipe without a name, through /proc/PID/fd/N: *out is a new open
 * file of the pipe behind old, with the ends that flags ask for. 0, -ENFILE,
 * -ENOMEM. ipc/sys_pipe.c sets it.
 */
extern int (*pipe_reopen_hook)(struct file *old, u32 flags, struct file **out);
/*
 * The last reference to a FIFO's vnode is gone and v_pipe is set; ipc/fifo.c
 * sets it.
 */
extern void (*fifo_free_hook)(struct vnode *vn);

#endif
