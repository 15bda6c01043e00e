/* SPDX-License-Identifier: MIT */
/*
 * aslr.c - addresses that exec chooses at random, and how that is switched off:
 * personality(2), /proc/sys/kernel/randomize_va_space (proc(5)).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS 8
#define SYSCTL "/proc/sys/kernel/randomize_va_space"

enum { STACK, MMAP, HEAP, VDSO, PLACES };

static const char *const place_names[PLACES] = { "stack", "mmap", "heap", "vdso" };

struct layout {
	unsigned long at[PLACES];
};

static struct layout layout_here(void)
{
	extern char **environ;
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	/* The environment lies at the top of the stack. */
	return (struct layout){ {
		(unsigned long)environ, (unsigned long)map, (unsigned long)sbrk(0),
		getauxval(AT_SYSINFO_EHDR),
	} };
}

static int helper_layout(int argc, char **argv)
{
	struct layout l = layout_here();

	(void)argc, (void)argv;
	write_full(STDOUT_FILENO, &l, sizeof(l));
	return 0;
}

/* The layout of a new process with this personality added; 0 for none. */
static struct layout run(unsigned long persona)
{
	struct layout l;
	int fd[2];
	pid_t pid;

	OK(pipe(fd));
	pid = xfork();
	if (pid == 0) {
		if (persona)
			OK(personality(persona));
		OK(dup2(fd[1], STDOUT_FILENO));
		execl(tap_self, tap_self, "--call", "layout", NULL);
		_exit(127);
	}
	OK(close(fd[1]));
	read_full(fd[0], &l, sizeof(l));
	OK(close(fd[0]));
	wait_ok(pid);
	return l;
}

/* Which places differed between RUNS processes: a bit each. */
static unsigned moving(unsigned long persona)
{
	struct layout first = run(persona);
	unsigned moved = 0;

	for (int i = 1; i < RUNS; i++) {
		struct layout l = run(persona);

		for (int p = 0; p < PLACES; p++)
			if (l.at[p] != first.at[p])
				moved |= 1u << p;
	}
	for (int p = 0; p < PLACES; p++)
		tap_diag("%s %s at %lx", place_names[p], moved & 1u << p ? "moves," : "stays",
			 first.at[p]);
	return moved;
}

static int sysctl_read(void)
{
	char text[16];

	read_file(SYSCTL, text, sizeof(text));
	return atoi(text);
}

static void all_move(void)
{
	if (sysctl_read() != 2)
		SKIP("not the default setting");
	CHECK_EQ(moving(0), (1u << PLACES) - 1);
}

static void personality_stops_it(void)
{
	CHECK_EQ(moving(ADDR_NO_RANDOMIZE), 0);
}

static void personality_value(void)
{
	char text[32];
	pid_t pid;

	CHECK_EQ(personality(0xffffffff), 0);
	CHECK_EQ(personality(ADDR_NO_RANDOMIZE), 0);
	CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
	read_file("/proc/self/personality", text, sizeof(text));
	CHECK(strcmp(text, "00040000\n") == 0);
	pid = xfork();
	if (pid == 0) {
		CHECK_EQ(personality(0), ADDR_NO_RANDOMIZE);
		CHECK_EQ(personality(0xffffffff), 0);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
}

static void fork_keeps_all(void)
{
	struct layout a = layout_here(), b;
	void *shared = shared_alloc(sizeof(b));
	pid_t pid = xfork();

	if (pid == 0) {
		*(struct layout *)shared = layout_here();
		_exit(0);
	}
	wait_ok(pid);
	b = *(struct layout *)shared;
	CHECK_EQ(a.at[STACK], b.at[STACK]);
	CHECK_EQ(a.at[HEAP], b.at[HEAP]);
	CHECK_EQ(a.at[VDSO], b.at[VDSO]);
}

/* Sets it for the case's own processes; others on this machine hardly start now. */
static void settings(void)
{
	int fd = open(SYSCTL, O_WRONLY);
	int old = sysctl_read();
	unsigned none, some;

	if (fd < 0)
		SKIP("may not change " SYSCTL);
	CHECK_ERR(write(fd, "x\n", 2), EINVAL);
	CHECK_EQ(sysctl_read(), old);
	write_full(fd, "0\n", 2);
	none = moving(0);
	OK(lseek(fd, 0, SEEK_SET));
	write_full(fd, "1\n", 2);
	some = moving(0);
	OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(dprintf(fd, "%d\n", old), 2);
	CHECK_EQ(none, 0);
	CHECK_EQ(some, 1u << STACK | 1u << MMAP | 1u << VDSO);
}

static const struct tap_case cases[] = {
	{ "all_move", all_move, 0 },
	{ "personality_stops_it", personality_stops_it, 0 },
	{ "personality_value", personality_value, 0 },
	{ "fork_keeps_all", fork_keeps_all, 0 },
	{ "settings", settings, 0 },
};

static const struct tap_helper helpers[] = {
	{ "layout", helper_layout },
};

TAP_MAIN_HELPERS(cases, helpers)
