/* SPDX-License-Identifier: MIT */
/*
 * The mount table and its locks, for the files that walk it.
 */
#ifndef FS_MOUNT_IMPL_H
#define FS_MOUNT_IMPL_H

#include <list.h>
#include "kernel/core/mutex.h"
#include "kernel/core/spinlock.h"

extern struct mutex mount_list_lock;		/* looking through the lists */
extern struct spinlock mount_hash_lock;		/* ... and crossing it; see mount.c */
extern struct list_head all_mounts;		/* [m] */

#endif
