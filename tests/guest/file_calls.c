/* SPDX-License-Identifier: MIT */
/*
 * file_calls.c - O_TMPFILE, preadv2(2) and pwritev2(2), copy_file_range(2), statx(2),
 * extended attributes.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define RWF_DSYNC_ 2
#define RWF_SYNC_ 4
#define RWF_NOWAIT_ 8
#define RWF_APPEND_ 16

static long v2(long nr, int fd, const void *buf, size_t n, off_t pos, int flags)
{
	struct iovec iov = { (void *)buf, n };

	return syscall(nr, fd, &iov, 1, pos, 0, flags);
}

#define readv2(...) v2(SYS_preadv2, __VA_ARGS__)
#define writev2(...) v2(SYS_pwritev2, __VA_ARGS__)

static void file_without_name(void)
{
	char path[64], buf[8];
	struct stat st;
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	if (fd < 0 && errno == EOPNOTSUPP)
		SKIP("no O_TMPFILE here");
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_mode, S_IFREG | (0640 & ~022));
	CHECK_EQ(write(fd, "hello", 5), 5);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(read_file("named", buf, sizeof(buf)), 5);
	/* There is a file of that name now. */
	CHECK_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), EEXIST);
	/* It has a name like any other, so it is linked like any other. */
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
	OK(unlink("named"));
	OK(unlink("again"));
	CHECK_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "late", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
	/* By its descriptor, for the privileged. */
	fd = OK(open(".", O_TMPFILE | O_WRONLY, 0600));
	if (geteuid() == 0) {
		OK(linkat(fd, "", AT_FDCWD, "empty", AT_EMPTY_PATH));
		OK(unlink("empty"));
	}
	close(fd);
	/* O_EXCL: it is never to have a name. */
	fd = OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "x", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
	CHECK_ERR(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	write_file("f", "", 0);
	CHECK_ERR(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	CHECK_ERR(open("none", O_TMPFILE | O_RDWR, 0600), ENOENT);
}

static void flags_of_a_transfer(void)
{
	char buf[16];
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), p[2];

	CHECK_EQ(writev2(fd, "abc", 3, 0, 0), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(writev2(fd, "def", 3, -1, 0), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
	CHECK_EQ(writev2(fd, "ghi", 3, 1, RWF_APPEND_), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
	CHECK_EQ(readv2(fd, buf, 16, 0, 0), 6);
	CHECK(!memcmp(buf, "defghi", 6));
	CHECK_EQ(writev2(fd, "j", 1, 6, RWF_DSYNC_), 1);
	CHECK_EQ(writev2(fd, "k", 1, 7, RWF_SYNC_), 1);
	CHECK_ERR(writev2(fd, "x", 1, 0, 1 << 20), EOPNOTSUPP);
	CHECK_ERR(readv2(fd, buf, 1, 0, 1 << 20), EOPNOTSUPP);
	CHECK_ERR(readv2(fd, buf, 1, -2, 0), EINVAL);
	/* What is in memory is had at once, where the file system knows the flag. */
	long n = readv2(fd, buf, 16, 0, RWF_NOWAIT_);
	if (n < 0)
		CHECK(errno == EOPNOTSUPP || errno == EAGAIN);
	else
		CHECK_EQ(n, 8);
	OK(pipe(p));
	CHECK_ERR(readv2(p[0], buf, 1, -1, RWF_NOWAIT_), EAGAIN);
	CHECK_ERR(readv2(p[0], buf, 1, 0, 0), ESPIPE);
	CHECK_EQ(writev2(p[1], "x", 1, -1, RWF_NOWAIT_), 1);
	CHECK_EQ(readv2(p[0], buf, 1, -1, RWF_NOWAIT_), 1);
	close(p[0]);
	close(p[1]);
	close(fd);
}

static void copies_ranges(void)
{
	static char data[100000], got[100000];
	loff_t in_off = 1000, out_off = 5;
	int in, out, app, dir = OK(open(".", O_RDONLY)), p[2];

	fill_pattern(data, sizeof(data), 4);
	write_file("in", data, sizeof(data));
	in = OK(open("in", O_RDONLY));
	out = OK(open("out", O_RDWR | O_CREAT, 0644));
	CHECK_EQ(copy_file_range(in, &in_off, out, &out_off, 5000, 0), 5000);
	CHECK(in_off == 6000 && out_off == 5005);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(pread(out, got, 6000, 0), 5005);
	CHECK(!memcmp(got + 5, data + 1000, 5000));
	OK(ftruncate(out, 0));
	size_t done = 0;
	ssize_t n;
	while ((n = OK(copy_file_range(in, NULL, out, NULL, 1 << 20, 0))) > 0)
		done += (size_t)n;
	CHECK_EQ(done, sizeof(data));
	CHECK_EQ(lseek(out, 0, SEEK_CUR), (off_t)sizeof(data));
	CHECK_EQ(pread(out, got, sizeof(got), 0), (ssize_t)sizeof(got));
	CHECK(check_pattern(got, sizeof(got), 4));
	/* Within one file, as long as the ranges are apart. */
	in_off = 0;
	out_off = 50000;
	CHECK_EQ(copy_file_range(out, &in_off, out, &out_off, 50000, 0), 50000);
	in_off = 0;
	out_off = 10;
	CHECK_ERR(copy_file_range(out, &in_off, out, &out_off, 100, 0), EINVAL);
	CHECK_ERR(copy_file_range(in, NULL, out, NULL, 1, 1), EINVAL);
	CHECK_ERR(copy_file_range(out, NULL, in, NULL, 1, 0), EBADF);
	CHECK_ERR(copy_file_range(dir, NULL, out, NULL, 1, 0), EISDIR);
	OK(pipe(p));
	CHECK_ERR(copy_file_range(in, NULL, p[1], NULL, 1, 0), EINVAL);
	app = OK(open("out", O_WRONLY | O_APPEND));
	CHECK_ERR(copy_file_range(in, NULL, app, NULL, 1, 0), EBADF);
	in_off = -1;
	CHECK(copy_file_range(in, &in_off, out, NULL, 1, 0) == -1);
	close(p[0]);
	close(p[1]);
	close(app);
	close(dir);
	close(in);
	close(out);
}

/* Not in every C library. */
struct xtime {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t pad;
};

struct xstat {
	uint32_t stx_mask, stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink, stx_uid, stx_gid;
	uint16_t stx_mode, pad;
	uint64_t stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	struct xtime stx_atime, stx_btime, stx_ctime, stx_mtime;
	uint32_t stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
	uint64_t more[14];
};

static int xstat(int dir, const char *name, unsigned int flags, unsigned int mask,
		 struct xstat *out)
{
	return (int)syscall(SYS_statx, dir, name, flags, mask, out);
}

#define MASK_BASIC 0x7ff
#define MASK_BTIME 0x800
#define MASK_MNT_ID 0x1000
#define ATTR_MOUNT_ROOT_ 0x2000

static void extended_status(void)
{
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 7 } };
	struct xstat x, y;
	struct stat st;
	int fd;

	write_file("f", "hello", 5);
	OK(utimensat(AT_FDCWD, "f", old, 0));
	OK(stat("f", &st));
	OK(xstat(AT_FDCWD, "f", 0, MASK_BASIC | MASK_BTIME | MASK_MNT_ID, &x));
	CHECK_EQ(x.stx_mask & MASK_BASIC, MASK_BASIC);
	CHECK_EQ(x.stx_size, 5);
	CHECK_EQ(x.stx_nlink, 1);
	CHECK_EQ(x.stx_mode, st.st_mode);
	CHECK_EQ(x.stx_ino, st.st_ino);
	CHECK_EQ(x.stx_blocks, st.st_blocks);
	CHECK_EQ(makedev(x.stx_dev_major, x.stx_dev_minor), st.st_dev);
	CHECK_EQ(x.stx_atime.tv_sec, 1000);
	CHECK_EQ(x.stx_mtime.tv_sec, 2000);
	CHECK_EQ(x.stx_attributes & ~x.stx_attributes_mask, 0);
	/* A birth cannot be changed, and was before the change. */
	if (x.stx_mask & MASK_BTIME) {
		CHECK(x.stx_btime.tv_sec > 2000);
		CHECK(x.stx_btime.tv_sec <= x.stx_ctime.tv_sec);
	}
	OK(symlink("f", "s"));
	OK(xstat(AT_FDCWD, "s", AT_SYMLINK_NOFOLLOW, MASK_BASIC, &y));
	CHECK(S_ISLNK(y.stx_mode));
	fd = OK(open("f", O_PATH));
	OK(xstat(fd, "", AT_EMPTY_PATH, MASK_BASIC, &y));
	CHECK_EQ(y.stx_ino, x.stx_ino);
	CHECK_ERR(xstat(fd, "", 0, MASK_BASIC, &y), ENOENT);
	OK(xstat(AT_FDCWD, "/", 0, MASK_BASIC, &y));
	if (y.stx_attributes_mask & ATTR_MOUNT_ROOT_)
		CHECK(y.stx_attributes & ATTR_MOUNT_ROOT_);
	CHECK_EQ(x.stx_attributes & ATTR_MOUNT_ROOT_, 0);
	CHECK_ERR(xstat(AT_FDCWD, "f", 0x6000, MASK_BASIC, &y), EINVAL);
	CHECK_ERR(xstat(AT_FDCWD, "f", 0, 0x80000000u, &y), EINVAL);
	CHECK_ERR(xstat(AT_FDCWD, "f", 1 << 20, MASK_BASIC, &y), EINVAL);
	close(fd);
}

/* Where there are none: lists are empty, and the rest says so. */
static void attributes(void)
{
	char buf[256];
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));

	if (setxattr("f", "user.x", "1", 1, 0) == 0) {
		/* Where there are some. */
		CHECK_EQ(getxattr("f", "user.x", buf, sizeof(buf)), 1);
		OK(removexattr("f", "user.x"));
	} else {
		CHECK_EQ(errno, EOPNOTSUPP);
		CHECK_ERR(getxattr("f", "user.x", buf, sizeof(buf)), EOPNOTSUPP);
		CHECK_ERR(fgetxattr(fd, "user.x", buf, sizeof(buf)), EOPNOTSUPP);
		CHECK_ERR(removexattr("f", "user.x"), EOPNOTSUPP);
		CHECK_EQ(listxattr("f", buf, sizeof(buf)), 0);
		CHECK_EQ(flistxattr(fd, NULL, 0), 0);
	}
	CHECK_ERR(setxattr("none", "user.x", "1", 1, 0), ENOENT);
	CHECK_ERR(fsetxattr(-1, "user.x", "1", 1, 0), EBADF);
	close(fd);
}

static const struct tap_case cases[] = {
	{ "file_without_name", file_without_name, 0 },
	{ "flags_of_a_transfer", flags_of_a_transfer, 0 },
	{ "copies_ranges", copies_ranges, 0 },
	{ "extended_status", extended_status, 0 },
	{ "attributes", attributes, 0 },
};

TAP_MAIN(cases)
