/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads: pthreads as musl makes them, raw clone(2), identity,
 * thread-local storage, the end of threads and of their process.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define START(t, fn, arg) CHECK_EQ(pthread_create(t, NULL, fn, arg), 0)
#define JOIN(t) CHECK_EQ(pthread_join(t, NULL), 0)

enum { N = 50 };

static pid_t tids[N];

static void *note_ids(void *arg)
{
	CHECK_EQ(getpid(), getpgrp());
	*(pid_t *)arg = gettid();
	return arg;
}

static void fifty(void)
{
	pthread_t t[N];

	for (int i = 0; i < N; i++)
		START(&t[i], note_ids, &tids[i]);
	for (int i = 0; i < N; i++) {
		void *ret = NULL;
		CHECK_EQ(pthread_join(t[i], &ret), 0);
		CHECK(ret == &tids[i]);
		CHECK(tids[i] > 0 && tids[i] != getpid());
		for (int j = 0; j < i; j++)
			CHECK(tids[j] != 0);
	}
	CHECK_EQ(gettid(), getpid());
}

static struct gate start_gate;
static int arrived;

static void *arrive_and_wait(void *arg)
{
	*(pid_t *)arg = gettid();
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	gate_wait(&start_gate);
	return NULL;
}

static void fifty_at_once(void)
{
	pthread_t t[N];

	gate_init(&start_gate);
	for (int i = 0; i < N; i++)
		START(&t[i], arrive_and_wait, &tids[i]);
	UNTIL(__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) == N);
	for (int i = 0; i < N; i++) {
		OK(syscall(SYS_tgkill, getpid(), tids[i], 0));
		for (int j = 0; j < i; j++)
			CHECK(tids[i] != tids[j]);
	}
	for (int i = 0; i < N; i++)
		gate_open(&start_gate);
	for (int i = 0; i < N; i++)
		JOIN(t[i]);
	/* A joined thread is really gone. */
	UNTIL(syscall(SYS_tgkill, getpid(), tids[0], 0) == -1 &&
	      errno == ESRCH);
}

static void *nothing(void *arg)
{
	return arg;
}

static void thousand_short_ones(void)
{
	pthread_t t;

	for (int i = 0; i < 1000; i++) {
		START(&t, nothing, NULL);
		JOIN(t);
	}
}

static void *post(void *arg)
{
	CHECK_EQ(sem_post(arg), 0);
	return NULL;
}

static void detached(void)
{
	pthread_attr_t at;
	pthread_t t;
	sem_t done;

	CHECK_EQ(sem_init(&done, 0, 0), 0);
	CHECK_EQ(pthread_attr_init(&at), 0);
	pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(pthread_create(&t, &at, post, &done), 0);
		CHECK_EQ(sem_wait(&done), 0);
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void *add_10000(void *arg)
{
	for (int i = 0; i < 10000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void mutex_contention(void)
{
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		START(&t[i], add_10000, NULL);
	for (int i = 0; i < 6; i++)
		JOIN(t[i]);
	CHECK_EQ(counter, 60000);
}

enum { ITEMS = 5000, SLOTS = 4 };
static int slot[SLOTS], head, tail;
static long consumed;

static void *produce(void *arg)
{
	for (int i = 1; i <= ITEMS; i++) {
		pthread_mutex_lock(&mutex);
		while (head - tail == SLOTS)
			pthread_cond_wait(&cond, &mutex);
		slot[head++ % SLOTS] = i;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void *consume(void *arg)
{
	for (int i = 0; i < ITEMS; i++) {
		pthread_mutex_lock(&mutex);
		while (head == tail)
			pthread_cond_wait(&cond, &mutex);
		consumed += slot[tail++ % SLOTS];
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void producers_and_consumers(void)
{
	pthread_t t[4];

	START(&t[0], produce, NULL);
	START(&t[1], consume, NULL);
	START(&t[2], produce, NULL);
	START(&t[3], consume, NULL);
	for (int i = 0; i < 4; i++)
		JOIN(t[i]);
	CHECK_EQ(consumed, (long)ITEMS * (ITEMS + 1));
}

static pthread_barrier_t barrier;
static int phase[4];

static void *run_phases(void *arg)
{
	int me = (int)(long)arg;

	for (int p = 1; p <= 200; p++) {
		phase[me] = p;
		pthread_barrier_wait(&barrier);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(phase[i], p);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void barriers(void)
{
	pthread_t t[4];

	CHECK_EQ(pthread_barrier_init(&barrier, NULL, 4), 0);
	for (long i = 0; i < 4; i++)
		START(&t[i], run_phases, (void *)i);
	for (int i = 0; i < 4; i++)
		JOIN(t[i]);
}

static __thread int tls = 17;
static __thread char tls_big[5000];

static void *use_tls(void *arg)
{
	int me = (int)(long)arg;

	CHECK_EQ(tls, 17);
	for (size_t i = 0; i < sizeof(tls_big); i++)
		CHECK_EQ(tls_big[i], 0);
	tls = me;
	memset(tls_big, me, sizeof(tls_big));
	for (int i = 0; i < 200; i++) {
		sched_yield();
		CHECK_EQ(tls, me);
		CHECK_EQ(tls_big[i], (char)me);
	}
	return NULL;
}

static void thread_local_storage(void)
{
	pthread_t t[8];

	for (long i = 0; i < 8; i++)
		START(&t[i], use_tls, (void *)(i + 100));
	for (int i = 0; i < 8; i++)
		JOIN(t[i]);
	CHECK_EQ(tls, 17);
	tls = 3;
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(tls, 3);
		_exit(0);
	}
	wait_ok(pid);
}

static void segment_bases(void)
{
	unsigned long fs = 0, gs = 1, word[2] = { 0x1234, 0x5678 }, got;

	OK(syscall(SYS_arch_prctl, 0x1003, &fs));	/* ARCH_GET_FS */
	CHECK_EQ(*(unsigned long *)fs, fs);
	OK(syscall(SYS_arch_prctl, 0x1004, &gs));	/* ARCH_GET_GS */
	CHECK_EQ(gs, 0);
	OK(syscall(SYS_arch_prctl, 0x1001, word));	/* ARCH_SET_GS */
	for (int i = 0; i < 100; i++) {
		__asm__ volatile("mov %%gs:8, %0" : "=r"(got));
		CHECK_EQ(got, 0x5678);
		sched_yield();
	}
	pid_t pid = xfork();
	if (pid == 0) {
		__asm__ volatile("mov %%gs:0, %0" : "=r"(got));
		CHECK_EQ(got, 0x1234);
		_exit(0);
	}
	wait_ok(pid);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x1001, 0xffff800000000000), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x1001, 1UL << 60), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x1001, -1L), EPERM);
	CHECK_ERR(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
	__asm__ volatile("mov %%gs:0, %0" : "=r"(got));
	CHECK_EQ(got, 0x1234);
}

static void *fp_thread(void *arg)
{
	double x = (double)(long)arg, sum = 0;

	for (int i = 0; i < 3000; i++) {
		sum += x;
		if (i % 100 == 0)
			sched_yield();
	}
	CHECK(sum == x * 3000);
	return NULL;
}

static void floating_point_is_private(void)
{
	pthread_t t[6];

	for (long i = 0; i < 6; i++)
		START(&t[i], fp_thread, (void *)(i + 1));
	for (int i = 0; i < 6; i++)
		JOIN(t[i]);
}

/* ---- the end ---- */

static void *outlive_main(void *arg)
{
	gate_wait(arg);
	_exit(9);
}

static void main_exits_first(void)
{
	struct gate g;

	gate_init(&g);
	pid_t pid = xfork();
	if (pid == 0) {
		pthread_t t;
		START(&t, outlive_main, &g);
		syscall(SYS_exit, 3);
	}
	/* The leader is a zombie that cannot be waited for yet. */
	UNTIL(proc_state(pid) == 'Z');
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	OK(kill(pid, 0));
	gate_open(&g);
	CHECK_EQ(wait_exit(pid), 9);
}

static void *exit_quietly(void *arg)
{
	gate_wait(arg);
	syscall(SYS_exit, 5);
	return NULL;
}

/*
 * The last thread's exit ends the process; with its code on newer Linux, with
 * the leader's on older.
 */
static void last_thread_exits(void)
{
	struct gate g;

	gate_init(&g);
	pid_t pid = xfork();
	if (pid == 0) {
		pthread_t t;
		START(&t, exit_quietly, &g);
		syscall(SYS_exit, 3);
	}
	UNTIL(proc_state(pid) == 'Z');
	gate_open(&g);
	int code = wait_exit(pid);
	CHECK(code == 5 || code == 3);
}

static void *spin(void *arg)
{
	for (;;)
		(*(volatile long *)arg)++;
	return NULL;
}

static void *block_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void exit_group_ends_all(void)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = xfork();
		if (pid == 0) {
			static long dummy;
			pthread_t t;
			for (int j = 0; j < 3; j++) {
				START(&t, spin, &dummy);
				START(&t, block_for_ever, NULL);
			}
			_exit(i);
		}
		CHECK_EQ(wait_exit(pid), i);
	}
}

static void signal_ends_all(void)
{
	static long dummy;
	pthread_t t;

	for (int i = 0; i < 10; i++) {
		int sig = i % 2 ? SIGKILL : SIGTERM;
		pid_t pid = xfork();
		if (pid == 0) {
			START(&t, spin, &dummy);
			START(&t, block_for_ever, NULL);
			OK(kill(getpid(), sig));
			for (;;)
				pause();
		}
		CHECK_EQ(wait_signal(pid), sig);
	}
}

static void *null_deref(void *arg)
{
	*(volatile char *volatile)arg = 1;
	return NULL;
}

static void fault_in_a_thread_ends_all(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		pthread_t t;
		START(&t, block_for_ever, NULL);
		START(&t, null_deref, (void *)8);
		for (;;)
			pause();
	}
	CHECK_EQ(wait_signal(pid), SIGSEGV);
}

static void stop_stops_all(void)
{
	volatile long *c = shared_alloc(PAGE);
	pid_t pid = xfork();

	if (pid == 0) {
		pthread_t t;
		START(&t, spin, (void *)&c[0]);
		START(&t, spin, (void *)&c[8]);
		for (;;)
			pause();
	}
	UNTIL(c[0] > 0 && c[8] > 0);
	OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	long a = c[0], b = c[8];
	for (int i = 0; i < 20; i++)
		brief_pause();
	CHECK(c[0] == a && c[8] == b);
	OK(kill(pid, SIGCONT));
	UNTIL(c[0] != a && c[8] != b);
	kill_and_reap(pid);
}

/* ---- memory ---- */

static sigjmp_buf env;

static void on_fault(int sig)
{
	siglongjmp(env, sig);
}

static int __attribute__((noinline)) deep(int n)
{
	volatile char frame[1024];

	frame[0] = (char)n;
	return n ? deep(n - 1) + frame[0] : frame[0];
}

static void *overflow_stack(void *arg)
{
	static char area[16384];
	stack_t ss = { .ss_sp = area, .ss_size = sizeof(area) };

	OK(sigaltstack(&ss, NULL));
	handle(SIGSEGV, on_fault, SA_ONSTACK);
	if (sigsetjmp(env, 1) == 0) {
		deep(1 << 20);
		FAIL("no guard page");
	}
	return arg;
}

static void guard_page(void)
{
	pthread_t t;

	START(&t, overflow_stack, NULL);
	JOIN(t);
}

static void *map_and_fill(void *arg)
{
	for (int i = 0; i < 100; i++) {
		char *p = OK(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		for (int j = 0; j < 4; j++)
			CHECK_EQ(p[j * PAGE], 0);
		memset(p, 1 + i % 100, 4 * PAGE);
		OK(mprotect(p, PAGE, PROT_READ));
		CHECK_EQ(p[5], 1 + i % 100);
		OK(munmap(p, 4 * PAGE));
	}
	return arg;
}

static void concurrent_mmap(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		START(&t[i], map_and_fill, NULL);
	for (int i = 0; i < 4; i++)
		JOIN(t[i]);
}

static char *volatile shared_page;

static void *read_until_fault(void *arg)
{
	static __thread volatile long reads;

	while (__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE) == 0)
		reads += shared_page[0];
	return NULL;
}

/* A page unmapped by one thread is unmapped for the others at once. */
static void unmap_reaches_all(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		static int stop;
		pthread_t t;
		shared_page = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		shared_page[0] = 1;
		START(&t, read_until_fault, &stop);
		for (int i = 0; i < 5; i++)
			brief_pause();
		OK(munmap(shared_page, PAGE));
		pthread_join(t, NULL);
		_exit(0);
	}
	CHECK_EQ(wait_signal(pid), SIGSEGV);
}

static void *close_and_chdir(void *arg)
{
	OK(close(*(int *)arg));
	OK(chdir("/"));
	return NULL;
}

static void everything_is_shared(void)
{
	char cwd[16];
	pthread_t t;
	int fd = OK(dup(0));

	START(&t, close_and_chdir, &fd);
	JOIN(t);
	CHECK_ERR(close(fd), EBADF);
	CHECK(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
}

static void *cancel_me(void *arg)
{
	int fd[2];
	char c;

	OK(pipe(fd));
	gate_open(arg);
	/* A cancellation point; the canceller's signal gets us out. */
	read(fd[0], &c, 1);
	FAIL("not cancelled");
}

static void cancellation(void)
{
	struct gate g;
	pthread_t t;
	void *ret;

	gate_init(&g);
	START(&t, cancel_me, &g);
	gate_wait(&g);
	CHECK_EQ(pthread_cancel(t), 0);
	CHECK_EQ(pthread_join(t, &ret), 0);
	CHECK(ret == PTHREAD_CANCELED);
}

static const struct tap_case cases[] = {
	{ "fifty", fifty, 0 },
	{ "fifty_at_once", fifty_at_once, 0 },
	{ "thousand_short_ones", thousand_short_ones, 60 },
	{ "detached", detached, 0 },
	{ "mutex_contention", mutex_contention, 60 },
	{ "producers_and_consumers", producers_and_consumers, 60 },
	{ "barriers", barriers, 0 },
	{ "thread_local_storage", thread_local_storage, 0 },
	{ "segment_bases", segment_bases, 0 },
	{ "floating_point_is_private", floating_point_is_private, 0 },
	{ "main_exits_first", main_exits_first, 0 },
	{ "last_thread_exits", last_thread_exits, 0 },
	{ "exit_group_ends_all", exit_group_ends_all, 0 },
	{ "signal_ends_all", signal_ends_all, 0 },
	{ "fault_in_a_thread_ends_all", fault_in_a_thread_ends_all, 0 },
	{ "stop_stops_all", stop_stops_all, 0 },
	{ "guard_page", guard_page, 0 },
	{ "concurrent_mmap", concurrent_mmap, 0 },
	{ "unmap_reaches_all", unmap_reaches_all, 0 },
	{ "everything_is_shared", everything_is_shared, 0 },
	{ "cancellation", cancellation, 0 },
};

TAP_MAIN(cases)
