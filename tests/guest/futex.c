/* SPDX-License-Identifier: MIT */
/*
 * futex.c - futex(2) WAIT, WAKE, REQUEUE and their like, private and between
 * processes; set_tid_address(2), robust lists.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_REQUEUE = 3, FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP = 5, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10,
	FUTEX_PRIVATE = 128, FUTEX_CLOCK_REALTIME = 256,
};

static long futex(int *w, int op, int val, const struct timespec *t, int *w2,
		  int val3)
{
	return syscall(SYS_futex, w, op, val, t, w2, val3);
}

static long requeue(int *w, int op, int wake, long move, int *w2, int val3)
{
	return syscall(SYS_futex, w, op, wake, move, w2, val3);
}

static int *word;	/* several, in shared memory */

static void set_up(void)
{
	word = shared_alloc(PAGE);
}

struct waiter {
	int *w;
	int op;
	int mask;
};

static void wait_in_child(void *arg)
{
	struct waiter *w = arg;

	CHECK_EQ(futex(w->w, w->op, 0, NULL, NULL, w->mask), 0);
}

static pid_t waiter_on(int *w, int op, int mask)
{
	struct waiter arg = { w, op, mask };
	pid_t pid = spawn(wait_in_child, &arg);

	wait_asleep(pid);
	return pid;
}

static bool still_waits(pid_t pid)
{
	for (int i = 0; i < 5; i++)
		brief_pause();
	return waitpid(pid, NULL, WNOHANG) == 0 && proc_state(pid) == 'S';
}

static void value_has_changed(void)
{
	int w = 5;

	CHECK_ERR(futex(&w, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(futex(&w, FUTEX_WAIT | FUTEX_PRIVATE, 4, NULL, NULL, 0),
		  EAGAIN);
}

static void wake_nobody(void)
{
	int w = 0;

	CHECK_EQ(futex(&w, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&w, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0), 0);
}

static void time_out(void)
{
	struct timespec t = { 0, 20000000 };
	int w = 0;

	long long start = msec();
	CHECK_ERR(futex(&w, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
	CHECK(msec() - start >= 19);
	t = (struct timespec){ 0, 0 };
	CHECK_ERR(futex(&w, FUTEX_WAIT, 0, &t, NULL, 0), ETIMEDOUT);
	/* FUTEX_WAIT_BITSET has an absolute time. */
	OK(clock_gettime(CLOCK_MONOTONIC, &t));
	CHECK_ERR(futex(&w, FUTEX_WAIT_BITSET, 0, &t, NULL, -1), ETIMEDOUT);
	OK(clock_gettime(CLOCK_REALTIME, &t));
	t.tv_nsec += 10000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	CHECK_ERR(futex(&w, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t,
			NULL, -1), ETIMEDOUT);
}

static void invalid_arguments(void)
{
	struct timespec t = { 0, 1000000000 };
	int w[2] = { 0, 0 };

	CHECK_ERR(futex(w, FUTEX_WAIT, 0, &t, NULL, 0), EINVAL);
	t = (struct timespec){ -1, 0 };
	CHECK_ERR(futex(w, FUTEX_WAIT, 0, &t, NULL, 0), EINVAL);
	CHECK_ERR(futex((int *)((char *)w + 1), FUTEX_WAIT, 0, NULL, NULL, 0),
		  EINVAL);
	CHECK_ERR(futex((int *)((char *)w + 2), FUTEX_WAKE, 1, NULL, NULL, 0),
		  EINVAL);
	CHECK_ERR(futex(w, 99, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(w, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(requeue(w, FUTEX_REQUEUE, -1, 0, &w[1], 0), EINVAL);
}

static void between_processes(void)
{
	set_up();
	pid_t pid = waiter_on(word, FUTEX_WAIT, 0);
	*word = 1;
	CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	wait_ok(pid);
	CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
}

/* In a file mapped twice, at different addresses. */
static void by_mapped_file(void)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));

	OK(ftruncate(fd, PAGE));
	int *a = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0));
	int *b = OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0));
	CHECK(a != b);
	pid_t pid = waiter_on(a + 3, FUTEX_WAIT, 0);
	CHECK_EQ(futex(b + 4, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_EQ(futex(b + 3, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	wait_ok(pid);
}

/* Private: the same address in another process is another futex. */
static void private_is_per_process(void)
{
	set_up();
	pid_t pid = waiter_on(word, FUTEX_WAIT | FUTEX_PRIVATE, 0);
	CHECK_EQ(futex(word, FUTEX_WAKE | FUTEX_PRIVATE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(word, FUTEX_WAKE, 9, NULL, NULL, 0), 0);
	CHECK(still_waits(pid));
	kill_and_reap(pid);
}

/* After a fork, private memory is not the same futex either. */
static void copy_on_write_memory(void)
{
	static int w;
	pid_t pid = waiter_on(&w, FUTEX_WAIT, 0);

	w = 1;
	CHECK_EQ(futex(&w, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK(still_waits(pid));
	kill_and_reap(pid);
}

static void wake_counts(void)
{
	pid_t pids[5];
	int gone = 0;

	set_up();
	for (int i = 0; i < 5; i++)
		pids[i] = waiter_on(word, FUTEX_WAIT, 0);
	CHECK_EQ(futex(word, FUTEX_WAKE, 2, NULL, NULL, 0), 2);
	for (int i = 0; i < 2; i++)
		CHECK(waitpid(-1, NULL, 0) > 0);
	for (int i = 0; i < 5; i++)
		gone += kill(pids[i], 0) != 0;
	CHECK_EQ(gone, 2);
	CHECK_EQ(futex(word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0), 3);
	for (int i = 0; i < 3; i++)
		CHECK(waitpid(-1, NULL, 0) > 0);
}

static void first_in_first_out(void)
{
	pid_t pids[4];

	set_up();
	for (int i = 0; i < 4; i++)
		pids[i] = waiter_on(word, FUTEX_WAIT, 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
		CHECK_EQ(waitpid(-1, NULL, 0), pids[i]);
	}
}

static void bitsets(void)
{
	set_up();
	pid_t a = waiter_on(word, FUTEX_WAIT_BITSET, 1);
	pid_t b = waiter_on(word, FUTEX_WAIT_BITSET, 2);
	CHECK_EQ(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 4), 0);
	CHECK_EQ(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 2), 1);
	wait_ok(b);
	CHECK(still_waits(a));
	/* Plain WAKE matches all. */
	CHECK_EQ(futex(word, FUTEX_WAKE, 9, NULL, NULL, 0), 1);
	wait_ok(a);
}

static void requeueing(void)
{
	set_up();
	for (int i = 0; i < 5; i++)
		waiter_on(&word[0], FUTEX_WAIT, 0);
	CHECK_ERR(requeue(&word[0], FUTEX_CMP_REQUEUE, 1, 9, &word[1], 77),
		  EAGAIN);
	/* One woken and two moved: three in all. */
	CHECK_EQ(requeue(&word[0], FUTEX_CMP_REQUEUE, 1, 2, &word[1], 0), 3);
	CHECK(waitpid(-1, NULL, 0) > 0);
	CHECK_EQ(futex(&word[1], FUTEX_WAKE, 9, NULL, NULL, 0), 2);
	CHECK(waitpid(-1, NULL, 0) > 0 && waitpid(-1, NULL, 0) > 0);
	/* Plain REQUEUE counts the same, whatever futex(2) says. */
	CHECK_EQ(requeue(&word[0], FUTEX_REQUEUE, 0, 9, &word[1], 0), 2);
	CHECK_EQ(futex(&word[0], FUTEX_WAKE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&word[1], FUTEX_WAKE, 9, NULL, NULL, 0), 2);
	CHECK(waitpid(-1, NULL, 0) > 0 && waitpid(-1, NULL, 0) > 0);
}

static void requeued_then_killed(void)
{
	set_up();
	pid_t pid = waiter_on(&word[0], FUTEX_WAIT, 0);
	CHECK_EQ(requeue(&word[0], FUTEX_REQUEUE, 0, 1, &word[1], 0), 1);
	kill_and_reap(pid);
	CHECK_EQ(futex(&word[1], FUTEX_WAKE, 9, NULL, NULL, 0), 0);
}

static void *wake_in_thread(void *arg)
{
	(void)arg;
	while (futex(word, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0) == 0)
		sched_yield();
	return NULL;
}

static void threads_private(void)
{
	pthread_t t;

	set_up();
	CHECK_EQ(pthread_create(&t, NULL, wake_in_thread, NULL), 0);
	CHECK_EQ(futex(word, FUTEX_WAIT | FUTEX_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

/* Two processes pass a baton: a lost wake-up would hang here. */
static void ping_pong(void)
{
	enum { ROUNDS = 3000 };

	set_up();
	pid_t pid = xfork();
	for (int i = 0; i < ROUNDS; i++) {
		int mine = pid == 0 ? 1 : 0;
		int v;
		while ((v = __atomic_load_n(word, __ATOMIC_SEQ_CST)) != mine)
			futex(word, FUTEX_WAIT, v, NULL, NULL, 0);
		__atomic_store_n(word, 1 - mine, __ATOMIC_SEQ_CST);
		futex(word, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	if (pid == 0)
		_exit(0);
	wait_ok(pid);
}

/* ---- the end of a thread ---- */

static int raw_thread(void *arg)
{
	(void)arg;
	return 0;
}

/* CLONE_CHILD_CLEARTID: zero is written and one waiter woken. */
static void cleared_and_woken(void)
{
	static char stack[16384] __attribute__((aligned(16)));
	static int tid;

	for (int i = 0; i < 100; i++) {
		tid = -1;
		int got = OK(clone(raw_thread, stack + sizeof(stack), CLONE_VM |
				   CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
				   CLONE_THREAD | CLONE_SYSVSEM |
				   CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
				   NULL, &tid, NULL, &tid));
		CHECK(got > 0);
		int v;
		while ((v = __atomic_load_n(&tid, __ATOMIC_SEQ_CST)) != 0)
			futex(&tid, FUTEX_WAIT, v, NULL, NULL, 0);
	}
}

static void set_tid_address_of_process(void)
{
	set_up();
	word[0] = 7;
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(syscall(SYS_set_tid_address, word), getpid());
		_exit(0);
	}
	/* Only if somebody shares the memory is it cleared; none does. */
	wait_ok(pid);
	CHECK(word[0] == 7 || word[0] == 0);
}

struct robust_node {
	struct robust_node *next;
};

struct robust_head {
	struct robust_node list;
	long offset;
	struct robust_node *pending;
};

struct robust_lock {
	struct robust_node node;
	int word;
};

static void die_with_locks(void *arg)
{
	struct robust_lock *l = arg;
	static struct robust_head head;

	head.offset = offsetof(struct robust_lock, word);
	head.list.next = &l[0].node;
	l[0].node.next = &l[1].node;
	l[1].node.next = &head.list;
	head.pending = &l[2].node;
	/* The third is ours, the fourth belongs to another. */
	for (int i = 0; i < 3; i++)
		l[i].word = gettid();
	OK(syscall(SYS_set_robust_list, &head, sizeof(head)));
	struct robust_head *got;
	size_t len;
	OK(syscall(SYS_get_robust_list, 0, &got, &len));
	CHECK(got == &head && len == sizeof(head));
}

static void robust_list(void)
{
	struct robust_lock *l = shared_alloc(PAGE);

	l[3].word = 12345;
	wait_ok(spawn(die_with_locks, l));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(l[i].word, 0x40000000);	/* FUTEX_OWNER_DIED */
	CHECK_EQ(l[3].word, 12345);
	CHECK_ERR(syscall(SYS_set_robust_list, NULL, 8), EINVAL);
}

static void exec_with_locks(void *arg)
{
	die_with_locks(arg);
	execl("/bin/true", "true", (char *)NULL);
	FAIL("exec: errno %d", errno);
}

/* exec(2) leaves the memory that the list lies in, as an exit does. */
static void robust_list_at_exec(void)
{
	struct robust_lock *l = shared_alloc(PAGE);

	l[3].word = 12345;
	wait_ok(spawn(exec_with_locks, l));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(l[i].word, 0x40000000);
	CHECK_EQ(l[3].word, 12345);
}

static void garbage_robust_list(void *arg)
{
	OK(syscall(SYS_set_robust_list, arg, sizeof(struct robust_head)));
}

/* Read at exit, when nothing can be reported any more. */
static void robust_list_of_garbage(void)
{
	static struct robust_head loop, wild;

	loop.list.next = &loop.list;
	loop.pending = (void *)0xffff800000000000;
	wild.list.next = (void *)0xffffffff80000000;
	wild.offset = -12345;
	wait_ok(spawn(garbage_robust_list, &loop));
	wait_ok(spawn(garbage_robust_list, &wild));
	wait_ok(spawn(garbage_robust_list, (void *)8));
	wait_ok(spawn(garbage_robust_list, (void *)0xffff800000000000));
	/* A cycle that does not come back to the head must have an end. */
	struct robust_lock *l = shared_alloc(PAGE);
	static struct robust_head cycle;
	cycle.list.next = &l[0].node;
	l[0].node.next = &l[1].node;
	l[1].node.next = &l[0].node;
	wait_ok(spawn(garbage_robust_list, &cycle));
}

static pthread_mutex_t *robust;

static void *die_holding(void *arg)
{
	pthread_mutex_lock(robust);
	return arg;
}

static void robust_mutex(void)
{
	pthread_mutexattr_t at;
	pthread_t t;

	robust = shared_alloc(PAGE);
	CHECK_EQ(pthread_mutexattr_init(&at), 0);
	CHECK_EQ(pthread_mutexattr_setrobust(&at, PTHREAD_MUTEX_ROBUST), 0);
	CHECK_EQ(pthread_mutexattr_setpshared(&at, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_mutex_init(robust, &at), 0);
	CHECK_EQ(pthread_create(&t, NULL, die_holding, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(pthread_mutex_lock(robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(robust), 0);
	CHECK_EQ(pthread_mutex_unlock(robust), 0);
	/* The same for a process that is killed. */
	struct gate g;
	gate_init(&g);
	pid_t pid = xfork();
	if (pid == 0) {
		pthread_mutex_lock(robust);
		gate_open(&g);
		for (;;)
			pause();
	}
	gate_wait(&g);
	CHECK_EQ(pthread_mutex_trylock(robust), EBUSY);
	kill_and_reap(pid);
	CHECK_EQ(pthread_mutex_lock(robust), EOWNERDEAD);
}

static const struct tap_case cases[] = {
	{ "value_has_changed", value_has_changed, 0 },
	{ "wake_nobody", wake_nobody, 0 },
	{ "time_out", time_out, 0 },
	{ "invalid_arguments", invalid_arguments, 0 },
	{ "between_processes", between_processes, 0 },
	{ "by_mapped_file", by_mapped_file, 0 },
	{ "private_is_per_process", private_is_per_process, 0 },
	{ "copy_on_write_memory", copy_on_write_memory, 0 },
	{ "wake_counts", wake_counts, 0 },
	{ "first_in_first_out", first_in_first_out, 0 },
	{ "bitsets", bitsets, 0 },
	{ "requeueing", requeueing, 0 },
	{ "requeued_then_killed", requeued_then_killed, 0 },
	{ "threads_private", threads_private, 0 },
	{ "ping_pong", ping_pong, 60 },
	{ "cleared_and_woken", cleared_and_woken, 0 },
	{ "set_tid_address_of_process", set_tid_address_of_process, 0 },
	{ "robust_list", robust_list, 0 },
	{ "robust_list_at_exec", robust_list_at_exec, 0 },
	{ "robust_list_of_garbage", robust_list_of_garbage, 0 },
	{ "robust_mutex", robust_mutex, 0 },
};

TAP_MAIN(cases)
