/* SPDX-License-Identifier: MIT */
/*
 * Memory for the FPU state of threads that are switched out: upcalls of
 * kernel/x86/fpu.c, which knows the size but stands below the allocator.
 */
#include <kernel/upcalls.h>
#include "kernel/x86/fpu.h"
#include "mm/slab.h"

#define XSAVE_ALIGN	64		/* SDM vol. 1, 13.4 */

static struct slab_cache *area_cache;	/* [I] */

void *fpu_area_alloc(void)
{
	return slab_alloc(area_cache, ALLOC_WAIT);
}

void fpu_area_free(void *area)
{
	slab_free(area_cache, area);
}

void fpu_area_init(void)
{
	area_cache = slab_create("fpu", fpu_area_size, XSAVE_ALIGN);
}
