/* SPDX-License-Identifier: MIT */
/*
 * frame.h - which frame of physical memory is behind an address of ours. Linked to every
 * program of user/ and tests/guest.
 */
#ifndef USER_LIB_FRAME_H
#define USER_LIB_FRAME_H

#include <stdint.h>

/* Of a word of /proc/PID/pagemap (Linux: admin-guide/mm/pagemap.rst). */
#define PAGEMAP_PRESENT		(1ull << 63)
#define PAGEMAP_SWAPPED		(1ull << 62)
#define PAGEMAP_FILE		(1ull << 61)	/* or shared anonymous memory */
#define PAGEMAP_EXCLUSIVE	(1ull << 56)	/* no other page table has it */
#define PAGEMAP_FRAME		((1ull << 55) - 1)	/* 0 for whoever is not privileged */

/* The word for the page at p; 0: nothing there, or the file cannot be read. */
uint64_t pagemap_word(const volatile void *p);
/* The number of the frame at p; 0: no page is there, or it is not for us to know. */
uint64_t frame_of(const volatile void *p);

#endif
