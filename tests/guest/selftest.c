/* SPDX-License-Identifier: MIT */
/*
 * selftest.c - the harness reports failures as failures.
 *
 * The hidden cases at the end of the table fail on purpose.  The others run
 * this program again with one of them named, and look at what it printed.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEAK_FILE "/tmp/t.selftest-leak"

static char output[8192];

/*
 * Runs this program with one hidden case; its exit status. The output goes to a file, not a pipe:
 * what we do with a pipe at our end would show in the counters that the hidden harness compares.
 */
static int run_hidden(const char *name)
{
	int fd = OK(open("output", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600));
	int status;
	ssize_t n;
	pid_t pid = xfork();

	if (pid == 0) {
		OK(dup2(fd, 1));
		setenv("TAP_TIMEOUT", !strcmp(name, "hidden_hangs") ? "1" :
		       "20", 1);
		execl(tap_self, tap_self, name, (char *)NULL);
		_exit(127);
	}
	status = wait_exit(pid);
	n = OK(pread(fd, output, sizeof(output) - 1, 0));
	output[n] = '\0';
	OK(close(fd));
	return status;
}

static void expect(const char *name, int status, const char *text)
{
	int got = run_hidden(name);

	if (got != status || !strstr(output, text) ||
	    strncmp(output, "KTAP version 1\n1..1\n", 20))
		FAIL("%s: status %d, output: %s", name, got, output);
}

static void passing(void)
{
	expect("hidden_passes", 0, "\nok 1 hidden_passes\n");
}

static void failing_check(void)
{
	expect("hidden_fails", 1, "\nnot ok 1 hidden_fails\n");
	CHECK(strstr(output, "# selftest.c:") != NULL);
	CHECK(strstr(output, "CHECK_EQ(1 + 1, 3): 2 (0x2) and 3") != NULL);
}

static void failing_errno(void)
{
	expect("hidden_wrong_errno", 1, "\nnot ok 1 hidden_wrong_errno\n");
	CHECK(strstr(output, "returned -1, errno 9") != NULL);
}

static void failing_grandchild(void)
{
	expect("hidden_grandchild_fails", 1,
	       "\nnot ok 1 hidden_grandchild_fails\n");
}

static void failing_thread(void)
{
	expect("hidden_thread_fails", 1, "\nnot ok 1 hidden_thread_fails\n");
}

static void noted_failure(void)
{
	expect("hidden_notes", 1, "\nnot ok 1 hidden_notes\n");
	CHECK(strstr(output, ": first\n") != NULL);
	CHECK(strstr(output, ": second\n") != NULL);
}

static void bad_exit_status(void)
{
	expect("hidden_exits_3", 1, "\nnot ok 1 hidden_exits_3\n");
	CHECK(strstr(output, "# exit status 3\n") != NULL);
}

static void crash(void)
{
	expect("hidden_crashes", 1, "\nnot ok 1 hidden_crashes\n");
	CHECK(strstr(output, "# killed by signal 11\n") != NULL);
}

static void hang(void)
{
	expect("hidden_hangs", 1, "\nnot ok 1 hidden_hangs # TIMEOUT\n");
}

static void skip(void)
{
	expect("hidden_skips", 0, "\nok 1 hidden_skips # SKIP no reason\n");
}

static void left_behind(void)
{
	if (access("/proc/self/stat", R_OK))
		SKIP("no /proc/self/stat");
	expect("hidden_leaves_a_process", 1,
	       "\nnot ok 1 hidden_leaves_a_process\n");
	CHECK(strstr(output, "# process left behind: ") != NULL);
}

static void leak(void)
{
	if (access("/proc/counts", R_OK))
		SKIP("no /proc/counts");
	struct statfs st;
	if (statfs("/", &st) == 0 && st.f_type != 0x01021994 /* TMPFS_MAGIC */)
		SKIP("on a disk, caches hold more than files need");
	expect("hidden_leaks", 1, "\nnot ok 1 hidden_leaks\n");
	OK(unlink(LEAK_FILE));
	CHECK(strstr(output, "# leak: vnodes ") != NULL);
}

static void unknown_case(void)
{
	CHECK_EQ(run_hidden("no_such_case"), 2);
	CHECK(!strcmp(output, "Bail out! no case no_such_case\n"));
}

static void list(void)
{
	CHECK_EQ(run_hidden("-l"), 0);
	CHECK(strstr(output, "unknown_case\n") != NULL);
	CHECK(strstr(output, "hidden") == NULL);
}

static void directory(void)
{
	expect("hidden_litters", 0, "\nok 1 hidden_litters\n");
	int pid = 0;
	struct stat st;
	char path[64];

	CHECK_EQ(sscanf(strstr(output, "# pid "), "# pid %d", &pid), 1);
	snprintf(path, sizeof(path), "/tmp/t.%d", pid);
	CHECK_ERR(stat(path, &st), ENOENT);
}

/* ---- cases that fail, or not, on purpose ---- */

static void hidden_passes(void)
{
	CHECK(1);
	CHECK_ERR(close(-1), EBADF);
	CHECK_EQ(OK(getpid()), getpid());
}

static void hidden_fails(void)
{
	CHECK_EQ(1 + 1, 3);
}

static void hidden_wrong_errno(void)
{
	CHECK_ERR(close(-1), ENOENT);
}

static void hidden_grandchild_fails(void)
{
	pid_t pid = xfork();

	if (pid == 0)
		FAIL("in a grandchild");
	wait_exit(pid);
}

static void *thread_fails(void *arg)
{
	(void)arg;
	FAIL("in a thread");
}

static void hidden_thread_fails(void)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, thread_fails, NULL), 0);
	pthread_join(t, NULL);
}

static void hidden_notes(void)
{
	tap_fail(__FILE__, __LINE__, "first");
	tap_fail(__FILE__, __LINE__, "second");
}

static void hidden_exits_3(void)
{
	_exit(3);
}

static void hidden_crashes(void)
{
	volatile int *volatile p = (volatile int *)8;

	*p = 1;
}

static void hidden_hangs(void)
{
	for (;;)
		pause();
}

static void hidden_skips(void)
{
	SKIP("no reason");
}

static void hidden_leaves_a_process(void)
{
	struct gate g;

	gate_init(&g);
	if (xfork() == 0) {
		setsid();
		gate_open(&g);
		for (;;)
			pause();
	}
	gate_wait(&g);
}

static void hidden_leaks(void)
{
	char page[4096] = "a page";

	write_file(LEAK_FILE, page, sizeof(page));
}

static void hidden_litters(void)
{
	char name[32];

	tap_diag("pid %d", (int)getpid());
	OK(mkdir("d", 0));
	OK(mkdir("e", 0700));
	OK(mkdir("e/f", 0700));
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "e/f/%d", i);
		write_file(name, "x", 1);
	}
	OK(symlink("/", "e/f/root"));
}

static const struct tap_case cases[] = {
	{ "passing", passing, 0 },
	{ "failing_check", failing_check, 0 },
	{ "failing_errno", failing_errno, 0 },
	{ "failing_grandchild", failing_grandchild, 0 },
	{ "failing_thread", failing_thread, 0 },
	{ "noted_failure", noted_failure, 0 },
	{ "bad_exit_status", bad_exit_status, 0 },
	{ "crash", crash, 0 },
	{ "hang", hang, 0 },
	{ "skip", skip, 0 },
	{ "left_behind", left_behind, 0 },
	{ "leak", leak, 0 },
	{ "unknown_case", unknown_case, 0 },
	{ "list", list, 0 },
	{ "directory", directory, 0 },
	{ "hidden_passes", hidden_passes, 0 },
	{ "hidden_fails", hidden_fails, 0 },
	{ "hidden_wrong_errno", hidden_wrong_errno, 0 },
	{ "hidden_grandchild_fails", hidden_grandchild_fails, 0 },
	{ "hidden_thread_fails", hidden_thread_fails, 0 },
	{ "hidden_notes", hidden_notes, 0 },
	{ "hidden_exits_3", hidden_exits_3, 0 },
	{ "hidden_crashes", hidden_crashes, 0 },
	{ "hidden_hangs", hidden_hangs, 0 },
	{ "hidden_skips", hidden_skips, 0 },
	{ "hidden_leaves_a_process", hidden_leaves_a_process, 0 },
	{ "hidden_leaks", hidden_leaks, 0 },
	{ "hidden_litters", hidden_litters, 0 },
};

int main(int argc, char **argv)
{
	static const struct tap_program p = {
		.cases = cases, .ncases = TAP_COUNT(cases), .nhidden = 13,
	};

	return tap_main(argc, argv, &p);
}
