/* SPDX-License-Identifier: MIT */
/*
 * proc.c - making processes, many of them, and what a child has of its parent:
 * fork(2), clone(2), and that nothing stays behind.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* clone(2) as fork does it: no stack, the child goes on here. */
static long raw_clone(unsigned long flags, void *ptid, void *ctid)
{
	return syscall(SYS_clone, flags, NULL, ptid, ctid, 0);
}

static void ids_of_parent_and_child(void)
{
	pid_t self = getpid(), *seen = shared_alloc(PAGE);
	pid_t pid = xfork();

	if (pid == 0) {
		seen[0] = getpid();
		seen[1] = getppid();
		seen[2] = gettid();
		_exit(0);
	}
	wait_ok(pid);
	CHECK(pid > 0 && pid != self);
	CHECK_EQ(seen[0], pid);
	CHECK_EQ(seen[1], self);
	CHECK_EQ(seen[2], pid);
	CHECK_EQ(gettid(), self);
	CHECK_EQ(getpid(), self);
}

static void memory_is_separate(void)
{
	static int data = 1;
	int stack = 2;
	int *heap = malloc(PAGE);

	*heap = 3;
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK(data == 1 && stack == 2 && *heap == 3);
		data = 10;
		*(volatile int *)&stack = 20;
		*heap = 30;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(data, 1);
	CHECK_EQ(*(volatile int *)&stack, 2);
	CHECK_EQ(*heap, 3);
	free(heap);
}

static void descriptors_are_copied(void)
{
	struct stat a, b;
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));

	write_full(fd, "0123456789", 10);
	OK(lseek(fd, 0, SEEK_SET));
	OK(fstat(fd, &a));
	pid_t pid = xfork();
	if (pid == 0) {
		char c[3];
		OK(fstat(fd, &b));
		CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
		read_full(fd, c, 3);
		OK(close(fd));
		OK(dup2(1, 40));
		_exit(0);
	}
	wait_ok(pid);
	/* One open file, two tables: offset shared, numbers not. */
	CHECK_EQ(OK(lseek(fd, 0, SEEK_CUR)), 3);
	CHECK_ERR(fcntl(40, F_GETFD), EBADF);
}

static void attributes_are_inherited(void)
{
	char cwd[64], here[64];
	struct rlimit rl = { 77, 88 }, got;
	sigset_t mask;

	OK(mkdir("sub", 0700));
	OK(chdir("sub"));
	CHECK(getcwd(here, sizeof(here)) != NULL);
	umask(0137);
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	OK(setpriority(PRIO_PROCESS, 0, 7));
	block(SIGUSR2);
	signal(SIGHUP, SIG_IGN);
	pid_t pid = xfork();
	if (pid == 0) {
		struct sigaction sa;
		CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, here));
		CHECK_EQ(umask(0), 0137);
		OK(getrlimit(RLIMIT_NOFILE, &got));
		CHECK(got.rlim_cur == 77 && got.rlim_max == 88);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 7);
		OK(sigprocmask(SIG_BLOCK, NULL, &mask));
		CHECK(sigismember(&mask, SIGUSR2));
		OK(sigaction(SIGHUP, NULL, &sa));
		CHECK(sa.sa_handler == SIG_IGN);
		_exit(0);
	}
	wait_ok(pid);
}

static void not_inherited(void)
{
	struct itimerval it = { .it_value = { .tv_sec = 1000 } };
	sigset_t pending;

	block(SIGUSR1);
	OK(raise(SIGUSR1));
	OK(setitimer(ITIMER_REAL, &it, NULL));
	pid_t pid = xfork();
	if (pid == 0) {
		struct rusage ru;
		OK(sigpending(&pending));
		CHECK(!sigismember(&pending, SIGUSR1));
		OK(getitimer(ITIMER_REAL, &it));
		CHECK(it.it_value.tv_sec == 0 && it.it_value.tv_usec == 0);
		CHECK_EQ(alarm(0), 0);
		OK(getrusage(RUSAGE_CHILDREN, &ru));
		CHECK_EQ(ru.ru_utime.tv_sec, 0);
		_exit(0);
	}
	wait_ok(pid);
	OK(sigpending(&pending));
	CHECK(sigismember(&pending, SIGUSR1));
	CHECK(alarm(0) > 0);
}

static void hold_until_closed(int fd)
{
	char c;

	CHECK_EQ(read(fd, &c, 1), 0);
	_exit(0);
}

static void two_hundred_at_once(void)
{
	enum { N = 200 };
	static pid_t pids[N];
	int fd[2];

	OK(pipe(fd));
	for (int i = 0; i < N; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			OK(close(fd[1]));
			hold_until_closed(fd[0]);
		}
		for (int j = 0; j < i; j++)
			CHECK(pids[j] != pids[i]);
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(kill(pids[i], 0), 0);
	OK(close(fd[1]));
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static void chain_of_fifty(void)
{
	/* Each process forks the next and waits for it. */
	for (int depth = 0; depth < 50; depth++) {
		pid_t pid = xfork();
		if (pid > 0) {
			int code = wait_exit(pid);
			if (depth == 0) {
				CHECK_EQ(code, 50);
				return;
			}
			_exit(code);
		}
	}
	_exit(50);
}

static void fork_wait_1000(void)
{
	for (int i = 0; i < 1000; i++) {
		pid_t pid = xfork();
		if (pid == 0)
			_exit(i & 127);
		CHECK_EQ(wait_exit(pid), i & 127);
	}
}

static int helper_exit(int argc, char **argv)
{
	(void)argc;
	return argv[1][0] - '0';
}

static void fork_exec_wait_1000(void)
{
	for (int i = 0; i < 1000; i++) {
		pid_t pid = xfork();
		if (pid == 0) {
			char digit[2] = { '0' + i % 10, '\0' };
			execl(tap_self, tap_self, "--call", "exit", digit,
			      (char *)NULL);
			_exit(127);
		}
		CHECK_EQ(wait_exit(pid), i % 10);
	}
}

/* Two generations at once, over and over: pids are used again. */
static void burst_of_short_lives(void)
{
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 20; i++) {
			if (xfork() == 0) {
				pid_t pid = xfork();
				if (pid == 0)
					_exit(0);
				wait_ok(pid);
				_exit(0);
			}
		}
		for (int i = 0; i < 20; i++) {
			int status = -1;
			CHECK(waitpid(-1, &status, 0) > 0);
			CHECK_EQ(status, 0);
		}
	}
}

/* As an unprivileged user: forks until it fails; how many there were. */
static int forks_until_eagain(void)
{
	int n = 0;
	pid_t pid;

	while ((pid = fork()) > 0) {
		n++;
		CHECK(n < 1000);
	}
	if (pid == 0)
		for (;;)
			pause();
	CHECK_EQ(errno, EAGAIN);
	return n;
}

static void kill_my_children(int n)
{
	signal(SIGTERM, SIG_IGN);
	OK(kill(0, SIGTERM));
	signal(SIGTERM, SIG_DFL);
	for (int i = 0; i < n; i++)
		CHECK(waitpid(-1, NULL, 0) > 0);
}

static void nproc_limit(void)
{
	struct rlimit rl = { 20, 20 };

	need_root();
	pid_t pid = xfork();
	if (pid == 0) {
		OK(setpgid(0, 0));
		become(NOBODY_UID, NOBODY_GID);
		OK(setrlimit(RLIMIT_NPROC, &rl));
		/* This process itself is one of the twenty. */
		CHECK_EQ(forks_until_eagain(), 19);
		kill_my_children(19);
		CHECK_EQ(forks_until_eagain(), 19);
		kill_my_children(19);
		_exit(0);
	}
	wait_ok(pid);
}

static void nproc_counts_threads(void)
{
	struct rlimit rl = { 1, 1 };

	need_root();
	pid_t pid = xfork();
	if (pid == 0) {
		become(NOBODY_UID + 1, NOBODY_GID);
		OK(setrlimit(RLIMIT_NPROC, &rl));
		CHECK_ERR(raw_clone(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
				    NULL, NULL), EAGAIN);
		CHECK_ERR(fork(), EAGAIN);
		_exit(0);
	}
	wait_ok(pid);
}

static void pause_briefly(void *arg)
{
	(void)arg;
	brief_pause();
}

static void root_is_not_limited(void)
{
	struct rlimit rl = { 1, 1 };

	need_root();
	OK(setrlimit(RLIMIT_NPROC, &rl));
	wait_ok(spawn(pause_briefly, NULL));
}

/* Everyone forks; the limit keeps it finite; one signal ends it. */
static void fork_bomb(void)
{
	struct rlimit rl = { 60, 60 };

	need_root();
	pid_t pid = xfork();
	if (pid == 0) {
		OK(setpgid(0, 0));
		become(NOBODY_UID + 2, NOBODY_GID);
		OK(setrlimit(RLIMIT_NPROC, &rl));
		for (int i = 0; i < 2000; i++) {
			if (fork() < 0) {
				CHECK_EQ(errno, EAGAIN);
				sched_yield();
			}
		}
		pause();
	}
	setpgid(pid, pid);
	long long end = msec() + 500;
	while (msec() < end)
		brief_pause();
	/* The rest of the system works meanwhile. */
	wait_ok(spawn(pause_briefly, NULL));
	OK(kill(-pid, SIGKILL));
	CHECK_EQ(wait_signal(pid), SIGKILL);
}

static void *fork_from_thread(void *arg)
{
	pid_t pid = xfork();

	if (pid == 0) {
		/* The only thread, and so the leader. */
		CHECK_EQ(gettid(), getpid());
		_exit(0);
	}
	wait_ok(pid);
	return arg;
}

static void *idle_thread(void *arg)
{
	gate_wait(arg);
	return NULL;
}

static void fork_takes_only_the_caller(void)
{
	pthread_t idle, t;
	struct gate g;

	gate_init(&g);
	CHECK_EQ(pthread_create(&idle, NULL, idle_thread, &g), 0);
	CHECK_EQ(pthread_create(&t, NULL, fork_from_thread, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	gate_open(&g);
	CHECK_EQ(pthread_join(idle, NULL), 0);
}

static void clone_bad_flags(void)
{
	CHECK_ERR(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_THREAD | SIGCHLD, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_THREAD | CLONE_SIGHAND, NULL, NULL), EINVAL);
	CHECK_ERR(raw_clone(CLONE_THREAD | CLONE_VM, NULL, NULL), EINVAL);
	CHECK_ERR(waitpid(-1, NULL, __WALL), ECHILD);
}

static void clone_tids(void)
{
	int *tid = shared_alloc(PAGE);

	/* ptid is written in the parent's memory and ctid in the child's. */
	tid[0] = tid[1] = -1;
	long pid = OK(raw_clone(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
				SIGCHLD, &tid[0], &tid[1]));
	if (pid == 0) {
		CHECK_EQ(tid[1], syscall(SYS_gettid));
		_exit(0);
	}
	CHECK_EQ(tid[0], pid);
	wait_ok(pid);
	CHECK_EQ(tid[1], pid);
}

static void clone_files(void)
{
	long pid = OK(raw_clone(CLONE_FILES | SIGCHLD, NULL, NULL));

	if (pid == 0) {
		OK(dup2(1, 50));
		OK(close(0));
		_exit(0);
	}
	wait_ok(pid);
	OK(fcntl(50, F_GETFD));
	CHECK_ERR(fcntl(0, F_GETFD), EBADF);
}

static void clone_fs(void)
{
	struct stat a, b;

	OK(mkdir("there", 0700));
	OK(stat("there", &a));
	umask(0);
	long pid = OK(raw_clone(CLONE_FS | SIGCHLD, NULL, NULL));
	if (pid == 0) {
		OK(chdir("there"));
		umask(0222);
		_exit(0);
	}
	wait_ok(pid);
	OK(stat(".", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(umask(022), 0222);
}

static void clone_parent(void)
{
	int *ppid = shared_alloc(PAGE);
	pid_t middle = xfork();

	if (middle == 0) {
		long pid = OK(raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL));
		if (pid == 0) {
			ppid[0] = (int)syscall(SYS_getppid);
			_exit(8);
		}
		ppid[1] = (int)pid;
		CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
		_exit(0);
	}
	wait_ok(middle);
	CHECK_EQ(wait_exit(ppid[1]), 8);
	CHECK_EQ(ppid[0], getpid());
}

static void clone_parent_keeps_the_group(void)
{
	int *seen = shared_alloc(PAGE);
	pid_t middle = xfork();

	if (middle == 0) {
		OK(setpgid(0, 0));
		long pid = OK(raw_clone(CLONE_PARENT | SIGCHLD, NULL, NULL));
		if (pid == 0)
			_exit(getpgrp() == getppid());
		seen[0] = (int)pid;
		seen[1] = (int)OK(getpgid((pid_t)pid));
		_exit(0);
	}
	wait_ok(middle);
	CHECK_EQ(wait_exit(seen[0]), 0);
	CHECK_EQ(seen[1], middle);
}

static volatile sig_atomic_t usr1s;

static void on_usr1(int sig)
{
	(void)sig;
	usr1s++;
}

/* Who adopts a child has not asked for its clone signal. */
static void orphans_end_with_sigchld(void)
{
	int *pid = shared_alloc(PAGE);
	pid_t middle;

	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	handle(SIGUSR1, on_usr1, 0);
	middle = xfork();
	if (middle == 0) {
		long child = OK(raw_clone(SIGUSR1, NULL, NULL));
		if (child == 0) {
			UNTIL(getppid() != middle);
			_exit(3);
		}
		pid[0] = (int)child;
		_exit(0);
	}
	wait_ok(middle);
	CHECK_EQ(wait_exit(pid[0]), 3);
	CHECK_EQ(usr1s, 0);
}

static void exec_ends_with_sigchld(void)
{
	long pid;

	handle(SIGUSR1, on_usr1, 0);
	pid = OK(raw_clone(SIGUSR1, NULL, NULL));
	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK_EQ(waitpid((pid_t)pid, NULL, __WALL), pid);
	CHECK_EQ(usr1s, 0);
}

/* The child's memory is gone before its parent hears of the end. */
static void dirty_memory_is_returned(void)
{
	size_t len = 16UL << 20;

	for (int i = 0; i < 20; i++) {
		pid_t pid = xfork();
		if (pid == 0) {
			char *p = OK(mmap(NULL, len, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
			for (size_t off = 0; off < len; off += PAGE)
				p[off] = (char)off;
			_exit(0);
		}
		wait_ok(pid);
	}
}

static const struct tap_case cases[] = {
	{ "ids_of_parent_and_child", ids_of_parent_and_child, 0 },
	{ "memory_is_separate", memory_is_separate, 0 },
	{ "descriptors_are_copied", descriptors_are_copied, 0 },
	{ "attributes_are_inherited", attributes_are_inherited, 0 },
	{ "not_inherited", not_inherited, 0 },
	{ "two_hundred_at_once", two_hundred_at_once, 60 },
	{ "chain_of_fifty", chain_of_fifty, 0 },
	{ "fork_wait_1000", fork_wait_1000, 120 },
	{ "fork_exec_wait_1000", fork_exec_wait_1000, 180 },
	{ "burst_of_short_lives", burst_of_short_lives, 60 },
	{ "nproc_limit", nproc_limit, 0 },
	{ "nproc_counts_threads", nproc_counts_threads, 0 },
	{ "root_is_not_limited", root_is_not_limited, 0 },
	{ "fork_bomb", fork_bomb, 60 },
	{ "fork_takes_only_the_caller", fork_takes_only_the_caller, 0 },
	{ "clone_bad_flags", clone_bad_flags, 0 },
	{ "clone_tids", clone_tids, 0 },
	{ "clone_files", clone_files, 0 },
	{ "clone_fs", clone_fs, 0 },
	{ "clone_parent", clone_parent, 0 },
	{ "clone_parent_keeps_the_group", clone_parent_keeps_the_group, 0 },
	{ "orphans_end_with_sigchld", orphans_end_with_sigchld, 0 },
	{ "exec_ends_with_sigchld", exec_ends_with_sigchld, 0 },
	{ "dirty_memory_is_returned", dirty_memory_is_returned, 60 },
};

static const struct tap_helper helpers[] = {
	{ "exit", helper_exit },
};

TAP_MAIN_HELPERS(cases, helpers)
