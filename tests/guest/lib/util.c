/* SPDX-License-Identifier: MIT */
/*
 * util.c - what many cases need: children, gates, waiting for a condition.
 */
#define _GNU_SOURCE
#include "util.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

pid_t xfork(void)
{
	return OK(fork());
}

pid_t spawn(void (*fn)(void *arg), void *arg)
{
	pid_t pid = xfork();

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

static int wait_status(pid_t pid)
{
	int status = -1;
	pid_t got;

	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	CHECK_EQ(got, pid);
	return status;
}

int wait_exit(pid_t pid)
{
	int status = wait_status(pid);

	if (!WIFEXITED(status))
		FAIL("child ended with wait status %#x", status);
	return WEXITSTATUS(status);
}

void wait_ok(pid_t pid)
{
	int code = wait_exit(pid);

	if (code != 0)
		FAIL("child exited with %d", code);
}

int wait_signal(pid_t pid)
{
	int status = wait_status(pid);

	if (!WIFSIGNALED(status))
		FAIL("child ended with wait status %#x", status);
	return WTERMSIG(status);
}

int signal_of(void (*fn)(void *arg), void *arg)
{
	int status = wait_status(spawn(fn, arg));

	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		FAIL("child ended with wait status %#x", status);
	return 0;
}

void pause_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

void kill_and_reap(pid_t pid)
{
	OK(kill(pid, SIGKILL));
	CHECK_EQ(wait_signal(pid), SIGKILL);
}

void gate_init(struct gate *g)
{
	OK(pipe2(g->fd, O_CLOEXEC));
}

void gate_open(struct gate *g)
{
	write_full(g->fd[1], "g", 1);
}

void gate_wait(struct gate *g)
{
	char c;

	read_full(g->fd[0], &c, 1);
}

void gate_close(struct gate *g)
{
	OK(close(g->fd[0]));
	OK(close(g->fd[1]));
}

long long msec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void brief_pause(void)
{
	const struct timespec ts = { .tv_nsec = 1000000 };

	nanosleep(&ts, NULL);
}

char proc_state(pid_t pid)
{
	char path[64], buf[256];
	char *p;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '?';
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	p = strrchr(buf, ')');
	return p && p[1] ? p[2] : '?';
}

void wait_asleep(pid_t pid)
{
	UNTIL(proc_state(pid) == 'S');
}

void *shared_alloc(size_t size)
{
	return OK(mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

void *guarded_alloc(size_t size)
{
	size_t len = (size + PAGE - 1) & ~(PAGE - 1);
	char *p = OK(mmap(NULL, len + PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	OK(mprotect(p + len, PAGE, PROT_NONE));
	return p + len - size;
}

void become(uid_t uid, gid_t gid)
{
	OK(setgroups(0, NULL));
	OK(setresgid(gid, gid, gid));
	OK(setresuid(uid, uid, uid));
}

void need_root(void)
{
	if (geteuid() != 0)
		SKIP("needs root");
}

bool has_capability(int cap)
{
	struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
	struct { uint32_t effective, permitted, inheritable; } data[2];

	if (syscall(SYS_capget, &head, data))
		return geteuid() == 0;
	return data[cap / 32].effective >> cap % 32 & 1;
}

void write_file(const char *path, const void *data, size_t len)
{
	int fd = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	write_full(fd, data, len);
	OK(close(fd));
}

size_t read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		FAIL("open %s: errno %d", path, errno);
	while (have < size - 1 &&
	       (n = OK(read(fd, buf + have, size - 1 - have))) > 0)
		have += n;
	OK(close(fd));
	buf[have] = '\0';
	return have;
}

void read_full(int fd, void *buf, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)buf + have, len - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			FAIL("read of %zu bytes: %zd after %zu, errno %d", len,
			     n, have, errno);
		have += n;
	}
}

void write_full(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			FAIL("write of %zu bytes: %zd after %zu, errno %d", len,
			     n, done, errno);
		done += n;
	}
}

static uint8_t pattern_byte(size_t i, uint32_t seed)
{
	uint32_t x = (uint32_t)i * 2654435761U + seed * 40503U;

	return (uint8_t)(x >> 24 ^ x >> 11);
}

void fill_pattern(void *buf, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = pattern_byte(i, seed);
}

bool check_pattern(const void *buf, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)buf)[i] != pattern_byte(i, seed))
			return false;
	return true;
}

void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };

	OK(sigaction(sig, &sa, NULL));
}

void handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {
		.sa_sigaction = fn, .sa_flags = flags | SA_SIGINFO,
	};

	OK(sigaction(sig, &sa, NULL));
}

void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	OK(sigprocmask(SIG_BLOCK, &set, NULL));
}

void unblock(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
}
