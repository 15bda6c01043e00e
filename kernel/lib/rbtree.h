/* SPDX-License-Identifier: MIT */
/*
 * Red-black tree: an ordered set of nodes that live inside their objects.
 *
 * Order is the caller's: either rb_add with a "less" function (equal nodes go
 * behind those already there), or a search of the caller's own that ends with
 * rb_link_insert. Look-up by key is rb_find or a loop over rb_left/rb_right.
 * struct rb_cached_root also remembers the first node, for run queues and
 * timers that ask for it all the time.
 *
 * Nothing here locks; the owner of the tree does. A zeroed root is empty.
 */
#ifndef KERNEL_LIB_RBTREE_H
#define KERNEL_LIB_RBTREE_H

#include "compiler.h"
#include "types.h"

struct rb_node {
	struct rb_node *rb_child[2];	/* [0] before this node, [1] after */
	uintptr_t rb_parent_red;	/* parent, and bit 0 set if red */
} __aligned(8);

struct rb_root {
	struct rb_node *rb_top;
};

struct rb_cached_root {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

#define RB_ROOT		((struct rb_root){ NULL })
#define RB_CACHED_ROOT	((struct rb_cached_root){ { NULL }, NULL })

#define rb_entry(ptr, type, member)	container_of(ptr, type, member)
#define rb_entry_or_null(ptr, type, member) ({				\
	__typeof__(ptr) rb_ptr = (ptr);					\
	rb_ptr ? container_of(rb_ptr, type, member) : NULL; })

static inline bool rb_empty(const struct rb_root *root)
{
	return root->rb_top == NULL;
}

static inline struct rb_node *rb_left(const struct rb_node *n)
{
	return n->rb_child[0];
}

static inline struct rb_node *rb_right(const struct rb_node *n)
{
	return n->rb_child[1];
}

static inline struct rb_node *rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(n->rb_parent_red & ~1ul);
}

/*
 * Marks a node as being in no tree. rb_erase does so too; a node must be
 * marked once before rb_linked is asked about it.
 */
static inline void rb_node_init(struct rb_node *n)
{
	n->rb_parent_red = (uintptr_t)n;
}

static inline bool rb_linked(const struct rb_node *n)
{
	return n->rb_parent_red != (uintptr_t)n;
}

typedef bool (*rb_less_fn)(const struct rb_node *a, const struct rb_node *b);

/* <0, 0, >0 as @key is before, at or after @n. */
typedef int (*rb_cmp_fn)(const void *key, const struct rb_node *n);

/*
 * Inserts @n at *@link, an empty child pointer of @parent (or of the root,
 * with @parent NULL) that the caller's search has found, and rebalances.
 */
void rb_link_insert(struct rb_root *root, struct rb_node *n,
		    struct rb_node *parent, struct rb_node **link);
void rb_add(struct rb_root *root, struct rb_node *n, rb_less_fn less);
void rb_erase(struct rb_root *root, struct rb_node *n);

/* Puts @n in the place of @old, which has the same position in the order. */
void rb_replace(struct rb_root *root, struct rb_node *old, struct rb_node *n);

/* A node that equals @key, or NULL; with equal nodes, any of them. */
struct rb_node *rb_find(const struct rb_root *root, const void *key,
			rb_cmp_fn cmp);

/* The first node that is not before @key, or NULL. */
struct rb_node *rb_find_ge(const struct rb_root *root, const void *key,
			   rb_cmp_fn cmp);

/* NULL at the end of the order. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

/* The same with the first node remembered; rb_add_cached tells if @n is it. */
bool rb_add_cached(struct rb_cached_root *root, struct rb_node *n,
		   rb_less_fn less);
void rb_erase_cached(struct rb_cached_root *root, struct rb_node *n);

static inline struct rb_node *rb_first_cached(const struct rb_cached_root *r)
{
	return r->rb_leftmost;
}

#endif
