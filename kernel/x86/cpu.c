/* SPDX-License-Identifier: MIT */
/*
 * The processor: what CPUID offers, the control registers that follow from it,
 * and the ways to end the machine.
 *
 * A bit of CR4 is set only after CPUID has offered its feature: on hardware anything
 * else is #GP, under QEMU 7.2's emulation the CPU hangs.
 */
#include <compiler.h>
#include <kassert.h>
#include "kernel/lib/string.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/alternatives.h"
#include "kernel/x86/cpu.h"

#define CR0_MP		(1UL << 1)
#define CR0_EM		(1UL << 2)
#define CR0_TS		(1UL << 3)
#define CR0_NE		(1UL << 5)
#define CR0_WP		(1UL << 16)
#define CR0_AM		(1UL << 18)
#define CR0_NW		(1UL << 29)
#define CR0_CD		(1UL << 30)

#define CR4_PAE		(1UL << 5)
#define CR4_PGE		(1UL << 7)
#define CR4_OSFXSR	(1UL << 9)
#define CR4_OSXMMEXCPT	(1UL << 10)
#define CR4_UMIP	(1UL << 11)
#define CR4_FSGSBASE	(1UL << 16)
#define CR4_OSXSAVE	(1UL << 18)
#define CR4_SMEP	(1UL << 20)
#define CR4_SMAP	(1UL << 21)

#define MSR_EFER	0xc0000080
#define EFER_SCE	(1UL << 0)
#define EFER_NXE	(1UL << 11)

/* XCR0 components: x87, SSE, AVX, and AVX-512's three, which go together. */
#define XCR0_X87_SSE	0x03UL
#define XCR0_AVX	0x04UL
#define XCR0_AVX512	0xe0UL

#define PORT_DEBUG_EXIT	0x501
#define PORT_KBD	0x64
#define KBD_PULSE_RESET	0xfe

struct cpu_features cpu_features;

extern const struct smap_site smap_sites_start[], smap_sites_end[];

static bool bit(u32 reg, unsigned int n)
{
	return reg >> n & 1;
}

static void read_identity(u32 max_ext)
{
	u32 r[4];

	cpuid(0, 0, r);
	memcpy(cpu_features.vendor, &r[1], 4);
	memcpy(cpu_features.vendor + 4, &r[3], 4);
	memcpy(cpu_features.vendor + 8, &r[2], 4);
	cpuid(1, 0, r);
	cpu_features.stepping = r[0] & 0xf;
	cpu_features.family = r[0] >> 8 & 0xf;
	cpu_features.model = r[0] >> 4 & 0xf;
	/* SDM vol. 2, CPUID: the extended fields. */
	if (cpu_features.family == 0xf || cpu_features.family == 6)
		cpu_features.model |= (r[0] >> 16 & 0xf) << 4;
	if (cpu_features.family == 0xf)
		cpu_features.family += r[0] >> 20 & 0xff;
	if (max_ext < 0x80000004)
		return;
	for (u32 i = 0; i < 3; i++) {
		cpuid(0x80000002 + i, 0, r);
		memcpy(cpu_features.brand + 16 * i, r, 16);
	}
}

static void read_features(u32 max_std, u32 max_ext)
{
	struct cpu_features *f = &cpu_features;
	u32 r[4];

	cpuid(1, 0, r);
	f->cap_edx = r[3];
	f->pge = bit(r[3], 13);
	f->fxsr = bit(r[3], 24);
	f->rdrand = bit(r[2], 30);
	f->xsave = bit(r[2], 26);
	f->avx = bit(r[2], 28);
	if (max_std >= 7) {
		cpuid(7, 0, r);
		f->fsgsbase = bit(r[1], 0);
		f->smep = bit(r[1], 7);
		f->erms = bit(r[1], 9);
		f->smap = bit(r[1], 20);
		f->umip = bit(r[2], 2);
	}
	if (max_std >= 0xd) {
		cpuid(0xd, 1, r);
		f->xsaveopt = bit(r[0], 0);
	}
	cpuid(0x80000001, 0, r);
	f->nx = bit(r[3], 20);
	f->pdpe1gb = bit(r[3], 26);
	f->rdtscp = bit(r[3], 27);
	f->phys_bits = 36;
	if (max_ext >= 0x80000008) {
		cpuid(0x80000008, 0, r);
		f->phys_bits = r[0] & 0xff;
	}
}

/* The XSAVE components to use: what the CPU offers of those we know. */
static void choose_xcr0(void)
{
	struct cpu_features *f = &cpu_features;
	u32 r[4];

	/*
	 * QEMU 7.2 hangs at the write of CR4.OSXSAVE on a CPU model with XSAVE
	 * but without XSAVEOPT; FXSAVE serves those.
	 */
	f->xsave = f->xsave && f->xsaveopt;
	f->avx = f->avx && f->xsave;
	if (!f->xsave)
		return;
	cpuid(0xd, 0, r);
	f->xcr0 = XCR0_X87_SSE;
	if (f->avx && (r[0] & XCR0_AVX))
		f->xcr0 |= XCR0_AVX;
	if ((f->xcr0 & XCR0_AVX) && (r[0] & XCR0_AVX512) == XCR0_AVX512)
		f->xcr0 |= XCR0_AVX512;
}

/* Put STAC and CLAC in place of the NOPs. The first page tables let us write. */
static void patch_smap_sites(void)
{
	for (const struct smap_site *s = smap_sites_start; s < smap_sites_end; s++) {
		KASSERT(s->ss_addr[0] == 0x0f && s->ss_addr[1] == 0x1f);
		s->ss_addr[1] = 0x01;
		s->ss_addr[2] = (u8)s->ss_last;
	}
}

void cpu_init(void)
{
	u32 r[4], max_std, max_ext;

	cpuid(0, 0, r);
	max_std = r[0];
	cpuid(0x80000000, 0, r);
	max_ext = r[0];
	read_identity(max_ext);
	read_features(max_std, max_ext);
	choose_xcr0();
	KASSERT(cpu_features.fxsr);	/* every x86-64 CPU has it */
	if (cpu_features.smap)
		patch_smap_sites();
}

void cpu_init_cpu(void)
{
	const struct cpu_features *f = &cpu_features;
	u64 cr0 = read_cr0(), cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cr0 &= ~(CR0_EM | CR0_TS | CR0_AM | CR0_NW | CR0_CD);
	write_cr0(cr0 | CR0_MP | CR0_NE | CR0_WP);
	cr4 |= f->pge ? CR4_PGE : 0;
	cr4 |= f->umip ? CR4_UMIP : 0;
	cr4 |= f->fsgsbase ? CR4_FSGSBASE : 0;
	cr4 |= f->smep ? CR4_SMEP : 0;
	cr4 |= f->smap ? CR4_SMAP : 0;
	cr4 |= f->xcr0 ? CR4_OSXSAVE : 0;
	write_cr4(cr4);
	if (f->xcr0)
		xsetbv(0, f->xcr0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (f->nx ? EFER_NXE : 0));
}

/* Ten attempts, as Intel's DRNG guide, 5.2.1, advises. */
bool cpu_rdrand(u64 *out)
{
	if (!cpu_features.rdrand)
		return false;
	for (int i = 0; i < 10; i++)
		if (rdrand(out))
			return true;
	return false;
}

void cpu_power_off(void)
{
	irq_disable();
	acpi_power_off();
	for (;;)
		hlt();
}

void cpu_reset(void)
{
	static const struct { u16 limit; u64 base; } __packed no_idt;

	irq_disable();
	acpi_reset();
	outb(PORT_KBD, KBD_PULSE_RESET);
	for (unsigned int i = 0; i < 1000000; i++)
		cpu_relax();
	lidt(&no_idt);
	breakpoint();
	for (;;)
		hlt();
}

void cpu_debug_exit(u8 value)
{
	outb(PORT_DEBUG_EXIT, value);
}
