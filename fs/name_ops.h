/* SPDX-License-Identifier: MIT */
/*
 * System calls that change names; each as its man page in section 2 says.
 */
#ifndef FS_NAME_OPS_H
#define FS_NAME_OPS_H

#include <compiler.h>
#include <types.h>

long sys_mkdir(const char __user *name, mode_t mode);
long sys_mkdirat(int dirfd, const char __user *name, mode_t mode);
long sys_mknod(const char __user *name, mode_t mode, unsigned int dev);
long sys_mknodat(int dirfd, const char __user *name, mode_t mode, unsigned int dev);
long sys_symlink(const char __user *target, const char __user *name);
long sys_symlinkat(const char __user *target, int dirfd, const char __user *name);
long sys_link(const char __user *oldname, const char __user *newname);
long sys_linkat(int olddirfd, const char __user *oldname, int newdirfd,
		const char __user *newname, int flags);
long sys_unlink(const char __user *name);
long sys_unlinkat(int dirfd, const char __user *name, int flags);
long sys_rmdir(const char __user *name);
long sys_rename(const char __user *oldname, const char __user *newname);
long sys_renameat(int olddirfd, const char __user *oldname, int newdirfd,
		  const char __user *newname);
long sys_renameat2(int olddirfd, const char __user *oldname, int newdirfd,
		   const char __user *newname, unsigned int flags);
void name_ops_init(void);

#endif
