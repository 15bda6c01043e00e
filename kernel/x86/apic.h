/* SPDX-License-Identifier: MIT */
/*
 * Local APIC (SDM vol. 3, chapter 11) and IO-APIC (82093AA data sheet), for irqchip.c,
 * clock.c and smp.c.
 */
#ifndef KERNEL_X86_APIC_H
#define KERNEL_X86_APIC_H

#include <types.h>

/* Interrupt command register, low word (SDM vol. 3, 11.6.1). */
#define ICR_NMI			0x00000400
#define ICR_INIT		0x00000500
#define ICR_STARTUP		0x00000600
#define ICR_PENDING		0x00001000
#define ICR_ASSERT		0x00004000
#define ICR_ALL_BUT_SELF	0x000c0000

void lapic_init(void);			/* find and map it; boot CPU, before lapic_init_cpu() */
void lapic_init_cpu(void);		/* enable this CPU's */
void lapic_disable(void);		/* for nolapic: the PIC drives the CPU directly */
void lapic_eoi(void);
u8 lapic_id(void);			/* this CPU's */
u8 lapic_cpu_id(unsigned int cpu);	/* that of a CPU that is up */
/* Send to the APIC with this id (or by shorthand in cmd). Any context. */
void lapic_send(u8 dest, u32 cmd);

/* One-shot timer at VEC_TIMER, counting the bus clock by 16; 0 stops it. */
void lapic_timer_set(u32 count);
u32 lapic_timer_count(void);

void ioapic_init(void);			/* all of acpi.ioapic, every input masked */
/* -ENODEV if no IO-APIC has that input. Masked. */
int ioapic_route(unsigned int gsi, unsigned int vec, bool level, bool active_low);
int ioapic_route_nmi(unsigned int gsi);	/* every edge an NMI on all CPUs; masked */
void ioapic_set_mask(unsigned int gsi, bool masked);

#endif
