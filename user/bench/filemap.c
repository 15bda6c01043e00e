/* SPDX-License-Identifier: MIT */
/*
 * filemap.c - a file that is in memory: reading it again, mapping it, faults
 * on it. Word k of the file holds k, so that every read can be checked.
 */
#include "bench.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME		SCRATCH "/mapped"
#define SIZE		(4UL << 20)
#define PAGES		(SIZE / PAGE)
#define WORDS(bytes)	((bytes) / sizeof(uint64_t))

static uint64_t block[WORDS(65536)];

static void file_setup(struct run *r)
{
	size_t at, i;

	r->fd = open(NAME, O_CREAT | O_TRUNC | O_RDWR, 0600);
	must(r->fd >= 0);
	for (at = 0; at < SIZE; at += sizeof(block)) {
		for (i = 0; i < ALL(block); i++)
			block[i] = WORDS(at) + i;
		write_all(r->fd, block, sizeof(block));
	}
}

static void file_finish(struct run *r)
{
	close(r->fd);
	must(unlink(NAME) == 0);
}

static void read_run(struct run *r, long n)
{
	size_t size = r->b->bytes, at = 0, last = WORDS(size) - 1;

	while (n-- > 0) {
		must(pread(r->fd, block, size, (off_t)at) == (ssize_t)size);
		must(block[0] == WORDS(at) && block[last] == WORDS(at) + last);
		at = (at + size) % SIZE;
	}
}

/* Overwrite, in the same places with the same words. */
static void write_run(struct run *r, long n)
{
	size_t size = r->b->bytes, at = 0, i;
	uint64_t word;

	for (i = 0; i < WORDS(size); i++)
		block[i] = i;
	while (n-- > 0) {
		block[0] = WORDS(at);
		must(pwrite(r->fd, block, size, (off_t)at) == (ssize_t)size);
		must(pread(r->fd, &word, sizeof(word), (off_t)at) ==
		     sizeof(word) && word == WORDS(at));
		at = (at + size) % SIZE;
	}
}

static uint64_t *map_file(struct run *r, size_t size, int prot, int flags)
{
	void *p = mmap(NULL, size, prot, flags, r->fd, 0);

	must(p != MAP_FAILED);
	return p;
}

/* Map the file, read all of it, unmap it. */
static void map_read_run(struct run *r, long n)
{
	uint64_t sum, *p;
	size_t i;

	while (n-- > 0) {
		p = map_file(r, SIZE, PROT_READ, MAP_SHARED);
		for (sum = 0, i = 0; i < WORDS(SIZE); i++)
			sum += p[i];
		must(sum == WORDS(SIZE) * (WORDS(SIZE) - 1) / 2);
		must(munmap(p, SIZE) == 0);
	}
}

static void read_fault_run(struct run *r, long n)
{
	size_t i, size = (size_t)n * PAGE;
	uint64_t *p = map_file(r, size, PROT_READ, MAP_SHARED);

	timer_start(r);
	for (i = 0; i < WORDS(size); i += WORDS(PAGE))
		must(((volatile uint64_t *)p)[i] == i);
	timer_stop(r);
	must(munmap(p, size) == 0);
}

/* arg: MAP_SHARED, and the file is written, or MAP_PRIVATE, and it is not. */
static void write_fault_run(struct run *r, long n)
{
	size_t i, size = (size_t)n * PAGE;
	uint64_t *p = map_file(r, size, PROT_READ | PROT_WRITE,
			       (int)r->b->arg);
	uint64_t old, word, mark = ++r->count;

	must(pread(r->fd, &old, sizeof(old), 8) == sizeof(old));
	timer_start(r);
	for (i = 0; i < WORDS(size); i += WORDS(PAGE))
		((volatile uint64_t *)p)[i + 1] = mark;
	timer_stop(r);
	must(pread(r->fd, &word, sizeof(word), 8) == sizeof(word));
	must(word == (r->b->arg == MAP_SHARED ? mark : old));
	must(p[WORDS(size) - 1] == WORDS(size) - 1);
	must(munmap(p, size) == 0);
}

static const struct bench rows[] = {
	{ .name = "file read again, 4 KiB blocks", .setup = file_setup,
	  .run = read_run, .finish = file_finish, .bytes = 4096 },
	{ .name = "file read again, 64 KiB blocks", .setup = file_setup,
	  .run = read_run, .finish = file_finish, .bytes = 65536 },
	{ .name = "file overwrite, 4 KiB blocks", .setup = file_setup,
	  .run = write_run, .finish = file_finish, .bytes = 4096 },
	{ .name = "file overwrite, 64 KiB blocks", .setup = file_setup,
	  .run = write_run, .finish = file_finish, .bytes = 65536 },
	{ .name = "file mapped and read, 4 MiB", .setup = file_setup,
	  .run = map_read_run, .finish = file_finish, .bytes = SIZE },
	{ .name = "fault: shared file, read", .setup = file_setup,
	  .run = read_fault_run, .finish = file_finish, .max = PAGES },
	{ .name = "fault: shared file, write", .setup = file_setup,
	  .run = write_fault_run, .finish = file_finish, .max = PAGES,
	  .arg = MAP_SHARED },
	{ .name = "fault: private file, write", .setup = file_setup,
	  .run = write_fault_run, .finish = file_finish, .max = PAGES,
	  .arg = MAP_PRIVATE },
};

const struct table filemap_table = { rows, ALL(rows) };
