/* SPDX-License-Identifier: MIT */
/*
 * Trace rings: the newest records of every CPU. A CPU writes to its own ring
 * only, with interrupts off for the few stores, so there is no lock.
 */
#include "kernel/core/printk.h"
#include "kernel/core/thread.h"
#include "kernel/core/trace.h"
#include "kernel/x86/cpu.h"

#define TRACE_RECORDS	256		/* per CPU; power of two */

struct trace_ring {
	struct trace_record tr_rec[TRACE_RECORDS];
	u64 tr_next;			/* records ever written */
};

static DEFINE_PERCPU(struct trace_ring, trace_rings);

/* On from the start: what happens rarely, and what a panic report wants to show. */
u32 trace_mask = 1u << TRACE_FORK | 1u << TRACE_EXEC | 1u << TRACE_EXIT |
		 1u << TRACE_SIGNAL;

static const char *const event_names[TRACE_NEVENTS] = {
	[TRACE_SYSCALL_ENTER] = "syscall", [TRACE_SYSCALL_EXIT] = "sysret",
	[TRACE_SWITCH] = "switch", [TRACE_WAKE] = "wake", [TRACE_FAULT] = "fault",
	[TRACE_PAGE_ALLOC] = "page_alloc", [TRACE_PAGE_FREE] = "page_free",
	[TRACE_IRQ] = "irq", [TRACE_FORK] = "fork", [TRACE_EXEC] = "exec",
	[TRACE_EXIT] = "exit", [TRACE_SIGNAL] = "signal", [TRACE_BLKIO] = "blkio",
	[TRACE_PACKET] = "packet",
};

void trace_write(enum trace_event ev, u64 a, u64 b, u64 c, u64 d)
{
	irqflags_t f = irq_save();
	struct trace_ring *r = this_cpu_ptr(trace_rings);
	struct thread *t = current;

	r->tr_rec[r->tr_next++ % TRACE_RECORDS] = (struct trace_record){
		.tr_tsc = rdtsc(), .tr_event = ev,
		.tr_tid = t ? (u32)t->t_tid : 0, .tr_arg = { a, b, c, d },
	};
	irq_restore(f);
}

void trace_print_newest(unsigned int n)
{
	struct trace_ring *r = this_cpu_ptr(trace_rings);
	u64 i = r->tr_next > n ? r->tr_next - n : 0;

	if (r->tr_next)
		printk(KERN_ERR "newest trace events of cpu %u:\n", cpu_id());
	for (; i < r->tr_next; i++) {
		const struct trace_record *rec = &r->tr_rec[i % TRACE_RECORDS];

		printk(KERN_ERR "  tsc %llu tid %u %s %llx %llx %llx %llx\n",
		       (unsigned long long)rec->tr_tsc, rec->tr_tid,
		       event_names[rec->tr_event],
		       (unsigned long long)rec->tr_arg[0],
		       (unsigned long long)rec->tr_arg[1],
		       (unsigned long long)rec->tr_arg[2],
		       (unsigned long long)rec->tr_arg[3]);
	}
}
