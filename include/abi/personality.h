/* SPDX-License-Identifier: MIT */
/* personality(2). */
#ifndef ABI_PERSONALITY_H
#define ABI_PERSONALITY_H

#define PER_LINUX		0x0000000
#define ADDR_NO_RANDOMIZE	0x0040000

#endif
