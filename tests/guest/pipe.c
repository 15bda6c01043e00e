/* SPDX-License-Identifier: MIT */
/*
 * pipe.c - pipe(7): atomicity, end of file, SIGPIPE, non-blocking ends,
 * capacity, readiness, and long pipelines.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPACITY 65536
#define ATOMIC 4096	/* PIPE_BUF */

static int rd, wr;
static char big[2 * CAPACITY];

static void make(int flags)
{
	int fd[2];

	OK(pipe2(fd, flags));
	rd = fd[0];
	wr = fd[1];
}

static int queued(void)
{
	int n = -1;

	OK(ioctl(rd, FIONREAD, &n));
	return n;
}

static short ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	OK(poll(&p, 1, 0));
	return p.revents;
}

static void bytes_in_order(void)
{
	char buf[16];

	make(0);
	write_full(wr, "abc", 3);
	write_full(wr, "defg", 4);
	CHECK_EQ(queued(), 7);
	CHECK_EQ(read(rd, buf, 2), 2);
	CHECK(!memcmp(buf, "ab", 2));
	/* A stream: writes leave no borders. */
	CHECK_EQ(read(rd, buf, sizeof(buf)), 5);
	CHECK(!memcmp(buf, "cdefg", 5));
	CHECK_EQ(queued(), 0);
}

static void ends_are_one_way(void)
{
	char c;
	struct stat a, b;

	make(0);
	CHECK_ERR(write(rd, "x", 1), EBADF);
	CHECK_ERR(read(wr, &c, 1), EBADF);
	OK(fstat(rd, &a));
	OK(fstat(wr, &b));
	CHECK(S_ISFIFO(a.st_mode) && a.st_ino == b.st_ino);
	CHECK_EQ(OK(fcntl(rd, F_GETFL)) & O_ACCMODE, O_RDONLY);
	CHECK_EQ(OK(fcntl(wr, F_GETFL)) & O_ACCMODE, O_WRONLY);
}

static void flags(void)
{
	int fd[2];

	make(O_CLOEXEC | O_NONBLOCK);
	CHECK_EQ(fcntl(rd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(wr, F_GETFD), FD_CLOEXEC);
	CHECK(OK(fcntl(rd, F_GETFL)) & O_NONBLOCK);
	CHECK(OK(fcntl(wr, F_GETFL)) & O_NONBLOCK);
	CHECK_ERR(pipe2(fd, O_APPEND), EINVAL);
	CHECK_ERR(pipe2(fd, 1), EINVAL);
}

static void end_of_file(void)
{
	char c;

	make(0);
	write_full(wr, "x", 1);
	int copy = OK(dup(wr));
	OK(close(wr));
	CHECK_EQ(read(rd, &c, 1), 1);
	OK(fcntl(rd, F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(rd, &c, 1), EAGAIN);
	OK(close(copy));
	CHECK_EQ(read(rd, &c, 1), 0);
	CHECK_EQ(read(rd, &c, 1), 0);
}

static void end_of_file_wakes_a_reader(void)
{
	char c;

	make(0);
	pid_t reader = xfork();
	if (reader == 0) {
		OK(close(wr));
		CHECK_EQ(read(rd, &c, 1), 0);
		_exit(0);
	}
	wait_asleep(reader);
	OK(close(wr));
	wait_ok(reader);
}

static void broken_pipe(void)
{
	make(0);
	OK(close(rd));
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(wr, "x", 1), EPIPE);
	CHECK_EQ(write(wr, "", 0), 0);
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		write(wr, "x", 1);
		_exit(0);
	}
	CHECK_EQ(wait_signal(pid), SIGPIPE);
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void broken_while_writing(void)
{
	make(0);
	pid_t writer = xfork();
	if (writer == 0) {
		OK(close(rd));
		handle(SIGPIPE, on_signal, 0);
		/* What has gone in before counts; the next one fails. */
		CHECK_EQ(write(wr, big, CAPACITY + 1), CAPACITY);
		CHECK_EQ(caught, SIGPIPE);
		caught = 0;
		CHECK_ERR(write(wr, big, 1), EPIPE);
		CHECK_EQ(caught, SIGPIPE);
		_exit(0);
	}
	wait_asleep(writer);
	CHECK_EQ(queued(), CAPACITY);
	OK(close(rd));
	wait_ok(writer);
}

static void blocking_writer_waits_for_room(void)
{
	make(0);
	pid_t writer = xfork();
	if (writer == 0) {
		fill_pattern(big, 2 * CAPACITY, 1);
		CHECK_EQ(write(wr, big, 2 * CAPACITY), 2 * CAPACITY);
		_exit(0);
	}
	OK(close(wr));
	wait_asleep(writer);
	read_full(rd, big, 2 * CAPACITY);
	CHECK(check_pattern(big, 2 * CAPACITY, 1));
	char c;
	CHECK_EQ(read(rd, &c, 1), 0);
	wait_ok(writer);
}

static void nonblocking_writes(void)
{
	make(O_NONBLOCK);
	/* More than PIPE_BUF: as much as fits. */
	CHECK_EQ(write(wr, big, CAPACITY + 5000), CAPACITY);
	CHECK_ERR(write(wr, big, 1), EAGAIN);
	CHECK_ERR(write(wr, big, CAPACITY), EAGAIN);
	/* Up to PIPE_BUF: all or nothing. */
	CHECK_EQ(read(rd, big, ATOMIC), ATOMIC);
	CHECK_EQ(write(wr, big, ATOMIC), ATOMIC);
	CHECK_ERR(write(wr, big, ATOMIC), EAGAIN);
	CHECK_EQ(queued(), CAPACITY);
}

static void nonblocking_atomic_write(void)
{
	make(O_NONBLOCK);
	CHECK_EQ(write(wr, big, CAPACITY - 100), CAPACITY - 100);
	CHECK_ERR(write(wr, big, ATOMIC), EAGAIN);
	CHECK_EQ(queued(), CAPACITY - 100);
}

static void nonblocking_reads(void)
{
	char c;

	make(O_NONBLOCK);
	CHECK_ERR(read(rd, &c, 1), EAGAIN);
	write_full(wr, "ab", 2);
	CHECK_EQ(read(rd, big, 100), 2);
	CHECK_ERR(read(rd, &c, 1), EAGAIN);
	OK(close(wr));
	CHECK_EQ(read(rd, &c, 1), 0);
}

static void capacity(void)
{
	make(O_NONBLOCK);
	CHECK_EQ(fcntl(wr, F_GETPIPE_SZ), CAPACITY);
	CHECK_EQ(fcntl(rd, F_GETPIPE_SZ), CAPACITY);
	/* Rounded up to a power of two of pages. */
	CHECK_EQ(fcntl(wr, F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(write(wr, big, 10000), 4096);
	CHECK_ERR(write(wr, big, 1), EAGAIN);
	CHECK_EQ(fcntl(rd, F_SETPIPE_SZ, 9000), 16384);
	CHECK_EQ(write(wr, big, CAPACITY), 12288);
	/* Not below what is in it. */
	CHECK_ERR(fcntl(wr, F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(queued(), 16384);
	CHECK_ERR(fcntl(0, F_GETPIPE_SZ), EBADF);
	CHECK_EQ(fcntl(wr, F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_EQ(queued(), 16384);
}

static void resize_keeps_the_data(void)
{
	make(O_NONBLOCK);
	fill_pattern(big, 12000, 4);
	CHECK_EQ(write(wr, big, 12000), 12000);
	CHECK_EQ(read(rd, big + CAPACITY, 5000), 5000);
	OK(fcntl(wr, F_SETPIPE_SZ, 1 << 18));
	CHECK_EQ(read(rd, big + CAPACITY + 5000, 3000), 3000);
	OK(fcntl(wr, F_SETPIPE_SZ, 8192));
	CHECK_EQ(read(rd, big + CAPACITY + 8000, 9000), 4000);
	CHECK(check_pattern(big + CAPACITY, 12000, 4));
}

/* Records of up to PIPE_BUF from many writers are never mixed. */
static void atomic_with_many_writers(void)
{
	enum { WRITERS = 6, RECORDS = 60 };
	static char rec[ATOMIC];
	pid_t pids[WRITERS];

	make(0);
	for (int w = 0; w < WRITERS; w++) {
		pids[w] = xfork();
		if (pids[w] == 0) {
			unsigned int seed = w;
			for (int i = 0; i < RECORDS; i++) {
				short len = 8 + rand_r(&seed) % (ATOMIC - 8);
				memset(rec, 'a' + w, len);
				memcpy(rec, &len, 2);
				CHECK_EQ(write(wr, rec, len), len);
			}
			_exit(0);
		}
	}
	OK(close(wr));
	for (int i = 0; i < WRITERS * RECORDS; i++) {
		short len;
		read_full(rd, &len, 2);
		CHECK(len >= 8 && len <= ATOMIC);
		read_full(rd, rec, len - 2);
		for (int j = 1; j < len - 2; j++)
			CHECK_EQ(rec[j], rec[0]);
	}
	CHECK_EQ(read(rd, rec, 1), 0);
	for (int w = 0; w < WRITERS; w++)
		wait_ok(pids[w]);
}

/* Each byte goes to one of several readers. */
static void many_readers(void)
{
	enum { READERS = 4, BYTES = 20000 };
	long *sum = shared_alloc(PAGE);
	pid_t pids[READERS];

	make(0);
	for (int r = 0; r < READERS; r++) {
		pids[r] = xfork();
		if (pids[r] == 0) {
			unsigned char buf[37];
			ssize_t n;
			OK(close(wr));
			while ((n = OK(read(rd, buf, sizeof(buf)))) > 0)
				for (ssize_t i = 0; i < n; i++)
					sum[r] += buf[i];
			_exit(0);
		}
	}
	long want = 0;
	for (int i = 0; i < BYTES; i++) {
		unsigned char c = (unsigned char)(i * 7);
		want += c;
		write_full(wr, &c, 1);
	}
	OK(close(wr));
	long got = 0;
	for (int r = 0; r < READERS; r++) {
		wait_ok(pids[r]);
		got += sum[r];
	}
	CHECK_EQ(got, want);
}

static void readiness(void)
{
	make(O_NONBLOCK);
	CHECK_EQ(ready(rd, POLLIN), 0);
	CHECK_EQ(ready(wr, POLLOUT), POLLOUT);
	write_full(wr, "x", 1);
	CHECK_EQ(ready(rd, POLLIN), POLLIN);
	while (write(wr, big, CAPACITY) > 0)
		;
	CHECK_EQ(ready(wr, POLLOUT), 0);
	/* Room for one atomic write makes it ready again. */
	CHECK_EQ(read(rd, big, ATOMIC), ATOMIC);
	CHECK_EQ(ready(wr, POLLOUT), POLLOUT);
	OK(close(rd));
	CHECK_EQ(ready(wr, POLLOUT) & POLLERR, POLLERR);
	make(0);
	write_full(wr, "x", 1);
	OK(close(wr));
	CHECK_EQ(ready(rd, POLLIN), POLLIN | POLLHUP);
	char c;
	read_full(rd, &c, 1);
	CHECK_EQ(ready(rd, POLLIN), POLLHUP);
	CHECK_EQ(ready(rd, 0), POLLHUP);
}

static void poll_is_woken(void)
{
	struct pollfd p;

	make(0);
	/* By data, by end of file, by room, by a reader's end. */
	for (int what = 0; what < 4; what++) {
		make(0);
		if (what >= 2)
			write_full(wr, big, CAPACITY);
		pid_t poller = xfork();
		if (poller == 0) {
			static const short want[] = { POLLIN, POLLHUP, POLLOUT,
						      POLLERR };
			p.fd = what < 2 ? rd : wr;
			p.events = what < 2 ? POLLIN : POLLOUT;
			OK(close(what < 2 ? wr : rd));
			CHECK_EQ(poll(&p, 1, 20000), 1);
			CHECK(p.revents & want[what]);
			_exit(0);
		}
		wait_asleep(poller);
		if (what == 0)
			write_full(wr, "x", 1);
		else if (what == 1)
			OK(close(wr));
		else if (what == 2)
			read_full(rd, big, CAPACITY);
		else
			OK(close(rd));
		wait_ok(poller);
	}
}

static void vectors(void)
{
	char a[3], b[10];
	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } };
	struct iovec in[2] = { { a, 3 }, { b, 10 } };

	make(0);
	CHECK_EQ(writev(wr, out, 3), 6);
	CHECK_EQ(readv(rd, in, 2), 6);
	CHECK(!memcmp(a, "abc", 3) && !memcmp(b, "def", 3));
}

static void unaligned_sizes(void)
{
	size_t in = 0, out = 0;
	unsigned int seed = 3;

	make(O_NONBLOCK);
	static char data[1 << 19];
	fill_pattern(data, sizeof(data), 8);
	while (out < sizeof(data)) {
		size_t want = rand_r(&seed) % 9000 + 1;
		if (want > sizeof(data) - in)
			want = sizeof(data) - in;
		ssize_t n = want ? write(wr, data + in, want) : 0;
		in += n > 0 ? n : 0;
		n = read(rd, big, rand_r(&seed) % 9000 + 1);
		if (n > 0) {
			CHECK(!memcmp(big, data + out, n));
			out += n;
		}
		CHECK_EQ(queued(), in - out);
	}
}

static void copy_stage(int from, int to, unsigned char add)
{
	static unsigned char buf[3000];
	ssize_t n;

	while ((n = OK(read(from, buf, sizeof(buf)))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			buf[i] = (unsigned char)(buf[i] + add);
		write_full(to, buf, n);
	}
	_exit(0);
}

/* A mebibyte through ten processes, each adding its share. */
static void pipeline_of_ten(void)
{
	enum { STAGES = 10, SIZE = 1 << 20 };
	static unsigned char data[SIZE], back[SIZE];
	int from, first;
	pid_t pids[STAGES + 1];

	fill_pattern(data, SIZE, 2);
	make(O_CLOEXEC);
	first = wr;
	from = rd;
	for (int s = 0; s < STAGES; s++) {
		make(O_CLOEXEC);
		pids[s] = xfork();
		if (pids[s] == 0) {
			OK(close(first));
			OK(close(rd));
			copy_stage(from, wr, (unsigned char)(s + 1));
		}
		OK(close(from));
		OK(close(wr));
		from = rd;
	}
	pids[STAGES] = xfork();
	if (pids[STAGES] == 0) {
		OK(close(from));
		write_full(first, data, SIZE);
		_exit(0);
	}
	OK(close(first));
	read_full(from, back, SIZE);
	CHECK_EQ(read(from, back, 1), 0);
	back[0] = (unsigned char)(data[0] + 55);
	for (int i = 0; i < SIZE; i++)
		CHECK_EQ(back[i], (unsigned char)(data[i] + 55));
	for (int s = 0; s <= STAGES; s++)
		wait_ok(pids[s]);
}

static void token_ring(void)
{
	enum { MEMBERS = 8, ROUNDS = 200 };
	int fd[MEMBERS][2], token = 0;
	pid_t pids[MEMBERS];

	for (int i = 0; i < MEMBERS; i++)
		OK(pipe(fd[i]));
	for (int i = 1; i < MEMBERS; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			for (int r = 0; r < ROUNDS; r++) {
				read_full(fd[i - 1][0], &token, sizeof(token));
				token++;
				write_full(fd[i][1], &token, sizeof(token));
			}
			_exit(0);
		}
	}
	for (int r = 0; r < ROUNDS; r++) {
		write_full(fd[0][1], &token, sizeof(token));
		read_full(fd[MEMBERS - 1][0], &token, sizeof(token));
	}
	CHECK_EQ(token, ROUNDS * (MEMBERS - 1));
	for (int i = 1; i < MEMBERS; i++)
		wait_ok(pids[i]);
}

static const struct tap_case cases[] = {
	{ "bytes_in_order", bytes_in_order, 0 },
	{ "ends_are_one_way", ends_are_one_way, 0 },
	{ "flags", flags, 0 },
	{ "end_of_file", end_of_file, 0 },
	{ "end_of_file_wakes_a_reader", end_of_file_wakes_a_reader, 0 },
	{ "broken_pipe", broken_pipe, 0 },
	{ "broken_while_writing", broken_while_writing, 0 },
	{ "blocking_writer_waits_for_room", blocking_writer_waits_for_room, 0 },
	{ "nonblocking_writes", nonblocking_writes, 0 },
	{ "nonblocking_atomic_write", nonblocking_atomic_write, 0 },
	{ "nonblocking_reads", nonblocking_reads, 0 },
	{ "capacity", capacity, 0 },
	{ "resize_keeps_the_data", resize_keeps_the_data, 0 },
	{ "atomic_with_many_writers", atomic_with_many_writers, 0 },
	{ "many_readers", many_readers, 0 },
	{ "readiness", readiness, 0 },
	{ "poll_is_woken", poll_is_woken, 0 },
	{ "vectors", vectors, 0 },
	{ "unaligned_sizes", unaligned_sizes, 0 },
	{ "pipeline_of_ten", pipeline_of_ten, 60 },
	{ "token_ring", token_ring, 0 },
};

TAP_MAIN(cases)
