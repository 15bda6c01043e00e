/* SPDX-License-Identifier: MIT */
/*
 * User copies (usercopy.h). Each instruction that may fault on a user address has an entry in
 * the fixup table (EX): trap.c resumes at the second address. AC is set between STAC and CLAC
 * only, and every way out clears it.
 *
 * Remainders are exact: after a fault in a copy by words, a loop by bytes goes on from the
 * last place that is known to be done until it meets the fault itself.
 *
 * Bulk goes by rep movsq, an instruction per eight bytes under emulation (rep movsb
 * would be one per byte); up to 64 bytes plain moves are faster than its set-up.
 */
#include "kernel/x86/alternatives.h"

#define EFAULT	14

.macro EX from, to
	.pushsection __ex_table, "a"
	.quad	\from, \to
	.popsection
.endm

.macro FUNC name
	.globl	\name
	.type	\name, @function
	.balign	16
\name:
.endm

.macro END name
	.size	\name, . - \name
.endm

	.section .text.leaf, "ax"	/* no frames: the profiler asks the stack who called */

/* size_t usercopy(rdi dst, rsi src, rdx n); in and out are one, AC opens both. */
	.globl	usercopy_in
FUNC usercopy_out
usercopy_in:
	STAC
	cmpq	$64, %rdx
	ja	.Lbulk
.Lsmall:
	subq	$8, %rdx
	jb	.Lbelow8
1:	movq	(%rsi), %rax
2:	movq	%rax, (%rdi)
	addq	$8, %rsi
	addq	$8, %rdi
	subq	$8, %rdx
	jae	1b
.Lbelow8:
	addq	$8, %rdx		/* 0 to 7 are left */
	jz	.Ldone
	testb	$4, %dl
	jz	5f
3:	movl	(%rsi), %eax
4:	movl	%eax, (%rdi)
	addq	$4, %rsi
	addq	$4, %rdi
	subq	$4, %rdx
	jz	.Ldone
5:
.Lbytes:
6:	movb	(%rsi), %al
7:	movb	%al, (%rdi)
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jnz	6b
.Ldone:
	CLAC
	xorl	%eax, %eax
	ret

.Lbulk:
	movq	%rdx, %rcx
	shrq	$3, %rcx
	andl	$7, %edx
8:	rep movsq
	testl	%edx, %edx
	jnz	.Lbelow8_bulk
	CLAC
	xorl	%eax, %eax
	ret
.Lbelow8_bulk:
	subq	$8, %rdx
	jmp	.Lbelow8

/* rcx words and rdx bytes are left; rsi and rdi stand at the word that failed. */
.Lbulk_fault:
	leaq	(%rdx, %rcx, 8), %rdx
	jmp	.Lbytes
.Lsmall_fault:
	addq	$8, %rdx
	jmp	.Lbytes
.Lbyte_fault:
	CLAC
	movq	%rdx, %rax
	ret
END usercopy_out
	EX	1b, .Lsmall_fault
	EX	2b, .Lsmall_fault
	EX	3b, .Lbytes
	EX	4b, .Lbytes
	EX	6b, .Lbyte_fault
	EX	7b, .Lbyte_fault
	EX	8b, .Lbulk_fault

/* size_t usercopy_clear(rdi dst, rsi n) */
FUNC usercopy_clear
	STAC
	xorl	%eax, %eax
	movq	%rsi, %rcx
	movq	%rsi, %rdx
	shrq	$3, %rcx
	andl	$7, %edx
1:	rep stosq
	testl	%edx, %edx
	jz	4f
2:
3:	movb	%al, (%rdi)
	incq	%rdi
	decq	%rdx
	jnz	3b
4:	CLAC
	movq	%rdx, %rax
	ret
5:	leaq	(%rdx, %rcx, 8), %rdx
	jmp	2b
END usercopy_clear
	EX	1b, 5b
	EX	3b, 4b

/*
 * ssize_t usercopy_strncpy(rdi dst, rsi src, rdx max): by words while the next eight
 * bytes cannot cross into another page, where a fault would be ours and not the string's.
 * A word holds a zero byte if (w - 0x01..01) & ~w & 0x80..80.
 */
FUNC usercopy_strncpy
	STAC
	xorl	%eax, %eax
	movabsq	$0x0101010101010101, %r8
	movabsq	$0x8080808080808080, %r9
1:	leaq	8(%rax), %rcx
	cmpq	%rdx, %rcx
	ja	4f
	leaq	(%rsi, %rax), %r10
	andl	$0xfff, %r10d
	cmpl	$0xff8, %r10d
	ja	4f
2:	movq	(%rsi, %rax), %r10
	movq	%r10, %r11
	subq	%r8, %r11
	notq	%r10
	andq	%r10, %r11
	notq	%r10
	testq	%r9, %r11
	jnz	4f
	movq	%r10, (%rdi, %rax)
	movq	%rcx, %rax
	jmp	1b
	/* At most eight bytes singly, then words again. */
4:	leaq	8(%rax), %rcx
5:	cmpq	%rdx, %rax
	je	7f
6:	movb	(%rsi, %rax), %r10b
	movb	%r10b, (%rdi, %rax)
	testb	%r10b, %r10b
	jz	7f
	incq	%rax
	cmpq	%rcx, %rax
	jb	5b
	jmp	1b
7:	CLAC
	ret
END usercopy_strncpy
	EX	2b, fault_result
	EX	6b, fault_result

/* int usercopy_get_uN(rdi v, rsi p) */
.macro GET name, load, store
FUNC \name
	STAC
1:	\load
	CLAC
	\store
	xorl	%eax, %eax
	ret
2:	CLAC
	xorl	%edx, %edx
	\store
	movq	$-EFAULT, %rax
	ret
END \name
	EX	1b, 2b
.endm

GET usercopy_get_u8, "movzbl (%rsi), %edx", "movb %dl, (%rdi)"
GET usercopy_get_u32, "movl (%rsi), %edx", "movl %edx, (%rdi)"
GET usercopy_get_u64, "movq (%rsi), %rdx", "movq %rdx, (%rdi)"

/* int usercopy_put_uN(rdi p, rsi v) */
.macro PUT name, store
FUNC \name
	STAC
1:	\store
	CLAC
	xorl	%eax, %eax
	ret
END \name
	EX	1b, fault_result
.endm

PUT usercopy_put_u32, "movl %esi, (%rdi)"
PUT usercopy_put_u64, "movq %rsi, (%rdi)"

/* int usercopy_cmpxchg_u32(rdi p, rsi old, edx new) */
FUNC usercopy_cmpxchg_u32
	movl	(%rsi), %eax
	STAC
1:	lock cmpxchgl %edx, (%rdi)
	CLAC
	movl	%eax, (%rsi)
	xorl	%eax, %eax
	ret
END usercopy_cmpxchg_u32
	EX	1b, fault_result

	.type	fault_result, @function
fault_result:
	CLAC
	movq	$-EFAULT, %rax
	ret
END fault_result

	.section .note.GNU-stack, "", @progbits
