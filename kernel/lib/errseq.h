/* SPDX-License-Identifier: MIT */
/*
 * Errors that each of many listeners is to hear of exactly once: a failed write-back, and
 * everybody who has the file open. The subject has one u32, each listener another.
 *
 * Layout: errno in the low bits, SEEN, a counter above. The counter moves when an error is noted
 * after the last one was seen, so that a listener tells a new error from one he knows.
 */
#ifndef KERNEL_LIB_ERRSEQ_H
#define KERNEL_LIB_ERRSEQ_H

#include "types.h"

#define ERRSEQ_ERRNO	0xfffu
#define ERRSEQ_SEEN	0x1000u
#define ERRSEQ_COUNT	0x2000u

/* Note an error (negative errno). */
static inline void errseq_set(u32 *seq, int err)
{
	u32 old = __atomic_load_n(seq, __ATOMIC_RELAXED), new;

	do {
		new = (old & ~(ERRSEQ_ERRNO | ERRSEQ_SEEN)) | (u32)-err;
		if (old & ERRSEQ_SEEN)
			new += ERRSEQ_COUNT;
	} while (!__atomic_compare_exchange_n(seq, &old, new, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
}

/* What a new listener starts with: he hears of an error that nobody has heard of. */
static inline u32 errseq_sample(const u32 *seq)
{
	u32 now = __atomic_load_n(seq, __ATOMIC_RELAXED);

	return now & ERRSEQ_SEEN ? now : 0;
}

/* 0, or the error since the listener's last look. */
static inline int errseq_check(u32 *seq, u32 *listener)
{
	u32 now = __atomic_load_n(seq, __ATOMIC_RELAXED);

	if (likely(now == *listener))
		return 0;
	while (!(now & ERRSEQ_SEEN) &&
	       !__atomic_compare_exchange_n(seq, &now, now | ERRSEQ_SEEN, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	now |= ERRSEQ_SEEN;
	if (now == *listener)
		return 0;
	*listener = now;
	return -(int)(now & ERRSEQ_ERRNO);
}

#endif
