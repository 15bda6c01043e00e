/* SPDX-License-Identifier: MIT */
/*
 * What a process's path names start from: root directory, working directory and
 * umask. Shared by CLONE_FS, and by the threads of a process.
 *
 * A process without a context (the kernel itself while it boots) starts at
 * the root of the root mount.
 *
 * Locks: fc_lock (spin) for everything but the reference count.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "kernel/core/proc.h"
#include "mm/slab.h"

static struct fs_context *context_new(const struct path *root, const struct path *cwd,
				      mode_t umask)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	refcount_set(&c->fc_ref, 1);
	spin_lock_init(&c->fc_lock, "fs_context", RANK_FS);
	c->fc_root = *root;
	c->fc_cwd = *cwd;
	c->fc_umask = umask;
	return c;
}

int fs_context_create(struct fs_context **out)
{
	struct path root = { root_mount, root_mount->mnt_root };

	*out = context_new(&root, &root, 022);
	if (!*out)
		return -ENOMEM;
	path_get(&root);
	path_get(&root);
	return 0;
}

int fs_context_fork(struct fs_context *from, struct fs_context **out)
{
	struct path root, cwd;
	mode_t umask;

	spin_lock(&from->fc_lock);
	root = from->fc_root;
	cwd = from->fc_cwd;
	umask = from->fc_umask;
	path_get(&root);
	path_get(&cwd);
	spin_unlock(&from->fc_lock);
	*out = context_new(&root, &cwd, umask);
	if (*out)
		return 0;
	path_put(&root);
	path_put(&cwd);
	return -ENOMEM;
}

struct fs_context *fs_context_get(struct fs_context *c)
{
	refcount_inc(&c->fc_ref);
	return c;
}

void fs_context_put(struct fs_context *c)
{
	if (!refcount_put_and_test(&c->fc_ref))
		return;
	path_put(&c->fc_root);
	path_put(&c->fc_cwd);
	kfree(c);
}

/* One of current's directories with references; before there is a context, the root of all. */
static void context_dir(bool root, struct path *out)
{
	struct fs_context *c = current_proc()->p_fs;

	if (!c) {
		out->mnt = root_mount;
		out->dentry = root_mount->mnt_root;
		path_get(out);
		return;
	}
	spin_lock(&c->fc_lock);
	*out = root ? c->fc_root : c->fc_cwd;
	path_get(out);
	spin_unlock(&c->fc_lock);
}

void fs_root(struct path *out)
{
	context_dir(true, out);
}

void fs_cwd(struct path *out)
{
	context_dir(false, out);
}

bool fs_at_root(const struct path *p)
{
	struct fs_context *c = current_proc()->p_fs;
	bool yes;

	if (!c)
		return p->mnt == root_mount && p->dentry == root_mount->mnt_root;
	spin_lock(&c->fc_lock);
	yes = p->mnt == c->fc_root.mnt && p->dentry == c->fc_root.dentry;
	spin_unlock(&c->fc_lock);
	return yes;
}

mode_t fs_umask(void)
{
	struct fs_context *c = current_proc()->p_fs;

	return c ? READ_ONCE(c->fc_umask) : 022;
}

/* Replace one of the two directories; takes over p's references. */
static void fs_set(struct path *which, struct path *p)
{
	struct fs_context *c = current_proc()->p_fs;
	struct path old;

	spin_lock(&c->fc_lock);
	old = *which;
	*which = *p;
	spin_unlock(&c->fc_lock);
	path_put(&old);
}

void fs_set_cwd(struct path *p)
{
	fs_set(&current_proc()->p_fs->fc_cwd, p);
}

void fs_set_root(struct path *p)
{
	fs_set(&current_proc()->p_fs->fc_root, p);
}

long sys_umask(int mask)
{
	struct fs_context *c = current_proc()->p_fs;
	mode_t old;

	spin_lock(&c->fc_lock);
	old = c->fc_umask;
	c->fc_umask = (mode_t)mask & 0777;
	spin_unlock(&c->fc_lock);
	return old;
}
