/* SPDX-License-Identifier: MIT */
/*
 * The ChaCha20 block function (RFC 8439, section 2.3), for the kernel's random
 * number generator.
 */
#ifndef KERNEL_LIB_CHACHA20_H
#define KERNEL_LIB_CHACHA20_H

#include "types.h"

#define CHACHA20_KEY_BYTES	32
#define CHACHA20_BLOCK_BYTES	64

struct chacha20 {
	u32 c_state[16];	/* constants, key, block counter, nonce */
};

/* @nonce is three 32-bit words, or NULL for zero. */
void chacha20_init(struct chacha20 *c, const u8 key[CHACHA20_KEY_BYTES],
		   const u32 nonce[3], u32 counter);

/* Writes the next block of key stream and advances the counter. */
void chacha20_block(struct chacha20 *c, u8 out[CHACHA20_BLOCK_BYTES]);

#endif
