/* SPDX-License-Identifier: MIT */
/*
 * Holes: where they are, and filling them ahead of time.
 *
 * ext2 cannot mark a block as allocated but not yet written, so fallocate(2) writes
 * zeros, and space beyond the end of a file cannot be kept: FALLOC_FL_KEEP_SIZE
 * there, and the modes that make holes, are refused with EOPNOTSUPP.
 */
#include <abi/fcntl.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/blkdev.h"
#include "fs/ext2/ext2.h"
#include "kernel/core/sched.h"

/* vo_seek_data. */
s64 ext2_seek_data(struct vnode *vn, s64 off, bool hole)
{
	u64 pos = round_down((u64)off, (u64)ext2_of(vn)->fs_bsize), size = (u64)vn->v_size;

	KASSERT(rwlock_held(&vn->v_lock));
	while (pos < size) {
		struct blkrun run;
		int err = ext2_bmap(vn, pos, size - pos, false, &run);

		if (err)
			return err;
		if ((run.br_sector == BLKRUN_HOLE) == hole)
			return (s64)max((u64)off, pos);
		pos += run.br_bytes;
	}
	return vn->v_size;
}

/* Blocks for bytes [from, to) of one page; new ones are zero, and dirty. */
static int fill_page(struct vnode *vn, u64 from, u64 to)
{
	struct page *pg;
	int err = vm_object_getpage(&vn->v_object, from >> PAGE_SHIFT, &pg);

	if (err)
		return err;
	from = round_down(from, (u64)ext2_of(vn)->fs_bsize);
	while (!err && from < to) {
		struct blkrun run;

		err = ext2_bmap(vn, from, to - from, true, &run);
		from += err ? 0 : run.br_bytes;
	}
	page_put(pg);
	return err;
}

/* vo_fallocate. */
int ext2_fallocate(struct vnode *vn, int mode, s64 off, s64 end)
{
	s64 old = vn->v_size;
	int err = 0;

	KASSERT(rwlock_write_held(&vn->v_lock));
	if ((mode & ~FALLOC_FL_KEEP_SIZE) || (mode && end > old))
		return -EOPNOTSUPP;
	if (end > old)
		err = ext2_truncate(vn, end);
	for (u64 at = (u64)off; at < (u64)end && !err; ) {
		u64 to = min(round_down(at, PAGE_SIZE) + PAGE_SIZE, (u64)end);

		err = fill_page(vn, at, to);
		if (!err && signal_pending_slow(current))
			err = -EINTR;
		sched_relax();
		at = to;
	}
	if (err && end > old)
		(void)ext2_truncate(vn, old);
	return err;
}
