/* SPDX-License-Identifier: MIT */
/*
 * The open-file table: life of struct file, and dispatch through f_ops. System
 * calls (sys_file.c) come from above, pipes, sockets, devices and file systems
 * supply f_ops.
 *
 * States: made (one reference, its maker's) -> in a descriptor table, shared by
 * dup and fork -> last reference gone: locks dropped, fo_release, path and
 * vnode let go, freed.
 *
 * Invariants: 1. a file is on file_list from file_alloc() to its end; 2.
 * f_vnode is held through f_path.dentry, or directly when f_path is empty; 3.
 * FMODE_WCOUNT iff the file is counted in f_vnode->v_writers.
 *
 * Locks: file_list_lock (spin) for the list only. file_put() may sleep.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/chrdev.h"
#include "fs/dcache.h"
#include "fs/file.h"
#include "fs/inotify.h"
#include "fs/locks.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/poll.h"
#include "fs/vnode.h"
#include "kernel/core/fail.h"
#include "kernel/core/statreg.h"
#include "kernel/lib/errseq.h"
#include "mm/slab.h"

static struct slab_cache *file_slab;
static struct spinlock file_list_lock =
	SPINLOCK_INIT("file_list", RANK_FS);
static LIST_HEAD(file_list);			/* [file_list_lock] */
static u64 file_count;				/* [file_list_lock] */
static u64 file_max;				/* [I] */
static u64 file_last_id;			/* [file_list_lock] */
static atomic64_t anon_ino = ATOMIC_INIT(1);

int (*fifo_open_hook)(struct vnode *vn, struct file *f);
int (*pipe_reopen_hook)(struct file *old, u32 flags, struct file **out);
void (*fifo_free_hook)(struct vnode *vn);
const struct sigio_ops *sigio_ops;

static bool file_list_add(struct file *f)
{
	bool ok;

	spin_lock(&file_list_lock);
	ok = file_count < file_max || cred_privileged(f->f_cred);
	if (ok) {
		list_add_tail(&f->f_link, &file_list);
		f->f_id = ++file_last_id;
		file_count++;
	}
	spin_unlock(&file_list_lock);
	return ok;
}

static void file_list_del(struct file *f)
{
	spin_lock(&file_list_lock);
	list_del(&f->f_link);
	file_count--;
	spin_unlock(&file_list_lock);
}

static u32 mode_of_flags(u32 flags)
{
	static const u32 modes[4] = {
		FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0
	};

	return flags & O_PATH ? FMODE_PATH : modes[flags & O_ACCMODE];
}

int file_alloc(const struct file_ops *ops, void *data, u32 flags, struct file **out)
{
	struct file *f;

	if (should_fail())
		return -ENFILE;
	f = slab_alloc(file_slab, ALLOC_WAIT);
	if (!f)
		return -ENOMEM;
	*f = (struct file){
		.f_mode = mode_of_flags(flags),
		.f_flags = flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | O_ASYNC),
		.f_ops = ops,
		.f_data = data,
		.f_anon_mode = 0600,
		.f_ra = { .ra_max = VM_RA_DEFAULT },
	};
	if (ops->fo_seek)
		f->f_mode |= FMODE_SEEK;
	atomic_set(&f->f_ref, 1);
	spin_lock_init(&f->f_lock, "file", RANK_FS);
	mutex_init(&f->f_poslock, "file_pos", RANK_FILE_POS);
	f->f_cred = cred_get(cred_current());
	if (!file_list_add(f)) {
		cred_put(f->f_cred);
		slab_free(file_slab, f);
		return -ENFILE;
	}
	*out = f;
	return 0;
}

void file_set_anon(struct file *f, const char *class, u32 mode, u64 ino)
{
	KASSERT(!f->f_vnode);
	f->f_anon_class = class;
	f->f_anon_mode = mode;
	f->f_anon_ino = ino;
}

u64 anon_ino_alloc(void)
{
	return (u64)atomic64_inc_return(&anon_ino);
}

/* Let the vnode's type decide what the file does. */
static int file_open_vnode(struct vnode *vn, struct file *f)
{
	switch (vn->v_mode & S_IFMT) {
	case S_IFCHR:
		return chrdev_open(vn, f);
	case S_IFIFO:
		return fifo_open_hook ? fifo_open_hook(vn, f) : -ENXIO;
	case S_IFBLK:
		return blkfile_open(vn, f);
	case S_IFSOCK:
		return vn->v_ops->vo_open ? vn->v_ops->vo_open(vn, f) : -ENXIO;
	default:
		return vn->v_ops->vo_open ? vn->v_ops->vo_open(vn, f) : 0;
	}
}

/*
 * The vnode stands for an open file without a name. A pipe can be opened anew,
 * like a FIFO; everything else cannot, as on Linux.
 */
static int file_open_anon(struct vnode *vn, u32 flags, struct file **out)
{
	if ((vn->v_mode & S_IFMT) != S_IFIFO || !pipe_reopen_hook)
		return -ENXIO;
	return pipe_reopen_hook(vn->v_data, flags, out);
}

/* Objects that O_PATH files refuse everything with. */
static const struct file_ops path_file_ops;

/* A regular file gets one more writer. -ETXTBSY; -EROFS. */
static int open_for_write(struct file *f, struct vnode *vn)
{
	int err = vnode_get_write(vn);

	if (err)
		return err;
	spin_lock(&file_list_lock);
	f->f_mode |= FMODE_WCOUNT;
	spin_unlock(&file_list_lock);
	/* A remount may have come after the permission check; from now on it finds us. */
	return mount_check_write(f->f_path.mnt);
}

int file_open_path(const struct path *path, u32 flags, struct file **out)
{
	struct vnode *vn = path->dentry->d_vnode;
	bool is_path = flags & O_PATH;
	struct file *f;
	int err;

	KASSERT(vn);
	if ((vn->v_flags & VNF_ANON) && !is_path)
		return file_open_anon(vn, flags, out);
	if (!is_path && (flags & O_DIRECT) && (S_ISREG(vn->v_mode) || S_ISDIR(vn->v_mode)) &&
	    !vn->v_ops->vo_bmap)
		return -EINVAL;
	err = file_alloc(is_path || !vn->v_fops ? &path_file_ops : vn->v_fops, NULL,
			 is_path ? flags : flags | O_LARGEFILE, &f);
	if (err)
		return err;
	f->f_path = *path;
	path_get(&f->f_path);
	f->f_vnode = vn;
	f->f_wberr = errseq_sample(&vn->v_object.vo_wberr);
	f->f_ra.ra_max = vnode_ra_pages(vn);
	if (vn->v_sb->sb_bdev)
		f->f_sbwberr = errseq_sample(&vn->v_sb->sb_bdev->bd_wberr);
	if (!is_path && (f->f_mode & FMODE_WRITE) && S_ISREG(vn->v_mode)) {
		err = open_for_write(f, vn);
		if (err)
			goto fail;
	}
	if (!is_path) {
		/*
		 * Terminals look at it while they are opened; it is no state of
		 * the file.
		 */
		f->f_flags |= flags & O_NOCTTY;
		err = file_open_vnode(vn, f);
		f->f_flags &= ~(u32)O_NOCTTY;
	}
	if (err)
		goto fail;
	if (f->f_ops->fo_seek)
		f->f_mode |= FMODE_SEEK;
	else
		f->f_mode &= ~FMODE_SEEK;
	*out = f;
	return 0;
fail:
	/* Not open: whatever vo_open has set up it has taken down itself. */
	f->f_ops = &path_file_ops;
	file_put(f);
	return err;
}

bool file_any_writer(const struct mount *mnt, const struct superblock *sb)
{
	struct file *f;
	bool found = false;

	spin_lock(&file_list_lock);
	list_for_each_entry(f, &file_list, f_link) {
		if ((f->f_mode & FMODE_WCOUNT) && (mnt ? f->f_path.mnt == mnt :
						   f->f_vnode->v_sb == sb))
			found = true;
	}
	spin_unlock(&file_list_lock);
	return found;
}

struct file *file_get(struct file *f)
{
	int old = atomic_fetch_add(&f->f_ref, 1);

	KASSERT(old > 0);
	return f;
}

static __noinline void file_end(struct file *f)
{
	struct vnode *vn = f->f_vnode;

	if (f->f_ops != &path_file_ops)
		inotify_file(f, f->f_mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (vn && vn->v_locks)
		locks_release_file(f);
	if (unlikely(f->f_sigio))
		sigio_ops->sg_free(f);
	if (f->f_ops->fo_release)
		f->f_ops->fo_release(f);
	if (f->f_mode & FMODE_WCOUNT)
		vnode_put_write(vn);
	if (f->f_path.dentry)
		path_put(&f->f_path);
	else if (vn)
		vnode_put(vn);
	file_list_del(f);
	cred_put(f->f_cred);
	slab_free(file_slab, f);
}

void file_put(struct file *f)
{
	s32 left = atomic_dec_return(&f->f_ref);

	KASSERT(left >= 0);
	if (left == 0)
		file_end(f);
}

ssize_t file_read(struct file *f, struct uio *u)
{
	ssize_t ret = f->f_ops->fo_read ? f->f_ops->fo_read(f, u) : -EINVAL;

	if (inotify_on() && ret > 0)
		inotify_file(f, IN_ACCESS);
	return ret;
}

ssize_t file_write(struct file *f, struct uio *u)
{
	ssize_t ret = f->f_ops->fo_write ? f->f_ops->fo_write(f, u) : -EINVAL;

	if (inotify_on() && ret > 0)
		inotify_file(f, IN_MODIFY);
	return ret;
}

u32 file_poll(struct file *f, struct poll_table *pt)
{
	if (!f->f_ops->fo_poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	return f->f_ops->fo_poll(f, pt);
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t n, u64 offset)
{
	size_t done = 0;

	if (!file_readable(f))
		return -EBADF;
	while (done < n) {
		struct uio u;
		ssize_t got;

		uio_init_kernel(&u, (u8 *)buf + done, n - done, offset + done);
		got = file_read(f, &u);
		if (got < 0)
			return done ? (ssize_t)done : got;
		if (got == 0)
			break;
		done += got;
	}
	return done;
}

s64 file_seek_size(struct file *f, s64 off, int whence, s64 size, s64 max)
{
	s64 pos;

	switch (whence) {
	case SEEK_SET:
		pos = off;
		break;
	case SEEK_CUR:
		if (__builtin_add_overflow(f->f_pos, off, &pos))
			return -EINVAL;
		break;
	case SEEK_END:
		if (__builtin_add_overflow(size, off, &pos))
			return -EINVAL;
		break;
	case SEEK_DATA:
		if (off < 0 || off >= size)
			return -ENXIO;
		pos = off;
		break;
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		pos = size;
		break;
	default:
		return -EINVAL;
	}
	if (pos < 0 || pos > max)
		return -EINVAL;
	f->f_pos = pos;
	return pos;
}

void file_count_open(u64 *used, u64 *most)
{
	*used = READ_ONCE(file_count);
	*most = file_max;
}

static u64 files_read(void)
{
	return READ_ONCE(file_count);
}

static void show_file(struct statbuf *sb, struct file *f, char *buf)
{
	static const char types[16] = "?pc?d?b?-?l?s???";
	u32 mode = f->f_vnode ? f->f_vnode->v_mode : f->f_anon_mode;
	char *name = NULL;

	if (f->f_path.dentry)
		name = path_name(&f->f_path, buf, PATH_MAX);
	/* Without the reference that the report itself holds. */
	stat_printf(sb, "%6lu %4d %c%c%c 0%08o %8ld %c ", f->f_id, atomic_read(&f->f_ref) - 1,
		    f->f_mode & FMODE_READ ? 'r' : '-',
		    f->f_mode & FMODE_WRITE ? 'w' : '-',
		    f->f_mode & FMODE_SEEK ? 's' : '-',
		    f->f_flags, f->f_pos, types[mode >> 12 & 15]);
	if (f->f_vnode)
		stat_printf(sb, "%lu:%lu ", f->f_vnode->v_sb->sb_dev, f->f_vnode->v_ino);
	else
		stat_printf(sb, "- ");
	if (name)
		stat_printf(sb, "%s\n", name);
	else
		stat_printf(sb, "%s:[%lu]\n", f->f_anon_class ?: "anon_inode", f->f_anon_ino);
}

/*
 * One line per open file. The list may change while a line is printed, so each
 * file is referenced; whoever leaves the list in between ends the walk early at
 * worst.
 */
static void openfiles_show(struct statbuf *sb)
{
	char *buf = kmalloc(PATH_MAX, ALLOC_WAIT);
	struct file *f, *prev = NULL;

	if (!buf)
		return;
	stat_printf(sb, "    id refs mode     flags      pos t vnode path\n");
	for (;;) {
		struct list_head *next;

		spin_lock(&file_list_lock);
		next = prev ? prev->f_link.next : file_list.next;
		f = NULL;
		while (next != &file_list) {
			f = list_entry(next, struct file, f_link);
			if (atomic_inc_not_zero(&f->f_ref))
				break;
			next = next->next;
			f = NULL;
		}
		spin_unlock(&file_list_lock);
		if (prev)
			file_put(prev);
		if (!f)
			break;
		show_file(sb, f, buf);
		prev = f;
	}
	kfree(buf);
}

static struct statcounter files_counter = { .sc_name = "files", .sc_read = files_read };
static struct statreport openfiles_report = {
	.sr_name = "openfiles", .sr_show = openfiles_show
};

void file_cache_init(void)
{
	file_slab = slab_create("file", sizeof(struct file), 0);
	/*
	 * As Linux: a tenth of memory for files, at 1 KiB each, but never too
	 * few.
	 */
	file_max = max(page_total() * (PAGE_SIZE / 1024) / 10, (u64)8192);
	statcounter_register(&files_counter);
	statreport_register(&openfiles_report);
}
