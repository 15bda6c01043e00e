/* SPDX-License-Identifier: MIT */
/*
 * FPU, SSE and AVX state of user threads (XSAVE; FXSAVE where there is none).
 * The kernel itself is compiled without them. State is saved when a thread that
 * used it is switched out, and restored at its first use (#NM, CR0.TS) after
 * that: a thread that does not touch the FPU in a time slice pays nothing.
 */
#ifndef KERNEL_X86_FPU_H
#define KERNEL_X86_FPU_H

#include <types.h>

struct thread;

struct fpu {
	void *fp_area;		/* [o] 64-byte aligned save area, NULL until first use */
	bool fp_live;		/* [o] registers hold the newest state (since the last switch-in) */
	u8 fp_uses;		/* [o] time slices in a row that used it, saturating */
	int fp_cpu;		/* [o] CPU whose registers last held this state, -1: none */
};

extern unsigned int fpu_area_size;	/* [I] bytes */

void fpu_init_cpu(void);		/* each CPU, once; the boot CPU also sizes the area */
void fpu_switch(struct fpu *prev, struct fpu *next);	/* from arch_switch(), interrupts off */
bool fpu_trap(void);			/* #NM; false: out of memory (caller sends SIGKILL) */
int fpu_fork(struct thread *child);	/* copy current's state. -ENOMEM */
void fpu_reset(void);			/* current starts afresh (exec) */
void fpu_free(struct thread *t);
/* For signal frames: current's state as the CPU lays it out, in fp_area. NULL: never used. */
const void *fpu_save_current(void);
/*
 * Replace current's state by an image in that layout. It is written to where
 * fpu_load_start() says (NULL: out of memory), without its being trusted there,
 * and then fpu_load_end() makes it the state: the 512 bytes of FXSAVE, or at
 * least the XSAVE header too; what is missing at the end is zero. -EINVAL when it
 * is malformed, and the state is a fresh one. Who cannot fill it calls fpu_reset().
 */
void *fpu_load_start(void);
int fpu_load_end(size_t size);

#endif
