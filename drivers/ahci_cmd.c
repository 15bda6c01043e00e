/* SPDX-License-Identifier: MIT */
/*
 * Commands of an AHCI port: from a request to a command table, and back by interrupt.
 *
 *	bo_start --table, PxSACT, PxCI--> HBA --DMA--> pages --interrupt--> blk_complete
 *
 * Registers are dear, under an emulator above all: a queued command costs two writes, and an
 * interrupt two reads and two writes, however many commands it tells of. Reads, writes and
 * nothing else are queued (NCQ); they alone have a tag, which is the slot's number.
 *
 * States of slots and ports, and who may touch what: ahci.c.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/ahci.h"
#include "kernel/lib/string.h"
#include "mm/page.h"

#define TRIM_RANGE	0xffffu		/* sectors of one range, ATA8-ACS 7.10 */

static bool outstanding(const struct ahci_port *ap)
{
	return ap->ap_active || !list_empty(&ap->ap_held);
}

/* ---- building ------------------------------------------------------------------- */

/* SATA 3.0, 10.3.4. tag: of a queued command, whose count is where others have features. */
static void write_fis(u8 *fis, const struct ata_cmd *c, bool queued, unsigned int tag)
{
	u16 features = queued ? c->count : c->features;
	u16 count = queued ? (u16)(tag << 3) : c->count;

	store_le32(fis, FIS_H2D | FIS_COMMAND << 8 | (u32)c->command << 16 |
		   (u32)(features & 0xff) << 24);
	store_le32(fis + 4, (u32)(c->lba & 0xffffff) | (u32)c->device << 24);
	store_le32(fis + 8, (u32)(c->lba >> 24 & 0xffffff) | (u32)(features >> 8) << 24);
	store_le32(fis + 12, count);
	store_le32(fis + 16, 0);
}

/* One more piece, or a longer last one. */
static unsigned int add_prd(struct ahci_prd *prd, unsigned int n, paddr_t pa, u32 len)
{
	struct ahci_prd *last = prd + n - 1;

	if (n && last->pr_addr + last->pr_len + 1 == pa && last->pr_len + len < AHCI_PRD_MAX) {
		last->pr_len += len;
		return n;
	}
	KASSERT(n < AHCI_PRDS);
	prd[n] = (struct ahci_prd){ .pr_addr = pa, .pr_len = len - 1 };
	return n + 1;
}

static unsigned int map_request(struct ahci_prd *prd, const struct blk_request *rq)
{
	unsigned int n = 0;
	struct bio *b;

	list_for_each_entry(b, &rq->rq_bios, b_link)
		for (unsigned int i = 0; i < b->b_nsegs; i++)
			n = add_prd(prd, n, page_to_phys(b->b_segs[i].bs_page) +
				    b->b_segs[i].bs_offset, b->b_segs[i].bs_len);
	return n;
}

/* The next ranges of a discard, as many as one command takes, in the port's page. */
static struct ata_cmd trim_command(struct ahci_port *ap, struct ahci_cmd *ac)
{
	const struct blk_request *rq = ac->ac_rq;
	u64 sector = rq->rq_sector + rq->rq_retries, *range = ap->ap_page;
	u32 left = rq->rq_sectors - rq->rq_retries, n = 0;

	memset(range, 0, PAGE_SIZE);
	ac->ac_trimmed = 0;
	while (left && n < ap->ap_trim_max) {
		u32 len = min(left, TRIM_RANGE);

		range[n++] = sector | (u64)len << 48;
		sector += len;
		left -= len;
		ac->ac_trimmed += len;
	}
	return (struct ata_cmd){
		.command = ATA_DATA_SET_MANAGEMENT, .device = ATA_DEV_LBA,
		.features = ATA_DSM_TRIM, .count = (u16)DIV_ROUND_UP(n * sizeof(u64), 512),
	};
}

static struct ata_cmd rw_command(const struct blk_request *rq, bool queued)
{
	bool write = rq->rq_op == BIO_WRITE;
	bool fua = rq->rq_flags & BIO_FUA && rq->rq_dev->bd_can_fua;
	struct ata_cmd c = {
		.device = ATA_DEV_LBA, .lba = rq->rq_sector, .count = (u16)rq->rq_sectors,
	};

	if (queued) {
		c.command = write ? ATA_WRITE_FPDMA_QUEUED : ATA_READ_FPDMA_QUEUED;
		c.device |= fua ? ATA_DEV_FUA : 0;
	} else {
		c.command = !write ? ATA_READ_DMA_EXT :
			    fua ? ATA_WRITE_DMA_FUA_EXT : ATA_WRITE_DMA_EXT;
	}
	return c;
}

/* ---- sending --------------------------------------------------------------------- */

static void send(struct ahci_port *ap, unsigned int slot, const struct ata_cmd *c,
		 unsigned int prds, bool write, bool queued)
{
	struct ahci_header *h = &ap->ap_list[slot];

	write_fis(ap->ap_cmd[slot].ac_table->at_fis, c, queued, slot);
	h->ah_flags = AH_FIS_LEN | (write ? AH_WRITE : 0);
	h->ah_prds = (u16)prds;
	h->ah_done = 0;
	barrier();		/* the table is written before the doorbell; SDM vol. 3, 9.2.2 */
	if (queued)
		port_write(ap, PX_SACT, (u32)BIT(slot));
	port_write(ap, PX_CI, (u32)BIT(slot));
}

static void send_request(struct ahci_port *ap, struct blk_request *rq, bool queued)
{
	unsigned int slot = ctz32(~ap->ap_active), prds = 0;
	struct ahci_cmd *ac = &ap->ap_cmd[slot];
	struct ahci_prd *prd = ac->ac_table->at_prd;
	struct ata_cmd c;

	KASSERT(lock_held(&ap->ap_lock));
	KASSERT(slot < ap->ap_depth && !ac->ac_rq && ap->ap_queued == (queued ? ap->ap_active : 0));
	ac->ac_rq = rq;
	ac->ac_deadline = clock_monotonic() + ap->ap_attempt;
	ap->ap_active |= (u32)BIT(slot);
	if (queued)
		ap->ap_queued |= (u32)BIT(slot);
	ap->ap_stat.commands++;
	ap->ap_stat.queued += queued;
	ap->ap_stat.most = max_t(u64, ap->ap_stat.most, popcount64(ap->ap_active));
	ahci_watch(ap, ac->ac_deadline);
	if (rq->rq_op == BIO_FLUSH) {
		c = (struct ata_cmd){ .command = ATA_FLUSH_CACHE_EXT, .device = ATA_DEV_LBA };
	} else if (rq->rq_op == BIO_DISCARD) {
		c = trim_command(ap, ac);
		prds = add_prd(prd, 0, virt_to_phys(ap->ap_page), c.count * 512u);
	} else {
		c = rw_command(rq, queued);
		prds = map_request(prd, rq);
	}
	send(ap, slot, &c, prds, rq->rq_op != BIO_READ, queued);
}

static bool may_queue(const struct ahci_port *ap, const struct blk_request *rq)
{
	return ap->ap_ncq && (rq->rq_op == BIO_READ || rq->rq_op == BIO_WRITE);
}

static bool may_send(const struct ahci_port *ap, const struct blk_request *rq)
{
	if (!may_queue(ap, rq))
		return ap->ap_active == 0;
	return ap->ap_active == ap->ap_queued && popcount64(ap->ap_active) < ap->ap_depth;
}

static bool ahci_start(struct blkdev *bd, struct blk_request *rq)
{
	struct ahci_port *ap = bd->bd_driver;
	irqflags_t f = spin_lock_irqsave(&ap->ap_lock);
	bool taken = true;

	rq->rq_retries = 0;
	if (ap->ap_state == PORT_READY && may_send(ap, rq)) {
		send_request(ap, rq, may_queue(ap, rq));
	} else if (!outstanding(ap)) {
		/* Somebody has to call blk_complete() one day: the thread will. */
		list_add_tail(&rq->rq_link, &ap->ap_held);
		waitq_wake_all(&ap->ap_wq, 0);
	} else {
		taken = false;
	}
	spin_unlock_irqrestore(&ap->ap_lock, f);
	return taken;
}

const struct blk_ops ahci_ops = {
	.bo_start = ahci_start,
};

void ahci_replay_next(struct ahci_port *ap)
{
	struct blk_request *rq;

	KASSERT(lock_held(&ap->ap_lock) && ap->ap_active == 0);
	if (list_empty(&ap->ap_held)) {
		ap->ap_state = PORT_READY;
		return;
	}
	ap->ap_state = PORT_REPLAY;
	rq = list_first_entry(&ap->ap_held, struct blk_request, rq_link);
	list_del(&rq->rq_link);
	send_request(ap, rq, false);
}

int ahci_exec(struct ahci_port *ap, const struct ata_cmd *c, u32 len)
{
	unsigned int prds = add_prd(ap->ap_cmd[0].ac_table->at_prd, 0,
				    virt_to_phys(ap->ap_page), len);
	nsec_t end = clock_monotonic() + 10 * NSEC_PER_SEC;

	KASSERT(ap->ap_active == 0);
	send(ap, 0, c, prds, false, false);
	while (port_read(ap, PX_CI) & 1) {
		if (port_read(ap, PX_IS) & PX_I_ERRORS)
			return -EIO;
		if (clock_monotonic() > end)
			return -ETIMEDOUT;
		ahci_sleep_ms(1);
	}
	barrier();
	return port_read(ap, PX_TFD) & TFD_ERR ? -EIO : 0;
}

/* ---- completion ----------------------------------------------------------------- */

/* A discard that needs another command is sent again and stays under way. */
static bool trim_goes_on(struct ahci_port *ap, unsigned int slot)
{
	struct blk_request *rq = ap->ap_cmd[slot].ac_rq;

	if (rq->rq_op != BIO_DISCARD)
		return false;
	rq->rq_retries += ap->ap_cmd[slot].ac_trimmed;
	if (rq->rq_retries == rq->rq_sectors)
		return false;
	ap->ap_cmd[slot].ac_rq = NULL;
	ap->ap_active = 0;
	send_request(ap, rq, false);
	return true;
}

unsigned int ahci_collect(struct ahci_port *ap, struct blk_request **rqs)
{
	u32 busy = port_read(ap, ap->ap_queued ? PX_SACT : PX_CI);
	unsigned int n = 0;

	KASSERT(lock_held(&ap->ap_lock));
	for (u32 done = ap->ap_active & ~busy; done; done &= done - 1) {
		unsigned int slot = ctz32(done);

		if (trim_goes_on(ap, slot))
			break;
		rqs[n++] = ap->ap_cmd[slot].ac_rq;
		ap->ap_cmd[slot].ac_rq = NULL;
		ap->ap_active &= ~(u32)BIT(slot);
		ap->ap_queued &= ~(u32)BIT(slot);
	}
	if (n)
		ap->ap_strikes = 0;
	if (ap->ap_state == PORT_REPLAY && ap->ap_active == 0)
		ahci_replay_next(ap);
	return n;
}

/* Returns whether the port had asked. */
static bool port_interrupt(struct ahci_port *ap)
{
	struct blk_request *rqs[AHCI_SLOTS];
	unsigned int n = 0;
	u32 causes = 0;

	spin_lock(&ap->ap_lock);
	if (ap->ap_state == PORT_READY || ap->ap_state == PORT_REPLAY)
		causes = port_read(ap, PX_IS);
	if (causes) {
		/* First, so that what happens after the look at PxSACT interrupts again. */
		port_write(ap, PX_IS, causes);
		ap->ap_stat.interrupts++;
		n = ahci_collect(ap, rqs);
		if (causes & PX_I_ERRORS)
			ahci_port_failed(ap, causes);
	}
	spin_unlock(&ap->ap_lock);
	for (unsigned int i = 0; i < n; i++)
		blk_complete(rqs[i], 0);
	return causes;
}

/* With one disk there is nobody else to ask for. */
bool ahci_interrupt(void *arg)
{
	struct ahci_hba *hba = arg;
	u32 disks = hba->ah_disks, asked = disks;
	bool mine = false;

	if (disks & (disks - 1))
		asked &= hba_read(hba, HBA_IS);
	for (u32 left = asked; left; left &= left - 1)
		mine |= port_interrupt(hba->ah_port[ctz32(left)]);
	/* Behind PxIS, which it sums up (5.6.2.1, 10.7.2.1); for MSI it allows the next one. */
	if (mine)
		hba_write(hba, HBA_IS, asked);
	return mine;
}
