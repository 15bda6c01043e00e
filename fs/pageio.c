/* SPDX-License-Identifier: MIT */
/*
 * Pages of files on block devices: the pager between mm/object.c and vo_bmap plus bios. Holes
 * and what lies behind the end of the file read as zeros.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/pageio.h"
#include "fs/vnode.h"
#include "kernel/lib/string.h"

/* One page, run by run. op BIO_READ zeroes what has no block, BIO_WRITE leaves that out. */
static int page_io(struct vm_object *vo, struct page *pg, u64 index, enum bio_op op)
{
	struct vnode *vn = vo->vo_owner;
	struct blkdev *bd = vnode_blkdev(vn);
	u64 start = index << PAGE_SHIFT, size = READ_ONCE(vo->vo_size);
	u64 end = min(start + PAGE_SIZE, max(start, round_up(size, SECTOR_SIZE)));
	u8 *data = page_to_virt(pg);
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
	if (op == BIO_READ && start + PAGE_SIZE > size)
		memset(data + (max(size, start) - start), 0,
		       PAGE_SIZE - (max(size, start) - start));
	return err;
}

static int pageio_fill(struct vm_object *vo, struct page *pg, u64 index)
{
	return page_io(vo, pg, index, BIO_READ);
}

static int pageio_write(struct vm_object *vo, struct page *pg, u64 index)
{
	return page_io(vo, pg, index, BIO_WRITE);
}

/* Allocate the blocks of the page, up to the end of the file. */
static int pageio_make_writable(struct vm_object *vo, u64 index)
{
	struct vnode *vn = vo->vo_owner;
	u64 pos = index << PAGE_SHIFT, end = pos + PAGE_SIZE;

	while (pos < end) {
		struct blkrun run;
		int err = vn->v_ops->vo_bmap(vn, pos, end - pos, true, &run);

		if (err)
			return err;
		pos += run.br_bytes;
	}
	return 0;
}

const struct vm_pager pageio_pager = {
	.vp_fill = pageio_fill,
	.vp_write = pageio_write,
	.vp_make_writable = pageio_make_writable,
	.vp_release = vnode_object_release,
	.vp_ident = vnode_object_ident,
};
