# SPDX-License-Identifier: MIT
"""What mm/fault.c would do about an access, told before it does it.

predict() goes through the cases in the order of that file's head, with the same
areas, entries and reference counts, and changes nothing.
"""

import collections

from cutaway import kernel, names, pages
from cutaway.kernel import const

KINDS = {
    "zero": "private memory that was never touched",
    "file": "a page of a file or of shared memory",
    "cow": "a write to a page that others see, too: it is copied",
    "takeover": "a write to a page that was shared, by its last owner",
    "stack": "just below the stack, which grows",
    "swap": "a page that is in the swap area",
    "protection": "the area does not allow it: SIGSEGV",
    "bad": "nothing is mapped there: SIGSEGV",
    "bus": "past the end of the mapped file: SIGBUS",
    "none": "the entry allows it by now",
}
RIGHTS = {"read": "VA_PROT", "write": "VA_WRITE", "execute": "VA_EXEC"}

# kind: one of KINDS; says: what will happen, in words; area: or None.
Case = collections.namedtuple("Case", "kind says area entry")


def predict(owner, address, access):
    """The Case of an access ("read", "write", "execute") by a process."""
    space = pages.space_of(owner)
    va = address & ~(const("PAGE_SIZE") - 1)
    if address >= const("USER_TOP"):
        return Case("bad", "That is not user space: SIGSEGV, SEGV_MAPERR.",
                    None, 0)
    area = pages.find_area(space, va)
    if area is None or va < int(area["va_start"]):
        return _no_area(owner, space, area, va)
    entry = pages.lookup(pages.root_of(space), va)
    if not int(area["va_flags"]) & const(RIGHTS[access]):
        return Case("protection", f"The area is {pages.rights(area)}, so no "
                    f"{access}: SIGSEGV, SEGV_ACCERR.", area, entry)
    users = pages.table_users(pages.root_of(space), va)
    if users and (access == "write" or not entry & const("PTE_P")):
        kind, says = _shared_table(area, entry, va, access, users)
    else:
        kind, says = _in_area(area, entry, va, access)
    return Case(kind, says, area, entry)


def _shared_table(area, entry, va, access, users):
    """The level-2 entry denies writing; what happens once we own the table?"""
    if users == 1:
        first = ("vm_table_own(): the table was shared since a fork, and we "
                 "are the last who have it. It becomes writable as a whole")
        if entry & const("PTE_W"):
            return "takeover", f"{first}, and that is all."
        kind, says = _in_area(area, entry, va, access)
        return kind, f"{first}. Then {says}"
    first = (f"vm_table_own(): {users} address spaces share the table since a "
             "fork. We get a copy, and private pages in both become "
             "copy-on-write. Then")
    if not entry & const("PTE_P"):
        kind, says = _in_area(area, entry, va, access)
    elif pages.is_zero_page(pages.frame_of(entry)):
        kind, says = _private_write(entry)
    else:
        kind, says = "cow", (f"fault_cow() copies frame "
                             f"{pages.frame_of(entry):#x}, and maps the copy "
                             "writable.")
    return kind, f"{first} {says}"


def _no_area(owner, space, above, va):
    if va < const("VM_MIN_ADDR"):
        return Case("bad", "So low nothing is ever mapped, so that a NULL "
                    "pointer is noticed: SIGSEGV, SEGV_MAPERR.", None, 0)
    if above is None or not int(above["va_flags"]) & const("VA_STACK"):
        return Case("bad", "No area is there, and none above it grows down: "
                    "SIGSEGV, SEGV_MAPERR.", None, 0)
    limit = int(owner["p_rlimit"][const("RLIMIT_STACK")]["rlim_cur"])
    size = int(above["va_end"]) - va
    if size > limit:
        return Case("bad", f"The stack would be {size >> 10} KiB, more than "
                    "RLIMIT_STACK: SIGSEGV, SEGV_MAPERR.", None, 0)
    below = pages.previous_area(space, above)
    if _too_close(below, va):
        return Case("bad", "The stack would come too close to the area below "
                    "it: SIGSEGV, SEGV_MAPERR.", None, 0)
    by = (int(above["va_start"]) - va) >> const("PAGE_SHIFT")
    return Case("stack", f"grow_stack() moves the area's start down by "
                f"{kernel.amount(by, 'page')}, to {va:#x}; then it is memory "
                "like any other: demand zero.", above, 0)


def _too_close(below, va):
    if below is None:
        return False
    flags = int(below["va_flags"])
    return bool(flags & const("VA_PROT") and not flags & const("VA_STACK") and
                va - int(below["va_end"]) < const("VM_STACK_GAP"))


def _in_area(area, entry, va, access):
    write = access == "write"
    shared = int(area["va_flags"]) & const("VA_SHARED")
    if entry & const("PTE_P"):
        if not write or entry & const("PTE_W"):
            return "none", "Nothing is left to do: another thread was faster."
        if not shared:
            return _private_write(entry)
    elif pages.is_swap(entry):
        return "swap", _from_swap(pages.swap_address(entry), write)
    if int(area["va_object"]):
        return _object(area, va, write, shared)
    if write:
        return "zero", ("fault_zero() takes a fresh page of zeros and maps it "
                        "writable.")
    return "zero", ("fault_zero() maps the zero page, which all share, "
                    "copy-on-write.")


def _from_swap(address, write):
    slot = pages.swap_slot(address)
    pfn, others = slot.pfn, slot.count - 1
    if not pfn:
        first = (f"Slot {slot.number} of swap area {slot.area} is read from the "
                 "disk into the swap cache, without a lock; then")
    elif int(pages.page(pfn)["pg_flags"]) & const("PG_BUSY"):
        first = (f"Frame {pfn:#x} of the swap cache is on its way from or to the "
                 "disk; when it has arrived")
    else:
        first = f"Frame {pfn:#x} of the swap cache is the page:"
        # The cache's reference ends with the slot's last user.
        others += pages.Frames().count(pfn) - 1
    if not write and slot.count == 1 and _has_room(slot.area):
        return (f"{first} fault_swap() maps it copy-on-write, and the slot keeps "
                "its copy until somebody writes.")
    if others == 0:
        return f"{first} fault_swap() maps it; the slot is free again."
    if write:
        return (f"{first} fault_swap() maps it and fault_cow() copies it at "
                f"once, for {kernel.amount(others, 'other')} can see it.")
    return (f"{first} fault_swap() maps it copy-on-write, for "
            f"{kernel.amount(others, 'other')} can see it.")


def _has_room(number):
    """may_keep() of mm/swap.c: is less than half of a swap area in use?"""
    area = kernel.var("swap_areas")[number]
    return int(area["sa_open"]) and \
        int(area["sa_used"]) * 2 <= int(area["sa_usable"])


def _is_kept(pfn):
    """is_kept() of mm/swap.c: in the swap cache for its slot's sake only?"""
    page = pages.page(pfn)
    flags = int(page["pg_flags"]) & (const("PG_SWAP") | const("PG_BUSY"))
    return flags == const("PG_SWAP") and \
        not pages.swap_slot(int(page["pg_index"])).count


def _private_write(entry):
    pfn = pages.frame_of(entry)
    frames = pages.Frames()
    count = frames.count(pfn)
    if pages.is_zero_page(pfn):
        return "cow", ("fault_cow() puts a fresh page of zeros in the place "
                       "of the zero page and maps it writable.")
    if count == 2 and _is_kept(pfn):
        return "takeover", (f"take_over(): frame {pfn:#x} is ours alone, but for "
                            "the swap cache, which lets go of it and its slot. "
                            "It becomes writable and nothing is copied.")
    if not frames.cached(pfn) and count == 1:
        return "takeover", (f"take_over(): frame {pfn:#x} has one reference, "
                            "ours. It becomes writable and nothing is copied.")
    why = "it belongs to a file" if frames.cached(pfn) else \
        f"it has {kernel.amount(count, 'reference')}"
    return "cow", (f"fault_cow() copies frame {pfn:#x}, for {why}, and maps "
                   "the copy writable. The old frame loses a reference.")


def _object(area, va, write, shared):
    item = area["va_object"]
    index = (va - int(area["va_start"]) + int(area["va_offset"])) \
        >> const("PAGE_SHIFT")
    name = names.object_name(item)
    page_size = const("PAGE_SIZE")
    if index >= (int(item["vo_size"]) + page_size - 1) // page_size:
        return "bus", f"Page {index} is past the end of {name}: SIGBUS."
    found = kernel.radix_lookup(item["vo_pages"], index)
    first = f"Page {index} of {name} is in memory" if found else \
        f"Page {index} of {name} is not in memory: it is brought in first"
    if not write:
        return "file", (f"{first}. It is mapped, with the neighbours that are "
                        "in memory.")
    if shared:
        return "file", f"{first}. It is mapped writable: the file changes."
    return "file", (f"{first}. fault_private_copy() copies it at once and "
                    "maps the copy writable; the file does not change.")
