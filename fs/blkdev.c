/* SPDX-License-Identifier: MIT */
/*
 * Block devices: which there are, and how a bio gets from its submitter to the queue of a disk
 * (blkqueue.c), perhaps by way of the thread's plug.
 *
 * A plug holds requests, already merged as far as they came in order of sectors, until
 * blk_unplug() or until the thread goes to sleep (blk_flush_plug(), upcall of
 * kernel/core/waitq.c): nobody can wait for a bio that the waiter himself holds back.
 *
 * Locks: blkdev_list_lock (spin) for the list and bd_holder. Devices are never removed, so
 * pointers to them stay good.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/bufcache.h"
#include "fs/chrdev.h"
#include "fs/partition.h"
#include "fs/vnode.h"
#include "kernel/core/fail.h"
#include "kernel/core/printk.h"
#include "kernel/core/statreg.h"
#include "kernel/core/thread.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "mm/object.h"
#include "mm/page.h"
#include "mm/slab.h"

#define PLUG_MAX	32		/* requests that a thread holds back */
#define MAX_PARTS	128
#define MINORS		16		/* device numbers of a disk and its partitions */
#define EXT_MAJOR	259		/* those of further partitions, as on Linux */

static struct spinlock blkdev_list_lock = SPINLOCK_INIT("blkdev_list", RANK_FS);
static LIST_HEAD(blkdevs);		/* [blkdev_list_lock] */
static atomic_t next_ext_minor;

/* ---- submission ---- */

/* Hand the plugged requests over in the order of their sectors. */
void blk_flush_plug(void)
{
	struct thread *t = current;
	struct list_head rqs = LIST_HEAD_INIT(rqs);

	if (!t->t_plugged)
		return;
	list_splice(&t->t_plug, &rqs);
	t->t_plugged = 0;
	while (!list_empty(&rqs)) {
		struct blk_request *rq = list_first_entry(&rqs, struct blk_request, rq_link);

		list_del(&rq->rq_link);
		blk_queue(rq);
	}
}

void blk_plug(void)
{
	current->t_plug_depth++;
}

void blk_unplug(void)
{
	KASSERT(current->t_plug_depth);
	if (--current->t_plug_depth == 0)
		blk_flush_plug();
}

/* Merge with the request before or enter by sector; most come in ascending order. */
static void plug_add(struct thread *t, struct blk_request *rq)
{
	struct blk_request *prev;

	if (t->t_plugged == PLUG_MAX)
		blk_flush_plug();
	if (t->t_plugged == 0)
		list_init(&t->t_plug);
	list_for_each_entry_reverse(prev, &t->t_plug, rq_link) {
		if (blk_merge(prev, rq))
			return;
		if (prev->rq_dev == rq->rq_dev && prev->rq_sector <= rq->rq_sector)
			break;
	}
	list_add(&rq->rq_link, list_link(prev, rq_link));
	t->t_plugged++;
}

/* 0, or what is wrong with the bio. */
static int bio_check(const struct bio *b)
{
	const struct blkdev *bd = b->b_dev;
	u64 sectors = b->b_bytes >> SECTOR_SHIFT;

	if (should_fail())
		return -EIO;
	if (b->b_op == BIO_FLUSH)
		return 0;
	if (!b->b_bytes || b->b_bytes % bd->bd_block_size ||
	    (b->b_sector << SECTOR_SHIFT) % bd->bd_block_size)
		return -EINVAL;
	if (b->b_sector > bd->bd_sectors || sectors > bd->bd_sectors - b->b_sector)
		return -EIO;
	if (b->b_op != BIO_READ && bd->bd_readonly)
		return -EROFS;
	if (b->b_op == BIO_DISCARD)
		return bd->bd_can_discard ? 0 : -EOPNOTSUPP;
	KASSERT(b->b_nsegs && b->b_nsegs <= bd->bd_max_segs && sectors <= bd->bd_max_sectors);
	return 0;
}

static void bio_to_request(struct bio *b, struct blkdev *disk)
{
	struct blk_request *rq = &b->b_rq;

	b->b_sector += b->b_dev->bd_start;
	*rq = (struct blk_request){
		.rq_dev = disk, .rq_op = b->b_op,
		.rq_flags = (u8)(b->b_flags & ~BIO_PREFLUSH),
		.rq_nsegs = b->b_nsegs, .rq_sector = b->b_sector,
		.rq_sectors = b->b_bytes >> SECTOR_SHIFT,
		.rq_queued = clock_monotonic(),
	};
	if (!disk->bd_write_cache)
		rq->rq_flags &= (u8)~BIO_FUA;
	list_init(&rq->rq_link);
	list_init(&rq->rq_bios);
}

void blk_submit(struct bio *b)
{
	struct blkdev *disk = b->b_dev->bd_disk;
	struct thread *t = current;

	b->b_error = bio_check(b);
	if (b->b_error) {
		b->b_done(b);
		return;
	}
	bio_to_request(b, disk);
	if (blk_flush_join(disk, b))
		return;
	list_add(&b->b_link, &b->b_rq.rq_bios);
	if (t && t->t_plug_depth && !in_interrupt())
		plug_add(t, &b->b_rq);
	else
		blk_queue(&b->b_rq);
}

static void wake_submitter(struct bio *b)
{
	complete(b->b_private);
}

int blk_submit_wait(struct bio *b)
{
	struct completion done;

	completion_init(&done);
	b->b_done = wake_submitter;
	b->b_private = &done;
	blk_submit(b);
	(void)completion_wait(&done, false);
	return b->b_error;
}

int blk_rw_page(struct blkdev *bd, enum bio_op op, u8 flags, u64 sector,
		struct page *pg, u32 offset, u32 len)
{
	struct bio_seg seg = { pg, offset, len };
	struct bio b = {
		.b_dev = bd, .b_op = (u8)op, .b_flags = flags | BIO_SYNC, .b_nsegs = 1,
		.b_sector = sector, .b_bytes = len, .b_segs = &seg,
	};

	return blk_submit_wait(&b);
}

int blk_flush(struct blkdev *bd)
{
	struct bio b = { .b_dev = bd, .b_op = BIO_FLUSH };

	return bd->bd_disk->bd_write_cache ? blk_submit_wait(&b) : 0;
}

/* ---- devices ---- */

struct blkdev *blkdev_next(struct blkdev *prev)
{
	struct list_head *next;

	spin_lock(&blkdev_list_lock);
	next = prev ? prev->bd_link.next : blkdevs.next;
	spin_unlock(&blkdev_list_lock);
	return next == &blkdevs ? NULL : list_entry(next, struct blkdev, bd_link);
}

struct blkdev *blkdev_by_dev(u64 dev)
{
	struct blkdev *bd = NULL;

	while ((bd = blkdev_next(bd)) && bd->bd_dev != dev);
	return bd;
}

struct blkdev *blkdev_by_name(const char *name)
{
	struct blkdev *bd = NULL;

	if (strncmp(name, "/dev/", 5) == 0)
		name += 5;
	while ((bd = blkdev_next(bd)) && strcmp(bd->bd_name, name) != 0);
	return bd;
}

/* Is a disk or one of its partitions, other than bd, in use? */
static bool held_elsewhere(const struct blkdev *bd)
{
	const struct blkdev *other;

	list_for_each_entry(other, &blkdevs, bd_link) {
		if (other->bd_holder && other->bd_disk == bd->bd_disk &&
		    (other == bd || !other->bd_partno || !bd->bd_partno))
			return true;
	}
	return false;
}

int blkdev_claim(struct blkdev *bd, void *holder)
{
	int err = 0;

	spin_lock(&blkdev_list_lock);
	if (held_elsewhere(bd))
		err = -EBUSY;
	else
		bd->bd_holder = holder;
	spin_unlock(&blkdev_list_lock);
	return err;
}

void blkdev_release(struct blkdev *bd, void *holder)
{
	spin_lock(&blkdev_list_lock);
	KASSERT(bd->bd_holder == holder);
	bd->bd_holder = NULL;
	spin_unlock(&blkdev_list_lock);
}

static int blkdev_enter(struct blkdev *bd)
{
	int err;

	if (blkdev_by_dev(bd->bd_dev) || blkdev_by_name(bd->bd_name))
		return -EEXIST;
	list_init(&bd->bd_bufs);
	err = blkfile_create(bd);
	if (err)
		return err;
	spin_lock(&blkdev_list_lock);
	list_add_tail(&bd->bd_link, &blkdevs);
	spin_unlock(&blkdev_list_lock);
	return 0;
}

/* The block device of a partition; on failure it is just not there. */
static void add_partition(struct blkdev *disk, const struct partition *p)
{
	struct blkdev *bd = kzalloc(sizeof(*bd) + 32);
	char *name = (char *)(bd + 1);

	if (!bd)
		return;
	*bd = (struct blkdev){
		.bd_name = name, .bd_sectors = p->pt_sectors, .bd_start = p->pt_start,
		.bd_partno = p->pt_number, .bd_disk = disk,
		.bd_block_size = disk->bd_block_size, .bd_max_segs = disk->bd_max_segs,
		.bd_max_sectors = disk->bd_max_sectors, .bd_readonly = disk->bd_readonly,
		.bd_can_fua = disk->bd_can_fua, .bd_can_discard = disk->bd_can_discard,
		.bd_write_cache = disk->bd_write_cache,
	};
	bd->bd_dev = p->pt_number < MINORS ? disk->bd_dev + p->pt_number :
		     MKDEV(EXT_MAJOR, (u32)atomic_fetch_add(&next_ext_minor, 1));
	/* "sda1", but "nvme0n1p1" where the disk's name ends with a digit. */
	snprintf(name, 32, "%s%s%u", disk->bd_name,
		 disk->bd_name[strlen(disk->bd_name) - 1] <= '9' ? "p" : "", p->pt_number);
	if (blkdev_enter(bd))
		kfree(bd);
}

static int read_sectors(void *disk, u64 sector, struct page *pg)
{
	return blk_rw_page(disk, BIO_READ, 0, sector, pg, 0, PAGE_SIZE);
}

/* What the new table says of a partition that is known: NULL if it is gone. */
static const struct partition *same_number(const struct partition *parts, int n, unsigned int no)
{
	for (int i = 0; i < n; i++)
		if (parts[i].pt_number == no)
			return &parts[i];
	return NULL;
}

/* Has a partition changed that is in use? */
static bool change_in_use(struct blkdev *disk, const struct partition *parts, int n)
{
	struct blkdev *bd = NULL;

	while ((bd = blkdev_next(bd))) {
		const struct partition *p = same_number(parts, n, bd->bd_partno);

		if (bd->bd_disk == disk && bd->bd_partno && bd->bd_holder &&
		    (!p || p->pt_start != bd->bd_start || p->pt_sectors != bd->bd_sectors))
			return true;
	}
	return false;
}

/* Make the known partitions agree with the table, and enter the others. */
static void change_partitions(struct blkdev *disk, const struct partition *parts, int n)
{
	struct blkdev *bd = NULL;

	while ((bd = blkdev_next(bd))) {
		const struct partition *p = same_number(parts, n, bd->bd_partno);

		if (bd->bd_disk != disk || !bd->bd_partno ||
		    (p && p->pt_start == bd->bd_start && p->pt_sectors == bd->bd_sectors))
			continue;
		buf_invalidate(bd);
		vm_object_truncate(&bd->bd_vnode->v_object, 0);
		bd->bd_start = p ? p->pt_start : 0;
		bd->bd_sectors = p ? p->pt_sectors : 0;
		blkfile_resize(bd);
	}
	for (int i = 0; i < n; i++)
		add_partition(disk, &parts[i]);
}

int blkdev_rescan(struct blkdev *disk)
{
	struct partition *parts;
	int n;

	if (disk->bd_partno)
		return -EINVAL;
	parts = kmalloc(MAX_PARTS * sizeof(*parts), ALLOC_WAIT);
	if (!parts)
		return -ENOMEM;
	n = partition_scan(read_sectors, disk, disk->bd_sectors, disk->bd_block_size,
			   parts, MAX_PARTS);
	if (n >= 0 && change_in_use(disk, parts, n))
		n = -EBUSY;
	if (n >= 0)
		change_partitions(disk, parts, n);
	kfree(parts);
	return n < 0 ? n : 0;
}

int blkdev_register(struct blkdev *bd)
{
	int err;

	KASSERT(bd->bd_ops && bd->bd_max_segs && bd->bd_block_size >= SECTOR_SIZE &&
		bd->bd_block_size <= PAGE_SIZE && bd->bd_max_sectors >= PAGE_SIZE / SECTOR_SIZE);
	bd->bd_disk = bd;
	bd->bd_ra_pages = VM_RA_DEFAULT;
	blk_queue_init(bd);
	err = blkdev_enter(bd);
	if (err)
		return err;
	printk(KERN_INFO "%s: %llu sectors of 512 bytes%s%s\n", bd->bd_name,
	       (unsigned long long)bd->bd_sectors, bd->bd_write_cache ? ", write cache" : "",
	       bd->bd_can_fua ? ", FUA" : "");
	err = blkdev_rescan(bd);
	if (err)
		printk(KERN_WARN "%s: cannot read the partition table (error %d)\n",
		       bd->bd_name, err);
	return 0;
}

/* ---- reports ---- */

static unsigned long long msec(nsec_t t)
{
	return t / NSEC_PER_MSEC;
}

/* Linux, Documentation/admin-guide/iostats.rst: 17 fields after the name. */
static void diskstats_line(struct statbuf *sb, struct blkdev *bd)
{
	const struct blk_stats *rd = &bd->bd_stats[BIO_READ], *wr = &bd->bd_stats[BIO_WRITE];
	const struct blk_stats *ds = &bd->bd_stats[BIO_DISCARD], *fl = &bd->bd_stats[BIO_FLUSH];
	struct blkdev *disk = bd->bd_disk;
	irqflags_t f = spin_lock_irqsave(&disk->bd_lock);
	unsigned int inflight = bd->bd_inflight;
	nsec_t busy = bd->bd_busy;
	struct blk_stats st[4] = { *rd, *wr, *ds, *fl };

	if (inflight)
		busy += clock_monotonic() - bd->bd_busy_since;
	spin_unlock_irqrestore(&disk->bd_lock, f);
	stat_printf(sb, "%4u %7u %s", DEV_MAJOR(bd->bd_dev), DEV_MINOR(bd->bd_dev), bd->bd_name);
	for (unsigned int i = 0; i < 2; i++)
		stat_printf(sb, " %llu %llu %llu %llu", (unsigned long long)st[i].ios,
			    (unsigned long long)st[i].merges,
			    (unsigned long long)st[i].sectors, msec(st[i].nsec));
	stat_printf(sb, " %u %llu %llu", inflight, msec(busy),
		    msec(st[0].nsec + st[1].nsec + st[2].nsec + st[3].nsec));
	stat_printf(sb, " %llu %llu %llu %llu %llu %llu\n", (unsigned long long)st[2].ios,
		    (unsigned long long)st[2].merges, (unsigned long long)st[2].sectors,
		    msec(st[2].nsec), (unsigned long long)st[3].ios, msec(st[3].nsec));
}

static void diskstats_show(struct statbuf *sb)
{
	struct blkdev *bd = NULL;

	while ((bd = blkdev_next(bd)))
		diskstats_line(sb, bd);
}

static void partitions_show(struct statbuf *sb)
{
	struct blkdev *bd = NULL;

	stat_printf(sb, "major minor  #blocks  name\n\n");
	while ((bd = blkdev_next(bd)))
		stat_printf(sb, "%4u  %7u %10llu %s\n", DEV_MAJOR(bd->bd_dev),
			    DEV_MINOR(bd->bd_dev), (unsigned long long)bd->bd_sectors / 2,
			    bd->bd_name);
}

static struct statreport diskstats_report = { .sr_name = "diskstats", .sr_show = diskstats_show };
static struct statreport partitions_report = {
	.sr_name = "partitions", .sr_show = partitions_show,
};

void blkdev_init(void)
{
	blkfile_init();
	buf_init();
	statreport_register(&diskstats_report);
	statreport_register(&partitions_report);
}
