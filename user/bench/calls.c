/* SPDX-License-Identifier: MIT */
/*
 * calls.c - system calls that do little: what entering the kernel, the
 * descriptor table and a short path cost.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NAME	SCRATCH "/file"

static void null_run(struct run *r, long n)
{
	(void)r;
	while (n-- > 0)
		must(syscall(100000) == -1);
	must(errno == ENOSYS);
}

static void getppid_run(struct run *r, long n)
{
	pid_t parent = getppid();

	(void)r;
	while (n-- > 0)
		must(syscall(SYS_getppid) == parent);
}

static void open_device(struct run *r)
{
	r->fd = open(r->b->arg ? "/dev/null" : "/dev/zero", O_RDWR);
	must(r->fd >= 0);
}

static void read_run(struct run *r, long n)
{
	char c;

	while (n-- > 0) {
		c = 1;
		must(read(r->fd, &c, 1) == 1 && c == 0);
	}
}

static void write_run(struct run *r, long n)
{
	while (n-- > 0)
		must(write(r->fd, "x", 1) == 1);
}

static void dup_run(struct run *r, long n)
{
	int fd;

	while (n-- > 0) {
		fd = dup(r->fd);
		must(fd > r->fd && close(fd) == 0);
	}
}

static void make_file(struct run *r)
{
	r->fd = open(NAME, O_CREAT | O_TRUNC | O_RDWR, 0600);
	must(r->fd >= 0);
	must(write(r->fd, "0123456789", 10) == 10);
}

static void remove_file(struct run *r)
{
	(void)r;
	must(unlink(NAME) == 0);
}

static void stat_run(struct run *r, long n)
{
	struct stat st;

	(void)r;
	while (n-- > 0)
		must(stat(NAME, &st) == 0);
	must(st.st_size == 10);
}

static void fstat_run(struct run *r, long n)
{
	struct stat st;

	while (n-- > 0)
		must(fstat(r->fd, &st) == 0);
	must(st.st_size == 10);
}

static void open_run(struct run *r, long n)
{
	int fd;

	(void)r;
	while (n-- > 0) {
		fd = open(NAME, O_RDONLY);
		must(fd >= 0 && close(fd) == 0);
	}
}

static void lseek_run(struct run *r, long n)
{
	while (n-- > 0)
		must(lseek(r->fd, n & 7, SEEK_SET) == (n & 7));
}

/* The library's way (a vDSO where there is one), or the system call. */
static void clock_run(struct run *r, long n)
{
	struct timespec t, last = { 0 };
	bool call = r->b->arg;
	long count = n, moved = 0;

	while (n-- > 0) {
		must((call ? (int)syscall(SYS_clock_gettime, CLOCK_MONOTONIC,
					  &t) :
		      clock_gettime(CLOCK_MONOTONIC, &t)) == 0);
		must(t.tv_sec > last.tv_sec || (t.tv_sec == last.tv_sec &&
						t.tv_nsec >= last.tv_nsec));
		moved += t.tv_nsec != last.tv_nsec;
		last = t;
	}
	must(moved * 2 > count);	/* it is no stopped clock */
}

static const struct bench rows[] = {
	{ .name = "null call (ENOSYS)", .run = null_run },
	{ .name = "getppid", .run = getppid_run },
	{ .name = "read 1 byte of /dev/zero", .setup = open_device,
	  .run = read_run },
	{ .name = "write 1 byte to /dev/null", .setup = open_device,
	  .run = write_run, .arg = 1 },
	{ .name = "lseek", .setup = make_file, .run = lseek_run,
	  .finish = remove_file },
	{ .name = "dup+close", .setup = open_device, .run = dup_run },
	{ .name = "stat", .setup = make_file, .run = stat_run,
	  .finish = remove_file },
	{ .name = "fstat", .setup = make_file, .run = fstat_run,
	  .finish = remove_file },
	{ .name = "open+close", .setup = make_file, .run = open_run,
	  .finish = remove_file },
	{ .name = "clock_gettime", .run = clock_run },
	{ .name = "clock_gettime, system call", .run = clock_run, .arg = 1 },
};

const struct table calls_table = { rows, ALL(rows) };
