/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c
 *
 * The debug build of mm/page.c, which fills free pages with a pattern.
 */
#define CONFIG_DEBUG 1

static void test_use_after_free(void);
#define MORE_TESTS()	UNIT_RUN(test_use_after_free)

#include "tests/unit/page_test.c"

void lockrank_assert_may_sleep(void)
{
	KASSERT(!shim_innermost && !shim_in_interrupt && shim_irqs_on);
}

static void test_use_after_free(void)
{
	struct page *pg = page_alloc(0, ALLOC_WAIT);
	u64 *word = (u64 *)page_to_virt(pg) + 77;

	page_free(pg, 0);
	*word ^= 1;
	UNIT_DIES(page_alloc(0, ALLOC_WAIT));
	/* The allocator gave up half-way; put the page back by hand. */
	*word ^= 1;
	page_free(pg, 0);

	shim_in_interrupt = true;
	UNIT_DIES(page_alloc(0, ALLOC_WAIT));
	shim_in_interrupt = false;
	check_counts();
}
