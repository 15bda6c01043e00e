/* SPDX-License-Identifier: MIT */
/*
 * Inside of the address-space code (space.c, map.c, remap.c, zap.c, vmcopy.c,
 * fault.c): areas and page-table entries. Unless said otherwise the caller holds
 * vm_lock for writing.
 */
#ifndef MM_AREA_H
#define MM_AREA_H

#include "kernel/x86/cpu.h"
#include "mm/page.h"
#include "mm/space.h"
#include "mm/swap.h"

struct vm_object;

/* ---- space.c: areas and their tree ---- */

/* Not yet linked; takes a reference on obj. NULL: out of memory. No lock needed. */
struct vmarea *area_create(struct vmspace *vm, vaddr_t start, vaddr_t end,
			   u32 flags, struct vm_object *obj, u64 offset);
void area_link(struct vmspace *vm, struct vmarea *a);
/* The same for an area above all others: no search. */
void area_link_last(struct vmspace *vm, struct vmarea *last, struct vmarea *a);
void area_unlink(struct vmspace *vm, struct vmarea *a);
/*
 * Frees unlinked areas and their references; without vm_lock, since the last reference of
 * a file may do I/O.
 */
void area_free_list(struct list_head *dead);
/* Move an area's bounds, within the gap around it; start moves the offset along. */
void area_set_bounds(struct vmspace *vm, struct vmarea *a, vaddr_t start,
		     vaddr_t end);
void area_set_flags(struct vmspace *vm, struct vmarea *a, u32 flags);
/* Cut a in two at addr, which becomes the start of the upper half: *upper. -ENOMEM. */
int area_split(struct vmspace *vm, struct vmarea *a, vaddr_t addr,
	       struct vmarea **upper);
/*
 * Join a with the areas before and behind where nothing tells them apart; what became
 * superfluous goes on dead.
 */
struct vmarea *area_merge(struct vmspace *vm, struct vmarea *a,
			  struct list_head *dead);
/* First area that overlaps [start, end), or NULL. vm_lock held. */
struct vmarea *area_overlap(struct vmspace *vm, vaddr_t start, vaddr_t end);

static inline u64 area_pages(const struct vmarea *a)
{
	return (a->va_end - a->va_start) >> PAGE_SHIFT;
}

/* Could b, behind a without a gap, be one area with it? */
static inline bool area_mergeable(const struct vmarea *a, const struct vmarea *b)
{
	return a->va_end == b->va_start && a->va_flags == b->va_flags &&
	       a->va_object == b->va_object &&
	       (!a->va_object ||
		a->va_offset + (a->va_end - a->va_start) == b->va_offset);
}

/* The lowest address that a mapping below a may not touch. */
static inline vaddr_t area_lower_bound(const struct vmarea *a)
{
	if (!(a->va_flags & VA_STACK))
		return a->va_start;
	return a->va_start > VM_STACK_GAP ? a->va_start - VM_STACK_GAP : 0;
}

/* Object page that is mapped at va. */
static inline u64 area_index(const struct vmarea *a, vaddr_t va)
{
	return (va - a->va_start + a->va_offset) >> PAGE_SHIFT;
}

/* ---- map.c ---- */

int vm_unmap_locked(struct vmspace *vm, vaddr_t start, vaddr_t end,
		    struct list_head *dead);
/*
 * Enter an area over a free range, or let a neighbour grow over it; *want is a pattern, not
 * linked. -ENOMEM.
 */
int area_enter(struct vmspace *vm, const struct vmarea *want,
	       struct list_head *dead);
/* May the space grow by pages with these flags? RLIMIT_AS, RLIMIT_DATA, obvious overcommit. */
bool vm_may_grow(struct vmspace *vm, u64 pages, u32 flags);
/* May pages more be private and writable? RLIMIT_DATA, obvious overcommit. */
bool vm_may_grow_data(struct vmspace *vm, u64 pages, u32 flags);
/* May pages more be locked? RLIMIT_MEMLOCK. */
bool vm_may_lock(struct vmspace *vm, u64 pages);
/* Highest free range of len below top and above bottom; 0: none. */
vaddr_t vm_find_gap(struct vmspace *vm, u64 len, unsigned int how);

/* ---- zap.c: page-table entries of ranges ---- */

#define GATHER_PAGES	64

/* Pages whose entries are cleared and that wait for the TLB flush. */
struct gather {
	struct vmspace *g_vm;
	struct tlb_batch g_tlb;
	u32 g_count;
	struct page *g_pages[GATHER_PAGES];
};

void gather_init(struct gather *g, struct vmspace *vm);
/*
 * Clear all entries in [start, end). Takes vm_ptlock; vm_lock for reading, or the vo_lock of
 * the area's object, held.
 */
void vm_zap(struct gather *g, vaddr_t start, vaddr_t end);
/* Flush and let the pages go. No spin lock but a vo_lock held. */
void gather_finish(struct gather *g);
/*
 * An entry for pg is gone, with its reference: that may have been the last use of its slot in
 * swap.
 */
static inline void entry_page_put(struct page *pg)
{
	if (unlikely(pg->pg_flags & PG_SWAP))
		swap_page_put(pg);
	else
		page_put(pg);
}

/* What a dying address space has lost: vm_rss and vm_swapped change under vm_ptlock only. */
struct zapped {
	void (*z_put)(struct page *);	/* swap_page_put(), or page_put() where that will do */
	s64 z_pages;
	u64 z_swapped;
};

/*
 * The same for an address space that nobody uses any more, nor sees this part of: no lock, no
 * flush. Adds to *z.
 */
void vm_zap_dying(struct vmspace *vm, vaddr_t start, vaddr_t end, struct zapped *z);
/* The entry e of a page of a, with the rights that a gives now. */
pte_t area_entry(const struct vmarea *a, pte_t e);
/* Make the entries of [start, end) in a agree with its flags. */
void vm_update_entries(struct vmspace *vm, struct vmarea *a, vaddr_t start,
		       vaddr_t end, struct tlb_batch *tb);
/* pmap_lookup_alloc() that waits for memory; no spin lock held. NULL: out of memory. */
pte_t *vm_pte_alloc(struct vmspace *vm, vaddr_t va);

/* ---- ptshare.c: page tables that relatives share since a fork ---- */

/*
 * Let child have the parent's table at va as its own. vm_locks held or not needed; the
 * parent's TLB is to be flushed by tb. -ENOMEM, -EAGAIN: it must be copied, pages are in swap.
 */
int vm_table_share(struct vmspace *parent, struct vmspace *child, vaddr_t va,
		   struct tlb_batch *tb);
/* A table of one's own at va, if it is shared. vm_lock held. False: no page-table page. */
bool vm_table_own(struct vmspace *vm, vaddr_t va);
/* The same for all of [start, end), waiting for memory. -ENOMEM. */
int vm_tables_own(struct vmspace *vm, vaddr_t start, vaddr_t end);
/* Before a range ends at addr: own the table that it would cut in two. -ENOMEM. */
int vm_table_cut(struct vmspace *vm, vaddr_t addr);
/*
 * Let go of the table at va with all its pages, if it is shared: true. dying NULL: vm_ptlock is
 * held, and the TLBs are flushed here; else vm is dying, and the pages are added to *dying.
 */
bool vm_table_drop(struct vmspace *vm, vaddr_t va, struct zapped *dying);
/*
 * Before a reference is taken on the page of pte, below dir: whoever writes to it later must
 * find out. vm_ptlock held.
 */
void vm_table_hold(const pte_t *dir, pte_t *pte);
/* How many address spaces have the table at va. vm_ptlock held. */
u64 vm_table_users(struct vmspace *vm, vaddr_t va);

/*
 * Between two pages of a long fault-in: lets others run. True: the process is being killed, stop.
 */
bool populate_stop(void);

/* Resident pages come / go; vm_ptlock held. */
static inline void vm_rss_add(struct vmspace *vm, s64 n)
{
	u64 rss = (u64)atomic64_read(&vm->vm_rss);

	if (n < 0 && rss > vm->vm_maxrss)
		vm->vm_maxrss = rss;
	atomic64_set(&vm->vm_rss, (s64)rss + n);
}

/*
 * The entry e, for whoever replaces it: while the CPU may write by it, PTE_D may appear at any moment.
 * It is missing only after MADV_FREE (pageout.c); too much of it does no harm.
 */
static inline pte_t pte_sealed(pte_t e)
{
	return (e & (PTE_P | PTE_W)) == (PTE_P | PTE_W) ? e | PTE_D : e;
}

/* Entry bits of a page in a, without the right to write. */
static inline pte_t area_pte(const struct vmarea *a)
{
	pte_t e = PTE_P | PTE_U | PTE_A;

	if (!(a->va_flags & VA_EXEC) && cpu_features.nx)
		e |= PTE_NX;
	return e;
}

#endif
