/* SPDX-License-Identifier: MIT */
/* statfs(2). */
#ifndef ABI_STATFS_H
#define ABI_STATFS_H

#include "types.h"

struct statfs {
	s64 f_type;
	s64 f_bsize;
	s64 f_blocks;
	s64 f_bfree;
	s64 f_bavail;
	s64 f_files;
	s64 f_ffree;
	struct {
		int val[2];
	} f_fsid;
	s64 f_namelen;
	s64 f_frsize;
	s64 f_flags;
	s64 f_spare[4];
};

#define TMPFS_MAGIC		0x01021994
#define PROC_SUPER_MAGIC	0x9fa0
#define EXT2_SUPER_MAGIC	0xef53
#define DEVPTS_SUPER_MAGIC	0x1cd1
#define PIPEFS_MAGIC		0x50495045
#define SOCKFS_MAGIC		0x534f434b
#define ANON_INODE_FS_MAGIC	0x09041934

/* f_flags */
#define ST_RDONLY	0x0001
#define ST_NOSUID	0x0002
#define ST_NODEV	0x0004
#define ST_NOEXEC	0x0008
#define ST_SYNCHRONOUS	0x0010
#define ST_VALID	0x0020
#define ST_NOATIME	0x0400
#define ST_NODIRATIME	0x0800
#define ST_RELATIME	0x1000

#endif
