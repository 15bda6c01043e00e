/* SPDX-License-Identifier: MIT */
/*
 * wait.c - how a process ends, and what its parent learns of it: wait4(2),
 * waitid(2), statuses, options, zombies, orphans.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t exiting_child(int code)
{
	pid_t pid = xfork();

	if (pid == 0)
		_exit(code);
	return pid;
}

static pid_t pausing_child(void)
{
	return spawn(pause_for_ever, NULL);
}

static void exit_codes(void)
{
	for (int code = 0; code < 256; code += 15) {
		int status = -1;
		pid_t pid = exiting_child(code);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, code << 8);
	}
	CHECK_EQ(wait_exit(exiting_child(256 + 3)), 3);
	CHECK_EQ(wait_exit(exiting_child(-1)), 255);
}

static void status_may_be_null(void)
{
	pid_t pid = exiting_child(9);

	CHECK_EQ(wait4(pid, NULL, 0, NULL), pid);
	pid = exiting_child(9);
	CHECK_EQ(waitid(P_PID, pid, NULL, WEXITED), 0);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static void status_of_signal(void)
{
	static const int sigs[] = { SIGHUP, SIGTERM, SIGKILL, SIGUSR1, 40 };

	for (size_t i = 0; i < TAP_COUNT(sigs); i++) {
		int status = -1;
		pid_t pid = pausing_child();
		OK(kill(pid, sigs[i]));
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, sigs[i]);
	}
}

static void no_child(void)
{
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(-1, NULL, WNOHANG), ECHILD);
	CHECK_ERR(waitpid(0, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(getppid(), NULL, 0), ECHILD);
	CHECK_ERR(waitpid(getpid(), NULL, 0), ECHILD);
	CHECK_ERR(waitpid(-getpid(), NULL, 0), ECHILD);
	CHECK_ERR(waitpid(INT_MIN, NULL, 0), ESRCH);
	CHECK_ERR(waitid(P_ALL, 0, NULL, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_PID, getpid(), NULL, WEXITED), ECHILD);
	CHECK_ERR(waitid(P_PGID, getpid(), NULL, WEXITED), ECHILD);
	pid_t pid = exiting_child(0);
	CHECK_ERR(waitpid(pid + 1000000, NULL, 0), ECHILD);
	wait_ok(pid);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

static void invalid_arguments(void)
{
	siginfo_t si;
	pid_t pid = exiting_child(0);

	CHECK_ERR(waitpid(pid, NULL, 0x100), EINVAL);
	CHECK_ERR(waitpid(pid, NULL, WEXITED), EINVAL);
	CHECK_ERR(waitpid(pid, NULL, WNOWAIT), EINVAL);
	CHECK_ERR(waitid(P_PID, pid, &si, 0), EINVAL);
	CHECK_ERR(waitid(P_PID, pid, &si, WNOHANG), EINVAL);
	CHECK_ERR(waitid(P_PID, pid, &si, WEXITED | 0x100), EINVAL);
	CHECK_ERR(waitid(77, pid, &si, WEXITED), EINVAL);
	CHECK_ERR(waitid(P_PID, 0, &si, WEXITED), EINVAL);
	CHECK_ERR(waitid(P_PID, -1, &si, WEXITED), EINVAL);
	wait_ok(pid);
}

static void wnohang(void)
{
	pid_t pid = pausing_child();
	int status = 77;
	siginfo_t si;

	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(status, 77);
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	memset(&si, 0xff, sizeof(si));
	CHECK_EQ(waitid(P_PID, pid, &si, WEXITED | WNOHANG), 0);
	CHECK_EQ(si.si_pid, 0);
	CHECK_EQ(si.si_signo, 0);
	OK(kill(pid, SIGKILL));
	UNTIL(waitpid(pid, &status, WNOHANG) == pid);
	CHECK_EQ(status, SIGKILL);
}

static void exit_after_gate(void *arg)
{
	gate_wait(arg);
	_exit(21);
}

static void blocks_until_the_end(void)
{
	struct gate g;

	gate_init(&g);
	pid_t child = spawn(exit_after_gate, &g);
	pid_t waker = xfork();
	if (waker == 0) {
		wait_asleep(getppid());
		gate_open(&g);
		_exit(0);
	}
	CHECK_EQ(wait_exit(child), 21);
	wait_ok(waker);
}

static void stop_and_continue(void)
{
	pid_t pid = pausing_child();
	int status;

	OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(status, 0x7f | SIGSTOP << 8);
	CHECK(WIFSTOPPED(status));
	UNTIL(proc_state(pid) == 'T');
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	OK(kill(pid, SIGCONT));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_EQ(status, 0xffff);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WNOHANG), 0);
	wait_asleep(pid);
	kill_and_reap(pid);
}

static void stop_needs_wuntraced(void)
{
	pid_t pid = pausing_child();
	int status;

	OK(kill(pid, SIGTSTP));
	UNTIL(proc_state(pid) == 'T');
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | WCONTINUED), 0);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | WUNTRACED), pid);
	CHECK_EQ(WSTOPSIG(status), SIGTSTP);
	kill_and_reap(pid);
}

static void continued_after_unreported_stop(void)
{
	pid_t pid = pausing_child();
	int status;

	OK(kill(pid, SIGSTOP));
	UNTIL(proc_state(pid) == 'T');
	OK(kill(pid, SIGCONT));
	UNTIL(proc_state(pid) != 'T');
	CHECK_EQ(waitpid(pid, &status, WNOHANG | WUNTRACED), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	kill_and_reap(pid);
}

static void waitid_fields(void)
{
	siginfo_t si;
	pid_t pid = exiting_child(0x1234);

	memset(&si, 0xff, sizeof(si));
	OK(waitid(P_PID, pid, &si, WEXITED));
	CHECK_EQ(si.si_signo, SIGCHLD);
	CHECK_EQ(si.si_errno, 0);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_uid, getuid());
	CHECK_EQ(si.si_status, 0x34);

	pid = pausing_child();
	OK(kill(pid, SIGSTOP));
	OK(waitid(P_PID, pid, &si, WSTOPPED));
	CHECK_EQ(si.si_code, CLD_STOPPED);
	CHECK_EQ(si.si_status, SIGSTOP);
	OK(kill(pid, SIGCONT));
	OK(waitid(P_PID, pid, &si, WCONTINUED));
	CHECK_EQ(si.si_code, CLD_CONTINUED);
	CHECK_EQ(si.si_status, SIGCONT);
	OK(kill(pid, SIGTERM));
	OK(waitid(P_ALL, 0, &si, WEXITED));
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_code, CLD_KILLED);
	CHECK_EQ(si.si_status, SIGTERM);
}

static void waitid_selects_events(void)
{
	pid_t pid = pausing_child();
	siginfo_t si;

	OK(kill(pid, SIGSTOP));
	UNTIL(proc_state(pid) == 'T');
	OK(waitid(P_PID, pid, &si, WEXITED | WCONTINUED | WNOHANG));
	CHECK_EQ(si.si_pid, 0);
	OK(kill(pid, SIGKILL));
	UNTIL(proc_state(pid) == 'Z');
	CHECK_ERR(waitid(P_PID, pid, &si, WSTOPPED | WNOHANG), ECHILD);
	OK(waitid(P_PID, pid, &si, WEXITED));
	CHECK_EQ(si.si_code, CLD_KILLED);
}

static void wnowait_leaves_it(void)
{
	pid_t pid = exiting_child(5);
	siginfo_t si;

	for (int i = 0; i < 3; i++) {
		OK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT));
		CHECK_EQ(si.si_pid, pid);
		CHECK_EQ(si.si_status, 5);
	}
	CHECK_EQ(proc_state(pid), 'Z');
	CHECK_EQ(wait_exit(pid), 5);
	pid = pausing_child();
	OK(kill(pid, SIGSTOP));
	OK(waitid(P_PID, pid, &si, WSTOPPED | WNOWAIT));
	OK(waitid(P_PID, pid, &si, WSTOPPED | WNOHANG));
	CHECK_EQ(si.si_pid, pid);
	kill_and_reap(pid);
}

/* A child in a process group of its own. */
static pid_t grouped_child(int code)
{
	pid_t pid = xfork();

	if (pid == 0) {
		OK(setpgid(0, 0));
		_exit(code);
	}
	setpgid(pid, pid);
	return pid;
}

static void by_group(void)
{
	pid_t mine = exiting_child(1);
	pid_t a = grouped_child(2), b = grouped_child(3);
	int status;
	siginfo_t si;

	CHECK_EQ(waitpid(-b, &status, 0), b);
	CHECK_EQ(status, 3 << 8);
	CHECK_ERR(waitpid(-b, &status, 0), ECHILD);
	OK(waitid(P_PGID, a, &si, WEXITED));
	CHECK_EQ(si.si_pid, a);
	CHECK_EQ(waitpid(0, &status, 0), mine);
	CHECK_ERR(waitpid(0, &status, 0), ECHILD);
	mine = exiting_child(4);
	OK(waitid(P_PGID, 0, &si, WEXITED));
	CHECK_EQ(si.si_pid, mine);
}

static void any_of_many(void)
{
	bool seen[40] = { false };

	for (int i = 0; i < 40; i++)
		exiting_child(i);
	for (int i = 0; i < 40; i++) {
		int status;
		CHECK(waitpid(-1, &status, 0) > 0);
		CHECK(WIFEXITED(status) && !seen[WEXITSTATUS(status)]);
		seen[WEXITSTATUS(status)] = true;
	}
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static void zombie(void)
{
	pid_t pid = exiting_child(0);

	UNTIL(proc_state(pid) == 'Z');
	CHECK_EQ(kill(pid, 0), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(getpgid(pid), getpgrp());
	wait_ok(pid);
	CHECK_ERR(kill(pid, 0), ESRCH);
	CHECK_ERR(getpgid(pid), ESRCH);
	CHECK_EQ(proc_state(pid), '?');
}

static void report_new_parent(int fd)
{
	pid_t old = getppid(), now;

	write_full(fd, &old, sizeof(old));
	UNTIL((now = getppid()) != old);
	write_full(fd, &now, sizeof(now));
	_exit(33);
}

/* Forks a child that forks an orphan; what the orphan says of its parents. */
static void make_orphan(pid_t parents[2])
{
	int fd[2], go[2];

	OK(pipe(fd));
	OK(pipe(go));
	pid_t middle = xfork();
	if (middle == 0) {
		char c;
		if (xfork() == 0)
			report_new_parent(fd[1]);
		read_full(go[0], &c, 1);
		_exit(0);
	}
	read_full(fd[0], &parents[0], sizeof(pid_t));
	CHECK_EQ(parents[0], middle);
	write_full(go[1], "", 1);
	wait_ok(middle);
	read_full(fd[0], &parents[1], sizeof(pid_t));
}

static void orphan_goes_to_subreaper(void)
{
	pid_t parents[2];
	int on = 0, status;

	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	OK(prctl(PR_GET_CHILD_SUBREAPER, &on));
	CHECK_EQ(on, 1);
	make_orphan(parents);
	CHECK_EQ(parents[1], getpid());
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(status, 33 << 8);
}

static void orphan_goes_past_us(void)
{
	pid_t parents[2];

	make_orphan(parents);
	CHECK(parents[1] != getpid());
	CHECK(parents[1] == 1 || parents[1] == getppid());
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static void zombie_of_dead_parent(void)
{
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t middle = xfork();
	if (middle == 0) {
		pid_t z = exiting_child(44);
		UNTIL(proc_state(z) == 'Z');
		_exit(0);
	}
	wait_ok(middle);
	int status;
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(status, 44 << 8);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

static void sigchld_ignored(void)
{
	struct gate g;

	gate_init(&g);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 5; i++)
		spawn(exit_after_gate, &g);
	pid_t waker = xfork();
	if (waker == 0) {
		wait_asleep(getppid());
		for (int i = 0; i < 5; i++)
			gate_open(&g);
		_exit(0);
	}
	/* Blocks until the last one has gone, and reports none of them. */
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	CHECK_ERR(kill(waker, 0), ESRCH);
}

static void *exit_group_thread(void *arg)
{
	(void)arg;
	_exit(66);
}

static void exit_group_from_thread(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		pthread_t t;
		pthread_create(&t, NULL, exit_group_thread, NULL);
		for (;;)
			pause();
	}
	CHECK_EQ(wait_exit(pid), 66);
}

static void *fork_in_thread(void *arg)
{
	*(pid_t *)arg = exiting_child(12);
	return NULL;
}

static void child_of_a_thread(void)
{
	pthread_t t;
	pid_t pid = 0;

	CHECK_EQ(pthread_create(&t, NULL, fork_in_thread, &pid), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(wait_exit(pid), 12);
}

static void *wnothread_forker(void *arg)
{
	struct gate *g = arg;
	pid_t pid = exiting_child(13);
	int status;

	gate_open(&g[0]);
	gate_wait(&g[1]);
	CHECK_EQ(syscall(SYS_wait4, pid, &status, __WNOTHREAD, NULL), pid);
	CHECK_EQ(status, 13 << 8);
	return NULL;
}

static void wnothread(void)
{
	struct gate g[2];
	pthread_t t;

	gate_init(&g[0]);
	gate_init(&g[1]);
	CHECK_EQ(pthread_create(&t, NULL, wnothread_forker, g), 0);
	gate_wait(&g[0]);
	CHECK_ERR(syscall(SYS_wait4, -1, NULL, __WNOTHREAD, NULL), ECHILD);
	gate_open(&g[1]);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void clone_child_needs_wclone(void)
{
	pid_t pid = OK(syscall(SYS_clone, 0, 0, 0, 0, 0));
	int status;

	if (pid == 0)
		_exit(4);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	CHECK_EQ(waitpid(-1, &status, __WCLONE), pid);
	CHECK_EQ(status, 4 << 8);
	pid = OK(syscall(SYS_clone, 0, 0, 0, 0, 0));
	if (pid == 0)
		_exit(5);
	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	pid = exiting_child(6);
	CHECK_ERR(waitpid(-1, NULL, __WCLONE), ECHILD);
	CHECK_EQ(wait_exit(pid), 6);
}

static long cpu_usec(const struct rusage *ru)
{
	return (ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * 1000000L +
		ru->ru_utime.tv_usec + ru->ru_stime.tv_usec;
}

static void burn_cpu(void *arg)
{
	struct rusage ru;

	(void)arg;
	do {
		OK(getrusage(RUSAGE_SELF, &ru));
	} while (cpu_usec(&ru) < 60000);
}

static void usage_of_children(void)
{
	struct rusage before, child, after;
	struct tms tms;

	OK(getrusage(RUSAGE_CHILDREN, &before));
	CHECK_EQ(cpu_usec(&before), 0);
	pid_t pid = spawn(burn_cpu, NULL);
	OK(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT));
	OK(getrusage(RUSAGE_CHILDREN, &after));
	CHECK_EQ(cpu_usec(&after), 0);
	CHECK_EQ(wait4(pid, NULL, 0, &child), pid);
	CHECK(cpu_usec(&child) >= 60000);
	OK(getrusage(RUSAGE_CHILDREN, &after));
	CHECK(cpu_usec(&after) >= 60000);
	OK(times(&tms));
	CHECK(tms.tms_cutime + tms.tms_cstime >= 5);
	CHECK_ERR(getrusage(77, &after), EINVAL);
}

static void usage_of_grandchildren(void)
{
	struct rusage ru;
	pid_t pid = xfork();

	if (pid == 0) {
		wait_ok(spawn(burn_cpu, NULL));
		_exit(0);
	}
	wait_ok(pid);
	OK(getrusage(RUSAGE_CHILDREN, &ru));
	CHECK(cpu_usec(&ru) >= 60000);
}

static const struct tap_case cases[] = {
	{ "exit_codes", exit_codes, 0 },
	{ "status_may_be_null", status_may_be_null, 0 },
	{ "status_of_signal", status_of_signal, 0 },
	{ "no_child", no_child, 0 },
	{ "invalid_arguments", invalid_arguments, 0 },
	{ "wnohang", wnohang, 0 },
	{ "blocks_until_the_end", blocks_until_the_end, 0 },
	{ "stop_and_continue", stop_and_continue, 0 },
	{ "stop_needs_wuntraced", stop_needs_wuntraced, 0 },
	{ "continued_after_unreported_stop",
	  continued_after_unreported_stop, 0 },
	{ "waitid_fields", waitid_fields, 0 },
	{ "waitid_selects_events", waitid_selects_events, 0 },
	{ "wnowait_leaves_it", wnowait_leaves_it, 0 },
	{ "by_group", by_group, 0 },
	{ "any_of_many", any_of_many, 0 },
	{ "zombie", zombie, 0 },
	{ "orphan_goes_to_subreaper", orphan_goes_to_subreaper, 0 },
	{ "orphan_goes_past_us", orphan_goes_past_us, 0 },
	{ "zombie_of_dead_parent", zombie_of_dead_parent, 0 },
	{ "sigchld_ignored", sigchld_ignored, 0 },
	{ "exit_group_from_thread", exit_group_from_thread, 0 },
	{ "child_of_a_thread", child_of_a_thread, 0 },
	{ "wnothread", wnothread, 0 },
	{ "clone_child_needs_wclone", clone_child_needs_wclone, 0 },
	{ "usage_of_children", usage_of_children, 0 },
	{ "usage_of_grandchildren", usage_of_grandchildren, 0 },
};

TAP_MAIN(cases)
