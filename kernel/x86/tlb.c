/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes, here and on other CPUs (SDM vol. 3, 4.10.4 and 4.10.5). Other CPUs are
 * interrupted only if they have the pmap loaded; one that has it loaded lazily leaves
 * it instead, and is not interrupted again.
 *
 * A process on one CPU costs neither an interrupt nor a lock here. Up to TLB_BATCH_MAX
 * addresses are flushed one by one: under emulation as on hardware, a reload of CR3
 * costs far more than it looks, as everything must be walked again.
 */
#include <bits.h>
#include <kassert.h>
#include "kernel/x86/cpu.h"
#include "kernel/x86/pagetable.h"
#include "kernel/x86/smp.h"

struct flush_request {
	struct pmap *fr_pm;
	const struct tlb_batch *fr_batch;
};

struct kernel_flush {
	vaddr_t kf_start, kf_end;
};

#define CR4_PGE			(1ul << 7)
#define KERNEL_FLUSH_MAX	128	/* pages; beyond that flush everything */

/* The CPUs but this one that have pm loaded. The caller has changed entries before. */
static u64 other_cpus(const struct pmap *pm)
{
	if (ncpus == 1)
		return 0;
	/* See pmap_activate(): our entries first, then the look at the mask. */
	smp_mb();
	return (u64)atomic64_read(&pm->pm_cpus) & ~(1ul << cpu_id());
}

static void flush_here(const struct tlb_batch *tb)
{
	if (tb->tb_count > TLB_BATCH_MAX) {
		write_cr3(read_cr3());
		return;
	}
	for (u32 i = 0; i < tb->tb_count; i++)
		invlpg(tb->tb_va[i]);
}

/* On another CPU, in interrupt context. */
static void flush_remote(void *arg)
{
	const struct flush_request *fr = arg;

	if (!pmap_loaded_here(fr->fr_pm))
		return;
	if (pmap_lazy_here())
		pmap_leave(fr->fr_pm);
	else
		flush_here(fr->fr_batch);
}

void tlb_batch_flush(struct pmap *pm, struct tlb_batch *tb)
{
	u64 others;

	if (!tb->tb_count)
		return;
	others = other_cpus(pm);
	if (unlikely(others)) {
		struct flush_request fr = { .fr_pm = pm, .fr_batch = tb };

		smp_call(others, flush_remote, &fr);
	}
	if (pmap_loaded_here(pm))
		flush_here(tb);
	tlb_batch_init(tb);
}

void tlb_flush_page(struct pmap *pm, vaddr_t va)
{
	if (unlikely(other_cpus(pm))) {
		struct tlb_batch tb;

		tlb_batch_init(&tb);
		tlb_batch_add(&tb, va);
		tlb_batch_flush(pm, &tb);
	} else if (pmap_loaded_here(pm)) {
		invlpg(va);
	}
}

void tlb_retire(struct pmap *pm)
{
	u64 others = other_cpus(pm);

	if (others)
		smp_call(others, pmap_leave, pm);
}

/* ---- the kernel's own mappings: global, and loaded everywhere ------------- */

static void flush_kernel_here(void *arg)
{
	const struct kernel_flush *kf = arg;

	if (kf->kf_end - kf->kf_start <= KERNEL_FLUSH_MAX * PAGE_SIZE) {
		for (vaddr_t va = kf->kf_start; va < kf->kf_end; va += PAGE_SIZE)
			invlpg(va);
	} else if (cpu_features.pge) {
		/* Clearing CR4.PGE flushes global entries as well. */
		u64 cr4 = read_cr4();

		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
}

void tlb_flush_kernel(vaddr_t start, vaddr_t end)
{
	struct kernel_flush kf = { .kf_start = start, .kf_end = end };
	irqflags_t f;

	if (ncpus > 1)
		smp_call((1ul << ncpus) - 1, flush_kernel_here, &kf);
	f = irq_save();
	flush_kernel_here(&kf);
	irq_restore(f);
}
