/* SPDX-License-Identifier: MIT */
/*
 * tty_jobs.c - controlling terminals and job control, through a pseudo
 * terminal: credentials(7), tcsetpgrp(3), the signals of the keyboard, hang-up,
 * window size, /dev/tty.
 */
#define _GNU_SOURCE
#include "lib/pty.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NONE ((struct pty_flags){ 0, 0, 0, 0 })
#define LFLAG(x) ((struct pty_flags){ .lflag = (x) })

static struct pty p;

/* A child in a process group of its own. */
static pid_t job(void (*fn)(void *), void *arg)
{
	pid_t pid = xfork();

	if (pid == 0) {
		setpgid(0, 0);
		fn(arg);
		_exit(0);
	}
	setpgid(pid, pid);
	return pid;
}

/* Makes group the foreground group, from wherever the caller is. */
static void foreground(pid_t group)
{
	block(SIGTTOU);
	OK(tcsetpgrp(p.slave, group));
	unblock(SIGTTOU);
}

/* ---- getting one ---- */

static void in_acquire(void)
{
	int fd;

	CHECK_ERR(tcgetpgrp(p.slave), ENOTTY);
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_EQ(setsid(), getpid());
	CHECK_ERR(tcgetpgrp(p.slave), ENOTTY);
	OK(ioctl(p.slave, TIOCSCTTY, 0));
	CHECK_EQ(tcgetpgrp(p.slave), getpid());
	CHECK_EQ(tcgetsid(p.slave), getpid());
	OK(fd = open("/dev/tty", O_RDWR));
	write_full(fd, "hello", 5);
	pty_shows(&p, "hello");
	CHECK_EQ(tcgetpgrp(fd), getpid());
	/* Once more does no harm. */
	OK(ioctl(p.slave, TIOCSCTTY, 0));
}

static void run_apart(void (*fn)(void))
{
	pid_t pid = xfork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	wait_ok(pid);
}

static void acquire_by_ioctl(void)
{
	pty_open(&p);
	/* The host's tests may run on a terminal: leave that one. */
	pid_t pid = xfork();
	if (pid == 0) {
		OK(setsid());
		run_apart(in_acquire);
		_exit(0);
	}
	wait_ok(pid);
}

static void in_open(void)
{
	int fd;

	OK(setsid());
	fd = OK(open(p.name, O_RDWR | O_NOCTTY));
	CHECK_ERR(tcgetpgrp(fd), ENOTTY);
	/* The first terminal that a leader opens becomes its own. */
	fd = OK(open(p.name, O_RDWR));
	CHECK_EQ(tcgetpgrp(fd), getpid());
}

static void acquire_by_open(void)
{
	pty_open(&p);
	run_apart(in_open);
}

static void in_errors(void)
{
	struct pty q;

	/* Not a leader. */
	CHECK_ERR(ioctl(p.slave, TIOCSCTTY, 0), EPERM);
	OK(setsid());
	OK(ioctl(p.slave, TIOCSCTTY, 0));
	/* It has one already. */
	pty_open(&q);
	CHECK_ERR(ioctl(q.slave, TIOCSCTTY, 0), EPERM);
	/* Ours is not for another session. */
	pid_t other = xfork();
	if (other == 0) {
		OK(setsid());
		CHECK_ERR(ioctl(p.slave, TIOCSCTTY, 0), EPERM);
		/* Nor is it made ours by opening it. */
		int fd = OK(open(p.name, O_RDWR));
		CHECK_ERR(tcgetpgrp(fd), ENOTTY);
		_exit(0);
	}
	wait_ok(other);
}

static void acquire_errors(void)
{
	pty_open(&p);
	run_apart(in_errors);
}

static volatile sig_atomic_t caught[65];

static void on_signal(int sig)
{
	caught[sig]++;
}

static void in_give_up(struct pty *q)
{
	pid_t member = xfork();

	if (member == 0) {
		/* Not a leader: only this process lets go of it. */
		OK(ioctl(q->slave, TIOCNOTTY));
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	wait_ok(member);
	OK(close(OK(open("/dev/tty", O_RDWR))));
	handle(SIGHUP, on_signal, 0);
	handle(SIGCONT, on_signal, 0);
	/* The leader does, and the foreground group hears of it. */
	OK(ioctl(q->slave, TIOCNOTTY));
	UNTIL(caught[SIGHUP] == 1 && caught[SIGCONT] == 1);
	CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_ERR(tcgetpgrp(q->slave), ENOTTY);
	OK(ioctl(q->slave, TIOCSCTTY, 0));
}

static void give_up(void)
{
	pty_open(&p);
	pty_session(&p, in_give_up);
}

/* ---- the foreground group ---- */

static void in_change(struct pty *q)
{
	pid_t a = job(pause_for_ever, NULL);

	CHECK_EQ(tcgetpgrp(q->slave), getpid());
	OK(tcsetpgrp(q->slave, a));
	CHECK_EQ(tcgetpgrp(q->slave), a);
	foreground(getpid());
	CHECK_EQ(tcgetpgrp(q->slave), getpid());
	CHECK_ERR(tcsetpgrp(q->slave, 0x3fffffff), ESRCH);
	CHECK_ERR(tcsetpgrp(q->slave, -1), EINVAL);
	/* A group of another session. */
	struct gate g;
	gate_init(&g);
	pid_t other = xfork();
	if (other == 0) {
		OK(setsid());
		gate_open(&g);
		pause_for_ever(NULL);
	}
	gate_wait(&g);
	CHECK_ERR(tcsetpgrp(q->slave, other), EPERM);
	kill_and_reap(other);
	CHECK_EQ(tcgetpgrp(q->slave), getpid());
	kill_and_reap(a);
}

static void change_foreground(void)
{
	pty_open(&p);
	pty_session(&p, in_change);
}

static void set_foreground_from_background(void *arg)
{
	(void)arg;
	OK(tcsetpgrp(p.slave, getpgrp()));
	CHECK_EQ(tcgetpgrp(p.slave), getpgrp());
	_exit(4);
}

static void in_background_change(struct pty *q)
{
	int status;
	pid_t a = job(set_foreground_from_background, NULL);

	(void)q;
	/* SIGTTOU stops it; continued, it tries and is stopped again. */
	CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
	CHECK_EQ(status, 0x7f | SIGTTOU << 8);
	OK(kill(a, SIGCONT));
	CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
	CHECK_EQ(status, 0x7f | SIGTTOU << 8);
	foreground(a);
	OK(kill(a, SIGCONT));
	CHECK_EQ(wait_exit(a), 4);
	foreground(getpid());
}

static void change_from_background(void)
{
	pty_open(&p);
	pty_session(&p, in_background_change);
}

/* ---- the keyboard's signals ---- */

static void in_keys(struct pty *q)
{
	static const struct { const char *key; int sig; } keys[] = {
		{ "\003", SIGINT }, { "\034", SIGQUIT },
	};
	pid_t back = job(pause_for_ever, NULL);

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		signal(keys[i].sig, SIG_DFL);
		pid_t a = job(pause_for_ever, NULL);
		pid_t b = xfork();
		if (b == 0) {
			setpgid(0, a);
			pause_for_ever(NULL);
		}
		OK(setpgid(b, a));
		signal(keys[i].sig, SIG_IGN);
		foreground(a);
		pty_type(q, keys[i].key);
		CHECK_EQ(wait_signal(a), keys[i].sig);
		CHECK_EQ(wait_signal(b), keys[i].sig);
		CHECK_EQ(waitpid(back, NULL, WNOHANG), 0);
		foreground(getpid());
	}
	kill_and_reap(back);
}

static void interrupt_and_quit(void)
{
	pty_open(&p);
	pty_session(&p, in_keys);
}

static void in_suspend(struct pty *q)
{
	int status;
	pid_t a = job(pause_for_ever, NULL);

	foreground(a);
	pty_type(q, "\032");
	CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
	CHECK_EQ(status, 0x7f | SIGTSTP << 8);
	OK(kill(-a, SIGCONT));
	CHECK_EQ(waitpid(a, &status, WCONTINUED), a);
	pty_type(q, "\032");
	CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
	kill_and_reap(a);
	foreground(getpid());
}

static void suspend(void)
{
	pty_open(&p);
	pty_session(&p, in_suspend);
}

static void in_flush(struct pty *q)
{
	handle(SIGINT, on_signal, 0);
	pty_change(q, LFLAG(ECHO), NONE);
	/* The key throws away what was typed before it ... */
	pty_type(q, "lost\nlost");
	pty_type(q, "\003");
	UNTIL(caught[SIGINT] == 1);
	pty_type(q, "kept\n");
	pty_reads(q, "kept\n");
	/* ... unless told not to. */
	pty_change(q, NONE, LFLAG(NOFLSH));
	pty_type(q, "ke\003pt\n");
	UNTIL(caught[SIGINT] == 2);
	pty_reads(q, "kept\n");
	/* Without ISIG it is a character. */
	pty_change(q, LFLAG(ISIG), NONE);
	pty_type(q, "a\003b\n");
	pty_reads(q, "a\003b\n");
	CHECK_EQ(caught[SIGINT], 2);
}

static void signal_keys_flush(void)
{
	pty_open(&p);
	pty_session(&p, in_flush);
}

static void in_echo(struct pty *q)
{
	handle(SIGINT, on_signal, 0);
	pty_type(q, "abc");
	pty_shows(q, "abc");
	pty_type(q, "\003");
	pty_shows(q, "^C");
	UNTIL(caught[SIGINT] == 1);
}

static void interrupt_is_echoed(void)
{
	pty_open(&p);
	pty_session(&p, in_echo);
}

static void in_read_eintr(struct pty *q)
{
	char c;
	pid_t self = getpid();

	handle(SIGINT, on_signal, 0);
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGINT, SIG_IGN);
		wait_asleep(self);
		pty_type(q, "\003");
		_exit(0);
	}
	CHECK_ERR(read(q->slave, &c, 1), EINTR);
	wait_ok(pid);
}

static void interrupt_ends_a_read(void)
{
	pty_open(&p);
	pty_session(&p, in_read_eintr);
}

/* ---- the background ---- */

static void read_one(void *arg)
{
	char c;

	(void)arg;
	CHECK_EQ(read(p.slave, &c, 1), 1);
	_exit(c);
}

static void in_background_read(struct pty *q)
{
	int status;
	pid_t a = job(read_one, NULL);

	CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
	CHECK_EQ(status, 0x7f | SIGTTIN << 8);
	foreground(a);
	OK(kill(a, SIGCONT));
	pty_type(q, "!\n");
	CHECK_EQ(wait_exit(a), '!');
	foreground(getpid());
}

static void background_read(void)
{
	pty_open(&p);
	pty_session(&p, in_background_read);
}

static void read_with_ttin_ignored(void *arg)
{
	char c;

	(void)arg;
	signal(SIGTTIN, SIG_IGN);
	CHECK_ERR(read(p.slave, &c, 1), EIO);
	signal(SIGTTIN, SIG_DFL);
	block(SIGTTIN);
	CHECK_ERR(read(p.slave, &c, 1), EIO);
}

static void in_ignored(struct pty *q)
{
	(void)q;
	wait_ok(job(read_with_ttin_ignored, NULL));
}

static void background_read_without_the_signal(void)
{
	pty_open(&p);
	pty_session(&p, in_ignored);
}

static void write_and_set(void *arg)
{
	struct termios t;

	(void)arg;
	write_full(p.slave, "w", 1);
	OK(tcgetattr(p.slave, &t));
	OK(tcsetattr(p.slave, TCSANOW, &t));
	_exit(3);
}

static void write_and_set_blocked(void *arg)
{
	block(SIGTTOU);
	write_and_set(arg);
}

static void in_background_write(struct pty *q)
{
	int status;

	/* Writing is free without TOSTOP, setting attributes never. */
	pid_t a = job(write_and_set, NULL);
	CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
	CHECK_EQ(status, 0x7f | SIGTTOU << 8);
	pty_shows(q, "w");
	kill_and_reap(a);
	/* With it, writing stops as well. */
	pty_change(q, NONE, LFLAG(TOSTOP));
	a = job(write_and_set, NULL);
	CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
	CHECK_EQ(status, 0x7f | SIGTTOU << 8);
	pty_shows(q, "");
	kill_and_reap(a);
	/* Blocked or ignored, the signal is not sent and all goes through. */
	CHECK_EQ(wait_exit(job(write_and_set_blocked, NULL)), 3);
	pty_shows(q, "w");
}

static void background_write(void)
{
	pty_open(&p);
	pty_session(&p, in_background_write);
}

static void orphan_reads(void *arg)
{
	pid_t old = getppid();
	char c;

	gate_open(arg);
	UNTIL(getppid() != old);
	/* Nobody could continue it: EIO in place of a stop. */
	CHECK_ERR(read(p.slave, &c, 1), EIO);
	_exit(7);
}

static void orphan_in_background(void)
{
	struct gate g;
	int status;

	gate_init(&g);
	pty_open(&p);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	/*
	 * Leader, job, orphan.  The leader lives on outside of the orphan's
	 * group, but is not its parent.
	 */
	pid_t leader = xfork();
	if (leader == 0) {
		OK(setsid());
		OK(ioctl(p.slave, TIOCSCTTY, 0));
		pid_t middle = xfork();
		if (middle == 0) {
			job(orphan_reads, &g);
			gate_wait(&g);
			_exit(0);
		}
		wait_ok(middle);
		pause_for_ever(NULL);
	}
	pid_t orphan;
	do {
		orphan = waitpid(-1, &status, 0);
	} while (orphan == leader);
	CHECK(orphan > 0);
	CHECK_EQ(status, 7 << 8);
	kill_and_reap(leader);
}

/* ---- hang-up ---- */

static void master_close_hangs_up(void)
{
	struct gate g;

	gate_init(&g);
	pty_open(&p);
	pid_t leader = xfork();
	if (leader == 0) {
		OK(close(p.master));
		OK(setsid());
		OK(ioctl(p.slave, TIOCSCTTY, 0));
		gate_open(&g);
		pause_for_ever(NULL);
	}
	gate_wait(&g);
	OK(close(p.master));
	CHECK_EQ(wait_signal(leader), SIGHUP);
}

/* The foreground group gets SIGHUP. */
static void leader_exit_hangs_up(void)
{
	struct gate g, go;
	int status;

	gate_init(&g);
	gate_init(&go);
	pty_open(&p);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t leader = xfork();
	if (leader == 0) {
		OK(setsid());
		OK(ioctl(p.slave, TIOCSCTTY, 0));
		pid_t a = job(pause_for_ever, NULL);
		foreground(a);
		write_full(g.fd[1], &a, sizeof(a));
		gate_wait(&go);
		_exit(0);
	}
	pid_t a;
	read_full(g.fd[0], &a, sizeof(a));
	gate_open(&go);
	wait_ok(leader);
	CHECK_EQ(waitpid(a, &status, 0), a);
	CHECK_EQ(status, SIGHUP);
	/* The terminal is free for the next session. */
	pid_t next = xfork();
	if (next == 0) {
		OK(setsid());
		/* A pseudo terminal's descriptors stay good, on Linux. */
		CHECK_ERR(tcgetpgrp(p.slave), ENOTTY);
		OK(ioctl(p.slave, TIOCSCTTY, 0));
		CHECK_EQ(tcgetpgrp(p.slave), getpid());
		_exit(0);
	}
	wait_ok(next);
}

/* ---- window size ---- */

static void in_window(struct pty *q)
{
	struct winsize w = { 24, 80, 0, 0 }, got;

	handle(SIGWINCH, on_signal, 0);
	OK(ioctl(q->master, TIOCSWINSZ, &w));
	UNTIL(caught[SIGWINCH] == 1);
	OK(ioctl(q->slave, TIOCGWINSZ, &got));
	CHECK(got.ws_row == 24 && got.ws_col == 80);
	/* The same again is no change. */
	OK(ioctl(q->master, TIOCSWINSZ, &w));
	for (int i = 0; i < 10; i++)
		brief_pause();
	CHECK_EQ(caught[SIGWINCH], 1);
	w.ws_col = 132;
	OK(ioctl(q->slave, TIOCSWINSZ, &w));
	UNTIL(caught[SIGWINCH] == 2);
	OK(ioctl(q->master, TIOCGWINSZ, &got));
	CHECK_EQ(got.ws_col, 132);
	/* Only for the foreground. */
	pid_t a = job(pause_for_ever, NULL);
	foreground(a);
	w.ws_row = 50;
	OK(ioctl(q->master, TIOCSWINSZ, &w));
	for (int i = 0; i < 10; i++)
		brief_pause();
	CHECK_EQ(caught[SIGWINCH], 2);
	foreground(getpid());
	kill_and_reap(a);
}

static void window_size(void)
{
	struct winsize got;

	pty_open(&p);
	OK(ioctl(p.slave, TIOCGWINSZ, &got));
	CHECK(got.ws_row == 0 && got.ws_col == 0);
	pty_session(&p, in_window);
}

static void in_shell(struct pty *q)
{
	/* What a shell does for each of its jobs, ten times. */
	for (int i = 0; i < 10; i++) {
		int status;
		pid_t a = job(read_one, NULL);
		foreground(a);
		kill(-a, SIGCONT);
		pty_type(q, "x\n");
		do {
			CHECK_EQ(waitpid(a, &status, WUNTRACED), a);
			if (WIFSTOPPED(status))
				OK(kill(-a, SIGCONT));
		} while (WIFSTOPPED(status));
		CHECK_EQ(status, 'x' << 8);
		foreground(getpid());
		OK(tcflush(q->slave, TCIFLUSH));
	}
}

static void jobs_one_after_the_other(void)
{
	pty_open(&p);
	pty_session(&p, in_shell);
}

static const struct tap_case cases[] = {
	{ "acquire_by_ioctl", acquire_by_ioctl, 0 },
	{ "acquire_by_open", acquire_by_open, 0 },
	{ "acquire_errors", acquire_errors, 0 },
	{ "give_up", give_up, 0 },
	{ "change_foreground", change_foreground, 0 },
	{ "change_from_background", change_from_background, 0 },
	{ "interrupt_and_quit", interrupt_and_quit, 0 },
	{ "suspend", suspend, 0 },
	{ "signal_keys_flush", signal_keys_flush, 0 },
	{ "interrupt_is_echoed", interrupt_is_echoed, 0 },
	{ "interrupt_ends_a_read", interrupt_ends_a_read, 0 },
	{ "background_read", background_read, 0 },
	{ "background_read_without_the_signal",
	  background_read_without_the_signal, 0 },
	{ "background_write", background_write, 0 },
	{ "orphan_in_background", orphan_in_background, 0 },
	{ "master_close_hangs_up", master_close_hangs_up, 0 },
	{ "leader_exit_hangs_up", leader_exit_hangs_up, 0 },
	{ "window_size", window_size, 0 },
	{ "jobs_one_after_the_other", jobs_one_after_the_other, 0 },
};

TAP_MAIN(cases)
