/* SPDX-License-Identifier: MIT */
/*
 * Runs of bits in a bit array of u64 words (bits.h has the single bits).
 *
 * @nbits is the size of the array in bits; bits beyond it in the last word
 * are never looked at nor changed. The finders return @nbits for "none".
 * Nothing here is atomic.
 */
#ifndef KERNEL_LIB_BITMAP_H
#define KERNEL_LIB_BITMAP_H

#include "bits.h"
#include "types.h"

#define BITMAP_DECLARE(name, nbits)	u64 name[BITS_TO_WORDS(nbits)]

/* The first set or clear bit at or after @from. */
size_t bitmap_find_set(const u64 *map, size_t nbits, size_t from);
size_t bitmap_find_clear(const u64 *map, size_t nbits, size_t from);

/* The start of the first run of @len > 0 clear bits at or after @from. */
size_t bitmap_find_clear_run(const u64 *map, size_t nbits, size_t from,
			     size_t len);

void bitmap_set_run(u64 *map, size_t from, size_t len);
void bitmap_clear_run(u64 *map, size_t from, size_t len);

/* The number of set bits. */
size_t bitmap_count(const u64 *map, size_t nbits);

#endif
