/* SPDX-License-Identifier: MIT */
/*
 * Physical memory: a struct page per frame, the buddy allocator (buddy.c), and in
 * front of it per-CPU caches of single pages and of zeroed page-table pages (page.c).
 *
 * A page is free (owner: buddy or a CPU cache), or allocated with pg_ref >= 1.
 * The one who drops the last reference frees it.
 */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include <atomic.h>
#include <list.h>
#include <types.h>
#include "kernel/x86/memlayout.h"

#define PAGE_MAX_ORDER	10		/* 4 MiB blocks */

struct slab_cache;
struct vm_object;

/* pg_flags */
#define PG_BUDDY	0x01		/* head of a free block */
#define PG_SLAB		0x02
#define PG_CACHE	0x04		/* belongs to a vm_object */
#define PG_UPTODATE	0x08		/* contents valid */
#define PG_DIRTY	0x10
#define PG_REFERENCED	0x20
#define PG_LRU		0x40
#define PG_BUSY		0x80		/* being filled or written; wait on the object */
#define PG_PT		0x200		/* page-table page */
#define PG_CPUCACHE	0x400		/* free, in a CPU's cache */
#define PG_KMALLOC	0x800		/* head of a kmalloc() block of whole pages */
#define PG_SWAP		0x1000		/* in the swap cache (swap.c); pg_index is the slot */

struct page {
	atomic_t pg_ref;		/* [a] */
	u16 pg_flags;			/* [owner's lock] */
	u8 pg_order;			/* of the block whose head it is */
	u8 pg_poisoned;			/* debug builds: free, filled with a pattern */
	union {
		struct {		/* free: buddy */
			struct list_head pg_free;
		};
		struct {		/* slab.c; tail pages of a slab: pg_cache only */
			struct list_head pg_slab_link;
			struct slab_cache *pg_cache;
			void *pg_freelist;
			u16 pg_inuse, pg_total;
		};
		struct {		/* vm_object */
			struct list_head pg_lru;
			struct vm_object *pg_object;	/* [vo_lock] NULL once it was taken out */
			u64 pg_index;			/* [vo_lock] page number in the object */
			struct list_head pg_dirtylink;	/* [vo_lock] vo_dirty or vo_writing */
		};
		struct page *pg_next;	/* batches of frees */
	};
	u8 pg_io;			/* [a] the answer to a busy page's I/O, see mm/object.h */
} __attribute__((aligned(64)));

#define page_array	((struct page *)VMEMMAP_BASE)

static inline struct page *pfn_to_page(u64 pfn) { return page_array + pfn; }
static inline u64 page_to_pfn(const struct page *pg) { return pg - page_array; }
static inline paddr_t page_to_phys(const struct page *pg) { return page_to_pfn(pg) << PAGE_SHIFT; }
static inline struct page *phys_to_page(paddr_t pa) { return pfn_to_page(pa >> PAGE_SHIFT); }
static inline void *page_to_virt(const struct page *pg) { return phys_to_virt(page_to_phys(pg)); }
static inline struct page *virt_to_page(const void *va) { return phys_to_page(virt_to_phys(va)); }
/* True when pfn has a struct page (RAM). */
bool pfn_valid(u64 pfn);

/* Allocation flags, for pages and slab objects alike. */
#define ALLOC_WAIT	0x0		/* may sleep and reclaim */
#define ALLOC_ATOMIC	0x1		/* may not sleep; dips into the reserve */
#define ALLOC_ZERO	0x2
#define ALLOC_USER	0x4		/* on behalf of user memory: OOM may be declared */
#define ALLOC_NORECLAIM	0x8		/* may sleep, but leaves reclaim to the caller */
#define ALLOC_NOWAIT	0x10		/* may not sleep, leaves the reserve alone */

void page_init(void);			/* takes over from early_alloc() */
/* 2^order contiguous frames, reference 1, or NULL. */
struct page *page_alloc(unsigned int order, unsigned int flags);
void page_free(struct page *pg, unsigned int order);	/* reference must be 1 or 0 */
static inline void page_get(struct page *pg) { atomic_inc(&pg->pg_ref); }
/* Drop a reference; the last one frees (order 0 pages; objects have let go before). */
void page_put(struct page *pg);
/* Give boot memory (module pages, .init) to the allocator. */
void page_add_range(paddr_t start, paddr_t end);
/*
 * Boot memory becomes allocated pages with reference 1, contents kept: page_put() will free
 * them like any other.
 */
void page_adopt_range(paddr_t start, paddr_t end);

/*
 * With no lock held: see to it that this CPU's next n (at most PT_RESERVE_MAX) page-table
 * pages cannot fail, if the caller does not sleep in between. May sleep. -ENOMEM.
 */
#define PT_RESERVE_MAX	8
int pt_page_reserve(unsigned int n);

/* A page that is zero and stays so; mapped copy-on-write for reads of untouched memory. */
extern struct page *zero_page;		/* [I] */

u64 page_total(void);			/* managed frames */
/* How many free frames there should be: below low the page-out thread wakes, up to high it works. */
u64 page_low_water(void);
u64 page_high_water(void);
/* Free frames that an ordinary allocation of this order may take. */
bool page_available(unsigned int order);
u64 page_free_count(void);
u64 page_used_count(void);		/* total - free - CPU caches */

#endif
