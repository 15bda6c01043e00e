# SPDX-License-Identifier: MIT
"""Page-table entries, frames and areas, as data. No command is here.

All memory is read where the kernel's direct map has it, so that the tables of any
process can be walked, whichever is loaded.
"""

import collections
import struct

import gdb

from cutaway import kernel
from cutaway.kernel import const

# In words: what a set bit of an entry says. Others are told by their names.
ENTRY_WORDS = {
    "PTE_P": "present", "PTE_W": "writable", "PTE_U": "user",
    "PTE_PWT": "write-through", "PTE_PCD": "uncached", "PTE_A": "accessed",
    "PTE_D": "dirty", "PTE_PS": "large page", "PTE_G": "global",
    "PTE_COW": "copy-on-write", "PTE_HIDDEN": "hidden", "PTE_NX": "no-execute",
    "PTE_SHARED": "table shared since a fork",
}
# Levels at which a bit has its meaning, where these are not all.
ONLY_AT = {"PTE_COW": (1,), "PTE_HIDDEN": (1,), "PTE_SHARED": (2,)}
AREA_LETTERS = (("VA_READ", "r"), ("VA_WRITE", "w"), ("VA_EXEC", "x"))
LEVELS = ("PT", "PD", "PDPT", "PML4")       # level 1 first


# ---- frames -----------------------------------------------------------------

def direct(physical):
    return const("DIRECT_MAP_BASE") + physical


def frame_of(entry):
    return (entry & const("PTE_ADDR")) >> const("PAGE_SHIFT")


def page(pfn):
    """The struct page of a frame."""
    size = kernel.type_of("struct page").sizeof
    return kernel.at(const("VMEMMAP_BASE") + pfn * size, "struct page")


def has_page(entry):
    """Does the entry hold a reference on a frame?"""
    return bool(entry & (const("PTE_P") | const("PTE_HIDDEN")))


def is_zero_page(pfn):
    size = kernel.type_of("struct page").sizeof
    base = int(kernel.var("zero_page"))
    return base == const("VMEMMAP_BASE") + pfn * size


def valid(pfn):
    """Is there RAM, and so a struct page?"""
    shift, info = const("PAGE_SHIFT"), kernel.var("bootinfo")
    ram = [info["bi_ram"][at] for at in range(int(info["bi_nram"]))]
    return any(int(each["start"]) >> shift <= pfn < int(each["end"]) >> shift
               for each in ram)


def pfn_of(page_address):
    """The frame number of a struct page."""
    size = kernel.type_of("struct page").sizeof
    return (int(page_address) - const("VMEMMAP_BASE")) // size


# ---- swap (mm/swap.h) -------------------------------------------------------

def is_swap(entry):
    return bool(entry & const("PTE_SWAP")) and not has_page(entry)


def swap_address(entry):
    """Number of area (bits 1 to 5 of the entry) and of slot, as in the kernel."""
    return (entry >> 1 & 0x1f) << const("SWAP_SLOT_BITS") | frame_of(entry)


# count: entries and objects that stand for it; pfn: in the swap cache, or 0.
Slot = collections.namedtuple("Slot", "area number count pfn")


def swap_slot(address):
    area = address >> const("SWAP_SLOT_BITS")
    number = address & (1 << const("SWAP_SLOT_BITS")) - 1
    if area >= const("SWAP_AREAS"):
        raise gdb.MemoryError(f"there is no swap area {area}")
    found = kernel.var("swap_areas")[area]
    if not number < int(found["sa_nslots"]):
        raise gdb.MemoryError(f"swap area {area} has no slot {number}")
    return Slot(area, number, int(found["sa_count"][number]),
                int(found["sa_page"][number]))


def swap_text(address):
    try:
        slot = swap_slot(address)
    except gdb.MemoryError as error:
        return f"{error}: the entry is broken"
    where = f"also in memory, frame {slot.pfn:#x} of the swap cache" \
        if slot.pfn else "not in memory"
    return (f"area {slot.area}, slot {slot.number} "
            f"({kernel.amount(slot.count, 'user')}), {where}")


class Frames:
    """Reference counts and flags of many frames, read a block at a time."""

    BLOCK = 64

    def __init__(self):
        self.blocks = {}
        self.size = kernel.type_of("struct page").sizeof
        self.ref = kernel.offset_of("struct page", "pg_ref")
        self.flags = kernel.offset_of("struct page", "pg_flags")

    def _bytes(self, pfn):
        block, at = divmod(pfn, self.BLOCK)
        if block not in self.blocks:
            address = const("VMEMMAP_BASE") + block * self.BLOCK * self.size
            self.blocks[block] = kernel.read(address, self.BLOCK * self.size)
        return self.blocks[block], at * self.size

    def count(self, pfn):
        data, at = self._bytes(pfn)
        return struct.unpack_from("<i", data, at + self.ref)[0]

    def cached(self, pfn):
        """Does it belong to a file or to shared memory?"""
        data, at = self._bytes(pfn)
        flags = struct.unpack_from("<H", data, at + self.flags)[0]
        return bool(flags & const("PG_CACHE"))


# ---- tables -----------------------------------------------------------------

def table(physical):
    """The 512 entries of a page table."""
    count = const("PT_ENTRIES")
    return struct.unpack(f"<{count}Q", kernel.read(direct(physical), count * 8))


def span(level):
    """How much an entry of a table of that level is about."""
    bits = const("PT_ENTRIES").bit_length() - 1
    return 1 << const("PAGE_SHIFT") + (level - 1) * bits


def index(address, level):
    """The entry of a table of that level that is about the address."""
    return address // span(level) & const("PT_ENTRIES") - 1


def canonical(address):
    """Are bits 63 to 47 the same? (SDM vol. 1, 3.3.7.1)"""
    return address >> 47 in (0, (1 << 17) - 1)


def walk(root, address):
    """What the CPU does: [(level, address of the entry, entry)] from the top,
    as far as there are tables."""
    steps, base = [], root
    for level in range(len(LEVELS), 0, -1):
        where = direct(base) + index(address, level) * 8
        entry = struct.unpack("<Q", kernel.read(where, 8))[0]
        steps.append((level, where, entry))
        if not entry & const("PTE_P") or entry & const("PTE_PS"):
            break
        base = entry & const("PTE_ADDR")
    return steps


def frame_at(root, address):
    """The number of the frame at an address, or None."""
    level, _, entry = walk(root, address)[-1]
    if not entry & const("PTE_P"):
        return None
    base = entry & const("PTE_ADDR") & ~(span(level) - 1)
    return base + address % span(level) >> const("PAGE_SHIFT")


def lookup(root, address):
    """The level-1 entry, or 0 where a table is missing."""
    level, _, entry = walk(root, address)[-1]
    return entry if level == 1 else 0


def table_users(root, address):
    """How many address spaces have the level-1 table of an address, which they
    share since a fork (mm/ptshare.c), or 0 if it is not marked as shared."""
    for level, _, entry in walk(root, address):
        if level == 2 and entry & const("PTE_P") and \
                entry & const("PTE_SHARED"):
            return kernel.atomic(page(frame_of(entry))["pg_ref"])
    return 0


# A level-1 entry; table: where it is; shared: others have the table, too.
Leaf = collections.namedtuple("Leaf", "address entry table shared")


def entries(root, start, end):
    """The Leaf of all level-1 entries in [start, end) that are not zero."""
    yield from _entries(root, len(LEVELS), 0, start, end, False)


def _entries(base, level, origin, start, end, shared):
    size = span(level)
    for at, entry in enumerate(table(base)):
        address = origin + at * size
        if not canonical(address):                  # the kernel's half
            address |= -1 << 48 & kernel.WORD
        if not entry or address >= end or address + size <= start:
            continue
        if level == 1:
            yield Leaf(address, entry, base, shared)
        elif entry & const("PTE_P") and not entry & const("PTE_PS"):
            yield from _entries(entry & const("PTE_ADDR"), level - 1, address,
                                start, end, level == 2 and
                                bool(entry & const("PTE_SHARED")))


def tables(root, level=len(LEVELS), origin=0):
    """(level, physical address, first address it is about) of all tables of a
    process."""
    yield level, root, origin
    if level == 1:
        return
    for at, entry in enumerate(table(root)):
        start = origin + at * span(level)
        if entry & const("PTE_P") and start < const("USER_TOP"):
            yield from tables(entry & const("PTE_ADDR"), level - 1, start)


def root_of(space):
    return int(space["vm_pmap"]["pm_root"])


def roots(owners):
    """[(process, its top table)]: of those who share an address space, the first."""
    found = {}
    for owner in owners:
        if int(owner["p_vm"]):
            found.setdefault(int(owner["p_vm"]),
                             (owner, root_of(owner["p_vm"])))
    return list(found.values())


def describe_entry(entry, level=1):
    """An entry's flags in words."""
    if not entry:
        return "empty"
    if is_swap(entry):
        return f"not present: in swap, {swap_text(swap_address(entry))}"
    said = []
    for bit, name in kernel.bits("PTE_"):
        word = ENTRY_WORDS.get(name, name[4:].lower())
        if name == "PTE_PS" and level == 1:
            word = "PAT"
        if level not in ONLY_AT.get(name, (level,)):
            continue
        if entry & bit:
            said.append(word)
        elif name == "PTE_P":
            said.append("not present")
        elif name == "PTE_W":
            said.append("read-only")
        elif name == "PTE_U":
            said.append("kernel only")
    return ", ".join(said)


def describe_leaf(entry):
    """frame 0x1234: present, ...; or what else a level-1 entry is."""
    if not has_page(entry):
        return describe_entry(entry)
    return f"frame {frame_of(entry):#x}: {describe_entry(entry)}"


# ---- areas ------------------------------------------------------------------

def areas(space):
    return kernel.tree_of(space["vm_areas"], "struct vmarea", "va_node")


def find_area(space, address):
    """vm_find(): the area around the address, or the first one above."""
    for each in areas(space):
        if int(each["va_end"]) > address:
            return each
    return None


def previous_area(space, area):
    last = None
    for each in areas(space):
        if int(each.address) == int(area.address):
            return last
        last = each
    return None


def rights(area):
    """rw-p, as in /proc/PID/maps."""
    flags = int(area["va_flags"])
    letters = "".join(letter if flags & const(name) else "-"
                      for name, letter in AREA_LETTERS)
    return letters + ("s" if flags & const("VA_SHARED") else "p")


def space_of(owner):
    """A process's struct vmspace."""
    pointer = owner["p_vm"]
    if not int(pointer):
        raise gdb.GdbError(f"process {int(owner['p_pid'])} has no address "
                           "space (of the kernel, or dead)")
    return pointer.dereference()
