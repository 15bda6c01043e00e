/* SPDX-License-Identifier: MIT */
/*
 * Partition tables. MBR: four entries in sector 0; an entry of type "extended" starts a chain of
 * sectors with one logical partition each, numbered from 5 on. GPT (UEFI 2.10, section 5.3): a
 * protective MBR, a header in block 1 and a copy in the last block, each with a checksum over
 * itself and one over its table; the copy counts when the first is damaged.
 *
 * The numbers in the tables may be anything. Each is checked against the size of the disk before
 * it is used, and each chain has a limit. Partitions that start behind the end of the disk are
 * left out; those that reach over it are cut.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/partition.h"
#include "kernel/lib/string.h"
#include "mm/page.h"

#define MBR_TABLE	446
#define MBR_MAGIC	510
#define MBR_GPT		0xee
#define LOGICAL_FIRST	5
#define LOGICAL_MAX	60
#define GPT_MIN_HEADER	92
#define GPT_MAX_ENTRIES	1024
#define SECTORS_PER_PAGE (PAGE_SIZE / 512)

struct scan {
	partition_read_fn sc_read;
	void *sc_disk;
	u64 sc_sectors;
	u32 sc_block;			/* sectors of a logical block */
	struct page *sc_page;		/* what was read last */
	u8 *sc_buf;
	struct partition *sc_out;
	unsigned int sc_n, sc_max;
};

static u32 le32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static u64 le64(const u8 *p)
{
	return le32(p) | (u64)le32(p + 4) << 32;
}

/* CRC-32 as in IEEE 802.3; a bit at a time will do for a few kilobytes at boot. */
static u32 crc32(u32 crc, const u8 *p, size_t n)
{
	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* *p is then the sector's first byte. The page may begin earlier, at the end of the disk. */
static int read_at(struct scan *sc, u64 sector, u8 **p)
{
	u64 first = sector;

	if (sector >= sc->sc_sectors)
		return -EINVAL;
	if (sc->sc_sectors - sector < SECTORS_PER_PAGE)
		first = sc->sc_sectors - SECTORS_PER_PAGE;
	*p = sc->sc_buf + (sector - first) * 512;
	return sc->sc_read(sc->sc_disk, first, sc->sc_page);
}

static void add(struct scan *sc, unsigned int number, u64 start, u64 sectors)
{
	if (!sectors || !start || start >= sc->sc_sectors || sc->sc_n == sc->sc_max)
		return;
	sc->sc_out[sc->sc_n++] = (struct partition){
		number, start, sectors < sc->sc_sectors - start ? sectors : sc->sc_sectors - start,
	};
}

/* ---- MBR ---- */

struct mbr_entry {
	u8 type;
	u64 start, sectors;		/* in sectors, start relative to where the format says */
};

static bool extended(const struct mbr_entry *e)
{
	return e->type == 0x05 || e->type == 0x0f || e->type == 0x85;
}

/* The four entries; false when this is no partition table. */
static bool mbr_parse(const struct scan *sc, const u8 *p, struct mbr_entry e[4])
{
	if (p[MBR_MAGIC] != 0x55 || p[MBR_MAGIC + 1] != 0xaa)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		const u8 *raw = p + MBR_TABLE + i * 16;

		/* A boot sector without a table, of a FAT for instance, has code here. */
		if (raw[0] & 0x7f)
			return false;
		e[i] = (struct mbr_entry){ raw[4], (u64)le32(raw + 8) * sc->sc_block,
					   (u64)le32(raw + 12) * sc->sc_block };
	}
	return true;
}

/*
 * The chain of an extended partition: the first entry of each sector is a partition relative to
 * this sector, the second leads to the next, relative to the whole.
 */
static int scan_extended(struct scan *sc, u64 base, u64 size)
{
	u64 at = base;

	for (unsigned int i = 0; i < LOGICAL_MAX; i++) {
		struct mbr_entry e[4];
		u8 *p;
		int err = read_at(sc, at, &p);

		if (err)
			return err == -EINVAL ? 0 : err;
		if (!mbr_parse(sc, p, e))
			return 0;
		if (e[0].type && !extended(&e[0]))
			add(sc, LOGICAL_FIRST + i, at + e[0].start, e[0].sectors);
		/* Chains that stay where they are or lead out of the partition end here. */
		if (!extended(&e[1]) || !e[1].start || e[1].start >= size || base + e[1].start <= at)
			return 0;
		at = base + e[1].start;
	}
	return 0;
}

static int scan_mbr(struct scan *sc, const struct mbr_entry e[4])
{
	for (unsigned int i = 0; i < 4; i++) {
		if (e[i].type && !extended(&e[i]))
			add(sc, i + 1, e[i].start, e[i].sectors);
		/* The extended one itself holds nothing: two sectors, for boot loaders. */
		else if (e[i].type)
			add(sc, i + 1, e[i].start, e[i].sectors < 2 ? e[i].sectors : 2);
	}
	for (unsigned int i = 0; i < 4; i++) {
		if (extended(&e[i]) && e[i].start)
			return scan_extended(sc, e[i].start, e[i].sectors);
	}
	return 0;
}

/* ---- GPT ---- */

struct gpt {
	u64 first, last;		/* usable blocks */
	u64 table;			/* its first block */
	u32 entries, size, crc;
};

/* The header in block lba. -EINVAL when it is damaged. */
static int gpt_header(struct scan *sc, u64 lba, struct gpt *g)
{
	u8 *p;
	u32 size, crc;
	int err = read_at(sc, lba * sc->sc_block, &p);

	if (err)
		return err;
	size = le32(p + 12);
	if (memcmp(p, "EFI PART", 8) != 0 || size < GPT_MIN_HEADER || size > sc->sc_block * 512)
		return -EINVAL;
	crc = le32(p + 16);
	memset(p + 16, 0, 4);
	if (crc32(0, p, size) != crc || le64(p + 24) != lba)
		return -EINVAL;
	*g = (struct gpt){ le64(p + 40), le64(p + 48), le64(p + 72),
			   le32(p + 80), le32(p + 84), le32(p + 88) };
	/* Entries of a power of two lie in one page each. */
	if (g->size < 128 || g->size > PAGE_SIZE || g->size & (g->size - 1) ||
	    g->entries > GPT_MAX_ENTRIES || g->first > g->last ||
	    g->last >= sc->sc_sectors / sc->sc_block || g->table >= sc->sc_sectors / sc->sc_block)
		return -EINVAL;
	return 0;
}

static void gpt_entry(struct scan *sc, const struct gpt *g, unsigned int i, const u8 *e)
{
	static const u8 unused[16];
	u64 first = le64(e + 32), last = le64(e + 40);

	if (memcmp(e, unused, 16) == 0 || first < g->first || last > g->last || first > last)
		return;
	add(sc, i + 1, first * sc->sc_block, (last - first + 1) * sc->sc_block);
}

/* Go over the table once: with enter false to find its checksum, then to take it in. */
static int gpt_table(struct scan *sc, const struct gpt *g, bool enter)
{
	u32 per_page = PAGE_SIZE / g->size, crc = 0;

	for (u32 i = 0; i < g->entries; i += per_page) {
		u64 sector = g->table * sc->sc_block + (u64)i * g->size / 512;
		u32 n = g->entries - i < per_page ? g->entries - i : per_page;
		u8 *p;
		int err = read_at(sc, sector, &p);

		if (err)
			return err;
		if ((size_t)(p - sc->sc_buf) + (size_t)n * g->size > PAGE_SIZE)
			return -EINVAL;
		crc = crc32(crc, p, (size_t)n * g->size);
		for (u32 k = 0; enter && k < n; k++)
			gpt_entry(sc, g, i + k, p + (size_t)k * g->size);
	}
	return crc == g->crc ? 0 : -EINVAL;
}

static int scan_gpt(struct scan *sc)
{
	u64 headers[2] = { 1, sc->sc_sectors / sc->sc_block - 1 };
	int err = -EINVAL;

	for (unsigned int i = 0; i < 2; i++) {
		struct gpt g;

		err = gpt_header(sc, headers[i], &g);
		if (!err)
			err = gpt_table(sc, &g, false);
		if (!err)
			return gpt_table(sc, &g, true);
	}
	return err == -EINVAL ? 0 : err;
}

int partition_scan(partition_read_fn read, void *disk, u64 sectors, u32 block_size,
		   struct partition *out, unsigned int max)
{
	struct scan sc = {
		.sc_read = read, .sc_disk = disk, .sc_block = block_size / 512,
		.sc_sectors = sectors, .sc_out = out, .sc_max = max,
	};
	struct mbr_entry e[4];
	bool gpt = false;
	u8 *p;
	int err;

	if (sectors < SECTORS_PER_PAGE)
		return 0;
	sc.sc_page = page_alloc(0, ALLOC_WAIT);
	if (!sc.sc_page)
		return -ENOMEM;
	sc.sc_buf = page_to_virt(sc.sc_page);
	err = read_at(&sc, 0, &p);
	if (!err && mbr_parse(&sc, p, e)) {
		for (unsigned int i = 0; i < 4; i++)
			gpt |= e[i].type == MBR_GPT;
		err = gpt ? scan_gpt(&sc) : scan_mbr(&sc, e);
	}
	page_free(sc.sc_page, 0);
	return err ? err : (int)sc.sc_n;
}
