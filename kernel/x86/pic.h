/* SPDX-License-Identifier: MIT */
/*
 * The two 8259A: remapped to vectors 0x20 to 0x2f, and the interrupt controller of `nolapic`.
 */
#ifndef KERNEL_X86_PIC_H
#define KERNEL_X86_PIC_H

#include <types.h>

#define PIC_VECTOR_BASE	0x20
#define PIC_IRQS	16
#define PIC_CASCADE	2

void pic_init(void);			/* remapped, all masked */
void pic_set_mask(unsigned int irq, bool masked);
void pic_eoi(unsigned int irq);
/* IRQ 7 or 15 that nobody asked for; acknowledges what must be. */
bool pic_is_spurious(unsigned int irq);

#endif
