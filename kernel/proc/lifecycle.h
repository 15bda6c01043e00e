/* SPDX-License-Identifier: MIT */
/*
 * The life of a process as seen by the files of this folder and the system-call
 * table: fork.c, exec.c, elf.c, exit.c, wait.c.
 */
#ifndef KERNEL_PROC_LIFECYCLE_H
#define KERNEL_PROC_LIFECYCLE_H

#include <abi/resource.h>
#include <abi/sched.h>
#include <abi/signal.h>
#include <compiler.h>
#include <types.h>

struct file;
struct proc;
struct proc_usage;
struct thread;
struct vmspace;

/* fork.c */
long sys_fork(void);
long sys_vfork(void);
long sys_clone(u64 flags, u64 stack, u32 __user *parent_tid, u32 __user *child_tid, u64 tls);
long sys_clone3(struct clone_args __user *args, size_t size);
/* The longest-lived thread of p, NULL for a zombie. proctree_lock held. */
struct thread *first_thread(struct proc *p);
/* exec or exit has come: a parent that waits in vfork goes on. */
void vfork_release(struct thread *t);

/* exec.c */
long sys_execve(const char __user *path, char __user *const __user *argv,
		char __user *const __user *envp);
long sys_execveat(int dirfd, const char __user *path, char __user *const __user *argv,
		  char __user *const __user *envp, int flags);
/* The first program, from kernel strings. 0, or -errno: the caller tries another. */
int exec_kernel(const char *path, const char *const argv[], const char *const envp[]);

/* Open a file to execute it: regular, permitted, not being written (-EACCES, -ETXTBSY ...). */
int exec_open(int dirfd, const char *path, struct file **out);
void exec_release_file(struct file *f);

/* elf.c: what the auxiliary vector and the first instruction need to know. */
struct elf_image {
	vaddr_t ei_entry;		/* where to start: program or its interpreter */
	vaddr_t ei_prog_entry;		/* AT_ENTRY */
	vaddr_t ei_phdr;		/* AT_PHDR */
	u16 ei_phnum;
	vaddr_t ei_base;		/* AT_BASE: of the interpreter, 0 without */
	bool ei_exec_stack;
};
/* Random multiple of the page size below limit, which is one, too; 0 if vm is not random. */
vaddr_t elf_random_below(const struct vmspace *vm, u64 limit);
/* Map the program in f into the empty space vm. -ENOEXEC, -ENOMEM, -EIO, -EINVAL ... */
int elf_load(struct file *f, struct vmspace *vm, struct elf_image *img);

/* vdso_map.c */
void vdso_init(void);
/* All of it, in bytes: vdso_map() wants as much above the stack. */
u64 vdso_size(void);
/* Map it above vm_stack_top; *image is where its ELF header is. -ENOMEM, -EEXIST. */
int vdso_map(struct vmspace *vm, vaddr_t *image);

/* exit.c */
void thread_exit(int wait_status) __noreturn;
/*
 * Ask all other threads of the current process to leave and wait for them.
 * -EINTR if the process is being killed.
 */
int proc_single_thread(void);
/* Free what fork has set up in a process that never ran, or exit leaves over. */
void proc_drop_resources(struct proc *p);
long sys_exit(int code);
long sys_exit_group(int code);

/* wait.c */
/* si_code, si_status, si_pid ... of the end of p. */
void wait_fill_siginfo(struct proc *p, struct siginfo *info);
long sys_wait4(pid_t pid, int __user *status, int options, struct rusage __user *ru);
long sys_waitid(int type, pid_t id, struct siginfo __user *info, int options,
		struct rusage __user *ru);
/* CPU times, faults ... of p's live and dead threads. */
void proc_usage_self(struct proc *p, struct proc_usage *u);

#endif
