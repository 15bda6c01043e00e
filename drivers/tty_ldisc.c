/* SPDX-License-Identifier: MIT */
/*
 * The line discipline; see tty_ldisc.h for the picture and the invariants. tty_echo.c has
 * output processing, echo and erasing.
 *
 * Not there: parity marking (PARMRK, INPCK: the lines here have no parity),
 * ECHOPRT and FLUSHO.
 */
#include "abi/signal.h"
#include "bits.h"
#include "drivers/tty_echo.h"
#include "drivers/tty_ldisc.h"
#include "kassert.h"
#include "kernel/lib/string.h"

#define MASK		(LDISC_SIZE - 1)
/* Regular characters leave the last byte free for a line end. */
#define REGULAR_MAX	(LDISC_SIZE - 1)
/* IXOFF: stop the other side above, let it go below. */
#define XOFF_ABOVE	(LDISC_SIZE * 3 / 4)
#define XOFF_BELOW	(LDISC_SIZE / 4)

/* The defaults of Linux: cooked, echoing, 38400 8N1. */
static const struct termios default_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = 003, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025,
		[VEOF] = 004, [VMIN] = 1, [VSTART] = 021, [VSTOP] = 023,
		[VSUSP] = 032, [VREPRINT] = 022, [VDISCARD] = 017,
		[VWERASE] = 027, [VLNEXT] = 026,
	},
};

static u32 used(const struct ldisc *l)
{
	return l->l_head - l->l_tail;
}

void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *buf, void *out)
{
	memset(l, 0, sizeof(*l));
	l->l_tio = default_termios;
	l->l_ops = ops;
	l->l_buf = buf;
	ring_init(&l->l_out, out, LDISC_OUT_SIZE);
}

static void tell_event(struct ldisc *l, u8 bits)
{
	if (l->l_ops->lo_event)
		l->l_ops->lo_event(l, bits);
}

void ldisc_flush_input(struct ldisc *l)
{
	l->l_tail = l->l_line = l->l_head;
	memset(l->l_ends, 0, sizeof(l->l_ends));
	memset(l->l_eofs, 0, sizeof(l->l_eofs));
	l->l_lnext = false;
	tell_event(l, TIOCPKT_FLUSHREAD);
}

void ldisc_flush_output(struct ldisc *l)
{
	ring_clear(&l->l_out);
	tell_event(l, TIOCPKT_FLUSHWRITE);
}

void ldisc_stop(struct ldisc *l, bool stop)
{
	if (l->l_stopped == stop)
		return;
	l->l_stopped = stop;
	tell_event(l, stop ? TIOCPKT_STOP : TIOCPKT_START);
	if (!stop)
		ldisc_output_kick(l);
}

/* IXOFF flow control of the other side, by what is in the buffer. */
static void input_flow(struct ldisc *l)
{
	bool stop;

	if (!(l->l_tio.c_iflag & IXOFF) && !l->l_xoff_sent)
		return;
	stop = l->l_xoff_sent ? used(l) > XOFF_BELOW : used(l) > XOFF_ABOVE;
	if (!(l->l_tio.c_iflag & IXOFF))
		stop = false;
	if (stop == l->l_xoff_sent ||
	    !ring_put_byte(&l->l_out, l->l_tio.c_cc[stop ? VSTOP : VSTART]))
		return;
	l->l_xoff_sent = stop;
	ldisc_output_kick(l);
}

/* ---- input ----------------------------------------------------------------- */

static bool is_cc(const struct ldisc *l, unsigned int which, u8 c)
{
	return c == l->l_tio.c_cc[which] && c != _POSIX_VDISABLE;
}

/* c is VWERASE, VLNEXT ...: characters that IEXTEN adds. */
static bool is_ext_cc(const struct ldisc *l, unsigned int which, u8 c)
{
	return (l->l_tio.c_lflag & IEXTEN) && is_cc(l, which, c);
}

static bool line_pending(const struct ldisc *l)
{
	return l->l_line != l->l_tail;
}

static void put(struct ldisc *l, u8 c)
{
	KASSERT(used(l) < LDISC_SIZE);
	l->l_buf[l->l_head++ & MASK] = c;
}

/* A regular character; dropped when the edited line is too long. */
static void put_regular(struct ldisc *l, u8 c)
{
	if (used(l) < REGULAR_MAX)
		put(l, c);
	else if (l->l_tio.c_iflag & IMAXBEL)
		ldisc_bell(l);
}

/* The edited line is complete with c as its end. */
static void end_line(struct ldisc *l, u8 c, bool eof)
{
	__set_bit(l->l_ends, l->l_head & MASK);
	if (eof)
		__set_bit(l->l_eofs, l->l_head & MASK);
	put(l, c);
	l->l_line = l->l_head;
	l->l_line_column = l->l_column;
}

static void echo_input(struct ldisc *l, u8 c)
{
	if (!(l->l_tio.c_lflag & ECHO))
		return;
	if (l->l_head == l->l_line)
		l->l_line_column = l->l_column;
	ldisc_echo(l, c);
}

/* VINTR, VQUIT, VSUSP. True: it was one. */
static bool signal_char(struct ldisc *l, u8 c)
{
	int sig;

	if (!(l->l_tio.c_lflag & ISIG))
		return false;
	if (is_cc(l, VINTR, c))
		sig = SIGINT;
	else if (is_cc(l, VQUIT, c))
		sig = SIGQUIT;
	else if (is_cc(l, VSUSP, c))
		sig = SIGTSTP;
	else
		return false;
	if (!(l->l_tio.c_lflag & NOFLSH)) {
		ldisc_flush_input(l);
		ldisc_flush_output(l);
	}
	if (l->l_tio.c_iflag & IXON)
		ldisc_stop(l, false);
	if (l->l_tio.c_lflag & ECHO)
		ldisc_echo(l, c);
	l->l_ops->lo_signal(l, sig);
	return true;
}

/* VSTART and VSTOP, and with IXANY everything. True: c is used up. */
static bool flow_char(struct ldisc *l, u8 c)
{
	if (!(l->l_tio.c_iflag & IXON))
		return false;
	if (is_cc(l, VSTOP, c) && !(l->l_stopped && is_cc(l, VSTART, c))) {
		ldisc_stop(l, true);
		return true;
	}
	if (is_cc(l, VSTART, c)) {
		ldisc_stop(l, false);
		return true;
	}
	if (l->l_tio.c_iflag & IXANY)
		ldisc_stop(l, false);
	return false;
}

static void reprint(struct ldisc *l, u8 c)
{
	ldisc_echo(l, c);
	ldisc_echo_raw(l, '\n');
	l->l_line_column = l->l_column;
	for (u32 i = l->l_line; i != l->l_head; i++)
		ldisc_echo(l, l->l_buf[i & MASK]);
}

/* Editing characters and line ends of canonical mode. True: c is used up. */
static bool canonical_char(struct ldisc *l, u8 c)
{
	u32 lflag = l->l_tio.c_lflag;

	if (is_cc(l, VERASE, c)) {
		ldisc_erase(l, ERASE_CHAR);
	} else if (is_ext_cc(l, VWERASE, c)) {
		ldisc_erase(l, ERASE_WORD);
	} else if (is_cc(l, VKILL, c)) {
		ldisc_erase(l, ERASE_LINE);
	} else if (is_ext_cc(l, VLNEXT, c)) {
		l->l_lnext = true;
		if ((lflag & ECHO) && (lflag & ECHOCTL)) {
			ldisc_echo_raw(l, '^');
			ldisc_echo_raw(l, '\b');
		}
	} else if (is_ext_cc(l, VREPRINT, c) && (lflag & ECHO)) {
		reprint(l, c);
	} else if (c == '\n') {
		if (lflag & (ECHO | ECHONL))
			ldisc_echo_raw(l, '\n');
		end_line(l, c, false);
	} else if (is_cc(l, VEOF, c)) {
		end_line(l, 0, true);
	} else if (is_cc(l, VEOL, c) || is_ext_cc(l, VEOL2, c)) {
		echo_input(l, c);
		end_line(l, c, false);
	} else {
		return false;
	}
	return true;
}

/* One character, for which there is room (see can_take). */
static void input_char(struct ldisc *l, u8 c)
{
	u32 iflag = l->l_tio.c_iflag;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if ((iflag & IUCLC) && (l->l_tio.c_lflag & IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (l->l_lnext) {
		l->l_lnext = false;
		echo_input(l, c);
		put_regular(l, c);
		return;
	}
	if (flow_char(l, c) || signal_char(l, c))
		return;
	if (c == '\r') {
		if (iflag & IGNCR)
			return;
		if (iflag & ICRNL)
			c = '\n';
	} else if (c == '\n' && (iflag & INLCR)) {
		c = '\r';
	}
	if (ldisc_canonical(l) && canonical_char(l, c))
		return;
	if (c == '\n' && (l->l_tio.c_lflag & ECHO))
		ldisc_echo_raw(l, c);
	else
		echo_input(l, c);
	put_regular(l, c);
}

/*
 * Whether the next character can be processed: there is room, or it is part of an over-long line
 * that nobody can read before its end has come.
 */
static bool can_take(const struct ldisc *l)
{
	return used(l) < REGULAR_MAX || (ldisc_canonical(l) && !line_pending(l));
}

size_t ldisc_room(const struct ldisc *l)
{
	u32 n = used(l);

	if (n < REGULAR_MAX)
		return REGULAR_MAX - n;
	return can_take(l);
}

/* Nothing in termios looks at single characters. */
static bool transparent(const struct ldisc *l)
{
	return !(l->l_tio.c_lflag & (ICANON | ISIG | ECHO)) && !l->l_lnext &&
	       !(l->l_tio.c_iflag & (ISTRIP | INLCR | IGNCR | ICRNL | IUCLC | IXON));
}

static size_t input_block(struct ldisc *l, const u8 *src, size_t n)
{
	u32 off = l->l_head & MASK, first;

	n = min(n, (size_t)(REGULAR_MAX - min(used(l), REGULAR_MAX)));
	first = min((u32)n, LDISC_SIZE - off);
	memcpy(l->l_buf + off, src, first);
	memcpy(l->l_buf, src + first, n - first);
	l->l_head += (u32)n;
	return n;
}

size_t ldisc_input(struct ldisc *l, const u8 *src, size_t n)
{
	size_t i = 0;

	if (transparent(l)) {
		i = input_block(l, src, n);
	} else {
		while (i < n && can_take(l))
			input_char(l, src[i++]);
		/* Echo has been collected in l_out. */
		ldisc_output_kick(l);
	}
	input_flow(l);
	return i;
}

/* ---- reading --------------------------------------------------------------- */

/* Bytes from l_tail to the next line end, that included. There must be one. */
static u32 line_length(const struct ldisc *l)
{
	u32 pos = l->l_tail & MASK, word = pos / 64;
	u64 bits = l->l_ends[word] & (~0ul << (pos % 64));

	KASSERT(line_pending(l));
	while (!bits) {
		word = (word + 1) % (LDISC_SIZE / 64);
		bits = l->l_ends[word];
	}
	return ((word * 64 + ctz64(bits) - pos) & MASK) + 1;
}

size_t ldisc_readable(const struct ldisc *l)
{
	size_t n = 0;

	if (!ldisc_canonical(l))
		return used(l);
	for (u32 i = l->l_tail; i != l->l_line; i++)
		n += !test_bit(l->l_eofs, i & MASK);
	return n;
}

bool ldisc_ready(const struct ldisc *l, size_t min)
{
	return ldisc_canonical(l) ? line_pending(l) : used(l) >= max(min, (size_t)1);
}

static void copy_out(const struct ldisc *l, u8 *dst, size_t n)
{
	u32 off = l->l_tail & MASK;
	size_t first = min(n, (size_t)(LDISC_SIZE - off));

	memcpy(dst, l->l_buf + off, first);
	memcpy(dst + first, l->l_buf, n - first);
}

/* The end of a line has been read or is skipped: unmark it. Returns whether it was VEOF. */
static bool take_end(struct ldisc *l)
{
	u32 pos = l->l_tail & MASK;
	bool eof = test_bit(l->l_eofs, pos);

	__clear_bit(l->l_ends, pos);
	__clear_bit(l->l_eofs, pos);
	l->l_tail++;
	return eof;
}

static size_t read_line(struct ldisc *l, u8 *dst, size_t n, bool *end)
{
	u32 body;
	size_t done;

	if (!line_pending(l))
		return 0;
	body = line_length(l) - 1;
	done = min(n, (size_t)body);
	copy_out(l, dst, done);
	l->l_tail += (u32)done;
	if (done < body)
		return done;
	/* At the end: a VEOF costs no room in dst, so a full dst takes it along. */
	if (test_bit(l->l_eofs, l->l_tail & MASK)) {
		take_end(l);
		*end = true;
	} else if (done < n) {
		dst[done++] = l->l_buf[l->l_tail & MASK];
		take_end(l);
		*end = true;
	}
	return done;
}

size_t ldisc_read(struct ldisc *l, u8 *dst, size_t n, bool *end)
{
	size_t done;

	*end = false;
	if (ldisc_canonical(l)) {
		done = read_line(l, dst, n, end);
	} else {
		done = min(n, (size_t)used(l));
		copy_out(l, dst, done);
		l->l_tail += (u32)done;
	}
	input_flow(l);
	return done;
}

/* ---- settings -------------------------------------------------------------- */

void ldisc_set_termios(struct ldisc *l, const struct termios *tio)
{
	u32 changed = l->l_tio.c_lflag ^ tio->c_lflag;
	u32 was_iflag = l->l_tio.c_iflag;

	l->l_tio = *tio;
	if (changed & ICANON) {
		memset(l->l_ends, 0, sizeof(l->l_ends));
		memset(l->l_eofs, 0, sizeof(l->l_eofs));
		l->l_lnext = false;
		l->l_line = l->l_tail;
		/* What was typed ahead in raw mode counts as a line. */
		if (ldisc_canonical(l) && used(l)) {
			__set_bit(l->l_ends, (l->l_head - 1) & MASK);
			l->l_line = l->l_head;
		}
		l->l_line_column = l->l_column;
	}
	if (!(tio->c_iflag & IXON) && (was_iflag & IXON))
		ldisc_stop(l, false);
	if ((was_iflag ^ tio->c_iflag) & IXON)
		tell_event(l, tio->c_iflag & IXON ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
	input_flow(l);
}
