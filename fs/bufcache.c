/* SPDX-License-Identifier: MIT */
/*
 * Blocks of a device, by number, for file systems' metadata. The bytes are those of the device's
 * own page cache; a buffer adds what a page cannot say of its parts: dirty, pinned by a journal.
 *
 * Reading goes through the page cache, a page at a time. Writing goes from here to the disk
 * buffer by buffer; neighbours are merged by the plug. The thread that makes a buffer BUSY waits
 * for the disk and clears it: nothing here runs in interrupts, but for the counting of bios.
 *
 * Buffers of different sizes may lie on the same bytes, while a file system finds out its block
 * size: they share them.
 *
 * Invariants: 1. a buffer is in the hash and on the list of all unless GONE; 2. it is on its
 * device's dirty list just when BUF_DIRTY is set, in the order of b_dirtied; 3. a reference comes
 * from zero only under buf_lock.
 *
 * Locks: buf_lock (spin). Nobody waits for a BUSY buffer while he has made others BUSY.
 */
#include <atomic.h>
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/bufcache.h"
#include "fs/vnode.h"
#include "kernel/core/statreg.h"
#include "kernel/core/thread.h"
#include "kernel/lib/errseq.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
#include "mm/object.h"
#include "mm/slab.h"

#define HASH_BITS	12
#define BATCH		32u		/* buffers written in one go */
#define GONE		(1 << 30)	/* in b_ref: forgotten, the last reference frees it */

static struct spinlock buf_lock = SPINLOCK_INIT("bufcache", RANK_BUFCACHE);
static struct hlist_head buf_hash[1 << HASH_BITS];	/* [buf_lock] */
static LIST_HEAD(buf_all);				/* [buf_lock] oldest first */
static u64 buf_count;					/* [buf_lock] */
static struct waitq buf_busyq = WAITQ_INIT(buf_busyq);	/* [buf_lock] */
static struct slab_cache *buf_slab;

static struct hlist_head *chain(const struct blkdev *bd, u64 blockno)
{
	return &buf_hash[hash_u64(blockno ^ (uintptr_t)bd, HASH_BITS)];
}

/* ---- finding and making ---- */

static struct buf *find_locked(const struct blkdev *bd, u64 blockno, u32 size)
{
	struct buf *b;

	KASSERT(lock_held(&buf_lock));
	hlist_for_each_entry(b, chain(bd, blockno), b_hash) {
		if (b->b_blockno == blockno && b->b_blkdev == bd && b->b_size == size)
			return b;
	}
	return NULL;
}

struct buf *buf_find(struct blkdev *bd, u64 blockno, u32 size)
{
	struct buf *b;

	spin_lock(&buf_lock);
	b = find_locked(bd, blockno, size);
	if (b) {
		atomic_inc(&b->b_ref);
		b->b_state |= BUF_USED;
	}
	spin_unlock(&buf_lock);
	return b;
}

/* Enter a buffer for block blockno, which lies in pg, unless somebody has; takes pg over. */
static int buf_make(struct blkdev *bd, u64 blockno, u32 size, struct page *pg, struct buf **out)
{
	struct buf *b = slab_alloc(buf_slab, ALLOC_WAIT), *there;

	if (!b) {
		page_put(pg);
		return -ENOMEM;
	}
	*b = (struct buf){
		.b_state = BUF_USED, .b_blkdev = bd, .b_blockno = blockno, .b_size = size,
		.b_data = (u8 *)page_to_virt(pg) + (blockno * size) % PAGE_SIZE, .b_page = pg,
	};
	atomic_set(&b->b_ref, 1);
	list_init(&b->b_dirty);
	spin_lock(&buf_lock);
	there = find_locked(bd, blockno, size);
	if (there) {
		atomic_inc(&there->b_ref);
	} else {
		hlist_add(&b->b_hash, chain(bd, blockno));
		list_add_tail(&b->b_lru, &buf_all);
		buf_count++;
	}
	spin_unlock(&buf_lock);
	if (there) {
		page_put(pg);
		slab_free(buf_slab, b);
	}
	*out = there ? there : b;
	return 0;
}

static bool outside(const struct blkdev *bd, u64 blockno, u32 size)
{
	KASSERT(size >= SECTOR_SIZE && size <= PAGE_SIZE && !(size & (size - 1)));
	return blockno >= (bd->bd_sectors << SECTOR_SHIFT) / size;
}

int buf_read(struct blkdev *bd, u64 blockno, u32 size, struct buf **out)
{
	struct page *pg;
	int err;

	*out = buf_find(bd, blockno, size);
	if (*out)
		return 0;
	if (outside(bd, blockno, size))
		return -EIO;
	err = vm_object_getpage(&bd->bd_vnode->v_object, blockno * size >> PAGE_SHIFT, &pg);
	return err ? err : buf_make(bd, blockno, size, pg, out);
}

int buf_get(struct blkdev *bd, u64 blockno, u32 size, struct buf **out)
{
	struct vm_object *vo = &bd->bd_vnode->v_object;
	u64 index = blockno * size >> PAGE_SHIFT;
	struct page *pg;
	int err;

	/* Parts of a page need the rest of it. */
	if (size < PAGE_SIZE)
		return buf_read(bd, blockno, size, out);
	*out = buf_find(bd, blockno, size);
	if (*out)
		return 0;
	if (outside(bd, blockno, size))
		return -EIO;
	pg = vm_object_lookup(vo, index);
	if (!pg) {
		pg = page_alloc(0, ALLOC_WAIT | ALLOC_ZERO);
		if (!pg)
			return -ENOMEM;
		page_get(pg);
		err = vm_object_insert(vo, index, pg);
		if (err) {
			page_put(pg);
			page_put(pg);
			/* -EEXIST: it is being read in; then wait for that. */
			return err == -EEXIST ? buf_read(bd, blockno, size, out) : err;
		}
	}
	return buf_make(bd, blockno, size, pg, out);
}

void buf_readahead(struct blkdev *bd, u64 blockno, u32 size, unsigned int n)
{
	u64 from = blockno * size >> PAGE_SHIFT;

	if (n)
		vm_object_start_read(&bd->bd_vnode->v_object, from,
				     (((blockno + n) * size - 1) >> PAGE_SHIFT) - from + 1);
}

void buf_hold(struct buf *b)
{
	int old = atomic_fetch_add(&b->b_ref, 1);

	KASSERT(old > 0);
}

/* A buffer that nobody can find or refers to any more. */
static void buf_free(struct buf *b)
{
	KASSERT((atomic_read(&b->b_ref) & ~GONE) == 0 && !(b->b_state & (BUF_DIRTY | BUF_BUSY)));
	page_put(b->b_page);
	slab_free(buf_slab, b);
}

void buf_put(struct buf *b)
{
	s32 left = atomic_dec_return(&b->b_ref);

	/* Not to be touched any more, unless it was forgotten and we are the last. */
	KASSERT(left >= 0);
	if (left == GONE)
		buf_free(b);
}

/* ---- states ---- */

static void clear_dirty(struct buf *b)
{
	KASSERT(lock_held(&buf_lock));
	b->b_state &= ~BUF_DIRTY;
	list_del(&b->b_dirty);
}

void buf_dirty(struct buf *b)
{
	spin_lock(&buf_lock);
	KASSERT(atomic_read(&b->b_ref) > 0 || b->b_journal);
	if (!(b->b_state & BUF_DIRTY) && !(atomic_read(&b->b_ref) & GONE)) {
		b->b_state |= BUF_DIRTY;
		b->b_dirtied = clock_monotonic();
		list_add_tail(&b->b_dirty, &b->b_blkdev->bd_bufs);
	}
	spin_unlock(&buf_lock);
}

void buf_pin(struct buf *b)
{
	spin_lock(&buf_lock);
	b->b_state |= BUF_PINNED;
	while (b->b_state & BUF_BUSY)
		waitq_sleep_uninterruptible(&buf_busyq, &buf_lock);
	spin_unlock(&buf_lock);
}

void buf_unpin(struct buf *b)
{
	spin_lock(&buf_lock);
	b->b_state &= ~BUF_PINNED;
	spin_unlock(&buf_lock);
}

/* Out of hash and list; the lock is held. */
static void unlink_locked(struct buf *b)
{
	hlist_del(&b->b_hash);
	list_del(&b->b_lru);
	buf_count--;
}

void buf_forget(struct blkdev *bd, u64 blockno, u32 size)
{
	struct buf *b;
	bool unused = false;

	spin_lock(&buf_lock);
	while ((b = find_locked(bd, blockno, size)) && b->b_state & BUF_BUSY)
		waitq_sleep_uninterruptible(&buf_busyq, &buf_lock);
	if (b) {
		if (b->b_state & BUF_DIRTY)
			clear_dirty(b);
		unlink_locked(b);
		unused = atomic_fetch_add(&b->b_ref, GONE) == 0;
	}
	spin_unlock(&buf_lock);
	if (unused)
		buf_free(b);
}

/* ---- writing ---- */

struct buf_write;

struct buf_io {
	struct bio bi_bio;
	struct bio_seg bi_seg;
	struct buf *bi_buf;
};

/* Buffers that are being written together, BUSY and referenced. */
struct buf_write {
	atomic_t bw_left;		/* bios under way, and one for who starts them */
	struct completion bw_done;
	unsigned int bw_n, bw_max;
	struct buf_io *bw_io;
	struct buf_io bw_one;		/* when there is no memory for more */
};

static void write_begin(struct buf_write *bw, unsigned int n)
{
	bw->bw_io = n > 1 ? kmalloc(min(n, BATCH) * sizeof(*bw->bw_io), ALLOC_NOWAIT) : NULL;
	bw->bw_max = bw->bw_io ? min(n, BATCH) : 1;
	if (!bw->bw_io)
		bw->bw_io = &bw->bw_one;
	bw->bw_n = 0;
}

static void write_done(struct bio *bio)
{
	struct buf_write *bw = bio->b_private;

	if (atomic_dec_and_test(&bw->bw_left))
		complete(&bw->bw_done);
}

/* Write the collected buffers and wait. First error. */
static int write_go(struct buf_write *bw)
{
	int err = 0;

	if (!bw->bw_n)
		return 0;
	atomic_set(&bw->bw_left, (s32)bw->bw_n);
	completion_init(&bw->bw_done);
	blk_plug();
	for (unsigned int i = 0; i < bw->bw_n; i++)
		blk_submit(&bw->bw_io[i].bi_bio);
	blk_unplug();
	(void)completion_wait(&bw->bw_done, false);
	spin_lock(&buf_lock);
	for (unsigned int i = 0; i < bw->bw_n; i++) {
		struct buf *b = bw->bw_io[i].bi_buf;
		int e = bw->bw_io[i].bi_bio.b_error;

		b->b_state = (b->b_state & ~(BUF_BUSY | BUF_ERROR)) | (e ? BUF_ERROR : 0);
		b->b_blkdev->bd_bufs_busy--;
		err = err ? err : e;
		if (e)
			errseq_set(&b->b_blkdev->bd_wberr, e);
	}
	waitq_wake_all(&buf_busyq, 0);
	spin_unlock(&buf_lock);
	for (unsigned int i = 0; i < bw->bw_n; i++)
		buf_put(bw->bw_io[i].bi_buf);
	bw->bw_n = 0;
	return err;
}

static void write_end(struct buf_write *bw)
{
	if (bw->bw_io != &bw->bw_one)
		kfree(bw->bw_io);
}

/* A buffer that is not busy joins the write. The lock is held. */
static void write_add_locked(struct buf_write *bw, struct buf *b)
{
	struct buf_io *io = &bw->bw_io[bw->bw_n++];

	KASSERT(lock_held(&buf_lock) && !(b->b_state & BUF_BUSY) && bw->bw_n <= bw->bw_max);
	atomic_inc(&b->b_ref);
	b->b_state |= BUF_BUSY;
	b->b_blkdev->bd_bufs_busy++;
	if (b->b_state & BUF_DIRTY)
		clear_dirty(b);
	io->bi_buf = b;
	io->bi_seg = (struct bio_seg){
		b->b_page, (u32)(b->b_data - (u8 *)page_to_virt(b->b_page)), b->b_size,
	};
	io->bi_bio = (struct bio){
		.b_dev = b->b_blkdev, .b_op = BIO_WRITE, .b_flags = BIO_SYNC, .b_nsegs = 1,
		.b_sector = b->b_blockno * (b->b_size >> SECTOR_SHIFT), .b_bytes = b->b_size,
		.b_segs = &io->bi_seg, .b_done = write_done, .b_private = bw,
	};
}

int buf_write_many(struct buf **bufs, unsigned int n)
{
	struct buf_write bw;
	int err = 0, e;

	write_begin(&bw, n);
	for (unsigned int i = 0; i < n; i++) {
		spin_lock(&buf_lock);
		/* Not with others BUSY: their other waiters may hold what we wait for. */
		if (bufs[i]->b_state & BUF_BUSY || bw.bw_n == bw.bw_max) {
			spin_unlock(&buf_lock);
			e = write_go(&bw);
			err = err ? err : e;
			spin_lock(&buf_lock);
		}
		while (bufs[i]->b_state & BUF_BUSY)
			waitq_sleep_uninterruptible(&buf_busyq, &buf_lock);
		if (!(bufs[i]->b_state & BUF_PINNED))
			write_add_locked(&bw, bufs[i]);
		spin_unlock(&buf_lock);
	}
	e = write_go(&bw);
	write_end(&bw);
	return err ? err : e;
}

int buf_write(struct buf *b)
{
	return buf_write_many(&b, 1);
}

/* Collect buffers that were dirty before; pinned and busy ones are left where they are. */
static void collect(struct blkdev *bd, nsec_t before, struct buf_write *bw)
{
	struct buf *b, *next;

	spin_lock(&buf_lock);
	list_for_each_entry_safe(b, next, &bd->bd_bufs, b_dirty) {
		if (b->b_dirtied > before || bw->bw_n == bw->bw_max)
			break;
		if (!(b->b_state & (BUF_PINNED | BUF_BUSY)))
			write_add_locked(bw, b);
	}
	spin_unlock(&buf_lock);
}

int buf_flush(struct blkdev *bd, nsec_t before)
{
	struct buf_write bw;
	int err = 0;

	write_begin(&bw, BATCH);
	for (;;) {
		int e;

		collect(bd, before, &bw);
		if (!bw.bw_n)
			break;
		e = write_go(&bw);
		err = err ? err : e;
	}
	write_end(&bw);
	return err;
}

int buf_sync(struct blkdev *bd)
{
	nsec_t now = clock_monotonic();
	int err = buf_flush(bd, now), e;

	/* What others had begun to write, and what became dirty again meanwhile. */
	spin_lock(&buf_lock);
	while (bd->bd_bufs_busy)
		waitq_sleep_uninterruptible(&buf_busyq, &buf_lock);
	spin_unlock(&buf_lock);
	e = buf_flush(bd, now);
	return err ? err : e;
}

/* ---- giving memory back ---- */

/* May it be freed? The lock is held. */
static bool idle(const struct buf *b)
{
	return atomic_read(&b->b_ref) == 0 && !b->b_journal &&
	       !(b->b_state & (BUF_DIRTY | BUF_BUSY | BUF_PINNED));
}

void buf_invalidate(struct blkdev *bd)
{
	struct buf *b, *next;
	struct list_head dead = LIST_HEAD_INIT(dead);

	spin_lock(&buf_lock);
	list_for_each_entry_safe(b, next, &buf_all, b_lru) {
		if (b->b_blkdev != bd)
			continue;
		KASSERT_MSG(idle(b), "block %llu state %x references %d",
			    (unsigned long long)b->b_blockno, b->b_state,
			    atomic_read(&b->b_ref));
		unlink_locked(b);
		list_add(&b->b_lru, &dead);
	}
	spin_unlock(&buf_lock);
	list_for_each_entry_safe(b, next, &dead, b_lru)
		buf_free(b);
}

unsigned long buf_shrink(unsigned long n)
{
	struct list_head dead = LIST_HEAD_INIT(dead);
	struct buf *b, *next;
	unsigned long freed = 0;
	u64 look;

	spin_lock(&buf_lock);
	for (look = buf_count; look && freed < n; look--) {
		b = list_first_entry(&buf_all, struct buf, b_lru);
		if (b->b_state & BUF_USED || !idle(b)) {
			b->b_state &= ~BUF_USED;
			list_move_tail(&b->b_lru, &buf_all);
			continue;
		}
		unlink_locked(b);
		list_add(&b->b_lru, &dead);
		freed++;
	}
	spin_unlock(&buf_lock);
	list_for_each_entry_safe(b, next, &dead, b_lru)
		buf_free(b);
	return freed;
}

static u64 buffers_now(void)
{
	return READ_ONCE(buf_count);
}

static struct statcounter buffers_counter = {
	.sc_name = "buffers",
	.sc_read = buffers_now,
};

void buf_init(void)
{
	buf_slab = slab_create("buf", sizeof(struct buf), 8);
	statcounter_register(&buffers_counter);
}
