/* SPDX-License-Identifier: MIT */
/*
 * PS/2 keyboard, scan code set 1 as the i8042 delivers it, US layout; feeds tty1.
 *
 * A key sends its code when pressed and the code with bit 7 set when released; 0xe0 in front
 * marks the keys that the first PC did not have (right Ctrl and Alt, arrows ...), 0xe1
 * begins Pause, whose two bytes are dropped.
 *
 *	Ctrl + letter	control character	Alt + key	ESC, then the key
 *	arrows, Home ...	ESC [ A ..., as TERM=linux has them
 *
 * Locks: none; the interrupt handler alone touches the state. It reads until the
 * controller has no more, since the line is edge-triggered.
 */
#include <kassert.h>
#include "drivers/init.h"
#include "drivers/tty.h"
#include "kernel/core/irq.h"
#include "kernel/core/printk.h"
#include "kernel/lib/string.h"
#include "kernel/x86/cpu.h"

#define KBD_DATA	0x60
#define KBD_STATUS	0x64
#define STATUS_OUT_FULL	0x01		/* a byte waits in KBD_DATA */
#define STATUS_MOUSE	0x20		/* and it is the mouse's */
#define KBD_IRQ		1

#define CODE_EXTENDED	0xe0
#define CODE_PAUSE	0xe1
#define CODE_RELEASED	0x80
#define CODE_CTRL	0x1d
#define CODE_LSHIFT	0x2a
#define CODE_RSHIFT	0x36
#define CODE_ALT	0x38
#define CODE_CAPS	0x3a
#define CODE_NUM	0x45
#define CODE_KEYPAD	0x47		/* first of the keypad's digits: 7 */
#define CODE_KEYPAD_END	0x53		/* the last: . */
#define ESC		033

/* Character keys, 0x00 .. 0x39. 0: none. */
static const char plain[] =
	"\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

/* The keypad, 0x47 .. 0x53, with Num Lock; without, its keys are in special. */
static const char keypad[] = "789-456+1230.";

/* Keys that send a sequence: after ESC. */
static const struct {
	u8 code;
	const char *seq;
} special[] = {
	{ 0x3b, "[[A" }, { 0x3c, "[[B" }, { 0x3d, "[[C" }, { 0x3e, "[[D" }, { 0x3f, "[[E" },
	{ 0x40, "[17~" }, { 0x41, "[18~" }, { 0x42, "[19~" }, { 0x43, "[20~" },
	{ 0x44, "[21~" }, { 0x57, "[23~" }, { 0x58, "[24~" },
	{ 0x47, "[1~" }, { 0x48, "[A" }, { 0x49, "[5~" }, { 0x4b, "[D" }, { 0x4d, "[C" },
	{ 0x4f, "[4~" }, { 0x50, "[B" }, { 0x51, "[6~" }, { 0x52, "[2~" }, { 0x53, "[3~" },
};

BUILD_ASSERT(sizeof(plain) == 0x3a + 1 && sizeof(shifted) == sizeof(plain));
BUILD_ASSERT(sizeof(keypad) == CODE_KEYPAD_END - CODE_KEYPAD + 2);

static struct tty *screen;	/* [I] tty1 */

static struct {
	bool extended;		/* the last byte was CODE_EXTENDED */
	u8 skip;		/* bytes of Pause to come */
	bool shift, ctrl, alt;	/* held */
	bool caps, num;		/* locked */
} kbd;

static void send(const char *s, size_t n)
{
	tty_input(screen, (const u8 *)s, n);
}

static void send_char(char c)
{
	char buf[2] = { ESC, c };

	if (kbd.alt)
		send(buf, 2);
	else
		send(&c, 1);
}

static void send_special(u8 code)
{
	char buf[8] = { ESC };

	for (unsigned int i = 0; i < ARRAY_SIZE(special); i++) {
		if (special[i].code != code)
			continue;
		str_copy(buf + 1, special[i].seq, sizeof(buf) - 1);
		send(buf, strlen(buf));
		return;
	}
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void char_key(u8 code)
{
	bool upper = kbd.shift;
	char c = plain[code];

	if (kbd.caps && is_letter(c))
		upper = !upper;
	if (upper)
		c = shifted[code];
	if (!c)
		return;
	/* ^@ to ^_ and ^?; Ctrl with a digit and the like sends the digit. */
	if (kbd.ctrl && (is_letter(c) || (c >= '@' && c <= '_') || c == ' '))
		c &= 0x1f;
	send_char(c);
}

/* True if code is a modifier. */
static bool modifier(u8 code, bool pressed)
{
	switch (code) {
	case CODE_LSHIFT:
	case CODE_RSHIFT:
		/* 0xe0 0x2a is a shift that the keyboard makes up around arrows. */
		if (!kbd.extended)
			kbd.shift = pressed;
		return true;
	case CODE_CTRL:
		kbd.ctrl = pressed;
		return true;
	case CODE_ALT:
		kbd.alt = pressed;
		return true;
	case CODE_CAPS:
		kbd.caps ^= pressed;
		return true;
	case CODE_NUM:
		kbd.num ^= pressed;
		return true;
	default:
		return false;
	}
}

static void key_press(u8 code)
{
	if (kbd.extended) {
		if (code == 0x1c)		/* keypad Enter */
			send_char('\r');
		else if (code == 0x35)		/* keypad / */
			send_char('/');
		else
			send_special(code);
		return;
	}
	if (code < sizeof(plain) - 1)
		char_key(code);
	else if (code >= CODE_KEYPAD && code <= CODE_KEYPAD_END &&
		 (kbd.num || code == 0x4a || code == 0x4e))
		send_char(keypad[code - CODE_KEYPAD]);
	else
		send_special(code);
}

static void scan_code(u8 b)
{
	u8 code = b & (u8)~CODE_RELEASED;
	bool pressed = !(b & CODE_RELEASED);

	if (kbd.skip) {
		kbd.skip--;
		return;
	}
	if (b == CODE_PAUSE) {
		kbd.skip = 2;
		return;
	}
	if (b == CODE_EXTENDED) {
		kbd.extended = true;
		return;
	}
	if (!modifier(code, pressed) && pressed)
		key_press(code);
	kbd.extended = false;
}

static bool kbd_interrupt(void *arg)
{
	bool any = false;
	u8 status, b;

	(void)arg;
	while ((status = inb(KBD_STATUS)) & STATUS_OUT_FULL) {
		b = inb(KBD_DATA);
		any = true;
		if (!(status & STATUS_MOUSE))
			scan_code(b);
	}
	return any;
}

void kbd_init(void)
{
	screen = tty_by_name("tty1");
	/* No controller: all ones. No screen: nobody to type for. */
	if (inb(KBD_STATUS) == 0xff || !screen)
		return;
	/* What was typed into the boot loader's hands; bounded, should the port be odd. */
	for (int i = 0; i < 16 && (inb(KBD_STATUS) & STATUS_OUT_FULL); i++)
		(void)inb(KBD_DATA);
	if (irq_request_isa(KBD_IRQ, kbd_interrupt, NULL, "keyboard"))
		printk(KERN_ERR "keyboard: no interrupt\n");
}
