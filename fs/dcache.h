/* SPDX-License-Identifier: MIT */
/*
 * Names: a dentry ties a name in a directory to a vnode. See dcache.c for
 * states and locks.
 *
 * Legend: [I] immutable, [a] atomic, [b] dcache_lock and the bucket's lock for
 * writing, either for reading, [d] dcache_lock.
 */
#ifndef FS_DCACHE_H
#define FS_DCACHE_H

#include <atomic.h>
#include <list.h>
#include <types.h>
#include "kernel/core/spinlock.h"
#include "kernel/lib/hash.h"

#define DENTRY_INLINE	40

struct superblock;
struct vnode;

/* d_flags; changed under dcache_lock */
#define DENTRY_DELETED	0x1	/* the name was removed; path_name() says " (deleted)" */
#define DENTRY_MOUNTED	0x2	/* [m] some mount covers it */
#define DENTRY_LRU	0x4	/* on the reclaim list */
#define DENTRY_USED	0x8	/* found since the reclaimer passed; set without a lock */

struct dentry {
	struct hlist_node d_hash;	/* [b] */
	struct dentry *d_parent;	/* [b] reference; itself for a root */
	const char *d_name;		/* [b] NUL-terminated */
	u32 d_hashval;			/* [b] */
	u32 d_len;			/* [b] */
	u32 d_flags;
	atomic_t d_ref;			/* [a] users, children, and one for being in the tree */
	/* Reference; NULL: known not to exist. Set once, under the bucket lock. */
	struct vnode *d_vnode;
	struct superblock *d_sb;	/* [I] */
	u64 d_cookie;			/* [d] readdir position, ascending in d_children */
	struct list_head d_children;	/* [d]; pinned names: also parent's v_lock for writing */
	struct list_head d_sibling;	/* [d] likewise */
	struct list_head d_lru;		/* [d] */
	struct list_head d_alias;	/* [d] vnode.v_dentries */
	char d_inline[DENTRY_INLINE];	/* [b] short names */
};

extern struct spinlock dcache_lock;

void dcache_init(void);
static inline u32 dentry_hash(const struct dentry *parent, const char *name, size_t len)
{
	return hash_name(name, len, (u32)((uintptr_t)parent >> 6));
}
static inline struct dentry *dentry_get(struct dentry *d)
{
	atomic_inc(&d->d_ref);
	return d;
}
void dentry_put(struct dentry *d);

/* Root of a file system: takes over the vnode reference. NULL: no memory. */
struct dentry *dentry_alloc_root(struct superblock *sb, struct vnode *vn);
/* Not yet in the tree; reference 1. -ENOMEM. */
int dentry_alloc(struct dentry *parent, const char *name, size_t len, struct dentry **out);
/* In the cache, with a reference, or NULL. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len, u32 hash);
/*
 * Publish: from now on the name is found. Takes over the vnode reference (NULL:
 * negative). The directory's v_lock is held (reading is enough for what a
 * lookup found; then another lookup may have been faster: that dentry comes
 * back and d is dropped).
 */
struct dentry *dentry_add(struct dentry *d, struct vnode *vn);
/*
 * Give a dentry a vnode without publishing it (file systems whose names are not
 * cached).
 */
void dentry_bind(struct dentry *d, struct vnode *vn);
/* A negative dentry becomes positive; directory locked for writing. */
void dentry_instantiate(struct dentry *d, struct vnode *vn);
/*
 * The name is gone; directory locked for writing. The dentry lives on while it
 * is used.
 */
void dentry_delete(struct dentry *d);
/*
 * d gets the name and place of p (alloc'ed, not published; it is left with d's
 * old ones); victim, who has that name now, is deleted. Directories locked for
 * writing.
 */
void dentry_move(struct dentry *d, struct dentry *p, struct dentry *victim);
/* Two names change places. */
void dentry_exchange(struct dentry *a, struct dentry *b);
/* Is anc d itself or above it? */
bool dentry_is_ancestor(struct dentry *anc, struct dentry *d);
/* Parent with a reference. */
struct dentry *dentry_parent(struct dentry *d);
/* Free up to n unused names; returns how many. sb NULL: of all file systems. */
unsigned long dcache_shrink(struct superblock *sb, unsigned long n);
/* Unmount: drop the whole tree below (and including) the root. */
void dcache_destroy(struct superblock *sb);
/* A positive name of vn, with a reference, or NULL. */
struct dentry *dentry_of_vnode(struct vnode *vn);

/* For directories whose names are pinned: any positive child? v_lock held. */
bool dentry_has_children(struct dentry *dir);

#endif
