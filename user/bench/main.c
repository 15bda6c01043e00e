/* SPDX-License-Identifier: MIT */
/*
 * main.c - bench: what an operation of the kernel costs, as a table.
 *
 *	bench [--json] [--clock mono|tsc] [--samples N] [--quick]
 *	      [--disk DIR] [--device FILE] [WORD...]
 *	bench --list
 *
 * Rows whose names contain one of the WORDs, or all. --clock tsc counts the
 * CPU's time stamps, which in QEMU with -icount shift=0 are instructions.
 * --quick shows that every row works and measures nothing. --disk DIR adds the
 * rows that need an ext2 file system on a disk, --device FILE those that need a disk
 * whose contents do not matter.
 *
 * Each row: n is doubled until one call of run() lasts TARGET, which is the
 * warm-up too; then come the samples. The figure is their median; the least
 * and the spread say how far it can be trusted. The row runs in a child, which
 * hands its samples over in shared memory. Samples are many and short rather
 * than few and long: a host that takes the CPU away then spoils only some.
 */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TARGET_NS	1000000		/* the least that a sample lasts */
#define TARGET_TICKS	1000000		/* ... with --clock tsc */
#define LONG_NS		60000000	/* samples above this: only SHORT_RUN */
#define SHORT_RUN	7
#define TIMEOUT_S	60
#define SKIPPED		77

static const struct table *const tables[] = {
	&calls_table, &signals_table, &process_table, &memory_table,
	&filemap_table, &switch_table, &ipc_table, &sysv_table,
	&socket_table, &ready_table, &names_table, &disk_table,
};

const char *bench_path, *bench_disk, *bench_device;

static struct {
	bool json, list, quick, ticks;
	int samples;
	char **words;
} opt = { .samples = 21 };

static struct result *result;		/* shared with the row's process */

static uint64_t now(void)
{
	struct timespec t;
	uint32_t lo, hi;

	if (opt.ticks) {
		__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
		return (uint64_t)hi << 32 | lo;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void timer_start(struct run *r)
{
	r->stopped = 0;
	r->started = now();
}

void timer_stop(struct run *r)
{
	r->stopped = now();
}

_Noreturn void bench_fail(const char *what)
{
	snprintf(result->note, sizeof(result->note), "FAILED: %s (%s)", what,
		 errno ? strerror(errno) : "no error");
	_exit(1);
}

_Noreturn void bench_skip(const char *why)
{
	snprintf(result->note, sizeof(result->note), "skipped: %s", why);
	_exit(SKIPPED);
}

void must_be(bool ok, const char *what)
{
	if (!ok)
		bench_fail(what);
}

/* What a call has returned, or the end of this row where there is no such call. */
int got_or_skip(int result, const char *why)
{
	if (result < 0 && (errno == ENOSYS || errno == EAFNOSUPPORT))
		bench_skip(why);
	must(result >= 0);
	return result;
}

/* The time that @n operations take. */
static uint64_t measure(struct run *r, long n)
{
	errno = 0;
	timer_start(r);
	r->b->run(r, n);
	if (r->stopped == 0)
		timer_stop(r);
	return r->stopped - r->started;
}

/* Warm up, and find how many operations make a sample. */
static long choose_count(struct run *r, uint64_t *last)
{
	uint64_t target = opt.ticks ? TARGET_TICKS : TARGET_NS;
	long n = 1;

	for (;;) {
		*last = measure(r, n);
		if (opt.quick || *last >= target || n == r->b->max)
			return n;
		n *= 2;
		if (r->b->max != 0 && n > r->b->max)
			n = r->b->max;
	}
}

/* The row's process. */
static _Noreturn void run_row(const struct bench *b)
{
	struct run r = { .b = b, .in = -1, .out = -1, .fd = -1 };
	int i, samples = opt.samples;
	uint64_t t;

	setpgid(0, 0);		/* so that main() can end what is left */
	alarm(TIMEOUT_S);
	r.shared = shared_page();
	if (b->setup)
		b->setup(&r);
	result->n = choose_count(&r, &t);
	if (t > LONG_NS && samples > SHORT_RUN)
		samples = SHORT_RUN;
	for (i = 0; i < samples; i++)
		result->sample[i] = (double)measure(&r, result->n) /
				    (double)result->n;
	if (b->finish)
		b->finish(&r);
	result->count = samples;
	_exit(0);
}

/* Returns false when the row does not work. */
static bool bench_row(const struct bench *b)
{
	struct timespec settle = { .tv_nsec = 3000000 };
	int status;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	fflush(stdout);
	nanosleep(&settle, NULL);	/* the output is relayed by somebody */
	pid = fork();
	if (pid == 0)
		run_row(b);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("bench: fork");
		exit(1);
	}
	kill(-pid, SIGKILL);		/* helpers, if it left any */
	if (status != 0 && !result->note[0]) {
		result->count = 0;
		snprintf(result->note, sizeof(result->note),
			 WIFSIGNALED(status) ? "FAILED: signal %d" :
			 "FAILED: status %d",
			 WIFSIGNALED(status) ? WTERMSIG(status) :
			 WEXITSTATUS(status));
	}
	report_row(opt.json, opt.ticks, b, result);
	return strncmp(result->note, "FAILED", 6) != 0;
}

static bool wanted(const char *name)
{
	char **word;

	if (!opt.words[0])
		return true;
	for (word = opt.words; *word; word++) {
		if (strstr(name, *word))
			return true;
	}
	return false;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench [--json] [--clock mono|tsc] "
		"[--samples N] [--quick] [--disk DIR] "
		"[--device FILE] [--list] [WORD...]\n");
	return 2;
}

static bool parse(char **argv)
{
	for (argv++; *argv && !strncmp(*argv, "--", 2); argv++) {
		if (!strcmp(*argv, "--json"))
			opt.json = true;
		else if (!strcmp(*argv, "--list"))
			opt.list = true;
		else if (!strcmp(*argv, "--quick"))
			opt.quick = true;
		else if (!strcmp(*argv, "--samples") && argv[1])
			opt.samples = atoi(*++argv);
		else if (!strcmp(*argv, "--disk") && argv[1])
			bench_disk = *++argv;
		else if (!strcmp(*argv, "--device") && argv[1])
			bench_device = *++argv;
		else if (!strcmp(*argv, "--clock") && argv[1])
			opt.ticks = !strcmp(*++argv, "tsc");
		else
			return false;
	}
	if (opt.quick)
		opt.samples = 1;
	opt.words = argv;
	return opt.samples >= 1 && opt.samples <= SAMPLES_MAX;
}

static void find_self(char *name)
{
	static char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	bench_path = n > 0 ? path : name;
}

int main(int argc, char **argv)
{
	size_t i, j;
	int failed = 0;

	if (argc == 2 && !strcmp(argv[1], "--exit"))
		_exit(7);		/* what the exec rows run */
	if (!parse(argv))
		return usage();
	find_self(argv[0]);
	signal(SIGPIPE, SIG_IGN);
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED ||
	    (mkdir(SCRATCH, 0700) < 0 && errno != EEXIST)) {
		perror("bench: cannot start");
		return 1;
	}
	if (!opt.list)
		report_begin(opt.json, opt.ticks ? "tsc" : "mono");
	for (i = 0; i < ALL(tables); i++) {
		if (tables[i] == &disk_table && !bench_disk && !bench_device)
			continue;
		for (j = 0; j < tables[i]->count; j++) {
			if (!wanted(tables[i]->rows[j].name))
				continue;
			if (opt.list)
				puts(tables[i]->rows[j].name);
			else if (!bench_row(&tables[i]->rows[j]))
				failed = 1;
		}
	}
	if (!opt.list)
		report_end(opt.json);
	rmdir(SCRATCH);
	return failed;
}
