/* SPDX-License-Identifier: MIT */
/*
 * Byte ring over a buffer of the caller's, with a power-of-two capacity.
 *
 * r_head counts the bytes ever written and r_tail those ever read, both modulo
 * 2^32; their difference is the fill level, so a full ring is told from an
 * empty one without a spare byte. Nothing here locks.
 *
 * Besides the copying calls there are spans: ring_write_span and
 * ring_read_span return one contiguous part of the buffer, which the caller
 * fills or drains in its own way (a copy to user space that may fault, with
 * the ring's lock dropped and only one such caller at a time) and then reports
 * with ring_produce or ring_consume. A wrapped ring needs two rounds.
 */
#ifndef KERNEL_LIB_RING_H
#define KERNEL_LIB_RING_H

#include "compiler.h"
#include "types.h"

struct ring {
	u8 *r_buf;
	u32 r_size;		/* a power of two, at most 2^31 */
	u32 r_head;		/* bytes ever written */
	u32 r_tail;		/* bytes ever read */
};

void ring_init(struct ring *r, void *buf, u32 size);

static inline u32 ring_used(const struct ring *r)
{
	return r->r_head - r->r_tail;
}

static inline u32 ring_free(const struct ring *r)
{
	return r->r_size - ring_used(r);
}

static inline bool ring_empty(const struct ring *r)
{
	return r->r_head == r->r_tail;
}

static inline bool ring_full(const struct ring *r)
{
	return ring_used(r) == r->r_size;
}

static inline void ring_clear(struct ring *r)
{
	r->r_tail = r->r_head;
}

/* The byte at offset @i < ring_used(r) from the oldest. */
static inline u8 ring_at(const struct ring *r, u32 i)
{
	return r->r_buf[(r->r_tail + i) & (r->r_size - 1)];
}

/* *span is where to write or read next; returns how much of it is contiguous. */
u32 ring_write_span(const struct ring *r, u8 **span);
u32 ring_read_span(const struct ring *r, u8 **span);
void ring_produce(struct ring *r, u32 n);
void ring_consume(struct ring *r, u32 n);

/* These move as much as there is room or data for, and return how much. */
u32 ring_put(struct ring *r, const void *src, u32 n);
u32 ring_get(struct ring *r, void *dst, u32 n);

/* Copies up to @n bytes from offset @from without taking them out. */
u32 ring_peek(const struct ring *r, u32 from, void *dst, u32 n);

/* False if the ring is full. */
bool ring_put_byte(struct ring *r, u8 byte);

/* Takes the newest byte back (a tty's erase character); false if empty. */
bool ring_unput_byte(struct ring *r, u8 *byte);

/*
 * Moves the contents to another buffer of @size bytes, which must hold them.
 * Returns the old buffer.
 */
void *ring_move(struct ring *r, void *buf, u32 size);

#endif
