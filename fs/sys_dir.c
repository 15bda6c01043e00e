/* SPDX-License-Identifier: MIT */
/*
 * System calls on directories: the working and the root directory, and reading
 * entries.
 */
#include <abi/dirent.h>
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys_path.h"
#include "fs/vnode.h"
#include "kernel/core/proc.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

long sys_chdir(const char __user *name)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = vnode_permission(p.dentry->d_vnode, MAY_EXEC, cred_current());
	if (err)
		path_put(&p);
	else
		fs_set_cwd(&p);
	return err;
}

long sys_fchdir(int fd)
{
	struct fdref r;
	struct path p;
	int err;

	if (!fd_get_any(fd, &r))
		return -EBADF;
	if (!r.file->f_vnode || !vnode_is_dir(r.file->f_vnode))
		err = -ENOTDIR;
	else
		err = vnode_permission(r.file->f_vnode, MAY_EXEC, cred_current());
	if (!err) {
		p = r.file->f_path;
		path_get(&p);
		fs_set_cwd(&p);
	}
	fd_put(&r);
	return err;
}

long sys_chroot(const char __user *name)
{
	struct path p;
	int err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = vnode_permission(p.dentry->d_vnode, MAY_EXEC, cred_current());
	if (!err && !cred_privileged(cred_current()))
		err = -EPERM;
	if (err)
		path_put(&p);
	else
		fs_set_root(&p);
	return err;
}

static long getcwd_to(char __user *buf, size_t size, char *tmp)
{
	struct path cwd;
	char *name;
	size_t len;
	bool gone;

	fs_cwd(&cwd);
	gone = cwd.dentry->d_flags & DENTRY_DELETED;
	name = path_name(&cwd, tmp, PATH_MAX);
	path_put(&cwd);
	if (gone)
		return -ENOENT;
	if (!name)
		return -ENAMETOOLONG;
	len = strlen(name) + 1;
	if (len > size)
		return -ERANGE;
	return copy_to_user(buf, name, len) ? -EFAULT : (long)len;
}

long sys_getcwd(char __user *buf, size_t size)
{
	char *tmp = kmalloc(PATH_MAX, ALLOC_WAIT);
	long ret;

	if (!tmp)
		return -ENOMEM;
	ret = getcwd_to(buf, size, tmp);
	kfree(tmp);
	return ret;
}

/* ---- reading entries ---- */

ssize_t dir_read(struct file *f, struct uio *u)
{
	(void)f;
	(void)u;
	return -EISDIR;
}

s64 dir_seek(struct file *f, s64 off, int whence)
{
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	return file_seek_size(f, off, whence, 0, INT64_MAX);
}

static int dir_fsync(struct file *f, bool datasync)
{
	(void)datasync;
	(void)f;
	return 0;
}

static int dir_no_entries(struct file *f, struct dir_sink *ds)
{
	(void)f;
	(void)ds;
	return 0;
}

const struct file_ops dir_file_ops = {
	.fo_read = dir_read,
	.fo_seek = dir_seek,
	.fo_readdir = dir_no_entries,
	.fo_fsync = dir_fsync,
};

/*
 * Entries go to user memory one by one; the position behind an entry is known
 * with it.
 */
struct dents_sink {
	struct dir_sink ds;
	u8 __user *buf;
	size_t left;
	size_t done;
	bool old_format;		/* getdents(2): the type is the last byte */
	int err;
};

/* The record of the older call. */
struct linux_dirent {
	u64 d_ino;
	u64 d_off;
	u16 d_reclen;
	char d_name[];
};

static bool dents_emit(struct dir_sink *ds, const char *name, size_t len, u64 ino, u8 dtype,
		       s64 next_off)
{
	struct dents_sink *s = container_of(ds, struct dents_sink, ds);
	/* Space for the name, its NUL, and in the old format the type. */
	size_t head = s->old_format ? offsetof(struct linux_dirent, d_name) + 1
				    : offsetof(struct linux_dirent64, d_name);
	size_t reclen = round_up(head + len + 1, 8);
	u8 rec[sizeof(struct linux_dirent64) + NAME_MAX + 16] __aligned(8);

	KASSERT(len <= NAME_MAX);
	if (reclen > s->left) {
		if (!s->done)
			s->err = -EINVAL;
		return false;
	}
	if (s->old_format) {
		struct linux_dirent *d = (struct linux_dirent *)rec;

		*d = (struct linux_dirent){ ino, (u64)next_off, (u16)reclen };
		memcpy(d->d_name, name, len);
		memset(d->d_name + len, 0, reclen - offsetof(struct linux_dirent, d_name) - len);
		rec[reclen - 1] = dtype;
	} else {
		struct linux_dirent64 *d = (struct linux_dirent64 *)rec;

		d->d_ino = ino;
		d->d_off = next_off;
		d->d_reclen = (u16)reclen;
		d->d_type = dtype;
		memcpy(d->d_name, name, len);
		memset(d->d_name + len, 0, reclen - offsetof(struct linux_dirent64, d_name) - len);
	}
	if (copy_to_user(s->buf + s->done, rec, reclen)) {
		if (!s->done)
			s->err = -EFAULT;
		return false;
	}
	s->done += reclen;
	s->left -= reclen;
	return true;
}

static long do_getdents(int fd, void __user *buf, unsigned int size, bool old_format)
{
	struct dents_sink s = {
		.ds.ds_emit = dents_emit, .buf = buf, .left = size, .old_format = old_format
	};
	struct fdref r;
	struct file *f;
	struct vnode *vn;
	int err = -ENOENT;

	if (!fd_get(fd, &r))
		return -EBADF;
	f = r.file;
	vn = f->f_vnode;
	if (!f->f_ops->fo_readdir || !vn) {
		fd_put(&r);
		return -ENOTDIR;
	}
	mutex_lock(&f->f_poslock);
	rwlock_read(&vn->v_lock);
	if (!(vn->v_flags & VNF_DEAD))
		err = f->f_ops->fo_readdir(f, &s.ds);
	rwlock_read_unlock(&vn->v_lock);
	mutex_unlock(&f->f_poslock);
	vnode_accessed(vn, f->f_path.mnt);
	inotify_file(f, IN_ACCESS);
	fd_put(&r);
	if (s.done)
		return (long)s.done;
	return err ? err : s.err;
}

long sys_getdents(int fd, void __user *buf, unsigned int size)
{
	return do_getdents(fd, buf, size, true);
}

long sys_getdents64(int fd, void __user *buf, unsigned int size)
{
	return do_getdents(fd, buf, size, false);
}
