/* SPDX-License-Identifier: MIT */
/*
 * Interval timers of a process (setitimer(2), alarm(2)) and its CPU limit.
 */
#ifndef KERNEL_PROC_ITIMER_H
#define KERNEL_PROC_ITIMER_H

#include <abi/time.h>
#include <compiler.h>
#include <types.h>

struct proc;

void itimer_init(void);			/* hooks into the scheduler's tick */
void itimer_exit(struct proc *p);	/* process ends: nothing fires any more */
void itimer_free(struct proc *p);
long sys_getitimer(int which, struct itimerval __user *value);
long sys_setitimer(int which, const struct itimerval __user *value,
		   struct itimerval __user *old_value);
long sys_alarm(unsigned int seconds);

#endif
