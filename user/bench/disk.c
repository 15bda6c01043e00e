/* SPDX-License-Identifier: MIT */
/*
 * disk.c - a file system on a disk: what reaches the platter, and what comes from it.
 *
 * The rows need --disk DIR, a folder on an ext2 file system of its own, or, for those
 * whose .arg is set, --device FILE, a disk of which the contents are lost. "Cold" means
 * that the page cache has been emptied before each sample. Word k of a file holds
 * k plus the file's mark, so every read is checked.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define SIZE		(16UL << 20)
#define BLOCK		65536
#define WORDS(bytes)	((bytes) / sizeof(uint64_t))
#define EXT2_MAGIC	0xef53
#define READERS		16	/* processes that read at once, */
#define READS		512	/* so much together */

static char name[512];
static uint64_t block[WORDS(BLOCK)];
static pid_t readers[READERS];

static void fill(uint64_t mark, size_t at, size_t size)
{
	size_t i;

	for (i = 0; i < WORDS(size); i++)
		block[i] = mark + WORDS(at) + i;
}

static void check(uint64_t mark, size_t at, size_t size)
{
	size_t i;

	for (i = 0; i < WORDS(size); i += 64)
		must(block[i] == mark + WORDS(at) + i);
	must(block[WORDS(size) - 1] == mark + WORDS(at) + WORDS(size) - 1);
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	must(fd >= 0 && write(fd, "3\n", 2) == 2);
	close(fd);
}

/* What all disks together have done so far. */
struct totals {
	uint64_t read, written;		/* sectors */
	uint64_t flushes;
};

/* Linux, admin-guide/iostats.rst: fields 3, 7 and 16 of each line. */
static struct totals totals(void)
{
	FILE *f = fopen("/proc/diskstats", "r");
	unsigned long long in, out, flushed;
	struct totals sum = { 0 };

	must(f != NULL);
	while (fscanf(f, "%*u %*u %*s %*u %*u %llu %*u %*u %*u %llu %*u %*u %*u %*u"
		      " %*u %*u %*u %*u %llu%*[^\n]", &in, &out, &flushed) == 3) {
		sum.read += in;
		sum.written += out;
		sum.flushes += flushed;
	}
	fclose(f);
	return sum;
}

/* Has it been on the disk, or did somebody keep a copy of it? */
static void must_have_read(struct totals before, size_t bytes)
{
	must(totals().read - before.read >= bytes / 512);
}

/* Is it there, and was the disk told as often not to keep it in a cache of its own? */
static void must_have_written(struct totals before, size_t bytes, long flushes)
{
	struct totals now = totals();

	must(now.written - before.written >= bytes / 512);
	must(now.flushes - before.flushes >= (uint64_t)flushes);
}

static void write_file(int fd, uint64_t mark)
{
	size_t at;

	for (at = 0; at < SIZE; at += BLOCK) {
		fill(mark, at, BLOCK);
		must(pwrite(fd, block, BLOCK, (off_t)at) == BLOCK);
	}
	must(fsync(fd) == 0);
}

static void name_setup(struct run *r)
{
	struct statfs fs;

	(void)r;
	if (!bench_disk || statfs(bench_disk, &fs) < 0 ||
	    fs.f_type != EXT2_MAGIC)
		bench_skip("no ext2 on a disk");
	snprintf(name, sizeof(name), "%s/bench", bench_disk);
	unlink(name);
}

static void file_setup(struct run *r)
{
	if (r->b->arg) {
		r->fd = bench_device ? open(bench_device, O_RDWR) : -1;
		if (r->fd < 0)
			bench_skip("no disk");
	} else {
		name_setup(r);
		r->fd = open(name, O_CREAT | O_RDWR, 0600);
		must(r->fd >= 0);
	}
	write_file(r->fd, 0);
}

static void file_finish(struct run *r)
{
	close(r->fd);
	must(r->b->arg || unlink(name) == 0);
	sync();
}

/* The same blocks again, with other words. */
static void overwrite_run(struct run *r, long n)
{
	struct totals before = totals();

	must(n == 1);
	timer_start(r);
	write_file(r->fd, ++r->count << 32);
	timer_stop(r);
	must_have_written(before, SIZE, 1);
	drop_caches();
	must(pread(r->fd, block, BLOCK, SIZE - BLOCK) == BLOCK);
	check(r->count << 32, SIZE - BLOCK, BLOCK);
}

/* Into a new file: blocks are allocated, too. */
static void new_file_run(struct run *r, long n)
{
	struct totals before = totals();

	must(n == 1);
	timer_start(r);
	r->fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0600);
	must(r->fd >= 0);
	write_file(r->fd, ++r->count << 32);
	must(close(r->fd) == 0);
	timer_stop(r);
	must_have_written(before, SIZE, 1);
}

static void new_file_finish(struct run *r)
{
	(void)r;
	must(unlink(name) == 0);
	sync();
}

static void cold_read_run(struct run *r, long n)
{
	struct totals before;
	size_t at;

	must(n == 1);
	drop_caches();
	before = totals();
	timer_start(r);
	for (at = 0; at < SIZE; at += BLOCK) {
		must(pread(r->fd, block, BLOCK, (off_t)at) == BLOCK);
		check(0, at, BLOCK);
	}
	timer_stop(r);
	must_have_read(before, SIZE);
}

static void warm_read_run(struct run *r, long n)
{
	size_t at = 0;

	while (n-- > 0) {
		must(pread(r->fd, block, BLOCK, (off_t)at) == BLOCK);
		must(block[1] == WORDS(at) + 1);
		at = (at + BLOCK) % SIZE;
	}
}

/* Each page at most once: 1,531 and the number of pages have no common factor. */
static size_t next_page(struct run *r)
{
	return (size_t)(r->count++ * 1531 % (SIZE / PAGE)) * PAGE;
}

static void random_read_run(struct run *r, long n)
{
	size_t at, bytes = (size_t)n * PAGE;
	struct totals before;

	drop_caches();
	before = totals();
	must(posix_fadvise(r->fd, 0, 0, POSIX_FADV_RANDOM) == 0);
	timer_start(r);
	while (n-- > 0) {
		at = next_page(r);
		must(pread(r->fd, block, PAGE, (off_t)at) == PAGE);
		check(0, at, PAGE);
	}
	timer_stop(r);
	must_have_read(before, bytes);
}

/* What a reader does: for a byte that comes, every READERS-th page from there on. */
static void reader(struct run *r)
{
	size_t at;
	char c;
	int k;

	close(r->aux[0]);
	while (read(r->in, &c, 1) == 1) {
		for (k = c; k < READS; k += READERS) {
			r->count = (uint64_t)(r->shared[0] + k);
			at = next_page(r);
			must(pread(r->fd, block, PAGE, (off_t)at) == PAGE);
			check(0, at, PAGE);
		}
		must(write(r->out, "", 1) == 1);
	}
}

static void readers_setup(struct run *r)
{
	int go[2], done[2], i;

	file_setup(r);
	must(posix_fadvise(r->fd, 0, 0, POSIX_FADV_RANDOM) == 0);
	pipe_make(go);
	pipe_make(done);
	r->in = go[0];
	r->out = done[1];
	r->aux[0] = go[1];
	for (i = 0; i < READERS; i++)
		readers[i] = peer_start(r, reader);
	close(go[0]);
	close(done[1]);
	r->out = go[1];
	r->in = done[0];
}

/* As many processes at once, each with a read under way. */
static void readers_run(struct run *r, long n)
{
	char bytes[READERS];
	struct totals before;
	int i;

	must(n == 1);
	drop_caches();
	before = totals();
	r->shared[0] = (int)(r->count++ * READS % (SIZE / PAGE));
	for (i = 0; i < READERS; i++)
		bytes[i] = (char)i;
	timer_start(r);
	write_all(r->out, bytes, READERS);
	read_all(r->in, bytes, READERS);
	timer_stop(r);
	must_have_read(before, READS * PAGE);
}

static void readers_finish(struct run *r)
{
	int i;

	close(r->out);
	for (i = 0; i < READERS; i++)
		peer_join(readers[i]);
	file_finish(r);
}

static void random_write_run(struct run *r, long n)
{
	struct totals before = totals();
	size_t at;
	long i;

	timer_start(r);
	for (i = 0; i < n; i++) {
		at = next_page(r);
		fill(0, at, PAGE);
		must(pwrite(r->fd, block, PAGE, (off_t)at) == PAGE);
		must(fsync(r->fd) == 0);
	}
	timer_stop(r);
	must_have_written(before, (size_t)n * PAGE, n);
}

/* A file's life, made safe as an editor does it. */
static void save_run(struct run *r, long n)
{
	struct totals before = totals();
	struct stat st;
	long i;
	int fd;

	timer_start(r);
	for (i = 0; i < n; i++) {
		fill(r->count++, 0, PAGE);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		must(fd >= 0 && write(fd, block, PAGE) == PAGE);
		must(fsync(fd) == 0 && close(fd) == 0);
		must(stat(name, &st) == 0 && st.st_size == PAGE);
		must(unlink(name) == 0);
	}
	timer_stop(r);
	must_have_written(before, (size_t)n * PAGE, n);
}

/* Small files without fsync, and one sync for all. */
static void create_run(struct run *r, long n)
{
	struct totals before = totals();
	char path[600];
	long i;
	int fd;

	fill(0, 0, 1024);
	timer_start(r);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s.%ld", name, i);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
		must(fd >= 0 && write(fd, block, 1024) == 1024);
		must(close(fd) == 0);
	}
	sync();
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s.%ld", name, i);
		must(unlink(path) == 0);
	}
	sync();
	timer_stop(r);
	must_have_written(before, (size_t)n * 1024, 2);
}

#define FILE_ROW(text, device, function, ...)				\
	{ .name = "disk: " text, .setup = file_setup, .run = function,	\
	  .finish = file_finish, .arg = device, __VA_ARGS__ }
#define READERS_ROW(text, device)					\
	{ .name = "disk: " text, .setup = readers_setup,		\
	  .run = readers_run, .finish = readers_finish, .arg = device,	\
	  .bytes = READS * PAGE, .max = 1 }
/* A row for a file, and the same for a disk without a file system. */
#define BOTH(text, ...)							\
	FILE_ROW(text, 0, __VA_ARGS__),					\
	FILE_ROW("device, " text, 1, __VA_ARGS__)

static const struct bench rows[] = {
	BOTH("read 16 MiB, cold", cold_read_run, .bytes = SIZE, .max = 1),
	BOTH("read 4 KiB at random, cold", random_read_run, .max = 256),
	READERS_ROW("read 4 KiB at random, 16 at once, cold", 0),
	READERS_ROW("device, read 4 KiB at random, 16 at once, cold", 1),
	BOTH("overwrite 16 MiB, fsync", overwrite_run, .bytes = SIZE,
	     .max = 1),
	BOTH("write 4 KiB at random, fsync", random_write_run, .max = 64),
	BOTH("read again, 64 KiB blocks", warm_read_run, .bytes = BLOCK),
	{ .name = "disk: write 16 MiB to a new file, fsync",
	  .setup = name_setup, .run = new_file_run,
	  .finish = new_file_finish, .bytes = SIZE, .max = 1 },
	{ .name = "disk: create, write 4 KiB, fsync, unlink",
	  .setup = name_setup, .run = save_run, .max = 64 },
	{ .name = "disk: create and unlink 1 KiB files, sync",
	  .setup = name_setup, .run = create_run, .max = 256 },
};

const struct table disk_table = { rows, ALL(rows) };
