/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks: slots of a fixed size at the bottom of the vmalloc region, each a
 * guard page that is never mapped and above it the stack. fork and exit take and give
 * a mapped stack from this CPU's cache, or from the list of idle ones, both without a change
 * of mappings.
 *
 * Unmapping needs all CPUs to flush, and the last reference to a thread goes in the
 * middle of a context switch, where that is not possible: kstack_free() only ever puts
 * the stack aside. kstack_alloc() and the page allocator in need trim what is too much,
 * many at a time with one flush.
 *
 * Locks: kstack_lock (RANK_VMALLOC), interrupts off, as the scheduler frees with them off.
 */
#include <bits.h>
#include <kassert.h>
#include "kernel/core/spinlock.h"
#include "kernel/lib/bitmap.h"
#include "kernel/x86/pagetable.h"
#include "mm/page.h"
#include "mm/vmalloc.h"

#define SLOT_SIZE	(KSTACK_SIZE + PAGE_SIZE)
#define STACK_PAGES	(KSTACK_SIZE / PAGE_SIZE)
#define NSLOTS		(KSTACK_REGION_SIZE / SLOT_SIZE)
#define CPU_STACKS	4		/* kept by each CPU */
#define IDLE_MAX	32		/* more than these on the list are trimmed */
#define TRIM_BATCH	16

struct kstack_cpu {
	u32 kc_count;
	void *kc_stack[CPU_STACKS];
};

static DEFINE_PERCPU(struct kstack_cpu, kstack_cpu);
static struct spinlock kstack_lock = SPINLOCK_INIT("kstack", RANK_VMALLOC);
static BITMAP_DECLARE(slots_used, NSLOTS);	/* [kstack_lock] */
static size_t slot_low;			/* [kstack_lock] all below are in use */
static void *idle_first;		/* [kstack_lock] mapped, linked by first word */
static u32 idle_count;			/* [kstack_lock] */

static vaddr_t slot_base(size_t slot)
{
	return VMALLOC_BASE + slot * SLOT_SIZE;
}

static void *slot_stack(size_t slot)
{
	return (void *)(slot_base(slot) + PAGE_SIZE);
}

static size_t stack_slot(const void *stack)
{
	return ((vaddr_t)stack - VMALLOC_BASE) / SLOT_SIZE;
}

/* A stack out of this CPU's cache or the list, or NULL. */
static void *take_idle(void)
{
	irqflags_t f = irq_save();
	struct kstack_cpu *kc = this_cpu_ptr(kstack_cpu);
	void *stack = NULL;

	if (kc->kc_count) {
		stack = kc->kc_stack[--kc->kc_count];
	} else {
		spin_lock(&kstack_lock);
		stack = idle_first;
		if (stack) {
			idle_first = *(void **)stack;
			idle_count--;
		}
		spin_unlock(&kstack_lock);
	}
	irq_restore(f);
	return stack;
}

/* Reserve the lowest free slot; NSLOTS: none. */
static size_t take_slot(void)
{
	irqflags_t f = spin_lock_irqsave(&kstack_lock);
	size_t slot = bitmap_find_clear(slots_used, NSLOTS, slot_low);

	if (slot < NSLOTS) {
		__set_bit(slots_used, slot);
		slot_low = slot + 1;
	}
	spin_unlock_irqrestore(&kstack_lock, f);
	return slot;
}

static void release_slot(size_t slot)
{
	irqflags_t f = spin_lock_irqsave(&kstack_lock);

	KASSERT(test_bit(slots_used, slot));
	__clear_bit(slots_used, slot);
	slot_low = min(slot_low, slot);
	spin_unlock_irqrestore(&kstack_lock, f);
}

/* Free the pages of a stack of which the first n are mapped; nobody's TLB holds them. */
static void free_pages(struct page **pages, unsigned int n)
{
	while (n)
		page_free(pages[--n], 0);
}

/* Clear the entries of the first n pages of a stack; the pages are left in out. */
static void unmap_pages(void *stack, unsigned int n, struct page **out)
{
	for (unsigned int i = 0; i < n; i++) {
		vaddr_t va = (vaddr_t)stack + i * PAGE_SIZE;
		pte_t *pte = pmap_lookup(&kernel_pmap, va);

		KASSERT(pte && *pte & PTE_P);
		out[i] = phys_to_page(pte_paddr(*pte));
		pmap_kremove(va);
	}
}

static void *make_stack(void)
{
	struct page *pages[STACK_PAGES];
	size_t slot = take_slot();
	void *stack = slot_stack(slot);
	unsigned int i;

	if (slot >= NSLOTS)
		return NULL;
	for (i = 0; i < STACK_PAGES; i++) {
		struct page *pg = page_alloc(0, ALLOC_WAIT);

		if (!pg)
			goto fail;
		if (vmalloc_map_page((vaddr_t)stack + i * PAGE_SIZE,
				     page_to_phys(pg), PTE_W | PTE_NX)) {
			page_free(pg, 0);
			goto fail;
		}
	}
	return stack;
fail:
	unmap_pages(stack, i, pages);
	if (i)
		tlb_flush_kernel((vaddr_t)stack, (vaddr_t)stack + i * PAGE_SIZE);
	free_pages(pages, i);
	release_slot(slot);
	return NULL;
}

void *kstack_alloc(void)
{
	void *stack = take_idle();

	if (unlikely(READ_ONCE(idle_count) > IDLE_MAX))
		kstack_trim(IDLE_MAX / 2);
	return likely(stack != NULL) ? stack : make_stack();
}

void kstack_free(void *stack)
{
	irqflags_t f = irq_save();
	struct kstack_cpu *kc = this_cpu_ptr(kstack_cpu);

	KASSERT(slot_stack(stack_slot(stack)) == stack);
	if (kc->kc_count < CPU_STACKS) {
		kc->kc_stack[kc->kc_count++] = stack;
	} else {
		spin_lock(&kstack_lock);
		*(void **)stack = idle_first;
		idle_first = stack;
		idle_count++;
		spin_unlock(&kstack_lock);
	}
	irq_restore(f);
}

/* Take up to TRIM_BATCH stacks beyond keep off the list. */
static unsigned int take_batch(void **batch, unsigned int keep)
{
	irqflags_t f = spin_lock_irqsave(&kstack_lock);
	unsigned int n = 0;

	while (n < TRIM_BATCH && idle_count > keep) {
		batch[n++] = idle_first;
		idle_first = *(void **)idle_first;
		idle_count--;
	}
	spin_unlock_irqrestore(&kstack_lock, f);
	return n;
}

void kstack_trim(unsigned int keep)
{
	struct page *pages[TRIM_BATCH * STACK_PAGES];
	void *batch[TRIM_BATCH];
	unsigned int n;

	while ((n = take_batch(batch, keep)) != 0) {
		vaddr_t lo = ~0ul, hi = 0;

		for (unsigned int i = 0; i < n; i++) {
			unmap_pages(batch[i], STACK_PAGES, pages + i * STACK_PAGES);
			lo = min(lo, (vaddr_t)batch[i]);
			hi = max(hi, (vaddr_t)batch[i] + KSTACK_SIZE);
		}
		tlb_flush_kernel(lo, hi);
		free_pages(pages, n * STACK_PAGES);
		for (unsigned int i = 0; i < n; i++)
			release_slot(stack_slot(batch[i]));
	}
}

u64 kstack_idle_pages(void)
{
	u64 n = READ_ONCE(idle_count);

	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		n += READ_ONCE(percpu_ptr(kstack_cpu, cpu)->kc_count);
	return n * STACK_PAGES;
}
