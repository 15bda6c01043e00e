/* SPDX-License-Identifier: MIT */
/*
 * fallocate.c - fallocate(2), holes, and lseek(2) with SEEK_DATA and SEEK_HOLE.
 *
 * File systems differ in the modes they have and in how they round; where one says
 * EOPNOTSUPP the case skips.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FALLOC_FL_ZERO_RANGE
#define FALLOC_FL_ZERO_RANGE 0x10
#endif

#define BLOCK 65536L		/* a multiple of every block and page size */
#define KEEP FALLOC_FL_KEEP_SIZE
#define PUNCH (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)

static long blocks(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return (long)st.st_blocks;
}

static off_t size(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_size;
}

/* A file of n blocks of data. */
static int file(int n)
{
	char *data = malloc((size_t)(n * BLOCK));
	int fd = OK(open("f", O_CREAT | O_RDWR | O_TRUNC, 0644));

	fill_pattern(data, (size_t)(n * BLOCK), 5);
	write_full(fd, data, (size_t)(n * BLOCK));
	free(data);
	return fd;
}

static void alloc(int fd, int mode, off_t off, off_t len)
{
	if (fallocate(fd, mode, off, len) == 0)
		return;
	if (errno == EOPNOTSUPP)
		SKIP("not on this file system");
	FAIL("fallocate(%d): errno %d", mode, errno);
}

static void errors(void)
{
	int fd = file(1), rd = OK(open("f", O_RDONLY)), p[2], dir = OK(open(".", O_RDONLY));

	alloc(fd, 0, 0, 1);
	CHECK_ERR(fallocate(-1, 0, 0, 1), EBADF);
	CHECK_ERR(fallocate(rd, 0, 0, 1), EBADF);
	CHECK_ERR(fallocate(fd, 0, -1, 1), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, -1), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 1, 0x7fffffffffffffff), EFBIG);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0x4000, 0, 1), EOPNOTSUPP);
	OK(pipe(p));
	CHECK_ERR(fallocate(p[1], 0, 0, 1), ESPIPE);
	CHECK_ERR(fallocate(dir, 0, 0, 1), EBADF);
	int null = OK(open("/dev/null", O_WRONLY));
	CHECK_ERR(fallocate(null, 0, 0, 1), ENODEV);
	CHECK_EQ(size(fd), BLOCK);
	close(null);
	close(p[0]);
	close(p[1]);
	close(dir);
	close(rd);
	close(fd);
}

static void allocates(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	char c = 1;

	alloc(fd, 0, BLOCK, BLOCK);
	CHECK_EQ(size(fd), 2 * BLOCK);
	CHECK(blocks(fd) >= BLOCK / 512);
	CHECK_EQ(pread(fd, &c, 1, 2 * BLOCK - 1), 1);
	CHECK_EQ(c, 0);
	/* What is there is not touched. */
	CHECK_EQ(pwrite(fd, "x", 1, BLOCK), 1);
	alloc(fd, 0, 0, 2 * BLOCK);
	CHECK_EQ(pread(fd, &c, 1, BLOCK), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(size(fd), 2 * BLOCK);
	/* Space behind the end. */
	long before = blocks(fd);
	alloc(fd, KEEP, 4 * BLOCK, BLOCK);
	CHECK_EQ(size(fd), 2 * BLOCK);
	CHECK(blocks(fd) > before);
	close(fd);
}

static void limit(void)
{
	struct rlimit lim = { BLOCK, BLOCK };
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));

	alloc(fd, 0, 0, BLOCK);
	signal(SIGXFSZ, SIG_IGN);
	OK(setrlimit(RLIMIT_FSIZE, &lim));
	CHECK_ERR(fallocate(fd, 0, 0, BLOCK + 1), EFBIG);
	CHECK_EQ(size(fd), BLOCK);
	close(fd);
}

static void punches(void)
{
	static char data[4 * BLOCK];
	int fd = file(4);
	long before = blocks(fd);

	alloc(fd, PUNCH, BLOCK, 2 * BLOCK);
	CHECK_EQ(size(fd), 4 * BLOCK);
	/* The space is free again. */
	CHECK(blocks(fd) <= before - 2 * BLOCK / 512);
	CHECK_EQ(pread(fd, data, sizeof(data), 0), (ssize_t)sizeof(data));
	for (long i = BLOCK; i < 3 * BLOCK; i++)
		CHECK(!data[i]);
	/* Writing fills it. */
	CHECK_EQ(pwrite(fd, "x", 1, BLOCK + 10), 1);
	CHECK_EQ(pread(fd, data, 20, BLOCK), 20);
	CHECK(data[10] == 'x' && !data[9] && !data[11]);
	/* Behind the end nothing happens. */
	alloc(fd, PUNCH, 4 * BLOCK, BLOCK);
	CHECK_EQ(size(fd), 4 * BLOCK);
	close(fd);
}

/* Parts of blocks are written with zeros, and nothing beside them. */
static void punches_parts(void)
{
	static char data[2 * BLOCK], want[2 * BLOCK];
	static const struct {
		long off, len;
	} parts[] = {
		{ 10, 20 }, { 4090, 12 }, { 4096, 4096 }, { 5000, 10000 }, { 8192, 1 },
		{ 20000, 45536 }, { 65535, 2 }, { 0, 1 }, { 131071, 1 }, { 100000, 999999 },
	};
	int fd = file(2);

	CHECK_EQ(pread(fd, want, sizeof(want), 0), (ssize_t)sizeof(want));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		alloc(fd, PUNCH, parts[i].off, parts[i].len);
		for (long at = parts[i].off; at < parts[i].off + parts[i].len; at++) {
			if (at < 2 * BLOCK)
				want[at] = 0;
		}
		CHECK_EQ(pread(fd, data, sizeof(data), 0), (ssize_t)sizeof(data));
		if (memcmp(data, want, sizeof(data)))
			FAIL("hole %ld+%ld", parts[i].off, parts[i].len);
	}
	CHECK_EQ(size(fd), 2 * BLOCK);
	close(fd);
}

/* A mapping sees the hole, and can write into it. */
static void punches_under_a_mapping(void)
{
	int fd = file(2);
	char *p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char c;

	CHECK(p != MAP_FAILED);
	p[0] = 'a';
	p[BLOCK] = 'b';
	alloc(fd, PUNCH, 0, BLOCK);
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[BLOCK - 1], 0);
	CHECK_EQ(p[BLOCK], 'b');
	p[1] = 'c';
	CHECK_EQ(pread(fd, &c, 1, 1), 1);
	CHECK_EQ(c, 'c');
	OK(munmap(p, 2 * BLOCK));
	close(fd);
}

static void zeroes(void)
{
	static char data[4 * BLOCK];
	int fd = file(3);
	long before = blocks(fd);

	alloc(fd, FALLOC_FL_ZERO_RANGE, BLOCK + 1, 3 * BLOCK - 1);
	CHECK_EQ(size(fd), 4 * BLOCK);
	CHECK(blocks(fd) >= before);
	CHECK_EQ(pread(fd, data, sizeof(data), 0), (ssize_t)sizeof(data));
	CHECK(check_pattern(data, BLOCK, 5));
	for (long i = BLOCK + 1; i < 4 * BLOCK; i++)
		CHECK(!data[i]);
	alloc(fd, FALLOC_FL_ZERO_RANGE | KEEP, 0, 5 * BLOCK);
	CHECK_EQ(size(fd), 4 * BLOCK);
	close(fd);
}

/* data, hole, data, hole */
static void seeks(void)
{
	int fd = file(1);

	CHECK_EQ(pwrite(fd, "x", 1, 4 * BLOCK), 1);
	OK(ftruncate(fd, 8 * BLOCK));
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
	CHECK_EQ(lseek(fd, 100, SEEK_DATA), 100);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 100);
	off_t hole = OK(lseek(fd, 0, SEEK_HOLE));
	if (hole == 8 * BLOCK)
		SKIP("the file system knows of no holes");
	CHECK_EQ(hole, BLOCK);
	CHECK_EQ(lseek(fd, BLOCK, SEEK_HOLE), BLOCK);
	CHECK_EQ(lseek(fd, BLOCK + 5, SEEK_HOLE), BLOCK + 5);
	CHECK_EQ(lseek(fd, BLOCK, SEEK_DATA), 4 * BLOCK);
	CHECK_EQ(lseek(fd, BLOCK + 5, SEEK_DATA), 4 * BLOCK);
	hole = OK(lseek(fd, 4 * BLOCK, SEEK_HOLE));
	CHECK(hole > 4 * BLOCK && hole <= 5 * BLOCK);
	/* No data is left, but the end of the file is a hole. */
	CHECK_ERR(lseek(fd, 5 * BLOCK, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 8 * BLOCK - 1, SEEK_HOLE), 8 * BLOCK - 1);
	CHECK_ERR(lseek(fd, 8 * BLOCK, SEEK_HOLE), ENXIO);
	CHECK_ERR(lseek(fd, 8 * BLOCK, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, 0, 17), EINVAL);
	/* A file of data ends in a hole. */
	OK(ftruncate(fd, BLOCK));
	CHECK_EQ(lseek(fd, 5, SEEK_HOLE), BLOCK);
	OK(ftruncate(fd, BLOCK - 10));
	CHECK_EQ(lseek(fd, 5, SEEK_HOLE), BLOCK - 10);
	alloc(fd, PUNCH, 0, BLOCK);
	CHECK_ERR(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
	close(fd);
}

/* The size falls and rises; what was cut off does not come back. */
static void truncates(void)
{
	static char data[2 * BLOCK];
	int fd = file(2);

	OK(ftruncate(fd, 5000));
	CHECK_EQ(size(fd), 5000);
	OK(ftruncate(fd, 2 * BLOCK));
	CHECK_EQ(pread(fd, data, sizeof(data), 0), (ssize_t)sizeof(data));
	CHECK(check_pattern(data, 5000, 5));
	for (long i = 5000; i < 2 * BLOCK; i++)
		CHECK(!data[i]);
	CHECK(blocks(fd) <= BLOCK / 512);
	close(fd);
}

static const struct tap_case cases[] = {
	{ "errors", errors, 0 },
	{ "allocates", allocates, 0 },
	{ "limit", limit, 0 },
	{ "punches", punches, 0 },
	{ "punches_parts", punches_parts, 0 },
	{ "punches_under_a_mapping", punches_under_a_mapping, 0 },
	{ "zeroes", zeroes, 0 },
	{ "seeks", seeks, 0 },
	{ "truncates", truncates, 0 },
};

TAP_MAIN(cases)
