/* SPDX-License-Identifier: MIT */
/*
 * Write-back. Vnodes with dirty pages are on a list of their super block, oldest first (vnode.c);
 * dirty metadata blocks on lists of their devices (bufcache.c).
 *
 *	flusher	  every dirty_writeback_centisecs: what is older than dirty_expire_centisecs,
 *		  and the file systems' own (ft_sync: a journal commits);
 *		  all of it while more than dirty_background_ratio of memory is dirty
 *	writers	  above dirty_ratio: write their own file's pages and wait
 *	fsync	  the pages of one file, its inode, the disk's cache
 *
 * A vnode is taken off the list before it is written, and entered again when pages are dirty still
 * or again; mm/objwrite.c tells only of the first dirty page (vp_dirtied).
 *
 * Locks: flush_lock (spin) for the flusher's sleep. No lock is held over I/O, but mount_list's
 * where super blocks are walked, which nothing that writes takes.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/bufcache.h"
#include "fs/mount.h"
#include "fs/report.h"
#include "fs/vnode.h"
#include "fs/writeback.h"
#include "kernel/core/panic.h"
#include "kernel/core/statreg.h"
#include "kernel/core/thread.h"
#include "kernel/lib/errseq.h"
#include "mm/object.h"
#include "mm/page.h"

#define THROTTLE_PAGES	256		/* a writer above the limit writes that many */
#define THROTTLE_SLEEP	(10 * NSEC_PER_MSEC)

static struct spinlock flush_lock = SPINLOCK_INIT("flusher", RANK_FS);
static struct waitq flush_wq = WAITQ_INIT(flush_wq);
static bool flush_wanted;		/* [flush_lock] */
static struct thread *flusher;		/* [I] */

/* /proc/sys/vm/dirty_*: plain numbers, read without a lock. */
static u32 background_ratio = 10, ratio = 20;	/* per cent of memory */
static u32 expire_centisecs = 3000, writeback_centisecs = 500;

static u64 limit_pages(u32 percent)
{
	return page_total() * percent / 100;
}

u8 writeback_bio_flags(void)
{
	return current == flusher ? 0 : BIO_SYNC;
}

/* ---- one vnode ---- */

int vnode_write_data(struct vnode *vn)
{
	struct vm_object *vo = &vn->v_object;
	u32 before;
	int err;

	if (!vo->vo_owner)
		return 0;
	before = READ_ONCE(vo->vo_wberr) & ~ERRSEQ_SEEN;
	err = vm_object_writeback(vo, 0, ~0ul);
	if (err)
		return err;
	return (READ_ONCE(vo->vo_wberr) & ~ERRSEQ_SEEN) == before ? 0 : -EIO;
}

int vnode_fsync(struct vnode *vn, struct file *f, u64 from, u64 to, bool datasync)
{
	struct vm_object *vo = &vn->v_object;
	int err = 0, late;

	vm_object_writeback(vo, from >> PAGE_SHIFT, to >> PAGE_SHIFT);
	if (vn->v_ops->vo_fsync)
		err = vn->v_ops->vo_fsync(vn, datasync);
	late = errseq_check(&vo->vo_wberr, &f->f_wberr);
	return err ? err : late;
}

/* ---- file systems and devices ---- */

/* Start writing the vnodes that have been dirty since before; they may be dirty again. */
static void start_vnodes(struct superblock *sb, nsec_t before)
{
	struct vnode *vn;

	while ((vn = vnode_next_dirty(sb, before)) != NULL) {
		struct vm_object *vo = &vn->v_object;

		(void)vm_object_start_write(vo, 0, ~0ul, ~0ul);
		/*
		 * What became dirty while others were dirty has not been told of. And what is
		 * being written is to be looked at once more, so that it is settled.
		 */
		if (READ_ONCE(vo->vo_ndirty) || !list_empty(&vo->vo_writing))
			vnode_dirtied(vn);
		vnode_put(vn);
	}
}

/* Also for what somebody else has begun to write, and taken off the list for that. */
static bool wait_object(struct vm_object *vo)
{
	if (READ_ONCE(vo->vo_ndirty) || !list_empty(&vo->vo_writing))
		vm_object_writeback(vo, 0, ~0ul);
	return false;
}

int superblock_sync(struct superblock *sb, bool wait)
{
	nsec_t now = clock_monotonic();

	start_vnodes(sb, now);
	if (wait && (sb->sb_bdev || sb == blkfile_superblock()))
		(void)vnode_any_object(sb, wait_object);
	return sb->sb_type->ft_sync ? sb->sb_type->ft_sync(sb, wait) : 0;
}

void blkdev_sync_all(bool wait)
{
	struct blkdev *bd = NULL;

	superblock_sync(blkfile_superblock(), wait);
	while (wait && (bd = blkdev_next(bd))) {
		(void)buf_sync(bd);
		if (bd == bd->bd_disk)
			(void)blk_flush(bd);
	}
}

/* ---- the flusher ---- */

static void flush_superblock(struct superblock *sb, void *arg)
{
	start_vnodes(sb, *(nsec_t *)arg);
}

static void sync_metadata(struct superblock *sb, void *arg)
{
	(void)arg;
	if (sb->sb_type->ft_sync)
		(void)sb->sb_type->ft_sync(sb, false);
}

/* One round: everything that has been dirty since before. */
static void flush_round(nsec_t before)
{
	struct blkdev *bd = NULL;

	superblock_for_each(flush_superblock, &before);
	flush_superblock(blkfile_superblock(), &before);
	while ((bd = blkdev_next(bd)))
		(void)buf_flush(bd, before);
}

static bool too_much(u32 percent)
{
	return vm_dirty_pages() + vm_writing_pages() > limit_pages(percent);
}

static __noreturn void flusher_main(void *arg)
{
	(void)arg;
	/* Most of what it does makes memory free. */
	current->t_reserve = true;
	for (;;) {
		nsec_t interval = (nsec_t)READ_ONCE(writeback_centisecs) * (10 * NSEC_PER_MSEC);
		nsec_t age = (nsec_t)READ_ONCE(expire_centisecs) * (10 * NSEC_PER_MSEC);
		nsec_t now = clock_monotonic();

		spin_lock(&flush_lock);
		while (!flush_wanted && clock_monotonic() < now + interval)
			(void)waitq_sleep_as(&flush_wq, &flush_lock, THREAD_BLOCKED, false,
					     interval ? now + interval : NSEC_NEVER);
		flush_wanted = false;
		spin_unlock(&flush_lock);
		now = clock_monotonic();
		superblock_for_each(sync_metadata, NULL);
		flush_round(now > age ? now - age : 0);
		if (too_much(READ_ONCE(background_ratio)))
			flush_round(now);
	}
}

static void flusher_wake(void)
{
	if (READ_ONCE(flush_wanted))
		return;
	spin_lock(&flush_lock);
	flush_wanted = true;
	waitq_wake_all(&flush_wq, 0);
	spin_unlock(&flush_lock);
}

void writeback_throttle(struct vnode *vn)
{
	struct vm_object *vo = &vn->v_object;

	if (likely(!too_much(READ_ONCE(background_ratio))))
		return;
	flusher_wake();
	/* Once is enough to be slowed down; a mapping of a page at a time comes again. */
	if (!too_much(READ_ONCE(ratio)))
		return;
	if (vm_object_start_write(vo, 0, ~0ul, THROTTLE_PAGES)) {
		vm_object_wait_write(vo, 0, ~0ul);
		return;
	}
	spin_lock(&flush_lock);
	(void)waitq_sleep_as(&flush_wq, &flush_lock, THREAD_KILLABLE, false,
			     clock_monotonic() + THROTTLE_SLEEP);
	spin_unlock(&flush_lock);
}

/* ---- /proc/sys/vm ---- */

#define TUNABLE(name, variable, max) \
	REPORT_NUMBER(name, "sys/vm/", variable, max, flusher_wake())

TUNABLE(dirty_background_ratio, background_ratio, 100);
TUNABLE(dirty_ratio, ratio, 100);
TUNABLE(dirty_expire_centisecs, expire_centisecs, UINT32_MAX);
TUNABLE(dirty_writeback_centisecs, writeback_centisecs, UINT32_MAX);

void writeback_init(void)
{
	if (kthread_create(flusher_main, NULL, "flusher", &flusher))
		panic("no memory for the flusher");
	statreport_register(&report_dirty_background_ratio);
	statreport_register(&report_dirty_ratio);
	statreport_register(&report_dirty_expire_centisecs);
	statreport_register(&report_dirty_writeback_centisecs);
}
