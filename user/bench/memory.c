/* SPDX-License-Identifier: MIT */
/*
 * memory.c - anonymous memory: faults of each kind, per page, and the calls
 * that change mappings. The fault rows ask for small pages, since they are
 * about faults; the row with whole regions leaves that to the kernel.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES_MAX	2048
#define REGION		(16UL << 20)
#define COPY		(1UL << 20)
#define COPY_TO		(COPY + 37 * PAGE)	/* see copy_setup() */

static char *map_small(size_t size)
{
	char *p = map_anonymous(size);

	madvise(p, size, MADV_NOHUGEPAGE);
	return p;
}

static void unmap(char *p, size_t size)
{
	must(munmap(p, size) == 0);
}

static void touch(char *p, size_t size, char value)
{
	size_t i;

	for (i = 0; i < size; i += PAGE)
		((volatile char *)p)[i] = value;
}

/* Does each page start with this byte, and go on with zeros? */
static void check(const char *p, size_t size, char value)
{
	size_t i;

	for (i = 0; i < size; i += PAGE)
		must(p[i] == value && p[i + 1] == 0 && p[i + PAGE - 1] == 0);
}

static void zero_run(struct run *r, long n)
{
	size_t size = (size_t)n * PAGE;
	char *p = map_small(size);

	timer_start(r);
	touch(p, size, 1);
	timer_stop(r);
	check(p, size, 1);
	unmap(p, size);
}

static void read_zero_run(struct run *r, long n)
{
	size_t size = (size_t)n * PAGE, i;
	char *p = map_small(size);
	unsigned int sum = 0;

	timer_start(r);
	for (i = 0; i < size; i += PAGE)
		sum += (unsigned char)((volatile char *)p)[i];
	timer_stop(r);
	must(sum == 0);
	unmap(p, size);
}

/* Holds a copy of the memory until the parent has written to its own. */
static void keep_copy(struct run *r)
{
	char c;

	close(r->aux[1]);
	must(read(r->aux[0], &c, 1) == 0);
	check(r->mem, r->size, 1);
}

static void cow_copy_run(struct run *r, long n)
{
	r->size = (size_t)n * PAGE;
	r->mem = map_small(r->size);
	touch(r->mem, r->size, 1);
	pipe_make(r->aux);
	r->peer = peer_start(r, keep_copy);
	timer_start(r);
	touch(r->mem, r->size, 2);
	timer_stop(r);
	check(r->mem, r->size, 2);
	close(r->aux[0]);
	close(r->aux[1]);
	peer_join(r->peer);
	unmap(r->mem, r->size);
}

static void see_copy(struct run *r)
{
	check(r->mem, r->size, 1);
}

/* The other owner has gone: nothing is to be copied. */
static void cow_take_run(struct run *r, long n)
{
	r->size = (size_t)n * PAGE;
	r->mem = map_small(r->size);
	touch(r->mem, r->size, 1);
	peer_join(peer_start(r, see_copy));
	timer_start(r);
	touch(r->mem, r->size, 2);
	timer_stop(r);
	check(r->mem, r->size, 2);
	unmap(r->mem, r->size);
}

/* What comes is zeros although what goes is not, and is gone in the end. */
static void map_run(struct run *r, long n)
{
	size_t size = (size_t)r->b->arg;
	char *p = NULL;

	while (n-- > 0) {
		p = map_anonymous(size);
		touch(p, size, 1);
		must(p[size - 1] == 0);
		p[size - 1] = 1;
		unmap(p, size);
	}
	must(msync(p, PAGE, MS_ASYNC) == -1 && errno == ENOMEM);
}

static void protect_setup(struct run *r)
{
	r->mem = map_anonymous(PAGE);
}

static void protect_run(struct run *r, long n)
{
	while (n-- > 0) {
		must(mprotect(r->mem, PAGE, PROT_READ) == 0);
		must(mprotect(r->mem, PAGE, PROT_READ | PROT_WRITE) == 0);
		*(volatile char *)r->mem = (char)n;
	}
}

/* Would a write have failed before the second call? */
static void protect_finish(struct run *r)
{
	int fd = open("/dev/zero", O_RDONLY);

	must(fd >= 0 && read(fd, r->mem, 1) == 1);
	must(mprotect(r->mem, PAGE, PROT_READ) == 0);
	must(read(fd, r->mem, 1) == -1 && errno == EFAULT);
}

static void discard_run(struct run *r, long n)
{
	char *p;

	(void)r;
	while (n-- > 0) {
		p = map_small(4 * PAGE);
		touch(p, 4 * PAGE, 1);
		must(madvise(p, 4 * PAGE, MADV_DONTNEED) == 0);
		must(*(volatile char *)p == 0);
		unmap(p, 4 * PAGE);
	}
}

/*
 * Source and target are no power of two apart: in QEMU, pages that are may
 * share an entry of the emulated TLB, and then that is what would be measured.
 */
static void copy_setup(struct run *r)
{
	size_t i;

	r->mem = map_anonymous(COPY_TO + COPY);
	for (i = 0; i < COPY; i++)
		r->mem[i] = (char)(i * 7);
	touch(r->mem + COPY_TO, COPY, 1);
}

static void copy_run(struct run *r, long n)
{
	timer_start(r);
	while (n-- > 0) {
		r->mem[n & 1023] = (char)n;
		memcpy(r->mem + COPY_TO, r->mem, COPY);
	}
	timer_stop(r);
	must(memcmp(r->mem + COPY_TO, r->mem, COPY) == 0);
}

static const struct bench rows[] = {
	{ .name = "fault: demand zero, write", .run = zero_run,
	  .max = PAGES_MAX },
	{ .name = "fault: demand zero, read", .run = read_zero_run,
	  .max = PAGES_MAX },
	{ .name = "fault: copy on write", .run = cow_copy_run,
	  .max = PAGES_MAX },
	{ .name = "fault: copy on write, last owner", .run = cow_take_run,
	  .max = PAGES_MAX },
	{ .name = "mmap+touch+munmap 4 KiB", .run = map_run, .arg = PAGE },
	{ .name = "mmap+touch+munmap 64 KiB", .run = map_run,
	  .arg = 16 * PAGE },
	{ .name = "mmap+touch+munmap 16 MiB", .run = map_run, .arg = REGION },
	{ .name = "mprotect pair", .setup = protect_setup,
	  .run = protect_run, .finish = protect_finish },
	{ .name = "mmap+touch+MADV_DONTNEED+munmap 16 KiB", .run = discard_run },
	{ .name = "memcpy 1 MiB", .setup = copy_setup, .run = copy_run,
	  .bytes = COPY },
};

const struct table memory_table = { rows, ALL(rows) };
