/* SPDX-License-Identifier: MIT */
/*
 * Futexes, futex(2): sleep while a word of user memory has a value; wake who sleeps there.
 *
 * Waiters hang in hash buckets by key (futex_key.c). A waiter is on its thread's stack.
 *
 * Why no wake-up is lost. The waiter looks at the word and queues itself under the bucket's
 * lock. A waker changes the word first and then takes the same lock. If the waiter
 * has it first, the waker finds it queued; if the waker has it first, the change was
 * before that and the waiter sees the new value and does not sleep. The look under
 * the spin lock may not fault: if the page is not there, the lock is dropped, the
 * page is brought in, and everything starts again.
 *
 * Why the stack may hold it. A waker touches a waiter under the lock of the bucket that
 * fw_bucket names, wakes the thread, and clears fw_bucket last. The waiter leaves only when
 * it has seen NULL there, or has unlinked itself under that lock.
 *
 * Priority-inheriting operations are not there (-ENOSYS).
 *
 * Locks: bucket locks; two of them by address. Waiting sleeps; nothing here runs in
 * interrupts.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "ipc/deadline.h"
#include "ipc/futex.h"
#include "kernel/core/sched.h"
#include "kernel/lib/hash.h"
#include "mm/uaccess.h"

#define BUCKET_BITS	8

struct futex_bucket {
	struct spinlock fb_lock;
	struct list_head fb_waiters;		/* [fb_lock] oldest first */
} __aligned(64);

struct futex_waiter {
	struct list_head fw_link;		/* [bucket] */
	struct futex_bucket *fw_bucket;		/* [bucket] NULL: woken; see above */
	struct futex_key fw_key;		/* [bucket] requeue changes it */
	u32 fw_bits;				/* [I] */
	struct thread *fw_thread;		/* [I] */
};

static struct futex_bucket buckets[1 << BUCKET_BITS];

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
	return &buckets[hash_u64((u64)key->fk_space ^ (key->fk_where >> 2) * 31,
				 BUCKET_BITS)];
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->fk_where == b->fk_where && a->fk_space == b->fk_space;
}

static void lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		struct futex_bucket *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->fb_lock);
	if (a != b)
		spin_lock_nested(&b->fb_lock);
}

static void unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	spin_unlock(&a->fb_lock);
	if (a != b)
		spin_unlock(&b->fb_lock);
}

/* ---- waking ---------------------------------------------------------------- */

static void waiter_wake(struct futex_waiter *w)
{
	struct thread *t = w->fw_thread;

	KASSERT(lock_held(&w->fw_bucket->fb_lock));
	list_del(&w->fw_link);
	/*
	 * Before fw_bucket is cleared: as long as it is set the thread cannot
	 * leave, for it would need the lock that we hold.
	 */
	sched_wake(t, WAKE_ANY_SLEEP);
	smp_store_release(&w->fw_bucket, NULL);
}

static int wake_locked(struct futex_bucket *b, const struct futex_key *key,
		       unsigned int n, u32 bits)
{
	struct futex_waiter *w, *next;
	int woken = 0;

	list_for_each_entry_safe(w, next, &b->fb_waiters, fw_link) {
		if ((unsigned int)woken >= n)
			break;
		if (!key_equal(&w->fw_key, key) || !(w->fw_bits & bits))
			continue;
		waiter_wake(w);
		woken++;
	}
	return woken;
}

int futex_wake(u32 __user *addr, bool private, unsigned int n, u32 bits)
{
	struct futex_bucket *b;
	struct futex_key key;
	int err;

	if (!bits)
		return -EINVAL;
	err = futex_key_get(addr, private, &key);
	if (err)
		return err;
	b = bucket_of(&key);
	spin_lock(&b->fb_lock);
	err = wake_locked(b, &key, n, bits);
	spin_unlock(&b->fb_lock);
	futex_key_put(&key);
	return err;
}

/* ---- waiting --------------------------------------------------------------- */

/* Take w off its bucket unless it was woken. True: it was woken. */
static bool waiter_leave(struct futex_waiter *w)
{
	struct futex_bucket *b;

	while ((b = smp_load_acquire(&w->fw_bucket)) != NULL) {
		spin_lock(&b->fb_lock);
		/* A requeue may have moved it before we had the lock. */
		if (w->fw_bucket == b) {
			list_del(&w->fw_link);
			w->fw_bucket = NULL;
			spin_unlock(&b->fb_lock);
			return false;
		}
		spin_unlock(&b->fb_lock);
	}
	return true;
}

/*
 * Queue w if *addr == val. On success the state for sleeping is set and no lock
 * is held. -EAGAIN: another value; -EFAULT.
 */
static int waiter_queue(struct futex_waiter *w, const u32 __user *addr, u32 val)
{
	struct futex_bucket *b = bucket_of(&w->fw_key);
	u32 now;

	for (;;) {
		spin_lock(&b->fb_lock);
		if (likely(!get_user_u32_nofault(&now, addr)))
			break;
		spin_unlock(&b->fb_lock);
		if (get_user_u32(&now, addr))
			return -EFAULT;
	}
	if (now != val) {
		spin_unlock(&b->fb_lock);
		return -EAGAIN;
	}
	w->fw_bucket = b;
	list_add_tail(&w->fw_link, &b->fb_waiters);
	thread_prepare_sleep(true);
	spin_unlock(&b->fb_lock);
	return 0;
}

/* 0: woken, -EAGAIN: another value, -ETIMEDOUT, -ERESTARTSYS, -EFAULT, -EINVAL. */
static int futex_wait(u32 __user *addr, bool private, u32 val, u32 bits, nsec_t deadline)
{
	struct futex_waiter w = { .fw_bits = bits, .fw_thread = current };
	struct futex_key key;
	int err;

	if (!bits)
		return -EINVAL;
	err = futex_key_get(addr, private, &key);
	if (err)
		return err;
	for (;;) {
		w.fw_key = key;
		err = waiter_queue(&w, addr, val);
		if (err)
			break;
		err = thread_block_until(deadline);
		if (waiter_leave(&w)) {
			err = 0;
			break;
		}
		/* Neither woken nor over: say, a signal that another thread took. Look again. */
		if (err)
			break;
	}
	futex_key_put(&key);
	return err;
}

static long wait_again(u64 arg[4])
{
	u32 __user *addr = (u32 __user *)arg[0];
	bool private = arg[3] & 1;
	int err = futex_wait(addr, private, (u32)arg[1], (u32)(arg[1] >> 32), arg[2]);

	return err == -ERESTARTSYS ? signal_restart_block(wait_again, arg) : err;
}

/* A wait with a time-out goes on to the same deadline after a signal. */
static long wait_until(u32 __user *addr, bool private, u32 val, u32 bits, nsec_t deadline)
{
	u64 arg[4] = { (u64)addr, (u64)bits << 32 | val, deadline, private };

	if (deadline == NSEC_NEVER)
		return futex_wait(addr, private, val, bits, deadline);
	return wait_again(arg);
}

/* ---- two words ------------------------------------------------------------- */

static int user_op_compare(u32 op, s32 old, bool *matches)
{
	s32 arg = (s32)(op << 20) >> 20;

	switch (op >> 24 & 0xf) {
	case FUTEX_OP_CMP_EQ:
		*matches = old == arg;
		return 0;
	case FUTEX_OP_CMP_NE:
		*matches = old != arg;
		return 0;
	case FUTEX_OP_CMP_LT:
		*matches = old < arg;
		return 0;
	case FUTEX_OP_CMP_LE:
		*matches = old <= arg;
		return 0;
	case FUTEX_OP_CMP_GT:
		*matches = old > arg;
		return 0;
	case FUTEX_OP_CMP_GE:
		*matches = old >= arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

/* *addr2 = *addr2 op arg, atomically; whether its old value satisfies the comparison. */
static int user_op(u32 __user *addr, u32 op, bool *matches)
{
	unsigned int kind = op >> 28 & 7;
	s32 arg = (s32)(op << 8) >> 20;
	u32 old, seen, new;

	if (op >> 31)			/* FUTEX_OP_OPARG_SHIFT */
		arg = (s32)(1u << (arg & 31));
	if (get_user_u32(&seen, addr))
		return -EFAULT;
	do {
		old = seen;
		switch (kind) {
		case FUTEX_OP_SET:
			new = (u32)arg;
			break;
		case FUTEX_OP_ADD:
			new = old + (u32)arg;
			break;
		case FUTEX_OP_OR:
			new = old | (u32)arg;
			break;
		case FUTEX_OP_ANDN:
			new = old & ~(u32)arg;
			break;
		case FUTEX_OP_XOR:
			new = old ^ (u32)arg;
			break;
		default:
			return -ENOSYS;
		}
		if (user_cmpxchg_u32(addr, &seen, new))
			return -EFAULT;
	} while (seen != old);
	return user_op_compare(op, (s32)old, matches);
}

/*
 * FUTEX_WAKE_OP. The operation need not be under the bucket locks: it comes
 * before the walk, and that is all that the argument at the top asks for.
 */
static int wake_op(u32 __user *addr, u32 __user *addr2, bool private, unsigned int n,
		   unsigned int n2, u32 op)
{
	struct futex_bucket *b1, *b2;
	struct futex_key k1, k2;
	bool matches = false;
	int err;

	err = futex_key_get(addr, private, &k1);
	if (err)
		return err;
	err = futex_key_get(addr2, private, &k2);
	if (err)
		goto put_first;
	err = user_op(addr2, op, &matches);
	if (err)
		goto put_both;
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
	lock_two(b1, b2);
	err = wake_locked(b1, &k1, max(n, 1u), FUTEX_BITSET_MATCH_ANY);
	if (matches)
		err += wake_locked(b2, &k2, max(n2, 1u), FUTEX_BITSET_MATCH_ANY);
	unlock_two(b1, b2);
put_both:
	futex_key_put(&k2);
put_first:
	futex_key_put(&k1);
	return err;
}

/* Wake n of b1's waiters for k1 and move up to n2 more to k2; how many in all. */
static int requeue_locked(struct futex_bucket *b1, const struct futex_key *k1,
			  struct futex_bucket *b2, const struct futex_key *k2,
			  unsigned int n, unsigned int n2)
{
	struct futex_waiter *w, *next;
	unsigned int moved = 0;
	int woken = wake_locked(b1, k1, n, FUTEX_BITSET_MATCH_ANY);

	list_for_each_entry_safe(w, next, &b1->fb_waiters, fw_link) {
		if (moved >= n2)
			break;
		if (!key_equal(&w->fw_key, k1))
			continue;
		/*
		 * The waiter keeps (and puts) the reference of its first key's
		 * object; the caller of requeue maps the second, and a wake must
		 * map it, too, to find it.
		 */
		w->fw_key.fk_space = k2->fk_space;
		w->fw_key.fk_where = k2->fk_where;
		if (b1 != b2) {
			list_move_tail(&w->fw_link, &b2->fb_waiters);
			smp_store_release(&w->fw_bucket, b2);
		}
		moved++;
	}
	return woken + (int)moved;
}

/* FUTEX_REQUEUE (cmp NULL) and FUTEX_CMP_REQUEUE. */
static int requeue(u32 __user *addr, u32 __user *addr2, bool private, unsigned int n,
		   unsigned int n2, const u32 *cmp)
{
	struct futex_bucket *b1, *b2;
	struct futex_key k1, k2;
	u32 now;
	int err;

	if ((int)n < 0 || (int)n2 < 0)
		return -EINVAL;
	err = futex_key_get(addr, private, &k1);
	if (err)
		return err;
	err = futex_key_get(addr2, private, &k2);
	if (err)
		goto put_first;
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
	lock_two(b1, b2);
	while (cmp && get_user_u32_nofault(&now, addr)) {
		unlock_two(b1, b2);
		err = get_user_u32(&now, addr);
		if (err)
			goto put_both;
		lock_two(b1, b2);
	}
	if (cmp && now != *cmp)
		err = -EAGAIN;
	else
		err = requeue_locked(b1, &k1, b2, &k2, n, n2);
	unlock_two(b1, b2);
put_both:
	futex_key_put(&k2);
put_first:
	futex_key_put(&k1);
	return err;
}

/* ---- the system call ------------------------------------------------------- */

/* Deadline of a wait. FUTEX_WAIT has a span, FUTEX_WAIT_BITSET a time on its clock. */
static int wait_deadline(int cmd, bool realtime, const struct timespec __user *timeout,
			 nsec_t *deadline)
{
	struct timespec ts;
	nsec_t when, now;

	*deadline = NSEC_NEVER;
	if (!timeout)
		return 0;
	if (copy_from_user(&ts, timeout, sizeof(ts)))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	when = timespec_nsec(&ts);
	if (cmd == FUTEX_WAIT) {
		*deadline = deadline_after(when);
	} else if (!realtime || when == NSEC_NEVER) {
		*deadline = when;
	} else {
		/* A later settimeofday does not move the deadline. */
		now = clock_realtime();
		*deadline = when > now ? deadline_after(when - now) : 0;
	}
	return 0;
}

long sys_futex(u32 __user *addr, int op, u32 val, const struct timespec __user *timeout,
	       u32 __user *addr2, u32 val3)
{
	bool private = op & FUTEX_PRIVATE_FLAG, realtime = op & FUTEX_CLOCK_REALTIME;
	/* Operations without time-out have a number in its place. */
	unsigned int val2 = (unsigned int)(uintptr_t)timeout;
	int cmd = op & FUTEX_CMD_MASK, err;
	nsec_t deadline;

	if (realtime && cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET)
		return -ENOSYS;
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		err = wait_deadline(cmd, realtime, timeout, &deadline);
		if (err)
			return err;
		return wait_until(addr, private, val,
				  cmd == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : val3, deadline);
	case FUTEX_WAKE:
		/* Linux wakes one for a count of 0, too. */
		return futex_wake(addr, private, max(val, 1u), FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(addr, private, max(val, 1u), val3);
	case FUTEX_REQUEUE:
		return requeue(addr, addr2, private, val, val2, NULL);
	case FUTEX_CMP_REQUEUE:
		return requeue(addr, addr2, private, val, val2, &val3);
	case FUTEX_WAKE_OP:
		return wake_op(addr, addr2, private, val, val2, val3);
	default:
		return -ENOSYS;
	}
}

void futex_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_lock_init(&buckets[i].fb_lock, "futex", RANK_FUTEX);
		list_init(&buckets[i].fb_waiters);
	}
}
