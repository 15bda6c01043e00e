/* SPDX-License-Identifier: MIT */
/*
 * sysv.c - System V messages, semaphores and shared memory. The objects are
 * marked for removal as soon as both sides hold them, or in finish().
 */
#include "bench.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

struct message {
	long type;		/* 1: there, 2: back */
	int value;		/* negative: the end */
};

#define VALUE	(sizeof(struct message) - offsetof(struct message, value))

static int object_or_skip(int id)
{
	return got_or_skip(id, "no System V IPC");
}

static void message_peer(struct run *r)
{
	struct message m;

	for (;;) {
		must(msgrcv(r->fd, &m, VALUE, 1, 0) == (ssize_t)VALUE);
		if (m.value < 0)
			return;
		m.type = 2;
		must(msgsnd(r->fd, &m, VALUE, 0) == 0);
	}
}

static void message_setup(struct run *r)
{
	r->fd = object_or_skip(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
	r->peer = peer_start(r, message_peer);
}

static void message_run(struct run *r, long n)
{
	struct message m;
	int value;

	while (n-- > 0) {
		value = (int)(n & 0xffff);
		m = (struct message){ .type = 1, .value = value };
		must(msgsnd(r->fd, &m, VALUE, 0) == 0);
		must(msgrcv(r->fd, &m, VALUE, 2, 0) == (ssize_t)VALUE);
		must(m.value == value);
	}
}

static void message_finish(struct run *r)
{
	struct message m = { .type = 1, .value = -1 };

	must(msgsnd(r->fd, &m, VALUE, 0) == 0);
	peer_join(r->peer);
	must(msgctl(r->fd, IPC_RMID, NULL) == 0);
}

static void semaphore_add(int id, unsigned short which, short add)
{
	struct sembuf op = { .sem_num = which, .sem_op = add };

	must(semop(id, &op, 1) == 0);
}

static void semaphore_peer(struct run *r)
{
	for (;;) {
		semaphore_add(r->fd, 0, -1);
		if (__atomic_load_n(&r->shared[0], __ATOMIC_SEQ_CST))
			return;
		r->shared[1]++;
		semaphore_add(r->fd, 1, 1);
	}
}

static void semaphore_setup(struct run *r)
{
	r->fd = object_or_skip(semget(IPC_PRIVATE, 2, IPC_CREAT | 0600));
	r->peer = peer_start(r, semaphore_peer);
}

static void semaphore_run(struct run *r, long n)
{
	int before = r->shared[1];
	long i;

	for (i = 0; i < n; i++) {
		semaphore_add(r->fd, 0, 1);
		semaphore_add(r->fd, 1, -1);
	}
	must(r->shared[1] == before + n);
}

static void semaphore_finish(struct run *r)
{
	__atomic_store_n(&r->shared[0], 1, __ATOMIC_SEQ_CST);
	semaphore_add(r->fd, 0, 1);
	peer_join(r->peer);
	must(semctl(r->fd, 0, IPC_RMID) == 0);
}

static void shm_setup(struct run *r)
{
	r->fd = object_or_skip(shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600));
}

static void shm_run(struct run *r, long n)
{
	char last = 0;
	volatile char *p;

	while (n-- > 0) {
		p = shmat(r->fd, NULL, 0);
		must((intptr_t)p != -1);
		must(r->count++ == 0 || *p == last);
		last = *p = (char)(*p + 1);
		must(shmdt((const void *)p) == 0);
	}
	r->count = 0;
}

static void shm_finish(struct run *r)
{
	must(shmctl(r->fd, IPC_RMID, NULL) == 0);
}

static const struct bench rows[] = {
	{ .name = "SysV message: round trip", .setup = message_setup,
	  .run = message_run, .finish = message_finish },
	{ .name = "SysV semaphore: round trip", .setup = semaphore_setup,
	  .run = semaphore_run, .finish = semaphore_finish },
	{ .name = "SysV shmat+touch+shmdt", .setup = shm_setup,
	  .run = shm_run, .finish = shm_finish },
};

const struct table sysv_table = { rows, ALL(rows) };
