/* SPDX-License-Identifier: MIT */
/*
 * Reports about an address space for procfs: maps, smaps, smaps_rollup, statm, pagemap. How
 * pages are shared is read off their reference counts, which PTEs of all processes make up.
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
#include "mm/swap.h"

#define NAME_MAX_LEN	4096
#define NAME_COLUMN	73		/* names start here */

/*
 * What the entries of an area amount to, or of all areas: in bytes, the pss_ fields (each page
 * divided by how many entries it has) times 2^PSS_SHIFT, so that small shares add up.
 */
struct counts {
	u64 c_rss, c_shared_clean, c_shared_dirty, c_private_clean, c_private_dirty;
	u64 c_referenced, c_anon, c_shmem, c_swap;
	u64 c_pss, c_pss_dirty, c_pss_anon, c_pss_file, c_pss_shmem, c_pss_locked;
};

#define PSS_SHIFT	12

struct note {
	struct vmarea n_area;		/* a copy; n_area.va_object has a reference */
	vaddr_t n_brk_start, n_brk, n_stack_top;
	struct counts n_counts;		/* smaps only */
};

/*
 * How many address spaces have the page, when so many have the table with its entry: object and
 * swap cache do not count. At least one; others look at pages now and then, too.
 */
static u64 page_users(const struct page *pg, u64 tables)
{
	int refs = atomic_read(&pg->pg_ref) - !!(pg->pg_flags & (PG_CACHE | PG_SWAP));

	return (refs > 1 ? (u64)refs : 1) + tables - 1;
}

static void count_page(struct counts *c, const struct vmarea *a, pte_t e, u64 tables)
{
	const struct page *pg = phys_to_page(pte_paddr(e));
	bool anon = !(pg->pg_flags & PG_CACHE);
	bool dirty = anon ? pg != zero_page :
		     pg->pg_flags & PG_DIRTY || (a->va_flags & VA_SHARED && e & PTE_D);
	u64 users = page_users(pg, tables), share = (PAGE_SIZE << PSS_SHIFT) / users;

	c->c_rss += PAGE_SIZE;
	c->c_pss += share;
	if (dirty)
		c->c_pss_dirty += share;
	if (users > 1)
		*(dirty ? &c->c_shared_dirty : &c->c_shared_clean) += PAGE_SIZE;
	else
		*(dirty ? &c->c_private_dirty : &c->c_private_clean) += PAGE_SIZE;
	if (e & PTE_A || pg->pg_flags & PG_REFERENCED)
		c->c_referenced += PAGE_SIZE;
	if (a->va_flags & VA_LOCKED)
		c->c_pss_locked += share;
	if (anon) {
		c->c_anon += PAGE_SIZE;
		c->c_pss_anon += share;
	} else if (!a->va_object->vo_pager || !a->va_object->vo_pager->vp_write) {
		c->c_shmem += PAGE_SIZE;
		c->c_pss_shmem += share;
	} else {
		c->c_pss_file += share;
	}
}

/* Add the pages of area a. vm_lock held. */
static void count_pages(struct vmspace *vm, const struct vmarea *a, struct counts *c)
{
	vaddr_t va = a->va_start;
	pte_t *pte;

	spin_lock(&vm->vm_ptlock);
	while ((pte = pmap_next_table(&vm->vm_pmap, &va, a->va_end))) {
		vaddr_t stop = min(a->va_end, round_down(va, PT_SPAN) + PT_SPAN);
		u64 tables = vm_table_users(vm, va);

		for (; va < stop; va += PAGE_SIZE, pte++) {
			if (pte_has_page(*pte))
				count_page(c, a, *pte, tables);
			else if (*pte)
				c->c_swap += PAGE_SIZE;
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
			count_pages(vm, a, &n->n_counts);
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

static void show_kb(struct statbuf *sb, const char *name, u64 bytes)
{
	stat_printf(sb, "%-15s %8lu kB\n", name, bytes / 1024);
}

static void show_counts(struct statbuf *sb, const struct counts *c, bool rollup)
{
	show_kb(sb, "Rss:", c->c_rss);
	show_kb(sb, "Pss:", c->c_pss >> PSS_SHIFT);
	show_kb(sb, "Pss_Dirty:", c->c_pss_dirty >> PSS_SHIFT);
	if (rollup) {
		show_kb(sb, "Pss_Anon:", c->c_pss_anon >> PSS_SHIFT);
		show_kb(sb, "Pss_File:", c->c_pss_file >> PSS_SHIFT);
		show_kb(sb, "Pss_Shmem:", c->c_pss_shmem >> PSS_SHIFT);
	}
	show_kb(sb, "Shared_Clean:", c->c_shared_clean);
	show_kb(sb, "Shared_Dirty:", c->c_shared_dirty);
	show_kb(sb, "Private_Clean:", c->c_private_clean);
	show_kb(sb, "Private_Dirty:", c->c_private_dirty);
	show_kb(sb, "Referenced:", c->c_referenced);
	show_kb(sb, "Anonymous:", c->c_anon);
	show_kb(sb, "Swap:", c->c_swap);
	show_kb(sb, "Locked:", c->c_pss_locked >> PSS_SHIFT);
}

/* Of VmFlags in proc(5): those that mean something here. */
static const struct {
	u32 flag;
	char name[4];
} flag_names[] = {
	{ VA_READ, "rd" }, { VA_WRITE, "wr" }, { VA_EXEC, "ex" }, { VA_SHARED, "sh" },
	{ VA_MAYWRITE, "mw" }, { VA_STACK, "gd" }, { VA_LOCKED, "lo" },
	{ VA_DONTFORK, "dc" }, { VA_NORESERVE, "nr" }, { VA_WIPEONFORK, "wf" },
};

static void show_details(struct statbuf *sb, const struct note *n)
{
	show_kb(sb, "Size:", area_pages(&n->n_area) * PAGE_SIZE);
	show_kb(sb, "KernelPageSize:", PAGE_SIZE);
	show_kb(sb, "MMUPageSize:", PAGE_SIZE);
	show_counts(sb, &n->n_counts, false);
	stat_printf(sb, "VmFlags:");
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++)
		if (n->n_area.va_flags & flag_names[i].flag)
			stat_printf(sb, " %s", flag_names[i].name);
	stat_printf(sb, "\n");
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
			show_details(sb, &n);
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

/* All areas at once. False: there are none. */
static bool count_all(struct vmspace *vm, struct counts *c)
{
	*c = (struct counts){ 0 };
	for (struct vmarea *a = vm_first(vm); a; a = vm_next(a))
		count_pages(vm, a, c);
	return vm_first(vm) != NULL;
}

void vm_report_rollup(struct vmspace *vm, struct statbuf *sb)
{
	vaddr_t start = 0, end = 0;
	struct counts c;

	rwlock_read(&vm->vm_lock);
	if (count_all(vm, &c)) {
		start = vm_first(vm)->va_start;
		end = vm_last(vm)->va_end;
	}
	rwlock_read_unlock(&vm->vm_lock);
	stat_printf(sb, "%08lx-%08lx ---p 00000000 00:00 0 %*s[rollup]\n", start, end,
		    (int)(NAME_COLUMN - sb->sb_len - 45), "");
	show_counts(sb, &c, true);
}

/* linux/Documentation/admin-guide/mm/pagemap.rst describes the words. */
#define PM_EXCLUSIVE	(1UL << 56)
#define PM_SLOT_SHIFT	5		/* of a page in swap; below it the area's number */
#define PM_FILE		(1UL << 61)	/* or shared anonymous memory */
#define PM_SWAPPED	(1UL << 62)
#define PM_PRESENT	(1UL << 63)

static u64 pagemap_word(pte_t e, u64 tables)
{
	const struct page *pg;

	if (!e)
		return 0;
	if (!pte_has_page(e))
		return PM_SWAPPED | swap_area_of(swap_address(e)) |
		       (pte_paddr(e) >> PAGE_SHIFT) << PM_SLOT_SHIFT;
	pg = phys_to_page(pte_paddr(e));
	return PM_PRESENT | page_to_pfn(pg) | (pg->pg_flags & PG_CACHE ? PM_FILE : 0) |
	       (page_users(pg, tables) == 1 ? PM_EXCLUSIVE : 0);
}

void vm_report_pagemap(struct vmspace *vm, vaddr_t va, u64 *out, unsigned int n)
{
	rwlock_read(&vm->vm_lock);
	spin_lock(&vm->vm_ptlock);
	for (; n > 0; n--, va += PAGE_SIZE) {
		const pte_t *pte = pmap_lookup(&vm->vm_pmap, va);

		*out++ = pte ? pagemap_word(*pte, vm_table_users(vm, va)) : 0;
	}
	spin_unlock(&vm->vm_ptlock);
	rwlock_read_unlock(&vm->vm_lock);
}

void vm_count_statm(struct vmspace *vm, struct vm_count *vc)
{
	struct counts c;

	rwlock_read(&vm->vm_lock);
	(void)count_all(vm, &c);
	*vc = (struct vm_count){
		.vc_size = vm->vm_total_pages,
		.vc_resident = c.c_rss >> PAGE_SHIFT,
		.vc_anon = c.c_anon >> PAGE_SHIFT,
		.vc_shmem = c.c_shmem >> PAGE_SHIFT,
		.vc_text = (round_up(vm->vm_code_end, PAGE_SIZE) -
			    round_down(vm->vm_code_start, PAGE_SIZE)) >> PAGE_SHIFT,
		.vc_data = vm->vm_data_pages + vm->vm_stack_pages,
		.vc_stack = vm->vm_stack_pages,
		.vc_locked = vm->vm_locked_pages,
		.vc_swapped = vm->vm_swapped,
		.vc_tables = vm->vm_pmap.pm_ptpages + 1,
		.vc_maxrss = vm_count_maxrss(vm),
	};
	rwlock_read_unlock(&vm->vm_lock);
}
