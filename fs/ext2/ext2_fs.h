/* SPDX-License-Identifier: MIT */
/*
 * ext2 on disk; all numbers little-endian, as on every machine this runs on.
 * Names as in the documentation of e2fsprogs.
 */
#ifndef FS_EXT2_EXT2_FS_H
#define FS_EXT2_EXT2_FS_H

#include <compiler.h>
#include <types.h>

#define EXT2_SUPER_OFFSET	1024
#define EXT2_ROOT_INO		2
#define EXT2_JOURNAL_INO	8
#define EXT2_NDIR		12	/* direct blocks; then one of each kind of indirect */
#define EXT2_NBLOCKS		15
#define EXT2_NAME_LEN		255
#define EXT2_LINK_MAX		32000

struct ext2_super {
	u32 s_inodes_count, s_blocks_count, s_r_blocks_count;
	u32 s_free_blocks_count, s_free_inodes_count;
	u32 s_first_data_block, s_log_block_size, s_log_cluster_size;
	u32 s_blocks_per_group, s_clusters_per_group, s_inodes_per_group;
	u32 s_mtime, s_wtime;
	u16 s_mnt_count, s_max_mnt_count, s_magic, s_state, s_errors, s_minor_rev_level;
	u32 s_lastcheck, s_checkinterval, s_creator_os, s_rev_level;
	u16 s_def_resuid, s_def_resgid;
	/* From here on revision 1. */
	u32 s_first_ino;
	u16 s_inode_size, s_block_group_nr;
	u32 s_feature_compat, s_feature_incompat, s_feature_ro_compat;
	u8 s_uuid[16];
	char s_volume_name[16], s_last_mounted[64];
	u32 s_algorithm_bitmap;
	u8 s_prealloc_blocks, s_prealloc_dir_blocks;
	u16 s_reserved_gdt_blocks;
	u8 s_journal_uuid[16];
	u32 s_journal_inum, s_journal_dev, s_last_orphan;
	u32 s_hash_seed[4];
	u8 s_def_hash_version, s_jnl_backup_type;
	u16 s_desc_size;
	u32 s_default_mount_opts, s_first_meta_bg, s_mkfs_time, s_jnl_blocks[17];
	u32 s_blocks_count_hi, s_r_blocks_count_hi, s_free_blocks_hi;
	u16 s_min_extra_isize, s_want_extra_isize;
	u32 s_rest[168];
};
BUILD_ASSERT(sizeof(struct ext2_super) == 1024);
BUILD_ASSERT(offsetof(struct ext2_super, s_last_orphan) == 0xe8);
BUILD_ASSERT(offsetof(struct ext2_super, s_want_extra_isize) == 0x15e);

#define EXT2_SUPER_STATE_CLEAN	1
#define EXT2_SUPER_STATE_ERROR	2

#define EXT2_ERRORS_CONTINUE	1
#define EXT2_ERRORS_RO		2
#define EXT2_ERRORS_PANIC	3

#define EXT2_COMPAT_JOURNAL	0x0004
#define EXT2_COMPAT_DIR_INDEX	0x0020
#define EXT2_INCOMPAT_FILETYPE	0x0002
#define EXT2_INCOMPAT_RECOVER	0x0004	/* the journal is to be replayed */
#define EXT2_RO_SPARSE_SUPER	0x0001
#define EXT2_RO_LARGE_FILE	0x0002	/* some file has 2 GiB or more */

struct ext2_group {
	u32 bg_block_bitmap, bg_inode_bitmap, bg_inode_table;
	u16 bg_free_blocks, bg_free_inodes, bg_used_dirs, bg_flags;
	u32 bg_rest[3];
};
BUILD_ASSERT(sizeof(struct ext2_group) == 32);

struct ext2_inode {
	u16 i_mode, i_uid;
	u32 i_size;
	u32 i_atime, i_ctime, i_mtime;
	u32 i_dtime;			/* on the orphan list: the next inode of it */
	u16 i_gid, i_links_count;
	u32 i_blocks;			/* units of 512 bytes */
	u32 i_flags, i_version;
	u32 i_block[EXT2_NBLOCKS];
	u32 i_generation;
	u32 i_file_acl;			/* block of extended attributes */
	u32 i_size_high;		/* regular files */
	u32 i_faddr;
	u16 i_blocks_high, i_file_acl_high, i_uid_high, i_gid_high, i_checksum_lo, i_unused;
	/* Where inodes are larger than 128 bytes, as far as i_extra_isize says. */
	u16 i_extra_isize, i_checksum_hi;
	u32 i_ctime_extra, i_mtime_extra, i_atime_extra;	/* nanoseconds << 2, 2 bits of the year */
	u32 i_crtime, i_crtime_extra;
};
BUILD_ASSERT(offsetof(struct ext2_inode, i_extra_isize) == 128);
BUILD_ASSERT(sizeof(struct ext2_inode) == 128 + 24);

#define EXT2_GOOD_OLD_INODE_SIZE 128
#define EXT2_EXTRA_ISIZE	32	/* of new inodes of 256 bytes */
#define EXT2_EXTRA_TIMES	24	/* i_extra_isize where the times have their extra words */

#define EXT2_FL_APPEND		0x00000020
#define EXT2_FL_IMMUTABLE	0x00000010
#define EXT2_FL_INDEX		0x00001000
#define EXT2_FL_EXTENTS		0x00080000	/* ext4: not for us */
#define EXT2_FL_INLINE		0x10000000
/* What a new file has from its directory. */
#define EXT2_FL_INHERITED	0x000000ff

struct ext2_dirent {
	u32 d_ino;			/* 0: unused */
	u16 d_rec_len;
	u8 d_name_len, d_type;		/* d_type: with EXT2_INCOMPAT_FILETYPE */
	char d_name[];
};

#define EXT2_DIRENT_HEAD	8
#define EXT2_DIRENT_LEN(name_len) round_up((u32)(name_len) + EXT2_DIRENT_HEAD, 4u)

/* Block of extended attributes: as much as freeing one needs. */
struct ext2_xattr_head {
	u32 h_magic, h_refcount;
};
#define EXT2_XATTR_MAGIC	0xea020000u

#endif
