/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/hash.c kernel/lib/chacha20.c
 *
 * The published test vectors, and how evenly names and numbers spread.
 */
#include "kernel/lib/chacha20.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

/* RFC 8439, section 2.3.2: the first and last words of the block. */
static void test_chacha20_block(void)
{
	static const u8 want[CHACHA20_BLOCK_BYTES] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15,
		0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
		0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03,
		0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
		0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09,
		0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
		0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9,
		0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
	};
	static const u32 nonce[3] = { 0x09000000, 0x4a000000, 0 };
	u8 key[CHACHA20_KEY_BYTES], out[CHACHA20_BLOCK_BYTES];
	struct chacha20 c;

	for (int i = 0; i < CHACHA20_KEY_BYTES; i++)
		key[i] = (u8)i;
	chacha20_init(&c, key, nonce, 1);
	chacha20_block(&c, out);
	CHECK(memcmp(out, want, sizeof(out)) == 0);
	CHECK_EQ(c.c_state[12], 2);
}

/* RFC 8439, appendix A.1, vectors 1 and 2: zero key, blocks 0 and 1. */
static void test_chacha20_stream(void)
{
	static const u8 first[] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d,
				    0x90 };
	static const u8 second[] = { 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38,
				     0x7a };
	static const u8 key[CHACHA20_KEY_BYTES];
	u8 out[CHACHA20_BLOCK_BYTES];
	struct chacha20 c;

	chacha20_init(&c, key, NULL, 0);
	chacha20_block(&c, out);
	CHECK(memcmp(out, first, sizeof(first)) == 0);
	chacha20_block(&c, out);
	CHECK(memcmp(out, second, sizeof(second)) == 0);
}

/* The vectors of the SipHash paper's reference code. */
static void test_siphash(void)
{
	static const struct siphash_key key = {
		{ 0x0706050403020100ul, 0x0f0e0d0c0b0a0908ul },
	};
	u8 data[15];

	for (int i = 0; i < 15; i++)
		data[i] = (u8)i;
	CHECK(siphash(data, 0, &key) == 0x726fdb47dd0e0e31ul);
	CHECK(siphash(data, 8, &key) == 0x93f5f5799a932462ul);
	CHECK(siphash(data, 15, &key) == 0xa129ca6149be45e5ul);
}

/* No bucket of 256 with 4096 similar keys gets more than thrice its share. */
static void test_spread(void)
{
	u32 names[256] = { 0 }, numbers[256] = { 0 }, pages[256] = { 0 };

	for (u32 i = 0; i < 4096; i++) {
		char name[16];
		int len = snprintf(name, sizeof(name), "file%u", i);

		names[hash_name(name, len, 7) % 256]++;
		numbers[hash_u64(i, 8)]++;
		pages[hash_u64(0xffff888000000000ul + i * 4096ul, 8)]++;
	}
	for (int i = 0; i < 256; i++) {
		CHECK(names[i] <= 48);
		CHECK(numbers[i] <= 48);
		CHECK(pages[i] <= 48);
	}
	CHECK(hash_name("abc", 3, 1) != hash_name("abc", 3, 2));
	CHECK(hash_name("abc", 3, 1) == hash_name("abcd", 3, 1));
}

int main(void)
{
	UNIT_RUN(test_chacha20_block);
	UNIT_RUN(test_chacha20_stream);
	UNIT_RUN(test_siphash);
	UNIT_RUN(test_spread);
	return unit_end();
}
