/* SPDX-License-Identifier: MIT */
/*
 * The system as a whole: uname(2), sysinfo(2), reboot(2), personality(2).
 */
#include <abi/personality.h>
#include <abi/reboot.h>
#include <errno.h>
#include <kernel/upcalls.h>
#include "fs/tmpfs/tmpfs.h"
#include "kernel/core/printk.h"
#include "kernel/core/proc.h"
#include "kernel/core/sched.h"
#include "kernel/lib/string.h"
#include "kernel/proc/sys_proc.h"
#include "kernel/x86/cpu.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/uaccess.h"

static struct spinlock uts_lock = SPINLOCK_INIT("uts", RANK_LEAF);
static struct new_utsname uts = {	/* [uts_lock] nodename, domainname; the rest [I] */
	.sysname = "Linux",		/* what programs test for; /proc/version tells the truth */
	.nodename = "cutaway",
	.release = "6.1.0-cutaway",
	.version = "#1 SMP Cutaway",
	.machine = "x86_64",
	.domainname = "(none)",
};

void uts_get(struct new_utsname *out)
{
	spin_lock(&uts_lock);
	*out = uts;
	spin_unlock(&uts_lock);
}

long sys_uname(struct new_utsname __user *buf)
{
	struct new_utsname copy;

	uts_get(&copy);
	return copy_to_user(buf, &copy, sizeof(copy));
}

static int uts_set(char *field, const char *name)
{
	char copy[__NEW_UTS_LEN + 1] = { 0 };

	if (str_copy(copy, name, sizeof(copy)) >= sizeof(copy))
		return -EINVAL;
	spin_lock(&uts_lock);
	memcpy(field, copy, sizeof(copy));
	spin_unlock(&uts_lock);
	return 0;
}

int uts_set_nodename(const char *name)
{
	return uts_set(uts.nodename, name);
}

int uts_set_domainname(const char *name)
{
	return uts_set(uts.domainname, name);
}

static long set_uts_name(char *field, const char __user *name, int len)
{
	char copy[__NEW_UTS_LEN + 1] = { 0 };

	if (!cred_privileged(cred_current()))
		return -EPERM;
	if (len < 0 || len > __NEW_UTS_LEN)
		return -EINVAL;
	if (copy_from_user(copy, name, (size_t)len))
		return -EFAULT;
	spin_lock(&uts_lock);
	memcpy(field, copy, sizeof(copy));
	spin_unlock(&uts_lock);
	return 0;
}

long sys_sethostname(const char __user *name, int len)
{
	return set_uts_name(uts.nodename, name, len);
}

long sys_setdomainname(const char __user *name, int len)
{
	return set_uts_name(uts.domainname, name, len);
}

long sys_sysinfo(struct sysinfo __user *info)
{
	struct sysinfo si = {
		.uptime = (s64)(clock_monotonic() / NSEC_PER_SEC),
		.totalram = page_total() * PAGE_SIZE,
		.freeram = page_free_count() * PAGE_SIZE,
		.sharedram = tmpfs_total_pages() * PAGE_SIZE,
		.totalswap = swap_total_pages() * PAGE_SIZE,
		.freeswap = swap_free_pages() * PAGE_SIZE,
		.mem_unit = 1,
	};
	struct proc *p;

	sched_loadavg(si.loads);
	spin_lock(&proctree_lock);
	list_for_each_entry(p, &all_procs, p_all)
		si.procs = (u16)(si.procs + p->p_nthreads);
	spin_unlock(&proctree_lock);
	return copy_to_user(info, &si, sizeof(si));
}

static bool reboot_magic_ok(int magic1, int magic2)
{
	if ((u32)magic1 != LINUX_REBOOT_MAGIC1)
		return false;
	switch (magic2) {
	case LINUX_REBOOT_MAGIC2:
	case LINUX_REBOOT_MAGIC2A:
	case LINUX_REBOOT_MAGIC2B:
	case LINUX_REBOOT_MAGIC2C:
		return true;
	default:
		return false;
	}
}

/* ^Alt^Del goes nowhere here, so switching it on or off has nothing to do. */
long sys_reboot(int magic1, int magic2, unsigned int cmd, void __user *arg)
{
	(void)arg;
	if (!cred_privileged(cred_current()))
		return -EPERM;
	if (!reboot_magic_ok(magic1, magic2))
		return -EINVAL;
	switch (cmd) {
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;
	case LINUX_REBOOT_CMD_POWER_OFF:
		printk(KERN_INFO "reboot: power down\n");
		cpu_power_off();
	case LINUX_REBOOT_CMD_RESTART:
		printk(KERN_INFO "reboot: restarting system\n");
		cpu_reset();
	case LINUX_REBOOT_CMD_HALT:
		printk(KERN_NOTICE "reboot: system halted\n");
		irq_disable();
		cpu_halt_forever();
	default:
		return -EINVAL;
	}
}

/*
 * There is one execution domain, PER_LINUX, and one variation of it: programs from the next exec
 * on at fixed addresses. 0xffffffff only asks.
 */
long sys_personality(unsigned long persona)
{
	struct proc *p = current_proc();
	u32 old = p->p_persona;

	if ((u32)persona != 0xffffffff) {
		if ((u32)persona & ~ADDR_NO_RANDOMIZE)
			return -EINVAL;
		p->p_persona = (u32)persona;
	}
	return old;
}
