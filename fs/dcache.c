/* SPDX-License-Identifier: MIT */
/*
 * The name cache. The path walk (namei.c) finds names here, name operations
 * (name_ops.c) add, delete and move them. For file systems with pinned names
 * (tmpfs) these dentries are the directory; for others they are a cache of
 * vo_lookup's answers, including "there is no such name" (negative dentries).
 *
 * States: made (one reference, its maker's; nobody finds it) -> in the tree
 * (hashed, child of its parent; the tree has a reference) -> out of it (deleted
 * or reclaimed; users may still refer to it) -> last reference gone: freed, and
 * its parent let go.
 *
 * Invariants: 1. a hashed dentry is in d_parent->d_children, and has the tree's
 * reference; 2. each dentry but a root holds a reference to d_parent; 3. a
 * dentry that is positive stays so, with the same vnode; 4. names of one
 * directory change only under that directory's v_lock: for writing, or for
 * reading when a lookup adds what it has found.
 *
 * Locks: each bucket's lock guards its chain, and what a look-up compares.
 * dcache_lock guards the tree (children, aliases, reclaim list). Who changes a
 * name or its parent holds dcache_lock and the buckets, so either is enough to
 * look. Order: dcache_lock, then buckets, two of them by address.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/vnode.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

struct bucket {
	struct spinlock b_lock;
	struct hlist_head b_chain;	/* [b_lock] */
};

struct spinlock dcache_lock = SPINLOCK_INIT("dcache", RANK_DCACHE);
static struct slab_cache *dentry_slab;
static struct bucket *buckets;		/* [I] */
static u32 bucket_mask;			/* [I] */
static LIST_HEAD(dentry_lru);		/* [dcache_lock] reclaimable names, oldest first */
static u64 dentry_cookie = 2;		/* [dcache_lock] last given; 1 and 2 are "." and ".." */

static inline struct bucket *bucket_of(u32 hash)
{
	return &buckets[hash & bucket_mask];
}

void dcache_init(void)
{
	/* A bucket per 64 KiB of memory, 1,024 to 65,536 of them. */
	u64 want = clamp(page_total() / 16, (u64)1024, (u64)65536);
	u32 n = 1024;

	while (n < want)
		n *= 2;
	buckets = kmalloc(n * sizeof(*buckets), ALLOC_WAIT | ALLOC_ZERO);
	KASSERT(buckets);
	for (u32 i = 0; i < n; i++)
		spin_lock_init(&buckets[i].b_lock, "dcache_bucket", RANK_DCACHE);
	bucket_mask = n - 1;
	dentry_slab = slab_create("dentry", sizeof(struct dentry), 0);
}

static void dentry_free(struct dentry *d)
{
	KASSERT(hlist_unlinked(&d->d_hash));
	KASSERT(list_empty(&d->d_children));
	if (d->d_vnode) {
		spin_lock(&dcache_lock);
		list_del(&d->d_alias);
		spin_unlock(&dcache_lock);
		inotify_name_gone(d->d_vnode);
		vnode_put(d->d_vnode);
	}
	if (d->d_name != d->d_inline)
		kfree((void *)d->d_name);
	slab_free(dentry_slab, d);
}

void dentry_put(struct dentry *d)
{
	for (;;) {
		s32 left = atomic_dec_return(&d->d_ref);
		struct dentry *parent;

		KASSERT(left >= 0);
		if (likely(left > 0))
			return;
		parent = d->d_parent;
		dentry_free(d);
		if (parent == d)
			return;
		d = parent;
	}
}

static struct dentry *dentry_new(const char *name, size_t len)
{
	struct dentry *d = slab_alloc(dentry_slab, ALLOC_WAIT);
	char *store;

	if (!d)
		return NULL;
	store = d->d_inline;
	if (len >= DENTRY_INLINE) {
		store = kmalloc(len + 1, ALLOC_WAIT);
		if (!store) {
			slab_free(dentry_slab, d);
			return NULL;
		}
	}
	memcpy(store, name, len);
	store[len] = '\0';
	d->d_name = store;
	d->d_len = (u32)len;
	hlist_init(&d->d_hash);
	d->d_flags = 0;
	atomic_set(&d->d_ref, 1);
	d->d_vnode = NULL;
	d->d_cookie = 0;
	list_init(&d->d_children);
	list_init(&d->d_sibling);
	list_init(&d->d_lru);
	list_init(&d->d_alias);
	return d;
}

struct dentry *dentry_alloc_root(struct superblock *sb, struct vnode *vn)
{
	struct dentry *d = dentry_new("/", 1);

	if (!d)
		return NULL;
	d->d_parent = d;
	d->d_sb = sb;
	d->d_hashval = 0;
	dentry_bind(d, vn);
	return d;
}

int dentry_alloc(struct dentry *parent, const char *name, size_t len, struct dentry **out)
{
	struct dentry *d = dentry_new(name, len);

	if (!d)
		return -ENOMEM;
	d->d_parent = dentry_get(parent);
	d->d_sb = parent->d_sb;
	d->d_hashval = dentry_hash(parent, name, len);
	*out = d;
	return 0;
}

static struct dentry *chain_find(struct bucket *b, const struct dentry *parent,
				 const char *name, size_t len, u32 hash)
{
	struct dentry *d;

	hlist_for_each_entry(d, &b->b_chain, d_hash) {
		if (d->d_hashval == hash && d->d_parent == parent &&
		    d->d_len == len && memcmp(d->d_name, name, len) == 0)
			return d;
	}
	return NULL;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len, u32 hash)
{
	struct bucket *b = bucket_of(hash);
	struct dentry *d;

	spin_lock(&b->b_lock);
	d = chain_find(b, parent, name, len, hash);
	if (d)
		atomic_inc(&d->d_ref);
	spin_unlock(&b->b_lock);
	if (d && (d->d_flags & (DENTRY_LRU | DENTRY_USED)) == DENTRY_LRU)
		__atomic_fetch_or(&d->d_flags, DENTRY_USED, __ATOMIC_RELAXED);
	return d;
}

static void flag_set(struct dentry *d, u32 flag)
{
	__atomic_fetch_or(&d->d_flags, flag, __ATOMIC_RELAXED);
}

static void flag_clear(struct dentry *d, u32 flag)
{
	__atomic_fetch_and(&d->d_flags, ~flag, __ATOMIC_RELAXED);
}

/* Into the children of d_parent, behind all others. */
static void child_link_locked(struct dentry *d)
{
	KASSERT(lock_held(&dcache_lock));
	d->d_cookie = ++dentry_cookie;
	list_add_tail(&d->d_sibling, &d->d_parent->d_children);
}

void dentry_bind(struct dentry *d, struct vnode *vn)
{
	spin_lock(&dcache_lock);
	d->d_vnode = vn;
	list_add_tail(&d->d_alias, &vn->v_dentries);
	spin_unlock(&dcache_lock);
}

struct dentry *dentry_add(struct dentry *d, struct vnode *vn)
{
	struct bucket *b = bucket_of(d->d_hashval);
	struct dentry *other;

	KASSERT(hlist_unlinked(&d->d_hash));
	spin_lock(&dcache_lock);
	spin_lock_nested(&b->b_lock);
	other = chain_find(b, d->d_parent, d->d_name, d->d_len, d->d_hashval);
	if (other) {
		atomic_inc(&other->d_ref);
	} else {
		d->d_vnode = vn;
		if (vn)
			list_add_tail(&d->d_alias, &vn->v_dentries);
	}
	/* A directory that was removed has no tree below it. */
	if (!other && !(d->d_parent->d_flags & DENTRY_DELETED)) {
		atomic_inc(&d->d_ref);
		hlist_add(&d->d_hash, &b->b_chain);
		child_link_locked(d);
		if (!d->d_sb->sb_type->ft_pin_names) {
			flag_set(d, DENTRY_LRU);
			list_add_tail(&d->d_lru, &dentry_lru);
		}
	}
	spin_unlock(&b->b_lock);
	spin_unlock(&dcache_lock);
	if (!other)
		return d;
	if (vn)
		vnode_put(vn);
	dentry_put(d);
	return other;
}

void dentry_instantiate(struct dentry *d, struct vnode *vn)
{
	struct bucket *b = bucket_of(d->d_hashval);

	spin_lock(&dcache_lock);
	spin_lock_nested(&b->b_lock);
	KASSERT(!d->d_vnode);
	smp_store_release(&d->d_vnode, vn);
	list_add_tail(&d->d_alias, &vn->v_dentries);
	spin_unlock(&b->b_lock);
	spin_unlock(&dcache_lock);
}

/*
 * Out of hash, tree and reclaim list. The caller drops the tree's reference,
 * without locks.
 */
static void dentry_unlink_locked(struct dentry *d)
{
	struct bucket *b = bucket_of(d->d_hashval);

	KASSERT(lock_held(&dcache_lock));
	spin_lock_nested(&b->b_lock);
	KASSERT(!hlist_unlinked(&d->d_hash));
	hlist_del(&d->d_hash);
	spin_unlock(&b->b_lock);
	list_del(&d->d_sibling);
	list_del(&d->d_lru);
}

/*
 * What is known to be missing in a directory that is no more must not keep it: its space is free.
 */
static void forget_children(struct dentry *d)
{
	struct dentry *child;

	KASSERT(d->d_flags & DENTRY_DELETED);
	do {
		spin_lock(&dcache_lock);
		child = list_first_entry_or_null(&d->d_children, struct dentry, d_sibling);
		if (child)
			dentry_unlink_locked(child);
		spin_unlock(&dcache_lock);
		if (child)
			dentry_put(child);
	} while (child);
}

void dentry_delete(struct dentry *d)
{
	bool tree;

	spin_lock(&dcache_lock);
	flag_set(d, DENTRY_DELETED);
	tree = !hlist_unlinked(&d->d_hash);
	if (tree)
		dentry_unlink_locked(d);
	spin_unlock(&dcache_lock);
	if (!list_empty(&d->d_children))
		forget_children(d);
	if (tree)
		dentry_put(d);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	struct dentry *parent = a->d_parent;
	u32 len = a->d_len, hash = a->d_hashval;
	const char *a_name = a->d_name, *b_name = b->d_name;
	char tmp[DENTRY_INLINE];

	memcpy(tmp, a->d_inline, DENTRY_INLINE);
	memcpy(a->d_inline, b->d_inline, DENTRY_INLINE);
	memcpy(b->d_inline, tmp, DENTRY_INLINE);
	a->d_name = b_name == b->d_inline ? a->d_inline : b_name;
	b->d_name = a_name == a->d_inline ? b->d_inline : a_name;
	a->d_parent = b->d_parent;
	b->d_parent = parent;
	a->d_len = b->d_len;
	b->d_len = len;
	a->d_hashval = b->d_hashval;
	b->d_hashval = hash;
}

static void buckets_lock(struct bucket *a, struct bucket *b)
{
	spin_lock_nested(a < b ? &a->b_lock : &b->b_lock);
	if (a != b)
		spin_lock_nested(a < b ? &b->b_lock : &a->b_lock);
}

static void buckets_unlock(struct bucket *a, struct bucket *b)
{
	spin_unlock(&a->b_lock);
	if (a != b)
		spin_unlock(&b->b_lock);
}

void dentry_move(struct dentry *d, struct dentry *p, struct dentry *victim)
{
	struct bucket *from = bucket_of(d->d_hashval), *to = bucket_of(p->d_hashval);

	KASSERT(hlist_unlinked(&p->d_hash));
	KASSERT(!victim || victim->d_hashval == p->d_hashval);
	spin_lock(&dcache_lock);
	/*
	 * The victim leaves and d comes under one hold of their bucket's lock:
	 * whoever looks for the name finds one of them.
	 */
	buckets_lock(from, to);
	if (victim) {
		flag_set(victim, DENTRY_DELETED);
		KASSERT(!hlist_unlinked(&victim->d_hash));
		hlist_del(&victim->d_hash);
		list_del(&victim->d_sibling);
		list_del(&victim->d_lru);
	}
	hlist_del(&d->d_hash);
	list_del(&d->d_sibling);
	swap_names(d, p);
	hlist_add(&d->d_hash, &to->b_chain);
	child_link_locked(d);
	buckets_unlock(from, to);
	spin_unlock(&dcache_lock);
	if (victim) {
		forget_children(victim);
		dentry_put(victim);
	}
}

void dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct bucket *ab = bucket_of(a->d_hashval), *bb = bucket_of(b->d_hashval);

	spin_lock(&dcache_lock);
	buckets_lock(ab, bb);
	hlist_del(&a->d_hash);
	hlist_del(&b->d_hash);
	list_del(&a->d_sibling);
	list_del(&b->d_sibling);
	swap_names(a, b);
	hlist_add(&a->d_hash, &bb->b_chain);
	hlist_add(&b->d_hash, &ab->b_chain);
	child_link_locked(a);
	child_link_locked(b);
	buckets_unlock(ab, bb);
	spin_unlock(&dcache_lock);
}

bool dentry_is_ancestor(struct dentry *anc, struct dentry *d)
{
	bool yes;

	spin_lock(&dcache_lock);
	while (d != anc && d->d_parent != d)
		d = d->d_parent;
	yes = d == anc;
	spin_unlock(&dcache_lock);
	return yes;
}

struct dentry *dentry_parent(struct dentry *d)
{
	struct dentry *p;

	spin_lock(&dcache_lock);
	p = dentry_get(d->d_parent);
	spin_unlock(&dcache_lock);
	return p;
}

struct dentry *dentry_of_vnode(struct vnode *vn)
{
	struct dentry *d, *found = NULL;

	spin_lock(&dcache_lock);
	list_for_each_entry(d, &vn->v_dentries, d_alias) {
		if (!atomic_inc_not_zero(&d->d_ref))
			continue;
		found = d;
		break;
	}
	spin_unlock(&dcache_lock);
	return found;
}

/*
 * Nobody but the tree refers to d: take it out, so that nobody can find it.
 * dcache_lock held.
 */
static bool dentry_try_reclaim(struct dentry *d)
{
	struct bucket *b = bucket_of(d->d_hashval);
	bool idle;

	spin_lock_nested(&b->b_lock);
	idle = atomic_read(&d->d_ref) == 1;
	if (idle)
		hlist_del(&d->d_hash);
	spin_unlock(&b->b_lock);
	if (idle) {
		list_del(&d->d_sibling);
		list_del(&d->d_lru);
	}
	return idle;
}

unsigned long dcache_shrink(struct superblock *sb, unsigned long n)
{
	unsigned long freed = 0, look = 0;
	struct dentry *d, *mark = NULL;

	spin_lock(&dcache_lock);
	while (freed < n && !list_empty(&dentry_lru)) {
		d = list_first_entry(&dentry_lru, struct dentry, d_lru);
		/* Once around without finding anything: the rest is in use. */
		if (d == mark)
			break;
		if ((sb && d->d_sb != sb) || (!sb && (d->d_flags & DENTRY_USED)) ||
		    !dentry_try_reclaim(d)) {
			flag_clear(d, DENTRY_USED);
			list_move_tail(&d->d_lru, &dentry_lru);
			if (look++ == 0)
				mark = d;
			continue;
		}
		spin_unlock(&dcache_lock);
		dentry_put(d);
		freed++;
		/*
		 * Anything may have changed, the mark may be gone: start anew.
		 */
		mark = NULL;
		look = 0;
		spin_lock(&dcache_lock);
	}
	spin_unlock(&dcache_lock);
	return freed;
}

/*
 * Nobody uses the file system any more, so only the tree's own references are
 * left. Leaves go first; a directory is a leaf once its children are gone.
 */
void dcache_destroy(struct superblock *sb)
{
	struct dentry *d = sb->sb_droot;

	for (;;) {
		struct dentry *parent;

		spin_lock(&dcache_lock);
		while (!list_empty(&d->d_children))
			d = list_first_entry(&d->d_children, struct dentry, d_sibling);
		if (d == sb->sb_droot) {
			spin_unlock(&dcache_lock);
			break;
		}
		parent = d->d_parent;
		dentry_unlink_locked(d);
		spin_unlock(&dcache_lock);
		KASSERT_MSG(atomic_read(&d->d_ref) == 1, "%s has %d references",
			    d->d_name, atomic_read(&d->d_ref));
		dentry_put(d);
		d = parent;
	}
	sb->sb_droot = NULL;
	dentry_put(d);
}

bool dentry_has_children(struct dentry *dir)
{
	return !list_empty(&dir->d_children);
}
