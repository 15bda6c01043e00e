/* SPDX-License-Identifier: MIT */
/*
 * Access to an address space from outside: exec builds the stack of the new program,
 * /proc/PID/mem and ptrace look in, mlock and MAP_POPULATE fault in ahead.
 *
 * Pages are held by a reference while they are copied through the direct map; no lock
 * is held meanwhile.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/sched.h"
#include "kernel/lib/string.h"
#include "mm/area.h"

/* The page at va if it is mapped with that right, with a reference; or NULL. */
static struct page *page_mapped(struct vmspace *vm, vaddr_t va,
				unsigned int access)
{
	struct page *pg = NULL;
	pte_t *dir, *pte;

	spin_lock(&vm->vm_ptlock);
	dir = pmap_lookup_dir(&vm->vm_pmap, va);
	pte = pte_below(dir, va);
	if (pte && *pte & PTE_P && (!(access & VF_WRITE) || *pte & *dir & PTE_W)) {
		vm_table_hold(dir, pte);
		pg = phys_to_page(pte_paddr(*pte));
		page_get(pg);
	}
	spin_unlock(&vm->vm_ptlock);
	return pg;
}

int vm_get_page(struct vmspace *vm, vaddr_t addr, unsigned int access, struct page **out)
{
	if (addr >= USER_TOP)
		return -EFAULT;
	while (!(*out = page_mapped(vm, addr, access))) {
		int err = vm_fault(vm, addr, access);

		if (err)
			return err;
	}
	return 0;
}

bool populate_stop(void)
{
	sched_relax();
	return atomic_read(&((struct thread *)current)->t_work) & TW_EXIT;
}

int vm_populate(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	vaddr_t va = start;

	while (va < end) {
		unsigned int access = 0;
		struct vmarea *a;
		vaddr_t stop;

		rwlock_read(&vm->vm_lock);
		a = vm_find(vm, va);
		if (!a || a->va_start > va) {
			rwlock_read_unlock(&vm->vm_lock);
			return -EFAULT;
		}
		if ((a->va_flags & (VA_SHARED | VA_WRITE)) == VA_WRITE)
			access = VF_WRITE;
		stop = min(end, a->va_end);
		rwlock_read_unlock(&vm->vm_lock);
		for (; va < stop; va += PAGE_SIZE) {
			int err = vm_fault(vm, va, access);

			if (err)
				return err;
			if (populate_stop())
				return -EINTR;
		}
	}
	return 0;
}

/* Move n bytes between buf and user memory of vm; write: into vm. */
static int copy_foreign(struct vmspace *vm, vaddr_t addr, char *buf, size_t n,
			bool write)
{
	if (n > USER_TOP || addr > USER_TOP - n)
		return -EFAULT;
	while (n) {
		size_t in_page = addr & ~PAGE_MASK;
		size_t part = min(n, PAGE_SIZE - in_page);
		struct page *pg;
		char *p;
		int err = vm_get_page(vm, addr, write ? VF_WRITE : 0, &pg);

		if (err)
			return err == -ENOMEM ? err : -EFAULT;
		p = (char *)page_to_virt(pg) + in_page;
		if (write)
			memcpy(p, buf, part);
		else
			memcpy(buf, p, part);
		page_put(pg);
		addr += part;
		buf += part;
		n -= part;
	}
	return 0;
}

int vm_copy_out(struct vmspace *vm, vaddr_t dst, const void *src, size_t n)
{
	return copy_foreign(vm, dst, (char *)(uintptr_t)src, n, true);
}

int vm_copy_in(struct vmspace *vm, void *dst, vaddr_t src, size_t n)
{
	return copy_foreign(vm, src, dst, n, false);
}

u64 vm_count_maxrss(struct vmspace *vm)
{
	return max(READ_ONCE(vm->vm_maxrss), (u64)atomic64_read(&vm->vm_rss));
}
