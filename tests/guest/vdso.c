/* SPDX-License-Identifier: MIT */
/*
 * vdso.c - the shared object that the kernel maps into every process: found by the
 * auxiliary vector as the C libraries find it, and beside the system calls
 * that its functions stand for. vdso(7).
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000LL
#define CAP_SYS_TIME 25

typedef int clock_fn(clockid_t, struct timespec *);
typedef int timeofday_fn(struct timeval *, struct timezone *);
typedef time_t time_fn(time_t *);
typedef long getcpu_fn(unsigned *, unsigned *, void *);

static const clockid_t clocks[] = {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI,
	CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
};

/* ---- the object ---- */

struct image {
	const char *base;		/* what link addresses are relative to */
	const char *strings;
	const Elf64_Sym *symbols;
	const Elf64_Half *versions;
	const Elf64_Verdef *definitions;
	const uint32_t *hash;
	const char *soname;
};

static const Elf64_Phdr *segment(const Elf64_Ehdr *eh, uint32_t type)
{
	const Elf64_Phdr *ph = (const void *)((const char *)eh + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == type)
			return &ph[i];
	FAIL("no segment of type %u", type);
}

static void image_open(struct image *im)
{
	const Elf64_Ehdr *eh = (const void *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Phdr *load;
	uint64_t soname = 0;

	CHECK(eh);
	CHECK(memcmp(eh->e_ident, ELFMAG, SELFMAG) == 0);
	CHECK_EQ(eh->e_type, ET_DYN);
	CHECK_EQ(eh->e_machine, EM_X86_64);
	load = segment(eh, PT_LOAD);
	CHECK_EQ(load->p_flags, PF_R | PF_X);
	memset(im, 0, sizeof(*im));
	im->base = (const char *)eh + load->p_offset - load->p_vaddr;
	for (const Elf64_Dyn *d = (const void *)(im->base + segment(eh, PT_DYNAMIC)->p_vaddr);
	     d->d_tag != DT_NULL; d++) {
		const void *p = im->base + d->d_un.d_ptr;

		switch (d->d_tag) {
		case DT_STRTAB: im->strings = p; break;
		case DT_SYMTAB: im->symbols = p; break;
		case DT_VERSYM: im->versions = p; break;
		case DT_VERDEF: im->definitions = p; break;
		case DT_HASH: im->hash = p; break;
		case DT_SONAME: soname = d->d_un.d_val; break;
		}
	}
	CHECK(im->strings && im->symbols && im->versions && im->definitions && soname);
	im->soname = im->strings + soname;
}

static const char *version_name(const struct image *im, unsigned index)
{
	const Elf64_Verdef *vd = im->definitions;

	for (;;) {
		if ((vd->vd_ndx & 0x7fff) == (index & 0x7fff)) {
			const Elf64_Verdaux *a = (const void *)((const char *)vd + vd->vd_aux);

			return im->strings + a->vda_name;
		}
		if (!vd->vd_next)
			return "";
		vd = (const void *)((const char *)vd + vd->vd_next);
	}
}

static void *find(const char *name)
{
	static struct image im;

	if (!im.base)
		image_open(&im);
	/* DT_HASH tells how many symbols there are; the newest kernels have DT_GNU_HASH only. */
	for (uint32_t i = 0; i < (im.hash ? im.hash[1] : 16); i++) {
		const Elf64_Sym *s = &im.symbols[i];

		if (s->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(s->st_info) != STT_FUNC ||
		    strcmp(im.strings + s->st_name, name) != 0)
			continue;
		CHECK(strcmp(version_name(&im, im.versions[i]), "LINUX_2.6") == 0);
		return (void *)(im.base + s->st_value);
	}
	FAIL("no symbol %s", name);
}

static void names(void)
{
	struct image im;

	image_open(&im);
	CHECK(strcmp(im.soname, "linux-vdso.so.1") == 0);
	CHECK(find("__vdso_clock_gettime") == find("clock_gettime"));
	CHECK(find("__vdso_gettimeofday") == find("gettimeofday"));
	CHECK(find("__vdso_time") == find("time"));
	CHECK(find("__vdso_getcpu") == find("getcpu"));
	CHECK(find("__vdso_clock_getres") == find("clock_getres"));
}

/* ---- its place ---- */

struct area {
	unsigned long start, end;
	char prot[8];
};

/* The first line of /proc/self/maps whose name begins like this. */
static bool find_area(const char *name, struct area *a)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(f);
	while (!found && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, name);

		if (at && sscanf(line, "%lx-%lx %7s", &a->start, &a->end, a->prot) == 3)
			found = true;
	}
	fclose(f);
	return found;
}

static void areas(void)
{
	struct area code, data;

	CHECK(find_area("[vdso]", &code));
	CHECK_EQ(code.start, getauxval(AT_SYSINFO_EHDR));
	CHECK(strcmp(code.prot, "r-xp") == 0);
	CHECK(find_area("[vvar]", &data));
	CHECK(strcmp(data.prot, "r--p") == 0);
	CHECK(data.end <= code.start);
}

static void store(void *p)
{
	*(volatile char *)p = 0;
}

static void call(void *p)
{
	((void (*)(void))p)();
}

static void protection(void)
{
	struct area code, data;
	pid_t pid;

	CHECK(find_area("[vdso]", &code) && find_area("[vvar]", &data));
	CHECK_EQ(signal_of(store, (void *)code.start), SIGSEGV);
	CHECK_EQ(signal_of(store, (void *)data.start), SIGSEGV);
	CHECK_EQ(signal_of(call, (void *)data.start), SIGSEGV);
	CHECK_ERR(mprotect((void *)data.start, PAGE, PROT_READ | PROT_WRITE), EACCES);
	/* A breakpoint in one process is not in others. */
	pid = xfork();
	if (pid == 0) {
		char *p = find("__vdso_time");

		OK(mprotect((void *)code.start, code.end - code.start,
			    PROT_READ | PROT_WRITE | PROT_EXEC));
		*p = (char)0xcc;
		((time_fn *)p)(NULL);
		_exit(0);
	}
	CHECK_EQ(wait_signal(pid), SIGTRAP);
	CHECK(((time_fn *)find("__vdso_time"))(NULL) > 0);
}

static void without_it(void)
{
	struct timespec t;
	struct area code;

	CHECK(find_area("[vdso]", &code));
	OK(munmap((void *)code.start, code.end - code.start));
	CHECK(!find_area("[vdso]", &code));
	OK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t));
	wait_ok(xfork() ?: (_exit(0), 0));
}

/* ---- clocks ---- */

static long long nsec(const struct timespec *t)
{
	CHECK(t->tv_nsec >= 0 && t->tv_nsec < BILLION);
	return t->tv_sec * BILLION + t->tv_nsec;
}

static long long by_vdso(clockid_t clock)
{
	clock_fn *fn = (clock_fn *)find("__vdso_clock_gettime");
	struct timespec t;

	CHECK_EQ(fn(clock, &t), 0);
	return nsec(&t);
}

static long long by_call(clockid_t clock)
{
	struct timespec t;

	OK(syscall(SYS_clock_gettime, clock, &t));
	return nsec(&t);
}

static void clocks_agree(void)
{
	for (size_t i = 0; i < TAP_COUNT(clocks); i++) {
		for (int n = 0; n < 1000; n++) {
			long long a = by_vdso(clocks[i]), b = by_call(clocks[i]);
			long long c = by_vdso(clocks[i]);

			CHECK(a <= b && b <= c);
		}
	}
}

static long long last_seen;

/* What any CPU has shown by either way, no other undercuts by either. */
static void *race(void *arg)
{
	bool call_first = arg != NULL;

	for (int i = 0; i < 20000; i++) {
		long long seen = __atomic_load_n(&last_seen, __ATOMIC_SEQ_CST);
		long long now = (i & 1) == call_first ? by_vdso(CLOCK_MONOTONIC) :
							by_call(CLOCK_MONOTONIC);

		if (now < seen)
			FAIL("%lld ns back", seen - now);
		__atomic_store_n(&last_seen, now, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void never_back(void)
{
	pthread_t t[4];

	by_vdso(CLOCK_MONOTONIC);
	for (long i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, race, (void *)(i & 1)), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static void other_clocks(void)
{
	clock_fn *get = (clock_fn *)find("__vdso_clock_gettime");
	clock_fn *res = (clock_fn *)find("__vdso_clock_getres");
	static const clockid_t bad[] = { 10, 12, 31, 32, 33, 1000, 0x7fffffff };
	struct timespec t;

	/* It returns what the kernel returns: errno belongs to the C library. */
	for (size_t i = 0; i < TAP_COUNT(bad); i++) {
		CHECK_EQ(get(bad[i], &t), -EINVAL);
		CHECK_EQ(res(bad[i], &t), -EINVAL);
	}
	CHECK(by_vdso(CLOCK_PROCESS_CPUTIME_ID) <= by_call(CLOCK_PROCESS_CPUTIME_ID));
	CHECK(by_vdso(CLOCK_THREAD_CPUTIME_ID) <= by_call(CLOCK_THREAD_CPUTIME_ID));
}

static void resolutions(void)
{
	clock_fn *res = (clock_fn *)find("__vdso_clock_getres");

	for (size_t i = 0; i < TAP_COUNT(clocks); i++) {
		struct timespec a, b;

		CHECK_EQ(res(clocks[i], &a), 0);
		OK(syscall(SYS_clock_getres, clocks[i], &b));
		CHECK_EQ(nsec(&a), nsec(&b));
		CHECK_EQ(res(clocks[i], NULL), 0);
	}
}

static void time_of_day(void)
{
	timeofday_fn *get = (timeofday_fn *)find("__vdso_gettimeofday");
	time_fn *seconds = (time_fn *)find("__vdso_time");
	struct timeval tv;
	struct timezone a = { 1, 1 }, b = { 2, 2 };
	long long before = by_call(CLOCK_REALTIME) / 1000, now;
	time_t t = 0;

	CHECK_EQ(get(&tv, &a), 0);
	now = tv.tv_sec * 1000000LL + tv.tv_usec;
	CHECK(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	CHECK(now >= before && now <= by_call(CLOCK_REALTIME) / 1000);
	OK(syscall(SYS_gettimeofday, NULL, &b));
	CHECK(a.tz_minuteswest == b.tz_minuteswest && a.tz_dsttime == b.tz_dsttime);
	CHECK_EQ(get(NULL, NULL), 0);
	/* Linux gives the second of the last tick. */
	CHECK(seconds(&t) >= before / 1000000 - 1);
	CHECK(t >= before / 1000000 - 1 && t <= seconds(NULL));
}

static void clock_is_set(void)
{
	struct timespec real;
	long long shift;

	if (!has_capability(CAP_SYS_TIME))
		SKIP("may not set the clock");
	shift = by_vdso(CLOCK_REALTIME) - by_vdso(CLOCK_MONOTONIC);
	OK(clock_gettime(CLOCK_REALTIME, &real));
	real.tv_sec++;
	OK(clock_settime(CLOCK_REALTIME, &real));
	shift -= by_vdso(CLOCK_REALTIME) - by_vdso(CLOCK_MONOTONIC);
	OK(clock_gettime(CLOCK_REALTIME, &real));
	real.tv_sec--;
	OK(clock_settime(CLOCK_REALTIME, &real));
	/* A second ahead, but for what passed meanwhile. */
	CHECK(-shift <= BILLION && -shift > 0);
}

/* ---- CPUs, and other processes ---- */

static void cpu_number(void)
{
	getcpu_fn *get = (getcpu_fn *)find("__vdso_getcpu");
	unsigned cpu = 77, node = 77, real_node;
	cpu_set_t all, one;

	OK(sched_getaffinity(0, sizeof(all), &all));
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		OK(sched_setaffinity(0, sizeof(one), &one));
		CHECK_EQ(get(&cpu, &node, NULL), 0);
		CHECK_EQ(cpu, i);
		OK(syscall(SYS_getcpu, NULL, &real_node, NULL));
		CHECK_EQ(node, real_node);
		CHECK_EQ(sched_getcpu(), i);
	}
	CHECK_EQ(get(NULL, NULL, NULL), 0);
}

static int helper_time(int argc, char **argv)
{
	(void)argc, (void)argv;
	CHECK(by_vdso(CLOCK_MONOTONIC) > 0);
	areas();
	return 0;
}

static void inherited(void)
{
	long long before = by_vdso(CLOCK_MONOTONIC);
	pid_t pid = xfork();

	if (pid == 0) {
		CHECK(by_vdso(CLOCK_MONOTONIC) >= before);
		areas();
		wait_ok(xfork() ?: (by_vdso(CLOCK_REALTIME), _exit(0), 0));
		_exit(0);
	}
	wait_ok(pid);
	pid = vfork();
	if (pid == 0) {
		execl(tap_self, tap_self, "--call", "time", NULL);
		_exit(127);
	}
	wait_ok(pid);
	CHECK(by_vdso(CLOCK_MONOTONIC) >= before);
}

static const struct tap_case cases[] = {
	{ "names", names, 0 },
	{ "areas", areas, 0 },
	{ "protection", protection, 0 },
	{ "without_it", without_it, 0 },
	{ "clocks_agree", clocks_agree, 0 },
	{ "never_back", never_back, 0 },
	{ "other_clocks", other_clocks, 0 },
	{ "resolutions", resolutions, 0 },
	{ "time_of_day", time_of_day, 0 },
	{ "clock_is_set", clock_is_set, 0 },
	{ "cpu_number", cpu_number, 0 },
	{ "inherited", inherited, 0 },
};

static const struct tap_helper helpers[] = {
	{ "time", helper_time },
};

TAP_MAIN_HELPERS(cases, helpers)
