/* SPDX-License-Identifier: MIT */
/*
 * Terminal emulation: text, control characters, escape sequences; vt_csi.c has the
 * control sequences with parameters.
 *
 * Writing changes vt_cells only and notes which rows; flush() then compares them with
 * vt_shown and has the display draw the runs that differ. Device memory is dear,
 * above all under an emulator: so scrolling a screen of short lines touches the short
 * lines only, and it is never read.
 *
 * Characters beyond ASCII show as '?', one per UTF-8 character.
 */
#include "drivers/vt.h"
#include "kassert.h"
#include "kernel/lib/string.h"

#define TAB		8
#define ESC		033
#define DEL		0177

static vt_cell blank_cell(const struct vt *vt)
{
	return (vt_cell)(' ' | vt->vt_bg << 12 | vt->vt_fg << 8);
}

static vt_cell cell_of(const struct vt *vt, u8 c)
{
	unsigned int fg = vt->vt_fg | (vt->vt_bold ? 8 : 0), bg = vt->vt_bg;

	if (vt->vt_reverse)
		return (vt_cell)(c | (fg & 7) << 12 | bg << 8);
	return (vt_cell)(c | bg << 12 | fg << 8);
}

void vt_touch(struct vt *vt, unsigned int from, unsigned int to)
{
	if (vt->vt_dirty_from >= vt->vt_dirty_to) {
		vt->vt_dirty_from = from;
		vt->vt_dirty_to = to;
		return;
	}
	vt->vt_dirty_from = min(vt->vt_dirty_from, from);
	vt->vt_dirty_to = max(vt->vt_dirty_to, to);
}

void vt_clear(struct vt *vt, unsigned int row, unsigned int col, unsigned int n)
{
	vt_cell *cell = &vt->vt_cells[row * vt->vt_cols + col];
	vt_cell blank = blank_cell(vt);

	KASSERT(row * vt->vt_cols + col + n <= vt->vt_rows * vt->vt_cols);
	for (unsigned int i = 0; i < n; i++)
		cell[i] = blank;
	vt_touch(vt, row, min(vt->vt_rows, row + (col + n) / vt->vt_cols + 1));
}

/* Move rows [top, bottom) up by lines (down if negative); blank rows come in. */
void vt_scroll(struct vt *vt, unsigned int top, unsigned int bottom, int lines)
{
	unsigned int height = bottom - top, cols = vt->vt_cols, n;
	vt_cell *base = &vt->vt_cells[top * cols];

	n = min((unsigned int)(lines < 0 ? -lines : lines), height);
	if (lines > 0) {
		memmove(base, base + n * cols, (height - n) * cols * sizeof(*base));
		vt_clear(vt, bottom - n, 0, n * cols);
	} else if (lines < 0) {
		memmove(base + n * cols, base, (height - n) * cols * sizeof(*base));
		vt_clear(vt, top, 0, n * cols);
	}
	vt_touch(vt, top, bottom);
}

/* To (row, col), or the nearest place on the screen. */
void vt_move(struct vt *vt, int row, int col)
{
	vt->vt_row = (unsigned int)clamp(row, 0, (int)vt->vt_rows - 1);
	vt->vt_col = (unsigned int)clamp(col, 0, (int)vt->vt_cols - 1);
}

static void line_feed(struct vt *vt)
{
	if (vt->vt_row + 1 == vt->vt_bottom)
		vt_scroll(vt, vt->vt_top, vt->vt_bottom, 1);
	else if (vt->vt_row + 1 < vt->vt_rows)
		vt->vt_row++;
}

static void reverse_line_feed(struct vt *vt)
{
	if (vt->vt_row == vt->vt_top)
		vt_scroll(vt, vt->vt_top, vt->vt_bottom, -1);
	else if (vt->vt_row > 0)
		vt->vt_row--;
}

static void put_char(struct vt *vt, u8 c)
{
	if (vt->vt_col == vt->vt_cols) {
		vt->vt_col = 0;
		line_feed(vt);
	}
	vt->vt_cells[vt->vt_row * vt->vt_cols + vt->vt_col++] = cell_of(vt, c);
	vt_touch(vt, vt->vt_row, vt->vt_row + 1);
}

static void control_char(struct vt *vt, u8 c)
{
	switch (c) {
	case '\b':
		if (vt->vt_col > 0)
			vt_move(vt, (int)vt->vt_row, (int)vt->vt_col - 1);
		break;
	case '\t':
		vt_move(vt, (int)vt->vt_row, (int)(vt->vt_col / TAB + 1) * TAB);
		break;
	case '\n':
	case '\v':
	case '\f':
		line_feed(vt);
		break;
	case '\r':
		vt->vt_col = 0;
		break;
	}
}

static void text(struct vt *vt, u8 c)
{
	if (vt->vt_utf8_left && (c & 0xc0) == 0x80) {
		if (--vt->vt_utf8_left == 0)
			put_char(vt, '?');
		return;
	}
	vt->vt_utf8_left = 0;
	if (c >= 0xf0)
		vt->vt_utf8_left = 3;
	else if (c >= 0xe0)
		vt->vt_utf8_left = 2;
	else if (c >= 0xc0)
		vt->vt_utf8_left = 1;
	else if (c >= ' ' && c != DEL)
		put_char(vt, c < 0x80 ? c : '?');
	else if (c < ' ')
		control_char(vt, c);
}

static void full_reset(struct vt *vt)
{
	vt_csi_reset_attr(vt);
	vt->vt_top = 0;
	vt->vt_bottom = vt->vt_rows;
	vt->vt_hidden = false;
	vt_move(vt, 0, 0);
	vt->vt_saved_row = vt->vt_saved_col = 0;
	vt_clear(vt, 0, 0, vt->vt_rows * vt->vt_cols);
}

static void escape(struct vt *vt, u8 c)
{
	vt->vt_state = VT_TEXT;
	switch (c) {
	case '[':
		vt->vt_state = VT_CSI;
		vt->vt_private = false;
		vt->vt_nparams = 0;
		memset(vt->vt_param, 0, sizeof(vt->vt_param));
		break;
	case '(':
	case ')':
		vt->vt_state = VT_CHARSET;
		break;
	case '7':
		vt->vt_saved_row = vt->vt_row;
		vt->vt_saved_col = vt->vt_col;
		break;
	case '8':
		vt_move(vt, (int)vt->vt_saved_row, (int)vt->vt_saved_col);
		break;
	case 'D':
		line_feed(vt);
		break;
	case 'E':
		vt->vt_col = 0;
		line_feed(vt);
		break;
	case 'M':
		reverse_line_feed(vt);
		break;
	case 'c':
		full_reset(vt);
		break;
	}
}

/* Parameters are numbers with ';' between; '?' in front marks private ones. */
static void csi_byte(struct vt *vt, u8 c)
{
	unsigned int i = vt->vt_nparams;

	if (c >= '0' && c <= '9') {
		if (i < VT_PARAMS)
			vt->vt_param[i] = min(vt->vt_param[i] * 10 + (c - '0'), 9999u);
	} else if (c == ';') {
		vt->vt_nparams = min(i + 1, (unsigned int)VT_PARAMS);
	} else if (c == '?') {
		vt->vt_private = true;
	} else if (c >= 0x40 && c <= 0x7e) {
		vt->vt_nparams = min(i + 1, (unsigned int)VT_PARAMS);
		vt->vt_state = VT_TEXT;
		vt_csi(vt, c);
	} else if (c >= 0x20 && c <= 0x3f) {
		vt->vt_state = VT_CSI_IGNORE;
	} else {
		control_char(vt, c);
	}
}

static void vt_byte(struct vt *vt, u8 c)
{
	if (c == ESC) {
		vt->vt_state = VT_ESCAPE;
		return;
	}
	switch (vt->vt_state) {
	case VT_TEXT:
		text(vt, c);
		break;
	case VT_ESCAPE:
		escape(vt, c);
		break;
	case VT_CSI:
		csi_byte(vt, c);
		break;
	case VT_CSI_IGNORE:
		if (c >= 0x40 && c <= 0x7e)
			vt->vt_state = VT_TEXT;
		break;
	case VT_CHARSET:
		vt->vt_state = VT_TEXT;
		break;
	}
}

/* Draw the runs of a row that differ. */
static void flush_row(struct vt *vt, unsigned int row)
{
	const vt_cell *want = &vt->vt_cells[row * vt->vt_cols];
	vt_cell *shown = &vt->vt_shown[row * vt->vt_cols];
	unsigned int col = 0, from;

	while (col < vt->vt_cols) {
		if (want[col] == shown[col]) {
			col++;
			continue;
		}
		for (from = col; col < vt->vt_cols && want[col] != shown[col]; col++)
			shown[col] = want[col];
		vt->vt_display->vd_draw(vt->vt_display, row, from, want + from, col - from);
	}
}

static void flush(struct vt *vt)
{
	unsigned int col = min(vt->vt_col, vt->vt_cols - 1);

	for (unsigned int row = vt->vt_dirty_from; row < vt->vt_dirty_to; row++)
		flush_row(vt, row);
	vt->vt_dirty_from = vt->vt_dirty_to = 0;
	vt->vt_display->vd_cursor(vt->vt_display, vt->vt_row, col,
				  vt->vt_cells[vt->vt_row * vt->vt_cols + col],
				  !vt->vt_hidden);
}

void vt_write(struct vt *vt, const u8 *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		vt_byte(vt, s[i]);
	flush(vt);
}

void vt_init(struct vt *vt, struct vt_display *d, vt_cell *cells, vt_cell *shown)
{
	memset(vt, 0, sizeof(*vt));
	vt->vt_display = d;
	vt->vt_rows = d->vd_rows;
	vt->vt_cols = d->vd_cols;
	vt->vt_cells = cells;
	vt->vt_shown = shown;
	/* No cell is shown yet: 0 is not a blank. */
	memset(shown, 0, vt->vt_rows * vt->vt_cols * sizeof(*shown));
	full_reset(vt);
	flush(vt);
}
