/* SPDX-License-Identifier: MIT */
/*
 * Holes: where they are, filling them ahead of time, and making them.
 *
 * ext2 cannot mark a block as allocated but not yet written, so fallocate(2) writes
 * zeros, and space beyond the end of a file cannot be kept (e2fsck calls that an error):
 * FALLOC_FL_KEEP_SIZE there is refused with EOPNOTSUPP.
 *
 * A hole is made under pages that may be in memory, mapped, and being written. Mappings
 * get no page to write to meanwhile (the object is frozen), so that none gets a block:
 *  1. what is left of blocks at the hole's ends gets zeros, in memory;
 *  2. blocks are freed, and writes that were on their way to them waited for, in
 *     each handle (truncate.c), or before where there is no journal;
 *  3. pages that mappings can write to already become read-only to them by a write-back,
 *     which has nowhere to go but at the ends: a store waits for the thaw, and gets a new block;
 *  4. pages that are in memory get zeros.
 */
#include <abi/fcntl.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/blkdev.h"
#include "fs/ext2/ext2.h"
#include "fs/pagecache.h"
#include "kernel/core/sched.h"
#include "kernel/lib/string.h"

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

/* Bytes [from, to) of one page are zero. */
static void zero_bytes(struct page *pg, u64 from, u64 to)
{
	memset((u8 *)page_to_virt(pg) + from % PAGE_SIZE, 0, to - from);
}

/* Blocks for bytes [from, to) of one page; new ones are zero, and dirty. zero: all of them. */
static int fill_page(struct vnode *vn, u64 from, u64 to, bool zero)
{
	struct page *pg;
	int err = vm_object_getpage(&vn->v_object, from >> PAGE_SHIFT, &pg);

	if (err)
		return err;
	for (u64 at = round_down(from, (u64)ext2_of(vn)->fs_bsize); !err && at < to; ) {
		struct blkrun run;

		err = ext2_bmap(vn, at, to - at, true, &run);
		at += err ? 0 : run.br_bytes;
	}
	if (!err && zero) {
		zero_bytes(pg, from, to);
		vm_object_mark_dirty(&vn->v_object, pg);
	}
	page_put(pg);
	return err;
}

static int fill(struct vnode *vn, u64 from, u64 to, bool zero)
{
	int err = 0;

	while (from < to && !err) {
		u64 next = min(round_down(from, PAGE_SIZE) + PAGE_SIZE, to);

		err = fill_page(vn, from, next, zero);
		if (!err && signal_pending_slow(current))
			err = -EINTR;
		sched_relax();
		from = next;
	}
	return err;
}

/* What is in memory of bytes [from, to), which lie in a hole. */
static int zero_cached(struct vnode *vn, u64 from, u64 to)
{
	struct vm_object *vo = &vn->v_object;
	u64 index = from >> PAGE_SHIFT, end = DIV_ROUND_UP(to, PAGE_SIZE);

	for (;; index++) {
		struct page *pg;
		int err;

		spin_lock(&vo->vo_lock);
		index = vm_object_next_locked(vo, index, end);
		spin_unlock(&vo->vo_lock);
		if (index >= end)
			return 0;
		/* Waits for a page that is being read. */
		err = vm_object_getpage(vo, index, &pg);
		if (err)
			return err;
		zero_bytes(pg, max(from, index << PAGE_SHIFT), min(to, (index + 1) << PAGE_SHIFT));
		page_put(pg);
	}
}

/* Steps 2 and 3. */
static int free_hole(struct vnode *vn, u64 from, u64 to, u64 first, u64 last)
{
	struct vm_object *vo = &vn->v_object;
	u64 from_page = from >> PAGE_SHIFT, to_page = (to - 1) >> PAGE_SHIFT;
	int err = 0;

	if (first >= last)
		return 0;
	/*
	 * Without a journal blocks have a new owner as soon as they are free. Clean pages of a frozen
	 * object stay clean, so that no write can be on its way to them.
	 */
	if (!ext2_of(vn)->fs_journal)
		err = vm_object_writeback(vo, from_page, to_page);
	if (!err)
		err = ext2_free_hole(vn, first, last);
	/* Also after an error some blocks may be gone. */
	vm_object_writeback(vo, from_page, to_page);
	return err;
}

/* Bytes [from, to) become a hole, the blocks [first, last) in them are freed. */
static int punch_frozen(struct vnode *vn, u64 from, u64 to, u64 first, u64 last)
{
	u64 bsize = ext2_of(vn)->fs_bsize;
	int err = 0;

	/* The ends: parts of blocks, which stay. */
	if (from % bsize)
		err = pagecache_zero(vn, (s64)from, (s64)min(to, first * bsize));
	if (!err)
		err = pagecache_zero(vn, (s64)max(from, last * bsize), (s64)to);
	if (!err)
		err = free_hole(vn, from, to, first, last);
	return err || first >= last ? err : zero_cached(vn, first * bsize, last * bsize);
}

static int punch(struct vnode *vn, u64 from, u64 to)
{
	u64 bsize = ext2_of(vn)->fs_bsize, size = (u64)vn->v_size, last = to / bsize;
	int err;

	/* The last block goes whole, with what is behind the end. */
	if (to >= size) {
		to = size;
		last = DIV_ROUND_UP(size, bsize);
	}
	if (from >= to)
		return 0;
	vm_object_freeze(&vn->v_object);
	err = punch_frozen(vn, from, to, DIV_ROUND_UP(from, bsize), last);
	vm_object_thaw(&vn->v_object);
	return err;
}

/* vo_fallocate. */
int ext2_fallocate(struct vnode *vn, int mode, s64 off, s64 end)
{
	s64 old = vn->v_size;
	int err = 0;

	KASSERT(rwlock_write_held(&vn->v_lock));
	if (mode & FALLOC_FL_PUNCH_HOLE)
		return punch(vn, (u64)off, (u64)end);
	if ((mode & FALLOC_FL_KEEP_SIZE) && end > old)
		return -EOPNOTSUPP;
	if (end > old)
		err = ext2_truncate(vn, end);
	if (!err)
		err = fill(vn, (u64)off, (u64)end, mode & FALLOC_FL_ZERO_RANGE);
	if (err && end > old)
		(void)ext2_truncate(vn, old);
	return err;
}
