/* SPDX-License-Identifier: MIT */
/*
 * What the files of fs/ext2 share. mount.c has the overview.
 *
 * Legend: [I] immutable, [a] atomic, [A] fs_alloc_lock, [d] fs_dirty_lock,
 * [m] ei_map_lock, [v] v_lock of the vnode; fields of the super block's and
 * other buffers: fs_alloc_lock and journal_access().
 */
#ifndef FS_EXT2_EXT2_H
#define FS_EXT2_EXT2_H

#include <atomic.h>
#include <list.h>
#include "fs/bufcache.h"
#include "fs/ext2/ext2_fs.h"
#include "fs/ext2/journal.h"
#include "fs/vnode.h"
#include "kernel/core/mutex.h"

struct dirindex;
struct statfs;
struct superblock;

struct ext2 {
	struct superblock *fs_sb;	/* [I] */
	struct blkdev *fs_dev;		/* [I] */
	struct journal *fs_journal;	/* [I] NULL: plain ext2 */
	struct buf *fs_super_buf;	/* [I] */
	struct ext2_super *fs_super;	/* [I] in fs_super_buf */
	struct buf **fs_group_bufs;	/* [I] group descriptors */
	u32 fs_bsize, fs_bits;		/* [I] block size, and its logarithm */
	u32 fs_nblocks, fs_ninodes, fs_first_block, fs_ngroups;	/* [I] */
	u32 fs_inode_size, fs_first_ino;	/* [I] */
	u32 fs_ptrs;			/* [I] block numbers in an indirect block */
	s64 fs_max_size;		/* [I] of a file */
	bool fs_has_types;		/* [I] directory entries tell the file's type */
	u16 fs_on_error;		/* EXT2_ERRORS_*; changes with mount and remount only */
	bool fs_writable;		/* mounted for writing; changes with mount and remount only */
	bool fs_stopped;		/* set once: no more changes after an error */
	atomic_t fs_errors;		/* [a] inconsistencies found */
	atomic_t fs_generation;		/* [a] of the next new inode */

	struct mutex fs_alloc_lock;	/* bitmaps, counts, group choice, orphans */
	u32 fs_free_blocks, fs_free_inodes;	/* [A] */
	/*
	 * [A] by group: blocks freed in the running transaction [0] and in the
	 * one being committed [1]. NULL: none.
	 */
	u64 **fs_pending[2];
	u32 fs_npending[2];		/* [A] */
	u64 *fs_scratch;		/* [A] a bitmap's worth */
	struct list_head fs_orphans;	/* [A] ei_orphan, newest first, as on disk */

	struct spinlock fs_dirty_lock;
	struct list_head fs_joined;	/* [d] ei_dirty: part of the running transaction */
	struct list_head fs_lazy;	/* [d] ei_dirty: only times or the size have changed */
	struct list_head fs_ordered;	/* [j_commit_lock] ei_ordered, referenced: data goes first */
	struct list_head fs_written;	/* [d] ei_ordered, referenced: written, to be let go */
};

/* ei_state */
#define EI_JOINED	0x01		/* [d] on fs_joined */
#define EI_LAZY		0x02		/* [d] on fs_lazy */
#define EI_ORDERED	0x04		/* [d] its data belongs to the running transaction */

/* What v_data of a vnode points at. */
struct einode {
	struct vnode *ei_vnode;		/* [I] */
	struct buf *ei_buf;		/* [I] where it lies on disk; reference */
	u32 ei_offset;			/* [I] in there */
	u32 ei_state;
	struct list_head ei_dirty;	/* [d] */
	struct list_head ei_ordered;	/* [d] fs_ordered or fs_written */
	struct list_head ei_orphan;	/* [A] */
	u32 ei_next_orphan;		/* [A] inode number, as on disk */
	struct mutex ei_map_lock;	/* the map from file to disk */
	u32 ei_block[EXT2_NBLOCKS];	/* [m] */
	u32 ei_last_lblock, ei_last_block;	/* [m] allocated last: where to go on */
	s64 ei_alloc_end;		/* [m] end of the last block that was allocated */
	u32 ei_flags;			/* [v] EXT2_FL_* */
	u32 ei_generation;		/* [I] */
	u32 ei_file_acl;		/* [I] */
	u32 ei_tid;			/* [d] transaction of the last change */
	struct dirindex *ei_index;	/* [v] names of a large directory; NULL: not made */
	u32 ei_room;			/* [v] directory: no room for a name before this block */
};

static inline struct ext2 *ext2_of(const struct vnode *vn);
static inline struct einode *einode_of(const struct vnode *vn) { return vn->v_data; }

/* Where it lies on disk. */
static inline struct ext2_inode *einode_raw(const struct einode *ei)
{
	return (struct ext2_inode *)(ei->ei_buf->b_data + ei->ei_offset);
}

/* mount.c */
void ext2_init(void);

/* super.c */
/* Something on disk is not as it must be: says so, counts it. Returns -EUCLEAN. */
int ext2_error(struct ext2 *fs, const char *fmt, ...) __printf(2, 3);
void ext2_make_readonly(struct ext2 *fs);
/* Its numbers fit together, or -EINVAL. */
int ext2_super_check(const struct ext2 *fs, const struct ext2_super *s);
int ext2_super_read(struct ext2 *fs);
int ext2_super_write(struct ext2 *fs);
/* No feature forbids it. */
bool ext2_super_may_write(const struct ext2 *fs);
int ext2_groups_read(struct ext2 *fs);
void ext2_groups_put(struct ext2 *fs);
/* Say on disk that the file system is being written to; that all is at home. */
int ext2_begin_writing(struct ext2 *fs);
void ext2_end_writing(struct ext2 *fs);
int ext2_statfs(struct superblock *sb, struct statfs *st);

/* commit.c */
extern const struct journal_ops ext2_journal_ops;
/* A handle; end with journal_stop(). -EROFS, -EIO, -ENOMEM. */
int ext2_begin(struct ext2 *fs, u32 credits, struct handle *h);
/* Around the change of a buffer: before it, and (done with the change) after it. */
int ext2_access(struct handle *h, struct buf *b);
void ext2_dirty(struct handle *h, struct buf *b);
/* Space that the running transaction has freed: worth a commit and another try? */
bool ext2_retry_space(struct ext2 *fs, int err, int *tries);
int ext2_sync(struct superblock *sb, bool wait);

/* Buffers that a handle can need for: mapping blocks; a name and what it names. */
#define CREDITS_MAP	18
#define CREDITS_NAME	36
#define CREDITS_TRUNCATE 24

/* inode.c */
/* Times in inodes of 128 bytes, and in larger ones. */
extern const struct vtime_range ext2_times_narrow, ext2_times_wide;
int ext2_iget(struct superblock *sb, u32 ino, struct vnode **out);
/* The same for the orphan list: no link is needed. */
int ext2_iget_orphan(struct superblock *sb, u32 ino, struct vnode **out);
/* Fill in a NEW vnode for a new file in dir; joined. */
int ext2_inode_fill(struct handle *h, struct vnode *dir, struct vnode *vn, u32 mode, u64 rdev);
/*
 * vn has changed, or will in this handle: it is written with the transaction.
 * ordered: so is its data, first. -ENOMEM.
 */
int ext2_join(struct handle *h, struct vnode *vn, bool ordered);
/* Times or size have changed, outside of a handle. Any context that may take spin locks. */
void ext2_inode_touched(struct vnode *vn);
void ext2_inode_store(struct einode *ei);
/* The vnode ends: off the lists; and then with all of it. */
void ext2_inode_unlist(struct ext2 *fs, struct einode *ei);
void einode_free(struct einode *ei);
int ext2_setattr(struct vnode *vn, const struct vattr *va);
/* vn's attributes on disk: joined and committed, or written. */
int ext2_fsync(struct vnode *vn, bool datasync);

/* lifetime.c */
/* A file without a link, in dir's group or near it. */
int ext2_inode_new(struct handle *h, struct vnode *dir, u32 mode, u64 rdev, struct vnode **out);
void ext2_inactive(struct vnode *vn);

/* orphan.c */
int ext2_orphan_add(struct handle *h, struct vnode *vn);
int ext2_orphan_del(struct handle *h, struct vnode *vn);
int ext2_orphans_recover(struct ext2 *fs);

/* bmap.c */
int ext2_bmap(struct vnode *vn, u64 pos, u64 len, bool create, struct blkrun *run);
/* Block of a directory or symbolic link; *block 0: a hole. */
int ext2_map_block(struct vnode *vn, u32 lblock, u32 *block);
/* Allocate it if there is none. *fresh: was allocated now. */
int ext2_make_block(struct handle *h, struct vnode *vn, u32 lblock, u32 *block, bool *fresh);
/* Levels of indirection, and the index at each; -EFBIG. */
int ext2_block_path(const struct ext2 *fs, u64 lblock, u32 index[4]);

/* truncate.c */
/* vn gets this size (v_lock held for writing); no handle open. */
int ext2_truncate(struct vnode *vn, s64 size);
/* Free all blocks from size on, in handles of its own. */
int ext2_free_from(struct vnode *vn, s64 size);
/* Logical blocks [from, to) of a regular file, whose pages may be in memory; v_lock held. */
int ext2_free_hole(struct vnode *vn, u64 from, u64 to);

/* space.c */
s64 ext2_seek_data(struct vnode *vn, s64 off, bool hole);
int ext2_fallocate(struct vnode *vn, int mode, s64 off, s64 end);

/* alloc.c */
struct ext2_group *ext2_group(struct ext2 *fs, u32 group, struct buf **b);
bool ext2_block_ok(const struct ext2 *fs, u32 block, u32 n);
/* Up to *n blocks in one stretch, at goal if it is free. *n: how many. -ENOSPC. */
int ext2_alloc_blocks(struct handle *h, struct ext2 *fs, u32 goal, u32 *n, u32 *block);
/* n blocks of one group. */
int ext2_free_blocks(struct handle *h, struct ext2 *fs, u32 block, u32 n);
int ext2_alloc_inode(struct handle *h, const struct vnode *dir, u32 mode, u32 *ino);
int ext2_free_inode(struct handle *h, struct ext2 *fs, u32 ino, bool is_dir);
/* Where an inode lies. */
int ext2_inode_place(struct ext2 *fs, u32 ino, u32 *block, u32 *offset);
void ext2_pending_switch(struct ext2 *fs);
void ext2_pending_release(struct ext2 *fs);

/* dir.c: a name in a directory, and where it stands. */
struct dirslot {
	struct buf *ds_buf;		/* reference */
	u32 ds_lblock;
	u32 ds_offset, ds_prev;		/* of the entry, and the one before; ds_prev == ds_offset: none */
};
static inline struct ext2_dirent *dirslot_entry(const struct dirslot *ds)
{
	return (struct ext2_dirent *)(ds->ds_buf->b_data + ds->ds_offset);
}
/* 0 with *ds, -ENOENT, -EUCLEAN, -EIO. */
int ext2_dir_find(struct vnode *dir, const char *name, size_t len, struct dirslot *ds);
int ext2_dir_add(struct handle *h, struct vnode *dir, const char *name, size_t len,
		 const struct vnode *vn);
int ext2_dir_remove(struct handle *h, struct vnode *dir, const struct dirslot *ds);
int ext2_dir_set(struct handle *h, struct dirslot *ds, const struct vnode *vn);
int ext2_dir_make(struct handle *h, struct vnode *dir, const struct vnode *parent);
/* 0, -ENOTEMPTY, -EUCLEAN, -EIO. */
int ext2_dir_check_empty(struct vnode *dir);
int ext2_readdir(struct file *f, struct dir_sink *sink);
/* Block lblock, checked; *b NULL: a hole. */
int ext2_dir_block(struct vnode *dir, u32 lblock, struct buf **b);

/* dirindex.c */
void dirindex_free(struct vnode *dir);
/* 0: not there; 1: *ds; -EAGAIN: there is no index; -errno. */
int dirindex_find(struct vnode *dir, const char *name, size_t len, struct dirslot *ds);
void dirindex_add(struct vnode *dir, const char *name, size_t len, u32 lblock);
int ext2_dir_scan(struct vnode *dir, u32 lblock, const char *name, size_t len,
		  struct dirslot *ds);

/* namei.c */
extern const struct vnode_ops ext2_dir_vops, ext2_file_vops;
extern const struct file_ops ext2_dir_fops;

#include "fs/mount.h"

static inline struct ext2 *ext2_of(const struct vnode *vn)
{
	return vn->v_sb->sb_data;
}

#endif
