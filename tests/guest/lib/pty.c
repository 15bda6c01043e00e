/* SPDX-License-Identifier: MIT */
/*
 * pty.c - pseudo terminals for the tty programs, by raw ioctls.
 *
 * On Linux a worker thread carries bytes between the two ends, so that neither
 * what is typed nor what is shown is there at once: all readers here poll for
 * it, and "nothing" means nothing within a tenth of a second.
 */
#define _GNU_SOURCE
#include "pty.h"

#include "util.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NOTHING_MS 100

void pty_open(struct pty *p)
{
	int zero = 0, number;

	p->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (p->master < 0 && errno == ENOENT)
		SKIP("no /dev/ptmx");
	OK(p->master);
	OK(ioctl(p->master, TIOCSPTLCK, &zero));
	OK(ioctl(p->master, TIOCGPTN, &number));
	snprintf(p->name, sizeof(p->name), "/dev/pts/%d", number);
	p->slave = OK(open(p->name, O_RDWR | O_NOCTTY));
}

void pty_change(struct pty *p, struct pty_flags clear, struct pty_flags set)
{
	struct termios t;

	OK(tcgetattr(p->slave, &t));
	t.c_iflag = (t.c_iflag & ~clear.iflag) | set.iflag;
	t.c_oflag = (t.c_oflag & ~clear.oflag) | set.oflag;
	t.c_cflag = (t.c_cflag & ~clear.cflag) | set.cflag;
	t.c_lflag = (t.c_lflag & ~clear.lflag) | set.lflag;
	OK(tcsetattr(p->slave, TCSANOW, &t));
}

void pty_char(struct pty *p, int index, cc_t c)
{
	struct termios t;

	OK(tcgetattr(p->slave, &t));
	t.c_cc[index] = c;
	OK(tcsetattr(p->slave, TCSANOW, &t));
}

void pty_raw(struct pty *p, int vmin, int vtime)
{
	struct termios t;

	OK(tcgetattr(p->slave, &t));
	cfmakeraw(&t);
	t.c_cc[VMIN] = vmin;
	t.c_cc[VTIME] = vtime;
	OK(tcsetattr(p->slave, TCSANOW, &t));
}

void pty_type(struct pty *p, const char *text)
{
	write_full(p->master, text, strlen(text));
}

static bool readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int n;

	/* The cases of job control have handlers that may run here. */
	do {
		n = poll(&pfd, 1, ms);
	} while (n < 0 && errno == EINTR);
	return OK(n) == 1 && (pfd.revents & POLLIN);
}

void pty_shows(struct pty *p, const char *text)
{
	char buf[4096];
	size_t have = 0, want = strlen(text);

	while (have < want && readable(p->master, tap_patience_ms())) {
		ssize_t n = read(p->master, buf + have,
				 sizeof(buf) - 1 - have);
		if (n <= 0)
			break;
		have += n;
	}
	if (have == want && readable(p->master, want ? 0 : NOTHING_MS))
		have += OK(read(p->master, buf + have,
				sizeof(buf) - 1 - have));
	buf[have] = '\0';
	if (have != want || memcmp(buf, text, want))
		FAIL("the terminal shows \"%s\", not \"%s\"", buf, text);
}

void pty_reads(struct pty *p, const char *text)
{
	char buf[8192];
	ssize_t n;

	n = OK(read(p->slave, buf, sizeof(buf) - 1));
	buf[n] = '\0';
	if ((size_t)n != strlen(text) || memcmp(buf, text, n))
		FAIL("read \"%s\", not \"%s\"", buf, text);
}

void pty_reads_nothing(struct pty *p)
{
	if (readable(p->slave, NOTHING_MS))
		FAIL("something to read");
}

void pty_session(struct pty *p, void (*fn)(struct pty *))
{
	pid_t pid = xfork();

	if (pid == 0) {
		OK(setsid());
		OK(ioctl(p->slave, TIOCSCTTY, 0));
		fn(p);
		/* The end of the leader hangs up; that is another case. */
		_exit(0);
	}
	wait_ok(pid);
}
