/* SPDX-License-Identifier: MIT */
/*
 * splice.c - splice(2), tee(2), vmsplice(2): between pipes, and pipes and files.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_SIZE 65536

struct ends {
	int rd, wr;
};

static struct ends make_pipe(void)
{
	int fd[2];

	OK(pipe(fd));
	return (struct ends){ fd[0], fd[1] };
}

static void close_pipe(struct ends p)
{
	close(p.rd);
	close(p.wr);
}

static void file_of(const char *name, size_t len, uint32_t seed)
{
	char *data = malloc(len);

	fill_pattern(data, len, seed);
	write_file(name, data, len);
	free(data);
}

static void errors(void)
{
	struct ends p = make_pipe(), q = make_pipe();
	int f, rd, dir;
	off_t off = 0;

	file_of("f", 100, 1);
	f = OK(open("f", O_RDWR));
	rd = OK(open("f", O_RDONLY));
	dir = OK(open(".", O_RDONLY));
	CHECK_EQ(write(p.wr, "abc", 3), 3);
	CHECK_EQ(splice(-1, NULL, -1, NULL, 0, 0), 0);
	CHECK_ERR(splice(p.rd, NULL, -1, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(-1, NULL, p.wr, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(p.wr, NULL, f, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(p.rd, NULL, rd, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(f, NULL, rd, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(rd, NULL, f, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(p.rd, NULL, p.wr, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(p.rd, NULL, f, NULL, 1, 0x10), EINVAL);
	CHECK_ERR(splice(dir, NULL, q.wr, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(p.rd, &off, f, NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(f, NULL, q.wr, &off, 1, 0), ESPIPE);
	CHECK_ERR(splice(p.rd, &off, q.wr, NULL, 1, 0), ESPIPE);
	off = -1;
	CHECK_ERR(splice(f, &off, q.wr, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(f, (void *)8, q.wr, NULL, 1, 0), EFAULT);
	CHECK_ERR(tee(p.rd, f, 1, 0), EINVAL);
	CHECK_ERR(tee(f, q.wr, 1, 0), EINVAL);
	CHECK_ERR(tee(p.rd, p.wr, 1, 0), EINVAL);
	CHECK_ERR(tee(p.wr, q.wr, 1, 0), EBADF);
	CHECK_ERR(tee(p.rd, -1, 1, 0), EBADF);
	CHECK_ERR(vmsplice(f, &(struct iovec){ "x", 1 }, 1, 0), EBADF);
	CHECK_ERR(vmsplice(p.wr, (void *)8, 1, 0), EFAULT);
	OK(fcntl(f, F_SETFL, O_APPEND));
	CHECK_ERR(splice(p.rd, NULL, f, NULL, 1, 0), EINVAL);
	/* Nothing of all this has taken anything. */
	char buf[8];
	CHECK_EQ(read(p.rd, buf, 8), 3);
	CHECK_ERR(splice(p.rd, NULL, q.wr, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(tee(p.rd, q.wr, 1, SPLICE_F_NONBLOCK), EAGAIN);
	close(f);
	close(rd);
	close(dir);
	close_pipe(p);
	close_pipe(q);
}

/* A whole file by way of a pipe, in any alignment. */
static void copy(size_t len, off_t skip, size_t chunk)
{
	struct ends p = make_pipe();
	static char got[300000];
	int in, out;
	off_t at = skip;
	ssize_t n, m;

	file_of("in", len, 7);
	in = OK(open("in", O_RDONLY));
	out = OK(open("out", O_RDWR | O_CREAT | O_TRUNC, 0644));
	while ((n = OK(splice(in, &at, p.wr, NULL, chunk, SPLICE_F_MOVE))) > 0) {
		while (n > 0) {
			m = OK(splice(p.rd, NULL, out, NULL, (size_t)n, SPLICE_F_MORE));
			CHECK(m > 0);
			n -= m;
		}
	}
	CHECK_EQ(at, len);
	/* The file's own position was not used, that of the other file was. */
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), (off_t)len - skip);
	CHECK_EQ(pread(out, got + skip, sizeof(got), 0), (ssize_t)len - skip);
	CHECK_EQ(pread(in, got, (size_t)skip, 0), skip);
	CHECK(check_pattern(got, len, 7));
	close(in);
	close(out);
	close_pipe(p);
}

static void copies(void)
{
	copy(10, 0, 100);
	copy(4096, 0, 4096);
	copy(200000, 0, 1 << 20);
	copy(200000, 0, 4096);
	copy(200001, 1, 65536);
	copy(131072, 4095, 5000);
	copy(12345, 0, 1);
}

/* Positions, where no offset is given. */
static void positions(void)
{
	struct ends p = make_pipe();
	char buf[16];
	off_t off = 2;

	write_file("f", "0123456789", 10);
	int f = OK(open("f", O_RDWR));
	CHECK_EQ(lseek(f, 5, SEEK_SET), 5);
	CHECK_EQ(splice(f, NULL, p.wr, NULL, 3, 0), 3);
	CHECK_EQ(lseek(f, 0, SEEK_CUR), 8);
	CHECK_EQ(splice(p.rd, NULL, f, &off, 3, 0), 3);
	CHECK_EQ(off, 5);
	CHECK_EQ(lseek(f, 0, SEEK_CUR), 8);
	CHECK_EQ(splice(f, NULL, p.wr, NULL, 100, 0), 2);
	CHECK_EQ(splice(f, NULL, p.wr, NULL, 100, 0), 0);
	CHECK_EQ(read(p.rd, buf, 16), 2);
	CHECK_EQ(pread(f, buf, 16, 0), 10);
	CHECK(!memcmp(buf, "0156756789", 10));
	close(f);
	close_pipe(p);
}

/* What is spliced from one pipe to the other arrives, in order, and leaves room. */
static void pipe_to_pipe(void)
{
	struct ends p = make_pipe(), q = make_pipe();
	static char data[PIPE_SIZE], got[PIPE_SIZE + 8];

	fill_pattern(data, sizeof(data), 3);
	/* Aligned: pages move. */
	write_full(p.wr, data, sizeof(data));
	CHECK_EQ(splice(p.rd, NULL, q.wr, NULL, 1 << 20, 0), PIPE_SIZE);
	CHECK_ERR(splice(p.rd, NULL, q.wr, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	write_full(p.wr, data, 100);
	/* The other is full. */
	CHECK_ERR(splice(p.rd, NULL, q.wr, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	read_full(q.rd, got, PIPE_SIZE);
	CHECK(check_pattern(got, PIPE_SIZE, 3));
	/* Not aligned: bytes do. */
	write_full(q.wr, "abc", 3);
	CHECK_EQ(splice(p.rd, NULL, q.wr, NULL, 60, 0), 60);
	CHECK_EQ(splice(p.rd, NULL, q.wr, NULL, 60, 0), 40);
	write_full(q.wr, "xyz", 3);
	CHECK_EQ(read(q.rd, got, sizeof(got)), 106);
	CHECK(!memcmp(got, "abc", 3) && !memcmp(got + 3, data, 100) &&
	      !memcmp(got + 103, "xyz", 3));
	close_pipe(p);
	close_pipe(q);
}

static void ends_of_file(void)
{
	struct ends p = make_pipe(), q = make_pipe();

	close(p.wr);
	CHECK_EQ(splice(p.rd, NULL, q.wr, NULL, 10, 0), 0);
	CHECK_EQ(tee(p.rd, q.wr, 10, 0), 0);
	close(p.rd);
	close(q.rd);
	p = make_pipe();
	write_full(p.wr, "x", 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(splice(p.rd, NULL, q.wr, NULL, 1, 0), EPIPE);
	CHECK_ERR(tee(p.rd, q.wr, 1, 0), EPIPE);
	char c;
	CHECK_EQ(read(p.rd, &c, 1), 1);
	pid_t pid = xfork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		write_full(p.wr, "x", 1);
		splice(p.rd, NULL, q.wr, NULL, 1, 0);
		_exit(0);
	}
	CHECK_EQ(wait_signal(pid), SIGPIPE);
	close(q.wr);
	close_pipe(p);
}

/* tee leaves what it copies; both readers get all. */
static void tee_copies(void)
{
	struct ends p = make_pipe(), q = make_pipe();
	static char data[20000], got[20000];

	fill_pattern(data, sizeof(data), 9);
	write_full(p.wr, data, sizeof(data));
	CHECK_EQ(tee(p.rd, q.wr, 5000, 0), 5000);
	read_full(q.rd, got, 5000);
	CHECK(check_pattern(got, 5000, 9));
	CHECK_EQ(tee(p.rd, q.wr, 1 << 20, 0), sizeof(data));
	/* Writing on does not disturb the copy. */
	write_full(p.wr, "more", 4);
	write_full(q.wr, "else", 4);
	read_full(p.rd, got, sizeof(data));
	CHECK(check_pattern(got, sizeof(data), 9));
	memset(got, 0, sizeof(got));
	read_full(q.rd, got, sizeof(data));
	CHECK(check_pattern(got, sizeof(data), 9));
	read_full(p.rd, got, 4);
	CHECK(!memcmp(got, "more", 4));
	read_full(q.rd, got, 4);
	CHECK(!memcmp(got, "else", 4));
	/* Pages that both had are used again by both. */
	for (int i = 0; i < 40; i++) {
		fill_pattern(data, 8192, (uint32_t)i);
		write_full(p.wr, data, 8192);
		CHECK_EQ(tee(p.rd, q.wr, 8192, 0), 8192);
		read_full(i & 1 ? p.rd : q.rd, got, 8192);
		write_full(i & 1 ? p.wr : q.wr, "0123456789", 10);
		read_full(i & 1 ? q.rd : p.rd, got, 8192);
		CHECK(check_pattern(got, 8192, (uint32_t)i));
		read_full(i & 1 ? p.rd : q.rd, got, 10);
	}
	close_pipe(p);
	close_pipe(q);
}

/* A page that was lent to a pipe is not written to by the pipe's next writer. */
static void lent_pages_stay(void)
{
	struct ends p = make_pipe();
	static char got[3 * 4096];
	off_t off = 0;

	file_of("f", 3 * 4096, 5);
	int f = OK(open("f", O_RDWR));
	for (int round = 0; round < 30; round++) {
		off = 0;
		CHECK_EQ(splice(f, &off, p.wr, NULL, 3 * 4096, 0), 3 * 4096);
		read_full(p.rd, got, 3 * 4096);
		CHECK(check_pattern(got, 3 * 4096, 5));
		memset(got, 'X', sizeof(got));
		write_full(p.wr, got, sizeof(got));
		read_full(p.rd, got, sizeof(got));
	}
	/* Nor does it go while it is in the pipe. */
	off = 0;
	CHECK_EQ(splice(f, &off, p.wr, NULL, 3 * 4096, 0), 3 * 4096);
	OK(unlink("f"));
	close(f);
	read_full(p.rd, got, 3 * 4096);
	CHECK(check_pattern(got, 3 * 4096, 5));
	close_pipe(p);
}

static void vmsplice_both_ways(void)
{
	struct ends p = make_pipe();
	char a[] = "hello ", b[] = "world", x[4], y[16];
	struct iovec out[2] = { { a, 6 }, { b, 5 } }, in[2] = { { x, 4 }, { y, 16 } };
	static char big[2 * PIPE_SIZE] __attribute__((aligned(4096)));

	CHECK_EQ(vmsplice(p.wr, out, 2, 0), 11);
	CHECK_EQ(vmsplice(p.rd, in, 2, 0), 11);
	CHECK(!memcmp(x, "hell", 4) && !memcmp(y, "o world", 7));
	CHECK_ERR(vmsplice(p.rd, in, 2, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(vmsplice(p.wr, out, 0, 0), 0);
	/* More than there is room for: what there is room for. */
	fill_pattern(big, sizeof(big), 2);
	CHECK_EQ(vmsplice(p.wr, &(struct iovec){ big, sizeof(big) }, 1, 0), PIPE_SIZE);
	CHECK_ERR(vmsplice(p.wr, out, 2, SPLICE_F_NONBLOCK), EAGAIN);
	memset(big + PIPE_SIZE, 0, PIPE_SIZE);
	read_full(p.rd, big + PIPE_SIZE, PIPE_SIZE);
	CHECK(check_pattern(big + PIPE_SIZE, PIPE_SIZE, 2));
	close_pipe(p);
}

static struct ends shared_a, shared_b;

static void splice_on(void *arg)
{
	ssize_t n;

	(void)arg;
	close(shared_a.wr);
	close(shared_b.rd);
	while ((n = OK(splice(shared_a.rd, NULL, shared_b.wr, NULL, 1 << 20, 0))) > 0)
		;
}

/* writer | splice | reader, all waiting for each other. */
static void through_a_relay(void)
{
	static char data[8000], got[8000];
	const int rounds = 100;

	shared_a = make_pipe();
	shared_b = make_pipe();
	pid_t relay = spawn(splice_on, NULL);
	pid_t writer = xfork();
	if (writer == 0) {
		close_pipe(shared_b);
		close(shared_a.rd);
		for (int i = 0; i < rounds; i++) {
			fill_pattern(data, sizeof(data), (uint32_t)i);
			write_full(shared_a.wr, data, sizeof(data));
		}
		_exit(0);
	}
	close_pipe(shared_a);
	close(shared_b.wr);
	for (int i = 0; i < rounds; i++) {
		read_full(shared_b.rd, got, sizeof(got));
		CHECK(check_pattern(got, sizeof(got), (uint32_t)i));
	}
	CHECK_EQ(read(shared_b.rd, got, 1), 0);
	wait_ok(writer);
	wait_ok(relay);
	close(shared_b.rd);
}

/* Blocks until bytes come, and until room comes; a signal ends the wait. */
static void blocks(void)
{
	static char data[PIPE_SIZE];

	shared_a = make_pipe();
	shared_b = make_pipe();
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(splice(shared_a.rd, NULL, shared_b.wr, NULL, 100, 0), 5);
		CHECK_EQ(tee(shared_a.rd, shared_b.wr, 100, 0), 5);
		_exit(0);
	}
	wait_asleep(pid);
	write_full(shared_a.wr, "12345", 5);
	char buf[16];
	read_full(shared_b.rd, buf, 5);
	wait_asleep(pid);
	write_full(shared_b.wr, data, sizeof(data));
	write_full(shared_a.wr, "67890", 5);
	wait_asleep(pid);
	read_full(shared_b.rd, data, sizeof(data));
	wait_ok(pid);
	read_full(shared_b.rd, buf, 5);
	CHECK(!memcmp(buf, "67890", 5));
	read_full(shared_a.rd, buf, 5);
	pid = xfork();
	if (pid == 0) {
		splice(shared_a.rd, NULL, shared_b.wr, NULL, 100, 0);
		_exit(0);
	}
	wait_asleep(pid);
	kill(pid, SIGTERM);
	CHECK_EQ(wait_signal(pid), SIGTERM);
	close_pipe(shared_a);
	close_pipe(shared_b);
}

/* From and to what has no pages of its own. */
static void devices_and_proc(void)
{
	struct ends p = make_pipe();
	char buf[64];

	int zero = OK(open("/dev/zero", O_RDWR)), null = OK(open("/dev/null", O_WRONLY));
	CHECK_EQ(splice(zero, NULL, p.wr, NULL, 50, 0), 50);
	CHECK_EQ(splice(p.rd, NULL, null, NULL, 50, 0), 50);
	int stat = OK(open("/proc/self/stat", O_RDONLY));
	/* Linux has kinds of files that cannot do it. */
	if (splice(stat, NULL, p.wr, NULL, 30, 0) > 0) {
		CHECK(OK(read(p.rd, buf, sizeof(buf))) > 0);
		CHECK_EQ(atoi(buf), getpid());
	} else {
		CHECK_EQ(errno, EINVAL);
	}
	OK(mkfifo("fifo", 0600));
	int fifo = OK(open("fifo", O_RDWR));
	write_full(fifo, "abc", 3);
	CHECK_EQ(splice(fifo, NULL, p.wr, NULL, 50, 0), 3);
	close(fifo);
	close(stat);
	close(zero);
	close(null);
	close_pipe(p);
}

static const struct tap_case cases[] = {
	{ "errors", errors, 0 },
	{ "copies", copies, 0 },
	{ "positions", positions, 0 },
	{ "pipe_to_pipe", pipe_to_pipe, 0 },
	{ "ends_of_file", ends_of_file, 0 },
	{ "tee_copies", tee_copies, 0 },
	{ "lent_pages_stay", lent_pages_stay, 0 },
	{ "vmsplice_both_ways", vmsplice_both_ways, 0 },
	{ "through_a_relay", through_a_relay, 0 },
	{ "blocks", blocks, 0 },
	{ "devices_and_proc", devices_and_proc, 0 },
};

TAP_MAIN(cases)
