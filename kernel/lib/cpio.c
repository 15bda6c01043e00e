/* SPDX-License-Identifier: MIT */
/*
 * Reader of "newc" cpio archives. The boot archive comes from the loader and
 * may be cut or damaged, so every offset is checked against the range before
 * it is used; sizes are 32-bit numbers in 64-bit arithmetic, which cannot
 * overflow.
 *
 * An entry: a header of 110 ASCII bytes (a 6-byte magic number and 13 fields
 * of 8 hexadecimal digits), the name with its NUL, padding to a multiple of 4,
 * the data, padding to a multiple of 4. An archive ends with an entry named
 * TRAILER!!!.
 */
#include "kernel/lib/cpio.h"

#include "compiler.h"
#include "errno.h"
#include "kernel/lib/string.h"

#define CPIO_HEADER_BYTES	110
#define CPIO_MAGIC_BYTES	6
#define CPIO_FIELD_BYTES	8

/* The header's fields in their order. */
enum cpio_field {
	CPIO_INO,
	CPIO_MODE,
	CPIO_UID,
	CPIO_GID,
	CPIO_NLINK,
	CPIO_MTIME,
	CPIO_FILESIZE,
	CPIO_DEV_MAJOR,
	CPIO_DEV_MINOR,
	CPIO_RDEV_MAJOR,
	CPIO_RDEV_MINOR,
	CPIO_NAMESIZE,
	CPIO_CHECK,
	CPIO_FIELDS,
};

BUILD_ASSERT(CPIO_MAGIC_BYTES + CPIO_FIELDS * CPIO_FIELD_BYTES ==
	     CPIO_HEADER_BYTES);

void cpio_open(struct cpio_reader *c, const void *base, size_t size)
{
	c->c_base = base;
	c->c_size = size;
	c->c_pos = 0;
}

static int cpio_parse_field(const u8 *text, u32 *out)
{
	u32 value = 0;

	for (int i = 0; i < CPIO_FIELD_BYTES; i++) {
		u8 c = text[i];
		u32 digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			return -EINVAL;
		value = value << 4 | digit;
	}
	*out = value;
	return 0;
}

/* "070701" is newc, "070702" the same with checksums, which are not checked. */
static int cpio_parse_header(const u8 *h, u32 fields[CPIO_FIELDS])
{
	if (memcmp(h, "07070", CPIO_MAGIC_BYTES - 1) != 0 ||
	    (h[CPIO_MAGIC_BYTES - 1] != '1' && h[CPIO_MAGIC_BYTES - 1] != '2'))
		return -EINVAL;
	h += CPIO_MAGIC_BYTES;
	for (int i = 0; i < CPIO_FIELDS; i++, h += CPIO_FIELD_BYTES) {
		int err = cpio_parse_field(h, &fields[i]);

		if (err)
			return err;
	}
	return 0;
}

/* Fetches the entry at @pos; *@next is where the one after it begins. */
static int cpio_parse_entry(const struct cpio_reader *c, size_t pos,
			    struct cpio_entry *e, size_t *next)
{
	const u8 *name = c->c_base + pos + CPIO_HEADER_BYTES;
	u32 f[CPIO_FIELDS];
	size_t left = c->c_size - pos;
	size_t data_off;

	if (left < CPIO_HEADER_BYTES || cpio_parse_header(c->c_base + pos, f))
		return -EINVAL;
	left -= CPIO_HEADER_BYTES;
	if (f[CPIO_NAMESIZE] < 2 || f[CPIO_NAMESIZE] > left ||
	    name[f[CPIO_NAMESIZE] - 1] != '\0' || name[0] == '\0')
		return -EINVAL;

	data_off = round_up(pos + CPIO_HEADER_BYTES + f[CPIO_NAMESIZE], 4);
	if (f[CPIO_FILESIZE] != 0 && (data_off > c->c_size ||
	    f[CPIO_FILESIZE] > c->c_size - data_off))
		return -EINVAL;

	*e = (struct cpio_entry){
		.name = (const char *)name,
		.name_len = strnlen((const char *)name, f[CPIO_NAMESIZE]),
		.data = c->c_base + min(data_off, c->c_size),
		.data_off = min(data_off, c->c_size),
		.size = f[CPIO_FILESIZE],
		.ino = f[CPIO_INO],
		.mode = f[CPIO_MODE],
		.uid = f[CPIO_UID],
		.gid = f[CPIO_GID],
		.nlink = f[CPIO_NLINK],
		.mtime = f[CPIO_MTIME],
		.dev_major = f[CPIO_DEV_MAJOR],
		.dev_minor = f[CPIO_DEV_MINOR],
		.rdev_major = f[CPIO_RDEV_MAJOR],
		.rdev_minor = f[CPIO_RDEV_MINOR],
	};
	*next = min(round_up(data_off + f[CPIO_FILESIZE], 4), c->c_size);
	return 0;
}

int cpio_next(struct cpio_reader *c, struct cpio_entry *e)
{
	size_t pos = c->c_pos;

	for (;;) {
		size_t next;

		while (pos < c->c_size && c->c_base[pos] == '\0')
			pos++;
		if (pos == c->c_size)
			return 0;
		if (!IS_ALIGNED(pos, 4) || cpio_parse_entry(c, pos, e, &next))
			return -EINVAL;
		pos = next;
		if (strcmp(e->name, "TRAILER!!!") != 0) {
			c->c_pos = pos;
			return 1;
		}
	}
}
