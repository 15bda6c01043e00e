/* SPDX-License-Identifier: MIT */
/*
 * vfork.c - vfork(2): the parent sleeps while the child runs in its memory,
 * until the child execs or ends; and posix_spawn(3), which is built on it.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static volatile int value;

static void child_writes_our_memory(void)
{
	value = 1;
	pid_t pid = OK(vfork());
	if (pid == 0) {
		value = 2;
		_exit(7);
	}
	/* It has run before we go on. */
	CHECK_EQ(value, 2);
	CHECK_EQ(wait_exit(pid), 7);
}

static void stack_is_shared(void)
{
	volatile int local = 1;
	pid_t pid = OK(vfork());

	if (pid == 0) {
		local = 5;
		_exit(0);
	}
	CHECK_EQ(local, 5);
	wait_ok(pid);
}

static void ids(void)
{
	static volatile pid_t self, parent;
	pid_t me = getpid();
	pid_t pid = OK(vfork());

	if (pid == 0) {
		self = getpid();
		parent = getppid();
		_exit(0);
	}
	CHECK_EQ(self, pid);
	CHECK_EQ(parent, me);
	CHECK_EQ(getpid(), me);
	wait_ok(pid);
}

static int helper_wait_for_end(int argc, char **argv)
{
	char c;

	CHECK_EQ(argc, 2);
	/* Ends when the other end is closed. */
	CHECK_EQ(OK(read(atoi(argv[1]), &c, 1)), 0);
	return 3;
}

static void exec_releases_the_parent(void)
{
	int fd[2];
	char number[12];

	OK(pipe(fd));
	OK(fcntl(fd[1], F_SETFD, FD_CLOEXEC));
	snprintf(number, sizeof(number), "%d", fd[0]);
	pid_t pid = OK(vfork());
	if (pid == 0) {
		execl(tap_self, tap_self, "--call", "wait_for_end", number,
		      (char *)NULL);
		_exit(127);
	}
	/* The new program lives on and we are here. */
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	OK(close(fd[1]));
	CHECK_EQ(wait_exit(pid), 3);
}

static void failed_exec_does_not(void)
{
	value = 0;
	pid_t pid = OK(vfork());
	if (pid == 0) {
		execl("nothing", "nothing", (char *)NULL);
		value = errno;
		_exit(9);
	}
	CHECK_EQ(value, ENOENT);
	CHECK_EQ(wait_exit(pid), 9);
}

static void death_by_signal_releases(void)
{
	pid_t pid = OK(vfork());

	if (pid == 0) {
		kill(getpid(), SIGKILL);
		for (;;)
			;
	}
	CHECK_EQ(wait_signal(pid), SIGKILL);
}

static void descriptors_are_separate(void)
{
	int fd = OK(open("/dev/null", O_RDONLY));
	pid_t pid = OK(vfork());

	if (pid == 0) {
		close(fd);
		dup2(1, 60);
		_exit(0);
	}
	OK(fcntl(fd, F_GETFD));
	CHECK_ERR(fcntl(60, F_GETFD), EBADF);
	wait_ok(pid);
}

static void on_signal(int sig)
{
	value = sig;
}

static void dispositions_are_separate(void)
{
	struct sigaction sa;

	handle(SIGUSR1, on_signal, 0);
	pid_t pid = OK(vfork());
	if (pid == 0) {
		signal(SIGUSR1, SIG_IGN);
		_exit(0);
	}
	OK(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == on_signal);
	wait_ok(pid);
}

/* A signal for the sleeping parent is handled when it goes on. */
static void signal_to_sleeping_parent(void)
{
	static volatile int seen;

	value = 0;
	handle(SIGUSR1, on_signal, 0);
	pid_t parent = getpid();
	pid_t pid = OK(vfork());
	if (pid == 0) {
		kill(parent, SIGUSR1);
		for (int i = 0; i < 20; i++)
			sched_yield();
		seen = value;
		_exit(0);
	}
	CHECK_EQ(seen, 0);
	CHECK_EQ(value, SIGUSR1);
	wait_ok(pid);
}

static void stopped_child_keeps_the_parent(void)
{
	pid_t *child = shared_alloc(PAGE);
	int *done = shared_alloc(PAGE);

	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t parent = xfork();
	if (parent == 0) {
		pid_t pid = OK(vfork());
		if (pid == 0) {
			*child = getpid();
			kill(getpid(), SIGSTOP);
			_exit(0);
		}
		*done = 1;
		wait_ok(pid);
		_exit(0);
	}
	UNTIL(*child != 0 && proc_state(*child) == 'T');
	CHECK_EQ(*done, 0);
	OK(kill(*child, SIGCONT));
	wait_ok(parent);
}

/* The parent is killed while it sleeps; the child keeps their memory. */
static void parent_killed_meanwhile(void)
{
	pid_t *child = shared_alloc(PAGE);
	struct gate g;
	int status;

	gate_init(&g);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t parent = xfork();
	if (parent == 0) {
		pid_t pid = vfork();
		if (pid == 0) {
			*child = getpid();
			gate_wait(&g);
			value = 11;
			_exit(value);
		}
		_exit(0);
	}
	UNTIL(*child != 0);
	kill_and_reap(parent);
	gate_open(&g);
	CHECK_EQ(waitpid(*child, &status, 0), *child);
	CHECK_EQ(status, 11 << 8);
}

static void nested(void)
{
	value = 0;
	pid_t pid = OK(vfork());
	if (pid == 0) {
		pid_t inner = vfork();
		if (inner == 0) {
			value += 1;
			_exit(0);
		}
		value += 10;
		waitpid(inner, NULL, 0);
		_exit(0);
	}
	CHECK_EQ(value, 11);
	wait_ok(pid);
}

static int helper_exit(int argc, char **argv)
{
	CHECK_EQ(argc, 2);
	return atoi(argv[1]);
}

static void five_hundred(void)
{
	for (int i = 0; i < 500; i++) {
		pid_t pid = OK(vfork());
		if (pid == 0) {
			execl(tap_self, tap_self, "--call", "exit", "6",
			      (char *)NULL);
			_exit(127);
		}
		CHECK_EQ(wait_exit(pid), 6);
	}
}

static int clone_entry(void *arg)
{
	value = *(int *)arg;
	return 5;
}

static void clone_vm_vfork_with_stack(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	int arg = 31;

	/* As posix_spawn does it. */
	pid_t pid = OK(clone(clone_entry, stack + sizeof(stack),
			     CLONE_VM | CLONE_VFORK | SIGCHLD, &arg));
	CHECK_EQ(value, 31);
	CHECK_EQ(wait_exit(pid), 5);
}

static void clone_vm_alone(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	int arg = 32;

	pid_t pid = OK(clone(clone_entry, stack + sizeof(stack),
			     CLONE_VM | SIGCHLD, &arg));
	CHECK_EQ(wait_exit(pid), 5);
	CHECK_EQ(value, 32);
}

/* ---- posix_spawn ---- */

static char *exit_argv[] = { "x", "--call", "exit", "4", NULL };

static void spawn_plain(void)
{
	pid_t pid;

	CHECK_EQ(posix_spawn(&pid, tap_self, NULL, NULL, exit_argv, environ),
		 0);
	CHECK_EQ(wait_exit(pid), 4);
}

static void spawn_error(void)
{
	pid_t pid = -5;

	CHECK_EQ(posix_spawn(&pid, "nothing", NULL, NULL, exit_argv, environ),
		 ENOENT);
	CHECK_EQ(posix_spawn(&pid, "/", NULL, NULL, exit_argv, environ),
		 EACCES);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static int helper_hello(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	write_full(1, "hello", 5);
	CHECK_ERR(fcntl(0, F_GETFD), EBADF);
	return 0;
}

static void spawn_file_actions(void)
{
	static char *argv[] = { "x", "--call", "hello", NULL };
	posix_spawn_file_actions_t fa;
	char buf[16];
	pid_t pid;

	CHECK_EQ(posix_spawn_file_actions_init(&fa), 0);
	CHECK_EQ(posix_spawn_file_actions_addopen(&fa, 20, "out",
		 O_WRONLY | O_CREAT, 0600), 0);
	CHECK_EQ(posix_spawn_file_actions_adddup2(&fa, 20, 1), 0);
	CHECK_EQ(posix_spawn_file_actions_addclose(&fa, 0), 0);
	CHECK_EQ(posix_spawn(&pid, tap_self, &fa, NULL, argv, environ), 0);
	wait_ok(pid);
	posix_spawn_file_actions_destroy(&fa);
	CHECK_EQ(read_file("out", buf, sizeof(buf)), 5);
	CHECK(!strcmp(buf, "hello"));
	OK(fcntl(0, F_GETFD));
}

static int helper_attributes(int argc, char **argv)
{
	struct sigaction sa;
	sigset_t set;

	(void)argc;
	(void)argv;
	CHECK_EQ(getpgrp(), getpid());
	OK(sigprocmask(SIG_BLOCK, NULL, &set));
	CHECK(sigismember(&set, SIGUSR2) && !sigismember(&set, SIGUSR1));
	OK(sigaction(SIGHUP, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
	return 0;
}

static void spawn_attributes(void)
{
	static char *argv[] = { "x", "--call", "attributes", NULL };
	posix_spawnattr_t at;
	sigset_t mask, def;
	pid_t pid;

	signal(SIGHUP, SIG_IGN);
	block(SIGUSR1);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigemptyset(&def);
	sigaddset(&def, SIGHUP);
	CHECK_EQ(posix_spawnattr_init(&at), 0);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP |
				 POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&at, 0);
	posix_spawnattr_setsigmask(&at, &mask);
	posix_spawnattr_setsigdefault(&at, &def);
	CHECK_EQ(posix_spawn(&pid, tap_self, NULL, &at, argv, environ), 0);
	wait_ok(pid);
}

static const struct tap_case cases[] = {
	{ "child_writes_our_memory", child_writes_our_memory, 0 },
	{ "stack_is_shared", stack_is_shared, 0 },
	{ "ids", ids, 0 },
	{ "exec_releases_the_parent", exec_releases_the_parent, 0 },
	{ "failed_exec_does_not", failed_exec_does_not, 0 },
	{ "death_by_signal_releases", death_by_signal_releases, 0 },
	{ "descriptors_are_separate", descriptors_are_separate, 0 },
	{ "dispositions_are_separate", dispositions_are_separate, 0 },
	{ "signal_to_sleeping_parent", signal_to_sleeping_parent, 0 },
	{ "stopped_child_keeps_the_parent", stopped_child_keeps_the_parent, 0 },
	{ "parent_killed_meanwhile", parent_killed_meanwhile, 0 },
	{ "nested", nested, 0 },
	{ "five_hundred", five_hundred, 60 },
	{ "clone_vm_vfork_with_stack", clone_vm_vfork_with_stack, 0 },
	{ "clone_vm_alone", clone_vm_alone, 0 },
	{ "spawn_plain", spawn_plain, 0 },
	{ "spawn_error", spawn_error, 0 },
	{ "spawn_file_actions", spawn_file_actions, 0 },
	{ "spawn_attributes", spawn_attributes, 0 },
};

static const struct tap_helper helpers[] = {
	{ "wait_for_end", helper_wait_for_end },
	{ "exit", helper_exit },
	{ "hello", helper_hello },
	{ "attributes", helper_attributes },
};

TAP_MAIN_HELPERS(cases, helpers)
