/* SPDX-License-Identifier: MIT */
/*
 * splice(2), tee(2), vmsplice(2): bytes between a pipe and a file or another pipe, without
 * a user's buffer in between.
 *
 * Where a whole page is to go to the start of a page, the page itself goes: a page of a file's
 * cache, or of the other pipe, gets one more reference and stands in the ring (pipe.c,
 * invariant 6). Everything else is copied once. As on Linux, a page of a file that is
 * in a pipe still is the file's: who writes to the file changes what the pipe's reader sees.
 *
 * Each call waits for bytes to be had and for room, then moves what is there then, once:
 * results are partial as a rule.
 *
 * Locks: p_rd_busy of the input and p_wr_busy of the output (pipe.c, invariant 2) over the
 * transfer, and the position's lock of a file that has one; no spin lock but for looking.
 */
#include <abi/fcntl.h>
#include <errno.h>
#include <kassert.h>
#include <abi/signal.h>
#include "fs/fdtable.h"
#include "fs/inotify.h"
#include "fs/pagecache.h"
#include "fs/vnode.h"
#include "ipc/pipe_impl.h"
#include "ipc/signal.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define SPLICE_FLAGS	(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

static size_t in_page(u64 pos)
{
	return pos & (PAGE_SIZE - 1);
}

/* Of an open file that is an end of a pipe or FIFO; else NULL. */
static struct pipe *pipe_of(const struct file *f)
{
	return f->f_ops == &pipe_fops ? f->f_data : NULL;
}

static bool nonblocking(const struct file *f, unsigned int flags)
{
	return (flags & SPLICE_F_NONBLOCK) || (READ_ONCE(f->f_flags) & O_NONBLOCK);
}

/* pg, whose reference becomes the pipe's, is the page for position pos. p_wr_busy is ours. */
static void place(struct pipe *p, u64 pos, struct page *pg)
{
	u8 **slot = pipe_slot(p, pos);

	KASSERT(p->p_wr_busy && in_page(pos) == 0);
	if (*slot)
		page_put(virt_to_page(*slot));
	*slot = page_to_virt(pg);
}

/* The end of a transfer into p. */
static void fill_end(struct pipe *p, size_t done)
{
	spin_lock(&p->p_lock);
	pipe_busy_done(p, &p->p_wr_busy);
	pipe_publish(p, done);
	if (!done)
		pipe_rewind_if_empty(p);
	pipe_writer_done(p);
	spin_unlock(&p->p_lock);
}

/* The end of a transfer out of p. */
static void drain_end(struct pipe *p, size_t done)
{
	struct page *chain;

	spin_lock(&p->p_lock);
	pipe_busy_done(p, &p->p_rd_busy);
	chain = pipe_consume(p, done);
	pipe_reader_done(p);
	spin_unlock(&p->p_lock);
	pipe_free_chain(chain);
}

/* ---- file to pipe ---- */

/* The page at pos if it is cached and all of it lies in the file; NULL: it is to be read. */
static struct page *whole_page(struct file *f, u64 pos)
{
	struct vnode *vn = f->f_vnode;

	if (f->f_ops->fo_mmap != pagecache_file_ops.fo_mmap || in_page(pos) ||
	    pos + PAGE_SIZE > (u64)READ_ONCE(vn->v_size))
		return NULL;
	return vm_object_lookup(&vn->v_object, pos >> PAGE_SHIFT);
}

/*
 * Up to len bytes of f at *pos to position head of p, which has room for them. Only the first
 * bytes are waited for.
 */
static ssize_t fill(struct pipe *p, u64 head, struct file *f, u64 *pos, size_t len, bool nonblock)
{
	size_t done = 0;
	ssize_t got = 0;

	while (done < len) {
		size_t n = min(len - done, PAGE_SIZE - in_page(head + done));
		struct page *pg = n == PAGE_SIZE ? whole_page(f, *pos) : NULL;
		struct uio u;
		u8 *va;

		if (pg) {
			place(p, head + done, pg);
			inotify_file(f, IN_ACCESS);
			*pos += PAGE_SIZE;
			done += PAGE_SIZE;
			continue;
		}
		va = pipe_page_at(p, head + done);
		if (!va) {
			got = -ENOMEM;
			break;
		}
		uio_init_kernel(&u, va + in_page(head + done), n, *pos);
		u.u_nonblock = nonblock || done;
		got = file_read(f, &u);
		if (got <= 0)
			break;
		*pos += (u64)got;
		done += (size_t)got;
		if ((size_t)got < n)
			break;
	}
	return done ? (ssize_t)done : got;
}

static ssize_t splice_in(struct file *in, u64 *pos, bool at, struct pipe *p, size_t len,
			 bool nonblock)
{
	bool own_pos = !at && (in->f_mode & FMODE_SEEK);
	ssize_t ret;
	u64 head;

	if (in->f_vnode && vnode_is_dir(in->f_vnode))
		return -EINVAL;
	spin_lock(&p->p_lock);
	ret = pipe_writer_wait(p, 1, nonblock);
	if (ret) {
		spin_unlock(&p->p_lock);
		return ret;
	}
	len = min(len, pipe_room(p));
	head = p->p_head;
	p->p_wr_busy = true;
	spin_unlock(&p->p_lock);
	if (own_pos) {
		mutex_lock(&in->f_poslock);
		*pos = (u64)in->f_pos;
	}
	ret = fill(p, head, in, pos, len, nonblock || (in->f_flags & O_NONBLOCK));
	if (own_pos) {
		in->f_pos = (s64)*pos;
		mutex_unlock(&in->f_poslock);
	}
	if (ret > 0 && in->f_vnode && vnode_is_reg(in->f_vnode))
		vnode_accessed(in->f_vnode, in->f_path.mnt);
	fill_end(p, ret > 0 ? (size_t)ret : 0);
	return ret;
}

/* ---- pipe to file ---- */

/* Up to len bytes from position tail of p to f at *pos. */
static ssize_t drain(struct pipe *p, u64 tail, struct file *f, u64 *pos, size_t len,
		     bool nonblock)
{
	size_t done = 0;
	ssize_t put = 0;

	while (done < len) {
		size_t off = in_page(tail + done), n = min(len - done, PAGE_SIZE - off);
		struct uio u;

		uio_init_kernel(&u, *pipe_slot(p, tail + done) + off, n, *pos);
		u.u_nonblock = nonblock;
		put = file_write(f, &u);
		if (put <= 0)
			break;
		*pos += (u64)put;
		done += (size_t)put;
		if ((size_t)put < n)
			break;
	}
	return done ? (ssize_t)done : put;
}

static ssize_t splice_out(struct pipe *p, struct file *out, u64 *pos, bool at, size_t len,
			  bool nonblock)
{
	bool own_pos = !at && (out->f_mode & FMODE_SEEK);
	ssize_t ret;
	u64 tail;

	if (READ_ONCE(out->f_flags) & O_APPEND)
		return -EINVAL;
	spin_lock(&p->p_lock);
	ret = pipe_reader_wait(p, nonblock);
	if (ret <= 0) {
		spin_unlock(&p->p_lock);
		return ret;
	}
	len = min(len, pipe_used(p));
	tail = p->p_tail;
	p->p_rd_busy = true;
	spin_unlock(&p->p_lock);
	if (own_pos) {
		mutex_lock(&out->f_poslock);
		*pos = (u64)out->f_pos;
	}
	ret = drain(p, tail, out, pos, len, out->f_flags & O_NONBLOCK);
	if (own_pos) {
		out->f_pos = (s64)*pos;
		mutex_unlock(&out->f_poslock);
	}
	drain_end(p, ret > 0 ? (size_t)ret : 0);
	return ret;
}

/* ---- pipe to pipe ---- */

/* Both busy flags at once, or none. */
static bool try_both(struct pipe *in, struct pipe *out, size_t *len)
{
	struct pipe *first = in < out ? in : out, *second = in < out ? out : in;
	bool ok;

	spin_lock(&first->p_lock);
	spin_lock_nested(&second->p_lock);
	ok = pipe_used(in) && !in->p_rd_busy && pipe_room(out) && !out->p_wr_busy &&
	     out->p_readers;
	if (ok) {
		*len = min(*len, min(pipe_used(in), pipe_room(out)));
		in->p_rd_busy = out->p_wr_busy = true;
	}
	spin_unlock(&second->p_lock);
	spin_unlock(&first->p_lock);
	return ok;
}

/*
 * Wait until in has bytes and out has room; *len is cut to what can go. 1, 0 (end of file) or
 * -errno.
 */
static int take_both(struct pipe *in, struct pipe *out, size_t *len, bool nonblock)
{
	int err;

	do {
		spin_lock(&in->p_lock);
		err = pipe_reader_wait(in, nonblock);
		spin_unlock(&in->p_lock);
		if (err <= 0)
			return err;
		spin_lock(&out->p_lock);
		err = pipe_writer_wait(out, 1, nonblock);
		spin_unlock(&out->p_lock);
		if (err)
			return err;
	} while (!try_both(in, out, len));
	return 1;
}

/* len bytes appear in out as well. Both busy flags are ours. Bytes done, or -ENOMEM. */
static ssize_t duplicate(struct pipe *in, struct pipe *out, size_t len)
{
	u64 tail = in->p_tail, head = out->p_head;
	size_t done = 0;

	while (done < len) {
		size_t from = in_page(tail + done), to = in_page(head + done);
		size_t n = min(len - done, PAGE_SIZE - max(from, to));
		u8 *src = *pipe_slot(in, tail + done), *dst;

		if (n == PAGE_SIZE) {
			struct page *pg = virt_to_page(src);

			page_get(pg);
			place(out, head + done, pg);
		} else {
			dst = pipe_page_at(out, head + done);
			if (!dst)
				break;
			memcpy(dst + to, src + from, n);
		}
		done += n;
	}
	return done ? (ssize_t)done : -ENOMEM;
}

static ssize_t splice_pipes(struct pipe *in, struct pipe *out, size_t len, bool nonblock,
			    bool take)
{
	ssize_t ret = take_both(in, out, &len, nonblock);

	if (ret <= 0)
		return ret;
	ret = duplicate(in, out, len);
	fill_end(out, ret > 0 ? (size_t)ret : 0);
	drain_end(in, take && ret > 0 ? (size_t)ret : 0);
	return ret;
}

/* ---- system calls ---- */

static int get_offset(const struct file *f, s64 __user *uoff, u64 *pos)
{
	if (!uoff)
		return 0;
	if (!(f->f_mode & FMODE_SEEK))
		return -EINVAL;
	if (get_user_u64(pos, uoff))
		return -EFAULT;
	return (s64)*pos < 0 ? -EINVAL : 0;
}

static ssize_t splice_files(struct file *in, s64 __user *off_in, struct file *out,
			    s64 __user *off_out, size_t len, unsigned int flags)
{
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	ssize_t ret;
	u64 pos = 0;

	if (!file_readable(in) || !file_writable(out))
		return -EBADF;
	if ((from && off_in) || (to && off_out))
		return -ESPIPE;
	if (from && to) {
		if (from == to)
			return -EINVAL;
		return splice_pipes(from, to, len, nonblocking(in, flags) ||
				    nonblocking(out, flags), true);
	}
	if (!from && !to)
		return -EINVAL;
	ret = from ? get_offset(out, off_out, &pos) : get_offset(in, off_in, &pos);
	if (ret)
		return ret;
	if (from)
		ret = splice_out(from, out, &pos, off_out != NULL, len, nonblocking(in, flags));
	else
		ret = splice_in(in, &pos, off_in != NULL, to, len, nonblocking(out, flags));
	if (ret > 0 && (off_in || off_out) && put_user_u64(off_in ? off_in : off_out, pos))
		return -EFAULT;
	return ret;
}

/* The two files of a call. -EBADF. */
static int get_both(int fd_in, int fd_out, struct fdref *in, struct fdref *out)
{
	if (!fd_get(fd_in, in))
		return -EBADF;
	if (fd_get(fd_out, out))
		return 0;
	fd_put(in);
	return -EBADF;
}

static ssize_t finish(ssize_t ret)
{
	if (ret == -EPIPE)
		signal_self(SIGPIPE);
	return ret;
}

long sys_splice(int fd_in, s64 __user *off_in, int fd_out, s64 __user *off_out, size_t len,
		unsigned int flags)
{
	struct fdref in, out;
	ssize_t ret;

	if (!len)
		return 0;
	if (flags & ~(unsigned int)SPLICE_FLAGS)
		return -EINVAL;
	ret = get_both(fd_in, fd_out, &in, &out);
	if (ret)
		return ret;
	ret = splice_files(in.file, off_in, out.file, off_out, min(len, FILE_MAX_RW), flags);
	fd_put(&out);
	fd_put(&in);
	return finish(ret);
}

long sys_tee(int fd_in, int fd_out, size_t len, unsigned int flags)
{
	struct fdref in, out;
	struct pipe *from, *to;
	ssize_t ret;

	if (flags & ~(unsigned int)SPLICE_FLAGS)
		return -EINVAL;
	if (!len)
		return 0;
	ret = get_both(fd_in, fd_out, &in, &out);
	if (ret)
		return ret;
	from = pipe_of(in.file);
	to = pipe_of(out.file);
	if (!file_readable(in.file) || !file_writable(out.file))
		ret = -EBADF;
	else if (!from || !to || from == to)
		ret = -EINVAL;
	else
		ret = splice_pipes(from, to, len, nonblocking(in.file, flags) ||
				   nonblocking(out.file, flags), false);
	fd_put(&out);
	fd_put(&in);
	return finish(ret);
}

/* Into the pipe: as much as there is room for once there is any. */
static ssize_t vmsplice_in(struct pipe *p, struct uio *u)
{
	size_t before = u->u_resid;
	int err;

	spin_lock(&p->p_lock);
	err = pipe_write_some(p, u, 1, before);
	pipe_writer_done(p);
	spin_unlock(&p->p_lock);
	return before != u->u_resid ? (ssize_t)(before - u->u_resid) : err;
}

/* The user's pages are copied, with SPLICE_F_GIFT, too. */
long sys_vmsplice(int fd, const struct iovec __user *uiov, unsigned long cnt, unsigned int flags)
{
	struct iovec small[UIO_FASTIOV], *iov = small;
	struct fdref r;
	struct uio u;
	ssize_t ret;

	if (flags & ~(unsigned int)SPLICE_FLAGS)
		return -EINVAL;
	if (!fd_get(fd, &r))
		return -EBADF;
	ret = pipe_of(r.file) ? iov_get(uiov, (int)min(cnt, (unsigned long)INT32_MAX), small, &iov)
			      : -EBADF;
	if (ret > 0) {
		uio_init(&u, NULL, (size_t)ret, 0);
		u.u_iov = iov;
		u.u_iovcnt = (unsigned int)cnt;
		u.u_nonblock = nonblocking(r.file, flags);
		ret = file_writable(r.file) ? vmsplice_in(pipe_of(r.file), &u)
					    : file_read(r.file, &u);
	}
	if (iov != small)
		kfree(iov);
	fd_put(&r);
	return finish(ret);
}
