/* SPDX-License-Identifier: MIT */
/*
 * FPU state, kept lazily. The registers of a CPU hold the state of at most one
 * thread:
 *
 *	not loaded	CR0.TS set; the state is in fp_area (or there is none yet)
 *	live		CR0.TS clear, fp_live; the registers are newer than fp_area
 *
 *	#NM:		not loaded -> live	(fpu_trap: restore)
 *	switch-out:	live -> not loaded	(fpu_switch: save, set TS)
 *
 * A thread that used the FPU in each of its last slices will use it again, so its
 * state is restored at switch-in, which saves the trap. Then nobody sees any more
 * whether it does, so after EAGER_MAX slices it starts over lazily.
 *
 * Invariants:
 *  1. CR0.TS is clear exactly while the running thread's fp_live is set.
 *  2. fp_area is complete and newest whenever fp_live is not set, except between
 *     fpu_load_start() and fpu_load_end(): no XRSTOR may see it there.
 *  3. The registers still hold fp_area's contents when percpu fpu_owner is this
 *     struct fpu and its fp_cpu is this CPU: fp_cpu becomes -1 when the area is
 *     changed or made anew, so an owner pointer that outlived its thread is harmless.
 *
 * Interrupts are off wherever registers and flags must agree.
 */
#include <compiler.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/lib/string.h"
#include "kernel/x86/context.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/fpu.h"

#define CR0_TS			0x08
#define FXSAVE_SIZE		512
#define FCW_DEFAULT		0x037f	/* SDM vol. 1, 8.1.5 after FNINIT */
#define MXCSR_DEFAULT		0x1f80
#define MXCSR_MASK_DEFAULT	0xffbf
#define XSTATE_X87_SSE		3

/* Slices in a row after which restoring becomes eager, and how long it stays so. */
#define EAGER_MIN		4
#define EAGER_MAX		64

/* The legacy region and the header of an XSAVE area (SDM vol. 1, 13.4). */
struct xsave_area {
	u16 xa_fcw, xa_fsw;
	u8 xa_ftw, xa_zero;
	u16 xa_fop;
	u64 xa_fip, xa_fdp;
	u32 xa_mxcsr, xa_mxcsr_mask;
	u8 xa_registers[480];
	u64 xa_xstate_bv;
	u64 xa_xcomp_bv;
	u64 xa_reserved[6];
};

BUILD_ASSERT(sizeof(struct xsave_area) == 576);

unsigned int fpu_area_size;
static u32 mxcsr_mask;				/* [I] bits that may be set */
static DEFINE_PERCPU(struct fpu *, fpu_owner);

static struct fpu *fpu_current(void)
{
	return &arch_current()->at_fpu;
}

static void state_save(void *area)
{
	if (cpu_features.xcr0)
		xsave(area, cpu_features.xcr0);
	else
		fxsave(area);
}

static void state_restore(const void *area)
{
	if (cpu_features.xcr0)
		xrstor(area, cpu_features.xcr0);
	else
		fxrstor(area);
}

/* The state of a fresh program: with XSTATE_BV 0, XRSTOR takes only MXCSR from here. */
static void area_reset(void *p)
{
	struct xsave_area *area = p;

	memset(area, 0, fpu_area_size);
	area->xa_fcw = FCW_DEFAULT;
	area->xa_mxcsr = MXCSR_DEFAULT;
}

static void ts_set(void)
{
	write_cr0(read_cr0() | CR0_TS);
}

void fpu_init_cpu(void)
{
	static struct xsave_area scratch __aligned(64);
	u32 r[4];

	if (fpu_area_size == 0) {
		fpu_area_size = FXSAVE_SIZE;
		if (cpu_features.xcr0) {
			cpuid(0xd, 0, r);	/* ebx: size for what XCR0 enables now */
			fpu_area_size = r[1];
		}
		clts();
		fxsave(&scratch);
		mxcsr_mask = scratch.xa_mxcsr_mask;
		if (mxcsr_mask == 0)
			mxcsr_mask = MXCSR_MASK_DEFAULT;
	}
	ts_set();
}

/* Make the state in fp's area the registers'. Interrupts off. */
static void fpu_load(struct fpu *fp)
{
	int cpu = (int)cpu_id();

	DASSERT(!irqs_enabled() && fp->fp_area && !fp->fp_live);
	clts();
	if (this_cpu(fpu_owner) != fp || fp->fp_cpu != cpu) {
		state_restore(fp->fp_area);
		this_cpu(fpu_owner) = fp;
		fp->fp_cpu = cpu;
	}
	fp->fp_live = true;
}

void fpu_switch(struct fpu *prev, struct fpu *next)
{
	bool eager = next->fp_uses >= EAGER_MIN && next->fp_area;

	if (prev->fp_live) {
		state_save(prev->fp_area);
		prev->fp_live = false;
		prev->fp_uses = prev->fp_uses == EAGER_MAX ? 0 : prev->fp_uses + 1;
		if (!eager)
			ts_set();
	} else {
		prev->fp_uses = 0;
	}
	if (eager)
		fpu_load(next);
}

bool fpu_trap(void)
{
	struct fpu *fp = fpu_current();

	KASSERT(!in_interrupt());
	if (!fp->fp_area) {
		void *area = fpu_area_alloc();

		if (!area)
			return false;
		area_reset(area);
		fp->fp_cpu = -1;
		fp->fp_area = area;
	}
	irq_disable();
	/* The allocation may have slept, and the switch back in restored nothing. */
	if (!fp->fp_live)
		fpu_load(fp);
	irq_enable();
	return true;
}

const void *fpu_save_current(void)
{
	struct fpu *fp = fpu_current();
	irqflags_t f = irq_save();

	if (fp->fp_live)
		state_save(fp->fp_area);
	irq_restore(f);
	return fp->fp_area;
}

int fpu_fork(struct thread *child)
{
	struct fpu *to = &((struct arch_thread *)child)->at_fpu;
	const void *from = fpu_save_current();

	*to = (struct fpu){ .fp_cpu = -1 };
	if (!from)
		return 0;
	to->fp_area = fpu_area_alloc();
	if (!to->fp_area)
		return -ENOMEM;
	memcpy(to->fp_area, from, fpu_area_size);
	return 0;
}

/* The registers become worthless: what counts from now on is the area. Interrupts off. */
static void fpu_drop(struct fpu *fp)
{
	if (fp->fp_live)
		ts_set();
	fp->fp_live = false;
	fp->fp_cpu = -1;
}

void fpu_reset(void)
{
	struct fpu *fp = fpu_current();
	irqflags_t f = irq_save();

	fpu_drop(fp);
	fp->fp_uses = 0;
	if (fp->fp_area)
		area_reset(fp->fp_area);
	irq_restore(f);
}

void fpu_free(struct thread *t)
{
	struct fpu *fp = &((struct arch_thread *)t)->at_fpu;

	KASSERT(!fp->fp_live);
	if (fp->fp_area)
		fpu_area_free(fp->fp_area);
	fp->fp_area = NULL;
}

/* May XRSTOR have it? Otherwise it would fault in the kernel (SDM vol. 1, 13.8). */
static bool area_valid(const void *image, size_t size)
{
	const struct xsave_area *area = image;

	if (area->xa_mxcsr & ~mxcsr_mask)
		return false;
	if (size == FXSAVE_SIZE)
		return true;
	if (area->xa_xstate_bv & ~cpu_features.xcr0 || area->xa_xcomp_bv)
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(area->xa_reserved); i++)
		if (area->xa_reserved[i])
			return false;
	return true;
}

void *fpu_load_start(void)
{
	struct fpu *fp = fpu_current();
	irqflags_t f;

	if (!fp->fp_area)
		fp->fp_area = fpu_area_alloc();
	/* If we sleep now, fpu_switch() resets fp_uses, as we are not live: not eager. */
	f = irq_save();
	fpu_drop(fp);
	irq_restore(f);
	return fp->fp_area;
}

int fpu_load_end(size_t size)
{
	struct xsave_area *area = fpu_current()->fp_area;

	KASSERT(size == FXSAVE_SIZE || (size >= sizeof(*area) && size <= fpu_area_size));
	if (!area_valid(area, size)) {
		fpu_reset();
		return -EINVAL;
	}
	memset((char *)area + size, 0, fpu_area_size - size);
	if (size == FXSAVE_SIZE && cpu_features.xcr0)
		area->xa_xstate_bv = XSTATE_X87_SSE;
	return 0;
}
