/* SPDX-License-Identifier: MIT */
/*
 * rename.c - rename(2) and renameat2(2): every combination of what is there.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2

static ino_t ino(const char *path)
{
	struct stat st;

	OK(lstat(path, &st));
	return st.st_ino;
}

static nlink_t nlink(const char *path)
{
	struct stat st;

	OK(lstat(path, &st));
	return st.st_nlink;
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void touch(const char *path)
{
	write_file(path, path, strlen(path));
}

static void file_to_new_name(void)
{
	touch("a");
	ino_t i = ino("a");
	OK(rename("a", "b"));
	CHECK(!there("a"));
	CHECK_EQ(ino("b"), i);
	OK(mkdir("d", 0755));
	OK(rename("b", "d/c"));
	CHECK_EQ(ino("d/c"), i);
	OK(rename("d/../d/c", "./e"));
	CHECK_EQ(ino("e"), i);
}

static void file_over_file(void)
{
	char buf[8];

	touch("a");
	touch("b");
	OK(link("b", "keep"));
	int fd = OK(open("b", O_RDONLY));
	OK(rename("a", "b"));
	CHECK(!there("a"));
	CHECK_EQ(read_file("b", buf, sizeof(buf)), 1);
	CHECK_EQ(buf[0], 'a');
	CHECK_EQ(nlink("keep"), 1);
	/* Who had it open still has it. */
	CHECK_EQ(read(fd, buf, 1), 1);
	CHECK_EQ(buf[0], 'b');
}

static void same_file(void)
{
	touch("a");
	OK(link("a", "b"));
	OK(rename("a", "a"));
	/* Two names of one file: nothing happens, both stay. */
	OK(rename("a", "b"));
	CHECK(there("a") && there("b"));
	CHECK_EQ(nlink("a"), 2);
	OK(mkdir("d", 0755));
	OK(rename("d", "d"));
	OK(rename("d", "d/"));
}

static void directory_to_new_name(void)
{
	OK(mkdir("a", 0755));
	OK(mkdir("a/sub", 0755));
	touch("a/f");
	OK(mkdir("p", 0755));
	nlink_t top = nlink(".");
	OK(rename("a", "p/b"));
	CHECK(there("p/b/f") && there("p/b/sub"));
	CHECK_EQ(nlink("."), top - 1);
	CHECK_EQ(nlink("p"), 3);
	CHECK_EQ(ino("p/b/.."), ino("p"));
	CHECK_EQ(ino("p/b/sub/../.."), ino("p"));
	OK(rename("p/b/", "c/"));
	CHECK_EQ(nlink("."), top);
	CHECK_EQ(nlink("p"), 2);
}

static void directory_over_directory(void)
{
	OK(mkdir("a", 0755));
	touch("a/f");
	OK(mkdir("b", 0755));
	nlink_t top = nlink(".");
	OK(rename("a", "b"));
	CHECK(there("b/f") && !there("a"));
	CHECK_EQ(nlink("."), top - 1);
	OK(mkdir("c", 0755));
	CHECK_ERR(rename("c", "b"), ENOTEMPTY);
	CHECK(there("c") && there("b/f"));
}

static void kinds_do_not_mix(void)
{
	touch("f");
	OK(mkdir("d", 0755));
	CHECK_ERR(rename("d", "f"), ENOTDIR);
	CHECK_ERR(rename("f", "d"), EISDIR);
	CHECK_ERR(rename("f", "g/"), ENOTDIR);
	CHECK_ERR(rename("f/", "g"), ENOTDIR);
	CHECK_ERR(rename("d", "f/x"), ENOTDIR);
	CHECK(there("f") && there("d"));
}

static void into_itself(void)
{
	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	OK(mkdir("d/e/f", 0755));
	CHECK_ERR(rename("d", "d/x"), EINVAL);
	CHECK_ERR(rename("d", "d/e/f/x"), EINVAL);
	CHECK_ERR(rename("d", "d/e"), EINVAL);
	/* Over one's own ancestor. */
	CHECK_ERR(rename("d/e", "d"), ENOTEMPTY);
	CHECK_ERR(rename("d/e/f", "d"), ENOTEMPTY);
	CHECK(there("d/e/f"));
}

/* EBUSY, or EXDEV where / and /tmp are different file systems. */
static void refused(const char *from, const char *to)
{
	CHECK(rename(from, to) == -1);
	CHECK(errno == EBUSY || errno == EXDEV);
}

static void dots(void)
{
	OK(mkdir("d", 0755));
	CHECK_ERR(rename("d/.", "e"), EBUSY);
	CHECK_ERR(rename("d/..", "e"), EBUSY);
	CHECK_ERR(rename("d", "."), EBUSY);
	CHECK_ERR(rename("d", ".."), EBUSY);
	CHECK_ERR(rename(".", "e"), EBUSY);
	refused("/", "e");
	refused("d", "/");
}

static void not_there(void)
{
	touch("f");
	CHECK_ERR(rename("x", "y"), ENOENT);
	CHECK_ERR(rename("", "y"), ENOENT);
	CHECK_ERR(rename("f", ""), ENOENT);
	CHECK_ERR(rename("f", "x/y"), ENOENT);
	CHECK_ERR(rename("f/x", "y"), ENOTDIR);
	CHECK_ERR(rename("x", "f"), ENOENT);
	CHECK(there("f"));
}

static void symbolic_links(void)
{
	char buf[8];

	touch("f");
	OK(symlink("f", "l"));
	OK(rename("l", "m"));
	CHECK_EQ(readlink("m", buf, sizeof(buf)), 1);
	/* Over a link: the link goes, its target stays. */
	touch("g");
	OK(rename("g", "m"));
	CHECK(there("f"));
	CHECK_ERR(readlink("m", buf, sizeof(buf)), EINVAL);
	OK(mkdir("d", 0755));
	OK(symlink("d", "ld"));
	CHECK_ERR(rename("d", "ld"), ENOTDIR);
	touch("h");
	OK(rename("h", "ld/h"));
	CHECK(there("d/h"));
}

static void noreplace(void)
{
	touch("a");
	touch("b");
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b",
			  RENAME_NOREPLACE), EEXIST);
	OK(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c",
		   RENAME_NOREPLACE));
	CHECK(there("c") && !there("a"));
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "d", 0x80),
		  EINVAL);
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c",
			  RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
}

static void exchange(void)
{
	OK(mkdir("d", 0755));
	touch("d/in");
	touch("f");
	ino_t d = ino("d"), f = ino("f");
	OK(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "f",
		   RENAME_EXCHANGE));
	CHECK(ino("d") == f && ino("f") == d);
	CHECK(there("f/in"));
	CHECK_ERR(syscall(SYS_renameat2, AT_FDCWD, "d", AT_FDCWD, "x",
			  RENAME_EXCHANGE), ENOENT);
}

static void target_in_use(void)
{
	char c, now[64];

	/* An empty directory that is somebody's working directory. */
	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	touch("a/f");
	OK(chdir("b"));
	OK(rename("../a", "../b"));
	CHECK_ERR(syscall(SYS_getcwd, now, sizeof(now)), ENOENT);
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	CHECK_ERR(open("g", O_WRONLY | O_CREAT, 0600), ENOENT);
	OK(chdir(".."));
	CHECK_EQ(read(OK(open("b/f", O_RDONLY)), &c, 1), 1);
}

/* Two rename towards each other: always one file, always complete. */
static void race(void)
{
	enum { ROUNDS = 300 };
	char buf[16];

	touch("a");
	pid_t pid = xfork();
	for (int i = 0; i < ROUNDS; i++) {
		int r = pid ? rename("a", "b") : rename("b", "a");
		CHECK(r == 0 || errno == ENOENT);
	}
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	CHECK_EQ(there("a") + there("b"), 1);
	CHECK_EQ(read_file(there("a") ? "a" : "b", buf, sizeof(buf)), 1);
}

/* The reader always finds the name, before, during and after. */
static void replacing_is_atomic(void)
{
	enum { ROUNDS = 300 };

	write_file("name", "0123456789", 10);
	pid_t pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < ROUNDS; i++) {
			write_file("new", "abcdefghij", 10);
			OK(rename("new", "name"));
		}
		_exit(0);
	}
	int status;
	char buf[16];
	while (proc_state(pid) != 'Z') {
		CHECK_EQ(read_file("name", buf, sizeof(buf)), 10);
		CHECK(!strcmp(buf, "0123456789") || !strcmp(buf, "abcdefghij"));
	}
	status = wait_exit(pid);
	CHECK_EQ(status, 0);
}

/* Directories moved crosswise by two: no loop, no deadlock. */
static void crosswise(void)
{
	enum { ROUNDS = 200 };

	OK(mkdir("p", 0755));
	OK(mkdir("q", 0755));
	OK(mkdir("p/d", 0755));
	OK(mkdir("q/e", 0755));
	pid_t pid = xfork();
	for (int i = 0; i < ROUNDS; i++) {
		if (pid) {
			rename("p/d", "q/e/d");
			rename("q/e/d", "p/d");
		} else {
			rename("q/e", "p/d/e");
			rename("p/d/e", "q/e");
		}
	}
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
	CHECK(there("p") && there("q"));
}

/*
 * The same two directories as what is renamed by one process (which finds them
 * not empty) and as where another moves files: they must be locked in one order.
 */
static void directories_in_two_roles(void)
{
	char from[8], to[8];
	pid_t pid;

	for (int d = 0; d < 4; d++) {
		snprintf(to, sizeof(to), "%d", d);
		OK(mkdir(to, 0755));
		snprintf(to, sizeof(to), "%d/x", d);
		write_file(to, "", 0);
		snprintf(to, sizeof(to), "%d/%d", d, d);
		write_file(to, "", 0);
	}
	pid = xfork();
	for (int i = 0; i < 8000; i++) {
		int a = i % 4, b = (a + 1 + i / 4 % 3) % 4;

		if (pid) {
			snprintf(from, sizeof(from), "%d", a);
			snprintf(to, sizeof(to), "%d", b);
			CHECK_ERR(rename(from, to), ENOTEMPTY);
		} else {
			snprintf(from, sizeof(from), "%d/%d", a, a);
			snprintf(to, sizeof(to), "%d/%d", b, a);
			OK(rename(from, to));
			OK(rename(to, from));
		}
	}
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
}

static const struct tap_case cases[] = {
	{ "file_to_new_name", file_to_new_name, 0 },
	{ "file_over_file", file_over_file, 0 },
	{ "same_file", same_file, 0 },
	{ "directory_to_new_name", directory_to_new_name, 0 },
	{ "directory_over_directory", directory_over_directory, 0 },
	{ "kinds_do_not_mix", kinds_do_not_mix, 0 },
	{ "into_itself", into_itself, 0 },
	{ "dots", dots, 0 },
	{ "not_there", not_there, 0 },
	{ "symbolic_links", symbolic_links, 0 },
	{ "noreplace", noreplace, 0 },
	{ "exchange", exchange, 0 },
	{ "target_in_use", target_in_use, 0 },
	{ "race", race, 0 },
	{ "replacing_is_atomic", replacing_is_atomic, 0 },
	{ "crosswise", crosswise, 0 },
	{ "directories_in_two_roles", directories_in_two_roles, 0 },
};

TAP_MAIN(cases)
