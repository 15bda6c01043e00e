/* SPDX-License-Identifier: MIT */
/*
 * mmapdemo.c - a file in memory. Three processes map the same page of a file: A and B with
 * MAP_SHARED, C with MAP_PRIVATE. All have the very frame that read() and write() use, until
 * C writes: then C has a copy of its own, and the file knows nothing of it.
 */
#include "frame.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_NAME "/tmp/mmapdemo.txt"
#define SIZE 4096

struct worker {
	char name;
	int flags;			/* of mmap */
	int ask[2], done[2];		/* pipes: a text to write or "", and a byte when done */
};

static struct worker workers[] = {
	{ .name = 'A', .flags = MAP_SHARED },
	{ .name = 'B', .flags = MAP_SHARED },
	{ .name = 'C', .flags = MAP_PRIVATE },
};

#define WORKERS (sizeof(workers) / sizeof(workers[0]))

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(EXIT_FAILURE);
}

static void show(const struct worker *w, const volatile char *text)
{
	/* Looked at first, or there may be no page yet. */
	char first = text[0];

	printf("  %c (%-7s) at %p, frame %#8llx: \"%c%s\"\n", w->name,
	       w->flags == MAP_SHARED ? "shared" : "private", (const void *)text,
	       (unsigned long long)frame_of(text), first, (const char *)text + 1);
}

/* In its own process: do as it is asked, until nobody asks any more. */
static _Noreturn void work(struct worker *w, int fd)
{
	char order[64], *text;

	/* Something else first, so that the page comes to lie elsewhere in each process. */
	mmap(NULL, SIZE * (size_t)(w - workers + 1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
	     -1, 0);
	text = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, w->flags, fd, 0);
	check(text != MAP_FAILED, "mmap");
	while (read(w->ask[0], order, sizeof(order)) > 0) {
		if (order[0])
			strcpy(text, order);
		show(w, text);
		check(write(w->done[1], "", 1) == 1, "write");
	}
	_exit(0);
}

static void ask(struct worker *w, const char *order)
{
	char byte;

	check(write(w->ask[1], order, strlen(order) + 1) > 0, "write");
	check(read(w->done[0], &byte, 1) == 1, "read");
}

static void start(struct worker *w, int fd)
{
	pid_t pid;

	check(pipe(w->ask) == 0 && pipe(w->done) == 0, "pipe");
	pid = fork();
	check(pid >= 0, "fork");
	if (pid > 0)
		return;
	/* Each worker ends when the last writer to its pipe has gone. */
	for (struct worker *other = workers; other <= w; other++)
		close(other->ask[1]);
	work(w, fd);
}

/* What everybody has now, and what read() finds in the file. */
static void all(int fd, const char *title)
{
	char text[64] = "";

	printf("%s\n", title);
	for (size_t i = 0; i < WORKERS; i++)
		ask(&workers[i], "");
	check(pread(fd, text, sizeof(text) - 1, 0) > 0, "pread");
	printf("  read() from the file finds                         \"%s\"\n\n", text);
}

int main(void)
{
	static const char first[] = "as it was", last[] = "written by write()";
	int fd;

	/* Several processes write to it in turn: each line goes out at once. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);

	check(fd >= 0, FILE_NAME);
	check(ftruncate(fd, SIZE) == 0, "ftruncate");
	check(pwrite(fd, first, sizeof(first), 0) == sizeof(first), "pwrite");
	for (size_t i = 0; i < WORKERS; i++)
		start(&workers[i], fd);
	all(fd, "All have mapped the file and looked at it: one frame, three addresses.");

	printf("A stores into its memory:\n");
	ask(&workers[0], "stored by A");
	all(fd, "All see it, and so does read(): nobody has written to the file by a call.");

	printf("C stores into its private memory:\n");
	ask(&workers[2], "stored by C, for C alone");
	all(fd, "Only C sees it, in a frame of its own: a private mapping is copied on write.");

	printf("This process calls write():\n");
	check(pwrite(fd, last, sizeof(last), 0) == sizeof(last), "pwrite");
	all(fd, "A and B see it at once. C has its copy.");

	for (size_t i = 0; i < WORKERS; i++)
		close(workers[i].ask[1]);
	while (wait(NULL) > 0)
		;
	unlink(FILE_NAME);
	return 0;
}
