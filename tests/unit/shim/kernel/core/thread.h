/* SPDX-License-Identifier: MIT */
/* Host shim: the thread that runs, as far as the allocators look at it. */
#ifndef KERNEL_CORE_THREAD_H
#define KERNEL_CORE_THREAD_H

#include "types.h"

struct thread {
	bool t_reclaiming, t_reserve;
};

#endif
