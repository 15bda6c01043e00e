/* SPDX-License-Identifier: MIT */
/*
 * tty1: the terminal on the screen. Takes output from its tty (and, when the command
 * line says console=tty0, from printk) to the terminal emulation; the keyboard feeds it.
 *
 * Locks: screen_lock around the emulation, inside tty_lock, interrupts off. printk
 * only tries for it, since it may be called with the lock held.
 */
#include <errno.h>
#include "drivers/init.h"
#include "drivers/vt_display.h"
#include "drivers/tty.h"
#include "kernel/core/printk.h"
#include "mm/slab.h"

#define CONSOLE_TRIES	100000
#define PORTION		128

static struct spinlock screen_lock = SPINLOCK_INIT("screen", RANK_CONSOLE_DEVICE);
static struct vt screen_vt;		/* [screen_lock] */
static struct tty tty1;

static void screen_start(struct tty *tty)
{
	struct ldisc *l = &tty->tty_ldisc;
	u8 buf[PORTION];
	u32 n;

	spin_lock(&screen_lock);
	while (!l->l_stopped && (n = ring_get(&l->l_out, buf, sizeof(buf))) > 0)
		vt_write(&screen_vt, buf, n);
	spin_unlock(&screen_lock);
	tty_output_taken(tty);
}

/* The keyboard has nowhere to keep what does not fit, so input never throttles. */
static void screen_unthrottle(struct tty *tty)
{
	(void)tty;
}

static const struct tty_ops screen_ops = {
	.to_start = screen_start,
	.to_unthrottle = screen_unthrottle,
};

static void sink_write(struct console_sink *cs, const char *s, size_t n)
{
	irqflags_t f = irq_save();
	bool locked = false;

	(void)cs;
	for (int i = 0; i < CONSOLE_TRIES && !locked; i++)
		locked = spin_trylock(&screen_lock);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			vt_write(&screen_vt, (const u8 *)"\r\n", 2);
		else
			vt_write(&screen_vt, (const u8 *)&s[i], 1);
	}
	if (locked)
		spin_unlock(&screen_lock);
	irq_restore(f);
}

static struct console_sink screen_sink = { .cs_write = sink_write };

void vt_screen_init(void)
{
	struct vt_display *d = vt_fbcon_probe();
	struct winsize ws;
	vt_cell *cells;
	size_t n;

	if (!d)
		d = vt_vga_probe();
	if (!d)
		return;
	n = (size_t)d->vd_rows * d->vd_cols;
	cells = kmalloc(2 * n * sizeof(*cells), ALLOC_WAIT);
	if (!cells)
		return;
	if (tty_setup(&tty1, &screen_ops, NULL, "tty1", MKDEV(4, 1))) {
		kfree(cells);
		return;
	}
	vt_init(&screen_vt, d, cells, cells + n);
	ws = (struct winsize){ .ws_row = (u16)d->vd_rows, .ws_col = (u16)d->vd_cols };
	tty1.tty_winsize = ws;
	tty_register(&tty1);
	if (console_wanted("tty1"))
		console_register(&screen_sink);
}
