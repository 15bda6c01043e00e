/* SPDX-License-Identifier: MIT */
/*
 * Output processing (OPOST), echo, and erasing on the screen.
 *
 * l_column follows the cursor as far as what was sent tells it; it serves tabs:
 * expanding them (XTABS), and erasing one, which takes back as many columns as it
 * took. Bytes of a UTF-8 character after the first count nothing with IUTF8.
 */
#include "drivers/tty_echo.h"
#include "kassert.h"
#include "kernel/lib/string.h"

#define MASK		(LDISC_SIZE - 1)
#define DEL		0x7f
#define TAB_COLUMNS	8u

static bool is_control(u8 c)
{
	return c < ' ' || c == DEL;
}

static bool is_continuation(const struct ldisc *l, u8 c)
{
	return (l->l_tio.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
}

void ldisc_output_kick(struct ldisc *l)
{
	if (!ring_empty(&l->l_out) && !l->l_stopped && l->l_ops->lo_output)
		l->l_ops->lo_output(l);
}

/* ---- output processing ----------------------------------------------------- */

static bool put_newline(struct ldisc *l)
{
	u32 oflag = l->l_tio.c_oflag;

	if (oflag & ONLCR) {
		if (ring_free(&l->l_out) < 2)
			return false;
		ring_put_byte(&l->l_out, '\r');
		l->l_column = 0;
	}
	if (oflag & ONLRET)
		l->l_column = 0;
	return ring_put_byte(&l->l_out, '\n');
}

static bool put_return(struct ldisc *l)
{
	u32 oflag = l->l_tio.c_oflag;

	if ((oflag & ONOCR) && l->l_column == 0)
		return true;
	if (!ring_put_byte(&l->l_out, oflag & OCRNL ? '\n' : '\r'))
		return false;
	if (!(oflag & OCRNL) || (oflag & ONLRET))
		l->l_column = 0;
	return true;
}

static bool put_tab(struct ldisc *l)
{
	u32 n = TAB_COLUMNS - l->l_column % TAB_COLUMNS;

	if ((l->l_tio.c_oflag & TABDLY) == XTABS) {
		if (ring_free(&l->l_out) < n)
			return false;
		ring_put(&l->l_out, "        ", n);
	} else if (!ring_put_byte(&l->l_out, '\t')) {
		return false;
	}
	l->l_column += n;
	return true;
}

/* One character with output processing. False: no room, nothing was done. */
static bool put_processed(struct ldisc *l, u8 c)
{
	switch (c) {
	case '\n':
		return put_newline(l);
	case '\r':
		return put_return(l);
	case '\t':
		return put_tab(l);
	}
	if ((l->l_tio.c_oflag & OLCUC) && c >= 'a' && c <= 'z')
		c -= 'a' - 'A';
	if (!ring_put_byte(&l->l_out, c))
		return false;
	if (c == '\b')
		l->l_column -= l->l_column > 0;
	else if (!is_control(c) && !is_continuation(l, c))
		l->l_column++;
	return true;
}

static bool put_output(struct ldisc *l, u8 c)
{
	if (l->l_tio.c_oflag & OPOST)
		return put_processed(l, c);
	return ring_put_byte(&l->l_out, c);
}

/* Length of the run of characters at src that need no processing. */
static size_t plain_run(const struct ldisc *l, const u8 *src, size_t n)
{
	size_t i = 0;

	if (l->l_tio.c_oflag & OLCUC)
		return 0;
	while (i < n && src[i] >= ' ' && src[i] < DEL)
		i++;
	return i;
}

size_t ldisc_write(struct ldisc *l, const u8 *src, size_t n)
{
	size_t done = 0;

	if (!(l->l_tio.c_oflag & OPOST))
		done = ring_put(&l->l_out, src, (u32)min(n, (size_t)LDISC_OUT_SIZE));
	else
		while (done < n) {
			size_t run = plain_run(l, src + done, n - done);
			u32 put = ring_put(&l->l_out, src + done,
					   (u32)min(run, (size_t)LDISC_OUT_SIZE));

			l->l_column += put;
			done += put;
			if (put < run || done == n)
				break;
			if (put == 0 && !put_processed(l, src[done]))
				break;
			done += put == 0;
		}
	ldisc_output_kick(l);
	return done;
}

/* ---- echo ------------------------------------------------------------------ */

void ldisc_echo_raw(struct ldisc *l, u8 c)
{
	/* Echo never waits: a program that does not let output through loses it. */
	(void)put_output(l, c);
}

void ldisc_echo(struct ldisc *l, u8 c)
{
	if ((l->l_tio.c_lflag & ECHOCTL) && is_control(c) && c != '\t') {
		if (ring_free(&l->l_out) < 2)
			return;
		ldisc_echo_raw(l, '^');
		ldisc_echo_raw(l, c ^ 0x40);
	} else {
		ldisc_echo_raw(l, c);
	}
}

void ldisc_bell(struct ldisc *l)
{
	(void)ring_put_byte(&l->l_out, '\a');
}

/* ---- erasing --------------------------------------------------------------- */

/* Columns that the echo of c takes when it begins at column. */
static u32 echo_width(const struct ldisc *l, u8 c, u32 column)
{
	if (c == '\t')
		return TAB_COLUMNS - column % TAB_COLUMNS;
	if (is_control(c))
		return l->l_tio.c_lflag & ECHOCTL ? 2 : 0;
	return !is_continuation(l, c);
}

static void rub_out(struct ldisc *l, u32 columns, bool blank)
{
	while (columns--) {
		ldisc_echo_raw(l, '\b');
		if (blank) {
			ldisc_echo_raw(l, ' ');
			ldisc_echo_raw(l, '\b');
		}
	}
}

/* Take the character before l_head from the screen; it is still in the buffer, bytes of it. */
static void rub_out_char(struct ldisc *l, u8 first)
{
	u32 column = l->l_line_column, width;

	if (first != '\t') {
		rub_out(l, echo_width(l, first, 0), true);
		return;
	}
	for (u32 i = l->l_line; i != l->l_head; i++)
		column += echo_width(l, l->l_buf[i & MASK], column);
	width = echo_width(l, '\t', column);
	rub_out(l, width, false);
}

/* Remove one whole character from the buffer. Returns its first byte. */
static u8 unput_char(struct ldisc *l)
{
	u8 c;

	KASSERT(l->l_head != l->l_line);
	do
		c = l->l_buf[--l->l_head & MASK];
	while (is_continuation(l, c) && l->l_head != l->l_line);
	return c;
}

static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

/* VKILL without ECHOK, ECHOKE and ECHOE together: the line goes, the screen only gets a hint. */
static bool kill_bluntly(struct ldisc *l)
{
	u32 lflag = l->l_tio.c_lflag, fine = ECHOK | ECHOKE | ECHOE;

	if ((lflag & ECHO) && (lflag & fine) == fine)
		return false;
	l->l_head = l->l_line;
	if (lflag & ECHO) {
		ldisc_echo(l, l->l_tio.c_cc[VKILL]);
		if (lflag & ECHOK)
			ldisc_echo_raw(l, '\n');
	}
	return true;
}

void ldisc_erase(struct ldisc *l, enum ldisc_erase what)
{
	u32 lflag = l->l_tio.c_lflag;
	bool in_word = false;

	if (l->l_head == l->l_line || (what == ERASE_LINE && kill_bluntly(l)))
		return;
	while (l->l_head != l->l_line) {
		u8 last = l->l_buf[(l->l_head - 1) & MASK], first;

		if (what == ERASE_WORD && in_word && !is_word(last))
			break;
		in_word |= is_word(last);
		first = unput_char(l);
		if ((lflag & ECHO) && (lflag & ECHOE))
			rub_out_char(l, first);
		else if (lflag & ECHO)
			ldisc_echo(l, l->l_tio.c_cc[what == ERASE_WORD ? VWERASE : VERASE]);
		if (what == ERASE_CHAR)
			break;
	}
}
