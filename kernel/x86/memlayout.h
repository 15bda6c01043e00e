/* SPDX-License-Identifier: MIT */
/*
 * The virtual address space (48 bits), the same picture as Linux's:
 *
 *	0000000000000000 .. 00007fffffffefff	user
 *	ffff888000000000 .. ffffc87fffffffff	direct map of all physical memory
 *	ffffc90000000000 .. ffffe8ffffffffff	vmalloc: kernel stacks, MMIO
 *	ffffea0000000000 .. ffffeaffffffffff	struct page of every frame
 *	ffffffff80000000 .. ffffffffffffffff	kernel image (loaded at 1 MiB)
 *
 * The four kernel regions each begin in a PML4 slot that exists from boot on,
 * so a new address space copies PML4 entries and never has to be updated.
 */
#ifndef KERNEL_X86_MEMLAYOUT_H
#define KERNEL_X86_MEMLAYOUT_H

#define PAGE_SHIFT		12
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define KSTACK_SIZE		0x4000		/* 16 KiB and a guard page */

#ifdef __ASSEMBLER__
#define PAGE_SIZE		0x1000
#define KERNEL_BASE		0xffffffff80000000
#define DIRECT_MAP_BASE		0xffff888000000000
#else
#include <types.h>

#define PAGE_SIZE		0x1000UL
#define USER_TOP		0x00007ffffffff000UL	/* first address past user space */
#define DIRECT_MAP_BASE		0xffff888000000000UL
#define VMALLOC_BASE		0xffffc90000000000UL
#define VMALLOC_END		0xffffc98000000000UL	/* one PML4 slot: 512 GiB */
#define VMEMMAP_BASE		0xffffea0000000000UL
#define KERNEL_BASE		0xffffffff80000000UL

/* Direct map: valid for every frame of RAM and for firmware tables in RAM. */
static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(pa + DIRECT_MAP_BASE);
}

/* Inverse of phys_to_virt(); only for direct-map addresses. */
static inline paddr_t virt_to_phys(const void *va)
{
	return (paddr_t)va - DIRECT_MAP_BASE;
}

/* Physical address of something in the kernel image. */
static inline paddr_t image_to_phys(const void *va)
{
	return (paddr_t)va - KERNEL_BASE;
}
#endif /* __ASSEMBLER__ */

#endif
