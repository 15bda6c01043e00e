/* SPDX-License-Identifier: MIT */
/*
 * signals.c - installing a handler, being interrupted, and two processes that
 * wake each other by signals.
 */
#include "bench.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void handler(int sig)
{
	(void)sig;
	caught++;
}

static void other_handler(int sig)
{
	(void)sig;
}

static void install(struct run *r)
{
	struct sigaction sa = { .sa_handler = handler };

	(void)r;
	must(sigaction(SIGUSR1, &sa, NULL) == 0);
}

static void install_run(struct run *r, long n)
{
	struct sigaction a = { .sa_handler = handler };
	struct sigaction b = { .sa_handler = other_handler }, old;

	(void)r;
	while (n-- > 0) {
		must(sigaction(SIGUSR2, n & 1 ? &a : &b, &old) == 0);
	}
	must(sigaction(SIGUSR2, &a, &old) == 0 &&
	     old.sa_handler == other_handler);
}

static void mask_run(struct run *r, long n)
{
	sigset_t set, old;

	(void)r;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	while (n-- > 0) {
		must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
		must(sigprocmask(SIG_UNBLOCK, &set, &old) == 0);
	}
	must(sigismember(&old, SIGUSR2) == 1);
	must(sigprocmask(SIG_BLOCK, NULL, &old) == 0);
	must(sigismember(&old, SIGUSR2) == 0);
}

static void deliver_run(struct run *r, long n)
{
	pid_t self = getpid();
	int before = caught;
	long i;

	(void)r;
	for (i = 0; i < n; i++)
		must(kill(self, SIGUSR1) == 0);
	must(caught == before + n);
}

static void fault_handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	caught++;
	must(mprotect(info->si_addr, PAGE, PROT_READ | PROT_WRITE) == 0);
}

static void fault_setup(struct run *r)
{
	struct sigaction sa = { .sa_sigaction = fault_handler,
				.sa_flags = SA_SIGINFO };

	must(sigaction(SIGSEGV, &sa, NULL) == 0);
	r->mem = map_anonymous(PAGE);
}

/* Write to a protected page; the handler unprotects it. */
static void fault_run(struct run *r, long n)
{
	volatile char *p = r->mem;
	int before = caught;
	long i;

	for (i = 0; i < n; i++) {
		must(mprotect(r->mem, PAGE, PROT_READ) == 0);
		*p = (char)i;
	}
	must(caught == before + n && *p == (char)(n - 1));
}

/* Block SIGUSR1, and return what to sigsuspend() with. */
static sigset_t block(void)
{
	sigset_t set, open;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigprocmask(SIG_BLOCK, &set, &open) == 0);
	sigdelset(&open, SIGUSR1);
	return open;
}

static void answer(struct run *r)
{
	pid_t parent = getppid();
	sigset_t open = block();
	int seen = 0;

	for (;;) {
		while (caught == seen)
			sigsuspend(&open);
		seen++;
		if (__atomic_load_n(&r->shared[0], __ATOMIC_SEQ_CST))
			return;
		must(kill(parent, SIGUSR1) == 0);
	}
}

static void trip_setup(struct run *r)
{
	install(r);
	block();
	r->peer = peer_start(r, answer);
}

static void trip_run(struct run *r, long n)
{
	sigset_t open = block();
	int seen = caught;

	while (n-- > 0) {
		must(kill(r->peer, SIGUSR1) == 0);
		while (caught == seen)
			sigsuspend(&open);
		seen++;
	}
	must(caught == seen);
}

static void trip_finish(struct run *r)
{
	__atomic_store_n(&r->shared[0], 1, __ATOMIC_SEQ_CST);
	must(kill(r->peer, SIGUSR1) == 0);
	peer_join(r->peer);
}

static const struct bench rows[] = {
	{ .name = "signal: install handler", .run = install_run },
	{ .name = "signal: block+unblock", .run = mask_run },
	{ .name = "signal: to self, handler, return", .setup = install,
	  .run = deliver_run },
	{ .name = "signal: mprotect, fault, handler, mprotect",
	  .setup = fault_setup, .run = fault_run },
	{ .name = "signal: round trip of 2 processes", .setup = trip_setup,
	  .run = trip_run, .finish = trip_finish },
};

const struct table signals_table = { rows, ALL(rows) };
