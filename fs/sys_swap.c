/* SPDX-License-Identifier: MIT */
/*
 * swapon(2) and swapoff(2): finding the disk or file, reading what mkswap(8) wrote, and moving
 * pages between memory and device for mm/swap.c.
 *
 * A file's blocks are looked up once, at swapon: swapping must not need the file system. While
 * it is in use nobody may write to the file.
 *
 * Locks: swapdev_lock for the table. I/O takes none.
 */
#include <errno.h>
#include <kassert.h>
#include "fs/blkdev.h"
#include "fs/blkfile.h"
#include "fs/dcache.h"
#include "fs/mount.h"
#include "fs/namei.h"
#include "fs/sys_path.h"
#include "fs/vnode.h"
#include "fs/walk.h"
#include "kernel/core/cred.h"
#include "kernel/core/printk.h"
#include "kernel/lib/string.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/swap.h"

#define SWAP_FLAG_PREFER	0x8000
#define SWAP_FLAG_PRIO_MASK	0x7fff
#define SWAP_FLAG_DISCARD	0x70000		/* advice that we do not take */

#define SECTORS_A_PAGE		(PAGE_SIZE / SECTOR_SIZE)
#define MAX_BAD			637		/* for which the first page has room */
#define MAX_EXTENTS		4096

/* What mkswap(8) writes on the first page, version 1; little endian, since we are. */
struct swap_header {
	char sh_bootbits[1024];
	u32 sh_version, sh_last_page, sh_nbad;
	u8 sh_uuid[16], sh_label[16];
	u32 sh_padding[117];
	u32 sh_bad[MAX_BAD];
};
#define MAGIC			"SWAPSPACE2"	/* the last 10 bytes of the page */
BUILD_ASSERT(sizeof(struct swap_header) + sizeof(MAGIC) - 1 <= PAGE_SIZE);

/* Slots from first on lie at sector and following. */
struct extent {
	u64 x_first, x_slots, x_sector;
};

struct swapdev {
	struct path sd_path;		/* [I] as opened; references */
	struct vnode *sd_vnode;		/* [I] the file, or the device's own */
	struct blkdev *sd_bdev;		/* [I] */
	u64 sd_slots;			/* [I] with the header */
	u32 sd_nbad, sd_nextents;	/* [I] */
	u32 sd_bad[MAX_BAD];		/* [I] */
	struct extent *sd_extents;	/* [I] ascending */
};

static struct spinlock swapdev_lock = SPINLOCK_INIT("swapdev", RANK_FS);
static struct swapdev *swapdevs[SWAP_AREAS];	/* [swapdev_lock] */

/* ---- pages to and from the device ------------------------------------------------ */

static const struct extent *find_extent(const struct swapdev *sd, u64 slot)
{
	u32 lo = 0, hi = sd->sd_nextents;

	while (hi - lo > 1) {
		u32 mid = (lo + hi) / 2;

		if (sd->sd_extents[mid].x_first <= slot)
			lo = mid;
		else
			hi = mid;
	}
	KASSERT(slot - sd->sd_extents[lo].x_first < sd->sd_extents[lo].x_slots);
	return &sd->sd_extents[lo];
}

/* n pages that lie one behind the other on the device, in one request. */
static int rw_run(struct swapdev *sd, bool write, u64 sector, struct page *const *pages,
		  unsigned int n)
{
	struct bio_seg segs[SWAP_CLUSTER];
	struct bio b = {
		.b_dev = sd->sd_bdev, .b_op = write ? BIO_WRITE : BIO_READ,
		.b_flags = BIO_SYNC, .b_nsegs = (u16)n, .b_sector = sector,
		.b_bytes = n * (u32)PAGE_SIZE, .b_segs = segs,
	};

	KASSERT(n <= SWAP_CLUSTER);
	for (unsigned int i = 0; i < n; i++)
		segs[i] = (struct bio_seg){ pages[i], 0, PAGE_SIZE };
	return blk_submit_wait(&b);
}

static int swapdev_rw(void *owner, bool write, u64 first, struct page *const *pages,
		      unsigned int n)
{
	struct swapdev *sd = owner;
	u32 most = min(sd->sd_bdev->bd_max_segs,
		       (u32)(sd->sd_bdev->bd_max_sectors / SECTORS_A_PAGE));
	int err = 0;

	while (n && !err) {
		const struct extent *x = find_extent(sd, first);
		u64 at = first - x->x_first;
		unsigned int part = (unsigned int)min((u64)min(n, most), x->x_slots - at);

		err = rw_run(sd, write, x->x_sector + at * SECTORS_A_PAGE, pages, part);
		first += part;
		pages += part;
		n -= part;
	}
	if (err)
		printk(KERN_ERR "swap: %s error %d at slot %llu of %s\n",
		       write ? "write" : "read", err, (unsigned long long)first,
		       sd->sd_bdev->bd_name);
	return err;
}

/* ---- where the slots lie ---------------------------------------------------------- */

/* Slot lies at sector; it may continue the last extent. -ENOMEM: too many. */
static int add_slot(struct swapdev *sd, u64 slot, u64 sector)
{
	struct extent *x = sd->sd_nextents ? &sd->sd_extents[sd->sd_nextents - 1] : NULL;

	if (x && x->x_first + x->x_slots == slot &&
	    x->x_sector + x->x_slots * SECTORS_A_PAGE == sector) {
		x->x_slots++;
		return 0;
	}
	if (sd->sd_nextents == MAX_EXTENTS)
		return -ENOMEM;
	sd->sd_extents[sd->sd_nextents++] = (struct extent){ slot, 1, sector };
	return 0;
}

/* Where page slot of a file lies, in one piece: *sector. -EINVAL: a hole; BLKRUN_HOLE: in pieces. */
static int map_slot(struct vnode *vn, u64 slot, u64 *sector)
{
	u64 pos = slot << PAGE_SHIFT, end = pos + PAGE_SIZE;

	*sector = BLKRUN_HOLE;
	while (pos < end) {
		struct blkrun run;
		int err = vn->v_ops->vo_bmap(vn, pos, end - pos, false, &run);
		u64 in_page = pos - (slot << PAGE_SHIFT);

		if (err)
			return err;
		if (run.br_sector == BLKRUN_HOLE)
			return -EINVAL;
		if (in_page == 0)
			*sector = run.br_sector;
		else if (*sector + (in_page >> SECTOR_SHIFT) != run.br_sector)
			*sector = BLKRUN_HOLE;
		if (*sector == BLKRUN_HOLE)
			return 0;
		pos += run.br_bytes;
	}
	return 0;
}

static int map_file(struct swapdev *sd)
{
	for (u64 slot = 0; slot < sd->sd_slots; slot++) {
		u64 sector;
		int err = map_slot(sd->sd_vnode, slot, &sector);

		if (!err && sector != BLKRUN_HOLE)
			err = add_slot(sd, slot, sector);
		else if (!err && sd->sd_nbad < MAX_BAD)
			sd->sd_bad[sd->sd_nbad++] = (u32)slot;
		else if (!err)
			err = -EINVAL;
		if (err)
			return err;
	}
	return 0;
}

/* ---- opening ------------------------------------------------------------------------ */

/* What the header says goes to *sd. -EINVAL: no swap area. */
static int read_header(struct swapdev *sd, u64 size)
{
	const struct swap_header *sh;
	struct page *pg;
	int err = vm_object_getpage(&sd->sd_vnode->v_object, 0, &pg);

	if (err)
		return err;
	sh = page_to_virt(pg);
	sd->sd_slots = (u64)sh->sh_last_page + 1;
	sd->sd_nbad = sh->sh_nbad;
	if (memcmp((const char *)sh + PAGE_SIZE - (sizeof(MAGIC) - 1), MAGIC, sizeof(MAGIC) - 1) ||
	    sh->sh_version != 1 || sh->sh_nbad > MAX_BAD || sd->sd_slots < 2 ||
	    sd->sd_slots > size >> PAGE_SHIFT)
		err = -EINVAL;
	else
		memcpy(sd->sd_bad, sh->sh_bad, sh->sh_nbad * sizeof(sd->sd_bad[0]));
	page_put(pg);
	return err;
}

static int open_device(struct swapdev *sd)
{
	int err = blkdev_claim(sd->sd_bdev, sd);

	if (err)
		return err;
	err = sd->sd_bdev->bd_readonly ? -EROFS : 0;
	/* What was written through the cache must not go to the disk later. */
	vm_object_writeback(&sd->sd_vnode->v_object, 0, ~0ul);
	if (!err)
		err = read_header(sd, sd->sd_bdev->bd_sectors << SECTOR_SHIFT);
	if (!err) {
		sd->sd_extents[0] = (struct extent){ 0, sd->sd_slots, 0 };
		sd->sd_nextents = 1;
	} else {
		blkdev_release(sd->sd_bdev, sd);
	}
	return err;
}

static int open_file(struct swapdev *sd)
{
	struct vnode *vn = sd->sd_vnode;
	int err = vnode_deny_write(vn);

	if (err)
		return err;
	vm_object_writeback(&vn->v_object, 0, ~0ul);
	err = read_header(sd, (u64)vn->v_size);
	if (!err)
		err = map_file(sd);
	if (err)
		vnode_allow_write(vn);
	return err;
}

static bool is_device(const struct swapdev *sd)
{
	return S_ISBLK(sd->sd_path.dentry->d_vnode->v_mode);
}

static void swapdev_free(struct swapdev *sd)
{
	path_put(&sd->sd_path);
	kfree(sd->sd_extents);
	kfree(sd);
}

/* The vnode whose pages the path's file has: -EINVAL: nothing to swap to. */
static int resolve(struct swapdev *sd)
{
	struct vnode *vn = sd->sd_path.dentry->d_vnode;

	if (S_ISBLK(vn->v_mode)) {
		sd->sd_bdev = blkdev_by_dev(vn->v_rdev);
		if (!sd->sd_bdev)
			return -ENXIO;
		sd->sd_vnode = sd->sd_bdev->bd_vnode;
		return 0;
	}
	if (!vnode_is_reg(vn) || !vn->v_ops->vo_bmap)
		return -EINVAL;
	sd->sd_bdev = vnode_blkdev(vn);
	sd->sd_vnode = vn;
	return sd->sd_bdev ? 0 : -EINVAL;
}

static int swapdev_create(const char __user *name, struct swapdev **out)
{
	struct swapdev *sd = kzalloc(sizeof(*sd));
	int err = -ENOMEM;

	if (!sd)
		return -ENOMEM;
	sd->sd_extents = kmalloc(MAX_EXTENTS * sizeof(sd->sd_extents[0]), ALLOC_WAIT);
	if (sd->sd_extents)
		err = path_lookup_user(AT_FDCWD, name, LOOKUP_FOLLOW, &sd->sd_path);
	if (err) {
		kfree(sd->sd_extents);
		kfree(sd);
		return err;
	}
	*out = sd;
	return 0;
}

/* ---- the table ------------------------------------------------------------------------ */

/* Enter sd for its vnode. -EBUSY: that one is in use; -EPERM: no more. */
static int table_add(struct swapdev *sd)
{
	int err = -EPERM;

	spin_lock(&swapdev_lock);
	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (swapdevs[i] && swapdevs[i]->sd_vnode == sd->sd_vnode)
			err = -EBUSY;
	for (unsigned int i = 0; i < SWAP_AREAS && err == -EPERM; i++)
		if (!swapdevs[i]) {
			swapdevs[i] = sd;
			err = 0;
		}
	spin_unlock(&swapdev_lock);
	return err;
}

static void table_remove(const struct swapdev *sd)
{
	spin_lock(&swapdev_lock);
	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (swapdevs[i] == sd)
			swapdevs[i] = NULL;
	spin_unlock(&swapdev_lock);
}

/* Only swap_close() frees one, and it compares the pointer before. */
static const struct swapdev *table_find(const struct vnode *vn)
{
	const struct swapdev *found = NULL;

	spin_lock(&swapdev_lock);
	for (unsigned int i = 0; i < SWAP_AREAS; i++)
		if (swapdevs[i] && swapdevs[i]->sd_vnode == vn)
			found = swapdevs[i];
	spin_unlock(&swapdev_lock);
	return found;
}

/* ---- for mm/swap.c, and the calls -------------------------------------------------------- */

static const char *swapdev_describe(void *owner, char *buf, size_t size)
{
	struct swapdev *sd = owner;
	char *name = path_name(&sd->sd_path, buf, size);

	if (name)
		memmove(buf, name, strlen(name) + 1);
	else
		buf[0] = '\0';
	return is_device(sd) ? "partition" : "file";
}

static void give_back(struct swapdev *sd)
{
	if (is_device(sd))
		blkdev_release(sd->sd_bdev, sd);
	else
		vnode_allow_write(sd->sd_vnode);
}

static void swapdev_close(void *owner)
{
	struct swapdev *sd = owner;

	table_remove(sd);
	give_back(sd);
	swapdev_free(sd);
}

static const struct swap_ops swapdev_ops = {
	.so_rw = swapdev_rw,
	.so_describe = swapdev_describe,
	.so_close = swapdev_close,
};

static int swap_start(struct swapdev *sd, int prio)
{
	int err = resolve(sd);

	if (!err)
		err = table_add(sd);
	if (err)
		return err;
	err = is_device(sd) ? open_device(sd) : open_file(sd);
	if (!err) {
		printk(KERN_INFO "swap: %llu KiB on %s\n",
		       (unsigned long long)((sd->sd_slots - 1 - sd->sd_nbad) << 2),
		       sd->sd_bdev->bd_name);
		err = swap_open(&swapdev_ops, sd, sd->sd_slots, prio, sd->sd_bad, sd->sd_nbad);
		if (err)
			give_back(sd);
	}
	if (err)
		table_remove(sd);
	return err;
}

long sys_swapon(const char __user *name, int flags)
{
	int prio = flags & SWAP_FLAG_PREFER ? flags & SWAP_FLAG_PRIO_MASK : -1;
	struct swapdev *sd;
	int err;

	if (flags & ~(SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK | SWAP_FLAG_DISCARD))
		return -EINVAL;
	if (!cred_privileged(cred_current()))
		return -EPERM;
	err = swapdev_create(name, &sd);
	if (err)
		return err;
	err = swap_start(sd, prio);
	if (err)
		swapdev_free(sd);
	return err;
}

long sys_swapoff(const char __user *name)
{
	const struct swapdev *sd = NULL;
	struct swapdev *like;
	int err;

	if (!cred_privileged(cred_current()))
		return -EPERM;
	err = swapdev_create(name, &like);
	if (err)
		return err;
	if (resolve(like) == 0)
		sd = table_find(like->sd_vnode);
	err = sd ? swap_close(sd) : -EINVAL;
	swapdev_free(like);
	return err;
}
