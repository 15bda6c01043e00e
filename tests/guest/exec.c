/* SPDX-License-Identifier: MIT */
/*
 * exec.c - execve(2): arguments, environment, errors, and what a process keeps
 * and loses.  The auxiliary vector is in exec_auxv.c, scripts in exec_script.c,
 * malformed files in exec_elf.c.
 */
#define _GNU_SOURCE
#include "lib/elfgen.h"
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Execs a helper of this program in a child and wants status 0. */
#define RUN_HELPER(...) \
	do { \
		pid_t pid_ = xfork(); \
		if (pid_ == 0) { \
			execl(tap_self, tap_self, "--call", __VA_ARGS__, \
			      (char *)NULL); \
			FAIL("exec: errno %d", errno); \
		} \
		wait_ok(pid_); \
	} while (0)

static void good_program(const char *path)
{
	struct elfgen img;

	elfgen_init(&img, elfgen_exit_argc, elfgen_exit_argc_len);
	elfgen_write(&img, path, sizeof(img));
}

/* ---- arguments ---- */

static int helper_args(int argc, char **argv)
{
	CHECK_EQ(argc, 5);
	CHECK(!strcmp(argv[1], "one"));
	CHECK(!strcmp(argv[2], ""));
	CHECK(!strcmp(argv[3], "two words\n"));
	CHECK(!strcmp(argv[4], "\xff\x01"));
	CHECK(argv[5] == NULL);
	CHECK(!strcmp(environ[0], "A=1"));
	CHECK(!strcmp(environ[1], "no equals sign"));
	CHECK(!strcmp(environ[2], ""));
	CHECK(environ[3] == NULL);
	return 0;
}

static void arguments_and_environment(void)
{
	char *argv[] = { "x", "--call", "args", "one", "", "two words\n",
			 "\xff\x01", NULL };
	char *envp[] = { "A=1", "no equals sign", "", NULL };
	pid_t pid = xfork();

	if (pid == 0) {
		execve(tap_self, argv, envp);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static int helper_count(int argc, char **argv)
{
	CHECK_EQ(argc, atoi(argv[1]));
	for (int i = 2; i < argc; i++)
		CHECK_EQ(atoi(argv[i]), i);
	return 0;
}

static void many_arguments(void)
{
	enum { N = 5000 };
	static char text[N][8];
	static char *argv[N + 3];
	pid_t pid;

	for (int i = 0; i < N; i++) {
		snprintf(text[i], sizeof(text[i]), "%d", i);
		argv[i + 2] = text[i];
	}
	argv[0] = "x";
	argv[1] = "--call";
	argv[2] = "count";
	snprintf(text[1], sizeof(text[1]), "%d", N);
	argv[N + 2] = NULL;
	pid = xfork();
	if (pid == 0) {
		execv(tap_self, argv);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static int helper_length(int argc, char **argv)
{
	CHECK_EQ(argc, 3);
	CHECK_EQ(strlen(argv[2]), atoi(argv[1]));
	return 0;
}

/* One string may have 32 pages with its NUL. */
static void longest_argument(void)
{
	static char text[32 * PAGE + 1];

	memset(text, 'a', sizeof(text) - 1);
	text[32 * PAGE - 1] = '\0';
	RUN_HELPER("length", "131071", text);
	text[32 * PAGE - 1] = 'a';
	CHECK_ERR(execl(tap_self, "x", text, (char *)NULL), E2BIG);
	char *argv[] = { "x", NULL }, *envp[] = { text, NULL };
	CHECK_ERR(execve(tap_self, argv, envp), E2BIG);
}

/* All strings together may have a quarter of the stack limit. */
static void all_arguments_together(void)
{
	static char text[100000];
	char *argv[34];
	struct rlimit rl = { 8 << 20, 8 << 20 };

	OK(setrlimit(RLIMIT_STACK, &rl));
	good_program("prog");
	memset(text, 'a', sizeof(text) - 1);
	for (int i = 0; i < 33; i++)
		argv[i] = text;
	argv[33] = NULL;
	CHECK_ERR(execv("prog", argv), E2BIG);
	pid_t pid = xfork();
	if (pid == 0) {
		argv[15] = NULL;
		execv("prog", argv);
		FAIL("exec: errno %d", errno);
	}
	CHECK_EQ(wait_exit(pid), 15);
}

static void empty_argv(void)
{
	char *none[] = { NULL };
	pid_t pid;

	good_program("prog");
	/* Linux makes it { "", NULL } since 5.18. */
	pid = xfork();
	if (pid == 0) {
		syscall(SYS_execve, "prog", none, none);
		FAIL("exec: errno %d", errno);
	}
	CHECK_EQ(wait_exit(pid), 1);
	pid = xfork();
	if (pid == 0) {
		syscall(SYS_execve, "prog", NULL, NULL);
		FAIL("exec: errno %d", errno);
	}
	CHECK_EQ(wait_exit(pid), 1);
}

/* ---- errors ---- */

static void no_such_file(void)
{
	good_program("prog");
	CHECK_EQ(elfgen_run("nothing"), -ENOENT);
	CHECK_EQ(elfgen_run(""), -ENOENT);
	CHECK_EQ(elfgen_run("prog/x"), -ENOTDIR);
	CHECK_EQ(elfgen_run("prog/"), -ENOTDIR);
	OK(symlink("nothing", "dangling"));
	CHECK_EQ(elfgen_run("dangling"), -ENOENT);
	OK(symlink("loop", "loop"));
	CHECK_EQ(elfgen_run("loop"), -ELOOP);
	OK(symlink("prog", "link"));
	CHECK_EQ(elfgen_run("link"), 1);
	CHECK_EQ(elfgen_run("./prog"), 1);
}

static void name_too_long(void)
{
	static char name[5000];

	memset(name, 'n', 256);
	CHECK_EQ(elfgen_run(name), -ENAMETOOLONG);
	for (int i = 0; i < 4998; i += 2)
		memcpy(name + i, "./", 2);
	CHECK_EQ(elfgen_run(name), -ENAMETOOLONG);
}

static void not_executable(void)
{
	good_program("prog");
	OK(chmod("prog", 0644));
	/* Not even for root. */
	CHECK_EQ(elfgen_run("prog"), -EACCES);
	OK(chmod("prog", 0001));
	CHECK_EQ(elfgen_run("prog"), geteuid() ? -EACCES : 1);
	OK(mkdir("dir", 0755));
	CHECK_EQ(elfgen_run("dir"), -EACCES);
	CHECK_EQ(elfgen_run("/dev/null"), -EACCES);
	OK(mkfifo("fifo", 0755));
	CHECK_EQ(elfgen_run("fifo"), -EACCES);
}

static void not_permitted(void)
{
	need_root();
	OK(chmod(".", 0755));
	good_program("prog");
	OK(mkdir("closed", 0700));
	good_program("closed/prog");
	OK(chmod("prog", 0711));
	become(NOBODY_UID, NOBODY_GID);
	/* Executing does not need the right to read. */
	CHECK_EQ(elfgen_run("prog"), 1);
	CHECK_EQ(elfgen_run("closed/prog"), -EACCES);
}

static void not_a_program(void)
{
	write_file("empty", "", 0);
	OK(chmod("empty", 0755));
	CHECK_EQ(elfgen_run("empty"), -ENOEXEC);
	write_file("text", "echo hello\n", 11);
	OK(chmod("text", 0755));
	CHECK_EQ(elfgen_run("text"), -ENOEXEC);
	write_file("short", "\177ELF", 4);
	OK(chmod("short", 0755));
	CHECK_EQ(elfgen_run("short"), -ENOEXEC);
}

static void text_busy(void)
{
	static const unsigned char sleeper[] = {
		0xb8, 0x22, 0x00, 0x00, 0x00,	/* mov $34, %eax: pause */
		0x0f, 0x05,			/* syscall */
		0xeb, 0xf7,			/* jmp back */
	};
	struct elfgen img;

	good_program("prog");
	int fd = OK(open("prog", O_WRONLY));
	CHECK_EQ(elfgen_run("prog"), -ETXTBSY);
	OK(close(fd));
	CHECK_EQ(elfgen_run("prog"), 1);
	elfgen_init(&img, sleeper, sizeof(sleeper));
	elfgen_write(&img, "sleeper", sizeof(img));
	pid_t pid = xfork();
	if (pid == 0) {
		execl("sleeper", "sleeper", (char *)NULL);
		FAIL("exec: errno %d", errno);
	}
	UNTIL((fd = open("sleeper", O_WRONLY)) < 0 ? errno == ETXTBSY :
	      close(fd));
	CHECK_ERR(open("sleeper", O_RDWR), ETXTBSY);
	CHECK_ERR(truncate("sleeper", 0), ETXTBSY);
	OK(close(OK(open("sleeper", O_RDONLY))));
	OK(unlink("sleeper"));
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(wait_signal(pid), SIGKILL);
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void failure_changes_nothing(void)
{
	int fd = OK(open("/dev/null", O_RDONLY | O_CLOEXEC));

	handle(SIGUSR1, on_signal, 0);
	write_file("text", "nothing", 7);
	OK(chmod("text", 0755));
	CHECK_ERR(execl("text", "text", (char *)NULL), ENOEXEC);
	OK(fcntl(fd, F_GETFD));
	OK(raise(SIGUSR1));
	CHECK_EQ(caught, SIGUSR1);
}

/* ---- what stays and what goes ---- */

static int helper_descriptors(int argc, char **argv)
{
	int keep = atoi(argv[1]), gone = atoi(argv[2]);
	char c;

	CHECK_EQ(argc, 3);
	CHECK_ERR(fcntl(gone, F_GETFD), EBADF);
	CHECK_EQ(OK(fcntl(keep, F_GETFD)), 0);
	read_full(keep, &c, 1);
	CHECK_EQ(c, 'b');
	return 0;
}

static void close_on_exec(void)
{
	char keep[12], gone[12], c;

	write_file("f", "abc", 3);
	int k = OK(open("f", O_RDONLY)), g = OK(open("f", O_RDONLY));
	read_full(k, &c, 1);
	OK(fcntl(g, F_SETFD, FD_CLOEXEC));
	snprintf(keep, sizeof(keep), "%d", k);
	snprintf(gone, sizeof(gone), "%d", g);
	RUN_HELPER("descriptors", keep, gone);
	/* Only in the table of the one that execs; the offset is shared. */
	OK(fcntl(g, F_GETFD));
	CHECK_EQ(OK(lseek(k, 0, SEEK_CUR)), 2);
}

static int helper_signals(int argc, char **argv)
{
	struct sigaction sa;
	sigset_t set;
	stack_t ss;

	(void)argc;
	(void)argv;
	OK(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
	OK(sigaction(SIGUSR2, NULL, &sa));
	CHECK(sa.sa_handler == SIG_IGN);
	OK(sigprocmask(SIG_BLOCK, NULL, &set));
	CHECK(sigismember(&set, SIGTERM) && !sigismember(&set, SIGHUP));
	OK(sigpending(&set));
	CHECK(sigismember(&set, SIGTERM) && !sigismember(&set, SIGHUP));
	OK(sigaltstack(NULL, &ss));
	CHECK(ss.ss_flags & SS_DISABLE);
	return 0;
}

static void signals(void)
{
	static char area[16384];
	stack_t ss = { .ss_sp = area, .ss_size = sizeof(area) };

	pid_t pid = xfork();
	if (pid == 0) {
		handle(SIGUSR1, on_signal, 0);
		signal(SIGUSR2, SIG_IGN);
		block(SIGTERM);
		OK(raise(SIGTERM));
		OK(sigaltstack(&ss, NULL));
		execl(tap_self, "x", "--call", "signals", (char *)NULL);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static int helper_attributes(int argc, char **argv)
{
	struct rlimit rl;
	struct itimerval it;
	char name[16], cwd[64];
	int sig;

	CHECK_EQ(argc, 4);
	CHECK_EQ(getpid(), atoi(argv[1]));
	CHECK_EQ(gettid(), getpid());
	CHECK_EQ(getppid(), atoi(argv[2]));
	CHECK_EQ(getpgrp(), getpid());
	CHECK_EQ(umask(0), 0137);
	OK(getrlimit(RLIMIT_NOFILE, &rl));
	CHECK(rl.rlim_cur == 77 && rl.rlim_max == 88);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 6);
	OK(getitimer(ITIMER_REAL, &it));
	CHECK(it.it_value.tv_sec > 0);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, argv[3]));
	OK(prctl(PR_GET_PDEATHSIG, &sig));
	CHECK_EQ(sig, SIGUSR1);
	/* The name, however, is new. */
	OK(prctl(PR_GET_NAME, name));
	CHECK(strcmp(name, "an old name") != 0);
	return 0;
}

static void attributes(void)
{
	char self[12], parent[12], cwd[64];
	pid_t pid = xfork();

	if (pid == 0) {
		OK(setpgid(0, 0));
		umask(0137);
		OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 77, 88 }));
		OK(setpriority(PRIO_PROCESS, 0, 6));
		OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
		OK(prctl(PR_SET_NAME, "an old name"));
		alarm(1000);
		snprintf(self, sizeof(self), "%d", getpid());
		snprintf(parent, sizeof(parent), "%d", getppid());
		CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
		execl(tap_self, "x", "--call", "attributes", self, parent, cwd,
		      (char *)NULL);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static int helper_exe_link(int argc, char **argv)
{
	char path[600];
	ssize_t n = OK(readlink("/proc/self/exe", path, sizeof(path) - 1));

	CHECK_EQ(argc, 2);
	path[n] = '\0';
	CHECK(!strcmp(path, argv[1]));
	return 0;
}

static void exe_link(void)
{
	RUN_HELPER("exe_link", tap_self);
	OK(symlink(tap_self, "link"));
	pid_t pid = xfork();
	if (pid == 0) {
		execl("link", "other", "--call", "exe_link", tap_self,
		      (char *)NULL);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

/* ---- threads ---- */

static int helper_alone(int argc, char **argv)
{
	CHECK_EQ(argc, 2);
	CHECK_EQ(getpid(), atoi(argv[1]));
	CHECK_EQ(gettid(), getpid());
	return 0;
}

static void exec_alone(void)
{
	char self[12];

	snprintf(self, sizeof(self), "%d", getpid());
	execl(tap_self, "x", "--call", "alone", self, (char *)NULL);
	FAIL("exec: errno %d", errno);
}

static void *spin_thread(void *arg)
{
	for (;;)
		(*(volatile int *)arg)++;
	return NULL;
}

static void *blocked_thread(void *arg)
{
	gate_wait(arg);
	return NULL;
}

static void *exec_thread(void *arg)
{
	exec_alone();
	return arg;
}

static void with_threads(bool from_thread)
{
	static int counter;
	struct gate g;
	pthread_t t;

	gate_init(&g);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(pthread_create(&t, NULL, spin_thread, &counter), 0);
		CHECK_EQ(pthread_create(&t, NULL, blocked_thread, &g), 0);
	}
	if (!from_thread)
		exec_alone();
	CHECK_EQ(pthread_create(&t, NULL, exec_thread, NULL), 0);
	blocked_thread(&g);
}

static void exec_kills_threads(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = xfork();
		if (pid == 0)
			with_threads(false);
		wait_ok(pid);
	}
}

static void exec_from_thread(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = xfork();
		if (pid == 0)
			with_threads(true);
		wait_ok(pid);
	}
}

static const struct tap_case cases[] = {
	{ "arguments_and_environment", arguments_and_environment, 0 },
	{ "many_arguments", many_arguments, 0 },
	{ "longest_argument", longest_argument, 0 },
	{ "all_arguments_together", all_arguments_together, 0 },
	{ "empty_argv", empty_argv, 0 },
	{ "no_such_file", no_such_file, 0 },
	{ "name_too_long", name_too_long, 0 },
	{ "not_executable", not_executable, 0 },
	{ "not_permitted", not_permitted, 0 },
	{ "not_a_program", not_a_program, 0 },
	{ "text_busy", text_busy, 0 },
	{ "failure_changes_nothing", failure_changes_nothing, 0 },
	{ "close_on_exec", close_on_exec, 0 },
	{ "signals", signals, 0 },
	{ "attributes", attributes, 0 },
	{ "exe_link", exe_link, 0 },
	{ "exec_kills_threads", exec_kills_threads, 0 },
	{ "exec_from_thread", exec_from_thread, 0 },
};

static const struct tap_helper helpers[] = {
	{ "args", helper_args },
	{ "count", helper_count },
	{ "length", helper_length },
	{ "descriptors", helper_descriptors },
	{ "signals", helper_signals },
	{ "attributes", helper_attributes },
	{ "exe_link", helper_exe_link },
	{ "alone", helper_alone },
};

TAP_MAIN_HELPERS(cases, helpers)
