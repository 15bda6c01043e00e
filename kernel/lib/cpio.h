/* SPDX-License-Identifier: MIT */
/*
 * Reader of cpio archives in the "newc" format, as used for boot archives
 * (Linux Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * The archive is a range of memory; entries point into it. Several archives
 * may stand one after the other, with NUL padding between them.
 */
#ifndef KERNEL_LIB_CPIO_H
#define KERNEL_LIB_CPIO_H

#include "types.h"

struct cpio_reader {
	const u8 *c_base;
	size_t c_size;
	size_t c_pos;		/* where the next header or padding begins */
};

struct cpio_entry {
	const char *name;	/* NUL-terminated, inside the archive */
	size_t name_len;	/* up to the first NUL */
	const u8 *data;		/* contents, or a symbolic link's target */
	size_t data_off;	/* of data from the start of the range */
	size_t size;		/* of data, not NUL-terminated */
	u32 ino;
	u32 mode;		/* type and permissions, as st_mode */
	u32 uid;
	u32 gid;
	u32 nlink;
	u32 mtime;
	u32 dev_major;
	u32 dev_minor;
	u32 rdev_major;
	u32 rdev_minor;
};

void cpio_open(struct cpio_reader *c, const void *base, size_t size);

/*
 * Fetches the next entry of the archives; trailers are skipped. Returns 1 with
 * *@e filled, 0 at the end of the range, -EINVAL where the range does not hold
 * a well-formed entry (cut short, no magic number, name without a NUL); the
 * reader then stays where it is.
 */
int cpio_next(struct cpio_reader *c, struct cpio_entry *e);

#endif
