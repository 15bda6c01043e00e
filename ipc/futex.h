/* SPDX-License-Identifier: MIT */
/*
 * Futexes: see futex.c.
 */
#ifndef IPC_FUTEX_H
#define IPC_FUTEX_H

#include <abi/futex.h>
#include <abi/time.h>
#include <compiler.h>
#include <types.h>

struct thread;
struct vm_object;
struct vmspace;

/*
 * What waiters and wakers agree on. Private memory: the address space and the address;
 * shared memory: the object and the offset, so that processes meet wherever they map it.
 */
struct futex_key {
	const void *fk_space;		/* vmspace or vm_object */
	u64 fk_where;			/* address or offset */
	struct vm_object *fk_object;	/* reference, or NULL */
};

/* futex_key.c. -EINVAL (misaligned), -EFAULT. Put gives the reference back. */
int futex_key_get(const u32 __user *addr, bool private, struct futex_key *key);
void futex_key_put(struct futex_key *key);

void futex_init(void);
/* Wake up to n waiters at addr whose bitset meets bits; number woken or -errno. */
int futex_wake(u32 __user *addr, bool private, unsigned int n, u32 bits);
/*
 * futex_robust.c. The current thread leaves its memory (exit, exec): mark the robust mutexes
 * that it holds, clear its child tid and wake the joiner. Address space still there.
 */
void futex_exit(struct thread *t);

long sys_futex(u32 __user *addr, int op, u32 val, const struct timespec __user *timeout,
	       u32 __user *addr2, u32 val3);
long sys_set_robust_list(struct robust_list_head __user *head, size_t len);
long sys_get_robust_list(pid_t tid, struct robust_list_head __user **head,
			 size_t __user *len);

#endif
