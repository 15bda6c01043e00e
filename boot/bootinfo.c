/* SPDX-License-Identifier: MIT */
/*
 * Reads the tables that the boot loader left, Multiboot2's (specification 2.0,
 * section 3.6) or PVH's (Xen's struct hvm_start_info), and copies all that matters into
 * struct bootinfo. Called first by kmain(); then early_alloc() works.
 *
 * The tables lie below 4 GiB, which the first page tables map at DIRECT_MAP_BASE. Nothing is
 * allocated while they are read, so that their memory may be reused afterwards.
 */
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "kernel/lib/string.h"
#include "kernel/x86/memlayout.h"

#define MB2_MAGIC	0x36d76289
#define PVH_MAGIC	0x336ec578

enum mb2_tag_type {
	MB2_END = 0, MB2_CMDLINE = 1, MB2_MODULE = 3, MB2_MMAP = 6,
	MB2_FRAMEBUFFER = 8, MB2_RSDP_OLD = 14, MB2_RSDP_NEW = 15,
};

struct mb2_tag {
	u32 type;
	u32 size;			/* with this header, without padding to 8 */
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
};

/* Type 1 is usable RAM, in Multiboot2's map as in PVH's and the BIOS's. */
#define MEM_RAM		1

struct mb2_mmap_entry {
	u64 addr, len;
	u32 type, zero;
};

struct mb2_framebuffer {
	struct mb2_tag tag;
	u64 addr;
	u32 pitch, width, height;
	u8 bpp, type;
};

struct pvh_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline, rsdp;
	u64 memmap;			/* version 1 and later */
	u32 memmap_entries, reserved;
};

struct pvh_module {
	u64 addr, size, cmdline, reserved;
};

struct pvh_memmap_entry {
	u64 addr, size;
	u32 type, reserved;
};

#define RSDP_SIZE	36

struct bootinfo bootinfo;
static u8 rsdp_copy[RSDP_SIZE] __aligned(8);
/* The memory map; what is something else than RAM wins where entries overlap. */
static struct boot_ranges ram, not_ram;

static void add_memory(u64 addr, u64 len, u32 type)
{
	u64 end = addr + len;

	if (end < addr)
		return;
	if (type == MEM_RAM)
		boot_ranges_add(&ram, round_up(addr, PAGE_SIZE),
				round_down(end, PAGE_SIZE));
	else
		boot_ranges_add(&not_ram, round_down(addr, PAGE_SIZE),
				round_up(end, PAGE_SIZE));
}

static void add_module(paddr_t start, paddr_t end)
{
	if (end <= start)
		return;
	if (bootinfo.bi_nmodules == BOOT_MAX_MODULES)
		panic("more than %d boot modules", BOOT_MAX_MODULES);
	bootinfo.bi_modules[bootinfo.bi_nmodules++] =
		(struct boot_module){ start, end };
}

static void mb2_read_mmap(const struct mb2_mmap *map)
{
	const char *p = (const char *)(map + 1);
	const char *end = (const char *)map + map->tag.size;

	for (; p + sizeof(struct mb2_mmap_entry) <= end; p += map->entry_size) {
		const struct mb2_mmap_entry *e = (const void *)p;

		add_memory(e->addr, e->len, e->type);
	}
}

static void mb2_read_framebuffer(const struct mb2_framebuffer *fb)
{
	bootinfo.bi_fb = (struct boot_framebuffer){
		.addr = fb->addr, .pitch = fb->pitch, .width = fb->width,
		.height = fb->height, .bpp = fb->bpp, .type = fb->type,
	};
}

static void mb2_read_tag(const struct mb2_tag *tag)
{
	const struct mb2_module *mod = (const void *)tag;

	switch (tag->type) {
	case MB2_CMDLINE:
		str_copy(bootinfo.bi_cmdline, (const char *)(tag + 1),
			 BOOT_CMDLINE_MAX);
		break;
	case MB2_MODULE:
		add_module(mod->start, mod->end);
		break;
	case MB2_MMAP:
		mb2_read_mmap((const void *)tag);
		break;
	case MB2_FRAMEBUFFER:
		mb2_read_framebuffer((const void *)tag);
		break;
	case MB2_RSDP_OLD:
		if (bootinfo.bi_rsdp)
			break;
		__fallthrough;
	case MB2_RSDP_NEW:
		/* The tag holds a copy, in memory that is about to be reused. */
		memcpy(rsdp_copy, tag + 1,
		       min(tag->size - sizeof(*tag), sizeof(rsdp_copy)));
		bootinfo.bi_rsdp = image_to_phys(rsdp_copy);
		break;
	}
}

static void mb2_read(paddr_t info)
{
	const char *p = phys_to_virt(info);
	const char *end = p + *(const u32 *)p;

	bootinfo.bi_loader = "multiboot2";
	for (p += 8; p + sizeof(struct mb2_tag) <= end;) {
		const struct mb2_tag *tag = (const void *)p;

		if (tag->type == MB2_END || tag->size < sizeof(*tag))
			break;
		mb2_read_tag(tag);
		p += round_up(tag->size, 8);
	}
}

static void pvh_read(paddr_t info)
{
	const struct pvh_start_info *si = phys_to_virt(info);
	const struct pvh_module *mod = phys_to_virt(si->modlist);
	const struct pvh_memmap_entry *mem = phys_to_virt(si->memmap);

	bootinfo.bi_loader = "pvh";
	if (si->cmdline)
		str_copy(bootinfo.bi_cmdline, phys_to_virt(si->cmdline),
			 BOOT_CMDLINE_MAX);
	for (u32 i = 0; i < si->nr_modules; i++)
		add_module(mod[i].addr, mod[i].addr + mod[i].size);
	if (si->version >= 1)
		for (u32 i = 0; i < si->memmap_entries; i++)
			add_memory(mem[i].addr, mem[i].size, mem[i].type);
	bootinfo.bi_rsdp = si->rsdp;
}

/* The highest page of RAM that the start-up IPI can name and no firmware area follows. */
static paddr_t find_trampoline(void)
{
	paddr_t best = 0;

	for (unsigned int i = 0; i < ram.br_n; i++) {
		const struct boot_range *r = &ram.br_range[i];
		paddr_t end = min(r->end, (paddr_t)0xa0000);

		if (end >= max(r->start, PAGE_SIZE) + PAGE_SIZE)
			best = end - PAGE_SIZE;
	}
	return best;
}

void bootinfo_init(u32 magic, paddr_t info)
{
	if (magic == MB2_MAGIC)
		mb2_read(info);
	else if (magic == PVH_MAGIC)
		pvh_read(info);
	else
		panic("started by an unknown boot loader (magic %x)", magic);

	for (unsigned int i = 0; i < not_ram.br_n; i++)
		boot_ranges_remove(&ram, not_ram.br_range[i].start,
				   not_ram.br_range[i].end);
	if (ram.br_n == 0)
		panic("the boot loader gave no memory map");

	/* Page 0 stays out, so that physical address 0 means "none" everywhere. */
	boot_ranges_remove(&ram, 0, PAGE_SIZE);
	bootinfo.bi_nram = ram.br_n;
	memcpy(bootinfo.bi_ram, ram.br_range, sizeof(bootinfo.bi_ram));
	bootinfo.bi_trampoline = find_trampoline();
	early_init(&ram);
	early_reserve(image_to_phys(image_start), image_to_phys(image_end));
	for (unsigned int i = 0; i < bootinfo.bi_nmodules; i++)
		early_reserve(bootinfo.bi_modules[i].start,
			      bootinfo.bi_modules[i].end);
	if (bootinfo.bi_trampoline)
		early_reserve(bootinfo.bi_trampoline,
			      bootinfo.bi_trampoline + PAGE_SIZE);
}
