/* SPDX-License-Identifier: MIT */
/*
 * Directories of procfs: which name is which entry, and listing them.
 *
 * A directory's entries are numbered by keys, which serve as read positions and in inode numbers:
 *
 *	0, 1		"." and ".."
 *	2 + i		entry i of the table
 *	256 + i		report number i of the registry (statreg.h)
 *	512 + n		the entry named n: a process, thread or descriptor
 *
 * Locks: the directory's v_lock is held in all of this, by the callers.
 */
#include <abi/dirent.h>
#include <errno.h>
#include <kassert.h>
#include "fs/dcache.h"
#include "fs/procfs/proc_node.h"
#include "fs/sys_path.h"
#include "fs/vnode.h"
#include "kernel/lib/fmt.h"
#include "kernel/lib/string.h"

#define KEY_STATIC	2
#define KEY_REPORT	256
#define KEY_NUMBER	512
#define KEY_END		(1u << 28)

#define LIST_BATCH	32

/* Reports: what to show is said by pn_report. */
static const struct pf_entry report_entry = { .pe_mode = S_IFREG | 0444 };
static const struct pf_entry report_rw_entry = { .pe_mode = S_IFREG | 0644 };

u64 pf_ino(const struct pf_node *dir, u32 key)
{
	u64 owner = dir->pn_thread ? (u64)dir->pn_tid :
		    dir->pn_proc ? (u64)dir->pn_proc->p_pid : 0;

	KASSERT(key >= KEY_STATIC && key < KEY_END);
	return owner << 32 | (u64)dir->pn_entry->pe_dir->pd_id << 28 | key;
}

/* ---- finding ---- */

/* Name of a report in a directory with this prefix, or NULL: it is elsewhere. */
static const char *report_name(const struct statreport *sr, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(sr->sr_name, prefix, len) != 0 || strchr(sr->sr_name + len, '/'))
		return NULL;
	return sr->sr_name + len;
}

static bool name_is(const char *name, size_t len, const char *what)
{
	return strlen(what) == len && memcmp(name, what, len) == 0;
}

/* A number as we print it: no sign, no leading zero. */
static bool name_to_number(const char *name, size_t len, u32 *out)
{
	u32 n = 0;

	if (len == 0 || len > 9 || (len > 1 && *name == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		n = n * 10 + (u32)(name[i] - '0');
	}
	*out = n;
	return n < KEY_END - KEY_NUMBER;
}

/* Key of name in dir, and its entry or report in child; 0: neither table nor registry has it. */
static u32 find_named(const struct pf_dir *d, const char *name, size_t len,
		      struct pf_node *child)
{
	struct statreport *sr = NULL;

	for (unsigned int i = 0; i < d->pd_count; i++) {
		if (name_is(name, len, d->pd_entries[i].pe_name)) {
			child->pn_entry = &d->pd_entries[i];
			return KEY_STATIC + i;
		}
	}
	for (u32 i = 0; d->pd_reports && (sr = statreport_next(sr)); i++) {
		const char *text = report_name(sr, d->pd_reports);

		if (text && name_is(name, len, text)) {
			child->pn_entry = sr->sr_store ? &report_rw_entry : &report_entry;
			child->pn_report = sr;
			return KEY_REPORT + i;
		}
	}
	return 0;
}

int pf_find(const struct pf_node *dir, const char *name, size_t len, struct pf_node *child,
	    u32 *key)
{
	const struct pf_dir *d = dir->pn_entry->pe_dir;
	u32 num;
	int err;

	*key = find_named(d, name, len, child);
	if (*key)
		return 0;
	if (!d->pd_find || !name_to_number(name, len, &num))
		return -ENOENT;
	err = d->pd_find(dir, num, child);
	*key = KEY_NUMBER + num;
	return err;
}

/* ---- listing ---- */

struct listing {
	struct file *l_file;
	struct dir_sink *l_sink;
	const struct pf_node *l_dir;
};

/* False: the sink is full. */
static bool list_emit(struct listing *l, u32 key, const char *name, u64 ino, u32 mode)
{
	u8 dtype = (u8)((mode & S_IFMT) >> 12);

	if (!l->l_sink->ds_emit(l->l_sink, name, strlen(name), ino, dtype, (s64)key + 1))
		return false;
	l->l_file->f_pos = (s64)key + 1;
	return true;
}

static bool list_dots(struct listing *l)
{
	struct file *f = l->l_file;

	BUILD_ASSERT(S_IFDIR >> 12 == DT_DIR && S_IFLNK >> 12 == DT_LNK && S_IFREG >> 12 == DT_REG);
	if (f->f_pos == 0 && !list_emit(l, 0, ".", f->f_vnode->v_ino, S_IFDIR))
		return false;
	return f->f_pos > 1 ||
	       list_emit(l, 1, "..", f->f_path.dentry->d_parent->d_vnode->v_ino, S_IFDIR);
}

static bool list_table(struct listing *l)
{
	const struct pf_dir *d = l->l_dir->pn_entry->pe_dir;

	KASSERT(d->pd_count <= KEY_REPORT - KEY_STATIC);
	for (s64 i = l->l_file->f_pos - KEY_STATIC; i < d->pd_count; i++) {
		const struct pf_entry *e = &d->pd_entries[i];
		u32 key = KEY_STATIC + (u32)i;

		if (!list_emit(l, key, e->pe_name, pf_ino(l->l_dir, key), e->pe_mode))
			return false;
	}
	return true;
}

static bool list_reports(struct listing *l)
{
	const char *prefix = l->l_dir->pn_entry->pe_dir->pd_reports, *name;
	struct statreport *sr = NULL;

	for (u32 key = KEY_REPORT; prefix && (sr = statreport_next(sr)); key++) {
		KASSERT(key < KEY_NUMBER);
		if (key < l->l_file->f_pos || !(name = report_name(sr, prefix)))
			continue;
		if (!list_emit(l, key, name, pf_ino(l->l_dir, key), S_IFREG))
			return false;
	}
	return true;
}

static void list_numbers(struct listing *l)
{
	const struct pf_dir *d = l->l_dir->pn_entry->pe_dir;
	u64 from = (u64)max(l->l_file->f_pos, (s64)KEY_NUMBER) - KEY_NUMBER;
	u32 batch[LIST_BATCH], key;
	char name[12];
	unsigned int n;

	while (d->pd_list && from < KEY_END - KEY_NUMBER &&
	       (n = d->pd_list(l->l_dir, (u32)from, batch, LIST_BATCH))) {
		for (unsigned int i = 0; i < n; i++) {
			KASSERT(batch[i] >= from);
			from = (u64)batch[i] + 1;
			key = KEY_NUMBER + batch[i];
			snprintf(name, sizeof(name), "%u", batch[i]);
			if (!list_emit(l, key, name, pf_ino(l->l_dir, key), d->pd_numtype))
				return;
		}
	}
}

static int pf_readdir(struct file *f, struct dir_sink *ds)
{
	struct listing l = { f, ds, f->f_vnode->v_data };

	if (pf_gone(l.l_dir))
		return -ENOENT;
	if (list_dots(&l) && list_table(&l) && list_reports(&l))
		list_numbers(&l);
	return 0;
}

const struct file_ops pf_dir_file_ops = {
	.fo_read = dir_read,
	.fo_seek = dir_seek,
	.fo_readdir = pf_readdir,
};
