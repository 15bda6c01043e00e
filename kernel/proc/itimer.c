/* SPDX-License-Identifier: MIT */
/*
 * Interval timers: ITIMER_REAL is a kernel timer, ITIMER_VIRTUAL and ITIMER_PROF count the
 * ticks that hit the process, and so does RLIMIT_CPU.
 *
 * A struct itimers is made by the first call that needs one, and lives as long as its
 * process. it_lock is taken in interrupt context; signals leave from there by
 * signal_send_irq().
 */
#include <abi/resource.h>
#include <abi/signal.h>
#include <errno.h>
#include <kassert.h>
#include "ipc/signal.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/proc/itimer.h"
#include "mm/slab.h"
#include "mm/uaccess.h"

struct cpu_itimer {
	nsec_t ci_left;			/* CPU time to go, 0: disarmed */
	nsec_t ci_interval;
};

struct itimers {
	struct spinlock it_lock;	/* interrupts off */
	struct proc *it_proc;		/* [I] */
	struct timer it_real;		/* [it_lock] */
	nsec_t it_real_expires;		/* [it_lock] 0: disarmed */
	nsec_t it_real_interval;	/* [it_lock] */
	struct cpu_itimer it_cpu[2];	/* [it_lock] VIRTUAL, PROF */
};

static void real_fired(struct timer *tm)
{
	struct itimers *it = container_of(tm, struct itimers, it_real);

	spin_lock(&it->it_lock);
	/* setitimer() came between our being due and the lock: disarmed, or set anew. */
	if (it->it_real_expires == 0 || it->it_real_expires > clock_monotonic()) {
		spin_unlock(&it->it_lock);
		return;
	}
	if (it->it_real_interval) {
		it->it_real_expires += it->it_real_interval;
		/* Periods that have passed unseen are one signal. */
		if (it->it_real_expires <= clock_monotonic())
			it->it_real_expires = clock_monotonic() + it->it_real_interval;
		timer_set(tm, it->it_real_expires);
	} else {
		it->it_real_expires = 0;
	}
	spin_unlock(&it->it_lock);
	signal_send_irq(it->it_proc, SIGALRM);
}

static int itimers_get(struct proc *p, struct itimers **out)
{
	struct itimers *it = p->p_itimers;

	if (!it) {
		it = kzalloc(sizeof(*it));
		if (!it)
			return -ENOMEM;
		spin_lock_init(&it->it_lock, "itimers", RANK_LEAF_OBJECT);
		it->it_proc = p;
		timer_setup(&it->it_real, real_fired);
		spin_lock(&p->p_lock);
		if (p->p_itimers) {		/* another thread was faster */
			spin_unlock(&p->p_lock);
			kfree(it);
			it = p->p_itimers;
		} else {
			smp_store_release(&p->p_itimers, it);
			spin_unlock(&p->p_lock);
		}
	}
	*out = it;
	return 0;
}

void itimer_exit(struct proc *p)
{
	struct itimers *it = p->p_itimers;
	irqflags_t f;

	if (!it)
		return;
	f = spin_lock_irqsave(&it->it_lock);
	it->it_real_expires = it->it_real_interval = 0;
	it->it_cpu[0] = it->it_cpu[1] = (struct cpu_itimer){ 0 };
	spin_unlock_irqrestore(&it->it_lock, f);
	timer_cancel_sync(&it->it_real);
}

void itimer_free(struct proc *p)
{
	kfree(p->p_itimers);
	p->p_itimers = NULL;
}

/* Take elapsed from a CPU timer; true when it expires. */
static bool cpu_timer_advance(struct cpu_itimer *ci, nsec_t elapsed)
{
	if (ci->ci_left == 0)
		return false;
	if (ci->ci_left > elapsed) {
		ci->ci_left -= elapsed;
		return false;
	}
	ci->ci_left = ci->ci_interval;
	return true;
}

/* RLIMIT_CPU: SIGXCPU each second past the soft limit, SIGKILL at the hard one. */
static void check_cpu_limit(struct proc *p, struct thread *t)
{
	const struct rlimit *r = &p->p_rlimit[RLIMIT_CPU];
	nsec_t used;

	if (likely(r->rlim_cur == RLIM_INFINITY))
		return;
	used = t->t_utime + t->t_stime + p->p_dead_threads.u_utime +
	       p->p_dead_threads.u_stime;
	if (used >= r->rlim_max * NSEC_PER_SEC)
		signal_send_irq(p, SIGKILL);
	else if (used >= r->rlim_cur * NSEC_PER_SEC && used % NSEC_PER_SEC < TICK_NSEC)
		signal_send_irq(p, SIGXCPU);
}

/* Every tick that hits a thread of a process. Interrupt context. */
static void itimer_tick(struct thread *t, bool user)
{
	struct proc *p = t->t_proc;
	struct itimers *it = smp_load_acquire(&p->p_itimers);
	bool virt = false, prof = false;

	check_cpu_limit(p, t);
	if (likely(!it))
		return;
	spin_lock(&it->it_lock);
	if (user)
		virt = cpu_timer_advance(&it->it_cpu[0], TICK_NSEC);
	prof = cpu_timer_advance(&it->it_cpu[1], TICK_NSEC);
	spin_unlock(&it->it_lock);
	if (virt)
		signal_send_irq(p, SIGVTALRM);
	if (prof)
		signal_send_irq(p, SIGPROF);
}

void itimer_init(void)
{
	sched_tick_hook = itimer_tick;
}

static struct timeval to_timeval(nsec_t ns)
{
	/* An armed timer must not look disarmed. */
	u64 us = (ns + NSEC_PER_USEC - 1) / NSEC_PER_USEC;

	return (struct timeval){ (s64)(us / 1000000), (s64)(us % 1000000) };
}

static int from_timeval(const struct timeval *tv, nsec_t *ns)
{
	if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return -EINVAL;
	if (tv->tv_sec > (s64)(NSEC_NEVER / 4 / NSEC_PER_SEC))
		*ns = NSEC_NEVER / 4;
	else
		*ns = (u64)tv->tv_sec * NSEC_PER_SEC + (u64)tv->tv_usec * NSEC_PER_USEC;
	return 0;
}

/* it_lock held. */
static void read_timer(struct itimers *it, int which, nsec_t *left, nsec_t *interval)
{
	nsec_t now = clock_monotonic();

	if (which != ITIMER_REAL) {
		*left = it->it_cpu[which - 1].ci_left;
		*interval = it->it_cpu[which - 1].ci_interval;
		return;
	}
	*interval = it->it_real_interval;
	*left = 0;
	if (it->it_real_expires)
		*left = it->it_real_expires > now ? it->it_real_expires - now : 1;
}

static int exchange_timer(int which, bool set, nsec_t value, nsec_t interval,
			  nsec_t *old_left, nsec_t *old_interval)
{
	struct itimers *it;
	irqflags_t f;
	int err = itimers_get(current_proc(), &it);

	if (err)
		return err;
	f = spin_lock_irqsave(&it->it_lock);
	read_timer(it, which, old_left, old_interval);
	if (set && which == ITIMER_REAL) {
		it->it_real_expires = value ? clock_monotonic() + value : 0;
		it->it_real_interval = value ? interval : 0;
		if (value)
			timer_set(&it->it_real, it->it_real_expires);
		else
			timer_cancel(&it->it_real);
	} else if (set) {
		it->it_cpu[which - 1] = (struct cpu_itimer){ value, interval };
	}
	spin_unlock_irqrestore(&it->it_lock, f);
	return 0;
}

long sys_getitimer(int which, struct itimerval __user *value)
{
	struct itimerval v;
	nsec_t left, interval;
	int err;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	err = exchange_timer(which, false, 0, 0, &left, &interval);
	if (err)
		return err;
	v = (struct itimerval){ to_timeval(interval), to_timeval(left) };
	return copy_to_user(value, &v, sizeof(v));
}

long sys_setitimer(int which, const struct itimerval __user *value,
		   struct itimerval __user *old_value)
{
	struct itimerval v = { 0 };
	nsec_t ns, interval, old_left, old_interval;
	int err;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	/* NULL disarms: an old Linux extension that programs rely on. */
	if (value && copy_from_user(&v, value, sizeof(v)))
		return -EFAULT;
	err = from_timeval(&v.it_value, &ns);
	if (!err)
		err = from_timeval(&v.it_interval, &interval);
	if (!err)
		err = exchange_timer(which, true, ns, interval, &old_left, &old_interval);
	if (err || !old_value)
		return err;
	v = (struct itimerval){ to_timeval(old_interval), to_timeval(old_left) };
	return copy_to_user(old_value, &v, sizeof(v));
}

long sys_alarm(unsigned int seconds)
{
	nsec_t left, interval;
	int err = exchange_timer(ITIMER_REAL, true, seconds * NSEC_PER_SEC, 0, &left,
				 &interval);

	if (err)
		return err;
	/* Rounded to the nearest second, but an armed alarm is never reported as 0. */
	if (left && left < NSEC_PER_SEC)
		return 1;
	return (long)((left + NSEC_PER_SEC / 2) / NSEC_PER_SEC);
}
