/* SPDX-License-Identifier: MIT */
/*
 * faults - makes one page fault of each kind, on purpose.
 *
 *	faults			says what there is
 *	faults KIND...		makes them, one after another
 *
 * For `ct-fault` in GDB (docs/page-fault.md), which explains each before and
 * after. The access that faults is alone on its line, in store() or load(). Those
 * that end in a signal are made by a child.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	4096
#define NOINLINE __attribute__((noinline, noclone))

static volatile char sink;		/* what is read goes here */

static char *memory(size_t size, int prot)
{
	char *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("faults: mmap");
		exit(1);
	}
	return p;
}

static NOINLINE void store(volatile char *p, char c)
{
	*p = c;
}

static NOINLINE void load(volatile char *p)
{
	sink = *p;
}

/* Memory that nobody has touched yet. */
static void zero(void)
{
	store(memory(PAGE, PROT_READ | PROT_WRITE), 1);
}

/* The child writes to a page that the parent has, too. */
static void cow(void)
{
	char *p = memory(PAGE, PROT_READ | PROT_WRITE);
	pid_t pid;

	strcpy(p, "the parent's");
	pid = fork();
	if (pid == 0) {
		store(p, 'T');
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("the parent still reads \"%s\"\n", p);
}

/* The same in so large an area that fork shares the page table and not just the pages. */
static void table(void)
{
	const size_t size = 8 << 20;
	char *p = memory(size, PROT_READ | PROT_WRITE) + size / 2;
	pid_t pid;

	*p = 1;
	pid = fork();
	if (pid == 0) {
		store(p, 2);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* As cow, but the child has gone, and the parent writes: the last owner. */
static void takeover(void)
{
	char *p = memory(PAGE, PROT_READ | PROT_WRITE);
	pid_t pid;

	*p = 1;
	pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	store(p, 2);
}

/* A page in the swap area; there must be one (swapon), or it stays where it is. */
static char *swapped_out(void)
{
	char *p = memory(PAGE, PROT_READ | PROT_WRITE);

	*p = 1;
	if (madvise(p, PAGE, MADV_PAGEOUT))
		perror("faults: madvise");
	return p;
}

static void swap(void)
{
	store(swapped_out(), 2);
}

/* The same, but somebody else has the page, too: it comes back and is copied. */
static void swapcow(void)
{
	char *p = swapped_out();
	pid_t pid = fork();

	if (pid == 0) {
		store(p, 2);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static char *map_self(off_t offset)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, offset);

	if (fd < 0 || p == MAP_FAILED) {
		perror("faults: mapping itself");
		exit(1);
	}
	close(fd);
	return p;
}

/* A page of a file: this program's. */
static void file(void)
{
	load(map_self(0));
}

/* Below what the stack has now. */
static void stack(void)
{
	store((char *)__builtin_frame_address(0) - 100 * PAGE, 1);
}

static void in_child(void (*access)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		access();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("killed: %s\n", strsignal(WTERMSIG(status)));
}

static void write_read_only(void)
{
	store(memory(PAGE, PROT_READ), 1);
}

static void write_null(void)
{
	store(NULL, 1);
}

static void read_past_end(void)
{
	load(map_self(64 << 20));
}

/* An area that does not allow it. */
static void protection(void)
{
	in_child(write_read_only);
}

/* Where nothing is mapped: the NULL pointer. */
static void bad(void)
{
	in_child(write_null);
}

/* Past the end of a file. */
static void bus(void)
{
	in_child(read_past_end);
}

static const struct {
	const char *name;
	void (*make)(void);
} kinds[] = {
	{ "zero", zero }, { "cow", cow }, { "table", table }, { "takeover", takeover },
	{ "file", file }, { "stack", stack }, { "swap", swap }, { "swapcow", swapcow },
	{ "protection", protection }, { "bad", bad }, { "bus", bus },
};

int main(int argc, char **argv)
{
	size_t n = sizeof(kinds) / sizeof(kinds[0]);
	int bad_name = argc < 2;

	for (int i = 1; i < argc; i++) {
		size_t k = 0;

		while (k < n && strcmp(argv[i], kinds[k].name))
			k++;
		bad_name |= k == n;
		if (k < n)
			kinds[k].make();
	}
	if (bad_name) {
		fprintf(stderr, "usage: faults KIND...; kinds:");
		for (size_t k = 0; k < n; k++)
			fprintf(stderr, " %s", kinds[k].name);
		fprintf(stderr, "\n");
	}
	return bad_name;
}
