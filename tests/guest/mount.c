/* SPDX-License-Identifier: MIT */
/*
 * mount.c - mount(2) and umount2(2): read-only, bind, remount, detach, limits.
 *
 * Each case has a mount namespace of its own where the kernel has them, so that
 * nothing is left mounted on the host.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MS_PRIVATE
#define MS_PRIVATE (1 << 18)
#endif

static void private_mounts(void)
{
	need_root();
	if (!has_capability(CAP_SYS_ADMIN))
		SKIP("no CAP_SYS_ADMIN");
	if (unshare(CLONE_NEWNS) == 0)
		OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

/* A tmpfs on m with these flags and options. */
static void tmpfs(unsigned long flags, const char *options)
{
	private_mounts();
	OK(mkdir("m", 0755));
	OK(mount("none", "m", "tmpfs", flags, options));
}

static void check_read_only(const char *dir)
{
	struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	char path[64], other[64];

#define IN(name) (snprintf(path, sizeof(path), "%s/%s", dir, name), path)
	CHECK_ERR(open(IN("new"), O_CREAT | O_RDWR, 0644), EROFS);
	CHECK_ERR(open(IN("f"), O_RDWR), EROFS);
	CHECK_ERR(open(IN("f"), O_RDONLY | O_TRUNC), EROFS);
	/* O_CREAT of what is there is no writing. */
	OK(close(OK(open(IN("f"), O_RDONLY | O_CREAT, 0644))));
	CHECK_ERR(open(dir, O_TMPFILE | O_RDWR, 0600), EROFS);
	CHECK_ERR(mkdir(IN("d2"), 0755), EROFS);
	CHECK_ERR(mkdir(IN("d"), 0755), EEXIST);
	CHECK_ERR(rmdir(IN("d")), EROFS);
	CHECK_ERR(mknod(IN("n"), S_IFIFO | 0600, 0), EROFS);
	CHECK_ERR(symlink("x", IN("s")), EROFS);
	CHECK_ERR(unlink(IN("f")), EROFS);
	snprintf(other, sizeof(other), "%s/g", dir);
	CHECK_ERR(link(IN("f"), other), EROFS);
	CHECK_ERR(rename(IN("f"), other), EROFS);
	CHECK_ERR(chmod(IN("f"), 0600), EROFS);
	CHECK_ERR(chown(IN("f"), 1, 1), EROFS);
	CHECK_ERR(truncate(IN("f"), 0), EROFS);
	CHECK_ERR(utimensat(AT_FDCWD, IN("f"), now, 0), EROFS);
	CHECK_ERR(access(IN("f"), W_OK), EROFS);
	OK(access(IN("f"), R_OK));
#undef IN
	struct statfs sf;
	OK(statfs(dir, &sf));
	CHECK(sf.f_flags & MS_RDONLY);
}

static void remount_read_only(void)
{
	struct statfs sf;

	tmpfs(0, NULL);
	write_file("m/f", "abc", 3);
	OK(mkdir("m/d", 0755));
	int fd = OK(open("m/f", O_RDWR));
	/* Not while somebody has a file open for writing. */
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	CHECK_EQ(write(fd, "x", 1), 1);
	/* Nor while it is mapped so that it may be changed. */
	char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	close(fd);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	OK(munmap(map, 4096));
	fd = OK(open("m/f", O_RDONLY));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	check_read_only("m");
	CHECK_ERR(fchmod(fd, 0600), EROFS);
	close(fd);
	OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
	OK(statfs("m", &sf));
	CHECK_EQ(sf.f_flags & MS_RDONLY, 0);
	OK(unlink("m/f"));
	CHECK_ERR(mount(NULL, "m/d", NULL, MS_REMOUNT, NULL), EINVAL);
	/* Of the file nothing but the mapping is left: enough to keep its file system. */
	CHECK_ERR(umount("m"), EBUSY);
	OK(munmap(map, 4096));
	OK(umount("m"));
}

static void mounted_read_only(void)
{
	tmpfs(MS_RDONLY, NULL);
	CHECK_ERR(mkdir("m/x", 0755), EROFS);
	OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
	OK(mkdir("m/x", 0755));
	OK(umount("m"));
}

/* What mountinfo says of the last mount of dir: its line from the root's name on. */
static const char *info_of(const char *dir)
{
	static char text[32768];
	char want[PATH_MAX + 8], *at, *last = NULL;

	read_file("/proc/self/mountinfo", text, sizeof(text));
	CHECK(getcwd(want, PATH_MAX) != NULL);
	memmove(want + 1, want, strlen(want) + 1);
	want[0] = ' ';
	strcat(want, "/");
	strcat(want, dir);
	strcat(want, " ");
	for (at = text; (at = strstr(at, want)); at++)
		last = at;
	CHECK(last != NULL);
	*strchr(last, '\n') = '\0';
	while (last[-1] != ' ')
		last--;
	return last;
}

static void mountinfo_tells_them_apart(void)
{
	const char *line;

	tmpfs(0, NULL);
	OK(mkdir("m/a", 0755));
	OK(mkdir("m/a/d", 0755));
	OK(mkdir("b", 0755));
	OK(mount("m/a/d", "b", NULL, MS_BIND, NULL));
	OK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL));
	line = info_of("m");
	CHECK(!strncmp(line, "/ ", 2));
	CHECK(strstr(line, "/m rw,") && strstr(line, " - tmpfs ") && strstr(line, " rw"));
	line = info_of("b");
	CHECK(!strncmp(line, "/a/d ", 5));
	CHECK(strstr(line, "/b ro,nosuid") && strstr(line, " - tmpfs ") && strstr(line, " rw"));
	OK(umount("b"));
	OK(umount("m"));
}

/* One tree, two mounts: only one of them is read-only. */
static void bind_read_only(void)
{
	tmpfs(0, NULL);
	write_file("m/f", "abc", 3);
	OK(mkdir("m/d", 0755));
	OK(mkdir("b", 0755));
	OK(mount("m", "b", NULL, MS_BIND, NULL));
	int fd = OK(open("b/f", O_RDWR));
	CHECK_ERR(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY);
	close(fd);
	/* Opened through the other mount it does not matter. */
	fd = OK(open("m/f", O_RDWR));
	OK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	check_read_only("b");
	CHECK_EQ(write(fd, "new", 3), 3);
	char buf[4] = "";
	CHECK_EQ(read_file("b/f", buf, sizeof(buf)), 3);
	CHECK(!strcmp(buf, "new"));
	OK(mkdir("m/d2", 0755));
	OK(access("b/d2", F_OK));
	close(fd);
	/* Between mounts nothing is linked or renamed, even on one file system. */
	OK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND, NULL));
	CHECK_ERR(link("m/f", "b/l"), EXDEV);
	CHECK_ERR(rename("m/f", "b/g"), EXDEV);
	OK(umount("b"));
	OK(umount("m"));
}

/* Devices and FIFOs may be written to on a read-only mount: they are elsewhere. */
static void special_files(void)
{
	tmpfs(0, NULL);
	OK(mknod("m/null", S_IFCHR | 0666, 1 << 8 | 3));
	OK(mkfifo("m/fifo", 0666));
	int fifo = OK(open("m/fifo", O_RDWR));
	OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	int null = open("m/null", O_RDWR);
	if (null < 0)
		CHECK_EQ(errno, EACCES);	/* a namespace that allows no devices */
	else
		CHECK_EQ(write(null, "x", 1), 1);
	CHECK_EQ(write(fifo, "x", 1), 1);
	close(fifo);
	close(null);
	OK(umount("m"));
}

static void limits(void)
{
	static char page[4096];
	struct statfs sf;

	tmpfs(0, "size=64k,nr_inodes=10");
	OK(statfs("m", &sf));
	CHECK_EQ(sf.f_blocks * (unsigned long)sf.f_bsize, 65536);
	int fd = OK(open("m/f", O_CREAT | O_RDWR, 0644));
	for (int i = 0; i < 16; i++)
		CHECK_EQ(write(fd, page, 4096), 4096);
	CHECK_ERR(write(fd, page, 1), ENOSPC);
	CHECK_ERR(pwrite(fd, page, 1, 1 << 20), ENOSPC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 65536);
	CHECK_ERR(fallocate(fd, 0, 0, 5 * 65536), ENOSPC);
	/* A hole gives its pages back. */
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 8192));
	OK(statfs("m", &sf));
	CHECK_EQ(sf.f_bfree, 2);
	CHECK_EQ(pwrite(fd, page, 4096, 65536), 4096);
	CHECK_EQ(pwrite(fd, page, 4096, 0), 4096);
	CHECK_ERR(pwrite(fd, page, 1, 4096), ENOSPC);
	/* More room, and not less than is used. */
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "size=16k"), EINVAL);
	OK(mount(NULL, "m", NULL, MS_REMOUNT, "size=128k"));
	CHECK_EQ(pwrite(fd, page, 1, 4096), 1);
	OK(ftruncate(fd, 0));
	OK(statfs("m", &sf));
	CHECK_EQ(sf.f_bfree, sf.f_blocks);
	close(fd);
	char name[16];
	int n = 0;
	do {
		snprintf(name, sizeof(name), "m/%d", n);
		fd = open(name, O_CREAT | O_RDWR, 0644);
		if (fd >= 0)
			close(fd);
	} while (fd >= 0 && n++ < 20);
	CHECK_EQ(errno, ENOSPC);
	CHECK(n >= 7 && n <= 9);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=3"), EINVAL);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "nonsense=3"), EINVAL);
	OK(umount("m"));
}

static void busy_and_detached(void)
{
	char buf[4];

	tmpfs(0, NULL);
	write_file("m/f", "abc", 3);
	int fd = OK(open("m/f", O_RDONLY));
	CHECK_ERR(umount("m"), EBUSY);
	OK(umount2("m", MNT_DETACH));
	/* Out of sight, and still there for who has it open. */
	CHECK_ERR(access("m/f", F_OK), ENOENT);
	CHECK_EQ(read(fd, buf, 3), 3);
	close(fd);
	CHECK_ERR(umount("m"), EINVAL);
	/* A mapping is use as well. */
	OK(mount("none", "m", "tmpfs", 0, NULL));
	write_file("m/f", "abc", 3);
	fd = OK(open("m/f", O_RDONLY));
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	CHECK_ERR(umount("m"), EBUSY);
	OK(munmap(p, 4096));
	/* And a working directory. */
	OK(chdir("m"));
	CHECK_ERR(umount("."), EBUSY);
	OK(chdir(".."));
	OK(umount("m"));
}

static void expires(void)
{
	tmpfs(0, NULL);
	CHECK_ERR(umount2("m", MNT_EXPIRE | MNT_DETACH), EINVAL);
	CHECK_ERR(umount2("m", MNT_EXPIRE), EAGAIN);
	OK(access("m/.", F_OK));
	CHECK_ERR(umount2("m", MNT_EXPIRE), EAGAIN);
	OK(umount2("m", MNT_EXPIRE));
	CHECK_ERR(umount2("m", 64), EINVAL);
}

/* On top of each other; the last is the first to go. */
static void stacked(void)
{
	tmpfs(0, NULL);
	write_file("m/lower", "", 0);
	OK(mount("none", "m", "tmpfs", 0, NULL));
	CHECK_ERR(access("m/lower", F_OK), ENOENT);
	OK(mkdir("n", 0755));
	OK(mount("m", "n", NULL, MS_MOVE, NULL));
	OK(access("m/lower", F_OK));
	OK(mkdir("n/x", 0755));
	CHECK_ERR(mount("n", "n/x", NULL, MS_MOVE, NULL), ELOOP);
	OK(umount("n"));
	OK(umount("m"));
}

static void arguments(void)
{
	private_mounts();
	OK(mkdir("m", 0755));
	write_file("f", "", 0);
	CHECK_ERR(mount("none", "m", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERR(mount("none", "none", "tmpfs", 0, NULL), ENOENT);
	CHECK_ERR(mount("none", "f", "tmpfs", 0, NULL), ENOTDIR);
	CHECK_ERR(mount("none", "m", "tmpfs", 0, "nonsense"), EINVAL);
	CHECK_ERR(mount("m", "f", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERR(mount("f", "m", NULL, MS_BIND, NULL), ENOTDIR);
	CHECK_ERR(mount("none", "m", NULL, MS_BIND, NULL), ENOENT);
	CHECK_ERR(umount("m"), EINVAL);
	CHECK_ERR(umount("none"), ENOENT);
	/* A file onto a file. */
	write_file("g", "other", 5);
	OK(mount("g", "f", NULL, MS_BIND, NULL));
	char buf[8];
	CHECK_EQ(read_file("f", buf, sizeof(buf)), 5);
	CHECK_ERR(unlink("f"), EBUSY);
	CHECK_ERR(rename("f", "h"), EBUSY);
	OK(umount("f"));
	pid_t pid = xfork();
	if (pid == 0) {
		become(NOBODY_UID, NOBODY_GID);
		CHECK_ERR(mount("none", "m", "tmpfs", 0, NULL), EPERM);
		CHECK_ERR(umount("m"), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}

static const struct tap_case cases[] = {
	{ "remount_read_only", remount_read_only, 0 },
	{ "mounted_read_only", mounted_read_only, 0 },
	{ "mountinfo_tells_them_apart", mountinfo_tells_them_apart, 0 },
	{ "bind_read_only", bind_read_only, 0 },
	{ "special_files", special_files, 0 },
	{ "limits", limits, 0 },
	{ "busy_and_detached", busy_and_detached, 0 },
	{ "expires", expires, 0 },
	{ "stacked", stacked, 0 },
	{ "arguments", arguments, 0 },
};

TAP_MAIN(cases)
