/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes, xattr(7), of file systems that have none: what their
 * names and the file's type forbid is reported first, then -EOPNOTSUPP; lists
 * are empty.
 */
#include <errno.h>
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys_path.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/cred.h"
#include "kernel/lib/string.h"
#include "mm/uaccess.h"

#define XATTR_NAME_MAX	255
#define XATTR_SIZE_MAX	65536

enum xattr_op { XATTR_GET, XATTR_SET, XATTR_REMOVE, XATTR_LIST };

struct xattr_call {
	enum xattr_op op;
	size_t size;
	int flags;
	char name[XATTR_NAME_MAX + 1];
};

static int call_init(struct xattr_call *c, enum xattr_op op, const char __user *name, size_t size,
		     int flags)
{
	ssize_t len;

	c->op = op;
	c->size = size;
	c->flags = flags;
	if (op == XATTR_LIST)
		return 0;
	if (op == XATTR_SET && (flags & ~(XATTR_CREATE | XATTR_REPLACE)))
		return -EINVAL;
	len = strncpy_from_user(c->name, name, sizeof(c->name));
	if (len == 0 || len == -ENAMETOOLONG)
		return -ERANGE;
	if (len < 0)
		return (int)len;
	return op == XATTR_SET && size > XATTR_SIZE_MAX ? -E2BIG : 0;
}

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static int call_run(const struct xattr_call *c, const struct path *p)
{
	struct vnode *vn = p->dentry->d_vnode;
	const struct cred *cr = cred_current();
	bool write = c->op == XATTR_SET || c->op == XATTR_REMOVE;
	int err;

	if (c->op == XATTR_LIST)
		return 0;
	if (write) {
		err = mount_check_write(p->mnt);
		if (err)
			return err;
	}
	if (has_prefix(c->name, "security.") || has_prefix(c->name, "system."))
		return -EOPNOTSUPP;
	if (has_prefix(c->name, "trusted.")) {
		if (!cred_privileged(cr))
			return write ? -EPERM : -ENODATA;
		return -EOPNOTSUPP;
	}
	if (has_prefix(c->name, "user.") && !vnode_is_reg(vn) && !vnode_is_dir(vn))
		return write ? -EPERM : -ENODATA;
	err = vnode_permission(vn, write ? MAY_WRITE : MAY_READ, cr);
	return err ? err : -EOPNOTSUPP;
}

static long on_path(const char __user *path, bool follow, enum xattr_op op,
		    const char __user *name, size_t size, int flags)
{
	struct xattr_call c;
	struct path p;
	int err = call_init(&c, op, name, size, flags);

	if (err)
		return err;
	err = path_lookup_user(AT_FDCWD, path, follow ? LOOKUP_FOLLOW : 0, &p);
	if (err)
		return err;
	err = call_run(&c, &p);
	path_put(&p);
	return err;
}

static long on_fd(int fd, enum xattr_op op, const char __user *name, size_t size, int flags)
{
	struct xattr_call c;
	struct fdref r;
	struct path p;
	int err;

	if (!fd_get(fd, &r))
		return -EBADF;
	err = call_init(&c, op, name, size, flags);
	if (!err)
		err = path_of_file(r.file, &p);
	if (!err) {
		err = call_run(&c, &p);
		path_put(&p);
	}
	fd_put(&r);
	return err;
}

long sys_setxattr(const char __user *path, const char __user *name, const void __user *value,
		  size_t size, int flags)
{
	(void)value;
	return on_path(path, true, XATTR_SET, name, size, flags);
}

long sys_lsetxattr(const char __user *path, const char __user *name, const void __user *value,
		   size_t size, int flags)
{
	(void)value;
	return on_path(path, false, XATTR_SET, name, size, flags);
}

long sys_fsetxattr(int fd, const char __user *name, const void __user *value, size_t size,
		   int flags)
{
	(void)value;
	return on_fd(fd, XATTR_SET, name, size, flags);
}

long sys_getxattr(const char __user *path, const char __user *name, void __user *value,
		  size_t size)
{
	(void)value;
	return on_path(path, true, XATTR_GET, name, size, 0);
}

long sys_lgetxattr(const char __user *path, const char __user *name, void __user *value,
		   size_t size)
{
	(void)value;
	return on_path(path, false, XATTR_GET, name, size, 0);
}

long sys_fgetxattr(int fd, const char __user *name, void __user *value, size_t size)
{
	(void)value;
	return on_fd(fd, XATTR_GET, name, size, 0);
}

long sys_listxattr(const char __user *path, char __user *list, size_t size)
{
	(void)list;
	return on_path(path, true, XATTR_LIST, NULL, size, 0);
}

long sys_llistxattr(const char __user *path, char __user *list, size_t size)
{
	(void)list;
	return on_path(path, false, XATTR_LIST, NULL, size, 0);
}

long sys_flistxattr(int fd, char __user *list, size_t size)
{
	(void)list;
	return on_fd(fd, XATTR_LIST, NULL, size, 0);
}

long sys_removexattr(const char __user *path, const char __user *name)
{
	return on_path(path, true, XATTR_REMOVE, name, 0, 0);
}

long sys_lremovexattr(const char __user *path, const char __user *name)
{
	return on_path(path, false, XATTR_REMOVE, name, 0, 0);
}

long sys_fremovexattr(int fd, const char __user *name)
{
	return on_fd(fd, XATTR_REMOVE, name, 0, 0);
}
