/* SPDX-License-Identifier: MIT */
/*
 * init - process 1.
 *
 * It is the only program that the kernel starts by itself, it becomes the
 * parent of every orphan and reaps it, and the machine ends when it says so.
 *
 * Usually it keeps a shell running on the console. halt, poweroff and reboot
 * (BusyBox's) send it SIGUSR1, SIGUSR2 and SIGTERM; it then ends all
 * processes, unmounts what can be unmounted (root.c) and asks the kernel.
 *
 * When /run/guest/argv exists, scripts/guest has booted the machine to run
 * one program, and runner.c takes over.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define GRACE_MS	500	/* between SIGTERM and SIGKILL */

int wakeup[2];			/* written by signal handlers */
volatile sig_atomic_t shutdown_signal;

char *const default_env[] = {
	"PATH=/bin:/sbin:/usr/bin:/usr/sbin",
	"HOME=/root",
	"USER=root",
	"LOGNAME=root",
	"SHELL=/bin/sh",
	"TERM=vt100",
	NULL,
};

void say(int fd, const char *text)
{
	size_t n = strlen(text);
	ssize_t done;

	while (n > 0) {
		done = write(fd, text, n);
		if (done < 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

void complain(int fd, const char *what)
{
	char text[300];

	snprintf(text, sizeof(text), "init: %s: %s\n", what, strerror(errno));
	say(fd, text);
}

/* Signals only wake the loops up, which then look what there is to do. */
static void on_signal(int sig)
{
	int error = errno;

	if (sig != SIGCHLD)
		shutdown_signal = sig;
	(void)!write(wakeup[1], "", 1);		/* if full, it wakes anyway */
	errno = error;
}

static const int caught[] = { SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 };

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	size_t i;

	if (pipe(wakeup) < 0) {
		complain(STDERR_FILENO, "pipe");
		wakeup[0] = wakeup[1] = -1;
	}
	for (i = 0; i < 2; i++) {
		fcntl(wakeup[i], F_SETFL, O_NONBLOCK);
		fcntl(wakeup[i], F_SETFD, FD_CLOEXEC);
	}
	for (i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		sigaction(caught[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void default_signals(void)
{
	size_t i;

	for (i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		signal(caught[i], SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
}

void empty_wakeup(void)
{
	char buf[64];

	while (read(wakeup[0], buf, sizeof(buf)) == (ssize_t)sizeof(buf))
		;
}

/* Wait for a signal, at most @ms (-1: for ever). */
static void wait_signal(int ms)
{
	struct pollfd p = { .fd = wakeup[0], .events = POLLIN };

	poll(&p, 1, ms);
	empty_wakeup();
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* End every process but this one, first politely. */
static void end_processes(void)
{
	long end = now_ms() + GRACE_MS;
	pid_t pid;

	kill(-1, SIGTERM);
	kill(-1, SIGHUP);	/* an interactive shell ignores SIGTERM */
	kill(-1, SIGCONT);
	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if ((pid < 0 && errno == ECHILD) || now_ms() >= end)
			break;
		wait_signal((int)(end - now_ms()));
	}
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

void machine_off(int how)
{
	sync();
	unmount_all();
	reboot(how);
	complain(STDERR_FILENO, "reboot");
}

int shutdown_action(int sig)
{
	if (sig == SIGUSR1)
		return RB_HALT_SYSTEM;
	return sig == SIGUSR2 ? RB_POWER_OFF : RB_AUTOBOOT;
}

/* Mount @type on @dir unless @probe shows that somebody has. */
static void mount_once(const char *type, const char *dir, const char *probe)
{
	if (access(probe, F_OK) == 0)
		return;
	if (mount(type, dir, type, 0, NULL) < 0 && errno != EBUSY)
		complain(STDERR_FILENO, dir);
}

/* Standard input, output and error: the console, if there is one. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY), i;

	if (fd < 0)
		return;
	for (i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* The word winsize=ROWSxCOLUMNS of the kernel's command line: what scripts/run knows. */
static void set_window_size(void)
{
	struct winsize size = { 0 };
	char line[1024], *word;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;

	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	word = strstr(line, "winsize=");
	if (word && sscanf(word, "winsize=%hux%hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
}

/* The shell leads a session whose controlling terminal is the console. */
static pid_t start_shell(void)
{
	pid_t pid = fork();

	if (pid < 0)
		complain(STDERR_FILENO, "fork");
	if (pid != 0)
		return pid;
	default_signals();
	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	if (chdir("/root") < 0)
		complain(STDERR_FILENO, "/root");
	execve("/bin/sh", (char *[]){ "-sh", NULL }, default_env);
	complain(STDERR_FILENO, "/bin/sh");
	_exit(127);
}

/*
 * One shell, until it ends or the machine is to go down. A session that ends
 * hangs its terminal up, for us as well: the next one needs it opened anew.
 */
static void keep_shell(void)
{
	long started = now_ms();
	pid_t shell, pid;

	open_console();
	shell = start_shell();
	while (shell > 0 && !shutdown_signal) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
			if (pid == shell)
				shell = 0;
		}
		if (shell > 0)
			wait_signal(-1);
	}
	/* A shell that cannot run must not keep the machine busy. */
	while (!shutdown_signal && now_ms() - started < 500)
		wait_signal((int)(started + 500 - now_ms()));
}

static void keep_console(void)
{
	say(STDOUT_FILENO,
	    "\nThis is Cutaway, a Unix kernel with its side cut open.\n"
	    "Programs are in /bin; \"poweroff\" ends the machine.\n\n");
	while (!shutdown_signal)
		keep_shell();
	end_processes();
	machine_off(shutdown_action(shutdown_signal));
}

int main(void)
{
	char **argv;

	if (getpid() != 1) {	/* kill(-1) would hit somebody else's */
		say(STDERR_FILENO, "init: must be process 1\n");
		return 1;
	}
	mount_once("devtmpfs", "/dev", "/dev/null");
	mount_once("proc", "/proc", "/proc/self");
	open_console();
	set_window_size();
	catch_signals();
	argv = read_strings(GUEST "argv");
	if (argv)
		run_guest(argv);
	else
		keep_console();
	return 1;
}
