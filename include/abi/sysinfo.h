/* SPDX-License-Identifier: MIT */
/* sysinfo(2). */
#ifndef ABI_SYSINFO_H
#define ABI_SYSINFO_H

#include "types.h"

#define SI_LOAD_SHIFT	16

struct sysinfo {
	s64 uptime;		/* seconds */
	u64 loads[3];		/* fixed point, SI_LOAD_SHIFT bits */
	u64 totalram;
	u64 freeram;
	u64 sharedram;
	u64 bufferram;
	u64 totalswap;
	u64 freeswap;
	u16 procs;
	u16 pad;
	u64 totalhigh;
	u64 freehigh;
	u32 mem_unit;		/* bytes in one unit of the sizes above */
};

#endif
