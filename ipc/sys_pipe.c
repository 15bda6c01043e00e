/* SPDX-License-Identifier: MIT */
/*
 * pipe(2), pipe2(2).
 */
#include <errno.h>
#include <abi/stat.h>
#include <kassert.h>
#include "fs/fdtable.h"
#include "ipc/pipe.h"
#include "mm/uaccess.h"

/* One end. On failure the end is closed, and the pipe freed if it was the last. */
static int end_create(struct pipe *p, u32 flags, u64 ino, struct file **out)
{
	int err = file_alloc(&pipe_fops, p, flags, out);

	if (err)
		pipe_close_end(p, flags & O_WRONLY ? FMODE_WRITE : FMODE_READ);
	else
		file_set_anon(*out, "pipe", S_IFIFO | 0600, ino);
	return err;
}

static int pipe_create(u32 flags, struct file *ends[2])
{
	struct pipe *p;
	u64 ino = anon_ino_alloc();
	int err = pipe_alloc(false, &p);

	if (err)
		return err;
	/* Not shared yet. */
	spin_lock(&p->p_lock);
	pipe_open_end(p, FMODE_READ | FMODE_WRITE);
	spin_unlock(&p->p_lock);
	err = end_create(p, O_RDONLY | flags, ino, &ends[0]);
	if (err) {
		pipe_close_end(p, FMODE_WRITE);
		return err;
	}
	err = end_create(p, O_WRONLY | flags, ino, &ends[1]);
	if (err)
		file_put(ends[0]);
	return err;
}

int pipe_reopen(struct file *old, u32 flags, struct file **out)
{
	struct pipe *p = old->f_data;
	int err;

	KASSERT(old->f_ops == &pipe_fops);
	err = file_alloc(&pipe_fops, p, flags, out);
	if (err)
		return err;
	file_set_anon(*out, old->f_anon_class, old->f_anon_mode, old->f_anon_ino);
	/* Its ends are open: old is, and the caller holds it. */
	spin_lock(&p->p_lock);
	pipe_open_end(p, (*out)->f_mode & (FMODE_READ | FMODE_WRITE));
	spin_unlock(&p->p_lock);
	return 0;
}

/*
 * pipe2(2): descriptors in fds[]. -EMFILE, -ENFILE, -ENOMEM, -EFAULT, -EINVAL;
 * nothing is left behind on failure.
 */
long sys_pipe2(int __user *fds, int flags)
{
	bool cloexec = flags & O_CLOEXEC;
	struct file *ends[2];
	int fd[2], err;

	/* O_DIRECT (packets) is not there: EINVAL, as before Linux 3.4. */
	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err = pipe_create((u32)(flags & O_NONBLOCK), ends);
	if (err)
		return err;
	fd[0] = fd_reserve(0, cloexec);
	if (fd[0] < 0) {
		err = fd[0];
		goto put_files;
	}
	fd[1] = fd_reserve(0, cloexec);
	if (fd[1] < 0) {
		err = fd[1];
		goto unreserve_first;
	}
	err = copy_to_user(fds, fd, sizeof(fd));
	if (err)
		goto unreserve_both;
	fd_fill(fd[0], ends[0]);
	fd_fill(fd[1], ends[1]);
	return 0;

unreserve_both:
	fd_unreserve(fd[1]);
unreserve_first:
	fd_unreserve(fd[0]);
put_files:
	file_put(ends[0]);
	file_put(ends[1]);
	return err;
}

long sys_pipe(int __user *fds)
{
	return sys_pipe2(fds, 0);
}
