/* SPDX-License-Identifier: MIT */
/*
 * A write-ahead log of metadata blocks in the format of ext3 (jbd2). See
 * journal.c for how a change goes through it.
 *
 * A file system opens a handle for each change that must happen as a whole,
 * names the buffers it is about to modify, modifies them, and closes the
 * handle. The changes of many handles are committed together.
 */
#ifndef FS_EXT2_JOURNAL_H
#define FS_EXT2_JOURNAL_H

#include <types.h>

struct blkdev;
struct buf;
struct journal;

/* One change under way; on the stack of the thread that makes it. */
struct handle {
	struct journal *h_journal;	/* NULL: there is none, and all of this does nothing */
	u32 h_credits;			/* buffers that may still join, or revoke records */
	u32 h_tid;			/* transaction it belongs to */
};

/* What the file system does when a transaction ends; j_commit_lock is held. */
struct journal_ops {
	/* No handle is open: bring the transaction's buffers up to date. Short. */
	void (*jo_freeze)(void *fs);
	/* Write the data that must not be later on disk than this transaction. */
	void (*jo_data)(void *fs);
	/* It is on disk, or (failed) never will be. */
	void (*jo_committed)(void *fs, bool failed);
	/* After a commit, with no lock of the journal: let go of what it needed. */
	void (*jo_done)(void *fs);
	/* The journal has given up; called once. */
	void (*jo_abort)(void *fs, int err);
};

/*
 * The log of len blocks of size bytes, found at blocks map[] of bd (taken over, also on
 * errors). What is in it is replayed, or (recover false: the file system says that it is
 * whole) thrown away. -EUCLEAN: not a journal that we understand; -EIO, -ENOMEM, -EROFS (there
 * is something to replay, but bd is read-only).
 */
int journal_open(struct blkdev *bd, u32 size, u32 *map, u32 len, u64 nblocks, bool recover,
		 const struct journal_ops *ops, void *fs, struct journal **out);
/* Get ready for handles: from now on a crash means replay. -EIO. */
int journal_begin_use(struct journal *j);
/* Commit, write everything home and mark the log empty. First error. */
int journal_flush(struct journal *j);
/* No handle is open. Buffers of a failed transaction are forgotten. */
void journal_close(struct journal *j);

/*
 * Open a handle for at most credits buffers and revoke records. Sleeps. -EROFS after an abort,
 * -EIO, -ENOMEM. A thread has one handle at most, and waits for no commit
 * while it has it.
 */
int journal_start(struct journal *j, u32 credits, struct handle *h);
void journal_stop(struct handle *h);
/* How many credits a handle may ask for. */
u32 journal_max_credits(const struct journal *j);
/* b is about to be modified; its block is written home after the commit. -ENOMEM. */
int journal_access(struct handle *h, struct buf *b);
/*
 * Block is freed: what an older transaction holds of it must not be replayed
 * over its next use. -ENOMEM, and then it must not be freed.
 */
int journal_revoke(struct handle *h, u32 block);

/* The transaction that handles opened now belong to. */
u32 journal_tid(struct journal *j);
/*
 * Transaction tid, and all before, on disk afterwards. -EIO after an abort, -ENOMEM.
 * *flushed (or NULL): it was this call that committed, so what was written before
 * is on the medium, too.
 */
int journal_commit(struct journal *j, u32 tid, bool *flushed);
/* Give up: nothing is written any more. err is what handles were told. */
void journal_abort(struct journal *j, int err);
bool journal_aborted(const struct journal *j);

#endif
