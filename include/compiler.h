/* SPDX-License-Identifier: MIT */
/*
 * Attributes, single-access macros and type-safe small arithmetic.
 *
 * __user marks a pointer into user space. gcc ignores the mark; the checker
 * sparse rejects a plain dereference of such a pointer and a silent conversion
 * to a kernel pointer. Only the functions of mm/uaccess.c touch user memory.
 */
#ifndef COMPILER_H
#define COMPILER_H

#include <stddef.h>

#ifdef __CHECKER__
#define __user		__attribute__((noderef, address_space(1)))
#define __force		__attribute__((force))
#else
#define __user
#define __force
#endif

/* A C library may have its own definition of this one in a host build. */
#undef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#define __noinline	__attribute__((noinline))
#define __packed	__attribute__((packed))
#define __aligned(n)	__attribute__((aligned(n)))
#define __noreturn	__attribute__((noreturn))
#define __must_check	__attribute__((warn_unused_result))
#define __weak		__attribute__((weak))
#define __maybe_unused	__attribute__((unused))
#define __cold		__attribute__((cold))
#define __fallthrough	__attribute__((fallthrough))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* The compiler keeps memory accesses on their side of a barrier(). */
#define barrier()	__asm__ __volatile__("" : : : "memory")

/*
 * Exactly one load or store of a naturally aligned scalar, which the compiler
 * may neither repeat, split nor invent. They order nothing between CPUs; see
 * atomic.h for that.
 */
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) \
	do { *(volatile __typeof__(x) *)&(x) = (v); } while (0)

#define BUILD_ASSERT(cond)	_Static_assert(cond, #cond)

#define ARRAY_SIZE(a)							\
	(sizeof(a) / sizeof((a)[0]) + 0 * sizeof(struct {		\
		_Static_assert(!__builtin_types_compatible_p(		\
			__typeof__(a), __typeof__(&(a)[0])),		\
			"ARRAY_SIZE of a pointer");			\
		int unused; }))

/* The object of @type whose @member is at @ptr; @ptr's type is checked. */
#define container_of(ptr, type, member) ({				\
	_Static_assert(__builtin_types_compatible_p(			\
		__typeof__(*(ptr)), __typeof__(((type *)0)->member)) ||	\
		__builtin_types_compatible_p(__typeof__(*(ptr)), void),	\
		"container_of: wrong member type");			\
	(type *)((char *)(ptr) - offsetof(type, member)); })

/*
 * Both operands must have one type; the unused pointer comparison makes gcc
 * complain (-Werror) where they differ. Cast, or use min_t/max_t.
 */
#define min(a, b) ({							\
	__typeof__(a) min_a = (a);					\
	__typeof__(b) min_b = (b);					\
	(void)(&min_a == &min_b);					\
	min_a < min_b ? min_a : min_b; })
#define max(a, b) ({							\
	__typeof__(a) max_a = (a);					\
	__typeof__(b) max_b = (b);					\
	(void)(&max_a == &max_b);					\
	max_a > max_b ? max_a : max_b; })
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(x, lo, hi) ({						\
	__typeof__(x) clamp_x = (x);					\
	__typeof__(x) clamp_lo = (lo);					\
	__typeof__(x) clamp_hi = (hi);					\
	clamp_x < clamp_lo ? clamp_lo :					\
		clamp_x > clamp_hi ? clamp_hi : clamp_x; })

/* @align is a power of two here; the result has the type of @x. */
#define round_down(x, align)	((x) & ~((__typeof__(x))(align) - 1))
#define round_up(x, align)						\
	((((x) + ((__typeof__(x))(align) - 1))) &			\
	 ~((__typeof__(x))(align) - 1))
#define IS_ALIGNED(x, align)	(((x) & ((__typeof__(x))(align) - 1)) == 0)
#define IS_POWER_OF_2(x)	((x) != 0 && ((x) & ((x) - 1)) == 0)

/* Never overflows; evaluates both operands twice. */
#define DIV_ROUND_UP(n, d)	((n) / (d) + ((n) % (d) != 0))

#define KIB(n)		((n) * 1024ul)
#define MIB(n)		((n) * 1024ul * 1024ul)
#define GIB(n)		((n) * 1024ul * 1024ul * 1024ul)

#endif
