/* SPDX-License-Identifier: MIT */
/*
 * Reports of fs/ about itself.
 */
#ifndef FS_REPORT_H
#define FS_REPORT_H

#include "kernel/core/statreg.h"

void fs_report_init(void);

/* A number of at most max, as it is written to a file of /proc/sys. -EINVAL. */
int report_store_number(u32 *to, const char *text, u32 max);
/*
 * report_NAME, the report of a u32 that can be read and set; to be registered. changed: a
 * statement for when it has been set.
 */
#define REPORT_NUMBER(name, path, variable, max, changed)			\
static void show_##name(struct statbuf *sb)					\
{										\
	stat_printf(sb, "%u\n", READ_ONCE(variable));				\
}										\
static int store_##name(const char *text, size_t len)				\
{										\
	int err = report_store_number(&(variable), text, max);			\
										\
	(void)len;								\
	if (!err)								\
		changed;							\
	return err;								\
}										\
static struct statreport report_##name = {					\
	.sr_name = path #name, .sr_show = show_##name, .sr_store = store_##name, \
}

/*
 * Write to /proc/sys/vm/drop_caches: 1 pages, 2 names and vnodes, 3 both.
 * -EINVAL.
 */
int drop_caches(unsigned int what);

#endif
