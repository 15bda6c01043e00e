/* SPDX-License-Identifier: MIT */
/*
 * Crash states of fs/ext2, made and judged on the host.
 *
 * A workload of random changes runs on a disk whose writes and flushes are logged,
 * beside a model that remembers names and contents after every step. A crash
 * state is the disk after some write: everything up to the last flush, and of
 * what came after it any part - dropped, reordered, torn by sectors.
 *
 * What must hold after recovery: the names are those after one of the steps that
 * the crash may have cut between, so every step happened as a whole or not at
 * all; what was synced is there; a file that has not changed since its fsync has
 * every byte; others have at each place a byte that was written there once, or
 * zero.
 */
#ifndef TESTS_UNIT_EXT2_CRASH_H
#define TESTS_UNIT_EXT2_CRASH_H

#include "tests/unit/ext2/host.h"

struct crash_config {
	const char *options;		/* of mke2fs */
	u32 kib, steps;
	u64 seed;
	bool no_revokes;		/* faults: what the checker must notice */
	bool no_data;
	bool no_flush;			/* of the flushes around commit blocks, one in eight */
};

/* Run a workload; the log stays in host_disk, the model in memory. 0 or -1. */
int crash_record(const struct crash_config *c);
/*
 * The same for a machine: the disk before (with a sector behind the file system for
 * marks) and the steps as a script for /tests/crashload go to files in dir; then
 * the log that QEMU's blklogwrites has made there takes the place of ours.
 */
int crash_plan(const struct crash_config *c, const char *dir);
int crash_load(const struct crash_config *c, const char *dir);
/*
 * One state after another, from a number: the same number, the same state.
 * True: it recovers as it must. why: what is wrong. The recovered image is in
 * host_disk, the state before recovery in crash_image().
 */
bool crash_check(u64 number, char *why, size_t size);
const u8 *crash_image(size_t *size);
/* Number of flush boundaries: states below it are those. */
u64 crash_boundaries(void);
void crash_forget(void);

#endif
