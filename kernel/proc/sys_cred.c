/* SPDX-License-Identifier: MIT */
/*
 * credentials(7): real, effective, saved and file-system ids. Each change makes a new struct
 * cred and replaces the process's; the file-system id follows the effective one.
 */
#include <errno.h>
#include "kernel/core/proc.h"
#include "kernel/proc/sys_proc.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

#define ID_KEEP		((uid_t)-1)

long sys_getuid(void)
{
	return cred_current()->cr_uid;
}

long sys_geteuid(void)
{
	return cred_current()->cr_euid;
}

long sys_getgid(void)
{
	return cred_current()->cr_gid;
}

long sys_getegid(void)
{
	return cred_current()->cr_egid;
}

static long put_three(u32 __user *a, u32 __user *b, u32 __user *c, u32 x, u32 y, u32 z)
{
	if (put_user_u32(a, x) || put_user_u32(b, y) || put_user_u32(c, z))
		return -EFAULT;
	return 0;
}

long sys_getresuid(uid_t __user *r, uid_t __user *e, uid_t __user *s)
{
	const struct cred *cr = cred_current();

	return put_three(r, e, s, cr->cr_uid, cr->cr_euid, cr->cr_suid);
}

long sys_getresgid(gid_t __user *r, gid_t __user *e, gid_t __user *s)
{
	const struct cred *cr = cred_current();

	return put_three(r, e, s, cr->cr_gid, cr->cr_egid, cr->cr_sgid);
}

/* True when a process without privilege may take id: it has it already in one of three. */
static bool uid_owned(const struct cred *cr, uid_t id)
{
	return id == ID_KEEP || id == cr->cr_uid || id == cr->cr_euid || id == cr->cr_suid;
}

static bool gid_owned(const struct cred *cr, gid_t id)
{
	return id == ID_KEEP || id == cr->cr_gid || id == cr->cr_egid || id == cr->cr_sgid;
}

static long change_uids(uid_t r, uid_t e, uid_t s)
{
	struct cred *cr;
	int err = cred_copy(cred_current(), &cr);

	if (err)
		return err;
	if (r != ID_KEEP)
		cr->cr_uid = r;
	if (e != ID_KEEP)
		cr->cr_euid = e;
	if (s != ID_KEEP)
		cr->cr_suid = s;
	cr->cr_fsuid = cr->cr_euid;
	cred_replace(cr);
	return 0;
}

static long change_gids(gid_t r, gid_t e, gid_t s)
{
	struct cred *cr;
	int err = cred_copy(cred_current(), &cr);

	if (err)
		return err;
	if (r != ID_KEEP)
		cr->cr_gid = r;
	if (e != ID_KEEP)
		cr->cr_egid = e;
	if (s != ID_KEEP)
		cr->cr_sgid = s;
	cr->cr_fsgid = cr->cr_egid;
	cred_replace(cr);
	return 0;
}

long sys_setresuid(uid_t r, uid_t e, uid_t s)
{
	const struct cred *cr = cred_current();

	if (!cred_privileged(cr) &&
	    !(uid_owned(cr, r) && uid_owned(cr, e) && uid_owned(cr, s)))
		return -EPERM;
	return change_uids(r, e, s);
}

long sys_setresgid(gid_t r, gid_t e, gid_t s)
{
	const struct cred *cr = cred_current();

	if (!cred_privileged(cr) &&
	    !(gid_owned(cr, r) && gid_owned(cr, e) && gid_owned(cr, s)))
		return -EPERM;
	return change_gids(r, e, s);
}

/* With privilege all three change, without only the effective id. */
long sys_setuid(uid_t uid)
{
	const struct cred *cr = cred_current();

	if (uid == ID_KEEP)
		return -EINVAL;
	if (cred_privileged(cr))
		return change_uids(uid, uid, uid);
	if (uid != cr->cr_uid && uid != cr->cr_suid)
		return -EPERM;
	return change_uids(ID_KEEP, uid, ID_KEEP);
}

long sys_setgid(gid_t gid)
{
	const struct cred *cr = cred_current();

	if (gid == ID_KEEP)
		return -EINVAL;
	if (cred_privileged(cr))
		return change_gids(gid, gid, gid);
	if (gid != cr->cr_gid && gid != cr->cr_sgid)
		return -EPERM;
	return change_gids(ID_KEEP, gid, ID_KEEP);
}

/* The saved id follows when the real id is set, or the effective id leaves the old real one. */
long sys_setreuid(uid_t r, uid_t e)
{
	const struct cred *cr = cred_current();
	uid_t s = ID_KEEP;

	if (!cred_privileged(cr)) {
		if (r != ID_KEEP && r != cr->cr_uid && r != cr->cr_euid)
			return -EPERM;
		if (!uid_owned(cr, e))
			return -EPERM;
	}
	if (r != ID_KEEP || (e != ID_KEEP && e != cr->cr_uid))
		s = e != ID_KEEP ? e : cr->cr_euid;
	return change_uids(r, e, s);
}

long sys_setregid(gid_t r, gid_t e)
{
	const struct cred *cr = cred_current();
	gid_t s = ID_KEEP;

	if (!cred_privileged(cr)) {
		if (r != ID_KEEP && r != cr->cr_gid && r != cr->cr_egid)
			return -EPERM;
		if (!gid_owned(cr, e))
			return -EPERM;
	}
	if (r != ID_KEEP || (e != ID_KEEP && e != cr->cr_gid))
		s = e != ID_KEEP ? e : cr->cr_egid;
	return change_gids(r, e, s);
}

/* setfsuid(2) has no error: it returns the old id, changed or not. */
long sys_setfsuid(uid_t uid)
{
	const struct cred *cr = cred_current();
	uid_t old = cr->cr_fsuid;
	struct cred *copy;

	if (uid == ID_KEEP || uid == old ||
	    !(cred_privileged(cr) || uid_owned(cr, uid)) || cred_copy(cr, &copy))
		return old;
	copy->cr_fsuid = uid;
	cred_replace(copy);
	return old;
}

long sys_setfsgid(gid_t gid)
{
	const struct cred *cr = cred_current();
	gid_t old = cr->cr_fsgid;
	struct cred *copy;

	if (gid == ID_KEEP || gid == old ||
	    !(cred_privileged(cr) || gid_owned(cr, gid)) || cred_copy(cr, &copy))
		return old;
	copy->cr_fsgid = gid;
	cred_replace(copy);
	return old;
}

long sys_getgroups(int size, gid_t __user *list)
{
	const struct cred_groups *g = cred_current()->cr_groups;
	int n = g ? (int)g->cg_count : 0;

	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return n;
	if (size < n)
		return -EINVAL;
	if (n && copy_to_user(list, g->cg_gid, (size_t)n * sizeof(gid_t)))
		return -EFAULT;
	return n;
}

/* Groups from user memory; NULL for none. */
static int groups_from_user(int n, const gid_t __user *list, struct cred_groups **out)
{
	struct cred_groups *g;

	*out = NULL;
	if (n == 0)
		return 0;
	g = kmalloc(sizeof(*g) + (size_t)n * sizeof(gid_t), ALLOC_WAIT);
	if (!g)
		return -ENOMEM;
	if (copy_from_user(g->cg_gid, list, (size_t)n * sizeof(gid_t))) {
		kfree(g);
		return -EFAULT;
	}
	refcount_set(&g->cg_ref, 1);
	g->cg_count = (unsigned int)n;
	*out = g;
	return 0;
}

long sys_setgroups(int size, const gid_t __user *list)
{
	struct cred_groups *g;
	struct cred *cr;
	int err;

	if (!cred_privileged(cred_current()))
		return -EPERM;
	if (size < 0 || size > CRED_NGROUPS)
		return -EINVAL;
	err = cred_copy(cred_current(), &cr);
	if (err)
		return err;
	err = groups_from_user(size, list, &g);
	if (err) {
		cred_put(cr);
		return err;
	}
	cred_set_groups(cr, g);
	cred_replace(cr);
	return 0;
}
