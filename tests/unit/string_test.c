/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c
 *
 * Compares with the C library over lengths, alignments and overlaps.
 */
#include "errno.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

void *lib_memcpy(void *dst, const void *src, size_t n);
void *lib_memmove(void *dst, const void *src, size_t n);
void *lib_memset(void *dst, int c, size_t n);
int lib_memcmp(const void *a, const void *b, size_t n);
void *lib_memchr(const void *s, int c, size_t n);
size_t lib_strlen(const char *s);
size_t lib_strnlen(const char *s, size_t max);
int lib_strcmp(const char *a, const char *b);
int lib_strncmp(const char *a, const char *b, size_t n);
char *lib_strchr(const char *s, int c);
char *lib_strrchr(const char *s, int c);
char *lib_strstr(const char *s, const char *word);

#define ARENA	1024

static u8 ours[ARENA], theirs[ARENA];

static void scramble(void)
{
	for (size_t i = 0; i < ARENA; i++)
		ours[i] = theirs[i] = (u8)unit_rand();
}

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

/* Every length up to 200 at every alignment of both sides. */
static void test_copy(void)
{
	for (size_t n = 0; n <= 200; n++) {
		for (size_t d = 0; d < 8; d++) {
			size_t s = 512 + unit_below(8);

			scramble();
			CHECK(lib_memcpy(ours + d, ours + s, n) == ours + d);
			memcpy(theirs + d, theirs + s, n);
			CHECK(memcmp(ours, theirs, ARENA) == 0);
			CHECK(lib_memset(ours + d, (int)s, n) == ours + d);
			memset(theirs + d, (int)s, n);
			CHECK(memcmp(ours, theirs, ARENA) == 0);
		}
	}
}

/* The copy must end exactly where it should: heap blocks of exact size. */
static void test_copy_bounds(void)
{
	for (size_t n = 1; n <= 130; n++) {
		u8 *a = unit_alloc(n), *b = unit_alloc(n);

		lib_memset(a, 7, n);
		lib_memcpy(b, a, n);
		lib_memmove(a, b, n);
		CHECK(lib_memcmp(a, b, n) == 0);
		unit_free(a);
		unit_free(b);
	}
}

static void test_move(void)
{
	for (int i = 0; i < 20000; i++) {
		size_t n = unit_below(i % 2 ? 40 : 300);
		size_t s = unit_below(600);
		size_t d = i % 3 ? s + unit_below(20) - min(s, 10ul) :
			   unit_below(600);

		scramble();
		lib_memmove(ours + d, ours + s, n);
		memmove(theirs + d, theirs + s, n);
		CHECK(memcmp(ours, theirs, ARENA) == 0);
	}
}

static void test_compare(void)
{
	for (int i = 0; i < 20000; i++) {
		size_t n = unit_below(40), a = unit_below(16);
		size_t at = unit_below(40);

		scramble();
		memcpy(ours + a, theirs, n);
		if (at < n)
			ours[a + at] ^= (u8)unit_rand();
		CHECK_EQ(sign(lib_memcmp(ours + a, theirs, n)),
			 sign(memcmp(ours + a, theirs, n)));
		CHECK(lib_memchr(ours, 3, n) == memchr(ours, 3, n));
	}
}

/* Few letters and many lengths, so that everything has hits and misses. */
static void random_word(char *s, size_t max)
{
	size_t n = unit_below(max);

	for (size_t i = 0; i < n; i++)
		s[i] = unit_below(20) ? (char)('a' + unit_below(3)) : '\xe4';
	s[n] = '\0';
}

static void test_strings(void)
{
	char a[32], b[32];

	for (int i = 0; i < 50000; i++) {
		size_t n = unit_below(34);

		random_word(a, 30);
		random_word(b, i % 2 ? 4 : 30);
		if (i % 3 == 0)
			memcpy(b, a, unit_below(16));
		b[31] = '\0';
		CHECK_EQ(lib_strlen(a), strlen(a));
		CHECK_EQ(lib_strnlen(a, n), strnlen(a, n));
		CHECK_EQ(sign(lib_strcmp(a, b)), sign(strcmp(a, b)));
		CHECK_EQ(sign(lib_strncmp(a, b, n)), sign(strncmp(a, b, n)));
		CHECK(lib_strchr(a, b[0]) == strchr(a, b[0]));
		CHECK(lib_strrchr(a, b[0]) == strrchr(a, b[0]));
		CHECK(lib_strstr(a, b) == strstr(a, b));
	}
}

static void test_str_copy(void)
{
	char buf[4] = "zzz";

	CHECK_EQ(str_copy(buf, "abcdef", sizeof(buf)), 6);
	CHECK(strcmp(buf, "abc") == 0);
	CHECK_EQ(str_copy(buf, "xy", sizeof(buf)), 2);
	CHECK(strcmp(buf, "xy") == 0);
	CHECK_EQ(str_copy(buf, "q", 0), 1);
	CHECK(strcmp(buf, "xy") == 0);
}

static void test_page(void)
{
	u64 *a = unit_alloc(4096), *b = unit_alloc(4096);

	for (int i = 0; i < 512; i++)
		a[i] = unit_rand();
	copy_page(b, a);
	CHECK(memcmp(a, b, 4096) == 0);
	clear_page(b);
	for (int i = 0; i < 512; i++)
		CHECK(b[i] == 0);
	unit_free(a);
	unit_free(b);
}

static void expect_number(const char *text, unsigned int base, int err,
			  u64 value, const char *rest)
{
	const char *end = NULL;
	u64 got = 0;

	CHECK_EQ(str_to_u64(text, &end, base, &got), err);
	if (err)
		return;
	CHECK(got == value);
	CHECK(strcmp(end, rest) == 0);
}

static void test_number(void)
{
	expect_number("0", 10, 0, 0, "");
	expect_number("42x", 10, 0, 42, "x");
	expect_number("0x1F", 0, 0, 31, "");
	expect_number("0X1f ", 16, 0, 31, " ");
	expect_number("0xg", 0, 0, 0, "xg");
	expect_number("017", 0, 0, 15, "");
	expect_number("08", 0, 0, 0, "8");
	expect_number("ff", 16, 0, 255, "");
	expect_number("18446744073709551615", 10, 0, ~0ul, "");
	expect_number("18446744073709551616", 10, -ERANGE, 0, "");
	expect_number("99999999999999999999", 10, -ERANGE, 0, "");
	expect_number("", 10, -EINVAL, 0, "");
	expect_number("-1", 10, -EINVAL, 0, "");
	expect_number(" 1", 10, -EINVAL, 0, "");
	expect_number("a", 10, -EINVAL, 0, "");
	expect_number("g", 16, -EINVAL, 0, "");
	CHECK_EQ(str_to_u64("7", NULL, 10, &(u64){ 0 }), 0);
}

int main(void)
{
	UNIT_RUN(test_copy);
	UNIT_RUN(test_copy_bounds);
	UNIT_RUN(test_move);
	UNIT_RUN(test_compare);
	UNIT_RUN(test_strings);
	UNIT_RUN(test_str_copy);
	UNIT_RUN(test_page);
	UNIT_RUN(test_number);
	return unit_end();
}
