/* SPDX-License-Identifier: MIT */
/*
 * file_open.c - descriptors: open(2) and its flags, the smallest free number,
 * dup, close, fcntl, limits.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static off_t size_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_size;
}

static void creat_and_mode(void)
{
	struct stat st;

	umask(027);
	int fd = OK(open("f", O_RDWR | O_CREAT, 0666));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_nlink, 1);
	/* Not changed by opening it again. */
	OK(close(OK(open("f", O_RDWR | O_CREAT, 0777))));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
}

static void creat_without_rights_to_it(void)
{
	/* The mode is for later opens, not for this one. */
	int fd = OK(open("f", O_RDWR | O_CREAT, 0000));

	write_full(fd, "abc", 3);
	OK(lseek(fd, 0, SEEK_SET));
	char c;
	read_full(fd, &c, 1);
}

static void creat_errors(void)
{
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	CHECK_ERR(open("d/f", O_RDWR | O_CREAT, 0600), ENOENT);
	OK(mkdir("d", 0700));
	CHECK_ERR(open("d", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("g/", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("", O_RDWR | O_CREAT, 0600), ENOENT);
	OK(symlink("target", "l"));
	OK(close(OK(open("l", O_WRONLY | O_CREAT, 0600))));
	OK(access("target", F_OK));
}

static void exclusive(void)
{
	OK(close(OK(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600))));
	CHECK_ERR(open("f", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	OK(mkdir("d", 0700));
	CHECK_ERR(open("d", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	/* A dangling link is there, and is not followed. */
	OK(symlink("nothing", "l"));
	CHECK_ERR(open("l", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(access("nothing", F_OK), ENOENT);
}

static void truncation(void)
{
	write_file("f", "contents", 8);
	int fd = OK(open("f", O_RDONLY));
	OK(close(OK(open("f", O_WRONLY))));
	CHECK_EQ(size_of(fd), 8);
	OK(close(OK(open("f", O_WRONLY | O_TRUNC))));
	CHECK_EQ(size_of(fd), 0);
	char c;
	CHECK_EQ(read(fd, &c, 1), 0);
}

static void access_modes(void)
{
	char c = 'x';

	write_file("f", "abc", 3);
	int r = OK(open("f", O_RDONLY)), w = OK(open("f", O_WRONLY));
	CHECK_ERR(write(r, &c, 1), EBADF);
	CHECK_ERR(read(w, &c, 1), EBADF);
	CHECK_ERR(pwrite(r, &c, 1, 0), EBADF);
	CHECK_ERR(pread(w, &c, 1, 0), EBADF);
	CHECK_ERR(ftruncate(r, 0), EINVAL);
	struct iovec v = { &c, 1 };
	CHECK_ERR(writev(r, &v, 1), EBADF);
	CHECK_ERR(readv(w, &v, 1), EBADF);
	CHECK_ERR(write(r, &c, 0), EBADF);
	/* fchmod, fstat and fsync need no right. */
	OK(fchmod(r, 0600));
	OK(fsync(r));
}

static void directories(void)
{
	char c;

	OK(mkdir("d", 0700));
	CHECK_ERR(open("d", O_WRONLY), EISDIR);
	CHECK_ERR(open("d", O_RDWR), EISDIR);
	int fd = OK(open("d", O_RDONLY));
	CHECK_ERR(read(fd, &c, 1), EISDIR);
	CHECK_ERR(pread(fd, &c, 1, 0), EISDIR);
	CHECK_ERR(write(fd, &c, 1), EBADF);
	write_file("f", "", 0);
	CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
	OK(close(OK(open("d/", O_RDONLY | O_DIRECTORY))));
}

static void nofollow(void)
{
	write_file("f", "", 0);
	OK(mkdir("d", 0700));
	OK(symlink("f", "lf"));
	OK(symlink("d", "ld"));
	CHECK_ERR(open("lf", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("ld", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
	OK(close(OK(open("ld/.", O_RDONLY | O_NOFOLLOW))));
	OK(close(OK(open("f", O_RDONLY | O_NOFOLLOW))));
}

static void path_descriptors(void)
{
	char c = 'x', buf[16];
	struct stat st;

	write_file("f", "abc", 3);
	OK(symlink("f", "l"));
	int fd = OK(open("f", O_PATH));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 3);
	CHECK_ERR(read(fd, &c, 1), EBADF);
	CHECK_ERR(write(fd, &c, 1), EBADF);
	CHECK_ERR(lseek(fd, 0, SEEK_SET), EBADF);
	/* The C library has a way around this one. */
	CHECK_ERR(syscall(SYS_fchmod, fd, 0600), EBADF);
	CHECK_ERR(ftruncate(fd, 0), EBADF);
	CHECK_EQ(OK(fcntl(fd, F_GETFL)) & O_PATH, O_PATH);
	int link = OK(open("l", O_PATH | O_NOFOLLOW));
	OK(fstat(link, &st));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(OK(readlinkat(link, "", buf, sizeof(buf))), 1);
}

static void smallest_number(void)
{
	/* The harness leaves 0, 1 and 2. */
	CHECK_EQ(open("/dev/null", O_RDONLY), 3);
	CHECK_EQ(open("/dev/null", O_RDONLY), 4);
	CHECK_EQ(open("/dev/null", O_RDONLY), 5);
	OK(close(4));
	CHECK_EQ(dup(0), 4);
	OK(close(0));
	OK(close(3));
	CHECK_EQ(open("/dev/null", O_RDONLY), 0);
	int fd[2];
	OK(pipe(fd));
	CHECK(fd[0] == 3 && fd[1] == 6);
	OK(close(3));
	CHECK_EQ(fcntl(0, F_DUPFD, 0), 3);
	CHECK_EQ(dup2(0, 200), 200);
	CHECK_EQ(dup(0), 7);
	OK(close(5));
	CHECK_ERR(open("nothing", O_RDONLY), ENOENT);
	CHECK_EQ(dup(0), 5);
}

static void close_errors(void)
{
	CHECK_ERR(close(-1), EBADF);
	CHECK_ERR(close(99), EBADF);
	CHECK_ERR(close(0x7fffffff), EBADF);
	int fd = OK(dup(0));
	OK(close(fd));
	CHECK_ERR(close(fd), EBADF);
}

static void bad_descriptors(void)
{
	static const int bad[] = { -1, 77, 1 << 20, 0x7fffffff, -0x7fffffff };
	struct stat st;
	char c;

	for (size_t i = 0; i < TAP_COUNT(bad); i++) {
		int fd = bad[i];
		CHECK_ERR(read(fd, &c, 1), EBADF);
		CHECK_ERR(write(fd, &c, 1), EBADF);
		CHECK_ERR(lseek(fd, 0, SEEK_SET), EBADF);
		CHECK_ERR(syscall(SYS_fstat, fd, &st), EBADF);
		CHECK_ERR(dup(fd), EBADF);
		CHECK_ERR(dup2(fd, 5), EBADF);
		CHECK_ERR(fcntl(fd, F_GETFD), EBADF);
		CHECK_ERR(fcntl(fd, F_GETFL), EBADF);
		CHECK_ERR(syscall(SYS_ioctl, fd, 0x541b, &c), EBADF);
		CHECK_ERR(fchdir(fd), EBADF);
		CHECK_ERR(fsync(fd), EBADF);
		CHECK_ERR(ftruncate(fd, 0), EBADF);
		CHECK_ERR(syscall(SYS_getdents64, fd, &c, 1), EBADF);
	}
	CHECK_ERR(openat(77, "f", O_RDONLY), EBADF);
	/* An absolute path does not look at the descriptor. */
	OK(close(OK(openat(77, "/", O_RDONLY))));
}

static void dup_shares_the_offset(void)
{
	char c;

	write_file("f", "0123456789", 10);
	int a = OK(open("f", O_RDWR)), b = OK(dup(a)), other = OK(open("f", 0));
	read_full(a, &c, 1);
	read_full(b, &c, 1);
	CHECK_EQ(c, '1');
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 2);
	CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
	/* So are the status flags, but not close-on-exec. */
	OK(fcntl(a, F_SETFL, O_APPEND | O_NONBLOCK));
	CHECK_EQ(OK(fcntl(b, F_GETFL)) & (O_APPEND | O_NONBLOCK),
		 O_APPEND | O_NONBLOCK);
	CHECK_EQ(OK(fcntl(other, F_GETFL)) & O_APPEND, 0);
	OK(fcntl(a, F_SETFD, FD_CLOEXEC));
	CHECK_EQ(OK(fcntl(b, F_GETFD)), 0);
	OK(close(a));
	read_full(b, &c, 1);
	CHECK_EQ(c, '2');
}

static void dup2_corners(void)
{
	struct stat a, b;

	write_file("f", "", 0);
	int fd = OK(open("f", O_RDONLY | O_CLOEXEC));
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_EQ(OK(fcntl(fd, F_GETFD)), FD_CLOEXEC);
	CHECK_EQ(dup2(fd, 50), 50);
	CHECK_EQ(OK(fcntl(50, F_GETFD)), 0);
	/* What was there is closed. */
	int p[2];
	char c;
	OK(pipe(p));
	CHECK_EQ(dup2(fd, p[1]), p[1]);
	CHECK_EQ(read(p[0], &c, 1), 0);
	OK(fstat(fd, &a));
	OK(fstat(p[1], &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_ERR(dup2(fd, -1), EBADF);
	CHECK_ERR(dup2(fd, 0x7fffffff), EBADF);
	/* A bad source leaves the target open. */
	CHECK_ERR(dup2(99, 50), EBADF);
	OK(fcntl(50, F_GETFD));
	CHECK_ERR(dup2(99, 99), EBADF);
}

static void dup3_corners(void)
{
	int fd = OK(open("/dev/null", O_RDONLY));

	CHECK_EQ(dup3(fd, 50, O_CLOEXEC), 50);
	CHECK_EQ(OK(fcntl(50, F_GETFD)), FD_CLOEXEC);
	CHECK_EQ(dup3(fd, 50, 0), 50);
	CHECK_EQ(OK(fcntl(50, F_GETFD)), 0);
	CHECK_ERR(syscall(SYS_dup3, fd, fd, 0), EINVAL);
	CHECK_ERR(syscall(SYS_dup3, fd, 51, O_NONBLOCK), EINVAL);
	CHECK_ERR(fcntl(51, F_GETFD), EBADF);
}

static void fcntl_dupfd(void)
{
	int fd = OK(open("/dev/null", O_RDONLY | O_CLOEXEC));

	CHECK_EQ(fcntl(fd, F_DUPFD, 40), 40);
	CHECK_EQ(fcntl(fd, F_DUPFD, 40), 41);
	CHECK_EQ(OK(fcntl(40, F_GETFD)), 0);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 40), 42);
	CHECK_EQ(OK(fcntl(42, F_GETFD)), FD_CLOEXEC);
	CHECK_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(fd, F_DUPFD, 1 << 24), EINVAL);
	CHECK_ERR(fcntl(fd, 9999, 0), EINVAL);
}

static void status_flags(void)
{
	/* Creation flags are gone; O_LARGEFILE is always set. */
	int fd = OK(open("f", O_WRONLY | O_CREAT | O_EXCL | O_TRUNC |
			 O_APPEND | O_NOCTTY | O_CLOEXEC, 0600));
	const int mask = O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND |
		O_NONBLOCK | O_CLOEXEC;

	CHECK_EQ(OK(fcntl(fd, F_GETFL)) & mask, O_WRONLY | O_APPEND);
	/* Only some can be set, the access mode not. */
	OK(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_CREAT));
	CHECK_EQ(OK(fcntl(fd, F_GETFL)) & mask, O_WRONLY | O_NONBLOCK);
	OK(fcntl(fd, F_SETFL, 0));
	CHECK_EQ(OK(fcntl(fd, F_GETFL)) & mask, O_WRONLY);
}

static void cloexec_flag(void)
{
	int fd = OK(open("/dev/null", O_RDONLY | O_CLOEXEC));

	CHECK_EQ(OK(fcntl(fd, F_GETFD)), FD_CLOEXEC);
	OK(fcntl(fd, F_SETFD, 0));
	CHECK_EQ(OK(fcntl(fd, F_GETFD)), 0);
	/* Only the one bit counts. */
	OK(fcntl(fd, F_SETFD, 0xfe));
	CHECK_EQ(OK(fcntl(fd, F_GETFD)), 0);
	OK(fcntl(fd, F_SETFD, 0xff));
	CHECK_EQ(OK(fcntl(fd, F_GETFD)), FD_CLOEXEC);
}

static void too_many(void)
{
	struct rlimit rl = { 12, 12 };
	int p[2] = { -7, -7 };

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	for (int fd = 3; fd < 12; fd++)
		CHECK_EQ(open("/dev/null", O_RDONLY), fd);
	CHECK_ERR(open("/dev/null", O_RDONLY), EMFILE);
	CHECK_ERR(dup(0), EMFILE);
	CHECK_ERR(fcntl(0, F_DUPFD, 0), EMFILE);
	CHECK_ERR(fcntl(0, F_DUPFD, 12), EINVAL);
	CHECK_ERR(dup2(0, 12), EBADF);
	CHECK_ERR(pipe(p), EMFILE);
	CHECK_EQ(p[0], -7);
	/* One free is not enough for a pipe, and it stays free. */
	OK(close(7));
	CHECK_ERR(pipe(p), EMFILE);
	CHECK_EQ(dup(0), 7);
	/* A failed open with O_CREAT has not made the file. */
	CHECK_ERR(open("f", O_CREAT | O_RDWR, 0600), EMFILE);
	CHECK_ERR(access("f", F_OK), ENOENT);
}

static void limit_below_open_ones(void)
{
	struct rlimit rl = { 4, 4 };

	CHECK_EQ(dup2(0, 100), 100);
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	/* Descriptors above the limit go on working. */
	OK(fcntl(100, F_GETFD));
	char c;
	CHECK_EQ(read(100, &c, 1), 0);
	CHECK_EQ(dup(100), 3);
	OK(close(100));
}

static void a_thousand(void)
{
	struct rlimit rl = { 1100, 1100 };

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	for (int fd = 3; fd < 1100; fd++)
		CHECK_EQ(dup(0), fd);
	CHECK_ERR(dup(0), EMFILE);
	pid_t pid = xfork();
	if (pid == 0) {
		for (int fd = 1099; fd >= 3; fd--)
			OK(close(fd));
		_exit(0);
	}
	wait_ok(pid);
	for (int fd = 3; fd < 1100; fd += 2)
		OK(close(fd));
	for (int fd = 3; fd < 1100; fd += 2)
		CHECK_EQ(dup(0), fd);
}

static void close_range_call(void)
{
	for (int fd = 10; fd < 20; fd++)
		OK(dup2(0, fd));
	OK(syscall(SYS_close_range, 12, 15, 0));
	for (int fd = 10; fd < 20; fd++)
		CHECK_EQ(fcntl(fd, F_GETFD), fd >= 12 && fd <= 15 ? -1 : 0);
	OK(syscall(SYS_close_range, 17, ~0U, 4));
	CHECK_EQ(fcntl(16, F_GETFD), 0);
	CHECK_EQ(fcntl(18, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	OK(syscall(SYS_close_range, 3, ~0U, 0));
	CHECK_ERR(fcntl(10, F_GETFD), EBADF);
}

static const struct tap_case cases[] = {
	{ "creat_and_mode", creat_and_mode, 0 },
	{ "creat_without_rights_to_it", creat_without_rights_to_it, 0 },
	{ "creat_errors", creat_errors, 0 },
	{ "exclusive", exclusive, 0 },
	{ "truncation", truncation, 0 },
	{ "access_modes", access_modes, 0 },
	{ "directories", directories, 0 },
	{ "nofollow", nofollow, 0 },
	{ "path_descriptors", path_descriptors, 0 },
	{ "smallest_number", smallest_number, 0 },
	{ "close_errors", close_errors, 0 },
	{ "bad_descriptors", bad_descriptors, 0 },
	{ "dup_shares_the_offset", dup_shares_the_offset, 0 },
	{ "dup2_corners", dup2_corners, 0 },
	{ "dup3_corners", dup3_corners, 0 },
	{ "fcntl_dupfd", fcntl_dupfd, 0 },
	{ "status_flags", status_flags, 0 },
	{ "cloexec_flag", cloexec_flag, 0 },
	{ "too_many", too_many, 0 },
	{ "limit_below_open_ones", limit_below_open_ones, 0 },
	{ "a_thousand", a_thousand, 0 },
	{ "close_range", close_range_call, 0 },
};

TAP_MAIN(cases)
