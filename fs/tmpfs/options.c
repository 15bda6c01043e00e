/* SPDX-License-Identifier: MIT */
/*
 * Parsing tmpfs mount options.
 */
#include <errno.h>
#include "fs/tmpfs/options.h"
#include "kernel/core/cred.h"
#include "kernel/lib/string.h"
#include "mm/page.h"

#define NO_LIMIT	((u64)INT64_MAX)

/*
 * A number with an optional suffix k, m, g, or % of physical memory; in bytes.
 */
static int parse_size(const char *s, u64 *out)
{
	u64 v;
	int err = str_to_u64(s, &s, 0, &v);
	unsigned int shift = 0;

	if (err)
		return -EINVAL;
	switch (*s) {
	case 'k': case 'K':
		shift = 10;
		break;
	case 'm': case 'M':
		shift = 20;
		break;
	case 'g': case 'G':
		shift = 30;
		break;
	case '%':
		v = v * page_total() / 100 << PAGE_SHIFT;
		break;
	default:
		*out = v;
		return *s ? -EINVAL : 0;
	}
	if (s[1] || v > NO_LIMIT >> shift)
		return -EINVAL;
	*out = v << shift;
	return 0;
}

static int parse_number(const char *s, unsigned int base, u64 max, u64 *out)
{
	const char *end;

	if (str_to_u64(s, &end, base, out) || *end || *out > max)
		return -EINVAL;
	return 0;
}

static int parse_octal(const char *s, u32 *out)
{
	u32 v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '7' || v > 07777)
			return -EINVAL;
		v = v * 8 + (u32)(*s - '0');
	}
	*out = v & 07777;
	return 0;
}

static int parse_one(const char *key, const char *value, struct tmpfs_options *o)
{
	u64 v;
	int err;

	if (strcmp(key, "size") == 0) {
		err = parse_size(value, &v);
		/* 0 means without limit, here and below. */
		o->to_pages = v ? (v + PAGE_SIZE - 1) >> PAGE_SHIFT : NO_LIMIT;
		o->to_has_size = true;
		return err;
	}
	if (strcmp(key, "nr_blocks") == 0) {
		err = parse_size(value, &v);
		o->to_pages = v ?: NO_LIMIT;
		o->to_has_size = true;
		return err;
	}
	if (strcmp(key, "nr_inodes") == 0) {
		err = parse_size(value, &v);
		o->to_inodes = v ?: NO_LIMIT;
		o->to_has_inodes = true;
		return err;
	}
	if (strcmp(key, "mode") == 0)
		return parse_octal(value, &o->to_mode);
	if (strcmp(key, "uid") == 0) {
		err = parse_number(value, 10, UINT32_MAX - 1, &v);
		o->to_uid = (uid_t)v;
		return err;
	}
	if (strcmp(key, "gid") == 0) {
		err = parse_number(value, 10, UINT32_MAX - 1, &v);
		o->to_gid = (gid_t)v;
		return err;
	}
	return -EINVAL;
}

int tmpfs_parse_options(const char *data, struct tmpfs_options *out)
{
	const struct cred *cr = cred_current();

	*out = (struct tmpfs_options){
		.to_pages = page_total() / 2,
		.to_inodes = page_total() / 2,
		.to_mode = 01777,
		.to_uid = cr->cr_fsuid,
		.to_gid = cr->cr_fsgid,
	};
	return tmpfs_parse_more(data, out);
}

int tmpfs_parse_more(const char *data, struct tmpfs_options *o)
{
	while (data && *data) {
		char key[16], value[32];
		const char *end = strchr(data, ','), *eq = strchr(data, '=');
		size_t len = end ? (size_t)(end - data) : strlen(data);
		size_t klen = eq ? (size_t)(eq - data) : len;
		int err;

		if (klen >= len || klen >= sizeof(key) || len - klen > sizeof(value))
			return -EINVAL;
		memcpy(key, data, klen);
		key[klen] = '\0';
		memcpy(value, eq + 1, len - klen - 1);
		value[len - klen - 1] = '\0';
		err = parse_one(key, value, o);
		if (err)
			return err;
		data += len + (end != NULL);
	}
	return 0;
}
