/* SPDX-License-Identifier: MIT */
/*
 * What /proc/mounts and statfs(2) say of mounts.
 */
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

static void mount_show_one(struct statbuf *sb, struct mount *m, const char *where)
{
	char options[96] = "";

	show_escaped(sb, m->mnt_source);
	stat_printf(sb, " ");
	show_escaped(sb, where);
	stat_printf(sb, " %s %s", m->mnt_sb->sb_type->ft_name,
		    mount_check_write(m) ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (m->mnt_flags & flag_names[i].flag)
			stat_printf(sb, "%s", flag_names[i].text);
	}
	if (mount_has_relatime(m->mnt_flags))
		stat_printf(sb, ",relatime");
	if (m->mnt_sb->sb_type->ft_show)
		m->mnt_sb->sb_type->ft_show(m->mnt_sb, options, sizeof(options));
	stat_printf(sb, "%s 0 0\n", options);
}

void mount_show(struct statbuf *sb, const struct path *root)
{
	char *buf = kmalloc(PATH_MAX, ALLOC_WAIT);
	struct mount *m;

	if (!buf)
		return;
	mutex_lock(&mount_list_lock);
	list_for_each_entry(m, &all_mounts, mnt_link) {
		struct path p = { m, m->mnt_root };
		const char *where = path_name_from(&p, root, buf, PATH_MAX);

		/* Outside of this process's root. */
		if (where && *where == '/')
			mount_show_one(sb, m, where);
	}
	mutex_unlock(&mount_list_lock);
	kfree(buf);
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
