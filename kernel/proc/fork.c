/* SPDX-License-Identifier: MIT */
/*
 * fork, vfork, clone: one routine, do_clone(), driven by flags. What is
 * not shared is duplicated:
 *
 *			fork		vfork		thread
 *	address space	copied (COW)	shared*		shared
 *	fd table	copied		copied		shared
 *	cwd, umask	copied		copied		shared
 *	handlers	copied		copied		shared
 *	parent		goes on		waits		goes on
 *
 *	* until the child execs or exits; the parent sleeps for so long.
 *
 * Everything that can fail is done before the child becomes visible; publishing it,
 * under proctree_lock, cannot. The one exception is a signal sent to a process
 * group meanwhile: the child must get it, too, so the call starts over (-ERESTARTNOINTR).
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "fs/fdtable.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "ipc/signal.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/core/trace.h"
#include "kernel/lib/string.h"
#include "kernel/proc/lifecycle.h"
#include "mm/space.h"
#include "mm/uaccess.h"

/* Flags of namespaces and of features that are not there: refused, not ignored. */
#define CLONE_UNSUPPORTED \
	(CLONE_NEWTIME | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PIDFD | CLONE_PTRACE | \
	 CLONE_INTO_CGROUP)

struct clone_request {
	u64 flags;
	int exit_signal;
	u64 stack;			/* 0: the caller's */
	u64 tls;
	u32 __user *parent_tid;
	u32 __user *child_tid;
};

static int clone_check(const struct clone_request *rq)
{
	u64 flags = rq->flags;

	if (flags & CLONE_UNSUPPORTED)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	/* Init has no sisters: nobody would wait for them. */
	if ((flags & CLONE_PARENT) && current_proc()->p_is_init)
		return -EINVAL;
	if ((flags & CLONE_CLEAR_SIGHAND) && (flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SETTLS) && rq->tls >= USER_TOP)
		return -EPERM;
	if (rq->exit_signal < 0 || rq->exit_signal > 64)
		return -EINVAL;
	return 0;
}

/* RLIMIT_NPROC counts the threads of the real user; root is exempt. */
static int clone_check_nproc(void)
{
	u64 limit = proc_rlimit(RLIMIT_NPROC);
	struct cred *cr = cred_current();

	if (limit == RLIM_INFINITY || cred_privileged(cr) || cr->cr_uid == 0)
		return 0;
	return proc_count_uid(cr->cr_uid) >= limit ? -EAGAIN : 0;
}

static int share_vm(struct proc *p, struct proc *parent, u64 flags)
{
	if (flags & CLONE_VM) {
		p->p_vm = vmspace_get(parent->p_vm);
		return 0;
	}
	return vmspace_fork(parent->p_vm, &p->p_vm);
}

static int share_files(struct proc *p, struct proc *parent, u64 flags)
{
	int err;

	if (flags & CLONE_FS)
		p->p_fs = fs_context_get(parent->p_fs);
	else if ((err = fs_context_fork(parent->p_fs, &p->p_fs)))
		return err;
	if (flags & CLONE_FILES)
		p->p_fdt = fdtable_get(parent->p_fdt);
	else if ((err = fdtable_fork(parent->p_fdt, &p->p_fdt)))
		return err;
	return 0;
}

static void inherit(struct proc *p, struct proc *parent)
{
	p->p_cred = cred_get(cred_current());
	spin_lock(&parent->p_lock);
	memcpy(p->p_rlimit, parent->p_rlimit, sizeof(p->p_rlimit));
	str_copy(p->p_name, parent->p_name, sizeof(p->p_name));
	p->p_nice = parent->p_nice;
	if (parent->p_exe) {
		p->p_exe = file_get(parent->p_exe);
		/* The parent denies writing already, so this cannot be refused. */
		(void)vnode_deny_write(p->p_exe->f_vnode);
	}
	spin_unlock(&parent->p_lock);
	p->p_dumpable = parent->p_dumpable;
	p->p_no_new_privs = parent->p_no_new_privs;
	p->p_persona = parent->p_persona;
	p->p_oom_adj = parent->p_oom_adj;
	p->p_no_tty = parent->p_no_tty;
}

/* A process with everything but a thread. */
static int clone_proc(struct proc *parent, const struct clone_request *rq,
		      struct proc **out)
{
	struct proc *p;
	int err = proc_alloc(&p);

	if (err)
		return err;
	inherit(p, parent);
	p->p_exit_signal = rq->exit_signal;
	if (rq->flags & CLONE_SIGHAND)
		err = sigstate_share(parent->p_sig, &p->p_sig);
	else
		err = sigstate_fork(parent->p_sig, &p->p_sig);
	if (!err)
		err = share_files(p, parent, rq->flags);
	if (!err)
		err = share_vm(p, parent, rq->flags);
	if (err) {
		proc_drop_resources(p);
		proc_abort(p);
		return err;
	}
	if (rq->flags & CLONE_CLEAR_SIGHAND)
		signal_exec(p);
	*out = p;
	return 0;
}

/* The child's registers: the parent's, but 0 as result, and its own stack and TLS if asked for. */
static void clone_frame(struct thread *t, const struct clone_request *rq)
{
	struct thread *me = current;
	struct trapframe tf = *arch_user_frame(&me->t_arch);

	tf.tf_rax = 0;
	if (rq->stack)
		tf.tf_rsp = rq->stack;
	arch_thread_init_user(&t->t_arch, (char *)t->t_kstack + KSTACK_SIZE, &tf);
	t->t_arch.at_fsbase = rq->flags & CLONE_SETTLS ? rq->tls : arch_get_fsbase();
	t->t_arch.at_gsbase = arch_get_gsbase();
}

/* A thread of p, ready to be published. Its number is p's when it is the first. */
static int clone_thread(struct proc *p, const struct clone_request *rq,
			struct thread **out)
{
	struct thread *me = current, *t;
	int err = thread_alloc(p, &t);

	if (err)
		return err;
	err = sigthread_create(me, t);
	if (!err)
		err = fpu_fork(t);
	if (!err) {
		t->t_tid = p == me->t_proc ? pid_alloc() : p->p_pid;
		if (t->t_tid < 0)
			err = -EAGAIN;
	}
	if (err) {
		thread_put(t);
		return err;
	}
	clone_frame(t, rq);
	str_copy(t->t_name, me->t_name, sizeof(t->t_name));
	t->t_nice_weight_idx = me->t_nice_weight_idx;
	t->t_pmap = &p->p_vm->vm_pmap;
	if (rq->flags & CLONE_CHILD_CLEARTID)
		t->t_clear_tid = rq->child_tid;
	if (rq->flags & CLONE_CHILD_SETTID) {
		t->t_set_tid = rq->child_tid;
		/* Signals find it since sigthread_create(). */
		atomic_or(&t->t_work, TW_SET_TID);
	}
	*out = t;
	return 0;
}

struct thread *first_thread(struct proc *p)
{
	KASSERT(lock_held(&proctree_lock));
	return list_first_entry_or_null(&p->p_threads, struct thread, t_link);
}

/* Make the child visible, unless a signal has come that it should have got. */
static int clone_publish(struct proc *p, struct thread *t,
			 const struct clone_request *rq, struct completion *vfork_done)
{
	struct proc *me = current_proc(), *parent = me;
	int err = 0;

	spin_lock(&proctree_lock);
	if (signal_pending_current()) {
		err = -ERESTARTNOINTR;
	} else if (p == me) {
		if (me->p_group_exit || me->p_group_exec)
			err = -ERESTARTNOINTR;
	} else {
		if (rq->flags & CLONE_PARENT) {
			parent = me->p_parent;
			p->p_exit_signal = me->p_exit_signal;
		}
		proc_publish(p, parent);
		p->p_forker = parent == me ? current : first_thread(parent);
	}
	if (!err) {
		list_add_tail(&t->t_link, &p->p_threads);
		p->p_nthreads++;
		thread_hash_locked(t);
		t->t_vfork_done = vfork_done;
	}
	spin_unlock(&proctree_lock);
	return err;
}

static void clone_abort(struct proc *p, struct thread *t)
{
	pid_t tid = t->t_tid;

	thread_put(t);
	if (p == current_proc()) {
		pid_release(tid);
		return;
	}
	proc_drop_resources(p);
	proc_abort(p);
}

void vfork_release(struct thread *t)
{
	spin_lock(&proctree_lock);
	if (t->t_vfork_done)
		complete(t->t_vfork_done);
	t->t_vfork_done = NULL;
	spin_unlock(&proctree_lock);
}

/* Sleep until the vfork child has let go of our memory, or we are killed. */
static void vfork_wait(struct thread *child, struct completion *done)
{
	if (completion_wait(done, true) == 0)
		return;
	/* Killed: done is on our stack, so the child must forget it. */
	spin_lock(&proctree_lock);
	child->t_vfork_done = NULL;
	spin_unlock(&proctree_lock);
}

static long do_clone(const struct clone_request *rq)
{
	struct completion vfork_done;
	struct proc *me = current_proc(), *p = me;
	struct thread *t;
	pid_t tid;
	int err = clone_check(rq);

	if (!err)
		err = clone_check_nproc();
	if (!err && !(rq->flags & CLONE_THREAD))
		err = clone_proc(me, rq, &p);
	if (err)
		return err;
	err = clone_thread(p, rq, &t);
	if (err) {
		if (p != me) {
			proc_drop_resources(p);
			proc_abort(p);
		}
		return err;
	}
	tid = t->t_tid;
	if (rq->flags & CLONE_PARENT_SETTID)
		(void)put_user_u32(rq->parent_tid, (u32)tid);
	completion_init(&vfork_done);
	err = clone_publish(p, t, rq, rq->flags & CLONE_VFORK ? &vfork_done : NULL);
	if (err) {
		clone_abort(p, t);
		return err;
	}
	trace(TRACE_FORK, (u64)tid, rq->flags, 0, 0);
	if (!(rq->flags & CLONE_VFORK)) {
		sched_start(t);
		return tid;
	}
	thread_get(t);
	sched_start(t);
	vfork_wait(t, &vfork_done);
	thread_put(t);
	return tid;
}

long sys_fork(void)
{
	return do_clone(&(struct clone_request){ .exit_signal = SIGCHLD });
}

long sys_vfork(void)
{
	return do_clone(&(struct clone_request){
		.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD });
}

long sys_clone(u64 flags, u64 stack, u32 __user *parent_tid, u32 __user *child_tid, u64 tls)
{
	/* CLONE_DETACHED has no meaning left; newer bits do not fit in clone(2)'s flags. */
	return do_clone(&(struct clone_request){
		.flags = (u32)flags & ~(u64)(CSIGNAL | CLONE_DETACHED),
		.exit_signal = (int)(flags & CSIGNAL), .stack = stack, .tls = tls,
		.parent_tid = parent_tid, .child_tid = child_tid });
}

/* The part of a longer structure that this kernel does not know must be zero. */
static int clone3_check_tail(const struct clone_args __user *args, size_t size)
{
	for (size_t i = sizeof(*args); i < size; i++) {
		u8 byte;

		if (get_user_u8(&byte, (const char __user *)args + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return 0;
}

long sys_clone3(struct clone_args __user *args, size_t size)
{
	struct clone_args ca = { 0 };
	int err;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&ca, args, min(size, sizeof(ca))))
		return -EFAULT;
	err = clone3_check_tail(args, size);
	if (err)
		return err;
	if (ca.set_tid_size || ca.set_tid || (ca.flags & (CSIGNAL | CLONE_DETACHED)))
		return -EINVAL;
	if (!ca.stack != !ca.stack_size)
		return -EINVAL;
	if (ca.exit_signal > 64 ||
	    ((ca.flags & (CLONE_THREAD | CLONE_PARENT)) && ca.exit_signal))
		return -EINVAL;
	return do_clone(&(struct clone_request){
		.flags = ca.flags, .exit_signal = (int)ca.exit_signal,
		.stack = ca.stack ? ca.stack + ca.stack_size : 0, .tls = ca.tls,
		.parent_tid = (u32 __user *)ca.parent_tid,
		.child_tid = (u32 __user *)ca.child_tid });
}
