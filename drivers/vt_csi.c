/* SPDX-License-Identifier: MIT */
/*
 * Control sequences of the terminal emulation: ESC [ parameters final. What is not
 * known is ignored, as terminals do.
 */
#include "drivers/vt.h"
#include "kernel/lib/string.h"

#define DEFAULT_FG	7
#define DEFAULT_BG	0

/* ECMA-48 numbers colours red = 1, blue = 4; VGA the other way round. */
static const u8 vga_colour[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

/* Parameter i, at least 1 where it is a count. */
static unsigned int count(const struct vt *vt, unsigned int i)
{
	return max(vt->vt_param[i], 1u);
}

void vt_csi_reset_attr(struct vt *vt)
{
	vt->vt_fg = DEFAULT_FG;
	vt->vt_bg = DEFAULT_BG;
	vt->vt_bold = vt->vt_reverse = false;
}

static void set_attr(struct vt *vt, unsigned int p)
{
	if (p >= 30 && p <= 37) {
		vt->vt_fg = vga_colour[p - 30];
	} else if (p >= 40 && p <= 47) {
		vt->vt_bg = vga_colour[p - 40];
	} else if (p >= 90 && p <= 97) {
		vt->vt_fg = vga_colour[p - 90] | 8;
	} else if (p >= 100 && p <= 107) {
		vt->vt_bg = vga_colour[p - 100];
	} else {
		switch (p) {
		case 0:
			vt_csi_reset_attr(vt);
			break;
		case 1:
			vt->vt_bold = true;
			break;
		case 7:
			vt->vt_reverse = true;
			break;
		case 21:
		case 22:
			vt->vt_bold = false;
			break;
		case 27:
			vt->vt_reverse = false;
			break;
		case 39:
			vt->vt_fg = DEFAULT_FG;
			break;
		case 49:
			vt->vt_bg = DEFAULT_BG;
			break;
		}
	}
}

/* SGR. 38 and 48 (256 colours) take their arguments along unseen. */
static void attributes(struct vt *vt)
{
	for (unsigned int i = 0; i < vt->vt_nparams; i++) {
		unsigned int p = vt->vt_param[i];

		if (p == 38 || p == 48)
			i += i + 1 < vt->vt_nparams && vt->vt_param[i + 1] == 2 ? 4 : 2;
		else
			set_attr(vt, p);
	}
}

/* ED: 0 cursor to end, 1 start to cursor, 2 and 3 all. */
static void erase_screen(struct vt *vt)
{
	unsigned int all = vt->vt_rows * vt->vt_cols;
	unsigned int at = vt->vt_row * vt->vt_cols + min(vt->vt_col, vt->vt_cols - 1);

	switch (vt->vt_param[0]) {
	case 0:
		vt_clear(vt, at / vt->vt_cols, at % vt->vt_cols, all - at);
		break;
	case 1:
		vt_clear(vt, 0, 0, at + 1);
		break;
	default:
		vt_clear(vt, 0, 0, all);
		break;
	}
}

/* EL: the same in the cursor's line. */
static void erase_line(struct vt *vt)
{
	unsigned int col = min(vt->vt_col, vt->vt_cols - 1);

	switch (vt->vt_param[0]) {
	case 0:
		vt_clear(vt, vt->vt_row, col, vt->vt_cols - col);
		break;
	case 1:
		vt_clear(vt, vt->vt_row, 0, col + 1);
		break;
	default:
		vt_clear(vt, vt->vt_row, 0, vt->vt_cols);
		break;
	}
}

/* ICH (insert) and DCH: shift the rest of the line. */
static void shift_line(struct vt *vt, bool insert)
{
	unsigned int col = min(vt->vt_col, vt->vt_cols - 1), rest = vt->vt_cols - col;
	unsigned int n = min(count(vt, 0), rest);
	vt_cell *at = &vt->vt_cells[vt->vt_row * vt->vt_cols + col];

	if (insert) {
		memmove(at + n, at, (rest - n) * sizeof(*at));
		vt_clear(vt, vt->vt_row, col, n);
	} else {
		memmove(at, at + n, (rest - n) * sizeof(*at));
		vt_clear(vt, vt->vt_row, vt->vt_cols - n, n);
	}
	vt_touch(vt, vt->vt_row, vt->vt_row + 1);
}

/* IL and DL: only inside the scrolling region. */
static void shift_rows(struct vt *vt, int sign)
{
	if (vt->vt_row >= vt->vt_top && vt->vt_row < vt->vt_bottom)
		vt_scroll(vt, vt->vt_row, vt->vt_bottom, sign * (int)count(vt, 0));
}

/* DECSTBM */
static void set_region(struct vt *vt)
{
	unsigned int top = count(vt, 0) - 1, bottom = vt->vt_param[1];

	if (bottom == 0 || bottom > vt->vt_rows)
		bottom = vt->vt_rows;
	if (top + 1 >= bottom)
		return;
	vt->vt_top = top;
	vt->vt_bottom = bottom;
	vt_move(vt, 0, 0);
}

static void private_mode(struct vt *vt, bool on)
{
	/* DECTCEM; alternate screens and mouse reports are not there. */
	if (vt->vt_private && vt->vt_param[0] == 25)
		vt->vt_hidden = !on;
}

/* Moves of the cursor; false: final is none. */
static bool cursor_move(struct vt *vt, u8 final)
{
	int row = (int)vt->vt_row, col = (int)min(vt->vt_col, vt->vt_cols - 1);
	int n = (int)count(vt, 0);

	switch (final) {
	case 'A':
		vt_move(vt, row - n, col);
		return true;
	case 'B':
	case 'e':
		vt_move(vt, row + n, col);
		return true;
	case 'C':
	case 'a':
		vt_move(vt, row, col + n);
		return true;
	case 'D':
		vt_move(vt, row, col - n);
		return true;
	case 'E':
		vt_move(vt, row + n, 0);
		return true;
	case 'F':
		vt_move(vt, row - n, 0);
		return true;
	case 'G':
	case '`':
		vt_move(vt, row, n - 1);
		return true;
	case 'd':
		vt_move(vt, n - 1, col);
		return true;
	case 'H':
	case 'f':
		vt_move(vt, n - 1, (int)count(vt, 1) - 1);
		return true;
	default:
		return false;
	}
}

void vt_csi(struct vt *vt, u8 final)
{
	if (cursor_move(vt, final))
		return;
	switch (final) {
	case 'J':
		erase_screen(vt);
		break;
	case 'K':
		erase_line(vt);
		break;
	case 'X':
		vt_clear(vt, vt->vt_row, min(vt->vt_col, vt->vt_cols - 1),
			 min(count(vt, 0), vt->vt_cols - min(vt->vt_col, vt->vt_cols - 1)));
		break;
	case '@':
	case 'P':
		shift_line(vt, final == '@');
		break;
	case 'L':
	case 'M':
		shift_rows(vt, final == 'M' ? 1 : -1);
		break;
	case 'S':
	case 'T':
		vt_scroll(vt, vt->vt_top, vt->vt_bottom,
			  final == 'S' ? (int)count(vt, 0) : -(int)count(vt, 0));
		break;
	case 'm':
		attributes(vt);
		break;
	case 'r':
		set_region(vt);
		break;
	case 's':
		vt->vt_saved_row = vt->vt_row;
		vt->vt_saved_col = vt->vt_col;
		break;
	case 'u':
		vt_move(vt, (int)vt->vt_saved_row, (int)vt->vt_saved_col);
		break;
	case 'h':
	case 'l':
		private_mode(vt, final == 'h');
		break;
	}
}
