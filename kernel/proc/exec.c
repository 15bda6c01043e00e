/* SPDX-License-Identifier: MIT */
/*
 * execve: replace the program, keep the process.
 *
 * All that can fail comes first and touches nothing of the old program: open the file, follow
 * `#!` lines, gather the strings, build a complete new address space (elf.c) with the
 * new stack in it. Then the point of no return: other threads leave, the address space is
 * swapped, descriptors marked close-on-exec close, caught signals go back to default.
 *
 * The strings travel through a kernel buffer of their own (struct arg_block),
 * because the old address space is gone when the new stack is looked at.
 */
#include <abi/elf.h>
#include <abi/fcntl.h>
#include <abi/mount.h>
#include <abi/personality.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/random.h"
#include "fs/dcache.h"
#include "fs/fdtable.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "ipc/futex.h"
#include "ipc/signal.h"
#include "kernel/core/proc.h"
#include "kernel/core/trace.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"
#include "kernel/proc/lifecycle.h"
#include "kernel/x86/cpu.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/uaccess.h"
#include "mm/vmalloc.h"

#define MAX_ARG_STRLEN	(32 * PAGE_SIZE)	/* one string, as on Linux */
#define MAX_ARG_TOTAL	MIB(6)
#define SCRIPT_LINE	256			/* `#!` line, as on Linux 5.1 and later */
#define SCRIPT_NESTING	5
#define STACK_GAP_MIN	MIB(128)		/* left free for the stack, at least */
#define STACK_RANDOM	(1UL << 34)		/* as much as on Linux */
#define MMAP_RANDOM	(1UL << 40)
#define STACK_INITIAL	(32 * PAGE_SIZE)
#define AUXV_MAX	24

/* argv and envp as one run of NUL-terminated strings: arguments, then environment. */
struct arg_block {
	char *ab_buf;
	size_t ab_len, ab_size, ab_limit;
	unsigned int ab_argc, ab_envc;
};

struct exec {
	struct file *ex_file;		/* deny-write is held */
	struct arg_block ex_args;
	char *ex_name;			/* AT_EXECFN: as given by the caller */
	struct elf_image ex_img;
	vaddr_t ex_vdso;		/* AT_SYSINFO_EHDR */
	uid_t ex_euid;			/* after set-user-ID */
	gid_t ex_egid;
	bool ex_secure;
	/* Run by a descriptor that exec closes: an interpreter has no name to open it by. */
	bool ex_unreachable;
};

static int args_grow(struct arg_block *ab, size_t need)
{
	size_t size = max(ab->ab_size * 2, (size_t)PAGE_SIZE);
	char *bigger;

	if (need > ab->ab_limit)
		return -E2BIG;
	while (size < need)
		size *= 2;
	bigger = size > MIB(1) ? vmalloc(size) : kmalloc(size, ALLOC_WAIT);
	if (!bigger)
		return -ENOMEM;
	if (ab->ab_len)
		memcpy(bigger, ab->ab_buf, ab->ab_len);
	if (ab->ab_size > MIB(1))
		vfree(ab->ab_buf);
	else
		kfree(ab->ab_buf);
	ab->ab_buf = bigger;
	ab->ab_size = size;
	return 0;
}

static void args_free(struct arg_block *ab)
{
	if (ab->ab_size > MIB(1))
		vfree(ab->ab_buf);
	else
		kfree(ab->ab_buf);
}

/* Append one string of user or kernel memory. -E2BIG, -EFAULT, -ENOMEM. */
static int args_add_user(struct arg_block *ab, const char __user *s)
{
	for (size_t room = 64;; room *= 4) {
		size_t space = min(room, (size_t)MAX_ARG_STRLEN);
		ssize_t n;
		int err = 0;

		if (ab->ab_len + space > ab->ab_size)
			err = args_grow(ab, ab->ab_len + space);
		if (err == -E2BIG && ab->ab_limit > ab->ab_len) {
			/* Too little left for the guess, perhaps not for the string. */
			space = ab->ab_limit - ab->ab_len;
			err = args_grow(ab, ab->ab_limit);
		}
		if (err)
			return err;
		n = strncpy_from_user(ab->ab_buf + ab->ab_len, s, space);
		if (n >= 0) {
			ab->ab_len += (size_t)n + 1;
			return 0;
		}
		if (n != -ENAMETOOLONG)
			return (int)n;
		if (space == MAX_ARG_STRLEN || space < room)
			return -E2BIG;
	}
}

static int args_add_kernel(struct arg_block *ab, const char *s)
{
	size_t n = strlen(s) + 1;
	int err = 0;

	if (ab->ab_len + n > ab->ab_size)
		err = args_grow(ab, ab->ab_len + n);
	if (err)
		return err;
	memcpy(ab->ab_buf + ab->ab_len, s, n);
	ab->ab_len += n;
	return 0;
}

/* All strings of a NULL-terminated user vector; NULL counts as empty, as on Linux. */
static int args_add_vector(struct arg_block *ab, char __user *const __user *vec,
			   unsigned int *count)
{
	if (!vec)
		return 0;
	for (;; vec++) {
		u64 s;
		int err = get_user_u64(&s, vec);

		if (err || !s)
			return err;
		err = args_add_user(ab, (const char __user *)s);
		if (err)
			return err;
		++*count;
		/* Pointers on the new stack count, too. */
		if (ab->ab_len + (*count + ab->ab_argc) * sizeof(u64) > ab->ab_limit)
			return -E2BIG;
	}
}

/*
 * Script: replace argv[0] by interpreter, its optional argument, and the name
 * of the script.
 */
static int args_insert_script(struct arg_block *ab, const char *interp,
			      const char *arg, const char *script)
{
	size_t skip = ab->ab_argc ? strlen(ab->ab_buf) + 1 : 0;
	struct arg_block nb = { .ab_limit = ab->ab_limit };
	int err = args_add_kernel(&nb, interp);

	if (!err && arg)
		err = args_add_kernel(&nb, arg);
	if (!err)
		err = args_add_kernel(&nb, script);
	if (!err && nb.ab_len + ab->ab_len - skip > nb.ab_size)
		err = args_grow(&nb, nb.ab_len + ab->ab_len - skip);
	if (err) {
		args_free(&nb);
		return err;
	}
	memcpy(nb.ab_buf + nb.ab_len, ab->ab_buf + skip, ab->ab_len - skip);
	nb.ab_len += ab->ab_len - skip;
	nb.ab_argc = ab->ab_argc - (skip ? 1 : 0) + (arg ? 3 : 2);
	nb.ab_envc = ab->ab_envc;
	args_free(ab);
	*ab = nb;
	return 0;
}

static int exec_permitted(const struct path *path)
{
	struct vnode *vn = path->dentry->d_vnode;

	if (!S_ISREG(vn->v_mode) || (path->mnt->mnt_flags & MS_NOEXEC))
		return -EACCES;
	/* Root may run what anybody may run. */
	if (!(vn->v_mode & 0111))
		return -EACCES;
	return vnode_permission(vn, MAY_EXEC, cred_current());
}

/*
 * Claim what path names and open it for the kernel: execute permission is enough to be run,
 * read permission is not needed. Checked before it is opened: a FIFO would block.
 */
static int exec_open_at(const struct path *path, struct file **out)
{
	struct vnode *vn = path->dentry->d_vnode;
	int err = exec_permitted(path);

	if (!err)
		err = vnode_deny_write(vn);
	if (err)
		return err;
	err = file_open_path(path, O_RDONLY, out);
	if (err)
		vnode_allow_write(vn);
	else
		inotify_file(*out, IN_OPEN);
	return err;
}

static int exec_open_flags(int dirfd, const char *name, unsigned int flags,
			   struct file **out)
{
	struct path path;
	int err = path_lookup(dirfd, name, flags, &path);

	if (err)
		return err;
	if (S_ISLNK(path.dentry->d_vnode->v_mode))
		err = -ELOOP;
	else
		err = exec_open_at(&path, out);
	path_put(&path);
	return err;
}

int exec_open(int dirfd, const char *path, struct file **out)
{
	return exec_open_flags(dirfd, path, LOOKUP_FOLLOW, out);
}

void exec_release_file(struct file *f)
{
	vnode_allow_write(f->f_vnode);
	file_put(f);
}

/* Cut a `#!` line into interpreter and optional argument, in place. */
static int parse_script(char *line, size_t n, char **interp, char **arg)
{
	char *p = line + 2, *end = memchr(line, '\n', n);

	if (!end) {
		/* Without a newline in sight the name must at least be complete. */
		end = line + n;
		if (n == SCRIPT_LINE - 1 && !memchr(p, ' ', n - 2) && !memchr(p, '\t', n - 2))
			return -ENOEXEC;
	}
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	while (*p == ' ' || *p == '\t')
		p++;
	if (!*p)
		return -ENOEXEC;
	*interp = p;
	while (*p && *p != ' ' && *p != '\t')
		p++;
	*arg = NULL;
	if (*p) {
		*p++ = '\0';
		while (*p == ' ' || *p == '\t')
			p++;
		*arg = p;
	}
	return 0;
}

/* Follow `#!` lines until ex_file is no script. */
static int exec_follow_scripts(struct exec *ex, const char *name)
{
	char line[SCRIPT_LINE];
	const char *script = name;

	for (int depth = 0;; depth++) {
		char *interp, *arg;
		struct file *next;
		ssize_t n = file_read_kernel(ex->ex_file, line, sizeof(line) - 1, 0);
		int err;

		if (n < 0)
			return (int)n;
		if (n < 2 || line[0] != '#' || line[1] != '!')
			return 0;
		if (depth == SCRIPT_NESTING)
			return -ELOOP;
		if (ex->ex_unreachable)
			return -ENOENT;
		line[n] = '\0';
		err = parse_script(line, (size_t)n, &interp, &arg);
		if (!err)
			err = args_insert_script(&ex->ex_args, interp, arg, script);
		if (!err)
			err = exec_open(AT_FDCWD, interp, &next);
		if (err)
			return err;
		exec_release_file(ex->ex_file);
		ex->ex_file = next;
		/* For a nested script: the interpreter's name, now first in the block. */
		script = ex->ex_args.ab_buf;
	}
}

/* Identity after set-user-ID and set-group-ID bits. */
static void exec_identity(struct exec *ex)
{
	const struct path *path = &ex->ex_file->f_path;
	struct vnode *vn = path->dentry->d_vnode;
	struct cred *cr = cred_current();

	ex->ex_euid = cr->cr_euid;
	ex->ex_egid = cr->cr_egid;
	if (!(path->mnt->mnt_flags & MS_NOSUID) && !current_proc()->p_no_new_privs) {
		if (vn->v_mode & S_ISUID)
			ex->ex_euid = vn->v_uid;
		if ((vn->v_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
			ex->ex_egid = vn->v_gid;
	}
	ex->ex_secure = ex->ex_euid != cr->cr_uid || ex->ex_egid != cr->cr_gid;
}

static unsigned int fill_auxv(u64 *av, const struct exec *ex, vaddr_t name,
			      vaddr_t platform, vaddr_t random)
{
	const struct elf_image *img = &ex->ex_img;
	struct cred *cr = cred_current();
	unsigned int n = 0;

#define AUX(type, value) (av[n++] = (type), av[n++] = (u64)(value))
	AUX(AT_SYSINFO_EHDR, ex->ex_vdso);
	AUX(AT_HWCAP, cpu_features.cap_edx);
	AUX(AT_PAGESZ, PAGE_SIZE);
	AUX(AT_CLKTCK, USER_HZ);
	AUX(AT_PHDR, img->ei_phdr);
	AUX(AT_PHENT, sizeof(Elf64_Phdr));
	AUX(AT_PHNUM, img->ei_phnum);
	AUX(AT_BASE, img->ei_base);
	AUX(AT_FLAGS, 0);
	AUX(AT_ENTRY, img->ei_prog_entry);
	AUX(AT_UID, cr->cr_uid);
	AUX(AT_EUID, ex->ex_euid);
	AUX(AT_GID, cr->cr_gid);
	AUX(AT_EGID, ex->ex_egid);
	AUX(AT_SECURE, ex->ex_secure);
	AUX(AT_RANDOM, random);
	/* A frame: FPU state, and not quite 1 KiB of registers, siginfo and red zone. */
	AUX(AT_MINSIGSTKSZ, KIB(1) + fpu_area_size);
	AUX(AT_HWCAP2, 0);
	AUX(AT_EXECFN, name);
	AUX(AT_PLATFORM, platform);
	AUX(AT_NULL, 0);
#undef AUX
	KASSERT(n <= 2 * AUXV_MAX);
	return n;
}

/*
 * The new stack, from the top down: 8 zero bytes, the file name, environment and
 * argument strings, "x86_64", 16 random bytes, padding, auxiliary vector, envp, argv, argc.
 * Built in a buffer and copied out in one go. Returns the stack pointer in *sp.
 */
static int build_stack(struct exec *ex, struct vmspace *vm, vaddr_t top, vaddr_t *sp)
{
	static const char platform[] = "x86_64";
	struct arg_block *ab = &ex->ex_args;
	size_t name_len = strlen(ex->ex_name) + 1;
	vaddr_t name = top - 8 - name_len;
	vaddr_t strings = name - ab->ab_len;
	vaddr_t plat = round_down(strings - sizeof(platform), 16UL);
	vaddr_t rnd = plat - 16;
	u64 auxv[2 * AUXV_MAX];
	unsigned int naux = fill_auxv(auxv, ex, name, plat, rnd);
	size_t words = 1 + ab->ab_argc + 1 + ab->ab_envc + 1 + naux;
	vaddr_t bottom = round_down(rnd - words * sizeof(u64), 16UL);
	size_t size = top - bottom, i;
	char *buf, *s;
	u64 *w;
	int err;

	buf = size > MIB(1) ? vmalloc(size) : kmalloc(size, ALLOC_WAIT);
	if (!buf)
		return -ENOMEM;
	memset(buf, 0, size);
#define AT(addr) (buf + ((addr) - bottom))
	memcpy(AT(name), ex->ex_name, name_len);
	memcpy(AT(strings), ab->ab_buf, ab->ab_len);
	memcpy(AT(plat), platform, sizeof(platform));
	random_bytes(AT(rnd), 16);
	w = (u64 *)buf;
	*w++ = ab->ab_argc;
	s = AT(strings);
	vm->vm_arg_start = strings;
	for (i = 0; i < ab->ab_argc; i++, s += strlen(s) + 1)
		*w++ = bottom + (vaddr_t)(s - buf);
	*w++ = 0;
	vm->vm_arg_end = vm->vm_env_start = bottom + (vaddr_t)(s - buf);
	for (i = 0; i < ab->ab_envc; i++, s += strlen(s) + 1)
		*w++ = bottom + (vaddr_t)(s - buf);
	*w++ = 0;
	vm->vm_env_end = bottom + (vaddr_t)(s - buf);
	memcpy(w, auxv, naux * sizeof(u64));
#undef AT
	err = vm_copy_out(vm, bottom, buf, size);
	if (size > MIB(1))
		vfree(buf);
	else
		kfree(buf);
	*sp = bottom;
	return err;
}

/*
 * Top of the stack, below the vDSO, and where mmap starts below it: room for what the stack may
 * grow to. Who gains rights does not let others choose his addresses.
 */
static vaddr_t choose_layout(const struct exec *ex, struct vmspace *vm)
{
	u64 gap = clamp(proc_rlimit(RLIMIT_STACK), (u64)STACK_GAP_MIN,
			(u64)(USER_TOP / 6 * 5));
	vaddr_t top;

	if (ex->ex_secure || !(current_proc()->p_persona & ADDR_NO_RANDOMIZE))
		vm->vm_random = READ_ONCE(vm_randomize);
	top = USER_TOP - vdso_size() - elf_random_below(vm, STACK_RANDOM);
	vm->vm_mmap_top = round_down(top - gap - elf_random_below(vm, MMAP_RANDOM), PAGE_SIZE);
	vm->vm_stack_top = top;
	return top;
}

/* The complete new address space. */
static int build_space(struct exec *ex, struct vmspace **out, vaddr_t *sp)
{
	size_t stack = round_up(ex->ex_args.ab_len +
				(ex->ex_args.ab_argc + ex->ex_args.ab_envc) * sizeof(u64) +
				2 * PAGE_SIZE, PAGE_SIZE) + STACK_INITIAL;
	struct vmspace *vm;
	vaddr_t top;
	int err = vmspace_create(&vm);

	if (err)
		return err;
	top = choose_layout(ex, vm);
	err = elf_load(ex->ex_file, vm, &ex->ex_img);
	if (!err)
		err = vm_map_stack(vm, top, stack, ex->ex_img.ei_exec_stack);
	if (!err)
		err = vdso_map(vm, &ex->ex_vdso);
	if (!err)
		err = build_stack(ex, vm, top, sp);
	if (err) {
		vmspace_put(vm);
		return err;
	}
	*out = vm;
	return 0;
}

static void set_program(struct proc *p, struct exec *ex)
{
	struct thread *t = current;
	struct file *old;
	const char *base = strrchr(ex->ex_name, '/');

	str_copy(t->t_name, base ? base + 1 : ex->ex_name, sizeof(t->t_name));
	spin_lock(&p->p_lock);
	old = p->p_exe;
	p->p_exe = ex->ex_file;
	str_copy(p->p_name, t->t_name, sizeof(p->p_name));
	spin_unlock(&p->p_lock);
	ex->ex_file = NULL;
	if (old)
		exec_release_file(old);
}

/* Effective, saved and file-system ids of the new program. */
static void set_identity(struct proc *p, struct exec *ex, struct cred *cr)
{
	cr->cr_euid = cr->cr_suid = cr->cr_fsuid = ex->ex_euid;
	cr->cr_egid = cr->cr_sgid = cr->cr_fsgid = ex->ex_egid;
	cred_replace(cr);
	p->p_dumpable = !ex->ex_secure;
	if (ex->ex_secure) {
		p->p_pdeath_sig = 0;
		p->p_persona = PER_LINUX;
	}
}

/*
 * The signals that clone(2) was asked for were agreed with the old program: this one, perhaps
 * with other rights, hears of its children by SIGCHLD, and so does its parent of it.
 */
static void forget_exit_signals(struct proc *p)
{
	struct proc *child;

	spin_lock(&proctree_lock);
	p->p_did_exec = true;
	p->p_exit_signal = SIGCHLD;
	list_for_each_entry(child, &p->p_children, p_sibling)
		child->p_exit_signal = SIGCHLD;
	spin_unlock(&proctree_lock);
}

/* Past the point of no return: nothing here fails. */
static void exec_commit(struct exec *ex, struct vmspace *vm, vaddr_t sp, struct cred *cr)
{
	struct thread *t = current;
	struct proc *p = t->t_proc;
	struct vmspace *old;

	/* The last that is done in the old memory. */
	futex_exit(t);
	/* /proc must not see the new memory with the old identity. */
	mutex_lock(&p->p_execlock);
	old = vmspace_switch(vm);
	set_identity(p, ex, cr);
	mutex_unlock(&p->p_execlock);
	vfork_release(t);
	if (old)
		vmspace_put(old);
	fdtable_close_on_exec(p->p_fdt);
	signal_exec(p);
	set_program(p, ex);
	forget_exit_signals(p);
	fpu_reset();
	trace(TRACE_EXEC, (u64)p->p_pid, 0, 0, 0);
	arch_exec_frame(arch_user_frame(&t->t_arch), ex->ex_img.ei_entry, sp);
}

/* ex holds file and strings. On success both are used up. */
static int exec_run(struct exec *ex)
{
	struct proc *p = current_proc();
	struct vmspace *vm;
	struct cred *cr;
	vaddr_t sp;
	int err = exec_follow_scripts(ex, ex->ex_name);

	if (err)
		return err;
	exec_identity(ex);
	err = cred_copy(cred_current(), &cr);
	if (err)
		return err;
	err = build_space(ex, &vm, &sp);
	if (err)
		goto put_cred;
	err = proc_single_thread();
	if (err)
		goto put_vm;
	/* Other threads would be in the middle of calls with the old table. */
	err = fdtable_unshare(p);
	if (err)
		goto put_vm;
	exec_commit(ex, vm, sp, cr);
	return 0;

put_vm:
	vmspace_put(vm);
put_cred:
	cred_put(cr);
	return err;
}

static u64 arg_limit(void)
{
	return clamp(proc_rlimit(RLIMIT_STACK) / 4, (u64)(32 * PAGE_SIZE),
		     (u64)MAX_ARG_TOTAL);
}

/* Strings of the call into ex. An empty argv becomes { "" }, as on Linux. */
static int gather_args(struct exec *ex, char __user *const __user *argv,
		       char __user *const __user *envp)
{
	struct arg_block *ab = &ex->ex_args;
	int err;

	ab->ab_limit = arg_limit();
	err = args_add_vector(ab, argv, &ab->ab_argc);
	if (!err && ab->ab_argc == 0) {
		err = args_add_kernel(ab, "");
		ab->ab_argc = 1;
	}
	if (!err)
		err = args_add_vector(ab, envp, &ab->ab_envc);
	return err;
}

static void exec_cleanup(struct exec *ex)
{
	if (ex->ex_file)
		exec_release_file(ex->ex_file);
	args_free(&ex->ex_args);
	kfree(ex->ex_name);
	kfree(ex);
}

/* fexecve(3): the file behind a descriptor, whatever its name. */
static int exec_open_fd(struct exec *ex, int fd)
{
	struct fdref r;
	int err;

	if (!fd_get_any(fd, &r))
		return -EBADF;
	err = r.file->f_path.dentry ? exec_open_at(&r.file->f_path, &ex->ex_file) : -EACCES;
	fd_put(&r);
	ex->ex_unreachable = fd_get_cloexec(fd) == 1;
	return err;
}

long sys_execveat(int dirfd, const char __user *path, char __user *const __user *argv,
		  char __user *const __user *envp, int flags)
{
	struct exec *ex;
	ssize_t n;
	int err;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	ex = kzalloc(sizeof(*ex));
	if (!ex)
		return -ENOMEM;
	ex->ex_name = kmalloc(PATH_MAX, ALLOC_WAIT);
	err = -ENOMEM;
	if (!ex->ex_name)
		goto out;
	n = strncpy_from_user(ex->ex_name, path, PATH_MAX);
	err = n < 0 ? (int)n : 0;
	if (err)
		goto out;
	if (n == 0 && (flags & AT_EMPTY_PATH)) {
		snprintf(ex->ex_name, PATH_MAX, "/dev/fd/%d", dirfd);
		err = exec_open_fd(ex, dirfd);
	} else {
		err = exec_open_flags(dirfd, ex->ex_name,
				      flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW,
				      &ex->ex_file);
	}
	if (!err)
		err = gather_args(ex, argv, envp);
	if (!err)
		err = exec_run(ex);
out:
	exec_cleanup(ex);
	return err;
}

long sys_execve(const char __user *path, char __user *const __user *argv,
		char __user *const __user *envp)
{
	return sys_execveat(AT_FDCWD, path, argv, envp, 0);
}

int exec_kernel(const char *path, const char *const argv[], const char *const envp[])
{
	struct exec *ex = kzalloc(sizeof(*ex));
	int err = -ENOMEM;

	if (!ex)
		return err;
	ex->ex_name = kmalloc(PATH_MAX, ALLOC_WAIT);
	if (!ex->ex_name)
		goto out;
	str_copy(ex->ex_name, path, PATH_MAX);
	ex->ex_args.ab_limit = MAX_ARG_TOTAL;
	err = 0;
	for (; !err && argv[ex->ex_args.ab_argc]; ex->ex_args.ab_argc++)
		err = args_add_kernel(&ex->ex_args, argv[ex->ex_args.ab_argc]);
	for (; !err && envp[ex->ex_args.ab_envc]; ex->ex_args.ab_envc++)
		err = args_add_kernel(&ex->ex_args, envp[ex->ex_args.ab_envc]);
	if (!err)
		err = exec_open(AT_FDCWD, path, &ex->ex_file);
	if (!err)
		err = exec_run(ex);
out:
	exec_cleanup(ex);
	return err;
}
