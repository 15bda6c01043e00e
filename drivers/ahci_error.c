/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong with an AHCI port: an error that the disk reports, one of the link or of the
 * way to memory, a command that does not end. Interrupt and timer only stop the port
 * (ahci_port_failed()); its thread does the rest and may sleep:
 *
 *	take the commands off their slots
 *	who is guilty?	alone: that one; timed out: those that are overdue; queued: as log page
 *			10h says, where the disk has it, else nobody knows
 *	reset link and disk (COMRESET): what was under way is off, the error is forgotten
 *	is it still the same disk?
 *	send everything again, one at a time, not queued: so a guilty one is found out
 *
 * A guilty request gets ATTEMPTS in all, a flush or read-ahead just one: a disk that fails to
 * write its cache may well drop it and say yes to the next flush. Who is innocent loses time and
 * nothing else. While a port is stopped its interrupts are off, so no cause can keep a CPU busy:
 * an error costs one interrupt and one recovery. Errors that the disk itself reports are answers
 * and may come for ever; failures of disk, link or bus are strikes, and MAX_STRIKES without one
 * success in between end the port. Messages are limited too.
 *
 * Locks: ap_lock; recover() works without on a port that is RECOVER, which is the thread's alone
 * but for new requests, which wait on ap_held.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "drivers/ahci.h"
#include "kernel/core/printk.h"
#include "kernel/core/thread.h"
#include "kernel/lib/cmdline.h"
#include "kernel/lib/string.h"

#define ATTEMPTS	3
#define MAX_STRIKES	5
#define RESET_TRIES	3
#define MAX_REPORTS	10		/* messages within REPORT_SPAN */
#define REPORT_SPAN	(5 * NSEC_PER_SEC)

/* The commands that were under way, by slot. */
struct victims {
	struct blk_request *rq[AHCI_SLOTS];
	u32 active, queued, overdue;
	u32 causes, tfd;
};

/* ---- interrupt context ------------------------------------------------------------- */

void ahci_port_failed(struct ahci_port *ap, u32 causes)
{
	KASSERT(lock_held(&ap->ap_lock));
	if (ap->ap_state != PORT_READY && ap->ap_state != PORT_REPLAY)
		return;
	port_write(ap, PX_IE, 0);
	ap->ap_causes = causes;
	ap->ap_tfd = port_read(ap, PX_TFD);
	ap->ap_state = PORT_RECOVER;
	waitq_wake_all(&ap->ap_wq, 0);
}

void ahci_watch(struct ahci_port *ap, nsec_t deadline)
{
	KASSERT(lock_held(&ap->ap_lock));
	if (ap->ap_timer_set)
		return;
	ap->ap_timer_set = true;
	timer_set(&ap->ap_timer, deadline);
}

/* Earliest deadline of what is under way. */
static nsec_t first_deadline(const struct ahci_port *ap)
{
	nsec_t first = NSEC_NEVER;

	for (u32 left = ap->ap_active; left; left &= left - 1)
		first = min(first, ap->ap_cmd[ctz32(left)].ac_deadline);
	return first;
}

/*
 * It is set when a command is sent and no timer runs, and not taken back: so it comes once in a
 * while at most, and mostly in vain. Done commands that nobody has told of are found here.
 */
static void watch_timer(struct timer *t)
{
	struct ahci_port *ap = container_of(t, struct ahci_port, ap_timer);
	struct blk_request *rqs[AHCI_SLOTS];
	unsigned int n = 0;
	nsec_t first;

	spin_lock(&ap->ap_lock);
	ap->ap_timer_set = false;
	if (ap->ap_state == PORT_READY || ap->ap_state == PORT_REPLAY) {
		first = first_deadline(ap);
		if (first <= clock_monotonic()) {
			n = ahci_collect(ap, rqs);
			first = first_deadline(ap);
		}
		if (first <= clock_monotonic())
			ahci_port_failed(ap, 0);
		else if (first != NSEC_NEVER)
			ahci_watch(ap, first);
	}
	spin_unlock(&ap->ap_lock);
	for (unsigned int i = 0; i < n; i++)
		blk_complete(rqs[i], 0);
}

/* ---- messages ---------------------------------------------------------------------- */

static bool may_report(struct ahci_port *ap)
{
	nsec_t now = clock_monotonic();

	if (now - ap->ap_report_since > REPORT_SPAN) {
		if (ap->ap_reports > MAX_REPORTS)
			printk(KERN_WARN "%s: %u more errors\n", ap->ap_name,
			       ap->ap_reports - MAX_REPORTS);
		ap->ap_report_since = now;
		ap->ap_reports = 0;
	}
	return ++ap->ap_reports <= MAX_REPORTS;
}

static void report(struct ahci_port *ap, const struct blk_request *rq, const struct victims *v,
		   const char *outcome)
{
	static const char *const names[] = {
		[BIO_READ] = "read", [BIO_WRITE] = "write", [BIO_FLUSH] = "flush",
		[BIO_DISCARD] = "discard",
	};

	if (!may_report(ap))
		return;
	printk(KERN_WARN "%s: %s of %u sectors at %llu: %s (PxIS %x, status %x, error %x), %s\n",
	       ap->ap_name, names[rq->rq_op], rq->rq_sectors, (unsigned long long)rq->rq_sector,
	       v->causes == 0 ? "no answer" : v->causes & PX_I_TFE ? "error" : "link failure",
	       v->causes, v->tfd & 0xff, v->tfd >> 8 & 0xff, outcome);
}

/* ---- the thread -------------------------------------------------------------------- */

static void take_victims(struct ahci_port *ap, struct victims *v)
{
	nsec_t now = clock_monotonic();

	*v = (struct victims){
		.active = ap->ap_active, .queued = ap->ap_queued,
		.causes = ap->ap_causes, .tfd = ap->ap_tfd,
	};
	for (u32 left = v->active; left; left &= left - 1) {
		struct ahci_cmd *ac = &ap->ap_cmd[ctz32(left)];

		v->rq[ctz32(left)] = ac->ac_rq;
		ac->ac_rq = NULL;
		if (ac->ac_deadline <= now)
			v->overdue |= left & -left;
	}
	ap->ap_active = ap->ap_queued = 0;
	ap->ap_stat.errors += v->causes != 0;
	ap->ap_stat.timeouts += v->causes == 0;
	ap->ap_stat.resets++;
	if (!(v->causes & PX_I_TFE))
		ap->ap_strikes++;
}

/*
 * SATA 3.0, 13.7.4: after an error among queued commands the disk takes no other command than
 * this, and its page 10h names the one that failed. Port stopped. A mask of slots, 0: not known.
 */
static u32 read_error_log(struct ahci_port *ap)
{
	static const struct ata_cmd read_log = {
		.command = ATA_READ_LOG_EXT, .device = ATA_DEV_LBA, .count = 1,
		.lba = ATA_LOG_NCQ_ERROR,
	};
	const u8 *log = ap->ap_page;
	u8 sum = 0;

	if (!ap->ap_has_log || ahci_port_start(ap) || ahci_exec(ap, &read_log, 512) ||
	    ahci_port_stop(ap))
		return 0;
	for (unsigned int i = 0; i < 512; i++)
		sum += log[i];
	/* Bit 7: it was not a queued one. */
	return sum || log[0] & 0x80 ? 0 : 1u << (log[0] & 31);
}

/* Slots that are to blame. */
static u32 find_guilty(struct ahci_port *ap, const struct victims *v)
{
	if (!v->queued)
		return v->active;
	if (!v->causes)
		return v->overdue;
	return v->causes & PX_I_TFE ? read_error_log(ap) & v->active : 0;
}

/* Whether link and disk work again, and it is the disk that it was. */
static bool revive(struct ahci_port *ap)
{
	for (unsigned int i = 0; i < RESET_TRIES; i++) {
		if (i)
			ahci_sleep_ms(100 * i);
		/* A list that does not stop is stopped by the reset. */
		(void)ahci_port_stop(ap);
		if (ahci_port_reset(ap) || ahci_port_start(ap))
			continue;
		if (!ahci_port_same_disk(ap))
			continue;
		return true;
	}
	return false;
}

/* Whether a guilty request gets another attempt. */
static bool worth_retry(struct blk_request *rq)
{
	if (rq->rq_op == BIO_FLUSH || rq->rq_op == BIO_DISCARD || rq->rq_flags & BIO_RAHEAD)
		return false;
	return ++rq->rq_retries < ATTEMPTS;
}

/* Requests to the held ones, or without hope to failed. ap_lock held. */
static void sentence(struct ahci_port *ap, const struct victims *v, u32 guilty,
		     struct list_head *failed)
{
	for (u32 left = v->active; left; left &= left - 1) {
		struct blk_request *rq = v->rq[ctz32(left)];

		bool blame = guilty & left & -left, again = !blame || worth_retry(rq);

		list_add_tail(&rq->rq_link, again ? &ap->ap_held : failed);
		if (blame)
			report(ap, rq, v, again ? "sent again" : "given up");
	}
}

static void fail_all(struct list_head *failed)
{
	while (!list_empty(failed)) {
		struct blk_request *rq = list_first_entry(failed, struct blk_request, rq_link);

		list_del(&rq->rq_link);
		blk_complete(rq, -EIO);
	}
}

/* RECOVER to REPLAY, READY or DEAD. */
static void recover(struct ahci_port *ap)
{
	LIST_HEAD(failed);
	struct victims v;
	irqflags_t f = spin_lock_irqsave(&ap->ap_lock);
	bool alive;
	u32 guilty;

	take_victims(ap, &v);
	spin_unlock_irqrestore(&ap->ap_lock, f);
	(void)ahci_port_stop(ap);
	guilty = find_guilty(ap, &v);
	alive = ap->ap_strikes <= MAX_STRIKES && revive(ap);
	/* A disk that is given up must not write to memory that others are about to get. */
	if (!alive)
		(void)ahci_port_reset(ap);
	f = spin_lock_irqsave(&ap->ap_lock);
	sentence(ap, &v, guilty, &failed);
	if (alive) {
		port_write(ap, PX_IE, PX_I_ALL);
		ahci_replay_next(ap);
	} else {
		ap->ap_state = PORT_DEAD;
		printk(KERN_ERR "%s: does not work any more; all requests fail\n", ap->ap_name);
	}
	spin_unlock_irqrestore(&ap->ap_lock, f);
	/* Not before: blk_complete() may start the next request. */
	fail_all(&failed);
}

static __noreturn void port_thread(void *arg)
{
	struct ahci_port *ap = arg;

	for (;;) {
		LIST_HEAD(failed);
		irqflags_t f = spin_lock_irqsave(&ap->ap_lock);
		bool dead;

		while (ap->ap_state != PORT_RECOVER &&
		       (ap->ap_state != PORT_DEAD || list_empty(&ap->ap_held)))
			waitq_sleep_uninterruptible(&ap->ap_wq, &ap->ap_lock);
		dead = ap->ap_state == PORT_DEAD;
		if (dead)
			list_splice(&ap->ap_held, &failed);
		spin_unlock_irqrestore(&ap->ap_lock, f);
		if (dead)
			fail_all(&failed);
		else
			recover(ap);
	}
}

int ahci_error_init(struct ahci_port *ap)
{
	ap->ap_attempt = cmdline_get_u64(bootinfo.bi_cmdline, "disk_timeout", 10000) *
			 NSEC_PER_MSEC;
	timer_setup(&ap->ap_timer, watch_timer);
	return kthread_create(port_thread, ap, "ahci", NULL);
}
