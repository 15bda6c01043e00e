/* SPDX-License-Identifier: MIT */
/*
 * Inside of procfs. The tree is described by constant tables: a struct pf_entry per
 * file, a struct pf_dir per directory; a struct pf_node is what the vnode of a file in use
 * has as v_data: its entry, and which process, thread or descriptor it is about.
 */
#ifndef FS_PROCFS_PROC_NODE_H
#define FS_PROCFS_PROC_NODE_H

#include <abi/stat.h>
#include <types.h>
#include "fs/file.h"
#include "kernel/core/proc.h"
#include "kernel/core/statreg.h"

struct pf_entry;
struct uio;
struct vmspace;

struct pf_node {
	const struct pf_entry *pn_entry;	/* [I] */
	struct proc *pn_proc;			/* [I] reference; NULL: not about a process */
	struct thread *pn_thread;		/* [I] reference; NULL: about all of pn_proc */
	pid_t pn_tid;				/* [I] number of pn_thread when it was looked up */
	u32 pn_num;				/* [I] descriptor, in fd and fdinfo */
	struct statreport *pn_report;		/* [I] the entry is pf_report_entry */
};

struct pf_dir {
	unsigned int pd_id;			/* 0..15, tells inode numbers apart */
	unsigned int pd_count;
	const struct pf_entry *pd_entries;
	/* Reports whose names begin like this, with no '/' after it, are files here. NULL: none. */
	const char *pd_reports;
	/* Names that are numbers, >= from, ascending, at most max of them. NULL: none. */
	unsigned int (*pd_list)(const struct pf_node *dir, u32 from, u32 *out, unsigned int max);
	/*
	 * Entry num: fill in what of child (entry, and what it is about, with references) differs
	 * from dir. -ENOENT. The directory's v_lock is held, as in pd_list: no reference to a
	 * file or an address space may be dropped.
	 */
	int (*pd_find)(const struct pf_node *dir, u32 num, struct pf_node *child);
	u32 pd_numtype;				/* S_IFMT of those */
	/* How many of them are directories, for st_nlink. NULL: none. */
	unsigned int (*pd_subdirs)(const struct pf_node *dir);
};

/* pe_flags */
#define PE_LOOK		0x1	/* only for who may look into the process, see pf_may_look() */
#define PE_SMALL	0x2	/* at most PF_SMALL bytes of text, made without allocation */
#define PF_SMALL	64

struct pf_entry {
	const char *pe_name;
	u32 pe_mode;				/* type and permissions */
	u32 pe_flags;
	const struct pf_dir *pe_dir;		/* directories */
	void (*pe_text)(struct statbuf *sb);	/* regular files that are about no process */
	/* The others. cr: of who opened it. 0 or -errno. May sleep; pf_gone() is checked before. */
	int (*pe_show)(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
	/* read(2) of what is no text, instead of pe_show. Moved, or -errno. */
	ssize_t (*pe_read)(const struct pf_node *n, const struct cred *cr, struct uio *u);
	/* write(2), text is NUL-terminated. 0 or -errno. NULL: read-only. */
	int (*pe_store)(const struct pf_node *n, char *text, size_t len);
	/* Symbolic links: text into buf, its length or -errno. size is PATH_MAX. */
	ssize_t (*pe_readlink)(const struct pf_node *n, char *buf, size_t size);
	/* Links that lead to an object and not to a name: see fs_type.ft_jump. */
	int (*pe_jump)(const struct pf_node *n, struct path *out);
};

#define PE_DIR(name, mode, dir) \
	{ .pe_name = (name), .pe_mode = S_IFDIR | (mode), .pe_dir = &(dir) }
#define PE_TEXT(name, text) \
	{ .pe_name = (name), .pe_mode = S_IFREG | 0444, .pe_text = (text) }

/* proc_file.c: file_ops of regular files. */
extern const struct file_ops pf_file_ops;
/* Copy len bytes at addr of vm to the text, as far as they can be read. */
void pf_append_vm(struct statbuf *sb, struct vmspace *vm, vaddr_t addr, size_t len);
/* A number at the start of text, nothing but white space behind it. -EINVAL. */
int pf_parse_number(const char *text, u64 *out);

/* proc_root.c */
extern const struct pf_dir pf_root_dir;
/* Insert v into the sorted out[0..*n), which keeps the max smallest. */
void pf_keep_smallest(u32 *out, unsigned int *n, unsigned int max, u32 v);
/* proc_dir.c: file_ops of directories; the look-up of names in them: key and entry of a child. */
extern const struct file_ops pf_dir_file_ops;
u64 pf_ino(const struct pf_node *dir, u32 key);
/* Key of name in dir; entry, and what a number is about (references), go to child. -ENOENT. */
int pf_find(const struct pf_node *dir, const char *name, size_t len, struct pf_node *child,
	    u32 *key);
/* proc_pid.c */
extern const struct pf_entry pf_pid_entry;
/* Has the process or thread that n is about been waited for? */
bool pf_gone(const struct pf_node *n);
/*
 * May somebody with cr look into p: descriptors, memory, paths? As ptrace(2) defines it for
 * PTRACE_MODE_READ: all three user and group ids are cr's, and p is dumpable; or privilege;
 * or p itself asks. p_execlock held: an exec that changes identity comes before or after.
 */
bool pf_may_look(struct proc *p, const struct cred *cr);
/* pf_may_look() for n's process, taking the lock. 0 or -EACCES. */
int pf_check_look(const struct pf_node *n, const struct cred *cr);
/*
 * Address space of n's process, with a reference; *out is NULL when it has none any more. -EACCES,
 * but with cr NULL nothing is checked.
 */
int pf_get_vm(const struct pf_node *n, const struct cred *cr, struct vmspace **out);

/* proc_stat.c */
int pf_show_stat(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
int pf_show_status(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
/* proc_vm.c: what is read out of an address space */
int pf_show_cmdline(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
int pf_show_environ(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
int pf_show_maps(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
int pf_show_smaps(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
int pf_show_rollup(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
ssize_t pf_read_pagemap(const struct pf_node *n, const struct cred *cr, struct uio *u);
int pf_show_statm(const struct pf_node *n, const struct cred *cr, struct statbuf *sb);
void pf_status_vm(struct statbuf *sb, struct vmspace *vm);
/* proc_fd.c: descriptors, and other links to objects */
extern const struct pf_dir pf_fd_dir, pf_fdinfo_dir;
/* Mode of the link fd/N: how N is open. 0: it is closed. */
u32 pf_fd_mode(const struct pf_node *n);
extern const struct pf_entry pf_fd_entry;
ssize_t pf_object_readlink(const struct pf_node *n, char *buf, size_t size);
int pf_exe_jump(const struct pf_node *n, struct path *out);
int pf_cwd_jump(const struct pf_node *n, struct path *out);
int pf_root_jump(const struct pf_node *n, struct path *out);
/* Root or working directory of n's process, with references. -ENOENT. No check. */
int pf_get_fs_path(const struct pf_node *n, bool root, struct path *out);
/* proc_sys.c */
extern const struct pf_dir pf_sys_dir;
/* proc_cpuinfo.c, proc_info.c, proc_meminfo.c */
void pf_text_cpuinfo(struct statbuf *sb);
void pf_text_uptime(struct statbuf *sb);
void pf_text_loadavg(struct statbuf *sb);
void pf_text_version(struct statbuf *sb);
void pf_text_stat(struct statbuf *sb);
void pf_text_interrupts(struct statbuf *sb);
void pf_text_filesystems(struct statbuf *sb);
void pf_text_devices(struct statbuf *sb);
void pf_text_cmdline(struct statbuf *sb);
void pf_text_meminfo(struct statbuf *sb);

#endif
