# SPDX-License-Identifier: MIT
"""Where memory is: the commands ct-buddy and ct-slab."""

import gdb

from cutaway import kernel, machine, pages
from cutaway.command import command, number
from cutaway.kernel import const, safely


# ---- ct-buddy ---------------------------------------------------------------

@command("ct-buddy", "[ORDER]")
def ct_buddy(words):
    """Free memory: the buddy lists by size of block, and the CPUs' caches.

    Blocks are counted on the lists themselves and compared with the allocator's
    own counters. With ORDER: the frame numbers of all free blocks of that size.
    Example:
      ct-buddy 10         the free blocks of 4 MiB
    """
    if words:
        order = number(words[0])
        if not 0 <= order <= const("PAGE_MAX_ORDER"):
            raise gdb.GdbError("orders are 0 to "
                               f"{const('PAGE_MAX_ORDER')}")
        for pfn in blocks(order):
            print(f"  frames {pfn:#x} to {pfn + (1 << order) - 1:#x}")
        return
    print(f"{'order':>5} {'size':>9} {'blocks':>7} {'frames':>8}  first block")
    total = 0
    for order in range(const("PAGE_MAX_ORDER") + 1):
        total += show_order(order)
    counted = int(kernel.var("buddy_free"))
    print(f"{total} frames ({total >> 8} MiB) on the lists")
    if counted != total:
        kernel.warn(f"buddy_free says {counted}")
    for cpu in machine.cpus():
        cache = machine.percpu("page_cpu", cpu)
        busy = ", being changed" if int(cache["pc_busy"]) else ""
        print(f"CPU {cpu} keeps {int(cache['pc_count'])} single pages and "
              f"{int(cache['pc_ptcount'])} zeroed page-table pages{busy}")
    managed = int(kernel.var("total_frames"))
    print(f"{managed} frames ({managed >> 8} MiB) are managed")


def blocks(order):
    """Frame numbers of the free blocks, with the invariants of buddy.c."""
    for page in kernel.list_of(kernel.var("free_lists")[order], "struct page",
                               "pg_free"):
        pfn = pages.pfn_of(page.address)
        if int(page["pg_flags"]) != const("PG_BUDDY") or \
                int(page["pg_order"]) != order:
            kernel.warn(f"frame {pfn:#x} is on the list of order {order}, but "
                        f"flags are {int(page['pg_flags']):#x}, order "
                        f"{int(page['pg_order'])}")
        if pfn % (1 << order):
            kernel.warn(f"frame {pfn:#x} is not aligned to order {order}")
        yield pfn


def show_order(order):
    """Returns how many frames are on the list."""
    found = list(blocks(order))
    kib = const("PAGE_SIZE") << order >> 10
    first = f"{found[0]:#x}" if found else "-"
    print(f"{order:>5} {kib:>5} KiB {len(found):>7} {len(found) << order:>8}  "
          f"{first}")
    says = int(kernel.var("free_blocks")[order])
    if says != len(found):
        kernel.warn(f"free_blocks[{order}] says {says}")
    return len(found) << order


# ---- ct-slab ----------------------------------------------------------------

@command("ct-slab", "[NAME|ADDR]")
def ct_slab(words):
    """Kernel objects: the slab caches, or one of them, or what an address is.

      size     of an object, and (stride) the distance of two
      slabs    blocks of pages that the cache has, and pages of each
      used     objects that somebody has
      ready    free objects in the CPUs' magazines
    With NAME: its slabs that have free objects. With ADDR: the object that the
    address is in, and whether it is free.
    Examples:
      ct-slab vmarea
      ct-slab $vm         if that is a pointer to a struct vmspace
    """
    if not words:
        print(f"{'cache':<16}{'size':>6}{'stride':>7}{'slabs':>7}{'pages':>6}"
              f"{'used':>7}{'ready':>6}")
        for cache in caches():
            show_cache(cache)
        return
    for cache in caches():
        if safely(lambda cache=cache: kernel.text(cache["c_name"])) == \
                words[0]:
            show_slabs(cache)
            return
    try:
        address = number(words[0])
    except gdb.error as error:
        raise gdb.GdbError(f"{words[0]} is neither the name of a cache nor an "
                           "address") from error
    show_object(address)


def caches():
    return kernel.list_of(kernel.var("slab_list"), "struct slab_cache",
                          "c_link")


def magazines(cache):
    """Addresses of the free objects in all magazines."""
    found = []
    for cpu in machine.cpus():
        magazine = cache["c_mag"][cpu]
        if int(magazine):
            count = min(int(magazine["sm_count"]), const("MAG_MAX"))
            found += [int(magazine["sm_objs"][at]) for at in range(count)]
    return found


def show_cache(cache):
    name = safely(lambda: kernel.text(cache["c_name"]))
    ready = safely(lambda: len(magazines(cache)), 0)
    used = int(cache["c_out"]) - ready
    print(f"{name:<16}{int(cache['c_size']):>6}{int(cache['c_stride']):>7}"
          f"{int(cache['c_nslabs']):>7}{1 << int(cache['c_order']):>6}"
          f"{used:>7}{ready:>6}")


def show_slabs(cache):
    print(f"struct slab_cache at {int(cache.address):#x}; slabs that have free "
          "objects:")
    for page in kernel.list_of(cache["c_partial"], "struct page",
                               "pg_slab_link"):
        print(f"  {memory_of(page):#x}: {int(page['pg_inuse'])} of "
              f"{int(page['pg_total'])} out")


def memory_of(page):
    """Direct-map address of a struct page's frame."""
    return pages.direct(pages.pfn_of(page.address) << const("PAGE_SHIFT"))


def show_object(address):
    pfn = address - const("DIRECT_MAP_BASE") >> const("PAGE_SHIFT")
    page = pages.page(pfn)
    if not pages.valid(pfn) or not int(page["pg_flags"]) & const("PG_SLAB"):
        raise gdb.GdbError(f"{address:#x} is neither the name of a cache nor "
                           "in a slab; see ct-page")
    cache = page["pg_cache"].dereference()
    span = const("PAGE_SIZE") << int(cache["c_order"])
    base = address & ~(span - 1)
    stride = int(cache["c_stride"])
    at = (address - base) // stride
    start = base + at * stride
    print(f"{address:#x}: cache {kernel.text(cache['c_name'])}, object {at} of "
          f"the slab at {base:#x}, byte {address - start} of "
          f"{int(cache['c_size'])}")
    print(f"  {state_of(cache, base, start)}")


def state_of(cache, base, start):
    if start in magazines(cache):
        return "free, in a CPU's magazine"
    head = pages.page(base - const("DIRECT_MAP_BASE") >> const("PAGE_SHIFT"))
    link = int(head["pg_freelist"])
    for _ in range(int(cache["c_per_slab"])):
        if not link:
            break
        if link == start:
            return "free, in its slab"
        link = int.from_bytes(kernel.read(link, 8), "little")
    return "in use"
