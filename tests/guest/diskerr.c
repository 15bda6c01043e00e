/* SPDX-License-Identifier: MIT */
/*
 * diskerr.c - a disk with bad sectors: who hears of an error, how often, and
 * what is lost.
 *
 * Needs $TEST_BADDISK: writing at sector 2048 and reading at 4096 fails, all
 * else works. The suite "disk" has QEMU play that.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BAD_WRITE	(2048 * 512L)
#define BAD_READ	(4096 * 512L)
#define MIB		(1L << 20)

static char page[PAGE];

static int open_disk(int flags)
{
	const char *name = getenv("TEST_BADDISK");

	if (!name)
		SKIP("no bad disk");
	return OK(open(name, flags | O_CLOEXEC));
}

static char *direct_buffer(void)
{
	char *p;

	CHECK_EQ(posix_memalign((void **)&p, PAGE, PAGE), 0);
	return p;
}

/* Each open file hears of a failed write-back once; one opened later does not. */
static void told_once(void)
{
	int a = open_disk(O_RDWR), b = open_disk(O_RDWR), later;

	CHECK_EQ(pwrite(a, page, PAGE, BAD_WRITE), PAGE);
	CHECK_ERR(fsync(a), EIO);
	OK(fsync(a));
	CHECK_ERR(fsync(b), EIO);
	OK(fdatasync(b));
	later = open_disk(O_RDWR);
	OK(fsync(later));
	/* The next failure is a new one. */
	CHECK_EQ(pwrite(b, page, PAGE, BAD_WRITE), PAGE);
	CHECK_ERR(sync_file_range(b, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				  SYNC_FILE_RANGE_WAIT_AFTER), EIO);
	OK(fsync(b));
	CHECK_ERR(fsync(later), EIO);
	CHECK_ERR(fsync(a), EIO);
}

static void synchronous_writes(void)
{
	int fd = open_disk(O_RDWR | O_DSYNC);

	CHECK_EQ(pwrite(fd, page, PAGE, 0), PAGE);
	CHECK_ERR(pwrite(fd, page, PAGE, BAD_WRITE), EIO);
	CHECK_EQ(pwrite(fd, page, PAGE, 0), PAGE);
}

static void direct(void)
{
	int fd = open_disk(O_RDWR | O_DIRECT);
	char *p = direct_buffer();

	CHECK_ERR(pwrite(fd, p, PAGE, BAD_WRITE), EIO);
	CHECK_EQ(pwrite(fd, p, PAGE, 0), PAGE);
	CHECK_ERR(pread(fd, p, PAGE, BAD_READ), EIO);
	CHECK_EQ(pread(fd, p, PAGE, BAD_READ - (long)PAGE), PAGE);
}

/* One bad sector in a megabyte costs the page it is in, no more. */
static void neighbours_live(void)
{
	int fd = open_disk(O_RDWR), dfd = open_disk(O_RDONLY | O_DIRECT);
	char *big = malloc(MIB), *p = direct_buffer();

	memset(big, 'n', MIB);
	CHECK_EQ(pwrite(fd, big, MIB, BAD_WRITE - MIB / 2), MIB);
	CHECK_ERR(fsync(fd), EIO);
	for (long at = -MIB / 2; at < MIB / 2; at += (long)PAGE) {
		CHECK_EQ(pread(dfd, p, PAGE, BAD_WRITE + at), PAGE);
		CHECK(at == 0 || (p[0] == 'n' && p[PAGE - 1] == 'n'));
	}
}

static void touch(void *at)
{
	(void)*(volatile char *)at;
}

/* Reading over it, with read-ahead: all up to the bad page, then EIO. */
static void reading(void)
{
	int fd = open_disk(O_RDONLY);
	char *big = malloc(MIB), *m;
	ssize_t n;

	OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	n = pread(fd, big, MIB, BAD_READ - 16 * (long)PAGE);
	CHECK_EQ(n, 16 * PAGE);
	CHECK_ERR(pread(fd, big, PAGE, BAD_READ), EIO);
	CHECK_EQ(pread(fd, big, PAGE, BAD_READ + (long)PAGE), PAGE);
	/* Through a mapping. */
	m = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, BAD_READ);
	CHECK(m != MAP_FAILED);
	(void)*(volatile char *)(m + PAGE);
	CHECK_EQ(signal_of(touch, m), SIGBUS);
}

static void mappings(void)
{
	int fd = open_disk(O_RDWR);
	char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, BAD_WRITE);

	CHECK(m != MAP_FAILED);
	*m = 1;
	CHECK_ERR(msync(m, PAGE, MS_SYNC), EIO);
	OK(msync(m, PAGE, MS_SYNC));
}

static const struct tap_case cases[] = {
	{ "told_once", told_once, 60 },
	{ "synchronous_writes", synchronous_writes, 60 },
	{ "direct", direct, 60 },
	{ "neighbours_live", neighbours_live, 60 },
	{ "reading", reading, 60 },
	{ "mappings", mappings, 60 },
};

TAP_MAIN(cases)
