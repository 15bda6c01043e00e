/* SPDX-License-Identifier: MIT */
/*
 * Boot archives: cpio files in memory become the contents of the root file
 * system (a tmpfs).
 *
 * A file whose data begins on a page boundary keeps the archive's pages as its
 * own: nothing is copied. What else the archive lies in (headers, names,
 * unaligned data) is given to the allocator at the end.
 *
 * The tail of a file's last page holds the headers that follow, so it is
 * cleared only when the reader is past it. Hard links are not joined: each
 * entry is a file of its own, as scripts/mkcpio.py writes them.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/init.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/pagecache.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/panic.h"
#include "kernel/core/printk.h"
#include "kernel/lib/bitmap.h"
#include "kernel/lib/cpio.h"
#include "kernel/lib/path.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

struct unpack {
	paddr_t up_start;		/* of the archive, page aligned */
	size_t up_npages;
	u64 *up_adopted;		/* bit per page: belongs to a file now */
	u8 *up_tail;			/* to be cleared once no header in it is needed */
	size_t up_tail_len;
	struct path up_dir;		/* directory of the last entry, with references */
	size_t up_dir_len;		/* of its name, SIZE_MAX: not known */
	char up_dir_name[128];		/* a copy: names in the archive get cleared */
};

/*
 * Child of dir, made as a directory if it is missing. Symbolic links are
 * followed.
 */
static int enter_dir(struct path *dir, const struct path_part *part)
{
	struct vnode *vn = dir->dentry->d_vnode;
	struct walk w;
	struct dentry *d;
	char name[NAME_MAX + 1];
	int err;

	rwlock_write(&vn->v_lock);
	err = name_lookup(dir->dentry, part->name, part->len, true, &d);
	if (!err && !d)
		err = name_create(dir, part->name, part->len, NULL, S_IFDIR | 0755, 0, NULL, &d);
	rwlock_write_unlock(&vn->v_lock);
	if (err)
		return err;
	if (vnode_is_dir(d->d_vnode)) {
		dentry_put(dir->dentry);
		dir->dentry = d;
		return 0;
	}
	dentry_put(d);
	memcpy(name, part->name, part->len);
	name[part->len] = '\0';
	err = walk_begin(&w, AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
	if (err)
		return err;
	path_put(&w.w_path);
	w.w_path = *dir;
	err = walk_run(&w);
	walk_end(&w, dir);
	return err;
}

/*
 * Walk to the directory of name; *last is its last component. Entries of one
 * directory come together.
 */
static int find_parent(struct unpack *up, const char *name, struct path_part *last)
{
	const char *at = name, *base = path_base_name(name);
	size_t len = (size_t)(base - name);
	int err;

	if (up->up_dir.dentry && up->up_dir_len == len &&
	    memcmp(up->up_dir_name, name, len) == 0) {
		at = base;
		return path_next(&at, last) == 1 ? 0 : -EINVAL;
	}
	if (up->up_dir.dentry)
		path_put(&up->up_dir);
	up->up_dir = (struct path){ root_mount, root_mount->mnt_root };
	path_get(&up->up_dir);
	up->up_dir_len = SIZE_MAX;
	for (;;) {
		err = path_next(&at, last);
		if (err != 1)
			return err ? err : -EINVAL;
		if (last->last)
			break;
		if (path_part_is_dot(last))
			continue;
		err = enter_dir(&up->up_dir, last);
		if (err)
			return err;
	}
	if (len < sizeof(up->up_dir_name)) {
		memcpy(up->up_dir_name, name, len);
		up->up_dir_len = len;
	}
	return 0;
}

/* A later entry replaces an earlier one; a directory stays. */
static int remove_old(struct path *dir, const struct path_part *last, struct dentry *d)
{
	struct vnode *dvn = dir->dentry->d_vnode, *vn = d->d_vnode;
	int err;

	if (vnode_is_dir(vn))
		return -EISDIR;
	rwlock_write_nested(&vn->v_lock);
	err = dvn->v_ops->vo_unlink(dvn, last->name, last->len, vn);
	if (!err)
		dentry_delete(d);
	rwlock_write_unlock(&vn->v_lock);
	return err;
}

static void set_attributes(struct vnode *vn, const struct cpio_entry *e)
{
	vn->v_mode = (vn->v_mode & S_IFMT) | (e->mode & 07777);
	vn->v_uid = e->uid;
	vn->v_gid = e->gid;
	vn->v_mtime = (struct vtime){ e->mtime, 0 };
}

/* The file takes the archive's pages over. */
static int adopt_pages(struct unpack *up, struct vnode *vn, const struct cpio_entry *e)
{
	size_t first = e->data_off >> PAGE_SHIFT;
	size_t n = DIV_ROUND_UP(e->size, PAGE_SIZE);
	paddr_t pa = up->up_start + e->data_off;

	page_adopt_range(pa, pa + n * PAGE_SIZE);
	bitmap_set_run(up->up_adopted, first, n);
	for (size_t i = 0; i < n; i++) {
		int err = vm_object_insert(&vn->v_object, i, phys_to_page(pa + i * PAGE_SIZE));

		if (err) {
			for (; i < n; i++)
				page_put(phys_to_page(pa + i * PAGE_SIZE));
			return err;
		}
		tmpfs_account_page(vn);
	}
	up->up_tail = (u8 *)e->data + e->size;
	up->up_tail_len = n * PAGE_SIZE - e->size;
	return 0;
}

static int fill_file(struct unpack *up, struct vnode *vn, const struct cpio_entry *e)
{
	size_t end = round_up(e->data_off + e->size, PAGE_SIZE);
	struct uio u;
	ssize_t n;
	int err;

	if (e->size == 0)
		return 0;
	if (IS_ALIGNED(e->data_off, PAGE_SIZE) && end <= up->up_npages * PAGE_SIZE) {
		err = adopt_pages(up, vn, e);
		if (err)
			return err;
		rwlock_write(&vn->v_lock);
		vn->v_size = (s64)e->size;
		vm_object_truncate(&vn->v_object, e->size);
		rwlock_write_unlock(&vn->v_lock);
		return 0;
	}
	uio_init_kernel(&u, (void *)e->data, e->size, 0);
	n = pagecache_write(vn, &u);
	return n < 0 ? (int)n : (size_t)n == e->size ? 0 : -ENOSPC;
}

/* The target of a link is not NUL-terminated in the archive. */
static int link_target(const struct cpio_entry *e, char **out)
{
	if (e->size >= PATH_MAX)
		return -ENAMETOOLONG;
	*out = kmalloc(e->size + 1, ALLOC_WAIT);
	if (!*out)
		return -ENOMEM;
	memcpy(*out, e->data, e->size);
	(*out)[e->size] = '\0';
	return 0;
}

/*
 * Name looked up, directory locked: make the file, or keep the directory that
 * is there.
 */
static int make_entry(struct unpack *up, const struct cpio_entry *e,
		      const struct path_part *last, struct dentry **out)
{
	struct path *dir = &up->up_dir;
	char *target = NULL;
	struct dentry *d;
	int err = name_lookup(dir->dentry, last->name, last->len, true, &d);

	if (err)
		return err;
	if (d && S_ISDIR(e->mode) && vnode_is_dir(d->d_vnode)) {
		*out = d;
		return 0;
	}
	if (d) {
		err = remove_old(dir, last, d);
		dentry_put(d);
		if (err)
			return err;
	}
	if (S_ISLNK(e->mode))
		err = link_target(e, &target);
	if (!err)
		err = name_create(dir, last->name, last->len, NULL, e->mode,
				  dev_make(e->rdev_major, e->rdev_minor), target, out);
	kfree(target);
	return err;
}

static int unpack_entry(struct unpack *up, const struct cpio_entry *e)
{
	struct path_part last;
	struct vnode *dvn;
	struct dentry *d;
	int err;

	/* Where the archive was made, "." is the root. */
	if (strcmp(e->name, ".") == 0 || strcmp(e->name, "/") == 0) {
		set_attributes(root_mount->mnt_root->d_vnode, e);
		return 0;
	}
	err = find_parent(up, e->name, &last);
	if (err)
		return err;
	dvn = up->up_dir.dentry->d_vnode;
	rwlock_write(&dvn->v_lock);
	err = make_entry(up, e, &last, &d);
	rwlock_write_unlock(&dvn->v_lock);
	if (err)
		return err;
	if (S_ISREG(e->mode))
		err = fill_file(up, d->d_vnode, e);
	set_attributes(d->d_vnode, e);
	dentry_put(d);
	return err;
}

/* What no file has taken over is free memory. */
static void free_rest(struct unpack *up)
{
	size_t from = 0;

	for (;;) {
		size_t start = bitmap_find_clear(up->up_adopted, up->up_npages, from);
		size_t end = bitmap_find_set(up->up_adopted, up->up_npages, start);

		if (start >= up->up_npages)
			break;
		page_add_range(up->up_start + start * PAGE_SIZE, up->up_start + end * PAGE_SIZE);
		from = end;
	}
}

int initramfs_unpack(paddr_t start, paddr_t end)
{
	struct unpack up = {
		.up_start = start,
		.up_npages = DIV_ROUND_UP(end - start, PAGE_SIZE),
		.up_dir_len = SIZE_MAX,
	};
	struct cpio_reader c;
	struct cpio_entry e;
	int more;

	if (!IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	up.up_adopted = kzalloc(BITS_TO_WORDS(up.up_npages) * sizeof(u64));
	if (!up.up_adopted)
		return -ENOMEM;
	cpio_open(&c, phys_to_virt(start), end - start);
	while ((more = cpio_next(&c, &e)) == 1) {
		u8 *tail = up.up_tail;
		size_t tail_len = up.up_tail_len;
		int err = unpack_entry(&up, &e);

		/* Half a root is no root. */
		if (err == -ENOSPC || err == -ENOMEM)
			panic("the boot archive needs more memory than there is, from %s on", e.name);
		if (err)
			printk(KERN_WARN "initramfs: %s: error %d\n", e.name, err);
		/*
		 * Only an entry behind the tail adopts pages, so at most one
		 * tail waits.
		 */
		if (tail_len && c.c_base + c.c_pos >= tail + tail_len) {
			memset(tail, 0, tail_len);
			if (up.up_tail == tail)
				up.up_tail_len = 0;
		}
	}
	if (up.up_tail_len)
		memset(up.up_tail, 0, up.up_tail_len);
	if (up.up_dir.dentry)
		path_put(&up.up_dir);
	free_rest(&up);
	kfree(up.up_adopted);
	return more;
}
