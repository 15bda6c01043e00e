/* SPDX-License-Identifier: MIT */
/*
 * /proc/vnodes, and dropping of caches. /proc/openfiles is in file.c.
 */
#include <errno.h>
#include "fs/blkfile.h"
#include "fs/bufcache.h"
#include "fs/dcache.h"
#include "fs/mount.h"
#include "fs/mount_impl.h"
#include "fs/report.h"
#include "fs/vnode.h"
#include "kernel/core/statreg.h"

#define LINES	16

static void vnodes_show_sb(struct statbuf *sb, struct superblock *s)
{
	static const char types[16] = "?pc?d?b?-?l?s???";
	struct vnode_line l[LINES];
	unsigned long pos = 0;
	unsigned int n;

	while ((n = vnode_list(s, &pos, l, LINES)) > 0) {
		for (unsigned int i = 0; i < n; i++)
			stat_printf(sb, "%lu:%-6lu %4d %4u %c%04o %5u %5u %10ld %6lu %3d %s\n",
				    s->sb_dev, l[i].ino, l[i].ref, l[i].nlink,
				    types[l[i].mode >> 12 & 15], l[i].mode & 07777, l[i].uid,
				    l[i].gid, l[i].size, l[i].pages, l[i].writers,
				    s->sb_type->ft_name);
	}
}

static void vnodes_show(struct statbuf *sb)
{
	struct superblock *s = NULL;

	stat_printf(sb, "vnode    refs link tmode   uid   gid       size  pages  wr fs\n");
	mutex_lock(&mount_list_lock);
	while ((s = superblock_next(s)))
		vnodes_show_sb(sb, s);
	mutex_unlock(&mount_list_lock);
}

static bool drop_clean(struct vm_object *vo)
{
	(void)vm_object_drop_clean(vo, 0, ~0ul);
	return false;
}

static void drop_pages(struct superblock *sb, void *arg)
{
	(void)arg;
	(void)vnode_any_object(sb, drop_clean);
}

int drop_caches(unsigned int what)
{
	if (what < 1 || what > 4)
		return -EINVAL;
	if (what & 1) {
		buf_shrink(~0ul);
		buf_shrink(~0ul);
		superblock_for_each(drop_pages, NULL);
		drop_pages(blkfile_superblock(), NULL);
	}
	if (what & 2) {
		/* The first round only clears "used recently". */
		for (int round = 0; round < 2; round++)
			dcache_shrink(NULL, ~0UL);
		vnode_shrink(NULL, ~0UL);
	}
	return 0;
}

static struct statreport vnodes_report = { .sr_name = "vnodes", .sr_show = vnodes_show };

int report_store_number(u32 *to, const char *text, u32 max)
{
	u64 n = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++)
		n = min(n * 10 + (u64)(*text - '0'), (u64)UINT32_MAX);
	if ((*text && *text != '\n') || n > max)
		return -EINVAL;
	WRITE_ONCE(*to, (u32)n);
	return 0;
}

void fs_report_init(void)
{
	statreport_register(&vnodes_report);
}
