/* SPDX-License-Identifier: MIT */
/*
 * The frame that a signal handler finds on its stack, byte for byte as Linux
 * lays it out on x86-64, and rt_sigreturn(2), which takes it back.
 *
 *	higher	the interrupted code's stack, its 128-byte red zone
 *		extended FPU state, 64-byte aligned, closed by FP_XSTATE_MAGIC2
 *		siginfo
 *		ucontext (stack, registers, mask)
 *	rsp ->	return address: SA_RESTORER, which calls rt_sigreturn
 *
 * rsp + 8 is 16-byte aligned there, as behind a call instruction.
 *
 * All runs in the thread's own context and may fault on user memory; whatever
 * user memory holds is checked before use: rt_sigreturn of a forged frame gives
 * a program nothing that it could not do without. Segments are always the user's,
 * rflags only those bits that a program may set, rip must be canonical.
 *
 * A frame holds as much FPU state as is in use: 512 + 64 bytes without AVX. A
 * thread that never used the FPU has none (fpstate NULL), and sigreturn then
 * gives it a fresh one.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "bits.h"
#include "ipc/sigimpl.h"
#include "ipc/sys_signal.h"
#include "kernel/lib/string.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/desc.h"
#include "kernel/x86/fpu.h"
#include "kernel/x86/frame.h"
#include "mm/uaccess.h"

#define RED_ZONE	128
#define FXSAVE_SIZE	512
#define XSAVE_HEADER	64		/* SDM volume 1, 13.4.2 */
#define XSAVE_AVX_END	832		/* end of the YMM state in the standard format, 13.4.3 */
#define XFEATURE_X87	1UL
#define XFEATURE_SSE	2UL
#define XFEATURE_AVX	4UL
/* A frame that has been returned from must not look like an interrupted system call. */
#define TF_VEC_SIGRETURN	0x101

struct rt_sigframe {
	u64 rf_return;
	struct ucontext rf_uc;
	struct siginfo rf_info;
};

BUILD_ASSERT(sizeof(struct ucontext) == 304);
BUILD_ASSERT(offsetof(struct rt_sigframe, rf_uc) == 8);
BUILD_ASSERT(offsetof(struct rt_sigframe, rf_info) == 312);
BUILD_ASSERT(sizeof(struct rt_sigframe) == 440);
BUILD_ASSERT(offsetof(struct _fpstate_64, sw_reserved) == 464);

/* ---- alternate stack -------------------------------------------------------- */

static bool on_altstack(const struct sigthread *st, u64 sp)
{
	u64 base = (u64)st->st_alt.ss_sp;

	/* With SS_AUTODISARM it is not in force while a handler runs on it. */
	if (st->st_alt.ss_flags & (int)SS_AUTODISARM)
		return false;
	return sp > base && sp - base <= st->st_alt.ss_size;
}

int altstack_flags(const struct sigthread *st, u64 sp)
{
	if (!st->st_alt.ss_size)
		return SS_DISABLE;
	return on_altstack(st, sp) ? SS_ONSTACK : 0;
}

int altstack_set(const struct sigaltstack *new, u64 sp, size_t min_size)
{
	struct sigthread *st = current->t_sig;
	int mode = new->ss_flags & ~(int)SS_AUTODISARM;

	if (on_altstack(st, sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		memset(&st->st_alt, 0, sizeof(st->st_alt));
		return 0;
	}
	if (new->ss_size < min_size)
		return -ENOMEM;
	st->st_alt.ss_sp = new->ss_sp;
	st->st_alt.ss_size = new->ss_size;
	st->st_alt.ss_flags = new->ss_flags & (int)SS_AUTODISARM;
	return 0;
}

/* ---- building -------------------------------------------------------------- */

/* Bytes of the XSAVE image at area that are worth a frame, and their features. */
static unsigned int fp_image_size(const void *area, u64 *features)
{
	u64 bv = load_le64((const u8 *)area + FXSAVE_SIZE);

	*features = XFEATURE_X87 | XFEATURE_SSE;
	if (bv <= *features)
		return FXSAVE_SIZE + XSAVE_HEADER;
	*features |= XFEATURE_AVX;
	if (bv <= *features)
		return XSAVE_AVX_END;
	*features = bv | XFEATURE_X87 | XFEATURE_SSE;
	return fpu_area_size;
}

/* Write the FPU state below *sp, which is moved. *fpstate stays NULL if there is none. */
static int push_fpstate(u64 *sp, struct _fpstate_64 __user **fpstate)
{
	const u8 *area = fpu_save_current();
	struct _fpx_sw_bytes sw;
	unsigned int size;
	u8 __user *dst;

	*fpstate = NULL;
	if (!area)
		return 0;
	if (!cpu_features.xsave) {
		*sp = round_down(*sp - FXSAVE_SIZE, 64);
		*fpstate = (struct _fpstate_64 __user *)*sp;
		return copy_to_user(*fpstate, area, FXSAVE_SIZE);
	}
	memset(&sw, 0, sizeof(sw));
	size = fp_image_size(area, &sw.xfeatures);
	KASSERT(size <= fpu_area_size);
	sw.magic1 = FP_XSTATE_MAGIC1;
	sw.xstate_size = size;
	sw.extended_size = size + FP_XSTATE_MAGIC2_SIZE;
	*sp = round_down(*sp - sw.extended_size, 64);
	dst = (u8 __user *)*sp;
	*fpstate = (struct _fpstate_64 __user *)dst;
	if (copy_to_user(dst, area, FXSAVE_SIZE - sizeof(sw)) ||
	    copy_to_user(dst + FXSAVE_SIZE - sizeof(sw), &sw, sizeof(sw)) ||
	    copy_to_user(dst + FXSAVE_SIZE, area + FXSAVE_SIZE, size - FXSAVE_SIZE) ||
	    put_user_u32(dst + size, FP_XSTATE_MAGIC2))
		return -EFAULT;
	return 0;
}

static void save_registers(struct sigcontext *sc, const struct trapframe *tf)
{
	const struct arch_thread *at = &current->t_arch;

	sc->r8 = tf->tf_r8;
	sc->r9 = tf->tf_r9;
	sc->r10 = tf->tf_r10;
	sc->r11 = tf->tf_r11;
	sc->r12 = tf->tf_r12;
	sc->r13 = tf->tf_r13;
	sc->r14 = tf->tf_r14;
	sc->r15 = tf->tf_r15;
	sc->rdi = tf->tf_rdi;
	sc->rsi = tf->tf_rsi;
	sc->rbp = tf->tf_rbp;
	sc->rbx = tf->tf_rbx;
	sc->rdx = tf->tf_rdx;
	sc->rax = tf->tf_rax;
	sc->rcx = tf->tf_rcx;
	sc->rsp = tf->tf_rsp;
	sc->rip = tf->tf_rip;
	sc->eflags = tf->tf_rflags;
	sc->cs = (u16)tf->tf_cs;
	sc->gs = 0;
	sc->fs = 0;
	sc->ss = (u16)tf->tf_ss;
	sc->err = at->at_fault_err;
	sc->trapno = at->at_trapno;
	sc->cr2 = at->at_fault_addr;
	memset(sc->reserved1, 0, sizeof(sc->reserved1));
}

/* Where the frame goes: below the red zone, or at the top of the alternate stack. */
static u64 frame_stack(const struct trapframe *tf, const struct sigtaken *k,
		       const struct sigthread *st)
{
	if ((k->sk_act.sa_flags & SA_ONSTACK) &&
	    altstack_flags(st, tf->tf_rsp) == 0)
		return (u64)st->st_alt.ss_sp + st->st_alt.ss_size;
	return tf->tf_rsp - RED_ZONE;
}

static void enter_handler(struct trapframe *tf, const struct sigtaken *k, u64 sp)
{
	tf->tf_rdi = (u64)k->sk_sig;
	tf->tf_rsi = sp + offsetof(struct rt_sigframe, rf_info);
	tf->tf_rdx = sp + offsetof(struct rt_sigframe, rf_uc);
	tf->tf_rax = 0;			/* for variadic prototypes */
	tf->tf_rsp = sp;
	tf->tf_rip = (u64)k->sk_act.sa_handler;
	tf->tf_rflags &= ~(u64)(RFLAGS_DF | RFLAGS_TF);
	tf->tf_cs = USER_CS;
	tf->tf_ss = USER_DS;
	/* Nobody expects a value in these; so a system call may return by SYSRET. */
	tf->tf_rcx = tf->tf_rip;
	tf->tf_r11 = tf->tf_rflags;
}

int sigframe_push(struct trapframe *tf, const struct sigtaken *k, u64 old_mask)
{
	struct sigthread *st = current->t_sig;
	struct rt_sigframe rf;
	bool was_on = on_altstack(st, tf->tf_rsp);
	u64 sp = frame_stack(tf, k, st);

	/* The x86-64 ABI has no place for code on the stack: the restorer must be there. */
	if (!(k->sk_act.sa_flags & SA_RESTORER))
		return -EFAULT;
	rf.rf_return = (u64)k->sk_act.sa_restorer;
	if (push_fpstate(&sp, &rf.rf_uc.uc_mcontext.fpstate))
		return -EFAULT;
	sp = round_down(sp - sizeof(rf) + 8, 16) - 8;
	/* Ran out of the alternate stack: no silent damage to what lies below. */
	if (was_on && !on_altstack(st, sp))
		return -EFAULT;
	rf.rf_uc.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	if (cpu_features.xsave)
		rf.rf_uc.uc_flags |= UC_FP_XSTATE;
	rf.rf_uc.uc_link = NULL;
	rf.rf_uc.uc_stack = st->st_alt;
	if (!st->st_alt.ss_size)
		rf.rf_uc.uc_stack.ss_flags = SS_DISABLE;
	save_registers(&rf.rf_uc.uc_mcontext, tf);
	rf.rf_uc.uc_mcontext.oldmask = old_mask;
	rf.rf_uc.uc_sigmask = old_mask;
	memcpy(&rf.rf_info, k->sk_info, sizeof(k->sk_info));
	memset((u8 *)&rf.rf_info + sizeof(k->sk_info), 0,
	       sizeof(rf.rf_info) - sizeof(k->sk_info));
	if (copy_to_user((void __user *)sp, &rf, sizeof(rf)))
		return -EFAULT;
	if (st->st_alt.ss_flags & (int)SS_AUTODISARM)
		memset(&st->st_alt, 0, sizeof(st->st_alt));
	enter_handler(tf, k, sp);
	return 0;
}

/* ---- returning ------------------------------------------------------------- */

/* Bytes of state at fpstate: an XSAVE image if it says so in a credible way. */
static int fp_user_size(const u8 __user *fpstate, unsigned int *size)
{
	struct _fpx_sw_bytes sw;
	u32 magic2;

	*size = FXSAVE_SIZE;
	if (copy_from_user(&sw, fpstate + FXSAVE_SIZE - sizeof(sw), sizeof(sw)))
		return -EFAULT;
	if (!cpu_features.xsave || sw.magic1 != FP_XSTATE_MAGIC1 ||
	    sw.xstate_size < FXSAVE_SIZE + XSAVE_HEADER ||
	    sw.xstate_size > fpu_area_size ||
	    sw.xstate_size > sw.extended_size)
		return 0;
	if (get_user_u32(&magic2, fpstate + sw.xstate_size))
		return -EFAULT;
	if (magic2 == FP_XSTATE_MAGIC2)
		*size = sw.xstate_size;
	return 0;
}

static int pop_fpstate(const u8 __user *fpstate)
{
	unsigned int size;
	void *area;
	int err;

	if (!fpstate) {
		fpu_reset();
		return 0;
	}
	err = fp_user_size(fpstate, &size);
	if (err)
		return err;
	area = fpu_load_start();
	if (!area)
		return -ENOMEM;
	if (copy_from_user(area, fpstate, size)) {
		fpu_reset();
		return -EFAULT;
	}
	return fpu_load_end(size);
}

static bool canonical(u64 va)
{
	return (u64)((s64)(va << 16) >> 16) == va;
}

static void load_registers(struct trapframe *tf, const struct sigcontext *sc)
{
	tf->tf_r8 = sc->r8;
	tf->tf_r9 = sc->r9;
	tf->tf_r10 = sc->r10;
	tf->tf_r11 = sc->r11;
	tf->tf_r12 = sc->r12;
	tf->tf_r13 = sc->r13;
	tf->tf_r14 = sc->r14;
	tf->tf_r15 = sc->r15;
	tf->tf_rdi = sc->rdi;
	tf->tf_rsi = sc->rsi;
	tf->tf_rbp = sc->rbp;
	tf->tf_rbx = sc->rbx;
	tf->tf_rdx = sc->rdx;
	tf->tf_rax = sc->rax;
	tf->tf_rcx = sc->rcx;
	tf->tf_rsp = sc->rsp;
	tf->tf_rip = sc->rip;
	tf->tf_rflags = (tf->tf_rflags & ~RFLAGS_USER) | (sc->eflags & RFLAGS_USER);
	tf->tf_cs = USER_CS;
	tf->tf_ss = USER_DS;
}

/* rt_sigreturn(2): called by the restorer only. A bad frame is a SIGSEGV. */
long sys_rt_sigreturn(void)
{
	struct thread *t = current;
	struct trapframe *tf = arch_user_frame(&t->t_arch);
	struct ucontext uc;
	/* The handler's return has popped rf_return. */
	const u8 __user *frame = (const u8 __user *)(tf->tf_rsp - 8);

	if (copy_from_user(&uc, frame + offsetof(struct rt_sigframe, rf_uc), sizeof(uc)) ||
	    !canonical(uc.uc_mcontext.rip))
		goto bad;
	signal_set_mask(uc.uc_sigmask);
	if (pop_fpstate((const u8 __user *)uc.uc_mcontext.fpstate))
		goto bad;
	load_registers(tf, &uc.uc_mcontext);
	/* Only -EPERM and -EINVAL can come out of it, and Linux ignores them here, too. */
	(void)altstack_set(&uc.uc_stack, tf->tf_rsp, 0);
	t->t_sig->st_restart.sr_fn = NULL;
	tf->tf_vec = TF_VEC_SIGRETURN;
	return (long)tf->tf_rax;
bad:
	signal_fault(SIGSEGV, SI_KERNEL, 0);
	return 0;
}
