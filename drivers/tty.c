/* SPDX-License-Identifier: MIT */
/*
 * Terminals: reading, writing, poll, open and close, and the way in from drivers.
 *
 * A read in canonical mode returns one line (or part of it); in raw mode VMIN and VTIME decide
 * (termios(3)):
 *
 *	VMIN  VTIME
 *	 0     0	what is there, perhaps nothing
 *	 0    >0	the same, but waits for the first byte that long
 *	>0     0	waits for VMIN bytes (or as many as asked for)
 *	>0    >0	the same, but once there is a byte, no longer than VTIME after the last
 *
 * Input arrives in interrupts and goes through the line discipline at once. When its buffer
 * is full the driver is told by a short count; it stops its line (tty_throttled) until the
 * reader has made room. Nothing is lost.
 *
 * Hang-up: tty_gen moves on; open files of an older generation read end of file and get
 * -EIO otherwise. Sleepers look at it whenever they wake.
 *
 * Locks: see tty.h.
 */
#include <abi/poll.h>
#include <abi/signal.h>
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/tty.h"
#include "fs/poll.h"
#include "ipc/signal.h"
#include "kernel/core/timer.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

/* One portion between user memory and the line discipline; on the stack. */
#define CHUNK		512
/* Room in l_out that makes a tty writable (Linux: WAKEUP_CHARS). */
#define WRITABLE_ROOM	256

static struct slab_cache *file_cache;

/* ---- from and to the driver ------------------------------------------------ */

static struct tty *tty_of_ldisc(struct ldisc *l)
{
	return container_of(l, struct tty, tty_ldisc);
}

static void ldisc_signal(struct ldisc *l, int sig)
{
	struct tty *tty = tty_of_ldisc(l);

	KASSERT(lock_held(&tty->tty_lock));
	tty->tty_signals |= 1u << sig;
}

static void ldisc_output(struct ldisc *l)
{
	struct tty *tty = tty_of_ldisc(l);

	tty->tty_ops->to_start(tty);
}

/* Packet mode of ptys; its reader is told by to_start. */
static void ldisc_event(struct ldisc *l, u8 bits)
{
	struct tty *tty = tty_of_ldisc(l);

	if (!tty->tty_is_pty)
		return;
	/* Of two that contradict each other the later counts. */
	if (bits & (TIOCPKT_STOP | TIOCPKT_START))
		tty->tty_events &= (u8)~(TIOCPKT_STOP | TIOCPKT_START);
	if (bits & (TIOCPKT_DOSTOP | TIOCPKT_NOSTOP))
		tty->tty_events &= (u8)~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
	tty->tty_events |= bits;
	tty->tty_ops->to_start(tty);
}

static const struct ldisc_ops tty_ldisc_ops = {
	.lo_signal = ldisc_signal,
	.lo_output = ldisc_output,
	.lo_event = ldisc_event,
};

static void send_signals(struct tty *tty)
{
	irqflags_t f = tty_lock_irqsave(tty);
	u32 set = tty->tty_signals;

	tty->tty_signals = 0;
	spin_unlock_irqrestore(&tty->tty_lock, f);
	for (; set; set &= set - 1)
		tty_signal_foreground(tty, (int)ctz32(set));
}

static void sigwork_run(struct work *w)
{
	struct tty *tty = container_of(w, struct tty, tty_sigwork);

	send_signals(tty);
	tty_put(tty);
}

void tty_unlock_input(struct tty *tty, irqflags_t f)
{
	bool signals = tty->tty_signals != 0;

	spin_unlock_irqrestore(&tty->tty_lock, f);
	if (likely(!signals))
		return;
	/* Process groups are behind proctree_lock, which interrupts do not take. */
	if (!in_interrupt()) {
		send_signals(tty);
		return;
	}
	tty_get(tty);
	if (!work_queue(&tty->tty_sigwork))
		tty_put(tty);		/* never the last: the driver has one */
}

size_t tty_input_locked(struct tty *tty, const u8 *buf, size_t n)
{
	size_t taken;

	KASSERT(lock_held(&tty->tty_lock));
	taken = ldisc_input(&tty->tty_ldisc, buf, n);
	if (!waitq_empty(&tty->tty_readq) && ldisc_ready(&tty->tty_ldisc, 1))
		waitq_wake_all(&tty->tty_readq, POLLIN | POLLRDNORM);
	return taken;
}

void tty_input(struct tty *tty, const u8 *buf, size_t n)
{
	irqflags_t f = tty_lock_irqsave(tty);

	(void)tty_input_locked(tty, buf, n);
	tty_unlock_input(tty, f);
}

void tty_output_taken(struct tty *tty)
{
	KASSERT(lock_held(&tty->tty_lock));
	if (!waitq_empty(&tty->tty_writeq) &&
	    ring_used(&tty->tty_ldisc.l_out) <= LDISC_OUT_SIZE / 2)
		waitq_wake_all(&tty->tty_writeq, POLLOUT | POLLWRNORM);
}

void tty_unthrottle(struct tty *tty)
{
	const struct ldisc *l = &tty->tty_ldisc;

	KASSERT(lock_held(&tty->tty_lock));
	/* With nothing to read only more input can help. */
	if (likely(!tty->tty_throttled) ||
	    (ldisc_room(l) < LDISC_SIZE / 4 && ldisc_ready(l, 1)))
		return;
	tty->tty_throttled = false;
	tty->tty_ops->to_unthrottle(tty);
}

/* ---- reading --------------------------------------------------------------- */

bool tty_file_hung(const struct tty_file *tf)
{
	return tf->tf_gen != tf->tf_tty->tty_gen;
}

struct tty_wait {
	size_t tw_min;			/* VMIN, 0 in its absence */
	nsec_t tw_time;			/* VTIME in ns */
	nsec_t tw_deadline;
};

/* Rules of this read in raw mode, as termios stands now. */
static struct tty_wait wait_rules(const struct ldisc *l)
{
	struct tty_wait tw = {
		.tw_min = l->l_tio.c_cc[VMIN],
		.tw_time = l->l_tio.c_cc[VTIME] * (NSEC_PER_SEC / 10),
		.tw_deadline = NSEC_NEVER,
	};

	if (tw.tw_min == 0)
		tw.tw_deadline = tw.tw_time ? clock_monotonic() + tw.tw_time : 0;
	return tw;
}

/*
 * Nothing is there and done bytes have been read: wait for more? 0: look again,
 * 1: the read is complete, else -errno. tty_lock held, dropped meanwhile.
 */
static int wait_input(struct tty_file *tf, struct tty_wait *tw, size_t done, bool nonblock)
{
	struct tty *tty = tf->tf_tty;
	bool raw = !ldisc_canonical(&tty->tty_ldisc);
	nsec_t deadline = raw ? tw->tw_deadline : NSEC_NEVER;
	int err;

	if (done && (!raw || done >= tw->tw_min))
		return 1;
	if (tty_file_hung(tf))
		return 1;
	if (tty->tty_gone)
		return -EIO;
	if (deadline == 0)
		return 1;
	if (nonblock)
		return -EAGAIN;
	err = waitq_sleep_until(&tty->tty_readq, &tty->tty_lock, deadline);
	return err == -ETIMEDOUT ? 1 : err;
}

/* With tty_readmtx. Returns bytes, or -errno if there are none. */
static ssize_t read_locked(struct tty_file *tf, struct uio *u)
{
	struct tty *tty = tf->tf_tty;
	struct ldisc *l = &tty->tty_ldisc;
	struct tty_wait tw;
	size_t done = 0;
	bool end = false;
	u8 buf[CHUNK];
	int err = 0;
	irqflags_t f = tty_lock_irqsave(tty);

	tw = wait_rules(l);
	while (!err && !end && u->u_resid) {
		size_t n = 0;

		if (!tty_file_hung(tf))
			n = ldisc_read(l, buf, min(u->u_resid, sizeof(buf)), &end);
		if (!n && !end) {
			err = wait_input(tf, &tw, done, u->u_nonblock);
			continue;
		}
		tty_unthrottle(tty);
		spin_unlock_irqrestore(&tty->tty_lock, f);
		/* A fault loses what was read, as with any terminal. */
		err = uio_copy_out(u, buf, n);
		done += n;
		if (tw.tw_min && tw.tw_time)
			tw.tw_deadline = clock_monotonic() + tw.tw_time;
		f = tty_lock_irqsave(tty);
	}
	spin_unlock_irqrestore(&tty->tty_lock, f);
	return done && err != -EFAULT ? (ssize_t)done : min(err, 0);
}

static ssize_t tty_read(struct file *f, struct uio *u)
{
	struct tty_file *tf = f->f_data;
	struct tty *tty = tf->tf_tty;
	ssize_t ret;
	int err;

	if (tty_file_hung(tf))
		return 0;
	err = tty_job_check(tty, SIGTTIN);
	if (err)
		return err;
	if (u->u_nonblock) {
		if (!mutex_trylock(&tty->tty_readmtx))
			return -EAGAIN;
	} else {
		err = mutex_lock_interruptible(&tty->tty_readmtx);
		if (err)
			return err;
	}
	ret = read_locked(tf, u);
	mutex_unlock(&tty->tty_readmtx);
	return ret;
}

/* ---- writing --------------------------------------------------------------- */

/* Put n bytes through output processing, waiting for room. How many; *err says why not all. */
static size_t write_chunk(struct tty_file *tf, const u8 *buf, size_t n, bool nonblock, int *err)
{
	struct tty *tty = tf->tf_tty;
	irqflags_t f = tty_lock_irqsave(tty);
	size_t done = 0;

	for (;;) {
		if (tty_file_hung(tf) || tty->tty_gone) {
			*err = -EIO;
			break;
		}
		done += ldisc_write(&tty->tty_ldisc, buf + done, n - done);
		if (done == n)
			break;
		if (nonblock) {
			*err = -EAGAIN;
			break;
		}
		*err = waitq_sleep(&tty->tty_writeq, &tty->tty_lock);
		if (*err)
			break;
	}
	spin_unlock_irqrestore(&tty->tty_lock, f);
	return done;
}

static ssize_t write_locked(struct tty_file *tf, struct uio *u)
{
	size_t done = 0;
	u8 buf[CHUNK];
	int err = 0;

	while (u->u_resid && !err) {
		size_t n = min(u->u_resid, sizeof(buf));

		err = uio_copy_in(u, buf, n);
		if (!err)
			done += write_chunk(tf, buf, n, u->u_nonblock, &err);
	}
	return done ? (ssize_t)done : err;
}

static ssize_t tty_write(struct file *f, struct uio *u)
{
	struct tty_file *tf = f->f_data;
	struct tty *tty = tf->tf_tty;
	ssize_t ret;
	int err;

	if (READ_ONCE(tty->tty_ldisc.l_tio.c_lflag) & TOSTOP) {
		err = tty_job_check(tty, SIGTTOU);
		if (err)
			return err;
	}
	if (u->u_nonblock) {
		if (!mutex_trylock(&tty->tty_writemtx))
			return -EAGAIN;
	} else {
		err = mutex_lock_interruptible(&tty->tty_writemtx);
		if (err)
			return err;
	}
	ret = write_locked(tf, u);
	mutex_unlock(&tty->tty_writemtx);
	return ret;
}

int tty_drain(struct tty_file *tf)
{
	struct tty *tty = tf->tf_tty;
	irqflags_t f = tty_lock_irqsave(tty);
	int err = 0;

	while (!err && !ring_empty(&tty->tty_ldisc.l_out)) {
		if (tty_file_hung(tf) || tty->tty_gone)
			err = -EIO;
		else
			err = waitq_sleep(&tty->tty_writeq, &tty->tty_lock);
	}
	/* The last bytes are in the line's own buffer: about a FIFO's worth of time. */
	while (!err && tty->tty_ops->to_idle && !tty->tty_ops->to_idle(tty)) {
		err = waitq_sleep_until(&tty->tty_writeq, &tty->tty_lock,
					clock_monotonic() + NSEC_PER_MSEC);
		if (err == -ETIMEDOUT)
			err = 0;
	}
	spin_unlock_irqrestore(&tty->tty_lock, f);
	return err;
}

/* ---- poll, open, close ----------------------------------------------------- */

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty_file *tf = f->f_data;
	struct tty *tty = tf->tf_tty;
	const struct ldisc *l = &tty->tty_ldisc;
	u32 mask = 0;
	irqflags_t fl = tty_lock_irqsave(tty);

	poll_wait(pt, f, &tty->tty_readq);
	poll_wait(pt, f, &tty->tty_writeq);
	if (ldisc_ready(l, l->l_tio.c_cc[VTIME] ? 1 : l->l_tio.c_cc[VMIN]))
		mask |= POLLIN | POLLRDNORM;
	if (ring_free(&l->l_out) >= WRITABLE_ROOM)
		mask |= POLLOUT | POLLWRNORM;
	if (tty->tty_gone)
		mask |= POLLHUP;
	if (tty_file_hung(tf))
		mask = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	spin_unlock_irqrestore(&tty->tty_lock, fl);
	return mask;
}

int tty_open(struct tty *tty, struct file *f)
{
	struct tty_file *tf = slab_alloc(file_cache, ALLOC_WAIT);
	irqflags_t fl;
	int err = 0;

	if (!tf)
		return -ENOMEM;
	fl = tty_lock_irqsave(tty);
	if (tty->tty_gone || tty->tty_locked)
		err = -EIO;
	else if (tty->tty_exclusive && !cred_privileged(cred_current()))
		err = -EBUSY;
	if (!err) {
		tty->tty_opens++;
		tf->tf_gen = tty->tty_gen;
	}
	spin_unlock_irqrestore(&tty->tty_lock, fl);
	if (err) {
		slab_free(file_cache, tf);
		return err;
	}
	tf->tf_tty = tty_get(tty);
	f->f_data = tf;
	f->f_ops = &tty_fops;
	return 0;
}

static void tty_release(struct file *f)
{
	struct tty_file *tf = f->f_data;
	struct tty *tty = tf->tf_tty;
	irqflags_t fl = tty_lock_irqsave(tty);
	bool last;

	KASSERT(tty->tty_opens > 0);
	last = --tty->tty_opens == 0;
	if (last)
		tty->tty_exclusive = false;
	spin_unlock_irqrestore(&tty->tty_lock, fl);
	if (last && tty->tty_ops->to_closed)
		tty->tty_ops->to_closed(tty);
	slab_free(file_cache, tf);
	tty_put(tty);
}

/* ---- life ------------------------------------------------------------------ */

int tty_setup(struct tty *tty, const struct tty_ops *ops, void *data, const char *name, u64 dev)
{
	u8 *in = kmalloc(LDISC_SIZE, ALLOC_WAIT), *out = kmalloc(LDISC_OUT_SIZE, ALLOC_WAIT);

	if (!in || !out) {
		kfree(in);
		kfree(out);
		return -ENOMEM;
	}
	memset(tty, 0, sizeof(*tty));
	refcount_set(&tty->tty_ref, 1);
	spin_lock_init(&tty->tty_lock, "tty", RANK_TTY);
	ldisc_init(&tty->tty_ldisc, &tty_ldisc_ops, in, out);
	tty->tty_ops = ops;
	tty->tty_data = data;
	waitq_init(&tty->tty_readq);
	waitq_init(&tty->tty_writeq);
	mutex_init(&tty->tty_readmtx, "tty_read", RANK_TTY_IO);
	mutex_init(&tty->tty_writemtx, "tty_write", RANK_TTY_IO);
	work_setup(&tty->tty_sigwork, sigwork_run);
	str_copy(tty->tty_name, name, sizeof(tty->tty_name));
	tty->tty_cdev.cd_name = tty->tty_name;
	tty->tty_cdev.cd_dev = dev;
	tty->tty_cdev.cd_mode = 0620;
	tty->tty_cdev.cd_fops = &tty_fops;
	tty->tty_cdev.cd_data = tty;
	return 0;
}

void tty_teardown(struct tty *tty)
{
	KASSERT(!tty->tty_session && tty->tty_opens == 0);
	kfree(tty->tty_ldisc.l_buf);
	kfree(tty->tty_ldisc.l_out.r_buf);
}

struct tty *tty_get(struct tty *tty)
{
	refcount_inc(&tty->tty_ref);
	return tty;
}

void tty_put(struct tty *tty)
{
	if (refcount_put_and_test(&tty->tty_ref))
		tty->tty_ops->to_release(tty);
}

void tty_file_init(void)
{
	file_cache = slab_create("tty_file", sizeof(struct tty_file), 0);
}

const struct file_ops tty_fops = {
	.fo_read = tty_read,
	.fo_write = tty_write,
	.fo_ioctl = tty_ioctl,
	.fo_poll = tty_poll,
	.fo_release = tty_release,
};
