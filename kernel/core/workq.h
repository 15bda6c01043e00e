/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: run fn in a kernel thread that may sleep.
 */
#ifndef KERNEL_CORE_WORKQ_H
#define KERNEL_CORE_WORKQ_H

#include <list.h>
#include <types.h>

struct work {
	struct list_head wk_link;
	void (*wk_fn)(struct work *);
	bool wk_queued;
};

void workq_init(void);
void work_setup(struct work *w, void (*fn)(struct work *));
/* Queue once; false: was queued already. Any context. */
bool work_queue(struct work *w);

#endif
