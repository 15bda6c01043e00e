/* SPDX-License-Identifier: MIT */
/*
 * Pipes: a ring of pages between writers and readers. read(2) and write(2) come here
 * through pipe_fops; sys_pipe.c makes pipes, fifo.c opens named ones.
 *
 * The byte at position pos (p_tail <= pos < p_head) is at offset pos % PAGE_SIZE of the page in
 * slot (pos / PAGE_SIZE) % p_nslots. Pages come when a writer first needs them and go when the
 * reader has passed them; one is kept spare. Whenever the pipe runs empty both
 * positions go back to the start of their page, so a ping-pong of small messages lives
 * in one page for ever.
 *
 * Invariants:
 *  1. A page is never shared by the oldest and the newest byte of a ring that has
 *     wrapped: the room left counts from the start of the page of p_tail (pipe_room).
 *  2. Copies from and to user memory may fault and sleep, so they happen with p_lock
 *     dropped: by one reader (p_rd_busy), which owns [p_tail, p_head as it was), and
 *     one writer (p_wr_busy), which owns the room. The other end moves on meanwhile,
 *     positions of its own side only.
 *  3. A write of up to PIPE_BUF bytes becomes visible in one step.
 *  4. Blocked readers are woken when the pipe stops being empty, blocked writers when the room
 *     reaches PIPE_BUF: one of them. Whoever leaves bytes or room behind wakes
 *     the next one of his kind. So there is neither a herd nor a forgotten sleeper.
 *  5. p_tail <= p_head, p_head - round_down(p_tail) <= p_nslots pages.
 *  6. A page with more than one reference (splice.c put it in: it belongs to a file or to another
 *     pipe, too) is full: nobody will write to it, and it does not become the spare one.
 *
 * Locks: p_lock is a leaf but for wait queues. Everything here may sleep.
 */
#include <abi/poll.h>
#include <abi/termios.h>
#include <errno.h>
#include <kassert.h>
#include "fs/poll.h"
#include "fs/vnode.h"
#include "ipc/pipe_impl.h"
#include "ipc/signal.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

/* Writes up to this are copied in before the lock is taken: one pass through it. */
#define SMALL_WRITE	128

static struct slab_cache *pipe_cache;

static void page_free_virt(u8 *va)
{
	page_put(virt_to_page(va));
}

/* ---- the two wake-ups ------------------------------------------------------ */

void pipe_publish(struct pipe *p, size_t n)
{
	bool was_empty = p->p_head == p->p_tail;

	KASSERT(lock_held(&p->p_lock) && n <= pipe_room(p));
	if (n == 0)
		return;
	p->p_head += n;
	if (was_empty && !waitq_empty(&p->p_rdq))
		waitq_wake_one(&p->p_rdq, POLLIN | POLLRDNORM);
	if (!waitq_empty(&p->p_pollq))
		waitq_wake_all(&p->p_pollq, POLLIN | POLLRDNORM);
}

struct page *pipe_consume(struct pipe *p, size_t n)
{
	u64 page = round_down(p->p_tail, PAGE_SIZE);
	bool was_short = pipe_room(p) < PIPE_BUF;
	struct page *chain = NULL;

	KASSERT(lock_held(&p->p_lock) && n <= pipe_used(p));
	p->p_tail += n;
	for (; page + PAGE_SIZE <= p->p_tail; page += PAGE_SIZE) {
		u8 **slot = pipe_slot(p, page);
		struct page *pg = virt_to_page(*slot);

		/* Nobody else can come to know a page that is ours alone. */
		if (atomic_read(&pg->pg_ref) > 1) {
			page_put(pg);
		} else if (!p->p_spare) {
			p->p_spare = *slot;
		} else {
			pg->pg_next = chain;
			chain = pg;
		}
		*slot = NULL;
	}
	if (p->p_head == p->p_tail && !p->p_wr_busy)
		p->p_head = p->p_tail = page;
	if (was_short && pipe_room(p) >= PIPE_BUF && !waitq_empty(&p->p_wrq))
		waitq_wake_one(&p->p_wrq, POLLOUT | POLLWRNORM);
	if (!waitq_empty(&p->p_pollq))
		waitq_wake_all(&p->p_pollq, POLLOUT | POLLWRNORM);
	return chain;
}

void pipe_free_chain(struct page *pg)
{
	while (pg) {
		struct page *next = pg->pg_next;

		page_put(pg);
		pg = next;
	}
}

void pipe_busy_done(struct pipe *p, bool *busy)
{
	KASSERT(*busy);
	*busy = false;
	if (!waitq_empty(&p->p_busyq))
		waitq_wake_all(&p->p_busyq, 0);
}

/* ---- reading --------------------------------------------------------------- */

int pipe_reader_wait(struct pipe *p, bool nonblock)
{
	int err = 0;

	while (!err) {
		if (unlikely(p->p_rd_busy)) {
			/* Short, but for a page fault: even O_NONBLOCK waits. */
			err = waitq_sleep_killable(&p->p_busyq, &p->p_lock);
			continue;
		}
		if (likely(pipe_used(p)))
			return 1;
		if (!p->p_writers)
			return 0;
		if (nonblock)
			return -EAGAIN;
		err = waitq_sleep_exclusive(&p->p_rdq, &p->p_lock);
	}
	return err;
}

/* Copy len bytes from position pos on. p_rd_busy is ours, the lock dropped. */
static int copy_out(struct pipe *p, struct uio *u, u64 pos, size_t len)
{
	int err = 0;

	while (len && !err) {
		size_t off = pos & (PAGE_SIZE - 1);
		size_t n = min(len, PAGE_SIZE - off);

		err = uio_copy_out(u, *pipe_slot(p, pos) + off, n);
		pos += n;
		len -= n;
	}
	return err;
}

void pipe_reader_done(struct pipe *p)
{
	if ((pipe_used(p) || !p->p_writers) && !waitq_empty(&p->p_rdq))
		waitq_wake_one(&p->p_rdq, POLLIN | POLLRDNORM);
}

static ssize_t pipe_read(struct file *f, struct uio *u)
{
	struct pipe *p = f->f_data;
	size_t start = u->u_resid, before, len;
	struct page *chain;
	int err;

	if (!start)
		return 0;
	spin_lock(&p->p_lock);
	err = pipe_reader_wait(p, u->u_nonblock);
	while (err > 0) {
		/* Half a pipe at a time, so that a writer on another CPU can go on. */
		len = min(u->u_resid, pipe_used(p));
		len = min(len, (size_t)p->p_nslots * PAGE_SIZE / 2);
		before = u->u_resid;
		p->p_rd_busy = true;
		spin_unlock(&p->p_lock);
		err = copy_out(p, u, p->p_tail, len);
		spin_lock(&p->p_lock);
		pipe_busy_done(p, &p->p_rd_busy);
		chain = pipe_consume(p, before - u->u_resid);
		if (unlikely(chain)) {
			spin_unlock(&p->p_lock);
			pipe_free_chain(chain);
			spin_lock(&p->p_lock);
		}
		/* Take what is there, but do not wait for more, not even for another reader. */
		if (!err && u->u_resid && pipe_used(p) && !p->p_rd_busy)
			err = 1;
	}
	pipe_reader_done(p);
	spin_unlock(&p->p_lock);
	return start != u->u_resid ? (ssize_t)(start - u->u_resid) : err;
}

/* ---- writing --------------------------------------------------------------- */

int pipe_writer_wait(struct pipe *p, size_t need, bool nonblock)
{
	int err = 0;

	while (!err) {
		if (unlikely(!p->p_readers))
			return -EPIPE;
		if (unlikely(p->p_wr_busy)) {
			err = waitq_sleep_killable(&p->p_busyq, &p->p_lock);
			continue;
		}
		if (likely(pipe_room(p) >= need))
			return 0;
		if (nonblock)
			return -EAGAIN;
		err = waitq_sleep_exclusive(&p->p_wrq, &p->p_lock);
	}
	return err;
}

void pipe_writer_done(struct pipe *p)
{
	if ((pipe_room(p) >= PIPE_BUF || !p->p_readers) && !waitq_empty(&p->p_wrq))
		waitq_wake_one(&p->p_wrq, POLLOUT | POLLWRNORM);
}

u8 *pipe_page_at(struct pipe *p, u64 pos)
{
	u8 **slot = pipe_slot(p, pos), *va = *slot;
	struct page *pg;

	if (va)
		return va;
	spin_lock(&p->p_lock);
	va = p->p_spare;
	p->p_spare = NULL;
	spin_unlock(&p->p_lock);
	if (!va) {
		pg = page_alloc(0, ALLOC_WAIT);
		if (!pg)
			return NULL;
		va = page_to_virt(pg);
	}
	*slot = va;
	return va;
}

/* Copy len bytes to position pos on. As much as went well is counted in u. */
static int copy_in(struct pipe *p, struct uio *u, u64 pos, size_t len)
{
	int err = 0;

	while (len && !err) {
		size_t off = pos & (PAGE_SIZE - 1);
		size_t n = min(len, PAGE_SIZE - off);
		u8 *va = pipe_page_at(p, pos);

		err = va ? uio_copy_in(u, va + off, n) : -ENOMEM;
		pos += n;
		len -= n;
	}
	return err;
}

/* Put n <= SMALL_WRITE bytes into the pages that are there; false: some are not. */
static bool put_small(struct pipe *p, const u8 *buf, size_t n)
{
	u64 pos = p->p_head;
	size_t off = pos & (PAGE_SIZE - 1);
	size_t first = min(n, PAGE_SIZE - off);
	u8 **slot = pipe_slot(p, pos);

	if (!*slot) {
		*slot = p->p_spare;
		p->p_spare = NULL;
	}
	if (unlikely(!*slot || (first < n && !*pipe_slot(p, pos + first))))
		return false;
	memcpy(*slot + off, buf, first);
	if (unlikely(first < n))
		memcpy(*pipe_slot(p, pos + first), buf + first, n - first);
	pipe_publish(p, n);
	return true;
}

/*
 * A reader may have emptied the pipe while a copy was under way that then failed: it has left the
 * positions alone (consume), and a ring of one page would never have room for PIPE_BUF again.
 */
void pipe_rewind_if_empty(struct pipe *p)
{
	if (p->p_head != p->p_tail)
		return;
	p->p_head = p->p_tail = round_down(p->p_tail, PAGE_SIZE);
	waitq_wake_all(&p->p_pollq, POLLOUT | POLLWRNORM);
}

int pipe_write_some(struct pipe *p, struct uio *u, size_t need, size_t most)
{
	size_t before = u->u_resid, len;
	int err = pipe_writer_wait(p, need, u->u_nonblock);

	if (err)
		return err;
	len = min(min(u->u_resid, pipe_room(p)), most);
	p->p_wr_busy = true;
	spin_unlock(&p->p_lock);
	err = copy_in(p, u, p->p_head, len);
	spin_lock(&p->p_lock);
	pipe_busy_done(p, &p->p_wr_busy);
	pipe_publish(p, before - u->u_resid);
	if (unlikely(err))
		pipe_rewind_if_empty(p);
	return err;
}

/*
 * The rest of u, in portions as room comes. A write of up to PIPE_BUF bytes waits for
 * room for all of it. p_lock is held on entry and exit.
 */
static int write_bulk(struct pipe *p, struct uio *u)
{
	size_t need = u->u_resid <= PIPE_BUF ? u->u_resid : 1;
	int err = 0;

	while (u->u_resid && !err)
		err = pipe_write_some(p, u, need, need > 1 ? u->u_resid :
				      (size_t)p->p_nslots * PAGE_SIZE / 2);
	return err;
}

static ssize_t pipe_write(struct file *f, struct uio *u)
{
	struct pipe *p = f->f_data;
	size_t n = u->u_resid;
	u8 small[SMALL_WRITE];
	struct uio from_small;
	int err = 0;

	if (!n)
		return 0;
	if (n <= SMALL_WRITE) {
		/* Without readers it is EPIPE, however bad the address. */
		if (uio_copy_in(u, small, n) && READ_ONCE(p->p_readers))
			return -EFAULT;
		spin_lock(&p->p_lock);
		err = pipe_writer_wait(p, n, u->u_nonblock);
		if (likely(!err && put_small(p, small, n))) {
			pipe_writer_done(p);
			spin_unlock(&p->p_lock);
			return (ssize_t)n;
		}
		uio_init_kernel(&from_small, small, n, 0);
		from_small.u_nonblock = u->u_nonblock;
		u = &from_small;
	} else {
		spin_lock(&p->p_lock);
	}
	if (!err)
		err = write_bulk(p, u);
	pipe_writer_done(p);
	spin_unlock(&p->p_lock);
	if (err == -EPIPE)
		signal_self(SIGPIPE);
	return n != u->u_resid ? (ssize_t)(n - u->u_resid) : err;
}

/* ---- the rest of file_ops -------------------------------------------------- */

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->f_data;
	u32 mask = 0;

	spin_lock(&p->p_lock);
	poll_wait(pt, f, &p->p_pollq);
	if (f->f_mode & FMODE_READ) {
		if (pipe_used(p))
			mask |= POLLIN | POLLRDNORM;
		/* No hang-up before the first writer: f_pos is p_wcount at open time. */
		if (!p->p_writers && (u32)f->f_pos != p->p_wcount)
			mask |= POLLHUP;
	}
	if (f->f_mode & FMODE_WRITE) {
		if (pipe_room(p) >= PIPE_BUF)
			mask |= POLLOUT | POLLWRNORM;
		if (!p->p_readers)
			mask |= POLLERR;
	}
	spin_unlock(&p->p_lock);
	return mask;
}

static void pipe_release(struct file *f)
{
	pipe_close_end(f->f_data, f->f_mode);
}

void pipe_open_end(struct pipe *p, u32 mode)
{
	KASSERT(lock_held(&p->p_lock));
	if (mode & FMODE_READ) {
		p->p_readers++;
		p->p_rcount++;
	}
	if (mode & FMODE_WRITE) {
		p->p_writers++;
		p->p_wcount++;
	}
}

/* Forget contents and pages. */
static void pipe_drain(struct pipe *p)
{
	KASSERT(!p->p_rd_busy && !p->p_wr_busy);
	for (u32 i = 0; i < p->p_nslots; i++) {
		if (p->p_slots[i])
			page_free_virt(p->p_slots[i]);
		p->p_slots[i] = NULL;
	}
	if (p->p_spare)
		page_free_virt(p->p_spare);
	p->p_spare = NULL;
	p->p_head = p->p_tail = 0;
}

void pipe_close_end(struct pipe *p, u32 mode)
{
	bool last;

	spin_lock(&p->p_lock);
	if (mode & FMODE_READ) {
		KASSERT(p->p_readers > 0);
		p->p_readers--;
	}
	if (mode & FMODE_WRITE) {
		KASSERT(p->p_writers > 0);
		p->p_writers--;
	}
	last = !p->p_readers && !p->p_writers;
	if (last && p->p_fifo)
		pipe_drain(p);
	if (!p->p_readers || !p->p_writers) {
		waitq_wake_all(&p->p_rdq, POLLIN | POLLHUP);
		waitq_wake_all(&p->p_wrq, POLLOUT | POLLERR);
		waitq_wake_all(&p->p_pollq, POLLIN | POLLOUT | POLLHUP | POLLERR);
	}
	spin_unlock(&p->p_lock);
	if (last && !p->p_fifo)
		pipe_free(p);
}

int pipe_alloc(bool fifo, struct pipe **out)
{
	struct pipe *p = slab_alloc(pipe_cache, ALLOC_WAIT | ALLOC_ZERO);

	if (!p)
		return -ENOMEM;
	spin_lock_init(&p->p_lock, "pipe", RANK_PIPE);
	p->p_slots = p->p_inline;
	p->p_nslots = PIPE_DEF_SLOTS;
	p->p_fifo = fifo;
	waitq_init(&p->p_rdq);
	waitq_init(&p->p_wrq);
	waitq_init(&p->p_busyq);
	waitq_init(&p->p_openq);
	waitq_init(&p->p_pollq);
	*out = p;
	return 0;
}

void pipe_free(struct pipe *p)
{
	KASSERT(!p->p_readers && !p->p_writers);
	pipe_drain(p);
	if (p->p_slots != p->p_inline)
		kfree(p->p_slots);
	slab_free(pipe_cache, p);
}

/* ---- size ------------------------------------------------------------------ */

/* Move the contents to a ring of nslots; slots is its (zeroed) table, *old gets the old one. */
static int resize(struct pipe *p, u8 **slots, u32 nslots, u8 ***old)
{
	int err = 0;
	u64 page;

	KASSERT(lock_held(&p->p_lock));
	while ((p->p_rd_busy || p->p_wr_busy) && !err)
		err = waitq_sleep_killable(&p->p_busyq, &p->p_lock);
	if (err)
		return err;
	page = round_down(p->p_tail, PAGE_SIZE);
	if (p->p_head - page > (u64)nslots * PAGE_SIZE)
		return -EBUSY;
	for (u64 n = 0; n < p->p_nslots; n++) {
		u8 *va = *pipe_slot(p, page + n * PAGE_SIZE);

		if (n < nslots)
			slots[((page >> PAGE_SHIFT) + n) & (nslots - 1)] = va;
		else if (va)	/* left by a write that failed before its first byte */
			page_free_virt(va);
	}
	*old = p->p_slots;
	p->p_slots = slots;
	p->p_nslots = nslots;
	waitq_wake_all(&p->p_wrq, POLLOUT | POLLWRNORM);
	waitq_wake_all(&p->p_pollq, POLLOUT | POLLWRNORM);
	return 0;
}

static long pipe_set_size(struct pipe *p, unsigned long size)
{
	u8 **slots, **old = NULL;
	u32 nslots;
	int err;

	if (size == 0 || size > 1u << 31)
		return -EINVAL;
	nslots = 1;
	while ((u64)nslots * PAGE_SIZE < size)
		nslots *= 2;
	if ((u64)nslots * PAGE_SIZE > PIPE_MAX_SIZE && !cred_privileged(cred_current()))
		return -EPERM;
	slots = kzalloc(nslots * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	spin_lock(&p->p_lock);
	err = resize(p, slots, nslots, &old);
	spin_unlock(&p->p_lock);
	if (err)
		kfree(slots);
	else if (old != p->p_inline)
		kfree(old);
	return err ? err : (long)nslots * (long)PAGE_SIZE;
}

/* FIONREAD; and fcntl(2) hands its two commands on as they are. */
static long pipe_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct pipe *p = f->f_data;
	u32 used;

	switch (cmd) {
	case FIONREAD:
		spin_lock(&p->p_lock);
		used = (u32)pipe_used(p);
		spin_unlock(&p->p_lock);
		return put_user_u32((void __user *)arg, used);
	case F_SETPIPE_SZ:
		return pipe_set_size(p, arg);
	case F_GETPIPE_SZ:
		return (long)READ_ONCE(p->p_nslots) * (long)PAGE_SIZE;
	default:
		return -ENOTTY;
	}
}

void pipe_init(void)
{
	pipe_cache = slab_create("pipe", sizeof(struct pipe), 64);
	pipe_reopen_hook = pipe_reopen;
}

const struct file_ops pipe_fops = {
	.fo_read = pipe_read,
	.fo_write = pipe_write,
	.fo_ioctl = pipe_ioctl,
	.fo_poll = pipe_poll,
	.fo_release = pipe_release,
};
