/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space, the functions in it, their interrupts, and which driver has which.
 *
 * Two ways lead to configuration space: memory (ECAM, where ACPI's MCFG says that it is), and
 * the ports 0xcf8 and 0xcfc, which reach the first 256 bytes of each function and are always
 * there. A bus is mapped when the scan comes to it; bridges lead from bus to bus. The firmware
 * has given out addresses (BARs) and bus numbers; here they are only read.
 *
 * Interrupts: MSI is a write to memory that the function does by itself, after the data that
 * it tells of: no line to share, nothing to ask other devices for. A pin (INTA to INTD) is a
 * level, which may be shared, and arrives at the IO-APIC or (nolapic) at the 8259 input that
 * the firmware noted in the function. Which IO-APIC input a pin is wired to is written in
 * AML, for which there is no interpreter here; so pin_gsi() knows the one chipset, ICH9.
 *
 * Locks: config_lock around the port pair. Everything else is done at boot by one thread.
 */
#include <bits.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "drivers/init.h"
#include "drivers/pci.h"
#include "kernel/core/printk.h"
#include "kernel/core/spinlock.h"
#include "kernel/core/statreg.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/irqchip.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#define CONFIG_ADDRESS		0xcf8	/* 3.2.2.3.2 */
#define CONFIG_DATA		0xcfc
#define CONFIG_ENABLE		0x80000000u

#define NBUSES			256
#define NSLOTS			32
#define NFNS			8
#define ECAM_FN_SIZE		4096u	/* PCI Express 7.2.2 */
#define ECAM_BUS_SIZE		(ECAM_FN_SIZE * NFNS * NSLOTS)

#define BAR_IO			0x1
#define BAR_TYPE		0x6
#define BAR_64			0x4

#define LPC_ICH9_ID		0x29188086u
#define LPC_SLOT		0x1f

static volatile u8 *ecam[NBUSES];	/* [I] NULL: by ports */
static LIST_HEAD(functions);		/* [I] after pci_init(), in order of number */
static struct spinlock config_lock = SPINLOCK_INIT("pci_config", RANK_LEAF);

/* ---- configuration space ---------------------------------------------------- */

static u32 config_read(u8 bus, unsigned int slot, unsigned int fn, unsigned int reg)
{
	irqflags_t f;
	u32 v;

	KASSERT(reg % 4 == 0);
	if (ecam[bus])
		return *(volatile u32 *)(ecam[bus] + (slot * NFNS + fn) * ECAM_FN_SIZE + reg);
	KASSERT(reg < 256);
	f = spin_lock_irqsave(&config_lock);
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | (u32)bus << 16 | slot << 11 | fn << 8 | reg);
	v = inl(CONFIG_DATA);
	spin_unlock_irqrestore(&config_lock, f);
	return v;
}

/* width: 2 or 4. Some registers clear bits that are written as 1, so a half stays a half. */
static void config_write(const struct pci_func *pf, unsigned int reg, u32 v, unsigned int width)
{
	volatile u8 *at = ecam[pf->pf_bus];
	irqflags_t f;

	KASSERT(reg % width == 0);
	if (at) {
		at += (pf->pf_slot * NFNS + pf->pf_fn) * ECAM_FN_SIZE + reg;
		if (width == 2)
			*(volatile u16 *)at = (u16)v;
		else
			*(volatile u32 *)at = v;
		return;
	}
	f = spin_lock_irqsave(&config_lock);
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | (u32)pf->pf_bus << 16 | (u32)pf->pf_slot << 11 |
	     (u32)pf->pf_fn << 8 | (reg & 0xfc));
	if (width == 2)
		outw((u16)(CONFIG_DATA + (reg & 2)), (u16)v);
	else
		outl(CONFIG_DATA, v);
	spin_unlock_irqrestore(&config_lock, f);
}

u32 pci_read32(const struct pci_func *pf, unsigned int reg)
{
	return config_read(pf->pf_bus, pf->pf_slot, pf->pf_fn, reg);
}

u16 pci_read16(const struct pci_func *pf, unsigned int reg)
{
	return (u16)(pci_read32(pf, reg & ~3u) >> (reg & 2) * 8);
}

u8 pci_read8(const struct pci_func *pf, unsigned int reg)
{
	return (u8)(pci_read32(pf, reg & ~3u) >> (reg & 3) * 8);
}

void pci_write16(const struct pci_func *pf, unsigned int reg, u16 v)
{
	config_write(pf, reg, v, 2);
}

void pci_write32(const struct pci_func *pf, unsigned int reg, u32 v)
{
	config_write(pf, reg, v, 4);
}

unsigned int pci_find_cap(const struct pci_func *pf, u8 id)
{
	unsigned int at = 0;

	if (pci_read16(pf, PCI_STATUS) & PCI_STATUS_CAPS)
		at = pci_read8(pf, PCI_CAP_LIST) & ~3u;
	/* A list that runs in circles ends, too: 48 is as many as fit. */
	for (int i = 0; i < 48 && at >= 0x40; i++) {
		u16 head = pci_read16(pf, at);

		if ((u8)head == id)
			return at;
		at = (head >> 8) & ~3u;
	}
	return 0;
}

/* ---- the scan ---------------------------------------------------------------- */

/*
 * The size of a BAR shows when ones are written: bits below it stay 0 (6.2.5.1). Meanwhile the
 * function must not answer at the address that this makes. Returns registers used.
 */
static unsigned int read_bar(struct pci_func *pf, unsigned int n)
{
	u32 low = pci_read32(pf, PCI_BAR(n)), mask;
	bool io = low & BAR_IO, wide = !io && (low & BAR_TYPE) == BAR_64 && n + 1 < PCI_NBARS;
	u64 addr = io ? low & ~0x3u : low & ~0xfu, size;

	pci_write32(pf, PCI_BAR(n), ~0u);
	mask = pci_read32(pf, PCI_BAR(n)) & (io ? ~0x3u : ~0xfu);
	pci_write32(pf, PCI_BAR(n), low);
	size = mask & -mask;
	if (wide) {
		u32 high = pci_read32(pf, PCI_BAR(n + 1));

		addr |= (u64)high << 32;
		if (!mask) {
			pci_write32(pf, PCI_BAR(n + 1), ~0u);
			mask = pci_read32(pf, PCI_BAR(n + 1));
			pci_write32(pf, PCI_BAR(n + 1), high);
			size = (u64)(mask & -mask) << 32;
		}
	}
	if (addr)
		pf->pf_bar[n] = (struct pci_bar){ addr, size, io };
	return wide ? 2 : 1;
}

static void read_bars(struct pci_func *pf)
{
	u16 command = pci_read16(pf, PCI_COMMAND);

	pci_write16(pf, PCI_COMMAND, command & (u16)~(PCI_CMD_IO | PCI_CMD_MEMORY));
	for (unsigned int n = 0; n < PCI_NBARS;)
		n += read_bar(pf, n);
	pci_write16(pf, PCI_COMMAND, command);
}

static void scan_bus(u8 bus);

/* Returns whether the device has more functions. */
static bool scan_function(u8 bus, unsigned int slot, unsigned int fn)
{
	u32 id = config_read(bus, slot, fn, PCI_ID);
	struct pci_func *pf;
	u8 header;

	if ((u16)id == 0xffff)
		return false;
	pf = kzalloc(sizeof(*pf));
	if (!pf)
		return false;
	pf->pf_bus = bus;
	pf->pf_slot = (u8)slot;
	pf->pf_fn = (u8)fn;
	pf->pf_vendor = (u16)id;
	pf->pf_device = (u16)(id >> 16);
	pf->pf_class = pci_read32(pf, PCI_CLASS) >> 8;
	pf->pf_pin = pci_read8(pf, PCI_INT_PIN);
	pf->pf_line = pci_read8(pf, PCI_INT_LINE);
	header = pci_read8(pf, PCI_HEADER);
	list_add_tail(&pf->pf_link, &functions);
	if ((header & ~PCI_HEADER_MULTI) == 0)
		read_bars(pf);
	else if ((header & ~PCI_HEADER_MULTI) == PCI_HEADER_BRIDGE &&
		 pci_read8(pf, PCI_SECONDARY_BUS) > bus)
		scan_bus(pci_read8(pf, PCI_SECONDARY_BUS));
	return header & PCI_HEADER_MULTI;
}

static void scan_bus(u8 bus)
{
	if (acpi.mcfg_ecam && bus >= acpi.mcfg_bus_start && bus <= acpi.mcfg_bus_end)
		ecam[bus] = mmio_map(acpi.mcfg_ecam + (u64)bus * ECAM_BUS_SIZE, ECAM_BUS_SIZE);
	for (unsigned int slot = 0; slot < NSLOTS; slot++)
		if (scan_function(bus, slot, 0))
			for (unsigned int fn = 1; fn < NFNS; fn++)
				scan_function(bus, slot, fn);
}

/* ---- drivers ----------------------------------------------------------------- */

static bool matches(const struct pci_driver *pd, const struct pci_func *pf)
{
	return (pd->pd_vendor == PCI_ANY || pd->pd_vendor == pf->pf_vendor) &&
	       (pd->pd_device == PCI_ANY || pd->pd_device == pf->pf_device) &&
	       (pf->pf_class & pd->pd_class_mask) == pd->pd_class;
}

void pci_driver_register(const struct pci_driver *pd)
{
	struct pci_func *pf;

	list_for_each_entry(pf, &functions, pf_link) {
		int err;

		if (pf->pf_driver || !matches(pd, pf))
			continue;
		pf->pf_driver = pd;
		err = pd->pd_probe(pf);
		if (!err)
			continue;
		printk(KERN_ERR "%s: %02x:%02x.%x: error %d\n", pd->pd_name, pf->pf_bus,
		       pf->pf_slot, pf->pf_fn, err);
		pf->pf_driver = NULL;
	}
}

void pci_enable(const struct pci_func *pf)
{
	pci_write16(pf, PCI_COMMAND, pci_read16(pf, PCI_COMMAND) | PCI_CMD_MEMORY | PCI_CMD_MASTER);
}

volatile void *pci_map_bar(const struct pci_func *pf, unsigned int n)
{
	const struct pci_bar *b = &pf->pf_bar[n];

	KASSERT(n < PCI_NBARS);
	return b->pb_size && !b->pb_io ? mmio_map(b->pb_addr, b->pb_size) : NULL;
}

/* ---- interrupts ------------------------------------------------------------- */

/* 6.8.1: address, data, then the enable bit. One vector, aimed at the boot CPU. */
static int request_msi(struct pci_func *pf, irq_handler fn, void *arg)
{
	unsigned int cap = pci_find_cap(pf, PCI_CAP_MSI), data_at;
	u16 control;
	u64 addr;
	u32 data;
	int vec, err;

	if (!cap)
		return -ENODEV;
	vec = irqchip_alloc_msi(0, &addr, &data);
	if (vec < 0)
		return vec;
	err = irq_request_vector((unsigned int)vec, fn, arg, pf->pf_driver->pd_name);
	if (err)
		return err;
	control = pci_read16(pf, cap + PCI_MSI_CONTROL);
	data_at = cap + PCI_MSI_ADDR + 4;
	pci_write32(pf, cap + PCI_MSI_ADDR, (u32)addr);
	if (control & PCI_MSI_64) {
		pci_write32(pf, data_at, (u32)(addr >> 32));
		data_at += 4;
	}
	pci_write16(pf, data_at, (u16)data);
	control &= (u16)~PCI_MSI_COUNT;
	pci_write16(pf, cap + PCI_MSI_CONTROL, control | PCI_MSI_ENABLE);
	pci_write16(pf, PCI_COMMAND, pci_read16(pf, PCI_COMMAND) | PCI_CMD_NO_INTX);
	return 0;
}

/*
 * ICH9 (data sheet 316972, 10.1.19 and 5.8.1 for the device routes at reset): the eight inputs
 * PIRQA to PIRQH are IO-APIC inputs 16 to 23. Devices of the chipset (slots 25 to 31) have
 * INTA on PIRQA; slots are wired to PIRQE to PIRQH, each slot's INTA one further than that of
 * the slot before.
 */
static int pin_gsi(const struct pci_func *pf)
{
	unsigned int pin = pf->pf_pin - 1u;

	if (pf->pf_bus != 0 || config_read(0, LPC_SLOT, 0, PCI_ID) != LPC_ICH9_ID)
		return -ENODEV;
	return (int)(pf->pf_slot >= 25 ? 16 + pin : 20 + (pf->pf_slot + pin) % 4);
}

static int request_pin(struct pci_func *pf, irq_handler fn, void *arg)
{
	int gsi = irqchip_has_lapic() ? pin_gsi(pf) : pf->pf_line;

	if (pf->pf_pin == 0 || pf->pf_pin > 4 || gsi < 0)
		return -ENODEV;
	return irq_request_gsi((unsigned int)gsi, true, true, fn, arg, pf->pf_driver->pd_name);
}

int pci_request_irq(struct pci_func *pf, irq_handler fn, void *arg)
{
	int err = request_msi(pf, fn, arg);

	pf->pf_irq = "MSI";
	if (err) {
		err = request_pin(pf, fn, arg);
		pf->pf_irq = err ? NULL : "INTx";
	}
	return err;
}

/* ---- report ----------------------------------------------------------------- */

/* A line per function as lspci -n begins it, and its BARs below. */
static void pci_show(struct statbuf *sb)
{
	struct pci_func *pf;

	list_for_each_entry(pf, &functions, pf_link) {
		stat_printf(sb, "%02x:%02x.%x class %06x id %04x:%04x", pf->pf_bus, pf->pf_slot,
			    pf->pf_fn, pf->pf_class, pf->pf_vendor, pf->pf_device);
		if (pf->pf_driver)
			stat_printf(sb, " driver %s", pf->pf_driver->pd_name);
		if (pf->pf_irq)
			stat_printf(sb, " irq %s", pf->pf_irq);
		stat_printf(sb, "\n");
		for (unsigned int n = 0; n < PCI_NBARS; n++) {
			const struct pci_bar *b = &pf->pf_bar[n];

			if (b->pb_size)
				stat_printf(sb, "\tBAR%u %s %#llx size %#llx\n", n,
					    b->pb_io ? "ports" : "memory",
					    (unsigned long long)b->pb_addr,
					    (unsigned long long)b->pb_size);
		}
	}
}

static struct statreport pci_report = { .sr_name = "pci", .sr_show = pci_show };

void pci_init(void)
{
	scan_bus(0);
	statreport_register(&pci_report);
}
