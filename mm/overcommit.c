/* SPDX-License-Identifier: MIT */
/*
 * How much memory may be promised: /proc/sys/vm/overcommit_memory and _ratio, as proc(5) has them.
 *
 *	0  only what could never be had is refused: more at once than memory and swap together
 *	1  nothing is refused
 *	2  all promises together stay below swap and ratio percent of memory
 *
 * Promises are not counted as they are made; who wants to know adds the address spaces up. So
 * mmap, fork and exit pay nothing for it in modes 0 and 1.
 */
#include <errno.h>
#include "kernel/core/statreg.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/swap.h"

static unsigned int mode;		/* [a] */
static unsigned int ratio = 50;		/* [a] */

u64 vm_commit_limit(void)
{
	return page_total() * READ_ONCE(ratio) / 100 + swap_total_pages();
}

u64 vm_committed(void)
{
	struct scan_item *si;
	u64 n = vm_object_cached_pages(false) - vm_object_cached_pages(true);

	spin_lock(&vmspace_scan.sl_lock);
	list_for_each_entry(si, &vmspace_scan.sl_items, si_link) {
		const struct vmspace *vm = container_of(si, struct vmspace, vm_scan);

		n += READ_ONCE(vm->vm_data_pages) + READ_ONCE(vm->vm_stack_pages);
	}
	spin_unlock(&vmspace_scan.sl_lock);
	return n;
}

bool vm_may_commit(u64 pages, bool noreserve)
{
	switch (READ_ONCE(mode)) {
	case 1:
		return true;
	case 2:
		return vm_committed() + pages <= vm_commit_limit();
	default:
		return noreserve || pages <= page_total() + swap_total_pages();
	}
}

/* A decimal number up to max, maybe with a newline. -EINVAL. */
static int store(unsigned int *to, const char *text, unsigned int max)
{
	unsigned int n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n <= max; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	if (p == text || (*p && *p != '\n') || n > max)
		return -EINVAL;
	WRITE_ONCE(*to, n);
	return 0;
}

static void mode_show(struct statbuf *sb)
{
	stat_printf(sb, "%u\n", mode);
}

static int mode_store(const char *text, size_t len)
{
	(void)len;
	return store(&mode, text, 2);
}

static void ratio_show(struct statbuf *sb)
{
	stat_printf(sb, "%u\n", ratio);
}

static int ratio_store(const char *text, size_t len)
{
	(void)len;
	return store(&ratio, text, 1000);
}

static struct statreport mode_report = {
	.sr_name = "sys/vm/overcommit_memory", .sr_show = mode_show, .sr_store = mode_store,
};

static struct statreport ratio_report = {
	.sr_name = "sys/vm/overcommit_ratio", .sr_show = ratio_show, .sr_store = ratio_store,
};

void overcommit_init(void)
{
	statreport_register(&mode_report);
	statreport_register(&ratio_report);
}
