/* SPDX-License-Identifier: MIT */
/*
 * Life of vnodes. File systems make them (vnode_alloc, vnode_find), names and
 * open files refer to them.
 *
 *	           vnode_find                 last reference,           vnode_find
 *	(nothing) ----------> NEW --> LIVE ----------------------> CACHED --------> LIVE
 *	     vnode_alloc -----------^   |   named, VNF_HASHED          |
 *	                                | else                        | vnode_shrink
 *	                                v                             v
 *	                              ENDING: waits for mappings -> freed
 *
 * A mapping holds the vm_object, not the vnode: an unreferenced vnode whose
 * object is still mapped is freed by the pager's vp_release, that is
 * vnode_object_release(). Until then write-back may come past it, and holds it
 * again by a reference to the object (vnode_grab_locked).
 *
 * Invariants: 1. v_ref == 0 and findable only in CACHED, then on the unused
 * list; 2. every vnode is on its super block's sb_vnodes until it is freed; 3.
 * only VNF_HASHED vnodes can go from no reference to one.
 *
 * What a vnode says of its file is vnode_attr.c's.
 *
 * Locks: vnode_lock (spin) for the hash, the unused list and sb_vnodes.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/locks.h"
#include "fs/mount.h"
#include "fs/pagecache.h"
#include "fs/sys_path.h"
#include "fs/vnode.h"
#include "kernel/core/statreg.h"
#include "kernel/lib/hash.h"
#include "mm/slab.h"

#define VHASH_BITS	10

static struct slab_cache *vnode_slab;
static struct spinlock vnode_lock = SPINLOCK_INIT("vnode_hash", RANK_VNODE_SPIN);
static struct hlist_head vhash[1 << VHASH_BITS];	/* [vnode_lock] */
static LIST_HEAD(vnode_unused);				/* [vnode_lock] oldest first */
static struct waitq vnode_newq = WAITQ_INIT(vnode_newq);
static atomic64_t vnode_count;

static struct hlist_head *vhash_chain(const struct superblock *sb, u64 ino)
{
	return &vhash[hash_u64(ino ^ (uintptr_t)sb, VHASH_BITS)];
}

/* The mode, and the defaults that go with its type. */
static void set_type(struct vnode *vn, u32 mode)
{
	vn->v_mode = mode;
	if (S_ISREG(mode))
		vn->v_fops = &pagecache_file_ops;
	else if (S_ISDIR(mode))
		vn->v_fops = &dir_file_ops;
}

static struct vnode *vnode_new(struct superblock *sb, u64 ino, u32 mode)
{
	struct vnode *vn = slab_alloc(vnode_slab, ALLOC_WAIT | ALLOC_ZERO);

	if (!vn)
		return NULL;
	atomic_set(&vn->v_ref, 1);
	vn->v_ino = ino;
	vn->v_nlink = 1;
	vn->v_sb = sb;
	rwlock_init(&vn->v_lock, "vnode", RANK_VNODE);
	spin_lock_init(&vn->v_ilock, "vnode_fields", RANK_VNODE_SPIN);
	list_init(&vn->v_lru);
	list_init(&vn->v_sblink);
	list_init(&vn->v_dirtylink);
	list_init(&vn->v_dentries);
	set_type(vn, mode);
	atomic64_inc(&vnode_count);
	return vn;
}

int vnode_alloc(struct superblock *sb, u64 ino, u32 mode, struct vnode **out)
{
	struct vnode *vn = vnode_new(sb, ino, mode);

	if (!vn)
		return -ENOMEM;
	vtime_now(&vn->v_btime);
	vn->v_atime = vn->v_mtime = vn->v_ctime = vn->v_btime;
	spin_lock(&vnode_lock);
	list_add_tail(&vn->v_sblink, &sb->sb_vnodes);
	spin_unlock(&vnode_lock);
	*out = vn;
	return 0;
}

/* In the hash, with a reference; vnode_lock held. */
static struct vnode *vnode_hash_get(struct superblock *sb, u64 ino)
{
	struct vnode *vn;

	KASSERT(lock_held(&vnode_lock));
	hlist_for_each_entry(vn, vhash_chain(sb, ino), v_hash) {
		if (vn->v_ino != ino || vn->v_sb != sb)
			continue;
		if (atomic_fetch_add(&vn->v_ref, 1) == 0)
			list_del(&vn->v_lru);
		return vn;
	}
	return NULL;
}

int vnode_find(struct superblock *sb, u64 ino, struct vnode **out, bool *fresh)
{
	struct vnode *vn, *made = NULL;

	*fresh = false;
	spin_lock(&vnode_lock);
	while (!(vn = vnode_hash_get(sb, ino))) {
		if (made) {
			made->v_flags = VNF_HASHED | VNF_NEW;
			hlist_add(&made->v_hash, vhash_chain(sb, ino));
			list_add_tail(&made->v_sblink, &sb->sb_vnodes);
			spin_unlock(&vnode_lock);
			*fresh = true;
			*out = made;
			return 0;
		}
		spin_unlock(&vnode_lock);
		made = vnode_new(sb, ino, 0);
		if (!made)
			return -ENOMEM;
		spin_lock(&vnode_lock);
	}
	while (vn->v_flags & VNF_NEW)
		waitq_sleep_uninterruptible(&vnode_newq, &vnode_lock);
	spin_unlock(&vnode_lock);
	if (made) {
		atomic64_dec(&vnode_count);
		slab_free(vnode_slab, made);
	}
	/* vnode_fail() has unhashed it: the read failed. */
	if (hlist_unlinked(&vn->v_hash)) {
		vnode_put(vn);
		return -EIO;
	}
	*out = vn;
	return 0;
}

void vnode_ready(struct vnode *vn)
{
	spin_lock(&vnode_lock);
	KASSERT(vn->v_flags & VNF_NEW);
	vn->v_flags &= ~VNF_NEW;
	waitq_wake_all(&vnode_newq, 0);
	spin_unlock(&vnode_lock);
}

void vnode_fail(struct vnode *vn)
{
	spin_lock(&vnode_lock);
	hlist_del(&vn->v_hash);
	vn->v_flags &= ~VNF_NEW;
	vn->v_nlink = 0;
	waitq_wake_all(&vnode_newq, 0);
	spin_unlock(&vnode_lock);
	vnode_put(vn);
}

struct vnode *vnode_get(struct vnode *vn)
{
	int old = atomic_fetch_add(&vn->v_ref, 1);

	KASSERT(old > 0);
	return vn;
}

bool vnode_try_get(struct vnode *vn)
{
	bool alive;

	spin_lock(&vnode_lock);
	alive = !hlist_unlinked(&vn->v_hash);
	if (alive && atomic_fetch_add(&vn->v_ref, 1) == 0)
		list_del(&vn->v_lru);
	spin_unlock(&vnode_lock);
	return alive;
}

static void vnode_free(struct vnode *vn)
{
	struct superblock *sb = vn->v_sb;
	bool last;

	KASSERT(atomic_read(&vn->v_ref) == 0);
	KASSERT(list_empty(&vn->v_dentries) && !vn->v_watches);
	if (vn->v_locks)
		locks_free(vn);
	if (vn->v_pipe)
		fifo_free_hook(vn);
	if (vn->v_ops && vn->v_ops->vo_inactive)
		vn->v_ops->vo_inactive(vn);
	spin_lock(&vnode_lock);
	list_del(&vn->v_sblink);
	list_del(&vn->v_dirtylink);
	last = sb->sb_dying && list_empty(&sb->sb_vnodes);
	spin_unlock(&vnode_lock);
	atomic64_dec(&vnode_count);
	slab_free(vnode_slab, vn);
	if (last)
		superblock_free(sb);
}

void vnode_object_release(struct vm_object *vo)
{
	vnode_free(vo->vo_owner);
}

void vnode_object_ident(struct vm_object *vo, u64 *dev, u64 *ino)
{
	const struct vnode *vn = vo->vo_owner;

	*dev = vn->v_sb->sb_dev;
	*ino = vn->v_ino;
}

/*
 * No reference and not findable any more. Mappings of the object may outlive
 * us.
 */
static void vnode_end(struct vnode *vn)
{
	if (vn->v_object.vo_owner)
		vm_object_put(&vn->v_object);
	else
		vnode_free(vn);
}

static void vnode_put_hashed(struct vnode *vn)
{
	bool end = false;

	for (;;) {
		s32 ref = atomic_read(&vn->v_ref);

		KASSERT(ref > 0);
		if (ref == 1)
			break;
		if (atomic_cmpxchg(&vn->v_ref, ref, ref - 1) == ref)
			return;
	}
	spin_lock(&vnode_lock);
	if (atomic_dec_and_test(&vn->v_ref)) {
		end = vn->v_nlink == 0 || hlist_unlinked(&vn->v_hash);
		if (end)
			hlist_del(&vn->v_hash);
		else
			list_add_tail(&vn->v_lru, &vnode_unused);
	}
	spin_unlock(&vnode_lock);
	if (end)
		vnode_end(vn);
}

void vnode_put(struct vnode *vn)
{
	s32 left;

	if (vn->v_flags & VNF_HASHED) {
		vnode_put_hashed(vn);
		return;
	}
	left = atomic_dec_return(&vn->v_ref);
	KASSERT(left >= 0);
	if (left == 0)
		vnode_end(vn);
}

/* Mapped, or not all on disk: without the vnode these pages could not be found again. */
static bool vnode_pages_busy(const struct vnode *vn)
{
	const struct vm_object *vo = &vn->v_object;

	return vo->vo_owner && (refcount_get(&vo->vo_ref) > 1 || READ_ONCE(vo->vo_ndirty) ||
				!list_empty(&vo->vo_writing));
}

static unsigned long shrink(struct superblock *sb, unsigned long max_pages, bool force)
{
	unsigned long pages = 0;
	struct vnode *vn;

	while (pages < max_pages) {
		struct vnode *found = NULL;

		spin_lock(&vnode_lock);
		list_for_each_entry(vn, &vnode_unused, v_lru) {
			if ((!sb || vn->v_sb == sb) &&
			    (force || (!vnode_pages_busy(vn) && !READ_ONCE(vn->v_unsaved)))) {
				found = vn;
				break;
			}
		}
		if (found) {
			list_del(&found->v_lru);
			hlist_del(&found->v_hash);
		}
		spin_unlock(&vnode_lock);
		if (!found)
			break;
		pages += found->v_object.vo_npages + 1;
		vnode_end(found);
	}
	return pages;
}

unsigned long vnode_shrink(struct superblock *sb, unsigned long max_pages)
{
	return shrink(sb, max_pages, false);
}

/*
 * A reference to what was found on a list of the super block. A vnode that has ended and lives
 * on for its mappings alone gets back the object's reference that its end gave away.
 */
static bool vnode_grab_locked(struct vnode *vn)
{
	s32 ref = atomic_read(&vn->v_ref);

	KASSERT(lock_held(&vnode_lock));
	/* One that is not hashed goes to 0 without the lock, and then never comes back. */
	while (ref > 0) {
		s32 found = atomic_cmpxchg(&vn->v_ref, ref, ref + 1);

		if (found == ref)
			return true;
		ref = found;
	}
	if (!(vn->v_flags & VNF_HASHED))
		return false;
	if (!hlist_unlinked(&vn->v_hash))
		list_del(&vn->v_lru);
	else if (!vn->v_object.vo_owner || !refcount_inc_not_zero(&vn->v_object.vo_ref))
		return false;
	atomic_inc(&vn->v_ref);
	return true;
}

/* The vnode behind prev (NULL: the first) on sb's list, with a reference; prev's goes. */
static struct vnode *vnode_step(struct superblock *sb, struct vnode *prev)
{
	struct list_head *at = prev ? &prev->v_sblink : &sb->sb_vnodes;
	struct vnode *found = NULL;

	spin_lock(&vnode_lock);
	for (at = at->next; at != &sb->sb_vnodes && !found; at = at->next) {
		struct vnode *vn = list_entry(at, struct vnode, v_sblink);

		if (!(vn->v_flags & VNF_NEW) && vnode_grab_locked(vn))
			found = vn;
	}
	spin_unlock(&vnode_lock);
	if (prev)
		vnode_put(prev);
	return found;
}

bool vnode_any_object(struct superblock *sb, bool (*fn)(struct vm_object *vo))
{
	struct vnode *vn = NULL;

	while ((vn = vnode_step(sb, vn)) != NULL) {
		if (vn->v_object.vo_owner && fn(&vn->v_object)) {
			vnode_put(vn);
			return true;
		}
	}
	return false;
}

void vnode_dirtied(struct vnode *vn)
{
	spin_lock(&vnode_lock);
	if (list_empty(&vn->v_dirtylink)) {
		vn->v_dirtied = clock_monotonic();
		list_add_tail(&vn->v_dirtylink, &vn->v_sb->sb_dirty);
	}
	spin_unlock(&vnode_lock);
}

struct vnode *vnode_next_dirty(struct superblock *sb, nsec_t before)
{
	struct vnode *vn, *next, *found = NULL;

	spin_lock(&vnode_lock);
	list_for_each_entry_safe(vn, next, &sb->sb_dirty, v_dirtylink) {
		if (vn->v_dirtied > before || found)
			break;
		list_del(&vn->v_dirtylink);
		if (vnode_grab_locked(vn))
			found = vn;
	}
	spin_unlock(&vnode_lock);
	return found;
}

bool vnode_sb_mapped(struct superblock *sb)
{
	struct vnode *vn;
	bool mapped = false;

	spin_lock(&vnode_lock);
	list_for_each_entry(vn, &sb->sb_vnodes, v_sblink) {
		if (vn->v_object.vo_owner && !list_empty(&vn->v_object.vo_areas))
			mapped = true;
	}
	spin_unlock(&vnode_lock);
	return mapped;
}

void vnode_sb_end(struct superblock *sb)
{
	bool last;

	/* Mapped ones end with their last mapping. */
	(void)shrink(sb, ~0UL, true);
	spin_lock(&vnode_lock);
	last = list_empty(&sb->sb_vnodes);
	sb->sb_dying = true;
	spin_unlock(&vnode_lock);
	if (last)
		superblock_free(sb);
}

static u64 vnodes_read(void)
{
	return (u64)atomic64_read(&vnode_count);
}

static struct statcounter vnodes_counter = { .sc_name = "vnodes", .sc_read = vnodes_read };

void vnode_cache_init(void)
{
	vnode_slab = slab_create("vnode", sizeof(struct vnode), 0);
	statcounter_register(&vnodes_counter);
}

/*
 * For fs/report.c: up to n vnodes of sb from position *pos on, as copies of
 * what is shown.
 */
unsigned int vnode_list(struct superblock *sb, unsigned long *pos,
			struct vnode_line *lines, unsigned int n)
{
	unsigned long at = 0;
	unsigned int got = 0;
	struct vnode *vn;

	spin_lock(&vnode_lock);
	list_for_each_entry(vn, &sb->sb_vnodes, v_sblink) {
		if (at++ < *pos)
			continue;
		if (got == n)
			break;
		lines[got++] = (struct vnode_line){
			.ino = vn->v_ino, .ref = atomic_read(&vn->v_ref),
			.mode = vn->v_mode, .nlink = vn->v_nlink, .uid = vn->v_uid,
			.gid = vn->v_gid, .size = vn->v_size,
			.pages = vn->v_object.vo_npages,
			.writers = atomic_read(&vn->v_writers),
		};
	}
	spin_unlock(&vnode_lock);
	*pos += got;
	return got;
}
