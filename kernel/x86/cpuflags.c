/* SPDX-License-Identifier: MIT */
/*
 * Names of CPU features by their CPUID bits (SDM vol. 2, CPUID; APM vol. 3, appendix E),
 * spelled and ordered as Linux does in /proc/cpuinfo, because programs look for them there.
 */
#include <compiler.h>
#include "kernel/lib/string.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/cpuflags.h"

#define XCR0_AVX	0x04ul
#define XCR0_AVX512	0xe0ul

/* Where each word comes from. */
static const struct {
	u32 leaf, sub;
	u8 reg;				/* 0 to 3: EAX to EDX */
} sources[CPU_FLAG_WORDS] = {
	{ 1, 0, 3 }, { 0x80000001, 0, 3 }, { 1, 0, 2 }, { 0x80000001, 0, 2 },
	{ 7, 0, 1 }, { 0xd, 1, 0 }, { 7, 0, 2 }, { 7, 0, 3 },
};

static const char *const names[CPU_FLAG_WORDS][32] = {
	{	"fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep",
		"mtrr", "pge", "mca", "cmov", "pat", "pse36", "pn", "clflush", NULL, "dts", "acpi",
		"mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe" },
	{	[11] = "syscall", [19] = "mp", [20] = "nx", [22] = "mmxext", [25] = "fxsr_opt",
		[26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm", [30] = "3dnowext", [31] = "3dnow" },
	{	"pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2",
		"ssse3", "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm", NULL, "pcid", "dca",
		"sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes",
		"xsave", NULL, "avx", "f16c", "rdrand", "hypervisor" },
	{	"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a",
		"misalignsse", "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", NULL, "lwp",
		"fma4", "tce", [21] = "tbm", "topoext", "perfctr_core", "perfctr_nb",
		[26] = "bpext", "ptsc", "perfctr_llc", "mwaitx" },
	{	"fsgsbase", "tsc_adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2",
		"erms", "invpcid", "rtm", "cqm", NULL, "mpx", "rdt_a", "avx512f", "avx512dq",
		"rdseed", "adx", "smap", "avx512ifma", NULL, "clflushopt", "clwb", "intel_pt",
		"avx512pf", "avx512er", "avx512cd", "sha_ni", "avx512bw", "avx512vl" },
	{	"xsaveopt", "xsavec", "xgetbv1", "xsaves" },
	{	[1] = "avx512vbmi", "umip", [6] = "avx512_vbmi2", [8] = "gfni", "vaes",
		"vpclmulqdq", "avx512_vnni", "avx512_bitalg", [14] = "avx512_vpopcntdq",
		[22] = "rdpid", [25] = "cldemote", [27] = "movdiri", "movdir64b" },
	{	[2] = "avx512_4vnniw", "avx512_4fmaps", "fsrm", [8] = "avx512_vp2intersect",
		[10] = "md_clear", [14] = "serialize", [23] = "avx512_fp16" },
};

void cpu_flags_read(struct cpu_flags *cf)
{
	u32 r[4], max_std, max_ext;

	cpuid(0, 0, r);
	max_std = r[0];
	cpuid(0x80000000, 0, r);
	max_ext = r[0];
	for (unsigned int i = 0; i < CPU_FLAG_WORDS; i++) {
		u32 leaf = sources[i].leaf;

		cf->cf_word[i] = 0;
		if (leaf > (leaf >> 31 ? max_ext : max_std))
			continue;
		cpuid(leaf, sources[i].sub, r);
		cf->cf_word[i] = r[sources[i].reg];
	}
}

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* AVX and its kin work only as far as their state is saved. */
static bool usable(const char *name)
{
	u64 xcr0 = cpu_features.xcr0;

	if (begins(name, "avx512"))
		return (xcr0 & XCR0_AVX512) == XCR0_AVX512;
	if (begins(name, "avx") || begins(name, "fma") || begins(name, "f16c") ||
	    begins(name, "xop") || begins(name, "vaes") || begins(name, "vpclmul"))
		return xcr0 & XCR0_AVX;
	if (begins(name, "xsave") || begins(name, "xgetbv"))
		return cpu_features.xsave;
	return true;
}

const char *cpu_flags_next(const struct cpu_flags *cf, unsigned int *i)
{
	while (*i < CPU_FLAG_WORDS * 32) {
		unsigned int word = *i / 32, bit = *i % 32;
		const char *name = names[word][bit];

		++*i;
		if (name && (cf->cf_word[word] >> bit & 1) && usable(name))
			return name;
	}
	return NULL;
}
