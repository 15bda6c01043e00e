/* SPDX-License-Identifier: MIT */
/*
 * switch.c - giving the CPU to another thread or process: a ring of pipes,
 * sched_yield(), futexes.
 *
 * The ring has .arg processes; a token goes round, and who has it walks over
 * .arg2 bytes of its own before it passes it on. The operation is one time
 * round; divided by .arg it is a hop: write, switch, read, and the walk.
 */
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define RING_MAX	16

static int ring[RING_MAX][2];	/* ring[i]: from process i to i + 1 */
static pid_t members[RING_MAX];
static char work[65536];
static int position;		/* of this process */

static void walk(long bytes)
{
	long i;

	for (i = 0; i < bytes; i += 64)
		((volatile char *)work)[i]++;
}

/* Keep what this process reads and writes. */
static void ring_close_others(int size)
{
	int i, before = (position + size - 1) % size;

	for (i = 0; i < size; i++) {
		if (i != before)
			close(ring[i][0]);
		if (i != position)
			close(ring[i][1]);
	}
}

static void ring_member(struct run *r)
{
	int size = (int)r->b->arg, before = position - 1;
	uint32_t token;

	ring_close_others(size);
	while (read(ring[before][0], &token, sizeof(token)) == sizeof(token)) {
		walk(r->b->arg2);
		token++;
		must(write(ring[position][1], &token, sizeof(token)) ==
		     sizeof(token));
	}
}

static void ring_setup(struct run *r)
{
	int i, size = (int)r->b->arg;

	for (i = 0; i < size; i++)
		pipe_make(ring[i]);
	for (position = 1; position < size; position++)
		members[position] = peer_start(r, ring_member);
	position = 0;
	ring_close_others(size);
}

static void ring_run(struct run *r, long n)
{
	int size = (int)r->b->arg;
	uint32_t token = 0;
	long i;

	for (i = 0; i < n; i++) {
		walk(r->b->arg2);
		token++;
		must(write(ring[0][1], &token, sizeof(token)) ==
		     sizeof(token));
		must(read(ring[size - 1][0], &token, sizeof(token)) ==
		     sizeof(token));
	}
	must(token == (uint32_t)(n * size));
}

static void ring_finish(struct run *r)
{
	int i;

	close(ring[0][1]);
	for (i = 1; i < r->b->arg; i++)
		peer_join(members[i]);
}

static void yield_peer(struct run *r)
{
	volatile int *shared = r->shared;

	while (!shared[0]) {
		shared[1]++;
		sched_yield();
	}
}

/* Both on one CPU, or there is nothing to yield to. */
static void yield_setup(struct run *r)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must(sched_setaffinity(0, sizeof(one), &one) == 0);
	r->peer = peer_start(r, yield_peer);
	while (!((volatile int *)r->shared)[1])
		sched_yield();
}

static void yield_run(struct run *r, long n)
{
	(void)r;
	while (n-- > 0)
		must(sched_yield() == 0);
}

/* Until the other has run: a scheduler may let a yielding process go on. */
static void hand_over_run(struct run *r, long n)
{
	volatile int *turns = &r->shared[1];
	int before;

	while (n-- > 0) {
		before = *turns;
		do
			must(sched_yield() == 0);
		while (*turns == before);
	}
}

static void yield_finish(struct run *r)
{
	must(((volatile int *)r->shared)[1] > 1);
	((volatile int *)r->shared)[0] = 1;
	peer_join(r->peer);
}

/* Words 0 and 1 say whose turn it is; 2 means the end. */
static void futex_answer(struct run *r)
{
	int *word = r->shared;

	for (;;) {
		futex_wait(&word[0], 1);
		__atomic_store_n(&word[0], 0, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&word[2], __ATOMIC_SEQ_CST))
			return;
		word[3]++;
		__atomic_store_n(&word[1], 1, __ATOMIC_SEQ_CST);
		futex_wake(&word[1], 1);
	}
}

static void futex_give(int *word)
{
	__atomic_store_n(&word[0], 1, __ATOMIC_SEQ_CST);
	futex_wake(&word[0], 1);
}

static void futex_run(struct run *r, long n)
{
	int *word = r->shared, before = word[3];
	long i;

	for (i = 0; i < n; i++) {
		futex_give(word);
		futex_wait(&word[1], 1);
		__atomic_store_n(&word[1], 0, __ATOMIC_SEQ_CST);
	}
	must(word[3] == before + n);
}

static void futex_setup(struct run *r)
{
	r->peer = peer_start(r, futex_answer);
}

static void futex_finish(struct run *r)
{
	__atomic_store_n(&r->shared[2], 1, __ATOMIC_SEQ_CST);
	futex_give(r->shared);
	peer_join(r->peer);
}

static pthread_t thread;

static void *futex_thread(void *arg)
{
	futex_answer(arg);
	return NULL;
}

static void thread_setup(struct run *r)
{
	must(pthread_create(&thread, NULL, futex_thread, r) == 0);
}

static void thread_finish(struct run *r)
{
	__atomic_store_n(&r->shared[2], 1, __ATOMIC_SEQ_CST);
	futex_give(r->shared);
	must(pthread_join(thread, NULL) == 0);
}

static void futex_idle_run(struct run *r, long n)
{
	while (n-- > 0)
		must(futex_wake(&r->shared[0], 1) == 0);
}

#define RING(text, processes, bytes)					\
	{ .name = "pipe ring, " text, .setup = ring_setup,		\
	  .run = ring_run, .finish = ring_finish, .arg = processes,	\
	  .arg2 = bytes }

static const struct bench rows[] = {
	RING("2 processes, 0 KiB", 2, 0),
	RING("8 processes, 0 KiB", 8, 0),
	RING("16 processes, 0 KiB", 16, 0),
	RING("2 processes, 16 KiB", 2, 16384),
	RING("8 processes, 16 KiB", 8, 16384),
	RING("16 processes, 16 KiB", 16, 16384),
	{ .name = "sched_yield, nobody else", .run = yield_run },
	{ .name = "sched_yield until the other has run",
	  .setup = yield_setup, .run = hand_over_run,
	  .finish = yield_finish },
	{ .name = "futex: wake nobody", .run = futex_idle_run },
	{ .name = "futex: round trip, threads", .setup = thread_setup,
	  .run = futex_run, .finish = thread_finish },
	{ .name = "futex: round trip, processes", .setup = futex_setup,
	  .run = futex_run, .finish = futex_finish },
};

const struct table switch_table = { rows, ALL(rows) };
