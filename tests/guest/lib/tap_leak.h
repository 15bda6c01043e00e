/* SPDX-License-Identifier: MIT */
/*
 * tap_leak.h - the kernel's counters of what is in use, before and after.
 *
 * Both do nothing on a kernel that has no /proc/counts.
 */
#ifndef TESTS_GUEST_LIB_TAP_LEAK_H
#define TESTS_GUEST_LIB_TAP_LEAK_H

#include <stdbool.h>

/* Lowers the baseline to the present counters where they are lower. */
void tap_leak_before(void);

/*
 * Compares with the baseline, for up to two seconds, because a kernel may free
 * late.  Prints what is too high and takes it into the baseline, so that one
 * leak fails one case.
 */
bool tap_leak_after(void);

#endif
