/* SPDX-License-Identifier: MIT */
/*
 * Partition tables: MBR with extended partitions, GPT.
 */
#ifndef FS_PARTITION_H
#define FS_PARTITION_H

#include <types.h>

struct page;

struct partition {
	unsigned int pt_number;		/* from 1 on */
	u64 pt_start, pt_sectors;	/* in 512-byte sectors */
};

/* Read a page's worth of sectors. 0 or -errno. */
typedef int (*partition_read_fn)(void *disk, u64 sector, struct page *pg);

/*
 * The partitions of a disk of so many sectors, at most max, each inside the disk. How many, 0:
 * no table; -EIO, -ENOMEM. Tables are trusted with nothing: lengths, loops, positions are checked.
 */
int partition_scan(partition_read_fn read, void *disk, u64 sectors, u32 block_size,
		   struct partition *out, unsigned int max);

#endif
