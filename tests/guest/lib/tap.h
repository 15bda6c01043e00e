/* SPDX-License-Identifier: MIT */
/*
 * tap.h - the harness of the in-guest tests.
 *
 * A test program is a table of named cases and one TAP_MAIN line.  Every case
 * runs in a child of its own, in its own process group and an empty working
 * directory, under a time limit; the result is printed as KTAP.  A CHECK that
 * fails prints file and line and ends the process that it runs in, and the
 * case fails even where that process was a grandchild whose status nobody
 * looked at: failures are counted in a page that all of them share.
 *
 * Everything here may be called from threads, from signal handlers and from a
 * vfork child: it formats on the stack and writes with write(2).
 */
#ifndef TESTS_GUEST_LIB_TAP_H
#define TESTS_GUEST_LIB_TAP_H

#include <errno.h>
#include <stddef.h>
#include <stdbool.h>
#include <sys/types.h>

struct tap_case {
	const char *name;	/* no '#', no blank */
	void (*fn)(void);	/* returning means success */
	unsigned int timeout;	/* seconds, 0 = the default of 30 */
};

/*
 * A helper is what a case execs: "PROG --call NAME ARG..." runs fn with
 * argv[0] = NAME in that very process, and its return value is the exit status.
 */
struct tap_helper {
	const char *name;
	int (*fn)(int argc, char **argv);
};

struct tap_program {
	const struct tap_case *cases;
	size_t ncases;
	const struct tap_helper *helpers;
	size_t nhelpers;
	size_t nhidden;		/* cases at the end that run only when named */
};

#define TAP_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define TAP_MAIN(cases_) \
	int main(int argc, char **argv) \
	{ \
		static const struct tap_program p = { \
			.cases = cases_, .ncases = TAP_COUNT(cases_), \
		}; \
		return tap_main(argc, argv, &p); \
	}

#define TAP_MAIN_HELPERS(cases_, helpers_) \
	int main(int argc, char **argv) \
	{ \
		static const struct tap_program p = { \
			.cases = cases_, .ncases = TAP_COUNT(cases_), \
			.helpers = helpers_, \
			.nhelpers = TAP_COUNT(helpers_), \
		}; \
		return tap_main(argc, argv, &p); \
	}

int tap_main(int argc, char **argv, const struct tap_program *prog);

/* The absolute path of this program, for cases that exec themselves. */
extern char tap_self[];

/* Prints "# text" as one write. */
void tap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Notes a failure of the case and goes on (sweeps that report all misses). */
void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Notes a failure of the case and ends the process with status 1. */
void tap_die(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));

/* Ends the case as skipped; only in the case's own process. */
void tap_skip(const char *why) __attribute__((noreturn));

/* How long to wait for what must come: a third of the default time limit. */
long tap_patience_ms(void);

/*
 * Reaps all children; those still alive after a second are killed where /proc
 * shows them.  Returns how many had to be killed that way.
 */
int tap_reap_all(void);

/*
 * Touches as much stack as a harness will use, so that it brings no page into
 * being while a case is measured.
 */
void tap_touch_stack(void);

#define SKIP(why) tap_skip(why)
#define FAIL(...) tap_die(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			tap_die(__FILE__, __LINE__, "CHECK(%s), errno %d", \
				#cond, errno); \
	} while (0)

#define CHECK_EQ(a, b) \
	do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (a_ != b_) \
			tap_die(__FILE__, __LINE__, \
				"CHECK_EQ(%s, %s): %lld (%#llx) and %lld " \
				"(%#llx), errno %d", #a, #b, a_, a_, b_, b_, \
				errno); \
	} while (0)

/* expr must return -1 with this errno. */
#define CHECK_ERR(expr, err) \
	do { \
		errno = 0; \
		long long r_ = (long long)(expr); \
		int e_ = errno; \
		if (r_ != -1 || e_ != (err)) \
			tap_die(__FILE__, __LINE__, \
				"CHECK_ERR(%s, %s): returned %lld, errno %d", \
				#expr, #err, r_, e_); \
	} while (0)

/* The value of expr, which must not be -1. */
#define OK(expr) \
	({ \
		__typeof__(expr) v_ = (expr); \
		if ((long long)v_ == -1) \
			tap_die(__FILE__, __LINE__, "%s: errno %d", #expr, \
				errno); \
		v_; \
	})

#endif
