/* SPDX-License-Identifier: MIT */
/*
 * System calls that change a file's size and space, and that write it back.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include <abi/signal.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/inotify.h"
#include "fs/memfd.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/pagecache.h"
#include "fs/sys_file.h"
#include "fs/vnode.h"
#include "fs/writeback.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/lib/errseq.h"

/* F_ADD_SEALS in fcntl(2). v_lock held for writing. */
static int seals_check(const struct vnode *vn, int mode, s64 end)
{
	if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) &&
	    (vn->v_seals & SEALS_WRITE))
		return -EPERM;
	/* Space behind the end counts as growth. */
	if (!(mode & FALLOC_FL_PUNCH_HOLE) && end > vn->v_size && (vn->v_seals & F_SEAL_GROW))
		return -EPERM;
	return 0;
}

/* May the file become this long? setrlimit(2) RLIMIT_FSIZE. */
static int size_check(const struct vnode *vn, s64 size)
{
	if (size > vn->v_size && (u64)size > proc_rlimit(RLIMIT_FSIZE)) {
		signal_self(SIGXFSZ);
		return -EFBIG;
	}
	return 0;
}

static int truncate_path(const struct path *p, s64 size)
{
	struct vnode *vn = p->dentry->d_vnode;
	int err;

	if (vnode_is_dir(vn))
		return -EISDIR;
	if (!vnode_is_reg(vn))
		return -EINVAL;
	err = mount_check_write(p->mnt);
	if (!err)
		err = vnode_permission(vn, MAY_WRITE, cred_current());
	if (!err)
		err = size_check(vn, size);
	if (!err)
		err = vnode_get_write(vn);
	if (err)
		return err;
	err = vnode_truncate(vn, size);
	vnode_put_write(vn);
	if (!err)
		inotify_dentry(p->dentry, IN_MODIFY);
	return err;
}

long sys_truncate(const char __user *name, s64 size)
{
	struct path p;
	int err;

	if (size < 0)
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	err = truncate_path(&p, size);
	path_put(&p);
	return err;
}

long sys_ftruncate(int fd, s64 size)
{
	struct fdref r;
	struct vnode *vn;
	int err;

	if (size < 0)
		return -EINVAL;
	if (!fd_get(fd, &r))
		return -EBADF;
	vn = r.file->f_vnode;
	if (!vn || !vnode_is_reg(vn) || !file_writable(r.file))
		err = -EINVAL;
	else
		err = size_check(vn, size);
	if (!err)
		err = vnode_truncate(vn, size);
	if (!err)
		inotify_file(r.file, IN_MODIFY);
	fd_put(&r);
	return err;
}

static int fallocate_vnode(struct vnode *vn, int mode, s64 off, s64 end)
{
	struct vattr va = { .va_valid = ATTR_SIZE | ATTR_MTIME, .va_size = end };
	int err;

	rwlock_write(&vn->v_lock);
	err = seals_check(vn, mode, end);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE))
		err = size_check(vn, end);
	if (!err)
		vnode_drop_setid(vn);
	if (!err)
		err = vn->v_ops->vo_fallocate(vn, mode, off, end);
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > vn->v_size) {
		vtime_now(&va.va_mtime);
		err = vnode_setattr(vn, &va);
	} else if (!err) {
		vnode_touch(vn, false, true, true);
	}
	rwlock_write_unlock(&vn->v_lock);
	return err;
}

static int fallocate_file(struct file *f, int mode, s64 off, s64 len)
{
	struct vnode *vn = f->f_vnode;
	s64 end;

	if (off < 0 || len <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) &&
	    mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if (!vn || S_ISFIFO(vn->v_mode))
		return -ESPIPE;
	if (vnode_is_dir(vn))
		return -EISDIR;
	if (!vnode_is_reg(vn))
		return -ENODEV;
	if (__builtin_add_overflow(off, len, &end))
		return -EFBIG;
	if (!vn->v_ops->vo_fallocate)
		return -EOPNOTSUPP;
	return fallocate_vnode(vn, mode, off, end);
}

long sys_fallocate(int fd, int mode, s64 off, s64 len)
{
	struct fdref r;
	int err;

	if (!fd_get(fd, &r))
		return -EBADF;
	err = fallocate_file(r.file, mode, off, len);
	if (!err)
		inotify_file(r.file, IN_MODIFY);
	fd_put(&r);
	return err;
}

/* The pages behind an open file: a regular file's, or a block device's. NULL: none. */
static struct vm_object *file_pages(struct file *f)
{
	struct vnode *vn = f->f_vnode;

	if (vn && S_ISBLK(vn->v_mode))
		vn = blkfile_pages(f);
	return vn && vn->v_object.vo_owner ? &vn->v_object : NULL;
}

/* posix_fadvise(2). What is dirty is not dropped by POSIX_FADV_DONTNEED. */
static void advise(struct file *f, u64 off, u64 len, int advice)
{
	struct vm_object *vo = file_pages(f);
	u64 last = len ? (off + len - 1) >> PAGE_SHIFT : ~0ul >> PAGE_SHIFT;
	u32 ra = vo ? vnode_ra_pages(vo->vo_owner) : VM_RA_DEFAULT;

	switch (advice) {
	case POSIX_FADV_NORMAL:
		f->f_ra.ra_max = ra;
		break;
	case POSIX_FADV_SEQUENTIAL:
		f->f_ra.ra_max = 2 * ra;
		break;
	case POSIX_FADV_RANDOM:
		f->f_ra.ra_max = 0;
		break;
	case POSIX_FADV_WILLNEED:
		if (vo)
			vm_object_start_read(vo, off >> PAGE_SHIFT, last - (off >> PAGE_SHIFT) + 1);
		break;
	case POSIX_FADV_DONTNEED:
		if (vo)
			vm_object_drop_clean(vo, DIV_ROUND_UP(off, PAGE_SIZE),
					     len ? ((off + len) >> PAGE_SHIFT) : ~0ul);
		break;
	}
}

long sys_fadvise64(int fd, s64 off, s64 len, int advice)
{
	struct fdref r;
	long ret = 0;

	if (!fd_get(fd, &r))
		return -EBADF;
	if (r.file->f_vnode ? S_ISFIFO(r.file->f_vnode->v_mode) : S_ISFIFO(r.file->f_anon_mode))
		ret = -ESPIPE;
	else if (len < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE)
		ret = -EINVAL;
	else
		advise(r.file, (u64)off, (u64)len, advice);
	fd_put(&r);
	return ret;
}

/* Start reading the pages of the range, so that a later read finds them. */
long sys_readahead(int fd, s64 off, size_t n)
{
	struct fdref r;
	struct vm_object *vo;
	long ret = 0;

	if (!fd_get(fd, &r))
		return -EBADF;
	vo = file_pages(r.file);
	if (!file_readable(r.file))
		ret = -EBADF;
	else if (!vo || off < 0)
		ret = -EINVAL;
	else if (n)
		vm_object_start_read(vo, (u64)off >> PAGE_SHIFT,
				     (((u64)off % PAGE_SIZE + n - 1) >> PAGE_SHIFT) + 1);
	fd_put(&r);
	return ret;
}

static long do_fsync(int fd, bool datasync)
{
	struct fdref r;
	long ret;

	if (!fd_get(fd, &r))
		return -EBADF;
	ret = r.file->f_ops->fo_fsync ? r.file->f_ops->fo_fsync(r.file, datasync) : -EINVAL;
	fd_put(&r);
	return ret;
}

long sys_fsync(int fd)
{
	return do_fsync(fd, false);
}

long sys_fdatasync(int fd)
{
	return do_fsync(fd, true);
}

long sys_sync(void)
{
	fs_sync_all(true);
	return 0;
}

long sys_syncfs(int fd)
{
	struct fdref r;
	struct vnode *vn;
	long ret = 0;

	if (!fd_get(fd, &r))
		return -EBADF;
	vn = r.file->f_vnode;
	if (vn) {
		struct blkdev *bd = vn->v_sb->sb_bdev;
		int late;

		ret = superblock_sync(vn->v_sb, true);
		late = bd ? errseq_check(&bd->bd_wberr, &r.file->f_sbwberr) : 0;
		ret = ret ? ret : late;
	}
	fd_put(&r);
	return ret;
}

/* Data only: neither the inode nor the disk's cache. */
static int sync_range(struct file *f, u64 first, u64 last, unsigned int flags)
{
	struct vm_object *vo = file_pages(f);

	if (!vo)
		return 0;
	if (flags & SYNC_FILE_RANGE_WAIT_BEFORE)
		vm_object_wait_write(vo, first, last);
	if (flags & SYNC_FILE_RANGE_WRITE)
		(void)vm_object_start_write(vo, first, last, ~0ul);
	if (flags & SYNC_FILE_RANGE_WAIT_AFTER)
		vm_object_wait_write(vo, first, last);
	return flags & (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER) ?
	       errseq_check(&vo->vo_wberr, &f->f_wberr) : 0;
}

long sys_sync_file_range(int fd, s64 off, s64 len, unsigned int flags)
{
	struct fdref r;
	struct vnode *vn;
	long ret = 0;

	if (!fd_get(fd, &r))
		return -EBADF;
	vn = r.file->f_vnode;
	if ((flags & ~(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
		       SYNC_FILE_RANGE_WAIT_AFTER)) ||
	    off < 0 || len < 0 || len > INT64_MAX - off)
		ret = -EINVAL;
	else if (!vn || !(vnode_is_reg(vn) || vnode_is_dir(vn) || S_ISBLK(vn->v_mode) ||
			  S_ISLNK(vn->v_mode)))
		ret = -ESPIPE;
	else
		ret = sync_range(r.file, (u64)off >> PAGE_SHIFT,
				 len ? (u64)(off + len - 1) >> PAGE_SHIFT : ~0ul, flags);
	fd_put(&r);
	return ret;
}
