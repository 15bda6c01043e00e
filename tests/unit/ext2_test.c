/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: fs/ext2/alloc.c fs/ext2/bmap.c fs/ext2/commit.c fs/ext2/dir.c fs/ext2/dirindex.c fs/ext2/inode.c fs/ext2/journal.c fs/ext2/journal_commit.c fs/ext2/journal_replay.c fs/ext2/lifetime.c fs/ext2/mount.c fs/ext2/namei.c fs/ext2/orphan.c fs/ext2/space.c fs/ext2/super.c fs/ext2/truncate.c kernel/lib/string.c kernel/lib/bitmap.c kernel/lib/hash.c kernel/lib/radix.c kernel/lib/fmt.c tests/unit/ext2/host.c
 *
 * fs/ext2 on images that mke2fs makes, with every block size, with and without
 * a journal; e2fsck says after each test whether they are still whole.
 */
#include <errno.h>

#include "tests/unit/ext2/host.h"
#include "kernel/lib/string.h"
#include "tests/unit/unit.h"

static char image_name[64];
static struct superblock *sb;

struct format {
	const char *options;
	unsigned int kib;
};

static const struct format formats[] = {
	{ "-b 1024", 8192 },
	{ "-b 4096", 16384 },
	{ "-b 1024 -j", 8192 },
	{ "-b 2048 -j -I 128", 16384 },
	{ "-b 4096 -j", 32768 },
	{ "-b 1024 -g 1024 -N 512", 8192 },
};
static const struct format *format;

static void make_image(const char *options, unsigned int kib)
{
	char command[300];
	size_t size;
	char *data;

	snprintf(image_name, sizeof(image_name), "/tmp/ext2_test.%d.img", (int)getpid());
	snprintf(command, sizeof(command), "rm -f %s; mke2fs -q -F %s %s %uk >/dev/null 2>&1", image_name,
		 options, image_name, kib);
	CHECK_EQ(system(command), 0);
	data = unit_read_file(image_name, &size);
	CHECK(data && size == kib * 1024ul);
	host_disk_load(data, size);
	unit_free(data);
}

static void save_image(void)
{
	FILE *f = fopen(image_name, "wb");

	CHECK(f && fwrite(host_disk.hd_data, 1, host_disk.hd_size, f) == host_disk.hd_size);
	fclose(f);
}

/* e2fsck finds nothing. */
static bool clean(void)
{
	char command[200];
	int status;

	save_image();
	snprintf(command, sizeof(command), "e2fsck -fn %s >%s.log 2>&1", image_name, image_name);
	status = system(command);
	if (status) {
		snprintf(command, sizeof(command), "sed 's/^/# /' %s.log", image_name);
		(void)!system(command);
	}
	return status == 0;
}

static void begin(void)
{
	make_image(format->options, format->kib);
	CHECK_EQ(host_mount(0, &sb), 0);
}

static void end(void)
{
	CHECK_EQ(atomic_read(&ext2_of(sb->sb_root)->fs_errors), 0);
	host_umount(sb);
	CHECK_EQ(host_objects(), 0);
	CHECK(clean());
}

static void fill(u8 *buf, size_t n, u64 seed)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (u8)((seed * 0x9e3779b97f4a7c15ul + i * 0x2545f491) >> 24) | 1;
}

static void write_file(const char *path, u64 off, size_t n, u64 seed)
{
	u8 *buf = unit_alloc(n);
	struct vnode *vn;

	CHECK_EQ(host_lookup(sb, path, &vn), 0);
	fill(buf, n, seed);
	CHECK_EQ(host_write(vn, off, buf, n), n);
	vnode_put(vn);
	unit_free(buf);
}

static void check_file(const char *path, u64 off, size_t n, u64 seed)
{
	u8 *buf = unit_alloc(n), *want = unit_alloc(n);
	struct vnode *vn;

	CHECK_EQ(host_lookup(sb, path, &vn), 0);
	fill(want, n, seed);
	CHECK_EQ(host_read(vn, off, buf, n), n);
	CHECK(memcmp(buf, want, n) == 0);
	vnode_put(vn);
	unit_free(buf);
	unit_free(want);
}

static void test_empty(void)
{
	begin();
	end();
}

static void test_files(void)
{
	begin();
	CHECK_EQ(host_create(sb, "a", S_IFREG | 0644, NULL), 0);
	CHECK_EQ(host_create(sb, "a", S_IFREG | 0644, NULL), -EEXIST);
	CHECK_EQ(host_create(sb, "d", S_IFDIR | 0755, NULL), 0);
	CHECK_EQ(host_create(sb, "d/e", S_IFDIR | 0755, NULL), 0);
	write_file("a", 0, 100000, 1);
	check_file("a", 0, 100000, 1);
	CHECK_EQ(host_create(sb, "d/l", S_IFLNK | 0777, "short"), 0);
	CHECK_EQ(host_create(sb, "d/m", S_IFLNK | 0777,
		"a target of more than sixty characters, which needs a block of its own"), 0);
	CHECK_EQ(host_link(sb, "a", "d/b"), 0);
	CHECK_EQ(host_rename(sb, "d/b", "d/e/c", false), 0);
	CHECK_EQ(host_rename(sb, "d/e", "f", false), 0);
	CHECK_EQ(host_rename(sb, "d", "f", true), 0);
	CHECK_EQ(host_mknod(sb, "f/null", S_IFCHR | 0666, 0x103), 0);
	CHECK_EQ(host_mknod(sb, "f/fifo", S_IFIFO | 0666, 0), 0);
	CHECK_EQ(host_unlink(sb, "d"), -ENOTEMPTY);
	check_file("d/c", 0, 100000, 1);
	host_umount(sb);
	CHECK(clean());
	CHECK_EQ(host_mount(0, &sb), 0);
	check_file("a", 0, 100000, 1);
	CHECK_EQ(host_unlink(sb, "a"), 0);
	CHECK_EQ(host_unlink(sb, "d/c"), 0);
	CHECK_EQ(host_unlink(sb, "d"), 0);
	end();
}

static void test_sparse(void)
{
	static const s64 sizes[] = { 5000000, 300001, 13 * 1024, 12 * 1024, 777, 0 };

	begin();
	CHECK_EQ(host_create(sb, "s", S_IFREG | 0644, NULL), 0);
	write_file("s", 0, 10, 1);
	write_file("s", 12 * 1024 + 5, 10, 2);
	write_file("s", 300000, 3000, 3);
	write_file("s", 4999999, 100, 4);
	write_file("s", (1ul << 26) + 3, 5000, 5);
	check_file("s", 300000, 3000, 3);
	check_file("s", (1ul << 26) + 3, 5000, 5);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		CHECK_EQ(host_truncate(sb, "s", sizes[i]), 0);
		(void)ext2_sync(sb, true);
		if (!ext2_of(sb->sb_root)->fs_journal)
			continue;
	}
	end();
	CHECK_EQ(host_mount(0, &sb), 0);
	if (ext2_of(sb->sb_root)->fs_bsize == 4096) {
		CHECK_EQ(host_create(sb, "big", S_IFREG | 0644, NULL), 0);
		write_file("big", 5ul << 30, 5000, 6);
		check_file("big", 5ul << 30, 5000, 6);
	}
	end();
}

static void test_space(void)
{
	struct statfs before, after;
	struct vnode *vn;
	u8 *buf = unit_alloc(65536);
	ssize_t n;

	begin();
	(void)host_statfs(sb, &before);
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(host_create(sb, "f", S_IFREG | 0644, NULL), 0);
		CHECK_EQ(host_lookup(sb, "f", &vn), 0);
		for (u64 at = 0; (n = host_write(vn, at, buf, 65536)) > 0; )
			at += (u64)n;
		CHECK_EQ(n, -ENOSPC);
		CHECK_EQ(host_create(sb, "d", S_IFDIR | 0644, NULL), -ENOSPC);
		(void)vnode_write_data(vn);
		vnode_put(vn);
		CHECK_EQ(host_unlink(sb, "f"), 0);
		(void)host_statfs(sb, &after);
		CHECK_EQ(after.f_bfree, before.f_bfree);
		CHECK_EQ(after.f_ffree, before.f_ffree);
	}
	unit_free(buf);
	end();
}

static int count_one(void *arg, const char *name, u64 ino)
{
	(void)name, (void)ino;
	++*(int *)arg;
	return 0;
}

static void test_large_dir(void)
{
	char name[64];
	int n = 0, files = 3000;

	begin();
	CHECK_EQ(host_create(sb, "d", S_IFDIR | 0755, NULL), 0);
	CHECK_EQ(host_create(sb, "x", S_IFREG | 0755, NULL), 0);
	for (int i = 0; i < files; i++) {
		snprintf(name, sizeof(name), "d/file with number %d", i);
		CHECK_EQ(host_link(sb, "x", name), 0);
	}
	for (int i = 0; i < files; i += 3) {
		snprintf(name, sizeof(name), "d/file with number %d", i);
		CHECK_EQ(host_unlink(sb, name), 0);
		snprintf(name, sizeof(name), "d/%d", i);
		CHECK_EQ(host_link(sb, "x", name), 0);
	}
	struct vnode *vn;

	CHECK_EQ(host_lookup(sb, "d", &vn), 0);
	CHECK_EQ(host_readdir(vn, count_one, &n), 0);
	CHECK_EQ(n, files);
	vnode_put(vn);
	for (int i = 0; i < files; i++) {
		snprintf(name, sizeof(name), i % 3 ? "d/file with number %d" : "d/%d", i);
		CHECK_EQ(host_unlink(sb, name), 0);
	}
	CHECK_EQ(host_unlink(sb, "d"), 0);
	end();
}

/* An unlinked file that is open when the power goes. */
static void test_orphan(void)
{
	struct vnode *vn;

	begin();
	if (!ext2_of(sb->sb_root)->fs_journal) {
		end();
		return;
	}
	CHECK_EQ(host_create(sb, "o", S_IFREG | 0644, NULL), 0);
	write_file("o", 0, 200000, 1);
	CHECK_EQ(host_lookup(sb, "o", &vn), 0);
	CHECK_EQ(host_unlink(sb, "o"), 0);
	CHECK_EQ(ext2_sync(sb, true), 0);
	vnode_put(vn);
	host_power_cut(sb);
	CHECK_EQ(host_mount(0, &sb), 0);
	CHECK_EQ(host_lookup(sb, "o", &vn), -ENOENT);
	end();
}

/* Holes are found, and filled with zeros. */
static void test_holes(void)
{
	struct vnode *vn;
	u8 *buf = unit_alloc(100000), *zeros = unit_alloc(100000);

	begin();
	CHECK_EQ(host_create(sb, "h", S_IFREG | 0644, NULL), 0);
	write_file("h", 50000, 1000, 1);
	CHECK_EQ(host_lookup(sb, "h", &vn), 0);
	CHECK_EQ(ext2_seek_data(vn, 0, true), 0);
	CHECK_EQ(ext2_seek_data(vn, 10, false),
		 round_down(50000u, ext2_of(vn)->fs_bsize));
	CHECK_EQ(ext2_seek_data(vn, 50500, true), 51000);
	CHECK_EQ(ext2_fallocate(vn, 1, 51000, 60000), -EOPNOTSUPP);
	CHECK_EQ(ext2_fallocate(vn, 0, 100, 100000), 0);
	CHECK_EQ(vn->v_size, 100000);
	CHECK_EQ(ext2_seek_data(vn, 0, true), 100000);
	CHECK_EQ(ext2_fallocate(vn, 0, 0, 1ul << 30), -ENOSPC);
	CHECK_EQ(vn->v_size, 100000);
	vnode_put(vn);
	host_umount(sb);
	CHECK(clean());
	CHECK_EQ(host_mount(0, &sb), 0);
	check_file("h", 50000, 1000, 1);
	CHECK_EQ(host_lookup(sb, "h", &vn), 0);
	CHECK_EQ(host_read(vn, 51000, buf, 49000), 49000);
	CHECK(memcmp(buf, zeros, 49000) == 0);
	vnode_put(vn);
	unit_free(buf);
	unit_free(zeros);
	end();
}

/* Holes of every place and length, against a copy in memory; nothing is lost by them. */
static void test_punch(void)
{
	static u8 want[600000], got[600000];
	struct statfs before, after;
	struct vnode *vn;

	begin();
	memset(want, 0, sizeof(want));
	(void)host_statfs(sb, &before);
	CHECK_EQ(host_create(sb, "p", S_IFREG | 0644, NULL), 0);
	CHECK_EQ(host_lookup(sb, "p", &vn), 0);
	CHECK_EQ(host_write(vn, 70000000, "x", 1), 1);
	CHECK_EQ(ext2_fallocate(vn, 3, 0, 1l << 40), 0);
	CHECK_EQ(ext2_seek_data(vn, 0, false), vn->v_size);
	CHECK_EQ(host_truncate(sb, "p", sizeof(want)), 0);
	for (int i = 0; i < 200; i++) {
		u64 from = unit_below(sizeof(want)), n = unit_below(i % 3 ? 9000 : sizeof(want));

		n = min(n, sizeof(want) - from);
		if (i % 2 && n) {
			fill(want + from, n, (u64)i);
			CHECK_EQ(host_write(vn, from, want + from, n), n);
		} else if (n) {
			memset(want + from, 0, n);
			CHECK_EQ(ext2_fallocate(vn, i % 10 ? 3 : 0x11, (s64)from,
						(s64)(from + n)), 0);
		}
		if (i % 7 == 0)
			(void)vnode_write_data(vn);
		if (i % 20 == 0)
			CHECK_EQ(ext2_sync(sb, true), 0);
		if (i % 50 != 49)
			continue;
		CHECK_EQ(host_read(vn, 0, got, sizeof(got)), sizeof(got));
		CHECK(memcmp(got, want, sizeof(got)) == 0);
		vnode_put(vn);
		host_umount(sb);
		CHECK(clean());
		CHECK_EQ(host_mount(0, &sb), 0);
		CHECK_EQ(host_lookup(sb, "p", &vn), 0);
	}
	CHECK_EQ(host_read(vn, 0, got, sizeof(got)), sizeof(got));
	CHECK(memcmp(got, want, sizeof(got)) == 0);
	vnode_put(vn);
	CHECK_EQ(host_unlink(sb, "p"), 0);
	(void)host_statfs(sb, &after);
	CHECK_EQ(after.f_bfree, before.f_bfree);
	end();
}

/* An error of the disk: whoever asked hears of it, and nothing else happens. */
static void test_errors(void)
{
	for (long n = 1; n < 60; n += 3) {
		begin();
		host_disk.hd_fail_write = n;
		host_disk.hd_fail_read = n % 2 ? n : 0;
		for (int i = 0; i < 5; i++) {
			(void)host_create(sb, (char[]){ (char)('0' + i), 0 }, S_IFREG | 0644, NULL);
			(void)ext2_sync(sb, true);
		}
		(void)host_create(sb, "d", S_IFDIR | 0755, NULL);
		(void)host_create(sb, "d/f", S_IFREG | 0644, NULL);
		(void)ext2_sync(sb, true);
		(void)host_unlink(sb, "d/f");
		(void)host_unlink(sb, "d");
		(void)ext2_sync(sb, true);
		host_disk.hd_fail_write = host_disk.hd_fail_read = 0;
		host_umount(sb);
		CHECK_EQ(host_objects(), 0);
		/* With a journal nothing is lost but what was not committed. */
		if (strstr(format->options, "-j")) {
			CHECK_EQ(host_mount(0, &sb), 0);
			host_umount(sb);
			CHECK(clean());
		}
	}
}

static bool same_time(const struct vtime *a, const struct vtime *b)
{
	return a->sec == b->sec && a->nsec == b->nsec;
}

/* Times that the inode cannot hold become the nearest at once, not only with the next mount. */
static void test_times(void)
{
	static const s64 secs[] = { -(1l << 40), -(1l << 31) - 1, -1, 1700000000, (1l << 31) - 1,
				    1l << 31, 3l << 32, (1l << 34) - (1l << 31), 1l << 40 };
	const s64 min = -(1l << 31);
	struct vnode before, *vn;

	begin();
	CHECK_EQ(host_create(sb, "t", S_IFREG | 0644, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(secs); i++) {
		bool wide = ext2_of(sb->sb_root)->fs_inode_size > 128;
		s64 max = wide ? (1l << 34) + min - 1 : -min - 1, want = clamp(secs[i], min, max);
		struct vattr va = {
			.va_valid = ATTR_ATIME | ATTR_MTIME,
			.va_atime = { secs[i], 5 }, .va_mtime = { secs[i], 999999999 },
		};

		CHECK_EQ(host_lookup(sb, "t", &vn), 0);
		rwlock_write(&vn->v_lock);
		CHECK_EQ(ext2_setattr(vn, &va), 0);
		rwlock_write_unlock(&vn->v_lock);
		before = *vn;
		vnode_put(vn);
		CHECK_EQ(before.v_mtime.sec, want);
		CHECK_EQ(before.v_mtime.nsec, wide && want > min && want < max ? 999999999 : 0);
		host_umount(sb);
		CHECK_EQ(host_mount(0, &sb), 0);
		CHECK_EQ(host_lookup(sb, "t", &vn), 0);
		CHECK(same_time(&vn->v_atime, &before.v_atime));
		CHECK(same_time(&vn->v_mtime, &before.v_mtime));
		CHECK(same_time(&vn->v_ctime, &before.v_ctime));
		CHECK(!wide || same_time(&vn->v_btime, &before.v_btime));
		vnode_put(vn);
	}
	end();
}

static int mount_with(const char *data, unsigned long flags)
{
	int err;

	host_mount_data = data;
	err = host_mount(flags, &sb);
	host_mount_data = NULL;
	return err;
}

/* Options of mount(2); what errors= does; a super block that is marked before an unmount. */
static void test_options(void)
{
	struct ext2_super *on_disk;
	struct ext2 *fs;

	make_image(format->options, format->kib);
	on_disk = (struct ext2_super *)(host_disk.hd_data + EXT2_SUPER_OFFSET);
	CHECK_EQ(mount_with("sideways", 0), -EINVAL);
	CHECK_EQ(mount_with("errors=continu", 0), -EINVAL);
	CHECK_EQ(mount_with("errors=continue,", 0), 0);
	host_umount(sb);
	CHECK_EQ(mount_with("norecovery", 0), -EINVAL);
	CHECK_EQ(mount_with("acl,norecovery", MS_RDONLY), 0);
	CHECK_EQ(host_create(sb, "a", S_IFREG | 0644, NULL), -EROFS);
	host_umount(sb);
	CHECK(clean());
	CHECK_EQ(mount_with("errors=continue", 0), 0);
	fs = ext2_of(sb->sb_root);
	CHECK_EQ(ext2_error(fs, "made up"), -EUCLEAN);
	CHECK_EQ(host_create(sb, "a", S_IFREG | 0644, NULL), 0);
	CHECK_EQ(ext2_sync(sb, true), 0);
	CHECK(fs->fs_super->s_state & EXT2_SUPER_STATE_ERROR);
	host_umount(sb);
	CHECK(on_disk->s_state & EXT2_SUPER_STATE_ERROR);
	CHECK_EQ(mount_with("data=ordered,errors=remount-ro", 0), 0);
	CHECK_EQ(ext2_error(ext2_of(sb->sb_root), "made up"), -EUCLEAN);
	CHECK(sb->sb_flags & MS_RDONLY);
	CHECK_EQ(host_create(sb, "b", S_IFREG | 0644, NULL), -EROFS);
	host_umount(sb);
	CHECK_EQ(host_objects(), 0);
}

/* A dirty journal: not read with norecovery, replayed for a mount that only reads. */
static void test_recovery(void)
{
	struct ext2_super *on_disk;
	struct vnode *vn;

	begin();
	if (!ext2_of(sb->sb_root)->fs_journal) {
		end();
		return;
	}
	CHECK_EQ(host_create(sb, "kept", S_IFREG | 0644, NULL), 0);
	write_file("kept", 0, 50000, 1);
	CHECK_EQ(host_fsync(sb, "kept", false), 0);
	host_power_cut(sb);
	on_disk = (struct ext2_super *)(host_disk.hd_data + EXT2_SUPER_OFFSET);
	CHECK_EQ(mount_with("norecovery", MS_RDONLY), 0);
	CHECK_EQ(host_lookup(sb, "kept", &vn), -ENOENT);
	host_umount(sb);
	CHECK(on_disk->s_feature_incompat & EXT2_INCOMPAT_RECOVER);
	CHECK_EQ(mount_with(NULL, MS_RDONLY), 0);
	check_file("kept", 0, 50000, 1);
	host_umount(sb);
	CHECK(!(on_disk->s_feature_incompat & EXT2_INCOMPAT_RECOVER));
	CHECK(clean());
	CHECK_EQ(host_mount(0, &sb), 0);
	end();
}

/* A super block with another geometry, whose numbers fit together; false: none of this kind. */
static bool change_geometry(struct ext2_super *s, int how)
{
	u32 groups = s->s_inodes_count / s->s_inodes_per_group;

	switch (how) {
	case 0:
		s->s_inodes_per_group = 8;
		s->s_inodes_count = groups * 8;
		break;
	case 1:
		s->s_blocks_per_group--;
		break;
	case 2:
		s->s_blocks_count--;
		break;
	case 3:
		s->s_inode_size = s->s_inode_size == 128 ? 256 : 128;
		break;
	case 4:
		s->s_first_ino++;
		break;
	case 5:
		s->s_rev_level = 0;
		break;
	case 6:
		if (s->s_log_block_size || groups != 1)
			return false;
		s->s_log_block_size = 2;
		s->s_first_data_block = 0;
		s->s_blocks_count /= 4;
		s->s_blocks_per_group = 32768;
		break;
	}
	return true;
}

/* The copies of the super block in the journal, by the orphan list that only they have. */
static int change_logged_super(size_t bsize, int how)
{
	int n = 0;

	for (size_t at = 2 * bsize; at < host_disk.hd_size; at += bsize) {
		struct ext2_super *s = (struct ext2_super *)(host_disk.hd_data + at +
							     EXT2_SUPER_OFFSET % bsize);

		if (s->s_magic == EXT2_SUPER_MAGIC && s->s_last_orphan && change_geometry(s, how))
			n++;
	}
	return n;
}

/* A journal whose super block lays the file system out anew is refused. */
static void test_logged_geometry(void)
{
	struct vnode *vn;
	size_t bsize;
	u8 *cut;

	begin();
	if (!ext2_of(sb->sb_root)->fs_journal) {
		end();
		return;
	}
	bsize = ext2_of(sb->sb_root)->fs_bsize;
	CHECK_EQ(host_create(sb, "o", S_IFREG | 0644, NULL), 0);
	CHECK_EQ(host_lookup(sb, "o", &vn), 0);
	CHECK_EQ(host_unlink(sb, "o"), 0);
	CHECK_EQ(ext2_sync(sb, true), 0);
	vnode_put(vn);
	host_power_cut(sb);
	cut = unit_alloc(host_disk.hd_size);
	memcpy(cut, host_disk.hd_data, host_disk.hd_size);
	for (int how = 0; how < 7; how++) {
		host_disk_load(cut, host_disk.hd_size);
		if (change_logged_super(bsize, how) == 0) {
			CHECK_EQ(how, 6);
			continue;
		}
		CHECK_EQ(host_mount(0, &sb), -EUCLEAN);
		CHECK_EQ(host_objects(), 0);
	}
	host_disk_load(cut, host_disk.hd_size);
	CHECK(change_logged_super(bsize, 7) > 0);
	unit_free(cut);
	CHECK_EQ(host_mount(0, &sb), 0);
	end();
}

/* ---- hostile images --------------------------------------------------------------- */

/* Everything that can be reached from dir is listed, read, and some of it changed. */
struct walk {
	char prefix[200];
	int depth, left;
};

static void walk_dir(const char *path, int depth, int *left);

static int walk_one(void *arg, const char *name, u64 ino)
{
	struct walk *w = arg;
	char path[300], target[4096];
	struct vnode *vn;
	u8 buf[200];

	(void)ino;
	if (w->left-- <= 0)
		return 1;
	snprintf(path, sizeof(path), "%s%s%.60s", w->prefix, *w->prefix ? "/" : "", name);
	if (strchr(name, '/') || host_lookup(sb, path, &vn))
		return 0;
	if (S_ISLNK(vn->v_mode))
		(void)vn->v_ops->vo_readlink(vn, target, sizeof(target));
	if (vnode_is_reg(vn)) {
		(void)host_read(vn, 0, buf, sizeof(buf));
		(void)host_read(vn, (u64)vn->v_size / 2, buf, sizeof(buf));
		(void)ext2_seek_data(vn, 0, unit_below(2));
		(void)host_write(vn, unit_below((u64)vn->v_size + 1), "x", 1);
		if (unit_below(2))
			(void)ext2_fallocate(vn, 3, (s64)unit_below(100000), vn->v_size);
	}
	if (vnode_is_dir(vn) && w->depth < 3)
		walk_dir(path, w->depth + 1, &w->left);
	vnode_put(vn);
	return 0;
}

static void walk_dir(const char *path, int depth, int *left)
{
	struct walk w = { .depth = depth, .left = *left };
	struct vnode *vn;

	snprintf(w.prefix, sizeof(w.prefix), "%s", path);
	if (host_lookup(sb, path, &vn))
		return;
	if (vnode_is_dir(vn))
		(void)host_readdir(vn, walk_one, &w);
	vnode_put(vn);
	*left = w.left;
}

static void use_mutant(void)
{
	int left = 200;

	walk_dir("", 0, &left);
	(void)host_create(sb, "d/g", S_IFREG | 0644, NULL);
	(void)host_truncate(sb, "d/f", (s64)unit_below(500000));
	(void)host_rename(sb, "d/e", "e", false);
	(void)host_unlink(sb, "d/f");
	(void)host_rename(sb, "d/g", "h", false);
	(void)host_create(sb, "e/s", S_IFLNK | 0777, "target");
	(void)ext2_sync(sb, true);
	(void)host_unlink(sb, "d/l");
	for (int i = 0; i < 30; i++) {
		char name[20];

		snprintf(name, sizeof(name), "many/%d", i);
		(void)host_unlink(sb, name);
	}
}

/* A byte of something that counts: super block, descriptors, tables, directories, journal. */
static u64 pick_byte(const u64 *metas, int n, size_t size)
{
	switch (unit_below(8)) {
	case 0:
		return 1024 + unit_below(0x160);
	case 1:
		return unit_below(size);
	default:
		return metas[unit_below((u64)n)] + unit_below(unit_below(2) ? 1024 : 64);
	}
}

/* Places of blocks that were written: all of them but data, in short. */
static int find_metas(u64 *metas, int max)
{
	int n = 0;

	for (size_t i = 0; i < host_disk.hd_nlog && n < max; i++) {
		if (host_disk.hd_log[i].d_sector < HOST_MARK)
			metas[n++] = host_disk.hd_log[i].d_sector * 512;
	}
	return n;
}

/*
 * Any bytes for metadata: refused or reported, nothing worse. Half of the images have
 * a journal to be replayed. EXT2_MUTANTS=N: so many of each format.
 */
static void test_hostile(void)
{
	static u64 metas[4096];
	const char *text = getenv("EXT2_MUTANTS");
	u64 mutants = 200, mounted = 0;
	u8 *good[2];
	size_t size;
	int n;

	if (text)
		(void)str_to_u64(text, NULL, 10, &mutants);
	begin();
	host_disk.hd_log_on = true;
	CHECK_EQ(host_create(sb, "d", S_IFDIR | 0755, NULL), 0);
	CHECK_EQ(host_create(sb, "d/e", S_IFDIR | 0755, NULL), 0);
	CHECK_EQ(host_create(sb, "many", S_IFDIR | 0755, NULL), 0);
	CHECK_EQ(host_create(sb, "d/f", S_IFREG | 0644, NULL), 0);
	CHECK_EQ(host_create(sb, "d/l", S_IFLNK | 0777, "a target of more than sixty "
			     "characters, which needs a block of its own"), 0);
	for (int i = 0; i < 30; i++) {
		char name[20];

		snprintf(name, sizeof(name), "many/%d", i);
		CHECK_EQ(host_create(sb, name, S_IFREG | 0644, NULL), 0);
	}
	write_file("d/f", 0, 400000, 1);
	(void)ext2_sync(sb, true);
	host_disk.hd_log_on = false;
	size = host_disk.hd_size;
	good[0] = unit_alloc(size);
	good[1] = unit_alloc(size);
	memcpy(good[0], host_disk.hd_data, size);
	host_umount(sb);
	memcpy(good[1], host_disk.hd_data, size);
	n = find_metas(metas, ARRAY_SIZE(metas));
	for (u64 i = 0; i < mutants; i++) {
		host_disk_load(good[i % 2], size);
		for (u64 k = unit_below(i % 3 ? 4 : 60) + 1; k; k--)
			host_disk.hd_data[pick_byte(metas, n, size) % size] = (u8)unit_rand();
		host_mount_data = "errors=continue";
		if (host_mount(0, &sb) == 0) {
			mounted++;
			use_mutant();
			host_umount(sb);
		}
		host_mount_data = NULL;
		CHECK_EQ(host_objects(), 0);
	}
	printf("# %lu of %lu mutants could be mounted\n", mounted, mutants);
	host_log_free();
	unit_free(good[0]);
	unit_free(good[1]);
}

static void run(void (*test)(void), const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		char text[100];

		format = &formats[i];
		snprintf(text, sizeof(text), "%s %s", name, format->options);
		unit_run(text, test);
	}
}

int main(void)
{
	char command[200];

	run(test_empty, "empty");
	run(test_files, "files");
	run(test_sparse, "sparse");
	run(test_space, "space");
	run(test_large_dir, "large directory");
	run(test_orphan, "orphan");
	run(test_holes, "holes");
	run(test_punch, "holes are made");
	run(test_times, "times");
	run(test_options, "options");
	run(test_recovery, "recovery");
	run(test_logged_geometry, "geometry from the journal");
	run(test_errors, "disk errors");
	run(test_hostile, "hostile images");
	snprintf(command, sizeof(command), "rm -f %s %s.log", image_name, image_name);
	(void)!system(command);
	return unit_end();
}
