/* SPDX-License-Identifier: MIT */
/*
 * openat2.c - openat2(2): what open(2) tolerates and it does not, and the RESOLVE_ flags.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct how {
	uint64_t flags, mode, resolve, more[2];
};

#define HOW_SIZE 24

#define NO_XDEV 0x01
#define NO_MAGICLINKS 0x02
#define NO_SYMLINKS 0x04
#define BENEATH 0x08
#define IN_ROOT 0x10

static int open2(int dir, const char *name, struct how how, size_t size)
{
	return (int)syscall(437, dir, name, &how, size);
}

/* Opens for reading below dir and closes again; 0 or -1. */
static int try(int dir, const char *name, uint64_t resolve)
{
	int fd = open2(dir, name, (struct how){ O_RDONLY, 0, resolve, { 0 } }, HOW_SIZE);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* a/f, a/b/g, links of all kinds in a; returns a descriptor of a. */
static int tree(void)
{
	char abs[256];

	if (open2(AT_FDCWD, ".", (struct how){ 0 }, HOW_SIZE) < 0 && errno == ENOSYS)
		SKIP("no openat2");
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	write_file("a/f", "f", 1);
	write_file("a/b/g", "g", 1);
	write_file("out", "o", 1);
	OK(symlink("b/g", "a/inside"));
	OK(symlink("../f", "a/b/up"));
	OK(symlink("../out", "a/escape"));
	OK(symlink("/b/g", "a/absolute"));
	CHECK(getcwd(abs, sizeof(abs) - 8));
	strcat(abs, "/out");
	OK(symlink(abs, "a/far"));
	return OK(open("a", O_RDONLY | O_DIRECTORY));
}

static void strict(void)
{
	int a = tree();
	struct how how = { O_RDONLY, 0, 0, { 0 } };

	OK(close(OK(open2(a, "f", how, HOW_SIZE))));
	CHECK_ERR(open2(a, "f", how, HOW_SIZE - 1), EINVAL);
	CHECK_ERR(open2(a, "f", how, 8192), E2BIG);
	OK(close(OK(open2(a, "f", how, sizeof(how)))));
	how.more[1] = 1;
	CHECK_ERR(open2(a, "f", how, sizeof(how)), E2BIG);
	CHECK_ERR((int)syscall(437, a, "f", (void *)8, HOW_SIZE), EFAULT);
	CHECK_ERR(open2(a, "f", (struct how){ 1ull << 40, 0, 0, { 0 } }, HOW_SIZE), EINVAL);
	CHECK_ERR(open2(a, "f", (struct how){ O_RDONLY, 0644, 0, { 0 } }, HOW_SIZE), EINVAL);
	CHECK_ERR(open2(a, "n", (struct how){ O_CREAT, 010000, 0, { 0 } }, HOW_SIZE), EINVAL);
	CHECK_ERR(open2(a, "f", (struct how){ O_PATH | O_RDWR, 0, 0, { 0 } }, HOW_SIZE), EINVAL);
	CHECK_ERR(try(a, "f", 1 << 20), EINVAL);
	CHECK_ERR(try(a, "f", BENEATH | IN_ROOT), EINVAL);
	int fd = OK(open2(a, "n", (struct how){ O_CREAT | O_RDWR | O_CLOEXEC, 0640, 0, { 0 } },
			  HOW_SIZE));
	struct stat st;
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode & ~022u, S_IFREG | 0640);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	close(a);
}

static void beneath(void)
{
	int a = tree();

	OK(try(a, "f", BENEATH));
	OK(try(a, "b/g", BENEATH));
	OK(try(a, "b/../f", BENEATH));
	OK(try(a, "inside", BENEATH));
	OK(try(a, "b/up", BENEATH));
	OK(try(a, ".", BENEATH));
	CHECK_ERR(try(a, "..", BENEATH), EXDEV);
	CHECK_ERR(try(a, "../a/f", BENEATH), EXDEV);
	CHECK_ERR(try(a, "b/../../out", BENEATH), EXDEV);
	CHECK_ERR(try(a, "/etc", BENEATH), EXDEV);
	CHECK_ERR(try(a, "escape", BENEATH), EXDEV);
	CHECK_ERR(try(a, "absolute", BENEATH), EXDEV);
	CHECK_ERR(try(a, "far", BENEATH), EXDEV);
	CHECK_ERR(try(a, "none", BENEATH), ENOENT);
	/* What is made stays inside, too. */
	CHECK_ERR(open2(a, "../x", (struct how){ O_CREAT, 0600, BENEATH, { 0 } }, HOW_SIZE),
		  EXDEV);
	OK(try(a, "escape", 0));
	close(a);
}

static void in_root(void)
{
	int a = tree();

	OK(try(a, "/f", IN_ROOT));
	OK(try(a, "/../../f", IN_ROOT));
	OK(try(a, "../../b/../f", IN_ROOT));
	OK(try(a, "absolute", IN_ROOT));
	CHECK_ERR(try(a, "escape", IN_ROOT), ENOENT);
	CHECK_ERR(try(a, "far", IN_ROOT), ENOENT);
	write_file("a/out", "x", 1);
	OK(try(a, "escape", IN_ROOT));
	close(a);
}

static void no_links(void)
{
	char name[64];
	int a = tree();

	CHECK_ERR(try(a, "inside", NO_SYMLINKS), ELOOP);
	CHECK_ERR(try(a, "b/up", NO_SYMLINKS), ELOOP);
	OK(try(a, "b/g", NO_SYMLINKS));
	/* The link itself may be had. */
	int fd = OK(open2(a, "inside", (struct how){ O_PATH | O_NOFOLLOW, 0, NO_SYMLINKS, { 0 } },
			  HOW_SIZE));
	close(fd);
	OK(try(a, "inside", NO_MAGICLINKS));
	snprintf(name, sizeof(name), "/proc/self/fd/%d/f", a);
	OK(try(AT_FDCWD, name, 0));
	CHECK_ERR(try(AT_FDCWD, name, NO_MAGICLINKS), ELOOP);
	int proc = OK(open("/proc", O_RDONLY | O_DIRECTORY));
	snprintf(name, sizeof(name), "%d/fd/%d", (int)getpid(), a);
	CHECK_ERR(try(proc, name, BENEATH), EXDEV);
	close(proc);
	close(a);
}

static void no_xdev(void)
{
	int a = tree();

	need_root();
	if (!has_capability(CAP_SYS_ADMIN))
		SKIP("no CAP_SYS_ADMIN");
	OK(mount("none", "a/b", "tmpfs", 0, NULL));
	write_file("a/b/h", "h", 1);
	int b = OK(open("a/b", O_RDONLY | O_DIRECTORY));
	OK(try(a, "b/h", 0));
	OK(try(a, "f", NO_XDEV));
	CHECK_ERR(try(a, "b/h", NO_XDEV), EXDEV);
	CHECK_ERR(try(a, "b", NO_XDEV), EXDEV);
	CHECK_ERR(open2(a, "b/n", (struct how){ O_CREAT, 0600, NO_XDEV, { 0 } }, HOW_SIZE),
		  EXDEV);
	OK(try(b, "h", NO_XDEV));
	CHECK_ERR(try(b, "../f", NO_XDEV), EXDEV);
	/* Beneath is about the tree, not about mounts. */
	OK(try(a, "b/h", BENEATH));
	OK(try(a, "b/../f", BENEATH));
	CHECK_ERR(try(b, "..", BENEATH), EXDEV);
	close(b);
	OK(umount("a/b"));
	close(a);
}

/* A directory that is moved away while somebody is in it does not let him out. */
static void moved_away(void)
{
	int a = tree();

	OK(mkdir("elsewhere", 0755));
	OK(mkdir("a/b/c", 0755));
	pid_t pid = xfork();
	if (pid == 0) {
		for (;;) {
			rename("a/b", "elsewhere/b");
			rename("elsewhere/b", "a/b");
		}
	}
	struct stat out, st;
	OK(stat("out", &out));
	for (int i = 0; i < 2000; i++) {
		int fd = open2(a, "b/c/../../../out",
			       (struct how){ O_RDONLY, 0, IN_ROOT, { 0 } }, HOW_SIZE);

		if (fd >= 0) {
			OK(fstat(fd, &st));
			CHECK(st.st_ino != out.st_ino);
			close(fd);
		}
	}
	kill_and_reap(pid);
	close(a);
}

static const struct tap_case cases[] = {
	{ "strict", strict, 0 },
	{ "beneath", beneath, 0 },
	{ "in_root", in_root, 0 },
	{ "no_links", no_links, 0 },
	{ "no_xdev", no_xdev, 0 },
	{ "moved_away", moved_away, 0 },
};

TAP_MAIN(cases)
