/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/bitmap.c
 *
 * Random operations beside an array of bools, for sizes around word borders.
 */
#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

#define BITS_MAX	300

static bool model[BITS_MAX];

static size_t model_find(size_t nbits, size_t from, bool value)
{
	while (from < nbits && model[from] != value)
		from++;
	return from < nbits ? from : nbits;
}

static size_t model_find_run(size_t nbits, size_t from, size_t len)
{
	size_t run = 0;

	for (; from < nbits; from++) {
		run = model[from] ? 0 : run + 1;
		if (run == len)
			return from + 1 - len;
	}
	return nbits;
}

static void check_map(const u64 *map, size_t nbits)
{
	size_t from = unit_below(nbits + 2), len = 1 + unit_below(70);
	size_t count = 0;

	for (size_t i = 0; i < nbits; i++) {
		CHECK_EQ(test_bit(map, i), model[i]);
		count += model[i];
	}
	CHECK_EQ(bitmap_count(map, nbits), count);
	CHECK_EQ(bitmap_find_set(map, nbits, from),
		 model_find(nbits, from, true));
	CHECK_EQ(bitmap_find_clear(map, nbits, from),
		 model_find(nbits, from, false));
	CHECK_EQ(bitmap_find_clear_run(map, nbits, from, len),
		 model_find_run(nbits, from, len));
}

static void run_size(size_t nbits)
{
	u64 *map = unit_alloc(BITS_TO_WORDS(nbits) * sizeof(u64));
	u64 *last = &map[(nbits - 1) / 64];
	u64 beyond = nbits % 64 ? ~0ul << (nbits % 64) : 0;

	memset(model, 0, sizeof(model));
	*last |= beyond & 0xa5a5a5a5a5a5a5a5ul;
	for (int step = 0; step < 400; step++) {
		size_t from = unit_below(nbits);
		size_t len = unit_below(min(nbits - from, 150ul) + 1);
		bool value = unit_below(2);

		if (value)
			bitmap_set_run(map, from, len);
		else
			bitmap_clear_run(map, from, len);
		for (size_t i = 0; i < len; i++)
			model[from + i] = value;
		check_map(map, nbits);
		CHECK((*last & beyond) == (beyond & 0xa5a5a5a5a5a5a5a5ul));
	}
	unit_free(map);
}

static void test_sizes(void)
{
	static const size_t sizes[] = {
		1, 2, 63, 64, 65, 127, 128, 129, 200, 256, BITS_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		run_size(sizes[i]);
}

static void test_edges(void)
{
	BITMAP_DECLARE(map, 128) = { 0, 0 };

	CHECK_EQ(bitmap_find_set(map, 128, 0), 128);
	CHECK_EQ(bitmap_find_clear_run(map, 128, 0, 128), 0);
	CHECK_EQ(bitmap_find_clear_run(map, 128, 0, 129), 128);
	CHECK_EQ(bitmap_find_clear_run(map, 128, 1, ~0ul), 128);
	CHECK_EQ(bitmap_find_clear(map, 0, 0), 0);
	bitmap_set_run(map, 0, 128);
	CHECK(map[0] == ~0ul && map[1] == ~0ul);
	CHECK_EQ(bitmap_find_clear(map, 128, 0), 128);
	bitmap_clear_run(map, 64, 0);
	CHECK_EQ(bitmap_count(map, 128), 128);
	UNIT_DIES(bitmap_find_clear_run(map, 128, 0, 0));
}

int main(void)
{
	UNIT_RUN(test_sizes);
	UNIT_RUN(test_edges);
	return unit_end();
}
