/* SPDX-License-Identifier: MIT */
/*
 * Segment selectors and the interrupt stack table. The selectors are Linux's,
 * because user programs find them in signal frames and core files.
 */
#ifndef KERNEL_X86_DESC_H
#define KERNEL_X86_DESC_H

#define KERNEL_CS	0x10
#define KERNEL_DS	0x18
/* An empty descriptor, as there is no compatibility mode; SYSRET counts from it. */
#define USER_CS32	0x23
#define USER_DS		0x2b
#define USER_CS		0x33
#define TSS_SEL		0x40
/* Of a segment that nobody uses: its limit is the CPU's number, for the vDSO's getcpu. */
#define CPU_NUMBER_SEL	0x7b

/* TSS.ist: NMI, and the fatal ones (#DF, #MC). Each stack ends in the CPU's GS base. */
#define IST_NMI		1
#define IST_FATAL	2
#define IST_COUNT	2
#define IST_STACK_SIZE	0x2000

#ifndef __ASSEMBLER__
#include <types.h>
#include "kernel/x86/percpu.h"

/* SDM vol. 3, 8.7. */
struct tss {
	u32 tss_reserved0;
	u64 tss_rsp[3];
	u64 tss_reserved1;
	u64 tss_ist[7];
	u64 tss_reserved2;
	u16 tss_reserved3;
	u16 tss_iomap;
} __attribute__((packed));

DECLARE_PERCPU(struct tss, percpu_tss);

/* Give CPU cpu (not 0) its IST_COUNT stacks; before desc_init_cpu(cpu). */
void desc_set_ist_stacks(unsigned int cpu, void *base);
/* Send what comes in at vector from as vector to (both below 256); boot CPU, at boot. */
void desc_alias_vector(unsigned int from, unsigned int to);
#endif

#endif
