/* SPDX-License-Identifier: MIT */
/*
 * Named pipes: open(2) of a FIFO, where reader and writer meet. Reading and
 * writing are pipe.c's; fs calls in through fifo_open_hook and fifo_free_hook.
 *
 * The pipe is made at the first open of the vnode and stays with it; contents go at the last
 * close.
 *
 *	O_RDONLY		waits for a writer; O_NONBLOCK: does not wait
 *	O_WRONLY		waits for a reader; O_NONBLOCK: -ENXIO without one
 *	O_RDWR			never waits (Linux)
 *
 * An opener waits until somebody HAS BEEN there, not until somebody is: p_rcount
 * and p_wcount only grow, so a partner that comes and leaves again before
 * the waiter runs still counts.
 *
 * Locks: v_ilock for v_pipe, p_lock for the rest; never both.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/vnode.h"
#include "ipc/pipe.h"

/* The vnode's pipe, made if it has none. */
static int fifo_pipe(struct vnode *vn, struct pipe **out)
{
	struct pipe *p = NULL, *spare;
	int err;

	spin_lock(&vn->v_ilock);
	p = vn->v_pipe;
	spin_unlock(&vn->v_ilock);
	if (!p) {
		err = pipe_alloc(true, &spare);
		if (err)
			return err;
		spin_lock(&vn->v_ilock);
		p = vn->v_pipe;
		if (!p)
			vn->v_pipe = p = spare;
		spin_unlock(&vn->v_ilock);
		if (p != spare)
			pipe_free(spare);
	}
	*out = p;
	return 0;
}

/* Wait until *count differs from seen. */
static int rendezvous(struct pipe *p, const u32 *count, u32 seen)
{
	int err = 0;

	while (*count == seen && !err)
		err = waitq_sleep(&p->p_openq, &p->p_lock);
	return err;
}

static int fifo_meet(struct pipe *p, u32 mode, bool nonblock)
{
	int err = 0;

	if (mode == FMODE_WRITE && nonblock && !p->p_readers)
		return -ENXIO;
	pipe_open_end(p, mode);
	waitq_wake_all(&p->p_openq, 0);
	if (mode == FMODE_READ && !p->p_writers && !nonblock)
		err = rendezvous(p, &p->p_wcount, p->p_wcount);
	else if (mode == FMODE_WRITE && !p->p_readers)
		err = rendezvous(p, &p->p_rcount, p->p_rcount);
	return err;
}

static int fifo_open(struct vnode *vn, struct file *f)
{
	u32 mode = f->f_mode & (FMODE_READ | FMODE_WRITE), seen;
	struct pipe *p;
	int err = fifo_pipe(vn, &p);

	if (err)
		return err;
	spin_lock(&p->p_lock);
	seen = p->p_wcount;
	err = fifo_meet(p, mode, f->f_flags & O_NONBLOCK);
	/* Opened alone: no hang-up until a writer has come and gone (pipe_poll). */
	if (p->p_writers == 0 && p->p_wcount == seen)
		f->f_pos = seen;
	else
		f->f_pos = -1;
	spin_unlock(&p->p_lock);
	if (err == -ENXIO)
		return err;
	if (err) {
		pipe_close_end(p, mode);
		return err;
	}
	f->f_ops = &pipe_fops;
	f->f_data = p;
	return 0;
}

/* Nobody refers to the vnode any more. */
static void fifo_free(struct vnode *vn)
{
	struct pipe *p = vn->v_pipe;

	KASSERT(p && p->p_fifo);
	vn->v_pipe = NULL;
	pipe_free(p);
}

void fifo_init(void)
{
	fifo_open_hook = fifo_open;
	fifo_free_hook = fifo_free;
}
