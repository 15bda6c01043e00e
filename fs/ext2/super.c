/* SPDX-License-Identifier: MIT */
/*
 * ext2, and ext2 with the journal of ext3. This file: mount, unmount, sync,
 * errors; and what the file system does when the journal commits.
 *
 *	namei.c  dir.c  dirindex.c     names
 *	inode.c  orphan.c              files, from and to disk
 *	bmap.c   truncate.c            where their blocks are
 *	alloc.c                        which blocks and inodes are free
 *	journal*.c                     all or nothing
 *
 * All metadata is read and written through buffers; each change is bracketed by
 * ext2_access() and ext2_dirty(). With a journal, ext2_begin() opens a
 * transaction's handle, the former makes the buffer part of it, and the latter
 * does nothing; without one it is the other way round.
 *
 * An image says what it likes; whatever is found wrong goes through ext2_error(),
 * which counts, marks the file system as having errors, and makes it read-only if
 * the super block wants that (errors=remount-ro, or panic).
 *
 * Locks, from the outside in: v_lock, then the handle (journal.c), ei_map_lock,
 * fs_alloc_lock, fs_dirty_lock (spin). Page locks are never waited for inside of
 * the last three.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/dcache.h"
#include "fs/ext2/ext2.h"
#include "fs/namei.h"
#include "fs/pageio.h"
#include "fs/writeback.h"
#include "kernel/core/printk.h"
#include "kernel/core/timer.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define SPACE_TRIES	3
#define KNOWN_INCOMPAT	(EXT2_INCOMPAT_FILETYPE | EXT2_INCOMPAT_RECOVER)
#define KNOWN_RO	(EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE)

/* ---- errors ------------------------------------------------------------------- */

static void make_readonly(struct ext2 *fs)
{
	WRITE_ONCE(fs->fs_stopped, true);
	__atomic_fetch_or(&fs->fs_sb->sb_flags, (unsigned long)MS_RDONLY, __ATOMIC_RELAXED);
}

int ext2_error(struct ext2 *fs, const char *fmt, ...)
{
	char text[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (atomic_inc_return(&fs->fs_errors) <= 20)
		printk(KERN_ERR "ext2 (%s): %s\n", fs->fs_dev->bd_name, text);
	if (fs->fs_super->s_errors >= EXT2_ERRORS_RO)
		make_readonly(fs);
	return -EUCLEAN;
}

/* ---- changes -------------------------------------------------------------------- */

int ext2_begin(struct ext2 *fs, u32 credits, struct handle *h)
{
	*h = (struct handle){ .h_credits = credits };
	if (!fs->fs_writable || READ_ONCE(fs->fs_stopped))
		return -EROFS;
	return journal_start(fs->fs_journal, credits, h);
}

int ext2_access(struct handle *h, struct buf *b)
{
	return journal_access(h, b);
}

void ext2_dirty(struct handle *h, struct buf *b)
{
	if (!h->h_journal)
		buf_dirty(b);
}

bool ext2_retry_space(struct ext2 *fs, int err, int *tries)
{
	if (err != -ENOSPC || !fs->fs_journal || (*tries)++ == SPACE_TRIES ||
	    !(READ_ONCE(fs->fs_npending[0]) + READ_ONCE(fs->fs_npending[1])))
		return false;
	return journal_commit(fs->fs_journal, journal_tid(fs->fs_journal), NULL) == 0;
}

/* ---- the journal's calls ----------------------------------------------------------- */

/*
 * A joined inode goes to its buffer. With the fs_dirty_lock.
 */
static void store_joined(struct ext2 *fs, struct einode *ei)
{
	struct vnode *vn = ei->ei_vnode;

	if (ei->ei_state & EI_ORDERED) {
		/* Still waiting for ext2_done(): it has its reference. */
		if (!list_empty(&ei->ei_ordered) || vnode_try_get(vn))
			list_move_tail(&ei->ei_ordered, &fs->fs_ordered);
	}
	ei->ei_state &= ~(u32)(EI_JOINED | EI_ORDERED);
	list_del(&ei->ei_dirty);
	ext2_inode_store(ei);
	vn->v_unsaved = !list_empty(&ei->ei_orphan) && vn->v_nlink;
}

/*
 * Blocks beyond the size that the super block's transaction allocated. No handle
 * is open, so nobody else looks at the orphan list; the super block is part of
 * this transaction, because blocks were allocated in it.
 */
static void orphan_if_past_end(struct ext2 *fs, struct einode *ei)
{
	struct vnode *vn = ei->ei_vnode;
	s64 end = (s64)round_up((u64)vn->v_size, (u64)fs->fs_bsize);

	if (!vnode_is_reg(vn) || ei->ei_alloc_end <= end || !list_empty(&ei->ei_orphan))
		return;
	ei->ei_next_orphan = fs->fs_super->s_last_orphan;
	fs->fs_super->s_last_orphan = (u32)vn->v_ino;
	list_add(&ei->ei_orphan, &fs->fs_orphans);
}

static void ext2_freeze(void *p)
{
	struct ext2 *fs = p;

	ext2_pending_switch(fs);
	spin_lock(&fs->fs_dirty_lock);
	while (!list_empty(&fs->fs_joined)) {
		struct einode *ei = list_first_entry(&fs->fs_joined, struct einode, ei_dirty);

		orphan_if_past_end(fs, ei);
		store_joined(fs, ei);
	}
	spin_unlock(&fs->fs_dirty_lock);
}

static void ext2_data(void *p)
{
	struct ext2 *fs = p;
	struct einode *ei;

	/* New ones come with the next freeze only; ext2_done() takes from fs_written. */
	while ((ei = list_first_entry_or_null(&fs->fs_ordered, struct einode, ei_ordered))) {
		if (vnode_write_data(ei->ei_vnode))
			printk(KERN_WARN "ext2 (%s): data of inode %lu is lost\n",
			       fs->fs_dev->bd_name, ei->ei_vnode->v_ino);
		spin_lock(&fs->fs_dirty_lock);
		list_move_tail(&ei->ei_ordered, &fs->fs_written);
		spin_unlock(&fs->fs_dirty_lock);
	}
}

static void ext2_committed(void *p, bool failed)
{
	if (!failed)
		ext2_pending_release(p);
}

/* No lock of the journal is held: files may end here. */
static void ext2_done(void *p)
{
	struct ext2 *fs = p;

	for (;;) {
		struct einode *ei;

		spin_lock(&fs->fs_dirty_lock);
		ei = list_first_entry_or_null(&fs->fs_written, struct einode, ei_ordered);
		if (ei)
			list_del(&ei->ei_ordered);
		spin_unlock(&fs->fs_dirty_lock);
		if (!ei)
			return;
		vnode_put(ei->ei_vnode);
	}
}

static void ext2_abort(void *p, int err)
{
	struct ext2 *fs = p;

	printk(KERN_ERR "ext2 (%s): error %d, read-only from now on\n",
	       fs->fs_dev->bd_name, err);
	make_readonly(fs);
}

static const struct journal_ops ext2_journal_ops = {
	.jo_freeze = ext2_freeze,
	.jo_data = ext2_data,
	.jo_committed = ext2_committed,
	.jo_done = ext2_done,
	.jo_abort = ext2_abort,
};

/* ---- sync ------------------------------------------------------------------------------ */

/* A vnode on fs_lazy that is not about to end, with a reference. */
static struct vnode *lazy_get(struct ext2 *fs)
{
	struct einode *ei;
	struct vnode *found = NULL;

	spin_lock(&fs->fs_dirty_lock);
	list_for_each_entry(ei, &fs->fs_lazy, ei_dirty) {
		if (vnode_try_get(ei->ei_vnode)) {
			found = ei->ei_vnode;
			break;
		}
	}
	spin_unlock(&fs->fs_dirty_lock);
	return found;
}

/* Inodes that changed outside of handles join the transaction. */
static int flush_lazy(struct ext2 *fs)
{
	struct vnode *vn;
	int err = 0;

	while (!err && (vn = lazy_get(fs))) {
		struct einode *ei = einode_of(vn);
		s64 end = (s64)round_up((u64)vn->v_size, (u64)fs->fs_bsize);
		struct handle h;

		err = ext2_begin(fs, CREDITS_MAP, &h);
		if (!err) {
			err = ext2_join(&h, vn, true);
			/* The write that was under way at a freeze is through. */
			if (!err && vn->v_nlink && ei->ei_alloc_end <= end)
				err = ext2_orphan_del(&h, vn);
			journal_stop(&h);
		}
		vnode_put(vn);
	}
	return err;
}

/* Without a journal: joined inodes to their buffers. */
static void store_all(struct ext2 *fs)
{
	spin_lock(&fs->fs_dirty_lock);
	while (!list_empty(&fs->fs_joined)) {
		struct einode *ei = list_first_entry(&fs->fs_joined, struct einode, ei_dirty);

		list_del(&ei->ei_dirty);
		ei->ei_state &= ~(u32)(EI_JOINED | EI_ORDERED);
		ext2_inode_store(ei);
		ei->ei_vnode->v_unsaved = false;
		buf_dirty(ei->ei_buf);
	}
	spin_unlock(&fs->fs_dirty_lock);
}

/* ft_sync. */
int ext2_sync(struct superblock *sb, bool wait)
{
	struct ext2 *fs = sb->sb_data;
	int err;

	if (!fs->fs_writable)
		return 0;
	err = flush_lazy(fs);
	if (fs->fs_journal) {
		int e = journal_commit(fs->fs_journal, journal_tid(fs->fs_journal), NULL);

		return err ? err : e;
	}
	store_all(fs);
	if (!err && wait)
		err = buf_sync(fs->fs_dev);
	if (!err && wait)
		err = blk_flush(fs->fs_dev);
	return err;
}

/* ---- mount ------------------------------------------------------------------------------- */

/* The super block's numbers fit together, or -EINVAL. */
static int check_super(const struct ext2 *fs, const struct ext2_super *s)
{
	u32 bsize = 1024u << min(s->s_log_block_size, 3u), data, groups;

	if (s->s_magic != EXT2_SUPER_MAGIC || bsize > 4096 ||
	    s->s_first_data_block != (bsize == 1024) ||
	    !s->s_blocks_per_group || s->s_blocks_per_group > bsize * 8 ||
	    !s->s_inodes_per_group || s->s_inodes_per_group > bsize * 8 ||
	    s->s_blocks_count <= s->s_first_data_block ||
	    s->s_blocks_count > (fs->fs_dev->bd_sectors << SECTOR_SHIFT) / bsize)
		return -EINVAL;
	if (s->s_rev_level && (s->s_inode_size < 128 || s->s_inode_size > bsize ||
			       !IS_POWER_OF_2(s->s_inode_size) || !s->s_first_ino ||
			       s->s_first_ino > s->s_inodes_count))
		return -EINVAL;
	data = s->s_blocks_count - s->s_first_data_block;
	groups = DIV_ROUND_UP(data, s->s_blocks_per_group);
	if ((u64)groups * s->s_inodes_per_group != s->s_inodes_count)
		return -EINVAL;
	return 0;
}

static int check_features(struct ext2 *fs, const struct ext2_super *s)
{
	if (!s->s_rev_level)
		return 0;
	if (s->s_feature_incompat & ~KNOWN_INCOMPAT) {
		printk(KERN_ERR "ext2 (%s): unknown features %x\n", fs->fs_dev->bd_name,
		       s->s_feature_incompat & ~KNOWN_INCOMPAT);
		return -EINVAL;
	}
	if ((s->s_feature_ro_compat & ~KNOWN_RO) && !(fs->fs_sb->sb_flags & MS_RDONLY)) {
		printk(KERN_WARN "ext2 (%s): read-only for features %x\n", fs->fs_dev->bd_name,
		       s->s_feature_ro_compat & ~KNOWN_RO);
		make_readonly(fs);
	}
	return 0;
}

/* Indirect blocks reach so far, and i_blocks counts so much. */
static s64 max_size(const struct ext2 *fs)
{
	u64 n = fs->fs_ptrs, blocks = EXT2_NDIR + n + n * n + n * n * n;
	u64 meta = 1 + n + 2 + n * n;
	u64 countable = (1ul << 32) / (fs->fs_bsize / 512);

	return (s64)(min(blocks, countable - meta) << fs->fs_bits);
}

static int read_super(struct ext2 *fs)
{
	struct ext2_super *s;
	struct buf *b;
	int err = buf_read(fs->fs_dev, 1, 1024, &b);

	if (err)
		return err;
	s = (struct ext2_super *)b->b_data;
	err = check_super(fs, s);
	if (!err)
		err = check_features(fs, s);
	fs->fs_bits = err ? 0 : 10 + s->s_log_block_size;
	buf_put(b);
	if (err)
		return err;
	/* The same block in the size that everything has from now on. */
	fs->fs_bsize = 1u << fs->fs_bits;
	err = buf_read(fs->fs_dev, EXT2_SUPER_OFFSET >> fs->fs_bits, fs->fs_bsize,
		       &fs->fs_super_buf);
	if (err)
		return err;
	s = (struct ext2_super *)(fs->fs_super_buf->b_data + EXT2_SUPER_OFFSET % fs->fs_bsize);
	fs->fs_super = s;
	fs->fs_nblocks = s->s_blocks_count;
	fs->fs_ninodes = s->s_inodes_count;
	fs->fs_first_block = s->s_first_data_block;
	fs->fs_ngroups = DIV_ROUND_UP(fs->fs_nblocks - fs->fs_first_block,
				      s->s_blocks_per_group);
	fs->fs_inode_size = s->s_rev_level ? s->s_inode_size : EXT2_GOOD_OLD_INODE_SIZE;
	fs->fs_first_ino = s->s_rev_level ? s->s_first_ino : 11;
	fs->fs_ptrs = fs->fs_bsize / 4;
	fs->fs_has_types = s->s_rev_level && (s->s_feature_incompat & EXT2_INCOMPAT_FILETYPE);
	fs->fs_max_size = max_size(fs);
	return 0;
}

static int read_groups(struct ext2 *fs)
{
	u32 per_block = fs->fs_bsize / sizeof(struct ext2_group);
	u32 n = DIV_ROUND_UP(fs->fs_ngroups, per_block);
	u32 table = DIV_ROUND_UP(fs->fs_super->s_inodes_per_group * fs->fs_inode_size,
				 fs->fs_bsize);

	fs->fs_group_bufs = kzalloc(n * sizeof(struct buf *));
	fs->fs_pending[0] = kzalloc(fs->fs_ngroups * sizeof(u64 *));
	fs->fs_pending[1] = kzalloc(fs->fs_ngroups * sizeof(u64 *));
	fs->fs_scratch = kmalloc(fs->fs_bsize, ALLOC_WAIT);
	if (!fs->fs_group_bufs || !fs->fs_pending[0] || !fs->fs_pending[1] || !fs->fs_scratch)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		int err = buf_read(fs->fs_dev, (EXT2_SUPER_OFFSET >> fs->fs_bits) + 1 + i,
				   fs->fs_bsize, &fs->fs_group_bufs[i]);

		if (err)
			return err;
	}
	for (u32 i = 0; i < fs->fs_ngroups; i++) {
		struct buf *b;
		const struct ext2_group *g = ext2_group(fs, i, &b);

		if (!ext2_block_ok(fs, g->bg_block_bitmap, 1) ||
		    !ext2_block_ok(fs, g->bg_inode_bitmap, 1) ||
		    !ext2_block_ok(fs, g->bg_inode_table, table))
			return ext2_error(fs, "group %u lies nowhere", i);
		fs->fs_free_blocks += g->bg_free_blocks;
		fs->fs_free_inodes += g->bg_free_inodes;
	}
	return 0;
}

static void put_groups(struct ext2 *fs)
{
	u32 per_block = fs->fs_bsize / sizeof(struct ext2_group);

	for (u32 i = 0; fs->fs_group_bufs && i < DIV_ROUND_UP(fs->fs_ngroups, per_block); i++) {
		if (fs->fs_group_bufs[i])
			buf_put(fs->fs_group_bufs[i]);
	}
	for (u32 i = 0; i < fs->fs_ngroups; i++) {
		if (fs->fs_pending[0])
			kfree(fs->fs_pending[0][i]);
		if (fs->fs_pending[1])
			kfree(fs->fs_pending[1][i]);
	}
	kfree(fs->fs_group_bufs);
	kfree(fs->fs_pending[0]);
	kfree(fs->fs_pending[1]);
	kfree(fs->fs_scratch);
	fs->fs_group_bufs = NULL;
	fs->fs_pending[0] = fs->fs_pending[1] = NULL;
	fs->fs_scratch = NULL;
	fs->fs_free_blocks = fs->fs_free_inodes = 0;
}

/* The journal's file tells where the log lies. */
static int map_journal(struct ext2 *fs, u32 **out, u32 *len)
{
	struct vnode *vn;
	u32 n, *map;
	int err = ext2_iget(fs->fs_sb, fs->fs_super->s_journal_inum, &vn);

	if (err)
		return err;
	n = (u32)min((u64)vn->v_size >> fs->fs_bits, MIB(1) / sizeof(u32) - 1);
	map = kmalloc(max(n, 1u) * sizeof(u32), ALLOC_WAIT);
	err = !map ? -ENOMEM : vnode_is_reg(vn) && n ? 0 : -EUCLEAN;
	for (u32 i = 0; i < n && !err; i++) {
		err = ext2_map_block(vn, i, &map[i]);
		if (!err && !map[i])
			err = -EUCLEAN;
	}
	/* Nothing of it stays behind in the cache: replay may change it. */
	vnode_put(vn);
	(void)vnode_shrink(fs->fs_sb, ~0ul);
	if (err) {
		kfree(map);
		return err == -EUCLEAN ? ext2_error(fs, "no journal") : err;
	}
	*out = map;
	*len = n;
	return 0;
}

static bool has_journal(const struct ext2 *fs)
{
	return fs->fs_super->s_rev_level && fs->fs_super->s_journal_inum &&
	       (fs->fs_super->s_feature_compat & EXT2_COMPAT_JOURNAL);
}

/* Replays it where that is due; everything on disk may be new afterwards. */
static int open_journal(struct ext2 *fs)
{
	bool recover = fs->fs_super->s_feature_incompat & EXT2_INCOMPAT_RECOVER;
	u32 *map = NULL, len = 0;
	int err;

	if (!has_journal(fs))
		return recover ? -EINVAL : 0;
	/* Without anything to replay, reading alone needs no journal. */
	if (!recover && (fs->fs_sb->sb_flags & MS_RDONLY))
		return 0;
	err = map_journal(fs, &map, &len);
	if (err)
		return err;
	err = journal_open(fs->fs_dev, fs->fs_bsize, map, len, fs->fs_nblocks,
			   &ext2_journal_ops, fs, &fs->fs_journal);
	if (err || !recover)
		return err;
	put_groups(fs);
	if (check_super(fs, fs->fs_super))
		return ext2_error(fs, "super block from the journal");
	return read_groups(fs);
}

/* The first write: says on disk that we are at it. */
static int begin_writing(struct ext2 *fs)
{
	struct ext2_super *s = fs->fs_super;
	int err;

	if (!(s->s_state & EXT2_SUPER_STATE_CLEAN))
		printk(KERN_WARN "ext2 (%s): was not unmounted; e2fsck is due\n",
		       fs->fs_dev->bd_name);
	if (s->s_state & EXT2_SUPER_STATE_ERROR)
		printk(KERN_WARN "ext2 (%s): has errors; e2fsck is due\n", fs->fs_dev->bd_name);
	if (fs->fs_journal)
		s->s_feature_incompat |= EXT2_INCOMPAT_RECOVER;
	else
		s->s_state &= (u16)~EXT2_SUPER_STATE_CLEAN;
	s->s_feature_ro_compat |= s->s_rev_level ? EXT2_RO_LARGE_FILE : 0;
	s->s_mtime = s->s_wtime = (u32)(clock_realtime() / NSEC_PER_SEC);
	s->s_mnt_count++;
	buf_dirty(fs->fs_super_buf);
	err = buf_write(fs->fs_super_buf);
	if (!err)
		err = blk_flush(fs->fs_dev);
	/* A log that is not empty belongs to a file system that says so. */
	if (!err && fs->fs_journal)
		err = journal_begin_use(fs->fs_journal);
	if (err)
		return err;
	fs->fs_writable = true;
	return fs->fs_journal ? ext2_orphans_recover(fs) : 0;
}

/* All is at home: say so. */
static void end_writing(struct ext2 *fs)
{
	struct ext2_super *s = fs->fs_super;
	int err;

	fs->fs_writable = false;

	if (fs->fs_journal)
		err = journal_flush(fs->fs_journal);
	else
		err = buf_sync(fs->fs_dev);
	if (err || (fs->fs_journal && journal_aborted(fs->fs_journal))) {
		printk(KERN_ERR "ext2 (%s): not written completely (error %d)\n",
		       fs->fs_dev->bd_name, err);
		return;
	}
	s->s_feature_incompat &= ~(u32)EXT2_INCOMPAT_RECOVER;
	if (!fs->fs_journal)
		s->s_state |= EXT2_SUPER_STATE_CLEAN;
	if (atomic_read(&fs->fs_errors))
		s->s_state = (s->s_state & ~EXT2_SUPER_STATE_CLEAN) | EXT2_SUPER_STATE_ERROR;
	s->s_wtime = (u32)(clock_realtime() / NSEC_PER_SEC);
	buf_dirty(fs->fs_super_buf);
	(void)buf_write(fs->fs_super_buf);
	(void)blk_flush(fs->fs_dev);
}

static struct ext2 *fs_alloc(struct superblock *sb, struct blkdev *bd)
{
	struct ext2 *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	fs->fs_sb = sb;
	fs->fs_dev = bd;
	mutex_init(&fs->fs_alloc_lock, "ext2_alloc", RANK_FS_ALLOC);
	spin_lock_init(&fs->fs_dirty_lock, "ext2_dirty", RANK_JOURNAL_SPIN);
	list_init(&fs->fs_orphans);
	list_init(&fs->fs_joined);
	list_init(&fs->fs_lazy);
	list_init(&fs->fs_ordered);
	list_init(&fs->fs_written);
	return fs;
}

static void fs_free(struct ext2 *fs)
{
	if (fs->fs_journal)
		journal_close(fs->fs_journal);
	if (fs->fs_super_buf) {
		put_groups(fs);
		buf_put(fs->fs_super_buf);
	}
	buf_invalidate(fs->fs_dev);
	blkdev_release(fs->fs_dev, fs);
	kfree(fs);
}

static int mount_fs(struct ext2 *fs)
{
	int err = read_super(fs);

	if (!err)
		err = read_groups(fs);
	if (!err)
		err = open_journal(fs);
	if (!err && !(fs->fs_sb->sb_flags & MS_RDONLY) && fs->fs_dev->bd_readonly)
		make_readonly(fs);
	if (!err && !(fs->fs_sb->sb_flags & MS_RDONLY))
		err = begin_writing(fs);
	if (!err)
		err = ext2_iget(fs->fs_sb, EXT2_ROOT_INO, &fs->fs_sb->sb_root);
	if (!err && !vnode_is_dir(fs->fs_sb->sb_root)) {
		vnode_put(fs->fs_sb->sb_root);
		fs->fs_sb->sb_root = NULL;
		err = ext2_error(fs, "the root is no directory");
	}
	return err;
}

/* The device with this name: the kernel's own, or a path. */
static int blkdev_lookup(const char *source, struct blkdev **out)
{
	struct path p;
	struct vnode *vn;
	int err;

	*out = source ? blkdev_by_name(source) : NULL;
	if (*out || !source)
		return source ? 0 : -EINVAL;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	vn = p.dentry->d_vnode;
	if (S_ISBLK(vn->v_mode))
		*out = blkdev_by_dev(vn->v_rdev);
	err = *out ? 0 : S_ISBLK(vn->v_mode) ? -ENXIO : -ENOTBLK;
	path_put(&p);
	return err;
}

/* ft_mount. */
static int ext2_mount(struct superblock *sb, const char *source, const char *data)
{
	struct blkdev *bd;
	struct ext2 *fs;
	int err = blkdev_lookup(source, &bd);

	(void)data;
	if (err)
		return err;
	fs = fs_alloc(sb, bd);
	if (!fs)
		return -ENOMEM;
	err = blkdev_claim(bd, fs);
	if (err) {
		kfree(fs);
		return err;
	}
	sb->sb_data = fs;
	sb->sb_bdev = bd;
	sb->sb_dev = bd->bd_dev;
	sb->sb_magic = EXT2_SUPER_MAGIC;
	err = mount_fs(fs);
	if (err) {
		(void)vnode_shrink(sb, ~0ul);
		if (fs->fs_writable)
			end_writing(fs);
		fs_free(fs);
	}
	return err;
}

/* ft_unmount: all vnodes are gone, and what they changed is in the running transaction. */
static void ext2_unmount(struct superblock *sb)
{
	struct ext2 *fs = sb->sb_data;

	KASSERT(list_empty(&fs->fs_joined) || fs->fs_journal);
	if (fs->fs_writable)
		end_writing(fs);
	fs_free(fs);
}

/* ft_remount. */
static int ext2_remount(struct superblock *sb, unsigned long flags, const char *data)
{
	struct ext2 *fs = sb->sb_data;
	bool write = !(flags & MS_RDONLY);
	int err = 0;

	(void)data;
	/* What has failed once is repaired first. */
	if (write && fs->fs_stopped)
		return -EROFS;
	if (write == fs->fs_writable)
		return 0;
	if (!write) {
		/* Deleted files that are open end by writing. */
		if (!list_empty(&fs->fs_orphans))
			return -EBUSY;
		err = ext2_sync(sb, true);
		if (!err)
			end_writing(fs);
		return err;
	}
	if (fs->fs_dev->bd_readonly ||
	    (fs->fs_super->s_rev_level && fs->fs_super->s_feature_ro_compat & ~KNOWN_RO))
		return -EROFS;
	if (!fs->fs_journal)
		err = open_journal(fs);
	return err ? err : begin_writing(fs);
}

static int ext2_statfs(struct superblock *sb, struct statfs *st)
{
	struct ext2 *fs = sb->sb_data;
	const struct ext2_super *s = fs->fs_super;
	u32 per_group = DIV_ROUND_UP(s->s_inodes_per_group * fs->fs_inode_size, fs->fs_bsize) + 2;
	u64 overhead = fs->fs_first_block + (u64)fs->fs_ngroups * per_group;

	mutex_lock(&fs->fs_alloc_lock);
	st->f_bsize = st->f_frsize = fs->fs_bsize;
	st->f_blocks = (s64)(fs->fs_nblocks - min(overhead, (u64)fs->fs_nblocks));
	st->f_bfree = fs->fs_free_blocks;
	st->f_bavail = fs->fs_free_blocks - min(fs->fs_free_blocks, s->s_r_blocks_count);
	st->f_files = fs->fs_ninodes;
	st->f_ffree = fs->fs_free_inodes;
	mutex_unlock(&fs->fs_alloc_lock);
	st->f_namelen = EXT2_NAME_LEN;
	return 0;
}

static void ext2_show(struct superblock *sb, char *buf, size_t size)
{
	struct ext2 *fs = sb->sb_data;

	snprintf(buf, size, "%s%s",
		 fs->fs_super->s_errors >= EXT2_ERRORS_RO ? ",errors=remount-ro" : "",
		 fs->fs_journal ? ",data=ordered" : "");
}

/* One implementation by three names: with a journal it is what others call ext3. */
#define EXT2_TYPE(name)			\
	{				\
		.ft_name = name,	\
		.ft_mount = ext2_mount,	\
		.ft_unmount = ext2_unmount,	\
		.ft_statfs = ext2_statfs,	\
		.ft_sync = ext2_sync,	\
		.ft_touched = ext2_inode_touched,	\
		.ft_remount = ext2_remount,	\
		.ft_show = ext2_show,	\
		.ft_needs_dev = true,	\
	}

static struct fs_type ext2_types[] = { EXT2_TYPE("ext2"), EXT2_TYPE("ext3") };

void ext2_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ext2_types); i++)
		fs_type_register(&ext2_types[i]);
}
