/* SPDX-License-Identifier: MIT */
/*
 * The runner of scripts/guest: the program's standard descriptors are three
 * pipes, and init relays between them and the serial ports.
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
 *
 * With an image as the root (scripts/guest --root), the boot archive holds
 * nothing but this program and what it needs, and only the program lives in
 * the image, which need not know about any of it (root.c).
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
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

#define CHUNK		16384
#define PIPE_SIZE	65536	/* what a pipe holds, if it does not say */

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
char **read_strings(const char *path)
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
static _Noreturn void become_program(char **argv, const char *root, int fds[3])
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
	if (root && (chroot(root) < 0 || chdir("/") < 0)) {
		complain(STDERR_FILENO, root);
		_exit(126);
	}
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
	bool ok;
	const char *root = guest_root(r->err.to, &ok);

	if (!ok)
		return false;
	if (!high_input(in) || !high_pipe(out) || !high_pipe(err)) {
		complain(STDERR_FILENO, "pipe");
		return false;
	}
	r->pid = fork();
	if (r->pid == 0)
		become_program(argv, root, (int[]){ in[0], out[1], err[1] });
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

void run_guest(char **argv)
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
