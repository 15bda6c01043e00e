/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/ring.c
 *
 * Random operations beside a plain queue; the counters start near their wrap.
 */
#include "kernel/lib/ring.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

#define MODEL_MAX	64

static u8 model[MODEL_MAX];
static u32 model_len;
static u8 next_byte;

static void model_push(u8 byte)
{
	model[model_len++] = byte;
}

static void model_drop(u32 n)
{
	model_len -= n;
	memmove(model, model + n, model_len);
}

static void step_put(struct ring *r)
{
	u8 data[MODEL_MAX + 8];
	u32 n = (u32)unit_below(sizeof(data)), room = r->r_size - model_len;

	for (u32 i = 0; i < n; i++)
		data[i] = next_byte++;
	CHECK_EQ(ring_put(r, data, n), min(n, room));
	for (u32 i = 0; i < min(n, room); i++)
		model_push(data[i]);
}

static void step_get(struct ring *r)
{
	u8 data[MODEL_MAX + 8];
	u32 n = (u32)unit_below(sizeof(data)), want = min(n, model_len);

	CHECK_EQ(ring_get(r, data, n), want);
	CHECK(memcmp(data, model, want) == 0);
	model_drop(want);
}

static void step_spans(struct ring *r)
{
	u8 *span;
	u32 n = ring_write_span(r, &span);

	CHECK((n == 0) == (model_len == r->r_size));
	n = (u32)unit_below(n + 1);
	for (u32 i = 0; i < n; i++) {
		span[i] = next_byte++;
		model_push(span[i]);
	}
	ring_produce(r, n);

	n = ring_read_span(r, &span);
	CHECK((n == 0) == (model_len == 0));
	CHECK(memcmp(span, model, n) == 0);
	n = (u32)unit_below(n + 1);
	ring_consume(r, n);
	model_drop(n);
}

static void step_bytes(struct ring *r)
{
	u8 byte = 0;

	CHECK(ring_put_byte(r, next_byte) == (model_len < r->r_size));
	if (model_len < r->r_size)
		model_push(next_byte++);
	if (unit_below(2)) {
		CHECK(ring_unput_byte(r, &byte) == (model_len > 0));
		if (model_len > 0)
			CHECK_EQ(byte, model[--model_len]);
	}
}

static void check_ring(const struct ring *r)
{
	u8 data[MODEL_MAX];
	u32 from = (u32)unit_below(r->r_size + 2);
	u32 want = from < model_len ? model_len - from : 0;

	CHECK_EQ(ring_used(r), model_len);
	CHECK_EQ(ring_free(r), r->r_size - model_len);
	CHECK(ring_empty(r) == (model_len == 0));
	CHECK(ring_full(r) == (model_len == r->r_size));
	for (u32 i = 0; i < model_len; i++)
		CHECK_EQ(ring_at(r, i), model[i]);
	CHECK_EQ(ring_peek(r, from, data, sizeof(data)), want);
	CHECK(memcmp(data, model + from, want) == 0);
}

static void run_size(u32 size)
{
	u8 *buf = unit_alloc(size);
	struct ring r;

	ring_init(&r, buf, size);
	r.r_head = r.r_tail = 0xffffff00u;
	model_len = 0;
	for (int step = 0; step < 20000; step++) {
		switch (unit_below(4)) {
		case 0:
			step_put(&r);
			break;
		case 1:
			step_get(&r);
			break;
		case 2:
			step_spans(&r);
			break;
		default:
			step_bytes(&r);
			break;
		}
		check_ring(&r);
	}
	ring_clear(&r);
	CHECK(ring_empty(&r));
	unit_free(buf);
}

static void test_sizes(void)
{
	for (u32 size = 1; size <= MODEL_MAX; size *= 2)
		run_size(size);
}

static void test_move(void)
{
	u8 small[8], big[32];
	char out[9] = "";
	struct ring r;

	ring_init(&r, small, sizeof(small));
	CHECK(!ring_unput_byte(&r, small));
	ring_put(&r, "..ABCDEF", 8);
	ring_consume(&r, 2);
	ring_put(&r, "GH", 2);
	CHECK(ring_move(&r, big, sizeof(big)) == small);
	CHECK_EQ(ring_used(&r), 8);
	CHECK_EQ(ring_free(&r), 24);
	CHECK(ring_move(&r, small, sizeof(small)) == big);
	CHECK(ring_full(&r));
	CHECK_EQ(ring_get(&r, out, 8), 8);
	CHECK(strcmp(out, "ABCDEFGH") == 0);
}

static void test_misuse(void)
{
	u8 buf[8];
	struct ring r;

	UNIT_DIES(ring_init(&r, buf, 6));
	UNIT_DIES(ring_init(&r, buf, 0));
	ring_init(&r, buf, 8);
	UNIT_DIES(ring_consume(&r, 1));
	UNIT_DIES(ring_produce(&r, 9));
	ring_put(&r, "12345", 5);
	UNIT_DIES(ring_move(&r, buf, 4));
}

int main(void)
{
	UNIT_RUN(test_sizes);
	UNIT_RUN(test_move);
	UNIT_RUN(test_misuse);
	return unit_end();
}
