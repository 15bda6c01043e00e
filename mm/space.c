/* SPDX-License-Identifier: MIT */
/*
 * Address spaces and their areas: making, finding, splitting, joining; and the life of a
 * struct vmspace. What may be mapped where is decided in map.c.
 *
 * Invariants:
 *  1. Areas do not overlap; all lie in [0, USER_TOP), page aligned and not empty.
 *  2. A level-1 page table exists only where some area reaches into its span, so
 *     that the end of a process walks its areas and nothing else.
 *  3. A linked area with an object is on the object's vo_areas; but for the vDSO's.
 *  4. vm_total_pages, vm_data_pages, vm_stack_pages and vm_locked_pages are the sums over
 *     the linked areas.
 *
 * Locks: vm_lock, then vo_lock, then vm_ptlock.
 */
#include <errno.h>
#include <kassert.h>
#include "kernel/core/proc.h"
#include "kernel/core/statreg.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/reclaim.h"
#include "mm/slab.h"
#include "mm/swap.h"
#include "mm/vmstat.h"

u32 vm_randomize = VM_RANDOM_BRK;

static struct slab_cache *space_cache, *area_cache;
static atomic64_t space_count;

static struct vmarea *area_of(struct rb_node *n)
{
	return rb_entry_or_null(n, struct vmarea, va_node);
}

/* ---- finding --------------------------------------------------------------- */

struct vmarea *vm_find(struct vmspace *vm, vaddr_t addr)
{
	struct vmarea *a = READ_ONCE(vm->vm_hint), *best = NULL;
	struct rb_node *n = vm->vm_areas.rb_top;

	if (likely(a && addr >= a->va_start && addr < a->va_end))
		return a;
	while (n) {
		a = rb_entry(n, struct vmarea, va_node);
		if (addr >= a->va_end) {
			n = rb_right(n);
			continue;
		}
		best = a;
		if (addr >= a->va_start) {
			WRITE_ONCE(vm->vm_hint, a);
			break;
		}
		n = rb_left(n);
	}
	return best;
}

struct vmarea *vm_first(struct vmspace *vm)
{
	return area_of(rb_first(&vm->vm_areas));
}

struct vmarea *vm_last(struct vmspace *vm)
{
	return area_of(rb_last(&vm->vm_areas));
}

struct vmarea *vm_next(struct vmarea *va)
{
	return area_of(rb_next(&va->va_node));
}

struct vmarea *vm_prev(struct vmarea *va)
{
	return area_of(rb_prev(&va->va_node));
}

struct vmarea *area_overlap(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	struct vmarea *a = vm_find(vm, start);

	return a && a->va_start < end ? a : NULL;
}

/* ---- areas ----------------------------------------------------------------- */

struct vmarea *area_create(struct vmspace *vm, vaddr_t start, vaddr_t end,
			   u32 flags, struct vm_object *obj, u64 offset)
{
	struct vmarea *a = slab_alloc(area_cache, ALLOC_WAIT);

	if (!a)
		return NULL;
	KASSERT(start < end && end <= USER_TOP);
	DASSERT(IS_ALIGNED(start | end, PAGE_SIZE));
	a->va_start = start;
	a->va_end = end;
	a->va_flags = flags;
	a->va_object = obj;
	a->va_offset = obj ? offset : 0;
	a->va_space = vm;
	list_init(&a->va_objlink);
	if (obj)
		vm_object_get(obj);
	return a;
}

/* Count pages of an area with these flags in, or (negative) out. */
static void account(struct vmspace *vm, u32 flags, s64 pages)
{
	vm->vm_total_pages += (u64)pages;
	if (flags & VA_STACK)
		vm->vm_stack_pages += (u64)pages;
	else if ((flags & (VA_SHARED | VA_WRITE)) == VA_WRITE)
		vm->vm_data_pages += (u64)pages;
	if (flags & VA_LOCKED)
		vm->vm_locked_pages += (u64)pages;
}

static void link_tree(struct vmspace *vm, struct vmarea *a,
		      struct rb_node *parent, struct rb_node **link)
{
	rb_link_insert(&vm->vm_areas, &a->va_node, parent, link);
	vm->vm_nareas++;
	account(vm, a->va_flags, (s64)area_pages(a));
}

/*
 * Must the object be able to find the area? Not that of the vDSO, which keeps its pages for ever:
 * its lock would be one that all forks and exits have in common.
 */
static bool object_lists(const struct vmarea *a)
{
	return a->va_object && !(a->va_flags & VA_VDSO);
}

static void object_link(struct vmarea *a)
{
	struct vm_object *vo = a->va_object;

	if (!object_lists(a))
		return;
	spin_lock(&vo->vo_lock);
	list_add(&a->va_objlink, &vo->vo_areas);
	/* The seal came after the check of the mmap(2) that makes this area. */
	if (vo->vo_sealed && (a->va_flags & VA_SHARED))
		a->va_flags &= ~(u32)(VA_WRITE | VA_MAYWRITE);
	spin_unlock(&vo->vo_lock);
	atomic_inc(&vo->vo_mapped);
}

/* After this the object's truncation does not see the area any more. */
static void object_unlink(struct vmarea *a)
{
	struct vm_object *vo = a->va_object;

	if (!object_lists(a))
		return;
	spin_lock(&vo->vo_lock);
	list_del(&a->va_objlink);
	spin_unlock(&vo->vo_lock);
	atomic_dec(&vo->vo_mapped);
}

static void link_sorted(struct vmspace *vm, struct vmarea *a)
{
	struct rb_node **link = &vm->vm_areas.rb_top, *parent = NULL;

	KASSERT(rwlock_write_held(&vm->vm_lock));
	while (*link) {
		struct vmarea *at = rb_entry(*link, struct vmarea, va_node);

		KASSERT(a->va_end <= at->va_start || a->va_start >= at->va_end);
		parent = *link;
		link = &parent->rb_child[a->va_start > at->va_start];
	}
	link_tree(vm, a, parent, link);
}

void area_link(struct vmspace *vm, struct vmarea *a)
{
	link_sorted(vm, a);
	object_link(a);
}

void area_link_last(struct vmspace *vm, struct vmarea *last, struct vmarea *a)
{
	KASSERT(!last || last->va_end <= a->va_start);
	if (last)
		link_tree(vm, a, &last->va_node, &last->va_node.rb_child[1]);
	else
		link_tree(vm, a, NULL, &vm->vm_areas.rb_top);
	object_link(a);
}

void area_unlink(struct vmspace *vm, struct vmarea *a)
{
	KASSERT(rwlock_write_held(&vm->vm_lock) && a->va_space == vm);
	rb_erase(&vm->vm_areas, &a->va_node);
	if (vm->vm_hint == a)
		vm->vm_hint = NULL;
	vm->vm_nareas--;
	account(vm, a->va_flags, -(s64)area_pages(a));
	object_unlink(a);
}

static void area_free(struct vmarea *a)
{
	if (a->va_object)
		vm_object_put(a->va_object);
	slab_free(area_cache, a);
}

void area_free_list(struct list_head *dead)
{
	struct vmarea *a, *next;

	list_for_each_entry_safe(a, next, dead, va_objlink)
		area_free(a);
}

void area_set_bounds(struct vmspace *vm, struct vmarea *a, vaddr_t start,
		     vaddr_t end)
{
	struct vm_object *vo = a->va_object;

	KASSERT(rwlock_write_held(&vm->vm_lock));
	KASSERT(start < end && end <= USER_TOP);
	account(vm, a->va_flags, -(s64)area_pages(a));
	if (vo) {
		spin_lock(&vo->vo_lock);
		a->va_offset += start - a->va_start;
	}
	a->va_start = start;
	a->va_end = end;
	if (vo)
		spin_unlock(&vo->vo_lock);
	account(vm, a->va_flags, (s64)area_pages(a));
}

void area_set_flags(struct vmspace *vm, struct vmarea *a, u32 flags)
{
	KASSERT(rwlock_write_held(&vm->vm_lock));
	account(vm, a->va_flags, -(s64)area_pages(a));
	a->va_flags = flags;
	account(vm, a->va_flags, (s64)area_pages(a));
}

int area_split(struct vmspace *vm, struct vmarea *a, vaddr_t addr,
	       struct vmarea **upper)
{
	struct vmarea *b;

	KASSERT(addr > a->va_start && addr < a->va_end);
	if (vm->vm_nareas >= VM_MAX_AREAS || vm_table_cut(vm, addr))
		return -ENOMEM;
	b = area_create(vm, addr, a->va_end, a->va_flags, a->va_object,
			a->va_offset + (addr - a->va_start));
	if (!b)
		return -ENOMEM;
	/* Truncation must find every entry through some area; finding it twice is harmless. */
	object_link(b);
	area_set_bounds(vm, a, a->va_start, addr);
	link_sorted(vm, b);
	*upper = b;
	return 0;
}

struct vmarea *area_merge(struct vmspace *vm, struct vmarea *a,
			  struct list_head *dead)
{
	struct vmarea *prev = vm_prev(a), *next = vm_next(a);

	if (next && area_mergeable(a, next)) {
		vaddr_t end = next->va_end;

		/* Grown first, so that truncation never misses the range. */
		area_set_bounds(vm, a, a->va_start, end);
		area_unlink(vm, next);
		list_add(&next->va_objlink, dead);
	}
	if (prev && area_mergeable(prev, a)) {
		vaddr_t end = a->va_end;

		area_set_bounds(vm, prev, prev->va_start, end);
		area_unlink(vm, a);
		list_add(&a->va_objlink, dead);
		a = prev;
	}
	return a;
}

/* ---- life ------------------------------------------------------------------ */

int vmspace_create(struct vmspace **out)
{
	struct vmspace *vm = slab_alloc(space_cache, ALLOC_WAIT | ALLOC_ZERO);

	if (!vm)
		return -ENOMEM;
	if (pt_page_reserve(1) || pmap_init(&vm->vm_pmap)) {
		slab_free(space_cache, vm);
		return -ENOMEM;
	}
	refcount_set(&vm->vm_ref, 1);
	rwlock_init(&vm->vm_lock, "vmspace", RANK_VMSPACE);
	spin_lock_init(&vm->vm_ptlock, "pt", RANK_PT);
	vm->vm_mmap_top = USER_TOP;
	scan_add(&vmspace_scan, &vm->vm_scan);
	atomic64_inc(&space_count);
	*out = vm;
	return 0;
}

struct vmspace *vmspace_get(struct vmspace *vm)
{
	refcount_inc(&vm->vm_ref);
	return vm;
}

/* Do the areas a and next reach into one level-1 table? */
static bool share_table(const struct vmarea *a, const struct vmarea *next)
{
	return next && round_down(next->va_start, PT_SPAN) < a->va_end;
}

/*
 * Clear all entries and unhook all tables. Nobody looks at vm any more, except truncation
 * through the objects' lists: an area leaves its list before its entries are cleared without
 * the lock. The areas are left on dead, since the walk may come by their nodes again.
 */
static void clear_dying(struct vmspace *vm, struct pt_list *tables,
			struct list_head *dead)
{
	struct vmarea *a = vm_first(vm), *next;
	vaddr_t from = a ? a->va_start : 0;
	struct zapped z = { .z_put = swap_cached_pages() ? swap_page_put : page_put };

	for (; a; a = next) {
		next = vm_next(a);
		object_unlink(a);
		vm_zap_dying(vm, a->va_start, a->va_end, &z);
		list_add_tail(&a->va_objlink, dead);
		if (share_table(a, next))
			continue;
		/* All below is clear already, so only what lies above keeps a table. */
		pmap_unhook_tables(&vm->vm_pmap, from, a->va_end, 0,
				   next ? next->va_start : USER_TOP, tables);
		from = next ? next->va_start : 0;
	}
	KASSERT_MSG(atomic64_read(&vm->vm_rss) == z.z_pages && vm->vm_swapped == z.z_swapped,
		    "%ld pages, %ld found; %lu in swap, %lu found", atomic64_read(&vm->vm_rss),
		    z.z_pages, vm->vm_swapped, z.z_swapped);
}

static void destroy(struct vmspace *vm)
{
	struct pt_list tables = { 0, 0 };
	LIST_HEAD(dead);

	/* Reclaim looks at it no more. */
	scan_remove(&vmspace_scan, &vm->vm_scan);
	clear_dying(vm, &tables, &dead);
	pmap_destroy(&vm->vm_pmap, &tables);
	area_free_list(&dead);
	slab_free(space_cache, vm);
	atomic64_dec(&space_count);
}

void vmspace_put(struct vmspace *vm)
{
	if (refcount_put_and_test(&vm->vm_ref)) {
		KASSERT(((struct thread *)current)->t_pmap != &vm->vm_pmap);
		destroy(vm);
	}
}

struct vmspace *vmspace_switch(struct vmspace *vm)
{
	struct proc *p = current_proc();
	struct vmspace *old;
	irqflags_t f;

	spin_lock(&p->p_lock);
	old = p->p_vm;
	p->p_vm = vm;
	spin_unlock(&p->p_lock);
	f = irq_save();
	current->t_pmap = vm ? &vm->vm_pmap : NULL;
	/* Leaving (NULL): what is loaded stays until the next thread comes. */
	pmap_activate(current->t_pmap);
	irq_restore(f);
	return old;
}

static u64 vmspaces_read(void)
{
	return (u64)atomic64_read(&space_count);
}

static struct statcounter vmspaces_counter = {
	.sc_name = "vmspaces",
	.sc_read = vmspaces_read,
};

void vm_init(void)
{
	space_cache = slab_create("vmspace", sizeof(struct vmspace), 64);
	area_cache = slab_create("vmarea", sizeof(struct vmarea), 8);
	vm_object_slab_init();
	fpu_area_init();
	statcounter_register(&vmspaces_counter);
	vmstat_init();
	overcommit_init();
	swap_init();
	reclaim_init();
}
