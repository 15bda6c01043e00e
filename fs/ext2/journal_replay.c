/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing a journal, and the replay of what a crash has left.
 *
 * Replay walks the log from js_start, transaction by transaction: descriptors
 * with the blocks they list, revoke blocks, a commit block. A transaction
 * counts if its commit block is there. Three passes: find the last one; collect
 * the revoke records; copy the blocks home, but for those that were revoked in
 * their own transaction or a later one. A crash during replay does no harm: the
 * log is marked empty only when everything is at home.
 *
 * The log is a hostile image like any other: every number is checked, and the
 * walk ends after as many blocks as the log has.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/bufcache.h"
#include "fs/ext2/journal_impl.h"
#include "kernel/core/printk.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

#define REVOKE_BITS	10
#define MIN_RING	1000		/* mke2fs makes journals of 1024 blocks and more */
#define MAX_TRANS	2048		/* blocks of a transaction; its copies take memory */

enum pass { PASS_SCAN, PASS_REVOKE, PASS_COPY };

struct revoked {
	struct hlist_node rv_hash;
	u32 rv_block, rv_tid;		/* newest transaction that revokes it */
};

struct replay {
	struct journal *r_j;
	enum pass r_pass;
	u32 r_start_tid, r_end_tid;	/* end: the first one without a commit block */
	u32 r_left;			/* blocks of the log not seen yet in this pass */
	u32 r_copied, r_skipped;
	struct hlist_head *r_revoked;	/* 1 << REVOKE_BITS chains */
};

static struct revoked *find_revoked(struct replay *r, u32 block)
{
	struct revoked *rv;

	hlist_for_each_entry(rv, &r->r_revoked[hash_u64(block, REVOKE_BITS)], rv_hash) {
		if (rv->rv_block == block)
			return rv;
	}
	return NULL;
}

static int add_revoked(struct replay *r, u32 block, u32 tid)
{
	struct revoked *rv = find_revoked(r, block);

	if (!rv) {
		rv = kzalloc(sizeof(*rv));
		if (!rv)
			return -ENOMEM;
		rv->rv_block = block;
		hlist_add(&rv->rv_hash, &r->r_revoked[hash_u64(block, REVOKE_BITS)]);
	}
	rv->rv_tid = tid;
	return 0;
}

static int take_revokes(struct replay *r, const struct buf *b, u32 tid)
{
	u32 end = load_be32(b->b_data + offsetof(struct jbd_revoke, jr_bytes));

	if (end > b->b_size || end < sizeof(struct jbd_revoke))
		return -EUCLEAN;
	for (u32 at = sizeof(struct jbd_revoke); at + 4 <= end; at += 4) {
		int err = add_revoked(r, load_be32(b->b_data + at), tid);

		if (err)
			return err;
	}
	return 0;
}

/* Copy a block of the log to its place. */
static int copy_home(struct replay *r, u32 at, u32 block, u16 flags, u32 tid)
{
	struct journal *j = r->r_j;
	struct revoked *rv = find_revoked(r, block);
	struct buf *from, *to;
	int err;

	if (rv && (s32)(tid - rv->rv_tid) <= 0) {
		r->r_skipped++;
		return 0;
	}
	if (block >= j->j_nblocks)
		return -EUCLEAN;
	err = buf_read(j->j_dev, j->j_map[at], j->j_size, &from);
	if (err)
		return err;
	err = buf_get(j->j_dev, block, j->j_size, &to);
	if (!err) {
		memcpy(to->b_data, from->b_data, j->j_size);
		if (flags & TAG_ESCAPED)
			store_be32(to->b_data, JBD_MAGIC);
		buf_dirty(to);
		buf_put(to);
		r->r_copied++;
	}
	buf_put(from);
	return err;
}

/*
 * The blocks listed by descriptor b, which stands at *at. *at: where they end.
 */
static int take_descriptor(struct replay *r, const struct buf *b, u32 tid, u32 *at)
{
	struct journal *j = r->r_j;
	u32 pos = sizeof(struct jbd_header);
	u16 flags = 0;

	while (!(flags & TAG_LAST) && pos + TAG_BYTES <= j->j_size) {
		const u8 *tag = b->b_data + pos;

		flags = load_be16(tag + offsetof(struct jbd_tag, jt_flags));
		*at = journal_ring_next(j, *at, 1);
		if (r->r_left-- == 0)
			return -EUCLEAN;
		if (r->r_pass == PASS_COPY) {
			int err = copy_home(r, *at, load_be32(tag), flags, tid);

			if (err)
				return err;
		}
		pos += TAG_BYTES + (flags & TAG_SAME_UUID ? 0 : UUID_BYTES);
	}
	return 0;
}

/* A block of the log with a header of transaction tid: its type; 0: none. */
static u32 header_type(const struct buf *b, u32 tid)
{
	if (load_be32(b->b_data) != JBD_MAGIC || load_be32(b->b_data + 8) != tid)
		return 0;
	return load_be32(b->b_data + 4);
}

/* One walk over the log. */
static int walk(struct replay *r, enum pass pass, u32 start)
{
	struct journal *j = r->r_j;
	u32 at = start, tid = r->r_start_tid;
	int err = 0;

	r->r_pass = pass;
	r->r_left = j->j_len - j->j_first;
	while (!err && r->r_left-- && (pass == PASS_SCAN || tid != r->r_end_tid)) {
		struct buf *b;
		u32 type;

		err = buf_read(j->j_dev, j->j_map[at], j->j_size, &b);
		if (err)
			return err;
		type = header_type(b, tid);
		if (type == JBD_DESCRIPTOR)
			err = take_descriptor(r, b, tid, &at);
		else if (type == JBD_REVOKE && pass == PASS_REVOKE)
			err = take_revokes(r, b, tid);
		buf_put(b);
		if (type == JBD_COMMIT)
			tid++;
		else if (type != JBD_DESCRIPTOR && type != JBD_REVOKE)
			break;
		at = journal_ring_next(j, at, 1);
	}
	if (pass == PASS_SCAN) {
		/* What is cut short, or makes no sense, was never committed. */
		r->r_end_tid = tid;
		return err == -EUCLEAN ? 0 : err;
	}
	return err;
}

int journal_replay(struct journal *j, bool recover, u32 *next)
{
	u32 start = load_be32(j->j_sb->b_data + offsetof(struct jbd_super, js_start));
	struct replay r = { .r_j = j, .r_start_tid = *next };
	int err, sync_err;

	r.r_revoked = kzalloc(sizeof(*r.r_revoked) << REVOKE_BITS);
	if (!r.r_revoked)
		return -ENOMEM;
	err = walk(&r, PASS_SCAN, start);
	if (!err && recover)
		err = walk(&r, PASS_REVOKE, start);
	if (!err && recover)
		err = walk(&r, PASS_COPY, start);
	for (u32 i = 0; i < 1u << REVOKE_BITS; i++) {
		struct revoked *rv;
		struct hlist_node *tmp;

		hlist_for_each_entry_safe(rv, tmp, &r.r_revoked[i], rv_hash)
			kfree(rv);
	}
	kfree(r.r_revoked);
	/* What was copied goes home in any case, as by a crash in the middle. */
	sync_err = buf_sync(j->j_dev);
	if (!err)
		err = sync_err ? sync_err : blk_flush(j->j_dev);
	if (err)
		return err;
	/*
	 * Blocks of the transaction that was cut short may still lie in the log: its
	 * number is not used again.
	 */
	*next = r.r_end_tid + 1;
	if (recover)
		printk(KERN_INFO "journal: %u transactions replayed, %u blocks, %u revoked\n",
		       r.r_end_tid - r.r_start_tid, r.r_copied, r.r_skipped);
	return err;
}

/* ---- open and close --------------------------------------------------------- */

/* 0, or -EUCLEAN for a super block that is none or asks for what we do not know. */
static int check_super(const struct journal *j)
{
	const u8 *js = j->j_sb->b_data;
	u32 type = load_be32(js + 4);
	u32 len = load_be32(js + offsetof(struct jbd_super, js_len));
	u32 first = load_be32(js + offsetof(struct jbd_super, js_first));
	u32 start = load_be32(js + offsetof(struct jbd_super, js_start));

	if (load_be32(js) != JBD_MAGIC || (type != JBD_SUPER_V1 && type != JBD_SUPER_V2) ||
	    load_be32(js + offsetof(struct jbd_super, js_block_size)) != j->j_size ||
	    len > j->j_len || !first || first >= len || len - first < MIN_RING ||
	    (start && (start < first || start >= len)))
		return -EUCLEAN;
	if (type == JBD_SUPER_V2 &&
	    ((load_be32(js + offsetof(struct jbd_super, js_incompat)) & ~JBD_INCOMPAT_REVOKE) ||
	     load_be32(js + offsetof(struct jbd_super, js_ro_compat)))) {
		printk(KERN_ERR "journal: unknown features; e2fsck can replay it\n");
		return -EUCLEAN;
	}
	return 0;
}

static void journal_free(struct journal *j)
{
	if (j->j_running)
		journal_trans_free(j->j_running);
	if (j->j_spare)
		page_put(j->j_spare);
	if (j->j_sb)
		buf_put(j->j_sb);
	kfree(j->j_logbufs);
	kfree(j->j_map);
	kfree(j);
}

static int read_super(struct journal *j)
{
	int err = buf_read(j->j_dev, j->j_map[0], j->j_size, &j->j_sb);

	if (err)
		return err;
	err = check_super(j);
	if (err)
		return err;
	j->j_first = load_be32(j->j_sb->b_data + offsetof(struct jbd_super, js_first));
	j->j_len = load_be32(j->j_sb->b_data + offsetof(struct jbd_super, js_len));
	j->j_next_tid = load_be32(j->j_sb->b_data + offsetof(struct jbd_super, js_tid));
	return 0;
}

/* What handles need. */
static int prepare(struct journal *j)
{
	u32 ring = j->j_len - j->j_first;

	j->j_max = min(ring / 4, (u32)MAX_TRANS);
	j->j_free = ring;
	j->j_head = j->j_first;
	j->j_logbufs = kmalloc(j->j_max * sizeof(struct buf *), ALLOC_WAIT);
	j->j_spare = page_alloc(0, ALLOC_WAIT);
	j->j_running = journal_trans_alloc();
	if (!j->j_logbufs || !j->j_spare || !j->j_running)
		return -ENOMEM;
	j->j_running->t_tid = j->j_next_tid;
	j->j_committed = j->j_next_tid - 1;
	return 0;
}

int journal_open(struct blkdev *bd, u32 size, u32 *map, u32 len, u64 nblocks, bool recover,
		 const struct journal_ops *ops, void *fs, struct journal **out)
{
	struct journal *j = kzalloc(sizeof(*j));
	int err;

	if (!j) {
		kfree(map);
		return -ENOMEM;
	}
	j->j_dev = bd;
	j->j_size = size;
	j->j_map = map;
	j->j_len = len;
	j->j_nblocks = nblocks;
	j->j_ops = ops;
	j->j_fs = fs;
	mutex_init(&j->j_commit_lock, "journal_commit", RANK_JOURNAL_COMMIT);
	rwlock_init(&j->j_barrier, "journal_barrier", RANK_JOURNAL);
	spin_lock_init(&j->j_lock, "journal", RANK_JOURNAL_SPIN);
	list_init(&j->j_checkpoint);
	err = read_super(j);
	if (!err && load_be32(j->j_sb->b_data + offsetof(struct jbd_super, js_start))) {
		err = bd->bd_readonly ? -EROFS : journal_replay(j, recover, &j->j_next_tid);
		if (!err)
			err = journal_write_super(j, 0, j->j_next_tid);
	}
	if (!err)
		err = prepare(j);
	if (err) {
		journal_free(j);
		return err;
	}
	*out = j;
	return 0;
}

int journal_begin_use(struct journal *j)
{
	struct jbd_super *js = (struct jbd_super *)j->j_sb->b_data;

	/* Version 1 has no feature words; revoke records need one. */
	js->js_head.jb_type = bswap32(JBD_SUPER_V2);
	js->js_incompat |= bswap32(JBD_INCOMPAT_REVOKE);
	return journal_write_super(j, j->j_head, j->j_running->t_tid);
}

int journal_flush(struct journal *j)
{
	int err;

	mutex_lock(&j->j_commit_lock);
	err = journal_commit_running(j);
	if (!err)
		err = journal_checkpoint(j, ~0u);
	if (!err)
		err = journal_write_super(j, 0, j->j_committed + 1);
	mutex_unlock(&j->j_commit_lock);
	j->j_ops->jo_done(j->j_fs);
	return err;
}

/* Whatever is left of t: the journal lets go, and nothing of it is written. */
static void abandon(struct journal *j, struct jtrans *t, size_t link)
{
	while (!list_empty(&t->t_bufs)) {
		struct jhead *jh = (struct jhead *)((char *)t->t_bufs.next - link);
		struct buf *b = jh->jh_buf;

		list_del(&jh->jh_running);
		list_del(&jh->jh_commit);
		list_del(&jh->jh_home);
		b->b_journal = NULL;
		buf_forget(j->j_dev, b->b_blockno, j->j_size);
		jhead_free(jh);
	}
	if (t != j->j_running)
		journal_trans_free(t);
}

void journal_close(struct journal *j)
{
	KASSERT(j->j_running->t_credits == 0);
	abandon(j, j->j_running, offsetof(struct jhead, jh_running));
	if (j->j_failed)
		abandon(j, j->j_failed, offsetof(struct jhead, jh_commit));
	while (!list_empty(&j->j_checkpoint)) {
		struct jtrans *t = list_first_entry(&j->j_checkpoint, struct jtrans, t_link);

		list_del(&t->t_link);
		abandon(j, t, offsetof(struct jhead, jh_home));
	}
	journal_free(j);
}
