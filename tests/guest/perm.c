/* SPDX-License-Identifier: MIT */
/*
 * perm.c - who may do what to files: mode bits, owners, sticky and set-group-ID
 * directories, chmod, chown, access, times, stat's fields.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define A 60001
#define B 60002
#define G 60009

static struct stat st;

static void file_of(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	write_file(path, "x", 1);
	OK(chown(path, uid, gid));
	OK(chmod(path, mode));
}

static void dir_of(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	OK(mkdir(path, 0700));
	OK(chown(path, uid, gid));
	OK(chmod(path, mode));
}

static mode_t mode_of(const char *path)
{
	OK(stat(path, &st));
	return st.st_mode & 07777;
}

/* Runs fn as user A in group A; the case's directory is open to all. */
static void as_user(void (*fn)(void))
{
	need_root();
	OK(chmod(".", 0777));
	pid_t pid = xfork();
	if (pid == 0) {
		become(A, A);
		fn();
		_exit(0);
	}
	wait_ok(pid);
}

static void check_open_rights(void)
{
	CHECK_ERR(open("root600", O_RDONLY), EACCES);
	OK(close(OK(open("root604", O_RDONLY))));
	CHECK_ERR(open("root604", O_WRONLY), EACCES);
	CHECK_ERR(open("root604", O_RDWR), EACCES);
	OK(close(OK(open("root602", O_WRONLY))));
	CHECK_ERR(open("root602", O_RDWR), EACCES);
	CHECK_ERR(open("root604", O_RDONLY | O_TRUNC), EACCES);
	/* The owner's bits are the only ones for the owner ... */
	CHECK_ERR(open("mine077", O_RDONLY), EACCES);
	/* ... and the group's for the group. */
	CHECK_ERR(open("group707", O_RDONLY), EACCES);
	OK(close(OK(open("group040", O_RDONLY))));
	CHECK_ERR(truncate("root604", 0), EACCES);
}

static void open_rights(void)
{
	need_root();
	file_of("root600", 0, 0, 0600);
	file_of("root604", 0, 0, 0604);
	file_of("root602", 0, 0, 0602);
	file_of("mine077", A, 0, 0077);
	file_of("group707", 0, A, 0707);
	file_of("group040", 0, A, 0040);
	as_user(check_open_rights);
	/* Nothing of this binds root. */
	file_of("none", A, A, 0);
	OK(close(OK(open("none", O_RDWR))));
}

static void check_directory_rights(void)
{
	/* Search without reading: names that one knows. */
	OK(close(OK(open("x/f", O_RDONLY))));
	CHECK_ERR(open("x", O_RDONLY), EACCES);
	CHECK_ERR(open("x/nothing", O_RDONLY), ENOENT);
	CHECK_ERR(open("x/new", O_WRONLY | O_CREAT, 0600), EACCES);
	/* Reading without search: a list of names and no more. */
	OK(close(OK(open("r", O_RDONLY))));
	CHECK_ERR(open("r/f", O_RDONLY), EACCES);
	CHECK_ERR(stat("r/f", &st), EACCES);
	CHECK_ERR(stat("r/nothing", &st), EACCES);
	CHECK_ERR(chdir("r"), EACCES);
	CHECK_ERR(stat("r/.", &st), EACCES);
	/* Writing needs search as well. */
	CHECK_ERR(open("w/new", O_WRONLY | O_CREAT, 0600), EACCES);
	CHECK_ERR(unlink("w/f"), EACCES);
	/* Removing is a matter of the directory, not of the file. */
	OK(unlink("wx/f"));
	OK(mkdir("wx/d", 0700));
	CHECK_ERR(unlink("x/f"), EACCES);
	CHECK_ERR(rename("x/f", "wx/f"), EACCES);
	CHECK_ERR(rename("wx/d", "x/d"), EACCES);
	CHECK_ERR(link("own", "x/g"), EACCES);
	CHECK_ERR(symlink("f", "x/l"), EACCES);
	CHECK_ERR(mkdir("x/d", 0700), EACCES);
	CHECK_ERR(rmdir("x/sub"), EACCES);
	CHECK_ERR(mkfifo("x/p", 0600), EACCES);
}

static void directory_rights(void)
{
	static const struct { const char *name; mode_t mode; } dirs[] = {
		{ "x", 0701 }, { "r", 0704 }, { "w", 0702 }, { "wx", 0703 },
	};

	need_root();
	for (size_t i = 0; i < TAP_COUNT(dirs); i++) {
		dir_of(dirs[i].name, 0, 0, 0700);
		OK(chdir(dirs[i].name));
		file_of("f", 0, 0, 0644);
		dir_of("sub", 0, 0, 0755);
		OK(chdir(".."));
		OK(chmod(dirs[i].name, dirs[i].mode));
	}
	file_of("own", A, A, 0600);
	as_user(check_directory_rights);
}

static void check_sticky(void)
{
	CHECK_ERR(unlink("s/others"), EPERM);
	CHECK_ERR(rename("s/others", "s/new"), EPERM);
	CHECK_ERR(rmdir("s/othersdir"), EPERM);
	OK(close(OK(open("s/fresh", O_WRONLY | O_CREAT, 0600))));
	CHECK_ERR(rename("s/fresh", "s/others"), EPERM);
	OK(rename("s/mine", "s/mine2"));
	OK(unlink("s/mine2"));
	/* The directory's owner may, whosever the file is. */
	OK(unlink("sm/others"));
}

static void sticky_directories(void)
{
	need_root();
	dir_of("s", 0, 0, 01777);
	dir_of("sm", A, 0, 01777);
	file_of("s/others", B, B, 0666);
	file_of("s/mine", A, A, 0666);
	dir_of("s/othersdir", B, B, 0777);
	file_of("sm/others", B, B, 0666);
	as_user(check_sticky);
}

static void set_group_directories(void)
{
	need_root();
	dir_of("d", 0, G, 02777);
	write_file("d/f", "", 0);
	OK(stat("d/f", &st));
	CHECK_EQ(st.st_gid, G);
	/* Subdirectories take the bit over. */
	OK(mkdir("d/sub", 0755));
	OK(stat("d/sub", &st));
	CHECK_EQ(st.st_gid, G);
	CHECK_EQ(st.st_mode & 07777, 02755);
	dir_of("plain", 0, G, 0777);
	write_file("plain/f", "", 0);
	OK(stat("plain/f", &st));
	CHECK_EQ(st.st_gid, getegid());
}

static void check_chmod(void)
{
	CHECK_ERR(chmod("root", 0777), EPERM);
	OK(chmod("mine", 0640));
	CHECK_EQ(mode_of("mine"), 0640);
	OK(chmod("mine", 06755));
	CHECK_EQ(mode_of("mine"), 06755);
	/* Set-group-ID for a group that one is not in falls off. */
	OK(chmod("foreign", 02755));
	CHECK_EQ(mode_of("foreign"), 0755);
	int fd = OK(open("root", O_RDONLY));
	CHECK_ERR(fchmod(fd, 0777), EPERM);
}

static void chmod_rules(void)
{
	need_root();
	file_of("root", 0, 0, 0644);
	file_of("mine", A, A, 0600);
	file_of("foreign", A, G, 0600);
	as_user(check_chmod);
	file_of("f", 0, 0, 0);
	for (int mode = 0; mode < 010000; mode += 0111) {
		OK(chmod("f", mode));
		CHECK_EQ(mode_of("f"), mode);
	}
	OK(chmod("f", 0170644));
	CHECK_EQ(mode_of("f"), 0644);
	OK(symlink("f", "l"));
	OK(chmod("l", 0604));
	CHECK_EQ(mode_of("f"), 0604);
	CHECK_ERR(chmod("nothing", 0600), ENOENT);
}

static void check_chown(void)
{
	gid_t groups[2];

	CHECK_ERR(chown("mine", B, -1), EPERM);
	CHECK_ERR(chown("mine", 0, -1), EPERM);
	CHECK_ERR(chown("mine", -1, B), EPERM);
	CHECK_ERR(chown("root", A, -1), EPERM);
	OK(chown("mine", A, A));
	OK(chown("mine", -1, -1));
	CHECK_EQ(getgroups(2, groups), 0);
	CHECK_ERR(chown("root", -1, A), EPERM);
}

static void chown_rules(void)
{
	need_root();
	file_of("root", 0, 0, 0644);
	file_of("mine", A, A, 0644);
	as_user(check_chown);
	OK(chown("root", A, B));
	OK(stat("root", &st));
	CHECK(st.st_uid == A && st.st_gid == B);
	OK(chown("root", -1, G));
	OK(stat("root", &st));
	CHECK(st.st_uid == A && st.st_gid == G);
	OK(symlink("root", "l"));
	OK(lchown("l", B, B));
	OK(lstat("l", &st));
	CHECK_EQ(st.st_uid, B);
	OK(stat("l", &st));
	CHECK_EQ(st.st_uid, A);
	OK(fchownat(AT_FDCWD, "l", 7, 8, AT_SYMLINK_NOFOLLOW));
	OK(lstat("l", &st));
	CHECK(st.st_uid == 7 && st.st_gid == 8);
}

static void owner_gives_to_own_group(void)
{
	gid_t groups[1] = { G };

	need_root();
	OK(chmod(".", 0777));
	file_of("mine", A, A, 0644);
	OK(setgroups(1, groups));
	OK(setresgid(A, A, A));
	OK(setresuid(A, A, A));
	OK(chown("mine", -1, G));
	OK(chown("mine", A, A));
	CHECK_ERR(chown("mine", -1, B), EPERM);
}

static void umask_bits(void)
{
	CHECK_EQ(umask(0777), 022);
	CHECK_EQ(umask(01777), 0777);
	/* Only nine bits are kept. */
	CHECK_EQ(umask(0), 0777);
	write_file("a", "", 0);
	CHECK_EQ(mode_of("a"), 0644);
	umask(0666);
	write_file("b", "", 0);
	CHECK_EQ(mode_of("b"), 0);
	OK(mkfifo("p", 0777));
	CHECK_EQ(mode_of("p"), 0111);
	/* chmod does not care. */
	OK(chmod("a", 0666));
	CHECK_EQ(mode_of("a"), 0666);
}

static void access_uses_the_real_ids(void)
{
	need_root();
	file_of("f", 0, 0, 0600);
	OK(access("f", R_OK | W_OK));
	CHECK_ERR(access("f", X_OK), EACCES);
	OK(setresuid(A, 0, 0));
	/* Effective root may open it, the real user may not. */
	CHECK_ERR(access("f", R_OK), EACCES);
	OK(access("f", F_OK));
	OK(close(OK(open("f", O_RDONLY))));
	OK(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
	CHECK_ERR(access("f", 8), EINVAL);
	CHECK_ERR(access("nothing", F_OK), ENOENT);
}

static void times_can_be_set(void)
{
	struct timespec t[2] = { { 1000, 123456789 }, { 2000, 987654321 } };

	write_file("f", "", 0);
	OK(utimensat(AT_FDCWD, "f", t, 0));
	OK(stat("f", &st));
	CHECK(st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000);
	CHECK(st.st_mtim.tv_nsec == 987654321);
	time_t before = time(NULL);
	CHECK(st.st_ctim.tv_sec >= before - 5);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	OK(utimensat(AT_FDCWD, "f", t, 0));
	OK(stat("f", &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK(st.st_mtim.tv_sec >= before - 5);
	OK(utimensat(AT_FDCWD, "f", NULL, 0));
	OK(stat("f", &st));
	CHECK(st.st_atim.tv_sec >= before - 5);
	t[0].tv_nsec = 1000000000;
	CHECK_ERR(utimensat(AT_FDCWD, "f", t, 0), EINVAL);
	OK(symlink("nothing", "l"));
	t[0] = t[1] = (struct timespec){ 5, 6 };
	CHECK_ERR(utimensat(AT_FDCWD, "l", t, 0), ENOENT);
	OK(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
	OK(lstat("l", &st));
	CHECK(st.st_mtim.tv_sec == 5 && st.st_mtim.tv_nsec == 6);
	int fd = OK(open("f", O_RDONLY));
	OK(futimens(fd, t));
	OK(stat("f", &st));
	CHECK_EQ(st.st_mtim.tv_sec, 5);
}

static void check_times(void)
{
	struct timespec t[2] = { { 1, 1 }, { 1, 1 } };

	/* To now with the right to write, to other times only the owner. */
	OK(utimensat(AT_FDCWD, "w", NULL, 0));
	CHECK_ERR(utimensat(AT_FDCWD, "w", t, 0), EPERM);
	CHECK_ERR(utimensat(AT_FDCWD, "r", NULL, 0), EACCES);
	OK(utimensat(AT_FDCWD, "mine", t, 0));
}

static void times_rights(void)
{
	need_root();
	file_of("w", 0, 0, 0666);
	file_of("r", 0, 0, 0644);
	file_of("mine", A, A, 0);
	as_user(check_times);
}

static void stat_fields(void)
{
	struct stat b;
	char buf[9000] = { 1 };

	write_file("f", buf, sizeof(buf));
	OK(stat("f", &st));
	CHECK_EQ(st.st_size, 9000);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(st.st_gid, getegid());
	CHECK(st.st_blksize >= 512);
	CHECK(st.st_ino != 0);
	OK(lstat("f", &b));
	CHECK(!memcmp(&st, &b, sizeof(b)));
	OK(fstat(OK(open("f", O_RDONLY)), &b));
	CHECK(!memcmp(&st, &b, sizeof(b)));
}

static void directory_times(void)
{
	struct timespec old[2] = { { 100, 0 }, { 100, 0 } };
	static const char *const what[] = { "create", "link", "rename",
					    "unlink" };

	OK(mkdir("d", 0755));
	for (int i = 0; i < 4; i++) {
		OK(utimensat(AT_FDCWD, "d", old, 0));
		if (i == 0)
			write_file("d/f", "", 0);
		else if (i == 1)
			OK(link("d/f", "d/g"));
		else if (i == 2)
			OK(rename("d/g", "d/h"));
		else
			OK(unlink("d/h"));
		OK(stat("d", &st));
		if (st.st_mtim.tv_sec == 100)
			tap_fail(__FILE__, __LINE__, "%s", what[i]);
	}
	/* What happens inside of a file is not the directory's. */
	OK(utimensat(AT_FDCWD, "d", old, 0));
	write_file("d/f", "more", 4);
	OK(chmod("d/f", 0600));
	OK(stat("d", &st));
	CHECK_EQ(st.st_mtim.tv_sec, 100);
}

static const struct tap_case cases[] = {
	{ "open_rights", open_rights, 0 },
	{ "directory_rights", directory_rights, 0 },
	{ "sticky_directories", sticky_directories, 0 },
	{ "set_group_directories", set_group_directories, 0 },
	{ "chmod_rules", chmod_rules, 0 },
	{ "chown_rules", chown_rules, 0 },
	{ "owner_gives_to_own_group", owner_gives_to_own_group, 0 },
	{ "umask_bits", umask_bits, 0 },
	{ "access_uses_the_real_ids", access_uses_the_real_ids, 0 },
	{ "times_can_be_set", times_can_be_set, 0 },
	{ "times_rights", times_rights, 0 },
	{ "stat_fields", stat_fields, 0 },
	{ "directory_times", directory_times, 0 },
};

TAP_MAIN(cases)
