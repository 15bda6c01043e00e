/* SPDX-License-Identifier: MIT */
/*
 * Interrupt delivery: local APIC and IO-APIC, or PIC alone with `nolapic`.
 * kernel/core/irq.c sits on top and owns the handlers.
 */
#ifndef KERNEL_X86_IRQCHIP_H
#define KERNEL_X86_IRQCHIP_H

#include <types.h>

#define VEC_IRQ_BASE		0x20	/* vectors 0x20..0xdf: device interrupts */
#define VEC_IRQ_END		0xe0
#define VEC_TIMER		0xe0	/* LAPIC timer (with nolapic: IRQ 0 is mapped here) */
#define VEC_RESCHED		0xe1	/* IPI: look at percpu_need_resched */
#define VEC_CALL		0xe2	/* IPI: run cross-call function */
#define VEC_SPURIOUS		0xff

void irqchip_init(bool use_lapic);	/* boot CPU, after acpi_init() */
bool irqchip_has_lapic(void);			/* false: PIC and PIT, one CPU, no IPIs */
void irqchip_init_cpu(void);		/* every further CPU */
/*
 * Route legacy ISA IRQ (after MADT overrides) or GSI to a free vector; returns the
 * vector (the same for the same line) or -errno. Masked at first.
 */
int irqchip_route_isa(unsigned int isa_irq);
int irqchip_route_gsi(unsigned int gsi, bool level, bool active_low);
void irqchip_unmask(unsigned int vec);
void irqchip_mask(unsigned int vec);	/* any context; an MSI's vector has no mask */
void irqchip_eoi(unsigned int vec);
/* True for vec if no device asked for it (SDM vol. 3, 11.9; 8259A data sheet): no EOI is due. */
bool irqchip_is_spurious(unsigned int vec);
/* A vector for MSI, and the address/data pair that aims it at CPU cpu. -ENOSPC, -ENODEV. */
int irqchip_alloc_msi(unsigned int cpu, u64 *addr, u32 *data);

/* IPIs. No-ops for this CPU itself. */
void ipi_resched(unsigned int cpu);
void ipi_call(u64 mask);			/* VEC_CALL to these CPUs */
void ipi_nmi_all_but_self(void);	/* panic stops the others */
bool irqchip_nmi_is_stop(void);		/* an NMI now is such a stop */

#endif
