/* SPDX-License-Identifier: MIT */
/*
 * A process's descriptor table: number -> open file, and close-on-exec, which
 * belongs to the descriptor. Shared by CLONE_FILES.
 */
#ifndef FS_FDTABLE_H
#define FS_FDTABLE_H

#include <types.h>
#include "fs/file.h"

#define FD_MAX	1048576		/* no limit lets a number get higher */

struct fdtable;
struct proc;

void fdtable_cache_init(void);
int fdtable_create(struct fdtable **out);
/* fork: every descriptor refers to the same open file. -ENOMEM. */
int fdtable_fork(struct fdtable *from, struct fdtable **out);
struct fdtable *fdtable_get(struct fdtable *t);
void fdtable_put(struct fdtable *t);			/* last: closes everything */
int fdtable_unshare(struct proc *p);			/* exec, unshare: own copy if shared */
void fdtable_close_on_exec(struct fdtable *t);

/*
 * File behind fd of the current process. A referenced file; -EBADF as NULL.
 * fd_get takes a reference only when the table is shared; pair with fd_put:
 *	struct fdref r; if (!fd_get(fd, &r)) return -EBADF; ... r.file ...; fd_put(&r);
 */
struct fdref {
	struct file *file;
	bool counted;
};
bool fd_get(int fd, struct fdref *r);			/* O_PATH files are refused */
bool fd_get_any(int fd, struct fdref *r);		/* O_PATH files, too */
void fd_put(struct fdref *r);
/* Of any table; counted reference or NULL */
struct file *fd_file(struct fdtable *t, int fd);

/*
 * Smallest free number >= min gets f (the reference moves into the table).
 * -EMFILE (f stays the caller's), -ENOMEM.
 */
int fd_install(struct file *f, int min, bool cloexec);
/* Two-step form for calls that make two descriptors or may fail later. */
int fd_reserve(int min, bool cloexec);			/* fd or -EMFILE */
void fd_fill(int fd, struct file *f);			/* cannot fail */
void fd_unreserve(int fd);
int fd_close(int fd);
/*
 * dup2(2), dup3(2): fd refers to f from now on (a reference is taken), what was
 * there is closed. fd or -EBADF, -EBUSY, -ENOMEM.
 */
int fd_replace(int fd, struct file *f, bool cloexec);
int fd_get_cloexec(int fd);				/* 0, 1, -EBADF */
int fd_set_cloexec(int fd, bool on);			/* 0, -EBADF */
void fd_close_range(unsigned int first, unsigned int last, bool cloexec_only);
unsigned int fdtable_size(struct fdtable *t);		/* numbers there is room for now */
bool fdtable_cloexec(struct fdtable *t, int fd);
/* Iterate for /proc/PID/fd: next used number >= from, -1: none. */
int fdtable_next(struct fdtable *t, int from);

#endif
