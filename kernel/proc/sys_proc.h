/* SPDX-License-Identifier: MIT */
/*
 * System calls about the calling process: identity, groups, limits, usage,
 * scheduling, credentials, and the system as a whole.
 */
#ifndef KERNEL_PROC_SYS_PROC_H
#define KERNEL_PROC_SYS_PROC_H

#include <abi/resource.h>
#include <abi/sched.h>
#include <abi/sysinfo.h>
#include <abi/time.h>
#include <abi/utsname.h>
#include <compiler.h>
#include <types.h>

struct proc;
struct proc_usage;

/* struct rusage from sums. 0 or -EFAULT. */
int usage_to_user(const struct proc_usage *u, struct rusage __user *ru);

/* sys_proc.c */
long sys_getpid(void);
long sys_gettid(void);
long sys_getppid(void);
long sys_getpgrp(void);
long sys_getpgid(pid_t pid);
long sys_setpgid(pid_t pid, pid_t pgid);
long sys_getsid(pid_t pid);
long sys_setsid(void);
long sys_set_tid_address(u32 __user *tidptr);
long sys_arch_prctl(int code, unsigned long addr);
long sys_prctl(int option, unsigned long a2, unsigned long a3, unsigned long a4,
	       unsigned long a5);
long sys_getrusage(int who, struct rusage __user *ru);
long sys_times(struct tms __user *buf);
long sys_getrlimit(unsigned int resource, struct rlimit __user *rlim);
long sys_setrlimit(unsigned int resource, const struct rlimit __user *rlim);
long sys_prlimit64(pid_t pid, unsigned int resource, const struct rlimit __user *new_limit,
		   struct rlimit __user *old_limit);

/* sys_sched.c */
long sys_sched_yield(void);
long sys_sched_getaffinity(pid_t pid, unsigned int len, unsigned long __user *mask);
long sys_sched_setaffinity(pid_t pid, unsigned int len, const unsigned long __user *mask);
long sys_sched_getscheduler(pid_t pid);
long sys_sched_setscheduler(pid_t pid, int policy, const struct sched_param __user *param);
long sys_sched_getparam(pid_t pid, struct sched_param __user *param);
long sys_sched_setparam(pid_t pid, const struct sched_param __user *param);
long sys_sched_get_priority_max(int policy);
long sys_sched_get_priority_min(int policy);
long sys_sched_rr_get_interval(pid_t pid, struct timespec __user *ts);
long sys_getpriority(int which, int who);
long sys_setpriority(int which, int who, int nice);
long sys_getcpu(u32 __user *cpu, u32 __user *node, void __user *unused);

/* sys_cred.c */
long sys_getuid(void);
long sys_geteuid(void);
long sys_getgid(void);
long sys_getegid(void);
long sys_getresuid(uid_t __user *r, uid_t __user *e, uid_t __user *s);
long sys_getresgid(gid_t __user *r, gid_t __user *e, gid_t __user *s);
long sys_setuid(uid_t uid);
long sys_setgid(gid_t gid);
long sys_setreuid(uid_t r, uid_t e);
long sys_setregid(gid_t r, gid_t e);
long sys_setresuid(uid_t r, uid_t e, uid_t s);
long sys_setresgid(gid_t r, gid_t e, gid_t s);
long sys_setfsuid(uid_t uid);
long sys_setfsgid(gid_t gid);
long sys_getgroups(int size, gid_t __user *list);
long sys_setgroups(int size, const gid_t __user *list);

/* sys_system.c */
long sys_uname(struct new_utsname __user *buf);
long sys_sethostname(const char __user *name, int len);
long sys_setdomainname(const char __user *name, int len);
long sys_sysinfo(struct sysinfo __user *info);
long sys_reboot(int magic1, int magic2, unsigned int cmd, void __user *arg);
long sys_personality(unsigned long persona);

/* sys_time.c */
long sys_time(s64 __user *tloc);
long sys_gettimeofday(struct timeval __user *tv, struct timezone __user *tz);
long sys_settimeofday(const struct timeval __user *tv, const struct timezone __user *tz);
long sys_clock_gettime(int clock, struct timespec __user *ts);
long sys_clock_settime(int clock, const struct timespec __user *ts);
long sys_clock_getres(int clock, struct timespec __user *ts);
long sys_nanosleep(const struct timespec __user *req, struct timespec __user *rem);
long sys_clock_nanosleep(int clock, int flags, const struct timespec __user *req,
			 struct timespec __user *rem);

#endif
