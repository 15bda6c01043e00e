/* SPDX-License-Identifier: MIT */
/*
 * Exchanging stacks, and the first instructions of new threads. The rest of a
 * switch is C: kernel/x86/context.c.
 */
	.text

/*
 * struct thread *switch_stacks(u64 *save_rsp, u64 load_rsp, struct thread *prev)
 * Saves what the C calling convention preserves on the old stack, returns prev on
 * the new one. Interrupts off.
 */
	.globl	switch_stacks
	.type	switch_stacks, @function
	.balign	16
switch_stacks:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	movq	%rdx, %rax
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	switch_stacks, . - switch_stacks

/*
 * A new thread comes out of switch_stacks here (context.c built its stack), with the
 * thread before it in rax. rbx: kernel function or 0, r12: its argument. A function that
 * returns has made the frame at the top of the stack (exec), as
 * has whoever made a user thread.
 */
	.globl	thread_first_code
	.type	thread_first_code, @function
	.balign	16
thread_first_code:
	.cfi_sections .debug_frame
	.cfi_startproc simple
	.cfi_def_cfa rsp, 0
	.cfi_undefined rip		/* for GDB: nobody has called this */
	movq	%rax, %rdi
	xorl	%ebp, %ebp
	call	sched_first_run
	testq	%rbx, %rbx
	jz	1f
	sti
	movq	%r12, %rdi
	call	*%rbx
1:	jmp	user_return
	.cfi_endproc
	.size	thread_first_code, . - thread_first_code

	.section .note.GNU-stack, "", @progbits
