/* SPDX-License-Identifier: MIT */
/*
 * arith.c - the value of $((...)): C's integer expressions in 64 bits, by
 * precedence climbing. A name stands for its variable's value, or for 0.
 *
 * Overflow wraps (the sums are done unsigned). What && || ?: leave out is
 * parsed but neither divides nor assigns: skip counts such operands.
 */
#include "sh.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arith {
	const char *s;
	int skip;
	int depth;
	const char *error;
};

static const struct binary {
	char op[4];
	int level;		/* binds tighter the higher it is */
} binaries[] = {		/* a prefix stands behind what it starts */
	{ "||", 1 }, { "&&", 2 }, { "==", 6 }, { "!=", 6 }, { "<<", 8 },
	{ ">>", 8 }, { "<=", 7 }, { ">=", 7 }, { "|", 3 }, { "^", 4 },
	{ "&", 5 }, { "<", 7 }, { ">", 7 }, { "+", 9 }, { "-", 9 },
	{ "*", 10 }, { "/", 10 }, { "%", 10 },
};

static intmax_t ternary(struct arith *a);

static void blanks(struct arith *a)
{
	while (isspace((unsigned char)*a->s))
		a->s++;
}

static intmax_t fail(struct arith *a, const char *why)
{
	if (!a->error)
		a->error = why;
	a->s += strlen(a->s);
	return 0;
}

static intmax_t divide(struct arith *a, char op, intmax_t x, intmax_t y)
{
	if (y == 0)
		return a->skip ? 0 : fail(a, "division by zero");
	if (y == -1)		/* INTMAX_MIN / -1 traps */
		return op == '/' ? (intmax_t)-(uintmax_t)x : 0;
	return op == '/' ? x / y : x % y;
}

static intmax_t apply(struct arith *a, const char *op, intmax_t x, intmax_t y)
{
	uintmax_t ux = (uintmax_t)x, uy = (uintmax_t)y;

	if (op[0] && op[1] && strcmp(op, "<<") && strcmp(op, ">>")) {
		switch (op[0]) {
		case '|':
			return x || y;
		case '&':
			return x && y;
		case '=':
			return x == y;
		case '!':
			return x != y;
		case '<':
			return x <= y;
		default:
			return x >= y;
		}
	}
	switch (op[0]) {
	case '<':
		return op[1] ? (intmax_t)(ux << (uy & 63)) : x < y;
	case '>':
		return op[1] ? x >> (uy & 63) : x > y;
	case '|':
		return x | y;
	case '^':
		return x ^ y;
	case '&':
		return x & y;
	case '+':
		return (intmax_t)(ux + uy);
	case '-':
		return (intmax_t)(ux - uy);
	case '*':
		return (intmax_t)(ux * uy);
	default:
		return divide(a, op[0], x, y);
	}
}

static intmax_t variable_value(struct arith *a, const char *name)
{
	const char *s = var_get(name);
	char *end;
	intmax_t n;

	if (!s || !*s)
		return 0;
	n = strtoimax(s, &end, 0);
	while (isspace((unsigned char)*end))
		end++;
	return *end ? fail(a, "a variable's value is not a number") : n;
}

static void assign(struct arith *a, const char *name, intmax_t value)
{
	char text[24];

	if (a->skip || a->error)
		return;
	snprintf(text, sizeof(text), "%" PRIdMAX, value);
	if (!var_set(name, text))
		a->error = "assignment failed";
}

/* A name; perhaps with = or an operator and = behind it. */
static intmax_t name_or_assignment(struct arith *a)
{
	size_t n = name_length(a->s), i;
	char *name = arena_dup(&sh.scratch, a->s, n);
	intmax_t value;

	a->s += n;
	blanks(a);
	if (a->s[0] == '=' && a->s[1] != '=') {
		a->s++;
		value = ternary(a);
		assign(a, name, value);
		return value;
	}
	for (i = 0; i < sizeof(binaries) / sizeof(*binaries); i++) {
		const char *op = binaries[i].op;
		size_t len = strlen(op);

		if (strncmp(a->s, op, len) || a->s[len] != '=' ||
		    a->s[len + 1] == '=' || strchr("=!", op[0]) ||
		    (len == 1 && strchr("<>", op[0])) || binaries[i].level < 3)
			continue;
		a->s += len + 1;
		value = variable_value(a, name);
		value = apply(a, op, value, ternary(a));
		assign(a, name, value);
		return value;
	}
	return variable_value(a, name);
}

static intmax_t primary(struct arith *a)
{
	intmax_t n;
	char *end;

	blanks(a);
	if (*a->s == '(') {
		a->s++;
		n = ternary(a);
		blanks(a);
		if (*a->s != ')')
			return fail(a, "missing )");
		a->s++;
		return n;
	}
	if (name_length(a->s))
		return name_or_assignment(a);
	if (!isdigit((unsigned char)*a->s))
		return fail(a, *a->s ? "unexpected character"
				     : "unexpected end");
	n = strtoimax(a->s, &end, 0);
	a->s = end;
	return n;
}

static intmax_t unary(struct arith *a)
{
	intmax_t n;
	char op;

	blanks(a);
	op = *a->s;
	if (!op || !strchr("+-!~", op))
		return primary(a);
	if (++a->depth > 1000)
		return fail(a, "nested too deeply");
	a->s++;
	n = unary(a);
	a->depth--;
	if (op == '-')
		return (intmax_t)-(uintmax_t)n;
	return op == '!' ? !n : op == '~' ? ~n : n;
}

static const struct binary *next_operator(struct arith *a)
{
	size_t i;

	blanks(a);
	for (i = 0; i < sizeof(binaries) / sizeof(*binaries); i++) {
		if (!strncmp(a->s, binaries[i].op, strlen(binaries[i].op)))
			return &binaries[i];
	}
	return NULL;
}

/* Operands joined by operators of @level and tighter ones. */
static intmax_t climb(struct arith *a, int level)
{
	const struct binary *op;
	intmax_t x = unary(a), y;

	while ((op = next_operator(a)) && op->level >= level) {
		bool unused = (op->level == 1 && x) || (op->level == 2 && !x);

		a->s += strlen(op->op);
		a->skip += unused;
		y = climb(a, op->level + 1);
		a->skip -= unused;
		x = apply(a, op->op, x, y);
	}
	return x;
}

static intmax_t ternary(struct arith *a)
{
	intmax_t cond, yes, no;

	if (++a->depth > 1000)
		return fail(a, "nested too deeply");
	cond = climb(a, 1);
	blanks(a);
	if (*a->s == '?') {
		a->s++;
		a->skip += !cond;
		yes = ternary(a);
		a->skip -= !cond;
		blanks(a);
		if (*a->s != ':')
			return fail(a, "missing :");
		a->s++;
		a->skip += !!cond;
		no = ternary(a);
		a->skip -= !!cond;
		cond = cond ? yes : no;
	}
	a->depth--;
	return cond;
}

/* False, with a message, if @expr makes no sense. Nothing counts as 0. */
bool arith_eval(const char *expr, intmax_t *out)
{
	struct arith a = { .s = expr };

	*out = 0;
	blanks(&a);
	if (*a.s)
		*out = ternary(&a);
	blanks(&a);
	if (*a.s && !a.error)
		a.error = "unexpected character";
	if (a.error)
		sh_error("%s: %s", expr, a.error);
	return !a.error;
}
