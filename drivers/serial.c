/* SPDX-License-Identifier: MIT */
/*
 * 16550 serial ports COM1 to COM4, /dev/ttyS0 to ttyS3, and the polled console on COM1.
 *
 * Receive: the interrupt handler moves bytes from the FIFO through the line discipline
 * while that has room. Without room it disables the receive interrupt and leaves the bytes
 * where they are (the host holds back what follows); to_unthrottle enables it again,
 * and the UART repeats its interrupt. Nothing is lost.
 *
 * Transmit: when THRE says that the FIFO is free, up to 16 bytes go out for one look at
 * the status. After a burst, or when the FIFO is busy, the THRE interrupt goes on.
 *
 *	IER_RX set	receiving		-- no room --> clear, tty_throttled
 *	IER_THRE set	output waits in l_out	-- l_out empty or stopped --> clear
 *
 * COM1 and COM3 share IRQ 4, COM2 and COM4 share IRQ 3, edge-triggered: the handler of a
 * line goes over its ports until none of them has a cause, or an edge that came
 * meanwhile would be missed.
 *
 * Locks: tty_lock for all registers and sp_ier. sp_lock (inside it) keeps the printk console
 * and transmission from writing into the FIFO at once; the console does not insist on it, for
 * it must work in a panic.
 */
#include <kassert.h>
#include "drivers/init.h"
#include "drivers/serial_regs.h"
#include "drivers/tty.h"
#include "kernel/core/irq.h"
#include "kernel/core/printk.h"
#include "kernel/lib/fmt.h"
#include "kernel/x86/cpu.h"

#define NPORTS		4
#define TTYS_MINOR	64
/* Bytes to send with interrupts off before the THRE interrupt takes over. */
#define BURST		256
/* Bytes that may be typed ahead of the kernel; QEMU's multiplexer holds 32. */
#define EARLY_MAX	40
/* How often the console looks before it gives up on a lock or a FIFO. */
#define CONSOLE_TRIES	100000

struct serial_port {
	u16 sp_io;			/* [I] */
	u8 sp_irq;			/* [I] */
	bool sp_present;		/* [I] */
	u8 sp_early[EARLY_MAX];		/* [I] input before the port was set up */
	u8 sp_nearly;			/* [I] */
	u8 sp_ier;			/* [tty_lock] what IER was last set to */
	struct spinlock sp_lock;
	struct tty sp_tty;
};

static struct serial_port ports[NPORTS] = {
	{ .sp_io = 0x3f8, .sp_irq = 4, .sp_lock = SPINLOCK_INIT("ttyS0", RANK_CONSOLE_DEVICE) },
	{ .sp_io = 0x2f8, .sp_irq = 3, .sp_lock = SPINLOCK_INIT("ttyS1", RANK_CONSOLE_DEVICE) },
	{ .sp_io = 0x3e8, .sp_irq = 4, .sp_lock = SPINLOCK_INIT("ttyS2", RANK_CONSOLE_DEVICE) },
	{ .sp_io = 0x2e8, .sp_irq = 3, .sp_lock = SPINLOCK_INIT("ttyS3", RANK_CONSOLE_DEVICE) },
};

static u8 reg_read(const struct serial_port *sp, u16 reg)
{
	return inb(sp->sp_io + reg);
}

static void reg_write(const struct serial_port *sp, u16 reg, u8 v)
{
	outb(sp->sp_io + reg, v);
}

/* Enable and disable interrupts; the register is written only when it changes. */
static void set_ier(struct serial_port *sp, u8 set, u8 clear)
{
	u8 ier = (u8)((sp->sp_ier | set) & ~clear);

	KASSERT(lock_held(&sp->sp_tty.tty_lock));
	if (ier != sp->sp_ier) {
		sp->sp_ier = ier;
		reg_write(sp, UART_IER, ier);
	}
}

/* ---- transmit -------------------------------------------------------------- */

/* One FIFO's worth. False: the FIFO is busy. */
static bool send_fifo(struct serial_port *sp, struct ring *out, u32 *sent)
{
	u8 buf[UART_FIFO];
	bool idle;

	spin_lock(&sp->sp_lock);
	idle = reg_read(sp, UART_LSR) & LSR_THRE;
	if (idle) {
		*sent = ring_get(out, buf, UART_FIFO);
		for (u32 i = 0; i < *sent; i++)
			outb(sp->sp_io + UART_THR, buf[i]);
	}
	spin_unlock(&sp->sp_lock);
	return idle;
}

static void serial_start(struct tty *tty)
{
	struct serial_port *sp = tty->tty_data;
	struct ldisc *l = &tty->tty_ldisc;
	u32 left = BURST, sent;
	bool more;

	KASSERT(lock_held(&tty->tty_lock));
	while (left && !l->l_stopped && !ring_empty(&l->l_out) &&
	       send_fifo(sp, &l->l_out, &sent))
		left -= min(sent, left);
	if (left < BURST)
		tty_output_taken(tty);
	more = !l->l_stopped && !ring_empty(&l->l_out);
	set_ier(sp, more ? IER_THRE : 0, more ? 0 : IER_THRE);
}

static bool serial_idle(struct tty *tty)
{
	return reg_read(tty->tty_data, UART_LSR) & LSR_TEMT;
}

/* ---- receive --------------------------------------------------------------- */

/* The FIFO holds sure bytes or more: those need no look at the status. */
static void receive(struct serial_port *sp, u32 sure)
{
	struct tty *tty = &sp->sp_tty;
	u8 buf[4 * UART_FIFO];
	size_t room = min(ldisc_room(&tty->tty_ldisc), sizeof(buf)), n = 0, taken;

	if (room == 0) {
		tty->tty_throttled = true;
		set_ier(sp, 0, IER_RX);
		return;
	}
	while (n < room && (n < sure || (reg_read(sp, UART_LSR) & LSR_DR)))
		buf[n++] = reg_read(sp, UART_RBR);
	taken = tty_input_locked(tty, buf, n);
	KASSERT(taken == n);
}

static void serial_unthrottle(struct tty *tty)
{
	set_ier(tty->tty_data, IER_RX, 0);
}

static void service(struct serial_port *sp, u8 cause)
{
	irqflags_t f = tty_lock_irqsave(&sp->sp_tty);

	switch (cause) {
	case IIR_RX:
		receive(sp, UART_TRIGGER);
		break;
	case IIR_TIMEOUT:
		receive(sp, 0);
		break;
	case IIR_THRE:
		serial_start(&sp->sp_tty);
		break;
	case IIR_LSR:
		(void)reg_read(sp, UART_LSR);
		break;
	default:
		(void)reg_read(sp, UART_MSR);
		break;
	}
	tty_unlock_input(&sp->sp_tty, f);
}

/* Interrupt of a line; arg: the first of its two ports. */
static bool serial_interrupt(void *arg)
{
	struct serial_port *first = arg;
	bool any = false, again;

	do {
		again = false;
		for (struct serial_port *sp = first; sp < ports + NPORTS; sp += 2) {
			u8 iir;

			if (!sp->sp_present)
				continue;
			iir = reg_read(sp, UART_IIR);
			if (iir & IIR_NONE)
				continue;
			service(sp, iir & IIR_CAUSE);
			again = any = true;
		}
	} while (again);
	return any;
}

static const struct tty_ops serial_ops = {
	.to_start = serial_start,
	.to_unthrottle = serial_unthrottle,
	.to_idle = serial_idle,
};

/* ---- the printk console ---------------------------------------------------- */

static void console_putc(struct serial_port *sp, char c)
{
	for (int i = 0; i < CONSOLE_TRIES && !(reg_read(sp, UART_LSR) & LSR_THRE); i++)
		cpu_relax();
	reg_write(sp, UART_THR, (u8)c);
}

/* Any context, a panic on a CPU that holds sp_lock too: then it writes without. */
static void console_write(struct console_sink *cs, const char *s, size_t n)
{
	struct serial_port *sp = &ports[0];
	irqflags_t f = irq_save();
	bool locked = false;

	(void)cs;
	for (int i = 0; i < CONSOLE_TRIES && !locked; i++)
		locked = spin_trylock(&sp->sp_lock);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			console_putc(sp, '\r');
		console_putc(sp, s[i]);
	}
	if (locked)
		spin_unlock(&sp->sp_lock);
	irq_restore(f);
}

static struct console_sink serial_sink = { .cs_write = console_write };

/* ---- bring-up -------------------------------------------------------------- */

/* A port that is not there reads as all ones. */
static bool probe(struct serial_port *sp)
{
	reg_write(sp, UART_SCR, 0x5a);
	if (reg_read(sp, UART_SCR) != 0x5a)
		return false;
	reg_write(sp, UART_SCR, 0xa5);
	return reg_read(sp, UART_SCR) == 0xa5;
}

/*
 * Setting up the FIFO empties it, and without one the UART holds a byte that somebody has typed
 * ahead. Once that is taken the next one may come, so first all, then at once the FIFO.
 */
static void reset(struct serial_port *sp)
{
	while (sp->sp_nearly < EARLY_MAX && (reg_read(sp, UART_LSR) & LSR_DR))
		sp->sp_early[sp->sp_nearly++] = reg_read(sp, UART_RBR);
	reg_write(sp, UART_FCR, FCR_ENABLE | FCR_CLEAR | FCR_TRIGGER_14);
	reg_write(sp, UART_IER, 0);
	reg_write(sp, UART_LCR, LCR_DLAB);
	reg_write(sp, UART_DLL, UART_DIVISOR);
	reg_write(sp, UART_DLM, 0);
	reg_write(sp, UART_LCR, LCR_8N1);
	reg_write(sp, UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

void serial_early_init(void)
{
	struct serial_port *sp = &ports[0];

	sp->sp_present = probe(sp);
	if (!sp->sp_present)
		return;
	reset(sp);
	if (console_wanted("ttyS0"))
		console_register(&serial_sink);
}

static void port_init(struct serial_port *sp, int index)
{
	char name[8];
	irqflags_t f;

	/* COM1 runs already, and may be in the middle of a message. */
	if (!sp->sp_present) {
		sp->sp_present = probe(sp);
		if (!sp->sp_present)
			return;
		reset(sp);
	}
	snprintf(name, sizeof(name), "ttyS%d", index);
	if (tty_setup(&sp->sp_tty, &serial_ops, sp, name, MKDEV(4, TTYS_MINOR + index))) {
		sp->sp_present = false;
		return;
	}
	tty_register(&sp->sp_tty);
	f = tty_lock_irqsave(&sp->sp_tty);
	(void)tty_input_locked(&sp->sp_tty, sp->sp_early, sp->sp_nearly);
	set_ier(sp, IER_RX, 0);
	tty_unlock_input(&sp->sp_tty, f);
}

void serial_init(void)
{
	for (int i = 0; i < 2; i++)
		if (irq_request_isa(ports[i].sp_irq, serial_interrupt, &ports[i], "serial"))
			printk(KERN_ERR "serial: no interrupt %u\n", ports[i].sp_irq);
	for (int i = 0; i < NPORTS; i++)
		port_init(&ports[i], i);
}
