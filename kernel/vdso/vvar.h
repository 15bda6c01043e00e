/* SPDX-License-Identifier: MIT */
/*
 * The page of time that kernel and vDSO share. It is a variable of the kernel
 * (kernel/x86/clock.c), and the kernel's own clocks are computed from it, by the same
 * function: so a system call on one CPU and the vDSO on another agree to the nanosecond.
 *
 * Processes see the page read-only, below the code of the vDSO. All but vv_realtime is fixed
 * at boot, and that is one word: a reader sees the old time or the new, and needs neither
 * a sequence count nor a second try.
 */
#ifndef KERNEL_VDSO_VVAR_H
#define KERNEL_VDSO_VVAR_H

#include <compiler.h>
#include <types.h>

#define VVAR_SIZE	0x1000		/* one page; kernel/vdso/vdso.lds says so, too */
#define COARSE_NSEC	(4 * NSEC_PER_MSEC)	/* resolution promised for the coarse clocks */

struct vvar {
	u64 vv_tsc_base;		/* [I] TSC at monotonic time 0 */
	u64 vv_tsc_mult;		/* [I] nanoseconds per tick, times 2^32 */
	u64 vv_realtime;		/* [a] CLOCK_REALTIME - CLOCK_MONOTONIC, ns */
} __aligned(VVAR_SIZE);

BUILD_ASSERT(sizeof(struct vvar) == VVAR_SIZE);

/* Monotonic time when the time-stamp counter was tsc. */
static inline nsec_t vvar_monotonic(const struct vvar *v, u64 tsc)
{
	return (nsec_t)((unsigned __int128)(tsc - v->vv_tsc_base) * v->vv_tsc_mult >> 32);
}

#endif
