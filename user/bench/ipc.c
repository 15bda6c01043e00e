/* SPDX-License-Identifier: MIT */
/*
 * ipc.c - pipes, FIFOs and eventfds between two processes.
 */
#include "bench.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define END		(1ULL << 32)	/* through an eventfd: no more */

static int there[2], back[2];

static void pipe_setup(struct run *r)
{
	pipe_make(there);
	pipe_make(back);
	trip_start(r, (int[]){ back[0], there[1] }, (int[]){ there[0], back[1] });
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
	r->out = got_or_skip(eventfd(0, 0), "no eventfd");
	r->in = eventfd(0, 0);
	must(r->in >= 0);
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

static void pipe_stream_setup(struct run *r)
{
	pipe_make(there);
	stream_start(r, there[0], there[1]);
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
	  .finish = stream_finish, .bytes = 65536 },
};

const struct table ipc_table = { rows, ALL(rows) };
