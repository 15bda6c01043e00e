/* SPDX-License-Identifier: MIT */
/*
 * A periodic NMI on all CPUs: channel 0 of the PIT (Intel 8254 data sheet), which nobody
 * else uses when there are local APICs, through an IO-APIC input that is set to
 * deliver NMIs and not a vector. Nothing is to be acknowledged.
 */
#include <errno.h>
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/irqchip.h"
#include "kernel/x86/nmitimer.h"
#include "kernel/x86/percpu.h"

#define PIT_HZ		1193182U
#define PIT_CH0		0x40
#define PIT_CMD		0x43
#define PIT_CH0_RATE	0x34		/* channel 0, low then high byte, mode 2 */

int nmi_timer_start(unsigned int hz)
{
	u32 count;
	int err;

	if (hz < NMI_TIMER_MIN || hz > NMI_TIMER_MAX)
		return -EINVAL;
	/* CPUs that wait in the firmware would get the NMI as well. */
	if (!irqchip_has_lapic() || ncpus < acpi.ncpus)
		return -ENODEV;
	err = ioapic_route_nmi(acpi.isa[0].ao_gsi);
	if (err)
		return err;
	count = PIT_HZ / hz;
	outb(PIT_CMD, PIT_CH0_RATE);
	outb(PIT_CH0, (u8)count);
	outb(PIT_CH0, (u8)(count >> 8));
	ioapic_set_mask(acpi.isa[0].ao_gsi, false);
	return 0;
}

void nmi_timer_stop(void)
{
	if (irqchip_has_lapic())
		ioapic_set_mask(acpi.isa[0].ao_gsi, true);
}
