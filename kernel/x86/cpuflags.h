/* SPDX-License-Identifier: MIT */
/*
 * Names of the CPU features that user programs can use or see, for /proc/cpuinfo.
 */
#ifndef KERNEL_X86_CPUFLAGS_H
#define KERNEL_X86_CPUFLAGS_H

#include <types.h>

#define CPU_FLAG_WORDS	8

/* What CPUID says, a word per group of features. */
struct cpu_flags {
	u32 cf_word[CPU_FLAG_WORDS];
};

/* Ask this CPU. Features whose registers the kernel does not save are left out. */
void cpu_flags_read(struct cpu_flags *cf);
/* Name of the first feature from number *i on that is there, NULL: no more. *i is set behind it. */
const char *cpu_flags_next(const struct cpu_flags *cf, unsigned int *i);

#endif
