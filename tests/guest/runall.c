/* SPDX-License-Identifier: MIT */
/*
 * runall.c - runs the other test programs beside this one, or those named.
 *
 * Each program's KTAP is printed two spaces to the right, followed by one
 * result line for the program.  The last line is "# total N passed, N failed",
 * counted in cases; a program that ends badly without a failed case of its own
 * counts as one failure.  Exit status 1 if anything failed.
 *
 * Usage: runall [PROGRAM...], by name or by path.
 *
 * A program that is silent for SILENCE seconds is killed: each of its cases
 * has a time limit, so it is the harness itself that hangs.
 */
#define _GNU_SOURCE
#include "lib/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROGRAMS 128
#define SILENCE 300

/*
 * The programs below count the pages in use, so there is no malloc here, and
 * what is written while they run is touched before.
 */
static char buf[4096], line[1200];
static char names[MAX_PROGRAMS][64];
static int nnames;
static char dir[512];

static int passed, failed, skipped;
static volatile pid_t running;

static void on_alarm(int sig)
{
	(void)sig;
	kill(running, SIGKILL);
}

static void line_done(const char *line)
{
	if (!strncmp(line, "ok ", 3)) {
		if (strstr(line, " # SKIP"))
			skipped++;
		else
			passed++;
	} else if (!strncmp(line, "not ok ", 7)) {
		failed++;
	}
	dprintf(1, "  %s\n", line);
}

/* Copies the program's output line by line until its end. */
static void relay(int fd)
{
	size_t len = 0;
	ssize_t n;

	for (;;) {
		alarm(SILENCE);
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != '\n' && len < sizeof(line) - 1) {
				line[len++] = buf[i];
				continue;
			}
			line[len] = '\0';
			line_done(line);
			len = 0;
		}
	}
	alarm(0);
	if (len > 0) {
		line[len] = '\0';
		line_done(line);
	}
}

static int start(const char *path, int fd[2])
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setpgid(0, 0);
	dup2(fd[1], 1);
	close(fd[0]);
	close(fd[1]);
	execl(path, path, (char *)NULL);
	dprintf(1, "# cannot execute %s: errno %d\n", path, errno);
	_exit(127);
}

static void run_program(int number, const char *name)
{
	char path[600];
	int fd[2], status = 1 << 8;
	int failed_before = failed;

	if (strchr(name, '/'))
		snprintf(path, sizeof(path), "%.599s", name);
	else
		snprintf(path, sizeof(path), "%.500s/%.63s", dir, name);
	if (pipe(fd) || (running = start(path, fd)) < 0) {
		dprintf(1, "not ok %d %s # ERROR\n", number, name);
		failed++;
		return;
	}
	close(fd[1]);
	relay(fd[0]);
	close(fd[0]);
	while (waitpid(running, &status, 0) < 0 && errno == EINTR)
		;
	tap_reap_all();
	if (WIFSIGNALED(status))
		dprintf(1, "# %s: killed by signal %d\n", name,
			WTERMSIG(status));
	else if (WEXITSTATUS(status) > 1)
		dprintf(1, "# %s: exit status %d\n", name, WEXITSTATUS(status));
	if (status != 0 && failed == failed_before)
		failed++;
	dprintf(1, "%s %d %s\n", failed == failed_before ? "ok" : "not ok",
		number, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void list_programs(void)
{
	const char *self = strrchr(tap_self, '/') + 1;
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL && nnames < MAX_PROGRAMS) {
		char path[900];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (!strcmp(e->d_name, self) || stat(path, &st) ||
		    !S_ISREG(st.st_mode) || !(st.st_mode & 0111) ||
		    strlen(e->d_name) >= sizeof(names[0]))
			continue;
		strcpy(names[nnames++], e->d_name);
	}
	if (d)
		closedir(d);
	qsort(names, nnames, sizeof(names[0]), by_name);
}

static void find_dir(const char *argv0)
{
	char *slash;

	if (readlink("/proc/self/exe", tap_self, 500) <= 0)
		snprintf(tap_self, 500, "%s", strchr(argv0, '/') ? argv0 :
			 "/tests/runall");
	snprintf(dir, sizeof(dir), "%s", tap_self);
	slash = strrchr(dir, '/');
	*slash = '\0';
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	find_dir(argv[0]);
	if (argc == 1)
		list_programs();
	sigaction(SIGALRM, &sa, NULL);
	memset(buf, 'x', sizeof(buf));
	memset(line, 'x', sizeof(line));
	tap_touch_stack();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* We read what a program says while it counts pages: touch none of ours anew by then. */
	mlockall(MCL_CURRENT);
	int n = argc > 1 ? argc - 1 : nnames;
	dprintf(1, "KTAP version 1\n1..%d\n", n);
	for (int i = 0; i < n; i++)
		run_program(i + 1, argc > 1 ? argv[i + 1] : names[i]);
	if (skipped)
		dprintf(1, "# skipped %d\n", skipped);
	dprintf(1, "# total %d passed, %d failed\n", passed, failed);
	return failed ? 1 : 0;
}
