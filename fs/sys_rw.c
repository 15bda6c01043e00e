/* SPDX-License-Identifier: MIT */
/*
 * read(2), write(2) and their relatives, and lseek(2): descriptor to open file,
 * position, segments; the rest is the file's own (f_ops).
 *
 * Locks: f_poslock over a transfer that uses f_pos, so that two of them neither
 * overlap nor leave a gap (POSIX 2.9.7); files that cannot seek have no
 * position and no lock.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/sys_file.h"
#include "fs/vnode.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

/* Position given as "the file's own". */
#define POS_FILE	(-1L)

struct io {
	struct fdref io_fd;
	struct uio io_u;
	bool io_write;
};

static void io_set_flags(struct io *io)
{
	u32 flags = READ_ONCE(io->io_fd.file->f_flags);

	io->io_u.u_nonblock = flags & O_NONBLOCK;
	io->io_u.u_append = flags & O_APPEND;
}

static inline ssize_t io_move(struct io *io)
{
	struct file *f = io->io_fd.file;

	/* The end of the transfer must be an offset, too. */
	if (unlikely((s64)(io->io_u.u_offset + io->io_u.u_resid) < 0))
		return -EINVAL;
	return io->io_write ? file_write(f, &io->io_u) : file_read(f, &io->io_u);
}

/* The transfer, at pos or at the file's own position. */
static ssize_t io_run(struct io *io, s64 pos)
{
	struct file *f = io->io_fd.file;
	ssize_t ret;

	if (pos != POS_FILE) {
		io->io_u.u_offset = (u64)pos;
		return io_move(io);
	}
	if (!(f->f_mode & FMODE_SEEK)) {
		io->io_u.u_offset = 0;
		return io_move(io);
	}
	mutex_lock(&f->f_poslock);
	io->io_u.u_offset = (u64)f->f_pos;
	ret = io_move(io);
	if (ret > 0)
		f->f_pos = (s64)io->io_u.u_offset;
	mutex_unlock(&f->f_poslock);
	return ret;
}

/* fd is open for this, and can be positioned if pos says so. */
static int io_begin(struct io *io, int fd, bool write, s64 pos)
{
	struct file *f;

	if (!fd_get(fd, &io->io_fd))
		return -EBADF;
	f = io->io_fd.file;
	io->io_write = write;
	if (!(f->f_mode & (write ? FMODE_WRITE : FMODE_READ))) {
		fd_put(&io->io_fd);
		return -EBADF;
	}
	if (pos != POS_FILE && !(f->f_mode & FMODE_SEEK)) {
		fd_put(&io->io_fd);
		return -ESPIPE;
	}
	return 0;
}

static long io_single(int fd, void __user *buf, size_t n, bool write, s64 pos)
{
	struct io io;
	ssize_t ret = io_begin(&io, fd, write, pos);

	if (ret)
		return ret;
	if (!user_range_ok(buf, n))
		ret = -EFAULT;
	else {
		uio_init(&io.io_u, buf, min(n, FILE_MAX_RW), 0);
		io_set_flags(&io);
		ret = io_run(&io, pos);
	}
	fd_put(&io.io_fd);
	return ret;
}

long sys_read(int fd, void __user *buf, size_t n)
{
	return io_single(fd, buf, n, false, POS_FILE);
}

long sys_write(int fd, const void __user *buf, size_t n)
{
	return io_single(fd, (void __user *)buf, n, true, POS_FILE);
}

long sys_pread64(int fd, void __user *buf, size_t n, s64 pos)
{
	return pos < 0 ? -EINVAL : io_single(fd, buf, n, false, pos);
}

long sys_pwrite64(int fd, const void __user *buf, size_t n, s64 pos)
{
	return pos < 0 ? -EINVAL : io_single(fd, (void __user *)buf, n, true, pos);
}

/*
 * Check the segments, cut the sum to FILE_MAX_RW. Returns the sum, -EINVAL,
 * -EFAULT.
 */
static ssize_t iov_check(struct iovec *iov, unsigned int cnt)
{
	size_t total = 0;

	for (unsigned int i = 0; i < cnt; i++) {
		if ((ssize_t)iov[i].iov_len < 0)
			return -EINVAL;
		if (!user_range_ok(iov[i].iov_base, iov[i].iov_len))
			return -EFAULT;
		if (iov[i].iov_len > FILE_MAX_RW - total)
			iov[i].iov_len = FILE_MAX_RW - total;
		total += iov[i].iov_len;
	}
	return (ssize_t)total;
}

ssize_t iov_get(const struct iovec __user *uiov, int cnt, struct iovec small[UIO_FASTIOV],
		struct iovec **iov)
{
	ssize_t total;

	*iov = small;
	if (cnt < 0 || cnt > UIO_MAXIOV)
		return -EINVAL;
	if (cnt > UIO_FASTIOV) {
		*iov = kmalloc(cnt * sizeof(**iov), ALLOC_WAIT);
		if (!*iov)
			return -ENOMEM;
	}
	if (copy_from_user(*iov, uiov, cnt * sizeof(**iov)))
		total = -EFAULT;
	else
		total = iov_check(*iov, (unsigned int)cnt);
	if (total < 0 && *iov != small) {
		kfree(*iov);
		*iov = small;
	}
	return total;
}

static int io_rwf(struct io *io, int rwf)
{
	struct vnode *vn = io->io_fd.file->f_vnode;

	if (rwf & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	if (rwf & RWF_NOWAIT) {
		/* Writing a regular file takes its lock, which others may hold for long. */
		if (vn && vnode_is_reg(vn) && io->io_write)
			return -EOPNOTSUPP;
		io->io_u.u_nonblock = true;
		io->io_u.u_nowait = true;
	}
	if (rwf & RWF_APPEND)
		io->io_u.u_append = true;
	return 0;
}

static long io_vector(int fd, const struct iovec __user *uiov, int cnt, bool write, s64 pos,
		      int rwf)
{
	struct iovec small[UIO_FASTIOV], *iov;
	struct io io;
	ssize_t ret = io_begin(&io, fd, write, pos);

	if (ret)
		return ret;
	ret = iov_get(uiov, cnt, small, &iov);
	if (ret < 0)
		goto out;
	uio_init(&io.io_u, NULL, (size_t)ret, 0);
	if (cnt > 0) {
		io.io_u.u_iov = iov;
		io.io_u.u_iovcnt = (unsigned int)cnt;
	}
	io_set_flags(&io);
	ret = rwf ? io_rwf(&io, rwf) : 0;
	if (!ret)
		ret = io_run(&io, pos);
	if (ret > 0 && (rwf & (RWF_DSYNC | RWF_SYNC)) && write && io.io_fd.file->f_ops->fo_fsync) {
		int err = io.io_fd.file->f_ops->fo_fsync(io.io_fd.file, !(rwf & RWF_SYNC));

		if (err)
			ret = err;
	}
	if (iov != small)
		kfree(iov);
out:
	fd_put(&io.io_fd);
	return ret;
}

long sys_readv(int fd, const struct iovec __user *iov, int cnt)
{
	return io_vector(fd, iov, cnt, false, POS_FILE, 0);
}

long sys_writev(int fd, const struct iovec __user *iov, int cnt)
{
	return io_vector(fd, iov, cnt, true, POS_FILE, 0);
}

/* On a 64-bit machine pos_high is shifted out of the position entirely. */
long sys_preadv(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high)
{
	(void)pos_high;
	return (s64)pos < 0 ? -EINVAL : io_vector(fd, iov, cnt, false, (s64)pos, 0);
}

long sys_pwritev(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high)
{
	(void)pos_high;
	return (s64)pos < 0 ? -EINVAL : io_vector(fd, iov, cnt, true, (s64)pos, 0);
}

long sys_preadv2(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high,
		 int flags)
{
	(void)pos_high;
	if ((s64)pos < POS_FILE)
		return -EINVAL;
	return io_vector(fd, iov, cnt, false, (s64)pos, flags);
}

long sys_pwritev2(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high,
		  int flags)
{
	(void)pos_high;
	if ((s64)pos < POS_FILE)
		return -EINVAL;
	return io_vector(fd, iov, cnt, true, (s64)pos, flags);
}

long sys_lseek(int fd, s64 off, int whence)
{
	struct fdref r;
	struct file *f;
	s64 ret;

	if (!fd_get(fd, &r))
		return -EBADF;
	f = r.file;
	if (whence < SEEK_SET || whence > SEEK_HOLE) {
		ret = -EINVAL;
	} else if (!f->f_ops->fo_seek || !(f->f_mode & FMODE_SEEK)) {
		ret = -ESPIPE;
	} else {
		mutex_lock(&f->f_poslock);
		ret = f->f_ops->fo_seek(f, off, whence);
		mutex_unlock(&f->f_poslock);
	}
	fd_put(&r);
	return ret;
}
