/* SPDX-License-Identifier: MIT */
/*
 * ioctl(2) on terminals: settings, window size, flow, flushing (ioctl_tty(2)).
 *
 * tty_ioctl() is for terminals, tty_ioctl_common() the part that the master side
 * of a pty shares. Changing a terminal from the background is SIGTTOU's business
 * (tty_job_check).
 */
#include <abi/signal.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/tty.h"
#include "ipc/signal.h"
#include "kernel/lib/string.h"
#include "mm/uaccess.h"

BUILD_ASSERT(sizeof(struct termios) == 36);
BUILD_ASSERT(sizeof(struct termios2) == 44);

/* System V's older form, TCGETA and friends. */
struct termio {
	u16 c_iflag, c_oflag, c_cflag, c_lflag;
	u8 c_line;
	u8 c_cc[8];
};

/* c_cflag: a line speed code, B0 .. B38400 or with CBAUDEX set B57600 .. . */
static const u32 speeds[] = {
	0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
};
static const u32 high_speeds[] = { 0, 57600, 115200, 230400 };

static u32 speed_of(u32 cflag)
{
	u32 code = cflag & CBAUD;

	if (!(code & BOTHER))
		return speeds[code & 15];
	return high_speeds[min(code & 15, (u32)ARRAY_SIZE(high_speeds) - 1)];
}

static void termios_get(struct tty *tty, struct termios *out)
{
	irqflags_t f = tty_lock_irqsave(tty);

	*out = tty->tty_ldisc.l_tio;
	spin_unlock_irqrestore(&tty->tty_lock, f);
}

static void termios_set(struct tty *tty, const struct termios *tio)
{
	irqflags_t f = tty_lock_irqsave(tty);

	ldisc_set_termios(&tty->tty_ldisc, tio);
	tty_unthrottle(tty);
	/* Readers wait by other rules now. */
	waitq_wake_all(&tty->tty_readq, 0);
	spin_unlock_irqrestore(&tty->tty_lock, f);
}

static void flush(struct tty *tty, bool input, bool output)
{
	irqflags_t f = tty_lock_irqsave(tty);

	if (input) {
		ldisc_flush_input(&tty->tty_ldisc);
		tty_unthrottle(tty);
	}
	if (output) {
		ldisc_flush_output(&tty->tty_ldisc);
		tty_output_taken(tty);
	}
	spin_unlock_irqrestore(&tty->tty_lock, f);
}

/* Copy in the new settings in one of three forms; what a form lacks stays. */
static int settings_in(struct tty *tty, unsigned int cmd, const void __user *arg,
		       struct termios *tio)
{
	struct termio old;

	termios_get(tty, tio);
	switch (cmd) {
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		if (copy_from_user(&old, arg, sizeof(old)))
			return -EFAULT;
		tio->c_iflag = (tio->c_iflag & 0xffff0000) | old.c_iflag;
		tio->c_oflag = (tio->c_oflag & 0xffff0000) | old.c_oflag;
		tio->c_cflag = (tio->c_cflag & 0xffff0000) | old.c_cflag;
		tio->c_lflag = (tio->c_lflag & 0xffff0000) | old.c_lflag;
		memcpy(tio->c_cc, old.c_cc, sizeof(old.c_cc));
		return 0;
	default:
		/* termios2 begins like termios; its speeds are c_cflag's here. */
		return copy_from_user(tio, arg, sizeof(*tio));
	}
}

long tty_set_settings(struct tty *tty, unsigned int cmd, const void __user *arg)
{
	struct termios tio;
	int err = settings_in(tty, cmd, arg, &tio);

	if (err)
		return err;
	if (cmd == TCSETSF || cmd == TCSETAF || cmd == TCSETSF2)
		flush(tty, true, false);
	termios_set(tty, &tio);
	return 0;
}

/* The forms with W and F wait until what was written before is out. */
static long set_settings(struct tty_file *tf, unsigned int cmd, const void __user *arg)
{
	bool drain = cmd != TCSETS && cmd != TCSETA && cmd != TCSETS2;
	long err = tty_job_check(tf->tf_tty, SIGTTOU);

	if (!err && drain)
		err = tty_drain(tf);
	return err ? err : tty_set_settings(tf->tf_tty, cmd, arg);
}

static long get_settings(struct tty *tty, unsigned int cmd, void __user *arg)
{
	struct termios tio;
	struct termios2 tio2;
	struct termio old;

	termios_get(tty, &tio);
	switch (cmd) {
	case TCGETS:
		return copy_to_user(arg, &tio, sizeof(tio));
	case TCGETS2:
		memcpy(&tio2, &tio, sizeof(tio));
		tio2.c_ispeed = tio2.c_ospeed = speed_of(tio.c_cflag);
		return copy_to_user(arg, &tio2, sizeof(tio2));
	default:
		memset(&old, 0, sizeof(old));
		old.c_iflag = (u16)tio.c_iflag;
		old.c_oflag = (u16)tio.c_oflag;
		old.c_cflag = (u16)tio.c_cflag;
		old.c_lflag = (u16)tio.c_lflag;
		old.c_line = tio.c_line;
		memcpy(old.c_cc, tio.c_cc, sizeof(old.c_cc));
		return copy_to_user(arg, &old, sizeof(old));
	}
}

static void set_winsize(struct tty *tty, const struct winsize *ws)
{
	irqflags_t f = tty_lock_irqsave(tty);
	bool same = memcmp(&tty->tty_winsize, ws, sizeof(*ws)) == 0;

	tty->tty_winsize = *ws;
	spin_unlock_irqrestore(&tty->tty_lock, f);
	if (!same)
		tty_signal_foreground(tty, SIGWINCH);
}

static long winsize_ioctl(struct tty *tty, unsigned int cmd, void __user *arg)
{
	struct winsize ws;
	irqflags_t f;

	if (cmd == TIOCSWINSZ) {
		if (copy_from_user(&ws, arg, sizeof(ws)))
			return -EFAULT;
		set_winsize(tty, &ws);
		return 0;
	}
	f = tty_lock_irqsave(tty);
	ws = tty->tty_winsize;
	spin_unlock_irqrestore(&tty->tty_lock, f);
	return copy_to_user(arg, &ws, sizeof(ws));
}

/* tcflow(3) */
static long flow(struct tty *tty, unsigned long arg)
{
	irqflags_t f;
	long err = 0;
	u8 c;

	if (arg > TCION)
		return -EINVAL;
	f = tty_lock_irqsave(tty);
	switch (arg) {
	case TCOOFF:
	case TCOON:
		ldisc_stop(&tty->tty_ldisc, arg == TCOOFF);
		break;
	default:
		c = tty->tty_ldisc.l_tio.c_cc[arg == TCIOFF ? VSTOP : VSTART];
		if (c != _POSIX_VDISABLE && ring_put_byte(&tty->tty_ldisc.l_out, c))
			tty->tty_ops->to_start(tty);
		break;
	}
	spin_unlock_irqrestore(&tty->tty_lock, f);
	return err;
}

static long queue_size(struct tty *tty, unsigned int cmd, void __user *arg)
{
	irqflags_t f = tty_lock_irqsave(tty);
	size_t n = cmd == TIOCOUTQ ? ring_used(&tty->tty_ldisc.l_out) :
				     ldisc_readable(&tty->tty_ldisc);

	spin_unlock_irqrestore(&tty->tty_lock, f);
	return put_user_u32(arg, (u32)n);
}

/* TIOCSTI: as if it had been typed. */
static long inject(struct tty *tty, const void __user *arg)
{
	u8 c;

	if (!cred_privileged(cred_current()))
		return -EPERM;
	if (get_user_u8(&c, arg))
		return -EFAULT;
	tty_input(tty, &c, 1);
	return 0;
}

static void set_exclusive(struct tty *tty, bool on)
{
	irqflags_t f = tty_lock_irqsave(tty);

	tty->tty_exclusive = on;
	spin_unlock_irqrestore(&tty->tty_lock, f);
}

long tty_ioctl_common(struct tty *tty, unsigned int cmd, unsigned long arg)
{
	void __user *p = (void __user *)arg;

	switch (cmd) {
	case TCGETS:
	case TCGETS2:
	case TCGETA:
		return get_settings(tty, cmd, p);
	case TIOCGWINSZ:
	case TIOCSWINSZ:
		return winsize_ioctl(tty, cmd, p);
	case TIOCGDEV:
		return put_user_u32(p, (u32)tty->tty_cdev.cd_dev);
	case TIOCGETD:
		return put_user_u32(p, N_TTY);
	case TIOCSTI:
		return inject(tty, p);
	case TCFLSH:
		if (arg > TCIOFLUSH)
			return -EINVAL;
		flush(tty, arg != TCOFLUSH, arg != TCIFLUSH);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* Those that change the line: foreground only. */
static long change_ioctl(struct tty_file *tf, unsigned int cmd, unsigned long arg)
{
	struct tty *tty = tf->tf_tty;
	long err = tty_job_check(tty, SIGTTOU);

	if (err)
		return err;
	switch (cmd) {
	case TCSBRK:
	case TCSBRKP:
		/* arg != 0 is tcdrain(3); a break condition itself there is none. */
		return tty_drain(tf);
	case TCXONC:
		return flow(tty, arg);
	default:
		return tty_ioctl_common(tty, cmd, arg);
	}
}

long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct tty_file *tf = f->f_data;
	struct tty *tty = tf->tf_tty;
	void __user *p = (void __user *)arg;
	long ret;

	if (tty_file_hung(tf))
		return -EIO;
	switch (cmd) {
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_settings(tf, cmd, p);
	case TCSBRK:
	case TCSBRKP:
	case TCXONC:
	case TCFLSH:
		return change_ioctl(tf, cmd, arg);
	case TIOCINQ:
	case TIOCOUTQ:
		return queue_size(tty, cmd, p);
	case TIOCEXCL:
	case TIOCNXCL:
		set_exclusive(tty, cmd == TIOCEXCL);
		return 0;
	case TIOCGEXCL:
		return put_user_u32(p, tty->tty_exclusive);
	case TIOCSCTTY:
	case TIOCNOTTY:
	case TIOCSPGRP:
	case TIOCGPGRP:
	case TIOCGSID:
		return tty_job_ioctl(tty, false, f->f_mode & FMODE_READ, cmd, arg);
	}
	ret = tty_ioctl_common(tty, cmd, arg);
	if (ret == -ENOTTY && tty->tty_ops->to_ioctl)
		ret = tty->tty_ops->to_ioctl(tty, cmd, arg);
	return ret;
}
