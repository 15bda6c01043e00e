/* SPDX-License-Identifier: MIT */
/* See crash.h. */
#include <abi/fcntl.h>
#include <errno.h>
#include <stdarg.h>

#include "tests/unit/ext2/crash.h"

#include "fs/ext2/journal_impl.h"
#include "tests/unit/unit.h"

#define MAX_NAMES	40
#define MAX_FILES	4000
#define MAX_SIZE	(48 * 1024)

struct name {
	char path[160];
	int id;				/* of a file, its contents' number; -1: a directory */
};

struct names {
	int n;
	struct name at[MAX_NAMES];
};

/* A file's contents after a step that changed them. */
struct version {
	struct version *older;
	int step;
	u32 size;
	u8 data[];
};

struct file_model {
	struct version *last;
	int synced;			/* step of the last fsync */
	int named;			/* last step that changed its inode by a name */
};

struct step {
	struct names names;
	int sync_names;			/* names are at least those after this step */
};

static struct crash_config config;
static struct superblock *sb;
static struct step *steps;		/* [0] before the first */
static int nsteps;
static struct file_model *files;
static int nfiles;
static struct names now;
static int synced_names;
static struct { int file, step, at; } *syncs;	/* fsyncs: at is the step it was */
static int nsyncs;
static FILE *script;			/* the steps go there, too; NULL: nowhere */

static u8 *base, *flushed, *state;
static size_t disk_size;
static size_t flushed_to;		/* log entries that are in flushed */
static size_t *flush_at;		/* log indices of flushes */
static u64 nflushes;

/* ---- random numbers of their own, so that a state can be made again -------------- */

static u64 rng;

static u64 rnd(u64 n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (rng * 0x2545f4914f6cdd1dul >> 16) % n;
}

static void seed_rnd(u64 seed)
{
	rng = (seed + 1) * 0x9e3779b97f4a7c15ul | 1;
	for (int i = 0; i < 4; i++)
		rnd(2);
}

/* ---- the model --------------------------------------------------------------------- */

static struct name *find_name(const char *path)
{
	for (int i = 0; i < now.n; i++) {
		if (strcmp(now.at[i].path, path) == 0)
			return &now.at[i];
	}
	return NULL;
}

static void drop_name(const char *path)
{
	struct name *nm = find_name(path);

	if (nm)
		*nm = now.at[--now.n];
}

static void add_name(const char *path, int id)
{
	struct name *nm = &now.at[now.n++];

	snprintf(nm->path, sizeof(nm->path), "%s", path);
	nm->id = id;
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static bool has_children(const char *dir)
{
	for (int i = 0; i < now.n; i++) {
		if (below(now.at[i].path, dir))
			return true;
	}
	return false;
}

static void rename_below(const char *from, const char *to)
{
	for (int i = 0; i < now.n; i++) {
		char rest[160];

		if (!below(now.at[i].path, from))
			continue;
		snprintf(rest, sizeof(rest), "%s", now.at[i].path + strlen(from));
		snprintf(now.at[i].path, sizeof(now.at[i].path), "%.40s%.110s", to, rest);
	}
}

static void new_version(int id, int step, u32 size, u32 from, const u8 *data, u32 n)
{
	struct version *old = files[id].last, *v = unit_alloc(sizeof(*v) + size);

	v->older = old;
	v->step = step;
	v->size = size;
	if (old)
		memcpy(v->data, old->data, min(old->size, size));
	if (n)
		memcpy(v->data + from, data, n);
	files[id].last = v;
}

static void say(const char *fmt, ...) __printf(1, 2);
static void say(const char *fmt, ...)
{
	va_list ap;

	if (!script)
		return;
	va_start(ap, fmt);
	vfprintf(script, fmt, ap);
	va_end(ap);
}

/* ---- the workload -------------------------------------------------------------------- */

static const char *pick_dir(void)
{
	int tries = 10;

	while (tries--) {
		int i = now.n ? (int)rnd((u64)now.n + 2) : 0;

		if (i >= now.n)
			return "";
		if (now.at[i].id < 0 && strlen(now.at[i].path) < 12)
			return now.at[i].path;
	}
	return "";
}

static void pick_new(char *out)
{
	const char *dir = pick_dir();

	snprintf(out, 160, "%.20s%s%c%lu", dir, *dir ? "/" : "", (char)('a' + rnd(8)), rnd(3));
}

static struct name *pick_file(void)
{
	for (int tries = 20; tries && now.n; tries--) {
		struct name *nm = &now.at[rnd((u64)now.n)];

		if (nm->id >= 0)
			return nm;
	}
	return NULL;
}

static void do_create(int step)
{
	char path[160];

	pick_new(path);
	if (now.n >= MAX_NAMES - 2 || nfiles >= MAX_FILES || find_name(path))
		return;
	if (rnd(4) == 0) {
		if (host_create(sb, path, S_IFDIR | 0755, NULL) == 0) {
			say("d %s\n", path);
			add_name(path, -1);
		}
	} else if (host_create(sb, path, S_IFREG | 0644, NULL) == 0) {
		say("c %s\n", path);
		files[nfiles] = (struct file_model){ .synced = -1, .named = step };
		new_version(nfiles, step, 0, 0, NULL, 0);
		add_name(path, nfiles++);
	}
}

static void write_file(int step, bool mapped)
{
	static u8 buf[MAX_SIZE];
	struct name *nm = pick_file();
	struct vnode *vn;
	u32 size, from, n;

	if (!nm)
		return;
	size = files[nm->id].last->size;
	from = rnd(3) ? size : (u32)rnd(size + 1ul);
	n = (u32)(rnd(4) ? rnd(3000) : rnd(25000)) + 1;
	if (from + n > MAX_SIZE)
		return;
	if (mapped && from + n > size)
		return;
	/* No zeros: those are what has never been written. */
	for (u32 i = 0; i < n; i++)
		buf[i] = (u8)(1 + ((u32)step * 37 + (from + i) / 64 * 11 + i) % 255);
	if (host_lookup(sb, nm->path, &vn))
		return;
	say("%c %s %u %u %d\n", mapped ? 'm' : 'w', nm->path, from, n, step);
	if (host_write(vn, from, buf, n) == (ssize_t)n)
		new_version(nm->id, step, max(size, from + n), from, buf, n);
	else
		KASSERT(!"disk full");
	if (mapped) {
		(void)vnode_write_data(vn);
		KASSERT(ext2_fsync(vn, true) == 0);
		syncs[nsyncs].file = nm->id;
		syncs[nsyncs].step = syncs[nsyncs].at = step;
		nsyncs++;
	} else if (rnd(8) == 0) {
		(void)vnode_write_data(vn);
	}
	vnode_put(vn);
}

static void do_write(int step)
{
	write_file(step, false);
}

/* By a mapping, and msync(2). */
static void do_map(int step)
{
	write_file(step, true);
}

static void do_truncate(int step)
{
	struct name *nm = pick_file();
	u32 size;

	if (!nm)
		return;
	size = (u32)rnd(rnd(2) ? files[nm->id].last->size + 1ul : 30000);
	say("t %s %u\n", nm->path, size);
	if (host_truncate(sb, nm->path, size) == 0)
		new_version(nm->id, step, size, 0, NULL, 0);
}

static void do_punch(int step)
{
	struct name *nm = pick_file();
	struct version *v;
	struct vnode *vn;
	u32 size = nm ? files[nm->id].last->size : 0, from, n;

	if (!size || host_lookup(sb, nm->path, &vn))
		return;
	from = (u32)rnd(size);
	n = (u32)rnd(size - from) + 1;
	say("p %s %u %u\n", nm->path, from, n);
	KASSERT(ext2_fallocate(vn, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from,
			       from + n) == 0);
	vnode_put(vn);
	new_version(nm->id, step, size, 0, NULL, 0);
	v = files[nm->id].last;
	memset(v->data + from, 0, n);
}

static void do_unlink(int step)
{
	struct name *nm = now.n ? &now.at[rnd((u64)now.n)] : NULL;

	if (!nm || (nm->id < 0 && has_children(nm->path)))
		return;
	say("%c %s\n", nm->id < 0 ? 'D' : 'u', nm->path);
	if (host_unlink(sb, nm->path) == 0) {
		if (nm->id >= 0)
			files[nm->id].named = step;
		drop_name(nm->path);
	}
}

static void do_link(int step)
{
	struct name *nm = pick_file();
	char path[160];
	int id;

	pick_new(path);
	if (!nm || now.n >= MAX_NAMES - 2 || find_name(path))
		return;
	id = nm->id;
	say("l %s %s\n", nm->path, path);
	if (host_link(sb, nm->path, path) == 0) {
		files[id].named = step;
		add_name(path, id);
	}
}

static void do_rename(int step)
{
	struct name *nm = now.n ? &now.at[rnd((u64)now.n)] : NULL, *old;
	char from[160], to[160];
	int id;

	pick_new(to);
	if (!nm || strcmp(nm->path, to) == 0 || below(to, nm->path) || strlen(to) > 18 || strlen(nm->path) > 30)
		return;
	old = find_name(to);
	if (old && (below(nm->path, to) || (old->id < 0) != (nm->id < 0) ||
		    (old->id < 0 && has_children(to)) || (old->id == nm->id && nm->id >= 0)))
		return;
	id = nm->id;
	snprintf(from, sizeof(from), "%s", nm->path);
	if (host_rename(sb, from, to, false))
		return;
	say("r %s %s\n", from, to);
	if (old && old->id >= 0)
		files[old->id].named = step;
	drop_name(to);
	drop_name(from);
	add_name(to, id);
	if (id >= 0)
		files[id].named = step;
	else
		rename_below(from, to);
}

/* The safe way to replace a file: write another, fsync, rename over. */
static void do_fsync(int step)
{
	struct name *nm = pick_file();
	bool data;

	if (!nm)
		return;
	if (rnd(4) == 0) {
		say("S\n");
		KASSERT(ext2_sync(sb, true) == 0);
		synced_names = step - 1;
		return;
	}
	data = rnd(2);
	say("%c %s\n", data ? 'F' : 'f', nm->path);
	if (host_fsync(sb, nm->path, data))
		return;
	synced_names = max(synced_names, files[nm->id].named);
	syncs[nsyncs].file = nm->id;
	syncs[nsyncs].step = files[nm->id].last->step;
	syncs[nsyncs++].at = step;
}

static void one_step(int step)
{
	static void (*const kinds[])(int) = {
		do_create, do_create, do_create, do_write, do_write, do_write, do_write,
		do_truncate, do_unlink, do_unlink, do_link, do_rename, do_rename, do_fsync,
		do_map, do_punch,
	};

	kinds[rnd(ARRAY_SIZE(kinds))](step);
	if (rnd(10) == 0)
		host_flush_some((unsigned int)rnd(100));
	/* As every five seconds; else nothing would be committed but by fsync. */
	if (rnd(12) == 0)
		KASSERT(journal_commit(ext2_of(sb->sb_root)->fs_journal,
				       journal_tid(ext2_of(sb->sb_root)->fs_journal), NULL) == 0);
}

static int make_base(void)
{
	char name[80], command[300];
	char *data;

	snprintf(name, sizeof(name), "/tmp/ext2_crash.%d.img", getpid());
	snprintf(command, sizeof(command),
		 "rm -f %s; mke2fs -q -F %s %s %uk >/dev/null 2>&1", name, config.options, name,
		 config.kib);
	if (system(command))
		return -1;
	data = unit_read_file(name, &disk_size);
	snprintf(command, sizeof(command), "rm -f %s", name);
	(void)!system(command);
	host_disk_load(data, disk_size);
	base = unit_alloc(disk_size);
	flushed = unit_alloc(disk_size);
	state = unit_alloc(disk_size);
	memcpy(base, data, disk_size);
	unit_free(data);
	return 0;
}

/* Faults: take things out of the log, as if they had never been done. */
static void spoil_log(void)
{
	struct host_disk *hd = &host_disk;
	u64 flushes = 0;

	for (size_t i = 0; i < hd->hd_nlog; i++) {
		struct host_write *w = &hd->hd_log[i];
		struct jbd_revoke *r = (struct jbd_revoke *)w->d_data;

		if (w->d_sector == HOST_FLUSH) {
			if (config.no_flush && flushes++ % 8 == 4)
				*w = (struct host_write){ .d_sector = HOST_MARK, .d_bytes = ~0u };
		} else if (config.no_revokes && w->d_sector != HOST_MARK && w->d_bytes >= 1024 &&
			   r->jr_head.jb_magic == __builtin_bswap32(JBD_MAGIC) &&
			   r->jr_head.jb_type == __builtin_bswap32(JBD_REVOKE)) {
			r->jr_bytes = __builtin_bswap32(sizeof(*r));
		}
	}
}

static void index_log(void)
{
	flush_at = unit_alloc(host_disk.hd_nlog * sizeof(*flush_at) + 8);
	nflushes = 0;
	for (size_t i = 0; i < host_disk.hd_nlog; i++) {
		if (host_disk.hd_log[i].d_sector == HOST_FLUSH)
			flush_at[nflushes++] = i;
	}
	memcpy(flushed, base, disk_size);
	flushed_to = 0;
}

int crash_record(const struct crash_config *c)
{
	config = *c;
	if (make_base())
		return -1;
	steps = unit_alloc((config.steps + 1) * sizeof(*steps));
	files = unit_alloc(MAX_FILES * sizeof(*files));
	syncs = unit_alloc((config.steps + 1) * sizeof(*syncs));
	nsteps = (int)config.steps;
	nfiles = nsyncs = 0;
	now.n = 0;
	synced_names = 0;
	host_log_free();
	host_disk.hd_log_on = true;
	host_disk.hd_skip_data = config.no_data;
	KASSERT(host_mount(0, &sb) == 0);
	seed_rnd(config.seed);
	for (int i = 1; i <= nsteps; i++) {
		one_step(i);
		steps[i].names = now;
		steps[i].sync_names = synced_names;
		host_mark((u32)i);
		say("M %d\n", i);
	}
	host_disk.hd_log_on = false;
	host_disk.hd_skip_data = false;
	host_power_cut(sb);
	spoil_log();
	index_log();
	return 0;
}

/* ---- on a machine ------------------------------------------------------------------- */

#define LOG_MAGIC	0x6a736677736872ul	/* Linux, drivers/md/dm-log-writes.c */
#define LOG_FLUSH	1

int crash_plan(const struct crash_config *c, const char *dir)
{
	static const u8 behind[65536];
	char name[200];
	FILE *f;
	int err;

	snprintf(name, sizeof(name), "%s/script", dir);
	script = fopen(name, "w");
	if (!script)
		return -1;
	err = crash_record(c);
	fclose(script);
	script = NULL;
	snprintf(name, sizeof(name), "%s/base.img", dir);
	f = err ? NULL : fopen(name, "wb");
	if (!f)
		return -1;
	err = fwrite(base, 1, disk_size, f) != disk_size ||
	      fwrite(behind, 1, sizeof(behind), f) != sizeof(behind);
	fclose(f);
	return err ? -1 : 0;
}

/* One entry of QEMU's log at p; how long it is. */
static size_t take_entry(const u8 *p, size_t left)
{
	u64 sector, n, flags;
	u8 *copy;

	memcpy(&sector, p, 8);
	memcpy(&n, p + 8, 8);
	memcpy(&flags, p + 16, 8);
	if (flags & LOG_FLUSH)
		host_log_entry(HOST_FLUSH, NULL, 0);
	if (!n || (n + 1) * 512 > left)
		return n ? left : 512;
	if (sector * 512 >= disk_size) {
		u32 step;

		memcpy(&step, p + 512, 4);
		host_log_entry(HOST_MARK, NULL, step);
	} else {
		copy = malloc(n * 512);
		memcpy(copy, p + 512, n * 512);
		host_log_entry(sector, copy, (u32)n * 512);
	}
	return (n + 1) * 512;
}

int crash_load(const struct crash_config *c, const char *dir)
{
	char name[200];
	size_t size;
	u64 magic;
	u8 *log;
	char *image;

	if (crash_record(c))
		return -1;
	snprintf(name, sizeof(name), "%s/base.img", dir);
	image = unit_read_file(name, &size);
	if (!image || size < disk_size)
		return -1;
	memcpy(base, image, disk_size);
	unit_free(image);
	snprintf(name, sizeof(name), "%s/log.img", dir);
	log = (u8 *)unit_read_file(name, &size);
	if (!log || size < 1024 || (memcpy(&magic, log, 8), magic != LOG_MAGIC))
		return -1;
	host_log_free();
	for (size_t at = 512; at + 512 <= size; )
		at += take_entry(log + at, size - at);
	unit_free(log);
	unit_free(flush_at);
	index_log();
	return 0;
}

void crash_forget(void)
{
	for (int i = 0; i < nfiles; i++) {
		while (files[i].last) {
			struct version *v = files[i].last;

			files[i].last = v->older;
			unit_free(v);
		}
	}
	unit_free(steps);
	unit_free(files);
	unit_free(syncs);
	unit_free(base);
	unit_free(flushed);
	unit_free(state);
	unit_free(flush_at);
	host_log_free();
}

/* ---- making a state ------------------------------------------------------------------- */

static void apply(u8 *to, const struct host_write *w, bool torn)
{
	if (w->d_sector >= HOST_MARK)
		return;
	for (u32 at = 0; at < w->d_bytes; at += 512) {
		if (!torn || rnd(2))
			memcpy(to + w->d_sector * 512 + at, w->d_data + at, 512);
	}
}

/* The disk up to log entry end, in state; *step: steps that were through. */
static void make_state(u64 number, int *step)
{
	const struct host_write *log = host_disk.hd_log;
	size_t end, last = 0;
	u32 keep;

	seed_rnd(number ^ config.seed << 32);
	end = number < nflushes ? flush_at[number] + 1 : (size_t)rnd(host_disk.hd_nlog + 1);
	*step = 0;
	for (size_t i = 0; i < end; i++) {
		if (log[i].d_sector == HOST_FLUSH)
			last = i + 1;
		else if (log[i].d_sector == HOST_MARK && log[i].d_bytes != ~0u)
			*step = (int)log[i].d_bytes;
	}
	if (flushed_to > last) {
		memcpy(flushed, base, disk_size);
		flushed_to = 0;
	}
	for (; flushed_to < last; flushed_to++)
		apply(flushed, &log[flushed_to], false);
	memcpy(state, flushed, disk_size);
	if (number < nflushes)
		return;
	/* None is lost, a few are, half of them, nearly all. */
	keep = (u32[]){ 100, 90, 50, 10 }[rnd(4)];
	if (rnd(3) == 0) {
		/* From the end to the start: where two overlap, the older one wins. */
		for (size_t i = end; i-- > last; ) {
			if (rnd(100) < keep)
				apply(state, &log[i], rnd(6) == 0);
		}
		return;
	}
	for (size_t i = last; i < end; i++) {
		if (rnd(100) < keep)
			apply(state, &log[i], rnd(6) == 0);
	}
}

/* ---- judging it ------------------------------------------------------------------------- */

static struct names found;

struct lister {
	char prefix[160];
	int err;
};

static int list_one(void *arg, const char *name, u64 ino)
{
	struct lister *l = arg;
	struct name *nm = &found.at[found.n];

	(void)ino;
	if (strcmp(name, "lost+found") == 0)
		return 0;
	if (found.n == MAX_NAMES)
		return -E2BIG;
	snprintf(nm->path, sizeof(nm->path), "%.120s%s%.30s", l->prefix, *l->prefix ? "/" : "",
		 name);
	nm->id = -2;
	found.n++;
	return 0;
}

/* All names, breadth first; directories get id -1. */
static int list_all(void)
{
	struct lister l = { .prefix = "" };
	int err;

	found.n = 0;
	err = host_readdir(sb->sb_root, list_one, &l);
	for (int i = 0; i < found.n && !err; i++) {
		struct vnode *vn;

		err = host_lookup(sb, found.at[i].path, &vn);
		if (err)
			break;
		if (vnode_is_dir(vn)) {
			found.at[i].id = -1;
			snprintf(l.prefix, sizeof(l.prefix), "%s", found.at[i].path);
			err = host_readdir(vn, list_one, &l);
		}
		vnode_put(vn);
	}
	return err;
}

static bool same_names(const struct names *want)
{
	if (want->n != found.n)
		return false;
	for (int i = 0; i < want->n; i++) {
		bool hit = false;

		for (int k = 0; k < found.n && !hit; k++)
			hit = strcmp(want->at[i].path, found.at[k].path) == 0 &&
			      (want->at[i].id < 0) == (found.at[k].id == -1);
		if (!hit)
			return false;
	}
	return true;
}

/* Step of the contents that file id must at least have; -1: any. */
static int file_bound(int id, int done)
{
	int bound = -1;

	for (int i = 0; i < nsyncs; i++) {
		if (syncs[i].file == id && syncs[i].at <= done)
			bound = syncs[i].step;
	}
	return bound;
}

/* Contents read from path against the versions from step from to step to. */
static bool check_contents(const char *path, int id, int done, char *why, size_t size)
{
	static u8 buf[MAX_SIZE + 1];
	struct vnode *vn;
	ssize_t n;
	int from = file_bound(id, done);
	bool size_ok = false;

	if (host_lookup(sb, path, &vn))
		return false;
	n = host_read(vn, 0, buf, sizeof(buf));
	vnode_put(vn);
	for (const struct version *v = files[id].last; v; v = v->older) {
		if (v->step <= done + 1)
			size_ok |= v->size == (u64)n;
		if (v->step <= from)
			break;
	}
	if (n < 0 || !size_ok) {
		snprintf(why, size, "%s has %ld bytes (synced at step %d)", path, n, from);
		return false;
	}
	for (ssize_t i = 0; i < n; i++) {
		bool ok = false;

		for (const struct version *v = files[id].last; v && !ok; v = v->older) {
			if (v->step <= done + 1 && i < v->size && v->data[i] == buf[i])
				ok = true;
			if (v->step <= from)
				break;
			/* Cut off and grown again, or not written yet. */
			ok |= buf[i] == 0;
		}
		if (!ok) {
			snprintf(why, size, "%s: byte %ld is %02x (synced at step %d)", path, i,
				 buf[i], from);
			return false;
		}
	}
	return true;
}

static bool same_contents(const struct names *names, int done, char *why, size_t size)
{
	for (int i = 0; i < names->n; i++) {
		const struct name *nm = &names->at[i];

		if (nm->id >= 0 && !check_contents(nm->path, nm->id, done, why, size))
			return false;
	}
	return true;
}

static bool judge(int done, char *why, size_t size)
{
	int last = min(done + 1, nsteps), err = list_all();

	if (err) {
		snprintf(why, size, "listing: error %d", err);
		return false;
	}
	snprintf(why, size, "names of no step from %d to %d", steps[done].sync_names, last);
	/* After several steps the names may be the same, but not what they lead to. */
	for (int k = last; k >= steps[done].sync_names; k--) {
		if (same_names(&steps[k].names) &&
		    same_contents(&steps[k].names, done, why, size))
			return true;
	}
	return false;
}

/* Power goes again while recovery is at work: what it wrote gets there in part. */
static void crash_recovery(void)
{
	size_t keep = (size_t)rnd(host_disk.hd_nlog + 1);
	struct host_write *log = host_disk.hd_log;
	size_t last = 0;

	for (size_t i = 0; i < keep; i++) {
		if (log[i].d_sector == HOST_FLUSH)
			last = i + 1;
	}
	for (size_t i = 0; i < keep; i++) {
		if (i < last || rnd(2))
			apply(state, &log[i], false);
	}
}

static bool recover(char *why, size_t size)
{
	int err;

	host_disk_load(state, disk_size);
	err = host_mount(0, &sb);
	if (err)
		snprintf(why, size, "mount: error %d", err);
	return !err;
}

static bool recover_twice(char *why, size_t size)
{
	struct host_write *log = host_disk.hd_log;
	size_t nlog = host_disk.hd_nlog, maxlog = host_disk.hd_maxlog;
	bool ok;

	host_disk.hd_log = NULL;
	host_disk.hd_nlog = host_disk.hd_maxlog = 0;
	host_disk.hd_log_on = true;
	ok = recover(why, size);
	if (ok)
		host_power_cut(sb);
	host_disk.hd_log_on = false;
	crash_recovery();
	host_log_free();
	free(host_disk.hd_log);
	host_disk.hd_log = log;
	host_disk.hd_nlog = nlog;
	host_disk.hd_maxlog = maxlog;
	return ok;
}

bool crash_check(u64 number, char *why, size_t size)
{
	int done;
	bool ok = true;

	make_state(number, &done);
	if (number >= nflushes && rnd(6) == 0)
		ok = recover_twice(why, size);
	if (!ok || !recover(why, size))
		return false;
	ok = judge(done, why, size);
	if (ok && atomic_read(&ext2_of(sb->sb_root)->fs_errors)) {
		snprintf(why, size, "inconsistencies were found");
		ok = false;
	}
	host_umount(sb);
	return ok;
}

const u8 *crash_image(size_t *size)
{
	*size = disk_size;
	return state;
}

u64 crash_boundaries(void)
{
	return nflushes;
}
