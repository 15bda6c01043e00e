/* SPDX-License-Identifier: MIT */
/*
 * open(2): finding or making the file, the permission checks, truncation.
 * path_open() is also how exec and the kernel itself open files.
 *
 * Locks: the directory's v_lock for writing while a file is made; an existing
 * file is found without it.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fs_context.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/proc.h"

/* What open(2) asks of an existing file's permissions. */
static int open_mask(int flags)
{
	static const int masks[4] = {
		MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE
	};

	return masks[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static int may_open(const struct path *p, int flags)
{
	struct vnode *vn = p->dentry->d_vnode;
	const struct cred *cr = cred_current();
	int mask = open_mask(flags);
	int err;

	switch (vn->v_mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (mask & MAY_WRITE)
			return -EISDIR;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (p->mnt->mnt_flags & MS_NODEV)
			return -EACCES;
		__fallthrough;
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		if (mask & MAY_WRITE) {
			err = mount_check_write(p->mnt);
			if (err)
				return err;
		}
	}
	err = vnode_permission(vn, mask, cr);
	if (err)
		return err;
	if ((flags & O_NOATIME) && !vnode_owner(vn, cr))
		return -EPERM;
	return 0;
}

/*
 * Last component of w for O_CREAT: *out is a positive dentry, *created says
 * whether it is new.
 */
static int create_or_find(struct walk *w, mode_t mode, struct dentry **out, bool *created)
{
	struct dentry *dir = w->w_path.dentry, *d;
	struct vnode *dvn = dir->d_vnode;
	int err;

	*created = false;
	err = name_lookup(dir, w->w_last, w->w_len, false, &d);
	if (err)
		return err;
	if (d && d->d_vnode) {
		*out = d;
		return 0;
	}
	if (d)
		dentry_put(d);
	rwlock_write(&dvn->v_lock);
	err = name_lookup(dir, w->w_last, w->w_len, true, &d);
	if (!err && d && d->d_vnode) {
		*out = d;
	} else if (!err) {
		err = mount_check_write(w->w_path.mnt);
		if (!err)
			err = name_create(&w->w_path, w->w_last, w->w_len, d,
					  S_IFREG | (mode & 07777 & ~fs_umask()), 0, NULL, out);
		*created = !err;
		if (d)
			dentry_put(d);
	}
	rwlock_write_unlock(&dvn->v_lock);
	return err;
}

/* Walk to the file, making it if need be. Afterwards w_path is the file. */
static int open_walk_create(struct walk *w, int flags, mode_t mode, bool *created)
{
	struct dentry *d;
	int err;

	for (;;) {
		err = walk_run(w);
		if (err)
			return err;
		/* "/", "." and "..", and what a magic link led to. */
		if (w->w_type != LAST_NORM) {
			if (w->w_type == LAST_ROOT && w->w_nlinks &&
			    !vnode_is_dir(w->w_path.dentry->d_vnode))
				return flags & O_EXCL ? -EEXIST : 0;
			return flags & O_EXCL ? -EEXIST : -EISDIR;
		}
		if (w->w_slash)
			return -EISDIR;
		err = create_or_find(w, mode, &d, created);
		if (err)
			return err;
		if (*created)
			break;
		if (flags & O_EXCL) {
			dentry_put(d);
			return -EEXIST;
		}
		if (!S_ISLNK(d->d_vnode->v_mode))
			break;
		if (flags & O_NOFOLLOW) {
			dentry_put(d);
			return -ELOOP;
		}
		err = walk_link(w, d);
		if (err)
			return err;
	}
	walk_enter(w, d);
	if ((w->w_flags & LOOKUP_NO_XDEV) && w->w_path.mnt != w->w_top.mnt)
		return -EXDEV;
	if (!*created && vnode_is_dir(w->w_path.dentry->d_vnode))
		return -EISDIR;
	return 0;
}

/*
 * O_TMPFILE: a file in the directory at *dir that has no name there; *dir
 * becomes the file.
 */
static int open_tmpfile(struct path *dir, int flags, mode_t mode)
{
	struct vnode *dvn = dir->dentry->d_vnode, *vn;
	struct dentry *d;
	int err;

	if (!dvn->v_ops->vo_create)
		return -EOPNOTSUPP;
	err = mount_check_write(dir->mnt);
	if (!err)
		err = vnode_permission(dvn, MAY_WRITE | MAY_EXEC, cred_current());
	if (!err)
		err = dentry_alloc(dir->dentry, "#tmpfile", 8, &d);
	if (err)
		return err;
	rwlock_write(&dvn->v_lock);
	err = dvn->v_flags & VNF_DEAD ? -ENOENT :
	      dvn->v_ops->vo_create(dvn, NULL, 0, S_IFREG | (mode & 07777 & ~fs_umask()), 0,
				    NULL, &vn);
	rwlock_write_unlock(&dvn->v_lock);
	if (err) {
		dentry_put(d);
		return err;
	}
	if (!(flags & O_EXCL))
		vn->v_flags |= VNF_LINKABLE;
	dentry_bind(d, vn);
	dentry_delete(d);
	dentry_put(dir->dentry);
	dir->dentry = d;
	return 0;
}

static int open_truncate(struct dentry *d)
{
	struct vnode *vn = d->d_vnode;
	int err = vnode_get_write(vn);

	if (err)
		return err;
	err = vnode_truncate(vn, 0);
	vnode_put_write(vn);
	if (!err)
		inotify_dentry(d, IN_MODIFY);
	return err;
}

/* Find or make the file: *out is its place, *created tells that it is new. */
static int open_find(int dirfd, const char *name, int flags, mode_t mode, unsigned int lookup,
		     struct path *out, bool *created)
{
	unsigned int how = flags & O_CREAT ? LOOKUP_PARENT :
			   (flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			   (flags & O_DIRECTORY ? LOOKUP_DIRECTORY : 0);
	struct walk w;
	int err = walk_begin(&w, dirfd, name, how | lookup);

	if (err)
		return err;
	*created = false;
	if (flags & O_CREAT)
		err = open_walk_create(&w, flags, mode, created);
	else
		err = walk_run(&w);
	walk_end(&w, err ? NULL : out);
	return err;
}

int path_open(int dirfd, const char *name, int flags, mode_t mode, struct file **out)
{
	return path_open_as(dirfd, name, flags, mode, 0, out);
}

int path_open_as(int dirfd, const char *name, int flags, mode_t mode, unsigned int lookup,
		 struct file **out)
{
	bool created, tmpfile = (flags & __O_TMPFILE) != 0;
	struct path p;
	int err;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else if (tmpfile && ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_CREAT) ||
			     !(open_mask(flags) & MAY_WRITE)))
		return -EINVAL;
	else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	err = open_find(dirfd, name, flags, mode, lookup, &p, &created);
	if (err)
		return err;
	if (tmpfile) {
		err = open_tmpfile(&p, flags, mode);
		created = true;
	}
	/* Who makes a file may open it in any way, whatever its mode says. */
	if (!err && !created && !(flags & O_PATH))
		err = may_open(&p, flags);
	if (!err)
		err = file_open_path(&p, (u32)flags & ~__O_TMPFILE, out);
	if (!err && !(flags & O_PATH))
		inotify_file(*out, IN_OPEN);
	if (!err && (flags & O_TRUNC) && !created && vnode_is_reg(p.dentry->d_vnode)) {
		err = open_truncate(p.dentry);
		if (err)
			file_put(*out);
	}
	path_put(&p);
	return err;
}
