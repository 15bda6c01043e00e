/* SPDX-License-Identifier: MIT */
/*
 * socket.c - sockets inside one machine: Unix, and TCP and UDP on loopback.
 * Loopback is brought up here, since not every init does.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define C10K	10000

static int socket_or_skip(int domain, int type)
{
	return got_or_skip(socket(domain, type, 0), "no such sockets");
}

static void loopback_up(int s)
{
	struct ifreq request = { .ifr_name = "lo" };

	if (ioctl(s, SIOCGIFFLAGS, &request) < 0)
		bench_skip("no loopback");
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	must(ioctl(s, SIOCSIFFLAGS, &request) == 0);
}

/* A bound socket on loopback; *@at is where. */
static int bound(int type, struct sockaddr_in *at)
{
	int s = socket_or_skip(AF_INET, type);
	socklen_t len = sizeof(*at);

	loopback_up(s);
	*at = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(bind(s, (struct sockaddr *)at, sizeof(*at)) == 0);
	must(getsockname(s, (struct sockaddr *)at, &len) == 0);
	return s;
}

static void no_delay(int s)
{
	int on = 1;

	must(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
}

/* Two connected ends of the kind that the row's arg and arg2 name. */
static void pair_make(struct run *r, int pair[2])
{
	int domain = (int)r->b->arg, type = (int)r->b->arg2, listener;
	struct sockaddr_in a, b;

	if (domain == AF_UNIX) {
		close(socket_or_skip(domain, type));
		must(socketpair(domain, type, 0, pair) == 0);
	} else if (type == SOCK_DGRAM) {
		pair[0] = bound(type, &a);
		pair[1] = bound(type, &b);
		must(connect(pair[0], (struct sockaddr *)&b, sizeof(b)) == 0);
		must(connect(pair[1], (struct sockaddr *)&a, sizeof(a)) == 0);
	} else {
		listener = bound(type, &a);
		must(listen(listener, 1) == 0);
		pair[0] = socket_or_skip(domain, type);
		must(connect(pair[0], (struct sockaddr *)&a, sizeof(a)) == 0);
		pair[1] = accept(listener, NULL, NULL);
		must(pair[1] >= 0 && close(listener) == 0);
		no_delay(pair[0]);
		no_delay(pair[1]);
	}
}

static int ends[2];

static void trip_setup(struct run *r)
{
	pair_make(r, ends);
	trip_start(r, (int[]){ ends[0], ends[0] }, (int[]){ ends[1], ends[1] });
}

static void trip_finish(struct run *r)
{
	must(r->b->arg2 != SOCK_DGRAM || send(r->out, "", 0, 0) == 0);
	round_trip_finish(r);
}

static void send_setup(struct run *r)
{
	pair_make(r, ends);
	stream_start(r, ends[1], ends[0]);
}

static struct sockaddr_in server;

static void accept_peer(struct run *r)
{
	char c;
	int s;

	do {
		s = accept(r->fd, NULL, NULL);
		must(s >= 0 && read(s, &c, 1) == 1);
		must(write(s, &c, 1) == 1 && close(s) == 0);
	} while (c != 'e');
}

static void connect_once(char c)
{
	int s = socket_or_skip(AF_INET, SOCK_STREAM);
	struct linger reset = { .l_onoff = 1 };
	char back;

	must(connect(s, (struct sockaddr *)&server, sizeof(server)) == 0);
	must(write(s, &c, 1) == 1 && read(s, &back, 1) == 1 && back == c);
	/* No TIME_WAIT, or the ports would run out. */
	must(setsockopt(s, SOL_SOCKET, SO_LINGER, &reset,
			sizeof(reset)) == 0);
	must(close(s) == 0);
}

static void connect_setup(struct run *r)
{
	r->fd = bound(SOCK_STREAM, &server);
	must(listen(r->fd, 16) == 0);
	r->peer = peer_start(r, accept_peer);
}

static void connect_run(struct run *r, long n)
{
	(void)r;
	while (n-- > 0)
		connect_once('x');
}

static void connect_finish(struct run *r)
{
	connect_once('e');
	peer_join(r->peer);
}

/* 10,000 connections, both ends here, and the server's watched by epoll. */
static int clients[C10K];

static void many_setup(struct run *r)
{
	struct epoll_event event = { .events = EPOLLIN };
	int i, listener = bound(SOCK_STREAM, &server);

	r->fd = got_or_skip(epoll_create1(0), "no epoll");
	allow_descriptors(2 * C10K);
	must(listen(listener, 16) == 0);
	for (i = 0; i < C10K; i++) {
		clients[i] = socket_or_skip(AF_INET, SOCK_STREAM);
		must(connect(clients[i], (struct sockaddr *)&server,
			     sizeof(server)) == 0);
		event.data.fd = accept(listener, NULL, NULL);
		must(event.data.fd >= 0);
		must(epoll_ctl(r->fd, EPOLL_CTL_ADD, event.data.fd,
			       &event) == 0);
	}
}

/* The next client sends a byte; the server finds it, and sends it back. */
static void many_run(struct run *r, long n)
{
	struct epoll_event event;
	char c, got, back;
	int client;

	while (n-- > 0) {
		client = clients[r->count++ * 7919 % C10K];
		c = (char)r->count;
		must(write(client, &c, 1) == 1);
		must(epoll_wait(r->fd, &event, 1, -1) == 1);
		must(read(event.data.fd, &got, 1) == 1);
		must(write(event.data.fd, &got, 1) == 1);
		must(read(client, &back, 1) == 1 && back == c);
	}
}

#define TRIP(text, domain, type)					\
	{ .name = text ": round trip", .setup = trip_setup,		\
	  .run = round_trip, .finish = trip_finish, .arg = domain,	\
	  .arg2 = type }
#define SEND(text, domain)						\
	{ .name = text ": bandwidth, 64 KiB blocks",			\
	  .setup = send_setup, .run = stream_send,			\
	  .finish = stream_finish, .arg = domain, .arg2 = SOCK_STREAM,	\
	  .bytes = 65536 }

static const struct bench rows[] = {
	TRIP("Unix stream", AF_UNIX, SOCK_STREAM),
	TRIP("TCP loopback", AF_INET, SOCK_STREAM),
	TRIP("UDP loopback", AF_INET, SOCK_DGRAM),
	SEND("Unix stream", AF_UNIX),
	SEND("TCP loopback", AF_INET),
	{ .name = "TCP loopback: connect+byte+close",
	  .setup = connect_setup, .run = connect_run,
	  .finish = connect_finish },
	{ .name = "TCP loopback: C10K, epoll, 1 byte there and back",
	  .setup = many_setup, .run = many_run },
};

const struct table socket_table = { rows, ALL(rows) };
