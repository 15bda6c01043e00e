/* SPDX-License-Identifier: MIT */
/*
 * Terminals: struct tty is what serial ports, the screen and the slave sides of
 * ptys have in common. tty.c reads and writes, tty_ioctl.c sets, tty_job.c is
 * sessions, groups and hang-up, tty_dev.c the /dev nodes; tty_ldisc.c is the line discipline.
 *
 * Legend: [l] tty_lock, [t] proctree_lock, [I] immutable, [a] atomic.
 *
 * tty_lock is taken with interrupts off: receive interrupts feed the line discipline
 * directly. Order: proctree_lock before tty_lock before a driver's own lock.
 * tty_readmtx, tty_writemtx: one reader, one writer at a time; user memory is
 * touched under them, never under tty_lock.
 */
#ifndef DRIVERS_TTY_H
#define DRIVERS_TTY_H

#include <atomic.h>
#include "drivers/tty_ldisc.h"
#include "fs/chrdev.h"
#include "kernel/core/mutex.h"
#include "kernel/core/workq.h"

struct proc;
struct session;
struct tty;

/* What a line can do. All but to_release: tty_lock held, interrupts off, any context. */
struct tty_ops {
	/* ldisc.l_out has bytes: take what the line takes (tty_output_taken() tells the tty). */
	void (*to_start)(struct tty *tty);
	/* Input has room again after tty_throttled was set. NULL: does not throttle. */
	void (*to_unthrottle)(struct tty *tty);
	/* The line is idle: everything taken has left. NULL: it always is. */
	bool (*to_idle)(struct tty *tty);
	/* The last open file is gone. No lock, may sleep. NULL: nothing to do. */
	void (*to_closed)(struct tty *tty);
	/* The last reference is gone. No lock, may sleep. NULL: static, never. */
	void (*to_release)(struct tty *tty);
	/* ioctls of this kind of line; -ENOTTY for all others. No lock, may sleep. NULL: none. */
	long (*to_ioctl)(struct tty *tty, unsigned int cmd, unsigned long arg);
};

struct tty {
	refcount_t tty_ref;		/* [a] open files, and the driver */
	struct spinlock tty_lock;
	struct ldisc tty_ldisc;		/* [l] */
	const struct tty_ops *tty_ops;	/* [I] */
	void *tty_data;			/* [I] the driver's */
	struct waitq tty_readq;		/* readers, and poll */
	struct waitq tty_writeq;	/* writers, drain, and poll */
	struct mutex tty_readmtx, tty_writemtx;
	struct winsize tty_winsize;	/* [l] */
	u32 tty_gen;			/* [l] counts hang-ups: older open files are dead */
	u32 tty_opens;			/* [l] open files, dead ones too */
	u8 tty_events;			/* [l] pty: TIOCPKT_* bits for packet mode */
	bool tty_exclusive;		/* [l] TIOCEXCL */
	bool tty_throttled;		/* [l] the driver waits for to_unthrottle */
	bool tty_gone;			/* [l] pty: the master is closed */
	bool tty_locked;		/* [l] pty: not yet unlocked */
	bool tty_is_pty;		/* [I] */
	u32 tty_signals;		/* [l] bit per signal that input asks for */
	struct work tty_sigwork;	/* sends them when input came in an interrupt */
	struct session *tty_session;	/* [t] NULL: controls none */
	pid_t tty_pgid;			/* [t] foreground group of tty_session, 0: none */
	struct chrdev tty_cdev;		/* [I] */
	char tty_name[12];		/* [I] "ttyS0", "pts/3" */
};

/* f_data of an open terminal. */
struct tty_file {
	struct tty *tf_tty;		/* [I] reference */
	u32 tf_gen;			/* [I] tty_gen at open */
};

/* tty.c */
extern const struct file_ops tty_fops;
void tty_file_init(void);
/* Buffers are allocated here; reference 1. -ENOMEM. */
int tty_setup(struct tty *tty, const struct tty_ops *ops, void *data, const char *name, u64 dev);
void tty_teardown(struct tty *tty);	/* frees buffers, after the last reference */
struct tty *tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/* Make f an open file of tty. -EBUSY (exclusive), -EIO (pty not there or locked), -ENOMEM. */
int tty_open(struct tty *tty, struct file *f);
static inline irqflags_t tty_lock_irqsave(struct tty *tty)
{
	return spin_lock_irqsave(&tty->tty_lock);
}
/* Unlock, and send the signals that input under the lock has asked for. Any context. */
void tty_unlock_input(struct tty *tty, irqflags_t f);
/* tty_lock held: bytes from the line; how many were taken. Wakes readers. */
size_t tty_input_locked(struct tty *tty, const u8 *buf, size_t n);
/* tty_lock held: the driver has taken bytes from l_out. Wakes writers. */
void tty_output_taken(struct tty *tty);
/* tty_lock held: a read, a flush or new settings may have made room for a stopped driver. */
void tty_unthrottle(struct tty *tty);
/* Any context, no tty lock: the same with lock. What is not taken is lost. */
void tty_input(struct tty *tty, const u8 *buf, size_t n);
/* tty_lock held: the file is dead after a hang-up. */
bool tty_file_hung(const struct tty_file *tf);
/* Sleep until all output has left. 0, -ERESTARTSYS, -EIO. */
int tty_drain(struct tty_file *tf);

/* tty_ioctl.c */
long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
/* What master sides understand, too. */
long tty_ioctl_common(struct tty *tty, unsigned int cmd, unsigned long arg);
/* TCSETS ...: drain and job check are the caller's. */
long tty_set_settings(struct tty *tty, unsigned int cmd, const void __user *arg);

/* tty_job.c */
/* May current read (SIGTTIN) or write, change (SIGTTOU)? 0, -EIO, -ERESTARTSYS. */
int tty_job_check(struct tty *tty, int sig);
/* Make tty the controlling terminal of current's session if POSIX says that open(2) does. */
void tty_acquire_on_open(struct tty *tty);
long tty_job_ioctl(struct tty *tty, bool master, bool can_read, unsigned int cmd,
		   unsigned long arg);
/* Signal to the foreground group. No locks. */
void tty_signal_foreground(struct tty *tty, int sig);
/* Carrier loss, master closed: the session leader gets SIGHUP and SIGCONT, open files die. */
void tty_hangup(struct tty *tty);
/* From exit: p led a session; its terminal is free, the foreground group hears of it. No locks. */
void tty_session_leader_exit(struct proc *p);
/* Controlling terminal of current's session with a reference, or NULL. */
struct tty *tty_of_current(void);

/* tty_dev.c */
void tty_dev_init(void);
/* Make the node tty_name; it may become /dev/console. At boot only. */
void tty_register(struct tty *tty);
/* A registered terminal, or NULL. They stay for ever. */
struct tty *tty_by_name(const char *name);
/* Does the command line ask for this console (the last console=NAME; ttyS0 if there is none)? */
bool console_wanted(const char *name);
/* chrdev open of a terminal whose tty is known: tty_open, and the controlling terminal. */
int tty_open_node(struct tty *tty, struct file *f);

/* pty.c */
void pty_init(void);

#endif
