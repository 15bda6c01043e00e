/* SPDX-License-Identifier: MIT */
/*
 * Regular files of procfs: text that is made when somebody reads.
 *
 * A read at offset 0 makes the text anew; reads further on continue in the same text, so that a
 * program which reads in pieces sees one state and not a mixture. The text hangs on the open file.
 * Each reader holds a reference while it copies to user memory, and whoever makes a new text just
 * exchanges the pointer: no lock of ours is held while text is made or copied.
 *
 * Locks: f_lock for f_data. Seekable files are read under f_poslock, except by pread(2).
 */
#include <abi/fcntl.h>
#include <errno.h>
#include <kassert.h>
#include "fs/procfs/proc_node.h"
#include "fs/uio.h"
#include "fs/vnode.h"
#include "kernel/lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/vmalloc.h"

struct pf_text {
	refcount_t pt_ref;
	size_t pt_size;			/* [I] of the whole block */
	size_t pt_len;			/* [I] once published */
	char pt_data[];			/* [I] once published */
};

#define TEXT_FIRST	2048		/* block to try first; it fits most files */
#define TEXT_KMALLOC	KIB(32)		/* larger ones need not be contiguous */
#define TEXT_MAX	MIB(64)

#define WRITE_SMALL	128		/* written text up to here needs no allocation */

static struct pf_node *node_of(const struct file *f)
{
	return f->f_vnode->v_data;
}

static struct pf_text *text_alloc(size_t size)
{
	struct pf_text *t;

	if (size > TEXT_MAX)
		return NULL;
	t = size > TEXT_KMALLOC ? vmalloc(size) : kmalloc(size, ALLOC_WAIT);
	if (t) {
		refcount_set(&t->pt_ref, 1);
		t->pt_size = size;
	}
	return t;
}

static void text_put(struct pf_text *t)
{
	if (!t || !refcount_put_and_test(&t->pt_ref))
		return;
	if (t->pt_size > TEXT_KMALLOC)
		vfree(t);
	else
		kfree(t);
}

/* Have the entry write its text; sb->sb_len >= sb->sb_size afterwards: it did not fit. */
static int text_show(const struct file *f, struct statbuf *sb)
{
	const struct pf_node *n = node_of(f);
	const struct pf_entry *e = n->pn_entry;

	if (pf_gone(n))
		return -ESRCH;
	if (n->pn_report)
		n->pn_report->sr_show(sb);
	else if (e->pe_text)
		e->pe_text(sb);
	else
		return e->pe_show ? e->pe_show(n, f->f_cred, sb) : -EINVAL;
	return 0;
}

/* The text as it is now, with one reference for the caller. -ENOMEM, or what the entry says. */
static int text_make(const struct file *f, struct pf_text **out)
{
	size_t size = TEXT_FIRST;

	for (;;) {
		struct pf_text *t = text_alloc(size);
		struct statbuf sb;
		int err;

		if (!t)
			return -ENOMEM;
		sb = (struct statbuf){ t->pt_data, size - sizeof(*t), 0 };
		err = text_show(f, &sb);
		if (!err && sb.sb_len < sb.sb_size) {
			t->pt_len = sb.sb_len;
			*out = t;
			return 0;
		}
		text_put(t);
		if (err)
			return err;
		/* Some room, for what may be added until the next attempt. */
		size = round_up(sb.sb_len + sb.sb_len / 8 + sizeof(*t) + 1, PAGE_SIZE);
	}
}

/* The text that f reads from, with a reference; made anew if fresh, or if there is none yet. */
static int text_get(struct file *f, bool fresh, struct pf_text **out)
{
	struct pf_text *t, *old;
	int err;

	spin_lock(&f->f_lock);
	t = fresh ? NULL : f->f_data;
	if (t)
		refcount_inc(&t->pt_ref);
	spin_unlock(&f->f_lock);
	if (!t) {
		err = text_make(f, &t);
		if (err)
			return err;
		refcount_inc(&t->pt_ref);
		spin_lock(&f->f_lock);
		old = f->f_data;
		f->f_data = t;
		spin_unlock(&f->f_lock);
		text_put(old);
	}
	*out = t;
	return 0;
}

/* Bytes of text[0..len) from the uio's position on; moved, or -EFAULT. */
static ssize_t copy_text(struct uio *u, const char *text, size_t len)
{
	size_t before = u->u_resid, n;
	int err;

	if (u->u_offset >= len)
		return 0;
	n = min(len - (size_t)u->u_offset, u->u_resid);
	err = uio_copy_out(u, text + u->u_offset, n);
	return before != u->u_resid ? (ssize_t)(before - u->u_resid) : err;
}

/* fail-nth counts allocations, so it must not make any. */
static ssize_t read_small(struct file *f, struct uio *u)
{
	char buf[PF_SMALL];
	struct statbuf sb = { buf, sizeof(buf), 0 };
	int err = text_show(f, &sb);

	KASSERT(err || sb.sb_len < sizeof(buf));
	return err ? err : copy_text(u, buf, sb.sb_len);
}

static ssize_t pf_read(struct file *f, struct uio *u)
{
	const struct pf_entry *e = node_of(f)->pn_entry;
	struct pf_text *t;
	ssize_t ret;

	if (e->pe_read)
		return pf_gone(node_of(f)) ? -ESRCH : e->pe_read(node_of(f), f->f_cred, u);
	if (!u->u_resid)
		return 0;
	if (e->pe_flags & PE_SMALL)
		return read_small(f, u);
	ret = text_get(f, u->u_offset == 0, &t);
	if (ret)
		return ret;
	ret = copy_text(u, t->pt_data, t->pt_len);
	text_put(t);
	return ret;
}

static int store(const struct pf_node *n, char *text, size_t len)
{
	if (pf_gone(n))
		return -ESRCH;
	if (n->pn_report)
		return n->pn_report->sr_store ? n->pn_report->sr_store(text, len) : -EIO;
	return n->pn_entry->pe_store ? n->pn_entry->pe_store(n, text, len) : -EIO;
}

/* One write is one value, wherever the position is; EIO: root has opened a read-only file. */
static ssize_t pf_write(struct file *f, struct uio *u)
{
	char small[WRITE_SMALL], *text = small;
	size_t n = u->u_resid;
	int err;

	if (n >= PAGE_SIZE)
		return -EINVAL;
	if (n >= sizeof(small) && !(text = kmalloc(n + 1, ALLOC_WAIT)))
		return -ENOMEM;
	err = uio_copy_in(u, text, n);
	if (!err) {
		text[n] = '\0';
		err = store(node_of(f), text, n);
	}
	if (text != small)
		kfree(text);
	return err ? err : (ssize_t)n;
}

static s64 pf_seek(struct file *f, s64 off, int whence)
{
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	return file_seek_size(f, off, whence, 0, INT64_MAX);
}

static void pf_release(struct file *f)
{
	text_put(f->f_data);
}

const struct file_ops pf_file_ops = {
	.fo_read = pf_read,
	.fo_write = pf_write,
	.fo_seek = pf_seek,
	.fo_release = pf_release,
};

void pf_append_vm(struct statbuf *sb, struct vmspace *vm, vaddr_t addr, size_t len)
{
	/* As long as the text does not fit only its length matters. */
	if (sb->sb_len >= sb->sb_size || sb->sb_size - sb->sb_len <= len) {
		sb->sb_len += len;
		return;
	}
	while (len) {
		size_t n = min(len, (size_t)(PAGE_SIZE - (addr & (PAGE_SIZE - 1))));

		if (vm_copy_in(vm, sb->sb_buf + sb->sb_len, addr, n))
			return;
		sb->sb_len += n;
		addr += n;
		len -= n;
	}
}

int pf_parse_number(const char *text, u64 *out)
{
	const char *end;

	while (*text == ' ' || *text == '\t')
		text++;
	if (str_to_u64(text, &end, 10, out))
		return -EINVAL;
	while (*end == ' ' || *end == '\t' || *end == '\n')
		end++;
	return *end ? -EINVAL : 0;
}
