/* SPDX-License-Identifier: MIT */
/*
 * complete.c - what the Tab key offers: commands where a command begins,
 * files elsewhere.
 */
#include "sh.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add(struct list *out, const char *name, const char *end)
{
	struct buf b = { 0 };

	buf_puts(&b, name);
	buf_puts(&b, end);
	list_add(&sh.scratch, out, arena_dup(&sh.scratch, b.s, b.len));
	buf_free(&b);
}

/* The entries of @dir whose names begin with @prefix; programs, or all. */
static void add_files(struct list *out, const char *dir, const char *prefix,
		      bool programs)
{
	DIR *d = opendir(*dir ? dir : ".");
	struct buf path = { 0 };
	struct dirent *entry;
	struct stat st;

	while (d && (entry = readdir(d))) {
		const char *name = entry->d_name;

		if (strncmp(name, prefix, strlen(prefix)) != 0 ||
		    (name[0] == '.' && prefix[0] != '.'))
			continue;
		path.len = 0;
		buf_puts(&path, dir);
		if (programs)
			buf_putc(&path, '/');
		buf_puts(&path, name);
		if (stat(buf_str(&path), &st) < 0)
			st.st_mode = 0;
		if (programs && (!S_ISREG(st.st_mode) ||
				 access(path.s, X_OK) < 0))
			continue;
		add(out, name, S_ISDIR(st.st_mode) ? "/" : " ");
	}
	if (d)
		closedir(d);
	buf_free(&path);
}

static void add_commands(struct list *out, const char *prefix)
{
	const char *path = var_get("PATH");
	const struct builtin *b;
	struct function *f;
	size_t n = strlen(prefix), len;

	for (b = builtins; b->name; b++) {
		if (strncmp(b->name, prefix, n) == 0)
			add(out, b->name, " ");
	}
	for (b = job_builtins; b->name; b++) {
		if (strncmp(b->name, prefix, n) == 0)
			add(out, b->name, " ");
	}
	for (f = sh.functions; f; f = f->next) {
		if (strncmp(f->name, prefix, n) == 0)
			add(out, f->name, " ");
	}
	while (path && *path) {
		len = strcspn(path, ":");
		add_files(out, arena_dup(&sh.scratch, path, len), prefix, true);
		path += len + (path[len] == ':');
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Does a command begin at @at? */
static bool at_command(const char *line, size_t at)
{
	while (at > 0 && line[at - 1] == ' ')
		at--;
	return at == 0 || strchr("|&;(`{!", line[at - 1]);
}

/*
 * The sorted ways in which the word before the cursor may go on, in @out:
 * each the whole last component with a slash or blank at its end. Returns
 * how many characters before the cursor they replace.
 */
size_t complete(const char *line, size_t cursor, struct list *out)
{
	size_t start = cursor, base, i, n = 0;
	char *prefix, *dir;

	while (start > 0 && !strchr(" \t|&;<>()=`'\"", line[start - 1]))
		start--;
	for (base = cursor; base > start && line[base - 1] != '/'; base--)
		;
	prefix = arena_dup(&sh.scratch, line + base, cursor - base);
	dir = arena_dup(&sh.scratch, line + start, base - start);
	if (dir[0] == '~' && dir[1] == '/' && var_get("HOME")) {
		struct buf b = { 0 };

		buf_puts(&b, var_get("HOME"));
		buf_puts(&b, dir + 1);
		dir = arena_dup(&sh.scratch, b.s, b.len);
		buf_free(&b);
	}
	if (base == start && at_command(line, start))
		add_commands(out, prefix);
	else
		add_files(out, dir, prefix, false);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), compare);
	for (i = 0; i < out->n; i++) {
		if (i == 0 || strcmp(out->v[i], out->v[n - 1]) != 0)
			out->v[n++] = out->v[i];
	}
	out->n = n;
	return cursor - base;
}
