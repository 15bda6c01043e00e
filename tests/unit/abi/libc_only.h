/* SPDX-License-Identifier: MIT */
/*
 * Constants of include/abi and include/errno.h, and a structure, that only the
 * C library's headers show to programs.
 */
C(DT_UNKNOWN) C(DT_FIFO) C(DT_CHR) C(DT_DIR) C(DT_BLK) C(DT_REG) C(DT_LNK)
C(DT_SOCK) C(DT_WHT) C(O_ASYNC) C(F_OK) C(X_OK) C(W_OK) C(R_OK) C(MNT_FORCE)
C(MNT_DETACH) C(MNT_EXPIRE) C(UMOUNT_NOFOLLOW) C(EFD_SEMAPHORE) C(EFD_CLOEXEC)
C(EFD_NONBLOCK) C(SCHED_OTHER) C(FD_SETSIZE) C(UTIME_NOW) C(UTIME_OMIT)
C(ST_RDONLY) C(ST_NOSUID) C(ST_NODEV) C(ST_NOEXEC) C(ST_SYNCHRONOUS)
C(SPLICE_F_MOVE)
C(SPLICE_F_NONBLOCK) C(SPLICE_F_MORE) C(SPLICE_F_GIFT) C(ST_NOATIME) C(ST_NODIRATIME) C(ST_RELATIME) C(_POSIX_VDISABLE) C(ENOTSUP)

/* abi/dirent.h */
O(struct linux_dirent64, d_ino) O(struct linux_dirent64, d_off)
O(struct linux_dirent64, d_reclen) O(struct linux_dirent64, d_type)
O(struct linux_dirent64, d_name)
