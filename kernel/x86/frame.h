/* SPDX-License-Identifier: MIT */
/*
 * The one register frame: built at the top of the kernel stack by every way
 * into the kernel (SYSCALL, exception, interrupt) and read back on the way out.
 * entry.S and this structure are tied together by generated offsets.
 */
#ifndef KERNEL_X86_FRAME_H
#define KERNEL_X86_FRAME_H

#ifndef __ASSEMBLER__
#include <types.h>

struct trapframe {
	u64 tf_r15, tf_r14, tf_r13, tf_r12, tf_rbp, tf_rbx;	/* callee-saved */
	u64 tf_r11, tf_r10, tf_r9, tf_r8;
	u64 tf_rax, tf_rcx, tf_rdx, tf_rsi, tf_rdi;
	u64 tf_vec;		/* vector, or TF_VEC_SYSCALL */
	u64 tf_err;		/* error code; for a system call its number (orig_rax) */
	u64 tf_rip, tf_cs, tf_rflags, tf_rsp, tf_ss;	/* as the CPU pushes them */
};

/* True when the frame was made by user mode. */
static inline bool frame_from_user(const struct trapframe *tf)
{
	return (tf->tf_cs & 3) != 0;
}
#endif /* __ASSEMBLER__ */

#define TF_VEC_SYSCALL	0x100

#define RFLAGS_CF	0x001
#define RFLAGS_TF	0x100
#define RFLAGS_IF	0x200
#define RFLAGS_DF	0x400
#define RFLAGS_IOPL	0x3000
#define RFLAGS_NT	0x4000
#define RFLAGS_RF	0x10000
#define RFLAGS_AC	0x40000
#define RFLAGS_FIXED	0x002
/* Flags that a signal frame or ptrace may set: CF PF AF ZF SF TF DF OF AC */
#define RFLAGS_USER	0x40dd5

/* Page-fault error code, SDM vol. 3 section 4.7. */
#define PF_PRESENT	0x01
#define PF_WRITE	0x02
#define PF_USER		0x04
#define PF_RSVD		0x08
#define PF_EXEC		0x10

#endif
