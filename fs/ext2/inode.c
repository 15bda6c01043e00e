/* SPDX-License-Identifier: MIT */
/*
 * Inodes: from disk to vnode and back.
 *
 *	        ext2_join (in a handle)
 *	clean ---------------------------> JOINED --commit, or sync without a journal--> clean
 *	   \--ext2_inode_touched--> LAZY --sync: ext2_join--^
 *
 * A vnode's attributes are copied to its inode once per transaction, when that is
 * frozen: until then any number of changes cost nothing. Times and size may
 * change outside of handles; such a vnode waits on fs_lazy for the next sync.
 *
 * Blocks that have been allocated but lie past the size, because the write that
 * wanted them is under way, would be an inconsistency; if a transaction is frozen
 * right then, the file goes on the orphan list, so that a crash cuts them off.
 *
 * Locks: fs_dirty_lock (spin) for the lists; an inode on one is not freed while
 * it is held.
 */
#include <abi/fcntl.h>
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/chrdev.h"
#include "fs/ext2/ext2.h"
#include "fs/pagecache.h"
#include "fs/pageio.h"
#include "kernel/core/fail.h"
#include "kernel/core/timer.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

/* ---- times ------------------------------------------------------------------- */

/*
 * Seconds as a signed word, from 1901 to 2038. Inodes of 256 bytes have a word more: its two low
 * bits count how often 2^32 seconds were added since, and the rest are nanoseconds.
 */
#define NARROW_MIN	(-(1l << 31))
#define NARROW_MAX	((1l << 31) - 1)
#define WIDE_MAX	(NARROW_MAX + (3l << 32))

const struct vtime_range ext2_times_narrow = { NARROW_MIN, NARROW_MAX, true };
const struct vtime_range ext2_times_wide = { NARROW_MIN, WIDE_MAX, false };

/* The file system's range holds t; an inode with less room than others stores what is nearest. */
static void time_store(u32 *word, u32 *extra, const struct vtime *t)
{
	*word = (u32)(extra ? t->sec : clamp(t->sec, NARROW_MIN, NARROW_MAX));
	if (extra)
		*extra = t->nsec << 2 | (u32)((u64)(t->sec - (s32)t->sec) >> 32 & 3);
}

static void time_load(struct vtime *t, u32 word, u32 extra)
{
	t->sec = (s32)word + ((s64)(extra & 3) << 32);
	t->nsec = min(extra >> 2, (u32)NSEC_PER_SEC - 1);
}

/* Does the inode have these words? */
static bool extra_times(const struct einode *ei, const struct ext2_inode *raw)
{
	u32 room = ext2_of(ei->ei_vnode)->fs_inode_size - EXT2_GOOD_OLD_INODE_SIZE;

	return room && raw->i_extra_isize >= EXT2_EXTRA_TIMES && raw->i_extra_isize <= room;
}

static void times_store(struct ext2_inode *raw, const struct vnode *vn)
{
	bool more = extra_times(einode_of(vn), raw);

	time_store(&raw->i_atime, more ? &raw->i_atime_extra : NULL, &vn->v_atime);
	time_store(&raw->i_mtime, more ? &raw->i_mtime_extra : NULL, &vn->v_mtime);
	time_store(&raw->i_ctime, more ? &raw->i_ctime_extra : NULL, &vn->v_ctime);
	if (more)
		time_store(&raw->i_crtime, &raw->i_crtime_extra, &vn->v_btime);
}

static void times_load(struct vnode *vn, const struct ext2_inode *raw)
{
	bool more = extra_times(einode_of(vn), raw);

	time_load(&vn->v_atime, raw->i_atime, more ? raw->i_atime_extra : 0);
	time_load(&vn->v_mtime, raw->i_mtime, more ? raw->i_mtime_extra : 0);
	time_load(&vn->v_ctime, raw->i_ctime, more ? raw->i_ctime_extra : 0);
	if (more)
		time_load(&vn->v_btime, raw->i_crtime, raw->i_crtime_extra);
}

/* ---- to disk --------------------------------------------------------------- */

/* Copy what vn says to its inode. ei_buf has been joined; fs_dirty_lock, or ours alone. */
void ext2_inode_store(struct einode *ei)
{
	struct ext2_inode *raw = einode_raw(ei);
	struct vnode *vn = ei->ei_vnode;

	spin_lock(&vn->v_ilock);
	raw->i_mode = (u16)vn->v_mode;
	raw->i_uid = (u16)vn->v_uid;
	raw->i_uid_high = (u16)(vn->v_uid >> 16);
	raw->i_gid = (u16)vn->v_gid;
	raw->i_gid_high = (u16)(vn->v_gid >> 16);
	times_store(raw, vn);
	spin_unlock(&vn->v_ilock);
	raw->i_size = (u32)vn->v_size;
	if (vnode_is_reg(vn))
		raw->i_size_high = (u32)((u64)vn->v_size >> 32);
	raw->i_links_count = (u16)vn->v_nlink;
	raw->i_blocks = (u32)vn->v_blocks;
	raw->i_dtime = ei->ei_next_orphan;
	raw->i_flags = ei->ei_flags;
	raw->i_generation = ei->ei_generation;
	raw->i_file_acl = ei->ei_file_acl;
	memcpy(raw->i_block, ei->ei_block, sizeof(raw->i_block));
}

int ext2_join(struct handle *h, struct vnode *vn, bool ordered)
{
	struct einode *ei = einode_of(vn);
	struct ext2 *fs = ext2_of(vn);
	int err = ext2_access(h, ei->ei_buf);

	if (err)
		return err;
	spin_lock(&fs->fs_dirty_lock);
	if (!(ei->ei_state & EI_JOINED)) {
		list_move_tail(&ei->ei_dirty, &fs->fs_joined);
		ei->ei_state = (ei->ei_state & ~(u32)EI_LAZY) | EI_JOINED;
		vn->v_unsaved = true;
	}
	if (ordered)
		ei->ei_state |= EI_ORDERED;
	ei->ei_tid = h->h_tid;
	spin_unlock(&fs->fs_dirty_lock);
	return 0;
}

void ext2_inode_touched(struct vnode *vn)
{
	struct einode *ei = einode_of(vn);
	struct ext2 *fs = ext2_of(vn);

	if (READ_ONCE(ei->ei_state) & (EI_JOINED | EI_LAZY) || !fs->fs_writable)
		return;
	spin_lock(&fs->fs_dirty_lock);
	if (!(ei->ei_state & (EI_JOINED | EI_LAZY))) {
		list_move_tail(&ei->ei_dirty, &fs->fs_lazy);
		ei->ei_state |= EI_LAZY;
		vn->v_unsaved = true;
	}
	spin_unlock(&fs->fs_dirty_lock);
}

void ext2_inode_unlist(struct ext2 *fs, struct einode *ei)
{
	spin_lock(&fs->fs_dirty_lock);
	list_del(&ei->ei_dirty);
	ei->ei_state &= ~(u32)(EI_JOINED | EI_LAZY | EI_ORDERED);
	spin_unlock(&fs->fs_dirty_lock);
}

int ext2_fsync(struct vnode *vn, bool datasync)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	u32 state = READ_ONCE(ei->ei_state);
	bool flushed = false;
	struct handle h;
	int err = 0;

	if (!fs->fs_writable)
		return 0;
	/* fdatasync(2): not for times alone. */
	if ((state & EI_LAZY) && datasync && einode_raw(ei)->i_size == (u32)vn->v_size &&
	    (!vnode_is_reg(vn) || einode_raw(ei)->i_size_high == (u32)((u64)vn->v_size >> 32)))
		state &= ~(u32)EI_LAZY;
	if (state & EI_LAZY) {
		err = ext2_begin(fs, CREDITS_MAP, &h);
		if (err)
			return err;
		err = ext2_join(&h, vn, true);
		journal_stop(&h);
	}
	if (err)
		return err;
	if (fs->fs_journal)
		err = journal_commit(fs->fs_journal, READ_ONCE(ei->ei_tid), &flushed);
	else if (state & (EI_JOINED | EI_LAZY) || vnode_is_dir(vn))
		return ext2_sync(vn->v_sb, true);
	if (!err && !flushed)
		err = blk_flush(fs->fs_dev);
	return err;
}

/* ---- from disk ------------------------------------------------------------- */

static u64 rdev_load(const u32 *block)
{
	if (block[0])
		return MKDEV((block[0] >> 8) & 0xff, block[0] & 0xff);
	return MKDEV((block[1] >> 8) & 0xfff, (block[1] & 0xff) | ((block[1] >> 12) & 0xfff00));
}

static void rdev_store(u32 *block, u64 rdev)
{
	u32 major = DEV_MAJOR(rdev), minor = DEV_MINOR(rdev);

	if (major < 256 && minor < 256)
		block[0] = major << 8 | minor;
	else
		block[1] = (minor & 0xff) | major << 8 | (minor & 0xfff00) << 12;
}

static struct einode *einode_alloc(struct vnode *vn)
{
	struct einode *ei = should_fail() ? NULL : kzalloc(sizeof(*ei));

	if (!ei)
		return NULL;
	ei->ei_vnode = vn;
	list_init(&ei->ei_dirty);
	list_init(&ei->ei_ordered);
	list_init(&ei->ei_orphan);
	mutex_init(&ei->ei_map_lock, "ext2_map", RANK_FS_MAP);
	return ei;
}

static void set_ops(struct vnode *vn)
{
	vn->v_ops = &ext2_file_vops;
	if (S_ISDIR(vn->v_mode)) {
		vn->v_ops = &ext2_dir_vops;
		vn->v_fops = &ext2_dir_fops;
	} else if (S_ISREG(vn->v_mode)) {
		vn->v_fops = &pagecache_file_ops;
		vm_object_init(&vn->v_object, &pageio_pager, vn);
		vm_object_truncate(&vn->v_object, (u64)vn->v_size);
	}
}

/* Does the inode say what it may? 0 or -EUCLEAN. */
static int check_raw(struct ext2 *fs, u64 ino, const struct ext2_inode *raw)
{
	u64 size = raw->i_size;
	u32 type = raw->i_mode & S_IFMT;

	if (type == S_IFREG)
		size |= (u64)raw->i_size_high << 32;
	if ((raw->i_flags & (EXT2_FL_EXTENTS | EXT2_FL_INLINE)) ||
	    (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFCHR &&
	     type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK) ||
	    size > (u64)fs->fs_max_size ||
	    (type == S_IFDIR && (!size || size % fs->fs_bsize)) ||
	    (type == S_IFLNK && (!size || size >= min(fs->fs_bsize, 4096u))))
		return ext2_error(fs, "inode %lu: mode %o, size %lu, flags %x", ino,
				  raw->i_mode, size, raw->i_flags);
	return 0;
}

static void load(struct einode *ei, const struct ext2_inode *raw)
{
	struct vnode *vn = ei->ei_vnode;

	vn->v_mode = raw->i_mode;
	vn->v_uid = raw->i_uid | (u32)raw->i_uid_high << 16;
	vn->v_gid = raw->i_gid | (u32)raw->i_gid_high << 16;
	vn->v_nlink = raw->i_links_count;
	vn->v_size = raw->i_size;
	if (vnode_is_reg(vn))
		vn->v_size |= (s64)raw->i_size_high << 32;
	vn->v_blocks = raw->i_blocks;
	times_load(vn, raw);
	ei->ei_flags = raw->i_flags;
	ei->ei_generation = raw->i_generation;
	ei->ei_file_acl = raw->i_file_acl;
	ei->ei_next_orphan = raw->i_links_count ? 0 : raw->i_dtime;
	memcpy(ei->ei_block, raw->i_block, sizeof(ei->ei_block));
	ei->ei_alloc_end = vn->v_size;
	if (S_ISCHR(vn->v_mode) || S_ISBLK(vn->v_mode))
		vn->v_rdev = rdev_load(ei->ei_block);
}

/* A vnode that vnode_find() has made NEW; *out: its einode with the buffer, nothing loaded. */
static int attach(struct vnode *vn, struct einode **out)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_alloc(vn);
	u32 block;
	int err;

	if (!ei)
		return -ENOMEM;
	err = ext2_inode_place(fs, (u32)vn->v_ino, &block, &ei->ei_offset);
	if (err)
		err = ext2_error(fs, "inode %lu is nowhere", vn->v_ino);
	else
		err = buf_read(fs->fs_dev, block, fs->fs_bsize, &ei->ei_buf);
	if (err) {
		kfree(ei);
		return err;
	}
	*out = ei;
	return 0;
}

void einode_free(struct einode *ei)
{
	buf_put(ei->ei_buf);
	kfree(ei);
}

static int inode_read(struct vnode *vn, bool orphan)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei;
	int err = attach(vn, &ei);

	if (err)
		return err;
	err = check_raw(fs, vn->v_ino, einode_raw(ei));
	if (!err && !einode_raw(ei)->i_links_count && !orphan)
		err = ext2_error(fs, "a name leads to inode %lu, which is free", vn->v_ino);
	if (err) {
		einode_free(ei);
		return err;
	}
	vn->v_data = ei;
	load(ei, einode_raw(ei));
	set_ops(vn);
	return 0;
}

static int iget(struct superblock *sb, u32 ino, bool orphan, struct vnode **out)
{
	struct vnode *vn;
	bool fresh;
	int err = vnode_find(sb, ino, &vn, &fresh);

	if (err)
		return err;
	if (fresh) {
		err = inode_read(vn, orphan);
		if (err) {
			vnode_fail(vn);
			return err;
		}
		vnode_ready(vn);
	}
	*out = vn;
	return 0;
}

int ext2_iget(struct superblock *sb, u32 ino, struct vnode **out)
{
	return iget(sb, ino, false, out);
}

int ext2_iget_orphan(struct superblock *sb, u32 ino, struct vnode **out)
{
	return iget(sb, ino, true, out);
}

int ext2_inode_fill(struct handle *h, struct vnode *dir, struct vnode *vn, u32 mode, u64 rdev)
{
	struct ext2 *fs = ext2_of(dir);
	struct ext2_inode *raw;
	struct einode *ei;
	int err = attach(vn, &ei);

	if (err)
		return err;
	err = ext2_access(h, ei->ei_buf);
	if (err) {
		einode_free(ei);
		return err;
	}
	raw = einode_raw(ei);
	memset(raw, 0, fs->fs_inode_size);
	if (fs->fs_inode_size > EXT2_GOOD_OLD_INODE_SIZE)
		raw->i_extra_isize = EXT2_EXTRA_ISIZE;
	vn->v_mode = mode;
	vn->v_nlink = 0;
	vn->v_rdev = rdev;
	vtime_now(&vn->v_btime);
	vtime_fit(vn->v_sb->sb_times, &vn->v_btime);
	vn->v_atime = vn->v_mtime = vn->v_ctime = vn->v_btime;
	vnode_init_owner(vn, dir);
	ei->ei_flags = einode_of(dir)->ei_flags & EXT2_FL_INHERITED;
	ei->ei_generation = (u32)atomic_inc_return(&fs->fs_generation);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		rdev_store(ei->ei_block, rdev);
	vn->v_data = ei;
	set_ops(vn);
	/* In the transaction already: cannot fail. */
	return ext2_join(h, vn, false);
}

/* vo_setattr. */
int ext2_setattr(struct vnode *vn, const struct vattr *va)
{
	struct vattr rest = *va;
	struct handle h;
	int err = 0;

	KASSERT(rwlock_write_held(&vn->v_lock));
	if ((va->va_valid & ATTR_SIZE) && vnode_is_reg(vn)) {
		err = ext2_truncate(vn, va->va_size);
		rest.va_valid &= ~(u32)ATTR_SIZE;
		if (!(va->va_valid & ATTR_MTIME)) {
			rest.va_valid |= ATTR_MTIME;
			vtime_now(&rest.va_mtime);
		}
	}
	if (err)
		return err;
	err = ext2_begin(ext2_of(vn), CREDITS_MAP, &h);
	if (err)
		return err;
	err = ext2_join(&h, vn, false);
	if (!err)
		vnode_setattr_generic(vn, &rest);
	journal_stop(&h);
	return err;
}
