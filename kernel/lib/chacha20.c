/* SPDX-License-Identifier: MIT */
/*
 * The ChaCha20 block function, written from RFC 8439, section 2.
 */
#include "kernel/lib/chacha20.h"

#include "bits.h"

static u32 rotl32(u32 x, unsigned int n)
{
	return x << n | x >> (32 - n);
}

static void chacha20_quarter(u32 x[16], int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotl32(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl32(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl32(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl32(x[b] ^ x[c], 7);
}

void chacha20_init(struct chacha20 *c, const u8 key[CHACHA20_KEY_BYTES],
		   const u32 nonce[3], u32 counter)
{
	/* "expand 32-byte k" as little-endian words. */
	static const u32 constants[4] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
	};

	for (int i = 0; i < 4; i++)
		c->c_state[i] = constants[i];
	for (int i = 0; i < 8; i++)
		c->c_state[4 + i] = load_le32(key + 4 * i);
	c->c_state[12] = counter;
	for (int i = 0; i < 3; i++)
		c->c_state[13 + i] = nonce ? nonce[i] : 0;
}

void chacha20_block(struct chacha20 *c, u8 out[CHACHA20_BLOCK_BYTES])
{
	u32 x[16];

	for (int i = 0; i < 16; i++)
		x[i] = c->c_state[i];
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			chacha20_quarter(x, i, 4 + i, 8 + i, 12 + i);
		for (int i = 0; i < 4; i++)
			chacha20_quarter(x, i, 4 + (i + 1) % 4,
					 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (int i = 0; i < 16; i++)
		store_le32(out + 4 * i, x[i] + c->c_state[i]);
	c->c_state[12]++;
}
