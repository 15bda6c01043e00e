/* SPDX-License-Identifier: MIT */
/*
 * The journal: handles and the running transaction. A block of metadata goes
 *
 *	journal_access   journal_commit              written home
 *	---------> running ---------> committed, dirty ---------> none of our business
 *	pinned        ^                   |
 *	              +--journal_access---+  (pinned again: it waits for the next commit)
 *
 * While a transaction runs its buffers are pinned, so nothing of it reaches
 * the disk. The commit (journal_commit.c) shuts handles out only while it copies
 * the buffers; then the next transaction runs while the copies go to the log.
 * Once the commit block is on disk the buffers may be written home, by whoever
 * gets to it first: the flusher, or the checkpoint that needs the log's space.
 * Space of the log is used again only after all that it describes is at home.
 *
 * Invariants:
 *  1. A buffer on a jh_running or jh_commit list is pinned.
 *  2. A transaction never takes more than j_max blocks of the log, and when its
 *     first handle opens there is room for it and for the one before it.
 *  3. A block that is freed in a transaction is not used again before that has
 *     been committed (the allocator's business), so that a revoke record and a
 *     new copy of one block never meet in one transaction.
 *
 * Locks: j_commit_lock (mutex) around commit and checkpoint. j_barrier (rwlock):
 * a handle holds it for reading. j_lock (spin) for lists and counts. A handle
 * waits for buffers and for other handles' locks inside of the barrier, never
 * for j_commit_lock.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/bufcache.h"
#include "fs/ext2/journal_impl.h"
#include "kernel/core/printk.h"
#include "mm/slab.h"

#define TRIES	8

/* ---- small parts -------------------------------------------------------- */

struct jtrans *journal_trans_alloc(void)
{
	struct jtrans *t = kzalloc(sizeof(*t));

	if (t) {
		list_init(&t->t_link);
		list_init(&t->t_bufs);
	}
	return t;
}

void journal_free_revokes(struct jtrans *t)
{
	struct revoke_chunk *rc;

	while ((rc = t->t_revokes) != NULL) {
		t->t_revokes = rc->rc_next;
		kfree(rc);
	}
}

void journal_trans_free(struct jtrans *t)
{
	KASSERT(list_empty(&t->t_bufs));
	journal_free_revokes(t);
	kfree(t);
}

/* Not on any list. */
void jhead_free(struct jhead *jh)
{
	KASSERT(list_empty(&jh->jh_running) && list_empty(&jh->jh_commit) &&
		list_empty(&jh->jh_home));
	KASSERT(!jh->jh_buf->b_journal);
	buf_put(jh->jh_buf);
	kfree(jh);
}

static u32 tags_per_block(const struct journal *j)
{
	return (j->j_size - sizeof(struct jbd_header) - UUID_BYTES) / TAG_BYTES;
}

/* The most that t can take of the log, given what its handles may still add. */
u32 journal_max_blocks(const struct journal *j, const struct jtrans *t)
{
	u32 bufs = t->t_nbufs + t->t_credits;
	u32 revokes = (j->j_size - sizeof(struct jbd_revoke)) / 4;

	return bufs + DIV_ROUND_UP(bufs, tags_per_block(j)) +
	       DIV_ROUND_UP(t->t_nrevokes + t->t_credits, revokes) + 1;
}

u32 journal_max_credits(const struct journal *j)
{
	return j->j_max / 4;
}

u32 journal_tid(struct journal *j)
{
	u32 tid;

	spin_lock(&j->j_lock);
	tid = j->j_running->t_tid;
	spin_unlock(&j->j_lock);
	return tid;
}

bool journal_aborted(const struct journal *j)
{
	return READ_ONCE(j->j_error) != 0;
}

void journal_abort(struct journal *j, int err)
{
	bool first;

	spin_lock(&j->j_lock);
	first = !j->j_error;
	if (first)
		WRITE_ONCE(j->j_error, err);
	spin_unlock(&j->j_lock);
	if (!first)
		return;
	printk(KERN_ERR "journal: given up (error %d)\n", err);
	j->j_ops->jo_abort(j->j_fs, err);
}

/* ---- handles -------------------------------------------------------------- */

/*
 * Is there room for another handle in the running transaction, and for that in
 * the log? Promises it then. j_barrier held.
 */
static bool reserve(struct journal *j, u32 credits, u32 *tid)
{
	struct jtrans *t;
	bool ok;

	spin_lock(&j->j_lock);
	t = j->j_running;
	t->t_credits += credits;
	ok = journal_max_blocks(j, t) <= j->j_max && j->j_free >= 2 * j->j_max;
	if (!ok)
		t->t_credits -= credits;
	*tid = t->t_tid;
	spin_unlock(&j->j_lock);
	return ok;
}

/* Make room in the log, or commit what runs, whichever keeps handles out. */
static int make_room(struct journal *j, u32 tid)
{
	int err = 0;

	mutex_lock(&j->j_commit_lock);
	if (j->j_free < 2 * j->j_max)
		err = journal_checkpoint(j, 3 * j->j_max);
	else if (j->j_running->t_tid == tid)
		err = journal_commit_running(j);
	mutex_unlock(&j->j_commit_lock);
	j->j_ops->jo_done(j->j_fs);
	return err;
}

int journal_start(struct journal *j, u32 credits, struct handle *h)
{
	*h = (struct handle){ .h_journal = j, .h_credits = credits };
	if (!j)
		return 0;
	KASSERT(credits && credits <= journal_max_credits(j));
	for (int i = 0; !journal_aborted(j); i++) {
		int err;

		rwlock_read(&j->j_barrier);
		if (reserve(j, credits, &h->h_tid))
			return 0;
		rwlock_read_unlock(&j->j_barrier);
		err = make_room(j, h->h_tid);
		if (err && (err != -ENOMEM || i >= TRIES))
			return err;
	}
	return -EROFS;
}

void journal_stop(struct handle *h)
{
	struct journal *j = h->h_journal;

	if (!j)
		return;
	spin_lock(&j->j_lock);
	KASSERT(j->j_running->t_credits >= h->h_credits);
	j->j_running->t_credits -= h->h_credits;
	spin_unlock(&j->j_lock);
	rwlock_read_unlock(&j->j_barrier);
}

/* b's jhead, made if there is none. -ENOMEM. */
static int jhead_get(struct journal *j, struct buf *b, struct jhead **out)
{
	struct jhead *jh = READ_ONCE(b->b_journal), *made = NULL;

	if (!jh) {
		made = kzalloc(sizeof(*made));
		if (!made)
			return -ENOMEM;
		list_init(&made->jh_running);
		list_init(&made->jh_commit);
		list_init(&made->jh_home);
		made->jh_buf = b;
	}
	spin_lock(&j->j_lock);
	jh = b->b_journal;
	/* The checkpoint may have let go of it just now. */
	if (!jh && !made) {
		spin_unlock(&j->j_lock);
		return -EAGAIN;
	}
	if (!jh) {
		jh = b->b_journal = made;
		made = NULL;
		buf_hold(b);
	}
	*out = jh;
	return 0;
}

/* b becomes part of the running transaction. */
static int join(struct handle *h, struct buf *b, bool forget)
{
	struct journal *j = h->h_journal;
	struct jhead *jh;
	int err;

	while ((err = jhead_get(j, b, &jh)) == -EAGAIN)
		continue;
	if (err)
		return err;
	if (list_empty(&jh->jh_running)) {
		struct jtrans *t = j->j_running;

		KASSERT(t->t_tid == h->h_tid);
		list_add_tail(&jh->jh_running, &t->t_bufs);
		t->t_nbufs++;
		/* A block that is forgotten takes none of the log. */
		KASSERT_MSG(h->h_credits, "block %lu", b->b_blockno);
		h->h_credits--;
		t->t_credits--;
	}
	jh->jh_forget |= forget;
	spin_unlock(&j->j_lock);
	/*
	 * Nobody changes b before we return, and no write home is under way
	 * after that: what the disk has is of an earlier transaction.
	 */
	buf_pin(b);
	return 0;
}

int journal_access(struct handle *h, struct buf *b)
{
	return h->h_journal ? join(h, b, false) : 0;
}

/* Room for one more revoke record; j_lock is held after 0. */
static int revoke_room(struct journal *j)
{
	struct revoke_chunk *rc = NULL;

	for (;;) {
		struct jtrans *t;

		spin_lock(&j->j_lock);
		t = j->j_running;
		if (!t->t_revokes || t->t_revokes->rc_n == ARRAY_SIZE(rc->rc_block)) {
			if (rc) {
				rc->rc_next = t->t_revokes;
				t->t_revokes = rc;
				rc = NULL;
			} else {
				spin_unlock(&j->j_lock);
				rc = kzalloc(sizeof(*rc));
				if (!rc)
					return -ENOMEM;
				continue;
			}
		}
		break;
	}
	if (rc) {
		spin_unlock(&j->j_lock);
		kfree(rc);
		spin_lock(&j->j_lock);
		/* Filled up meanwhile: once more, which is next to never. */
		if (j->j_running->t_revokes->rc_n == ARRAY_SIZE(rc->rc_block)) {
			spin_unlock(&j->j_lock);
			return revoke_room(j);
		}
	}
	return 0;
}

/*
 * A buffer that is the transaction's already gives up its block of the log for its revoke
 * record; any other record costs a credit. So what handles were promised is enough.
 */
int journal_revoke(struct handle *h, u32 block)
{
	struct journal *j = h->h_journal;
	struct revoke_chunk *rc;
	struct buf *b;
	bool ours;
	int err;

	b = buf_find(j->j_dev, block, j->j_size);
	ours = b && READ_ONCE(b->b_journal);
	err = ours ? join(h, b, true) : 0;
	if (b)
		buf_put(b);
	if (!err)
		err = revoke_room(j);
	if (err)
		return err;
	rc = j->j_running->t_revokes;
	rc->rc_block[rc->rc_n++] = block;
	j->j_running->t_nrevokes++;
	if (!ours) {
		KASSERT_MSG(h->h_credits, "block %u", block);
		h->h_credits--;
		j->j_running->t_credits--;
	}
	spin_unlock(&j->j_lock);
	/* No transaction has it: nothing that must be kept until this one is committed. */
	if (b && !ours)
		buf_forget(j->j_dev, block, j->j_size);
	return 0;
}

int journal_commit(struct journal *j, u32 tid, bool *flushed)
{
	int err = 0;

	for (int i = 0; i < TRIES; i++) {
		mutex_lock(&j->j_commit_lock);
		err = 0;
		if ((s32)(j->j_committed - tid) < 0) {
			err = journal_commit_running(j);
			/* Nothing may have been in it: then it was not committed. */
			if (flushed)
				*flushed = !err && (s32)(j->j_committed - tid) >= 0;
		}
		journal_sweep(j);
		mutex_unlock(&j->j_commit_lock);
		j->j_ops->jo_done(j->j_fs);
		if (err != -ENOMEM)
			break;
	}
	return err;
}
