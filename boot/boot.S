/* SPDX-License-Identifier: MIT */
/*
 * The first instructions. Two doors lead in, both in 32-bit protected mode with
 * paging off and ebx = physical address of the loader's tables:
 *
 *	boot_entry	Multiboot2 (GRUB, BIOS or UEFI), eax = 0x36d76289
 *	pvh_entry	PVH (qemu -kernel), eax undefined
 *
 * The further CPUs come through ap_start32 (from boot/ap.S). All build on one set
 * of page tables: the first 4 GiB, in 2 MiB pages, at 0 (until the jump into the
 * kernel's half), at DIRECT_MAP_BASE, and the first GiB at KERNEL_BASE. They are
 * writable and executable; kernel/x86/kmap.c soon replaces them.
 *
 * The loaders have zeroed .bss, as ELF demands.
 */
#include "kernel/x86/memlayout.h"

#define PHYS(sym)	((sym) - KERNEL_BASE)

#define MB2_HEADER_MAGIC	0xe85250d6
#define MB2_HEADER_LENGTH	(mb2_header_end - mb2_header)
#define PVH_MAGIC		0x336ec578	/* hvm_start_info.magic */
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define PTE_PW			0x003		/* present, writable */
#define PTE_PW_LARGE		0x083
#define CR0_PG_WP_PE		0x80010001
#define CR4_PAE			0x20
#define MSR_EFER		0xc0000080
#define MSR_GS_BASE		0xc0000101
#define EFER_LME		0x100

/* ---- what the loaders look for ------------------------------------------- */

	.section .boot.header, "a"
	.balign 8
mb2_header:
	.long	MB2_HEADER_MAGIC, 0, MB2_HEADER_LENGTH
	.long	-(MB2_HEADER_MAGIC + MB2_HEADER_LENGTH)
	.balign 8
	.short	6, 0			/* modules start on page boundaries */
	.long	8
	.balign 8
	.short	5, 1			/* a framebuffer, if there is one */
	.long	20, 1024, 768, 32
	.balign 8
	.short	0, 0			/* end */
	.long	8
mb2_header_end:

	.section .note.Xen, "a", @note
	.balign 4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	PHYS(pvh_entry)

/* ---- 32 bits --------------------------------------------------------------- */

	.section .boot.text, "ax"
	.code32
	.globl	pvh_entry, boot_entry, ap_start32
pvh_entry:
	movl	$PVH_MAGIC, %eax
boot_entry:
	cli
	cld
	movl	$PHYS(boot_stack_top), %esp
	movl	%eax, %edi		/* kmain's arguments, for later */
	movl	%ebx, %esi

	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	no_long_mode
	movl	$0x80000001, %eax
	cpuid
	btl	$29, %edx		/* long mode */
	jnc	no_long_mode

	/* 4 page directories: 2048 large pages, the first 4 GiB. */
	movl	$PTE_PW_LARGE, %eax
	xorl	%ecx, %ecx
1:	movl	%eax, PHYS(boot_pds)(, %ecx, 8)
	addl	$0x200000, %eax
	incl	%ecx
	cmpl	$2048, %ecx
	jb	1b

	movl	$PHYS(boot_pds) + PTE_PW, %eax
	movl	%eax, PHYS(boot_pdpt_high) + 510 * 8
	xorl	%ecx, %ecx
2:	movl	%eax, PHYS(boot_pdpt_low)(, %ecx, 8)
	addl	$PAGE_SIZE, %eax
	incl	%ecx
	cmpl	$4, %ecx
	jb	2b

	movl	$PHYS(boot_pdpt_low) + PTE_PW, %eax
	movl	%eax, PHYS(boot_pml4)
	movl	%eax, PHYS(boot_pml4) + ((DIRECT_MAP_BASE >> 39) & 511) * 8
	movl	$PHYS(boot_pdpt_high) + PTE_PW, %eax
	movl	%eax, PHYS(boot_pml4) + 511 * 8

	lgdtl	PHYS(boot_gdtr)
	movl	$PHYS(boot_start64), %ebx
	jmp	enter_long_mode

ap_start32:
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	movl	$PHYS(ap_start64), %ebx

/* SDM vol. 3, 10.8.5: PAE, tables, LME, paging. On to the 64-bit code at ebx. */
enter_long_mode:
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$PHYS(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	$CR0_PG_WP_PE, %eax
	movl	%eax, %cr0
	ljmpl	$0x10, $PHYS(long_mode)

/* Nothing works yet but the serial port, which QEMU and most firmware leave usable. */
no_long_mode:
	movl	$PHYS(no_long_mode_text), %esi
	movw	$0x3f8, %dx
1:	lodsb
	testb	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	hlt
	jmp	2b

/* ---- 64 bits --------------------------------------------------------------- */

	.code64
long_mode:
	movl	$0x18, %eax
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %fs
	movl	%eax, %gs
	addq	$KERNEL_BASE, %rbx
	jmpq	*%rbx

/* CPU 0's copy of the per-CPU section is the prototype itself: GS base 0. */
boot_start64:
	movl	$MSR_GS_BASE, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	movq	$boot_stack_top, %rsp
	xorl	%ebp, %ebp		/* end of the chain of frames */
	call	kmain
	ud2

/*
 * A further CPU. Tickets make CPU numbers: the n-th to arrive is CPU n, and one
 * that comes after the door was closed (ap_tickets raised by smp.c) waits for
 * ever. All use the slot's own stack from here on.
 */
ap_start64:
	movl	$1, %edi
	lock xaddl %edi, ap_tickets(%rip)
	cmpl	ap_slots(%rip), %edi
	jae	1f
	movq	ap_stack_tops(, %rdi, 8), %rsp
	xorl	%ebp, %ebp
	call	ap_start
	ud2
1:	cli
	hlt
	jmp	1b

/* ---- data ------------------------------------------------------------------ */

	.section .rodata
	.balign 8
	.globl	boot_gdt
boot_gdt:
	.quad	0
	.quad	0x00cf9a000000ffff	/* 0x08: 32-bit code */
	.quad	0x00af9a000000ffff	/* 0x10: 64-bit code, as KERNEL_CS later */
	.quad	0x00cf92000000ffff	/* 0x18: data */
boot_gdt_end:
boot_gdtr:
	.short	boot_gdt_end - boot_gdt - 1
	.long	PHYS(boot_gdt)
no_long_mode_text:
	.asciz	"Cutaway needs a 64-bit CPU (long mode).\r\n"

	.section .bss
	.balign	PAGE_SIZE
	.globl	boot_stack_guard, boot_stack, boot_stack_top
boot_stack_guard:			/* kmap.c unmaps it */
	.skip	PAGE_SIZE
boot_stack:
	.skip	KSTACK_SIZE
boot_stack_top:

	.section .init.bss, "aw", @nobits
	.balign	PAGE_SIZE
boot_pml4:
	.skip	PAGE_SIZE
boot_pdpt_low:
	.skip	PAGE_SIZE
boot_pdpt_high:
	.skip	PAGE_SIZE
boot_pds:
	.skip	4 * PAGE_SIZE

	.section .note.GNU-stack, "", @progbits
