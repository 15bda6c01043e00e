/* SPDX-License-Identifier: MIT */
/*
 * AHCI: registers and memory structures (Serial ATA AHCI 1.3.1; section numbers are its), ATA
 * commands (ATA8-ACS), and what ahci.c, ahci_cmd.c and ahci_error.c share.
 */
#ifndef DRIVERS_AHCI_H
#define DRIVERS_AHCI_H

#include <compiler.h>
#include <list.h>
#include <types.h>
#include "fs/blkdev.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/timer.h"
#include "kernel/core/waitq.h"

/* ---- the controller, 3.1; offsets in bytes ---- */

#define HBA_CAP			0x00
#define   CAP_SSS		(1u << 27)	/* ports spin up only when told */
#define   CAP_NCQ		(1u << 30)
#define   CAP_64		(1u << 31)
#define   CAP_SLOTS(cap)	(((cap) >> 8 & 31) + 1)
#define HBA_GHC			0x04
#define   GHC_RESET		(1u << 0)
#define   GHC_IE		(1u << 1)
#define   GHC_AE		(1u << 31)
#define HBA_IS			0x08		/* a bit per port; write 1 to clear */
#define HBA_PI			0x0c		/* ports implemented */
#define HBA_PORT(n)		(0x100 + 0x80 * (n))
#define AHCI_MAX_PORTS		32

/* ---- a port, 3.3 ---- */

#define PX_CLB			0x00		/* command list; high half behind it */
#define PX_FB			0x08		/* received FIS */
#define PX_IS			0x10
#define PX_IE			0x14
#define   PX_I_DHR		(1u << 0)	/* register FIS: a plain command is done */
#define   PX_I_PS		(1u << 1)	/* PIO set-up */
#define   PX_I_SDB		(1u << 3)	/* set device bits: queued commands are done */
#define   PX_I_PC		(1u << 6)	/* port connect change */
#define   PX_I_PRC		(1u << 22)	/* PhyRdy change */
#define   PX_I_OF		(1u << 24)	/* overflow: data beyond the PRDT */
#define   PX_I_INF		(1u << 26)	/* interface, not fatal: the hardware recovers */
#define   PX_I_IF		(1u << 27)	/* interface */
#define   PX_I_HBD		(1u << 28)	/* bad data from memory */
#define   PX_I_HBF		(1u << 29)	/* bad access to memory */
#define   PX_I_TFE		(1u << 30)	/* the disk says: error */
#define   PX_I_BUS		(PX_I_OF | PX_I_IF | PX_I_HBD | PX_I_HBF)
#define   PX_I_PHY		(PX_I_PC | PX_I_PRC)
#define   PX_I_ERRORS		(PX_I_BUS | PX_I_PHY | PX_I_TFE)
#define   PX_I_ALL		(PX_I_DHR | PX_I_PS | PX_I_SDB | PX_I_ERRORS)
#define PX_CMD			0x18
#define   PX_CMD_ST		(1u << 0)	/* work on the command list */
#define   PX_CMD_SUD		(1u << 1)	/* spin up */
#define   PX_CMD_POD		(1u << 2)	/* power on */
#define   PX_CMD_FRE		(1u << 4)	/* receive FISes */
#define   PX_CMD_FR		(1u << 14)	/* it does */
#define   PX_CMD_CR		(1u << 15)	/* the command list runs */
#define PX_TFD			0x20		/* task file: status, error */
#define   TFD_ERR		0x01
#define   TFD_DRQ		0x08
#define   TFD_BSY		0x80
#define PX_SIG			0x24
#define   SIG_DISK		0x00000101u
#define PX_SSTS			0x28
#define   SSTS_DET(v)		((v) & 15)
#define   DET_NONE		0
#define   DET_READY		3		/* device there, communication established */
#define PX_SCTL			0x2c
#define   SCTL_NO_SLEEP		0x300		/* no partial and slumber */
#define   SCTL_COMRESET		0x001
#define PX_SERR			0x30		/* write 1 to clear */
#define PX_SACT			0x34		/* queued commands that the disk has, by tag */
#define PX_CI			0x38		/* commands issued, by slot */

/* ---- memory, 4.2; read and written by the HBA ---- */

#define AHCI_SLOTS		32
#define AHCI_PRDS		248		/* so that a command table is one page */
#define AHCI_PRD_MAX		(4u << 20)

struct ahci_header {			/* 4.2.2: an entry of the command list */
	u16 ah_flags;			/* length of the command FIS in words of 4 bytes, and: */
	u16 ah_prds;
	u32 ah_done;			/* bytes moved */
	u64 ah_table;			/* physical address */
	u32 ah_reserved[4];
};
#define AH_WRITE		0x40
#define AH_FIS_LEN		5

struct ahci_prd {			/* 4.2.3.3: a piece of memory */
	u64 pr_addr;
	u32 pr_reserved;
	u32 pr_len;			/* less 1 */
};

struct ahci_table {			/* 4.2.3 */
	u8 at_fis[64];
	u8 at_atapi[64];
	struct ahci_prd at_prd[AHCI_PRDS];
};

BUILD_ASSERT(sizeof(struct ahci_header) == 32);
BUILD_ASSERT(sizeof(struct ahci_prd) == 16);
BUILD_ASSERT(sizeof(struct ahci_table) == 4096);

/* ---- ATA ---- */

#define FIS_H2D			0x27		/* register, host to device */
#define FIS_COMMAND		0x80		/* update of the command register */
#define ATA_DEV_LBA		0x40
#define ATA_DEV_FUA		0x80		/* in a queued write */

enum ata_command {
	ATA_DATA_SET_MANAGEMENT = 0x06, ATA_READ_DMA_EXT = 0x25, ATA_READ_LOG_EXT = 0x2f,
	ATA_WRITE_DMA_EXT = 0x35, ATA_WRITE_DMA_FUA_EXT = 0x3d, ATA_READ_FPDMA_QUEUED = 0x60,
	ATA_WRITE_FPDMA_QUEUED = 0x61, ATA_FLUSH_CACHE_EXT = 0xea, ATA_IDENTIFY = 0xec,
};

#define ATA_DSM_TRIM		0x01
#define ATA_LOG_NCQ_ERROR	0x10		/* SATA 3.0, 13.7.4 */

/* What a command is to the disk; ahci_cmd.c makes a FIS of it. */
struct ata_cmd {
	u8 command, device;
	u16 features, count;
	u64 lba;
};

/* ---- the driver's objects ---- */

enum ahci_port_state {			/* table in ahci.c */
	PORT_EMPTY, PORT_READY, PORT_RECOVER, PORT_REPLAY, PORT_DEAD,
};

/* Legend: [I] immutable, [p] ap_lock, [t] the port's thread. */

struct ahci_cmd {			/* a command slot */
	struct blk_request *ac_rq;	/* [p] NULL: free */
	nsec_t ac_deadline;		/* [p] of this attempt */
	u32 ac_trimmed;			/* [p] sectors of a discard that are under way */
	struct ahci_table *ac_table;	/* [I] DMA */
};

struct ahci_hba {
	volatile u8 *ah_regs;		/* [I] */
	u32 ah_cap;			/* [I] */
	u32 ah_disks;			/* [I] ports with a disk */
	struct ahci_port *ah_port[AHCI_MAX_PORTS];	/* [I] NULL: no disk */
};

struct ahci_port {
	struct ahci_hba *ap_hba;	/* [I] */
	volatile u8 *ap_regs;		/* [I] */
	struct ahci_header *ap_list;	/* [I] DMA */
	struct ahci_cmd ap_cmd[AHCI_SLOTS];
	void *ap_page;			/* [p] DMA: a page for the one plain command at a time */
	unsigned int ap_index, ap_depth;/* [I] slots to be used, 1 without NCQ */
	bool ap_ncq, ap_has_log;	/* [I] */
	u32 ap_trim_max;		/* [I] ranges of one DATA SET MANAGEMENT */
	nsec_t ap_attempt;		/* [I] that a command may take */
	struct spinlock ap_lock;
	enum ahci_port_state ap_state;	/* [p] */
	u32 ap_active, ap_queued;	/* [p] slots in use; those of NCQ commands */
	struct list_head ap_held;	/* [p] requests to be sent again, one at a time */
	u32 ap_causes;			/* [p] RECOVER: PX_I_* why; 0: a time-out */
	u32 ap_tfd;			/* [p] RECOVER: task file at the error */
	unsigned int ap_strikes;	/* [p] failures of port or link without a success since */
	struct waitq ap_wq;		/* the thread: RECOVER, or DEAD with something held */
	struct timer ap_timer;
	bool ap_timer_set;		/* [p] */
	nsec_t ap_report_since;		/* [t] limit of messages */
	unsigned int ap_reports;	/* [t] */
	struct {			/* [p] for /proc/ahci */
		u64 commands, queued, interrupts, most, errors, timeouts, resets;
	} ap_stat;
	struct blkdev ap_disk;
	char ap_name[8], ap_model[41], ap_serial[21];	/* [I] */
};

static inline u32 hba_read(const struct ahci_hba *hba, unsigned int reg)
{
	return *(volatile u32 *)(hba->ah_regs + reg);
}

static inline void hba_write(const struct ahci_hba *hba, unsigned int reg, u32 v)
{
	*(volatile u32 *)(hba->ah_regs + reg) = v;
}

static inline u32 port_read(const struct ahci_port *ap, unsigned int reg)
{
	return *(volatile u32 *)(ap->ap_regs + reg);
}

static inline void port_write(const struct ahci_port *ap, unsigned int reg, u32 v)
{
	*(volatile u32 *)(ap->ap_regs + reg) = v;
}

/* ---- ahci.c ---- */

/* Poll reg until (value & mask) == want; sleeps. -ETIMEDOUT. */
int ahci_port_wait(struct ahci_port *ap, unsigned int reg, u32 mask, u32 want, unsigned int ms);
void ahci_sleep_ms(unsigned int ms);
/* Stop and start work on the command list. Port quiet. -ETIMEDOUT. */
int ahci_port_stop(struct ahci_port *ap);
int ahci_port_start(struct ahci_port *ap);
/* COMRESET: whatever the disk did is off. Stopped; sleeps. -ETIMEDOUT, -ENODEV. */
int ahci_port_reset(struct ahci_port *ap);
/* Started, idle: does the disk that was found at boot answer? Sleeps. */
bool ahci_port_same_disk(struct ahci_port *ap);

/* ---- ahci_cmd.c ---- */

extern const struct blk_ops ahci_ops;
/*
 * One command that reads len bytes to ap_page, by polling; port started, idle, no interrupts.
 * -EIO, -ETIMEDOUT.
 */
int ahci_exec(struct ahci_port *ap, const struct ata_cmd *c, u32 len);
/* Send a held request again, alone, or be READY when there is none. ap_lock held. */
void ahci_replay_next(struct ahci_port *ap);
/*
 * Take what the disk has done off its slots, at most AHCI_SLOTS requests, for which
 * blk_complete() is due; in REPLAY send the next. ap_lock held.
 */
unsigned int ahci_collect(struct ahci_port *ap, struct blk_request **rqs);
/* Interrupt handler; arg: the HBA. */
bool ahci_interrupt(void *arg);

/* ---- ahci_error.c ---- */

/* The port cannot go on: hand it to its thread. ap_lock held. causes: PX_I_*; 0: time-out. */
void ahci_port_failed(struct ahci_port *ap, u32 causes);
/* A timer looks after the commands; ap_lock held. */
void ahci_watch(struct ahci_port *ap, nsec_t deadline);
/* Thread and timer of a new port. -ENOMEM. */
int ahci_error_init(struct ahci_port *ap);

#endif
