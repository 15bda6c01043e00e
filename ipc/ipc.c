/* SPDX-License-Identifier: MIT */
/*
 * Start of the ipc level: caches, tables, hooks into fs. Called once by kernel/proc/main.c;
 * signal_init() has been called before, since processes have signals before there are pipes.
 */
#include "ipc/futex.h"
#include "ipc/ipc.h"
#include "ipc/pipe.h"

void ipc_init(void)
{
	pipe_init();
	fifo_init();
	futex_init();
	sigio_init();
}
