/* SPDX-License-Identifier: MIT */
/* getdents64(2). */
#ifndef ABI_DIRENT_H
#define ABI_DIRENT_H

#include "types.h"

struct linux_dirent64 {
	u64 d_ino;
	s64 d_off;
	u16 d_reclen;		/* of the record, a multiple of 8 */
	u8 d_type;
	char d_name[];
};

#define DT_UNKNOWN	0
#define DT_FIFO		1
#define DT_CHR		2
#define DT_DIR		4
#define DT_BLK		6
#define DT_REG		8
#define DT_LNK		10
#define DT_SOCK		12
#define DT_WHT		14

#endif
