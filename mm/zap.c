/* SPDX-License-Identifier: MIT */
/*
 * Page-table entries of address ranges: clearing them and letting the pages go, and
 * making them agree with changed rights.
 *
 * While another CPU may have an entry in its TLB, the page must not be used anew: pages
 * are gathered, then the TLBs are flushed, then the pages are released.
 *
 * Entries are read and written whole. A and D are set when an entry is made; the CPU sets them
 * again after reclaim or MADV_FREE has cleared them. A plain store may lose an A, which is no
 * harm; a D that is missing (MADV_FREE) may come while the CPU has the right to write:
 * pte_sealed().
 *
 * Locks: vm_ptlock, taken here.
 */
#include <errno.h>
#include <kassert.h>
#include "mm/area.h"
#include "mm/object.h"
#include "mm/swap.h"

void gather_init(struct gather *g, struct vmspace *vm)
{
	g->g_vm = vm;
	tlb_batch_init(&g->g_tlb);
	g->g_count = 0;
}

void gather_finish(struct gather *g)
{
	tlb_batch_flush(&g->g_vm->vm_pmap, &g->g_tlb);
	for (u32 i = 0; i < g->g_count; i++)
		entry_page_put(g->g_pages[i]);
	g->g_count = 0;
}

/* End of the array of entries that va is in, or end. */
static vaddr_t table_stop(vaddr_t va, vaddr_t end)
{
	return min(end, round_down(va, PT_SPAN) + PT_SPAN);
}

/* What lies behind a shared table: nobody lets go of a part of one. */
static vaddr_t whole_table(vaddr_t va, vaddr_t stop)
{
	KASSERT(stop - va == PT_SPAN);
	return stop;
}

/* The entry that stood for a page in swap is gone. */
static __noinline void drop_swapped(struct vmspace *vm, pte_t e)
{
	swap_drop(swap_address(e));
	vm->vm_swapped--;
}

/* Clear entries from *va on, up to stop or until the gather is full. */
static void zap_table(struct gather *g, pte_t *pte, vaddr_t *va, vaddr_t stop)
{
	s64 gone = 0;

	for (; *va < stop && g->g_count < GATHER_PAGES; *va += PAGE_SIZE, pte++) {
		pte_t e = *pte;

		if (!e)
			continue;
		WRITE_ONCE(*pte, 0);
		if (unlikely(!pte_has_page(e))) {
			drop_swapped(g->g_vm, e);
			continue;
		}
		if (e & PTE_P)
			tlb_batch_add(&g->g_tlb, *va);
		g->g_pages[g->g_count++] = phys_to_page(pte_paddr(e));
		gone++;
	}
	vm_rss_add(g->g_vm, -gone);
}

void vm_zap(struct gather *g, vaddr_t start, vaddr_t end)
{
	struct vmspace *vm = g->g_vm;
	vaddr_t va = start;

	while (va < end) {
		pte_t *pte;

		spin_lock(&vm->vm_ptlock);
		while (g->g_count < GATHER_PAGES &&
		       (pte = pmap_next_table(&vm->vm_pmap, &va, end))) {
			vaddr_t stop = table_stop(va, end);

			if (vm_table_drop(vm, va, NULL))
				va = whole_table(va, stop);
			else
				zap_table(g, pte, &va, stop);
		}
		spin_unlock(&vm->vm_ptlock);
		if (g->g_count < GATHER_PAGES)
			return;
		gather_finish(g);
	}
}

void vm_zap_dying(struct vmspace *vm, vaddr_t start, vaddr_t end, struct zapped *z)
{
	void (*put)(struct page *) = z->z_put;
	vaddr_t va = start;
	s64 gone = 0;
	pte_t *pte;

	while ((pte = pmap_next_table(&vm->vm_pmap, &va, end))) {
		vaddr_t stop = table_stop(va, end);
		pte_t *last = pte + ((stop - va) >> PAGE_SHIFT);

		if (vm_table_drop(vm, va, z)) {
			va = whole_table(va, stop);
			continue;
		}
		for (; pte < last; pte++) {
			pte_t e = *pte;

			if (!e)
				continue;
			*pte = 0;
			if (unlikely(!pte_has_page(e))) {
				swap_drop(swap_address(e));
				z->z_swapped++;
				continue;
			}
			put(phys_to_page(pte_paddr(e)));
			gone++;
		}
		va = stop;
	}
	z->z_pages += gone;
}

/*
 * The entry e as the area's flags want it. Writing is granted at once where a fault would
 * find nothing to do: on private pages that are nobody else's, and on shared ones whose object
 * need not know.
 */
pte_t area_entry(const struct vmarea *a, pte_t e)
{
	pte_t new = (pte_sealed(e) & (PTE_ADDR | PTE_COW | PTE_D)) | area_pte(a);
	bool write;

	if (!(a->va_flags & VA_PROT))
		return (new & ~PTE_P) | PTE_HIDDEN;
	if (a->va_flags & VA_SHARED)
		write = vm_object_memory_only(a->va_object);
	else
		write = !(e & PTE_COW);
	if (write && a->va_flags & VA_WRITE)
		new |= PTE_W | PTE_D;
	return new;
}

void vm_update_entries(struct vmspace *vm, struct vmarea *a, vaddr_t start,
		       vaddr_t end, struct tlb_batch *tb)
{
	vaddr_t va = start;
	pte_t *pte;

	spin_lock(&vm->vm_ptlock);
	while ((pte = pmap_next_table(&vm->vm_pmap, &va, end))) {
		vaddr_t stop = table_stop(va, end);

		for (; va < stop; va += PAGE_SIZE, pte++) {
			pte_t e = *pte, new;

			if (!pte_has_page(e))
				continue;
			new = area_entry(a, e);
			if (new == e)
				continue;
			WRITE_ONCE(*pte, new);
			/* Rights gained need no flush: a stale entry only faults once more. */
			if (e & PTE_P &&
			    ((e & ~new & (PTE_P | PTE_W)) || (new & ~e & PTE_NX)))
				tlb_batch_add(tb, va);
		}
	}
	spin_unlock(&vm->vm_ptlock);
}

pte_t *vm_pte_alloc(struct vmspace *vm, vaddr_t va)
{
	for (;;) {
		pte_t *pte;

		spin_lock(&vm->vm_ptlock);
		pte = pmap_lookup_alloc(&vm->vm_pmap, va);
		spin_unlock(&vm->vm_ptlock);
		if (likely(pte != NULL))
			return pte;
		if (pt_page_reserve(3))
			return NULL;
	}
}

int vm_discard(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	struct gather g;

	KASSERT(rwlock_held(&vm->vm_lock));
	if (vm_table_cut(vm, start) || vm_table_cut(vm, end))
		return -ENOMEM;
	gather_init(&g, vm);
	vm_zap(&g, start, end);
	gather_finish(&g);
	return 0;
}
