/* SPDX-License-Identifier: MIT */
/*
 * Path walk.
 */
#ifndef FS_NAMEI_H
#define FS_NAMEI_H

#include "fs/file.h"

struct proc;

/* Working directory, root and umask; shared by CLONE_FS. */
struct fs_context;
/* Root directory of the first mount */
int fs_context_create(struct fs_context **out);
int fs_context_fork(struct fs_context *from, struct fs_context **out);
struct fs_context *fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);

#define LOOKUP_FOLLOW	0x1		/* follow a symbolic link in the last component */
#define LOOKUP_DIRECTORY 0x2		/* must be a directory */
#define LOOKUP_EMPTY	0x4		/* "" means dirfd itself (AT_EMPTY_PATH) */
#define LOOKUP_PARENT	0x8		/* stop at the directory of the last component */
/* openat2(2): RESOLVE_* */
#define LOOKUP_NO_XDEV	0x10		/* stay on the mount where it starts: -EXDEV */
#define LOOKUP_NO_MAGIC	0x20		/* no magic links: -ELOOP */
#define LOOKUP_NO_LINKS	0x40		/* no symbolic links of any kind: -ELOOP */
#define LOOKUP_BENEATH	0x80		/* never above where it starts: -EXDEV */
#define LOOKUP_IN_ROOT	0x100		/* where it starts is the root directory */
#define LOOKUP_RESOLVE	0x1f0		/* any of these five */
#define LOOKUP_SCOPED	(LOOKUP_BENEATH | LOOKUP_IN_ROOT)

/*
 * Existing file. dirfd: AT_FDCWD or a directory descriptor. 0 or -errno; *out
 * holds references.
 */
int path_lookup_user(int dirfd, const char __user *name, unsigned int flags, struct path *out);
int path_lookup(int dirfd, const char *name, unsigned int flags, struct path *out);
void path_get(const struct path *p);
void path_put(struct path *p);
/* Open by kernel string, for exec and the first process. flags O_*. */
int path_open(int dirfd, const char *name, int flags, mode_t mode, struct file **out);
/* The same with further LOOKUP_* flags. */
int path_open_as(int dirfd, const char *name, int flags, mode_t mode, unsigned int lookup,
		 struct file **out);
/*
 * For the kernel itself, at boot: make a directory; the parent must exist.
 * -EEXIST ...
 */
int fs_make_dir(const char *name, mode_t mode);
/*
 * Absolute name into the END of buf as seen from the current root; returns
 * start. " (deleted)" appended. NULL: does not fit.
 */
char *path_name(const struct path *p, char *buf, size_t size);
/*
 * The same as seen from root; "(unreachable)" is put in front of what is not
 * below it.
 */
char *path_name_from(const struct path *p, const struct path *root, char *buf, size_t size);
/* d's name as seen from the root of its own file system. NULL: does not fit. */
char *path_name_in_fs(const struct dentry *d, char *buf, size_t size);

#endif
