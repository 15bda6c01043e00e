/* SPDX-License-Identifier: MIT */
/*
 * Mount options of tmpfs(5): size, nr_blocks, nr_inodes, mode, uid, gid.
 */
#ifndef FS_TMPFS_OPTIONS_H
#define FS_TMPFS_OPTIONS_H

#include <types.h>

struct tmpfs_options {
	u64 to_pages;			/* limit, at most S64_MAX */
	u64 to_inodes;
	u32 to_mode;			/* of the root directory */
	uid_t to_uid;
	gid_t to_gid;
	bool to_has_size, to_has_inodes;	/* were given */
};

/* data: "name=value,..." or NULL. Defaults are filled in. -EINVAL. */
int tmpfs_parse_options(const char *data, struct tmpfs_options *out);
/* The same without defaults: what data does not say stays. */
int tmpfs_parse_more(const char *data, struct tmpfs_options *o);

#endif
