/* SPDX-License-Identifier: MIT */
/*
 * What a vnode says of its file, and who may change it: owner and permissions, times, size,
 * who writes and who forbids that. Its life is vnode.c's.
 *
 * Locks: v_ilock (spin) for the attributes; v_lock for the size.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/mount.h"
#include "fs/vnode.h"
#include "kernel/core/timer.h"

void vtime_now(struct vtime *t)
{
	nsec_t now = clock_realtime();

	t->sec = now / NSEC_PER_SEC;
	t->nsec = now % NSEC_PER_SEC;
}

/* The time for vn's inode. */
static void vnode_now(const struct vnode *vn, struct vtime *t)
{
	vtime_now(t);
	vtime_fit(vn->v_sb->sb_times, t);
}

bool vnode_owner(const struct vnode *vn, const struct cred *cr)
{
	return cr->cr_fsuid == vn->v_uid || cred_privileged(cr);
}

/*
 * The class that applies first decides alone: owner, else group, else others
 * (path_resolution(7)). The superuser needs an execute bit somewhere to execute
 * a file.
 */
int vnode_permission(struct vnode *vn, int mask, const struct cred *cr)
{
	u32 mode = vn->v_mode;

	if (cred_privileged(cr)) {
		if (!(mask & MAY_EXEC) || S_ISDIR(mode) || (mode & 0111))
			return 0;
		return -EACCES;
	}
	if (cr->cr_fsuid == vn->v_uid)
		mode >>= 6;
	else if (cred_in_group(cr, vn->v_gid))
		mode >>= 3;
	return ((u32)mask & ~mode & 7) ? -EACCES : 0;
}

static void vnode_touched(struct vnode *vn)
{
	if (vn->v_sb->sb_type->ft_touched)
		vn->v_sb->sb_type->ft_touched(vn);
}

void vnode_touch(struct vnode *vn, bool atime, bool mtime, bool ctime)
{
	struct vtime now;

	vnode_now(vn, &now);
	spin_lock(&vn->v_ilock);
	if (atime)
		vn->v_atime = now;
	if (mtime)
		vn->v_mtime = now;
	if (ctime)
		vn->v_ctime = now;
	spin_unlock(&vn->v_ilock);
	vnode_touched(vn);
}

static bool vtime_after(const struct vtime *a, const struct vtime *b)
{
	return a->sec > b->sec || (a->sec == b->sec && a->nsec > b->nsec);
}

/*
 * relatime, as mount(8) says: when it is not later than mtime or ctime, or a
 * day old.
 */
void vnode_accessed(struct vnode *vn, const struct mount *mnt)
{
	struct vtime now;

	if ((mnt->mnt_flags | vn->v_sb->sb_flags) & (MS_NOATIME | MS_RDONLY))
		return;
	if ((mnt->mnt_flags & MS_NODIRATIME) && vnode_is_dir(vn))
		return;
	vnode_now(vn, &now);
	if (!(mnt->mnt_flags & MS_STRICTATIME) &&
	    vtime_after(&vn->v_atime, &vn->v_mtime) &&
	    vtime_after(&vn->v_atime, &vn->v_ctime) &&
	    now.sec - vn->v_atime.sec < 24 * 60 * 60)
		return;
	spin_lock(&vn->v_ilock);
	vn->v_atime = now;
	spin_unlock(&vn->v_ilock);
	vnode_touched(vn);
}

void vnode_setattr_generic(struct vnode *vn, const struct vattr *va)
{
	struct vtime now;

	KASSERT(rwlock_write_held(&vn->v_lock));
	vnode_now(vn, &now);
	if ((va->va_valid & ATTR_SIZE) && vnode_is_reg(vn)) {
		vm_object_truncate(&vn->v_object, (u64)va->va_size);
		vn->v_size = va->va_size;
	}
	spin_lock(&vn->v_ilock);
	if (va->va_valid & ATTR_MODE)
		vn->v_mode = (vn->v_mode & S_IFMT) | (va->va_mode & 07777);
	if (va->va_valid & ATTR_UID)
		vn->v_uid = va->va_uid;
	if (va->va_valid & ATTR_GID)
		vn->v_gid = va->va_gid;
	if (va->va_valid & ATTR_ATIME) {
		vn->v_atime = va->va_atime;
		vtime_fit(vn->v_sb->sb_times, &vn->v_atime);
	}
	if (va->va_valid & ATTR_MTIME) {
		vn->v_mtime = va->va_mtime;
		vtime_fit(vn->v_sb->sb_times, &vn->v_mtime);
	} else if (va->va_valid & ATTR_SIZE) {
		vn->v_mtime = now;
	}
	vn->v_ctime = now;
	spin_unlock(&vn->v_ilock);
}

void vnode_init_owner(struct vnode *vn, const struct vnode *dir)
{
	const struct cred *cr = cred_current();

	vn->v_uid = cr->cr_fsuid;
	vn->v_gid = cr->cr_fsgid;
	if (!(dir->v_mode & S_ISGID))
		return;
	vn->v_gid = dir->v_gid;
	if (vnode_is_dir(vn))
		vn->v_mode |= S_ISGID;
	else if ((vn->v_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		 !cred_in_group(cr, vn->v_gid) && !cred_privileged(cr))
		vn->v_mode &= ~S_ISGID;
}

int vnode_setattr(struct vnode *vn, const struct vattr *va)
{
	KASSERT(rwlock_write_held(&vn->v_lock));
	if (vn->v_ops->vo_setattr)
		return vn->v_ops->vo_setattr(vn, va);
	vnode_setattr_generic(vn, va);
	return 0;
}

void vnode_drop_setid(struct vnode *vn)
{
	u32 mode = vn->v_mode;
	struct vattr va = { .va_valid = ATTR_MODE, .va_mode = mode & ~S_ISUID };

	if (likely(!(mode & (S_ISUID | S_ISGID))) || cred_privileged(cred_current()))
		return;
	/* Without group execute, setgid means mandatory locking and stays. */
	if (mode & S_IXGRP)
		va.va_mode &= ~S_ISGID;
	if (va.va_mode != mode)
		(void)vnode_setattr(vn, &va);
}

int vnode_truncate(struct vnode *vn, s64 size)
{
	struct vattr va = { .va_valid = ATTR_SIZE | ATTR_MTIME, .va_size = size };
	int err;

	KASSERT(vnode_is_reg(vn) && size >= 0);
	vtime_now(&va.va_mtime);
	rwlock_write(&vn->v_lock);
	if ((size < vn->v_size && (vn->v_seals & F_SEAL_SHRINK)) ||
	    (size > vn->v_size && (vn->v_seals & F_SEAL_GROW))) {
		err = -EPERM;
	} else {
		vnode_drop_setid(vn);
		err = vnode_setattr(vn, &va);
	}
	rwlock_write_unlock(&vn->v_lock);
	return err;
}

int vnode_get_write(struct vnode *vn)
{
	s32 n = atomic_read(&vn->v_writers);

	while (n >= 0) {
		s32 found = atomic_cmpxchg(&vn->v_writers, n, n + 1);

		if (found == n)
			return 0;
		n = found;
	}
	return -ETXTBSY;
}

void vnode_put_write(struct vnode *vn)
{
	s32 left = atomic_dec_return(&vn->v_writers);

	KASSERT(left >= 0);
}

int vnode_deny_write(struct vnode *vn)
{
	s32 n = atomic_read(&vn->v_writers);

	while (n <= 0) {
		s32 found = atomic_cmpxchg(&vn->v_writers, n, n - 1);

		if (found == n)
			return 0;
		n = found;
	}
	return -ETXTBSY;
}

void vnode_allow_write(struct vnode *vn)
{
	s32 left = atomic_inc_return(&vn->v_writers);

	KASSERT(left <= 0);
}

void vnode_stat(struct vnode *vn, struct stat *st)
{
	if (vn->v_ops->vo_getattr)
		vn->v_ops->vo_getattr(vn);
	*st = (struct stat){
		.st_dev = vn->v_sb->sb_dev,
		.st_ino = vn->v_ino,
		.st_nlink = vn->v_nlink,
		.st_rdev = vn->v_rdev,
		.st_size = vn->v_size,
		.st_blksize = PAGE_SIZE,
		.st_blocks = (s64)READ_ONCE(vn->v_blocks),
	};
	spin_lock(&vn->v_ilock);
	st->st_mode = vn->v_mode;
	st->st_uid = vn->v_uid;
	st->st_gid = vn->v_gid;
	st->st_atime = (u64)vn->v_atime.sec;
	st->st_atime_nsec = vn->v_atime.nsec;
	st->st_mtime = (u64)vn->v_mtime.sec;
	st->st_mtime_nsec = vn->v_mtime.nsec;
	st->st_ctime = (u64)vn->v_ctime.sec;
	st->st_ctime_nsec = vn->v_ctime.nsec;
	spin_unlock(&vn->v_ilock);
}
