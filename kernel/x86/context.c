/* SPDX-License-Identifier: MIT */
/*
 * Switching threads, and making the stack of a new one. The scheduler calls
 * arch_switch() with interrupts off; kernel/proc/fork.c and kernel/core/thread.c make threads.
 *
 * A thread that is switched out has on its stack what switch_stacks (switch.S)
 * pushes; a new one has the same, made by hand, with thread_first_code as the
 * return address. At the top of every stack there is room for one trapframe.
 *
 * FS and GS base: with FSGSBASE a program changes them without our knowledge, so the
 * registers are read at switch-out; they are written only when they differ. In the
 * kernel the user's GS base is the one that SWAPGS would load.
 */
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/lib/string.h"
#include "kernel/x86/context.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/desc.h"
#include "kernel/x86/memlayout.h"
#include "kernel/x86/pagetable.h"

#define MSR_FS_BASE		0xc0000100
#define MSR_KERNEL_GS_BASE	0xc0000102

/* What switch_stacks pops. */
struct switch_frame {
	u64 sf_r15, sf_r14, sf_r13, sf_r12, sf_rbx, sf_rbp;
	u64 sf_rip;
};

BUILD_ASSERT(sizeof(struct trapframe) % 16 == 0);
BUILD_ASSERT(KSTACK_SIZE % 16 == 0);

struct thread *switch_stacks(u64 *save_rsp, u64 load_rsp, struct thread *prev);
void thread_first_code(void);

static u64 fsbase_read(void)
{
	return cpu_features.fsgsbase ? rdfsbase() : rdmsr(MSR_FS_BASE);
}

static void fsbase_write(u64 base)
{
	if (cpu_features.fsgsbase)
		wrfsbase(base);
	else
		wrmsr(MSR_FS_BASE, base);
}

/* The user's. Interrupts off: between the two SWAPGS there is no per-CPU data. */
static u64 gsbase_read(void)
{
	u64 base;

	if (!cpu_features.fsgsbase)
		return rdmsr(MSR_KERNEL_GS_BASE);
	swapgs();
	base = rdgsbase();
	swapgs();
	return base;
}

static void gsbase_write(u64 base)
{
	if (!cpu_features.fsgsbase) {
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return;
	}
	swapgs();
	wrgsbase(base);
	swapgs();
}

struct thread *arch_switch(struct arch_thread *prev, struct arch_thread *next,
			   struct thread *prev_thread, struct pmap *next_pmap)
{
	DASSERT(!irqs_enabled() && prev != next);
	fpu_switch(&prev->at_fpu, &next->at_fpu);
	prev->at_fsbase = fsbase_read();
	if (next->at_fsbase != prev->at_fsbase)
		fsbase_write(next->at_fsbase);
	prev->at_gsbase = gsbase_read();
	if (next->at_gsbase != prev->at_gsbase)
		gsbase_write(next->at_gsbase);
	this_cpu(percpu_kstack_top) = next->at_kstack_top;
	this_cpu(percpu_tss).tss_rsp[0] = next->at_kstack_top;
	pmap_activate(next_pmap);
	return switch_stacks(&prev->at_rsp, next->at_rsp, prev_thread);
}

static struct switch_frame *stack_init(struct arch_thread *at, void *stack_top)
{
	struct switch_frame *sf;

	KASSERT(IS_ALIGNED((uintptr_t)stack_top, 16));
	at->at_kstack_top = (u64)stack_top;
	sf = (struct switch_frame *)arch_user_frame(at) - 1;
	*sf = (struct switch_frame){ .sf_rip = (u64)thread_first_code };
	at->at_rsp = (u64)sf;
	return sf;
}

void arch_thread_init_kernel(struct arch_thread *at, void *stack_top,
			     void (*fn)(void *), void *arg)
{
	struct switch_frame *sf = stack_init(at, stack_top);

	memset(arch_user_frame(at), 0, sizeof(struct trapframe));
	sf->sf_rbx = (u64)fn;
	sf->sf_r12 = (u64)arg;
}

void arch_thread_init_user(struct arch_thread *at, void *stack_top,
			   const struct trapframe *tf)
{
	stack_init(at, stack_top);
	*arch_user_frame(at) = *tf;
}

void arch_thread_init_boot(struct arch_thread *at, void *stack_top)
{
	at->at_kstack_top = (u64)stack_top;
	this_cpu(percpu_kstack_top) = (u64)stack_top;
	this_cpu(percpu_tss).tss_rsp[0] = (u64)stack_top;
}

void arch_exec_frame(struct trapframe *tf, vaddr_t entry, vaddr_t sp)
{
	*tf = (struct trapframe){
		.tf_vec = TF_VEC_SYSCALL,
		.tf_rip = entry,
		.tf_cs = USER_CS,
		.tf_rflags = RFLAGS_IF | RFLAGS_FIXED,
		.tf_rsp = sp,
		.tf_ss = USER_DS,
	};
	arch_set_fsbase(0);
	arch_set_gsbase(0);
}

void arch_set_fsbase(u64 base)
{
	KASSERT(base < USER_TOP);
	fsbase_write(base);
}

u64 arch_get_fsbase(void)
{
	return fsbase_read();
}

void arch_set_gsbase(u64 base)
{
	irqflags_t f = irq_save();

	KASSERT(base < USER_TOP);
	gsbase_write(base);
	irq_restore(f);
}

u64 arch_get_gsbase(void)
{
	irqflags_t f = irq_save();
	u64 base = gsbase_read();

	irq_restore(f);
	return base;
}
