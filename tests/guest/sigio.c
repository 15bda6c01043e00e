/* SPDX-License-Identifier: MIT */
/*
 * sigio.c - signal-driven I/O: O_ASYNC, F_SETOWN, F_SETSIG of fcntl(2).
 */
#define _GNU_SOURCE
#include "lib/pty.h"
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SETSIG
#define F_SETSIG 10
#define F_GETSIG 11
#endif
#ifndef F_SETOWN_EX
#define F_SETOWN_EX 15
#define F_GETOWN_EX 16
#endif

struct owner {
	int type, pid;
};

static int rd, wr;

static void make_pipe(void)
{
	int fd[2];

	OK(pipe(fd));
	rd = fd[0];
	wr = fd[1];
}

static void async(int fd)
{
	OK(fcntl(fd, F_SETFL, OK(fcntl(fd, F_GETFL)) | O_ASYNC));
	CHECK(fcntl(fd, F_GETFL) & O_ASYNC);
}

/* The signal, which is blocked, comes; what it says. */
static siginfo_t take(int sig)
{
	struct timespec limit = { .tv_sec = tap_patience_ms() / 1000 + 1 };
	siginfo_t si;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	memset(&si, 0, sizeof(si));
	if (sigtimedwait(&set, &si, &limit) != sig)
		FAIL("signal %d does not come", sig);
	return si;
}

static bool pending(int sig)
{
	sigset_t set;

	OK(sigpending(&set));
	return sigismember(&set, sig);
}

static void settings(void)
{
	struct owner o = { 0 };

	make_pipe();
	CHECK_EQ(fcntl(rd, F_GETOWN), 0);
	CHECK_EQ(fcntl(rd, F_GETSIG), 0);
	OK(fcntl(rd, F_SETOWN, getpid()));
	CHECK_EQ(fcntl(rd, F_GETOWN), getpid());
	OK(fcntl(rd, F_GETOWN_EX, &o));
	CHECK(o.type == 1 && o.pid == getpid());
	OK(fcntl(rd, F_SETOWN, -getpgrp()));
	OK(fcntl(rd, F_GETOWN_EX, &o));
	CHECK(o.type == 2 && o.pid == getpgrp());
	o = (struct owner){ 0, getpid() };
	OK(fcntl(rd, F_SETOWN_EX, &o));
	o = (struct owner){ 5, 5 };
	OK(fcntl(rd, F_GETOWN_EX, &o));
	CHECK(o.type == 0 && o.pid == getpid());
	OK(fcntl(rd, F_SETOWN, 0));
	CHECK_EQ(fcntl(rd, F_GETOWN), 0);
	CHECK_ERR(fcntl(rd, F_SETOWN, 0x7ffffff0), ESRCH);
	o = (struct owner){ 3, getpid() };
	CHECK_ERR(fcntl(rd, F_SETOWN_EX, &o), EINVAL);
	CHECK_ERR(fcntl(rd, F_SETOWN_EX, (void *)8), EFAULT);
	OK(fcntl(rd, F_SETSIG, SIGUSR1));
	CHECK_EQ(fcntl(rd, F_GETSIG), SIGUSR1);
	CHECK_ERR(fcntl(rd, F_SETSIG, 65), EINVAL);
	CHECK_ERR(fcntl(rd, F_SETSIG, -1), EINVAL);
	/* They belong to the open file. */
	int d = OK(dup(rd));
	CHECK_EQ(fcntl(d, F_GETSIG), SIGUSR1);
	CHECK_EQ(fcntl(wr, F_GETSIG), 0);
	close(d);
	close(rd);
	close(wr);
}

static void input(void)
{
	char buf[8];

	make_pipe();
	block(SIGIO);
	OK(fcntl(rd, F_SETOWN, getpid()));
	/* Not before O_ASYNC. */
	CHECK_EQ(write(wr, "x", 1), 1);
	CHECK(!pending(SIGIO));
	async(rd);
	CHECK_EQ(write(wr, "x", 1), 1);
	take(SIGIO);
	CHECK_EQ(read(rd, buf, 8), 2);
	/* The reader's own reading is nothing new to him. */
	CHECK(!pending(SIGIO));
	CHECK_EQ(write(wr, "x", 1), 1);
	take(SIGIO);
	OK(fcntl(rd, F_SETFL, O_RDONLY));
	CHECK_EQ(write(wr, "x", 1), 1);
	CHECK(!pending(SIGIO));
	int on = 1;
	OK(ioctl(rd, FIOASYNC, &on));
	CHECK(fcntl(rd, F_GETFL) & O_ASYNC);
	CHECK_EQ(write(wr, "x", 1), 1);
	take(SIGIO);
	close(rd);
	close(wr);
}

static volatile sig_atomic_t caught;

static void catch(int sig)
{
	caught = sig;
}

/* Who causes it himself has it when the call returns. */
static void synchronous(void)
{
	make_pipe();
	handle(SIGIO, catch, 0);
	OK(fcntl(rd, F_SETOWN, getpid()));
	async(rd);
	for (int i = 0; i < 100; i++) {
		char c;

		caught = 0;
		CHECK_EQ(write(wr, "x", 1), 1);
		CHECK_EQ(caught, SIGIO);
		CHECK_EQ(read(rd, &c, 1), 1);
	}
	/* Without a handler SIGIO kills. */
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGIO, SIG_DFL);
		OK(fcntl(rd, F_SETOWN, getpid()));
		CHECK_EQ(write(wr, "x", 1), 1);
		_exit(0);
	}
	CHECK_EQ(wait_signal(pid), SIGIO);
	close(rd);
	close(wr);
}

static void particulars(void)
{
	int sig = SIGRTMIN + 3;
	static char data[65536];
	siginfo_t si;

	make_pipe();
	block(sig);
	OK(fcntl(rd, F_SETOWN, getpid()));
	OK(fcntl(rd, F_SETSIG, sig));
	async(rd);
	CHECK_EQ(write(wr, "x", 1), 1);
	si = take(sig);
	CHECK_EQ(si.si_code, POLL_IN);
	CHECK_EQ(si.si_fd, rd);
	CHECK_EQ(si.si_band, POLLIN | POLLRDNORM);
	OK(fcntl(rd, F_SETFL, O_RDONLY));
	/* The other end: room. */
	OK(fcntl(wr, F_SETOWN, getpid()));
	OK(fcntl(wr, F_SETSIG, sig));
	async(wr);
	OK(fcntl(wr, F_SETFL, O_WRONLY | O_ASYNC | O_NONBLOCK));
	while (write(wr, data, sizeof(data)) > 0)
		;
	CHECK(!pending(sig));
	OK(fcntl(rd, F_SETFL, O_RDONLY | O_NONBLOCK));
	while (read(rd, data, sizeof(data)) > 0)
		;
	si = take(sig);
	CHECK_EQ(si.si_code, POLL_OUT);
	CHECK_EQ(si.si_fd, wr);
	close(rd);
	close(wr);
}

/* A whole group, a process, a thread of it. */
static void owners(void)
{
	make_pipe();
	block(SIGIO);
	OK(fcntl(rd, F_SETOWN, -getpgrp()));
	async(rd);
	pid_t pid = xfork();
	if (pid == 0) {
		take(SIGIO);
		_exit(0);
	}
	wait_asleep(pid);
	CHECK_EQ(write(wr, "x", 1), 1);
	take(SIGIO);
	wait_ok(pid);
	/* To a process that is gone: nothing, and no harm. */
	pid = xfork();
	if (pid == 0)
		_exit(0);
	siginfo_t si;
	OK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	OK(fcntl(rd, F_SETOWN, pid));
	wait_ok(pid);
	CHECK_EQ(fcntl(rd, F_GETOWN), 0);
	CHECK_EQ(write(wr, "x", 1), 1);
	CHECK(!pending(SIGIO));
	struct owner o = { 0, getpid() };
	OK(fcntl(rd, F_SETOWN_EX, &o));
	CHECK_EQ(write(wr, "x", 1), 1);
	take(SIGIO);
	close(rd);
	close(wr);
}

/* An unprivileged owner sends to his own processes only. */
static void permission(void)
{
	need_root();
	make_pipe();
	block(SIGIO);
	async(rd);
	pid_t parent = getpid(), pid = xfork();
	if (pid == 0) {
		become(NOBODY_UID, NOBODY_GID);
		OK(fcntl(rd, F_SETOWN, parent));
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(fcntl(rd, F_GETOWN), getpid());
	CHECK_EQ(write(wr, "x", 1), 1);
	CHECK(!pending(SIGIO));
	OK(fcntl(rd, F_SETOWN, getpid()));
	CHECK_EQ(write(wr, "x", 1), 1);
	take(SIGIO);
	close(rd);
	close(wr);
}

static void terminal(void)
{
	struct pty p;

	pty_open(&p);
	pty_raw(&p, 1, 0);
	block(SIGIO);
	OK(fcntl(p.slave, F_SETOWN, getpid()));
	async(p.slave);
	pty_type(&p, "a");
	take(SIGIO);
	pty_reads(&p, "a");
	close(p.slave);
	close(p.master);
}

static void watches(void)
{
	int in = OK(inotify_init1(0));

	block(SIGIO);
	OK(inotify_add_watch(in, ".", IN_CREATE));
	OK(fcntl(in, F_SETOWN, getpid()));
	async(in);
	write_file("f", "", 0);
	take(SIGIO);
	close(in);
}

/* Setting on a regular file is no error, and nothing comes of it. */
static void regular_file(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));

	block(SIGIO);
	OK(fcntl(fd, F_SETOWN, getpid()));
	OK(fcntl(fd, F_SETFL, O_ASYNC));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK(!pending(SIGIO));
	close(fd);
}

/* Opened, turned on, written to and closed by many at once. */
static void churn(void)
{
	signal(SIGIO, SIG_IGN);
	for (int n = 0; n < 3; n++) {
		if (xfork() == 0) {
			for (int i = 0; i < 300; i++) {
				make_pipe();
				OK(fcntl(rd, F_SETOWN, i & 1 ? getpid() : -getpgrp()));
				async(rd);
				CHECK_EQ(write(wr, "x", 1), 1);
				if (i & 2)
					OK(fcntl(rd, F_SETFL, 0));
				close(wr);
				close(rd);
			}
			_exit(0);
		}
	}
	for (int n = 0; n < 3; n++) {
		int status;

		OK(wait(&status));
		CHECK_EQ(status, 0);
	}
}

static const struct tap_case cases[] = {
	{ "settings", settings, 0 },
	{ "input", input, 0 },
	{ "synchronous", synchronous, 0 },
	{ "particulars", particulars, 0 },
	{ "owners", owners, 0 },
	{ "permission", permission, 0 },
	{ "terminal", terminal, 0 },
	{ "watches", watches, 0 },
	{ "regular_file", regular_file, 0 },
	{ "churn", churn, 0 },
};

TAP_MAIN(cases)
