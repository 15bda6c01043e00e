/* SPDX-License-Identifier: MIT */
/*
 * Readiness: poll_wait() is what fo_poll methods call; select, poll, epoll,
 * kqueue sit on it. The object calls waitq_wake_all(&wq, POLLIN ...) when
 * readiness changes.
 */
#ifndef FS_POLL_H
#define FS_POLL_H

#include <abi/poll.h>
#include <abi/time.h>
#include <compiler.h>
#include "kernel/core/timer.h"
#include "kernel/core/waitq.h"

struct file;

struct poll_table {
	/* Queue one more waiter on wq. */
	void (*pt_queue)(struct poll_table *pt, struct file *f, struct waitq *wq);
	u32 pt_events;			/* what the caller is interested in */
};

static inline void poll_wait(struct poll_table *pt, struct file *f, struct waitq *wq)
{
	if (pt && pt->pt_queue)
		pt->pt_queue(pt, f, wq);
}

/* Readiness of f now. */
u32 file_poll(struct file *f, struct poll_table *pt);

/*
 * One waiter of a poll_set; it keeps its file, and so the queue that it is on.
 */
struct poll_waiter {
	struct waiter pw_w;
	struct poll_set *pw_set;
	struct file *pw_file;
	u32 pw_events;
};

#define POLL_INLINE_WAITERS	8
#define POLL_FILE_WAITERS	4	/* wait queues that one file may have */

struct poll_chunk;

/* All waiters of one poll or select call. [o] the thread that polls. */
struct poll_set {
	struct poll_table ps_table;	/* [o] pass to file_poll() */
	struct thread *ps_thread;	/* [I] */
	bool ps_triggered;		/* [a] a waiter was woken since the last look */
	bool ps_full;			/* [o] no memory for a waiter */
	unsigned int ps_ninline;	/* [o] */
	struct poll_chunk *ps_chunks;	/* [o] when the inline ones are used up */
	struct poll_waiter ps_inline[POLL_INLINE_WAITERS];
};

void poll_set_init(struct poll_set *ps);
void poll_set_end(struct poll_set *ps);
/*
 * In a scan: readiness of f, of which events matter; queues waiters in the
 * first scan.
 */
u32 poll_set_file(struct poll_set *ps, struct file *f, u32 events);
/*
 * Call scan (which looks at all files with &ps->ps_table, and returns how many
 * are ready, or -errno) until it finds something, the deadline passes (0 is
 * returned; deadline 0: look once), or a signal comes (-EINTR).
 */
long poll_set_wait(struct poll_set *ps, long (*scan)(struct poll_set *ps, void *arg), void *arg,
		   nsec_t deadline);

/* A relative time-out as deadline; saturates. */
nsec_t poll_deadline(const struct timespec *ts);
/* Time left until deadline, not negative. */
struct timespec poll_time_left(nsec_t deadline);
/*
 * The time-out of ppoll and pselect: get makes a deadline of it (NULL: NSEC_NEVER); -EFAULT,
 * -EINVAL. put writes the time left back and returns what the call returns for ret.
 */
int poll_get_timeout(const struct timespec __user *timeout, nsec_t *deadline);
long poll_put_timeout(struct timespec __user *timeout, nsec_t deadline, long ret);
static inline bool timespec_valid(const struct timespec *ts)
{
	return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < (s64)NSEC_PER_SEC;
}

#endif
