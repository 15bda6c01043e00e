/* SPDX-License-Identifier: MIT */
/*
 * writeback.c - what is stored in a mapping reaches the disk, by all that writes it back, and
 * when there is no memory for that, which needs fault injection (/proc/self/task/TID/fail-nth);
 * and files' times come back as they were shown.
 * All needs a disk of at least 8 MiB that may be written over: $TEST_DISK, or /dev/ram0 on Cutaway
 * (kernel word ramdisk=16); else it is skipped.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PAGES	512
#define ROUNDS	24

/* Where the n-th request of this thread is made to fail. */
static int fail_nth(void)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/task/%d/fail-nth", gettid());
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		SKIP("no fault injection");
	return fd;
}

static void set_nth(int fd, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	CHECK_EQ(pwrite(fd, text, (size_t)len, 0), len);
}

static const char *disk(void)
{
	const char *name = getenv("TEST_DISK");
	struct utsname u;
	struct stat st;

	if (geteuid() != 0)
		SKIP("needs root");
	if (!name) {
		OK(uname(&u));
		name = "/dev/ram0";
		if (!strstr(u.release, "cutaway") || stat(name, &st))
			SKIP("no disk to spoil");
	}
	return name;
}

/* Blocks of 1 KiB: where a page lies is found by way of several blocks of numbers. */
static void make_fs(void)
{
	pid_t pid;

	OK(mkdir("mnt", 0755));
	pid = xfork();
	if (pid == 0) {
		OK(dup2(OK(open("/dev/null", O_WRONLY)), 1));
		execlp("busybox", "mke2fs", "-b", "1024", disk(), NULL);
		_exit(127);
	}
	wait_ok(pid);
	OK(mount(disk(), "mnt", "ext2", 0, NULL));
}

static void drop_caches(void)
{
	int fd = OK(open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));

	sync();
	CHECK_EQ(write(fd, "3\n", 2), 2);
	close(fd);
}

static void store(char *p, int fd, char c, bool mapped)
{
	char page[PAGE];

	memset(page, c, PAGE);
	for (off_t i = 0; i < PAGES; i += 4) {
		if (mapped)
			memset(p + i * PAGE, c, PAGE);
		else
			CHECK_EQ(pwrite(fd, page, PAGE, i * (off_t)PAGE), PAGE);
	}
}

/* What is in the file once nothing of it is in memory. */
static void check_disk(int fd, char c)
{
	char page[PAGE];

	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	drop_caches();
	for (off_t i = 0; i < PAGES; i += 4) {
		CHECK_EQ(pread(fd, page, PAGE, i * (off_t)PAGE), PAGE);
		CHECK_EQ(page[0], c);
		CHECK_EQ(page[PAGE - 1], c);
	}
}

static void try_all(bool mapped)
{
	int nth = fail_nth(), good = 0, fd;
	char *p;

	make_fs();
	fd = OK(open("mnt/f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	store(NULL, fd, 'a', false);
	OK(ftruncate(fd, PAGES * (off_t)PAGE));
	OK(fsync(fd));
	p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	for (int n = 1; n <= ROUNDS; n++) {
		int ret;

		drop_caches();
		store(p, fd, (char)('a' + n), mapped);
		/* The numbers of the blocks have to be read anew. */
		int drop = OK(open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC));
		CHECK_EQ(write(drop, "3\n", 2), 2);
		close(drop);
		set_nth(nth, n);
		ret = mapped ? msync(p, PAGES * PAGE, MS_SYNC) : fsync(fd);
		set_nth(nth, 0);
		/* Requests to the disk are made to fail, too; that is an error. */
		if (ret)
			CHECK_EQ(errno, EIO);
		else
			check_disk(fd, (char)('a' + n));
		good += ret == 0;
	}
	CHECK(good > 2);
	OK(munmap(p, PAGES * PAGE));
	close(fd);
	OK(umount("mnt"));
}

/* ---- by all ways ---- */

#define CHUNK	65536

/* Is the word on the disk itself, past all caches? */
static bool on_disk(const char *word)
{
	char *buf = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = OK(open(disk(), O_RDONLY | O_DIRECT | O_CLOEXEC));
	bool found = false;
	ssize_t n;

	while (!found && (n = OK(read(fd, buf, CHUNK))) > 0)
		for (ssize_t at = 0; at < n && !found; at += 512)
			found = !strcmp(buf + at, word);
	OK(munmap(buf, CHUNK));
	close(fd);
	return found;
}

/* A number in /proc/sys/vm; returns what was there. */
static long tune(const char *name, long value)
{
	char path[64], text[32];
	int fd, n;

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	read_file(path, text, sizeof(text));
	fd = OK(open(path, O_WRONLY | O_CLOEXEC));
	long before = atol(text);
	n = snprintf(text, sizeof(text), "%ld", value);
	CHECK_EQ(write(fd, text, (size_t)n), n);
	close(fd);
	return before;
}

static char *map_some(int fd)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void by_all_ways(void)
{
	long expire, interval;
	long long end;
	int fd;
	char *p;

	make_fs();
	fd = OK(open("mnt/f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	OK(ftruncate(fd, 8 * PAGE));
	p = map_some(fd);
	strcpy(p, "word by msync");
	OK(msync(p, PAGE, MS_SYNC));
	CHECK(on_disk("word by msync"));
	strcpy(p + PAGE, "word by fsync");
	OK(fsync(fd));
	CHECK(on_disk("word by fsync"));
	strcpy(p + 2 * PAGE, "word by sync");
	sync();
	CHECK(on_disk("word by sync"));
	expire = tune("dirty_expire_centisecs", 20);
	interval = tune("dirty_writeback_centisecs", 20);
	strcpy(p + 3 * PAGE, "word by flusher");
	end = msec() + 10000;
	while (!on_disk("word by flusher") && msec() < end)
		brief_pause();
	tune("dirty_expire_centisecs", expire);
	tune("dirty_writeback_centisecs", interval);
	CHECK(on_disk("word by flusher"));
	/* Once the mapping and the file are closed, and both at the unmount at the latest. */
	strcpy(p + 4 * PAGE, "word by close");
	OK(munmap(p, 8 * PAGE));
	close(fd);
	OK(umount("mnt"));
	CHECK(on_disk("word by close"));
}

/* A time that an inode cannot hold becomes one that it can at once, not when it is read back. */
static void times_come_back(void)
{
	static const time_t secs[] = { -(1L << 33), -1, 1700000000, 1L << 31, 1L << 36 };
	struct stat was, is;
	int fd;

	make_fs();
	fd = OK(open("mnt/f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
	for (size_t i = 0; i < sizeof(secs) / sizeof(secs[0]); i++) {
		struct timespec t[2] = { { secs[i], 1 }, { secs[i], 999999999 } };

		OK(futimens(fd, t));
		OK(fstat(fd, &was));
		close(fd);
		OK(umount("mnt"));
		OK(mount(disk(), "mnt", "ext2", 0, NULL));
		fd = OK(open("mnt/f", O_RDWR | O_CLOEXEC));
		OK(fstat(fd, &is));
		CHECK_EQ(is.st_atim.tv_sec, was.st_atim.tv_sec);
		CHECK_EQ(is.st_mtim.tv_sec, was.st_mtim.tv_sec);
		CHECK_EQ(is.st_ctim.tv_sec, was.st_ctim.tv_sec);
		CHECK_EQ(is.st_mtim.tv_nsec, was.st_mtim.tv_nsec);
		CHECK_EQ(is.st_ctim.tv_nsec, was.st_ctim.tv_nsec);
	}
	CHECK(is.st_mtim.tv_sec > 1L << 30 && is.st_mtim.tv_sec < 1L << 34);
	close(fd);
	OK(umount("mnt"));
}

/* ---- without memory ---- */

static void fsync_tries_again(void)
{
	try_all(false);
}

static void msync_tries_again(void)
{
	try_all(true);
}

static const struct tap_case cases[] = {
	{ "by_all_ways", by_all_ways, 0 },
	{ "times_come_back", times_come_back, 0 },
	{ "fsync_tries_again", fsync_tries_again, 60 },
	{ "msync_tries_again", msync_tries_again, 60 },
};

TAP_MAIN(cases)
