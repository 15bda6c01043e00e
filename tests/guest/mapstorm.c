/* SPDX-License-Identifier: MIT */
/*
 * mapstorm.c - four processes at one file, by every way there is: read, write, stores into
 * shared and private mappings, truncate, msync, fsync, fork. Whatever way is asked in the end
 * must give the same contents.
 *
 *	mapstorm [SECONDS [DIR]] [CASE...]		default: 3 seconds, the case's own directory
 *
 * "ordered" locks records, so that every read has one right answer. "racing" locks nothing; there
 * each byte must be 0 or what somebody may have written at that place, and the answer of
 * the ways is compared when all have stopped.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS 4
#define PAGES 48
#define SIZE (PAGES * PAGE)
#define WORDS (SIZE / 8)
#define NAME "storm"
#define SOME 2048			/* the most that one operation moves */

static int seconds = 3;
static const char *folder = ".";
static unsigned int rng;
static long long stop_at;

static unsigned int draw(unsigned int n)
{
	return (unsigned int)rand_r(&rng) % n;
}

static int storm_open(void)
{
	return OK(open(NAME, O_RDWR | O_CREAT, 0600));
}

static char *map_file(int fd, size_t size, int flags)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void sync_some(int fd, char *map)
{
	static const int how[] = { MS_SYNC, MS_ASYNC, MS_SYNC | MS_INVALIDATE };
	unsigned int first = draw(PAGES), n = 1 + draw(PAGES - first);

	if (draw(4) == 0)
		OK(draw(2) ? fsync(fd) : fdatasync(fd));
	else
		OK(msync(map + first * PAGE, n * PAGE, how[draw(3)]));
}

/* ---- the same by every way ---- */

static void same(const char *way, const char *a, const char *b, size_t n)
{
	size_t i = 0;

	if (memcmp(a, b, n) == 0)
		return;
	while (a[i] == b[i])
		i++;
	FAIL("%s: byte %zu is %#x and not %#x", way, i, (unsigned char)b[i],
	     (unsigned char)a[i]);
}

/* map: a shared mapping that its process has had all the time. */
static void compare_ways(const char *map)
{
	static char byread[SIZE], again[SIZE];
	int fd = storm_open();
	struct stat st;
	size_t size;
	char *p;

	OK(fstat(fd, &st));
	size = (size_t)st.st_size;
	CHECK(size <= SIZE);
	CHECK_EQ(pread(fd, byread, SIZE, 0), size);
	same("the old mapping", byread, map, size);
	p = map_file(fd, SIZE, MAP_SHARED);
	same("a new shared mapping", byread, p, size);
	OK(munmap(p, SIZE));
	p = map_file(fd, SIZE, MAP_PRIVATE);
	same("a new private mapping", byread, p, size);
	OK(munmap(p, SIZE));
	for (size_t i = 0; i < size; i += 1000) {
		size_t n = size - i < 1000 ? size - i : 1000;

		CHECK_EQ(pread(fd, again + i, n, (off_t)i), n);
	}
	same("read in pieces", byread, again, size);
	OK(fsync(fd));
	CHECK_EQ(pread(fd, again, SIZE, 0), size);
	same("after fsync", byread, again, size);
	OK(close(fd));
}

/* ---- ordered ---- */

#define RECORD 256
#define RECORDS (SIZE / RECORD)

struct record {
	pthread_mutex_t lock;
	unsigned int seed;		/* 0: zeros */
	unsigned int valid;		/* bytes of the pattern; then zeros */
};

static struct ordered {
	pthread_rwlock_t size_lock;	/* truncating: alone */
	struct record r[RECORDS];
	long ops;
} *ord;

static void ordered_init(void)
{
	pthread_rwlockattr_t ra;
	pthread_mutexattr_t ma;

	ord = shared_alloc(sizeof(*ord));
	pthread_rwlockattr_init(&ra);
	pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&ord->size_lock, &ra);
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	for (int i = 0; i < (int)RECORDS; i++)
		pthread_mutex_init(&ord->r[i].lock, &ma);
}

static void expect(int i, const char *got, const char *way)
{
	const struct record *r = &ord->r[i];
	char want[RECORD] = { 0 };

	if (r->seed)
		fill_pattern(want, RECORD, r->seed);
	memset(want + (r->seed ? r->valid : 0), 0, RECORD - (r->seed ? r->valid : 0));
	same(way, want, got, RECORD);
}

static void record_write(int fd, char *map, int i)
{
	char data[RECORD];

	ord->r[i].seed = 1 + draw(1u << 30);
	ord->r[i].valid = RECORD;
	fill_pattern(data, RECORD, ord->r[i].seed);
	if (draw(2))
		memcpy(map + i * RECORD, data, RECORD);
	else
		CHECK_EQ(pwrite(fd, data, RECORD, i * RECORD), RECORD);
}

static void record_read(int fd, char *map, int i)
{
	char data[RECORD], *p;
	pid_t pid;

	switch (draw(20)) {
	case 0:
		pid = xfork();
		if (pid == 0) {
			expect(i, map + i * RECORD, "the child's mapping");
			_exit(0);
		}
		wait_ok(pid);
		return;
	case 1 ... 3:
		p = map_file(fd, SIZE, MAP_PRIVATE);
		expect(i, p + i * RECORD, "a private mapping");
		/* Nobody must ever see this. */
		memset(p + i * RECORD, 0xee, RECORD);
		OK(munmap(p, SIZE));
		return;
	case 4 ... 11:
		CHECK_EQ(pread(fd, data, RECORD, i * RECORD), RECORD);
		expect(i, data, "read");
		return;
	default:
		expect(i, map + i * RECORD, "the mapping");
	}
}

static void cut_and_grow(int fd, const char *map)
{
	off_t size = draw(SIZE + 1);

	OK(ftruncate(fd, size));
	/* The tail of the last page. */
	for (off_t i = size; i % (off_t)PAGE; i++)
		CHECK_EQ(map[i], 0);
	for (int i = 0; i < (int)RECORDS; i++) {
		struct record *r = &ord->r[i];
		off_t start = i * RECORD;

		if (size <= start)
			r->seed = 0;
		else if (size < start + (off_t)r->valid)
			r->valid = (unsigned int)(size - start);
	}
	if (draw(2))
		OK(ftruncate(fd, SIZE));
	else if (size < (off_t)SIZE)
		CHECK_EQ(pwrite(fd, "", 1, SIZE - 1), 1);
}

static void ordered_worker(int fd, char *map)
{
	while (msec() < stop_at) {
		if (draw(200) == 0) {
			CHECK_EQ(pthread_rwlock_wrlock(&ord->size_lock), 0);
			cut_and_grow(fd, map);
		} else {
			int i = (int)draw(RECORDS);

			CHECK_EQ(pthread_rwlock_rdlock(&ord->size_lock), 0);
			CHECK_EQ(pthread_mutex_lock(&ord->r[i].lock), 0);
			if (draw(2))
				record_write(fd, map, i);
			else
				record_read(fd, map, i);
			CHECK_EQ(pthread_mutex_unlock(&ord->r[i].lock), 0);
			if (draw(50) == 0)
				sync_some(fd, map);
		}
		CHECK_EQ(pthread_rwlock_unlock(&ord->size_lock), 0);
		__atomic_fetch_add(&ord->ops, 1, __ATOMIC_RELAXED);
	}
	/* Others may not have stopped yet. */
	CHECK_EQ(pthread_rwlock_rdlock(&ord->size_lock), 0);
	for (int i = 0; i < (int)RECORDS; i++) {
		CHECK_EQ(pthread_mutex_lock(&ord->r[i].lock), 0);
		expect(i, map + i * RECORD, "the mapping in the end");
		CHECK_EQ(pthread_mutex_unlock(&ord->r[i].lock), 0);
	}
	CHECK_EQ(pthread_rwlock_unlock(&ord->size_lock), 0);
}

/* ---- racing ---- */

#define SECRET 9			/* "writer" of private mappings */

static sigjmp_buf past_end;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(past_end, 1);
}

/* What a writer (from 1 on) stores as the word at index. */
static uint64_t word_of(size_t index, unsigned int writer)
{
	return (uint64_t)writer | 0xa5ull << 56 | (uint64_t)(index + 0x010101) << 8;
}

/* Bytes, since a word may be half written at the moment. */
static void plausible(const void *data, size_t first, size_t n, const char *way)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n * 8; i++) {
		uint64_t want = word_of(first + i / 8, 0);
		unsigned char b = p[i], w = (unsigned char)(want >> i % 8 * 8);

		if (i % 8 ? b != 0 && b != w : b > WORKERS)
			FAIL("%s: byte %zu of word %zu is %#x", way, i % 8, first + i / 8, b);
	}
}

static void fill_words(uint64_t *w, size_t first, size_t n, unsigned int writer)
{
	for (size_t i = 0; i < n; i++)
		w[i] = word_of(first + i, writer);
}

/* Loads and stores at a mapping, for as far as the file goes. */
static void touch(char *map, unsigned int writer, size_t first, size_t n)
{
	volatile uint64_t *w = (volatile uint64_t *)map + first;
	uint64_t seen[SOME / 8];

	if (sigsetjmp(past_end, 1))
		return;
	for (size_t i = 0; i < n; i++)
		if (writer)
			w[i] = word_of(first + i, writer);
		else
			seen[i] = w[i];
	if (!writer)
		plausible(seen, first, n, "a mapping");
}

static void touch_privately(int fd, size_t first, size_t n)
{
	char *p = map_file(fd, SIZE, MAP_PRIVATE);

	touch(p, 0, first, n);
	touch(p, SECRET, first, n);
	OK(munmap(p, SIZE));
}

static void touch_in_child(char *map, unsigned int me, size_t first, size_t n)
{
	pid_t pid = xfork();

	if (pid == 0) {
		touch(map, 0, first, n);
		touch(map, me, first, n);
		_exit(0);
	}
	wait_ok(pid);
}

static void racing_step(int fd, char *map, unsigned int me)
{
	size_t n = 1 + draw(SOME / 8), first = draw(WORDS - (unsigned int)n + 1);
	uint64_t data[SOME / 8];
	ssize_t got;

	switch (draw(24)) {
	case 0 ... 4:
		fill_words(data, first, n, me);
		CHECK_EQ(pwrite(fd, data, n * 8, (off_t)(first * 8)), n * 8);
		return;
	case 5 ... 8:
		got = OK(pread(fd, data, n * 8, (off_t)(first * 8)));
		plausible(data, first, (size_t)got / 8, "read");
		return;
	case 9 ... 13:
		return touch(map, me, first, n);
	case 14 ... 16:
		return touch(map, 0, first, n);
	case 17:
		return touch_privately(fd, first, n);
	case 18:
		return sync_some(fd, map);
	case 19:
		return touch_in_child(map, me, first, n);
	case 20:
		OK(ftruncate(fd, draw(4) ? SIZE : draw(WORDS + 1) * 8));
		return;
	case 21:
		OK(madvise(map + draw(PAGES) * PAGE, PAGE, draw(2) ? MADV_DONTNEED : MADV_WILLNEED));
		return;
	case 22:
		/* Where it is already, anew. */
		CHECK(mmap(map, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == map);
		return;
	default:
		got = draw(PAGES) * (ssize_t)PAGE;
		OK(mprotect(map + got, PAGE, PROT_READ));
		OK(mprotect(map + got, PAGE, PROT_READ | PROT_WRITE));
	}
}

static void racing_worker(int fd, char *map, unsigned int me)
{
	handle(SIGBUS, on_bus, 0);
	while (msec() < stop_at)
		racing_step(fd, map, me);
}

/* ---- both ---- */

/* Works, says so by closing its end of stopped, and compares when go is closed. */
static void worker(int fd, unsigned int number, bool racing, int stopped[2], int go[2])
{
	char *map = map_file(fd, SIZE, MAP_SHARED), byte;

	OK(close(go[1]));
	/* If another fails with a lock in hand. */
	alarm((unsigned int)seconds + 30);
	rng = 16 + number;
	if (racing)
		racing_worker(fd, map, number);
	else
		ordered_worker(fd, map);
	OK(close(stopped[1]));
	CHECK_EQ(read(go[0], &byte, 1), 0);
	compare_ways(map);
	_exit(0);
}

static void storm(bool racing)
{
	int fd, stopped[2], go[2];
	pid_t pid[WORKERS];
	char byte;

	OK(chdir(folder));
	unlink(NAME);
	fd = storm_open();
	OK(ftruncate(fd, SIZE));
	OK(pipe(stopped));
	OK(pipe(go));
	stop_at = msec() + seconds * 1000;
	for (unsigned int i = 0; i < WORKERS; i++) {
		pid[i] = xfork();
		if (pid[i] == 0)
			worker(fd, i + 1, racing, stopped, go);
	}
	OK(close(stopped[1]));
	CHECK_EQ(read(stopped[0], &byte, 1), 0);
	OK(close(go[1]));
	for (int i = 0; i < WORKERS; i++)
		wait_ok(pid[i]);
	OK(unlink(NAME));
}

static void ordered(void)
{
	ordered_init();
	storm(false);
	tap_diag("%ld operations", ord->ops);
}

static void racing(void)
{
	storm(true);
}

static const struct tap_case cases[] = {
	{ "ordered", ordered, 600 },
	{ "racing", racing, 600 },
};

int main(int argc, char **argv)
{
	static const struct tap_program p = { .cases = cases, .ncases = TAP_COUNT(cases) };
	int used = 0;

	if (argc > 1 && atoi(argv[1]) > 0) {
		seconds = atoi(argv[1]);
		used = 1;
		if (argc > 2 && argv[2][0] == '/') {
			folder = argv[2];
			used = 2;
		}
	}
	argv[used] = argv[0];
	return tap_main(argc - used, argv + used, &p);
}
