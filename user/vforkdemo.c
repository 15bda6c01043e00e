/* SPDX-License-Identifier: MIT */
/*
 * vforkdemo.c - vfork(2): the child runs in the parent's memory, on its stack, and the parent
 * sleeps until the child has called exec or _exit. So what the child changes is changed.
 *
 * A real program does nothing in between but exec. This one writes a variable, to show whose
 * variable it is; beside it, the same with fork().
 */
#define _GNU_SOURCE
#include "frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAP_MS 200

static volatile int value;

static void show(const char *who)
{
	printf("  %-26s value %d at %p, frame %#llx\n", who, value, (void *)&value,
	       (unsigned long long)frame_of(&value));
	/* The child ends by _exit, which does not write what stdio has in hand. */
	fflush(stdout);
}

static long msec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static _Noreturn void child(void)
{
	value = 2;
	show("child has written 2:");
	usleep(NAP_MS * 1000);
	_exit(0);
}

static void after(pid_t pid, long start)
{
	long waited = msec() - start;

	if (pid < 0) {
		perror("vforkdemo");
		exit(EXIT_FAILURE);
	}
	show("parent, after the call:");
	printf("  The call returned to the parent %s the child's nap of %d ms.\n",
	       waited >= NAP_MS ? "after" : "before", NAP_MS);
	waitpid(pid, NULL, 0);
	printf("  The parent has value %d in the end: the child's change %s.\n\n", value,
	       value == 2 ? "is seen" : "is not seen");
}

int main(void)
{
	long start;
	pid_t pid;

	value = 1;
	printf("fork(): a child with memory of its own\n");
	show("parent, before:");
	start = msec();
	pid = fork();
	if (pid == 0)
		child();
	/* Let the child speak first; fork() itself did not wait for it. */
	start = msec() - start;
	usleep(NAP_MS * 500);
	after(pid, msec() - start);

	value = 1;
	printf("vfork(): a child in the parent's memory\n");
	show("parent, before:");
	start = msec();
	pid = vfork();
	if (pid == 0)
		child();
	after(pid, start);
	printf("vfork() makes no page tables and copies nothing, and is meant for a child that\n"
	       "calls exec at once. Whatever else it does, it does to its parent.\n");
	return 0;
}
