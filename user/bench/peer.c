/* SPDX-License-Identifier: MIT */
/*
 * peer.c - what benchmarks with more than one process share.
 *
 * Round trips: the peer echoes each byte; a byte that comes back is not the one
 * that went out fails the row. Streams: blocks of a fixed size, the first word
 * of each its number, the second non-zero in the last of a sample, upon which
 * the receiver acknowledges; so the clock stops when all has arrived.
 */
#include "bench.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FUTEX_WAIT	0
#define FUTEX_WAKE	1

/* Memory that is all zeros. */
static char *map(size_t size, int flags)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | flags, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

char *map_anonymous(size_t size)
{
	return map(size, MAP_PRIVATE);
}

int *shared_page(void)
{
	return (int *)(void *)map(PAGE, MAP_SHARED);
}

pid_t peer_start(struct run *r, void (*body)(struct run *r))
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid == 0) {
		body(r);
		_exit(0);
	}
	return pid;
}

/* Wait for a peer that ends by itself, and ends well. */
void peer_join(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid);
	must(status == 0);
}

void pipe_make(int p[2])
{
	must(pipe(p) == 0);
}

void read_all(int fd, void *buf, size_t n)
{
	char *p = buf;
	ssize_t got;

	while (n > 0) {
		got = read(fd, p, n);
		must(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

void write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;
	ssize_t done;

	while (n > 0) {
		done = write(fd, p, n);
		must(done > 0);
		p += done;
		n -= (size_t)done;
	}
}

void futex_wait(int *word, int value)
{
	while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value)
		syscall(SYS_futex, word, FUTEX_WAIT, !value, NULL, NULL, 0);
}

int futex_wake(int *word, int count)
{
	return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

static void close_pair(const int fd[2])
{
	close(fd[0]);
	if (fd[1] != fd[0])
		close(fd[1]);
}

/* The peer of round_trip(). An end of file ends it, or an empty datagram. */
void echo_until_end(struct run *r)
{
	char c;

	while (read(r->in, &c, 1) == 1)
		must(write(r->out, &c, 1) == 1);
}

static void trip_peer(struct run *r)
{
	close_pair(r->aux);
	echo_until_end(r);
}

/* Start a peer for round_trip(); of each pair the first is read from. */
void trip_start(struct run *r, const int mine[2], const int peers[2])
{
	memcpy(r->aux, mine, sizeof(r->aux));
	r->in = peers[0];
	r->out = peers[1];
	r->peer = peer_start(r, trip_peer);
	close_pair(peers);
	r->in = mine[0];
	r->out = mine[1];
}

void round_trip(struct run *r, long n)
{
	char c, back;

	while (n-- > 0) {
		c = (char)r->count++;
		must(write(r->out, &c, 1) == 1);
		must(read(r->in, &back, 1) == 1);
		must(back == c);
	}
}

void round_trip_finish(struct run *r)
{
	close(r->out);
	if (r->in != r->out)
		close(r->in);
	peer_join(r->peer);
}

void stream_send(struct run *r, long n)
{
	uint64_t *head = (uint64_t *)(void *)r->mem;
	char ack;

	while (n-- > 0) {
		head[0] = r->count++;
		head[1] = n == 0;
		write_all(r->out, r->mem, r->size);
	}
	must(read(r->aux[0], &ack, 1) == 1);
}

/* The peer of stream_send(); ends with the stream. */
static void stream_receive(struct run *r)
{
	uint64_t *head = (uint64_t *)(void *)r->mem, expected = 0;
	uint64_t *tail = (uint64_t *)(void *)(r->mem + r->size) - 1;
	uint64_t mark = *tail;
	ssize_t got;

	close(r->out);
	for (;;) {
		*tail = 0;
		got = read(r->in, r->mem, r->size);
		if (got == 0)
			return;
		must(got > 0);
		read_all(r->in, r->mem + got, r->size - (size_t)got);
		must(head[0] == expected++ && *tail == mark);
		if (head[1])
			must(write(r->aux[1], "", 1) == 1);
	}
}

/* Start a receiver of blocks as large as the row says; the ends of a stream. */
void stream_start(struct run *r, int from, int to)
{
	r->size = r->b->bytes;
	r->mem = map_anonymous(r->size);
	((uint64_t *)(void *)(r->mem + r->size))[-1] = 0x1234567;
	pipe_make(r->aux);
	r->in = from;
	r->out = to;
	r->peer = peer_start(r, stream_receive);
	close(from);
}

void stream_finish(struct run *r)
{
	close(r->out);
	peer_join(r->peer);
}
