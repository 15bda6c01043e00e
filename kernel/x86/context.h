/* SPDX-License-Identifier: MIT */
/*
 * The machine part of a thread, and switching between threads.
 */
#ifndef KERNEL_X86_CONTEXT_H
#define KERNEL_X86_CONTEXT_H

#include "kernel/x86/fpu.h"
#include "kernel/x86/frame.h"
#include "kernel/x86/percpu.h"

struct pmap;
struct thread;

struct arch_thread {
	u64 at_rsp;		/* [o] saved kernel stack pointer while switched out */
	u64 at_kstack_top;	/* [I] */
	u64 at_fsbase;		/* [o] valid while switched out, and as arch_prctl's value */
	u64 at_gsbase;		/* [o] the user's, while switched out */
	struct fpu at_fpu;
	vaddr_t at_fault_addr;	/* [o] CR2 of the last fault, for signal frames */
	u64 at_fault_err;
	u64 at_trapno;
};

/*
 * Switch from prev to next: stacks, FS/GS base, kernel stack pointer for
 * SYSCALL and the TSS, FPU, address space (next_pmap; NULL leaves what is
 * loaded as a loan: kernel threads need none). Returns, on next's stack, the thread that
 * was running before. Interrupts off.
 */
struct thread *arch_switch(struct arch_thread *prev, struct arch_thread *next,
			   struct thread *prev_thread, struct pmap *next_pmap);

/*
 * First switch-in calls fn(arg) on a fresh stack, interrupts on (after
 * sched_first_run()). Should fn return, the thread goes to user mode with the frame
 * that fn left in arch_user_frame(): that is how init begins.
 */
void arch_thread_init_kernel(struct arch_thread *at, void *stack_top,
			     void (*fn)(void *), void *arg);
/*
 * First switch-in returns to user mode with the frame *tf (copied to the top of
 * the stack). Neither this nor the one above touches FS base, GS base and FPU: 0 in
 * a zeroed structure, or what fork has put there.
 */
void arch_thread_init_user(struct arch_thread *at, void *stack_top,
			   const struct trapframe *tf);
/* The code that runs now becomes a thread (idle of its CPU), on the stack with this top. */
void arch_thread_init_boot(struct arch_thread *at, void *stack_top);

/* The running thread's. struct thread begins with it (thread.h, t_arch). */
static inline struct arch_thread *arch_current(void)
{
	return (struct arch_thread *)this_cpu(percpu_current);
}

/* The thread's frame, valid while it is in a system call or trap from user mode. */
static inline struct trapframe *arch_user_frame(struct arch_thread *at)
{
	return (struct trapframe *)at->at_kstack_top - 1;
}

/* Registers at the start of a program: all 0 but rip and rsp; FS/GS base 0, of current. */
void arch_exec_frame(struct trapframe *tf, vaddr_t entry, vaddr_t sp);

/* arch_prctl(2). Act on current; addresses must be below USER_TOP. */
void arch_set_fsbase(u64 base);
u64 arch_get_fsbase(void);
void arch_set_gsbase(u64 base);
u64 arch_get_gsbase(void);

#endif
