/* SPDX-License-Identifier: MIT */
/*
 * pty.h - pseudo terminals for the tty programs, by raw ioctls.
 */
#ifndef TESTS_GUEST_LIB_PTY_H
#define TESTS_GUEST_LIB_PTY_H

#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

struct pty {
	int master;
	int slave;
	char name[32];		/* of the slave */
};

/*
 * Opens a new pair, neither of them as controlling terminal.  SKIPs where
 * there is no /dev/ptmx.  The master does not block.
 */
void pty_open(struct pty *p);

/* Clears and sets bits of the four flag words of the slave. */
struct pty_flags {
	tcflag_t iflag, oflag, cflag, lflag;
};

void pty_change(struct pty *p, struct pty_flags clear, struct pty_flags set);

/* Sets one control character. */
void pty_char(struct pty *p, int index, cc_t c);

/* Neither echo nor any processing; VMIN and VTIME as given. */
void pty_raw(struct pty *p, int vmin, int vtime);

/* Writes to the master, as the keyboard does. */
void pty_type(struct pty *p, const char *text);

/*
 * Reads exactly what the master shows now; fails if it is not this.  What the
 * terminal echoes is there when pty_type returns, on Linux soon afterwards.
 */
void pty_shows(struct pty *p, const char *text);

/* Reads once from the slave; fails if it is not this. */
void pty_reads(struct pty *p, const char *text);

/* The slave has nothing to read now. */
void pty_reads_nothing(struct pty *p);

/*
 * Runs fn in a child that leads a new session whose controlling terminal is
 * the slave, and waits until it has ended well.
 */
void pty_session(struct pty *p, void (*fn)(struct pty *));

#endif
