/* SPDX-License-Identifier: MIT */
/*
 * Kernel messages for programs.
 */
#ifndef DRIVERS_KMSG_H
#define DRIVERS_KMSG_H

#include <compiler.h>
#include <types.h>

long sys_syslog(int action, char __user *buf, int len);

#endif
