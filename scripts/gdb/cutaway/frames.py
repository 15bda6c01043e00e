# SPDX-License-Identifier: MIT
"""ct-page: a frame of memory, what it is used for and who maps it."""

import gdb

from cutaway import kernel, names, pages, processes
from cutaway.command import command, number
from cutaway.kernel import amount, const, safely


@command("ct-page", "PFN|ADDR")
def ct_page(words):
    """A frame of memory: what it is used for, how often, and who maps it.

    A number below the count of frames is a frame number. An address is looked up:
    of a struct page, of the kernel, or of the process that runs now.
    Examples:
      ct-page 0x346       frame number 0x346
      ct-page &counter    the frame behind a variable of the running program
      ct-page $rsp        of the stack in use
    """
    pfn = frame_named(number(words[0]))
    if not pages.valid(pfn):
        raise gdb.GdbError(f"there is no frame {pfn:#x}: no RAM has the physical "
                           f"address {pfn << const('PAGE_SHIFT'):#x}")
    page = pages.page(pfn)
    count = kernel.atomic(page["pg_ref"])
    flags = int(page["pg_flags"])
    print(f"frame {pfn:#x}, physical {pfn << const('PAGE_SHIFT'):#x}, struct "
          f"page at {int(page.address):#x}")
    print(f"  references {count}, flags: "
          f"{kernel.flags(flags, 'PG_') or 'none'}")
    kept = show_use(page, pfn, flags)
    found = mappings(pfn)
    for owner, leaf in found:
        print(f"  mapped by {processes.label(owner)} at {leaf.address:#x}: "
              f"{pages.describe_entry(leaf.entry)}"
              f"{', in a table shared since a fork' if leaf.shared else ''}")
    # Those who share a table have one reference in common.
    tables = {(leaf.table, leaf.address) for _, leaf in found}
    rest = count - len(tables) - kept
    if rest > 0 and not flags & const("PG_SLAB"):
        print(f"  {amount(rest, 'reference')} more: held by the kernel, "
              "or by a pipe or a call that is using the page")


def frame_named(value):
    size = kernel.type_of("struct page").sizeof
    base, shift = const("VMEMMAP_BASE"), const("PAGE_SHIFT")
    total = frame_limit()
    if value < total:
        return value
    if base <= value < base + total * size:
        return (value - base) // size
    if not pages.canonical(value):
        raise gdb.GdbError(f"{value:#x} is no address: bits 63 to 47 differ")
    if const("DIRECT_MAP_BASE") <= value < const("VMALLOC_BASE"):
        return value - const("DIRECT_MAP_BASE") >> shift
    root = int(kernel.var("kernel_pmap")["pm_root"])
    if value < const("USER_TOP"):
        root = pages.root_of(pages.space_of(processes.current_process()))
    frame = pages.frame_at(root, value)
    if frame is None:
        raise gdb.GdbError(f"no frame is mapped at {value:#x}; see ct-pt")
    return frame


def frame_limit():
    """Frame numbers are below this; user addresses (VM_MIN_ADDR) above, in all
    but very large machines."""
    return 1 << 20


# ---- what it is for ---------------------------------------------------------

def show_use(page, pfn, flags):
    """Says what the frame is for; returns the references this accounts for."""
    if pages.is_zero_page(pfn):
        print("  the zero page: what a read of untouched memory gets")
        return 1
    if flags & (const("PG_BUDDY") | const("PG_CPUCACHE")):
        where = "a CPU's cache" if flags & const("PG_CPUCACHE") else \
            f"the buddy lists, head of a block of order {int(page['pg_order'])}"
        print(f"  free, in {where}")
    elif flags & const("PG_SLAB"):
        name = safely(lambda: kernel.text(page["pg_cache"]["c_name"]))
        print(f"  objects of slab cache {name}; see ct-slab {name}")
    elif flags & const("PG_CACHE"):
        return show_cached(page, pfn)
    elif flags & const("PG_SWAP"):
        slot = pages.swap_slot(int(page["pg_index"]))
        print(f"  in the swap cache: slot {slot.number} of area {slot.area}, "
              f"{amount(slot.count, 'user')}")
        return 1
    elif flags & const("PG_KMALLOC"):
        size = const("PAGE_SIZE") << int(page["pg_order"])
        print(f"  a kmalloc() block of {size >> 10} KiB")
    elif flags & const("PG_PT"):
        return show_table(pfn)
    else:
        return show_kernel_use(pfn)
    return 0


def show_cached(page, pfn):
    """A page of the page cache; of a disk, it may have buffers, too."""
    item = page["pg_object"]
    if not int(item):
        print("  was a page of a file that has let it go (truncated)")
        return 0
    print(f"  page {int(page['pg_index'])} of {names.object_name(item)}")
    vnode = item["vo_owner"].cast(kernel.type_of("struct vnode").pointer())
    if not int(vnode) or safely(lambda: names.block_device(vnode), None) is None:
        return 1
    count = 1
    for buf in kernel.list_of(kernel.var("buf_all"), "struct buf", "b_lru"):
        if int(buf["b_page"]) == int(page.address):
            state = kernel.flags(int(buf["b_state"]), "BUF_") or "clean"
            print(f"    buffer of block {int(buf['b_blockno'])}, "
                  f"{int(buf['b_size'])} bytes: {state}")
            count += 1
    return count


def show_table(pfn):
    """A page table: of which level, of whom, for which addresses."""
    owners = 0
    for owner, root in pages.roots(processes.processes()):
        for level, where, start in pages.tables(root):
            if where >> const("PAGE_SHIFT") == pfn:
                end = start + const("PT_ENTRIES") * pages.span(level) - 1
                print(f"  page table ({pages.LEVELS[level - 1]}) of "
                      f"{processes.label(owner)}, for {start:#x}-{end:#x}")
                owners += 1
    if not owners:
        print("  a page table of the kernel, or in reserve")
    return owners


def show_kernel_use(pfn):
    """Kernel stacks and the like: what the kernel maps in places of its own."""
    image = (pfn << const("PAGE_SHIFT")) + const("KERNEL_BASE")
    if kernel.address_of("image_start") <= image < \
            kernel.address_of("kernel_bss_end"):
        print(f"  of the kernel's image: "
              f"{gdb.format_address(image).partition(' ')[2] or hex(image)}")
        return 0
    root = int(kernel.var("kernel_pmap")["pm_root"])
    for leaf in pages.entries(root, const("VMALLOC_BASE"),
                              const("VMALLOC_END")):
        if leaf.entry & const("PTE_P") and pages.frame_of(leaf.entry) == pfn:
            print(f"  {vmalloc_text(leaf.address)}, at {leaf.address:#x}")
            return 1
    return 0


def vmalloc_text(address):
    """Whose the memory at an address of the vmalloc region is."""
    for owner in processes.everybody():
        for thread in processes.threads(owner):
            low = int(thread["t_kstack"])
            if low <= address < low + const("KSTACK_SIZE"):
                return f"the kernel stack of {processes.thread_label(thread)}"
    if address < const("VMALLOC_BASE") + const("KSTACK_REGION_SIZE"):
        return "a kernel stack that no process's thread has"
    return "memory from vmalloc()"


def mappings(pfn):
    """[(process, Leaf)] of all that map a frame. Processes that share an address
    space count once."""
    found = []
    for owner, root in pages.roots(processes.processes()):
        try:
            found += [(owner, leaf) for leaf in
                      pages.entries(root, 0, const("USER_TOP"))
                      if pages.has_page(leaf.entry) and
                      pages.frame_of(leaf.entry) == pfn]
        except kernel.UNREADABLE:
            kernel.warn(f"the page tables of {processes.label(owner)} cannot "
                        "be read")
    return found
