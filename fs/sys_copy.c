/* SPDX-License-Identifier: MIT */
/*
 * sendfile(2) and copy_file_range(2): from the pages of one file straight into
 * another's write method; a file without pages of its own (procfs) goes through
 * a bounce page.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/fdtable.h"
#include "fs/mount.h"
#include "fs/file.h"
#include "fs/inotify.h"
#include "fs/pagecache.h"
#include "fs/sys_file.h"
#include "fs/vnode.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

struct copy {
	struct file *c_in, *c_out;
	u64 c_in_pos, c_out_pos;
	bool c_out_at;			/* write at c_out_pos, else where the file stands */
	void *c_bounce;
};

/*
 * Up to n bytes of the input at its position: where they are and how many. 0:
 * end of file.
 */
static ssize_t copy_source(struct copy *c, size_t n, struct page **pg, u8 **data)
{
	struct vnode *vn = c->c_in->f_vnode;
	size_t skip = c->c_in_pos & (PAGE_SIZE - 1);
	u64 want = DIV_ROUND_UP(skip + n, PAGE_SIZE);
	s64 size;
	int err;

	*pg = NULL;
	n = min(n, PAGE_SIZE - skip);
	if (c->c_in->f_ops->fo_mmap != pagecache_file_ops.fo_mmap) {
		*data = c->c_bounce;
		return file_read_kernel(c->c_in, c->c_bounce, n, c->c_in_pos);
	}
	size = READ_ONCE(vn->v_size);
	if ((s64)c->c_in_pos >= size)
		return 0;
	err = pagecache_getpage(c->c_in, c->c_in_pos >> PAGE_SHIFT, want, pg);
	if (err)
		return err;
	*data = (u8 *)page_to_virt(*pg) + skip;
	return (ssize_t)min((u64)n, (u64)size - c->c_in_pos);
}

/* Bytes written, which may be fewer than n. */
static ssize_t copy_sink(struct copy *c, u8 *data, size_t n)
{
	struct file *f = c->c_out;
	struct uio u;
	ssize_t ret;

	uio_init_kernel(&u, data, n, c->c_out_pos);
	u.u_nonblock = f->f_flags & O_NONBLOCK;
	u.u_append = f->f_flags & O_APPEND;
	if (c->c_out_at || !(f->f_mode & FMODE_SEEK)) {
		ret = file_write(f, &u);
	} else {
		mutex_lock(&f->f_poslock);
		u.u_offset = (u64)f->f_pos;
		ret = file_write(f, &u);
		if (ret > 0)
			f->f_pos = (s64)u.u_offset;
		mutex_unlock(&f->f_poslock);
	}
	if (ret > 0)
		c->c_out_pos += (u64)ret;
	return ret;
}

static ssize_t copy_run(struct copy *c, size_t n)
{
	size_t done = 0;
	ssize_t ret = 0;

	while (done < n) {
		struct page *pg;
		u8 *data = NULL;
		ssize_t got = copy_source(c, n - done, &pg, &data);

		if (got <= 0) {
			ret = got;
			break;
		}
		ret = copy_sink(c, data, (size_t)got);
		if (pg)
			page_put(pg);
		if (ret <= 0)
			break;
		done += (size_t)ret;
		c->c_in_pos += (u64)ret;
		sched_relax();
		if (ret < got || signal_pending_slow(current))
			break;
	}
	return done ? (ssize_t)done : ret;
}

static ssize_t copy_begin(struct copy *c, struct file *in, struct file *out)
{
	*c = (struct copy){ .c_in = in, .c_out = out };
	if (in->f_ops->fo_mmap == pagecache_file_ops.fo_mmap)
		return 0;
	c->c_bounce = kmalloc(PAGE_SIZE, ALLOC_WAIT);
	return c->c_bounce ? 0 : -ENOMEM;
}

/* From the position in *offset, or from the file's own if offset is NULL. */
static ssize_t sendfile_files(struct file *out, struct file *in, s64 __user *offset, size_t n)
{
	struct copy c;
	u64 pos = 0;
	ssize_t ret;

	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if (!in->f_vnode || !(vnode_is_reg(in->f_vnode) || S_ISBLK(in->f_vnode->v_mode)))
		return -EINVAL;
	if (out->f_flags & O_APPEND)
		return -EINVAL;
	if (offset && get_user_u64(&pos, offset))
		return -EFAULT;
	if ((s64)pos < 0)
		return -EINVAL;
	ret = copy_begin(&c, in, out);
	if (ret)
		return ret;
	c.c_in_pos = offset ? pos : (u64)READ_ONCE(in->f_pos);
	ret = copy_run(&c, min(n, FILE_MAX_RW));
	if (ret > 0 && offset) {
		if (put_user_u64(offset, c.c_in_pos))
			ret = -EFAULT;
	} else if (ret > 0) {
		mutex_lock(&in->f_poslock);
		in->f_pos = (s64)c.c_in_pos;
		mutex_unlock(&in->f_poslock);
	}
	if (ret > 0) {
		vnode_accessed(in->f_vnode, in->f_path.mnt);
		inotify_file(in, IN_ACCESS);
	}
	kfree(c.c_bounce);
	return ret;
}

long sys_sendfile(int out_fd, int in_fd, s64 __user *offset, size_t n)
{
	struct fdref in, out;
	long ret;

	if (!fd_get(in_fd, &in))
		return -EBADF;
	if (fd_get(out_fd, &out)) {
		ret = sendfile_files(out.file, in.file, offset, n);
		fd_put(&out);
	} else {
		ret = -EBADF;
	}
	fd_put(&in);
	return ret;
}

/*
 * The checks of copy_file_range(2), in its order; *n is cut to the end of the
 * input.
 */
static int range_check(struct file *in, u64 in_pos, struct file *out, u64 out_pos, size_t *n)
{
	struct vnode *ivn = in->f_vnode, *ovn = out->f_vnode;
	u64 size;

	if ((ivn && vnode_is_dir(ivn)) || (ovn && vnode_is_dir(ovn)))
		return -EISDIR;
	if (!ivn || !ovn || !vnode_is_reg(ivn) || !vnode_is_reg(ovn))
		return -EINVAL;
	if (!file_readable(in) || !file_writable(out) || (out->f_flags & O_APPEND))
		return -EBADF;
	if (in_pos + *n < in_pos || out_pos + *n < out_pos)
		return -EOVERFLOW;
	size = (u64)ivn->v_size;
	*n = in_pos >= size ? 0 : min(*n, (size_t)(size - in_pos));
	if (ivn == ovn && out_pos < in_pos + *n && in_pos < out_pos + *n)
		return -EINVAL;
	/* Different file systems: since Linux 5.19 only within one type. */
	return ivn->v_sb->sb_type == ovn->v_sb->sb_type ? 0 : -EXDEV;
}

static ssize_t copy_range_files(struct file *in, s64 __user *in_off, struct file *out,
				s64 __user *out_off, size_t n)
{
	u64 in_pos = (u64)READ_ONCE(in->f_pos), out_pos = (u64)READ_ONCE(out->f_pos);
	struct copy c;
	ssize_t ret;

	if ((in_off && get_user_u64(&in_pos, in_off)) ||
	    (out_off && get_user_u64(&out_pos, out_off)))
		return -EFAULT;
	if ((s64)in_pos < 0 || (s64)out_pos < 0)
		return -EINVAL;
	n = min(n, FILE_MAX_RW);
	ret = range_check(in, in_pos, out, out_pos, &n);
	if (ret || n == 0)
		return ret;
	ret = copy_begin(&c, in, out);
	if (ret)
		return ret;
	c.c_in_pos = in_pos;
	c.c_out_pos = out_pos;
	c.c_out_at = true;
	ret = copy_run(&c, n);
	kfree(c.c_bounce);
	if (ret <= 0)
		return ret;
	vnode_accessed(in->f_vnode, in->f_path.mnt);
	inotify_file(in, IN_ACCESS);
	if ((in_off && put_user_u64(in_off, c.c_in_pos)) ||
	    (out_off && put_user_u64(out_off, c.c_out_pos)))
		return -EFAULT;
	if (!in_off) {
		mutex_lock(&in->f_poslock);
		in->f_pos = (s64)c.c_in_pos;
		mutex_unlock(&in->f_poslock);
	}
	if (!out_off) {
		mutex_lock(&out->f_poslock);
		out->f_pos = (s64)c.c_out_pos;
		mutex_unlock(&out->f_poslock);
	}
	return ret;
}

long sys_copy_file_range(int in_fd, s64 __user *in_off, int out_fd, s64 __user *out_off,
			 size_t n, unsigned int flags)
{
	struct fdref in, out;
	long ret = -EBADF;

	if (!fd_get(in_fd, &in))
		return -EBADF;
	if (fd_get(out_fd, &out)) {
		ret = flags ? -EINVAL : copy_range_files(in.file, in_off, out.file, out_off, n);
		fd_put(&out);
	}
	fd_put(&in);
	return ret;
}
