/* SPDX-License-Identifier: MIT */
/*
 * Kernel messages: a ring that dmesg reads (syslog(2), /dev/kmsg: drivers/kmsg.c), and
 * console sinks that drivers register. Any context, never allocates.
 */
#ifndef KERNEL_CORE_PRINTK_H
#define KERNEL_CORE_PRINTK_H

#include <kernel/upcalls.h>
#include <list.h>
#include <types.h>

#define KERN_ERR	"\0013"
#define KERN_WARN	"\0014"
#define KERN_NOTICE	"\0015"
#define KERN_INFO	"\0016"
#define KERN_DEBUG	"\0017"

struct console_sink {
	/* Polled, any context. */
	void (*cs_write)(struct console_sink *, const char *s, size_t n);
	struct list_head cs_link;
};

void console_register(struct console_sink *cs);	/* gets the messages from now on */
void printk_set_loglevel(int level);		/* messages below it reach consoles; default 5 */
/* Read the ring from *seq on; returns bytes, advances *seq. */
size_t printk_read(u64 *seq, char *buf, size_t size);
u64 printk_end(void);

#endif
