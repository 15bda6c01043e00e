/* SPDX-License-Identifier: MIT */
/*
 * PCI: functions found at boot, their configuration space, and drivers that ask for a kind of
 * function (PCI Local Bus Specification 3.0, chapter 6; PCI Express Base Specification, 7.2).
 */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include <list.h>
#include <types.h>
#include "kernel/core/irq.h"

/* Registers of the header, 6.1. */
#define PCI_ID			0x00	/* vendor, device */
#define PCI_COMMAND		0x04
#define   PCI_CMD_IO		0x0001
#define   PCI_CMD_MEMORY	0x0002
#define   PCI_CMD_MASTER	0x0004	/* may read and write memory by itself: DMA */
#define   PCI_CMD_NO_INTX	0x0400
#define PCI_STATUS		0x06
#define   PCI_STATUS_CAPS	0x0010
#define PCI_CLASS		0x08	/* revision, then 24 bits of class */
#define PCI_HEADER		0x0e
#define   PCI_HEADER_MULTI	0x80
#define   PCI_HEADER_BRIDGE	0x01
#define PCI_BAR(n)		(0x10 + 4 * (n))
#define PCI_SECONDARY_BUS	0x19	/* bridges */
#define PCI_CAP_LIST		0x34
#define PCI_INT_LINE		0x3c
#define PCI_INT_PIN		0x3d

#define PCI_CAP_MSI		0x05	/* 6.8.1 */
#define   PCI_MSI_CONTROL	0x02
#define   PCI_MSI_ENABLE	0x0001
#define   PCI_MSI_COUNT		0x0070	/* log2 of the vectors in use */
#define   PCI_MSI_64		0x0080
#define   PCI_MSI_ADDR		0x04

#define PCI_NBARS		6
#define PCI_ANY			0xffff

struct pci_driver;

struct pci_bar {
	paddr_t pb_addr;
	u64 pb_size;			/* 0: none */
	bool pb_io;
};

/* All [I] after pci_init() but pf_driver, which is written at boot only. */
struct pci_func {
	u8 pf_bus, pf_slot, pf_fn;
	u8 pf_pin, pf_line;		/* INTA is 1, 0: none; the PIC's input */
	u16 pf_vendor, pf_device;
	u32 pf_class;			/* class, subclass, interface: 24 bits */
	struct pci_bar pf_bar[PCI_NBARS];
	const struct pci_driver *pf_driver;
	const char *pf_irq;		/* "MSI", "INTx"; NULL: none asked for */
	struct list_head pf_link;
};

struct pci_driver {
	const char *pd_name;
	u16 pd_vendor, pd_device;	/* PCI_ANY: any */
	u32 pd_class, pd_class_mask;
	/* A function that matches. In a thread, may sleep. 0: it is ours now. */
	int (*pd_probe)(struct pci_func *pf);
};

/* Find all functions. In a thread. */
void pci_init(void);
/* Probe what no driver has yet. */
void pci_driver_register(const struct pci_driver *pd);

u8 pci_read8(const struct pci_func *pf, unsigned int reg);
u16 pci_read16(const struct pci_func *pf, unsigned int reg);
u32 pci_read32(const struct pci_func *pf, unsigned int reg);
void pci_write16(const struct pci_func *pf, unsigned int reg, u16 v);
void pci_write32(const struct pci_func *pf, unsigned int reg, u32 v);
/* Offset of the first capability with this id, 0: none. */
unsigned int pci_find_cap(const struct pci_func *pf, u8 id);
/* Let it answer at its memory BARs and do DMA. */
void pci_enable(const struct pci_func *pf);
/* Registers of memory BAR n, uncached; never undone. NULL. */
volatile void *pci_map_bar(const struct pci_func *pf, unsigned int n);
/* Connect its interrupt: MSI, or else the pin. -ENODEV, -ENOSPC. */
int pci_request_irq(struct pci_func *pf, irq_handler fn, void *arg);

#endif
