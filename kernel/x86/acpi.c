/* SPDX-License-Identifier: MIT */
/*
 * Finds the ACPI tables and keeps what the kernel needs of them: MADT (CPUs, APICs),
 * HPET, MCFG, and FADT with the _S5_ object of the DSDT for power-off. acpi_init()
 * runs on the boot CPU after kmap_init(); a machine without tables works, with PIC
 * and one CPU.
 *
 * A table with a bad checksum is left alone. Names are those of the specification.
 */
#include <bits.h>
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "kernel/lib/string.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/kmap.h"
#include "kernel/x86/memlayout.h"

struct rsdp {				/* 5.2.5.3 */
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length;			/* from here on: revision 2 */
	u64 xsdt;
	u8 ext_checksum;
	u8 reserved[3];
} __packed;

struct table {				/* 5.2.6, the common header */
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} __packed;

struct madt {				/* 5.2.12 */
	struct table head;
	u32 lapic;
	u32 flags;
} __packed;

enum madt_type {
	MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2,
	MADT_LAPIC_ADDR = 5,
};

#define MADT_CPU_ENABLED	1

struct generic_address {		/* 5.2.3.2 */
	u8 space, width, offset, access;
	u64 addr;
} __packed;

#define SPACE_IO		1

struct fadt {				/* 5.2.9 */
	struct table head;
	u32 facs, dsdt;
	u8 reserved, profile;
	u16 sci;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt;
	u8 unused[112 - 72];
	u32 flags;
	struct generic_address reset_reg;
	u8 reset_value;
	u8 arm_flags[2];
	u8 minor;
	u64 x_facs, x_dsdt;
} __packed;

BUILD_ASSERT(offsetof(struct fadt, flags) == 112);
BUILD_ASSERT(offsetof(struct fadt, x_dsdt) == 140);

#define FADT_RESET_REG		(1u << 10)

#define PM1_SCI_EN		1
#define PM1_SLP_TYP(v)		((u16)(v) << 10)
#define PM1_SLP_EN		(1u << 13)

struct acpi_info acpi;
static const struct fadt *fadt;
static const struct table *dsdt;

static bool checksum_ok(const void *p, size_t n)
{
	const u8 *b = p;
	u8 sum = 0;

	while (n--)
		sum += *b++;
	return sum == 0;
}

/* Map the table at pa. NULL if it is broken. */
static const struct table *table_map(paddr_t pa)
{
	const struct table *t;

	if (!pa)
		return NULL;
	t = kmap_firmware(pa, sizeof(*t));
	if (t->length < sizeof(*t) || t->length > MIB(1))
		return NULL;
	kmap_firmware(pa, t->length);
	if (!checksum_ok(t, t->length)) {
		printk("ACPI: table %.4s has a bad checksum, ignored\n", t->signature);
		return NULL;
	}
	return t;
}

static bool rsdp_valid(const struct rsdp *r)
{
	return memcmp(r->signature, "RSD PTR ", 8) == 0 && checksum_ok(r, 20);
}

/* 5.2.5.1: on a 16-byte boundary of the EBDA's first KiB or of the BIOS area. */
static paddr_t rsdp_scan(paddr_t start, paddr_t end)
{
	const char *p = kmap_firmware(start, end - start);

	for (paddr_t pa = start; pa + 20 <= end; pa += 16, p += 16)
		if (rsdp_valid((const struct rsdp *)p))
			return pa;
	return 0;
}

static const struct rsdp *rsdp_find(void)
{
	paddr_t pa = bootinfo.bi_rsdp;
	const struct rsdp *r;

	if (!pa) {
		paddr_t ebda = (paddr_t)load_le16(kmap_firmware(0x40e, 2)) << 4;

		if (ebda >= 0x80000 && ebda < 0xa0000)
			pa = rsdp_scan(ebda, ebda + KIB(1));
		if (!pa)
			pa = rsdp_scan(0xe0000, 0x100000);
	}
	if (!pa)
		return NULL;
	r = kmap_firmware(pa, sizeof(*r));
	return rsdp_valid(r) ? r : NULL;
}

static void madt_add_cpu(const u8 *e)
{
	/* processor uid, APIC id, flags */
	if (!(load_le32(e + 4) & MADT_CPU_ENABLED))
		return;
	if (acpi.ncpus < MAX_CPUS)
		acpi.cpu_apic_id[acpi.ncpus++] = e[3];
}

static void madt_add_ioapic(const u8 *e)
{
	if (acpi.nioapics < ACPI_MAX_IOAPICS)
		acpi.ioapic[acpi.nioapics++] = (struct acpi_ioapic){
			.ai_addr = load_le32(e + 4),
			.ai_gsi_base = load_le32(e + 8),
		};
}

/*
 * 5.2.12.5. Polarity and trigger 0 mean the bus's own way, which for ISA is
 * active high and edge.
 */
static void madt_add_override(const u8 *e)
{
	u16 flags = load_le16(e + 8);

	if (e[2] != 0 || e[3] >= ACPI_ISA_IRQS)
		return;
	acpi.isa[e[3]] = (struct acpi_isa_override){
		.ao_gsi = load_le32(e + 4),
		.ao_active_low = (flags & 3) == 3,
		.ao_level = (flags >> 2 & 3) == 3,
	};
}

static void read_madt(const struct table *t)
{
	const struct madt *m = (const struct madt *)t;
	const u8 *e = (const u8 *)(m + 1), *end = (const u8 *)t + t->length;

	acpi.has_madt = true;
	acpi.lapic = m->lapic;
	for (; e + 2 <= end && e[1] >= 2 && e + e[1] <= end; e += e[1]) {
		if (e[0] == MADT_LAPIC)
			madt_add_cpu(e);
		else if (e[0] == MADT_IOAPIC)
			madt_add_ioapic(e);
		else if (e[0] == MADT_OVERRIDE)
			madt_add_override(e);
		else if (e[0] == MADT_LAPIC_ADDR)
			acpi.lapic = load_le64(e + 4);
	}
}

static void read_hpet(const struct table *t)
{
	const struct generic_address *ga =
		(const void *)((const u8 *)t + sizeof(*t) + 4);

	if (t->length < sizeof(*t) + 4 + sizeof(*ga) || ga->space == SPACE_IO)
		return;
	acpi.hpet = ga->addr;
	acpi.has_hpet = true;
}

/* PCI Firmware Specification, 4.1.2: 8 reserved bytes, then 16 per segment group; the first. */
static void read_mcfg(const struct table *t)
{
	const u8 *e = (const u8 *)t + sizeof(*t) + 8;

	if (t->length < sizeof(*t) + 8 + 16)
		return;
	acpi.mcfg_ecam = load_le64(e);
	acpi.mcfg_bus_start = e[10];
	acpi.mcfg_bus_end = e[11];
}

static void read_fadt(const struct table *t)
{
	const struct fadt *f = (const struct fadt *)t;

	if (t->length < offsetof(struct fadt, flags) + 4)
		return;
	fadt = f;
	dsdt = table_map(t->length >= sizeof(*f) && f->x_dsdt ? f->x_dsdt : f->dsdt);
}

static void read_table(const struct table *t)
{
	static const struct {
		char signature[5];
		void (*read)(const struct table *t);
	} readers[] = {
		{ "APIC", read_madt }, { "HPET", read_hpet },
		{ "MCFG", read_mcfg }, { "FACP", read_fadt },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(readers); i++)
		if (memcmp(t->signature, readers[i].signature, 4) == 0)
			readers[i].read(t);
}

void acpi_init(void)
{
	const struct rsdp *r = rsdp_find();
	const struct table *root = NULL;
	unsigned int width = 4;

	for (unsigned int i = 0; i < ACPI_ISA_IRQS; i++)
		acpi.isa[i].ao_gsi = i;
	if (!r) {
		printk("ACPI: no tables\n");
		return;
	}
	if (r->revision >= 2 && r->xsdt) {
		root = table_map(r->xsdt);
		width = 8;
	}
	if (!root) {
		root = table_map(r->rsdt);
		width = 4;
	}
	if (!root)
		return;
	for (u32 off = sizeof(*root); off + width <= root->length; off += width) {
		const u8 *p = (const u8 *)root + off;
		const struct table *t =
			table_map(width == 8 ? load_le64(p) : load_le32(p));

		if (t)
			read_table(t);
	}
}

/*
 * The two SLP_TYP values of the package _S5_ (7.4.2.6), found by its name in the
 * AML (20.2): the name, then PackageOp, length, count, integers.
 */
static bool find_s5(u8 typ[2])
{
	const u8 *p = (const u8 *)dsdt + sizeof(*dsdt);
	const u8 *end = (const u8 *)dsdt + dsdt->length;

	for (; p + 12 <= end; p++) {
		if (memcmp(p, "_S5_", 4) != 0 || p[4] != 0x12)
			continue;
		p += 5;
		p += (*p >> 6) + 1;		/* package length, 1 to 4 bytes */
		p++;				/* number of elements */
		for (int i = 0; i < 2 && p + 1 < end; i++) {
			if (*p == 0x0a)		/* BytePrefix; ZeroOp, OneOp stand for themselves */
				p++;
			typ[i] = *p++ & 7;
		}
		return true;
	}
	return false;
}

/* 4.8.2.5: the firmware may own the power registers until asked. */
static void enable_acpi_mode(void)
{
	if (!fadt->smi_cmd || !fadt->acpi_enable ||
	    inw((u16)fadt->pm1a_cnt) & PM1_SCI_EN)
		return;
	outb((u16)fadt->smi_cmd, fadt->acpi_enable);
	for (int i = 0; i < 1000000; i++)
		if (inw((u16)fadt->pm1a_cnt) & PM1_SCI_EN)
			return;
}

void acpi_power_off(void)
{
	u8 typ[2] = { 0, 0 };

	if (!fadt || !dsdt || !fadt->pm1a_cnt || !find_s5(typ))
		return;
	enable_acpi_mode();
	outw((u16)fadt->pm1a_cnt, PM1_SLP_TYP(typ[0]) | PM1_SLP_EN);
	if (fadt->pm1b_cnt)
		outw((u16)fadt->pm1b_cnt, PM1_SLP_TYP(typ[1]) | PM1_SLP_EN);
}

void acpi_reset(void)
{
	if (!fadt || fadt->head.length < offsetof(struct fadt, minor) ||
	    !(fadt->flags & FADT_RESET_REG) ||
	    fadt->reset_reg.space != SPACE_IO)
		return;
	outb((u16)fadt->reset_reg.addr, fadt->reset_value);
}
