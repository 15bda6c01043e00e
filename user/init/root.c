/* SPDX-License-Identifier: MIT */
/*
 * Disks: the image that is a program's root, and leaving all of them clean.
 *
 * /run/guest/root holds two strings: the device, and "ro" or "rw". It is
 * mounted, /dev and /proc appear in it where it has directories for them, and
 * what is below /run/guest/add (scripts/guest --add) is copied into it.
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

#define ADD		GUEST "add"
#define IMAGE		GUEST "image"
#define MAX_MOUNTS	64

static bool copy_data(const char *from, const char *to, mode_t mode)
{
	static char buf[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = -1;

	while (in >= 0 && out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n) {
			n = -1;
			break;
		}
	if (out >= 0 && fchmod(out, mode & 07777) < 0)
		n = -1;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return n == 0;
}

static bool copy_link(const char *from, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	unlink(to);
	return symlink(target, to) == 0;
}

static bool copy_tree(const char *from, const char *to, int errors);

static bool copy_entries(const char *from, const char *to, int errors)
{
	DIR *dir = opendir(from);
	struct dirent *e;
	bool ok = dir != NULL;

	while (ok && (e = readdir(dir))) {
		char a[PATH_MAX], b[PATH_MAX];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(a, sizeof(a), "%s/%s", from, e->d_name);
		snprintf(b, sizeof(b), "%s/%s", to, e->d_name);
		ok = copy_tree(a, b, errors);
	}
	if (dir)
		closedir(dir);
	return ok;
}

/* A directory that is there already stays as it is; anything else is replaced. */
static bool copy_tree(const char *from, const char *to, int errors)
{
	struct stat st;
	bool ok;

	if (lstat(from, &st) < 0)
		return false;
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(to, st.st_mode & 07777) == 0 || errno == EEXIST)
			return copy_entries(from, to, errors);
		ok = false;
	} else if (S_ISLNK(st.st_mode)) {
		ok = copy_link(from, to);
	} else {
		ok = copy_data(from, to, st.st_mode);
	}
	if (!ok)
		complain(errors, to);
	return ok;
}

static void mount_in_image(const char *type, const char *dir)
{
	if (access(dir, F_OK) == 0)
		mount(type, dir, type, 0, NULL);
}

const char *guest_root(int errors, bool *ok)
{
	char **words = read_strings(GUEST "root");
	unsigned long flags;

	*ok = true;
	if (!words || !words[0])
		return NULL;
	flags = words[1] && strcmp(words[1], "ro") == 0 ? MS_RDONLY : 0;
	mkdir(IMAGE, 0755);
	*ok = mount(words[0], IMAGE, "ext2", flags, NULL) == 0;
	if (!*ok) {
		complain(errors, words[0]);
		return NULL;
	}
	mount_in_image("devtmpfs", IMAGE "/dev");
	mount_in_image("proc", IMAGE "/proc");
	if (access(ADD, F_OK) == 0)
		*ok = copy_entries(ADD, IMAGE, errors);
	return IMAGE;
}

/* \040 and the like in /proc/mounts stand for spaces and the like. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		unsigned int c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*to++ = (char)c;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

void unmount_all(void)
{
	char *where[MAX_MOUNTS], line[PATH_MAX + 256];
	FILE *mounts = fopen("/proc/mounts", "re");
	int n = 0;

	while (mounts && n < MAX_MOUNTS && fgets(line, sizeof(line), mounts)) {
		char *at = strchr(line, ' ');

		if (!at)
			continue;
		at++;
		at[strcspn(at, " ")] = '\0';
		unescape(at);
		where[n] = strdup(at);
		if (where[n])
			n++;
	}
	if (mounts)
		fclose(mounts);
	/* What is busy (/dev, for the console is open) needs no farewell. */
	while (n-- > 0)
		if (strcmp(where[n], "/") != 0)
			umount2(where[n], 0);
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
}
