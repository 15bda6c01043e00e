/* SPDX-License-Identifier: MIT */
/*
 * The clock in the CMOS chip (MC146818 data sheet): date and time to the second, taken
 * as UTC. Read once, at boot.
 */
#include <kassert.h>
#include "kernel/lib/string.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/cpu.h"

#define CMOS_INDEX	0x70
#define CMOS_DATA	0x71

enum cmos_reg {
	CMOS_SECOND = 0x00, CMOS_MINUTE = 0x02, CMOS_HOUR = 0x04,
	CMOS_DAY = 0x07, CMOS_MONTH = 0x08, CMOS_YEAR = 0x09,
	CMOS_STATUS_A = 0x0a, CMOS_STATUS_B = 0x0b,
};

#define STATUS_A_UPDATING	0x80
#define STATUS_B_24H		0x02
#define STATUS_B_BINARY		0x04
#define HOUR_PM			0x80

struct cmos_time {
	u8 second, minute, hour, day, month, year;
};

static u8 cmos_read(enum cmos_reg reg)
{
	outb(CMOS_INDEX, (u8)reg);
	return inb(CMOS_DATA);
}

static struct cmos_time read_once(void)
{
	while (cmos_read(CMOS_STATUS_A) & STATUS_A_UPDATING)
		cpu_relax();
	return (struct cmos_time){
		.second = cmos_read(CMOS_SECOND), .minute = cmos_read(CMOS_MINUTE),
		.hour = cmos_read(CMOS_HOUR), .day = cmos_read(CMOS_DAY),
		.month = cmos_read(CMOS_MONTH), .year = cmos_read(CMOS_YEAR),
	};
}

static unsigned int decode(u8 v, u8 status_b)
{
	return status_b & STATUS_B_BINARY ? v : (v >> 4) * 10u + (v & 0xf);
}

/* Days from 1970-01-01 in the Gregorian calendar; the year is counted from March. */
static u64 days_from_civil(unsigned int y, unsigned int m, unsigned int d)
{
	unsigned int year = m <= 2 ? y - 1 : y;
	unsigned int month = m <= 2 ? m + 9 : m - 3;	/* March: 0 */
	u64 days = 365UL * year + year / 4 - year / 100 + year / 400;

	return days + (153 * month + 2) / 5 + d - 1 - 719468;
}

u64 clock_read_rtc(void)
{
	struct cmos_time t, again = read_once();
	u8 b = cmos_read(CMOS_STATUS_B);
	unsigned int hour;

	/* Until two readings agree: an update may have begun in between. */
	do {
		t = again;
		again = read_once();
	} while (memcmp(&t, &again, sizeof(t)) != 0);

	hour = decode(t.hour & (u8)~HOUR_PM, b);
	if (!(b & STATUS_B_24H))
		hour = hour % 12 + (t.hour & HOUR_PM ? 12 : 0);
	/* Two digits of the year; this century. */
	return days_from_civil(2000 + decode(t.year, b), decode(t.month, b),
			       decode(t.day, b)) * 86400 +
	       hour * 3600 + decode(t.minute, b) * 60 + decode(t.second, b);
}
