/* SPDX-License-Identifier: MIT */
/*
 * efault.c - every pointer argument of every system call, with every kind of
 * bad pointer: EFAULT, and the kernel goes on.
 *
 * A row of a table is one pointer argument of one call; the other arguments
 * are good.  A case runs the rows of one subject and reports all misses.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define BAD 0x7bad7bad7badL	/* stands for the pointer that is tried */
#define S(x) ((long)(x))	/* a good pointer */

/* Descriptors that set_up opens. */
enum { FILE_FD = 100, ZERO_FD, PIPE_RD, PIPE_WR, DIR_FD, PTY_FD, FULL_PIPE };

enum row_flags {
	NULL_OK = 1,	/* NULL means "not wanted" or "nothing" */
	WRITES = 2,	/* the kernel writes there: read-only is bad as well */
	STRING = 4,	/* an unterminated string up to a bad page is bad */
	NOT_CROSSING = 8, /* a buffer that crosses does a part, no error */
};

struct row {
	const char *name;
	long nr;
	int flags;
	long size;	/* of the object, for the crossing pointer */
	long arg[6];
};

static char *none_page;		/* PROT_NONE */
static char *ro_page;		/* PROT_READ */
static char *guard;		/* a PROT_NONE page behind good ones */
static char *hole;		/* not mapped */

static char good[4096];		/* a good buffer */
static struct timespec no_time;	/* zero: polls do not wait */

static void set_up(void)
{
	int fd[2];

	none_page = OK(mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0));
	ro_page = OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0));
	guard = (char *)guarded_alloc(4 * PAGE) + 4 * PAGE;
	hole = OK(mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0)) + PAGE;
	OK(munmap(hole, PAGE));
	memset(good, 'g', sizeof(good));
	write_file("f", good, sizeof(good));
	OK(mkdir("d", 0755));
	OK(symlink("f", "l"));
	OK(dup2(OK(open("f", O_RDWR)), FILE_FD));
	OK(dup2(OK(open("/dev/zero", O_RDWR)), ZERO_FD));
	OK(pipe(fd));
	OK(dup2(fd[0], PIPE_RD));
	OK(dup2(fd[1], PIPE_WR));
	write_full(PIPE_WR, good, 64);
	OK(dup2(OK(open(".", O_RDONLY | O_DIRECTORY)), DIR_FD));
}

static long call(const struct row *r, const void *bad)
{
	long a[6];

	for (int i = 0; i < 6; i++)
		a[i] = r->arg[i] == BAD ? (long)bad : r->arg[i];
	errno = 0;
	return syscall(r->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void expect(const struct row *r, const void *bad, const char *what)
{
	long got = call(r, bad);

	if (got != -1 || errno != EFAULT)
		tap_fail(__FILE__, __LINE__, "%s, %s %p: %ld, errno %d",
			 r->name, what, bad, got, got == -1 ? errno : 0);
}

/* A call that is not there has no pointers; other programs miss it. */
static bool is_there(const struct row *r)
{
	if (call(r, none_page) != -1 || errno != ENOSYS)
		return true;
	tap_diag("%s: ENOSYS", r->name);
	return false;
}

static void try_row(const struct row *r)
{
	static const unsigned long wild[] = {
		1, 0x800000000000, 0x7ffffffff000, 0x8000000000000000,
		0xffff7fffffffffff, 0xffff800000000000, 0xffff888000000000,
		0xffffffff80000000, 0xfffffffffffff000, -1UL, -8UL,
	};

	for (size_t i = 0; i < TAP_COUNT(wild); i++)
		expect(r, (void *)wild[i], "wild");
	expect(r, none_page, "PROT_NONE");
	expect(r, hole, "hole");
	if (!(r->flags & NULL_OK))
		expect(r, NULL, "NULL");
	if (r->flags & WRITES)
		expect(r, ro_page, "read-only");
	if (r->flags & STRING) {
		memset(guard - 64, 'n', 64);
		expect(r, guard - 64, "unterminated");
	}
	if (r->size > 1 && !(r->flags & NOT_CROSSING)) {
		memset(guard - 4096, 0, 4096);
		expect(r, guard - r->size + 1, "crossing by one");
		expect(r, guard - r->size / 2, "crossing in the middle");
	}
}

static void try_rows(const struct row *rows, size_t n)
{
	set_up();
	for (size_t i = 0; i < n; i++)
		if (is_there(&rows[i]))
			try_row(&rows[i]);
}

/* Builds a case from rows. */
#define SUBJECT(name, ...) \
	static void name(void) \
	{ \
		const struct row rows[] = { __VA_ARGS__ }; \
		try_rows(rows, TAP_COUNT(rows)); \
	}

#define ROW(call, flags, size, ...) \
	{ #call, SYS_##call, flags, size, { __VA_ARGS__ } }

SUBJECT(paths,
	ROW(open, STRING, 0, BAD, O_RDONLY),
	ROW(openat, STRING, 0, AT_FDCWD, BAD, O_RDONLY),
	ROW(creat, STRING, 0, BAD, 0600),
	ROW(access, STRING, 0, BAD, F_OK),
	ROW(faccessat, STRING, 0, AT_FDCWD, BAD, F_OK),
	ROW(faccessat2, STRING, 0, AT_FDCWD, BAD, F_OK, 0),
	ROW(chdir, STRING, 0, BAD),
	ROW(chroot, STRING, 0, BAD),
	ROW(chmod, STRING, 0, BAD, 0600),
	ROW(fchmodat, STRING, 0, AT_FDCWD, BAD, 0600),
	ROW(chown, STRING, 0, BAD, -1, -1),
	ROW(lchown, STRING, 0, BAD, -1, -1),
	ROW(fchownat, STRING, 0, AT_FDCWD, BAD, -1, -1, 0),
	ROW(mkdir, STRING, 0, BAD, 0700),
	ROW(mkdirat, STRING, 0, AT_FDCWD, BAD, 0700),
	ROW(rmdir, STRING, 0, BAD),
	ROW(unlink, STRING, 0, BAD),
	ROW(unlinkat, STRING, 0, AT_FDCWD, BAD, 0),
	ROW(mknod, STRING, 0, BAD, S_IFIFO | 0600, 0),
	ROW(mknodat, STRING, 0, AT_FDCWD, BAD, S_IFIFO | 0600, 0),
	ROW(truncate, STRING, 0, BAD, 0),
	ROW(link, STRING, 0, BAD, S("new")),
	ROW(link, STRING, 0, S("f"), BAD),
	ROW(linkat, STRING, 0, AT_FDCWD, BAD, AT_FDCWD, S("new"), 0),
	ROW(linkat, STRING, 0, AT_FDCWD, S("f"), AT_FDCWD, BAD, 0),
	ROW(symlink, STRING, 0, BAD, S("new")),
	ROW(symlink, STRING, 0, S("f"), BAD),
	ROW(symlinkat, STRING, 0, BAD, AT_FDCWD, S("new")),
	ROW(symlinkat, STRING, 0, S("f"), AT_FDCWD, BAD),
	ROW(rename, STRING, 0, BAD, S("new")),
	ROW(rename, STRING, 0, S("f"), BAD),
	ROW(renameat, STRING, 0, AT_FDCWD, BAD, AT_FDCWD, S("new")),
	ROW(renameat, STRING, 0, AT_FDCWD, S("f"), AT_FDCWD, BAD),
	ROW(renameat2, STRING, 0, AT_FDCWD, BAD, AT_FDCWD, S("new"), 0),
	ROW(execve, STRING, 0, BAD, 0, 0))

SUBJECT(path_results,
	ROW(stat, STRING, 0, BAD, S(good)),
	ROW(stat, WRITES, sizeof(struct stat), S("f"), BAD),
	ROW(lstat, STRING, 0, BAD, S(good)),
	ROW(lstat, WRITES, sizeof(struct stat), S("l"), BAD),
	ROW(fstat, WRITES, sizeof(struct stat), FILE_FD, BAD),
	ROW(newfstatat, STRING, 0, AT_FDCWD, BAD, S(good), 0),
	ROW(newfstatat, WRITES, sizeof(struct stat), AT_FDCWD, S("f"), BAD, 0),
	ROW(statx, STRING, 0, AT_FDCWD, BAD, 0, 0x7ff, S(good)),
	ROW(statx, WRITES, 256, AT_FDCWD, S("f"), 0, 0x7ff, BAD),
	ROW(statfs, STRING, 0, BAD, S(good)),
	ROW(statfs, WRITES, 120, S("."), BAD),
	ROW(fstatfs, WRITES, 120, FILE_FD, BAD),
	ROW(readlink, STRING, 0, BAD, S(good), 10),
	ROW(readlink, WRITES, 0, S("l"), BAD, 10),
	ROW(readlinkat, WRITES, 0, AT_FDCWD, S("l"), BAD, 10),
	ROW(getcwd, WRITES, 3, BAD, 4096),
	ROW(getdents64, WRITES, 0, DIR_FD, BAD, 4096),
	ROW(utimensat, STRING | NULL_OK, 0, AT_FDCWD, BAD, 0, 0),
	ROW(utimensat, NULL_OK, 32, AT_FDCWD, S("f"), BAD, 0))

SUBJECT(data,
	ROW(read, WRITES | NOT_CROSSING, 0, FILE_FD, BAD, 100),
	ROW(read, WRITES | NOT_CROSSING, 0, ZERO_FD, BAD, 100),
	ROW(read, WRITES | NOT_CROSSING, 0, PIPE_RD, BAD, 10),
	ROW(pread64, WRITES | NOT_CROSSING, 0, FILE_FD, BAD, 100, 5),
	ROW(write, NOT_CROSSING, 0, FILE_FD, BAD, 100),
	ROW(write, NOT_CROSSING, 0, PIPE_WR, BAD, 10),
	ROW(pwrite64, NOT_CROSSING, 0, FILE_FD, BAD, 100, 5),
	ROW(readv, 0, 16, FILE_FD, BAD, 1),
	ROW(writev, 0, 16, FILE_FD, BAD, 1),
	ROW(preadv, 0, 16, FILE_FD, BAD, 1, 0),
	ROW(pwritev, 0, 16, FILE_FD, BAD, 1, 0),
	ROW(sendfile, NULL_OK | WRITES, 8, PIPE_WR, FILE_FD, BAD, 1),
	ROW(getrandom, WRITES | NOT_CROSSING, 0, BAD, 100, 0))

SUBJECT(descriptors,
	ROW(pipe, WRITES, 8, BAD),
	ROW(pipe2, WRITES, 8, BAD, 0),
	ROW(poll, WRITES, 16, BAD, 2, 0),
	ROW(ppoll, WRITES, 16, BAD, 2, S(&no_time), 0, 8),
	ROW(ppoll, NULL_OK, 16, S(good), 0, BAD, 0, 8),
	ROW(ppoll, NULL_OK, 8, S(good), 0, S(&no_time), BAD, 8),
	ROW(select, NULL_OK | WRITES, 8, 64, BAD, 0, 0, S(&no_time)),
	ROW(select, NULL_OK | WRITES, 8, 64, 0, BAD, 0, S(&no_time)),
	ROW(select, NULL_OK | WRITES, 8, 64, 0, 0, BAD, S(&no_time)),
	ROW(pselect6, NULL_OK | WRITES, 8, 64, BAD, 0, 0, S(&no_time), 0),
	ROW(pselect6, NULL_OK, 16, 0, 0, 0, 0, BAD, 0),
	ROW(pselect6, NULL_OK, 16, 0, 0, 0, 0, S(&no_time), BAD),
	ROW(fcntl, WRITES, 32, FILE_FD, F_GETLK, BAD),
	ROW(ioctl, WRITES, 4, PIPE_RD, FIONREAD, BAD),
	ROW(ioctl, 0, 4, PIPE_RD, FIONBIO, BAD))

static void terminal(void)
{
	const struct row rows[] = {
		ROW(ioctl, WRITES, 36, PTY_FD, TCGETS, BAD),
		ROW(ioctl, 0, 36, PTY_FD, TCSETS, BAD),
		ROW(ioctl, 0, 36, PTY_FD, TCSETSW, BAD),
		ROW(ioctl, WRITES, 8, PTY_FD, TIOCGWINSZ, BAD),
		ROW(ioctl, 0, 8, PTY_FD, TIOCSWINSZ, BAD),
		ROW(ioctl, WRITES, 4, PTY_FD, TIOCGPGRP, BAD),
		ROW(ioctl, 0, 4, PTY_FD, TIOCSPGRP, BAD),
		ROW(ioctl, WRITES, 4, PTY_FD, FIONREAD, BAD),
		ROW(ioctl, WRITES, 4, PTY_FD, TIOCGPTN, BAD),
		ROW(ioctl, 0, 4, PTY_FD, TIOCSPTLCK, BAD),
		ROW(write, NOT_CROSSING, 0, PTY_FD, BAD, 10),
	};
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);

	if (fd < 0)
		SKIP("no /dev/ptmx");
	/* TIOCGPGRP wants this to be our controlling terminal. */
	pid_t pid = xfork();
	if (pid == 0) {
		int zero = 0, number;
		char name[32];
		OK(setsid());
		OK(dup2(fd, PTY_FD));
		OK(ioctl(fd, TIOCSPTLCK, &zero));
		OK(ioctl(fd, TIOCGPTN, &number));
		snprintf(name, sizeof(name), "/dev/pts/%d", number);
		int slave = OK(open(name, O_RDWR));
		CHECK_EQ(OK(tcgetpgrp(slave)), getpid());
		try_rows(rows, TAP_COUNT(rows));
		signal(SIGHUP, SIG_IGN);
		_exit(0);
	}
	wait_ok(pid);
}

SUBJECT(signals,
	ROW(rt_sigaction, NULL_OK, 32, SIGUSR1, BAD, 0, 8),
	ROW(rt_sigaction, NULL_OK | WRITES, 32, SIGUSR1, 0, BAD, 8),
	ROW(rt_sigprocmask, NULL_OK, 8, SIG_BLOCK, BAD, 0, 8),
	ROW(rt_sigprocmask, NULL_OK | WRITES, 8, SIG_BLOCK, 0, BAD, 8),
	ROW(rt_sigpending, WRITES, 8, BAD, 8),
	ROW(rt_sigsuspend, 0, 8, BAD, 8),
	ROW(rt_sigtimedwait, 0, 8, BAD, 0, S(&no_time), 8),
	ROW(rt_sigtimedwait, NULL_OK, 16, S(good), 0, BAD, 8),
	ROW(rt_sigqueueinfo, 0, 48, 0x3fffffff, SIGUSR1, BAD),
	ROW(sigaltstack, NULL_OK, 24, BAD, 0),
	ROW(sigaltstack, NULL_OK | WRITES, 24, 0, BAD))

SUBJECT(processes,
	ROW(getrlimit, WRITES, 16, RLIMIT_NOFILE, BAD),
	ROW(setrlimit, 0, 16, RLIMIT_NOFILE, BAD),
	ROW(prlimit64, NULL_OK, 16, 0, RLIMIT_NOFILE, BAD, 0),
	ROW(prlimit64, NULL_OK | WRITES, 16, 0, RLIMIT_NOFILE, 0, BAD),
	ROW(getrusage, WRITES, 144, RUSAGE_SELF, BAD),
	ROW(times, NULL_OK | WRITES, 32, BAD),
	ROW(uname, WRITES, 390, BAD),
	ROW(sysinfo, WRITES, 112, BAD),
	ROW(getresuid, WRITES, 4, BAD, S(good), S(good)),
	ROW(getresuid, WRITES, 4, S(good), BAD, S(good)),
	ROW(getresuid, WRITES, 4, S(good), S(good), BAD),
	ROW(getresgid, WRITES, 4, BAD, S(good), S(good)),
	ROW(setgroups, 0, 40, 10, BAD),
	ROW(sched_getaffinity, WRITES, 8, 0, 1024, BAD),
	ROW(sched_setaffinity, 0, 8, 0, 8, BAD),
	/* NULL is EINVAL to this one. */
	ROW(sched_getparam, NULL_OK | WRITES, 4, 0, BAD),
	ROW(prctl, 0, 0, PR_SET_NAME, BAD),
	ROW(prctl, WRITES, 16, PR_GET_NAME, BAD),
	ROW(prctl, WRITES, 4, PR_GET_PDEATHSIG, BAD),
	ROW(prctl, WRITES, 4, PR_GET_CHILD_SUBREAPER, BAD),
	ROW(sethostname, 0, 8, BAD, 8),
	ROW(get_robust_list, WRITES, 8, 0, BAD, S(good)),
	ROW(get_robust_list, WRITES, 8, 0, S(good), BAD),
	ROW(getcpu, NULL_OK | WRITES, 4, BAD, 0, 0),
	ROW(getcpu, NULL_OK | WRITES, 4, 0, BAD, 0))

SUBJECT(times_and_clocks,
	ROW(clock_gettime, WRITES, 16, CLOCK_MONOTONIC, BAD),
	ROW(clock_getres, NULL_OK | WRITES, 16, CLOCK_MONOTONIC, BAD),
	ROW(clock_nanosleep, 0, 16, CLOCK_MONOTONIC, 0, BAD, 0),
	ROW(nanosleep, 0, 16, BAD, 0),
	ROW(gettimeofday, NULL_OK | WRITES, 16, BAD, 0),
	ROW(gettimeofday, NULL_OK | WRITES, 8, 0, BAD),
	ROW(time, NULL_OK | WRITES, 8, BAD),
	ROW(getitimer, WRITES, 32, ITIMER_REAL, BAD),
	ROW(setitimer, NULL_OK, 32, ITIMER_REAL, BAD, 0))

#define FUTEX_WAIT 0
#define FUTEX_WAKE_PRIVATE (1 | 128)
#define FUTEX_REQUEUE 3

static void futexes(void)
{
	/* Misaligned addresses are EINVAL, so only aligned ones here. */
	static const unsigned long wild[] = {
		0, 4, 0x800000000000, 0x7ffffffff000, 0xffff800000000000,
		0xffffffff80000000, 0xfffffffffffff000, -8UL,
	};
	static int word;

	set_up();
	for (size_t i = 0; i < TAP_COUNT(wild); i++) {
		CHECK_ERR(syscall(SYS_futex, wild[i], FUTEX_WAIT, 0, &no_time),
			  EFAULT);
		CHECK_ERR(syscall(SYS_futex, wild[i], FUTEX_WAIT | 128, 0,
				  &no_time), EFAULT);
		CHECK_ERR(syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 1,
				  wild[i]), EFAULT);
	}
	CHECK_ERR(syscall(SYS_futex, none_page, FUTEX_WAIT, 0, &no_time),
		  EFAULT);
	CHECK_ERR(syscall(SYS_futex, hole, FUTEX_WAIT, 0, &no_time), EFAULT);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 0, 8), EFAULT);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 0,
			  0xffff800000000000), EFAULT);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 0, guard - 8), EFAULT);
	CHECK_ERR(syscall(SYS_futex, 2, FUTEX_WAIT, 0, &no_time), EINVAL);
}

static void waiting(void)
{
	static const long bad[] = {
		1, 0xffff800000000000, 0x800000000000, 0xffffffff80000000, -1,
	};

	set_up();
	for (size_t i = 0; i < TAP_COUNT(bad); i++) {
		/* The child is gone by the time that the status is written. */
		pid_t pid = xfork();
		if (pid == 0)
			_exit(0);
		CHECK_ERR(syscall(SYS_wait4, pid, bad[i], 0, NULL), EFAULT);
		CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
		pid = xfork();
		if (pid == 0)
			_exit(0);
		CHECK_ERR(syscall(SYS_wait4, pid, NULL, 0, bad[i]), EFAULT);
		CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
		pid = xfork();
		if (pid == 0)
			_exit(0);
		CHECK_ERR(syscall(SYS_waitid, P_PID, pid, bad[i], WEXITED,
				  NULL), EFAULT);
	}
}

static void exec_vectors(void)
{
	static const unsigned long bad[] = {
		1, 0x800000000000, 0xffff800000000000, 0xffffffff80000000, -1UL,
	};
	char *bad_string[] = { "x", NULL, NULL }, *fine[] = { "x", NULL };

	set_up();
	for (size_t i = 0; i < TAP_COUNT(bad); i++) {
		CHECK_ERR(syscall(SYS_execve, tap_self, bad[i], fine), EFAULT);
		CHECK_ERR(syscall(SYS_execve, tap_self, fine, bad[i]), EFAULT);
		bad_string[1] = (char *)bad[i];
		CHECK_ERR(execve(tap_self, bad_string, fine), EFAULT);
		CHECK_ERR(execve(tap_self, fine, bad_string), EFAULT);
	}
	/* A vector that is not terminated before a bad page. */
	char **v = (char **)guard - 2;
	v[0] = v[1] = "x";
	CHECK_ERR(syscall(SYS_execve, tap_self, v, fine), EFAULT);
	memset(guard - 8, 'x', 8);
	bad_string[1] = guard - 8;
	CHECK_ERR(execve(tap_self, bad_string, fine), EFAULT);
}

/* What fits is moved, and the count says so. */
static void partial_read(void)
{
	static char text[8192];

	set_up();
	fill_pattern(text, sizeof(text), 3);
	write_file("data", text, sizeof(text));
	int fd = OK(open("data", O_RDONLY));
	memset(guard - 4096, 0, 4096);
	ssize_t n = OK(read(fd, guard - 1000, 5000));
	CHECK(n > 0 && n <= 1000);
	CHECK(!memcmp(guard - 1000, text, n));
	CHECK_EQ(OK(lseek(fd, 0, SEEK_CUR)), n);
	n = OK(read(ZERO_FD, guard - 10, 100));
	CHECK_EQ(n, 10);
}

static void partial_write(void)
{
	struct stat st;

	set_up();
	int fd = OK(open("out", O_RDWR | O_CREAT, 0600));
	memset(guard - 4096, 'w', 4096);
	ssize_t n = OK(write(fd, guard - 3000, 5000));
	CHECK(n > 0 && n <= 3000);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, n);
	CHECK_EQ(OK(lseek(fd, 0, SEEK_CUR)), n);
}

static void vector_elements(void)
{
	static const unsigned long bad[] = {
		1, 0x800000000000, 0xffff800000000000, 0xffffffff80000000, -9UL,
	};
	struct { void *base; size_t len; } v[2] = { { good, 10 }, { 0, 10 } };

	set_up();
	for (size_t i = 0; i < TAP_COUNT(bad); i++) {
		v[0].base = (void *)bad[i];
		CHECK_ERR(syscall(SYS_readv, FILE_FD, v, 1), EFAULT);
		CHECK_ERR(syscall(SYS_writev, FILE_FD, v, 1), EFAULT);
	}
	/* The first element is moved when the second is merely unmapped. */
	v[0].base = good;
	v[1].base = hole;
	CHECK_EQ(syscall(SYS_readv, ZERO_FD, v, 2), 10);
}

/* Nothing of a pipe's data is lost to a reader with a bad buffer. */
static void pipe_keeps_its_data(void)
{
	char buf[128];

	set_up();
	CHECK_ERR(read(PIPE_RD, none_page, 10), EFAULT);
	CHECK_ERR(read(PIPE_RD, (void *)0xffff800000000000, 10), EFAULT);
	CHECK_EQ(read(PIPE_RD, buf, sizeof(buf)), 64);
	CHECK_ERR(write(PIPE_WR, hole, 10), EFAULT);
	int n = -1;
	OK(ioctl(PIPE_RD, FIONREAD, &n));
	CHECK_EQ(n, 0);
}

/* A kernel address that is readable in the kernel is not read for us. */
static void kernel_memory_does_not_leak(void)
{
	static const unsigned long kernel[] = {
		0xffff800000000000, 0xffff888000000000, 0xffff888000100000,
		0xffffffff80000000, 0xffffffff80100000, 0xffffffff81000000,
	};
	struct stat st;

	set_up();
	OK(ftruncate(FILE_FD, 0));
	for (size_t i = 0; i < TAP_COUNT(kernel); i++) {
		CHECK_ERR(write(FILE_FD, (void *)kernel[i], 16), EFAULT);
		CHECK_ERR(write(PIPE_WR, (void *)kernel[i], 16), EFAULT);
		CHECK_ERR(syscall(SYS_prctl, PR_SET_NAME, kernel[i]), EFAULT);
	}
	OK(fstat(FILE_FD, &st));
	CHECK_EQ(st.st_size, 0);
}

/* A length that wraps around the end of the address space. */
static void huge_lengths(void)
{
	set_up();
	CHECK_ERR(read(ZERO_FD, good, -1UL), EFAULT);
	CHECK_ERR(read(ZERO_FD, good, 1UL << 63), EFAULT);
	CHECK_ERR(write(PIPE_WR, good, -1UL), EFAULT);
}

static const struct tap_case cases[] = {
	{ "paths", paths, 0 },
	{ "path_results", path_results, 0 },
	{ "data", data, 0 },
	{ "descriptors", descriptors, 0 },
	{ "terminal", terminal, 0 },
	{ "signals", signals, 0 },
	{ "processes", processes, 0 },
	{ "times_and_clocks", times_and_clocks, 0 },
	{ "futexes", futexes, 0 },
	{ "waiting", waiting, 0 },
	{ "exec_vectors", exec_vectors, 0 },
	{ "partial_read", partial_read, 0 },
	{ "partial_write", partial_write, 0 },
	{ "vector_elements", vector_elements, 0 },
	{ "pipe_keeps_its_data", pipe_keeps_its_data, 0 },
	{ "kernel_memory_does_not_leak", kernel_memory_does_not_leak, 0 },
	{ "huge_lengths", huge_lengths, 0 },
};

TAP_MAIN(cases)
