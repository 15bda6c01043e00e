/* SPDX-License-Identifier: MIT */
/*
 * Terminals and job control: controlling terminals, foreground groups, SIGTTIN and
 * SIGTTOU, hang-up (POSIX general terminal interface, section 11.1).
 *
 * A session has at most one controlling terminal (se_tty) and a terminal controls
 * at most one session (tty_session); the two pointers are set and cleared
 * together under proctree_lock. The session's leader lives in it until it exits, and
 * tty_session_leader_exit() clears them, so neither dangles. The foreground group is
 * kept as a number and counts only while a group of that session bears it. A member that
 * is no leader can let go of the terminal for itself and its children (p_no_tty).
 *
 * Locks: proctree_lock; tty_lock inside it. Nothing here runs in interrupts.
 */
#include <abi/poll.h>
#include <abi/signal.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/tty.h"
#include "ipc/signal.h"
#include "kernel/core/proc.h"
#include "mm/uaccess.h"

static struct session *session_of(const struct proc *p)
{
	KASSERT(lock_held(&proctree_lock));
	return p->p_pgrp ? p->p_pgrp->pg_session : NULL;
}

/* The controlling terminal of p, or NULL. */
static struct tty *controlling(const struct proc *p)
{
	struct session *se = session_of(p);

	return se && !p->p_no_tty ? se->se_tty : NULL;
}

/* The foreground group, or NULL. */
static struct pgrp *foreground(const struct tty *tty)
{
	struct pgrp *pg;

	KASSERT(lock_held(&proctree_lock));
	if (!tty->tty_session || !tty->tty_pgid)
		return NULL;
	pg = pgrp_find_locked(tty->tty_pgid);
	return pg && pg->pg_session == tty->tty_session ? pg : NULL;
}

static void attach(struct tty *tty, struct session *se)
{
	KASSERT(!tty->tty_session && !se->se_tty);
	tty->tty_session = se;
	tty->tty_pgid = current_proc()->p_pgrp->pg_id;
	se->se_tty = tty;
	current_proc()->p_no_tty = false;
}

static void detach(struct tty *tty)
{
	KASSERT(lock_held(&proctree_lock));
	if (!tty->tty_session)
		return;
	KASSERT(tty->tty_session->se_tty == tty);
	tty->tty_session->se_tty = NULL;
	tty->tty_session = NULL;
	tty->tty_pgid = 0;
}

/*
 * A member of a background group is stopped where it reads from (or with TOSTOP
 * writes to, or changes) its controlling terminal.
 */
int tty_job_check(struct tty *tty, int sig)
{
	struct pgrp *pg;
	int err = 0;

	spin_lock(&proctree_lock);
	pg = current_proc()->p_pgrp;
	if (!pg || controlling(current_proc()) != tty || !tty->tty_pgid ||
	    pg->pg_id == tty->tty_pgid) {
		err = 0;
	} else if (signal_blocked_or_ignored(sig)) {
		err = sig == SIGTTIN ? -EIO : 0;
	} else if (pgrp_orphaned(pg, NULL)) {
		err = -EIO;
	} else {
		(void)signal_send_pgrp_locked(pg, sig, NULL);
		/* Whichever thread takes it, this one passes delivery, which restarts the call. */
		atomic_or(&current->t_work, TW_SIGNAL);
		err = -ERESTARTSYS;
	}
	spin_unlock(&proctree_lock);
	return err;
}

void tty_signal_foreground(struct tty *tty, int sig)
{
	struct pgrp *pg;

	spin_lock(&proctree_lock);
	pg = foreground(tty);
	if (pg)
		(void)signal_send_pgrp_locked(pg, sig, NULL);
	spin_unlock(&proctree_lock);
}

void tty_acquire_on_open(struct tty *tty)
{
	struct proc *p = current_proc();
	struct session *se;

	spin_lock(&proctree_lock);
	se = session_of(p);
	/* tty_gone is set before tty_hangup() detaches, so a dead pty gets no session. */
	if (se && se->se_leader == p && !se->se_tty && !tty->tty_session &&
	    !READ_ONCE(tty->tty_gone))
		attach(tty, se);
	spin_unlock(&proctree_lock);
}

/* All open files of the terminal are dead from now on. */
static void kill_files(struct tty *tty)
{
	irqflags_t f = tty_lock_irqsave(tty);

	tty->tty_gen++;
	ldisc_flush_input(&tty->tty_ldisc);
	ldisc_flush_output(&tty->tty_ldisc);
	tty->tty_ldisc.l_stopped = false;
	waitq_wake_all(&tty->tty_readq, POLLIN | POLLHUP | POLLERR);
	waitq_wake_all(&tty->tty_writeq, POLLOUT | POLLHUP | POLLERR);
	tty_unthrottle(tty);
	spin_unlock_irqrestore(&tty->tty_lock, f);
}

void tty_hangup(struct tty *tty)
{
	struct proc *leader;

	spin_lock(&proctree_lock);
	leader = tty->tty_session ? tty->tty_session->se_leader : NULL;
	if (leader) {
		(void)signal_send_proc(leader, SIGHUP, NULL);
		(void)signal_send_proc(leader, SIGCONT, NULL);
	}
	detach(tty);
	spin_unlock(&proctree_lock);
	kill_files(tty);
}

/* The session gives its terminal up; the foreground group hears of it. */
static void disassociate(struct proc *leader)
{
	struct session *se;
	struct tty *tty = NULL;
	struct pgrp *pg;

	spin_lock(&proctree_lock);
	se = session_of(leader);
	if (se && se->se_leader == leader && se->se_tty) {
		tty = tty_get(se->se_tty);
		pg = foreground(tty);
		if (pg) {
			(void)signal_send_pgrp_locked(pg, SIGHUP, NULL);
			(void)signal_send_pgrp_locked(pg, SIGCONT, NULL);
		}
		detach(tty);
	}
	spin_unlock(&proctree_lock);
	if (!tty)
		return;
	/* A pty goes with its master; other lines are for the next session to use alone. */
	if (!tty->tty_is_pty)
		kill_files(tty);
	tty_put(tty);
}

void tty_session_leader_exit(struct proc *p)
{
	disassociate(p);
}

struct tty *tty_of_current(void)
{
	struct tty *tty;

	spin_lock(&proctree_lock);
	tty = controlling(current_proc());
	if (tty)
		tty_get(tty);
	spin_unlock(&proctree_lock);
	return tty;
}

u64 tty_nr(const struct session *se, pid_t *pgid)
{
	KASSERT(lock_held(&proctree_lock));
	*pgid = -1;
	if (!se || !se->se_tty)
		return 0;
	if (se->se_tty->tty_pgid)
		*pgid = se->se_tty->tty_pgid;
	return se->se_tty->tty_cdev.cd_dev;
}

/* ---- ioctls ---------------------------------------------------------------- */

static long set_controlling(struct tty *tty, bool can_read, unsigned long steal)
{
	bool root = cred_privileged(cred_current());
	struct proc *p = current_proc();
	struct session *se;
	long err = 0;

	spin_lock(&proctree_lock);
	se = session_of(p);
	if (se && se->se_leader == p && tty->tty_session == se) {
		err = 0;
	} else if (!se || se->se_leader != p || se->se_tty || (!can_read && !root)) {
		err = -EPERM;
	} else if (tty->tty_session && !(steal == 1 && root)) {
		err = -EPERM;
	} else if (READ_ONCE(tty->tty_gone)) {
		err = -EIO;
	} else {
		detach(tty);
		attach(tty, se);
	}
	spin_unlock(&proctree_lock);
	return err;
}

static long set_foreground(struct tty *tty, const int __user *arg)
{
	struct session *se;
	struct pgrp *pg;
	u32 id;
	long err;

	err = tty_job_check(tty, SIGTTOU);
	if (err)
		return err;
	if (get_user_u32(&id, arg))
		return -EFAULT;
	if ((pid_t)id < 0)
		return -EINVAL;
	spin_lock(&proctree_lock);
	se = session_of(current_proc());
	pg = pgrp_find_locked((pid_t)id);
	if (!se || controlling(current_proc()) != tty)
		err = -ENOTTY;
	else if (!pg)
		err = -ESRCH;
	else if (pg->pg_session != se)
		err = -EPERM;
	else
		tty->tty_pgid = pg->pg_id;
	spin_unlock(&proctree_lock);
	return err;
}

/* TIOCGPGRP and TIOCGSID: only its own session may ask, or the holder of the master. */
static long get_ids(struct tty *tty, bool master, unsigned int cmd, void __user *arg)
{
	pid_t id = 0;
	long err = 0;

	spin_lock(&proctree_lock);
	if (!master && controlling(current_proc()) != tty)
		err = -ENOTTY;
	else if (cmd == TIOCGPGRP)
		id = tty->tty_pgid;
	else if (tty->tty_session)
		id = tty->tty_session->se_sid;
	else
		err = -ENOTTY;
	spin_unlock(&proctree_lock);
	return err ? err : put_user_u32(arg, (u32)id);
}

/* TIOCNOTTY: the leader gives the terminal up for its session, others for themselves. */
static long give_up(struct tty *tty)
{
	struct proc *p = current_proc();
	bool leader = false;
	long err = 0;

	spin_lock(&proctree_lock);
	if (controlling(p) != tty)
		err = -ENOTTY;
	else if (session_of(p)->se_leader == p)
		leader = true;
	else
		p->p_no_tty = true;
	spin_unlock(&proctree_lock);
	if (leader)
		disassociate(p);
	return err;
}

long tty_job_ioctl(struct tty *tty, bool master, bool can_read, unsigned int cmd,
		   unsigned long arg)
{
	switch (cmd) {
	case TIOCSCTTY:
		return master ? -EPERM : set_controlling(tty, can_read, arg);
	case TIOCNOTTY:
		return give_up(tty);
	case TIOCSPGRP:
		return set_foreground(tty, (int __user *)arg);
	case TIOCGPGRP:
	case TIOCGSID:
		return get_ids(tty, master, cmd, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}
