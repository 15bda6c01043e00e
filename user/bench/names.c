/* SPDX-License-Identifier: MIT */
/*
 * names.c - making, finding, renaming and removing names, and listing them.
 */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEEP	8
#define MANY	100

static const char file[] = SCRATCH "/name";
static const char other[] = SCRATCH "/other";
static char path[256];

static void create(const char *name, const void *data, size_t size)
{
	int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);

	must(fd >= 0);
	must(size == 0 || write(fd, data, size) == (ssize_t)size);
	must(close(fd) == 0);
}

static void create_run(struct run *r, long n)
{
	(void)r;
	while (n-- > 0) {
		create(file, NULL, 0);
		must(unlink(file) == 0);
	}
	must(access(file, F_OK) == -1 && errno == ENOENT);
}

/* A file's life: created, written, found, read, removed. */
static void small_file_run(struct run *r, long n)
{
	uint64_t data[128], back[128];
	struct stat st;
	size_t i;
	int fd;

	(void)r;
	while (n-- > 0) {
		for (i = 0; i < ALL(data); i++)
			data[i] = (uint64_t)n + i;
		create(file, data, sizeof(data));
		must(stat(file, &st) == 0 && st.st_size == sizeof(data));
		fd = open(file, O_RDONLY);
		must(read(fd, back, sizeof(back)) == sizeof(back));
		must(close(fd) == 0 && unlink(file) == 0);
		for (i = 0; i < ALL(data); i++)
			must(back[i] == data[i]);
	}
}

static void mkdir_run(struct run *r, long n)
{
	(void)r;
	while (n-- > 0)
		must(mkdir(file, 0700) == 0 && rmdir(file) == 0);
}

static void rename_setup(struct run *r)
{
	(void)r;
	create(file, NULL, 0);
}

static void rename_run(struct run *r, long n)
{
	(void)r;
	while (n-- > 0) {
		must(rename(file, other) == 0);
		must(rename(other, file) == 0);
	}
	must(access(file, F_OK) == 0 && access(other, F_OK) == -1);
}

static void rename_finish(struct run *r)
{
	(void)r;
	must(unlink(file) == 0);
}

static void deep_setup(struct run *r)
{
	int i;

	(void)r;
	strcpy(path, SCRATCH);
	for (i = 0; i < DEEP - 2; i++) {
		sprintf(path + strlen(path), "/level%d", i);
		must(mkdir(path, 0700) == 0);
	}
	create(strcat(path, "/file"), "deep", 4);
}

static void deep_run(struct run *r, long n)
{
	struct stat st;

	(void)r;
	while (n-- > 0)
		must(stat(path, &st) == 0);
	must(st.st_size == 4);
}

static void deep_finish(struct run *r)
{
	int i;

	(void)r;
	must(unlink(path) == 0);
	for (i = 0; i < DEEP - 2; i++) {
		*strrchr(path, '/') = '\0';
		must(rmdir(path) == 0);
	}
}

static void missing_run(struct run *r, long n)
{
	struct stat st;

	(void)r;
	while (n-- > 0)
		must(stat(SCRATCH "/missing", &st) == -1);
	must(errno == ENOENT);
}

static const char *numbered(int i)
{
	snprintf(path, sizeof(path), SCRATCH "/many/file-%03d", i);
	return path;
}

static void list_setup(struct run *r)
{
	int i;

	(void)r;
	must(mkdir(SCRATCH "/many", 0700) == 0);
	for (i = 0; i < MANY; i++)
		create(numbered(i), NULL, 0);
}

static void list_run(struct run *r, long n)
{
	struct dirent *entry;
	int found;
	DIR *d;

	(void)r;
	while (n-- > 0) {
		d = opendir(SCRATCH "/many");
		must(d != NULL);
		for (found = 0; (entry = readdir(d)) != NULL; )
			found += entry->d_name[0] == 'f';
		must(closedir(d) == 0);
		must(found == MANY);
	}
}

static void list_finish(struct run *r)
{
	int i;

	(void)r;
	for (i = 0; i < MANY; i++)
		must(unlink(numbered(i)) == 0);
	must(rmdir(SCRATCH "/many") == 0);
}

static const struct bench rows[] = {
	{ .name = "create+unlink", .run = create_run },
	{ .name = "create, write 1 KiB, stat, read, unlink",
	  .run = small_file_run },
	{ .name = "mkdir+rmdir", .run = mkdir_run },
	{ .name = "rename, there and back", .setup = rename_setup,
	  .run = rename_run, .finish = rename_finish },
	{ .name = "stat, 8 names deep", .setup = deep_setup, .run = deep_run,
	  .finish = deep_finish },
	{ .name = "stat of a missing name", .run = missing_run },
	{ .name = "list 100 names", .setup = list_setup, .run = list_run,
	  .finish = list_finish },
};

const struct table names_table = { rows, ALL(rows) };
