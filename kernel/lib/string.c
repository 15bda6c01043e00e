/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions for everyone, and for the compiler, which emits
 * calls to the first four by itself.
 *
 * Bulk copies and fills go in blocks of 64 bytes, four loads and then four
 * stores. Under QEMU's TCG that beats rep movsq by a third and rep stosq by
 * half (a rep step is cheap to count but dear to emulate), and by several
 * times where both pages fall into one slot of the emulator's TLB, since then
 * each change between the pages is a miss. What is left goes in words, the
 * last of which may overlap the one before. Functions that must work for
 * overlapping ranges say why they do.
 *
 * The barriers keep the compiler from recognising a loop as the very function
 * that it implements.
 */
#include "kernel/lib/string.h"

#include "bits.h"
#include "errno.h"

#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

#ifdef CUTAWAY_HOST
#define memcpy	lib_memcpy
#define memmove	lib_memmove
#define memset	lib_memset
#define memcmp	lib_memcmp
#define memchr	lib_memchr
#define strlen	lib_strlen
#define strnlen	lib_strnlen
#define strcmp	lib_strcmp
#define strncmp	lib_strncmp
#define strchr	lib_strchr
#define strrchr	lib_strrchr
#define strstr	lib_strstr

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *word);
#endif

#define BLOCK_BYTES	64
#define PAGE_BYTES	4096

/*
 * Loads four words before it stores them, which just fits into the registers
 * that a function need not save. So the source may overlap the target if that
 * lies before it, and a loop goes from the start on.
 */
static __always_inline void copy_half(u8 *d, const u8 *s)
{
	u64 w0 = load_le64(s), w1 = load_le64(s + 8);
	u64 w2 = load_le64(s + 16), w3 = load_le64(s + 24);

	store_le64(d, w0);
	store_le64(d + 8, w1);
	store_le64(d + 16, w2);
	store_le64(d + 24, w3);
	barrier();
}

static __always_inline void copy_block(u8 *d, const u8 *s)
{
	copy_half(d, s);
	copy_half(d + BLOCK_BYTES / 2, s + BLOCK_BYTES / 2);
}

static __always_inline void fill_block(u8 *d, u64 word)
{
	store_le64(d, word);
	store_le64(d + 8, word);
	store_le64(d + 16, word);
	store_le64(d + 24, word);
	store_le64(d + 32, word);
	store_le64(d + 40, word);
	store_le64(d + 48, word);
	store_le64(d + 56, word);
	barrier();
}

void copy_page(void *dst, const void *src)
{
	u8 *d = dst, *end = d + PAGE_BYTES;
	const u8 *s = src;

	for (; d < end; d += BLOCK_BYTES, s += BLOCK_BYTES)
		copy_block(d, s);
}

void clear_page(void *page)
{
	u8 *d = page, *end = d + PAGE_BYTES;

	/* More of it, or copy_page() like this, is slower in QEMU: long blocks of code. */
#pragma GCC unroll 2
	for (; d < end; d += BLOCK_BYTES)
		fill_block(d, 0);
}

/* Up to 16 bytes; loads everything before it stores, so overlap is fine. */
static __always_inline void copy_short(u8 *d, const u8 *s, size_t n)
{
	if (n >= 8) {
		u64 head = load_le64(s), tail = load_le64(s + n - 8);

		store_le64(d, head);
		store_le64(d + n - 8, tail);
	} else if (n >= 4) {
		u32 head = load_le32(s), tail = load_le32(s + n - 4);

		store_le32(d, head);
		store_le32(d + n - 4, tail);
	} else if (n > 0) {
		u8 first = s[0], middle = s[n / 2], last = s[n - 1];

		d[0] = first;
		d[n / 2] = middle;
		d[n - 1] = last;
	}
}

/* Apart from memcpy, so that short copies save no registers. */
static __noinline void *copy_long(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;
	size_t i = 0;

	for (; i + BLOCK_BYTES <= n; i += BLOCK_BYTES)
		copy_block(d + i, s + i);
	for (; i + 8 < n; i += 8) {
		store_le64(d + i, load_le64(s + i));
		barrier();
	}
	store_le64(d + n - 8, load_le64(s + n - 8));
	return dst;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	if (n > 16)
		return copy_long(dst, src, n);
	copy_short(dst, src, n);
	return dst;
}

/*
 * The parts of memmove with @dst inside of the source range, from the end on,
 * and with the source inside of the target range, from the start on.
 */
static void copy_backwards(u8 *d, const u8 *s, size_t n)
{
	while (n >= 8) {
		n -= 8;
		store_le64(d + n, load_le64(s + n));
		barrier();
	}
	while (n > 0) {
		n--;
		d[n] = s[n];
		barrier();
	}
}

static void copy_forwards(u8 *d, const u8 *s, size_t n)
{
	for (; n >= BLOCK_BYTES; n -= BLOCK_BYTES) {
		copy_block(d, s);
		d += BLOCK_BYTES;
		s += BLOCK_BYTES;
	}
	for (size_t i = 0; i < n; i++) {
		d[i] = s[i];
		barrier();
	}
}

void *memmove(void *dst, const void *src, size_t n)
{
	uintptr_t ahead = (uintptr_t)dst - (uintptr_t)src;

	if (n <= 16)
		copy_short(dst, src, n);
	else if (ahead >= n && -ahead >= n)
		memcpy(dst, src, n);
	else if (ahead < n)
		copy_backwards(dst, src, n);
	else
		copy_forwards(dst, src, n);
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u8 *d = dst;
	u64 word = (u8)c * 0x0101010101010101ul;
	size_t i = 0;

	if (n < 8) {
		for (; i < n; i++) {
			d[i] = (u8)c;
			barrier();
		}
		return dst;
	}
	for (; i + BLOCK_BYTES <= n; i += BLOCK_BYTES)
		fill_block(d + i, word);
	for (; i + 8 < n; i += 8) {
		store_le64(d + i, word);
		barrier();
	}
	store_le64(d + n - 8, word);
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (; n >= 8; p += 8, q += 8, n -= 8) {
		u64 x = load_be64(p), y = load_be64(q);

		if (x != y)
			return x < y ? -1 : 1;
	}
	for (; n > 0; p++, q++, n--) {
		if (*p != *q)
			return *p - *q;
	}
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const u8 *p = s; n > 0; p++, n--) {
		if (*p == (u8)c)
			return (void *)p;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0') {
		n++;
		barrier();
	}
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; a++, b++, n--) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (*a == '\0')
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (*s == '\0')
			return NULL;
	}
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	for (;; s++) {
		if (*s == (char)c)
			found = s;
		if (*s == '\0')
			return (char *)found;
	}
}

char *strstr(const char *s, const char *word)
{
	size_t n = strlen(word);

	for (;; s++) {
		if (strncmp(s, word, n) == 0)
			return (char *)s;
		if (*s == '\0')
			return NULL;
	}
}

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size > 0) {
		size_t n = min(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

/* The value of a hexadecimal digit, or 99. */
static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

int str_to_u64(const char *s, const char **end, unsigned int base, u64 *out)
{
	u64 value = 0;

	if ((base == 0 || base == 16) && s[0] == '0' &&
	    (s[1] == 'x' || s[1] == 'X') && digit_value(s[2]) < 16) {
		base = 16;
		s += 2;
	} else if (base == 0) {
		base = s[0] == '0' ? 8 : 10;
	}
	if (digit_value(*s) >= base)
		return -EINVAL;
	for (; digit_value(*s) < base; s++) {
		if (__builtin_mul_overflow(value, (u64)base, &value) ||
		    __builtin_add_overflow(value, (u64)digit_value(*s),
					   &value))
			return -ERANGE;
	}
	*out = value;
	if (end)
		*end = s;
	return 0;
}
