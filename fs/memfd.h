/* SPDX-License-Identifier: MIT */
/*
 * Files in memory without a name: memfd_create(2).
 */
#ifndef FS_MEMFD_H
#define FS_MEMFD_H

void memfd_init(void);

#endif
