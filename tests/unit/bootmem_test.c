/* SPDX-License-Identifier: MIT */
/*
 * boot/bootmem.c beside an array with a byte per page.
 */
#include "tests/unit/shim/shim.h"

#include "boot/bootmem.c"
#include "tests/unit/unit.h"

#define PAGES	100

static bool model[PAGES];

static void model_fill(u64 from, u64 to, bool value)
{
	for (; from < to; from++)
		model[from] = value;
}

/* Sorted, disjoint, not touching, and the same pages as the model. */
static void check_set(const struct boot_ranges *set)
{
	u64 page = 0;

	for (unsigned int i = 0; i < set->br_n; i++) {
		const struct boot_range *r = &set->br_range[i];

		CHECK(r->start < r->end);
		CHECK(i == 0 || r->start > set->br_range[i - 1].end);
		for (; page < r->start / PAGE_SIZE; page++)
			CHECK(!model[page]);
		for (; page < r->end / PAGE_SIZE; page++)
			CHECK(model[page]);
	}
	for (; page < PAGES; page++)
		CHECK(!model[page]);
}

static void test_ranges(void)
{
	for (int round = 0; round < 200; round++) {
		struct boot_ranges set = { .br_n = 0 };

		model_fill(0, PAGES, false);
		for (int step = 0; step < 60; step++) {
			u64 from = unit_below(PAGES + 1);
			u64 to = from + unit_below(min(PAGES - from, 20ul) + 1);
			bool add = unit_below(3) > 0;

			if (add)
				boot_ranges_add(&set, from * PAGE_SIZE,
						to * PAGE_SIZE);
			else
				boot_ranges_remove(&set, from * PAGE_SIZE,
						   to * PAGE_SIZE);
			model_fill(from, to, add);
			check_set(&set);
		}
	}
}

/* More ranges than there is room for: some are lost, none is made up. */
static void test_overflow(void)
{
	struct boot_ranges set = { .br_n = 0 };

	for (u64 i = 0; i < BOOT_MAX_RANGES + 5; i++)
		boot_ranges_add(&set, i * 2 * PAGE_SIZE,
				(i * 2 + 1) * PAGE_SIZE);
	CHECK_EQ(set.br_n, BOOT_MAX_RANGES);
	for (unsigned int i = 0; i < set.br_n; i++)
		CHECK_EQ(set.br_range[i].start, i * 2 * PAGE_SIZE);
}

static u64 released;

static void release(paddr_t start, paddr_t end)
{
	for (; start < end; start += PAGE_SIZE, released++) {
		CHECK(model[start / PAGE_SIZE]);
		model[start / PAGE_SIZE] = false;
	}
}

static void test_early_alloc(void)
{
	struct boot_ranges ram = { .br_n = 0 };

	shim_ram = unit_alloc(PAGES * PAGE_SIZE);
	boot_ranges_add(&ram, PAGE_SIZE, 40 * PAGE_SIZE);
	boot_ranges_add(&ram, 50 * PAGE_SIZE, PAGES * PAGE_SIZE);
	model_fill(0, PAGES, false);
	model_fill(1, 40, true);
	model_fill(50, PAGES, true);

	early_init(&ram);
	early_reserve(2 * PAGE_SIZE + 5, 3 * PAGE_SIZE + 1);
	model_fill(2, 4, false);
	for (int i = 0; i < 10; i++) {
		size_t pages = 1 + unit_below(4);
		size_t align = PAGE_SIZE << unit_below(3);
		paddr_t pa = early_alloc(pages * PAGE_SIZE - unit_below(100),
					 align);

		CHECK_EQ(pa % align, 0);
		for (u64 p = pa / PAGE_SIZE; p < pa / PAGE_SIZE + pages; p++)
			CHECK(model[p]);
		model_fill(pa / PAGE_SIZE, pa / PAGE_SIZE + pages, false);
	}
	UNIT_DIES(early_alloc(60 * PAGE_SIZE, 1));
	early_release(release);
	for (u64 p = 0; p < PAGES; p++)
		CHECK(!model[p]);
	CHECK(released > 50);
	UNIT_DIES(early_alloc(1, 1));
	unit_free(shim_ram);
}

int main(void)
{
	UNIT_RUN(test_ranges);
	UNIT_RUN(test_overflow);
	UNIT_RUN(test_early_alloc);
	return unit_end();
}
