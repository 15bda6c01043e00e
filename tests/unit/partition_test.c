/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/string.c
 *
 * fs/partition.c: tables as tools write them, damaged ones, and random bytes.
 */
#include "tests/unit/shim/shim.h"

#include "fs/partition.c"
#include "tests/unit/unit.h"

#define SECTORS		8192u
#define MAX		128

static u8 *image;
static struct partition found[MAX];
static unsigned int reads;

struct page *page_alloc(unsigned int order, unsigned int flags)
{
	CHECK(order == 0 && !flags);
	return pfn_to_page(1);
}

void page_free(struct page *pg, unsigned int order)
{
	CHECK(pg == pfn_to_page(1) && order == 0);
}

static int read_image(void *disk, u64 sector, struct page *pg)
{
	u64 sectors = *(u64 *)disk;

	reads++;
	if (sector + 8 > sectors) {
		CHECK(!"inside the disk");
		return -EIO;
	}
	memcpy(page_to_virt(pg), image + sector * 512, PAGE_SIZE);
	return 0;
}

static int scan(u64 sectors)
{
	int n;

	reads = 0;
	n = partition_scan(read_image, &sectors, sectors, 512, found, MAX);
	CHECK(reads < 4096);
	for (int i = 0; i < n; i++)
		CHECK(found[i].pt_number && found[i].pt_start && found[i].pt_sectors &&
		      found[i].pt_start < sectors &&
		      found[i].pt_sectors <= sectors - found[i].pt_start);
	return n;
}

static void put32(u8 *p, u32 v)
{
	memcpy(p, &v, 4);
}

static void put64(u8 *p, u64 v)
{
	memcpy(p, &v, 8);
}

static void entry(u64 sector, unsigned int i, u8 type, u32 start, u32 sectors)
{
	u8 *p = image + sector * 512 + MBR_TABLE + i * 16;

	p[4] = type;
	put32(p + 8, start);
	put32(p + 12, sectors);
	image[sector * 512 + 510] = 0x55;
	image[sector * 512 + 511] = 0xaa;
}

static void clear(void)
{
	memset(image, 0, SECTORS * 512);
}

static void check(int i, unsigned int number, u64 start, u64 sectors)
{
	CHECK_EQ(found[i].pt_number, number);
	CHECK_EQ(found[i].pt_start, start);
	CHECK_EQ(found[i].pt_sectors, sectors);
}

static void test_none(void)
{
	clear();
	CHECK_EQ(scan(SECTORS), 0);
	CHECK_EQ(scan(7), 0);
	CHECK_EQ(scan(8), 0);
	/* A boot sector with code where the table would be. */
	entry(0, 0, 0x83, 1, 100);
	image[MBR_TABLE + 16] = 0x33;
	CHECK_EQ(scan(SECTORS), 0);
}

static void test_mbr(void)
{
	clear();
	entry(0, 0, 0x83, 2048, 1024);
	entry(0, 2, 0x82, 4096, 1 << 30);
	entry(0, 3, 0x83, SECTORS, 1);
	CHECK_EQ(scan(SECTORS), 2);
	check(0, 1, 2048, 1024);
	check(1, 3, 4096, SECTORS - 4096);
}

static void test_logical(void)
{
	clear();
	entry(0, 0, 0x83, 64, 64);
	entry(0, 1, 0x05, 1000, 3000);
	entry(1000, 0, 0x83, 8, 100);
	entry(1000, 1, 0x05, 500, 500);
	entry(1500, 0, 0x83, 8, 200);
	entry(1500, 1, 0x05, 1000, 500);
	entry(2000, 0, 0x83, 16, 300);
	CHECK_EQ(scan(SECTORS), 5);
	check(1, 2, 1000, 2);
	check(2, 5, 1008, 100);
	check(3, 6, 1508, 200);
	check(4, 7, 2016, 300);
	/* A chain that bites its own tail. */
	entry(2000, 1, 0x05, 500, 500);
	CHECK_EQ(scan(SECTORS), 5);
	entry(1000, 1, 0x05, 0, 500);
	CHECK_EQ(scan(SECTORS), 3);
	/* One that leaves the extended partition, or the disk. */
	entry(1000, 1, 0x05, 3500, 500);
	CHECK_EQ(scan(SECTORS), 3);
	entry(0, 1, 0x05, SECTORS + 5, ~0u);
	CHECK_EQ(scan(SECTORS), 1);
}

/* A header at block lba, for the table at table. */
static void gpt_at(u64 lba, u64 table, u32 entries)
{
	u8 *p = image + lba * 512;

	memset(p, 0, 512);
	memcpy(p, "EFI PART", 8);
	put32(p + 12, 92);
	put64(p + 24, lba);
	put64(p + 40, 34);
	put64(p + 48, SECTORS - 34);
	put64(p + 72, table);
	put32(p + 80, entries);
	put32(p + 84, 128);
	if (table < SECTORS)
		put32(p + 88, crc32(0, image + table * 512, (size_t)entries * 128));
	put32(p + 16, crc32(0, p, 92));
}

static void gpt_entry_at(u64 table, unsigned int i, u64 first, u64 last)
{
	u8 *p = image + table * 512 + i * 128;

	memset(p, 0x11, 16);
	put64(p + 32, first);
	put64(p + 40, last);
}

static void gpt_image(void)
{
	clear();
	entry(0, 0, 0xee, 1, SECTORS - 1);
	for (int k = 0; k < 2; k++) {
		u64 table = k ? SECTORS - 33 : 2;

		gpt_entry_at(table, 0, 40, 1039);
		gpt_entry_at(table, 5, 2000, 2000);
		gpt_entry_at(table, 6, 3000, 2999);	/* the wrong way round */
		gpt_entry_at(table, 7, 3000, SECTORS);	/* too far */
		gpt_entry_at(table, 127, 4000, 4999);
		gpt_at(k ? SECTORS - 1 : 1, table, 128);
	}
}

static void gpt_good(void)
{
	CHECK_EQ(scan(SECTORS), 3);
	check(0, 1, 40, 1000);
	check(1, 6, 2000, 1);
	check(2, 128, 4000, 1000);
}

static void test_gpt(void)
{
	CHECK_EQ(crc32(0, (const u8 *)"123456789", 9), 0xcbf43926);
	gpt_image();
	gpt_good();
	/* The first header, or its table, is damaged: the copy counts. */
	image[512 + 41]++;
	gpt_good();
	gpt_image();
	image[2 * 512 + 128 * 60]++;
	gpt_good();
	/* Both. */
	image[(SECTORS - 1) * 512 + 9]++;
	CHECK_EQ(scan(SECTORS), 0);
	/* Numbers that are too large, with a good checksum. */
	gpt_image();
	gpt_at(1, SECTORS + 5, 128);
	gpt_good();
}

/* Tables out of random bytes must not lead outside, loop, or crash. */
static void test_random(void)
{
	for (int round = 0; round < 3000; round++) {
		if (round % 2)
			gpt_image();
		else
			clear();
		for (int i = 0; i < 30; i++) {
			u64 sector = unit_below(8) ? unit_below(40) : unit_below(SECTORS);

			entry(sector, (unsigned int)unit_below(4),
			      (u8[]){ 0x83, 0x05, 0x0f, 0xee }[unit_below(4)],
			      unit_below(2) ? (u32)unit_below(50) : (u32)unit_rand(),
			      unit_below(2) ? (u32)unit_below(5000) : (u32)unit_rand());
		}
		if (round % 2) {
			image[512 + unit_below(100)] ^= (u8)unit_rand();
			put32(image + 512 + 16, 0);
			put32(image + 512 + 16, crc32(0, image + 512, 92));
		}
		CHECK(scan(8 + unit_below(SECTORS - 7)) <= MAX);
	}
}

int main(void)
{
	shim_ram_init(1024, sizeof(struct page));
	image = unit_alloc(SECTORS * 512 + PAGE_SIZE);
	UNIT_RUN(test_none);
	UNIT_RUN(test_mbr);
	UNIT_RUN(test_logical);
	UNIT_RUN(test_gpt);
	UNIT_RUN(test_random);
	unit_free(image);
	shim_ram_free();
	return unit_end();
}
