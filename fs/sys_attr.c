/* SPDX-License-Identifier: MIT */
/*
 * System calls that change attributes: chmod, chown, utimensat and their
 * relatives.
 *
 * Locks: the file's v_lock for writing over check and change.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys_path.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/proc.h"
#include "mm/uaccess.h"

static int chmod_path(const struct path *p, mode_t mode)
{
	struct vnode *vn = p->dentry->d_vnode;
	const struct cred *cr = cred_current();
	struct vattr va = { .va_valid = ATTR_MODE, .va_mode = mode & 07777 };
	int err = mount_check_write(p->mnt);

	if (err)
		return err;
	rwlock_write(&vn->v_lock);
	if (!vnode_owner(vn, cr)) {
		err = -EPERM;
	} else {
		/*
		 * Only a member of the group may have programs run as that
		 * group.
		 */
		if (!cred_privileged(cr) && !cred_in_group(cr, vn->v_gid))
			va.va_mode &= ~S_ISGID;
		err = vnode_setattr(vn, &va);
	}
	rwlock_write_unlock(&vn->v_lock);
	if (!err)
		inotify_dentry(p->dentry, IN_ATTRIB);
	return err;
}

long sys_fchmodat(int dirfd, const char __user *name, mode_t mode)
{
	struct path p;
	int err = path_lookup_user(dirfd, name, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = chmod_path(&p, mode);
	path_put(&p);
	return err;
}

long sys_chmod(const char __user *name, mode_t mode)
{
	return sys_fchmodat(AT_FDCWD, name, mode);
}

/* The place of an open file, for the calls that take a descriptor. */
static int path_of_fd(int fd, struct path *out)
{
	struct fdref r;
	int err;

	if (!fd_get(fd, &r))
		return -EBADF;
	err = path_of_file(r.file, out);
	fd_put(&r);
	return err;
}

long sys_fchmod(int fd, mode_t mode)
{
	struct path p;
	int err = path_of_fd(fd, &p);

	if (err)
		return err;
	err = chmod_path(&p, mode);
	path_put(&p);
	return err;
}

/*
 * chown(2), DESCRIPTION: only the superuser gives files away; owners may choose
 * among their groups.
 */
static int chown_check(const struct vnode *vn, const struct vattr *va)
{
	const struct cred *cr = cred_current();

	if (cred_privileged(cr))
		return 0;
	if ((va->va_valid & ATTR_UID) && (cr->cr_fsuid != vn->v_uid || va->va_uid != vn->v_uid))
		return -EPERM;
	if ((va->va_valid & ATTR_GID) &&
	    (cr->cr_fsuid != vn->v_uid ||
	     (va->va_gid != vn->v_gid && !cred_in_group(cr, va->va_gid))))
		return -EPERM;
	return 0;
}

static int chown_path(const struct path *p, uid_t uid, gid_t gid)
{
	struct vnode *vn = p->dentry->d_vnode;
	struct vattr va = { .va_uid = uid, .va_gid = gid };
	int err = mount_check_write(p->mnt);

	if (err)
		return err;
	if (uid != (uid_t)-1)
		va.va_valid |= ATTR_UID;
	if (gid != (gid_t)-1)
		va.va_valid |= ATTR_GID;
	rwlock_write(&vn->v_lock);
	err = chown_check(vn, &va);
	if (!err) {
		if (!vnode_is_dir(vn) && (vn->v_mode & (S_ISUID | S_ISGID))) {
			va.va_valid |= ATTR_MODE;
			va.va_mode = vn->v_mode & ~S_ISUID;
			if (vn->v_mode & S_IXGRP)
				va.va_mode &= ~S_ISGID;
		}
		err = vnode_setattr(vn, &va);
	}
	rwlock_write_unlock(&vn->v_lock);
	if (!err)
		inotify_dentry(p->dentry, IN_ATTRIB);
	return err;
}

long sys_fchownat(int dirfd, const char __user *name, uid_t uid, gid_t gid, int flags)
{
	unsigned int how = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			   (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct path p;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = path_lookup_user(dirfd, name, how, &p);
	if (err)
		return err;
	err = chown_path(&p, uid, gid);
	path_put(&p);
	return err;
}

long sys_chown(const char __user *name, uid_t uid, gid_t gid)
{
	return sys_fchownat(AT_FDCWD, name, uid, gid, 0);
}

long sys_lchown(const char __user *name, uid_t uid, gid_t gid)
{
	return sys_fchownat(AT_FDCWD, name, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, uid_t uid, gid_t gid)
{
	struct path p;
	int err = path_of_fd(fd, &p);

	if (err)
		return err;
	err = chown_path(&p, uid, gid);
	path_put(&p);
	return err;
}

/* Setting one time only looks like what would have changed it. */
static u32 times_event(u32 valid)
{
	if ((valid & (ATTR_ATIME | ATTR_MTIME)) == (ATTR_ATIME | ATTR_MTIME))
		return IN_ATTRIB;
	return valid & ATTR_ATIME ? IN_ACCESS : IN_MODIFY;
}

/* times[0] atime, times[1] mtime; NULL: both now. */
static int utimes_path(const struct path *p, const struct timespec times[2])
{
	struct vnode *vn = p->dentry->d_vnode;
	const struct cred *cr = cred_current();
	bool now = !times || (times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW);
	struct vattr va = { .va_valid = ATTR_ATIME | ATTR_MTIME };
	int err = mount_check_write(p->mnt);

	if (err)
		return err;
	vtime_now(&va.va_atime);
	va.va_mtime = va.va_atime;
	if (times && times[0].tv_nsec == UTIME_OMIT)
		va.va_valid &= ~ATTR_ATIME;
	else if (times && times[0].tv_nsec != UTIME_NOW)
		va.va_atime = (struct vtime){ times[0].tv_sec, (u32)times[0].tv_nsec };
	if (times && times[1].tv_nsec == UTIME_OMIT)
		va.va_valid &= ~ATTR_MTIME;
	else if (times && times[1].tv_nsec != UTIME_NOW)
		va.va_mtime = (struct vtime){ times[1].tv_sec, (u32)times[1].tv_nsec };
	rwlock_write(&vn->v_lock);
	/*
	 * Setting both to now is what a write would do, so who may write may do
	 * it.
	 */
	if (!vnode_owner(vn, cr))
		err = now ? vnode_permission(vn, MAY_WRITE, cr) : -EPERM;
	if (!err)
		err = vnode_setattr(vn, &va);
	rwlock_write_unlock(&vn->v_lock);
	if (!err)
		inotify_dentry(p->dentry, times_event(va.va_valid));
	return err;
}

static long do_utimes(int dirfd, const char __user *name, const struct timespec *times, int flags)
{
	unsigned int how = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			   (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct path p;
	int err;

	if (!name && dirfd != AT_FDCWD) {
		if (flags)
			return -EINVAL;
		err = path_of_fd(dirfd, &p);
	} else {
		if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
			return -EINVAL;
		err = path_lookup_user(dirfd, name, how, &p);
	}
	if (err)
		return err;
	err = utimes_path(&p, times);
	path_put(&p);
	return err;
}

static bool nsec_valid(s64 nsec)
{
	return nsec == UTIME_NOW || nsec == UTIME_OMIT || (nsec >= 0 && nsec < (s64)NSEC_PER_SEC);
}

long sys_utimensat(int dirfd, const char __user *name, const struct timespec __user *utimes,
		   int flags)
{
	struct timespec times[2];

	if (!utimes)
		return do_utimes(dirfd, name, NULL, flags);
	if (copy_from_user(times, utimes, sizeof(times)))
		return -EFAULT;
	if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
		return 0;
	if (!nsec_valid(times[0].tv_nsec) || !nsec_valid(times[1].tv_nsec))
		return -EINVAL;
	return do_utimes(dirfd, name, times, flags);
}

long sys_futimesat(int dirfd, const char __user *name, const struct timeval __user *utimes)
{
	struct timeval tv[2];
	struct timespec times[2];

	if (!utimes)
		return do_utimes(dirfd, name, NULL, 0);
	if (copy_from_user(tv, utimes, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
			return -EINVAL;
		times[i] = (struct timespec){ tv[i].tv_sec, tv[i].tv_usec * 1000 };
	}
	return do_utimes(dirfd, name, times, 0);
}

long sys_utimes(const char __user *name, const struct timeval __user *utimes)
{
	return sys_futimesat(AT_FDCWD, name, utimes);
}

long sys_utime(const char __user *name, const struct utimbuf __user *utimes)
{
	struct utimbuf ub;
	struct timespec times[2];

	if (!utimes)
		return do_utimes(AT_FDCWD, name, NULL, 0);
	if (copy_from_user(&ub, utimes, sizeof(ub)))
		return -EFAULT;
	times[0] = (struct timespec){ ub.actime, 0 };
	times[1] = (struct timespec){ ub.modtime, 0 };
	return do_utimes(AT_FDCWD, name, times, 0);
}
