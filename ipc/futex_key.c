/* SPDX-License-Identifier: MIT */
/*
 * Which futex a user address is. Called by futex.c without locks.
 *
 * A futex in a MAP_SHARED area is the object and the offset in it; any other is the
 * address space and the address. With FUTEX_PRIVATE_FLAG nothing is looked up. A
 * waiter's reference keeps the object, and so the key, from being reused.
 *
 * Locks: vm_lock for reading, briefly.
 */
#include <errno.h>
#include <kassert.h>
#include "ipc/futex.h"
#include "kernel/core/proc.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/uaccess.h"

static int shared_key(struct vmspace *vm, vaddr_t addr, struct futex_key *key)
{
	struct vmarea *va;
	int err = 0;

	rwlock_read(&vm->vm_lock);
	va = vm_find(vm, addr);
	if (!va || addr < va->va_start) {
		err = -EFAULT;
	} else if ((va->va_flags & VA_SHARED) && va->va_object) {
		vm_object_get(va->va_object);
		key->fk_object = va->va_object;
		key->fk_space = va->va_object;
		key->fk_where = va->va_offset + (addr - va->va_start);
	}
	rwlock_read_unlock(&vm->vm_lock);
	return err;
}

int futex_key_get(const u32 __user *addr, bool private, struct futex_key *key)
{
	struct vmspace *vm = current_proc()->p_vm;

	KASSERT(vm);
	if ((vaddr_t)addr % sizeof(u32))
		return -EINVAL;
	if (!user_range_ok(addr, sizeof(u32)))
		return -EFAULT;
	key->fk_space = vm;
	key->fk_where = (vaddr_t)addr;
	key->fk_object = NULL;
	return private ? 0 : shared_key(vm, (vaddr_t)addr, key);
}

void futex_key_put(struct futex_key *key)
{
	if (key->fk_object)
		vm_object_put(key->fk_object);
	key->fk_object = NULL;
}
