/* SPDX-License-Identifier: MIT */
/*
 * Registry of named text reports, which procfs shows as files at its root, and
 * of named counters, which /proc/counts lists (tests compare them before and after).
 */
#ifndef KERNEL_CORE_STATREG_H
#define KERNEL_CORE_STATREG_H

#include <compiler.h>
#include <list.h>
#include <types.h>

/* Text of a report, cut off where the buffer ends; fs/procfs makes it and asks again. */
struct statbuf {
	char *sb_buf;
	size_t sb_size;
	size_t sb_len;		/* of the whole text, may exceed sb_size */
};
void stat_printf(struct statbuf *sb, const char *fmt, ...) __printf(2, 3);

struct statreport {
	const char *sr_name;			/* file name under /proc */
	void (*sr_show)(struct statbuf *sb);	/* may sleep */
	/* Write to the file: NUL-terminated text; 0 or -errno. NULL: read-only. */
	int (*sr_store)(const char *text, size_t len);
	struct list_head sr_link;
};
void statreport_register(struct statreport *sr);	/* at boot only */
struct statreport *statreport_next(struct statreport *prev);	/* NULL: first */

struct statcounter {
	const char *sc_name;
	u64 (*sc_read)(void);
	struct list_head sc_link;
};
void statcounter_register(struct statcounter *sc);
void statcounter_show(struct statbuf *sb);		/* "name value" lines */

#endif
