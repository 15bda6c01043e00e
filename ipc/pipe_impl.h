/* SPDX-License-Identifier: MIT */
/*
 * The inside of a pipe, for pipe.c and splice.c. The invariants are at the head of pipe.c.
 */
#ifndef IPC_PIPE_IMPL_H
#define IPC_PIPE_IMPL_H

#include "ipc/pipe.h"

static inline u64 pipe_used(const struct pipe *p)
{
	return p->p_head - p->p_tail;
}

static inline u64 pipe_room(const struct pipe *p)
{
	return (u64)p->p_nslots * PAGE_SIZE -
	       (p->p_head - round_down(p->p_tail, PAGE_SIZE));
}

static inline u8 **pipe_slot(const struct pipe *p, u64 pos)
{
	return &p->p_slots[(pos >> PAGE_SHIFT) & (p->p_nslots - 1)];
}

/*
 * With p_lock held; they sleep without it. Until there are bytes and no other reader copies: 1,
 * 0 (end of file) or -errno. Until there is room for need (<= PIPE_BUF) bytes and no other
 * writer copies: 0 or -errno, -EPIPE without readers (no signal).
 */
int pipe_reader_wait(struct pipe *p, bool nonblock);
int pipe_writer_wait(struct pipe *p, size_t need, bool nonblock);
/* A reader or writer leaves: if there is something left for others, it wakes one. p_lock held. */
void pipe_reader_done(struct pipe *p);
void pipe_writer_done(struct pipe *p);
/* p_rd_busy or p_wr_busy, which was ours, ends. p_lock held. */
void pipe_busy_done(struct pipe *p, bool *busy);
/* n more bytes are readable. p_lock held. */
void pipe_publish(struct pipe *p, size_t n);
/* The n oldest bytes have been read. p_lock held. Free the result when it is not. */
struct page *pipe_consume(struct pipe *p, size_t n);
void pipe_free_chain(struct page *chain);
/* After a write that moved nothing. p_lock held. */
void pipe_rewind_if_empty(struct pipe *p);
/*
 * The page for position pos, made if need be; NULL: no memory. p_wr_busy is ours, p_lock not
 * held.
 */
u8 *pipe_page_at(struct pipe *p, u64 pos);
/*
 * Wait for room for need bytes, then write what there is room for, at most `most` bytes. p_lock
 * held, and dropped meanwhile.
 */
int pipe_write_some(struct pipe *p, struct uio *u, size_t need, size_t most);

#endif
