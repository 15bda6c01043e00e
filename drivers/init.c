/* SPDX-License-Identifier: MIT */
/*
 * Start of the driver level, called once by kernel/proc/main.c.
 */
#include "drivers/init.h"
#include "drivers/pci.h"
#include "drivers/tty.h"

void drivers_init(void)
{
	random_init();
	mem_dev_init();
	kmsg_init();
	tty_file_init();
	tty_dev_init();
	pty_init();
	/* The first terminal is what /dev/console falls back to. */
	serial_init();
	vt_screen_init();
	kbd_init();
	ramdisk_init();
}

void drivers_probe(void)
{
	pci_init();
	ahci_init();
}
