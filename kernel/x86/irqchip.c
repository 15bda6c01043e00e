/* SPDX-License-Identifier: MIT */
/*
 * One face for the two ways that interrupts reach a CPU: IO-APIC and local APICs,
 * or (nolapic, or no MADT) the 8259 pair and one CPU. Owns the vectors.
 *
 *	0x20..0x2f	the PIC's inputs (with APICs: only its spurious ones)
 *	0x30..0xdf	handed out one by one to IO-APIC inputs and MSIs
 *	0xe0..		VEC_* in irqchip.h
 *
 * Locks: vector_lock guards the table of vectors. Reading an entry that has been handed
 * out needs none: it does not change any more.
 */
#include <bits.h>
#include <compiler.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/spinlock.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/desc.h"
#include "kernel/x86/irqchip.h"
#include "kernel/x86/pic.h"

#define VEC_APIC_FIRST	(PIC_VECTOR_BASE + PIC_IRQS)

#define MSI_ADDR_BASE	0xfee00000UL	/* SDM vol. 3, 11.11 */

enum vector_kind { VECTOR_FREE, VECTOR_GSI, VECTOR_MSI };

struct vector {
	enum vector_kind ve_kind;	/* [vector_lock] */
	unsigned int ve_gsi;		/* [I] once handed out */
};

static bool with_apic;				/* [I] */
static bool nmi_is_stop;			/* [a] set by a panic, never cleared */
static struct vector vectors[VEC_IRQ_END];	/* [vector_lock] */
static struct spinlock vector_lock = SPINLOCK_INIT("vectors", RANK_LEAF);

void irqchip_init(bool use_lapic)
{
	pic_init();
	with_apic = use_lapic && acpi.has_madt && acpi.nioapics > 0;
	if (!with_apic) {
		if (acpi.has_madt)
			lapic_disable();
		desc_alias_vector(PIC_VECTOR_BASE, VEC_TIMER);
		pic_set_mask(0, false);
		return;
	}
	lapic_init();
	lapic_init_cpu();
	ioapic_init();
}

bool irqchip_has_lapic(void)
{
	return with_apic;
}

void irqchip_init_cpu(void)
{
	lapic_init_cpu();
}

/* The vector of this input, or a new one. vector_lock held. -ENOSPC. */
static int vector_get(enum vector_kind kind, unsigned int gsi, bool *is_new)
{
	int found = -ENOSPC;

	KASSERT(lock_held(&vector_lock));
	*is_new = false;
	for (int vec = VEC_IRQ_END - 1; vec >= VEC_APIC_FIRST; vec--) {
		if (vectors[vec].ve_kind == VECTOR_FREE)
			found = vec;
		else if (kind == VECTOR_GSI && vectors[vec].ve_kind == kind &&
			 vectors[vec].ve_gsi == gsi)
			return vec;
	}
	if (found >= 0) {
		*is_new = true;
		vectors[found] = (struct vector){ kind, gsi };
	}
	return found;
}

int irqchip_route_gsi(unsigned int gsi, bool level, bool active_low)
{
	irqflags_t f;
	bool is_new;
	int vec, err = 0;

	if (!with_apic) {
		if (gsi >= PIC_IRQS || gsi == PIC_CASCADE)
			return -ENODEV;
		return gsi == 0 ? -EBUSY : (int)(PIC_VECTOR_BASE + gsi);
	}
	f = spin_lock_irqsave(&vector_lock);
	vec = vector_get(VECTOR_GSI, gsi, &is_new);
	spin_unlock_irqrestore(&vector_lock, f);
	if (vec >= 0 && is_new)
		err = ioapic_route(gsi, (unsigned int)vec, level, active_low);
	if (err) {
		f = spin_lock_irqsave(&vector_lock);
		vectors[vec].ve_kind = VECTOR_FREE;
		spin_unlock_irqrestore(&vector_lock, f);
		return err;
	}
	return vec;
}

int irqchip_route_isa(unsigned int isa_irq)
{
	const struct acpi_isa_override *o = &acpi.isa[isa_irq];

	if (isa_irq >= ACPI_ISA_IRQS)
		return -EINVAL;
	if (!with_apic)
		return irqchip_route_gsi(isa_irq, false, false);
	return irqchip_route_gsi(o->ao_gsi, o->ao_level, o->ao_active_low);
}

static void set_mask(unsigned int vec, bool masked)
{
	irqflags_t f;

	KASSERT(vec >= VEC_IRQ_BASE && vec < VEC_IRQ_END);
	if (with_apic) {
		if (vectors[vec].ve_kind == VECTOR_GSI)
			ioapic_set_mask(vectors[vec].ve_gsi, masked);
		return;
	}
	f = irq_save();
	pic_set_mask(vec - PIC_VECTOR_BASE, masked);
	irq_restore(f);
}

void irqchip_unmask(unsigned int vec)
{
	set_mask(vec, false);
}

void irqchip_mask(unsigned int vec)
{
	set_mask(vec, true);
}

void irqchip_eoi(unsigned int vec)
{
	if (with_apic)
		lapic_eoi();
	else
		pic_eoi(vec == VEC_TIMER ? 0 : vec - PIC_VECTOR_BASE);
}

bool irqchip_is_spurious(unsigned int vec)
{
	if (vec == VEC_SPURIOUS)
		return true;
	if (vec - PIC_VECTOR_BASE < PIC_IRQS)
		return with_apic || pic_is_spurious(vec - PIC_VECTOR_BASE);
	return false;
}

int irqchip_alloc_msi(unsigned int cpu, u64 *addr, u32 *data)
{
	irqflags_t f;
	bool is_new;
	int vec;

	if (!with_apic)
		return -ENODEV;
	f = spin_lock_irqsave(&vector_lock);
	vec = vector_get(VECTOR_MSI, 0, &is_new);
	spin_unlock_irqrestore(&vector_lock, f);
	if (vec < 0)
		return vec;
	*addr = MSI_ADDR_BASE | (u64)lapic_cpu_id(cpu) << 12;
	*data = (u32)vec;
	return vec;
}

void ipi_resched(unsigned int cpu)
{
	if (with_apic && cpu != cpu_id())
		lapic_send(lapic_cpu_id(cpu), VEC_RESCHED);
}

void ipi_call(u64 mask)
{
	u64 others = (BIT(ncpus) - 1) & ~BIT(cpu_id());

	if (!with_apic || mask == 0)
		return;
	KASSERT((mask & ~others) == 0);
	if (mask == others) {
		lapic_send(0, ICR_ALL_BUT_SELF | VEC_CALL);
		return;
	}
	for (; mask; mask &= mask - 1)
		lapic_send(lapic_cpu_id(ctz64(mask)), VEC_CALL);
}

void ipi_nmi_all_but_self(void)
{
	__atomic_store_n(&nmi_is_stop, true, __ATOMIC_RELEASE);
	if (with_apic && ncpus > 1)
		lapic_send(0, ICR_ALL_BUT_SELF | ICR_NMI);
}

bool irqchip_nmi_is_stop(void)
{
	return __atomic_load_n(&nmi_is_stop, __ATOMIC_ACQUIRE);
}
