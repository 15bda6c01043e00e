/* SPDX-License-Identifier: MIT */
/*
 * ipc.c - pipes, FIFOs and eventfds between two processes.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK		65536
#define END		(1ULL << 32)	/* through an eventfd: no more */

static int there[2], back[2];

static void pipe_peer(struct run *r)
{
	close(there[1]);
	close(back[0]);
	r->in = there[0];
	r->out = back[1];
	echo_until_end(r);
}

static void pipe_setup(struct run *r)
{
	pipe_make(there);
	pipe_make(back);
	r->peer = peer_start(r, pipe_peer);
	close(there[0]);
	close(back[1]);
	r->out = there[1];
	r->in = back[0];
}

/* To oneself: the two copies and no switch. */
static void self_setup(struct run *r)
{
	pipe_make(there);
	r->out = there[1];
	r->in = there[0];
}

static void fifo_peer(struct run *r)
{
	r->in = open(SCRATCH "/there", O_RDONLY);
	r->out = open(SCRATCH "/back", O_WRONLY);
	must(r->in >= 0 && r->out >= 0);
	echo_until_end(r);
}

static void fifo_setup(struct run *r)
{
	unlink(SCRATCH "/there");
	unlink(SCRATCH "/back");
	must(mkfifo(SCRATCH "/there", 0600) == 0);
	must(mkfifo(SCRATCH "/back", 0600) == 0);
	r->peer = peer_start(r, fifo_peer);
	r->out = open(SCRATCH "/there", O_WRONLY);
	r->in = open(SCRATCH "/back", O_RDONLY);
	must(r->in >= 0 && r->out >= 0);
}

static void fifo_finish(struct run *r)
{
	round_trip_finish(r);
	unlink(SCRATCH "/there");
	unlink(SCRATCH "/back");
}

static void eventfd_peer(struct run *r)
{
	uint64_t v;

	for (;;) {
		must(read(r->out, &v, sizeof(v)) == sizeof(v));
		if (v == END)
			return;
		must(write(r->in, &v, sizeof(v)) == sizeof(v));
	}
}

static void eventfd_setup(struct run *r)
{
	r->out = eventfd(0, 0);
	if (r->out < 0 && errno == ENOSYS)
		bench_skip("no eventfd");
	r->in = eventfd(0, 0);
	must(r->in >= 0 && r->out >= 0);
	r->peer = peer_start(r, eventfd_peer);
}

static void eventfd_run(struct run *r, long n)
{
	uint64_t v, got;

	while (n-- > 0) {
		v = 1 + (r->count++ & 1023);
		must(write(r->out, &v, sizeof(v)) == sizeof(v));
		must(read(r->in, &got, sizeof(got)) == sizeof(got));
		must(got == v);
	}
}

static void eventfd_finish(struct run *r)
{
	uint64_t v = END;

	must(write(r->out, &v, sizeof(v)) == sizeof(v));
	peer_join(r->peer);
}

static void pipe_receiver(struct run *r)
{
	close(there[1]);
	r->in = there[0];
	stream_receive(r);
}

static void pipe_stream_setup(struct run *r)
{
	r->size = r->b->bytes;
	r->mem = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(r->mem != MAP_FAILED);
	((uint64_t *)(void *)(r->mem + r->size))[-1] = 0x1234567;
	pipe_make(there);
	pipe_make(r->aux);
	r->peer = peer_start(r, pipe_receiver);
	close(there[0]);
	r->out = there[1];
}

static const struct bench rows[] = {
	{ .name = "pipe: write and read 1 byte, alone", .setup = self_setup,
	  .run = round_trip },
	{ .name = "pipe: round trip", .setup = pipe_setup, .run = round_trip,
	  .finish = round_trip_finish },
	{ .name = "FIFO: round trip", .setup = fifo_setup, .run = round_trip,
	  .finish = fifo_finish },
	{ .name = "eventfd: round trip", .setup = eventfd_setup,
	  .run = eventfd_run, .finish = eventfd_finish },
	{ .name = "pipe: bandwidth, 4 KiB blocks",
	  .setup = pipe_stream_setup, .run = stream_send,
	  .finish = stream_finish, .bytes = 4096 },
	{ .name = "pipe: bandwidth, 64 KiB blocks",
	  .setup = pipe_stream_setup, .run = stream_send,
	  .finish = stream_finish, .bytes = BLOCK },
};

const struct table ipc_table = { rows, ALL(rows) };
