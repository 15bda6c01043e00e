/* SPDX-License-Identifier: MIT */
/*
 * fifo.c - named pipes: how opens wait for each other, fifo(7).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_fifo(void)
{
	struct stat st;

	OK(mkfifo("fifo", 0600));
	OK(stat("fifo", &st));
	CHECK_EQ(st.st_mode, S_IFIFO | 0600);
	CHECK_EQ(st.st_size, 0);
}

static void open_and_exit(void *flags)
{
	OK(open("fifo", *(int *)flags));
}

static void reader_waits_for_writer(void)
{
	int mode = O_RDONLY;

	make_fifo();
	pid_t pid = spawn(open_and_exit, &mode);
	wait_asleep(pid);
	int fd = OK(open("fifo", O_WRONLY));
	wait_ok(pid);
	OK(close(fd));
}

static void writer_waits_for_reader(void)
{
	int mode = O_WRONLY;

	make_fifo();
	pid_t pid = spawn(open_and_exit, &mode);
	wait_asleep(pid);
	int fd = OK(open("fifo", O_RDONLY));
	wait_ok(pid);
	OK(close(fd));
}

/*
 * A writer that comes, writes and goes at once: the waiting reader's open
 * still returns, and the data is there.
 */
static void writer_that_has_been_here(void)
{
	char buf[8];

	make_fifo();
	for (int i = 0; i < 50; i++) {
		pid_t reader = xfork();
		if (reader == 0) {
			int fd = OK(open("fifo", O_RDONLY));
			CHECK_EQ(read(fd, buf, sizeof(buf)), 3);
			CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
			_exit(0);
		}
		int fd = OK(open("fifo", O_WRONLY));
		write_full(fd, "abc", 3);
		OK(close(fd));
		wait_ok(reader);
	}
}

static void nonblocking_reader_does_not_wait(void)
{
	char c;

	make_fifo();
	int fd = OK(open("fifo", O_RDONLY | O_NONBLOCK));
	/* No writer yet: end of file, not EAGAIN. */
	CHECK_EQ(read(fd, &c, 1), 0);
	int w = OK(open("fifo", O_WRONLY));
	CHECK_ERR(read(fd, &c, 1), EAGAIN);
	write_full(w, "x", 1);
	CHECK_EQ(read(fd, &c, 1), 1);
	OK(close(w));
	CHECK_EQ(read(fd, &c, 1), 0);
}

static void nonblocking_writer_needs_a_reader(void)
{
	make_fifo();
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	int r = OK(open("fifo", O_RDONLY | O_NONBLOCK));
	int w = OK(open("fifo", O_WRONLY | O_NONBLOCK));
	write_full(w, "x", 1);
	OK(close(r));
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(w, "x", 1), EPIPE);
	/* A writer alone is no reader. */
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
}

static void both_ways_never_waits(void)
{
	char c;

	make_fifo();
	int fd = OK(open("fifo", O_RDWR));
	write_full(fd, "x", 1);
	CHECK_EQ(read(fd, &c, 1), 1);
	/* It is reader and writer to the others. */
	OK(close(OK(open("fifo", O_WRONLY | O_NONBLOCK))));
	int r = OK(open("fifo", O_RDONLY));
	OK(fcntl(r, F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(r, &c, 1), EAGAIN);
}

static void data_goes_with_the_last(void)
{
	char c;

	make_fifo();
	int fd = OK(open("fifo", O_RDWR));
	write_full(fd, "left", 4);
	OK(close(fd));
	fd = OK(open("fifo", O_RDWR | O_NONBLOCK));
	CHECK_ERR(read(fd, &c, 1), EAGAIN);
}

static void writer_comes_back(void)
{
	char c;

	make_fifo();
	int r = OK(open("fifo", O_RDONLY | O_NONBLOCK));
	for (int i = 0; i < 5; i++) {
		int w = OK(open("fifo", O_WRONLY));
		write_full(w, "x", 1);
		OK(close(w));
		CHECK_EQ(read(r, &c, 1), 1);
		CHECK_EQ(read(r, &c, 1), 0);
	}
}

/* POLLHUP comes with a writer that has gone, not before one has come. */
static void poll_hangup(void)
{
	make_fifo();
	struct pollfd p = {
		.fd = OK(open("fifo", O_RDONLY | O_NONBLOCK)),
		.events = POLLIN,
	};
	CHECK_EQ(poll(&p, 1, 0), 0);
	int w = OK(open("fifo", O_WRONLY));
	CHECK_EQ(poll(&p, 1, 0), 0);
	write_full(w, "x", 1);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	OK(close(w));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLHUP);
	w = OK(open("fifo", O_WRONLY));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
}

static void two_names_one_fifo(void)
{
	char c;

	make_fifo();
	OK(link("fifo", "other"));
	int r = OK(open("fifo", O_RDONLY | O_NONBLOCK));
	int w = OK(open("other", O_WRONLY | O_NONBLOCK));
	write_full(w, "x", 1);
	CHECK_EQ(read(r, &c, 1), 1);
	/* Unlinked, it lives on between those who have it. */
	OK(unlink("fifo"));
	OK(unlink("other"));
	write_full(w, "y", 1);
	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(c, 'y');
}

static void separate_fifos(void)
{
	char c;

	make_fifo();
	OK(mkfifo("second", 0600));
	int a = OK(open("fifo", O_RDWR | O_NONBLOCK));
	int b = OK(open("second", O_RDWR | O_NONBLOCK));
	write_full(a, "x", 1);
	CHECK_ERR(read(b, &c, 1), EAGAIN);
	CHECK_EQ(read(a, &c, 1), 1);
}

static void chat_by_two_fifos(void)
{
	int n = 0;

	OK(mkfifo("there", 0600));
	OK(mkfifo("back", 0600));
	pid_t pid = xfork();
	if (pid == 0) {
		int in = OK(open("there", O_RDONLY));
		int out = OK(open("back", O_WRONLY));
		while (OK(read(in, &n, sizeof(n))) > 0) {
			n *= 2;
			write_full(out, &n, sizeof(n));
		}
		_exit(0);
	}
	int out = OK(open("there", O_WRONLY)), in = OK(open("back", O_RDONLY));
	for (int i = 0; i < 100; i++) {
		write_full(out, &i, sizeof(i));
		read_full(in, &n, sizeof(n));
		CHECK_EQ(n, 2 * i);
	}
	OK(close(out));
	wait_ok(pid);
}

static void many_openers_at_once(void)
{
	enum { N = 6 };
	int rd_mode = O_RDONLY, wr_mode = O_WRONLY;
	pid_t pids[2 * N];

	make_fifo();
	for (int i = 0; i < N; i++)
		pids[i] = spawn(open_and_exit, &rd_mode);
	for (int i = 0; i < N; i++)
		wait_asleep(pids[i]);
	/* One writer lets all of them in. */
	int fd = OK(open("fifo", O_WRONLY));
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
	OK(close(fd));
	for (int i = 0; i < N; i++)
		pids[i] = spawn(open_and_exit, &wr_mode);
	for (int i = 0; i < N; i++)
		wait_asleep(pids[i]);
	fd = OK(open("fifo", O_RDONLY));
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
}

static void killed_while_waiting(void)
{
	int mode = O_RDONLY;

	make_fifo();
	pid_t pid = spawn(open_and_exit, &mode);
	wait_asleep(pid);
	kill_and_reap(pid);
	/* It does not count as a reader any more. */
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
}

static const struct tap_case cases[] = {
	{ "reader_waits_for_writer", reader_waits_for_writer, 0 },
	{ "writer_waits_for_reader", writer_waits_for_reader, 0 },
	{ "writer_that_has_been_here", writer_that_has_been_here, 0 },
	{ "nonblocking_reader_does_not_wait",
	  nonblocking_reader_does_not_wait, 0 },
	{ "nonblocking_writer_needs_a_reader",
	  nonblocking_writer_needs_a_reader, 0 },
	{ "both_ways_never_waits", both_ways_never_waits, 0 },
	{ "data_goes_with_the_last", data_goes_with_the_last, 0 },
	{ "writer_comes_back", writer_comes_back, 0 },
	{ "poll_hangup", poll_hangup, 0 },
	{ "two_names_one_fifo", two_names_one_fifo, 0 },
	{ "separate_fifos", separate_fifos, 0 },
	{ "chat_by_two_fifos", chat_by_two_fifos, 0 },
	{ "many_openers_at_once", many_openers_at_once, 0 },
	{ "killed_while_waiting", killed_while_waiting, 0 },
};

TAP_MAIN(cases)
