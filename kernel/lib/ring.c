/* SPDX-License-Identifier: MIT */
/*
 * Byte ring under pipes, ttys and sockets; see ring.h for the two ways to use
 * it.
 *
 * Invariants: r_size is a power of two; r_head - r_tail <= r_size (modulo
 * 2^32, so that the counters may wrap).
 */
#include "kernel/lib/ring.h"

#include "kassert.h"
#include "kernel/lib/string.h"

void ring_init(struct ring *r, void *buf, u32 size)
{
	KASSERT(IS_POWER_OF_2(size) && size <= 0x80000000u);
	r->r_buf = buf;
	r->r_size = size;
	r->r_head = 0;
	r->r_tail = 0;
}

/* The part of @n bytes from counter value @pos before the buffer's end. */
static u32 ring_contiguous(const struct ring *r, u32 pos, u32 n)
{
	return min(n, r->r_size - (pos & (r->r_size - 1)));
}

u32 ring_write_span(const struct ring *r, u8 **span)
{
	*span = r->r_buf + (r->r_head & (r->r_size - 1));
	return ring_contiguous(r, r->r_head, ring_free(r));
}

u32 ring_read_span(const struct ring *r, u8 **span)
{
	*span = r->r_buf + (r->r_tail & (r->r_size - 1));
	return ring_contiguous(r, r->r_tail, ring_used(r));
}

void ring_produce(struct ring *r, u32 n)
{
	KASSERT(n <= ring_free(r));
	r->r_head += n;
}

void ring_consume(struct ring *r, u32 n)
{
	KASSERT(n <= ring_used(r));
	r->r_tail += n;
}

u32 ring_put(struct ring *r, const void *src, u32 n)
{
	const u8 *from = src;
	u32 left = n = min(n, ring_free(r));

	while (left > 0) {
		u8 *span;
		u32 len = min(left, ring_write_span(r, &span));

		memcpy(span, from, len);
		r->r_head += len;
		from += len;
		left -= len;
	}
	return n;
}

u32 ring_peek(const struct ring *r, u32 from, void *dst, u32 n)
{
	u8 *to = dst;
	u32 pos, left;

	if (from >= ring_used(r))
		return 0;
	left = n = min(n, ring_used(r) - from);
	pos = r->r_tail + from;
	while (left > 0) {
		u32 len = ring_contiguous(r, pos, left);

		memcpy(to, r->r_buf + (pos & (r->r_size - 1)), len);
		pos += len;
		to += len;
		left -= len;
	}
	return n;
}

u32 ring_get(struct ring *r, void *dst, u32 n)
{
	n = ring_peek(r, 0, dst, n);
	r->r_tail += n;
	return n;
}

bool ring_put_byte(struct ring *r, u8 byte)
{
	if (ring_full(r))
		return false;
	r->r_buf[r->r_head & (r->r_size - 1)] = byte;
	r->r_head++;
	return true;
}

bool ring_unput_byte(struct ring *r, u8 *byte)
{
	if (ring_empty(r))
		return false;
	r->r_head--;
	*byte = r->r_buf[r->r_head & (r->r_size - 1)];
	return true;
}

void *ring_move(struct ring *r, void *buf, u32 size)
{
	void *old = r->r_buf;
	u32 used = ring_used(r);

	KASSERT(used <= size);
	ring_get(r, buf, used);
	ring_init(r, buf, size);
	r->r_head = used;
	return old;
}
