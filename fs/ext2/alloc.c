/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps: which blocks and inodes are in use, and which to take next.
 *
 * Blocks: at the goal if that is free, so that files grow in one piece; else the
 * next stretch of eight in the goal's group, then any, then the other groups.
 * Inodes: a file goes to its directory's group; a directory too, unless that is
 * crowded, but directories of the root are spread over the disk, so that each
 * tree has room to grow.
 *
 * Blocks that a transaction frees are not given out again before it has been
 * committed: their old owner may come back by a crash, and wants its contents.
 * fs_pending has them; they count as free.
 *
 * Locks: fs_alloc_lock around everything.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "fs/ext2/ext2.h"
#include "kernel/core/cred.h"
#include "kernel/core/fail.h"
#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define GOOD_RUN	8

struct ext2_group *ext2_group(struct ext2 *fs, u32 group, struct buf **b)
{
	u32 per_block = fs->fs_bsize / sizeof(struct ext2_group);

	KASSERT(group < fs->fs_ngroups);
	*b = fs->fs_group_bufs[group / per_block];
	return (struct ext2_group *)(*b)->b_data + group % per_block;
}

bool ext2_block_ok(const struct ext2 *fs, u32 block, u32 n)
{
	return block >= fs->fs_first_block && block < fs->fs_nblocks &&
	       n <= fs->fs_nblocks - block;
}

static u32 group_of(const struct ext2 *fs, u32 block)
{
	return (block - fs->fs_first_block) / fs->fs_super->s_blocks_per_group;
}

static u32 group_start(const struct ext2 *fs, u32 group)
{
	return fs->fs_first_block + group * fs->fs_super->s_blocks_per_group;
}

/* The last group may be smaller. */
static u32 group_blocks(const struct ext2 *fs, u32 group)
{
	return min(fs->fs_super->s_blocks_per_group, fs->fs_nblocks - group_start(fs, group));
}

static int read_bitmap(struct ext2 *fs, u32 block, struct buf **out)
{
	if (!ext2_block_ok(fs, block, 1))
		return ext2_error(fs, "bitmap at block %u", block);
	return buf_read(fs->fs_dev, block, fs->fs_bsize, out);
}

/* The super block, a group's descriptor and a bitmap are about to change. */
static int access_three(struct handle *h, struct ext2 *fs, struct buf *group, struct buf *map)
{
	int err = ext2_access(h, map);

	if (!err)
		err = ext2_access(h, group);
	return err ? err : ext2_access(h, fs->fs_super_buf);
}

static void dirty_three(struct handle *h, struct ext2 *fs, struct buf *group, struct buf *map)
{
	fs->fs_super->s_free_blocks_count = fs->fs_free_blocks;
	fs->fs_super->s_free_inodes_count = fs->fs_free_inodes;
	ext2_dirty(h, map);
	ext2_dirty(h, group);
	ext2_dirty(h, fs->fs_super_buf);
}

/* ---- blocks --------------------------------------------------------------- */

/* Blocks of a group that cannot be had: those in use, and those still pending. */
static const u64 *taken_map(struct ext2 *fs, u32 group, const struct buf *map)
{
	const u64 *bits = (const u64 *)map->b_data;
	u64 *const *p0 = fs->fs_pending[0], *const *p1 = fs->fs_pending[1];

	if (!p0[group] && !p1[group])
		return bits;
	for (u32 i = 0; i < fs->fs_bsize / 8; i++)
		fs->fs_scratch[i] = bits[i] | (p0[group] ? p0[group][i] : 0) |
				    (p1[group] ? p1[group][i] : 0);
	return fs->fs_scratch;
}

/* A free block near goal; nbits: none. */
static u32 find_free(const u64 *taken, u32 nbits, u32 goal)
{
	u32 bit;

	if (goal < nbits && !test_bit(taken, goal))
		return goal;
	bit = (u32)bitmap_find_clear_run(taken, nbits, goal, GOOD_RUN);
	if (bit == nbits)
		bit = (u32)bitmap_find_clear_run(taken, nbits, 0, GOOD_RUN);
	if (bit == nbits)
		bit = (u32)bitmap_find_clear(taken, nbits, goal);
	return bit == nbits ? (u32)bitmap_find_clear(taken, nbits, 0) : bit;
}

/* Does the stretch touch what the group needs for itself? Then its bitmap is wrong. */
static bool in_metadata(const struct ext2 *fs, const struct ext2_group *g, u32 block, u32 n)
{
	u32 table = DIV_ROUND_UP(fs->fs_super->s_inodes_per_group * fs->fs_inode_size,
				 fs->fs_bsize);

	return (g->bg_block_bitmap >= block && g->bg_block_bitmap - block < n) ||
	       (g->bg_inode_bitmap >= block && g->bg_inode_bitmap - block < n) ||
	       (block < g->bg_inode_table + table && block + n > g->bg_inode_table);
}

/* Up to *n blocks of one group. -ENOSPC: it has none. */
static int alloc_in_group(struct handle *h, struct ext2 *fs, u32 group, u32 goal, u32 *n,
			  u32 *block)
{
	u32 nbits = group_blocks(fs, group), bit, got = 0;
	struct buf *gb, *map;
	struct ext2_group *g = ext2_group(fs, group, &gb);
	const u64 *taken;
	int err;

	if (!g->bg_free_blocks)
		return -ENOSPC;
	err = read_bitmap(fs, g->bg_block_bitmap, &map);
	if (err)
		return err;
	taken = taken_map(fs, group, map);
	bit = find_free(taken, nbits, goal);
	while (got < *n && bit + got < nbits && got < g->bg_free_blocks &&
	       !test_bit(taken, bit + got))
		got++;
	*block = group_start(fs, group) + bit;
	if (!got)
		err = -ENOSPC;
	else if (in_metadata(fs, g, *block, got))
		err = ext2_error(fs, "bitmap of group %u has its own blocks free", group);
	if (!err)
		err = access_three(h, fs, gb, map);
	if (!err) {
		bitmap_set_run((u64 *)map->b_data, bit, got);
		g->bg_free_blocks -= got;
		fs->fs_free_blocks -= min(got, fs->fs_free_blocks);
		dirty_three(h, fs, gb, map);
		*n = got;
	}
	buf_put(map);
	return err;
}

int ext2_alloc_blocks(struct handle *h, struct ext2 *fs, u32 goal, u32 *n, u32 *block)
{
	u32 reserved = cred_privileged(cred_current()) ? 0 : fs->fs_super->s_r_blocks_count;
	u32 first, offset;
	int err = -ENOSPC;

	if (!ext2_block_ok(fs, goal, 1))
		goal = fs->fs_first_block;
	first = group_of(fs, goal);
	offset = goal - group_start(fs, first);
	if (should_fail())
		return -ENOSPC;
	mutex_lock(&fs->fs_alloc_lock);
	if (fs->fs_free_blocks > reserved) {
		for (u32 i = 0; i < fs->fs_ngroups && err == -ENOSPC; i++)
			err = alloc_in_group(h, fs, (first + i) % fs->fs_ngroups,
					     i ? 0 : offset, n, block);
	}
	mutex_unlock(&fs->fs_alloc_lock);
	return err;
}

/* Note that blocks were freed and are still pending. */
static int pending_add(struct ext2 *fs, u32 group, u32 bit, u32 n)
{
	u64 **p = &fs->fs_pending[0][group];

	if (!fs->fs_journal)
		return 0;
	if (!*p)
		*p = kzalloc(fs->fs_bsize);
	if (!*p)
		return -ENOMEM;
	bitmap_set_run(*p, bit, n);
	fs->fs_npending[0] += n;
	return 0;
}

static int free_locked(struct handle *h, struct ext2 *fs, u32 block, u32 n)
{
	u32 group = group_of(fs, block), bit = block - group_start(fs, group);
	struct buf *gb, *map;
	struct ext2_group *g = ext2_group(fs, group, &gb);
	int err;

	if (in_metadata(fs, g, block, n) || bit + n > group_blocks(fs, group))
		return ext2_error(fs, "a file has blocks %u+%u", block, n);
	err = read_bitmap(fs, g->bg_block_bitmap, &map);
	if (err)
		return err;
	if (bitmap_find_clear((u64 *)map->b_data, bit + n, bit) != bit + n)
		err = ext2_error(fs, "blocks %u+%u are free already", block, n);
	if (!err)
		err = access_three(h, fs, gb, map);
	if (!err)
		err = pending_add(fs, group, bit, n);
	if (!err) {
		bitmap_clear_run((u64 *)map->b_data, bit, n);
		g->bg_free_blocks += n;
		fs->fs_free_blocks += n;
		dirty_three(h, fs, gb, map);
	}
	buf_put(map);
	return err;
}

int ext2_free_blocks(struct handle *h, struct ext2 *fs, u32 block, u32 n)
{
	int err;

	if (!ext2_block_ok(fs, block, n))
		return ext2_error(fs, "a file has blocks %u+%u", block, n);
	mutex_lock(&fs->fs_alloc_lock);
	err = free_locked(h, fs, block, n);
	mutex_unlock(&fs->fs_alloc_lock);
	return err;
}

/* The running transaction is being committed. */
void ext2_pending_switch(struct ext2 *fs)
{
	u64 **none = fs->fs_pending[1];

	mutex_lock(&fs->fs_alloc_lock);
	KASSERT(fs->fs_npending[1] == 0);
	fs->fs_pending[1] = fs->fs_pending[0];
	fs->fs_npending[1] = fs->fs_npending[0];
	fs->fs_pending[0] = none;
	fs->fs_npending[0] = 0;
	mutex_unlock(&fs->fs_alloc_lock);
}

/* It is on disk. */
void ext2_pending_release(struct ext2 *fs)
{
	mutex_lock(&fs->fs_alloc_lock);
	for (u32 i = 0; fs->fs_npending[1] && i < fs->fs_ngroups; i++) {
		kfree(fs->fs_pending[1][i]);
		fs->fs_pending[1][i] = NULL;
	}
	fs->fs_npending[1] = 0;
	mutex_unlock(&fs->fs_alloc_lock);
}

/* ---- inodes --------------------------------------------------------------- */

int ext2_inode_place(struct ext2 *fs, u32 ino, u32 *block, u32 *offset)
{
	u32 per_group = fs->fs_super->s_inodes_per_group;
	u32 at = (ino - 1) % per_group * fs->fs_inode_size;
	struct buf *gb;
	struct ext2_group *g;

	if (ino == 0 || ino > fs->fs_ninodes)
		return -EUCLEAN;
	g = ext2_group(fs, (ino - 1) / per_group, &gb);
	*block = g->bg_inode_table + at / fs->fs_bsize;
	*offset = at % fs->fs_bsize;
	return ext2_block_ok(fs, *block, 1) ? 0 : -EUCLEAN;
}

/* A group for a directory of the root: more than average free, fewest directories. */
static u32 group_for_tree(struct ext2 *fs)
{
	u32 best = 0, best_dirs = ~0u;

	for (u32 i = 0; i < fs->fs_ngroups; i++) {
		struct buf *gb;
		struct ext2_group *g = ext2_group(fs, i, &gb);

		if (!g->bg_free_inodes || g->bg_used_dirs >= best_dirs ||
		    g->bg_free_inodes < fs->fs_free_inodes / fs->fs_ngroups ||
		    g->bg_free_blocks < fs->fs_free_blocks / fs->fs_ngroups)
			continue;
		best = i;
		best_dirs = g->bg_used_dirs;
	}
	return best;
}

static bool crowded(struct ext2 *fs, u32 group)
{
	struct buf *gb;
	struct ext2_group *g = ext2_group(fs, group, &gb);

	return g->bg_free_inodes < fs->fs_free_inodes / fs->fs_ngroups / 4 ||
	       g->bg_free_blocks < fs->fs_free_blocks / fs->fs_ngroups / 4;
}

/* The group to look for an inode in first. */
static u32 group_for_inode(struct ext2 *fs, const struct vnode *dir, u32 mode)
{
	u32 home = (u32)(dir->v_ino - 1) / fs->fs_super->s_inodes_per_group;

	if (!S_ISDIR(mode))
		return home;
	if (dir->v_ino == EXT2_ROOT_INO)
		return group_for_tree(fs);
	for (u32 i = 0; i < fs->fs_ngroups; i++) {
		if (!crowded(fs, (home + i) % fs->fs_ngroups))
			return (home + i) % fs->fs_ngroups;
	}
	return home;
}

static int alloc_inode_in(struct handle *h, struct ext2 *fs, u32 group, u32 mode, u32 *ino)
{
	u32 per_group = fs->fs_super->s_inodes_per_group;
	u32 before = group * per_group, bit;
	u32 from = fs->fs_first_ino - 1 > before ? fs->fs_first_ino - 1 - before : 0;
	struct buf *gb, *map;
	struct ext2_group *g = ext2_group(fs, group, &gb);
	int err;

	if (!g->bg_free_inodes)
		return -ENOSPC;
	err = read_bitmap(fs, g->bg_inode_bitmap, &map);
	if (err)
		return err;
	bit = (u32)bitmap_find_clear((u64 *)map->b_data, per_group, from);
	if (bit >= per_group)
		err = -ENOSPC;
	else
		err = access_three(h, fs, gb, map);
	if (!err) {
		__set_bit((u64 *)map->b_data, bit);
		g->bg_free_inodes--;
		g->bg_used_dirs += S_ISDIR(mode);
		fs->fs_free_inodes -= fs->fs_free_inodes != 0;
		dirty_three(h, fs, gb, map);
		*ino = group * per_group + bit + 1;
	}
	buf_put(map);
	return err;
}

int ext2_alloc_inode(struct handle *h, const struct vnode *dir, u32 mode, u32 *ino)
{
	struct ext2 *fs = ext2_of(dir);
	int err = -ENOSPC;
	u32 first;

	if (should_fail())
		return -ENOSPC;
	mutex_lock(&fs->fs_alloc_lock);
	first = group_for_inode(fs, dir, mode);
	for (u32 i = 0; i < fs->fs_ngroups && err == -ENOSPC; i++)
		err = alloc_inode_in(h, fs, (first + i) % fs->fs_ngroups, mode, ino);
	mutex_unlock(&fs->fs_alloc_lock);
	return err;
}

int ext2_free_inode(struct handle *h, struct ext2 *fs, u32 ino, bool is_dir)
{
	u32 per_group = fs->fs_super->s_inodes_per_group, bit = (ino - 1) % per_group;
	struct buf *gb, *map;
	struct ext2_group *g = ext2_group(fs, (ino - 1) / per_group, &gb);
	int err;

	mutex_lock(&fs->fs_alloc_lock);
	err = read_bitmap(fs, g->bg_inode_bitmap, &map);
	if (err)
		goto out;
	if (!test_bit((u64 *)map->b_data, bit))
		err = ext2_error(fs, "inode %u is free already", ino);
	if (!err)
		err = access_three(h, fs, gb, map);
	if (!err) {
		__clear_bit((u64 *)map->b_data, bit);
		g->bg_free_inodes++;
		g->bg_used_dirs -= is_dir && g->bg_used_dirs;
		fs->fs_free_inodes++;
		dirty_three(h, fs, gb, map);
	}
	buf_put(map);
out:
	mutex_unlock(&fs->fs_alloc_lock);
	return err;
}
