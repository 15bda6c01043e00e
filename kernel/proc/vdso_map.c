/* SPDX-License-Identifier: MIT */
/*
 * Mapping the vDSO (kernel/vdso/) into new address spaces. exec calls it; fork inherits the
 * areas like any others.
 *
 * One object holds the page of kernel variables and behind it the image. Both are pages of the
 * kernel's own image, lent to the allocator for good. Each process has two areas on
 * it, [vvar] and [vdso], in the span of the page table that its stack needs anyway; nothing
 * is entered there until it is used.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/proc/lifecycle.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/memlayout.h"
#include "kernel/x86/pagetable.h"
#include "mm/object.h"
#include "mm/space.h"

extern char vdso_start[], vdso_end[];		/* linker.ld */

static struct vm_object *vdso_object;		/* [I] */

static u64 image_size(void)
{
	return (u64)(vdso_end - vdso_start);
}

/* Pages of the kernel's image become pages of the object, the first of them at index. */
static void lend_pages(u64 index, const void *start, u64 size)
{
	paddr_t pa = image_to_phys(start);

	page_adopt_range(pa, pa + size);
	for (u64 off = 0; off < size; off += PAGE_SIZE) {
		struct page *pg = phys_to_page(pa + off);

		page_get(pg);		/* ours: it is in use, whoever else lets go of it */
		if (vm_object_insert(vdso_object, index++, pg))
			panic("no memory for the vDSO");
	}
}

void vdso_init(void)
{
	BUILD_ASSERT(VVAR_SIZE == PAGE_SIZE);
	if (vm_object_create_anon(VVAR_SIZE + image_size(), &vdso_object))
		panic("no memory for the vDSO");
	lend_pages(0, &vvar, VVAR_SIZE);
	lend_pages(1, vdso_start, image_size());
}

u64 vdso_size(void)
{
	return VVAR_SIZE + image_size();
}

int vdso_map(struct vmspace *vm, vaddr_t *image)
{
	vaddr_t base = vm->vm_stack_top;
	vaddr_t room = min(round_up(base + 1, PT_SPAN), USER_TOP) - base;
	s64 at;

	KASSERT(base <= USER_TOP - vdso_size());
	if (room > vdso_size())
		base += elf_random_below(vm, room - vdso_size());
	at = vm_map(vm, base, VVAR_SIZE, VA_READ | VA_NOEXEC | VA_VDSO,
		    VM_FIXED | VM_NOREPLACE, vdso_object, 0);
	*image = base + VVAR_SIZE;
	if (at >= 0)
		/* A debugger may set breakpoints in its process's copy. */
		at = vm_map(vm, *image, image_size(),
			    VA_READ | VA_EXEC | VA_MAYWRITE | VA_VDSO,
			    VM_FIXED | VM_NOREPLACE, vdso_object, VVAR_SIZE);
	return at < 0 ? (int)at : 0;
}
