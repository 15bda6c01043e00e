/* SPDX-License-Identifier: MIT */
/*
 * Character devices by number. A driver registers a struct chrdev; open(2) of a
 * device node of any file system finds it here by the node's number, and devfs
 * shows a node for it.
 *
 * Locks: chrdev_lock (spin) for the list. A driver
 * unregisters only what nobody can open any more, or whose cd_open says -ENXIO;
 * the chrdev itself must stay valid until then.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/chrdev.h"
#include "fs/devfs/devfs.h"
#include "fs/vnode.h"
#include "kernel/core/spinlock.h"

static struct spinlock chrdev_lock = SPINLOCK_INIT("chrdev", RANK_FS);
static LIST_HEAD(chrdevs);		/* [chrdev_lock] */

static struct chrdev *find_locked(u64 dev)
{
	struct chrdev *cd;

	KASSERT(lock_held(&chrdev_lock));
	list_for_each_entry(cd, &chrdevs, cd_link) {
		if (cd->cd_dev == dev)
			return cd;
	}
	return NULL;
}

static struct chrdev *chrdev_find(u64 dev)
{
	struct chrdev *cd;

	spin_lock(&chrdev_lock);
	cd = find_locked(dev);
	spin_unlock(&chrdev_lock);
	return cd;
}

int chrdev_register(struct chrdev *cd)
{
	int err = 0;

	KASSERT(cd->cd_fops || cd->cd_open);
	spin_lock(&chrdev_lock);
	if (find_locked(cd->cd_dev))
		err = -EEXIST;
	else
		list_add_tail(&cd->cd_link, &chrdevs);
	spin_unlock(&chrdev_lock);
	if (err)
		return err;
	err = cd->cd_name ? devfs_add_device(cd->cd_name, S_IFCHR | cd->cd_mode, cd->cd_dev) : 0;
	if (err) {
		spin_lock(&chrdev_lock);
		list_del(&cd->cd_link);
		spin_unlock(&chrdev_lock);
	}
	return err;
}

void chrdev_unregister(struct chrdev *cd)
{
	spin_lock(&chrdev_lock);
	list_del(&cd->cd_link);
	spin_unlock(&chrdev_lock);
	if (cd->cd_name)
		devfs_remove(cd->cd_name);
}

int chrdev_next_major(unsigned int from)
{
	struct chrdev *cd;
	int next = -1;

	spin_lock(&chrdev_lock);
	list_for_each_entry(cd, &chrdevs, cd_link) {
		unsigned int major = DEV_MAJOR(cd->cd_dev);

		if (major >= from && (next < 0 || major < (unsigned int)next))
			next = (int)major;
	}
	spin_unlock(&chrdev_lock);
	return next;
}

int chrdev_open(struct vnode *vn, struct file *f)
{
	struct chrdev *cd = chrdev_find(vn->v_rdev);

	if (!cd)
		return -ENXIO;
	if (cd->cd_fops)
		f->f_ops = cd->cd_fops;
	f->f_data = cd->cd_data;
	return cd->cd_open ? cd->cd_open(cd, f) : 0;
}
