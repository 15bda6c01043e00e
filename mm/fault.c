/* SPDX-License-Identifier: MIT */
/*
 * Page faults. The CPU comes here through page_fault(), the kernel on behalf of
 * somebody through vm_fault(). Which case it is depends on the area and the entry; in
 * brackets what /proc/vmstat counts it as:
 *
 *	no area ------------------------ just below a stack: grow it [stack]; else
 *	                                 SIGSEGV, MAPERR [maperr]
 *	area without that right -------- SIGSEGV, ACCERR [accerr]
 *	table shared since a fork ------ to be changed: get one of our own (ptshare.c), start over
 *	                                 [own_table]
 *	entry allows it by now --------- another thread was faster: done [spurious]
 *	entry present, write, private:
 *	    page is ours alone --------- take it over: make it writable [take_over]
 *	    else ----------------------- copy on write [cow]
 *	entry is a swap entry:
 *	    not in the swap cache ------ drop all locks, have it read, start over [pgmajfault]
 *	    else ----------------------- map it, copy-on-write if others have it, too [swap]
 *	nothing there, anonymous:
 *	    read ----------------------- map the zero page, copy-on-write [zero_page]
 *	    write ---------------------- a fresh zeroed page, writable and dirty [demand_zero]
 *	nothing there, object:
 *	    past its end --------------- SIGBUS [bus]
 *	    not in memory -------------- drop all locks, have it brought in, start over [pgmajfault]
 *	    read ----------------------- map it [file_read] and its neighbours that are in memory
 *	                                 [file_around]
 *	    write, private ------------- copy it [file_copy]
 *	    write, shared -------------- announce the write to the pager, map it writable
 *	                                 [shared_write]
 *
 * Where memory is short, all locks are dropped, too, until there is some: so reclaim may take
 * pages from this very address space.
 *
 * In a private mapping an entry without PTE_COW is a page of our own; pages of the
 * object, the zero page, and pages shared with a relative since fork have PTE_COW.
 *
 * What is found out with vm_lock held for reading stays true: tables are not freed, areas not
 * changed. But other threads fault, too, and objects are truncated, so the entry is
 * compared once more under vm_ptlock before it is replaced. A page of an object must
 * then still be in it and before its end: truncation first changes these two
 * and takes vm_ptlock afterwards to clear entries.
 *
 * Sleeps; interrupts on.
 */
#include <abi/signal.h>
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/proc.h"
#include "kernel/core/trace.h"
#include "kernel/lib/string.h"
#include "kernel/x86/frame.h"
#include "mm/area.h"
#include "mm/object.h"
#include "mm/swap.h"
#include "mm/uaccess.h"
#include "mm/vmstat.h"

#define AROUND_PAGES	16		/* mapped by one fault, at most */

/* What has to be done without locks before the next try. */
enum fault_more {
	FAULT_DONE,
	FAULT_GROW,			/* the stack */
	FAULT_IO,			/* the object's page */
	FAULT_TABLES,			/* memory for page tables */
	FAULT_AGAIN,			/* nothing */
	FAULT_MEMORY,			/* a page */
	FAULT_SWAPIN,			/* the page of f_swap */
};

struct fault {
	struct vmspace *f_vm;
	vaddr_t f_va;			/* of the page */
	unsigned int f_access;		/* VNF_* */
	struct vmarea *f_area;		/* vm_lock held */
	struct vm_object *f_object;	/* for FAULT_IO: a reference, */
	bool f_announce;		/* and the pager is to be told of a write */
	u64 f_index;			/* page in the object */
	u64 f_swap;			/* for FAULT_SWAPIN */
	unsigned int f_round;		/* how often FAULT_MEMORY */
	struct page *f_page;		/* brought in for us; held until we are through */
	bool f_major;			/* there was I/O */
	struct vm_object *f_announced;	/* its pager knows that f_page will be written: a reference */
	u64 f_end;			/* up to this byte of the object */
};

/* True while user copies must not fault pages in; this CPU. */
DEFINE_PERCPU(bool, user_nofault);

/* ---- anonymous memory -------------------------------------------------------- */

/* Enter pg in an empty entry, or let go of it if that is not empty any more. */
static int install(struct fault *f, pte_t *pte, struct page *pg, pte_t e)
{
	struct vmspace *vm = f->f_vm;
	bool raced;

	spin_lock(&vm->vm_ptlock);
	if (!pte)
		pte = pmap_lookup_alloc(&vm->vm_pmap, f->f_va);
	raced = !pte || *pte;
	if (likely(!raced)) {
		WRITE_ONCE(*pte, page_to_phys(pg) | e);
		vm_rss_add(vm, 1);
	}
	spin_unlock(&vm->vm_ptlock);
	if (unlikely(raced))
		page_put(pg);
	return pte ? FAULT_DONE : FAULT_TABLES;
}

static int fault_zero(struct fault *f, pte_t *pte)
{
	struct page *pg = zero_page;
	pte_t e = area_pte(f->f_area);

	if (f->f_access & VF_WRITE) {
		pg = page_alloc(0, ALLOC_ZERO | ALLOC_NORECLAIM);
		if (!pg)
			return FAULT_MEMORY;
		e |= PTE_W | PTE_D;
		vm_event(VE_DEMAND_ZERO);
	} else {
		page_get(pg);
		e |= PTE_COW;
		vm_event(VE_ZERO_READ);
	}
	return install(f, pte, pg, e);
}

/* The last owner of a copy-on-write page writes: it is its own from now on. */
static bool take_over(struct fault *f, pte_t *pte, pte_t old, struct page *pg)
{
	struct vmspace *vm = f->f_vm;
	bool ours;

	if (pg->pg_flags & PG_CACHE ||
	    (atomic_read(&pg->pg_ref) != 1 && !(pg->pg_flags & PG_SWAP)))
		return false;
	spin_lock(&vm->vm_ptlock);
	/* One reference, and it is this entry's: nobody else can get at the page. */
	ours = *pte == old && (atomic_read(&pg->pg_ref) == 1 || swap_forget(pg));
	if (ours)
		WRITE_ONCE(*pte, (old & ~PTE_COW) | PTE_W | PTE_D);
	spin_unlock(&vm->vm_ptlock);
	if (ours)
		vm_event(VE_TAKE_OVER);
	/* A right was added: no flush, a stale entry elsewhere only faults. */
	return ours;
}

static int fault_cow(struct fault *f, pte_t *pte, pte_t old)
{
	struct vmspace *vm = f->f_vm;
	struct page *from = phys_to_page(pte_paddr(old)), *pg;
	bool same;

	if (take_over(f, pte, old, from))
		return FAULT_DONE;
	pg = page_alloc(0, ALLOC_NORECLAIM | (from == zero_page ? ALLOC_ZERO : 0));
	if (!pg)
		return FAULT_MEMORY;
	vm_event(VE_COW);
	/*
	 * No reference on from, though another thread may replace the entry and
	 * the page be freed while we copy: then the entry has changed for good
	 * (what makes entries copy-on-write, fork or a page that comes back from
	 * swap, needs vm_lock alone before), and the copy is thrown away.
	 */
	if (from != zero_page)
		copy_page(page_to_virt(pg), page_to_virt(from));
	spin_lock(&vm->vm_ptlock);
	same = *pte == old;
	if (likely(same)) {
		/* Nobody may read the old page when somebody can write the new one. */
		WRITE_ONCE(*pte, 0);
		tlb_flush_page(&vm->vm_pmap, f->f_va);
		WRITE_ONCE(*pte, page_to_phys(pg) | area_pte(f->f_area) |
				 PTE_W | PTE_D);
	}
	spin_unlock(&vm->vm_ptlock);
	entry_page_put(same ? from : pg);
	return FAULT_DONE;
}

/* ---- objects ----------------------------------------------------------------- */

static u64 object_pages(const struct vm_object *vo)
{
	return DIV_ROUND_UP(READ_ONCE(vo->vo_size), PAGE_SIZE);
}

/* vm_ptlock held: may page index of vo be entered still? See the head of this file. */
static bool still_there(const struct vm_object *vo, const struct page *pg,
			u64 index)
{
	return READ_ONCE(pg->pg_object) == vo && index < object_pages(vo);
}

static int need_io(struct fault *f)
{
	vm_object_get(f->f_area->va_object);
	f->f_object = f->f_area->va_object;
	f->f_announce = f->f_access & VF_WRITE && f->f_area->va_flags & VA_SHARED;
	return FAULT_IO;
}

/* The end of page index of vo, or of vo itself. */
static u64 page_end(const struct vm_object *vo, u64 index)
{
	return min((index + 1) << PAGE_SHIFT, READ_ONCE(vo->vo_size));
}

/* A write to a private mapping of a page that is not mapped yet: map a copy. */
static int fault_private_copy(struct fault *f, pte_t *pte, struct page *from)
{
	struct vm_object *vo = f->f_area->va_object;
	struct page *pg = page_alloc(0, ALLOC_NORECLAIM);
	bool there;

	if (!pg) {
		page_put(from);
		return FAULT_MEMORY;
	}
	vm_event(VE_FILE_COPY);
	copy_page(page_to_virt(pg), page_to_virt(from));
	spin_lock(&f->f_vm->vm_ptlock);
	there = still_there(vo, from, f->f_index) && !*pte;
	if (likely(there)) {
		WRITE_ONCE(*pte, page_to_phys(pg) | area_pte(f->f_area) |
				 PTE_W | PTE_D);
		vm_rss_add(f->f_vm, 1);
	}
	spin_unlock(&f->f_vm->vm_ptlock);
	page_put(from);
	if (unlikely(!there))
		page_put(pg);
	return FAULT_DONE;
}

/* A write to a shared mapping; the page may be mapped read-only already. */
static int fault_shared_write(struct fault *f, pte_t *pte, struct page *pg)
{
	struct vm_object *vo = f->f_area->va_object;
	struct vmspace *vm = f->f_vm;
	paddr_t pa = page_to_phys(pg);
	bool spare = true, fits;

	if (!vm_object_memory_only(vo)) {
		if (f->f_announced != vo || f->f_page != pg) {
			page_put(pg);
			return need_io(f);
		}
		/* One more while the page is marked dirty, below. */
		page_get(pg);
	}
	spin_lock(&vm->vm_ptlock);
	/* An object that grew first changes its size, and takes vm_ptlock afterwards, too. */
	fits = vm_object_memory_only(vo) || page_end(vo, f->f_index) <= f->f_end;
	if (fits && !*pte && still_there(vo, pg, f->f_index)) {
		WRITE_ONCE(*pte, pa | area_pte(f->f_area) | PTE_W | PTE_D);
		vm_rss_add(vm, 1);
		spare = false;
	} else if (fits && *pte & PTE_P && pte_paddr(*pte) == pa) {
		WRITE_ONCE(*pte, *pte | PTE_W | PTE_D);
	}
	spin_unlock(&vm->vm_ptlock);
	if (spare)
		page_put(pg);
	/* Only now: objwrite.c clears the mark first and takes the right away afterwards. */
	if (!vm_object_memory_only(vo)) {
		vm_object_mark_dirty(vo, pg);
		page_put(pg);
	}
	vm_event(VE_SHARED_WRITE);
	return FAULT_DONE;
}

static int fault_object_write(struct fault *f, pte_t *pte)
{
	struct page *pg = vm_object_lookup(f->f_area->va_object, f->f_index);

	if (!pg)
		return need_io(f);
	if (f->f_area->va_flags & VA_SHARED)
		return fault_shared_write(f, pte, pg);
	return fault_private_copy(f, pte, pg);
}

/*
 * A read: map all pages of the aligned block around f_va that are in memory
 * and not mapped. The block lies in one page table.
 */
static int fault_object_read(struct fault *f, pte_t *pte)
{
	struct vmarea *a = f->f_area;
	struct vm_object *vo = a->va_object;
	struct vmspace *vm = f->f_vm;
	const u64 block = AROUND_PAGES * PAGE_SIZE;
	vaddr_t lo = max(a->va_start, round_down(f->f_va, block));
	vaddr_t hi = min(a->va_end, round_down(f->f_va, block) + block);
	u64 first = area_index(a, lo), want = 0;
	unsigned int n = (hi - lo) >> PAGE_SHIFT, at = (f->f_va - lo) >> PAGE_SHIFT;
	struct page *pages[AROUND_PAGES];
	pte_t e = area_pte(a);
	s64 mapped = 0;
	bool found;

	if (!(a->va_flags & VA_SHARED))
		e |= PTE_COW;
	else if (a->va_flags & VA_WRITE && vm_object_memory_only(vo))
		e |= PTE_W | PTE_D;
	pte -= at;
	for (unsigned int i = 0; i < n; i++)
		want |= (u64)!READ_ONCE(pte[i]) << i;
	vm_object_lookup_range(vo, first, n, want, pages);
	found = pages[at] != NULL || !(want & 1ul << at);
	spin_lock(&vm->vm_ptlock);
	for (unsigned int i = 0; i < n; i++) {
		if (!pages[i] || pte[i] || !still_there(vo, pages[i], first + i))
			continue;
		WRITE_ONCE(pte[i], page_to_phys(pages[i]) | e);
		pages[i] = NULL;
		mapped++;
	}
	vm_rss_add(vm, mapped);
	spin_unlock(&vm->vm_ptlock);
	vm_event(VE_FILE_READ);
	vm_event_add(VE_FILE_AROUND, (u64)(mapped ? mapped - 1 : 0));
	for (unsigned int i = 0; mapped < n && i < n; i++)
		if (unlikely(pages[i] != NULL))
			page_put(pages[i]);
	return found ? FAULT_DONE : need_io(f);
}

static int fault_object(struct fault *f, pte_t *pte)
{
	struct vmspace *vm = f->f_vm;

	f->f_index = area_index(f->f_area, f->f_va);
	if (f->f_index >= object_pages(f->f_area->va_object))
		return -EIO;
	if (!pte) {
		spin_lock(&vm->vm_ptlock);
		pte = pmap_lookup_alloc(&vm->vm_pmap, f->f_va);
		spin_unlock(&vm->vm_ptlock);
		if (!pte)
			return FAULT_TABLES;
	}
	return f->f_access & VF_WRITE ? fault_object_write(f, pte) :
					fault_object_read(f, pte);
}

/* ---- swap -------------------------------------------------------------------- */

/* The entry e stands for a page in swap. */
static __noinline int fault_swap(struct fault *f, pte_t *pte, pte_t e)
{
	struct vmspace *vm = f->f_vm;
	struct page *pg = NULL;
	bool alone = true, same;
	pte_t new = 0;

	spin_lock(&vm->vm_ptlock);
	same = *pte == e;
	if (same)
		pg = swap_take(swap_address(e), f->f_access & VF_WRITE, &alone);
	if (pg) {
		new = area_entry(f->f_area, page_to_phys(pg) | PTE_D |
					    (alone ? 0 : PTE_COW));
		WRITE_ONCE(*pte, new);
		vm_rss_add(vm, 1);
		vm->vm_swapped--;
		vm_event(VE_SWAP);
	}
	spin_unlock(&vm->vm_ptlock);
	if (!pg) {
		f->f_swap = swap_address(e);
		return same ? FAULT_SWAPIN : FAULT_DONE;
	}
	/* Do not come again for the copy. */
	return f->f_access & VF_WRITE && !alone ? fault_cow(f, pte, new) : FAULT_DONE;
}

/* ---- the routine -------------------------------------------------------------- */

static bool access_allowed(const struct vmarea *a, unsigned int access)
{
	if (access & VF_WRITE)
		return a->va_flags & VA_WRITE;
	if (access & VF_EXEC)
		return a->va_flags & VA_EXEC;
	/* x86 cannot grant writing or executing without reading. */
	return a->va_flags & VA_PROT;
}

/* The table of f_va is shared and is to be changed. */
static int own_table(struct fault *f)
{
	vm_event(VE_OWN_TABLE);
	return vm_table_own(f->f_vm, f->f_va) ? FAULT_AGAIN : FAULT_TABLES;
}

/* One try, vm_lock held for reading: enum fault_more or -errno. */
static int fault_locked(struct fault *f)
{
	struct vmspace *vm = f->f_vm;
	struct vmarea *a = READ_ONCE(vm->vm_hint);
	pte_t *dir, *pte, e;

	/* The area of the last fault, most often. */
	if (unlikely(!a || f->f_va < a->va_start || f->f_va >= a->va_end)) {
		a = vm_find(vm, f->f_va);
		if (!a || f->f_va < a->va_start)
			return a && a->va_flags & VA_STACK ? FAULT_GROW : -EFAULT;
	}
	if (unlikely(!access_allowed(a, f->f_access)) && !(f->f_access & VF_SWAPOFF))
		return -EACCES;
	f->f_area = a;
	dir = pmap_lookup_dir(&vm->vm_pmap, f->f_va);
	pte = pte_below(dir, f->f_va);
	e = pte ? READ_ONCE(*pte) : 0;
	if (unlikely(pte && *dir & PTE_SHARED) &&
	    (f->f_access & VF_WRITE || !(e & PTE_P)))
		return own_table(f);
	if (e & PTE_P) {
		if (!(f->f_access & VF_WRITE) || e & PTE_W) {
			vm_event(VE_SPURIOUS);
			return FAULT_DONE;
		}
		if (!(a->va_flags & VA_SHARED))
			return fault_cow(f, pte, e);
	}
	if (unlikely(e && !(e & PTE_P))) {
		KASSERT(e & PTE_SWAP || f->f_access & VF_SWAPOFF);
		return e & PTE_SWAP ? fault_swap(f, pte, e) : FAULT_DONE;
	}
	return a->va_object ? fault_object(f, pte) : fault_zero(f, pte);
}

/* Extend the stack area down to the fault. 0, -EFAULT where it may not grow. */
static int grow_stack(struct fault *f)
{
	struct vmspace *vm = f->f_vm;
	struct vmarea *a, *prev;
	int err = -EFAULT;
	u64 pages;

	rwlock_write(&vm->vm_lock);
	a = vm_find(vm, f->f_va);
	if (!a || (f->f_va < a->va_start && !(a->va_flags & VA_STACK)))
		goto out;
	err = 0;
	if (f->f_va >= a->va_start)
		goto out;		/* another thread was faster */
	err = -EFAULT;
	prev = vm_prev(a);
	pages = (a->va_start - f->f_va) >> PAGE_SHIFT;
	if (f->f_va < VM_MIN_ADDR ||
	    a->va_end - f->f_va > proc_rlimit(RLIMIT_STACK))
		goto out;
	if (prev && prev->va_flags & VA_PROT && !(prev->va_flags & VA_STACK) &&
	    f->f_va - prev->va_end < VM_STACK_GAP)
		goto out;
	if (!vm_may_grow(vm, pages, a->va_flags) ||
	    (a->va_flags & VA_LOCKED && !vm_may_lock(vm, pages)))
		goto out;
	area_set_bounds(vm, a, f->f_va, a->va_end);
	vm_event(VE_STACK);
	err = 0;
out:
	rwlock_write_unlock(&vm->vm_lock);
	return err;
}

/* Tell the pager that a mapping will write to the page that was brought in. */
static int announce(struct fault *f)
{
	struct vm_object *vo = f->f_object;
	u64 from = f->f_index << PAGE_SHIFT;

	f->f_end = page_end(vo, f->f_index);
	/* Truncated: the next try finds that out. */
	if (!vo->vo_pager || !vo->vo_pager->vp_make_writable || from >= f->f_end)
		return 0;
	return vo->vo_pager->vp_make_writable(vo, from, f->f_end);
}

/* The page is mapped and dirty, or the next try announces it anew. No locks held. */
static void end_announce(struct fault *f)
{
	struct vm_object *vo = f->f_announced;

	if (!vo)
		return;
	f->f_announced = NULL;
	vm_object_end_announce(vo);
	vm_object_put(vo);
}

/*
 * Have the page brought in and, for a shared write, the pager told. No locks held. The
 * announcement then lasts over the next try: what the pager has given the page could be taken
 * away before it is mapped and marked dirty, and nobody would know that the store needs it.
 */
static int bring_in(struct fault *f)
{
	struct vm_object *vo = f->f_object;
	int err;

	if (f->f_page)
		page_put(f->f_page);
	f->f_page = NULL;
	vm_readaround(vo, f->f_index);
	f->f_major |= vo->vo_pager && vo->vo_pager->vp_write;
	if (f->f_announce) {
		vm_object_begin_announce(vo);
		f->f_announced = vo;
	}
	err = vm_object_getpage(vo, f->f_index, &f->f_page);
	if (!err && f->f_announced)
		err = announce(f);
	if (!f->f_announced)
		vm_object_put(vo);
	else if (err)
		end_announce(f);
	return err && err != -ENOMEM ? -EIO : err;
}

/* No locks held. -ENOMEM: there is no memory to be had, or we are being killed for some. */
static int wait_for_page(struct fault *f)
{
	if (atomic_read(&((struct thread *)current)->t_work) & TW_EXIT)
		return -ENOMEM;
	if (page_reclaim(0, ALLOC_USER, f->f_round++) || page_available(0))
		return 0;
	return -ENOMEM;
}

/*
 * Do without locks what the last try asked for. 0 or -errno. Nothing stays announced meanwhile: that
 * holds up who gives blocks back, and we may wait for him here, or for long.
 */
static __noinline int prepare(struct fault *f, enum fault_more more)
{
	end_announce(f);
	switch (more) {
	case FAULT_GROW:
		return grow_stack(f);
	case FAULT_IO:
		return bring_in(f);
	case FAULT_AGAIN:
		return 0;
	case FAULT_TABLES:
		return pt_page_reserve(3);
	case FAULT_SWAPIN:
		f->f_major = true;
		return swap_bring_in(f->f_swap);
	default:
		return wait_for_page(f);
	}
}

int vm_fault(struct vmspace *vm, vaddr_t addr, unsigned int access)
{
	struct fault f;
	int r;

	f.f_vm = vm;
	f.f_va = round_down(addr, PAGE_SIZE);
	f.f_access = access;
	f.f_round = 0;
	f.f_page = NULL;
	f.f_major = false;
	f.f_announced = NULL;

	if (unlikely(addr >= USER_TOP))
		return -EFAULT;
	do {
		rwlock_read(&vm->vm_lock);
		r = fault_locked(&f);
		rwlock_read_unlock(&vm->vm_lock);
		if (likely(r <= 0))
			break;
		r = prepare(&f, (enum fault_more)r);
	} while (!r);
	if (unlikely(f.f_page != NULL)) {
		end_announce(&f);
		page_put(f.f_page);
	}
	if (unlikely(f.f_major)) {
		vm_event(VE_MAJFAULT);
		current->t_majflt++;
	} else {
		current->t_minflt++;
	}
	return r;
}

/* A user thread's fault that could not be resolved. */
static void fault_signal(int err, vaddr_t addr)
{
	switch (err) {
	case -EFAULT:
		vm_event(VE_MAPERR);
		signal_fault(SIGSEGV, SEGV_MAPERR, addr);
		break;
	case -EACCES:
		vm_event(VE_ACCERR);
		signal_fault(SIGSEGV, SEGV_ACCERR, addr);
		break;
	case -EIO:
		vm_event(VE_BUS);
		signal_fault(SIGBUS, BUS_ADRERR, addr);
		break;
	default:
		/* No memory, although page_alloc() has killed whom it could. */
		signal_fault(SIGKILL, SI_KERNEL, addr);
	}
}

/*
 * Upcall of kernel/x86/trap.c. False: not ours; a kernel fault then goes by the fixup table,
 * or is a bug.
 */
bool page_fault(struct trapframe *tf, vaddr_t addr, u32 err)
{
	bool user = frame_from_user(tf);
	unsigned int access = 0;
	struct vmspace *vm;
	int r;

	trace(TRACE_FAULT, addr, err, tf->tf_rip, 0);
	if (unlikely(!user && (addr >= USER_TOP || this_cpu(user_nofault) ||
			       !(tf->tf_rflags & RFLAGS_IF))))
		return false;
	vm = current_proc()->p_vm;
	if (unlikely(!vm || err & PF_RSVD))
		return false;
	if (err & PF_WRITE)
		access = VF_WRITE;
	else if (err & PF_EXEC)
		access = VF_EXEC;
	r = vm_fault(vm, addr, access);
	/* The first failure may have been injected, or memory has come back since. */
	if (unlikely(r == -ENOMEM && user))
		r = vm_fault(vm, addr, access);
	if (likely(r == 0))
		return true;
	if (user)
		fault_signal(r, addr);
	return user;
}
