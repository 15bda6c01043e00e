/* SPDX-License-Identifier: MIT */
/*
 * stress.c - several processes doing everything at once, for a bounded number
 * of rounds, with every result checked.
 *
 * Each worker draws operations from a seeded generator, so a run can be
 * repeated; workers share nothing but the kernel, except where a case says so.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned int seed;

static unsigned int draw(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

/* ---- single operations, each leaves nothing ---- */

static void op_fork(void)
{
	int code = (int)draw(256);
	pid_t pid = xfork();

	if (pid == 0)
		_exit(code);
	CHECK_EQ(wait_exit(pid), code);
}

static void op_fork_tree(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			if (xfork() == 0)
				_exit(i);
		int sum = 0, status;
		while (waitpid(-1, &status, 0) > 0)
			sum += WEXITSTATUS(status);
		_exit(sum);
	}
	CHECK_EQ(wait_exit(pid), 3);
}

static int helper_sum(int argc, char **argv)
{
	int sum = 0;

	for (int i = 1; i < argc; i++)
		sum += atoi(argv[i]);
	return sum & 127;
}

static void op_exec(void)
{
	char a[8], b[8];
	int x = (int)draw(60), y = (int)draw(60);

	snprintf(a, sizeof(a), "%d", x);
	snprintf(b, sizeof(b), "%d", y);
	pid_t pid = draw(2) ? vfork() : fork();
	OK(pid);
	if (pid == 0) {
		execl(tap_self, tap_self, "--call", "sum", a, b, (char *)NULL);
		_exit(127);
	}
	CHECK_EQ(wait_exit(pid), x + y);
}

static void op_pipe(void)
{
	static char out[20000], in[20000];
	size_t len = 1 + draw(sizeof(out) - 1);
	uint32_t key = draw(1000);
	int fd[2];

	OK(pipe(fd));
	pid_t pid = xfork();
	if (pid == 0) {
		OK(close(fd[0]));
		fill_pattern(out, len, key);
		for (size_t done = 0; done < len;) {
			size_t n = 1 + draw(5000);
			n = n < len - done ? n : len - done;
			write_full(fd[1], out + done, n);
			done += n;
		}
		_exit(0);
	}
	OK(close(fd[1]));
	read_full(fd[0], in, len);
	CHECK_EQ(read(fd[0], out, 1), 0);
	CHECK(check_pattern(in, len, key));
	OK(close(fd[0]));
	wait_ok(pid);
}

static void op_mmap(void)
{
	size_t pages = 1 + draw(40), hole = draw((unsigned int)pages);
	uint32_t key = draw(1000);
	char *p = OK(mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	fill_pattern(p, pages * PAGE, key);
	if (draw(2)) {
		pid_t pid = xfork();
		if (pid == 0) {
			CHECK(check_pattern(p, pages * PAGE, key));
			memset(p, 1, pages * PAGE);
			_exit(0);
		}
		memset(p + hole * PAGE, 0x77, PAGE);
		wait_ok(pid);
		CHECK_EQ(p[hole * PAGE + 99], 0x77);
	} else {
		CHECK(check_pattern(p, pages * PAGE, key));
	}
	OK(munmap(p + hole * PAGE, PAGE));
	OK(munmap(p, pages * PAGE));
}

static void op_file(void)
{
	static char data[30000], back[30000];
	char name[32], other[32];
	size_t len = draw(sizeof(data)), off = draw(10000);
	uint32_t key = draw(1000);

	snprintf(name, sizeof(name), "f%d", (int)getpid());
	snprintf(other, sizeof(other), "g%d", (int)getpid());
	int fd = OK(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
	fill_pattern(data, len, key);
	CHECK_EQ(pwrite(fd, data, len, off), len);
	OK(rename(name, other));
	OK(link(other, name));
	OK(unlink(other));
	CHECK_EQ(pread(fd, back, sizeof(back), off), len);
	CHECK(check_pattern(back, len, key));
	if (draw(2))
		OK(ftruncate(fd, off));
	OK(unlink(name));
	OK(close(fd));
}

static void op_directory(void)
{
	char name[48];
	int n = 1 + (int)draw(20);

	snprintf(name, sizeof(name), "d%d", (int)getpid());
	OK(mkdir(name, 0700));
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "d%d/%d", (int)getpid(), i);
		write_file(name, name, (size_t)i);
	}
	snprintf(name, sizeof(name), "d%d", (int)getpid());
	CHECK_ERR(rmdir(name), ENOTEMPTY);
	for (int i = n - 1; i >= 0; i--) {
		struct stat st;
		snprintf(name, sizeof(name), "d%d/%d", (int)getpid(), i);
		OK(stat(name, &st));
		CHECK_EQ(st.st_size, i);
		OK(unlink(name));
	}
	snprintf(name, sizeof(name), "d%d", (int)getpid());
	OK(rmdir(name));
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught += sig;
}

static void op_signal(void)
{
	int sig = SIGRTMIN + (int)draw(10);
	int n = 1 + (int)draw(10);

	caught = 0;
	handle(sig, on_signal, SA_RESTART);
	block(sig);
	for (int i = 0; i < n; i++)
		OK(kill(getpid(), sig));
	unblock(sig);
	CHECK_EQ(caught, n * sig);
	signal(sig, SIG_DFL);
}

static void op_kill_child(void)
{
	static const int sigs[] = { SIGKILL, SIGTERM, SIGUSR1 };
	int sig = sigs[draw(3)];
	bool busy = draw(2);
	pid_t pid = xfork();

	if (pid == 0)
		for (;;)
			if (!busy)
				pause();
	if (draw(2))
		sched_yield();
	OK(kill(pid, sig));
	CHECK_EQ(wait_signal(pid), sig);
}

static void op_sleep(void)
{
	struct timespec t = { 0, draw(2000000) };

	OK(nanosleep(&t, NULL));
}

static void *thread_op(void *arg)
{
	char *p = OK(mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	memset(p, 5, 8 * PAGE);
	OK(munmap(p, 8 * PAGE));
	return arg;
}

static void op_threads(void)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, thread_op, NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void op_poll(void)
{
	struct pollfd p;
	int fd[2];
	char c;

	OK(pipe(fd));
	pid_t pid = xfork();
	if (pid == 0) {
		write_full(fd[1], "x", 1);
		_exit(0);
	}
	p = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	CHECK_EQ(poll(&p, 1, -1), 1);
	read_full(fd[0], &c, 1);
	OK(close(fd[0]));
	OK(close(fd[1]));
	wait_ok(pid);
}

/* ---- mixtures ---- */

typedef void (*op)(void);

static void run_workers(const op *ops, size_t nops, int workers, int rounds)
{
	for (int w = 0; w < workers; w++) {
		if (xfork() == 0) {
			seed = (unsigned int)w * 7919 + 1;
			for (int i = 0; i < rounds; i++)
				ops[draw((unsigned int)nops)]();
			_exit(0);
		}
	}
	for (int w = 0; w < workers; w++) {
		int status;
		CHECK(waitpid(-1, &status, 0) > 0);
		CHECK_EQ(status, 0);
	}
}

#define RUN(workers, rounds, ...) \
	do { \
		static const op ops_[] = { __VA_ARGS__ }; \
		run_workers(ops_, TAP_COUNT(ops_), workers, rounds); \
	} while (0)

static void processes(void)
{
	RUN(6, 60, op_fork, op_fork_tree, op_exec, op_kill_child);
}

static void memory(void)
{
	RUN(6, 80, op_mmap, op_mmap, op_fork, op_threads);
}

static void files(void)
{
	RUN(6, 100, op_file, op_directory);
}

static void communication(void)
{
	RUN(6, 60, op_pipe, op_poll, op_signal, op_sleep);
}

static void everything(void)
{
	RUN(8, 80, op_fork, op_fork_tree, op_exec, op_pipe, op_mmap, op_file,
	    op_directory, op_signal, op_kill_child, op_sleep, op_threads,
	    op_poll);
}

/* Workers killed at any moment, by the dozen. */
static void killed_in_the_middle(void)
{
	static const op ops[] = { op_fork_tree, op_exec, op_pipe, op_mmap,
				  op_threads, op_poll, op_signal };

	for (int round = 0; round < 30; round++) {
		pid_t pid = xfork();
		if (pid == 0) {
			OK(setpgid(0, 0));
			seed = (unsigned int)round;
			for (;;)
				ops[draw(TAP_COUNT(ops))]();
		}
		setpgid(pid, pid);
		struct timespec t = { 0, round * 300000L };
		nanosleep(&t, NULL);
		OK(kill(-pid, SIGKILL));
		CHECK_EQ(wait_signal(pid), SIGKILL);
	}
}

/* Everyone creates, renames and removes the same few names. */
static void same_names(void)
{
	enum { WORKERS = 5, ROUNDS = 300 };

	for (int w = 0; w < WORKERS; w++) {
		if (xfork() == 0) {
			char a[8], b[8];
			seed = (unsigned int)w + 99;
			for (int i = 0; i < ROUNDS; i++) {
				snprintf(a, sizeof(a), "n%u", draw(4));
				snprintf(b, sizeof(b), "n%u", draw(4));
				int fd = open(a, O_RDWR | O_CREAT, 0600);
				CHECK(fd >= 0 || errno == EISDIR);
				if (fd >= 0) {
					write_full(fd, a, 2);
					OK(close(fd));
				}
				CHECK(rename(a, b) == 0 || errno == ENOENT ||
				      errno == EISDIR || errno == ENOTDIR ||
				      errno == ENOTEMPTY);
				unlink(b);
				mkdir(a, 0700);
				rmdir(b);
			}
			_exit(0);
		}
	}
	for (int w = 0; w < WORKERS; w++) {
		int status;
		CHECK(waitpid(-1, &status, 0) > 0);
		CHECK_EQ(status, 0);
	}
}

/* Signals from outside while the receivers work. */
static void signal_rain(void)
{
	enum { N = 4 };
	pid_t pids[N];
	int running = N;

	/* Before the fork: no worker is ever without the handlers. */
	handle(SIGUSR1, on_signal, SA_RESTART);
	handle(SIGUSR2, on_signal, SA_RESTART);
	for (int i = 0; i < N; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			seed = (unsigned int)i;
			for (int j = 0; j < 30; j++) {
				op_pipe();
				op_mmap();
				op_fork();
			}
			_exit(0);
		}
	}
	while (running > 0) {
		running = 0;
		for (int i = 0; i < N; i++) {
			running += proc_state(pids[i]) != 'Z';
			OK(kill(pids[i], draw(2) ? SIGUSR1 : SIGUSR2));
		}
	}
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
}

static const struct tap_case cases[] = {
	{ "processes", processes, 120 },
	{ "memory", memory, 120 },
	{ "files", files, 120 },
	{ "communication", communication, 120 },
	{ "everything", everything, 240 },
	{ "killed_in_the_middle", killed_in_the_middle, 120 },
	{ "same_names", same_names, 120 },
	{ "signal_rain", signal_rain, 120 },
};

static const struct tap_helper helpers[] = {
	{ "sum", helper_sum },
};

TAP_MAIN_HELPERS(cases, helpers)
