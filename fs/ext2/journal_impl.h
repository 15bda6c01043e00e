/* SPDX-License-Identifier: MIT */
/*
 * What journal.c, journal_commit.c and journal_replay.c share: the format on
 * disk (all numbers big-endian) and the structures in memory.
 *
 * Legend: [I] immutable, [c] j_commit_lock, [j] j_lock, [cj] both for writing,
 * either for reading.
 */
#ifndef FS_EXT2_JOURNAL_IMPL_H
#define FS_EXT2_JOURNAL_IMPL_H

#include <compiler.h>
#include <list.h>
#include "fs/ext2/journal.h"
#include "kernel/core/mutex.h"
#include "kernel/core/rwlock.h"

#define JBD_MAGIC	0xc03b3998u

/* jb_type */
#define JBD_DESCRIPTOR	1
#define JBD_COMMIT	2
#define JBD_SUPER_V1	3
#define JBD_SUPER_V2	4
#define JBD_REVOKE	5

/* Tags of a descriptor: one for each block of the log that follows it. */
#define TAG_ESCAPED	1	/* began with JBD_MAGIC, which the log has as 0 */
#define TAG_SAME_UUID	2	/* no 16 bytes of UUID after this tag */
#define TAG_LAST	8
#define TAG_BYTES	8
#define UUID_BYTES	16

#define JBD_INCOMPAT_REVOKE	1

struct jbd_header {
	u32 jb_magic, jb_type, jb_tid;
};

struct jbd_tag {
	u32 jt_block;
	u16 jt_checksum;		/* of formats that we refuse */
	u16 jt_flags;
};

struct jbd_revoke {
	struct jbd_header jr_head;
	u32 jr_bytes;			/* in use, with this header */
};

struct jbd_super {
	struct jbd_header js_head;
	u32 js_block_size, js_len, js_first;
	u32 js_tid;			/* first transaction expected in the log */
	u32 js_start;			/* where it begins; 0: the log is empty */
	s32 js_errno;
	u32 js_compat, js_incompat, js_ro_compat;
	u8 js_uuid[16];
};
BUILD_ASSERT(sizeof(struct jbd_super) == 64);

/* A buffer in the journal's care, b_journal of it. [j] */
struct jhead {
	struct buf *jh_buf;		/* [I] reference */
	struct list_head jh_running;	/* of the running transaction */
	struct list_head jh_commit;	/* of the one being committed */
	struct list_head jh_home;	/* of a committed one: not yet written home */
	bool jh_forget;			/* freed in the running transaction */
	bool jh_forget_commit;		/* freed in the one being committed */
};

struct revoke_chunk {
	struct revoke_chunk *rc_next;
	u32 rc_n;
	u32 rc_block[253];
};

struct jtrans {
	struct list_head t_link;	/* [cj] j_checkpoint, oldest first */
	u32 t_tid;			/* [I] */
	u32 t_nbufs;			/* [j] on t_bufs */
	u32 t_credits;			/* [j] promised to open handles */
	u32 t_nrevokes;			/* [j] */
	struct revoke_chunk *t_revokes;	/* [j] */
	struct list_head t_bufs;	/* [j] jh_running, then jh_commit, then jh_home */
	u32 t_start, t_blocks;		/* [c] its part of the log */
};

struct journal {
	struct blkdev *j_dev;		/* [I] */
	u32 j_size;			/* [I] of a block */
	u32 *j_map;			/* [I] block of the log -> block of the device */
	u32 j_len, j_first;		/* [I] blocks j_first to j_len - 1 are the ring */
	u64 j_nblocks;			/* [I] blocks of the file system */
	u32 j_max;			/* [I] log blocks that one transaction may take */
	const struct journal_ops *j_ops;	/* [I] */
	void *j_fs;			/* [I] */
	struct buf *j_sb;		/* [c] */
	struct page *j_spare;		/* [c] a block's worth, for want of a buffer */
	struct mutex j_commit_lock;	/* commit and checkpoint, one at a time */
	struct rwlock j_barrier;	/* open handles read; writing: there are none */
	struct spinlock j_lock;
	struct jtrans *j_running;	/* [j]; replaced with j_barrier held for writing */
	struct jtrans *j_failed;	/* [c] could not be committed */
	struct list_head j_checkpoint;	/* [cj] committed, not all written home */
	u32 j_head;			/* [c] where the next transaction begins */
	u32 j_free;			/* [cj] blocks of the log free for new ones */
	u32 j_stale;			/* [c] at home, but the super block does not yet say so */
	u32 j_committed;		/* [c], read freely: last tid on disk */
	u32 j_next_tid;			/* [c] of the next jtrans */
	int j_error;			/* [cj] set once by the abort */
	struct buf **j_logbufs;		/* [c] j_max, being written to the log */
};

/* j_commit_lock is held for all of these. */
int journal_commit_running(struct journal *j);
/* Write transactions home, oldest first, until want blocks of the log are free. */
int journal_checkpoint(struct journal *j, u32 want);
int journal_write_super(struct journal *j, u32 start, u32 tid);

/*
 * journal_replay.c: *next is the tid to go on with. recover: copy home what is in the log;
 * else it is only looked at, so that its numbers are not used again.
 */
int journal_replay(struct journal *j, bool recover, u32 *next);

/* Let go of what others have written home: memory, not space in the log. */
void journal_sweep(struct journal *j);
u32 journal_max_blocks(const struct journal *j, const struct jtrans *t);
struct jtrans *journal_trans_alloc(void);
void journal_trans_free(struct jtrans *t);
void journal_free_revokes(struct jtrans *t);
void jhead_free(struct jhead *jh);

static inline u32 journal_ring_next(const struct journal *j, u32 at, u32 n)
{
	u32 ring = j->j_len - j->j_first;

	return j->j_first + (at - j->j_first + n) % ring;
}

#endif
