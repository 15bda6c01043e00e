/* SPDX-License-Identifier: MIT */
/*
 * Changes and how they reach the disk: handles, what the file system does when the
 * journal commits, and sync(2).
 *
 * A transaction is frozen with no handle open: inodes that it has joined go to their
 * buffers, files whose data must be on disk before it are noted. Then the data is
 * written while the next transaction runs; references that this took are given up
 * with no lock of the journal held, since a file may end by that.
 *
 * Locks: fs_dirty_lock (spin) for the lists of inodes, fs_alloc_lock inside of the
 * handle; the calls from the journal come with j_commit_lock, but for ext2_done().
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/ext2/ext2.h"
#include "fs/writeback.h"
#include "kernel/core/printk.h"

#define SPACE_TRIES	3

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

/* Before the commit that makes its blocks part of the file: this waits for memory, however long. */
static void write_data(struct ext2 *fs, struct vnode *vn)
{
	int err;

	while ((err = vnode_write_data(vn)) == -ENOMEM)
		printk(KERN_WARN "ext2 (%s): no memory to write data of inode %lu, trying again\n",
		       fs->fs_dev->bd_name, vn->v_ino);
	if (err)
		printk(KERN_WARN "ext2 (%s): data of inode %lu is lost\n",
		       fs->fs_dev->bd_name, vn->v_ino);
}

static void ext2_data(void *p)
{
	struct ext2 *fs = p;
	struct einode *ei;

	/* New ones come with the next freeze only; ext2_done() takes from fs_written. */
	while ((ei = list_first_entry_or_null(&fs->fs_ordered, struct einode, ei_ordered))) {
		write_data(fs, ei->ei_vnode);
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
	ext2_make_readonly(fs);
}

const struct journal_ops ext2_journal_ops = {
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

/* Errors are marked on disk when they are found; the unmount may never come. */
static void note_errors(struct ext2 *fs)
{
	struct ext2_super *s = fs->fs_super;
	struct handle h;

	if (!atomic_read(&fs->fs_errors) || (s->s_state & EXT2_SUPER_STATE_ERROR) ||
	    journal_start(fs->fs_journal, 1, &h))
		return;
	mutex_lock(&fs->fs_alloc_lock);
	if (ext2_access(&h, fs->fs_super_buf) == 0) {
		s->s_state |= EXT2_SUPER_STATE_ERROR;
		ext2_dirty(&h, fs->fs_super_buf);
	}
	mutex_unlock(&fs->fs_alloc_lock);
	journal_stop(&h);
}

/* ft_sync. */
int ext2_sync(struct superblock *sb, bool wait)
{
	struct ext2 *fs = sb->sb_data;
	int err;

	if (!fs->fs_writable)
		return 0;
	note_errors(fs);
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
