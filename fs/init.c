/* SPDX-License-Identifier: MIT */
/*
 * fs/ at boot.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "fs/anon.h"
#include "fs/blkdev.h"
#include "fs/dcache.h"
#include "fs/devfs/devfs.h"
#include "fs/ext2/ext2.h"
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/fs_context.h"
#include "fs/init.h"
#include "fs/inotify.h"
#include "fs/locks.h"
#include "fs/memfd.h"
#include "fs/mount.h"
#include "fs/name_ops.h"
#include "fs/namei.h"
#include "fs/procfs/procfs.h"
#include "fs/report.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vnode.h"
#include "fs/writeback.h"
#include "kernel/core/printk.h"
#include "mm/page.h"

void fs_init(void)
{
	int err;

	file_cache_init();
	fdtable_cache_init();
	vnode_cache_init();
	dcache_init();
	mount_init();
	name_ops_init();
	locks_init();
	inotify_cache_init();
	tmpfs_init();
	procfs_init();
	ext2_init();
	fs_report_init();
	err = mount_root("tmpfs", "rootfs", "mode=755");
	KASSERT_MSG(err == 0, "error %d", err);
	anon_init();
	memfd_init();
	devfs_init();
	blkdev_init();
	writeback_init();
}

static const struct {
	const char *type, *where;
	unsigned long flags;
	const char *options;
} kernel_mounts[] = {
	{ "devtmpfs", "/dev", MS_NOSUID, NULL },
	{ "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777" },
};

/* make: the directories too. Otherwise, what is not there needs no mount. */
static void mount_kernels_own(bool make)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_mounts); i++) {
		const char *type = kernel_mounts[i].type, *where = kernel_mounts[i].where;
		int err = make ? fs_make_dir(where, 0755) : 0;

		if (!err || err == -EEXIST)
			err = mount_at(type, type, where, kernel_mounts[i].flags,
				       kernel_mounts[i].options);
		if (err && (make || err != -ENOENT))
			printk(KERN_ERR "cannot mount %s on %s (error %d)\n", type, where, err);
	}
}

void fs_init_root(bool unpack)
{
	for (unsigned int i = 0; i < bootinfo.bi_nmodules; i++) {
		const struct boot_module *m = &bootinfo.bi_modules[i];
		int err = 0;

		if (unpack)
			err = initramfs_unpack(m->start, m->end);
		else
			page_add_range(m->start, m->end);
		if (err)
			printk(KERN_ERR "boot module %u is no cpio archive (error %d)\n", i, err);
	}
	mount_kernels_own(true);
}

/* With the first type that knows the format. */
static int mount_any(const char *source, const char *type, struct path *where,
		     unsigned long flags)
{
	struct fs_type *ft = NULL;
	int err = -ENODEV;

	if (type)
		return mount_new(type, source, where, flags, NULL);
	while ((ft = fs_type_next(ft))) {
		if (ft->ft_needs_dev)
			err = mount_new(ft->ft_name, source, where, flags, NULL);
		if (err != -EINVAL && err != -ENODEV)
			break;
	}
	return err;
}

int fs_switch_root(const char *source, const char *type, unsigned long flags)
{
	struct path root;
	int err;

	if (!blkdev_by_name(source))
		return -ENXIO;
	fs_root(&root);
	err = mount_any(source, type, &root, flags);
	if (err) {
		path_put(&root);
		return err;
	}
	mount_cross_down(&root);
	path_get(&root);
	fs_set_root(&root);
	fs_set_cwd(&root);
	mount_kernels_own(false);
	return 0;
}
