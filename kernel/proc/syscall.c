/* SPDX-License-Identifier: MIT */
/*
 * System-call dispatch, and what is due before a thread goes back to user mode.
 *
 * entry.S calls syscall_dispatch() with interrupts on and the number in tf_err (Linux's
 * orig_rax, so that a restarted call finds it again). user_return_work() is called only
 * when there is something to do.
 */
#include <abi/syscall.h>
#include <errno.h>
#include <kernel/upcalls.h>
#include "ipc/ipc.h"
#include "ipc/signal.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/core/statreg.h"
#include "kernel/core/trace.h"
#include "kernel/proc/lifecycle.h"
#include "kernel/proc/syscall.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/frame.h"
#include "mm/uaccess.h"

static u32 missing[SYSCALL_MAX];	/* [a] calls of numbers that are not there */

static long missing_call(u32 nr)
{
	if (nr < SYSCALL_MAX)
		__atomic_fetch_add(&missing[nr], 1, __ATOMIC_RELAXED);
	return -ENOSYS;
}

void syscall_dispatch(struct trapframe *tf)
{
	u32 nr = (u32)tf->tf_err;	/* as on Linux: the upper half does not count */
	syscall_fn fn = NULL;

	if (likely(nr < SYSCALL_MAX))
		fn = syscall_table[nr].sc_fn;
	if (unlikely(!fn)) {
		tf->tf_rax = (u64)missing_call(nr);
		return;
	}
	trace(TRACE_SYSCALL_ENTER, nr, tf->tf_rdi, tf->tf_rsi, tf->tf_rdx);
	tf->tf_rax = (u64)fn(tf->tf_rdi, tf->tf_rsi, tf->tf_rdx, tf->tf_r10, tf->tf_r8,
			     tf->tf_r9);
	trace(TRACE_SYSCALL_EXIT, nr, tf->tf_rax, 0, 0);
	lockrank_assert_none();
}

/* One round of work, interrupts on. */
static void return_work(struct thread *t, struct trapframe *tf, int work)
{
	if (work & TW_SET_TID) {
		atomic_and(&t->t_work, ~TW_SET_TID);
		(void)put_user_u32(t->t_set_tid, (u32)t->t_tid);
	}
	if (work & TW_SIGIO) {
		atomic_and(&t->t_work, ~TW_SIGIO);
		sigio_drain();
	}
	/* Signals before exit: a fatal one says with which status the process ends. */
	if (work & (TW_SIGNAL | TW_STOP | TW_RESTORE_MASK))
		signal_deliver(tf);
	/* A fatal signal that came since `work` was read is for the next round. */
	if ((atomic_read(&t->t_work) & TW_EXIT) && !signal_doomed(t->t_proc))
		thread_exit(t->t_proc->p_group_exit ? t->t_proc->p_exit_code : 0);
}

void user_return_work(struct trapframe *tf)
{
	struct thread *t = current;

	for (;;) {
		int work = atomic_read(&t->t_work);

		if (!work && !this_cpu(percpu_need_resched))
			break;
		irq_enable();
		if (this_cpu(percpu_need_resched))
			schedule();
		if (work)
			return_work(t, tf, work);
		irq_disable();
	}
}

static void show_missing(struct statbuf *sb)
{
	for (unsigned int nr = 0; nr < SYSCALL_MAX; nr++)
		if (missing[nr])
			stat_printf(sb, "%u %s %u\n", nr, syscall_names[nr] ?: "?", missing[nr]);
}

void syscall_init(void)
{
	static struct statreport report = {
		.sr_name = "missing_syscalls", .sr_show = show_missing,
	};

	statreport_register(&report);
}
