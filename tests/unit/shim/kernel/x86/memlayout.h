/* SPDX-License-Identifier: MIT */
/*
 * Host shim: "physical memory" is one block of host memory, and the direct map
 * and the array of struct page are wherever the host put them.
 */
#ifndef KERNEL_X86_MEMLAYOUT_H
#define KERNEL_X86_MEMLAYOUT_H

#include "types.h"

#define PAGE_SHIFT	12
#define PAGE_SIZE	0x1000UL
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define KSTACK_SIZE	0x4000

extern u8 *shim_ram;		/* physical address 0 */
extern u8 *shim_vmemmap;	/* struct page of frame 0 */

#define DIRECT_MAP_BASE	((uintptr_t)shim_ram)
#define VMEMMAP_BASE	((uintptr_t)shim_vmemmap)

static inline void *phys_to_virt(paddr_t pa)
{
	return shim_ram + pa;
}

static inline paddr_t virt_to_phys(const void *va)
{
	return (paddr_t)((const u8 *)va - shim_ram);
}

#endif
