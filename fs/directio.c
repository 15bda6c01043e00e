/* SPDX-License-Identifier: MIT */
/*
 * O_DIRECT. The pages of the user's buffer are held by references while the disk reads or writes
 * them. Coherence with the page cache: dirty pages of the range are written out first, and for a
 * write all of them leave the cache before and after. Where a page cannot leave, because somebody
 * holds it, and where blocks would have to be allocated, the write stops short and the page cache
 * does the rest.
 *
 * Called by fs/pagecache.c and fs/blkfile.c. Locks: v_lock shared, so that transfers to one file
 * go on side by side; truncation takes it alone. A page fault on the buffer may bring in pages of
 * the same file: no lock that this needs is held.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/directio.h"
#include "fs/vnode.h"
#include "kernel/core/proc.h"
#include "kernel/lib/string.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"

#define SMALL_SEGS	4u		/* transfers of at most so many pages allocate nothing */
#define MAX_SEGS	256u

struct direct {
	struct vnode *d_vnode;
	struct blkdev *d_dev;
	bool d_write;
	unsigned int d_nsegs, d_max;
	struct bio_seg *d_segs;
	struct bio_seg d_small[SMALL_SEGS];
};

bool direct_aligned(struct vnode *vn, const struct uio *u)
{
	u64 bits = u->u_offset | u->u_resid;

	for (unsigned int i = 0; i < u->u_iovcnt; i++)
		bits |= (uintptr_t)u->u_iov[i].iov_base | u->u_iov[i].iov_len;
	return !(bits & (vnode_blkdev(vn)->bd_block_size - 1));
}

static void direct_begin(struct direct *d, struct vnode *vn, const struct uio *u, bool write)
{
	u64 pages = u->u_resid / PAGE_SIZE + u->u_iovcnt + 1;

	*d = (struct direct){ .d_vnode = vn, .d_dev = vnode_blkdev(vn), .d_write = write };
	d->d_max = (unsigned int)min(pages, (u64)min(d->d_dev->bd_max_segs, MAX_SEGS));
	if (d->d_max > SMALL_SEGS)
		d->d_segs = kmalloc(d->d_max * sizeof(d->d_segs[0]), ALLOC_WAIT);
	if (!d->d_segs) {
		d->d_segs = d->d_small;
		d->d_max = min(SMALL_SEGS, d->d_max);
	}
}

static void direct_end(struct direct *d)
{
	if (d->d_segs != d->d_small)
		kfree(d->d_segs);
}

/*
 * Pin the user's pages for up to n bytes from u on, without consuming u. Bytes, or -errno when
 * there is none.
 */
static ssize_t pin(struct direct *d, const struct uio *u, u64 n)
{
	struct vmspace *vm = current_proc()->p_vm;
	const struct iovec *iov = u->u_iov;
	size_t skip = u->u_seg_done, got = 0;
	int err = 0;

	n = min(n, (u64)d->d_dev->bd_max_sectors << SECTOR_SHIFT);
	while (got < n && d->d_nsegs < d->d_max) {
		vaddr_t at = (vaddr_t)iov->iov_base + skip;
		u32 part = (u32)min(min(PAGE_SIZE - at % PAGE_SIZE, n - got), iov->iov_len - skip);
		struct page *pg;

		if (!part) {
			iov++;
			skip = 0;
			continue;
		}
		err = vm_get_page(vm, at, d->d_write ? 0 : VF_WRITE, &pg);
		if (err)
			break;
		d->d_segs[d->d_nsegs++] = (struct bio_seg){ pg, (u32)(at % PAGE_SIZE), part };
		got += part;
		skip += part;
	}
	return got ? (ssize_t)got : err == -ENOMEM ? err : -EFAULT;
}

/* The disk has written to the pages: those of files are dirty (again). */
static void unpin(struct direct *d, const struct uio *u)
{
	const struct iovec *iov = u->u_iov;
	size_t skip = u->u_seg_done;

	for (unsigned int i = 0; i < d->d_nsegs; i++) {
		struct page *pg = d->d_segs[i].bs_page;

		while (skip == iov->iov_len) {
			iov++;
			skip = 0;
		}
		if (!d->d_write && pg->pg_flags & PG_CACHE)
			(void)vm_fault(current_proc()->p_vm, (vaddr_t)iov->iov_base + skip,
				       VF_WRITE);
		skip += d->d_segs[i].bs_len;
		page_put(pg);
	}
	d->d_nsegs = 0;
}

/* n bytes are through: step over them in u. */
static void consume(struct uio *u, size_t n)
{
	u->u_offset += n;
	u->u_resid -= n;
	while (n) {
		size_t part = min(n, u->u_iov->iov_len - u->u_seg_done);

		u->u_seg_done += part;
		n -= part;
		if (u->u_seg_done == u->u_iov->iov_len && u->u_iovcnt > 1) {
			u->u_iov++;
			u->u_iovcnt--;
			u->u_seg_done = 0;
		}
	}
}

static int transfer(struct direct *d, const struct uio *u, u64 sector, u32 n)
{
	struct bio b = {
		.b_dev = d->d_dev, .b_op = d->d_write ? BIO_WRITE : BIO_READ,
		.b_flags = BIO_SYNC, .b_nsegs = (u16)d->d_nsegs, .b_sector = sector,
		.b_bytes = n, .b_segs = d->d_segs,
	};
	int err = blk_submit_wait(&b);

	unpin(d, u);
	return err;
}

/* The next stretch: one run of blocks, as many pages as fit. Bytes, 0: a hole to be written. */
static ssize_t step(struct direct *d, struct uio *u, u64 n)
{
	struct blkrun run;
	ssize_t got;
	int err = d->d_vnode->v_ops->vo_bmap(d->d_vnode, u->u_offset, n, false, &run);

	if (err)
		return err;
	n = min(n, run.br_bytes);
	if (run.br_sector == BLKRUN_HOLE) {
		if (d->d_write)
			return 0;
		n = min(n, (u64)(u->u_iov->iov_len - u->u_seg_done));
		got = uio_zero_out(u, n);
		return got ? got : (ssize_t)n;
	}
	got = pin(d, u, n);
	if (got < 0)
		return got;
	err = transfer(d, u, run.br_sector, (u32)got);
	if (err)
		return err;
	consume(u, (size_t)got);
	return got;
}

static ssize_t run_all(struct direct *d, struct uio *u, u64 n)
{
	ssize_t done = 0, got = 0;

	while ((u64)done < n) {
		/* Empty segments have nothing to pin. */
		while (u->u_seg_done == u->u_iov->iov_len && u->u_iovcnt > 1) {
			u->u_iov++;
			u->u_iovcnt--;
			u->u_seg_done = 0;
		}
		got = step(d, u, n - (u64)done);
		if (got <= 0)
			break;
		done += got;
	}
	return done ? done : got;
}

/* Pages of the range that are dirty go to the disk. */
static void write_cached(struct vm_object *vo, u64 from, u64 n)
{
	if (READ_ONCE(vo->vo_npages))
		vm_object_writeback(vo, from >> PAGE_SHIFT, (from + n - 1) >> PAGE_SHIFT);
}

ssize_t direct_read(struct vnode *vn, struct uio *u)
{
	u32 block = vnode_blkdev(vn)->bd_block_size;
	u64 from = u->u_offset, size, n;
	struct direct d;
	ssize_t ret = 0;

	direct_begin(&d, vn, u, false);
	rwlock_read(&vn->v_lock);
	size = (u64)vn->v_size;
	if (from < size && u->u_resid) {
		/* The last block is read as a whole; what lies behind the end is not told of. */
		n = min((u64)u->u_resid, round_up(size - from, block));
		write_cached(&vn->v_object, from, n);
		ret = run_all(&d, u, n);
		if (ret > 0 && (u64)ret > size - from) {
			u->u_resid += (u64)ret - (size - from);
			u->u_offset = size;
			ret = (ssize_t)(size - from);
		}
	}
	rwlock_read_unlock(&vn->v_lock);
	direct_end(&d);
	return ret;
}

/* The pages of the range leave the cache. False: somebody holds one. */
static bool uncache(struct vm_object *vo, u64 from, u64 n)
{
	return !READ_ONCE(vo->vo_npages) ||
	       vm_object_uncache(vo, from >> PAGE_SHIFT, (from + n - 1) >> PAGE_SHIFT);
}

ssize_t direct_write(struct vnode *vn, struct uio *u)
{
	struct vm_object *vo = &vn->v_object;
	u64 from = u->u_offset, size, n;
	struct direct d;
	ssize_t ret = 0;

	direct_begin(&d, vn, u, true);
	rwlock_read(&vn->v_lock);
	size = round_down((u64)vn->v_size, d.d_dev->bd_block_size);
	if (from < size) {
		n = min((u64)u->u_resid, size - from);
		write_cached(vo, from, n);
		if (uncache(vo, from, n))
			ret = run_all(&d, u, n);
		/* What a reader has brought in meanwhile, or is bringing in, is old. */
		if (READ_ONCE(vo->vo_npages))
			vm_object_invalidate(vo, from >> PAGE_SHIFT, (from + n - 1) >> PAGE_SHIFT);
	}
	rwlock_read_unlock(&vn->v_lock);
	direct_end(&d);
	return ret;
}
