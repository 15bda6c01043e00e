/* SPDX-License-Identifier: MIT */
/*
 * The kernel command line: words separated by white space, each "flag" or
 * "key=value". Double quotes keep white space together, around the value or
 * the whole word (key="a b" and "key=a b"), and are removed. Where a key
 * stands more than once, the last one counts. Everything after a word "--"
 * is for init and not searched.
 */
#ifndef KERNEL_LIB_CMDLINE_H
#define KERNEL_LIB_CMDLINE_H

#include "types.h"

/* Is the word @flag (without a value) there? */
bool cmdline_has(const char *line, const char *flag);

/*
 * Copies the value of @key to @out of @size bytes, ended by a NUL. Returns its
 * length, -ENOENT if there is no such key, -ERANGE if it does not fit (@out is
 * then an empty string).
 */
ssize_t cmdline_get(const char *line, const char *key, char *out,
		    size_t size);

/* The value of @key as a number (C's prefixes), or @otherwise. */
u64 cmdline_get_u64(const char *line, const char *key, u64 otherwise);

#endif
