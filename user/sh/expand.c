/* SPDX-License-Identifier: MIT */
/*
 * expand.c - from the parts of a word to strings (POSIX, sh, 2.6).
 *
 * The order of things: parameters, $(...) and $((...)) are replaced; what
 * they gave is split into fields at the characters of IFS, unless it was
 * quoted; a field with unquoted * ? [ becomes the file names that match.
 *
 * A field is built as a pattern: quoted characters that are special in
 * patterns get a backslash. So one string carries both what the characters
 * are and whether they were quoted; the last step takes the marks off.
 */
#include "sh.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fields {
	struct list out;
	struct buf cur;		/* the field that is being built */
	bool begun;		/* there is one, though it may be empty */
	bool after_blank;	/* a blank of IFS ended the last field */
	bool split;
	bool assignment;	/* a ~ may follow a colon */
	bool pattern;		/* unquoted backslashes keep their meaning */
	bool failed;
};

static void expand_parts(struct fields *f, const struct part *part,
			 bool in_param);

static void end_field(struct fields *f)
{
	list_add(&sh.scratch, &f->out,
		 arena_dup(&sh.scratch, f->cur.s, f->cur.len));
	f->cur.len = 0;
	f->begun = false;
}

static void put_quoted(struct fields *f, const char *s)
{
	f->begun = true;
	f->after_blank = false;
	for (; *s; s++) {
		if (strchr("*?[]\\-!^", *s))
			buf_putc(&f->cur, '\\');
		buf_putc(&f->cur, *s);
	}
}

/* Text of the script, outside of quotes: no splitting, but patterns. */
static void put_plain(struct fields *f, const char *s)
{
	if (!*s)
		return;
	f->begun = true;
	f->after_blank = false;
	buf_puts(&f->cur, s);
}

/* The value of an expansion outside of quotes: split it. */
static void put_value(struct fields *f, const char *s)
{
	const char *ifs = var_get("IFS");

	if (!ifs)
		ifs = " \t\n";
	for (; *s; s++) {
		if (!f->split || !strchr(ifs, *s)) {
			f->begun = true;
			f->after_blank = false;
			if (*s == '\\' && !f->pattern)
				buf_putc(&f->cur, '\\');
			buf_putc(&f->cur, *s);
		} else if (strchr(" \t\n", *s)) {
			if (f->begun) {
				end_field(f);
				f->after_blank = true;
			}
		} else if (f->after_blank) {
			f->after_blank = false;
		} else {
			end_field(f);
		}
	}
}

static void put(struct fields *f, const char *s, bool quoted)
{
	if (quoted)
		put_quoted(f, s);
	else
		put_value(f, s);
}

/* $@ and $*. "$@" is a field per parameter, and none if there are none. */
static void put_params(struct fields *f, const struct part *part)
{
	const char *ifs = var_get("IFS");
	char sep[2] = { ifs ? ifs[0] : ' ' };
	int i;

	for (i = 0; i < sh.nparams; i++) {
		if (i > 0 && f->split && (part->text[0] == '@' ||
					  !part->quoted)) {
			if (f->begun)
				end_field(f);
		} else if (i > 0) {
			put_quoted(f, part->text[0] == '@' ? " " : sep);
		}
		put(f, sh.params[i], part->quoted);
	}
	if (part->quoted && part->text[0] == '*')
		f->begun = true;
}

/* In sh.scratch: the longest or shortest match at one end is taken off. */
static char *trim(const char *value, const struct part *part, const char *pat)
{
	size_t len = strlen(value), i;

	for (i = 0; i <= len; i++) {
		size_t n = part->longest ? len - i : i;
		char *piece;
		bool hit;

		if (part->op == '#')
			piece = arena_dup(&sh.scratch, value, n);
		else
			piece = arena_dup(&sh.scratch, value + len - n, n);
		hit = pattern_match(pat, piece);
		if (hit && part->op == '#')
			return arena_dup(&sh.scratch, value + n, len - n);
		if (hit)
			return arena_dup(&sh.scratch, value, len - n);
	}
	return arena_dup(&sh.scratch, value, len);
}

static void expansion_failed(struct fields *f)
{
	f->failed = true;
	sh_abort(2);
}

/* ${x=word}: false if the name cannot be assigned. */
static bool assign_default(struct fields *f, const struct part *part)
{
	char *value = expand_string(part->arg);

	if (!value) {
		f->failed = true;
	} else if (!name_length(part->text)) {
		sh_error("%s: cannot assign", part->text);
		expansion_failed(f);
	} else if (!var_set(part->text, value)) {
		expansion_failed(f);
	}
	return !f->failed;
}

static void complain(struct fields *f, const struct part *part)
{
	char *text = expand_string(part->arg);

	if (!text || !*text)
		text = "parameter not set";
	sh_error("%s: %s", part->text, text);
	expansion_failed(f);
}

static bool is_params(const struct part *part)
{
	return part->text[0] == '@' || part->text[0] == '*';
}

/* A value that is there, and for what - = ? + leave as it is. */
static void put_param_value(struct fields *f, const struct part *part,
			    const char *value)
{
	char num[24];
	char *pat;

	switch (part->op) {
	case 'L':
		snprintf(num, sizeof(num), "%zu", is_params(part) ?
			 (size_t)sh.nparams : strlen(value));
		put(f, num, part->quoted);
		break;
	case '#':
	case '%':
		pat = expand_pattern(part->arg);
		if (pat)
			put(f, trim(value, part, pat), part->quoted);
		else
			f->failed = true;
		break;
	default:
		if (is_params(part))
			put_params(f, part);
		else
			put(f, value, part->quoted);
		break;
	}
}

/* $1 $2 ... as one string, for the operators that look at the value. */
static const char *joined_params(void)
{
	struct buf b = { 0 };
	char *s;
	int i;

	for (i = 0; i < sh.nparams; i++) {
		if (i > 0)
			buf_putc(&b, ' ');
		buf_puts(&b, sh.params[i]);
	}
	s = arena_dup(&sh.scratch, b.s, b.len);
	buf_free(&b);
	return s;
}

static void expand_param(struct fields *f, const struct part *part)
{
	char num[24];
	const char *value;
	bool set;

	if (is_params(part))
		value = sh.nparams ? joined_params() : NULL;
	else
		value = param_get(part->text, num);
	set = value && !(part->colon && !*value);
	if (part->op == '+') {
		if (set)
			expand_parts(f, part->arg, true);
		return;
	}
	if (!set && part->op == '-') {
		expand_parts(f, part->arg, true);
		return;
	}
	if (!set && part->op == '?') {
		complain(f, part);
		return;
	}
	if (!set && part->op == '=') {
		if (!assign_default(f, part))
			return;
		value = var_get(part->text);
	}
	if (!value && sh.nounset && !is_params(part)) {
		sh_error("%s: parameter not set", part->text);
		expansion_failed(f);
		return;
	}
	put_param_value(f, part, value ? value : "");
}

static void expand_arith(struct fields *f, const struct part *part)
{
	char *expr = expand_string(part->arg), num[24];
	intmax_t n;

	if (!expr) {
		f->failed = true;
	} else if (!arith_eval(expr, &n)) {
		expansion_failed(f);
	} else {
		snprintf(num, sizeof(num), "%" PRIdMAX, n);
		put(f, num, part->quoted);
	}
}

/*
 * @s begins with ~ in the unquoted text @part. Returns how many characters
 * of it are used up: those before the slash (or colon), or none.
 */
static size_t expand_tilde(struct fields *f, const struct part *part,
			   const char *s)
{
	size_t n = strcspn(s, f->assignment ? "/:" : "/");
	const char *home = NULL;
	struct passwd *pw;

	if (s[n] == '\0' && part->next)
		return 0;	/* ~"x": part of the name is quoted */
	if (n == 1) {
		home = var_get("HOME");
	} else {
		pw = getpwnam(arena_dup(&sh.scratch, s + 1, n - 1));
		home = pw ? pw->pw_dir : NULL;
	}
	if (!home)
		return 0;
	put_quoted(f, home);
	return n;
}

/* Unquoted text: a ~ counts where it begins, or behind : in an assignment. */
static void expand_text(struct fields *f, const struct part *part, bool begins)
{
	const char *s = part->text;
	size_t n;

	while (*s) {
		if (begins && *s == '~')
			s += expand_tilde(f, part, s);
		n = strlen(s);
		if (f->assignment && strchr(s, ':'))
			n = strcspn(s, ":") + 1;
		put_plain(f, arena_dup(&sh.scratch, s, n));
		s += n;
		begins = true;
	}
}

static void expand_parts(struct fields *f, const struct part *part,
			 bool in_param)
{
	const struct part *first = part;
	char *out;

	for (; part && !f->failed && !sh.unwind; part = part->next) {
		switch (part->kind) {
		case PART_TEXT:
			if (part->quoted)
				put_quoted(f, part->text);
			else if (in_param && part->text[0] != '~')
				put_value(f, part->text);
			else
				expand_text(f, part, part == first);
			break;
		case PART_PARAM:
			expand_param(f, part);
			break;
		case PART_ARITH:
			expand_arith(f, part);
			break;
		case PART_COMMAND:
			out = command_output(part->body);
			put(f, out, part->quoted);
			free(out);
			break;
		}
	}
	if (sh.unwind)
		f->failed = true;
}

/* The built fields: file names for patterns, and the marks taken off. */
static void finish_fields(struct fields *f, struct list *args)
{
	size_t i;

	if (f->begun)
		end_field(f);
	for (i = 0; i < f->out.n; i++) {
		char *pat = f->out.v[i];

		if (!sh.noglob && pattern_has_magic(pat) &&
		    pattern_glob(pat, args) > 0)
			continue;
		list_add(&sh.scratch, args, pattern_unescape(pat));
	}
}

/* export A=$x must not split $x: an argument that looks like this is one. */
static bool is_declaration(const struct word *command, const struct word *w)
{
	const char *s = word_literal(command);
	const struct part *part = w->parts;
	size_t n;

	if (!s || (strcmp(s, "export") && strcmp(s, "readonly") &&
		   strcmp(s, "local")))
		return false;
	if (!part || part->kind != PART_TEXT || part->quoted)
		return false;
	n = name_length(part->text);
	return n > 0 && part->text[n] == '=';
}

/* The arguments that the words stand for, in sh.scratch; NULL on failure. */
char **expand_words(struct word *w, int *argc)
{
	struct word *command = w;
	struct list args = { 0 };

	for (; w; w = w->next) {
		struct fields f = { .split = true };

		if (is_declaration(command, w)) {
			char *s = expand_assignment(w->parts);

			if (!s)
				return NULL;
			list_add(&sh.scratch, &args, s);
			continue;
		}
		expand_parts(&f, w->parts, false);
		if (!f.failed)
			finish_fields(&f, &args);
		buf_free(&f.cur);
		if (f.failed)
			return NULL;
	}
	*argc = (int)args.n;
	if (!args.v) {
		list_add(&sh.scratch, &args, NULL);
		args.n = 0;
	}
	return args.v;
}

/* As one string and with the marks still on it: for case, # and %. */
char *expand_pattern(const struct part *parts)
{
	struct fields f = { .pattern = true };
	char *s = NULL;

	expand_parts(&f, parts, false);
	if (!f.failed)
		s = arena_dup(&sh.scratch, f.cur.s, f.cur.len);
	buf_free(&f.cur);
	return s;
}

static char *expand_one(struct fields f, const struct part *parts)
{
	char *s = NULL;

	expand_parts(&f, parts, false);
	if (!f.failed)
		s = pattern_unescape(buf_str(&f.cur));
	buf_free(&f.cur);
	return s;
}

/* As one string: redirections, here-documents, operands. */
char *expand_string(const struct part *parts)
{
	return expand_one((struct fields){ 0 }, parts);
}

/* The value of NAME=value. */
char *expand_assignment(const struct part *parts)
{
	return expand_one((struct fields){ .assignment = true }, parts);
}
