/* SPDX-License-Identifier: MIT */
/*
 * cred.c - user and group ids: the set*id(2) rules for root and for others,
 * saved ids, supplementary groups, what they mean for files made and for exec,
 * and whose they are when there are threads (credentials(7): a thread's).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define A 60001
#define B 60002
#define C 60003

static void check_uids(uid_t r, uid_t e, uid_t s)
{
	uid_t gr, ge, gs;

	OK(getresuid(&gr, &ge, &gs));
	if (gr != r || ge != e || gs != s)
		FAIL("uids are %d %d %d, not %d %d %d", gr, ge, gs, r, e, s);
	CHECK_EQ(getuid(), r);
	CHECK_EQ(geteuid(), e);
}

static void check_gids(gid_t r, gid_t e, gid_t s)
{
	gid_t gr, ge, gs;

	OK(getresgid(&gr, &ge, &gs));
	if (gr != r || ge != e || gs != s)
		FAIL("gids are %d %d %d, not %d %d %d", gr, ge, gs, r, e, s);
	CHECK_EQ(getgid(), r);
	CHECK_EQ(getegid(), e);
}

static void root_setuid_sets_all(void)
{
	need_root();
	OK(setuid(A));
	check_uids(A, A, A);
	CHECK_ERR(setuid(0), EPERM);
	CHECK_ERR(seteuid(0), EPERM);
	OK(setuid(A));
}

static void root_setgid_sets_all(void)
{
	need_root();
	OK(setgid(A));
	check_gids(A, A, A);
	/* uid 0 is what counts. */
	OK(setgid(0));
	check_gids(0, 0, 0);
}

static void seteuid_and_back(void)
{
	need_root();
	OK(seteuid(A));
	check_uids(0, A, 0);
	CHECK_ERR(setuid(B), EPERM);
	CHECK_ERR(setgid(B), EPERM);
	OK(seteuid(0));
	check_uids(0, 0, 0);
}

static void user_setuid_sets_effective(void)
{
	need_root();
	OK(setresuid(A, B, C));
	check_uids(A, B, C);
	OK(setuid(A));
	check_uids(A, A, C);
	OK(setuid(C));
	check_uids(A, C, C);
	/* B was only effective; it is gone. */
	CHECK_ERR(setuid(B), EPERM);
	CHECK_ERR(setuid(0), EPERM);
	check_uids(A, C, C);
}

static void user_setgid_sets_effective(void)
{
	need_root();
	OK(setresgid(A, B, C));
	OK(setresuid(A, A, A));
	OK(setgid(C));
	check_gids(A, C, C);
	OK(setgid(A));
	check_gids(A, A, C);
	CHECK_ERR(setgid(B), EPERM);
	CHECK_ERR(setgid(0), EPERM);
}

static void setresuid_rules(void)
{
	need_root();
	OK(setresuid(-1, -1, -1));
	check_uids(0, 0, 0);
	OK(setresuid(A, B, C));
	OK(setresuid(-1, A, -1));
	check_uids(A, A, C);
	OK(setresuid(C, C, A));
	check_uids(C, C, A);
	CHECK_ERR(setresuid(B, -1, -1), EPERM);
	CHECK_ERR(setresuid(-1, B, -1), EPERM);
	CHECK_ERR(setresuid(-1, -1, B), EPERM);
	/* One bad id and nothing changes. */
	CHECK_ERR(setresuid(A, A, B), EPERM);
	check_uids(C, C, A);
}

static void setresgid_rules(void)
{
	need_root();
	OK(setresgid(A, B, C));
	OK(setresgid(-1, -1, -1));
	check_gids(A, B, C);
	OK(setuid(A));
	OK(setresgid(B, C, A));
	check_gids(B, C, A);
	CHECK_ERR(setresgid(0, -1, -1), EPERM);
	CHECK_ERR(setresgid(-1, 0, -1), EPERM);
	CHECK_ERR(setresgid(-1, -1, 0), EPERM);
}

static void setreuid_and_the_saved_id(void)
{
	need_root();
	/* The saved id follows when the real one is set ... */
	OK(setreuid(A, 0));
	check_uids(A, 0, 0);
	OK(setreuid(-1, B));
	/* ... or the effective one becomes other than the real one. */
	check_uids(A, B, B);
	OK(setreuid(-1, A));
	check_uids(A, A, B);
	OK(setreuid(-1, B));
	OK(setreuid(B, A));
	check_uids(B, A, A);
	CHECK_ERR(setreuid(C, -1), EPERM);
	CHECK_ERR(setreuid(-1, C), EPERM);
}

static void setreuid_real_from_saved_is_refused(void)
{
	need_root();
	OK(setresuid(A, B, C));
	/* Real may become real or effective only, effective any of three. */
	CHECK_ERR(setreuid(C, -1), EPERM);
	OK(setreuid(-1, C));
	check_uids(A, C, C);
}

static void setregid_rules(void)
{
	need_root();
	OK(setresgid(A, B, C));
	OK(setuid(A));
	CHECK_ERR(setregid(C, -1), EPERM);
	OK(setregid(-1, C));
	check_gids(A, C, C);
	OK(setregid(C, A));
	check_gids(C, A, A);
}

static void invalid_ids(void)
{
	CHECK_ERR(setuid((uid_t)-1), EINVAL);
	CHECK_ERR(setgid((gid_t)-1), EINVAL);
}

static void groups(void)
{
	gid_t set[5] = { A, B, C, 7, 9 }, got[8];

	need_root();
	OK(setgroups(5, set));
	CHECK_EQ(getgroups(0, NULL), 5);
	CHECK_ERR(getgroups(4, got), EINVAL);
	CHECK_ERR(getgroups(-1, got), EINVAL);
	CHECK_EQ(getgroups(8, got), 5);
	for (int i = 0; i < 5; i++) {
		int found = 0;
		for (int j = 0; j < 5; j++)
			found += got[j] == set[i];
		CHECK_EQ(found, 1);
	}
	CHECK_ERR(setgroups(65537, set), EINVAL);
	OK(setgroups(0, NULL));
	CHECK_EQ(getgroups(0, NULL), 0);
	CHECK_EQ(getgroups(8, got), 0);
	OK(setuid(A));
	CHECK_ERR(setgroups(1, set), EPERM);
	CHECK_ERR(setgroups(0, NULL), EPERM);
}

static void many_groups(void)
{
	static gid_t set[1000], got[1000];

	need_root();
	for (int i = 0; i < 1000; i++)
		set[i] = 2000 - i;
	OK(setgroups(1000, set));
	CHECK_EQ(getgroups(1000, got), 1000);
	long sum = 0;
	for (int i = 0; i < 1000; i++)
		sum += got[i];
	CHECK_EQ(sum, (1001 + 2000) * 1000 / 2);
}

static void fsuid_follows_effective(void)
{
	need_root();
	CHECK_EQ(setfsuid(-1), 0);
	OK(seteuid(A));
	CHECK_EQ(setfsuid(-1), A);
	CHECK_EQ(setfsuid(B), A);
	CHECK_EQ(setfsuid(-1), A);
	CHECK_EQ(setfsuid(0), A);
	CHECK_EQ(setfsuid(-1), 0);
	CHECK_EQ(setfsgid(-1), getegid());
}

static void inherited_by_fork(void)
{
	need_root();
	gid_t g[1] = { C };
	OK(setgroups(1, g));
	OK(setresgid(C, B, A));
	OK(setresuid(A, B, C));
	pid_t pid = xfork();
	if (pid == 0) {
		check_uids(A, B, C);
		check_gids(C, B, A);
		CHECK_EQ(getgroups(1, g), 1);
		CHECK_EQ(g[0], C);
		_exit(0);
	}
	wait_ok(pid);
}

static int helper_uids(int argc, char **argv)
{
	CHECK_EQ(argc, 4);
	check_uids(atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
	check_gids(atoi(argv[1]) + 1, atoi(argv[2]) + 1, atoi(argv[3]) + 1);
	return 0;
}

static void exec_saves_the_effective_id(void)
{
	need_root();
	int fd = OK(open(tap_self, O_PATH));
	pid_t pid = xfork();
	if (pid == 0) {
		char exe[40];
		/* The program may lie where user A cannot walk. */
		snprintf(exe, sizeof(exe), "/proc/self/fd/%d", fd);
		OK(setresgid(A + 1, B + 1, C + 1));
		OK(setresuid(A, B, C));
		execl(exe, "cred", "--call", "uids", "60001", "60002", "60002",
		      (char *)NULL);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static void owner_of_new_files(void)
{
	struct stat st;

	need_root();
	OK(chmod(".", 0777));
	OK(setresgid(A, B, C));
	OK(setresuid(A, B, C));
	OK(close(OK(open("f", O_CREAT | O_WRONLY, 0600))));
	OK(mkdir("d", 0700));
	OK(symlink("f", "l"));
	const char *const names[] = { "f", "d", "l" };
	for (int i = 0; i < 3; i++) {
		OK(lstat(names[i], &st));
		CHECK_EQ(st.st_uid, B);
		CHECK_EQ(st.st_gid, B);
	}
}

static void privilege_follows_effective(void)
{
	need_root();
	write_file("f", "x", 1);
	OK(chmod("f", 0));
	OK(close(OK(open("f", O_RDWR))));
	OK(seteuid(A));
	CHECK_ERR(open("f", O_RDONLY), EACCES);
	CHECK_ERR(chown("f", A, A), EPERM);
	CHECK_ERR(chroot("/"), EPERM);
	OK(seteuid(0));
	OK(close(OK(open("f", O_RDWR))));
	OK(chown("f", A, A));
}

static void group_membership_gives_access(void)
{
	gid_t set[2] = { B, C };

	need_root();
	OK(chmod(".", 0755));
	write_file("f", "x", 1);
	OK(chown("f", 0, C));
	OK(chmod("f", 0640));
	pid_t pid = xfork();
	if (pid == 0) {
		OK(setgroups(2, set));
		OK(setgid(A));
		OK(setuid(A));
		OK(close(OK(open("f", O_RDONLY))));
		CHECK_ERR(open("f", O_WRONLY), EACCES);
		_exit(0);
	}
	wait_ok(pid);
	become(A, A);
	CHECK_ERR(open("f", O_RDONLY), EACCES);
}

/* What the kernel says of the process; the identity that others see. */
static void check_seen_from_outside(uid_t r, uid_t e)
{
	char text[4096], want[64];

	read_file("/proc/self/status", text, sizeof(text));
	snprintf(want, sizeof(want), "Uid:\t%u\t%u\t", r, e);
	CHECK(strstr(text, want) != NULL);
}

/* By the bare call, which the library would make in every thread. */
static void *drop_alone(void *arg)
{
	struct gate *g = arg;
	pid_t pid;

	OK(syscall(SYS_setresuid, A, B, C));
	check_uids(A, B, C);
	/* A thread may always do to itself what needs no privilege. */
	OK(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)));
	CHECK_ERR(open("f", O_RDONLY), EACCES);
	pid = xfork();
	if (pid == 0) {
		check_uids(A, B, C);
		check_seen_from_outside(A, B);
		_exit(0);
	}
	wait_ok(pid);
	gate_open(&g[0]);
	gate_wait(&g[1]);
	check_uids(A, B, C);
	return NULL;
}

static void a_thread_changes_its_own(void)
{
	struct gate g[2];
	pthread_t t;

	need_root();
	write_file("f", "x", 1);
	OK(chmod("f", 0600));
	gate_init(&g[0]);
	gate_init(&g[1]);
	CHECK_EQ(pthread_create(&t, NULL, drop_alone, g), 0);
	gate_wait(&g[0]);
	check_uids(0, 0, 0);
	check_seen_from_outside(0, 0);
	OK(close(OK(open("f", O_RDONLY))));
	OK(syscall(SYS_setresuid, B, B, 0));
	check_seen_from_outside(B, B);
	gate_open(&g[1]);
	CHECK_EQ(pthread_join(t, NULL), 0);
	check_uids(B, B, 0);
}

static void *ids_are_a(void *arg)
{
	struct gate *g = arg;

	gate_wait(g);
	check_uids(A, A, A);
	check_gids(B, B, B);
	return NULL;
}

static void the_library_changes_all_threads(void)
{
	struct gate g;
	pthread_t t[3];

	need_root();
	gate_init(&g);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, ids_are_a, &g), 0);
	OK(setgid(B));
	OK(setuid(A));
	check_seen_from_outside(A, A);
	for (int i = 0; i < 3; i++)
		gate_open(&g);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void *exec_alone(void *arg)
{
	OK(syscall(SYS_setresgid, A + 1, A + 1, A + 1));
	OK(syscall(SYS_setresuid, A, A, A));
	execl(arg, tap_self, "--call", "uids", "60001", "60001", "60001", NULL);
	FAIL("exec: errno %d", errno);
	return NULL;
}

static void exec_keeps_the_calling_threads(void)
{
	char exe[40];
	pthread_t t;
	pid_t pid;

	need_root();
	snprintf(exe, sizeof(exe), "/proc/self/fd/%d", OK(open(tap_self, O_PATH)));
	pid = xfork();
	if (pid == 0) {
		CHECK_EQ(pthread_create(&t, NULL, exec_alone, exe), 0);
		pthread_join(t, NULL);
		_exit(1);
	}
	wait_ok(pid);
}

/* Each of a program's threads takes on other ids again and again: nothing is left behind. */
static void *change_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2001; i++)
		OK(syscall(SYS_setresuid, -1, i % 2 ? A : 0, 0));
	return NULL;
}

static void replaced_ones_are_freed(void)
{
	pthread_t t;

	need_root();
	CHECK_EQ(pthread_create(&t, NULL, change_often, NULL), 0);
	change_often(NULL);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static const struct tap_case cases[] = {
	{ "root_setuid_sets_all", root_setuid_sets_all, 0 },
	{ "root_setgid_sets_all", root_setgid_sets_all, 0 },
	{ "seteuid_and_back", seteuid_and_back, 0 },
	{ "user_setuid_sets_effective", user_setuid_sets_effective, 0 },
	{ "user_setgid_sets_effective", user_setgid_sets_effective, 0 },
	{ "setresuid_rules", setresuid_rules, 0 },
	{ "setresgid_rules", setresgid_rules, 0 },
	{ "setreuid_and_the_saved_id", setreuid_and_the_saved_id, 0 },
	{ "setreuid_real_from_saved_is_refused",
	  setreuid_real_from_saved_is_refused, 0 },
	{ "setregid_rules", setregid_rules, 0 },
	{ "invalid_ids", invalid_ids, 0 },
	{ "groups", groups, 0 },
	{ "many_groups", many_groups, 0 },
	{ "fsuid_follows_effective", fsuid_follows_effective, 0 },
	{ "inherited_by_fork", inherited_by_fork, 0 },
	{ "exec_saves_the_effective_id", exec_saves_the_effective_id, 0 },
	{ "owner_of_new_files", owner_of_new_files, 0 },
	{ "privilege_follows_effective", privilege_follows_effective, 0 },
	{ "group_membership_gives_access", group_membership_gives_access, 0 },
	{ "a_thread_changes_its_own", a_thread_changes_its_own, 0 },
	{ "the_library_changes_all_threads", the_library_changes_all_threads, 0 },
	{ "exec_keeps_the_calling_threads", exec_keeps_the_calling_threads, 0 },
	{ "replaced_ones_are_freed", replaced_ones_are_freed, 0 },
};

static const struct tap_helper helpers[] = {
	{ "uids", helper_uids },
};

TAP_MAIN_HELPERS(cases, helpers)
