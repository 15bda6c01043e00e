/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <fcntl.h>
#include <unistd.h>

uint64_t pagemap_word(const volatile void *p)
{
	off_t at = (off_t)((uintptr_t)p / (uintptr_t)getpagesize() * sizeof(uint64_t));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t word = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &word, sizeof(word), at) != sizeof(word))
		word = 0;
	close(fd);
	return word;
}

uint64_t frame_of(const volatile void *p)
{
	uint64_t word = pagemap_word(p);

	return word & PAGEMAP_PRESENT ? word & PAGEMAP_FRAME : 0;
}
