/* SPDX-License-Identifier: MIT */
/*
 * System calls on descriptors; each as its man page in section 2 says.
 */
#ifndef FS_SYS_FILE_H
#define FS_SYS_FILE_H

#include <abi/fcntl.h>
#include <abi/uio.h>
#include <compiler.h>
#include <types.h>

/* sys_file.c */
long sys_open(const char __user *name, int flags, mode_t mode);
long sys_openat(int dirfd, const char __user *name, int flags, mode_t mode);
long sys_openat2(int dirfd, const char __user *name, const struct open_how __user *how,
		 size_t size);
long sys_creat(const char __user *name, mode_t mode);
long sys_close(int fd);
long sys_close_range(unsigned int first, unsigned int last, unsigned int flags);
long sys_dup(int fd);
long sys_dup2(int oldfd, int newfd);
long sys_dup3(int oldfd, int newfd, int flags);
long sys_fcntl(int fd, unsigned int cmd, unsigned long arg);
long sys_ioctl(int fd, unsigned int cmd, unsigned long arg);
long sys_flock(int fd, int op);
long sys_memfd_create(const char __user *name, unsigned int flags);

/* sys_rw.c */
long sys_read(int fd, void __user *buf, size_t n);
long sys_write(int fd, const void __user *buf, size_t n);
long sys_readv(int fd, const struct iovec __user *iov, int cnt);
long sys_writev(int fd, const struct iovec __user *iov, int cnt);
long sys_pread64(int fd, void __user *buf, size_t n, s64 pos);
long sys_pwrite64(int fd, const void __user *buf, size_t n, s64 pos);
long sys_preadv(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high);
long sys_pwritev(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high);
long sys_preadv2(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high,
		 int flags);
long sys_pwritev2(int fd, const struct iovec __user *iov, int cnt, u64 pos, u64 pos_high,
		  int flags);
long sys_lseek(int fd, s64 off, int whence);

/* sys_copy.c */
long sys_sendfile(int out_fd, int in_fd, s64 __user *offset, size_t n);
long sys_copy_file_range(int in_fd, s64 __user *in_off, int out_fd, s64 __user *out_off,
			 size_t n, unsigned int flags);

/* sys_alloc.c */
long sys_truncate(const char __user *name, s64 size);
long sys_ftruncate(int fd, s64 size);
long sys_fallocate(int fd, int mode, s64 off, s64 len);
long sys_fadvise64(int fd, s64 off, s64 len, int advice);
long sys_readahead(int fd, s64 off, size_t n);
long sys_fsync(int fd);
long sys_fdatasync(int fd);
long sys_sync(void);
long sys_syncfs(int fd);
long sys_sync_file_range(int fd, s64 off, s64 len, unsigned int flags);

#endif
