/* SPDX-License-Identifier: MIT */
/*
 * Harness of the host unit tests. A test program is a table-free main:
 *
 *	static void test_empty(void) { CHECK(rb_first(&root) == NULL); }
 *	int main(void) { UNIT_RUN(test_empty); return unit_end(); }
 *
 * It prints TAP; the plan comes last. A failed CHECK prints where and goes on,
 * so that one run shows all failures. KASSERT and panic of the code under test
 * end the program, except inside of UNIT_DIES.
 *
 * Random numbers come from a seeded generator; UNIT_SEED=N in the environment
 * picks another series, and a failing program prints the one it used.
 *
 * <stdlib.h> and other headers that bring in <sys/types.h> define struct
 * timespec, timeval, fd_set and sigset_t: do not include them beside abi/.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdio.h>

#include "compiler.h"
#include "kassert.h"
#include "types.h"

void unit_run(const char *name, void (*test)(void));
int unit_end(void);
void unit_fail(const char *file, int line, const char *fmt, ...)
	__printf(3, 4);

u64 unit_rand(void);

/* A random number below @n, which is not 0. */
static inline u64 unit_below(u64 n)
{
	return unit_rand() % n;
}

/* Zeroed memory of exactly this size, so that ASan sees one byte too far. */
void *unit_alloc(size_t size);
void unit_free(void *p);

/* The contents of a file and a NUL, or NULL; for unit_free. */
char *unit_read_file(const char *path, size_t *size);

#define UNIT_RUN(test)	unit_run(#test, test)

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			unit_fail(__FILE__, __LINE__, "%s", #cond);	\
	} while (0)

#define CHECK_EQ(a, b)							\
	do {								\
		long check_a = (long)(a), check_b = (long)(b);		\
		if (check_a != check_b)					\
			unit_fail(__FILE__, __LINE__,			\
				  "%s is %ld (%#lx), expected %s = %ld", \
				  #a, check_a, check_a, #b, check_b);	\
	} while (0)

/* @stmt must run into a KASSERT or panic. */
#define UNIT_DIES(stmt)							\
	do {								\
		unit_trap_armed = true;					\
		if (setjmp(unit_trap) == 0) {				\
			stmt;						\
			unit_trap_armed = false;			\
			unit_fail(__FILE__, __LINE__,			\
				  "%s: no assertion failed", #stmt);	\
		}							\
	} while (0)

extern jmp_buf unit_trap;
extern bool unit_trap_armed;

#endif
