/* SPDX-License-Identifier: MIT */
/*
 * Text on a linear framebuffer of 32 or 24 bits a pixel, which the boot loader
 * has set up (UEFI has no text mode). Pixels are taken as 0x00RRGGBB, what GRUB's
 * GOP and VBE modes have.
 */
#include "boot/bootinfo.h"
#include "compiler.h"
#include "drivers/vt_display.h"
#include "kernel/lib/string.h"
#include "mm/vmalloc.h"

#define FB_DIRECT_RGB	1

struct fbcon {
	struct vt_display fb_display;
	volatile u8 *fb_mem;
	u32 fb_pitch, fb_bytes;		/* bytes of a line, of a pixel */
	unsigned int fb_row, fb_col;	/* cell that shows the cursor */
	bool fb_cursor;
	vt_cell fb_under;		/* what is there */
};

static struct fbcon fbcon;

/* The sixteen colours of a VGA. */
static const u32 palette[16] = {
	0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
	0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

static void put_pixel(volatile u8 *at, u32 colour, u32 bytes)
{
	if (bytes == 4) {
		*(volatile u32 *)at = colour;
		return;
	}
	at[0] = (u8)colour;
	at[1] = (u8)(colour >> 8);
	at[2] = (u8)(colour >> 16);
}

static void draw_cell(struct fbcon *fb, unsigned int row, unsigned int col, vt_cell cell)
{
	u32 fg = palette[cell >> 8 & 15], bg = palette[cell >> 12 & 15];
	volatile u8 *line = fb->fb_mem + (u64)row * FONT_HEIGHT * fb->fb_pitch +
			    (u64)col * FONT_WIDTH * fb->fb_bytes;

	for (unsigned int y = 0; y < FONT_HEIGHT; y++, line += fb->fb_pitch) {
		u8 bits = vt_font_line((u8)cell, y);
		volatile u8 *at = line;

		for (unsigned int x = 0; x < FONT_WIDTH; x++, bits <<= 1, at += fb->fb_bytes)
			put_pixel(at, bits & 0x80 ? fg : bg, fb->fb_bytes);
	}
}

static void fb_draw(struct vt_display *d, unsigned int row, unsigned int col,
		    const vt_cell *cells, unsigned int n)
{
	struct fbcon *fb = container_of(d, struct fbcon, fb_display);

	for (unsigned int i = 0; i < n; i++) {
		draw_cell(fb, row, col + i, cells[i]);
		if (fb->fb_cursor && row == fb->fb_row && col + i == fb->fb_col)
			fb->fb_cursor = false;		/* painted over */
	}
}

/* The cursor is its cell with the colours swapped. */
static vt_cell swapped(vt_cell c)
{
	return (vt_cell)((c & 0xff) | (c & 0x0f00) << 4 | (c & 0xf000) >> 4);
}

static void fb_cursor(struct vt_display *d, unsigned int row, unsigned int col,
		      vt_cell under, bool visible)
{
	struct fbcon *fb = container_of(d, struct fbcon, fb_display);

	if (fb->fb_cursor) {
		if (visible && row == fb->fb_row && col == fb->fb_col)
			return;
		draw_cell(fb, fb->fb_row, fb->fb_col, fb->fb_under);
	}
	fb->fb_cursor = visible;
	if (!visible)
		return;
	fb->fb_row = row;
	fb->fb_col = col;
	fb->fb_under = under;
	draw_cell(fb, row, col, swapped(under));
}

struct vt_display *vt_fbcon_probe(void)
{
	const struct boot_framebuffer *b = &bootinfo.bi_fb;
	struct fbcon *fb = &fbcon;

	if (!b->addr || b->type != FB_DIRECT_RGB || (b->bpp != 32 && b->bpp != 24) ||
	    b->width < FONT_WIDTH || b->height < FONT_HEIGHT)
		return NULL;
	fb->fb_mem = mmio_map(b->addr, (size_t)b->pitch * b->height);
	if (!fb->fb_mem)
		return NULL;
	fb->fb_pitch = b->pitch;
	fb->fb_bytes = b->bpp / 8;
	fb->fb_display = (struct vt_display){
		.vd_rows = b->height / FONT_HEIGHT, .vd_cols = b->width / FONT_WIDTH,
		.vd_draw = fb_draw, .vd_cursor = fb_cursor,
	};
	return &fb->fb_display;
}
