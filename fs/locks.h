/* SPDX-License-Identifier: MIT */
/*
 * Advisory locks on files: POSIX record locks (owner: descriptor table), open
 * file description locks and flock(2) (owner: open file).
 */
#ifndef FS_LOCKS_H
#define FS_LOCKS_H

#include <abi/fcntl.h>
#include <types.h>

struct fdtable;
struct file;
struct file_locks;
struct statbuf;
struct vnode;

/* fcntl(2): cmd is one of F_[OFD_]{GETLK,SETLK,SETLKW}. */
long locks_fcntl(struct file *f, int fd, unsigned int cmd, struct flock __user *arg);
/* flock(2) on f; op: LOCK_SH, LOCK_EX, LOCK_UN, | LOCK_NB. */
long locks_flock(struct file *f, int op);
/*
 * A descriptor of table owner that referred to vn was closed: its record locks
 * go.
 */
void locks_release_owner(struct vnode *vn, struct fdtable *owner);
/* Last reference of f is gone. */
void locks_release_file(struct file *f);
/* The vnode ends. */
void locks_free(struct vnode *vn);
void locks_init(void);

#endif
