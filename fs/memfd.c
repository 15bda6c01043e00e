/* SPDX-License-Identifier: MIT */
/*
 * memfd_create(2): a tmpfs file on a mount that is nowhere in the tree. Sealing
 * is not offered: MFD_ALLOW_SEALING is -EINVAL, as on kernels before it
 * existed.
 */
#include <abi/mman.h>
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/memfd.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys_file.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vnode.h"
#include "kernel/core/cred.h"
#include "kernel/lib/string.h"
#include "mm/uaccess.h"

#define MEMFD_PREFIX	"memfd:"
#define MEMFD_NAME_MAX	(NAME_MAX - (sizeof(MEMFD_PREFIX) - 1))

static struct mount *memfd_mount;		/* [I] */

void memfd_init(void)
{
	int err = mount_internal("tmpfs", &memfd_mount);

	KASSERT_MSG(err == 0, "error %d", err);
}

/* A place whose file has no link, under a name that only /proc shows. */
static int memfd_path(const char *name, size_t len, struct path *out)
{
	struct dentry *d;
	struct vnode *vn;
	int err = dentry_alloc(memfd_mount->mnt_root, name, len, &d);

	if (err)
		return err;
	err = tmpfs_vnode(memfd_mount->mnt_sb, S_IFREG | 0777, &vn);
	if (err) {
		dentry_put(d);
		return err;
	}
	vn->v_uid = cred_current()->cr_fsuid;
	vn->v_gid = cred_current()->cr_fsgid;
	dentry_bind(d, vn);
	dentry_delete(d);
	out->mnt = mount_get(memfd_mount);
	out->dentry = d;
	return 0;
}

long sys_memfd_create(const char __user *uname, unsigned int flags)
{
	char name[NAME_MAX + 1] = MEMFD_PREFIX;
	struct file *f;
	struct path p;
	ssize_t len;
	int fd, err;

	if (flags & ~MFD_CLOEXEC)
		return -EINVAL;
	len = strncpy_from_user(name + sizeof(MEMFD_PREFIX) - 1, uname, MEMFD_NAME_MAX + 1);
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	fd = fd_reserve(0, flags & MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	err = memfd_path(name, strlen(name), &p);
	if (!err) {
		err = file_open_path(&p, O_RDWR, &f);
		path_put(&p);
	}
	if (err) {
		fd_unreserve(fd);
		return err;
	}
	fd_fill(fd, f);
	return fd;
}
