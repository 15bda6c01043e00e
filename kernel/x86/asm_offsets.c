/* SPDX-License-Identifier: MIT */
/*
 * Structure offsets for the assembly files. Never linked: the Makefile compiles
 * this to assembly and turns each line "->NAME value" into a #define.
 */
#include "kernel/core/thread.h"
#include "kernel/x86/context.h"

#define OFFSET(name, value) asm volatile("\n->" #name " %0" :: "i"(value))
#define FRAME(NAME, name) OFFSET(NAME, offsetof(struct trapframe, name))

/* arch_current() casts. */
BUILD_ASSERT(offsetof(struct thread, t_arch) == 0);

void asm_offsets(void);

void asm_offsets(void)
{
	FRAME(TF_RBP, tf_rbp);
	FRAME(TF_R11, tf_r11);
	FRAME(TF_RAX, tf_rax);
	FRAME(TF_RCX, tf_rcx);
	FRAME(TF_VEC, tf_vec);
	FRAME(TF_RIP, tf_rip);
	FRAME(TF_CS, tf_cs);
	FRAME(TF_RFLAGS, tf_rflags);
	FRAME(TF_RSP, tf_rsp);
	FRAME(TF_SS, tf_ss);
	OFFSET(TF_SIZE, sizeof(struct trapframe));
	OFFSET(T_WORK, offsetof(struct thread, t_work));
}
