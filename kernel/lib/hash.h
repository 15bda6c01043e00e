/* SPDX-License-Identifier: MIT */
/*
 * Hash functions: SipHash-2-4 for whatever an outsider can choose (packets,
 * sequence numbers), FNV-1a for names, and a multiplicative mix for integers.
 */
#ifndef KERNEL_LIB_HASH_H
#define KERNEL_LIB_HASH_H

#include "types.h"

struct siphash_key {
	u64 k[2];
};

u64 siphash(const void *data, size_t len, const struct siphash_key *key);

/* @seed lets the parent directory's identity take part. */
u32 hash_name(const char *name, size_t len, u32 seed);

/* The upper @bits (1..64) of a product that every bit of @x takes part in. */
static inline u64 hash_u64(u64 x, unsigned int bits)
{
	return ((x ^ (x >> 32)) * 0x9e3779b97f4a7c15ul) >> (64 - bits);
}

#endif
