/* SPDX-License-Identifier: MIT */
/*
 * The path walk (path_resolution(7)): from a string to a place in the name
 * space. System calls of sys_path.c and friends, exec and open come in here;
 * the name cache, the mount table and vo_lookup are asked.
 *
 * A walk holds references to one place at a time. A component costs: search
 * permission, hash, bucket look-up, one reference taken and one dropped.
 * Symbolic links push the rest of the string on a list of frames and go on with
 * the target; 40 links in one walk are -ELOOP.
 *
 * Locks: none are held between components. A directory's v_lock is taken for
 * reading when the file system has to be asked.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/anon.h"
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/lib/path.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define WALK_MAX_LINKS	40

/* A link target being walked, or done with. */
struct walk_frame {
	struct walk_frame *wf_next;	/* w_frames */
	struct walk_frame *wf_up;	/* w_up */
	const char *wf_rest;		/* where to go on after the target */
	char wf_target[PATH_MAX];
};

void path_get(const struct path *p)
{
	mount_get(p->mnt);
	dentry_get(p->dentry);
}

void path_put(struct path *p)
{
	dentry_put(p->dentry);
	mount_put(p->mnt);
}

int pathbuf_get(struct pathbuf *pb, const char __user *name)
{
	ssize_t len = strncpy_from_user(pb->pb_small, name, sizeof(pb->pb_small));

	pb->pb_name = pb->pb_small;
	if (likely(len != -ENAMETOOLONG))
		return len < 0 ? (int)len : 0;
	pb->pb_name = kmalloc(PATH_MAX, ALLOC_WAIT);
	if (!pb->pb_name)
		return -ENOMEM;
	len = strncpy_from_user(pb->pb_name, name, PATH_MAX);
	if (len >= 0)
		return 0;
	kfree(pb->pb_name);
	return (int)len;
}

void pathbuf_put(struct pathbuf *pb)
{
	if (pb->pb_name != pb->pb_small)
		kfree(pb->pb_name);
}

int path_of_file(struct file *f, struct path *out)
{
	if (!f->f_path.dentry)
		return anon_path(f, out);
	*out = f->f_path;
	path_get(out);
	return 0;
}

/* Where a relative name starts. */
static int walk_begin_fd(struct walk *w, int dirfd, bool empty)
{
	struct fdref r;
	int err;

	if (dirfd == AT_FDCWD) {
		fs_cwd(&w->w_path);
		return 0;
	}
	if (!fd_get_any(dirfd, &r))
		return -EBADF;
	if (!empty && !(r.file->f_vnode && vnode_is_dir(r.file->f_vnode)))
		err = -ENOTDIR;
	else
		err = path_of_file(r.file, &w->w_path);
	fd_put(&r);
	return err;
}

/* The same with restrictions, which know where the walk starts. */
static __noinline int walk_begin_resolve(struct walk *w, int dirfd, bool empty)
{
	int err = 0;

	if (path_is_absolute(w->w_rest) && (w->w_flags & LOOKUP_BENEATH))
		return -EXDEV;
	if (path_is_absolute(w->w_rest) && !(w->w_flags & LOOKUP_IN_ROOT))
		fs_root(&w->w_path);
	else
		err = walk_begin_fd(w, dirfd, empty);
	if (err)
		return err;
	w->w_top = w->w_path;
	path_get(&w->w_top);
	return 0;
}

int walk_begin(struct walk *w, int dirfd, const char *name, unsigned int flags)
{
	bool empty = *name == '\0';

	w->w_flags = flags;
	w->w_nlinks = 0;
	w->w_type = LAST_ROOT;
	w->w_slash = false;
	w->w_rest = name;
	w->w_up = NULL;
	w->w_frames = NULL;
	if (empty && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (unlikely(flags & LOOKUP_RESOLVE))
		return walk_begin_resolve(w, dirfd, empty);
	if (path_is_absolute(name)) {
		fs_root(&w->w_path);
		return 0;
	}
	return walk_begin_fd(w, dirfd, empty);
}

void walk_end(struct walk *w, struct path *out)
{
	while (unlikely(w->w_frames)) {
		struct walk_frame *f = w->w_frames;

		w->w_frames = f->wf_next;
		kfree(f);
	}
	if (w->w_flags & LOOKUP_RESOLVE)
		path_put(&w->w_top);
	if (out)
		*out = w->w_path;
	else
		path_put(&w->w_path);
}

/* The cache does not know: ask the file system, and remember the answer. */
static __noinline int lookup_slow(struct dentry *dir, const char *name, size_t len,
				  bool locked, struct dentry **out)
{
	struct vnode *dvn = dir->d_vnode, *vn = NULL;
	struct fs_type *ft = dir->d_sb->sb_type;
	struct dentry *d;
	int err = dentry_alloc(dir, name, len, &d);

	if (err)
		return err;
	if (!locked)
		rwlock_read(&dvn->v_lock);
	if (dvn->v_flags & VNF_DEAD)
		err = -ENOENT;
	else
		err = dvn->v_ops->vo_lookup ? dvn->v_ops->vo_lookup(dvn, name, len, &vn) : -ENOTDIR;
	if (ft->ft_no_names) {
		if (!err)
			dentry_bind(d, vn);
	} else if (!err || (err == -ENOENT && !(dvn->v_flags & VNF_DEAD))) {
		d = dentry_add(d, vn);
		err = 0;
	}
	if (!locked)
		rwlock_read_unlock(&dvn->v_lock);
	if (err) {
		dentry_put(d);
		d = NULL;
		if (err == -ENOENT && ft->ft_no_names)
			err = 0;
	}
	*out = d;
	return err;
}

int name_lookup(struct dentry *dir, const char *name, size_t len, bool locked,
		struct dentry **out)
{
	struct fs_type *ft = dir->d_sb->sb_type;

	if (!ft->ft_no_names) {
		*out = dentry_find(dir, name, len, dentry_hash(dir, name, len));
		/*
		 * Pinned names are the directory itself: not found is the
		 * answer.
		 */
		if (*out || ft->ft_pin_names)
			return 0;
	}
	return lookup_slow(dir, name, len, locked, out);
}

static bool path_equal(const struct path *a, const struct path *b)
{
	return a->mnt == b->mnt && a->dentry == b->dentry;
}

static void walk_up(struct walk *w)
{
	struct path *p = &w->w_path;

	while (!fs_at_root(p)) {
		if (p->dentry != p->mnt->mnt_root) {
			struct dentry *parent = dentry_parent(p->dentry);

			dentry_put(p->dentry);
			p->dentry = parent;
			break;
		}
		if (!mount_cross_up(p))
			return;
	}
	mount_cross_down(p);
}

/* Is p top itself or somewhere below? */
static bool path_is_below(const struct path *p, const struct path *top)
{
	struct path at = *p;
	bool below;

	path_get(&at);
	while (at.mnt != top->mnt) {
		struct dentry *old = at.dentry;

		at.dentry = dentry_get(at.mnt->mnt_root);
		dentry_put(old);
		if (!mount_cross_up(&at))
			break;
	}
	below = at.mnt == top->mnt && dentry_is_ancestor(top->dentry, at.dentry);
	path_put(&at);
	return below;
}

/*
 * ".." under restrictions. A directory on the way may have been moved out of the tree we are to
 * stay in, so look where we have come to.
 */
static __noinline int walk_up_resolve(struct walk *w)
{
	struct mount *before = w->w_path.mnt;

	if ((w->w_flags & LOOKUP_SCOPED) && path_equal(&w->w_path, &w->w_top))
		return w->w_flags & LOOKUP_BENEATH ? -EXDEV : 0;
	walk_up(w);
	if ((w->w_flags & LOOKUP_NO_XDEV) && w->w_path.mnt != before)
		return -EXDEV;
	if ((w->w_flags & LOOKUP_SCOPED) && !path_is_below(&w->w_path, &w->w_top))
		return w->w_flags & LOOKUP_BENEATH ? -EXDEV : -EAGAIN;
	return 0;
}

/* May the symbolic link d, found in w_path, be followed? */
static __noinline int walk_link_resolve(const struct walk *w, const struct vnode *vn)
{
	if (w->w_flags & LOOKUP_NO_LINKS)
		return -ELOOP;
	if (!(vn->v_flags & VNF_MAGIC))
		return 0;
	if (w->w_flags & LOOKUP_NO_MAGIC)
		return -ELOOP;
	return w->w_flags & LOOKUP_SCOPED ? -EXDEV : 0;
}

/* The link's target is absolute. w_path becomes the root that it starts from. */
static int walk_to_root(struct walk *w)
{
	struct path old = w->w_path;

	if (w->w_flags & LOOKUP_BENEATH)
		return -EXDEV;
	if (w->w_flags & LOOKUP_IN_ROOT) {
		w->w_path = w->w_top;
		path_get(&w->w_path);
	} else {
		fs_root(&w->w_path);
	}
	path_put(&old);
	return (w->w_flags & LOOKUP_NO_XDEV) && w->w_path.mnt != w->w_top.mnt ? -EXDEV : 0;
}

void walk_enter(struct walk *w, struct dentry *d)
{
	struct dentry *old = w->w_path.dentry;

	w->w_path.dentry = d;
	dentry_put(old);
	if (unlikely(d->d_flags & DENTRY_MOUNTED))
		mount_cross_down(&w->w_path);
}

/* Read the target into a frame and make it the string to walk. */
static int walk_push(struct walk *w, struct vnode *vn)
{
	struct walk_frame *f = kmalloc(sizeof(*f), ALLOC_WAIT);
	ssize_t len;

	if (!f)
		return -ENOMEM;
	f->wf_next = w->w_frames;
	w->w_frames = f;
	len = vn->v_ops->vo_readlink ? vn->v_ops->vo_readlink(vn, f->wf_target, PATH_MAX) : -EINVAL;
	if (len < 0)
		return (int)len;
	if (len == 0)
		return -ENOENT;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	f->wf_target[len] = '\0';
	if (*w->w_rest) {
		f->wf_rest = w->w_rest;
		f->wf_up = w->w_up;
		w->w_up = f;
	}
	w->w_rest = f->wf_target;
	w->w_type = LAST_ROOT;
	return 0;
}

int walk_link(struct walk *w, struct dentry *d)
{
	struct vnode *vn = d->d_vnode;
	struct path target;
	int err = 0;

	if (++w->w_nlinks > WALK_MAX_LINKS || (w->w_path.mnt->mnt_flags & MS_NOSYMFOLLOW))
		err = -ELOOP;
	else if (unlikely(w->w_flags & LOOKUP_RESOLVE))
		err = walk_link_resolve(w, vn);
	if (err) {
		dentry_put(d);
		return err;
	}
	if (vn->v_flags & VNF_MAGIC) {
		err = vn->v_sb->sb_type->ft_jump(vn, &target);
		if (!err) {
			path_put(&w->w_path);
			w->w_path = target;
			w->w_type = LAST_ROOT;
			if ((w->w_flags & LOOKUP_NO_XDEV) && target.mnt != w->w_top.mnt)
				err = -EXDEV;
		}
	} else {
		vnode_accessed(vn, w->w_path.mnt);
		err = walk_push(w, vn);
		if (!err && path_is_absolute(w->w_rest))
			err = walk_to_root(w);
	}
	dentry_put(d);
	return err;
}

static int walk_component(struct walk *w, const struct path_part *part, bool last)
{
	struct vnode *vn = w->w_path.dentry->d_vnode;
	struct dentry *d;
	int err;

	if (!vnode_is_dir(vn))
		return -ENOTDIR;
	/* Where everybody may search, nobody needs to be looked at. */
	if ((vn->v_mode & 0111) != 0111) {
		err = vnode_permission(vn, MAY_EXEC, cred_current());
		if (err)
			return err;
	}
	w->w_slash = part->slash;
	w->w_type = path_part_is_dot(part) ? LAST_DOT :
		    path_part_is_dotdot(part) ? LAST_DOTDOT : LAST_NORM;
	if (last && (w->w_flags & LOOKUP_PARENT)) {
		w->w_last = part->name;
		w->w_len = part->len;
		return 0;
	}
	if (unlikely(w->w_type != LAST_NORM)) {
		if (w->w_type == LAST_DOTDOT && unlikely(w->w_flags & LOOKUP_RESOLVE))
			return walk_up_resolve(w);
		if (w->w_type == LAST_DOTDOT)
			walk_up(w);
		return 0;
	}
	err = name_lookup(w->w_path.dentry, part->name, part->len, false, &d);
	if (err)
		return err;
	if (!d)
		return -ENOENT;
	vn = smp_load_acquire(&d->d_vnode);
	if (!vn) {
		dentry_put(d);
		return -ENOENT;
	}
	if (unlikely(S_ISLNK(vn->v_mode)) &&
	    (!last || part->slash || (w->w_flags & LOOKUP_FOLLOW)))
		return walk_link(w, d);
	walk_enter(w, d);
	if (unlikely(w->w_flags & LOOKUP_NO_XDEV) && w->w_path.mnt != w->w_top.mnt)
		return -EXDEV;
	return 0;
}

int walk_run(struct walk *w)
{
	bool must_be_dir = w->w_flags & LOOKUP_DIRECTORY;

	for (;;) {
		struct path_part part;
		bool last;
		int err = path_next(&w->w_rest, &part);

		if (err < 0)
			return err;
		if (err == 0) {
			if (!w->w_up)
				break;
			w->w_rest = w->w_up->wf_rest;
			w->w_up = w->w_up->wf_up;
			continue;
		}
		last = part.last && !w->w_up;
		if (last && part.slash)
			must_be_dir = true;
		err = walk_component(w, &part, last);
		if (err)
			return err;
		if (last && (w->w_flags & LOOKUP_PARENT))
			return 0;
	}
	if (must_be_dir && !(w->w_flags & LOOKUP_PARENT) &&
	    !vnode_is_dir(w->w_path.dentry->d_vnode))
		return -ENOTDIR;
	return 0;
}

int path_lookup(int dirfd, const char *name, unsigned int flags, struct path *out)
{
	struct walk w;
	int err = walk_begin(&w, dirfd, name, flags);

	if (err)
		return err;
	err = walk_run(&w);
	walk_end(&w, err ? NULL : out);
	return err;
}

int path_lookup_user(int dirfd, const char __user *name, unsigned int flags, struct path *out)
{
	struct pathbuf pb;
	int err = pathbuf_get(&pb, name);

	if (err)
		return err;
	err = path_lookup(dirfd, pb.pb_name, flags, out);
	pathbuf_put(&pb);
	return err;
}
