/* SPDX-License-Identifier: MIT */
/*
 * Device interrupts: handlers by vector, several on a shared line.
 */
#ifndef KERNEL_CORE_IRQ_H
#define KERNEL_CORE_IRQ_H

#include <types.h>

/* Interrupt context; returns whether its device had asked. */
typedef bool (*irq_handler)(void *arg);

/*
 * Connect and unmask, at boot; name is for /proc/interrupts. -ENOSPC, or what routing
 * the line says (kernel/x86/irqchip.h).
 */
int irq_request_isa(unsigned int isa_irq, irq_handler fn, void *arg, const char *name);
int irq_request_gsi(unsigned int gsi, bool level, bool active_low,
		    irq_handler fn, void *arg, const char *name);
int irq_request_vector(unsigned int vec, irq_handler fn, void *arg, const char *name);
/* Walk for /proc/interrupts: count of vector vec on cpu, its name or NULL. */
const char *irq_stat(unsigned int vec, unsigned int cpu, u64 *count);
u64 irq_total(void);

#endif
