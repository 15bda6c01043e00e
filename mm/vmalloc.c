/* SPDX-License-Identifier: MIT */
/*
 * Kernel virtual memory above the kernel stacks: buffers too big for contiguous frames,
 * and device registers. Callers come rarely and keep what they get for long; so areas are a
 * plain tree, searched first fit from the bottom.
 *
 * Every area is followed by a page that stays unmapped. The tables of this region are
 * never freed.
 *
 * Locks: vmalloc_lock (RANK_VMALLOC) for the tree and for making page tables; not
 * taken by interrupt handlers.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/spinlock.h"
#include "kernel/lib/rbtree.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#define AREAS_BASE	(VMALLOC_BASE + KSTACK_REGION_SIZE)

struct vmap_area {
	struct rb_node vma_node;	/* [vmalloc_lock] by vma_start */
	vaddr_t vma_start;		/* [I] */
	u64 vma_size;			/* [I] without the guard page */
	bool vma_pages;			/* [I] its pages are ours to free; else device registers */
};

static struct spinlock vmalloc_lock = SPINLOCK_INIT("vmalloc", RANK_VMALLOC);
static struct rb_root areas;		/* [vmalloc_lock] */

static struct vmap_area *area_of(struct rb_node *n)
{
	return rb_entry_or_null(n, struct vmap_area, vma_node);
}

static bool area_less(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct vmap_area, vma_node)->vma_start <
	       rb_entry(b, struct vmap_area, vma_node)->vma_start;
}

/* Find room for size bytes and a guard page and enter the area. NULL: no memory, or no room. */
static struct vmap_area *area_create(u64 size, bool pages)
{
	struct vmap_area *a = kmalloc(sizeof(*a), ALLOC_WAIT), *at;
	vaddr_t start = AREAS_BASE;

	if (!a)
		return NULL;
	spin_lock(&vmalloc_lock);
	for (at = area_of(rb_first(&areas)); at;
	     at = area_of(rb_next(&at->vma_node))) {
		if (at->vma_start - start >= size + PAGE_SIZE)
			break;
		start = at->vma_start + at->vma_size + PAGE_SIZE;
	}
	if (VMALLOC_END - start < size + PAGE_SIZE) {
		spin_unlock(&vmalloc_lock);
		kfree(a);
		return NULL;
	}
	a->vma_start = start;
	a->vma_size = size;
	a->vma_pages = pages;
	rb_add(&areas, &a->vma_node, area_less);
	spin_unlock(&vmalloc_lock);
	return a;
}

/* Take back the first size bytes of mappings, free their pages, and forget the area. */
static void area_destroy(struct vmap_area *a, u64 mapped)
{
	struct page *dead = NULL;

	for (u64 off = 0; off < mapped; off += PAGE_SIZE) {
		pte_t *pte = pmap_lookup(&kernel_pmap, a->vma_start + off);
		struct page *pg;

		KASSERT(pte && *pte & PTE_P);
		pg = a->vma_pages ? phys_to_page(pte_paddr(*pte)) : NULL;
		pmap_kremove(a->vma_start + off);
		if (pg) {
			pg->pg_next = dead;
			dead = pg;
		}
	}
	if (mapped)
		tlb_flush_kernel(a->vma_start, a->vma_start + mapped);
	while (dead) {
		struct page *pg = dead;

		dead = pg->pg_next;
		page_free(pg, 0);
	}
	spin_lock(&vmalloc_lock);
	rb_erase(&areas, &a->vma_node);
	spin_unlock(&vmalloc_lock);
	kfree(a);
}

int vmalloc_map_page(vaddr_t va, paddr_t pa, pte_t flags)
{
	for (;;) {
		int err;

		spin_lock(&vmalloc_lock);
		err = pmap_kenter(va, pa, flags);
		spin_unlock(&vmalloc_lock);
		if (!err)
			return 0;
		/* No page table to be had without waiting: a PDPT, PD and PT at most. */
		if (pt_page_reserve(3))
			return -ENOMEM;
	}
}

void *vmalloc(size_t size)
{
	struct vmap_area *a;
	u64 off;

	if (size == 0 || size > page_total() << PAGE_SHIFT)
		return NULL;
	size = round_up(size, PAGE_SIZE);
	a = area_create(size, true);
	if (!a)
		return NULL;
	for (off = 0; off < size; off += PAGE_SIZE) {
		struct page *pg = page_alloc(0, ALLOC_WAIT);

		if (!pg)
			goto fail;
		if (vmalloc_map_page(a->vma_start + off, page_to_phys(pg),
				     PTE_W | PTE_NX)) {
			page_free(pg, 0);
			goto fail;
		}
	}
	return (void *)a->vma_start;
fail:
	area_destroy(a, off);
	return NULL;
}

void vfree(void *p)
{
	struct vmap_area *a;

	if (!p)
		return;
	spin_lock(&vmalloc_lock);
	for (struct rb_node *n = areas.rb_top;;) {
		KASSERT_MSG(n, "vfree(%p): not from vmalloc()", p);
		a = rb_entry(n, struct vmap_area, vma_node);
		if (a->vma_start == (vaddr_t)p)
			break;
		n = (vaddr_t)p < a->vma_start ? rb_left(n) : rb_right(n);
	}
	spin_unlock(&vmalloc_lock);
	KASSERT(a->vma_pages);
	area_destroy(a, a->vma_size);
}

void *mmio_map(paddr_t pa, size_t size)
{
	u64 in_page = pa & ~PAGE_MASK;
	u64 len = round_up(size + in_page, PAGE_SIZE);
	struct vmap_area *a = area_create(len, false);

	if (!a)
		return NULL;
	for (u64 off = 0; off < len; off += PAGE_SIZE) {
		if (vmalloc_map_page(a->vma_start + off, pa - in_page + off,
				     PTE_W | PTE_NX | PTE_PCD | PTE_PWT)) {
			area_destroy(a, off);
			return NULL;
		}
	}
	return (void *)(a->vma_start + in_page);
}

void vmalloc_init(void)
{
	/* The region's PML4 slot is copied into every address space: it must exist by now. */
	KASSERT(pmap_has_slot(&kernel_pmap, VMALLOC_BASE));
}
