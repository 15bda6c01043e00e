/* SPDX-License-Identifier: MIT */
/*
 * Giving blocks back: truncation, the end of a file, and holes made in it.
 *
 * A large file does not fit into one transaction. So it goes on the orphan list
 * first, with its new size; then blocks are freed in as many handles as it
 * takes; then it leaves the list. After a crash in between, the mount goes on
 * where this ended (orphan.c). A hole needs no such care: it may come in part.
 *
 * Each handle walks the tree from the start; what earlier ones have freed is
 * zero by now, so that costs little. A number is zeroed in the same handle that
 * frees its block.
 *
 * An image may have trees with loops: the first block that is freed twice ends
 * the work, and what is left of the tree is cut off and lost until e2fsck.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/ext2/ext2.h"

#define UNIT_CREDITS	4		/* array, bitmap, descriptor, super block */
#define UNIT_BLOCKS	512		/* freed at once */
#define NO_END		(~0ul)		/* tr_to: nothing stays */

struct trunc {
	struct handle *tr_h;
	struct einode *tr_ei;
	struct ext2 *tr_fs;
	u64 tr_from, tr_to;		/* first logical block to go, and the first behind it to stay */
	bool tr_meta;			/* the data went through the journal: revoke it */
	bool tr_full;			/* the handle can take no more */
};

/* Free a stretch of blocks that b's (NULL: the inode's) array has at slot. */
static int free_run(struct trunc *tr, struct buf *b, u32 *slot, u32 n, bool meta)
{
	u32 block = *slot;
	int err = b ? ext2_access(tr->tr_h, b) : 0;

	for (u32 i = 0; i < n && meta && !err; i++)
		err = tr->tr_fs->fs_journal ? journal_revoke(tr->tr_h, block + i) :
		      (buf_forget(tr->tr_fs->fs_dev, block + i, tr->tr_fs->fs_bsize), 0);
	if (!err)
		err = ext2_free_blocks(tr->tr_h, tr->tr_fs, block, n);
	if (err)
		return err;
	for (u32 i = 0; i < n; i++)
		slot[i] = 0;
	if (b)
		ext2_dirty(tr->tr_h, b);
	tr->tr_ei->ei_vnode->v_blocks -= min(tr->tr_ei->ei_vnode->v_blocks,
					     (u64)n * (tr->tr_fs->fs_bsize / 512));
	return 0;
}

/* A forgotten block is a credit, too. */
static bool handle_full(struct trunc *tr, u32 metas)
{
	if (tr->tr_fs->fs_journal && tr->tr_h->h_credits < UNIT_CREDITS + metas)
		tr->tr_full = true;
	return tr->tr_full;
}

/* Neighbouring blocks from slot on, at most max, of one group. */
static u32 stretch(const struct ext2 *fs, const u32 *slot, u32 max)
{
	u32 per_group = fs->fs_super->s_blocks_per_group, n = 1;
	u32 left = per_group - (*slot - fs->fs_first_block) % per_group;

	max = min(max, min(left, (u32)UNIT_BLOCKS));
	while (n < max && slot[n] == slot[0] + n)
		n++;
	return n;
}

static int free_slots(struct trunc *tr, struct buf *b, u32 *slots, u32 n, u64 first, int depth);

/* Blocks that a slot so far above the data stands for. */
static u64 slot_span(const struct ext2 *fs, int depth)
{
	u64 span = 1;

	while (depth--)
		span *= fs->fs_ptrs;
	return span;
}

/* The subtree below slot, which begins with logical block first. */
static int free_subtree(struct trunc *tr, struct buf *b, u32 *slot, u64 first, int depth)
{
	struct ext2 *fs = tr->tr_fs;
	u64 last = first + slot_span(fs, depth) - 1;
	struct buf *child;
	int err;

	if (!ext2_block_ok(fs, *slot, 1))
		return ext2_error(fs, "inode %lu: indirect block %u",
				  tr->tr_ei->ei_vnode->v_ino, *slot);
	err = buf_read(fs->fs_dev, *slot, fs->fs_bsize, &child);
	if (err)
		return err;
	err = free_slots(tr, child, (u32 *)child->b_data, fs->fs_ptrs, first, depth - 1);
	buf_put(child);
	if (err || tr->tr_full || first < tr->tr_from || last >= tr->tr_to ||
	    handle_full(tr, 1))
		return err;
	return free_run(tr, b, slot, 1, true);
}

/* Data blocks at slot, at most max in a row: as many as the handle can take, tr_full for none. */
static int free_data(struct trunc *tr, struct buf *b, u32 *slot, u32 *max)
{
	u32 metas = tr->tr_meta && tr->tr_fs->fs_journal;

	if (handle_full(tr, metas))
		return 0;
	if (metas)
		*max = min(*max, tr->tr_h->h_credits - UNIT_CREDITS);
	*max = stretch(tr->tr_fs, slot, *max);
	return free_run(tr, b, slot, *max, tr->tr_meta);
}

/* n slots of an array, the first of which stands for logical block first. */
static int free_slots(struct trunc *tr, struct buf *b, u32 *slots, u32 n, u64 first, int depth)
{
	u64 span = slot_span(tr->tr_fs, depth);
	int err = 0;

	for (u32 i = 0; i < n && !err && !tr->tr_full; ) {
		u64 at = first + i * span;
		u32 len = 1;

		if (at >= tr->tr_to)
			break;
		if (slots[i] && at + span > tr->tr_from) {
			if (depth) {
				err = free_subtree(tr, b, &slots[i], at, depth);
			} else {
				len = (u32)min((u64)(n - i), tr->tr_to - at);
				err = free_data(tr, b, &slots[i], &len);
			}
		}
		i += len;
	}
	return err;
}

/* As much as one handle can. */
static int free_some(struct trunc *tr)
{
	struct einode *ei = tr->tr_ei;
	u64 first = EXT2_NDIR, span = tr->tr_fs->fs_ptrs;
	int err;

	mutex_lock(&ei->ei_map_lock);
	ei->ei_last_block = 0;
	err = free_slots(tr, NULL, ei->ei_block, EXT2_NDIR, 0, 0);
	for (int depth = 1; depth <= 3 && !err && !tr->tr_full; depth++) {
		u32 *slot = &ei->ei_block[EXT2_NDIR + depth - 1];

		if (*slot && first + span > tr->tr_from && first < tr->tr_to)
			err = free_subtree(tr, NULL, slot, first, depth);
		first += span;
		span *= tr->tr_fs->fs_ptrs;
	}
	if (!err && !tr->tr_full && tr->tr_to == NO_END)
		ei->ei_alloc_end = (s64)(tr->tr_from << tr->tr_fs->fs_bits);
	mutex_unlock(&ei->ei_map_lock);
	return err;
}

/* The tree makes no sense: from here on the file has no blocks behind from. */
static void cut_off(struct trunc *tr)
{
	u32 first = (u32)min(tr->tr_from, (u64)EXT2_NDIR);

	mutex_lock(&tr->tr_ei->ei_map_lock);
	for (u32 i = first; i < EXT2_NBLOCKS; i++)
		tr->tr_ei->ei_block[i] = 0;
	mutex_unlock(&tr->tr_ei->ei_map_lock);
}

static int free_range(struct vnode *vn, u64 from, u64 to)
{
	struct ext2 *fs = ext2_of(vn);
	struct trunc tr = {
		.tr_ei = einode_of(vn), .tr_fs = fs, .tr_from = from, .tr_to = to,
		.tr_meta = !vnode_is_reg(vn),
	};
	int err;

	do {
		struct handle h;

		err = ext2_begin(fs, CREDITS_TRUNCATE, &h);
		if (err)
			return err;
		tr.tr_h = &h;
		tr.tr_full = false;
		err = ext2_join(&h, vn, false);
		if (!err) {
			err = free_some(&tr);
			if (to == NO_END && (err == -EUCLEAN || err == -EIO)) {
				cut_off(&tr);
				tr.tr_full = false;
			}
			/*
			 * Pages of a hole are there, still, and may be on their way to blocks that
			 * get a new owner when this handle is committed: not before it is closed.
			 */
			if (to != NO_END)
				vm_object_wait_write(&vn->v_object,
						     from << fs->fs_bits >> PAGE_SHIFT,
						     to << fs->fs_bits >> PAGE_SHIFT);
		}
		journal_stop(&h);
	} while (!err && tr.tr_full);
	return err;
}

int ext2_free_from(struct vnode *vn, s64 size)
{
	return free_range(vn, DIV_ROUND_UP((u64)size, ext2_of(vn)->fs_bsize), NO_END);
}

int ext2_free_hole(struct vnode *vn, u64 from, u64 to)
{
	KASSERT(rwlock_write_held(&vn->v_lock) && vnode_is_reg(vn));
	return from < to ? free_range(vn, from, to) : 0;
}

/* Begin: the new size, and a place on the orphan list while blocks go. */
static int set_size(struct vnode *vn, s64 size, bool shorter)
{
	struct handle h;
	int err = ext2_begin(ext2_of(vn), CREDITS_NAME, &h);

	if (err)
		return err;
	err = ext2_join(&h, vn, shorter);
	if (!err && shorter)
		err = ext2_orphan_add(&h, vn);
	if (!err) {
		vm_object_truncate(&vn->v_object, (u64)size);
		vn->v_size = size;
	}
	journal_stop(&h);
	return err;
}

/*
 * The page that will hold the end is in memory afterwards, so that its rest is
 * zeroed there and on disk; what lies there now must not come back when the file
 * grows.
 */
static int load_tail(struct vnode *vn, s64 size)
{
	struct page *pg;
	int err;

	if (size % PAGE_SIZE == 0 || size >= vn->v_size)
		return 0;
	err = vm_object_getpage(&vn->v_object, (u64)size >> PAGE_SHIFT, &pg);
	if (err)
		return err;
	vm_object_mark_dirty(&vn->v_object, pg);
	page_put(pg);
	return 0;
}

/*
 * Without a journal blocks have a new owner as soon as they are free. If the page that holds the
 * new end loses some, no write of it may be on its way; it stays clean, the object being frozen.
 */
static int write_tail(struct vnode *vn, s64 size)
{
	struct ext2 *fs = ext2_of(vn);
	u64 index = (u64)size >> PAGE_SHIFT;

	if (fs->fs_journal || round_up((u64)size, (u64)fs->fs_bsize) % PAGE_SIZE == 0)
		return 0;
	return vm_object_writeback(&vn->v_object, index, index);
}

/* Shorter: size, blocks, and off the orphan list again. */
static int shrink(struct vnode *vn, s64 size)
{
	struct handle h;
	int err = set_size(vn, size, true);

	if (!err)
		err = write_tail(vn, size);
	if (!err)
		err = ext2_free_from(vn, size);
	if (!err)
		err = ext2_begin(ext2_of(vn), CREDITS_NAME, &h);
	if (err)
		return err;
	err = ext2_orphan_del(&h, vn);
	journal_stop(&h);
	return err;
}

int ext2_truncate(struct vnode *vn, s64 size)
{
	int err;

	KASSERT(rwlock_write_held(&vn->v_lock));
	if (size > ext2_of(vn)->fs_max_size)
		return -EFBIG;
	err = load_tail(vn, size);
	if (err)
		return err;
	if (size >= max(vn->v_size, einode_of(vn)->ei_alloc_end))
		return set_size(vn, size, false);
	/* A block that a mapping is given now would stay, with what was on it before. */
	vm_object_freeze(&vn->v_object);
	err = shrink(vn, size);
	vm_object_thaw(&vn->v_object);
	return err;
}
