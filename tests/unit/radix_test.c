/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/radix.c
 *
 * Random operations beside an array of (index, item) pairs; node memory is
 * counted, and made to run out.
 */
#include "errno.h"
#include "kernel/lib/radix.h"
#include "tests/unit/unit.h"

#define ITEMS_MAX	200

struct pair {
	u64 index;
	int item;		/* its address is what the tree holds */
};

static struct pair pairs[ITEMS_MAX];
static int npairs;
static long nodes;		/* allocated and not freed */
static long nodes_left = -1;	/* until an allocation fails; -1: never */

static void *node_alloc(void)
{
	if (nodes_left == 0)
		return NULL;
	if (nodes_left > 0)
		nodes_left--;
	nodes++;
	return unit_alloc(sizeof(struct radix_node));
}

static void node_free(void *node)
{
	nodes--;
	unit_free(node);
}

static const struct radix_ops ops = { node_alloc, node_free };

static struct pair *model_find(u64 index)
{
	for (int i = 0; i < npairs; i++) {
		if (pairs[i].index == index)
			return &pairs[i];
	}
	return NULL;
}

static struct pair *model_next(u64 index)
{
	struct pair *best = NULL;

	for (int i = 0; i < npairs; i++) {
		if (pairs[i].index >= index &&
		    (!best || pairs[i].index < best->index))
			best = &pairs[i];
	}
	return best;
}

/* Small, clustered and huge indexes, with the borders of rows often. */
static u64 random_index(void)
{
	switch (unit_below(6)) {
	case 0:
		return unit_below(4);
	case 1:
		return unit_below(300);
	case 2:
		return (1ul << unit_below(64)) - unit_below(2);
	case 3:
		return ~unit_below(70);
	case 4:
		return 0x123456789000ul + unit_below(130);
	default:
		return unit_rand() >> unit_below(56);
	}
}

static void check_walk(const struct radix_tree *t)
{
	u64 index = 0;
	int count = 0;
	void *item;

	while ((item = radix_next(t, &index))) {
		struct pair *p = model_find(index);

		CHECK(p && item == &p->item);
		count++;
		if (++index == 0)
			break;
	}
	CHECK_EQ(count, npairs);
	CHECK(radix_empty(t) == (npairs == 0));
}

static void check_point(const struct radix_tree *t, u64 index)
{
	struct pair *p = model_find(index), *next = model_next(index);
	u64 at = index;
	void *item = radix_next(t, &at);

	CHECK(radix_lookup(t, index) == (p ? &p->item : NULL));
	CHECK(item == (next ? &next->item : NULL));
	CHECK(at == (next ? next->index : index));
}

static void step_insert(struct radix_tree *t, u64 index)
{
	struct pair *p = model_find(index);

	if (p) {
		long before = nodes;

		CHECK_EQ(radix_insert(t, index, &pairs[0].item), -EEXIST);
		CHECK_EQ(nodes, before);
	} else if (npairs < ITEMS_MAX) {
		p = &pairs[npairs++];
		p->index = index;
		CHECK_EQ(radix_insert(t, index, &p->item), 0);
	}
}

/* The last pair takes the free place, so its item in the tree changes. */
static void step_delete(struct radix_tree *t, u64 index)
{
	struct pair *p = model_find(index), *last;

	CHECK(radix_delete(t, index) == (p ? &p->item : NULL));
	if (!p)
		return;
	last = &pairs[--npairs];
	if (p != last) {
		p->index = last->index;
		CHECK(radix_replace(t, p->index, &p->item) == &last->item);
	}
}

static void delete_all(struct radix_tree *t)
{
	while (npairs > 0) {
		step_delete(t, pairs[unit_below(npairs)].index);
		check_walk(t);
	}
	CHECK_EQ(nodes, 0);
	CHECK_EQ(t->x_height, 0);
}

static void test_random(void)
{
	struct radix_tree t;

	radix_init(&t, &ops);
	npairs = 0;
	for (int step = 0; step < 8000; step++) {
		bool growing = (step / 500) % 2 == 0;
		u64 index = npairs && unit_below(2) ?
			    pairs[unit_below(npairs)].index : random_index();

		if (unit_below(5) < (growing ? 4 : 1))
			step_insert(&t, index);
		else
			step_delete(&t, index);
		check_point(&t, random_index());
		check_point(&t, index);
		if (step % 10 == 0)
			check_walk(&t);
	}
	delete_all(&t);
}

/* Insertions that fail at each of their allocations change nothing. */
static void test_no_memory(void)
{
	struct radix_tree t;

	radix_init(&t, &ops);
	npairs = 0;
	for (int step = 0; step < 60; step++) {
		u64 index = random_index();
		long before = nodes;
		int err = -ENOMEM;

		if (model_find(index))
			continue;
		for (long n = 0; err == -ENOMEM; n++) {
			nodes_left = n;
			pairs[npairs].index = index;
			err = radix_insert(&t, index, &pairs[npairs].item);
			if (err) {
				CHECK_EQ(err, -ENOMEM);
				CHECK_EQ(nodes, before);
				check_walk(&t);
			}
		}
		nodes_left = -1;
		CHECK_EQ(err, 0);
		npairs++;
		check_walk(&t);
	}
	delete_all(&t);
}

/* A file of one page has no node, one of 64 pages has one. */
static void test_sizes(void)
{
	struct radix_tree t;

	radix_init(&t, &ops);
	npairs = 0;
	for (u64 i = 0; i < 64; i++) {
		step_insert(&t, i);
		CHECK_EQ(nodes, i > 0);
	}
	step_insert(&t, 64);
	CHECK_EQ(nodes, 3);
	step_delete(&t, 64);
	CHECK_EQ(nodes, 1);
	delete_all(&t);
}

static void test_misuse(void)
{
	struct radix_tree t;
	int item;

	radix_init(&t, &ops);
	UNIT_DIES((void)!radix_insert(&t, 0, NULL));
	UNIT_DIES(radix_replace(&t, 0, &item));
	UNIT_DIES(radix_replace(&t, 7, &item));
	CHECK(radix_delete(&t, 12345) == NULL);
	CHECK(radix_lookup(&t, 0) == NULL);
}

int main(void)
{
	UNIT_RUN(test_random);
	UNIT_RUN(test_no_memory);
	UNIT_RUN(test_sizes);
	UNIT_RUN(test_misuse);
	return unit_end();
}
