/* SPDX-License-Identifier: MIT */
/*
 * limits.c - attributes of a process and of the machine: prlimit64(2),
 * getpriority(2), scheduling, prctl(2), uname(2), sysinfo(2), getrusage(2),
 * times(2).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static void rlimit_get_and_set(void)
{
	struct rlimit rl;

	for (int r = 0; r < 16; r++) {
		OK(getrlimit(r, &rl));
		CHECK(rl.rlim_cur <= rl.rlim_max);
	}
	CHECK_ERR(getrlimit(16, &rl), EINVAL);
	CHECK_ERR(getrlimit(-1, &rl), EINVAL);
	CHECK_ERR(setrlimit(16, &rl), EINVAL);
	rl = (struct rlimit){ 100, 200 };
	OK(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	rl = (struct rlimit){ 0, 0 };
	OK(getrlimit(RLIMIT_NOFILE, &rl));
	CHECK(rl.rlim_cur == 100 && rl.rlim_max == 200);
}

static void rlimit_soft_above_hard(void)
{
	struct rlimit rl = { 2, 1 };

	CHECK_ERR(setrlimit(RLIMIT_CPU, &rl), EINVAL);
	rl.rlim_cur = RLIM_INFINITY;
	CHECK_ERR(setrlimit(RLIMIT_CPU, &rl), EINVAL);
}

static void rlimit_raising_needs_privilege(void)
{
	struct rlimit rl = { 10, 1000 };

	need_root();
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_max = 1001;
	if (has_capability(CAP_SYS_RESOURCE))
		OK(setrlimit(RLIMIT_NOFILE, &rl));
	else
		CHECK_ERR(setrlimit(RLIMIT_NOFILE, &rl), EPERM);
	become(NOBODY_UID, NOBODY_GID);
	rl.rlim_max = 1002;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &rl), EPERM);
	rl = (struct rlimit){ 1000, 1000 };
	OK(setrlimit(RLIMIT_NOFILE, &rl));
	rl.rlim_max = 1001;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &rl), EPERM);
}

static void prlimit_swaps(void)
{
	struct rlimit set = { 111, 222 }, old = { 0, 0 };

	OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 333, 444 }));
	OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &set, &old));
	CHECK(old.rlim_cur == 333 && old.rlim_max == 444);
	OK(syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, &old));
	CHECK(old.rlim_cur == 111 && old.rlim_max == 222);
	OK(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, NULL));
	CHECK_ERR(syscall(SYS_prlimit64, 0x3fffffff, RLIMIT_NOFILE, NULL,
			  &old), ESRCH);
}

static void prlimit_of_another(void)
{
	struct rlimit set = { 50, 60 }, got;

	need_root();
	pid_t pid = spawn(pause_for_ever, NULL);
	OK(prlimit(pid, RLIMIT_NOFILE, &set, NULL));
	OK(prlimit(pid, RLIMIT_NOFILE, NULL, &got));
	CHECK(got.rlim_cur == 50 && got.rlim_max == 60);
	OK(getrlimit(RLIMIT_NOFILE, &got));
	CHECK(got.rlim_cur != 50);
	pid_t user = xfork();
	if (user == 0) {
		become(NOBODY_UID, NOBODY_GID);
		CHECK_ERR(prlimit(pid, RLIMIT_NOFILE, NULL, &got), EPERM);
		_exit(0);
	}
	wait_ok(user);
	kill_and_reap(pid);
}

static void spin(void *arg)
{
	(void)arg;
	for (;;)
		;
}

static void cpu_limit(void)
{
	/* The hard one far away: a stalled machine may skip seconds. */
	struct rlimit rl = { 1, 1000 };
	pid_t pid = xfork();

	if (pid == 0) {
		OK(setrlimit(RLIMIT_CPU, &rl));
		spin(NULL);
	}
	CHECK_EQ(wait_signal(pid), SIGXCPU);
	pid = xfork();
	if (pid == 0) {
		signal(SIGXCPU, SIG_IGN);
		rl = (struct rlimit){ 1, 1 };
		OK(setrlimit(RLIMIT_CPU, &rl));
		spin(NULL);
	}
	CHECK_EQ(wait_signal(pid), SIGKILL);
}

static void priorities(void)
{
	need_root();
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	OK(setpriority(PRIO_PROCESS, 0, 5));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
	CHECK_EQ(getpriority(PRIO_PROCESS, getpid()), 5);
	/* The system call itself returns 20 - nice, so that it is positive. */
	CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 15);
	OK(setpriority(PRIO_PROCESS, 0, 100));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	OK(setpriority(PRIO_PROCESS, 0, -100));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
	errno = 0;
	CHECK_EQ(nice(7), -13);
	CHECK_ERR(getpriority(77, 0), EINVAL);
	CHECK_ERR(setpriority(77, 0, 0), EINVAL);
	CHECK_ERR(getpriority(PRIO_PROCESS, 0x3fffffff), ESRCH);
	CHECK_ERR(setpriority(PRIO_PROCESS, 0x3fffffff, 0), ESRCH);
}

static void priority_of_group_and_user(void)
{
	need_root();
	pid_t a = spawn(pause_for_ever, NULL), b = spawn(pause_for_ever, NULL);
	OK(setpgid(a, a));
	OK(setpgid(b, a));
	OK(setpriority(PRIO_PGRP, a, 9));
	OK(setpriority(PRIO_PROCESS, b, 4));
	CHECK_EQ(getpriority(PRIO_PROCESS, a), 9);
	/* The best of the group. */
	CHECK_EQ(getpriority(PRIO_PGRP, a), 4);
	CHECK_EQ(getpriority(PRIO_PGRP, 0), 0);
	CHECK_ERR(getpriority(PRIO_PGRP, b), ESRCH);
	CHECK_ERR(getpriority(PRIO_USER, NOBODY_UID + 99), ESRCH);
	OK(kill(-a, SIGKILL));
	CHECK_EQ(wait_signal(a), SIGKILL);
	CHECK_EQ(wait_signal(b), SIGKILL);
}

static void priority_permissions(void)
{
	need_root();
	pid_t roots = spawn(pause_for_ever, NULL);
	pid_t user = xfork();
	if (user == 0) {
		OK(setrlimit(RLIMIT_NICE, &(struct rlimit){ 0, 0 }));
		become(NOBODY_UID, NOBODY_GID);
		OK(setpriority(PRIO_PROCESS, 0, 3));
		CHECK_ERR(setpriority(PRIO_PROCESS, 0, 2), EACCES);
		CHECK_ERR(nice(-1), EPERM);
		OK(setpriority(PRIO_PROCESS, 0, 3));
		CHECK_ERR(setpriority(PRIO_PROCESS, roots, 10), EPERM);
		_exit(0);
	}
	wait_ok(user);
	kill_and_reap(roots);
}

static void affinity(void)
{
	unsigned long mask[128];
	long n = OK(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask));

	CHECK(n >= 8 && n % 8 == 0);
	CHECK(mask[0] != 0);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 7, mask), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 0, mask), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0x3fffffff, sizeof(mask),
			  mask), ESRCH);
	CHECK_EQ(syscall(SYS_sched_getaffinity, getpid(), sizeof(mask), mask),
		 n);
	CHECK_EQ(__builtin_popcountl(mask[0]), sysconf(_SC_NPROCESSORS_ONLN));
}

static void pinned_to_each_cpu(void)
{
	cpu_set_t all, one;

	OK(sched_getaffinity(0, sizeof(all), &all));
	for (int cpu = 0; cpu < 64; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		OK(sched_setaffinity(0, sizeof(one), &one));
		for (int i = 0; i < 20; i++) {
			unsigned int at = 99;
			OK(syscall(SYS_getcpu, &at, NULL, NULL));
			CHECK_EQ(at, cpu);
			sched_yield();
		}
	}
	CPU_ZERO(&one);
	CPU_SET(1000, &one);
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CPU_ZERO(&one);
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
}

static void yield_and_policy(void)
{
	struct sched_param sp = { .sched_priority = 77 };

	CHECK_EQ(sched_yield(), 0);
	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	OK(syscall(SYS_sched_getparam, 0, &sp));
	CHECK_EQ(sp.sched_priority, 0);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_ERR(syscall(SYS_sched_getscheduler, 0x3fffffff), ESRCH);
	CHECK_ERR(syscall(SYS_sched_getscheduler, -1), EINVAL);
}

static void names(void)
{
	char name[17];

	memset(name, 'x', sizeof(name));
	OK(prctl(PR_GET_NAME, name));
	CHECK(!strncmp(name, strrchr(tap_self, '/') + 1, 15));
	OK(prctl(PR_SET_NAME, "a name that is longer than fifteen"));
	OK(prctl(PR_GET_NAME, name));
	CHECK(!strcmp(name, "a name that is "));
	OK(prctl(PR_SET_NAME, ""));
	OK(prctl(PR_GET_NAME, name));
	CHECK_EQ(name[0], '\0');
	CHECK_ERR(prctl(0x7fffffff, 0, 0, 0, 0), EINVAL);
}

static void parent_death_signal(void)
{
	int got = -1;
	struct gate ready;

	OK(prctl(PR_GET_PDEATHSIG, &got));
	CHECK_EQ(got, 0);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
	gate_init(&ready);
	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid_t middle = xfork();
	if (middle == 0) {
		if (xfork() == 0) {
			OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			OK(prctl(PR_GET_PDEATHSIG, &got));
			CHECK_EQ(got, SIGUSR1);
			gate_open(&ready);
			pause_for_ever(NULL);
		}
		gate_wait(&ready);
		_exit(0);
	}
	wait_ok(middle);
	int status;
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(status, SIGUSR1);
}

static void uname_fields(void)
{
	struct utsname u;

	memset(&u, 0xff, sizeof(u));
	OK(uname(&u));
	CHECK(!strcmp(u.sysname, "Linux"));
	CHECK(!strcmp(u.machine, "x86_64"));
	CHECK(atoi(u.release) >= 4);
	CHECK(strlen(u.nodename) < 65 && strlen(u.version) > 0);
}

static void hostname(void)
{
	char name[70];
	struct utsname u;

	need_root();
	OK(uname(&u));
	OK(sethostname(u.nodename, strlen(u.nodename)));
	OK(gethostname(name, sizeof(name)));
	CHECK(!strcmp(name, u.nodename));
	CHECK_ERR(sethostname(name, 65), EINVAL);
	CHECK_ERR(sethostname(name, -1), EINVAL);
	become(NOBODY_UID, NOBODY_GID);
	CHECK_ERR(sethostname(u.nodename, strlen(u.nodename)), EPERM);
}

static void sysinfo_fields(void)
{
	struct sysinfo si;

	memset(&si, 0xff, sizeof(si));
	OK(sysinfo(&si));
	CHECK(si.uptime < 1UL << 40);
	CHECK(si.mem_unit >= 1);
	CHECK(si.totalram > 0 && si.freeram > 0);
	CHECK(si.freeram < si.totalram);
	CHECK(si.freeswap <= si.totalswap);
	CHECK(si.procs >= 2);
}

static void usage_of_self(void)
{
	struct rusage a, b;
	struct tms tms;

	char *p = shared_alloc(1024 * PAGE);
	for (size_t i = 0; i < 1024; i++)
		p[i * PAGE] = 1;
	OK(getrusage(RUSAGE_SELF, &a));
	/* In kilobytes; Linux counts roughly. */
	CHECK(a.ru_maxrss >= 3500);
	CHECK(a.ru_minflt >= 50);
	CHECK(a.ru_utime.tv_usec < 1000000 && a.ru_stime.tv_usec < 1000000);
	do {
		OK(getrusage(RUSAGE_SELF, &b));
	} while (b.ru_utime.tv_sec * 1000000 + b.ru_utime.tv_usec +
		 b.ru_stime.tv_sec * 1000000 + b.ru_stime.tv_usec < 50000);
	OK(getrusage(RUSAGE_THREAD, &a));
	CHECK(a.ru_utime.tv_usec + a.ru_stime.tv_usec >= 40000 ||
	      a.ru_utime.tv_sec + a.ru_stime.tv_sec > 0);
	CHECK(times(&tms) != -1);
	CHECK(tms.tms_utime + tms.tms_stime >= 4);
	CHECK_EQ(tms.tms_cutime + tms.tms_cstime, 0);
	CHECK_ERR(getrusage(2, &a), EINVAL);
}

/* Each byte comes when the reader sleeps for it. */
static void context_switches_are_counted(void)
{
	struct rusage a, b;
	int fd[2], n_unread = 0;
	char c;

	OK(pipe(fd));
	OK(getrusage(RUSAGE_SELF, &a));
	pid_t pid = xfork();
	if (pid == 0) {
		for (int i = 0; i < 5; i++) {
			UNTIL(proc_state(getppid()) == 'S');
			CHECK_EQ(write(fd[1], "x", 1), 1);
			UNTIL(ioctl(fd[0], FIONREAD, &n_unread) == 0 && n_unread == 0);
		}
		_exit(0);
	}
	for (int i = 0; i < 5; i++)
		CHECK_EQ(read(fd[0], &c, 1), 1);
	wait_ok(pid);
	OK(getrusage(RUSAGE_SELF, &b));
	CHECK(b.ru_nvcsw >= a.ru_nvcsw + 5);
}

static void unknown_system_calls(void)
{
	CHECK_ERR(syscall(-1L), ENOSYS);
	CHECK_ERR(syscall(1023L), ENOSYS);
	CHECK_ERR(syscall(0x7fffffffL), ENOSYS);
	CHECK_ERR(syscall(0xffffffff80000000L), ENOSYS);
	/* The number is 32 bits wide: what is above is not looked at. */
	CHECK_EQ(syscall(SYS_getpid | 1L << 40), getpid());
}

static const struct tap_case cases[] = {
	{ "rlimit_get_and_set", rlimit_get_and_set, 0 },
	{ "rlimit_soft_above_hard", rlimit_soft_above_hard, 0 },
	{ "rlimit_raising_needs_privilege", rlimit_raising_needs_privilege, 0 },
	{ "prlimit_swaps", prlimit_swaps, 0 },
	{ "prlimit_of_another", prlimit_of_another, 0 },
	{ "cpu_limit", cpu_limit, 0 },
	{ "priorities", priorities, 0 },
	{ "priority_of_group_and_user", priority_of_group_and_user, 0 },
	{ "priority_permissions", priority_permissions, 0 },
	{ "affinity", affinity, 0 },
	{ "pinned_to_each_cpu", pinned_to_each_cpu, 0 },
	{ "yield_and_policy", yield_and_policy, 0 },
	{ "names", names, 0 },
	{ "parent_death_signal", parent_death_signal, 0 },
	{ "uname_fields", uname_fields, 0 },
	{ "hostname", hostname, 0 },
	{ "sysinfo_fields", sysinfo_fields, 0 },
	{ "usage_of_self", usage_of_self, 0 },
	{ "context_switches_are_counted", context_switches_are_counted, 0 },
	{ "unknown_system_calls", unknown_system_calls, 0 },
};

TAP_MAIN(cases)
