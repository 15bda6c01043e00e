/* SPDX-License-Identifier: MIT */
/*
 * Kernel messages: a byte ring that keeps the newest 64 KiB, and consoles.
 *
 * A message is formatted on the stack, gets a time stamp, goes into the ring
 * and, when its level is below the console level, to every sink. All under
 * one lock with interrupts off, so messages of two CPUs do not mix. After a panic
 * the lock is no longer waited for: its holder may be dead.
 */
#include <kassert.h>
#include "kernel/core/panic.h"
#include "kernel/core/printk.h"
#include "kernel/core/spinlock.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/x86/clock.h"

#define LOG_SIZE	65536u		/* power of two */
#define LINE_MAX	512

static struct spinlock log_lock = SPINLOCK_INIT("printk", RANK_CONSOLE);
static char log_ring[LOG_SIZE];		/* [log_lock] */
static u64 log_end;			/* [log_lock] bytes ever written */
static bool at_line_start = true;	/* [log_lock] */
static LIST_HEAD(sinks);		/* [log_lock] */
static int console_level = 5;		/* [a] */

static void ring_put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		log_ring[log_end++ % LOG_SIZE] = s[i];
}

static void emit(const char *s, size_t n, bool to_console)
{
	struct console_sink *cs;

	ring_put(s, n);
	if (!to_console)
		return;
	list_for_each_entry(cs, &sinks, cs_link)
		cs->cs_write(cs, s, n);
}

static bool log_try_lock(void)
{
	if (panic_under_way())
		return spin_trylock(&log_lock);
	spin_lock(&log_lock);
	return true;
}

int printk(const char *fmt, ...)
{
	char line[LINE_MAX], stamp[24], *text = line;
	int level = 5, n, stamped;
	irqflags_t f;
	bool locked;
	va_list ap;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	n = min(n, (int)sizeof(line) - 1);
	if (n >= 2 && text[0] == '\001') {
		level = text[1] - '0';
		text += 2;
		n -= 2;
	}

	f = irq_save();
	locked = log_try_lock();
	if (at_line_start) {
		nsec_t now = clock_monotonic();

		stamped = snprintf(stamp, sizeof(stamp), "[%5llu.%06llu] ",
				   (unsigned long long)(now / 1000000000),
				   (unsigned long long)(now / 1000 % 1000000));
		emit(stamp, (size_t)stamped, level < console_level);
	}
	emit(text, (size_t)n, level < console_level);
	at_line_start = n > 0 && text[n - 1] == '\n';
	if (locked)
		spin_unlock(&log_lock);
	irq_restore(f);
	return n;
}

void console_register(struct console_sink *cs)
{
	irqflags_t f = spin_lock_irqsave(&log_lock);

	list_add_tail(&cs->cs_link, &sinks);
	spin_unlock_irqrestore(&log_lock, f);
}

void printk_set_loglevel(int level)
{
	WRITE_ONCE(console_level, level);
}

size_t printk_read(u64 *seq, char *buf, size_t size)
{
	irqflags_t f = spin_lock_irqsave(&log_lock);
	u64 oldest = log_end > LOG_SIZE ? log_end - LOG_SIZE : 0;
	size_t n = 0;

	if (*seq < oldest)
		*seq = oldest;
	while (n < size && *seq < log_end)
		buf[n++] = log_ring[(*seq)++ % LOG_SIZE];
	spin_unlock_irqrestore(&log_lock, f);
	return n;
}

u64 printk_end(void)
{
	irqflags_t f = spin_lock_irqsave(&log_lock);
	u64 end = log_end;

	spin_unlock_irqrestore(&log_lock, f);
	return end;
}
