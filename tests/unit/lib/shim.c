/* SPDX-License-Identifier: MIT */
/* State of the simulated machine; see tests/unit/shim/shim.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/shim/shim.h"
#include "tests/unit/shim/kernel/core/thread.h"

unsigned int shim_cpu;
unsigned int ncpus = 1;
struct thread shim_thread;
bool shim_in_interrupt;
bool shim_irqs_on = true;
struct spinlock *shim_innermost;
long shim_fail_nth;
u8 *shim_ram;
u8 *shim_vmemmap;

struct statreport *shim_report;

void statreport_register(struct statreport *sr)
{
	shim_report = sr;
}

void statcounter_register(struct statcounter *sc)
{
	(void)sc;
}

void stat_printf(struct statbuf *sb, const char *fmt, ...)
{
	size_t room = sb->sb_len < sb->sb_size ? sb->sb_size - sb->sb_len : 0;
	va_list ap;

	va_start(ap, fmt);
	sb->sb_len += vsnprintf(room ? sb->sb_buf + sb->sb_len : NULL, room,
				fmt, ap);
	va_end(ap);
}

void shim_ram_init(size_t frames, size_t page_struct_size)
{
	/* As in the direct map, blocks are aligned in the address too. */
	shim_ram = aligned_alloc(SHIM_RAM_ALIGN, frames * 4096);
	shim_vmemmap = aligned_alloc(4096, frames * page_struct_size);
	if (!shim_ram || !shim_vmemmap)
		abort();
	memset(shim_ram, 0xa5, frames * 4096);
	memset(shim_vmemmap, 0, frames * page_struct_size);
}

void shim_ram_free(void)
{
	free(shim_ram);
	free(shim_vmemmap);
}
