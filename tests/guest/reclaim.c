/* SPDX-License-Identifier: MIT */
/*
 * reclaim.c - memory by its counters: which fault does what, what a fork of much memory costs,
 * advice, locks and limits. What needs a swap area is in swap.c.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB	(1UL << 20)
#define NOBODY	65534

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT	1
#endif

static char *map(size_t size, int flags)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
		       -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* The value of a line of a /proc file; -1: there is none. */
static long long proc_value(const char *file, const char *name)
{
	static char buf[16384];
	size_t len = strlen(name);
	int fd = OK(open(file, O_RDONLY | O_CLOEXEC));
	ssize_t n = OK(read(fd, buf, sizeof(buf) - 1));

	close(fd);
	buf[n] = '\0';
	for (char *p = buf; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, name, len) == 0 && (p[len] == ' ' || p[len] == ':'))
			return atoll(p + len + 1);
	return -1;
}

static long long counter(const char *name)
{
	long long n = proc_value("/proc/vmstat", name);

	if (n < 0)
		SKIP("/proc/vmstat does not count faults by kind");
	return n;
}

static void write_text(const char *file, const char *text)
{
	int fd = OK(open(file, O_WRONLY | O_CLOEXEC));

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool resident(const void *p)
{
	unsigned char vec;

	OK(mincore((void *)((uintptr_t)p & ~(PAGE - 1)), PAGE, &vec));
	return vec & 1;
}

static void drop_privileges(void)
{
	if (geteuid() == 0) {
		OK(setgid(NOBODY));
		OK(setuid(NOBODY));
	}
}

/* ---- counters ---- */

static void faults_by_kind(void)
{
	char *p = map(64 * PAGE, 0);
	long long zero = counter("fault_demand_zero"), read = counter("fault_zero_page");
	long long cow = counter("fault_cow"), take = counter("fault_take_over");

	for (int i = 0; i < 32; i++)
		p[i * PAGE] = 1;
	CHECK(counter("fault_demand_zero") >= zero + 32);
	for (int i = 32; i < 64; i++)
		CHECK_EQ(((volatile char *)p)[i * PAGE], 0);
	CHECK(counter("fault_zero_page") >= read + 32);
	pid_t pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < 32; i++)
			p[i * PAGE] = 2;
		_exit(0);
	}
	wait_ok(pid);
	CHECK(counter("fault_cow") >= cow + 32);
	for (int i = 0; i < 32; i++)
		p[i * PAGE] = 3;
	CHECK(counter("fault_take_over") >= take + 1);
}

/* Page tables and what a process needs anyway: no page of the memory itself. */
static void fork_of_64_mib(void)
{
	char *p = map(64 * MIB, 0);
	long long cow, free_before, free_after;
	struct gate touch, touched, end;

	counter("fault_cow");
	for (size_t i = 0; i < 64 * MIB; i += PAGE)
		p[i] = (char)(i / PAGE);
	gate_init(&touch);
	gate_init(&touched);
	gate_init(&end);
	free_before = counter("nr_free_pages");
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&touch);
		p[12345 * PAGE] = 1;
		gate_open(&touched);
		gate_wait(&end);
		for (size_t i = 0; i < 64 * MIB; i += PAGE)
			if (i != 12345 * PAGE)
				CHECK_EQ(p[i], (char)(i / PAGE));
		_exit(0);
	}
	wait_asleep(pid);
	free_after = counter("nr_free_pages");
	CHECK(free_before - free_after < 32 + 64);
	cow = counter("fault_cow");
	gate_open(&touch);
	gate_wait(&touched);
	/* The page, and a few of the stacks and globals that both use. */
	CHECK(counter("fault_cow") - cow >= 1);
	CHECK(counter("fault_cow") - cow < 16);
	CHECK(free_after - counter("nr_free_pages") < 32);
	CHECK_EQ(p[12345 * PAGE], (char)12345);
	gate_open(&end);
	wait_ok(pid);
}

/* ---- advice ---- */

static void lazily_freed(void)
{
	char *p = map(16 * PAGE, 0);

	memset(p, 'x', 16 * PAGE);
	OK(madvise(p, 16 * PAGE, MADV_FREE));
	/* Old contents or zeros, page by page; what is written from now on stays. */
	for (int i = 0; i < 16; i++) {
		char c = ((volatile char *)p)[i * PAGE];
		CHECK(c == 'x' || c == 0);
		CHECK_EQ(p[i * PAGE + PAGE - 1], c);
	}
	p[0] = 'y';
	p[5 * PAGE + 7] = 'z';
	OK(madvise(p + 8 * PAGE, 8 * PAGE, MADV_FREE));
	CHECK_EQ(p[0], 'y');
	CHECK_EQ(p[5 * PAGE + 7], 'z');
	char *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	CHECK_ERR(madvise(s, PAGE, MADV_FREE), EINVAL);
}

static void cold_and_out(void)
{
	char *p = map(64 * PAGE, 0);

	for (int i = 0; i < 64; i++)
		memset(p + i * PAGE, i, PAGE);
	OK(madvise(p, 64 * PAGE, 20));		/* MADV_COLD */
	OK(madvise(p, 64 * PAGE, 21));		/* MADV_PAGEOUT */
	for (int i = 0; i < 64; i++)
		CHECK(p[i * PAGE] == i && p[i * PAGE + PAGE - 1] == i);
}

static void not_for_children(void)
{
	char *gone = map(PAGE, 0), *wiped = map(PAGE, 0), *kept = map(PAGE, 0);

	gone[0] = wiped[0] = kept[0] = 'a';
	OK(madvise(gone, PAGE, MADV_DONTFORK));
	OK(madvise(wiped, PAGE, 18));		/* MADV_WIPEONFORK */
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(kept[0], 'a');
		CHECK_EQ(wiped[0], 0);
		CHECK_ERR(msync(gone, PAGE, MS_ASYNC), ENOMEM);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(wiped[0], 'a');
	OK(madvise(gone, PAGE, MADV_DOFORK));
	OK(madvise(wiped, PAGE, 19));		/* MADV_KEEPONFORK */
	pid = xfork();
	if (pid == 0) {
		CHECK_EQ(gone[0], 'a');
		CHECK_EQ(wiped[0], 'a');
		_exit(0);
	}
	wait_ok(pid);
}

/* ---- flags of mmap ---- */

static void populated(void)
{
	char *p = map(8 * PAGE, MAP_POPULATE), *q = map(8 * PAGE, 0);

	for (int i = 0; i < 8; i++) {
		CHECK(resident(p + i * PAGE));
		CHECK(!resident(q + i * PAGE));
	}
	q[3 * PAGE] = 1;
	CHECK(resident(q + 3 * PAGE));
	CHECK(!resident(q + 4 * PAGE));
}

static void grows_down(void)
{
	/* The free space is found by taking and giving back a large range. */
	char *hole = map(4 * MIB, 0);

	OK(munmap(hole, 4 * MIB));
	char *p = mmap(hole + 3 * MIB, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(p == hole + 3 * MIB);
	p[0] = 1;
	p[-1] = 2;
	p[-(long)(20 * PAGE)] = 3;
	CHECK_EQ(p[0] + p[-1] + p[-(long)(20 * PAGE)], 6);
}

static void more_than_there_is(void)
{
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	size_t huge = 1UL << 45;
	char mode = '1';

	if (fd < 0 || read(fd, &mode, 1) != 1 || mode != '0')
		SKIP("overcommit_memory is not 0");
	CHECK(mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	      MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
	char *p = map(huge, MAP_NORESERVE);
	p[huge / 2] = 1;
	OK(munmap(p, huge));
	p = mmap(NULL, huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
}

/* ---- locks ---- */

static void set_memlock(rlim_t bytes)
{
	struct rlimit rl = { bytes, bytes };

	OK(setrlimit(RLIMIT_MEMLOCK, &rl));
}

static void locked(void)
{
	char *p = map(8 * PAGE, 0);

	OK(mlock(p, 4 * PAGE));
	CHECK(resident(p) && resident(p + 3 * PAGE) && !resident(p + 4 * PAGE));
	OK(syscall(SYS_mlock2, p + 4 * PAGE, 2 * PAGE, MLOCK_ONFAULT));
	CHECK(!resident(p + 4 * PAGE));
	CHECK_ERR(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(syscall(SYS_mlock2, p, PAGE, 2), EINVAL);
	OK(munlock(p, 6 * PAGE));
	OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK(!resident(p));
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(MCL_FUTURE | 8), EINVAL);
	OK(munlockall());
}

static void lock_limit(void)
{
	set_memlock(8 * PAGE);
	drop_privileges();
	char *p = map(32 * PAGE, 0);
	OK(mlock(p, 4 * PAGE));
	OK(mlock(p, 4 * PAGE));
	CHECK_ERR(mlock(p, 9 * PAGE), ENOMEM);
	OK(munlock(p, 4 * PAGE));
	OK(mlock(p + 8 * PAGE, 8 * PAGE));
	CHECK_ERR(mlock(p, PAGE), ENOMEM);
	CHECK_ERR(mlockall(MCL_CURRENT), ENOMEM);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, EAGAIN);
	OK(munlockall());
	set_memlock(0);
	CHECK_ERR(mlock(p, PAGE), EPERM);
	CHECK_ERR(mlockall(MCL_CURRENT), EPERM);
}

/* ---- who is killed ---- */

static void oom_adjustment(void)
{
	char buf[16] = "";
	int fd;

	write_text("/proc/self/oom_score_adj", "500\n");
	fd = OK(open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
	CHECK_EQ(read(fd, buf, sizeof(buf)), 4);
	CHECK(strcmp(buf, "500\n") == 0);
	CHECK_ERR(pwrite(fd, "1001", 4, 0), EINVAL);
	CHECK_ERR(pwrite(fd, "x", 1, 0), EINVAL);
	pid_t pid = xfork();
	if (pid == 0) {
		/* Inherited; the privileged may lower it, others only raise it. */
		fd = OK(open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
		CHECK_EQ(read(fd, buf, sizeof(buf)), 4);
		CHECK(strcmp(buf, "500\n") == 0);
		CHECK(pwrite(fd, "-7", 2, 0) == 2 || errno == EACCES);
		_exit(0);
	}
	wait_ok(pid);
	CHECK(access("/proc/self/oom_score", R_OK) == 0);
}

static const struct tap_case cases[] = {
	{ "faults_by_kind", faults_by_kind, 0 },
	{ "fork_of_64_mib", fork_of_64_mib, 0 },
	{ "lazily_freed", lazily_freed, 0 },
	{ "cold_and_out", cold_and_out, 0 },
	{ "not_for_children", not_for_children, 0 },
	{ "populated", populated, 0 },
	{ "grows_down", grows_down, 0 },
	{ "more_than_there_is", more_than_there_is, 0 },
	{ "locked", locked, 0 },
	{ "lock_limit", lock_limit, 0 },
	{ "oom_adjustment", oom_adjustment, 0 },
};

TAP_MAIN(cases)
