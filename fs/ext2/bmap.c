/* SPDX-License-Identifier: MIT */
/*
 * Where a file's blocks lie: 12 direct block numbers in the inode, then trees of
 * indirect blocks with one, two and three levels. 0 is a hole.
 *
 *	ei_block[0..11]  [12]             [13]                    [14]
 *	     |            |                |                       |
 *	   data       indirect         double indirect         triple indirect
 *	               | | |             |       |                 ...
 *	               data           indirect  indirect
 *
 * Locks: ei_map_lock, inside of the handle where there is one. No page is
 * waited for with it. Block numbers come from the disk and are checked before
 * they are used.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/ext2/ext2.h"
#include "kernel/lib/string.h"

int ext2_block_path(const struct ext2 *fs, u64 lblock, u32 index[4])
{
	u64 n = fs->fs_ptrs;

	if (lblock < EXT2_NDIR) {
		index[0] = (u32)lblock;
		return 0;
	}
	lblock -= EXT2_NDIR;
	for (int depth = 1; depth <= 3; depth++, n *= fs->fs_ptrs) {
		if (lblock < n) {
			index[0] = EXT2_NDIR + (u32)depth - 1;
			for (int i = depth; i > 0; i--) {
				index[i] = (u32)(lblock % fs->fs_ptrs);
				lblock /= fs->fs_ptrs;
			}
			return depth;
		}
		lblock -= n;
	}
	return -EFBIG;
}

/* An array of block numbers, and where in it we are. */
struct place {
	struct buf *pl_buf;		/* reference; NULL: ei_block */
	u32 *pl_slot;
	u32 pl_left;			/* slots from pl_slot to the end of the array */
};

static void place_put(struct place *pl)
{
	if (pl->pl_buf)
		buf_put(pl->pl_buf);
	pl->pl_buf = NULL;
}

static void place_inode(struct einode *ei, u32 index, struct place *pl)
{
	*pl = (struct place){
		.pl_slot = &ei->ei_block[index],
		.pl_left = index < EXT2_NDIR ? EXT2_NDIR - index : 1,
	};
}

/* Move into the indirect block that pl stands at. */
static int place_down(struct einode *ei, struct place *pl, u32 index)
{
	struct ext2 *fs = ext2_of(ei->ei_vnode);
	struct buf *b;
	int err;

	if (!ext2_block_ok(fs, *pl->pl_slot, 1))
		return ext2_error(fs, "inode %lu: indirect block %u", ei->ei_vnode->v_ino,
				  *pl->pl_slot);
	err = buf_read(fs->fs_dev, *pl->pl_slot, fs->fs_bsize, &b);
	if (err)
		return err;
	place_put(pl);
	pl->pl_buf = b;
	pl->pl_slot = (u32 *)b->b_data + index;
	pl->pl_left = fs->fs_ptrs - index;
	return 0;
}

/* Slots from pl on, at most max, that go on as they begin: a hole, or neighbouring blocks. */
static u32 run_length(const struct place *pl, u32 max)
{
	u32 first = *pl->pl_slot, n = 1;

	max = min(max, pl->pl_left);
	while (n < max && pl->pl_slot[n] == (first ? first + n : 0))
		n++;
	return n;
}

/*
 * Look lblock up. *block 0: a hole. *n, in: how many are wanted; out: blocks in
 * one stretch.
 */
static int map_find(struct einode *ei, u64 lblock, u64 *n, u32 *block)
{
	struct ext2 *fs = ext2_of(ei->ei_vnode);
	u32 index[4];
	int depth = ext2_block_path(fs, lblock, index), err = 0;
	struct place pl;

	KASSERT(mutex_held(&ei->ei_map_lock));
	*block = 0;
	if (depth < 0)
		return depth;
	place_inode(ei, index[0], &pl);
	for (int i = 1; i <= depth; i++) {
		u64 span = 1;

		if (*pl.pl_slot) {
			err = place_down(ei, &pl, index[i]);
			if (err)
				break;
			continue;
		}
		/* The hole goes as far as this slot would reach. */
		for (int k = i; k <= depth; k++)
			span *= fs->fs_ptrs;
		for (int k = i; k <= depth; k++) {
			u64 below = 1;

			for (int m = k; m < depth; m++)
				below *= fs->fs_ptrs;
			span -= index[k] * below;
		}
		*n = min(*n, span);
		goto out;
	}
	if (!err) {
		*n = run_length(&pl, (u32)min(*n, (u64)~0u));
		*block = *pl.pl_slot;
		if (*block && !ext2_block_ok(fs, *block, (u32)*n))
			err = ext2_error(fs, "inode %lu: block %u", ei->ei_vnode->v_ino, *block);
	}
out:
	place_put(&pl);
	return err;
}

int ext2_map_block(struct vnode *vn, u32 lblock, u32 *block)
{
	struct einode *ei = einode_of(vn);
	u64 n = 1;
	int err;

	mutex_lock(&ei->ei_map_lock);
	err = map_find(ei, lblock, &n, block);
	mutex_unlock(&ei->ei_map_lock);
	return err;
}

/* ---- making blocks --------------------------------------------------------- */

/* Where a new block of the file should lie. */
static u32 goal_for(const struct einode *ei, u64 lblock, const struct place *pl)
{
	const struct ext2 *fs = ext2_of(ei->ei_vnode);
	u32 group = (u32)(ei->ei_vnode->v_ino - 1) / fs->fs_super->s_inodes_per_group;

	if (ei->ei_last_block && lblock == (u64)ei->ei_last_lblock + 1)
		return ei->ei_last_block + 1;
	/* Behind the nearest one before it in the same array, or behind the array. */
	for (const u32 *p = pl->pl_slot;
	     p > (pl->pl_buf ? (u32 *)pl->pl_buf->b_data : ei->ei_block); p--) {
		if (p[-1])
			return p[-1] + (u32)(pl->pl_slot - p) + 1;
	}
	if (pl->pl_buf)
		return (u32)pl->pl_buf->b_blockno + 1;
	return fs->fs_first_block + group * fs->fs_super->s_blocks_per_group;
}

/* pl's array is about to change, or (done) has changed. The inode has been joined. */
static int place_access(struct handle *h, const struct place *pl)
{
	return pl->pl_buf ? ext2_access(h, pl->pl_buf) : 0;
}

static void place_set(struct handle *h, struct einode *ei, struct place *pl, u32 block, u32 n)
{
	for (u32 i = 0; i < n; i++)
		pl->pl_slot[i] = block + i;
	ei->ei_vnode->v_blocks += n * (ext2_of(ei->ei_vnode)->fs_bsize / 512);
	if (pl->pl_buf)
		ext2_dirty(h, pl->pl_buf);
}

/* An indirect block where pl stands, empty. */
static int make_indirect(struct handle *h, struct einode *ei, u64 lblock, struct place *pl)
{
	struct ext2 *fs = ext2_of(ei->ei_vnode);
	u32 block, n = 1;
	struct buf *b;
	int err = place_access(h, pl);

	if (!err)
		err = ext2_alloc_blocks(h, fs, goal_for(ei, lblock, pl), &n, &block);
	if (err)
		return err;
	err = buf_get(fs->fs_dev, block, fs->fs_bsize, &b);
	if (!err) {
		err = ext2_access(h, b);
		if (!err) {
			memset(b->b_data, 0, fs->fs_bsize);
			ext2_dirty(h, b);
			place_set(h, ei, pl, block, 1);
			/* Data goes on behind it. */
			if (ei->ei_last_block + 1 == block)
				ei->ei_last_block = block;
		}
		buf_put(b);
	}
	if (err)
		(void)ext2_free_blocks(h, fs, block, 1);
	return err;
}

/* map_find(), but what is missing is allocated. *fresh: it was. */
static int map_make(struct handle *h, struct einode *ei, u64 lblock, u64 *n, u32 *block,
		    bool *fresh)
{
	struct ext2 *fs = ext2_of(ei->ei_vnode);
	u32 index[4], want;
	int depth = ext2_block_path(fs, lblock, index), err = 0;
	struct place pl;

	if (depth < 0)
		return depth;
	place_inode(ei, index[0], &pl);
	for (int i = 1; i <= depth && !err; i++) {
		if (!*pl.pl_slot)
			err = make_indirect(h, ei, lblock, &pl);
		if (!err)
			err = place_down(ei, &pl, index[i]);
	}
	if (err)
		goto out;
	want = run_length(&pl, (u32)min(*n, (u64)~0u));
	*block = *pl.pl_slot;
	*fresh = !*block;
	if (*fresh) {
		err = place_access(h, &pl);
		if (!err)
			err = ext2_alloc_blocks(h, fs, goal_for(ei, lblock, &pl), &want, block);
		if (!err)
			place_set(h, ei, &pl, *block, want);
	} else if (!ext2_block_ok(fs, *block, want)) {
		err = ext2_error(fs, "inode %lu: block %u", ei->ei_vnode->v_ino, *block);
	}
	if (!err) {
		s64 end = (s64)((lblock + want) << fs->fs_bits);

		*n = want;
		ei->ei_last_lblock = (u32)lblock + want - 1;
		ei->ei_last_block = *block + want - 1;
		if (*fresh && end > ei->ei_alloc_end)
			ei->ei_alloc_end = end;
	}
out:
	place_put(&pl);
	return err;
}

int ext2_make_block(struct handle *h, struct vnode *vn, u32 lblock, u32 *block, bool *fresh)
{
	struct einode *ei = einode_of(vn);
	u64 n = 1;
	int err = ext2_join(h, vn, false);

	if (err)
		return err;
	mutex_lock(&ei->ei_map_lock);
	err = map_make(h, ei, lblock, &n, block, fresh);
	mutex_unlock(&ei->ei_map_lock);
	return err;
}

/*
 * Pages that lie on new blocks are dirty before the handle is closed: the
 * transaction writes them, zeros for what nobody has written yet.
 */
static void dirty_pages(struct vnode *vn, u64 pos, u64 end)
{
	for (u64 i = pos >> PAGE_SHIFT; i << PAGE_SHIFT < end; i++) {
		struct page *pg = vm_object_lookup(&vn->v_object, i);

		if (!pg)
			continue;
		vm_object_mark_dirty(&vn->v_object, pg);
		page_put(pg);
	}
}

/* One try to map and allocate, in a handle of its own. */
static int bmap_make(struct vnode *vn, u64 lblock, u64 *n, u32 *block, bool *fresh)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	struct handle h;
	int err = ext2_begin(fs, CREDITS_MAP, &h);

	if (err)
		return err;
	err = ext2_join(&h, vn, true);
	if (!err) {
		mutex_lock(&ei->ei_map_lock);
		err = map_make(&h, ei, lblock, n, block, fresh);
		mutex_unlock(&ei->ei_map_lock);
		if (!err && *fresh)
			dirty_pages(vn, lblock << fs->fs_bits, (lblock + *n) << fs->fs_bits);
	}
	journal_stop(&h);
	return err;
}

/* vo_bmap; see fs/vnode.h. */
int ext2_bmap(struct vnode *vn, u64 pos, u64 len, bool create, struct blkrun *run)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	u64 lblock = pos >> fs->fs_bits, n = DIV_ROUND_UP(len, (u64)fs->fs_bsize);
	bool fresh = false;
	u32 block;
	int err, tries = 0;

	KASSERT(len && IS_ALIGNED(pos, (u64)fs->fs_bsize));
	if (create && pos >= (u64)fs->fs_max_size)
		return -EFBIG;
	mutex_lock(&ei->ei_map_lock);
	err = map_find(ei, lblock, &n, &block);
	mutex_unlock(&ei->ei_map_lock);
	if (!err && !block && create) {
		do {
			err = bmap_make(vn, lblock, &n, &block, &fresh);
		} while (ext2_retry_space(fs, err, &tries));
	}
	if (err)
		return err;
	run->br_sector = block ? (u64)block << (fs->fs_bits - SECTOR_SHIFT) : BLKRUN_HOLE;
	run->br_bytes = n << fs->fs_bits;
	run->br_fresh = fresh;
	return 0;
}
