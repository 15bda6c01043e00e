/* SPDX-License-Identifier: MIT */
/*
 * The machine and the kernel core as the unit tests see them. A test of code
 * that needs them includes this first and then the source under test; the shim
 * headers have the include guards of the real ones, which are so left out
 * wherever the search path finds them.
 *
 * One host thread plays all CPUs. Between calls a test may set shim_cpu,
 * shim_in_interrupt, shim_irqs_on and shim_fail_nth as it likes.
 */
#ifndef TESTS_UNIT_SHIM_H
#define TESTS_UNIT_SHIM_H

#include "tests/unit/shim/kernel/x86/percpu.h"
#include "tests/unit/shim/kernel/x86/cpu.h"
#include "tests/unit/shim/kernel/x86/memlayout.h"
#include "tests/unit/shim/kernel/core/spinlock.h"
#include "tests/unit/shim/kernel/core/fail.h"
#include "kernel/core/statreg.h"

/* The report registered last. */
extern struct statreport *shim_report;

#define SHIM_RAM_ALIGN	(4096ul << 10)

/*
 * "Physical memory" of so many frames (a multiple of 1024), and as many zeroed
 * structures of this size (struct page) for them.
 */
void shim_ram_init(size_t frames, size_t page_struct_size);
void shim_ram_free(void);

#endif
