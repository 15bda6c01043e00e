/* SPDX-License-Identifier: MIT */
/*
 * Every way into the kernel and out of it. All build the same struct trapframe at
 * the top of the kernel stack.
 *
 *	SYSCALL			-> syscall_entry -> syscall_dispatch()
 *	vector 0..31		-> exception_entry -> trap_exception()
 *	NMI, #DF, #MC		-> paranoid_entry (own stack) -> trap_paranoid()
 *	vector 32..255		-> interrupt_entry -> trap_interrupt()
 *
 * Invariants:
 *  1. In the kernel GS base is this CPU's; SWAPGS runs exactly when the privilege
 *     changes, with interrupts off, and is decided by CS in the frame. Only what
 *     comes in on an IST stack cannot rely on that, and loads GS base from there.
 *  2. User code is entered with interrupts off since the last look at
 *     percpu_need_resched and t_work: nothing that was posted before is missed.
 *  3. The only instruction of the kernel that may fault on behalf of a bad user
 *     context is iret_to_user; see bad_iret.
 *  4. SYSCALL clears IF, DF, TF, AC and NT by SFMASK; interrupts and exceptions
 *     leave DF and AC as they were, so those entries clear them.
 */
#include <asm-offsets.h>
#include "kernel/x86/alternatives.h"
#include "kernel/x86/desc.h"
#include "kernel/x86/frame.h"
#include "kernel/x86/trap.h"

#define MSR_GS_BASE	0xc0000101

/*
 * The .cfi lines are for GDB: with them a backtrace goes from the kernel through
 * here to user code. They go into .debug_frame, never into memory. The frame's
 * end is the "canonical frame address" from which they count.
 */
	.cfi_sections .debug_frame

/* rsp points at this field of a struct trapframe; what lies above is there. */
.macro FRAME_FROM field
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, TF_SIZE - \field
	.cfi_offset rip, TF_RIP - TF_SIZE
	.cfi_offset rsp, TF_RSP - TF_SIZE
.endm

.macro PUSH reg
	pushq	%\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
.endm

.macro POP reg
	popq	%\reg
	.cfi_adjust_cfa_offset -8
	.cfi_restore \reg
.endm

/* Everything below tf_vec, in the order of struct trapframe. */
.macro PUSH_REGS
	.irp	reg, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	PUSH	\reg
	.endr
.endm

.macro POP_REGS
	.irp	reg, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	POP	\reg
	.endr
.endm

	.text

/* ---- system calls ---------------------------------------------------------- */

/*
 * rax: number; rdi rsi rdx r10 r8 r9: arguments; rcx: return address; r11: flags.
 * rsp is still the user's until the third instruction.
 */
	.globl	syscall_entry
	.type	syscall_entry, @function
	.balign	16
syscall_entry:
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 0
	.cfi_register rip, rcx
	swapgs
	movq	%rsp, %gs:percpu_user_rsp
	movq	%gs:percpu_kstack_top, %rsp
	pushq	$USER_DS
	pushq	%gs:percpu_user_rsp
	.cfi_def_cfa_offset TF_SIZE - TF_RSP
	.cfi_offset rsp, TF_RSP - TF_SIZE
	pushq	%r11
	pushq	$USER_CS
	pushq	%rcx
	pushq	%rax			/* tf_err */
	pushq	$TF_VEC_SYSCALL
	.cfi_def_cfa_offset TF_SIZE - TF_VEC
	.cfi_offset rip, TF_RIP - TF_SIZE
	PUSH_REGS
	sti
	movq	%rsp, %rdi
	xorl	%ebp, %ebp		/* the chain of frames ends here */
	call	syscall_dispatch

	.globl	user_return
user_return:
	cli
	movq	%gs:percpu_current, %rax
	movl	T_WORK(%rax), %eax
	orl	%gs:percpu_need_resched, %eax
	jnz	.Lsyscall_work
.Lsyscall_exit:
	/*
	 * SYSRET loads rip from rcx and rflags from r11 and makes up the rest, so it
	 * will do only when the frame says just that (exec, sigreturn and signal
	 * delivery change it). It faults in the kernel, on the user's stack,
	 * for a rip that is not canonical, and it cannot restore TF or RF.
	 */
	movq	TF_RCX(%rsp), %rcx
	movq	TF_R11(%rsp), %r11
	cmpq	%rcx, TF_RIP(%rsp)
	jne	.Lslow_exit
	cmpq	%r11, TF_RFLAGS(%rsp)
	jne	.Lslow_exit
	cmpq	$USER_CS, TF_CS(%rsp)
	jne	.Lslow_exit
	cmpq	$USER_DS, TF_SS(%rsp)
	jne	.Lslow_exit
	testl	$RFLAGS_TF | RFLAGS_RF, %r11d
	jnz	.Lslow_exit
	shrq	$47, %rcx
	jnz	.Lslow_exit
	.cfi_remember_state
	POP_REGS
	movq	TF_RSP - TF_VEC(%rsp), %rsp
	.cfi_def_cfa_offset 0
	.cfi_register rip, rcx
	.cfi_restore rsp
	swapgs
	sysretq
	.cfi_restore_state

.Lsyscall_work:
	movq	%rsp, %rdi
	call	user_return_work
	jmp	.Lsyscall_exit

/* The frame is one for user mode, whatever a signal frame has put there. */
.Lslow_exit:
	orb	$3, TF_CS(%rsp)
	orb	$3, TF_SS(%rsp)
.Lreturn_to_user:
	POP_REGS
	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	swapgs
	.globl	iret_to_user
iret_to_user:
	iretq
	.cfi_endproc
	.size	syscall_entry, . - syscall_entry

/* ---- exceptions ------------------------------------------------------------ */

	.type	exception_entry, @function
	.balign	16
exception_entry:
	FRAME_FROM TF_VEC
	testb	$3, TF_CS - TF_VEC(%rsp)
	jz	.Lexception_in_kernel
	swapgs
.Lexception_save:
	.cfi_remember_state
	PUSH_REGS
	cld
	CLAC
	movq	%rsp, %rdi
	xorl	%ebp, %ebp
	call	trap_exception
	cli
	testb	$3, TF_CS(%rsp)
	jz	.Lreturn_to_kernel
	jmp	.Luser_exit

	.cfi_restore_state
.Lexception_in_kernel:
	cmpq	$iret_to_user, TF_RIP - TF_VEC(%rsp)
	je	bad_iret
	PUSH_REGS
	cld
	CLAC
	movq	%rsp, %rdi
	call	trap_exception
	cli
.Lreturn_to_kernel:
	POP_REGS
	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	iretq
	.cfi_endproc
	.size	exception_entry, . - exception_entry

/*
 * IRETQ refused what a signal frame or a debugger had put into rip, cs, ss or rsp. The five
 * words that it read are still at the top of the stack, and the registers are the
 * user's, GS base too: make it an exception of user mode, with those words as its
 * frame, so that the thread gets its signal.
 */
	.type	bad_iret, @function
bad_iret:
	swapgs
	popq	%gs:bad_iret_vec
	popq	%gs:bad_iret_err
	movq	%gs:percpu_kstack_top, %rsp
	subq	$5 * 8, %rsp
	orb	$3, TF_CS - TF_RIP(%rsp)
	orb	$3, TF_SS - TF_RIP(%rsp)
	pushq	%gs:bad_iret_err
	pushq	%gs:bad_iret_vec
	jmp	.Lexception_save
	.size	bad_iret, . - bad_iret

/* ---- interrupts ------------------------------------------------------------ */

	.type	interrupt_entry, @function
	.balign	16
interrupt_entry:
	FRAME_FROM TF_VEC
	testb	$3, TF_CS - TF_VEC(%rsp)
	jz	.Linterrupt_in_kernel
	swapgs
	.cfi_remember_state
	PUSH_REGS
	cld
	CLAC
	movq	%rsp, %rdi
	xorl	%ebp, %ebp
	call	trap_interrupt
.Luser_exit:
	movq	%gs:percpu_current, %rax
	movl	T_WORK(%rax), %eax
	orl	%gs:percpu_need_resched, %eax
	jz	.Lreturn_to_user
	movq	%rsp, %rdi
	call	user_return_work
	orb	$3, TF_CS(%rsp)
	orb	$3, TF_SS(%rsp)
	jmp	.Lreturn_to_user

	.cfi_restore_state
.Linterrupt_in_kernel:
	PUSH_REGS
	cld
	CLAC
	movq	%rsp, %rdi
	call	trap_interrupt
	jmp	.Lreturn_to_kernel
	.cfi_endproc
	.size	interrupt_entry, . - interrupt_entry

/*
 * NMI, #DF, #MC: on an IST stack, whose first word above the frame is the GS base
 * of this CPU. The old one may be either's, so it is kept in rbx and put back.
 */
	.type	paranoid_entry, @function
	.balign	16
paranoid_entry:
	FRAME_FROM TF_VEC
	PUSH_REGS
	cld
	CLAC
	movl	$MSR_GS_BASE, %ecx
	rdmsr
	shlq	$32, %rdx
	orq	%rdx, %rax
	movq	%rax, %rbx
	movq	TF_SIZE(%rsp), %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	wrmsr
	movq	%rsp, %rdi
	call	trap_paranoid
	movl	$MSR_GS_BASE, %ecx
	movq	%rbx, %rax
	movq	%rbx, %rdx
	shrq	$32, %rdx
	wrmsr
	jmp	.Lreturn_to_kernel
	.cfi_endproc
	.size	paranoid_entry, . - paranoid_entry

/* ---- the 256 stubs that the IDT points at ---------------------------------- */

#define HAS_ERROR_CODE	0x60227d00	/* bits 8, 10-14, 17, 21, 29, 30 */

	.globl	trap_stubs
	.type	trap_stubs, @function
	.balign	16
trap_stubs:
	FRAME_FROM TF_RIP
	.set	vec, 0
	.rept	256
	.balign	16
	.if	vec >= VEC_EXCEPTIONS
	.cfi_def_cfa_offset TF_SIZE - TF_RIP
	pushq	$0
	.cfi_adjust_cfa_offset 8
	pushq	$vec
	.cfi_adjust_cfa_offset 8
	jmp	interrupt_entry
	.else
	.if	((HAS_ERROR_CODE >> vec) & 1) == 0
	.cfi_def_cfa_offset TF_SIZE - TF_RIP
	pushq	$0
	.endif
	.cfi_def_cfa_offset TF_SIZE - TF_RIP + 8
	pushq	$vec
	.cfi_adjust_cfa_offset 8
	.if	vec == VEC_NMI || vec == VEC_DOUBLE_FAULT || vec == VEC_MACHINE_CHECK
	jmp	paranoid_entry
	.else
	jmp	exception_entry
	.endif
	.endif
	.set	vec, vec + 1
	.endr
	.cfi_endproc
	.size	trap_stubs, . - trap_stubs

	.section .percpu, "aw"
	.balign	8
bad_iret_vec:
	.quad	0
bad_iret_err:
	.quad	0

	.section .note.GNU-stack, "", @progbits
