/* SPDX-License-Identifier: MIT */
/*
 * Lists that reclaim goes round: see scanlist.h. Locks: sl_lock, short.
 */
#include <kassert.h>
#include "mm/scanlist.h"

void scan_add(struct scan_list *sl, struct scan_item *si)
{
	spin_lock(&sl->sl_lock);
	KASSERT(!si->si_listed);
	si->si_listed = true;
	list_add_tail(&si->si_link, &sl->sl_items);
	sl->sl_count++;
	spin_unlock(&sl->sl_lock);
}

void scan_remove(struct scan_list *sl, struct scan_item *si)
{
	if (!READ_ONCE(si->si_listed))
		return;
	spin_lock(&sl->sl_lock);
	list_del(&si->si_link);
	sl->sl_count--;
	while (si->si_pins)
		waitq_sleep_uninterruptible(&sl->sl_wq, &sl->sl_lock);
	si->si_listed = false;
	spin_unlock(&sl->sl_lock);
}

struct scan_item *scan_next(struct scan_list *sl)
{
	struct scan_item *si = NULL;

	spin_lock(&sl->sl_lock);
	if (!list_empty(&sl->sl_items)) {
		si = list_first_entry(&sl->sl_items, struct scan_item, si_link);
		list_del(&si->si_link);
		list_add_tail(&si->si_link, &sl->sl_items);
		si->si_pins++;
	}
	spin_unlock(&sl->sl_lock);
	return si;
}

void scan_unpin(struct scan_list *sl, struct scan_item *si)
{
	spin_lock(&sl->sl_lock);
	KASSERT(si->si_pins > 0);
	if (--si->si_pins == 0)
		waitq_wake_all(&sl->sl_wq, 0);
	spin_unlock(&sl->sl_lock);
}
