/* SPDX-License-Identifier: MIT */
/*
 * Character devices: drivers register a number range and file_ops; devfs gets a
 * node.
 */
#ifndef FS_CHRDEV_H
#define FS_CHRDEV_H

#include <types.h>
#include "fs/file.h"

#define MKDEV(ma, mi)	((u64)(((ma) & 0xfff) << 8 | ((mi) & 0xff) | (u64)((mi) & ~0xffu) << 12))
#define DEV_MAJOR(d)	((unsigned int)((d) >> 8 & 0xfff))
#define DEV_MINOR(d)	((unsigned int)(((d) & 0xff) | ((d) >> 12 & 0xffffff00)))

struct chrdev {
	const char *cd_name;		/* node name in /dev, may contain one '/' (pts/0) */
	u64 cd_dev;
	u32 cd_mode;			/* permissions of the node */
	/*
	 * open(2): sets f_data and may replace f_ops. NULL: just f_ops =
	 * cd_fops.
	 */
	int (*cd_open)(struct chrdev *cd, struct file *f);
	const struct file_ops *cd_fops;
	void *cd_data;
	struct list_head cd_link;
};

int chrdev_register(struct chrdev *cd);		/* -EEXIST */
void chrdev_unregister(struct chrdev *cd);
/*
 * Smallest major number >= from that a device has, for /proc/devices; -1: none.
 */
int chrdev_next_major(unsigned int from);
/* vo_open of device vnodes of every file system calls this. -ENXIO. */
int chrdev_open(struct vnode *vn, struct file *f);

#endif
