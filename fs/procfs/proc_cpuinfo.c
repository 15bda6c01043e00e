/* SPDX-License-Identifier: MIT */
/*
 * /proc/cpuinfo: a paragraph per CPU. All CPUs are alike, as far as we ask.
 */
#include "fs/procfs/proc_node.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/cpuflags.h"

static void show_cpu(struct statbuf *sb, unsigned int cpu, const struct cpu_flags *flags)
{
	const struct cpu_features *f = &cpu_features;
	u64 khz = clock_tsc_hz() / 1000, bogo = khz / 5;	/* Linux: 2 loops a tick; here in hundredths */
	unsigned int i = 0;
	const char *name;

	stat_printf(sb, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n",
		    cpu, f->vendor, f->family, f->model);
	stat_printf(sb, "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: %lu.%03lu\n",
		    f->brand[0] ? f->brand : "unknown", f->stepping, khz / 1000, khz % 1000);
	stat_printf(sb, "fpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\nflags\t\t:");
	while ((name = cpu_flags_next(flags, &i)))
		stat_printf(sb, " %s", name);
	stat_printf(sb, "\nbogomips\t: %lu.%02lu\n", bogo / 100, bogo % 100);
	stat_printf(sb, "address sizes\t: %u bits physical, 48 bits virtual\n\n", f->phys_bits);
}

void pf_text_cpuinfo(struct statbuf *sb)
{
	struct cpu_flags flags;

	cpu_flags_read(&flags);
	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		show_cpu(sb, cpu, &flags);
}
