/* SPDX-License-Identifier: MIT */
/*
 * seals.c - F_ADD_SEALS in fcntl(2), on files of memfd_create(2).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

static int sealable(off_t size)
{
	int fd = OK(memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC));

	OK(ftruncate(fd, size));
	CHECK_EQ(fcntl(fd, F_GET_SEALS) & 0x1f, 0);
	return fd;
}

static void arguments(void)
{
	int fd = OK(memfd_create("m", 0)), f, p[2];

	/* Made without MFD_ALLOW_SEALING: sealed against seals. */
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(fd);
	fd = sealable(10);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
	OK(fcntl(fd, F_ADD_SEALS, 0));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK);
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	/* It must be open for writing. */
	char name[64];
	int other = sealable(10);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", other);
	f = OK(open(name, O_RDONLY));
	CHECK_ERR(fcntl(f, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	CHECK_EQ(fcntl(f, F_GET_SEALS), 0);
	/* The seals are the file's, whoever looks. */
	OK(fcntl(other, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_EQ(fcntl(f, F_GET_SEALS), F_SEAL_GROW);
	close(f);
	close(other);
	OK(pipe(p));
	CHECK_ERR(fcntl(p[1], F_GET_SEALS), EINVAL);
	CHECK_ERR(fcntl(p[1], F_ADD_SEALS, F_SEAL_GROW), EINVAL);
	close(p[0]);
	close(p[1]);
	close(fd);
}

static void size_seals(void)
{
	int fd = sealable(8192);
	char buf[100] = "x";

	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_ERR(ftruncate(fd, 8191), EPERM);
	OK(ftruncate(fd, 8192));
	OK(ftruncate(fd, 8200));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_ERR(ftruncate(fd, 8201), EPERM);
	CHECK_EQ(pwrite(fd, buf, 8, 8192), 8);
	CHECK_ERR(pwrite(fd, buf, 9, 8192), EPERM);
	CHECK_ERR(pwrite(fd, buf, 1, 8200), EPERM);
	CHECK_ERR(fallocate(fd, 0, 0, 8201), EPERM);
	OK(fallocate(fd, 0, 0, 8200));
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000), EPERM);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096));
	struct stat st;
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 8200);
	close(fd);
}

static void write_seal(void)
{
	int fd = sealable(4096);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	strcpy(p, "before");
	/* Somebody could still write. */
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	OK(mprotect(p, 4096, PROT_READ));
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	OK(munmap(p, 4096));
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(pwrite(fd, "x", 1, 4096), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096), EPERM);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p == MAP_FAILED && errno == EPERM);
	/* Private ones are nobody's business. */
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(!strcmp(p, "before"));
	strcpy(p, "mine");
	OK(munmap(p, 4096));
	char buf[8];
	CHECK_EQ(pread(fd, buf, 7, 0), 7);
	CHECK(!strcmp(buf, "before"));
	/* A shared one for reading, where it may be had, never becomes more. */
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		CHECK(!strcmp(p, "before"));
		CHECK_ERR(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
		OK(munmap(p, 4096));
	} else {
		CHECK_EQ(errno, EPERM);
	}
	/* Other sizes are other seals. */
	OK(ftruncate(fd, 100));
	close(fd);
}

static void future_write(void)
{
	int fd = sealable(4096);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	/* Who had it can go on, and so can his children. */
	strcpy(p, "still");
	pid_t pid = xfork();
	if (pid == 0) {
		strcpy(p, "child");
		_exit(0);
	}
	wait_ok(pid);
	char buf[8];
	CHECK_EQ(pread(fd, buf, 6, 0), 6);
	CHECK(!strcmp(buf, "child"));
	OK(munmap(p, 4096));
	close(fd);
}

/* Sealing and mapping race; whoever is first, a sealed file does not change. */
static void race(void)
{
	for (int i = 0; i < 60; i++) {
		int fd = sealable(4096);
		pid_t pid = xfork();

		if (pid == 0) {
			char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

			if (p != MAP_FAILED) {
				usleep(300);
				munmap(p, 4096);
			}
			_exit(0);
		}
		int err;
		while ((err = fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE)) < 0)
			CHECK_EQ(errno, EBUSY);
		CHECK_ERR(write(fd, "x", 1), EPERM);
		wait_ok(pid);
		close(fd);
	}
}

static const struct tap_case cases[] = {
	{ "arguments", arguments, 0 },
	{ "size_seals", size_seals, 0 },
	{ "write_seal", write_seal, 0 },
	{ "future_write", future_write, 0 },
	{ "race", race, 0 },
};

TAP_MAIN(cases)
