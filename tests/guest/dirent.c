/* SPDX-License-Identifier: MIT */
/*
 * dirent.c - reading directories: getdents64(2), many entries, changes while
 * somebody reads.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct entry {
	unsigned long long ino;
	long long off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

enum { MANY = 2100 };

static unsigned char seen[MANY];
static char buf[32768] __attribute__((aligned(8)));

static void make_many(int n)
{
	char name[32];

	OK(mkdir("d", 0755));
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "d/file%d", i);
		OK(close(OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600))));
	}
}

/* Counts names by number; the number of . and .. that came. */
static int note(long len)
{
	int dots = 0;

	for (long at = 0; at < len;) {
		struct entry *e = (void *)(buf + at);
		CHECK(e->reclen % 8 == 0 && e->reclen >= 24);
		CHECK(at + e->reclen <= len);
		CHECK(strlen(e->name) < e->reclen - 19U);
		CHECK(e->ino != 0);
		if (e->name[0] == '.')
			dots++;
		else
			seen[atoi(e->name + 4)]++;
		at += e->reclen;
	}
	return dots;
}

static int read_all(int fd, size_t size)
{
	int dots = 0;
	long n;

	while ((n = OK(syscall(SYS_getdents64, fd, buf, size))) > 0)
		dots += note(n);
	return dots;
}

static void all_entries_once(void)
{
	make_many(MANY);
	int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	CHECK_EQ(read_all(fd, sizeof(buf)), 2);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(seen[i], 1);
	/* At the end it stays at the end. */
	CHECK_EQ(syscall(SYS_getdents64, fd, buf, sizeof(buf)), 0);
	/* And from the start again. */
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read_all(fd, 100), 2);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(seen[i], 2);
}

static void small_buffers(void)
{
	make_many(5);
	int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 0), EINVAL);
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 16), EINVAL);
	/* One at a time: 19 bytes, "file0", NUL, rounded up to 32. */
	CHECK_EQ(read_all(fd, 32), 2);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(seen[i], 1);
	int file = OK(open("d/file0", O_RDONLY));
	CHECK_ERR(syscall(SYS_getdents64, file, buf, sizeof(buf)), ENOTDIR);
}

static void types(void)
{
	static const struct { const char *name; int type; } want[] = {
		{ "reg", DT_REG }, { "dir", DT_DIR }, { "link", DT_LNK },
		{ "fifo", DT_FIFO },
	};
	int found = 0;

	write_file("reg", "", 0);
	OK(mkdir("dir", 0700));
	OK(symlink("x", "link"));
	OK(mkfifo("fifo", 0600));
	DIR *d = opendir(".");
	CHECK(d != NULL);
	struct dirent *e;
	while ((e = readdir(d)) != NULL) {
		struct stat st;
		for (size_t i = 0; i < TAP_COUNT(want); i++) {
			if (strcmp(e->d_name, want[i].name))
				continue;
			CHECK_EQ(e->d_type, want[i].type);
			OK(lstat(e->d_name, &st));
			CHECK_EQ(e->d_ino, st.st_ino);
			found++;
		}
	}
	closedir(d);
	CHECK_EQ(found, 4);
}

/* What was there all the time comes exactly once, whatever else goes. */
static void deletion_while_reading(void)
{
	char name[32];
	int next = 0;
	long n;

	make_many(MANY);
	int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	while ((n = OK(syscall(SYS_getdents64, fd, buf, 1000))) > 0) {
		note(n);
		/* The odd ones vanish, read already or not. */
		for (int i = 0; i < 60 && next < MANY; i++, next += 2) {
			snprintf(name, sizeof(name), "d/file%d", next + 1);
			OK(unlink(name));
		}
	}
	for (int i = 0; i < MANY; i += 2)
		CHECK_EQ(seen[i], 1);
	for (int i = 1; i < MANY; i += 2)
		CHECK(seen[i] <= 1);
}

static void creation_while_reading(void)
{
	char name[32];
	int next = 1000;
	long n;

	make_many(1000);
	int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	while ((n = OK(syscall(SYS_getdents64, fd, buf, 1000))) > 0) {
		note(n);
		for (int i = 0; i < 20 && next < MANY; i++, next++) {
			snprintf(name, sizeof(name), "d/file%d", next);
			write_file(name, "", 0);
		}
	}
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(seen[i], 1);
	for (int i = 1000; i < MANY; i++)
		CHECK(seen[i] <= 1);
}

/* The way of rm -r: read a block, unlink all of it, read on. */
static void remove_all_while_reading(void)
{
	char name[300];
	long n;
	int removed = 0;

	make_many(MANY);
	int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	while ((n = OK(syscall(SYS_getdents64, fd, buf, 2000))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (void *)(buf + at);
			at += e->reclen;
			if (e->name[0] == '.')
				continue;
			snprintf(name, sizeof(name), "d/%s", e->name);
			OK(unlink(name));
			removed++;
		}
	}
	CHECK_EQ(removed, MANY);
	OK(rmdir("d"));
}

static void seek_by_offset(void)
{
	make_many(50);
	int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	long n = OK(syscall(SYS_getdents64, fd, buf, 500));
	struct entry *first = (void *)buf;
	struct entry *second = (void *)(buf + first->reclen);
	char want[64];
	snprintf(want, sizeof(want), "%s", second->name);
	CHECK(n > first->reclen);
	/* d_off of the first is where the second begins. */
	CHECK_EQ(lseek(fd, first->off, SEEK_SET), first->off);
	OK(syscall(SYS_getdents64, fd, buf, 500));
	CHECK(!strcmp(((struct entry *)buf)->name, want));
}

static void removed_directory(void)
{
	OK(mkdir("d", 0755));
	int fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(rmdir("d"));
	long n = syscall(SYS_getdents64, fd, buf, sizeof(buf));
	/* Linux says ENOENT here. */
	CHECK(n == -1 && errno == ENOENT);
}

static void two_readers(void)
{
	make_many(200);
	int a = OK(open("d", O_RDONLY)), b = OK(open("d", O_RDONLY));
	/* Each open has its own position. */
	OK(syscall(SYS_getdents64, a, buf, 1000));
	CHECK_EQ(read_all(b, 1000), 2);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(seen[i], 1);
}

static const struct tap_case cases[] = {
	{ "all_entries_once", all_entries_once, 60 },
	{ "small_buffers", small_buffers, 0 },
	{ "types", types, 0 },
	{ "deletion_while_reading", deletion_while_reading, 60 },
	{ "creation_while_reading", creation_while_reading, 60 },
	{ "remove_all_while_reading", remove_all_while_reading, 60 },
	{ "seek_by_offset", seek_by_offset, 0 },
	{ "removed_directory", removed_directory, 0 },
	{ "two_readers", two_readers, 0 },
};

TAP_MAIN(cases)
