/* SPDX-License-Identifier: MIT */
/*
 * Page tables that parent and child share after a fork. To copy 64 MiB of entries takes
 * longer than all the rest of a fork, and most children exec or end without having looked at
 * them. So where one private anonymous area covers all that a level-1 table maps, both
 * get the same table, and the level-2 entries that lead to it deny writing:
 *
 *	parent's level 2 --(PTE_SHARED, not PTE_W)--> table <--(same)-- child's level 2
 *
 * Reads go through it. Whoever wants to change an entry first gets a table of its own
 * (vm_table_own()): a copy in which, as in the original, private pages are copy-on-write;
 * or, when all others have gone, the table itself, with nothing to be copied at all. Whoever
 * gives up all of it just lets go.
 *
 * Invariants:
 *  1. pg_ref of a table's page is the number of level-2 entries that lead to it. Only
 *     where it may be more than one is PTE_SHARED set.
 *  2. A shared table does not change, but for PTE_W becoming PTE_COW in a copy's original.
 *     So pg_index, the number of its pages, stays true, and a page has one reference for
 *     all that share the table. Whoever takes another marks the entry (vm_table_hold()),
 *     so that the last owner of the table does not write to a page that is in use.
 *  3. A shared table has no swap entries: page-out owns a table first, and fork copies one
 *     that has any.
 *  4. All that a shared table maps is one area, in every address space that has it:
 *     what cuts an area in two owns the table before (vm_table_cut()).
 *
 * Locks: share_lock, inside the vm_ptlock of the one who acts: the others' tables are
 * guarded by other vm_ptlocks.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/fail.h"
#include "mm/area.h"

static struct spinlock share_lock = SPINLOCK_INIT("table_share", RANK_PT);

static struct page *table_page(pte_t dir)
{
	return phys_to_page(pte_paddr(dir));
}

/* How many pages it has; *swapped: it has swap entries. */
static u64 count_entries(const pte_t *pte, bool *swapped)
{
	pte_t all = 0;
	u64 n = 0;

	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		n += pte[i] != 0;
		all |= pte[i];
	}
	*swapped = all & PTE_SWAP;
	return n;
}

static pte_t *child_dir(struct vmspace *child, vaddr_t va)
{
	for (;;) {
		pte_t *dir = pmap_lookup_dir_alloc(&child->vm_pmap, va);

		if (likely(dir != NULL))
			return dir;
		if (pt_page_reserve(2))
			return NULL;
	}
}

int vm_table_share(struct vmspace *parent, struct vmspace *child, vaddr_t va,
		   struct tlb_batch *tb)
{
	pte_t *to = child_dir(child, va), *from;
	bool swapped = false;
	struct page *table;

	KASSERT(IS_ALIGNED(va, PT_SPAN));
	if (!to || should_fail())
		return -ENOMEM;
	spin_lock(&parent->vm_ptlock);
	from = pmap_lookup_dir(&parent->vm_pmap, va);
	table = table_page(*from);
	spin_lock_nested(&share_lock);
	if (!(*from & PTE_SHARED)) {
		table->pg_index = count_entries(pte_below(from, va), &swapped);
		if (!swapped) {
			WRITE_ONCE(*from, (*from & ~PTE_W) | PTE_SHARED);
			tlb_batch_add_all(tb);
		}
	}
	if (!swapped)
		page_get(table);
	spin_unlock(&share_lock);
	KASSERT(!*to);
	if (!swapped) {
		/* Truncation may take pages of files from the child already. */
		spin_lock_nested(&child->vm_ptlock);
		WRITE_ONCE(*to, *from);
		child->vm_pmap.pm_ptpages++;
		vm_rss_add(child, (s64)table->pg_index);
		spin_unlock(&child->vm_ptlock);
	}
	spin_unlock(&parent->vm_ptlock);
	return swapped ? -EAGAIN : 0;
}

/* Fill an empty table; the pages get a second owner, and may be written by neither. */
static void copy_table(pte_t *from, pte_t *to)
{
	for (unsigned int i = 0; i < PT_ENTRIES; i++) {
		pte_t e = from[i];

		if (!e)
			continue;
		KASSERT(pte_has_page(e));
		if ((e & (PTE_W | PTE_COW)) != PTE_COW) {
			e = (e & ~PTE_W) | PTE_COW;
			WRITE_ONCE(from[i], e);
		}
		page_get(phys_to_page(pte_paddr(e)));
		to[i] = e;
	}
}

/* Both locks held. False: there is no page-table page. */
static bool own(struct vmspace *vm, pte_t *dir, vaddr_t va)
{
	struct page *table = table_page(*dir);
	paddr_t copy;

	if (atomic_read(&table->pg_ref) == 1) {
		/* A right is added: stale TLB entries only fault once more. */
		WRITE_ONCE(*dir, (*dir & ~PTE_SHARED) | PTE_W);
		return true;
	}
	copy = pt_page_alloc();
	if (!copy)
		return false;
	copy_table(page_to_virt(table), phys_to_virt(copy));
	smp_store_release(dir, copy | (*dir & ~(PTE_ADDR | PTE_SHARED)) | PTE_W);
	/* No CPU may walk by the old table when the others let go of it (SDM 4.10.4.1). */
	tlb_flush_page(&vm->vm_pmap, va);
	atomic_dec(&table->pg_ref);
	return true;
}

bool vm_table_own(struct vmspace *vm, vaddr_t va)
{
	bool done = true;
	pte_t *dir;

	spin_lock(&vm->vm_ptlock);
	dir = pmap_lookup_dir(&vm->vm_pmap, va);
	if (dir && *dir & PTE_SHARED) {
		spin_lock_nested(&share_lock);
		done = own(vm, dir, va);
		spin_unlock(&share_lock);
	}
	spin_unlock(&vm->vm_ptlock);
	return done;
}

int vm_tables_own(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	for (vaddr_t va = start; pmap_next_table(&vm->vm_pmap, &va, end);
	     va = round_down(va, PT_SPAN) + PT_SPAN)
		while (!vm_table_own(vm, va))
			if (pt_page_reserve(1))
				return -ENOMEM;
	return 0;
}

int vm_table_cut(struct vmspace *vm, vaddr_t addr)
{
	return IS_ALIGNED(addr, PT_SPAN) ? 0 : vm_tables_own(vm, addr, addr + 1);
}

bool vm_table_drop(struct vmspace *vm, vaddr_t va, struct zapped *dying)
{
	pte_t *dir = pmap_lookup_dir(&vm->vm_pmap, va);
	struct page *table = table_page(*dir);
	struct tlb_batch tb;
	bool others;

	if (likely(!(*dir & PTE_SHARED)))
		return false;
	KASSERT(dying || lock_held(&vm->vm_ptlock));
	spin_lock_nested(&share_lock);
	others = atomic_read(&table->pg_ref) > 1;
	if (others) {
		WRITE_ONCE(*dir, 0);
		vm->vm_pmap.pm_ptpages--;
		if (dying) {
			dying->z_pages += (s64)table->pg_index;
		} else {
			vm_rss_add(vm, -(s64)table->pg_index);
			/* Before the others can free the pages. */
			tlb_batch_init(&tb);
			tlb_batch_add_all(&tb);
			tlb_batch_flush(&vm->vm_pmap, &tb);
		}
		atomic_dec(&table->pg_ref);
	} else {
		WRITE_ONCE(*dir, (*dir & ~PTE_SHARED) | PTE_W);
	}
	spin_unlock(&share_lock);
	return others;
}

void vm_table_hold(const pte_t *dir, pte_t *pte)
{
	if (likely(!(*dir & PTE_SHARED)))
		return;
	spin_lock_nested(&share_lock);
	WRITE_ONCE(*pte, (*pte & ~PTE_W) | PTE_COW);
	spin_unlock(&share_lock);
}

u64 vm_table_users(struct vmspace *vm, vaddr_t va)
{
	const pte_t *dir = pmap_lookup_dir(&vm->vm_pmap, va);

	return dir && *dir & PTE_SHARED ? (u64)atomic_read(&table_page(*dir)->pg_ref) : 1;
}
