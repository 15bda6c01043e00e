/* SPDX-License-Identifier: MIT */
/*
 * System calls on paths and attributes; each as its man page in section 2 says.
 */
#ifndef FS_SYS_PATH_H
#define FS_SYS_PATH_H

#include <abi/poll.h>
#include <abi/select.h>
#include <abi/stat.h>
#include <abi/statfs.h>
#include <abi/time.h>
#include <compiler.h>
#include <types.h>
#include "fs/file.h"

/* sys_stat.c */
long sys_stat(const char __user *name, struct stat __user *st);
long sys_lstat(const char __user *name, struct stat __user *st);
long sys_fstat(int fd, struct stat __user *st);
long sys_newfstatat(int dirfd, const char __user *name, struct stat __user *st, int flags);
long sys_statx(int dirfd, const char __user *name, unsigned int flags, unsigned int mask,
	       struct statx __user *stx);
long sys_readlink(const char __user *name, char __user *buf, int size);
long sys_readlinkat(int dirfd, const char __user *name, char __user *buf, int size);
long sys_statfs(const char __user *name, struct statfs __user *st);
long sys_fstatfs(int fd, struct statfs __user *st);
long sys_access(const char __user *name, int mode);
long sys_faccessat(int dirfd, const char __user *name, int mode);
long sys_faccessat2(int dirfd, const char __user *name, int mode, int flags);

/* sys_attr.c */
long sys_chmod(const char __user *name, mode_t mode);
long sys_fchmod(int fd, mode_t mode);
long sys_fchmodat(int dirfd, const char __user *name, mode_t mode);
long sys_chown(const char __user *name, uid_t uid, gid_t gid);
long sys_lchown(const char __user *name, uid_t uid, gid_t gid);
long sys_fchown(int fd, uid_t uid, gid_t gid);
long sys_fchownat(int dirfd, const char __user *name, uid_t uid, gid_t gid, int flags);
long sys_utime(const char __user *name, const struct utimbuf __user *times);
long sys_utimes(const char __user *name, const struct timeval __user *times);
long sys_futimesat(int dirfd, const char __user *name, const struct timeval __user *times);
long sys_utimensat(int dirfd, const char __user *name, const struct timespec __user *times,
		   int flags);

/* sys_dir.c */
long sys_chdir(const char __user *name);
long sys_fchdir(int fd);
long sys_chroot(const char __user *name);
long sys_getcwd(char __user *buf, size_t size);
long sys_getdents(int fd, void __user *buf, unsigned int size);
long sys_getdents64(int fd, void __user *buf, unsigned int size);
/* Parts for the file_ops of directories. */
ssize_t dir_read(struct file *f, struct uio *u);	/* -EISDIR */
s64 dir_seek(struct file *f, s64 off, int whence);
extern const struct file_ops dir_file_ops;		/* a directory without entries to list */

/* sys_xattr.c */
long sys_setxattr(const char __user *path, const char __user *name, const void __user *value,
		  size_t size, int flags);
long sys_lsetxattr(const char __user *path, const char __user *name, const void __user *value,
		   size_t size, int flags);
long sys_fsetxattr(int fd, const char __user *name, const void __user *value, size_t size,
		   int flags);
long sys_getxattr(const char __user *path, const char __user *name, void __user *value,
		  size_t size);
long sys_lgetxattr(const char __user *path, const char __user *name, void __user *value,
		   size_t size);
long sys_fgetxattr(int fd, const char __user *name, void __user *value, size_t size);
long sys_listxattr(const char __user *path, char __user *list, size_t size);
long sys_llistxattr(const char __user *path, char __user *list, size_t size);
long sys_flistxattr(int fd, char __user *list, size_t size);
long sys_removexattr(const char __user *path, const char __user *name);
long sys_lremovexattr(const char __user *path, const char __user *name);
long sys_fremovexattr(int fd, const char __user *name);

/* sys_mount.c */
long sys_mount(const char __user *source, const char __user *target, const char __user *type,
	       unsigned long flags, const void __user *data);
long sys_umount2(const char __user *target, int flags);

/* sys_swap.c */
long sys_swapon(const char __user *name, int flags);
long sys_swapoff(const char __user *name);

/* poll.c, select.c */
long sys_poll(struct pollfd __user *fds, unsigned int n, int timeout_ms);
long sys_ppoll(struct pollfd __user *fds, unsigned int n, struct timespec __user *timeout,
	       const void __user *mask, size_t mask_size);
long sys_select(int n, u64 __user *in, u64 __user *out, u64 __user *ex,
		struct timeval __user *timeout);
long sys_pselect6(int n, u64 __user *in, u64 __user *out, u64 __user *ex,
		  struct timespec __user *timeout, const struct pselect_sigmask __user *mask);

#endif
