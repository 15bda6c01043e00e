/* SPDX-License-Identifier: MIT */
/* Host shim: the interrupt flag is a variable; no instruction is privileged. */
#ifndef KERNEL_X86_CPU_H
#define KERNEL_X86_CPU_H

#include "kassert.h"
#include "kernel/x86/percpu.h"
#include "types.h"

typedef u64 irqflags_t;

extern bool shim_irqs_on;

static inline void irq_disable(void)
{
	shim_irqs_on = false;
}

static inline void irq_enable(void)
{
	shim_irqs_on = true;
}

static inline bool irqs_enabled(void)
{
	return shim_irqs_on;
}

static inline irqflags_t irq_save(void)
{
	irqflags_t was = shim_irqs_on;

	shim_irqs_on = false;
	return was;
}

static inline void irq_restore(irqflags_t was)
{
	KASSERT(!shim_irqs_on);
	shim_irqs_on = was;
}

static inline void cpu_relax(void)
{
}

#endif
