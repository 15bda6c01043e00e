/* SPDX-License-Identifier: MIT */
/*
 * Credentials: immutable once published, shared by reference; a change makes a
 * copy and replaces the pointer in the thread that asked. To the kernel they are
 * a thread's, as credentials(7) says; that all threads of a process change
 * together, as POSIX wants it, is the C library's work. What others see of a
 * process are its leader's. Capabilities are "effective uid is 0".
 */
#ifndef KERNEL_CORE_CRED_H
#define KERNEL_CORE_CRED_H

#include <atomic.h>
#include <types.h>

#define CRED_NGROUPS	65536		/* as on Linux */

/* Supplementary groups, immutable, shared by all credentials that descend from one setgroups(2). */
struct cred_groups {
	refcount_t cg_ref;
	unsigned int cg_count;
	gid_t cg_gid[];
};

struct cred {
	refcount_t cr_ref;
	uid_t cr_uid, cr_euid, cr_suid, cr_fsuid;
	gid_t cr_gid, cr_egid, cr_sgid, cr_fsgid;
	struct cred_groups *cr_groups;	/* NULL: none */
};

extern struct cred cred_root;		/* static, uid 0; never freed */

struct cred *cred_get(struct cred *cr);
void cred_put(struct cred *cr);
int cred_copy(const struct cred *from, struct cred **out);	/* -ENOMEM */
/* Replace the groups of a copy that is not yet published; takes over the reference. */
void cred_set_groups(struct cred *cr, struct cred_groups *groups);
bool cred_privileged(const struct cred *cr);			/* euid 0 */
bool cred_in_group(const struct cred *cr, gid_t gid);		/* fsgid or supplementary */
/*
 * The current thread's credentials, without a reference: valid until it replaces them. Others
 * read a process's p_cred, under its p_lock or proctree_lock.
 */
struct cred *cred_current(void);
/*
 * Publish a copy as the current thread's credentials, and as its process's if it is the leader;
 * takes over the reference. Takes proctree_lock and p_lock.
 */
void cred_replace(struct cred *cr);
/* The current thread has become its process's leader: others see its credentials. The same locks. */
void cred_publish(void);

#endif
