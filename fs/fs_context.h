/* SPDX-License-Identifier: MIT */
/*
 * Root, working directory and umask of a process. Life cycle calls are in
 * namei.h.
 */
#ifndef FS_FS_CONTEXT_H
#define FS_FS_CONTEXT_H

#include <atomic.h>
#include "fs/file.h"
#include "kernel/core/spinlock.h"

struct fs_context {
	refcount_t fc_ref;
	struct spinlock fc_lock;
	struct path fc_root;		/* [fc_lock] references */
	struct path fc_cwd;		/* [fc_lock] references */
	mode_t fc_umask;		/* [fc_lock] */
};

/* Of the current process; *out gets references. */
void fs_root(struct path *out);
void fs_cwd(struct path *out);
/* Is p the root directory? */
bool fs_at_root(const struct path *p);
mode_t fs_umask(void);
/* These take over p's references. */
void fs_set_cwd(struct path *p);
void fs_set_root(struct path *p);
long sys_umask(int mask);

#endif
