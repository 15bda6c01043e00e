/* SPDX-License-Identifier: MIT */
/*
 * Scalar types of the kernel.
 *
 * Fixed-width names come from the compiler's own freestanding headers, so
 * u64 is "unsigned long" and prints with %lu. The POSIX names have the widths
 * of the Linux x86-64 ABI. They are the same types as in a 64-bit Linux C
 * library, and C11 lets identical typedefs repeat, so this header may meet
 * the C library's headers in host builds (CUTAWAY_HOST).
 */
#ifndef TYPES_H
#define TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t		u8;
typedef uint16_t	u16;
typedef uint32_t	u32;
typedef uint64_t	u64;
typedef int8_t		s8;
typedef int16_t		s16;
typedef int32_t		s32;
typedef int64_t		s64;

typedef u64		paddr_t;	/* physical address */
typedef u64		vaddr_t;	/* virtual address, kernel or user */
typedef u64		pfn_t;		/* physical page number */
typedef u64		nsec_t;		/* a time or a span in nanoseconds */

typedef long		ssize_t;
typedef long		off_t;		/* file offset, 64 bits */
typedef int		pid_t;
typedef unsigned int	uid_t;
typedef unsigned int	gid_t;
typedef unsigned int	mode_t;
typedef unsigned long	dev_t;		/* see abi/stat.h for the encoding */
typedef unsigned long	ino_t;
typedef long		time_t;		/* seconds */
typedef int		clockid_t;

#define NSEC_PER_SEC	1000000000ul
#define NSEC_PER_MSEC	1000000ul
#define NSEC_PER_USEC	1000ul

#endif
