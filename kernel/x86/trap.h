/* SPDX-License-Identifier: MIT */
/*
 * Traps: IDT set-up and the C side of every entry. What a trap means is decided
 * by the upcalls in include/kernel/upcalls.h.
 */
#ifndef KERNEL_X86_TRAP_H
#define KERNEL_X86_TRAP_H

#include "kernel/x86/frame.h"

/* Exceptions, SDM vol. 3, table 6-1. */
#define VEC_DIVIDE		0
#define VEC_DEBUG		1
#define VEC_NMI			2
#define VEC_BREAKPOINT		3
#define VEC_OVERFLOW		4
#define VEC_BOUND		5
#define VEC_INVALID_OPCODE	6
#define VEC_NO_FPU		7
#define VEC_DOUBLE_FAULT	8
#define VEC_INVALID_TSS		10
#define VEC_NOT_PRESENT		11
#define VEC_STACK		12
#define VEC_PROTECTION		13
#define VEC_PAGE_FAULT		14
#define VEC_FPU			16
#define VEC_ALIGNMENT		17
#define VEC_MACHINE_CHECK	18
#define VEC_SIMD		19
#define VEC_EXCEPTIONS		32	/* below: exceptions */

#ifndef __ASSEMBLER__
void trap_init(void);		/* IDT (boot CPU), once */
void desc_init_cpu(unsigned int cpu);	/* GDT, TSS with IST stacks, SYSCALL MSRs, GS base */

/*
 * The kernel's fixup table: if a fault at kernel rip has an entry, set rip to
 * the recovery address and return true (user copies).
 */
bool trap_fixup(struct trapframe *tf);
void trap_check_fixups(void);	/* the table is sorted; panics if not */

/* entry.S calls these. Interrupts off on entry, as they like on return. */
void trap_exception(struct trapframe *tf);
void trap_interrupt(struct trapframe *tf);
void trap_paranoid(struct trapframe *tf);	/* on an IST stack */
#endif

#endif
