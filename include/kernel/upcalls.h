/* SPDX-License-Identifier: MIT */
/*
 * The named upcalls: the few functions that lower levels call by name in a
 * higher one. tests/layers.txt lists the same names; nothing else may point
 * upwards except tables of function pointers that the lower level declares.
 */
#ifndef KERNEL_UPCALLS_H
#define KERNEL_UPCALLS_H

#include <compiler.h>
#include <types.h>

struct new_utsname;
struct page;
struct pmap;
struct proc;
struct session;
struct thread;
struct trapframe;
struct vm_object;

/* boot/boot.S -> kernel/proc/main.c. On the boot stack, interrupts off. */
void kmain(u32 magic, paddr_t info) __noreturn;
/* kernel/x86/smp.c -> kernel/proc/main.c: a further CPU is ready to schedule. */
void ap_main(unsigned int cpu) __noreturn;

/* Everyone -> kernel/core/printk.c and panic.c: see there. */
int printk(const char *fmt, ...) __printf(1, 2);
void panic(const char *fmt, ...) __noreturn __printf(1, 2);
void panic_frame(const struct trapframe *tf, const char *fmt, ...) __noreturn __printf(2, 3);

/* kernel/x86/entry.S -> kernel/proc/syscall.c. Interrupts on. Sets tf_rax. */
void syscall_dispatch(struct trapframe *tf);
/*
 * kernel/x86/entry.S -> kernel/proc/syscall.c: about to return to user mode and
 * there is something to do (percpu_need_resched, or the thread's t_work). Called
 * with interrupts off, returns with interrupts off and nothing left to do.
 */
void user_return_work(struct trapframe *tf);
/* kernel/x86/trap.c -> kernel/core/irq.c: device vector. Interrupt context. */
void irq_dispatch(unsigned int vec, struct trapframe *tf);
/* kernel/x86 -> kernel/core/timer.c: the event of clock_set_event(). Interrupt context. */
void timer_interrupt(struct trapframe *tf);
/* kernel/x86/trap.c -> kernel/core/profile.c: an NMI. False: it was not the profiler's. */
bool profile_nmi(const struct trapframe *tf);
/* kernel/x86/switch.S -> kernel/core/sched.c: first code of a new thread, finishes the switch. */
void sched_first_run(struct thread *prev);
/* kernel/x86/trap.c -> mm/fault.c. Interrupts as they were. True: retry the instruction. */
bool page_fault(struct trapframe *tf, vaddr_t addr, u32 err);
/*
 * kernel/x86/trap.c, mm/fault.c -> ipc/signal.c: a fault of the running user
 * thread; the signal cannot be blocked or ignored away.
 */
void signal_fault(int sig, int code, vaddr_t addr);
/* kernel/x86/pagetable.c -> mm/page.c: a zeroed page-table page / give one back, zero again. */
paddr_t pt_page_alloc(void);
void pt_page_free(paddr_t pa);
/* kernel/x86/fpu.c -> mm/fpuarea.c: save areas. */
void *fpu_area_alloc(void);
void fpu_area_free(void *area);
/* fs -> ipc/signal.c: send sig to the current thread (SIGXFSZ). */
void signal_self(int sig);
/* kernel/core/waitq.c, sched.c -> ipc/signal.c: is there a signal that interrupts this sleep? */
bool signal_pending_slow(struct thread *t);
/*
 * fs/poll.c, epoll.c -> ipc/sys_signal.c. Set the signal mask at user address set (NULL: leave
 * it) for the length of the call; 0, -EFAULT, -EINVAL (size). Once it succeeded, done() must
 * follow: it puts the mask back, or when the wait was interrupted leaves that to delivery.
 */
int signal_temp_mask(const void __user *set, size_t size);
void signal_temp_mask_done(bool interrupted);
/*
 * For an interrupted call whose time-out must not start anew: have restart_syscall(2) run fn
 * with arg. Returns -ERESTART_RESTARTBLOCK, which the call returns.
 */
long signal_restart_block(long (*fn)(u64 arg[4]), const u64 arg[4]);
/* kernel/core/waitq.c -> fs/blkdev.c: the thread is about to sleep; hand over its plugged I/O. */
void blk_flush_plug(void);
/* kernel/core -> kernel/proc/exit.c: free what higher levels hang on a thread / process. */
void thread_release_upper(struct thread *t);
void proc_release_upper(struct proc *p);
/* mm/sys_mm.c -> fs/pagecache.c: what mmap of a descriptor maps. See there. */
int file_mmap(int fd, int prot, int flags, u64 offset, u64 len,
	      struct vm_object **obj);
/* mm -> fs: a name for /proc/PID/maps; writes at most size bytes including NUL, returns length. */
int vm_object_name(struct vm_object *obj, char *buf, size_t size);
/*
 * mm/page.c -> mm/reclaim.c: there is no free memory; have some given back. round counts from 0
 * for one allocation. False: that was all there is. Sleeps.
 */
bool page_reclaim(unsigned int order, unsigned int flags, unsigned int round);
/* mm/page.c -> mm/pageout.c: memory gets short. No spin locks. */
void pageout_wake(void);
/* mm/reclaim.c -> fs: free up to n unused cached pages, vnodes, names; returns how many pages. */
unsigned long cache_reclaim(unsigned long n);
/*
 * mm -> kernel/proc/oom.c: kill the largest process so that memory comes back. True: somebody
 * else is about to give memory back. Sleeps a little.
 */
bool oom_kill(void);
/* fs/procfs -> the same: pages that the death of p would give back. proctree_lock held. */
u64 oom_badness(struct proc *p);

/* Signal sets of a thread and what its process ignores and catches, for fs/procfs. */
struct sigreport {
	u64 sr_pending, sr_shared, sr_blocked, sr_ignored, sr_caught;
	unsigned int sr_queued;
};
/* fs/procfs -> ipc/sigstate.c. The caller holds references on t and its process. */
void signal_report(struct thread *t, struct sigreport *out);
/*
 * fs/procfs -> drivers/tty_job.c: number of a session's terminal, 0: none; *pgid is its
 * foreground group, or -1. proctree_lock held.
 */
u64 tty_nr(const struct session *se, pid_t *pgid);
/* fs/procfs -> drivers/random.c: n unpredictable bytes. Any context, never fails. */
void random_bytes(void *buf, size_t n);
/*
 * fs/procfs -> kernel/proc/sys_system.c: what uname(2) says; set the two names that can be.
 * -EINVAL: too long.
 */
void uts_get(struct new_utsname *out);
int uts_set_nodename(const char *name);
int uts_set_domainname(const char *name);

#endif
