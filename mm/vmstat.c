/* SPDX-License-Identifier: MIT */
/*
 * /proc/vmstat: gauges, then the events that vmstat.h counts.
 */
#include "kernel/core/statreg.h"
#include "kernel/x86/cpu.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/swap.h"
#include "mm/vmstat.h"

DEFINE_PERCPU(u64, vm_events[VE_COUNT]);

static const char *const event_names[VE_COUNT] = {
	[VE_MAJFAULT] = "pgmajfault",
	[VE_DEMAND_ZERO] = "fault_demand_zero",
	[VE_ZERO_READ] = "fault_zero_page",
	[VE_COW] = "fault_cow",
	[VE_TAKE_OVER] = "fault_take_over",
	[VE_FILE_READ] = "fault_file_read",
	[VE_OWN_TABLE] = "fault_own_table",
	[VE_FILE_AROUND] = "fault_file_around",
	[VE_FILE_COPY] = "fault_file_copy",
	[VE_SHARED_WRITE] = "fault_shared_write",
	[VE_STACK] = "fault_stack",
	[VE_SWAP] = "fault_swap",
	[VE_SPURIOUS] = "fault_spurious",
	[VE_MAPERR] = "fault_maperr",
	[VE_ACCERR] = "fault_accerr",
	[VE_BUS] = "fault_bus",
	[VE_SCAN_FILE] = "pgscan_file",
	[VE_SCAN_ANON] = "pgscan_anon",
	[VE_STEAL_FILE] = "pgsteal_file",
	[VE_STEAL_ANON] = "pgsteal_anon",
	[VE_LAZYFREED] = "pglazyfreed",
	[VE_WRITTEN] = "pageout_writes",
	[VE_SWAPIN] = "pswpin",
	[VE_SWAPOUT] = "pswpout",
	[VE_DIRECT] = "allocstall",
	[VE_PAGEOUT_RUN] = "pageoutrun",
	[VE_OOM] = "oom_kill",
};

u64 vm_event_count(enum vm_event e)
{
	u64 n = 0;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++)
		n += READ_ONCE((*percpu_ptr(vm_events, cpu))[e]);
	return n;
}

/* Pages of all address spaces: resident, and page tables. */
static void sum_spaces(u64 *resident, u64 *tables)
{
	struct scan_item *si;

	*resident = 0;
	*tables = 0;
	spin_lock(&vmspace_scan.sl_lock);
	list_for_each_entry(si, &vmspace_scan.sl_items, si_link) {
		const struct vmspace *vm = container_of(si, struct vmspace, vm_scan);

		*resident += (u64)atomic64_read(&vm->vm_rss);
		*tables += READ_ONCE(vm->vm_pmap.pm_ptpages) + 1;
	}
	spin_unlock(&vmspace_scan.sl_lock);
}

static void vmstat_show(struct statbuf *sb)
{
	u64 faults = 0, resident, tables, files = vm_object_cached_pages(true);

	sum_spaces(&resident, &tables);
	stat_printf(sb, "nr_free_pages %lu\nnr_file_pages %lu\nnr_shmem %lu\n",
		    page_free_count(), vm_object_cached_pages(false),
		    vm_object_cached_pages(false) - files);
	stat_printf(sb, "nr_mapped_all %lu\nnr_page_table_pages %lu\nnr_swapcached %lu\n",
		    resident, tables, swap_cached_pages());
	for (unsigned int e = VE_DEMAND_ZERO; e <= VE_BUS; e++)
		faults += vm_event_count(e);
	stat_printf(sb, "pgfault %lu\n", faults);
	for (unsigned int e = 0; e < VE_COUNT; e++)
		stat_printf(sb, "%s %lu\n", event_names[e], vm_event_count(e));
}

static struct statreport vmstat_report = {
	.sr_name = "vmstat",
	.sr_show = vmstat_show,
};

void vmstat_init(void)
{
	statreport_register(&vmstat_report);
}
