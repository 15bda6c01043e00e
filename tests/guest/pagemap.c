/* SPDX-License-Identifier: MIT */
/*
 * pagemap.c - what /proc/PID tells about pages: pagemap, smaps, smaps_rollup, statm, status
 * (proc(5); for pagemap Linux's admin-guide/mm/pagemap.rst).
 */
#define _GNU_SOURCE
#include "frame.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SOFT_DIRTY (1ull << 55)
#define TASK_PAGES 0x7ffffffffull
/* Linux counts resident pages per CPU and adds up late. */
#define SLACK 600

static char *map(size_t pages, int flags)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static uint64_t known_frame(const void *p)
{
	uint64_t word = pagemap_word(p);

	CHECK(word & PAGEMAP_PRESENT);
	CHECK(word & PAGEMAP_FRAME);
	return word & PAGEMAP_FRAME;
}

static void need_frames(void)
{
	if (!has_capability(CAP_SYS_ADMIN))
		SKIP("may not know frame numbers");
}

/* ---- pagemap ---- */

static void reading(void)
{
	int fd = OK(open("/proc/self/pagemap", O_RDONLY));
	char *p = map(600, MAP_PRIVATE);
	uint64_t words[600];

	CHECK_ERR(pread(fd, words, 4, 0), EINVAL);
	CHECK_ERR(pread(fd, words, 8, 4), EINVAL);
	CHECK_ERR(pread(fd, words, 12, 8), EINVAL);
	CHECK_EQ(pread(fd, words, 0, 8), 0);
	for (int i = 0; i < 600; i += 2)
		p[i * PAGE] = 1;
	/* More than fits a buffer of the kernel's. */
	CHECK_EQ(pread(fd, words, sizeof(words), (off_t)((uintptr_t)p / PAGE * 8)),
		 sizeof(words));
	for (int i = 0; i < 600; i++)
		CHECK_EQ(words[i] >> 63, i % 2 == 0);
	for (int i = 1; i < 600; i += 2)
		CHECK_EQ(words[i] & ~SOFT_DIRTY, 0);
	/* Where nothing is, and where nothing can be. */
	CHECK_EQ(pread(fd, words, 8, 0), 8);
	CHECK_EQ(words[0], 0);
	CHECK_EQ(pread(fd, words, 80, (TASK_PAGES + 1) * 8), 0);
	CHECK_EQ(pread(fd, words, 80, 1ll << 60), 0);
	/* By the file's position, too. */
	CHECK_EQ(lseek(fd, (off_t)((uintptr_t)p / PAGE * 8), SEEK_SET), (uintptr_t)p / PAGE * 8);
	CHECK_EQ(read(fd, words, 16), 16);
	CHECK(words[0] & PAGEMAP_PRESENT && !(words[1] & PAGEMAP_PRESENT));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), (uintptr_t)p / PAGE * 8 + 16);
	CHECK_ERR(pread(fd, (void *)8, 16, 0), EFAULT);
	CHECK_ERR(write(fd, words, 8), EBADF);
	OK(close(fd));
}

static void follows_copy_on_write(void)
{
	struct gate child_wrote, parent_looked;
	char *p = map(1, MAP_PRIVATE);
	uint64_t before;
	pid_t pid;

	need_frames();
	gate_init(&child_wrote);
	gate_init(&parent_looked);
	p[0] = 1;
	before = known_frame(p);
	CHECK(pagemap_word(p) & PAGEMAP_EXCLUSIVE);
	pid = xfork();
	if (pid == 0) {
		CHECK_EQ(known_frame(p), before);
		CHECK(!(pagemap_word(p) & PAGEMAP_EXCLUSIVE));
		p[0] = 2;
		CHECK(known_frame(p) != before);
		CHECK(pagemap_word(p) & PAGEMAP_EXCLUSIVE);
		gate_open(&child_wrote);
		gate_wait(&parent_looked);
		CHECK_EQ(p[0], 2);
		_exit(0);
	}
	gate_wait(&child_wrote);
	CHECK_EQ(known_frame(p), before);
	CHECK(pagemap_word(p) & PAGEMAP_EXCLUSIVE);
	CHECK_EQ(p[0], 1);
	/* The last owner takes the page over. */
	p[0] = 3;
	CHECK_EQ(known_frame(p), before);
	gate_open(&parent_looked);
	wait_ok(pid);
}

static void kinds(void)
{
	char *anon = map(1, MAP_PRIVATE), *shared = map(1, MAP_SHARED), *file, *copy;
	int fd = OK(open("file", O_RDWR | O_CREAT, 0600));

	OK(ftruncate(fd, PAGE));
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(file != MAP_FAILED && copy != MAP_FAILED);
	anon[0] = shared[0] = file[0] = 1;
	CHECK_EQ(copy[0], 1);
	CHECK(!(pagemap_word(anon) & PAGEMAP_FILE));
	CHECK(pagemap_word(shared) & PAGEMAP_FILE);
	CHECK(pagemap_word(file) & PAGEMAP_FILE);
	CHECK(pagemap_word(copy) & PAGEMAP_FILE);
	if (has_capability(CAP_SYS_ADMIN))
		CHECK_EQ(known_frame(file), known_frame(copy));
	copy[1] = 2;
	CHECK(!(pagemap_word(copy) & PAGEMAP_FILE));
	if (has_capability(CAP_SYS_ADMIN))
		CHECK(known_frame(file) != known_frame(copy));
	OK(mprotect(anon, PAGE, PROT_NONE));
	CHECK(pagemap_word(anon) & PAGEMAP_PRESENT);
	OK(madvise(anon, PAGE, MADV_DONTNEED));
	CHECK_EQ(pagemap_word(anon) & ~SOFT_DIRTY, 0);
}

static void frames_are_secret(void)
{
	char *p = map(1, MAP_PRIVATE), name[64];
	uint64_t word;
	int fd;

	need_root();
	snprintf(name, sizeof(name), "/proc/%d/pagemap", (int)getpid());
	p[0] = 1;
	fd = OK(open(name, O_RDONLY));
	become(NOBODY_UID, NOBODY_GID);
	/* Who has changed identity is root's in /proc, until it says otherwise. */
	CHECK_ERR(open(name, O_RDONLY), EACCES);
	OK(prctl(PR_SET_DUMPABLE, 1));
	word = pagemap_word(p);
	CHECK(word & PAGEMAP_PRESENT);
	CHECK_EQ(word & PAGEMAP_FRAME, 0);
	/* The right is that of who has opened the file. */
	CHECK_EQ(pread(fd, &word, 8, (off_t)((uintptr_t)p / PAGE * 8)), 8);
	CHECK(word & PAGEMAP_PRESENT);
	OK(close(fd));
}

/* ---- smaps ---- */

/* "Name:  123 kB" of the area at p, or of the first line on with p NULL; -1: no such line. */
static long kb(const char *file, const void *p, const char *name)
{
	char line[512];
	bool here = p == NULL;
	long value = -1;
	FILE *f = fopen(file, "r");

	CHECK(f);
	while (value < 0 && fgets(line, sizeof(line), f)) {
		unsigned long start, end;
		char *colon = strchr(line, ':');

		if (p && sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)p >= start && (unsigned long)p < end;
		else if (here && colon && (size_t)(colon - line) == strlen(name) &&
			 strncmp(line, name, strlen(name)) == 0)
			value = strtol(colon + 1, NULL, 10);
	}
	fclose(f);
	return value;
}

#define SMAPS(p, name) kb("/proc/self/smaps", p, name)

static void smaps_of_anonymous(void)
{
	char *p = map(18, MAP_PRIVATE);
	struct gate wrote, looked;
	pid_t pid;

	/* Alone: not merged with its neighbours. */
	OK(mprotect(p, PAGE, PROT_NONE));
	OK(mprotect(p + 17 * PAGE, PAGE, PROT_NONE));
	p += PAGE;
	gate_init(&wrote);
	gate_init(&looked);
	CHECK_EQ(SMAPS(p, "Size"), 64);
	CHECK_EQ(SMAPS(p, "Rss"), 0);
	for (int i = 0; i < 10; i++)
		p[i * PAGE] = 1;
	CHECK_EQ(SMAPS(p, "Rss"), 40);
	CHECK_EQ(SMAPS(p, "Pss"), 40);
	CHECK_EQ(SMAPS(p, "Private_Dirty"), 40);
	CHECK_EQ(SMAPS(p, "Private_Clean"), 0);
	CHECK_EQ(SMAPS(p, "Anonymous"), 40);
	CHECK_EQ(SMAPS(p, "KernelPageSize"), 4);
	CHECK_EQ(SMAPS(p, "Swap"), 0);
	CHECK_EQ(SMAPS(p, "Locked"), 0);
	pid = xfork();
	if (pid == 0) {
		p[0] = p[PAGE] = p[2 * PAGE] = 2;
		gate_open(&wrote);
		gate_wait(&looked);
		_exit(0);
	}
	gate_wait(&wrote);
	CHECK_EQ(SMAPS(p, "Rss"), 40);
	CHECK_EQ(SMAPS(p, "Private_Dirty"), 12);
	CHECK_EQ(SMAPS(p, "Shared_Dirty"), 28);
	CHECK_EQ(SMAPS(p, "Pss"), 26);
	gate_open(&looked);
	wait_ok(pid);
	CHECK_EQ(SMAPS(p, "Private_Dirty"), 40);
}

static void smaps_of_file(void)
{
	int fd = OK(open("file", O_RDWR | O_CREAT, 0600));
	char *p;

	OK(ftruncate(fd, 8 * PAGE));
	for (int i = 0; i < 8; i++)
		OK(pwrite(fd, "x", 1, i * (off_t)PAGE));
	p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(p[i * PAGE], 'x');
	CHECK_EQ(SMAPS(p, "Rss"), 32);
	CHECK_EQ(SMAPS(p, "Anonymous"), 0);
	p[0] = p[PAGE] = 'y';
	CHECK_EQ(SMAPS(p, "Rss"), 32);
	CHECK_EQ(SMAPS(p, "Anonymous"), 8);
	CHECK_EQ(SMAPS(p, "Pss"), 32);
}

static void rollup(void)
{
	static const char *const sums[] = { "Rss", "Private_Dirty", "Anonymous" };
	char *p = map(64, MAP_PRIVATE), text[256];
	long before = kb("/proc/self/smaps_rollup", NULL, "Rss");

	CHECK(before > 0);
	for (int i = 0; i < 64; i++)
		p[i * PAGE] = 1;
	CHECK(kb("/proc/self/smaps_rollup", NULL, "Rss") >= before + 256);
	for (size_t i = 0; i < TAP_COUNT(sums); i++)
		CHECK(kb("/proc/self/smaps_rollup", NULL, sums[i]) >= 256);
	CHECK(kb("/proc/self/smaps_rollup", NULL, "Pss_Anon") >= 256);
	CHECK(kb("/proc/self/smaps_rollup", NULL, "Pss_File") >= 0);
	CHECK(kb("/proc/self/smaps_rollup", NULL, "Pss_Shmem") >= 0);
	CHECK(kb("/proc/self/smaps_rollup", NULL, "Locked") >= 0);
	CHECK_EQ(kb("/proc/self/smaps_rollup", NULL, "Size"), -1);
	read_file("/proc/self/smaps_rollup", text, sizeof(text));
	CHECK(strstr(text, " ---p 00000000 00:00 0 ") && strstr(text, " [rollup]\n"));
}

static void flags(void)
{
	static char text[65536];
	char *p = map(4, MAP_PRIVATE), start[32], *line;

	OK(madvise(p, 4 * PAGE, MADV_DONTFORK));
	OK(mprotect(p, 4 * PAGE, PROT_READ));
	snprintf(start, sizeof(start), "%lx-", (unsigned long)p);
	read_file("/proc/self/smaps", text, sizeof(text));
	line = strstr(text, start);
	CHECK(line);
	line = strstr(line, "VmFlags: ");
	CHECK(line);
	*strchr(line, '\n') = '\0';
	CHECK(strstr(line, " rd") && strstr(line, " mw") && strstr(line, " dc"));
	CHECK(!strstr(line, " wr") && !strstr(line, " ex") && !strstr(line, " sh"));
}

/* ---- statm, status ---- */

static void statm_read(long v[3])
{
	char text[256];

	read_file("/proc/self/statm", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%ld %ld %ld", &v[0], &v[1], &v[2]), 3);
}

static bool near(long value, long wanted)
{
	return value >= wanted - SLACK && value <= wanted + SLACK;
}

#define MANY 3000

static void counts(void)
{
	char *anon = map(MANY, MAP_PRIVATE), *shared = map(MANY, MAP_SHARED);
	long a[3], b[3], c[3];
	long shmem = kb("/proc/self/status", NULL, "RssShmem");
	long rss_anon = kb("/proc/self/status", NULL, "RssAnon");

	statm_read(a);
	memset(anon, 1, MANY * PAGE);
	statm_read(b);
	CHECK_EQ(a[0], b[0]);
	CHECK(near(b[1], a[1] + MANY));
	CHECK(near(b[2], a[2]));
	memset(shared, 1, MANY * PAGE);
	statm_read(c);
	CHECK(near(c[1], b[1] + MANY));
	CHECK(near(c[2], b[2] + MANY));
	CHECK(near(kb("/proc/self/status", NULL, "RssShmem") / 4, shmem / 4 + MANY));
	CHECK(near(kb("/proc/self/status", NULL, "RssAnon") / 4, rss_anon / 4 + MANY));
	CHECK(near(kb("/proc/self/status", NULL, "VmRSS") / 4, c[1]));
	CHECK(kb("/proc/self/status", NULL, "RssFile") >= 0);
}

static const struct tap_case cases[] = {
	{ "reading", reading, 0 },
	{ "follows_copy_on_write", follows_copy_on_write, 0 },
	{ "kinds", kinds, 0 },
	{ "frames_are_secret", frames_are_secret, 0 },
	{ "smaps_of_anonymous", smaps_of_anonymous, 0 },
	{ "smaps_of_file", smaps_of_file, 0 },
	{ "rollup", rollup, 0 },
	{ "flags", flags, 0 },
	{ "counts", counts, 0 },
};

TAP_MAIN(cases)
