/* SPDX-License-Identifier: MIT */
/*
 * Block devices. Users (page cache, bufcache, journal, swap, /dev nodes) submit bios; blkdev.c
 * turns them into requests - neighbours merged, sorted by an elevator - and hands those to the
 * driver, which completes them from its interrupt. A partition is a blkdev whose bios are
 * shifted and passed on to its disk.
 *
 *	bio --blk_submit--> plug of the thread, or queue of the disk --bd_ops->queue--> driver
 *	    <--b_done------ blk_complete <------------------------- interrupt
 *
 * Order: none between requests that are in flight together. Who needs one waits for completion,
 * and for durability issues a flush (BIO_FLUSH, or BIO_PREFLUSH and BIO_FUA on a write).
 *
 * A bio carries the memory of a request (b_rq), so that submitting never allocates and never
 * fails for want of memory. Merged bios travel on the first one's.
 *
 * blkdev.c: devices, submission, plugs. blkqueue.c: merging, elevator, flushes, completion.
 *
 * Legend: [I] immutable, [q] the disk's bd_lock, [o] owner: the submitter before blk_submit()
 * and after b_done, the block layer in between.
 */
#ifndef FS_BLKDEV_H
#define FS_BLKDEV_H

#include <atomic.h>
#include <list.h>
#include <types.h>
#include "kernel/core/spinlock.h"
#include "kernel/lib/rbtree.h"
#include "kernel/x86/clock.h"

#define SECTOR_SHIFT	9
#define SECTOR_SIZE	512u

struct blkdev;
struct page;

enum bio_op { BIO_READ, BIO_WRITE, BIO_FLUSH, BIO_DISCARD };

/* b_flags */
#define BIO_FUA		0x01		/* write: done means on the medium */
#define BIO_PREFLUSH	0x02		/* write: first flush what was completed before */
#define BIO_SYNC	0x04		/* somebody waits: ahead of write-back in the elevator */
#define BIO_RAHEAD	0x08		/* read-ahead: the driver fails rather than retries */

struct bio_seg {
	struct page *bs_page;
	u32 bs_offset, bs_len;		/* within the page; multiples of SECTOR_SIZE */
};

/*
 * One command to the disk: merged bios of one operation on ascending neighbouring sectors. It is
 * gone as soon as the driver has called blk_complete().
 */
struct blk_request {
	struct list_head rq_link;	/* [q] queued or plugged by age, then the driver's */
	struct rb_node rq_node;		/* [q] queued by sector */
	struct list_head rq_bios;	/* [o] in order of sectors; empty: a flush */
	struct blkdev *rq_dev;		/* [I] the disk, never a partition */
	u8 rq_op, rq_flags;		/* [I] BIO_FUA kept, BIO_PREFLUSH already done */
	bool rq_nomerge;		/* [o] one bio of a larger request that failed */
	u16 rq_nsegs;			/* segments in all, at most bd_max_segs */
	u64 rq_sector;			/* first sector on the disk */
	u32 rq_sectors;
	u32 rq_retries;			/* the driver's */
	nsec_t rq_queued, rq_deadline;	/* for statistics; when the driver gives up on it */
	void *rq_driver;		/* the driver's */
};

struct bio {
	struct list_head b_link;	/* [o] the block layer's while submitted */
	struct blkdev *b_dev;		/* [o] */
	u8 b_op, b_flags;		/* [o] */
	u16 b_nsegs;			/* [o] */
	int b_error;			/* [o] 0 or -errno, when b_done runs */
	u64 b_sector;			/* [o] of b_dev; after blk_submit() the disk's */
	u32 b_bytes;			/* [o] sum of the segments; of the range for a discard */
	struct bio_seg *b_segs;		/* [o] the submitter's; lives until b_done */
	struct blk_request b_rq;	/* [o] the block layer's */
	/*
	 * Runs once, in interrupt context or in the submitter's: short, no sleep, no locks but
	 * those that interrupts may take. The bio is the submitter's again and may be freed.
	 */
	void (*b_done)(struct bio *b);
	void *b_private;		/* [o] the submitter's */
};

/* The driver's side. */
struct blk_ops {
	/*
	 * Start rq. True: taken, blk_complete() will follow. False: no free command slot now;
	 * the block layer tries again after the next blk_complete(). bd_lock held, interrupts
	 * off.
	 */
	bool (*bo_start)(struct blkdev *bd, struct blk_request *rq);
};

/* Requests that wait, of one class: somebody waits for them, or nobody does. */
struct blk_class {
	struct rb_root bc_tree;		/* [q] by sector */
	struct list_head bc_fifo;	/* [q] by age */
};

struct blk_stats {			/* as in /proc/diskstats; [q] */
	u64 ios, merges, sectors, nsec;
};

struct blkdev {
	const char *bd_name;		/* [I] "sda", "sda1" */
	u64 bd_dev;			/* [I] st_rdev */
	u64 bd_sectors;			/* [I] size */
	u32 bd_block_size;		/* [I] logical block, bytes (512) */
	u32 bd_max_segs, bd_max_sectors;/* [I] of one request, and so of one bio */
	u32 bd_ra_pages;		/* [a] disks only: read-ahead of files that are opened */
	bool bd_readonly, bd_can_fua, bd_can_discard, bd_write_cache;	/* [I] */
	struct blkdev *bd_disk;		/* [I] of a partition; a disk: itself */
	u64 bd_start;			/* [I] of a partition, in sectors */
	unsigned int bd_partno;		/* [I] 0: the disk */
	const struct blk_ops *bd_ops;	/* [I] disks only */
	void *bd_driver;		/* [I] */
	struct spinlock bd_lock;	/* queue; taken from interrupts */
	struct blk_class bd_class[2];	/* [q] requests not started: sync, async */
	u64 bd_head;			/* [q] where the last started request ends */
	unsigned int bd_passed;		/* [q] sync requests started while async ones wait */
	unsigned int bd_inflight;	/* [q] */
	nsec_t bd_busy_since, bd_busy;	/* [q] first of bd_inflight; time with any */
	struct blk_request bd_flush;	/* [q] the one flush that is wanted or running */
	struct list_head bd_flush_wait;	/* [q] bios for the next flush */
	struct list_head bd_flush_run;	/* [q] bios that bd_flush serves */
	bool bd_flush_wanted;		/* [q] bd_flush waits for the driver */
	struct blk_stats bd_stats[4];	/* [q] by enum bio_op; partitions count their own */
	struct list_head bd_link;	/* [blkdev_list_lock] */
	struct list_head bd_bufs;	/* dirty buffers, oldest first; bufcache.c's lock */
	unsigned int bd_bufs_busy;	/* being written; the same lock */
	u32 bd_wberr;			/* [a] errseq: failed writes of pages and buffers */
	struct vnode *bd_vnode;		/* [I] holds the device's pages: /dev/NAME and bufcache */
	atomic_t bd_openers;		/* [a] open files of it */
	void *bd_holder;		/* [blkdev_list_lock] mounted super block or swap: exclusive */
};

void blkdev_init(void);
/*
 * What the driver sets of a struct blkdev: bd_name, bd_dev (minor numbers up to bd_dev + 15
 * are its partitions'), bd_sectors, bd_block_size, bd_max_segs, bd_max_sectors, the flags,
 * bd_ops, bd_driver; the rest zero.
 */
/* Enter a disk, read its partition table, make /dev nodes. May sleep. -EEXIST, -ENOMEM. */
int blkdev_register(struct blkdev *bd);
/*
 * Read the partition table again: new partitions are entered, gone ones have no sectors any
 * more. -EBUSY: one that has changed is in use; -EINVAL: no disk.
 */
int blkdev_rescan(struct blkdev *bd);
/* By device number or by name ("sda1", "/dev/sda1"); NULL. Devices are never removed. */
struct blkdev *blkdev_by_dev(u64 dev);
struct blkdev *blkdev_by_name(const char *name);
/* All in order of registration; NULL: first. */
struct blkdev *blkdev_next(struct blkdev *prev);
/* Exclusive use (mount, swapon). -EBUSY. */
int blkdev_claim(struct blkdev *bd, void *holder);
void blkdev_release(struct blkdev *bd, void *holder);

/* Hand over a bio; b_done always follows, with -EIO for a range outside the device. No spin
 * lock held but those that interrupts may take; does not sleep. */
void blk_submit(struct bio *b);
/* The same and wait; b_done and b_private are ours. b_error. */
int blk_submit_wait(struct bio *b);
/* n pages' worth and less: read or write bytes at sector of one page, and wait. */
int blk_rw_page(struct blkdev *bd, enum bio_op op, u8 flags, u64 sector,
		struct page *pg, u32 offset, u32 len);
/* Everything completed so far is on the medium afterwards. May sleep. -EIO. */
int blk_flush(struct blkdev *bd);
/* Between these the thread's bios are collected, then sorted and merged in one go; nests.
 * Sleeping on a bio unplugs by itself. */
void blk_plug(void);
void blk_unplug(void);

/* From the driver's interrupt, bd_lock not held: rq is through. Starts what waits. */
void blk_complete(struct blk_request *rq, int error);

/* blkqueue.c for blkdev.c. */
void blk_queue_init(struct blkdev *disk);
/* A checked bio, b_sector the disk's; as far as it needs a flush first or is one. False: it is
 * a plain request now, b_rq, to be plugged or queued. */
bool blk_flush_join(struct blkdev *disk, struct bio *b);
void blk_queue(struct blk_request *rq);
/* Append rq to to, or put it in front, if both are one stretch. */
bool blk_merge(struct blk_request *to, struct blk_request *rq);

#endif
