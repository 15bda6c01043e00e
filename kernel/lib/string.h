/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions. The standard names do what C11 says.
 *
 * In host builds the C library's versions are used under the standard names,
 * so that the address sanitizer sees every call; string.c is then compiled
 * with its own ones renamed to lib_*, and only its unit test calls them.
 */
#ifndef KERNEL_LIB_STRING_H
#define KERNEL_LIB_STRING_H

#include "compiler.h"
#include "types.h"

#ifdef CUTAWAY_HOST
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *word);

/* -ffreestanding hides these names from the compiler, which can inline them. */
#define memcpy(dst, src, n)	__builtin_memcpy(dst, src, n)
#define memmove(dst, src, n)	__builtin_memmove(dst, src, n)
#define memset(dst, c, n)	__builtin_memset(dst, c, n)
#define memcmp(a, b, n)		__builtin_memcmp(a, b, n)
#define strlen(s)		__builtin_strlen(s)
#endif

/* Whole 4096-byte pages, which must be 8-byte aligned and not overlap. */
void copy_page(void *dst, const void *src);
void clear_page(void *page);

/*
 * Copies the string @src to @dst of @size bytes, cut short where it does not
 * fit, and always ends it with a NUL (unless @size is 0). Returns strlen(src),
 * so that a result >= @size says that it was cut.
 */
size_t str_copy(char *dst, const char *src, size_t size);

/*
 * Reads an unsigned number: base 10 or 16, or 0 for C's prefixes 0x and 0.
 * Returns 0 with *out and, if @end is not NULL, *end (the first character not
 * used) set; -EINVAL if there is no digit, -ERANGE if it exceeds 64 bits.
 */
int str_to_u64(const char *s, const char **end, unsigned int base, u64 *out);

#endif
