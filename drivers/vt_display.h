/* SPDX-License-Identifier: MIT */
/*
 * The two kinds of display below the screen's terminal (vt_screen.c), and their font.
 */
#ifndef DRIVERS_VT_DISPLAY_H
#define DRIVERS_VT_DISPLAY_H

#include "drivers/vt.h"

/* The display if this machine has it, or NULL. */
struct vt_display *vt_vga_probe(void);
struct vt_display *vt_fbcon_probe(void);

/* vt_font.c: one scan line (0 .. 15) of a character, leftmost pixel in bit 7. */
#define FONT_WIDTH	8
#define FONT_HEIGHT	16
u8 vt_font_line(u8 c, unsigned int line);

#endif
