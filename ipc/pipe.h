/* SPDX-License-Identifier: MIT */
/*
 * Pipes: the object behind pipe(2) and behind open FIFOs.
 */
#ifndef IPC_PIPE_H
#define IPC_PIPE_H

#include <compiler.h>
#include <types.h>
#include "fs/file.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/waitq.h"
#include "mm/page.h"

#define PIPE_DEF_SLOTS	16		/* 64 KiB, as on Linux */
#define PIPE_MAX_SIZE	(1u << 20)	/* F_SETPIPE_SZ without privilege */

/* Legend: [p] p_lock, [I] immutable. A copy with the lock dropped: see pipe.c, invariant 2. */
struct pipe {
	struct spinlock p_lock;
	u64 p_head;			/* [p] bytes ever written */
	u64 p_tail;			/* [p] bytes ever read */
	u8 **p_slots;			/* [p] pages, by position; see pipe.c */
	u32 p_nslots;			/* [p] a power of two */
	u8 *p_spare;			/* [p] a page kept for the next write */
	bool p_rd_busy;			/* [p] a reader copies with the lock dropped */
	bool p_wr_busy;			/* [p] a writer does */
	bool p_fifo;			/* [I] belongs to a vnode, survives its last close */
	u32 p_readers, p_writers;	/* [p] open files with that end */
	u32 p_rcount, p_wcount;		/* [p] readers, writers ever: rendezvous of fifo.c */
	struct waitq p_rdq;		/* blocked readers, exclusive */
	struct waitq p_wrq;		/* blocked writers, exclusive */
	struct waitq p_busyq;		/* waiters for p_rd_busy, p_wr_busy */
	struct waitq p_openq;		/* fifo.c: open(2) waits for the other side */
	struct waitq p_pollq;		/* poll and epoll */
	u8 *p_inline[PIPE_DEF_SLOTS];	/* p_slots of a pipe of the default size */
};

extern const struct file_ops pipe_fops;

void pipe_init(void);
int pipe_alloc(bool fifo, struct pipe **out);	/* no ends open. -ENOMEM */
void pipe_free(struct pipe *p);			/* no ends open */
/*
 * An open file with these FMODE_* bits is there / is gone. Locks p_lock; the last
 * close of a pipe frees it.
 */
void pipe_open_end(struct pipe *p, u32 mode);
void pipe_close_end(struct pipe *p, u32 mode);
/* sys_pipe.c: for pipe_reopen_hook (fs/vnode.h). */
int pipe_reopen(struct file *old, u32 flags, struct file **out);
/* fifo.c */
void fifo_init(void);

long sys_pipe(int __user *fds);
long sys_pipe2(int __user *fds, int flags);

/* splice.c */
long sys_splice(int fd_in, s64 __user *off_in, int fd_out, s64 __user *off_out, size_t len,
		unsigned int flags);
long sys_tee(int fd_in, int fd_out, size_t len, unsigned int flags);
long sys_vmsplice(int fd, const struct iovec __user *iov, unsigned long cnt, unsigned int flags);

#endif
