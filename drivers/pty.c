/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-terminals (pty(7)): /dev/ptmx makes a pair, /dev/pts/N is its slave. The slave is an
 * ordinary tty whose line is the master's file: what a program writes to the
 * master is the slave's input, what leaves the slave's l_out is read from the master.
 *
 * Both directions have flow control: a master that writes more than the slave's
 * program reads sleeps until it has (tty_throttled, pt_roomq); a slave that writes
 * more than the master reads sleeps on tty_writeq.
 *
 * Life: open(ptmx) makes the pair and takes a free slot; the slot's device node is
 * there until the master is closed. That hangs the slave up; the memory goes with the last open
 * file of either side. A slot only ever points at a pty on which its master
 * holds a reference, so an open of the node can take one under slot_lock.
 *
 * Locks: slot_lock; the tty's own lock. Never both.
 */
#include <abi/poll.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/tty.h"
#include "fs/fdtable.h"
#include "fs/namei.h"
#include "fs/poll.h"
#include "kernel/core/proc.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define PTY_MAX		128
#define PTS_MAJOR	136
#define CHUNK		512

struct pty {
	struct tty pt_tty;		/* the slave side; its lock guards the rest */
	int pt_index;			/* [I] */
	bool pt_packet;			/* [l] TIOCPKT */
	bool pt_seen;			/* [l] the slave has been open */
	struct waitq pt_masterq;	/* readers of the master, and poll */
	struct waitq pt_roomq;		/* writers to the master, and poll */
};

struct pty_slot {
	struct chrdev sl_cdev;		/* [I] */
	char sl_name[12];		/* [I] */
	struct pty *sl_pty;		/* [slot_lock] NULL: free */
};

static struct spinlock slot_lock = SPINLOCK_INIT("pty slots", RANK_DEVICE);
static struct pty_slot slots[PTY_MAX];
static struct slab_cache *pty_cache;

static struct pty *pty_of(struct tty *tty)
{
	return tty->tty_data;
}

/* ---- what the slave's tty asks of its line --------------------------------- */

static void pty_start(struct tty *tty)
{
	struct pty *pt = pty_of(tty);

	if (!waitq_empty(&pt->pt_masterq))
		waitq_wake_all(&pt->pt_masterq, POLLIN | POLLRDNORM);
}

static void pty_unthrottle(struct tty *tty)
{
	waitq_wake_all(&pty_of(tty)->pt_roomq, POLLOUT | POLLWRNORM);
}

static void pty_slave_closed(struct tty *tty)
{
	waitq_wake_all(&pty_of(tty)->pt_masterq, POLLIN | POLLHUP);
}

static void pty_free(struct tty *tty)
{
	tty_teardown(tty);
	slab_free(pty_cache, pty_of(tty));
}

static const struct tty_ops pty_tty_ops = {
	.to_start = pty_start,
	.to_unthrottle = pty_unthrottle,
	.to_closed = pty_slave_closed,
	.to_release = pty_free,
};

/* ---- the master's file ----------------------------------------------------- */

/* No slave is open, but one was: end of the conversation. */
static bool slave_gone(const struct pty *pt)
{
	return pt->pt_seen && pt->pt_tty.tty_opens == 0;
}

static bool output_there(const struct pty *pt)
{
	const struct ldisc *l = &pt->pt_tty.tty_ldisc;

	return (!l->l_stopped && !ring_empty(&l->l_out)) ||
	       (pt->pt_packet && pt->pt_tty.tty_events);
}

/* Wait for output of the slave. tty_lock held, dropped meanwhile. */
static int master_wait(struct pty *pt, bool nonblock)
{
	int err = 0;

	while (!err && !output_there(pt)) {
		if (slave_gone(pt))
			err = -EIO;
		else if (nonblock)
			err = -EAGAIN;
		else
			err = waitq_sleep(&pt->pt_masterq, &pt->pt_tty.tty_lock);
	}
	return err;
}

/* In packet mode a status byte comes first, and alone if there is a status. */
static size_t take_output(struct pty *pt, u8 *buf, size_t n)
{
	struct tty *tty = &pt->pt_tty;
	size_t head = 0;

	if (pt->pt_packet) {
		buf[0] = tty->tty_events;
		tty->tty_events = 0;
		head = 1;
		if (buf[0] != TIOCPKT_DATA)
			return head;
	}
	n = ring_get(&tty->tty_ldisc.l_out, buf + head, (u32)(n - head));
	tty_output_taken(tty);
	return head + n;
}

static ssize_t master_read(struct file *f, struct uio *u)
{
	struct pty *pt = f->f_data;
	size_t done = 0;
	u8 buf[CHUNK];
	irqflags_t fl;
	int err = 0;

	while (u->u_resid && !err) {
		size_t n = 0;

		fl = tty_lock_irqsave(&pt->pt_tty);
		if (!done)
			err = master_wait(pt, u->u_nonblock);
		if (!err && output_there(pt))
			n = take_output(pt, buf, min(u->u_resid, sizeof(buf)));
		spin_unlock_irqrestore(&pt->pt_tty.tty_lock, fl);
		if (!n && done)
			break;
		if (n) {
			err = uio_copy_out(u, buf, n);
			done += n;
		}
		if (pt->pt_packet)	/* one packet a read */
			break;
	}
	return done && !err ? (ssize_t)done : err;
}

/* n bytes of input to the slave, waiting for room. Returns how many; *err says why not all. */
static size_t master_put(struct pty *pt, const u8 *buf, size_t n, bool nonblock, int *err)
{
	struct tty *tty = &pt->pt_tty;
	size_t done = 0;
	irqflags_t f;

	for (;;) {
		f = tty_lock_irqsave(tty);
		done += tty_input_locked(tty, buf + done, n - done);
		if (done < n)
			tty->tty_throttled = true;
		/* Before sleeping: a ^C in the portion may be what makes room. */
		tty_unlock_input(tty, f);
		if (done == n)
			return done;
		if (nonblock) {
			*err = -EAGAIN;
			return done;
		}
		f = tty_lock_irqsave(tty);
		if (tty->tty_throttled)
			*err = waitq_sleep(&pt->pt_roomq, &tty->tty_lock);
		spin_unlock_irqrestore(&tty->tty_lock, f);
		if (*err)
			return done;
	}
}

static ssize_t master_write(struct file *f, struct uio *u)
{
	struct pty *pt = f->f_data;
	size_t done = 0;
	u8 buf[CHUNK];
	int err = 0;

	while (u->u_resid && !err) {
		size_t n = min(u->u_resid, sizeof(buf));

		err = uio_copy_in(u, buf, n);
		if (!err)
			done += master_put(pt, buf, n, u->u_nonblock, &err);
	}
	return done ? (ssize_t)done : err;
}

static u32 master_poll(struct file *f, struct poll_table *pt_table)
{
	struct pty *pt = f->f_data;
	struct tty *tty = &pt->pt_tty;
	irqflags_t fl = tty_lock_irqsave(tty);
	u32 mask = 0;

	poll_wait(pt_table, f, &pt->pt_masterq);
	poll_wait(pt_table, f, &pt->pt_roomq);
	if (output_there(pt))
		mask |= POLLIN | POLLRDNORM;
	if (pt->pt_packet && tty->tty_events)
		mask |= POLLPRI;
	if (ldisc_room(&tty->tty_ldisc))
		mask |= POLLOUT | POLLWRNORM;
	else
		tty->tty_throttled = true;	/* so that room is announced */
	if (slave_gone(pt))
		mask |= POLLHUP;
	spin_unlock_irqrestore(&tty->tty_lock, fl);
	return mask;
}

static long set_flag(struct pty *pt, bool *flag, const void __user *arg)
{
	irqflags_t f;
	u32 on;

	if (get_user_u32(&on, arg))
		return -EFAULT;
	f = tty_lock_irqsave(&pt->pt_tty);
	*flag = on != 0;
	pt->pt_tty.tty_events = 0;
	spin_unlock_irqrestore(&pt->pt_tty.tty_lock, f);
	return 0;
}

/* TIOCGPTPEER: a descriptor of the slave; arg: open flags. */
static long open_peer(struct pty *pt, unsigned long flags)
{
	struct file *f;
	char name[24];
	int err;

	snprintf(name, sizeof(name), "/dev/%s", pt->pt_tty.tty_name);
	err = path_open(AT_FDCWD, name, (int)flags & ~O_CLOEXEC, 0, &f);
	if (err)
		return err;
	err = fd_install(f, 0, flags & O_CLOEXEC);
	if (err < 0)
		file_put(f);
	return err;
}

static long master_queue(struct pty *pt, void __user *arg)
{
	irqflags_t f = tty_lock_irqsave(&pt->pt_tty);
	u32 n = ring_used(&pt->pt_tty.tty_ldisc.l_out);

	spin_unlock_irqrestore(&pt->pt_tty.tty_lock, f);
	return put_user_u32(arg, n);
}

static long master_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct pty *pt = f->f_data;
	struct tty *tty = &pt->pt_tty;
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case TIOCGPTN:
		return put_user_u32(p, (u32)pt->pt_index);
	case TIOCSPTLCK:
		return set_flag(pt, &tty->tty_locked, p);
	case TIOCGPTLCK:
		return put_user_u32(p, tty->tty_locked);
	case TIOCPKT:
		return set_flag(pt, &pt->pt_packet, p);
	case TIOCGPKT:
		return put_user_u32(p, pt->pt_packet);
	case TIOCGPTPEER:
		return open_peer(pt, arg);
	case FIONREAD:
		return master_queue(pt, p);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return tty_set_settings(tty, cmd, p);
	case TIOCGPGRP:
	case TIOCSPGRP:
	case TIOCGSID:
	case TIOCSCTTY:
		return tty_job_ioctl(tty, true, true, cmd, arg);
	default:
		return tty_ioctl_common(tty, cmd, arg);
	}
}

static void master_release(struct file *f)
{
	struct pty *pt = f->f_data;
	struct tty *tty = &pt->pt_tty;
	struct pty_slot *sl = &slots[pt->pt_index];
	irqflags_t fl;

	chrdev_unregister(&sl->sl_cdev);
	fl = tty_lock_irqsave(tty);
	tty->tty_gone = true;
	spin_unlock_irqrestore(&tty->tty_lock, fl);
	tty_hangup(tty);
	/* From here on the number may be given to another pair. */
	spin_lock(&slot_lock);
	sl->sl_pty = NULL;
	spin_unlock(&slot_lock);
	tty_put(tty);
}

static const struct file_ops master_fops = {
	.fo_read = master_read,
	.fo_write = master_write,
	.fo_ioctl = master_ioctl,
	.fo_poll = master_poll,
	.fo_release = master_release,
};

/* ---- opening --------------------------------------------------------------- */

static int pts_open(struct chrdev *cd, struct file *f)
{
	struct pty_slot *sl = cd->cd_data;
	struct pty *pt;
	irqflags_t fl;
	int err;

	spin_lock(&slot_lock);
	pt = sl->sl_pty;
	if (pt)
		tty_get(&pt->pt_tty);
	spin_unlock(&slot_lock);
	if (!pt)
		return -EIO;
	err = tty_open_node(&pt->pt_tty, f);
	if (!err) {
		fl = tty_lock_irqsave(&pt->pt_tty);
		pt->pt_seen = true;
		spin_unlock_irqrestore(&pt->pt_tty.tty_lock, fl);
	}
	tty_put(&pt->pt_tty);
	return err;
}

/* Give pt the lowest free number. */
static int slot_take(struct pty *pt)
{
	int i;

	spin_lock(&slot_lock);
	for (i = 0; i < PTY_MAX && slots[i].sl_pty; i++)
		;
	if (i < PTY_MAX)
		slots[i].sl_pty = pt;
	spin_unlock(&slot_lock);
	return i < PTY_MAX ? i : -ENOSPC;
}

static void slot_free(int i)
{
	spin_lock(&slot_lock);
	slots[i].sl_pty = NULL;
	spin_unlock(&slot_lock);
}

/*
 * The pair behind an open of /dev/ptmx. Its slot is taken first, so it is found
 * before it is ready: locked.
 */
static int pty_create(struct pty **out)
{
	struct pty *pt = slab_alloc(pty_cache, ALLOC_WAIT | ALLOC_ZERO);
	char name[12];
	int err;

	if (!pt)
		return -ENOMEM;
	err = tty_setup(&pt->pt_tty, &pty_tty_ops, pt, "", 0);
	if (err)
		goto free_pty;
	pt->pt_tty.tty_is_pty = true;
	pt->pt_tty.tty_locked = true;
	waitq_init(&pt->pt_masterq);
	waitq_init(&pt->pt_roomq);
	pt->pt_index = slot_take(pt);
	if (pt->pt_index < 0) {
		err = pt->pt_index;
		goto teardown;
	}
	snprintf(name, sizeof(name), "pts/%d", pt->pt_index);
	str_copy(pt->pt_tty.tty_name, name, sizeof(pt->pt_tty.tty_name));
	pt->pt_tty.tty_cdev.cd_dev = MKDEV(PTS_MAJOR, pt->pt_index);
	err = chrdev_register(&slots[pt->pt_index].sl_cdev);
	if (err)
		goto give_slot_back;
	*out = pt;
	return 0;

give_slot_back:
	/* An open of the slot's last node may have found us already. */
	slot_free(pt->pt_index);
	tty_put(&pt->pt_tty);
	return err;
teardown:
	tty_teardown(&pt->pt_tty);
free_pty:
	slab_free(pty_cache, pt);
	return err;
}

static int ptmx_open(struct chrdev *cd, struct file *f)
{
	struct pty *pt;
	int err = pty_create(&pt);

	(void)cd;
	if (err)
		return err;
	f->f_data = pt;
	f->f_ops = &master_fops;
	return 0;
}

static struct chrdev ptmx_cdev = {
	.cd_name = "ptmx", .cd_dev = MKDEV(5, 2), .cd_mode = 0666,
	.cd_open = ptmx_open, .cd_fops = &master_fops,
};

void pty_init(void)
{
	pty_cache = slab_create("pty", sizeof(struct pty), 0);
	for (int i = 0; i < PTY_MAX; i++) {
		struct pty_slot *sl = &slots[i];

		snprintf(sl->sl_name, sizeof(sl->sl_name), "pts/%d", i);
		sl->sl_cdev.cd_name = sl->sl_name;
		sl->sl_cdev.cd_dev = MKDEV(PTS_MAJOR, i);
		sl->sl_cdev.cd_mode = 0620;
		sl->sl_cdev.cd_open = pts_open;
		sl->sl_cdev.cd_fops = &tty_fops;
		sl->sl_cdev.cd_data = sl;
	}
	KASSERT(chrdev_register(&ptmx_cdev) == 0);
}
