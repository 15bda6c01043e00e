/* SPDX-License-Identifier: MIT */
/*
 * What the ACPI tables say about processors, interrupt controllers, timers and
 * power (ACPI specification 6.4, chapter 5). No interpreter: tables only.
 */
#ifndef KERNEL_X86_ACPI_H
#define KERNEL_X86_ACPI_H

#include <types.h>
#include "kernel/x86/percpu.h"

#define ACPI_MAX_IOAPICS	8
#define ACPI_ISA_IRQS		16

struct acpi_ioapic {
	paddr_t ai_addr;
	u32 ai_gsi_base;
};

struct acpi_isa_override {
	u32 ao_gsi;
	bool ao_level;
	bool ao_active_low;
};

struct acpi_info {
	bool has_madt;
	bool has_hpet;
	unsigned int ncpus;			/* enabled ones, at most MAX_CPUS */
	u8 cpu_apic_id[MAX_CPUS];		/* as in the MADT; [0] need not be the boot CPU */
	paddr_t lapic;
	unsigned int nioapics;
	struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
	struct acpi_isa_override isa[ACPI_ISA_IRQS];	/* identity where nothing is said */
	paddr_t hpet;
	paddr_t mcfg_ecam;			/* 0: no PCI Express configuration space */
	u8 mcfg_bus_start, mcfg_bus_end;
};
extern struct acpi_info acpi;		/* [I] after acpi_init() */

void acpi_init(void);
/* Return only if the machine does not obey. */
void acpi_power_off(void);
void acpi_reset(void);

#endif
