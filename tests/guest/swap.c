/* SPDX-License-Identifier: MIT */
/*
 * swap.c - swapon, swapoff, and pages that go out and come back. Needs a privileged process and
 * a disk or a file of at least 8 MiB that may be written over: $TEST_DISK, or /dev/ram0 on Cutaway
 * (kernel word ramdisk=16). Else all is skipped.
 *
 * Helpers for the suite "pressure": sort MIB sorts so much memory, eat MIB touches it, hold MIB
 * touches it and stays.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MIB		(1UL << 20)
#define SLOTS		2048		/* with the header: 8 MiB */
#define MADV_PAGEOUT_	21

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
			SKIP("no disk to swap to");
	}
	return name;
}

/* What mkswap(8) writes; bad slots 5, 6 and 7. */
static void make_swap(const char *magic, uint32_t version, uint32_t last)
{
	static uint32_t page[PAGE / 4];
	int fd = OK(open(disk(), O_WRONLY | O_CLOEXEC));

	memset(page, 0, sizeof(page));
	page[256] = version;
	page[257] = last;
	page[258] = 3;
	for (uint32_t i = 0; i < 3; i++)
		page[384 + i] = 5 + i;
	memcpy((char *)page + PAGE - 10, magic, 10);
	CHECK_EQ(pwrite(fd, page, PAGE, 0), PAGE);
	OK(fsync(fd));
	close(fd);
}

static void start(void)
{
	make_swap("SWAPSPACE2", 1, SLOTS - 1);
	OK(swapon(disk(), 0));
}

static void stop(void)
{
	OK(swapoff(disk()));
}

static char *make(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < pages; i++) {
		memset(p + i * PAGE, (int)i, PAGE);
		*(size_t *)(p + i * PAGE) = i * 12345;
	}
	return p;
}

static void check(const char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		CHECK_EQ(*(const size_t *)(p + i * PAGE), i * 12345);
		CHECK_EQ(p[i * PAGE + PAGE - 1], (char)i);
	}
}

/* How many of the pages are in swap, by pagemap. */
static size_t swapped(const void *p, size_t pages)
{
	int fd = OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	size_t n = 0;

	for (size_t i = 0; i < pages; i++) {
		uint64_t word;

		CHECK_EQ(pread(fd, &word, 8, (off_t)(((uintptr_t)p / PAGE + i) * 8)), 8);
		n += word >> 62 & 1;
		CHECK(word >> 62 != 3);
	}
	close(fd);
	return n;
}

/* Out with as many as will go. */
static void page_out(char *p, size_t pages)
{
	OK(madvise(p, pages * PAGE, MADV_PAGEOUT_));
	CHECK(swapped(p, pages) > pages / 2);
}

static void errors(void)
{
	const char *name = disk();

	CHECK_ERR(swapon("/nowhere", 0), ENOENT);
	CHECK_ERR(swapon("/", 0), EINVAL);
	CHECK_ERR(swapon(name, 1 << 30), EINVAL);
	CHECK_ERR(swapoff(name), EINVAL);
	make_swap("NOSWAPHERE", 1, SLOTS - 1);
	CHECK_ERR(swapon(name, 0), EINVAL);
	make_swap("SWAPSPACE2", 2, SLOTS - 1);
	CHECK_ERR(swapon(name, 0), EINVAL);
	make_swap("SWAPSPACE2", 1, 0xfffffff0);
	CHECK_ERR(swapon(name, 0), EINVAL);
	start();
	CHECK_ERR(swapon(name, 0), EBUSY);
	pid_t pid = xfork();
	if (pid == 0) {
		OK(setuid(65534));
		CHECK_ERR(swapon(name, 0), EPERM);
		CHECK_ERR(swapoff(name), EPERM);
		_exit(0);
	}
	wait_ok(pid);
	stop();
}

static void listed(void)
{
	char buf[1024] = "", name[64], type[16];
	struct stat st;
	unsigned long size, used;
	int prio, fd;

	make_swap("SWAPSPACE2", 1, SLOTS - 1);
	OK(swapon(disk(), SWAP_FLAG_PREFER | 77));
	fd = OK(open("/proc/swaps", O_RDONLY | O_CLOEXEC));
	CHECK(read(fd, buf, sizeof(buf) - 1) > 0);
	close(fd);
	CHECK_EQ(sscanf(strchr(buf, '\n') + 1, "%63s %15s %lu %lu %d", name, type, &size, &used,
			&prio), 5);
	CHECK(strcmp(name, disk()) == 0);
	OK(stat(disk(), &st));
	CHECK(strcmp(type, S_ISREG(st.st_mode) ? "file" : "partition") == 0);
	/* Nobody else writes to what is in use. */
	if (S_ISREG(st.st_mode))
		CHECK_ERR(open(disk(), O_WRONLY | O_CLOEXEC), ETXTBSY);
	/* Without the header and the bad ones. */
	CHECK_EQ(size, (SLOTS - 1 - 3) * 4);
	CHECK_EQ(prio, 77);
	stop();
}

static void out_and_back(void)
{
	unsigned char vec;
	char *p;

	start();
	p = make(1000);
	for (int round = 0; round < 3; round++) {
		page_out(p, 1000);
		OK(mincore(p + 990 * PAGE, PAGE, &vec));
		check(p, 1000);
	}
	/* Out again, and some of it never comes back. */
	page_out(p, 1000);
	OK(munmap(p, 100 * PAGE));
	OK(madvise(p + 100 * PAGE, 100 * PAGE, MADV_DONTNEED));
	for (int i = 100; i < 200; i++)
		CHECK_EQ(p[i * PAGE + 9], 0);
	OK(mprotect(p + 200 * PAGE, 100 * PAGE, PROT_NONE));
	char *q = mremap(p + 300 * PAGE, 100 * PAGE, 100 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	CHECK(q == p);
	for (size_t i = 0; i < 100; i++)
		CHECK_EQ(*(size_t *)(p + i * PAGE), (i + 300) * 12345);
	stop();
	CHECK_EQ(swapped(p, 1000), 0);
	OK(mprotect(p + 200 * PAGE, 100 * PAGE, PROT_READ));
	for (size_t i = 200; i < 300; i++)
		CHECK_EQ(*(size_t *)(p + i * PAGE), i * 12345);
}

/* A line of a file in /proc, summed up where there are several. */
static long sum_of(const char *file, const char *name)
{
	FILE *f = fopen(file, "re");
	char line[512];
	long sum = 0, value;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) &&
		    sscanf(line + strlen(name), "%ld", &value) == 1)
			sum += value;
	fclose(f);
	return sum;
}

/* smaps, status and pagemap agree on what is out. */
static void counted(void)
{
	start();
	char *p = make(400);
	CHECK_EQ(sum_of("/proc/self/smaps", "Swap:"), 0);
	page_out(p, 400);
	long kib = (long)swapped(p, 400) * 4;
	CHECK_EQ(sum_of("/proc/self/smaps", "Swap:"), kib);
	CHECK_EQ(sum_of("/proc/self/status", "VmSwap:"), kib);
	check(p, 100);
	kib = (long)swapped(p, 400) * 4;
	CHECK(kib <= 300 * 4);
	CHECK_EQ(sum_of("/proc/self/smaps", "Swap:"), kib);
	CHECK_EQ(sum_of("/proc/self/status", "VmSwap:"), kib);
	OK(munmap(p, 400 * PAGE));
	CHECK_EQ(sum_of("/proc/self/status", "VmSwap:"), 0);
	stop();
}

/* What comes back and is only read need not be written to leave again. */
static void kept_while_clean(void)
{
	long before, after;

	start();
	char *p = make(400);
	page_out(p, 400);
	check(p, 400);
	before = sum_of("/proc/vmstat", "pswpout ");
	page_out(p, 400);
	after = sum_of("/proc/vmstat", "pswpout ");
	CHECK(after - before < 100);
	check(p, 400);
	/* A relative has them, too, and goes; then they change. */
	pid_t pid = xfork();
	if (pid == 0) {
		check(p, 400);
		p[0] = 'x';
		_exit(0);
	}
	wait_ok(pid);
	for (size_t i = 0; i < 400; i++)
		p[i * PAGE + 90] = 'w';
	before = sum_of("/proc/vmstat", "pswpout ");
	page_out(p, 400);
	after = sum_of("/proc/vmstat", "pswpout ");
	CHECK(after - before > 200);
	for (size_t i = 0; i < 400; i++)
		CHECK_EQ(p[i * PAGE + 90], 'w');
	OK(munmap(p, 200 * PAGE));
	stop();
	for (size_t i = 200; i < 400; i++)
		CHECK_EQ(p[i * PAGE + 90], 'w');
}

/* How many of the pages pagemap calls mapped by us alone. */
static size_t exclusive(const void *p, size_t pages)
{
	int fd = OK(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	size_t n = 0;

	for (size_t i = 0; i < pages; i++) {
		uint64_t word;

		CHECK_EQ(pread(fd, &word, 8, (off_t)(((uintptr_t)p / PAGE + i) * 8)), 8);
		n += (word >> 56 & 0x81) == 0x81;
	}
	close(fd);
	return n;
}

static void swapoff_brings_back(void)
{
	start();
	char *p = make(1200);
	page_out(p, 1200);
	stop();
	CHECK_EQ(swapped(p, 1200), 0);
	check(p, 1200);
}

/* One slot for all who share a page since fork; each comes to its own when it writes. */
static void shared_by_fork(void)
{
	struct gate go;

	start();
	char *p = make(900);
	gate_init(&go);
	page_out(p, 900);
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		check(p, 900);
		for (size_t i = 0; i < 900; i++)
			p[i * PAGE + 50] = 'c';
		page_out(p, 900);
		for (size_t i = 0; i < 900; i++)
			CHECK_EQ(p[i * PAGE + 50], 'c');
		_exit(0);
	}
	check(p, 450);
	page_out(p, 900);
	gate_open(&go);
	wait_ok(pid);
	check(p, 900);
	for (size_t i = 0; i < 900; i++)
		CHECK_EQ(p[i * PAGE + 50], (char)i);
	stop();
}

/* Pages that became shared while they were in memory, and go out from both sides. */
static void cow_goes_out(void)
{
	struct gate out, go;

	start();
	char *p = make(800);
	volatile size_t *gone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(gone != MAP_FAILED);
	gate_init(&out);
	gate_init(&go);
	pid_t pid = xfork();
	if (pid == 0) {
		OK(madvise(p, 800 * PAGE, MADV_PAGEOUT_));
		*gone = swapped(p, 800);
		gate_open(&out);
		gate_wait(&go);
		check(p, 800);
		_exit(0);
	}
	gate_wait(&out);
	/* Linux leaves pages alone that two have; else they are ours now, whatever swap keeps. */
	if (*gone > 400)
		CHECK(exclusive(p, 800) >= *gone);
	OK(madvise(p, 800 * PAGE, MADV_PAGEOUT_));
	for (size_t i = 0; i < 800; i += 2)
		p[i * PAGE + 70] = 'p';
	gate_open(&go);
	wait_ok(pid);
	for (size_t i = 0; i < 800; i++)
		CHECK_EQ(p[i * PAGE + 70], i % 2 ? (char)i : 'p');
	stop();
}

/* ---- races: faults, page-out, fork, exit, all at the same memory ---- */

static char *race_memory;
static volatile int race_over;

static void *race_fault(void *arg)
{
	size_t me = (size_t)arg, n = 0;

	while (!race_over) {
		for (size_t i = 0; i < 256; i++) {
			volatile size_t *w = (volatile size_t *)(race_memory + i * PAGE) + 8 + me;

			CHECK_EQ(*w, n);
			*w = n + 1;
		}
		n++;
	}
	return NULL;
}

static void *race_out(void *arg)
{
	(void)arg;
	while (!race_over)
		OK(madvise(race_memory, 256 * PAGE, MADV_PAGEOUT_));
	return NULL;
}

static void races(void)
{
	pthread_t t[3];
	long long end = msec() + 3000;

	start();
	race_memory = make(256);
	for (size_t i = 0; i < 256; i++)
		memset(race_memory + i * PAGE + 64, 0, 64);
	for (size_t i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, race_fault, (void *)i), 0);
	CHECK_EQ(pthread_create(&t[2], NULL, race_out, NULL), 0);
	while (msec() < end) {
		pid_t pid = xfork();
		if (pid == 0) {
			for (size_t i = 0; i < 256; i++)
				CHECK_EQ(*(size_t *)(race_memory + i * PAGE), i * 12345);
			madvise(race_memory, 128 * PAGE, MADV_PAGEOUT_);
			race_memory[0] = 1;
			_exit(0);
		}
		wait_ok(pid);
	}
	race_over = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < 256; i++)
		CHECK_EQ(*(size_t *)(race_memory + i * PAGE), i * 12345);
	stop();
}

/* ---- races: the area goes while its last pages are waited for ---- */

#define FEW	4

static pthread_barrier_t again;

static void *read_few(void *arg)
{
	for (int round = 0; round < 200; round++) {
		pthread_barrier_wait(&again);
		for (size_t i = 0; i < FEW; i++)
			CHECK_EQ(*(volatile size_t *)(race_memory + i * PAGE), i * 12345);
		pthread_barrier_wait(&again);
	}
	return arg;
}

static void swapoff_and_faults(void)
{
	pthread_t t;

	race_memory = make(FEW);
	pthread_barrier_init(&again, NULL, 2);
	CHECK_EQ(pthread_create(&t, NULL, read_few, NULL), 0);
	for (int round = 0; round < 200; round++) {
		start();
		OK(madvise(race_memory, FEW * PAGE, MADV_PAGEOUT_));
		pthread_barrier_wait(&again);
		stop();
		pthread_barrier_wait(&again);
	}
	pthread_join(t, NULL);
}

/* ---- helpers ---- */

static void sort(uint32_t *a, long n)
{
	while (n > 1) {
		uint32_t pivot = a[(n - 1) / 2], swap;	/* not the last: see j + 1 */
		long i = -1, j = n;

		for (;;) {
			while (a[++i] < pivot)
				;
			while (a[--j] > pivot)
				;
			if (i >= j)
				break;
			swap = a[i];
			a[i] = a[j];
			a[j] = swap;
		}
		sort(a, j + 1);
		a += j + 1;
		n -= j + 1;
	}
}

static uint32_t *take(const char *mib, int flags, size_t *n)
{
	uint32_t *p;

	*n = strtoul(mib, NULL, 10) * MIB / sizeof(*p);
	p = mmap(NULL, *n * sizeof(*p), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static int help_sort(int argc, char **argv)
{
	uint32_t x = 1, sum = 0;
	size_t n;
	uint32_t *p = take(argc > 1 ? argv[1] : "1", 0, &n);

	if (!p)
		return 2;
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = x;
		sum += x;
	}
	sort(p, (long)n);
	for (size_t i = 0; i < n; i++) {
		if (i && p[i - 1] > p[i])
			return 3;
		sum -= p[i];
	}
	printf(sum ? "lost\n" : "sorted\n");
	return sum != 0;
}

static int help_eat(int argc, char **argv)
{
	size_t n;
	uint32_t *p = take(argc > 1 ? argv[1] : "1", MAP_NORESERVE, &n);

	if (!p)
		return 2;
	for (size_t i = 0; i < n; i += PAGE / sizeof(*p))
		p[i] = 1;
	printf("eaten\n");
	return 0;
}

static int help_hold(int argc, char **argv)
{
	int status = help_eat(argc, argv);

	fflush(stdout);
	for (;;)
		pause();
	return status;
}

static const struct tap_case cases[] = {
	{ "errors", errors, 0 },
	{ "listed", listed, 0 },
	{ "out_and_back", out_and_back, 0 },
	{ "swapoff_brings_back", swapoff_brings_back, 0 },
	{ "shared_by_fork", shared_by_fork, 0 },
	{ "cow_goes_out", cow_goes_out, 0 },
	{ "counted", counted, 0 },
	{ "kept_while_clean", kept_while_clean, 0 },
	{ "races", races, 60 },
	{ "swapoff_and_faults", swapoff_and_faults, 60 },
};

static const struct tap_helper helpers[] = {
	{ "sort", help_sort },
	{ "eat", help_eat },
	{ "hold", help_hold },
};

TAP_MAIN_HELPERS(cases, helpers)
