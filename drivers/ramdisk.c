/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory, /dev/ram0, for tests of the block layer without hardware: the command-line
 * word ramdisk=MB asks for it. Requests are answered from a timer's interrupt, as a disk answers.
 *
 * Commands: SLOTS of them, each free or under way. Locks: bd_lock, under which bo_start runs;
 * a slot is free again when its timer handler clears sl_rq.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "boot/bootinfo.h"
#include "drivers/init.h"
#include "fs/blkdev.h"
#include "fs/chrdev.h"
#include "kernel/core/printk.h"
#include "kernel/core/timer.h"
#include "kernel/core/workq.h"
#include "kernel/lib/cmdline.h"
#include "kernel/lib/string.h"
#include "mm/page.h"
#include "mm/vmalloc.h"

#define SLOTS		8
#define RAMDISK_MAJOR	1

struct slot {
	struct timer sl_timer;
	struct blk_request *sl_rq;	/* NULL: free */
};

static struct slot slots[SLOTS];
static u8 *memory;			/* [I] */
static struct blkdev ram0;
static struct work register_work;

/* The data of a request, one way or the other. */
static void transfer(struct blk_request *rq)
{
	u8 *at = memory + (rq->rq_sector << SECTOR_SHIFT);
	struct bio *b;

	list_for_each_entry(b, &rq->rq_bios, b_link) {
		for (unsigned int i = 0; i < b->b_nsegs && rq->rq_op <= BIO_WRITE; i++) {
			const struct bio_seg *s = &b->b_segs[i];
			u8 *mem = (u8 *)page_to_virt(s->bs_page) + s->bs_offset;

			if (rq->rq_op == BIO_READ)
				memcpy(mem, at, s->bs_len);
			else
				memcpy(at, mem, s->bs_len);
			at += s->bs_len;
		}
		if (rq->rq_op == BIO_DISCARD)
			memset(memory + (b->b_sector << SECTOR_SHIFT), 0, b->b_bytes);
	}
}

static void ram_done(struct timer *t)
{
	struct slot *sl = container_of(t, struct slot, sl_timer);
	struct blk_request *rq = sl->sl_rq;

	transfer(rq);
	smp_store_release(&sl->sl_rq, NULL);
	blk_complete(rq, 0);
}

static bool ram_start(struct blkdev *bd, struct blk_request *rq)
{
	KASSERT(lock_held(&bd->bd_lock));
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (smp_load_acquire(&slots[i].sl_rq))
			continue;
		slots[i].sl_rq = rq;
		timer_set(&slots[i].sl_timer, clock_monotonic());
		return true;
	}
	return false;
}

static const struct blk_ops ram_ops = {
	.bo_start = ram_start,
};

static void ram_register(struct work *w)
{
	int err = blkdev_register(&ram0);

	(void)w;
	if (err)
		printk(KERN_ERR "ram0: error %d\n", err);
}

void ramdisk_init(void)
{
	u64 mb = cmdline_get_u64(bootinfo.bi_cmdline, "ramdisk", 0);

	if (!mb || mb > 1024)
		return;
	memory = vmalloc(mb << 20);
	if (!memory) {
		printk(KERN_ERR "ram0: no memory for %llu MiB\n", (unsigned long long)mb);
		return;
	}
	memset(memory, 0, mb << 20);
	for (unsigned int i = 0; i < SLOTS; i++)
		timer_setup(&slots[i].sl_timer, ram_done);
	ram0 = (struct blkdev){
		.bd_name = "ram0", .bd_dev = MKDEV(RAMDISK_MAJOR, 0),
		.bd_sectors = mb << (20 - SECTOR_SHIFT), .bd_block_size = SECTOR_SIZE,
		.bd_max_segs = 128, .bd_max_sectors = 2048, .bd_ops = &ram_ops,
		.bd_can_discard = true, .bd_write_cache = true,
	};
	/* Reading the partition table sleeps, and at boot there is no thread yet that may. */
	work_setup(&register_work, ram_register);
	work_queue(&register_work);
}
