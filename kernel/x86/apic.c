/* SPDX-License-Identifier: MIT */
/*
 * Local APIC through its memory window (xAPIC; QEMU's emulation has no x2APIC), and
 * IO-APIC. irqchip.c decides what goes where.
 *
 * Locks: ioapic_lock around the index/data register pair; sending an IPI is two
 * writes, so interrupts are off in between. Any context.
 */
#include <compiler.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/spinlock.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/irqchip.h"
#include "kernel/x86/kmap.h"

#define MSR_APIC_BASE		0x1b
#define APIC_BASE_ENABLE	(1UL << 11)
#define APIC_BASE_ADDR		0xffffff000UL

enum lapic_reg {
	LAPIC_ID = 0x20, LAPIC_TPR = 0x80, LAPIC_EOI = 0xb0, LAPIC_SVR = 0xf0,
	LAPIC_ESR = 0x280, LAPIC_ICR_LOW = 0x300, LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320, LAPIC_LVT_PERF = 0x340, LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360, LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INIT = 0x380, LAPIC_TIMER_NOW = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define SVR_ENABLE		0x100
#define LVT_MASKED		0x10000
#define LVT_NMI			0x400
#define TIMER_DIVIDE_16		0x3

#define IOAPIC_SELECT		0x00
#define IOAPIC_WINDOW		0x10
#define IOAPIC_REG_VERSION	0x01
#define IOAPIC_REG_ENTRY(n)	(0x10 + 2 * (n))

#define RTE_NMI			(4u << 8)	/* delivery mode */
#define RTE_ACTIVE_LOW		(1u << 13)
#define RTE_LEVEL		(1u << 15)
#define RTE_MASKED		(1u << 16)
#define RTE_DEST_ALL		0xff

struct ioapic {
	volatile u32 *io_regs;		/* [I] */
	u32 io_gsi_base;		/* [I] */
	u32 io_inputs;			/* [I] */
};

static volatile u32 *lapic_regs;		/* [I] the same address on every CPU */
static u8 apic_ids[MAX_CPUS];			/* [I] once the CPU is up */
static struct ioapic ioapics[ACPI_MAX_IOAPICS];	/* [I] */
static unsigned int nioapics;			/* [I] */
static struct spinlock ioapic_lock = SPINLOCK_INIT("ioapic", RANK_LEAF);

static u32 lapic_read(enum lapic_reg reg)
{
	return lapic_regs[reg / 4];
}

static void lapic_write(enum lapic_reg reg, u32 v)
{
	barrier();
	lapic_regs[reg / 4] = v;
	barrier();
}

void lapic_init(void)
{
	paddr_t pa = acpi.lapic ? acpi.lapic :
		     rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDR;

	lapic_regs = kmap_device(pa, 0x400);
}

void lapic_init_cpu(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE);
	lapic_write(LAPIC_SVR, SVR_ENABLE | VEC_SPURIOUS);
	lapic_write(LAPIC_TPR, 0);
	/* All device interrupts come through the IO-APIC; LINT1 is NMI on every PC. */
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_NMI);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED);
	lapic_write(LAPIC_LVT_PERF, LVT_MASKED);
	lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
	lapic_write(LAPIC_TIMER_INIT, 0);
	lapic_write(LAPIC_LVT_TIMER, VEC_TIMER);
	lapic_write(LAPIC_EOI, 0);
	apic_ids[cpu_id()] = lapic_id();
}

void lapic_disable(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~APIC_BASE_ENABLE);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

u8 lapic_id(void)
{
	return (u8)(lapic_read(LAPIC_ID) >> 24);
}

u8 lapic_cpu_id(unsigned int cpu)
{
	KASSERT(cpu < MAX_CPUS);
	return apic_ids[cpu];
}

void lapic_send(u8 dest, u32 cmd)
{
	irqflags_t f = irq_save();

	while (lapic_read(LAPIC_ICR_LOW) & ICR_PENDING)
		cpu_relax();
	if (!(cmd & ICR_ALL_BUT_SELF))
		lapic_write(LAPIC_ICR_HIGH, (u32)dest << 24);
	lapic_write(LAPIC_ICR_LOW, cmd | ICR_ASSERT);
	irq_restore(f);
}

void lapic_timer_set(u32 count)
{
	lapic_write(LAPIC_TIMER_INIT, count);
}

u32 lapic_timer_count(void)
{
	return lapic_read(LAPIC_TIMER_NOW);
}

static u32 ioapic_read(const struct ioapic *io, u32 reg)
{
	io->io_regs[IOAPIC_SELECT / 4] = reg;
	return io->io_regs[IOAPIC_WINDOW / 4];
}

static void ioapic_write(const struct ioapic *io, u32 reg, u32 v)
{
	io->io_regs[IOAPIC_SELECT / 4] = reg;
	io->io_regs[IOAPIC_WINDOW / 4] = v;
}

void ioapic_init(void)
{
	for (unsigned int i = 0; i < acpi.nioapics; i++) {
		struct ioapic *io = &ioapics[nioapics++];

		io->io_regs = kmap_device(acpi.ioapic[i].ai_addr, 0x20);
		io->io_gsi_base = acpi.ioapic[i].ai_gsi_base;
		io->io_inputs = (ioapic_read(io, IOAPIC_REG_VERSION) >> 16 & 0xff) + 1;
		for (u32 n = 0; n < io->io_inputs; n++)
			ioapic_write(io, IOAPIC_REG_ENTRY(n), RTE_MASKED);
	}
}

static const struct ioapic *ioapic_of(unsigned int gsi)
{
	for (unsigned int i = 0; i < nioapics; i++)
		if (gsi - ioapics[i].io_gsi_base < ioapics[i].io_inputs)
			return &ioapics[i];
	return NULL;
}

/* Masked. dest: the physical id of a CPU, or 0xff for all. */
static int ioapic_set(unsigned int gsi, u32 low, u8 dest)
{
	const struct ioapic *io = ioapic_of(gsi);
	irqflags_t f;
	u32 reg;

	if (!io)
		return -ENODEV;
	reg = IOAPIC_REG_ENTRY(gsi - io->io_gsi_base);
	f = spin_lock_irqsave(&ioapic_lock);
	ioapic_write(io, reg, low | RTE_MASKED);
	ioapic_write(io, reg + 1, (u32)dest << 24);
	spin_unlock_irqrestore(&ioapic_lock, f);
	return 0;
}

int ioapic_route(unsigned int gsi, unsigned int vec, bool level, bool active_low)
{
	/* Fixed delivery to the boot CPU. */
	return ioapic_set(gsi, vec | (level ? RTE_LEVEL : 0) | (active_low ? RTE_ACTIVE_LOW : 0),
			  apic_ids[0]);
}

int ioapic_route_nmi(unsigned int gsi)
{
	return ioapic_set(gsi, RTE_NMI, RTE_DEST_ALL);
}

void ioapic_set_mask(unsigned int gsi, bool masked)
{
	const struct ioapic *io = ioapic_of(gsi);
	irqflags_t f;
	u32 reg, low;

	KASSERT(io);
	reg = IOAPIC_REG_ENTRY(gsi - io->io_gsi_base);
	f = spin_lock_irqsave(&ioapic_lock);
	low = ioapic_read(io, reg);
	ioapic_write(io, reg, masked ? low | RTE_MASKED : low & ~RTE_MASKED);
	spin_unlock_irqrestore(&ioapic_lock, f);
}
