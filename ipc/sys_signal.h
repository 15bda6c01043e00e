/* SPDX-License-Identifier: MIT */
/*
 * System calls of the signal code.
 */
#ifndef IPC_SYS_SIGNAL_H
#define IPC_SYS_SIGNAL_H

#include <abi/signal.h>
#include <abi/time.h>
#include <compiler.h>
#include <types.h>

long sys_rt_sigaction(int sig, const struct sigaction __user *act,
		      struct sigaction __user *old, size_t size);
long sys_rt_sigprocmask(int how, const sigset_t __user *set, sigset_t __user *old,
			size_t size);
long sys_rt_sigpending(sigset_t __user *set, size_t size);
long sys_rt_sigsuspend(const sigset_t __user *set, size_t size);
long sys_rt_sigtimedwait(const sigset_t __user *set, struct siginfo __user *info,
			 const struct timespec __user *timeout, size_t size);
long sys_rt_sigreturn(void);
long sys_sigaltstack(const struct sigaltstack __user *new, struct sigaltstack __user *old);
long sys_pause(void);
long sys_restart_syscall(void);
/* sys_kill.c */
long sys_kill(pid_t pid, int sig);
long sys_tkill(pid_t tid, int sig);
long sys_tgkill(pid_t tgid, pid_t tid, int sig);
long sys_rt_sigqueueinfo(pid_t pid, int sig, const struct siginfo __user *info);
long sys_rt_tgsigqueueinfo(pid_t tgid, pid_t tid, int sig,
			   const struct siginfo __user *info);

#endif
