/* SPDX-License-Identifier: MIT */
/*
 * file_io.c - reading and writing regular files and the devices null, zero,
 * full and urandom: offsets, holes, limits, vectors, append, sendfile.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int new_file(void)
{
	return OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0600));
}

static off_t size_of(int fd)
{
	struct stat st;

	OK(fstat(fd, &st));
	return st.st_size;
}

static bool zeroes(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void read_back(void)
{
	static char in[100000], out[100001];
	int fd = new_file();

	fill_pattern(in, sizeof(in), 1);
	CHECK_EQ(write(fd, in, sizeof(in)), sizeof(in));
	CHECK_EQ(read(fd, out, 1), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, out, sizeof(out)), sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	CHECK_EQ(read(fd, out, sizeof(out)), 0);
	CHECK_EQ(size_of(fd), sizeof(in));
}

/* All combinations of starts and ends around page borders. */
static void page_borders(void)
{
	static const int at[] = { 0, 1, 2047, 4095, 4096, 4097, 8191, 8192,
				  8193, 12287, 12288 };
	static char model[20000], buf[20000], data[20000];
	int fd = new_file();

	for (size_t i = 0; i < TAP_COUNT(at); i++) {
		for (size_t j = i; j < TAP_COUNT(at); j++) {
			size_t len = at[j] - at[i] + 1;
			fill_pattern(data, len, (uint32_t)(i * 31 + j));
			memcpy(model + at[i], data, len);
			CHECK_EQ(pwrite(fd, data, len, at[i]), len);
			CHECK_EQ(pread(fd, buf, len, at[i]), len);
			CHECK(!memcmp(buf, data, len));
		}
	}
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 12289);
	CHECK(!memcmp(buf, model, 12289));
}

static void random_writes(void)
{
	static char model[70000], buf[70000];
	unsigned int seed = 12345;
	size_t size = 0;
	int fd = new_file();

	for (int i = 0; i < 300; i++) {
		size_t off = rand_r(&seed) % 60000, len = rand_r(&seed) % 9000;
		fill_pattern(model + off, len, i);
		CHECK_EQ(pwrite(fd, model + off, len, off), len);
		if (len && off + len > size)
			size = off + len;
		if (i % 17 == 0) {
			/* Cut, and all beyond is zero when it grows again. */
			size_t cut = rand_r(&seed) % (size + 1);
			OK(ftruncate(fd, cut));
			memset(model + cut, 0, sizeof(model) - cut);
			size = cut;
		}
		CHECK_EQ(size_of(fd), size);
	}
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), size);
	CHECK(!memcmp(buf, model, size));
}

static void seek_corners(void)
{
	int fd = new_file();
	int p[2];

	write_full(fd, "0123456789", 10);
	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	CHECK_EQ(lseek(fd, 4, SEEK_CUR), 7);
	CHECK_EQ(lseek(fd, -2, SEEK_CUR), 5);
	CHECK_EQ(lseek(fd, -1, SEEK_END), 9);
	CHECK_EQ(lseek(fd, 90, SEEK_END), 100);
	CHECK_EQ(size_of(fd), 10);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, -101, SEEK_CUR), EINVAL);
	CHECK_ERR(lseek(fd, -11, SEEK_END), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 100);
	char c;
	CHECK_EQ(read(fd, &c, 1), 0);
	OK(pipe(p));
	CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(p[0], &c, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(p[1], &c, 1, 0), ESPIPE);
}

static void seek_data_and_hole(void)
{
	int fd = new_file();

	OK(pwrite(fd, "x", 1, 1 << 20));
	/* Without knowledge of holes all is data up to the end. */
	off_t data = OK(lseek(fd, 0, SEEK_DATA));
	CHECK(data >= 0 && data <= 1 << 20);
	CHECK_EQ(lseek(fd, 1 << 20, SEEK_HOLE), (1 << 20) + 1);
	CHECK_ERR(lseek(fd, (1 << 20) + 1, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, 2 << 20, SEEK_HOLE), ENXIO);
}

static void holes_are_zero(void)
{
	static char buf[50000];
	struct stat st;
	int fd = new_file();

	OK(lseek(fd, 40000, SEEK_SET));
	write_full(fd, "end", 3);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 40003);
	CHECK(zeroes(buf, 40000));
	CHECK(!memcmp(buf + 40000, "end", 3));
	/* A terabyte of hole takes no room; 8 GiB where files cannot be so large. */
	off_t far = 1LL << 40;
	if (pwrite(fd, "x", 1, far) < 0) {
		CHECK_EQ(errno, EFBIG);
		far = 1LL << 33;
		OK(pwrite(fd, "x", 1, far));
	}
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, far + 1);
	CHECK(st.st_blocks < 1000);
	CHECK_EQ(pread(fd, buf, 4096, far / 2), 4096);
	CHECK(zeroes(buf, 4096));
	CHECK_EQ(pread(fd, buf, 4096, far), 1);
}

static void offset_limits(void)
{
	char c = 'x';
	int fd = new_file();

	CHECK_ERR(pread(fd, &c, 1, -1), EINVAL);
	CHECK_ERR(pwrite(fd, &c, 1, -1), EINVAL);
	CHECK_ERR(pwrite(fd, &c, 1, LLONG_MAX), EINVAL);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate("f", -1), EINVAL);
	/* Where the largest offset lies is the file system's affair. */
	errno = 0;
	off_t at = lseek(fd, LLONG_MAX, SEEK_SET);
	CHECK(at == LLONG_MAX || errno == EINVAL);
	if (at == LLONG_MAX) {
		CHECK(lseek(fd, 1, SEEK_CUR) == -1);
		CHECK(errno == EINVAL || errno == EOVERFLOW);
		CHECK_EQ(lseek(fd, 0, SEEK_CUR), LLONG_MAX);
	}
}

static void pread_leaves_the_offset(void)
{
	char buf[4];
	int fd = new_file();

	write_full(fd, "0123456789", 10);
	OK(lseek(fd, 2, SEEK_SET));
	CHECK_EQ(pread(fd, buf, 4, 8), 2);
	CHECK(!memcmp(buf, "89", 2));
	CHECK_EQ(pread(fd, buf, 4, 10), 0);
	CHECK_EQ(pwrite(fd, "ab", 2, 0), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
}

static void truncation(void)
{
	char buf[32];
	struct stat st;
	int fd = new_file();

	write_full(fd, "0123456789", 10);
	OK(ftruncate(fd, 4));
	CHECK_EQ(size_of(fd), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	OK(ftruncate(fd, 8));
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 8);
	CHECK(!memcmp(buf, "0123\0\0\0\0", 8));
	OK(truncate("f", 2));
	CHECK_EQ(size_of(fd), 2);
	OK(truncate("f", 100000));
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 100000);
	CHECK_ERR(truncate("nothing", 0), ENOENT);
	CHECK_ERR(truncate(".", 0), EISDIR);
	int p[2];
	OK(pipe(p));
	CHECK_ERR(ftruncate(p[1], 0), EINVAL);
	OK(mkfifo("fifo", 0600));
	CHECK_ERR(truncate("fifo", 0), EINVAL);
}

static void size_limit(void)
{
	struct rlimit rl = { 1000, 1000 };
	static char buf[2000];
	int fd = new_file();

	signal(SIGXFSZ, SIG_IGN);
	OK(setrlimit(RLIMIT_FSIZE, &rl));
	CHECK_EQ(write(fd, buf, 600), 600);
	/* As much as fits, and only then the error. */
	CHECK_EQ(write(fd, buf, 600), 400);
	CHECK_ERR(write(fd, buf, 1), EFBIG);
	CHECK_ERR(pwrite(fd, buf, 1, 5000), EFBIG);
	CHECK_ERR(ftruncate(fd, 1001), EFBIG);
	OK(ftruncate(fd, 1000));
	CHECK_EQ(pwrite(fd, buf, 1, 999), 1);
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGXFSZ, SIG_DFL);
		pwrite(fd, buf, 1, 1000);
		_exit(0);
	}
	CHECK_EQ(wait_signal(pid), SIGXFSZ);
}

static void vectors(void)
{
	char a[3], b[5], c[10];
	struct iovec out[3] = { { "abc", 3 }, { "", 0 }, { "defghij", 7 } };
	struct iovec in[4] = { { a, 3 }, { NULL, 0 }, { b, 5 }, { c, 10 } };
	int fd = new_file();

	CHECK_EQ(writev(fd, out, 3), 10);
	OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(readv(fd, in, 4), 10);
	CHECK(!memcmp(a, "abc", 3) && !memcmp(b, "defgh", 5) &&
	      !memcmp(c, "ij", 2));
	CHECK_EQ(writev(fd, out, 0), 0);
	CHECK_EQ(readv(fd, in, 0), 0);
	CHECK_EQ(preadv(fd, in, 1, 4), 3);
	CHECK(!memcmp(a, "efg", 3));
	CHECK_EQ(pwritev(fd, out, 1, 7), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
}

static void vector_limits(void)
{
	static struct iovec v[1025];
	static char byte[1025];
	int fd = new_file();

	for (int i = 0; i < 1025; i++)
		v[i] = (struct iovec){ &byte[i], 1 };
	CHECK_EQ(writev(fd, v, 1024), 1024);
	CHECK_ERR(writev(fd, v, 1025), EINVAL);
	CHECK_ERR(readv(fd, v, 1025), EINVAL);
	CHECK_ERR(syscall(SYS_writev, fd, v, -1L), EINVAL);
	/* A single length above SSIZE_MAX, or a sum, is refused. */
	v[0].iov_len = (size_t)-1;
	CHECK_ERR(writev(fd, v, 1), EINVAL);
	CHECK_EQ(size_of(fd), 1024);
}

static void append(void)
{
	write_file("f", "start", 5);
	int fd = OK(open("f", O_RDWR | O_APPEND));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	write_full(fd, "A", 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
	OK(lseek(fd, 2, SEEK_SET));
	write_full(fd, "B", 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	/* Linux: even pwrite goes to the end. */
	CHECK_EQ(pwrite(fd, "C", 1, 0), 1);
	char buf[16];
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 8);
	CHECK(!memcmp(buf, "startABC", 8));
}

static void append_by_many(void)
{
	enum { WRITERS = 5, RECORDS = 200, SIZE = 37 };
	int seen[WRITERS] = { 0 };
	pid_t pids[WRITERS];
	char rec[SIZE];

	OK(close(new_file()));
	for (int w = 0; w < WRITERS; w++) {
		pids[w] = xfork();
		if (pids[w] == 0) {
			int fd = OK(open("f", O_WRONLY | O_APPEND));
			for (int i = 0; i < RECORDS; i++) {
				memset(rec, 'a' + w, SIZE);
				rec[0] = (char)i;
				CHECK_EQ(write(fd, rec, SIZE), SIZE);
			}
			_exit(0);
		}
	}
	for (int w = 0; w < WRITERS; w++)
		wait_ok(pids[w]);
	int fd = OK(open("f", O_RDONLY));
	CHECK_EQ(size_of(fd), WRITERS * RECORDS * SIZE);
	for (int i = 0; i < WRITERS * RECORDS; i++) {
		read_full(fd, rec, SIZE);
		int w = rec[1] - 'a';
		CHECK(w >= 0 && w < WRITERS);
		CHECK_EQ((unsigned char)rec[0], (unsigned char)seen[w]);
		seen[w]++;
		for (int j = 2; j < SIZE; j++)
			CHECK_EQ(rec[j], rec[1]);
	}
}

enum { SHARED_RECORDS = 500 };

static void *write_records(void *arg)
{
	for (int i = 0; i < SHARED_RECORDS; i++)
		CHECK_EQ(write(*(int *)arg, "0123456789", 10), 10);
	return NULL;
}

/* One open file, several writers: the offset moves with each write. */
static void shared_offset(void)
{
	int fd = new_file();
	pthread_t t[4];
	char buf[10];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, write_records, &fd), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(size_of(fd), 4 * SHARED_RECORDS * 10);
	OK(lseek(fd, 0, SEEK_SET));
	for (int i = 0; i < 4 * SHARED_RECORDS; i++) {
		read_full(fd, buf, 10);
		CHECK(!memcmp(buf, "0123456789", 10));
	}
}

static void unlinked_file_lives(void)
{
	char buf[8];
	struct stat st;
	int fd = new_file();

	write_full(fd, "still", 5);
	OK(unlink("f"));
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	write_full(fd, " here", 5);
	CHECK_EQ(pread(fd, buf, 8, 2), 8);
	CHECK(!memcmp(buf, "ill here", 8));
	/* Another file of that name is another file. */
	OK(close(OK(open("f", O_CREAT | O_EXCL | O_RDWR, 0600))));
	CHECK_EQ(size_of(fd), 10);
}

static void zero_length(void)
{
	int fd = new_file(), p[2];
	char c;

	CHECK_EQ(write(fd, "", 0), 0);
	CHECK_EQ(size_of(fd), 0);
	CHECK_EQ(read(fd, &c, 0), 0);
	OK(pipe(p));
	CHECK_EQ(read(p[0], &c, 0), 0);
	CHECK_EQ(write(p[1], &c, 0), 0);
	/* Even far out nothing is extended by nothing. */
	CHECK_EQ(pwrite(fd, "", 0, 100000), 0);
	CHECK_EQ(size_of(fd), 0);
}

static void sendfile_moves(void)
{
	static char data[150000], back[150000];
	off_t off = 1000;

	fill_pattern(data, sizeof(data), 9);
	write_file("in", data, sizeof(data));
	int in = OK(open("in", O_RDONLY)), out = new_file();
	size_t done = 0;
	while (done < sizeof(data)) {
		ssize_t n = OK(sendfile(out, in, NULL, sizeof(data)));
		CHECK(n > 0);
		done += n;
	}
	CHECK_EQ(sendfile(out, in, NULL, 10), 0);
	CHECK_EQ(pread(out, back, sizeof(back), 0), sizeof(back));
	CHECK(!memcmp(data, back, sizeof(back)));
	/* With an offset of one's own, the file's stays. */
	OK(lseek(in, 7, SEEK_SET));
	OK(lseek(out, 0, SEEK_SET));
	CHECK_EQ(sendfile(out, in, &off, 500), 500);
	CHECK_EQ(off, 1500);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 7);
	CHECK_EQ(pread(out, back, 500, 0), 500);
	CHECK(!memcmp(data + 1000, back, 500));
}

static void sendfile_errors(void)
{
	int fd = new_file(), p[2];
	off_t off = -1;

	OK(pipe(p));
	write_full(fd, "abc", 3);
	CHECK_ERR(sendfile(99, fd, NULL, 1), EBADF);
	CHECK_ERR(sendfile(p[1], 99, NULL, 1), EBADF);
	CHECK_ERR(sendfile(p[1], fd, &off, 1), EINVAL);
	int ro = OK(open("f", O_RDONLY)), wo = OK(open("f", O_WRONLY));
	CHECK_ERR(sendfile(ro, fd, NULL, 1), EBADF);
	CHECK_ERR(sendfile(p[1], wo, NULL, 1), EBADF);
	OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(sendfile(p[1], fd, NULL, 100), 3);
}

static void null_zero_full(void)
{
	static char buf[10000];
	int null = OK(open("/dev/null", O_RDWR));
	int zero = OK(open("/dev/zero", O_RDWR));
	int full = OK(open("/dev/full", O_RDWR));

	CHECK_EQ(read(null, buf, 10), 0);
	CHECK_EQ(write(null, buf, 10000), 10000);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(zero, buf, sizeof(buf)), sizeof(buf));
	CHECK(zeroes(buf, sizeof(buf)));
	CHECK_EQ(write(zero, buf, 10), 10);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(full, buf, sizeof(buf)), sizeof(buf));
	CHECK(zeroes(buf, sizeof(buf)));
	CHECK_ERR(write(full, buf, 10), ENOSPC);
	CHECK_EQ(lseek(null, 100, SEEK_SET), 0);
	struct stat st;
	OK(fstat(null, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, 0x103);
	OK(fstat(zero, &st));
	CHECK_EQ(st.st_rdev, 0x105);
	CHECK_EQ(read(0, buf, 1), 0);
}

static void map_zero(void)
{
	int zero = OK(open("/dev/zero", O_RDWR));
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			  zero, 0));

	CHECK(zeroes(p, 2 * PAGE));
	p[5] = 1;
	CHECK_EQ(p[5], 1);
}

static void random_bytes(void)
{
	unsigned char a[64], b[64], big[5000];
	int seen[256] = { 0 }, kinds = 0;
	int fd = OK(open("/dev/urandom", O_RDONLY));

	CHECK_EQ(read(fd, a, sizeof(a)), sizeof(a));
	CHECK_EQ(getrandom(b, sizeof(b), 0), sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	CHECK_EQ(getrandom(big, sizeof(big), 0), sizeof(big));
	for (size_t i = 0; i < sizeof(big); i++)
		kinds += seen[big[i]]++ == 0;
	/* Chance of fewer than 250 kinds in 5,000 bytes: none. */
	CHECK(kinds > 250);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_ERR(getrandom(a, 1, 0x80), EINVAL);
	CHECK_EQ(getrandom(a, 16, GRND_NONBLOCK), 16);
	/* A fork does not repeat its parent. */
	unsigned char *child = shared_alloc(PAGE);
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(getrandom(child, 32, 0), 32);
		_exit(0);
	}
	CHECK_EQ(getrandom(a, 32, 0), 32);
	wait_ok(pid);
	CHECK(memcmp(a, child, 32) != 0);
}

static void times_move(void)
{
	struct stat a, b, c;
	char ch;
	int fd = new_file();

	OK(fstat(fd, &a));
	for (int i = 0; i < 20; i++)
		brief_pause();
	write_full(fd, "x", 1);
	OK(fstat(fd, &b));
	CHECK(b.st_mtim.tv_sec > a.st_mtim.tv_sec ||
	      b.st_mtim.tv_nsec > a.st_mtim.tv_nsec);
	CHECK(b.st_ctim.tv_sec == b.st_mtim.tv_sec &&
	      b.st_ctim.tv_nsec == b.st_mtim.tv_nsec);
	OK(lseek(fd, 0, SEEK_SET));
	read_full(fd, &ch, 1);
	OK(fstat(fd, &c));
	CHECK(c.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
	      c.st_mtim.tv_sec == b.st_mtim.tv_sec);
	/* Reading at the end, or nothing, is no change either. */
	CHECK_EQ(read(fd, &ch, 1), 0);
}

static const struct tap_case cases[] = {
	{ "read_back", read_back, 0 },
	{ "page_borders", page_borders, 0 },
	{ "random_writes", random_writes, 0 },
	{ "seek_corners", seek_corners, 0 },
	{ "seek_data_and_hole", seek_data_and_hole, 0 },
	{ "holes_are_zero", holes_are_zero, 0 },
	{ "offset_limits", offset_limits, 0 },
	{ "pread_leaves_the_offset", pread_leaves_the_offset, 0 },
	{ "truncation", truncation, 0 },
	{ "size_limit", size_limit, 0 },
	{ "vectors", vectors, 0 },
	{ "vector_limits", vector_limits, 0 },
	{ "append", append, 0 },
	{ "append_by_many", append_by_many, 0 },
	{ "shared_offset", shared_offset, 0 },
	{ "unlinked_file_lives", unlinked_file_lives, 0 },
	{ "zero_length", zero_length, 0 },
	{ "sendfile_moves", sendfile_moves, 0 },
	{ "sendfile_errors", sendfile_errors, 0 },
	{ "null_zero_full", null_zero_full, 0 },
	{ "map_zero", map_zero, 0 },
	{ "random_bytes", random_bytes, 0 },
	{ "times_move", times_move, 0 },
};

TAP_MAIN(cases)
