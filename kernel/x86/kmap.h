/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own page tables: image, direct map, struct pages, and device
 * registers and firmware tables that the boot needs.
 */
#ifndef KERNEL_X86_KMAP_H
#define KERNEL_X86_KMAP_H

#include <types.h>

/* Build them and leave the first ones (boot.S). After bootinfo_init() and cpu_init_cpu(). */
void kmap_init(void);
/*
 * Memory for the struct pages (64 bytes each) of these frames, zeroed, at
 * VMEMMAP_BASE. For page_init(), while early_alloc() works.
 */
#define KMAP_PAGE_STRUCT	64
void kmap_vmemmap(pfn_t start, pfn_t end);
/*
 * Registers of interrupt controllers and timers, uncached; firmware tables, cached
 * and read-only. Both at their place in the direct map, which no RAM fills
 * there; never undone. Boot CPU, while the others do not run.
 */
void *kmap_device(paddr_t pa, size_t size);
void *kmap_firmware(paddr_t pa, size_t size);
/* Unmap what only the boot needed (after smp_init()); the caller may then reuse the frames. */
void kmap_drop_init(paddr_t *start, paddr_t *end);

#endif
