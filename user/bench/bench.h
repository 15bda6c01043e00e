/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what a benchmark is, and what the harness offers to it.
 *
 * A benchmark is a row of a table: a name and up to three functions. Each runs
 * in a process of its own, so that it may leave descriptors, mappings and
 * children behind, and so that its death costs one row and not the table.
 *
 *	setup	once; may call bench_skip()
 *	run	does the operation @n times; called for the warm-up, to find a
 *		good n, and once for each sample. What is timed is the call as
 *		a whole, or what lies between timer_start() and timer_stop().
 *	finish	once; checks what could not be checked before
 *
 * A benchmark that does not check its results measures nothing: whatever is
 * wrong ends it through must() or bench_fail(), and its row says so.
 */
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE		4096
#define SCRATCH		"/tmp/bench"	/* a folder of ours; made by main() */
#define ALL(table)	(sizeof(table) / sizeof((table)[0]))

/* One benchmark while it runs. The fields below the line are its own. */
struct run {
	const struct bench *b;
	uint64_t started, stopped;	/* by timer_start(), timer_stop() */

	int in, out;			/* descriptors to talk to a peer */
	int fd;
	int aux[2];
	pid_t peer;
	char *mem;
	size_t size;
	int *shared;			/* a page shared with all children */
	uint64_t count;
};

struct bench {
	const char *name;
	void (*setup)(struct run *r);
	void (*run)(struct run *r, long n);
	void (*finish)(struct run *r);
	long arg, arg2;		/* parameters of this row */
	size_t bytes;		/* moved by one operation: the row is MB/s */
	long max;		/* of n; 0: no limit */
};

struct table {
	const struct bench *rows;
	size_t count;
};

/* main.c: the harness */
extern const char *bench_path;		/* of this program, for exec */
extern const char *bench_disk, *bench_device;	/* --disk, --device, or NULL */
void timer_start(struct run *r);
void timer_stop(struct run *r);
_Noreturn void bench_fail(const char *what);
_Noreturn void bench_skip(const char *why);
void must_be(bool ok, const char *what);
#define must(ok)	must_be((ok), #ok)
int got_or_skip(int result, const char *why);

/* peer.c: memory, children and threads to work with */
char *map_anonymous(size_t size);
int *shared_page(void);
pid_t peer_start(struct run *r, void (*body)(struct run *r));
void peer_join(pid_t pid);
void pipe_make(int p[2]);
void read_all(int fd, void *buf, size_t n);
void write_all(int fd, const void *buf, size_t n);
void futex_wait(int *word, int value);
int futex_wake(int *word, int count);
void echo_until_end(struct run *r);
void trip_start(struct run *r, const int mine[2], const int peers[2]);
void round_trip(struct run *r, long n);
void round_trip_finish(struct run *r);
void stream_start(struct run *r, int from, int to);
void stream_send(struct run *r, long n);
void stream_finish(struct run *r);

/* ready.c */
void allow_descriptors(long count);

/* report.c: figures out of samples, and the two forms of output */
#define SAMPLES_MAX	64
struct result {
	char note[120];		/* why there are no figures, or "" */
	long n;			/* operations in a sample */
	int count;		/* of samples */
	double sample[SAMPLES_MAX];	/* clock units for one operation */
};
void report_begin(bool json, const char *clock);
void report_row(bool json, bool ticks, const struct bench *b,
		struct result *res);
void report_end(bool json);

/* the tables, one a file */
extern const struct table calls_table, signals_table, process_table,
	memory_table, filemap_table, switch_table, ipc_table, sysv_table,
	socket_table, ready_table, names_table, disk_table;

#endif
