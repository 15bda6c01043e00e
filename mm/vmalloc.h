/* SPDX-License-Identifier: MIT */
/*
 * Kernel virtual memory outside the direct map: kernel stacks and big buffers
 * with an unmapped guard page on each side, and device registers.
 */
#ifndef MM_VMALLOC_H
#define MM_VMALLOC_H

#include <types.h>
#include "kernel/x86/pagetable.h"

/* The first part of the vmalloc region is for kernel stacks (kstack.c). */
#define KSTACK_REGION_SIZE	(1ul << 30)

void vmalloc_init(void);
void *vmalloc(size_t size);		/* NULL; not zeroed */
void vfree(void *p);
/*
 * Kernel stacks, with a per-CPU cache so that fork and exit need no mapping change. Returns
 * the lowest address, NULL.
 */
void *kstack_alloc(void);
void kstack_free(void *stack);		/* any context but interrupts */
/* Unmap and free idle stacks beyond the first keep. Interrupts on, no locks. */
void kstack_trim(unsigned int keep);
u64 kstack_idle_pages(void);
/* Uncached mapping of device registers; never undone. NULL. */
void *mmio_map(paddr_t pa, size_t size);

/* Map one kernel page; the lock of kernel_pmap's tables is taken inside. May sleep. -ENOMEM. */
int vmalloc_map_page(vaddr_t va, paddr_t pa, pte_t flags);

#endif
