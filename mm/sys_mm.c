/* SPDX-License-Identifier: MIT */
/*
 * brk(2), mmap(2), munmap(2), mprotect(2), mremap(2): arguments are checked and translated
 * here, in the order in which Linux does it, since that decides which error is
 * seen; map.c, protect.c and remap.c do the work.
 */
#include <abi/mman.h>
#include <errno.h>
#include <kernel/upcalls.h>
#include "kernel/core/cred.h"
#include "kernel/core/proc.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/space.h"
#include "mm/sys_mm.h"

/*
 * Flags that MAP_SHARED_VALIDATE knows; the others must be refused with it, and are ignored
 * without.
 */
#define MAP_KNOWN	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | \
			 MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | \
			 MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | \
			 MAP_NONBLOCK | MAP_STACK)

struct map_request {
	vaddr_t m_addr;
	u64 m_len;			/* rounded up */
	u32 m_prot;			/* PROT_* */
	u32 m_flags;			/* MAP_* */
	u32 m_area;			/* VA_* */
	u64 m_offset;
	struct vm_object *m_object;	/* reference, or NULL */
};

long sys_brk(unsigned long brk)
{
	return (long)vm_set_brk(current_proc()->p_vm, brk);
}

static u32 prot_to_area(unsigned long prot)
{
	return (prot & PROT_READ ? VA_READ : 0) |
	       (prot & PROT_WRITE ? VA_WRITE : 0) |
	       (prot & PROT_EXEC ? VA_EXEC : 0);
}

/*
 * The object behind a descriptor. mprotect(2) may ask for more rights later, so ask for all of
 * them first and note which ones had to be given up.
 */
static int get_file(struct map_request *m, int fd)
{
	bool shared = (m->m_flags & MAP_TYPE) != MAP_PRIVATE;
	u32 prot = m->m_prot | PROT_EXEC | (shared ? PROT_WRITE : 0);

	for (;;) {
		int err = file_mmap(fd, (int)prot, (int)m->m_flags, m->m_offset,
				    m->m_len, &m->m_object);
		u32 give_up = 0;

		if (err == -EACCES || err == -EROFS)
			give_up = PROT_WRITE;
		else if (err == -EPERM)
			give_up = PROT_EXEC;
		if (!(give_up & prot & ~m->m_prot)) {
			if (err)
				return err == -EROFS ? -EPERM : err;
			break;
		}
		prot &= ~give_up;
	}
	if (!shared || prot & PROT_WRITE)
		m->m_area |= VA_MAYWRITE;
	if (!(prot & PROT_EXEC))
		m->m_area |= VA_NOEXEC;
	return 0;
}

static int check_file(struct map_request *m, int fd)
{
	switch (m->m_flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (m->m_flags & ~(MAP_KNOWN | MAP_FIXED_NOREPLACE))
			return -EOPNOTSUPP;
		__fallthrough;
	case MAP_SHARED:
		m->m_area |= VA_SHARED;
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	return get_file(m, fd);
}

static int check_anonymous(struct map_request *m)
{
	m->m_area |= VA_MAYWRITE;
	m->m_offset = 0;
	switch (m->m_flags & MAP_TYPE) {
	case MAP_SHARED:
		if (m->m_flags & MAP_GROWSDOWN)
			return -EINVAL;
		m->m_area |= VA_SHARED;
		if (!vm_may_commit(m->m_len >> PAGE_SHIFT, m->m_flags & MAP_NORESERVE))
			return -ENOMEM;
		return vm_object_create_anon(m->m_len, &m->m_object);
	case MAP_PRIVATE:
		return 0;
	default:
		return -EINVAL;
	}
}

static u32 area_flags(u32 flags)
{
	return (flags & MAP_GROWSDOWN ? VA_STACK : 0) |
	       (flags & MAP_NORESERVE ? VA_NORESERVE : 0) |
	       (flags & MAP_LOCKED ? VA_LOCKED : 0);
}

static unsigned int how_to_map(u32 flags)
{
	unsigned int how = 0;

	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
		how |= VM_FIXED;
	if (flags & MAP_FIXED_NOREPLACE)
		how |= VM_NOREPLACE;
	if (flags & MAP_32BIT)
		how |= VM_32BIT;
	return how;
}

static int check_map(struct map_request *m, unsigned long len, int fd)
{
	if (!IS_ALIGNED(m->m_offset, PAGE_SIZE) || len == 0)
		return -EINVAL;
	m->m_len = round_up(len, PAGE_SIZE);
	if (m->m_len == 0 || m->m_len > USER_TOP)
		return -ENOMEM;
	if (m->m_offset + m->m_len < m->m_offset)
		return -EOVERFLOW;
	/* There are no huge pages to map. */
	if (m->m_flags & MAP_HUGETLB)
		return m->m_flags & MAP_ANONYMOUS ? -ENOMEM : -EINVAL;
	if (m->m_flags & MAP_LOCKED && proc_rlimit(RLIMIT_MEMLOCK) == 0 &&
	    !cred_privileged(cred_current()))
		return -EPERM;
	m->m_area = prot_to_area(m->m_prot) | area_flags(m->m_flags);
	return m->m_flags & MAP_ANONYMOUS ? check_anonymous(m) :
					    check_file(m, fd);
}

long sys_mmap(unsigned long addr, unsigned long len, unsigned long prot,
	      unsigned long flags, unsigned long fd, unsigned long off)
{
	struct vmspace *vm = current_proc()->p_vm;
	struct map_request m = {
		.m_addr = addr, .m_prot = (u32)prot, .m_flags = (u32)flags,
		.m_offset = off,
	};
	long at = check_map(&m, len, (int)fd);

	if (at)
		return at;
	at = vm_map(vm, m.m_addr, m.m_len, m.m_area, how_to_map(m.m_flags),
		    m.m_object, m.m_offset);
	if (m.m_object)
		vm_object_put(m.m_object);
	if (at < 0)
		return at;
	/* Failure to populate is not reported: mmap(2), MAP_LOCKED. */
	if (((m.m_flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE) ||
	    (m.m_area | READ_ONCE(vm->vm_lock_future)) & VA_LOCKED)
		(void)vm_populate(vm, (vaddr_t)at, (vaddr_t)at + m.m_len);
	return at;
}

long sys_munmap(unsigned long addr, unsigned long len)
{
	return vm_unmap(current_proc()->p_vm, addr, len);
}

/* PROT_GROWSDOWN: from the start of the growing area that has addr on. */
static int extend_down(struct vmspace *vm, unsigned long *addr,
		       unsigned long *len)
{
	struct vmarea *a;
	int err = 0;

	rwlock_read(&vm->vm_lock);
	a = vm_find(vm, *addr);
	if (!a || a->va_start >= *addr + *len) {
		err = -ENOMEM;
	} else if (!(a->va_flags & VA_STACK)) {
		err = -EINVAL;
	} else {
		*len += *addr - a->va_start;
		*addr = a->va_start;
	}
	rwlock_read_unlock(&vm->vm_lock);
	return err;
}

long sys_mprotect(unsigned long addr, unsigned long len, unsigned long prot)
{
	struct vmspace *vm = current_proc()->p_vm;
	unsigned long grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	int err;

	prot &= ~(unsigned long)(PROT_GROWSDOWN | PROT_GROWSUP);
	/* Nothing here grows up. */
	if (grows & PROT_GROWSUP || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if (len == 0)
		return 0;
	len = round_up(len, PAGE_SIZE);
	if (addr + len <= addr)
		return -ENOMEM;
	if (prot & ~(unsigned long)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if (grows) {
		err = extend_down(vm, &addr, &len);
		if (err)
			return err;
	}
	return vm_protect(vm, addr, len, prot_to_area(prot));
}

long sys_mremap(unsigned long addr, unsigned long old_len,
		unsigned long new_len, unsigned long flags,
		unsigned long new_addr)
{
	if (flags > ~0u)
		return -EINVAL;
	return vm_remap(current_proc()->p_vm, addr,
			round_up(old_len, PAGE_SIZE),
			round_up(new_len, PAGE_SIZE), (unsigned int)flags,
			new_addr);
}
