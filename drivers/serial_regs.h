/* SPDX-License-Identifier: MIT */
/*
 * Registers of the 16550A UART, offsets from the port's base (data sheet PC16550D, table 2).
 */
#ifndef DRIVERS_SERIAL_REGS_H
#define DRIVERS_SERIAL_REGS_H

#define UART_RBR	0	/* read: receive buffer */
#define UART_THR	0	/* write: transmit holding */
#define UART_DLL	0	/* with DLAB: divisor, low */
#define UART_DLM	1	/* with DLAB: divisor, high */
#define UART_IER	1
#define UART_IIR	2	/* read */
#define UART_FCR	2	/* write */
#define UART_LCR	3
#define UART_MCR	4
#define UART_LSR	5
#define UART_MSR	6
#define UART_SCR	7

#define IER_RX		0x01	/* data, time-out */
#define IER_THRE	0x02
#define IIR_NONE	0x01	/* no interrupt is pending */
#define IIR_CAUSE	0x0e
#define IIR_MSR		0x00
#define IIR_THRE	0x02
#define IIR_RX		0x04	/* the FIFO has reached its trigger level */
#define IIR_LSR		0x06
#define IIR_TIMEOUT	0x0c	/* fewer bytes, for four character times */
#define FCR_ENABLE	0x01
#define FCR_CLEAR	0x06
#define FCR_TRIGGER_14	0xc0
#define LCR_8N1		0x03
#define LCR_DLAB	0x80
#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT2	0x08	/* gates the interrupt line on a PC */
#define LSR_DR		0x01
#define LSR_THRE	0x20	/* the whole transmit FIFO is free */
#define LSR_TEMT	0x40	/* and the shift register is, too */

#define UART_FIFO	16
#define UART_TRIGGER	14
#define UART_DIVISOR	1	/* 115200 baud */

#endif
