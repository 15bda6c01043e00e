/* SPDX-License-Identifier: MIT */
/*
 * Swap: pages on a disk. A slot is a page's place in a swap area; its count says how many
 * page-table entries and objects stand for it. The swap cache has the pages that are in memory
 * and in a slot, too: on their way out, brought in ahead, or in memory for one sharer since fork
 * and in the slot for another.
 *
 * A swap address, u64 swp, is the number of the area and of the slot; never 0, since slot 0
 * of an area is its header. fs/sys_swap.c finds the device and moves the data.
 */
#ifndef MM_SWAP_H
#define MM_SWAP_H

#include <kassert.h>
#include <types.h>
#include "kernel/x86/pagetable.h"

#define SWAP_AREAS	8
#define SWAP_CLUSTER	32		/* pages written by one request */
#define SWAP_SLOTS_MAX	(1u << 24)	/* 64 GiB an area */
#define SWAP_SLOT_BITS	40

struct page;
struct statbuf;

/* May sleep; allocates nothing but from the reserve. */
struct swap_ops {
	/* Read or write n pages at slots first, first + 1 ... and wait. 0 or -errno. */
	int (*so_rw)(void *owner, bool write, u64 first, struct page *const *pages,
		     unsigned int n);
	/* The name for /proc/swaps, at most size bytes with the NUL, and "partition" or "file". */
	const char *(*so_describe)(void *owner, char *buf, size_t size);
	/* The area is closed, owner is not used any more. */
	void (*so_close)(void *owner);
};

static inline pte_t swap_entry(u64 swp)
{
	return PTE_SWAP | (swp >> SWAP_SLOT_BITS) << 1 |
	       (swp & ((1ul << SWAP_SLOT_BITS) - 1)) << PAGE_SHIFT;
}

static inline u64 swap_address(pte_t e)
{
	KASSERT(e & PTE_SWAP);
	return (e >> 1 & 0x1f) << SWAP_SLOT_BITS | pte_paddr(e) >> PAGE_SHIFT;
}

static inline unsigned int swap_area_of(u64 swp)
{
	return (unsigned int)(swp >> SWAP_SLOT_BITS);
}

void swap_init(void);
/*
 * Open an area of slots 1 .. nslots - 1, of which bad[] are not to be used. prio -1: below all
 * that are open. 0, -ENOMEM, -EPERM (all SWAP_AREAS in use), -EINVAL (bad).
 */
int swap_open(const struct swap_ops *ops, void *owner, u64 nslots, int prio,
	      const u32 *bad, unsigned int nbad);
/* Bring everything back and close. -EINVAL: no such area, -ENOMEM: it stays, -EINTR. */
int swap_close(const void *owner);
bool swap_is_open(const void *owner);

/* Is there a slot to be had? */
bool swap_available(void);
u64 swap_total_pages(void);
u64 swap_free_pages(void);
u64 swap_cached_pages(void);

/* ---- slots ---- */

/* Up to n slots in a row, each with count 1: how many; *first. */
unsigned int swap_alloc(unsigned int n, u64 *first);
/* One more, one fewer stands for it. Spin locks below RANK_SWAP may be held. */
void swap_dup(u64 swp);
void swap_drop(u64 swp);
/* Slots [swp, swp + n) are dropped. */
void swap_drop_range(u64 swp, unsigned int n);

/* ---- the cache ---- */

/*
 * pg goes out: a reference of the caller's becomes the cache's, pg is busy until swap_write()
 * is through: 1. 0: pg is in the cache already, and *swp its slot, with one more in its count;
 * the reference stays the caller's. -ENOSPC: it is not, and *swp is 0.
 */
int swap_cache_add(struct page *pg, u64 *swp);
/*
 * Write out pages that were just added, at slots first and following. Those that nobody maps
 * any more are freed; returns how many.
 */
unsigned int swap_write(u64 first, struct page *const *pages, unsigned int n);
/*
 * An entry for swp becomes one for its page: the page, with a reference, if it is in the cache
 * and not busy, and the count goes down. *alone: nobody else has or will have it, nor the cache;
 * that keeps a page that is not to be written, so that it need not be written out again. NULL:
 * swap_bring_in() first.
 */
struct page *swap_take(u64 swp, bool write, bool *alone);
/*
 * pg is about to be written by its last owner: the cache lets go of it. False: it has others, or
 * entries stand for its slot. The caller has a reference.
 */
bool swap_forget(struct page *pg);
/* page_put() for a page that an entry has lost, and that is in the cache maybe. */
void swap_page_put(struct page *pg);
/* The same, and the entry stands for its slot now. True: that was the last use of the page. */
bool swap_page_out(struct page *pg);
/* Pages that are kept for the sake of their slots leave the cache. */
void swap_drop_kept(void);
/* See to it that swp is in the cache, and read ahead. 0 also if nothing stands for swp now. */
int swap_bring_in(u64 swp);
/* Is its page in memory? */
bool swap_in_cache(u64 swp);
/* Free up to n pages of the cache that nobody maps; returns how many. */
unsigned int swap_cache_shrink(unsigned int n);
/* Past the cache, for objects: move n pages of slots first ... 0, -EIO. */
int swap_rw(bool write, u64 first, struct page *const *pages, unsigned int n);

void swap_report(struct statbuf *sb);	/* /proc/swaps */

#endif
