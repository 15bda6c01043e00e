/* SPDX-License-Identifier: MIT */
/*
 * pattern.c - matching * ? [...], and file names that match.
 *
 * In a pattern, a backslash takes its meaning from the character behind it;
 * expand.c puts one before whatever was quoted and is special here.
 */
#include "sh.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool in_class(const char *name, size_t n, int c)
{
	static const struct {
		const char *name;
		int (*test)(int);
	} classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha },
		{ "blank", isblank }, { "cntrl", iscntrl },
		{ "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint },
		{ "punct", ispunct }, { "space", isspace },
		{ "upper", isupper }, { "xdigit", isxdigit },
	};
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (strlen(classes[i].name) == n &&
		    strncmp(classes[i].name, name, n) == 0)
			return classes[i].test(c) != 0;
	}
	return false;
}

/* One character of a bracket expression, which may be guarded. */
static int bracket_char(const char **pat)
{
	if (**pat == '\\' && (*pat)[1])
		++*pat;
	return (unsigned char)*(*pat)++;
}

/*
 * *@pat is behind "[". Returns 1 or 0 for a match or none and moves *@pat
 * behind "]"; -1 if there is no "]", so that the bracket is just a bracket.
 */
static int match_bracket(const char **pat, int c)
{
	const char *p = *pat, *end;
	bool not = *p == '!' || *p == '^', found = false, first = true;

	for (p += not; *p && (*p != ']' || first); first = false) {
		int lo, hi;

		end = p[0] == '[' && p[1] == ':' ? strstr(p + 2, ":]") : NULL;
		if (end) {
			found |= in_class(p + 2, (size_t)(end - p - 2), c);
			p = end + 2;
			continue;
		}
		lo = hi = bracket_char(&p);
		if (p[0] == '-' && p[1] && p[1] != ']') {
			p++;
			hi = bracket_char(&p);
		}
		found |= lo <= c && c <= hi;
	}
	if (*p != ']')
		return -1;
	*pat = p + 1;
	return found != not;
}

/* Match one element that is no star, and go behind it. @c is not NUL. */
static bool match_one(const char **pat, int c)
{
	const char *p = *pat;
	int found;

	if (*p == '?') {
		*pat = p + 1;
		return true;
	}
	if (*p++ == '[') {
		found = match_bracket(&p, c);
		if (found >= 0) {
			*pat = p;
			return found;
		}
	}
	p = *pat;
	if (*p == '\\' && p[1])
		p++;
	if ((unsigned char)*p != c)
		return false;
	*pat = p + 1;
	return true;
}

/* Does all of @s match? A star that fails later takes one character more. */
bool pattern_match(const char *pat, const char *s)
{
	const char *star = NULL, *from = NULL;

	while (*s || *pat) {
		if (*pat == '*') {
			star = ++pat;
			from = s;
		} else if (*s && match_one(&pat, (unsigned char)*s)) {
			s++;
		} else if (star && *from) {
			pat = star;
			s = ++from;
		} else {
			return false;
		}
	}
	return true;
}

bool pattern_has_magic(const char *pat)
{
	for (; *pat; pat++) {
		if (*pat == '\\' && pat[1])
			pat++;
		else if (*pat == '*' || *pat == '?' || *pat == '[')
			return true;
	}
	return false;
}

/* The text without the guarding backslashes, in sh.scratch. */
char *pattern_unescape(const char *pat)
{
	char *out = arena_dup(&sh.scratch, pat, strlen(pat)), *to = out;

	for (; *pat; pat++) {
		if (*pat == '\\' && pat[1])
			pat++;
		*to++ = *pat;
	}
	*to = '\0';
	return out;
}

/* Match what is left, @pat, in the directory that @path names. */
static void glob_in(struct buf *path, const char *pat, struct list *out)
{
	size_t n = strcspn(pat, "/"), len = path->len;
	char *part = arena_dup(&sh.scratch, pat, n);
	struct dirent *d;
	struct stat st;
	DIR *dir;

	while (pat[n] == '/')
		n++;
	if (!pattern_has_magic(part)) {
		buf_puts(path, pattern_unescape(part));
		buf_put(path, pat + strlen(part), n - strlen(part));
		if (pat[n])
			glob_in(path, pat + n, out);
		else if (lstat(buf_str(path), &st) == 0)
			list_add(&sh.scratch, out,
				 arena_dup(&sh.scratch, path->s, path->len));
		path->len = len;
		return;
	}
	dir = opendir(path->len ? buf_str(path) : ".");
	while (dir && (d = readdir(dir))) {
		if ((d->d_name[0] == '.' && part[0] != '.') ||
		    !pattern_match(part, d->d_name))
			continue;
		buf_puts(path, d->d_name);
		buf_put(path, pat + strlen(part), n - strlen(part));
		if (pat[n])
			glob_in(path, pat + n, out);
		else if (path->s[path->len - 1] != '/' ||
			 (stat(buf_str(path), &st) == 0 &&
			  S_ISDIR(st.st_mode)))
			list_add(&sh.scratch, out,
				 arena_dup(&sh.scratch, path->s, path->len));
		path->len = len;
	}
	if (dir)
		closedir(dir);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Add the names that match, sorted. Returns how many there are. */
size_t pattern_glob(const char *pat, struct list *out)
{
	struct buf path = { 0 };
	size_t from = out->n, slashes = strspn(pat, "/");

	buf_put(&path, pat, slashes);
	glob_in(&path, pat + slashes, out);
	buf_free(&path);
	if (out->n > from)
		qsort(out->v + from, out->n - from, sizeof(*out->v), compare);
	return out->n - from;
}
