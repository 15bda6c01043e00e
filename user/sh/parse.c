/* SPDX-License-Identifier: MIT */
/*
 * parse.c - tokens to a tree: recursive descent over POSIX's shell grammar.
 *
 *	list      and_or { (; | & | newline) and_or }
 *	and_or    pipeline { (&& | ||) pipeline }
 *	pipeline  [!] command { | command }
 *	command   simple | compound redirections | name ( ) compound
 *	compound  { list } | ( list ) | if | while | until | for | case
 *
 * A reserved word is an ordinary word that stands where a command begins.
 * parse_command() reads no further than the newline that ends the command.
 */
#include "sh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH	500	/* of nested commands: the C stack is finite */

static struct node *parse_commands(struct parser *p);
static struct node *parse_list(struct parser *p);
static struct node *parse_pipeline(struct parser *p);

static struct node *node_new(struct parser *p, enum node_kind kind)
{
	struct node *n = arena_alloc(p->arena, sizeof(*n));

	n->kind = kind;
	return n;
}

static char *dup_string(struct parser *p, const char *s)
{
	return arena_dup(p->arena, s, strlen(s));
}

static const char *token_text(struct parser *p)
{
	static const char *const names[] = {
		[T_EOF] = "end of file", [T_NEWLINE] = "newline",
		[T_AND_IF] = "&&", [T_OR_IF] = "||", [T_SEMI] = ";",
		[T_DSEMI] = ";;", [T_AMP] = "&", [T_PIPE] = "|",
		[T_LPAREN] = "(", [T_RPAREN] = ")", [T_LESS] = "<",
		[T_GREAT] = ">", [T_APPEND] = ">>", [T_CLOBBER] = ">|",
		[T_LESSAND] = "<&", [T_GREATAND] = ">&",
		[T_LESSGREAT] = "<>", [T_HERE] = "<<", [T_HERE_DASH] = "<<-",
	};
	const char *s;

	if (names[p->tok])
		return names[p->tok];
	s = word_literal(p->word);
	return s ? s : "word";
}

static void unexpected(struct parser *p)
{
	char what[80];

	if (p->failed)
		return;
	snprintf(what, sizeof(what), "unexpected %s", token_text(p));
	syntax_error(p, what);
}

static bool at_word(struct parser *p, const char *text)
{
	const char *s;

	if (peek(p) != T_WORD)
		return false;
	s = word_literal(p->word);
	return s && strcmp(s, text) == 0;
}

static bool accept(struct parser *p, const char *text)
{
	if (!at_word(p, text))
		return false;
	take(p);
	return true;
}

static void expect(struct parser *p, const char *text)
{
	if (!accept(p, text))
		unexpected(p);
}

static void skip_newlines(struct parser *p)
{
	while (peek(p) == T_NEWLINE)
		take(p);
}

/* A token that ends a list: whoever began the list knows if it is the one. */
static bool at_list_end(struct parser *p)
{
	static const char *const closers[] = {
		"then", "else", "elif", "fi", "do", "done", "esac", "}",
	};
	enum token tok = peek(p);
	size_t i;

	if (tok == T_EOF || tok == T_RPAREN || tok == T_DSEMI)
		return true;
	for (i = 0; i < sizeof(closers) / sizeof(*closers); i++) {
		if (at_word(p, closers[i]))
			return true;
	}
	return false;
}

static struct word *take_word(struct parser *p)
{
	struct word *w;

	if (peek(p) != T_WORD) {
		unexpected(p);
		return NULL;
	}
	w = p->word;
	take(p);
	return w;
}

static bool at_redirection(struct parser *p)
{
	enum token tok = peek(p);

	return tok == T_IO_NUMBER || (tok >= T_LESS && tok <= T_HERE_DASH);
}

static void parse_redirection(struct parser *p, struct redir ***tail)
{
	struct redir *r = arena_alloc(p->arena, sizeof(*r)), **here;

	r->fd = -1;
	if (peek(p) == T_IO_NUMBER) {
		const char *s = word_literal(p->word);

		r->fd = strlen(s) > 4 ? 9999 : atoi(s);
		take(p);
	}
	r->op = peek(p);
	take(p);
	if (r->fd < 0)
		r->fd = r->op == T_GREAT || r->op == T_APPEND ||
			r->op == T_CLOBBER || r->op == T_GREATAND;
	r->target = take_word(p);
	if (!r->target)
		return;
	if (r->op == T_HERE || r->op == T_HERE_DASH) {
		for (here = &p->here; *here; here = &(*here)->next_here)
			;
		*here = r;
	}
	**tail = r;
	*tail = &r->next;
}

/* NAME=value, whose = is not quoted: cut the name off the parts. */
static struct assign *word_to_assign(struct parser *p, struct word *w)
{
	struct part *part = w->parts;
	struct assign *as;
	size_t n;

	if (!part || part->kind != PART_TEXT || part->quoted)
		return NULL;
	n = name_length(part->text);
	if (n == 0 || part->text[n] != '=')
		return NULL;
	as = arena_alloc(p->arena, sizeof(*as));
	as->name = arena_dup(p->arena, part->text, n);
	as->value = part;
	part->text += n + 1;
	return as;
}

static struct node *parse_command_node(struct parser *p);

/* Behind "name", at "(". */
static struct node *parse_function(struct parser *p, struct word *w)
{
	const char *name = word_literal(w);
	struct node *n = node_new(p, N_FUNCTION);

	take(p);
	if (!name || name[name_length(name)] != '\0' || peek(p) != T_RPAREN) {
		unexpected(p);
		return NULL;
	}
	take(p);
	skip_newlines(p);
	n->name = dup_string(p, name);
	n->body = parse_command_node(p);
	if (n->body && n->body->kind == N_SIMPLE)
		syntax_error(p, "a function's body is a compound command");
	return n;
}

static struct node *parse_simple(struct parser *p)
{
	struct node *n = node_new(p, N_SIMPLE);
	struct assign **as = &n->assigns;
	struct word **words = &n->words;
	struct redir **redirs = &n->redirs;

	for (;;) {
		if (at_redirection(p)) {
			parse_redirection(p, &redirs);
		} else if (peek(p) == T_WORD) {
			struct word *w = take_word(p);

			if (!n->words && (*as = word_to_assign(p, w))) {
				as = &(*as)->next;
				continue;
			}
			*words = w;
			words = &w->next;
		} else if (peek(p) == T_LPAREN && n->words &&
			   !n->words->next && !n->assigns && !n->redirs) {
			return parse_function(p, n->words);
		} else {
			break;
		}
	}
	if (!n->words && !n->assigns && !n->redirs)
		unexpected(p);
	return n;
}

/* Behind "if" or "elif". */
static struct node *parse_if(struct parser *p)
{
	struct node *n = node_new(p, N_IF);

	n->cond = parse_list(p);
	expect(p, "then");
	n->body = parse_list(p);
	if (accept(p, "elif")) {
		n->other = parse_if(p);
		return n;
	}
	if (accept(p, "else"))
		n->other = parse_list(p);
	expect(p, "fi");
	return n;
}

static struct node *parse_while(struct parser *p, enum node_kind kind)
{
	struct node *n = node_new(p, kind);

	n->cond = parse_list(p);
	expect(p, "do");
	n->body = parse_list(p);
	expect(p, "done");
	return n;
}

static struct node *parse_for(struct parser *p)
{
	struct node *n = node_new(p, N_FOR);
	struct word **tail = &n->words, *w = take_word(p);
	const char *name = w ? word_literal(w) : NULL;

	if (!name || name[0] == '\0' || name[name_length(name)] != '\0') {
		syntax_error(p, "for: bad name");
		return NULL;
	}
	n->name = dup_string(p, name);
	skip_newlines(p);
	if (accept(p, "in")) {
		n->in = true;
		while (peek(p) == T_WORD) {
			*tail = take_word(p);
			tail = &(*tail)->next;
		}
		if (peek(p) != T_SEMI && peek(p) != T_NEWLINE)
			unexpected(p);
	}
	if (peek(p) == T_SEMI)
		take(p);
	skip_newlines(p);
	expect(p, "do");
	n->body = parse_list(p);
	expect(p, "done");
	return n;
}

static struct case_item *parse_case_item(struct parser *p)
{
	struct case_item *item = arena_alloc(p->arena, sizeof(*item));
	struct word **tail = &item->patterns;

	if (peek(p) == T_LPAREN)
		take(p);
	do {
		*tail = take_word(p);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
	} while (peek(p) == T_PIPE && (take(p), true));
	if (peek(p) != T_RPAREN) {
		unexpected(p);
		return NULL;
	}
	take(p);
	item->body = parse_commands(p);
	return item;
}

static struct node *parse_case(struct parser *p)
{
	struct node *n = node_new(p, N_CASE);
	struct case_item **tail = &n->items;

	n->words = take_word(p);
	skip_newlines(p);
	expect(p, "in");
	skip_newlines(p);
	while (!p->failed && !at_word(p, "esac")) {
		*tail = parse_case_item(p);
		if (!*tail)
			return NULL;
		tail = &(*tail)->next;
		if (peek(p) != T_DSEMI)
			break;
		take(p);
		skip_newlines(p);
	}
	expect(p, "esac");
	return n;
}

static struct node *parse_group(struct parser *p)
{
	struct node *n = node_new(p, N_GROUP);

	n->body = parse_list(p);
	expect(p, "}");
	return n;
}

static struct node *parse_subshell(struct parser *p)
{
	struct node *n = node_new(p, N_SUBSHELL);

	take(p);
	n->body = parse_list(p);
	if (peek(p) != T_RPAREN)
		unexpected(p);
	take(p);
	return n;
}

static struct node *parse_compound(struct parser *p)
{
	if (peek(p) == T_LPAREN)
		return parse_subshell(p);
	if (accept(p, "{"))
		return parse_group(p);
	if (accept(p, "if"))
		return parse_if(p);
	if (accept(p, "while"))
		return parse_while(p, N_WHILE);
	if (accept(p, "until"))
		return parse_while(p, N_UNTIL);
	if (accept(p, "for"))
		return parse_for(p);
	if (accept(p, "case"))
		return parse_case(p);
	return NULL;
}

static struct node *parse_command_node(struct parser *p)
{
	struct redir **tail;
	struct node *n;

	if (++p->depth > MAX_DEPTH)
		syntax_error(p, "commands are nested too deeply");
	if (at_list_end(p)) {
		unexpected(p);
		return NULL;
	}
	n = parse_compound(p);
	if (n && !p->failed) {
		tail = &n->redirs;
		while (at_redirection(p))
			parse_redirection(p, &tail);
	} else if (!p->failed) {
		n = parse_simple(p);
	}
	p->depth--;
	return n;
}

static struct node *parse_pipeline(struct parser *p)
{
	struct node *pipe, *n, **tail;
	size_t start;

	if (accept(p, "!")) {
		n = node_new(p, N_NOT);
		n->body = parse_pipeline(p);
		return n;
	}
	peek(p);
	start = p->start;
	n = parse_command_node(p);
	if (n && peek(p) == T_PIPE) {
		pipe = node_new(p, N_PIPE);
		pipe->body = n;
		tail = &n->next;
		while (peek(p) == T_PIPE) {
			take(p);
			skip_newlines(p);
			*tail = parse_command_node(p);
			if (!*tail)
				return NULL;
			tail = &(*tail)->next;
		}
		n = pipe;
	}
	if (n && !p->failed)
		n->text = arena_dup(p->arena, p->src->text.s + start,
				    p->taken - start);
	return n;
}

static struct node *parse_and_or(struct parser *p)
{
	struct node *n, *left = parse_pipeline(p);
	enum token tok;

	while ((tok = peek(p)) == T_AND_IF || tok == T_OR_IF) {
		take(p);
		skip_newlines(p);
		n = node_new(p, tok == T_AND_IF ? N_AND : N_OR);
		n->cond = left;
		n->body = parse_pipeline(p);
		left = n;
	}
	return left;
}

/* One and_or and its & or ; if there is one. */
static struct node *parse_element(struct parser *p, bool *ended)
{
	struct node *n, *bg;
	size_t start;

	peek(p);
	start = p->start;
	n = parse_and_or(p);
	*ended = true;
	if (peek(p) == T_AMP) {
		bg = node_new(p, N_BACKGROUND);
		bg->body = n;
		bg->text = arena_dup(p->arena, p->src->text.s + start,
				     p->taken - start);
		take(p);
		return bg;
	}
	if (peek(p) == T_SEMI)
		take(p);
	else
		*ended = false;
	return n;
}

/* Commands up to a token that ends lists; they may go over many lines. */
static struct node *parse_commands(struct parser *p)
{
	struct node *list = node_new(p, N_LIST), **tail = &list->body;
	bool ended;

	skip_newlines(p);
	while (!at_list_end(p)) {
		*tail = parse_element(p, &ended);
		if (!*tail || p->failed)
			return NULL;
		tail = &(*tail)->next;
		if (!ended && peek(p) != T_NEWLINE)
			break;
		skip_newlines(p);
	}
	return list;
}

/* The same, where there must be one. */
static struct node *parse_list(struct parser *p)
{
	struct node *list = parse_commands(p);

	if (list && !list->body)
		unexpected(p);
	return list;
}

/* The commands of $( up to its parenthesis, in the source of @outer. */
struct node *parse_until_paren(struct parser *outer)
{
	struct parser p = { .src = outer->src, .arena = outer->arena,
			    .depth = outer->depth + 1 };
	struct node *n = parse_commands(&p);

	if (peek(&p) != T_RPAREN)
		unexpected(&p);
	outer->failed |= p.failed;
	return n;
}

/* The commands of `...`, which have been collected as a string. */
struct node *parse_nested(struct parser *outer, const char *s, size_t n)
{
	struct source src;
	struct parser p = { .src = &src, .arena = outer->arena,
			    .depth = outer->depth + 1 };
	struct node *node;

	source_string(&src, s, n);
	src.lineno = outer->src->lineno;
	node = parse_commands(&p);
	if (peek(&p) != T_EOF)
		unexpected(&p);
	outer->failed |= p.failed;
	source_close(&src);
	return node;
}

/* One line's worth of commands. After an error the line is thrown away. */
enum parsed parse_command(struct source *src, struct arena *a,
			  struct node **out)
{
	struct parser p = { .src = src, .arena = a };
	struct node *list = node_new(&p, N_LIST), **tail = &list->body;
	bool ended;

	src->text.len = 0;
	src->started = false;
	if (peek(&p) == T_EOF && !p.failed)
		return src->interrupted ? PARSED_NOTHING : PARSED_EOF;
	while (peek(&p) != T_NEWLINE && peek(&p) != T_EOF) {
		*tail = parse_element(&p, &ended);
		if (!*tail || p.failed)
			break;
		tail = &(*tail)->next;
		if (!ended && peek(&p) != T_NEWLINE && peek(&p) != T_EOF)
			unexpected(&p);
	}
	if (p.have && p.tok == T_EOF && p.here)
		syntax_error(&p, "unexpected end of file");
	if (p.failed) {
		src->pos = src->line.len;
		return src->interrupted ? PARSED_NOTHING : PARSED_ERROR;
	}
	*out = list;
	return list->body ? PARSED_COMMAND : PARSED_NOTHING;
}
