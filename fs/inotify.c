/* SPDX-License-Identifier: MIT */
/*
 * inotify(7): watches on vnodes, and queues of events that read(2) takes from.
 *
 * An instance is an open file. A watch ties it to a vnode, which it keeps. Whoever
 * changes a file calls inotify_*() (inotify.h) after the fact; the event goes to the
 * watches of the vnode, and if it happened to a file in a directory, with the file's
 * name to those of the directory.
 *
 * A watch ends by inotify_rm_watch(2), by its only event (IN_ONESHOT), when its file
 * has neither a name nor a user any more, by unmount, or with its instance. Each way
 * but the last leaves IN_IGNORED in the queue.
 *
 * Invariants: 1. a watch is in its vnode's list and in its instance's, or in neither
 * and about to be freed; 2. inotify_watches counts those in lists; 3. in_nevents and
 * in_bytes are of in_events, without the overflow event, which needs no memory and is
 * read last.
 *
 * Locks: inotify_lock (spin) for all of it: watches are changed rarely, and events are
 * short. Events are allocated under it without waiting; with no memory the queue
 * overflows, as if it were full. Vnodes are let go outside.
 */
#include <abi/poll.h>
#include <abi/stat.h>
#include <abi/termios.h>
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/poll.h"
#include "fs/report.h"
#include "fs/vnode.h"
#include "kernel/core/proc.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

/* The files of /proc/sys/fs/inotify, with Linux' defaults; read without a lock. */
static u32 max_queued_events = 16384;	/* in one queue, of instances made from now on */
static u32 max_user_instances = 128;
static u32 max_user_watches = 65536;

REPORT_NUMBER(max_queued_events, "sys/fs/inotify/", max_queued_events, INT32_MAX, (void)0);
REPORT_NUMBER(max_user_instances, "sys/fs/inotify/", max_user_instances, INT32_MAX, (void)0);
REPORT_NUMBER(max_user_watches, "sys/fs/inotify/", max_user_watches, INT32_MAX, (void)0);

/* What a watch may say besides events, and keeps. */
#define KEPT_FLAGS	(IN_EXCL_UNLINK | IN_ONESHOT)
#define ADD_FLAGS	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | \
			 IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | \
			 IN_ISDIR | IN_ONESHOT)

struct watch {
	struct watch *w_next;		/* [l] of the vnode; or of those about to be freed */
	struct list_head w_link;	/* [l] inotify.in_watches */
	struct inotify *w_inst;		/* [I] */
	struct vnode *w_vn;		/* [I] reference */
	u32 w_mask;			/* [l] */
	int w_wd;			/* [I] */
};

struct event {
	struct list_head ev_link;	/* [l] */
	struct inotify_event ev;	/* [I] name follows, padded with NULs */
};

/* Legend: [l] inotify_lock, [I] immutable. */
struct inotify {
	struct list_head in_link;	/* [l] all instances */
	struct list_head in_watches;	/* [l] */
	struct list_head in_events;	/* [l] oldest first */
	unsigned int in_nwatches;	/* [l] */
	unsigned int in_nevents;	/* [l] */
	unsigned int in_max_events;	/* [I] */
	size_t in_bytes;		/* [l] what reading in_events takes */
	bool in_overflow;		/* [l] events were lost, and nobody has read so yet */
	int in_last_wd;			/* [l] */
	uid_t in_uid;			/* [I] who made it */
	struct waitq in_wq;		/* readers and pollers */
};

static struct spinlock inotify_lock = SPINLOCK_INIT("inotify", RANK_FS);
static LIST_HEAD(instances);		/* [inotify_lock] */
static struct slab_cache *watch_slab;
static atomic_t last_cookie;
atomic_t inotify_watches;

void inotify_cache_init(void)
{
	watch_slab = slab_create("inotify_watch", sizeof(struct watch), 0);
	statreport_register(&report_max_queued_events);
	statreport_register(&report_max_user_instances);
	statreport_register(&report_max_user_watches);
}

u32 inotify_cookie(void)
{
	return (u32)atomic_inc_return(&last_cookie);
}

/* ---- events ---- */

static size_t event_size(const struct event *e)
{
	return sizeof(e->ev) + e->ev.len;
}

/* The newest event says just this: it need not be said twice in a row. */
static bool event_repeats(const struct inotify *in, int wd, u32 mask, const char *name,
			  size_t len)
{
	const struct event *e;

	if (list_empty(&in->in_events) || (mask & IN_IGNORED))
		return false;
	e = list_entry(in->in_events.prev, struct event, ev_link);
	if (e->ev.wd != wd || e->ev.mask != mask || !e->ev.len != !len)
		return false;
	return !len || (strlen(e->ev.name) == len && memcmp(e->ev.name, name, len) == 0);
}

static void event_add(struct inotify *in, int wd, u32 mask, u32 cookie, const char *name,
		      size_t len)
{
	/* As Linux pads: a multiple of the header's size, with at least one NUL. */
	size_t room = len ? round_up(len + 1, sizeof(struct inotify_event)) : 0;
	struct event *e = NULL;

	KASSERT(lock_held(&inotify_lock));
	if (event_repeats(in, wd, mask, name, len))
		return;
	if (in->in_nevents < in->in_max_events)
		e = kmalloc(sizeof(*e) + room, ALLOC_NOWAIT | ALLOC_ZERO);
	if (e) {
		e->ev = (struct inotify_event){
			.wd = wd, .mask = mask, .cookie = cookie, .len = (u32)room
		};
		if (len)
			memcpy(e->ev.name, name, len);
		list_add_tail(&e->ev_link, &in->in_events);
		in->in_nevents++;
		in->in_bytes += event_size(e);
	} else {
		in->in_overflow = true;
	}
	waitq_wake_all(&in->in_wq, POLLIN | POLLRDNORM);
}

/* ---- ends of watches ---- */

/* Out of both lists, onto *dead. */
static void watch_detach(struct watch *w, struct watch **dead)
{
	struct watch **link = &w->w_vn->v_watches;

	KASSERT(lock_held(&inotify_lock));
	while (*link != w)
		link = &(*link)->w_next;
	*link = w->w_next;
	list_del(&w->w_link);
	w->w_inst->in_nwatches--;
	atomic_dec(&inotify_watches);
	w->w_next = *dead;
	*dead = w;
}

/* The same, and the instance learns that it was the last it hears of this watch. */
static void watch_end(struct watch *w, struct watch **dead)
{
	event_add(w->w_inst, w->w_wd, IN_IGNORED, 0, NULL, 0);
	watch_detach(w, dead);
}

static void watches_free(struct watch *dead)
{
	while (dead) {
		struct watch *next = dead->w_next;

		vnode_put(dead->w_vn);
		slab_free(watch_slab, dead);
		dead = next;
	}
}

/* ---- what happens to files ---- */

/* To all watches of vn that want it. unlinked: the name in question is gone already. */
static void tell(struct vnode *vn, u32 mask, u32 cookie, const char *name, size_t len,
		 bool unlinked)
{
	struct watch *w, *next, *dead = NULL;

	spin_lock(&inotify_lock);
	for (w = vn->v_watches; w; w = next) {
		next = w->w_next;
		if (!(w->w_mask & mask & IN_ALL_EVENTS) ||
		    (unlinked && (w->w_mask & IN_EXCL_UNLINK)))
			continue;
		event_add(w->w_inst, w->w_wd, mask, cookie, name, len);
		if (w->w_mask & IN_ONESHOT)
			watch_end(w, &dead);
	}
	spin_unlock(&inotify_lock);
	watches_free(dead);
}

/* IN_ISDIR does not go with the events of which it would say nothing new. */
static u32 mask_of(const struct vnode *vn, u32 mask)
{
	return vnode_is_dir(vn) && !(mask & (IN_DELETE_SELF | IN_MOVE_SELF)) ? mask | IN_ISDIR
									     : mask;
}

void inotify_tell_vnode(struct vnode *vn, u32 mask)
{
	if (READ_ONCE(vn->v_watches))
		tell(vn, mask_of(vn, mask), 0, NULL, 0, false);
}

void inotify_tell_dir(struct vnode *dir, u32 mask, const char *name, size_t len, u32 cookie)
{
	if (READ_ONCE(dir->v_watches))
		tell(dir, mask, cookie, name, len, false);
}

void inotify_tell_dentry(struct dentry *d, u32 mask)
{
	struct vnode *vn = d->d_vnode, *dir = NULL;
	char name[NAME_MAX + 1];
	size_t len = 0;
	bool unlinked = false;

	spin_lock(&dcache_lock);
	if (d->d_parent != d && READ_ONCE(d->d_parent->d_vnode->v_watches)) {
		dir = vnode_get(d->d_parent->d_vnode);
		len = d->d_len;
		memcpy(name, d->d_name, len);
		unlinked = d->d_flags & DENTRY_DELETED;
	}
	spin_unlock(&dcache_lock);
	if (dir) {
		tell(dir, mask_of(vn, mask), 0, name, len, unlinked);
		vnode_put(dir);
	}
	inotify_tell_vnode(vn, mask);
}

/* Ends the watches of vn with one last event. */
static void end_all(struct vnode *vn, u32 mask)
{
	struct watch *w, *dead = NULL;

	spin_lock(&inotify_lock);
	while ((w = vn->v_watches)) {
		if ((w->w_mask & mask) || mask == IN_UNMOUNT)
			event_add(w->w_inst, w->w_wd, mask, 0, NULL, 0);
		watch_end(w, &dead);
	}
	spin_unlock(&inotify_lock);
	watches_free(dead);
}

void inotify_tell_gone(struct vnode *vn)
{
	if (READ_ONCE(vn->v_watches) && vn->v_nlink == 0)
		end_all(vn, IN_DELETE_SELF);
}

void inotify_unmount(struct superblock *sb)
{
	struct vnode *vn;

	do {
		struct inotify *in;
		struct watch *w;

		vn = NULL;
		spin_lock(&inotify_lock);
		list_for_each_entry(in, &instances, in_link) {
			list_for_each_entry(w, &in->in_watches, w_link) {
				if (!vn && w->w_vn->v_sb == sb)
					vn = vnode_get(w->w_vn);
			}
		}
		spin_unlock(&inotify_lock);
		if (vn) {
			end_all(vn, IN_UNMOUNT);
			vnode_put(vn);
		}
	} while (vn);
}

/* ---- file_ops of an instance ---- */

/* The oldest event of at most size bytes, taken out; else why there is none. */
static int event_take(struct inotify *in, size_t size, struct event **out)
{
	struct event *e;

	KASSERT(lock_held(&inotify_lock));
	if (list_empty(&in->in_events))
		return -EAGAIN;
	e = list_first_entry(&in->in_events, struct event, ev_link);
	if (event_size(e) > size)
		return -EINVAL;
	list_del(&e->ev_link);
	in->in_nevents--;
	in->in_bytes -= event_size(e);
	*out = e;
	return 0;
}

static int overflow_take(struct inotify *in, struct uio *u)
{
	struct inotify_event ev = { .wd = -1, .mask = IN_Q_OVERFLOW };
	int err;

	if (!in->in_overflow)
		return -EAGAIN;
	if (u->u_resid < sizeof(ev))
		return -EINVAL;
	in->in_overflow = false;
	spin_unlock(&inotify_lock);
	err = uio_copy_out(u, &ev, sizeof(ev));
	spin_lock(&inotify_lock);
	return err;
}

/* One event into u. inotify_lock is held, and dropped for the copy. */
static int read_one(struct inotify *in, struct uio *u)
{
	struct event *e;
	int err = event_take(in, u->u_resid, &e);

	if (err == -EAGAIN)
		return overflow_take(in, u);
	if (err)
		return err;
	spin_unlock(&inotify_lock);
	err = uio_copy_out(u, &e->ev, event_size(e));
	kfree(e);
	spin_lock(&inotify_lock);
	return err;
}

/* As many whole events as fit; waits for the first. */
static ssize_t inotify_read(struct file *f, struct uio *u)
{
	struct inotify *in = f->f_data;
	size_t asked = u->u_resid, done = 0;
	int err;

	spin_lock(&inotify_lock);
	for (;;) {
		err = read_one(in, u);
		if (!err) {
			done = asked - u->u_resid;
			continue;
		}
		if (err != -EAGAIN || done || u->u_nonblock)
			break;
		err = waitq_sleep(&in->in_wq, &inotify_lock);
		if (err)
			break;
	}
	spin_unlock(&inotify_lock);
	return done && err != -EFAULT ? (ssize_t)done : err;
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *in = f->f_data;
	u32 mask = 0;

	spin_lock(&inotify_lock);
	poll_wait(pt, f, &in->in_wq);
	if (!list_empty(&in->in_events) || in->in_overflow)
		mask = POLLIN | POLLRDNORM;
	spin_unlock(&inotify_lock);
	return mask;
}

static long inotify_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct inotify *in = f->f_data;
	size_t bytes;

	if (cmd != FIONREAD)
		return -ENOTTY;
	spin_lock(&inotify_lock);
	bytes = in->in_bytes + (in->in_overflow ? sizeof(struct inotify_event) : 0);
	spin_unlock(&inotify_lock);
	return put_user_u32((void __user *)arg, (u32)bytes);
}

static void inotify_release(struct file *f)
{
	struct inotify *in = f->f_data;
	struct watch *dead = NULL;
	struct event *e, *next;

	spin_lock(&inotify_lock);
	while (!list_empty(&in->in_watches))
		watch_detach(list_first_entry(&in->in_watches, struct watch, w_link), &dead);
	list_del(&in->in_link);
	spin_unlock(&inotify_lock);
	watches_free(dead);
	list_for_each_entry_safe(e, next, &in->in_events, ev_link)
		kfree(e);
	kfree(in);
}

static const struct file_ops inotify_fops = {
	.fo_read = inotify_read,
	.fo_ioctl = inotify_ioctl,
	.fo_poll = inotify_poll,
	.fo_release = inotify_release,
};

/* ---- system calls ---- */

/* How many instances and watches the user has. */
static void count_user(uid_t uid, unsigned int *ninst, unsigned int *nwatches)
{
	struct inotify *in;

	*ninst = *nwatches = 0;
	list_for_each_entry(in, &instances, in_link) {
		if (in->in_uid == uid) {
			++*ninst;
			*nwatches += in->in_nwatches;
		}
	}
}

static int instance_create(u32 flags, struct file **out)
{
	struct inotify *in = kzalloc(sizeof(*in));
	unsigned int ninst, nwatches;
	int err;

	if (!in)
		return -ENOMEM;
	list_init(&in->in_watches);
	list_init(&in->in_events);
	waitq_init(&in->in_wq);
	in->in_max_events = READ_ONCE(max_queued_events);
	in->in_uid = cred_current()->cr_uid;
	err = file_alloc(&inotify_fops, in, O_RDONLY | flags, out);
	if (err) {
		kfree(in);
		return err;
	}
	file_set_anon(*out, "inotify", 0600, 0);
	spin_lock(&inotify_lock);
	count_user(in->in_uid, &ninst, &nwatches);
	list_add(&in->in_link, &instances);
	spin_unlock(&inotify_lock);
	if (ninst >= READ_ONCE(max_user_instances)) {
		file_put(*out);
		return -EMFILE;
	}
	return 0;
}

long sys_inotify_init1(int flags)
{
	struct file *f;
	int err, fd;

	if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	err = instance_create((u32)flags & IN_NONBLOCK, &f);
	if (err)
		return err;
	fd = fd_install(f, 0, flags & IN_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

long sys_inotify_init(void)
{
	return sys_inotify_init1(0);
}

/* The watch descriptor: of the watch that is there, with another mask, or of w, used up. */
static int watch_add(struct inotify *in, struct vnode *vn, u32 mask, struct watch **w)
{
	u32 keep = mask & (IN_ALL_EVENTS | KEPT_FLAGS);
	unsigned int ninst, nwatches;
	struct watch *old;

	KASSERT(lock_held(&inotify_lock));
	for (old = vn->v_watches; old; old = old->w_next) {
		if (old->w_inst != in)
			continue;
		if (mask & IN_MASK_CREATE)
			return -EEXIST;
		old->w_mask = mask & IN_MASK_ADD ? old->w_mask | keep : keep;
		return old->w_wd;
	}
	count_user(in->in_uid, &ninst, &nwatches);
	if (nwatches >= READ_ONCE(max_user_watches) || in->in_last_wd == INT32_MAX)
		return -ENOSPC;
	**w = (struct watch){
		.w_next = vn->v_watches, .w_inst = in, .w_vn = vnode_get(vn),
		.w_mask = keep, .w_wd = ++in->in_last_wd,
	};
	vn->v_watches = *w;
	list_add_tail(&(*w)->w_link, &in->in_watches);
	in->in_nwatches++;
	atomic_inc(&inotify_watches);
	*w = NULL;
	return in->in_last_wd;
}

static long add_watch(struct inotify *in, const char __user *name, u32 mask)
{
	unsigned int how = (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
			   (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0);
	struct watch *w;
	struct path p;
	long ret = path_lookup_user(AT_FDCWD, name, how, &p);

	if (ret)
		return ret;
	ret = vnode_permission(p.dentry->d_vnode, MAY_READ, cred_current());
	w = ret ? NULL : slab_alloc(watch_slab, ALLOC_WAIT);
	if (!ret && !w)
		ret = -ENOMEM;
	if (!ret) {
		spin_lock(&inotify_lock);
		ret = watch_add(in, p.dentry->d_vnode, mask, &w);
		spin_unlock(&inotify_lock);
	}
	if (w)
		slab_free(watch_slab, w);
	path_put(&p);
	return ret;
}

long sys_inotify_add_watch(int fd, const char __user *name, u32 mask)
{
	struct fdref r;
	long ret;

	if (!mask || (mask & ~ADD_FLAGS) || ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)))
		return -EINVAL;
	if (!fd_get(fd, &r))
		return -EBADF;
	ret = r.file->f_ops == &inotify_fops ? add_watch(r.file->f_data, name, mask) : -EINVAL;
	fd_put(&r);
	return ret;
}

static int rm_watch(struct inotify *in, int wd)
{
	struct watch *w, *found = NULL, *dead = NULL;

	spin_lock(&inotify_lock);
	list_for_each_entry(w, &in->in_watches, w_link) {
		if (w->w_wd == wd) {
			found = w;
			break;
		}
	}
	if (found)
		watch_end(found, &dead);
	spin_unlock(&inotify_lock);
	watches_free(dead);
	return found ? 0 : -EINVAL;
}

long sys_inotify_rm_watch(int fd, int wd)
{
	struct fdref r;
	long ret;

	if (!fd_get(fd, &r))
		return -EBADF;
	ret = r.file->f_ops == &inotify_fops ? rm_watch(r.file->f_data, wd) : -EINVAL;
	fd_put(&r);
	return ret;
}
