/* SPDX-License-Identifier: MIT */
/*
 * rename(2), renameat2(2).
 *
 * Locks, in this order: rename_lock (mutex) when two directories are concerned,
 * so that the tree's shape stands still; the two directories, the upper one
 * first, unrelated ones by their vnodes' addresses; the two files concerned by
 * address. A directory that is moved or replaced is locked as one of the files,
 * so both rules must put two directories in the same order.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/name_ops.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/mutex.h"
#include "kernel/core/proc.h"

static struct mutex rename_lock;

struct rename {
	struct walk rn_from, rn_to;
	struct dentry *rn_s;		/* what is moved */
	struct dentry *rn_t;		/* what is there: positive, negative or NULL */
	unsigned int rn_flags;
};

void name_ops_init(void)
{
	mutex_init(&rename_lock, "rename", RANK_RENAME);
}

static void dirs_lock(struct dentry *a, struct dentry *b)
{
	struct dentry *first = a, *second = b;

	if (a == b) {
		rwlock_write(&a->d_vnode->v_lock);
		return;
	}
	mutex_lock(&rename_lock);
	if (dentry_is_ancestor(b, a) || (!dentry_is_ancestor(a, b) && b->d_vnode < a->d_vnode)) {
		first = b;
		second = a;
	}
	rwlock_write(&first->d_vnode->v_lock);
	rwlock_write_nested(&second->d_vnode->v_lock);
}

static void dirs_unlock(struct dentry *a, struct dentry *b)
{
	rwlock_write_unlock(&a->d_vnode->v_lock);
	if (a == b)
		return;
	rwlock_write_unlock(&b->d_vnode->v_lock);
	mutex_unlock(&rename_lock);
}

static struct vnode *target_vnode(const struct rename *rn)
{
	return rn->rn_t ? rn->rn_t->d_vnode : NULL;
}

static void files_lock(struct vnode *a, struct vnode *b)
{
	if (b && b < a) {
		rwlock_write_nested(&b->v_lock);
		rwlock_write_nested(&a->v_lock);
		return;
	}
	rwlock_write_nested(&a->v_lock);
	if (b)
		rwlock_write_nested(&b->v_lock);
}

/* What is where: existence, types against trailing slashes, loops. */
static int rename_check_shape(struct rename *rn)
{
	bool exchange = rn->rn_flags & RENAME_EXCHANGE;
	struct vnode *tvn = target_vnode(rn);

	if (!rn->rn_s || !rn->rn_s->d_vnode)
		return -ENOENT;
	if ((rn->rn_flags & RENAME_NOREPLACE) && tvn)
		return -EEXIST;
	if (exchange) {
		if (!tvn)
			return -ENOENT;
		if (!vnode_is_dir(tvn) && rn->rn_to.w_slash)
			return -ENOTDIR;
	}
	if (!vnode_is_dir(rn->rn_s->d_vnode)) {
		if (rn->rn_from.w_slash || (!exchange && rn->rn_to.w_slash))
			return -ENOTDIR;
	}
	if (dentry_is_ancestor(rn->rn_s, rn->rn_to.w_path.dentry))
		return -EINVAL;
	if (tvn && dentry_is_ancestor(rn->rn_t, rn->rn_from.w_path.dentry))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int rename_check_rights(struct rename *rn)
{
	const struct cred *cr = cred_current();
	struct vnode *svn = rn->rn_s->d_vnode, *tvn = target_vnode(rn);
	bool exchange = rn->rn_flags & RENAME_EXCHANGE;
	bool moves = rn->rn_from.w_path.dentry != rn->rn_to.w_path.dentry;
	int err = name_may_delete(&rn->rn_from.w_path, rn->rn_s, vnode_is_dir(svn));

	if (err)
		return err;
	if (!tvn)
		err = name_may_create(&rn->rn_to.w_path);
	else
		err = name_may_delete(&rn->rn_to.w_path, rn->rn_t,
				      vnode_is_dir(exchange ? tvn : svn));
	/* A directory that changes its parent has its ".." rewritten. */
	if (!err && moves && vnode_is_dir(svn))
		err = vnode_permission(svn, MAY_WRITE, cr);
	if (!err && moves && exchange && vnode_is_dir(tvn))
		err = vnode_permission(tvn, MAY_WRITE, cr);
	if (err)
		return err;
	if ((rn->rn_s->d_flags & DENTRY_MOUNTED) || (tvn && (rn->rn_t->d_flags & DENTRY_MOUNTED)))
		return -EBUSY;
	return rn->rn_from.w_path.dentry->d_vnode->v_ops->vo_rename ? 0 : -EPERM;
}

static int rename_commit(struct rename *rn)
{
	struct walk *from = &rn->rn_from, *to = &rn->rn_to;
	struct vnode *sdir = from->w_path.dentry->d_vnode, *tdir = to->w_path.dentry->d_vnode;
	struct vnode *svn = rn->rn_s->d_vnode, *tvn = target_vnode(rn);
	bool exchange = rn->rn_flags & RENAME_EXCHANGE;
	struct dentry *place = NULL;
	int err;

	if (!exchange) {
		err = dentry_alloc(to->w_path.dentry, to->w_last, to->w_len, &place);
		if (err)
			return err;
	}
	files_lock(svn, tvn);
	err = sdir->v_ops->vo_rename(sdir, from->w_last, from->w_len, svn, tdir, to->w_last,
				     to->w_len, tvn, exchange);
	if (!err && exchange) {
		dentry_exchange(rn->rn_s, rn->rn_t);
	} else if (!err) {
		if (tvn && vnode_is_dir(tvn))
			tvn->v_flags |= VNF_DEAD;
		dentry_move(rn->rn_s, place, rn->rn_t);
	}
	rwlock_write_unlock(&svn->v_lock);
	if (tvn)
		rwlock_write_unlock(&tvn->v_lock);
	if (place)
		dentry_put(place);
	return err;
}

/* vn went from one name to another. Both directories are still locked, so events keep order. */
static void tell_moved(const struct walk *from, const struct walk *to, struct vnode *vn)
{
	u32 cookie = inotify_cookie(), dir = vnode_is_dir(vn) ? IN_ISDIR : 0;

	inotify_tell_dir(from->w_path.dentry->d_vnode, IN_MOVED_FROM | dir, from->w_last,
			 from->w_len, cookie);
	inotify_tell_dir(to->w_path.dentry->d_vnode, IN_MOVED_TO | dir, to->w_last, to->w_len,
			 cookie);
}

static void rename_tell(struct rename *rn, struct vnode *svn, struct vnode *tvn)
{
	tell_moved(&rn->rn_from, &rn->rn_to, svn);
	if (rn->rn_flags & RENAME_EXCHANGE) {
		tell_moved(&rn->rn_to, &rn->rn_from, tvn);
		inotify_tell_vnode(tvn, IN_MOVE_SELF);
	} else if (tvn) {
		inotify_tell_vnode(tvn, IN_ATTRIB);
	}
	inotify_tell_vnode(svn, IN_MOVE_SELF);
}

/* Both directories have been found. */
static int rename_run(struct rename *rn)
{
	struct walk *from = &rn->rn_from, *to = &rn->rn_to;
	struct dentry *sdir = from->w_path.dentry, *tdir = to->w_path.dentry;
	int err;

	if (from->w_path.mnt != to->w_path.mnt)
		return -EXDEV;
	if (from->w_type != LAST_NORM)
		return -EBUSY;
	if (to->w_type != LAST_NORM)
		return rn->rn_flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	err = mount_check_write(from->w_path.mnt);
	if (err)
		return err;
	rn->rn_s = rn->rn_t = NULL;
	dirs_lock(sdir, tdir);
	err = name_lookup(sdir, from->w_last, from->w_len, true, &rn->rn_s);
	if (!err)
		err = name_lookup(tdir, to->w_last, to->w_len, true, &rn->rn_t);
	if (!err)
		err = rename_check_shape(rn);
	/*
	 * Two names of one file: nothing is done, and that is success
	 * (rename(2)).
	 */
	if (!err && rn->rn_s->d_vnode != target_vnode(rn)) {
		struct vnode *tvn = target_vnode(rn);

		err = rename_check_rights(rn);
		if (!err)
			err = rename_commit(rn);
		if (!err && inotify_on())
			rename_tell(rn, rn->rn_s->d_vnode, tvn);
	}
	dirs_unlock(sdir, tdir);
	if (rn->rn_s)
		dentry_put(rn->rn_s);
	if (rn->rn_t)
		dentry_put(rn->rn_t);
	return err;
}

long sys_renameat2(int olddirfd, const char __user *oldname, int newdirfd,
		   const char __user *newname, unsigned int flags)
{
	struct pathbuf from, to;
	struct rename rn = { .rn_flags = flags };
	int err;

	/* RENAME_WHITEOUT is for overlays only. */
	if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	err = pathbuf_get(&from, oldname);
	if (err)
		return err;
	err = pathbuf_get(&to, newname);
	if (err)
		goto out_from;
	err = walk_begin(&rn.rn_from, olddirfd, from.pb_name, LOOKUP_PARENT);
	if (err)
		goto out_to;
	err = walk_run(&rn.rn_from);
	if (!err)
		err = walk_begin(&rn.rn_to, newdirfd, to.pb_name, LOOKUP_PARENT);
	if (err)
		goto out_walk;
	err = walk_run(&rn.rn_to);
	if (!err)
		err = rename_run(&rn);
	walk_end(&rn.rn_to, NULL);
out_walk:
	walk_end(&rn.rn_from, NULL);
out_to:
	pathbuf_put(&to);
out_from:
	pathbuf_put(&from);
	return err;
}

long sys_renameat(int olddirfd, const char __user *oldname, int newdirfd,
		  const char __user *newname)
{
	return sys_renameat2(olddirfd, oldname, newdirfd, newname, 0);
}

long sys_rename(const char __user *oldname, const char __user *newname)
{
	return sys_renameat2(AT_FDCWD, oldname, AT_FDCWD, newname, 0);
}
