/* SPDX-License-Identifier: MIT */
/*
 * Initialisers of the drivers; init.c has the order.
 */
#ifndef DRIVERS_INIT_H
#define DRIVERS_INIT_H

/* Everything; after slab, irq, timers, work queue, fs and ipc. */
void drivers_init(void);
/* Buses and disks: in a thread, for it takes time and sleeps. */
void drivers_probe(void);
/* The printk console on COM1: polled, needs nothing but bootinfo. As early as possible. */
void serial_early_init(void);

void serial_init(void);
void vt_screen_init(void);
void kbd_init(void);
void ramdisk_init(void);
void mem_dev_init(void);
void kmsg_init(void);
void random_init(void);
void ahci_init(void);

#endif
