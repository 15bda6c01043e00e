/* SPDX-License-Identifier: MIT */
/*
 * Intrusive lists: the links live inside the objects, so that adding and
 * removing never allocates.
 *
 * struct list_head is a circular doubly-linked list; head and elements use
 * the same type. struct hlist_head is a single pointer, for hash tables with
 * many buckets; removal from it is still O(1).
 *
 * Invariants: a list_head is always part of a ring (of one, when empty or
 * unlinked); list_del leaves the element as a ring of one, so that
 * list_empty(&elem) tells whether it is linked and a second list_del is
 * harmless. The same holds for hlist_unlinked().
 *
 * Nothing here locks; the owner of the list does.
 */
#ifndef LIST_H
#define LIST_H

#include "compiler.h"
#include "types.h"

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

static inline void list_init(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

static inline void list_insert_between(struct list_head *elem,
				       struct list_head *prev,
				       struct list_head *next)
{
	next->prev = elem;
	elem->next = next;
	elem->prev = prev;
	prev->next = elem;
}

/* Adds @elem in front: directly after @head. */
static inline void list_add(struct list_head *elem, struct list_head *head)
{
	list_insert_between(elem, head, head->next);
}

/* Adds @elem at the end: directly before @head. */
static inline void list_add_tail(struct list_head *elem,
				 struct list_head *head)
{
	list_insert_between(elem, head->prev, head);
}

static inline void list_del(struct list_head *elem)
{
	elem->next->prev = elem->prev;
	elem->prev->next = elem->next;
	list_init(elem);
}

static inline void list_move(struct list_head *elem, struct list_head *head)
{
	list_del(elem);
	list_add(elem, head);
}

static inline void list_move_tail(struct list_head *elem,
				  struct list_head *head)
{
	list_del(elem);
	list_add_tail(elem, head);
}

static inline void list_splice_between(struct list_head *from,
				       struct list_head *prev,
				       struct list_head *next)
{
	if (list_empty(from))
		return;
	from->next->prev = prev;
	prev->next = from->next;
	from->prev->next = next;
	next->prev = from->prev;
	list_init(from);
}

/* Moves all elements of @from to the front of @head; @from is then empty. */
static inline void list_splice(struct list_head *from,
			       struct list_head *head)
{
	list_splice_between(from, head, head->next);
}

/* The same, to the end of @head. */
static inline void list_splice_tail(struct list_head *from,
				    struct list_head *head)
{
	list_splice_between(from, head->prev, head);
}

static inline bool list_is_last(const struct list_head *elem,
				const struct list_head *head)
{
	return elem->next == head;
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)

/* The list must not be empty for these two. */
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) \
	list_entry((head)->prev, type, member)

#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))

/*
 * &(pos)->member, but also right for the "element" around a list's head that a
 * loop ends at, which need not be aligned like a real one.
 */
#define list_link(pos, member) \
	((struct list_head *)((char *)(pos) +				\
			      offsetof(__typeof__(*(pos)), member)))

#define list_next_entry(pos, member) \
	list_entry(list_link(pos, member)->next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) \
	list_entry(list_link(pos, member)->prev, __typeof__(*(pos)), member)

#define list_for_each_entry(pos, head, member)				\
	for (pos = list_first_entry(head, __typeof__(*pos), member);	\
	     list_link(pos, member) != (head);				\
	     pos = list_next_entry(pos, member))

#define list_for_each_entry_reverse(pos, head, member)			\
	for (pos = list_last_entry(head, __typeof__(*pos), member);	\
	     list_link(pos, member) != (head);				\
	     pos = list_prev_entry(pos, member))

/* @pos may be removed or freed in the body; @tmp is the next element. */
#define list_for_each_entry_safe(pos, tmp, head, member)		\
	for (pos = list_first_entry(head, __typeof__(*pos), member),	\
	     tmp = list_next_entry(pos, member);			\
	     list_link(pos, member) != (head);				\
	     pos = tmp, tmp = list_next_entry(tmp, member))

/* All zero is an empty head and an unlinked node. */
struct hlist_head {
	struct hlist_node *first;
};

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;	/* the pointer that points here */
};

static inline void hlist_init(struct hlist_node *n)
{
	n->next = NULL;
	n->pprev = NULL;
}

static inline bool hlist_unlinked(const struct hlist_node *n)
{
	return n->pprev == NULL;
}

static inline bool hlist_empty(const struct hlist_head *h)
{
	return h->first == NULL;
}

static inline void hlist_add(struct hlist_node *n, struct hlist_head *h)
{
	n->next = h->first;
	n->pprev = &h->first;
	if (h->first)
		h->first->pprev = &n->next;
	h->first = n;
}

static inline void hlist_del(struct hlist_node *n)
{
	if (hlist_unlinked(n))
		return;
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
	hlist_init(n);
}

#define hlist_entry(ptr, type, member)	container_of(ptr, type, member)

#define hlist_entry_or_null(ptr, type, member) ({			\
	__typeof__(ptr) hlist_ptr = (ptr);				\
	hlist_ptr ? hlist_entry(hlist_ptr, type, member) : NULL; })

#define hlist_for_each_entry(pos, head, member)				\
	for (pos = hlist_entry_or_null((head)->first,			\
				       __typeof__(*pos), member);	\
	     pos;							\
	     pos = hlist_entry_or_null(pos->member.next,		\
				       __typeof__(*pos), member))

/* @pos may be removed or freed in the body; @tmp is a struct hlist_node *. */
#define hlist_for_each_entry_safe(pos, tmp, head, member)		\
	for (pos = hlist_entry_or_null((head)->first,			\
				       __typeof__(*pos), member);	\
	     pos && ({ tmp = pos->member.next; true; });		\
	     pos = hlist_entry_or_null(tmp, __typeof__(*pos), member))

#endif
