/* SPDX-License-Identifier: MIT */
/*
 * The workload of `make crashtest`: crashload SCRIPT DIRECTORY DISK OFFSET carries
 * out the steps that tests/unit/ext2/crash.c has planned, in a directory on the disk
 * under test. After each step it writes the step's number to a sector of the disk
 * that the file system does not use, past all caches, so that the log of the
 * disk's writes tells where in the work it was.
 *
 * Without arguments there is nothing to test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int disk;
static off_t mark_at;

static void die(const char *what)
{
	fprintf(stderr, "crashload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void need(int result, const char *line)
{
	if (result < 0)
		die(line);
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	need(fd, path);
	return fd;
}

/* The bytes that the plan expects there. */
static void fill(unsigned char *buf, unsigned from, unsigned n, unsigned step)
{
	for (unsigned i = 0; i < n; i++)
		buf[i] = (unsigned char)(1 + (step * 37 + (from + i) / 64 * 11 + i) % 255);
}

static void write_part(const char *path, unsigned from, unsigned n, unsigned step)
{
	static unsigned char buf[65536];
	int fd = open_file(path, O_WRONLY);

	fill(buf, from, n, step);
	if (pwrite(fd, buf, n, from) != (ssize_t)n)
		die(path);
	close(fd);
}

/* msync(2) of all of the file, so that the plan may take it for an fsync(2). */
static void map_part(const char *path, unsigned from, unsigned n, unsigned step)
{
	int fd = open_file(path, O_RDWR);
	struct stat st;
	unsigned char *p;

	need(fstat(fd, &st), path);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die(path);
	fill(p + from, from, n, step);
	need(msync(p, (size_t)st.st_size, MS_SYNC), path);
	munmap(p, (size_t)st.st_size);
	close(fd);
}

static void punch(const char *path, unsigned from, unsigned n)
{
	int fd = open_file(path, O_WRONLY);

	need(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, n), path);
	close(fd);
}

static void sync_file(const char *path, int data_only)
{
	int fd = open_file(path, O_RDONLY);

	need(data_only ? fdatasync(fd) : fsync(fd), path);
	close(fd);
}

static void mark(unsigned step)
{
	static _Alignas(4096) unsigned char sector[512];

	memcpy(sector, &step, sizeof(step));
	if (pwrite(disk, sector, sizeof(sector), mark_at) != sizeof(sector))
		die("mark");
}

static void run(char *line)
{
	char a[200] = "", b[200] = "";
	unsigned n[3] = { 0 };

	sscanf(line + 1, "%199s %199s %u %u", a, b, &n[1], &n[2]);
	n[0] = (unsigned)atoi(b);
	switch (line[0]) {
	case 'c':
		close(open_file(a, O_CREAT | O_EXCL | O_WRONLY));
		break;
	case 'd':
		need(mkdir(a, 0755), line);
		break;
	case 'w':
		write_part(a, n[0], n[1], n[2]);
		break;
	case 'm':
		map_part(a, n[0], n[1], n[2]);
		break;
	case 'p':
		punch(a, n[0], n[1]);
		break;
	case 't':
		need(truncate(a, n[0]), line);
		break;
	case 'u':
		need(unlink(a), line);
		break;
	case 'D':
		need(rmdir(a), line);
		break;
	case 'l':
		need(link(a, b), line);
		break;
	case 'r':
		need(rename(a, b), line);
		break;
	case 'f':
	case 'F':
		sync_file(a, line[0] == 'F');
		break;
	case 'S':
		sync();
		break;
	case 'M':
		mark((unsigned)atoi(a));
		break;
	}
}

int main(int argc, char **argv)
{
	char line[500];
	FILE *script;

	if (argc < 5) {
		printf("KTAP version 1\n1..1\nok 1 crashload # SKIP no script\n");
		return 0;
	}
	script = fopen(argv[1], "r");
	if (!script || chdir(argv[2]))
		die(argv[1]);
	disk = open_file(argv[3], O_WRONLY | O_DIRECT);
	mark_at = atoll(argv[4]);
	while (fgets(line, sizeof(line), script)) {
		line[strcspn(line, "\n")] = '\0';
		run(line);
	}
	/* No unmount: the power goes. */
	return 0;
}
