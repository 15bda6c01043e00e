/* SPDX-License-Identifier: MIT */
/*
 * Block devices as files. A device has one vnode, bd_vnode, whose object holds its pages; all
 * nodes for it, in /dev or elsewhere, read, write and map these, and so does the buffer cache.
 *
 * The vnode belongs to a super block that is never mounted. Locks: as in fs/pagecache.c, on
 * bd_vnode.
 */
#include <abi/ioctl.h>
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/bufcache.h"
#include "fs/chrdev.h"
#include "fs/devfs/devfs.h"
#include "fs/directio.h"
#include "fs/mount.h"
#include "fs/pagecache.h"
#include "fs/pageio.h"
#include "fs/vnode.h"
#include "fs/writeback.h"
#include "kernel/core/thread.h"
#include "kernel/lib/errseq.h"
#include "kernel/lib/string.h"
#include "mm/uaccess.h"

#define ZERO_SEGS	32		/* of one write of zeros */
#define RA_MOST		4096		/* pages of read-ahead */

static struct fs_type bdev_type = { .ft_name = "bdev" };
static struct superblock bdev_sb = {
	.sb_type = &bdev_type,
	.sb_vnodes = LIST_HEAD_INIT(bdev_sb.sb_vnodes),
	.sb_dirty = LIST_HEAD_INIT(bdev_sb.sb_dirty),
};

struct superblock *blkfile_superblock(void)
{
	return &bdev_sb;
}

static int bdev_bmap(struct vnode *vn, u64 pos, u64 len, bool create, struct blkrun *run)
{
	(void)vn;
	(void)create;
	*run = (struct blkrun){ .br_sector = pos >> SECTOR_SHIFT, .br_bytes = len };
	return 0;
}

/* Metadata buffers of a file system on it are written, too, as far as no journal holds them. */
static int bdev_vnode_fsync(struct vnode *vn, bool datasync)
{
	int err = buf_sync(vn->v_data), flush = blk_flush(vn->v_data);

	(void)datasync;
	return err ? err : flush;
}

static const struct vnode_ops bdev_vnode_ops = {
	.vo_bmap = bdev_bmap,
	.vo_fsync = bdev_vnode_fsync,
};

struct blkdev *vnode_blkdev(const struct vnode *vn)
{
	return vn->v_sb == &bdev_sb ? vn->v_data : vn->v_sb->sb_bdev;
}

u32 vnode_ra_pages(const struct vnode *vn)
{
	struct blkdev *bd = vnode_blkdev(vn);

	return bd ? READ_ONCE(bd->bd_disk->bd_ra_pages) : VM_RA_DEFAULT;
}

int blkfile_create(struct blkdev *bd)
{
	struct vnode *vn;
	int err = vnode_alloc(&bdev_sb, bd->bd_dev, S_IFBLK | 0600, &vn);

	if (err)
		return err;
	vn->v_rdev = bd->bd_dev;
	vn->v_data = bd;
	vn->v_ops = &bdev_vnode_ops;
	vn->v_size = (s64)(bd->bd_sectors << SECTOR_SHIFT);
	vm_object_init(&vn->v_object, &pageio_pager, vn);
	vm_object_truncate(&vn->v_object, (u64)vn->v_size);
	err = devfs_add_device(bd->bd_name, S_IFBLK | 0600, bd->bd_dev);
	if (err)
		vnode_put(vn);
	else
		bd->bd_vnode = vn;
	return err;
}

void blkfile_resize(struct blkdev *bd)
{
	struct vnode *vn = bd->bd_vnode;

	rwlock_write(&vn->v_lock);
	vn->v_size = (s64)(bd->bd_sectors << SECTOR_SHIFT);
	vm_object_truncate(&vn->v_object, (u64)vn->v_size);
	rwlock_write_unlock(&vn->v_lock);
	if (bd->bd_sectors)
		(void)devfs_add_device(bd->bd_name, S_IFBLK | 0600, bd->bd_dev);
	else
		devfs_remove(bd->bd_name);
}

/* ---- file_ops; f_data is the device ---- */

struct vnode *blkfile_pages(const struct file *f)
{
	return ((struct blkdev *)f->f_data)->bd_vnode;
}

static ssize_t bdev_read(struct file *f, struct uio *u)
{
	return pagecache_read_file(f, blkfile_pages(f), u);
}

/* A device does not grow: what lies behind its end is ENOSPC, as on Linux. */
static ssize_t bdev_write(struct file *f, struct uio *u)
{
	struct vnode *vn = blkfile_pages(f);
	u64 size = (u64)vn->v_size;
	size_t over;
	ssize_t ret;

	if (((struct blkdev *)f->f_data)->bd_readonly)
		return -EROFS;
	if (u->u_resid == 0)
		return 0;
	u->u_append = false;
	if (u->u_offset >= size)
		return -ENOSPC;
	over = u->u_resid > size - u->u_offset ? u->u_resid - (size - u->u_offset) : 0;
	u->u_resid -= over;
	ret = pagecache_write_file(f, vn, u);
	u->u_resid += over;
	return ret;
}

static int bdev_fsync(struct file *f, bool datasync)
{
	return vnode_fsync(blkfile_pages(f), f, 0, ~0ul, datasync);
}

/* The last one to close sees to it that all is written, as on Linux; nobody hears of errors. */
static void bdev_release(struct file *f)
{
	struct blkdev *bd = f->f_data;

	if (atomic_dec_and_test(&bd->bd_openers))
		vm_object_writeback(&bd->bd_vnode->v_object, 0, ~0ul);
}

static s64 bdev_seek(struct file *f, s64 off, int whence)
{
	s64 size = blkfile_pages(f)->v_size;

	return file_seek_size(f, off, whence, size, size);
}

static int bdev_mmap(struct file *f, u64 offset, u64 len, int prot, int flags,
		     struct vm_object **obj)
{
	(void)offset;
	(void)len;
	(void)prot;
	(void)flags;
	*obj = &blkfile_pages(f)->v_object;
	vm_object_get(*obj);
	return 0;
}

/* The next sectors of a range forgotten, at most 1 GiB. *bytes: how many. */
static int discard_some(struct blkdev *bd, u64 start, u64 *bytes)
{
	struct bio b = {
		.b_dev = bd, .b_op = BIO_DISCARD, .b_sector = start >> SECTOR_SHIFT,
		.b_bytes = (u32)min(*bytes, 1ul << 30),
	};

	*bytes = b.b_bytes;
	return blk_submit_wait(&b);
}

/*
 * What is in memory of bytes [from, to), which are zeros on disk now. In place: mappings and
 * buffers hold these pages and go on with them. The object is frozen and has been written back.
 */
static int zero_cached(struct vm_object *vo, u64 from, u64 to)
{
	u64 index = from >> PAGE_SHIFT, end = DIV_ROUND_UP(to, PAGE_SIZE);

	for (;; index++) {
		u64 first, last;
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
		first = max(from, index << PAGE_SHIFT);
		last = min(to, (index + 1) << PAGE_SHIFT);
		memset((u8 *)page_to_virt(pg) + first % PAGE_SIZE, 0, last - first);
		page_put(pg);
	}
}

/* The next sectors of a range overwritten with zeros: all pieces of the bio are the zero page. */
static int zero_some(struct blkdev *bd, u64 start, u64 *bytes)
{
	struct bio_seg segs[ZERO_SEGS];
	struct bio b = {
		.b_dev = bd, .b_op = BIO_WRITE, .b_flags = BIO_SYNC, .b_segs = segs,
		.b_sector = start >> SECTOR_SHIFT,
	};
	int err;

	while (b.b_bytes < *bytes && b.b_nsegs < min_t(u32, ZERO_SEGS, bd->bd_max_segs)) {
		u32 len = (u32)min(*bytes - b.b_bytes, PAGE_SIZE);

		segs[b.b_nsegs++] = (struct bio_seg){ zero_page, 0, len };
		b.b_bytes += len;
	}
	*bytes = b.b_bytes;
	err = blk_submit_wait(&b);
	return err ? err : zero_cached(&bd->bd_vnode->v_object, start, start + b.b_bytes);
}

/*
 * BLKDISCARD, BLKZEROOUT: a range of bytes, past the page cache. What nobody holds leaves that
 * afterwards; meanwhile no mapping makes a page dirty, whose write would come too late.
 */
static int change_range(struct file *f, void __user *arg,
			int (*some)(struct blkdev *bd, u64 start, u64 *bytes))
{
	struct blkdev *bd = f->f_data;
	struct vnode *vn = bd->bd_vnode;
	u64 range[2], size = bd->bd_sectors << SECTOR_SHIFT, n;
	int err = 0;

	if (!file_writable(f))
		return -EBADF;
	if (copy_from_user(range, arg, sizeof(range)))
		return -EFAULT;
	if ((range[0] | range[1]) % bd->bd_block_size || range[1] > size ||
	    range[0] > size - range[1])
		return -EINVAL;
	rwlock_write(&vn->v_lock);
	vm_object_freeze(&vn->v_object);
	vm_object_writeback(&vn->v_object, range[0] >> PAGE_SHIFT,
			    (range[0] + range[1]) >> PAGE_SHIFT);
	for (; range[1] && !err; range[0] += n, range[1] -= n) {
		n = range[1];
		err = some(bd, range[0], &n);
		(void)vm_object_drop_clean(&vn->v_object, range[0] >> PAGE_SHIFT,
					   DIV_ROUND_UP(range[0] + n, PAGE_SIZE));
		if (!err && atomic_read(&((struct thread *)current)->t_work) & TW_EXIT)
			err = -EINTR;
	}
	vm_object_thaw(&vn->v_object);
	rwlock_write_unlock(&vn->v_lock);
	return err;
}

/* Those for the administrator, as far as they need a right that the open file does not give. */
static long admin_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct blkdev *bd = f->f_data;

	if (!cred_privileged(cred_current()))
		return -EACCES;
	switch (cmd) {
	case BLKFLSBUF:
		return bdev_fsync(f, false);
	case BLKRRPART:
		return blkdev_rescan(bd);
	default:
		/* BLKRASET: sectors, of files that are opened from now on. */
		WRITE_ONCE(bd->bd_disk->bd_ra_pages,
			   (u32)min(arg / (PAGE_SIZE / SECTOR_SIZE), (unsigned long)RA_MOST));
		return 0;
	}
}

static long bdev_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct blkdev *bd = f->f_data;
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case BLKGETSIZE64:
		return put_user_u64(p, bd->bd_sectors << SECTOR_SHIFT);
	case BLKGETSIZE:
		return put_user_u64(p, bd->bd_sectors);
	case BLKRAGET:
		return put_user_u64(p, (u64)bd->bd_disk->bd_ra_pages * (PAGE_SIZE / SECTOR_SIZE));
	case BLKBSZGET:
		return put_user_u32(p, PAGE_SIZE);
	case BLKSSZGET:
	case BLKPBSZGET:
	case BLKIOMIN:
		return put_user_u32(p, bd->bd_block_size);
	case BLKIOOPT:
	case BLKALIGNOFF:
		return put_user_u32(p, 0);
	case BLKROGET:
		return put_user_u32(p, bd->bd_readonly);
	case BLKDISCARD:
		if (file_writable(f) && !bd->bd_can_discard)
			return -EOPNOTSUPP;
		return change_range(f, p, discard_some);
	case BLKZEROOUT:
		return change_range(f, p, zero_some);
	case BLKFLSBUF:
	case BLKRRPART:
	case BLKRASET:
		return admin_ioctl(f, cmd, arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_ops bdev_file_ops = {
	.fo_read = bdev_read,
	.fo_write = bdev_write,
	.fo_ioctl = bdev_ioctl,
	.fo_seek = bdev_seek,
	.fo_mmap = bdev_mmap,
	.fo_fsync = bdev_fsync,
	.fo_release = bdev_release,
};

int blkfile_open(struct vnode *vn, struct file *f)
{
	struct blkdev *bd = blkdev_by_dev(vn->v_rdev);

	if (!bd)
		return -ENXIO;
	if (bd->bd_readonly && f->f_mode & FMODE_WRITE)
		return -EACCES;
	f->f_ops = &bdev_file_ops;
	f->f_data = bd;
	f->f_ra.ra_max = vnode_ra_pages(bd->bd_vnode);
	atomic_inc(&bd->bd_openers);
	f->f_wberr = errseq_sample(&bd->bd_vnode->v_object.vo_wberr);
	return 0;
}

void blkfile_init(void)
{
	bdev_sb.sb_dev = MKDEV(0, 2);
}
