/* SPDX-License-Identifier: MIT */
/*
 * forkshare.c - fork(2) of large private memory: whatever a kernel does not copy at once, parent
 * and child must not see of each other. All cases work on an area of several page
 * tables (2 MiB each), and change it at their borders and in their middles.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLE	(2UL << 20)
#define TABLES	4UL
#define SIZE	(TABLES * TABLE)
#define PAGES	(SIZE / PAGE)

static char *mem;

/* TABLES whole tables, each page with its number in it, or every step-th page. */
static void make(size_t step)
{
	char *p = mmap(NULL, SIZE + TABLE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	mem = (char *)(((uintptr_t)p + TABLE - 1) & ~(TABLE - 1));
	for (size_t i = 0; i < PAGES; i += step)
		*(volatile size_t *)(mem + i * PAGE) = i + 1;
}

static size_t word(size_t page)
{
	return *(volatile size_t *)(mem + page * PAGE);
}

static void check_pages(size_t from, size_t to, size_t add)
{
	for (size_t i = from; i < to; i++)
		CHECK_EQ(word(i), i + 1 + add);
}

static void add_to(size_t from, size_t to, size_t add)
{
	for (size_t i = from; i < to; i++)
		*(volatile size_t *)(mem + i * PAGE) += add;
}

static void child_writes(void)
{
	make(1);
	pid_t pid = xfork();
	if (pid == 0) {
		check_pages(0, PAGES, 0);
		add_to(0, PAGES, 1000);
		check_pages(0, PAGES, 1000);
		_exit(0);
	}
	wait_ok(pid);
	check_pages(0, PAGES, 0);
	add_to(0, PAGES, 5);
	check_pages(0, PAGES, 5);
}

static void parent_writes(void)
{
	struct gate go;

	make(1);
	gate_init(&go);
	pid_t pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		check_pages(0, PAGES, 0);
		_exit(0);
	}
	add_to(100, PAGES - 100, 7);
	gate_open(&go);
	wait_ok(pid);
	check_pages(0, 100, 0);
	check_pages(100, PAGES - 100, 7);
}

/* Pages that nobody has touched before the fork. */
static void both_fill_holes(void)
{
	struct gate go;

	make(16);
	gate_init(&go);
	pid_t pid = xfork();
	if (pid == 0) {
		mem[3 * PAGE] = 'c';
		gate_wait(&go);
		CHECK_EQ(mem[PAGE], 0);
		CHECK_EQ(mem[TABLE + 5 * PAGE], 0);
		CHECK_EQ(mem[3 * PAGE], 'c');
		_exit(0);
	}
	mem[PAGE] = 'p';
	mem[TABLE + 5 * PAGE] = 'p';
	gate_open(&go);
	wait_ok(pid);
	CHECK_EQ(mem[3 * PAGE], 0);
	CHECK_EQ(mem[PAGE], 'p');
	for (size_t i = 0; i < PAGES; i += 16)
		CHECK_EQ(word(i), i + 1);
}

/* Each generation writes one page of each table and forks the next. */
static void generations(void)
{
	make(1);
	for (size_t depth = 1; depth <= 8; depth++) {
		pid_t pid = xfork();
		if (pid != 0) {
			wait_ok(pid);
			break;
		}
		for (size_t t = 0; t < TABLES; t++)
			*(volatile size_t *)(mem + t * TABLE + depth * PAGE) += depth;
		if (depth == 8)
			break;
	}
	/* Everyone sees the writes of its forebears and of itself, no others. */
	size_t seen = 0;
	while (seen < 8 && word(seen + 1) == seen + 2 + seen + 1)
		seen++;
	for (size_t t = 0; t < TABLES; t++)
		for (size_t i = 0; i < 20; i++)
			CHECK_EQ(word(t * TABLE / PAGE + i), t * TABLE / PAGE + i + 1 +
				 (i >= 1 && i <= seen ? i : 0));
}

static void siblings(void)
{
	pid_t pid[6];

	make(1);
	for (size_t i = 0; i < 6; i++) {
		pid[i] = xfork();
		if (pid[i] == 0) {
			add_to(i * 280, i * 280 + 600, i + 1);
			check_pages(i * 280, i * 280 + 600, i + 1);
			check_pages(0, i * 280, 0);
			check_pages(i * 280 + 600, PAGES, 0);
			_exit(0);
		}
	}
	add_to(0, 10, 1);
	for (size_t i = 0; i < 6; i++)
		wait_ok(pid[i]);
	check_pages(10, PAGES, 0);
}

/* What the child does to its mappings, at odd places; the parent's stay. */
static void cut_by_munmap(void)
{
	CHECK_EQ(munmap(mem + 5 * PAGE, TABLE), 0);
	CHECK_EQ(munmap(mem + 2 * TABLE, TABLE), 0);
	CHECK_EQ(munmap(mem + SIZE - PAGE, PAGE), 0);
	check_pages(0, 5, 0);
	check_pages(TABLE / PAGE + 5, 2 * TABLE / PAGE, 0);
	check_pages(3 * TABLE / PAGE, PAGES - 1, 0);
}

static void cut_by_mprotect(void)
{
	CHECK_EQ(mprotect(mem + 7 * PAGE, TABLE, PROT_READ), 0);
	CHECK_EQ(mprotect(mem + 2 * TABLE, PAGE, PROT_NONE), 0);
	check_pages(0, 2 * TABLE / PAGE, 0);
	CHECK_EQ(mprotect(mem, SIZE, PROT_READ | PROT_WRITE), 0);
	add_to(0, PAGES, 3);
	check_pages(0, PAGES, 3);
}

static void cut_by_discard(void)
{
	CHECK_EQ(madvise(mem + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(madvise(mem + 9 * PAGE, TABLE, MADV_DONTNEED), 0);
	CHECK_EQ(madvise(mem + 2 * TABLE, TABLE, MADV_DONTNEED), 0);
	CHECK_EQ(word(1), 0);
	check_pages(2, 9, 0);
	CHECK_EQ(word(9), 0);
	CHECK_EQ(word(TABLE / PAGE + 8), 0);
	check_pages(TABLE / PAGE + 9, 2 * TABLE / PAGE, 0);
	CHECK_EQ(word(2 * TABLE / PAGE), 0);
	mem[2 * TABLE + PAGE] = 1;
	check_pages(3 * TABLE / PAGE, PAGES, 0);
}

static void cut_by_mremap(void)
{
	char *p = mremap(mem + 3 * PAGE, TABLE, 2 * TABLE, MREMAP_MAYMOVE);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < TABLE / PAGE; i++)
		CHECK_EQ(*(size_t *)(p + i * PAGE), i + 4);
	CHECK_EQ(p[2 * TABLE - 1], 0);
	*(size_t *)p = 1;
	check_pages(0, 3, 0);
	check_pages(TABLE / PAGE + 3, PAGES, 0);
}

static void cut_by_flags(void)
{
	CHECK_EQ(madvise(mem + 3 * PAGE, PAGE, MADV_DONTFORK), 0);
	CHECK_EQ(madvise(mem + TABLE + PAGE, TABLE, MADV_WIPEONFORK), 0);
	pid_t pid = xfork();
	if (pid == 0) {
		check_pages(0, 3, 0);
		check_pages(4, TABLE / PAGE + 1, 0);
		CHECK_EQ(word(TABLE / PAGE + 1), 0);
		check_pages(2 * TABLE / PAGE + 1, PAGES, 0);
		_exit(0);
	}
	wait_ok(pid);
	check_pages(0, PAGES, 0);
}

static void check_cut(void (*cut)(void))
{
	make(1);
	/* In a child; in its parent while a child lives; and after it has gone. */
	pid_t pid = xfork();
	if (pid == 0) {
		cut();
		_exit(0);
	}
	wait_ok(pid);
	check_pages(0, PAGES, 0);

	struct gate go;
	gate_init(&go);
	pid = xfork();
	if (pid == 0) {
		gate_wait(&go);
		check_pages(0, PAGES, 0);
		add_to(0, PAGES, 1);
		_exit(0);
	}
	pid_t other = xfork();
	if (other == 0) {
		cut();
		_exit(0);
	}
	wait_ok(other);
	cut();
	gate_open(&go);
	wait_ok(pid);
}

static void munmap_cuts(void) { check_cut(cut_by_munmap); }
static void mprotect_cuts(void) { check_cut(cut_by_mprotect); }
static void madvise_cuts(void) { check_cut(cut_by_discard); }
static void mremap_cuts(void) { check_cut(cut_by_mremap); }
static void fork_flags_cut(void) { check_cut(cut_by_flags); }

/* The kernel writes into memory that was shared by the fork. */
static void read_into_it(void)
{
	int fd = OK(open("/dev/zero", O_RDONLY));

	make(1);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(read(fd, mem + PAGE, 2 * TABLE), (ssize_t)(2 * TABLE));
		CHECK_EQ(word(1), 0);
		_exit(0);
	}
	wait_ok(pid);
	check_pages(0, PAGES, 0);
	close(fd);
}

static void *writer(void *arg)
{
	size_t which = (size_t)arg;

	for (size_t i = which; i < PAGES; i += 4)
		*(volatile size_t *)(mem + i * PAGE) += 1;
	return NULL;
}

/* Threads of the parent and a child write at the same time, again and again. */
static void threads_race(void)
{
	make(1);
	for (size_t round = 0; round < 6; round++) {
		pthread_t t[4];
		pid_t pid = xfork();

		if (pid == 0) {
			add_to(0, PAGES, 100);
			check_pages(0, PAGES, 100 + round);
			_exit(0);
		}
		for (size_t i = 0; i < 4; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, writer, (void *)i), 0);
		for (size_t i = 0; i < 4; i++)
			CHECK_EQ(pthread_join(t[i], NULL), 0);
		wait_ok(pid);
		check_pages(0, PAGES, round + 1);
	}
}

static const struct tap_case cases[] = {
	{ .name = "child_writes", .fn = child_writes },
	{ .name = "parent_writes", .fn = parent_writes },
	{ .name = "both_fill_holes", .fn = both_fill_holes },
	{ .name = "generations", .fn = generations },
	{ .name = "siblings", .fn = siblings },
	{ .name = "munmap_cuts", .fn = munmap_cuts },
	{ .name = "mprotect_cuts", .fn = mprotect_cuts },
	{ .name = "madvise_cuts", .fn = madvise_cuts },
	{ .name = "mremap_cuts", .fn = mremap_cuts },
	{ .name = "fork_flags_cut", .fn = fork_flags_cut },
	{ .name = "read_into_it", .fn = read_into_it },
	{ .name = "threads_race", .fn = threads_race },
};

TAP_MAIN(cases)
