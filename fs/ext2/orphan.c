/* SPDX-License-Identifier: MIT */
/*
 * The orphan list: files of which a crash must not leave something behind -
 * without a name but still open, or being truncated. It begins in the super
 * block (s_last_orphan) and goes on in the inodes' i_dtime. Recovery ends the
 * files without links and cuts the others off at their size.
 *
 * Plain ext2 has no such list: without a journal it could not be trusted.
 *
 * Locks: fs_alloc_lock, or handles shut out.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/ext2/ext2.h"
#include "kernel/core/printk.h"

/* Idempotent. Takes fs_alloc_lock. */
int ext2_orphan_add(struct handle *h, struct vnode *vn)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	int err = 0;

	if (!fs->fs_journal)
		return 0;
	err = ext2_join(h, vn, false);
	if (err)
		return err;
	mutex_lock(&fs->fs_alloc_lock);
	if (list_empty(&ei->ei_orphan)) {
		err = ext2_access(h, fs->fs_super_buf);
		if (!err) {
			ei->ei_next_orphan = fs->fs_super->s_last_orphan;
			fs->fs_super->s_last_orphan = (u32)vn->v_ino;
			list_add(&ei->ei_orphan, &fs->fs_orphans);
		}
	}
	mutex_unlock(&fs->fs_alloc_lock);
	return err;
}

static int unlink_orphan(struct handle *h, struct ext2 *fs, struct einode *ei)
{
	struct einode *prev;
	int err;

	if (ei->ei_orphan.prev == &fs->fs_orphans) {
		err = ext2_access(h, fs->fs_super_buf);
		if (err)
			return err;
		fs->fs_super->s_last_orphan = ei->ei_next_orphan;
	} else {
		prev = list_prev_entry(ei, ei_orphan);
		err = ext2_join(h, prev->ei_vnode, false);
		if (err)
			return err;
		prev->ei_next_orphan = ei->ei_next_orphan;
	}
	ei->ei_next_orphan = 0;
	list_del(&ei->ei_orphan);
	return 0;
}

/* Idempotent. */
int ext2_orphan_del(struct handle *h, struct vnode *vn)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	int err = 0;

	if (!fs->fs_journal || list_empty(&ei->ei_orphan))
		return 0;
	err = ext2_join(h, vn, false);
	if (err)
		return err;
	mutex_lock(&fs->fs_alloc_lock);
	if (!list_empty(&ei->ei_orphan))
		err = unlink_orphan(h, fs, ei);
	mutex_unlock(&fs->fs_alloc_lock);
	return err;
}

/* Read the list; each file on it gets a reference. Returns how many, or -errno. */
static int collect(struct ext2 *fs)
{
	u32 ino = fs->fs_super->s_last_orphan;
	int n = 0;

	while (ino) {
		struct vnode *vn;
		struct einode *ei;
		int err;

		if (ino < fs->fs_first_ino || ino > fs->fs_ninodes)
			return ext2_error(fs, "orphan %u", ino);
		err = ext2_iget_orphan(fs->fs_sb, ino, &vn);
		if (err)
			return err;
		ei = einode_of(vn);
		/* A loop. */
		if (!list_empty(&ei->ei_orphan)) {
			vnode_put(vn);
			return ext2_error(fs, "orphan %u twice", ino);
		}
		ei->ei_next_orphan = einode_raw(ei)->i_dtime;
		list_add_tail(&ei->ei_orphan, &fs->fs_orphans);
		ino = ei->ei_next_orphan;
		n++;
	}
	return n;
}

/* A file that was being truncated. */
static int finish_truncate(struct vnode *vn)
{
	struct handle h;
	int err = vnode_is_reg(vn) ? ext2_free_from(vn, vn->v_size) : 0;

	if (!err)
		err = ext2_begin(ext2_of(vn), CREDITS_NAME, &h);
	if (err)
		return err;
	err = ext2_orphan_del(&h, vn);
	journal_stop(&h);
	return err;
}

/*
 * At mount, with the journal in use. A list that makes no sense is an error of the file system, but
 * none of the mount: what follows on it is left to e2fsck.
 */
int ext2_orphans_recover(struct ext2 *fs)
{
	int n = collect(fs), err = n < 0 ? n : 0;

	/* On an error, the files that were found still lose their reference. */
	while (!list_empty(&fs->fs_orphans)) {
		struct einode *ei = list_first_entry(&fs->fs_orphans, struct einode, ei_orphan);
		struct vnode *vn = ei->ei_vnode;

		if (vn->v_nlink && !err)
			err = finish_truncate(vn);
		if (err) {
			list_del(&ei->ei_orphan);
			vn->v_nlink = max(vn->v_nlink, 1u);
		}
		/* The last reference: vo_inactive ends the file and takes it off the list. */
		vnode_put(vn);
	}
	if (n > 0)
		printk(KERN_INFO "ext2: %d orphans\n", n);
	return err == -EUCLEAN ? 0 : err;
}
