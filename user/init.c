/* SPDX-License-Identifier: MIT */
/*
 * init.c - process 1.
 *
 * It is the only program that the kernel starts by itself, it becomes the
 * parent of every orphan and reaps it, and the machine ends when it says so.
 *
 * Usually it keeps a shell running on the console. halt, poweroff and reboot
 * (BusyBox's) send it SIGUSR1, SIGUSR2 and SIGTERM; it then ends all
 * processes and asks the kernel.
 *
 * When /run/guest/argv exists, scripts/guest has booted the machine to run
 * one program. init then is its runner: the program's standard descriptors
 * are three pipes, and init relays between them and the serial ports.
 *
 *	ttyS1, from the host	frames {u16 length, bytes}; length 0: end.
 *				None where /run/guest/stdin is the input
 *	ttyS1, to the host	the program's standard output, as it is
 *	ttyS2			its standard error
 *	ttyS3			"ready" when the ports are raw, before which the
 *				host sends nothing; at the end, "exit N" or
 *				"signal N"
 *
 * The relay is one loop around poll(). Nothing in it blocks: each end of a
 * stream that cannot take or give more now is polled, and only that. The
 * program has ended when it has ended, not when its pipes are closed, since a
 * process that it left behind may hold them for ever. What it had written is
 * then in the pipes, and is drained from there.
 */
#define _GNU_SOURCE		/* F_DUPFD_CLOEXEC, environ */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define GUEST		"/run/guest/"
#define CHUNK		16384
#define PIPE_SIZE	65536	/* what a pipe holds, if it does not say */
#define GRACE_MS	500	/* between SIGTERM and SIGKILL */

/* From the program to a serial port. */
struct output {
	int from;		/* the pipe, or -1 behind its end */
	int to;
	char buf[CHUNK];
	size_t at, len;		/* what is in buf and not yet written */
};

/* From a serial port to the program. */
struct input {
	int from;
	int to;			/* the pipe, or -1 when it is closed */
	unsigned char buf[CHUNK];
	size_t at, len;
	size_t left;		/* of the current frame */
};

struct runner {
	struct input in;
	struct output out, err;
	int result;		/* ttyS3 */
	pid_t pid;
	bool ended;
	int status;		/* as waitpid gave it */
};

static int wakeup[2];			/* written by signal handlers */
static volatile sig_atomic_t shutdown_signal;

static char *const default_env[] = {
	"PATH=/bin:/sbin:/usr/bin:/usr/sbin",
	"HOME=/root",
	"USER=root",
	"LOGNAME=root",
	"SHELL=/bin/sh",
	"TERM=vt100",
	NULL,
};

static void say(int fd, const char *text)
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

/* perror() on a given descriptor: "init: what: reason". */
static void complain(int fd, const char *what)
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

static void default_signals(void)
{
	size_t i;

	for (i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		signal(caught[i], SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
}

static void empty_wakeup(void)
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

/* Does not return on a real machine; it may where init is not process 1. */
static void machine_off(int how)
{
	sync();
	reboot(how);
	complain(STDERR_FILENO, "reboot");
}

static int shutdown_action(int sig)
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

/* The whole file with a NUL behind it, or NULL. */
static char *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t room = 4096;
	char *s = malloc(room);
	ssize_t n = -1;

	*size = 0;
	while (fd >= 0 && s &&
	       (n = read(fd, s + *size, room - *size - 1)) > 0) {
		*size += (size_t)n;
		if (*size + 1 == room) {
			room *= 2;
			s = realloc(s, room);
		}
	}
	if (fd >= 0)
		close(fd);
	if (n < 0 || !s) {
		free(s);
		return NULL;
	}
	s[*size] = '\0';
	return s;
}

/* A file of strings, each ended by a NUL; NULL if there is no file. */
static char **read_strings(const char *path)
{
	size_t size, at, n = 0;
	char *s = read_file(path, &size), **v;

	if (!s)
		return NULL;
	v = calloc(size + 1, sizeof(*v));
	for (at = 0; v && at < size; at += strlen(s + at) + 1)
		v[n++] = s + at;
	return v;
}

/* A serial port that hands over bytes as they are and never blocks. */
static int open_port(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios t;

	if (fd < 0) {
		complain(STDERR_FILENO, path);
		return -1;
	}
	if (tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		t.c_cc[VMIN] = 1;
		t.c_cc[VTIME] = 0;
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

/* In the child: the pipes become 0, 1, 2, then exec. */
static _Noreturn void become_program(char **argv, int fds[3])
{
	char **env = read_strings(GUEST "env");
	size_t size;
	char *cwd = read_file(GUEST "cwd", &size);
	int i, error;

	for (i = 0; i < 3; i++)
		dup2(fds[i], i);
	default_signals();
	setsid();
	environ = env && env[0] ? env : (char **)default_env;
	if (cwd)
		cwd[strcspn(cwd, "\n")] = '\0';
	if (cwd && *cwd && chdir(cwd) < 0) {
		complain(STDERR_FILENO, cwd);
		_exit(126);
	}
	execvp(argv[0], argv);
	error = errno;
	complain(STDERR_FILENO, argv[0]);
	_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

/*
 * Pipes above the standard descriptors, so that dup2() onto those can never
 * hit one of them.
 */
static bool high_pipe(int p[2])
{
	int q[2], i;

	if (pipe(q) < 0)
		return false;
	for (i = 0; i < 2; i++) {
		p[i] = fcntl(q[i], F_DUPFD_CLOEXEC, 10);
		close(q[i]);
	}
	return p[0] >= 0 && p[1] >= 0;
}

/* The program's input: a file that is there already, or what the port brings. */
static bool high_input(int p[2])
{
	int fd = open(GUEST "stdin", O_RDONLY);

	if (fd < 0)
		return high_pipe(p);
	p[0] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	p[1] = -1;
	close(fd);
	return p[0] >= 0;
}

static bool start_program(struct runner *r, char **argv)
{
	int in[2], out[2], err[2];

	if (!high_input(in) || !high_pipe(out) || !high_pipe(err)) {
		complain(STDERR_FILENO, "pipe");
		return false;
	}
	r->pid = fork();
	if (r->pid == 0)
		become_program(argv, (int[]){ in[0], out[1], err[1] });
	if (r->pid < 0)
		complain(STDERR_FILENO, "fork");
	close(in[0]);
	close(out[1]);
	close(err[1]);
	/* These ends are ours alone: the program's never turn non-blocking. */
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	r->in.to = in[1];
	r->out.from = out[0];
	r->err.from = err[0];
	return r->pid > 0;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* Move what can be moved now. A port that is gone takes everything. */
static void output_step(struct output *o)
{
	ssize_t n;

	if (o->at == o->len && o->from >= 0) {
		n = read(o->from, o->buf, sizeof(o->buf));
		if (n == 0 || (n < 0 && !would_block())) {
			close(o->from);
			o->from = -1;
		}
		o->at = 0;
		o->len = n > 0 ? (size_t)n : 0;
	}
	if (o->at < o->len) {
		n = write(o->to, o->buf + o->at, o->len - o->at);
		if (n < 0 && !would_block())
			o->at = o->len;
		else if (n > 0)
			o->at += (size_t)n;
	}
}

/* Nobody reads the program's input, or there is no more of it. */
static void input_close(struct input *in)
{
	if (in->to >= 0)
		close(in->to);
	in->to = -1;
}

/* The next frame's head, if all of it is here. */
static bool input_head(struct input *in)
{
	if (in->len - in->at < 2)
		return false;
	in->left = in->buf[in->at] | (size_t)in->buf[in->at + 1] << 8;
	in->at += 2;
	if (in->left == 0)
		input_close(in);
	return true;
}

/* Returns false when the pipe is full. */
static bool input_body(struct input *in)
{
	size_t n = in->len - in->at;
	ssize_t done;

	if (n > in->left)
		n = in->left;
	done = (ssize_t)n;
	if (in->to >= 0) {
		done = write(in->to, in->buf + in->at, n);
		if (done < 0 && would_block())
			return false;
		if (done < 0) {
			input_close(in);
			done = (ssize_t)n;
		}
	}
	in->at += (size_t)done;
	in->left -= (size_t)done;
	return true;
}

/* Is there something that only the pipe keeps from moving? */
static bool input_waits(const struct input *in)
{
	return in->left > 0 && in->at < in->len;
}

static void input_step(struct input *in)
{
	ssize_t n;

	if (!input_waits(in)) {
		memmove(in->buf, in->buf + in->at, in->len - in->at);
		in->len -= in->at;
		in->at = 0;
		n = read(in->from, in->buf + in->len,
			 sizeof(in->buf) - in->len);
		if (n > 0)
			in->len += (size_t)n;
		else if (n == 0 || !would_block())
			in->from = -1;
	}
	while (in->at < in->len) {
		if (in->left > 0 ? !input_body(in) : !input_head(in))
			break;
	}
}

static void reap(struct runner *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != r->pid)
			continue;
		r->ended = true;
		r->status = status;
	}
}

static struct pollfd output_poll(const struct output *o)
{
	if (o->at < o->len)
		return (struct pollfd){ .fd = o->to, .events = POLLOUT };
	return (struct pollfd){ .fd = o->from, .events = POLLIN };
}

/* Relay until the program has ended, or the machine is to go down. */
static void relay(struct runner *r)
{
	while (!r->ended && !shutdown_signal) {
		struct pollfd p[4] = {
			{ .fd = wakeup[0], .events = POLLIN },
			output_poll(&r->out),
			output_poll(&r->err),
			{ .fd = r->in.from, .events = POLLIN },
		};

		if (input_waits(&r->in))
			p[3] = (struct pollfd){ .fd = r->in.to,
						.events = POLLOUT };
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			complain(STDERR_FILENO, "poll");
		if (p[0].revents)
			empty_wakeup();
		if (p[1].revents)
			output_step(&r->out);
		if (p[2].revents)
			output_step(&r->err);
		if (p[3].revents)
			input_step(&r->in);
		reap(r);
	}
}

/* The program is gone: what is in its pipe now is all that it wrote. */
static void drain(struct output *o)
{
	int left = PIPE_SIZE;
	size_t had;

	if (o->from >= 0)
		ioctl(o->from, FIONREAD, &left);
	while (o->at < o->len || (o->from >= 0 && left > 0)) {
		struct pollfd p = { .fd = o->to, .events = POLLOUT };

		had = o->at == o->len ? 0 : o->len;
		output_step(o);
		if (had == 0) {
			if (o->len == 0)
				break;
			left -= (int)o->len;
		}
		if (o->at < o->len)
			poll(&p, 1, -1);
	}
	tcdrain(o->to);
}

static void report(struct runner *r)
{
	char line[32];

	if (WIFSIGNALED(r->status))
		snprintf(line, sizeof(line), "signal %d\n",
			 WTERMSIG(r->status));
	else
		snprintf(line, sizeof(line), "exit %d\n",
			 WEXITSTATUS(r->status));
	say(r->result, line);
	tcdrain(r->result);
}

static void run_guest(char **argv)
{
	static struct runner r;		/* too big for a stack */

	r.in.from = r.out.to = open_port("/dev/ttyS1");
	r.err.to = open_port("/dev/ttyS2");
	r.result = open_port("/dev/ttyS3");
	say(r.result, "ready\n");
	if (!argv[0]) {
		say(r.err.to, "init: " GUEST "argv is empty\n");
		r.status = 127 << 8;
	} else if (start_program(&r, argv)) {
		relay(&r);
	} else {
		r.status = 126 << 8;
	}
	if (!r.ended && r.pid > 0) {		/* "poweroff" in the program */
		kill(r.pid, SIGTERM);
		kill(r.pid, SIGKILL);
		while (waitpid(r.pid, &r.status, 0) < 0 && errno == EINTR)
			;
	}
	drain(&r.out);
	drain(&r.err);
	kill(-1, SIGKILL);
	sync();
	report(&r);
	machine_off(shutdown_signal ? shutdown_action(shutdown_signal)
				    : RB_POWER_OFF);
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
	catch_signals();
	argv = read_strings(GUEST "argv");
	if (argv)
		run_guest(argv);
	else
		keep_console();
	return 1;
}
