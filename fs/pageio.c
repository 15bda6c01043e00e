/* SPDX-License-Identifier: MIT */
/*
 * Pages of files on block devices: the pager between mm/object.c and vo_bmap plus bios. Data moves
 * by DMA between the disk and the pages of the object.
 *
 * Pages in one run of blocks make one bio; its interrupt answers them all (vm_page_answer) and
 * wakes whom that concerns. A page that is not in one run - blocks smaller than pages, scattered,
 * or a hole among them - is read or written piece by piece, and waited for. Holes read as zeros and
 * are not written: before a page is changed its blocks are allocated (vp_make_writable). What lies
 * behind the end of the file reads as zeros and is not written.
 *
 * Locks: none. vo_bmap may sleep. Interrupts: io_done().
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/pageio.h"
#include "fs/vnode.h"
#include "fs/writeback.h"
#include "kernel/lib/errseq.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

/* Pages that are read or written together. */
struct page_io {
	struct bio pi_bio;
	const struct vm_object *pi_object;	/* for the wake-up; may be gone by then */
	u32 pi_zero;			/* bytes at the end of the last page that read as zeros */
	struct bio_seg pi_segs[];	/* each a stretch of physical memory */
};

static void io_done(struct bio *b);

/* Write len bytes of one page; for retry(). */
static bool retry_page(const struct page_io *failed, struct page *pg, u64 sector, u32 len)
{
	struct page_io *pi = kmalloc(sizeof(*pi) + sizeof(pi->pi_segs[0]), ALLOC_ATOMIC);

	if (!pi)
		return false;
	pi->pi_object = failed->pi_object;
	pi->pi_zero = 0;
	pi->pi_segs[0] = (struct bio_seg){ pg, 0, len };
	pi->pi_bio = (struct bio){
		.b_dev = failed->pi_bio.b_dev, .b_op = BIO_WRITE,
		.b_flags = failed->pi_bio.b_flags, .b_nsegs = 1, .b_sector = sector,
		.b_bytes = len, .b_segs = pi->pi_segs, .b_done = io_done,
	};
	blk_submit(&pi->pi_bio);
	return true;
}

/*
 * A write of several pages has failed: each tries for itself, so that one bad sector costs one
 * page. Reads need no such thing, since who wants a page reads it again.
 */
static void retry(const struct page_io *pi)
{
	const struct bio *b = &pi->pi_bio;
	u64 sector = b->b_sector - b->b_dev->bd_start;

	for (unsigned int i = 0; i < b->b_nsegs; i++) {
		struct page *pg = b->b_segs[i].bs_page;

		for (u32 left = b->b_segs[i].bs_len, len; left; left -= len, pg++) {
			len = min(left, (u32)PAGE_SIZE);
			if (!retry_page(pi, pg, sector, len))
				vm_page_answer(pg, -ENOMEM);
			sector += len >> SECTOR_SHIFT;
		}
	}
}

/* Answer the pages of a bio; interrupt context. */
static void io_done(struct bio *b)
{
	struct page_io *pi = container_of(b, struct page_io, pi_bio);
	const struct vm_object *vo = pi->pi_object;

	if (unlikely(b->b_error) && b->b_op == BIO_WRITE) {
		if (b->b_bytes > PAGE_SIZE) {
			retry(pi);
			kfree(pi);
			vm_object_wake(vo);
			return;
		}
		errseq_set(&b->b_dev->bd_wberr, b->b_error);
	}
	for (unsigned int i = 0; i < b->b_nsegs; i++) {
		const struct bio_seg *s = &b->b_segs[i];
		unsigned int n = DIV_ROUND_UP(s->bs_len, PAGE_SIZE);

		if (i == b->b_nsegs - 1u && pi->pi_zero)
			memset((u8 *)page_to_virt(s->bs_page + n) - pi->pi_zero, 0, pi->pi_zero);
		for (unsigned int k = 0; k < n; k++)
			vm_page_answer(s->bs_page + k, b->b_error);
	}
	kfree(pi);
	vm_object_wake(vo);
}

/* Add len bytes of pg to the bio: a new segment, unless it goes on where the last one ends. */
static void add_page(struct bio *b, struct page *pg, u32 len)
{
	struct bio_seg *s = b->b_nsegs ? &b->b_segs[b->b_nsegs - 1] : NULL;

	if (s && pg == s->bs_page + s->bs_len / PAGE_SIZE && s->bs_len % PAGE_SIZE == 0)
		s->bs_len += len;
	else
		b->b_segs[b->b_nsegs++] = (struct bio_seg){ pg, 0, len };
	b->b_bytes += len;
}

/*
 * One bio for pages that lie in one run from sector on; bytes of it belong to the file. How many
 * pages it took, 0: no memory.
 */
static unsigned int start_io(struct vm_object *vo, enum bio_op op, u8 flags, struct page **pages,
			     unsigned int n, u64 sector, u64 bytes)
{
	struct blkdev *bd = vnode_blkdev(vo->vo_owner);
	struct page_io *pi;
	unsigned int i;

	n = min(n, min(bd->bd_max_segs, bd->bd_max_sectors / (u32)(PAGE_SIZE / SECTOR_SIZE)));
	pi = kmalloc(sizeof(*pi) + n * sizeof(pi->pi_segs[0]), ALLOC_NOWAIT);
	if (!pi)
		return 0;
	pi->pi_object = vo;
	pi->pi_zero = 0;
	pi->pi_bio = (struct bio){
		.b_dev = bd, .b_op = (u8)op, .b_sector = sector, .b_segs = pi->pi_segs,
		.b_done = io_done, .b_flags = flags,
	};
	for (i = 0; i < n; i++) {
		u64 left = bytes - i * PAGE_SIZE;
		u32 len = left < PAGE_SIZE ? (u32)round_up(left, bd->bd_block_size) : PAGE_SIZE;

		if (left < PAGE_SIZE && op == BIO_READ)
			pi->pi_zero = (u32)(PAGE_SIZE - left);
		add_page(&pi->pi_bio, pages[i], len);
	}
	blk_submit(&pi->pi_bio);
	return n;
}

/* One page piece by piece, and wait. */
static int piecewise(struct vm_object *vo, struct page *pg, u64 index, enum bio_op op)
{
	struct vnode *vn = vo->vo_owner;
	struct blkdev *bd = vnode_blkdev(vn);
	u64 start = index << PAGE_SHIFT, size = READ_ONCE(vo->vo_size);
	u64 end = op == BIO_WRITE ? start + PAGE_SIZE :
		  min(start + PAGE_SIZE, max(start, round_up(size, bd->bd_block_size)));
	u8 *data = page_to_virt(pg);
	u64 tail = min(start + PAGE_SIZE, max(start, size)) - start;
	int err = 0;

	for (u64 pos = start; pos < end && !err; ) {
		struct blkrun run;
		u32 at = (u32)(pos - start), n;

		err = vn->v_ops->vo_bmap(vn, pos, end - pos, false, &run);
		if (err)
			break;
		n = (u32)min(run.br_bytes, end - pos);
		if (run.br_sector != BLKRUN_HOLE)
			err = blk_rw_page(bd, op, 0, run.br_sector, pg, at, n);
		else if (op == BIO_READ)
			memset(data + at, 0, n);
		pos += n;
	}
	if (op == BIO_READ)
		memset(data + tail, 0, PAGE_SIZE - tail);
	return err;
}

/*
 * Start with the first of n pages, and those that lie in one run with it. How many are taken care
 * of.
 */
static unsigned int start_run(struct vm_object *vo, enum bio_op op, u8 flags,
			      struct page **pages, u64 index, unsigned int n, u64 size)
{
	struct vnode *vn = vo->vo_owner;
	u64 pos = index << PAGE_SHIFT, bytes;
	unsigned int count, done = 0;
	struct blkrun run;
	int err;

	bytes = pos < size ? min((u64)n << PAGE_SHIFT, size - pos) : 0;
	if (!bytes) {
		err = op == BIO_READ ? piecewise(vo, pages[0], index, op) : 0;
		vm_page_answer(pages[0], err);
		return 1;
	}
	err = vn->v_ops->vo_bmap(vn, pos, round_up(bytes, PAGE_SIZE), false, &run);
	if (err) {
		vm_page_answer(pages[0], err);
		return 1;
	}
	/* Whole pages, and the last one of the file as far as the file goes. */
	if (run.br_bytes >= bytes)
		count = (unsigned int)DIV_ROUND_UP(bytes, PAGE_SIZE);
	else
		count = (unsigned int)(run.br_bytes >> PAGE_SHIFT);
	/* Blocks are written whole: what is behind the end on disk shows when the file grows. */
	if (op == BIO_WRITE)
		bytes = min(run.br_bytes, (u64)count << PAGE_SHIFT);
	if (count && run.br_sector != BLKRUN_HOLE)
		done = start_io(vo, op, flags, pages, count, run.br_sector, bytes);
	if (count && run.br_sector == BLKRUN_HOLE) {
		for (; done < count; done++) {
			if (op == BIO_READ)
				memset(page_to_virt(pages[done]), 0, PAGE_SIZE);
			vm_page_answer(pages[done], 0);
		}
	}
	if (!done) {
		vm_page_answer(pages[0], piecewise(vo, pages[0], index, op));
		done = 1;
	}
	return done;
}

static void start_all(struct vm_object *vo, enum bio_op op, u8 flags, struct page **pages,
		      u64 index, unsigned int n)
{
	u64 size = READ_ONCE(vo->vo_size);

	if (n > 1)
		blk_plug();
	for (unsigned int i = 0; i < n; )
		i += start_run(vo, op, flags, pages + i, index + i, n - i, size);
	if (n > 1)
		blk_unplug();
	vm_object_wake(vo);
}

static void pageio_read(struct vm_object *vo, struct page **pages, u64 index, unsigned int n,
			bool ahead)
{
	start_all(vo, BIO_READ, ahead ? BIO_RAHEAD : 0, pages, index, n);
}

/* Stores behind the end of the file, through mappings of its last page, are not the file's. */
static void zero_behind(struct vm_object *vo, struct page **pages, u64 index, unsigned int n)
{
	u64 size = READ_ONCE(vo->vo_size), last = size >> PAGE_SHIFT;
	u32 in_page = (u32)(size % PAGE_SIZE);

	if (in_page && last >= index && last - index < n)
		memset((u8 *)page_to_virt(pages[last - index]) + in_page, 0, PAGE_SIZE - in_page);
}

static void pageio_write(struct vm_object *vo, struct page **pages, u64 index, unsigned int n)
{
	zero_behind(vo, pages, index, n);
	start_all(vo, BIO_WRITE, writeback_bio_flags(), pages, index, n);
}

/* Allocate the blocks of a page up to where it will be written. */
static int pageio_make_writable(struct vm_object *vo, u64 from, u64 to)
{
	struct vnode *vn = vo->vo_owner;
	u64 pos = round_down(from, PAGE_SIZE);

	writeback_throttle(vn);
	while (pos < to) {
		struct blkrun run;
		int err = vn->v_ops->vo_bmap(vn, pos, to - pos, true, &run);

		if (err)
			return err;
		pos += run.br_bytes;
	}
	return 0;
}

static void pageio_dirtied(struct vm_object *vo)
{
	vnode_dirtied(vo->vo_owner);
}

static int pageio_sync(struct vm_object *vo, u64 first, u64 last)
{
	struct vnode *vn = vo->vo_owner;
	int err = 0, late;

	vm_object_writeback(vo, first, last);
	if (vn->v_ops->vo_fsync)
		err = vn->v_ops->vo_fsync(vn, true);
	late = errseq_check(&vo->vo_wberr, &vo->vo_mapwberr);
	return err || late ? -EIO : 0;
}

/* Pages that a mapping changed after the file system was unmounted from its place. */
static void pageio_last(struct vm_object *vo)
{
	const struct vnode *vn = vo->vo_owner;

	if (vn->v_nlink)
		vm_object_writeback(vo, 0, ~0ul);
}

const struct vm_pager pageio_pager = {
	.vp_read = pageio_read,
	.vp_write = pageio_write,
	.vp_make_writable = pageio_make_writable,
	.vp_dirtied = pageio_dirtied,
	.vp_sync = pageio_sync,
	.vp_last = pageio_last,
	.vp_release = vnode_object_release,
	.vp_ident = vnode_object_ident,
};
