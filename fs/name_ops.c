/* SPDX-License-Identifier: MIT */
/*
 * Everything that changes names: mkdir, mknod, symlink, link, unlink, rmdir;
 * rename is in name_rename.c. All copy the path in, walk to the directory, lock
 * it, look the name up, check, and then commit: the file system first, the name
 * cache after it.
 *
 * Locks: the directory's v_lock for writing, then that of the file concerned
 * (parent before child).
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fs_context.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/name_ops.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/proc.h"
#include "kernel/lib/string.h"

int name_may_create(const struct path *dir)
{
	struct vnode *dvn = dir->dentry->d_vnode;

	KASSERT(rwlock_write_held(&dvn->v_lock));
	if (dvn->v_flags & VNF_DEAD)
		return -ENOENT;
	return vnode_permission(dvn, MAY_WRITE | MAY_EXEC, cred_current());
}

int name_may_delete(const struct path *dir, struct dentry *victim, bool is_dir)
{
	struct vnode *dvn = dir->dentry->d_vnode, *vn = victim->d_vnode;
	const struct cred *cr = cred_current();
	int err = vnode_permission(dvn, MAY_WRITE | MAY_EXEC, cr);

	KASSERT(rwlock_write_held(&dvn->v_lock));
	if (err)
		return err;
	/*
	 * The restricted deletion flag: only owners of the file or the
	 * directory.
	 */
	if ((dvn->v_mode & S_ISVTX) && !vnode_owner(vn, cr) && cr->cr_fsuid != dvn->v_uid)
		return -EPERM;
	if (is_dir)
		return vnode_is_dir(vn) ? 0 : -ENOTDIR;
	return vnode_is_dir(vn) ? -EISDIR : 0;
}

int name_create(const struct path *dir, const char *name, size_t len, struct dentry *d,
		u32 mode, u64 rdev, const char *target, struct dentry **out)
{
	struct vnode *dvn = dir->dentry->d_vnode, *vn;
	struct dentry *made = NULL;
	int err = name_may_create(dir);

	KASSERT(!d || !d->d_vnode);
	if (err)
		return err;
	if (!dvn->v_ops->vo_create)
		return -EPERM;
	if (!d) {
		err = dentry_alloc(dir->dentry, name, len, &made);
		if (err)
			return err;
	}
	err = dvn->v_ops->vo_create(dvn, name, len, mode, rdev, target, &vn);
	if (err) {
		if (made)
			dentry_put(made);
		return err;
	}
	if (d) {
		dentry_instantiate(d, vn);
		*out = dentry_get(d);
	} else {
		*out = dentry_add(made, vn);
	}
	inotify_entry(dvn, S_ISDIR(mode) ? IN_CREATE | IN_ISDIR : IN_CREATE, name, len);
	return 0;
}

/*
 * A name that is about to come into being: its directory is locked, the name is
 * free.
 */
struct new_name {
	struct pathbuf nn_pb;
	struct walk nn_walk;
	struct dentry *nn_d;		/* negative, or NULL */
};

static void new_name_end(struct new_name *nn)
{
	rwlock_write_unlock(&nn->nn_walk.w_path.dentry->d_vnode->v_lock);
	if (nn->nn_d)
		dentry_put(nn->nn_d);
	walk_end(&nn->nn_walk, NULL);
	pathbuf_put(&nn->nn_pb);
}

/*
 * -EEXIST, -ENOENT (no directory, or "name/" for what is none), -EROFS; the
 * directory's v_lock is held after 0.
 */
static int new_name_begin(struct new_name *nn, int dirfd, const char __user *name, bool is_dir)
{
	struct walk *w = &nn->nn_walk;
	struct dentry *dir;
	int err = pathbuf_get(&nn->nn_pb, name);

	if (err)
		return err;
	err = walk_begin(w, dirfd, nn->nn_pb.pb_name, LOOKUP_PARENT);
	if (err)
		goto out_buf;
	err = walk_run(w);
	if (!err && w->w_type != LAST_NORM)
		err = -EEXIST;
	if (err)
		goto out_walk;
	dir = w->w_path.dentry;
	rwlock_write(&dir->d_vnode->v_lock);
	err = name_lookup(dir, w->w_last, w->w_len, true, &nn->nn_d);
	if (err)
		goto out_lock;
	if (nn->nn_d && nn->nn_d->d_vnode)
		err = -EEXIST;
	else if (!is_dir && w->w_slash)
		err = -ENOENT;
	else
		err = mount_check_write(w->w_path.mnt);
	if (!err)
		return 0;
	if (nn->nn_d)
		dentry_put(nn->nn_d);
out_lock:
	rwlock_write_unlock(&dir->d_vnode->v_lock);
out_walk:
	walk_end(w, NULL);
out_buf:
	pathbuf_put(&nn->nn_pb);
	return err;
}

/* mkdir, mknod and symlink are the same but for what is made. */
static long make_node(int dirfd, const char __user *name, u32 mode, u64 rdev,
		      const char *target)
{
	struct new_name nn;
	struct walk *w = &nn.nn_walk;
	struct dentry *d;
	int err = new_name_begin(&nn, dirfd, name, S_ISDIR(mode));

	if (err)
		return err;
	err = name_create(&w->w_path, w->w_last, w->w_len, nn.nn_d, mode, rdev, target, &d);
	if (!err)
		dentry_put(d);
	new_name_end(&nn);
	return err;
}

long sys_mkdirat(int dirfd, const char __user *name, mode_t mode)
{
	/* Linux lets mkdir set the sticky bit, but not the set-id bits. */
	mode &= 01777 & ~fs_umask();
	return make_node(dirfd, name, S_IFDIR | mode, 0, NULL);
}

long sys_mkdir(const char __user *name, mode_t mode)
{
	return sys_mkdirat(AT_FDCWD, name, mode);
}

long sys_mknodat(int dirfd, const char __user *name, mode_t mode, unsigned int dev)
{
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		__fallthrough;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		dev = 0;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!cred_privileged(cred_current()))
			return -EPERM;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	mode = (mode & S_IFMT) | (mode & 07777 & ~fs_umask());
	return make_node(dirfd, name, mode, dev, NULL);
}

long sys_mknod(const char __user *name, mode_t mode, unsigned int dev)
{
	return sys_mknodat(AT_FDCWD, name, mode, dev);
}

long sys_symlinkat(const char __user *target, int dirfd, const char __user *name)
{
	struct pathbuf pb;
	long err = pathbuf_get(&pb, target);

	if (err)
		return err;
	err = *pb.pb_name ? make_node(dirfd, name, S_IFLNK | 0777, 0, pb.pb_name) : -ENOENT;
	pathbuf_put(&pb);
	return err;
}

long sys_symlink(const char __user *target, const char __user *name)
{
	return sys_symlinkat(target, AT_FDCWD, name);
}

int fs_make_dir(const char *name, mode_t mode)
{
	struct dentry *dir, *d = NULL, *made;
	struct walk w;
	int err = walk_begin(&w, AT_FDCWD, name, LOOKUP_PARENT);

	if (err)
		return err;
	err = walk_run(&w);
	if (!err && w.w_type != LAST_NORM)
		err = -EEXIST;
	if (err)
		goto out;
	dir = w.w_path.dentry;
	rwlock_write(&dir->d_vnode->v_lock);
	err = name_lookup(dir, w.w_last, w.w_len, true, &d);
	if (!err && d && d->d_vnode)
		err = -EEXIST;
	if (!err)
		err = name_create(&w.w_path, w.w_last, w.w_len, d, S_IFDIR | mode, 0, NULL, &made);
	if (!err)
		dentry_put(made);
	rwlock_write_unlock(&dir->d_vnode->v_lock);
	if (d)
		dentry_put(d);
out:
	walk_end(&w, NULL);
	return err;
}

/*
 * Give vn (whose mount is mnt) the name in nn; all but the file itself is
 * locked.
 */
static int link_commit(struct new_name *nn, const struct mount *mnt, struct vnode *vn)
{
	struct walk *w = &nn->nn_walk;
	struct vnode *dvn = w->w_path.dentry->d_vnode;
	struct dentry *d = NULL;
	int err;

	if (mnt != w->w_path.mnt)
		return -EXDEV;
	err = name_may_create(&w->w_path);
	if (err)
		return err;
	if (vnode_is_dir(vn) || !dvn->v_ops->vo_link)
		return -EPERM;
	if (!nn->nn_d) {
		err = dentry_alloc(w->w_path.dentry, w->w_last, w->w_len, &d);
		if (err)
			return err;
	}
	rwlock_write_nested(&vn->v_lock);
	if (vn->v_nlink == 0 && !(vn->v_flags & VNF_LINKABLE))
		err = -ENOENT;
	else
		err = dvn->v_ops->vo_link(dvn, w->w_last, w->w_len, vn);
	if (!err && (vn->v_flags & VNF_LINKABLE)) {
		spin_lock(&vn->v_ilock);
		vn->v_flags &= ~VNF_LINKABLE;
		spin_unlock(&vn->v_ilock);
	}
	rwlock_write_unlock(&vn->v_lock);
	if (!err && nn->nn_d)
		dentry_instantiate(nn->nn_d, vnode_get(vn));
	else if (!err)
		d = dentry_add(d, vnode_get(vn));
	if (!err) {
		inotify_self(vn, IN_ATTRIB);
		inotify_entry(dvn, IN_CREATE, w->w_last, w->w_len);
	}
	if (d)
		dentry_put(d);
	return err;
}

long sys_linkat(int olddirfd, const char __user *oldname, int newdirfd,
		const char __user *newname, int flags)
{
	unsigned int how = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct new_name nn;
	struct path old;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH) {
		if (!cred_privileged(cred_current()))
			return -ENOENT;
		how |= LOOKUP_EMPTY;
	}
	err = path_lookup_user(olddirfd, oldname, how, &old);
	if (err)
		return err;
	err = new_name_begin(&nn, newdirfd, newname, false);
	if (!err) {
		err = link_commit(&nn, old.mnt, old.dentry->d_vnode);
		new_name_end(&nn);
	}
	path_put(&old);
	return err;
}

long sys_link(const char __user *oldname, const char __user *newname)
{
	return sys_linkat(AT_FDCWD, oldname, AT_FDCWD, newname, 0);
}

/*
 * The last name's checks that unlink and rmdir have in common; d is positive.
 */
static int remove_commit(struct walk *w, struct dentry *d, bool is_dir)
{
	struct vnode *dvn = w->w_path.dentry->d_vnode, *vn = d->d_vnode;
	int err = name_may_delete(&w->w_path, d, is_dir);

	if (err)
		return err;
	if (d->d_flags & DENTRY_MOUNTED)
		return -EBUSY;
	if (!dvn->v_ops->vo_unlink)
		return -EPERM;
	rwlock_write_nested(&vn->v_lock);
	err = dvn->v_ops->vo_unlink(dvn, w->w_last, w->w_len, vn);
	if (!err) {
		if (is_dir)
			vn->v_flags |= VNF_DEAD;
		dentry_delete(d);
	}
	rwlock_write_unlock(&vn->v_lock);
	if (!err) {
		if (!is_dir)
			inotify_self(vn, IN_ATTRIB);
		inotify_entry(dvn, is_dir ? IN_DELETE | IN_ISDIR : IN_DELETE, w->w_last,
			      w->w_len);
	}
	return err;
}

static int remove_at(struct walk *w, bool is_dir)
{
	struct dentry *dir = w->w_path.dentry, *d;
	struct vnode *dvn = dir->d_vnode;
	int err = mount_check_write(w->w_path.mnt);

	if (err)
		return err;
	rwlock_write(&dvn->v_lock);
	err = name_lookup(dir, w->w_last, w->w_len, true, &d);
	if (!err && !(d && d->d_vnode))
		err = -ENOENT;
	else if (!err && w->w_slash && !is_dir)
		err = vnode_is_dir(d->d_vnode) ? -EISDIR : -ENOTDIR;
	else if (!err)
		err = remove_commit(w, d, is_dir);
	rwlock_write_unlock(&dvn->v_lock);
	/*
	 * Maybe the file's last reference: its pages are freed here, with no
	 * lock held.
	 */
	if (d)
		dentry_put(d);
	return err;
}

static long remove_user(int dirfd, const char __user *name, bool is_dir)
{
	static const int bad_rmdir[] = {
		[LAST_ROOT] = -EBUSY, [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY
	};
	struct pathbuf pb;
	struct walk w;
	int err = pathbuf_get(&pb, name);

	if (err)
		return err;
	err = walk_begin(&w, dirfd, pb.pb_name, LOOKUP_PARENT);
	if (!err) {
		err = walk_run(&w);
		if (!err && w.w_type != LAST_NORM)
			err = is_dir ? bad_rmdir[w.w_type] : -EISDIR;
		if (!err)
			err = remove_at(&w, is_dir);
		walk_end(&w, NULL);
	}
	pathbuf_put(&pb);
	return err;
}

long sys_unlinkat(int dirfd, const char __user *name, int flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return remove_user(dirfd, name, flags & AT_REMOVEDIR);
}

long sys_unlink(const char __user *name)
{
	return remove_user(AT_FDCWD, name, false);
}

long sys_rmdir(const char __user *name)
{
	return remove_user(AT_FDCWD, name, true);
}
