/* SPDX-License-Identifier: MIT */
/*
 * process.c - making processes and threads, and waiting for them.
 *
 * The program that is executed is this one with --exit, which returns 7.
 */
#include "bench.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_STATUS	7
#define DIRTY		(64UL << 20)

static char *const no_environment[] = { NULL };

static void wait_for(pid_t pid, int expected)
{
	int status;

	must(pid > 0);
	must(waitpid(pid, &status, 0) == pid);
	must(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

static void fork_run(struct run *r, long n)
{
	volatile long mine = n;
	pid_t pid;

	(void)r;
	for (; n > 0; mine = --n) {
		pid = fork();
		if (pid == 0) {
			mine = 0;	/* its own */
			_exit((int)(n & 63));
		}
		wait_for(pid, (int)(n & 63));
		must(mine == n);
	}
}

static void exec_self(void)
{
	char *argv[] = { (char *)bench_path, "--exit", NULL };

	execve(bench_path, argv, no_environment);
	_exit(1);
}

static void fork_exec_run(struct run *r, long n)
{
	pid_t pid;

	(void)r;
	while (n-- > 0) {
		pid = fork();
		if (pid == 0)
			exec_self();
		wait_for(pid, EXIT_STATUS);
	}
}

static void vfork_exec_run(struct run *r, long n)
{
	pid_t pid;

	(void)r;
	while (n-- > 0) {
		pid = vfork();
		if (pid == 0)
			exec_self();
		wait_for(pid, EXIT_STATUS);
	}
}

static void spawn_run(struct run *r, long n)
{
	char *argv[] = { (char *)bench_path, "--exit", NULL };
	pid_t pid;

	(void)r;
	while (n-- > 0) {
		must(posix_spawn(&pid, bench_path, NULL, NULL, argv,
				 no_environment) == 0);
		wait_for(pid, EXIT_STATUS);
	}
}

/* 64 MiB of private memory, every page written. arg: no huge pages. */
static void dirty_setup(struct run *r)
{
	size_t i;

	r->mem = map_anonymous(DIRTY);
	if (r->b->arg)
		madvise(r->mem, DIRTY, MADV_NOHUGEPAGE);
	for (i = 0; i < DIRTY; i += PAGE)
		r->mem[i] = (char)(i / PAGE);
}

/* A child has all of it, even if its parent writes to it later. */
static void dirty_child(struct run *r)
{
	size_t i;

	futex_wait(r->shared, 1);
	for (i = 0; i < DIRTY; i += PAGE)
		must(r->mem[i] == (char)(i / PAGE));
}

static void dirty_finish(struct run *r)
{
	pid_t pid = peer_start(r, dirty_child);
	size_t i;

	for (i = 0; i < DIRTY; i += 64 * PAGE)
		r->mem[i]++;
	__atomic_store_n(r->shared, 1, __ATOMIC_SEQ_CST);
	futex_wake(r->shared, 1);
	peer_join(pid);
}

static void *thread_body(void *arg)
{
	return (char *)arg + 1;
}

static void thread_run(struct run *r, long n)
{
	pthread_t t;
	void *result;

	(void)r;
	while (n-- > 0) {
		must(pthread_create(&t, NULL, thread_body, (void *)n) == 0);
		must(pthread_join(t, &result) == 0);
		must(result == (char *)n + 1);
	}
}

static const struct bench rows[] = {
	{ .name = "fork+exit+wait", .run = fork_run },
	{ .name = "fork+exec+wait", .run = fork_exec_run },
	{ .name = "vfork+exec+wait", .run = vfork_exec_run },
	{ .name = "posix_spawn+wait", .run = spawn_run },
	{ .name = "fork+exit, 64 MiB dirty", .setup = dirty_setup,
	  .run = fork_run, .finish = dirty_finish },
	{ .name = "fork+exit, 64 MiB dirty, small pages",
	  .setup = dirty_setup, .run = fork_run, .finish = dirty_finish,
	  .arg = 1 },
	{ .name = "thread create+join", .run = thread_run },
};

const struct table process_table = { rows, ALL(rows) };
