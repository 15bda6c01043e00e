/* SPDX-License-Identifier: MIT */
/*
 * The rank of every lock. A CPU (spin locks) or thread (sleeping locks) may take a lock
 * only when its rank is greater than that of every lock it holds; equal ranks
 * only where the table in docs/locks.md says how they are ordered
 * (lock_nested()). Debug builds check at run time (lockrank.c).
 * Sleeping locks come before all spin locks.
 */
#ifndef KERNEL_CORE_LOCKRANK_H
#define KERNEL_CORE_LOCKRANK_H

enum lock_rank {
	RANK_NONE,
	/* sleeping locks */
	RANK_FILE_POS,		/* file.f_poslock */
	RANK_SWAPON,		/* one swapon or swapoff at a time */
	RANK_MOUNT,		/* mount table */
	RANK_RENAME,		/* one rename of directories at a time */
	RANK_VNODE,		/* vnode.v_lock: parent before child, else by address */
	RANK_TTY_IO,		/* one reader at a time */
	RANK_EXEC,		/* proc.p_execlock */
	RANK_VMSPACE,		/* vmspace.vm_lock */
	RANK_JOURNAL_COMMIT,	/* journal.j_commit_lock: commit and checkpoint */
	RANK_JOURNAL,		/* journal.j_barrier: an open handle reads */
	RANK_FS_MAP,		/* einode.ei_map_lock: from file to disk */
	RANK_FS_ALLOC,		/* ext2.fs_alloc_lock: bitmaps and counts */
	RANK_SLEEP_LEAF,	/* sleeping locks that take no other */
	/* spin locks */
	RANK_SPIN_FIRST,
	RANK_PROCTREE = RANK_SPIN_FIRST,	/* parents, groups, sessions, pid hash */
	RANK_PROC,		/* proc.p_lock */
	RANK_SIGNAL,		/* sigstate.ss_lock */
	RANK_FDTABLE,		/* fdtable.fdt_lock */
	RANK_FS,		/* small fs locks: fs context, file flags */
	RANK_JOURNAL_SPIN,	/* journal's and ext2's lists; buffers inside */
	RANK_DCACHE,		/* name cache buckets and links */
	RANK_VNODE_SPIN,	/* vnode hash, vnode fields */
	RANK_TTY,		/* tty.tty_lock */
	RANK_PIPE,		/* pipe.p_lock and other ipc objects */
	RANK_FUTEX,		/* futex hash buckets */
	RANK_OBJECT,		/* vm_object.vo_lock */
	RANK_PT,		/* vmspace.vm_ptlock */
	RANK_SWAP,		/* swap slots and the swap cache */
	RANK_BUFCACHE,		/* metadata blocks */
	RANK_BLKQUEUE,		/* blkdev.bd_lock: queue of a disk */
	RANK_DEVICE,		/* driver state */
	RANK_LEAF_OBJECT,	/* completions, mutex and rwlock queues */
	RANK_WORKQ,
	RANK_WAITQ,		/* waitq.wq_lock */
	RANK_RUNQ,		/* per-CPU run queue; two of them in CPU order */
	RANK_TIMER,		/* per-CPU timer queue */
	RANK_VMALLOC,
	RANK_SLAB,
	RANK_BUDDY,
	RANK_LEAF,		/* locks that take no other */
	RANK_CONSOLE,		/* printk */
	RANK_CONSOLE_DEVICE,	/* registers and cells that printk writes to: last of all */
	RANK_MAX
};

#include <types.h>

#ifdef CONFIG_DEBUG
/*
 * Check a lock's rank against what is held and note it; forget it. nested:
 * equal rank is fine. sleeping: a mutex or rwlock, kept with the thread; spin
 * locks are kept with the CPU.
 */
void lockrank_acquire(const void *lock, const char *name, unsigned int rank,
		      bool nested);
void lockrank_release(const void *lock);
void lockrank_acquire_sleeping(const void *lock, const char *name,
			       unsigned int rank, bool nested);
/* The same for one that was had without waiting: it may come out of order. */
void lockrank_note_sleeping(const void *lock, const char *name, unsigned int rank);
void lockrank_release_sleeping(const void *lock);
/* Panics when this CPU holds a spin lock or is in an interrupt: about to sleep. */
void lockrank_assert_may_sleep(void);
/* Panics when the current thread holds a sleeping lock: about to return to user mode. */
void lockrank_assert_none(void);
#else
static inline void lockrank_acquire_sleeping(const void *l, const char *n,
					     unsigned int r, bool nested)
{
	(void)l, (void)n, (void)r, (void)nested;
}
static inline void lockrank_note_sleeping(const void *l, const char *n, unsigned int r)
{
	(void)l, (void)n, (void)r;
}
static inline void lockrank_release_sleeping(const void *l) { (void)l; }
static inline void lockrank_assert_may_sleep(void) { }
static inline void lockrank_assert_none(void) { }
#endif

#endif
