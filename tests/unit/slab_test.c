/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c
 *
 * mm/slab.c and mm/kmalloc.c on a page allocator of the test's own. Objects
 * are filled to the last byte, so that two that overlap are found; the slabs'
 * invariants are checked over all pages.
 */
#include "tests/unit/shim/shim.h"

#include "mm/kmalloc.c"
#include "mm/slab.c"
#include "tests/unit/unit.h"

#define FRAMES		4096
#define HELD_MAX	12000
#define SIZES_MAX	12

struct held {
	u8 *obj;
	size_t size;
	struct slab_cache *cache;	/* NULL: kmalloc */
	u8 stamp;
};

static bool frame_used[FRAMES];
static u64 frames_used;
static u64 frames_max = FRAMES;		/* page_alloc() fails beyond */
static struct held held[HELD_MAX];
static int nheld;
static struct slab_cache *caches[SIZES_MAX];
static size_t cache_sizes[SIZES_MAX];
static int ncaches;

/* ---- the page allocator ---------------------------------------------------- */

static bool frames_free(u64 pfn, unsigned int order)
{
	for (u64 i = 0; i < 1ul << order; i++) {
		if (frame_used[pfn + i])
			return false;
	}
	return true;
}

struct page *page_alloc(unsigned int order, unsigned int flags)
{
	CHECK(!shim_innermost && shim_irqs_on);
	if (frames_used + (1ul << order) > frames_max || should_fail())
		return NULL;
	for (u64 pfn = 0; pfn < FRAMES; pfn += 1ul << order) {
		struct page *pg = pfn_to_page(pfn);

		if (!frames_free(pfn, order))
			continue;
		CHECK_EQ(pg->pg_flags, 0);
		for (u64 i = 0; i < 1ul << order; i++)
			frame_used[pfn + i] = true;
		frames_used += 1ul << order;
		memset(page_to_virt(pg), flags & ALLOC_ZERO ? 0 : 0xa5,
		       PAGE_SIZE << order);
		pg->pg_order = (u8)order;
		atomic_set(&pg->pg_ref, 1);
		return pg;
	}
	return NULL;
}

void page_free(struct page *pg, unsigned int order)
{
	u64 pfn = page_to_pfn(pg);

	CHECK_EQ(pg->pg_order, order);
	for (u64 i = 0; i < 1ul << order; i++) {
		CHECK(frame_used[pfn + i]);
		CHECK_EQ(pg[i].pg_flags, 0);
		frame_used[pfn + i] = false;
	}
	frames_used -= 1ul << order;
}

/* ---- the model -------------------------------------------------------------- */

static bool is_filled(const u8 *p, u8 byte, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != byte)
			return false;
	}
	return true;
}

static bool hold(struct slab_cache *c, size_t size, unsigned int flags)
{
	u8 *obj = c ? slab_alloc(c, flags) : kmalloc(size, flags);

	if (!obj)
		return false;
	if (flags & ALLOC_ZERO)
		CHECK(is_filled(obj, 0, size));
	held[nheld] = (struct held){ obj, size, c, (u8)unit_rand() };
	memset(obj, held[nheld].stamp, size);
	nheld++;
	return true;
}

static void release(int i)
{
	struct held h = held[i];

	held[i] = held[--nheld];
	CHECK(is_filled(h.obj, h.stamp, h.size));
	if (h.cache)
		slab_free(h.cache, h.obj);
	else
		kfree(h.obj);
}

static void release_all(void)
{
	while (nheld > 0) {
		shim_cpu = (unsigned int)unit_below(ncpus);
		release((int)unit_below(nheld));
	}
}

/* Checks the slab with this first page; returns its objects outside. */
static u64 check_slab(const struct slab_cache *c, const struct page *pg)
{
	u64 free = 0;

	for (void **p = pg->pg_freelist; p; p = *p) {
		CHECK(slab_of(c, p) == pg);
		free++;
	}
	for (u32 i = 0; i < 1u << c->c_order; i++)
		CHECK(pg[i].pg_flags == PG_SLAB && pg[i].pg_cache == c);
	CHECK_EQ(pg->pg_total, c->c_per_slab);
	CHECK_EQ(free + pg->pg_inuse, pg->pg_total);
	CHECK((free == 0) == list_empty(&pg->pg_slab_link));
	return pg->pg_inuse;
}

static void check_cache(struct slab_cache *c)
{
	const struct page *pg;
	u64 out = 0, slabs = 0, partial = 0, empty = 0;

	for (u64 pfn = 0; pfn < FRAMES; pfn++) {
		pg = pfn_to_page(pfn);
		if (pg->pg_flags != PG_SLAB || pg->pg_cache != c ||
		    slab_of(c, page_to_virt(pg)) != pg)
			continue;
		out += check_slab(c, pg);
		slabs++;
	}
	list_for_each_entry(pg, &c->c_partial, pg_slab_link) {
		CHECK(pg->pg_cache == c && pg->pg_freelist);
		CHECK(pg->pg_inuse == 0 || empty == 0);
		empty += pg->pg_inuse == 0;
		partial++;
	}
	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		CHECK(!c->c_mag[cpu] || c->c_mag[cpu]->sm_count <= c->c_mag_max);
	CHECK_EQ(c->c_out, out);
	CHECK_EQ(c->c_nslabs, slabs);
	CHECK_EQ(c->c_nempty, empty);
	CHECK(partial <= slabs);
}

/* The pages that blocks of kmalloc() take directly. */
static u64 kmalloc_pages_held(void)
{
	u64 n = 0;

	for (int i = 0; i < nheld; i++) {
		if (!held[i].cache && held[i].size > CLASS_MAX)
			n += 1ul << virt_to_page(held[i].obj)->pg_order;
	}
	return n;
}

static void check_all(void)
{
	struct slab_cache *c;
	u64 objects = 0;

	for (c = cache_next(NULL); c; c = cache_next(c))
		check_cache(c);
	for (int i = 0; i < nheld; i++)
		objects += held[i].cache || held[i].size <= CLASS_MAX;
	CHECK_EQ(slab_objects_in_use(), objects);
	CHECK_EQ(slab_pages() + kmalloc_pages_held(), frames_used);
	CHECK(shim_irqs_on && !shim_innermost);
}

/* ---- the tests ---------------------------------------------------------------- */

static void test_init(void)
{
	static const struct {
		size_t size, align;
	} kinds[SIZES_MAX] = {
		{ 1, 0 }, { 8, 0 }, { 24, 0 }, { 40, 64 }, { 100, 0 },
		{ 256, 256 }, { 528, 0 }, { 1000, 16 }, { 2048, 0 },
		{ 3000, 0 }, { 4096, 4096 }, { 9000, 0 },
	};

	shim_ram_init(FRAMES, sizeof(struct page));
	ncpus = MAX_CPUS;
	slab_init();
	for (int i = 0; i < SIZES_MAX; i++) {
		caches[i] = slab_create("test", kinds[i].size, kinds[i].align);
		cache_sizes[i] = kinds[i].size;
	}
	ncaches = SIZES_MAX;
	check_all();
}

/* All live objects of a cache, against each other and their alignment. */
static void test_layout(void)
{
	for (int i = 0; i < ncaches; i++) {
		u32 align = i == 3 ? 64 : i == 5 ? 256 : i == 7 ? 16 : 8;

		for (int n = 0; n < 100; n++) {
			CHECK(hold(caches[i], cache_sizes[i], ALLOC_WAIT));
			CHECK_EQ((uintptr_t)held[nheld - 1].obj % align, 0);
		}
		check_all();
		release_all();
	}
	check_all();
}

/* One step as a thread or, with the magazine busy, as a handler. */
static void step(struct slab_cache *c, size_t size, bool growing)
{
	bool handler = unit_below(4) == 0;
	unsigned int flags = handler ? ALLOC_ATOMIC : ALLOC_WAIT;
	struct magazine *m;

	shim_cpu = (unsigned int)unit_below(ncpus);
	m = c ? c->c_mag[shim_cpu] : NULL;
	if (handler && m)
		m->sm_busy = (u32)unit_below(2);
	shim_in_interrupt = handler;
	if (unit_below(5) < (growing ? 4 : 1) && nheld < HELD_MAX)
		hold(c, size, unit_below(4) ? flags : flags | ALLOC_ZERO);
	else if (nheld > 0)
		release((int)unit_below(nheld));
	shim_in_interrupt = false;
	if (m)
		m->sm_busy = 0;
}

static void test_random(void)
{
	for (int i = 0; i < ncaches; i++) {
		for (int n = 0; n < 3000; n++) {
			step(caches[i], cache_sizes[i], (n / 500) % 2 == 0);
			if (n % 100 == 0)
				check_all();
		}
		release_all();
	}
	check_all();
}

static void test_mixed(void)
{
	for (int n = 0; n < 20000; n++) {
		int i = (int)unit_below(ncaches);
		size_t size = unit_below(10) ? unit_below(600) :
			      unit_below(20000);

		if (unit_below(2))
			step(caches[i], cache_sizes[i], (n / 3000) % 2 == 0);
		else
			step(NULL, size, (n / 3000) % 2 == 0);
		if (n % 200 == 0)
			check_all();
	}
	release_all();
	check_all();
}

/* With nothing in use, shrinking on each CPU leaves only its own caches. */
static void test_shrink(void)
{
	for (shim_cpu = 0; shim_cpu < ncpus; shim_cpu++)
		slab_shrink();
	shim_cpu = 0;
	check_all();
	for (int i = 0; i < ncaches; i++)
		CHECK_EQ(caches[i]->c_nslabs, 0);
	CHECK_EQ(frames_used, (cache_cache.c_nslabs << cache_cache.c_order) +
		 (mag_cache.c_nslabs << mag_cache.c_order));
}

/* Out of memory at each possible request; then it goes on as before. */
static void test_no_memory(void)
{
	for (int i = 0; i < ncaches; i++) {
		frames_max = frames_used + 20;
		while (hold(caches[i], cache_sizes[i], ALLOC_WAIT))
			;
		CHECK(nheld > 0);
		check_all();
		release(0);
		CHECK(hold(caches[i], cache_sizes[i], ALLOC_WAIT));
		release_all();
		for (long n = 1; n < 6; n++) {
			shim_fail_nth = n;
			hold(caches[i], cache_sizes[i], ALLOC_WAIT);
			shim_fail_nth = 0;
			check_all();
		}
		release_all();
		frames_max = FRAMES;
	}
	check_all();
}

static void test_kmalloc(void)
{
	for (size_t size = 0; size <= 9000; size += 1 + size / 40) {
		u8 *p = kmalloc(size, ALLOC_WAIT);

		CHECK(p && (uintptr_t)p % 16 == 0);
		memset(p, 1, size);
		if (IS_POWER_OF_2(size))
			CHECK_EQ((uintptr_t)p % size, 0);
		kfree(p);
	}
	kfree(NULL);
	for (size_t size = 16; size <= MIB(4); size *= 2) {
		u8 *p = kmalloc(size, ALLOC_WAIT | ALLOC_ZERO);

		CHECK(p && (uintptr_t)p % size == 0);
		CHECK(is_filled(p, 0, size));
		kfree(p);
	}
	CHECK(kmalloc(MIB(4) + 1, ALLOC_WAIT) == NULL);
	CHECK(kmalloc(SIZE_MAX, ALLOC_WAIT) == NULL);
	CHECK(kmalloc(SIZE_MAX - 4094, ALLOC_WAIT) == NULL);
	check_all();
}

static void test_report(void)
{
	static char text[8192];
	struct statbuf sb = { text, sizeof(text), 0 };

	shim_report->sr_show(&sb);
	CHECK(sb.sb_len < sizeof(text));
	CHECK(strstr(text, "kmalloc-192"));
}

static void test_misuse(void)
{
	u8 *p = kmalloc(10000, ALLOC_WAIT);

	UNIT_DIES(kfree(p + 8));
	kfree(p);
	UNIT_DIES(kfree(p));
	UNIT_DIES(slab_create("bad", 0, 0));
	UNIT_DIES(slab_create("bad", 64, 24));
	UNIT_DIES(slab_create("bad", 40000, 0));
}

/* slab_debug_test.c adds its own. */
#ifndef MORE_TESTS
#define MORE_TESTS()
#endif

int main(void)
{
	UNIT_RUN(test_init);
	UNIT_RUN(test_layout);
	UNIT_RUN(test_random);
	UNIT_RUN(test_mixed);
	UNIT_RUN(test_shrink);
	UNIT_RUN(test_no_memory);
	UNIT_RUN(test_kmalloc);
	MORE_TESTS();
	UNIT_RUN(test_report);
	UNIT_RUN(test_misuse);
	shim_ram_free();
	return unit_end();
}
