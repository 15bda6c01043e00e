/* SPDX-License-Identifier: MIT */
/*
 * Random numbers: ChaCha20 as a generator with fast key erasure. Behind getrandom(2),
 * /dev/random and /dev/urandom, AT_RANDOM and address randomisation.
 *
 * State is a 256-bit key. Each use runs one block under that key: one half
 * replaces the key, so what was given out before cannot be computed from memory
 * afterwards; the other half is the key of a private stream. Small requests (exec
 * makes several) share a block of such a stream per CPU, and erase what they take.
 *
 * Seeding: RDRAND where the CPU has it, the TSC, the clock and the count of
 * interrupts; stirred in at start and again after RESEED_NSEC or RESEED_REQUESTS.
 * There is no waiting for entropy: without RDRAND the numbers of the first moments are
 * only as good as the timing of the boot (docs/limits.md).
 *
 * Locks: random_lock, a leaf, interrupts off.
 */
#include <abi/random.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/init.h"
#include "drivers/random.h"
#include "fs/uio.h"
#include "ipc/signal.h"
#include "kernel/core/irq.h"
#include "kernel/core/sched.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/timer.h"
#include "kernel/lib/chacha20.h"
#include "kernel/lib/string.h"
#include "kernel/x86/cpu.h"

#define RESEED_NSEC	(60 * NSEC_PER_SEC)
#define RESEED_REQUESTS	65536
#define CHUNK		256
#define RANDOM_SMALL	16		/* bytes; larger requests get a stream of their own */

struct random_block {
	u8 rb_bytes[CHACHA20_BLOCK_BYTES];
	u32 rb_left;			/* not yet handed out, at the end */
};

static struct spinlock random_lock = SPINLOCK_INIT("random", RANK_LEAF);
static u8 random_key[CHACHA20_KEY_BYTES];	/* [random_lock] */
static u32 random_count;			/* [random_lock] requests since the last seed */
static nsec_t random_seeded;			/* [random_lock] */
static DEFINE_PERCPU(struct random_block, random_blocks);	/* own CPU, interrupts off */

/* One block under the key: half of it becomes the key, half is for out. */
static void next_half(u8 out[CHACHA20_KEY_BYTES], const u32 nonce[3])
{
	u8 block[CHACHA20_BLOCK_BYTES];
	struct chacha20 c;

	KASSERT(lock_held(&random_lock));
	chacha20_init(&c, random_key, nonce, 0);
	chacha20_block(&c, block);
	memcpy(random_key, block, sizeof(random_key));
	memcpy(out, block + sizeof(random_key), CHACHA20_KEY_BYTES);
}

/* Fold data into the key: xor, and one block to spread it. */
static void mix_locked(const u8 *data, size_t n)
{
	u8 unused[CHACHA20_KEY_BYTES];

	while (n) {
		size_t part = min(n, sizeof(random_key));

		for (size_t i = 0; i < part; i++)
			random_key[i] ^= data[i];
		next_half(unused, NULL);
		data += part;
		n -= part;
	}
}

static void reseed(void)
{
	u64 seed[8];

	seed[0] = rdtsc();
	seed[1] = clock_monotonic();
	seed[2] = irq_total();
	seed[3] = (u64)seed;
	for (int i = 4; i < 8; i++)
		if (!cpu_features.rdrand || !cpu_rdrand(&seed[i]))
			seed[i] = rdtsc();
	mix_locked((const u8 *)seed, sizeof(seed));
	random_seeded = seed[1];
	random_count = 0;
}

/* 32 fresh bytes. */
static void random_half(u8 out[CHACHA20_KEY_BYTES])
{
	irqflags_t f = spin_lock_irqsave(&random_lock);
	u64 tsc = rdtsc();
	u32 nonce[3] = { (u32)tsc, (u32)(tsc >> 32), cpu_id() };

	if (unlikely(++random_count >= RESEED_REQUESTS ||
		     (!(random_count & 63) &&
		      clock_monotonic() - random_seeded > RESEED_NSEC)))
		reseed();
	next_half(out, nonce);
	spin_unlock_irqrestore(&random_lock, f);
}

static void stream_fill(struct chacha20 *c, u8 *buf, size_t n)
{
	u8 block[CHACHA20_BLOCK_BYTES];

	while (n) {
		size_t part = min(n, sizeof(block));

		chacha20_block(c, block);
		memcpy(buf, block, part);
		buf += part;
		n -= part;
	}
}

static void stream_start(struct chacha20 *c)
{
	u8 key[CHACHA20_KEY_BYTES];

	random_half(key);
	chacha20_init(c, key, NULL, 0);
}

/* From this CPU's block. Interrupts are off, as their handlers may ask, too. */
static void random_small(void *buf, size_t n)
{
	irqflags_t f = irq_save();
	struct random_block *rb = this_cpu_ptr(random_blocks);
	u8 *from;

	if (rb->rb_left < n) {
		struct chacha20 c;

		stream_start(&c);
		chacha20_block(&c, rb->rb_bytes);
		rb->rb_left = sizeof(rb->rb_bytes);
	}
	from = rb->rb_bytes + sizeof(rb->rb_bytes) - rb->rb_left;
	memcpy(buf, from, n);
	memset(from, 0, n);
	rb->rb_left -= (u32)n;
	irq_restore(f);
}

void random_bytes(void *buf, size_t n)
{
	struct chacha20 c;

	if (n <= RANDOM_SMALL) {
		random_small(buf, n);
		return;
	}
	stream_start(&c);
	stream_fill(&c, buf, n);
}

/* Stir something in that an adversary may know or not; it cannot make things worse. */
static void random_mix(const void *data, size_t n)
{
	irqflags_t f = spin_lock_irqsave(&random_lock);

	mix_locked(data, n);
	spin_unlock_irqrestore(&random_lock, f);
}

ssize_t random_read(struct uio *u)
{
	size_t start = u->u_resid;
	u8 buf[CHUNK];
	struct chacha20 c;
	int err = 0;

	if (start <= sizeof(buf)) {
		random_bytes(buf, start);
		err = uio_copy_out(u, buf, start);
		return err ? err : (ssize_t)start;
	}
	stream_start(&c);
	while (u->u_resid && !err) {
		size_t n = min(u->u_resid, sizeof(buf));

		stream_fill(&c, buf, n);
		err = uio_copy_out(u, buf, n);
		sched_relax();
		if (!err && signal_pending_current())
			err = -ERESTARTSYS;
	}
	return start != u->u_resid ? (ssize_t)(start - u->u_resid) : err;
}

ssize_t random_write(struct uio *u)
{
	size_t start = u->u_resid;
	u8 buf[CHUNK];
	int err = 0;

	while (u->u_resid && !err) {
		size_t n = min(u->u_resid, sizeof(buf));

		err = uio_copy_in(u, buf, n);
		if (!err)
			random_mix(buf, n);
		sched_relax();
	}
	return start != u->u_resid ? (ssize_t)(start - u->u_resid) : err;
}

long sys_getrandom(void __user *buf, size_t len, unsigned int flags)
{
	struct uio u;

	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
	    (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if (!len)
		return 0;
	uio_init(&u, (void *)buf, min(len, (size_t)0x7ffff000), 0);
	return random_read(&u);
}

void random_init(void)
{
	irqflags_t f = spin_lock_irqsave(&random_lock);

	reseed();
	spin_unlock_irqrestore(&random_lock, f);
}
