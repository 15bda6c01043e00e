/* SPDX-License-Identifier: MIT */
/*
 * util.h - what many cases need: children, gates, waiting for a condition.
 *
 * All of these end the case by tap_die when something goes wrong that is not
 * what the case is about.
 */
#ifndef TESTS_GUEST_LIB_UTIL_H
#define TESTS_GUEST_LIB_UTIL_H

#include "tap.h"

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096UL

/* Forks a child that runs fn(arg) and then ends with status 0. */
pid_t spawn(void (*fn)(void *arg), void *arg);

/* fork() that cannot fail. */
pid_t xfork(void);

/* waitpid(pid) that must find it exited; its exit code. */
int wait_exit(pid_t pid);

/* The child must have exited with 0. */
void wait_ok(pid_t pid);

/* waitpid(pid) that must find it killed; the signal's number. */
int wait_signal(pid_t pid);

/* Runs fn(arg) in a child; the signal that killed it, 0 if it exited with 0. */
int signal_of(void (*fn)(void *arg), void *arg);

/* For spawn: does nothing until it is killed. */
void pause_for_ever(void *arg);

/* SIGKILL, and waits for that to be the end. */
void kill_and_reap(pid_t pid);

/* A one-shot event between processes: wait returns after open. */
struct gate {
	int fd[2];
};

void gate_init(struct gate *g);
void gate_open(struct gate *g);
void gate_wait(struct gate *g);
void gate_close(struct gate *g);

/* Milliseconds of CLOCK_MONOTONIC. */
long long msec(void);

/* Repeats until cond holds; fails when patience is at its end. */
#define UNTIL(cond) \
	do { \
		long long end_ = msec() + tap_patience_ms(); \
		while (!(cond)) { \
			if (msec() > end_) \
				FAIL("never came true: %s", #cond); \
			brief_pause(); \
		} \
	} while (0)

void brief_pause(void);

/* The state letter of /proc/PID/stat ('?' if there is none). */
char proc_state(pid_t pid);

/* Waits until the process sleeps ('S'), that is, blocks in its system call. */
void wait_asleep(pid_t pid);

/* Zeroed memory shared with children. */
void *shared_alloc(size_t size);

/*
 * size bytes (rounded up to pages) of which the end touches a PROT_NONE page;
 * returns the address of the last `size` bytes.
 */
void *guarded_alloc(size_t size);

/* Becomes this user and group for good, with no supplementary groups. */
void become(uid_t uid, gid_t gid);

/* An unprivileged user that owns nothing. */
#define NOBODY_UID 54321
#define NOBODY_GID 54321

/* SKIPs unless effective uid 0. */
void need_root(void);

#define CAP_SYS_ADMIN 21
#define CAP_SYS_RESOURCE 24

/*
 * Whether a capability (numbers of capabilities(7)) is effective.  Root in a
 * container may lack some; where capget is not there, root has them all.
 */
bool has_capability(int cap);

/* Creates or replaces a file with these contents. */
void write_file(const char *path, const void *data, size_t len);

/* Reads at most size - 1 bytes and terminates them; the length. */
size_t read_file(const char *path, char *buf, size_t size);

/* read/write of exactly len bytes. */
void read_full(int fd, void *buf, size_t len);
void write_full(int fd, const void *buf, size_t len);

/* A repeatable byte pattern. */
void fill_pattern(void *buf, size_t len, uint32_t seed);
bool check_pattern(const void *buf, size_t len, uint32_t seed);

/* Installs a handler with these flags and an empty mask. */
void handle(int sig, void (*fn)(int), int flags);
void handle_info(int sig, void (*fn)(int, siginfo_t *, void *), int flags);

/* Blocks or unblocks one signal. */
void block(int sig);
void unblock(int sig);

#endif
