/* SPDX-License-Identifier: MIT */
/*
 * Assertions: broken invariants of the kernel itself, never anything that a
 * user or a device can cause.
 *
 * KASSERT is always compiled in and must be cheap. DASSERT may be dear: it is
 * checked with CONFIG_DEBUG only, but always parsed, and never evaluated
 * otherwise. The kernel's back ends are in kernel/core/panic.c; in host
 * builds tests/unit/unit.h supplies them and they abort.
 */
#ifndef KASSERT_H
#define KASSERT_H

#include "compiler.h"

void kassert_fail(const char *expr, const char *file, int line,
		  const char *func) __noreturn __cold;
void panic(const char *fmt, ...) __noreturn __cold __printf(1, 2);

#define KASSERT(cond)							\
	do {								\
		if (unlikely(!(cond)))					\
			kassert_fail(#cond, __FILE__, __LINE__,		\
				     __func__);				\
	} while (0)

/* @fmt must be a string literal; it should print the values involved. */
#define KASSERT_MSG(cond, fmt, ...)					\
	do {								\
		if (unlikely(!(cond)))					\
			panic("%s:%d: %s: assertion '%s' failed: " fmt,	\
			      __FILE__, __LINE__, __func__, #cond,	\
			      ##__VA_ARGS__);				\
	} while (0)

#ifdef CONFIG_DEBUG
#define DASSERT(cond)	KASSERT(cond)
#else
#define DASSERT(cond)	((void)sizeof(!(cond)))
#endif

#endif
