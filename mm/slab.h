/* SPDX-License-Identifier: MIT */
/*
 * Object caches with per-CPU magazines, and kmalloc on top.
 */
#ifndef MM_SLAB_H
#define MM_SLAB_H

#include <types.h>
#include "mm/page.h"		/* ALLOC_* */

struct slab_cache;

void slab_init(void);
/* name must live for ever; align 0: natural. Panics at boot when there is no memory. */
struct slab_cache *slab_create(const char *name, size_t size, size_t align);
/*
 * The same for kmalloc(): nothing but the objects in a slab, so that powers of two are aligned
 * to their size.
 */
struct slab_cache *slab_create_natural(const char *name, size_t size);
void kmalloc_init(void);
/* NULL when out of memory (or fault injection says so). */
void *slab_alloc(struct slab_cache *c, unsigned int flags);
void slab_free(struct slab_cache *c, void *obj);

/* Up to 4 MiB; 16-byte aligned; powers of two naturally. */
void *kmalloc(size_t size, unsigned int flags);
void *kzalloc(size_t size);			/* ALLOC_WAIT | ALLOC_ZERO */
void kfree(void *p);				/* NULL is fine */
void fpu_area_init(void);			/* the cache behind the FPU upcalls (fpuarea.c) */
u64 slab_pages(void);				/* pages that all slabs take */
void slab_shrink(void);				/* empty slabs back to the page allocator */
u64 slab_objects_in_use(void);			/* all caches, magazines not counted */

#endif
