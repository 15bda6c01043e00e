/* SPDX-License-Identifier: MIT */
/*
 * Red-black tree. Users: VMAs by address, timers by time, runnable threads by
 * virtual run time, epoll items by file.
 *
 * Invariants, checked by tests/unit/rbtree_test.c after each step:
 *  1. the top is black;
 *  2. a red node has no red child;
 *  3. all ways from a node down to a missing child pass as many black nodes.
 * A missing child counts as black. Together they bound the height by twice
 * the logarithm of the number of nodes.
 *
 * Left and right are child[0] and child[1], so that each mirrored case is
 * written once, with the side as a variable.
 */
#include "kernel/lib/rbtree.h"

#include "kassert.h"

#define RB_RED	1ul

static bool rb_is_red(const struct rb_node *n)
{
	return n && (n->rb_parent_red & RB_RED);
}

static void rb_set_red(struct rb_node *n)
{
	n->rb_parent_red |= RB_RED;
}

static void rb_set_black(struct rb_node *n)
{
	n->rb_parent_red &= ~RB_RED;
}

static void rb_set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->rb_parent_red = (uintptr_t)parent | (n->rb_parent_red & RB_RED);
}

/* Makes @n take the place that @old has under @parent (NULL: the root). */
static void rb_change_child(struct rb_root *root, struct rb_node *parent,
			    const struct rb_node *old, struct rb_node *n)
{
	if (!parent)
		root->rb_top = n;
	else
		parent->rb_child[parent->rb_child[1] == old] = n;
}

/* @n sinks to @side; its child of the other side comes up in its place. */
static void rb_rotate(struct rb_root *root, struct rb_node *n, int side)
{
	struct rb_node *up = n->rb_child[!side];
	struct rb_node *parent = rb_parent(n);

	n->rb_child[!side] = up->rb_child[side];
	if (up->rb_child[side])
		rb_set_parent(up->rb_child[side], n);
	up->rb_child[side] = n;
	rb_set_parent(up, parent);
	rb_change_child(root, parent, n, up);
	rb_set_parent(n, up);
}

/* @n is red, and its parent may be red too: the one thing to mend. */
static void rb_insert_fix(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *parent;

	while (rb_is_red(parent = rb_parent(n))) {
		struct rb_node *grand = rb_parent(parent);
		int side = parent == grand->rb_child[1];
		struct rb_node *uncle = grand->rb_child[!side];

		rb_set_red(grand);
		if (rb_is_red(uncle)) {
			rb_set_black(parent);
			rb_set_black(uncle);
			n = grand;
			continue;
		}
		if (n == parent->rb_child[!side]) {
			rb_rotate(root, parent, side);
			parent = n;
		}
		rb_set_black(parent);
		rb_rotate(root, grand, !side);
		break;
	}
	rb_set_black(root->rb_top);
}

void rb_link_insert(struct rb_root *root, struct rb_node *n,
		    struct rb_node *parent, struct rb_node **link)
{
	KASSERT(*link == NULL);
	n->rb_child[0] = NULL;
	n->rb_child[1] = NULL;
	n->rb_parent_red = (uintptr_t)parent | RB_RED;
	*link = n;
	rb_insert_fix(root, n);
}

/* Inserts and returns whether the node has become the first one. */
static bool rb_insert_ordered(struct rb_root *root, struct rb_node *n,
			      rb_less_fn less)
{
	struct rb_node **link = &root->rb_top;
	struct rb_node *parent = NULL;
	bool first = true;

	while (*link) {
		parent = *link;
		if (less(n, parent)) {
			link = &parent->rb_child[0];
		} else {
			link = &parent->rb_child[1];
			first = false;
		}
	}
	rb_link_insert(root, n, parent, link);
	return first;
}

void rb_add(struct rb_root *root, struct rb_node *n, rb_less_fn less)
{
	rb_insert_ordered(root, n, less);
}

/*
 * The subtree at @n (possibly missing) under @parent has one black node too
 * few on its ways down.
 */
static void rb_erase_fix(struct rb_root *root, struct rb_node *n,
			 struct rb_node *parent)
{
	while (n != root->rb_top && !rb_is_red(n)) {
		int side = parent->rb_child[1] == n;
		struct rb_node *sib = parent->rb_child[!side];

		if (rb_is_red(sib)) {
			rb_set_black(sib);
			rb_set_red(parent);
			rb_rotate(root, parent, side);
			sib = parent->rb_child[!side];
		}
		if (!rb_is_red(sib->rb_child[0]) &&
		    !rb_is_red(sib->rb_child[1])) {
			rb_set_red(sib);
			n = parent;
			parent = rb_parent(n);
			continue;
		}
		if (!rb_is_red(sib->rb_child[!side])) {
			rb_set_black(sib->rb_child[side]);
			rb_set_red(sib);
			rb_rotate(root, sib, !side);
			sib = parent->rb_child[!side];
		}
		if (rb_is_red(parent))
			rb_set_red(sib);
		rb_set_black(parent);
		rb_set_black(sib->rb_child[!side]);
		rb_rotate(root, parent, side);
		return;
	}
	if (n)
		rb_set_black(n);
}

/*
 * Takes out @n, which has two children, by putting its successor in its place.
 * The gap is then where the successor was: *@child under *@parent.
 */
static bool rb_unlink_inner(struct rb_root *root, struct rb_node *n,
			    struct rb_node **child, struct rb_node **parent)
{
	struct rb_node *next = n->rb_child[1];
	bool gap_black;

	while (next->rb_child[0])
		next = next->rb_child[0];
	gap_black = !rb_is_red(next);
	*child = next->rb_child[1];
	if (next == n->rb_child[1]) {
		*parent = next;
	} else {
		*parent = rb_parent(next);
		(*parent)->rb_child[0] = *child;
		if (*child)
			rb_set_parent(*child, *parent);
		next->rb_child[1] = n->rb_child[1];
		rb_set_parent(next->rb_child[1], next);
	}
	next->rb_child[0] = n->rb_child[0];
	rb_set_parent(next->rb_child[0], next);
	rb_change_child(root, rb_parent(n), n, next);
	next->rb_parent_red = n->rb_parent_red;
	return gap_black;
}

void rb_erase(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *child, *parent;
	bool gap_black;

	KASSERT(rb_linked(n));
	if (n->rb_child[0] && n->rb_child[1]) {
		gap_black = rb_unlink_inner(root, n, &child, &parent);
	} else {
		gap_black = !rb_is_red(n);
		child = n->rb_child[n->rb_child[0] == NULL];
		parent = rb_parent(n);
		rb_change_child(root, parent, n, child);
		if (child)
			rb_set_parent(child, parent);
	}
	if (gap_black)
		rb_erase_fix(root, child, parent);
	rb_node_init(n);
}

void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *n)
{
	*n = *old;
	rb_change_child(root, rb_parent(old), old, n);
	for (int side = 0; side < 2; side++) {
		if (n->rb_child[side])
			rb_set_parent(n->rb_child[side], n);
	}
	rb_node_init(old);
}

struct rb_node *rb_find(const struct rb_root *root, const void *key,
			rb_cmp_fn cmp)
{
	struct rb_node *n = root->rb_top;

	while (n) {
		int c = cmp(key, n);

		if (c == 0)
			return n;
		n = n->rb_child[c > 0];
	}
	return NULL;
}

struct rb_node *rb_find_ge(const struct rb_root *root, const void *key,
			   rb_cmp_fn cmp)
{
	struct rb_node *n = root->rb_top, *best = NULL;

	while (n) {
		if (cmp(key, n) <= 0) {
			best = n;
			n = n->rb_child[0];
		} else {
			n = n->rb_child[1];
		}
	}
	return best;
}

/* The last node on the way down to @side. */
static struct rb_node *rb_end(const struct rb_root *root, int side)
{
	struct rb_node *n = root->rb_top;

	while (n && n->rb_child[side])
		n = n->rb_child[side];
	return n;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return rb_end(root, 0);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return rb_end(root, 1);
}

/* The neighbour of @n in the order, on @side. */
static struct rb_node *rb_step(const struct rb_node *n, int side)
{
	struct rb_node *up, *down = n->rb_child[side];

	if (down) {
		while (down->rb_child[!side])
			down = down->rb_child[!side];
		return down;
	}
	while ((up = rb_parent(n)) && up->rb_child[side] == n)
		n = up;
	return up;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	return rb_step(n, 1);
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	return rb_step(n, 0);
}

bool rb_add_cached(struct rb_cached_root *root, struct rb_node *n,
		   rb_less_fn less)
{
	bool first = rb_insert_ordered(&root->rb_root, n, less);

	if (first)
		root->rb_leftmost = n;
	return first;
}

void rb_erase_cached(struct rb_cached_root *root, struct rb_node *n)
{
	if (root->rb_leftmost == n)
		root->rb_leftmost = rb_next(n);
	rb_erase(&root->rb_root, n);
}
