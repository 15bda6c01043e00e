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

/* ---- objwrite.c ---- */

/* A page on vo_dirty or vo_writing, not busy, is to be neither. */
void vm_object_clean_locked(struct vm_object *vo, struct page *pg);
/* A page that was being written is not any more; it may have become dirty meanwhile. */
void vm_object_written_locked(struct vm_object *vo, struct page *pg);

#endif
