/* SPDX-License-Identifier: MIT */
/*
 * Data of regular files. The pages belong to the vnode's vm_object, whose pager
 * fills and writes them; read(2), write(2), mmap(2), exec and sendfile(2) all
 * see these pages, so they agree without any flushing.
 *
 * Called through file_ops; calls mm/object.c for pages. mm calls back here for
 * file_mmap(), vm_object_name() and cache_reclaim() (include/kernel/upcalls.h).
 *
 * Locks: v_lock, shared for read and alone for write. It is held over the copy
 * to or from user memory, which may fault: page faults take vm_lock and object
 * locks, which come later in the order, and never v_lock, so a buffer that is a
 * mapping of the same file is no danger. Pages are referenced while they are
 * copied.
 */
#include <abi/ioctl.h>
#include <abi/mman.h>
#include <abi/signal.h>
#include <abi/termios.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/bufcache.h"
#include "fs/dcache.h"
#include "fs/directio.h"
#include "fs/fdtable.h"
#include "fs/memfd.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/pagecache.h"
#include "fs/vnode.h"
#include "fs/writeback.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/lib/string.h"
#include "mm/object.h"
#include "mm/uaccess.h"

#define READ_BATCH	16u		/* pages looked up at once */

static size_t in_page(u64 offset)
{
	return offset & (PAGE_SIZE - 1);
}

/* n bytes of a page that is not in memory, or not yet. */
static int read_missing(struct vnode *vn, struct uio *u, size_t n, struct vm_ra *ra)
{
	struct vm_object *vo = &vn->v_object;
	u64 index = u->u_offset >> PAGE_SHIFT;
	struct page *pg;
	int err;

	if (vn->v_flags & VNF_SPARSE && vm_object_hole(vo, index))
		return uio_zero_out(u, n);
	if (u->u_nowait)
		return -EAGAIN;
	if (ra)
		vm_readahead(vo, ra, index, ((in_page(u->u_offset) + u->u_resid - 1) >>
					     PAGE_SHIFT) + 1, false);
	err = vm_object_getpage(vo, index, &pg);
	if (err)
		return err;
	err = uio_copy_out(u, (u8 *)page_to_virt(pg) + in_page(u->u_offset), n);
	page_put(pg);
	return err;
}

/* Up to READ_BATCH pages, left of which lie before the end of the file: looked up in one go. */
static int read_batch(struct vnode *vn, struct uio *u, u64 left, struct vm_ra *ra)
{
	struct page *pages[READ_BATCH];
	u64 index = u->u_offset >> PAGE_SHIFT;
	unsigned int n, i, missing = 0;
	int err = 0;

	n = (unsigned int)min((in_page(u->u_offset) + left + PAGE_SIZE - 1) >> PAGE_SHIFT,
			      (u64)READ_BATCH);
	vm_object_lookup_range(&vn->v_object, index, n, ~0ul, pages);
	for (i = 0; i < n && !err && !missing; i++, index++) {
		size_t part = min((size_t)left, PAGE_SIZE - in_page(u->u_offset));

		left -= part;
		if (!pages[i]) {
			err = read_missing(vn, u, part, ra);
			/* Those behind it may have been found missing, and are not any more. */
			missing = ra != NULL;
			continue;
		}
		if (ra && index == ra->ra_trigger)
			vm_readahead(&vn->v_object, ra, index, 0, true);
		else if (ra)
			ra->ra_next = index + 1;
		err = uio_copy_out(u, (u8 *)page_to_virt(pages[i]) + in_page(u->u_offset), part);
		page_put(pages[i]);
	}
	for (; i < n; i++)
		if (pages[i])
			page_put(pages[i]);
	return err;
}

ssize_t pagecache_read(struct vnode *vn, struct uio *u, struct vm_ra *ra)
{
	size_t asked = u->u_resid;
	int err = 0;

	if (asked == 0)
		return 0;
	rwlock_read(&vn->v_lock);
	while (u->u_resid && !err) {
		u64 size = (u64)vn->v_size;

		if (u->u_offset >= size)
			break;
		err = read_batch(vn, u, min((u64)u->u_resid, size - u->u_offset), ra);
		sched_relax();
	}
	rwlock_read_unlock(&vn->v_lock);
	return asked > u->u_resid ? (ssize_t)(asked - u->u_resid) : err;
}

int pagecache_getpage(struct file *f, u64 index, u64 want, struct page **out)
{
	struct vnode *vn = f->f_vnode;

	*out = vm_object_lookup(&vn->v_object, index);
	if (vn->v_ops->vo_bmap)
		vm_readahead(&vn->v_object, &f->f_ra, index, want, *out != NULL);
	return *out ? 0 : vm_object_getpage(&vn->v_object, index, out);
}

/* Blocks for n bytes of a page, before they are changed. */
static int reserve(struct vm_object *vo, u64 offset, size_t n)
{
	return vo->vo_pager && vo->vo_pager->vp_make_writable ?
	       vo->vo_pager->vp_make_writable(vo, offset, offset + n) : 0;
}

/* Into a page that is in memory, or is brought there. */
static int write_old(struct vnode *vn, struct uio *u, size_t n)
{
	struct vm_object *vo = &vn->v_object;
	u64 offset = u->u_offset;
	struct page *pg;
	int err;

	err = vm_object_getpage(vo, offset >> PAGE_SHIFT, &pg);
	if (err)
		return err;
	/* After the page: filling it must find a hole where there is none yet. */
	err = reserve(vo, offset, n);
	if (!err) {
		err = uio_copy_in(u, (u8 *)page_to_virt(pg) + in_page(offset), n);
		vm_object_mark_dirty(vo, pg);
	}
	page_put(pg);
	return err;
}

/* len bytes, which were taken from the user already, into the page at offset. */
static int write_copy(struct vnode *vn, u64 offset, void *data, size_t len)
{
	struct uio k;

	uio_init_kernel(&k, data, len, offset);
	return write_old(vn, &k, len);
}

/*
 * A page in whole that is not in memory, of a file with a disk behind it: it need not be read.
 * The user's bytes come first, into a page that nobody knows, since fetching them may need any
 * page of this very file.
 */
static int write_new(struct vnode *vn, struct uio *u)
{
	struct vm_object *vo = &vn->v_object;
	u64 offset = u->u_offset, index = offset >> PAGE_SHIFT;
	struct page *pg = page_alloc(0, ALLOC_USER);
	int err, entered;

	if (!pg)
		return -ENOMEM;
	err = uio_copy_in(u, page_to_virt(pg), PAGE_SIZE);
	entered = err ? err : vm_object_begin_new(vo, index, pg);
	if (!entered) {
		err = reserve(vo, offset, PAGE_SIZE);
		vm_object_end_new(vo, pg, err);
		if (!err)
			vm_object_mark_dirty(vo, pg);
		else
			uio_revert(u, PAGE_SIZE);
	} else if (u->u_offset > offset) {
		/* Half of it could not be fetched, or somebody was faster. */
		size_t got = (size_t)(u->u_offset - offset);
		int e = write_copy(vn, offset, page_to_virt(pg), got);

		if (e)
			uio_revert(u, got);
		err = e ? e : err;
	}
	page_put(pg);
	return err;
}

static int write_part(struct vnode *vn, struct uio *u, size_t n)
{
	struct page *pg;

	if (n < PAGE_SIZE || !vn->v_ops->vo_bmap)
		return write_old(vn, u, n);
	pg = vm_object_lookup(&vn->v_object, u->u_offset >> PAGE_SHIFT);
	if (!pg)
		return write_new(vn, u);
	page_put(pg);
	return write_old(vn, u, n);
}

/*
 * How many of the bytes may be written at the position; -EFBIG, with SIGXFSZ as
 * setrlimit(2) says.
 */
static ssize_t write_limit(u64 offset, size_t n)
{
	u64 limit = proc_rlimit(RLIMIT_FSIZE);

	if (offset >= limit) {
		signal_self(SIGXFSZ);
		return -EFBIG;
	}
	if (offset >= FILE_MAX_SIZE)
		return -EFBIG;
	limit = min(limit, (u64)FILE_MAX_SIZE);
	return (ssize_t)min((u64)n, limit - offset);
}

/* How many of n bytes at offset the file's seals let pass; -EPERM for none. */
static ssize_t write_seals(const struct vnode *vn, u64 offset, size_t n)
{
	u64 size = (u64)vn->v_size;

	if (vn->v_seals & SEALS_WRITE)
		return -EPERM;
	if (!(vn->v_seals & F_SEAL_GROW) || offset + n <= size)
		return (ssize_t)n;
	/* Whole pages, then the one that would grow the file fails: as on Linux. */
	size = round_down(size, PAGE_SIZE);
	return offset < size ? (ssize_t)(size - offset) : -EPERM;
}

static ssize_t write_locked(struct vnode *vn, struct uio *u)
{
	ssize_t allowed, left;
	int err = 0;

	KASSERT(rwlock_write_held(&vn->v_lock));
	if (u->u_append)
		u->u_offset = (u64)vn->v_size;
	allowed = write_limit(u->u_offset, u->u_resid);
	if (allowed > 0 && unlikely(vn->v_seals & ~(u32)F_SEAL_SEAL))
		allowed = write_seals(vn, u->u_offset, (size_t)allowed);
	if (allowed < 0)
		return allowed;
	vnode_drop_setid(vn);
	left = allowed;
	while (left && !err) {
		size_t before = u->u_resid;
		size_t n = min((size_t)left, PAGE_SIZE - in_page(u->u_offset));

		/* Before the page is dirty: write-back leaves out what lies behind the end. */
		if (u->u_offset + n > (u64)vn->v_size)
			vm_object_truncate(&vn->v_object, u->u_offset + n);
		err = write_part(vn, u, n);
		left -= (ssize_t)(before - u->u_resid);
		if (before != u->u_resid && u->u_offset > (u64)vn->v_size)
			vn->v_size = (s64)u->u_offset;
		/* It did not come to that. */
		if (unlikely(err) && vn->v_object.vo_size > (u64)vn->v_size)
			vm_object_truncate(&vn->v_object, (u64)vn->v_size);
		sched_relax();
		/* Who is being killed writes no gigabyte first. */
		if (atomic_read(&((struct thread *)current)->t_work) & TW_EXIT)
			err = err ? err : -EINTR;
	}
	if (left != allowed)
		vnode_touch(vn, false, true, true);
	return left != allowed ? allowed - left : err;
}

ssize_t pagecache_write(struct vnode *vn, struct uio *u)
{
	ssize_t ret;

	if (u->u_resid == 0)
		return 0;
	rwlock_write(&vn->v_lock);
	ret = write_locked(vn, u);
	rwlock_write_unlock(&vn->v_lock);
	return ret;
}

/* The set-id bits go, times are set; for a write that does not go through write_locked(). */
static void written_directly(struct vnode *vn)
{
	if (unlikely(vn->v_mode & (S_ISUID | S_ISGID))) {
		rwlock_write(&vn->v_lock);
		vnode_drop_setid(vn);
		rwlock_write_unlock(&vn->v_lock);
	}
	vnode_touch(vn, false, true, true);
}

/* Past the pages where that can be. */
static ssize_t write_direct(struct vnode *vn, struct uio *u)
{
	ssize_t done = 0, rest;
	u64 from;

	if (!direct_aligned(vn, u))
		return -EINVAL;
	if (!u->u_append && u->u_resid && u->u_offset + u->u_resid <= proc_rlimit(RLIMIT_FSIZE)) {
		done = direct_write(vn, u);
		if (done > 0)
			written_directly(vn);
		if (done < 0 || !u->u_resid)
			return done;
	}
	/* What grows the file goes through the cache, and to the disk at once. */
	rest = pagecache_write(vn, u);
	if (rest <= 0)
		return done ? done : rest;
	from = u->u_offset - (u64)rest;
	vm_object_writeback(&vn->v_object, from >> PAGE_SHIFT, (u->u_offset - 1) >> PAGE_SHIFT);
	return done + rest;
}

int pagecache_zero(struct vnode *vn, s64 from, s64 to)
{
	KASSERT(rwlock_write_held(&vn->v_lock));
	while (from < to) {
		size_t n = min(PAGE_SIZE - in_page((u64)from), (size_t)(to - from));
		u64 index = (u64)from >> PAGE_SHIFT;
		struct page *pg = vm_object_lookup(&vn->v_object, index);

		if (!pg && !(vn->v_flags & VNF_SPARSE &&
			     vm_object_hole(&vn->v_object, index))) {
			int err = vm_object_getpage(&vn->v_object, index, &pg);

			if (err)
				return err;
		}
		if (pg) {
			memset((u8 *)page_to_virt(pg) + in_page((u64)from), 0, n);
			vm_object_mark_dirty(&vn->v_object, pg);
			page_put(pg);
		}
		from += (s64)n;
	}
	return 0;
}

/* ---- files that live in their pages ---- */

s64 pagecache_seek_data(struct vnode *vn, s64 off, bool hole)
{
	struct vm_object *vo = &vn->v_object;
	u64 start = (u64)off >> PAGE_SHIFT, index = start, end, next;

	KASSERT(rwlock_held(&vn->v_lock) && off < vn->v_size);
	end = DIV_ROUND_UP((u64)vn->v_size, PAGE_SIZE);
	spin_lock(&vo->vo_lock);
	while (index < end) {
		next = vm_object_next_locked(vo, index, end);
		if (!hole) {
			index = min(next, end);
			break;
		}
		if (next != index)
			break;
		index++;
	}
	spin_unlock(&vo->vo_lock);
	if (index == start)
		return off;
	return min((s64)(index << PAGE_SHIFT), vn->v_size);
}

/* Every page of the range is made. */
static int make_pages(struct vnode *vn, s64 off, s64 end)
{
	u64 last = (u64)(end - 1) >> PAGE_SHIFT;

	for (u64 i = (u64)off >> PAGE_SHIFT; i <= last; i++) {
		struct page *pg;
		int err = vm_object_getpage(&vn->v_object, i, &pg);

		if (err)
			return err;
		page_put(pg);
		if (signal_pending_slow(current))
			return -EINTR;
		sched_relax();
	}
	return 0;
}

int pagecache_fallocate(struct vnode *vn, int mode, s64 off, s64 end)
{
	u64 first = DIV_ROUND_UP((u64)off, PAGE_SIZE), last = (u64)end >> PAGE_SHIFT;
	int err = 0;

	KASSERT(rwlock_write_held(&vn->v_lock) && (vn->v_flags & VNF_SPARSE));
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
		if (first < last)
			err = vm_object_punch(&vn->v_object, first, last - 1);
		if (!err)
			err = pagecache_zero(vn, off, min(end, (s64)(first << PAGE_SHIFT)));
		if (!err && last >= first)
			err = pagecache_zero(vn, (s64)(last << PAGE_SHIFT), end);
	}
	if (!err && !(mode & FALLOC_FL_PUNCH_HOLE))
		err = make_pages(vn, off, end);
	return err;
}

/* ---- file_ops ---- */

/* O_DIRECT, unless the bytes are the kernel's own. */
static bool goes_direct(const struct file *f, const struct vnode *vn, const struct uio *u)
{
	return unlikely(f->f_flags & O_DIRECT) && vn->v_ops->vo_bmap && !u->u_kernel;
}

ssize_t pagecache_read_file(struct file *f, struct vnode *vn, struct uio *u)
{
	if (goes_direct(f, vn, u))
		return direct_aligned(vn, u) ? direct_read(vn, u) : -EINVAL;
	return pagecache_read(vn, u, vn->v_ops->vo_bmap ? &f->f_ra : NULL);
}

ssize_t pagecache_write_file(struct file *f, struct vnode *vn, struct uio *u)
{
	ssize_t ret = goes_direct(f, vn, u) ? write_direct(vn, u) : pagecache_write(vn, u);
	int err = 0;

	if (ret > 0 && unlikely(f->f_flags & O_DSYNC))
		err = vnode_fsync(vn, f, u->u_offset - (u64)ret, u->u_offset - 1,
				  !(f->f_flags & __O_SYNC));
	return err ? err : ret;
}

static ssize_t pc_read(struct file *f, struct uio *u)
{
	ssize_t ret = pagecache_read_file(f, f->f_vnode, u);

	if (ret > 0 && !(f->f_flags & O_NOATIME))
		vnode_accessed(f->f_vnode, f->f_path.mnt);
	return ret;
}

static ssize_t pc_write(struct file *f, struct uio *u)
{
	return pagecache_write_file(f, f->f_vnode, u);
}

static int pc_fsync(struct file *f, bool datasync)
{
	return vnode_fsync(f->f_vnode, f, 0, ~0ul, datasync);
}

static s64 pc_seek(struct file *f, s64 off, int whence)
{
	struct vnode *vn = f->f_vnode;
	bool hole = whence == SEEK_HOLE;
	s64 at = -ENXIO;

	if (whence != SEEK_DATA && !hole)
		return file_seek_size(f, off, whence, READ_ONCE(vn->v_size), FILE_MAX_SIZE);
	rwlock_read(&vn->v_lock);
	if (off >= 0 && off < vn->v_size) {
		if (vn->v_ops->vo_seek_data)
			at = vn->v_ops->vo_seek_data(vn, off, hole);
		else
			at = hole ? vn->v_size : off;
		if (!hole && at == vn->v_size)
			at = -ENXIO;
	}
	rwlock_read_unlock(&vn->v_lock);
	if (at >= 0)
		f->f_pos = at;
	return at;
}

static int pc_mmap(struct file *f, u64 offset, u64 len, int prot, int flags,
		   struct vm_object **obj)
{
	(void)offset;
	(void)len;
	(void)prot;
	(void)flags;
	*obj = &f->f_vnode->v_object;
	vm_object_get(*obj);
	vnode_accessed(f->f_vnode, f->f_path.mnt);
	return 0;
}

static long pc_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	if (cmd != FIONREAD)
		return -ENOTTY;
	return put_user_u32((void __user *)arg, (u32)(f->f_vnode->v_size - f->f_pos));
}

const struct file_ops pagecache_file_ops = {
	.fo_read = pc_read,
	.fo_write = pc_write,
	.fo_ioctl = pc_ioctl,
	.fo_seek = pc_seek,
	.fo_mmap = pc_mmap,
	.fo_fsync = pc_fsync,
};

/* ---- upcalls from mm ---- */

/* The access rules of mmap(2), ERRORS: EACCES, EPERM, ENODEV; EROFS for a seal against writing. */
int file_mmap(int fd, int prot, int flags, u64 offset, u64 len, struct vm_object **obj)
{
	struct fdref r;
	struct file *f;
	int err;

	if (!fd_get(fd, &r))
		return -EBADF;
	f = r.file;
	if (!file_readable(f))
		err = -EACCES;
	else if ((flags & MAP_TYPE) != MAP_PRIVATE && (prot & PROT_WRITE) && !file_writable(f))
		err = -EACCES;
	else if ((flags & MAP_TYPE) != MAP_PRIVATE && (prot & PROT_WRITE) && f->f_vnode &&
		 (READ_ONCE(f->f_vnode->v_seals) & SEALS_WRITE))
		err = -EROFS;
	else if ((prot & PROT_EXEC) && f->f_path.mnt && (f->f_path.mnt->mnt_flags & MS_NOEXEC))
		err = -EPERM;
	else if (!f->f_ops->fo_mmap)
		err = -ENODEV;
	else
		err = f->f_ops->fo_mmap(f, offset, len, prot, flags, obj);
	fd_put(&r);
	return err;
}

int vm_object_name(struct vm_object *obj, char *buf, size_t size)
{
	struct vnode *vn = obj->vo_owner;
	struct dentry *d = vn ? dentry_of_vnode(vn) : NULL;
	struct path p;
	char *name;
	size_t len = 0;

	if (!d)
		return 0;
	p.dentry = d;
	p.mnt = mount_of(vn->v_sb);
	if (p.mnt) {
		name = path_name(&p, buf, size);
		if (name) {
			len = strlen(name);
			memmove(buf, name, len + 1);
		}
		mount_put(p.mnt);
	}
	dentry_put(d);
	return (int)len;
}

unsigned long cache_reclaim(unsigned long n)
{
	/*
	 * A name is a quarter of a kilobyte, and lets go of a vnode that may
	 * have pages.
	 */
	unsigned long pages = dcache_shrink(NULL, n * 16) / 16;

	pages += vnode_shrink(NULL, n);
	return pages + buf_shrink(n);
}
