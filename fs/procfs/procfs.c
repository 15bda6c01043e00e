/* SPDX-License-Identifier: MIT */
/*
 * procfs (proc(5)): processes and kernel state as files. This file is the file system: it
 * makes vnodes for names and follows links; proc_dir.c finds and lists names, proc_file.c makes and
 * hands out text. What there is, and what it says, is in the tables of the other proc_*.c.
 *
 * Names are not cached (ft_no_names): a look-up asks the tables and the process table, and makes a
 * vnode of its own, which goes with its last user. A vnode holds references to the process and the
 * thread it is about; what is found through it may be outdated, but never belongs to a later bearer
 * of the same number: pf_gone() tells when it is over, and all calls answer -ENOENT or -ESRCH then.
 *
 * Locks: none of its own. Called with a directory's v_lock in look-ups and listings.
 */
#include <abi/statfs.h>
#include <errno.h>
#include <kassert.h>
#include "fs/mount.h"
#include "fs/procfs/proc_node.h"
#include "fs/procfs/procfs.h"
#include "fs/vnode.h"
#include "mm/slab.h"

#define ROOT_INO	1		/* all others are larger, see proc_dir.c */

static struct slab_cache *node_slab;
static const struct vnode_ops pf_vnode_ops;

/* ---- nodes and vnodes ---- */

static void node_drop(struct pf_node *n)
{
	if (n->pn_thread)
		thread_put(n->pn_thread);
	if (n->pn_proc)
		proc_put(n->pn_proc);
}

/*
 * A process's files belong to its effective user; to root where not even the user may look in
 * (PR_SET_DUMPABLE), but for directories that all may list and those that it opens itself. To
 * a thread of the process they belong as if it were the leader.
 */
static void set_owner(struct vnode *vn, struct proc *p)
{
	const struct cred *cr;
	uid_t uid = 0;
	gid_t gid = 0;

	spin_lock(&p->p_lock);
	cr = p == current_proc() ? cred_current() : p->p_cred;
	if (p->p_dumpable == 1 || vn->v_mode == (S_IFDIR | 0555) ||
	    (vnode_is_dir(vn) && p == current_proc())) {
		uid = cr->cr_euid;
		gid = cr->cr_egid;
	}
	spin_unlock(&p->p_lock);
	spin_lock(&vn->v_ilock);
	vn->v_uid = uid;
	vn->v_gid = gid;
	spin_unlock(&vn->v_ilock);
}

static u32 dir_nlink(const struct pf_node *n)
{
	const struct pf_dir *d = n->pn_entry->pe_dir;
	u32 nlink = 2;

	for (unsigned int i = 0; i < d->pd_count; i++)
		nlink += S_ISDIR(d->pd_entries[i].pe_mode);
	return nlink + (d->pd_subdirs ? d->pd_subdirs(n) : 0);
}

static void pf_getattr(struct vnode *vn)
{
	const struct pf_node *n = vn->v_data;

	if (n->pn_proc)
		set_owner(vn, n->pn_proc);
	if (n->pn_entry->pe_dir)
		vn->v_nlink = dir_nlink(n);
	if (n->pn_entry == &pf_fd_entry) {
		u32 mode = pf_fd_mode(n);

		spin_lock(&vn->v_ilock);
		vn->v_mode = S_IFLNK | mode;
		spin_unlock(&vn->v_ilock);
	}
}

/* The vnode of a node; takes over its references, also when it fails. -ENOMEM. */
static int vnode_make(struct superblock *sb, u64 ino, struct pf_node *from, struct vnode **out)
{
	const struct pf_entry *e = from->pn_entry;
	struct pf_node *n = slab_alloc(node_slab, ALLOC_WAIT);
	struct vnode *vn;
	int err = n ? vnode_alloc(sb, ino, e->pe_mode, &vn) : -ENOMEM;

	if (err) {
		if (n)
			slab_free(node_slab, n);
		node_drop(from);
		return err;
	}
	*n = *from;
	vn->v_data = n;
	vn->v_ops = &pf_vnode_ops;
	if (S_ISREG(e->pe_mode))
		vn->v_fops = &pf_file_ops;
	if (e->pe_jump)
		vn->v_flags |= VNF_MAGIC;
	if (e == &pf_fd_entry)
		vn->v_size = 64;	/* as on Linux */
	if (n->pn_proc)
		set_owner(vn, n->pn_proc);
	*out = vn;
	return 0;
}

static void pf_inactive(struct vnode *vn)
{
	struct pf_node *n = vn->v_data;

	node_drop(n);
	slab_free(node_slab, n);
}

static int pf_lookup(struct vnode *dvn, const char *name, size_t len, struct vnode **out)
{
	const struct pf_node *dir = dvn->v_data;
	struct pf_node child = { .pn_proc = dir->pn_proc, .pn_thread = dir->pn_thread,
				 .pn_tid = dir->pn_tid };
	u32 key;
	int err;

	/* Linux's two answers, too. */
	if (pf_gone(dir))
		return dir->pn_entry == &pf_pid_entry ? -ESRCH : -ENOENT;
	if (child.pn_proc)
		proc_get(child.pn_proc);
	if (child.pn_thread)
		thread_get(child.pn_thread);
	err = pf_find(dir, name, len, &child, &key);
	if (err) {
		node_drop(&child);
		return err;
	}
	return vnode_make(dvn->v_sb, pf_ino(dir, key), &child, out);
}

/* Nothing can be made here; Linux says so with ENOENT. */
static int pf_create(struct vnode *dir, const char *name, size_t len, u32 mode, u64 rdev,
		     const char *target, struct vnode **out)
{
	(void)dir, (void)len, (void)mode, (void)rdev, (void)target, (void)out;
	return name ? -ENOENT : -EOPNOTSUPP;
}

/* ---- open, links, attributes ---- */

static int pf_open(struct vnode *vn, struct file *f)
{
	const struct pf_node *n = vn->v_data;

	if (n->pn_entry->pe_dir)
		f->f_ops = &pf_dir_file_ops;
	return n->pn_entry->pe_flags & PE_LOOK ? pf_check_look(n, f->f_cred) : 0;
}

static ssize_t pf_readlink(struct vnode *vn, char *buf, size_t size)
{
	const struct pf_node *n = vn->v_data;

	KASSERT(n->pn_entry->pe_readlink);
	return pf_gone(n) ? -ENOENT : n->pn_entry->pe_readlink(n, buf, size);
}

static int pf_jump(struct vnode *vn, struct path *out)
{
	const struct pf_node *n = vn->v_data;

	KASSERT(n->pn_entry->pe_jump);
	return pf_gone(n) ? -ENOENT : n->pn_entry->pe_jump(n, out);
}

/* Sizes (O_TRUNC) and times are not kept, owner and mode are not to be changed. */
static int pf_setattr(struct vnode *vn, const struct vattr *va)
{
	(void)vn;
	return va->va_valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct vnode_ops pf_vnode_ops = {
	.vo_lookup = pf_lookup,
	.vo_create = pf_create,
	.vo_readlink = pf_readlink,
	.vo_setattr = pf_setattr,
	.vo_getattr = pf_getattr,
	.vo_open = pf_open,
	.vo_inactive = pf_inactive,
};

static const struct pf_entry root_entry = PE_DIR("/", 0555, pf_root_dir);

static int pf_mount(struct superblock *sb, const char *source, const char *data)
{
	struct pf_node root = { .pn_entry = &root_entry };

	(void)source, (void)data;
	sb->sb_magic = PROC_SUPER_MAGIC;
	return vnode_make(sb, ROOT_INO, &root, &sb->sb_root);
}

static struct fs_type proc_fs_type = {
	.ft_name = "proc",
	.ft_mount = pf_mount,
	.ft_jump = pf_jump,
	.ft_single = true,
	.ft_no_names = true,
};

void procfs_init(void)
{
	node_slab = slab_create("procfs_node", sizeof(struct pf_node), 0);
	fs_type_register(&proc_fs_type);
}
