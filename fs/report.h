/* SPDX-License-Identifier: MIT */
/*
 * Reports of fs/ about itself.
 */
#ifndef FS_REPORT_H
#define FS_REPORT_H

void fs_report_init(void);
/*
 * Write to /proc/sys/vm/drop_caches: 1 pages, 2 names and vnodes, 3 both.
 * -EINVAL.
 */
int drop_caches(unsigned int what);

#endif
