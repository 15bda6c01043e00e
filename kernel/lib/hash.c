/* SPDX-License-Identifier: MIT */
/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF") and
 * FNV-1a.
 */
#include "kernel/lib/hash.h"

#include "bits.h"

#define FNV_OFFSET	0x811c9dc5u
#define FNV_PRIME	0x01000193u

static u64 rotl64(u64 x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(u64 v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl64(v[1], 13) ^ v[0];
	v[3] = rotl64(v[3], 16) ^ v[2];
	v[0] = rotl64(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl64(v[1], 17) ^ v[2];
	v[3] = rotl64(v[3], 21) ^ v[0];
	v[2] = rotl64(v[2], 32);
}

static void sip_absorb(u64 v[4], u64 word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

u64 siphash(const void *data, size_t len, const struct siphash_key *key)
{
	/* "somepseudorandomlygeneratedbytes", as the paper has it. */
	u64 v[4] = {
		key->k[0] ^ 0x736f6d6570736575ul,
		key->k[1] ^ 0x646f72616e646f6dul,
		key->k[0] ^ 0x6c7967656e657261ul,
		key->k[1] ^ 0x7465646279746573ul,
	};
	const u8 *p = data;
	u64 last = (u64)len << 56;
	size_t left = len;

	for (; left >= 8; p += 8, left -= 8)
		sip_absorb(v, load_le64(p));
	for (size_t i = 0; i < left; i++)
		last |= (u64)p[i] << (8 * i);
	sip_absorb(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

u32 hash_name(const char *name, size_t len, u32 seed)
{
	u32 h = FNV_OFFSET ^ seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * FNV_PRIME;
	return h ^ h >> 15;
}
