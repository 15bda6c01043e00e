/* SPDX-License-Identifier: MIT */
/*
 * read.c - the builtin "read": a line of input into variables.
 *
 * Nothing behind the newline may be taken from standard input, which others
 * read too: see read_line() in input.c. A line is split at the characters of
 * IFS; a backslash guards the next character and joins lines, without -r.
 */
#include "sh.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * The line's characters, and for each whether a backslash guards it. -1
 * after a message, 0 at the end of the input, else 1.
 */
static int read_logical_line(bool raw, struct buf *text, struct buf *guarded)
{
	struct buf line = { 0 };
	bool more, complete;
	ssize_t n;
	size_t i;

	do {
		more = false;
		line.len = 0;
		n = read_line(STDIN_FILENO, &line);
		if (n < 0) {
			buf_free(&line);
			if (errno != EINTR)
				sh_error("read: %s", strerror(errno));
			return -1;
		}
		complete = n > 0 && line.s[n - 1] == '\n';
		line.len -= complete;
		for (i = 0; i < line.len; i++) {
			bool guard = !raw && line.s[i] == '\\';

			if (guard && ++i == line.len) {
				more = complete;
				break;
			}
			if (line.s[i] == '\0')
				continue;
			buf_putc(text, line.s[i]);
			buf_putc(guarded, guard);
		}
	} while (more);
	buf_free(&line);
	return complete;
}

struct cursor {
	const char *s, *guarded, *ifs;
	size_t n, i;
};

static bool at_separator(const struct cursor *c, const char *kind)
{
	return c->i < c->n && !c->guarded[c->i] && strchr(c->ifs, c->s[c->i]) &&
	       (!kind || strchr(kind, c->s[c->i]));
}

static void skip_blanks(struct cursor *c)
{
	while (at_separator(c, " \t\n"))
		c->i++;
}

/* One field; then the separator behind it. */
static char *next_field(struct cursor *c)
{
	size_t from = c->i;
	char *field;

	while (c->i < c->n && !at_separator(c, NULL))
		c->i++;
	field = arena_dup(&sh.scratch, c->s + from, c->i - from);
	skip_blanks(c);
	if (at_separator(c, NULL)) {
		c->i++;
		skip_blanks(c);
	}
	return field;
}

/*
 * The last variable takes what is left, but for blanks at the end, and for
 * one separator if it only ends a last field.
 */
static char *last_field(struct cursor *c)
{
	struct cursor one = *c;
	char *field = next_field(&one);
	size_t end = c->n;

	if (one.i == one.n)
		return field;
	while (end > c->i && !c->guarded[end - 1] &&
	       strchr(" \t\n", c->s[end - 1]) && strchr(c->ifs, c->s[end - 1]))
		end--;
	return arena_dup(&sh.scratch, c->s + c->i, end - c->i);
}

static int assign_fields(struct cursor *c, int argc, char **argv, int i)
{
	skip_blanks(c);
	for (; i < argc; i++) {
		char *field = i + 1 < argc ? next_field(c) : last_field(c);

		if (!name_length(argv[i]) || argv[i][name_length(argv[i])]) {
			sh_error("read: %s: bad variable name", argv[i]);
			return 2;
		}
		if (!var_set(argv[i], field))
			return 1;
	}
	return 0;
}

int builtin_read(int argc, char **argv)
{
	static char *reply[] = { "REPLY", NULL };
	struct buf text = { 0 }, guarded = { 0 };
	const char *ifs = var_get("IFS");
	bool raw = argc > 1 && strcmp(argv[1], "-r") == 0;
	int got = read_logical_line(raw, &text, &guarded), status;
	struct cursor c = {
		.s = buf_str(&text), .guarded = buf_str(&guarded),
		.ifs = ifs ? ifs : " \t\n", .n = text.len,
	};
	int first = raw ? 2 : 1;

	if (got < 0)
		status = sh.interrupted ? 128 + SIGINT : 2;
	else if (first < argc)
		status = assign_fields(&c, argc, argv, first);
	else
		status = assign_fields(&c, 1, reply, 0);
	buf_free(&text);
	buf_free(&guarded);
	return status ? status : got != 1;
}
