/* SPDX-License-Identifier: MIT */
/*
 * Reading ahead: starting to read pages before somebody waits for them.
 *
 *	   read so far          window asked for
 *	|---------------|---------------+----------------|
 *	            ra_next         ra_trigger        ra_end
 *
 * A read that goes on where the last one ended gets a window, which doubles up to ra_max. When the
 * reader comes to the trigger, the next window is asked for, so that the disk has always
 * something to do. A read somewhere else gets just what it wants.
 *
 * No locks but vo_lock; a reader's struct vm_ra is changed without any.
 */
#include <errno.h>
#include <kassert.h>
#include "mm/object.h"
#include "mm/object_impl.h"

#define BATCH		64		/* pages given to the pager at once */
#define FIRST_WINDOW	4
#define AROUND		16u		/* pages read with one that was faulted on */

static u64 object_end(const struct vm_object *vo)
{
	return DIV_ROUND_UP(READ_ONCE(vo->vo_size), PAGE_SIZE);
}

/*
 * Enter n new pages at first and following, busy, as far as there are none yet. The first stretch
 * of them, *start and how many; the pages of the rest are let go.
 */
static unsigned int enter_batch(struct vm_object *vo, u64 first, struct page **pages,
				unsigned int n, u64 *start)
{
	unsigned int from = 0, count = 0;

	spin_lock(&vo->vo_lock);
	for (unsigned int i = 0; i < n; i++) {
		if (vm_object_enter(vo, first + i, pages[i], PG_BUSY) == 0) {
			if (!count++)
				from = i;
		} else if (count) {
			break;
		}
	}
	spin_unlock(&vo->vo_lock);
	for (unsigned int i = 0; i < n; i++)
		if (i < from || i >= from + count || !count)
			page_put(pages[i]);
	for (unsigned int i = 0; i < count; i++)
		pages[i] = pages[from + i];
	*start = first + from;
	return count;
}

/* Of n pages from *first on skip those that are there; how many are missing in a row then. */
static unsigned int missing(struct vm_object *vo, u64 *first, unsigned int n)
{
	unsigned int count = 0;

	spin_lock(&vo->vo_lock);
	for (; n && radix_lookup(&vo->vo_pages, *first); n--)
		++*first;
	while (count < n && !radix_lookup(&vo->vo_pages, *first + count))
		count++;
	spin_unlock(&vo->vo_lock);
	return count;
}

void vm_object_start_read(struct vm_object *vo, u64 first, u64 n)
{
	u64 last = min(first + n, object_end(vo));
	struct page *pages[BATCH];

	if (!vo->vo_pager || !vo->vo_pager->vp_write)
		return;
	while (first < last) {
		unsigned int got = 0;
		unsigned int want = missing(vo, &first,
					    (unsigned int)min(last - first, (u64)BATCH));

		if (!want)
			continue;
		/* Nobody needs these pages yet: only a few are worth waiting for memory. */
		while (got < want &&
		       (pages[got] = page_alloc(0, got ? ALLOC_NOWAIT : ALLOC_WAIT)))
			got++;
		if (!got)
			return;
		got = enter_batch(vo, first, pages, got, &first);
		if (!got)
			return;
		vo->vo_pager->vp_read(vo, pages, first, got, true);
		first += got;
	}
}

/* The next window, size pages from start on; the trigger comes when its last part begins. */
static void ask(struct vm_object *vo, struct vm_ra *ra, u64 start, u32 size, u64 trigger)
{
	ra->ra_size = size;
	ra->ra_end = start + size;
	ra->ra_trigger = trigger;
	vm_object_start_read(vo, start, size);
}

void vm_readahead(struct vm_object *vo, struct vm_ra *ra, u64 index, u64 want, bool present)
{
	u32 max = ra->ra_max, size;
	bool next = index == ra->ra_next || index + 1 == ra->ra_next ||
		    (ra->ra_size && index == ra->ra_end);

	ra->ra_next = index + 1;
	/* Asked for, and on its way. */
	if (!present && ra->ra_size && index < ra->ra_end)
		present = missing(vo, &(u64){ index }, 1) == 0;
	if (present) {
		/* The last window is half through: one more behind it. */
		size = min(max(ra->ra_size * 2, (u32)FIRST_WINDOW), max);
		if (ra->ra_size && index == ra->ra_trigger && size)
			ask(vo, ra, ra->ra_end, size, ra->ra_end);
		return;
	}
	want = min(want, max_t(u64, max, VM_RA_DEFAULT));
	if (!max || (!next && index)) {
		ra->ra_size = 0;
		if (want > 1)
			vm_object_start_read(vo, index, want);
		return;
	}
	size = (u32)min(max_t(u64, max(ra->ra_size * 2, (u32)FIRST_WINDOW), want * 2), (u64)max);
	ask(vo, ra, index, size, index + min((u64)size - 1, want));
}

/*
 * Mappings are read in no order that could be told from their first fault: what lies around it is
 * as likely to be wanted as what follows. Faults at the end of what was read so go on from there.
 */
void vm_readaround(struct vm_object *vo, u64 index)
{
	struct vm_ra *ra = &vo->vo_ra;
	u64 start = round_down(index, AROUND);
	struct page *pg;

	if (!vo->vo_pager || !vo->vo_pager->vp_write || !ra->ra_max)
		return;
	pg = vm_object_lookup(vo, index);
	if (pg) {
		page_put(pg);
	} else if (ra->ra_size && index == ra->ra_end) {
		vm_readahead(vo, ra, index, 1, false);
	} else {
		ra->ra_next = index + 1;
		ask(vo, ra, start, AROUND, ~0ul);
	}
}
