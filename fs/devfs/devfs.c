/* SPDX-License-Identifier: MIT */
/*
 * devfs, called devtmpfs as on Linux: inside it is a tmpfs, so root may also
 * make directories, links and nodes there. Its single super block exists from
 * boot on, mounted or not.
 *
 * Locks: the directory's v_lock, as every other change of names.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/devfs/devfs.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/lib/string.h"

static struct mount *dev_mount;		/* [I] keeps the instance; not in the tree */

static int devfs_mount(struct superblock *sb, const char *source, const char *data)
{
	int err = tmpfs_mount(sb, source, NULL);

	(void)data;
	if (!err)
		sb->sb_root->v_mode = S_IFDIR | 0755;
	return err;
}

static struct fs_type devfs_type = {
	.ft_name = "devtmpfs",
	.ft_mount = devfs_mount,
	.ft_statfs = tmpfs_statfs,
	.ft_single = true,
	.ft_pin_names = true,
};

/*
 * Make name in dir unless it is there; *out gets a reference if out is not
 * NULL.
 */
static int add_node(struct dentry *dir, const char *name, size_t len, u32 mode, u64 dev,
		    const char *target, struct dentry **out)
{
	struct path p = { dev_mount, dir };
	struct dentry *d, *made = NULL;
	int err;

	rwlock_write(&dir->d_vnode->v_lock);
	err = name_lookup(dir, name, len, true, &d);
	if (!err && d) {
		err = S_ISDIR(mode) && vnode_is_dir(d->d_vnode) ? 0 : -EEXIST;
		made = d;
	} else if (!err) {
		err = name_create(&p, name, len, NULL, mode, dev, target, &made);
	}
	rwlock_write_unlock(&dir->d_vnode->v_lock);
	if (!err && out)
		*out = made;
	else if (made)
		dentry_put(made);
	return err;
}

/*
 * The directory that name is in (made if need be), with a reference; *base is
 * the rest of it.
 */
static int find_dir(const char *name, bool make, struct dentry **dir, const char **base)
{
	struct dentry *root = dev_mount->mnt_root;
	const char *slash = strchr(name, '/');
	size_t len;

	*base = name;
	if (!slash) {
		*dir = dentry_get(root);
		return 0;
	}
	*base = slash + 1;
	len = (size_t)(slash - name);
	if (make)
		return add_node(root, name, len, S_IFDIR | 0755, 0, NULL, dir);
	return name_lookup(root, name, len, false, dir) ?: *dir ? 0 : -ENOENT;
}

static int devfs_add(const char *name, u32 mode, u64 dev, const char *target)
{
	struct dentry *dir;
	const char *base;
	int err = find_dir(name, true, &dir, &base);

	if (err)
		return err;
	err = add_node(dir, base, strlen(base), mode, dev, target, NULL);
	dentry_put(dir);
	return err;
}

int devfs_add_device(const char *name, u32 mode, u64 dev)
{
	return devfs_add(name, mode, dev, NULL);
}

static int devfs_add_link(const char *name, const char *target)
{
	return devfs_add(name, S_IFLNK | 0777, 0, target);
}

void devfs_remove(const char *name)
{
	struct dentry *dir, *d = NULL;
	struct vnode *dvn;
	const char *base;

	if (find_dir(name, false, &dir, &base))
		return;
	dvn = dir->d_vnode;
	rwlock_write(&dvn->v_lock);
	if (name_lookup(dir, base, strlen(base), true, &d) == 0 && d) {
		rwlock_write_nested(&d->d_vnode->v_lock);
		if (dvn->v_ops->vo_unlink(dvn, base, strlen(base), d->d_vnode) == 0)
			dentry_delete(d);
		rwlock_write_unlock(&d->d_vnode->v_lock);
	}
	rwlock_write_unlock(&dvn->v_lock);
	if (d)
		dentry_put(d);
	dentry_put(dir);
}

void devfs_init(void)
{
	static const char *const links[][2] = {
		{ "fd", "/proc/self/fd" },
		{ "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" },
		{ "stderr", "/proc/self/fd/2" },
	};
	int err;

	fs_type_register(&devfs_type);
	err = mount_internal("devtmpfs", &dev_mount);
	if (!err)
		err = devfs_add("pts", S_IFDIR | 0755, 0, NULL);
	for (size_t i = 0; !err && i < ARRAY_SIZE(links); i++)
		err = devfs_add_link(links[i][0], links[i][1]);
	KASSERT_MSG(err == 0, "error %d", err);
}
