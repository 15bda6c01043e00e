/* SPDX-License-Identifier: MIT */
/*
 * demos.c - the programs that show the three tables: fdview and pipelinedemo.
 * They look at tables that other kernels do not show.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[65536];

/* Output of a program that must exit with 0. */
static void run(const char *program, const char *arg)
{
	size_t len = 0;
	ssize_t n;
	int out[2];

	if (access("/proc/openfiles", F_OK) < 0 || access(program, X_OK) < 0)
		SKIP("no /proc/openfiles");
	OK(pipe(out));
	pid_t pid = xfork();
	if (pid == 0) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execl(program, program, arg, NULL);
		_exit(127);
	}
	close(out[1]);
	while ((n = OK(read(out[0], text + len, sizeof(text) - 1 - len))) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(out[0]);
	wait_ok(pid);
}

/* Finds what, after the place that the last call found. */
static const char *next(const char *at, const char *what)
{
	const char *found = strstr(at, what);

	if (!found)
		FAIL("not found: \"%s\"", what);
	return found + strlen(what);
}

/* The counts of the lecture, step by step. */
static void pipeline_counts(void)
{
	static const char *const steps[] = {
		"pipe(p)", "counts: A 1, B 1",
		"fork() makes the child for cat", "counts: A 2, B 2",
		"dup2(p[1], 1)", "counts: A 2, B 3",
		"close(p[0]), close(p[1])", "counts: A 1, B 2",
		"exec cat", "counts: A 1, B 2",
		"fork() makes the child for grep", "counts: A 2, B 3",
		"dup2(p[0], 0)", "counts: A 3, B 3",
		"close(p[0]), close(p[1])", "counts: A 2, B 2",
		"exec grep", "counts: A 2, B 2",
		"shell: close(p[0]), close(p[1])", "counts: A 1, B 1",
		"And they run:", "Prakhar  shared memory", "Prakhar  semaphore",
	};
	const char *at = text;

	run("/bin/pipelinedemo", NULL);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		at = next(at, steps[i]);
	CHECK(!strstr(text, "WRONG"));
	CHECK(!strstr(next(text, "And they run:"), "Meera"));
}

/* In the step after dup2, cat's 1 is the pipe and its 2 still the terminal. */
static void pipeline_descriptors(void)
{
	const char *at;

	run("/bin/pipelinedemo", NULL);
	at = next(text, "dup2(p[1], 1)");
	at = next(at, "cat, process ");
	at = next(at, "fd 0 -> T\n      fd 1 -> B\n      fd 2 -> T\n"
		      "      fd 3 -> A\n      fd 4 -> B\n");
	next(at, "T  refs 5  rw  -> vnode ");
}

/* dup shares the open file and its offset, a second open does not. */
static void shared_and_separate(void)
{
	char pid[16], line[64], x, y, z;
	const char *at;
	int a, b, c;

	write_file("f", "0123456789", 10);
	a = OK(open("f", O_RDONLY));
	b = OK(dup(a));
	c = OK(open("f", O_RDONLY | O_CLOEXEC));
	CHECK_EQ(lseek(b, 7, SEEK_SET), 7);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	pid_t child = xfork();
	if (child == 0) {
		/* The parent's table; the child looks at it from outside. */
		run("/bin/fdview", pid);
		at = next(text, "fd 3 -> ");
		CHECK_EQ(sscanf(at, "%c\n  fd 4 -> %c\n  fd 5 -> %c", &x, &y, &z), 3);
		CHECK(x == y && x != z);
		next(at, "(closed by exec)\n");
		/* This process, its child, and fdview have a and b; fdview has no c. */
		at = next(at, "open files\n");
		snprintf(line, sizeof(line), "%c  refs 6  r-  offset 7  -> vnode ", x);
		at = next(at, line);
		snprintf(line, sizeof(line), "%c  refs 2  r-  offset 0  -> vnode ", z);
		at = next(at, line);
		at = next(at, "vnodes\n");
		next(at, "names 1  -0644  size 10");
		_exit(0);
	}
	wait_ok(child);
	close(a);
	close(b);
	close(c);
}

static void no_such_process(void)
{
	pid_t pid;

	if (access("/bin/fdview", X_OK) < 0)
		SKIP("no fdview");
	pid = xfork();
	if (pid == 0) {
		OK(dup2(OK(open("/dev/null", O_WRONLY)), 2));
		execl("/bin/fdview", "fdview", "999999", NULL);
		_exit(127);
	}
	CHECK_EQ(wait_exit(pid), 1);
}

static const struct tap_case cases[] = {
	{ "pipeline_counts", pipeline_counts, 60 },
	{ "pipeline_descriptors", pipeline_descriptors, 60 },
	{ "shared_and_separate", shared_and_separate, 0 },
	{ "no_such_process", no_such_process, 0 },
};

TAP_MAIN(cases)
