/* SPDX-License-Identifier: MIT */
/*
 * elfgen.h - tiny ELF images, made by hand: one page of headers, one of code.
 *
 * A case takes a good image, spoils what it wants, writes it and executes it.
 */
#ifndef TESTS_GUEST_LIB_ELFGEN_H
#define TESTS_GUEST_LIB_ELFGEN_H

#include <elf.h>
#include <stddef.h>

#define ELFGEN_BASE 0x10000000UL
#define ELFGEN_CODE 0x1000UL	/* file offset, and offset from the base */
#define ELFGEN_SIZE 0x2000UL

struct elfgen {
	union {
		struct {
			Elf64_Ehdr eh;
			Elf64_Phdr ph[8];
		};
		unsigned char bytes[ELFGEN_SIZE];
	};
};

/* An ET_EXEC image of one read-execute segment with this code. */
void elfgen_init(struct elfgen *img, const void *code, size_t len);

/* The same as ET_DYN, to be loaded anywhere. */
void elfgen_init_pie(struct elfgen *img, const void *code, size_t len);

/* Writes the first size bytes as an executable file. */
void elfgen_write(const struct elfgen *img, const char *path, size_t size);

/*
 * Executes path in a child, with argv = { path }: -errno where exec failed,
 * the exit status where the program ran, 256 + n where signal n killed it.
 */
int elfgen_run(const char *path);

/* Code that exits with argc. */
extern const unsigned char elfgen_exit_argc[];
extern const size_t elfgen_exit_argc_len;

#endif
