/* SPDX-License-Identifier: MIT */
/*
 * System calls on the address space, for kernel/proc/syscall_table.c: section 2 of
 * the manual says what each does and returns.
 */
#ifndef MM_SYS_MM_H
#define MM_SYS_MM_H

/* sys_mm.c */
long sys_brk(unsigned long brk);
long sys_mmap(unsigned long addr, unsigned long len, unsigned long prot,
	      unsigned long flags, unsigned long fd, unsigned long off);
long sys_munmap(unsigned long addr, unsigned long len);
long sys_mprotect(unsigned long addr, unsigned long len, unsigned long prot);
long sys_mremap(unsigned long addr, unsigned long old_len,
		unsigned long new_len, unsigned long flags,
		unsigned long new_addr);

/* sys_madvise.c */
long sys_madvise(unsigned long addr, unsigned long len, int advice);
long sys_msync(unsigned long addr, unsigned long len, int flags);
long sys_mincore(unsigned long addr, unsigned long len, unsigned char *vec);
long sys_mlock(unsigned long addr, unsigned long len);
long sys_mlock2(unsigned long addr, unsigned long len, int flags);
long sys_munlock(unsigned long addr, unsigned long len);
long sys_mlockall(int flags);
long sys_munlockall(void);

#endif
