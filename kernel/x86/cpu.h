/* SPDX-License-Identifier: MIT */
/*
 * CPU instructions, one wrapper each, and the feature flags found at boot.
 * This and the other kernel/x86 headers are the only place for inline assembly.
 */
#ifndef KERNEL_X86_CPU_H
#define KERNEL_X86_CPU_H

#include <compiler.h>
#include <types.h>
#include "kernel/x86/percpu.h"

typedef u64 irqflags_t;

static inline void irq_disable(void) { asm volatile("cli" ::: "memory"); }
static inline void irq_enable(void) { asm volatile("sti" ::: "memory"); }

static inline u64 read_rflags(void)
{
	u64 f;

	asm volatile("pushfq; popq %0" : "=r"(f) :: "memory");
	return f;
}

static inline bool irqs_enabled(void) { return read_rflags() & 0x200; }

/* Disable interrupts; returns the state before, for irq_restore(). */
static inline irqflags_t irq_save(void)
{
	irqflags_t f = read_rflags();

	irq_disable();
	return f;
}

static inline void irq_restore(irqflags_t f)
{
	if (f & 0x200)
		irq_enable();
}

/* Enable interrupts and halt; no interrupt can slip in between (STI shadow, SDM). */
static inline void irq_enable_and_halt(void) { asm volatile("sti; hlt" ::: "memory"); }
static inline void __noreturn cpu_halt_forever(void)
{
	for (;;)
		asm volatile("cli; hlt" ::: "memory");
}

static inline void cpu_relax(void) { asm volatile("pause" ::: "memory"); }

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/* Not before any load that precedes it, so that times read under a lock are in order. */
static inline u64 rdtsc_ordered(void)
{
	asm volatile("lfence" ::: "memory");
	return rdtsc();
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 val)
{
	asm volatile("wrmsr" :: "c"(msr), "a"((u32)val), "d"((u32)(val >> 32)) : "memory");
}

static inline void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		     : "a"(leaf), "c"(sub));
}

#define DEFINE_CR(n) \
static inline u64 read_cr##n(void) \
{ \
	u64 v; \
	asm volatile("mov %%cr" #n ", %0" : "=r"(v) :: "memory"); \
	return v; \
} \
static inline void write_cr##n(u64 v) \
{ \
	asm volatile("mov %0, %%cr" #n :: "r"(v) : "memory"); \
}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static inline u64 read_dr6(void)
{
	u64 v;

	asm volatile("mov %%dr6, %0" : "=r"(v) :: "memory");
	return v;
}

static inline void write_dr6(u64 v) { asm volatile("mov %0, %%dr6" :: "r"(v) : "memory"); }

static inline void invlpg(vaddr_t va) { asm volatile("invlpg (%0)" :: "r"(va) : "memory"); }
static inline void clts(void) { asm volatile("clts" ::: "memory"); }

static inline u64 rdfsbase(void)
{
	u64 v;

	asm volatile("rdfsbase %0" : "=r"(v) :: "memory");
	return v;
}

static inline void wrfsbase(u64 v) { asm volatile("wrfsbase %0" :: "r"(v) : "memory"); }

static inline u64 rdgsbase(void)
{
	u64 v;

	asm volatile("rdgsbase %0" : "=r"(v) :: "memory");
	return v;
}

static inline void wrgsbase(u64 v) { asm volatile("wrgsbase %0" :: "r"(v) : "memory"); }
static inline void swapgs(void) { asm volatile("swapgs" ::: "memory"); }
static inline void lgdt(const void *desc) { asm volatile("lgdt (%0)" :: "r"(desc) : "memory"); }
static inline void lidt(const void *desc) { asm volatile("lidt (%0)" :: "r"(desc) : "memory"); }
static inline void ltr(u16 sel) { asm volatile("ltr %0" :: "r"(sel) : "memory"); }
static inline void breakpoint(void) { asm volatile("int3" ::: "memory"); }
static inline void hlt(void) { asm volatile("hlt" ::: "memory"); }

/* Reload CS by a far return; the data segments stay null but SS. */
static inline void load_kernel_segments(u16 cs, u16 ss)
{
	asm volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq\n1:"
		     :: "r"((u64)cs) : "rax", "memory");
	asm volatile("movl %0, %%ss; xorl %%eax, %%eax; movl %%eax, %%ds; movl %%eax, %%es;"
		     "movl %%eax, %%fs; movl %%eax, %%gs"
		     :: "r"((u32)ss) : "eax", "memory");
}

static inline void xsetbv(u32 reg, u64 v)
{
	asm volatile("xsetbv" :: "c"(reg), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline void xsave(void *area, u64 mask)
{
	asm volatile("xsave64 (%0)"
		     :: "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32)) : "memory");
}

static inline void xrstor(const void *area, u64 mask)
{
	asm volatile("xrstor64 (%0)"
		     :: "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32)) : "memory");
}

static inline void fxsave(void *area) { asm volatile("fxsave64 (%0)" :: "r"(area) : "memory"); }

static inline void fxrstor(const void *area)
{
	asm volatile("fxrstor64 (%0)" :: "r"(area) : "memory");
}

static inline u16 read_fsw(void)
{
	u16 v;

	asm volatile("fnstsw %0" : "=a"(v) :: "memory");
	return v;
}

static inline u16 read_fcw(void)
{
	u16 v;

	asm volatile("fnstcw %0" : "=m"(v) :: "memory");
	return v;
}

static inline u32 read_mxcsr(void)
{
	u32 v;

	asm volatile("stmxcsr %0" : "=m"(v) :: "memory");
	return v;
}

/* False: no entropy at the moment. */
static inline bool rdrand(u64 *v)
{
	bool ok;

	asm volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
	return ok;
}

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u16 inw(u16 port)
{
	u16 v;

	asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline u32 inl(u16 port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void outb(u16 port, u8 v)
{
	asm volatile("outb %0, %1" :: "a"(v), "Nd"(port) : "memory");
}

static inline void outw(u16 port, u16 v)
{
	asm volatile("outw %0, %1" :: "a"(v), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 v)
{
	asm volatile("outl %0, %1" :: "a"(v), "Nd"(port) : "memory");
}

/* CPU features, set by cpu_init() on the boot CPU. */
struct cpu_features {
	bool nx, pge, smep, smap, umip, fsgsbase, xsave, xsaveopt, avx, pdpe1gb,
	     rdrand, rdtscp, erms, fxsr;
	char vendor[13];
	char brand[49];
	u32 family, model, stepping;
	u32 cap_edx;			/* CPUID.1:EDX, AT_HWCAP */
	unsigned int phys_bits;
	u64 xcr0;			/* XSAVE state components in use; 0: FXSAVE */
};
extern struct cpu_features cpu_features;

void cpu_init(void);			/* boot CPU: read CPUID */
/* Every CPU: CR0, CR4, EFER, UMIP ... as far as CPUID offers. */
void cpu_init_cpu(void);
/* 64 random bits from RDRAND; false when there is none. */
bool cpu_rdrand(u64 *out);
/* ACPI S5, else halt. */
void cpu_power_off(void) __noreturn;
/* Keyboard controller, else triple fault. */
void cpu_reset(void) __noreturn;
/* Tell QEMU (isa-debug-exit, port 0x501) that the kernel is dead; may return. */
void cpu_debug_exit(u8 value);

#endif
