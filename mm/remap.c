/* SPDX-License-Identifier: MIT */
/*
 * mremap(2): mappings shrink, grow where they are, or move with their pages. No page is
 * copied; entries move from one place in the page table to another.
 *
 * Locks: vm_lock for writing; while entries move, the object's vo_lock, so that truncation
 * finds every entry in one place or the other, and vm_ptlock.
 */
#include <abi/mman.h>
#include <errno.h>
#include <kassert.h>
#include "mm/area.h"
#include "mm/object.h"

struct remap {
	vaddr_t r_old, r_new;
	u64 r_old_len, r_new_len;
	unsigned int r_flags;		/* MREMAP_* */
};

/* Own the tables of [old, old+len), and make those that its entries need at new. -ENOMEM. */
static int prepare_tables(struct vmspace *vm, vaddr_t old, vaddr_t new, u64 len)
{
	vaddr_t va = old, end = old + len;

	while (pmap_next_table(&vm->vm_pmap, &va, end)) {
		vaddr_t stop = min(end, round_down(va, PT_SPAN) + PT_SPAN);

		if (vm_tables_own(vm, va, stop) || !vm_pte_alloc(vm, va - old + new) ||
		    !vm_pte_alloc(vm, stop - PAGE_SIZE - old + new))
			return -ENOMEM;
		va = stop;
	}
	return 0;
}

static void move_entries(struct vmspace *vm, struct vm_object *vo, vaddr_t old,
			 vaddr_t new, u64 len)
{
	vaddr_t va = old, end = old + len;
	struct tlb_batch tb;
	pte_t *from;

	tlb_batch_init(&tb);
	if (vo)
		spin_lock(&vo->vo_lock);
	spin_lock(&vm->vm_ptlock);
	while ((from = pmap_next_table(&vm->vm_pmap, &va, end))) {
		vaddr_t stop = min(end, round_down(va, PT_SPAN) + PT_SPAN);

		for (; va < stop; va += PAGE_SIZE, from++) {
			pte_t e = *from, *to;

			if (!e)
				continue;
			to = pmap_lookup(&vm->vm_pmap, va - old + new);
			KASSERT(to && !*to);
			WRITE_ONCE(*from, 0);
			WRITE_ONCE(*to, pte_sealed(e));
			tlb_batch_add(&tb, va);
		}
	}
	/* Before anybody can take the pages away again at their new place. */
	tlb_batch_flush(&vm->vm_pmap, &tb);
	spin_unlock(&vm->vm_ptlock);
	if (vo)
		spin_unlock(&vo->vo_lock);
}

/* Where to, with room made there; address or -errno. */
static s64 choose_target(struct vmspace *vm, const struct remap *r,
			 struct list_head *dead)
{
	vaddr_t at;
	int err;

	if (!(r->r_flags & MREMAP_FIXED)) {
		at = vm_find_gap(vm, r->r_new_len, 0);
		return at ? (s64)at : -ENOMEM;
	}
	err = vm_unmap_locked(vm, r->r_new, r->r_new + r->r_new_len, dead);
	return err ? err : (s64)r->r_new;
}

/* Cut the area so that it is exactly [old, old+len). */
static int isolate(struct vmspace *vm, struct vmarea **ap, vaddr_t old, u64 len)
{
	struct vmarea *upper;
	int err;

	if (old > (*ap)->va_start) {
		err = area_split(vm, *ap, old, &upper);
		if (err)
			return err;
		*ap = upper;
	}
	if (old + len < (*ap)->va_end)
		return area_split(vm, *ap, old + len, &upper);
	return 0;
}

static s64 move_area(struct vmspace *vm, struct remap *r, struct list_head *dead)
{
	struct vmarea *a, *b;
	s64 at = choose_target(vm, r, dead);
	u64 len = min(r->r_old_len, r->r_new_len);
	vaddr_t new;
	int err;

	if (at < 0)
		return at;
	new = (vaddr_t)at;
	/* Making room may have changed the areas, but not the one that moves. */
	a = vm_find(vm, r->r_old);
	KASSERT(a && a->va_start <= r->r_old);
	if (r->r_old_len) {
		err = isolate(vm, &a, r->r_old, r->r_old_len);
		if (err)
			return err;
	}
	b = area_create(vm, new, new + r->r_new_len,
			a->va_flags & ~(VA_HEAP | VA_STACK), a->va_object,
			a->va_offset + (r->r_old - a->va_start));
	if (!b)
		return -ENOMEM;
	area_link(vm, b);
	if (!r->r_old_len)
		return at;
	err = prepare_tables(vm, r->r_old, new, len);
	if (err) {
		(void)vm_unmap_locked(vm, new, new + r->r_new_len, dead);
		return err;
	}
	move_entries(vm, a->va_object, r->r_old, new, len);
	if (r->r_flags & MREMAP_DONTUNMAP) {
		area_set_flags(vm, a, a->va_flags & ~VA_LOCKED);
	} else {
		/* A whole area now: nothing to split, so this cannot fail. */
		err = vm_unmap_locked(vm, r->r_old, r->r_old + r->r_old_len, dead);
		KASSERT(!err);
	}
	area_merge(vm, b, dead);
	return at;
}

/* Grow without moving, if the space behind is free. */
static bool grow_in_place(struct vmspace *vm, struct vmarea *a,
			  const struct remap *r, struct list_head *dead)
{
	vaddr_t end = r->r_old + r->r_new_len;
	struct vmarea *next = vm_next(a);

	if (r->r_old + r->r_old_len != a->va_end || end < r->r_old ||
	    end > USER_TOP || (next && area_lower_bound(next) < end))
		return false;
	area_set_bounds(vm, a, a->va_start, end);
	area_merge(vm, a, dead);
	return true;
}

/* mremap(2), ERRORS. */
static int check(const struct remap *r)
{
	bool fixed = r->r_flags & MREMAP_FIXED;
	bool keep = r->r_flags & MREMAP_DONTUNMAP;

	if (r->r_flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((fixed || keep) && !(r->r_flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (!IS_ALIGNED(r->r_old, PAGE_SIZE) || r->r_new_len == 0 ||
	    (keep && r->r_old_len != r->r_new_len))
		return -EINVAL;
	if (r->r_old_len > USER_TOP || r->r_old > USER_TOP - r->r_old_len ||
	    r->r_new_len > USER_TOP)
		return -EINVAL;
	if (!fixed)
		return 0;
	if (!IS_ALIGNED(r->r_new, PAGE_SIZE) || r->r_new > USER_TOP - r->r_new_len)
		return -EINVAL;
	if (r->r_old + r->r_old_len > r->r_new &&
	    r->r_new + r->r_new_len > r->r_old)
		return -EINVAL;
	return r->r_new < VM_MIN_ADDR ? -EPERM : 0;
}

static s64 remap_locked(struct vmspace *vm, struct remap *r, bool *populate,
			struct list_head *dead)
{
	bool move = r->r_flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
	struct vmarea *a = vm_find(vm, r->r_old);
	u64 more;
	int err;

	if (!a || a->va_start > r->r_old)
		return -EFAULT;
	if (r->r_old_len == 0 && !(a->va_flags & VA_SHARED))
		return -EINVAL;
	if (r->r_old_len > a->va_end - r->r_old)
		return -EFAULT;
	if (r->r_new_len < r->r_old_len) {
		err = vm_unmap_locked(vm, r->r_old + r->r_new_len,
				      r->r_old + r->r_old_len, dead);
		if (err)
			return err;
		r->r_old_len = r->r_new_len;
	}
	if (r->r_new_len == r->r_old_len && !move)
		return (s64)r->r_old;
	more = r->r_flags & MREMAP_DONTUNMAP ? r->r_new_len :
	       r->r_new_len - r->r_old_len;
	a = vm_find(vm, r->r_old);
	if (more && !vm_may_grow(vm, more >> PAGE_SHIFT, a->va_flags))
		return -ENOMEM;
	if (more && a->va_flags & VA_LOCKED) {
		if (!vm_may_lock(vm, more >> PAGE_SHIFT))
			return -EAGAIN;
		*populate = true;
	}
	if (a->va_object && a->va_offset + (r->r_old - a->va_start) >
			    ~0ul - r->r_new_len)
		return -EINVAL;
	if (!move && r->r_old_len && grow_in_place(vm, a, r, dead))
		return (s64)r->r_old;
	if (!(r->r_flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	return move_area(vm, r, dead);
}

s64 vm_remap(struct vmspace *vm, vaddr_t old, u64 old_len, u64 new_len,
	     unsigned int flags, vaddr_t fixed)
{
	struct remap r = {
		.r_old = old, .r_old_len = old_len,
		.r_new = fixed, .r_new_len = new_len, .r_flags = flags,
	};
	bool populate = false;
	LIST_HEAD(dead);
	s64 at = check(&r);

	if (at)
		return at;
	if (rwlock_write_killable(&vm->vm_lock))
		return -EINTR;
	at = remap_locked(vm, &r, &populate, &dead);
	rwlock_write_unlock(&vm->vm_lock);
	area_free_list(&dead);
	if (at > 0 && populate)
		(void)vm_populate(vm, (vaddr_t)at, (vaddr_t)at + new_len);
	return at;
}
