/* SPDX-License-Identifier: MIT */
/*
 * The C side of exceptions and interrupts: decodes the frame and calls whoever the
 * event is for. entry.S calls the three entries with interrupts off.
 *
 *	user mode	an exception becomes a signal, a page fault goes to mm
 *	kernel mode	a page fault goes to mm; what it does not resolve, and #GP, is
 *			looked up in the fixup table (user copies); the rest is a panic
 *
 * Interrupt handlers run with interrupts off on the stack of the thread that they
 * interrupt; percpu_irq_depth tells.
 */
#include <abi/signal.h>
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/x86/clock.h"
#include "kernel/x86/context.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/fpu.h"
#include "kernel/x86/irqchip.h"
#include "kernel/x86/memlayout.h"
#include "kernel/x86/smp.h"
#include "kernel/x86/trap.h"

#define DR6_SINGLE_STEP	0x4000
#define DR6_BREAKPOINTS	0xf
#define DR6_RESET	0xffff0ff0UL

/* The most that the CPU pushes for an exception: six words, aligned (SDM vol. 3, 6.14). */
#define FAULT_FRAME_SIZE	64

struct fixup {
	u64 fx_insn;
	u64 fx_resume;
};

extern const struct fixup ex_table_start[], ex_table_end[];

static const char *const exception_names[] = {
	[VEC_DIVIDE] = "divide error", [VEC_DEBUG] = "debug exception",
	[VEC_BREAKPOINT] = "breakpoint", [VEC_OVERFLOW] = "overflow",
	[VEC_BOUND] = "bound range exceeded",
	[VEC_INVALID_OPCODE] = "invalid opcode",
	[VEC_NO_FPU] = "FPU used", [VEC_INVALID_TSS] = "invalid TSS",
	[VEC_NOT_PRESENT] = "segment not present",
	[VEC_STACK] = "stack segment fault",
	[VEC_PROTECTION] = "general protection fault",
	[VEC_PAGE_FAULT] = "page fault", [VEC_FPU] = "x87 exception",
	[VEC_ALIGNMENT] = "alignment check", [VEC_SIMD] = "SIMD exception",
};

void trap_check_fixups(void)
{
	for (const struct fixup *f = ex_table_start; f + 1 < ex_table_end; f++)
		KASSERT(f[0].fx_insn < f[1].fx_insn);
}

static const struct fixup *fixup_find(u64 rip)
{
	const struct fixup *lo = ex_table_start, *hi = ex_table_end;

	while (lo < hi) {
		const struct fixup *mid = lo + (hi - lo) / 2;

		if (mid->fx_insn == rip)
			return mid;
		if (mid->fx_insn < rip)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool trap_fixup(struct trapframe *tf)
{
	const struct fixup *f = fixup_find(tf->tf_rip);

	if (!f)
		return false;
	tf->tf_rip = f->fx_resume;
	return true;
}

/* Signal code of an x87 exception: the first unmasked one (SDM vol. 1, 8.5). */
static int fpe_code(u32 raised)
{
	if (raised & 0x01)
		return FPE_FLTINV;
	if (raised & 0x04)
		return FPE_FLTDIV;
	if (raised & 0x08)
		return FPE_FLTOVF;
	if (raised & 0x12)
		return FPE_FLTUND;	/* underflow, or a denormal operand */
	if (raised & 0x20)
		return FPE_FLTRES;
	return 0;
}

/*
 * The signal code of those exceptions that registers tell about. Interrupts off: the registers
 * are still this thread's.
 */
static int exception_code(const struct trapframe *tf)
{
	u32 mxcsr;
	u64 dr6;

	switch (tf->tf_vec) {
	case VEC_DEBUG:
		dr6 = read_dr6();
		write_dr6(DR6_RESET);
		return dr6 & DR6_SINGLE_STEP ? TRAP_TRACE :
		       dr6 & DR6_BREAKPOINTS ? TRAP_HWBKPT : TRAP_BRKPT;
	case VEC_FPU:
		return fpe_code(read_fsw() & ~read_fcw() & 0x3f);
	case VEC_SIMD:
		mxcsr = read_mxcsr();
		return fpe_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
	default:
		return 0;
	}
}

/* An exception of user mode that is not a page fault. Interrupts on. */
static void user_exception(const struct trapframe *tf, int code)
{
	switch (tf->tf_vec) {
	case VEC_DIVIDE:
		signal_fault(SIGFPE, FPE_INTDIV, tf->tf_rip);
		break;
	case VEC_DEBUG:
		signal_fault(SIGTRAP, code, tf->tf_rip);
		break;
	case VEC_BREAKPOINT:
		signal_fault(SIGTRAP, SI_KERNEL, 0);
		break;
	case VEC_INVALID_OPCODE:
		signal_fault(SIGILL, ILL_ILLOPN, tf->tf_rip);
		break;
	case VEC_NO_FPU:
		if (!fpu_trap())
			signal_fault(SIGKILL, SI_KERNEL, 0);
		break;
	case VEC_STACK:
	case VEC_NOT_PRESENT:
		signal_fault(SIGBUS, SI_KERNEL, 0);
		break;
	case VEC_ALIGNMENT:
		signal_fault(SIGBUS, BUS_ADRALN, 0);
		break;
	case VEC_FPU:
	case VEC_SIMD:
		signal_fault(SIGFPE, code, tf->tf_rip);
		break;
	default:	/* #GP, #OF, #BR, #TS */
		signal_fault(SIGSEGV, SI_KERNEL, 0);
		break;
	}
}

/* What struct arch_thread keeps for the signal frame. */
static void note_fault(const struct trapframe *tf, vaddr_t addr)
{
	struct arch_thread *at = arch_current();

	at->at_trapno = tf->tf_vec;
	at->at_fault_err = tf->tf_err;
	if (tf->tf_vec == VEC_PAGE_FAULT)
		at->at_fault_addr = addr;
}

/* Panic if the fault at addr is this CPU's kernel stack running into its guard page. */
static void check_stack_overflow(const struct trapframe *tf, vaddr_t addr)
{
	u64 top = this_cpu(percpu_kstack_top);
	u64 bottom = top - KSTACK_SIZE;

	if (addr < bottom && addr >= bottom - PAGE_SIZE)
		panic_frame(tf, "kernel stack overflow: rsp %016lx, stack %016lx to %016lx",
			    tf->tf_rsp, bottom, top);
}

static void kernel_page_fault(struct trapframe *tf, vaddr_t addr)
{
	u32 err = (u32)tf->tf_err;

	if (addr < USER_TOP) {
		/* Only instructions that expect it may touch user memory. */
		if (!fixup_find(tf->tf_rip))
			panic_frame(tf, "kernel %s user address %016lx outside a user copy",
				    err & PF_EXEC ? "jumps to" :
				    err & PF_WRITE ? "writes" : "reads", addr);
		if (page_fault(tf, addr, err) || trap_fixup(tf))
			return;
	} else if (page_fault(tf, addr, err)) {
		return;
	}
	check_stack_overflow(tf, addr);
	panic_frame(tf, "kernel page fault: %s %016lx (%s)",
		    err & PF_EXEC ? "execute" : err & PF_WRITE ? "write" : "read",
		    addr, err & PF_PRESENT ? "protection" : "not mapped");
}

static void kernel_exception(struct trapframe *tf)
{
	const char *name = NULL;

	if (tf->tf_vec == VEC_PROTECTION && trap_fixup(tf))
		return;
	if (tf->tf_vec < ARRAY_SIZE(exception_names))
		name = exception_names[tf->tf_vec];
	panic_frame(tf, "%s in the kernel", name ? name : "unknown exception");
}

/* Interrupts off; on meanwhile if the interrupted code had them on. */
void trap_exception(struct trapframe *tf)
{
	bool user = frame_from_user(tf);
	bool is_page_fault = tf->tf_vec == VEC_PAGE_FAULT;
	vaddr_t addr = is_page_fault ? read_cr2() : 0;
	int code = 0;

	if (user) {
		note_fault(tf, addr);
		code = exception_code(tf);
	}
	if (tf->tf_rflags & RFLAGS_IF)
		irq_enable();
	if (is_page_fault && user) {
		if (!page_fault(tf, addr, (u32)tf->tf_err))
			signal_fault(SIGSEGV, SEGV_MAPERR, addr);
	} else if (is_page_fault) {
		kernel_page_fault(tf, addr);
	} else if (user) {
		user_exception(tf, code);
	} else {
		kernel_exception(tf);
	}
}

void trap_interrupt(struct trapframe *tf)
{
	unsigned int vec = (unsigned int)tf->tf_vec;

	this_cpu(percpu_irq_depth)++;
	this_cpu(percpu_irq_counts[vec])++;
	switch (vec) {
	case VEC_TIMER:
		irqchip_eoi(vec);
		clock_interrupt(tf);
		break;
	case VEC_RESCHED:
		/* The way back to user mode, or the idle loop, looks at the flag. */
		irqchip_eoi(vec);
		break;
	case VEC_CALL:
		irqchip_eoi(vec);
		smp_call_interrupt();
		break;
	default:
		if (irqchip_is_spurious(vec))
			break;
		irq_dispatch(vec, tf);
		irqchip_eoi(vec);
		break;
	}
	this_cpu(percpu_irq_depth)--;
}

/* On an IST stack; nothing may be assumed about what was interrupted. */
void trap_paranoid(struct trapframe *tf)
{
	if (tf->tf_vec == VEC_DOUBLE_FAULT) {
		/* The frame of the first fault was pushed below rsp, and did not fit. */
		check_stack_overflow(tf, tf->tf_rsp - FAULT_FRAME_SIZE);
		panic_frame(tf, "double fault");
	}
	if (tf->tf_vec == VEC_MACHINE_CHECK)
		panic_frame(tf, "machine check");
	/* NMI: another CPU has panicked, the profiler looks, or the hardware complains. */
	if (irqchip_nmi_is_stop())
		for (;;)
			hlt();
	if (profile_nmi(tf))
		return;
	printk("NMI on CPU %u, reason %02x\n", cpu_id(), inb(0x61));
}
