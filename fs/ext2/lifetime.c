/* SPDX-License-Identifier: MIT */
/*
 * How files begin and end, and vnodes with them.
 *
 * A new file has its inode and no link; whoever makes it gives it a name or a place on
 * the orphan list in the same handle. When the last user of a vnode is gone, a file
 * without a link is deleted: its blocks first, in as many handles as it takes, the
 * inode last. One that stays is written, if it was changed, and blocks past its end
 * are freed.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/ext2/ext2.h"

int ext2_inode_new(struct handle *h, struct vnode *dir, u32 mode, u64 rdev, struct vnode **out)
{
	struct ext2 *fs = ext2_of(dir);
	struct vnode *vn;
	bool fresh = false;
	u32 ino;
	int err = ext2_alloc_inode(h, dir, mode, &ino);

	if (err)
		return err;
	err = vnode_find(dir->v_sb, ino, &vn, &fresh);
	if (!err && !fresh) {
		vnode_put(vn);
		return ext2_error(fs, "inode %u is in use, but not in its bitmap", ino);
	}
	if (!err) {
		err = ext2_inode_fill(h, dir, vn, mode, rdev);
		if (err)
			vnode_fail(vn);
	}
	if (err) {
		(void)ext2_free_inode(h, fs, ino, S_ISDIR(mode));
		return err;
	}
	vnode_ready(vn);
	*out = vn;
	return 0;
}

/* One file less for the block of extended attributes. */
static int xattr_release(struct handle *h, struct ext2 *fs, struct einode *ei)
{
	struct ext2_xattr_head *x;
	struct buf *b;
	int err;

	if (!ext2_block_ok(fs, ei->ei_file_acl, 1))
		return ext2_error(fs, "attributes at block %u", ei->ei_file_acl);
	err = buf_read(fs->fs_dev, ei->ei_file_acl, fs->fs_bsize, &b);
	if (err)
		return err;
	x = (struct ext2_xattr_head *)b->b_data;
	if (x->h_magic != EXT2_XATTR_MAGIC) {
		err = ext2_error(fs, "attributes at block %u", ei->ei_file_acl);
	} else if (x->h_refcount > 1) {
		err = ext2_access(h, b);
		if (!err) {
			x->h_refcount--;
			ext2_dirty(h, b);
		}
	} else {
		err = fs->fs_journal ? journal_revoke(h, ei->ei_file_acl) : 0;
		if (!err)
			err = ext2_free_blocks(h, fs, ei->ei_file_acl, 1);
	}
	buf_put(b);
	return err;
}

/* Does the file keep data in blocks of its own? */
static bool has_blocks(const struct vnode *vn)
{
	u64 acl = einode_of(vn)->ei_file_acl ? ext2_of(vn)->fs_bsize / 512 : 0;

	if (S_ISLNK(vn->v_mode))
		return vn->v_blocks > acl;
	return vnode_is_reg(vn) || vnode_is_dir(vn);
}

/* The last name and the last user are gone. */
static int inode_delete(struct vnode *vn)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	struct vtime now;
	struct handle h;
	int err = has_blocks(vn) ? ext2_free_from(vn, 0) : 0;

	if (!err)
		err = ext2_begin(fs, CREDITS_NAME, &h);
	if (err)
		return err;
	err = ext2_join(&h, vn, false);
	if (!err && ei->ei_file_acl)
		(void)xattr_release(&h, fs, ei);
	if (!err)
		err = ext2_orphan_del(&h, vn);
	if (!err)
		err = ext2_free_inode(&h, fs, (u32)vn->v_ino, vnode_is_dir(vn));
	if (!err) {
		vtime_now(&now);
		vn->v_size = 0;
		vn->v_blocks = 0;
		ei->ei_file_acl = 0;
		ext2_inode_store(ei);
		einode_raw(ei)->i_dtime = (u32)now.sec;
		ext2_dirty(&h, ei->ei_buf);
		/* Now: the next owner of the number writes the same buffer. */
		ext2_inode_unlist(fs, ei);
	}
	journal_stop(&h);
	return err;
}

/* The vnode goes while the file stays: write what it has not yet written. */
static int inode_flush(struct vnode *vn)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	struct handle h;
	int err = 0;

	if (vnode_is_reg(vn) && ei->ei_alloc_end > vn->v_size)
		err = ext2_free_from(vn, vn->v_size);
	if (!err)
		err = ext2_begin(fs, CREDITS_MAP, &h);
	if (err)
		return err;
	err = ext2_join(&h, vn, false);
	if (!err)
		err = ext2_orphan_del(&h, vn);
	if (!err) {
		ext2_inode_store(ei);
		ext2_dirty(&h, ei->ei_buf);
		ext2_inode_unlist(fs, ei);
	}
	journal_stop(&h);
	return err;
}

/* vo_inactive. */
void ext2_inactive(struct vnode *vn)
{
	struct einode *ei = einode_of(vn);
	struct ext2 *fs = ext2_of(vn);
	s64 end;
	int err = 0;

	end = (s64)round_up((u64)vn->v_size, (u64)fs->fs_bsize);
	if (fs->fs_writable && vn->v_nlink == 0)
		err = inode_delete(vn);
	else if (fs->fs_writable && ((ei->ei_state & (EI_JOINED | EI_LAZY)) ||
				     !list_empty(&ei->ei_orphan) ||
				     (vnode_is_reg(vn) && ei->ei_alloc_end > end)))
		err = inode_flush(vn);
	if (err && err != -EROFS)
		(void)ext2_error(fs, "inode %lu could not be written (error %d)", vn->v_ino, err);
	ext2_inode_unlist(fs, ei);
	mutex_lock(&fs->fs_alloc_lock);
	list_del(&ei->ei_orphan);
	mutex_unlock(&fs->fs_alloc_lock);
	KASSERT(list_empty(&ei->ei_ordered));
	if (vnode_is_dir(vn))
		dirindex_free(vn);
	einode_free(ei);
}
