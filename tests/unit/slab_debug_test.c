/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c
 *
 * The debug build of mm/slab.c, with patterns in free objects and red zones.
 */
#define CONFIG_DEBUG 1

static void test_patterns(void);
#define MORE_TESTS()	UNIT_RUN(test_patterns)

#include "tests/unit/slab_test.c"

void lockrank_assert_may_sleep(void)
{
	KASSERT(!shim_innermost && !shim_in_interrupt && shim_irqs_on);
}

static void test_patterns(void)
{
	struct slab_cache *c = slab_create("debug", 100, 0);
	u8 *p = slab_alloc(c, ALLOC_WAIT);

	/* A byte too far, wherever the red zone begins. */
	memset(p, 1, 100);
	for (u32 i = 100; i < c->c_stride; i++) {
		u8 was = p[i];

		p[i] ^= 0xff;
		if (i >= c->c_stride - RED_SIZE)
			UNIT_DIES(slab_free(c, p));
		p[i] = was;
	}
	slab_free(c, p);
	UNIT_DIES(slab_free(c, p));

	p[50] ^= 1;
	UNIT_DIES(slab_alloc(c, ALLOC_WAIT));
	p[50] ^= 1;

	shim_in_interrupt = true;
	UNIT_DIES(slab_alloc(c, ALLOC_WAIT));
	shim_in_interrupt = false;
}
