/* SPDX-License-Identifier: MIT */
/* stat(2), statx(2), inode(7). */
#ifndef ABI_STAT_H
#define ABI_STAT_H

#include "types.h"

#define S_IFMT		00170000
#define S_IFSOCK	0140000
#define S_IFLNK		0120000
#define S_IFREG		0100000
#define S_IFBLK		0060000
#define S_IFDIR		0040000
#define S_IFCHR		0020000
#define S_IFIFO		0010000
#define S_ISUID		0004000
#define S_ISGID		0002000
#define S_ISVTX		0001000
#define S_IRWXU		00700
#define S_IRUSR		00400
#define S_IWUSR		00200
#define S_IXUSR		00100
#define S_IRWXG		00070
#define S_IRGRP		00040
#define S_IWGRP		00020
#define S_IXGRP		00010
#define S_IRWXO		00007
#define S_IROTH		00004
#define S_IWOTH		00002
#define S_IXOTH		00001

#define S_ISLNK(m)	(((m) & S_IFMT) == S_IFLNK)
#define S_ISREG(m)	(((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m)	(((m) & S_IFMT) == S_IFDIR)
#define S_ISCHR(m)	(((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m)	(((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m)	(((m) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(m)	(((m) & S_IFMT) == S_IFSOCK)

struct stat {
	u64 st_dev;
	u64 st_ino;
	u64 st_nlink;
	u32 st_mode;
	u32 st_uid;
	u32 st_gid;
	u32 __pad0;
	u64 st_rdev;
	s64 st_size;
	s64 st_blksize;
	s64 st_blocks;		/* in units of 512 bytes */
	u64 st_atime;
	u64 st_atime_nsec;
	u64 st_mtime;
	u64 st_mtime_nsec;
	u64 st_ctime;
	u64 st_ctime_nsec;
	s64 __reserved[3];
};

struct statx_timestamp {
	s64 tv_sec;
	u32 tv_nsec;
	s32 __reserved;
};

struct statx {
	u32 stx_mask;
	u32 stx_blksize;
	u64 stx_attributes;
	u32 stx_nlink;
	u32 stx_uid;
	u32 stx_gid;
	u16 stx_mode;
	u16 __spare0[1];
	u64 stx_ino;
	u64 stx_size;
	u64 stx_blocks;
	u64 stx_attributes_mask;
	struct statx_timestamp stx_atime;
	struct statx_timestamp stx_btime;
	struct statx_timestamp stx_ctime;
	struct statx_timestamp stx_mtime;
	u32 stx_rdev_major;
	u32 stx_rdev_minor;
	u32 stx_dev_major;
	u32 stx_dev_minor;
	u64 stx_mnt_id;
	u32 stx_dio_mem_align;
	u32 stx_dio_offset_align;
	u64 __spare3[12];
};

#define STATX_TYPE		0x00000001u
#define STATX_MODE		0x00000002u
#define STATX_NLINK		0x00000004u
#define STATX_UID		0x00000008u
#define STATX_GID		0x00000010u
#define STATX_ATIME		0x00000020u
#define STATX_MTIME		0x00000040u
#define STATX_CTIME		0x00000080u
#define STATX_INO		0x00000100u
#define STATX_SIZE		0x00000200u
#define STATX_BLOCKS		0x00000400u
#define STATX_BASIC_STATS	0x000007ffu
#define STATX_BTIME		0x00000800u
#define STATX_MNT_ID		0x00001000u
#define STATX_DIOALIGN		0x00002000u
#define STATX__RESERVED		0x80000000u

#define STATX_ATTR_IMMUTABLE	0x00000010
#define STATX_ATTR_APPEND	0x00000020
#define STATX_ATTR_MOUNT_ROOT	0x00002000

/* utimensat(2) */
#define UTIME_NOW	((1l << 30) - 1l)
#define UTIME_OMIT	((1l << 30) - 2l)

/* Device numbers as in st_dev, st_rdev and mknod(2): makedev(3). */
static inline dev_t dev_make(u32 major, u32 minor)
{
	return (minor & 0xff) | (dev_t)(major & 0xfff) << 8 |
	       (dev_t)(minor & ~0xffu) << 12;
}

static inline u32 dev_major(dev_t dev)
{
	return (dev >> 8) & 0xfff;
}

static inline u32 dev_minor(dev_t dev)
{
	return (dev & 0xff) | ((dev >> 12) & ~0xffu);
}

#endif
