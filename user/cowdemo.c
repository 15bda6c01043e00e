/* SPDX-License-Identifier: MIT */
/*
 * cowdemo.c - copy-on-write, seen from inside. A variable has one address in parent and child;
 * /proc/self/pagemap tells which frame of physical memory is behind it.
 *
 * fork() copies no page: both have the frame, and neither may write to it any more. The first
 * who writes gets a copy. The other, now the only owner, just gets the right to write back.
 */
#include "frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* With its page to itself: what else we write does not disturb. */
static union {
	volatile int value;
	char page[4096];
} shared __attribute__((aligned(4096)));

static int turn[2][2];			/* a pipe to the parent, one to the child */

enum { TO_PARENT, TO_CHILD };

static void pass_turn(int to)
{
	if (write(turn[to][1], "", 1) != 1)
		_exit(1);
}

static void await_turn(int me)
{
	char byte;

	if (read(turn[me][0], &byte, 1) != 1)
		_exit(1);
}

/* A line of the table; the frame before tells what has happened. */
static void show(const char *who, const char *what, uint64_t before)
{
	uint64_t frame = frame_of(&shared);

	printf("  %-7s %-22s value %d at %p, frame ", who, what, shared.value,
	       (void *)&shared);
	if (!frame)
		printf("?  (only root may know it)\n");
	else if (!before)
		printf("%#llx\n", (unsigned long long)frame);
	else
		printf("%#llx  %s\n", (unsigned long long)frame,
		       frame == before ? "the same frame" : "another frame: a copy");
	fflush(stdout);
}

static long faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_minflt;
}

static void write_and_show(const char *who, int value)
{
	uint64_t before = frame_of(&shared);
	char what[32];
	long count;

	show(who, "before it writes", 0);
	count = faults();
	shared.value = value;
	count = faults() - count;
	snprintf(what, sizeof(what), "wrote, %ld page fault%s", count, count == 1 ? "" : "s");
	show(who, what, before);
}

static void round_of(const char *title, int first)
{
	pid_t pid;

	printf("\n%s\n", title);
	shared.value = 1;
	show("parent", "before fork", 0);
	pid = fork();
	if (pid == 0) {
		if (first == TO_PARENT)
			await_turn(TO_CHILD);
		write_and_show("child", 2);
		pass_turn(TO_PARENT);
		if (first == TO_CHILD)
			await_turn(TO_CHILD);
		_exit(0);
	}
	if (first == TO_CHILD)
		await_turn(TO_PARENT);
	write_and_show("parent", 3);
	pass_turn(TO_CHILD);
	if (first == TO_PARENT)
		await_turn(TO_PARENT);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	if (pipe(turn[0]) < 0 || pipe(turn[1]) < 0) {
		perror("cowdemo: pipe");
		return EXIT_FAILURE;
	}
	memset(shared.page, 0, sizeof(shared.page));
	printf("Parent and child have a variable at the same address after fork(). Is it the same memory?\n");
	round_of("The child writes first: it gets a copy, the parent keeps the frame.", TO_CHILD);
	round_of("The parent writes first: now the copy is the parent's.", TO_PARENT);
	printf("\nIn each round both wrote, but only the first write copied a page. Each process sees\n"
	       "its own value: fork() behaves as if all memory had been copied.\n");
	return 0;
}
