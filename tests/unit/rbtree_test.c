/* SPDX-License-Identifier: MIT */
/*
 * unit-sources: kernel/lib/rbtree.c
 *
 * Random insertions and removals beside a plain array; after each step the
 * order, the links and the colour rules are checked in the whole tree.
 */
#include "kernel/lib/rbtree.h"
#include "tests/unit/unit.h"

#define NODES	128

struct item {
	int key;
	int serial;		/* order of insertion among equal keys */
	bool in;
	struct rb_node node;
};

static struct item items[NODES];
static int serials;

#define item_of(n)	rb_entry(n, struct item, node)

static bool item_less(const struct rb_node *a, const struct rb_node *b)
{
	return item_of(a)->key < item_of(b)->key;
}

static int key_cmp(const void *key, const struct rb_node *n)
{
	int k = *(const int *)key;

	return (k > item_of(n)->key) - (k < item_of(n)->key);
}

static bool is_red(const struct rb_node *n)
{
	return n && (n->rb_parent_red & 1);
}

/* Returns the black height; counts the nodes. */
static int check_subtree(const struct rb_node *n, const struct rb_node *parent,
			 int *count)
{
	int left, right;

	if (!n)
		return 0;
	(*count)++;
	CHECK(rb_parent(n) == parent);
	CHECK(!(is_red(n) && (is_red(rb_left(n)) || is_red(rb_right(n)))));
	left = check_subtree(rb_left(n), n, count);
	right = check_subtree(rb_right(n), n, count);
	CHECK_EQ(left, right);
	return left + !is_red(n);
}

static void check_tree(const struct rb_root *root)
{
	const struct item *before = NULL;
	int count = 0, in = 0, steps = 0;

	check_subtree(root->rb_top, NULL, &count);
	CHECK(!is_red(root->rb_top));
	for (int i = 0; i < NODES; i++)
		in += items[i].in;
	CHECK_EQ(count, in);
	for (struct rb_node *n = rb_first(root); n; n = rb_next(n)) {
		const struct item *it = item_of(n);

		CHECK(it->in && rb_linked(n));
		if (before) {
			CHECK(before->key < it->key ||
			      (before->key == it->key &&
			       before->serial < it->serial));
			CHECK(rb_prev(n) == &before->node);
		} else {
			CHECK(rb_prev(n) == NULL);
		}
		before = it;
		steps++;
	}
	CHECK_EQ(steps, in);
	CHECK(rb_last(root) == (before ? &before->node : NULL));
}

static void check_finds(const struct rb_root *root)
{
	int key = (int)unit_below(100) - 5;
	struct item *best = NULL;
	struct rb_node *n;
	bool exact = false;

	for (int i = 0; i < NODES; i++) {
		struct item *it = &items[i];

		if (!it->in || it->key < key)
			continue;
		exact |= it->key == key;
		if (!best || it->key < best->key ||
		    (it->key == best->key && it->serial < best->serial))
			best = it;
	}
	n = rb_find_ge(root, &key, key_cmp);
	CHECK(rb_entry_or_null(n, struct item, node) == best);
	n = rb_find(root, &key, key_cmp);
	CHECK((n != NULL) == exact);
	CHECK(!n || item_of(n)->key == key);
}

static void reset_items(void)
{
	for (int i = 0; i < NODES; i++) {
		items[i] = (struct item){ .key = 0 };
		rb_node_init(&items[i].node);
	}
}

static void test_random(void)
{
	struct rb_root root = RB_ROOT;

	reset_items();
	for (int step = 0; step < 6000; step++) {
		/* Long stretches that grow and shrink the tree. */
		bool growing = (step / 300) % 2 == 0;
		struct item *it = &items[unit_below(NODES)];

		if (it->in && (!growing || unit_below(4) == 0)) {
			rb_erase(&root, &it->node);
			it->in = false;
			CHECK(!rb_linked(&it->node));
		} else if (!it->in && (growing || unit_below(4) == 0)) {
			it->key = (int)unit_below(90);
			it->serial = serials++;
			it->in = true;
			rb_add(&root, &it->node, item_less);
		}
		check_tree(&root);
		check_finds(&root);
	}
}

/* Insertion in order, and removal from either end: queues. */
static void test_sorted(void)
{
	for (int dir = 0; dir < 4; dir++) {
		struct rb_root root = RB_ROOT;

		reset_items();
		for (int i = 0; i < NODES; i++) {
			items[i].key = dir & 1 ? i : NODES - i;
			items[i].in = true;
			rb_add(&root, &items[i].node, item_less);
			check_tree(&root);
		}
		while (!rb_empty(&root)) {
			struct rb_node *n = dir & 2 ? rb_first(&root) :
					    rb_last(&root);

			item_of(n)->in = false;
			rb_erase(&root, n);
			check_tree(&root);
		}
	}
}

static void test_cached(void)
{
	struct rb_cached_root root = RB_CACHED_ROOT;

	reset_items();
	for (int step = 0; step < 4000; step++) {
		struct item *it = &items[unit_below(NODES)];

		if (it->in) {
			rb_erase_cached(&root, &it->node);
			it->in = false;
		} else {
			bool first;

			it->key = (int)unit_below(1000);
			it->in = true;
			first = rb_add_cached(&root, &it->node, item_less);
			CHECK(first == (rb_first(&root.rb_root) == &it->node));
		}
		CHECK(rb_first_cached(&root) == rb_first(&root.rb_root));
	}
}

static void test_replace(void)
{
	struct rb_root root = RB_ROOT;
	struct item other;

	reset_items();
	for (int i = 0; i < 50; i++) {
		items[i].key = i;
		items[i].in = true;
		rb_add(&root, &items[i].node, item_less);
	}
	for (int i = 0; i < 50; i++) {
		other = items[i];
		rb_replace(&root, &items[i].node, &other.node);
		CHECK(!rb_linked(&items[i].node));
		CHECK(rb_find(&root, &i, key_cmp) == &other.node);
		rb_replace(&root, &other.node, &items[i].node);
		check_tree(&root);
	}
}

/* The caller's own search, and misuse. */
static void test_link_insert(void)
{
	struct rb_root root = RB_ROOT;
	struct rb_node **link = &root.rb_top;

	reset_items();
	CHECK(rb_first(&root) == NULL && rb_last(&root) == NULL);
	rb_link_insert(&root, &items[0].node, NULL, link);
	CHECK(root.rb_top == &items[0].node);
	UNIT_DIES(rb_link_insert(&root, &items[1].node, NULL, link));
	rb_erase(&root, &items[0].node);
	CHECK(rb_empty(&root));
	UNIT_DIES(rb_erase(&root, &items[0].node));
}

int main(void)
{
	UNIT_RUN(test_random);
	UNIT_RUN(test_sorted);
	UNIT_RUN(test_cached);
	UNIT_RUN(test_replace);
	UNIT_RUN(test_link_insert);
	return unit_end();
}
