/* SPDX-License-Identifier: MIT */
/*
 * What a thread leaves in user memory when it goes: robust mutexes that it
 * holds get FUTEX_OWNER_DIED, the child tid word is cleared and its waiters woken
 * (set_robust_list(2), set_tid_address(2)).
 *
 * The list is the program's own and may be anything: the walk is bounded, every access
 * may fail, and a failure ends it without further ado.
 */
#include <errno.h>
#include <kassert.h>
#include "ipc/futex.h"
#include "kernel/core/proc.h"
#include "mm/space.h"
#include "mm/uaccess.h"

/* Bit 0 of a list pointer marks a priority-inheriting mutex. */
#define ENTRY_PI	1UL

/* The mutex word at addr: if t owns it, mark and wake. pending: t was about to take or leave it. */
static int owner_died(struct thread *t, u32 __user *addr, bool pi, bool pending)
{
	u32 seen, old;

	if ((vaddr_t)addr % sizeof(u32))
		return -EFAULT;
	if (get_user_u32(&seen, addr))
		return -EFAULT;
	/* Released, but the wake-up was still to come: it falls to us. */
	if (pending && !pi && !seen) {
		(void)futex_wake(addr, false, 1, FUTEX_BITSET_MATCH_ANY);
		return 0;
	}
	do {
		old = seen;
		if ((old & FUTEX_TID_MASK) != (u32)t->t_tid)
			return 0;
		if (user_cmpxchg_u32(addr, &seen,
				     (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return -EFAULT;
	} while (seen != old);
	if (!pi && (old & FUTEX_WAITERS))
		(void)futex_wake(addr, false, 1, FUTEX_BITSET_MATCH_ANY);
	return 0;
}

static u32 __user *entry_word(u64 entry, s64 offset)
{
	return (u32 __user *)((entry & ~ENTRY_PI) + (u64)offset);
}

static void robust_walk(struct thread *t)
{
	struct robust_list_head head;
	u64 list = (u64)t->t_robust_list, entry, next, pending;

	if (copy_from_user(&head, (void __user *)list, sizeof(head)))
		return;
	entry = (u64)head.list.next;
	pending = (u64)head.list_op_pending;
	for (int i = 0; (entry & ~ENTRY_PI) != list && i < ROBUST_LIST_LIMIT; i++) {
		/* The next one first: the mutex may be freed once it is let go. */
		if (get_user_u64(&next, (void __user *)(entry & ~ENTRY_PI)))
			return;
		if (entry != pending &&
		    owner_died(t, entry_word(entry, head.futex_offset), entry & ENTRY_PI, false))
			return;
		entry = next;
	}
	if (pending)
		(void)owner_died(t, entry_word(pending, head.futex_offset),
				 pending & ENTRY_PI, true);
}

/* Does anybody else see the current process's memory: a thread, or a process it shares it with? */
static bool memory_shared(const struct proc *p)
{
	return READ_ONCE(p->p_nthreads) > 1 || refcount_get(&p->p_vm->vm_ref) > 1;
}

void futex_exit(struct thread *t)
{
	u32 __user *tid = (u32 __user *)t->t_clear_tid;

	KASSERT(t == current);
	if (!t->t_proc->p_vm)
		return;
	if (t->t_robust_list)
		robust_walk(t);
	t->t_robust_list = NULL;
	t->t_clear_tid = NULL;
	if (tid && memory_shared(t->t_proc) && !put_user_u32(tid, 0))
		(void)futex_wake(tid, false, 1, FUTEX_BITSET_MATCH_ANY);
}

long sys_set_robust_list(struct robust_list_head __user *head, size_t len)
{
	if (len != sizeof(*head))
		return -EINVAL;
	current->t_robust_list = head;
	return 0;
}

long sys_get_robust_list(pid_t tid, struct robust_list_head __user **head,
			 size_t __user *len)
{
	const struct cred *me = cred_current();
	u64 list = (u64)current->t_robust_list;
	struct thread *t;
	bool allowed = true;

	if (tid) {
		t = thread_find(tid);
		if (!t)
			return -ESRCH;
		list = (u64)t->t_robust_list;
		if (t->t_proc != current_proc() && !cred_privileged(me)) {
			spin_lock(&t->t_proc->p_lock);
			allowed = t->t_proc->p_cred->cr_uid == me->cr_uid;
			spin_unlock(&t->t_proc->p_lock);
		}
		thread_put(t);
	}
	if (!allowed)
		return -EPERM;
	if (put_user_u64(len, sizeof(**head)) || put_user_u64(head, list))
		return -EFAULT;
	return 0;
}
