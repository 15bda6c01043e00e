/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables (SDM vol. 3, 3.5, 6.10, 8.7): a GDT and a TSS per CPU, one IDT
 * for all, and the registers of SYSCALL. trap_init() and desc_init_cpu(0) are the
 * first calls of kmain(), so that a fault from then on is printed.
 *
 * Stacks: NMI and the fatal exceptions (#DF, #MC) have their own, because they may
 * come when rsp is not usable (guard page; first instructions of SYSCALL). The two
 * words at the top of each hold the CPU's GS base, which such a handler cannot
 * trust the register for; see paranoid_entry in entry.S. Everything else runs on the
 * thread's kernel stack.
 */
#include <compiler.h>
#include <kassert.h>
#include "kernel/x86/cpu.h"
#include "kernel/x86/desc.h"
#include "kernel/x86/memlayout.h"
#include "kernel/x86/trap.h"

#define GDT_ENTRIES	16

#define SEG_KERNEL_CODE	0x00af9a000000ffffUL	/* 64-bit, DPL 0 */
#define SEG_KERNEL_DATA	0x00cf92000000ffffUL
#define SEG_USER_DATA	0x00cff2000000ffffUL
#define SEG_USER_CODE	0x00affa000000ffffUL	/* 64-bit, DPL 3 */
#define SEG_TSS		0x0000890000000000UL	/* available 64-bit TSS */
#define SEG_CPU_NUMBER	0x0000f10000000000UL	/* read-only data, DPL 3, limit in bytes */

#define GATE_INTERRUPT	0x8e
#define GATE_DPL3	0x60

#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_SFMASK	0xc0000084
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

struct gate {
	u16 g_offset0;
	u16 g_selector;
	u8 g_ist;
	u8 g_type;
	u16 g_offset1;
	u32 g_offset2;
	u32 g_reserved;
};

BUILD_ASSERT(sizeof(struct gate) == 16);
BUILD_ASSERT(sizeof(struct tss) == 104);

struct table_register {
	u16 limit;
	u64 base;
} __packed;

/* entry.S: 256 stubs, 16 bytes each. */
extern const char trap_stubs[];
void syscall_entry(void);

DEFINE_PERCPU(unsigned int, percpu_cpu_id);
DEFINE_PERCPU(struct thread *, percpu_current);
DEFINE_PERCPU(u64, percpu_kstack_top);
DEFINE_PERCPU(u64, percpu_user_rsp);
DEFINE_PERCPU(int, percpu_need_resched);
DEFINE_PERCPU(int, percpu_irq_depth);
DEFINE_PERCPU(u32, percpu_irq_counts[256]);
DEFINE_PERCPU(struct tss, percpu_tss);
static DEFINE_PERCPU(u64, percpu_gdt[GDT_ENTRIES]);

static struct gate idt[256] __aligned(16);
static char boot_ist_stacks[IST_COUNT * IST_STACK_SIZE] __aligned(16);
static char *ist_stacks[MAX_CPUS] = { boot_ist_stacks };

static void gate_set(unsigned int vec, unsigned int stub, u8 ist, u8 dpl)
{
	u64 addr = (u64)trap_stubs + 16 * stub;

	idt[vec] = (struct gate){
		.g_offset0 = (u16)addr,
		.g_selector = KERNEL_CS,
		.g_ist = ist,
		.g_type = GATE_INTERRUPT | dpl,
		.g_offset1 = (u16)(addr >> 16),
		.g_offset2 = (u32)(addr >> 32),
	};
}

void trap_init(void)
{
	for (unsigned int vec = 0; vec < 256; vec++)
		gate_set(vec, vec, 0, 0);
	gate_set(VEC_NMI, VEC_NMI, IST_NMI, 0);
	gate_set(VEC_DOUBLE_FAULT, VEC_DOUBLE_FAULT, IST_FATAL, 0);
	gate_set(VEC_MACHINE_CHECK, VEC_MACHINE_CHECK, IST_FATAL, 0);
	/* INT3, and INT 4 as on Linux, are for user mode too. */
	gate_set(VEC_BREAKPOINT, VEC_BREAKPOINT, 0, GATE_DPL3);
	gate_set(VEC_OVERFLOW, VEC_OVERFLOW, 0, GATE_DPL3);
	trap_check_fixups();
}

void desc_alias_vector(unsigned int from, unsigned int to)
{
	gate_set(from, to, 0, 0);
}

void desc_set_ist_stacks(unsigned int cpu, void *base)
{
	KASSERT(cpu > 0 && cpu < MAX_CPUS && IS_ALIGNED((uintptr_t)base, 16));
	ist_stacks[cpu] = base;
}

static void tss_init(struct tss *tss, unsigned int cpu)
{
	for (unsigned int i = 0; i < IST_COUNT; i++) {
		u64 *top = (u64 *)(ist_stacks[cpu] + (i + 1) * IST_STACK_SIZE) - 2;

		top[0] = percpu_offset[cpu];
		tss->tss_ist[i] = (u64)top;
	}
	tss->tss_iomap = sizeof(*tss);		/* no I/O permission map */
}

static void gdt_init(u64 *gdt, const struct tss *tss, unsigned int cpu)
{
	u64 base = (u64)tss;

	gdt[KERNEL_CS / 8] = SEG_KERNEL_CODE;
	gdt[KERNEL_DS / 8] = SEG_KERNEL_DATA;
	gdt[USER_DS / 8] = SEG_USER_DATA;
	gdt[USER_CS / 8] = SEG_USER_CODE;
	gdt[TSS_SEL / 8] = SEG_TSS | (sizeof(*tss) - 1) |
			   (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	gdt[TSS_SEL / 8 + 1] = base >> 32;
	gdt[CPU_NUMBER_SEL / 8] = SEG_CPU_NUMBER | cpu;
}

static void syscall_init(void)
{
	/* SYSRET takes CS = base + 16 and SS = base + 8; see AMD64 APM vol. 2, 6.1. */
	BUILD_ASSERT(USER_DS == USER_CS32 + 8 && USER_CS == USER_CS32 + 16);
	wrmsr(MSR_STAR, (u64)USER_CS32 << 48 | (u64)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT);
}

void desc_init_cpu(unsigned int cpu)
{
	uintptr_t offset = percpu_offset[cpu];
	u64 *gdt = (u64 *)((uintptr_t)percpu_gdt + offset);
	struct tss *tss = percpu_ptr(percpu_tss, cpu);
	struct table_register gdtr = { sizeof(percpu_gdt) - 1, (u64)gdt };
	struct table_register idtr = { sizeof(idt) - 1, (u64)idt };

	tss_init(tss, cpu);
	gdt_init(gdt, tss, cpu);
	lgdt(&gdtr);
	load_kernel_segments(KERNEL_CS, KERNEL_DS);
	wrmsr(MSR_GS_BASE, offset);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	lidt(&idtr);
	ltr(TSS_SEL);
	this_cpu(percpu_cpu_id) = cpu;
	syscall_init();
}
