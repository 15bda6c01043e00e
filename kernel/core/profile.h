/* SPDX-License-Identifier: MIT */
/*
 * The sampling profiler behind /proc/profile.
 */
#ifndef KERNEL_CORE_PROFILE_H
#define KERNEL_CORE_PROFILE_H

void profile_init(void);

#endif
