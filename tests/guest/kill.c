/* SPDX-License-Identifier: MIT */
/*
 * kill.c - sending signals: kill(2), tgkill(2), sigqueue(3), who may, what the
 * receiver is told, and what a signal does that nobody handles.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static siginfo_t info;

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	info = *si;
	count++;
}

/* ---- default actions ---- */

static const int terminating[] = {
	SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
	SIGSTKFLT, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, 35, 40, 64,
};

static const int dumping[] = {
	SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU,
	SIGXFSZ, SIGSYS,
};

static int status_after(int sig)
{
	int status;
	pid_t pid = xfork();

	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		kill(getpid(), sig);
		pause_for_ever(NULL);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void default_is_to_end(void)
{
	for (size_t i = 0; i < TAP_COUNT(terminating); i++)
		CHECK_EQ(status_after(terminating[i]), terminating[i]);
}

/* No core is written here, and so the status does not claim one. */
static void default_is_to_dump(void)
{
	for (size_t i = 0; i < TAP_COUNT(dumping); i++)
		CHECK_EQ(status_after(dumping[i]), dumping[i]);
}

static void default_is_to_ignore(void)
{
	static const int sigs[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };

	for (size_t i = 0; i < TAP_COUNT(sigs); i++) {
		OK(raise(sigs[i]));
		OK(kill(getpid(), sigs[i]));
	}
	OK(kill(getpid(), 0));
}

static void default_is_to_stop(void)
{
	static const int sigs[] = { SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU };

	for (size_t i = 0; i < TAP_COUNT(sigs); i++) {
		int status;
		pid_t pid = spawn(pause_for_ever, NULL);
		OK(kill(pid, sigs[i]));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK_EQ(status, 0x7f | sigs[i] << 8);
		OK(kill(pid, SIGCONT));
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
		kill_and_reap(pid);
	}
}

/* ---- stop and continue ---- */

static pid_t stopped_child(void)
{
	pid_t pid = spawn(pause_for_ever, NULL);

	OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	return pid;
}

static void stopped_process_keeps_signals(void)
{
	pid_t pid = stopped_child();

	OK(kill(pid, SIGTERM));
	for (int i = 0; i < 10; i++)
		brief_pause();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(proc_state(pid), 'T');
	OK(kill(pid, SIGCONT));
	CHECK_EQ(wait_signal(pid), SIGTERM);
}

static void kill_reaches_a_stopped_process(void)
{
	pid_t pid = stopped_child();

	kill_and_reap(pid);
}

static void continue_cancels_pending_stops(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		sigset_t set;
		block(SIGTSTP);
		block(SIGCONT);
		OK(raise(SIGTSTP));
		OK(sigpending(&set));
		CHECK(sigismember(&set, SIGTSTP));
		OK(raise(SIGCONT));
		OK(sigpending(&set));
		CHECK(!sigismember(&set, SIGTSTP));
		/* And the other way round. */
		OK(raise(SIGTSTP));
		OK(sigpending(&set));
		CHECK(sigismember(&set, SIGTSTP));
		CHECK(!sigismember(&set, SIGCONT));
		OK(raise(SIGCONT));
		_exit(0);
	}
	wait_ok(pid);
}

static void handle_cont_in_child(void *arg)
{
	handle_info(SIGCONT, on_info, 0);
	gate_open(arg);
	while (count == 0)
		pause();
	_exit(5);
}

static void continue_can_be_handled(void)
{
	struct gate g;

	gate_init(&g);
	pid_t pid = spawn(handle_cont_in_child, &g);
	gate_wait(&g);
	OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	OK(kill(pid, SIGCONT));
	CHECK_EQ(wait_exit(pid), 5);
}

/* Ignored or blocked, SIGCONT continues. */
static void ignore_cont_in_child(void *arg)
{
	signal(SIGCONT, SIG_IGN);
	block(SIGCONT);
	gate_open(arg);
	OK(kill(getpid(), SIGSTOP));
	_exit(6);
}

static void continue_cannot_be_refused(void)
{
	struct gate g;

	gate_init(&g);
	pid_t pid = spawn(ignore_cont_in_child, &g);
	gate_wait(&g);
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	OK(kill(pid, SIGCONT));
	CHECK_EQ(wait_exit(pid), 6);
}

/* ---- who may ---- */

static void errors(void)
{
	CHECK_ERR(kill(0x3fffffff, SIGTERM), ESRCH);
	CHECK_ERR(kill(-0x3fffffff, SIGTERM), ESRCH);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, 0, gettid(), 0), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, getppid(), gettid(), 0), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), 0x3fffffff, 0), ESRCH);
	CHECK_ERR(syscall(SYS_tkill, 0, 0), EINVAL);
	OK(syscall(SYS_tkill, gettid(), 0));
	OK(syscall(SYS_tgkill, getpid(), gettid(), 0));
}

static void permission(void)
{
	need_root();
	pid_t roots = spawn(pause_for_ever, NULL);
	pid_t user = xfork();
	if (user == 0) {
		become(NOBODY_UID, NOBODY_GID);
		CHECK_ERR(kill(roots, SIGTERM), EPERM);
		CHECK_ERR(kill(roots, 0), EPERM);
		CHECK_ERR(kill(1, 0), EPERM);
		CHECK_ERR(syscall(SYS_tgkill, roots, roots, SIGTERM), EPERM);
		/* Within a session SIGCONT is for everyone ... */
		OK(kill(roots, SIGCONT));
		/* ... and outside of it for nobody. */
		OK(setsid());
		CHECK_ERR(kill(roots, SIGCONT), EPERM);
		_exit(0);
	}
	wait_ok(user);
	kill_and_reap(roots);
}

/* The sender's real or effective id, the receiver's real or saved one. */
static void permission_by_ids(void)
{
	need_root();
	static const struct { uid_t r, e, s; bool may; } t[] = {
		{ NOBODY_UID, 5, 6, true },
		{ 5, 6, NOBODY_UID, true },
		{ 5, NOBODY_UID, 6, false },
		{ 5, 6, 7, false },
	};
	for (size_t i = 0; i < TAP_COUNT(t); i++) {
		struct gate g;
		gate_init(&g);
		pid_t target = xfork();
		if (target == 0) {
			OK(setresuid(t[i].r, t[i].e, t[i].s));
			gate_open(&g);
			pause_for_ever(NULL);
		}
		gate_wait(&g);
		pid_t sender = xfork();
		if (sender == 0) {
			OK(setresuid(8, NOBODY_UID, 8));
			if (t[i].may)
				OK(kill(target, 0));
			else
				CHECK_ERR(kill(target, 0), EPERM);
			_exit(0);
		}
		wait_ok(sender);
		kill_and_reap(target);
		gate_close(&g);
	}
}

/* kill(-1) reaches all that one may kill, but not oneself. */
static void everybody(void)
{
	enum { N = 5 };

	need_root();
	pid_t user = xfork();
	if (user == 0) {
		pid_t pids[N];
		OK(setpgid(0, 0));
		become(NOBODY_UID + 7, NOBODY_GID);
		for (int i = 0; i < N; i++)
			pids[i] = spawn(pause_for_ever, NULL);
		OK(setpgid(pids[0], pids[0]));
		OK(kill(-1, SIGTERM));
		for (int i = 0; i < N; i++)
			CHECK_EQ(wait_signal(pids[i]), SIGTERM);
		_exit(0);
	}
	wait_ok(user);
}

/* ---- what the receiver is told ---- */

static void info_of_kill(void)
{
	handle_info(SIGUSR1, on_info, 0);
	OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(info.si_signo, SIGUSR1);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(info.si_errno, 0);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(info.si_uid, getuid());
	OK(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
	CHECK_EQ(info.si_code, SI_TKILL);
	CHECK_EQ(info.si_pid, getpid());
}

static void info_of_queue(void)
{
	union sigval v = { .sival_ptr = (void *)0x123456789abcdef };

	handle_info(SIGUSR1, on_info, 0);
	OK(sigqueue(getpid(), SIGUSR1, v));
	CHECK_EQ(info.si_code, SI_QUEUE);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(info.si_uid, getuid());
	CHECK(info.si_value.sival_ptr == v.sival_ptr);
	CHECK_ERR(sigqueue(0x3fffffff, SIGUSR1, v), ESRCH);
	CHECK_ERR(sigqueue(getpid(), 65, v), EINVAL);
}

static void queue_cannot_be_forged(void)
{
	siginfo_t si = { .si_signo = SIGUSR1, .si_code = SI_USER };
	pid_t pid = spawn(pause_for_ever, NULL);

	/* To another process only codes below zero, and not SI_TKILL. */
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si), EPERM);
	si.si_code = SI_KERNEL;
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si), EPERM);
	si.si_code = SI_TKILL;
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si), EPERM);
	si.si_code = SI_QUEUE;
	OK(syscall(SYS_rt_sigqueueinfo, pid, SIGUSR1, &si));
	CHECK_EQ(wait_signal(pid), SIGUSR1);
}

static void info_of_child(void)
{
	struct itimerval it = { .it_value = { .tv_usec = 1000 } };

	handle_info(SIGCHLD, on_info, SA_RESTART);
	pid_t pid = xfork();
	if (pid == 0)
		_exit(77);
	CHECK_EQ(wait_exit(pid), 77);
	UNTIL(count == 1);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_uid, getuid());
	CHECK_EQ(info.si_status, 77);
	pid = spawn(pause_for_ever, NULL);
	OK(kill(pid, SIGSTOP));
	UNTIL(count == 2);
	CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
	OK(kill(pid, SIGCONT));
	UNTIL(count == 3);
	CHECK(info.si_code == CLD_CONTINUED && info.si_status == SIGCONT);
	OK(kill(pid, SIGTERM));
	UNTIL(count == 4);
	CHECK(info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	CHECK_EQ(info.si_pid, pid);
	wait_signal(pid);
	handle_info(SIGALRM, on_info, 0);
	OK(setitimer(ITIMER_REAL, &it, NULL));
	UNTIL(count == 5);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

static int values[64], nvalues;

static void on_value(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	values[nvalues++] = sig * 1000 + si->si_value.sival_int;
}

/* Real-time signals are all kept, in order, lowest number first. */
static void real_time_order(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < 3; i++) {
		sigaddset(&set, SIGRTMIN + i);
		handle_info(SIGRTMIN + i, on_value, 0);
	}
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	for (int n = 0; n < 10; n++)
		for (int i = 2; i >= 0; i--)
			OK(sigqueue(getpid(), SIGRTMIN + i,
				    (union sigval){ .sival_int = n }));
	for (int i = 0; i < 30; i++) {
		siginfo_t si;
		int sig = OK(sigwaitinfo(&set, &si));
		CHECK_EQ(sig, SIGRTMIN + i / 10);
		CHECK_EQ(si.si_value.sival_int, i % 10);
	}
	/* By handlers as well, each value once. */
	for (int n = 0; n < 10; n++)
		OK(sigqueue(getpid(), SIGRTMIN, (union sigval){ n }));
	OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
	CHECK_EQ(nvalues, 10);
	for (int n = 0; n < 10; n++)
		CHECK_EQ(values[n], SIGRTMIN * 1000 + n);
}

static void standard_before_real_time(void)
{
	sigset_t set;
	siginfo_t si;

	sigfillset(&set);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
	OK(kill(getpid(), SIGRTMIN + 3));
	OK(kill(getpid(), SIGTERM));
	OK(kill(getpid(), SIGHUP));
	CHECK_EQ(sigwaitinfo(&set, &si), SIGHUP);
	CHECK_EQ(sigwaitinfo(&set, &si), SIGTERM);
	CHECK_EQ(sigwaitinfo(&set, &si), SIGRTMIN + 3);
}

static void queue_limit(void)
{
	struct rlimit rl = { 10, 10 };

	need_root();
	pid_t pid = xfork();
	if (pid == 0) {
		become(NOBODY_UID + 8, NOBODY_GID);
		OK(setrlimit(RLIMIT_SIGPENDING, &rl));
		block(SIGRTMIN);
		block(SIGUSR1);
		for (int i = 0; i < 10; i++)
			OK(sigqueue(getpid(), SIGRTMIN, (union sigval){ i }));
		CHECK_ERR(sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }),
			  EAGAIN);
		/* kill always gets through, if without details. */
		OK(kill(getpid(), SIGUSR1));
		sigset_t set;
		OK(sigpending(&set));
		CHECK(sigismember(&set, SIGUSR1));
		_exit(0);
	}
	wait_ok(pid);
}

/* ---- threads ---- */

static volatile pid_t handled_by;

static void on_thread_signal(int sig)
{
	(void)sig;
	handled_by = gettid();
	count++;
}

struct thread_args {
	struct gate up, down;
	pid_t tid;
	int block;
};

static void *signal_thread(void *arg)
{
	struct thread_args *a = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(a->block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	a->tid = gettid();
	gate_open(&a->up);
	gate_wait(&a->down);
	return NULL;
}

static void thread_directed(void)
{
	struct thread_args a = { .block = 0 };
	pthread_t t;

	gate_init(&a.up);
	gate_init(&a.down);
	handle(SIGUSR1, on_thread_signal, SA_RESTART);
	CHECK_EQ(pthread_create(&t, NULL, signal_thread, &a), 0);
	gate_wait(&a.up);
	OK(syscall(SYS_tgkill, getpid(), a.tid, SIGUSR1));
	UNTIL(count == 1);
	CHECK_EQ(handled_by, a.tid);
	/* For the process: to a thread that does not block it. */
	block(SIGUSR1);
	OK(kill(getpid(), SIGUSR1));
	UNTIL(count == 2);
	CHECK_EQ(handled_by, a.tid);
	gate_open(&a.down);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void pending_per_thread(void)
{
	struct thread_args a = { .block = 1 };
	sigset_t set;
	pthread_t t;

	gate_init(&a.up);
	gate_init(&a.down);
	block(SIGUSR1);
	CHECK_EQ(pthread_create(&t, NULL, signal_thread, &a), 0);
	gate_wait(&a.up);
	OK(syscall(SYS_tgkill, getpid(), a.tid, SIGUSR1));
	OK(sigpending(&set));
	CHECK(!sigismember(&set, SIGUSR1));
	OK(kill(getpid(), SIGUSR1));
	OK(sigpending(&set));
	CHECK(sigismember(&set, SIGUSR1));
	gate_open(&a.down);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static const struct tap_case cases[] = {
	{ "default_is_to_end", default_is_to_end, 0 },
	{ "default_is_to_dump", default_is_to_dump, 0 },
	{ "default_is_to_ignore", default_is_to_ignore, 0 },
	{ "default_is_to_stop", default_is_to_stop, 0 },
	{ "stopped_process_keeps_signals", stopped_process_keeps_signals, 0 },
	{ "kill_reaches_a_stopped_process", kill_reaches_a_stopped_process, 0 },
	{ "continue_cancels_pending_stops", continue_cancels_pending_stops, 0 },
	{ "continue_can_be_handled", continue_can_be_handled, 0 },
	{ "continue_cannot_be_refused", continue_cannot_be_refused, 0 },
	{ "errors", errors, 0 },
	{ "permission", permission, 0 },
	{ "permission_by_ids", permission_by_ids, 0 },
	{ "everybody", everybody, 0 },
	{ "info_of_kill", info_of_kill, 0 },
	{ "info_of_queue", info_of_queue, 0 },
	{ "queue_cannot_be_forged", queue_cannot_be_forged, 0 },
	{ "info_of_child", info_of_child, 0 },
	{ "real_time_order", real_time_order, 0 },
	{ "standard_before_real_time", standard_before_real_time, 0 },
	{ "queue_limit", queue_limit, 0 },
	{ "thread_directed", thread_directed, 0 },
	{ "pending_per_thread", pending_per_thread, 0 },
};

TAP_MAIN(cases)
