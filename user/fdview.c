/* SPDX-License-Identifier: MIT */
/*
 * fdview.c - the three tables of chapter 6, as the lecture draws them: each
 * process's descriptors, the open files that they lead to, and their vnodes.
 *
 *	fdview			the parent (your shell) and what it has started
 *	fdview PID...		these processes, and no others
 *
 * Open files go by letters: T is a terminal, the others are A, B, C ... in the
 * order in which they were opened. It reads /proc/PID/fdinfo/N (the line
 * "file:" is the number of the open file), /proc/openfiles and /proc/vnodes.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PROCS	64
#define MAX_FILES	256
#define O_CLOEXEC_BIT	02000000

struct open_file {
	unsigned long id;
	int refs;
	char mode[4];
	unsigned int flags;
	long pos;
	char type;
	char vnode[32];
	char path[128];
	char label[8];
};

static struct open_file files[MAX_FILES];	/* those that somebody here has open */
static int nfiles;

static struct process {
	int pid, parent;
	char name[32];
} procs[MAX_PROCS];
static int nprocs;

static bool read_process(int pid, struct process *p)
{
	char path[64], state;
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	ok = fscanf(f, "%d (%31[^)]) %c %d", &p->pid, p->name, &state, &p->parent) == 4;
	fclose(f);
	return ok;
}

static void add_process(int pid)
{
	if (nprocs < MAX_PROCS && read_process(pid, &procs[nprocs]))
		nprocs++;
}

/* Processes in /proc come in the order of their numbers, but parents may come late: repeat. */
static void add_descendants(void)
{
	bool more = true;

	while (more) {
		DIR *d = opendir("/proc");
		struct dirent *e;

		more = false;
		while (d && (e = readdir(d))) {
			struct process p;
			bool known = false, child = false;

			if (!read_process(atoi(e->d_name), &p) || p.pid == getpid())
				continue;
			for (int i = 0; i < nprocs; i++) {
				known |= procs[i].pid == p.pid;
				child |= procs[i].pid == p.parent;
			}
			if (child && !known && nprocs < MAX_PROCS) {
				procs[nprocs++] = p;
				more = true;
			}
		}
		if (d)
			closedir(d);
	}
}

static struct open_file *find_file(unsigned long id)
{
	for (int i = 0; i < nfiles; i++) {
		if (files[i].id == id)
			return &files[i];
	}
	return NULL;
}

/* Number of the open file behind a descriptor; 0: it is gone. */
static unsigned long file_of(int pid, int fd, bool *cloexec)
{
	unsigned long id = 0;
	unsigned int flags = 0;
	char line[128];
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(line, "r");
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "file: %lu", &id);
		sscanf(line, "flags: %o", &flags);
	}
	if (f)
		fclose(f);
	*cloexec = flags & O_CLOEXEC_BIT;
	return id;
}

/* Calls fn for each descriptor of a process, in ascending order. */
static void each_fd(int pid, void (*fn)(int pid, int fd))
{
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.')
			fn(pid, atoi(e->d_name));
	}
	if (d)
		closedir(d);
}

static void note_file(int pid, int fd)
{
	bool cloexec;
	unsigned long id = file_of(pid, fd, &cloexec);

	if (id && !find_file(id) && nfiles < MAX_FILES)
		files[nfiles++].id = id;
}

static int by_id(const void *a, const void *b)
{
	const struct open_file *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void read_open_files(void)
{
	FILE *f = fopen("/proc/openfiles", "r");
	char line[512];

	if (!f) {
		perror("fdview: /proc/openfiles");
		exit(1);
	}
	while (fgets(line, sizeof(line), f)) {
		struct open_file o = { 0 }, *mine;

		if (sscanf(line, "%lu %d %3s %o %ld %c %31s %127[^\n]", &o.id, &o.refs, o.mode,
			   &o.flags, &o.pos, &o.type, o.vnode, o.path) == 8 &&
		    (mine = find_file(o.id)))
			*mine = o;
	}
	fclose(f);
}

static bool is_terminal(const struct open_file *o)
{
	return o->type == 'c' &&
	       (!strncmp(o->path, "/dev/tty", 8) || !strncmp(o->path, "/dev/pts/", 9) ||
		!strcmp(o->path, "/dev/console"));
}

/* T, T2 ... and A to Z without T, then A1 ... */
static void label_files(void)
{
	int terminals = 0, others = 0;

	qsort(files, nfiles, sizeof(files[0]), by_id);
	for (int i = 0; i < nfiles; i++) {
		struct open_file *o = &files[i];

		if (is_terminal(o)) {
			snprintf(o->label, sizeof(o->label), terminals ? "T%d" : "T",
				 terminals + 1);
			terminals++;
			continue;
		}
		snprintf(o->label, sizeof(o->label), others < 25 ? "%c" : "%c%d",
			 "ABCDEFGHIJKLMNOPQRSUVWXYZ"[others % 25], others / 25);
		others++;
	}
}

static void show_fd(int pid, int fd)
{
	bool cloexec;
	struct open_file *o = find_file(file_of(pid, fd, &cloexec));

	if (o)
		printf("  fd %d -> %s%s\n", fd, o->label, cloexec ? "   (closed by exec)" : "");
}

static void show_files(void)
{
	printf("open files\n");
	for (int i = 0; i < nfiles; i++) {
		struct open_file *o = &files[i];

		printf("  %-2s refs %d  %.2s", o->label, o->refs, o->mode);
		if (o->mode[2] == 's')
			printf("  offset %ld", o->pos);
		if (o->flags & 02000)
			printf("  O_APPEND");
		if (o->flags & 04000)
			printf("  O_NONBLOCK");
		if (o->vnode[0] == '-')
			printf("  %s\n", o->path);
		else
			printf("  -> vnode %s\n", o->vnode);
	}
}

/* The lines of /proc/vnodes that some open file here leads to. */
static void show_vnodes(void)
{
	FILE *f = fopen("/proc/vnodes", "r");
	char line[512], key[32], type[8];
	int refs, links;
	long size;

	printf("vnodes\n");
	while (f && fgets(line, sizeof(line), f)) {
		const struct open_file *o = NULL;

		if (sscanf(line, "%31s %d %d %7s %*d %*d %ld", key, &refs, &links, type,
			   &size) != 5)
			continue;
		for (int i = 0; i < nfiles && !o; i++) {
			if (!strcmp(files[i].vnode, key))
				o = &files[i];
		}
		if (o)
			printf("  %-7s refs %d  names %d  %s  size %ld  %s\n", key, refs, links,
			       type, size, o->path);
	}
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		add_process(atoi(argv[i]));
	if (argc == 1) {
		add_process(getppid());
		add_descendants();
	}
	if (!nprocs) {
		fprintf(stderr, "fdview: no such process\n");
		return 1;
	}
	for (int i = 0; i < nprocs; i++)
		each_fd(procs[i].pid, note_file);
	read_open_files();
	label_files();
	for (int i = 0; i < nprocs; i++) {
		printf("%s, process %d\n", procs[i].name, procs[i].pid);
		each_fd(procs[i].pid, show_fd);
	}
	show_files();
	show_vnodes();
	return 0;
}
