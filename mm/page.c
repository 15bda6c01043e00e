/* SPDX-License-Identifier: MIT */
/*
 * Pages, as everybody allocates them: per-CPU caches in front of the buddy lists, the
 * reserve, and what happens when memory runs out.
 *
 * A CPU's cache of single pages is an array; beside it is a list of page-table pages
 * that are all zero already (who frees one has cleared its entries), linked through
 * their first word. Both are used by this CPU alone, by code that an interrupt handler
 * may interrupt: pc_busy tells the handler to leave the cache alone and go to the
 * buddy lists. That is cheaper than disabling interrupts, and handlers seldom allocate.
 *
 * Invariants:
 *  1. pages[0 .. pc_count) have PG_CPUCACHE and no reference.
 *  2. total frames = buddy_free + CPU caches + page-table caches + page_used_count().
 *
 * Sleeps only in page_reclaim() (reclaim.c). Locks: buddy_lock, interrupts off.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "kernel/core/fail.h"
#include "kernel/core/lockrank.h"
#include "kernel/core/statreg.h"
#include "kernel/core/thread.h"
#include "kernel/lib/string.h"
#include "kernel/x86/kmap.h"
#include "kernel/x86/pagetable.h"
#include "mm/buddy.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#define PC_MAX		128		/* single pages a CPU may hoard */
#define PC_REFILL_ORDER	5		/* 32 pages, when the cache is empty */
#define PT_CACHE_MAX	64

struct page_cpu {
	u32 pc_busy;			/* [o] this CPU is changing it */
	u32 pc_count;			/* [o] */
	u32 pc_ptcount;			/* [o] */
	paddr_t pc_pthead;		/* [o] */
	struct page *pc_pages[PC_MAX];	/* [o] the last one is the hottest */
};

static DEFINE_PERCPU(struct page_cpu, page_cpu);

static u64 total_frames;		/* [buddy_lock] */
static u64 reserve_frames;		/* [I] only for ALLOC_ATOMIC, reclaim, and the flusher */
static u32 cpu_cache_max = PC_MAX;	/* [I] */
static u32 cpu_refill_order = PC_REFILL_ORDER;	/* [I] */
struct page *zero_page;

/* ---- CPU caches --------------------------------------------------------- */

/* Enter this CPU's cache; false when we have interrupted somebody in it. */
static inline bool cache_enter(void)
{
	if (unlikely(this_cpu(page_cpu).pc_busy))
		return false;
	this_cpu(page_cpu).pc_busy = 1;
	barrier();
	return true;
}

static inline void cache_leave(void)
{
	barrier();
	this_cpu(page_cpu).pc_busy = 0;
}

/* Fill the empty cache, by half at most. It stays empty when free memory is at the reserve. */
static __noinline void cache_refill(void)
{
	struct page_cpu *pc = this_cpu_ptr(page_cpu);
	irqflags_t f = spin_lock_irqsave(&buddy_lock);
	u32 n;

	KASSERT(pc->pc_busy && pc->pc_count == 0);
	n = buddy_take_singles(cpu_refill_order, reserve_frames, pc->pc_pages);
	spin_unlock_irqrestore(&buddy_lock, f);
	/* The first to go out is the first of the block: ascending addresses. */
	for (u32 i = 0; i < n / 2; i++) {
		struct page *pg = pc->pc_pages[i];

		pc->pc_pages[i] = pc->pc_pages[n - 1 - i];
		pc->pc_pages[n - 1 - i] = pg;
	}
	for (u32 i = 0; i < n; i++)
		pc->pc_pages[i]->pg_flags = PG_CPUCACHE;
	pc->pc_count = n;
}

/* The cache is entered and empty. Wakes the page-out thread when memory gets short. */
static __noinline struct page *cache_pop_slow(unsigned int flags)
{
	struct page_cpu *pc = this_cpu_ptr(page_cpu);
	struct page *pg = NULL;

	cache_refill();
	if (pc->pc_count)
		pg = pc->pc_pages[--pc->pc_count];
	cache_leave();
	if (!(flags & (ALLOC_ATOMIC | ALLOC_NOWAIT)) &&
	    unlikely(buddy_free_frames() < page_low_water()))
		pageout_wake();
	return pg;
}

static inline struct page *cache_pop(unsigned int flags)
{
	struct page *pg;
	u32 n;

	if (!cache_enter())
		return NULL;
	n = this_cpu(page_cpu).pc_count;
	if (unlikely(n == 0))
		return cache_pop_slow(flags);
	pg = this_cpu(page_cpu).pc_pages[n - 1];
	this_cpu(page_cpu).pc_count = n - 1;
	cache_leave();
	return pg;
}

/* Give the n coldest pages back to the buddy lists. The cache is entered. */
static void cache_shrink(u32 n)
{
	struct page_cpu *pc = this_cpu_ptr(page_cpu);
	irqflags_t f = spin_lock_irqsave(&buddy_lock);

	KASSERT(pc->pc_busy && n <= pc->pc_count);
	for (u32 i = 0; i < n; i++) {
		pc->pc_pages[i]->pg_flags = 0;
		buddy_give(pc->pc_pages[i], 0);
	}
	spin_unlock_irqrestore(&buddy_lock, f);
	pc->pc_count -= n;
	memmove(pc->pc_pages, pc->pc_pages + n,
		pc->pc_count * sizeof(pc->pc_pages[0]));
}

/* False: the cache is in use by what we interrupted. */
static inline bool cache_push(struct page *pg)
{
	u32 n;

	if (!cache_enter())
		return false;
	n = this_cpu(page_cpu).pc_count;
	if (unlikely(n >= cpu_cache_max)) {
		cache_shrink(n - n / 2);
		n = this_cpu(page_cpu).pc_count;
	}
	pg->pg_flags = PG_CPUCACHE;
	this_cpu(page_cpu).pc_pages[n] = pg;
	this_cpu(page_cpu).pc_count = n + 1;
	cache_leave();
	return true;
}

/* Everything that this CPU hoards goes back to the buddy lists. */
static void cache_drain(void)
{
	if (!cache_enter())
		return;
	cache_shrink(this_cpu(page_cpu).pc_count);
	cache_leave();
}

/* ---- allocation --------------------------------------------------------- */

static struct page *take_direct(unsigned int order, unsigned int flags)
{
	bool all = flags & ALLOC_ATOMIC || current->t_reclaiming || current->t_reserve;
	irqflags_t f = spin_lock_irqsave(&buddy_lock);
	struct page *pg = buddy_take(order, all ? 0 : reserve_frames);

	spin_unlock_irqrestore(&buddy_lock, f);
	return pg;
}

/*
 * Nothing in the cache, or a larger block. A caller that may wait has memory given back on its
 * behalf, as long as that goes on.
 */
static struct page *alloc_slow(unsigned int order, unsigned int flags)
{
	struct page *pg = take_direct(order, flags);

	if (flags & (ALLOC_ATOMIC | ALLOC_NOWAIT | ALLOC_NORECLAIM) ||
	    current->t_reclaiming)
		return pg;
	for (unsigned int round = 0; !pg; round++) {
		bool more = page_reclaim(order, flags, round);

		cache_drain();
		pg = take_direct(order, flags);
		if (!more)
			break;
	}
	return pg;
}

#ifdef CONFIG_DEBUG
#define POISON		0x5a5a5a5a5a5a5a5aul

/* Free pages hold a pattern, so that a use after free shows on both sides. */
static void poison_fill(struct page *pg, unsigned int order)
{
	for (u64 i = 0; i < 1ul << order; i++) {
		u64 *p = page_to_virt(pg + i);

		for (unsigned int w = 0; w < PAGE_SIZE / sizeof(*p); w++)
			p[w] = POISON;
		pg[i].pg_poisoned = 1;
	}
}

/* Memory that was never freed is not poisoned and not checked. */
static void poison_check(struct page *pg, unsigned int order)
{
	for (u64 i = 0; i < 1ul << order; i++) {
		u64 *p = page_to_virt(pg + i);

		if (!pg[i].pg_poisoned)
			continue;
		pg[i].pg_poisoned = 0;
		for (unsigned int w = 0; w < PAGE_SIZE / sizeof(*p); w++)
			KASSERT_MSG(p[w] == POISON,
				    "pfn %lx written after free: word %u is %lx",
				    page_to_pfn(pg + i), w, p[w]);
	}
}
#else
static inline void poison_fill(struct page *pg, unsigned int order)
{
	(void)pg, (void)order;
}

static inline void poison_check(struct page *pg, unsigned int order)
{
	(void)pg, (void)order;
}
#endif

static __noinline void clear_block(struct page *pg, unsigned int order)
{
	char *va = page_to_virt(pg);

	for (u64 i = 0; i < 1ul << order; i++)
		clear_page(va + i * PAGE_SIZE);
}

struct page *page_alloc(unsigned int order, unsigned int flags)
{
	struct page *pg = NULL;

	if (!(flags & (ALLOC_ATOMIC | ALLOC_NOWAIT)))
		lockrank_assert_may_sleep();
	if (should_fail())
		return NULL;
	if (likely(order == 0))
		pg = cache_pop(flags);
	if (unlikely(!pg)) {
		pg = alloc_slow(order, flags);
		if (!pg)
			return NULL;
	}
	KASSERT(!(pg->pg_flags & ~PG_CPUCACHE));
	pg->pg_flags = 0;
	poison_check(pg, order);
	pg->pg_order = (u8)order;
	atomic_set(&pg->pg_ref, 1);
	if (flags & ALLOC_ZERO)
		clear_block(pg, order);
	return pg;
}

void page_free(struct page *pg, unsigned int order)
{
	irqflags_t f;

	KASSERT_MSG(!(pg->pg_flags & (PG_BUDDY | PG_CPUCACHE | PG_SLAB | PG_LRU)) &&
		    (u32)atomic_read(&pg->pg_ref) <= 1,
		    "pfn %lx flags %x references %d", page_to_pfn(pg),
		    pg->pg_flags, atomic_read(&pg->pg_ref));
	atomic_set(&pg->pg_ref, 0);
	poison_fill(pg, order);
	if (likely(order == 0) && cache_push(pg))
		return;
	pg->pg_flags = 0;
	f = spin_lock_irqsave(&buddy_lock);
	buddy_give(pg, order);
	spin_unlock_irqrestore(&buddy_lock, f);
}

void page_put(struct page *pg)
{
	/* Alone with it: nobody can come by a second reference, so no atomic operation. */
	if (atomic_read(&pg->pg_ref) == 1 || atomic_dec_and_test(&pg->pg_ref))
		page_free(pg, 0);
}

/* ---- page-table pages --------------------------------------------------- */

/* Put a zeroed page on this CPU's list. Its struct page stays as it is: PG_PT, reference 1. */
static void pt_push(paddr_t pa)
{
	*(paddr_t *)phys_to_virt(pa) = this_cpu(page_cpu).pc_pthead;
	this_cpu(page_cpu).pc_pthead = pa;
	this_cpu(page_cpu).pc_ptcount++;
}

static paddr_t pt_pop(void)
{
	paddr_t pa = this_cpu(page_cpu).pc_pthead;
	paddr_t *link = phys_to_virt(pa);

	KASSERT(pa && this_cpu(page_cpu).pc_ptcount);
	this_cpu(page_cpu).pc_pthead = *link;
	this_cpu(page_cpu).pc_ptcount--;
	*link = 0;
	return pa;
}

static __maybe_unused bool page_is_zero(const u64 *p)
{
	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*p); i++)
		if (p[i])
			return false;
	return true;
}

static paddr_t pt_page_new(unsigned int flags)
{
	struct page *pg = page_alloc(0, flags | ALLOC_ZERO);

	if (!pg)
		return 0;
	pg->pg_flags = PG_PT;
	return page_to_phys(pg);
}

static void pt_page_drop(paddr_t pa)
{
	struct page *pg = phys_to_page(pa);

	KASSERT(pg->pg_flags == PG_PT);
	pg->pg_flags = 0;
	page_free(pg, 0);
}

/*
 * Upcall of kernel/x86/pagetable.c, mostly under a spin lock: never sleeps. 0: none; see
 * pt_page_reserve().
 */
paddr_t pt_page_alloc(void)
{
	if (likely(this_cpu(page_cpu).pc_pthead))
		return pt_pop();
	return pt_page_new(ALLOC_NOWAIT);
}

/* Upcall of kernel/x86/pagetable.c. All entries of the page are zero. */
void pt_page_free(paddr_t pa)
{
	DASSERT(page_is_zero(phys_to_virt(pa)));
	pt_push(pa);
	if (unlikely(this_cpu(page_cpu).pc_ptcount > PT_CACHE_MAX))
		while (this_cpu(page_cpu).pc_ptcount > PT_CACHE_MAX / 2)
			pt_page_drop(pt_pop());
}

int pt_page_reserve(unsigned int n)
{
	KASSERT(n <= PT_RESERVE_MAX);
	while (this_cpu(page_cpu).pc_ptcount < n) {
		paddr_t pa = pt_page_new(ALLOC_WAIT | ALLOC_USER);

		if (!pa)
			return -ENOMEM;
		pt_push(pa);
	}
	return 0;
}

/* ---- set-up and counting ------------------------------------------------ */

bool pfn_valid(u64 pfn)
{
	for (unsigned int i = 0; i < bootinfo.bi_nram; i++) {
		const struct boot_range *r = &bootinfo.bi_ram[i];

		if (pfn >= r->start >> PAGE_SHIFT && pfn < r->end >> PAGE_SHIFT)
			return true;
	}
	return false;
}

void page_add_range(paddr_t start, paddr_t end)
{
	u64 first = round_up(start, PAGE_SIZE) >> PAGE_SHIFT;
	u64 last = end >> PAGE_SHIFT;
	irqflags_t f;

	if (first >= last)
		return;
	f = spin_lock_irqsave(&buddy_lock);
	total_frames += last - first;
	buddy_give_range(first, last);
	spin_unlock_irqrestore(&buddy_lock, f);
}

void page_adopt_range(paddr_t start, paddr_t end)
{
	u64 first = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	irqflags_t f;

	KASSERT(IS_ALIGNED(start | end, PAGE_SIZE) && first <= last);
	for (u64 pfn = first; pfn < last; pfn++) {
		struct page *pg = pfn_to_page(pfn);

		KASSERT(pg->pg_flags == 0 && atomic_read(&pg->pg_ref) == 0);
		atomic_set(&pg->pg_ref, 1);
	}
	f = spin_lock_irqsave(&buddy_lock);
	total_frames += last - first;
	spin_unlock_irqrestore(&buddy_lock, f);
}

u64 page_low_water(void)
{
	return reserve_frames * 2;
}

u64 page_high_water(void)
{
	return reserve_frames * 3;
}

bool page_available(unsigned int order)
{
	return buddy_free_frames() >= reserve_frames + (1ul << order);
}

u64 page_total(void)
{
	return READ_ONCE(total_frames);
}

/*
 * Frames that the CPUs' caches hold. Others change theirs meanwhile; exact when they are idle.
 */
static u64 cached_frames(void)
{
	u64 n = pmap_limbo_pages();

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		struct page_cpu *pc = percpu_ptr(page_cpu, cpu);

		n += READ_ONCE(pc->pc_count) + READ_ONCE(pc->pc_ptcount);
	}
	return n;
}

u64 page_free_count(void)
{
	return buddy_free_frames() + cached_frames();
}

u64 page_used_count(void)
{
	return page_total() - page_free_count();
}

/*
 * For leak tests: pages in use, less what other counters stand for (slab objects) and
 * what is kept for ever or for the next user (the kernel's page tables, idle stacks).
 */
static u64 pages_used(void)
{
	return page_used_count() - slab_pages() - kernel_pmap.pm_ptpages -
	       kstack_idle_pages();
}

static struct statcounter pages_used_counter = {
	.sc_name = "pages_used",
	.sc_read = pages_used,
};

/* Struct pages for all RAM, in units of the largest block, so that every buddy has one. */
static void map_struct_pages(void)
{
	const u64 unit = 1ul << PAGE_MAX_ORDER;
	u64 done = 0;

	for (unsigned int i = 0; i < bootinfo.bi_nram; i++) {
		const struct boot_range *r = &bootinfo.bi_ram[i];
		u64 first = round_down(r->start >> PAGE_SHIFT, unit);
		u64 last = round_up(DIV_ROUND_UP(r->end, PAGE_SIZE), unit);

		first = max(first, done);
		if (first >= last)
			continue;
		kmap_vmemmap(first, last);
		done = last;
	}
}

void page_init(void)
{
	map_struct_pages();
	early_release(page_add_range);
	/* Small machines hoard and reserve less: a sixteenth, at most, in either. */
	reserve_frames = clamp(total_frames / 64, 16ul, 256ul);
	cpu_cache_max = (u32)clamp(total_frames / 256, 16ul, (u64)PC_MAX);
	cpu_refill_order = min_t(u32, PC_REFILL_ORDER,
				 log2_floor(cpu_cache_max / 2));
	zero_page = page_alloc(0, ALLOC_ZERO);
	KASSERT(zero_page);
	buddy_init();
	statcounter_register(&pages_used_counter);
}
