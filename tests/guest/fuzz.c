/* SPDX-License-Identifier: MIT */
/*
 * fuzz.c - random system calls with random arguments, by a user without rights.
 *
 * A fuzzer is a child that becomes a nobody with low limits, opens some
 * descriptors and then makes calls at random.  It may come to any end: by its
 * own calls it loses its stack, its signal handlers or its descriptors.  What
 * it must not do is harm anybody else, so the case passes when the machine is
 * still there afterwards and, by the harness's counters, nothing has leaked.
 *
 * Arguments are not blind: pointers lead to memory of several kinds with
 * halfway plausible contents, to its edges and into the kernel; numbers lie at
 * the edges of ranges.  The seed makes the sequence of one thread repeatable.
 *
 * FUZZ_ROUNDS=N in the environment makes N fuzzers instead of ROUNDS, and
 * FUZZ_SEED=N starts elsewhere; TAP_TIMEOUT must then allow for it.
 */
#define _GNU_SOURCE
#include "lib/tap.h"
#include "lib/util.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS		40
#define CALLS		300	/* a fuzzer's; few live to see the last */
#define LIFE_MS		250	/* then it is killed: it may sleep for ever */
#define NR_LIMIT	335	/* of the classic numbers */
#define BUF_SIZE	(2 * PAGE)

/*
 * Not called: what ends or stops the fuzzer at once, what reaches other
 * processes, what makes objects that outlive it, what is slow on a real disk,
 * and what would leave its directory.
 */
static const short left_out[] = {
	SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigsuspend, SYS_kill,
	SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
	SYS_reboot, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_shmget, SYS_semget, SYS_msgget, SYS_mq_open, SYS_add_key,
	SYS_request_key, SYS_keyctl, SYS_sync, SYS_syncfs, SYS_chdir,
	SYS_fchdir, SYS_chroot, SYS_unshare, SYS_setns, SYS_seccomp, SYS_bpf,
	SYS_perf_event_open, SYS_userfaultfd, SYS_kexec_load, SYS_sysfs,
	SYS_execve, SYS_execveat,
};

static const char *const paths[] = {
	"a", "b", "d", "d/a", "l", ".", "", "/", "/dev/null", "/dev/zero",
	"/dev/tty", "/proc/self/stat", "/proc/self/fd/3", "/proc/self/mem",
	"no/such/file", "d/../a", "////", "/proc/self/root/dev/full",
};

/* One per thread. */
struct fuzzer {
	unsigned long state;		/* of the generator */
	unsigned char *buf;		/* BUF_SIZE, then a page without rights */
	const char *read_only;		/* a page */
};

/* Without errno, which the thread's storage holds: that may be gone. */
static long call(long nr, const long a[6])
{
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];
	long ret;

	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* xorshift64* */
static unsigned long draw(struct fuzzer *f)
{
	f->state ^= f->state >> 12;
	f->state ^= f->state << 25;
	f->state ^= f->state >> 27;
	return f->state * 2685821657736338717UL >> 16;
}

static unsigned long below(struct fuzzer *f, unsigned long n)
{
	return draw(f) % n;
}

static long number(struct fuzzer *f)
{
	static const long edges[] = {
		0, -1, 0x7fffffff, -0x7fffffffL - 1, 0x80000000L, 0xffffffffL,
		0x7fffffffffffffffL, -0x7fffffffffffffffL - 1, 4095, 4096,
		4097, 1L << 20, 1L << 32, 1L << 47, -4095,
	};

	switch (below(f, 5)) {
	case 0:
		return edges[below(f, TAP_COUNT(edges))];
	case 1:
		return 1L << below(f, 64);
	case 2:
		return (long)below(f, 0x10000);
	default:
		return (long)below(f, 20);
	}
}

static long pointer(struct fuzzer *f)
{
	static const unsigned long wild[] = {
		0, 1, 0xfff, 0x10000, 0x7fffffffe000, 0x7ffffffff000 - 8,
		0x7ffffffff000, 0x7fffffffffff, 0x800000000000,
		0x8000000000000000, 0xffff800000000000, 0xffff888000000000,
		0xffffffff80000000, 0xffffffff80100000, -4096UL, -8UL, -1UL,
	};

	switch (below(f, 8)) {
	case 0:
		return (long)wild[below(f, TAP_COUNT(wild))];
	case 1:			/* across the end */
		return (long)(f->buf + BUF_SIZE - below(f, 64));
	case 2:
		return (long)(f->read_only + below(f, PAGE));
	case 3:
	case 4:
		return (long)paths[below(f, TAP_COUNT(paths))];
	default:
		return (long)(f->buf + below(f, 64) * 8);
	}
}

static long argument(struct fuzzer *f)
{
	switch (below(f, 4)) {
	case 0:
		return number(f);
	case 1:
		return (long)below(f, 24);	/* a descriptor */
	default:
		return pointer(f);
	}
}

/* What structures are made of: small numbers, addresses, noise; or an iovec. */
static void stir(struct fuzzer *f)
{
	unsigned long *w = (unsigned long *)f->buf;

	for (unsigned int i = 0; i < 80; i++)
		w[i] = below(f, 4) ? below(f, 8) : (unsigned long)argument(f);
	if (below(f, 3))
		return;
	for (unsigned int i = 0; i < 16; i++)
		((struct iovec *)w)[i] = (struct iovec){
			.iov_base = (void *)pointer(f), .iov_len = below(f, 600),
		};
}

static bool is_left_out(long nr)
{
	for (unsigned int i = 0; i < TAP_COUNT(left_out); i++)
		if (left_out[i] == nr)
			return true;
	return false;
}

/* The child of a fork goes at once; one that shares our memory would run wild. */
static void random_fork(struct fuzzer *f, long nr)
{
	long a[6] = { 0 };

	if (nr == SYS_clone) {
		a[0] = (long)(draw(f) & (CLONE_FS | CLONE_FILES | CLONE_PARENT |
					 CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
					 CLONE_CHILD_CLEARTID | CLONE_SETTLS)) |
		       (long)below(f, 70);
		a[2] = pointer(f);
		a[3] = pointer(f);
		a[4] = pointer(f);
	}
	if (call(nr, a) == 0) {
		a[0] = 0;
		call(SYS_exit_group, a);
	}
}

static void random_call(struct fuzzer *f)
{
	static const short newer[] = {
		SYS_statx, 424, 434, 436, 437, 439, 441, 443, 452, 999,
	};
	long nr = (long)below(f, NR_LIMIT), a[6];

	if (below(f, 12) == 0)
		nr = newer[below(f, TAP_COUNT(newer))];
	if (is_left_out(nr) || nr == 424)
		return;
	if (below(f, 4) == 0)
		stir(f);
	if (nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone) {
		random_fork(f, nr);
		return;
	}
	for (int i = 0; i < 6; i++)
		a[i] = argument(f);
	/* An ioctl(2) of a kind that terminals and pipes know. */
	if (nr == SYS_ioctl && below(f, 4))
		a[1] = 0x5400 + (long)below(f, 0x70);
	call(nr, a);
}

static void *fuzz_thread(void *arg)
{
	struct fuzzer *f = arg;

	for (int i = 0; i < CALLS; i++)
		random_call(f);
	return NULL;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void limit(int what, rlim_t n)
{
	struct rlimit r = { n, n };

	OK(setrlimit(what, &r));
}

/*
 * Something of each kind at small numbers; output must not reach the report.
 * The harness's own open file would keep an flock(2) for ever.
 */
static void open_things(void)
{
	int fd[2];

	OK(close(0));
	CHECK_EQ(open("/dev/null", O_RDWR), 0);
	OK(open("a", O_RDWR | O_CREAT, 0600));
	OK(open(".", O_RDONLY | O_DIRECTORY));
	OK(open("/dev/zero", O_RDWR));
	OK(pipe(fd));
	OK(pipe2(fd, O_NONBLOCK));
	(void)open("/dev/ptmx", O_RDWR | O_NOCTTY);
	(void)open("/proc/self/maps", O_RDONLY);
	(void)mkdir("d", 0700);
	OK(dup2(0, 1));
	OK(dup2(0, 2));
}

static void fuzzer_init(struct fuzzer *f, unsigned long seed)
{
	f->state = seed * 0x9e3779b97f4a7c15UL + 1;
	f->buf = OK(mmap(NULL, BUF_SIZE + PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	OK(mprotect(f->buf + BUF_SIZE, PAGE, PROT_NONE));
	f->read_only = OK(mmap(NULL, PAGE, PROT_READ,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void run_fuzzer(unsigned long seed, int threads)
{
	struct itimerval tick = { { 0, 5000 }, { 0, 5000 } };
	struct fuzzer f[4];
	pthread_t t;

	OK(setsid());			/* away from the tester's terminal */
	become(NOBODY_UID, NOBODY_GID);
	limit(RLIMIT_NPROC, 24);
	limit(RLIMIT_NOFILE, 64);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_AS, 256 << 20);
	limit(RLIMIT_CPU, 5);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	handle(SIGALRM, on_alarm, 0);	/* ends most sleeps */
	open_things();
	for (int i = 0; i < threads; i++)
		fuzzer_init(&f[i], seed * 4 + (unsigned long)i);
	OK(setitimer(ITIMER_REAL, &tick, NULL));
	/* The first one may already hinder the others' birth. */
	for (int i = 1; i < threads; i++)
		(void)pthread_create(&t, NULL, fuzz_thread, &f[i]);
	fuzz_thread(&f[0]);
	call(SYS_exit_group, (long[6]){ 0 });
}

static unsigned long setting(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 0) : otherwise;
}

/* Its directory is its own, so that nothing hinders the next one. */
static void one_round(unsigned long seed, int threads)
{
	long long end = msec() + LIFE_MS;
	char dir[32];
	pid_t pid;

	snprintf(dir, sizeof(dir), "f%lu", seed);
	OK(mkdir(dir, 0777));
	OK(chmod(dir, 0777));
	pid = xfork();
	if (pid == 0) {
		OK(chdir(dir));
		run_fuzzer(seed, threads);
	}
	while (waitpid(pid, NULL, WNOHANG) == 0 && msec() < end)
		brief_pause();
	kill(pid, SIGKILL);
	/* Children that it has given us (CLONE_PARENT), too. */
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

static void still_fine(void *arg)
{
	(void)arg;
	open_things();
}

static void fuzz(int threads)
{
	unsigned long seed = setting("FUZZ_SEED", 1);
	unsigned long rounds = setting("FUZZ_ROUNDS", ROUNDS);

	need_root();
	for (unsigned long i = 0; i < rounds; i++)
		one_round(seed + i, threads);
	/* The machine still does what it is told. */
	wait_ok(spawn(still_fine, NULL));
}

/*
 * What was locked once may keep a record of locks, though an empty one: let it
 * be there, for what outlives us, before anything is counted.
 */
__attribute__((constructor)) static void lock_lasting_things(void)
{
	static const char *const names[] = {
		"/", "/dev/null", "/dev/zero", "/dev/full", "/dev/ptmx",
	};

	for (unsigned int i = 0; i < TAP_COUNT(names); i++) {
		int fd = open(names[i], O_RDONLY | O_NOCTTY);

		if (fd >= 0) {
			(void)flock(fd, LOCK_SH | LOCK_NB);
			close(fd);
		}
	}
}

static void one_thread(void)
{
	fuzz(1);
}

static void four_threads(void)
{
	fuzz(4);
}

static const struct tap_case cases[] = {
	{ "one_thread", one_thread, 60 },
	{ "four_threads", four_threads, 60 },
};

TAP_MAIN(cases)
