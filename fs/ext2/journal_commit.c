/* SPDX-License-Identifier: MIT */
/*
 * Commit and checkpoint.
 *
 * A commit: (1) shut out handles; (2) the file system brings its buffers up to
 * date; (3) copy revoke records, descriptors and blocks into buffers of the
 * log; (4) let handles in, to the next transaction; (5) write the data that
 * belongs to this one, and the log; (6) flush, then the commit block, then
 * flush; (7) the blocks may be written home.
 *
 * Step 6 is what recovery trusts: a commit block on disk means that everything
 * before it is there. A checkpoint writes blocks home, flushes, and only then
 * says in the journal's super block that the log begins later; that is on disk
 * before the space is used again.
 *
 * Threads that want the same transaction on disk wait for j_commit_lock; the
 * first one commits for all who came in meanwhile.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/bufcache.h"
#include "fs/ext2/journal_impl.h"
#include "kernel/core/timer.h"
#include "kernel/lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

#define HOME_BATCH	64

/* A commit under way. */
struct commit {
	struct journal *c_j;
	struct jtrans *c_t;
	u32 c_at;			/* next block of the log */
	u32 c_nbufs;			/* of j_logbufs */
	int c_err;
};

static void set_header(void *p, u32 type, u32 tid)
{
	struct jbd_header *h = p;

	h->jb_magic = bswap32(JBD_MAGIC);
	h->jb_type = bswap32(type);
	h->jb_tid = bswap32(tid);
}

/* Write the spare page to a block of the log, and wait. */
static int write_spare(struct journal *j, u32 at)
{
	return blk_rw_page(j->j_dev, BIO_WRITE, 0,
			   (u64)j->j_map[at] * (j->j_size >> SECTOR_SHIFT),
			   j->j_spare, 0, j->j_size);
}

/*
 * Append a block to the log. It goes out with the others, or at once where there
 * is no memory for a buffer: a commit that has begun does not fail for that.
 */
static void log_add(struct commit *c, const void *data, bool escape)
{
	struct journal *j = c->c_j;
	struct buf *b;
	u8 *to = page_to_virt(j->j_spare);
	bool got = buf_get(j->j_dev, j->j_map[c->c_at], j->j_size, &b) == 0;

	KASSERT(c->c_nbufs < j->j_max);
	if (got)
		to = b->b_data;
	memcpy(to, data, j->j_size);
	if (escape)
		memset(to, 0, 4);
	if (got) {
		j->j_logbufs[c->c_nbufs++] = b;
		buf_dirty(b);
	} else {
		int err = write_spare(j, c->c_at);

		c->c_err = c->c_err ? c->c_err : err;
	}
	c->c_at = journal_ring_next(j, c->c_at, 1);
	c->c_t->t_blocks++;
}

/* work is a block's worth of memory. */
static void log_revokes(struct commit *c, u8 *work)
{
	struct journal *j = c->c_j;
	struct jbd_revoke *r = (struct jbd_revoke *)work;
	u32 at = sizeof(*r);

	for (struct revoke_chunk *rc = c->c_t->t_revokes; rc; rc = rc->rc_next) {
		for (u32 i = 0; i < rc->rc_n; i++) {
			store_be32(work + at, rc->rc_block[i]);
			at += 4;
			if (at + 4 > j->j_size || (i + 1 == rc->rc_n && !rc->rc_next)) {
				set_header(r, JBD_REVOKE, c->c_t->t_tid);
				r->jr_bytes = bswap32(at);
				log_add(c, work, false);
				memset(work, 0, j->j_size);
				at = sizeof(*r);
			}
		}
	}
}

static bool needs_escape(const struct buf *b)
{
	return load_be32(b->b_data) == JBD_MAGIC;
}

/* The next buffer at or after jh that is to be logged; NULL: none. */
static struct jhead *next_logged(struct jtrans *t, struct jhead *jh)
{
	while (list_link(jh, jh_commit) != &t->t_bufs && jh->jh_forget_commit)
		jh = list_next_entry(jh, jh_commit);
	return list_link(jh, jh_commit) == &t->t_bufs ? NULL : jh;
}

/* A descriptor and the blocks that it lists, from jh on. Returns where to go on. */
static struct jhead *log_group(struct commit *c, struct jhead *jh, u8 *work)
{
	struct journal *j = c->c_j;
	struct jhead *first = jh, *end;
	u32 at = sizeof(struct jbd_header);
	struct jbd_tag *tag = NULL;

	memset(work, 0, j->j_size);
	set_header(work, JBD_DESCRIPTOR, c->c_t->t_tid);
	while (jh && at + TAG_BYTES + (tag ? 0 : UUID_BYTES) <= j->j_size) {
		u16 flags = tag ? TAG_SAME_UUID : 0;

		if (needs_escape(jh->jh_buf))
			flags |= TAG_ESCAPED;
		tag = (struct jbd_tag *)(work + at);
		tag->jt_block = bswap32((u32)jh->jh_buf->b_blockno);
		tag->jt_flags = bswap16(flags);
		at += TAG_BYTES;
		if (!(flags & TAG_SAME_UUID)) {
			memcpy(work + at, j->j_sb->b_data + offsetof(struct jbd_super, js_uuid),
			       UUID_BYTES);
			at += UUID_BYTES;
		}
		jh = next_logged(c->c_t, list_next_entry(jh, jh_commit));
	}
	KASSERT(tag);
	tag->jt_flags |= bswap16(TAG_LAST);
	log_add(c, work, false);
	end = jh;
	for (jh = first; jh != end; jh = next_logged(c->c_t, list_next_entry(jh, jh_commit)))
		log_add(c, jh->jh_buf->b_data, needs_escape(jh->jh_buf));
	return end;
}

/*
 * The running transaction ends, next is the new one. Handles are shut out.
 * Buffers go from jh_running to jh_commit.
 */
static struct jtrans *switch_running(struct journal *j, struct jtrans *next)
{
	struct jtrans *t = j->j_running;
	struct list_head bufs = LIST_HEAD_INIT(bufs);

	KASSERT(rwlock_write_held(&j->j_barrier));
	spin_lock(&j->j_lock);
	KASSERT(t->t_credits == 0);
	next->t_tid = t->t_tid + 1;
	j->j_running = next;
	list_splice(&t->t_bufs, &bufs);
	while (!list_empty(&bufs)) {
		struct jhead *jh = list_first_entry(&bufs, struct jhead, jh_running);

		list_del(&jh->jh_running);
		KASSERT(list_empty(&jh->jh_commit));
		list_add_tail(&jh->jh_commit, &t->t_bufs);
		jh->jh_forget_commit = jh->jh_forget;
		jh->jh_forget = false;
	}
	spin_unlock(&j->j_lock);
	return t;
}

/* Copy all of t into buffers of the log. */
static void log_all(struct commit *c, u8 *work)
{
	struct jtrans *t = c->c_t;
	struct jhead *jh;

	t->t_start = c->c_at;
	memset(work, 0, c->c_j->j_size);
	log_revokes(c, work);
	jh = next_logged(t, list_first_entry(&t->t_bufs, struct jhead, jh_commit));
	while (jh)
		jh = log_group(c, jh, work);
}

/* Steps 5 and 6. */
static int write_out(struct commit *c)
{
	struct journal *j = c->c_j;
	u32 home = j->j_map[c->c_at];
	struct page *pg = j->j_spare;
	struct buf *b = NULL;
	nsec_t now = clock_realtime();
	u8 *block;
	int err;

	j->j_ops->jo_data(j->j_fs);
	err = buf_write_many(j->j_logbufs, c->c_nbufs);
	while (c->c_nbufs)
		buf_put(j->j_logbufs[--c->c_nbufs]);
	err = err ? err : c->c_err;
	if (err)
		return err;
	/* In the buffer, so that the device's pages agree with the disk; or without one. */
	if (buf_get(j->j_dev, home, j->j_size, &b) == 0)
		pg = b->b_page;
	block = b ? b->b_data : page_to_virt(pg);
	/* Checksum fields are zero: none. Then the time, which nobody needs. */
	memset(block, 0, j->j_size);
	set_header(block, JBD_COMMIT, c->c_t->t_tid);
	store_be64(block + 48, now / NSEC_PER_SEC);
	store_be32(block + 56, (u32)(now % NSEC_PER_SEC));
	c->c_t->t_blocks++;
	err = blk_rw_page(j->j_dev, BIO_WRITE, BIO_PREFLUSH | BIO_FUA,
			  (u64)home * (j->j_size >> SECTOR_SHIFT), pg,
			  (u32)(block - (u8 *)page_to_virt(pg)), j->j_size);
	if (b)
		buf_put(b);
	return err;
}

/* t is on disk: its blocks may go home, those that it freed are forgotten. */
static void release_bufs(struct journal *j, struct jtrans *t)
{
	struct list_head done = LIST_HEAD_INIT(done);

	spin_lock(&j->j_lock);
	list_splice(&t->t_bufs, &done);
	while (!list_empty(&done)) {
		struct jhead *jh = list_first_entry(&done, struct jhead, jh_commit);
		struct buf *b = jh->jh_buf;

		list_del(&jh->jh_commit);
		list_del(&jh->jh_home);
		if (!jh->jh_forget_commit) {
			if (list_empty(&jh->jh_running)) {
				buf_unpin(b);
				buf_dirty(b);
			}
			list_add_tail(&jh->jh_home, &t->t_bufs);
			continue;
		}
		KASSERT(list_empty(&jh->jh_running));
		b->b_journal = NULL;
		spin_unlock(&j->j_lock);
		buf_forget(j->j_dev, b->b_blockno, j->j_size);
		jhead_free(jh);
		spin_lock(&j->j_lock);
	}
	if (t->t_blocks)
		list_add_tail(&t->t_link, &j->j_checkpoint);
	j->j_free -= t->t_blocks;
	spin_unlock(&j->j_lock);
}

static void commit_end(struct commit *c, int err)
{
	struct journal *j = c->c_j;

	if (err) {
		j->j_failed = c->c_t;
		journal_abort(j, err);
		j->j_ops->jo_committed(j->j_fs, true);
		return;
	}
	release_bufs(j, c->c_t);
	journal_free_revokes(c->c_t);
	j->j_head = journal_ring_next(j, c->c_at, 1);
	WRITE_ONCE(j->j_committed, c->c_t->t_tid);
	j->j_ops->jo_committed(j->j_fs, false);
}

/*
 * jh's block is at home, and no running transaction has it, nor one that could not be
 * committed. j_lock held.
 */
static bool at_home(const struct jhead *jh)
{
	return list_empty(&jh->jh_running) && list_empty(&jh->jh_commit) &&
	       !(READ_ONCE(jh->jh_buf->b_state) & (BUF_DIRTY | BUF_BUSY | BUF_ERROR));
}

/* The journal is through with jh. j_lock held. */
static void drop_home(struct jhead *jh)
{
	list_del(&jh->jh_home);
	jh->jh_buf->b_journal = NULL;
	jhead_free(jh);
}

void journal_sweep(struct journal *j)
{
	struct jtrans *t, *next;
	struct jhead *jh, *tmp;

	KASSERT(mutex_held(&j->j_commit_lock));
	spin_lock(&j->j_lock);
	list_for_each_entry_safe(t, next, &j->j_checkpoint, t_link) {
		list_for_each_entry_safe(jh, tmp, &t->t_bufs, jh_home) {
			if (at_home(jh))
				drop_home(jh);
		}
		if (!list_empty(&t->t_bufs))
			break;
		list_del(&t->t_link);
		j->j_stale += t->t_blocks;
		journal_trans_free(t);
	}
	spin_unlock(&j->j_lock);
}

int journal_commit_running(struct journal *j)
{
	struct commit c = { .c_j = j, .c_at = j->j_head };
	struct jtrans *next;
	u8 *work;
	int err;

	KASSERT(mutex_held(&j->j_commit_lock));
	if (j->j_error)
		return j->j_error;
	next = journal_trans_alloc();
	work = kmalloc(j->j_size, ALLOC_WAIT);
	if (!next || !work) {
		kfree(next);
		kfree(work);
		return -ENOMEM;
	}
	rwlock_write(&j->j_barrier);
	if (list_empty(&j->j_running->t_bufs) && !j->j_running->t_nrevokes) {
		rwlock_write_unlock(&j->j_barrier);
		journal_trans_free(next);
		kfree(work);
		return 0;
	}
	j->j_ops->jo_freeze(j->j_fs);
	c.c_t = switch_running(j, next);
	log_all(&c, work);
	rwlock_write_unlock(&j->j_barrier);
	kfree(work);
	err = write_out(&c);
	commit_end(&c, err);
	journal_sweep(j);
	return err;
}

/* ---- checkpoint ----------------------------------------------------------- */

int journal_write_super(struct journal *j, u32 start, u32 tid)
{
	struct jbd_super *js = (struct jbd_super *)j->j_sb->b_data;
	int err;

	js->js_start = bswap32(start);
	js->js_tid = bswap32(tid);
	js->js_errno = (s32)bswap32((u32)j->j_error);
	buf_dirty(j->j_sb);
	err = buf_write(j->j_sb);
	return err ? err : blk_flush(j->j_dev);
}

/*
 * A batch of t's buffers that are not at home yet, referenced. Those that are
 * leave the list. *busy: some belong to the running transaction again.
 */
static u32 home_batch(struct journal *j, struct jtrans *t, struct buf **out, bool *busy)
{
	struct jhead *jh, *tmp;
	u32 n = 0;

	*busy = false;
	spin_lock(&j->j_lock);
	list_for_each_entry_safe(jh, tmp, &t->t_bufs, jh_home) {
		if (at_home(jh)) {
			drop_home(jh);
		} else if (!list_empty(&jh->jh_running)) {
			*busy = true;
		} else {
			buf_hold(jh->jh_buf);
			out[n++] = jh->jh_buf;
			if (n == HOME_BATCH)
				break;
		}
	}
	spin_unlock(&j->j_lock);
	return n;
}

/* All of t's blocks at home. It is the oldest. */
static int write_home(struct journal *j, struct jtrans *t)
{
	struct buf *bufs[HOME_BATCH];

	while (!list_empty(&t->t_bufs) && !j->j_error) {
		bool busy;
		u32 n = home_batch(j, t, bufs, &busy);
		int err = 0;

		if (n) {
			err = buf_write_many(bufs, n);
			while (n)
				buf_put(bufs[--n]);
		} else if (busy) {
			err = journal_commit_running(j);
		}
		if (err)
			return err;
	}
	return j->j_error;
}

/* The log begins with the oldest transaction that is not at home. */
static int advance_tail(struct journal *j)
{
	struct jtrans *t = list_first_entry_or_null(&j->j_checkpoint, struct jtrans, t_link);
	int err = blk_flush(j->j_dev);

	if (err)
		return err;
	if (t)
		return journal_write_super(j, t->t_start, t->t_tid);
	return journal_write_super(j, j->j_head, j->j_committed + 1);
}

int journal_checkpoint(struct journal *j, u32 want)
{
	int err = 0, tail_err = 0;

	KASSERT(mutex_held(&j->j_commit_lock));
	journal_sweep(j);
	while (!list_empty(&j->j_checkpoint) && j->j_free + j->j_stale < want && !err) {
		err = write_home(j, list_first_entry(&j->j_checkpoint, struct jtrans, t_link));
		journal_sweep(j);
	}
	if (j->j_stale)
		tail_err = advance_tail(j);
	if (!tail_err) {
		spin_lock(&j->j_lock);
		j->j_free += j->j_stale;
		j->j_stale = 0;
		spin_unlock(&j->j_lock);
	}
	if ((err && err != -ENOMEM) || tail_err)
		journal_abort(j, tail_err ? tail_err : err);
	return tail_err ? tail_err : err;
}
