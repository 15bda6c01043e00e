/* SPDX-License-Identifier: MIT */
/*
 * STAC and CLAC for assembly. Where they stand the image holds a 3-byte NOP; cpu_init() writes the
 * instruction over each once it has seen that the CPU has SMAP (on others it would be
 * an invalid opcode). Section .smap_sites lists them.
 */
#ifndef KERNEL_X86_ALTERNATIVES_H
#define KERNEL_X86_ALTERNATIVES_H

#ifdef __ASSEMBLER__
.macro SMAP_SITE last
661:	.byte	0x0f, 0x1f, 0x00		/* nopl (%rax) */
	.pushsection .smap_sites, "a"
	.quad	661b
	.long	\last, 0			/* third byte of the instruction 0f 01 xx */
	.popsection
.endm
#define STAC	SMAP_SITE 0xcb
#define CLAC	SMAP_SITE 0xca
#else
#include <types.h>

struct smap_site {
	u8 *ss_addr;
	u32 ss_last;
	u32 ss_pad;
};
#endif

#endif
