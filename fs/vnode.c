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
 * vnode_object_release().
 *
 * Invariants: 1. v_ref == 0 and findable only in CACHED, then on the unused
 * list; 2. every vnode is on its super block's sb_vnodes until it is freed; 3.
 * only VNF_HASHED vnodes can go from no reference to one.
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
#include "kernel/core/timer.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
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

void vtime_now(struct vtime *t)
{
	nsec_t now = clock_realtime();

	t->sec = now / NSEC_PER_SEC;
	t->nsec = now % NSEC_PER_SEC;
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
	KASSERT(lock_held(&vnode_lock));
	if (atomic_read(&vn->v_ref) == 0) {
		if (hlist_unlinked(&vn->v_hash)) {
			if (!vn->v_object.vo_owner || !(vn->v_flags & VNF_HASHED) ||
			    !refcount_inc_not_zero(&vn->v_object.vo_ref))
				return false;
		} else {
			list_del(&vn->v_lru);
		}
	}
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

bool vnode_owner(const struct vnode *vn, const struct cred *cr)
{
	return cr->cr_fsuid == vn->v_uid || cred_privileged(cr);
}

/*
 * The class that applies first decides alone: owner, else group, else others
 * (path_resolution(7)). The superuser needs an execute bit somewhere to execute
 * a file.
 */
int vnode_permission(struct vnode *vn, int mask, const struct cred *cr)
{
	u32 mode = vn->v_mode;

	if (cred_privileged(cr)) {
		if (!(mask & MAY_EXEC) || S_ISDIR(mode) || (mode & 0111))
			return 0;
		return -EACCES;
	}
	if (cr->cr_fsuid == vn->v_uid)
		mode >>= 6;
	else if (cred_in_group(cr, vn->v_gid))
		mode >>= 3;
	return ((u32)mask & ~mode & 7) ? -EACCES : 0;
}

static void vnode_touched(struct vnode *vn)
{
	if (vn->v_sb->sb_type->ft_touched)
		vn->v_sb->sb_type->ft_touched(vn);
}

void vnode_touch(struct vnode *vn, bool atime, bool mtime, bool ctime)
{
	struct vtime now;

	vtime_now(&now);
	spin_lock(&vn->v_ilock);
	if (atime)
		vn->v_atime = now;
	if (mtime)
		vn->v_mtime = now;
	if (ctime)
		vn->v_ctime = now;
	spin_unlock(&vn->v_ilock);
	vnode_touched(vn);
}

static bool vtime_after(const struct vtime *a, const struct vtime *b)
{
	return a->sec > b->sec || (a->sec == b->sec && a->nsec > b->nsec);
}

/*
 * relatime, as mount(8) says: when it is not later than mtime or ctime, or a
 * day old.
 */
void vnode_accessed(struct vnode *vn, const struct mount *mnt)
{
	struct vtime now;

	if ((mnt->mnt_flags | vn->v_sb->sb_flags) & (MS_NOATIME | MS_RDONLY))
		return;
	if ((mnt->mnt_flags & MS_NODIRATIME) && vnode_is_dir(vn))
		return;
	vtime_now(&now);
	if (!(mnt->mnt_flags & MS_STRICTATIME) &&
	    vtime_after(&vn->v_atime, &vn->v_mtime) &&
	    vtime_after(&vn->v_atime, &vn->v_ctime) &&
	    now.sec - vn->v_atime.sec < 24 * 60 * 60)
		return;
	spin_lock(&vn->v_ilock);
	vn->v_atime = now;
	spin_unlock(&vn->v_ilock);
	vnode_touched(vn);
}

void vnode_setattr_generic(struct vnode *vn, const struct vattr *va)
{
	struct vtime now;

	KASSERT(rwlock_write_held(&vn->v_lock));
	vtime_now(&now);
	if ((va->va_valid & ATTR_SIZE) && vnode_is_reg(vn)) {
		vm_object_truncate(&vn->v_object, (u64)va->va_size);
		vn->v_size = va->va_size;
	}
	spin_lock(&vn->v_ilock);
	if (va->va_valid & ATTR_MODE)
		vn->v_mode = (vn->v_mode & S_IFMT) | (va->va_mode & 07777);
	if (va->va_valid & ATTR_UID)
		vn->v_uid = va->va_uid;
	if (va->va_valid & ATTR_GID)
		vn->v_gid = va->va_gid;
	if (va->va_valid & ATTR_ATIME)
		vn->v_atime = va->va_atime;
	if (va->va_valid & ATTR_MTIME)
		vn->v_mtime = va->va_mtime;
	else if (va->va_valid & ATTR_SIZE)
		vn->v_mtime = now;
	vn->v_ctime = now;
	spin_unlock(&vn->v_ilock);
}

void vnode_init_owner(struct vnode *vn, const struct vnode *dir)
{
	const struct cred *cr = cred_current();

	vn->v_uid = cr->cr_fsuid;
	vn->v_gid = cr->cr_fsgid;
	if (!(dir->v_mode & S_ISGID))
		return;
	vn->v_gid = dir->v_gid;
	if (vnode_is_dir(vn))
		vn->v_mode |= S_ISGID;
	else if ((vn->v_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
		 !cred_in_group(cr, vn->v_gid) && !cred_privileged(cr))
		vn->v_mode &= ~S_ISGID;
}

int vnode_setattr(struct vnode *vn, const struct vattr *va)
{
	KASSERT(rwlock_write_held(&vn->v_lock));
	if (vn->v_ops->vo_setattr)
		return vn->v_ops->vo_setattr(vn, va);
	vnode_setattr_generic(vn, va);
	return 0;
}

void vnode_drop_setid(struct vnode *vn)
{
	u32 mode = vn->v_mode;
	struct vattr va = { .va_valid = ATTR_MODE, .va_mode = mode & ~S_ISUID };

	if (likely(!(mode & (S_ISUID | S_ISGID))) || cred_privileged(cred_current()))
		return;
	/* Without group execute, setgid means mandatory locking and stays. */
	if (mode & S_IXGRP)
		va.va_mode &= ~S_ISGID;
	if (va.va_mode != mode)
		(void)vnode_setattr(vn, &va);
}

int vnode_truncate(struct vnode *vn, s64 size)
{
	struct vattr va = { .va_valid = ATTR_SIZE | ATTR_MTIME, .va_size = size };
	int err;

	KASSERT(vnode_is_reg(vn) && size >= 0);
	vtime_now(&va.va_mtime);
	rwlock_write(&vn->v_lock);
	if ((size < vn->v_size && (vn->v_seals & F_SEAL_SHRINK)) ||
	    (size > vn->v_size && (vn->v_seals & F_SEAL_GROW))) {
		err = -EPERM;
	} else {
		vnode_drop_setid(vn);
		err = vnode_setattr(vn, &va);
	}
	rwlock_write_unlock(&vn->v_lock);
	return err;
}

int vnode_get_write(struct vnode *vn)
{
	s32 n = atomic_read(&vn->v_writers);

	while (n >= 0) {
		s32 found = atomic_cmpxchg(&vn->v_writers, n, n + 1);

		if (found == n)
			return 0;
		n = found;
	}
	return -ETXTBSY;
}

void vnode_put_write(struct vnode *vn)
{
	s32 left = atomic_dec_return(&vn->v_writers);

	KASSERT(left >= 0);
}

int vnode_deny_write(struct vnode *vn)
{
	s32 n = atomic_read(&vn->v_writers);

	while (n <= 0) {
		s32 found = atomic_cmpxchg(&vn->v_writers, n, n - 1);

		if (found == n)
			return 0;
		n = found;
	}
	return -ETXTBSY;
}

void vnode_allow_write(struct vnode *vn)
{
	s32 left = atomic_inc_return(&vn->v_writers);

	KASSERT(left <= 0);
}

void vnode_stat(struct vnode *vn, struct stat *st)
{
	if (vn->v_ops->vo_getattr)
		vn->v_ops->vo_getattr(vn);
	*st = (struct stat){
		.st_dev = vn->v_sb->sb_dev,
		.st_ino = vn->v_ino,
		.st_nlink = vn->v_nlink,
		.st_rdev = vn->v_rdev,
		.st_size = vn->v_size,
		.st_blksize = PAGE_SIZE,
		.st_blocks = (s64)READ_ONCE(vn->v_blocks),
	};
	spin_lock(&vn->v_ilock);
	st->st_mode = vn->v_mode;
	st->st_uid = vn->v_uid;
	st->st_gid = vn->v_gid;
	st->st_atime = (u64)vn->v_atime.sec;
	st->st_atime_nsec = vn->v_atime.nsec;
	st->st_mtime = (u64)vn->v_mtime.sec;
	st->st_mtime_nsec = vn->v_mtime.nsec;
	st->st_ctime = (u64)vn->v_ctime.sec;
	st->st_ctime_nsec = vn->v_ctime.nsec;
	spin_unlock(&vn->v_ilock);
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
