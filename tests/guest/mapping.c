/* SPDX-License-Identifier: MIT */
/*
 * mapping.c - mappings and what is said about them: areas that are cut and joined, mincore,
 * populating, locks across fork and for the future, moved and doubled mappings, limits,
 * POSIX shared memory, reads that map the neighbours, too.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif

static char *map(size_t pages, int prot, int flags)
{
	char *p = mmap(NULL, pages * PAGE, prot, MAP_ANONYMOUS | flags, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static bool resident(const char *p)
{
	unsigned char vec;

	OK(mincore((void *)(uintptr_t)p, PAGE, &vec));
	return vec & 1;
}

/* A number of KiB in /proc/self/status. */
static long status_kib(const char *name)
{
	static char text[8192];
	char *at;

	read_file("/proc/self/status", text, sizeof(text));
	at = strstr(text, name);
	CHECK(at != NULL);
	return strtol(at + strlen(name), NULL, 10);
}

/* How many areas /proc/self/maps shows in [p, end). */
static int areas(const char *p, const char *end)
{
	/* No stdio, whose buffers may come to lie next to what is counted. */
	static char text[16384];
	int n = 0;

	read_file("/proc/self/maps", text, sizeof(text));
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		uintptr_t from;

		line += *line == '\n';
		from = strtoul(line, NULL, 16);
		n += from >= (uintptr_t)p && from < (uintptr_t)end;
	}
	return n;
}

/* ---- areas ---- */

static void cut_and_joined(void)
{
	char *base = map(12, PROT_NONE, MAP_PRIVATE), *p = base + PAGE, *end = p + 10 * PAGE;

	OK(mprotect(p, 10 * PAGE, RW));
	memset(p, 'a', 10 * PAGE);
	CHECK_EQ(areas(p, end), 1);
	OK(mprotect(p + 3 * PAGE, 4 * PAGE, PROT_READ));
	CHECK_EQ(areas(p, end), 3);
	OK(mprotect(p + 4 * PAGE, 2 * PAGE, RW));
	CHECK_EQ(areas(p, end), 5);
	OK(mprotect(p + 3 * PAGE, 4 * PAGE, RW));
	CHECK_EQ(areas(p, end), 1);
	OK(munmap(p + 5 * PAGE, PAGE));
	CHECK_EQ(areas(p, end), 2);
	CHECK(mmap(p + 5 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		   -1, 0) == p + 5 * PAGE);
	CHECK_EQ(areas(p, end), 1);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(p[i * PAGE + 7], i == 5 ? 0 : 'a');
}

static void mincore_errors(void)
{
	char *p = map(4, RW, MAP_PRIVATE);
	unsigned char vec[4] = { 0xff, 0xff, 0xff, 0xff };

	p[PAGE] = 1;
	OK(mincore(p, 3 * PAGE + 1, vec));
	CHECK_EQ(vec[0] & 1, 0);
	CHECK_EQ(vec[1] & 1, 1);
	CHECK_EQ(vec[3] & 1, 0);
	CHECK_ERR(mincore(p + 1, PAGE, vec), EINVAL);
	CHECK_ERR(mincore(p, PAGE, (void *)1), EFAULT);
	CHECK_ERR(mincore(p, 1UL << 62, vec), ENOMEM);
	OK(mincore(p, 0, vec));
	OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_ERR(mincore(p, 4 * PAGE, vec), ENOMEM);
}

/* ---- mremap ---- */

static void doubled(void)
{
	char *p = map(4, RW, MAP_SHARED);
	char *q = mremap(p, 0, 4 * PAGE, MREMAP_MAYMOVE);

	CHECK(q != MAP_FAILED && q != p);
	strcpy(p + PAGE, "seen twice");
	CHECK(!strcmp(q + PAGE, "seen twice"));
	OK(munmap(p, 4 * PAGE));
	CHECK(!strcmp(q + PAGE, "seen twice"));
	/* Private memory has no second place. */
	char *r = map(1, RW, MAP_PRIVATE);
	CHECK(mremap(r, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
}

static void moved_and_left(void)
{
	char *p = map(4, RW, MAP_PRIVATE);

	memset(p, 'm', 4 * PAGE);
	char *q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	CHECK(q != MAP_FAILED && q != p);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(q[i * PAGE], 'm');
		CHECK_EQ(p[i * PAGE], 0);
	}
	p[0] = 'n';
	CHECK_EQ(q[0], 'm');
	CHECK(mremap(p, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
}

/* A part of a mapping moves to where another one is, which goes; a relative keeps its own. */
static void moved_after_fork(void)
{
	char *p = map(8, RW, MAP_PRIVATE), *t = map(8, RW, MAP_PRIVATE);
	struct gate go;

	for (int i = 0; i < 8; i++)
		p[i * PAGE] = (char)('a' + i);
	gate_init(&go);
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		for (int i = 0; i < 8; i++)
			CHECK_EQ(p[i * PAGE], 'a' + i);
		_exit(0);
	}
	CHECK(mremap(p + 2 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     t + PAGE) == t + PAGE);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(t[(1 + i) * PAGE], 'c' + i);
		t[(1 + i) * PAGE] = 'x';
	}
	CHECK_ERR(msync(p + 2 * PAGE, PAGE, MS_ASYNC), ENOMEM);
	CHECK_EQ(t[0] + t[4 * PAGE], 0);
	gate_open(&go);
	wait_ok(pid);
}

/* ---- in memory ahead, and for ever ---- */

static void populated_ways(void)
{
	char *p = map(8, RW, MAP_PRIVATE | MAP_LOCKED);

	for (int i = 0; i < 8; i++)
		CHECK(resident(p + i * PAGE));
	CHECK(status_kib("VmLck:") >= 32);
	OK(munmap(p, 8 * PAGE));
	CHECK_EQ(status_kib("VmLck:"), 0);
	/* MADV_POPULATE_READ, MADV_POPULATE_WRITE */
	p = map(8, RW, MAP_PRIVATE);
	OK(madvise(p, 4 * PAGE, 22));
	OK(madvise(p + 4 * PAGE, 4 * PAGE, 23));
	CHECK(resident(p + 4 * PAGE) && resident(p + 7 * PAGE));
	OK(mprotect(p, PAGE, PROT_READ));
	CHECK_ERR(madvise(p, PAGE, 23), EINVAL);
	OK(madvise(p, PAGE, 22));
	OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(madvise(p, 3 * PAGE, 22), ENOMEM);
}

static void locks_are_not_inherited(void)
{
	char *p = map(4, RW, MAP_PRIVATE);

	OK(mlock(p, 4 * PAGE));
	CHECK_EQ(status_kib("VmLck:"), 16);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(status_kib("VmLck:"), 0);
		OK(madvise(p, PAGE, MADV_DONTNEED));
		CHECK_EQ(p[0], 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(status_kib("VmLck:"), 16);
	/* Ours is still here, whatever the fork has made of its entries. */
	for (int i = 0; i < 4; i++)
		CHECK(resident(p + i * PAGE));
	OK(munlock(p, 4 * PAGE));
}

static void locked_in_future(void)
{
	OK(mlockall(MCL_FUTURE));
	char *p = map(4, RW, MAP_PRIVATE);
	for (int i = 0; i < 4; i++)
		CHECK(resident(p + i * PAGE));
	CHECK_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	OK(munlockall());
	char *q = map(4, RW, MAP_PRIVATE);
	CHECK(!resident(q));
	OK(madvise(p, PAGE, MADV_DONTNEED));
}

/* ---- limits ---- */

static void data_limit(void)
{
	struct rlimit rl;
	char *ro = map(256, PROT_READ, MAP_PRIVATE);

	OK(getrlimit(RLIMIT_DATA, &rl));
	rl.rlim_cur = (rlim_t)status_kib("VmData:") * 1024 + 16 * PAGE;
	OK(setrlimit(RLIMIT_DATA, &rl));
	char *p = map(8, RW, MAP_PRIVATE);
	CHECK(mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
	/* What is shared, or cannot be written, does not count - until it can. */
	map(64, RW, MAP_SHARED);
	map(64, PROT_READ, MAP_PRIVATE);
	CHECK_ERR(mprotect(ro, 256 * PAGE, RW), ENOMEM);
	CHECK(mremap(p, 8 * PAGE, 64 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
	OK(munmap(p, 8 * PAGE));
	map(8, RW, MAP_PRIVATE);
}

/* ---- objects ---- */

static void posix_shared_memory(void)
{
	struct stat st;
	int fd;

	shm_unlink("/mapping-test");
	fd = OK(shm_open("/mapping-test", O_RDWR | O_CREAT | O_EXCL, 0600));
	OK(ftruncate(fd, 2 * (off_t)PAGE));
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(shm_open("/mapping-test", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	pid_t pid = xfork();
	if (pid == 0) {
		int other = OK(shm_open("/mapping-test", O_RDWR, 0));
		char *q = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, other, 0);

		CHECK(q != MAP_FAILED && q != p);
		strcpy(q + PAGE, "from the child");
		_exit(0);
	}
	wait_ok(pid);
	CHECK(!strcmp(p + PAGE, "from the child"));
	OK(shm_unlink("/mapping-test"));
	CHECK_ERR(shm_open("/mapping-test", O_RDWR, 0), ENOENT);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 2 * PAGE);
	CHECK(!strcmp(p + PAGE, "from the child"));
}

static long minor_faults(void)
{
	struct rusage ru;

	OK(getrusage(RUSAGE_SELF, &ru));
	return ru.ru_minflt;
}

/* One fault maps neighbours that are in memory, too. */
static void neighbours_are_mapped(void)
{
	static char data[64 * PAGE];
	int fd;

	memset(data, 'n', sizeof(data));
	write_file("f", data, sizeof(data));
	fd = OK(open("f", O_RDONLY));
	char *p = mmap(NULL, sizeof(data), PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	long before = minor_faults();
	for (int i = 0; i < 64; i++)
		CHECK_EQ(((volatile char *)p)[i * PAGE], 'n');
	CHECK(minor_faults() - before <= 16);
}

/* ---- two threads, one page ---- */

static char *shared_page;
static int start_line;

static void *write_own_byte(void *arg)
{
	__atomic_fetch_add(&start_line, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&start_line, __ATOMIC_SEQ_CST) < 2)
		;
	shared_page[(size_t)arg] = (char)(size_t)arg;
	return NULL;
}

/* Both stores must be there, whatever kind of page they meet. */
static void both_at_once(char *page, const char *what)
{
	pthread_t t;

	start_line = 0;
	shared_page = page;
	CHECK_EQ(pthread_create(&t, NULL, write_own_byte, (void *)1), 0);
	write_own_byte((void *)2);
	pthread_join(t, NULL);
	if (page[1] != 1 || page[2] != 2)
		FAIL("%s: %d and %d", what, page[1], page[2]);
}

static void one_page_two_cpus(void)
{
	char data[PAGE] = "";
	struct gate go;
	int fd;

	strcpy(data + 100, "file");
	write_file("f", data, PAGE);
	fd = OK(open("f", O_RDWR));
	for (int i = 0; i < 100; i++) {
		char *p = map(1, RW, MAP_PRIVATE);
		both_at_once(p, "untouched");
		OK(munmap(p, PAGE));
		p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
		both_at_once(p, "private, of a file");
		CHECK(!strcmp(p + 100, "file"));
		OK(munmap(p, PAGE));
		p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
		both_at_once(p, "shared, of a file");
		p[1] = p[2] = 0;
		OK(munmap(p, PAGE));
	}
	for (int i = 0; i < 20; i++) {
		char *p = map(1, RW, MAP_PRIVATE);

		p[0] = 'c';
		gate_init(&go);
		pid_t pid = xfork();
		if (pid == 0) {
			gate_wait(&go);
			CHECK(p[0] == 'c' && p[1] == 0 && p[2] == 0);
			_exit(0);
		}
		both_at_once(p, "copy on write");
		gate_open(&go);
		wait_ok(pid);
		gate_close(&go);
		OK(munmap(p, PAGE));
	}
}

static const struct tap_case cases[] = {
	{ "cut_and_joined", cut_and_joined, 0 },
	{ "mincore_errors", mincore_errors, 0 },
	{ "doubled", doubled, 0 },
	{ "moved_and_left", moved_and_left, 0 },
	{ "moved_after_fork", moved_after_fork, 0 },
	{ "populated_ways", populated_ways, 0 },
	{ "locks_are_not_inherited", locks_are_not_inherited, 0 },
	{ "locked_in_future", locked_in_future, 0 },
	{ "data_limit", data_limit, 0 },
	{ "posix_shared_memory", posix_shared_memory, 0 },
	{ "neighbours_are_mapped", neighbours_are_mapped, 0 },
	{ "one_page_two_cpus", one_page_two_cpus, 0 },
};

TAP_MAIN(cases)
