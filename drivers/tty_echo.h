/* SPDX-License-Identifier: MIT */
/*
 * Output half of the line discipline, for tty_ldisc.c: output processing, echo, erasing.
 */
#ifndef DRIVERS_TTY_ECHO_H
#define DRIVERS_TTY_ECHO_H

#include "drivers/tty_ldisc.h"

enum ldisc_erase { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

/* Echo c as a user sees it (^X for control characters with ECHOCTL). Dropped if l_out is full. */
void ldisc_echo(struct ldisc *l, u8 c);
/* Echo c itself, through output processing. */
void ldisc_echo_raw(struct ldisc *l, u8 c);
void ldisc_bell(struct ldisc *l);
/* Take characters back from the edited line, and from the screen as the flags say. */
void ldisc_erase(struct ldisc *l, enum ldisc_erase what);
/* Tell the driver if there is something to send. */
void ldisc_output_kick(struct ldisc *l);

#endif
