/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/fmt.c
 *
 * The same random format and argument through our snprintf and the C library's
 * must give the same text, length and cut.
 */
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

#undef snprintf
#undef vsnprintf

/* Formats are made at run time, so the compiler cannot check them here. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-zero-length"

#define COMPARE(fmt, ...)						\
	do {								\
		char want[256], got[256];				\
		size_t size = unit_below(4) ? 256 : unit_below(12);	\
		int nwant, ngot;					\
									\
		memset(want, 'w', sizeof(want));			\
		memset(got, 'w', sizeof(got));				\
		nwant = snprintf(want, size, fmt, ##__VA_ARGS__);	\
		ngot = lib_snprintf(got, size, fmt, ##__VA_ARGS__);	\
		if (nwant != ngot || memcmp(want, got, sizeof(got)))	\
			unit_fail(__FILE__, __LINE__,			\
				  "\"%s\" size %zu: got %d \"%.*s\", "	\
				  "expected %d \"%.*s\"", fmt, size,	\
				  ngot, (int)size, got, nwant,		\
				  (int)size, want);			\
	} while (0)

/* Appends random flags, a width and a precision to the % in @f. */
static char *random_spec(char *f, const char *flags, int max_precision)
{
	*f++ = '%';
	for (int i = 0; i < 2; i++) {
		size_t pick = unit_below(8);

		if (pick < strlen(flags))
			*f++ = flags[pick];
	}
	if (unit_below(2))
		f += snprintf(f, 8, "%d", 1 + (int)unit_below(30));
	if (max_precision >= 0 && unit_below(3) == 0) {
		*f++ = '.';
		if (unit_below(3))
			f += snprintf(f, 8, "%d",
				      (int)unit_below(max_precision + 1));
	}
	return f;
}

/* Numbers of all magnitudes, with the edges often. */
static u64 random_number(void)
{
	u64 v = unit_rand() << 8 ^ unit_rand();

	switch (unit_below(6)) {
	case 0:
		return unit_below(3);
	case 1:
		return ~unit_below(3);
	case 2:
		return 1ul << unit_below(64);
	default:
		return v >> unit_below(64);
	}
}

static void test_numbers(void)
{
	static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z" };

	for (int i = 0; i < 100000; i++) {
		const char conv = "diuxXo"[unit_below(6)];
		const bool is_signed = conv == 'd' || conv == 'i';
		size_t length = unit_below(ARRAY_SIZE(lengths));
		const u64 v = random_number();
		char fmt[64] = "<";
		char *f = random_spec(fmt + 1, is_signed ? "-+ 0" :
				      conv == 'u' ? "-0" : "-#0", 25);

		snprintf(f, 8, "%s%c>", lengths[length], conv);
		if (length >= 3)
			COMPARE(fmt, v);
		else
			COMPARE(fmt, (unsigned int)v);
	}
}

static void test_text(void)
{
	static const char *const words[] = {
		"", "a", "hello", "a longer text with 34 characters..", NULL,
	};

	for (int i = 0; i < 20000; i++) {
		char fmt[64] = "";
		char *f = random_spec(fmt, "-", 40);
		const char *word = words[unit_below(ARRAY_SIZE(words))];
		const int c = (int)(1 + unit_below(255));
		void *const p = (void *)(random_number() | 1);

		/* The C library prints NULL with a short precision as "". */
		if (!word && strchr(fmt, '.'))
			word = "x";
		strcpy(f, "s|");
		COMPARE(fmt, word);
		f = random_spec(fmt, "-", -1);
		strcpy(f, "c|");
		COMPARE(fmt, c);
		f = random_spec(fmt, "-", -1);
		strcpy(f, "p|");
		COMPARE(fmt, p);
	}
}

static void test_stars(void)
{
	COMPARE("%*d|%-*d|%.*d", 6, 42, 6, 42, 5, 42);
	COMPARE("%*d|%.*d", -6, 42, -1, 42);
	COMPARE("%*.*s|", 10, 3, "abcdef");
	COMPARE("%.3s", (const char[]){ 'a', 'b', 'c' });
}

static void test_odds(void)
{
	char buf[32];

	COMPARE("plain");
	COMPARE("");
	COMPARE("100%% of %d", 7);
	COMPARE("%s: %d, 0x%08lx", "several", -3, 0xfeedul);
	CHECK_EQ(lib_snprintf(NULL, 0, "%d", 12345), 5);
	CHECK_EQ(lib_snprintf(buf, sizeof(buf), "%p", NULL), 3);
	CHECK(strcmp(buf, "0x0") == 0);
	CHECK_EQ(lib_snprintf(buf, sizeof(buf), "a%5kb", 1), 5);
	CHECK(strcmp(buf, "a%5kb") == 0);
	CHECK_EQ(lib_snprintf(buf, sizeof(buf), "end%"), 4);
	CHECK(strcmp(buf, "end%") == 0);
}

int main(void)
{
	UNIT_RUN(test_numbers);
	UNIT_RUN(test_text);
	UNIT_RUN(test_stars);
	UNIT_RUN(test_odds);
	return unit_end();
}
