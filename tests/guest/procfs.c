/* SPDX-License-Identifier: MIT */
/*
 * procfs.c - /proc as ps, top and free read it, proc(5).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static char text[65536];

static const char *read_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	read_file(path, text, sizeof(text));
	return text;
}

static const char *link_of(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

static const char *link_of(const char *fmt, ...)
{
	static char target[512];
	char path[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		FAIL("readlink %s: errno %d", path, errno);
	target[n] = '\0';
	return target;
}

/* The number after "name:" in text; -1 if the line is not there. */
static long long field(const char *name)
{
	const char *p = text;
	size_t len = strlen(name);

	while (p && (strncmp(p, name, len) || p[len] != ':')) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return p ? strtoll(p + len + 1, NULL, 10) : -1;
}

static void self_link(void)
{
	CHECK_EQ(atoi(link_of("/proc/self")), getpid());
	pid_t pid = xfork();
	if (pid == 0) {
		CHECK_EQ(atoi(link_of("/proc/self")), getpid());
		_exit(0);
	}
	wait_ok(pid);
}

static void pid_directories(void)
{
	pid_t pid = spawn(pause_for_ever, NULL);
	bool self = false, child = false, one = false;
	struct dirent *e;
	DIR *d = opendir("/proc");

	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL) {
		self |= atoi(e->d_name) == getpid();
		child |= atoi(e->d_name) == pid;
		one |= atoi(e->d_name) == 1;
	}
	closedir(d);
	CHECK(self && child && one);
	kill_and_reap(pid);
	char path[32];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	CHECK_ERR(stat(path, &st), ENOENT);
	CHECK_ERR(stat("/proc/0", &st), ENOENT);
	CHECK_ERR(stat("/proc/99999999", &st), ENOENT);
	CHECK_ERR(stat("/proc/1x", &st), ENOENT);
	CHECK_ERR(stat("/proc/01", &st), ENOENT);
}

static void process_stat(void)
{
	int pid, ppid, pgrp, session, tty, tpgid, n;
	long prio, nice, threads;
	unsigned long utime, stime, vsize;
	unsigned long long start;
	long rss;
	char comm[64], state;

	pid_t child = spawn(pause_for_ever, NULL);
	OK(setpgid(child, child));
	OK(setpriority(PRIO_PROCESS, child, 3));
	wait_asleep(child);
	const char *p = read_proc(child, "stat");
	CHECK_EQ(sscanf(p, "%d (%63[^)]) %c%n", &pid, comm, &state, &n), 3);
	CHECK_EQ(pid, child);
	CHECK_EQ(state, 'S');
	CHECK(!strncmp(comm, strrchr(tap_self, '/') + 1, 15));
	CHECK_EQ(sscanf(p + n, "%d %d %d %d %d %*u %*u %*u %*u %*u %lu %lu "
			"%*d %*d %ld %ld %ld %*d %llu %lu %ld", &ppid, &pgrp,
			&session, &tty, &tpgid, &utime, &stime, &prio, &nice,
			&threads, &start, &vsize, &rss), 13);
	CHECK_EQ(ppid, getpid());
	CHECK_EQ(pgrp, child);
	CHECK_EQ(session, getsid(0));
	CHECK_EQ(nice, 3);
	CHECK_EQ(prio, 23);
	CHECK_EQ(threads, 1);
	CHECK(vsize > 0 && vsize % 4096 == 0 && rss >= 0);
	/* 52 fields, one line. */
	int fields = 2;
	for (const char *q = strrchr(p, ')') + 1; *q; q++)
		fields += *q == ' ';
	CHECK_EQ(fields, 52);
	CHECK(strchr(p, '\n') == p + strlen(p) - 1);
	/* Start time: not in the future. */
	struct timespec now;
	OK(clock_gettime(CLOCK_BOOTTIME, &now));
	CHECK(start / 100 <= (unsigned long long)now.tv_sec);
	kill_and_reap(child);
}

static void states(void)
{
	volatile long *n = shared_alloc(PAGE);
	pid_t pid = xfork();

	if (pid == 0)
		for (;;)
			(*n)++;
	UNTIL(proc_state(pid) == 'R');
	OK(kill(pid, SIGSTOP));
	UNTIL(proc_state(pid) == 'T');
	OK(kill(pid, SIGKILL));
	UNTIL(proc_state(pid) == 'Z');
	/* A zombie has no memory and no command line any more. */
	CHECK_EQ(strlen(read_proc(pid, "cmdline")), 0);
	CHECK_EQ(strlen(read_proc(pid, "maps")), 0);
	wait_signal(pid);
}

static void process_status(void)
{
	need_root();
	pid_t child = xfork();
	if (child == 0) {
		prctl(PR_SET_NAME, "a (strange) name");
		OK(setresgid(11, 12, 13));
		OK(setresuid(21, 22, 23));
		pause_for_ever(NULL);
	}
	UNTIL(strstr(read_proc(child, "status"), "Uid:\t21\t22\t23\t22\n"));
	CHECK(strstr(text, "Name:\ta (strange) nam\n") == text);
	CHECK(strstr(text, "Gid:\t11\t12\t13\t12\n") != NULL);
	CHECK_EQ(field("Pid"), child);
	CHECK_EQ(field("Tgid"), child);
	CHECK_EQ(field("PPid"), getpid());
	CHECK_EQ(field("Threads"), 1);
	CHECK(field("VmSize") > 0 && field("VmRSS") >= 0);
	CHECK(strstr(text, "State:\t") != NULL);
	kill_and_reap(child);
}

static void signal_masks(void)
{
	pid_t child = xfork();

	if (child == 0) {
		signal(SIGUSR1, SIG_IGN);
		block(SIGTERM);
		OK(raise(SIGTERM));
		pause_for_ever(NULL);
	}
	wait_asleep(child);
	read_proc(child, "status");
	CHECK(strstr(text, "SigBlk:\t0000000000004000\n") != NULL);
	CHECK(strstr(text, "SigIgn:\t0000000000000200\n") != NULL);
	CHECK(strstr(text, "SigCgt:\t0000000000000000\n") != NULL);
	kill_and_reap(child);
}

static void *block_thread(void *arg)
{
	gate_wait(arg);
	return NULL;
}

static void threads_are_counted(void)
{
	pthread_t t[3];
	struct gate g;

	gate_init(&g);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, block_thread, &g), 0);
	read_proc(getpid(), "status");
	CHECK_EQ(field("Threads"), 4);
	for (int i = 0; i < 3; i++)
		gate_open(&g);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static int helper_args(int argc, char **argv)
{
	size_t n;
	static const char want[] = "zero\0--call\0args\0\0two words";

	(void)argc;
	(void)argv;
	n = read_file("/proc/self/cmdline", text, sizeof(text));
	CHECK_EQ(n, sizeof(want));
	CHECK(!memcmp(text, want, sizeof(want)));
	n = read_file("/proc/self/environ", text, sizeof(text));
	CHECK_EQ(n, 8);
	CHECK(!memcmp(text, "A=1\0B=2\0", 8));
	return 0;
}

static void cmdline_and_environ(void)
{
	char *argv[] = { "zero", "--call", "args", "", "two words", NULL };
	char *envp[] = { "A=1", "B=2", NULL };
	pid_t pid = xfork();

	if (pid == 0) {
		execve(tap_self, argv, envp);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static void comm(void)
{
	OK(prctl(PR_SET_NAME, "new name"));
	CHECK(!strcmp(read_proc(getpid(), "comm"), "new name\n"));
}

static void maps(void)
{
	char *p = OK(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char line[128];
	bool text_seen = false, stack_seen = false;
	unsigned long start, stop, last = 0;
	char perm[8];

	OK(mprotect(p + PAGE, PAGE, PROT_READ));
	write_file("mapped", "x", 1);
	int fd = OK(open("mapped", O_RDONLY));
	OK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0));
	read_proc(getpid(), "maps");
	snprintf(line, sizeof(line), "%lx-%lx r--p 00000000 00:00 0 ",
		 (unsigned long)p + PAGE, (unsigned long)p + 2 * PAGE);
	CHECK(strstr(text, line) != NULL);
	CHECK(strstr(text, "/mapped\n") != NULL);
	for (char *q = text; *q; q = strchr(q, '\n') + 1) {
		CHECK_EQ(sscanf(q, "%lx-%lx %7s", &start, &stop, perm), 3);
		CHECK(start < stop && start >= last);
		CHECK(start % PAGE == 0 && stop % PAGE == 0);
		last = stop;
		text_seen |= start <= (unsigned long)maps &&
			(unsigned long)maps < stop && !strcmp(perm, "r-xp");
		stack_seen |= start <= (unsigned long)&last &&
			(unsigned long)&last < stop && !strcmp(perm, "rw-p");
	}
	CHECK(text_seen && stack_seen);
	CHECK(strstr(text, "[stack]") != NULL);
	CHECK(strstr(text, tap_self) != NULL);
}

static void links(void)
{
	char cwd[128];

	CHECK(!strcmp(link_of("/proc/self/exe"), tap_self));
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(!strcmp(link_of("/proc/self/cwd"), cwd));
	CHECK(!strcmp(link_of("/proc/self/root"), "/"));
	OK(chdir("/"));
	CHECK(!strcmp(link_of("/proc/%d/cwd", getpid()), "/"));
	struct stat a, b;
	OK(stat("/proc/self/exe", &a));
	OK(stat(tap_self, &b));
	CHECK(a.st_ino == b.st_ino && S_ISREG(a.st_mode));
}

static void descriptor_links(void)
{
	char want[160], cwd[128];
	struct stat st;
	int fd[2];

	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	int file = OK(open("name", O_RDWR | O_CREAT, 0600));
	snprintf(want, sizeof(want), "%s/name", cwd);
	CHECK(!strcmp(link_of("/proc/self/fd/%d", file), want));
	OK(unlink("name"));
	strcat(want, " (deleted)");
	CHECK(!strcmp(link_of("/proc/self/fd/%d", file), want));
	OK(pipe(fd));
	OK(fstat(fd[0], &st));
	snprintf(want, sizeof(want), "pipe:[%lu]", (unsigned long)st.st_ino);
	CHECK(!strcmp(link_of("/proc/self/fd/%d", fd[0]), want));
	CHECK(!strcmp(link_of("/proc/self/fd/%d", fd[1]), want));
	CHECK(!strcmp(link_of("/proc/self/fd/0"), "/dev/null"));
	OK(close(file));
	snprintf(want, sizeof(want), "/proc/self/fd/%d", file);
	CHECK_ERR(readlink(want, cwd, sizeof(cwd)), ENOENT);
}

/* Opening a link of fd reaches the file itself, even a deleted one. */
static void open_by_descriptor(void)
{
	char path[32], buf[8];
	int fd[2];

	write_file("name", "content", 7);
	int file = OK(open("name", O_RDONLY));
	OK(unlink("name"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	int again = OK(open(path, O_RDONLY));
	CHECK_EQ(read(again, buf, 8), 7);
	/* A new open file: its own offset. */
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
	OK(pipe(fd));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	int writer = OK(open(path, O_WRONLY));
	write_full(writer, "x", 1);
	CHECK_EQ(read(fd[0], buf, 1), 1);
}

static void list_of_descriptors(void)
{
	int count = 0;
	struct dirent *e;

	OK(dup2(0, 33));
	OK(dup2(0, 44));
	DIR *d = opendir("/proc/self/fd");
	CHECK(d != NULL);
	bool seen33 = false, seen44 = false;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		count++;
		seen33 |= !strcmp(e->d_name, "33");
		seen44 |= !strcmp(e->d_name, "44");
	}
	closedir(d);
	/* 0, 1, 2, 33, 44 and the directory itself. */
	CHECK(seen33 && seen44);
	CHECK_EQ(count, 6);
}

static void rights(void)
{
	char path[64];

	need_root();
	pid_t pid = spawn(pause_for_ever, NULL);
	pid_t user = xfork();
	if (user == 0) {
		char target[64];
		become(NOBODY_UID, NOBODY_GID);
		/* For all: stat, status, cmdline. */
		CHECK(strlen(read_proc(pid, "stat")) > 0);
		CHECK(strlen(read_proc(pid, "status")) > 0);
		snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
		CHECK_ERR(open(path, O_RDONLY), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
		CHECK_ERR(readlink(path, target, sizeof(target)), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
		CHECK_ERR(readlink(path, target, sizeof(target)), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
		CHECK_ERR(open(path, O_RDONLY), EACCES);
		_exit(0);
	}
	wait_ok(user);
	kill_and_reap(pid);
}

static void read_only(void)
{
	CHECK_ERR(open("/proc/new", O_WRONLY | O_CREAT, 0600), ENOENT);
	/* root may open it for writing; there is nothing to write to. */
	CHECK(mkdir("/proc/new", 0700) == -1);
	CHECK(unlink("/proc/version") == -1);
	CHECK(rmdir("/proc/self/fd") == -1);
}

/* ---- the machine ---- */

static void meminfo(void)
{
	struct sysinfo si;

	read_file("/proc/meminfo", text, sizeof(text));
	long long total = field("MemTotal"), mfree = field("MemFree");
	CHECK(total > 0 && mfree > 0 && mfree < total);
	CHECK(field("MemAvailable") > 0 && field("MemAvailable") <= total);
	CHECK(field("Buffers") >= 0 && field("Cached") >= 0);
	CHECK(field("SwapTotal") >= 0 && field("SwapFree") >= 0);
	CHECK(field("SReclaimable") >= 0 && field("Shmem") >= 0);
	/* "MemTotal:       12345 kB" */
	CHECK(strstr(text, " kB\n") != NULL);
	OK(sysinfo(&si));
	CHECK_EQ((long long)(si.totalram * si.mem_unit / 1024), total);
}

static void uptime(void)
{
	double up, idle;
	struct timespec t;

	read_file("/proc/uptime", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%lf %lf\n", &up, &idle), 2);
	OK(clock_gettime(CLOCK_BOOTTIME, &t));
	CHECK(up > 0 && up <= (double)t.tv_sec + 1);
}

static void machine_stat(void)
{
	unsigned long long v[7];
	int cpus = 0;

	read_file("/proc/stat", text, sizeof(text));
	CHECK_EQ(sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu", &v[0],
			&v[1], &v[2], &v[3], &v[4], &v[5], &v[6]), 7);
	for (char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : p)
		cpus += !strncmp(p, "cpu", 3) && p[3] != ' ';
	/* That counts what we may run on. */
	CHECK(cpus >= sysconf(_SC_NPROCESSORS_ONLN));
	char *btime = strstr(text, "\nbtime ");
	CHECK(btime != NULL && strtoll(btime + 7, NULL, 10) >= 0);
	CHECK(strstr(text, "\nprocesses ") != NULL);
	CHECK(strstr(text, "\nctxt ") != NULL);
	CHECK(strstr(text, "\nprocs_running ") != NULL);
}

static void load_average(void)
{
	double a, b, c;
	int running, all, last;

	read_file("/proc/loadavg", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%lf %lf %lf %d/%d %d", &a, &b, &c, &running,
			&all, &last), 6);
	CHECK(a >= 0 && b >= 0 && c >= 0);
	CHECK(running >= 1 && all >= running && last > 0);
}

static void version_and_cpus(void)
{
	int n = 0;

	CHECK(read_file("/proc/version", text, sizeof(text)) > 10);
	CHECK(strchr(text, '\n') == text + strlen(text) - 1);
	read_file("/proc/cpuinfo", text, sizeof(text));
	for (char *p = text; (p = strstr(p, "processor\t: ")); p++)
		n++;
	CHECK(n >= sysconf(_SC_NPROCESSORS_ONLN));
	CHECK(strstr(text, "vendor_id\t: ") && strstr(text, "flags\t\t: "));
}

static void mounts(void)
{
	char dev[128], dir[128], type[64], opts[512];
	bool root = false, proc = false;

	read_file("/proc/mounts", text, sizeof(text));
	for (char *p = text; *p; p = strchr(p, '\n') + 1) {
		CHECK_EQ(sscanf(p, "%127s %127s %63s %511s", dev, dir, type,
				opts), 4);
		root |= !strcmp(dir, "/");
		proc |= !strcmp(dir, "/proc") && !strcmp(type, "proc");
		CHECK(!strncmp(opts, "rw", 2) || !strncmp(opts, "ro", 2));
	}
	CHECK(root && proc);
}

/* Each mount once, below a parent that is there, with the device that stat(2) tells. */
static void mountinfo(void)
{
	static char copy[sizeof(text)];
	int id, parent, n = 0, ups = 0;
	unsigned int major, minor;
	char root[128], dir[128], opts[256], want[32];
	struct stat st;

	read_file("/proc/self/mountinfo", text, sizeof(text));
	memcpy(copy, text, sizeof(text));
	for (char *p = copy; *p; p = strchr(p, '\n') + 1, n++) {
		CHECK_EQ(sscanf(p, "%d %d %u:%u %127s %127s %255s", &id, &parent, &major,
				&minor, root, dir, opts), 7);
		CHECK(root[0] == '/' && dir[0] == '/' && strstr(p, " - "));
		CHECK(!strncmp(opts, "rw", 2) || !strncmp(opts, "ro", 2));
		snprintf(want, sizeof(want), "\n%d ", parent);
		ups += strstr(text, want) || atoi(text) == parent;
		if (!strcmp(dir, "/proc")) {
			OK(stat(dir, &st));
			CHECK_EQ(st.st_dev, makedev(major, minor));
			CHECK(!strcmp(root, "/"));
		}
	}
	CHECK(n >= 2 && ups >= n - 1);
}

/* ---- while things change ---- */

static void process_that_dies(void)
{
	char path[64], buf[64];
	static const char *const names[] = { "stat", "status", "maps",
					     "cmdline", "environ" };
	int fd[5];

	pid_t pid = spawn(pause_for_ever, NULL);
	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, names[i]);
		fd[i] = OK(open(path, O_RDONLY));
	}
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int dir = OK(open(path, O_RDONLY | O_DIRECTORY));
	kill_and_reap(pid);
	/* ESRCH, or nothing; never somebody else's data. */
	for (int i = 0; i < 5; i++) {
		ssize_t n = read(fd[i], buf, sizeof(buf));
		if (n != 0 && !(n == -1 && errno == ESRCH))
			FAIL("%s: %zd, errno %d", names[i], n, errno);
	}
	CHECK(openat(dir, "stat", O_RDONLY) == -1);
	CHECK(errno == ESRCH || errno == ENOENT);
}

static void scan_while_others_come_and_go(void)
{
	pid_t pid = xfork();

	if (pid == 0) {
		for (int i = 0; i < 300; i++) {
			pid_t c = xfork();
			if (c == 0)
				_exit(0);
			wait_ok(c);
		}
		_exit(0);
	}
	while (proc_state(pid) != 'Z') {
		struct dirent *e;
		DIR *d = opendir("/proc");
		CHECK(d != NULL);
		while ((e = readdir(d)) != NULL)
			if (atoi(e->d_name) > 0)
				proc_state(atoi(e->d_name));
		closedir(d);
	}
	wait_ok(pid);
}

/* Byte by byte gives what one read gives. */
static void small_reads(void)
{
	static char bytes[8192];
	size_t n = 0;

	size_t len = read_file("/proc/version", text, sizeof(text));
	int fd = OK(open("/proc/version", O_RDONLY));
	while (n < sizeof(bytes) && OK(read(fd, bytes + n, 1)) == 1)
		n++;
	CHECK_EQ(n, len);
	CHECK(!memcmp(bytes, text, n));
	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	CHECK_EQ(read(fd, bytes, 5), 5);
	CHECK(!memcmp(bytes, text + 3, 5));
}

static const struct tap_case cases[] = {
	{ "self_link", self_link, 0 },
	{ "pid_directories", pid_directories, 0 },
	{ "process_stat", process_stat, 0 },
	{ "states", states, 0 },
	{ "process_status", process_status, 0 },
	{ "signal_masks", signal_masks, 0 },
	{ "threads_are_counted", threads_are_counted, 0 },
	{ "cmdline_and_environ", cmdline_and_environ, 0 },
	{ "comm", comm, 0 },
	{ "maps", maps, 0 },
	{ "links", links, 0 },
	{ "descriptor_links", descriptor_links, 0 },
	{ "open_by_descriptor", open_by_descriptor, 0 },
	{ "list_of_descriptors", list_of_descriptors, 0 },
	{ "rights", rights, 0 },
	{ "read_only", read_only, 0 },
	{ "meminfo", meminfo, 0 },
	{ "uptime", uptime, 0 },
	{ "machine_stat", machine_stat, 0 },
	{ "load_average", load_average, 0 },
	{ "version_and_cpus", version_and_cpus, 0 },
	{ "mounts", mounts, 0 },
	{ "mountinfo", mountinfo, 0 },
	{ "process_that_dies", process_that_dies, 0 },
	{ "scan_while_others_come_and_go",
	  scan_while_others_come_and_go, 60 },
	{ "small_reads", small_reads, 0 },
};

static const struct tap_helper helpers[] = {
	{ "args", helper_args },
};

TAP_MAIN_HELPERS(cases, helpers)
