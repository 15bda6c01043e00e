# SPDX-License-Identifier: MIT
"""ct-locks: which locks are held, by whom, and who waits for them.

There is no list of locks. Static ones are found by their types in the debug
information, others as members of all objects that can be reached: processes,
threads, address spaces, descriptor tables, open files, vnodes, run queues.
"""

import re

import gdb

from cutaway import files, kernel, machine, processes
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
    for cpu in machine.cpus():
        yield f"run queue of CPU {cpu}", machine.percpu("runqueue", cpu)


def vnodes():
    for super_block in kernel.list_of(kernel.var("all_superblocks"),
                                      "struct superblock", "sb_link"):
        for vnode in kernel.list_of(super_block["sb_vnodes"], "struct vnode",
                                    "v_sblink"):
            yield f"vnode {int(vnode['v_ino'])}", vnode


# ---- state ------------------------------------------------------------------

class Lock:
    """A lock, its name, who has it and who waits for it."""

    def __init__(self, name, value):
        self.name, self.value = name, value
        self.kind = str(value.type.strip_typedefs())
        self.owner = 0          # the struct thread that has it alone, if known
        self.held = getattr(self, "_" + self.kind.split()[1])()
        self.waiting = []       # struct threads
        for queue in self._queues():
            for each in kernel.list_of(queue["wq_waiters"], "struct waiter",
                                       "wr_link"):
                self.waiting.append(int(each["wr_thread"]))

    def _mutex(self):
        self.owner = int(self.value["mx_owner"])
        return thread_text(self.owner) if self.owner else None

    def _rwlock(self):
        state = kernel.atomic(self.value["rw_state"])
        if state < 0:
            self.owner = int(self.value["rw_writer"])
            return f"{thread_text(self.owner)}, for writing"
        return kernel.amount(state, "reader") if state else None

    def _spinlock(self):
        serving, following = (int(self.value[each])
                              for each in ("sl_owner", "sl_next"))
        if serving == following:
            return None
        behind = (following - serving - 1) % (1 << 16)
        cpu = f"CPU {int(self.value['sl_cpu'])}" if \
            kernel.has_field("struct spinlock", "sl_cpu") else \
            "a CPU (a debug kernel knows which)"
        return cpu + (f"; {kernel.amount(behind, 'ticket')} behind" if behind
                      else "")

    def _queues(self):
        fields = [each.name for each in self.value.type.strip_typedefs().fields()]
        return [self.value[name] for name in ("mx_wq", "rw_wq")
                if name in fields]

    def __str__(self):
        waiting = ", ".join(map(thread_text, self.waiting))
        return (f"{self.kind.split()[1]:<9} {self.name}: {self.held or 'free'}"
                f"{', waited for by ' + waiting if waiting else ''}")


def thread_text(address):
    return safely(lambda: processes.thread_label(
        kernel.at(address, "struct thread")), f"thread at {address:#x}")


def everything():
    """A Lock for each that there is and can be read."""
    for name, value in static_locks():
        yield safely(lambda name=name, value=value: Lock(name, value), None)
    for what, value in objects():
        for path, offset, kind in lock_members(value.type.strip_typedefs()):
            place = kernel.at(int(value.address) + offset, str(kind))
            yield safely(lambda what=what, path=path, place=place:
                         Lock(f"{path} of {what}", place), None)


# ---- ct-locks ---------------------------------------------------------------

@command("ct-locks")
def ct_locks(_words):
    """Locks that are held, by whom, and who waits for them.

    Spin locks, mutexes and reader/writer locks: static ones by name, others by
    the object they are in. Says so if threads wait for each other in a circle, or
    a CPU spins. A debug kernel (DEBUG=1) also notes who holds a spin lock, and in
    what order each CPU and thread took theirs.
    Example: a guest that does not answer; type ^C, then
      ct-locks
    """
    looked = list(everything())
    found = [each for each in looked if each and (each.held or each.waiting)]
    for each in found:
        print(f"  {each}")
    print(f"{sum(bool(each.held) for each in found) or 'none'} held, of "
          f"{len(looked)} locks")
    show_circles(found)
    show_spinning()
    if kernel.has("held_spins"):
        show_orders()


def show_circles(found):
    """Threads each of which waits for a lock that the next one has."""
    wants = {thread: each for each in found if each.owner
             for thread in each.waiting}
    seen = set()
    for thread in wants:
        chain = []
        while thread in wants and thread not in seen:
            seen.add(thread)
            chain.append(thread)
            thread = wants[thread].owner
        if thread in chain:
            print("  deadlock:")
            for each in chain[chain.index(thread):]:
                print(f"    {thread_text(each)} waits for {wants[each].name}, "
                      f"which {thread_text(wants[each].owner)} has")


def show_spinning():
    """CPUs that wait for a spin lock, by their innermost frames."""
    with machine.selection_kept():
        for cpu in gdb.selected_inferior().threads():
            cpu.switch()
            frame = gdb.newest_frame()
            if frame.name() == "spin_lock_contended":
                name = safely(lambda frame=frame: gdb.format_address(
                    int(frame.read_var("l"))).partition(" ")[2], "")
                caller = frame.older().name() if frame.older() else "?"
                print(f"  CPU {machine.this_cpu()} spins for a lock "
                      f"{name or '(on the heap)'} in {caller}()")


def show_orders():
    """What lockrank.c of a debug kernel has noted, first taken first."""
    for cpu in machine.cpus():
        stack = machine.percpu("held_spins", cpu)
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
