/* SPDX-License-Identifier: MIT */
/* Host shim: the thread that runs, as far as the allocators look at it. */
#ifndef KERNEL_CORE_THREAD_H
#define KERNEL_CORE_THREAD_H

#include "types.h"

struct thread {
	bool t_reclaiming, t_reserve;
};

/* A test that has these says what happens while somebody waits. */
struct completion {
	bool co_done;
};
void completion_init(struct completion *c);
void complete(struct completion *c);
int completion_wait(struct completion *c, bool killable);

#endif
