/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c
 *
 * mm/page.c on top of mm/buddy.c: four CPUs, interrupts that find a CPU's
 * cache busy, and memory that runs out, beside an array with the use of each
 * frame.
 */
#include "tests/unit/shim/shim.h"

#include "mm/buddy.c"
#include "mm/page.c"
#include "tests/unit/unit.h"

#define FRAMES		8192
#define FIRST		5
#define END		6001
#define HELD_MAX	7000

struct held {
	struct page *pg;
	unsigned int order;
	u64 stamp;		/* first word of the page */
};

static bool used[FRAMES];
static u64 nused;
static struct held held[HELD_MAX];
static int nheld;
static int give_back;		/* blocks that page_reclaim() may free */
static int kills;		/* times that it may kill a process */
static int wakes;		/* calls of pageout_wake() */

struct bootinfo bootinfo;
struct pmap kernel_pmap;

/* ---- what page.c calls and the test plays --------------------------------- */

void early_release(void (*fn)(paddr_t start, paddr_t end))
{
	fn(FIRST * PAGE_SIZE, 100 * PAGE_SIZE);
	fn(100 * PAGE_SIZE, END * PAGE_SIZE);
}

void kmap_vmemmap(pfn_t start, pfn_t end)
{
	CHECK(start % 1024 == 0 && end % 1024 == 0 && end <= FRAMES);
}

void kstack_trim(unsigned int keep)
{
	(void)keep;
}

u64 kstack_idle_pages(void)
{
	return 0;
}

u64 pmap_limbo_pages(void)
{
	return 0;
}

void slab_shrink(void)
{
}

u64 slab_pages(void)
{
	return 0;
}

static void release(int i)
{
	struct held h = held[i];
	u64 pfn = page_to_pfn(h.pg);

	held[i] = held[--nheld];
	CHECK(*(u64 *)page_to_virt(h.pg) == h.stamp);
	for (u64 n = 0; n < 1ul << h.order; n++) {
		CHECK(used[pfn + n]);
		used[pfn + n] = false;
	}
	nused -= 1ul << h.order;
	if (h.order == 0 && unit_below(2))
		page_put(h.pg);
	else
		page_free(h.pg, h.order);
}

static bool reclaim_cache(void)
{
	CHECK(!shim_innermost && shim_irqs_on);
	if (give_back == 0 || nheld == 0)
		return false;
	give_back--;
	release((int)unit_below(nheld));
	return true;
}

static bool kill_somebody(void)
{
	if (kills == 0)
		return false;
	kills--;
	for (int i = 0; i < 300 && nheld > 0; i++)
		release((int)unit_below(nheld));
	return true;
}

bool page_reclaim(unsigned int order, unsigned int flags, unsigned int round)
{
	(void)order;
	if (round == 8)
		return false;
	return reclaim_cache() || (flags & ALLOC_USER && kill_somebody());
}

void pageout_wake(void)
{
	CHECK(!shim_innermost);
	wakes++;
}

/* ---- the model ------------------------------------------------------------ */

static bool is_zero(const void *p, size_t n)
{
	const u64 *w = p;

	for (size_t i = 0; i < n / sizeof(*w); i++) {
		if (w[i])
			return false;
	}
	return true;
}

static bool hold(unsigned int order, unsigned int flags)
{
	struct page *pg = page_alloc(order, flags);
	struct held *h = &held[nheld];
	u64 pfn;

	if (!pg)
		return false;
	pfn = page_to_pfn(pg);
	CHECK(pfn >= FIRST && pfn + (1ul << order) <= END);
	CHECK_EQ(pfn % (1ul << order), 0);
	CHECK(pg->pg_flags == 0 && pg->pg_order == order);
	CHECK_EQ(atomic_read(&pg->pg_ref), 1);
	for (u64 i = 0; i < 1ul << order; i++) {
		CHECK(!used[pfn + i]);
		used[pfn + i] = true;
	}
	nused += 1ul << order;
	if (flags & ALLOC_ZERO)
		CHECK(is_zero(page_to_virt(pg), PAGE_SIZE << order));
	*h = (struct held){ pg, order, unit_rand() };
	*(u64 *)page_to_virt(pg) = h->stamp;
	nheld++;
	return true;
}

static void release_all(void)
{
	while (nheld > 0) {
		shim_cpu = (unsigned int)unit_below(ncpus);
		release((int)unit_below(nheld));
	}
}

static void check_counts(void)
{
	CHECK_EQ(page_total(), END - FIRST);
	/* zero_page is the one more. */
	CHECK_EQ(page_used_count(), nused + 1);
	CHECK_EQ(page_free_count(), END - FIRST - nused - 1);
	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		const struct page_cpu *pc = percpu_ptr(page_cpu, cpu);

		CHECK(pc->pc_count <= cpu_cache_max);
		for (u32 i = 0; i < pc->pc_count; i++) {
			const struct page *pg = pc->pc_pages[i];

			CHECK(!used[page_to_pfn(pg)]);
			CHECK_EQ(pg->pg_flags, PG_CPUCACHE);
		}
	}
	CHECK(shim_irqs_on && !shim_innermost);
}

static void test_init(void)
{
	shim_ram_init(FRAMES, sizeof(struct page));
	ncpus = MAX_CPUS;
	bootinfo.bi_nram = 2;
	bootinfo.bi_ram[0] = (struct boot_range){ 0, 100 * PAGE_SIZE };
	bootinfo.bi_ram[1] = (struct boot_range){ 100 * PAGE_SIZE,
						  END * PAGE_SIZE };
	page_init();
	CHECK(is_zero(page_to_virt(zero_page), PAGE_SIZE));
	CHECK(pfn_valid(0) && pfn_valid(END - 1) && !pfn_valid(END));
	CHECK(reserve_frames == 93 && cpu_cache_max == 23);
	check_counts();
}

/* One step as a thread or, with its CPU's cache busy, as a handler. */
static void step(bool growing)
{
	bool handler = unit_below(4) == 0;
	unsigned int flags = handler ? ALLOC_ATOMIC : ALLOC_WAIT;

	shim_cpu = (unsigned int)unit_below(ncpus);
	if (handler) {
		shim_in_interrupt = true;
		this_cpu(page_cpu).pc_busy = (u32)unit_below(2);
	}
	if (unit_below(5) < (growing ? 4 : 1) && nheld < HELD_MAX) {
		unsigned int order = unit_below(8) ? 0 : unit_below(6);

		if (unit_below(16) == 0)
			flags |= ALLOC_ZERO;
		hold(order, flags);
	} else if (nheld > 0) {
		release((int)unit_below(nheld));
	}
	shim_in_interrupt = false;
	this_cpu(page_cpu).pc_busy = 0;
}

static void test_random(void)
{
	give_back = 0;
	kills = 0;
	for (int i = 0; i < 60000; i++) {
		step((i / 6000) % 2 == 0);
		if (i % 16 == 0)
			check_counts();
	}
	release_all();
	check_counts();
}

/* Threads stop at the reserve; handlers get it, too. */
static void test_exhaust(void)
{
	u64 left;

	shim_cpu = 1;
	while (hold(0, ALLOC_NOWAIT))
		;
	CHECK_EQ(buddy_free_frames(), reserve_frames);
	CHECK(!hold(0, ALLOC_WAIT));
	CHECK(!hold(0, ALLOC_WAIT | ALLOC_USER));
	left = buddy_free_frames();
	while (hold(0, ALLOC_ATOMIC))
		left--;
	CHECK_EQ(left, 0);
	check_counts();

	/* With something to reclaim, or a process to kill, it goes on. */
	give_back = 200;
	CHECK(hold(0, ALLOC_ATOMIC) == false);
	CHECK(hold(0, ALLOC_WAIT | ALLOC_NORECLAIM) == false);
	CHECK_EQ(give_back, 200);
	CHECK(!hold(0, ALLOC_WAIT));
	CHECK(give_back < 200);
	give_back = 0;
	kills = 1;
	CHECK(!hold(0, ALLOC_WAIT));
	CHECK_EQ(kills, 1);
	CHECK(hold(0, ALLOC_WAIT | ALLOC_USER));
	CHECK_EQ(kills, 0);
	check_counts();
	release_all();
	check_counts();
}

static void test_fault_injection(void)
{
	shim_fail_nth = 2;
	CHECK(hold(0, ALLOC_WAIT));
	CHECK(!hold(3, ALLOC_WAIT));
	CHECK(hold(0, ALLOC_WAIT));
	release_all();
	check_counts();
}

/* References: the last one frees. */
static void test_references(void)
{
	struct page *pg = page_alloc(0, ALLOC_WAIT);
	u64 before = page_used_count();

	page_get(pg);
	page_put(pg);
	CHECK_EQ(page_used_count(), before);
	CHECK_EQ(atomic_read(&pg->pg_ref), 1);
	page_put(pg);
	CHECK_EQ(page_used_count(), before - 1);
	UNIT_DIES(page_free(pg, 0));

	pg = page_alloc(0, ALLOC_WAIT);
	page_get(pg);
	UNIT_DIES(page_free(pg, 0));
	page_put(pg);
	page_put(pg);
	check_counts();
}

static void test_page_tables(void)
{
	paddr_t pas[200];
	u64 before = page_used_count();

	shim_cpu = 2;
	CHECK_EQ(pt_page_reserve(PT_RESERVE_MAX), 0);
	CHECK_EQ(page_used_count(), before);
	shim_fail_nth = 1;
	for (int i = 0; i < PT_RESERVE_MAX; i++)
		CHECK(pt_page_alloc() != 0);
	CHECK(pt_page_alloc() == 0);
	CHECK_EQ(page_used_count(), before + PT_RESERVE_MAX);

	for (int i = 0; i < 200; i++) {
		pas[i] = pt_page_alloc();
		CHECK(pas[i] && is_zero(phys_to_virt(pas[i]), PAGE_SIZE));
		CHECK_EQ(phys_to_page(pas[i])->pg_flags, PG_PT);
	}
	shim_cpu = 3;
	for (int i = 0; i < 200; i++)
		pt_page_free(pas[i]);
	CHECK(this_cpu(page_cpu).pc_ptcount <= PT_CACHE_MAX);
	CHECK_EQ(page_used_count(), before + PT_RESERVE_MAX);
	shim_fail_nth = 1;
	CHECK_EQ(pt_page_reserve(PT_RESERVE_MAX), 0);
	shim_cpu = 0;
	CHECK_EQ(pt_page_reserve(1), -ENOMEM);
	shim_fail_nth = 0;
}

/* Module pages: allocated from the start, freed like others. */
static void test_adopt(void)
{
	u64 total = page_total(), free = page_free_count();

	page_adopt_range(END * PAGE_SIZE, (END + 3) * PAGE_SIZE);
	CHECK_EQ(page_total(), total + 3);
	CHECK_EQ(page_free_count(), free);
	for (u64 i = 0; i < 3; i++)
		page_put(pfn_to_page(END + i));
	CHECK_EQ(page_free_count(), free + 3);
	UNIT_DIES(page_adopt_range(1, 2));
	page_add_range((END + 3) * PAGE_SIZE + 1, (END + 5) * PAGE_SIZE + 7);
	CHECK_EQ(page_total(), total + 4);
	CHECK_EQ(page_free_count(), free + 4);
	page_add_range(7, 9);
	CHECK_EQ(page_total(), total + 4);
	shim_ram_free();
}

/* page_debug_test.c adds its own. */
#ifndef MORE_TESTS
#define MORE_TESTS()
#endif

int main(void)
{
	UNIT_RUN(test_init);
	MORE_TESTS();
	UNIT_RUN(test_random);
	UNIT_RUN(test_exhaust);
	UNIT_RUN(test_fault_injection);
	UNIT_RUN(test_references);
	UNIT_RUN(test_page_tables);
	UNIT_RUN(test_adopt);
	return unit_end();
}
