/* SPDX-License-Identifier: MIT */
/*
 * Reports about an address space for procfs: maps, smaps, statm, pagemap.
 *
 * Names come from the file system, which may sleep and takes its own locks: so each
 * area is noted down under vm_lock and printed without it. The map may change
 * in between; a reader sees each area as it was at some moment, in order.
 */
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/statreg.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/report.h"
#include "mm/slab.h"

#define NAME_MAX_LEN	4096
#define NAME_COLUMN	73		/* names start here */

struct note {
	struct vmarea n_area;		/* a copy; n_area.va_object has a reference */
	vaddr_t n_brk_start, n_brk, n_stack_top;
	u64 n_resident, n_private, n_shared;	/* pages; smaps only */
};

/* Count the pages of an area by whether others have them, too. vm_lock held. */
static void count_pages(struct vmspace *vm, const struct vmarea *a,
			struct note *n)
{
	vaddr_t va = a->va_start;
	pte_t *pte;

	spin_lock(&vm->vm_ptlock);
	while ((pte = pmap_next_table(&vm->vm_pmap, &va, a->va_end))) {
		vaddr_t stop = min(a->va_end, round_down(va, PT_SPAN) + PT_SPAN);

		for (; va < stop; va += PAGE_SIZE, pte++) {
			const struct page *pg;

			if (!pte_has_page(*pte))
				continue;
			pg = phys_to_page(pte_paddr(*pte));
			n->n_resident++;
			if (atomic_read(&pg->pg_ref) >
			    1 + !!(pg->pg_flags & PG_CACHE))
				n->n_shared++;
			else
				n->n_private++;
		}
	}
	spin_unlock(&vm->vm_ptlock);
}

/* Note down the first area that ends above at. False: there is none. */
static bool note_next(struct vmspace *vm, vaddr_t at, bool pages,
		      struct note *n)
{
	struct vmarea *a;

	rwlock_read(&vm->vm_lock);
	a = vm_find(vm, at);
	if (a) {
		*n = (struct note){
			.n_area = *a,
			.n_brk_start = vm->vm_brk_start,
			.n_brk = vm->vm_brk,
			.n_stack_top = vm->vm_stack_top,
		};
		if (a->va_object)
			vm_object_get(a->va_object);
		if (pages)
			count_pages(vm, a, n);
	}
	rwlock_read_unlock(&vm->vm_lock);
	return a != NULL;
}

static const char *area_name(const struct note *n, char *buf)
{
	const struct vmarea *a = &n->n_area;

	if (a->va_flags & VA_VDSO)
		return a->va_offset ? "[vdso]" : "[vvar]";
	if (a->va_object) {
		if (vm_object_name(a->va_object, buf, NAME_MAX_LEN) > 0)
			return buf;
		return a->va_object->vo_owner ? "" : "/dev/zero (deleted)";
	}
	if (a->va_start < n->n_brk && a->va_end > n->n_brk_start)
		return "[heap]";
	if (a->va_start < n->n_stack_top && a->va_end >= n->n_stack_top)
		return "[stack]";
	return "";
}

static void print_area(const struct note *n, char *buf, struct statbuf *sb)
{
	const struct vmarea *a = &n->n_area;
	const struct vm_pager *pager = a->va_object ? a->va_object->vo_pager : NULL;
	const char *name = area_name(n, buf);
	size_t before = sb->sb_len, width;
	u64 dev = 0, ino = 0;

	if (pager && pager->vp_ident)
		pager->vp_ident(a->va_object, &dev, &ino);
	stat_printf(sb, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu",
		    a->va_start, a->va_end,
		    a->va_flags & VA_READ ? 'r' : '-',
		    a->va_flags & VA_WRITE ? 'w' : '-',
		    a->va_flags & VA_EXEC ? 'x' : '-',
		    a->va_flags & VA_SHARED ? 's' : 'p',
		    a->va_flags & VA_VDSO ? 0 : a->va_offset,
		    (dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00),
		    ino);
	width = sb->sb_len - before;
	stat_printf(sb, "%*s%s\n",
		    *name ? (int)(width < NAME_COLUMN ? NAME_COLUMN - width : 1) : 1,
		    "", name);
}

static void print_counts(const struct note *n, struct statbuf *sb)
{
	const struct vmarea *a = &n->n_area;
	const u64 kb = PAGE_SIZE / 1024;

	stat_printf(sb, "Size:           %8lu kB\n", area_pages(a) * kb);
	stat_printf(sb, "KernelPageSize: %8lu kB\nMMUPageSize:    %8lu kB\n", kb, kb);
	stat_printf(sb, "Rss:            %8lu kB\n", n->n_resident * kb);
	stat_printf(sb, "Pss:            %8lu kB\n",
		    (n->n_private + n->n_shared / 2) * kb);
	stat_printf(sb, "Shared_Clean:   %8lu kB\nShared_Dirty:   %8lu kB\n",
		    a->va_object ? n->n_shared * kb : 0,
		    a->va_object ? 0 : n->n_shared * kb);
	stat_printf(sb, "Private_Clean:  %8lu kB\nPrivate_Dirty:  %8lu kB\n",
		    a->va_object ? n->n_private * kb : 0,
		    a->va_object ? 0 : n->n_private * kb);
	stat_printf(sb, "Anonymous:      %8lu kB\n",
		    a->va_object ? 0 : n->n_resident * kb);
	stat_printf(sb, "Locked:         %8lu kB\n",
		    a->va_flags & VA_LOCKED ? n->n_resident * kb : 0);
}

static void report(struct vmspace *vm, struct statbuf *sb, bool pages)
{
	char *buf = kmalloc(NAME_MAX_LEN, ALLOC_WAIT);
	vaddr_t at = 0;
	struct note n;

	if (!buf)
		return;
	while (at < USER_TOP && note_next(vm, at, pages, &n)) {
		print_area(&n, buf, sb);
		if (pages)
			print_counts(&n, sb);
		if (n.n_area.va_object)
			vm_object_put(n.n_area.va_object);
		at = n.n_area.va_end;
	}
	kfree(buf);
}

void vm_report_maps(struct vmspace *vm, struct statbuf *sb)
{
	report(vm, sb, false);
}

void vm_report_smaps(struct vmspace *vm, struct statbuf *sb)
{
	report(vm, sb, true);
}

void vm_count_statm(struct vmspace *vm, struct vm_count *vc)
{
	u64 shared = 0;

	rwlock_read(&vm->vm_lock);
	for (struct vmarea *a = vm_first(vm); a; a = vm_next(a)) {
		struct note n = { .n_resident = 0 };

		if (!a->va_object)
			continue;
		count_pages(vm, a, &n);
		shared += n.n_resident;
	}
	*vc = (struct vm_count){
		.vc_size = vm->vm_total_pages,
		.vc_resident = (u64)atomic64_read(&vm->vm_rss),
		.vc_shared = shared,
		.vc_text = (round_up(vm->vm_code_end, PAGE_SIZE) -
			    round_down(vm->vm_code_start, PAGE_SIZE)) >> PAGE_SHIFT,
		.vc_data = vm->vm_data_pages + vm->vm_stack_pages,
		.vc_stack = vm->vm_stack_pages,
		.vc_locked = vm->vm_locked_pages,
		.vc_tables = vm->vm_pmap.pm_ptpages + 1,
		.vc_maxrss = vm_count_maxrss(vm),
	};
	rwlock_read_unlock(&vm->vm_lock);
}
