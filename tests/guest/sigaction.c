/* SPDX-License-Identifier: MIT */
/*
 * sigaction.c - dispositions, flags and masks: sigaction(2), sigprocmask(2),
 * sigpending(2), sigsuspend(2), sigtimedwait(2).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t count, last;
static volatile sig_atomic_t order[64], norder;

static void on_signal(int sig)
{
	count++;
	last = sig;
	if (norder < 64)
		order[norder++] = sig;
}

static sigset_t set_of(int a, int b)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static bool is_pending(int sig)
{
	sigset_t set;

	OK(sigpending(&set));
	return sigismember(&set, sig);
}

static bool is_blocked(int sig)
{
	sigset_t set;

	OK(sigprocmask(SIG_BLOCK, NULL, &set));
	return sigismember(&set, sig);
}

static void every_signal_has_a_handler(void)
{
	for (int sig = 1; sig <= 64; sig++) {
		/* 32 to 34 belong to the C library. */
		if (sig == SIGKILL || sig == SIGSTOP || (sig >= 32 && sig < 35))
			continue;
		handle(sig, on_signal, 0);
		OK(kill(getpid(), sig));
		CHECK_EQ(last, sig);
	}
}

static void old_action_comes_back(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESTART | SA_NODEFER };
	struct sigaction old;

	sa.sa_mask = set_of(SIGUSR2, SIGTERM);
	OK(sigaction(SIGUSR1, &sa, &old));
	CHECK(old.sa_handler == SIG_DFL);
	OK(sigaction(SIGUSR1, NULL, &old));
	CHECK(old.sa_handler == on_signal);
	CHECK_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO |
				 SA_RESETHAND), SA_RESTART | SA_NODEFER);
	CHECK(sigismember(&old.sa_mask, SIGUSR2) &&
	      sigismember(&old.sa_mask, SIGTERM) &&
	      !sigismember(&old.sa_mask, SIGUSR1));
}

static void invalid_arguments(void)
{
	char sa[64] = { 0 };

	CHECK_ERR(syscall(SYS_rt_sigaction, 0, sa, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 65, sa, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, -1, sa, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGKILL, sa, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGSTOP, sa, NULL, 8), EINVAL);
	OK(syscall(SYS_rt_sigaction, SIGKILL, NULL, sa, 8));
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, sa, NULL, 16), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 0, sa, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 3, sa, NULL, 8), EINVAL);
	OK(syscall(SYS_rt_sigprocmask, 77, NULL, sa, 8));
	CHECK_ERR(syscall(SYS_rt_sigsuspend, sa, 16), EINVAL);
}

static void kill_and_stop_cannot_be_blocked(void)
{
	unsigned long all = -1UL, got = 0;

	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8));
	OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &got, 8));
	CHECK_EQ(got, ~(1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1)));
	pid_t pid = xfork();
	if (pid == 0)
		for (;;)
			pause();
	OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	kill_and_reap(pid);
}

static void blocked_is_delivered_later(void)
{
	handle(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 0);
	CHECK(is_pending(SIGUSR1));
	unblock(SIGUSR1);
	/* Before sigprocmask returned. */
	CHECK_EQ(count, 1);
	CHECK(!is_pending(SIGUSR1));
}

static void standard_signals_merge(void)
{
	handle(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	for (int i = 0; i < 5; i++)
		OK(kill(getpid(), SIGUSR1));
	unblock(SIGUSR1);
	CHECK_EQ(count, 1);
}

static void ignoring_drops_the_pending(void)
{
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	CHECK(is_pending(SIGUSR1));
	signal(SIGUSR1, SIG_IGN);
	CHECK(!is_pending(SIGUSR1));
	/* And so does SIG_DFL where that means to ignore. */
	handle(SIGCHLD, on_signal, 0);
	block(SIGCHLD);
	OK(raise(SIGCHLD));
	CHECK(is_pending(SIGCHLD));
	signal(SIGCHLD, SIG_DFL);
	CHECK(!is_pending(SIGCHLD));
}

static void ignored_but_blocked_stays(void)
{
	/* Linux keeps it, for sigwait or a change of mind. */
	signal(SIGUSR1, SIG_IGN);
	block(SIGUSR1);
	OK(raise(SIGUSR1));
	CHECK(is_pending(SIGUSR1));
	handle(SIGUSR1, on_signal, 0);
	unblock(SIGUSR1);
	CHECK_EQ(count, 1);
}

static void set_mask_variants(void)
{
	sigset_t a = set_of(SIGUSR1, SIGUSR2), b = set_of(SIGUSR2, SIGTERM);
	sigset_t old;

	OK(sigprocmask(SIG_SETMASK, &a, NULL));
	OK(sigprocmask(SIG_BLOCK, &b, &old));
	CHECK(sigismember(&old, SIGUSR1) && !sigismember(&old, SIGTERM));
	CHECK(is_blocked(SIGUSR1) && is_blocked(SIGUSR2) &&
	      is_blocked(SIGTERM));
	OK(sigprocmask(SIG_UNBLOCK, &a, NULL));
	CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2) &&
	      is_blocked(SIGTERM));
}

static volatile int depth, max_depth;

static void nest_once(int sig)
{
	depth++;
	if (depth > max_depth)
		max_depth = depth;
	if (count++ < 3)
		raise(sig);
	depth--;
}

static void own_signal_is_deferred(void)
{
	handle(SIGUSR1, nest_once, 0);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 4);
	CHECK_EQ(max_depth, 1);
}

static void nodefer(void)
{
	handle(SIGUSR1, nest_once, SA_NODEFER);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 4);
	CHECK_EQ(max_depth, 4);
}

static volatile sig_atomic_t mask_seen[3];

static void note_mask(int sig)
{
	mask_seen[0] = is_blocked(sig);
	mask_seen[1] = is_blocked(SIGUSR2);
	mask_seen[2] = is_blocked(SIGTERM);
}

static void mask_during_handler(void)
{
	struct sigaction sa = { .sa_handler = note_mask };

	sa.sa_mask = set_of(SIGUSR2, 0);
	OK(sigaction(SIGUSR1, &sa, NULL));
	block(SIGTERM);
	OK(raise(SIGUSR1));
	CHECK(mask_seen[0] && mask_seen[1] && mask_seen[2]);
	CHECK(!is_blocked(SIGUSR1) && !is_blocked(SIGUSR2) &&
	      is_blocked(SIGTERM));
}

static void change_mask(int sig)
{
	(void)sig;
	block(SIGTERM);
}

static void handler_cannot_change_the_mask(void)
{
	/* Only for its own time: sigreturn puts back what was. */
	handle(SIGUSR1, change_mask, 0);
	OK(raise(SIGUSR1));
	CHECK(!is_blocked(SIGTERM));
}

static void resethand(void)
{
	struct sigaction sa;

	handle(SIGUSR1, on_signal, SA_RESETHAND);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 1);
	OK(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
	pid_t pid = xfork();
	if (pid == 0) {
		raise(SIGUSR1);
		_exit(0);
	}
	CHECK_EQ(wait_signal(pid), SIGUSR1);
}

static void nested_handlers(void)
{
	/* Different signals do nest, the last sent runs first. */
	handle(SIGUSR1, on_signal, 0);
	handle(SIGUSR2, on_signal, 0);
	sigset_t both = set_of(SIGUSR1, SIGUSR2);
	OK(sigprocmask(SIG_BLOCK, &both, NULL));
	OK(kill(getpid(), SIGUSR2));
	OK(kill(getpid(), SIGUSR1));
	OK(sigprocmask(SIG_UNBLOCK, &both, NULL));
	CHECK_EQ(count, 2);
	/* Both frames are set up before either handler runs. */
	CHECK_EQ(order[0] + order[1], SIGUSR1 + SIGUSR2);
}

static sigjmp_buf env;

static void jump_out(int sig)
{
	siglongjmp(env, sig);
}

static void jump_out_of_handler(void)
{
	handle(SIGUSR1, jump_out, 0);
	for (volatile int i = 0; i < 1000; i++) {
		if (sigsetjmp(env, 1) == 0) {
			raise(SIGUSR1);
			FAIL("came back");
		}
		CHECK(!is_blocked(SIGUSR1));
	}
	/* Without the mask it stays blocked. */
	if (sigsetjmp(env, 0) == 0)
		raise(SIGUSR1);
	CHECK(is_blocked(SIGUSR1));
}

static void suspend(void)
{
	sigset_t none, old;

	handle(SIGUSR1, on_signal, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	OK(raise(SIGUSR1));
	sigemptyset(&none);
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(count, 1);
	OK(sigprocmask(SIG_BLOCK, NULL, &old));
	CHECK(sigismember(&old, SIGUSR1) && sigismember(&old, SIGUSR2));
}

static void suspend_sees_only_handled(void)
{
	sigset_t mask = set_of(SIGUSR2, 0);

	handle(SIGUSR1, on_signal, 0);
	handle(SIGUSR2, on_signal, 0);
	block(SIGUSR1);
	pid_t parent = getpid(), pid = xfork();
	if (pid == 0) {
		wait_asleep(parent);
		/* Ignored by default, blocked, then the right one. */
		OK(kill(parent, SIGURG));
		OK(kill(parent, SIGUSR2));
		for (int i = 0; i < 5; i++)
			brief_pause();
		CHECK_EQ(proc_state(parent), 'S');
		OK(kill(parent, SIGUSR1));
		_exit(0);
	}
	CHECK_ERR(sigsuspend(&mask), EINTR);
	/* The blocked one follows when the old mask is back. */
	CHECK_EQ(order[0], SIGUSR1);
	CHECK_EQ(order[1], SIGUSR2);
	wait_ok(pid);
}

static void pause_returns_eintr(void)
{
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t parent = getpid(), pid = xfork();
	if (pid == 0) {
		wait_asleep(parent);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	CHECK_ERR(pause(), EINTR);
	CHECK_EQ(count, 1);
	wait_ok(pid);
}

static void timedwait_takes_the_pending(void)
{
	sigset_t set = set_of(SIGUSR1, SIGRTMIN + 1);
	const struct timespec zero = { 0, 0 };
	siginfo_t si;

	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	handle(SIGUSR1, on_signal, 0);
	CHECK_ERR(sigtimedwait(&set, &si, &zero), EAGAIN);
	OK(raise(SIGUSR1));
	CHECK_EQ(sigtimedwait(&set, &si, &zero), SIGUSR1);
	CHECK_EQ(si.si_signo, SIGUSR1);
	CHECK_EQ(count, 0);
	CHECK(!is_pending(SIGUSR1));
	union sigval v = { .sival_int = 77 };
	OK(sigqueue(getpid(), SIGRTMIN + 1, v));
	CHECK_EQ(sigwaitinfo(&set, &si), SIGRTMIN + 1);
	CHECK_EQ(si.si_value.sival_int, 77);
	CHECK_EQ(si.si_code, SI_QUEUE);
	CHECK_EQ(si.si_pid, getpid());
}

static void timedwait_blocks(void)
{
	sigset_t set = set_of(SIGUSR1, 0);
	struct timespec t = { 0, 30000000 };
	siginfo_t si;

	block(SIGUSR1);
	long long start = msec();
	CHECK_ERR(sigtimedwait(&set, NULL, &t), EAGAIN);
	CHECK(msec() - start >= 29);
	pid_t parent = getpid(), pid = xfork();
	if (pid == 0) {
		wait_asleep(parent);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	CHECK_EQ(sigwaitinfo(&set, &si), SIGUSR1);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_code, SI_USER);
	wait_ok(pid);
	t.tv_nsec = 1000000000;
	CHECK_ERR(sigtimedwait(&set, NULL, &t), EINVAL);
}

static void timedwait_interrupted_by_another(void)
{
	sigset_t set = set_of(SIGUSR2, 0);

	block(SIGUSR2);
	handle(SIGUSR1, on_signal, SA_RESTART);
	pid_t parent = getpid(), pid = xfork();
	if (pid == 0) {
		wait_asleep(parent);
		kill(parent, SIGUSR1);
		_exit(0);
	}
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 8), EINTR);
	CHECK_EQ(count, 1);
	wait_ok(pid);
}

static void nocldwait(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_NOCLDWAIT };

	OK(sigaction(SIGCHLD, &sa, NULL));
	if (xfork() == 0)
		_exit(0);
	int e;
	do {
		errno = 0;
		e = waitpid(-1, NULL, 0) < 0 ? errno : 0;
	} while (e == EINTR);
	CHECK_EQ(e, ECHILD);
	/* The signal itself is sent all the same. */
	UNTIL(count == 1);
}

static void nocldstop(void)
{
	int status;

	handle(SIGCHLD, on_signal, SA_NOCLDSTOP | SA_RESTART);
	pid_t pid = xfork();
	if (pid == 0)
		for (;;)
			pause();
	OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	OK(kill(pid, SIGCONT));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_EQ(count, 0);
	OK(kill(pid, SIGKILL));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(count, 1);
	/* Without the flag each change sends one. */
	handle(SIGCHLD, on_signal, SA_RESTART);
	pid = xfork();
	if (pid == 0)
		for (;;)
			pause();
	OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	UNTIL(count == 2);
	OK(kill(pid, SIGCONT));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	UNTIL(count == 3);
	OK(kill(pid, SIGKILL));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	UNTIL(count == 4);
}

static const struct tap_case cases[] = {
	{ "every_signal_has_a_handler", every_signal_has_a_handler, 0 },
	{ "old_action_comes_back", old_action_comes_back, 0 },
	{ "invalid_arguments", invalid_arguments, 0 },
	{ "kill_and_stop_cannot_be_blocked",
	  kill_and_stop_cannot_be_blocked, 0 },
	{ "blocked_is_delivered_later", blocked_is_delivered_later, 0 },
	{ "standard_signals_merge", standard_signals_merge, 0 },
	{ "ignoring_drops_the_pending", ignoring_drops_the_pending, 0 },
	{ "ignored_but_blocked_stays", ignored_but_blocked_stays, 0 },
	{ "set_mask_variants", set_mask_variants, 0 },
	{ "own_signal_is_deferred", own_signal_is_deferred, 0 },
	{ "nodefer", nodefer, 0 },
	{ "mask_during_handler", mask_during_handler, 0 },
	{ "handler_cannot_change_the_mask", handler_cannot_change_the_mask, 0 },
	{ "resethand", resethand, 0 },
	{ "nested_handlers", nested_handlers, 0 },
	{ "jump_out_of_handler", jump_out_of_handler, 0 },
	{ "suspend", suspend, 0 },
	{ "suspend_sees_only_handled", suspend_sees_only_handled, 0 },
	{ "pause_returns_eintr", pause_returns_eintr, 0 },
	{ "timedwait_takes_the_pending", timedwait_takes_the_pending, 0 },
	{ "timedwait_blocks", timedwait_blocks, 0 },
	{ "timedwait_interrupted_by_another",
	  timedwait_interrupted_by_another, 0 },
	{ "nocldwait", nocldwait, 0 },
	{ "nocldstop", nocldstop, 0 },
};

TAP_MAIN(cases)
