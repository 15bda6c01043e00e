/* SPDX-License-Identifier: MIT */
/*
 * Signal-driven I/O (fcntl(2), "Managing signals"): a file with O_ASYNC sends its owner
 * SIGIO, or what F_SETSIG says, when input or output becomes possible.
 *
 * A file that was asked for any of this has a struct sigio. While O_ASYNC is on, this hangs
 * on the object's wait queues by callbacks, as poll does. A callback may run in an interrupt
 * and under the object's locks, where no process can be looked for; so it only notes what
 * happened and pushes the struct onto a list. The list is emptied by whoever comes first:
 * the thread that caused it, on its way back to user mode (so who writes to a pipe of his
 * own has the signal when write(2) returns), or a kernel thread.
 *
 * Invariants: 1. a queued struct has a reference for that; 2. so_on iff the waiters are on
 * queues; 3. signals are sent with sigio_mutex held, so when sigio_drain() returns all
 * that was queued before has been sent.
 *
 * Locks: sigio_mutex for turning on and off and for emptying the list; so_lock (spin) for
 * the owner; the list needs none.
 */
#include <abi/poll.h>
#include <abi/signal.h>
#include <errno.h>
#include <kassert.h>
#include "fs/file.h"
#include "fs/poll.h"
#include "ipc/ipc.h"
#include "ipc/signal.h"
#include "kernel/core/mutex.h"
#include "kernel/core/panic.h"
#include "kernel/core/sched.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define INPUT	(POLLIN | POLLRDNORM | POLLPRI | POLLHUP | POLLERR)
#define OUTPUT	(POLLOUT | POLLWRNORM | POLLERR)

struct sigio_waiter {
	struct waiter sw_w;
	struct sigio *sw_so;
};

/* Who is to be told, and how. */
struct sigio_owner {
	int type;			/* F_OWNER_* */
	pid_t pid;			/* 0: nobody */
	uid_t uid, euid;		/* of who said so */
	int sig;			/* F_SETSIG; 0: SIGIO without particulars */
};

/* Legend: [m] sigio_mutex, [l] so_lock, [I] immutable, [a] atomic. */
struct sigio {
	refcount_t so_ref;		/* the file, and the list while queued */
	struct spinlock so_lock;
	struct sigio_owner so_owner;	/* [l] */
	int so_fd;			/* [m] the number that O_ASYNC was set through */
	bool so_on;			/* [m] */
	unsigned int so_nwaiters;	/* [m] */
	u32 so_mask;			/* [I] events that matter to a file of this mode */
	atomic_t so_events;		/* [a] what happened since the last signal */
	atomic_t so_queued;		/* [a] */
	struct sigio *so_next;		/* of who pushes, then of who has taken the list */
	struct poll_table so_table;	/* [m] */
	struct sigio_waiter so_waiters[POLL_FILE_WAITERS];	/* [m] */
};

static struct mutex sigio_mutex;
static struct sigio *queued;		/* [a] pushed by anybody, taken as a whole */
static struct thread *sender;		/* [I] */

static void sigio_put(struct sigio *so)
{
	if (refcount_put_and_test(&so->so_ref))
		kfree(so);
}

/* ---- something happens ---- */

static void push(struct sigio *so)
{
	struct sigio *head = READ_ONCE(queued), *found;

	refcount_inc(&so->so_ref);
	for (;;) {
		so->so_next = head;
		found = __sync_val_compare_and_swap(&queued, head, so);
		if (found == head)
			return;
		head = found;
	}
}

/* Under wq_lock, perhaps in an interrupt. A waker that does not say what happened means both. */
static bool sigio_woken(struct waiter *w, u32 key)
{
	struct sigio *so = container_of(w, struct sigio_waiter, sw_w)->sw_so;
	u32 events = (key ?: POLLIN | POLLOUT) & so->so_mask;
	struct thread *t = current;

	if (!events)
		return false;
	atomic_or(&so->so_events, (int)events);
	if (atomic_xchg(&so->so_queued, 1))
		return false;
	push(so);
	if (!in_interrupt() && t->t_proc != &proc0)
		atomic_or(&t->t_work, TW_SIGIO);
	sched_wake(sender, WAKE_ANY_SLEEP);
	return false;
}

/* ---- signals ---- */

static bool may_signal(const struct sigio_owner *o, struct proc *p)
{
	struct cred *to;
	bool ok;

	spin_lock(&p->p_lock);
	to = cred_get(p->p_cred);
	spin_unlock(&p->p_lock);
	ok = o->euid == 0 || o->euid == to->cr_suid || o->euid == to->cr_uid ||
	     o->uid == to->cr_suid || o->uid == to->cr_uid;
	cred_put(to);
	return ok;
}

static void send_to(const struct sigio_owner *o, struct proc *p, struct thread *t,
		    const struct siginfo *si)
{
	int err = -EAGAIN;

	if (!p->p_sig || !may_signal(o, p))
		return;
	if (o->sig)
		err = t ? signal_send_thread(t, o->sig, si) : signal_send_proc(p, o->sig, si);
	/* No room in the queue: the plain signal says at least that something was. */
	if (err && t)
		(void)signal_send_thread(t, SIGIO, NULL);
	else if (err)
		(void)signal_send_proc(p, SIGIO, NULL);
}

static void send_to_owner(const struct sigio_owner *o, const struct siginfo *si)
{
	struct thread *t;
	struct pgrp *pg;
	struct proc *p;

	spin_lock(&proctree_lock);
	if (o->type == F_OWNER_TID && (t = thread_find_locked(o->pid)) && t->t_proc != &proc0)
		send_to(o, t->t_proc, t, si);
	else if (o->type == F_OWNER_PID && (p = proc_find_locked(o->pid)))
		send_to(o, p, NULL, si);
	else if (o->type == F_OWNER_PGRP && (pg = pgrp_find_locked(o->pid)))
		list_for_each_entry(p, &pg->pg_members, p_pglink)
			send_to(o, p, NULL, si);
	spin_unlock(&proctree_lock);
}

/* Each kind of event as a signal of its own, as on Linux. */
static void sigio_send(struct sigio *so)
{
	static const struct {
		u32 events;
		int code;
		long band;
	} kinds[] = {
		{ POLLERR, POLL_ERR, POLLERR },
		{ POLLHUP, POLL_HUP, POLLHUP | POLLERR },
		{ POLLPRI, POLL_PRI, POLLPRI | POLLRDBAND },
		{ POLLIN | POLLRDNORM, POLL_IN, POLLIN | POLLRDNORM },
		{ POLLOUT | POLLWRNORM, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND },
	};
	struct sigio_owner o;
	u32 events;

	KASSERT(mutex_held(&sigio_mutex));
	/* From here on an event queues it again. */
	atomic_xchg(&so->so_queued, 0);
	events = (u32)atomic_xchg(&so->so_events, 0);
	spin_lock(&so->so_lock);
	o = so->so_owner;
	spin_unlock(&so->so_lock);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && o.pid && so->so_on; i++) {
		struct siginfo si = {
			.si_signo = o.sig, .si_code = kinds[i].code, .si_band = kinds[i].band,
			.si_fd = so->so_fd,
		};

		if (events & kinds[i].events)
			send_to_owner(&o, &si);
	}
}

void sigio_drain(void)
{
	struct sigio *so, *next, *list = NULL;

	mutex_lock(&sigio_mutex);
	so = __atomic_exchange_n(&queued, NULL, __ATOMIC_ACQ_REL);
	/* Oldest first. */
	for (; so; so = next) {
		next = so->so_next;
		so->so_next = list;
		list = so;
	}
	for (so = list; so; so = next) {
		next = so->so_next;
		sigio_send(so);
		sigio_put(so);
	}
	mutex_unlock(&sigio_mutex);
}

static void sender_main(void *arg)
{
	(void)arg;
	for (;;) {
		sigio_drain();
		thread_prepare_sleep(false);
		(void)thread_block_until(READ_ONCE(queued) ? 0 : NSEC_NEVER);
	}
}

/* ---- turning it on and off ---- */

static void sigio_queue(struct poll_table *pt, struct file *f, struct waitq *wq)
{
	struct sigio *so = container_of(pt, struct sigio, so_table);
	struct sigio_waiter *sw = &so->so_waiters[so->so_nwaiters];

	(void)f;
	KASSERT(so->so_nwaiters < POLL_FILE_WAITERS);
	*sw = (struct sigio_waiter){ .sw_w = { .wr_fn = sigio_woken }, .sw_so = so };
	so->so_nwaiters++;
	waitq_add(wq, &sw->sw_w);
}

static void turn_off(struct sigio *so)
{
	KASSERT(mutex_held(&sigio_mutex));
	while (so->so_nwaiters)
		waitq_remove(&so->so_waiters[--so->so_nwaiters].sw_w);
	so->so_on = false;
}

/* The file's struct, made if need be. -ENOMEM. */
static int sigio_of(struct file *f, struct sigio **out)
{
	struct sigio *so = READ_ONCE(f->f_sigio), *made;

	if (!so) {
		made = kzalloc(sizeof(*made));
		if (!made)
			return -ENOMEM;
		refcount_set(&made->so_ref, 1);
		spin_lock_init(&made->so_lock, "sigio", RANK_LEAF);
		made->so_mask = (f->f_mode & FMODE_READ ? INPUT : 0) |
				(f->f_mode & FMODE_WRITE ? OUTPUT : 0);
		spin_lock(&f->f_lock);
		so = f->f_sigio;
		if (!so)
			WRITE_ONCE(f->f_sigio, so = made);
		spin_unlock(&f->f_lock);
		if (so != made)
			kfree(made);
	}
	*out = so;
	return 0;
}

/* O_ASYNC comes or goes. A file without wait queues has nothing to tell. */
static int sigio_enable(struct file *f, int fd, bool on)
{
	struct sigio *so;
	int err = sigio_of(f, &so);

	if (err)
		return err;
	mutex_lock(&sigio_mutex);
	if (so->so_on)
		turn_off(so);
	so->so_on = on;
	so->so_fd = fd;
	so->so_table.pt_queue = sigio_queue;
	if (on && f->f_ops->fo_poll)
		(void)f->f_ops->fo_poll(f, &so->so_table);
	mutex_unlock(&sigio_mutex);
	return 0;
}

/* The file ends. What is queued is no longer sent. */
static void sigio_free(struct file *f)
{
	struct sigio *so = f->f_sigio;

	mutex_lock(&sigio_mutex);
	turn_off(so);
	mutex_unlock(&sigio_mutex);
	sigio_put(so);
}

/* ---- fcntl(2) ---- */

static bool owner_exists(int type, pid_t pid)
{
	struct thread *t;
	bool there;

	spin_lock(&proctree_lock);
	if (type == F_OWNER_TID)
		there = (t = thread_find_locked(pid)) && t->t_proc != &proc0;
	else if (type == F_OWNER_PID)
		there = proc_find_locked(pid) != NULL;
	else
		there = pgrp_find_locked(pid) != NULL;
	spin_unlock(&proctree_lock);
	return there;
}

static long set_owner(struct file *f, int type, pid_t pid)
{
	const struct cred *cr = cred_current();
	struct sigio *so;
	int err;

	if (pid && !owner_exists(type, pid))
		return -ESRCH;
	err = sigio_of(f, &so);
	if (err)
		return err;
	spin_lock(&so->so_lock);
	so->so_owner.type = type;
	so->so_owner.pid = pid;
	so->so_owner.uid = cr->cr_uid;
	so->so_owner.euid = cr->cr_euid;
	spin_unlock(&so->so_lock);
	return 0;
}

static long set_signal(struct file *f, unsigned long sig)
{
	struct sigio *so;
	int err;

	if (sig > SIG_COUNT)
		return -EINVAL;
	err = sigio_of(f, &so);
	if (err)
		return err;
	spin_lock(&so->so_lock);
	so->so_owner.sig = (int)sig;
	spin_unlock(&so->so_lock);
	return 0;
}

/* Who is gone is nobody. */
static struct sigio_owner get_owner(struct file *f)
{
	struct sigio *so = READ_ONCE(f->f_sigio);
	struct sigio_owner o = { .type = F_OWNER_PID };

	if (so) {
		spin_lock(&so->so_lock);
		o = so->so_owner;
		spin_unlock(&so->so_lock);
	}
	if (o.pid && !owner_exists(o.type, o.pid))
		o.pid = 0;
	return o;
}

static long sigio_fcntl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct f_owner_ex ex;
	struct sigio_owner o;

	switch (cmd) {
	case F_SETOWN:
		if ((int)arg == -2147483647 - 1)
			return -EINVAL;
		return set_owner(f, (int)arg < 0 ? F_OWNER_PGRP : F_OWNER_PID,
				 (int)arg < 0 ? -(int)arg : (int)arg);
	case F_SETOWN_EX:
		if (copy_from_user(&ex, (const void __user *)arg, sizeof(ex)))
			return -EFAULT;
		if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP)
			return -EINVAL;
		return set_owner(f, ex.type, ex.pid);
	case F_SETSIG:
		return set_signal(f, arg);
	}
	o = get_owner(f);
	if (cmd == F_GETSIG)
		return o.sig;
	if (cmd == F_GETOWN)
		return o.type == F_OWNER_PGRP ? -o.pid : o.pid;
	ex = (struct f_owner_ex){ .type = o.type, .pid = o.pid };
	return copy_to_user((void __user *)arg, &ex, sizeof(ex));
}

static const struct sigio_ops ops = {
	.sg_fcntl = sigio_fcntl,
	.sg_enable = sigio_enable,
	.sg_free = sigio_free,
};

void sigio_init(void)
{
	mutex_init(&sigio_mutex, "sigio", RANK_SLEEP_LEAF);
	if (kthread_create(sender_main, NULL, "sigio", &sender))
		panic("no memory for the thread that sends SIGIO");
	sigio_ops = &ops;
}
