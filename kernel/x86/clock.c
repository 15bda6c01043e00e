/* SPDX-License-Identifier: MIT */
/*
 * Time: the time-stamp counter as a nanosecond clock, calibrated at boot against the
 * HPET or, without one, channel 2 of the PIT; and one-shot events from the local APIC's timer
 * or, with nolapic, from channel 0 of the PIT.
 *
 * The counters of all CPUs are taken to run in step and at a constant rate, as on every
 * machine of the last fifteen years and under QEMU.
 *
 * Scaling (kernel/vdso/vvar.h): the rounding error of the factor is below 2^-28 up to 16 GHz,
 * four digits better than the calibration.
 */
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/irqchip.h"
#include "kernel/x86/kmap.h"

#define PIT_HZ		1193182UL
#define PIT_CH0		0x40
#define PIT_CH2		0x42
#define PIT_CMD		0x43
#define PIT_CH0_ONESHOT	0x30		/* channel 0, low then high byte, mode 0 */
#define PIT_CH2_ONESHOT	0xb0
#define PIT_CH2_LATCH	0x80
#define PIT_MAX		0xffff
#define PORT_SPEAKER	0x61		/* bit 0: gate of channel 2; bit 1: speaker */

/* IA-PC HPET specification 1.0a, 2.3. */
#define HPET_CAP	0x00		/* high word: femtoseconds per tick */
#define HPET_CONFIG	0x10
#define HPET_COUNTER	0xf0
#define HPET_ENABLE	1
#define FS_PER_SEC	1000000000000000UL

/*
 * The reading of the reference takes a microsecond or two, more when the host is
 * busy; the best of SAMPLES counts, so the error is well below 0.1 % of the window.
 */
#define WINDOW_USEC	5000UL
#define SAMPLES		8

struct reference {
	u64 (*rf_read)(void);
	u64 rf_hz;
	u64 rf_mask;
};

struct sample {
	u64 sa_tsc;
	u64 sa_ref;
};

struct vvar vvar;

static volatile u64 *hpet;
static u64 tsc_hz;			/* [I] after clock_init() */
static u64 event_mult;			/* [I] ticks of the event device per ns, times 2^32 */
static DEFINE_PERCPU(nsec_t, event_time) = NSEC_NEVER;

static u64 hpet_read(void)
{
	return hpet[HPET_COUNTER / 8];
}

/* Counts up. */
static u64 pit_read(void)
{
	u8 lo, hi;

	outb(PIT_CMD, PIT_CH2_LATCH);
	lo = inb(PIT_CH2);
	hi = inb(PIT_CH2);
	return PIT_MAX - (hi << 8 | lo);
}

static u64 lapic_read_up(void)
{
	return ~lapic_timer_count();
}

static struct reference reference_find(void)
{
	u64 period;

	if (acpi.has_hpet) {
		hpet = kmap_device(acpi.hpet, 0x400);
		period = hpet[HPET_CAP / 8] >> 32;
		if (period != 0 && period <= 100000000) {
			hpet[HPET_CONFIG / 8] |= HPET_ENABLE;
			/* Masked to 32 bits, which all HPETs have. */
			return (struct reference){ hpet_read, FS_PER_SEC / period,
						   0xffffffff };
		}
	}
	outb(PORT_SPEAKER, (inb(PORT_SPEAKER) & ~2) | 1);
	outb(PIT_CMD, PIT_CH2_ONESHOT);
	outb(PIT_CH2, PIT_MAX & 0xff);
	outb(PIT_CH2, PIT_MAX >> 8);
	return (struct reference){ pit_read, PIT_HZ, 0xffff };
}

/* One reading of a counter and the TSC together, as close as can be. */
static struct sample sample_take(u64 (*read)(void))
{
	struct sample best = { 0, 0 };
	u64 best_span = ~0UL;

	for (int i = 0; i < SAMPLES; i++) {
		u64 before = rdtsc();
		u64 ref = read();
		u64 span = rdtsc() - before;

		if (span < best_span) {
			best_span = span;
			best = (struct sample){ before + span / 2, ref };
		}
	}
	return best;
}

static u64 scale(u64 a, u64 b, u64 c)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	/* Without the compiler's division routine: shift both down until 64 bits do. */
	while (p >> 64) {
		p >>= 1;
		c >>= 1;
	}
	KASSERT(c > 0);
	return (u64)p / c;
}

void clock_init(void)
{
	struct reference ref = reference_find();
	u64 window = ref.rf_hz * WINDOW_USEC / 1000000;
	bool lapic = irqchip_has_lapic();
	u64 event_hz = PIT_HZ;
	struct sample l0 = { 0, 0 }, l1 = { 0, 0 }, r0, r1;

	if (lapic) {
		/* It may not fire while it is measured: interrupts are off. */
		lapic_timer_set(~0u);
		l0 = sample_take(lapic_read_up);
	}
	r0 = sample_take(ref.rf_read);
	while (((ref.rf_read() - r0.sa_ref) & ref.rf_mask) < window)
		cpu_relax();
	r1 = sample_take(ref.rf_read);
	if (lapic) {
		l1 = sample_take(lapic_read_up);
		lapic_timer_set(0);
	}
	tsc_hz = scale(r1.sa_tsc - r0.sa_tsc, ref.rf_hz,
		       (r1.sa_ref - r0.sa_ref) & ref.rf_mask);
	vvar.vv_tsc_base = r0.sa_tsc;
	vvar.vv_tsc_mult = (NSEC_PER_SEC << 32) / tsc_hz;
	if (lapic)
		event_hz = scale((l1.sa_ref - l0.sa_ref) & 0xffffffff, tsc_hz,
				 l1.sa_tsc - l0.sa_tsc);
	event_mult = (event_hz << 32) / NSEC_PER_SEC;
	printk("clock: TSC %lu kHz by %s, events %lu kHz by %s\n", tsc_hz / 1000,
	       ref.rf_read == hpet_read ? "HPET" : "PIT", event_hz / 1000,
	       lapic ? "local APIC" : "PIT");
}

void clock_init_cpu(void)
{
	if (!irqchip_has_lapic())
		outb(PIT_CMD, PIT_CH0_ONESHOT);
}

nsec_t clock_monotonic(void)
{
	return vvar_monotonic(&vvar, rdtsc_ordered());
}

u64 clock_tsc_hz(void)
{
	return tsc_hz;
}

static void pit_set(u32 count)
{
	if (count == 0) {
		/* Mode 0 waits for a count after the command. */
		outb(PIT_CMD, PIT_CH0_ONESHOT);
		return;
	}
	outb(PIT_CH0, (u8)count);
	outb(PIT_CH0, (u8)(count >> 8));
}

static void event_program(u32 count)
{
	if (irqchip_has_lapic())
		lapic_timer_set(count);
	else
		pit_set(count);
}

void clock_set_event(nsec_t when)
{
	u32 max = irqchip_has_lapic() ? 0xffffffff : PIT_MAX;
	nsec_t now;
	u64 ticks;

	DASSERT(!irqs_enabled());
	this_cpu(event_time) = when;
	if (when == NSEC_NEVER) {
		event_program(0);
		return;
	}
	now = clock_monotonic();
	/* Rounded up: an event that comes early would have to be set again. */
	ticks = when <= now ? 1 :
		(u64)((unsigned __int128)min(when - now, NSEC_PER_SEC * 60) *
		      event_mult >> 32) + 1;
	event_program((u32)min(ticks, (u64)max));
}

void clock_interrupt(struct trapframe *tf)
{
	nsec_t when = this_cpu(event_time);

	if (when == NSEC_NEVER)
		return;		/* stopped while it was on its way */
	if (clock_monotonic() < when) {
		clock_set_event(when);	/* further off than the device can count */
		return;
	}
	this_cpu(event_time) = NSEC_NEVER;
	timer_interrupt(tf);
}

void clock_delay_us(unsigned int us)
{
	nsec_t end = clock_monotonic() + us * NSEC_PER_USEC;

	while (clock_monotonic() < end)
		cpu_relax();
}
