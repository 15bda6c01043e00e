/* SPDX-License-Identifier: MIT */
/* ABI facts that only the C library's headers show. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/unit/abi/table.h"

#define linux_dirent64	dirent64

const struct abi_fact abi_libc[] = {
#include "tests/unit/abi/libc_only.h"
	{ NULL, 0 },
};
