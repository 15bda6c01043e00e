/* SPDX-License-Identifier: MIT */
/*
 * madvise(2), msync(2), mincore(2), mlock(2) and relatives: calls that walk a range of
 * areas and do something to each part.
 *
 * What may sleep in the file system is done without vm_lock: each step looks the area up
 * anew, so others may change the map in between, as on Linux.
 */
#include <abi/mman.h>
#include <errno.h>
#include <kassert.h>
#include "kernel/core/cred.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/swap.h"
#include "mm/sys_mm.h"
#include "mm/uaccess.h"

/* A part of one area, as it was when it was looked at. */
struct part {
	vaddr_t p_start, p_end;
	u32 p_flags;
	struct vm_object *p_object;	/* reference, or NULL */
	u64 p_first, p_last;		/* its pages in the object */
};

/* The part of [at, end) in the first area there. False: no area. */
static bool next_part(struct vmspace *vm, vaddr_t at, vaddr_t end,
		      struct part *p)
{
	struct vmarea *a;

	rwlock_read(&vm->vm_lock);
	a = area_overlap(vm, at, end);
	if (a) {
		p->p_start = max(at, a->va_start);
		p->p_end = min(end, a->va_end);
		p->p_flags = a->va_flags;
		p->p_object = a->va_object;
		if (a->va_object) {
			vm_object_get(a->va_object);
			p->p_first = area_index(a, p->p_start);
			p->p_last = area_index(a, p->p_end - PAGE_SIZE);
		}
	}
	rwlock_read_unlock(&vm->vm_lock);
	return a != NULL;
}

static void part_done(struct part *p)
{
	if (p->p_object)
		vm_object_put(p->p_object);
}

/* Checks common to all: 0 and *end, or -errno. */
static int check_range(unsigned long addr, unsigned long len, vaddr_t *end)
{
	u64 size = round_up(len, PAGE_SIZE);

	if (!IS_ALIGNED(addr, PAGE_SIZE) || (len && !size) || addr + size < addr)
		return -EINVAL;
	*end = addr + size;
	return 0;
}

/* ---- madvise ------------------------------------------------------------------ */

/* Throw away, as much as the area is still there. */
static int discard(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	int err;

	rwlock_read(&vm->vm_lock);
	err = vm_discard(vm, start, end);
	rwlock_read_unlock(&vm->vm_lock);
	return err ? -EAGAIN : 0;
}

/* Start reading the pages of a file. */
static void will_need(const struct part *p)
{
	struct vm_object *vo = p->p_object;

	if (vo)
		vm_object_start_read(vo, p->p_first, p->p_last - p->p_first + 1);
}

static int remove_part(const struct part *p)
{
	if (p->p_flags & VA_LOCKED || !p->p_object)
		return -EINVAL;
	if ((p->p_flags & (VA_SHARED | VA_WRITE)) != (VA_SHARED | VA_WRITE))
		return -EACCES;
	return vm_object_punch(p->p_object, p->p_first, p->p_last);
}

static int page_out(struct vmspace *vm, const struct part *p, enum pageout_how how)
{
	if (p->p_flags & VA_LOCKED)
		return -EINVAL;
	pageout_range(vm, p->p_start, p->p_end, how);
	return 0;
}

static int advise_part(struct vmspace *vm, const struct part *p, int advice)
{
	switch (advice) {
	case MADV_FREE:
		if (p->p_object)
			return -EINVAL;
		return page_out(vm, p, PAGEOUT_FREE);
	case MADV_DONTNEED:
		if (p->p_flags & VA_LOCKED)
			return -EINVAL;
		return discard(vm, p->p_start, p->p_end);
	case MADV_COLD:
		return page_out(vm, p, PAGEOUT_COLD);
	case MADV_PAGEOUT:
		return page_out(vm, p, PAGEOUT_NOW);
	case MADV_WILLNEED:
		will_need(p);
		return 0;
	case MADV_NORMAL:
	case MADV_SEQUENTIAL:
	case MADV_RANDOM:
		/* Of all mappings of the file: it is the file's pages that are read ahead. */
		if (p->p_object)
			p->p_object->vo_ra.ra_max = advice == MADV_RANDOM ? 0 :
				advice == MADV_NORMAL ? VM_RA_DEFAULT : 2 * VM_RA_DEFAULT;
		return 0;
	case MADV_REMOVE:
		return remove_part(p);
	default:
		return 0;
	}
}

/* Advice that is kept with the area: which flags it clears and sets. False: another kind. */
static bool advice_flags(int advice, u32 *clear, u32 *set)
{
	*clear = 0;
	*set = 0;
	switch (advice) {
	case MADV_DONTFORK:
		*set = VA_DONTFORK;
		return true;
	case MADV_DOFORK:
		*clear = VA_DONTFORK;
		return true;
	case MADV_WIPEONFORK:
		*set = VA_WIPEONFORK;
		return true;
	case MADV_KEEPONFORK:
		*clear = VA_WIPEONFORK;
		return true;
	default:
		return false;
	}
}

static bool advice_valid(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
	       (advice >= MADV_FREE && advice <= MADV_POPULATE_WRITE);
}

static int populate_range(struct vmspace *vm, vaddr_t start, vaddr_t end,
			  unsigned int access)
{
	for (vaddr_t va = start; va < end; va += PAGE_SIZE) {
		int err = vm_fault(vm, va, access);

		/* madvise(2), ERRORS, for MADV_POPULATE_*. */
		if (err == -EFAULT)
			return -ENOMEM;
		if (err)
			return err == -EACCES ? -EINVAL :
			       err == -EIO ? -EFAULT : err;
		if (populate_stop())
			return -EINTR;
	}
	return 0;
}

long sys_madvise(unsigned long addr, unsigned long len, int advice)
{
	struct vmspace *vm = current_proc()->p_vm;
	int err, hole = 0;
	struct part p;
	u32 clear, set;
	vaddr_t end;

	if (!advice_valid(advice))
		return -EINVAL;
	err = check_range(addr, len, &end);
	if (err || addr == end)
		return err;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return populate_range(vm, addr, end,
				      advice == MADV_POPULATE_WRITE ? VF_WRITE : 0);
	if (advice_flags(advice, &clear, &set))
		return vm_change_flags(vm, addr, end, clear, set,
				       set == VA_WIPEONFORK);
	while (addr < end && next_part(vm, addr, end, &p)) {
		if (p.p_start > addr)
			hole = -ENOMEM;
		err = advise_part(vm, &p, advice);
		part_done(&p);
		if (err)
			return err;
		addr = p.p_end;
	}
	return addr < end ? -ENOMEM : hole;
}

/* ---- msync, mincore ------------------------------------------------------------- */

long sys_msync(unsigned long addr, unsigned long len, int flags)
{
	struct vmspace *vm = current_proc()->p_vm;
	u64 size = round_up(len, PAGE_SIZE);
	vaddr_t end = addr + size;
	int hole = 0;
	struct part p;

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    !IS_ALIGNED(addr, PAGE_SIZE) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (end < addr || (len && !size))
		return -ENOMEM;
	while (addr < end && next_part(vm, addr, end, &p)) {
		int err = 0;

		if (p.p_start > addr)
			hole = -ENOMEM;
		if (flags & MS_INVALIDATE && p.p_flags & VA_LOCKED)
			err = -EBUSY;
		else if (flags & MS_SYNC && p.p_object && p.p_flags & VA_SHARED &&
			 p.p_object->vo_pager && p.p_object->vo_pager->vp_sync)
			err = p.p_object->vo_pager->vp_sync(p.p_object, p.p_first, p.p_last);
		part_done(&p);
		if (err)
			return err;
		addr = p.p_end;
	}
	return addr < end ? -ENOMEM : hole;
}

/* Is the page at va in memory: mapped, or in the object and only not mapped? */
static bool resident(struct vmspace *vm, const struct part *p, vaddr_t va)
{
	struct page *pg;
	pte_t *pte;
	bool yes, swapped;

	spin_lock(&vm->vm_ptlock);
	pte = pmap_lookup(&vm->vm_pmap, va);
	swapped = pte && *pte & PTE_SWAP;
	yes = pte && (swapped ? swap_in_cache(swap_address(*pte)) : pte_has_page(*pte));
	spin_unlock(&vm->vm_ptlock);
	if (yes || swapped || !p->p_object)
		return yes;
	pg = vm_object_lookup(p->p_object,
			      p->p_first + ((va - p->p_start) >> PAGE_SHIFT));
	if (pg)
		page_put(pg);
	return pg != NULL;
}

long sys_mincore(unsigned long addr, unsigned long len, unsigned char *vec)
{
	struct vmspace *vm = current_proc()->p_vm;
	u8 chunk[256];
	vaddr_t end;

	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (len > USER_TOP || addr > USER_TOP - len)
		return -ENOMEM;
	end = addr + round_up(len, PAGE_SIZE);
	if (!user_range_ok((void __user *)vec, (end - addr) >> PAGE_SHIFT))
		return -EFAULT;
	while (addr < end) {
		vaddr_t stop = min(end, addr + sizeof(chunk) * PAGE_SIZE);
		unsigned int n = 0;
		struct part p;

		if (!next_part(vm, addr, stop, &p))
			return -ENOMEM;
		for (vaddr_t va = p.p_start; va < p.p_end; va += PAGE_SIZE)
			chunk[n++] = resident(vm, &p, va);
		part_done(&p);
		if (p.p_start > addr)
			return -ENOMEM;
		if (copy_to_user((void __user *)vec, chunk, n))
			return -EFAULT;
		vec += n;
		addr = p.p_end;
	}
	return 0;
}

/* ---- mlock ----------------------------------------------------------------------- */

static bool may_lock_at_all(void)
{
	return proc_rlimit(RLIMIT_MEMLOCK) != 0 ||
	       cred_privileged(cred_current());
}

/* Pages of [start, end) that would be locked in addition to those that are. */
static u64 pages_to_lock(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	u64 n = (end - start) >> PAGE_SHIFT;
	struct vmarea *a;

	rwlock_read(&vm->vm_lock);
	for (a = area_overlap(vm, start, end); a && a->va_start < end;
	     a = vm_next(a))
		if (a->va_flags & VA_LOCKED)
			n -= (min(end, a->va_end) - max(start, a->va_start)) >>
			     PAGE_SHIFT;
	rwlock_read_unlock(&vm->vm_lock);
	return n;
}

long sys_mlock2(unsigned long addr, unsigned long len, int flags)
{
	struct vmspace *vm = current_proc()->p_vm;
	vaddr_t start = round_down(addr, PAGE_SIZE);
	vaddr_t end = round_up(addr + len, PAGE_SIZE);
	int err;

	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	if (!may_lock_at_all())
		return -EPERM;
	if (addr + len < addr || end < start)
		return -EINVAL;
	if (start == end)
		return 0;
	if (!vm_may_lock(vm, pages_to_lock(vm, start, end)))
		return -ENOMEM;
	err = vm_change_flags(vm, start, end, 0, VA_LOCKED, false);
	if (err || flags & MLOCK_ONFAULT)
		return err;
	err = vm_populate(vm, start, end);
	/* mlock(2): what cannot be brought in is ENOMEM, or EAGAIN when memory was short. */
	if (err == -ENOMEM)
		return -EAGAIN;
	return err ? -ENOMEM : 0;
}

long sys_mlock(unsigned long addr, unsigned long len)
{
	return sys_mlock2(addr, len, 0);
}

long sys_munlock(unsigned long addr, unsigned long len)
{
	vaddr_t start = round_down(addr, PAGE_SIZE);
	vaddr_t end = round_up(addr + len, PAGE_SIZE);

	if (addr + len < addr || end < start)
		return -EINVAL;
	if (start == end)
		return 0;
	return vm_change_flags(current_proc()->p_vm, start, end, VA_LOCKED, 0,
			       false);
}

static void set_lock_future(struct vmspace *vm, bool on)
{
	rwlock_write(&vm->vm_lock);
	vm->vm_lock_future = on ? VA_LOCKED : 0;
	rwlock_write_unlock(&vm->vm_lock);
}

/* Fault everything in that can be; holes and forbidden areas are skipped. */
static void populate_all(struct vmspace *vm)
{
	vaddr_t at = 0;
	struct part p;

	while (at < USER_TOP && next_part(vm, at, USER_TOP, &p)) {
		part_done(&p);
		if (p.p_flags & VA_PROT)
			(void)vm_populate(vm, p.p_start, p.p_end);
		at = p.p_end;
	}
}

long sys_mlockall(int flags)
{
	struct vmspace *vm = current_proc()->p_vm;
	int err;

	if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock_at_all())
		return -EPERM;
	if (flags & MCL_CURRENT &&
	    !vm_may_lock(vm, vm->vm_total_pages - vm->vm_locked_pages))
		return -ENOMEM;
	set_lock_future(vm, flags & MCL_FUTURE);
	if (!(flags & MCL_CURRENT))
		return 0;
	/* -ENOMEM for the holes between areas is not an error here. */
	err = vm_change_flags(vm, 0, USER_TOP, 0, VA_LOCKED, false);
	if (err && err != -ENOMEM)
		return err;
	if (!(flags & MCL_ONFAULT))
		populate_all(vm);
	return 0;
}

long sys_munlockall(void)
{
	struct vmspace *vm = current_proc()->p_vm;
	int err;

	set_lock_future(vm, false);
	err = vm_change_flags(vm, 0, USER_TOP, VA_LOCKED, 0, false);
	return err == -ENOMEM ? 0 : err;
}
