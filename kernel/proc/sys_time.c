/* SPDX-License-Identifier: MIT */
/*
 * Clocks and sleeping: clock_gettime(2), nanosleep(2), clock_nanosleep(2) and the older
 * forms of them.
 */
#include <errno.h>
#include <kernel/upcalls.h>
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/proc/lifecycle.h"
#include "kernel/proc/sys_proc.h"
#include "mm/uaccess.h"

static struct timespec ns_to_timespec(nsec_t ns)
{
	return (struct timespec){ (s64)(ns / NSEC_PER_SEC), (s64)(ns % NSEC_PER_SEC) };
}

/* Saturates at NSEC_NEVER - 1: 584 years. -EINVAL for negative or denormal values. */
static int timespec_to_ns(const struct timespec *ts, nsec_t *ns)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	if ((u64)ts->tv_sec >= (NSEC_NEVER - NSEC_PER_SEC) / NSEC_PER_SEC)
		*ns = NSEC_NEVER - 1;
	else
		*ns = (u64)ts->tv_sec * NSEC_PER_SEC + (u64)ts->tv_nsec;
	return 0;
}

/* CPU time of the calling process or thread. */
static nsec_t cpu_clock(bool thread_only)
{
	nsec_t user, sys;
	struct proc_usage u;

	if (thread_only) {
		sched_thread_times(current, &user, &sys);
		return user + sys;
	}
	proc_usage_self(current_proc(), &u);
	return u.u_utime + u.u_stime;
}

static int clock_read(int clock, nsec_t *now)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		*now = clock_realtime();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		*now = clock_monotonic();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
	case CLOCK_THREAD_CPUTIME_ID:
		*now = cpu_clock(clock == CLOCK_THREAD_CPUTIME_ID);
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_clock_gettime(int clock, struct timespec __user *ts)
{
	struct timespec now;
	nsec_t ns;
	int err = clock_read(clock, &ns);

	if (err)
		return err;
	now = ns_to_timespec(ns);
	return copy_to_user(ts, &now, sizeof(now));
}

long sys_clock_settime(int clock, const struct timespec __user *ts)
{
	struct timespec t;
	nsec_t ns;
	int err;

	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	if (copy_from_user(&t, ts, sizeof(t)))
		return -EFAULT;
	err = timespec_to_ns(&t, &ns);
	if (err)
		return err;
	if (!cred_privileged(cred_current()))
		return -EPERM;
	clock_set_realtime(ns);
	return 0;
}

long sys_clock_getres(int clock, struct timespec __user *ts)
{
	struct timespec res = { 0, 1 };
	nsec_t now;
	int err = clock_read(clock, &now);

	if (err)
		return err;
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		res.tv_nsec = COARSE_NSEC;
	return ts ? copy_to_user(ts, &res, sizeof(res)) : 0;
}

long sys_gettimeofday(struct timeval __user *tv, struct timezone __user *tz)
{
	nsec_t now = clock_realtime();
	struct timeval t = { (s64)(now / NSEC_PER_SEC),
			     (s64)(now % NSEC_PER_SEC / NSEC_PER_USEC) };
	struct timezone utc = { 0, 0 };

	if (tv && copy_to_user(tv, &t, sizeof(t)))
		return -EFAULT;
	if (tz && copy_to_user(tz, &utc, sizeof(utc)))
		return -EFAULT;
	return 0;
}

long sys_settimeofday(const struct timeval __user *tv, const struct timezone __user *tz)
{
	struct timeval t;

	if (tv && copy_from_user(&t, tv, sizeof(t)))
		return -EFAULT;
	if (tv && (t.tv_sec < 0 || t.tv_usec < 0 || t.tv_usec >= 1000000))
		return -EINVAL;
	if (!cred_privileged(cred_current()))
		return -EPERM;
	/* A time zone in the kernel is obsolete (settimeofday(2)); this kernel has none. */
	if (tz)
		return -EINVAL;
	if (tv)
		clock_set_realtime((u64)t.tv_sec * NSEC_PER_SEC +
				   (u64)t.tv_usec * NSEC_PER_USEC);
	return 0;
}

long sys_time(s64 __user *tloc)
{
	s64 now = (s64)(clock_realtime() / NSEC_PER_SEC);

	if (tloc && put_user_u64(tloc, (u64)now))
		return -EFAULT;
	return now;
}

/* Sleep until a monotonic time. 0 or -ERESTARTSYS. */
static int sleep_until(nsec_t deadline)
{
	int err;

	do {
		thread_prepare_sleep(true);
		err = thread_block_until(deadline);
	} while (err == 0);
	return err == -ETIMEDOUT ? 0 : err;
}

static long nanosleep_until(nsec_t deadline, struct timespec __user *rem);

static long nanosleep_restart(u64 arg[4])
{
	return nanosleep_until(arg[0], (struct timespec __user *)arg[1]);
}

static long nanosleep_until(nsec_t deadline, struct timespec __user *rem)
{
	int err = sleep_until(deadline);
	nsec_t now;

	if (!err)
		return 0;
	now = clock_monotonic();
	if (now >= deadline)
		return 0;
	if (rem) {
		struct timespec left = ns_to_timespec(deadline - now);

		if (copy_to_user(rem, &left, sizeof(left)))
			return -EFAULT;
	}
	return signal_restart_block(nanosleep_restart, (u64[4]){ deadline, (u64)rem });
}

static nsec_t add_saturating(nsec_t a, nsec_t b)
{
	return a + b < a ? NSEC_NEVER - 1 : a + b;
}

long sys_clock_nanosleep(int clock, int flags, const struct timespec __user *req,
			 struct timespec __user *rem)
{
	struct timespec t;
	nsec_t ns, now, base = clock_monotonic();
	int err;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	    clock != CLOCK_TAI)
		return clock_read(clock, &now) || clock == CLOCK_THREAD_CPUTIME_ID ? -EINVAL :
		       -EOPNOTSUPP;
	if (copy_from_user(&t, req, sizeof(t)))
		return -EFAULT;
	err = timespec_to_ns(&t, &ns);
	if (err)
		return err;
	if (!(flags & TIMER_ABSTIME))
		return nanosleep_until(add_saturating(base, ns), rem);
	(void)clock_read(clock, &now);
	if (ns <= now)
		return 0;
	err = sleep_until(add_saturating(base, ns - now));
	/* Absolute: the same arguments do for a restart. */
	return err ? -ERESTARTNOHAND : 0;
}

long sys_nanosleep(const struct timespec __user *req, struct timespec __user *rem)
{
	return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, req, rem);
}
