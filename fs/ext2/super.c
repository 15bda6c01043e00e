/* SPDX-License-Identifier: MIT */
/*
 * The super block and the group descriptors: read and checked at mount, marked while
 * the file system is written to, marked again when all is at home; statfs(2).
 *
 * An image says what it likes; whatever is found wrong goes through ext2_error(),
 * which counts, marks the file system as having errors, and does what the mount
 * option errors= says, or else the super block.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/ext2/ext2.h"
#include "kernel/core/printk.h"
#include "kernel/core/timer.h"
#include "kernel/lib/fmt.h"
#include "mm/slab.h"

#define KNOWN_INCOMPAT	(EXT2_INCOMPAT_FILETYPE | EXT2_INCOMPAT_RECOVER)
#define KNOWN_RO	(EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE)
#define LOUD_ERRORS	20		/* said so many times, then only counted */

void ext2_make_readonly(struct ext2 *fs)
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
	if (atomic_inc_return(&fs->fs_errors) <= LOUD_ERRORS)
		printk(KERN_ERR "ext2 (%s): %s\n", fs->fs_dev->bd_name, text);
	if (fs->fs_on_error == EXT2_ERRORS_PANIC && fs->fs_writable)
		panic("ext2 (%s): %s", fs->fs_dev->bd_name, text);
	if (fs->fs_on_error == EXT2_ERRORS_RO)
		ext2_make_readonly(fs);
	return -EUCLEAN;
}

/* The super block's numbers fit together, or -EINVAL. */
int ext2_super_check(const struct ext2 *fs, const struct ext2_super *s)
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

bool ext2_super_may_write(const struct ext2 *fs)
{
	const struct ext2_super *s = fs->fs_super;

	return !s->s_rev_level || !(s->s_feature_ro_compat & ~KNOWN_RO);
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
		ext2_make_readonly(fs);
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

int ext2_super_read(struct ext2 *fs)
{
	struct ext2_super *s;
	struct buf *b;
	int err = buf_read(fs->fs_dev, 1, 1024, &b);

	if (err)
		return err;
	s = (struct ext2_super *)b->b_data;
	err = ext2_super_check(fs, s);
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
	fs->fs_sb->sb_times = fs->fs_inode_size > EXT2_GOOD_OLD_INODE_SIZE ? &ext2_times_wide :
			      &ext2_times_narrow;
	fs->fs_first_ino = s->s_rev_level ? s->s_first_ino : 11;
	fs->fs_ptrs = fs->fs_bsize / 4;
	fs->fs_has_types = s->s_rev_level && (s->s_feature_incompat & EXT2_INCOMPAT_FILETYPE);
	fs->fs_max_size = max_size(fs);
	fs->fs_on_error = s->s_errors == EXT2_ERRORS_RO || s->s_errors == EXT2_ERRORS_PANIC ?
			  s->s_errors : EXT2_ERRORS_CONTINUE;
	return 0;
}

int ext2_groups_read(struct ext2 *fs)
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

void ext2_groups_put(struct ext2 *fs)
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

int ext2_super_write(struct ext2 *fs)
{
	int err;

	buf_dirty(fs->fs_super_buf);
	err = buf_write(fs->fs_super_buf);
	return err ? err : blk_flush(fs->fs_dev);
}

/* The first write: says on disk that we are at it. */
int ext2_begin_writing(struct ext2 *fs)
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
	err = ext2_super_write(fs);
	/* A log that is not empty belongs to a file system that says so. */
	if (!err && fs->fs_journal)
		err = journal_begin_use(fs->fs_journal);
	if (err)
		return err;
	fs->fs_writable = true;
	return fs->fs_journal ? ext2_orphans_recover(fs) : 0;
}

/* All is at home: say so. */
void ext2_end_writing(struct ext2 *fs)
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
	(void)ext2_super_write(fs);
}

int ext2_statfs(struct superblock *sb, struct statfs *st)
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
