/* SPDX-License-Identifier: MIT */
/*
 * Private anonymous pages to swap. A clock goes round all address spaces and through each one's
 * page table: an entry that was used since the last round loses its accessed bit, others lose
 * their page. Going by entries finds a page's users without keeping lists of them; one that
 * processes share since fork leaves each of them separately, and memory with the last.
 *
 * What happens to an entry that is cold:
 *
 *	page not ours alone to judge (of an object, the zero page) --- left to others
 *	PTE_D clear: given away by MADV_FREE, not written since ------ dropped
 *	page is in the swap cache already ---------------------------- entry for its slot
 *	else --------------------------------------------------------- a new slot, written
 *
 * Every entry of a private page is made with PTE_D, so that only MADV_FREE clears it, and the
 * CPU sets it again on a write.
 *
 * Locks: vm_lock for writing; the clock takes it only if it can be had at once: so no fault is
 * under way in the space, and whoever reclaims may hold any lock, this one, too. vm_ptlock within.
 * None during I/O.
 */
#include <kassert.h>
#include "kernel/core/sched.h"
#include "mm/area.h"
#include "mm/reclaim.h"
#include "mm/swap.h"
#include "mm/vmstat.h"

struct pageout {
	enum pageout_how po_how;
	unsigned long po_budget;	/* entries still to look at */
	bool po_full;			/* the batch is full, or there are no slots */
	unsigned long po_freed;
	struct gather po_gather;	/* pages that lost an entry; TLB entries to flush */
	u64 po_first;			/* slots that were reserved */
	unsigned int po_nslots, po_npages;	/* how many of them; how many have a page */
	struct page *po_pages[SWAP_CLUSTER];
};

struct scan_list vmspace_scan = SCAN_LIST_INIT(vmspace_scan);

/* The entry for pg is gone: its reference to the gather. */
static void take_page(struct pageout *po, struct page *pg, vaddr_t va)
{
	tlb_batch_add(&po->po_gather.g_tlb, va);
	vm_rss_add(po->po_gather.g_vm, -1);
	po->po_gather.g_pages[po->po_gather.g_count++] = pg;
}

/* Send the page of a cold entry to swap. False: there is no slot for it. */
static bool swap_out(struct pageout *po, pte_t *pte, vaddr_t va)
{
	struct page *pg = phys_to_page(pte_paddr(*pte));
	u64 swp = po->po_npages < po->po_nslots ? po->po_first + po->po_npages : 0;
	int added;

	/* Only ours, and referenced once more: somebody is at it without the lock. */
	if (!(*pte & PTE_COW) && atomic_read(&pg->pg_ref) != 1)
		return true;
	added = swap_cache_add(pg, &swp);
	if (added < 0)
		return false;
	if (added) {
		/* Its reference is the cache's now; the gather gets one of its own. */
		page_get(pg);
		po->po_pages[po->po_npages++] = pg;
	}
	WRITE_ONCE(*pte, swap_entry(swp));
	po->po_gather.g_vm->vm_swapped++;
	take_page(po, pg, va);
	return true;
}

static bool is_private_page(pte_t e)
{
	const struct page *pg;

	if (!pte_has_page(e))
		return false;
	pg = phys_to_page(pte_paddr(e));
	return pg != zero_page && !(pg->pg_flags & PG_CACHE);
}

/* Look at one entry. False: stop, the batch is full or there are no slots. */
static bool scan_entry(struct pageout *po, pte_t *pte, vaddr_t va)
{
	pte_t e = *pte, forget = PTE_A;

	if (unlikely(e & PTE_SWAP) && po->po_how == PAGEOUT_FREE) {
		WRITE_ONCE(*pte, 0);
		swap_drop(swap_address(e));
		po->po_gather.g_vm->vm_swapped--;
	}
	if (!is_private_page(e))
		return true;
	vm_event(VE_SCAN_ANON);
	if (po->po_how == PAGEOUT_FREE && !(e & PTE_COW))
		forget |= PTE_D;
	if (po->po_how != PAGEOUT_NOW && e & forget) {
		/* No plain store: it may be now that the CPU sets PTE_D. */
		__atomic_fetch_and(pte, ~forget, __ATOMIC_RELAXED);
		tlb_batch_add(&po->po_gather.g_tlb, va);
		return true;
	}
	if (po->po_how == PAGEOUT_FREE || po->po_how == PAGEOUT_COLD)
		return true;
	if (e & PTE_D)
		return swap_out(po, pte, va) && po->po_gather.g_count < SWAP_CLUSTER;
	/* A write in this moment makes the page one that is wanted again. */
	if (!__atomic_compare_exchange_n(pte, &e, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return true;
	take_page(po, phys_to_page(pte_paddr(e)), va);
	vm_event(VE_LAZYFREED);
	po->po_freed++;
	return po->po_gather.g_count < SWAP_CLUSTER;
}

/* Entries from va to end, until the budget is used up or the batch is full: where it stopped. */
static vaddr_t scan_range(struct pageout *po, vaddr_t va, vaddr_t end)
{
	struct vmspace *vm = po->po_gather.g_vm;
	pte_t *pte;

	while (!po->po_full && po->po_budget && pmap_next_table(&vm->vm_pmap, &va, end)) {
		vaddr_t stop = min(end, round_down(va, PT_SPAN) + PT_SPAN);

		/* What relatives share since fork, each of them must have for himself first. */
		if (!vm_table_own(vm, va)) {
			va = stop;
			continue;
		}
		spin_lock(&vm->vm_ptlock);
		pte = pmap_lookup(&vm->vm_pmap, va);
		for (; va < stop && po->po_budget && !po->po_full; va += PAGE_SIZE, pte++) {
			po->po_budget--;
			po->po_full = !scan_entry(po, pte, va);
		}
		spin_unlock(&vm->vm_ptlock);
	}
	return va;
}

static bool may_page_out(const struct vmarea *a)
{
	return !(a->va_flags & (VA_SHARED | VA_LOCKED | VA_VDSO));
}

/* A batch: from *at on up to end. vm_lock is held, and let go. */
static void scan_locked(struct pageout *po, vaddr_t *at, vaddr_t end)
{
	struct vmspace *vm = po->po_gather.g_vm;
	unsigned int freed = 0;
	struct vmarea *a;

	for (a = vm_find(vm, *at); po->po_budget && !po->po_full && a && a->va_start < end;
	     a = vm_next(a)) {
		*at = max(*at, a->va_start);
		if (may_page_out(a))
			*at = scan_range(po, *at, min(end, a->va_end));
		else
			*at = a->va_end;
	}
	if (po->po_budget && !po->po_full)
		*at = end;
	/* Before anything is written, nobody can change it any more. */
	tlb_batch_flush(&vm->vm_pmap, &po->po_gather.g_tlb);
	rwlock_write_unlock(&vm->vm_lock);
	for (u32 i = 0; i < po->po_gather.g_count; i++)
		freed += swap_page_out(po->po_gather.g_pages[i]);
	vm_event_add(VE_STEAL_ANON, freed);
	po->po_freed += freed;
}

/* Reserve slots, scan a batch, write it. False: the space is busy. */
static bool scan_batch(struct pageout *po, struct vmspace *vm, vaddr_t *at, vaddr_t end)
{
	unsigned int freed;

	if (po->po_how != PAGEOUT_CLOCK)
		rwlock_write(&vm->vm_lock);
	else if (!rwlock_write_try(&vm->vm_lock))
		return false;
	gather_init(&po->po_gather, vm);
	po->po_full = false;
	po->po_npages = 0;
	po->po_nslots = 0;
	if (po->po_how == PAGEOUT_CLOCK || po->po_how == PAGEOUT_NOW)
		po->po_nslots = swap_alloc(SWAP_CLUSTER, &po->po_first);
	scan_locked(po, at, end);
	swap_drop_range(po->po_first + po->po_npages, po->po_nslots - po->po_npages);
	if (po->po_npages) {
		freed = swap_write(po->po_first, po->po_pages, po->po_npages);
		po->po_freed += freed;
		vm_event_add(VE_STEAL_ANON, freed);
	}
	return true;
}

unsigned long pageout_clock(unsigned long want, unsigned long budget)
{
	struct pageout po = { .po_how = PAGEOUT_CLOCK, .po_budget = budget };
	u32 spaces = READ_ONCE(vmspace_scan.sl_count);

	while (spaces-- && po.po_freed < want && po.po_budget) {
		struct scan_item *si = scan_next(&vmspace_scan);
		struct vmspace *vm;

		if (!si)
			break;
		vm = container_of(si, struct vmspace, vm_scan);
		while (po.po_freed < want && po.po_budget &&
		       scan_batch(&po, vm, &vm->vm_scan_at, USER_TOP) &&
		       vm->vm_scan_at < USER_TOP)
			;
		if (vm->vm_scan_at >= USER_TOP)
			vm->vm_scan_at = 0;
		scan_unpin(&vmspace_scan, si);
	}
	return po.po_freed;
}

void pageout_range(struct vmspace *vm, vaddr_t start, vaddr_t end, enum pageout_how how)
{
	struct pageout po = { .po_how = how };

	while (start < end) {
		po.po_budget = PT_ENTRIES;
		(void)scan_batch(&po, vm, &start, end);
		if (how == PAGEOUT_NOW && !swap_available())
			break;
		sched_relax();
	}
}
