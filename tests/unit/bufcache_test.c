/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c
 *
 * fs/bufcache.c against a disk in memory, beside a model that knows what each block must hold:
 * nothing that is dirty is forgotten, nothing that is pinned is written, a sync writes the rest,
 * an error is told of and the block can be written again, what is unused can be freed.
 *
 * One thread plays all. While a writer waits for the disk, others may come: whatever does not have
 * to wait for the same buffer is tried then.
 */
#include "tests/unit/shim/shim.h"

#include "fs/bufcache.c"
#include "tests/unit/unit.h"

void *malloc(size_t n);
void free(void *p);

#define FRAMES		1024
#define PAGES		16		/* of the disk */
#define SMALL		1024u
#define PER_PAGE	(PAGE_SIZE / SMALL)
#define BLOCKS		(PAGES * PER_PAGE)
#define BIOS		64

static struct blkdev disk;
static struct vnode disk_vnode;
static u8 medium[PAGES * PAGE_SIZE];
static struct page *pages[PAGES];	/* of the object */
static unsigned int nfree, nlive;
static struct page *spare[FRAMES];
static struct bio *queue[BIOS];
static unsigned int nqueue, writes;
static long bad_sector;			/* -1: none */
static nsec_t now;
static void (*meanwhile)(void);		/* others, while the disk works */

/* The model. */
static struct {
	u8 stamp;			/* what all bytes are */
	bool pinned;
} model[BLOCKS];

/* ---- the kernel around it ---- */

nsec_t clock_monotonic(void)
{
	return ++now;
}

void *kmalloc(size_t size, unsigned int flags)
{
	(void)flags;
	return should_fail() ? NULL : malloc(size);
}

void kfree(void *p)
{
	free(p);
}

struct slab_cache *slab_create(const char *name, size_t size, size_t align)
{
	(void)name, (void)align;
	CHECK_EQ(size, sizeof(struct buf));
	return (struct slab_cache *)1;
}

void *slab_alloc(struct slab_cache *c, unsigned int flags)
{
	(void)c, (void)flags;
	if (should_fail())
		return NULL;
	nlive++;
	return malloc(sizeof(struct buf));
}

void slab_free(struct slab_cache *c, void *p)
{
	(void)c;
	nlive--;
	free(p);
}

struct page *page_alloc(unsigned int order, unsigned int flags)
{
	struct page *pg;

	KASSERT(order == 0 && nfree);
	if (should_fail())
		return NULL;
	pg = spare[--nfree];
	atomic_set(&pg->pg_ref, 1);
	if (flags & ALLOC_ZERO)
		memset(page_to_virt(pg), 0, PAGE_SIZE);
	return pg;
}

void page_put(struct page *pg)
{
	if (atomic_dec_and_test(&pg->pg_ref))
		spare[nfree++] = pg;
}

struct page *vm_object_lookup(struct vm_object *vo, u64 index)
{
	KASSERT(vo == &disk_vnode.v_object && index < PAGES);
	if (pages[index])
		page_get(pages[index]);
	return pages[index];
}

int vm_object_insert(struct vm_object *vo, u64 index, struct page *pg)
{
	KASSERT(vo == &disk_vnode.v_object && !pages[index]);
	pages[index] = pg;
	return 0;
}

int vm_object_getpage(struct vm_object *vo, u64 index, struct page **out)
{
	if (!pages[index]) {
		struct page *pg = page_alloc(0, 0);

		if (!pg)
			return -ENOMEM;
		memcpy(page_to_virt(pg), medium + index * PAGE_SIZE, PAGE_SIZE);
		(void)vm_object_insert(vo, index, pg);
	}
	*out = vm_object_lookup(vo, index);
	return 0;
}

void vm_object_start_read(struct vm_object *vo, u64 first, u64 n)
{
	(void)vo, (void)first, (void)n;
}

void waitq_wake_all(struct waitq *wq, u32 key)
{
	(void)key;
	CHECK(wq == &buf_busyq && lock_held(&buf_lock));
}

void waitq_sleep_uninterruptible(struct waitq *wq, struct spinlock *lock)
{
	(void)wq, (void)lock;
	panic("one thread waits for itself");
}

void blk_plug(void)
{
}

void blk_unplug(void)
{
}

void blk_submit(struct bio *b)
{
	KASSERT(nqueue < BIOS && !shim_innermost);
	queue[nqueue++] = b;
}

/* What the bio writes is what its pages hold now, at the latest. */
static void serve(struct bio *b)
{
	u64 at = b->b_sector << SECTOR_SHIFT;

	CHECK(b->b_op == BIO_WRITE && b->b_nsegs == 1 && at + b->b_bytes <= sizeof(medium));
	if (bad_sector >= 0 && (u64)bad_sector >= b->b_sector &&
	    (u64)bad_sector < b->b_sector + b->b_bytes / SECTOR_SIZE) {
		b->b_error = -EIO;
	} else {
		memcpy(medium + at, (u8 *)page_to_virt(b->b_segs[0].bs_page) +
		       b->b_segs[0].bs_offset, b->b_bytes);
		for (u64 i = at / SMALL; i < (at + b->b_bytes) / SMALL; i++)
			CHECK(!model[i].pinned);
	}
	writes++;
	b->b_done(b);
}

void completion_init(struct completion *c)
{
	c->co_done = false;
}

void complete(struct completion *c)
{
	c->co_done = true;
}

int completion_wait(struct completion *c, bool killable)
{
	CHECK(!killable && !shim_innermost);
	if (meanwhile)
		meanwhile();
	while (nqueue) {
		unsigned int i = (unsigned int)unit_below(nqueue);
		struct bio *b = queue[i];

		queue[i] = queue[--nqueue];
		serve(b);
	}
	CHECK(c->co_done);
	return 0;
}

/* ---- the tests ---- */

static void new_disk(void)
{
	if (!shim_ram) {
		shim_ram_init(FRAMES, sizeof(struct page));
		for (u64 i = 0; i < FRAMES; i++)
			spare[nfree++] = pfn_to_page(i);
		buf_init();
	}
	disk = (struct blkdev){
		.bd_name = "disk", .bd_sectors = sizeof(medium) / SECTOR_SIZE,
		.bd_block_size = SECTOR_SIZE, .bd_disk = &disk, .bd_vnode = &disk_vnode,
	};
	list_init(&disk.bd_bufs);
	memset(medium, 0, sizeof(medium));
	memset(model, 0, sizeof(model));
	bad_sector = -1;
	meanwhile = NULL;
}

/* Invariant 2 of fs/bufcache.c, and that all buffers are found. */
static void check_lists(void)
{
	struct buf *b;
	nsec_t last = 0;
	u64 all = 0, dirty = 0;

	spin_lock(&buf_lock);
	list_for_each_entry(b, &disk.bd_bufs, b_dirty) {
		CHECK(b->b_state & BUF_DIRTY && b->b_dirtied >= last);
		last = b->b_dirtied;
		dirty++;
	}
	list_for_each_entry(b, &buf_all, b_lru) {
		CHECK(find_locked(b->b_blkdev, b->b_blockno, b->b_size) == b);
		dirty -= (b->b_state & BUF_DIRTY) != 0;
		all++;
	}
	CHECK_EQ(dirty, 0);
	CHECK_EQ(all, buf_count);
	CHECK(buf_count <= nlive);
	spin_unlock(&buf_lock);
}

static void check_block(u64 n)
{
	struct buf *b;

	if (buf_read(&disk, n, SMALL, &b))
		return;
	CHECK_EQ(b->b_data[0], model[n].stamp);
	CHECK_EQ(b->b_data[SMALL - 1], model[n].stamp);
	buf_put(b);
}

static void store(u64 n)
{
	struct buf *b;

	if (buf_read(&disk, n, SMALL, &b))
		return;
	/* A transaction that is over may be followed by another one. */
	if (!model[n].pinned && !(b->b_state & BUF_BUSY) && unit_below(3) == 0) {
		buf_pin(b);
		model[n].pinned = true;
	}
	model[n].stamp = (u8)unit_below(256);
	memset(b->b_data, model[n].stamp, SMALL);
	if (!model[n].pinned)
		buf_dirty(b);
	/* The journal keeps it by more than the pin. */
	if (model[n].pinned && !b->b_journal)
		b->b_journal = b;
	buf_put(b);
}

static void end_transaction(u64 n)
{
	struct buf *b = buf_find(&disk, n, SMALL);

	if (!b)
		return;
	if (model[n].pinned) {
		buf_unpin(b);
		model[n].pinned = false;
		b->b_journal = NULL;
		buf_dirty(b);
	}
	buf_put(b);
}

/* Pages that only the object has may be dropped and read anew. */
static void drop_pages(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		if (pages[i] && atomic_read(&pages[i]->pg_ref) == 1) {
			page_put(pages[i]);
			pages[i] = NULL;
		}
	}
}

static void small_step(void)
{
	u64 n = unit_below(BLOCKS);

	switch (unit_below(6)) {
	case 0:
	case 1:
		store(n);
		break;
	case 2:
		check_block(n);
		break;
	case 3:
		end_transaction(n);
		break;
	case 4:
		(void)buf_shrink(unit_below(BLOCKS));
		break;
	default:
		drop_pages();
	}
	check_lists();
}

static void others(void)
{
	for (u64 i = unit_below(4); i; i--)
		small_step();
}

static void write_some(void)
{
	struct buf *b, *some[40];
	unsigned int n = 0;

	/* Beside those that are dirty; each block once. */
	for (u64 i = unit_below(4); i < BLOCKS && n < ARRAY_SIZE(some); i += 1 + unit_below(4))
		if ((b = buf_find(&disk, i, SMALL)))
			some[n++] = b;
	(void)buf_write_many(some, n);
	while (n)
		buf_put(some[--n]);
}

/* All transactions end, all is written: the disk is what the model is. */
static void settle(void)
{
	meanwhile = NULL;
	bad_sector = -1;
	shim_fail_nth = 0;
	for (u64 i = 0; i < BLOCKS; i++) {
		struct buf *b = buf_find(&disk, i, SMALL);

		end_transaction(i);
		/* A write that failed is not repeated by itself. */
		if (b && b->b_state & BUF_ERROR)
			buf_dirty(b);
		if (b)
			buf_put(b);
	}
	CHECK_EQ(buf_sync(&disk), 0);
	CHECK(list_empty(&disk.bd_bufs));
	for (u64 i = 0; i < BLOCKS; i++) {
		CHECK_EQ(medium[i * SMALL], model[i].stamp);
		CHECK_EQ(medium[(i + 1) * SMALL - 1], model[i].stamp);
	}
	buf_invalidate(&disk);
	drop_pages();
	CHECK_EQ(nlive, 0);
	CHECK_EQ(nfree, FRAMES);
}

static void test_random(void)
{
	for (int round = 0; round < 300; round++) {
		new_disk();
		meanwhile = round % 2 ? others : NULL;
		for (int i = 0; i < 300; i++) {
			if (round % 3 == 0 && unit_below(20) == 0)
				shim_fail_nth = 1 + (long)unit_below(3);
			switch (unit_below(12)) {
			case 0:
				write_some();
				break;
			case 1:
				(void)buf_flush(&disk, now - unit_below(40));
				break;
			default:
				small_step();
			}
			shim_fail_nth = 0;
		}
		settle();
	}
}

/* An error is of the block that it happened to; the next write mends it. */
static void test_errors(void)
{
	struct buf *b[4];
	u32 seen = errseq_sample(&disk.bd_wberr);

	new_disk();
	for (u64 i = 0; i < 4; i++) {
		CHECK_EQ(buf_read(&disk, i, SMALL, &b[i]), 0);
		model[i].stamp = (u8)(i + 1);
		memset(b[i]->b_data, (int)i + 1, SMALL);
		buf_dirty(b[i]);
	}
	bad_sector = 2 * SMALL / SECTOR_SIZE;
	CHECK_EQ(buf_sync(&disk), -EIO);
	CHECK_EQ(errseq_check(&disk.bd_wberr, &seen), -EIO);
	for (u64 i = 0; i < 4; i++) {
		CHECK_EQ(!!(b[i]->b_state & BUF_ERROR), i == 2);
		CHECK_EQ(medium[i * SMALL], i == 2 ? 0 : i + 1);
	}
	CHECK_EQ(buf_write(b[2]), -EIO);
	bad_sector = -1;
	CHECK_EQ(buf_write_many(b, 4), 0);
	CHECK(!(b[2]->b_state & BUF_ERROR));
	for (u64 i = 0; i < 4; i++)
		buf_put(b[i]);
	settle();
}

/* What is forgotten is never written, and who still has it may go on using it. */
static void test_forget(void)
{
	struct buf *b, *again;

	new_disk();
	CHECK_EQ(buf_get(&disk, 3, PAGE_SIZE, &b), 0);
	CHECK_EQ(b->b_data[0], 0);
	memset(b->b_data, 7, PAGE_SIZE);
	buf_dirty(b);
	buf_forget(&disk, 3, PAGE_SIZE);
	CHECK(buf_find(&disk, 3, PAGE_SIZE) == NULL);
	buf_dirty(b);
	CHECK_EQ(buf_sync(&disk), 0);
	CHECK_EQ(medium[3 * PAGE_SIZE], 0);
	/* The block's next life. */
	CHECK_EQ(buf_get(&disk, 3, PAGE_SIZE, &again), 0);
	CHECK(again != b);
	buf_put(b);
	for (u64 i = 0; i < PER_PAGE; i++)
		model[3 * PER_PAGE + i].stamp = 9;
	memset(again->b_data, 9, PAGE_SIZE);
	buf_dirty(again);
	buf_put(again);
	CHECK_EQ(buf_read(&disk, BLOCKS, SMALL, &b), -EIO);
	CHECK_EQ(buf_get(&disk, PAGES, PAGE_SIZE, &b), -EIO);
	settle();
}

/* The flusher takes what is old enough, and leaves what a transaction holds. */
static void test_age(void)
{
	struct buf *old, *young, *held;
	nsec_t between;

	new_disk();
	CHECK_EQ(buf_read(&disk, 0, SMALL, &old), 0);
	CHECK_EQ(buf_read(&disk, 1, SMALL, &young), 0);
	CHECK_EQ(buf_read(&disk, 2, SMALL, &held), 0);
	buf_dirty(held);
	buf_pin(held);
	model[2].pinned = true;
	buf_dirty(old);
	between = clock_monotonic();
	buf_dirty(young);
	buf_dirty(old);			/* it is as old as it was */
	writes = 0;
	CHECK_EQ(buf_flush(&disk, between), 0);
	CHECK_EQ(writes, 1);
	CHECK(!(old->b_state & BUF_DIRTY) && young->b_state & BUF_DIRTY);
	CHECK_EQ(buf_write(held), 0);
	CHECK_EQ(writes, 1);
	CHECK_EQ(buf_shrink(~0ul), 0);
	buf_put(old);
	buf_put(young);
	CHECK_EQ(buf_sync(&disk), 0);
	/* Looked up since the last round: it gets another one. */
	buf_put(buf_find(&disk, 0, SMALL));
	CHECK_EQ(buf_shrink(~0ul), 1);
	CHECK_EQ(buf_shrink(~0ul), 1);
	end_transaction(2);
	buf_put(held);
	settle();
}

int main(void)
{
	UNIT_RUN(test_random);
	UNIT_RUN(test_errors);
	UNIT_RUN(test_forget);
	UNIT_RUN(test_age);
	return unit_end();
}
