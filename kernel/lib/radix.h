/* SPDX-License-Identifier: MIT */
/*
 * Radix tree: a sparse array from u64 index to non-NULL pointer, for the page
 * cache and id tables.
 *
 * Nodes have 64 slots, 6 bits of the index each. The tree is as high as its
 * largest index demands; a single item at index 0 needs no node at all. Node
 * memory comes from the owner's functions: node_alloc returns memory of
 * sizeof(struct radix_node) or NULL, which radix_insert reports as -ENOMEM
 * with the tree unchanged.
 *
 * Nothing here locks; the owner of the tree does. Look-ups only read.
 */
#ifndef KERNEL_LIB_RADIX_H
#define KERNEL_LIB_RADIX_H

#include "compiler.h"
#include "types.h"

#define RADIX_BITS	6
#define RADIX_SLOTS	(1u << RADIX_BITS)
#define RADIX_MAX_HEIGHT 11		/* 66 bits cover a 64-bit index */

struct radix_node {
	void *x_slot[RADIX_SLOTS];	/* nodes, or items in the lowest row */
	u64 x_map;			/* bit n: slot n is in use */
};

struct radix_ops {
	void *(*node_alloc)(void);
	void (*node_free)(void *node);
};

struct radix_tree {
	const struct radix_ops *x_ops;
	void *x_top;			/* a node, or at height 0 item 0 */
	unsigned int x_height;		/* rows of nodes */
};

static inline void radix_init(struct radix_tree *t,
			      const struct radix_ops *ops)
{
	t->x_ops = ops;
	t->x_top = NULL;
	t->x_height = 0;
}

static inline bool radix_empty(const struct radix_tree *t)
{
	return t->x_top == NULL;
}

/* The item at @index, or NULL. */
void *radix_lookup(const struct radix_tree *t, u64 index);

/* 0, -EEXIST if @index is taken, -ENOMEM. @item must not be NULL. */
int __must_check radix_insert(struct radix_tree *t, u64 index, void *item);

/* Puts @item in the place of the one at @index, which must exist; returns it. */
void *radix_replace(struct radix_tree *t, u64 index, void *item);

/* Takes the item at @index out and returns it, or NULL. Never fails. */
void *radix_delete(struct radix_tree *t, u64 index);

/*
 * The first item at or after *@index, with *@index set to its place, or NULL.
 * To walk: start at 0 and add 1 after each item (stop if that wraps to 0).
 * Deleting the item found, or any other, between two calls is fine.
 */
void *radix_next(const struct radix_tree *t, u64 *index);

#endif
