/* SPDX-License-Identifier: MIT */
/*
 * An open file without a vnode has no place in the name space. Some calls need
 * one: opening or stat'ing /proc/self/fd/0 when that is a pipe, fchownat with
 * AT_EMPTY_PATH. They get a dentry and a vnode on a mount that is nowhere in
 * the tree, made for the occasion; the vnode holds the file (VNF_ANON).
 */
#include <errno.h>
#include <kassert.h>
#include "fs/anon.h"
#include "fs/dcache.h"
#include "fs/mount.h"
#include "fs/vnode.h"
#include "kernel/core/timer.h"
#include "kernel/lib/fmt.h"

static struct mount *anon_mount;		/* [I] */

static void anon_inactive(struct vnode *vn)
{
	if (vn->v_data)
		file_put(vn->v_data);
}

static const struct vnode_ops anon_vnode_ops = {
	.vo_inactive = anon_inactive,
};

static int anon_fs_mount(struct superblock *sb, const char *source, const char *data)
{
	struct vnode *vn;
	int err;

	(void)source;
	(void)data;
	sb->sb_magic = ANON_INODE_FS_MAGIC;
	err = vnode_alloc(sb, 1, S_IFDIR | 0500, &vn);
	if (err)
		return err;
	vn->v_ops = &anon_vnode_ops;
	sb->sb_root = vn;
	return 0;
}

static struct fs_type anon_fs_type = {
	.ft_name = "anon_inodefs",
	.ft_mount = anon_fs_mount,
	.ft_single = true,
	.ft_no_names = true,
};

void anon_init(void)
{
	int err;

	fs_type_register(&anon_fs_type);
	err = mount_internal("anon_inodefs", &anon_mount);
	KASSERT_MSG(err == 0, "error %d", err);
}

size_t anon_name(const struct file *f, char *buf, size_t size)
{
	if (!f->f_anon_class)
		return (size_t)snprintf(buf, size, "anon_inode:[file]");
	/*
	 * One inode number for all of a class that does not number its objects.
	 */
	if (!f->f_anon_ino)
		return (size_t)snprintf(buf, size, "anon_inode:[%s]", f->f_anon_class);
	return (size_t)snprintf(buf, size, "%s:[%lu]", f->f_anon_class, f->f_anon_ino);
}

u32 anon_magic(const struct file *f)
{
	switch (f->f_anon_mode & S_IFMT) {
	case S_IFIFO:
		return PIPEFS_MAGIC;
	case S_IFSOCK:
		return SOCKFS_MAGIC;
	default:
		return ANON_INODE_FS_MAGIC;
	}
}

int anon_path(struct file *f, struct path *out)
{
	char name[48];
	struct dentry *d;
	struct vnode *vn;
	int err;

	err = vnode_alloc(anon_mount->mnt_sb, f->f_anon_ino, f->f_anon_mode, &vn);
	if (err)
		return err;
	vn->v_ops = &anon_vnode_ops;
	vn->v_flags = VNF_ANON;
	vn->v_data = file_get(f);
	vn->v_uid = f->f_cred->cr_fsuid;
	vn->v_gid = f->f_cred->cr_fsgid;
	err = dentry_alloc(anon_mount->mnt_root, name, anon_name(f, name, sizeof(name)), &d);
	if (err) {
		vnode_put(vn);
		return err;
	}
	dentry_bind(d, vn);
	out->mnt = mount_get(anon_mount);
	out->dentry = d;
	return 0;
}

void anon_stat(struct file *f, struct stat *st)
{
	*st = (struct stat){
		.st_dev = anon_mount->mnt_sb->sb_dev,
		.st_ino = f->f_anon_ino,
		.st_nlink = 1,
		.st_mode = f->f_anon_mode,
		.st_uid = f->f_cred->cr_fsuid,
		.st_gid = f->f_cred->cr_fsgid,
		.st_blksize = PAGE_SIZE,
	};
}
