/* SPDX-License-Identifier: MIT */
/*
 * An index of large directories, in memory: a hash table from names to the
 * directory block that has them. It is made when a directory of some size is
 * first searched and goes with the vnode; without memory for it, or without
 * need, directories are searched from front to end.
 *
 * An entry of the table is a hint: the block is searched for the name. Names
 * that are removed leave their entries behind; names that are added always get
 * one, so what is not in the table is not in the directory. A table that fills
 * up is dropped, and made anew, larger, by the next search.
 *
 * Locks: v_lock of the directory, for reading to search and to make the index,
 * for writing to add to it or drop it.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/ext2/ext2.h"
#include "kernel/lib/hash.h"
#include "mm/slab.h"

#define INDEX_MIN_BLOCKS	8
#define INDEX_MAX_SLOTS		(1u << 18)	/* 2 MiB and the head, as much as kmalloc() has */

struct dirindex {
	u32 di_mask;			/* number of slots - 1 */
	u32 di_used;
	struct {
		u32 hash;
		u32 lblock;		/* + 1; 0: free */
	} di_slot[];
};

static u32 name_hash(const char *name, size_t len)
{
	return hash_name(name, len, 0);
}

void dirindex_free(struct vnode *dir)
{
	kfree(einode_of(dir)->ei_index);
	einode_of(dir)->ei_index = NULL;
}

static bool full(const struct dirindex *di)
{
	return di->di_used > di->di_mask / 4 * 3;
}

static void insert(struct dirindex *di, u32 hash, u32 lblock)
{
	u32 i = hash & di->di_mask;

	while (di->di_slot[i].lblock) {
		if (di->di_slot[i].hash == hash && di->di_slot[i].lblock == lblock + 1)
			return;
		i = (i + 1) & di->di_mask;
	}
	di->di_slot[i].hash = hash;
	di->di_slot[i].lblock = lblock + 1;
	di->di_used++;
}

/* All names of block lblock. */
static int insert_block(struct vnode *dir, struct dirindex *di, u32 lblock)
{
	struct buf *b;
	int err = ext2_dir_block(dir, lblock, &b);

	if (err || !b)
		return err;
	for (u32 off = 0; off < b->b_size && !full(di); ) {
		const struct ext2_dirent *de = (struct ext2_dirent *)(b->b_data + off);

		if (de->d_ino)
			insert(di, name_hash(de->d_name, de->d_name_len), lblock);
		off += de->d_rec_len;
	}
	buf_put(b);
	return 0;
}

/* -EAGAIN: no index for this one. */
static int make_index(struct vnode *dir)
{
	struct einode *ei = einode_of(dir);
	u32 blocks = (u32)(dir->v_size >> ext2_of(dir)->fs_bits);
	u64 slots = 1024;
	struct dirindex *di;
	int err = 0;

	if (blocks < INDEX_MIN_BLOCKS)
		return -EAGAIN;
	/* Twice as many as there are names, if all are as short as can be. */
	while (slots < (u64)dir->v_size / 6 && slots < INDEX_MAX_SLOTS)
		slots *= 2;
	di = kmalloc(sizeof(*di) + slots * sizeof(di->di_slot[0]),
		     ALLOC_WAIT | ALLOC_ZERO);
	if (!di)
		return -EAGAIN;
	di->di_mask = (u32)slots - 1;
	for (u32 i = 0; i < blocks && !err; i++)
		err = insert_block(dir, di, i);
	if (!err && full(di))
		err = -EAGAIN;
	if (err || !__atomic_compare_exchange_n(&ei->ei_index, &(struct dirindex *){ NULL }, di,
						false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		kfree(di);
	return err;
}

int dirindex_find(struct vnode *dir, const char *name, size_t len, struct dirslot *ds)
{
	u32 hash = name_hash(name, len);
	struct dirindex *di = smp_load_acquire(&einode_of(dir)->ei_index);
	int err;

	if (!di) {
		err = make_index(dir);
		if (err)
			return err;
		di = smp_load_acquire(&einode_of(dir)->ei_index);
	}
	for (u32 i = hash & di->di_mask; di->di_slot[i].lblock; i = (i + 1) & di->di_mask) {
		if (di->di_slot[i].hash != hash)
			continue;
		err = ext2_dir_scan(dir, di->di_slot[i].lblock - 1, name, len, ds);
		if (err != -ENOENT)
			return err ? err : 1;
	}
	return 0;
}

void dirindex_add(struct vnode *dir, const char *name, size_t len, u32 lblock)
{
	struct dirindex *di = einode_of(dir)->ei_index;

	KASSERT(rwlock_write_held(&dir->v_lock));
	if (!di)
		return;
	if (full(di))
		dirindex_free(dir);
	else
		insert(di, name_hash(name, len), lblock);
}
