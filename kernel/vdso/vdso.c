/* SPDX-License-Identifier: MIT */
/*
 * The vDSO (vdso(7)): a shared object that the kernel maps into every process, with the
 * system calls that need no kernel. This file is the only one of the kernel's folders
 * that runs in user mode; the C libraries find it by AT_SYSINFO_EHDR and look
 * the functions up by name and version.
 *
 * No data, no stack protector, no thread-local storage: the code must run in whatever state the
 * caller is. What is not answered here goes to the kernel. Pointers are the caller's: a bad
 * one is his SIGSEGV, as with any function.
 */
#include <abi/syscall.h>
#include <abi/time.h>
#include "kernel/vdso/vvar.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/desc.h"


/* Clocks by what they are computed from, a bit each. */
#define BIT(clock)	(1u << (clock))
#define REALTIMES	(BIT(CLOCK_REALTIME) | BIT(CLOCK_REALTIME_COARSE) | BIT(CLOCK_TAI))
#define MONOTONICS	(BIT(CLOCK_MONOTONIC) | BIT(CLOCK_MONOTONIC_COARSE) | \
			 BIT(CLOCK_MONOTONIC_RAW) | BIT(CLOCK_BOOTTIME))
#define COARSE		(BIT(CLOCK_REALTIME_COARSE) | BIT(CLOCK_MONOTONIC_COARSE))

/* The page below the image; the linker script places it. */
extern const struct vvar vvar __attribute__((visibility("hidden")));

int __vdso_clock_gettime(clockid_t clock, struct timespec *ts);
int __vdso_clock_getres(clockid_t clock, struct timespec *res);
int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
time_t __vdso_time(time_t *t);
long __vdso_getcpu(u32 *cpu, u32 *node, void *unused);

static long syscall2(long nr, long a, void *b)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b)
		     : "rcx", "r11", "memory");
	return ret;
}

static nsec_t realtime(void)
{
	return vvar_monotonic(&vvar, rdtsc_ordered()) + READ_ONCE(vvar.vv_realtime);
}

static bool clock_in(clockid_t clock, u32 set)
{
	return (u32)clock < 32 && set & BIT(clock);
}

int __vdso_clock_gettime(clockid_t clock, struct timespec *ts)
{
	nsec_t now;

	if (clock_in(clock, MONOTONICS))
		now = vvar_monotonic(&vvar, rdtsc_ordered());
	else if (clock_in(clock, REALTIMES))
		now = realtime();
	else
		return (int)syscall2(SYS_clock_gettime, clock, ts);
	ts->tv_sec = (s64)(now / NSEC_PER_SEC);
	ts->tv_nsec = (s64)(now % NSEC_PER_SEC);
	return 0;
}

int __vdso_clock_getres(clockid_t clock, struct timespec *res)
{
	if (!clock_in(clock, MONOTONICS | REALTIMES))
		return (int)syscall2(SYS_clock_getres, clock, res);
	if (res)
		*res = (struct timespec){ 0, clock_in(clock, COARSE) ? COARSE_NSEC : 1 };
	return 0;
}

int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	nsec_t now = realtime();

	if (tv) {
		tv->tv_sec = (s64)(now / NSEC_PER_SEC);
		tv->tv_usec = (s64)(now % NSEC_PER_SEC / NSEC_PER_USEC);
	}
	if (tz)
		*tz = (struct timezone){ 0, 0 };
	return 0;
}

time_t __vdso_time(time_t *t)
{
	time_t now = (time_t)(realtime() / NSEC_PER_SEC);

	if (t)
		*t = now;
	return now;
}

/* Each CPU's descriptor table has a segment whose limit is the CPU's number. */
long __vdso_getcpu(u32 *cpu, u32 *node, void *unused)
{
	u32 limit;

	(void)unused;
	asm volatile("lsl %1, %0" : "=r"(limit) : "r"((u32)CPU_NUMBER_SEL) : "cc");
	if (cpu)
		*cpu = limit;
	if (node)
		*node = 0;		/* all memory is equally far */
	return 0;
}

/* The names that vdso(7) gives to programs that look for them without the prefix. */
#define ALIAS(name) \
	extern __typeof__(__vdso_##name) name __attribute__((weak, alias("__vdso_" #name)))
ALIAS(clock_gettime);
ALIAS(clock_getres);
ALIAS(gettimeofday);
ALIAS(time);
ALIAS(getcpu);
