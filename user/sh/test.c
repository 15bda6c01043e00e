/* SPDX-License-Identifier: MIT */
/*
 * test.c - the builtin "test", also called "[": conditions for if and while.
 *
 * Built in because loops ask it each time around. What the arguments mean
 * goes by their number first, as POSIX says, so that [ "$x" = -f ] is a
 * comparison; with more than four, by precedence: ! before -a before -o.
 */
#include "sh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct test {
	char **arg;
	int n;			/* how many are left */
	bool bad;
};

static bool test_or(struct test *t);

static bool bad(struct test *t, const char *arg, const char *why)
{
	if (!t->bad)
		sh_error("test: %s: %s", arg, why);
	t->bad = true;
	return false;
}

static bool is_unary(const char *s)
{
	return s[0] == '-' && s[1] && !s[2] &&
	       strchr("bcdefghLnprSstuwxz", s[1]);
}

static bool unary(struct test *t, char op, const char *s)
{
	struct stat st;
	long fd;

	switch (op) {
	case 'n':
		return *s != '\0';
	case 'z':
		return *s == '\0';
	case 't':
		return parse_number(s, &fd) ? isatty((int)fd)
					    : bad(t, s, "not a number");
	case 'r':
		return access(s, R_OK) == 0;
	case 'w':
		return access(s, W_OK) == 0;
	case 'x':
		return access(s, X_OK) == 0;
	case 'h':
	case 'L':
		return lstat(s, &st) == 0 && S_ISLNK(st.st_mode);
	default:
		break;
	}
	if (stat(s, &st) < 0)
		return false;
	switch (op) {
	case 'b':
		return S_ISBLK(st.st_mode);
	case 'c':
		return S_ISCHR(st.st_mode);
	case 'd':
		return S_ISDIR(st.st_mode);
	case 'f':
		return S_ISREG(st.st_mode);
	case 'g':
		return st.st_mode & S_ISGID;
	case 'p':
		return S_ISFIFO(st.st_mode);
	case 'S':
		return S_ISSOCK(st.st_mode);
	case 's':
		return st.st_size > 0;
	case 'u':
		return st.st_mode & S_ISUID;
	default:
		return true;
	}
}

static const char *const binaries[] = {
	"=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge",
	"-nt", "-ot", "-ef", NULL,
};

static int binary_index(const char *s)
{
	int i;

	for (i = 0; binaries[i]; i++) {
		if (strcmp(binaries[i], s) == 0)
			return i;
	}
	return -1;
}

static bool compare_files(const char *a, const char *op, const char *b)
{
	struct stat x, y;
	bool have_x = stat(a, &x) == 0, have_y = stat(b, &y) == 0;
	struct timespec s, u;

	if (strcmp(op, "-ef") == 0)
		return have_x && have_y && x.st_dev == y.st_dev &&
		       x.st_ino == y.st_ino;
	if (!have_x || !have_y)
		return strcmp(op, "-nt") == 0 ? have_x : have_y;
	s = x.st_mtim;
	u = y.st_mtim;
	if (strcmp(op, "-ot") == 0) {
		s = y.st_mtim;
		u = x.st_mtim;
	}
	return s.tv_sec > u.tv_sec ||
	       (s.tv_sec == u.tv_sec && s.tv_nsec > u.tv_nsec);
}

static bool binary(struct test *t, const char *a, const char *op,
		   const char *b)
{
	int i = binary_index(op), order = strcmp(a, b);
	long x = 0, y = 0;

	if (i >= 11)
		return compare_files(a, op, b);
	if (i >= 5) {
		if (!parse_number(a, &x))
			return bad(t, a, "not a number");
		if (!parse_number(b, &y))
			return bad(t, b, "not a number");
		order = (x > y) - (x < y);
	}
	switch (i) {
	case 0:
	case 1:
	case 5:
		return order == 0;
	case 2:
	case 6:
		return order != 0;
	case 3:
	case 7:
		return order < 0;
	case 8:
		return order <= 0;
	case 4:
	case 9:
		return order > 0;
	default:
		return order >= 0;
	}
}

static void skip(struct test *t, int n)
{
	t->arg += n;
	t->n -= n;
}

static bool test_primary(struct test *t)
{
	char **arg = t->arg;
	bool result;

	if (t->n == 0)
		return bad(t, "end", "argument expected");
	if (t->n >= 3 && binary_index(arg[1]) >= 0) {
		skip(t, 3);
		return binary(t, arg[0], arg[1], arg[2]);
	}
	if (t->n >= 2 && strcmp(arg[0], "!") == 0) {
		skip(t, 1);
		return !test_primary(t);
	}
	if (t->n >= 3 && strcmp(arg[0], "(") == 0) {
		skip(t, 1);
		result = test_or(t);
		if (t->n == 0 || strcmp(t->arg[0], ")"))
			return bad(t, arg[0], "missing )");
		skip(t, 1);
		return result;
	}
	if (t->n >= 2 && is_unary(arg[0])) {
		skip(t, 2);
		return unary(t, arg[0][1], arg[1]);
	}
	skip(t, 1);
	return *arg[0] != '\0';
}

static bool test_and(struct test *t)
{
	bool result = test_primary(t), next;

	while (t->n > 0 && strcmp(t->arg[0], "-a") == 0) {
		skip(t, 1);
		next = test_primary(t);
		result = result && next;
	}
	return result;
}

static bool test_or(struct test *t)
{
	bool result = test_and(t), next;

	while (t->n > 0 && strcmp(t->arg[0], "-o") == 0) {
		skip(t, 1);
		next = test_and(t);
		result = result || next;
	}
	return result;
}

/* 0 true, 1 false, 2 for arguments that make no sense. */
int builtin_test(int argc, char **argv)
{
	struct test t = { .arg = argv + 1, .n = argc - 1 };
	bool result = false;

	if (strcmp(argv[0], "[") == 0) {
		if (t.n == 0 || strcmp(t.arg[t.n - 1], "]") != 0) {
			sh_error("[: missing ]");
			return 2;
		}
		t.n--;
	}
	/* Two arguments are never a comparison, one is never an operator. */
	if (t.n == 3 && binary_index(t.arg[1]) >= 0)
		result = test_primary(&t);
	else if (t.n > 0)
		result = test_or(&t);
	if (t.n > 0 && !t.bad)
		bad(&t, t.arg[0], "unexpected argument");
	return t.bad ? 2 : !result;
}
