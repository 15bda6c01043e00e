/* SPDX-License-Identifier: MIT */
/*
 * kmalloc(): memory of any size up to the largest block. Small requests are rounded
 * up to a size class, each a slab cache of its own; larger ones take whole pages.
 *
 * kfree() learns from the struct page which of the two it was.
 */
#include <bits.h>
#include <kassert.h>
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define SMALL_STEP	16
#define SMALL_MAX	192		/* up to here a table by 16 bytes picks the class */
#define CLASS_MAX	4096ul

static const struct {
	const char *name;
	u32 size;
} classes[] = {
	{ "kmalloc-16", 16 }, { "kmalloc-32", 32 }, { "kmalloc-64", 64 },
	{ "kmalloc-96", 96 }, { "kmalloc-128", 128 }, { "kmalloc-192", 192 },
	{ "kmalloc-256", 256 }, { "kmalloc-512", 512 },
	{ "kmalloc-1k", 1024 }, { "kmalloc-2k", 2048 }, { "kmalloc-4k", 4096 },
};

static struct slab_cache *by_step[SMALL_MAX / SMALL_STEP + 1];	/* [I] */
static struct slab_cache *by_log[13];		/* [I] powers of two above SMALL_MAX */

void kmalloc_init(void)
{
	size_t step = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(classes); i++) {
		u32 size = classes[i].size;
		struct slab_cache *c = slab_create_natural(classes[i].name, size);

		if (size > SMALL_MAX)
			by_log[log2_floor(size)] = c;
		for (; step * SMALL_STEP <= size && step < ARRAY_SIZE(by_step); step++)
			by_step[step] = c;
	}
}

static void *kmalloc_pages(size_t size, unsigned int flags)
{
	unsigned int order = log2_ceil(DIV_ROUND_UP(size, PAGE_SIZE));
	struct page *pg;

	if (order > PAGE_MAX_ORDER)
		return NULL;
	pg = page_alloc(order, flags);
	if (!pg)
		return NULL;
	pg->pg_flags = PG_KMALLOC;
	return page_to_virt(pg);
}

void *kmalloc(size_t size, unsigned int flags)
{
	if (size <= SMALL_MAX)
		return slab_alloc(by_step[DIV_ROUND_UP(size, SMALL_STEP)], flags);
	if (size <= CLASS_MAX)
		return slab_alloc(by_log[log2_ceil(size)], flags);
	return kmalloc_pages(size, flags);
}

void *kzalloc(size_t size)
{
	return kmalloc(size, ALLOC_WAIT | ALLOC_ZERO);
}

void kfree(void *p)
{
	struct page *pg;

	if (!p)
		return;
	pg = virt_to_page(p);
	if (likely(pg->pg_flags == PG_SLAB)) {
		slab_free(pg->pg_cache, p);
		return;
	}
	KASSERT_MSG(pg->pg_flags == PG_KMALLOC && IS_ALIGNED((uintptr_t)p, PAGE_SIZE),
		    "kfree(%p): page flags %x", p, pg->pg_flags);
	pg->pg_flags = 0;
	page_free(pg, pg->pg_order);
}
