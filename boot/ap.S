/* SPDX-License-Identifier: MIT */
/*
 * Where a further CPU begins: real mode, at the start of a page below 1 MiB that
 * the start-up IPI names (SDM vol. 3, 9.4). smp.c copies the code between
 * ap_trampoline and ap_trampoline_end there. It depends on its address in nothing: the
 * segment is the page, and what it jumps to lies in the kernel image above 1 MiB,
 * which a 32-bit jump reaches.
 */
#include "kernel/x86/memlayout.h"

#define PHYS(sym)	((sym) - KERNEL_BASE)

	.section .rodata
	.code16
	.globl	ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	ap_gdtr - ap_trampoline
	movl	%cr0, %eax
	orb	$1, %al			/* PE */
	movl	%eax, %cr0
	ljmpl	$0x08, $PHYS(ap_start32)

	.balign	8
ap_gdtr:
	.short	4 * 8 - 1
	.long	PHYS(boot_gdt)
ap_trampoline_end:

	.section .note.GNU-stack, "", @progbits
