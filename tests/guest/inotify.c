/* SPDX-License-Identifier: MIT */
/*
 * inotify.c - inotify(7): every event, and how watches end.
 *
 * Where events go to several watches, their order between the watches is not
 * promised; the cases look at one watch at a time.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

static char buf[65536] __attribute__((aligned(8)));
static size_t have, at;

static int instance(void)
{
	have = at = 0;
	return OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
}

/* The next event, or NULL. */
static struct inotify_event *next(int in)
{
	struct inotify_event *e;

	if (at == have) {
		ssize_t n = read(in, buf, sizeof(buf));

		if (n < 0) {
			CHECK_EQ(errno, EAGAIN);
			return NULL;
		}
		have = (size_t)n;
		at = 0;
	}
	e = (struct inotify_event *)(buf + at);
	at += sizeof(*e) + e->len;
	CHECK(at <= have);
	return e;
}

/* The next event is this one; returns its cookie. */
static uint32_t expect_at(int line, int in, int wd, uint32_t mask, const char *name)
{
	struct inotify_event *e = next(in);

	if (!e)
		tap_die(__FILE__, line, "no event, %#x due", mask);
	if (e->wd != wd || e->mask != mask || (e->len ? strcmp(e->name, name) : *name))
		tap_die(__FILE__, line, "event wd %d mask %#x name \"%s\", due %d %#x \"%s\"",
			e->wd, e->mask, e->len ? e->name : "", wd, mask, name);
	/* Names are padded to whole headers. */
	CHECK_EQ(e->len % sizeof(*e), 0);
	return e->cookie;
}

#define EXPECT(in, wd, mask, name) expect_at(__LINE__, in, wd, mask, name)
#define NOTHING(in) CHECK(!next(in))

static void arguments(void)
{
	int in = instance(), fd;

	CHECK_ERR(inotify_init1(1), EINVAL);
	CHECK_ERR(inotify_add_watch(in, ".", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(in, ".", IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN), EINVAL);
	CHECK_ERR(inotify_add_watch(in, ".", 1u << 20), EINVAL);
	CHECK_ERR(inotify_add_watch(in, "none", IN_OPEN), ENOENT);
	CHECK_ERR(inotify_add_watch(-1, ".", IN_OPEN), EBADF);
	write_file("f", "x", 1);
	CHECK_ERR(inotify_add_watch(in, "f", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	fd = OK(open("f", O_RDONLY));
	CHECK_ERR(inotify_add_watch(fd, ".", IN_OPEN), EINVAL);
	CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(in, 1), EINVAL);
	CHECK_ERR(write(in, "x", 1), EBADF);
	CHECK_EQ(fcntl(in, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(in, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDONLY);
	close(fd);
	close(in);
	in = OK(inotify_init());
	CHECK_EQ(fcntl(in, F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQ(fcntl(in, F_GETFD), 0);
	close(in);
}

/* Watching needs the right to read. */
static void permission(void)
{
	need_root();
	write_file("f", "x", 1);
	OK(chmod("f", 0600));
	OK(chmod(".", 0755));
	pid_t pid = xfork();
	if (pid == 0) {
		int in = instance();

		become(NOBODY_UID, NOBODY_GID);
		CHECK_ERR(inotify_add_watch(in, "f", IN_OPEN), EACCES);
		OK(inotify_add_watch(in, ".", IN_OPEN));
		_exit(0);
	}
	wait_ok(pid);
}

static void file_events(void)
{
	struct timespec both[2] = { { .tv_sec = 5 }, { .tv_sec = 6 } };
	struct timespec mtime[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 6 } };
	int in = instance(), wd, fd;
	char c;

	write_file("f", "abc", 3);
	wd = OK(inotify_add_watch(in, "f", IN_ALL_EVENTS));
	CHECK_EQ(wd, 1);
	NOTHING(in);
	fd = OK(open("f", O_RDWR));
	EXPECT(in, wd, IN_OPEN, "");
	CHECK_EQ(read(fd, &c, 1), 1);
	EXPECT(in, wd, IN_ACCESS, "");
	CHECK_EQ(write(fd, "x", 1), 1);
	EXPECT(in, wd, IN_MODIFY, "");
	OK(ftruncate(fd, 1));
	EXPECT(in, wd, IN_MODIFY, "");
	/* At the end of the file nothing is read. */
	CHECK_EQ(lseek(fd, 0, SEEK_END), 1);
	CHECK_EQ(read(fd, &c, 1), 0);
	NOTHING(in);
	OK(fchmod(fd, 0640));
	EXPECT(in, wd, IN_ATTRIB, "");
	OK(futimens(fd, both));
	EXPECT(in, wd, IN_ATTRIB, "");
	OK(futimens(fd, mtime));
	EXPECT(in, wd, IN_MODIFY, "");
	close(fd);
	EXPECT(in, wd, IN_CLOSE_WRITE, "");
	close(OK(open("f", O_RDONLY)));
	EXPECT(in, wd, IN_OPEN, "");
	EXPECT(in, wd, IN_CLOSE_NOWRITE, "");
	close(OK(open("f", O_PATH)));
	NOTHING(in);
	OK(truncate("f", 0));
	EXPECT(in, wd, IN_MODIFY, "");
	OK(link("f", "g"));
	EXPECT(in, wd, IN_ATTRIB, "");
	OK(rename("f", "h"));
	EXPECT(in, wd, IN_MOVE_SELF, "");
	OK(unlink("h"));
	EXPECT(in, wd, IN_ATTRIB, "");
	OK(unlink("g"));
	EXPECT(in, wd, IN_ATTRIB, "");
	EXPECT(in, wd, IN_DELETE_SELF, "");
	EXPECT(in, wd, IN_IGNORED, "");
	CHECK_ERR(inotify_rm_watch(in, wd), EINVAL);
	close(in);
}

/* What happens in a directory comes with the name. */
static void directory_events(void)
{
	int in = instance(), wd, fd;

	OK(mkdir("d", 0755));
	wd = OK(inotify_add_watch(in, "d", IN_ALL_EVENTS));
	fd = OK(open("d/file", O_CREAT | O_WRONLY, 0644));
	EXPECT(in, wd, IN_CREATE, "file");
	EXPECT(in, wd, IN_OPEN, "file");
	CHECK_EQ(write(fd, "x", 1), 1);
	EXPECT(in, wd, IN_MODIFY, "file");
	close(fd);
	EXPECT(in, wd, IN_CLOSE_WRITE, "file");
	/* Kernels differ in which of the two comes first. */
	close(OK(open("d/file", O_WRONLY | O_TRUNC)));
	CHECK_EQ(next(in)->mask | next(in)->mask, IN_MODIFY | IN_OPEN);
	EXPECT(in, wd, IN_CLOSE_WRITE, "file");
	OK(chmod("d/file", 0600));
	EXPECT(in, wd, IN_ATTRIB, "file");
	OK(mkdir("d/sub", 0755));
	EXPECT(in, wd, IN_CREATE | IN_ISDIR, "sub");
	OK(symlink("file", "d/sym"));
	EXPECT(in, wd, IN_CREATE, "sym");
	OK(link("d/file", "d/a-name-of-more-than-sixteen-bytes"));
	EXPECT(in, wd, IN_CREATE, "a-name-of-more-than-sixteen-bytes");
	OK(mkfifo("d/fifo", 0644));
	EXPECT(in, wd, IN_CREATE, "fifo");
	OK(unlink("d/fifo"));
	EXPECT(in, wd, IN_DELETE, "fifo");
	OK(rmdir("d/sub"));
	EXPECT(in, wd, IN_DELETE | IN_ISDIR, "sub");
	/* The directory itself. */
	close(OK(open("d", O_RDONLY)));
	EXPECT(in, wd, IN_OPEN | IN_ISDIR, "");
	EXPECT(in, wd, IN_CLOSE_NOWRITE | IN_ISDIR, "");
	OK(chmod("d", 0700));
	EXPECT(in, wd, IN_ATTRIB | IN_ISDIR, "");
	OK(rename("d", "e"));
	EXPECT(in, wd, IN_MOVE_SELF, "");
	OK(unlink("e/sym"));
	OK(unlink("e/file"));
	OK(unlink("e/a-name-of-more-than-sixteen-bytes"));
	EXPECT(in, wd, IN_DELETE, "sym");
	EXPECT(in, wd, IN_DELETE, "file");
	EXPECT(in, wd, IN_DELETE, "a-name-of-more-than-sixteen-bytes");
	OK(rmdir("e"));
	EXPECT(in, wd, IN_DELETE_SELF, "");
	EXPECT(in, wd, IN_IGNORED, "");
	NOTHING(in);
	close(in);
}

static void moves(void)
{
	int in = instance(), a, b;
	uint32_t c1, c2;

	OK(mkdir("a", 0755));
	OK(mkdir("b", 0755));
	OK(mkdir("a/dir", 0755));
	write_file("a/f", "x", 1);
	write_file("b/g", "y", 1);
	a = OK(inotify_add_watch(in, "a", IN_MOVE | IN_DELETE));
	b = OK(inotify_add_watch(in, "b", IN_MOVE | IN_DELETE));
	CHECK(a != b);
	OK(rename("a/f", "a/f2"));
	c1 = EXPECT(in, a, IN_MOVED_FROM, "f");
	CHECK(c1 != 0);
	CHECK_EQ(EXPECT(in, a, IN_MOVED_TO, "f2"), c1);
	OK(rename("a/f2", "b/g"));
	c2 = EXPECT(in, a, IN_MOVED_FROM, "f2");
	CHECK(c2 != c1);
	/* What was replaced is not deleted, as far as the directory goes. */
	CHECK_EQ(EXPECT(in, b, IN_MOVED_TO, "g"), c2);
	OK(rename("a/dir", "b/dir"));
	c1 = EXPECT(in, a, IN_MOVED_FROM | IN_ISDIR, "dir");
	CHECK_EQ(EXPECT(in, b, IN_MOVED_TO | IN_ISDIR, "dir"), c1);
	/* One name to itself is no move. */
	OK(rename("b/g", "b/g"));
	CHECK_ERR(rename("b/none", "b/x"), ENOENT);
	NOTHING(in);
	close(in);
}

/* A file that rename replaces loses a link, and then its watch. */
static void replaced(void)
{
	int in = instance(), wd;

	write_file("old", "x", 1);
	write_file("new", "y", 1);
	wd = OK(inotify_add_watch(in, "old", IN_ALL_EVENTS));
	OK(rename("new", "old"));
	EXPECT(in, wd, IN_ATTRIB, "");
	EXPECT(in, wd, IN_DELETE_SELF, "");
	EXPECT(in, wd, IN_IGNORED, "");
	close(in);
}

/* While it is open it is not gone. */
static void unlinked_but_open(void)
{
	int in = instance(), wd, fd;

	write_file("f", "x", 1);
	fd = OK(open("f", O_RDWR));
	wd = OK(inotify_add_watch(in, "f", IN_ALL_EVENTS));
	OK(unlink("f"));
	EXPECT(in, wd, IN_ATTRIB, "");
	CHECK_EQ(write(fd, "z", 1), 1);
	EXPECT(in, wd, IN_MODIFY, "");
	NOTHING(in);
	close(fd);
	EXPECT(in, wd, IN_CLOSE_WRITE, "");
	EXPECT(in, wd, IN_DELETE_SELF, "");
	EXPECT(in, wd, IN_IGNORED, "");
	close(in);
}

static void excl_unlink(void)
{
	int in = instance(), wd, fd;

	write_file("f", "x", 1);
	wd = OK(inotify_add_watch(in, ".", IN_MODIFY | IN_EXCL_UNLINK));
	fd = OK(open("f", O_WRONLY));
	CHECK_EQ(write(fd, "y", 1), 1);
	EXPECT(in, wd, IN_MODIFY, "f");
	OK(unlink("f"));
	CHECK_EQ(write(fd, "z", 1), 1);
	NOTHING(in);
	/* Without the flag one still hears of it. */
	CHECK_EQ(OK(inotify_add_watch(in, ".", IN_MODIFY)), wd);
	CHECK_EQ(write(fd, "z", 1), 1);
	EXPECT(in, wd, IN_MODIFY, "f");
	close(fd);
	close(in);
}

static void masks(void)
{
	int in = instance(), wd;

	write_file("f", "x", 1);
	wd = OK(inotify_add_watch(in, "f", IN_OPEN));
	CHECK_ERR(inotify_add_watch(in, "f", IN_OPEN | IN_MASK_CREATE), EEXIST);
	CHECK_EQ(inotify_add_watch(in, "f", IN_CLOSE_NOWRITE | IN_MASK_ADD), wd);
	close(OK(open("f", O_RDONLY)));
	EXPECT(in, wd, IN_OPEN, "");
	EXPECT(in, wd, IN_CLOSE_NOWRITE, "");
	CHECK_EQ(inotify_add_watch(in, "f", IN_ATTRIB), wd);
	close(OK(open("f", O_RDONLY)));
	NOTHING(in);
	/* Through another name of the same file it is the same watch. */
	OK(link("f", "g"));
	EXPECT(in, wd, IN_ATTRIB, "");
	CHECK_EQ(inotify_add_watch(in, "g", IN_OPEN), wd);
	/* A symbolic link is followed, or not. */
	OK(symlink("f", "s"));
	CHECK_EQ(inotify_add_watch(in, "s", IN_OPEN), wd);
	CHECK(OK(inotify_add_watch(in, "s", IN_OPEN | IN_DONT_FOLLOW)) != wd);
	close(in);
}

static void oneshot(void)
{
	int in = instance(), wd;

	write_file("f", "x", 1);
	wd = OK(inotify_add_watch(in, "f", IN_ALL_EVENTS | IN_ONESHOT));
	close(OK(open("f", O_RDONLY)));
	EXPECT(in, wd, IN_OPEN, "");
	EXPECT(in, wd, IN_IGNORED, "");
	NOTHING(in);
	CHECK_ERR(inotify_rm_watch(in, wd), EINVAL);
	/* Numbers are not given twice. */
	CHECK(OK(inotify_add_watch(in, "f", IN_OPEN)) > wd);
	close(in);
}

static void removed(void)
{
	int in = instance(), wd;

	write_file("f", "x", 1);
	wd = OK(inotify_add_watch(in, "f", IN_OPEN));
	OK(inotify_rm_watch(in, wd));
	close(OK(open("f", O_RDONLY)));
	EXPECT(in, wd, IN_IGNORED, "");
	NOTHING(in);
	close(in);
}

/* Two instances, and two watches of one: each gets its own. */
static void several(void)
{
	int in = instance(), other = OK(inotify_init1(IN_NONBLOCK)), dir, file, wd;
	struct inotify_event *e;
	int seen = 0;

	write_file("f", "x", 1);
	dir = OK(inotify_add_watch(in, ".", IN_OPEN));
	file = OK(inotify_add_watch(in, "f", IN_OPEN));
	wd = OK(inotify_add_watch(other, "f", IN_OPEN));
	close(OK(open("f", O_RDONLY)));
	while ((e = next(in)))
		seen |= e->wd == dir ? 1 : e->wd == file ? 2 : 4;
	CHECK_EQ(seen, 3);
	EXPECT(other, wd, IN_OPEN, "");
	close(in);
	close(other);
}

/* The same event twice in a row is one; something between makes it two. */
static void repeats(void)
{
	int in = instance(), wd, fd, n;

	fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	wd = OK(inotify_add_watch(in, "f", IN_MODIFY | IN_ATTRIB));
	for (int i = 0; i < 5; i++)
		CHECK_EQ(write(fd, "x", 1), 1);
	OK(ioctl(in, FIONREAD, &n));
	CHECK_EQ(n, sizeof(struct inotify_event));
	OK(fchmod(fd, 0600));
	CHECK_EQ(write(fd, "x", 1), 1);
	EXPECT(in, wd, IN_MODIFY, "");
	EXPECT(in, wd, IN_ATTRIB, "");
	EXPECT(in, wd, IN_MODIFY, "");
	NOTHING(in);
	close(fd);
	close(in);
}

/* Buffers hold whole events. */
static void small_buffer(void)
{
	int in = instance();

	OK(inotify_add_watch(in, ".", IN_CREATE));
	write_file("name", "", 0);
	write_file("other", "", 0);
	CHECK_ERR(read(in, buf, 16), EINVAL);
	CHECK_ERR(read(in, buf, 31), EINVAL);
	CHECK_EQ(read(in, buf, 32), 32);
	/* Two would take 64. */
	write_file("third", "", 0);
	CHECK_EQ(read(in, buf, 63), 32);
	CHECK_EQ(read(in, buf, 64), 32);
	close(in);
}

static void readiness(void)
{
	int in = OK(inotify_init1(0));
	struct pollfd p = { .fd = in, .events = POLLIN | POLLOUT };

	have = at = 0;
	CHECK_EQ(poll(&p, 1, 0), 0);
	int wd = OK(inotify_add_watch(in, ".", IN_CREATE));
	pid_t reader = xfork();
	if (reader == 0) {
		/* Blocks until there is something. */
		EXPECT(in, wd, IN_CREATE, "f");
		_exit(0);
	}
	wait_asleep(reader);
	write_file("f", "", 0);
	wait_ok(reader);
	write_file("g", "", 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	EXPECT(in, wd, IN_CREATE, "g");
	CHECK_EQ(poll(&p, 1, 0), 0);
	/* poll wakes up. */
	pid_t poller = xfork();
	if (poller == 0) {
		CHECK_EQ(poll(&p, 1, -1), 1);
		_exit(0);
	}
	wait_asleep(poller);
	write_file("h", "", 0);
	wait_ok(poller);
	close(in);
}

static int set_limit(const char *name, const char *value, char *old)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/sys/fs/inotify/%s", name);
	if (old)
		read_file(path, old, 16);
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	write_full(fd, value, strlen(value));
	return close(fd);
}

static void limits(void)
{
	char old[16];
	int in, n = 0;

	need_root();
	if (set_limit("max_user_instances", "0", old))
		SKIP("the limits cannot be set here");
	CHECK_ERR(inotify_init1(0), EMFILE);
	set_limit("max_user_instances", old, NULL);
	in = instance();
	set_limit("max_user_watches", "0", old);
	CHECK_ERR(inotify_add_watch(in, ".", IN_OPEN), ENOSPC);
	set_limit("max_user_watches", old, NULL);
	OK(inotify_add_watch(in, ".", IN_OPEN));
	close(in);
	/* That of events counts for instances made from then on. */
	set_limit("max_queued_events", "4\n", old);
	in = instance();
	set_limit("max_queued_events", old, NULL);
	OK(inotify_add_watch(in, ".", IN_CREATE));
	for (int i = 0; i < 9; i++) {
		snprintf(old, sizeof(old), "f%d", i);
		write_file(old, "", 0);
	}
	while (next(in))
		n++;
	CHECK_EQ(n, 4 + 1);
	close(in);
}

static void overflow(void)
{
	int in = instance(), wd, n = 0, fd;
	struct inotify_event *e;
	bool told = false;

	wd = OK(inotify_add_watch(in, ".", IN_OPEN | IN_CLOSE_NOWRITE));
	fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	close(fd);
	for (int i = 0; i < 9000; i++)
		close(OK(open("f", O_RDONLY)));
	while ((e = next(in))) {
		CHECK(!told);
		if (e->mask == IN_Q_OVERFLOW) {
			CHECK_EQ(e->wd, -1);
			CHECK_EQ(e->len, 0);
			told = true;
		} else {
			CHECK_EQ(e->wd, wd);
		}
		n++;
	}
	CHECK(told);
	/* The limit of /proc/sys/fs/inotify/max_queued_events, and one for the bad news. */
	CHECK_EQ(n, 16384 + 1);
	/* It goes on after that. */
	close(OK(open("f", O_RDONLY)));
	EXPECT(in, wd, IN_OPEN, "f");
	EXPECT(in, wd, IN_CLOSE_NOWRITE, "f");
	close(in);
}

static void unmounted(void)
{
	int in = instance(), wd, outer;

	need_root();
	if (!has_capability(CAP_SYS_ADMIN))
		SKIP("no CAP_SYS_ADMIN");
	OK(mkdir("m", 0755));
	OK(mount("none", "m", "tmpfs", 0, NULL));
	write_file("m/f", "x", 1);
	wd = OK(inotify_add_watch(in, "m/f", IN_OPEN));
	outer = OK(inotify_add_watch(in, ".", IN_DELETE));
	OK(umount("m"));
	EXPECT(in, wd, IN_UNMOUNT, "");
	EXPECT(in, wd, IN_IGNORED, "");
	OK(rmdir("m"));
	EXPECT(in, outer, IN_DELETE | IN_ISDIR, "m");
	close(in);
}

/* exec opens, reads and closes like anybody else. */
static void executed(void)
{
	int in = instance(), wd;
	struct inotify_event *e;
	uint32_t all = 0;

	write_file("s", "#!/bin/sh\nexit 7\n", 17);
	OK(chmod("s", 0755));
	wd = OK(inotify_add_watch(in, "s", IN_ALL_EVENTS));
	pid_t pid = xfork();
	if (pid == 0) {
		execl("./s", "s", NULL);
		_exit(1);
	}
	CHECK_EQ(wait_exit(pid), 7);
	while ((e = next(in))) {
		CHECK_EQ(e->wd, wd);
		all |= e->mask;
	}
	CHECK_EQ(all, IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE);
	close(in);
}

/* Closing an instance with watches and unread events leaves nothing. */
static void closed_full(void)
{
	int in = instance();
	char name[16];

	OK(inotify_add_watch(in, ".", IN_ALL_EVENTS));
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		write_file(name, "x", 1);
		OK(inotify_add_watch(in, name, IN_ALL_EVENTS));
	}
	close(in);
	OK(unlink("f7"));
}

/* Watches come and go while the file is in use. */
static void churn(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	pid_t pid = xfork();

	if (pid == 0) {
		for (int i = 0; i < 3000; i++)
			CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
		_exit(0);
	}
	for (int i = 0; i < 300; i++) {
		int in = instance();

		OK(inotify_add_watch(in, "f", i % 2 ? IN_MODIFY : IN_MODIFY | IN_ONESHOT));
		OK(inotify_add_watch(in, ".", IN_MODIFY));
		while (next(in))
			;
		close(in);
	}
	wait_ok(pid);
	close(fd);
}

static const struct tap_case cases[] = {
	{ "arguments", arguments, 0 },
	{ "permission", permission, 0 },
	{ "file_events", file_events, 0 },
	{ "directory_events", directory_events, 0 },
	{ "moves", moves, 0 },
	{ "replaced", replaced, 0 },
	{ "unlinked_but_open", unlinked_but_open, 0 },
	{ "excl_unlink", excl_unlink, 0 },
	{ "masks", masks, 0 },
	{ "oneshot", oneshot, 0 },
	{ "removed", removed, 0 },
	{ "several", several, 0 },
	{ "repeats", repeats, 0 },
	{ "small_buffer", small_buffer, 0 },
	{ "readiness", readiness, 0 },
	{ "limits", limits, 0 },
	{ "overflow", overflow, 0 },
	{ "unmounted", unmounted, 0 },
	{ "executed", executed, 0 },
	{ "closed_full", closed_full, 0 },
	{ "churn", churn, 0 },
};

TAP_MAIN(cases)
