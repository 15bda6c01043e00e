/* SPDX-License-Identifier: MIT */
/*
 * A vm_object is a sequence of pages that can be mapped and read: the page cache
 * of a file, or shared anonymous memory. Its pager brings pages in and takes
 * them out. Private anonymous memory has no object: its pages live in page
 * tables only.
 */
#ifndef MM_OBJECT_H
#define MM_OBJECT_H

#include <atomic.h>
#include <types.h>
#include "kernel/core/spinlock.h"
#include "kernel/core/waitq.h"
#include "kernel/lib/radix.h"
#include "mm/page.h"

struct vm_object;

/*
 * All may sleep; called with a reference on the object and no locks. NULL members:
 * memory-only object (zero fill, nothing to write, always writable).
 */
struct vm_pager {
	/* Fill pg (PG_BUSY, not yet up to date) with page index. 0 or -errno (-EIO). */
	int (*vp_fill)(struct vm_object *vo, struct page *pg, u64 index);
	/* Write a dirty page back. 0 or -errno. */
	int (*vp_write)(struct vm_object *vo, struct page *pg, u64 index);
	/*
	 * About to be written through a shared mapping or write(): reserve blocks. 0, -ENOSPC.
	 */
	int (*vp_make_writable)(struct vm_object *vo, u64 index);
	/* n pages have left the object, by truncation, as a hole, at the end. NULL: so be it. */
	void (*vp_dropped)(struct vm_object *vo, u64 n);
	/* Last reference is gone and all pages are freed. NULL: nothing to do. */
	void (*vp_release)(struct vm_object *vo);
	/* Device and inode number for /proc/PID/maps. NULL: 0. */
	void (*vp_ident)(struct vm_object *vo, u64 *dev, u64 *ino);
};

struct vm_object {
	refcount_t vo_ref;
	struct spinlock vo_lock;
	struct radix_tree vo_pages;	/* [vo_lock] index -> page, one reference each */
	u64 vo_npages;			/* [vo_lock] */
	u64 vo_size;			/* [vo_lock] bytes, read freely; past it: SIGBUS */
	const struct vm_pager *vo_pager;	/* [I] NULL: like one with all members NULL */
	void *vo_owner;			/* [I] vnode of a file, NULL */
	struct waitq vo_busyq;		/* waiters for PG_BUSY pages */
	atomic_t vo_mapped;		/* [a] number of areas that map it */
	struct list_head vo_areas;	/* [vo_lock] areas that map it (truncate finds the PTEs) */
};

/* For embedded objects: reference 1, size 0. */
void vm_object_init(struct vm_object *vo, const struct vm_pager *pager, void *owner);
int vm_object_create_anon(u64 size, struct vm_object **out);	/* -ENOMEM */
void vm_object_get(struct vm_object *vo);
void vm_object_put(struct vm_object *vo);

/* True when pages need not be announced before they are written through a mapping. */
static inline bool vm_object_memory_only(const struct vm_object *vo)
{
	return !vo->vo_pager ||
	       (!vo->vo_pager->vp_write && !vo->vo_pager->vp_make_writable);
}

void vm_object_slab_init(void);		/* with vm_init() */
/* Page index, up to date, with a reference: found, or made and filled. -ENOMEM, -EIO. */
int vm_object_getpage(struct vm_object *vo, u64 index, struct page **out);
/* Only if present and up to date; NULL otherwise. Referenced. Short. */
struct page *vm_object_lookup(struct vm_object *vo, u64 index);
/*
 * The same for n pages from first on, as far as bit i of want is set; out[i] is NULL where
 * there is none. Returns how many.
 */
unsigned int vm_object_lookup_range(struct vm_object *vo, u64 first,
				    unsigned int n, u64 want, struct page **out);
/*
 * Put a page in (adopting boot-module pages); takes over the caller's reference. -EEXIST,
 * -ENOMEM.
 */
int vm_object_insert(struct vm_object *vo, u64 index, struct page *pg);
/* Set the size; on shrinking unmap and free pages past the end, zero the tail of the last. */
void vm_object_truncate(struct vm_object *vo, u64 size);
/*
 * Drop pages [first, last], dirty or not; they are made anew when they are next asked for, and
 * read as zeros if that is what vp_fill makes. -EOPNOTSUPP: the pager has vp_fill and no
 * vp_dropped, so its pages are not the only copy.
 */
int vm_object_punch(struct vm_object *vo, u64 first, u64 last);
/* Write dirty pages [first, last] back through the pager. First error. */
int vm_object_writeback(struct vm_object *vo, u64 first, u64 last);
void vm_object_mark_dirty(struct vm_object *vo, struct page *pg);

#endif
