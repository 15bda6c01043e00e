/* SPDX-License-Identifier: MIT */
/*
 * vars.c - variables, positional and special parameters, functions.
 *
 * Variables live in a small hash table. The environment of a program is made
 * from those that are exported, in the child, just before exec.
 */
#include "sh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned hash(const char *s, size_t n)
{
	unsigned h = 5381;

	while (n-- > 0)
		h = h * 33 + (unsigned char)*s++;
	return h % NBUCKETS;
}

struct var *var_find(const char *name, bool create)
{
	struct var **bucket = &sh.vars[hash(name, strlen(name))], *v;

	for (v = *bucket; v; v = v->next) {
		if (strcmp(v->name, name) == 0)
			return v;
	}
	if (!create)
		return NULL;
	v = xrealloc(NULL, sizeof(*v));
	*v = (struct var){ .next = *bucket, .name = xstrdup(name) };
	*bucket = v;
	return v;
}

/* The value, or NULL if unset. It is good until the variable changes. */
const char *var_get(const char *name)
{
	struct var *v = var_find(name, false);

	return v ? v->value : NULL;
}

/* False, with a message, if the variable is read-only. */
bool var_set(const char *name, const char *value)
{
	struct var *v = var_find(name, true);
	char *copy;

	if (v->readonly) {
		sh_error("%s: is read only", name);
		return false;
	}
	copy = xstrdup(value);
	free(v->value);
	v->value = copy;
	return true;
}

bool var_unset(const char *name)
{
	struct var **link = &sh.vars[hash(name, strlen(name))], *v;

	for (; (v = *link); link = &v->next) {
		if (strcmp(v->name, name) != 0)
			continue;
		if (v->readonly) {
			sh_error("%s: is read only", name);
			return false;
		}
		*link = v->next;
		free(v->name);
		free(v->value);
		free(v);
		break;
	}
	return true;
}

/*
 * Every NAME=value that the shell was given is a variable. PWD is the
 * current directory by whatever name it came, if that name is right.
 */
void vars_init(char **envp)
{
	char cwd[4096];

	for (; *envp; envp++) {
		size_t n = name_length(*envp);
		struct var *v;
		char *name;

		if (n == 0 || (*envp)[n] != '=')
			continue;
		name = arena_dup(&sh.scratch, *envp, n);
		var_set(name, *envp + n + 1);
		v = var_find(name, false);
		v->exported = true;
	}
	if (getcwd(cwd, sizeof(cwd)))
		var_set("PWD", cwd);
	var_set("IFS", " \t\n");
	var_set("OPTIND", "1");
	if (!var_get("PATH"))
		var_set("PATH", "/bin:/sbin:/usr/bin:/usr/sbin");
}

/* In sh.scratch, ended by NULL. */
char **vars_environment(void)
{
	struct list env = { 0 };
	struct buf b = { 0 };
	struct var *v;
	int i;

	for (i = 0; i < NBUCKETS; i++) {
		for (v = sh.vars[i]; v; v = v->next) {
			if (!v->exported || !v->value)
				continue;
			b.len = 0;
			buf_puts(&b, v->name);
			buf_putc(&b, '=');
			buf_puts(&b, v->value);
			list_add(&sh.scratch, &env,
				 arena_dup(&sh.scratch, b.s, b.len));
		}
	}
	buf_free(&b);
	if (!env.v)
		list_add(&sh.scratch, &env, NULL);
	return env.v;
}

/* 'text', in a form that the shell reads back as the same text. */
void print_quoted(struct buf *b, const char *s)
{
	buf_putc(b, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_puts(b, "'\\''");
		else
			buf_putc(b, *s);
	}
	buf_putc(b, '\'');
}

static int compare_names(const void *a, const void *b)
{
	const struct var *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Sorted, on standard output: all, or those that are exported, readonly. */
void vars_print(const char *prefix, bool exported, bool readonly)
{
	struct var *v, **all = NULL;
	struct buf b = { 0 };
	size_t n = 0, i;

	for (i = 0; i < NBUCKETS; i++) {
		for (v = sh.vars[i]; v; v = v->next) {
			if ((exported && !v->exported) ||
			    (readonly && !v->readonly) ||
			    (!v->value && !exported && !readonly))
				continue;
			all = xrealloc(all, (n + 1) * sizeof(*all));
			all[n++] = v;
		}
	}
	if (n)
		qsort(all, n, sizeof(*all), compare_names);
	for (i = 0; i < n; i++) {
		buf_puts(&b, prefix);
		buf_puts(&b, all[i]->name);
		if (all[i]->value) {
			buf_putc(&b, '=');
			print_quoted(&b, all[i]->value);
		}
		buf_putc(&b, '\n');
	}
	write_all(STDOUT_FILENO, b.s, b.len);
	buf_free(&b);
	free(all);
}

/* Remember @name's value before it is changed for one command. */
struct saved_var *var_save(struct saved_var *list, const char *name)
{
	struct saved_var *s = xrealloc(NULL, sizeof(*s));
	struct var *v = var_find(name, false);

	*s = (struct saved_var){ .next = list, .name = xstrdup(name) };
	if (v) {
		s->was = true;
		s->exported = v->exported;
		s->value = v->value ? xstrdup(v->value) : NULL;
	}
	return s;
}

void vars_restore(struct saved_var *list)
{
	while (list) {
		struct saved_var *s = list;
		struct var *v;

		list = s->next;
		if (s->was) {
			v = var_find(s->name, true);
			free(v->value);
			v->value = s->value;
			v->exported = s->exported;
		} else {
			var_unset(s->name);
		}
		free(s->name);
		free(s);
	}
}

static const char *option_letters(char out[24])
{
	char *s = out;

	if (sh.noclobber)
		*s++ = 'C';
	if (sh.errexit)
		*s++ = 'e';
	if (sh.noglob)
		*s++ = 'f';
	if (sh.interactive)
		*s++ = 'i';
	if (sh.job_control)
		*s++ = 'm';
	if (sh.nounset)
		*s++ = 'u';
	if (sh.xtrace)
		*s++ = 'x';
	*s = '\0';
	return out;
}

static const char *decimal(long n, char out[24])
{
	snprintf(out, 24, "%ld", n);
	return out;
}

/*
 * The value of any parameter but @ and *; NULL if unset. @num is room for
 * the values that are made up on the spot.
 */
const char *param_get(const char *name, char num[24])
{
	if (name_length(name))
		return var_get(name);
	switch (name[0]) {
	case '?':
		return decimal(sh.status, num);
	case '$':
		return decimal(sh.pid, num);
	case '#':
		return decimal(sh.nparams, num);
	case '!':
		return sh.last_background ? decimal(sh.last_background, num)
					  : NULL;
	case '-':
		return option_letters(num);
	default:
		break;
	}
	if (strcmp(name, "0") == 0)
		return sh.name;
	if (strlen(name) > 6 || atoi(name) > sh.nparams || atoi(name) == 0)
		return NULL;
	return sh.params[atoi(name) - 1];
}

/* Replace $1... by copies of @argv. */
void params_set(int argc, char **argv)
{
	char **copy = xrealloc(NULL, ((size_t)argc + 1) * sizeof(*copy));
	int i;

	for (i = 0; i < argc; i++)
		copy[i] = xstrdup(argv[i]);
	copy[argc] = NULL;
	for (i = 0; i < sh.nparams; i++)
		free(sh.params[i]);
	free(sh.params);
	sh.params = copy;
	sh.nparams = argc;
}

struct function *function_find(const char *name)
{
	struct function *f;

	for (f = sh.functions; f; f = f->next) {
		if (strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

/* The tree lives on in the arena of the command that defined it. */
void function_define(const char *name, struct node *body, struct arena *a)
{
	struct function *f = function_find(name);

	a->refs++;
	if (f) {
		arena_put(f->arena);
	} else {
		f = xrealloc(NULL, sizeof(*f));
		f->name = xstrdup(name);
		f->next = sh.functions;
		sh.functions = f;
	}
	f->body = body;
	f->arena = a;
}

bool function_unset(const char *name)
{
	struct function **link, *f;

	for (link = &sh.functions; (f = *link); link = &f->next) {
		if (strcmp(f->name, name) != 0)
			continue;
		*link = f->next;
		arena_put(f->arena);
		free(f->name);
		free(f);
		return true;
	}
	return false;
}
