/* SPDX-License-Identifier: MIT */
/*
 * System calls that ask about files: stat and its relatives, readlink, statfs,
 * access.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/anon.h"
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys_path.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/proc.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

static void stat_vnode(struct vnode *vn, struct stat *st)
{
	if (vn->v_flags & VNF_ANON)
		anon_stat(vn->v_data, st);
	else
		vnode_stat(vn, st);
}

static long stat_path(int dirfd, const char __user *name, unsigned int flags,
		      struct stat __user *out)
{
	struct stat st;
	struct path p;
	int err = path_lookup_user(dirfd, name, flags, &p);

	if (err)
		return err;
	stat_vnode(p.dentry->d_vnode, &st);
	path_put(&p);
	return copy_to_user(out, &st, sizeof(st));
}

long sys_stat(const char __user *name, struct stat __user *st)
{
	return stat_path(AT_FDCWD, name, LOOKUP_FOLLOW, st);
}

long sys_lstat(const char __user *name, struct stat __user *st)
{
	return stat_path(AT_FDCWD, name, 0, st);
}

static void stat_file(struct file *f, struct stat *st)
{
	if (f->f_vnode)
		stat_vnode(f->f_vnode, st);
	else
		anon_stat(f, st);
}

long sys_fstat(int fd, struct stat __user *out)
{
	struct stat st;
	struct fdref r;

	if (!fd_get_any(fd, &r))
		return -EBADF;
	stat_file(r.file, &st);
	fd_put(&r);
	return copy_to_user(out, &st, sizeof(st));
}

/* How AT_* flags change the walk. */
static unsigned int lookup_flags(int flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

long sys_newfstatat(int dirfd, const char __user *name, struct stat __user *st, int flags)
{
	u8 first;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	/* C libraries spell fstat(fd) like this. */
	if ((flags & AT_EMPTY_PATH) && dirfd >= 0) {
		if (get_user_u8(&first, name))
			return -EFAULT;
		if (!first)
			return sys_fstat(dirfd, st);
	}
	return stat_path(dirfd, name, lookup_flags(flags), st);
}

static void statx_time(struct statx_timestamp *t, u64 sec, u64 nsec)
{
	t->tv_sec = (s64)sec;
	t->tv_nsec = (u32)nsec;
}

static void statx_fill(const struct path *p, struct statx *x)
{
	struct vnode *vn = p->dentry->d_vnode;
	struct stat st;

	stat_vnode(vn, &st);
	*x = (struct statx){
		.stx_mask = STATX_BASIC_STATS | STATX_MNT_ID,
		.stx_blksize = (u32)st.st_blksize,
		.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT,
		.stx_nlink = (u32)st.st_nlink,
		.stx_uid = st.st_uid,
		.stx_gid = st.st_gid,
		.stx_mode = (u16)st.st_mode,
		.stx_ino = st.st_ino,
		.stx_size = (u64)st.st_size,
		.stx_blocks = (u64)st.st_blocks,
		.stx_rdev_major = dev_major(st.st_rdev),
		.stx_rdev_minor = dev_minor(st.st_rdev),
		.stx_dev_major = dev_major(st.st_dev),
		.stx_dev_minor = dev_minor(st.st_dev),
		.stx_mnt_id = p->mnt->mnt_id,
	};
	if (p->dentry == p->mnt->mnt_root)
		x->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
	statx_time(&x->stx_atime, st.st_atime, st.st_atime_nsec);
	statx_time(&x->stx_mtime, st.st_mtime, st.st_mtime_nsec);
	statx_time(&x->stx_ctime, st.st_ctime, st.st_ctime_nsec);
	if (vn->v_btime.sec) {
		x->stx_mask |= STATX_BTIME;
		statx_time(&x->stx_btime, (u64)vn->v_btime.sec, vn->v_btime.nsec);
	}
}

long sys_statx(int dirfd, const char __user *name, unsigned int flags, unsigned int mask,
	       struct statx __user *out)
{
	struct statx x;
	struct path p;
	int err;

	if (mask & STATX__RESERVED)
		return -EINVAL;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	err = path_lookup_user(dirfd, name, lookup_flags((int)flags), &p);
	if (err)
		return err;
	statx_fill(&p, &x);
	path_put(&p);
	return copy_to_user(out, &x, sizeof(x));
}

long sys_readlinkat(int dirfd, const char __user *name, char __user *buf, int size)
{
	struct vnode *vn;
	struct path p;
	ssize_t len;
	char *target;
	u8 first;

	if (size <= 0)
		return -EINVAL;
	len = path_lookup_user(dirfd, name, LOOKUP_EMPTY, &p);
	if (len)
		return len;
	vn = p.dentry->d_vnode;
	target = kmalloc(PATH_MAX, ALLOC_WAIT);
	if (!S_ISLNK(vn->v_mode) || !vn->v_ops->vo_readlink)
		len = get_user_u8(&first, name) || first ? -EINVAL : -ENOENT;
	else if (!target)
		len = -ENOMEM;
	else
		len = vn->v_ops->vo_readlink(vn, target, PATH_MAX);
	if (len >= 0) {
		vnode_accessed(vn, p.mnt);
		len = min(len, (ssize_t)size);
		if (copy_to_user(buf, target, (size_t)len))
			len = -EFAULT;
	}
	kfree(target);
	path_put(&p);
	return len;
}

long sys_readlink(const char __user *name, char __user *buf, int size)
{
	return sys_readlinkat(AT_FDCWD, name, buf, size);
}

static long statfs_path(const struct path *p, struct statfs __user *out)
{
	struct superblock *sb = p->mnt->mnt_sb;
	struct statfs st = {
		.f_type = sb->sb_magic,
		.f_bsize = PAGE_SIZE,
		.f_frsize = PAGE_SIZE,
		.f_namelen = NAME_MAX,
		.f_fsid = { { (int)sb->sb_dev, 0 } },
	};
	int err = sb->sb_type->ft_statfs ? sb->sb_type->ft_statfs(sb, &st) : 0;

	if (p->dentry->d_vnode->v_flags & VNF_ANON)
		st.f_type = anon_magic(p->dentry->d_vnode->v_data);
	if (err)
		return err;
	mount_statfs_flags(p->mnt, &st);
	return copy_to_user(out, &st, sizeof(st));
}

long sys_statfs(const char __user *name, struct statfs __user *st)
{
	struct path p;
	long ret = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &p);

	if (ret)
		return ret;
	ret = statfs_path(&p, st);
	path_put(&p);
	return ret;
}

long sys_fstatfs(int fd, struct statfs __user *st)
{
	struct fdref r;
	struct path p;
	long ret;

	if (!fd_get_any(fd, &r))
		return -EBADF;
	ret = path_of_file(r.file, &p);
	if (!ret) {
		ret = statfs_path(&p, st);
		path_put(&p);
	}
	fd_put(&r);
	return ret;
}

/* access(2) asks with the real ids; the walk itself uses the effective ones. */
static int access_path(const struct path *p, int mode, bool effective)
{
	const struct cred *cr = cred_current();
	struct vnode *vn = p->dentry->d_vnode;
	struct cred real;
	int err;

	if (!effective && (cr->cr_uid != cr->cr_fsuid || cr->cr_gid != cr->cr_fsgid)) {
		real = *cr;
		real.cr_fsuid = real.cr_euid = real.cr_uid;
		real.cr_fsgid = real.cr_egid = real.cr_gid;
		cr = &real;
	}
	if ((mode & X_OK) && vnode_is_reg(vn) && (p->mnt->mnt_flags & MS_NOEXEC))
		return -EACCES;
	err = vnode_permission(vn, mode, cr);
	if (err || !(mode & W_OK))
		return err;
	if (vnode_is_reg(vn) || vnode_is_dir(vn) || S_ISLNK(vn->v_mode))
		return mount_check_write(p->mnt);
	return 0;
}

long sys_faccessat2(int dirfd, const char __user *name, int mode, int flags)
{
	struct path p;
	int err;

	BUILD_ASSERT(R_OK == MAY_READ && W_OK == MAY_WRITE && X_OK == MAY_EXEC);
	if (mode & ~(R_OK | W_OK | X_OK))
		return -EINVAL;
	if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = path_lookup_user(dirfd, name, lookup_flags(flags), &p);
	if (err)
		return err;
	if (mode != F_OK)
		err = access_path(&p, mode, flags & AT_EACCESS);
	path_put(&p);
	return err;
}

long sys_faccessat(int dirfd, const char __user *name, int mode)
{
	return sys_faccessat2(dirfd, name, mode, 0);
}

long sys_access(const char __user *name, int mode)
{
	return sys_faccessat2(AT_FDCWD, name, mode, 0);
}
