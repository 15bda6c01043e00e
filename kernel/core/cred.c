/* SPDX-License-Identifier: MIT */
/*
 * Credentials. See cred.h for the rule: what is published is never written to.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/cred.h"
#include "kernel/core/proc.h"
#include "mm/slab.h"

struct cred cred_root = { .cr_ref = REFCOUNT_INIT(1) };

struct cred *cred_get(struct cred *cr)
{
	refcount_inc(&cr->cr_ref);
	return cr;
}

void cred_set_groups(struct cred *cr, struct cred_groups *groups)
{
	if (cr->cr_groups && refcount_put_and_test(&cr->cr_groups->cg_ref))
		kfree(cr->cr_groups);
	cr->cr_groups = groups;
}

void cred_put(struct cred *cr)
{
	if (!refcount_put_and_test(&cr->cr_ref))
		return;
	cred_set_groups(cr, NULL);
	kfree(cr);
}

int cred_copy(const struct cred *from, struct cred **out)
{
	struct cred *cr = kmalloc(sizeof(*cr), ALLOC_WAIT);

	if (!cr)
		return -ENOMEM;
	*cr = *from;
	refcount_set(&cr->cr_ref, 1);
	if (cr->cr_groups)
		refcount_inc(&cr->cr_groups->cg_ref);
	*out = cr;
	return 0;
}

bool cred_privileged(const struct cred *cr)
{
	return cr->cr_euid == 0;
}

bool cred_in_group(const struct cred *cr, gid_t gid)
{
	if (cr->cr_fsgid == gid)
		return true;
	if (!cr->cr_groups)
		return false;
	for (unsigned int i = 0; i < cr->cr_groups->cg_count; i++)
		if (cr->cr_groups->cg_gid[i] == gid)
			return true;
	return false;
}

struct cred *cred_current(void)
{
	return current->t_cred;
}

/* What is to be put when the locks are free: the old one. */
static struct cred *publish_locked(struct thread *t)
{
	struct cred *old = t->t_proc->p_cred;

	t->t_proc->p_cred = cred_get(t->t_cred);
	return old;
}

void cred_publish(void)
{
	struct thread *t = current;
	struct cred *old;

	KASSERT(t->t_tid == t->t_proc->p_pid);
	spin_lock(&proctree_lock);
	spin_lock(&t->t_proc->p_lock);
	old = publish_locked(t);
	spin_unlock(&t->t_proc->p_lock);
	spin_unlock(&proctree_lock);
	cred_put(old);
}

void cred_replace(struct cred *cr)
{
	struct thread *t = current;
	struct proc *p = t->t_proc;
	struct cred *old = t->t_cred, *old_leader = NULL;

	spin_lock(&proctree_lock);
	spin_lock(&p->p_lock);
	t->t_cred = cr;
	if (t->t_tid == p->p_pid)
		old_leader = publish_locked(t);
	/* Who had the old identity shall not look into the new one's memory (prctl(2)). */
	if (old->cr_euid != cr->cr_euid || old->cr_egid != cr->cr_egid ||
	    old->cr_fsuid != cr->cr_fsuid || old->cr_fsgid != cr->cr_fsgid) {
		p->p_dumpable = 0;
		p->p_pdeath_sig = 0;
	}
	spin_unlock(&p->p_lock);
	spin_unlock(&proctree_lock);
	if (old_leader)
		cred_put(old_leader);
	cred_put(old);
}
