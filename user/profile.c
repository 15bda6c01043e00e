/* SPDX-License-Identifier: MIT */
/*
 * profile.c - samples the whole system while a program runs.
 *
 *	profile [-r HZ] PROGRAM [ARG...]
 *
 * The samples go to stdout, as /proc/profile has them: a line a stack, outermost
 * function first, and how often it was met. What the program writes to its stdout
 * goes to stderr. The status is the program's. On the host, `make profile`
 * runs this and names the user functions, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT	"/proc/profile"

static void die(const char *what)
{
	perror(what);
	exit(125);
}

static void set_rate(const char *hz)
{
	int fd = open(REPORT, O_WRONLY);

	if (fd >= 0 && write(fd, hz, strlen(hz)) >= 0) {
		close(fd);
		return;
	}
	if (fd < 0 || errno != EINVAL)
		die("profile: " REPORT);
	fprintf(stderr, "profile: %s samples a second are not possible\n", hz);
	exit(125);
}

static void copy_report(void)
{
	char buf[65536];
	int fd = open(REPORT, O_RDONLY);
	ssize_t n, done, at;

	if (fd < 0)
		die("profile: " REPORT);
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (at = 0; at < n; at += done) {
			done = write(1, buf + at, (size_t)(n - at));
			if (done < 0)
				die("profile: stdout");
		}
	}
	close(fd);
}

static int run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		dup2(2, 1);
		execvp(argv[0], argv);
		fprintf(stderr, "profile: %s: %s\n", argv[0], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("profile: fork");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
	       WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	const char *hz = "4999";
	int status, c;

	while ((c = getopt(argc, argv, "+r:")) != -1) {
		if (c != 'r')
			return 2;
		hz = optarg;
	}
	if (!argv[optind]) {
		fprintf(stderr, "usage: profile [-r HZ] PROGRAM [ARG...]\n");
		return 2;
	}
	set_rate(hz);
	status = run(argv + optind);
	set_rate("0");
	copy_report();
	set_rate("0");		/* a second time: forget the samples */
	return status;
}
