/* SPDX-License-Identifier: MIT */
/*
 * pgrp.c - sessions and process groups: setsid(2), setpgid(2), getpgid(2),
 * orphaned groups.  What a terminal adds to this is in tty_jobs.c.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void inherited_by_fork(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		CHECK_EQ(getpgrp(), getpgid(getppid()));
		CHECK_EQ(getsid(0), getsid(getppid()));
		_exit(0);
	}
	CHECK_EQ(getpgid(pid), getpgrp());
	wait_ok(pid);
	CHECK_EQ(getpgid(0), getpgrp());
	CHECK_EQ(getpgrp(), getpid());
}

static void setsid_makes_both(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		/* A group leader cannot do it again. */
		CHECK_ERR(setsid(), EPERM);
		_exit(0);
	}
	wait_ok(pid);
}

static void setsid_of_group_leader(void)
{
	CHECK_EQ(getpgrp(), getpid());
	CHECK_ERR(setsid(), EPERM);
}

/* Also without being in it, a group with one's number is in the way. */
static void setsid_while_group_lives_on(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		OK(setpgid(0, 0));
		pid_t member = spawn(pause_for_ever, NULL);
		OK(setpgid(0, getpgid(getppid())));
		CHECK(getpgrp() != getpid());
		CHECK_EQ(getpgid(member), getpid());
		CHECK_ERR(setsid(), EPERM);
		kill_and_reap(member);
		CHECK_EQ(setsid(), getpid());
		_exit(0);
	}
	wait_ok(pid);
}

static void setpgid_of_child(void)
{
	pid_t a = spawn(pause_for_ever, NULL), b = spawn(pause_for_ever, NULL);

	OK(setpgid(a, 0));
	CHECK_EQ(getpgid(a), a);
	OK(setpgid(a, a));
	OK(setpgid(b, a));
	CHECK_EQ(getpgid(b), a);
	OK(setpgid(b, getpgrp()));
	CHECK_EQ(getpgid(b), getpgrp());
	OK(setpgid(b, b));
	kill_and_reap(a);
	/* The group ended with its last member. */
	CHECK_ERR(setpgid(b, a), EPERM);
	kill_and_reap(b);
}

static void group_outlives_leader(void)
{
	pid_t leader = spawn(pause_for_ever, NULL);
	pid_t a = spawn(pause_for_ever, NULL), b = spawn(pause_for_ever, NULL);

	OK(setpgid(leader, leader));
	OK(setpgid(a, leader));
	kill_and_reap(leader);
	OK(setpgid(b, leader));
	CHECK_EQ(getpgid(b), leader);
	CHECK_ERR(kill(leader, 0), ESRCH);
	OK(kill(-leader, SIGTERM));
	CHECK_EQ(wait_signal(a), SIGTERM);
	CHECK_EQ(wait_signal(b), SIGTERM);
	CHECK_ERR(kill(-leader, SIGTERM), ESRCH);
}

static void setpgid_errors(void)
{
	pid_t child = spawn(pause_for_ever, NULL);

	CHECK_ERR(setpgid(child, -1), EINVAL);
	CHECK_ERR(setpgid(-1, 0), EINVAL);
	CHECK_ERR(setpgid(-1, getpgrp()), ESRCH);
	CHECK_ERR(setpgid(getppid(), 0), ESRCH);
	CHECK_ERR(setpgid(0x3fffffff, 0), ESRCH);
	CHECK_ERR(setpgid(child, 0x3fffffff), EPERM);
	CHECK_ERR(getpgid(0x3fffffff), ESRCH);
	CHECK_ERR(getpgid(-1), ESRCH);
	CHECK_ERR(getsid(0x3fffffff), ESRCH);
	CHECK_ERR(getsid(-1), ESRCH);
	kill_and_reap(child);
}

static void setpgid_across_sessions(void)
{
	struct gate ready;

	gate_init(&ready);
	pid_t leader = xfork();
	if (leader == 0) {
		setsid();
		/* Not even to the number that it has. */
		CHECK_ERR(setpgid(0, 0), EPERM);
		CHECK_ERR(setpgid(0, getpid()), EPERM);
		/* Nor to a group of the old session. */
		CHECK_ERR(setpgid(0, getpgid(getppid())), EPERM);
		gate_open(&ready);
		pause_for_ever(NULL);
	}
	gate_wait(&ready);
	/* Our child, but in another session. */
	CHECK_ERR(setpgid(leader, getpgrp()), EPERM);
	CHECK_ERR(setpgid(leader, leader), EPERM);
	CHECK_ERR(setpgid(0, leader), EPERM);
	CHECK_EQ(getsid(leader), leader);
	kill_and_reap(leader);
}

static int helper_pause(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	write_full(3, "x", 1);
	pause();
	return 0;
}

static void setpgid_after_exec(void)
{
	int fd[2];
	char c;

	OK(pipe(fd));
	pid_t pid = xfork();
	if (pid == 0) {
		OK(dup2(fd[1], 3));
		execl(tap_self, tap_self, "--call", "pause", (char *)NULL);
		_exit(127);
	}
	read_full(fd[0], &c, 1);
	CHECK_ERR(setpgid(pid, pid), EACCES);
	CHECK_ERR(setpgid(pid, 0), EACCES);
	CHECK_EQ(getpgid(pid), getpgrp());
	kill_and_reap(pid);
}

static void setpgid_of_grandchild(void)
{
	pid_t *grandchild = shared_alloc(PAGE);
	struct gate ready;

	gate_init(&ready);
	pid_t child = xfork();
	if (child == 0) {
		*grandchild = spawn(pause_for_ever, NULL);
		gate_open(&ready);
		wait_signal(*grandchild);
		_exit(0);
	}
	gate_wait(&ready);
	CHECK_ERR(setpgid(*grandchild, 0), ESRCH);
	OK(kill(*grandchild, SIGKILL));
	wait_ok(child);
}

static void kill_reaches_the_group(void)
{
	pid_t leader = spawn(pause_for_ever, NULL), members[4];
	pid_t other = spawn(pause_for_ever, NULL);

	OK(setpgid(leader, leader));
	for (int i = 0; i < 4; i++) {
		members[i] = spawn(pause_for_ever, NULL);
		OK(setpgid(members[i], leader));
	}
	OK(kill(-leader, SIGUSR1));
	CHECK_EQ(wait_signal(leader), SIGUSR1);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(wait_signal(members[i]), SIGUSR1);
	CHECK_EQ(waitpid(other, NULL, WNOHANG), 0);
	kill_and_reap(other);
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

static void kill_zero_reaches_own_group(void)
{
	pid_t member = spawn(pause_for_ever, NULL);
	pid_t outsider = spawn(pause_for_ever, NULL);

	OK(setpgid(outsider, outsider));
	handle(SIGUSR2, on_signal, 0);
	OK(kill(0, SIGUSR2));
	CHECK_EQ(caught, SIGUSR2);
	CHECK_EQ(wait_signal(member), SIGUSR2);
	CHECK_EQ(waitpid(outsider, NULL, WNOHANG), 0);
	kill_and_reap(outsider);
}

/*
 * A session leader with a child in a group of its own.  The child stops itself
 * (or not) and the leader exits, which orphans the child's group.
 */
static void orphan_group(void (*child_fn)(void), bool stops)
{
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t leader = xfork();
	if (leader == 0) {
		OK(setsid());
		pid_t child = xfork();
		if (child == 0) {
			OK(setpgid(0, 0));
			child_fn();
			_exit(0);
		}
		setpgid(child, child);
		if (stops)
			CHECK_EQ(waitpid(child, NULL, WUNTRACED), child);
		_exit(0);
	}
	wait_ok(leader);
}

static void stop_myself(void)
{
	OK(raise(SIGSTOP));
	FAIL("continued without SIGHUP");
}

static void stopped_orphans_are_hung_up(void)
{
	int status;

	orphan_group(stop_myself, true);
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(status, SIGHUP);
}

static void stop_and_catch_hup(void)
{
	handle(SIGHUP, on_signal, 0);
	OK(raise(SIGSTOP));
	CHECK_EQ(caught, SIGHUP);
}

static void stopped_orphans_are_continued(void)
{
	int status;

	orphan_group(stop_and_catch_hup, true);
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(status, 0);
}

static void try_to_stop(void)
{
	/* The leader has the session's number until it is gone. */
	UNTIL(getppid() != getsid(0));
	/* Nobody is left who could continue it. */
	OK(raise(SIGTSTP));
	OK(raise(SIGTTIN));
	OK(raise(SIGTTOU));
}

static void orphans_do_not_stop(void)
{
	int status;

	orphan_group(try_to_stop, false);
	CHECK(waitpid(-1, &status, WUNTRACED) > 0);
	CHECK_EQ(status, 0);
}

static void running_orphans_are_left_alone(void)
{
	pid_t *child = shared_alloc(PAGE);
	struct gate up;

	gate_init(&up);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t leader = xfork();
	if (leader == 0) {
		OK(setsid());
		pid_t pid = xfork();
		if (pid == 0) {
			OK(setpgid(0, 0));
			gate_open(&up);
			pause_for_ever(NULL);
		}
		*child = pid;
		gate_wait(&up);
		_exit(0);
	}
	wait_ok(leader);
	wait_asleep(*child);
	CHECK_EQ(waitpid(*child, NULL, WNOHANG), 0);
	kill_and_reap(*child);
}

static void do_nothing(void *arg)
{
	(void)arg;
}

static void leave_a_child(void *arg)
{
	pid_t *left = arg;

	*left = spawn(pause_for_ever, NULL);
	OK(kill(*left, SIGSTOP));
	CHECK_EQ(waitpid(*left, NULL, WUNTRACED), *left);
}

/* A new session's only group is an orphan from the beginning: it does not become one. */
static void who_ends_in_an_orphaned_group(void *arg)
{
	pid_t stopped;
	int status;

	OK(setsid());
	handle(SIGHUP, on_signal, 0);
	stopped = spawn(pause_for_ever, NULL);
	OK(kill(stopped, SIGSTOP));
	CHECK_EQ(waitpid(stopped, &status, WUNTRACED), stopped);
	CHECK(WIFSTOPPED(status));
	wait_ok(spawn(do_nothing, NULL));
	/* One that leaves a child, stopped in this group, to another parent. */
	wait_ok(spawn(leave_a_child, arg));
	CHECK_EQ(caught, 0);
	CHECK_EQ(waitpid(stopped, NULL, WCONTINUED | WNOHANG), 0);
	kill_and_reap(stopped);
}

static void orphans_are_hung_up_once(void)
{
	pid_t *left = shared_alloc(PAGE);

	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	wait_ok(spawn(who_ends_in_an_orphaned_group, left));
	kill_and_reap(*left);
}

static const struct tap_case cases[] = {
	{ "inherited_by_fork", inherited_by_fork, 0 },
	{ "setsid_makes_both", setsid_makes_both, 0 },
	{ "setsid_of_group_leader", setsid_of_group_leader, 0 },
	{ "setsid_while_group_lives_on", setsid_while_group_lives_on, 0 },
	{ "setpgid_of_child", setpgid_of_child, 0 },
	{ "group_outlives_leader", group_outlives_leader, 0 },
	{ "setpgid_errors", setpgid_errors, 0 },
	{ "setpgid_across_sessions", setpgid_across_sessions, 0 },
	{ "setpgid_after_exec", setpgid_after_exec, 0 },
	{ "setpgid_of_grandchild", setpgid_of_grandchild, 0 },
	{ "kill_reaches_the_group", kill_reaches_the_group, 0 },
	{ "kill_zero_reaches_own_group", kill_zero_reaches_own_group, 0 },
	{ "stopped_orphans_are_hung_up", stopped_orphans_are_hung_up, 0 },
	{ "stopped_orphans_are_continued", stopped_orphans_are_continued, 0 },
	{ "orphans_do_not_stop", orphans_do_not_stop, 0 },
	{ "running_orphans_are_left_alone", running_orphans_are_left_alone, 0 },
	{ "orphans_are_hung_up_once", orphans_are_hung_up_once, 0 },
};

static const struct tap_helper helpers[] = {
	{ "pause", helper_pause },
};

TAP_MAIN_HELPERS(cases, helpers)
