/* SPDX-License-Identifier: MIT */
/*
 * fsraces.c - calls about files that meet each other: descriptors that are closed
 * or replaced under a call, names that come and go while others look them up,
 * mounts on the way, sizes that change under readers. With one CPU they meet
 * where they sleep, with two anywhere.
 *
 * Each case says what may be seen at any moment, and what must be left at the end.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS	300

static volatile bool stop;

static ino_t ino(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, fn, arg), 0);
	return t;
}

/* ---- descriptors ---- */

static int race_fd[3];		/* two files, and the number that is fought for */

static void *replace(void *arg)
{
	int file = *(int *)arg;

	for (int i = 0; i < ROUNDS * 10; i++) {
		/* EBUSY: an open(2) is about to use that number. */
		CHECK(dup2(file, race_fd[2]) == race_fd[2] || errno == EBUSY);
		if (i % 3 == 0)
			CHECK(close(race_fd[2]) == 0 || errno == EBADF);
	}
	return NULL;
}

static void *look(void *arg)
{
	ino_t a = ino(race_fd[0]), b = ino(race_fd[1]);
	char c;

	(void)arg;
	while (!stop) {
		ino_t now = ino(race_fd[2]);
		ssize_t n = pread(race_fd[2], &c, 1, 0);

		CHECK(now == 0 || now == a || now == b);
		CHECK(n == 1 ? c == 'a' || c == 'b' : n == -1 && errno == EBADF);
	}
	return NULL;
}

/* A number means one of the files or none; each file is whole afterwards. */
static void dup2_and_close(void)
{
	pthread_t t[3];

	write_file("a", "a", 1);
	write_file("b", "b", 1);
	race_fd[0] = OK(open("a", O_RDONLY));
	race_fd[1] = OK(open("b", O_RDONLY));
	race_fd[2] = 40;
	t[0] = start(replace, &race_fd[0]);
	t[1] = start(replace, &race_fd[1]);
	t[2] = start(look, NULL);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	stop = true;
	pthread_join(t[2], NULL);
	close(40);
}

/* A call keeps the open file that it began with, whatever becomes of the number. */
static void close_under_a_reader(void)
{
	for (int i = 0; i < 20; i++) {
		char c = 0;
		pid_t pid;
		int p[2];

		OK(pipe(p));
		/* A process of its own, so that it can be seen to sleep, with our descriptors. */
		pid = (pid_t)OK(syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0));
		if (pid == 0) {
			CHECK_EQ(read(p[0], &c, 1), 1);
			CHECK_EQ(c, 'x');
			_exit(0);
		}
		wait_asleep(pid);
		OK(close(p[0]));
		/* The number is free, the pipe has a reader still. */
		CHECK_EQ(OK(open("/dev/null", O_RDONLY)), p[0]);
		CHECK_EQ(write(p[1], "x", 1), 1);
		wait_ok(pid);
		close(p[0]);
		close(p[1]);
	}
}

static void *open_close(void *arg)
{
	(void)arg;
	while (!stop) {
		int a = OK(open("f", O_RDONLY)), b = OK(dup(a));

		OK(fcntl(a, F_SETFD, FD_CLOEXEC));
		close(a);
		close(b);
	}
	return NULL;
}

/* A child's table is one that the parent had at some moment: numbers in use are files. */
static void fork_while_opening(void)
{
	pthread_t t[2];

	write_file("f", "f", 1);
	for (int i = 0; i < 2; i++)
		t[i] = start(open_close, NULL);
	for (int i = 0; i < 60; i++) {
		pid_t pid = xfork();

		if (pid == 0) {
			char c;

			for (int fd = 3; fd < 10; fd++)
				CHECK(pread(fd, &c, 1, 0) == 1 || errno == EBADF);
			/* All numbers can be had again. */
			for (int fd = 3; fd < 10; fd++)
				close(fd);
			for (int fd = 3; fd < 10; fd++)
				CHECK_EQ(open("f", O_RDONLY), fd);
			_exit(0);
		}
		wait_ok(pid);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

/* ---- names ---- */

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd >= 0) {
		(void)!write(fd, "2\n", 2);
		close(fd);
	}
}

static void move_directory(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		OK(rename("one/dir", "two/dir"));
		OK(rename("two/dir", "one/dir"));
	}
}

static void make_and_remove(void *arg)
{
	char path[32];

	snprintf(path, sizeof(path), "%s/sub", (const char *)arg);
	for (int i = 0; i < ROUNDS; i++) {
		if (mkdir(path, 0755) == 0)
			CHECK(rmdir(path) == 0 || errno == ENOENT);
		else
			CHECK(errno == ENOENT || errno == EEXIST);
	}
}

static void look_up(void *arg)
{
	struct stat st;

	(void)arg;
	for (int i = 0; i < ROUNDS * 2; i++) {
		int r = stat("one/dir/../dir/f", &st);

		CHECK(r == 0 ? st.st_size == 4 : errno == ENOENT);
		r = stat("two/dir/sub/../f", &st);
		CHECK(r == 0 ? st.st_size == 4 : errno == ENOENT);
		if (i % 50 == 0)
			drop_caches();
	}
}

static void moved_directories(void)
{
	pid_t pid[5];
	struct stat st;

	OK(mkdir("one", 0755));
	OK(mkdir("two", 0755));
	OK(mkdir("one/dir", 0755));
	write_file("one/dir/f", "four", 4);
	pid[0] = spawn(move_directory, NULL);
	pid[1] = spawn(make_and_remove, "one/dir");
	pid[2] = spawn(make_and_remove, "two/dir");
	pid[3] = spawn(look_up, NULL);
	pid[4] = spawn(look_up, NULL);
	for (int i = 0; i < 5; i++)
		wait_ok(pid[i]);
	OK(stat("one/dir/f", &st));
	(void)rmdir("one/dir/sub");
	/* Counts agree with what is there. */
	OK(unlink("one/dir/f"));
	OK(rmdir("one/dir"));
	OK(stat("one", &st));
	CHECK(st.st_nlink <= 2);
	OK(rmdir("one"));
	OK(rmdir("two"));
}

/* A name that was looked for in vain is found when it comes, in whatever way it does. */
static void names_appear(void)
{
	struct stat st;
	int fd;

	write_file("file", "x", 1);
	OK(mkdir("dir", 0755));
#define APPEARS(how) do {					\
		CHECK_ERR(stat("dir/n", &st), ENOENT);		\
		CHECK_ERR(open("dir/n", O_RDONLY), ENOENT);	\
		OK(how);					\
		OK(lstat("dir/n", &st));			\
	} while (0)
	APPEARS(close(open("dir/n", O_CREAT | O_EXCL, 0600)));
	OK(unlink("dir/n"));
	APPEARS(mkdir("dir/n", 0755));
	OK(rmdir("dir/n"));
	APPEARS(symlink("file", "dir/n"));
	OK(unlink("dir/n"));
	APPEARS(link("file", "dir/n"));
	CHECK_EQ(st.st_nlink, 2);
	OK(unlink("dir/n"));
	APPEARS(mkfifo("dir/n", 0600));
	OK(unlink("dir/n"));
	APPEARS(rename("file", "dir/n"));
	CHECK_ERR(stat("file", &st), ENOENT);
	OK(rename("dir/n", "file"));
	fd = open("dir", O_TMPFILE | O_RDWR, 0600);
	if (fd >= 0) {
		char self[40];

		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		APPEARS(linkat(AT_FDCWD, self, AT_FDCWD, "dir/n", AT_SYMLINK_FOLLOW));
		OK(unlink("dir/n"));
		close(fd);
	}
	/* Below a directory that takes the place of another. */
	OK(mkdir("new", 0755));
	write_file("new/n", "y", 1);
	APPEARS(rename("new", "dir"));
	CHECK_ERR(stat("new/n", &st), ENOENT);
}

static void mount_and_unmount(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS / 3; i++) {
		OK(mount("none", "m", "tmpfs", 0, ""));
		close(OK(open("m/upper", O_CREAT, 0600)));
		if (i % 2)
			OK(umount2("m", MNT_DETACH));
		else
			while (umount("m"))
				CHECK_EQ(errno, EBUSY);
	}
	close(OK(creat("done", 0600)));
}

/* What is found is of one of the two file systems. */
static void mounts_on_the_way(void)
{
	struct stat st;
	pid_t pid;

	need_root();
	OK(mkdir("m", 0755));
	close(OK(creat("m/lower", 0600)));
	pid = spawn(mount_and_unmount, NULL);
	while (access("done", F_OK)) {
		DIR *d = opendir("m");
		struct dirent *e;
		int lower = 0, upper = 0;

		CHECK(d);
		while ((e = readdir(d))) {
			lower += !strcmp(e->d_name, "lower");
			upper += !strcmp(e->d_name, "upper");
		}
		CHECK(lower + upper <= 1);
		closedir(d);
		CHECK(stat("m/upper", &st) == 0 || errno == ENOENT);
		CHECK(stat("m/../m/lower", &st) == 0 || errno == ENOENT);
	}
	wait_ok(pid);
	OK(stat("m/lower", &st));
}

/* ---- contents ---- */

static void cut_and_fill(void *arg)
{
	static char buf[5 * PAGE];
	int fd = *(int *)arg;

	memset(buf, 'd', sizeof(buf));
	for (int i = 0; i < ROUNDS; i++) {
		OK(ftruncate(fd, i * 37 % (5 * (long)PAGE)));
		CHECK_EQ(pwrite(fd, buf, sizeof(buf), 0), (ssize_t)sizeof(buf));
	}
}

/* A reader finds what was written, or the end. */
static void truncation_under_a_reader(void)
{
	static char buf[5 * PAGE];
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600));
	pid_t pid = spawn(cut_and_fill, &fd);

	for (int i = 0; i < ROUNDS; i++) {
		ssize_t n = OK(pread(fd, buf, sizeof(buf), 0));

		for (ssize_t k = 0; k < n; k++)
			CHECK_EQ(buf[k], 'd');
	}
	wait_ok(pid);
}

static void read_for_ever(void *arg)
{
	char buf[64];

	for (;;)
		(void)!pread(*(int *)arg, buf, sizeof(buf), PAGE);
}

/* What O_DIRECT has written is what the next read(2) finds, though others read all the time. */
static void direct_beside_the_cache(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0600)), dfd;
	char *block, byte;
	pid_t pid;

	dfd = open("f", O_RDWR | O_DIRECT);
	if (dfd < 0 && errno == EINVAL)
		SKIP("no O_DIRECT here");
	CHECK(dfd >= 0 && posix_memalign((void **)&block, PAGE, PAGE) == 0);
	memset(block, 0, PAGE);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pwrite(fd, block, PAGE, i * (off_t)PAGE), PAGE);
	OK(fsync(fd));
	pid = spawn(read_for_ever, &fd);
	for (int i = 0; i < ROUNDS; i++) {
		memset(block, i, PAGE);
		CHECK_EQ(pwrite(dfd, block, PAGE, PAGE), PAGE);
		CHECK_EQ(pread(fd, &byte, 1, PAGE + 17), 1);
		CHECK_EQ(byte, (char)i);
		byte = (char)~i;
		CHECK_EQ(pwrite(fd, &byte, 1, PAGE + 100), 1);
		CHECK_EQ(pread(dfd, block, PAGE, PAGE), PAGE);
		CHECK_EQ(block[100], (char)~i);
	}
	kill_and_reap(pid);
	free(block);
}

static const struct tap_case cases[] = {
	{ "dup2_and_close", dup2_and_close, 60 },
	{ "close_under_a_reader", close_under_a_reader, 60 },
	{ "fork_while_opening", fork_while_opening, 60 },
	{ "moved_directories", moved_directories, 120 },
	{ "names_appear", names_appear, 0 },
	{ "mounts_on_the_way", mounts_on_the_way, 120 },
	{ "truncation_under_a_reader", truncation_under_a_reader, 60 },
	{ "direct_beside_the_cache", direct_beside_the_cache, 120 },
};

TAP_MAIN(cases)
