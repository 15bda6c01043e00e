/* SPDX-License-Identifier: MIT */
/*
 * Open files without a name (pipes, sockets ...) as places: for /proc/PID/fd/N
 * and AT_EMPTY_PATH.
 */
#ifndef FS_ANON_H
#define FS_ANON_H

#include <abi/stat.h>
#include "fs/file.h"

void anon_init(void);
/*
 * A place whose vnode stands for f; opening it gives f itself. References are
 * taken. -ENOMEM.
 */
int anon_path(struct file *f, struct path *out);
/* fstat(2) of a file without a vnode. */
void anon_stat(struct file *f, struct stat *st);
u32 anon_magic(const struct file *f);		/* statfs(2) f_type */
/* "pipe:[123]"; returns length. */
size_t anon_name(const struct file *f, char *buf, size_t size);

#endif
