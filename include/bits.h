/* SPDX-License-Identifier: MIT */
/*
 * Bits of words and of bit arrays, and byte order.
 *
 * Bit arrays are arrays of u64; bit n is bit n % 64 of word n / 64. The plain
 * set_bit family is atomic (test_and_* are full barriers); the names with two
 * underscores are for data that a lock or a single owner protects.
 */
#ifndef BITS_H
#define BITS_H

#include "compiler.h"
#include "types.h"

#define BIT(n)		(1ul << (n))
#define BITS_TO_WORDS(n) DIV_ROUND_UP((n), 64)

/* Leading and trailing zeros; the argument must not be 0. */
#define clz64(x)	((unsigned)__builtin_clzl(x))
#define ctz64(x)	((unsigned)__builtin_ctzl(x))
#define ctz32(x)	((unsigned)__builtin_ctz(x))

/* Lowest bit set, counted from 1; 0 if there is none. */
static inline unsigned ffs64(u64 x)
{
	return x ? ctz64(x) + 1 : 0;
}

/* Highest bit set, counted from 1; 0 if there is none. */
static inline unsigned fls64(u64 x)
{
	return x ? 64 - clz64(x) : 0;
}

/* floor(log2(x)) and ceil(log2(x)); x must not be 0. */
static inline unsigned log2_floor(u64 x)
{
	return 63 - clz64(x);
}

static inline unsigned log2_ceil(u64 x)
{
	return x <= 1 ? 0 : 64 - clz64(x - 1);
}

static inline unsigned popcount64(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ul;
	x = (x & 0x3333333333333333ul) + ((x >> 2) & 0x3333333333333333ul);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0ful;
	return (x * 0x0101010101010101ul) >> 56;
}

static inline bool test_bit(const u64 *map, size_t n)
{
	return (READ_ONCE(map[n / 64]) >> (n % 64)) & 1;
}

static inline void set_bit(u64 *map, size_t n)
{
	__atomic_fetch_or(&map[n / 64], BIT(n % 64), __ATOMIC_RELAXED);
}

static inline void clear_bit(u64 *map, size_t n)
{
	__atomic_fetch_and(&map[n / 64], ~BIT(n % 64), __ATOMIC_RELAXED);
}

/* These two return the bit's old value. */
static inline bool test_and_set_bit(u64 *map, size_t n)
{
	return (__atomic_fetch_or(&map[n / 64], BIT(n % 64),
				  __ATOMIC_SEQ_CST) >> (n % 64)) & 1;
}

static inline bool test_and_clear_bit(u64 *map, size_t n)
{
	return (__atomic_fetch_and(&map[n / 64], ~BIT(n % 64),
				   __ATOMIC_SEQ_CST) >> (n % 64)) & 1;
}

static inline void __set_bit(u64 *map, size_t n)
{
	map[n / 64] |= BIT(n % 64);
}

static inline void __clear_bit(u64 *map, size_t n)
{
	map[n / 64] &= ~BIT(n % 64);
}

static inline u16 bswap16(u16 x)
{
	return __builtin_bswap16(x);
}

static inline u32 bswap32(u32 x)
{
	return __builtin_bswap32(x);
}

static inline u64 bswap64(u64 x)
{
	return __builtin_bswap64(x);
}

/*
 * Unaligned loads and stores in a fixed byte order, for wire and disk formats.
 * The kernel and every host it is tested on are little-endian.
 */
BUILD_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

static inline u16 load_le16(const void *p)
{
	u16 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline u32 load_le32(const void *p)
{
	u32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline u64 load_le64(const void *p)
{
	u64 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

static inline void store_le16(void *p, u16 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void store_le32(void *p, u32 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void store_le64(void *p, u64 v)
{
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline u16 load_be16(const void *p)
{
	return bswap16(load_le16(p));
}

static inline u32 load_be32(const void *p)
{
	return bswap32(load_le32(p));
}

static inline u64 load_be64(const void *p)
{
	return bswap64(load_le64(p));
}

static inline void store_be16(void *p, u16 v)
{
	store_le16(p, bswap16(v));
}

static inline void store_be32(void *p, u32 v)
{
	store_le32(p, bswap32(v));
}

static inline void store_be64(void *p, u64 v)
{
	store_le64(p, bswap64(v));
}

#endif
