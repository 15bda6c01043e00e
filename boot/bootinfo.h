/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader told us, in one form for Multiboot2 and PVH, and the
 * early allocator that hands out memory until mm/buddy.c takes over.
 *
 * bootinfo_init() runs once, on the boot CPU, before interrupts; afterwards the
 * structure is read-only. All addresses are physical.
 */
#ifndef BOOT_BOOTINFO_H
#define BOOT_BOOTINFO_H

#include <types.h>

#define BOOT_MAX_RANGES		64
#define BOOT_MAX_MODULES	8
#define BOOT_CMDLINE_MAX	1024

struct boot_range {		/* [start, end), page aligned for usable RAM */
	paddr_t start;
	paddr_t end;
};

struct boot_module {
	paddr_t start;		/* as loaded; page aligned by GRUB and QEMU */
	paddr_t end;
};

struct boot_framebuffer {
	paddr_t addr;		/* 0: none; VGA text may still be there */
	u32 pitch, width, height;
	u8 bpp;
	u8 type;		/* 1: direct RGB, 2: EGA text */
};

struct bootinfo {
	const char *bi_loader;			/* "multiboot2" or "pvh" */
	char bi_cmdline[BOOT_CMDLINE_MAX];
	unsigned int bi_nram;
	struct boot_range bi_ram[BOOT_MAX_RANGES];	/* usable RAM, sorted */
	unsigned int bi_nmodules;
	struct boot_module bi_modules[BOOT_MAX_MODULES];
	paddr_t bi_rsdp;			/* physical address of the RSDP (or a copy), or 0 */
	paddr_t bi_trampoline;			/* a page below 1 MiB for ap.S, or 0 */
	struct boot_framebuffer bi_fb;
};

extern struct bootinfo bootinfo;

/* Parse the loader's tables. magic and info as in eax and ebx at entry. */
void bootinfo_init(u32 magic, paddr_t info);

/*
 * Early allocator: physically contiguous memory out of bi_ram that nobody has
 * reserved (kernel image, modules, the first page, the trampoline). What the
 * loader's tables say has been copied, so their memory counts as free. Never freed.
 * early_alloc() returns whole pages, zeroed, below 4 GiB, where the direct map
 * reaches from the first instruction on; panics when there are none.
 */
struct boot_ranges;
void early_init(const struct boot_ranges *ram);		/* bootinfo.c */
paddr_t early_alloc(size_t size, size_t align);
paddr_t early_try_alloc(size_t size, size_t align);	/* 0 when there are none */
bool early_is_open(void);	/* not yet handed over */
void early_reserve(paddr_t start, paddr_t end);

/*
 * Hand what is left over to fn, range by range (page aligned, ascending), and
 * close the early allocator. Called by page_init() (mm/buddy.c) only.
 */
void early_release(void (*fn)(paddr_t start, paddr_t end));

/* boot.S: the boot CPU's stack (later idle/0's) and the page below it. */
extern char boot_stack_guard[], boot_stack[], boot_stack_top[];
/* linker.ld: where things lie in the image. */
extern const char image_start[], image_end[], kernel_text_start[],
		  kernel_text_end[], kernel_rodata_start[],
		  kernel_rodata_end[], kernel_data_start[],
		  kernel_bss_start[], kernel_bss_end[], percpu_start[],
		  percpu_end[], init_start[], init_end[];

/*
 * Sorted sets of disjoint ranges, for the two files in boot/. Add merges with
 * neighbours; what does not fit into BOOT_MAX_RANGES is left out (unused memory).
 */
struct boot_ranges {
	unsigned int br_n;
	struct boot_range br_range[BOOT_MAX_RANGES];
};
void boot_ranges_add(struct boot_ranges *set, paddr_t start, paddr_t end);
void boot_ranges_remove(struct boot_ranges *set, paddr_t start, paddr_t end);

#endif
