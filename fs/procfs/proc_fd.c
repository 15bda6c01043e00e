/* SPDX-License-Identifier: MIT */
/*
 * Links from a process to objects: fd/N, exe, cwd, root; and fdinfo/N.
 *
 * They are symbolic links whose text is for people: followed, they lead to the object itself,
 * which may have been renamed, deleted or never have had a name (magic links).
 *
 * Locks: references are taken under p_execlock and p_lock, and dropped without any: a last
 * reference to a file may close it.
 */
#include <abi/fcntl.h>
#include <errno.h>
#include <kassert.h>
#include "fs/anon.h"
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/fs_context.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/procfs/proc_node.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

int pf_get_fs_path(const struct pf_node *n, bool root, struct path *out)
{
	struct proc *p = n->pn_proc;
	int err = -ENOENT;

	spin_lock(&p->p_lock);
	if (p->p_fs) {
		spin_lock(&p->p_fs->fc_lock);
		*out = root ? p->p_fs->fc_root : p->p_fs->fc_cwd;
		path_get(out);
		spin_unlock(&p->p_fs->fc_lock);
		err = 0;
	}
	spin_unlock(&p->p_lock);
	return err;
}

/* Descriptor n->pn_num, or for exe the program; with a reference, or NULL. No check. */
static struct file *get_file(const struct pf_node *n, bool exe)
{
	struct proc *p = n->pn_proc;
	struct file *f = NULL;

	spin_lock(&p->p_lock);
	if (exe && p->p_exe)
		f = file_get(p->p_exe);
	else if (!exe && p->p_fdt)
		f = fd_file(p->p_fdt, (int)n->pn_num);
	spin_unlock(&p->p_lock);
	return f;
}

/* The same for who has the right to. *out NULL: there is none. -EACCES. */
static int look_file(const struct pf_node *n, bool exe, const struct cred *cr,
		     struct file **out)
{
	struct mutex *m = &n->pn_proc->p_execlock;
	bool ok;

	mutex_lock(m);
	ok = pf_may_look(n->pn_proc, cr);
	*out = ok ? get_file(n, exe) : NULL;
	mutex_unlock(m);
	return ok ? 0 : -EACCES;
}

static int look_fs_path(const struct pf_node *n, bool root, struct path *out)
{
	struct mutex *m = &n->pn_proc->p_execlock;
	int err = -EACCES;

	mutex_lock(m);
	if (pf_may_look(n->pn_proc, cred_current()))
		err = pf_get_fs_path(n, root, out);
	mutex_unlock(m);
	return err;
}

static int file_jump(const struct pf_node *n, bool exe, struct path *out)
{
	struct file *f;
	int err = look_file(n, exe, cred_current(), &f);

	if (err)
		return err;
	if (!f)
		return -ENOENT;
	err = path_of_file(f, out);
	file_put(f);
	return err;
}

static int fd_jump(const struct pf_node *n, struct path *out)
{
	return file_jump(n, false, out);
}

int pf_exe_jump(const struct pf_node *n, struct path *out)
{
	return file_jump(n, true, out);
}

int pf_cwd_jump(const struct pf_node *n, struct path *out)
{
	return look_fs_path(n, false, out);
}

int pf_root_jump(const struct pf_node *n, struct path *out)
{
	return look_fs_path(n, true, out);
}

/* The text of all these links: what the object they lead to is called. */
ssize_t pf_object_readlink(const struct pf_node *n, char *buf, size_t size)
{
	struct path p;
	struct vnode *vn;
	char *name;
	ssize_t len = n->pn_entry->pe_jump(n, &p);

	if (len)
		return len;
	vn = p.dentry->d_vnode;
	if (vn->v_flags & VNF_ANON) {
		len = (ssize_t)anon_name(vn->v_data, buf, size);
	} else if ((name = path_name(&p, buf, size))) {
		len = (ssize_t)strlen(name);
		memmove(buf, name, (size_t)len + 1);
	} else {
		len = -ENAMETOOLONG;
	}
	path_put(&p);
	return len;
}

/* ---- descriptors ---- */

static unsigned int fd_list(const struct pf_node *dir, u32 from, u32 *out, unsigned int max)
{
	struct proc *p = dir->pn_proc;
	unsigned int n = 0;
	int fd = (int)from;

	spin_lock(&p->p_lock);
	while (p->p_fdt && n < max && (fd = fdtable_next(p->p_fdt, fd)) >= 0)
		out[n++] = (u32)fd++;
	spin_unlock(&p->p_lock);
	return n;
}

static int fd_find_as(const struct pf_node *dir, u32 num, const struct pf_entry *e,
		      struct pf_node *child)
{
	u32 found;

	if (num >= FD_MAX || !fd_list(dir, num, &found, 1) || found != num)
		return -ENOENT;
	child->pn_entry = e;
	child->pn_num = num;
	return 0;
}

const struct pf_entry pf_fd_entry = {
	.pe_name = "", .pe_mode = S_IFLNK | 0700, .pe_readlink = pf_object_readlink,
	.pe_jump = fd_jump,
};

static int fd_find(const struct pf_node *dir, u32 num, struct pf_node *child)
{
	return fd_find_as(dir, num, &pf_fd_entry, child);
}

const struct pf_dir pf_fd_dir = {
	.pd_id = 4, .pd_numtype = S_IFLNK, .pd_list = fd_list, .pd_find = fd_find,
};

u32 pf_fd_mode(const struct pf_node *n)
{
	struct file *f = get_file(n, false);
	u32 mode = 0;

	if (!f)
		return 0;
	if (f->f_mode & FMODE_READ)
		mode |= S_IRUSR | S_IXUSR;
	if (f->f_mode & FMODE_WRITE)
		mode |= S_IWUSR | S_IXUSR;
	file_put(f);
	return mode;
}

/* Does the descriptor close on exec? If it has been closed or reused by now it does not matter. */
static bool closes_on_exec(const struct pf_node *n)
{
	struct proc *p = n->pn_proc;
	bool on;

	spin_lock(&p->p_lock);
	on = p->p_fdt && fdtable_cloexec(p->p_fdt, (int)n->pn_num);
	spin_unlock(&p->p_lock);
	return on;
}

static int show_fdinfo(const struct pf_node *n, const struct cred *cr, struct statbuf *sb)
{
	struct file *f;
	struct path p;
	int err = look_file(n, false, cr, &f);

	if (err)
		return err;
	if (!f)
		return -ENOENT;
	err = path_of_file(f, &p);
	if (!err) {
		u32 flags = READ_ONCE(f->f_flags) | (closes_on_exec(n) ? O_CLOEXEC : 0);

		stat_printf(sb, "pos:\t%li\nflags:\t0%o\nmnt_id:\t%i\nino:\t%lu\nfile:\t%lu\n",
			    READ_ONCE(f->f_pos), flags, (int)p.mnt->mnt_id,
			    p.dentry->d_vnode->v_ino, f->f_id);
		path_put(&p);
	}
	file_put(f);
	return err;
}

static const struct pf_entry fdinfo_entry = {
	.pe_name = "", .pe_mode = S_IFREG | 0444, .pe_flags = PE_LOOK, .pe_show = show_fdinfo,
};

static int fdinfo_find(const struct pf_node *dir, u32 num, struct pf_node *child)
{
	return fd_find_as(dir, num, &fdinfo_entry, child);
}

const struct pf_dir pf_fdinfo_dir = {
	.pd_id = 5, .pd_numtype = S_IFREG, .pd_list = fd_list, .pd_find = fdinfo_find,
};
