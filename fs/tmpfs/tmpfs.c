/* SPDX-License-Identifier: MIT */
/*
 * tmpfs: files live in the pages of their vnode's vm_object, directories in the
 * name cache (ft_pin_names), nothing anywhere else. A vnode is freed with its
 * last name and user.
 *
 * Limits: pages and inodes per mount, half of memory each by default, as
 * tmpfs(5) has it. A page is charged when it is made (the pager's vp_read) and
 * given back when it leaves the file (vp_dropped).
 *
 * Invariants: 1. ts_pages is the sum of v_blocks / 8 over all files; 2. a
 * directory's v_nlink is 2 plus the number of its subdirectories, 0 once it is
 * removed; its v_size is 40 plus 20 per entry.
 *
 * Locks: none of its own. Directories change under their v_lock (vnode.h); the
 * counts are atomic.
 */
#include <abi/dirent.h>
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/pagecache.h"
#include "fs/sys_path.h"
#include "fs/tmpfs/options.h"
#include "fs/tmpfs/tmpfs.h"
#include "kernel/core/fail.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define DIR_BASE_SIZE	40
#define DIRENT_SIZE	20

struct tmpfs {
	atomic64_t ts_pages;		/* [a] */
	atomic64_t ts_inodes;		/* [a] */
	atomic64_t ts_next_ino;		/* [a] */
	s64 ts_max_pages;		/* [a] */
	s64 ts_max_inodes;		/* [a] */
	struct tmpfs_options ts_opt;	/* [m] mount_lock: remount */
};

static atomic64_t total_pages;		/* [a] of all mounts */

static const struct vnode_ops tmpfs_dir_vops, tmpfs_file_vops;
static const struct file_ops tmpfs_dir_fops;

static struct tmpfs *tmpfs_of(const struct vnode *vn)
{
	return vn->v_sb->sb_data;
}

/* ---- pages ---- */

static int charge_page(struct tmpfs *ts)
{
	if (atomic64_inc_return(&ts->ts_pages) > ts->ts_max_pages) {
		atomic64_dec(&ts->ts_pages);
		return -ENOSPC;
	}
	return 0;
}

/* Every page that is charged or given back comes through here. */
static void vnode_blocks_add(struct vnode *vn, s64 pages)
{
	atomic64_add(&total_pages, pages);
	__atomic_fetch_add(&vn->v_blocks, (u64)(pages * (s64)(PAGE_SIZE / 512)), __ATOMIC_RELAXED);
}

static void tmpfs_dropped(struct vm_object *vo, u64 pages)
{
	struct vnode *vn = vo->vo_owner;

	vnode_blocks_add(vn, -(s64)pages);
	atomic64_sub(&tmpfs_of(vn)->ts_pages, (s64)pages);
}

/* A page is made: charged, and zero. */
static void tmpfs_read(struct vm_object *vo, struct page **pages, u64 index, unsigned int n,
		       bool ahead)
{
	struct vnode *vn = vo->vo_owner;

	(void)index;
	(void)ahead;
	for (unsigned int i = 0; i < n; i++) {
		int err = charge_page(tmpfs_of(vn));

		if (!err) {
			clear_page(page_to_virt(pages[i]));
			vnode_blocks_add(vn, 1);
		}
		vm_page_answer(pages[i], err);
	}
	vm_object_wake(vo);
}

void tmpfs_account_page(struct vnode *vn)
{
	struct tmpfs *ts = tmpfs_of(vn);

	atomic64_inc(&ts->ts_pages);
	/* It did not count as memory when the limit was set to half of that. */
	ts->ts_max_pages++;
	vnode_blocks_add(vn, 1);
}

u64 tmpfs_total_pages(void)
{
	return (u64)atomic64_read(&total_pages);
}

static const struct vm_pager tmpfs_pager = {
	.vp_read = tmpfs_read,
	.vp_dropped = tmpfs_dropped,
	.vp_release = vnode_object_release,
	.vp_ident = vnode_object_ident,
};

/* ---- vnodes ---- */

int tmpfs_vnode(struct superblock *sb, u32 mode, struct vnode **out)
{
	struct tmpfs *ts = sb->sb_data;
	struct vnode *vn;
	int err;

	if (atomic64_inc_return(&ts->ts_inodes) > ts->ts_max_inodes) {
		atomic64_dec(&ts->ts_inodes);
		return -ENOSPC;
	}
	err = should_fail() ? -ENOMEM :
	      vnode_alloc(sb, (u64)atomic64_inc_return(&ts->ts_next_ino), mode, &vn);
	if (err) {
		atomic64_dec(&ts->ts_inodes);
		return err;
	}
	vn->v_nlink = 0;
	vn->v_ops = &tmpfs_file_vops;
	if (S_ISDIR(mode)) {
		vn->v_ops = &tmpfs_dir_vops;
		vn->v_fops = &tmpfs_dir_fops;
		vn->v_size = DIR_BASE_SIZE;
	} else if (S_ISREG(mode)) {
		vn->v_flags = VNF_SPARSE | VNF_SEALABLE;
		vn->v_seals = F_SEAL_SEAL;
		vm_object_init(&vn->v_object, &tmpfs_pager, vn);
	}
	*out = vn;
	return 0;
}

static void tmpfs_inactive(struct vnode *vn)
{
	KASSERT(vn->v_blocks == 0);
	atomic64_dec(&tmpfs_of(vn)->ts_inodes);
	if (S_ISLNK(vn->v_mode))
		kfree(vn->v_data);
}

static ssize_t tmpfs_readlink(struct vnode *vn, char *buf, size_t size)
{
	size_t len = min((size_t)vn->v_size, size);

	memcpy(buf, vn->v_data, len);
	return (ssize_t)len;
}

/* ---- directories ---- */

/* An entry was added to (1) or taken from (-1) dir. */
static void dir_changed(struct vnode *dir, int entries)
{
	KASSERT(rwlock_write_held(&dir->v_lock));
	dir->v_size += entries * DIRENT_SIZE;
	vnode_touch(dir, false, true, true);
}

static int set_target(struct vnode *vn, const char *target)
{
	size_t len = strlen(target);

	vn->v_data = kmalloc(len + 1, ALLOC_WAIT);
	if (!vn->v_data)
		return -ENOMEM;
	memcpy(vn->v_data, target, len + 1);
	vn->v_size = (s64)len;
	return 0;
}

static int tmpfs_create(struct vnode *dir, const char *name, size_t len, u32 mode, u64 rdev,
			const char *target, struct vnode **out)
{
	struct vnode *vn;
	int err = tmpfs_vnode(dir->v_sb, mode, &vn);

	(void)len;
	if (err)
		return err;
	vnode_init_owner(vn, dir);
	vn->v_rdev = rdev;
	if (target) {
		err = set_target(vn, target);
		if (err) {
			vnode_put(vn);
			return err;
		}
	}
	if (name) {
		vn->v_nlink = S_ISDIR(mode) ? 2 : 1;
		if (S_ISDIR(mode))
			dir->v_nlink++;
		dir_changed(dir, 1);
	}
	*out = vn;
	return 0;
}

static int tmpfs_link(struct vnode *dir, const char *name, size_t len, struct vnode *vn)
{
	(void)name;
	(void)len;
	vn->v_nlink++;
	vnode_touch(vn, false, false, true);
	dir_changed(dir, 1);
	return 0;
}

static struct dentry *dir_dentry(struct vnode *dir)
{
	KASSERT(vnode_is_dir(dir) && !list_empty(&dir->v_dentries));
	return list_first_entry(&dir->v_dentries, struct dentry, d_alias);
}

/* The name of vn in dir goes; vn is an empty directory or anything else. */
static void drop_entry(struct vnode *dir, struct vnode *vn)
{
	if (vnode_is_dir(vn)) {
		KASSERT(dir->v_nlink > 2);
		dir->v_nlink--;
		vn->v_nlink = 0;
	} else {
		KASSERT(vn->v_nlink > 0);
		vn->v_nlink--;
	}
	vnode_touch(vn, false, false, true);
	dir_changed(dir, -1);
}

static int tmpfs_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *vn)
{
	(void)name;
	(void)len;
	if (vnode_is_dir(vn) && dentry_has_children(dir_dentry(vn)))
		return -ENOTEMPTY;
	drop_entry(dir, vn);
	return 0;
}

static int tmpfs_rename(struct vnode *sdir, const char *sname, size_t slen, struct vnode *svn,
			struct vnode *tdir, const char *tname, size_t tlen, struct vnode *tvn,
			bool exchange)
{
	(void)sname;
	(void)slen;
	(void)tname;
	(void)tlen;
	if (tvn && !exchange) {
		if (vnode_is_dir(tvn) && dentry_has_children(dir_dentry(tvn)))
			return -ENOTEMPTY;
		drop_entry(tdir, tvn);
	}
	if (vnode_is_dir(svn)) {
		sdir->v_nlink--;
		tdir->v_nlink++;
	}
	if (exchange && vnode_is_dir(tvn)) {
		tdir->v_nlink--;
		sdir->v_nlink++;
	}
	dir_changed(sdir, exchange ? 0 : -1);
	dir_changed(tdir, exchange ? 0 : 1);
	vnode_touch(svn, false, false, true);
	if (exchange)
		vnode_touch(tvn, false, false, true);
	return 0;
}

/*
 * Positions: 0 before ".", 1 before "..", then the cookie of the entry last
 * delivered. Cookies ascend along d_children, so names made or removed
 * meanwhile neither repeat nor hide others.
 */
static int tmpfs_readdir(struct file *f, struct dir_sink *ds)
{
	struct vnode *vn = f->f_vnode;
	struct dentry *dir = f->f_path.dentry, *parent, *d;
	u64 ino;

	KASSERT(rwlock_held(&vn->v_lock));
	if (f->f_pos == 0) {
		if (!ds->ds_emit(ds, ".", 1, vn->v_ino, DT_DIR, 1))
			return 0;
		f->f_pos = 1;
	}
	if (f->f_pos == 1) {
		parent = dentry_parent(dir);
		ino = parent->d_vnode->v_ino;
		dentry_put(parent);
		if (!ds->ds_emit(ds, "..", 2, ino, DT_DIR, 2))
			return 0;
		f->f_pos = 2;
	}
	list_for_each_entry(d, &dir->d_children, d_sibling) {
		struct vnode *cvn = d->d_vnode;

		if ((s64)d->d_cookie <= f->f_pos)
			continue;
		if (!ds->ds_emit(ds, d->d_name, d->d_len, cvn->v_ino,
				 (cvn->v_mode & S_IFMT) >> 12, (s64)d->d_cookie))
			break;
		f->f_pos = (s64)d->d_cookie;
	}
	return 0;
}

static int tmpfs_dir_fsync(struct file *f, bool datasync)
{
	(void)f;
	(void)datasync;
	return 0;
}

static const struct file_ops tmpfs_dir_fops = {
	.fo_read = dir_read,
	.fo_seek = dir_seek,
	.fo_readdir = tmpfs_readdir,
	.fo_fsync = tmpfs_dir_fsync,
};

static const struct vnode_ops tmpfs_dir_vops = {
	.vo_create = tmpfs_create,
	.vo_link = tmpfs_link,
	.vo_unlink = tmpfs_unlink,
	.vo_rename = tmpfs_rename,
	.vo_inactive = tmpfs_inactive,
};

static const struct vnode_ops tmpfs_file_vops = {
	.vo_readlink = tmpfs_readlink,
	.vo_fallocate = pagecache_fallocate,
	.vo_seek_data = pagecache_seek_data,
	.vo_inactive = tmpfs_inactive,
};

/* ---- the file system ---- */

int tmpfs_mount(struct superblock *sb, const char *source, const char *data)
{
	struct tmpfs *ts = kzalloc(sizeof(*ts));
	struct vnode *root;
	int err;

	(void)source;
	if (!ts)
		return -ENOMEM;
	err = tmpfs_parse_options(data, &ts->ts_opt);
	if (err)
		goto fail;
	ts->ts_max_pages = (s64)ts->ts_opt.to_pages;
	ts->ts_max_inodes = (s64)ts->ts_opt.to_inodes;
	sb->sb_magic = TMPFS_MAGIC;
	sb->sb_data = ts;
	err = tmpfs_vnode(sb, S_IFDIR | ts->ts_opt.to_mode, &root);
	if (err)
		goto fail;
	root->v_nlink = 2;
	root->v_uid = ts->ts_opt.to_uid;
	root->v_gid = ts->ts_opt.to_gid;
	sb->sb_root = root;
	return 0;
fail:
	kfree(ts);
	return err;
}

/* Limits may change, but not below what is used; mode and owner were for the first mount. */
static int tmpfs_remount(struct superblock *sb, unsigned long flags, const char *data)
{
	struct tmpfs *ts = sb->sb_data;
	struct tmpfs_options o = ts->ts_opt;
	int err = tmpfs_parse_more(data, &o);

	(void)flags;
	if (err)
		return err;
	if ((s64)o.to_pages < atomic64_read(&ts->ts_pages) ||
	    (s64)o.to_inodes < atomic64_read(&ts->ts_inodes))
		return -EINVAL;
	ts->ts_opt.to_has_size = o.to_has_size;
	ts->ts_opt.to_has_inodes = o.to_has_inodes;
	WRITE_ONCE(ts->ts_max_pages, (s64)o.to_pages);
	WRITE_ONCE(ts->ts_max_inodes, (s64)o.to_inodes);
	ts->ts_opt.to_pages = o.to_pages;
	ts->ts_opt.to_inodes = o.to_inodes;
	return 0;
}

static void tmpfs_unmount(struct superblock *sb)
{
	struct tmpfs *ts = sb->sb_data;

	KASSERT_MSG(atomic64_read(&ts->ts_pages) == 0, "%ld pages are left",
		    atomic64_read(&ts->ts_pages));
	KASSERT(atomic64_read(&ts->ts_inodes) == 0);
	kfree(ts);
}

int tmpfs_statfs(struct superblock *sb, struct statfs *st)
{
	struct tmpfs *ts = sb->sb_data;

	st->f_blocks = ts->ts_max_pages;
	st->f_bfree = st->f_bavail = ts->ts_max_pages - atomic64_read(&ts->ts_pages);
	st->f_files = ts->ts_max_inodes;
	st->f_ffree = ts->ts_max_inodes - atomic64_read(&ts->ts_inodes);
	return 0;
}

static void tmpfs_show(struct superblock *sb, char *buf, size_t size)
{
	struct tmpfs *ts = sb->sb_data;
	size_t n = 0;

	*buf = '\0';
	if (ts->ts_opt.to_has_size)
		n += (size_t)snprintf(buf + n, size - n, ",size=%ldk",
				      ts->ts_max_pages * (s64)(PAGE_SIZE / 1024));
	if (ts->ts_opt.to_has_inodes)
		n += (size_t)snprintf(buf + n, size - n, ",nr_inodes=%ld", ts->ts_max_inodes);
	if (ts->ts_opt.to_mode != 01777)
		snprintf(buf + n, size - n, ",mode=%03o", ts->ts_opt.to_mode);
}

static struct fs_type tmpfs_type = {
	.ft_name = "tmpfs",
	.ft_mount = tmpfs_mount,
	.ft_unmount = tmpfs_unmount,
	.ft_remount = tmpfs_remount,
	.ft_statfs = tmpfs_statfs,
	.ft_show = tmpfs_show,
	.ft_pin_names = true,
};

void tmpfs_init(void)
{
	fs_type_register(&tmpfs_type);
}
