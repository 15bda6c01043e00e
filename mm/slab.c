/* SPDX-License-Identifier: MIT */
/*
 * Slab allocator: caches of equal objects, and kmalloc() on top. Anybody calls it, interrupt
 * handlers too; it calls page.c.
 *
 * A slab is a block of 1 to 8 pages cut into objects; free ones are linked through
 * their first word, from pg_freelist of the block's first page. Before the slabs stands, for
 * each CPU, a magazine: an array of free objects that only this CPU takes from and puts
 * to, without a lock. As in page.c, a flag (sm_busy) makes an interrupt handler that has
 * interrupted somebody in the magazine go to the slabs instead.
 *
 *	slab_alloc -> magazine -> partial slab -> new slab
 *
 * Invariants:
 *  1. A slab with free objects is on c_partial (of its cache), a full one on no list.
 *  2. pg_inuse of a slab counts objects outside of it: with users or in magazines.
 *  3. All pages of a slab have PG_SLAB and pg_cache, so that kfree() finds the cache.
 *
 * Debug builds fill free objects with a pattern and check it when they are handed out,
 * and put a red zone behind each object of a named cache.
 *
 * Locks: c_lock of a cache (RANK_SLAB), interrupts off; slab_list_lock.
 */
#include <bits.h>
#include <kassert.h>
#include "kernel/core/fail.h"
#include "kernel/core/lockrank.h"
#include "kernel/core/statreg.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define MAG_MAX		32		/* objects in a magazine */
#define MAG_BYTES	8192		/* but no more than this much memory */
#define SLAB_MAX_ORDER	3
#define KEEP_EMPTY	1		/* empty slabs a cache keeps */

struct magazine {
	u32 sm_busy;			/* [o] its CPU is changing it */
	u32 sm_count;			/* [o] */
	void *sm_objs[MAG_MAX];		/* [o] */
};

struct slab_cache {
	struct magazine *c_mag[MAX_CPUS];	/* [o] NULL until this CPU needs one */
	u32 c_size;			/* [I] as asked for */
	u32 c_stride;			/* [I] distance of objects */
	u16 c_per_slab;			/* [I] */
	u8 c_order;			/* [I] pages of a slab */
	bool c_natural;			/* [I] kmalloc: no red zone */
	u32 c_mag_max;			/* [I] 0: no magazines */
	struct spinlock c_lock;
	struct list_head c_partial;	/* [c_lock] empty ones at the tail */
	u32 c_nempty;			/* [c_lock] */
	u64 c_nslabs;			/* [c_lock] */
	u64 c_out;			/* [c_lock] objects outside of slabs */
	const char *c_name;		/* [I] */
	struct list_head c_link;	/* [slab_list_lock] */
};

static struct spinlock slab_list_lock = SPINLOCK_INIT("slab_list", RANK_LEAF);
static LIST_HEAD(slab_list);		/* [slab_list_lock] only grows */
static atomic64_t slab_page_count;

static struct slab_cache cache_cache, mag_cache;	/* what the others are made of */

/* ---- debug: patterns and red zones --------------------------------------- */

#ifdef CONFIG_DEBUG
#define FREE_BYTE	0x6b
#define RED_WORD	0xbbccddeeff00aa55ul
#define RED_SIZE	sizeof(u64)

/* The first word of a free object may be its link. */
static void debug_free(struct slab_cache *c, void *obj)
{
	u64 red;

	if (!c->c_natural) {
		memcpy(&red, (char *)obj + c->c_stride - RED_SIZE, RED_SIZE);
		KASSERT_MSG(red == RED_WORD, "%s: object %p overrun or freed twice",
			    c->c_name, obj);
		memset((char *)obj + c->c_stride - RED_SIZE, 0, RED_SIZE);
	}
	memset(obj, FREE_BYTE, c->c_size);
}

static void debug_alloc(struct slab_cache *c, void *obj)
{
	const u8 *p = obj;
	const u64 red = RED_WORD;

	for (u32 i = sizeof(void *); i < c->c_size; i++)
		KASSERT_MSG(p[i] == FREE_BYTE,
			    "%s: object %p written after free: byte %u is %x",
			    c->c_name, obj, i, p[i]);
	if (!c->c_natural)
		memcpy((char *)obj + c->c_stride - RED_SIZE, &red, RED_SIZE);
}

static void debug_new(struct slab_cache *c, void *obj)
{
	memset(obj, FREE_BYTE, c->c_size);
}
#else
#define RED_SIZE	0

static inline void debug_free(struct slab_cache *c, void *obj)
{
	(void)c, (void)obj;
}

static inline void debug_alloc(struct slab_cache *c, void *obj)
{
	(void)c, (void)obj;
}

static inline void debug_new(struct slab_cache *c, void *obj)
{
	(void)c, (void)obj;
}
#endif

/* ---- slabs --------------------------------------------------------------- */

static struct page *slab_of(const struct slab_cache *c, const void *obj)
{
	return virt_to_page((void *)((uintptr_t)obj &
				     ~((PAGE_SIZE << c->c_order) - 1)));
}

/* A new slab, all free, on no list. No lock held. */
static struct page *slab_grow(struct slab_cache *c, unsigned int flags)
{
	struct page *pg = page_alloc(c->c_order, flags & ~ALLOC_ZERO);
	char *base;
	void *next = NULL;

	if (!pg)
		return NULL;
	base = page_to_virt(pg);
	for (u32 i = c->c_per_slab; i-- > 0;) {
		void *obj = base + i * c->c_stride;

		debug_new(c, obj);
		*(void **)obj = next;
		next = obj;
	}
	for (u32 i = 0; i < 1u << c->c_order; i++) {
		pg[i].pg_flags = PG_SLAB;
		pg[i].pg_cache = c;
	}
	pg->pg_freelist = next;
	pg->pg_inuse = 0;
	pg->pg_total = c->c_per_slab;
	list_init(&pg->pg_slab_link);
	atomic64_add(&slab_page_count, 1 << c->c_order);
	return pg;
}

static void slab_destroy(struct slab_cache *c, struct page *pg)
{
	KASSERT(pg->pg_inuse == 0);
	for (u32 i = 0; i < 1u << c->c_order; i++)
		pg[i].pg_flags = 0;
	atomic64_sub(&slab_page_count, 1 << c->c_order);
	page_free(pg, c->c_order);
}

/* A free object from the slabs, or NULL. */
static void *slab_take_locked(struct slab_cache *c)
{
	struct page *pg;
	void *obj;

	KASSERT(lock_held(&c->c_lock));
	if (list_empty(&c->c_partial))
		return NULL;
	pg = list_first_entry(&c->c_partial, struct page, pg_slab_link);
	obj = pg->pg_freelist;
	KASSERT(obj && pg->pg_cache == c);
	pg->pg_freelist = *(void **)obj;
	c->c_nempty -= pg->pg_inuse == 0;
	pg->pg_inuse++;
	c->c_out++;
	if (!pg->pg_freelist)
		list_del(&pg->pg_slab_link);
	return obj;
}

/* Back into its slab. Returns the slab if the cache wants to be rid of it. */
static struct page *slab_return_locked(struct slab_cache *c, void *obj)
{
	struct page *pg = slab_of(c, obj);

	KASSERT(lock_held(&c->c_lock));
	KASSERT(pg->pg_flags == PG_SLAB && pg->pg_cache == c && pg->pg_inuse);
	if (!pg->pg_freelist)
		list_add(&pg->pg_slab_link, &c->c_partial);
	*(void **)obj = pg->pg_freelist;
	pg->pg_freelist = obj;
	c->c_out--;
	if (--pg->pg_inuse)
		return NULL;
	if (c->c_nempty >= KEEP_EMPTY) {
		list_del(&pg->pg_slab_link);
		c->c_nslabs--;
		return pg;
	}
	c->c_nempty++;
	list_move_tail(&pg->pg_slab_link, &c->c_partial);
	return NULL;
}

/* This CPU's magazine, for code that has interrupts off; NULL: none, or in use below us. */
static struct magazine *magazine_idle(struct slab_cache *c)
{
	struct magazine *m = c->c_mag[cpu_id()];

	return m && !m->sm_busy ? m : NULL;
}

/* ---- allocation ---------------------------------------------------------- */

/* Give this CPU its magazine of c. It does not matter when that fails. */
static void magazine_make(struct slab_cache *c)
{
	struct magazine *m;
	irqflags_t f;

	if (!c->c_mag_max)
		return;
	m = slab_alloc(&mag_cache, ALLOC_NOWAIT | ALLOC_ZERO);
	if (!m)
		return;
	f = irq_save();
	if (!c->c_mag[cpu_id()]) {
		c->c_mag[cpu_id()] = m;
		m = NULL;
	}
	irq_restore(f);
	if (m)
		slab_free(&mag_cache, m);
}

/* From the slabs, filling half of the magazine on the way. */
static __noinline void *alloc_slow(struct slab_cache *c, unsigned int flags)
{
	struct magazine *m;
	struct page *pg;
	irqflags_t f;
	void *obj;

	if (unlikely(!c->c_mag[cpu_id()]))
		magazine_make(c);
	f = spin_lock_irqsave(&c->c_lock);
	while (!(obj = slab_take_locked(c))) {
		spin_unlock_irqrestore(&c->c_lock, f);
		pg = slab_grow(c, flags);
		if (!pg)
			return NULL;
		f = spin_lock_irqsave(&c->c_lock);
		list_add(&pg->pg_slab_link, &c->c_partial);
		c->c_nslabs++;
		c->c_nempty++;
	}
	m = magazine_idle(c);
	while (m && m->sm_count < c->c_mag_max / 2) {
		void *more = slab_take_locked(c);

		if (!more)
			break;
		m->sm_objs[m->sm_count++] = more;
	}
	spin_unlock_irqrestore(&c->c_lock, f);
	return obj;
}

/* From this CPU's magazine, or NULL. */
static __always_inline void *magazine_take(struct slab_cache *c)
{
	struct magazine *m = c->c_mag[cpu_id()];
	void *obj = NULL;

	if (unlikely(!m || m->sm_busy))
		return NULL;
	m->sm_busy = 1;
	barrier();
	if (likely(m->sm_count))
		obj = m->sm_objs[--m->sm_count];
	barrier();
	m->sm_busy = 0;
	return obj;
}

void *slab_alloc(struct slab_cache *c, unsigned int flags)
{
	void *obj;

	if (!(flags & (ALLOC_ATOMIC | ALLOC_NOWAIT)))
		lockrank_assert_may_sleep();
	if (should_fail())
		return NULL;
	obj = magazine_take(c);
	if (unlikely(!obj)) {
		obj = alloc_slow(c, flags);
		if (!obj)
			return NULL;
	}
	debug_alloc(c, obj);
	if (flags & ALLOC_ZERO)
		memset(obj, 0, c->c_size);
	return obj;
}

/* To the slabs, together with the older half of a full magazine. */
static __noinline void free_slow(struct slab_cache *c, void *obj)
{
	struct page *dead[MAG_MAX + 1];
	u32 ndead = 0, half = 0;
	struct magazine *m;
	irqflags_t f = spin_lock_irqsave(&c->c_lock);

	dead[ndead] = slab_return_locked(c, obj);
	ndead += dead[ndead] != NULL;
	m = magazine_idle(c);
	if (m && m->sm_count == c->c_mag_max) {
		half = m->sm_count / 2;
		for (u32 i = 0; i < half; i++) {
			dead[ndead] = slab_return_locked(c, m->sm_objs[i]);
			ndead += dead[ndead] != NULL;
		}
		m->sm_count -= half;
		memmove(m->sm_objs, m->sm_objs + half,
			m->sm_count * sizeof(m->sm_objs[0]));
	}
	spin_unlock_irqrestore(&c->c_lock, f);
	while (ndead)
		slab_destroy(c, dead[--ndead]);
}

void slab_free(struct slab_cache *c, void *obj)
{
	struct magazine *m = c->c_mag[cpu_id()];
	bool done = false;

	DASSERT(slab_of(c, obj)->pg_cache == c);
	debug_free(c, obj);
	if (likely(m && !m->sm_busy)) {
		m->sm_busy = 1;
		barrier();
		if (likely(m->sm_count < c->c_mag_max)) {
			m->sm_objs[m->sm_count++] = obj;
			done = true;
		}
		barrier();
		m->sm_busy = 0;
	}
	if (unlikely(!done))
		free_slow(c, obj);
}

/* ---- caches -------------------------------------------------------------- */

/* The smallest slab that wastes at most an eighth, and holds eight objects if it may. */
static u8 choose_order(u32 stride)
{
	u8 order = 0;

	while (order < SLAB_MAX_ORDER) {
		u64 bytes = PAGE_SIZE << order;

		if (bytes >= stride && bytes % stride <= bytes / 8 &&
		    (bytes / stride >= 8 || stride >= PAGE_SIZE / 2))
			break;
		order++;
	}
	return order;
}

static void cache_setup(struct slab_cache *c, const char *name, size_t size,
			size_t align, bool natural)
{
	irqflags_t f;

	if (align == 0)
		align = sizeof(void *);
	KASSERT(IS_POWER_OF_2(align) && size && size <= PAGE_SIZE << SLAB_MAX_ORDER);
	*c = (struct slab_cache){
		.c_size = (u32)max(size, sizeof(void *)),
		.c_natural = natural,
		.c_name = name,
	};
	c->c_stride = (u32)round_up(c->c_size + (natural ? 0 : RED_SIZE), align);
	c->c_order = choose_order(c->c_stride);
	c->c_per_slab = (u16)((PAGE_SIZE << c->c_order) / c->c_stride);
	KASSERT(c->c_per_slab);
	c->c_mag_max = clamp((u32)MAG_BYTES / c->c_stride, 4u, (u32)MAG_MAX);
	spin_lock_init(&c->c_lock, name, RANK_SLAB);
	list_init(&c->c_partial);
	f = spin_lock_irqsave(&slab_list_lock);
	list_add_tail(&c->c_link, &slab_list);
	spin_unlock_irqrestore(&slab_list_lock, f);
}

struct slab_cache *slab_create(const char *name, size_t size, size_t align)
{
	struct slab_cache *c = slab_alloc(&cache_cache, ALLOC_WAIT);

	if (!c)
		panic("slab_create(%s): out of memory", name);
	cache_setup(c, name, size, align, false);
	return c;
}

struct slab_cache *slab_create_natural(const char *name, size_t size)
{
	struct slab_cache *c = slab_alloc(&cache_cache, ALLOC_WAIT);

	if (!c)
		panic("slab_create(%s): out of memory", name);
	cache_setup(c, name, size, 16, true);
	return c;
}

/* The next cache after prev (NULL: the first), or NULL. Caches are never destroyed. */
static struct slab_cache *cache_next(struct slab_cache *prev)
{
	irqflags_t f = spin_lock_irqsave(&slab_list_lock);
	struct list_head *next = prev ? prev->c_link.next : slab_list.next;

	spin_unlock_irqrestore(&slab_list_lock, f);
	return next == &slab_list ? NULL :
	       list_entry(next, struct slab_cache, c_link);
}

/* This CPU's magazine back into the slabs. */
static void magazine_flush(struct slab_cache *c)
{
	irqflags_t f = spin_lock_irqsave(&c->c_lock);
	struct magazine *m = magazine_idle(c);
	struct page *dead = NULL;

	while (m && m->sm_count) {
		struct page *pg = slab_return_locked(c,
					m->sm_objs[--m->sm_count]);

		if (pg) {
			/* pg_freelist is not needed any more: chain them by it. */
			pg->pg_freelist = dead;
			dead = pg;
		}
	}
	spin_unlock_irqrestore(&c->c_lock, f);
	while (dead) {
		struct page *pg = dead;

		dead = pg->pg_freelist;
		slab_destroy(c, pg);
	}
}

void slab_shrink(void)
{
	for (struct slab_cache *c = cache_next(NULL); c; c = cache_next(c)) {
		magazine_flush(c);
		for (;;) {
			irqflags_t f = spin_lock_irqsave(&c->c_lock);
			struct page *pg = NULL;

			if (c->c_nempty) {
				pg = list_last_entry(&c->c_partial, struct page,
						     pg_slab_link);
				KASSERT(pg->pg_inuse == 0);
				list_del(&pg->pg_slab_link);
				c->c_nempty--;
				c->c_nslabs--;
			}
			spin_unlock_irqrestore(&c->c_lock, f);
			if (!pg)
				break;
			slab_destroy(c, pg);
		}
	}
}

/* ---- counting ------------------------------------------------------------- */

u64 slab_pages(void)
{
	return (u64)atomic64_read(&slab_page_count);
}

/* Objects with users: outside of slabs and not in a magazine. Exact when nobody allocates. */
static u64 cache_in_use(const struct slab_cache *c)
{
	u64 n = READ_ONCE(c->c_out);

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		const struct magazine *m = READ_ONCE(c->c_mag[cpu]);

		if (m)
			n -= READ_ONCE(m->sm_count);
	}
	return n;
}

/* The allocator's own objects, which only grow, are left out: a test compares two readings. */
u64 slab_objects_in_use(void)
{
	u64 n = 0;

	for (struct slab_cache *c = cache_next(NULL); c; c = cache_next(c))
		if (c != &mag_cache && c != &cache_cache)
			n += cache_in_use(c);
	return n;
}

/* /proc/slabinfo, in the form of slabinfo(5). */
static void slabinfo_show(struct statbuf *sb)
{
	stat_printf(sb, "slabinfo - version: 2.1\n"
		    "# name            <active_objs> <num_objs> <objsize> "
		    "<objperslab> <pagesperslab> : tunables <limit> "
		    "<batchcount> <sharedfactor> : slabdata <active_slabs> "
		    "<num_slabs> <sharedavail>\n");
	for (struct slab_cache *c = cache_next(NULL); c; c = cache_next(c)) {
		u64 slabs = READ_ONCE(c->c_nslabs);

		stat_printf(sb, "%-17s %6lu %6lu %6u %4u %4u : tunables "
			    "%4u %4u %4u : slabdata %6lu %6lu %6u\n",
			    c->c_name, cache_in_use(c), slabs * c->c_per_slab,
			    c->c_stride, c->c_per_slab, 1u << c->c_order,
			    c->c_mag_max, c->c_mag_max / 2, 0,
			    slabs - READ_ONCE(c->c_nempty), slabs, 0);
	}
}

static struct statreport slabinfo_report = {
	.sr_name = "slabinfo",
	.sr_show = slabinfo_show,
};

static struct statcounter objects_counter = {
	.sc_name = "objects",
	.sc_read = slab_objects_in_use,
};

void slab_init(void)
{
	cache_setup(&cache_cache, "slab_cache", sizeof(struct slab_cache), 64,
		    false);
	cache_setup(&mag_cache, "magazine", sizeof(struct magazine), 64, false);
	/* Magazines have no magazines: that would not end. */
	mag_cache.c_mag_max = 0;
	kmalloc_init();
	statreport_register(&slabinfo_report);
	statcounter_register(&objects_counter);
}
