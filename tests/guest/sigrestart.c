/* SPDX-License-Identifier: MIT */
/*
 * sigrestart.c - system calls that a signal interrupts: EINTR, restarted with
 * SA_RESTART, or never restarted (signal(7)); and what is left of a time-out.
 *
 * A helper process waits until the caller sleeps, sends it SIGUSR1, waits until
 * it sleeps again or has got past, and then lets the call finish.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count;

static void on_signal(int sig)
{
	(void)sig;
	count++;
}

/* One signal when the caller sleeps, then fn(arg) when it sleeps again. */
static pid_t disturb(void (*fn)(void *), void *arg)
{
	pid_t caller = getpid(), pid = xfork();

	if (pid == 0) {
		wait_asleep(caller);
		OK(kill(caller, SIGUSR1));
		if (fn) {
			/* Long enough for the handler to have run. */
			for (int i = 0; i < 10; i++)
				brief_pause();
			wait_asleep(caller);
			fn(arg);
		}
		_exit(0);
	}
	return pid;
}

static void write_byte(void *fd)
{
	write_full(*(int *)fd, "b", 1);
}

static void read_eintr(void)
{
	int fd[2];
	char c;

	OK(pipe(fd));
	handle(SIGUSR1, on_signal, 0);
	pid_t pid = disturb(NULL, NULL);
	CHECK_ERR(read(fd[0], &c, 1), EINTR);
	CHECK_EQ(count, 1);
	wait_ok(pid);
}

static void read_restarted(void)
{
	int fd[2];
	char c = 0;

	OK(pipe(fd));
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t pid = disturb(write_byte, &fd[1]);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(c, 'b');
	CHECK_EQ(count, 1);
	wait_ok(pid);
}

static void ignored_signal_does_not_interrupt(void)
{
	int fd[2];
	char c = 0;

	OK(pipe(fd));
	signal(SIGUSR1, SIG_IGN);
	pid_t pid = disturb(write_byte, &fd[1]);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	wait_ok(pid);
}

static void blocked_signal_does_not_interrupt(void)
{
	int fd[2];
	char c = 0;

	OK(pipe(fd));
	handle(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	pid_t pid = disturb(write_byte, &fd[1]);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(count, 0);
	wait_ok(pid);
}

/* Stopped and continued: no trace of it in the result. */
static void stop_does_not_interrupt(void)
{
	int fd[2];
	char c = 0;

	OK(pipe(fd));
	handle(SIGUSR1, on_signal, 0);
	pid_t reader = xfork();
	if (reader == 0) {
		CHECK_EQ(read(fd[0], &c, 1), 1);
		_exit(0);
	}
	wait_asleep(reader);
	OK(kill(reader, SIGSTOP));
	CHECK_EQ(waitpid(reader, NULL, WUNTRACED), reader);
	OK(kill(reader, SIGCONT));
	wait_asleep(reader);
	write_full(fd[1], "x", 1);
	wait_ok(reader);
}

static void drain(void *fd)
{
	static char buf[65536];

	read_full(*(int *)fd, buf, sizeof(buf));
}

static void write_eintr_and_partial(void)
{
	static char buf[200000];
	int fd[2];

	OK(pipe(fd));
	handle(SIGUSR1, on_signal, 0);
	/* What has been written counts, even with SA_RESTART. */
	pid_t pid = disturb(NULL, NULL);
	CHECK_EQ(write(fd[1], buf, sizeof(buf)), 65536);
	wait_ok(pid);
	/* Nothing written: EINTR. */
	pid = disturb(NULL, NULL);
	CHECK_ERR(write(fd[1], buf, 1), EINTR);
	wait_ok(pid);
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid = disturb(drain, &fd[0]);
	CHECK_EQ(write(fd[1], buf, 1), 1);
	wait_ok(pid);
	CHECK_EQ(count, 3);
}

static void wait_child(bool restart)
{
	int fd[2];
	int status = 0;

	OK(pipe(fd));
	handle(SIGUSR1, on_signal, restart ? SA_RESTART : 0);
	pid_t child = xfork();
	if (child == 0) {
		char c;
		read_full(fd[0], &c, 1);
		_exit(3);
	}
	pid_t pid = disturb(restart ? write_byte : NULL, &fd[1]);
	if (restart) {
		CHECK_EQ(waitpid(child, &status, 0), child);
	} else {
		CHECK_ERR(waitpid(child, &status, 0), EINTR);
		write_byte(&fd[1]);
		CHECK_EQ(waitpid(child, &status, 0), child);
	}
	CHECK_EQ(status, 3 << 8);
	CHECK_EQ(count, 1);
	wait_ok(pid);
}

static void wait_eintr(void)
{
	wait_child(false);
}

static void wait_restarted(void)
{
	wait_child(true);
}

static long long nsec(const struct timespec *t)
{
	return t->tv_sec * 1000000000LL + t->tv_nsec;
}

/* Linux adds the timer slack (50 us) to what it waits, and to what is left. */
#define SLACK_NS 1000000

/* Never restarted by the handler's flag, and the rest is told. */
static void nanosleep_remaining(void)
{
	struct timespec want = { 100, 5 }, rem = { 0, 0 };

	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t pid = disturb(NULL, NULL);
	CHECK_ERR(syscall(SYS_nanosleep, &want, &rem), EINTR);
	CHECK_EQ(count, 1);
	CHECK(nsec(&rem) > 0 && nsec(&rem) <= nsec(&want) + SLACK_NS);
	CHECK(rem.tv_nsec >= 0 && rem.tv_nsec < 1000000000);
	wait_ok(pid);
}

static void clock_nanosleep_remaining(void)
{
	struct timespec want = { 100, 0 }, rem = { 0, 0 };

	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t pid = disturb(NULL, NULL);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &want, &rem), EINTR);
	CHECK(nsec(&rem) > 0 && nsec(&rem) <= nsec(&want) + SLACK_NS);
	wait_ok(pid);
	/* An absolute time does not change, so nothing is written. */
	OK(clock_gettime(CLOCK_MONOTONIC, &want));
	want.tv_sec += 100;
	rem.tv_sec = 7777;
	pid = disturb(NULL, NULL);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &want, &rem),
		 EINTR);
	CHECK_EQ(rem.tv_sec, 7777);
	wait_ok(pid);
}

/* A stop is not a handler: the sleep goes on to its own end. */
static void nanosleep_survives_a_stop(void)
{
	struct timespec want = { 0, 200000000 };
	pid_t sleeper = xfork();

	if (sleeper == 0) {
		long long start = msec();
		OK(nanosleep(&want, NULL));
		CHECK(msec() - start >= 199);
		_exit(0);
	}
	wait_asleep(sleeper);
	OK(kill(sleeper, SIGSTOP));
	CHECK_EQ(waitpid(sleeper, NULL, WUNTRACED), sleeper);
	OK(kill(sleeper, SIGCONT));
	wait_ok(sleeper);
}

static void poll_is_never_restarted(void)
{
	struct pollfd p = { .events = POLLIN };
	int fd[2];

	OK(pipe(fd));
	p.fd = fd[0];
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t pid = disturb(NULL, NULL);
	CHECK_ERR(poll(&p, 1, -1), EINTR);
	wait_ok(pid);
	pid = disturb(NULL, NULL);
	CHECK_ERR(poll(&p, 1, 100000), EINTR);
	wait_ok(pid);
	pid = disturb(NULL, NULL);
	CHECK_ERR(ppoll(&p, 1, NULL, NULL), EINTR);
	wait_ok(pid);
	CHECK_EQ(count, 3);
}

static void select_is_never_restarted(void)
{
	struct timeval tv = { 100, 0 };
	fd_set set;
	int fd[2];

	OK(pipe(fd));
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t pid = disturb(NULL, NULL);
	CHECK_ERR(select(fd[0] + 1, &set, NULL, NULL, NULL), EINTR);
	wait_ok(pid);
	pid = disturb(NULL, NULL);
	CHECK_ERR(syscall(SYS_select, fd[0] + 1, &set, NULL, NULL, &tv), EINTR);
	/* Linux writes what is left. */
	CHECK(tv.tv_sec < 100 || (tv.tv_sec == 100 && tv.tv_usec == 0));
	wait_ok(pid);
}

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE 1

static void futex_without_timeout(void)
{
	static int word;

	/* Restarted with the flag, EINTR without. */
	handle(SIGUSR1, on_signal, 0);
	pid_t pid = disturb(NULL, NULL);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL),
		  EINTR);
	wait_ok(pid);
	CHECK_EQ(count, 1);
}

static int *shared_word;

static void wake_word(void *arg)
{
	(void)arg;
	*shared_word = 1;
	CHECK_EQ(syscall(SYS_futex, shared_word, FUTEX_WAKE, 1), 1);
}

static void futex_restarted(void)
{
	shared_word = shared_alloc(PAGE);
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t pid = disturb(wake_word, NULL);
	CHECK_EQ(syscall(SYS_futex, shared_word, 0, 0, NULL), 0);
	CHECK_EQ(count, 1);
	wait_ok(pid);
}

static void futex_with_timeout(void)
{
	static int word;
	struct timespec t = { 100, 0 };

	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t pid = disturb(NULL, NULL);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t), EINTR);
	wait_ok(pid);
}

static void open_for_writing(void *path)
{
	OK(close(OK(open(path, O_WRONLY))));
}

static void fifo_open(void)
{
	OK(mkfifo("fifo", 0600));
	handle(SIGUSR1, on_signal, 0);
	pid_t pid = disturb(NULL, NULL);
	CHECK_ERR(open("fifo", O_RDONLY), EINTR);
	wait_ok(pid);
	pid = disturb(NULL, NULL);
	CHECK_ERR(open("fifo", O_WRONLY), EINTR);
	wait_ok(pid);
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid = disturb(open_for_writing, "fifo");
	int fd = OK(open("fifo", O_RDONLY));
	OK(close(fd));
	wait_ok(pid);
	CHECK_EQ(count, 3);
}

/* Many signals while bytes go through a pipe: none lost, none twice. */
static void storm(void)
{
	enum { N = 2000 };
	struct itimerval it = { { 0, 300 }, { 0, 300 } };
	int fd[2];

	OK(pipe(fd));
	handle(SIGALRM, on_signal, SA_RESTART);
	pid_t writer = xfork();
	if (writer == 0) {
		signal(SIGALRM, SIG_DFL);
		for (int i = 0; i < N; i++) {
			write_full(fd[1], &i, sizeof(i));
			if (i % 50 == 0)
				brief_pause();
		}
		_exit(0);
	}
	OK(setitimer(ITIMER_REAL, &it, NULL));
	for (int i = 0; i < N; i++) {
		int got = -1;
		CHECK_EQ(read(fd[0], &got, sizeof(got)), sizeof(got));
		CHECK_EQ(got, i);
	}
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	OK(setitimer(ITIMER_REAL, &it, NULL));
	CHECK(count > 0);
	wait_ok(writer);
}

/* Two signals, one of them with SA_RESTART: one EINTR is enough. */
static void second_signal_decides(void)
{
	int fd[2];
	char c;

	OK(pipe(fd));
	handle(SIGUSR1, on_signal, SA_RESTART);
	handle(SIGUSR2, on_signal, 0);
	pid_t caller = getpid(), pid = xfork();
	if (pid == 0) {
		wait_asleep(caller);
		OK(kill(caller, SIGUSR1));
		for (int i = 0; i < 10; i++)
			brief_pause();
		wait_asleep(caller);
		OK(kill(caller, SIGUSR2));
		_exit(0);
	}
	CHECK_ERR(read(fd[0], &c, 1), EINTR);
	CHECK_EQ(count, 2);
	wait_ok(pid);
}

static const struct tap_case cases[] = {
	{ "read_eintr", read_eintr, 0 },
	{ "read_restarted", read_restarted, 0 },
	{ "ignored_signal_does_not_interrupt",
	  ignored_signal_does_not_interrupt, 0 },
	{ "blocked_signal_does_not_interrupt",
	  blocked_signal_does_not_interrupt, 0 },
	{ "stop_does_not_interrupt", stop_does_not_interrupt, 0 },
	{ "write_eintr_and_partial", write_eintr_and_partial, 0 },
	{ "wait_eintr", wait_eintr, 0 },
	{ "wait_restarted", wait_restarted, 0 },
	{ "nanosleep_remaining", nanosleep_remaining, 0 },
	{ "clock_nanosleep_remaining", clock_nanosleep_remaining, 0 },
	{ "nanosleep_survives_a_stop", nanosleep_survives_a_stop, 0 },
	{ "poll_is_never_restarted", poll_is_never_restarted, 0 },
	{ "select_is_never_restarted", select_is_never_restarted, 0 },
	{ "futex_without_timeout", futex_without_timeout, 0 },
	{ "futex_restarted", futex_restarted, 0 },
	{ "futex_with_timeout", futex_with_timeout, 0 },
	{ "fifo_open", fifo_open, 0 },
	{ "storm", storm, 60 },
	{ "second_signal_decides", second_signal_decides, 0 },
};

TAP_MAIN(cases)
