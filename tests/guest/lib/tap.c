/* SPDX-License-Identifier: MIT */
/*
 * tap.c - runs a program's cases and prints KTAP.
 *
 * The parent (the harness) forks a child for each case, waits for it with an
 * alarm that kills the child's process group, reaps all that the case left
 * (it is a child subreaper, so orphans come to it), removes the case's
 * directory and compares the kernel's counters with those from before.
 *
 * 1. Between the two readings of the counters the harness allocates nothing:
 *    no malloc, no stdio, its stack and data are touched beforehand.
 *    A case starts when the harness is through with all that it writes while it waits: a page
 *    of it that is copied later is one more in use for a harness that the case has started.
 * 2. The baseline of the counters is the lowest reading so far, not the one
 *    just before the case: what is still in flight at that moment (the last
 *    result line in the pipe to whoever reads it) can only make it too high.
 */
#define _GNU_SOURCE
#include "tap.h"

#include "tap_leak.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT 30
#define MAX_TREE_DEPTH 64

char tap_self[512];

/* Shared by the harness and all processes of a case. */
struct tap_shared {
	int ready;			/* the harness waits */
	int failed;
	int skipped;
	char why[200];
};

static struct tap_shared *shared;
static unsigned int default_timeout = DEFAULT_TIMEOUT;
static volatile pid_t case_pid;
static volatile sig_atomic_t case_timed_out;

static void put(const char *prefix, const char *fmt, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "%s", prefix);
	int room = (int)sizeof(line) - n - 1;
	int saved = errno;

	int m = vsnprintf(line + n, room, fmt, ap);
	n += m < room ? m : room - 1;
	line[n++] = '\n';
	for (int off = 0; off < n;) {
		ssize_t done = write(1, line + off, n - off);
		if (done < 0 && errno != EINTR)
			break;
		off += done > 0 ? done : 0;
	}
	errno = saved;
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put("", fmt, ap);
	va_end(ap);
}

void tap_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put("# ", fmt, ap);
	va_end(ap);
}

static void fail_at(const char *file, int line, const char *fmt, va_list ap)
{
	const char *base = strrchr(file, '/');
	char prefix[96];

	snprintf(prefix, sizeof(prefix), "# %s:%d: ",
		 base ? base + 1 : file, line);
	put(prefix, fmt, ap);
	if (shared)
		__atomic_fetch_add(&shared->failed, 1, __ATOMIC_SEQ_CST);
}

void tap_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(file, line, fmt, ap);
	va_end(ap);
}

void tap_die(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_at(file, line, fmt, ap);
	va_end(ap);
	_exit(1);
}

void tap_skip(const char *why)
{
	snprintf(shared->why, sizeof(shared->why), "%s", why);
	shared->skipped = 1;
	_exit(0);
}

long tap_patience_ms(void)
{
	return default_timeout * 1000L / 3;
}

/* ---- clean-up after a case ---- */

struct dirent64_raw {
	unsigned long long d_ino;
	long long d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

/*
 * Empties the directory dfd and closes it.  After each pass that removed
 * something the directory is read again from the start, so that the result
 * does not hang on how readdir and unlink interleave.
 */
static void empty_dir(int dfd, int depth)
{
	char buf[1024] __attribute__((aligned(8)));
	bool progress = true;

	fchmod(dfd, 0700);
	while (progress) {
		long n;
		progress = false;
		lseek(dfd, 0, SEEK_SET);
		while ((n = syscall(SYS_getdents64, dfd, buf, sizeof(buf))) > 0) {
			for (long off = 0; off < n;) {
				struct dirent64_raw *d = (void *)(buf + off);
				off += d->d_reclen;
				if (!strcmp(d->d_name, ".") ||
				    !strcmp(d->d_name, ".."))
					continue;
				if (unlinkat(dfd, d->d_name, 0) == 0) {
					progress = true;
					continue;
				}
				int sub = openat(dfd, d->d_name, O_RDONLY |
						 O_DIRECTORY | O_NOFOLLOW);
				if (sub >= 0 && depth < MAX_TREE_DEPTH)
					empty_dir(sub, depth + 1);
				else if (sub >= 0)
					close(sub);
				if (unlinkat(dfd, d->d_name, AT_REMOVEDIR) == 0)
					progress = true;
			}
		}
	}
	close(dfd);
}

/* Where the case of this process works; TAP_DIR picks the file system. */
static void work_path(char *path, size_t size, pid_t pid)
{
	const char *parent = getenv("TAP_DIR");

	snprintf(path, size, "%s/t.%d", parent && *parent ? parent : "/tmp", (int)pid);
}

static void remove_workdir(pid_t pid)
{
	char path[256];
	int fd;

	work_path(path, sizeof(path), pid);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return;
	empty_dir(fd, 0);
	if (rmdir(path))
		tap_diag("cannot remove %s: errno %d", path, errno);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Kills the process of this pid if it is our child; names it. */
static int kill_if_child(const char *pidname)
{
	char path[64], buf[256];
	const char *p;
	int ppid = -1, fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pidname);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	p = strrchr(buf, ')');
	if (!p || sscanf(p + 1, " %*c %d", &ppid) != 1 || ppid != getpid())
		return 0;
	tap_diag("process left behind: %.60s", buf);
	return kill(atoi(pidname), SIGKILL) == 0;
}

static int kill_children(void)
{
	char buf[1024] __attribute__((aligned(8)));
	int fd = open("/proc", O_RDONLY | O_DIRECTORY);
	int killed = 0;
	long n;

	if (fd < 0)
		return 0;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long off = 0; off < n;) {
			struct dirent64_raw *d = (void *)(buf + off);
			off += d->d_reclen;
			if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
				killed += kill_if_child(d->d_name);
		}
	}
	close(fd);
	return killed;
}

int tap_reap_all(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	long long start = now_ms();
	int killed = 0;

	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);
		if (pid > 0)
			continue;
		if (pid < 0 && errno != EINTR)
			return killed;
		if (now_ms() - start > 3000)
			killed += kill_children();
		if (now_ms() - start > 9000) {
			tap_diag("a child cannot be reaped");
			return killed + 1;
		}
		nanosleep(&pause, NULL);
	}
}

/* ---- one case ---- */

static void on_alarm(int sig)
{
	(void)sig;
	if (case_timed_out) {
		tap_diag("process %d does not die of SIGKILL", (int)case_pid);
		_exit(2);
	}
	case_timed_out = 1;
	kill(-case_pid, SIGKILL);
	kill(case_pid, SIGKILL);
	alarm(10);
}

static void run_child(const struct tap_case *c)
{
	char path[256];

	while (!__atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE))
		sched_yield();
	setpgid(0, 0);
	signal(SIGALRM, SIG_DFL);
	work_path(path, sizeof(path), getpid());
	remove_workdir(getpid());	/* of a run that was cut off */
	if (mkdir(path, 0755) || chdir(path))
		tap_die(__FILE__, __LINE__, "mkdir %s: errno %d", path, errno);
	c->fn();
	_exit(0);
}

static int wait_case(pid_t pid, unsigned int limit)
{
	int status = 0;

	case_pid = pid;
	case_timed_out = 0;
	alarm(limit);
	__atomic_store_n(&shared->ready, 1, __ATOMIC_RELEASE);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			tap_diag("waitpid: errno %d", errno);
			status = 1 << 8;
			break;
		}
	}
	alarm(0);
	kill(-pid, SIGKILL);
	return status;
}

/* Returns whether the case passed; prints its result line. */
static bool run_case(const struct tap_case *c, size_t number)
{
	const char *mark = "";
	unsigned int limit = c->timeout ? c->timeout : default_timeout;
	bool ok;
	int status;
	pid_t pid;

	if (limit < default_timeout)
		limit = default_timeout;
	memset(shared, 0, sizeof(*shared));
	tap_leak_before();
	pid = fork();
	if (pid < 0) {
		tap_diag("fork: errno %d", errno);
		say("not ok %zu %s # ERROR", number, c->name);
		return false;
	}
	if (pid == 0)
		run_child(c);
	setpgid(pid, pid);
	status = wait_case(pid, limit);
	ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (case_timed_out)
		mark = " # TIMEOUT";
	else if (WIFSIGNALED(status))
		tap_diag("killed by signal %d", WTERMSIG(status));
	else if (!ok && !shared->failed)
		tap_diag("exit status %d", WEXITSTATUS(status));
	if (tap_reap_all() || shared->failed || case_timed_out)
		ok = false;
	remove_workdir(pid);
	if (!tap_leak_after())
		ok = false;
	if (ok && shared->skipped)
		say("ok %zu %s # SKIP %s", number, c->name, shared->why);
	else
		say("%s %zu %s%s", ok ? "ok" : "not ok", number, c->name, mark);
	return ok;
}

/* ---- the program ---- */

static void find_self(const char *argv0)
{
	ssize_t n = readlink("/proc/self/exe", tap_self, sizeof(tap_self) - 1);

	if (n > 0) {
		tap_self[n] = '\0';
		return;
	}
	if (argv0[0] != '/' && getcwd(tap_self, sizeof(tap_self) - 64))
		strcat(tap_self, "/");
	strncat(tap_self, argv0, sizeof(tap_self) - strlen(tap_self) - 1);
}

/* The same surroundings for every case, whatever started us. */
static void settle_environment(void)
{
	static const char default_action[32];	/* struct kernel_sigaction, all 0 */
	struct rlimit no_core = { 0, 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	const char *limit = getenv("TAP_TIMEOUT");
	sigset_t none;

	/* By the call itself: the library keeps 32 to 34, which make ignores, for itself. */
	for (int sig = 1; sig < 65; sig++)
		syscall(SYS_rt_sigaction, sig, &default_action, NULL, 8);
	sigaction(SIGALRM, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	int null = open("/dev/null", O_RDWR);
	if (null > 0) {
		dup2(null, 0);
		close(null);
	}
	/* Before the first reading the harness has what it will need: its timer, its pages. */
	alarm(default_timeout);
	alarm(0);
	if (mlockall(MCL_CURRENT) == 0)
		munlockall();
	umask(022);
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (limit && atoi(limit) > 0)
		default_timeout = (unsigned int)atoi(limit);
}

void __attribute__((noinline)) tap_touch_stack(void)
{
	volatile char area[96 * 1024];

	for (size_t i = 0; i < sizeof(area); i += 1024)
		area[i] = 0;
}

static const struct tap_case *find_case(const struct tap_program *prog,
					const char *name)
{
	for (size_t i = 0; i < prog->ncases; i++)
		if (!strcmp(prog->cases[i].name, name))
			return &prog->cases[i];
	return NULL;
}

static int call_helper(const struct tap_program *prog, int argc, char **argv)
{
	for (size_t i = 0; i < prog->nhelpers; i++)
		if (!strcmp(prog->helpers[i].name, argv[0]))
			return prog->helpers[i].fn(argc, argv);
	tap_diag("no helper %s", argv[0]);
	return 99;
}

static int run_cases(const struct tap_program *prog, int argc, char **argv)
{
	size_t n = argc > 1 ? (size_t)argc - 1 : prog->ncases - prog->nhidden;
	bool all_ok = true;

	for (size_t i = 0; argc > 1 && i < n; i++) {
		if (!find_case(prog, argv[i + 1])) {
			say("Bail out! no case %s", argv[i + 1]);
			return 2;
		}
	}
	say("KTAP version 1");
	say("1..%zu", n);
	for (size_t i = 0; i < n; i++) {
		const struct tap_case *c = argc > 1 ?
			find_case(prog, argv[i + 1]) : &prog->cases[i];
		all_ok &= run_case(c, i + 1);
	}
	return all_ok ? 0 : 1;
}

int tap_main(int argc, char **argv, const struct tap_program *prog)
{
	find_self(argv[0]);
	if (argc > 2 && !strcmp(argv[1], "--call"))
		return call_helper(prog, argc - 2, argv + 2);
	if (argc > 1 && !strcmp(argv[1], "-l")) {
		for (size_t i = 0; i < prog->ncases - prog->nhidden; i++)
			say("%s", prog->cases[i].name);
		return 0;
	}
	settle_environment();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		say("Bail out! no shared page: errno %d", errno);
		return 2;
	}
	tap_touch_stack();
	return run_cases(prog, argc, argv);
}
