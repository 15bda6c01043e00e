/* SPDX-License-Identifier: MIT */
/*
 * SATA disks behind an AHCI controller: /dev/sda, sdb, ... This file finds controller and disks
 * and hands them to fs/blkdev.c; ahci_cmd.c turns requests into commands and takes their
 * completions; ahci_error.c is for when something goes wrong.
 *
 * A port goes through these states:
 *
 *	EMPTY	no disk; no struct ahci_port is kept
 *	READY	requests become commands, up to 32 at a time
 *	RECOVER	stopped, its interrupts off; the thread of the port is at work or about to be
 *	REPLAY	requests that were under way run again, one at a time, not queued
 *	DEAD	does not come back; every request fails with EIO
 *
 *	from	because						to
 *	EMPTY	link up, signature of a disk, IDENTIFY		READY
 *	READY	error of disk, link or bus; a command timed out	RECOVER
 *	REPLAY	the same					RECOVER
 *	RECOVER	reset worked, requests are held			REPLAY
 *	RECOVER	reset worked, nothing is held			READY
 *	RECOVER	no reset works, or MAX_STRIKES in a row		DEAD
 *	REPLAY	the last held request is through		READY
 *
 * And a command slot:
 *
 *	FREE	ac_rq NULL, its bit in ap_active clear
 *	SENT	bit set in ap_active, for NCQ in ap_queued: table and pages are the HBA's
 *
 *	FREE	bo_start or replay: table written, then PxSACT, PxCI	SENT
 *	SENT	bit clear in PxSACT (NCQ) or PxCI (plain)		FREE, blk_complete
 *	SENT	recovery: guilty, no attempt left			FREE, blk_complete(EIO)
 *	SENT	recovery: innocent, or guilty and worth a retry		FREE, request held
 *
 * Invariants: 1. queued and plain commands are never under way together (SATA 3.0, 13.6.3):
 * ap_queued is 0 or equals ap_active; 2. a page of a request is the HBA's from the write of PxCI
 * until blk_complete(): nobody else changes it; 3. bo_start refuses a request only while another
 * one of the port is not complete.
 *
 * Locks: ap_lock (spin, interrupts off), inside bd_lock; not held when blk_complete() is called.
 * The bring-up here runs in the thread that becomes process 1, and sleeps.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "drivers/ahci.h"
#include "drivers/init.h"
#include "drivers/pci.h"
#include "fs/chrdev.h"
#include "kernel/core/printk.h"
#include "kernel/core/statreg.h"
#include "kernel/core/thread.h"
#include "kernel/lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

#define AHCI_CLASS	0x010601	/* mass storage, SATA, AHCI */
#define AHCI_BAR	5
#define SD_MAJOR	8
#define SD_MINORS	16
#define MAX_DISKS	16
#define FIS_OFFSET	1024		/* received FIS, behind the command list */

static struct ahci_port *disks[MAX_DISKS];	/* [I] after boot */
static unsigned int ndisks;

/* ---- ports ----------------------------------------------------------------------- */

void ahci_sleep_ms(unsigned int ms)
{
	thread_prepare_sleep(false);
	(void)thread_block_until(clock_monotonic() + ms * NSEC_PER_MSEC);
}

int ahci_port_wait(struct ahci_port *ap, unsigned int reg, u32 mask, u32 want, unsigned int ms)
{
	nsec_t end = clock_monotonic() + ms * NSEC_PER_MSEC;

	while ((port_read(ap, reg) & mask) != want) {
		if (clock_monotonic() > end)
			return -ETIMEDOUT;
		ahci_sleep_ms(1);
	}
	return 0;
}

/* 10.3.2: ST off, and wait until the list does not run any more. */
int ahci_port_stop(struct ahci_port *ap)
{
	port_write(ap, PX_CMD, port_read(ap, PX_CMD) & ~PX_CMD_ST);
	return ahci_port_wait(ap, PX_CMD, PX_CMD_CR, 0, 500);
}

/* 10.3.1: only with FISes received and a disk that is not busy. */
int ahci_port_start(struct ahci_port *ap)
{
	int err;

	port_write(ap, PX_SERR, ~0u);
	port_write(ap, PX_CMD, port_read(ap, PX_CMD) | PX_CMD_FRE);
	err = ahci_port_wait(ap, PX_TFD, TFD_BSY | TFD_DRQ, 0, 10000);
	if (err)
		return err;
	port_write(ap, PX_IS, ~0u);
	port_write(ap, PX_CMD, port_read(ap, PX_CMD) | PX_CMD_ST);
	return 0;
}

/* 10.4.2 */
int ahci_port_reset(struct ahci_port *ap)
{
	port_write(ap, PX_SCTL, SCTL_NO_SLEEP | SCTL_COMRESET);
	ahci_sleep_ms(1);
	port_write(ap, PX_SCTL, SCTL_NO_SLEEP);
	if (ahci_port_wait(ap, PX_SSTS, 15, DET_READY, 1000))
		return -ENODEV;
	return 0;
}

/* What the HBA reads and writes: list and received FIS in a page, a table per slot. */
static int port_alloc(struct ahci_port *ap)
{
	struct page *pg[2 + AHCI_SLOTS];

	for (unsigned int i = 0; i < ARRAY_SIZE(pg); i++) {
		pg[i] = page_alloc(0, ALLOC_WAIT | ALLOC_ZERO);
		if (pg[i])
			continue;
		while (i--)
			page_put(pg[i]);
		return -ENOMEM;
	}
	ap->ap_list = page_to_virt(pg[0]);
	ap->ap_page = page_to_virt(pg[1]);
	for (unsigned int i = 0; i < AHCI_SLOTS; i++) {
		ap->ap_cmd[i].ac_table = page_to_virt(pg[2 + i]);
		ap->ap_list[i].ah_table = page_to_phys(pg[2 + i]);
	}
	return 0;
}

static void port_free(struct ahci_port *ap)
{
	if (ap->ap_list) {
		for (unsigned int i = 0; i < AHCI_SLOTS; i++)
			page_put(virt_to_page(ap->ap_cmd[i].ac_table));
		page_put(virt_to_page(ap->ap_page));
		page_put(virt_to_page(ap->ap_list));
	}
	kfree(ap);
}

/* Text of an IDENTIFY answer: two characters a word, the first in the high byte. */
static void identify_text(char *to, const u16 *words, unsigned int n)
{
	size_t len = 0;

	for (unsigned int i = 0; i < n; i++) {
		to[2 * i] = (char)(words[i] >> 8);
		to[2 * i + 1] = (char)words[i];
	}
	for (unsigned int i = 0; i < 2 * n; i++)
		if (to[i] != ' ')
			len = i + 1;
	to[len] = '\0';
}

static const struct ata_cmd identify = { .command = ATA_IDENTIFY };

bool ahci_port_same_disk(struct ahci_port *ap)
{
	char serial[sizeof(ap->ap_serial)];

	if (ahci_exec(ap, &identify, 512))
		return false;
	identify_text(serial, (const u16 *)ap->ap_page + 10, 10);
	return strcmp(serial, ap->ap_serial) == 0;
}

/* ATA8-ACS, 7.16. -ENOTSUP for what this driver does not drive. */
static int port_identify(struct ahci_port *ap)
{
	const u16 *id = ap->ap_page;
	struct blkdev *bd = &ap->ap_disk;
	int err = ahci_exec(ap, &identify, 512);

	if (err)
		return err;
	identify_text(ap->ap_serial, id + 10, 10);
	identify_text(ap->ap_model, id + 27, 20);
	/* 48-bit addresses; logical sectors of 512 bytes. */
	if (!(id[83] & 1 << 10) || (id[106] & 0xd000) == 0x5000)
		return -ENOTSUP;
	bd->bd_sectors = load_le64(id + 100);
	bd->bd_block_size = SECTOR_SIZE;
	bd->bd_max_segs = AHCI_PRDS;
	bd->bd_max_sectors = AHCI_PRDS * (PAGE_SIZE / SECTOR_SIZE);
	bd->bd_write_cache = id[85] & 1 << 5;
	bd->bd_can_fua = id[84] & 1 << 6;
	bd->bd_can_discard = id[169] & 1;
	ap->ap_trim_max = max_t(u32, id[105], 1) * (512 / sizeof(u64));
	ap->ap_trim_max = min_t(u32, ap->ap_trim_max, PAGE_SIZE / sizeof(u64));
	ap->ap_has_log = id[84] & 1 << 5;
	ap->ap_ncq = ap->ap_hba->ah_cap & CAP_NCQ && id[76] & 1 << 8;
	if (ap->ap_ncq)
		ap->ap_depth = min(CAP_SLOTS(ap->ap_hba->ah_cap), (id[75] & 31u) + 1);
	return 0;
}

/* From link up to IDENTIFY. */
static int port_start(struct ahci_port *ap)
{
	paddr_t list = virt_to_phys(ap->ap_list), fis = list + FIS_OFFSET;
	int err = ahci_port_stop(ap);

	if (err)
		return err;
	port_write(ap, PX_IE, 0);
	port_write(ap, PX_CLB, (u32)list);
	port_write(ap, PX_CLB + 4, (u32)(list >> 32));
	port_write(ap, PX_FB, (u32)fis);
	port_write(ap, PX_FB + 4, (u32)(fis >> 32));
	err = ahci_port_start(ap);
	if (!err && port_read(ap, PX_SIG) != SIG_DISK)
		err = -ENODEV;
	if (!err)
		err = port_identify(ap);
	if (err)
		(void)ahci_port_stop(ap);
	return err;
}

/* A disk on port n, ready but without interrupts, or NULL. */
static struct ahci_port *port_create(struct ahci_hba *hba, unsigned int n)
{
	struct ahci_port *ap = kzalloc(sizeof(*ap));
	int err = -ENOMEM;

	if (!ap)
		return NULL;
	ap->ap_hba = hba;
	ap->ap_regs = hba->ah_regs + HBA_PORT(n);
	ap->ap_index = n;
	ap->ap_depth = 1;
	ap->ap_state = PORT_READY;
	spin_lock_init(&ap->ap_lock, "ahci_port", RANK_DEVICE);
	list_init(&ap->ap_held);
	waitq_init(&ap->ap_wq);
	if (!port_alloc(ap))
		err = port_start(ap);
	if (!err)
		err = ahci_error_init(ap);
	if (!err)
		return ap;
	if (err != -ENODEV)
		printk(KERN_WARN "ahci: port %u: %s not used (error %d)\n", n,
		       ap->ap_model[0] ? ap->ap_model : "disk", err);
	port_free(ap);
	return NULL;
}

/* ---- the controller -------------------------------------------------------------- */

/* 10.4.3. The ports start to look for their disks, all at once. */
static int hba_reset(struct ahci_hba *hba)
{
	nsec_t end = clock_monotonic() + NSEC_PER_SEC;

	hba_write(hba, HBA_GHC, GHC_AE);
	hba_write(hba, HBA_GHC, GHC_AE | GHC_RESET);
	while (hba_read(hba, HBA_GHC) & GHC_RESET) {
		if (clock_monotonic() > end)
			return -ETIMEDOUT;
		ahci_sleep_ms(1);
	}
	hba_write(hba, HBA_GHC, GHC_AE);
	return 0;
}

static u32 link_state(const struct ahci_hba *hba, unsigned int n)
{
	return SSTS_DET(hba_read(hba, HBA_PORT(n) + PX_SSTS));
}

/*
 * Ports with a disk. A link needs time to come up, but only where the firmware has found
 * something (seen) that time is spent.
 */
static u32 find_links(struct ahci_hba *hba, u32 ports, u32 seen)
{
	nsec_t end = clock_monotonic() + NSEC_PER_SEC;
	u32 up = 0;

	for (u32 left = ports; left; left &= left - 1) {
		unsigned int reg = HBA_PORT(ctz32(left)) + PX_CMD;

		if (hba->ah_cap & CAP_SSS)
			hba_write(hba, reg, hba_read(hba, reg) | PX_CMD_SUD | PX_CMD_POD);
	}
	for (;;) {
		for (u32 left = ports & ~up; left; left &= left - 1)
			if (link_state(hba, ctz32(left)) == DET_READY)
				up |= (u32)BIT(ctz32(left));
		if ((seen & ~up) == 0 || clock_monotonic() > end)
			return up;
		ahci_sleep_ms(1);
	}
}

/* The disk gets a name and its interrupts; its partitions are read. */
static void disk_register(struct ahci_port *ap)
{
	struct blkdev *bd = &ap->ap_disk;
	int err;

	str_copy(ap->ap_name, "sda", sizeof(ap->ap_name));
	ap->ap_name[2] = (char)('a' + ndisks);
	bd->bd_name = ap->ap_name;
	bd->bd_dev = MKDEV(SD_MAJOR, ndisks * SD_MINORS);
	bd->bd_ops = &ahci_ops;
	bd->bd_driver = ap;
	disks[ndisks++] = ap;
	port_write(ap, PX_IE, PX_I_ALL);
	printk(KERN_INFO "%s: %s, port %u, %u command%s at a time\n", ap->ap_name, ap->ap_model,
	       ap->ap_index, ap->ap_depth, ap->ap_depth > 1 ? "s" : "");
	err = blkdev_register(bd);
	if (err)
		printk(KERN_ERR "%s: error %d\n", ap->ap_name, err);
}

static int ahci_probe(struct pci_func *pf)
{
	struct ahci_hba *hba = kzalloc(sizeof(*hba));
	u32 ports, seen = 0;
	int err = -ENOMEM;

	if (!hba)
		return err;
	hba->ah_regs = pci_map_bar(pf, AHCI_BAR);
	if (!hba->ah_regs)
		goto free;
	pci_enable(pf);
	ports = hba_read(hba, HBA_PI);
	for (u32 left = ports; left; left &= left - 1)
		if (link_state(hba, ctz32(left)) != DET_NONE)
			seen |= (u32)BIT(ctz32(left));
	err = hba_reset(hba);
	hba->ah_cap = hba_read(hba, HBA_CAP);
	if (!err && !(hba->ah_cap & CAP_64))
		err = -ENOTSUP;
	if (!err)
		err = pci_request_irq(pf, ahci_interrupt, hba);
	if (err)
		goto free;
	for (u32 left = find_links(hba, ports, seen); left; left &= left - 1) {
		unsigned int n = ctz32(left);

		hba->ah_port[n] = port_create(hba, n);
		if (hba->ah_port[n])
			hba->ah_disks |= (u32)BIT(n);
	}
	hba_write(hba, HBA_IS, ~0u);
	hba_write(hba, HBA_GHC, GHC_AE | GHC_IE);
	for (u32 left = hba->ah_disks; left && ndisks < MAX_DISKS; left &= left - 1)
		disk_register(hba->ah_port[ctz32(left)]);
	return 0;
free:
	kfree(hba);
	return err;
}

static const struct pci_driver ahci_driver = {
	.pd_name = "ahci", .pd_vendor = PCI_ANY, .pd_device = PCI_ANY,
	.pd_class = AHCI_CLASS, .pd_class_mask = 0xffffff, .pd_probe = ahci_probe,
};

static void ahci_show(struct statbuf *sb)
{
	static const char *const names[] = {
		[PORT_READY] = "ready", [PORT_RECOVER] = "recover", [PORT_REPLAY] = "replay",
		[PORT_DEAD] = "dead",
	};

	for (unsigned int i = 0; i < ndisks; i++) {
		struct ahci_port *ap = disks[i];

		stat_printf(sb, "%s port %u %s depth %u commands %llu queued %llu most %llu "
			    "interrupts %llu errors %llu timeouts %llu resets %llu model %s\n",
			    ap->ap_name, ap->ap_index, names[ap->ap_state], ap->ap_depth,
			    (unsigned long long)ap->ap_stat.commands,
			    (unsigned long long)ap->ap_stat.queued,
			    (unsigned long long)ap->ap_stat.most,
			    (unsigned long long)ap->ap_stat.interrupts,
			    (unsigned long long)ap->ap_stat.errors,
			    (unsigned long long)ap->ap_stat.timeouts,
			    (unsigned long long)ap->ap_stat.resets, ap->ap_model);
	}
}

static struct statreport ahci_report = { .sr_name = "ahci", .sr_show = ahci_show };

void ahci_init(void)
{
	statreport_register(&ahci_report);
	pci_driver_register(&ahci_driver);
}
