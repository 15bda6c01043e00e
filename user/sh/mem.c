/* SPDX-License-Identifier: MIT */
/*
 * mem.c - growing strings, and arenas.
 *
 * An arena hands out memory from chunks and frees nothing singly. It is freed
 * as a whole (a command's tree), or back to a mark like a stack (sh.scratch).
 * A shell that is out of memory says so and ends.
 */
#include "sh.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_SIZE	4000

struct chunk {
	struct chunk *below;
	size_t used, size;
	_Alignas(16) char data[];
};

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p) {
		sh_error("out of memory");
		_exit(2);
	}
	return p;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xrealloc(NULL, n), s, n);
}

void buf_put(struct buf *b, const char *s, size_t n)
{
	if (b->len + n + 1 > b->cap) {
		b->cap = (b->len + n + 1) * 2;
		b->s = xrealloc(b->s, b->cap);
	}
	if (n)
		memcpy(b->s + b->len, s, n);
	b->len += n;
}

void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

/* The buffer as a string; it stays the buffer's. */
char *buf_str(struct buf *b)
{
	buf_put(b, "", 0);
	b->s[b->len] = '\0';
	return b->s;
}

void buf_free(struct buf *b)
{
	free(b->s);
	*b = (struct buf){ 0 };
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->top;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - c->used < size) {
		size_t want = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		c = xrealloc(NULL, sizeof(*c) + want);
		c->below = a->top;
		c->used = 0;
		c->size = want;
		a->top = c;
	}
	p = c->data + c->used;
	c->used += size;
	return memset(p, 0, size);
}

char *arena_dup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n)
		memcpy(copy, s, n);
	return copy;
}

struct arena *arena_new(void)
{
	struct arena *a = xrealloc(NULL, sizeof(*a));

	*a = (struct arena){ .refs = 1 };
	return a;
}

void arena_put(struct arena *a)
{
	if (--a->refs > 0)
		return;
	arena_release(a, (struct mark){ 0 });
	free(a);
}

struct mark arena_mark(const struct arena *a)
{
	return (struct mark){ a->top, a->top ? a->top->used : 0 };
}

void arena_release(struct arena *a, struct mark m)
{
	while (a->top != m.top) {
		struct chunk *c = a->top;

		a->top = c->below;
		free(c);
	}
	if (a->top)
		a->top->used = m.used;
}

/* Append @s and keep the array ended by a NULL, as execve wants it. */
void list_add(struct arena *a, struct list *l, char *s)
{
	if (l->n + 2 > l->cap) {
		char **v;

		l->cap = l->cap ? l->cap * 2 : 8;
		v = arena_alloc(a, l->cap * sizeof(*v));
		if (l->n)
			memcpy(v, l->v, l->n * sizeof(*v));
		l->v = v;
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}
