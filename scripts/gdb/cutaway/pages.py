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


def index(address, level):
    """The entry of a table of that level that is about the address."""
    bits = const("PT_ENTRIES").bit_length() - 1
    shift = const("PAGE_SHIFT") + (level - 1) * bits
    return address >> shift & const("PT_ENTRIES") - 1


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
    """The Leaf of all level-1 entries of user memory in [start, end) that are
    not zero."""
    yield from _entries(root, len(LEVELS), 0, start, end, False)


def _entries(base, level, origin, start, end, shared):
    bits = const("PT_ENTRIES").bit_length() - 1
    span = 1 << const("PAGE_SHIFT") + (level - 1) * bits
    for at, entry in enumerate(table(base)):
        address = origin + at * span
        if not entry or address >= end or address + span <= start:
            continue
        if level == 1:
            yield Leaf(address, entry, base, shared)
        elif entry & const("PTE_P"):
            yield from _entries(entry & const("PTE_ADDR"), level - 1, address,
                                start, end, level == 2 and
                                bool(entry & const("PTE_SHARED")))


def root_of(space):
    return int(space["vm_pmap"]["pm_root"])


def describe_entry(entry, level=1):
    """An entry's flags in words."""
    if not entry:
        return "empty"
    if not has_page(entry):
        return "not present: the page is in the swap area"
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
