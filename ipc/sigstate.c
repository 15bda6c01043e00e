/* SPDX-License-Identifier: MIT */
/*
 * The life of signal state: made by fork and clone, changed by exec, given up by
 * exit; and the questions that other parts ask about it.
 *
 * A sigstate lives as long as its process (until the last proc_put), so whoever
 * holds a reference on the process may send. A sigthread lives as long as its
 * thread, but leaves ss_threads in signal_thread_exit(). Handlers (struct
 * sighand) are an object of their own, because CLONE_SIGHAND shares them
 * between processes that have separate queues.
 *
 * Locks: see sigimpl.h. Allocation happens before any lock.
 */
#include <errno.h>
#include <kassert.h>
#include "ipc/sigimpl.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"

static struct slab_cache *state_cache, *hand_cache, *thread_cache;

void sigstate_init(void)
{
	state_cache = slab_create("sigstate", sizeof(struct sigstate), 0);
	hand_cache = slab_create("sighand", sizeof(struct sighand), 0);
	thread_cache = slab_create("sigthread", sizeof(struct sigthread), 0);
}

static struct sighand *sighand_alloc(void)
{
	struct sighand *sh = slab_alloc(hand_cache, ALLOC_WAIT);

	if (sh) {
		refcount_set(&sh->sh_ref, 1);
		spin_lock_init(&sh->sh_lock, "sighand", RANK_LEAF);
	}
	return sh;
}

static void sighand_put(struct sighand *sh)
{
	if (refcount_put_and_test(&sh->sh_ref))
		slab_free(hand_cache, sh);
}

static void sighand_copy(struct sighand *to, struct sighand *from)
{
	irqflags_t f = spin_lock_irqsave(&from->sh_lock);

	memcpy(to->sh_action, from->sh_action, sizeof(to->sh_action));
	spin_unlock_irqrestore(&from->sh_lock, f);
}

/* Takes over the reference on sh, also when it fails. */
static int sigstate_make(struct sighand *sh, struct sigstate **out)
{
	struct sigstate *ss;

	if (!sh)
		return -ENOMEM;
	ss = slab_alloc(state_cache, ALLOC_WAIT | ALLOC_ZERO);
	if (!ss) {
		sighand_put(sh);
		return -ENOMEM;
	}
	spin_lock_init(&ss->ss_lock, "signal", RANK_SIGNAL);
	list_init(&ss->ss_pending.sp_queue);
	list_init(&ss->ss_threads);
	ss->ss_hand = sh;
	*out = ss;
	return 0;
}

int sigstate_create(struct sigstate **out)
{
	struct sighand *sh = sighand_alloc();

	if (sh)
		memset(sh->sh_action, 0, sizeof(sh->sh_action));
	return sigstate_make(sh, out);
}

int sigstate_fork(struct sigstate *from, struct sigstate **out)
{
	struct sighand *sh = sighand_alloc();

	if (sh)
		sighand_copy(sh, from->ss_hand);
	return sigstate_make(sh, out);
}

int sigstate_share(struct sigstate *from, struct sigstate **out)
{
	refcount_inc(&from->ss_hand->sh_ref);
	return sigstate_make(from->ss_hand, out);
}

void sigstate_put(struct sigstate *ss)
{
	irqflags_t f;

	if (!ss)
		return;
	KASSERT(list_empty(&ss->ss_threads));
	f = sig_lock(ss);
	sigpending_flush(ss, &ss->ss_pending, ~0UL);
	sig_unlock(ss, f);
	KASSERT(ss->ss_nqueued == 0 && list_empty(&ss->ss_pending.sp_queue));
	sighand_put(ss->ss_hand);
	slab_free(state_cache, ss);
}

int sigthread_create(struct thread *parent, struct thread *t)
{
	struct sigstate *ss = t->t_proc->p_sig;
	struct sigthread *st = slab_alloc(thread_cache, ALLOC_WAIT | ALLOC_ZERO);
	irqflags_t f;

	KASSERT(ss && !t->t_sig);
	if (!st)
		return -ENOMEM;
	st->st_thread = t;
	list_init(&st->st_pending.sp_queue);
	if (parent && parent->t_sig) {
		st->st_mask = parent->t_sig->st_mask;
		/* A new thread has a stack of its own; fork and vfork keep it. */
		if (parent->t_proc != t->t_proc)
			st->st_alt = parent->t_sig->st_alt;
	}
	t->t_sig = st;
	f = sig_lock(ss);
	list_add_tail(&st->st_link, &ss->ss_threads);
	if (ss->ss_fatal)
		atomic_or(&t->t_work, TW_SIGNAL | TW_EXIT);
	if (ss->ss_stop_sig) {
		ss->ss_unstopped++;
		atomic_or(&t->t_work, TW_STOP);
	}
	signal_recalc(ss, t);
	sig_unlock(ss, f);
	return 0;
}

void signal_thread_exit(struct thread *t)
{
	struct proc *p = t->t_proc;
	struct sigstate *ss = p->p_sig;
	struct sigthread *st = t->t_sig;
	int stopped = 0;
	irqflags_t f;

	if (!ss || !st)
		return;
	spin_lock(&proctree_lock);
	f = sig_lock(ss);
	if (!list_empty(&st->st_link)) {
		list_del(&st->st_link);
		if (ss->ss_stop_sig && !st->st_stopped &&
		    --ss->ss_unstopped == 0 && !list_empty(&ss->ss_threads))
			stopped = ss->ss_stop_sig;
		signal_retarget(ss, t, ~st->st_mask);
	}
	sigpending_flush(ss, &st->st_pending, ~0UL);
	sig_unlock(ss, f);
	if (stopped)
		signal_report_stop(p, stopped);
	spin_unlock(&proctree_lock);
}

void sigthread_free(struct thread *t)
{
	struct sigthread *st = t->t_sig;

	if (!st)
		return;
	/* Never started: a failed clone. */
	if (!list_empty(&st->st_link))
		signal_thread_exit(t);
	KASSERT(list_empty(&st->st_pending.sp_queue));
	t->t_sig = NULL;
	slab_free(thread_cache, st);
}

/*
 * exec: the program that had shared handlers with another process gets its
 * own. The only thread left is current, so nobody else looks at ss_hand but
 * senders, under ss_lock.
 */
static bool handlers_unshare(struct sigstate *ss)
{
	struct sighand *old = ss->ss_hand, *sh;
	irqflags_t f;

	if (refcount_get(&old->sh_ref) == 1)
		return true;
	sh = sighand_alloc();
	if (!sh)
		return false;
	sighand_copy(sh, old);
	f = sig_lock(ss);
	ss->ss_hand = sh;
	sig_unlock(ss, f);
	sighand_put(old);
	return true;
}

void signal_exec(struct proc *p)
{
	struct sigstate *ss = p->p_sig;
	struct sigaction *sa;
	irqflags_t f;

	KASSERT(p == current_proc() || list_empty(&ss->ss_threads));
	/* Past the point of no return: without memory the program cannot go on. */
	if (!handlers_unshare(ss)) {
		(void)signal_send_proc(p, SIGKILL, NULL);
		return;
	}
	f = spin_lock_irqsave(&ss->ss_hand->sh_lock);
	for (int sig = 1; sig <= SIG_COUNT; sig++) {
		sa = &ss->ss_hand->sh_action[sig - 1];
		if (sa->sa_handler != SIG_IGN)
			sa->sa_handler = SIG_DFL;
		sa->sa_flags = 0;
		sa->sa_restorer = NULL;
		sa->sa_mask = 0;
	}
	spin_unlock_irqrestore(&ss->ss_hand->sh_lock, f);
	if (p == current_proc())
		memset(&current->t_sig->st_alt, 0, sizeof(current->t_sig->st_alt));
}

bool signal_ignored_chld(struct proc *p)
{
	const struct sigaction *sa;

	if (!p->p_sig)
		return true;
	sa = &p->p_sig->ss_hand->sh_action[SIGCHLD - 1];
	return READ_ONCE(sa->sa_handler) == SIG_IGN ||
	       (READ_ONCE(sa->sa_flags) & SA_NOCLDWAIT);
}

bool signal_is_stopped(struct proc *p)
{
	return p->p_sig && READ_ONCE(p->p_sig->ss_stop_sig) != 0;
}

bool signal_nocldstop(struct proc *p)
{
	if (!p->p_sig)
		return true;
	return READ_ONCE(p->p_sig->ss_hand->sh_action[SIGCHLD - 1].sa_flags) &
	       SA_NOCLDSTOP;
}

void signal_report(struct thread *t, struct sigreport *out)
{
	struct sigstate *ss = t->t_proc->p_sig;
	struct sigthread *st = t->t_sig;
	irqflags_t f;

	memset(out, 0, sizeof(*out));
	if (!ss || !st)
		return;
	f = sig_lock(ss);
	out->sr_pending = st->st_pending.sp_set;
	out->sr_shared = ss->ss_pending.sp_set;
	out->sr_blocked = st->st_mask;
	out->sr_queued = ss->ss_nqueued;
	for (int sig = 1; sig <= SIG_COUNT; sig++) {
		sighandler_t h = sig_handler(ss, sig);

		if (h == SIG_IGN)
			out->sr_ignored |= SIGBIT(sig);
		else if (h != SIG_DFL)
			out->sr_caught |= SIGBIT(sig);
	}
	sig_unlock(ss, f);
}
