/* SPDX-License-Identifier: MIT */
/*
 * 4-level page tables (SDM vol. 3, 4.5): entries, and a struct pmap per address
 * space. No policy: what to map is mm's business. Callers hold the lock that
 * guards the pmap (vmspace.vm_ptlock, or vmalloc's for kernel_pmap).
 *
 * Software bits: PTE_COW marks a private page that a write must copy or take
 * over; PTE_HIDDEN (never together with PTE_P) an entry that keeps its page although
 * mprotect(PROT_NONE) has made it inaccessible; PTE_SWAP (with neither) a swap entry: slot in
 * the address bits, number of the swap area in bits 1 to 5.
 */
#ifndef KERNEL_X86_PAGETABLE_H
#define KERNEL_X86_PAGETABLE_H

#include <atomic.h>
#include <types.h>
#include "kernel/x86/memlayout.h"

typedef u64 pte_t;

#define PTE_P		(1UL << 0)
#define PTE_W		(1UL << 1)
#define PTE_U		(1UL << 2)
#define PTE_PWT		(1UL << 3)
#define PTE_PCD		(1UL << 4)
#define PTE_A		(1UL << 5)
#define PTE_D		(1UL << 6)
#define PTE_PS		(1UL << 7)	/* large page, in a PD or PDPT entry */
#define PTE_G		(1UL << 8)
#define PTE_COW		(1UL << 9)	/* software: private, shared by reference count */
#define PTE_SHARED	(1UL << 9)	/* software, level 2: others have the table, too (mm/ptshare.c) */
#define PTE_HIDDEN	(1UL << 10)	/* software: page kept, access denied */
#define PTE_SWAP	(1UL << 11)	/* software: the page is in swap */
#define PTE_NX		(1UL << 63)
#define PTE_ADDR	0x000ffffffffff000UL

#define PT_ENTRIES	512
#define PT_SPAN		(PAGE_SIZE * PT_ENTRIES)	/* mapped by one level-1 table */

struct pmap {
	paddr_t pm_root;	/* [I] PML4 */
	atomic64_t pm_cpus;	/* [a] bit per CPU that has it loaded (lazily, too) */
	u64 pm_ptpages;		/* [l] page-table pages below the root */
};

/*
 * Page-table pages that were unhooked and wait for a TLB flush; linked through their first
 * word.
 */
struct pt_list {
	paddr_t pl_first;
	u64 pl_count;
};

extern struct pmap kernel_pmap;

static inline paddr_t pte_paddr(pte_t pte)
{
	return pte & PTE_ADDR;
}

/* True when the entry holds a reference on a page. */
static inline bool pte_has_page(pte_t pte)
{
	return (pte & (PTE_P | PTE_HIDDEN)) != 0;
}

/* The level-1 entry of va, below the level-2 entry dir, which may be NULL; NULL: none. */
static inline pte_t *pte_below(const pte_t *dir, vaddr_t va)
{
	pte_t e = dir ? READ_ONCE(*dir) : 0;

	return e & PTE_P ? (pte_t *)phys_to_virt(pte_paddr(e)) + va / PAGE_SIZE % PT_ENTRIES : NULL;
}

/* New user half, shared kernel half. -ENOMEM. */
int pmap_init(struct pmap *pm);
/*
 * The end of a pmap whose tables have all been taken out into dead: frees them and the
 * root. CPUs that still have it loaded lazily are made to leave; this one only when it next
 * loads another, and until then keeps the pages. Interrupts on.
 */
void pmap_destroy(struct pmap *pm, struct pt_list *dead);
/* Pointer to the level-1 entry of va, or NULL when a table on the way is missing. */
pte_t *pmap_lookup(struct pmap *pm, vaddr_t va);
/* The same, but makes missing tables. NULL: out of memory (pt_page_reserve() helps). */
pte_t *pmap_lookup_alloc(struct pmap *pm, vaddr_t va);
/*
 * The level-2 entry that leads to va's level-1 table, or NULL when there is no level-2 table;
 * the second makes missing tables above.
 */
pte_t *pmap_lookup_dir(struct pmap *pm, vaddr_t va);
pte_t *pmap_lookup_dir_alloc(struct pmap *pm, vaddr_t va);
/*
 * Level-1 entry of the first address at or after *va and below end that has a level-1 table;
 * *va is moved there. NULL: no table up to end. The entries from it to the
 * next multiple of PT_SPAN are one array.
 */
pte_t *pmap_next_table(struct pmap *pm, vaddr_t *va, vaddr_t end);
/*
 * Unhook the tables that map something in [start, end) and nothing outside of
 * [floor, ceil), and collect them in dead. Their entries must all be zero. A flush
 * must follow before they are freed, unless no CPU has pm loaded.
 */
void pmap_unhook_tables(struct pmap *pm, vaddr_t start, vaddr_t end,
			vaddr_t floor, vaddr_t ceil, struct pt_list *dead);
void pt_list_free(struct pt_list *dead);
/* Kernel mapping of one 4 KiB page with flags (PTE_W, PTE_NX, PTE_PCD ...). -ENOMEM. */
int pmap_kenter(vaddr_t va, paddr_t pa, pte_t flags);
/* Remove a kernel mapping; the caller flushes. */
void pmap_kremove(vaddr_t va);
/* The top-level slot of va is in use. */
bool pmap_has_slot(const struct pmap *pm, vaddr_t va);
/*
 * Load pm on this CPU if it is not loaded; updates pm_cpus of both. NULL: a kernel thread
 * comes; what is loaded stays, but a flush may throw it out. Interrupts off.
 */
void pmap_activate(struct pmap *pm);
/* Frames that CPUs keep for dead address spaces that are still loaded. */
u64 pmap_limbo_pages(void);

/*
 * TLB flushes of user memory: collect the addresses whose entries lost rights or changed, then
 * flush them on all CPUs that have pm loaded. Few addresses go by INVLPG, many by
 * reloading CR3. May spin for other CPUs: interrupts on.
 */
#define TLB_BATCH_MAX	32

struct tlb_batch {
	u32 tb_count;			/* > TLB_BATCH_MAX: everything */
	vaddr_t tb_va[TLB_BATCH_MAX];
};

static inline void tlb_batch_init(struct tlb_batch *tb)
{
	tb->tb_count = 0;
}

static inline void tlb_batch_add(struct tlb_batch *tb, vaddr_t va)
{
	if (tb->tb_count < TLB_BATCH_MAX)
		tb->tb_va[tb->tb_count++] = va;
	else
		tb->tb_count = TLB_BATCH_MAX + 1;
}

static inline void tlb_batch_add_all(struct tlb_batch *tb)
{
	tb->tb_count = TLB_BATCH_MAX + 1;
}

/* Flushes, and empties the batch. Nothing collected: does nothing. */
void tlb_batch_flush(struct pmap *pm, struct tlb_batch *tb);
/* Flush one page of pm on every CPU that has it loaded. */
void tlb_flush_page(struct pmap *pm, vaddr_t va);
/* Flush a kernel range on all CPUs. */
void tlb_flush_kernel(vaddr_t start, vaddr_t end);

/* Between pagetable.c and tlb.c: the pmap that this CPU has loaded, and leaving it. */
bool pmap_loaded_here(const struct pmap *pm);
void pmap_leave(void *pm);		/* load kernel_pmap instead of pm; interrupts off */
bool pmap_lazy_here(void);
void tlb_retire(struct pmap *pm);	/* make all other CPUs leave pm */

#endif
