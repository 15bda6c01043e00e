/* SPDX-License-Identifier: MIT */
/*
 * The queue of a disk: merging, elevator, flushes, completion. blkdev.c brings requests in,
 * the driver takes them out (bo_start) and reports them done (blk_complete).
 *
 *	blk_queue --driver has a slot--------------------------> with the driver --> b_done
 *	    \--merged with a neighbour, or queued--elevator--/         |
 *	         ^-- each bio for itself, when a merged request failed-+
 *
 * Elevator: two classes, each sorted by sector and by age. Reads - who reads ahead soon waits -
 * and writes that somebody waits for go before write-back. Inside a class requests go in one
 * direction of sectors, from the end of the last one on, unless the oldest has waited too long.
 *
 * Flushes: one at a time for a disk. Bios that want one while it runs share the next: what
 * completed before they came is on the medium when that one is through. A write with
 * BIO_PREFLUSH is queued after its flush; one with BIO_FUA, on a disk that cannot do it, joins
 * a flush when it is written. A disk without a write cache needs none of this.
 *
 * Invariants: 1. every request that is not with the driver is in the tree and on the list of its
 * class; 2. bd_flush is with the driver, or wanted, only while bd_flush_run is not empty; 3. a
 * wanted flush is offered to the driver before any other request.
 *
 * Locks: bd_lock, interrupts off; everything here runs in threads and in interrupts.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "kernel/core/trace.h"

#define SYNC		0
#define ASYNC		1
#define MAX_PASSED	16		/* sync requests before a waiting async one */
#define DRIVER_PATIENCE	(30 * NSEC_PER_SEC)

static const nsec_t class_patience[2] = { NSEC_PER_SEC / 10, 2 * NSEC_PER_SEC };

static u64 rq_end(const struct blk_request *rq)
{
	return rq->rq_sector + rq->rq_sectors;
}

static struct blk_request *rq_of(struct rb_node *n)
{
	return rb_entry_or_null(n, struct blk_request, rq_node);
}

static unsigned int rq_class(const struct blk_request *rq)
{
	return rq->rq_op == BIO_READ || rq->rq_flags & BIO_SYNC ? SYNC : ASYNC;
}

void blk_queue_init(struct blkdev *disk)
{
	spin_lock_init(&disk->bd_lock, "blkqueue", RANK_BLKQUEUE);
	for (unsigned int i = 0; i < 2; i++) {
		disk->bd_class[i].bc_tree = RB_ROOT;
		list_init(&disk->bd_class[i].bc_fifo);
	}
	list_init(&disk->bd_flush_wait);
	list_init(&disk->bd_flush_run);
	list_init(&disk->bd_flush.rq_bios);
}

/* ---- merging ---- */

static bool mergeable(const struct blk_request *a, const struct blk_request *b)
{
	const struct blkdev *disk = a->rq_dev;

	return a->rq_op == b->rq_op && a->rq_op <= BIO_WRITE && rq_end(a) == b->rq_sector &&
	       a->rq_dev == b->rq_dev && !((a->rq_flags | b->rq_flags) & BIO_FUA) &&
	       !a->rq_nomerge && !b->rq_nomerge &&
	       a->rq_nsegs + b->rq_nsegs <= disk->bd_max_segs &&
	       a->rq_sectors + b->rq_sectors <= disk->bd_max_sectors;
}

bool blk_merge(struct blk_request *to, struct blk_request *rq)
{
	if (mergeable(to, rq)) {
		list_splice_tail(&rq->rq_bios, &to->rq_bios);
	} else if (mergeable(rq, to)) {
		list_splice(&rq->rq_bios, &to->rq_bios);
		to->rq_sector = rq->rq_sector;
	} else {
		return false;
	}
	to->rq_nsegs = (u16)(to->rq_nsegs + rq->rq_nsegs);
	to->rq_sectors += rq->rq_sectors;
	/* Read-ahead that is part of a read somebody waits for is no read-ahead any more. */
	to->rq_flags = (u8)(((to->rq_flags | rq->rq_flags) & ~BIO_RAHEAD) |
			    (to->rq_flags & rq->rq_flags & BIO_RAHEAD));
	return true;
}

/* ---- the elevator ---- */

static int cmp_sector(const void *key, const struct rb_node *n)
{
	u64 sector = *(const u64 *)key;
	const struct blk_request *rq = rb_entry(n, struct blk_request, rq_node);

	return sector < rq->rq_sector ? -1 : sector > rq->rq_sector;
}

static bool before(const struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct blk_request, rq_node)->rq_sector <
	       rb_entry(b, struct blk_request, rq_node)->rq_sector;
}

static void dequeue(struct blk_class *c, struct blk_request *rq)
{
	rb_erase(&c->bc_tree, &rq->rq_node);
	list_del(&rq->rq_link);
}

/* Make rq part of a queued neighbour. */
static bool merge_queued(struct blkdev *disk, struct blk_class *c, struct blk_request *rq)
{
	struct rb_node *n = rb_find_ge(&c->bc_tree, &rq->rq_sector, cmp_sector);
	struct blk_request *next = rq_of(n);
	struct blk_request *prev = rq_of(n ? rb_prev(n) : rb_last(&c->bc_tree));

	if (prev && blk_merge(prev, rq)) {
		if (next && blk_merge(prev, next))
			dequeue(c, next);
	} else if (!next || !blk_merge(next, rq)) {
		return false;
	}
	disk->bd_stats[rq->rq_op].merges++;
	return true;
}

static void enqueue(struct blkdev *disk, struct blk_request *rq)
{
	struct blk_class *c = &disk->bd_class[rq_class(rq)];

	KASSERT(lock_held(&disk->bd_lock));
	if (merge_queued(disk, c, rq))
		return;
	rb_add(&c->bc_tree, &rq->rq_node, before);
	list_add_tail(&rq->rq_link, &c->bc_fifo);
}

static bool class_late(const struct blkdev *disk, unsigned int class, nsec_t now)
{
	const struct blk_class *c = &disk->bd_class[class];

	return !list_empty(&c->bc_fifo) &&
	       list_first_entry(&c->bc_fifo, struct blk_request, rq_link)->rq_queued +
	       class_patience[class] < now;
}

/* The request that is to go next, still queued; NULL: none. */
static struct blk_request *pick(struct blkdev *disk, struct blk_class **out)
{
	bool sync = !list_empty(&disk->bd_class[SYNC].bc_fifo);
	bool async = !list_empty(&disk->bd_class[ASYNC].bc_fifo);
	struct blk_request *rq;
	unsigned int class;
	nsec_t now;

	if (!sync && !async)
		return NULL;
	now = clock_monotonic();
	class = sync && !(async && (disk->bd_passed >= MAX_PASSED ||
				    class_late(disk, ASYNC, now))) ? SYNC : ASYNC;
	*out = &disk->bd_class[class];
	if (class_late(disk, class, now))
		return list_first_entry(&(*out)->bc_fifo, struct blk_request, rq_link);
	rq = rq_of(rb_find_ge(&(*out)->bc_tree, &disk->bd_head, cmp_sector));
	return rq ? rq : rq_of(rb_first(&(*out)->bc_tree));
}

/* Offer rq to the driver. */
static bool start(struct blkdev *disk, struct blk_request *rq)
{
	nsec_t now = clock_monotonic();

	rq->rq_deadline = now + DRIVER_PATIENCE;
	if (!disk->bd_ops->bo_start(disk, rq))
		return false;
	trace(TRACE_BLKIO, disk->bd_dev, rq->rq_op, rq->rq_sector, rq->rq_sectors);
	if (disk->bd_inflight++ == 0)
		disk->bd_busy_since = now;
	return true;
}

/*
 * Start what the driver takes. A wanted flush keeps others back: it may be a command that can
 * only run alone.
 */
static void run_queue(struct blkdev *disk)
{
	struct blk_request *rq;
	struct blk_class *c;

	KASSERT(lock_held(&disk->bd_lock));
	if (disk->bd_flush_wanted) {
		if (!start(disk, &disk->bd_flush))
			return;
		disk->bd_flush_wanted = false;
	}
	while ((rq = pick(disk, &c)) != NULL) {
		/* The driver may link it from now on. */
		dequeue(c, rq);
		if (!start(disk, rq)) {
			rb_add(&c->bc_tree, &rq->rq_node, before);
			list_add(&rq->rq_link, &c->bc_fifo);
			return;
		}
		disk->bd_head = rq_end(rq);
		if (c == &disk->bd_class[ASYNC])
			disk->bd_passed = 0;
		else if (!list_empty(&disk->bd_class[ASYNC].bc_fifo))
			disk->bd_passed++;
	}
}

void blk_queue(struct blk_request *rq)
{
	struct blkdev *disk = rq->rq_dev;
	irqflags_t f = spin_lock_irqsave(&disk->bd_lock);

	enqueue(disk, rq);
	run_queue(disk);
	spin_unlock_irqrestore(&disk->bd_lock, f);
}

/* ---- flushes ---- */

/* Start a flush for the bios that wait for one, unless one runs. */
static void flush_next(struct blkdev *disk)
{
	KASSERT(lock_held(&disk->bd_lock));
	if (!list_empty(&disk->bd_flush_run) || list_empty(&disk->bd_flush_wait))
		return;
	list_splice(&disk->bd_flush_wait, &disk->bd_flush_run);
	disk->bd_flush = (struct blk_request){
		.rq_dev = disk, .rq_op = BIO_FLUSH, .rq_queued = clock_monotonic(),
	};
	list_init(&disk->bd_flush.rq_link);
	list_init(&disk->bd_flush.rq_bios);
	disk->bd_flush_wanted = true;
}

bool blk_flush_join(struct blkdev *disk, struct bio *b)
{
	irqflags_t f;

	if (b->b_op == BIO_WRITE && (!(b->b_flags & BIO_PREFLUSH) || !disk->bd_write_cache))
		return false;
	if (b->b_op != BIO_FLUSH && b->b_op != BIO_WRITE)
		return false;
	if (!disk->bd_write_cache) {
		b->b_done(b);
		return true;
	}
	f = spin_lock_irqsave(&disk->bd_lock);
	list_add_tail(&b->b_link, &disk->bd_flush_wait);
	flush_next(disk);
	run_queue(disk);
	spin_unlock_irqrestore(&disk->bd_lock, f);
	return true;
}

/*
 * The flush is through. Writes that waited for it are queued, all others are done and go to the
 * list.
 */
static void flush_done(struct blkdev *disk, int error, struct list_head *done)
{
	struct bio *b, *next;

	list_for_each_entry_safe(b, next, &disk->bd_flush_run, b_link) {
		list_del(&b->b_link);
		if (b->b_flags & BIO_PREFLUSH && !error) {
			b->b_flags &= (u8)~BIO_PREFLUSH;
			list_add(&b->b_link, &b->b_rq.rq_bios);
			enqueue(disk, &b->b_rq);
			continue;
		}
		b->b_error = error;
		list_add_tail(&b->b_link, done);
	}
	flush_next(disk);
}

/* ---- completion ---- */

/* A merged request has failed: each bio tries for itself, so that only the bad ones fail. */
static void split(struct blkdev *disk, struct blk_request *rq)
{
	struct list_head bios = LIST_HEAD_INIT(bios);
	struct bio *b, *next;

	list_splice(&rq->rq_bios, &bios);
	list_for_each_entry_safe(b, next, &bios, b_link) {
		struct blk_request *own = &b->b_rq;

		*own = (struct blk_request){
			.rq_dev = disk, .rq_op = b->b_op, .rq_flags = b->b_flags,
			.rq_nomerge = true, .rq_nsegs = b->b_nsegs,
			.rq_sector = b->b_sector, .rq_sectors = b->b_bytes >> SECTOR_SHIFT,
			.rq_queued = clock_monotonic(),
		};
		list_init(&own->rq_link);
		list_init(&own->rq_bios);
		list_move(&b->b_link, &own->rq_bios);
		enqueue(disk, own);
	}
}

/* The bios of rq have got an answer: those that are done go to the list. */
static void bios_done(struct blkdev *disk, struct blk_request *rq, int error,
		      struct list_head *done)
{
	bool fua = rq->rq_flags & BIO_FUA && disk->bd_write_cache && !disk->bd_can_fua;
	struct bio *b;

	list_for_each_entry(b, &rq->rq_bios, b_link)
		b->b_error = error;
	if (!fua || error) {
		list_splice_tail(&rq->rq_bios, done);
		return;
	}
	list_splice_tail(&rq->rq_bios, &disk->bd_flush_wait);
	flush_next(disk);
}

static void account(struct blkdev *disk, const struct blk_request *rq)
{
	nsec_t now = clock_monotonic();
	struct blkdev *part = list_empty(&rq->rq_bios) ? disk :
		list_first_entry(&rq->rq_bios, struct bio, b_link)->b_dev;

	for (struct blkdev *bd = disk; bd; bd = bd == part ? NULL : part) {
		struct blk_stats *st = &bd->bd_stats[rq->rq_op];

		st->ios++;
		st->sectors += rq->rq_sectors;
		st->nsec += now - rq->rq_queued;
	}
	KASSERT(disk->bd_inflight);
	if (--disk->bd_inflight == 0)
		disk->bd_busy += now - disk->bd_busy_since;
}

void blk_complete(struct blk_request *rq, int error)
{
	struct blkdev *disk = rq->rq_dev;
	struct list_head done = LIST_HEAD_INIT(done);
	irqflags_t f = spin_lock_irqsave(&disk->bd_lock);

	account(disk, rq);
	if (rq == &disk->bd_flush)
		flush_done(disk, error, &done);
	else if (error && !list_is_last(rq->rq_bios.next, &rq->rq_bios))
		split(disk, rq);
	else
		bios_done(disk, rq, error, &done);
	run_queue(disk);
	spin_unlock_irqrestore(&disk->bd_lock, f);
	while (!list_empty(&done)) {
		struct bio *b = list_first_entry(&done, struct bio, b_link);

		list_del(&b->b_link);
		b->b_done(b);
	}
}
