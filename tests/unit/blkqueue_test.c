/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c kernel/lib/rbtree.c
 *
 * fs/blkqueue.c against a disk with a write cache, a few slots, and bad sectors: merging, order,
 * flushes, and that each bio is answered once and rightly.
 */
#include "tests/unit/shim/shim.h"

#include "fs/blkqueue.c"
#include "kernel/lib/errseq.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

#define SECTORS		256
#define SLOTS_MAX	8
#define BIOS		64

struct test_bio {
	struct bio bio;
	struct bio_seg seg;
	u32 stamp;		/* what a write writes */
	bool busy;
	u64 flush_from;		/* writes completed before this count when it was submitted */
};

static struct blkdev disk;
static struct blk_request *slots[SLOTS_MAX];
static unsigned int nslots, commands;
static struct test_bio bios[BIOS];
static u32 cache[SECTORS], medium[SECTORS];	/* stamps */
static u32 promised[SECTORS];			/* on the medium from now on, or newer */
static bool bad[SECTORS];
static nsec_t now;
u32 trace_mask;

nsec_t clock_monotonic(void)
{
	return now += 1000;
}

void trace_write(enum trace_event ev, u64 a, u64 b, u64 c, u64 d)
{
	(void)ev, (void)a, (void)b, (void)c, (void)d;
}

/* The requests' bios must be one stretch of sectors. */
static void check_request(const struct blk_request *rq)
{
	u64 at = rq->rq_sector;
	unsigned int segs = 0;
	struct bio *b;

	list_for_each_entry(b, &rq->rq_bios, b_link) {
		CHECK_EQ(b->b_sector, at);
		CHECK_EQ(b->b_op, rq->rq_op);
		at += b->b_bytes / 512;
		segs += b->b_nsegs;
	}
	CHECK_EQ(at, rq_end(rq));
	CHECK_EQ(segs, rq->rq_nsegs);
	CHECK(rq->rq_sectors <= disk.bd_max_sectors && segs <= disk.bd_max_segs);
}

static bool fake_start(struct blkdev *bd, struct blk_request *rq)
{
	CHECK(bd == &disk && lock_held(&disk.bd_lock));
	/* A flush runs alone, as without queued commands. */
	for (unsigned int i = 0; i < nslots; i++)
		if (slots[i] && (rq->rq_op == BIO_FLUSH || slots[i]->rq_op == BIO_FLUSH))
			return false;
	for (unsigned int i = 0; i < nslots; i++) {
		if (slots[i])
			continue;
		if (rq->rq_op != BIO_FLUSH)
			check_request(rq);
		slots[i] = rq;
		commands++;
		return true;
	}
	return false;
}

static const struct blk_ops fake_ops = { .bo_start = fake_start };

/* The disk does the command in slot i. */
static void serve(unsigned int i)
{
	struct blk_request *rq = slots[i];
	struct bio *b;
	int err = 0;

	slots[i] = NULL;
	for (u64 s = rq->rq_sector; s < rq_end(rq); s++)
		if (bad[s])
			err = -EIO;
	if (rq->rq_op == BIO_FLUSH)
		memcpy(medium, cache, sizeof(medium));
	list_for_each_entry(b, &rq->rq_bios, b_link) {
		const struct test_bio *tb = container_of(b, struct test_bio, bio);

		for (u64 s = b->b_sector; s < b->b_sector + b->b_bytes / 512; s++) {
			if (err || b->b_op != BIO_WRITE)
				continue;
			cache[s] = tb->stamp;
			if (rq->rq_flags & BIO_FUA || !disk.bd_write_cache)
				medium[s] = tb->stamp;
		}
	}
	blk_complete(rq, err);
}

static bool serve_any(void)
{
	unsigned int from = (unsigned int)unit_below(nslots);

	for (unsigned int i = 0; i < nslots; i++) {
		if (slots[(from + i) % nslots]) {
			serve((from + i) % nslots);
			return true;
		}
	}
	return false;
}

static void bio_answer(struct bio *b)
{
	struct test_bio *tb = container_of(b, struct test_bio, bio);
	bool want_error = false;

	CHECK(tb->busy);
	tb->busy = false;
	for (u64 s = b->b_sector; b->b_op != BIO_FLUSH && s < b->b_sector + b->b_bytes / 512; s++) {
		want_error |= bad[s];
		if (b->b_op == BIO_WRITE && b->b_flags & BIO_FUA && !b->b_error)
			CHECK_EQ(medium[s], tb->stamp);
	}
	/* Exactly who touches a bad sector hears of it. */
	CHECK_EQ(b->b_error != 0, want_error);
	if (b->b_op == BIO_FLUSH)
		for (u64 s = 0; s < SECTORS; s++)
			CHECK(medium[s] >= promised[s]);
}

static void submit(struct test_bio *tb, enum bio_op op, u8 flags, u64 sector, u32 sectors)
{
	struct bio *b = &tb->bio;

	CHECK(!tb->busy);
	tb->busy = true;
	*b = (struct bio){
		.b_dev = &disk, .b_op = (u8)op, .b_flags = flags, .b_nsegs = op != BIO_FLUSH,
		.b_sector = sector, .b_bytes = sectors * 512, .b_segs = &tb->seg,
		.b_done = bio_answer,
	};
	b->b_rq = (struct blk_request){
		.rq_dev = &disk, .rq_op = (u8)op, .rq_flags = (u8)(flags & ~BIO_PREFLUSH),
		.rq_nsegs = b->b_nsegs, .rq_sector = sector, .rq_sectors = sectors,
		.rq_queued = clock_monotonic(),
	};
	if (!disk.bd_write_cache)
		b->b_rq.rq_flags &= (u8)~BIO_FUA;
	list_init(&b->b_rq.rq_link);
	list_init(&b->b_rq.rq_bios);
	if (blk_flush_join(&disk, b))
		return;
	list_add(&b->b_link, &b->b_rq.rq_bios);
	blk_queue(&b->b_rq);
}

static void new_disk(unsigned int n, bool write_cache, bool fua)
{
	nslots = n;
	commands = 0;
	memset(cache, 0, sizeof(cache));
	memset(medium, 0, sizeof(medium));
	memset(promised, 0, sizeof(promised));
	memset(bad, 0, sizeof(bad));
	disk = (struct blkdev){
		.bd_name = "sda", .bd_sectors = SECTORS, .bd_block_size = 512,
		.bd_max_segs = 16, .bd_max_sectors = 64, .bd_ops = &fake_ops,
		.bd_write_cache = write_cache, .bd_can_fua = fua,
	};
	disk.bd_disk = &disk;
	blk_queue_init(&disk);
}

static void drain(void)
{
	while (serve_any());
	for (int i = 0; i < BIOS; i++)
		CHECK(!bios[i].busy);
	CHECK_EQ(disk.bd_inflight, 0);
}

/* The slot is taken: what waits behind it becomes one request, in any order of coming. */
static void test_merge(void)
{
	static const u8 order[6] = { 2, 0, 4, 1, 5, 3 };

	new_disk(1, false, false);
	submit(&bios[0], BIO_READ, 0, 100, 1);
	for (int i = 0; i < 6; i++)
		submit(&bios[i + 1], BIO_READ, 0, 8 * order[i], 8);
	submit(&bios[7], BIO_WRITE, BIO_SYNC, 48, 8);
	drain();
	CHECK_EQ(commands, 3);
	/* No request grows over what the driver takes: 64 sectors. */
	commands = 0;
	submit(&bios[0], BIO_READ, 0, 200, 1);
	for (u32 i = 0; i < 10; i++)
		submit(&bios[i + 1], BIO_READ, 0, 16 * i, 16);
	drain();
	CHECK_EQ(commands, 1 + 3);
}

/* Reads go before write-back, but do not starve it; sectors ascend. */
static void test_order(void)
{
	u64 last = 0;
	unsigned int async_at = 0;

	new_disk(1, false, false);
	submit(&bios[0], BIO_READ, 0, 0, 1);
	submit(&bios[1], BIO_WRITE, 0, 10, 1);
	for (u32 i = 0; i < 40; i++)
		submit(&bios[2 + i], BIO_READ, 0, 20 + 3 * ((i * 7) % 40), 1);
	for (unsigned int n = 0; slots[0]; n++) {
		if (slots[0]->rq_op == BIO_WRITE) {
			async_at = n;
		} else {
			CHECK(slots[0]->rq_sector >= last || n == 0);
			last = slots[0]->rq_sector;
		}
		serve(0);
	}
	CHECK(async_at > 10 && async_at <= 20);
	drain();
}

/* Flushes that come while one runs share the next. */
static void test_flush(void)
{
	new_disk(4, true, false);
	submit(&bios[0], BIO_WRITE, BIO_SYNC, 0, 1);
	serve(0);
	for (int i = 1; i < 6; i++)
		submit(&bios[i], BIO_FLUSH, 0, 0, 0);
	CHECK_EQ(commands, 2);
	drain();
	CHECK_EQ(commands, 3);
	/* Preflush and FUA by hand: flush, write, flush. */
	commands = 0;
	bios[0].stamp = 7;
	submit(&bios[0], BIO_WRITE, BIO_PREFLUSH | BIO_FUA, 5, 2);
	CHECK(slots[0] && slots[0]->rq_op == BIO_FLUSH);
	drain();
	CHECK_EQ(commands, 3);
	CHECK_EQ(medium[6], 7);
	/* No cache: nothing to flush. */
	new_disk(4, false, false);
	submit(&bios[0], BIO_FLUSH, 0, 0, 0);
	CHECK(!bios[0].busy);
	CHECK_EQ(commands, 0);
}

/* A write that has been completed is promised when the next flush is submitted. */
static void promise(void)
{
	for (u64 s = 0; s < SECTORS; s++)
		if (!bad[s])
			promised[s] = cache[s];
}

/* Stamps only grow, so that "at least" can be said; one writer of a sector at a time. */
static bool sector_busy(u64 from, u32 n)
{
	for (int i = 0; i < BIOS; i++) {
		const struct bio *b = &bios[i].bio;

		if (bios[i].busy && b->b_op == BIO_WRITE && b->b_sector < from + n &&
		    from < b->b_sector + b->b_bytes / 512)
			return true;
	}
	return false;
}

static void step(u32 stamp)
{
	struct test_bio *tb = &bios[unit_below(BIOS)];
	u32 n = 1 + (u32)unit_below(8);
	u64 sector = unit_below(SECTORS - n);
	u8 flags = (u8)(unit_below(16) & (BIO_SYNC | BIO_RAHEAD));

	now += unit_below(NSEC_PER_SEC / 20);
	if (unit_below(3) == 0) {
		(void)serve_any();
		return;
	}
	if (tb->busy)
		return;
	tb->stamp = stamp;
	switch (unit_below(8)) {
	case 0:
		/* The promise is for this flush; those that run already may know less. */
		for (int i = 0; i < BIOS; i++)
			if (bios[i].busy && bios[i].bio.b_op == BIO_FLUSH)
				return;
		promise();
		submit(tb, BIO_FLUSH, 0, 0, 0);
		break;
	case 1:
		flags |= BIO_FUA;
		__fallthrough;
	case 2:
		flags |= BIO_PREFLUSH;
		__fallthrough;
	case 3:
	case 4:
		if (!sector_busy(sector, n))
			submit(tb, BIO_WRITE, flags, sector, n);
		break;
	default:
		submit(tb, BIO_READ, flags, sector, n);
	}
}

static void test_random(void)
{
	for (unsigned int round = 0; round < 200; round++) {
		new_disk(1 + (unsigned int)unit_below(SLOTS_MAX), unit_below(4) != 0,
			 unit_below(2));
		for (int i = 0; round % 3 == 0 && i < 6; i++)
			bad[unit_below(SECTORS)] = true;
		for (u32 i = 1; i < 400; i++)
			step(i);
		drain();
	}
}

static void test_errseq(void)
{
	u32 seq = 0, early, late, again;

	early = errseq_sample(&seq);
	CHECK_EQ(errseq_check(&seq, &early), 0);
	errseq_set(&seq, -EIO);
	errseq_set(&seq, -EIO);
	/* Nobody has heard of it: who opens now does. */
	late = errseq_sample(&seq);
	CHECK_EQ(errseq_check(&seq, &early), -EIO);
	CHECK_EQ(errseq_check(&seq, &early), 0);
	CHECK_EQ(errseq_check(&seq, &late), -EIO);
	again = errseq_sample(&seq);
	CHECK_EQ(errseq_check(&seq, &again), 0);
	errseq_set(&seq, -EIO);
	CHECK_EQ(errseq_check(&seq, &again), -EIO);
	CHECK_EQ(errseq_check(&seq, &early), -EIO);
	CHECK_EQ(errseq_check(&seq, &late), -EIO);
	CHECK_EQ(errseq_check(&seq, &late), 0);
}

int main(void)
{
	UNIT_RUN(test_merge);
	UNIT_RUN(test_order);
	UNIT_RUN(test_flush);
	UNIT_RUN(test_random);
	UNIT_RUN(test_errseq);
	return unit_end();
}
