/* SPDX-License-Identifier: MIT */
/*
 * The line discipline (termios(3)): what happens to characters between a line and
 * a program. Pure logic: no locks, no allocation, no kernel calls but those in
 * struct ldisc_ops, so that it is tested on the host (tests/unit/ldisc_test.c).
 *
 * The owner (tty.c) holds one lock around every call.
 *
 *	line -> ldisc_input() -> [l_buf: lines or bytes] -> ldisc_read() -> program
 *	line <- driver <- [l_out] <- ldisc_write() <- program
 *	             ^------------ echo ---- ldisc_input()
 *
 * l_buf in canonical mode: l_tail .. l_line are complete lines, their last bytes
 * marked in l_ends; l_line .. l_head is the line being edited. A VEOF is a byte
 * that is marked in l_ends and l_eofs and is never copied out. In raw mode
 * l_tail .. l_head is readable and l_line is not used.
 *
 * Invariants: l_tail <= l_line <= l_head <= l_tail + LDISC_SIZE (modulo 2^32).
 * Only the last byte of the buffer's room can be a line end alone: a line has up
 * to LDISC_SIZE - 1 characters before its end, what exceeds that is dropped.
 */
#ifndef DRIVERS_TTY_LDISC_H
#define DRIVERS_TTY_LDISC_H

#include "abi/termios.h"
#include "kernel/lib/ring.h"
#include "types.h"

#define LDISC_SIZE	4096u		/* input buffer, a power of two */
#define LDISC_OUT_SIZE	4096u

struct ldisc;

struct ldisc_ops {
	/* A character for this signal came (ISIG). Unless NOFLSH, input and output are flushed. */
	void (*lo_signal)(struct ldisc *l, int sig);
	/* l_out has become worth a look: more bytes, or no longer stopped. NULL: nothing to do. */
	void (*lo_output)(struct ldisc *l);
	/* For packet mode: TIOCPKT_* bits of something that happened. NULL: nothing to do. */
	void (*lo_event)(struct ldisc *l, u8 bits);
};

struct ldisc {
	struct termios l_tio;
	const struct ldisc_ops *l_ops;
	u8 *l_buf;			/* LDISC_SIZE bytes of the owner's */
	u32 l_tail, l_line, l_head;
	struct ring l_out;		/* the driver takes from here, unless l_stopped */
	u32 l_column;			/* of the cursor, as far as output tells */
	u32 l_line_column;		/* where the echo of the edited line began */
	bool l_lnext;			/* the next character is literal */
	bool l_stopped;			/* VSTOP or TCOOFF */
	bool l_xoff_sent;		/* IXOFF: we have stopped the other side */
	u64 l_ends[LDISC_SIZE / 64];
	u64 l_eofs[LDISC_SIZE / 64];
};

/* buf: LDISC_SIZE, out: LDISC_OUT_SIZE bytes. */
void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *buf, void *out);
/* From the line. Returns how many were taken; fewer than n: no room until somebody reads. */
size_t ldisc_input(struct ldisc *l, const u8 *src, size_t n);
/* How many bytes ldisc_input() takes for sure. */
size_t ldisc_room(const struct ldisc *l);
/* From a program: into l_out with output processing. Returns how many of src were taken. */
size_t ldisc_write(struct ldisc *l, const u8 *src, size_t n);
/* Bytes for FIONREAD. */
size_t ldisc_readable(const struct ldisc *l);
/* A read of want bytes has at least something to return: a line; or min bytes. */
bool ldisc_ready(const struct ldisc *l, size_t min);
/* Take up to n bytes. *end: a line end was reached (a read stops there, also after 0 bytes). */
size_t ldisc_read(struct ldisc *l, u8 *dst, size_t n, bool *end);
void ldisc_set_termios(struct ldisc *l, const struct termios *tio);
void ldisc_flush_input(struct ldisc *l);
void ldisc_flush_output(struct ldisc *l);
/* TCXONC's TCOOFF and TCOON. */
void ldisc_stop(struct ldisc *l, bool stop);

static inline bool ldisc_canonical(const struct ldisc *l)
{
	return l->l_tio.c_lflag & ICANON;
}

#endif
