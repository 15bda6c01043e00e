/* SPDX-License-Identifier: MIT */
/*
 * Atomic counters, memory barriers and reference counts.
 *
 * The counters are structs, so that a plain access does not compile. Ordering:
 * operations that return a value are full barriers; atomic_read, atomic_set
 * and the void operations order nothing. That is enough on x86-64 for the
 * compiler to be the only thing to hold back, but callers must not count on it.
 *
 * refcount_t never leaves zero again: taking a reference from zero or from a
 * count near overflow is a broken invariant and panics. Use refcount_inc_not_zero
 * where an object can be found (in a hash, say) while it dies.
 */
#ifndef ATOMIC_H
#define ATOMIC_H

#include "compiler.h"
#include "kassert.h"
#include "types.h"

typedef struct { s32 a_value; } atomic_t;
typedef struct { s64 a_value; } atomic64_t;

#define ATOMIC_INIT(v)	{ (v) }

/*
 * The same functions for both widths. With PREFIX atomic or atomic64:
 *
 *	T    PREFIX_read(a)			PREFIX_set(a, v)
 *	void PREFIX_add(a, v)  _sub(a, v)  _inc(a)  _dec(a)  _or(a, v)  _and(a, v)
 *	T    PREFIX_add_return(a, v)  _sub_return  _inc_return  _dec_return
 *						the new value
 *	T    PREFIX_fetch_add(a, v)  _fetch_or  _fetch_and	the old value
 *	bool PREFIX_dec_and_test(a)		the new value is zero
 *	T    PREFIX_xchg(a, v)			the old value
 *	T    PREFIX_cmpxchg(a, old, new)	the value found; stored if == old
 *	bool PREFIX_inc_not_zero(a)		false, and nothing done, at zero
 */
#define ATOMIC_DEFINE(prefix, A, T)					\
static __always_inline T prefix##_read(const A *a)			\
{									\
	return __atomic_load_n(&a->a_value, __ATOMIC_RELAXED);		\
}									\
static __always_inline void prefix##_set(A *a, T v)			\
{									\
	__atomic_store_n(&a->a_value, v, __ATOMIC_RELAXED);		\
}									\
static __always_inline void prefix##_add(A *a, T v)			\
{									\
	__atomic_fetch_add(&a->a_value, v, __ATOMIC_RELAXED);		\
}									\
static __always_inline void prefix##_sub(A *a, T v)			\
{									\
	__atomic_fetch_sub(&a->a_value, v, __ATOMIC_RELAXED);		\
}									\
static __always_inline void prefix##_inc(A *a)				\
{									\
	prefix##_add(a, 1);						\
}									\
static __always_inline void prefix##_dec(A *a)				\
{									\
	prefix##_sub(a, 1);						\
}									\
static __always_inline void prefix##_or(A *a, T v)			\
{									\
	__atomic_fetch_or(&a->a_value, v, __ATOMIC_RELAXED);		\
}									\
static __always_inline void prefix##_and(A *a, T v)			\
{									\
	__atomic_fetch_and(&a->a_value, v, __ATOMIC_RELAXED);		\
}									\
static __always_inline T prefix##_add_return(A *a, T v)			\
{									\
	return __atomic_add_fetch(&a->a_value, v, __ATOMIC_SEQ_CST);	\
}									\
static __always_inline T prefix##_sub_return(A *a, T v)			\
{									\
	return __atomic_sub_fetch(&a->a_value, v, __ATOMIC_SEQ_CST);	\
}									\
static __always_inline T prefix##_inc_return(A *a)			\
{									\
	return prefix##_add_return(a, 1);				\
}									\
static __always_inline T prefix##_dec_return(A *a)			\
{									\
	return prefix##_sub_return(a, 1);				\
}									\
static __always_inline T prefix##_fetch_add(A *a, T v)			\
{									\
	return __atomic_fetch_add(&a->a_value, v, __ATOMIC_SEQ_CST);	\
}									\
static __always_inline T prefix##_fetch_or(A *a, T v)			\
{									\
	return __atomic_fetch_or(&a->a_value, v, __ATOMIC_SEQ_CST);	\
}									\
static __always_inline T prefix##_fetch_and(A *a, T v)			\
{									\
	return __atomic_fetch_and(&a->a_value, v, __ATOMIC_SEQ_CST);	\
}									\
static __always_inline bool prefix##_dec_and_test(A *a)			\
{									\
	return prefix##_sub_return(a, 1) == 0;				\
}									\
static __always_inline T prefix##_xchg(A *a, T v)			\
{									\
	return __atomic_exchange_n(&a->a_value, v, __ATOMIC_SEQ_CST);	\
}									\
static __always_inline T prefix##_cmpxchg(A *a, T old, T new_value)	\
{									\
	__atomic_compare_exchange_n(&a->a_value, &old, new_value, false, \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	return old;							\
}									\
static __always_inline bool prefix##_inc_not_zero(A *a)			\
{									\
	T seen = prefix##_read(a);					\
									\
	while (seen != 0) {						\
		if (__atomic_compare_exchange_n(&a->a_value, &seen,	\
				seen + 1, false, __ATOMIC_SEQ_CST,	\
				__ATOMIC_RELAXED))			\
			return true;					\
	}								\
	return false;							\
}

ATOMIC_DEFINE(atomic, atomic_t, s32)
ATOMIC_DEFINE(atomic64, atomic64_t, s64)

/*
 * Barriers between CPUs. x86-64 lets only a later load pass an earlier store
 * (SDM volume 3, 9.2), so smp_mb is the only one that costs an instruction.
 * They do not order device accesses of weaker memory types.
 */
#define smp_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)

#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

typedef struct { atomic_t rc_count; } refcount_t;

/* A count beyond this is a leak on its way to an overflow. */
#define REFCOUNT_MAX	0x40000000

#define REFCOUNT_INIT(n)	{ ATOMIC_INIT(n) }

static inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->rc_count, n);
}

/* The count at this moment; it may be old by the time it is looked at. */
static inline int refcount_get(const refcount_t *r)
{
	return atomic_read(&r->rc_count);
}

/* Takes another reference. The caller must already hold one. */
static inline void refcount_inc(refcount_t *r)
{
	int old = atomic_fetch_add(&r->rc_count, 1);

	KASSERT(old > 0 && old < REFCOUNT_MAX);
}

/* Takes a reference unless the last one is gone; returns whether it did. */
static inline bool __must_check refcount_inc_not_zero(refcount_t *r)
{
	KASSERT(refcount_get(r) >= 0 && refcount_get(r) < REFCOUNT_MAX);
	return atomic_inc_not_zero(&r->rc_count);
}

/* Drops a reference; true for the last one, whose owner frees the object. */
static inline bool __must_check refcount_put_and_test(refcount_t *r)
{
	int old = atomic_fetch_add(&r->rc_count, -1);

	KASSERT(old > 0);
	return old == 1;
}

#endif
