/* SPDX-License-Identifier: MIT */
/*
 * From a place back to its name: getcwd(2), links in /proc, reports.
 *
 * Locks: mount_hash_lock, then dcache_lock, so that neither mounts nor names
 * move meanwhile.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "fs/mount_impl.h"
#include "fs/namei.h"
#include "kernel/lib/string.h"

/* A string that grows to the front. */
struct back_text {
	char *bt_start;		/* buffer */
	char *bt_pos;		/* first character so far */
	bool bt_full;
};

static void prepend(struct back_text *bt, const char *s, size_t len)
{
	if ((size_t)(bt->bt_pos - bt->bt_start) < len) {
		bt->bt_full = true;
		return;
	}
	bt->bt_pos -= len;
	memcpy(bt->bt_pos, s, len);
}

/* Returns the parent. */
static const struct dentry *prepend_name(struct back_text *bt, const struct dentry *d)
{
	prepend(bt, d->d_name, d->d_len);
	prepend(bt, "/", 1);
	return d->d_parent;
}

/* Both locks are held. True: the walk ended at root. */
static bool prepend_path_locked(struct back_text *bt, const struct path *p,
				const struct path *root)
{
	const struct mount *m = p->mnt;
	const struct dentry *d = p->dentry;

	while (m != root->mnt || d != root->dentry) {
		if (d == m->mnt_root) {
			if (!m->mnt_parent)
				return false;
			d = m->mnt_point;
			m = m->mnt_parent;
			continue;
		}
		/* A nameless or reclaimed top that is no mount's root. */
		if (d == d->d_parent)
			return false;
		d = prepend_name(bt, d);
	}
	return true;
}

char *path_name_in_fs(const struct dentry *d, char *buf, size_t size)
{
	struct back_text bt = { buf, buf + size, false };

	prepend(&bt, "", 1);
	spin_lock(&dcache_lock);
	if (d == d->d_parent)
		prepend(&bt, "/", 1);
	while (d != d->d_parent)
		d = prepend_name(&bt, d);
	spin_unlock(&dcache_lock);
	return bt.bt_full ? NULL : bt.bt_pos;
}

char *path_name_from(const struct path *p, const struct path *root, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)";
	struct back_text bt = { buf, buf + size, false };
	bool reached, gone;
	char *end;

	prepend(&bt, "", 1);
	end = bt.bt_pos;
	spin_lock(&mount_hash_lock);
	spin_lock(&dcache_lock);
	gone = p->dentry->d_flags & DENTRY_DELETED;
	if (gone) {
		prepend(&bt, deleted, sizeof(deleted) - 1);
		end = bt.bt_pos;
	}
	reached = prepend_path_locked(&bt, p, root);
	spin_unlock(&dcache_lock);
	spin_unlock(&mount_hash_lock);
	if (bt.bt_pos == end)
		prepend(&bt, "/", 1);
	if (!reached && (p->mnt->mnt_parent || p->mnt == root_mount))
		prepend(&bt, "(unreachable)", 13);
	return bt.bt_full ? NULL : bt.bt_pos;
}

char *path_name(const struct path *p, char *buf, size_t size)
{
	struct path root;
	char *name;

	fs_root(&root);
	name = path_name_from(p, &root, buf, size);
	path_put(&root);
	return name;
}
