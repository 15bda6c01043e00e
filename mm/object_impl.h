/* SPDX-License-Identifier: MIT */
/*
 * Inside of the object code: object.c, objwrite.c, readahead.c. vo_lock is held by the caller
 * unless said otherwise.
 */
#ifndef MM_OBJECT_IMPL_H
#define MM_OBJECT_IMPL_H

#include "mm/object.h"

/* ---- object.c ---- */

/*
 * Enter pg, with flags besides PG_CACHE; the caller's reference becomes the object's. -EEXIST,
 * -ENOMEM.
 */
int vm_object_enter(struct vm_object *vo, u64 index, struct page *pg, u16 flags);
/* Wait until a radix node can be had. -ENOMEM. No locks. */
int vm_object_wait_node(void);
/*
 * Sleep until pg is not busy. vo_lock is dropped meanwhile: the page may be out of the object,
 * and freed, afterwards.
 */
void vm_page_wait(struct vm_object *vo, struct page *pg);

/* ---- objswap.c ---- */

extern const struct radix_ops vm_object_tree_ops;	/* object.c */

/* The swap address of page index, 0: it is not in swap. */
static inline u64 vm_object_swapped(const struct vm_object *vo, u64 index)
{
	return radix_empty(&vo->vo_swap) ? 0 : (u64)radix_lookup(&vo->vo_swap, index);
}
/*
 * Read a busy page of the object from swap, free its slot, which the caller has counted once more,
 * and answer the page: -EIO, or -EEXIST, it must be made anew. No lock held.
 */
void vm_object_swap_in(struct vm_object *vo, struct page *pg, u64 swp);
/* Pages first to last are not needed any more: how many of them were in swap. No lock held. */
u64 vm_object_drop_swapped(struct vm_object *vo, u64 first, u64 last);

/* ---- objwrite.c ---- */

/*
 * The object was old bytes long, and is longer now: the page with its old end was announced as
 * far as that only. No lock held.
 */
void vm_object_grown(struct vm_object *vo, u64 old);
/* A page on vo_dirty or vo_writing, not busy, is to be neither. */
void vm_object_clean_locked(struct vm_object *vo, struct page *pg);
/*
 * A page that was being written is not any more. It is dirty if it has become so meanwhile, or if
 * there was no memory to write it.
 */
void vm_object_written_locked(struct vm_object *vo, struct page *pg, bool nomem);

#endif
