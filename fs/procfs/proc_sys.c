/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys: a value per file (sysctl(8)). Other subsystems add theirs as reports named
 * sys/kernel/..., sys/vm/..., sys/fs/...
 */
#include <abi/utsname.h>
#include <errno.h>
#include <kernel/upcalls.h>
#include "fs/fdtable.h"
#include "fs/file.h"
#include "fs/procfs/proc_node.h"
#include "fs/report.h"
#include "kernel/core/spinlock.h"
#include "kernel/lib/string.h"
#include "mm/slab.h"
#include "mm/space.h"

#define RANDOM_BITS	256		/* the generator's key */

/* ---- kernel ---- */

static void text_ostype(struct statbuf *sb)
{
	struct new_utsname uts;

	uts_get(&uts);
	stat_printf(sb, "%s\n", uts.sysname);
}

static void text_osrelease(struct statbuf *sb)
{
	struct new_utsname uts;

	uts_get(&uts);
	stat_printf(sb, "%s\n", uts.release);
}

static void text_version(struct statbuf *sb)
{
	struct new_utsname uts;

	uts_get(&uts);
	stat_printf(sb, "%s\n", uts.version);
}

static void text_hostname(struct statbuf *sb)
{
	struct new_utsname uts;

	uts_get(&uts);
	stat_printf(sb, "%s\n", uts.nodename);
}

static void text_domainname(struct statbuf *sb)
{
	struct new_utsname uts;

	uts_get(&uts);
	stat_printf(sb, "%s\n", uts.domainname);
}

/* The value is a line. */
static char *cut_line(char *text)
{
	char *end = strchr(text, '\n');

	if (end)
		*end = '\0';
	return text;
}

static int store_hostname(const struct pf_node *n, char *text, size_t len)
{
	(void)n, (void)len;
	return uts_set_nodename(cut_line(text));
}

static int store_domainname(const struct pf_node *n, char *text, size_t len)
{
	(void)n, (void)len;
	return uts_set_domainname(cut_line(text));
}

/* One more than the largest number. */
static void text_pid_max(struct statbuf *sb)
{
	stat_printf(sb, "%d\n", PID_MAX);
}

static void text_ngroups_max(struct statbuf *sb)
{
	stat_printf(sb, "%d\n", CRED_NGROUPS);
}

static void text_randomize(struct statbuf *sb)
{
	stat_printf(sb, "%u\n", READ_ONCE(vm_randomize));
}

static int store_randomize(const struct pf_node *n, char *text, size_t len)
{
	u64 value;

	(void)n, (void)len;
	if (pf_parse_number(text, &value) || value > VM_RANDOM_BRK)
		return -EINVAL;
	WRITE_ONCE(vm_randomize, (u32)value);
	return 0;
}

/* ---- kernel/random ---- */

/* A random UUID (RFC 9562, version 4) out of 16 random bytes. */
static void show_uuid(struct statbuf *sb, const u8 id[16])
{
	for (int i = 0; i < 16; i++) {
		u8 b = i == 6 ? (id[i] & 0x0f) | 0x40 : i == 8 ? (id[i] & 0x3f) | 0x80 : id[i];
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		stat_printf(sb, "%s%02x", dash ? "-" : "", b);
	}
	stat_printf(sb, "\n");
}

static void text_uuid(struct statbuf *sb)
{
	u8 id[16];

	random_bytes(id, sizeof(id));
	show_uuid(sb, id);
}

/* The same until the next boot; made when it is first asked for. */
static void text_boot_id(struct statbuf *sb)
{
	static struct spinlock lock = SPINLOCK_INIT("boot_id", RANK_FS);
	static bool made;		/* [lock] */
	static u8 id[16];		/* [lock] until made */
	u8 fresh[16];

	random_bytes(fresh, sizeof(fresh));
	spin_lock(&lock);
	if (!made)
		memcpy(id, fresh, sizeof(id));
	made = true;
	spin_unlock(&lock);
	show_uuid(sb, id);
}

static void text_random_bits(struct statbuf *sb)
{
	stat_printf(sb, "%d\n", RANDOM_BITS);
}

static const struct pf_entry random_entries[] = {
	PE_TEXT("boot_id", text_boot_id),
	PE_TEXT("entropy_avail", text_random_bits),
	PE_TEXT("poolsize", text_random_bits),
	PE_TEXT("uuid", text_uuid),
};

static const struct pf_dir random_dir = {
	.pd_id = 9, .pd_entries = random_entries, .pd_count = ARRAY_SIZE(random_entries),
};

#define TEXT_RW(name, text, store) \
	{ .pe_name = (name), .pe_mode = S_IFREG | 0644, .pe_text = (text), .pe_store = (store) }

static const struct pf_entry kernel_entries[] = {
	TEXT_RW("domainname", text_domainname, store_domainname),
	TEXT_RW("hostname", text_hostname, store_hostname),
	PE_TEXT("ngroups_max", text_ngroups_max),
	PE_TEXT("osrelease", text_osrelease),
	PE_TEXT("ostype", text_ostype),
	PE_TEXT("pid_max", text_pid_max),
	PE_DIR("random", 0555, random_dir),
	TEXT_RW("randomize_va_space", text_randomize, store_randomize),
	PE_TEXT("version", text_version),
};

static const struct pf_dir kernel_dir = {
	.pd_id = 8, .pd_entries = kernel_entries, .pd_count = ARRAY_SIZE(kernel_entries),
	.pd_reports = "sys/kernel/",
};

/* ---- vm ---- */

static int store_drop_caches(const struct pf_node *n, char *text, size_t len)
{
	u64 what;
	int err;

	(void)n, (void)len;
	if (pf_parse_number(text, &what) || what > UINT32_MAX)
		return -EINVAL;
	err = drop_caches((unsigned int)what);
	/* What names and vnodes leave behind are empty slabs. */
	if (!err && (what & 2))
		slab_shrink();
	return err;
}

static const struct pf_entry vm_entries[] = {
	{ .pe_name = "drop_caches", .pe_mode = S_IFREG | 0200, .pe_store = store_drop_caches },
};

static const struct pf_dir vm_dir = {
	.pd_id = 7, .pd_entries = vm_entries, .pd_count = ARRAY_SIZE(vm_entries),
	.pd_reports = "sys/vm/",
};

/* ---- fs ---- */

static void text_file_max(struct statbuf *sb)
{
	u64 used, most;

	file_count_open(&used, &most);
	stat_printf(sb, "%lu\n", most);
}

/* In use, allocated but free (none), the most. */
static void text_file_nr(struct statbuf *sb)
{
	u64 used, most;

	file_count_open(&used, &most);
	stat_printf(sb, "%lu\t0\t%lu\n", used, most);
}

static void text_nr_open(struct statbuf *sb)
{
	stat_printf(sb, "%d\n", FD_MAX);
}

static const struct pf_dir inotify_dir = { .pd_id = 11, .pd_reports = "sys/fs/inotify/" };

static const struct pf_entry fs_entries[] = {
	PE_TEXT("file-max", text_file_max),
	PE_TEXT("file-nr", text_file_nr),
	PE_DIR("inotify", 0555, inotify_dir),
	PE_TEXT("nr_open", text_nr_open),
};

static const struct pf_dir fs_dir = {
	.pd_id = 10, .pd_entries = fs_entries, .pd_count = ARRAY_SIZE(fs_entries),
	.pd_reports = "sys/fs/",
};

static const struct pf_entry sys_entries[] = {
	PE_DIR("fs", 0555, fs_dir),
	PE_DIR("kernel", 0555, kernel_dir),
	PE_DIR("vm", 0555, vm_dir),
};

const struct pf_dir pf_sys_dir = {
	.pd_id = 6, .pd_entries = sys_entries, .pd_count = ARRAY_SIZE(sys_entries),
};
