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
#include "mm/scanlist.h"

struct vm_object;

/*
 * All may sleep; called with a reference on the object and no locks. NULL members:
 * memory-only object (zero fill, nothing to write, always writable).
 *
 * Pages are read and written by starting: the pager gets n PG_BUSY pages, index and following,
 * and answers each by vm_page_answer(), before it returns or later, from an interrupt even.
 */
struct vm_pager {
	/*
	 * Start filling pages that are not up to date. The answer: 0 or -errno (-EIO). ahead: who
	 * needs one of them will ask for it alone if this fails.
	 */
	void (*vp_read)(struct vm_object *vo, struct page **pages, u64 index, unsigned int n,
			bool ahead);
	/*
	 * Start writing dirty pages; the object is backed by something slower than memory. The
	 * answer -ENOMEM leaves a page dirty.
	 */
	void (*vp_write)(struct vm_object *vo, struct page **pages, u64 index, unsigned int n);
	/*
	 * Bytes [from, to) of one page are about to be written through a shared mapping or write():
	 * reserve blocks. 0, -ENOSPC.
	 */
	int (*vp_make_writable)(struct vm_object *vo, u64 from, u64 to);
	/* The object had no dirty page and has one now. NULL: so be it. */
	void (*vp_dirtied)(struct vm_object *vo);
	/* n pages have left the object, by truncation, as a hole, at the end. NULL: so be it. */
	void (*vp_dropped)(struct vm_object *vo, u64 n);
	/*
	 * msync(2): pages [first, last] and what it takes to find them are on the medium. 0 or
	 * -EIO, also for an earlier write that failed. NULL: nothing to do.
	 */
	int (*vp_sync)(struct vm_object *vo, u64 first, u64 last);
	/* Last reference is gone, the pages are still there. NULL: let them go. */
	void (*vp_last)(struct vm_object *vo);
	/* Last reference is gone and all pages are freed. NULL: nothing to do. */
	void (*vp_release)(struct vm_object *vo);
	/* Device and inode number for /proc/PID/maps. NULL: 0. */
	void (*vp_ident)(struct vm_object *vo, u64 *dev, u64 *ino);
};

/* Read-ahead of one reader; readahead.c. Races between readers only make it guess wrong. */
struct vm_ra {
	u64 ra_next;			/* page after the last one read */
	u64 ra_end;			/* page after the last one asked for ahead */
	u64 ra_trigger;			/* reading this one asks for more */
	u32 ra_size;			/* last window, pages; 0: none */
	u32 ra_max;			/* pages; 0: random access, none */
};
#define VM_RA_DEFAULT	64		/* 256 KiB */

struct vm_object {
	refcount_t vo_ref;
	struct spinlock vo_lock;
	struct radix_tree vo_pages;	/* [vo_lock] index -> page, one reference each */
	u64 vo_npages;			/* [vo_lock] */
	u64 vo_size;			/* [vo_lock] bytes, read freely; past it: SIGBUS */
	bool vo_sealed;			/* [vo_lock] shared areas are read-only */
	bool vo_frozen;			/* [vo_lock] no write is announced */
	u32 vo_announcing;		/* [vo_lock] writes announced, and their pages not yet dirty */
	const struct vm_pager *vo_pager;	/* [I] NULL: like one with all members NULL */
	void *vo_owner;			/* [I] vnode of a file, NULL */
	struct list_head vo_dirty;	/* [vo_lock] PG_DIRTY pages, oldest first; with vp_write only */
	struct list_head vo_writing;	/* [vo_lock] being written: PG_BUSY, up to date */
	u64 vo_ndirty;			/* [vo_lock] on vo_dirty */
	u32 vo_wberr;			/* [a] errseq: failed writes */
	u32 vo_mapwberr;		/* [a] errseq: what msync(2) has told of these */
	u32 vo_nomem;			/* [vo_lock] counts writes that found no memory */
	struct vm_ra vo_ra;		/* of faults in its mappings */
	atomic_t vo_mapped;		/* [a] number of areas that map it */
	struct radix_tree vo_swap;	/* [vo_lock] index -> swap address of a page that is out */
	struct scan_item vo_scan;	/* reclaim.h: in vm_object_scan, once it has had a page */
	u64 vo_scan_at;			/* [vo_lock] hand of the reclaim clock: page index */
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
/* Neither in memory nor in swap: reads as zeros if there is no disk behind the object. */
bool vm_object_hole(struct vm_object *vo, u64 index);
/* The first index at or above index that is no hole, or end. vo_lock held. */
u64 vm_object_next_locked(struct vm_object *vo, u64 index, u64 end);
/* The first index at or above *index that is in swap, and where; 0: none. */
u64 vm_object_next_swapped(struct vm_object *vo, u64 *index);
/* Pages of all objects, or of files that have them elsewhere, too. */
u64 vm_object_cached_pages(bool files);
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
/*
 * For a page that is written as a whole: enter pg, its contents final, as page index, busy.
 * vm_object_end_new() must follow: 0 makes it an ordinary page, an error takes it out. The caller
 * keeps a reference of its own. -EEXIST, -ENOMEM.
 */
int vm_object_begin_new(struct vm_object *vo, u64 index, struct page *pg);
void vm_object_end_new(struct vm_object *vo, struct page *pg, int err);
/* Set the size; on shrinking unmap and free pages past the end, zero the tail of the last. */
void vm_object_truncate(struct vm_object *vo, u64 size);
/*
 * Drop pages [first, last], dirty or not; they are made anew when they are next asked for, and
 * read as zeros if that is what vp_read makes. -EOPNOTSUPP: the pager has vp_read and no
 * vp_dropped, so its pages are not the only copy.
 */
int vm_object_punch(struct vm_object *vo, u64 first, u64 last);
/*
 * From now on no mapping that shares vo can be written to. False, and nothing is changed: there
 * is one already.
 */
bool vm_object_seal(struct vm_object *vo);
/* Does a shared mapping exist through which it may be changed? */
bool vm_object_writers(struct vm_object *vo);
void vm_object_mark_dirty(struct vm_object *vo, struct page *pg);
/*
 * A file system gives blocks back: between these two calls no page is made writable by a mapping.
 * Who does so now is waited for; no handle of a journal is held. One at a time.
 */
void vm_object_freeze(struct vm_object *vo);
void vm_object_thaw(struct vm_object *vo);
/*
 * A mapping makes a page writable: from when it is brought in until it is mapped and dirty, nobody
 * takes it out, or its blocks away. Waits while the object is frozen. Who has announced must not
 * wait for v_lock: who freezes holds it.
 */
void vm_object_begin_announce(struct vm_object *vo);
void vm_object_end_announce(struct vm_object *vo);

/*
 * Have pages [first, last] out of the object, so that they are read anew. False: one is dirty,
 * mapped, or held by somebody.
 */
bool vm_object_uncache(struct vm_object *vo, u64 first, u64 last);
/*
 * What lies below has changed: clean pages [first, last] leave the object and its mappings, whoever
 * holds them, and those being read are waited for. Dirty ones are newer, and stay. Sleeps.
 */
void vm_object_invalidate(struct vm_object *vo, u64 first, u64 last);
/* Let go of pages [first, end) that are clean, not busy and used by nobody; how many. */
u64 vm_object_drop_clean(struct vm_object *vo, u64 first, u64 end);

/* ---- reading ahead (readahead.c) ---- */

/* Start reading what is missing of pages [first, first + n), do not wait. */
void vm_object_start_read(struct vm_object *vo, u64 first, u64 n);
/* Page index is about to be read, and want pages in all from there; present: it is in memory. */
void vm_readahead(struct vm_object *vo, struct vm_ra *ra, u64 index, u64 want, bool present);
/* A mapping has faulted on page index, which may not be in memory. */
void vm_readaround(struct vm_object *vo, u64 index);

/* ---- writing back (objwrite.c) ---- */

/*
 * Start writing up to max dirty pages of [first, last] back; how many. What is being written and
 * dirty again is left out.
 */
u64 vm_object_start_write(struct vm_object *vo, u64 first, u64 last, u64 max);
/* Wait for what is being written of [first, last] now. */
void vm_object_wait_write(struct vm_object *vo, u64 first, u64 last);
/*
 * Write all pages back that are dirty now, and wait, for memory, too. Errors are noted in
 * vo_wberr, for errseq_check() of each file. -ENOMEM, noted as well: some are dirty still.
 */
int vm_object_writeback(struct vm_object *vo, u64 first, u64 last);
/* Pages of all backed objects that are dirty; being written. */
u64 vm_dirty_pages(void);
u64 vm_writing_pages(void);

/* ---- for pagers: answers to vp_read and vp_write ---- */

#define PGIO_OK		0xff		/* pg_io; 0: no answer yet; else an errno */

/*
 * The I/O of a busy page is through, any context. Nothing of pg and its object may be touched
 * afterwards; call vm_object_wake() with the object's address when some pages are answered.
 */
static inline void vm_page_answer(struct page *pg, int err)
{
	__atomic_store_n(&pg->pg_io, err ? (u8)-err : PGIO_OK, __ATOMIC_RELEASE);
}
void vm_object_wake(const struct vm_object *vo);

/* ---- for reclaim: pages in an object; vo_lock held ---- */

/*
 * Is pg busy still? If its I/O has been answered, that is put into effect: a page that could not
 * be read leaves the object, and is freed unless the caller has a reference.
 */
bool vm_page_busy(struct vm_object *vo, struct page *pg);
/* Take a page that is not busy out; the object's reference becomes the caller's. */
void vm_object_remove(struct vm_object *vo, struct page *pg);

#endif
