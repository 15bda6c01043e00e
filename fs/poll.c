/* SPDX-License-Identifier: MIT */
/*
 * poll(2) and ppoll(2), and the waiting that select(2) shares with them.
 *
 * First look: each file reports its readiness; often that is all. Second look,
 * if nothing was ready: each file also queues a waiter of ours on the object's
 * wait queue, under the lock under which readiness changes; so a change after
 * the look finds the waiter. A woken waiter sets ps_triggered and wakes the
 * thread, which looks at all files again, without queueing. Waiters stay queued
 * until the end.
 *
 * Locks: none held while sleeping. Wake-ups come with wq_lock held, perhaps
 * from an interrupt.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/poll.h"
#include "fs/sys_path.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "mm/vmalloc.h"

#define CHUNK_WAITERS	48
#define POLL_STACK_FDS	32
#define POLL_PIECE_FDS	1024u		/* 8 KiB */

struct poll_chunk {
	struct poll_chunk *pc_next;
	unsigned int pc_n;
	struct poll_waiter pc_waiters[CHUNK_WAITERS];
};

static bool poll_woken(struct waiter *w, u32 key)
{
	struct poll_waiter *pw = container_of(w, struct poll_waiter, pw_w);

	/*
	 * Wakers that say what happened spare us the look at files that we do
	 * not care about.
	 */
	if (key && !(key & pw->pw_events))
		return false;
	WRITE_ONCE(pw->pw_set->ps_triggered, true);
	sched_wake(w->wr_thread, WAKE_ANY_SLEEP);
	return true;
}

static struct poll_waiter *waiter_take(struct poll_set *ps)
{
	struct poll_chunk *c = ps->ps_chunks;

	if (ps->ps_ninline < POLL_INLINE_WAITERS)
		return &ps->ps_inline[ps->ps_ninline++];
	return c && c->pc_n < CHUNK_WAITERS ? &c->pc_waiters[c->pc_n++] : NULL;
}

/*
 * The method queues under a spin lock, where nothing can be allocated: see to
 * it that there is room.
 */
static bool make_room(struct poll_set *ps)
{
	struct poll_chunk *c = ps->ps_chunks;
	unsigned int room = POLL_INLINE_WAITERS - ps->ps_ninline +
			    (c ? CHUNK_WAITERS - c->pc_n : 0);

	if (room >= POLL_FILE_WAITERS)
		return true;
	c = kmalloc(sizeof(*c), ALLOC_WAIT);
	if (!c) {
		ps->ps_full = true;
		return false;
	}
	c->pc_n = 0;
	c->pc_next = ps->ps_chunks;
	ps->ps_chunks = c;
	return true;
}

u32 poll_set_file(struct poll_set *ps, struct file *f, u32 events)
{
	if (!ps->ps_table.pt_queue)
		return file_poll(f, NULL);
	if (!make_room(ps))
		return 0;
	ps->ps_table.pt_events = events;
	return file_poll(f, &ps->ps_table);
}

/* Called by fo_poll methods, with their own locks held. */
static void poll_queue(struct poll_table *pt, struct file *f, struct waitq *wq)
{
	struct poll_set *ps = container_of(pt, struct poll_set, ps_table);
	struct poll_waiter *pw = waiter_take(ps);

	if (!pw) {
		ps->ps_full = true;
		return;
	}
	*pw = (struct poll_waiter){
		.pw_w = { .wr_thread = ps->ps_thread, .wr_fn = poll_woken },
		.pw_set = ps,
		.pw_file = file_get(f),
		.pw_events = pt->pt_events,
	};
	waitq_add(wq, &pw->pw_w);
}

void poll_set_init(struct poll_set *ps)
{
	ps->ps_table = (struct poll_table){ .pt_queue = NULL };
	ps->ps_thread = current;
	ps->ps_triggered = false;
	ps->ps_full = false;
	ps->ps_ninline = 0;
	ps->ps_chunks = NULL;
}

static void waiter_end(struct poll_waiter *pw)
{
	waitq_remove(&pw->pw_w);
	file_put(pw->pw_file);
}

void poll_set_end(struct poll_set *ps)
{
	for (unsigned int i = 0; i < ps->ps_ninline; i++)
		waiter_end(&ps->ps_inline[i]);
	while (ps->ps_chunks) {
		struct poll_chunk *c = ps->ps_chunks;

		for (unsigned int i = 0; i < c->pc_n; i++)
			waiter_end(&c->pc_waiters[i]);
		ps->ps_chunks = c->pc_next;
		kfree(c);
	}
}

/* Until a waiter is woken: 0, -ETIMEDOUT, -ERESTARTSYS. */
static int poll_sleep(struct poll_set *ps, nsec_t deadline)
{
	int err = 0;

	thread_prepare_sleep(true);
	/*
	 * Woken before the state was announced: do not sleep; a deadline of 0
	 * just takes it back.
	 */
	if (READ_ONCE(ps->ps_triggered))
		(void)thread_block_until(0);
	else
		err = thread_block_until(deadline);
	WRITE_ONCE(ps->ps_triggered, false);
	/* The look that follows must not move before this. */
	smp_mb();
	return err;
}

long poll_set_wait(struct poll_set *ps, long (*scan)(struct poll_set *ps, void *arg), void *arg,
		   nsec_t deadline)
{
	long ready = scan(ps, arg);
	int err = 0;

	if (ready || deadline == 0)
		return ready;
	ps->ps_table.pt_queue = poll_queue;
	for (;;) {
		ready = scan(ps, arg);
		ps->ps_table.pt_queue = NULL;
		if (ready)
			return ready;
		if (ps->ps_full)
			return -ENOMEM;
		if (err)
			return err == -ETIMEDOUT ? 0 : -EINTR;
		err = poll_sleep(ps, deadline);
	}
}

nsec_t poll_deadline(const struct timespec *ts)
{
	nsec_t now, span;

	KASSERT(timespec_valid(ts));
	if (ts->tv_sec == 0 && ts->tv_nsec == 0)
		return 0;
	if (ts->tv_sec > INT64_MAX / (s64)NSEC_PER_SEC - 1)
		return NSEC_NEVER;
	now = clock_monotonic();
	span = (nsec_t)ts->tv_sec * NSEC_PER_SEC + (nsec_t)ts->tv_nsec;
	return now + span < now ? NSEC_NEVER : now + span;
}

struct timespec poll_time_left(nsec_t deadline)
{
	nsec_t now = clock_monotonic();
	nsec_t left = deadline > now ? deadline - now : 0;

	return (struct timespec){ (s64)(left / NSEC_PER_SEC), (s64)(left % NSEC_PER_SEC) };
}

/* ---- poll(2) ---- */

struct poll_call {
	struct pollfd __user *ufds;
	struct pollfd *fds;		/* revents as the user's array has them */
	unsigned int n;
};

static u32 poll_one(struct poll_set *ps, const struct pollfd *pfd)
{
	u32 wanted = (u16)pfd->events | POLLERR | POLLHUP;
	struct fdref r;
	u32 got;

	if (pfd->fd < 0)
		return 0;
	if (!fd_get(pfd->fd, &r))
		return POLLNVAL;
	got = poll_set_file(ps, r.file, wanted) & wanted;
	fd_put(&r);
	return got;
}

/*
 * Only revents is written, where it changes: events and fd of the user's array
 * may be changed by another thread meanwhile.
 */
static int set_revents(struct poll_call *call, unsigned int i, u32 got)
{
	struct pollfd *pfd = &call->fds[i];

	if ((u16)pfd->revents == got)
		return 0;
	pfd->revents = (short)got;
	return copy_to_user(&call->ufds[i].revents, &pfd->revents, sizeof(pfd->revents));
}

static long poll_scan(struct poll_set *ps, void *arg)
{
	struct poll_call *call = arg;
	long ready = 0;

	for (unsigned int i = 0; i < call->n; i++) {
		u32 got = poll_one(ps, &call->fds[i]);

		if (set_revents(call, i, got))
			return -EFAULT;
		if (got) {
			ready++;
			/* It will not sleep any more: no further waiters. */
			ps->ps_table.pt_queue = NULL;
		}
	}
	return ready;
}

/*
 * An array that cannot be written is an error even if nothing changed: touch
 * it once in each page.
 */
static int check_writable(struct poll_call *call)
{
	vaddr_t page = 0;

	for (unsigned int i = 0; i < call->n; i++) {
		short __user *out = &call->ufds[i].revents;

		if (((vaddr_t)out & PAGE_MASK) == page)
			continue;
		page = (vaddr_t)out & PAGE_MASK;
		if (copy_to_user(out, &call->fds[i].revents, sizeof(*out)))
			return -EFAULT;
	}
	return 0;
}

/* To unmap is to interrupt all CPUs, so only what is too large to be had in one piece is mapped. */
static struct pollfd *fds_alloc(unsigned int n)
{
	size_t size = n * sizeof(struct pollfd);

	return n <= POLL_PIECE_FDS ? kmalloc(size, ALLOC_WAIT) : vmalloc(size);
}

static void fds_free(struct pollfd *fds, unsigned int n)
{
	if (n <= POLL_PIECE_FDS)
		kfree(fds);
	else
		vfree(fds);
}

static long do_poll(struct pollfd __user *ufds, unsigned int n, nsec_t deadline)
{
	struct pollfd small[POLL_STACK_FDS];
	struct poll_call call = { .ufds = ufds, .fds = small, .n = n };
	struct poll_set ps;
	long ret;

	if (n > proc_rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	if (n > POLL_STACK_FDS) {
		call.fds = fds_alloc(n);
		if (!call.fds)
			return -ENOMEM;
	}
	if (copy_from_user(call.fds, ufds, n * sizeof(*call.fds))) {
		ret = -EFAULT;
	} else {
		poll_set_init(&ps);
		ret = poll_set_wait(&ps, poll_scan, &call, deadline);
		poll_set_end(&ps);
		if (ret >= 0 && check_writable(&call))
			ret = -EFAULT;
	}
	if (call.fds != small)
		fds_free(call.fds, n);
	return ret;
}

/* arg: fds, n, deadline */
static long poll_restart(u64 arg[4])
{
	long ret = do_poll((struct pollfd __user *)arg[0], (unsigned int)arg[1], arg[2]);

	return ret == -EINTR ? signal_restart_block(poll_restart, arg) : ret;
}

long sys_poll(struct pollfd __user *fds, unsigned int n, int timeout_ms)
{
	struct timespec ts = { timeout_ms / 1000, timeout_ms % 1000 * (s64)NSEC_PER_MSEC };
	u64 arg[4] = { (u64)fds, n, timeout_ms < 0 ? NSEC_NEVER : poll_deadline(&ts), 0 };

	return poll_restart(arg);
}

int poll_get_timeout(const struct timespec __user *timeout, nsec_t *deadline)
{
	struct timespec ts;

	*deadline = NSEC_NEVER;
	if (!timeout)
		return 0;
	if (copy_from_user(&ts, timeout, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	*deadline = poll_deadline(&ts);
	return 0;
}

long poll_put_timeout(struct timespec __user *timeout, nsec_t deadline, long ret)
{
	struct timespec ts;

	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	if (!timeout)
		return ret;
	ts = poll_time_left(deadline);
	/* Linux: a time-out that cannot be updated must not be used again. */
	if (copy_to_user(timeout, &ts, sizeof(ts)) && ret == -ERESTARTNOHAND)
		ret = -EINTR;
	return ret;
}

long sys_ppoll(struct pollfd __user *fds, unsigned int n, struct timespec __user *timeout,
	       const void __user *mask, size_t mask_size)
{
	nsec_t deadline;
	long ret = poll_get_timeout(timeout, &deadline);

	if (!ret)
		ret = signal_temp_mask(mask, mask_size);
	if (ret)
		return ret;
	ret = do_poll(fds, n, deadline);
	signal_temp_mask_done(ret == -EINTR);
	return poll_put_timeout(timeout, deadline, ret);
}
