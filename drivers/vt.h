/* SPDX-License-Identifier: MIT */
/*
 * Terminal emulation for a screen of character cells: a subset of ECMA-48 as the
 * Linux console speaks it (console_codes(4), TERM=linux). Pure logic over two
 * arrays of cells; a display (vt_vga.c, vt_fbcon.c) draws what has changed.
 */
#ifndef DRIVERS_VT_H
#define DRIVERS_VT_H

#include <types.h>

/* A cell: character in the low byte, VGA attribute (background << 4 | foreground) in the high. */
typedef u16 vt_cell;

#define VT_PARAMS	8

struct vt_display {
	unsigned int vd_rows, vd_cols;
	/* Show n cells from (row, col) on. */
	void (*vd_draw)(struct vt_display *d, unsigned int row, unsigned int col,
			const vt_cell *cells, unsigned int n);
	/* Put the cursor there, over this cell, or hide it. */
	void (*vd_cursor)(struct vt_display *d, unsigned int row, unsigned int col,
			  vt_cell under, bool visible);
};

enum vt_state { VT_TEXT, VT_ESCAPE, VT_CSI, VT_CSI_IGNORE, VT_CHARSET };

/* All fields belong to the caller's lock. */
struct vt {
	struct vt_display *vt_display;
	vt_cell *vt_cells;		/* what should be on the screen */
	vt_cell *vt_shown;		/* what is */
	unsigned int vt_rows, vt_cols;
	unsigned int vt_row, vt_col;	/* cursor; vt_col == vt_cols: wrap first */
	unsigned int vt_saved_row, vt_saved_col;
	unsigned int vt_top, vt_bottom;	/* scrolling region, bottom excluded */
	unsigned int vt_dirty_from, vt_dirty_to;	/* rows to compare, to excluded */
	u8 vt_fg, vt_bg;
	bool vt_bold, vt_reverse, vt_hidden;
	enum vt_state vt_state;
	bool vt_private;		/* CSI ? */
	unsigned int vt_param[VT_PARAMS];
	unsigned int vt_nparams;
	unsigned int vt_utf8_left;	/* bytes of a UTF-8 character to come */
};

/* Two arrays of rows * cols cells from the caller. Clears the screen. */
void vt_init(struct vt *vt, struct vt_display *d, vt_cell *cells, vt_cell *shown);
/* Interpret n bytes and draw what has changed. */
void vt_write(struct vt *vt, const u8 *s, size_t n);
/* vt_csi.c: the final byte of a control sequence. */
void vt_csi(struct vt *vt, u8 final);
void vt_csi_reset_attr(struct vt *vt);
/* Shared by both. */
void vt_clear(struct vt *vt, unsigned int row, unsigned int col, unsigned int n);
void vt_scroll(struct vt *vt, unsigned int top, unsigned int bottom, int lines);
void vt_move(struct vt *vt, int row, int col);
void vt_touch(struct vt *vt, unsigned int from, unsigned int to);

#endif
