/* SPDX-License-Identifier: MIT */
/*
 * System calls that make, copy and close descriptors, fcntl(2) and ioctl(2).
 */
#include <abi/ioctl.h>
#include <abi/termios.h>
#include <errno.h>
#include <kassert.h>
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/locks.h"
#include "fs/memfd.h"
#include "fs/namei.h"
#include "fs/sys_file.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/proc.h"
#include "mm/uaccess.h"

/* Flags that F_SETFL may change. */
#define SETFL_MASK	(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC)

/* What openat2(2) knows. */
#define OPEN_FLAGS	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | \
			 O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | \
			 O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define RESOLVE_FLAGS	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | \
			 RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED)

static long do_open(int dirfd, const char *name, int flags, mode_t mode, unsigned int lookup)
{
	struct file *f;
	int fd, err;

	/* The number first: with none left, nothing may be created. */
	fd = fd_reserve(0, flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	err = path_open_as(dirfd, name, flags, mode, lookup, &f);
	if (err) {
		fd_unreserve(fd);
		return err;
	}
	fd_fill(fd, f);
	return fd;
}

static long open_user(int dirfd, const char __user *name, int flags, mode_t mode,
		      unsigned int lookup)
{
	struct pathbuf pb;
	long ret = pathbuf_get(&pb, name);

	if (ret)
		return ret;
	ret = do_open(dirfd, pb.pb_name, flags, mode, lookup);
	pathbuf_put(&pb);
	return ret;
}

long sys_openat(int dirfd, const char __user *name, int flags, mode_t mode)
{
	return open_user(dirfd, name, flags, mode, 0);
}

/* openat2(2) is strict where open(2) looks away. */
static int open_how_check(const struct open_how *how)
{
	const u64 path_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	bool makes = (how->flags & O_CREAT) || (how->flags & O_TMPFILE) == O_TMPFILE;

	if (how->flags & ~(u64)OPEN_FLAGS)
		return -EINVAL;
	if (makes ? how->mode & ~07777ul : how->mode)
		return -EINVAL;
	if ((how->flags & O_PATH) && (how->flags & ~path_flags))
		return -EINVAL;
	if ((how->resolve & ~(u64)RESOLVE_FLAGS) ||
	    (how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ==
	    (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	/* It may always be said that something would have had to be waited for. */
	return how->resolve & RESOLVE_CACHED ? -EAGAIN : 0;
}

static unsigned int resolve_lookup(u64 resolve)
{
	return (resolve & RESOLVE_NO_XDEV ? LOOKUP_NO_XDEV : 0) |
	       (resolve & RESOLVE_NO_MAGICLINKS ? LOOKUP_NO_MAGIC : 0) |
	       (resolve & RESOLVE_NO_SYMLINKS ? LOOKUP_NO_LINKS : 0) |
	       (resolve & RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
	       (resolve & RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0);
}

/* A structure of another size: what we do not know must be zero. -EINVAL, -E2BIG, -EFAULT. */
static int open_how_get(struct open_how *how, const struct open_how __user *uhow, size_t size)
{
	if (size < sizeof(*how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	for (size_t i = sizeof(*how); i < size; i++) {
		u8 c;

		if (get_user_u8(&c, (const u8 __user *)uhow + i))
			return -EFAULT;
		if (c)
			return -E2BIG;
	}
	return copy_from_user(how, uhow, sizeof(*how)) ? -EFAULT : 0;
}

long sys_openat2(int dirfd, const char __user *name, const struct open_how __user *uhow,
		 size_t size)
{
	struct open_how how;
	int err = open_how_get(&how, uhow, size);

	if (!err)
		err = open_how_check(&how);
	if (err)
		return err;
	return open_user(dirfd, name, (int)how.flags, (mode_t)how.mode,
			 resolve_lookup(how.resolve));
}

long sys_open(const char __user *name, int flags, mode_t mode)
{
	return sys_openat(AT_FDCWD, name, flags, mode);
}

long sys_creat(const char __user *name, mode_t mode)
{
	return sys_openat(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_close(int fd)
{
	return fd_close(fd);
}

long sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	int err;

	if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		err = fdtable_unshare(current_proc());
		if (err)
			return err;
	}
	fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
	return 0;
}

/* The smallest number >= min_fd becomes another name of fd's open file. */
static long dup_at(int fd, int min_fd, bool cloexec)
{
	struct fdref r;
	long ret;

	if (!fd_get_any(fd, &r))
		return -EBADF;
	file_get(r.file);
	ret = fd_install(r.file, min_fd, cloexec);
	if (ret < 0)
		file_put(r.file);
	fd_put(&r);
	return ret;
}

long sys_dup(int fd)
{
	return dup_at(fd, 0, false);
}

static long dup_to(int oldfd, int newfd, bool cloexec)
{
	struct fdref r;
	long ret;

	if (!fd_get_any(oldfd, &r))
		return -EBADF;
	/*
	 * r.file stays valid: fd_replace() closes newfd's file, not this one.
	 */
	ret = fd_replace(newfd, r.file, cloexec);
	fd_put(&r);
	return ret;
}

long sys_dup2(int oldfd, int newfd)
{
	struct fdref r;

	if (oldfd != newfd)
		return dup_to(oldfd, newfd, false);
	if (!fd_get_any(oldfd, &r))
		return -EBADF;
	fd_put(&r);
	return newfd;
}

long sys_dup3(int oldfd, int newfd, int flags)
{
	if ((flags & ~O_CLOEXEC) || oldfd == newfd)
		return -EINVAL;
	return dup_to(oldfd, newfd, flags & O_CLOEXEC);
}

static long set_flags(struct file *f, int fd, u32 arg)
{
	struct vnode *vn = f->f_vnode;
	int err;

	if (((arg ^ f->f_flags) & O_NOATIME & arg) && vn && !vnode_owner(vn, cred_current()))
		return -EPERM;
	if ((arg & O_DIRECT) && vn && vnode_is_reg(vn) && !vn->v_ops->vo_bmap)
		return -EINVAL;
	if ((arg ^ f->f_flags) & O_ASYNC) {
		err = sigio_ops->sg_enable(f, fd, arg & O_ASYNC);
		if (err)
			return err;
	}
	spin_lock(&f->f_lock);
	WRITE_ONCE(f->f_flags, (f->f_flags & ~SETFL_MASK) | (arg & SETFL_MASK));
	spin_unlock(&f->f_lock);
	return 0;
}

/* Those that concern the descriptor, and work for O_PATH files too. */
static long fcntl_fd(int fd, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg >= proc_rlimit(RLIMIT_NOFILE))
			return -EINVAL;
		return dup_at(fd, (int)arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_get_cloexec(fd);
	default:
		return fd_set_cloexec(fd, arg & FD_CLOEXEC);
	}
}

static long fcntl_file(struct file *f, int fd, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, fd, (u32)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return locks_fcntl(f, fd, cmd, (struct flock __user *)arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		/*
		 * Pipes answer this themselves; as an ioctl it fits their
		 * file_ops.
		 */
		if (f->f_ops->fo_ioctl &&
		    S_ISFIFO(f->f_vnode ? f->f_vnode->v_mode : f->f_anon_mode))
			return f->f_ops->fo_ioctl(f, cmd, arg);
		return -EBADF;
	case F_SETOWN:
	case F_GETOWN:
	case F_SETOWN_EX:
	case F_GETOWN_EX:
	case F_SETSIG:
	case F_GETSIG:
		return sigio_ops->sg_fcntl(f, cmd, arg);
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return seals_fcntl(f, cmd, (u32)arg);
	default:
		return -EINVAL;
	}
}

long sys_fcntl(int fd, unsigned int cmd, unsigned long arg)
{
	struct fdref r;
	long ret;

	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_GETFD:
	case F_SETFD:
		return fcntl_fd(fd, cmd, arg);
	}
	if (!fd_get_any(fd, &r))
		return -EBADF;
	if (cmd == F_GETFL)
		ret = r.file->f_flags;
	else if (r.file->f_mode & FMODE_PATH)
		ret = -EBADF;
	else
		ret = fcntl_file(r.file, fd, cmd, arg);
	fd_put(&r);
	return ret;
}

/* FIONBIO, FIOASYNC */
static long ioctl_flag(struct file *f, int fd, u32 flag, const void __user *arg)
{
	u32 on;

	if (get_user_u32(&on, arg))
		return -EFAULT;
	return set_flags(f, fd, on ? f->f_flags | flag : f->f_flags & ~flag);
}

/* Commands that every file understands, then the file's own. */
long sys_ioctl(int fd, unsigned int cmd, unsigned long arg)
{
	struct fdref r;
	long ret;

	if (!fd_get(fd, &r))
		return -EBADF;
	switch (cmd) {
	case FIOCLEX:
		ret = fd_set_cloexec(fd, true);
		break;
	case FIONCLEX:
		ret = fd_set_cloexec(fd, false);
		break;
	case FIONBIO:
		ret = ioctl_flag(r.file, fd, O_NONBLOCK, (const void __user *)arg);
		break;
	case FIOASYNC:
		ret = ioctl_flag(r.file, fd, O_ASYNC, (const void __user *)arg);
		break;
	default:
		ret = r.file->f_ops->fo_ioctl ? r.file->f_ops->fo_ioctl(r.file, cmd, arg)
					      : -ENOTTY;
	}
	fd_put(&r);
	return ret;
}

long sys_flock(int fd, int op)
{
	struct fdref r;
	long ret;

	if (!fd_get(fd, &r))
		return -EBADF;
	ret = r.file->f_vnode ? locks_flock(r.file, op) : -EBADF;
	fd_put(&r);
	return ret;
}
