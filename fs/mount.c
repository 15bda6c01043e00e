/* SPDX-License-Identifier: MIT */
/*
 * File system types, super blocks and the mount table: which tree is visible
 * where. The path walk crosses mounts here (mount_cross_down, mount_cross_up);
 * mount(2) and umount2(2) are in sys_mount.c.
 *
 * A mount is: made -> attached (in hash, list, and its parent's children; that
 * is one reference, and it holds one to its parent) -> detached -> last
 * reference gone: root and super block let go.
 *
 * Invariants: 1. an attached mount has mnt_parent and mnt_point, but for the
 * root mount; 2. a dentry has DENTRY_MOUNTED iff it is the mnt_point of an
 * attached mount; 3. sb_active counts mounts, plus one for an ft_single type.
 *
 * Locks: mount_lock (mutex, RANK_MOUNT) serialises changes; mount_hash_lock
 * (spin, RANK_FS) is held for each change, and for crossing. path_name() takes
 * mount_hash_lock, then dcache_lock. Reports walk the lists of mounts and super
 * blocks with mount_list_lock (mutex, a leaf: reports are shown with a file's
 * position locked), and changes of the lists take it inside mount_lock.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/mount_impl.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "fs/writeback.h"
#include "kernel/core/fail.h"
#include "kernel/core/statreg.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

#define MHASH_BITS	6

/* Flags that belong to the mount, not to the super block. */
#define MNT_FLAGS	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | \
			 MS_NODIRATIME | MS_STRICTATIME | MS_NOSYMFOLLOW)

/* Those of the super block. */
#define SB_FLAGS	(MS_RDONLY | MS_SYNCHRONOUS)

static struct mutex mount_lock;
struct mutex mount_list_lock;
struct spinlock mount_hash_lock = SPINLOCK_INIT("mount_hash", RANK_FS);
static struct hlist_head mhash[1 << MHASH_BITS];	/* [m] */
LIST_HEAD(all_mounts);					/* [m] */
static LIST_HEAD(all_superblocks);			/* [m] */
static LIST_HEAD(all_types);				/* [I] after boot */
static unsigned int next_mount_id;			/* [m] */
static atomic_t next_anon_dev;
struct mount *root_mount;

void mount_init(void)
{
	mutex_init(&mount_lock, "mount", RANK_MOUNT);
	mutex_init(&mount_list_lock, "mount_list", RANK_SLEEP_LEAF);
}

void fs_type_register(struct fs_type *ft)
{
	list_add_tail(&ft->ft_link, &all_types);
}

struct fs_type *fs_type_next(struct fs_type *prev)
{
	struct list_head *next = prev ? prev->ft_link.next : all_types.next;

	return next == &all_types ? NULL : list_entry(next, struct fs_type, ft_link);
}

static struct fs_type *fs_type_find(const char *name)
{
	struct fs_type *ft;

	list_for_each_entry(ft, &all_types, ft_link) {
		if (strcmp(ft->ft_name, name) == 0)
			return ft;
	}
	return NULL;
}

static u64 anon_dev_alloc(void)
{
	return (u64)atomic_inc_return(&next_anon_dev);
}

/* ---- super blocks ---- */

void superblock_free(struct superblock *sb)
{
	KASSERT(list_empty(&sb->sb_vnodes));
	if (sb->sb_type->ft_unmount)
		sb->sb_type->ft_unmount(sb);
	kfree(sb);
}

static void superblock_put(struct superblock *sb)
{
	struct vnode *root = sb->sb_root;

	if (!atomic_dec_and_test(&sb->sb_active))
		return;
	KASSERT(!sb->sb_type->ft_single);
	(void)superblock_sync(sb, true);
	mutex_lock(&mount_list_lock);
	list_del(&sb->sb_link);
	mutex_unlock(&mount_list_lock);
	inotify_unmount(sb);
	dcache_shrink(sb, ~0UL);
	dcache_destroy(sb);
	sb->sb_root = NULL;
	vnode_put(root);
	vnode_sb_end(sb);
}

/* With a count in sb_active for the caller. */
static int superblock_open(struct fs_type *ft, const char *source, const char *data,
			   unsigned long flags, struct superblock **out)
{
	struct superblock *sb;
	int err;

	KASSERT(mutex_held(&mount_lock));
	if (ft->ft_single && ft->ft_sb) {
		atomic_inc(&ft->ft_sb->sb_active);
		*out = ft->ft_sb;
		return 0;
	}
	if (should_fail() || !(sb = kzalloc(sizeof(*sb))))
		return -ENOMEM;
	sb->sb_type = ft;
	sb->sb_dev = anon_dev_alloc();
	sb->sb_flags = flags & SB_FLAGS;
	list_init(&sb->sb_vnodes);
	list_init(&sb->sb_dirty);
	atomic_set(&sb->sb_active, 1);
	err = ft->ft_mount(sb, source, data);
	if (err) {
		kfree(sb);
		return err;
	}
	KASSERT(sb->sb_root);
	sb->sb_droot = dentry_alloc_root(sb, vnode_get(sb->sb_root));
	if (!sb->sb_droot) {
		vnode_put(sb->sb_root);
		vnode_put(sb->sb_root);
		vnode_sb_end(sb);
		return -ENOMEM;
	}
	mutex_lock(&mount_list_lock);
	list_add_tail(&sb->sb_link, &all_superblocks);
	mutex_unlock(&mount_list_lock);
	if (ft->ft_single) {
		ft->ft_sb = sb;
		atomic_inc(&sb->sb_active);
	}
	*out = sb;
	return 0;
}

struct superblock *superblock_next(struct superblock *prev)
{
	struct list_head *next = prev ? prev->sb_link.next : all_superblocks.next;

	KASSERT(mutex_held(&mount_list_lock));
	return next == &all_superblocks ? NULL : list_entry(next, struct superblock, sb_link);
}

void superblock_for_each(void (*fn)(struct superblock *sb, void *arg), void *arg)
{
	struct superblock *sb;

	mutex_lock(&mount_lock);
	list_for_each_entry(sb, &all_superblocks, sb_link)
		fn(sb, arg);
	mutex_unlock(&mount_lock);
}

static void sync_one(struct superblock *sb, void *wait)
{
	(void)superblock_sync(sb, *(bool *)wait);
}

void fs_sync_all(bool wait)
{
	superblock_for_each(sync_one, &wait);
	blkdev_sync_all(wait);
}

/* ---- mounts ---- */

/* Takes over the caller's count in sb_active; root gets a reference. */
static int mount_alloc(struct superblock *sb, struct dentry *root, const char *source,
		       unsigned long flags, struct mount **out)
{
	struct mount *m = kzalloc(sizeof(*m));
	size_t len = strlen(source) + 1;

	if (m && !(m->mnt_source = kmalloc(len, ALLOC_WAIT))) {
		kfree(m);
		m = NULL;
	}
	if (!m) {
		superblock_put(sb);
		return -ENOMEM;
	}
	memcpy(m->mnt_source, source, len);
	atomic_set(&m->mnt_ref, 1);
	m->mnt_sb = sb;
	m->mnt_root = dentry_get(root);
	m->mnt_flags = flags & MNT_FLAGS;
	m->mnt_id = ++next_mount_id;
	list_init(&m->mnt_link);
	list_init(&m->mnt_children);
	list_init(&m->mnt_sibling);
	*out = m;
	return 0;
}

void mount_put(struct mount *m)
{
	if (unlikely(m->mnt_expire))
		m->mnt_expire = false;
	mount_put_unused(m);
}

void mount_put_unused(struct mount *m)
{
	s32 left = atomic_dec_return(&m->mnt_ref);

	KASSERT(left >= 0);
	if (left)
		return;
	KASSERT(!m->mnt_parent && list_empty(&m->mnt_children));
	dentry_put(m->mnt_root);
	/*
	 * The last path may go anywhere, even inside a mount(2): no lock here
	 * but what it takes.
	 */
	if (mutex_held(&mount_lock)) {
		superblock_put(m->mnt_sb);
	} else {
		mutex_lock(&mount_lock);
		superblock_put(m->mnt_sb);
		mutex_unlock(&mount_lock);
	}
	kfree(m->mnt_source);
	kfree(m);
}

struct mount *mount_of(struct superblock *sb)
{
	struct mount *m, *found = NULL;

	spin_lock(&mount_hash_lock);
	list_for_each_entry(m, &all_mounts, mnt_link) {
		if (m->mnt_sb == sb) {
			found = mount_get(m);
			break;
		}
	}
	spin_unlock(&mount_hash_lock);
	return found;
}

static struct hlist_head *mhash_chain(const struct mount *parent, const struct dentry *d)
{
	return &mhash[hash_u64((uintptr_t)parent + ((uintptr_t)d >> 4), MHASH_BITS)];
}

/*
 * What is mounted on d in m, newest first; no reference. mount_hash_lock held.
 */
static struct mount *mount_on_locked(struct mount *parent, struct dentry *d)
{
	struct mount *m;

	KASSERT(lock_held(&mount_hash_lock));
	hlist_for_each_entry(m, mhash_chain(parent, d), mnt_hash) {
		if (m->mnt_parent == parent && m->mnt_point == d)
			return m;
	}
	return NULL;
}

void mount_cross_down(struct path *p)
{
	while (p->dentry->d_flags & DENTRY_MOUNTED) {
		struct path old = *p;
		struct mount *m;

		spin_lock(&mount_hash_lock);
		m = mount_on_locked(p->mnt, p->dentry);
		if (m) {
			p->mnt = mount_get(m);
			p->dentry = dentry_get(m->mnt_root);
		}
		spin_unlock(&mount_hash_lock);
		if (!m)
			return;
		path_put(&old);
	}
}

bool mount_cross_up(struct path *p)
{
	struct path old = *p;
	bool up = false;

	KASSERT(p->dentry == p->mnt->mnt_root);
	spin_lock(&mount_hash_lock);
	if (p->mnt->mnt_parent) {
		p->dentry = dentry_get(p->mnt->mnt_point);
		p->mnt = mount_get(p->mnt->mnt_parent);
		up = true;
	}
	spin_unlock(&mount_hash_lock);
	if (up)
		path_put(&old);
	return up;
}

int mount_check_write(const struct mount *m)
{
	return (m->mnt_flags | m->mnt_sb->sb_flags) & MS_RDONLY ? -EROFS : 0;
}

/* The caller's reference to m becomes the table's. */
static void mount_attach(struct mount *m, struct path *where)
{
	KASSERT(mutex_held(&mount_lock));
	mutex_lock(&mount_list_lock);
	spin_lock(&mount_hash_lock);
	m->mnt_parent = mount_get(where->mnt);
	m->mnt_point = dentry_get(where->dentry);
	__atomic_fetch_or(&where->dentry->d_flags, DENTRY_MOUNTED, __ATOMIC_RELAXED);
	hlist_add(&m->mnt_hash, mhash_chain(where->mnt, where->dentry));
	list_add_tail(&m->mnt_sibling, &where->mnt->mnt_children);
	list_add_tail(&m->mnt_link, &all_mounts);
	spin_unlock(&mount_hash_lock);
	mutex_unlock(&mount_list_lock);
}

/*
 * Out of the tree. *where gets the references that the mount held to its place.
 */
static void mount_detach_locked(struct mount *m, struct path *where)
{
	struct mount *other;
	bool more = false;

	KASSERT(lock_held(&mount_hash_lock));
	where->mnt = m->mnt_parent;
	where->dentry = m->mnt_point;
	hlist_del(&m->mnt_hash);
	list_del(&m->mnt_sibling);
	list_del(&m->mnt_link);
	m->mnt_parent = NULL;
	m->mnt_point = NULL;
	list_for_each_entry(other, &all_mounts, mnt_link) {
		if (other->mnt_point == where->dentry)
			more = true;
	}
	if (!more)
		__atomic_fetch_and(&where->dentry->d_flags, ~DENTRY_MOUNTED,
				   __ATOMIC_RELAXED);
}

static void mount_detach(struct mount *m, struct path *where)
{
	mutex_lock(&mount_list_lock);
	spin_lock(&mount_hash_lock);
	mount_detach_locked(m, where);
	spin_unlock(&mount_hash_lock);
	mutex_unlock(&mount_list_lock);
}

int mount_new(const char *type, const char *source, struct path *where,
	      unsigned long flags, const char *data)
{
	struct fs_type *ft = fs_type_find(type);
	struct superblock *sb;
	struct mount *m;
	int err;

	if (!ft)
		return -ENODEV;
	if (where && !vnode_is_dir(where->dentry->d_vnode))
		return -ENOTDIR;
	mutex_lock(&mount_lock);
	err = superblock_open(ft, source, data, flags, &sb);
	if (!err)
		err = mount_alloc(sb, sb->sb_droot, source && *source ? source : "none",
				  flags, &m);
	if (err)
		goto out;
	if (where) {
		mount_attach(m, where);
	} else {
		list_add_tail(&m->mnt_link, &all_mounts);
		root_mount = m;
	}
out:
	mutex_unlock(&mount_lock);
	return err;
}

int mount_root(const char *type, const char *source, const char *data)
{
	KASSERT(!root_mount);
	return mount_new(type, source, NULL, 0, data);
}

int mount_at(const char *type, const char *source, const char *where,
	     unsigned long flags, const char *data)
{
	struct path p;
	int err = path_lookup(AT_FDCWD, where, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = mount_new(type, source, &p, flags, data);
	path_put(&p);
	return err;
}

int mount_internal(const char *type, struct mount **out)
{
	struct superblock *sb;
	int err;

	mutex_lock(&mount_lock);
	err = superblock_open(fs_type_find(type), NULL, NULL, 0, &sb);
	if (!err)
		err = mount_alloc(sb, sb->sb_droot, "none", 0, out);
	mutex_unlock(&mount_lock);
	return err;
}

/* Another mount of what from shows, for bind mounts. */
static int mount_clone(struct mount *from, struct dentry *root, struct mount **out)
{
	atomic_inc(&from->mnt_sb->sb_active);
	return mount_alloc(from->mnt_sb, root, from->mnt_source, from->mnt_flags, out);
}

/* Is m attached somewhere below top (not top itself)? mount_lock held. */
static bool mount_is_below(const struct mount *m, const struct mount *top)
{
	for (m = m->mnt_parent; m; m = m->mnt_parent) {
		if (m == top)
			return true;
	}
	return false;
}

/* Copies of all mounts below from's dentry go below the copy to. */
static int mount_clone_children(struct mount *from, struct dentry *root, struct mount *to)
{
	struct mount *c;

	list_for_each_entry(c, &from->mnt_children, mnt_sibling) {
		struct mount *copy;
		struct path where = { to, c->mnt_point };
		int err;

		if (!dentry_is_ancestor(root, c->mnt_point) || c == to)
			continue;
		err = mount_clone(c, c->mnt_root, &copy);
		if (err)
			return err;
		mount_attach(copy, &where);
		err = mount_clone_children(c, c->mnt_root, copy);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Detach m and all that is mounted below, from the leaves up, and drop the
 * table's references.
 */
static void mount_detach_tree(struct mount *m)
{
	struct path where;

	KASSERT(mutex_held(&mount_lock));
	while (!list_empty(&m->mnt_children))
		mount_detach_tree(list_first_entry(&m->mnt_children, struct mount, mnt_sibling));
	mount_detach(m, &where);
	path_put(&where);
	mount_put(m);
}

int mount_bind(struct path *from, struct path *where, bool recursive)
{
	struct mount *m;
	int err;

	if (vnode_is_dir(from->dentry->d_vnode) != vnode_is_dir(where->dentry->d_vnode))
		return -ENOTDIR;
	mutex_lock(&mount_lock);
	err = mount_clone(from->mnt, from->dentry, &m);
	if (err)
		goto out;
	/*
	 * The copies of the children first, so that m is not among what is
	 * copied.
	 */
	if (recursive)
		err = mount_clone_children(from->mnt, from->dentry, m);
	mount_attach(m, where);
	if (err)
		mount_detach_tree(m);
out:
	mutex_unlock(&mount_lock);
	return err;
}

int mount_move(struct path *from, struct path *where)
{
	struct mount *m = from->mnt;
	struct path old;

	if (vnode_is_dir(from->dentry->d_vnode) != vnode_is_dir(where->dentry->d_vnode))
		return -ENOTDIR;
	mutex_lock(&mount_lock);
	if (from->dentry != m->mnt_root || !m->mnt_parent) {
		mutex_unlock(&mount_lock);
		return -EINVAL;
	}
	if (where->mnt == m || mount_is_below(where->mnt, m)) {
		mutex_unlock(&mount_lock);
		return -ELOOP;
	}
	mount_detach(m, &old);
	mount_attach(m, where);
	path_put(&old);
	mutex_unlock(&mount_lock);
	return 0;
}

/*
 * Read-only comes first, then the look for writers: who opens a file in between finds the flag
 * (file_open_path), who has opened it is found.
 */
static int set_mount_flags(struct mount *m, unsigned long flags)
{
	unsigned long old = m->mnt_flags;

	WRITE_ONCE(m->mnt_flags, flags & MNT_FLAGS);
	if ((flags & ~old & MS_RDONLY) && file_any_writer(m, NULL)) {
		WRITE_ONCE(m->mnt_flags, old);
		return -EBUSY;
	}
	return 0;
}

static int remount_superblock(struct superblock *sb, unsigned long flags, const char *data)
{
	unsigned long old = sb->sb_flags, new = (old & ~SB_FLAGS) | (flags & SB_FLAGS);
	int err = 0;

	WRITE_ONCE(sb->sb_flags, new);
	/* A mapping that outlives its file was there before the file was closed. */
	if ((new & ~old & MS_RDONLY) && (file_any_writer(NULL, sb) ||
					 vnode_any_object(sb, vm_object_writers)))
		err = -EBUSY;
	if (!err && (new & ~old & MS_RDONLY))
		err = superblock_sync(sb, true);
	if (!err && sb->sb_type->ft_remount)
		err = sb->sb_type->ft_remount(sb, new, data);
	if (err)
		WRITE_ONCE(sb->sb_flags, old);
	return err;
}

int mount_remount(struct path *p, unsigned long flags, const char *data)
{
	struct mount *m = p->mnt;
	int err = 0;

	if (p->dentry != m->mnt_root)
		return -EINVAL;
	mutex_lock(&mount_lock);
	if (!(flags & MS_BIND))
		err = remount_superblock(m->mnt_sb, flags, data);
	if (!err)
		err = set_mount_flags(m, flags);
	mutex_unlock(&mount_lock);
	return err;
}

int mount_umount(struct path *p, int flags)
{
	struct mount *m = p->mnt;
	struct path where = { NULL, NULL };
	int err = 0;

	if (p->dentry != m->mnt_root)
		return -EINVAL;
	mutex_lock(&mount_lock);
	if (!m->mnt_parent) {
		err = m == root_mount ? -EBUSY : -EINVAL;
	} else if (flags & MNT_DETACH) {
		mount_detach_tree(m);
	} else if (atomic_read(&m->mnt_sb->sb_active) == 1 && vnode_sb_mapped(m->mnt_sb)) {
		err = -EBUSY;
	} else {
		/*
		 * The caller's path and the table hold one each; a walk crosses
		 * under this lock.
		 */
		mutex_lock(&mount_list_lock);
		spin_lock(&mount_hash_lock);
		if (atomic_read(&m->mnt_ref) > 2) {
			err = -EBUSY;
		} else if ((flags & MNT_EXPIRE) && !m->mnt_expire) {
			m->mnt_expire = true;
			err = -EAGAIN;
		} else {
			mount_detach_locked(m, &where);
		}
		spin_unlock(&mount_hash_lock);
		mutex_unlock(&mount_list_lock);
		if (where.mnt) {
			path_put(&where);
			mount_put(m);
		}
	}
	mutex_unlock(&mount_lock);
	return err;
}
