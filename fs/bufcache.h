/* SPDX-License-Identifier: MIT */
/*
 * Buffers: blocks of a device that hold a file system's metadata. A buffer's bytes lie in the
 * page cache of the device itself (bd_vnode), so that reading /dev/sda1 shows them.
 *
 *	buf_read/buf_get --> referenced --buf_dirty--> flusher or buf_write --> clean
 *
 * A file system with a journal does not use buf_dirty() at once: the journal holds the buffer
 * (buf_pin) and calls buf_dirty() when the transaction has been committed.
 *
 * Who changes the bytes of a buffer keeps others from it by locks of its own. A buffer that is
 * being written home may be changed: it is dirty again then. A pinned one is not being written.
 *
 * Legend: [a] atomic, [b] the bufcache's lock, [I] immutable.
 */
#ifndef FS_BUFCACHE_H
#define FS_BUFCACHE_H

#include <atomic.h>
#include <list.h>
#include <types.h>
#include "kernel/x86/clock.h"

struct blkdev;
struct page;

/* b_state bits, [b] */
#define BUF_DIRTY	0x02		/* to be written home by the flusher */
#define BUF_BUSY	0x04		/* being written; who set it waits for the disk and clears it */
#define BUF_PINNED	0x08		/* the journal's: not to be written home yet */
#define BUF_ERROR	0x10		/* the last write home failed */
#define BUF_USED	0x20		/* looked up since reclaim passed by */

struct buf {
	atomic_t b_ref;			/* [a] */
	u32 b_state;			/* [b] BUF_* */
	struct blkdev *b_blkdev;	/* [I] */
	u64 b_blockno;			/* [I] in units of b_size */
	u32 b_size;			/* [I] 1024, 2048 or 4096 */
	u8 *b_data;			/* [I] b_size bytes, in b_page */
	struct page *b_page;		/* [I] reference */
	void *b_journal;		/* the journal's; while not NULL the buffer stays */
	struct hlist_node b_hash;	/* [b] */
	struct list_head b_lru;		/* [b] all buffers, for reclaim */
	struct list_head b_dirty;	/* [b] of the device, oldest first */
	nsec_t b_dirtied;		/* [b] since when */
};

void buf_init(void);

/* The block, up to date, referenced. Sleeps. -EIO, -ENOMEM. */
int buf_read(struct blkdev *bd, u64 blockno, u32 size, struct buf **out);
/* The same without reading: the caller overwrites all of it (zeroed when it was not cached). */
int buf_get(struct blkdev *bd, u64 blockno, u32 size, struct buf **out);
/* Only if it is cached; NULL. */
struct buf *buf_find(struct blkdev *bd, u64 blockno, u32 size);
/* Start reading, do not wait. */
void buf_readahead(struct blkdev *bd, u64 blockno, u32 size, unsigned int n);
void buf_hold(struct buf *b);
void buf_put(struct buf *b);
/* The contents changed and may be written home from now on. Any context that may take spin
 * locks. */
void buf_dirty(struct buf *b);
/* The contents changed but must not be written home before buf_unpin(); the state nests with
 * BUF_DIRTY of earlier changes: a dirty buffer that is pinned stays where it is. Sleeps until a
 * write home that is under way is through. */
void buf_pin(struct buf *b);
void buf_unpin(struct buf *b);
/* Write now and wait; a pinned one stays where it is. -EIO. */
int buf_write(struct buf *b);
/* Start writing n buffers and wait for all; first error. */
int buf_write_many(struct buf **bufs, unsigned int n);
/* Forget the block: freed on disk; never written home. Cached pages of files are no business of
 * this. */
void buf_forget(struct blkdev *bd, u64 blockno, u32 size);
/* All dirty, unpinned buffers of the device: write and wait. First error. */
int buf_sync(struct blkdev *bd);
/* Those that have been dirty since before, for the flusher; NSEC_NEVER: all. */
int buf_flush(struct blkdev *bd, nsec_t before);
/* At unmount: drop all buffers of the device; none is referenced or dirty. */
void buf_invalidate(struct blkdev *bd);
/* Free up to n pages' worth of clean, unused buffers. Returns pages. */
unsigned long buf_shrink(unsigned long n);

#endif
