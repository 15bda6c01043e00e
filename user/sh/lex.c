/* SPDX-License-Identifier: MIT */
/*
 * lex.c - bytes to tokens.
 *
 * An operator is a token, and so is a word. A word is not a string: "a$b"'c'
 * is a list of parts (text, a parameter, quoted text), each of which knows
 * whether it was quoted. After this file nobody looks at quote characters
 * again. The commands inside of $(...) are parsed right here, by a parser
 * that reads on in the same source: nothing less finds the right parenthesis.
 *
 * A token is read only when the parser asks for it. After a newline it does
 * not ask: the next line may not be typed yet.
 */
#include "sh.h"

#include <ctype.h>
#include <string.h>

/* Where a run of parts ends, and what is special in it. */
enum mode {
	IN_WORD,		/* up to a blank or an operator */
	IN_QUOTES,		/* "..." */
	IN_BRACE,		/* ${x#...} */
	IN_QUOTED_BRACE,	/* "${x-...}" */
	IN_HERE,		/* a here-document, to its end */
	IN_ARITH,		/* $((...)) */
};

struct builder {
	struct parser *p;
	struct part *first, **tail;
	struct buf text;
	bool have;		/* text is a part, though perhaps empty */
	bool quoted;		/* the text is */
};

static struct part *lex_parts(struct parser *p, enum mode mode);

void syntax_error(struct parser *p, const char *what)
{
	if (!p->failed && !p->src->interrupted)
		sh_error("line %u: syntax error: %s", p->src->lineno, what);
	p->failed = true;
}

size_t name_length(const char *s)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*s) && *s != '_')
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* The next byte, where backslash-newline is nothing at all. */
static int next(struct parser *p)
{
	int c, d;

	while ((c = source_getc(p->src)) == '\\') {
		d = source_getc(p->src);
		if (d != '\n') {
			source_ungetc(p->src, d);
			break;
		}
	}
	return c;
}

static int look(struct parser *p)
{
	int c = next(p);

	source_ungetc(p->src, c);
	return c;
}

static struct part *add_part(struct builder *b, enum part_kind kind,
			     bool quoted)
{
	struct part *part = arena_alloc(b->p->arena, sizeof(*part));

	part->kind = kind;
	part->quoted = quoted;
	*b->tail = part;
	b->tail = &part->next;
	return part;
}

static void flush_text(struct builder *b)
{
	struct part *part;

	if (!b->have)
		return;
	part = add_part(b, PART_TEXT, b->quoted);
	part->text = arena_dup(b->p->arena, b->text.s, b->text.len);
	b->text.len = 0;
	b->have = false;
}

static void begin_text(struct builder *b, bool quoted)
{
	if (b->have && b->quoted != quoted)
		flush_text(b);
	b->have = true;
	b->quoted = quoted;
}

static void put_text(struct builder *b, int c, bool quoted)
{
	begin_text(b, quoted);
	buf_putc(&b->text, (char)c);
}

static void lex_single_quotes(struct builder *b)
{
	int c;

	begin_text(b, true);
	while ((c = source_getc(b->p->src)) != '\'') {
		if (c < 0) {
			syntax_error(b->p, "end of file in '...'");
			return;
		}
		put_text(b, c, true);
	}
}

static void lex_double_quotes(struct builder *b)
{
	struct part *inner;

	flush_text(b);
	inner = lex_parts(b->p, IN_QUOTES);
	if (!inner) {
		begin_text(b, true);
		return;
	}
	*b->tail = inner;
	while (*b->tail)
		b->tail = &(*b->tail)->next;
}

static void lex_backslash(struct builder *b, enum mode mode)
{
	static const char *const escapes[] = {
		[IN_QUOTES] = "$`\"\\",
		[IN_QUOTED_BRACE] = "$`\"\\}",
		[IN_HERE] = "$`\\",
		[IN_ARITH] = "$`\"\\",
	};
	int c = source_getc(b->p->src);

	if (c < 0) {
		put_text(b, '\\', true);
		return;
	}
	if (escapes[mode] && !strchr(escapes[mode], c))
		put_text(b, '\\', true);
	put_text(b, c, true);
}

/* `...`: in it, a backslash only guards $, ` and \ (and " in quotes). */
static void lex_backquotes(struct builder *b, bool quoted)
{
	struct buf text = { 0 };
	struct part *part;
	int c;

	while ((c = source_getc(b->p->src)) != '`') {
		if (c == '\\') {
			c = source_getc(b->p->src);
			if (c >= 0 && !strchr(quoted ? "$`\\\"" : "$`\\", c))
				buf_putc(&text, '\\');
		}
		if (c < 0) {
			syntax_error(b->p, "end of file in `...`");
			break;
		}
		buf_putc(&text, (char)c);
	}
	flush_text(b);
	part = add_part(b, PART_COMMAND, quoted);
	part->body = parse_nested(b->p, buf_str(&text), text.len);
	buf_free(&text);
}

/* The name in ${name...}: a name, a number or one special character. */
static char *lex_param_name(struct parser *p)
{
	struct buf name = { 0 };
	char *copy;
	int c = next(p);

	if (isdigit(c)) {
		for (; isdigit(c); c = next(p))
			buf_putc(&name, (char)c);
		source_ungetc(p->src, c);
	} else if (isalpha(c) || c == '_') {
		for (; isalnum(c) || c == '_'; c = next(p))
			buf_putc(&name, (char)c);
		source_ungetc(p->src, c);
	} else if (c > 0 && strchr("@*#?-$!", c)) {
		buf_putc(&name, (char)c);
	} else {
		source_ungetc(p->src, c);
		syntax_error(p, "bad substitution");
	}
	copy = arena_dup(p->arena, name.s, name.len);
	buf_free(&name);
	return copy;
}

/* Behind "${". */
static void lex_brace(struct builder *b, bool quoted)
{
	struct parser *p = b->p;
	struct part *part = add_part(b, PART_PARAM, quoted);
	int c, d;

	if (look(p) == '#') {
		next(p);
		c = look(p);
		if (c == '}' || c == ':' || c == '=' || c == '+' || c == '%') {
			part->text = arena_dup(p->arena, "#", 1);
		} else {
			part->text = lex_param_name(p);
			part->op = 'L';
		}
	} else {
		part->text = lex_param_name(p);
	}
	c = next(p);
	if (c == '}' || p->failed)
		return;
	if (c == ':') {
		part->colon = true;
		c = next(p);
	}
	if (part->op || c < 0 || !strchr("-=?+#%", c) ||
	    (part->colon && (c == '#' || c == '%'))) {
		syntax_error(p, "bad substitution");
		return;
	}
	part->op = (char)c;
	if (c == '#' || c == '%') {
		d = next(p);
		part->longest = d == c;
		if (!part->longest)
			source_ungetc(p->src, d);
		quoted = false;
	}
	part->arg = lex_parts(p, quoted ? IN_QUOTED_BRACE : IN_BRACE);
}

static void lex_dollar(struct builder *b, bool quoted)
{
	struct parser *p = b->p;
	struct part *part;
	int c = next(p);

	if (c == '(' && look(p) == '(') {
		next(p);
		flush_text(b);
		part = add_part(b, PART_ARITH, quoted);
		part->arg = lex_parts(p, IN_ARITH);
	} else if (c == '(') {
		flush_text(b);
		part = add_part(b, PART_COMMAND, quoted);
		part->body = parse_until_paren(p);
	} else if (c == '{') {
		flush_text(b);
		lex_brace(b, quoted);
	} else if (isalpha(c) || c == '_') {
		source_ungetc(p->src, c);
		flush_text(b);
		part = add_part(b, PART_PARAM, quoted);
		part->text = lex_param_name(p);
	} else if (c > 0 && strchr("@*#?-$!0123456789", c)) {
		char name = (char)c;

		flush_text(b);
		part = add_part(b, PART_PARAM, quoted);
		part->text = arena_dup(p->arena, &name, 1);
	} else {
		source_ungetc(p->src, c);
		put_text(b, '$', quoted);
	}
}

/* Does @c end the run? What belongs to a word's outside is given back. */
static bool run_ends(struct parser *p, enum mode mode, int c, int *depth)
{
	switch (mode) {
	case IN_WORD:
		if (c >= 0 && !strchr(" \t\n;&|<>()", c))
			return false;
		source_ungetc(p->src, c);
		return true;
	case IN_HERE:
		return c < 0;
	case IN_QUOTES:
		if (c == '"')
			return true;
		break;
	case IN_BRACE:
	case IN_QUOTED_BRACE:
		if (c == '}')
			return true;
		break;
	case IN_ARITH:
		if (c == '(')
			++*depth;
		if (c == ')' && (*depth)-- == 0) {
			if (next(p) != ')')
				syntax_error(p, "missing )) of $((");
			return true;
		}
		break;
	}
	if (c < 0)
		syntax_error(p, "unexpected end of file");
	return c < 0;
}

static struct part *lex_parts(struct parser *p, enum mode mode)
{
	struct builder b = { .p = p };
	bool quoted = mode != IN_WORD && mode != IN_BRACE;
	int c, depth = 0;

	b.tail = &b.first;
	while (!p->failed) {
		c = next(p);
		if (run_ends(p, mode, c, &depth))
			break;
		if (c == '\\')
			lex_backslash(&b, mode);
		else if (c == '\'' && !quoted)
			lex_single_quotes(&b);
		else if (c == '"' && mode != IN_HERE && mode != IN_ARITH)
			lex_double_quotes(&b);
		else if (c == '`')
			lex_backquotes(&b, quoted);
		else if (c == '$')
			lex_dollar(&b, quoted);
		else
			put_text(&b, c, quoted);
	}
	flush_text(&b);
	buf_free(&b.text);
	return b.first;
}

/* The text if the word is plain, unquoted text; else NULL. */
const char *word_literal(const struct word *w)
{
	const struct part *part = w->parts;

	if (!part || part->next || part->kind != PART_TEXT || part->quoted)
		return NULL;
	return part->text;
}

/* The parts of the body @s of a here-document whose delimiter is unquoted. */
struct part *lex_heredoc(struct parser *p, const char *s, size_t n)
{
	struct source src;
	struct parser sub = { .src = &src, .arena = p->arena };
	struct part *parts;

	source_string(&src, s, n);
	src.lineno = p->src->lineno;
	parts = lex_parts(&sub, IN_HERE);
	p->failed |= sub.failed;
	source_close(&src);
	return parts;
}

/* Returns false at the end of the file. The newline is not put into @out. */
static bool here_line(struct source *src, bool strip_tabs, struct buf *out)
{
	int c = source_getc(src);

	out->len = 0;
	if (c < 0)
		return false;
	while (strip_tabs && c == '\t')
		c = source_getc(src);
	for (; c >= 0 && c != '\n'; c = source_getc(src))
		buf_putc(out, (char)c);
	return true;
}

/* The line is over: the bodies of its here-documents follow. */
static void read_heredocs(struct parser *p)
{
	for (; p->here; p->here = p->here->next_here) {
		struct redir *r = p->here;
		struct buf line = { 0 }, body = { 0 }, delim = { 0 };
		struct part *part;
		bool quoted = false;

		for (part = r->target->parts; part; part = part->next) {
			quoted |= part->quoted;
			buf_puts(&delim, part->text ? part->text : "$");
		}
		buf_str(&delim);
		while (here_line(p->src, r->op == T_HERE_DASH, &line) &&
		       strcmp(buf_str(&line), delim.s) != 0) {
			buf_put(&body, line.s, line.len);
			buf_putc(&body, '\n');
		}
		if (quoted) {
			part = arena_alloc(p->arena, sizeof(*part));
			part->quoted = true;
			part->text = arena_dup(p->arena, body.s, body.len);
		} else {
			part = lex_heredoc(p, buf_str(&body), body.len);
		}
		r->target->parts = part;
		buf_free(&line);
		buf_free(&body);
		buf_free(&delim);
	}
}

static const struct operator {
	char text[4];
	enum token tok;
} operators[] = {		/* a prefix stands behind what it starts */
	{ "&&", T_AND_IF }, { "||", T_OR_IF }, { ";;", T_DSEMI },
	{ "<<-", T_HERE_DASH }, { "<<", T_HERE }, { "<&", T_LESSAND },
	{ "<>", T_LESSGREAT }, { ">>", T_APPEND }, { ">&", T_GREATAND },
	{ ">|", T_CLOBBER }, { "&", T_AMP }, { "|", T_PIPE }, { ";", T_SEMI },
	{ "(", T_LPAREN }, { ")", T_RPAREN }, { "<", T_LESS },
	{ ">", T_GREAT },
};

/* @c began an operator: take the longest that fits. */
static enum token lex_operator(struct parser *p, int c)
{
	char text[4] = { (char)c };
	size_t n, i;

	for (n = 1; n < 3; n++) {
		c = next(p);
		text[n] = (char)c;
		for (i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
			if (c > 0 && !strncmp(operators[i].text, text, n + 1))
				break;
		}
		if (i == sizeof(operators) / sizeof(*operators)) {
			source_ungetc(p->src, c);
			text[n] = '\0';
			break;
		}
	}
	for (i = 0; strcmp(operators[i].text, text) != 0; i++)
		;
	return operators[i].tok;
}

static enum token lex_word(struct parser *p)
{
	const char *s;
	int c;

	p->word = arena_alloc(p->arena, sizeof(*p->word));
	p->word->parts = lex_parts(p, IN_WORD);
	s = word_literal(p->word);
	if (s && s[strspn(s, "0123456789")] == '\0') {
		c = look(p);
		if (c == '<' || c == '>')
			return T_IO_NUMBER;
	}
	return T_WORD;
}

static enum token lex_token(struct parser *p)
{
	int c;

	do {
		c = next(p);
	} while (c == ' ' || c == '\t');
	if (c == '#') {
		while (c >= 0 && c != '\n')
			c = source_getc(p->src);
	}
	p->start = p->src->text.len - (c >= 0);
	if (c < 0)
		return T_EOF;
	if (c == '\n') {
		read_heredocs(p);
		return T_NEWLINE;
	}
	if (strchr("&|;<>()", c))
		return lex_operator(p, c);
	source_ungetc(p->src, c);
	return lex_word(p);
}

/* The next token, which stays. After an error there is only the end. */
enum token peek(struct parser *p)
{
	if (!p->have && !p->failed) {
		p->tok = lex_token(p);
		p->end = p->src->text.len;
		p->have = true;
	}
	return p->failed ? T_EOF : p->tok;
}

void take(struct parser *p)
{
	p->taken = p->end;
	p->have = false;
}
