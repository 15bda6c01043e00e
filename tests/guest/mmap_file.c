/* SPDX-License-Identifier: MIT */
/*
 * mmap_file.c - mappings of files: private and shared, coherent with read and
 * write, rights, ends of files, life after close and unlink.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static char data[3 * PAGE + 100];

static int data_file(void)
{
	fill_pattern(data, sizeof(data), 1);
	write_file("f", data, sizeof(data));
	return OK(open("f", O_RDWR));
}

static char *map(int fd, int prot, int flags, off_t off)
{
	return OK(mmap(NULL, 4 * PAGE, prot, flags, fd, off));
}

static void private_reads_the_file(void)
{
	char *p = map(data_file(), PROT_READ, MAP_PRIVATE, 0);

	CHECK(!memcmp(p, data, sizeof(data)));
	/* The rest of the last page is zero. */
	for (size_t i = sizeof(data); i < 4 * PAGE; i++)
		CHECK_EQ(p[i], 0);
}

static void with_an_offset(void)
{
	int fd = data_file();
	char *p = map(fd, PROT_READ, MAP_SHARED, 2 * PAGE);

	CHECK(!memcmp(p, data + 2 * PAGE, PAGE + 100));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 100), EINVAL);
}

static void private_writes_stay_private(void)
{
	int fd = data_file();
	char *p = map(fd, RW, MAP_PRIVATE, 0), *q = map(fd, RW, MAP_PRIVATE, 0);
	char c;

	p[0] = data[0] + 1;
	CHECK_EQ(q[0], data[0]);
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK_EQ(c, data[0]);
	/* Across a fork as well, in both directions. */
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(p[0], (char)(data[0] + 1));
		p[0] = 55;
		p[PAGE] = 66;
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[0], (char)(data[0] + 1));
	CHECK_EQ(p[PAGE], data[PAGE]);
}

static void private_needs_no_right_to_write(void)
{
	data_file();
	int fd = OK(open("f", O_RDONLY));
	char *p = map(fd, RW, MAP_PRIVATE, 0);

	p[0] = 1;
	CHECK_EQ(p[0], 1);
}

static void shared_writes_reach_the_file(void)
{
	int fd = data_file();
	char *p = map(fd, RW, MAP_SHARED, 0), *q = map(fd, RW, MAP_SHARED, 0);
	char c;

	p[5] = 'P';
	CHECK_EQ(q[5], 'P');
	CHECK_EQ(pread(fd, &c, 1, 5), 1);
	CHECK_EQ(c, 'P');
	pid_t pid = xfork();
	if (pid == 0) {
		q[PAGE + 5] = 'C';
		_exit(0);
	}
	wait_ok(pid);
	CHECK_EQ(p[PAGE + 5], 'C');
	OK(msync(p, 4 * PAGE, MS_SYNC));
	OK(munmap(p, 4 * PAGE));
	OK(munmap(q, 4 * PAGE));
	CHECK_EQ(pread(fd, &c, 1, PAGE + 5), 1);
	CHECK_EQ(c, 'C');
}

static void writes_reach_mappings(void)
{
	int fd = data_file();
	char *s = map(fd, PROT_READ, MAP_SHARED, 0);

	CHECK_EQ(s[7], data[7]);
	CHECK_EQ(pwrite(fd, "new", 3, 7), 3);
	CHECK(!memcmp(s + 7, "new", 3));
	/* Another open file, another process. */
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(pwrite(OK(open("f", O_WRONLY)), "two", 3, 2 * PAGE),
			 3);
		_exit(0);
	}
	wait_ok(pid);
	CHECK(!memcmp(s + 2 * PAGE, "two", 3));
}

static void behind_the_end_is_not_written(void)
{
	int fd = data_file();
	struct stat st;
	char *p = map(fd, RW, MAP_SHARED, 0);
	char c;

	p[sizeof(data) + 50] = 'x';
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, sizeof(data));
	CHECK_EQ(pread(fd, &c, 1, sizeof(data) + 50), 0);
}

static void rights(void)
{
	data_file();
	int ro = OK(open("f", O_RDONLY)), wo = OK(open("f", O_WRONLY));

	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, wo, 0), EACCES);
	char *p = OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0));
	CHECK_ERR(mprotect(p, PAGE, RW), EACCES);
	p = OK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, 0));
	OK(mprotect(p, PAGE, RW));
	p[0] = 1;
}

static void what_cannot_be_mapped(void)
{
	int fd[2];

	OK(pipe(fd));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd[0], 0), ENODEV);
	int dir = OK(open(".", O_RDONLY));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	int null = OK(open("/dev/null", O_RDWR));
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0), ENODEV);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
}

static void outlives_close_and_unlink(void)
{
	int fd = data_file();
	char *p = map(fd, RW, MAP_SHARED, 0);

	OK(close(fd));
	CHECK_EQ(p[PAGE], data[PAGE]);
	OK(unlink("f"));
	CHECK_EQ(p[2 * PAGE], data[2 * PAGE]);
	p[0] = 1;
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(p[0], 1);
		_exit(0);
	}
	wait_ok(pid);
}

/* Nobody can open it any more, but those who write dirty pages back still come past it. */
static void unlinked_and_written_back(void)
{
	int dir = OK(open(".", O_RDONLY));
	char *p = map(data_file(), RW, MAP_SHARED, 0);

	OK(unlink("f"));
	for (int fd = 3; fd < 10; fd++)
		if (fd != dir)
			close(fd);
	for (int i = 1; i < 4; i++) {
		p[0] = (char)i;
		OK(syncfs(dir));
		OK(msync(p, PAGE, MS_SYNC));
		CHECK_EQ(p[0], i);
		CHECK_EQ(p[PAGE], data[PAGE]);
	}
	OK(munmap(p, PAGE));
	OK(syncfs(dir));
}

/* What was private before the cut is gone with the page behind the end. */
static void truncation_takes_pages_away(void)
{
	int fd = data_file();
	char *s = map(fd, RW, MAP_SHARED, 0);
	char c;

	s[2 * PAGE] = 1;
	OK(ftruncate(fd, PAGE + 10));
	OK(ftruncate(fd, sizeof(data)));
	CHECK_EQ(s[2 * PAGE], 0);
	CHECK_EQ(s[PAGE + 9], data[PAGE + 9]);
	CHECK_EQ(s[PAGE + 10], 0);
	CHECK_EQ(pread(fd, &c, 1, 2 * PAGE), 1);
	CHECK_EQ(c, 0);
}

static void read_into_own_mapping(void)
{
	int fd = data_file();
	char *p = map(fd, RW, MAP_SHARED, 0);

	/* The buffer is a page of the very file that is read. */
	CHECK_EQ(pread(fd, p + PAGE, PAGE, 0), PAGE);
	CHECK(!memcmp(p + PAGE, data, PAGE));
	CHECK_EQ(pwrite(fd, p, PAGE, 2 * PAGE), PAGE);
	CHECK(!memcmp(p + 2 * PAGE, data, PAGE));
	/* Not touched before: the copy has to fault it in. */
	OK(madvise(p, 4 * PAGE, MADV_DONTNEED));
	CHECK_EQ(pwrite(fd, p + PAGE, PAGE, PAGE), PAGE);
	CHECK(!memcmp(p + PAGE, data, PAGE));
}

static void dontneed_private_rereads(void)
{
	int fd = data_file();
	char *p = map(fd, RW, MAP_PRIVATE, 0);

	p[0] = 99;
	OK(madvise(p, PAGE, MADV_DONTNEED));
	CHECK_EQ(p[0], data[0]);
}

static void execute_from_a_file(void)
{
	static const unsigned char code[] = {
		0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3,	/* mov $42, %eax; ret */
	};

	write_file("code", code, sizeof(code));
	int fd = OK(open("code", O_RDONLY));
	int (*fn)(void) = (int (*)(void))OK(mmap(NULL, PAGE, PROT_READ |
						 PROT_EXEC, MAP_PRIVATE, fd,
						 0));
	CHECK_EQ(fn(), 42);
}

static void msync_errors(void)
{
	int fd = data_file();
	char *p = map(fd, RW, MAP_SHARED, 0);

	OK(msync(p, PAGE, MS_ASYNC));
	OK(msync(p, 0, MS_SYNC));
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p, PAGE, 0x80), EINVAL);
	OK(munmap(p + PAGE, PAGE));
	CHECK_ERR(msync(p, 3 * PAGE, MS_SYNC), ENOMEM);
}

static void many_processes_one_counter(void)
{
	enum { N = 5, ROUNDS = 2000 };
	int fd = data_file();
	pid_t pids[N];

	OK(ftruncate(fd, 0));
	OK(ftruncate(fd, PAGE));
	for (int i = 0; i < N; i++) {
		pids[i] = xfork();
		if (pids[i] == 0) {
			int *c = (int *)OK(mmap(NULL, PAGE, RW, MAP_SHARED, fd,
						0));
			for (int j = 0; j < ROUNDS; j++)
				__atomic_fetch_add(c, 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++)
		wait_ok(pids[i]);
	int total = 0;
	CHECK_EQ(pread(fd, &total, sizeof(total), 0), sizeof(total));
	CHECK_EQ(total, N * ROUNDS);
}

/* A private store into a hole is nobody's business but ours: no block of the disk is used. */
static void private_stores_take_no_space(void)
{
	int fd = OK(open("hole", O_RDWR | O_CREAT, 0600));
	struct stat before, after;
	struct statfs fs;

	OK(fstatfs(fd, &fs));
	if (fs.f_type == 0x01021994 /* TMPFS_MAGIC */)
		SKIP("what is read of tmpfs takes memory");
	OK(ftruncate(fd, 64 * (off_t)PAGE));
	OK(fsync(fd));
	OK(fstat(fd, &before));
	char *p = mmap(NULL, 64 * PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 'x', 64 * PAGE);
	OK(fsync(fd));
	OK(fstat(fd, &after));
	CHECK_EQ(after.st_blocks, before.st_blocks);
}

/*
 * The page that had the end is writable in the mapping when the file grows: what is stored
 * behind the old end then must reach the disk, too.
 */
static void grows_under_a_mapping(void)
{
	int fd = OK(open("f", O_RDWR | O_CREAT, 0600));
	char *p = map(fd, RW, MAP_SHARED, 0), page[PAGE];

	for (int i = 0; i < 2; i++) {
		OK(ftruncate(fd, 0));
		OK(ftruncate(fd, 100));
		p[50] = 'a';
		if (i == 0)
			OK(ftruncate(fd, PAGE));
		else
			CHECK_EQ(pwrite(fd, "end", 4, PAGE - 4), 4);
		p[3000] = 'b';
		p[1500] = 'c';
		OK(msync(p, PAGE, MS_SYNC));
		OK(munmap(p, 4 * PAGE));
		OK(fsync(fd));
		OK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
		CHECK_EQ(pread(fd, page, PAGE, 0), PAGE);
		CHECK_EQ(page[50], 'a');
		CHECK_EQ(page[1500], 'c');
		CHECK_EQ(page[3000], 'b');
		p = map(fd, RW, MAP_SHARED, 0);
	}
}

static const struct tap_case cases[] = {
	{ "private_reads_the_file", private_reads_the_file, 0 },
	{ "with_an_offset", with_an_offset, 0 },
	{ "private_writes_stay_private", private_writes_stay_private, 0 },
	{ "private_needs_no_right_to_write",
	  private_needs_no_right_to_write, 0 },
	{ "shared_writes_reach_the_file", shared_writes_reach_the_file, 0 },
	{ "writes_reach_mappings", writes_reach_mappings, 0 },
	{ "behind_the_end_is_not_written", behind_the_end_is_not_written, 0 },
	{ "rights", rights, 0 },
	{ "what_cannot_be_mapped", what_cannot_be_mapped, 0 },
	{ "outlives_close_and_unlink", outlives_close_and_unlink, 0 },
	{ "unlinked_and_written_back", unlinked_and_written_back, 0 },
	{ "truncation_takes_pages_away", truncation_takes_pages_away, 0 },
	{ "read_into_own_mapping", read_into_own_mapping, 0 },
	{ "dontneed_private_rereads", dontneed_private_rereads, 0 },
	{ "execute_from_a_file", execute_from_a_file, 0 },
	{ "msync_errors", msync_errors, 0 },
	{ "private_stores_take_no_space", private_stores_take_no_space, 0 },
	{ "grows_under_a_mapping", grows_under_a_mapping, 0 },
	{ "many_processes_one_counter", many_processes_one_counter, 0 },
};

TAP_MAIN(cases)
