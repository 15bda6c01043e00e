/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/cpio.c
 *
 * Archives made here, whole, cut at every byte and damaged at random. Each
 * lies in a heap block of its exact size, so that ASan sees a byte too far.
 */
#include "errno.h"
#include "kernel/lib/cpio.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

#define ARCHIVE_MAX	8192

struct archive {
	u8 bytes[ARCHIVE_MAX];
	size_t len;
};

static struct archive arc;

static void pad(struct archive *a, size_t to)
{
	while (a->len % to)
		a->bytes[a->len++] = '\0';
}

static void put(struct archive *a, const void *data, size_t n)
{
	memcpy(a->bytes + a->len, data, n);
	a->len += n;
}

/* @extra more NULs behind the name, which namesize counts. */
static void add(struct archive *a, const char *name, u32 mode,
		const char *data, size_t extra)
{
	size_t namesize = strlen(name) + 1 + extra;
	char head[111];

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x"
		 "%08x%08X%08x%08x%08x", 11, mode, 1000, 100, 1, 0x5eadbeef,
		 (u32)strlen(data), 8, 1, 0xAB, 3, (u32)namesize, 0);
	put(a, head, 110);
	put(a, name, strlen(name) + 1);
	for (size_t i = 0; i < extra; i++)
		put(a, "", 1);
	pad(a, 4);
	put(a, data, strlen(data));
	pad(a, 4);
}

static void add_trailer(struct archive *a)
{
	add(a, "TRAILER!!!", 0, "", 0);
}

static void make_archives(struct archive *a)
{
	a->len = 0;
	add(a, "bin", 040755, "", 0);
	add(a, "bin/sh", 0100755, "#!program", 0);
	add(a, "etc/motd", 0100644, "hello", 4096 - 4 * 110);
	add_trailer(a);
	pad(a, 512);
	add(a, "bin/ls", 0120777, "busybox", 0);
	add_trailer(a);
}

static void test_whole(void)
{
	static const struct {
		const char *name, *data;
		u32 mode;
	} want[] = {
		{ "bin", "", 040755 },
		{ "bin/sh", "#!program", 0100755 },
		{ "etc/motd", "hello", 0100644 },
		{ "bin/ls", "busybox", 0120777 },
	};
	struct cpio_reader c;
	struct cpio_entry e;

	make_archives(&arc);
	cpio_open(&c, arc.bytes, arc.len);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		CHECK_EQ(cpio_next(&c, &e), 1);
		CHECK(strcmp(e.name, want[i].name) == 0);
		CHECK_EQ(e.name_len, strlen(want[i].name));
		CHECK_EQ(e.mode, want[i].mode);
		CHECK_EQ(e.size, strlen(want[i].data));
		CHECK(memcmp(e.data, want[i].data, e.size) == 0);
		CHECK(e.data == arc.bytes + e.data_off);
		CHECK_EQ(e.data_off % 4, 0);
		CHECK(e.ino == 11 && e.uid == 1000 && e.gid == 100);
		CHECK(e.nlink == 1 && e.mtime == 0x5eadbeef);
		CHECK(e.dev_major == 8 && e.dev_minor == 1);
		CHECK(e.rdev_major == 0xab && e.rdev_minor == 3);
	}
	CHECK_EQ(cpio_next(&c, &e), 0);
	CHECK_EQ(cpio_next(&c, &e), 0);
}

/* Walks a copy of exact size; whatever is returned must lie inside. */
static int walk(const u8 *bytes, size_t len, int *entries)
{
	u8 *copy = unit_alloc(len ? len : 1);
	struct cpio_reader c;
	struct cpio_entry e;
	volatile u8 sum = 0;
	int got;

	memcpy(copy, bytes, len);
	cpio_open(&c, copy, len);
	*entries = 0;
	while ((got = cpio_next(&c, &e)) == 1) {
		CHECK(strlen(e.name) == e.name_len && e.name_len > 0);
		for (size_t i = 0; i < e.size; i++)
			sum += e.data[i];
		CHECK(e.data_off + e.size <= len);
		if (++*entries > 1000)
			break;
	}
	if (got == -EINVAL)
		CHECK_EQ(cpio_next(&c, &e), -EINVAL);
	unit_free(copy);
	return got;
}

static void test_truncated(void)
{
	int entries, before = 0;

	make_archives(&arc);
	for (size_t len = 0; len <= arc.len; len++) {
		int end = walk(arc.bytes, len, &entries);

		CHECK(end == 0 || end == -EINVAL);
		CHECK(entries >= before && entries <= before + 1);
		before = entries;
	}
	CHECK_EQ(before, 4);
}

static void test_damaged(void)
{
	static const u8 digits[] = "0123456789abcdefF7";
	int entries;

	for (int i = 0; i < 5000; i++) {
		make_archives(&arc);
		for (u64 n = 1 + unit_below(4); n > 0; n--) {
			/* Mostly in the first headers, where it matters. */
			u64 at = unit_below(unit_below(4) ? 300 : arc.len);

			arc.bytes[at] = unit_below(2) ? (u8)unit_rand() :
				digits[unit_below(sizeof(digits) - 1)];
		}
		CHECK(walk(arc.bytes, arc.len, &entries) <= 0);
	}
}

static void test_garbage(void)
{
	int entries;

	for (int i = 0; i < 2000; i++) {
		size_t len = unit_below(300);

		for (size_t j = 0; j < len; j++)
			arc.bytes[j] = (u8)unit_rand();
		walk(arc.bytes, len, &entries);
	}
	memset(arc.bytes, 0, 64);
	CHECK_EQ(walk(arc.bytes, 64, &entries), 0);
	CHECK_EQ(walk(arc.bytes, 0, &entries), 0);
}

/* Magic numbers, digits, and an entry that ends with its name. */
static void test_borders(void)
{
	static const char bad[] = "/:@G`g";
	int entries;

	arc.len = 0;
	add(&arc, "bin", 040755, "", 0);
	CHECK_EQ(walk(arc.bytes, 114, &entries), 0);
	CHECK_EQ(entries, 1);
	CHECK_EQ(walk(arc.bytes, 113, &entries), -EINVAL);
	arc.bytes[5] = '2';
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), 0);
	arc.bytes[5] = '3';
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), -EINVAL);
	arc.bytes[5] = '1';
	for (size_t i = 0; i < sizeof(bad); i++) {
		arc.bytes[13] = (u8)bad[i];
		CHECK_EQ(walk(arc.bytes, arc.len, &entries), -EINVAL);
	}
}

/* Sizes that point far beyond the end, and names that do not end. */
static void test_hostile(void)
{
	int entries;

	arc.len = 0;
	add(&arc, "f", 0100644, "data", 0);
	memcpy(arc.bytes + 54, "ffffffff", 8);		/* filesize */
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), -EINVAL);
	memcpy(arc.bytes + 54, "00000004", 8);
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), 0);
	memcpy(arc.bytes + 94, "ffffffff", 8);		/* namesize */
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), -EINVAL);
	memcpy(arc.bytes + 94, "00000001", 8);
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), -EINVAL);
	memcpy(arc.bytes + 94, "00000000", 8);
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), -EINVAL);
	memcpy(arc.bytes + 94, "00000002", 8);
	arc.bytes[111] = 'x';
	CHECK_EQ(walk(arc.bytes, arc.len, &entries), -EINVAL);
}

int main(void)
{
	UNIT_RUN(test_whole);
	UNIT_RUN(test_truncated);
	UNIT_RUN(test_damaged);
	UNIT_RUN(test_garbage);
	UNIT_RUN(test_borders);
	UNIT_RUN(test_hostile);
	return unit_end();
}
