/* SPDX-License-Identifier: MIT */
/*
 * The order in which the kernel comes to life, and the first process.
 *
 * Until sched_init() there is no thread: `current` is NULL, nothing may sleep.
 * Interrupts are on from the point where all of their handlers can work.
 */
#include <abi/fcntl.h>
#include <abi/mount.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "drivers/init.h"
#include "fs/blkdev.h"
#include "fs/fdtable.h"
#include "fs/init.h"
#include "fs/namei.h"
#include "ipc/ipc.h"
#include "ipc/signal.h"
#include "kernel/core/panic.h"
#include "kernel/core/printk.h"
#include "kernel/core/profile.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/core/workq.h"
#include "kernel/lib/cmdline.h"
#include "kernel/lib/string.h"
#include "kernel/proc/itimer.h"
#include "kernel/proc/lifecycle.h"
#include "kernel/proc/syscall.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/irqchip.h"
#include "kernel/x86/kmap.h"
#include "kernel/x86/smp.h"
#include "kernel/x86/trap.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/vmalloc.h"

static const char *const init_paths[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
static const char *const init_env[] = { "HOME=/", "TERM=linux", NULL };

static bool try_init(const char *path)
{
	const char *const argv[] = { path, NULL };
	int err = exec_kernel(path, argv, init_env);

	if (err && err != -ENOENT)
		printk(KERN_ERR "%s: cannot be run (error %d)\n", path, err);
	return err == 0;
}

static void run_init(void)
{
	char path[128];

	if (cmdline_get(bootinfo.bi_cmdline, "init", path, sizeof(path)) > 0) {
		if (try_init(path))
			return;
		panic("init=%s cannot be run", path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(init_paths); i++)
		if (try_init(init_paths[i]))
			return;
	panic("no program found to run as process 1 (try init=PATH)");
}

/* Descriptors 0, 1, 2 of process 1. Without a console it runs blind, as on Linux. */
static void open_console(void)
{
	struct file *f;
	int err = path_open(AT_FDCWD, "/dev/console", O_RDWR, 0, &f);

	if (err) {
		printk(KERN_WARN "no /dev/console (error %d)\n", err);
		return;
	}
	for (int i = 0; i < 3; i++)
		if (fd_install(file_get(f), 0, false) < 0)
			panic("no descriptors for process 1");
	file_put(f);
}

static bool root_word(char *out, size_t size)
{
	return cmdline_get(bootinfo.bi_cmdline, "root", out, size) > 0;
}

/* root=DEVICE, rootfstype=TYPE, ro: a disk instead of the boot archive. */
static void mount_root_disk(void)
{
	char source[64], type[16];
	bool any = cmdline_get(bootinfo.bi_cmdline, "rootfstype", type, sizeof(type)) <= 0;
	struct blkdev *bd = NULL;
	int err;

	if (!root_word(source, sizeof(source)))
		return;
	err = fs_switch_root(source, any ? NULL : type,
			     cmdline_has(bootinfo.bi_cmdline, "ro") ? MS_RDONLY : 0);
	if (!err)
		return;
	while ((bd = blkdev_next(bd)))
		printk(KERN_ERR "there is %s, %llu sectors\n", bd->bd_name,
		       (unsigned long long)bd->bd_sectors);
	panic("root=%s cannot be mounted (error %d)", source, err);
}

static const struct rlimit default_limits[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = { RLIM_INFINITY, RLIM_INFINITY },
	[RLIMIT_FSIZE] = { RLIM_INFINITY, RLIM_INFINITY },
	[RLIMIT_DATA] = { RLIM_INFINITY, RLIM_INFINITY },
	[RLIMIT_STACK] = { MIB(8), RLIM_INFINITY },
	[RLIMIT_CORE] = { 0, RLIM_INFINITY },
	[RLIMIT_RSS] = { RLIM_INFINITY, RLIM_INFINITY },
	[RLIMIT_NPROC] = { 4096, 4096 },
	[RLIMIT_NOFILE] = { 1024, 1048576 },
	[RLIMIT_MEMLOCK] = { MIB(8), MIB(8) },
	[RLIMIT_AS] = { RLIM_INFINITY, RLIM_INFINITY },
	[RLIMIT_LOCKS] = { RLIM_INFINITY, RLIM_INFINITY },
	[RLIMIT_SIGPENDING] = { 4096, 4096 },
	[RLIMIT_MSGQUEUE] = { 819200, 819200 },
	[RLIMIT_RTTIME] = { RLIM_INFINITY, RLIM_INFINITY },
};

/*
 * Kernel side of process 1: it becomes a user process by exec. Returning from
 * here goes to user mode with the frame that exec has made.
 */
static void init_thread(void *arg)
{
	struct thread *t = current;
	struct trapframe *tf = arch_user_frame(&t->t_arch);

	(void)arg;
	*tf = (struct trapframe){ 0 };
	drivers_probe();
	/* Before the root changes: the disk need not have a /dev. */
	open_console();
	mount_root_disk();
	run_init();
}

static void make_init(void)
{
	struct thread *t;
	struct proc *p;

	if (proc_alloc(&p) || thread_alloc(p, &t))
		panic("no memory for process 1");
	KASSERT(p->p_pid == 1);
	p->p_is_init = true;
	p->p_cred = &cred_root;
	cred_get(&cred_root);
	memcpy(p->p_rlimit, default_limits, sizeof(p->p_rlimit));
	if (sigstate_create(&p->p_sig) || sigthread_create(NULL, t) ||
	    fdtable_create(&p->p_fdt) || fs_context_create(&p->p_fs))
		panic("no memory for process 1");
	t->t_tid = p->p_pid;
	str_copy(t->t_name, "init", sizeof(t->t_name));
	str_copy(p->p_name, "init", sizeof(p->p_name));
	arch_thread_init_kernel(&t->t_arch, (char *)t->t_kstack + KSTACK_SIZE, init_thread,
				NULL);
	init_proc = p;
	spin_lock(&proctree_lock);
	proc_publish(p, &proc0);
	list_add_tail(&t->t_link, &p->p_threads);
	p->p_nthreads = 1;
	thread_hash_locked(t);
	if (proc_new_session(p))
		panic("no memory for the first session");
	spin_unlock(&proctree_lock);
	sched_start(t);
}

/* A further CPU is up: its queues, then its idle loop, on the stack it booted on. */
void ap_main(unsigned int cpu)
{
	timer_init_cpu();
	sched_init_cpu(cpu);
	irq_enable();
	sched_idle_loop();
}

/* The CPU, and the loader's tables: from here on a fault is printed. */
static void init_cpu(u32 magic, paddr_t info)
{
	desc_init_cpu(0);
	trap_init();
	bootinfo_init(magic, info);
	cpu_init();
	cpu_init_cpu();
	fpu_init_cpu();
	kmap_init();
	serial_early_init();
}

static void say_hello(void)
{
	printk_set_loglevel((int)cmdline_get_u64(bootinfo.bi_cmdline, "loglevel", 5));
	printk(KERN_INFO "Cutaway 6.1.0-cutaway, booted by %s\n", bootinfo.bi_loader);
	printk(KERN_INFO "command line: %s\n", bootinfo.bi_cmdline);
}

/* Page tables, ACPI tables and per-CPU areas come from the early allocator, so they come first. */
static void init_memory(unsigned int max_cpus)
{
	acpi_init();
	smp_prepare(max_cpus);
	page_init();
	slab_init();
	vmalloc_init();
}

/* Interrupts, time, threads. */
static void init_core(bool use_lapic)
{
	irqchip_init(use_lapic);
	clock_init();
	clock_init_cpu();
	timer_init_cpu();
	thread_init();
	proc_init();
	sched_init();
	irq_enable();
	workq_init();
}

static void init_subsystems(void)
{
	char root[64];

	vm_init();
	vdso_init();
	signal_init();
	itimer_init();
	syscall_init();
	profile_init();
	fs_init();
	ipc_init();
	drivers_init();
	fs_init_root(!root_word(root, sizeof(root)));
}

static void init_smp(unsigned int max_cpus)
{
	paddr_t start, end;

	smp_init(max_cpus);
	kmap_drop_init(&start, &end);
	page_add_range(start, end);
}

void kmain(u32 magic, paddr_t info)
{
	unsigned int max_cpus = 1;
	bool use_lapic;

	init_cpu(magic, info);
	say_hello();
	use_lapic = !cmdline_has(bootinfo.bi_cmdline, "nolapic");
	if (cmdline_has(bootinfo.bi_cmdline, "norandmaps"))
		vm_randomize = VM_RANDOM_NONE;
	if (use_lapic)
		max_cpus = (unsigned int)cmdline_get_u64(bootinfo.bi_cmdline, "maxcpus",
							 MAX_CPUS);
	init_memory(max_cpus);
	init_core(use_lapic);
	init_subsystems();
	init_smp(max_cpus);
	printk(KERN_INFO "%u CPU(s), %llu KiB of memory\n", ncpus,
	       (unsigned long long)(page_total() * (PAGE_SIZE / 1024)));
	make_init();
	sched_idle_loop();
}
