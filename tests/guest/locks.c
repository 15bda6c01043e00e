/* SPDX-License-Identifier: MIT */
/*
 * locks.c - record locks and open file description locks of fcntl(2), and flock(2).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#endif

static int file(void)
{
	write_file("f", "0123456789", 10);
	return OK(open("f", O_RDWR));
}

static int lock(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock l = { .l_type = (short)type, .l_whence = SEEK_SET,
			   .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &l);
}

/* What stands in the way of a write lock, as seen by a child: "type start len" or "". */
static void in_the_way(int fd, off_t start, off_t len, const char *want)
{
	pid_t parent = getpid(), pid = xfork();

	if (pid == 0) {
		struct flock l = { .l_type = F_WRLCK, .l_start = start, .l_len = len };
		char got[64] = "";

		OK(fcntl(fd, F_GETLK, &l));
		if (l.l_type != F_UNLCK) {
			CHECK_EQ(l.l_pid, parent);
			CHECK_EQ(l.l_whence, SEEK_SET);
			snprintf(got, sizeof(got), "%c %ld %ld", l.l_type == F_RDLCK ? 'r' : 'w',
				 (long)l.l_start, (long)l.l_len);
		}
		if (strcmp(got, want))
			FAIL("in the way of %ld+%ld: \"%s\", not \"%s\"", (long)start, (long)len,
			     got, want);
		_exit(0);
	}
	wait_ok(pid);
}

static void ranges(void)
{
	int fd = file();

	OK(lock(fd, F_SETLK, F_WRLCK, 10, 10));
	in_the_way(fd, 0, 10, "");
	in_the_way(fd, 0, 11, "w 10 10");
	in_the_way(fd, 19, 1, "w 10 10");
	in_the_way(fd, 20, 0, "");
	/* A hole in the middle; a part of another kind; joined again. */
	OK(lock(fd, F_SETLK, F_UNLCK, 13, 4));
	in_the_way(fd, 0, 0, "w 10 3");
	in_the_way(fd, 13, 0, "w 17 3");
	OK(lock(fd, F_SETLK, F_RDLCK, 12, 6));
	in_the_way(fd, 0, 0, "w 10 2");
	in_the_way(fd, 12, 0, "r 12 6");
	in_the_way(fd, 18, 0, "w 18 2");
	OK(lock(fd, F_SETLK, F_WRLCK, 12, 6));
	in_the_way(fd, 0, 0, "w 10 10");
	/* To the end of the file, wherever that is. */
	OK(lock(fd, F_SETLK, F_RDLCK, 15, 0));
	in_the_way(fd, 1000000, 1, "r 15 0");
	OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
	in_the_way(fd, 0, 0, "");
	/* A negative length counts backwards. */
	OK(lock(fd, F_SETLK, F_WRLCK, 10, -4));
	in_the_way(fd, 0, 0, "w 6 4");
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1 };
	OK(fcntl(fd, F_SETLK, &l));
	in_the_way(fd, 8, 1, "w 6 4");
	OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
	OK(fcntl(fd, F_SETLK, &l));
	in_the_way(fd, 0, 0, "w 8 1");
	close(fd);
}

static void errors(void)
{
	int fd = file(), rd = OK(open("f", O_RDONLY)), wr = OK(open("f", O_WRONLY)), p[2];

	CHECK_ERR(lock(fd, F_SETLK, 7, 0, 1), EINVAL);
	CHECK_ERR(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
	CHECK_ERR(lock(fd, F_SETLK, F_WRLCK, 5, -6), EINVAL);
	CHECK_ERR(lock(rd, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERR(lock(wr, F_SETLK, F_RDLCK, 0, 1), EBADF);
	CHECK_ERR(lock(-1, F_SETLK, F_RDLCK, 0, 1), EBADF);
	CHECK_ERR(fcntl(fd, F_SETLK, (void *)8), EFAULT);
	CHECK_ERR(flock(fd, 0), EINVAL);
	CHECK_ERR(flock(fd, LOCK_SH | LOCK_EX), EINVAL);
	CHECK_ERR(flock(-1, LOCK_SH), EBADF);
	OK(pipe(p));
	struct flock l = { .l_type = F_WRLCK, .l_whence = 9 };
	CHECK_ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	l = (struct flock){ .l_type = F_WRLCK, .l_pid = 1 };
	CHECK_ERR(fcntl(fd, F_OFD_SETLK, &l), EINVAL);
	close(p[0]);
	close(p[1]);
	close(fd);
	close(rd);
	close(wr);
}

/* Readers share, writers do not; who conflicts is told so, or waits. */
static void conflicts(void)
{
	int fd = file();
	struct gate go;

	gate_init(&go);
	OK(lock(fd, F_SETLK, F_RDLCK, 0, 10));
	pid_t pid = xfork();
	if (pid == 0) {
		OK(lock(fd, F_SETLK, F_RDLCK, 5, 10));
		CHECK(lock(fd, F_SETLK, F_WRLCK, 5, 1) == -1);
		CHECK(errno == EAGAIN || errno == EACCES);
		OK(lock(fd, F_SETLK, F_WRLCK, 10, 1));
		gate_open(&go);
		OK(lock(fd, F_SETLKW, F_WRLCK, 0, 10));
		_exit(0);
	}
	gate_wait(&go);
	CHECK(lock(fd, F_SETLK, F_WRLCK, 10, 1) == -1);
	wait_asleep(pid);
	OK(lock(fd, F_SETLK, F_UNLCK, 0, 10));
	wait_ok(pid);
	/* With the process its locks go. */
	OK(lock(fd, F_SETLK, F_WRLCK, 0, 0));
	gate_close(&go);
	close(fd);
}

/* Any close of the file drops all of the process's locks on it (fcntl(2), NOTES). */
static void closed(void)
{
	int fd = file(), d = OK(dup(fd));

	OK(lock(fd, F_SETLK, F_WRLCK, 0, 5));
	in_the_way(fd, 0, 0, "w 0 5");
	close(d);
	in_the_way(fd, 0, 0, "");
	OK(lock(fd, F_SETLK, F_WRLCK, 0, 5));
	close(OK(open("f", O_RDONLY)));
	in_the_way(fd, 0, 0, "");
	/* A child has none of them, and its end does not harm them. */
	OK(lock(fd, F_SETLK, F_WRLCK, 0, 5));
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 5) == -1);
		_exit(0);
	}
	wait_ok(pid);
	in_the_way(fd, 0, 0, "w 0 5");
	close(fd);
}

static void signalled(void)
{
	int fd = file();

	OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == -1);
		_exit(0);
	}
	wait_asleep(pid);
	kill(pid, SIGUSR2);
	CHECK_EQ(wait_signal(pid), SIGUSR2);
	close(fd);
}

/* A waits for B, B for A: one of them is told. */
static void deadlock(void)
{
	int fd = file();
	struct gate go;

	gate_init(&go);
	OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
	pid_t pid = xfork();
	if (pid == 0) {
		OK(lock(fd, F_SETLK, F_WRLCK, 1, 1));
		gate_open(&go);
		OK(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
		_exit(0);
	}
	gate_wait(&go);
	wait_asleep(pid);
	CHECK_ERR(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	/* What was held is held still; giving it up lets the other go on. */
	in_the_way(fd, 0, 1, "w 0 1");
	OK(lock(fd, F_SETLK, F_UNLCK, 0, 1));
	wait_ok(pid);
	gate_close(&go);
	close(fd);
}

/* The same in a circle of three, on two files. */
static void deadlock_of_three(void)
{
	int fd = file(), other;
	struct gate go;

	write_file("g", "x", 1);
	other = OK(open("g", O_RDWR));
	gate_init(&go);
	OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
	pid_t b = xfork();
	if (b == 0) {
		OK(lock(other, F_SETLK, F_WRLCK, 0, 1));
		gate_open(&go);
		OK(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
		_exit(0);
	}
	gate_wait(&go);
	wait_asleep(b);
	gate_close(&go);
	gate_init(&go);
	pid_t c = xfork();
	if (c == 0) {
		OK(lock(fd, F_SETLK, F_WRLCK, 2, 1));
		gate_open(&go);
		OK(lock(other, F_SETLKW, F_WRLCK, 0, 1));
		_exit(0);
	}
	gate_wait(&go);
	wait_asleep(c);
	CHECK_ERR(lock(fd, F_SETLKW, F_WRLCK, 2, 1), EDEADLK);
	OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
	wait_ok(b);
	wait_ok(c);
	gate_close(&go);
	close(other);
	close(fd);
}

/* Open file description locks belong to the open file. */
static void ofd(void)
{
	int a = file(), b = OK(open("f", O_RDWR)), d = OK(dup(a));
	struct flock l = { .l_type = F_WRLCK, .l_len = 5 };

	OK(lock(a, F_OFD_SETLK, F_WRLCK, 0, 5));
	/* Two opens of one process conflict, two names of one open do not. */
	CHECK(lock(b, F_OFD_SETLK, F_WRLCK, 4, 1) == -1);
	CHECK(errno == EAGAIN || errno == EACCES);
	OK(lock(d, F_OFD_SETLK, F_WRLCK, 4, 2));
	OK(fcntl(b, F_OFD_GETLK, &l));
	CHECK_EQ(l.l_type, F_WRLCK);
	CHECK_EQ(l.l_pid, -1);
	CHECK_EQ(l.l_len, 6);
	/* They and the others see each other. */
	CHECK(lock(b, F_SETLK, F_WRLCK, 0, 1) == -1);
	OK(lock(b, F_SETLK, F_WRLCK, 8, 1));
	CHECK(lock(a, F_OFD_SETLK, F_WRLCK, 8, 1) == -1);
	/* A child shares them. */
	pid_t pid = xfork();
	if (pid == 0) {
		OK(lock(a, F_OFD_SETLK, F_RDLCK, 0, 5));
		_exit(0);
	}
	wait_ok(pid);
	l = (struct flock){ .l_type = F_WRLCK, .l_len = 5 };
	OK(fcntl(b, F_OFD_GETLK, &l));
	CHECK_EQ(l.l_type, F_RDLCK);
	/* They last until the last name of the open file is closed. */
	close(a);
	CHECK(lock(b, F_OFD_SETLK, F_WRLCK, 0, 1) == -1);
	close(d);
	OK(lock(b, F_OFD_SETLK, F_WRLCK, 0, 1));
	close(b);
}

static void ofd_waits(void)
{
	int a = file(), b = OK(open("f", O_RDWR));

	OK(lock(a, F_OFD_SETLK, F_WRLCK, 0, 0));
	pid_t pid = xfork();
	if (pid == 0) {
		close(a);
		OK(lock(b, F_OFD_SETLKW, F_WRLCK, 0, 0));
		_exit(0);
	}
	wait_asleep(pid);
	OK(lock(a, F_OFD_SETLK, F_UNLCK, 0, 0));
	wait_ok(pid);
	close(a);
	close(b);
}

static void whole_files(void)
{
	int a = file(), b = OK(open("f", O_RDONLY)), d = OK(dup(a));

	OK(flock(a, LOCK_SH));
	OK(flock(b, LOCK_SH | LOCK_NB));
	CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	OK(flock(b, LOCK_UN));
	OK(flock(d, LOCK_EX | LOCK_NB));
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	/* Record locks are another matter. */
	OK(lock(a, F_SETLK, F_WRLCK, 0, 0));
	in_the_way(a, 0, 0, "w 0 0");
	/* Down to shared. */
	OK(flock(a, LOCK_SH));
	OK(flock(b, LOCK_SH | LOCK_NB));
	OK(flock(a, LOCK_UN));
	OK(flock(b, LOCK_EX));
	pid_t pid = xfork();
	if (pid == 0) {
		/* The child's is the same open file as the parent's. */
		OK(flock(b, LOCK_EX | LOCK_NB));
		close(b);
		OK(flock(a, LOCK_EX));
		_exit(0);
	}
	wait_asleep(pid);
	close(b);
	wait_ok(pid);
	/* The child's lock is this process's, too: it went with neither. */
	CHECK_ERR(flock(OK(open("f", O_RDONLY)), LOCK_SH | LOCK_NB), EWOULDBLOCK);
	close(a);
	close(d);
}

/* Many add to a counter, one at a time. */
static void counter(void)
{
	int fd = file(), n = 0;

	CHECK_EQ(pwrite(fd, &n, sizeof(n), 0), sizeof(n));
	for (int i = 0; i < 4; i++) {
		if (xfork() == 0) {
			int mine = OK(open("f", O_RDWR));

			for (int k = 0; k < 100; k++) {
				if (i & 1)
					OK(lock(mine, F_SETLKW, F_WRLCK, 0, 4));
				else
					OK(lock(mine, F_OFD_SETLKW, F_WRLCK, 0, 4));
				CHECK_EQ(pread(mine, &n, sizeof(n), 0), sizeof(n));
				n++;
				CHECK_EQ(pwrite(mine, &n, sizeof(n), 0), sizeof(n));
				if (i & 1)
					OK(lock(mine, F_SETLK, F_UNLCK, 0, 4));
				else
					OK(lock(mine, F_OFD_SETLK, F_UNLCK, 0, 4));
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;

		OK(wait(&status));
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(pread(fd, &n, sizeof(n), 0), sizeof(n));
	CHECK_EQ(n, 400);
	close(fd);
}

static const struct tap_case cases[] = {
	{ "ranges", ranges, 0 },
	{ "errors", errors, 0 },
	{ "conflicts", conflicts, 0 },
	{ "closed", closed, 0 },
	{ "signalled", signalled, 0 },
	{ "deadlock", deadlock, 0 },
	{ "deadlock_of_three", deadlock_of_three, 0 },
	{ "ofd", ofd, 0 },
	{ "ofd_waits", ofd_waits, 0 },
	{ "whole_files", whole_files, 0 },
	{ "counter", counter, 0 },
};

TAP_MAIN(cases)
