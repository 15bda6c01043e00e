/* SPDX-License-Identifier: MIT */
/*
 * tap_leak.c - reads /proc/counts and compares.
 *
 * The file has lines "name value".  Before each reading, 3 is written to
 * /proc/sys/vm/drop_caches, so that what is merely cached is not counted.
 * Everything is static: a reading must not change what it reads.
 */
#include "tap_leak.h"

#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define MAX_COUNTERS 24
#define RETRY_NS 5000000
#define RETRIES 400
#define SETTLE_TRIES 50

#define TMPFS		0x01021994	/* statfs(2): TMPFS_MAGIC */

struct counters {
	int n;
	struct {
		char name[32];
		long value;
	} c[MAX_COUNTERS];
};

static struct counters base, now;
static char slabs_base[16384], slabs_now[16384];

/* Do the tests work on a file system that keeps what it has in caches? */
static bool on_disk(void)
{
	static int known = -1;
	struct statfs st;

	if (known < 0)
		known = getenv("TAP_DIR") || (statfs("/", &st) == 0 && st.f_type != TMPFS);
	return known;
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	/* What is not on disk yet cannot be dropped; the second call lets go of the journal's. */
	if (on_disk()) {
		sync();
		sync();
	}
	if (fd < 0)
		return;
	if (write(fd, "3\n", 2) != 2)
		tap_diag("drop_caches: errno %d", errno);
	close(fd);
}

/*
 * On another file system than /tmp (TAP_DIR), or with the root on a disk, memory and vnodes are
 * held by caches that come and go with what is written back.
 */
static bool cached_elsewhere(const char *name)
{
	return on_disk() && strcmp(name, "files") && strcmp(name, "procs") &&
	       strcmp(name, "threads") && strcmp(name, "vmspaces");
}

static bool read_counters(struct counters *out)
{
	static char text[2048];
	int fd = open("/proc/counts", O_RDONLY);
	ssize_t n;

	out->n = 0;
	if (fd < 0)
		return false;
	close(fd);
	drop_caches();
	fd = open("/proc/counts", O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *p = text; *p && out->n < MAX_COUNTERS;) {
		size_t len = strcspn(p, " \t:");
		if (len >= sizeof(out->c[0].name))
			len = sizeof(out->c[0].name) - 1;
		memcpy(out->c[out->n].name, p, len);
		out->c[out->n].name[len] = '\0';
		p += len;
		p += strspn(p, " \t:");
		out->c[out->n].value = strtol(p, &p, 10);
		out->n += !cached_elsewhere(out->c[out->n].name);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return out->n > 0;
}

/*
 * The counters belong to several CPUs and are not read at one instant: a page on
 * its way from one to the other may be missed. Two readings that agree are good.
 */
static bool read_settled(struct counters *out)
{
	static struct counters before;

	if (!read_counters(out))
		return false;
	for (int i = 0; i < SETTLE_TRIES; i++) {
		before = *out;
		if (!read_counters(out) || !memcmp(&before, out, sizeof(before)))
			break;
	}
	return out->n > 0;
}

static void pause_briefly(void)
{
	const struct timespec ts = { .tv_nsec = RETRY_NS };

	nanosleep(&ts, NULL);
}

/* /proc/slabinfo, to say in which cache the objects are that a leak has left. */
static void read_slabinfo(char *text, size_t size)
{
	int fd = open("/proc/slabinfo", O_RDONLY);
	size_t have = 0;
	ssize_t n;

	while (fd >= 0 && have < size - 1 &&
	       (n = read(fd, text + have, size - 1 - have)) > 0)
		have += n;
	text[have] = '\0';
	if (fd >= 0)
		close(fd);
}

/* Number of objects in use in the cache with this name, -1 if it is not listed. */
static long active_objects(const char *text, const char *name, size_t len)
{
	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, name, len) && p[len] == ' ')
			return strtol(p + len, NULL, 10);
	}
	return -1;
}

static void show_changed_caches(void)
{
	read_slabinfo(slabs_now, sizeof(slabs_now));
	for (const char *p = slabs_now; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		size_t len = strcspn(p, " \n");
		long then = active_objects(slabs_base, p, len);
		long active = active_objects(slabs_now, p, len);
		if (len && then != active)
			tap_diag("slab %.*s: %ld %ld", (int)len, p, then, active);
	}
}

void tap_leak_before(void)
{
	if (!read_settled(&now))
		return;
	if (base.n == 0)
		base = now;
	for (int i = 0; i < now.n && i < base.n; i++)
		if (now.c[i].value < base.c[i].value)
			base.c[i].value = now.c[i].value;
	read_slabinfo(slabs_base, sizeof(slabs_base));
}

static bool back_to_base(void)
{
	for (int i = 0; i < now.n && i < base.n; i++)
		if (now.c[i].value > base.c[i].value)
			return false;
	return true;
}

bool tap_leak_after(void)
{
	if (base.n == 0)
		return true;
	for (int i = 0; i < RETRIES; i++) {
		read_counters(&now);
		if (back_to_base())
			return true;
		pause_briefly();
	}
	for (int i = 0; i < now.n && i < base.n; i++) {
		if (now.c[i].value > base.c[i].value) {
			tap_diag("leak: %s %ld %ld", base.c[i].name,
				 base.c[i].value, now.c[i].value);
			base.c[i].value = now.c[i].value;
		}
	}
	show_changed_caches();
	return false;
}
