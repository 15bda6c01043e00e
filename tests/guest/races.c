/* SPDX-License-Identifier: MIT */
/*
 * races.c - two sides of the kernel at the same time, on several CPUs.
 *
 * Each case lets processes or threads collide for a while in a place where
 * that needs care: a table that exec replaces, a terminal that goes while it is
 * opened, pages that are shared by fork while somebody writes to them, mapped
 * files that shrink, timers of processes that end, threads that are moved.
 * RACES_MS=N in the environment makes the while longer.
 */
#define _GNU_SOURCE
#include "lib/tap.h"
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPAN_MS 1000

static long long end_of_span(void)
{
	const char *s = getenv("RACES_MS");

	return msec() + (s ? atoi(s) : SPAN_MS);
}

/* ---- the precondition of all ---- */

static unsigned int cpus_by_cpuinfo(void)
{
	static char text[65536];
	unsigned int n = 0;

	read_file("/proc/cpuinfo", text, sizeof(text));
	for (char *p = text; (p = strstr(p, "processor\t:")); p++)
		n++;
	return n;
}

static volatile int cpu_of[2];

static void *say_where(void *arg)
{
	volatile int *where = arg;

	for (;;)
		*where = sched_getcpu();
	return NULL;
}

/* Who asks for nothing may run anywhere, and two that are busy run on two CPUs. */
static void work_spreads(void)
{
	unsigned int ncpus = cpus_by_cpuinfo();
	cpu_set_t set;
	pthread_t t[2];

	OK(sched_getaffinity(0, sizeof(set), &set));
	/* A container may have fewer than the machine. */
	if (access("/proc/counts", F_OK) == 0)
		CHECK_EQ(CPU_COUNT(&set), ncpus);
	if (CPU_COUNT(&set) < 2)
		SKIP("one CPU");
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, say_where, (void *)&cpu_of[i]), 0);
	UNTIL(cpu_of[0] != cpu_of[1]);
}

/* ---- descriptor tables ---- */

/* pipe(2) takes numbers first and fills them in later. */
static void *open_and_close(void *arg)
{
	for (;;) {
		int fd[2];

		if (pipe(fd))
			continue;
		close(fd[0]);
		close(fd[1]);
	}
	return arg;
}

/* exec leaves a table that it shares with us, in the middle of its threads' calls. */
static void exec_leaves_shared_table(void)
{
	long long end = end_of_span();

	while (msec() < end) {
		long pid = OK(syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL,
				      NULL, 0L));
		if (pid == 0) {
			pthread_t t;
			for (int i = 0; i < 3; i++)
				if (pthread_create(&t, NULL, open_and_close, NULL))
					_exit(2);
			usleep(10000);	/* until each has a CPU */
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		wait_ok((pid_t)pid);
		/* What its threads had open at that moment is ours now. */
		for (int fd = 3; fd < 64; fd++)
			close(fd);
	}
}

/* ---- terminals ---- */

static void open_slaves(void *arg)
{
	long long end = *(long long *)arg;

	while (msec() < end) {
		pid_t pid = xfork();
		if (pid == 0) {
			char name[32];

			setsid();
			for (int i = 0; i < 50; i++) {
				snprintf(name, sizeof(name), "/dev/pts/%d", i % 4);
				int fd = open(name, O_RDWR);
				if (fd >= 0)
					ioctl(fd, TIOCSCTTY, 0);
				close(fd);
			}
			_exit(0);
		}
		/* It may be hung up by the end of its terminal. */
		OK(waitpid(pid, NULL, 0));
	}
}

/* Sessions that take a pty as their terminal just when its master goes. */
static void master_goes_while_slave_opens(void)
{
	long long end = end_of_span();
	pid_t pid = spawn(open_slaves, &end);

	while (msec() < end) {
		int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY), off = 0;

		if (fd < 0)
			SKIP("no /dev/ptmx");
		OK(ioctl(fd, TIOCSPTLCK, &off));
		sched_yield();
		close(fd);
	}
	wait_ok(pid);
}

/* ---- memory ---- */

struct pair {
	volatile unsigned long first;
	char pad[PAGE - sizeof(unsigned long)];
	volatile unsigned long second;
};

static volatile int stop;

static void *count_in_pairs(void *arg)
{
	struct pair *p = arg;

	while (!stop) {
		p->first++;
		p->second++;
	}
	return NULL;
}

/* While a thread writes, each fork's child has a copy that stands still. */
static void fork_while_a_thread_writes(void)
{
	struct pair *p = OK(mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	long long end = end_of_span();
	pthread_t t;

	stop = 0;
	CHECK_EQ(pthread_create(&t, NULL, count_in_pairs, p), 0);
	while (msec() < end) {
		pid_t pid = xfork();
		if (pid == 0) {
			unsigned long first = p->first, second = p->second;

			if (first - second > 1)
				_exit(1);
			for (int i = 0; i < 100; i++) {
				if (p->first != first || p->second != second)
					_exit(2);
				sched_yield();
			}
			_exit(0);
		}
		wait_ok(pid);
	}
	stop = 1;
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static sigjmp_buf beyond_the_end;

static void on_bus(int sig)
{
	siglongjmp(beyond_the_end, sig);
}

static void touch_file(void *arg)
{
	long long end = *(long long *)arg;
	int fd = OK(open("file", O_RDWR));
	char *p = OK(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	char *q = OK(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	unsigned int i = 0;

	handle(SIGBUS, on_bus, SA_NODEFER);
	(void)sigsetjmp(beyond_the_end, 1);
	while (msec() < end) {
		for (int n = 0; n < 100; n++) {
			i = i * 5 + 1;
			p[i % (16 * PAGE)] = 1;
			q[i / 7 % (16 * PAGE)] = 2;
			/* Nobody writes anything else to the file. */
			if ((unsigned char)p[i / 3 % (16 * PAGE)] > 1)
				_exit(1);
		}
		if (i % 16 == 0 && xfork() == 0)
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static void file_shrinks_under_mappings(void)
{
	long long end = end_of_span();
	int fd = OK(open("file", O_RDWR | O_CREAT, 0600));
	pid_t pid[2];

	OK(ftruncate(fd, 16 * PAGE));
	for (int i = 0; i < 2; i++)
		pid[i] = spawn(touch_file, &end);
	for (unsigned int i = 1; msec() < end; i = i * 5 + 1) {
		OK(ftruncate(fd, i / 16 % 16 * PAGE + i % 2 * 100));
		OK(ftruncate(fd, 16 * PAGE));
	}
	for (int i = 0; i < 2; i++)
		wait_ok(pid[i]);
}

/* ---- timers and CPUs ---- */

static void on_alarm(int sig)
{
	(void)sig;
}

static void *set_timers(void *arg)
{
	for (long i = 0;; i++) {
		struct itimerval it = { { 0, 100 }, { 0, 100 + i % 300 } };

		setitimer((int)(i % 3), i % 5 ? &it : NULL, NULL);
	}
	return arg;
}

/* Processes end, and exec, while their timers fire and are set. */
static void timers_of_the_dying(void)
{
	static const int sigs[] = { SIGALRM, SIGVTALRM, SIGPROF };
	long long end = end_of_span();

	for (int round = 0; msec() < end; round++) {
		pid_t pid = xfork();
		if (pid == 0) {
			pthread_t t;

			for (int i = 0; i < 3; i++)
				handle(sigs[i], on_alarm, SA_RESTART);
			for (int i = 0; i < 2; i++)
				if (pthread_create(&t, NULL, set_timers, NULL))
					_exit(2);
			usleep((useconds_t)(round % 10 * 200));
			if (round % 2)
				_exit(0);
			/* An alarm outlives exec and kills the new program, if it comes in time. */
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		int status;
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(status == 0 || (round % 2 == 0 && WIFSIGNALED(status)));
	}
}

static void *move_about(void *arg)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	for (long i = 0; !stop; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((size_t)(i % cpus), &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			return "affinity";
		if (cpus > 1 && sched_getcpu() != i % cpus)
			return "on another CPU";
		setpriority(PRIO_PROCESS, 0, (int)(i % 20));
		if (i % 8 == 0)
			sched_yield();
	}
	return arg;
}

/* Threads pin themselves here and there while others look at all CPUs' times. */
static void threads_move_about(void)
{
	long long end = end_of_span();
	pthread_t t[4];
	char buf[4096];

	stop = 0;
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, move_about, NULL), 0);
	while (msec() < end) {
		read_file("/proc/stat", buf, sizeof(buf));
		read_file("/proc/self/stat", buf, sizeof(buf));
	}
	stop = 1;
	for (int i = 0; i < 4; i++) {
		void *complaint;

		CHECK_EQ(pthread_join(t[i], &complaint), 0);
		if (complaint)
			FAIL("%s", (char *)complaint);
	}
}

static const struct tap_case cases[] = {
	{ "work_spreads", work_spreads, 0 },
	{ "exec_leaves_shared_table", exec_leaves_shared_table, 0 },
	{ "master_goes_while_slave_opens", master_goes_while_slave_opens, 0 },
	{ "fork_while_a_thread_writes", fork_while_a_thread_writes, 0 },
	{ "file_shrinks_under_mappings", file_shrinks_under_mappings, 0 },
	{ "timers_of_the_dying", timers_of_the_dying, 0 },
	{ "threads_move_about", threads_move_about, 0 },
};

TAP_MAIN(cases)
