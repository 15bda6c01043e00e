/* SPDX-License-Identifier: MIT */
/*
 * Page tables: walking, making and unhooking them, and which one this CPU has loaded.
 *
 * A CPU that runs a kernel thread or nothing keeps the last user pmap loaded, since
 * loading CR3 costs all of the TLB. So a pmap may be loaded where nobody uses it
 * any more, even after its process is gone. Then its pages are in limbo:
 *
 *	in use --pmap_destroy--> limbo of this CPU --next pmap_activate--> free
 *	                     \--> not loaded anywhere ----------------------^
 *
 * Invariants:
 *  1. pm_cpus has the bit of every CPU whose CR3 holds pm_root. It is set before
 *     CR3 is loaded and cleared after another has been.
 *  2. The kernel half of every root is the same four slots, there since boot.
 *  3. A page-table page that is freed holds zeros only.
 *
 * The per-CPU state is touched by its CPU with interrupts off.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/x86/cpu.h"
#include "kernel/x86/pagetable.h"

#define ROOT_SHIFT	39
#define LEVEL_SHIFT	9		/* index bits per level */
#define DIR_SHIFT	(PAGE_SHIFT + LEVEL_SHIFT)
#define LIMBO_MAX	48		/* with more tables than this, do not wait */

struct pmap kernel_pmap;

static const vaddr_t kernel_slots[] = {
	DIRECT_MAP_BASE, VMALLOC_BASE, VMEMMAP_BASE, KERNEL_BASE,
};

static DEFINE_PERCPU(struct pmap *, pmap_loaded) = &kernel_pmap;
static DEFINE_PERCPU(bool, pmap_lazy);
static DEFINE_PERCPU(struct pmap, pmap_limbo);		/* stands for the dead one */
static DEFINE_PERCPU(struct pt_list, limbo_list);

static inline unsigned int slot_of(vaddr_t va, unsigned int shift)
{
	return (va >> shift) & (PT_ENTRIES - 1);
}

static inline pte_t *table_at(pte_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

bool pmap_has_slot(const struct pmap *pm, vaddr_t va)
{
	return table_at(pm->pm_root)[slot_of(va, ROOT_SHIFT)] & PTE_P;
}

/* ---- walking ------------------------------------------------------------- */

/* The entry of va in the table that maps 1 << last bytes with each. */
static __always_inline pte_t *lookup(const struct pmap *pm, vaddr_t va, unsigned int last)
{
	pte_t *table = phys_to_virt(pm->pm_root);

	for (unsigned int shift = ROOT_SHIFT; shift > last; shift -= LEVEL_SHIFT) {
		pte_t e = READ_ONCE(table[slot_of(va, shift)]);

		if (!(e & PTE_P))
			return NULL;
		DASSERT(!(e & PTE_PS));
		table = table_at(e);
	}
	return &table[slot_of(va, last)];
}

static __always_inline pte_t *lookup_alloc(struct pmap *pm, vaddr_t va, unsigned int last)
{
	/* The level-1 entries decide about user access; above everything is allowed. */
	const pte_t flags = PTE_P | PTE_W | PTE_A | PTE_D |
			    (va < USER_TOP ? PTE_U : 0);
	pte_t *table = phys_to_virt(pm->pm_root);

	for (unsigned int shift = ROOT_SHIFT; shift > last; shift -= LEVEL_SHIFT) {
		pte_t *e = &table[slot_of(va, shift)];

		if (!(*e & PTE_P)) {
			paddr_t pa = pt_page_alloc();

			if (!pa)
				return NULL;
			/* Others walk without the lock: the page is zero before it is seen. */
			smp_store_release(e, pa | (flags & ~PTE_D));
			pm->pm_ptpages++;
		}
		table = table_at(*e);
	}
	return &table[slot_of(va, last)];
}

pte_t *pmap_lookup(struct pmap *pm, vaddr_t va)
{
	return lookup(pm, va, PAGE_SHIFT);
}

pte_t *pmap_lookup_alloc(struct pmap *pm, vaddr_t va)
{
	return lookup_alloc(pm, va, PAGE_SHIFT);
}

pte_t *pmap_lookup_dir(struct pmap *pm, vaddr_t va)
{
	return lookup(pm, va, DIR_SHIFT);
}

pte_t *pmap_lookup_dir_alloc(struct pmap *pm, vaddr_t va)
{
	return lookup_alloc(pm, va, DIR_SHIFT);
}

pte_t *pmap_next_table(struct pmap *pm, vaddr_t *va, vaddr_t end)
{
	while (*va < end) {
		pte_t *table = phys_to_virt(pm->pm_root);
		unsigned int shift;

		for (shift = ROOT_SHIFT; shift > PAGE_SHIFT; shift -= LEVEL_SHIFT) {
			pte_t e = table[slot_of(*va, shift)];

			if (!(e & PTE_P))
				break;
			table = table_at(e);
		}
		if (shift == PAGE_SHIFT)
			return &table[slot_of(*va, PAGE_SHIFT)];
		/* Nothing below this entry: go on behind what it would map. */
		*va = round_down(*va, 1ul << shift) + (1ul << shift);
	}
	return NULL;
}

/* ---- freeing tables ------------------------------------------------------- */

static void pt_list_add(struct pt_list *pl, paddr_t pa)
{
	/* Page aligned, so not present should a CPU still walk here. */
	*(paddr_t *)phys_to_virt(pa) = pl->pl_first;
	pl->pl_first = pa;
	pl->pl_count++;
}

void pt_list_free(struct pt_list *pl)
{
	while (pl->pl_first) {
		paddr_t pa = pl->pl_first, *link = phys_to_virt(pa);

		pl->pl_first = *link;
		*link = 0;
		pt_page_free(pa);
	}
	pl->pl_count = 0;
}

/*
 * One level of pmap_unhook_tables(): table's entries map 1 << shift bytes each. At most three
 * deep.
 */
static void unhook_level(struct pmap *pm, pte_t *table, unsigned int shift,
			 vaddr_t start, vaddr_t end, vaddr_t floor, vaddr_t ceil,
			 struct pt_list *dead)
{
	const u64 span = 1ul << shift;

	for (vaddr_t va = round_down(start, span); va < end; va += span) {
		pte_t *e = &table[slot_of(va, shift)];
		pte_t old = *e;

		if (!(old & PTE_P))
			continue;
		if (shift > DIR_SHIFT)
			unhook_level(pm, table_at(old), shift - LEVEL_SHIFT,
				     max(start, va), min(end, va + span),
				     floor, ceil, dead);
		if (va >= floor && va + span <= ceil) {
			WRITE_ONCE(*e, 0);
			pt_list_add(dead, pte_paddr(old));
			pm->pm_ptpages--;
		}
	}
}

void pmap_unhook_tables(struct pmap *pm, vaddr_t start, vaddr_t end,
			vaddr_t floor, vaddr_t ceil, struct pt_list *dead)
{
	KASSERT(pm != &kernel_pmap && end <= USER_TOP && start < end);
	/* User space ends one page short of its last table's span. */
	if (ceil == USER_TOP)
		ceil = USER_TOP + PAGE_SIZE;
	unhook_level(pm, phys_to_virt(pm->pm_root), ROOT_SHIFT, start, end,
		     floor, ceil, dead);
}

/* ---- life ----------------------------------------------------------------- */

int pmap_init(struct pmap *pm)
{
	const pte_t *from = phys_to_virt(kernel_pmap.pm_root);
	paddr_t root = pt_page_alloc();
	pte_t *to;

	if (!root)
		return -ENOMEM;
	to = phys_to_virt(root);
	for (unsigned int i = 0; i < ARRAY_SIZE(kernel_slots); i++) {
		unsigned int slot = slot_of(kernel_slots[i], ROOT_SHIFT);

		to[slot] = from[slot];
	}
	pm->pm_root = root;
	atomic64_set(&pm->pm_cpus, 0);
	pm->pm_ptpages = 0;
	return 0;
}

/* A root that no CPU has loaded; its user half is empty. */
static void free_root(paddr_t root)
{
	pte_t *table = phys_to_virt(root);

	for (unsigned int i = 0; i < ARRAY_SIZE(kernel_slots); i++)
		table[slot_of(kernel_slots[i], ROOT_SHIFT)] = 0;
	pt_page_free(root);
}

/* CR3 has just left the dead root: its pages are free. */
static void limbo_release(void)
{
	free_root(this_cpu(pmap_limbo).pm_root);
	pt_list_free(this_cpu_ptr(limbo_list));
	this_cpu(pmap_limbo).pm_root = 0;
}

/* Make this CPU the keeper of the pages of pm, which it has loaded. Interrupts off. */
static void limbo_enter(struct pmap *pm, struct pt_list *dead)
{
	KASSERT(this_cpu(pmap_limbo).pm_root == 0);
	this_cpu(pmap_limbo).pm_root = pm->pm_root;
	this_cpu(limbo_list).pl_first = dead->pl_first;
	this_cpu(limbo_list).pl_count = dead->pl_count;
	this_cpu(pmap_loaded) = this_cpu_ptr(pmap_limbo);
}

u64 pmap_limbo_pages(void)
{
	u64 n = 0;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		if (READ_ONCE(percpu_ptr(pmap_limbo, cpu)->pm_root))
			n += percpu_ptr(limbo_list, cpu)->pl_count + 1;
	return n;
}

void pmap_destroy(struct pmap *pm, struct pt_list *dead)
{
	u64 self;
	irqflags_t f;

	KASSERT(pm != &kernel_pmap && pm->pm_ptpages == 0);
	tlb_retire(pm);
	f = irq_save();
	self = 1ul << cpu_id();
	KASSERT((atomic64_read(&pm->pm_cpus) & ~self) == 0);
	if (pmap_loaded_here(pm) && dead->pl_count <= LIMBO_MAX) {
		limbo_enter(pm, dead);
		irq_restore(f);
		return;
	}
	if (pmap_loaded_here(pm))
		pmap_activate(&kernel_pmap);
	irq_restore(f);
	pt_list_free(dead);
	free_root(pm->pm_root);
}

/* ---- what is loaded -------------------------------------------------------- */

bool pmap_loaded_here(const struct pmap *pm)
{
	return this_cpu(pmap_loaded) == pm;
}

bool pmap_lazy_here(void)
{
	return this_cpu(pmap_lazy);
}

void pmap_activate(struct pmap *pm)
{
	struct pmap *old = this_cpu(pmap_loaded);
	u64 bit;

	if (!pm) {
		this_cpu(pmap_lazy) = true;
		return;
	}
	this_cpu(pmap_lazy) = false;
	if (old == pm)
		return;
	bit = 1ul << cpu_id();
	/*
	 * The atomic operation is a full barrier on x86: whoever changes an entry
	 * either sees the bit and interrupts us, or we walk and see the new entry.
	 */
	atomic64_or(&pm->pm_cpus, (s64)bit);
	this_cpu(pmap_loaded) = pm;
	write_cr3(pm->pm_root);
	if (unlikely(old == this_cpu_ptr(pmap_limbo)))
		limbo_release();
	else
		atomic64_and(&old->pm_cpus, ~(s64)bit);
}

void pmap_leave(void *arg)
{
	struct pmap *pm = arg;

	if (pmap_loaded_here(pm)) {
		bool lazy = pmap_lazy_here();

		pmap_activate(&kernel_pmap);
		this_cpu(pmap_lazy) = lazy;
	}
}

/* ---- the kernel's mappings -------------------------------------------------- */

int pmap_kenter(vaddr_t va, paddr_t pa, pte_t flags)
{
	pte_t *pte = pmap_lookup_alloc(&kernel_pmap, va);

	if (!pte)
		return -ENOMEM;
	KASSERT(va >= VMALLOC_BASE && va < VMALLOC_END && !(*pte & PTE_P));
	if (!cpu_features.nx)
		flags &= ~PTE_NX;
	if (cpu_features.pge)
		flags |= PTE_G;
	WRITE_ONCE(*pte, pa | flags | PTE_P | PTE_A | PTE_D);
	return 0;
}

void pmap_kremove(vaddr_t va)
{
	pte_t *pte = pmap_lookup(&kernel_pmap, va);

	KASSERT(pte);
	WRITE_ONCE(*pte, 0);
}
