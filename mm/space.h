/* SPDX-License-Identifier: MIT */
/*
 * An address space: ordered areas over one page table. Made by exec, duplicated
 * by fork, shared by threads and (until exec) by a vfork child.
 *
 * Locks: vm_lock (sleeping rw): areas; faults take it for reading. vm_ptlock
 * (spin): page-table entries. Legend: [v] vm_lock for writing, [pt] vm_ptlock, [I], [a];
 * [v,vo] vm_lock for writing and, if the area has an object, its vo_lock: so either
 * of the two is enough to read. Public functions take vm_lock themselves unless they say so.
 */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include <atomic.h>
#include <list.h>
#include <types.h>
#include "kernel/core/rwlock.h"
#include "kernel/core/spinlock.h"
#include "kernel/lib/rbtree.h"
#include "kernel/x86/pagetable.h"
#include "mm/scanlist.h"

struct page;
struct vm_object;

/* va_flags */
#define VA_READ		0x001
#define VA_WRITE	0x002
#define VA_EXEC		0x004
#define VA_PROT		(VA_READ | VA_WRITE | VA_EXEC)
#define VA_SHARED	0x008
#define VA_STACK	0x010		/* grows down on faults below it */
#define VA_NORESERVE	0x020
#define VA_LOCKED	0x040
#define VA_HEAP		0x080		/* brk area, for maps' [heap] */
#define VA_VDSO		0x100		/* pages that the kernel keeps: nobody waits for them */
#define VA_MAYWRITE	0x200		/* mprotect may add write */
#define VA_DONTFORK	0x400		/* madvise */
#define VA_WIPEONFORK	0x800		/* madvise */
#define VA_NOEXEC	0x1000		/* mprotect may not add execute (mounted noexec) */

/* vm_random, vm_randomize */
#define VM_RANDOM_NONE	0
#define VM_RANDOM_MAPS	1		/* stack, vDSO, mmap, position-independent programs */
#define VM_RANDOM_BRK	2		/* and the heap */

#define VM_MIN_ADDR	0x10000ul	/* below it only the privileged may map */
#define VM_STACK_GAP	(256 * PAGE_SIZE)	/* kept free below a stack */
#define VM_MAX_AREAS	65530

struct vmarea {
	struct rb_node va_node;		/* [v] by va_start */
	vaddr_t va_start, va_end;	/* [v,vo] page aligned */
	u32 va_flags;			/* [v] */
	struct vm_object *va_object;	/* [I] reference; NULL: private anonymous */
	u64 va_offset;			/* [v,vo] bytes into the object at va_start */
	struct vmspace *va_space;	/* [I] */
	struct list_head va_objlink;	/* [vo_lock] in vo_areas; [v] in a list of dead areas */
};

struct vmspace {
	refcount_t vm_ref;		/* [a] threads' processes, and lookers-in */
	struct rwlock vm_lock;
	struct spinlock vm_ptlock;
	struct pmap vm_pmap;		/* [pt] */
	struct rb_root vm_areas;	/* [v] */
	struct vmarea *vm_hint;		/* [a] last found; set by readers, too */
	unsigned int vm_nareas;		/* [v] */
	u64 vm_total_pages;		/* [v] size of all areas */
	u64 vm_data_pages;		/* [v] of the private writable ones, for RLIMIT_DATA */
	u64 vm_stack_pages;		/* [v] of the growing ones */
	u64 vm_locked_pages;		/* [v] */
	u32 vm_lock_future;		/* [v] VA_LOCKED: mlockall(MCL_FUTURE) */
	atomic64_t vm_rss;		/* [a] resident pages */
	u64 vm_swapped;			/* [pt] entries whose page is in swap */
	struct scan_item vm_scan;	/* reclaim.h: in vmspace_scan */
	vaddr_t vm_scan_at;		/* [v] hand of the page-out clock */
	u64 vm_maxrss;			/* [pt] of the past; see vm_count_maxrss() */
	u32 vm_random;			/* [I] VM_RANDOM_* of the program's layout */
	vaddr_t vm_mmap_top;		/* [I] mmap searches downwards from here */
	vaddr_t vm_gap_from;		/* [v] 0: unknown, see map.c */
	u64 vm_gap_max;			/* [v] no larger gap above vm_gap_from */
	vaddr_t vm_brk_start, vm_brk;	/* [v] */
	vaddr_t vm_stack_top;		/* [I] */
	vaddr_t vm_code_start, vm_code_end, vm_data_start, vm_data_end;	/* [I] for /proc/PID/stat */
	vaddr_t vm_arg_start, vm_arg_end, vm_env_start, vm_env_end;	/* [I] */
};

void vm_init(void);			/* slab caches, counters */
int vmspace_create(struct vmspace **out);			/* empty. -ENOMEM */
/*
 * fork: duplicate areas and page tables, private writable pages become copy-on-write in both.
 * -ENOMEM.
 */
int vmspace_fork(struct vmspace *parent, struct vmspace **child);
struct vmspace *vmspace_get(struct vmspace *vm);
/*
 * The last put frees everything; may sleep. No thread may have t_pmap pointing into it any
 * more. If this CPU has it loaded, it stays so, harmlessly, until the next thread's is loaded.
 */
void vmspace_put(struct vmspace *vm);
/*
 * Make vm the current process's and load it (exec, kernel threads that become init); the old one is
 * returned for the caller to put. vm NULL: the process has none any more.
 */
struct vmspace *vmspace_switch(struct vmspace *vm);

/*
 * Map [start, start+len) (page multiples). VM_FIXED in how: exactly there, replacing what
 * is there; else start is a hint. obj (a reference is taken) or NULL for anonymous memory.
 * The address or -ENOMEM, -EINVAL, -EEXIST, -EPERM, -EAGAIN (RLIMIT_MEMLOCK), -EINTR.
 */
#define VM_FIXED	1
#define VM_NOREPLACE	2
#define VM_32BIT	4		/* below 2 GiB */
s64 vm_map(struct vmspace *vm, vaddr_t start, u64 len, u32 flags,
	   unsigned int how, struct vm_object *obj, u64 offset);
int vm_unmap(struct vmspace *vm, vaddr_t start, u64 len);
/* prot: VA_READ, VA_WRITE, VA_EXEC. -ENOMEM (a hole: what lies before it is done), -EACCES. */
int vm_protect(struct vmspace *vm, vaddr_t start, u64 len, u32 prot);
/*
 * Clear and set va_flags other than VA_PROT in [start, end). Holes are skipped and make it
 * -ENOMEM in the end; -EINVAL where an area has an object though anon_only says none may.
 */
int vm_change_flags(struct vmspace *vm, vaddr_t start, vaddr_t end, u32 clear,
		    u32 set, bool anon_only);
/*
 * mremap(2), flags MREMAP_*; sizes are page multiples, old_len 0 duplicates a shared mapping.
 * Address or -errno.
 */
s64 vm_remap(struct vmspace *vm, vaddr_t old, u64 old_len, u64 new_len,
	     unsigned int flags, vaddr_t fixed);
/* brk(2): the new break, or the old one if it cannot be moved. */
vaddr_t vm_set_brk(struct vmspace *vm, vaddr_t brk);
/* Area that contains addr, or the first above it; NULL. vm_lock held. */
struct vmarea *vm_find(struct vmspace *vm, vaddr_t addr);
struct vmarea *vm_next(struct vmarea *va);
struct vmarea *vm_prev(struct vmarea *va);
struct vmarea *vm_first(struct vmspace *vm);
struct vmarea *vm_last(struct vmspace *vm);
/* Set up the initial stack area ending at top, growing down to at most RLIMIT_STACK. */
int vm_map_stack(struct vmspace *vm, vaddr_t top, u64 initial, bool exec);
/*
 * Throw the pages of [start, end) away; the areas stay. vm_lock held; private pages come back
 * as zeros or file.
 */
int vm_discard(struct vmspace *vm, vaddr_t start, vaddr_t end);

/*
 * A fault at addr, or access on behalf of somebody. 0: done, try again; -EFAULT: nothing
 * mapped there; -EACCES: not allowed; -EIO: past the end of the object, or it could not be read;
 * -ENOMEM. No locks held; may sleep.
 */
#define VF_WRITE	1
#define VF_EXEC		2
#define VF_SWAPOFF	4		/* whatever the rights, if the page is in swap */
int vm_fault(struct vmspace *vm, vaddr_t addr, unsigned int access);
/*
 * The page at addr with a reference, faulted in for that access. -EFAULT, -EACCES, -EIO, -ENOMEM.
 */
struct page;
int vm_get_page(struct vmspace *vm, vaddr_t addr, unsigned int access, struct page **out);
/*
 * Fault [start, end) in: for writing where the area allows it and is private, else reading.
 * First error.
 */
int vm_populate(struct vmspace *vm, vaddr_t start, vaddr_t end);
/*
 * Copy into or out of another (not loaded) address space, faulting pages in: exec builds
 * argv there; /proc/PID/mem, ptrace.
 * 0 or -EFAULT, -ENOMEM.
 */
int vm_copy_out(struct vmspace *vm, vaddr_t dst, const void *src, size_t n);
int vm_copy_in(struct vmspace *vm, void *dst, vaddr_t src, size_t n);

/* Largest resident set so far, in pages. */
u64 vm_count_maxrss(struct vmspace *vm);
/*
 * Which addresses exec chooses at random: VM_RANDOM_*. 0 with norandmaps;
 * /proc/sys/kernel/randomize_va_space.
 */
extern u32 vm_randomize;

#endif
