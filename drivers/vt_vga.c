/* SPDX-License-Identifier: MIT */
/*
 * VGA text mode, 80x25, as the firmware left it: a cell is a character and an attribute in
 * memory at 0xb8000; the cursor is a matter of the CRT controller (IBM VGA, CRTC
 * registers 0x0a, 0x0e, 0x0f).
 */
#include "drivers/vt_display.h"
#include "kernel/x86/cpu.h"
#include "mm/vmalloc.h"

#define VGA_MEMORY	0xb8000
#define VGA_ROWS	25
#define VGA_COLS	80
#define CRTC_INDEX	0x3d4
#define CRTC_DATA	0x3d5
#define CRTC_CURSOR_START 0x0a		/* bit 5: off */
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW	0x0f

static volatile u16 *vga_cells;
static unsigned int vga_at = ~0u;	/* where the cursor is; register writes are dear */

static void crtc_write(u8 reg, u8 v)
{
	outb(CRTC_INDEX, reg);
	outb(CRTC_DATA, v);
}

static u8 crtc_read(u8 reg)
{
	outb(CRTC_INDEX, reg);
	return inb(CRTC_DATA);
}

static void vga_draw(struct vt_display *d, unsigned int row, unsigned int col,
		     const vt_cell *cells, unsigned int n)
{
	volatile u16 *at = vga_cells + row * VGA_COLS + col;

	(void)d;
	for (unsigned int i = 0; i < n; i++)
		at[i] = cells[i];
}

static void vga_cursor(struct vt_display *d, unsigned int row, unsigned int col,
		       vt_cell under, bool visible)
{
	/* Hidden: just past the screen. */
	unsigned int at = visible ? row * VGA_COLS + col : VGA_ROWS * VGA_COLS;

	(void)d;
	(void)under;
	if (at == vga_at)
		return;
	vga_at = at;
	crtc_write(CRTC_CURSOR_HIGH, (u8)(at >> 8));
	crtc_write(CRTC_CURSOR_LOW, (u8)at);
}

static struct vt_display vga_display = {
	.vd_rows = VGA_ROWS, .vd_cols = VGA_COLS,
	.vd_draw = vga_draw, .vd_cursor = vga_cursor,
};

struct vt_display *vt_vga_probe(void)
{
	u8 was = crtc_read(CRTC_CURSOR_LOW);
	bool there;

	crtc_write(CRTC_CURSOR_LOW, 0x5a);
	there = crtc_read(CRTC_CURSOR_LOW) == 0x5a;
	crtc_write(CRTC_CURSOR_LOW, was);
	if (!there)
		return NULL;
	vga_cells = mmio_map(VGA_MEMORY, VGA_ROWS * VGA_COLS * sizeof(u16));
	if (!vga_cells)
		return NULL;
	crtc_write(CRTC_CURSOR_START, crtc_read(CRTC_CURSOR_START) & ~0x20);
	return &vga_display;
}
