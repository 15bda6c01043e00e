/* SPDX-License-Identifier: MIT */
/*
 * Credentials: immutable once published, shared by reference; a change makes a
 * copy and replaces the pointer in the process (all threads at once, as POSIX
 * wants it). Capabilities are "effective uid is 0".
 */
#ifndef KERNEL_CORE_CRED_H
#define KERNEL_CORE_CRED_H

#include <atomic.h>
#include <types.h>

#define CRED_NGROUPS	64

struct cred {
	refcount_t cr_ref;
	uid_t cr_uid, cr_euid, cr_suid, cr_fsuid;
	gid_t cr_gid, cr_egid, cr_sgid, cr_fsgid;
	unsigned int cr_ngroups;
	gid_t cr_groups[CRED_NGROUPS];
	struct cred *cr_next;		/* replaced, kept until the process ends */
};

extern struct cred cred_root;		/* static, uid 0; never freed */

struct cred *cred_get(struct cred *cr);
void cred_put(struct cred *cr);
int cred_copy(const struct cred *from, struct cred **out);	/* -ENOMEM */
bool cred_privileged(const struct cred *cr);			/* euid 0 */
bool cred_in_group(const struct cred *cr, gid_t gid);		/* fsgid or supplementary */
/*
 * Current process's credentials, without a reference: valid until the system call ends. Those
 * of another process are read under its p_lock or proctree_lock.
 */
struct cred *cred_current(void);
/* Publish a copy as the current process's credentials; takes over the reference. */
void cred_replace(struct cred *cr);
/* A process's credentials at its very end. */
struct proc;
void cred_put_all(struct proc *p);

#endif
