/* SPDX-License-Identifier: MIT */
/*
 * Changing what is mapped already: rights (mprotect), other flags (mlock, madvise), and
 * the program break.
 *
 * A change to part of an area splits it; areas that have become alike are joined
 * again. Locks: vm_lock for writing.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/proc.h"
#include "mm/area.h"

/* May the area have these rights, and the space one more private writable range? */
static int check_rights(struct vmspace *vm, const struct vmarea *a, u64 pages,
			u32 prot)
{
	if (prot & VA_WRITE && !(a->va_flags & VA_MAYWRITE))
		return -EACCES;
	if (prot & VA_EXEC && a->va_flags & VA_NOEXEC)
		return -EACCES;
	if (prot & VA_WRITE && !(a->va_flags & (VA_WRITE | VA_SHARED)) &&
	    !vm_may_grow_data(vm, pages, a->va_flags))
		return -ENOMEM;
	return 0;
}

/*
 * Give the part of *ap that lies in [start, end) these flags, and its entries the rights that
 * go with them. *ap becomes the area that has the part. -ENOMEM.
 */
static int change_area(struct vmspace *vm, struct vmarea **ap, vaddr_t start,
		       vaddr_t end, u32 flags, struct tlb_batch *tb,
		       struct list_head *dead)
{
	struct vmarea *a = *ap, *upper;
	u32 old = a->va_flags;
	int err;

	if (flags == old)
		return 0;
	start = max(start, a->va_start);
	end = min(end, a->va_end);
	if (end < a->va_end) {
		err = area_split(vm, a, end, &upper);
		if (err)
			return err;
	}
	if (start > a->va_start) {
		err = area_split(vm, a, start, &upper);
		if (err)
			return err;
		a = upper;
	}
	if ((flags ^ old) & VA_PROT) {
		err = vm_tables_own(vm, start, end);
		if (err)
			return err;
	}
	area_set_flags(vm, a, flags);
	if ((flags ^ old) & VA_PROT)
		vm_update_entries(vm, a, start, end, tb);
	*ap = area_merge(vm, a, dead);
	return 0;
}

static int protect_locked(struct vmspace *vm, vaddr_t start, vaddr_t end,
			  u32 prot, struct list_head *dead)
{
	struct vmarea *a = vm_find(vm, start);
	struct tlb_batch tb;
	vaddr_t at = start;
	int err = 0;

	tlb_batch_init(&tb);
	while (at < end) {
		if (!a || a->va_start > at) {
			err = -ENOMEM;
			break;
		}
		err = check_rights(vm, a, (min(end, a->va_end) - at) >> PAGE_SHIFT,
				   prot);
		if (!err)
			err = change_area(vm, &a, at, end,
					  (a->va_flags & ~VA_PROT) | prot,
					  &tb, dead);
		if (err)
			break;
		at = a->va_end;
		a = vm_next(a);
	}
	tlb_batch_flush(&vm->vm_pmap, &tb);
	return err;
}

int vm_protect(struct vmspace *vm, vaddr_t start, u64 len, u32 prot)
{
	LIST_HEAD(dead);
	int err;

	KASSERT(!(prot & ~VA_PROT));
	if (!IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (len > USER_TOP || start > USER_TOP - round_up(len, PAGE_SIZE))
		return -ENOMEM;
	if (rwlock_write_killable(&vm->vm_lock))
		return -EINTR;
	err = protect_locked(vm, start, start + round_up(len, PAGE_SIZE), prot,
			     &dead);
	rwlock_write_unlock(&vm->vm_lock);
	area_free_list(&dead);
	return err;
}

int vm_change_flags(struct vmspace *vm, vaddr_t start, vaddr_t end, u32 clear,
		    u32 set, bool anon_only)
{
	struct vmarea *a;
	vaddr_t at = start;
	LIST_HEAD(dead);
	int err = 0, hole = 0;

	KASSERT(!((clear | set) & VA_PROT));
	if (rwlock_write_killable(&vm->vm_lock))
		return -EINTR;
	for (a = vm_find(vm, start); a && a->va_start < end; a = vm_next(a)) {
		if (a->va_start > at)
			hole = -ENOMEM;
		err = anon_only && a->va_object ? -EINVAL : 0;
		if (!err)
			err = change_area(vm, &a, start, end,
					  (a->va_flags & ~clear) | set, NULL,
					  &dead);
		if (err)
			break;
		at = a->va_end;
	}
	if (at < end)
		hole = -ENOMEM;
	rwlock_write_unlock(&vm->vm_lock);
	area_free_list(&dead);
	return err ? err : hole;
}

/* ---- brk --------------------------------------------------------------------- */

/* The break moves up to a new page. False: no room, or a limit. */
static bool grow_heap(struct vmspace *vm, vaddr_t from, vaddr_t to,
		      struct list_head *dead)
{
	const struct vmarea heap = {
		.va_start = from,
		.va_end = to,
		.va_flags = VA_READ | VA_WRITE | VA_MAYWRITE |
			    VA_HEAP | vm->vm_lock_future,
	};
	struct vmarea *next = vm_find(vm, from);
	u64 pages = (to - from) >> PAGE_SHIFT;

	/* A page is kept free behind the heap. */
	if (next && area_lower_bound(next) < to + PAGE_SIZE)
		return false;
	if (!vm_may_grow(vm, pages, heap.va_flags))
		return false;
	if (heap.va_flags & VA_LOCKED && !vm_may_lock(vm, pages))
		return false;
	return area_enter(vm, &heap, dead) == 0;
}

static bool brk_allowed(const struct vmspace *vm, vaddr_t brk)
{
	u64 data = vm->vm_data_end - vm->vm_data_start;

	return brk >= vm->vm_brk_start && brk <= USER_TOP - 2 * PAGE_SIZE &&
	       brk - vm->vm_brk_start + data <= proc_rlimit(RLIMIT_DATA);
}

vaddr_t vm_set_brk(struct vmspace *vm, vaddr_t brk)
{
	vaddr_t from, to, result;
	bool done, populate;
	LIST_HEAD(dead);

	if (rwlock_write_killable(&vm->vm_lock))
		return READ_ONCE(vm->vm_brk);
	from = round_up(vm->vm_brk, PAGE_SIZE);
	to = round_up(brk, PAGE_SIZE);
	done = brk_allowed(vm, brk);
	if (done && to > from)
		done = grow_heap(vm, from, to, &dead);
	else if (done && to < from)
		done = vm_unmap_locked(vm, to, from, &dead) == 0;
	if (done)
		vm->vm_brk = brk;
	result = vm->vm_brk;
	populate = done && to > from && vm->vm_lock_future;
	rwlock_write_unlock(&vm->vm_lock);
	area_free_list(&dead);
	if (populate)
		(void)vm_populate(vm, from, to);
	return result;
}
