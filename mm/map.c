/* SPDX-License-Identifier: MIT */
/*
 * Mapping, unmapping and protecting ranges of an address space, the program break, and the
 * limits on all that: the policy behind mmap(2), munmap(2), mprotect(2) and brk(2).
 *
 * Each function first finds out whether it can be done, and allocates; then it changes
 * things without failing. mprotect(2) alone may stop half-way, as POSIX allows.
 *
 * New mappings go to the highest gap below vm_mmap_top. vm_gap_from and vm_gap_max
 * remember that above the one no gap is larger than the other, so that a search does
 * not walk all areas again; unmapping moves vm_gap_from up.
 *
 * Locks: vm_lock for writing throughout. Areas that die are freed after it is let go,
 * since the last reference to a file may lead into the file system.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/proc.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/reclaim.h"

/* ---- limits ----------------------------------------------------------------- */

static bool over_limit(unsigned int which, u64 pages)
{
	u64 limit = proc_rlimit(which);

	return limit != RLIM_INFINITY && pages > limit >> PAGE_SHIFT;
}

bool vm_may_grow_data(struct vmspace *vm, u64 pages, u32 flags)
{
	if (over_limit(RLIMIT_DATA, vm->vm_data_pages + pages))
		return false;
	return vm_may_commit(pages, flags & VA_NORESERVE);
}

bool vm_may_grow(struct vmspace *vm, u64 pages, u32 flags)
{
	if (over_limit(RLIMIT_AS, vm->vm_total_pages + pages))
		return false;
	if ((flags & (VA_SHARED | VA_WRITE | VA_STACK)) != VA_WRITE)
		return true;
	return vm_may_grow_data(vm, pages, flags);
}

bool vm_may_lock(struct vmspace *vm, u64 pages)
{
	return !over_limit(RLIMIT_MEMLOCK, vm->vm_locked_pages + pages) ||
	       cred_privileged(cred_current());
}

/* Pages of [start, end) that are mapped. */
static u64 pages_mapped(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	u64 n = 0;

	for (struct vmarea *a = area_overlap(vm, start, end);
	     a && a->va_start < end; a = vm_next(a))
		n += (min(end, a->va_end) - max(start, a->va_start)) >> PAGE_SHIFT;
	return n;
}

/* ---- gaps ------------------------------------------------------------------- */

/*
 * Highest range of len in [bottom, top); largest gets the size of the largest gap that was too
 * small.
 */
static vaddr_t search_down(struct vmspace *vm, u64 len, vaddr_t bottom,
			   vaddr_t top, u64 *largest)
{
	struct vmarea *next = vm_find(vm, top), *a;

	if (next && next->va_start < top) {
		/* It reaches across top. */
		a = next;
	} else {
		if (next)
			top = min(top, max(area_lower_bound(next), bottom));
		a = next ? vm_prev(next) : vm_last(vm);
	}
	for (;;) {
		vaddr_t floor = bottom;

		if (a)
			floor = max(bottom, min(a->va_end, top));
		if (top - floor >= len)
			return top - len;
		*largest = max(*largest, top - floor);
		if (!a || a->va_start <= bottom)
			return 0;
		top = max(bottom, min(top, area_lower_bound(a)));
		a = vm_prev(a);
	}
}

vaddr_t vm_find_gap(struct vmspace *vm, u64 len, unsigned int how)
{
	vaddr_t at, top = vm->vm_mmap_top;
	u64 largest = 0;

	if (how & VM_32BIT)
		return search_down(vm, len, VM_MIN_ADDR, 0x80000000, &largest);
	if (vm->vm_gap_from && len > vm->vm_gap_max) {
		top = vm->vm_gap_from;
		largest = vm->vm_gap_max;
	}
	at = search_down(vm, len, VM_MIN_ADDR, top, &largest);
	if (at) {
		vm->vm_gap_from = at;
		vm->vm_gap_max = largest;
		return at;
	}
	/* Everything below the usual place is full: anywhere. */
	if (vm->vm_mmap_top < USER_TOP)
		return search_down(vm, len, VM_MIN_ADDR, USER_TOP, &largest);
	return 0;
}

/* The range before end has become free: its gap may be larger than vm_gap_max. */
static void vm_gap_opened(struct vmspace *vm, vaddr_t end)
{
	struct vmarea *next;

	if (!vm->vm_gap_from || end <= vm->vm_gap_from)
		return;
	next = vm_find(vm, end);
	vm->vm_gap_from = next ? max(end, next->va_start) : USER_TOP;
	if (vm->vm_gap_from >= vm->vm_mmap_top) {
		vm->vm_gap_from = 0;
		vm->vm_gap_max = 0;
	}
}

/* ---- unmap ------------------------------------------------------------------- */

/* Drop the page tables that only [start, end), now free, was using. */
static void free_tables(struct vmspace *vm, vaddr_t start, vaddr_t end,
			struct gather *g)
{
	struct pt_list tables = { 0, 0 };
	struct vmarea *next = vm_find(vm, start);
	struct vmarea *prev = next ? vm_prev(next) : vm_last(vm);
	vaddr_t floor = prev ? prev->va_end : 0;
	vaddr_t ceil = next ? next->va_start : USER_TOP;

	KASSERT(floor <= start && ceil >= end);
	spin_lock(&vm->vm_ptlock);
	pmap_unhook_tables(&vm->vm_pmap, start, end, floor, ceil, &tables);
	spin_unlock(&vm->vm_ptlock);
	/* INVLPG drops cached upper-level entries, too, whatever its address (SDM 4.10.4.1). */
	if (tables.pl_count && !g->g_tlb.tb_count)
		tlb_batch_add(&g->g_tlb, start);
	gather_finish(g);
	pt_list_free(&tables);
}

int vm_unmap_locked(struct vmspace *vm, vaddr_t start, vaddr_t end,
		    struct list_head *dead)
{
	struct vmarea *a = area_overlap(vm, start, end), *next;
	struct gather g;

	if (!a)
		return 0;
	/* Only this takes memory: page tables that are cut, and a hole inside of one area. */
	if (vm_table_cut(vm, start) || vm_table_cut(vm, end))
		return -ENOMEM;
	if (a->va_start < start && a->va_end > end) {
		int err = area_split(vm, a, end, &next);

		if (err)
			return err;
	}
	gather_init(&g, vm);
	for (; a && a->va_start < end; a = next) {
		vaddr_t lo = max(a->va_start, start), hi = min(a->va_end, end);

		next = vm_next(a);
		vm_zap(&g, lo, hi);
		if (lo > a->va_start) {
			area_set_bounds(vm, a, a->va_start, lo);
		} else if (hi < a->va_end) {
			area_set_bounds(vm, a, hi, a->va_end);
		} else {
			area_unlink(vm, a);
			list_add_tail(&a->va_objlink, dead);
		}
	}
	free_tables(vm, start, end, &g);
	vm_gap_opened(vm, end);
	return 0;
}

int vm_unmap(struct vmspace *vm, vaddr_t start, u64 len)
{
	LIST_HEAD(dead);
	int err;

	if (!IS_ALIGNED(start, PAGE_SIZE) || len == 0 || len > USER_TOP ||
	    start > USER_TOP - round_up(len, PAGE_SIZE))
		return -EINVAL;
	if (rwlock_write_killable(&vm->vm_lock))
		return -EINTR;
	err = vm_unmap_locked(vm, start, start + round_up(len, PAGE_SIZE), &dead);
	rwlock_write_unlock(&vm->vm_lock);
	area_free_list(&dead);
	return err;
}

/* ---- map --------------------------------------------------------------------- */

/* Where to map: the address, or -errno. */
static s64 choose_address(struct vmspace *vm, vaddr_t start, u64 len,
			  unsigned int how)
{
	vaddr_t at;

	if (how & VM_FIXED) {
		if (!IS_ALIGNED(start, PAGE_SIZE))
			return -EINVAL;
		if (start > USER_TOP - len)
			return -ENOMEM;
		if (start < VM_MIN_ADDR && !cred_privileged(cred_current()))
			return -EPERM;
		if (how & VM_NOREPLACE && area_overlap(vm, start, start + len))
			return -EEXIST;
		return (s64)start;
	}
	start = round_up(start, PAGE_SIZE);
	if (start >= VM_MIN_ADDR && start <= USER_TOP - len &&
	    !(how & VM_32BIT)) {
		struct vmarea *next = vm_find(vm, start);

		if (!next || area_lower_bound(next) >= start + len)
			return (s64)start;
	}
	at = vm_find_gap(vm, len, how);
	return at ? (s64)at : -ENOMEM;
}

int area_enter(struct vmspace *vm, const struct vmarea *want,
	       struct list_head *dead)
{
	struct vmarea *next = vm_find(vm, want->va_start), *a;
	struct vmarea *prev = next ? vm_prev(next) : vm_last(vm);

	KASSERT(!next || next->va_start >= want->va_end);
	if (prev && area_mergeable(prev, want)) {
		area_set_bounds(vm, prev, prev->va_start, want->va_end);
		area_merge(vm, prev, dead);
		return 0;
	}
	if (next && area_mergeable(want, next)) {
		area_set_bounds(vm, next, want->va_start, next->va_end);
		return 0;
	}
	if (vm->vm_nareas >= VM_MAX_AREAS)
		return -ENOMEM;
	a = area_create(vm, want->va_start, want->va_end, want->va_flags,
			want->va_object, want->va_offset);
	if (!a)
		return -ENOMEM;
	area_link(vm, a);
	return 0;
}

static s64 map_locked(struct vmspace *vm, vaddr_t start, u64 len, u32 flags,
		      unsigned int how, struct vm_object *obj, u64 offset,
		      struct list_head *dead)
{
	s64 at = choose_address(vm, start, len, how);
	struct vmarea want = {
		.va_flags = flags | vm->vm_lock_future,
		.va_object = obj,
		.va_offset = obj ? offset : 0,
	};
	u64 pages = len >> PAGE_SHIFT, replaced = 0;
	int err;

	if (at < 0)
		return at;
	want.va_start = (vaddr_t)at;
	want.va_end = want.va_start + len;
	if (how & VM_FIXED)
		replaced = pages_mapped(vm, want.va_start, want.va_end);
	if (!vm_may_grow(vm, pages - replaced, flags))
		return -ENOMEM;
	if (want.va_flags & VA_LOCKED && !vm_may_lock(vm, pages))
		return -EAGAIN;
	if (replaced) {
		err = vm_unmap_locked(vm, want.va_start, want.va_end, dead);
		if (err)
			return err;
	}
	err = area_enter(vm, &want, dead);
	return err ? err : at;
}

s64 vm_map(struct vmspace *vm, vaddr_t start, u64 len, u32 flags,
	   unsigned int how, struct vm_object *obj, u64 offset)
{
	LIST_HEAD(dead);
	s64 at;

	if (len == 0 || !IS_ALIGNED(len | offset, PAGE_SIZE))
		return -EINVAL;
	if (len > USER_TOP || (obj && offset + len < offset))
		return -ENOMEM;
	KASSERT(!(flags & VA_SHARED) || obj);
	if (rwlock_write_killable(&vm->vm_lock))
		return -EINTR;
	at = map_locked(vm, start, len, flags, how, obj, offset, &dead);
	rwlock_write_unlock(&vm->vm_lock);
	area_free_list(&dead);
	return at;
}

int vm_map_stack(struct vmspace *vm, vaddr_t top, u64 initial, bool exec)
{
	u32 flags = VA_READ | VA_WRITE | VA_MAYWRITE | VA_STACK |
		    (exec ? VA_EXEC : 0);
	s64 at;

	initial = round_up(initial, PAGE_SIZE);
	at = vm_map(vm, top - initial, initial, flags, VM_FIXED | VM_NOREPLACE,
		    NULL, 0);
	if (at < 0)
		return (int)at;
	vm->vm_stack_top = top;
	return 0;
}
