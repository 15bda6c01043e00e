/* SPDX-License-Identifier: MIT */
/*
 * Formatted text into a buffer, as in C99.
 *
 * Conversions: d i u x X o c s p %; flags - + space 0 #; width and precision,
 * also as *; lengths hh h l ll z. No floating point, no %n. %p prints 0x and
 * hexadecimal digits. A conversion that is not known is printed as it stands.
 *
 * In host builds the names are renamed, so that they may stand beside the C
 * library's.
 */
#ifndef KERNEL_LIB_FMT_H
#define KERNEL_LIB_FMT_H

#include <stdarg.h>

#include "compiler.h"
#include "types.h"

#ifdef CUTAWAY_HOST
#include <stdio.h>	/* before its names change their meaning */
#define vsnprintf	lib_vsnprintf
#define snprintf	lib_snprintf
#endif

/*
 * Both write at most @size bytes including the closing NUL, and return the
 * length of the whole text without it, which is >= @size if it was cut.
 */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
	__printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
