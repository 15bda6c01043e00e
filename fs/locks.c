/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks: POSIX record locks and open file description locks
 * (fcntl(2)), flock(2).
 *
 * A lock belongs to an owner: the descriptor table for POSIX locks (so threads
 * share them and fork does not inherit them), the open file for the two others.
 * Locks of one owner on one file do not overlap: setting a range first clears
 * it, splitting or cutting what is there.
 *
 * Invariants: 1. two locks of different owners on overlapping ranges are both
 * read locks; 2. fl_posix is sorted by start; 3. v_locks, once set, stays until
 * the vnode ends.
 *
 * Locks: locks_lock (spin) for all of it; file locks are rare, and deadlock
 * detection looks at all waiters.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/locks.h"
#include "fs/vnode.h"
#include "kernel/core/proc.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define LOCK_MAND	32

struct lock {
	struct list_head lk_link;	/* fl_posix or fl_flock */
	const void *lk_owner;
	bool lk_ofd;
	u8 lk_type;			/* F_RDLCK, F_WRLCK; F_UNLCK in requests */
	s64 lk_start, lk_end;		/* last byte included */
	pid_t lk_pid;
};

struct file_locks {
	struct list_head fl_posix;
	struct list_head fl_flock;
	struct waitq fl_wq;
};

/* A thread that waits for a POSIX lock, and for whose. */
struct lock_wait {
	struct list_head lw_link;
	const void *lw_owner;
	const void *lw_blocker;
};

static struct spinlock locks_lock = SPINLOCK_INIT("file_locks", RANK_FS);
static LIST_HEAD(lock_waits);		/* [locks_lock] */
static struct slab_cache *lock_slab;

void locks_init(void)
{
	lock_slab = slab_create("file_lock", sizeof(struct lock), 0);
}

static int locks_of(struct vnode *vn, struct file_locks **out)
{
	struct file_locks *fl = READ_ONCE(vn->v_locks), *made;

	if (!fl) {
		made = kzalloc(sizeof(*made));
		if (!made)
			return -ENOLCK;
		list_init(&made->fl_posix);
		list_init(&made->fl_flock);
		waitq_init(&made->fl_wq);
		spin_lock(&vn->v_ilock);
		fl = vn->v_locks;
		if (!fl)
			smp_store_release(&vn->v_locks, fl = made);
		spin_unlock(&vn->v_ilock);
		if (fl != made)
			kfree(made);
	}
	*out = fl;
	return 0;
}

void locks_free(struct vnode *vn)
{
	KASSERT(list_empty(&vn->v_locks->fl_posix) && list_empty(&vn->v_locks->fl_flock));
	kfree(vn->v_locks);
}

static bool overlaps(const struct lock *a, const struct lock *b)
{
	return a->lk_start <= b->lk_end && b->lk_start <= a->lk_end;
}

static struct lock *find_conflict(struct list_head *locks, const struct lock *want)
{
	struct lock *l;

	KASSERT(lock_held(&locks_lock));
	list_for_each_entry(l, locks, lk_link) {
		if (l->lk_owner != want->lk_owner && overlaps(l, want) &&
		    (l->lk_type == F_WRLCK || want->lk_type == F_WRLCK))
			return l;
	}
	return NULL;
}

/*
 * Would waiting for blocker close a circle of owners that wait for each other?
 */
static bool would_deadlock(const void *owner, const void *blocker)
{
	struct lock_wait *w;
	unsigned int steps = 0;
	bool found = true;

	/*
	 * More steps than waiters cannot be needed; a circle of others is none
	 * of ours.
	 */
	while (found && steps++ < 1024) {
		if (blocker == owner)
			return true;
		found = false;
		list_for_each_entry(w, &lock_waits, lw_link) {
			if (w->lw_owner == blocker) {
				blocker = w->lw_blocker;
				found = true;
				break;
			}
		}
	}
	return false;
}

/*
 * Wait until nobody's lock is in the way. 0, -EAGAIN, -EDEADLK, -ERESTARTSYS.
 */
static int wait_for_turn(struct file_locks *fl, struct list_head *locks,
			 const struct lock *want, bool block, bool detect)
{
	struct lock_wait w = { .lw_owner = want->lk_owner };
	struct lock *l;
	int err = 0;

	while (!err && (l = find_conflict(locks, want))) {
		if (!block)
			return -EAGAIN;
		if (detect && would_deadlock(want->lk_owner, l->lk_owner))
			return -EDEADLK;
		w.lw_blocker = l->lk_owner;
		if (detect)
			list_add(&w.lw_link, &lock_waits);
		err = waitq_sleep(&fl->fl_wq, &locks_lock);
		if (detect)
			list_del(&w.lw_link);
	}
	return err;
}

/*
 * Clear the owner's locks in want's range, then insert want unless it unlocks.
 * spare: an allocated lock for a split; the unused ones of *fresh and *spare
 * are left for the caller to free.
 */
static void set_range(struct list_head *locks, struct lock *want, struct lock **fresh,
		      struct lock **spare)
{
	struct lock *l, *next, *at;

	list_for_each_entry_safe(l, next, locks, lk_link) {
		if (l->lk_owner != want->lk_owner || !overlaps(l, want))
			continue;
		if (l->lk_start < want->lk_start && l->lk_end > want->lk_end) {
			struct lock *tail = *spare;

			*spare = NULL;
			KASSERT(tail);
			*tail = *l;
			tail->lk_start = want->lk_end + 1;
			l->lk_end = want->lk_start - 1;
			list_add(&tail->lk_link, &l->lk_link);
			break;
		}
		if (l->lk_start < want->lk_start) {
			l->lk_end = want->lk_start - 1;
		} else if (l->lk_end > want->lk_end) {
			l->lk_start = want->lk_end + 1;
		} else {
			list_del(&l->lk_link);
			slab_free(lock_slab, l);
		}
	}
	if (want->lk_type == F_UNLCK)
		return;
	l = *fresh;
	*fresh = NULL;
	*l = *want;
	list_for_each_entry(at, locks, lk_link) {
		if (at->lk_start > l->lk_start)
			break;
	}
	list_add_tail(&l->lk_link, &at->lk_link);
}

/*
 * Join neighbours of one owner and type, so that F_GETLK shows one lock and
 * splits stay few.
 */
static void merge(struct list_head *locks, const void *owner)
{
	struct lock *l, *next, *prev = NULL;

	list_for_each_entry_safe(l, next, locks, lk_link) {
		if (l->lk_owner != owner)
			continue;
		if (prev && prev->lk_type == l->lk_type && prev->lk_end + 1 == l->lk_start) {
			prev->lk_end = l->lk_end;
			list_del(&l->lk_link);
			slab_free(lock_slab, l);
			continue;
		}
		prev = l;
	}
}

static int posix_set(struct vnode *vn, struct lock *want, bool block)
{
	struct lock *fresh = slab_alloc(lock_slab, ALLOC_WAIT);
	struct lock *spare = slab_alloc(lock_slab, ALLOC_WAIT);
	struct file_locks *fl;
	int err = fresh && spare ? locks_of(vn, &fl) : -ENOLCK;

	if (!err) {
		spin_lock(&locks_lock);
		if (want->lk_type != F_UNLCK)
			err = wait_for_turn(fl, &fl->fl_posix, want, block, !want->lk_ofd);
		if (!err) {
			set_range(&fl->fl_posix, want, &fresh, &spare);
			merge(&fl->fl_posix, want->lk_owner);
			waitq_wake_all(&fl->fl_wq, 0);
		}
		spin_unlock(&locks_lock);
	}
	if (fresh)
		slab_free(lock_slab, fresh);
	if (spare)
		slab_free(lock_slab, spare);
	return err;
}

/* The bytes that a struct flock means; fcntl(2), "Advisory record locking". */
static int flock_range(struct file *f, const struct flock *fl, struct lock *out)
{
	s64 base = 0, start;

	if (fl->l_whence == SEEK_CUR)
		base = READ_ONCE(f->f_pos);
	else if (fl->l_whence == SEEK_END)
		base = READ_ONCE(f->f_vnode->v_size);
	else if (fl->l_whence != SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(base, fl->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	out->lk_start = start;
	out->lk_end = INT64_MAX;
	if (fl->l_len > 0) {
		if (__builtin_add_overflow(start, fl->l_len - 1, &out->lk_end))
			return -EOVERFLOW;
	} else if (fl->l_len < 0) {
		if (start + fl->l_len < 0)
			return -EINVAL;
		out->lk_start = start + fl->l_len;
		out->lk_end = start - 1;
	}
	return 0;
}

static void posix_get(struct vnode *vn, const struct lock *want, struct flock *fl)
{
	struct lock *l = NULL;

	if (vn->v_locks) {
		spin_lock(&locks_lock);
		l = find_conflict(&vn->v_locks->fl_posix, want);
		if (l) {
			fl->l_type = l->lk_type;
			fl->l_whence = SEEK_SET;
			fl->l_start = l->lk_start;
			fl->l_len = l->lk_end == INT64_MAX ? 0 : l->lk_end - l->lk_start + 1;
			fl->l_pid = l->lk_ofd ? -1 : l->lk_pid;
		}
		spin_unlock(&locks_lock);
	}
	if (!l)
		fl->l_type = F_UNLCK;
}

static int posix_check(struct file *f, const struct flock *fl, bool ofd, bool get)
{
	if (fl->l_type != F_RDLCK && fl->l_type != F_WRLCK && (get || fl->l_type != F_UNLCK))
		return -EINVAL;
	if (ofd && fl->l_pid)
		return -EINVAL;
	if (get)
		return 0;
	if ((fl->l_type == F_RDLCK && !file_readable(f)) ||
	    (fl->l_type == F_WRLCK && !file_writable(f)))
		return -EBADF;
	return 0;
}

/*
 * Another thread may have closed fd while we waited; its close did not see our
 * lock.
 */
static int posix_recheck(struct file *f, int fd, struct lock *want)
{
	struct file *now;

	if (want->lk_type == F_UNLCK || want->lk_ofd)
		return 0;
	now = fd_file(current_proc()->p_fdt, fd);
	if (now)
		file_put(now);
	if (now == f)
		return 0;
	want->lk_type = F_UNLCK;
	(void)posix_set(f->f_vnode, want, false);
	return -EBADF;
}

long locks_fcntl(struct file *f, int fd, unsigned int cmd, struct flock __user *arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	bool block = cmd == F_SETLKW || cmd == F_OFD_SETLKW;
	struct flock fl;
	struct lock want;
	int err;

	if (copy_from_user(&fl, arg, sizeof(fl)))
		return -EFAULT;
	if (!f->f_vnode)
		return -EINVAL;
	want = (struct lock){
		.lk_owner = ofd ? (void *)f : (void *)current_proc()->p_fdt,
		.lk_ofd = ofd,
		.lk_type = (u8)fl.l_type,
		.lk_pid = current_proc()->p_pid,
	};
	err = posix_check(f, &fl, ofd, get);
	if (!err)
		err = flock_range(f, &fl, &want);
	if (err)
		return err;
	if (get) {
		posix_get(f->f_vnode, &want, &fl);
		return copy_to_user(arg, &fl, sizeof(fl));
	}
	err = posix_set(f->f_vnode, &want, block);
	return err ? err : posix_recheck(f, fd, &want);
}

/* ---- flock(2) ---- */

static void flock_drop_locked(struct file_locks *fl, const struct file *f)
{
	struct lock *l, *next;

	list_for_each_entry_safe(l, next, &fl->fl_flock, lk_link) {
		if (l->lk_owner == f) {
			list_del(&l->lk_link);
			slab_free(lock_slab, l);
		}
	}
	waitq_wake_all(&fl->fl_wq, 0);
}

static bool flock_has_locked(const struct file_locks *fl, const struct lock *want)
{
	struct lock *l;

	list_for_each_entry(l, &fl->fl_flock, lk_link) {
		if (l->lk_owner == want->lk_owner && l->lk_type == want->lk_type)
			return true;
	}
	return false;
}

long locks_flock(struct file *f, int op)
{
	struct lock want = {
		.lk_owner = f, .lk_end = INT64_MAX, .lk_pid = current_proc()->p_pid
	};
	struct file_locks *fl;
	struct lock *fresh;
	int err;

	/*
	 * The mandatory locks that Linux once had: asking for them is a no-op
	 * since 5.17.
	 */
	if (op & LOCK_MAND)
		return 0;
	switch (op & ~LOCK_NB) {
	case LOCK_SH:
		want.lk_type = F_RDLCK;
		break;
	case LOCK_EX:
		want.lk_type = F_WRLCK;
		break;
	case LOCK_UN:
		want.lk_type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	fresh = slab_alloc(lock_slab, ALLOC_WAIT);
	err = fresh ? locks_of(f->f_vnode, &fl) : -ENOLCK;
	if (!err) {
		spin_lock(&locks_lock);
		if (!flock_has_locked(fl, &want)) {
			/*
			 * A conversion gives the old lock up first; flock(2),
			 * NOTES.
			 */
			flock_drop_locked(fl, f);
			if (want.lk_type != F_UNLCK)
				err = wait_for_turn(fl, &fl->fl_flock, &want,
						    !(op & LOCK_NB), false);
			if (!err && want.lk_type != F_UNLCK) {
				*fresh = want;
				list_add(&fresh->lk_link, &fl->fl_flock);
				fresh = NULL;
			}
		}
		spin_unlock(&locks_lock);
	}
	if (fresh)
		slab_free(lock_slab, fresh);
	return err;
}

/* ---- ends ---- */

static void drop_posix(struct file_locks *fl, const void *owner)
{
	struct lock *l, *next;

	list_for_each_entry_safe(l, next, &fl->fl_posix, lk_link) {
		if (l->lk_owner == owner) {
			list_del(&l->lk_link);
			slab_free(lock_slab, l);
		}
	}
	waitq_wake_all(&fl->fl_wq, 0);
}

void locks_release_owner(struct vnode *vn, struct fdtable *owner)
{
	spin_lock(&locks_lock);
	drop_posix(vn->v_locks, owner);
	spin_unlock(&locks_lock);
}

void locks_release_file(struct file *f)
{
	spin_lock(&locks_lock);
	drop_posix(f->f_vnode->v_locks, f);
	flock_drop_locked(f->f_vnode->v_locks, f);
	spin_unlock(&locks_lock);
}
