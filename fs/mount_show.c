/* SPDX-License-Identifier: MIT */
/*
 * What /proc/PID/mounts, /proc/PID/mountinfo and statfs(2) say of mounts.
 */
#include "fs/chrdev.h"
#include "fs/dcache.h"
#include "fs/mount.h"
#include "fs/mount_impl.h"
#include "fs/namei.h"
#include "kernel/core/statreg.h"
#include "mm/slab.h"

static const struct {
	unsigned long flag;
	const char *text;
	s64 st;
} flag_names[] = {
	{ MS_NOSUID, ",nosuid", ST_NOSUID },
	{ MS_NODEV, ",nodev", ST_NODEV },
	{ MS_NOEXEC, ",noexec", ST_NOEXEC },
	{ MS_NOATIME, ",noatime", ST_NOATIME },
	{ MS_NODIRATIME, ",nodiratime", ST_NODIRATIME },
};

static bool mount_has_relatime(unsigned long flags)
{
	return !(flags & (MS_NOATIME | MS_STRICTATIME));
}

/* Spaces and such in a field of /proc/mounts, as fstab(5) says. */
static void show_escaped(struct statbuf *sb, const char *s)
{
	for (; *s; s++) {
		if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
			stat_printf(sb, "\\%03o", (unsigned int)(u8)*s);
		else
			stat_printf(sb, "%c", *s);
	}
}

static void show_flags(struct statbuf *sb, bool readonly, unsigned long flags)
{
	stat_printf(sb, " %s", readonly ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (flags & flag_names[i].flag)
			stat_printf(sb, "%s", flag_names[i].text);
	}
	if (mount_has_relatime(flags))
		stat_printf(sb, ",relatime");
}

/* proc(5), /proc/PID/mounts. */
static void show_line(struct statbuf *sb, struct mount *m, const char *where, const char *options)
{
	show_escaped(sb, m->mnt_source);
	stat_printf(sb, " ");
	show_escaped(sb, where);
	stat_printf(sb, " %s", m->mnt_sb->sb_type->ft_name);
	show_flags(sb, mount_check_write(m), m->mnt_flags);
	stat_printf(sb, "%s 0 0\n", options);
}

/*
 * proc(5), /proc/PID/mountinfo: what the mount shows of which file system, where, and how;
 * there are no optional fields, as mounts do not propagate. root_name: within the file system.
 */
static void show_long_line(struct statbuf *sb, struct mount *m, const char *where,
			   const char *options, const char *root_name)
{
	const struct superblock *fs = m->mnt_sb;

	stat_printf(sb, "%u %u %u:%u ", m->mnt_id, (m->mnt_parent ?: m)->mnt_id,
		    DEV_MAJOR(fs->sb_dev), DEV_MINOR(fs->sb_dev));
	show_escaped(sb, root_name);
	stat_printf(sb, " ");
	show_escaped(sb, where);
	show_flags(sb, m->mnt_flags & MS_RDONLY, m->mnt_flags);
	stat_printf(sb, " - %s ", fs->sb_type->ft_name);
	show_escaped(sb, m->mnt_source);
	stat_printf(sb, " %s%s\n", fs->sb_flags & MS_RDONLY ? "ro" : "rw", options);
}

void mount_show(struct statbuf *sb, const struct path *root, bool long_form)
{
	char *where_buf = kmalloc(PATH_MAX, ALLOC_WAIT), *root_buf = kmalloc(PATH_MAX, ALLOC_WAIT);
	struct mount *m;

	if (!where_buf || !root_buf)
		goto out;
	mutex_lock(&mount_list_lock);
	list_for_each_entry(m, &all_mounts, mnt_link) {
		struct path p = { m, m->mnt_root };
		const char *where = path_name_from(&p, root, where_buf, PATH_MAX), *root_name;
		char options[96] = "";

		/* Outside of this process's root. */
		if (!where || *where != '/')
			continue;
		if (m->mnt_sb->sb_type->ft_show)
			m->mnt_sb->sb_type->ft_show(m->mnt_sb, options, sizeof(options));
		if (!long_form)
			show_line(sb, m, where, options);
		else if ((root_name = path_name_in_fs(m->mnt_root, root_buf, PATH_MAX)))
			show_long_line(sb, m, where, options, root_name);
	}
	mutex_unlock(&mount_list_lock);
out:
	kfree(where_buf);
	kfree(root_buf);
}

void mount_statfs_flags(const struct mount *m, struct statfs *st)
{
	st->f_flags = ST_VALID;
	if (mount_check_write(m))
		st->f_flags |= ST_RDONLY;
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (m->mnt_flags & flag_names[i].flag)
			st->f_flags |= flag_names[i].st;
	}
	if (mount_has_relatime(m->mnt_flags))
		st->f_flags |= ST_RELATIME;
}
