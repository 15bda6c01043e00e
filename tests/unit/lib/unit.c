/* SPDX-License-Identifier: MIT */
/* Harness of the host unit tests; see tests/unit/unit.h. */
#include <stdarg.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

jmp_buf unit_trap;
bool unit_trap_armed;

static int unit_tests, unit_failed_tests;
static int unit_failures;	/* in the test that runs */
static u64 unit_seed, unit_state;

/* Enough to find the fault; the rest of a broken loop is noise. */
#define UNIT_REPORTS_MAX	10

static void unit_init_seed(void)
{
	const char *text = getenv("UNIT_SEED");

	unit_seed = text ? strtoull(text, NULL, 0) : 1;
}

/* xorshift64* (Marsaglia); the state must not be 0. */
u64 unit_rand(void)
{
	unit_state ^= unit_state >> 12;
	unit_state ^= unit_state << 25;
	unit_state ^= unit_state >> 27;
	return unit_state * 0x2545f4914f6cdd1dul >> 8;
}

void unit_run(const char *name, void (*test)(void))
{
	if (unit_tests == 0)
		unit_init_seed();
	unit_state = (unit_seed + 1) * 0x9e3779b97f4a7c15ul | 1;
	unit_failures = 0;
	unit_tests++;
	test();
	if (unit_failures > 0) {
		unit_failed_tests++;
		printf("# %d failed checks, UNIT_SEED=%lu\n", unit_failures,
		       unit_seed);
	}
	printf("%sok %d %s\n", unit_failures ? "not " : "", unit_tests, name);
	fflush(stdout);
}

int unit_end(void)
{
	printf("1..%d\n", unit_tests);
	return unit_failed_tests ? 1 : 0;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (++unit_failures > UNIT_REPORTS_MAX)
		return;
	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void *unit_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		abort();
	return p;
}

void unit_free(void *p)
{
	free(p);
}

char *unit_read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "r");
	char *text;
	long len;

	if (!f)
		return NULL;
	if (fseek(f, 0, SEEK_END) || (len = ftell(f)) < 0 ||
	    fseek(f, 0, SEEK_SET))
		abort();
	text = unit_alloc((size_t)len + 1);
	*size = fread(text, 1, (size_t)len, f);
	fclose(f);
	return text;
}

static void unit_trap_or_abort(void)
{
	if (unit_trap_armed) {
		unit_trap_armed = false;
		longjmp(unit_trap, 1);
	}
	printf("Bail out! the code under test gave up\n");
	fflush(stdout);
	abort();
}

void kassert_fail(const char *expr, const char *file, int line,
		  const char *func)
{
	if (!unit_trap_armed)
		printf("# %s:%d: %s: assertion failed: %s\n", file, line, func,
		       expr);
	unit_trap_or_abort();
	__builtin_unreachable();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	if (!unit_trap_armed) {
		printf("# panic: ");
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		printf("\n");
	}
	unit_trap_or_abort();
	__builtin_unreachable();
}
