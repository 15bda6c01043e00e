/* SPDX-License-Identifier: MIT */
/*
 * File system types, super blocks, and the mount table.
 *
 * A super block is one instance of a file system; a mount makes its tree
 * visible at a place in another one. Several mounts may show the same super
 * block (ft_single).
 *
 * Legend: [I] immutable, [a] atomic, [m] mount_lock (mutex) and mount_hash_lock
 * (spin) both for writing, either for reading.
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include <abi/mount.h>
#include <abi/statfs.h>
#include <atomic.h>
#include <list.h>
#include <types.h>
#include "fs/file.h"

struct blkdev;
struct superblock;

struct fs_type {
	const char *ft_name;
	/*
	 * New super block with its root vnode set. source: device name or NULL;
	 * data: options.
	 */
	int (*ft_mount)(struct superblock *sb, const char *source, const char *data);
	/* All vnodes are gone. NULL: nothing to do. */
	void (*ft_unmount)(struct superblock *sb);
	int (*ft_statfs)(struct superblock *sb, struct statfs *st);
	int (*ft_sync)(struct superblock *sb, bool wait);	/* NULL: nothing to write */
	/*
	 * Options change, or MS_RDONLY comes or goes: flags are the new sb_flags; with MS_RDONLY
	 * all is synced and nobody has a file open for writing. data may be NULL. 0 or -errno,
	 * then all stays as it was. NULL: there is nothing to do.
	 */
	int (*ft_remount)(struct superblock *sb, unsigned long flags, const char *data);
	/*
	 * Times or size of vn have changed. Any context that may take spin locks. NULL: nothing
	 * to be done about it.
	 */
	void (*ft_touched)(struct vnode *vn);
	/* Where a VNF_MAGIC link leads; *out gets references. 0 or -errno. */
	int (*ft_jump)(struct vnode *vn, struct path *out);
	/* Options for /proc/mounts, with a leading comma; NULL: none. */
	void (*ft_show)(struct superblock *sb, char *buf, size_t size);
	bool ft_single;			/* one instance for all mounts (proc, dev) */
	/* Names live in dentries only: never reclaim them (tmpfs) */
	bool ft_pin_names;
	bool ft_no_names;		/* do not cache names: vo_lookup answers each time (proc) */
	bool ft_needs_dev;		/* source is a device: no "nodev" in /proc/filesystems */
	struct superblock *ft_sb;	/* [m] the instance of an ft_single type */
	struct list_head ft_link;
};

struct superblock {
	struct fs_type *sb_type;	/* [I] */
	u64 sb_dev;			/* [I] st_dev */
	u32 sb_magic;			/* [I] statfs f_type */
	unsigned long sb_flags;		/* [m] MS_* */
	struct vnode *sb_root;		/* [I] reference */
	struct dentry *sb_droot;	/* [I] its name; reference */
	struct list_head sb_vnodes;	/* [vnode_lock] all */
	struct list_head sb_dirty;	/* [vnode_lock] those with dirty pages, oldest first */
	struct list_head sb_link;	/* [m] all super blocks */
	struct blkdev *sb_bdev;		/* [I] where files' pages lie; NULL: on no block device */
	const struct vtime_range *sb_times;	/* [I] of its inodes; NULL: all */
	void *sb_data;			/* [I] file system's own */
	atomic_t sb_active;		/* [a] mounts, and the kernel itself */
	bool sb_dying;			/* [vnode_lock] no mount any more; the last vnode ends it */
};

struct mount {
	atomic_t mnt_ref;		/* [a] paths, child mounts, the mount table */
	struct superblock *mnt_sb;	/* [I] */
	struct dentry *mnt_root;	/* [I] reference */
	struct mount *mnt_parent;	/* [m] reference; NULL: root, or detached */
	struct dentry *mnt_point;	/* [m] reference; place in mnt_parent */
	unsigned long mnt_flags;	/* [m] MS_RDONLY, NOSUID, NODEV, NOEXEC, NOATIME ... */
	unsigned int mnt_id;		/* [I] */
	char *mnt_source;		/* [I] for /proc/mounts */
	bool mnt_expire;		/* marked by MNT_EXPIRE, no path has been here since */
	struct hlist_node mnt_hash;	/* [m] by parent and mount point */
	struct list_head mnt_link;	/* [m] all, in the order they were made */
	struct list_head mnt_children;	/* [m] */
	struct list_head mnt_sibling;	/* [m] */
};

void fs_type_register(struct fs_type *ft);
struct fs_type *fs_type_next(struct fs_type *prev);	/* NULL: first */
/* First mount of all, at boot: becomes "/". */
int mount_root(const char *type, const char *source, const char *data);
/* mount(2), by kernel strings. */
int mount_at(const char *type, const char *source, const char *where,
	     unsigned long flags, const char *data);
/*
 * A mount that is nowhere in the tree, for files that the kernel makes itself.
 */
int mount_internal(const char *type, struct mount **out);

void mount_init(void);
/*
 * mount(2)'s other forms and umount2(2), for sys_mount.c. Paths' references
 * stay the caller's.
 */
int mount_new(const char *type, const char *source, struct path *where,
	      unsigned long flags, const char *data);
int mount_bind(struct path *from, struct path *where, bool recursive);
int mount_move(struct path *from, struct path *where);
int mount_remount(struct path *p, unsigned long flags, const char *data);
int mount_umount(struct path *p, int flags);
/* vnode.c -> mount.c: the last vnode of a dying super block is gone. */
void superblock_free(struct superblock *sb);
void fs_sync_all(bool wait);
/* fn for each super block; the mount table cannot lose one meanwhile. */
void superblock_for_each(void (*fn)(struct superblock *sb, void *arg), void *arg);
/* Some mount that shows sb, with a reference, or NULL. */
struct mount *mount_of(struct superblock *sb);
/* Show all super blocks: for the vnodes report. */
struct superblock *superblock_next(struct superblock *prev);
static inline struct mount *mount_get(struct mount *m)
{
	atomic_inc(&m->mnt_ref);
	return m;
}
void mount_put(struct mount *m);
/* The same without counting as use in the sense of MNT_EXPIRE. */
void mount_put_unused(struct mount *m);
extern struct mount *root_mount;	/* [I] once set */
/*
 * If something is mounted on *p, go to its root (repeatedly). Swaps references.
 */
void mount_cross_down(struct path *p);
/*
 * From the root of a mount to its mount point; false at the top. Swaps
 * references.
 */
bool mount_cross_up(struct path *p);
/* -EROFS when nothing may be written through this mount. */
int mount_check_write(const struct mount *m);
/* Lines of /proc/PID/mounts as seen from root; long_form: of /proc/PID/mountinfo. */
struct statbuf;
void mount_show(struct statbuf *sb, const struct path *root, bool long_form);
void mount_statfs_flags(const struct mount *m, struct statfs *st);

#endif
