/* SPDX-License-Identifier: MIT */
/*
 * time.c - clocks, sleeping, interval timers, and preemption by the timer.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000LL

static long long nsec(clockid_t clock)
{
	struct timespec t;

	OK(clock_gettime(clock, &t));
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < BILLION);
	return t.tv_sec * BILLION + t.tv_nsec;
}

/* By system call, where nsec may have gone by the vDSO. */
static long long nsec_by_call(clockid_t clock)
{
	struct timespec t;

	OK(syscall(SYS_clock_gettime, clock, &t));
	return t.tv_sec * BILLION + t.tv_nsec;
}

static volatile sig_atomic_t count;

static void on_signal(int sig)
{
	(void)sig;
	count++;
}

static void monotonic(void)
{
	long long last = nsec(CLOCK_MONOTONIC);

	for (int i = 0; i < 100000; i++) {
		long long now = nsec(CLOCK_MONOTONIC);
		CHECK(now >= last);
		last = now;
	}
	CHECK(last > 0);
}

static void call_and_library_agree(void)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME,
					    CLOCK_BOOTTIME };

	for (size_t i = 0; i < TAP_COUNT(clocks); i++) {
		for (int j = 0; j < 100; j++) {
			long long a = nsec(clocks[i]);
			long long b = nsec_by_call(clocks[i]);
			long long c = nsec(clocks[i]);
			CHECK(a <= b && b <= c);
		}
	}
}

static void *watch_clock(void *arg)
{
	long long *last = arg;

	for (int i = 0; i < 20000; i++) {
		long long seen = __atomic_load_n(last, __ATOMIC_SEQ_CST);
		long long now = nsec(CLOCK_MONOTONIC);
		/* What any CPU has shown, no other undercuts. */
		CHECK(now >= seen);
		__atomic_store_n(last, now, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void monotonic_across_threads(void)
{
	static long long last;
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, watch_clock, &last), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void clocks_are_related(void)
{
	struct timeval tv;
	long long a = nsec(CLOCK_REALTIME);

	OK(gettimeofday(&tv, NULL));
	long long b = tv.tv_sec * BILLION + tv.tv_usec * 1000LL;
	/* gettimeofday is cut to microseconds. */
	CHECK(b >= a - 1000);
	CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	CHECK(time(NULL) >= a / BILLION - 1);
	CHECK(nsec(CLOCK_BOOTTIME) >= nsec(CLOCK_MONOTONIC) - 1000000000);
	CHECK(nsec(CLOCK_MONOTONIC_RAW) > 0);
	/* The coarse ones are behind, not ahead. */
	CHECK(nsec(CLOCK_MONOTONIC_COARSE) <= nsec(CLOCK_MONOTONIC));
	CHECK(nsec(CLOCK_REALTIME_COARSE) <= nsec(CLOCK_REALTIME));
}

static void clock_errors(void)
{
	struct timespec t = { 0, 0 };

	CHECK_ERR(syscall(SYS_clock_gettime, 99, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_getres, 99, &t), EINVAL);
	OK(clock_getres(CLOCK_MONOTONIC, &t));
	CHECK(t.tv_sec == 0 && t.tv_nsec >= 1);
	OK(clock_getres(CLOCK_MONOTONIC, NULL));
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t), EINVAL);
	need_root();
	become(NOBODY_UID, NOBODY_GID);
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EPERM);
}

static void cpu_clocks(void)
{
	long long p0 = nsec(CLOCK_PROCESS_CPUTIME_ID);
	long long t0 = nsec(CLOCK_THREAD_CPUTIME_ID);
	long long m0 = nsec(CLOCK_MONOTONIC);
	struct timespec nap = { 0, 20000000 };

	while (nsec(CLOCK_THREAD_CPUTIME_ID) < t0 + 30000000)
		;
	CHECK(nsec(CLOCK_PROCESS_CPUTIME_ID) >= p0 + 29000000);
	CHECK(nsec(CLOCK_MONOTONIC) >= m0 + 29000000);
	/* Sleeping costs next to nothing. */
	long long before = nsec(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < 5; i++)
		OK(nanosleep(&nap, NULL));
	CHECK(nsec(CLOCK_PROCESS_CPUTIME_ID) - before < 90000000);
}

static void sleep_lower_bound(void)
{
	static const long want[] = { 1, 1000, 1000000, 15000000, 60000000 };

	for (size_t i = 0; i < TAP_COUNT(want); i++) {
		struct timespec t = { 0, want[i] };
		long long start = nsec(CLOCK_MONOTONIC);
		OK(syscall(SYS_nanosleep, &t, NULL));
		CHECK(nsec(CLOCK_MONOTONIC) - start >= want[i]);
	}
}

static void sleep_arguments(void)
{
	static const struct timespec bad[] = {
		{ 0, -1 }, { 0, 1000000000 }, { -1, 0 }, { 0, LONG_MAX },
		{ LONG_MIN, 0 },
	};
	struct timespec zero = { 0, 0 };

	for (size_t i = 0; i < TAP_COUNT(bad); i++) {
		CHECK_ERR(syscall(SYS_nanosleep, &bad[i], NULL), EINVAL);
		CHECK_ERR(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0,
				  &bad[i], NULL), EINVAL);
	}
	OK(syscall(SYS_nanosleep, &zero, NULL));
	CHECK_ERR(syscall(SYS_clock_nanosleep, 99, 0, &zero, NULL), EINVAL);
}

/* For longer than the clock can count: sleeps, and can be woken. */
static void sleep_for_ever(void)
{
	struct timespec t = { LONG_MAX, 999999999 };
	pid_t pid = xfork();

	if (pid == 0) {
		handle(SIGUSR1, on_signal, 0);
		CHECK_ERR(syscall(SYS_nanosleep, &t, NULL), EINTR);
		CHECK_EQ(count, 1);
		_exit(0);
	}
	wait_asleep(pid);
	for (int i = 0; i < 5; i++)
		brief_pause();
	CHECK_EQ(proc_state(pid), 'S');
	OK(kill(pid, SIGUSR1));
	wait_ok(pid);
}

static void sleep_until(void)
{
	struct timespec t;

	long long end = nsec(CLOCK_MONOTONIC) + 30000000;
	t = (struct timespec){ end / BILLION, end % BILLION };
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
	CHECK(nsec(CLOCK_MONOTONIC) >= end);
	end = nsec(CLOCK_REALTIME) + 20000000;
	t = (struct timespec){ end / BILLION, end % BILLION };
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL), 0);
	CHECK(nsec(CLOCK_REALTIME) >= end);
	/* In the past: at once. */
	t = (struct timespec){ 0, 0 };
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
}

static void sleepers_wake_in_order(void)
{
	enum { N = 6 };
	long long *woke = shared_alloc(PAGE);
	long long base = nsec(CLOCK_MONOTONIC) + 50000000;
	pid_t pids[N];

	for (int i = 0; i < N; i++) {
		/* Started last to first. */
		pids[i] = xfork();
		if (pids[i] == 0) {
			long long end = base + (N - i) * 20000000LL;
			struct timespec t = { end / BILLION, end % BILLION };
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t,
					NULL);
			woke[i] = nsec(CLOCK_MONOTONIC);
			CHECK(woke[i] >= end);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
}

static void alarm_seconds(void)
{
	handle(SIGALRM, on_signal, 0);
	CHECK_EQ(alarm(100), 0);
	unsigned int left = alarm(1);
	CHECK(left > 50 && left <= 100);
	long long start = msec();
	CHECK_ERR(pause(), EINTR);
	CHECK_EQ(count, 1);
	CHECK(msec() - start >= 990);
	CHECK_EQ(alarm(5), 0);
	CHECK(alarm(0) > 0);
	CHECK_EQ(alarm(0), 0);
}

static void real_timer(void)
{
	struct itimerval it = { { 0, 5000 }, { 0, 5000 } }, got;

	handle(SIGALRM, on_signal, 0);
	long long start = msec();
	OK(setitimer(ITIMER_REAL, &it, NULL));
	while (count < 10)
		pause();
	CHECK(msec() - start >= 30);
	OK(getitimer(ITIMER_REAL, &got));
	CHECK(got.it_interval.tv_usec == 5000 && got.it_value.tv_sec == 0 &&
	      got.it_value.tv_usec <= 5000);
	struct itimerval off = { { 0, 0 }, { 0, 0 } };
	OK(setitimer(ITIMER_REAL, &off, &got));
	CHECK_EQ(got.it_interval.tv_usec, 5000);
	OK(getitimer(ITIMER_REAL, &got));
	CHECK(got.it_value.tv_sec == 0 && got.it_value.tv_usec == 0);
	/* Once only. */
	it = (struct itimerval){ { 0, 0 }, { 0, 1000 } };
	count = 0;
	OK(setitimer(ITIMER_REAL, &it, NULL));
	UNTIL(count == 1);
	OK(getitimer(ITIMER_REAL, &got));
	CHECK(got.it_value.tv_sec == 0 && got.it_value.tv_usec == 0);
}

static void virtual_timer(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 20000 } };
	struct timespec nap = { 0, 50000000 };
	struct rusage ru;

	handle(SIGVTALRM, on_signal, 0);
	OK(setitimer(ITIMER_VIRTUAL, &it, NULL));
	/* Sleeping does not count. */
	OK(nanosleep(&nap, NULL));
	CHECK_EQ(count, 0);
	while (count == 0)
		;
	OK(getrusage(RUSAGE_SELF, &ru));
	CHECK(ru.ru_utime.tv_sec > 0 || ru.ru_utime.tv_usec > 0);
}

static void profiling_timer(void)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };

	handle(SIGPROF, on_signal, 0);
	OK(setitimer(ITIMER_PROF, &it, NULL));
	/* Time in the kernel counts as well. */
	while (count < 3)
		getppid();
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	OK(setitimer(ITIMER_PROF, &it, NULL));
}

static void timer_arguments(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 1000000 } };

	CHECK_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	it = (struct itimerval){ { 0, -1 }, { 1, 0 } };
	CHECK_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	it = (struct itimerval){ { 0, 0 }, { -1, 0 } };
	CHECK_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	CHECK_ERR(syscall(SYS_setitimer, 3, &it, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_getitimer, 3, &it), EINVAL);
	CHECK_EQ(alarm(0), 0);
}

static void alarm_is_the_real_timer(void)
{
	struct itimerval it;

	alarm(50);
	OK(getitimer(ITIMER_REAL, &it));
	CHECK(it.it_value.tv_sec > 20 && it.it_value.tv_sec <= 50);
	it = (struct itimerval){ { 0, 0 }, { 77, 0 } };
	OK(setitimer(ITIMER_REAL, &it, NULL));
	CHECK(alarm(0) > 40);
}

/* ---- preemption ---- */

static void pin_to_one_cpu(void)
{
	cpu_set_t all, one;

	OK(sched_getaffinity(0, sizeof(all), &all));
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < 64; cpu++) {
		if (CPU_ISSET(cpu, &all)) {
			CPU_SET(cpu, &one);
			break;
		}
	}
	OK(sched_setaffinity(0, sizeof(one), &one));
}

static void spin_for_ever(void *arg)
{
	volatile long *n = arg;

	for (;;)
		(*n)++;
}

static void spinning_does_not_block_others(void)
{
	volatile long *n = shared_alloc(PAGE);
	pid_t pids[3];

	/* All on one CPU, so that only the timer can help. */
	pin_to_one_cpu();
	for (int i = 0; i < 3; i++)
		pids[i] = spawn(spin_for_ever, (void *)&n[i * 8]);
	long before[3];
	for (int i = 0; i < 3; i++) {
		UNTIL(n[i * 8] > 0);
		before[i] = n[i * 8];
	}
	for (int i = 0; i < 3; i++)
		UNTIL(n[i * 8] > before[i]);
	for (int i = 0; i < 3; i++) {
		kill_and_reap(pids[i]);
	}
}

static void spinning_in_system_calls(void)
{
	pin_to_one_cpu();
	pid_t pid = xfork();
	if (pid == 0)
		for (;;)
			getppid();
	for (int i = 0; i < 20; i++)
		brief_pause();
	kill_and_reap(pid);
}

/* A nice spinner gets less, but it gets something. */
static void nice_still_runs(void)
{
	volatile long *n = shared_alloc(PAGE);

	pin_to_one_cpu();
	pid_t polite = xfork();
	if (polite == 0) {
		OK(setpriority(PRIO_PROCESS, 0, 19));
		spin_for_ever((void *)&n[0]);
	}
	pid_t plain = spawn(spin_for_ever, (void *)&n[8]);
	UNTIL(n[0] > 0 && n[8] > 0);
	long a = n[0];
	UNTIL(n[0] > a);
	OK(kill(polite, SIGKILL));
	OK(kill(plain, SIGKILL));
	wait_signal(polite);
	wait_signal(plain);
}

static void times_move(void)
{
	struct tms a, b;
	clock_t t0 = times(&a), t1;

	do {
		t1 = times(&b);
	} while (b.tms_utime + b.tms_stime < a.tms_utime + a.tms_stime + 3);
	CHECK(t1 - t0 >= 2);
}

static const struct tap_case cases[] = {
	{ "monotonic", monotonic, 0 },
	{ "call_and_library_agree", call_and_library_agree, 0 },
	{ "monotonic_across_threads", monotonic_across_threads, 0 },
	{ "clocks_are_related", clocks_are_related, 0 },
	{ "clock_errors", clock_errors, 0 },
	{ "cpu_clocks", cpu_clocks, 0 },
	{ "sleep_lower_bound", sleep_lower_bound, 0 },
	{ "sleep_arguments", sleep_arguments, 0 },
	{ "sleep_for_ever", sleep_for_ever, 0 },
	{ "sleep_until", sleep_until, 0 },
	{ "sleepers_wake_in_order", sleepers_wake_in_order, 0 },
	{ "alarm_seconds", alarm_seconds, 0 },
	{ "real_timer", real_timer, 0 },
	{ "virtual_timer", virtual_timer, 0 },
	{ "profiling_timer", profiling_timer, 0 },
	{ "timer_arguments", timer_arguments, 0 },
	{ "alarm_is_the_real_timer", alarm_is_the_real_timer, 0 },
	{ "spinning_does_not_block_others",
	  spinning_does_not_block_others, 60 },
	{ "spinning_in_system_calls", spinning_in_system_calls, 0 },
	{ "nice_still_runs", nice_still_runs, 60 },
	{ "times_move", times_move, 0 },
};

TAP_MAIN(cases)
