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
#include "fs/fdtable.h"
#include "fs/file.h"
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
	fs_report_init();
	err = mount_root("tmpfs", "rootfs", "mode=755");
	KASSERT_MSG(err == 0, "error %d", err);
	anon_init();
	memfd_init();
	devfs_init();
	blkdev_init();
	writeback_init();
}

/* The archive may have the mount point already; then so be it. */
static void mount_on_dir(const char *type, const char *where, unsigned long flags,
			 const char *options)
{
	int err = fs_make_dir(where, 0755);

	if (!err || err == -EEXIST)
		err = mount_at(type, type, where, flags, options);
	if (err)
		printk(KERN_ERR "cannot mount %s on %s (error %d)\n", type, where, err);
}

void fs_init_root(void)
{
	for (unsigned int i = 0; i < bootinfo.bi_nmodules; i++) {
		const struct boot_module *m = &bootinfo.bi_modules[i];
		int err = initramfs_unpack(m->start, m->end);

		if (err)
			printk(KERN_ERR "boot module %u is no cpio archive (error %d)\n", i, err);
	}
	mount_on_dir("devtmpfs", "/dev", MS_NOSUID, NULL);
	mount_on_dir("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_on_dir("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
}
