/* SPDX-License-Identifier: MIT */
/*
 * poll.c - poll(2), ppoll(2), select(2), pselect(2): what is ready, time-outs,
 * masks, bad descriptors, many descriptors.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int rd, wr;

static void make_pipe(void)
{
	int fd[2];

	OK(pipe(fd));
	rd = fd[0];
	wr = fd[1];
}

static void nothing_to_watch(void)
{
	struct timespec t = { 0, 20000000 };

	CHECK_EQ(poll(NULL, 0, 0), 0);
	long long start = msec();
	CHECK_EQ(poll(NULL, 0, 20), 0);
	CHECK_EQ(ppoll(NULL, 0, &t, NULL), 0);
	CHECK(msec() - start >= 39);
}

static void times_out(void)
{
	struct pollfd p = { .events = POLLIN, .revents = 0x7f };

	make_pipe();
	p.fd = rd;
	long long start = msec();
	CHECK_EQ(poll(&p, 1, 30), 0);
	CHECK(msec() - start >= 29);
	/* Written even when nothing is ready. */
	CHECK_EQ(p.revents, 0);
}

static void several_at_once(void)
{
	struct pollfd p[4];
	int a[2], b[2];

	OK(pipe(a));
	OK(pipe(b));
	p[0] = (struct pollfd){ a[0], POLLIN, 9 };
	p[1] = (struct pollfd){ a[1], POLLOUT, 9 };
	p[2] = (struct pollfd){ b[0], POLLIN, 9 };
	p[3] = (struct pollfd){ b[1], POLLIN | POLLOUT, 9 };
	CHECK_EQ(poll(p, 4, -1), 2);
	CHECK(p[0].revents == 0 && p[1].revents == POLLOUT &&
	      p[2].revents == 0 && p[3].revents == POLLOUT);
	write_full(b[1], "x", 1);
	CHECK_EQ(poll(p, 4, -1), 3);
	CHECK_EQ(p[2].revents, POLLIN);
}

static void only_what_was_asked(void)
{
	struct pollfd p;

	make_pipe();
	write_full(wr, "x", 1);
	p = (struct pollfd){ rd, POLLOUT | POLLPRI, 0 };
	CHECK_EQ(poll(&p, 1, 0), 0);
	p = (struct pollfd){ rd, POLLIN | POLLRDNORM, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLRDNORM);
	p = (struct pollfd){ wr, POLLOUT | POLLWRNORM, 0 };
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT | POLLWRNORM);
}

static void bad_and_negative(void)
{
	struct pollfd p[3] = {
		{ -1, POLLIN, 7 }, { 999, POLLIN, 7 }, { -77, 0, 7 },
	};

	CHECK_EQ(poll(p, 3, -1), 1);
	CHECK_EQ(p[0].revents, 0);
	CHECK_EQ(p[1].revents, POLLNVAL);
	CHECK_EQ(p[2].revents, 0);
	make_pipe();
	OK(close(rd));
	p[0] = (struct pollfd){ rd, 0, 0 };
	CHECK_EQ(poll(p, 1, -1), 1);
	CHECK_EQ(p[0].revents, POLLNVAL);
}

static void regular_files_are_ready(void)
{
	write_file("f", "", 0);
	struct pollfd p[2] = {
		{ OK(open("f", O_RDWR)), POLLIN | POLLOUT, 0 },
		{ OK(open(".", O_RDONLY)), POLLIN, 0 },
	};

	CHECK_EQ(poll(p, 2, 0), 2);
	CHECK_EQ(p[0].revents, POLLIN | POLLOUT);
	CHECK_EQ(p[1].revents, POLLIN);
	p[0].fd = OK(open("/dev/null", O_RDWR));
	p[1].fd = OK(open("/dev/zero", O_RDONLY));
	CHECK_EQ(poll(p, 2, 0), 2);
}

static void same_descriptor_twice(void)
{
	make_pipe();
	struct pollfd p[3] = {
		{ rd, POLLIN, 0 }, { rd, POLLIN, 0 }, { rd, 0, 0 },
	};
	write_full(wr, "x", 1);
	CHECK_EQ(poll(p, 3, -1), 2);
	CHECK(p[0].revents == POLLIN && p[1].revents == POLLIN);
}

static void write_when_asleep(void *arg)
{
	wait_asleep(*(pid_t *)arg);
	write_full(wr, "x", 1);
}

static void woken(void)
{
	pid_t self = getpid();

	make_pipe();
	for (int i = 0; i < 3; i++) {
		static const int timeouts[] = { -1, 100000, -5 };
		struct pollfd p = { rd, POLLIN, 0 };
		char c;
		pid_t pid = spawn(write_when_asleep, &self);
		CHECK_EQ(poll(&p, 1, timeouts[i]), 1);
		CHECK_EQ(p.revents, POLLIN);
		read_full(rd, &c, 1);
		wait_ok(pid);
	}
}

static void too_many(void)
{
	static struct pollfd p[20];
	struct rlimit rl = { 10, 10 };

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	for (int i = 0; i < 20; i++)
		p[i].fd = -1;
	CHECK_EQ(poll(p, 10, 0), 0);
	CHECK_ERR(poll(p, 11, 0), EINVAL);
}

static void thousand_pipes(void)
{
	enum { N = 1000 };
	static struct pollfd p[N];
	static int out[N];
	struct rlimit rl = { 3000, 3000 };

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	for (int i = 0; i < N; i++) {
		make_pipe();
		p[i] = (struct pollfd){ rd, POLLIN, 0 };
		out[i] = wr;
	}
	CHECK_EQ(poll(p, N, 0), 0);
	for (int i = 0; i < N; i += 10)
		write_full(out[i], "x", 1);
	CHECK_EQ(poll(p, N, -1), N / 10);
	for (int i = 0; i < N; i++)
		CHECK_EQ(p[i].revents, i % 10 ? 0 : POLLIN);
	/* Closing some of them while others wait changes nothing for these. */
	pid_t self = getpid(), pid;
	wr = out[7];
	for (int i = 0; i < N; i++)
		if (i % 10 == 0)
			p[i].fd = -1;
	pid = spawn(write_when_asleep, &self);
	CHECK_EQ(poll(p, N, -1), 1);
	CHECK_EQ(p[7].revents, POLLIN);
	wait_ok(pid);
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

/* The mask counts only during the call, and atomically. */
static void ppoll_mask(void)
{
	sigset_t none, now;
	struct pollfd p;

	make_pipe();
	p = (struct pollfd){ rd, POLLIN, 0 };
	handle(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	sigemptyset(&none);
	CHECK_ERR(ppoll(&p, 1, NULL, &none), EINTR);
	CHECK_EQ(caught, SIGUSR1);
	OK(sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGUSR1));
	/* With something ready it does not look at signals. */
	caught = 0;
	OK(raise(SIGUSR1));
	write_full(wr, "x", 1);
	CHECK_EQ(ppoll(&p, 1, NULL, &none), 1);
	CHECK_EQ(caught, 0);
	unblock(SIGUSR1);
	CHECK_EQ(caught, SIGUSR1);
}

static void bad_times(void)
{
	struct timespec t = { 0, 1000000000 };
	struct timeval tv = { -1, 0 };

	CHECK_ERR(ppoll(NULL, 0, &t, NULL), EINVAL);
	t = (struct timespec){ -1, 0 };
	CHECK_ERR(ppoll(NULL, 0, &t, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), EINVAL);
	t = (struct timespec){ 0, -1 };
	CHECK_ERR(pselect(0, NULL, NULL, NULL, &t, NULL), EINVAL);
}

static void select_sets(void)
{
	fd_set r, w, e;
	struct timeval zero = { 0, 0 };

	make_pipe();
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&e);
	FD_SET(rd, &r);
	FD_SET(wr, &w);
	FD_SET(rd, &e);
	CHECK_EQ(select(wr + 1, &r, &w, &e, &zero), 1);
	CHECK(!FD_ISSET(rd, &r) && FD_ISSET(wr, &w) && !FD_ISSET(rd, &e));
	write_full(wr, "x", 1);
	FD_SET(rd, &r);
	/* Each bit counts: two here. */
	CHECK_EQ(select(wr + 1, &r, &w, NULL, &zero), 2);
	OK(close(wr));
	char c;
	read_full(rd, &c, 1);
	/* End of file is readable. */
	CHECK_EQ(select(rd + 1, &r, NULL, NULL, &zero), 1);
}

static void select_broken_pipe_is_writable(void)
{
	struct timeval zero = { 0, 0 };
	fd_set w;

	make_pipe();
	OK(close(rd));
	FD_ZERO(&w);
	FD_SET(wr, &w);
	CHECK_EQ(select(wr + 1, NULL, &w, NULL, &zero), 1);
}

static void select_errors(void)
{
	struct timeval zero = { 0, 0 };
	fd_set r;

	FD_ZERO(&r);
	FD_SET(40, &r);
	CHECK_ERR(select(41, &r, NULL, NULL, &zero), EBADF);
	/* Above nfds nothing is looked at, nor changed. */
	CHECK_EQ(select(40, &r, NULL, NULL, &zero), 0);
	CHECK_ERR(select(-1, NULL, NULL, NULL, &zero), EINVAL);
	CHECK_EQ(select(0, NULL, NULL, NULL, &zero), 0);
}

static void select_times_out(void)
{
	struct timeval tv = { 0, 30000 };
	fd_set r;

	make_pipe();
	FD_ZERO(&r);
	FD_SET(rd, &r);
	long long start = msec();
	CHECK_EQ(syscall(SYS_select, rd + 1, &r, NULL, NULL, &tv), 0);
	CHECK(msec() - start >= 29);
	CHECK(!FD_ISSET(rd, &r));
	/* Linux writes back what is left: nothing. */
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
}

static void select_woken(void)
{
	pid_t self = getpid();
	fd_set r;

	make_pipe();
	FD_ZERO(&r);
	FD_SET(rd, &r);
	pid_t pid = spawn(write_when_asleep, &self);
	CHECK_EQ(select(rd + 1, &r, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(rd, &r));
	wait_ok(pid);
}

static void pselect_mask(void)
{
	const struct timespec limit = { 20, 0 };
	sigset_t none;

	handle(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	sigemptyset(&none);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, &limit, &none), EINTR);
	CHECK_EQ(caught, SIGUSR1);
	CHECK_EQ(limit.tv_sec, 20);
}

static void select_high_descriptors(void)
{
	struct timeval zero = { 0, 0 };
	struct rlimit rl = { 2048, 2048 };
	unsigned long set[2048 / 64];

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	make_pipe();
	OK(dup2(wr, 2000));
	memset(set, 0, sizeof(set));
	set[2000 / 64] = 1UL << 2000 % 64;
	/* The kernel's sets are as long as nfds says. */
	CHECK_EQ(syscall(SYS_select, 2001, NULL, set, NULL, &zero), 1);
	CHECK_EQ(set[2000 / 64], 1UL << 2000 % 64);
}

static void fork_shares_readiness(void)
{
	struct pollfd p;
	char c;

	make_pipe();
	p = (struct pollfd){ rd, POLLIN, 0 };
	write_full(wr, "x", 1);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(poll(&p, 1, 0), 1);
		read_full(rd, &c, 1);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(poll(&p, 1, 0), 0);
}

/* All that wait are woken by one byte, and only one of them gets it. */
static void herd(void)
{
	enum { N = 8 };
	int *woken_count = shared_alloc(PAGE), *got = woken_count + 1;
	pid_t pids[N];

	make_pipe();
	OK(fcntl(rd, F_SETFL, O_NONBLOCK));
	for (int i = 0; i < N; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			struct pollfd p = { rd, POLLIN, 0 };
			char c;
			CHECK_EQ(poll(&p, 1, -1), 1);
			__atomic_fetch_add(woken_count, 1, __ATOMIC_SEQ_CST);
			/* The byte stays until everyone has seen it. */
			UNTIL(*woken_count == N);
			if (read(rd, &c, 1) == 1)
				__atomic_fetch_add(got, 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++)
		wait_asleep(pids[i]);
	write_full(wr, "x", 1);
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
	CHECK_EQ(*got, 1);
}

static const struct tap_case cases[] = {
	{ "nothing_to_watch", nothing_to_watch, 0 },
	{ "times_out", times_out, 0 },
	{ "several_at_once", several_at_once, 0 },
	{ "only_what_was_asked", only_what_was_asked, 0 },
	{ "bad_and_negative", bad_and_negative, 0 },
	{ "regular_files_are_ready", regular_files_are_ready, 0 },
	{ "same_descriptor_twice", same_descriptor_twice, 0 },
	{ "woken", woken, 0 },
	{ "too_many", too_many, 0 },
	{ "thousand_pipes", thousand_pipes, 0 },
	{ "ppoll_mask", ppoll_mask, 0 },
	{ "bad_times", bad_times, 0 },
	{ "select_sets", select_sets, 0 },
	{ "select_broken_pipe_is_writable", select_broken_pipe_is_writable, 0 },
	{ "select_errors", select_errors, 0 },
	{ "select_times_out", select_times_out, 0 },
	{ "select_woken", select_woken, 0 },
	{ "pselect_mask", pselect_mask, 0 },
	{ "select_high_descriptors", select_high_descriptors, 0 },
	{ "fork_shares_readiness", fork_shares_readiness, 0 },
	{ "herd", herd, 0 },
};

TAP_MAIN(cases)
