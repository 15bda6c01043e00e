/* SPDX-License-Identifier: MIT */
/*
 * The screen's terminal (tty1) and the two kinds of display below it.
 */
#ifndef DRIVERS_SCREEN_H
#define DRIVERS_SCREEN_H

#include "drivers/vt.h"

struct tty;

/* The display if this machine has it, or NULL. */
struct vt_display *vga_probe(void);
struct vt_display *fbcon_probe(void);

/* tty1, for the keyboard; NULL without a screen. */
struct tty *screen_tty(void);

/* fbfont.c: one scan line (0 .. 15) of a character, leftmost pixel in bit 7. */
#define FONT_WIDTH	8
#define FONT_HEIGHT	16
u8 fbfont_line(u8 c, unsigned int line);

#endif
