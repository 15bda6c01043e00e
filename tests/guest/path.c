/* SPDX-License-Identifier: MIT */
/*
 * path.c - names: path_resolution(7), directories, links, symbolic links,
 * the working directory, the *at calls.  rename(2) is in rename.c, rights are
 * in perm.c, getdents64(2) in dirent.c.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void touch(const char *path)
{
	OK(close(OK(open(path, O_WRONLY | O_CREAT, 0644))));
}

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

static void dots_and_slashes(void)
{
	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	touch("d/f");
	CHECK_EQ(ino("d/./f"), ino("d/f"));
	CHECK_EQ(ino("./d//e///..////f"), ino("d/f"));
	CHECK_EQ(ino("d/."), ino("d"));
	CHECK_EQ(ino("d/e/.."), ino("d"));
	CHECK_EQ(ino("d/"), ino("d"));
	CHECK_EQ(ino("d///"), ino("d"));
	CHECK_EQ(ino("/.."), ino("/"));
	CHECK_EQ(ino("/../../../.."), ino("/"));
	CHECK_EQ(ino("//"), ino("/"));
}

static void not_there(void)
{
	struct stat st;

	touch("f");
	CHECK_ERR(stat("", &st), ENOENT);
	CHECK_ERR(stat("x", &st), ENOENT);
	CHECK_ERR(stat("x/..", &st), ENOENT);
	CHECK_ERR(stat("f/", &st), ENOTDIR);
	CHECK_ERR(stat("f/.", &st), ENOTDIR);
	CHECK_ERR(stat("f/..", &st), ENOTDIR);
	CHECK_ERR(stat("f/x", &st), ENOTDIR);
}

static void long_names(void)
{
	char name[260], path[5000];
	struct stat st;

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	touch(name);
	OK(stat(name, &st));
	OK(unlink(name));
	name[255] = 'n';
	name[256] = '\0';
	CHECK_ERR(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
	CHECK_ERR(mkdir(name, 0700), ENAMETOOLONG);
	CHECK_ERR(stat(name, &st), ENAMETOOLONG);
	/* A path may have 4095 bytes. */
	for (int i = 0; i < 4094; i += 2)
		memcpy(path + i, "./", 2);
	strcpy(path + 4094, ".");
	OK(stat(path, &st));
	strcpy(path + 4094, "./");
	CHECK_ERR(stat(path, &st), ENAMETOOLONG);
}

static void make_directories(void)
{
	struct stat st;

	umask(022);
	OK(mkdir("d", 0777));
	OK(stat("d", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_ERR(mkdir("d", 0777), EEXIST);
	CHECK_ERR(mkdir("d/", 0777), EEXIST);
	CHECK_ERR(mkdir(".", 0777), EEXIST);
	CHECK_ERR(mkdir("/", 0777), EEXIST);
	CHECK_ERR(mkdir("d/x/y", 0777), ENOENT);
	OK(mkdir("d/x/", 0700));
	CHECK_EQ(nlink("d"), 3);
	OK(mkdir("d/y", 0700));
	CHECK_EQ(nlink("d"), 4);
	touch("f");
	CHECK_ERR(mkdir("f", 0777), EEXIST);
	CHECK_ERR(mkdir("f/d", 0777), ENOTDIR);
	OK(symlink("nothing", "l"));
	CHECK_ERR(mkdir("l", 0777), EEXIST);
	OK(mkdir("s", 01777));
	OK(stat("s", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 01755);
}

static void remove_directories(void)
{
	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	touch("f");
	OK(symlink("d/e", "l"));
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(rmdir("d/e/."), EINVAL);
	CHECK_ERR(rmdir("d/e/.."), ENOTEMPTY);
	CHECK_ERR(rmdir("f"), ENOTDIR);
	CHECK_ERR(rmdir("l"), ENOTDIR);
	CHECK_ERR(rmdir("x"), ENOENT);
	CHECK_ERR(rmdir(""), ENOENT);
	CHECK_ERR(rmdir("/"), EBUSY);
	OK(rmdir("d/e/"));
	CHECK_EQ(nlink("d"), 2);
	OK(rmdir("d"));
	CHECK_ERR(rmdir("d"), ENOENT);
}

static void unlinking(void)
{
	touch("f");
	OK(mkdir("d", 0755));
	OK(symlink("f", "l"));
	CHECK_ERR(unlink("d"), EISDIR);
	CHECK_ERR(unlink("x"), ENOENT);
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(unlink("f/x"), ENOTDIR);
	OK(unlink("l"));
	OK(access("f", F_OK));
	OK(unlink("f"));
	CHECK_ERR(unlink("f"), ENOENT);
	CHECK_ERR(unlinkat(AT_FDCWD, "d", 0), EISDIR);
	touch("f");
	CHECK_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	CHECK_ERR(syscall(SYS_unlinkat, AT_FDCWD, "f", 0x4000), EINVAL);
	OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

static void hard_links(void)
{
	char buf[8];

	write_file("a", "same", 4);
	OK(link("a", "b"));
	CHECK_EQ(ino("a"), ino("b"));
	CHECK_EQ(nlink("a"), 2);
	OK(unlink("a"));
	CHECK_EQ(nlink("b"), 1);
	CHECK_EQ(read_file("b", buf, sizeof(buf)), 4);
	OK(mkdir("d", 0755));
	CHECK_ERR(link("d", "e"), EPERM);
	CHECK_ERR(link("x", "e"), ENOENT);
	CHECK_ERR(link("b", "b"), EEXIST);
	CHECK_ERR(link("b", "d"), EEXIST);
	CHECK_ERR(link("b", "d/x/y"), ENOENT);
	CHECK_ERR(link("b", "c/"), ENOENT);
	/* link(2) takes the symbolic link itself. */
	OK(symlink("b", "l"));
	OK(link("l", "m"));
	CHECK_EQ(ino("l"), ino("m"));
	OK(linkat(AT_FDCWD, "l", AT_FDCWD, "n", AT_SYMLINK_FOLLOW));
	CHECK_EQ(ino("n"), ino("b"));
}

static void symbolic_links(void)
{
	char buf[16];
	struct stat st;

	OK(symlink("target", "l"));
	OK(lstat("l", &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0777);
	CHECK_EQ(st.st_size, 6);
	memset(buf, '#', sizeof(buf));
	/* No NUL is added, and what does not fit is cut. */
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 6);
	CHECK(!memcmp(buf, "target#", 7));
	CHECK_EQ(readlink("l", buf, 3), 3);
	CHECK_ERR(syscall(SYS_readlink, "l", buf, 0), EINVAL);
	CHECK_ERR(stat("l", &st), ENOENT);
	touch("target");
	OK(stat("l", &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_ERR(readlink("target", buf, 8), EINVAL);
	CHECK_ERR(readlink(".", buf, 8), EINVAL);
	CHECK_ERR(symlink("x", "l"), EEXIST);
	CHECK_ERR(symlink("", "m"), ENOENT);
	CHECK_ERR(symlink("x", ""), ENOENT);
	CHECK_ERR(stat("l/", &st), ENOTDIR);
}

static void links_within_paths(void)
{
	struct stat st;
	char cwd[64], target[100];

	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	touch("d/e/f");
	OK(symlink("d", "ld"));
	OK(symlink("../d/e", "d/le"));
	CHECK_EQ(ino("ld/e/f"), ino("d/e/f"));
	CHECK_EQ(ino("ld/le/f"), ino("d/e/f"));
	CHECK(ino("ld") != ino("d"));
	CHECK_EQ(ino("ld/"), ino("d"));
	CHECK_EQ(ino("ld/."), ino("d"));
	/* .. is that of the directory, not of the link. */
	CHECK_EQ(ino("d/le/.."), ino("d"));
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(target, sizeof(target), "%s/d/e", cwd);
	OK(symlink(target, "abs"));
	CHECK_EQ(ino("abs/f"), ino("d/e/f"));
	OK(symlink("d/e/f/", "slash"));
	CHECK_ERR(stat("slash", &st), ENOTDIR);
}

static void link_loops(void)
{
	struct stat st;
	char a[8], b[8];

	OK(symlink("loop", "loop"));
	CHECK_ERR(stat("loop", &st), ELOOP);
	CHECK_ERR(open("loop", O_RDONLY), ELOOP);
	CHECK_ERR(open("loop/x", O_RDONLY), ELOOP);
	OK(lstat("loop", &st));
	OK(symlink("pong", "ping"));
	OK(symlink("ping", "pong"));
	CHECK_ERR(stat("ping", &st), ELOOP);
	/* Forty in a row are followed, one more is not. */
	touch("l0");
	for (int i = 1; i <= 41; i++) {
		snprintf(a, sizeof(a), "l%d", i - 1);
		snprintf(b, sizeof(b), "l%d", i);
		OK(symlink(a, b));
	}
	OK(stat("l40", &st));
	CHECK_ERR(stat("l41", &st), ELOOP);
	OK(mkdir("d", 0755));
	OK(symlink(".", "d/self"));
	char path[400] = "d";
	for (int i = 0; i < 41; i++)
		strcat(path, "/self");
	CHECK_ERR(stat(path, &st), ELOOP);
	path[strlen(path) - 5] = '\0';
	OK(stat(path, &st));
}

static void long_link_target(void)
{
	static char target[4200], buf[4200];
	struct statfs st;

	/* ext2 and its like keep a target in one block. */
	OK(statfs(".", &st));
	if (st.f_bsize < 4096)
		SKIP("blocks of less than 4096 bytes");
	memset(target, 'a', sizeof(target));
	for (int i = 100; i < 4095; i += 100)
		target[i] = '/';
	target[4095] = '\0';
	OK(symlink(target, "l"));
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 4095);
	CHECK(!memcmp(buf, target, 4095));
	target[4095] = 'a';
	target[4096] = '\0';
	CHECK_ERR(symlink(target, "m"), ENAMETOOLONG);
}

static void working_directory(void)
{
	char start[128], now[128];

	CHECK(getcwd(start, sizeof(start)) != NULL);
	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	OK(symlink("d/e", "l"));
	touch("f");
	OK(chdir("l"));
	CHECK(getcwd(now, sizeof(now)) != NULL);
	CHECK(!strncmp(now, start, strlen(start)));
	CHECK(!strcmp(now + strlen(start), "/d/e"));
	OK(chdir(".."));
	CHECK(getcwd(now, sizeof(now)) && !strcmp(now + strlen(start), "/d"));
	OK(chdir(".."));
	CHECK_ERR(chdir("f"), ENOTDIR);
	CHECK_ERR(chdir("x"), ENOENT);
	CHECK_ERR(chdir(""), ENOENT);
	int fd = OK(open("d/e", O_RDONLY));
	OK(fchdir(fd));
	CHECK(getcwd(now, sizeof(now)) && !strcmp(now + strlen(start), "/d/e"));
	CHECK_ERR(fchdir(OK(open("../../f", O_RDONLY))), ENOTDIR);
	OK(chdir("/"));
	CHECK(getcwd(now, sizeof(now)) && !strcmp(now, "/"));
	/* The call's own return value is the length with the NUL. */
	CHECK_EQ(syscall(SYS_getcwd, now, sizeof(now)), 2);
	CHECK_ERR(syscall(SYS_getcwd, now, 1), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, now, 0), ERANGE);
}

static void working_directory_follows_rename(void)
{
	char now[128];

	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	OK(chdir("d/e"));
	OK(rename("../../d", "../../moved"));
	CHECK(getcwd(now, sizeof(now)) != NULL);
	CHECK(!strcmp(now + strlen(now) - 8, "/moved/e"));
}

static void deleted_working_directory(void)
{
	char buf[64];
	struct stat st;

	OK(mkdir("d", 0755));
	OK(chdir("d"));
	OK(rmdir("../d"));
	CHECK_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	OK(stat(".", &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_ERR(open("f", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_ERR(mkdir("e", 0700), ENOENT);
	CHECK_ERR(symlink("x", "l"), ENOENT);
	CHECK_ERR(stat("f", &st), ENOENT);
	OK(stat("..", &st));
	OK(chdir(".."));
}

static void at_calls(void)
{
	struct stat st;
	char buf[16];

	OK(mkdir("d", 0755));
	int dir = OK(open("d", O_RDONLY | O_DIRECTORY));
	int path = OK(open("d", O_PATH));
	OK(close(OK(openat(dir, "f", O_CREAT | O_WRONLY, 0600))));
	OK(mkdirat(path, "e", 0700));
	OK(symlinkat("f", dir, "l"));
	OK(linkat(dir, "f", path, "g", 0));
	OK(fstatat(dir, "l", &st, 0));
	CHECK(S_ISREG(st.st_mode));
	OK(fstatat(dir, "l", &st, AT_SYMLINK_NOFOLLOW));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(readlinkat(dir, "l", buf, sizeof(buf)), 1);
	OK(fstatat(dir, "", &st, AT_EMPTY_PATH));
	CHECK(S_ISDIR(st.st_mode));
	CHECK_ERR(fstatat(dir, "", &st, 0), ENOENT);
	CHECK_ERR(fstatat(99, "f", &st, 0), EBADF);
	CHECK_ERR(syscall(SYS_newfstatat, dir, "f", &st, 0x40000000), EINVAL);
	int file = OK(open("d/f", O_RDONLY));
	CHECK_ERR(fstatat(file, "x", &st, 0), ENOTDIR);
	OK(fstatat(file, "", &st, AT_EMPTY_PATH));
	CHECK(S_ISREG(st.st_mode));
	/* The directory may be renamed meanwhile. */
	OK(rename("d", "moved"));
	OK(unlinkat(dir, "g", 0));
	OK(renameat(dir, "f", AT_FDCWD, "here"));
	OK(access("here", F_OK));
}

static void special_nodes(void)
{
	struct stat st;

	need_root();
	umask(0);
	OK(mknod("fifo", S_IFIFO | 0640, 0));
	OK(stat("fifo", &st));
	CHECK_EQ(st.st_mode, S_IFIFO | 0640);
	OK(mknod("reg", S_IFREG | 0600, 0));
	OK(stat("reg", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	OK(mknod("plain", 0600, 0));
	OK(stat("plain", &st));
	CHECK(S_ISREG(st.st_mode));
	OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	OK(stat("null", &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	CHECK_ERR(mknod("null", S_IFCHR | 0666, makedev(1, 3)), EEXIST);
	CHECK_ERR(mknod("dir", S_IFDIR | 0700, 0), EPERM);
	CHECK_ERR(mknod("x", S_IFLNK | 0700, 0), EINVAL);
	OK(mknod("none", S_IFCHR | 0666, makedev(250, 77)));
	CHECK_ERR(open("none", O_RDONLY), ENXIO);
	OK(chmod(".", 0777));
	become(NOBODY_UID, NOBODY_GID);
	CHECK_ERR(mknod("no", S_IFCHR | 0666, makedev(1, 3)), EPERM);
	OK(mkfifo("mine", 0600));
}

static void device_node_works(void)
{
	char c = 1;

	need_root();
	OK(mknod("zero", S_IFCHR | 0666, makedev(1, 5)));
	int fd = open("zero", O_RDONLY);
	if (fd < 0 && errno == EACCES)
		SKIP("/tmp is mounted nodev");
	OK(fd);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 0);
}

static void file_system_status(void)
{
	struct statfs sf, sg;

	touch("f");
	OK(statfs("f", &sf));
	CHECK(sf.f_bsize >= 512 && sf.f_namelen == 255);
	CHECK(sf.f_bfree <= sf.f_blocks || sf.f_blocks == 0);
	CHECK(sf.f_bavail <= sf.f_bfree);
	OK(fstatfs(OK(open(".", O_RDONLY)), &sg));
	CHECK_EQ(sf.f_type, sg.f_type);
	OK(statfs("/proc", &sf));
	CHECK_EQ(sf.f_type, 0x9fa0);
	CHECK_ERR(statfs("x", &sf), ENOENT);
}

static void changed_root(void)
{
	char now[32];

	need_root();
	OK(mkdir("new", 0755));
	OK(mkdir("new/d", 0755));
	touch("new/inside");
	OK(symlink("/inside", "new/l"));
	int out = OK(open(".", O_RDONLY));
	CHECK_ERR(chroot("new/inside"), ENOTDIR);
	CHECK_ERR(chroot("x"), ENOENT);
	OK(chroot("new"));
	OK(chdir("/"));
	OK(access("/inside", F_OK));
	OK(access("l", F_OK));
	CHECK_EQ(ino("/.."), ino("/"));
	CHECK_EQ(ino("/../d/../../inside"), ino("/inside"));
	OK(chdir("/d"));
	CHECK(getcwd(now, sizeof(now)) && !strcmp(now, "/d"));
	/* A descriptor from before leads out; the path is marked. */
	OK(fchdir(out));
	OK(access("new/inside", F_OK));
	CHECK(syscall(SYS_getcwd, now, sizeof(now)) > 0 || errno == ERANGE);
}

static void deep_tree(void)
{
	static char cwd[8192];

	for (int i = 0; i < 60; i++) {
		OK(mkdir("directory", 0755));
		OK(chdir("directory"));
	}
	touch("f");
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	strcat(cwd, "/f");
	OK(access(cwd, F_OK));
	OK(unlink("f"));
	for (int i = 0; i < 60; i++) {
		OK(chdir(".."));
		OK(rmdir("directory"));
	}
}

static const struct tap_case cases[] = {
	{ "dots_and_slashes", dots_and_slashes, 0 },
	{ "not_there", not_there, 0 },
	{ "long_names", long_names, 0 },
	{ "make_directories", make_directories, 0 },
	{ "remove_directories", remove_directories, 0 },
	{ "unlinking", unlinking, 0 },
	{ "hard_links", hard_links, 0 },
	{ "symbolic_links", symbolic_links, 0 },
	{ "links_within_paths", links_within_paths, 0 },
	{ "link_loops", link_loops, 0 },
	{ "long_link_target", long_link_target, 0 },
	{ "working_directory", working_directory, 0 },
	{ "working_directory_follows_rename",
	  working_directory_follows_rename, 0 },
	{ "deleted_working_directory", deleted_working_directory, 0 },
	{ "at_calls", at_calls, 0 },
	{ "special_nodes", special_nodes, 0 },
	{ "device_node_works", device_node_works, 0 },
	{ "file_system_status", file_system_status, 0 },
	{ "changed_root", changed_root, 0 },
	{ "deep_tree", deep_tree, 0 },
};

TAP_MAIN(cases)
