/* SPDX-License-Identifier: MIT */
/*
 * ready.c - finding the one descriptor of N that is ready: poll, select,
 * epoll. The idle ones are pipes that nobody writes to, for epoll eventfds;
 * the ready one is a pipe with a byte in it, and the last of the set.
 */
#include "bench.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#define SELECT_MAX	32768		/* descriptors; fd_set has but 1024 */
#define WORD_BITS	64

static struct pollfd *set;
static uint64_t wanted[SELECT_MAX / WORD_BITS], ready[SELECT_MAX / WORD_BITS];
static int highest;

void allow_descriptors(long count)
{
	struct rlimit limit = { (rlim_t)count + 64, (rlim_t)count + 64 }, now;

	must(getrlimit(RLIMIT_NOFILE, &now) == 0);
	if (now.rlim_cur >= limit.rlim_cur)
		return;
	if (limit.rlim_max < now.rlim_max)
		limit.rlim_max = now.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		bench_skip("so many descriptors are not allowed");
}

static void pipes_setup(struct run *r)
{
	long i, n = r->b->arg;
	int p[2];

	allow_descriptors(2 * n);
	set = calloc((size_t)n, sizeof(*set));
	must(set != NULL);
	for (i = 0; i < n; i++) {
		pipe_make(p);
		set[i] = (struct pollfd){ .fd = p[0], .events = POLLIN };
	}
	must(write(p[1], "x", 1) == 1);
}

static void poll_run(struct run *r, long n)
{
	long last = r->b->arg - 1;

	while (n-- > 0) {
		set[last].revents = 0;
		must(poll(set, (nfds_t)r->b->arg, -1) == 1);
		must(set[last].revents == POLLIN);
	}
	must(last == 0 || set[0].revents == 0);
}

static uint64_t bit(int fd)
{
	return 1ULL << fd % WORD_BITS;
}

static void select_setup(struct run *r)
{
	long i;

	pipes_setup(r);
	highest = set[r->b->arg - 1].fd;
	must(highest < SELECT_MAX);
	for (i = 0; i < r->b->arg; i++)
		wanted[set[i].fd / WORD_BITS] |= bit(set[i].fd);
}

static void select_run(struct run *r, long n)
{
	size_t i, words = (size_t)highest / WORD_BITS + 1;

	(void)r;
	while (n-- > 0) {
		memcpy(ready, wanted, words * sizeof(*ready));
		must(select(highest + 1, (fd_set *)(void *)ready, NULL, NULL,
			    NULL) == 1);
		must(ready[words - 1] & bit(highest));
	}
	must(ready[words - 1] == bit(highest));
	for (i = 0; i < words - 1; i++)
		must(ready[i] == 0);
}

static void epoll_setup(struct run *r)
{
	struct epoll_event event = { .events = EPOLLIN };
	long i, n = r->b->arg;
	int p[2], fd;

	r->fd = got_or_skip(epoll_create1(0), "no epoll");
	allow_descriptors(n + 2);
	for (i = 0; i < n - 1; i++) {
		fd = got_or_skip(eventfd(0, 0), "no eventfd");
		event.data.u32 = (uint32_t)i;
		must(epoll_ctl(r->fd, EPOLL_CTL_ADD, fd, &event) == 0);
	}
	pipe_make(p);
	event.data.u32 = (uint32_t)i;
	must(epoll_ctl(r->fd, EPOLL_CTL_ADD, p[0], &event) == 0);
	must(write(p[1], "x", 1) == 1);
}

static void epoll_run(struct run *r, long n)
{
	struct epoll_event event;

	while (n-- > 0) {
		must(epoll_wait(r->fd, &event, 1, -1) == 1);
		must(event.data.u32 == (uint32_t)r->b->arg - 1);
	}
}

#define READY(call, n)							\
	{ .name = #call ", 1 ready of " #n, .setup = call##_setup,	\
	  .run = call##_run, .arg = n }
#define poll_setup	pipes_setup

static const struct bench rows[] = {
	READY(poll, 1), READY(poll, 10), READY(poll, 100), READY(poll, 1000),
	READY(poll, 10000),
	READY(select, 10), READY(select, 100), READY(select, 500),
	READY(select, 1000), READY(select, 10000),
	READY(epoll, 10), READY(epoll, 100), READY(epoll, 1000),
	READY(epoll, 10000),
};

const struct table ready_table = { rows, ALL(rows) };
