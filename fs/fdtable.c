/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables. Each process has one; CLONE_FILES shares it between
 * processes, and threads of a process always share theirs.
 *
 * A number is free, reserved (in fdt_used, no file yet: a call is making one),
 * or in use.
 *
 * Invariants: 1. fdt_files[n] != NULL implies bit n of fdt_used; 2. no number
 * below fdt_hint is free; 3. bit n of fdt_cloexec implies bit n of fdt_used; 4.
 * each entry owns a reference to its file.
 *
 * Locks: fdt_lock (spin) for every change, and for look-ups by others than the
 * one thread of an unshared table. That thread reads without lock and without
 * taking a reference: only it can close its descriptors, and it is busy with
 * this call. "Unshared" means one reference to the table and one thread in the
 * process; only this thread could change either.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/locks.h"
#include "fs/vnode.h"
#include "kernel/core/fail.h"
#include "kernel/core/proc.h"
#include "kernel/lib/bitmap.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define FDT_INLINE	64			/* numbers that need no second allocation */

struct fdtable {
	refcount_t fdt_ref;
	struct spinlock fdt_lock;
	unsigned int fdt_size;			/* [l] numbers there is room for */
	unsigned int fdt_hint;			/* [l] all below are used */
	struct file **fdt_files;		/* [l] */
	u64 *fdt_used;				/* [l] */
	u64 *fdt_cloexec;			/* [l] */
	u64 fdt_used0, fdt_cloexec0;		/* [l] the bits while fdt_size is FDT_INLINE */
	struct file *fdt_files0[FDT_INLINE];	/* [l] likewise */
};

static struct slab_cache *fdt_slab;

static struct fdtable *fdtable_new(void)
{
	struct fdtable *t;

	t = slab_alloc(fdt_slab, ALLOC_WAIT | ALLOC_ZERO);
	if (!t)
		return NULL;
	refcount_set(&t->fdt_ref, 1);
	spin_lock_init(&t->fdt_lock, "fdtable", RANK_FDTABLE);
	t->fdt_size = FDT_INLINE;
	t->fdt_files = t->fdt_files0;
	t->fdt_used = &t->fdt_used0;
	t->fdt_cloexec = &t->fdt_cloexec0;
	return t;
}

void fdtable_cache_init(void)
{
	fdt_slab = slab_create("fdtable", sizeof(struct fdtable), 0);
}

int fdtable_create(struct fdtable **out)
{
	*out = fdtable_new();
	return *out ? 0 : -ENOMEM;
}

/* One block holds files and both bitmaps; it begins with the files. */
static struct file **arrays_alloc(unsigned int size)
{
	return kmalloc(size * sizeof(struct file *) + 2 * (size / 8),
		       ALLOC_WAIT | ALLOC_ZERO);
}

static void arrays_set(struct fdtable *t, struct file **files, unsigned int size)
{
	t->fdt_files = files;
	t->fdt_used = (u64 *)(files + size);
	t->fdt_cloexec = t->fdt_used + size / 64;
	t->fdt_size = size;
}

static void arrays_free(struct fdtable *t)
{
	if (t->fdt_files != t->fdt_files0)
		kfree(t->fdt_files);
}

/*
 * Room for number fd. Drops and retakes fdt_lock: anything may have changed.
 * -ENOMEM.
 */
static int fdtable_grow_locked(struct fdtable *t, unsigned int fd)
{
	struct file **files, **old = NULL;
	unsigned int size = max(t->fdt_size * 2, (unsigned int)(1u << log2_ceil(fd + 1)));

	KASSERT(lock_held(&t->fdt_lock));
	spin_unlock(&t->fdt_lock);
	files = arrays_alloc(size);
	spin_lock(&t->fdt_lock);
	if (!files)
		return -ENOMEM;
	if (t->fdt_size < size) {
		unsigned int n = t->fdt_size;
		u64 *used = t->fdt_used, *cloexec = t->fdt_cloexec;

		old = t->fdt_files != t->fdt_files0 ? t->fdt_files : NULL;
		memcpy(files, t->fdt_files, n * sizeof(*files));
		arrays_set(t, files, size);
		memcpy(t->fdt_used, used, n / 8);
		memcpy(t->fdt_cloexec, cloexec, n / 8);
		files = NULL;
	}
	spin_unlock(&t->fdt_lock);
	kfree(old);
	kfree(files);
	spin_lock(&t->fdt_lock);
	return 0;
}

/*
 * One pass over the parent's table; reserved numbers (a call of another thread
 * is under way) stay free in the child. fork has no reason to keep the size: it
 * is cut to what is used.
 */
int fdtable_fork(struct fdtable *from, struct fdtable **out)
{
	struct fdtable *t = fdtable_new();
	struct file **files = NULL;
	unsigned int size, n;

	if (!t)
		return -ENOMEM;
	spin_lock(&from->fdt_lock);
	while (t->fdt_size < (size = from->fdt_size)) {
		spin_unlock(&from->fdt_lock);
		arrays_free(t);
		files = arrays_alloc(size);
		if (!files) {
			slab_free(fdt_slab, t);
			return -ENOMEM;
		}
		arrays_set(t, files, size);
		spin_lock(&from->fdt_lock);
	}
	for (unsigned int w = 0; w < size / 64; w++) {
		u64 used = from->fdt_used[w];

		t->fdt_cloexec[w] = from->fdt_cloexec[w];
		for (u64 left = used; left; left &= left - 1) {
			n = w * 64 + ctz64(left);
			if (from->fdt_files[n]) {
				t->fdt_files[n] = file_get(from->fdt_files[n]);
			} else {
				used &= ~BIT(n % 64);
				t->fdt_cloexec[w] &= ~BIT(n % 64);
			}
		}
		t->fdt_used[w] = used;
	}
	spin_unlock(&from->fdt_lock);
	*out = t;
	return 0;
}

struct fdtable *fdtable_get(struct fdtable *t)
{
	refcount_inc(&t->fdt_ref);
	return t;
}

/* The file has left the table: POSIX locks of this owner go with any close. */
static void fd_file_closed(struct fdtable *t, struct file *f)
{
	if (f->f_vnode && f->f_vnode->v_locks)
		locks_release_owner(f->f_vnode, t);
	file_put(f);
}

void fdtable_put(struct fdtable *t)
{
	if (!refcount_put_and_test(&t->fdt_ref))
		return;
	for (unsigned int w = 0; w < t->fdt_size / 64; w++) {
		for (u64 left = t->fdt_used[w]; left; left &= left - 1) {
			struct file *f = t->fdt_files[w * 64 + ctz64(left)];

			if (f)
				fd_file_closed(t, f);
		}
	}
	arrays_free(t);
	slab_free(fdt_slab, t);
}

int fdtable_unshare(struct proc *p)
{
	struct fdtable *old = p->p_fdt, *t;
	int err;

	if (refcount_get(&old->fdt_ref) == 1)
		return 0;
	/* Other threads use the table without a reference of their own. */
	if (READ_ONCE(p->p_nthreads) > 1)
		return -EBUSY;
	err = fdtable_fork(old, &t);
	if (err)
		return err;
	spin_lock(&p->p_lock);
	p->p_fdt = t;
	spin_unlock(&p->p_lock);
	fdtable_put(old);
	return 0;
}

/*
 * Take number fd out; the entry's reference is the caller's. NULL: it was not
 * in use.
 */
static struct file *fdtable_remove_locked(struct fdtable *t, unsigned int fd)
{
	struct file *f;

	KASSERT(lock_held(&t->fdt_lock));
	if (fd >= t->fdt_size || !(f = t->fdt_files[fd]))
		return NULL;
	t->fdt_files[fd] = NULL;
	__clear_bit(t->fdt_used, fd);
	__clear_bit(t->fdt_cloexec, fd);
	if (fd < t->fdt_hint)
		t->fdt_hint = fd;
	return f;
}

void fdtable_close_on_exec(struct fdtable *t)
{
	spin_lock(&t->fdt_lock);
	for (unsigned int w = 0; w < t->fdt_size / 64; w++) {
		while (t->fdt_cloexec[w]) {
			unsigned int fd = w * 64 + ctz64(t->fdt_cloexec[w]);
			struct file *f = fdtable_remove_locked(t, fd);

			if (!f) {
				__clear_bit(t->fdt_cloexec, fd);
				continue;
			}
			spin_unlock(&t->fdt_lock);
			fd_file_closed(t, f);
			spin_lock(&t->fdt_lock);
		}
	}
	spin_unlock(&t->fdt_lock);
}

static inline bool fdtable_is_private(const struct proc *p, const struct fdtable *t)
{
	return refcount_get(&t->fdt_ref) == 1 && READ_ONCE(p->p_nthreads) == 1;
}

struct file *fd_file(struct fdtable *t, int fd)
{
	struct file *f = NULL;

	spin_lock(&t->fdt_lock);
	if ((unsigned int)fd < t->fdt_size && (f = t->fdt_files[fd]))
		file_get(f);
	spin_unlock(&t->fdt_lock);
	return f;
}

/* Somebody else may close it at any moment: take a reference under the lock. */
static __noinline bool fd_ref_shared(struct fdtable *t, int fd, struct fdref *r)
{
	r->counted = true;
	r->file = fd_file(t, fd);
	return r->file != NULL;
}

static __always_inline bool fd_ref(int fd, struct fdref *r)
{
	struct proc *p = current_proc();
	struct fdtable *t = p->p_fdt;

	if (unlikely(!fdtable_is_private(p, t)))
		return fd_ref_shared(t, fd, r);
	r->counted = false;
	r->file = (unsigned int)fd < t->fdt_size ? t->fdt_files[fd] : NULL;
	return r->file != NULL;
}

bool fd_get_any(int fd, struct fdref *r)
{
	return fd_ref(fd, r);
}

/* An O_PATH descriptor does not count: it is no open file for most calls. */
static __noinline bool fd_refuse_path(struct fdref *r)
{
	fd_put(r);
	return false;
}

bool fd_get(int fd, struct fdref *r)
{
	if (!fd_ref(fd, r))
		return false;
	if (likely(!(r->file->f_mode & FMODE_PATH)))
		return true;
	return fd_refuse_path(r);
}

void fd_put(struct fdref *r)
{
	if (r->counted)
		file_put(r->file);
}

static unsigned int fd_limit(void)
{
	return (unsigned int)min(proc_rlimit(RLIMIT_NOFILE), (u64)FD_MAX);
}

/* Mark the smallest free number >= min used. fd, -EMFILE, -ENOMEM. */
static int fd_reserve_locked(struct fdtable *t, unsigned int min_fd,
			     unsigned int limit, bool cloexec)
{
	unsigned int fd;
	int err;

	for (;;) {
		fd = bitmap_find_clear(t->fdt_used, t->fdt_size, max(min_fd, t->fdt_hint));
		if (fd >= limit)
			return -EMFILE;
		if (fd < t->fdt_size)
			break;
		err = fdtable_grow_locked(t, max(fd, min_fd));
		if (err)
			return err;
	}
	KASSERT(!t->fdt_files[fd]);
	__set_bit(t->fdt_used, fd);
	if (cloexec)
		__set_bit(t->fdt_cloexec, fd);
	else
		__clear_bit(t->fdt_cloexec, fd);
	if (min_fd <= t->fdt_hint)
		t->fdt_hint = fd + 1;
	return (int)fd;
}

int fd_reserve(int min_fd, bool cloexec)
{
	return fd_install(NULL, min_fd, cloexec);
}

void fd_fill(int fd, struct file *f)
{
	struct fdtable *t = current_proc()->p_fdt;

	spin_lock(&t->fdt_lock);
	KASSERT((unsigned int)fd < t->fdt_size && !t->fdt_files[fd] &&
		test_bit(t->fdt_used, fd));
	t->fdt_files[fd] = f;
	spin_unlock(&t->fdt_lock);
}

void fd_unreserve(int fd)
{
	struct fdtable *t = current_proc()->p_fdt;

	spin_lock(&t->fdt_lock);
	KASSERT((unsigned int)fd < t->fdt_size && !t->fdt_files[fd]);
	__clear_bit(t->fdt_used, fd);
	__clear_bit(t->fdt_cloexec, fd);
	t->fdt_hint = min(t->fdt_hint, (unsigned int)fd);
	spin_unlock(&t->fdt_lock);
}

int fd_install(struct file *f, int min_fd, bool cloexec)
{
	struct fdtable *t = current_proc()->p_fdt;
	unsigned int limit = fd_limit();
	int fd;

	if (should_fail())
		return -EMFILE;
	spin_lock(&t->fdt_lock);
	fd = fd_reserve_locked(t, (unsigned int)min_fd, limit, cloexec);
	if (fd >= 0)
		t->fdt_files[fd] = f;
	spin_unlock(&t->fdt_lock);
	return fd;
}

int fd_close(int fd)
{
	struct fdtable *t = current_proc()->p_fdt;
	struct file *f;

	spin_lock(&t->fdt_lock);
	f = fdtable_remove_locked(t, (unsigned int)fd);
	spin_unlock(&t->fdt_lock);
	if (!f)
		return -EBADF;
	fd_file_closed(t, f);
	return 0;
}

/*
 * dup2(2), dup3(2): number fd refers to f from now on; what was there is
 * closed. Takes a reference.
 */
int fd_replace(int fd, struct file *f, bool cloexec)
{
	struct fdtable *t = current_proc()->p_fdt;
	struct file *old;
	int err = 0;

	if ((unsigned int)fd >= fd_limit())
		return -EBADF;
	file_get(f);
	spin_lock(&t->fdt_lock);
	while ((unsigned int)fd >= t->fdt_size && !err)
		err = fdtable_grow_locked(t, (unsigned int)fd);
	/*
	 * Reserved: an open(2) of another thread is under way to this very
	 * number.
	 */
	if (!err && !t->fdt_files[fd] && test_bit(t->fdt_used, fd))
		err = -EBUSY;
	if (err) {
		spin_unlock(&t->fdt_lock);
		file_put(f);
		return err;
	}
	old = t->fdt_files[fd];
	t->fdt_files[fd] = f;
	__set_bit(t->fdt_used, fd);
	if (cloexec)
		__set_bit(t->fdt_cloexec, fd);
	else
		__clear_bit(t->fdt_cloexec, fd);
	spin_unlock(&t->fdt_lock);
	if (old)
		fd_file_closed(t, old);
	return fd;
}

int fd_get_cloexec(int fd)
{
	struct fdtable *t = current_proc()->p_fdt;
	int ret = -EBADF;

	spin_lock(&t->fdt_lock);
	if ((unsigned int)fd < t->fdt_size && t->fdt_files[fd])
		ret = test_bit(t->fdt_cloexec, fd);
	spin_unlock(&t->fdt_lock);
	return ret;
}

int fd_set_cloexec(int fd, bool on)
{
	struct fdtable *t = current_proc()->p_fdt;
	int ret = -EBADF;

	spin_lock(&t->fdt_lock);
	if ((unsigned int)fd < t->fdt_size && t->fdt_files[fd]) {
		if (on)
			__set_bit(t->fdt_cloexec, fd);
		else
			__clear_bit(t->fdt_cloexec, fd);
		ret = 0;
	}
	spin_unlock(&t->fdt_lock);
	return ret;
}

void fd_close_range(unsigned int first, unsigned int last, bool cloexec_only)
{
	struct fdtable *t = current_proc()->p_fdt;
	unsigned int fd = first;

	spin_lock(&t->fdt_lock);
	for (;;) {
		struct file *f;

		if (fd >= t->fdt_size)
			break;
		fd = bitmap_find_set(t->fdt_used, t->fdt_size, fd);
		if (fd >= t->fdt_size || fd > last)
			break;
		if (cloexec_only) {
			if (t->fdt_files[fd])
				__set_bit(t->fdt_cloexec, fd);
		} else if ((f = fdtable_remove_locked(t, fd))) {
			spin_unlock(&t->fdt_lock);
			fd_file_closed(t, f);
			spin_lock(&t->fdt_lock);
		}
		fd++;
	}
	spin_unlock(&t->fdt_lock);
}

int fdtable_next(struct fdtable *t, int from)
{
	int ret = -1;

	spin_lock(&t->fdt_lock);
	for (unsigned int fd = from; fd < t->fdt_size; fd++) {
		fd = bitmap_find_set(t->fdt_used, t->fdt_size, fd);
		if (fd < t->fdt_size && t->fdt_files[fd]) {
			ret = (int)fd;
			break;
		}
	}
	spin_unlock(&t->fdt_lock);
	return ret;
}

unsigned int fdtable_size(struct fdtable *t)
{
	return READ_ONCE(t->fdt_size);
}

bool fdtable_cloexec(struct fdtable *t, int fd)
{
	bool on;

	spin_lock(&t->fdt_lock);
	on = (unsigned int)fd < t->fdt_size && test_bit(t->fdt_cloexec, fd);
	spin_unlock(&t->fdt_lock);
	return on;
}
