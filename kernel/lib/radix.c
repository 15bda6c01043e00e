/* SPDX-License-Identifier: MIT */
/*
 * Radix tree of the page cache and of id tables.
 *
 * A tree of height h has h rows of nodes and holds indexes below 64^h; row
 * h - 1 is the top, row 0 holds the items. At height 0 x_top is the item with
 * index 0, so a file of one page costs no node.
 *
 * Invariants: no node is empty (its x_map is never 0); bit n of x_map is set
 * exactly if x_slot[n] is not NULL; the top node of a tree with nodes uses a
 * slot other than 0 (else the tree would be lower).
 */
#include "kernel/lib/radix.h"

#include "bits.h"
#include "errno.h"
#include "kassert.h"
#include "kernel/lib/string.h"

/* The slot of @index in a node of @row. */
static unsigned int radix_slot(u64 index, unsigned int row)
{
	return (index >> (row * RADIX_BITS)) & (RADIX_SLOTS - 1);
}

/* The height of the lowest tree that has room for @index. */
static unsigned int radix_height_for(u64 index)
{
	return DIV_ROUND_UP(fls64(index), RADIX_BITS);
}

static bool radix_in_range(const struct radix_tree *t, u64 index)
{
	return t->x_height >= RADIX_MAX_HEIGHT ||
	       index >> (t->x_height * RADIX_BITS) == 0;
}

void *radix_lookup(const struct radix_tree *t, u64 index)
{
	void *p = t->x_top;

	if (!radix_in_range(t, index))
		return NULL;
	for (unsigned int row = t->x_height; p && row-- > 0;) {
		const struct radix_node *node = p;

		p = node->x_slot[radix_slot(index, row)];
	}
	return p;
}

/* How many nodes the insertion of @index takes; *@taken if it is there. */
static unsigned int radix_nodes_needed(const struct radix_tree *t, u64 index,
				       bool *taken)
{
	unsigned int height = radix_height_for(index);
	void *p = t->x_top;
	unsigned int row;

	*taken = false;
	if (!p)
		return height;
	if (height > t->x_height)
		return (height - t->x_height) + (height - 1);
	for (row = t->x_height; row-- > 0;) {
		p = ((struct radix_node *)p)->x_slot[radix_slot(index, row)];
		if (!p)
			return row;
	}
	*taken = true;
	return 0;
}

/* Nodes not yet in the tree, chained through their first slot. */
struct radix_spares {
	struct radix_node *first;
};

static struct radix_node *radix_take(struct radix_spares *spares)
{
	struct radix_node *node = spares->first;

	KASSERT(node != NULL);
	spares->first = node->x_slot[0];
	memset(node, 0, sizeof(*node));
	return node;
}

static int radix_reserve(const struct radix_tree *t, unsigned int n,
			 struct radix_spares *spares)
{
	spares->first = NULL;
	for (; n > 0; n--) {
		struct radix_node *node = t->x_ops->node_alloc();

		if (!node)
			goto undo;
		node->x_slot[0] = spares->first;
		spares->first = node;
	}
	return 0;

undo:
	while (spares->first)
		t->x_ops->node_free(radix_take(spares));
	return -ENOMEM;
}

static void radix_set_slot(struct radix_node *node, unsigned int slot, void *p)
{
	node->x_slot[slot] = p;
	node->x_map |= BIT(slot);
}

/* Makes the tree high enough; what it holds moves to slot 0 of new tops. */
static void radix_grow(struct radix_tree *t, unsigned int height,
		       struct radix_spares *spares)
{
	while (t->x_height < height) {
		struct radix_node *node = radix_take(spares);

		if (t->x_top)
			radix_set_slot(node, 0, t->x_top);
		t->x_top = node;
		t->x_height++;
	}
}

int radix_insert(struct radix_tree *t, u64 index, void *item)
{
	unsigned int height = radix_height_for(index);
	struct radix_spares spares;
	void **link = &t->x_top;
	bool taken;
	int err;

	KASSERT(item != NULL);
	err = radix_reserve(t, radix_nodes_needed(t, index, &taken), &spares);
	if (err)
		return err;
	if (taken)
		return -EEXIST;

	if (!t->x_top && height > 0) {
		t->x_top = radix_take(&spares);
		t->x_height = height;
	} else {
		radix_grow(t, height, &spares);
	}
	for (unsigned int row = t->x_height; row-- > 0;) {
		struct radix_node *node = *link;
		unsigned int slot = radix_slot(index, row);

		link = &node->x_slot[slot];
		if (row > 0 && !*link)
			radix_set_slot(node, slot, radix_take(&spares));
		else if (row == 0)
			radix_set_slot(node, slot, item);
	}
	*link = item;
	KASSERT(spares.first == NULL);
	return 0;
}

void *radix_replace(struct radix_tree *t, u64 index, void *item)
{
	void **link = &t->x_top;
	void *old;

	KASSERT(item != NULL && radix_in_range(t, index));
	for (unsigned int row = t->x_height; row-- > 0;) {
		struct radix_node *node = *link;

		KASSERT(node != NULL);
		link = &node->x_slot[radix_slot(index, row)];
	}
	old = *link;
	KASSERT(old != NULL);
	*link = item;
	return old;
}

/* Drops top nodes that only lead to slot 0. */
static void radix_shrink(struct radix_tree *t)
{
	while (t->x_height > 0) {
		struct radix_node *top = t->x_top;

		if (top->x_map != 1)
			break;
		t->x_top = top->x_slot[0];
		t->x_height--;
		t->x_ops->node_free(top);
	}
}

void *radix_delete(struct radix_tree *t, u64 index)
{
	struct radix_node *path[RADIX_MAX_HEIGHT];
	void *p = t->x_top;
	void *item;

	if (!p || !radix_in_range(t, index))
		return NULL;
	for (unsigned int row = t->x_height; row-- > 0;) {
		path[row] = p;
		p = path[row]->x_slot[radix_slot(index, row)];
		if (!p)
			return NULL;
	}
	item = p;

	for (unsigned int row = 0; row < t->x_height; row++) {
		unsigned int slot = radix_slot(index, row);

		path[row]->x_slot[slot] = NULL;
		path[row]->x_map &= ~BIT(slot);
		if (path[row]->x_map != 0) {
			radix_shrink(t);
			return item;
		}
		t->x_ops->node_free(path[row]);
	}
	t->x_top = NULL;
	t->x_height = 0;
	return item;
}

/*
 * Searches from @top (a node) for the first item at or after *@index. Returns
 * it, or NULL with *@index moved to the first index behind the part that was
 * seen to be empty (0 if there is none).
 */
static void *radix_descend(const struct radix_tree *t, u64 *index)
{
	const struct radix_node *node = t->x_top;
	unsigned int row = t->x_height - 1;

	for (;; row--) {
		unsigned int shift = row * RADIX_BITS;
		unsigned int slot = radix_slot(*index, row);
		u64 map = node->x_map >> slot;

		if (map == 0) {
			shift += RADIX_BITS;
			*index = shift >= 64 ? 0 :
				 ((*index >> shift) + 1) << shift;
			return NULL;
		}
		if (!(map & 1)) {
			unsigned int skip = ctz64(map);

			*index = ((*index >> shift) + skip) << shift;
			slot += skip;
		}
		if (row == 0)
			return node->x_slot[slot];
		node = node->x_slot[slot];
	}
}

void *radix_next(const struct radix_tree *t, u64 *index)
{
	u64 at = *index;
	void *item;

	if (!t->x_top)
		return NULL;
	if (t->x_height == 0)
		return at == 0 ? t->x_top : NULL;
	while (radix_in_range(t, at)) {
		item = radix_descend(t, &at);
		if (item) {
			*index = at;
			return item;
		}
		if (at == 0)
			break;
	}
	return NULL;
}
