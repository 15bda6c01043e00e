/* SPDX-License-Identifier: MIT */
/*
 * Device nodes of terminals: ttyS0 ..., tty1 by the drivers that register them; /dev/tty, the
 * controlling terminal of whoever opens it; /dev/console, which the command line
 * chooses; /dev/tty0, the screen.
 */
#include <errno.h>
#include <kassert.h>
#include "boot/bootinfo.h"
#include "drivers/tty.h"
#include "kernel/core/printk.h"
#include "kernel/lib/cmdline.h"
#include "kernel/lib/string.h"

#define MAX_TTYS	8
#define TTY_AUX_MAJOR	5

static struct tty *ttys[MAX_TTYS];	/* registered at boot, then immutable */
static unsigned int nttys;

int tty_open_node(struct tty *tty, struct file *f)
{
	int err = tty_open(tty, f);

	if (!err && !(f->f_flags & O_NOCTTY))
		tty_acquire_on_open(tty);
	return err;
}

static int node_open(struct chrdev *cd, struct file *f)
{
	return tty_open_node(cd->cd_data, f);
}

void tty_register(struct tty *tty)
{
	KASSERT(nttys < MAX_TTYS);
	tty->tty_cdev.cd_open = node_open;
	if (chrdev_register(&tty->tty_cdev)) {
		printk(KERN_ERR "tty: cannot register %s\n", tty->tty_name);
		return;
	}
	ttys[nttys++] = tty;
}

bool console_wanted(const char *name)
{
	char want[16];
	char *comma;

	if (cmdline_get(bootinfo.bi_cmdline, "console", want, sizeof(want)) <= 0)
		str_copy(want, "ttyS0", sizeof(want));
	/* ttyS0,115200n8: the speed says nothing here. */
	comma = strchr(want, ',');
	if (comma)
		*comma = '\0';
	/* The screen has one terminal; tty0 is "the current one". */
	if (strcmp(want, "tty0") == 0)
		str_copy(want, "tty1", sizeof(want));
	return strcmp(want, name) == 0;
}

struct tty *tty_by_name(const char *name)
{
	for (unsigned int i = 0; i < nttys; i++)
		if (strcmp(ttys[i]->tty_name, name) == 0)
			return ttys[i];
	return NULL;
}

/* /dev/tty: never makes a terminal the controlling one, it is that already. */
static int current_open(struct chrdev *cd, struct file *f)
{
	struct tty *tty = tty_of_current();
	int err;

	(void)cd;
	if (!tty)
		return -ENXIO;
	err = tty_open(tty, f);
	tty_put(tty);
	return err;
}

/* /dev/console: as on Linux not by itself a controlling terminal. */
static int console_open(struct chrdev *cd, struct file *f)
{
	(void)cd;
	for (unsigned int i = 0; i < nttys; i++)
		if (console_wanted(ttys[i]->tty_name))
			return tty_open(ttys[i], f);
	return nttys ? tty_open(ttys[0], f) : -ENODEV;
}

static int screen_open(struct chrdev *cd, struct file *f)
{
	struct tty *tty = tty_by_name("tty1");

	(void)cd;
	return tty ? tty_open_node(tty, f) : -ENXIO;
}

static struct chrdev nodes[] = {
	{ .cd_name = "tty", .cd_dev = MKDEV(TTY_AUX_MAJOR, 0), .cd_mode = 0666,
	  .cd_open = current_open, .cd_fops = &tty_fops },
	{ .cd_name = "console", .cd_dev = MKDEV(TTY_AUX_MAJOR, 1), .cd_mode = 0600,
	  .cd_open = console_open, .cd_fops = &tty_fops },
	{ .cd_name = "tty0", .cd_dev = MKDEV(4, 0), .cd_mode = 0620,
	  .cd_open = screen_open, .cd_fops = &tty_fops },
};

void tty_dev_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(nodes); i++)
		KASSERT(chrdev_register(&nodes[i]) == 0);
}
