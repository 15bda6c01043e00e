/* SPDX-License-Identifier: MIT */
/*
 * select(2) and pselect6(2), on the waiting of poll.c. Sets are bit arrays of
 * 64-bit words.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/poll.h"
#include "fs/sys_path.h"
#include "kernel/core/proc.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

enum { SEL_IN, SEL_OUT, SEL_EX, SEL_SETS };

#define STACK_WORDS	4		/* per set: 256 descriptors */

static const u32 sel_mask[SEL_SETS] = {
	[SEL_IN] = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR,
	[SEL_OUT] = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR,
	[SEL_EX] = POLLPRI,
};

struct select_call {
	unsigned int n;			/* descriptors 0 to n - 1 */
	unsigned int words;		/* of a set */
	u64 *wanted[SEL_SETS];
	u64 *found[SEL_SETS];
};

/*
 * Readiness of fd, as far as any set asks; bits go to found. Number of bits, or
 * -EBADF.
 */
static long select_one(struct poll_set *ps, struct select_call *c, unsigned int fd)
{
	u32 events = 0, got;
	struct fdref r;
	long bits = 0;

	for (int s = 0; s < SEL_SETS; s++) {
		if (test_bit(c->wanted[s], fd))
			events |= sel_mask[s];
	}
	if (!fd_get((int)fd, &r))
		return -EBADF;
	got = poll_set_file(ps, r.file, events);
	fd_put(&r);
	for (int s = 0; s < SEL_SETS; s++) {
		if (test_bit(c->wanted[s], fd) && (got & sel_mask[s])) {
			__set_bit(c->found[s], fd);
			bits++;
		}
	}
	return bits;
}

static long select_scan(struct poll_set *ps, void *arg)
{
	struct select_call *c = arg;
	long ready = 0;

	for (unsigned int w = 0; w < c->words; w++) {
		u64 any = c->wanted[SEL_IN][w] | c->wanted[SEL_OUT][w] | c->wanted[SEL_EX][w];

		for (; any; any &= any - 1) {
			long got = select_one(ps, c, w * 64 + ctz64(any));

			if (got < 0)
				return got;
			ready += got;
			if (got)
				ps->ps_table.pt_queue = NULL;
		}
	}
	return ready;
}

/*
 * User sets have the size of n bits rounded up to words; bits beyond n do not
 * count.
 */
static int sets_copy_in(struct select_call *c, u64 __user *const user[SEL_SETS])
{
	for (int s = 0; s < SEL_SETS; s++) {
		if (!user[s])
			continue;
		if (copy_from_user(c->wanted[s], user[s], c->words * sizeof(u64)))
			return -EFAULT;
		if (c->n % 64)
			c->wanted[s][c->words - 1] &= BIT(c->n % 64) - 1;
	}
	return 0;
}

static int sets_copy_out(const struct select_call *c, u64 __user *const user[SEL_SETS])
{
	for (int s = 0; s < SEL_SETS; s++) {
		if (user[s] && copy_to_user(user[s], c->found[s], c->words * sizeof(u64)))
			return -EFAULT;
	}
	return 0;
}

static long do_select(int n, u64 __user *const user[SEL_SETS], nsec_t deadline)
{
	u64 small[2 * SEL_SETS * STACK_WORDS], *mem = small;
	struct select_call c;
	struct poll_set ps;
	size_t size;
	long ret;

	if (n < 0)
		return -EINVAL;
	/*
	 * Numbers beyond the table cannot be open: as Linux, do not even look.
	 */
	c.n = min((unsigned int)n, fdtable_size(current_proc()->p_fdt));
	c.words = BITS_TO_WORDS(c.n);
	size = 2 * SEL_SETS * c.words * sizeof(u64);
	if (size > sizeof(small)) {
		mem = kmalloc(size, ALLOC_WAIT);
		if (!mem)
			return -ENOMEM;
	}
	memset(mem, 0, size);
	for (unsigned int s = 0; s < SEL_SETS; s++) {
		c.wanted[s] = mem + 2 * s * c.words;
		c.found[s] = mem + (2 * s + 1) * c.words;
	}
	ret = sets_copy_in(&c, user);
	if (!ret) {
		poll_set_init(&ps);
		ret = poll_set_wait(&ps, select_scan, &c, deadline);
		poll_set_end(&ps);
		if (ret >= 0 && sets_copy_out(&c, user))
			ret = -EFAULT;
	}
	if (mem != small)
		kfree(mem);
	return ret;
}

long sys_select(int n, u64 __user *in, u64 __user *out, u64 __user *ex,
		struct timeval __user *timeout)
{
	u64 __user *const user[SEL_SETS] = { in, out, ex };
	nsec_t deadline = NSEC_NEVER;
	struct timeval tv;
	struct timespec ts;
	long ret;

	if (timeout) {
		if (copy_from_user(&tv, timeout, sizeof(tv)))
			return -EFAULT;
		/* Linux carries whole seconds over from tv_usec. */
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		ts = (struct timespec){ tv.tv_sec + tv.tv_usec / 1000000,
					tv.tv_usec % 1000000 * 1000 };
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline = poll_deadline(&ts);
	}
	ret = do_select(n, user, deadline);
	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	if (timeout) {
		ts = poll_time_left(deadline);
		tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
		if (copy_to_user(timeout, &tv, sizeof(tv)) && ret == -ERESTARTNOHAND)
			ret = -EINTR;
	}
	return ret;
}

long sys_pselect6(int n, u64 __user *in, u64 __user *out, u64 __user *ex,
		  struct timespec __user *timeout, const struct pselect_sigmask __user *umask)
{
	u64 __user *const user[SEL_SETS] = { in, out, ex };
	struct pselect_sigmask mask = { NULL, 0 };
	nsec_t deadline;
	long ret;

	if (umask && copy_from_user(&mask, umask, sizeof(mask)))
		return -EFAULT;
	ret = poll_get_timeout(timeout, &deadline);
	if (!ret)
		ret = signal_temp_mask(mask.ss, mask.ss_len);
	if (ret)
		return ret;
	ret = do_select(n, user, deadline);
	signal_temp_mask_done(ret == -EINTR);
	return poll_put_timeout(timeout, deadline, ret);
}
