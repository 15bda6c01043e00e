/* SPDX-License-Identifier: MIT */
/*
 * ext2, and ext2 with the journal of ext3. This file: mount, its options, remount, unmount.
 *
 *	super.c  mount.c  commit.c     the whole; when and how it is written
 *	namei.c  dir.c  dirindex.c     names
 *	inode.c  lifetime.c  orphan.c  files, from and to disk, from first to last
 *	bmap.c   truncate.c  space.c   where their blocks are
 *	alloc.c                        which blocks and inodes are free
 *	journal*.c                     all or nothing
 *
 * All metadata is read and written through buffers; each change is bracketed by
 * ext2_access() and ext2_dirty(). With a journal, ext2_begin() opens a
 * transaction's handle, the former makes the buffer part of it, and the latter
 * does nothing; without one it is the other way round.
 *
 * Options: errors=continue|remount-ro|panic (else the super block tells), and
 * norecovery (noload), which leaves the journal as it is and needs ro. data=ordered
 * is what there is, and user_xattr, acl and barrier change nothing.
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
#include "kernel/core/printk.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

struct options {
	u16 op_errors;			/* EXT2_ERRORS_*; 0: as the super block says */
	bool op_norecovery;
};

static const struct option {
	const char *name;
	u16 errors;
	bool norecovery;
} options[] = {
	{ .name = "errors=continue", .errors = EXT2_ERRORS_CONTINUE },
	{ .name = "errors=remount-ro", .errors = EXT2_ERRORS_RO },
	{ .name = "errors=panic", .errors = EXT2_ERRORS_PANIC },
	{ .name = "norecovery", .norecovery = true },
	{ .name = "noload", .norecovery = true },
	{ .name = "data=ordered" }, { .name = "user_xattr" }, { .name = "nouser_xattr" },
	{ .name = "acl" }, { .name = "noacl" }, { .name = "barrier" }, { .name = "barrier=1" },
};

/* Words with commas between them; -EINVAL for one that is unknown. data may be NULL. */
static int parse_options(const struct ext2 *fs, const char *data, struct options *op)
{
	*op = (struct options){ 0 };
	while (data && *data) {
		const char *end = strchr(data, ',');
		size_t len = end ? (size_t)(end - data) : strlen(data), i = 0;

		while (i < ARRAY_SIZE(options) && (strncmp(options[i].name, data, len) != 0 ||
						   options[i].name[len]))
			i++;
		if (len && i == ARRAY_SIZE(options)) {
			printk(KERN_WARN "ext2 (%s): no option %s\n", fs->fs_dev->bd_name, data);
			return -EINVAL;
		}
		if (len) {
			op->op_errors = options[i].errors ? options[i].errors : op->op_errors;
			op->op_norecovery |= options[i].norecovery;
		}
		data += len + (end != NULL);
	}
	return 0;
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

/* What a super block says of where things are: no transaction changes it. */
struct geometry {
	u32 g_rev_level, g_log_block_size, g_first_data_block, g_blocks_count, g_inodes_count;
	u32 g_blocks_per_group, g_inodes_per_group, g_inode_size, g_first_ino;
};

static struct geometry geometry_of(const struct ext2_super *s)
{
	return (struct geometry){
		s->s_rev_level, s->s_log_block_size, s->s_first_data_block, s->s_blocks_count,
		s->s_inodes_count, s->s_blocks_per_group, s->s_inodes_per_group, s->s_inode_size,
		s->s_first_ino,
	};
}

/* Replays it where that is due; everything on disk but the geometry may be new afterwards. */
static int open_journal(struct ext2 *fs)
{
	bool recover = fs->fs_super->s_feature_incompat & EXT2_INCOMPAT_RECOVER;
	struct geometry before = geometry_of(fs->fs_super), after;
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
	err = journal_open(fs->fs_dev, fs->fs_bsize, map, len, fs->fs_nblocks, recover,
			   &ext2_journal_ops, fs, &fs->fs_journal);
	if (err || !recover)
		return err;
	if (fs->fs_sb->sb_flags & MS_RDONLY) {
		fs->fs_super->s_feature_incompat &= ~(u32)EXT2_INCOMPAT_RECOVER;
		err = ext2_super_write(fs);
		if (err)
			return err;
	}
	ext2_groups_put(fs);
	after = geometry_of(fs->fs_super);
	if (ext2_super_check(fs, fs->fs_super) || memcmp(&before, &after, sizeof(before)) != 0)
		return ext2_error(fs, "super block from the journal");
	return ext2_groups_read(fs);
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
		ext2_groups_put(fs);
		buf_put(fs->fs_super_buf);
	}
	buf_invalidate(fs->fs_dev);
	blkdev_release(fs->fs_dev, fs);
	kfree(fs);
}

static void set_options(struct ext2 *fs, const struct options *op)
{
	if (op->op_errors)
		fs->fs_on_error = op->op_errors;
}

static int mount_fs(struct ext2 *fs, const char *data)
{
	struct options op;
	int err = parse_options(fs, data, &op);

	if (!err && op.op_norecovery && !(fs->fs_sb->sb_flags & MS_RDONLY))
		err = -EINVAL;
	if (!err)
		err = ext2_super_read(fs);
	if (!err) {
		set_options(fs, &op);
		err = ext2_groups_read(fs);
	}
	if (!err && !op.op_norecovery)
		err = open_journal(fs);
	if (!err && !(fs->fs_sb->sb_flags & MS_RDONLY) && fs->fs_dev->bd_readonly)
		ext2_make_readonly(fs);
	if (!err && !(fs->fs_sb->sb_flags & MS_RDONLY))
		err = ext2_begin_writing(fs);
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
	err = mount_fs(fs, data);
	if (err) {
		(void)vnode_shrink(sb, ~0ul);
		if (fs->fs_writable)
			ext2_end_writing(fs);
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
		ext2_end_writing(fs);
	fs_free(fs);
}

static int remount_rw(struct ext2 *fs)
{
	const struct ext2_super *s = fs->fs_super;
	int err = 0;

	/* What was mounted with norecovery may not be what the journal makes of it. */
	if (fs->fs_dev->bd_readonly ||
	    (s->s_feature_incompat & EXT2_INCOMPAT_RECOVER) || !ext2_super_may_write(fs))
		return -EROFS;
	if (!fs->fs_journal)
		err = open_journal(fs);
	return err ? err : ext2_begin_writing(fs);
}

static int remount_ro(struct ext2 *fs)
{
	int err;

	/* Deleted files that are open end by writing. */
	if (!list_empty(&fs->fs_orphans))
		return -EBUSY;
	err = ext2_sync(fs->fs_sb, true);
	if (!err)
		ext2_end_writing(fs);
	return err;
}

/* ft_remount. */
static int ext2_remount(struct superblock *sb, unsigned long flags, const char *data)
{
	struct ext2 *fs = sb->sb_data;
	bool write = !(flags & MS_RDONLY);
	struct options op;
	int err = parse_options(fs, data, &op);

	if (!err && op.op_norecovery)
		err = -EINVAL;
	/* What has failed once is repaired first. */
	if (!err && write && fs->fs_stopped)
		err = -EROFS;
	if (!err && write != fs->fs_writable)
		err = write ? remount_rw(fs) : remount_ro(fs);
	if (!err)
		set_options(fs, &op);
	return err;
}

static void ext2_show(struct superblock *sb, char *buf, size_t size)
{
	struct ext2 *fs = sb->sb_data;

	snprintf(buf, size, "%s%s",
		 fs->fs_on_error == EXT2_ERRORS_RO ? ",errors=remount-ro" :
		 fs->fs_on_error == EXT2_ERRORS_PANIC ? ",errors=panic" : "",
		 fs->fs_journal ? ",data=ordered" : "");
}

/* One implementation by two names: with a journal it is what others call ext3. */
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
