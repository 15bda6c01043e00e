/* SPDX-License-Identifier: MIT */
/*
 * Registry of reports and counters: a subsystem publishes what it knows of itself without
 * knowing procfs. Entries are added at boot, before there is a second thread.
 */
#include <kassert.h>
#include "kernel/core/statreg.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

static LIST_HEAD(reports);
static LIST_HEAD(counters);

void stat_printf(struct statbuf *sb, const char *fmt, ...)
{
	size_t room = sb->sb_len < sb->sb_size ? sb->sb_size - sb->sb_len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? sb->sb_buf + sb->sb_len : NULL, room, fmt, ap);
	va_end(ap);
	KASSERT(n >= 0);
	sb->sb_len += (size_t)n;
}

void statreport_register(struct statreport *sr)
{
	list_add_tail(&sr->sr_link, &reports);
}

struct statreport *statreport_next(struct statreport *prev)
{
	struct list_head *next = prev ? prev->sr_link.next : reports.next;

	return next == &reports ? NULL :
	       list_entry(next, struct statreport, sr_link);
}

void statcounter_register(struct statcounter *sc)
{
	list_add_tail(&sc->sc_link, &counters);
}

void statcounter_show(struct statbuf *sb)
{
	struct statcounter *sc;

	list_for_each_entry(sc, &counters, sc_link)
		stat_printf(sb, "%s %llu\n", sc->sc_name,
			    (unsigned long long)sc->sc_read());
}
