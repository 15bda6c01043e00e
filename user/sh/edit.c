/* SPDX-License-Identifier: MIT */
/*
 * edit.c - typing a line on a terminal, with history.
 *
 * While a line is typed the terminal is in raw mode and every key comes here;
 * before a command runs it gets its own modes back. What is sent to the
 * terminal is little: plain text, backspace, carriage return, and "erase to
 * the end of the line" (ESC [ K) when something behind the cursor changes. So
 * plain typing looks right on any serial line. A line that is longer than the
 * terminal is wide scrolls sideways.
 */
#include "sh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HISTORY		200
#define CONTROL(c)		((c) & 31)

enum key {			/* beyond the bytes */
	KEY_UP = 256, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END,
	KEY_DELETE, KEY_EOF, KEY_NONE,
};

struct editor {
	const char *prompt;
	struct buf *line;	/* the text; other lines may stand before it */
	size_t from;		/* where it begins */
	size_t cursor;		/* in bytes from there */
	size_t columns;
	struct buf out;		/* what the terminal is to get */
	struct buf killed;
	int history;		/* how far back we are */
	char *typed;		/* the line, while history is shown */
	bool tabbed;		/* the last key was Tab */
};

static struct {
	char *line[HISTORY];	/* oldest first */
	int n;
} history;

static char *text(const struct editor *e)
{
	return e->line->s + e->from;
}

static size_t length(const struct editor *e)
{
	return e->line->len - e->from;
}

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;	/* inside UTF-8 */
}

static size_t width(const char *s, size_t n)
{
	size_t w = 0;

	while (n-- > 0)
		w += !continues(*s++);
	return w;
}

static void flush(struct editor *e)
{
	write_all(STDERR_FILENO, e->out.s, e->out.len);
	e->out.len = 0;
}

/* Draw the line anew: the part of it that fits and has the cursor in it. */
static void redraw(struct editor *e)
{
	size_t used = width(e->prompt, strlen(e->prompt));
	size_t room = e->columns - 1;
	size_t first = 0, last = length(e), back;

	room = used + 8 < room ? room - used : room;
	while (width(text(e) + first, e->cursor - first) >= room)
		first++;
	while (continues(text(e)[first]) && first < e->cursor)
		first++;
	while (width(text(e) + first, last - first) > room)
		last--;
	while (last < length(e) && continues(text(e)[last]) && last > e->cursor)
		last--;
	buf_putc(&e->out, '\r');
	buf_puts(&e->out, e->prompt);
	buf_put(&e->out, text(e) + first, last - first);
	buf_puts(&e->out, "\033[K");
	for (back = width(text(e) + e->cursor, last - e->cursor); back; back--)
		buf_putc(&e->out, '\b');
}

static void insert(struct editor *e, const char *s, size_t n)
{
	size_t tail = length(e) - e->cursor;
	size_t used = width(e->prompt, strlen(e->prompt));

	buf_put(e->line, s, n);
	buf_str(e->line);
	memmove(text(e) + e->cursor + n, text(e) + e->cursor, tail);
	memcpy(text(e) + e->cursor, s, n);
	e->cursor += n;
	if (tail == 0 && used + width(text(e), length(e)) < e->columns - 1)
		buf_put(&e->out, s, n);
	else
		redraw(e);
}

static void erase(struct editor *e, size_t from, size_t to)
{
	bool last = to == length(e) && width(text(e) + from, to - from) == 1;
	size_t used = width(e->prompt, strlen(e->prompt));
	bool fits = used + width(text(e), length(e)) < e->columns - 1;

	if (from == to)
		return;
	memmove(text(e) + from, text(e) + to, length(e) - to);
	e->line->len -= to - from;
	buf_str(e->line);
	if (last && fits && e->cursor == to)
		buf_puts(&e->out, "\b \b");
	e->cursor = from;
	if (!last || !fits || e->out.len == 0)
		redraw(e);
}

static void kill_text(struct editor *e, size_t from, size_t to)
{
	if (from == to)
		return;
	e->killed.len = 0;
	buf_put(&e->killed, text(e) + from, to - from);
	erase(e, from, to);
}

static size_t before(const struct editor *e, size_t at)
{
	if (at == 0)
		return 0;
	for (at--; at > 0 && continues(text(e)[at]); at--)
		;
	return at;
}

static size_t behind(const struct editor *e, size_t at)
{
	if (at == length(e))
		return at;
	for (at++; at < length(e) && continues(text(e)[at]); at++)
		;
	return at;
}

static size_t word_before(const struct editor *e)
{
	size_t at = e->cursor;

	while (at > 0 && text(e)[at - 1] == ' ')
		at--;
	while (at > 0 && text(e)[at - 1] != ' ')
		at--;
	return at;
}

static void move(struct editor *e, size_t to)
{
	if (to == e->cursor)
		return;
	e->cursor = to;
	redraw(e);
}

static void replace_line(struct editor *e, const char *s)
{
	e->line->len = e->from;
	buf_puts(e->line, s);
	buf_str(e->line);
	e->cursor = length(e);
	redraw(e);
}

/* Show the entry that is @step further back. */
static void recall(struct editor *e, int step)
{
	int to = e->history + step;

	if (to < 0 || to > history.n)
		return;
	if (e->history == 0) {
		free(e->typed);
		e->typed = xstrdup(buf_str(e->line) + e->from);
	}
	e->history = to;
	replace_line(e, to ? history.line[history.n - to] : e->typed);
}

static void remember(const char *s)
{
	if (!*s || (history.n && !strcmp(history.line[history.n - 1], s)))
		return;
	if (history.n == HISTORY) {
		free(history.line[0]);
		memmove(history.line, history.line + 1,
			(HISTORY - 1) * sizeof(*history.line));
		history.n--;
	}
	history.line[history.n++] = xstrdup(s);
}

static void list_choices(struct editor *e, const struct list *l)
{
	size_t i, w = 0, across;
	char cell[300];

	for (i = 0; i < l->n; i++) {
		if (strlen(l->v[i]) > w)
			w = strlen(l->v[i]);
	}
	across = w + 1 < e->columns ? e->columns / (w + 1) : 1;
	for (i = 0; i < l->n; i++) {
		if (i % across == 0)
			buf_putc(&e->out, '\n');
		snprintf(cell, sizeof(cell), "%-*s ", (int)w, l->v[i]);
		buf_puts(&e->out, cell);
	}
	buf_putc(&e->out, '\n');
	redraw(e);
}

/* Put in what all choices have in common; the second Tab lists them. */
static void tab(struct editor *e)
{
	struct mark m = arena_mark(&sh.scratch);
	struct list l = { 0 };
	size_t have = complete(buf_str(e->line) + e->from, e->cursor, &l);
	size_t common, i;

	if (l.n > 0) {
		common = strlen(l.v[0]);
		for (i = 1; i < l.n; i++) {
			while (strncmp(l.v[0], l.v[i], common) != 0)
				common--;
		}
		if (common > have)
			insert(e, l.v[0] + have, common - have);
		else if (l.n > 1 && e->tabbed)
			list_choices(e, &l);
	}
	e->tabbed = true;
	arena_release(&sh.scratch, m);
}

/* One byte, or -1 if the terminal is gone. */
static int read_byte(void)
{
	unsigned char c;
	ssize_t n;

	do {
		n = read(STDIN_FILENO, &c, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? c : -1;
}

/* ESC [ A and its relatives, as VT100 and xterm send them. */
static int read_escape(void)
{
	int c = read_byte(), number = 0;

	if (c != '[' && c != 'O')
		return c < 0 ? KEY_EOF : KEY_NONE;
	while ((c = read_byte()) >= '0' && c <= ';')
		number = c == ';' ? number : number * 10 % 1000 + c - '0';
	switch (c) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	case '~':
		return number == 3 ? KEY_DELETE :
		       number == 1 || number == 7 ? KEY_HOME :
		       number == 4 || number == 8 ? KEY_END : KEY_NONE;
	default:
		return c < 0 ? KEY_EOF : KEY_NONE;
	}
}

static int read_key(void)
{
	int c = read_byte();

	if (c == 27)
		return read_escape();
	return c < 0 ? KEY_EOF : c;
}

static void clear_screen(struct editor *e)
{
	buf_puts(&e->out, "\033[H\033[2J");
	redraw(e);
}

/* Keys that move and erase. */
static void edit_key(struct editor *e, int key)
{
	switch (key) {
	case KEY_LEFT:
	case CONTROL('B'):
		move(e, before(e, e->cursor));
		break;
	case KEY_RIGHT:
	case CONTROL('F'):
		move(e, behind(e, e->cursor));
		break;
	case KEY_HOME:
	case CONTROL('A'):
		move(e, 0);
		break;
	case KEY_END:
	case CONTROL('E'):
		move(e, length(e));
		break;
	case 127:
	case CONTROL('H'):
		erase(e, before(e, e->cursor), e->cursor);
		break;
	case KEY_DELETE:
	case CONTROL('D'):
		erase(e, e->cursor, behind(e, e->cursor));
		break;
	case CONTROL('U'):
		kill_text(e, 0, e->cursor);
		break;
	case CONTROL('K'):
		kill_text(e, e->cursor, length(e));
		break;
	case CONTROL('W'):
		kill_text(e, word_before(e), e->cursor);
		break;
	case CONTROL('Y'):
		insert(e, buf_str(&e->killed), e->killed.len);
		break;
	default:
		break;
	}
}

static void other_key(struct editor *e, int key)
{
	char c = (char)key;

	switch (key) {
	case KEY_UP:
	case CONTROL('P'):
		recall(e, 1);
		break;
	case KEY_DOWN:
	case CONTROL('N'):
		recall(e, -1);
		break;
	case CONTROL('L'):
		clear_screen(e);
		break;
	case '\t':
		tab(e);
		break;
	default:
		if (key >= ' ' && key < 256 && key != 127)
			insert(e, &c, 1);
		else
			edit_key(e, key);
		break;
	}
}

static enum edit_result edit_keys(struct editor *e)
{
	for (;;) {
		int key = read_key();

		if (key == '\r' || key == '\n')
			return EDIT_LINE;
		if (key == KEY_EOF || (key == CONTROL('D') && !length(e)))
			return EDIT_EOF;
		if (key == CONTROL('C'))
			return EDIT_INTERRUPTED;
		if (key != '\t')
			e->tabbed = false;
		other_key(e, key);
		flush(e);
	}
}

static void start(struct editor *e, const char *prompt, struct buf *line)
{
	struct winsize size;

	*e = (struct editor){ .prompt = prompt, .line = line };
	e->from = line->len;
	e->columns = 80;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 16)
		e->columns = size.ws_col;
	buf_str(line);
	buf_puts(&e->out, prompt);
	flush(e);
}

/* Append a line with its newline to @out. */
enum edit_result edit_line(const char *prompt, struct buf *out)
{
	struct termios old, raw;
	struct editor e;
	enum edit_result got;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return EDIT_EOF;
	raw = old;
	raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON | ISTRIP | INLCR | IGNCR);
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	start(&e, prompt, out);
	got = edit_keys(&e);
	if (got == EDIT_INTERRUPTED)
		buf_puts(&e.out, "^C");
	if (got == EDIT_EOF)
		buf_puts(&e.out, "exit");
	move(&e, length(&e));
	buf_putc(&e.out, '\n');
	flush(&e);
	if (got == EDIT_LINE) {
		remember(buf_str(out) + e.from);
		buf_putc(out, '\n');
	} else {
		out->len = e.from;
	}
	tcsetattr(STDIN_FILENO, TCSADRAIN, &old);
	buf_free(&e.out);
	buf_free(&e.killed);
	free(e.typed);
	return got;
}
