/* SPDX-License-Identifier: MIT */
/*
 * inotify(7): files tell who watches them what happens to them.
 *
 * The calls below stand where things happen. As long as nobody watches anything,
 * each is a load and a branch.
 */
#ifndef FS_INOTIFY_H
#define FS_INOTIFY_H

#include <abi/inotify.h>
#include <atomic.h>
#include <compiler.h>
#include <types.h>
#include "fs/file.h"

struct dentry;
struct superblock;
struct vnode;

extern atomic_t inotify_watches;	/* [a] watches in the whole system */

static inline bool inotify_on(void)
{
	return unlikely(atomic_read(&inotify_watches) != 0);
}

/* No spin lock may be held for any of these. See the inline functions. */
void inotify_tell_dentry(struct dentry *d, u32 mask);
void inotify_tell_vnode(struct vnode *vn, u32 mask);
void inotify_tell_dir(struct vnode *dir, u32 mask, const char *name, size_t len, u32 cookie);
void inotify_tell_gone(struct vnode *vn);
u32 inotify_cookie(void);

/* Something happened to the file at d: who watches it hears it, and who watches its directory. */
static inline void inotify_dentry(struct dentry *d, u32 mask)
{
	if (inotify_on())
		inotify_tell_dentry(d, mask);
}

/* The same for an open file; those without a name are nobody's business. */
static inline void inotify_file(struct file *f, u32 mask)
{
	if (inotify_on() && f->f_path.dentry)
		inotify_tell_dentry(f->f_path.dentry, mask);
}

/* Only who watches the file itself hears it. */
static inline void inotify_self(struct vnode *vn, u32 mask)
{
	if (inotify_on())
		inotify_tell_vnode(vn, mask);
}

/* An entry of dir came or went. mask: with IN_ISDIR if it is a directory. */
static inline void inotify_entry(struct vnode *dir, u32 mask, const char *name, size_t len)
{
	if (inotify_on())
		inotify_tell_dir(dir, mask, name, len, 0);
}

/* The last use of a name of vn is over; was it the last name? */
static inline void inotify_name_gone(struct vnode *vn)
{
	if (inotify_on())
		inotify_tell_gone(vn);
}

/* sb is being unmounted: all watches in it end. */
void inotify_unmount(struct superblock *sb);
void inotify_cache_init(void);

long sys_inotify_init(void);
long sys_inotify_init1(int flags);
long sys_inotify_add_watch(int fd, const char __user *name, u32 mask);
long sys_inotify_rm_watch(int fd, int wd);

#endif
