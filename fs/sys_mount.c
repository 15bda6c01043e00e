/* SPDX-License-Identifier: MIT */
/*
 * mount(2) and umount2(2).
 */
#include <errno.h>
#include "fs/dcache.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys_path.h"
#include "fs/walk.h"
#include "kernel/core/cred.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

/* Our mounts propagate nothing, which is what MS_PRIVATE asks for. */
#define PROPAGATION	(MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/*
 * Options are a string for all our file systems; at most a page, which need not
 * end in NUL.
 */
static int data_get(const void __user *udata, char **out)
{
	char *buf;
	size_t left;

	*out = NULL;
	if (!udata)
		return 0;
	buf = kzalloc(PAGE_SIZE);
	if (!buf)
		return -ENOMEM;
	left = copy_from_user_partial(buf, udata, PAGE_SIZE - 1);
	if (left == PAGE_SIZE - 1) {
		kfree(buf);
		return -EFAULT;
	}
	*out = buf;
	return 0;
}

static long mount_fs(const char *source, struct path *where, const char __user *utype,
		     unsigned long flags, const void __user *udata)
{
	char type[32], *data;
	ssize_t len = utype ? strncpy_from_user(type, utype, sizeof(type)) : -EINVAL;
	long err;

	if (len < 0)
		return len == -ENAMETOOLONG ? -ENODEV : len;
	err = data_get(udata, &data);
	if (err)
		return err;
	err = mount_new(type, source, where, flags, data);
	kfree(data);
	return err;
}

/* The forms of mount(2), told apart by flags in this order. */
static long do_mount(const char *source, struct path *where, const char __user *utype,
		     unsigned long flags, const void __user *udata)
{
	struct path from;
	char *data = NULL;
	long err;

	if (flags & MS_REMOUNT) {
		err = data_get(udata, &data);
		if (!err)
			err = mount_remount(where, flags, data);
		kfree(data);
		return err;
	}
	if (flags & (MS_BIND | MS_MOVE)) {
		if (!source || !*source)
			return -EINVAL;
		err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
		if (err)
			return err;
		if (flags & MS_BIND)
			err = mount_bind(&from, where, flags & MS_REC);
		else
			err = mount_move(&from, where);
		path_put(&from);
		return err;
	}
	if (flags & PROPAGATION)
		return (flags & PROPAGATION) == MS_PRIVATE &&
		       where->dentry == where->mnt->mnt_root ? 0 : -EINVAL;
	return mount_fs(source, where, utype, flags, udata);
}

long sys_mount(const char __user *usource, const char __user *target, const char __user *type,
	       unsigned long flags, const void __user *data)
{
	struct pathbuf source = { .pb_name = NULL };
	struct path where;
	long err;

	if (!cred_privileged(cred_current()))
		return -EPERM;
	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(unsigned long)MS_MGC_MSK;
	if (usource) {
		err = pathbuf_get(&source, usource);
		if (err)
			return err;
	}
	err = path_lookup_user(AT_FDCWD, target, LOOKUP_FOLLOW, &where);
	if (!err) {
		err = do_mount(source.pb_name, &where, type, flags, data);
		path_put(&where);
	}
	if (usource)
		pathbuf_put(&source);
	return err;
}

long sys_umount2(const char __user *target, int flags)
{
	struct path p;
	long err;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	err = cred_privileged(cred_current()) ? mount_umount(&p, flags) : -EPERM;
	dentry_put(p.dentry);
	mount_put_unused(p.mnt);
	return err;
}
