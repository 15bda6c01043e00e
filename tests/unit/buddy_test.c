/* SPDX-License-Identifier: MIT */
/*
 * mm/buddy.c beside an array with the owner of each frame. The invariants of
 * its head comment are checked over all frames after each step.
 */
#include "tests/unit/shim/shim.h"

#include "mm/buddy.c"
#include "tests/unit/unit.h"

/*
 * RAM has its ends at odd places and two largest blocks beside each other,
 * which must stay two. Struct pages are there for whole largest blocks.
 */
#define FRAMES		(5 * 1024)
#define FIRST		3
#define END		4501
#define BLOCKS_MAX	400

struct block {
	u64 pfn;
	unsigned int order;
};

static bool taken[FRAMES];		/* by a block, or no RAM */
static struct block blocks[BLOCKS_MAX];
static int nblocks;

static u64 model_free(void)
{
	u64 n = 0;

	for (u64 pfn = 0; pfn < FRAMES; pfn++)
		n += !taken[pfn];
	return n;
}

/* Marks the frames of a free block; none may be taken or seen before. */
static void check_free_block(const struct page *pg, unsigned int order,
			     bool *seen)
{
	u64 pfn = page_to_pfn(pg);
	const struct page *buddy = pfn_to_page(pfn ^ (1ul << order));

	CHECK_EQ(pfn % (1ul << order), 0);
	CHECK_EQ(pg->pg_order, order);
	CHECK(order == PAGE_MAX_ORDER || buddy->pg_flags != PG_BUDDY ||
	      buddy->pg_order != order);
	for (u64 i = 0; i < 1ul << order; i++) {
		CHECK(!taken[pfn + i] && !seen[pfn + i]);
		CHECK_EQ(pg[i].pg_flags, i == 0 ? PG_BUDDY : 0);
		seen[pfn + i] = true;
	}
}

static void check_buddy(void)
{
	static bool seen[FRAMES];
	u64 frames = 0;

	for (u64 pfn = 0; pfn < FRAMES; pfn++)
		seen[pfn] = false;
	for (unsigned int order = 0; order <= PAGE_MAX_ORDER; order++) {
		const struct page *pg;
		u64 count = 0;

		list_for_each_entry(pg, &free_lists[order], pg_free) {
			check_free_block(pg, order, seen);
			frames += 1ul << order;
			count++;
		}
		CHECK_EQ(free_blocks[order], count);
	}
	CHECK_EQ(buddy_free_frames(), frames);
	CHECK_EQ(frames, model_free());
}

static void mark(u64 pfn, unsigned int order, bool value)
{
	for (u64 i = 0; i < 1ul << order; i++) {
		CHECK(taken[pfn + i] != value);
		taken[pfn + i] = value;
	}
}

static bool take(unsigned int order, u64 keep)
{
	irqflags_t f = spin_lock_irqsave(&buddy_lock);
	struct page *pg = buddy_take(order, keep);

	spin_unlock_irqrestore(&buddy_lock, f);
	if (!pg)
		return false;
	CHECK_EQ(page_to_pfn(pg) % (1ul << order), 0);
	CHECK_EQ(pg->pg_flags, 0);
	mark(page_to_pfn(pg), order, true);
	blocks[nblocks++] = (struct block){ page_to_pfn(pg), order };
	return true;
}

static void give(int i)
{
	struct block b = blocks[i];
	irqflags_t f = spin_lock_irqsave(&buddy_lock);

	blocks[i] = blocks[--nblocks];
	mark(b.pfn, b.order, false);
	buddy_give(pfn_to_page(b.pfn), b.order);
	spin_unlock_irqrestore(&buddy_lock, f);
}

static void give_all(void)
{
	while (nblocks > 0)
		give((int)unit_below(nblocks));
}

/* Does a free block of this order, or a larger one, exist in the model? */
static bool model_has(unsigned int order)
{
	for (u64 pfn = 0; pfn < FRAMES; pfn += 1ul << order) {
		u64 i = 0;

		while (i < 1ul << order && !taken[pfn + i])
			i++;
		if (i == 1ul << order)
			return true;
	}
	return false;
}

static void test_init(void)
{
	irqflags_t f;

	shim_ram_init(FRAMES, sizeof(struct page));
	for (u64 pfn = 0; pfn < FRAMES; pfn++)
		taken[pfn] = pfn < FIRST || pfn >= END;
	CHECK(!take(0, 0));
	f = spin_lock_irqsave(&buddy_lock);
	buddy_give_range(FIRST, END);
	buddy_give_range(END, END);
	spin_unlock_irqrestore(&buddy_lock, f);
	check_buddy();
	CHECK_EQ(buddy_free_frames(), END - FIRST);
}

static void test_random(void)
{
	for (int step = 0; step < 4000; step++) {
		bool growing = (step / 200) % 2 == 0;

		if (nblocks < BLOCKS_MAX && unit_below(5) < (growing ? 4 : 1)) {
			unsigned int order = unit_below(3) ? unit_below(4) :
					     unit_below(PAGE_MAX_ORDER + 1);
			bool can = model_has(order);

			CHECK_EQ(take(order, 0), can);
		} else if (nblocks > 0) {
			give((int)unit_below(nblocks));
		}
		check_buddy();
	}
	give_all();
	check_buddy();
}

/* Frame by frame to the last one, and back to the blocks of the start. */
static void test_exhaust(void)
{
	u64 before[PAGE_MAX_ORDER + 1];
	u64 n = 0;
	struct page *pg;
	irqflags_t f = spin_lock_irqsave(&buddy_lock);

	for (unsigned int i = 0; i <= PAGE_MAX_ORDER; i++)
		before[i] = free_blocks[i];
	while ((pg = buddy_take(0, 0))) {
		mark(page_to_pfn(pg), 0, true);
		n++;
	}
	CHECK_EQ(n, END - FIRST);
	CHECK(!buddy_take(0, 0));
	check_buddy();
	for (u64 pfn = FIRST; pfn < END; pfn++) {
		mark(pfn, 0, false);
		buddy_give(pfn_to_page(pfn), 0);
	}
	spin_unlock_irqrestore(&buddy_lock, f);
	check_buddy();
	for (unsigned int i = 0; i <= PAGE_MAX_ORDER; i++)
		CHECK_EQ(free_blocks[i], before[i]);
}

static void test_reserve(void)
{
	u64 free = buddy_free_frames();

	CHECK(!take(0, free));
	CHECK(take(0, free - 1));
	CHECK(!take(3, free - 8));
	CHECK(take(3, free - 9));
	CHECK(!take(0, ~0ul - 1));
	give_all();
	check_buddy();
}

static void test_report(void)
{
	char text[256];
	struct statbuf sb = { text, sizeof(text), 0 };
	u64 n[3];

	buddy_init();
	shim_report->sr_show(&sb);
	CHECK(sb.sb_len < sizeof(text) && text[sb.sb_len - 1] == '\n');
	CHECK_EQ(sscanf(text, "Node 0, zone Normal %lu %lu %*u %*u %*u %*u "
			"%*u %*u %*u %*u %lu", &n[0], &n[1], &n[2]), 3);
	CHECK_EQ(n[0], free_blocks[0]);
	CHECK_EQ(n[1], free_blocks[1]);
	CHECK_EQ(n[2], 3);
}

static void test_misuse(void)
{
	struct page *pg;

	UNIT_DIES(buddy_take(0, 0));
	UNIT_DIES(buddy_give(pfn_to_page(FIRST), 0));
	spin_lock(&buddy_lock);
	UNIT_DIES(buddy_take(PAGE_MAX_ORDER + 1, 0));
	pg = buddy_take(1, 0);
	UNIT_DIES(buddy_give(pg + 1, 1));
	buddy_give(pg, 1);
	UNIT_DIES(buddy_give(list_first_entry(&free_lists[10], struct page,
					      pg_free), 10));
	spin_unlock(&buddy_lock);
	check_buddy();
	shim_ram_free();
}

int main(void)
{
	UNIT_RUN(test_init);
	UNIT_RUN(test_random);
	UNIT_RUN(test_exhaust);
	UNIT_RUN(test_reserve);
	UNIT_RUN(test_report);
	UNIT_RUN(test_misuse);
	return unit_end();
}
