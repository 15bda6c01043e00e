/* SPDX-License-Identifier: MIT */
/*
 * Directories: blocks full of entries, one after the other. Each entry says how
 * far the next one is; unused space belongs to the entry before it, or is an
 * entry with inode 0. Entries never move, so that a position in a directory is
 * the offset of an entry, and reading goes on rightly when entries come and go:
 * a position in the middle of what has become one entry is the entry after it.
 *
 * Directories of ext3 with an index are read like others: the index hides in
 * what looks like unused space. Adding a name would destroy it, so the flag that
 * promises an index is taken away first.
 *
 * Locks: v_lock of the directory.
 */
#include <abi/dirent.h>
#include <errno.h>
#include <kassert.h>
#include "fs/ext2/ext2.h"
#include "kernel/lib/string.h"

#define NO_ROOM		(-EXFULL)	/* inside of this file only */

static u32 dir_blocks(const struct vnode *dir)
{
	return (u32)(dir->v_size >> ext2_of(dir)->fs_bits);
}

static u8 type_code(const struct ext2 *fs, u32 mode)
{
	static const u8 codes[16] = {
		[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2, [S_IFCHR >> 12] = 3,
		[S_IFBLK >> 12] = 4, [S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6,
		[S_IFLNK >> 12] = 7,
	};

	return fs->fs_has_types ? codes[mode >> 12] : 0;
}

static u8 dtype_of(const struct ext2 *fs, u8 code)
{
	static const u8 types[8] = {
		DT_UNKNOWN, DT_REG, DT_DIR, DT_CHR, DT_BLK, DT_FIFO, DT_SOCK, DT_LNK,
	};

	return fs->fs_has_types && code < 8 ? types[code] : DT_UNKNOWN;
}

/* ---- blocks ---------------------------------------------------------------- */

static bool entry_ok(const struct ext2 *fs, const u8 *block, u32 off)
{
	const struct ext2_dirent *de = (const struct ext2_dirent *)(block + off);

	return fs->fs_bsize - off >= EXT2_DIRENT_LEN(1) && de->d_rec_len % 4 == 0 &&
	       de->d_rec_len >= EXT2_DIRENT_LEN(de->d_ino ? de->d_name_len : 1) &&
	       de->d_rec_len <= fs->fs_bsize - off && de->d_ino <= fs->fs_ninodes &&
	       (!de->d_ino || de->d_name_len);
}

/* Whoever walks over the block later trusts d_rec_len. */
int ext2_dir_block(struct vnode *dir, u32 lblock, struct buf **out)
{
	struct ext2 *fs = ext2_of(dir);
	u32 block;
	int err = ext2_map_block(dir, lblock, &block);

	*out = NULL;
	if (err || !block)
		return err;
	err = buf_read(fs->fs_dev, block, fs->fs_bsize, out);
	if (err)
		return err;
	for (u32 off = 0; off < fs->fs_bsize; ) {
		if (!entry_ok(fs, (*out)->b_data, off)) {
			buf_put(*out);
			*out = NULL;
			return ext2_error(fs, "directory %lu: entry at %lu", dir->v_ino,
					  ((u64)lblock << fs->fs_bits) + off);
		}
		off += ((struct ext2_dirent *)((*out)->b_data + off))->d_rec_len;
	}
	return 0;
}

static bool same_name(const struct ext2_dirent *de, const char *name, size_t len)
{
	return de->d_ino && de->d_name_len == len && memcmp(de->d_name, name, len) == 0;
}

int ext2_dir_scan(struct vnode *dir, u32 lblock, const char *name, size_t len,
		  struct dirslot *ds)
{
	struct buf *b;
	u32 prev = 0;
	int err = ext2_dir_block(dir, lblock, &b);

	if (err || !b)
		return err ? err : -ENOENT;
	for (u32 off = 0; off < b->b_size; ) {
		const struct ext2_dirent *de = (struct ext2_dirent *)(b->b_data + off);

		if (same_name(de, name, len)) {
			*ds = (struct dirslot){ b, lblock, off, prev };
			return 0;
		}
		prev = off;
		off += de->d_rec_len;
	}
	buf_put(b);
	return -ENOENT;
}

int ext2_dir_find(struct vnode *dir, const char *name, size_t len, struct dirslot *ds)
{
	int err = dirindex_find(dir, name, len, ds);

	if (err >= 0)
		return err ? 0 : -ENOENT;
	if (err != -EAGAIN)
		return err;
	for (u32 i = 0; i < dir_blocks(dir); i++) {
		err = ext2_dir_scan(dir, i, name, len, ds);
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

/* ---- changes --------------------------------------------------------------- */

static void set_entry(const struct ext2 *fs, struct ext2_dirent *de, const char *name,
		      size_t len, u32 ino, u32 mode)
{
	de->d_ino = ino;
	de->d_name_len = (u8)len;
	de->d_type = type_code(fs, mode);
	memcpy(de->d_name, name, len);
}

/* Put a name into a block if there is room. NO_ROOM. */
static int add_to_block(struct handle *h, struct vnode *dir, struct buf *b, const char *name,
			size_t len, const struct vnode *vn)
{
	u32 need = EXT2_DIRENT_LEN(len);

	for (u32 off = 0; off < b->b_size; ) {
		struct ext2_dirent *de = (struct ext2_dirent *)(b->b_data + off);
		u32 used = de->d_ino ? EXT2_DIRENT_LEN(de->d_name_len) : 0;
		int err;

		if (de->d_rec_len - used < need) {
			off += de->d_rec_len;
			continue;
		}
		err = ext2_access(h, b);
		if (err)
			return err;
		if (used) {
			struct ext2_dirent *rest = (struct ext2_dirent *)(b->b_data + off + used);

			rest->d_rec_len = (u16)(de->d_rec_len - used);
			de->d_rec_len = (u16)used;
			de = rest;
		}
		set_entry(ext2_of(dir), de, name, len, (u32)vn->v_ino, vn->v_mode);
		ext2_dirty(h, b);
		return 0;
	}
	return NO_ROOM;
}

/* One more block, with nothing in it but one unused entry. */
static int append_block(struct handle *h, struct vnode *dir, struct buf **out)
{
	struct ext2 *fs = ext2_of(dir);
	struct ext2_dirent *de;
	struct buf *b;
	u32 block;
	bool fresh;
	int err = ext2_make_block(h, dir, dir_blocks(dir), &block, &fresh);

	if (!err)
		err = buf_get(fs->fs_dev, block, fs->fs_bsize, &b);
	if (err)
		return err;
	err = ext2_access(h, b);
	if (err) {
		buf_put(b);
		return err;
	}
	memset(b->b_data, 0, fs->fs_bsize);
	de = (struct ext2_dirent *)b->b_data;
	de->d_rec_len = (u16)fs->fs_bsize;
	ext2_dirty(h, b);
	dir->v_size += fs->fs_bsize;
	*out = b;
	return 0;
}

static void dir_changed(struct vnode *dir)
{
	vnode_touch(dir, false, true, true);
}

int ext2_dir_add(struct handle *h, struct vnode *dir, const char *name, size_t len,
		 const struct vnode *vn)
{
	struct einode *ei = einode_of(dir);
	u32 i = ei->ei_room;
	struct buf *b = NULL;
	int err = ext2_join(h, dir, false);

	KASSERT(rwlock_write_held(&dir->v_lock) && len && len <= EXT2_NAME_LEN);
	if (err)
		return err;
	err = NO_ROOM;
	for (; err == NO_ROOM && i < dir_blocks(dir); i++) {
		err = ext2_dir_block(dir, i, &b);
		if (!err && b) {
			err = add_to_block(h, dir, b, name, len, vn);
			buf_put(b);
		} else if (!err) {
			err = NO_ROOM;
		}
	}
	if (err == NO_ROOM) {
		err = append_block(h, dir, &b);
		i++;
		if (!err) {
			err = add_to_block(h, dir, b, name, len, vn);
			buf_put(b);
		}
	}
	if (err)
		return err;
	ei->ei_room = i - 1;
	ei->ei_flags &= ~(u32)EXT2_FL_INDEX;
	dirindex_add(dir, name, len, i - 1);
	dir_changed(dir);
	return 0;
}

int ext2_dir_remove(struct handle *h, struct vnode *dir, const struct dirslot *ds)
{
	struct ext2_dirent *de = dirslot_entry(ds);
	struct ext2_dirent *prev = (struct ext2_dirent *)(ds->ds_buf->b_data + ds->ds_prev);
	int err = ext2_join(h, dir, false);

	KASSERT(rwlock_write_held(&dir->v_lock));
	if (!err)
		err = ext2_access(h, ds->ds_buf);
	if (err)
		return err;
	/* Something may have been put into this block since it was found. */
	while (ds->ds_prev != ds->ds_offset &&
	       (u8 *)prev + prev->d_rec_len < (u8 *)de)
		prev = (struct ext2_dirent *)((u8 *)prev + prev->d_rec_len);
	if (ds->ds_prev != ds->ds_offset)
		prev->d_rec_len = (u16)(prev->d_rec_len + de->d_rec_len);
	de->d_ino = 0;
	ext2_dirty(h, ds->ds_buf);
	einode_of(dir)->ei_room = min(einode_of(dir)->ei_room, ds->ds_lblock);
	dir_changed(dir);
	return 0;
}

/* The name leads to vn from now on. */
int ext2_dir_set(struct handle *h, struct dirslot *ds, const struct vnode *vn)
{
	int err = ext2_access(h, ds->ds_buf);

	if (err)
		return err;
	dirslot_entry(ds)->d_ino = (u32)vn->v_ino;
	dirslot_entry(ds)->d_type = type_code(ext2_of(vn), vn->v_mode);
	ext2_dirty(h, ds->ds_buf);
	return 0;
}

/* "." and ".." of a new directory. */
int ext2_dir_make(struct handle *h, struct vnode *dir, const struct vnode *parent)
{
	struct ext2 *fs = ext2_of(dir);
	struct ext2_dirent *de;
	struct buf *b;
	int err = append_block(h, dir, &b);

	if (err)
		return err;
	de = (struct ext2_dirent *)b->b_data;
	set_entry(fs, de, ".", 1, (u32)dir->v_ino, S_IFDIR);
	de->d_rec_len = EXT2_DIRENT_LEN(1);
	de = (struct ext2_dirent *)(b->b_data + EXT2_DIRENT_LEN(1));
	set_entry(fs, de, "..", 2, (u32)parent->v_ino, S_IFDIR);
	de->d_rec_len = (u16)(fs->fs_bsize - EXT2_DIRENT_LEN(1));
	ext2_dirty(h, b);
	buf_put(b);
	return 0;
}

static bool is_dots(const struct ext2_dirent *de)
{
	return de->d_name[0] == '.' &&
	       (de->d_name_len == 1 || (de->d_name_len == 2 && de->d_name[1] == '.'));
}

int ext2_dir_check_empty(struct vnode *dir)
{
	for (u32 i = 0; i < dir_blocks(dir); i++) {
		struct buf *b;
		int err = ext2_dir_block(dir, i, &b);

		if (err)
			return err;
		for (u32 off = 0; b && off < b->b_size && !err; ) {
			const struct ext2_dirent *de = (struct ext2_dirent *)(b->b_data + off);

			if (de->d_ino && !is_dots(de))
				err = -ENOTEMPTY;
			off += de->d_rec_len;
		}
		if (b)
			buf_put(b);
		if (err)
			return err;
	}
	return 0;
}

/* ---- reading ---------------------------------------------------------------- */

/* The entries of a block from f_pos on. False: the receiver is full. */
static bool emit_block(struct file *f, struct dir_sink *sink, const struct buf *b, u64 start)
{
	const struct ext2 *fs = ext2_of(f->f_vnode);

	for (u32 off = 0; off < b->b_size; ) {
		const struct ext2_dirent *de = (struct ext2_dirent *)(b->b_data + off);
		u64 at = start + off;

		off += de->d_rec_len;
		if (at < (u64)f->f_pos)
			continue;
		if (de->d_ino && !sink->ds_emit(sink, de->d_name, de->d_name_len, de->d_ino,
						dtype_of(fs, de->d_type), (s64)(start + off)))
			return false;
		f->f_pos = (s64)(start + off);
	}
	return true;
}

/* fo_readdir. */
int ext2_readdir(struct file *f, struct dir_sink *sink)
{
	struct vnode *dir = f->f_vnode;
	struct ext2 *fs = ext2_of(dir);

	KASSERT(rwlock_held(&dir->v_lock));
	while (f->f_pos < dir->v_size) {
		u32 lblock = (u32)(f->f_pos >> fs->fs_bits);
		u64 start = (u64)lblock << fs->fs_bits;
		struct buf *b;
		bool more;
		int err = ext2_dir_block(dir, lblock, &b);

		if (err)
			return err;
		if (b) {
			more = emit_block(f, sink, b, start);
			buf_put(b);
			if (!more)
				return 0;
		}
		f->f_pos = (s64)(start + fs->fs_bsize);
	}
	return 0;
}
