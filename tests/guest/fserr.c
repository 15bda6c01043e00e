/* SPDX-License-Identifier: MIT */
/*
 * fserr.c - a file system on a disk that fails: who hears of it, what still
 * works, and that it can be unmounted in the end.
 *
 * Each case has a disk of its own, named in the environment (FSERR_JOURNAL and so
 * on) by the suite "diskerrors", which has QEMU play the error that the case's
 * comment tells of, and has e2fsck look at the disk afterwards.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char data[16 * PAGE];

/* The disk of a case is mounted, and is the working directory. */
static void mount_disk(const char *variable, const char *type, unsigned long flags)
{
	const char *disk = getenv(variable);

	if (!disk)
		SKIP("no bad disk");
	OK(mkdir("m", 0755));
	OK(mount(disk, "m", type, flags, ""));
	OK(chdir("m"));
}

static void unmount_disk(void)
{
	OK(chdir(".."));
	OK(umount("m"));
}

static bool listed(const char *name)
{
	DIR *d = opendir(".");
	struct dirent *e;
	bool found = false;

	while (d && (e = readdir(d)))
		found |= !strcmp(e->d_name, name);
	CHECK(d && closedir(d) == 0);
	return found;
}

static off_t size_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_size;
}

/*
 * The log cannot be written. Who asked for what the log was needed for is told
 * EIO; from there on all that would write is refused, and reading goes on.
 */
static void journal(void)
{
	char buf[8];
	int a, b;

	mount_disk("FSERR_JOURNAL", "ext3", 0);
	a = OK(open("old", O_RDWR));
	b = OK(open("new", O_RDWR | O_CREAT, 0644));
	CHECK_EQ(write(b, "new", 3), 3);
	CHECK_ERR(fsync(b), EIO);
	CHECK_ERR(open("late", O_RDWR | O_CREAT, 0644), EROFS);
	CHECK_ERR(open("old", O_RDWR), EROFS);
	CHECK_ERR(mkdir("late", 0755), EROFS);
	CHECK_ERR(unlink("old"), EROFS);
	CHECK_ERR(rename("old", "older"), EROFS);
	CHECK_ERR(link("old", "older"), EROFS);
	CHECK_ERR(symlink("old", "older"), EROFS);
	CHECK_ERR(chmod("old", 0600), EROFS);
	CHECK_ERR(truncate("old", 0), EROFS);
	/* Files that are open already. */
	CHECK_ERR(pwrite(a, data, PAGE, 1 << 20), EROFS);
	CHECK_EQ(size_of(a), 3);
	CHECK_ERR(ftruncate(a, 1), EROFS);
	CHECK_EQ(size_of(a), 3);
	CHECK(fsync(a) == 0 || errno == EIO || errno == EROFS);
	CHECK_EQ(read_file("old", buf, sizeof(buf)), 3);
	CHECK(listed("old") && !listed("late"));
	sync();
	close(a);
	close(b);
	CHECK_ERR(mount(NULL, ".", NULL, MS_REMOUNT, NULL), EROFS);
	unmount_disk();
}

/* The third page of "victim" cannot be written: each open file is told once. */
static void write_back(void)
{
	char *m, buf[8];
	int a, b, c;

	mount_disk("FSERR_DATA", "ext3", 0);
	a = OK(open("victim", O_RDWR));
	b = OK(open("victim", O_RDONLY));
	c = OK(open("other", O_RDWR | O_CREAT, 0644));
	memset(data, 'n', sizeof(data));
	CHECK_EQ(pwrite(a, data, sizeof(data), 0), (ssize_t)sizeof(data));
	CHECK_EQ(write(c, "other", 5), 5);
	/* Whoever makes the file system's transaction wait for the data is not to blame. */
	OK(fsync(c));
	sync();
	CHECK_ERR(fsync(a), EIO);
	OK(fsync(a));
	CHECK_ERR(fdatasync(b), EIO);
	OK(fsync(b));
	OK(fsync(c));
	/* A child has the same open file, a new open file is told of what comes only. */
	close(b);
	b = OK(open("victim", O_RDWR));
	OK(fsync(b));
	CHECK_EQ(pwrite(b, "x", 1, 2 * PAGE), 1);
	pid_t pid = xfork();

	if (pid == 0) {
		CHECK_ERR(fsync(b), EIO);
		_exit(0);
	}
	wait_ok(pid);
	OK(fsync(b));
	CHECK_ERR(fsync(a), EIO);
	m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
	CHECK(m != MAP_FAILED);
	m[2 * PAGE] = 'm';
	CHECK_ERR(msync(m, 4 * PAGE, MS_SYNC), EIO);
	OK(munmap(m, 4 * PAGE));
	/* All that could be written is, and nothing stands in the way of more. */
	CHECK_EQ(read_file("other", buf, sizeof(buf)), 5);
	OK(mkdir("d", 0755));
	OK(rmdir("d"));
	close(a);
	close(b);
	close(c);
	unmount_disk();
}

/* "lost" cannot be read: its inode. Its neighbours in the directory can. */
static void inode(void)
{
	struct stat st;

	mount_disk("FSERR_INODE", "ext3", 0);
	for (int i = 0; i < 3; i++)
		CHECK_ERR(stat("lost", &st), EIO);
	CHECK_ERR(open("lost", O_RDONLY), EIO);
	CHECK_ERR(unlink("lost"), EIO);
	CHECK_ERR(rename("near", "lost"), EIO);
	CHECK(listed("lost"));
	OK(stat("near", &st));
	write_file("near", "more", 4);
	OK(unlink("near"));
	unmount_disk();
}

/* The second page of "torn" cannot be read, nor anything of the directory "dark". */
static void contents(void)
{
	int fd, dir;
	char *m;

	mount_disk("FSERR_READ", "ext3", 0);
	fd = OK(open("torn", O_RDWR));
	CHECK_EQ(read(fd, data, sizeof(data)), PAGE);
	CHECK_ERR(read(fd, data, 1), EIO);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), PAGE);
	CHECK_EQ(pread(fd, data, PAGE, 2 * PAGE), PAGE);
	/* A page that is changed in part has to be read first; one that is replaced has not. */
	CHECK_ERR(pwrite(fd, "x", 1, PAGE + 1), EIO);
	memset(data, 'w', PAGE);
	CHECK_EQ(pwrite(fd, data, PAGE, PAGE), PAGE);
	CHECK_EQ(pread(fd, data, 1, PAGE + 1), 1);
	CHECK_EQ(data[0], 'w');
	OK(fsync(fd));
	m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	CHECK(m != MAP_FAILED && m[1] == 'w');
	close(fd);
	dir = OK(open("dark", O_RDONLY | O_DIRECTORY));
	CHECK_ERR(openat(dir, "x", O_RDONLY), EIO);
	CHECK_ERR(openat(dir, "x", O_RDWR | O_CREAT, 0644), EIO);
	CHECK_ERR(getdents(dir, (struct dirent *)data, sizeof(data)), EIO);
	CHECK_ERR(rmdir("dark"), EIO);
	close(dir);
	OK(munmap(m, PAGE));
	unmount_disk();
}

/* The super block cannot be written: no writing at all, but all is read. */
static void super(void)
{
	const char *disk = getenv("FSERR_SUPER");
	char buf[8];

	if (!disk)
		SKIP("no bad disk");
	OK(mkdir("m", 0755));
	CHECK_EQ(mount(disk, "m", "ext2", 0, ""), -1);
	OK(mount(disk, "m", "ext2", MS_RDONLY, ""));
	CHECK_EQ(read_file("m/old", buf, sizeof(buf)), 3);
	CHECK_EQ(mount(NULL, "m", NULL, MS_REMOUNT, NULL), -1);
	CHECK_ERR(open("m/x", O_CREAT | O_RDWR, 0644), EROFS);
	OK(umount("m"));
}

/* One flush fails after the mount, on a file system without a journal. */
static void flush(void)
{
	int a;

	mount_disk("FSERR_FLUSH", "ext2", 0);
	a = OK(open("old", O_RDWR));
	CHECK_EQ(write(a, "x", 1), 1);
	CHECK_ERR(fsync(a), EIO);
	OK(fsync(a));
	CHECK_EQ(write(a, "y", 1), 1);
	OK(fdatasync(a));
	close(a);
	unmount_disk();
}

static const struct tap_case cases[] = {
	{ "journal", journal, 60 },
	{ "write_back", write_back, 60 },
	{ "inode", inode, 60 },
	{ "contents", contents, 60 },
	{ "super", super, 60 },
	{ "flush", flush, 60 },
};

TAP_MAIN(cases)
