# SPDX-License-Identifier: MIT
"""ct-locks: which locks are held, by whom, and who waits for them.

There is no list of locks. Static ones are found by their types in the debug
information, others as members of all objects that can be reached: processes,
threads, address spaces, descriptor tables, open files, vnodes, run queues.
"""

import re

import gdb

from cutaway import files, kernel, processes
from cutaway.command import command
from cutaway.kernel import safely

KINDS = ("struct spinlock", "struct mutex", "struct rwlock")


# ---- finding ----------------------------------------------------------------

def static_locks():
    """[(name, value)] of all variables that are locks."""
    for kind in KINDS:
        text = gdb.execute(f'info variables -q -t "{kind}"', to_string=True)
        for name in re.findall(rf"{kind} (\w+);", text):
            if kernel.has(name):
                yield name, kernel.var(name)


_members = {}


def lock_members(kind):
    """[(path of the member, offset, its type)] of the locks in a structure."""
    key = str(kind)
    if key not in _members:
        found = []
        for each in kind.fields():
            inner = each.type.strip_typedefs()
            if inner.code != gdb.TYPE_CODE_STRUCT or each.bitpos % 8:
                continue
            at = each.bitpos // 8
            if str(inner) in KINDS:
                found.append((each.name, at, inner))
            found += [(f"{each.name}.{path}", at + offset, deeper)
                      for path, offset, deeper in lock_members(inner)]
        _members[key] = found
    return _members[key]


def objects():
    """[(what it is, value)] of everything that may have locks inside."""
    seen = set()
    for owner in processes.everybody():
        who = processes.label(owner)
        yield f"process {who}", owner
        for member, name in (("p_vm", "address space"),
                             ("p_fdt", "descriptor table")):
            pointer = owner[member]
            if int(pointer) and int(pointer) not in seen:
                seen.add(int(pointer))
                yield f"{name} of {who}", pointer.dereference()
        for number, pointer, _ in safely(lambda owner=owner:
                                         files.descriptors(owner), ()):
            if pointer not in seen:
                seen.add(pointer)
                yield (f"open file {number} of {who}",
                       kernel.at(pointer, "struct file"))
    yield from vnodes()
    for cpu in kernel.cpus():
        yield f"run queue of CPU {cpu}", kernel.percpu("runqueue", cpu)


def vnodes():
    for super_block in kernel.list_of(kernel.var("all_superblocks"),
                                      "struct superblock", "sb_link"):
        for vnode in kernel.list_of(super_block["sb_vnodes"], "struct vnode",
                                    "v_sblink"):
            yield f"vnode {int(vnode['v_ino'])}", vnode


# ---- state ------------------------------------------------------------------

def holder(lock):
    """Who holds a lock, in words, or None."""
    kind = str(lock.type.strip_typedefs())
    if kind == "struct mutex":
        return thread_text(lock["mx_owner"]) if int(lock["mx_owner"]) else None
    if kind == "struct rwlock":
        state = kernel.atomic(lock["rw_state"])
        if state < 0:
            return f"{thread_text(lock['rw_writer'])}, for writing"
        return kernel.amount(state, "reader") if state else None
    owner, following = int(lock["sl_owner"]), int(lock["sl_next"])
    if owner == following:
        return None
    waiting = (following - owner - 1) % (1 << 16)
    cpu = f"CPU {int(lock['sl_cpu'])}" if "sl_cpu" in \
        [each.name for each in lock.type.strip_typedefs().fields()] else \
        "a CPU (a debug kernel knows which)"
    return cpu + (f"; {kernel.amount(waiting, 'ticket')} behind" if waiting else "")


def thread_text(pointer):
    return safely(lambda: processes.thread_label(pointer),
                  f"thread at {int(pointer):#x}")


def waiters(lock):
    """The threads that sleep for a mutex or rwlock."""
    names = [each.name for each in lock.type.strip_typedefs().fields()]
    for member in ("mx_wq", "rw_wq"):
        if member in names:
            for each in kernel.list_of(lock[member]["wq_waiters"],
                                       "struct waiter", "wr_link"):
                yield thread_text(each["wr_thread"])


def show(kind, name, lock):
    """Returns 1 if the lock is held."""
    held = holder(lock)
    waiting = list(waiters(lock))
    if held is None and not waiting:
        return 0
    print(f"  {kind.partition(' ')[2]:<9} {name}: {held or 'free'}"
          f"{', waited for by ' + ', '.join(waiting) if waiting else ''}")
    return 1


# ---- ct-locks ---------------------------------------------------------------

@command("ct-locks")
def ct_locks(_words):
    """Locks that are held, by whom, and who waits for them.

    Spin locks, mutexes and reader/writer locks: static ones by name, others by
    the object they are in. A debug kernel (DEBUG=1) also notes who holds a spin
    lock, and in what order each CPU and thread took theirs.
    """
    count = looked = 0
    for name, lock in static_locks():
        looked += 1
        count += safely(lambda name=name, lock=lock:
                        show(str(lock.type.strip_typedefs()), name, lock), 0)
    for what, value in objects():
        for path, offset, kind in lock_members(value.type.strip_typedefs()):
            looked += 1
            lock = kernel.at(int(value.address) + offset, str(kind))
            count += safely(lambda what=what, path=path, lock=lock, kind=kind:
                            show(str(kind), f"{path} of {what}", lock), 0)
    print(f"{count or 'none'} held, of {looked} locks")
    if kernel.has("held_spins"):
        show_orders()


def show_orders():
    """What lockrank.c of a debug kernel has noted, first taken first."""
    for cpu in kernel.cpus():
        stack = kernel.percpu("held_spins", cpu)
        taken = [kernel.text(stack["h"][at]["name"])
                 for at in range(min(int(stack["n"]), 32))]
        if taken:
            print(f"  CPU {cpu} has taken spin locks: {', '.join(taken)}")
    for owner in processes.everybody():
        for thread in processes.threads(owner):
            count = min(int(thread["t_nheld"]), 16)
            taken = [kernel.text(thread["t_held"][at]["name"])
                     for at in range(count)]
            if taken:
                print(f"  {processes.thread_label(thread)} has taken: "
                      f"{', '.join(taken)}")
