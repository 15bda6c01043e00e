/* SPDX-License-Identifier: MIT */
/*
 * mem.c - address spaces: demand-zero pages, copy on write, brk, mmap, munmap,
 * mprotect, mremap, madvise.  Faults that end in a signal are in fault.c,
 * mappings of files in mmap_file.c.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map_pages(size_t n, int prot, int flags)
{
	return OK(mmap(NULL, n * PAGE, prot, flags, -1, 0));
}

static bool all_bytes(const char *p, size_t len, char c)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != c)
			return false;
	return true;
}

/* Whether a byte can be read and (with write) written back. */
static sigjmp_buf probe_env;

static void probe_failed(int sig)
{
	(void)sig;
	siglongjmp(probe_env, 1);
}

static bool accessible(char *p, bool write)
{
	volatile bool ok = false;

	handle(SIGSEGV, probe_failed, 0);
	if (sigsetjmp(probe_env, 1) == 0) {
		char c = *(volatile char *)p;
		if (write)
			*(volatile char *)p = c;
		ok = true;
	}
	signal(SIGSEGV, SIG_DFL);
	return ok;
}

#define CHECK_RIGHTS(p, read_, write_) \
	do { \
		CHECK_EQ(accessible(p, false), read_); \
		CHECK_EQ(accessible(p, true), write_); \
	} while (0)

static void demand_zero(void)
{
	char *p = map_pages(64, RW, ANON);

	CHECK(all_bytes(p, 32 * PAGE, 0));
	memset(p, 0x5a, 64 * PAGE);
	CHECK(all_bytes(p, 64 * PAGE, 0x5a));
	OK(munmap(p, 64 * PAGE));
	/* What comes back is clean again. */
	p = map_pages(64, RW, ANON);
	CHECK(all_bytes(p, 64 * PAGE, 0));
}

/* A page that was read first is the same zero page as any other's. */
static void read_then_write(void)
{
	char *p = map_pages(2, RW, ANON);

	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[PAGE], 0);
	p[0] = 1;
	CHECK_EQ(p[PAGE], 0);
	p[PAGE + 5] = 2;
	CHECK(p[0] == 1 && p[5] == 0 && p[PAGE] == 0);
}

static void cow_child_writes(void)
{
	char *p = map_pages(16, RW, ANON);

	memset(p, 1, 16 * PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(all_bytes(p, 16 * PAGE, 1));
		memset(p, 2, 16 * PAGE);
		CHECK(all_bytes(p, 16 * PAGE, 2));
		_exit(0);
	}
	wait_ok(pid);
	CHECK(all_bytes(p, 16 * PAGE, 1));
}

static void cow_parent_writes(void)
{
	char *p = map_pages(16, RW, ANON);
	struct gate g;

	gate_init(&g);
	memset(p, 1, 16 * PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&g);
		CHECK(all_bytes(p, 16 * PAGE, 1));
		_exit(0);
	}
	memset(p, 3, 16 * PAGE);
	gate_open(&g);
	wait_ok(pid);
	CHECK(all_bytes(p, 16 * PAGE, 3));
}

/* Four generations, each alters one page and sees the others' past. */
static void cow_grandchildren(void)
{
	char *p = map_pages(4, RW, ANON);

	memset(p, 'a', 4 * PAGE);
	for (int depth = 0; depth < 4; depth++) {
		pid_t pid = xfork();
		if (pid > 0) {
			wait_ok(pid);
			for (int i = 0; i < 4; i++)
				CHECK(all_bytes(p + i * PAGE, PAGE,
						i < depth ? 'b' + i : 'a'));
			if (depth > 0)
				_exit(0);
			return;
		}
		memset(p + depth * PAGE, 'b' + depth, PAGE);
	}
	_exit(0);
}

/* The last owner takes the page over; before that, each has a copy. */
static void cow_many_children(void)
{
	enum { N = 20 };
	char *p = map_pages(1, RW, ANON);
	pid_t pids[N];

	strcpy(p, "parent");
	for (int i = 0; i < N; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			CHECK(!strcmp(p, "parent"));
			snprintf(p, PAGE, "child %d", i);
			for (int j = 0; j < 10; j++)
				brief_pause();
			CHECK_EQ(atoi(p + 6), i);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
	CHECK(!strcmp(p, "parent"));
	strcpy(p, "again");
}

/* The kernel's own writes into user memory break sharing as well. */
static void cow_by_system_call(void)
{
	char *p = map_pages(1, RW, ANON);
	int fd[2];

	OK(pipe(fd));
	memset(p, 'x', PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		write_full(fd[1], "yyyy", 4);
		CHECK_EQ(read(fd[0], p, 4), 4);
		CHECK(!memcmp(p, "yyyyx", 5));
		_exit(0);
	}
	wait_ok(pid);
	CHECK(all_bytes(p, PAGE, 'x'));
}

static void shared_across_fork(void)
{
	char *p = map_pages(3, RW, MAP_SHARED | MAP_ANONYMOUS);

	p[0] = 1;
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(p[0], 1);
		p[0] = 2;
		p[2 * PAGE] = 3;	/* not touched before the fork */
		_exit(0);
	}
	wait_ok(pid);
	CHECK(p[0] == 2 && p[PAGE] == 0 && p[2 * PAGE] == 3);
}

static void break_moves(void)
{
	char *old = (char *)syscall(SYS_brk, 0);
	char *up = old + 5 * PAGE + 123;

	CHECK_EQ(syscall(SYS_brk, up), (long)up);
	CHECK_EQ(syscall(SYS_brk, 0), (long)up);
	char *first = (char *)(((unsigned long)old + PAGE - 1) & ~(PAGE - 1));
	CHECK(all_bytes(first, 4 * PAGE, 0));
	memset(first, 7, 4 * PAGE);
	CHECK_EQ(syscall(SYS_brk, first), (long)first);
	CHECK_RIGHTS(first, false, false);
	/* Grown again, it is zero. */
	CHECK_EQ(syscall(SYS_brk, up), (long)up);
	CHECK(all_bytes(first, 4 * PAGE, 0));
}

static void break_refusals(void)
{
	long old = syscall(SYS_brk, 0);
	struct rlimit rl = { 1 << 20, 1 << 20 };

	/* No error: the break stays and is returned. */
	CHECK_EQ(syscall(SYS_brk, 1), old);
	CHECK_EQ(syscall(SYS_brk, -1L), old);
	CHECK_EQ(syscall(SYS_brk, 0x800000000000), old);
	char *wall = (char *)((old + PAGE - 1) & ~(PAGE - 1)) + 16 * PAGE;
	CHECK(mmap(wall, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) == wall);
	CHECK_EQ(syscall(SYS_brk, wall + 2 * PAGE), old);
	OK(munmap(wall, PAGE));
	OK(setrlimit(RLIMIT_DATA, &rl));
	CHECK_EQ(syscall(SYS_brk, old + (2 << 20)), old);
}

static void unmap_splits(void)
{
	char *p = map_pages(10, RW, ANON);

	memset(p, 9, 10 * PAGE);
	OK(munmap(p + 4 * PAGE, 2 * PAGE));
	CHECK_RIGHTS(p + 3 * PAGE, true, true);
	CHECK_RIGHTS(p + 4 * PAGE, false, false);
	CHECK_RIGHTS(p + 6 * PAGE - 1, false, false);
	CHECK_RIGHTS(p + 6 * PAGE, true, true);
	CHECK(all_bytes(p, 4 * PAGE, 9));
	CHECK(all_bytes(p + 6 * PAGE, 4 * PAGE, 9));
	/* Over holes it goes without complaint. */
	OK(munmap(p, 10 * PAGE));
	OK(munmap(p, 10 * PAGE));
	CHECK_RIGHTS(p, false, false);
	CHECK_RIGHTS(p + 9 * PAGE, false, false);
}

static void protect_splits(void)
{
	char *p = map_pages(9, RW, ANON);

	memset(p, 4, 9 * PAGE);
	OK(mprotect(p + 3 * PAGE, 3 * PAGE, PROT_READ));
	CHECK_RIGHTS(p + 3 * PAGE - 1, true, true);
	CHECK_RIGHTS(p + 3 * PAGE, true, false);
	CHECK_RIGHTS(p + 6 * PAGE - 1, true, false);
	CHECK_RIGHTS(p + 6 * PAGE, true, true);
	OK(mprotect(p + 4 * PAGE, PAGE, PROT_NONE));
	CHECK_RIGHTS(p + 4 * PAGE, false, false);
	OK(mprotect(p, 9 * PAGE, RW));
	CHECK(all_bytes(p, 9 * PAGE, 4));
	CHECK_RIGHTS(p + 4 * PAGE, true, true);
}

static void protect_errors(void)
{
	char *p = map_pages(4, RW, ANON);

	CHECK_ERR(syscall(SYS_mprotect, p + 1, PAGE, PROT_READ), EINVAL);
	OK(syscall(SYS_mprotect, p, 0, PROT_NONE));
	CHECK_RIGHTS(p, true, true);
	CHECK_ERR(syscall(SYS_mprotect, p, PAGE, 0x1000), EINVAL);
	OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_ERR(mprotect(p, 4 * PAGE, PROT_READ), ENOMEM);
	CHECK_ERR(syscall(SYS_mprotect, p, -PAGE, PROT_READ), ENOMEM);
	/* A length that is no multiple covers the whole page. */
	OK(syscall(SYS_mprotect, p + 3 * PAGE, 1, PROT_READ));
	CHECK_RIGHTS(p + 4 * PAGE - 1, true, false);
}

static void protect_and_cow(void)
{
	char *p = map_pages(1, RW, ANON);

	p[0] = 1;
	OK(mprotect(p, PAGE, PROT_READ));
	pid_t pid = xfork();
	if (pid == 0) {
		OK(mprotect(p, PAGE, RW));
		p[0] = 2;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], 1);
	CHECK_RIGHTS(p, true, false);
	OK(mprotect(p, PAGE, RW));
	p[0] = 3;
}

static void map_errors(void)
{
	CHECK_ERR(syscall(SYS_mmap, 0, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, RW, ANON, -1, 1), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 1, PAGE, RW, ANON | MAP_FIXED, -1, 0),
		  EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, -1L, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, 0, 1L << 62, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, 0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED,
			  -1, 0), ENOMEM);
	CHECK_ERR(syscall(SYS_mmap, 0xffff800000000000, PAGE, RW,
			  ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERR(syscall(SYS_munmap, 1, PAGE), EINVAL);
	CHECK_ERR(syscall(SYS_munmap, 0x10000, 0), EINVAL);
	CHECK_ERR(syscall(SYS_munmap, 0x10000, -1L), EINVAL);
	CHECK_ERR(syscall(SYS_munmap, 0x7ffffffff000, 2 * PAGE), EINVAL);
	CHECK_ERR(syscall(SYS_munmap, 0xffff800000000000, PAGE), EINVAL);
}

static void fixed_replaces(void)
{
	char *p = map_pages(5, RW, ANON);

	memset(p, 6, 5 * PAGE);
	CHECK(mmap(p + PAGE, 2 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) ==
	      p + PAGE);
	CHECK(all_bytes(p, PAGE, 6));
	CHECK(all_bytes(p + PAGE, 2 * PAGE, 0));
	CHECK_RIGHTS(p + PAGE, true, false);
	CHECK(all_bytes(p + 3 * PAGE, 2 * PAGE, 6));
}

static void fixed_noreplace(void)
{
	char *p = map_pages(3, RW, ANON);

	OK(munmap(p + PAGE, PAGE));
	CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) ==
	      p + PAGE);
	p[PAGE] = 1;
	CHECK_ERR(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
		  EEXIST);
	CHECK_ERR(mmap(p, 3 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0),
		  EEXIST);
	CHECK_EQ(p[PAGE], 1);
}

static void hint(void)
{
	char *p = map_pages(3, RW, ANON);

	/* A free hint is taken, rounded down; one in use is not. */
	OK(munmap(p, 3 * PAGE));
	CHECK(mmap(p, PAGE, RW, ANON, -1, 0) == p);
	char *q = OK(mmap(p, PAGE, RW, ANON, -1, 0));
	CHECK(q != p);
	OK(mmap((void *)0xffff800000000000, PAGE, RW, ANON, -1, 0));
}

static void no_access(void)
{
	char *p = map_pages(2, PROT_NONE, ANON);

	CHECK_RIGHTS(p, false, false);
	OK(mprotect(p, PAGE, RW));
	CHECK_EQ(p[0], 0);
	p[0] = 1;
	OK(mprotect(p, PAGE, PROT_NONE));
	CHECK_RIGHTS(p, false, false);
	OK(mprotect(p, PAGE, PROT_READ));
	CHECK_EQ(p[0], 1);
}

static void dontneed(void)
{
	char *p = map_pages(6, RW, ANON);

	memset(p, 1, 6 * PAGE);
	OK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
	CHECK(all_bytes(p, PAGE, 1));
	CHECK(all_bytes(p + PAGE, 2 * PAGE, 0));
	CHECK(all_bytes(p + 3 * PAGE, 3 * PAGE, 1));
	CHECK_ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 9999), EINVAL);
	OK(madvise(p, 0, MADV_DONTNEED));
	OK(munmap(p + 4 * PAGE, PAGE));
	/* Does what it can, then tells of the hole. */
	CHECK_ERR(madvise(p, 6 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK(all_bytes(p, PAGE, 0) && all_bytes(p + 5 * PAGE, PAGE, 0));
}

static void dontneed_shared(void)
{
	char *p = map_pages(1, RW, MAP_SHARED | MAP_ANONYMOUS);

	/* The object keeps its pages; only the mapping lets go. */
	p[0] = 5;
	OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], 5);
}

static void remap_shrinks_and_grows(void)
{
	char *p = map_pages(8, RW, ANON);

	fill_pattern(p, 8 * PAGE, 1);
	CHECK(mremap(p, 8 * PAGE, 4 * PAGE, 0) == p);
	CHECK_RIGHTS(p + 4 * PAGE, false, false);
	CHECK(mremap(p, 4 * PAGE, 4 * PAGE, 0) == p);
	char *wall = OK(mmap(p + 4 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED,
			     -1, 0));
	CHECK_ERR(mremap(p, 4 * PAGE, 6 * PAGE, 0), ENOMEM);
	char *q = OK(mremap(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE));
	CHECK(q != p);
	CHECK(check_pattern(q, 4 * PAGE, 1));
	CHECK(all_bytes(q + 4 * PAGE, 2 * PAGE, 0));
	CHECK_RIGHTS(p, false, false);
	OK(munmap(wall, PAGE));
}

static void remap_errors(void)
{
	char *p = map_pages(4, RW, ANON);

	CHECK_ERR(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_ERR(mremap(p, PAGE, 0, 0), EINVAL);
	CHECK_ERR(mremap(p, PAGE, PAGE, 0x80), EINVAL);
	CHECK_ERR(syscall(SYS_mremap, p, PAGE, PAGE, MREMAP_FIXED, p), EINVAL);
	OK(munmap(p, 4 * PAGE));
	CHECK_ERR(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

static void remap_fixed(void)
{
	char *p = map_pages(2, RW, ANON), *q = map_pages(4, RW, ANON);

	fill_pattern(p, 2 * PAGE, 2);
	memset(q, 1, 4 * PAGE);
	CHECK(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     q + PAGE) == q + PAGE);
	CHECK(check_pattern(q + PAGE, 2 * PAGE, 2));
	CHECK(all_bytes(q, PAGE, 1) && all_bytes(q + 3 * PAGE, PAGE, 1));
	CHECK_RIGHTS(p, false, false);
	CHECK_ERR(mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 q + PAGE), EINVAL);
}

static void one_gibibyte_sparse(void)
{
	size_t len = 1UL << 30;
	char *p = OK(mmap(NULL, len, RW, ANON | MAP_NORESERVE, -1, 0));

	for (size_t off = 0; off < len; off += 16UL << 20)
		p[off + 17] = (char)(off >> 24);
	pid_t pid = xfork();
	if (pid == 0) {
		for (size_t off = 0; off < len; off += 16UL << 20)
			CHECK_EQ(p[off + 17], (char)(off >> 24));
		_exit(0);
	}
	wait_ok(pid);
	OK(munmap(p, len));
}

static void many_small_mappings(void)
{
	enum { N = 1000 };
	static char *p[N];

	for (int i = 0; i < N; i++) {
		/* Unequal rights, so that neighbours do not merge. */
		p[i] = map_pages(1, i % 2 ? RW : PROT_READ, ANON);
		if (i % 2)
			*p[i] = (char)i;
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(*p[i], i % 2 ? (char)i : 0);
	for (int i = 0; i < N; i += 3)
		OK(munmap(p[i], PAGE));
	for (int i = 0; i < N; i++)
		CHECK_EQ(accessible(p[i], false), i % 3 != 0);
}

/* Every other page of one area away, then all rights changed at once. */
static void checkerboard(void)
{
	char *p = map_pages(200, RW, ANON);

	for (int i = 0; i < 200; i += 2)
		OK(mprotect(p + i * PAGE, PAGE, PROT_READ));
	for (int i = 0; i < 200; i++)
		CHECK_EQ(accessible(p + i * PAGE, true), i % 2);
	OK(mprotect(p, 200 * PAGE, RW));
	memset(p, 1, 200 * PAGE);
	OK(munmap(p, 200 * PAGE));
}

enum { RACERS = 6, RACE_PAGES = 64 };
static char *race_area;
static int race_start;

static void *race_thread(void *arg)
{
	int me = (int)(long)arg;

	while (!__atomic_load_n(&race_start, __ATOMIC_ACQUIRE))
		;
	for (int i = 0; i < RACE_PAGES; i++) {
		char *p = race_area + i * PAGE;
		p[me] = (char)(me + 1);
		/* What another has written there is either 0 or its mark. */
		for (int other = 0; other < RACERS; other++) {
			char c = *(volatile char *)(p + other);
			CHECK(c == 0 || c == other + 1);
		}
	}
	return NULL;
}

static void concurrent_faults(void)
{
	pthread_t t[RACERS];

	for (int round = 0; round < 10; round++) {
		race_start = 0;
		race_area = map_pages(RACE_PAGES, RW, ANON);
		for (long i = 0; i < RACERS; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, race_thread,
						(void *)i), 0);
		__atomic_store_n(&race_start, 1, __ATOMIC_RELEASE);
		for (int i = 0; i < RACERS; i++)
			CHECK_EQ(pthread_join(t[i], NULL), 0);
		for (int i = 0; i < RACE_PAGES * RACERS; i++)
			CHECK_EQ(race_area[i / RACERS * PAGE + i % RACERS],
				 i % RACERS + 1);
		OK(munmap(race_area, RACE_PAGES * PAGE));
	}
}

static void *fork_thread(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(0);
		wait_ok(pid);
	}
	return NULL;
}

/* Writes of one thread are never lost to a fork by another. */
static void fork_while_writing(void)
{
	volatile long *p = (long *)map_pages(8, RW, ANON);
	pthread_t t;
	long n = 0;

	CHECK_EQ(pthread_create(&t, NULL, fork_thread, NULL), 0);
	long long end = msec() + 300;
	while (msec() < end) {
		n++;
		for (int i = 0; i < 8; i++)
			p[i * 512] = n;
		for (int i = 0; i < 8; i++)
			CHECK_EQ(p[i * 512], n);
	}
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void address_space_limit(void)
{
	struct rlimit rl = { 64 << 20, 64 << 20 };

	OK(setrlimit(RLIMIT_AS, &rl));
	CHECK_ERR(mmap(NULL, 128 << 20, RW, ANON, -1, 0), ENOMEM);
	OK(munmap(map_pages(16, RW, ANON), 16 * PAGE));
}

static const struct tap_case cases[] = {
	{ "demand_zero", demand_zero, 0 },
	{ "read_then_write", read_then_write, 0 },
	{ "cow_child_writes", cow_child_writes, 0 },
	{ "cow_parent_writes", cow_parent_writes, 0 },
	{ "cow_grandchildren", cow_grandchildren, 0 },
	{ "cow_many_children", cow_many_children, 0 },
	{ "cow_by_system_call", cow_by_system_call, 0 },
	{ "shared_across_fork", shared_across_fork, 0 },
	{ "break_moves", break_moves, 0 },
	{ "break_refusals", break_refusals, 0 },
	{ "unmap_splits", unmap_splits, 0 },
	{ "protect_splits", protect_splits, 0 },
	{ "protect_errors", protect_errors, 0 },
	{ "protect_and_cow", protect_and_cow, 0 },
	{ "map_errors", map_errors, 0 },
	{ "fixed_replaces", fixed_replaces, 0 },
	{ "fixed_noreplace", fixed_noreplace, 0 },
	{ "hint", hint, 0 },
	{ "no_access", no_access, 0 },
	{ "dontneed", dontneed, 0 },
	{ "dontneed_shared", dontneed_shared, 0 },
	{ "remap_shrinks_and_grows", remap_shrinks_and_grows, 0 },
	{ "remap_errors", remap_errors, 0 },
	{ "remap_fixed", remap_fixed, 0 },
	{ "one_gibibyte_sparse", one_gibibyte_sparse, 0 },
	{ "many_small_mappings", many_small_mappings, 0 },
	{ "checkerboard", checkerboard, 0 },
	{ "concurrent_faults", concurrent_faults, 60 },
	{ "fork_while_writing", fork_while_writing, 0 },
	{ "address_space_limit", address_space_limit, 0 },
};

TAP_MAIN(cases)
