/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: one kernel thread runs queued functions in order.
 */
#include <kassert.h>
#include "kernel/core/panic.h"
#include "kernel/core/thread.h"
#include "kernel/core/workq.h"

static struct spinlock work_lock = SPINLOCK_INIT("workq", RANK_WORKQ);
static struct list_head pending = LIST_HEAD_INIT(pending);	/* [work_lock] */
static struct waitq work_wq;

void work_setup(struct work *w, void (*fn)(struct work *))
{
	w->wk_fn = fn;
	w->wk_queued = false;
}

bool work_queue(struct work *w)
{
	irqflags_t f = spin_lock_irqsave(&work_lock);
	bool queued = !w->wk_queued;

	if (queued) {
		w->wk_queued = true;
		list_add_tail(&w->wk_link, &pending);
		waitq_wake_one(&work_wq, 0);
	}
	spin_unlock_irqrestore(&work_lock, f);
	return queued;
}

static __noreturn void worker(void *arg)
{
	irqflags_t f = spin_lock_irqsave(&work_lock);

	(void)arg;
	for (;;) {
		struct work *w;

		while (list_empty(&pending))
			waitq_sleep_uninterruptible(&work_wq, &work_lock);
		w = list_first_entry(&pending, struct work, wk_link);
		list_del(&w->wk_link);
		w->wk_queued = false;	/* fn may queue it again, or free it */
		spin_unlock_irqrestore(&work_lock, f);
		w->wk_fn(w);
		f = spin_lock_irqsave(&work_lock);
	}
}

void workq_init(void)
{
	waitq_init(&work_wq);
	if (kthread_create(worker, NULL, "kworker", NULL))
		panic("no memory for the worker thread");
}
