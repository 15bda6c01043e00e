# SPDX-License-Identifier: MIT
"""Address spaces: the commands ct-vm and ct-pt."""

import gdb

from cutaway import faultcases, kernel, names, pages, processes
from cutaway.command import command, number
from cutaway.kernel import const, safely


# ---- ct-vm ------------------------------------------------------------------

@command("ct-vm", "[PID|NAME]")
def ct_vm(words):
    """The areas of a process's address space, and how much of each is there.

    Without PID: of the process that runs now. Counted in pages:
      size      what the area spans
      there     pages with an entry of their own in the page table
      shared    of these, frames that something else refers to as well
      cow       of these, read-only until a write copies or takes them over
      swapped   pages that are in the swap area
    Example:
      ct-vm sh
    """
    owner = processes.chosen(words)
    space = pages.space_of(owner)
    users = ", ".join(processes.label(each)
                      for each in processes.using(int(space.address)))
    print(f"{processes.label(owner)}: struct vmspace at "
          f"{int(space.address):#x}, used by {users}")
    print(f"{'start':>16}-{'end':<14} mode {'size':>7}{'there':>7}{'shared':>7}"
          f"{'cow':>6}{'swapped':>8}  what")
    frames = pages.Frames()
    total = [0] * 5
    for area in pages.areas(space):
        total = [a + b for a, b in zip(total, show_area(space, area, frames))]
    size, there, shared, cow, swapped = total
    print(f"{'':36}{size:>7}{there:>7}{shared:>7}{cow:>6}{swapped:>8}  in all")
    counted = kernel.atomic(space["vm_rss"])
    print(f"resident {counted} pages; page tables take "
          f"{int(space['vm_pmap']['pm_ptpages']) + 1}")


def show_area(space, area, frames):
    start, end = int(area["va_start"]), int(area["va_end"])
    offset = int(area["va_offset"])
    what = safely(lambda: names.area_name(area))
    if int(area["va_object"]) and not what.startswith("["):
        what += f" + {offset:#x}"
    counts = [(end - start) // const("PAGE_SIZE"),
              *count_entries(space, start, end, frames)]
    print(f"{start:>16x}-{end:<14x} {pages.rights(area)} {counts[0]:>7}"
          f"{counts[1]:>7}{counts[2]:>7}{counts[3]:>6}{counts[4]:>8}  {what}")
    return counts


def count_entries(space, start, end, frames):
    there = shared = cow = swapped = 0
    try:
        for leaf in pages.entries(pages.root_of(space), start, end):
            if not pages.has_page(leaf.entry):
                swapped += 1
                continue
            there += 1
            pfn = pages.frame_of(leaf.entry)
            if leaf.shared or safely(lambda pfn=pfn: frames.count(pfn), 0) > 1:
                shared += 1
            if leaf.shared or leaf.entry & const("PTE_COW"):
                cow += 1
    except kernel.UNREADABLE:
        kernel.warn(f"the page tables of {start:#x} cannot be read")
    return there, shared, cow, swapped


# ---- ct-pt ------------------------------------------------------------------

@command("ct-pt", "PID|NAME ADDR")
def ct_pt(words):
    """Walks a process's page tables to an address, and says what it finds.

    Prints the entry at each of the four levels with all its flags, the physical
    address, and what a read and a write of the user's would do there. ADDR is any
    expression, such as &counter or $rsp; PID 0 means the kernel's own tables.
    Examples:
      ct-pt sh $rsp       the way to sh's stack
      ct-pt 0 &all_procs  a variable of the kernel
    """
    address = number(words[1])
    owner = processes.named(words[0]) if words[0] != "0" else None
    if owner is None:
        root, who = int(kernel.var("kernel_pmap")["pm_root"]), "the kernel"
    else:
        root = pages.root_of(pages.space_of(owner))
        who = processes.label(owner)
    print(f"{address:#x} in {who}, tables from {root:#x} on")
    show_walk(root, address)
    if owner is not None and address < const("USER_TOP"):
        show_consequences(owner, address)


def show_walk(root, address):
    if not pages.canonical(address):
        print("not canonical: bits 63 to 47 differ; the CPU does not even look")
        return
    steps = pages.walk(root, address)
    for level, where, entry in steps:
        name = f"{pages.LEVELS[level - 1]}[{pages.index(address, level)}]"
        print(f"  {name:<10} at {where:#x}  {entry:#018x}  "
              f"{pages.describe_entry(entry, level)}")
    level, _, entry = steps[-1]
    if entry & const("PTE_P"):
        pfn = pages.frame_at(root, address)
        physical = (pfn << const("PAGE_SHIFT")) + \
            address % const("PAGE_SIZE")
        print(f"  frame {pfn:#x}, physical address {physical:#x}")
    elif level > 1:
        print(f"  no table below: nothing of this part ({pages.LEVELS[level-1]}"
              f" entry) is mapped")


def show_consequences(owner, address):
    for access in ("read", "write"):
        case = faultcases.predict(owner, address, access)
        if case.kind == "none":
            print(f"  a {access} here goes through")
        else:
            print(f"  a {access} here faults ({case.kind}). {case.says}")
    area = faultcases.predict(owner, address, "read").area
    if area is not None:
        print(f"  area {int(area['va_start']):#x}-{int(area['va_end']):#x} "
              f"{pages.rights(area)} {safely(lambda: names.area_name(area))}")
