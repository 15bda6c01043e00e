/* SPDX-License-Identifier: MIT */
/*
 * Pages of files that lie on a block device, read and written through vo_bmap. A file system
 * gives the objects of its regular files this pager.
 */
#ifndef FS_PAGEIO_H
#define FS_PAGEIO_H

#include "mm/object.h"

extern const struct vm_pager pageio_pager;

#endif
