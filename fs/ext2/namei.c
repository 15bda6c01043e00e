/* SPDX-License-Identifier: MIT */
/*
 * Operations on names: each is one handle, so that a crash leaves all of it or
 * nothing. What can fail comes before what cannot be taken back; where a new file
 * is already made when a step fails, it has no link and ends like any other.
 *
 * A link count of a directory is 2 and one for each directory in it; beyond
 * EXT2_LINK_MAX nothing is added (-EMLINK).
 */
#include <errno.h>
#include <kassert.h>
#include "fs/ext2/ext2.h"
#include "fs/sys_path.h"
#include "kernel/lib/string.h"

static int ext2_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	struct dirslot ds;
	u32 ino;
	int err;

	if (len > EXT2_NAME_LEN)
		return -ENAMETOOLONG;
	err = ext2_dir_find(dir, name, len, &ds);
	if (err)
		return err;
	ino = dirslot_entry(&ds)->d_ino;
	buf_put(ds.ds_buf);
	/* The journal's file, say, has no name. */
	if (ino < ext2_of(dir)->fs_first_ino && ino != EXT2_ROOT_INO)
		return ext2_error(ext2_of(dir), "a name leads to inode %u", ino);
	return ext2_iget(dir->v_sb, ino, out);
}

/* ---- symbolic links --------------------------------------------------------- */

static bool is_fast_symlink(const struct vnode *vn)
{
	const struct einode *ei = einode_of(vn);
	u64 acl = ei->ei_file_acl ? ext2_of(vn)->fs_bsize / 512 : 0;

	return vn->v_blocks == acl && vn->v_size <= (s64)sizeof(ei->ei_block);
}

static int symlink_fill(struct handle *h, struct vnode *vn, const char *target)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	size_t len = strlen(target);
	struct buf *b;
	u32 block;
	bool fresh;
	int err;

	if (len >= min(fs->fs_bsize, 4096u))
		return -ENAMETOOLONG;
	if (len < sizeof(ei->ei_block)) {
		memcpy(ei->ei_block, target, len);
		vn->v_size = (s64)len;
		return 0;
	}
	err = ext2_make_block(h, vn, 0, &block, &fresh);
	if (!err)
		err = buf_get(fs->fs_dev, block, fs->fs_bsize, &b);
	if (err)
		return err;
	err = ext2_access(h, b);
	if (!err) {
		memset(b->b_data, 0, fs->fs_bsize);
		memcpy(b->b_data, target, len);
		ext2_dirty(h, b);
		vn->v_size = (s64)len;
	}
	buf_put(b);
	return err;
}

static ssize_t ext2_readlink(struct vnode *vn, char *buf, size_t size)
{
	struct ext2 *fs = ext2_of(vn);
	struct einode *ei = einode_of(vn);
	size_t len = min((size_t)vn->v_size, size);
	struct buf *b;
	u32 block;
	int err;

	if (is_fast_symlink(vn)) {
		memcpy(buf, ei->ei_block, len);
		return (ssize_t)len;
	}
	err = ext2_map_block(vn, 0, &block);
	if (!err && !block)
		err = ext2_error(fs, "symbolic link %lu has no target", vn->v_ino);
	if (!err)
		err = buf_read(fs->fs_dev, block, fs->fs_bsize, &b);
	if (err)
		return err;
	memcpy(buf, b->b_data, min(len, (size_t)fs->fs_bsize));
	buf_put(b);
	return (ssize_t)len;
}

/* ---- create ------------------------------------------------------------------ */

/* The new file vn gets its contents and its name. */
static int create_named(struct handle *h, struct vnode *dir, const char *name, size_t len,
			struct vnode *vn, const char *target)
{
	bool is_dir = vnode_is_dir(vn);
	int err = 0;

	if (target)
		err = symlink_fill(h, vn, target);
	else if (is_dir)
		err = ext2_dir_make(h, vn, dir);
	if (!err && name)
		err = ext2_dir_add(h, dir, name, len, vn);
	if (err)
		return err;
	if (name) {
		vn->v_nlink = is_dir ? 2 : 1;
		dir->v_nlink += is_dir;
		return 0;
	}
	return ext2_orphan_add(h, vn);
}

static int try_create(struct vnode *dir, const char *name, size_t len, u32 mode, u64 rdev,
		      const char *target, struct vnode **out)
{
	struct handle h;
	struct vnode *vn = NULL;
	int err = ext2_begin(ext2_of(dir), CREDITS_NAME, &h);

	if (err)
		return err;
	err = ext2_inode_new(&h, dir, mode, rdev, &vn);
	if (!err) {
		err = create_named(&h, dir, name, len, vn, target);
		/* Without a link; on the orphan list it ends even if we crash now. */
		if (err)
			(void)ext2_orphan_add(&h, vn);
	}
	journal_stop(&h);
	if (!err)
		*out = vn;
	else if (vn)
		vnode_put(vn);
	return err;
}

static int ext2_create(struct vnode *dir, const char *name, size_t len, u32 mode, u64 rdev,
		       const char *target, struct vnode **out)
{
	int err, tries = 0;

	if (len > EXT2_NAME_LEN)
		return -ENAMETOOLONG;
	if (S_ISDIR(mode) && dir->v_nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	do {
		err = try_create(dir, name, len, mode, rdev, target, out);
	} while (ext2_retry_space(ext2_of(dir), err, &tries));
	return err;
}

static int try_link(struct vnode *dir, const char *name, size_t len, struct vnode *vn)
{
	struct handle h;
	int err = ext2_begin(ext2_of(dir), CREDITS_NAME, &h);

	if (err)
		return err;
	err = ext2_join(&h, vn, false);
	if (!err)
		err = ext2_orphan_del(&h, vn);
	if (!err)
		err = ext2_dir_add(&h, dir, name, len, vn);
	if (!err) {
		vn->v_nlink++;
		vnode_touch(vn, false, false, true);
	} else if (vn->v_nlink == 0) {
		(void)ext2_orphan_add(&h, vn);
	}
	journal_stop(&h);
	return err;
}

static int ext2_link(struct vnode *dir, const char *name, size_t len, struct vnode *vn)
{
	int err, tries = 0;

	if (len > EXT2_NAME_LEN)
		return -ENAMETOOLONG;
	if (vn->v_nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	do {
		err = try_link(dir, name, len, vn);
	} while (ext2_retry_space(ext2_of(dir), err, &tries));
	return err;
}

/* ---- unlink and rename --------------------------------------------------------- */

/* vn loses a name in dir; a directory its only one. It and dir are joined or will be. */
static int drop_link(struct handle *h, struct vnode *dir, struct vnode *vn)
{
	int err = ext2_join(h, vn, false);

	/* First what may fail: the list does no harm if the name stays. */
	if (!err && (vnode_is_dir(vn) || vn->v_nlink <= 1))
		err = ext2_orphan_add(h, vn);
	if (err)
		return err;
	if (vnode_is_dir(vn)) {
		vn->v_nlink = 0;
		dir->v_nlink -= dir->v_nlink > 2;
	} else {
		vn->v_nlink -= vn->v_nlink != 0;
	}
	vnode_touch(vn, false, false, true);
	return 0;
}

static int ext2_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *vn)
{
	struct dirslot ds;
	struct handle h;
	int err = vnode_is_dir(vn) ? ext2_dir_check_empty(vn) : 0;

	if (!err)
		err = ext2_dir_find(dir, name, len, &ds);
	if (err)
		return err;
	err = ext2_begin(ext2_of(dir), CREDITS_NAME, &h);
	if (!err) {
		err = ext2_dir_remove(&h, dir, &ds);
		if (!err)
			err = drop_link(&h, dir, vn);
		journal_stop(&h);
	}
	buf_put(ds.ds_buf);
	return err;
}

struct rename {
	struct vnode *rn_sdir, *rn_tdir, *rn_svn, *rn_tvn;
	struct dirslot rn_s, rn_t;	/* entries; ds_buf NULL: none */
	struct dirslot rn_sdots, rn_tdots;	/* ".." of what moves to another directory */
};

static void rename_put(struct rename *rn)
{
	struct dirslot *all[] = { &rn->rn_s, &rn->rn_t, &rn->rn_sdots, &rn->rn_tdots };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i]->ds_buf)
			buf_put(all[i]->ds_buf);
	}
}

/* Find all that is to be changed, and check. */
static int rename_prepare(struct rename *rn, const char *sname, size_t slen, const char *tname,
			  size_t tlen, bool exchange)
{
	bool moves = rn->rn_sdir != rn->rn_tdir;
	bool tdir_more = moves && vnode_is_dir(rn->rn_svn) &&
			 !(rn->rn_tvn && vnode_is_dir(rn->rn_tvn));
	int err = tlen > EXT2_NAME_LEN ? -ENAMETOOLONG : 0;

	if (!err && rn->rn_tvn && !exchange && vnode_is_dir(rn->rn_tvn))
		err = ext2_dir_check_empty(rn->rn_tvn);
	if (!err && tdir_more && rn->rn_tdir->v_nlink >= EXT2_LINK_MAX)
		err = -EMLINK;
	if (!err)
		err = ext2_dir_find(rn->rn_sdir, sname, slen, &rn->rn_s);
	if (!err && rn->rn_tvn)
		err = ext2_dir_find(rn->rn_tdir, tname, tlen, &rn->rn_t);
	if (!err && moves && vnode_is_dir(rn->rn_svn))
		err = ext2_dir_find(rn->rn_svn, "..", 2, &rn->rn_sdots);
	if (!err && moves && exchange && vnode_is_dir(rn->rn_tvn))
		err = ext2_dir_find(rn->rn_tvn, "..", 2, &rn->rn_tdots);
	return err;
}

/* A directory changes its parent: ".." and both link counts. */
static int move_dots(struct handle *h, struct dirslot *dots, struct vnode *from, struct vnode *to)
{
	int err;

	if (!dots->ds_buf)
		return 0;
	err = ext2_dir_set(h, dots, to);
	if (err)
		return err;
	from->v_nlink--;
	to->v_nlink++;
	return 0;
}

/*
 * New name first, then the old one goes. Where the buffers of the old one are
 * concerned by the new one, ext2_dir_remove() looks again.
 */
static int rename_commit(struct handle *h, struct rename *rn, const char *tname, size_t tlen,
			 bool exchange)
{
	int err = ext2_join(h, rn->rn_svn, false);

	if (!err)
		err = ext2_join(h, rn->rn_sdir, false);
	if (!err)
		err = ext2_join(h, rn->rn_tdir, false);
	if (!err && rn->rn_tvn)
		err = ext2_join(h, rn->rn_tvn, false);
	if (!err)
		err = ext2_access(h, rn->rn_s.ds_buf);
	if (!err && rn->rn_tvn && !exchange)
		err = drop_link(h, rn->rn_tdir, rn->rn_tvn);
	if (!err && rn->rn_tvn)
		err = ext2_dir_set(h, &rn->rn_t, rn->rn_svn);
	else if (!err)
		err = ext2_dir_add(h, rn->rn_tdir, tname, tlen, rn->rn_svn);
	if (!err && exchange)
		err = ext2_dir_set(h, &rn->rn_s, rn->rn_tvn);
	else if (!err)
		err = ext2_dir_remove(h, rn->rn_sdir, &rn->rn_s);
	if (!err)
		err = move_dots(h, &rn->rn_sdots, rn->rn_sdir, rn->rn_tdir);
	if (!err)
		err = move_dots(h, &rn->rn_tdots, rn->rn_tdir, rn->rn_sdir);
	if (err)
		return err;
	vnode_touch(rn->rn_svn, false, false, true);
	if (rn->rn_tvn)
		vnode_touch(rn->rn_tvn, false, false, true);
	vnode_touch(rn->rn_sdir, false, true, true);
	vnode_touch(rn->rn_tdir, false, true, true);
	return 0;
}

static int ext2_rename(struct vnode *sdir, const char *sname, size_t slen, struct vnode *svn,
		       struct vnode *tdir, const char *tname, size_t tlen, struct vnode *tvn,
		       bool exchange)
{
	struct rename rn = {
		.rn_sdir = sdir, .rn_tdir = tdir, .rn_svn = svn, .rn_tvn = tvn,
	};
	struct handle h;
	int tries = 0, err = rename_prepare(&rn, sname, slen, tname, tlen, exchange);

	while (!err) {
		err = ext2_begin(ext2_of(sdir), CREDITS_NAME, &h);
		if (err)
			break;
		err = rename_commit(&h, &rn, tname, tlen, exchange);
		journal_stop(&h);
		if (!ext2_retry_space(ext2_of(sdir), err, &tries))
			break;
		err = 0;
	}
	rename_put(&rn);
	return err;
}

/* ---- tables ---------------------------------------------------------------------- */

static int ext2_dir_fsync(struct file *f, bool datasync)
{
	return ext2_fsync(f->f_vnode, datasync);
}

const struct file_ops ext2_dir_fops = {
	.fo_read = dir_read,
	.fo_seek = dir_seek,
	.fo_readdir = ext2_readdir,
	.fo_fsync = ext2_dir_fsync,
};

const struct vnode_ops ext2_dir_vops = {
	.vo_lookup = ext2_lookup,
	.vo_create = ext2_create,
	.vo_link = ext2_link,
	.vo_unlink = ext2_unlink,
	.vo_rename = ext2_rename,
	.vo_setattr = ext2_setattr,
	.vo_inactive = ext2_inactive,
};

const struct vnode_ops ext2_file_vops = {
	.vo_readlink = ext2_readlink,
	.vo_setattr = ext2_setattr,
	.vo_inactive = ext2_inactive,
	.vo_bmap = ext2_bmap,
	.vo_fsync = ext2_fsync,
	.vo_fallocate = ext2_fallocate,
	.vo_seek_data = ext2_seek_data,
};
