/* SPDX-License-Identifier: MIT */
/*
 * Threads: allocation, look-up by number, kernel threads, freeing.
 *
 * A thread is referenced by the scheduler from thread_alloc() until it has been
 * switched away from for the last time, and by whoever found it. It references its
 * process for as long: t_proc may be followed by who has the thread.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/core/statreg.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/x86/smp.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#define TID_BUCKETS	256

static struct slab_cache *thread_cache;
static struct hlist_head tid_hash[TID_BUCKETS];	/* [proctree_lock] */
static struct thread boot_idle;
static atomic_t nthreads;

static struct hlist_head *tid_bucket(pid_t tid)
{
	return &tid_hash[(u32)tid % TID_BUCKETS];
}

static void thread_setup(struct thread *t, struct proc *p)
{
	t->t_state = THREAD_NEW;
	t->t_proc = p;
	t->t_nice_weight_idx = (u8)(p->p_nice + 20);
	t->t_affinity = ~0UL;
	t->t_arch.at_fpu.fp_cpu = -1;
	t->t_cred = cred_get(current && p != &proc0 ? cred_current() : &cred_root);
	refcount_set(&t->t_ref, 1);
	timer_setup(&t->t_sleep_timer, NULL);
	list_init(&t->t_link);
}

int thread_alloc(struct proc *p, struct thread **out)
{
	struct thread *t = slab_alloc(thread_cache, ALLOC_WAIT | ALLOC_ZERO);

	if (!t)
		return -ENOMEM;
	t->t_kstack = kstack_alloc();
	if (!t->t_kstack) {
		slab_free(thread_cache, t);
		return -ENOMEM;
	}
	thread_setup(t, p);
	t->t_arch.at_kstack_top = (u64)t->t_kstack + KSTACK_SIZE;
	proc_get(p);
	/*
	 * Of user threads only: an idle thread, bound to its CPU, makes init and the kernel's
	 * own threads, which run anywhere.
	 */
	if (current && current_proc() != &proc0 && p != &proc0)
		t->t_affinity = ((struct thread *)current)->t_affinity;
	atomic_inc(&nthreads);
	*out = t;
	return 0;
}

struct thread *thread_get(struct thread *t)
{
	refcount_inc(&t->t_ref);
	return t;
}

void thread_put(struct thread *t)
{
	struct proc *p = t->t_proc;

	if (!refcount_put_and_test(&t->t_ref))
		return;
	KASSERT(t->t_state == THREAD_DEAD || t->t_state == THREAD_NEW);
	KASSERT(!t->t_on_rq);
	thread_release_upper(t);
	fpu_free(t);
	kstack_free(t->t_kstack);
	cred_put(t->t_cred);
	slab_free(thread_cache, t);
	atomic_dec(&nthreads);
	proc_put(p);
}

void thread_hash_locked(struct thread *t)
{
	KASSERT(lock_held(&proctree_lock));
	hlist_add(&t->t_tid_hash, tid_bucket(t->t_tid));
}

void thread_unhash_locked(struct thread *t)
{
	KASSERT(lock_held(&proctree_lock));
	hlist_del(&t->t_tid_hash);
}

struct thread *thread_find_locked(pid_t tid)
{
	struct thread *t;

	KASSERT(lock_held(&proctree_lock));
	hlist_for_each_entry(t, tid_bucket(tid), t_tid_hash)
		if (t->t_tid == tid)
			return t;
	return NULL;
}

struct thread *thread_find(pid_t tid)
{
	struct thread *t;

	spin_lock(&proctree_lock);
	t = thread_find_locked(tid);
	if (t && !refcount_inc_not_zero(&t->t_ref))
		t = NULL;
	spin_unlock(&proctree_lock);
	return t;
}

/* First code of a kernel thread. */
static void kthread_main(void *arg)
{
	struct thread *t = arg;

	t->t_kfn(t->t_karg);
	spin_lock(&proctree_lock);
	list_del(&t->t_link);
	spin_unlock(&proctree_lock);
	sched_exit();
}

int kthread_create(void (*fn)(void *), void *arg, const char *name,
		   struct thread **out)
{
	struct thread *t;
	int err = thread_alloc(&proc0, &t);

	if (err)
		return err;
	str_copy(t->t_name, name, sizeof(t->t_name));
	t->t_kfn = fn;
	t->t_karg = arg;
	arch_thread_init_kernel(&t->t_arch, (char *)t->t_kstack + KSTACK_SIZE,
				kthread_main, t);
	spin_lock(&proctree_lock);
	list_add_tail(&t->t_link, &proc0.p_threads);
	spin_unlock(&proctree_lock);
	if (out)
		*out = t;
	sched_start(t);
	return 0;
}

/*
 * The idle thread of a CPU is what runs on its boot stack; it is running already and
 * never queued.
 */
void thread_init_idle(unsigned int cpu, struct thread **out)
{
	struct thread *t = &boot_idle;

	if (cpu != 0) {
		t = slab_alloc(thread_cache, ALLOC_WAIT | ALLOC_ZERO);
		if (!t)
			panic("no memory for the idle thread of CPU %u", cpu);
	}
	thread_setup(t, &proc0);
	snprintf(t->t_name, sizeof(t->t_name), "idle/%u", cpu);
	t->t_state = THREAD_RUNNING;
	t->t_cpu = (int)cpu;
	t->t_affinity = 1UL << cpu;
	arch_thread_init_boot(&t->t_arch, smp_boot_stack_top(cpu));
	*out = t;
}

static u64 count_threads(void)
{
	return (u64)atomic_read(&nthreads);
}

void thread_init(void)
{
	static struct statcounter counter = {
		.sc_name = "threads", .sc_read = count_threads,
	};

	thread_cache = slab_create("thread", sizeof(struct thread), 64);
	statcounter_register(&counter);
}
