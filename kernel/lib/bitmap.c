/* SPDX-License-Identifier: MIT */
/*
 * Runs of bits: pid and descriptor numbers, ext2 block and inode bitmaps, swap
 * slots. All loops step by words, not bits.
 */
#include "kernel/lib/bitmap.h"

#include "kassert.h"

/*
 * The first bit at or after @from that is set in the words XORed with @flip
 * (0 finds set bits, ~0 clear ones).
 */
static size_t bitmap_find(const u64 *map, size_t nbits, size_t from, u64 flip)
{
	size_t word;
	u64 bits;

	if (from >= nbits)
		return nbits;
	word = from / 64;
	bits = (map[word] ^ flip) & (~0ul << (from % 64));
	while (bits == 0) {
		word++;
		if (word * 64 >= nbits)
			return nbits;
		bits = map[word] ^ flip;
	}
	return min(word * 64 + ctz64(bits), nbits);
}

size_t bitmap_find_set(const u64 *map, size_t nbits, size_t from)
{
	return bitmap_find(map, nbits, from, 0);
}

size_t bitmap_find_clear(const u64 *map, size_t nbits, size_t from)
{
	return bitmap_find(map, nbits, from, ~0ul);
}

size_t bitmap_find_clear_run(const u64 *map, size_t nbits, size_t from,
			     size_t len)
{
	KASSERT(len > 0);
	for (;;) {
		size_t start = bitmap_find_clear(map, nbits, from);

		if (start >= nbits || len > nbits - start)
			return nbits;
		from = bitmap_find_set(map, start + len, start);
		if (from == start + len)
			return start;
	}
}

/* The bits of the word that holds bit @from that belong to the run. */
static u64 bitmap_run_mask(size_t from, size_t len)
{
	size_t shift = from % 64;
	u64 ones = len >= 64 ? ~0ul : BIT(len) - 1;

	return ones << shift;
}

void bitmap_set_run(u64 *map, size_t from, size_t len)
{
	while (len > 0) {
		size_t n = min(len, 64 - from % 64);

		map[from / 64] |= bitmap_run_mask(from, n);
		from += n;
		len -= n;
	}
}

void bitmap_clear_run(u64 *map, size_t from, size_t len)
{
	while (len > 0) {
		size_t n = min(len, 64 - from % 64);

		map[from / 64] &= ~bitmap_run_mask(from, n);
		from += n;
		len -= n;
	}
}

size_t bitmap_count(const u64 *map, size_t nbits)
{
	size_t count = 0;

	for (size_t i = 0; i < nbits / 64; i++)
		count += popcount64(map[i]);
	if (nbits % 64)
		count += popcount64(map[nbits / 64] &
				    bitmap_run_mask(0, nbits % 64));
	return count;
}
