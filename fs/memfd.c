/* SPDX-License-Identifier: MIT */
/*
 * memfd_create(2): a tmpfs file on a mount that is nowhere in the tree; and the
 * seals of such files, which say what nobody may do with them any more. Any file
 * of tmpfs has them, but those that were not made by memfd_create(2) with
 * MFD_ALLOW_SEALING have F_SEAL_SEAL from the start.
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

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
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
	if (flags & MFD_ALLOW_SEALING)
		f->f_vnode->v_seals = 0;
	fd_fill(fd, f);
	return fd;
}

/* v_lock is held for writing, so no write(2) is under way. */
static int seals_add(struct vnode *vn, u32 seals)
{
	if (vn->v_seals & F_SEAL_SEAL)
		return -EPERM;
	if ((seals & F_SEAL_WRITE) && !vm_object_seal(&vn->v_object))
		return -EBUSY;
	WRITE_ONCE(vn->v_seals, vn->v_seals | seals);
	return 0;
}

long seals_fcntl(struct file *f, unsigned int cmd, u32 seals)
{
	struct vnode *vn = f->f_vnode;
	int err;

	if (!vn || !(vn->v_flags & VNF_SEALABLE))
		return -EINVAL;
	if (cmd == F_GET_SEALS)
		return (long)READ_ONCE(vn->v_seals);
	if (!file_writable(f))
		return -EPERM;
	if (seals & ~(u32)(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
			   F_SEAL_FUTURE_WRITE))
		return -EINVAL;
	rwlock_write(&vn->v_lock);
	err = seals_add(vn, seals);
	rwlock_write_unlock(&vn->v_lock);
	return err;
}
