/* SPDX-License-Identifier: MIT */
/*
 * blkdev.c - block devices as files: sizes, ends, coherence of reads, writes,
 * mappings and O_DIRECT, partition tables, counters, failures.
 *
 * Needs a disk of at least 8 MiB whose contents do not matter: $TEST_DISK, or
 * /dev/ram0 on Cutaway (kernel word ramdisk=16). Else all is skipped.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MIB (1L << 20)

/* linux/fs.h, which the C library of the tests has not. */
#define BLKROGET	_IO(0x12, 94)
#define BLKRRPART	_IO(0x12, 95)
#define BLKGETSIZE	_IO(0x12, 96)
#define BLKFLSBUF	_IO(0x12, 97)
#define BLKRASET	_IO(0x12, 98)
#define BLKRAGET	_IO(0x12, 99)
#define BLKSSZGET	_IO(0x12, 104)
#define BLKDISCARD	_IO(0x12, 119)
#define BLKZEROOUT	_IO(0x12, 127)
#define BLKGETSIZE64	_IOR(0x12, 114, size_t)

static const char *disk(void)
{
	const char *name = getenv("TEST_DISK");
	struct utsname u;
	struct stat st;

	if (!name) {
		OK(uname(&u));
		name = "/dev/ram0";
		if (!strstr(u.release, "cutaway") || stat(name, &st))
			SKIP("no disk to spoil");
	}
	return name;
}

static int open_disk(int flags)
{
	return OK(open(disk(), flags | O_CLOEXEC));
}

static uint64_t disk_size(int fd)
{
	uint64_t size;

	OK(ioctl(fd, BLKGETSIZE64, &size));
	return size;
}

static char *aligned(size_t size)
{
	char *p;

	CHECK_EQ(posix_memalign((void **)&p, PAGE, size), 0);
	return p;
}

/* What the disk itself has, past the cache. */
static void on_disk(off_t at, const char *want, size_t n)
{
	int fd = open_disk(O_RDONLY | O_DIRECT);
	char *p = aligned(n);

	CHECK_EQ(pread(fd, p, n, at), n);
	CHECK(!memcmp(p, want, n));
	free(p);
	close(fd);
}

static void sizes(void)
{
	int fd = open_disk(O_RDONLY), block = 0, ro = 7;
	unsigned long sectors;
	struct stat st;

	OK(fstat(fd, &st));
	CHECK(S_ISBLK(st.st_mode));
	CHECK(disk_size(fd) >= 8 * MIB);
	OK(ioctl(fd, BLKGETSIZE, &sectors));
	CHECK_EQ(sectors, disk_size(fd) / 512);
	OK(ioctl(fd, BLKSSZGET, &block));
	CHECK(block == 512 || block == 4096);
	OK(ioctl(fd, BLKROGET, &ro));
	CHECK_EQ(ro, 0);
	CHECK_EQ(lseek(fd, 0, SEEK_END), disk_size(fd));
	CHECK_ERR(ioctl(fd, 0x12ff, &ro), ENOTTY);
}

/* BLKZEROOUT: what is in memory of it goes, too, and what lies beside it stays. */
static void zeroes(void)
{
	int fd = open_disk(O_RDWR);
	uint64_t range[2] = { PAGE + 512, 300 * 1024 };
	unsigned char *buf = malloc(MIB);

	memset(buf, 'z', MIB);
	CHECK_EQ(pwrite(fd, buf, MIB, 0), MIB);
	OK(fsync(fd));
	CHECK_EQ(pwrite(fd, buf, PAGE, 8 * PAGE), PAGE);
	OK(ioctl(fd, BLKZEROOUT, range));
	for (int again = 0; again < 2; again++) {
		CHECK_EQ(pread(fd, buf, MIB, 0), MIB);
		for (size_t i = 0; i < MIB; i++)
			if (buf[i] != (i < range[0] || i >= range[0] + range[1] ? 'z' : 0))
				FAIL("byte %zu is %d", i, buf[i]);
		OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	}
	range[0]++;
	CHECK_ERR(ioctl(fd, BLKZEROOUT, range), EINVAL);
	range[0] = disk_size(fd) - 512;
	CHECK_ERR(ioctl(fd, BLKZEROOUT, range), EINVAL);
	CHECK_ERR(ioctl(fd, BLKZEROOUT, NULL), EFAULT);
	close(fd);
	fd = open_disk(O_RDONLY);
	range[0] = 0;
	CHECK_ERR(ioctl(fd, BLKZEROOUT, range), EBADF);
	/* Before it is asked whether the disk can do that. */
	CHECK_ERR(ioctl(fd, BLKDISCARD, range), EBADF);
	close(fd);
}

/* And what is in memory of it and held there, by a mapping that has been read or stored to. */
static void zeroes_below_a_mapping(void)
{
	int fd = open_disk(O_RDWR);
	uint64_t range[2] = { 6 * MIB + 512, 4 * PAGE };
	char *m = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 6 * MIB);
	char *p = aligned(8 * PAGE);

	CHECK(m != MAP_FAILED);
	memset(p, 'z', 8 * PAGE);
	CHECK_EQ(pwrite(fd, p, 8 * PAGE, 6 * MIB), 8 * PAGE);
	OK(fsync(fd));
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(m[i * PAGE], 'z');
	memset(m + 2 * PAGE, 'y', PAGE);
	OK(ioctl(fd, BLKZEROOUT, range));
	memset(p + 512, 0, 4 * PAGE);
	CHECK(!memcmp(m, p, 8 * PAGE));
	on_disk(6 * MIB, p, 8 * PAGE);
	m[3 * PAGE] = p[3 * PAGE] = 'x';
	OK(msync(m, 8 * PAGE, MS_SYNC));
	on_disk(6 * MIB, p, 8 * PAGE);
	OK(munmap(m, 8 * PAGE));
	free(p);
	close(fd);
}

static void read_ahead_size(void)
{
	int fd = open_disk(O_RDONLY);
	unsigned long old, now;

	OK(ioctl(fd, BLKRAGET, &old));
	CHECK(old >= 8);
	OK(ioctl(fd, BLKRASET, 64));
	OK(ioctl(fd, BLKRAGET, &now));
	CHECK_EQ(now, 64);
	if (geteuid() == 0) {
		pid_t pid = xfork();

		if (pid == 0) {
			become(NOBODY_UID, NOBODY_GID);
			CHECK_ERR(ioctl(fd, BLKRASET, 8), EACCES);
			_exit(0);
		}
		wait_ok(pid);
	}
	OK(ioctl(fd, BLKRASET, old));
}

static void ends(void)
{
	int fd = open_disk(O_RDWR);
	off_t size = (off_t)disk_size(fd);
	char buf[1024];

	memset(buf, 'e', sizeof(buf));
	CHECK_EQ(pwrite(fd, buf, 512, size - 512), 512);
	CHECK_EQ(pread(fd, buf, sizeof(buf), size - 512), 512);
	CHECK_EQ(pread(fd, buf, 1, size), 0);
	CHECK_EQ(pwrite(fd, buf, sizeof(buf), size - 512), 512);
	CHECK_ERR(pwrite(fd, buf, 1, size), ENOSPC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), size);
}

/* Pieces of all sizes and places; the cache and the disk must agree with a copy. */
static void pieces(void)
{
	int fd = open_disk(O_RDWR);
	char *model = aligned(MIB), *now = aligned(MIB);
	unsigned int seed = 1;

	fill_pattern(model, MIB, 3);
	CHECK_EQ(pwrite(fd, model, MIB, MIB), MIB);
	for (int i = 0; i < 200; i++) {
		size_t at = (size_t)rand_r(&seed) % MIB;
		size_t n = (size_t)rand_r(&seed) % (i % 4 ? 3000 : 40000);

		if (n > MIB - at)
			n = MIB - at;
		memset(model + at, i, n);
		CHECK_EQ(pwrite(fd, model + at, n, MIB + (off_t)at), n);
		if (i % 50 == 20)
			OK(ioctl(fd, BLKFLSBUF, 0));
	}
	CHECK_EQ(pread(fd, now, MIB, MIB), MIB);
	CHECK(!memcmp(now, model, MIB));
	OK(fsync(fd));
	on_disk(MIB, model, MIB);
}

/* Whole pages that are not in memory are written without being read. */
static void half_a_buffer(void)
{
	int fd = open_disk(O_RDWR);
	char *p = aligned(4 * PAGE), *end, *back = aligned(4 * PAGE);
	long got;

	memset(p, 'a', 4 * PAGE);
	CHECK_EQ(pwrite(fd, p, 4 * PAGE, 2 * MIB), 4 * PAGE);
	OK(fsync(fd));
	OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	/* The buffer ends in the middle of the second page. */
	end = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(end != MAP_FAILED);
	OK(mprotect(end + 2 * PAGE, PAGE, PROT_NONE));
	memset(end, 'b', 2 * PAGE);
	got = pwrite(fd, end + PAGE / 2, 3 * PAGE / 2 + PAGE, 2 * MIB);
	CHECK(got > 0 && got <= (long)(3 * PAGE / 2));
	CHECK_EQ(pread(fd, back, 4 * PAGE, 2 * MIB), 4 * PAGE);
	for (size_t i = 0; i < (size_t)got; i++)
		CHECK_EQ(back[i], 'b');
	for (size_t i = 3 * PAGE / 2; i < 4 * PAGE; i++)
		CHECK_EQ(back[i], 'a');
}

static void direct_alignment(void)
{
	int fd = open_disk(O_RDWR | O_DIRECT);
	char *p = aligned(2 * PAGE);

	CHECK_ERR(pread(fd, p + 1, 512, 0), EINVAL);
	CHECK_ERR(pread(fd, p, 100, 0), EINVAL);
	CHECK_ERR(pread(fd, p, 512, 100), EINVAL);
	CHECK_ERR(pwrite(fd, p + 8, 512, 3 * MIB), EINVAL);
	CHECK_EQ(pread(fd, p, 8192, 3 * MIB), 8192);
	CHECK_EQ(pread(fd, p, 512, (off_t)disk_size(fd)), 0);
	CHECK_EQ(pread(fd, p, 8192, (off_t)disk_size(fd) - 4096), 4096);
	CHECK_ERR(pread(fd, (void *)PAGE, 4096, 0), EFAULT);
}

static void direct_sees_the_cache(void)
{
	int fd = open_disk(O_RDWR), dfd = open_disk(O_RDWR | O_DIRECT);
	char *p = aligned(64 * PAGE), *q = aligned(64 * PAGE);

	fill_pattern(p, 64 * PAGE, 9);
	CHECK_EQ(pwrite(fd, p, 64 * PAGE, 3 * MIB), 64 * PAGE);
	CHECK_EQ(pread(dfd, q, 64 * PAGE, 3 * MIB), 64 * PAGE);
	CHECK(!memcmp(p, q, 64 * PAGE));
	/* And the other way: what the cache had is not there any more. */
	memset(q, 'd', 64 * PAGE);
	CHECK_EQ(pwrite(dfd, q, 63 * PAGE, 3 * MIB + (off_t)PAGE), 63 * PAGE);
	CHECK_EQ(pread(fd, q, 64 * PAGE, 3 * MIB), 64 * PAGE);
	CHECK(!memcmp(p, q, PAGE));
	for (size_t i = PAGE; i < 64 * PAGE; i++)
		CHECK_EQ(q[i], 'd');
}

/* A direct write below a mapping: the mapping sees it. */
static void direct_and_mapping(void)
{
	int fd = open_disk(O_RDWR), dfd = open_disk(O_RDWR | O_DIRECT);
	char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4 * MIB);
	char *q = aligned(4 * PAGE);

	CHECK(m != MAP_FAILED);
	memset(m, 'm', 4 * PAGE);
	memset(q, 'w', 4 * PAGE);
	CHECK_EQ(pwrite(dfd, q, 2 * PAGE, 4 * MIB + (off_t)PAGE), 2 * PAGE);
	CHECK_EQ(m[0], 'm');
	CHECK_EQ(m[PAGE], 'w');
	CHECK_EQ(m[3 * PAGE - 1], 'w');
	CHECK_EQ(m[3 * PAGE], 'm');
	/* Into a mapping of the disk itself. */
	memset(q, 'x', PAGE);
	CHECK_EQ(pwrite(dfd, q, PAGE, 5 * MIB), PAGE);
	CHECK_EQ(pread(dfd, m, PAGE, 5 * MIB), PAGE);
	OK(msync(m, 4 * PAGE, MS_SYNC));
	on_disk(4 * MIB, q, PAGE);
}

static void msync_reaches_the_disk(void)
{
	int fd = open_disk(O_RDWR);
	char *m = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 5 * MIB);
	char want[PAGE];

	CHECK(m != MAP_FAILED);
	for (int round = 0; round < 3; round++) {
		memset(want, 'A' + round, PAGE);
		for (int i = 0; i < 8; i += 2)
			memset(m + (size_t)i * PAGE, 'A' + round, PAGE);
		OK(msync(m, 8 * PAGE, MS_SYNC));
		for (int i = 0; i < 8; i += 2)
			on_disk(5 * MIB + i * (off_t)PAGE, want, PAGE);
	}
}

static long reads_of(const char *name)
{
	FILE *f = fopen("/proc/diskstats", "r");
	char line[256], dev[64];
	long reads, found = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %63s %ld", dev, &reads) == 2 &&
		    !strcmp(dev, strrchr(name, '/') + 1))
			found = reads;
	fclose(f);
	return found;
}

/* Reading in order takes few requests; what is cached takes none. */
static void read_ahead(void)
{
	int fd = open_disk(O_RDONLY);
	char buf[PAGE];
	long before, after;

	OK(fsync(fd));
	OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	before = reads_of(disk());
	CHECK(before >= 0);
	for (off_t at = 0; at < 4 * MIB; at += (off_t)PAGE)
		CHECK_EQ(pread(fd, buf, PAGE, at), PAGE);
	/* What was asked for ahead comes in still. */
	do {
		after = reads_of(disk());
		usleep(50000);
	} while (reads_of(disk()) != after);
	CHECK(after > before && after - before < 4 * MIB / (long)PAGE / 8);
	for (off_t at = 0; at < 4 * MIB; at += (off_t)PAGE)
		CHECK_EQ(pread(fd, buf, PAGE, at), PAGE);
	CHECK_EQ(reads_of(disk()), after);
}

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

/* A table with two partitions of a MiB each, from 1 and from 3 MiB on, or none. */
static void write_table(int fd, bool any)
{
	unsigned char mbr[512] = { 0 };

	for (int i = 0; any && i < 2; i++) {
		mbr[446 + 16 * i + 4] = 0x83;
		put32(mbr + 446 + 16 * i + 8, (uint32_t)(1 + 2 * i) * 2048);
		put32(mbr + 446 + 16 * i + 12, 2048);
	}
	if (any) {
		/* A third one, behind the end. */
		mbr[446 + 32 + 4] = 0x83;
		put32(mbr + 446 + 32 + 8, 0xfffffff0);
		put32(mbr + 446 + 32 + 12, 0xffffffff);
		mbr[510] = 0x55;
		mbr[511] = 0xaa;
	}
	CHECK_EQ(pwrite(fd, mbr, 512, 0), 512);
	OK(fsync(fd));
	OK(ioctl(fd, BLKRRPART, 0));
}

static void partitions(void)
{
	int fd = open_disk(O_RDWR), part;
	char name[80], buf[512];
	uint64_t size;

	memset(buf, 'P', sizeof(buf));
	CHECK_EQ(pwrite(fd, buf, 512, 3 * MIB), 512);
	write_table(fd, true);
	snprintf(name, sizeof(name), "%s%s2", disk(), disk()[strlen(disk()) - 1] <= '9' ? "p" : "");
	UNTIL((part = open(name, O_RDWR)) >= 0);
	OK(ioctl(part, BLKGETSIZE64, &size));
	CHECK_EQ(size, MIB);
	CHECK_EQ(read(part, buf, 512), 512);
	CHECK_EQ(buf[511], 'P');
	memset(buf, 'Q', sizeof(buf));
	CHECK_EQ(pwrite(part, buf, 512, MIB - 512), 512);
	CHECK_ERR(pwrite(part, buf, 1, MIB), ENOSPC);
	OK(fsync(part));
	close(part);
	on_disk(4 * MIB - 512, buf, 512);
	write_table(fd, false);
	UNTIL(open(name, O_RDONLY) < 0);
}

static void *reader(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	int fd = open_disk(O_RDONLY | (seed & 1 ? O_DIRECT : 0));
	uint32_t *p = (uint32_t *)aligned(PAGE);

	for (int i = 0; i < 150; i++) {
		uint32_t at = (uint32_t)rand_r(&seed) % (4 * MIB / PAGE);

		CHECK_EQ(pread(fd, p, PAGE, (off_t)at * (off_t)PAGE), PAGE);
		CHECK_EQ(p[0], at);
		CHECK_EQ(p[1023], at);
		if (i % 40 == 39)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	close(fd);
	return NULL;
}

/* Many at once, with and without the cache. */
static void readers_at_once(void)
{
	int fd = open_disk(O_RDWR);
	uint32_t page[1024];
	pthread_t t[8];

	for (uint32_t i = 0; i < 4 * MIB / PAGE; i++) {
		for (int k = 0; k < 1024; k++)
			page[k] = i;
		CHECK_EQ(pwrite(fd, page, PAGE, (off_t)i * (off_t)PAGE), PAGE);
	}
	OK(fsync(fd));
	for (uintptr_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, reader, (void *)(i + 2)), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
}

/* The n-th request of this thread fails: EIO for who asked, and only once. */
static void failing_requests(void)
{
	int fd = open_disk(O_RDWR | O_DIRECT);
	char *p = aligned(PAGE), text[64];
	int failed = 0, nth;

	snprintf(text, sizeof(text), "/proc/self/task/%d/fail-nth", gettid());
	nth = open(text, O_RDWR);
	if (nth < 0)
		SKIP("no fault injection");
	/* The buffer is there: it is the disk that is asked. */
	memset(p, 0, PAGE);
	for (int i = 1; i < 4; i++) {
		int n = snprintf(text, sizeof(text), "%d", i);
		ssize_t got;

		CHECK_EQ(pwrite(nth, text, (size_t)n, 0), n);
		got = pread(fd, p, PAGE, 0);
		CHECK(pwrite(nth, "0", 1, 0) == 1 || errno == EINVAL);
		CHECK(got == (ssize_t)PAGE || (got == -1 && (errno == EIO || errno == ENOMEM)));
		failed += got < 0;
		CHECK_EQ(pread(fd, p, PAGE, 0), PAGE);
	}
	CHECK(failed >= 1);
}

static const struct tap_case cases[] = {
	{ "sizes", sizes, 0 },
	{ "zeroes", zeroes, 0 },
	{ "zeroes_below_a_mapping", zeroes_below_a_mapping, 0 },
	{ "read_ahead_size", read_ahead_size, 0 },
	{ "ends", ends, 0 },
	{ "pieces", pieces, 0 },
	{ "half_a_buffer", half_a_buffer, 0 },
	{ "direct_alignment", direct_alignment, 0 },
	{ "direct_sees_the_cache", direct_sees_the_cache, 0 },
	{ "direct_and_mapping", direct_and_mapping, 0 },
	{ "msync_reaches_the_disk", msync_reaches_the_disk, 0 },
	{ "read_ahead", read_ahead, 0 },
	{ "partitions", partitions, 0 },
	{ "readers_at_once", readers_at_once, 60 },
	{ "failing_requests", failing_requests, 0 },
};

/* The device of a partition, once known, is never freed: the first time is no leak. */
static void warm_up(void)
{
	int fd = open(getenv("TEST_DISK") ?: "/dev/ram0", O_RDWR);

	if (fd < 0)
		return;
	write_table(fd, true);
	write_table(fd, false);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct tap_program p = { .cases = cases, .ncases = TAP_COUNT(cases) };
	struct utsname u;

	if (uname(&u) == 0 && strstr(u.release, "cutaway"))
		warm_up();
	return tap_main(argc, argv, &p);
}
