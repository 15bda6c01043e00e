/* SPDX-License-Identifier: MIT */
/*
 * 8259A interrupt controllers (data sheet, "Programming the 8259A"). With APICs they
 * are only remapped, away from the exceptions, and masked. Callers have interrupts off;
 * there is one CPU.
 */
#include <kassert.h>
#include "kernel/x86/cpu.h"
#include "kernel/x86/pic.h"

#define PIC1_CMD	0x20
#define PIC1_DATA	0x21
#define PIC2_CMD	0xa0
#define PIC2_DATA	0xa1

#define ICW1_INIT_ICW4	0x11
#define ICW4_8086	0x01
#define OCW2_EOI	0x20
#define OCW3_READ_ISR	0x0b

#define SPURIOUS_BIT	0x80		/* lowest priority of each chip */

static u16 pic_masked = 0xffff;		/* copy of both mask registers */

static void write_masks(void)
{
	outb(PIC1_DATA, (u8)pic_masked);
	outb(PIC2_DATA, (u8)(pic_masked >> 8));
}

void pic_init(void)
{
	outb(PIC1_CMD, ICW1_INIT_ICW4);
	outb(PIC2_CMD, ICW1_INIT_ICW4);
	outb(PIC1_DATA, PIC_VECTOR_BASE);
	outb(PIC2_DATA, PIC_VECTOR_BASE + 8);
	outb(PIC1_DATA, 1u << PIC_CASCADE);
	outb(PIC2_DATA, PIC_CASCADE);
	outb(PIC1_DATA, ICW4_8086);
	outb(PIC2_DATA, ICW4_8086);
	write_masks();
}

void pic_set_mask(unsigned int irq, bool masked)
{
	KASSERT(irq < PIC_IRQS);
	if (masked)
		pic_masked |= (u16)(1u << irq);
	else
		pic_masked &= (u16)~(1u << irq);
	if (irq >= 8 && !masked)
		pic_masked &= (u16)~(1u << PIC_CASCADE);
	write_masks();
}

void pic_eoi(unsigned int irq)
{
	KASSERT(irq < PIC_IRQS);
	if (irq >= 8)
		outb(PIC2_CMD, OCW2_EOI);
	outb(PIC1_CMD, OCW2_EOI);
}

bool pic_is_spurious(unsigned int irq)
{
	u16 cmd = irq < 8 ? PIC1_CMD : PIC2_CMD;

	if (irq % 8 != 7)
		return false;
	outb(cmd, OCW3_READ_ISR);
	if (inb(cmd) & SPURIOUS_BIT)
		return false;
	if (irq >= 8)
		outb(PIC1_CMD, OCW2_EOI);	/* the first chip saw a real cascade request */
	return true;
}
