/* SPDX-License-Identifier: MIT */
/*
 * The locks of the mount table, for the files that walk it.
 */
#ifndef FS_MOUNT_IMPL_H
#define FS_MOUNT_IMPL_H

#include "kernel/core/mutex.h"
#include "kernel/core/spinlock.h"

extern struct mutex mount_list_lock;		/* looking through the lists */
extern struct spinlock mount_hash_lock;		/* ... and crossing it; see mount.c */

#endif
