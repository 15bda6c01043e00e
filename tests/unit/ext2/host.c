/* SPDX-License-Identifier: MIT */
/* The kernel around fs/ext2, for one thread; see host.h. */
#include <errno.h>
#include <stdarg.h>

#include "tests/unit/ext2/host.h"

#include "fs/pagecache.h"
#include "fs/pageio.h"
#include "fs/sys_path.h"
#include "fs/writeback.h"
#include "kernel/core/cred.h"
#include "kernel/core/timer.h"
#include "kernel/lib/hash.h"
#include "mm/slab.h"

#define FRAMES	32768

struct host_disk host_disk;
static long objects;
static struct blkdev host_dev;
static struct fs_type *host_type;

/* ---- memory, time, locks ------------------------------------------------------ */

void *kmalloc(size_t size, unsigned int flags)
{
	void *p;

	if (should_fail())
		return NULL;
	p = flags & ALLOC_ZERO ? calloc(1, size) : malloc(size);
	if (!p)
		abort();
	objects++;
	return p;
}

void *kzalloc(size_t size)
{
	return kmalloc(size, ALLOC_ZERO);
}

void kfree(void *p)
{
	objects -= p != NULL;
	free(p);
}

static struct page *free_pages;

struct page *page_alloc(unsigned int order, unsigned int flags)
{
	struct page *pg = free_pages;

	KASSERT(order == 0);
	if (should_fail())
		return NULL;
	KASSERT(pg);
	free_pages = pg->pg_next;
	memset(pg, 0, sizeof(*pg));
	atomic_set(&pg->pg_ref, 1);
	if (flags & ALLOC_ZERO)
		memset(page_to_virt(pg), 0, PAGE_SIZE);
	objects++;
	return pg;
}

void page_put(struct page *pg)
{
	if (!atomic_dec_and_test(&pg->pg_ref))
		return;
	pg->pg_next = free_pages;
	free_pages = pg;
	objects--;
}

static void memory_init(void)
{
	if (shim_ram)
		return;
	shim_ram_init(FRAMES, sizeof(struct page));
	for (u64 i = 0; i < FRAMES; i++) {
		struct page *pg = pfn_to_page(i);

		pg->pg_next = free_pages;
		free_pages = pg;
	}
}

long host_objects(void)
{
	return objects;
}

nsec_t clock_realtime(void)
{
	static nsec_t now = 1700000000ul * NSEC_PER_SEC;

	return now += 1000;
}

void vtime_now(struct vtime *t)
{
	nsec_t now = clock_realtime();

	*t = (struct vtime){ (s64)(now / NSEC_PER_SEC), (u32)(now % NSEC_PER_SEC) };
}

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank)
{
	*m = (struct mutex){ .mx_name = name, .mx_rank = (u16)rank };
}

void mutex_lock(struct mutex *m)
{
	KASSERT_MSG(!m->mx_owner, "%s", m->mx_name);
	KASSERT(!shim_innermost);
	m->mx_owner = (struct thread *)1;
}

void mutex_unlock(struct mutex *m)
{
	KASSERT_MSG(m->mx_owner, "%s", m->mx_name);
	m->mx_owner = NULL;
}

bool mutex_held(const struct mutex *m)
{
	return m->mx_owner;
}

void rwlock_init(struct rwlock *rw, const char *name, enum lock_rank rank)
{
	*rw = (struct rwlock){ .rw_name = name, .rw_rank = (u16)rank };
}

void rwlock_read(struct rwlock *rw)
{
	KASSERT_MSG(atomic_read(&rw->rw_state) == 0, "%s", rw->rw_name);
	atomic_set(&rw->rw_state, 1);
}

void rwlock_read_unlock(struct rwlock *rw)
{
	KASSERT_MSG(atomic_read(&rw->rw_state) == 1, "%s", rw->rw_name);
	atomic_set(&rw->rw_state, 0);
}

void rwlock_write(struct rwlock *rw)
{
	KASSERT_MSG(atomic_read(&rw->rw_state) == 0, "%s", rw->rw_name);
	atomic_set(&rw->rw_state, -1);
}

void rwlock_write_unlock(struct rwlock *rw)
{
	KASSERT_MSG(atomic_read(&rw->rw_state) == -1, "%s", rw->rw_name);
	atomic_set(&rw->rw_state, 0);
}

/* The tests do not lock vnodes: what they do is done by one thread. */
bool rwlock_write_held(const struct rwlock *rw)
{
	return strcmp(rw->rw_name, "vnode") == 0 || atomic_read(&rw->rw_state) == -1;
}

bool rwlock_held(const struct rwlock *rw)
{
	(void)rw;
	return true;
}

static struct cred host_cred;

struct cred *cred_current(void)
{
	return &host_cred;
}

bool cred_privileged(const struct cred *cr)
{
	return cr->cr_euid == 0;
}

void printk(const char *fmt, ...)
{
	va_list ap;

	if (!getenv("EXT2_VERBOSE"))
		return;
	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt[0] == '\001' ? fmt + 2 : fmt, ap);
	va_end(ap);
}

/* ---- the disk --------------------------------------------------------------------- */

void host_disk_load(const void *image, size_t size)
{
	memory_init();
	if (host_disk.hd_size != size) {
		free(host_disk.hd_data);
		host_disk.hd_data = malloc(size);
		host_disk.hd_size = size;
	}
	memcpy(host_disk.hd_data, image, size);
	host_dev = (struct blkdev){
		.bd_name = "disk", .bd_dev = 0x800, .bd_sectors = size / 512,
		.bd_block_size = 512, .bd_disk = &host_dev,
	};
	list_init(&host_dev.bd_bufs);
}

void host_log_free(void)
{
	for (size_t i = 0; i < host_disk.hd_nlog; i++)
		free(host_disk.hd_log[i].d_data);
	host_disk.hd_nlog = 0;
}

void host_log_entry(u64 sector, u8 *data, u32 bytes)
{
	struct host_disk *hd = &host_disk;

	if (hd->hd_nlog == hd->hd_maxlog) {
		hd->hd_maxlog = hd->hd_maxlog * 2 + 1024;
		hd->hd_log = realloc(hd->hd_log, hd->hd_maxlog * sizeof(*hd->hd_log));
	}
	hd->hd_log[hd->hd_nlog++] = (struct host_write){ sector, bytes, data };
}

static void log_add(u64 sector, const void *data, u32 bytes)
{
	u8 *copy = NULL;

	if (!host_disk.hd_log_on)
		return;
	if (data) {
		copy = malloc(bytes);
		memcpy(copy, data, bytes);
	}
	host_log_entry(sector, copy, bytes);
}

void host_mark(u32 n)
{
	log_add(HOST_MARK, NULL, n);
}

static bool fails(long *countdown)
{
	return *countdown > 0 && --*countdown == 0;
}

int blk_flush(struct blkdev *bd)
{
	(void)bd;
	if (fails(&host_disk.hd_fail_flush))
		return -EIO;
	if (!fails(&host_disk.hd_skip_flush))
		log_add(HOST_FLUSH, NULL, 0);
	return 0;
}

static int disk_io(enum bio_op op, u64 sector, void *data, u32 len)
{
	u8 *at = host_disk.hd_data + sector * 512;

	KASSERT(len % 512 == 0);
	if (sector * 512 + len > host_disk.hd_size)
		return -EIO;
	if (op == BIO_READ) {
		if (fails(&host_disk.hd_fail_read))
			return -EIO;
		memcpy(data, at, len);
		return 0;
	}
	if (fails(&host_disk.hd_fail_write))
		return -EIO;
	memcpy(at, data, len);
	log_add(sector, data, len);
	return 0;
}

int blk_rw_page(struct blkdev *bd, enum bio_op op, u8 flags, u64 sector,
		struct page *pg, u32 offset, u32 len)
{
	int err = 0;

	if (flags & BIO_PREFLUSH)
		err = blk_flush(bd);
	if (!err)
		err = disk_io(op, sector, (u8 *)page_to_virt(pg) + offset, len);
	if (!err && (flags & BIO_FUA))
		err = blk_flush(bd);
	return err;
}

struct blkdev *blkdev_by_name(const char *name)
{
	(void)name;
	return &host_dev;
}

int blkdev_claim(struct blkdev *bd, void *holder)
{
	if (bd->bd_holder)
		return -EBUSY;
	bd->bd_holder = holder;
	return 0;
}

void blkdev_release(struct blkdev *bd, void *holder)
{
	KASSERT(bd->bd_holder == holder);
	bd->bd_holder = NULL;
}

struct blkdev *blkdev_by_dev(u64 dev)
{
	(void)dev;
	return NULL;
}

int path_lookup(int dirfd, const char *name, unsigned int flags, struct path *out)
{
	(void)dirfd, (void)name, (void)flags, (void)out;
	return -ENOENT;
}

void path_put(struct path *p)
{
	(void)p;
}

/* ---- buffers -------------------------------------------------------------------- */

#define BUF_HASH	1024
#define GONE		0x8000u		/* in b_state: not in the hash */

static struct hlist_head buf_hash[BUF_HASH];

static struct hlist_head *buf_chain(u64 blockno, u32 size)
{
	return &buf_hash[(blockno * size / 1024) % BUF_HASH];
}

struct buf *buf_find(struct blkdev *bd, u64 blockno, u32 size)
{
	struct buf *b;

	(void)bd;
	hlist_for_each_entry(b, buf_chain(blockno, size), b_hash) {
		if (b->b_blockno == blockno && b->b_size == size) {
			atomic_inc(&b->b_ref);
			return b;
		}
	}
	return NULL;
}

static int buf_make(struct blkdev *bd, u64 blockno, u32 size, bool read, struct buf **out)
{
	struct buf *b;
	int err = 0;

	if ((blockno + 1) * size > host_disk.hd_size)
		return -EIO;
	b = kzalloc(sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->b_page = page_alloc(0, ALLOC_ZERO);
	if (!b->b_page) {
		kfree(b);
		return -ENOMEM;
	}
	b->b_data = page_to_virt(b->b_page);
	b->b_blkdev = bd;
	b->b_blockno = blockno;
	b->b_size = size;
	if (read)
		err = disk_io(BIO_READ, blockno * (size / 512), b->b_data, size);
	if (err) {
		page_put(b->b_page);
		kfree(b);
		return err;
	}
	atomic_set(&b->b_ref, 1);
	list_init(&b->b_dirty);
	hlist_add(&b->b_hash, buf_chain(blockno, size));
	*out = b;
	return 0;
}

int buf_read(struct blkdev *bd, u64 blockno, u32 size, struct buf **out)
{
	*out = buf_find(bd, blockno, size);
	return *out ? 0 : buf_make(bd, blockno, size, true, out);
}

int buf_get(struct blkdev *bd, u64 blockno, u32 size, struct buf **out)
{
	*out = buf_find(bd, blockno, size);
	return *out ? 0 : buf_make(bd, blockno, size, false, out);
}

void buf_hold(struct buf *b)
{
	atomic_inc(&b->b_ref);
}

static void buf_free(struct buf *b)
{
	KASSERT(!b->b_journal);
	hlist_del(&b->b_hash);
	list_del(&b->b_dirty);
	page_put(b->b_page);
	kfree(b);
}

void buf_put(struct buf *b)
{
	KASSERT(atomic_read(&b->b_ref) > 0);
	/* Unused clean ones leave now and then, so that what needs a reference shows. */
	if (!atomic_dec_and_test(&b->b_ref))
		return;
	if ((b->b_state & GONE) || (!b->b_state && !b->b_journal && rand() % 16 == 0))
		buf_free(b);
}

void buf_dirty(struct buf *b)
{
	if (b->b_state & (BUF_DIRTY | GONE))
		return;
	b->b_state |= BUF_DIRTY;
	list_add_tail(&b->b_dirty, &host_dev.bd_bufs);
}

void buf_pin(struct buf *b)
{
	b->b_state |= BUF_PINNED;
}

void buf_unpin(struct buf *b)
{
	b->b_state &= ~(u32)BUF_PINNED;
}

int buf_write(struct buf *b)
{
	int err;

	if (b->b_state & BUF_PINNED)
		return 0;
	list_del(&b->b_dirty);
	err = disk_io(BIO_WRITE, b->b_blockno * (b->b_size / 512), b->b_data, b->b_size);
	b->b_state = (b->b_state & ~(u32)(BUF_DIRTY | BUF_ERROR)) | (err ? BUF_ERROR : 0);
	return err;
}

int buf_write_many(struct buf **bufs, unsigned int n)
{
	int err = 0;

	for (unsigned int i = 0; i < n; i++) {
		int e = buf_write(bufs[i]);

		err = err ? err : e;
	}
	return err;
}

void buf_forget(struct blkdev *bd, u64 blockno, u32 size)
{
	struct buf *b = buf_find(bd, blockno, size);

	if (!b)
		return;
	hlist_del(&b->b_hash);
	list_del(&b->b_dirty);
	b->b_state = GONE;
	buf_put(b);
}

static int flush_dirty(unsigned int percent)
{
	struct buf *b, *tmp;
	int err = 0;

	list_for_each_entry_safe(b, tmp, &host_dev.bd_bufs, b_dirty) {
		if (!(b->b_state & BUF_PINNED) && (unsigned int)rand() % 100 < percent) {
			int e = buf_write(b);

			err = err ? err : e;
		}
	}
	return err;
}

void host_flush_some(unsigned int percent)
{
	(void)flush_dirty(percent);
}

int buf_sync(struct blkdev *bd)
{
	(void)bd;
	return flush_dirty(100);
}

static void drop_bufs(bool check)
{
	for (u32 i = 0; i < BUF_HASH; i++) {
		struct buf *b;
		struct hlist_node *tmp;

		hlist_for_each_entry_safe(b, tmp, &buf_hash[i], b_hash) {
			if (check)
				KASSERT_MSG(atomic_read(&b->b_ref) == 0 && !b->b_journal &&
					    !(b->b_state & (BUF_DIRTY | BUF_PINNED)),
					    "block %lu: %d references, state %x", b->b_blockno,
					    atomic_read(&b->b_ref), b->b_state);
			b->b_journal = NULL;
			buf_free(b);
		}
	}
}

void buf_invalidate(struct blkdev *bd)
{
	(void)bd;
	drop_bufs(true);
}

/* ---- pages of files ----------------------------------------------------------------- */

const struct vm_pager pageio_pager;
const struct file_ops pagecache_file_ops, dir_file_ops;

static void *node_alloc(void)
{
	return calloc(1, sizeof(struct radix_node));
}

static const struct radix_ops node_ops = { .node_alloc = node_alloc, .node_free = free };

void vm_object_init(struct vm_object *vo, const struct vm_pager *pager, void *owner)
{
	radix_init(&vo->vo_pages, &node_ops);
	spin_lock_init(&vo->vo_lock, "object", RANK_OBJECT);
	vo->vo_pager = pager;
	vo->vo_owner = owner;
}

static void drop_page(struct vm_object *vo, u64 index)
{
	struct page *pg = radix_delete(&vo->vo_pages, index);

	if (pg)
		page_put(pg);
}

void vm_object_truncate(struct vm_object *vo, u64 size)
{
	u64 index = DIV_ROUND_UP(size, PAGE_SIZE);
	struct page *pg;

	vo->vo_size = size;
	while (radix_next(&vo->vo_pages, &index))
		drop_page(vo, index);
	pg = radix_lookup(&vo->vo_pages, size / PAGE_SIZE);
	if (pg && size % PAGE_SIZE) {
		memset((u8 *)page_to_virt(pg) + size % PAGE_SIZE, 0,
		       PAGE_SIZE - size % PAGE_SIZE);
		pg->pg_flags |= PG_DIRTY;
	}
}

struct page *vm_object_lookup(struct vm_object *vo, u64 index)
{
	struct page *pg = radix_lookup(&vo->vo_pages, index);

	if (pg)
		page_get(pg);
	return pg;
}

/* Nothing is mapped here. */
void vm_object_freeze(struct vm_object *vo)
{
	(void)vo;
}

void vm_object_thaw(struct vm_object *vo)
{
	(void)vo;
}

u64 vm_object_next_locked(struct vm_object *vo, u64 index, u64 end)
{
	return radix_next(&vo->vo_pages, &index) ? min(index, end) : end;
}

/* Writing is through when it is started, and nobody maps anything. */
void vm_object_wait_write(struct vm_object *vo, u64 first, u64 last)
{
	(void)vo, (void)first, (void)last;
}

int vm_object_writeback(struct vm_object *vo, u64 first, u64 last)
{
	(void)vo, (void)first, (void)last;
	return 0;
}

void vm_object_mark_dirty(struct vm_object *vo, struct page *pg)
{
	(void)vo;
	pg->pg_flags |= PG_DIRTY;
}

static int page_io(struct vnode *vn, struct page *pg, u64 index, enum bio_op op)
{
	u64 start = index * PAGE_SIZE;
	u64 end = op == BIO_WRITE ? start + PAGE_SIZE :
		  min(start + PAGE_SIZE, round_up((u64)vn->v_size, 1024ul));

	for (u64 pos = start; pos < end; ) {
		struct blkrun run;
		u32 n;
		int err = vn->v_ops->vo_bmap(vn, pos, end - pos, false, &run);

		if (err)
			return err;
		n = (u32)min(run.br_bytes, end - pos);
		if (run.br_sector != BLKRUN_HOLE)
			err = blk_rw_page(&host_dev, op, 0, run.br_sector, pg,
					  (u32)(pos - start), n);
		if (err)
			return err;
		pos += n;
	}
	return 0;
}

int vm_object_getpage(struct vm_object *vo, u64 index, struct page **out)
{
	struct vnode *vn = vo->vo_owner;
	struct page *pg = radix_lookup(&vo->vo_pages, index);
	int err;

	if (!pg) {
		pg = page_alloc(0, ALLOC_ZERO);
		if (!pg)
			return -ENOMEM;
		err = page_io(vn, pg, index, BIO_READ);
		if (err) {
			page_put(pg);
			return err;
		}
		pg->pg_index = index;
		if (radix_insert(&vo->vo_pages, index, pg))
			abort();
	}
	page_get(pg);
	*out = pg;
	return 0;
}

int vnode_write_data(struct vnode *vn)
{
	u64 index = 0;
	struct page *pg;
	int err = 0;

	if (host_disk.hd_skip_data || !vn->v_object.vo_owner)
		return 0;
	for (; (pg = radix_next(&vn->v_object.vo_pages, &index)); index++) {
		if (pg->pg_flags & PG_DIRTY) {
			int e = page_io(vn, pg, index, BIO_WRITE);

			if (e != -ENOMEM)
				pg->pg_flags &= (u16)~PG_DIRTY;
			err = err ? err : e;
		}
	}
	return err;
}

int pagecache_zero(struct vnode *vn, s64 from, s64 to)
{
	while (from < to) {
		s64 next = min((s64)round_down((u64)from, PAGE_SIZE) + (s64)PAGE_SIZE, to);
		struct page *pg;
		int err = vm_object_getpage(&vn->v_object, (u64)from >> PAGE_SHIFT, &pg);

		if (err)
			return err;
		memset((u8 *)page_to_virt(pg) + (u64)from % PAGE_SIZE, 0, (size_t)(next - from));
		pg->pg_flags |= PG_DIRTY;
		page_put(pg);
		from = next;
	}
	return 0;
}

ssize_t host_write(struct vnode *vn, u64 off, const void *buf, size_t n)
{
	u64 bsize = ext2_of(vn)->fs_bsize;
	size_t done = 0;

	while (done < n) {
		u64 at = off + done, from = round_down(at, bsize), to;
		size_t part = min(n - done, PAGE_SIZE - at % PAGE_SIZE);
		struct page *pg;
		int err = vm_object_getpage(&vn->v_object, at / PAGE_SIZE, &pg);

		if (err)
			return done ? (ssize_t)done : err;
		to = at + part;
		while (!err && from < to) {
			struct blkrun run;

			err = vn->v_ops->vo_bmap(vn, from, to - from, true, &run);
			from += err ? 0 : run.br_bytes;
		}
		if (err) {
			page_put(pg);
			return done ? (ssize_t)done : err;
		}
		memcpy((u8 *)page_to_virt(pg) + at % PAGE_SIZE, (const u8 *)buf + done, part);
		vm_object_mark_dirty(&vn->v_object, pg);
		page_put(pg);
		done += part;
		if (off + done > (u64)vn->v_size) {
			vn->v_size = (s64)(off + done);
			vm_object_truncate(&vn->v_object, off + done);
		}
	}
	vnode_touch(vn, false, true, true);
	return (ssize_t)done;
}

ssize_t host_read(struct vnode *vn, u64 off, void *buf, size_t n)
{
	size_t done = 0;

	n = off < (u64)vn->v_size ? min(n, (size_t)((u64)vn->v_size - off)) : 0;
	while (done < n) {
		u64 at = off + done;
		size_t part = min(n - done, PAGE_SIZE - at % PAGE_SIZE);
		struct page *pg;
		int err = vm_object_getpage(&vn->v_object, at / PAGE_SIZE, &pg);

		if (err)
			return err;
		memcpy((u8 *)buf + done, (u8 *)page_to_virt(pg) + at % PAGE_SIZE, part);
		page_put(pg);
		done += part;
	}
	return (ssize_t)done;
}

/* ---- vnodes ---------------------------------------------------------------------------- */

#define CACHED_MAX	64

static struct vnode *find(struct superblock *sb, u64 ino)
{
	struct vnode *vn;

	list_for_each_entry(vn, &sb->sb_vnodes, v_sblink) {
		if (vn->v_ino == ino && !hlist_unlinked(&vn->v_hash))
			return vn;
	}
	return NULL;
}

static struct hlist_head one_chain;	/* only tells hashed from unhashed */

int vnode_find(struct superblock *sb, u64 ino, struct vnode **out, bool *fresh)
{
	struct vnode *vn = find(sb, ino);

	*fresh = !vn;
	if (!vn) {
		vn = kzalloc(sizeof(*vn));
		if (!vn)
			return -ENOMEM;
		vn->v_ino = ino;
		vn->v_sb = sb;
		vn->v_nlink = 1;
		rwlock_init(&vn->v_lock, "vnode", RANK_VNODE);
		spin_lock_init(&vn->v_ilock, "vnode_fields", RANK_VNODE_SPIN);
		list_init(&vn->v_lru);
		list_add(&vn->v_sblink, &sb->sb_vnodes);
		hlist_add(&vn->v_hash, &one_chain);
	}
	atomic_inc(&vn->v_ref);
	*out = vn;
	return 0;
}

void vnode_ready(struct vnode *vn)
{
	(void)vn;
}

static void vnode_end(struct vnode *vn)
{
	hlist_del(&vn->v_hash);
	if (vn->v_object.vo_owner) {
		u64 index = 0;

		while (radix_next(&vn->v_object.vo_pages, &index))
			drop_page(&vn->v_object, index);
	}
	if (vn->v_ops && vn->v_ops->vo_inactive)
		vn->v_ops->vo_inactive(vn);
	list_del(&vn->v_sblink);
	kfree(vn);
}

void vnode_fail(struct vnode *vn)
{
	vn->v_nlink = 0;
	vnode_put(vn);
}

struct vnode *vnode_get(struct vnode *vn)
{
	atomic_inc(&vn->v_ref);
	return vn;
}

bool vnode_try_get(struct vnode *vn)
{
	if (hlist_unlinked(&vn->v_hash))
		return false;
	atomic_inc(&vn->v_ref);
	return true;
}

void vnode_put(struct vnode *vn)
{
	KASSERT(atomic_read(&vn->v_ref) > 0);
	if (atomic_dec_and_test(&vn->v_ref) && vn->v_nlink == 0)
		vnode_end(vn);
}

unsigned long vnode_shrink(struct superblock *sb, unsigned long max)
{
	struct vnode *vn, *tmp;

	list_for_each_entry_safe(vn, tmp, &sb->sb_vnodes, v_sblink) {
		if (max && atomic_read(&vn->v_ref) == 0) {
			max--;
			if (vnode_write_data(vn) == 0)
				vnode_end(vn);
		}
	}
	return 0;
}

void vnode_touch(struct vnode *vn, bool atime, bool mtime, bool ctime)
{
	struct vtime now;

	vtime_now(&now);
	vtime_fit(vn->v_sb->sb_times, &now);
	if (atime)
		vn->v_atime = now;
	if (mtime)
		vn->v_mtime = now;
	if (ctime)
		vn->v_ctime = now;
	ext2_inode_touched(vn);
}

void sched_relax(void)
{
}

bool signal_pending_slow(struct thread *t)
{
	(void)t;
	return false;
}

void vnode_init_owner(struct vnode *vn, const struct vnode *dir)
{
	vn->v_gid = dir->v_mode & S_ISGID ? dir->v_gid : 0;
}

void vnode_setattr_generic(struct vnode *vn, const struct vattr *va)
{
	if (va->va_valid & ATTR_MODE)
		vn->v_mode = (vn->v_mode & S_IFMT) | (va->va_mode & 07777);
	if (va->va_valid & ATTR_ATIME) {
		vn->v_atime = va->va_atime;
		vtime_fit(vn->v_sb->sb_times, &vn->v_atime);
	}
	if (va->va_valid & ATTR_MTIME) {
		vn->v_mtime = va->va_mtime;
		vtime_fit(vn->v_sb->sb_times, &vn->v_mtime);
	}
	vnode_touch(vn, false, false, true);
}

ssize_t dir_read(struct file *f, struct uio *u)
{
	(void)f, (void)u;
	return -EISDIR;
}

s64 dir_seek(struct file *f, s64 off, int whence)
{
	(void)f, (void)whence;
	return off;
}

void fs_type_register(struct fs_type *ft)
{
	if (!host_type)
		host_type = ft;
}

/* ---- mount ------------------------------------------------------------------------------- */

const char *host_mount_data;

int host_mount(unsigned long flags, struct superblock **out)
{
	struct superblock *sb = calloc(1, sizeof(*sb));
	int err;

	if (!host_type)
		ext2_init();
	sb->sb_flags = flags;
	list_init(&sb->sb_vnodes);
	err = host_type->ft_mount(sb, "disk", host_mount_data);
	if (err) {
		KASSERT(list_empty(&sb->sb_vnodes));
		free(sb);
		return err;
	}
	*out = sb;
	return 0;
}

int host_statfs(struct superblock *sb, struct statfs *st)
{
	return host_type->ft_statfs(sb, st);
}

void host_umount(struct superblock *sb)
{
	struct vnode *vn;

	list_for_each_entry(vn, &sb->sb_vnodes, v_sblink)
		(void)vnode_write_data(vn);
	(void)host_type->ft_sync(sb, true);
	vnode_put(sb->sb_root);
	(void)vnode_shrink(sb, ~0ul);
	KASSERT(list_empty(&sb->sb_vnodes));
	host_type->ft_unmount(sb);
	free(sb);
}

void host_power_cut(struct superblock *sb)
{
	bool log_on = host_disk.hd_log_on;
	u8 *data = host_disk.hd_data;

	/* An orderly end on a disk that nobody looks at. */
	host_disk.hd_log_on = false;
	host_disk.hd_data = malloc(host_disk.hd_size);
	memcpy(host_disk.hd_data, data, host_disk.hd_size);
	host_umount(sb);
	free(host_disk.hd_data);
	host_disk.hd_data = data;
	host_disk.hd_log_on = log_on;
}

/* ---- file calls ------------------------------------------------------------------------------ */

static int walk(struct superblock *sb, const char *path, struct vnode **dir, const char **last)
{
	struct vnode *at = vnode_get(sb->sb_root);

	for (;;) {
		const char *end = strchr(path, '/');
		struct vnode *next;
		int err;

		if (!vnode_is_dir(at)) {
			vnode_put(at);
			return -ENOTDIR;
		}
		if (!end) {
			*dir = at;
			*last = path;
			return 0;
		}
		err = at->v_ops->vo_lookup(at, path, (size_t)(end - path), &next);
		vnode_put(at);
		if (err)
			return err;
		at = next;
		path = end + 1;
	}
}

int host_lookup(struct superblock *sb, const char *path, struct vnode **out)
{
	struct vnode *dir;
	const char *last;
	int err = walk(sb, path, &dir, &last);

	if (err)
		return err;
	if (!*last) {
		*out = dir;
		return 0;
	}
	err = dir->v_ops->vo_lookup(dir, last, strlen(last), out);
	vnode_put(dir);
	return err;
}

static int make(struct superblock *sb, const char *path, u32 mode, u64 rdev, const char *target)
{
	struct vnode *dir, *vn;
	const char *last;
	int err = walk(sb, path, &dir, &last);

	if (err)
		return err;
	err = dir->v_ops->vo_lookup(dir, last, strlen(last), &vn);
	if (!err) {
		vnode_put(vn);
		err = -EEXIST;
	} else if (err == -ENOENT) {
		err = dir->v_ops->vo_create(dir, last, strlen(last), mode, rdev, target, &vn);
		if (!err)
			vnode_put(vn);
	}
	vnode_put(dir);
	return err;
}

int host_create(struct superblock *sb, const char *path, u32 mode, const char *target)
{
	return make(sb, path, mode, 0, target);
}

int host_mknod(struct superblock *sb, const char *path, u32 mode, u64 rdev)
{
	return make(sb, path, mode, rdev, NULL);
}

int host_unlink(struct superblock *sb, const char *path)
{
	struct vnode *dir, *vn;
	const char *last;
	int err = walk(sb, path, &dir, &last);

	if (err)
		return err;
	err = dir->v_ops->vo_lookup(dir, last, strlen(last), &vn);
	if (!err) {
		err = dir->v_ops->vo_unlink(dir, last, strlen(last), vn);
		vnode_put(vn);
	}
	vnode_put(dir);
	return err;
}

int host_link(struct superblock *sb, const char *from, const char *to)
{
	struct vnode *dir, *vn;
	const char *last;
	int err = host_lookup(sb, from, &vn);

	if (err)
		return err;
	err = walk(sb, to, &dir, &last);
	if (!err) {
		err = dir->v_ops->vo_link(dir, last, strlen(last), vn);
		vnode_put(dir);
	}
	vnode_put(vn);
	return err;
}

int host_rename(struct superblock *sb, const char *from, const char *to, bool exchange)
{
	struct vnode *sdir, *tdir, *svn, *tvn = NULL;
	const char *sname, *tname;
	int err = walk(sb, from, &sdir, &sname);

	if (err)
		return err;
	err = walk(sb, to, &tdir, &tname);
	if (err)
		goto out_sdir;
	err = sdir->v_ops->vo_lookup(sdir, sname, strlen(sname), &svn);
	if (err)
		goto out_tdir;
	err = tdir->v_ops->vo_lookup(tdir, tname, strlen(tname), &tvn);
	if (err && (err != -ENOENT || exchange))
		goto out_svn;
	err = tvn == svn ? 0 :
	      sdir->v_ops->vo_rename(sdir, sname, strlen(sname), svn, tdir, tname,
				     strlen(tname), tvn, exchange);
	if (tvn)
		vnode_put(tvn);
out_svn:
	vnode_put(svn);
out_tdir:
	vnode_put(tdir);
out_sdir:
	vnode_put(sdir);
	return err;
}

int host_truncate(struct superblock *sb, const char *path, s64 size)
{
	struct vattr va = { .va_valid = ATTR_SIZE, .va_size = size };
	struct vnode *vn;
	int err = host_lookup(sb, path, &vn);

	if (err)
		return err;
	err = vn->v_ops->vo_setattr(vn, &va);
	vnode_put(vn);
	return err;
}

int host_fsync(struct superblock *sb, const char *path, bool datasync)
{
	struct vnode *vn;
	int err = host_lookup(sb, path, &vn);

	if (err)
		return err;
	err = vnode_write_data(vn);
	if (!err)
		err = ext2_fsync(vn, datasync);
	vnode_put(vn);
	return err;
}

struct lister {
	struct dir_sink sink;
	int (*fn)(void *arg, const char *name, u64 ino);
	void *arg;
	int err, room;
};

static bool list_one(struct dir_sink *sink, const char *name, size_t len, u64 ino, u8 dtype,
		     s64 next)
{
	struct lister *l = container_of(sink, struct lister, sink);
	char copy[256];

	(void)dtype, (void)next;
	if (l->room-- == 0)
		return false;
	memcpy(copy, name, len);
	copy[len] = '\0';
	if (strcmp(copy, ".") != 0 && strcmp(copy, "..") != 0 && !l->err)
		l->err = l->fn(l->arg, copy, ino);
	return true;
}

int host_readdir(struct vnode *dir, int (*fn)(void *arg, const char *name, u64 ino), void *arg)
{
	struct lister l = { .sink.ds_emit = list_one, .fn = fn, .arg = arg };
	struct file f = { .f_vnode = dir };
	int err = 0;

	/* Seven entries at a time, so that positions count. */
	while (!err && !l.err && f.f_pos < dir->v_size) {
		l.room = 7;
		err = ext2_readdir(&f, &l.sink);
	}
	return err ? err : l.err;
}
